# ims
noinst_LIBRARIES += ims/libims.a
ims_libims_a_SOURCES = \
	ims/config.c ims/config.h ims/config-private.h ims/config-doors.c ims/config-lists.c ims/config-scan.c \
	ims/config-table.c ims/config-value.c ims/config-warnings.c ims/control.c ims/control.h \
	ims/control-private.h ims/control-account.c ims/control-explain.c ims/control-queue.c ims/control-recipient.c \
	ims/control-service.c ims/control-socket.c ims/control-socket.h ims/host-addresses.c ims/owner.c ims/owner.h \
	ims/service.c ims/service.h ims/service-run.c
sbin_PROGRAMS += ims/imsd
ims_imsd_SOURCES = ims/handover.c ims/handover.h ims/main.c ims/notify.c ims/server.c ims/server.h
ims_imsd_LDADD = $(ims_libs)
service_tests = tests/unit/test-ims-config tests/unit/test-ims-control tests/unit/test-ims-service
check_PROGRAMS += $(service_tests)
unit_tests += $(service_tests)
tests_unit_test_ims_config_SOURCES = tests/unit/test-ims-config.c
tests_unit_test_ims_config_LDADD = ims/libims.a $(routing_libs) -lm
tests_unit_test_ims_control_SOURCES = tests/unit/test-ims-control.c
tests_unit_test_ims_control_LDADD = $(ims_libs)
tests_unit_test_ims_service_SOURCES = tests/unit/test-ims-service.c ims/handover.c ims/notify.c
tests_unit_test_ims_service_LDADD = $(ims_libs)
if FUZZERS
noinst_PROGRAMS += tests/fuzz/fuzz-config
tests_fuzz_fuzz_config_SOURCES = tests/fuzz/fuzz-config.c
tests_fuzz_fuzz_config_LDFLAGS = $(AM_LDFLAGS) -fsanitize=fuzzer
tests_fuzz_fuzz_config_LDADD = ims/libims.a $(routing_libs) -lm
endif
# smtp
ims_libims_a_SOURCES += \
	ims/personality.c ims/personality.h ims/smtp.h ims/smtp-private.h ims/smtp-auth.c ims/smtp-body.c \
	ims/smtp-commands.c ims/smtp-data.c ims/smtp-deliver.c ims/smtp-dots.c ims/smtp-mail.c \
	ims/smtp-path.c ims/smtp-reply.c ims/smtp-session.c
smtp_tests = \
	tests/unit/test-ims-personality tests/unit/test-ims-smtp-account tests/unit/test-ims-smtp-data \
	tests/unit/test-ims-smtp-dialogue tests/unit/test-ims-smtp-limits \
	tests/unit/test-ims-smtp-path tests/unit/test-ims-smtp-session
check_PROGRAMS += $(smtp_tests)
unit_tests += $(smtp_tests)
tests_unit_test_ims_personality_SOURCES = tests/unit/test-ims-personality.c
tests_unit_test_ims_personality_LDADD = ims/libims.a $(net_libs)
tests_unit_test_ims_smtp_data_SOURCES = tests/unit/test-ims-smtp-data.c
tests_unit_test_ims_smtp_data_LDADD = ims/libims.a $(net_libs)
tests_unit_test_ims_smtp_limits_SOURCES = tests/unit/test-ims-smtp-limits.c $(smtp_fixture_sources)
tests_unit_test_ims_smtp_limits_LDFLAGS = $(smtp_fixture_ldflags)
tests_unit_test_ims_smtp_limits_LDADD = $(smtp_fixture_libs)
tests_unit_test_ims_smtp_path_SOURCES = tests/unit/test-ims-smtp-path.c
tests_unit_test_ims_smtp_path_LDADD = ims/libims.a $(net_libs)
smtp_fixture_sources = tests/unit/smtp-fixture.c tests/unit/smtp-fixture.h
smtp_fixture_ldflags = $(AM_LDFLAGS) -Wl,--wrap=ims_store_submit -Wl,--wrap=ims_store_is_congested \
	-Wl,--wrap=ims_world_lookup
