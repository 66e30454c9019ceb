"""Every command of imsctl, while imsd runs and while it does not; exit statuses, JSON, and the manual page."""
import json
import os
import re
import smtplib
import subprocess
import tempfile

from harness import IMSCTL, IMSD, TOP, Org, command, free_ports, run

org = Org(start=False)




def failing(*args, status=1, stdin=None):
    done = subprocess.run([IMSCTL, "--config", org.conf, *args], input=stdin, capture_output=True, text=True, timeout=60)
    assert done.returncode == status, (args, done)
    assert done.stderr.startswith("imsctl: "), done.stderr
    return done.stderr


def test_manual_page_has_every_command():
    with open(os.path.join(TOP, "docs", "man", "imsctl.1")) as f:
        page = re.sub(r"\\f[BIR]|\\", "", f.read()).replace("|", " ")
    commands = re.findall(r"^  (\S+(?: \S+)?)  +\S", command(IMSCTL, "--help"), re.M)
    assert len(commands) > 30, commands
    for name in commands:
        words = name.split()
        if words[0] == "queue" and words[-1] in ("hold", "release", "delete"):
            assert re.search(rf"queue retry.*{words[1]}", page), name
        else:
            assert re.search(rf"(^(\.B )?|, ){name}\b", page, re.M), name


def test_every_command_has_help():
    commands = re.findall(r"^  (\S+(?: \S+)?)  +\S", command(IMSCTL, "--help"), re.M)
    for name in commands:
        assert f"imsctl {name}" in command(IMSCTL, *name.split(), "--help")
    assert command(IMSCTL, "--version").startswith("imsctl ")
    assert command(IMSD, "--version").startswith("imsd ")


def test_wrong_usage_is_status_2():
    for args in ((), ("frob",), ("mailbox",), ("mailbox", "frob"), ("mailbox", "add"), ("mailbox", "list", "x"),
                 ("status", "--bogus"), ("queue", "retry"), ("queue", "retry", "x"), ("queue", "retry", "1", "--all"),
                 ("queue", "delete", "1"), ("mailbox", "remove", "alice"), ("explain", "a@b"),
                 ("explain", "--client", "x", "a@b"), ("explain", "--client", "1.2.3.4"),
                 ("explain", "--client", "1.2.3.4", "--logon", "smtp", "a@b"),
                 ("explain", "--client", "1.2.3.4", "--logon", "pop3", "--authenticated", "x", "a@b"),
                 ("account", "add", "x"), ("account", "add", "x", "--random", "--password-stdin")):
        done = subprocess.run([IMSCTL, "--config", org.conf, *args], stdin=subprocess.DEVNULL, capture_output=True,
                              text=True, timeout=60)
        assert done.returncode == 2, (args, done)


def test_a_mistyped_file_is_named():
    for words in (["status"], ["stop"], ["start"], ["restart"], ["mailbox", "list"]):
        done = subprocess.run([IMSCTL, "--config", org.path("mistyped.conf"), *words], capture_output=True, text=True, timeout=60)
        assert done.returncode == 1 and "mistyped.conf" in done.stderr and "no such file" in done.stderr.lower(), (words, done)


def test_a_custom_recipient_without_target_names_the_option():
    assert "--target" in failing("recipient", "add", "carol", status=2)


def test_explain_asks_the_directory():
    def explained(recipient, status):
        return json.loads(org.ctl("explain", "--json", "--client", "192.0.2.7", recipient, status=status))[0]

    for running in (False, True):
        if running:
            org.start()
        nobody = explained("nobody@example.com", 1)
        assert nobody["reply"].startswith("550 ") and nobody["reason"] == "unknown-recipient" and not nobody["accepted"], nobody
        assert explained("alice@example.com", 0)["reply"] == "250 OK - Recipient <alice@example.com>"
        assert explained("postmaster@example.com", 0)["accepted"]
    org.stop()
    # a file with no directory beside it: nothing is made, and the explanation says that nobody was asked
    with tempfile.TemporaryDirectory() as folder:
        conf = os.path.join(folder, "ims.conf")
        with open(conf, "w") as f:
            f.write("[Routing]\nRerouteIncomingMail = yes\n[Routing List]\nexample.com = <inbound>\n")
        text = command(IMSCTL, "--config", conf, "explain", "--client", "192.0.2.7", "nobody@example.com")
        assert "the directory was not asked" in text, text
        assert os.listdir(folder) == ["ims.conf"], os.listdir(folder)


