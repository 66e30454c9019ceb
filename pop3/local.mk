# pop3
noinst_LIBRARIES += pop3/libpop3.a
pop3_libpop3_a_SOURCES = \
	pop3/commands.c \
	pop3/logon.c \
	pop3/maildrop.c \
	pop3/maildrop.h \
	pop3/pop3-private.h \
	pop3/pop3.h \
	pop3/replies.c \
	pop3/replies.h \
	pop3/retrieve.c \
	pop3/sending.c \
	pop3/session.c

pop3_tests = tests/unit/test-pop3 tests/unit/test-pop3-access tests/unit/test-pop3-session
check_PROGRAMS += $(pop3_tests)
unit_tests += $(pop3_tests)
pop3_world_sources = tests/unit/pop3-world.c tests/unit/pop3-world.h
tests_unit_test_pop3_SOURCES = tests/unit/test-pop3.c $(pop3_world_sources)
tests_unit_test_pop3_LDADD = $(pop3_libs)
tests_unit_test_pop3_session_SOURCES = tests/unit/test-pop3-session.c $(pop3_world_sources)
tests_unit_test_pop3_session_LDADD = $(pop3_libs)
tests_unit_test_pop3_access_SOURCES = tests/unit/test-pop3-access.c $(pop3_world_sources)
tests_unit_test_pop3_access_LDADD = $(pop3_libs)

if FUZZERS
noinst_PROGRAMS += tests/fuzz/fuzz-pop3
tests_fuzz_fuzz_pop3_SOURCES = tests/fuzz/fuzz-pop3.c $(pop3_world_sources)
tests_fuzz_fuzz_pop3_LDFLAGS = $(AM_LDFLAGS) -fsanitize=fuzzer
tests_fuzz_fuzz_pop3_LDADD = $(pop3_libs)
endif