smtp_fixture_libs = ims/libims.a directory/libdirectory.a $(CRYPT_LIBS) $(IDN2_LIBS) $(store_libs) -lm
tests_unit_test_ims_smtp_account_SOURCES = tests/unit/test-ims-smtp-account.c $(smtp_fixture_sources)
tests_unit_test_ims_smtp_account_LDFLAGS = $(smtp_fixture_ldflags)
tests_unit_test_ims_smtp_account_LDADD = $(smtp_fixture_libs)
tests_unit_test_ims_smtp_dialogue_SOURCES = tests/unit/test-ims-smtp-dialogue.c $(smtp_fixture_sources)
tests_unit_test_ims_smtp_dialogue_LDFLAGS = $(smtp_fixture_ldflags)
tests_unit_test_ims_smtp_dialogue_LDADD = $(smtp_fixture_libs)
tests_unit_test_ims_smtp_session_SOURCES = tests/unit/test-ims-smtp-session.c $(smtp_fixture_sources)
tests_unit_test_ims_smtp_session_LDFLAGS = $(smtp_fixture_ldflags)
tests_unit_test_ims_smtp_session_LDADD = $(smtp_fixture_libs)
if FUZZERS
noinst_PROGRAMS += tests/fuzz/fuzz-smtp
tests_fuzz_fuzz_smtp_SOURCES = tests/fuzz/fuzz-smtp.c $(smtp_fixture_sources)
tests_fuzz_fuzz_smtp_LDFLAGS = $(smtp_fixture_ldflags) -fsanitize=fuzzer
tests_fuzz_fuzz_smtp_LDADD = $(smtp_fixture_libs)
endif
# submit, report
ims_libims_a_SOURCES += \
	ims/queue.h ims/report.c ims/report-private.h ims/report-text.c ims/submit.c ims/submit-private.h
report_tests = tests/unit/test-ims-report tests/unit/test-ims-submit
check_PROGRAMS += $(report_tests)
unit_tests += $(report_tests)
ims_fixture = tests/unit/ims-fixture.c tests/unit/ims-fixture.h
tests_unit_test_ims_report_SOURCES = tests/unit/test-ims-report.c $(ims_fixture)
tests_unit_test_ims_report_LDADD = $(ims_libs)
tests_unit_test_ims_submit_SOURCES = tests/unit/test-ims-submit.c $(ims_fixture)
tests_unit_test_ims_submit_LDADD = $(ims_libs)
# queue, sender
ims_libims_a_SOURCES += \
	ims/queue.c ims/queue.h ims/queue-job.c ims/queue-outcome.c ims/queue-private.h \
	ims/route.c ims/route.h \
	ims/sender.c ims/sender.h ims/sender-direct.c ims/sender-esmtp.c ims/sender-private.h \
	ims/sender-scan.c ims/sender-wire.c ims/sender-wire.h
sender_tests = tests/unit/test-ims-outbound tests/unit/test-ims-queue tests/unit/test-ims-sender
check_PROGRAMS += $(sender_tests)
unit_tests += $(sender_tests)
tests_unit_test_ims_sender_SOURCES = tests/unit/test-ims-sender.c tests/unit/smtp-sink.c tests/unit/smtp-sink.h
tests_unit_test_ims_sender_LDADD = ims/libims.a $(ESMTP_LIBS) $(net_libs)
tests_unit_test_ims_outbound_SOURCES = tests/unit/test-ims-outbound.c tests/unit/smtp-sink.c tests/unit/smtp-sink.h
tests_unit_test_ims_outbound_LDADD = ims/libims.a $(ESMTP_LIBS) $(store_libs) -lm
tests_unit_test_ims_outbound_LDFLAGS = $(AM_LDFLAGS) -Wl,--wrap=ims_report_new
tests_unit_test_ims_queue_SOURCES = tests/unit/test-ims-queue.c
tests_unit_test_ims_queue_LDADD = ims/libims.a $(store_libs) -lm
tests_unit_test_ims_queue_LDFLAGS = $(AM_LDFLAGS) -Wl,--wrap=ims_store_submit,--wrap=ims_report_new,--wrap=ims_store_read_body
# whole
ims_libims_a_SOURCES += \
	ims/event-number.c ims/event-number.h ims/scenario.c ims/scenario.h ims/scenario-conf.c \
	ims/scenario-file.c ims/scenario-form.c ims/scenario-outcome.c ims/scenario-peers.c \
	ims/scenario-peers.h ims/scenario-private.h ims/scenario-self.c ims/scenario-server.c \
	ims/scenario-server.h ims/scenario-session.c
