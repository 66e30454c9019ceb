"""kill -9 in the middle of intake: what was acknowledged is there exactly once, what was not at most once."""
import imaplib
import os
import random
import shutil
import signal
import socket
import subprocess
import tempfile
import threading
import time

from harness import LONG, Org, Skip, Smtp, command, run, wait_until

KILLS = 30 if LONG else 8
SENDERS = 20
ACKS = 200 if LONG else 120
seed = int(os.environ.get("IMS_TEST_SEED", "20261125"))
random.seed(seed)
org = Org(mailboxes=("alice", "bob"), Limits={"Sessions": "2000"})


def sender(number, acked, sent, lock, stop):
    try:
        s = Smtp(org.smtp, timeout=20)
        s.cmd("EHLO crash")
        while not stop.is_set():
            with lock:
                name = f"m{len(sent)}"
                sent.append(name)
            size = 200000 if random.random() < 0.03 else random.randrange(100, 6000)
            body = f"Subject: {name}\r\n\r\n".encode() + b"x" * 70 * 0 + (b"y" * 98 + b"\r\n") * (size // 100)
            answer = s.send("a@far.example", ["alice@example.com", "bob@example.com"], body)
            if not answer.startswith("250"):
                return
            with lock:
                acked.append(name)
    except OSError:
        return


def names(mailbox):
    c = imaplib.IMAP4("127.0.0.1", org.imap)
    c.login(mailbox, org.passwords[mailbox])
    _, count = c.select(readonly=True)
    data = c.fetch("1:*", "(BODY.PEEK[HEADER.FIELDS (SUBJECT)])")[1] if count != [b"0"] else []
    c.logout()
    return [p[1].decode().strip()[9:] for p in data if isinstance(p, tuple)]


def test_kill_9_loses_and_doubles_nothing():
    acked, sent, lock = [], [], threading.Lock()
    slowest = 0
    for kill in range(KILLS):
        stop = threading.Event()
        threads = [threading.Thread(target=sender, args=(n, acked, sent, lock, stop)) for n in range(SENDERS)]
        goal = len(acked) + ACKS
        for t in threads:
            t.start()
        wait_until(lambda: len(acked) >= goal, 60, f"{ACKS} acknowledgements (seed {seed})")
        time.sleep(random.random() * 0.2)
        org.kill()
        stop.set()
        for t in threads:
            t.join()
        begin = time.monotonic()
        org.start()
        slowest = max(slowest, time.monotonic() - begin)
    for mailbox in ("alice", "bob"):
        found = names(mailbox)
        counts = {}
        for name in found:
            counts[name] = counts.get(name, 0) + 1
        lost = [n for n in acked if counts.get(n, 0) != 1]
        doubled = [n for n, c in counts.items() if c > 1]
        assert not lost, f"seed {seed}: {len(lost)} acknowledged messages are not there once: {lost[:5]}"
        assert not doubled, f"seed {seed}: doubled {doubled[:5]}"
        assert set(counts) <= set(sent)
    print(f"# {len(acked)} acknowledged, {KILLS} kills, slowest start {slowest:.2f} s")


def test_a_full_disk_refuses_and_loses_nothing():
    if os.getuid() != 0:
        raise Skip("needs root to mount a small file system")
    place = tempfile.mkdtemp(prefix="ims-full-")
    done = subprocess.run(["unshare", "--mount", "true"], capture_output=True)
    mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=24m", "tmpfs", place], capture_output=True, text=True)
    if mounted.returncode:
        os.rmdir(place)
        raise Skip(f"no small file system can be mounted: {mounted.stderr.strip()}")
    try:
        small = Org(mailboxes=("alice",), directory=place)
        s = Smtp(small.smtp)
        s.cmd("EHLO full")
        acked = 0
        body = b"Subject: fill\r\n\r\n" + (b"z" * 98 + b"\r\n") * 600
        for n in range(2000):
            answer = s.send("a@far.example", ["alice@example.com"], body)
            if not answer.startswith("250"):
                break
            acked += 1
        assert answer.startswith("452"), answer
        assert s.cmd("NOOP").startswith("250")
        c = imaplib.IMAP4("127.0.0.1", small.imap)
        c.login("alice", small.passwords["alice"])
        assert int(c.select()[1][0]) == acked, (acked, c.untagged_responses)
        # room comes back: mail is taken again
        c.store("1:*", "+FLAGS.SILENT", r"(\Deleted)")
        c.logout()
        small.stop()
        small.start()
        c = imaplib.IMAP4("127.0.0.1", small.imap)
        c.login("alice", small.passwords["alice"])
        assert int(c.select()[1][0]) == acked
        c.logout()
        small.stop()
    finally:
        subprocess.run(["umount", "-l", place], check=False)
        shutil.rmtree(place, True)


def test_a_store_of_a_newer_version_is_refused():
    import sqlite3
    org.stop()
    path = org.path("mdbdata", "priv.db")
    db = sqlite3.connect(path)
    version = db.execute("PRAGMA user_version").fetchone()[0]
    db.execute("PRAGMA user_version = 9999")
    db.close()
    done = subprocess.run([*org.process.child.args], capture_output=True, text=True, timeout=30)
    assert done.returncode != 0 and "newer" in done.stderr and "9999" in done.stderr, done.stderr
    db = sqlite3.connect(path)
    db.execute(f"PRAGMA user_version = {version}")
    db.close()
    org.start()


def test_the_server_ends_clean():
    org.stop()


run(globals())
