"""What the end-to-end tests share: an organisation with a running server, a TAP runner, small clients.

A test is a function named test_*; run(globals()) runs them in order and speaks TAP. Each server listens on free ports of
127.0.0.1, keeps its state in a temporary folder, and is ended by the process that started it, by its id.
"""
import atexit
import inspect
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
import traceback

TOP = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
BUILD = os.environ.get("IMS_BUILD", os.path.join(TOP, "build-test"))
IMSD = os.path.join(BUILD, "ims", "imsd")
IMSCTL = os.path.join(BUILD, "tools", "imsctl")
LONG = bool(os.environ.get("IMS_TEST_LONG"))


class Skip(Exception):
    """A test raises it where the machine cannot play it; the reason is printed."""


def run(names):
    tests = [(n, f) for n, f in names.items() if n.startswith("test_") and inspect.isfunction(f)]
    failed = 0
    for number, (name, function) in enumerate(tests, 1):
        try:
            function()
            print(f"ok {number} - {name}", flush=True)
        except Skip as reason:
            print(f"ok {number} - {name} # SKIP {reason}", flush=True)
        except BaseException as error:  # an assertion, a time-out, a client that failed
            failed += 1
            print(f"not ok {number} - {name}", flush=True)
            for line in traceback.format_exc().splitlines():
                print(f"  {line[:2000]}", flush=True)
            if isinstance(error, KeyboardInterrupt):
                raise
    print(f"1..{len(tests)}", flush=True)
    sys.exit(1 if failed else 0)


def free_ports(count, address="127.0.0.1"):
    sockets = [socket.socket() for _ in range(count)]
    for s in sockets:
        s.bind((address, 0))
    ports = [s.getsockname()[1] for s in sockets]
    for s in sockets:
        s.close()
    return ports


def wait_until(condition, seconds=20, what="the condition"):
    """Waits for condition() to be true, at most so long; returns what it returned."""
    end = time.monotonic() + seconds
    while True:
        value = condition()
        if value:
            return value
        assert time.monotonic() < end, f"waited {seconds} s for {what}"
        time.sleep(0.02)


def command(*args, status=0, stdin=None, timeout=60, env=None):
    """Runs a command; its exit status must be `status` (None: any). Returns its standard output."""
    done = subprocess.run([str(a) for a in args], input=stdin, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                          timeout=timeout, text=not isinstance(stdin, bytes), env=env)
    if status is not None:
        assert done.returncode == status, f"{args}: exit {done.returncode}\n{done.stdout}\n{done.stderr}"
    return done.stdout


def need(program):
    path = shutil.which(program) or shutil.which(program, path="/usr/sbin:/sbin")
    if not path:
        raise Skip(f"{program} is not installed")
    return path


class Process:
    """A service that a test starts and stops."""

    def __init__(self, args, log, env=None, cwd=None):
        self.log = log
        self.output = open(log, "ab")
        self.child = subprocess.Popen([str(a) for a in args], stdin=subprocess.DEVNULL, stdout=self.output,
                                      stderr=subprocess.STDOUT, env=env, cwd=cwd)
        atexit.register(self.kill)

    def wait_port(self, port, address="127.0.0.1", seconds=30):
        def ready():
            assert self.child.poll() is None, f"ended with {self.child.returncode}: {self.tail()}"
            with socket.socket() as s:
                s.settimeout(1)
                return s.connect_ex((address, port)) == 0
        wait_until(ready, seconds, f"port {port}")

    def tail(self):
        with open(self.log, "rb") as f:
            return f.read()[-3000:].decode("utf-8", "replace")

    def stop(self, seconds=20):
        if self.child.poll() is None:
            self.child.send_signal(signal.SIGTERM)
            self.child.wait(seconds)
        self.output.close()
        return self.child.returncode

    def kill(self):
        if self.child.poll() is None:
            self.child.kill()
            self.child.wait(10)