def test_what_check_says():
    with tempfile.TemporaryDirectory() as folder:
        conf = os.path.join(folder, "ims.conf")

        def checked(text):
            with open(conf, "w") as f:
                f.write(text)
            done = subprocess.run([IMSCTL, "--config", conf, "check"], capture_output=True, text=True, timeout=60)
            assert done.returncode == 2, done
            return done.stdout + done.stderr

        for entry in ("[Routing List]\n*.example.com = <inbound>\n", "[Routing List]\nx.example = <foo>\n",
                      "[Routing Restrictions]\nRelayAllowList = 1.2.3;255.0.0.0\n"):
            text = checked(entry)
            assert text.count("expected") == 1, text
            assert "1 error, " in text, text
        text = checked(f"[TLS]\nCertificateFile = {folder}/none.pem\nKeyFile = {folder}/none.key\n[Listeners]\nIMAP4TLS = 127.0.0.1:39993\n")
        assert "none.pem: No such file or directory" in text, text


def test_status_without_a_service():
    assert "does not run" in failing("status")
    assert json.loads(org.ctl("status", "--json", status=1)) == {"running": False}
    assert "not running" in org.ctl("stop")


def test_explain():
    refused = org.ctl("explain", "--client", "192.0.2.7", "x@far.example", status=1)
    assert "550 Relaying is prohibited" in refused and "R-056" in refused and "Q193922" in refused
    org.ctl("explain", "--client", "192.0.2.7", "alice@example.com")
    org.ctl("explain", "--client", "192.0.2.7", "--authenticated", "alice", "x@far.example")
    org.ctl("explain", "--client", "192.0.2.7", "--logon", "imap4", "<x@far.example>")
    org.ctl("explain", "--client", "192.0.2.7", "alice@example.com", "x@far.example", status=1)
    verdict = json.loads(org.ctl("explain", "--json", "--client", "192.0.2.7", "x@far.example", status=1))[0]
    assert verdict["accepted"] is False and verdict["reply"] == "550 Relaying is prohibited" and verdict["chain"]


def test_check_and_settings():
    assert "0 errors" in org.ctl("check")
    text = org.ctl("settings", "RelayFlags")
    assert "Q193922" in text and "In the file: authenticated" in text
    rows = json.loads(org.ctl("settings", "--json"))
    assert len(rows) > 50 and all(r["meaning"] and r["expected"] and r["source"] for r in rows)
    with tempfile.TemporaryDirectory() as folder:
        path = os.path.join(folder, "ims.conf")
        for content, status, word in (("[Routing]\nRerouteIncomingMail = yes\n", 1, "R-059"),
                                      ("[Routing]\nX = 1\nY = 2\n", 2, "ims.conf:3"),
                                      ("[TLS]\nCertificateFile = no.pem\nKeyFile = no.pem\n", 2, "no.pem")):
            with open(path, "w") as f:
                f.write(content)
            assert word in command(IMSCTL, "--config", path, "check", status=status)
            found = json.loads(command(IMSCTL, "--json", "--config", path, "check", status=status))
            assert found["errors" if status == 2 else "warnings"], found


