EXTRA_DIST += packaging/debian-packages.txt tools/install-packages
