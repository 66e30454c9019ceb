"""Mail for another domain reaches a real second MTA, found by a real DNS server; a dead peer means retry, then a report."""
import hashlib
import imaplib
import os
import pwd
import re
import smtplib
import socket
import threading
import time

from harness import Org, Process, Skip, command, free_ports, need, run, wait_until

dns_port, peer_port, sink_port = free_ports(3)


class Sink:
    """An SMTP server that keeps what it gets, byte for byte."""

    def __init__(self, port, rcpt=b"250 ok"):
        self.port, self.rcpt, self.messages = port, rcpt, []
        self.listener = None

    def open(self):
        self.listener = socket.create_server(("127.0.0.1", self.port))
        threading.Thread(target=self.serve, args=(self.listener,), daemon=True).start()

    def close(self):
        self.listener.shutdown(socket.SHUT_RDWR)
        self.listener.close()

    def serve(self, listener):
        while True:
            try:
                s, _ = listener.accept()
            except OSError:
                return
            threading.Thread(target=self.session, args=(s,), daemon=True).start()

    def session(self, s):
        f = s.makefile("rb")
        s.sendall(b"220 sink ESMTP\r\n")
        envelope = None
        for line in f:
            verb = line[:4].upper()
            if verb == b"EHLO":
                s.sendall(b"250-sink\r\n250-8BITMIME\r\n250-SIZE\r\n250 DSN\r\n")
            elif verb == b"MAIL":
                envelope = [line.strip(), []]
                s.sendall(b"250 ok\r\n")
            elif verb == b"RCPT":
                if self.rcpt.startswith(b"250"):
                    envelope[1].append(line.strip())
                s.sendall(self.rcpt + b"\r\n")
            elif verb == b"DATA":
                s.sendall(b"354 go\r\n")
                data = []
                for body in f:
                    if body == b".\r\n":
                        break
                    data.append(body[1:] if body.startswith(b".") else body)
                self.messages.append((envelope[0], envelope[1], b"".join(data)))
                s.sendall(b"250 taken\r\n")
            elif verb == b"QUIT":
                s.sendall(b"221 bye\r\n")
                break
            else:
                s.sendall(b"250 ok\r\n")
        s.close()


sink = Sink(sink_port)
refuser_port = free_ports(1)[0]
refuser = Sink(refuser_port, b"550 no such user here")

org = Org(flags="authenticated",
          Connections={"DNSServers": f"127.0.0.1:{dns_port}", "OutboundPort": str(peer_port), "RetryIntervals": "0.0006, 0.0006",
                       "ExpiryHours": "0.005", "EMailDomains": f"sink.example;127.0.0.1:{sink_port}, refuser.example;127.0.0.1:{refuser_port}"},
          start=False)


def dnsmasq():
    process = Process([need("dnsmasq"), "--no-daemon", "--conf-file=/dev/null", "--no-resolv", "--no-hosts", "--bind-interfaces",
                       "--listen-address=127.0.0.1", f"--port={dns_port}", "--mx-host=peer.example,mx.peer.example,10",
                       "--host-record=mx.peer.example,127.0.0.1", "--local=/example/", "--log-facility=" + org.path("dnsmasq.log"),
                       "--user=" + pwd.getpwuid(os.getuid()).pw_name], org.path("dnsmasq.out"))

    def answers():
        assert process.child.poll() is None, process.tail()
        s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        s.settimeout(0.3)
        s.sendto(b"\x12\x34\x01\x00\x00\x01\x00\x00\x00\x00\x00\x00\x02mx\x04peer\x07example\x00\x00\x01\x00\x01", ("127.0.0.1", dns_port))
        try:
            return len(s.recv(512)) > 40
        except OSError:
            return False
        finally:
            s.close()
    wait_until(answers, 20, "dnsmasq")
    return process


def submit(recipients, body, sender="alice@example.com", account="alice"):
    s = smtplib.SMTP("127.0.0.1", org.smtp)
    s.ehlo()
    s.login(account, org.passwords[account])
    s.sendmail(sender, recipients, body, mail_options=["BODY=8BITMIME"])
    s.quit()


def message(subject, text=b"Hello.\r\n", header=b""):
    return (b"From: alice@example.com\r\nTo: you@peer.example\r\nSubject: " + subject.encode() +
            b"\r\nDate: Wed, 25 Nov 2026 09:00:00 +0000\r\nMessage-ID: <" + subject.replace(" ", ".").encode() + b"@example.com>\r\n" +
            header + b"\r\n" + text)


def inbox(name="alice"):
    c = imaplib.IMAP4("127.0.0.1", org.imap)
    c.login(name, org.passwords[name])
    _, count = c.select(readonly=True)
    data = c.fetch("1:*", "(BODY.PEEK[])")[1] if count != [b"0"] else []
    c.logout()
    return [part[1] for part in data if isinstance(part, tuple)]


def test_a_second_mta_gets_the_message():
    global dns
    dns = dnsmasq()
    org.start()
    opensmtpd = need("smtpd")
    if os.getuid() != 0:
        raise Skip("OpenSMTPD needs root")
    box = org.path("peer")
    os.makedirs(box)
    os.chmod(org.dir, 0o755)
    os.chmod(box, 0o777)
    conf = org.path("smtpd.conf")
    with open(conf, "w") as f:
        f.write(f'table users {{ "@peer.example" = "nobody" }}\nlisten on 127.0.0.1 port {peer_port} hostname mx.peer.example\n'
                f'action "keep" mda "sh -c \'cat >{box}/$$.eml\'" virtual <users>\n'
                f'match from any for domain "peer.example" action "keep"\n')
    peer = Process([opensmtpd, "-d", "-f", conf], org.path("smtpd.out"))
    peer.wait_port(peer_port)
    submit(["you@peer.example"], message("to the peer"))
    wait_until(lambda: os.listdir(box), 40, "the peer's delivery: " + peer.tail())
    peer.stop()
    name = os.path.join(box, os.listdir(box)[0])
    wait_until(lambda: b"to the peer" in open(name, "rb").read(), 10)
    wait_until(lambda: not org.ctl_json("queue", "list"), 10, "the queue to be empty")


