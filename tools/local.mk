# tools
bin_PROGRAMS += tools/imsctl
relaytest_sources = \
	tools/relaytest.c tools/relaytest.h tools/relaytest-arrival.c tools/relaytest-forms.c \
	tools/relaytest-judge.c tools/relaytest-private.h tools/relaytest-sink.c
tools_imsctl_SOURCES = \
	tools/client.c tools/cmd-account.c tools/cmd-config.c tools/cmd-explain.c tools/cmd-queue.c \
	tools/cmd-recipient.c tools/cmd-relaytest.c tools/cmd-scenario.c tools/cmd-service.c tools/cmd-setup.c \
	tools/imsctl.c tools/imsctl.h tools/output.c tools/password.c tools/relaytest-net.c tools/relaytest-net.h \
	tools/relaytest-peer.c tools/relaytest-pop3.c tools/setup-answers.c tools/setup.h \
	$(relaytest_sources)
tools_imsctl_LDADD = $(ims_libs)
check_PROGRAMS += tests/unit/test-tools-relaytest
unit_tests += tests/unit/test-tools-relaytest
tests_unit_test_tools_relaytest_SOURCES = tests/unit/test-tools-relaytest.c $(relaytest_sources)
tests_unit_test_tools_relaytest_LDADD = $(routing_libs)
