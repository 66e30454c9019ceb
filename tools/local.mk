# tools
bin_PROGRAMS += tools/imsctl
tools_imsctl_SOURCES = \
	tools/client.c tools/cmd-account.c tools/cmd-config.c tools/cmd-explain.c tools/cmd-queue.c \
	tools/cmd-recipient.c tools/cmd-service.c tools/cmd-setup.c tools/imsctl.c tools/imsctl.h \
	tools/output.c tools/password.c tools/setup-answers.c tools/setup.h
tools_imsctl_LDADD = $(ims_libs)
