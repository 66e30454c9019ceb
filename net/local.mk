# net: what all protocols share
noinst_LIBRARIES += net/libnet.a
net_libnet_a_SOURCES = \
	net/conn.c net/conn.h net/conn-private.h \
	net/conn-turn.c \
	net/executor.c net/real-private.h \
	net/listener.c \
	net/log.c net/log.h \
	net/output.c net/output.h \
	net/pool.c \
	net/real-world.c \
	net/resolver.c \
	net/resolver-answer.c net/resolver-answer.h \
	net/send.c net/send.h \
	net/sim-conn.c net/sim-private.h \
	net/sim-world.c net/sim-world.h \
	net/socket-conn.c \
	net/timer-heap.c net/timer-heap.h \
	net/tls.c \
	net/tls-self-signed.c \
	net/world.c net/world.h net/world-private.h

net_tests = \
	tests/unit/test-net-conn \
	tests/unit/test-net-log \
	tests/unit/test-net-real-world \
	tests/unit/test-net-resolver \
	tests/unit/test-net-sim-world \
	tests/unit/test-net-socket \
	tests/unit/test-net-tls
check_PROGRAMS += $(net_tests)
unit_tests += $(net_tests)
net_lines = tests/unit/net-lines.c tests/unit/net-lines.h
net_peer = tests/unit/net-peer.c tests/unit/net-peer.h $(net_lines)
tests_unit_test_net_conn_SOURCES = tests/unit/test-net-conn.c $(net_lines)
tests_unit_test_net_conn_LDADD = $(net_libs)
tests_unit_test_net_log_SOURCES = tests/unit/test-net-log.c
tests_unit_test_net_log_LDADD = $(net_libs)
tests_unit_test_net_real_world_SOURCES = tests/unit/test-net-real-world.c
tests_unit_test_net_real_world_LDADD = $(net_libs)
tests_unit_test_net_resolver_SOURCES = tests/unit/test-net-resolver.c
tests_unit_test_net_resolver_LDADD = $(net_libs)
tests_unit_test_net_sim_world_SOURCES = tests/unit/test-net-sim-world.c
tests_unit_test_net_sim_world_LDADD = $(net_libs)
tests_unit_test_net_socket_SOURCES = tests/unit/test-net-socket.c $(net_peer)
tests_unit_test_net_socket_LDADD = $(net_libs)
tests_unit_test_net_tls_SOURCES = tests/unit/test-net-tls.c $(net_peer)
tests_unit_test_net_tls_LDADD = $(net_libs)
