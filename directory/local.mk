# directory
noinst_LIBRARIES += directory/libdirectory.a
directory_libdirectory_a_SOURCES = \
	directory/account-sessions.c \
	directory/account-sessions.h \
	directory/accounts.c \
	directory/directory-private.h \
	directory/directory.c \
	directory/directory.h \
	directory/expansion.c \
	directory/logon-cache.c \
	directory/logon-log.c \
	directory/logon-log.h \
	directory/logon-private.h \
	directory/logon-window-file.c \
	directory/logon-window-private.h \
	directory/logon-window.c \
	directory/logon-window.h \
	directory/logon.c \
	directory/names-private.h \
	directory/names.c \
	directory/ordered-tree-private.h \
	directory/ordered-tree.c \
	directory/peer-delays.c \
	directory/recipient-table-private.h \
	directory/recipient-table.c \
	directory/recipients.c directory/restrictions.c \
	directory/sasl.c \
	directory/sasl.h \
	directory/secrets-private.h \
	directory/secrets.c

directory_tests = \
	tests/unit/test-directory-logon \
	tests/unit/test-directory-recipients \
	tests/unit/test-directory-sasl \
	tests/unit/test-directory-sessions \
	tests/unit/test-directory-window
check_PROGRAMS += $(directory_tests)
unit_tests += $(directory_tests)
tests_unit_test_directory_logon_SOURCES = tests/unit/test-directory-logon.c
tests_unit_test_directory_logon_LDADD = $(directory_libs)
tests_unit_test_directory_logon_LDFLAGS = $(AM_LDFLAGS) -Wl,--wrap=ims_world_run_in_pool
tests_unit_test_directory_recipients_SOURCES = tests/unit/test-directory-recipients.c
tests_unit_test_directory_recipients_LDADD = $(directory_libs)
tests_unit_test_directory_sasl_SOURCES = tests/unit/test-directory-sasl.c
tests_unit_test_directory_sasl_LDADD = $(directory_libs)
tests_unit_test_directory_sessions_SOURCES = tests/unit/test-directory-sessions.c
tests_unit_test_directory_sessions_LDADD = $(directory_libs)
tests_unit_test_directory_window_SOURCES = tests/unit/test-directory-window.c
tests_unit_test_directory_window_LDADD = $(directory_libs)
