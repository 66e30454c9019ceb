"""Ordinary clients send and fetch: curl, swaks, mutt, mbsync, fetchmail, getmail, Python's modules."""
import base64
import hashlib
import imaplib
import os
import poplib
import smtplib
import ssl
import subprocess
import time

from harness import LONG, Org, Skip, command, need, run, wait_until

poplib._MAXLINE = imaplib._MAXLINE = 60_000_000
org = Org(mailboxes=("alice", "bob", "carol", "dave"))
insecure = ssl._create_unverified_context()


def message(subject, body="Hello.\r\n", sender="bob@example.com", to="alice@example.com"):
    return (f"From: {sender}\r\nTo: {to}\r\nSubject: {subject}\r\nDate: Wed, 25 Nov 2026 09:00:00 +0000\r\n"
            f"Message-ID: <{subject.replace(' ', '.')}@example.com>\r\n\r\n{body}").encode()


def curl(*args, stdin=None, status=0):
    return command(need("curl"), "-sS", "--max-time", "60", *args, stdin=stdin, status=status)


def imap(name="alice", tls=False):
    c = (imaplib.IMAP4_SSL("127.0.0.1", org.imaps, ssl_context=insecure) if tls
         else imaplib.IMAP4("127.0.0.1", org.imap))
    c.login(name, org.passwords[name])
    return c


def subjects(name, folder="INBOX"):
    c = imap(name)
    c.select(folder, readonly=True)
    _, data = c.fetch("1:*", "(BODY.PEEK[HEADER.FIELDS (SUBJECT)])") if c.untagged_responses.get("EXISTS") != [b"0"] else ("", [])
    found = [part[1].decode().strip()[9:] for part in data if isinstance(part, tuple)]
    c.logout()
    return found


def test_curl_smtp_plain_and_tls():
    for scheme, port in (("smtp", org.smtp), ("smtps", org.smtps)):
        curl(f"{scheme}://127.0.0.1:{port}", "-k", "--mail-from", "bob@example.com", "--mail-rcpt", "alice@example.com",
             "-T", "-", stdin=message(f"curl {scheme}"))
    curl(f"smtp://127.0.0.1:{org.smtp}", "-k", "--ssl-reqd", "--mail-from", "bob@example.com",
         "--mail-rcpt", "alice@example.com", "-T", "-", stdin=message("curl starttls"))
    assert subjects("alice") == ["curl smtp", "curl smtps", "curl starttls"], subjects("alice")


def test_curl_pop3_and_imap4_plain_and_tls():
    user = f"alice:{org.passwords['alice']}"
    for scheme, port, more in (("pop3", org.pop3, []), ("pop3s", org.pop3s, []), ("pop3", org.pop3, ["--ssl-reqd"])):
        out = curl(f"{scheme}://127.0.0.1:{port}/1", "-k", "-u", user, *more, stdin=b"")
        assert b"Subject: curl smtp\r\n" in out and out.endswith(b"Hello.\r\n"), out
    for scheme, port, more in (("imap", org.imap, []), ("imaps", org.imaps, []), ("imap", org.imap, ["--ssl-reqd"])):
        out = curl(f"{scheme}://127.0.0.1:{port}/INBOX;MAILINDEX=2", "-k", "-u", user, *more, stdin=b"")
        assert b"Subject: curl smtps\r\n" in out, out


def test_python_modules():
    s = smtplib.SMTP("127.0.0.1", org.smtp)
    s.starttls(context=insecure)
    s.login("bob", org.passwords["bob"])
    s.sendmail("bob@example.com", ["alice@example.com", "carol@example.com"], message("smtplib"))
    s.quit()
    p = poplib.POP3("127.0.0.1", org.pop3)
    p.user("alice")
    p.pass_(org.passwords["alice"])
    count, octets = p.stat()
    sizes = [int(line.split()[1]) for line in p.list()[1]]
    assert count == len(sizes) == 4 and sum(sizes) == octets
    for n, size in enumerate(sizes, 1):
        assert sum(len(l) + 2 for l in p.retr(n)[1]) == size
    uidls = p.uidl()[1]
    p.dele(1)
    p.rset()
    p.quit()
    p = poplib.POP3_SSL("127.0.0.1", org.pop3s, context=insecure)
    p.user("alice")
    p.pass_(org.passwords["alice"])
    assert p.uidl()[1] == uidls
    p.dele(1)
    p.quit()
    assert subjects("alice") == ["curl smtps", "curl starttls", "smtplib"]
    c = imap("alice", tls=True)
    assert c.select()[1] == [b"3"]
    assert c.search(None, "SUBJECT", "smtplib")[1] == [b"3"]
    assert c.append("Drafts", r"(\Draft \Seen)", imaplib.Time2Internaldate(time.time()), message("draft"))[0] == "OK"
    c.store("1", "+FLAGS", r"(\Flagged)")
    assert c.copy("1", '"Sent Items"')[0] == "OK"
    c.logout()
    assert subjects("alice", "Drafts") == ["draft"] and subjects("alice", '"Sent Items"') == ["curl smtps"]


