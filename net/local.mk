# net: what all protocols share
noinst_LIBRARIES += net/libnet.a
net_libnet_a_SOURCES = \
	net/log.c net/log.h \
	net/send.c net/send.h

net_tests = tests/unit/test-net-log
check_PROGRAMS += $(net_tests)
unit_tests += $(net_tests)
tests_unit_test_net_log_SOURCES = tests/unit/test-net-log.c
tests_unit_test_net_log_LDADD = $(net_libs)