class Org:
    """An organisation: example.com, mailboxes, a running imsd."""

    def __init__(self, mailboxes=("alice", "bob"), flags="authenticated", extra="", reroute="yes", routing=None,
                 directory=None, start=True, **sections):
        self.dir = directory or tempfile.mkdtemp(prefix="ims-e2e-")
        atexit.register(shutil.rmtree, self.dir, True)
        ports = free_ports(6)
        (self.smtp, self.smtps, self.pop3, self.pop3s, self.imap, self.imaps) = ports
        self.conf = os.path.join(self.dir, "ims.conf")
        self.log = os.path.join(self.dir, "imsd.log")
        self.flags, self.extra, self.reroute, self.sections = flags, extra, reroute, sections
        self.routing = routing or {"example.com": "<inbound>"}
        self.passwords = {}
        self.process = None
        self.certificate()
        self.write_conf()
        for name in mailboxes:
            self.add_mailbox(name)
        if start:
            self.start()

    def certificate(self):
        command("openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "30",
                "-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost,IP:127.0.0.1",
                "-keyout", self.path("key.pem"), "-out", self.path("cert.pem"))

    def path(self, *parts):
        return os.path.join(self.dir, *parts)

    def write_conf(self):
        listen = {"SMTP": self.smtp, "SubmissionTLS": self.smtps, "POP3": self.pop3, "POP3TLS": self.pop3s,
                  "IMAP4": self.imap, "IMAP4TLS": self.imaps}
        groups = {
            "Server": {"HostName": "mail.example.com", "SiteDomain": "example.com", "Organization": "Example",
                       "Site": "Site1", "LogFile": self.log},
            "Listeners": {**{k: f"127.0.0.1:{p}" for k, p in listen.items()}, "ClearTextLogon": "yes"},
            "TLS": {"CertificateFile": self.path("cert.pem"), "KeyFile": self.path("key.pem")},
            "Routing": {"RerouteIncomingMail": self.reroute},
            "Routing List": self.routing,
            "Routing Restrictions": {"RelayFlags": self.flags},
            "Internet Mail": {"AdministratorsMailbox": "alice"},
        }
        for group, keys in self.sections.items():
            groups.setdefault(group.replace("_", " "), {}).update(keys)
        with open(self.conf, "w") as f:
            for group, keys in groups.items():
                f.write(f"[{group}]\n")
                for key, value in keys.items():
                    f.write(f"{key} = {value}\n" if not key.startswith("#") else f'"{key}" = {value}\n')
                f.write("\n")
            f.write(self.extra)

    def ctl(self, *args, status=0, stdin=None, timeout=60):
        return command(IMSCTL, "--config", self.conf, *args, status=status, stdin=stdin, timeout=timeout)

    def ctl_json(self, *args, status=0):
        return json.loads(self.ctl(*args, "--json", status=status))

    def add_mailbox(self, name, password=None):
        password = password or f"pw-{name}-1"
        self.ctl("mailbox", "add", name, "--address", f"{name}@example.com", "--password-stdin", stdin=password + "\n")
        self.passwords[name] = password

    def start(self):
        self.process = Process([IMSD, "--config", self.conf], self.path("imsd.out"))
        for port in (self.smtp, self.pop3, self.imap):
            self.process.wait_port(port)

    def stop(self):
        """A graceful stop; the sanitizers must have found nothing."""
        status = self.process.stop()
        assert status == 0, f"imsd ended with {status}: {self.process.tail()}"

    def kill(self):
        self.process.kill()

    def restart(self):
        self.stop()
        self.start()

    def log_lines(self, event=None):
        if not os.path.exists(self.log):
            return []
        with open(self.log, encoding="utf-8", errors="replace") as f:
            lines = f.read().splitlines()
        return [l for l in lines if event is None or f" {event} " in l + " "]


class Smtp:
    """A raw SMTP dialogue, for what polite clients never send."""

    def __init__(self, port, source="127.0.0.1", timeout=30):
        self.socket = socket.create_connection(("127.0.0.1", port), timeout, source_address=(source, 0))
        self.file = self.socket.makefile("rb")
        self.greeting = self.reply()

    def reply(self):
        lines = []
        while True:
            line = self.file.readline()
            if not line:
                return "".join(lines) + "<closed>"
            line = line.decode("latin-1").rstrip("\r\n")
            lines.append(line)
            if len(line) < 4 or line[3] != "-":
                return "\n".join(lines)

    def raw(self, data):
        self.socket.sendall(data)

    def cmd(self, line):
        self.raw(line.encode() + b"\r\n")
        return self.reply()

    def send(self, sender, recipients, body):
        """A whole transaction; the last reply, or the first refusal."""
        answer = self.cmd(f"MAIL FROM:<{sender}>")
        for recipient in recipients:
            if answer.startswith("250"):
                answer = self.cmd(f"RCPT TO:<{recipient}>")
        if not answer.startswith("250"):
            return answer
        answer = self.cmd("DATA")
        if not answer.startswith("354"):
            return answer
        self.raw(body + b".\r\n")
        return self.reply()

    def close(self):
        self.file.close()
        self.socket.close()
