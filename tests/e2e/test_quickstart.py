"""tools/quickstart, as a newcomer types it, in folders of its own."""
import json
import os
import shutil
import socket
import subprocess
import tempfile

from harness import BUILD, TOP, Smtp, run

QUICKSTART = os.path.join(TOP, "tools", "quickstart")
folder = tempfile.mkdtemp(prefix="ims-quick-")
env = {**os.environ, "IMS_QUICKSTART_DEMO": os.path.join(folder, "demo"), "IMS_QUICKSTART_BUILD": BUILD}
OFFSETS = {"smtp": (525, 465), "pop3": (110, 995), "imap4": (143, 993)}


def free_base():
    for base in range(20000 + os.getpid() % 20000, 60000, 1100):
        try:
            sockets = [socket.create_server(("127.0.0.1", base + o)) for pair in OFFSETS.values() for o in pair]
        except OSError:
            continue
        for s in sockets:
            s.close()
        return base
    raise AssertionError("no free ports")


def quickstart(*args, status=0):
    done = subprocess.run([QUICKSTART, *args], capture_output=True, text=True, timeout=300, env=env, stdin=subprocess.DEVNULL)
    assert done.returncode == status, done
    return done


def facts(*args):
    return json.loads(quickstart(*args, "--json").stdout.splitlines()[-1])


def greeted(port):
    s = Smtp(port)
    s.close()
    return s.greeting.startswith("220 mail.example.com ")


def test_a_fresh_organisation():
    global first, base
    base = free_base()
    first = facts("--port-base", str(base), "--mailbox", "tester")
    for protocol, (plain, tls) in OFFSETS.items():
        assert (first[protocol]["port"], first[protocol]["tls_port"]) == (base + plain, base + tls)
    assert {a["user"] for a in first["accounts"]} == {"alice", "bob", "starttls", "tester"}
    assert greeted(base + 525)
    assert os.stat(os.path.join(folder, "demo", "accounts.json")).st_mode & 0o077 == 0


def test_a_second_run_changes_nothing():
    assert facts() == first


def test_other_ports_keep_what_was_edited():
    path = os.path.join(folder, "demo", "ims.conf")
    with open(path, "a") as f:
        f.write("\n# mine\n[Limits]\nHopLimit = 17\n")
    moved = base + 60  # 2465 + 60 is 2525: an old port is a new one
    facts("--port-base", str(moved))
    with open(path) as f:
        text = f.read()
    assert "# mine\n[Limits]\nHopLimit = 17\n" in text
    for pair in OFFSETS.values():
        for offset in pair:
            assert text.count(f"127.0.0.1:{moved + offset}\n") == 1, text
    assert greeted(moved + 525)


def test_mistakes_are_named():
    for args, word in ((("--port-base", "abc"), "abc"), (("--mailbox", "a b"), "a b")):
        assert word in quickstart(*args, status=1).stderr
    assert "--foo" in quickstart("--foo", status=2).stderr


def test_stop():
    assert "stopped" in quickstart("--stop").stdout
    assert "does not run" in quickstart("--stop").stdout
    shutil.rmtree(folder)


run(globals())
