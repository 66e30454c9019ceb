# bench: load generators; bench/intake runs them beside a peer
noinst_PROGRAMS += bench/smtpload
bench_smtpload_SOURCES = bench/smtpload.c
bench_smtpload_LDADD = $(GLIB_LIBS)
EXTRA_DIST += bench/intake bench/README.md
