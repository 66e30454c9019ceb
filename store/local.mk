# store

# mime
noinst_LIBRARIES += store/libstore.a
store_libstore_a_SOURCES = \
	store/mime-address.c \
	store/mime-charset.c \
	store/mime-date.c \
	store/mime-envelope.c \
	store/mime-header.c \
	store/mime-parts.c \
	store/mime-private.h \
	store/mime-scan.c \
	store/mime-search.c \
	store/mime-structure.c \
	store/mime.c \
	store/mime.h

noinst_PROGRAMS += bench/bench-mime
bench_bench_mime_SOURCES = bench/bench-mime.c
bench_bench_mime_LDADD = store/libstore.a $(GMIME_LIBS) $(GLIB_LIBS)

check_PROGRAMS += tests/unit/test-store-mime tests/unit/test-store-mime-text \
	tests/unit/test-store-mime-hostile
unit_tests += tests/unit/test-store-mime tests/unit/test-store-mime-text \
	tests/unit/test-store-mime-hostile
tests_unit_test_store_mime_SOURCES = tests/unit/test-store-mime.c
tests_unit_test_store_mime_LDADD = $(store_libs)
tests_unit_test_store_mime_text_SOURCES = tests/unit/test-store-mime-text.c
tests_unit_test_store_mime_text_LDADD = $(store_libs)
tests_unit_test_store_mime_hostile_SOURCES = tests/unit/test-store-mime-hostile.c
tests_unit_test_store_mime_hostile_LDADD = $(store_libs)

if FUZZERS
noinst_PROGRAMS += tests/fuzz/fuzz-mime
tests_fuzz_fuzz_mime_SOURCES = tests/fuzz/fuzz-mime.c
tests_fuzz_fuzz_mime_LDADD = store/libstore.a $(GMIME_LIBS) $(GLIB_LIBS)
tests_fuzz_fuzz_mime_LDFLAGS = $(AM_LDFLAGS) -fsanitize=fuzzer
endif

# the store itself
store_libstore_a_SOURCES += \
	store/bodies.c store/bodies.h \
	store/check.c store/check.h \
	store/engine.h \
	store/engine-memory.c store/engine-memory-private.h \
	store/engine-memory-folders.c \
	store/engine-memory-queue.c \
	store/engine-sqlite.c store/engine-sqlite-private.h \
	store/engine-sqlite-conn.c \
	store/engine-sqlite-folders.c \
	store/engine-sqlite-messages.c \
	store/engine-sqlite-queue.c \
	store/engine-sqlite-read.c \
	store/engine-sqlite-sql.c \
	store/engine-sqlite-sweep.c \
	store/folder-state.c store/folder-state.h \
	store/names.c store/names.h \
	store/ops.c store/ops.h \
	store/snapshot.c store/snapshot.h \
	store/store.c store/store.h store/store-private.h \
	store/submit.c \
	store/tend.c \
	store/watch.c store/watch.h

store_tests = \
	tests/unit/test-store-messages \
	tests/unit/test-store-folders \
	tests/unit/test-store-queue \
	tests/unit/test-store-open \
	tests/unit/test-store-snapshot \
	tests/unit/test-store-sql \
	tests/unit/test-store-faults \
	tests/unit/test-store-crash \
	tests/unit/test-store-threads
check_PROGRAMS += $(store_tests)
unit_tests += $(store_tests)
store_fixture = tests/unit/store-fixture.c tests/unit/store-fixture.h
tests_unit_test_store_messages_SOURCES = tests/unit/test-store-messages.c $(store_fixture)
tests_unit_test_store_messages_LDADD = $(store_libs)
tests_unit_test_store_folders_SOURCES = tests/unit/test-store-folders.c $(store_fixture)
tests_unit_test_store_folders_LDADD = $(store_libs)
tests_unit_test_store_queue_SOURCES = tests/unit/test-store-queue.c $(store_fixture)
tests_unit_test_store_queue_LDADD = $(store_libs)
tests_unit_test_store_open_SOURCES = tests/unit/test-store-open.c $(store_fixture)
tests_unit_test_store_open_LDADD = $(store_libs)
tests_unit_test_store_snapshot_SOURCES = tests/unit/test-store-snapshot.c $(store_fixture)
tests_unit_test_store_snapshot_LDADD = $(store_libs)
tests_unit_test_store_faults_SOURCES = tests/unit/test-store-faults.c $(store_fixture) \
	tests/unit/fault-vfs.c tests/unit/fault-vfs.h
tests_unit_test_store_faults_LDADD = $(store_libs)
tests_unit_test_store_crash_SOURCES = tests/unit/test-store-crash.c $(store_fixture)
tests_unit_test_store_crash_LDADD = $(store_libs)
tests_unit_test_store_threads_SOURCES = tests/unit/test-store-threads.c $(store_fixture)
tests_unit_test_store_threads_LDADD = $(store_libs)
tests_unit_test_store_sql_SOURCES = tests/unit/test-store-sql.c
tests_unit_test_store_sql_LDADD = $(store_libs)

noinst_PROGRAMS += bench/bench-store
bench_bench_store_SOURCES = bench/bench-store.c
bench_bench_store_LDADD = $(store_libs)
