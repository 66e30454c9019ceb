# ims
noinst_LIBRARIES += ims/libims.a
ims_libims_a_SOURCES = \
	ims/config.c ims/config.h ims/config-private.h ims/config-scan.c ims/config-table.c \
	ims/config-value.c ims/config-warnings.c
# smtp
# submit, report
# queue, sender