def big_message():
    """25 MiB with 8-bit text, long and short lines, lines of dots."""
    line = "Grüße aus Köln – 試験 – ё – ".encode() + os.urandom(12).hex().encode()
    lines = [b".", b"..", b". leading", b"From here", b"\xff\xfe\x80 8-bit", b""] + [line * 8, line] * 45000
    text = b"\r\n".join(lines) + b"\r\n"
    text *= (25 * 1024 * 1024) // len(text) + 1
    text = text[: 25 * 1024 * 1024 - 2].rstrip(b"\r\n") + b"\r\n"
    return message("big")[:-len(b"Hello.\r\n")] + text


def test_25_mib_of_8_bit_text_come_back_byte_for_byte():
    body = big_message()
    s = smtplib.SMTP("127.0.0.1", org.smtp)
    s.ehlo()
    s.sendmail("bob@example.com", ["dave@example.com"], body, mail_options=["BODY=8BITMIME"])
    s.quit()
    c = imap("dave")
    c.select()
    got = c.fetch("1", "(BODY.PEEK[])")[1][0][1]
    size = c.fetch("1", "(RFC822.SIZE)")[1][0]
    assert str(len(got)).encode() in size, size
    c.logout()
    assert got.startswith(b"Received: from ")
    at = got.index(b"From: bob@")
    assert hashlib.sha256(got[at:]).digest() == hashlib.sha256(body).digest()
    p = poplib.POP3("127.0.0.1", org.pop3)
    p.user("dave")
    p.pass_(org.passwords["dave"])
    by_pop = b"\r\n".join(p.retr(1)[1]) + b"\r\n"
    assert by_pop == got
    p.dele(1)
    p.quit()


def test_mutt_reads_over_imap4():
    rc = org.path("muttrc")
    with open(rc, "w") as f:
        f.write(f'set folder="imap://bob@127.0.0.1:{org.imap}/"\nset spoolfile="+INBOX"\n'
                f'set imap_user=bob\nset imap_pass="{org.passwords["bob"]}"\nset ssl_starttls=no\nset ssl_force_tls=no\n'
                f'set header_cache=""\nset wait_key=no\nset record=""\nset move=no\nset sleep_time=0\n'
                f'set smtp_url="smtp://127.0.0.1:{org.smtp}"\nset from="bob@example.com"\nset use_from=yes\n')
    command(need("mutt"), "-n", "-F", rc, "-s", "by mutt", "bob@example.com", stdin="Text by mutt.\n",
            env={**os.environ, "HOME": org.dir, "TERM": "dumb"})
    wait_until(lambda: "by mutt" in subjects("bob"), what="mutt's message")
    # reads the first message: it must be flagged as seen afterwards
    subprocess.run(["mutt", "-n", "-F", rc, "-e", "push '<display-message><exit><quit>'"], timeout=60, stdin=subprocess.DEVNULL,
                   stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, env={**os.environ, "HOME": org.dir, "TERM": "xterm"})


def mbsync_rc(name):
    path = org.path(f"mbsync-{name}")
    os.makedirs(org.path(f"mail-{name}"), exist_ok=True)
    with open(path, "w") as f:
        f.write(f"""IMAPAccount ims
Host 127.0.0.1
Port {org.imap}
User {name}
Pass {org.passwords[name]}
SSLType None
AuthMechs LOGIN

IMAPStore far
Account ims

MaildirStore near
Path {org.path(f'mail-{name}')}/
Inbox {org.path(f'mail-{name}')}/INBOX
SubFolders Verbatim

Channel all
Far :far:
Near :near:
Patterns *
Create Both
Expunge Both
SyncState *
""")
    return path


def maildir_files(name, folder):
    found = []
    for part in ("cur", "new"):
        directory = org.path(f"mail-{name}", folder, part)
        found += [os.path.join(directory, f) for f in os.listdir(directory)]
    return sorted(found)


def test_mbsync_two_ways():
    rc = mbsync_rc("carol")
    for n in range(30):
        c = imap("carol") if n == 0 else c
        c.append("INBOX", None, imaplib.Time2Internaldate(time.time()), message(f"sync {n}"))
    c.logout()
    command(need("mbsync"), "-c", rc, "all")
    files = maildir_files("carol", "INBOX")
    assert len(files) == 31, files
    # near side: one deleted, one flagged, one new; far side: one deleted
    victim = next(f for f in files if b"Subject: sync 3\r" in open(f, "rb").read() or b"Subject: sync 3\n" in open(f, "rb").read())
    os.remove(victim)
    flagged = next(f for f in maildir_files("carol", "INBOX") if b"Subject: sync 5" in open(f, "rb").read())
    base = os.path.basename(flagged).split(":2,")[0]
    os.rename(flagged, org.path("mail-carol", "INBOX", "cur", base + ":2,FS"))
    with open(org.path("mail-carol", "INBOX", "new", "1700000000.1.new"), "wb") as f:
        f.write(message("from the near side").replace(b"\r\n", b"\n"))
    c = imap("carol")
    c.select()
    number = c.search(None, "SUBJECT", '"sync 7"')[1][0]
    c.store(number, "+FLAGS", r"(\Deleted)")
    c.expunge()
    c.logout()
    command("mbsync", "-c", rc, "all")
    names = subjects("carol")
    assert "sync 3" not in names and "sync 7" not in names and "from the near side" in names and len(names) == 30, names
    c = imap("carol")
    c.select()
    number = c.search(None, "SUBJECT", '"sync 5"')[1][0]
    flags = c.fetch(number, "(FLAGS)")[1][0]
    assert b"\\Flagged" in flags and b"\\Seen" in flags, flags
    c.logout()
    assert not any(b"Subject: sync 7" in open(f, "rb").read() for f in maildir_files("carol", "INBOX"))
    # a second run transfers nothing
    before = {f: os.stat(f).st_mtime_ns for f in maildir_files("carol", "INBOX")}
    out = command("mbsync", "-V", "-c", rc, "all")
    assert {f: os.stat(f).st_mtime_ns for f in maildir_files("carol", "INBOX")} == before
    assert subjects("carol") == names, out


