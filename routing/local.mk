# routing
noinst_LIBRARIES += routing/librouting.a
routing_librouting_a_SOURCES = \
	routing/audit-private.h \
	routing/audit-relay.c \
	routing/audit-virtual.c \
	routing/audit.c \
	routing/audit.h \
	routing/build.c \
	routing/build.h \
	routing/connection.c \
	routing/connection.h \
	routing/explain.c \
	routing/host-list.c \
	routing/host-list.h \
	routing/imcea.c \
	routing/ip.c \
	routing/ip.h \
	routing/mail-domains.c \
	routing/net-list.c \
	routing/path-private.h \
	routing/path.c \
	routing/path.h \
	routing/relay-private.h \
	routing/relay-restrict.c \
	routing/relay-rules.c \
	routing/relay.c \
	routing/relay.h \
	routing/routing-list-private.h \
	routing/routing-list.c \
	routing/turf.c \
	routing/turf.h \
	routing/virtual-server-explain.c \
	routing/virtual-server-private.h \
	routing/virtual-server.c \
	routing/virtual-server.h

routing_tests = \
	tests/unit/test-routing-audit \
	tests/unit/test-routing-build \
	tests/unit/test-routing-connection \
	tests/unit/test-routing-explain \
	tests/unit/test-routing-ip \
	tests/unit/test-routing-list \
	tests/unit/test-routing-path \
	tests/unit/test-routing-property \
	tests/unit/test-routing-relay \
	tests/unit/test-routing-turf \
	tests/unit/test-routing-virtual \
	tests/unit/test-routing-virtual-property
check_PROGRAMS += $(routing_tests)
unit_tests += $(routing_tests)
routing_world_sources = tests/unit/routing-world.c tests/unit/routing-world.h
tests_unit_test_routing_audit_SOURCES = tests/unit/test-routing-audit.c $(routing_world_sources) \
	$(routing_virtual_sources)
tests_unit_test_routing_audit_LDADD = $(routing_libs)
tests_unit_test_routing_build_SOURCES = tests/unit/test-routing-build.c $(routing_world_sources)
tests_unit_test_routing_build_LDADD = $(routing_libs)
tests_unit_test_routing_connection_SOURCES = tests/unit/test-routing-connection.c
tests_unit_test_routing_connection_LDADD = $(routing_libs)
tests_unit_test_routing_explain_SOURCES = tests/unit/test-routing-explain.c $(routing_world_sources)
tests_unit_test_routing_explain_LDADD = $(routing_libs)
tests_unit_test_routing_ip_SOURCES = tests/unit/test-routing-ip.c
tests_unit_test_routing_ip_LDADD = $(routing_libs)
tests_unit_test_routing_list_SOURCES = tests/unit/test-routing-list.c
tests_unit_test_routing_list_LDADD = $(routing_libs)
tests_unit_test_routing_path_SOURCES = tests/unit/test-routing-path.c
tests_unit_test_routing_path_LDADD = $(routing_libs)
tests_unit_test_routing_relay_SOURCES = tests/unit/test-routing-relay.c $(routing_world_sources)
tests_unit_test_routing_relay_LDADD = $(routing_libs)
tests_unit_test_routing_property_SOURCES = tests/unit/test-routing-property.c tests/unit/routing-model.c \
	tests/unit/routing-model.h $(routing_world_sources)
tests_unit_test_routing_property_LDADD = $(routing_libs)

routing_virtual_sources = tests/unit/virtual-world.c tests/unit/virtual-world.h
tests_unit_test_routing_turf_SOURCES = tests/unit/test-routing-turf.c
tests_unit_test_routing_turf_LDADD = $(routing_libs)
tests_unit_test_routing_virtual_SOURCES = tests/unit/test-routing-virtual.c $(routing_virtual_sources)
tests_unit_test_routing_virtual_LDADD = $(routing_libs)
tests_unit_test_routing_virtual_property_SOURCES = tests/unit/test-routing-virtual-property.c \
	tests/unit/routing-model.c tests/unit/routing-model.h
tests_unit_test_routing_virtual_property_LDADD = $(routing_libs)

noinst_PROGRAMS += bench/bench-verdict
bench_bench_verdict_SOURCES = bench/bench-verdict.c
bench_bench_verdict_LDADD = $(routing_libs)

if FUZZERS
noinst_PROGRAMS += tests/fuzz/fuzz-address tests/fuzz/fuzz-verdict
tests_fuzz_fuzz_address_SOURCES = tests/fuzz/fuzz-address.c
tests_fuzz_fuzz_address_LDFLAGS = $(AM_LDFLAGS) -fsanitize=fuzzer
tests_fuzz_fuzz_address_LDADD = $(routing_libs)
tests_fuzz_fuzz_verdict_SOURCES = tests/fuzz/fuzz-verdict.c
tests_fuzz_fuzz_verdict_LDFLAGS = $(AM_LDFLAGS) -fsanitize=fuzzer
tests_fuzz_fuzz_verdict_LDADD = $(routing_libs)
endif
