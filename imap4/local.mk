noinst_LIBRARIES += imap4/libimap4.a
imap4_libimap4_a_SOURCES = \
	imap4/cmd-append.c \
	imap4/cmd-auth.c \
	imap4/cmd-copy.c \
	imap4/cmd-expunge.c \
	imap4/cmd-fetch.c \
	imap4/cmd-idle.c \
	imap4/cmd-list.c \
	imap4/cmd-mailbox.c \
	imap4/cmd-search.c \
	imap4/cmd-store.c \
	imap4/commands.c \
	imap4/datetime.c \
	imap4/datetime.h \
	imap4/envelope.c \
	imap4/envelope.h \
	imap4/fetch-items.c \
	imap4/fetch-items.h \
	imap4/fetch-section.c \
	imap4/fetch-section.h \
	imap4/imap4-private.h \
	imap4/imap4.h \
	imap4/mutf7.c \
	imap4/mutf7.h \
	imap4/parser-private.h \
	imap4/parser-tree.c \
	imap4/parser.c \
	imap4/parser.h \
	imap4/reply.c \
	imap4/search-eval.c \
	imap4/search-parse.c \
	imap4/search.h \
	imap4/selected.c \
	imap4/selected.h \
	imap4/seqset.c \
	imap4/seqset.h \
	imap4/session.c \
	imap4/text.c \
	imap4/text.h

imap4_tests = \
	tests/unit/test-imap4-forms \
	tests/unit/test-imap4-model \
	tests/unit/test-imap4-parser \
	tests/unit/test-imap4-scripts \
	tests/unit/test-imap4-session
check_PROGRAMS += $(imap4_tests)
unit_tests += $(imap4_tests)
tests_unit_test_imap4_forms_SOURCES = tests/unit/test-imap4-forms.c
tests_unit_test_imap4_forms_LDADD = $(imap4_libs)
tests_unit_test_imap4_model_SOURCES = tests/unit/test-imap4-model.c \
	tests/unit/imap4-play.c tests/unit/imap4-play.h
tests_unit_test_imap4_model_LDADD = $(imap4_libs)
tests_unit_test_imap4_parser_SOURCES = tests/unit/test-imap4-parser.c
tests_unit_test_imap4_parser_LDADD = $(imap4_libs)
tests_unit_test_imap4_scripts_SOURCES = tests/unit/test-imap4-scripts.c \
	tests/unit/imap4-play.c tests/unit/imap4-play.h
tests_unit_test_imap4_scripts_LDADD = $(imap4_libs)
tests_unit_test_imap4_session_SOURCES = tests/unit/test-imap4-session.c \
	tests/unit/imap4-play.c tests/unit/imap4-play.h
tests_unit_test_imap4_session_LDADD = $(imap4_libs)

EXTRA_DIST += \
	tests/imap4/I-063-I-118-I-122-folders.txt \
	tests/imap4/append.txt \
	tests/imap4/auth.txt \
	tests/imap4/clear-text.txt \
	tests/imap4/copy.txt \
	tests/imap4/errors.txt \
	tests/imap4/faithful.txt \
	tests/imap4/fetch.txt \
	tests/imap4/mailboxes.txt \
	tests/imap4/mixed.eml \
	tests/imap4/search-envelope.txt \
	tests/imap4/search.txt \
	tests/imap4/select.txt \
	tests/imap4/starttls.txt \
	tests/imap4/store.txt \
	tests/imap4/times.txt \
	tests/imap4/two-sessions.txt

if FUZZERS
noinst_PROGRAMS += tests/fuzz/fuzz-imap4
tests_fuzz_fuzz_imap4_SOURCES = tests/fuzz/fuzz-imap4.c \
	tests/unit/imap4-play.c tests/unit/imap4-play.h
tests_fuzz_fuzz_imap4_LDADD = $(imap4_libs)
tests_fuzz_fuzz_imap4_LDFLAGS = $(AM_LDFLAGS) -fsanitize=fuzzer
endif