whole_tests = tests/unit/test-ims-scenario tests/unit/test-ims-whole
check_PROGRAMS += $(whole_tests)
unit_tests += $(whole_tests)
tests_unit_test_ims_scenario_SOURCES = tests/unit/test-ims-scenario.c
tests_unit_test_ims_scenario_LDADD = $(ims_libs)
tests_unit_test_ims_whole_SOURCES = tests/unit/test-ims-whole.c
tests_unit_test_ims_whole_LDADD = $(ims_libs)
EXTRA_DIST += \
	tests/scenarios/01-strangers-and-own-people.json \
	tests/scenarios/02-silent-about-refusals.json \
	tests/scenarios/03-logon-by-smtp.json \
	tests/scenarios/04-plain-in-three-protocols.json \
	tests/scenarios/05-window-by-the-minute.json \
	tests/scenarios/06-window-survives-a-restart.json \
	tests/scenarios/07-edit-waits-for-restart.json \
	tests/scenarios/08-dead-host-and-retry.json \
	tests/scenarios/09-refused-there-reported-here.json \
	tests/scenarios/10-waits-then-returned.json \
	tests/scenarios/11-lists-and-custom-recipients.json \
	tests/scenarios/12-do-not-reroute-is-closed.json \
	tests/scenarios/13-silence-is-ended.json \
	tests/scenarios/14-nobody-listens-there.json \
	tests/scenarios/15-domain-shared-with-another-system.json \
	tests/scenarios/16-too-many-hops.json \
	tests/scenarios/17-rerouted-to-oneself.json \
	tests/scenarios/18-guest-is-not-everybody.json \
	tests/scenarios/19-two-bear-one-address.json
# who may connect and submit
ims_libims_a_SOURCES += \
	ims/automatic.c ims/automatic.h ims/header-addresses.c ims/notice.c ims/notice.h ims/smtp-etrn.c ims/smtp-filter.c ims/smtp-submitter.c ims/submission.c \
	ims/submission.h
submission_tests = tests/unit/test-ims-submission
check_PROGRAMS += $(submission_tests)
unit_tests += $(submission_tests)
check_PROGRAMS += tests/unit/test-ims-smtp-doors
unit_tests += tests/unit/test-ims-smtp-doors
tests_unit_test_ims_smtp_doors_SOURCES = tests/unit/test-ims-smtp-doors.c $(smtp_fixture_sources)
tests_unit_test_ims_smtp_doors_LDFLAGS = $(smtp_fixture_ldflags)
tests_unit_test_ims_smtp_doors_LDADD = $(smtp_fixture_libs)
tests_unit_test_ims_submission_SOURCES = tests/unit/test-ims-submission.c
tests_unit_test_ims_submission_LDADD = $(ims_libs)
EXTRA_DIST += \
	tests/scenarios/40-who-may-connect.json \
	tests/scenarios/41-who-may-submit.json \
	tests/scenarios/42-message-filter.json \
	tests/scenarios/43-alternate-recipients.json \
	tests/scenarios/44-waits-for-etrn.json \
	tests/scenarios/45-nothing-automatic-leaves.json \
	tests/scenarios/46-automatic-replies.json
