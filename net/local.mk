# net: what all protocols share
noinst_LIBRARIES += net/libnet.a
net_libnet_a_SOURCES = \
	net/conn.c net/conn.h net/conn-private.h \
	net/log.c net/log.h \
	net/output.c net/output.h \
	net/send.c net/send.h \
	net/sim-conn.c net/sim-private.h \
	net/sim-world.c net/sim-world.h \
	net/timer-heap.c net/timer-heap.h \
	net/world.c net/world.h net/world-private.h

net_tests = \
	tests/unit/test-net-conn \
	tests/unit/test-net-log \
	tests/unit/test-net-sim-world
check_PROGRAMS += $(net_tests)
unit_tests += $(net_tests)
tests_unit_test_net_conn_SOURCES = tests/unit/test-net-conn.c
tests_unit_test_net_conn_LDADD = $(net_libs)
tests_unit_test_net_log_SOURCES = tests/unit/test-net-log.c
tests_unit_test_net_log_LDADD = $(net_libs)
tests_unit_test_net_sim_world_SOURCES = tests/unit/test-net-sim-world.c
tests_unit_test_net_sim_world_LDADD = $(net_libs)
