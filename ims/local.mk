# ims
noinst_LIBRARIES += ims/libims.a
ims_libims_a_SOURCES = \
	ims/config.c ims/config.h ims/config-private.h ims/config-scan.c ims/config-table.c \
	ims/config-value.c ims/config-warnings.c
# smtp
ims_libims_a_SOURCES += ims/personality.c ims/personality.h
smtp_tests = tests/unit/test-ims-personality
check_PROGRAMS += $(smtp_tests)
unit_tests += $(smtp_tests)
tests_unit_test_ims_personality_SOURCES = tests/unit/test-ims-personality.c
tests_unit_test_ims_personality_LDADD = ims/libims.a $(net_libs)
# submit, report
# queue, sender