def eight_bit():
    text = "Zeilen mit Umlauten äöü und 試験\r\n".encode() + b".\r\n..\r\n.leading dot\r\n" + b"x" * 3000 + b"\r\n\xff\xfe raw\r\nend\r\n"
    return text


def test_what_leaves_is_byte_for_byte_what_came():
    sink.open()
    cases = {"plain": message("plain"), "8 bit": message("8 bit", eight_bit()),
             "two received": message("two received", header=b"Received: from a by b; Wed, 25 Nov 2026 08:00:00 +0000\r\nX-Odd:   spaces  kept \r\n\tand folds\r\n"),
             "two to lines": message("two to lines", header=b"To: second@peer.example\r\nCc: one@x.example\r\nCc: two@x.example\r\n"),
             "long line": message("long line", b"y" * 20000 + b"\r\n"), "big": message("big", eight_bit() * 800)}
    for subject, body in cases.items():
        submit(["you@sink.example"], body)
    wait_until(lambda: len(sink.messages) == len(cases), 40, f"all messages; {len(sink.messages)} came")
    for subject, body in cases.items():
        got = next(m for m in sink.messages if b"Subject: " + subject.encode() + b"\r\n" in m[2])
        assert got[0].upper().startswith(b"MAIL FROM:<ALICE@EXAMPLE.COM>"), got[0]
        at = got[2].index(b"From: alice@example.com")
        assert got[2].startswith(b"Received: from "), got[2][:100]
        assert got[2][at:] == body, f"{subject} was altered: {got[2][at:][:400]!r}"


def test_a_permanent_refusal_is_reported_at_once():
    refuser.open()
    submit(["gone@refuser.example"], message("refused"))
    report = wait_until(lambda: [m for m in inbox() if b"Subject: Undeliverable: refused" in m], 30, "the report")[0]
    for words in (b"did not reach the following recipient(s):", b"gone@refuser.example", b"MSEXCH:IMS:Example:Site1:MAIL 3550",
                  b"550 no such user here", b"From: System Administrator <postmaster@example.com>", b"Content-Type: message/rfc822"):
        assert words in report, (words, report.decode("utf-8", "replace"))


def test_a_dead_peer_means_retry_then_a_report():
    submit(["you@peer.example"], message("to the dead"))
    wait_until(lambda: org.ctl_json("queue", "list"), 20, "a queued message")
    wait_until(lambda: len([l for l in org.log_lines("send") if "peer.example" in l]) >= 3, 30, "three attempts")
    wait_until(lambda: [m for m in inbox() if b"Subject: Undeliverable: to the dead" in m], 60, "the report after expiry")
    wait_until(lambda: not org.ctl_json("queue", "list"), 10, "the queue to be empty")


def test_an_unknown_host_is_reported_as_host_unknown():
    submit(["you@nowhere.example"], message("to nowhere"))
    report = wait_until(lambda: [m for m in inbox() if b"Subject: Undeliverable: to nowhere" in m], 30, "the report")[0]
    assert b"3902 (000B099C) Host Unknown" in report, report


def test_queue_commands():
    sink.close()
    submit(["later@sink.example"], message("held"))
    entry = wait_until(lambda: org.ctl_json("queue", "list"), 20)[0]
    org.ctl("queue", "hold", str(entry["id"]))
    assert "held" in org.ctl("queue", "show", str(entry["id"]))
    before = len(sink.messages)
    sink.open()
    org.ctl("queue", "release", str(entry["id"]))
    org.ctl("queue", "retry", "--domain", "sink.example", status=None)
    wait_until(lambda: len(sink.messages) == before + 1, 30, "the released message")
    sink.close()
    submit(["later@sink.example"], message("deleted"))
    entry = wait_until(lambda: org.ctl_json("queue", "list"), 20)[0]
    org.ctl("queue", "delete", "--yes", str(entry["id"]))
    assert not org.ctl_json("queue", "list")
    org.ctl("queue", "delete", "--yes", "999999", status=1)


def test_lists_and_custom_recipients():
    sink.open()
    org.ctl("recipient", "add", "carol", "--address", "carol@example.com", "--target", "carol@sink.example")
    org.ctl("list", "add", "staff", "--address", "staff@example.com", "--member", "alice", "--member", "bob", "--member", "carol")
    org.ctl("list", "add", "all", "--address", "all@example.com", "--member", "staff", "--member", "alice")
    org.ctl("list", "change", "staff", "--add-member", "all")  # a loop: each contains the other
    before = len(sink.messages)
    submit(["all@example.com"], message("to the list"))
    wait_until(lambda: len(sink.messages) == before + 1, 30, "carol's copy")
    assert sink.messages[-1][1] == [b"RCPT TO:<carol@sink.example>"], sink.messages[-1][1]
    for name in ("alice", "bob"):
        assert len([m for m in inbox(name) if b"Subject: to the list" in m]) == 1


def test_the_servers_end_clean():
    org.stop()
    dns.stop()


run(globals())
