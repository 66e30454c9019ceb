"""Settings are read once, at start: an edit takes effect when the service is restarted, and not before (R-162, R-166)."""
import os
import smtplib
import socket
import subprocess
import threading
import time

from harness import IMSD, Org, Smtp, command, run, wait_until

org = Org()


def verdict(recipient="x@far.example"):
    s = Smtp(org.smtp, "127.0.0.2")
    s.cmd("HELO client")
    s.cmd("MAIL FROM:<a@far.example>")
    answer = s.cmd(f"RCPT TO:<{recipient}>")
    s.close()
    return answer


def test_an_edit_changes_nothing_until_restart():
    assert verdict().startswith("550")
    assert not org.ctl_json("status")["pending"]
    org.sections["Routing_Restrictions"] = {"RelayFlags": "allowed", "RelayAllowList": "127.0.0.2"}
    org.write_conf()
    pending = {p["key"] for p in org.ctl_json("status")["pending"]}
    assert pending == {"RelayFlags", "RelayAllowList"}, pending
    text = org.ctl("status")
    assert "RelayFlags" in text and "takes effect when the service is restarted" in text, text
    assert verdict().startswith("550")
    org.process.child.send_signal(1)  # SIGHUP reopens the log and reads no setting
    time.sleep(0.2)
    assert verdict().startswith("550")
    org.ctl("restart")
    wait_until(lambda: verdict().startswith("250"), 20, "the new setting")
    assert not org.ctl_json("status")["pending"]


def test_a_restart_says_goodbye_and_refuses_no_connection():
    idle = Smtp(org.smtp)
    idle.cmd("EHLO idle")
    stop = threading.Event()
    failures = []

    def knock():
        while not stop.is_set():
            try:
                s = socket.create_connection(("127.0.0.1", org.smtp), 20)
                s.settimeout(20)
                line = s.recv(200)
                if not (line.startswith(b"220") or line.startswith(b"421")):
                    failures.append(line)
                s.close()
            except OSError as error:
                failures.append(error)
            time.sleep(0.01)

    thread = threading.Thread(target=knock)
    thread.start()
    try:
        org.ctl("restart")
        assert idle.reply().startswith("421"), "a farewell was expected"
        wait_until(lambda: verdict().startswith("250"), 20)
    finally:
        stop.set()
        thread.join()
    assert not failures, failures[:3]


def check(text):
    path = org.path("bad.conf")
    with open(path, "wb") as f:
        f.write(text)
    done = subprocess.run([IMSD, "--check", "--config", path], capture_output=True, text=True, timeout=30)
    return done.returncode, done.stdout + done.stderr


def test_bad_configurations_are_named_by_line_and_stop_the_start():
    with open(org.conf, "rb") as f:
        good = f.read()
    for text, words in ((b"[Routing]\nRerouteIncomingMail = perhaps\n", ["bad.conf:2", "perhaps", "yes"]),
                        (b"[Routing]\nReroute = yes\n", ["bad.conf:2", "Reroute"]),
                        (b"[Nonsense]\nA = 1\n", ["bad.conf:1", "Nonsense"]),
                        (b"[Routing]\nRerouteIncomingMail = yes\nRerouteIncomingMail = no\n", ["bad.conf:3", "RerouteIncomingMail"]),
                        (b"[Listeners]\nSMTP = 127.0.0.1:99999\n", ["bad.conf:2", "99999"]),
                        (b"[Routing Restrictions]\nRelayFlags = 16\n", ["bad.conf:2", "16"]),
                        (b"[Routing Restrictions]\nRelayAllowList = 1.2.3;255.0.0.0\n", ["bad.conf:2", "1.2.3"]),
                        (b"[Routing List]\n*.example.com = <inbound>\n", ["bad.conf:2", "*"]),
                        (b"\x00\xff\xfe[garbage", ["bad.conf:1"]),
                        (b"[Limits]\nMessageSize = -5\nRecipients = many\n", ["bad.conf:2", "bad.conf:3", "-5", "many"])):
        status, output = check(text)
        assert status != 0, text
        for word in words:
            assert word in output, (text, output)
    org.sections["Limits"] = {"Recipients": "many"}
    org.write_conf()
    done = subprocess.run([IMSD, "--config", org.conf], capture_output=True, text=True, timeout=30)
    assert done.returncode != 0 and "many" in done.stderr
    assert verdict().startswith("250"), "the running service must not be disturbed"
    del org.sections["Limits"]
    org.write_conf()


def test_a_second_server_names_the_first():
    done = subprocess.run([IMSD, "--config", org.conf], capture_output=True, text=True, timeout=30)
    assert done.returncode != 0
    pid = org.ctl_json("status")["pid"]
    assert str(pid) in done.stderr, done.stderr


def test_the_server_ends_clean():
    pid = org.ctl_json("status")["pid"]
    org.ctl("stop")
    wait_until(lambda: not os.path.exists(f"/proc/{pid}") or open(f"/proc/{pid}/stat").read().split()[2] == "Z", 20, "the end")
    assert org.process.child.wait(10) == 0, org.process.tail()


run(globals())
