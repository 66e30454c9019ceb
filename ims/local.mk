# ims
noinst_LIBRARIES += ims/libims.a
ims_libims_a_SOURCES = \
	ims/config.c ims/config.h ims/config-private.h ims/config-lists.c ims/config-scan.c \
	ims/config-table.c ims/config-value.c ims/config-warnings.c ims/control.c ims/control.h \
	ims/control-private.h ims/control-account.c ims/control-queue.c ims/control-recipient.c \
	ims/control-service.c ims/control-socket.c ims/control-socket.h ims/host-addresses.c \
	ims/service.c ims/service.h
service_tests = tests/unit/test-ims-config
check_PROGRAMS += $(service_tests)
unit_tests += $(service_tests)
tests_unit_test_ims_config_SOURCES = tests/unit/test-ims-config.c
tests_unit_test_ims_config_LDADD = ims/libims.a $(routing_libs) -lm
# smtp
ims_libims_a_SOURCES += \
	ims/personality.c ims/personality.h ims/smtp.h ims/smtp-private.h ims/smtp-auth.c ims/smtp-body.c \
	ims/smtp-commands.c ims/smtp-data.c ims/smtp-deliver.c ims/smtp-dots.c ims/smtp-mail.c \
	ims/smtp-path.c ims/smtp-reply.c ims/smtp-session.c
smtp_tests = tests/unit/test-ims-personality tests/unit/test-ims-smtp-data tests/unit/test-ims-smtp-path
check_PROGRAMS += $(smtp_tests)
unit_tests += $(smtp_tests)
tests_unit_test_ims_personality_SOURCES = tests/unit/test-ims-personality.c
tests_unit_test_ims_personality_LDADD = ims/libims.a $(net_libs)
tests_unit_test_ims_smtp_data_SOURCES = tests/unit/test-ims-smtp-data.c
tests_unit_test_ims_smtp_data_LDADD = ims/libims.a $(net_libs)
tests_unit_test_ims_smtp_path_SOURCES = tests/unit/test-ims-smtp-path.c
tests_unit_test_ims_smtp_path_LDADD = ims/libims.a $(net_libs)
# submit, report
# queue, sender
