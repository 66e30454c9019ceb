# imap4
