"""Strangers are refused, colleagues relayed, and `imsctl explain` says the same as the server each time."""
import base64
import json
import poplib
import subprocess

from harness import IMSCTL, Org, Smtp, command, need, run, wait_until

org = Org(Routing_Restrictions={"LogonWindowMinutes": "1", "LogonWindowExcept": "127.0.0.9"},
          routing={"example.com": "<inbound>", "partner.example": "<relay>", "spam.example": "<blocked>",
                   "#lab.example.com": "lab.example.net"})
FAR = "someone@far.example"


def swaks(source, *more):
    """What swaks is told for RCPT TO of a foreign recipient."""
    done = subprocess.run([need("swaks"), "--server", "127.0.0.1", "--port", str(org.smtp), "--local-interface", source,
                           "--from", "a@far.example", "--to", FAR, "--quit-after", "RCPT", *more],
                          capture_output=True, text=True, timeout=60, stdin=subprocess.DEVNULL)
    lines = done.stdout.splitlines()
    at = next(i for i, line in enumerate(lines) if "RCPT TO:" in line)
    return lines[at + 1][4:].strip()


def explain(*args):
    done = subprocess.run([IMSCTL, "--config", org.conf, "explain", "--json", *args], capture_output=True, text=True, timeout=60)
    assert done.returncode in (0, 1), done.stderr
    return done.returncode == 0, json.loads(done.stdout)


def test_a_stranger_is_refused():
    assert swaks("127.0.0.2") == "550 Relaying is prohibited"
    accepted, _ = explain("--client", "127.0.0.2", FAR)
    assert not accepted


def test_after_auth_he_is_relayed():
    answer = swaks("127.0.0.2", "--auth", "LOGIN", "--auth-user", "alice", "--auth-password", org.passwords["alice"])
    assert answer == f"250 OK - Recipient <{FAR}>", answer
    accepted, _ = explain("--client", "127.0.0.2", "--authenticated", "alice", FAR)
    assert accepted


def test_a_wrong_password_gives_nothing():
    done = subprocess.run(["swaks", "--server", "127.0.0.1", "--port", str(org.smtp), "--local-interface", "127.0.0.2", "--to", FAR,
                           "--auth", "LOGIN", "--auth-user", "alice", "--auth-password", "wrong", "--quit-after", "AUTH"],
                          capture_output=True, text=True, timeout=60, stdin=subprocess.DEVNULL)
    assert "<** 535" in done.stdout, done.stdout
    assert swaks("127.0.0.2") == "550 Relaying is prohibited"


def pop_logon(source, password=None):
    p = poplib.POP3("127.0.0.1", org.pop3, timeout=30)
    p.close()
    import socket
    s = socket.create_connection(("127.0.0.1", org.pop3), 30, source_address=(source, 0))
    f = s.makefile("rwb")
    f.readline()
    for line in (b"USER bob", b"PASS " + (password or org.passwords["bob"]).encode(), b"QUIT"):
        f.write(line + b"\r\n")
        f.flush()
        answer = f.readline()
    s.close()
    return answer


def test_a_pop3_logon_lets_its_address_relay():
    assert swaks("127.0.0.3") == "550 Relaying is prohibited"
    pop_logon("127.0.0.3", "wrong")
    assert swaks("127.0.0.3") == "550 Relaying is prohibited"
    pop_logon("127.0.0.3")
    assert swaks("127.0.0.3") == f"250 OK - Recipient <{FAR}>"
    assert swaks("127.0.0.4") == "550 Relaying is prohibited"
    accepted, _ = explain("--client", "127.0.0.3", "--logon", "pop3", FAR)
    assert accepted
    assert "127.0.0.3" in org.ctl("logons", "list")
    relayed = [l for l in org.log_lines("rcpt") if "127.0.0.3" in l and "logon-window" in l]
    assert relayed and "bob" in relayed[-1] and "pop3" in relayed[-1], relayed
    org.ctl("logons", "clear", "127.0.0.3")
    assert swaks("127.0.0.3") == "550 Relaying is prohibited"


def test_an_excepted_address_opens_no_window():
    pop_logon("127.0.0.9")
    assert swaks("127.0.0.9") == "550 Relaying is prohibited"


def test_the_window_survives_a_restart_and_closes_by_itself():
    pop_logon("127.0.0.5")
    org.restart()
    assert swaks("127.0.0.5") == f"250 OK - Recipient <{FAR}>"
    wait_until(lambda: swaks("127.0.0.5") == "550 Relaying is prohibited", 90, "the window of one minute to close")


def test_the_routing_list():
    s = Smtp(org.smtp, "127.0.0.6")
    s.cmd("EHLO client.far.example")
    s.cmd("MAIL FROM:<a@far.example>")
    for recipient, answer in (("alice@example.com", "250 OK - Recipient <alice@example.com>"),
                              ("x@partner.example", "250 OK - Recipient <x@partner.example>"),
                              ("x@sub.partner.example", "250 OK - Recipient <x@sub.partner.example>"),
                              ("x@spam.example", "550 "), ("x@lab.example.com", "550 Relaying is prohibited"),
                              ("x@far.example", "550 Relaying is prohibited"),
                              ("@example.com:x@far.example", "550 Relaying is prohibited"),
                              ("nobody@example.com", "550 "), ("a b@example.com", "553 malformed address: "),
                              ("IMCEASMTP-x+40far+2Eexample@example.com", "550 Relaying is prohibited")):
        got = s.cmd(f"RCPT TO:<{recipient}>")
        assert got.startswith(answer), (recipient, got)
        accepted, verdict = explain("--client", "127.0.0.6", recipient)
        assert accepted == got.startswith("250"), recipient
        assert verdict[0]["reply"] == got, (verdict, got)
    s.close()


def test_every_verdict_has_its_line_in_the_log():
    refused = [l for l in org.log_lines("rcpt") if "far.example" in l and "refuse" in l]
    assert refused and any("R-056" in l or "Q193922" in l for l in refused), refused[-3:]


def test_the_server_ends_clean():
    org.stop()


run(globals())
