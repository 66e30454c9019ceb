# pop3
noinst_LIBRARIES += pop3/libpop3.a
pop3_libpop3_a_SOURCES = \
	pop3/commands.c \
	pop3/logon.c \
	pop3/maildrop.c \
	pop3/maildrop.h \
	pop3/pop3-private.h \
	pop3/pop3.h \
	pop3/replies.c \
	pop3/replies.h \
	pop3/sending.c \
	pop3/session.c