def test_fetchmail():
    out = org.path("fetched")
    rc = org.path("fetchmailrc")
    with open(rc, "w") as f:
        f.write(f"poll 127.0.0.1 protocol POP3 port {org.pop3} user bob password {org.passwords['bob']} "
                f"sslproto '' fetchall keep no rewrite mda \"sh -c 'cat >>{out}'\"\n")
    os.chmod(rc, 0o600)
    command(need("fetchmail"), "--fetchmailrc", rc, "--pidfile", org.path("fetchmail.pid"), "--idfile", org.path("fetchids"),
            env={**os.environ, "HOME": org.dir})
    with open(out, "rb") as f:
        assert b"by mutt" in f.read()
    with open(rc, "w") as f:
        f.write(f"poll 127.0.0.1 protocol IMAP port {org.imap} user bob password {org.passwords['bob']} "
                f"sslproto '' fetchall no rewrite mda \"sh -c 'cat >>{out}.imap'\"\n")
    command("fetchmail", "--fetchmailrc", rc, "--pidfile", org.path("fetchmail.pid"), env={**os.environ, "HOME": org.dir})
    with open(out + ".imap", "rb") as f:
        assert b"by mutt" in f.read()
    assert subjects("bob") == []


def test_getmail():
    os.makedirs(org.path("getmail"), mode=0o700, exist_ok=True)
    for box in ("cur", "new", "tmp"):
        os.makedirs(org.path("getmail", "box", box), exist_ok=True)
    s = smtplib.SMTP("127.0.0.1", org.smtp)
    s.sendmail("alice@example.com", ["bob@example.com"], message("for getmail", to="bob@example.com"))
    s.quit()
    for kind, port, more in (("SimplePOP3Retriever", org.pop3, ""), ("SimpleIMAPRetriever", org.imap, 'mailboxes = ("INBOX",)\n')):
        with open(org.path("getmail", "getmailrc"), "w") as f:
            f.write(f"[retriever]\ntype = {kind}\nserver = 127.0.0.1\nport = {port}\nusername = bob\n"
                    f"password = {org.passwords['bob']}\n{more}\n[destination]\ntype = MDA_external\npath = /bin/sh\n"
                    f"arguments = ('-c', 'cat >{org.path('getmail', 'box', 'new')}/$$')\nallow_root_commands = true\nunixfrom = false\n"
                    f"[options]\nread_all = true\ndelete = false\ndelivered_to = false\nreceived = false\n")
        command(need("getmail"), "--getmaildir", org.path("getmail"), env={**os.environ, "HOME": org.dir})
    files = os.listdir(org.path("getmail", "box", "new"))
    assert len(files) == 2, files
    for name in files:
        with open(org.path("getmail", "box", "new", name), "rb") as f:
            assert b"Subject: for getmail" in f.read()


def test_a_logon_in_clear_text_is_refused_and_logged():
    strict = Org(mailboxes=("alice",), Listeners={"ClearTextLogon": "no"})
    p = poplib.POP3("127.0.0.1", strict.pop3)
    try:
        p.user("alice")
        raise AssertionError("POP3 took a name in clear text")
    except poplib.error_proto:
        p.close()
    c = imaplib.IMAP4("127.0.0.1", strict.imap)
    try:
        c.login("alice", strict.passwords["alice"])
        raise AssertionError("IMAP4 took a logon in clear text")
    except imaplib.IMAP4.error:
        c.shutdown()
    s = smtplib.SMTP("127.0.0.1", strict.smtp)
    s.ehlo()
    assert s.docmd("AUTH", "PLAIN " + base64.b64encode(b"\0alice\0x").decode())[0] == 538
    s.quit()
    lines = strict.log_lines("logon")
    for protocol in ("pop3", "imap4", "smtp"):
        assert any(f"protocol={protocol} result=failed" in l and "detail=clear-text" in l for l in lines), (protocol, lines)
    strict.stop()


def test_the_server_ends_clean():
    org.stop()


run(globals())
