"""What impolite peers do: half lines, huge lines, hundreds of connections, silence, smuggling."""
import os
import random
import socket
import ssl
import threading
import time

from harness import LONG, Org, Smtp, run, wait_until

org = Org(Limits={"SessionsPerAddress": "300", "MessageSize": "2M"})


def still_well():
    s = Smtp(org.smtp)
    assert s.cmd("HELO well") == "250 OK"
    assert s.send("a@far.example", ["alice@example.com"], b"Subject: well\r\n\r\nwell\r\n").startswith("250")
    s.close()


def talk(port, data, pieces=1, read=True, source="127.0.0.1"):
    s = socket.create_connection(("127.0.0.1", port), 20, source_address=(source, 0))
    s.settimeout(20)
    got = b""
    try:
        step = max(1, len(data) // pieces)
        for at in range(0, len(data), step):
            s.sendall(data[at:at + step])
        s.shutdown(socket.SHUT_WR)
        while read:
            more = s.recv(65536)
            if not more:
                break
            got += more
    except OSError:
        pass
    s.close()
    return got


def test_huge_lines_do_not_grow_the_server():
    for port in (org.smtp, org.pop3, org.imap):
        talk(port, b"A" * 4_000_000 + b"\r\nNOOP\r\n")
        talk(port, b"A001 LOGIN {99999999999999999999}\r\n" + b"x" * 100000)
        talk(port, b"\x00" * 100000)
        talk(port, os.urandom(200000))
    with open(f"/proc/{org.process.child.pid}/status") as f:
        rss = next(int(l.split()[1]) for l in f if l.startswith("VmRSS"))
    assert rss < 1_500_000, f"{rss} KiB"
    still_well()


def test_half_lines_and_silence():
    for port in (org.smtp, org.pop3, org.imap):
        for text in (b"", b"H", b"EHLO", b"USER al", b"a1 LOGIN alice {5+}\r\nab", b"\r", b"\n", b"\r\n" * 100):
            talk(port, text, read=False)
    still_well()


def test_only_crlf_dot_crlf_ends_the_data():
    for bad in (b"\n.\n", b"\n.\r\n", b"\r.\r", b"\r\n.\n", b"\r\n.\r", b"\r.\r\n"):
        s = Smtp(org.smtp)
        s.cmd("EHLO smuggler")
        s.cmd("MAIL FROM:<a@far.example>")
        s.cmd("RCPT TO:<alice@example.com>")
        s.cmd("DATA")
        s.raw(b"Subject: one\r\n\r\ntext" + bad + b"MAIL FROM:<forged@example.com>\r\nRCPT TO:<bob@example.com>\r\nDATA\r\n")
        s.socket.settimeout(0.5)
        try:
            early = s.file.readline()
        except OSError:
            early = b""
        assert early == b"", (bad, early)
        s.close()
    still_well()


def test_pipelined_commands_are_answered_in_order():
    body = b"Subject: piped\r\n\r\nx\r\n.\r\n"
    got = talk(org.smtp, b"EHLO pipe\r\nMAIL FROM:<a@far.example>\r\nRCPT TO:<alice@example.com>\r\nRCPT TO:<x@far.example>\r\nDATA\r\n" + body +
               b"MAIL FROM:<a@far.example>\r\nRCPT TO:<bob@example.com>\r\nDATA\r\n" + body + b"NOOP\r\nQUIT\r\n", pieces=1)
    codes = [l[:3] for l in got.split(b"\r\n") if l[3:4] == b" "]
    assert codes == [b"220", b"250", b"250", b"250", b"550", b"354", b"250", b"250", b"250", b"354", b"250", b"250", b"221"], codes
    again = talk(org.smtp, b"EHLO pipe\r\nMAIL FROM:<a@far.example>\r\nRCPT TO:<alice@example.com>\r\nDATA\r\n" + body + b"QUIT\r\n", pieces=10**6)
    assert again.count(b"250 OK\r\n") == 1 and again.endswith(b"221 closing connection\r\n"), again


def test_nothing_said_before_tls_counts_after_it():
    s = socket.create_connection(("127.0.0.1", org.smtp), 20)
    s.recv(500)
    s.sendall(b"EHLO a\r\n")
    s.recv(1000)
    s.sendall(b"STARTTLS\r\nMAIL FROM:<injected@example.com>\r\n")
    assert s.recv(500).startswith(b"220")
    tls = ssl._create_unverified_context().wrap_socket(s)
    tls.sendall(b"RCPT TO:<alice@example.com>\r\n")
    assert tls.recv(500).startswith(b"503"), "a recipient without MAIL"
    tls.sendall(b"EHLO a\r\n")
    assert b"STARTTLS" not in tls.recv(1000)
    tls.close()


def test_hundreds_of_connections_and_the_limit_of_one_address():
    held = []
    refused = 0
    for n in range(400):
        s = socket.create_connection(("127.0.0.1", org.smtp), 20, source_address=("127.0.0.7", 0))
        s.settimeout(20)
        line = s.recv(200)
        if line.startswith(b"220"):
            held.append(s)
        else:
            assert line.startswith(b"421") or line == b"", line
            refused += 1
            s.close()
    assert len(held) == 300 and refused == 100, (len(held), refused)
    still_well()
    for s in held:
        s.close()
    wait_until(lambda: talk(org.smtp, b"QUIT\r\n", source="127.0.0.7").startswith(b"220"), 20, "room for the address")


def test_I_005_P_007_S_020_what_a_refused_connection_is_told():
    told = {org.pop3: b"-ERR Connection refused\r\n", org.imap: b"* BYE Connection refused\r\n",
            org.smtp: b"421 Too many connections. Connection Closing.\r\n"}
    for n, (port, words) in enumerate(told.items()):
        held, last = [], b""
        while len(held) < 400 and last != words:
            held.append(socket.create_connection(("127.0.0.1", port), 20, source_address=(f"127.0.0.{20 + n}", 0)))
            held[-1].settimeout(20)
            last = held[-1].recv(200)
        assert last == words, (last, words)
        assert held[-1].recv(200) == b"", "it is closed at once"
        assert len(held) == 301, len(held)
        for s in held:
            s.close()
    still_well()


def test_a_client_that_does_not_read_does_not_stop_others():
    s = Smtp(org.smtp)
    s.cmd("EHLO x")
    stuck = socket.create_connection(("127.0.0.1", org.smtp), 20)
    stuck.setblocking(False)
    sent = 0
    for _ in range(200):
        try:
            sent += stuck.send(b"NOOP\r\n" * 2000)
        except BlockingIOError:
            break
    begin = time.monotonic()
    still_well()
    stuck.close()


def test_oversize_is_refused_and_the_session_lives():
    s = Smtp(org.smtp)
    s.cmd("EHLO x")
    assert s.cmd("MAIL FROM:<a@far.example> SIZE=3000000").startswith("552")
    answer = s.send("a@far.example", ["alice@example.com"], (b"q" * 998 + b"\r\n") * 3000)
    assert answer.startswith("552"), answer
    assert s.send("a@far.example", ["alice@example.com"], b"Subject: small\r\n\r\n").startswith("250")
    s.close()


def test_random_bytes_never_end_the_server():
    rounds = 2000 if LONG else 150
    rng = random.Random(int(os.environ.get("IMS_TEST_SEED", "5")))
    words = [b"EHLO a\r\n", b"MAIL FROM:<a@b>\r\n", b"RCPT TO:<alice@example.com>\r\n", b"DATA\r\n", b".\r\n", b"AUTH PLAIN\r\n", b"=\r\n",
             b"STARTTLS\r\n", b"a1 LOGIN alice pw-alice-1\r\n", b"a2 SELECT INBOX\r\n", b"a3 FETCH 1:* (BODY[1.2.3.HEADER])\r\n",
             b"a4 APPEND INBOX {3+}\r\nabc\r\n", b"a5 SEARCH OR (TEXT x) NOT NOT UID 1:*\r\n", b"a6 IDLE\r\n", b"DONE\r\n", b"a7 STORE 1:* +FLAGS (\\Deleted $x)\r\n",
             b"USER alice\r\n", b"PASS pw-alice-1\r\n", b"RETR 1\r\n", b"TOP 1 5\r\n", b"UIDL\r\n", b"DELE 1\r\n", b"QUIT\r\n", b"\xff\x00\x80", b"{", b"(((("]
    for n in range(rounds):
        data = b"".join(rng.choice(words) if rng.random() < 0.8 else os.urandom(rng.randrange(60)) for _ in range(rng.randrange(1, 25)))
        talk(rng.choice((org.smtp, org.pop3, org.imap)), data, pieces=rng.choice((1, 3, 10)), read=rng.random() < 0.5)
    still_well()


def test_the_server_ends_clean():
    org.stop()


run(globals())
