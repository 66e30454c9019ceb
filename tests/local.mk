# tests: unit tests are listed by the folder they test
EXTRA_DIST += tests/run tests/e2e
