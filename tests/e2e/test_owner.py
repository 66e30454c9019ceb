"""imsd started by root works as the owner of its data directory, so that nothing comes out of his reach."""
import os
import poplib
import pwd
import shutil
import subprocess

from harness import IMSD, Org, Process, Skip, Smtp, command, run, wait_until

USER = "games"
poplib._MAXLINE = 10_000


def make():
    """An organisation whose folder another user owns."""
    if os.getuid() != 0:
        raise Skip("needs root")
    try:
        entry = pwd.getpwnam(USER)
    except KeyError:
        raise Skip(f"there is no user {USER}")
    made = Org(mailboxes=("alice",), start=False)
    # a program in a place that the user can reach, wherever this tree lies
    made.program = made.path("imsd")
    shutil.copy(IMSD, made.program)
    os.chmod(made.program, 0o755)
    command("chown", "-R", USER, made.dir)
    # the leak check traces its own process, which one that changed its user may not
    os.environ["ASAN_OPTIONS"] = os.environ.get("ASAN_OPTIONS", "") + ":detect_leaks=0"
    return made, entry


def start():
    org.process = Process([org.program, "--config", org.conf], org.path("imsd.out"))
    for port in (org.smtp, org.pop3, org.imap):
        org.process.wait_port(port)


def foreign():
    """What in the folder does not belong to the user."""
    return [os.path.join(d, n) for d, ds, fs in os.walk(org.dir) for n in ds + fs
            if os.lstat(os.path.join(d, n)).st_uid != owner.pw_uid and n != "imsd.out"]


def check_threads():
    pid = org.process.child.pid
    for task in os.listdir(f"/proc/{pid}/task"):
        with open(f"/proc/{pid}/task/{task}/status") as f:
            status = {l.split(":")[0]: l.split()[1:] for l in f}
        assert set(status["Uid"]) == {str(owner.pw_uid)}, status
        assert set(status["Gid"]) == {str(os.stat(org.dir).st_gid)}, status
        assert int(status["CapEff"][0], 16) in (0, 1 << 10) and int(status["CapPrm"][0], 16) in (0, 1 << 10), status
        assert status["NoNewPrivs"] == ["1"], status


def send_large():
    s = Smtp(org.smtp)
    s.cmd("EHLO large")
    assert s.send("a@far.example", ["alice@example.com"], b"Subject: large\r\n\r\n" + (b"y" * 98 + b"\r\n") * 3000).startswith("250")
    s.close()


def test_root_becomes_the_owner_and_cannot_come_back():
    global org, owner
    org, owner = make()
    start()
    check_threads()
    send_large()
    assert not foreign(), foreign()


def test_a_restart_stays_the_owner_and_he_reads_everything():
    if "org" not in globals():
        raise Skip("needs root")
    before = org.ctl_json("status")["started_usec"]
    org.ctl("restart")
    wait_until(lambda: org.ctl_json("status")["started_usec"] > before, 20)
    check_threads()
    send_large()
    org.stop()
    assert not foreign(), foreign()
    org.process = Process(["runuser", "-u", USER, "--", org.program, "--config", org.conf], org.path("imsd.out"))
    org.process.wait_port(org.pop3)
    p = poplib.POP3("127.0.0.1", org.pop3)
    p.user("alice")
    p.pass_(org.passwords["alice"])
    assert p.stat()[0] == 2
    for n in (1, 2):
        assert len(p.retr(n)[1]) > 3000
    p.quit()
    org.ctl("stop")
    org.process.child.wait(20)


def test_a_file_that_the_owner_cannot_read_is_named_at_the_start():
    if "org" not in globals():
        raise Skip("needs root")
    os.chown(org.conf, 0, 0)
    os.chmod(org.conf, 0o600)
    done = subprocess.run([org.program, "--config", org.conf], capture_output=True, text=True, timeout=30)
    assert done.returncode == 1 and org.conf in done.stderr and USER in done.stderr, done.stderr


run(globals())