def play_directory():
    """One life of recipients and accounts. Ends as it began."""
    out = [org.ctl("mailbox", "add", "carol", "--name", "Carol C", "--address", "carol@example.com", "--address",
                   "c@example.com", "--password-stdin", stdin="secret-1\n")]
    out.append(org.ctl("mailbox", "show", "carol"))
    out.append(failing("mailbox", "add", "carol", "--random"))
    out.append(failing("mailbox", "add", "dora", "--address", "c@example.com", "--random"))
    out.append(failing("account", "show", "dora"))
    out.append(org.ctl("mailbox", "change", "carol", "--add-address", "cc@example.com", "--remove-address", "c@example.com",
                       "--hidden"))
    out.append(json.loads(org.ctl("mailbox", "show", "carol", "--json"))["addresses"])
    out.append(org.ctl("recipient", "add", "fred", "--target", "fred@far.example"))
    out.append(org.ctl("recipient", "change", "fred", "--target", "f@far.example"))
    out.append(org.ctl("recipient", "show", "fred"))
    out.append(org.ctl("list", "add", "team", "--member", "carol", "--member", "fred"))
    out.append(failing("list", "change", "team", "--add-member", "nobody"))
    out.append(org.ctl("list", "change", "team", "--add-member", "alice", "--remove-member", "fred"))
    out.append(org.ctl("list", "show", "team"))
    out.append(org.ctl("list", "list"))
    out.append(org.ctl("recipient", "list"))
    out.append(failing("recipient", "show", "team"))
    out.append(org.ctl("account", "disable", "carol"))
    out.append(json.loads(org.ctl("account", "show", "carol", "--json"))["enabled"])
    out.append(org.ctl("account", "enable", "EXAMPLE\\carol"))
    out.append(org.ctl("account", "unlock", "carol"))
    out.append(org.ctl("account", "password", "carol", "--password-stdin", stdin="secret-2\n"))
    out.append(failing("account", "password", "carol", "--password-stdin", status=2, stdin="\n"))
    out.append(org.ctl("list", "remove", "team"))
    out.append(org.ctl("recipient", "remove", "fred"))
    out.append(org.ctl("mailbox", "remove", "carol", "--yes"))
    out.append(failing("mailbox", "show", "carol"))
    out.append(failing("account", "show", "carol"))
    out.append(org.ctl("mailbox", "list"))
    out.append(org.ctl("logons", "list"))
    out.append(failing("logons", "clear", "1.2.3"))
    out.append(org.ctl("queue", "list"))
    out.append(org.ctl("queue", "domains"))
    out.append(failing("queue", "show", "99"))
    out.append(org.ctl("queue", "retry", "--all"))
    return out


def test_online_answers_are_the_same():
    offline = play_directory()
    org.ctl("start")
    try:
        online = play_directory()
        for a, b in zip(offline, online):
            assert a == b, (a, b)
    finally:
        org.ctl("stop")


def test_made_password_works():
    org.ctl("start")
    try:
        made = json.loads(org.ctl("mailbox", "add", "erin", "--random", "--json"))
        s = smtplib.SMTP("127.0.0.1", org.smtp, timeout=20)
        s.login("erin", made["password"])
        s.quit()
        org.ctl("mailbox", "remove", "erin", "--yes")
        assert made["password"] not in open(org.log).read()
    finally:
        org.ctl("stop")


def test_setup_answers_and_gateway():
    with tempfile.TemporaryDirectory() as folder:
        conf, answers = os.path.join(folder, "ims.conf"), os.path.join(folder, "answers")
        ctl = lambda *args, status=0: command(IMSCTL, "--config", conf, *args, status=status)
        base = free_ports(1)[0] - 25
        with open(answers, "w") as f:
            f.write(f"HostName = mail.example.com\nListenAddress = 127.0.0.1\nPortBase = {min(max(base, 1000), 60000)}\n")
        made = json.loads(ctl("setup", "--answers", answers, "--json"))
        assert "RerouteIncomingMail = no" in open(conf).read(), "the answer that nobody gave is no"
        assert made["administrator"] == "administrator" and len(made["password"]) >= 12
        assert os.stat(os.path.join(folder, "key.pem")).st_mode & 0o777 == 0o600
        assert "0 errors" in ctl("check")
        ctl("setup", "--answers", answers, status=1)
        with open(answers, "a") as f:
            f.write("RerouteIncomingMail = yes\n")
        ctl("setup", "--answers", answers, "--force")
        text = open(conf).read()
        assert "example.com = <inbound>" in text and "RelayFlags = authenticated" in text and "LogonWindowExcept" in text
        assert os.path.exists(conf + ".old")
        ctl("setup", "--answers", answers, "--force", "--gateway", "10.0.0.0/8", "192.168.1.0;255.255.255.0", status=0)
        ctl("explain", "--client", "10.9.9.9", "x@far.example")
        ctl("explain", "--client", "192.168.1.77", "x@far.example")
        ctl("explain", "--client", "192.168.2.77", "x@far.example", status=1)
        ctl("setup", "--answers", answers, "--force", "--gateway", "10.0.0.1/8", status=2)
        with open(answers, "w") as f:
            f.write("HostName = a b\nColour = red\nDelivery = DNS\nDelivery = DNS\nnonsense\n")
        done = subprocess.run([IMSCTL, "--config", conf, "setup", "--force", "--answers", answers], capture_output=True, text=True)
        assert done.returncode == 2
        for words in ("answers:1: HostName: a b: a host name", "answers:2: Colour", "answers:4: Delivery: it is given already",
                      "answers:5: nonsense"):
            assert words in done.stderr, done.stderr


run(globals())
