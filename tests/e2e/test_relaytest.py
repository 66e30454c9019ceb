"""imsctl relaytest says of real servers, open and closed, what they are: imsd, and Postfix, Exim, OpenSMTPD where they are installed."""
import json
import os
import shutil
import socket
import subprocess
import tempfile
import threading
import time

from harness import IMSCTL, Org, Process, Skip, command, free_ports, need, run

TARGET = "probe@far.example"
CLOSED, RELAYS, USAGE, UNKNOWN = 0, 1, 2, 3


def relaytest(port, *args, status, stdin=None, own="example.com", host="127.0.0.1"):
    out = command(IMSCTL, "--json", "relaytest", "--own", own, "--timeout", "20", *args, f"{host}:{port}",
                  status=status, stdin=stdin, timeout=180)
    return json.loads(out) if out else None


def probe(port, sink_port, status, wait=20, **more):
    return relaytest(port, "--probe", "--target", TARGET, "--sink", f"127.0.0.1:{sink_port}", "--wait", wait, status=status, **more)


def outcomes(result):
    return {(t["fact"], t.get("nmap", 0), t["rcpt_to"]): t["outcome"] for t in result["tests"] if "rcpt_to" in t}


def of(result, fact):
    return [t["outcome"] for t in result["tests"] if t["fact"] == fact]


def check_closed(port, sink_port, **more):
    """Without a probe nothing may be called proven; with one, nothing comes out."""
    result = relaytest(port, status=None, **more)
    assert result["verdict"] in ("closed", "undecided"), result
    assert of(result, "R-201") == ["refused"], result["tests"][0]
    assert result["counts"]["proven"] == 0 and result["counts"]["failed"] == 0, result["counts"]
    result = probe(port, sink_port, CLOSED, wait=3, **more)
    assert result["verdict"] == "closed", result
    return result


def check_open(port, sink_port, **more):
    """The same 250 is undecided without a probe, and proven with one."""
    result = relaytest(port, "--target", TARGET, status=UNKNOWN, **more)
    assert result["verdict"] == "undecided", result
    assert of(result, "R-201") == ["accepted"], result["tests"][0]
    result = probe(port, sink_port, RELAYS, **more)
    assert result["verdict"] == "relays" and of(result, "R-204") == ["proven"], result
    return result


# ---- imsd ----


def imsd(flags, sink_port, **restrictions):
    return Org(mailboxes=("alice",), Routing_Restrictions={"RelayFlags": flags, **restrictions},
               Connections={"EMailDomains": f"far.example;127.0.0.1:{sink_port}", "OpportunisticTLS": "no"})


def test_imsd_closed():
    sink_port, = free_ports(1)
    org = imsd("allowed", sink_port)
    result = check_closed(org.smtp, sink_port)
    assert of(result, "R-214") == ["refused", "refused"] and of(result, "R-217") == ["refused"], outcomes(result)
    org.stop()


def test_imsd_open():
    sink_port, = free_ports(1)
    org = imsd("none", sink_port)
    result = check_open(org.smtp, sink_port)
    # The route is cut and the recipient relayed; what is local by its form is not.
    assert of(result, "R-214") == ["proven", "proven"], outcomes(result)
    assert "proven" not in of(result, "R-207") + of(result, "R-210") + of(result, "R-215"), outcomes(result)
    org.stop()


def test_imsd_open_to_a_watched_mailbox():
    far = Org(mailboxes=("probe",), routing={"far.example": "<inbound>"}, Server={"SiteDomain": "far.example"}, flags="allowed",
              start=False)
    far.ctl("mailbox", "change", "probe", "--add-address", TARGET)
    far.start()
    org = imsd("none", far.smtp)
    url = f"pop3://probe@127.0.0.1:{far.pop3}"
    args = ["--probe", "--target", TARGET, "--watch", url, "--password-stdin", "--wait", "30"]
    result = relaytest(org.smtp, *args, status=RELAYS, stdin=far.passwords["probe"] + "\n")
    assert of(result, "R-201") == ["proven"], outcomes(result)
    # A mailbox that nobody could look into neither proves anything nor clears anybody.
    result = relaytest(org.smtp, *args[:-1], "1", status=UNKNOWN, stdin="wrong\n")
    assert result["verdict"] == "untested" and any("could not be watched" in n for n in result["notes"]), result
    org.stop()
    far.stop()


def test_a_logon_window_shows_as_what_it_is():
    """The window makes this client one that may relay; the tester looks into a mailbox only after its last form."""
    sink_port, = free_ports(1)
    org = imsd("authenticated", sink_port)
    result = probe(org.smtp, sink_port, CLOSED, wait=1)
    with socket.create_connection(("127.0.0.1", org.pop3), 20) as s:
        f = s.makefile("rb")
        f.readline()
        for line in (b"USER alice", b"PASS " + org.passwords["alice"].encode(), b"QUIT"):
            s.sendall(line + b"\r\n")
            assert f.readline().startswith(b"+OK")
    result = probe(org.smtp, sink_port, RELAYS)
    assert of(result, "R-201") == ["proven"], outcomes(result)
    org.stop()


# ---- who may be tested, and what is asked for ----


def test_only_near_hosts_unless_one_answers_for_them():
    def say(*args):
        done = subprocess.run([IMSCTL, "relaytest", "--own", "example.com", *args], capture_output=True, text=True, timeout=60)
        assert done.returncode == USAGE, done
        return done.stderr
    assert "--i-am-responsible-for 192.0.2.1" in say("192.0.2.1:25")
    assert "--i-am-responsible-for" in say("--i-am-responsible-for", "192.0.2.2", "192.0.2.1:25")
    assert "--i-am-responsible-for" in say("[2001:db8::1]:25")
    assert "--target" in say("--probe", "127.0.0.1:25")
    assert "--sink" in say("--probe", "--target", TARGET, "127.0.0.1:25")
    assert "own domain" in say("--target", "x@example.com", "127.0.0.1:25")
    assert "--probe" in say("--sink", "127.0.0.1:9", "127.0.0.1:25")
    assert "loopback" in say("--probe", "--target", TARGET, "--sink", "192.0.2.9:25", "127.0.0.1:25")
    assert "--own" in subprocess.run([IMSCTL, "relaytest", "127.0.0.1"], capture_output=True, text=True).stderr
    say("127.0.0.1:0")
    say("127.0.0.1:99999")
    say("--timeout", "0", "127.0.0.1:25")


def serve_hostile(answer):
    """A server whose each connection is handled by answer(socket); returns the port."""
    listener = socket.create_server(("127.0.0.1", 0))

    def loop():
        while True:
            s, _ = listener.accept()
            threading.Thread(target=one, args=(s,), daemon=True).start()

    def one(s):
        try:
            answer(s)
        except OSError:
            pass
        s.close()
    threading.Thread(target=loop, daemon=True).start()
    return listener.getsockname()[1]


def test_it_never_hangs():
    def silent(s):
        time.sleep(60)

    def drip(s):
        while True:
            s.sendall(b"2")
            time.sleep(0.3)

    def flood(s):
        while True:
            s.sendall(b"220-" + b"x" * 60000)

    def slam(s):
        pass

    for answer in (silent, drip, flood, slam):
        port = serve_hostile(answer)
        start = time.monotonic()
        out = command(IMSCTL, "--json", "relaytest", "--own", "example.com", "--timeout", "1", f"127.0.0.1:{port}", status=UNKNOWN,
                      timeout=30)
        assert json.loads(out)["verdict"] == "untested", answer
        assert time.monotonic() - start < 15, answer
    # Answers come, but slowly: the limit for all ends it.
    def slow(s):
        s.sendall(b"220 slow.example\r\n")
        for _ in s.makefile("rb"):
            time.sleep(0.7)
            s.sendall(b"250 well\r\n")
    start = time.monotonic()
    out = command(IMSCTL, "--json", "relaytest", "--own", "example.com", "--time-limit", "3", f"127.0.0.1:{serve_hostile(slow)}",
                  status=UNKNOWN, timeout=30)
    assert time.monotonic() - start < 10
    assert json.loads(out)["counts"]["not-tried"] > 20


# ---- the servers of Debian ----


def root():
    if os.getuid() != 0:
        raise Skip("it needs root")


class Postfix:
    def __init__(self, port, sink_port, networks):
        root()
        self.program = need("postfix")
        # Its own users must reach the folder.
        self.dir = tempfile.mkdtemp(prefix="relaytest-postfix-")
        os.chmod(self.dir, 0o755)
        conf, data, queue = (os.path.join(self.dir, n) for n in ("conf", "data", "queue"))
        for d in (conf, data, queue):
            os.mkdir(d)
        shutil.chown(data, "postfix")
        with open(os.path.join(conf, "main.cf"), "w") as f:
            f.write(f"compatibility_level = 3.6\nqueue_directory = {queue}\ndata_directory = {data}\nmyhostname = mx.example.com\n"
                    "mydestination = example.com\nlocal_recipient_maps = inline:{ alice=x }\nalias_maps =\nalias_database =\n"
                    f"mynetworks = {networks}\ninet_interfaces = 127.0.0.1\ninet_protocols = ipv4\nsmtputf8_enable = no\n"
                    f"smtpd_soft_error_limit = 1000\nsmtpd_peername_lookup = no\nmaillog_file = {self.dir}/log\n"
                    f"maillog_file_prefixes = {self.dir}\n"
                    f"transport_maps = inline:{{ far.example=smtp:[127.0.0.1]:{sink_port} }}\nsmtp_host_lookup = native\n")
        services = ["cleanup unix n - n - 0 cleanup", "qmgr unix n - n 300 1 qmgr", "rewrite unix - - n - - trivial-rewrite",
                    "bounce unix - - n - 0 bounce", "defer unix - - n - 0 bounce", "smtp unix - - n - - smtp",
                    "error unix - - n - - error", "retry unix - - n - - error", "discard unix - - n - - discard",
                    "local unix - n n - - local", "anvil unix - - n - 1 anvil", "postlog unix-dgram n - n - 1 postlogd",
                    "proxymap unix - - n - - proxymap", f"127.0.0.1:{port} inet n - n - - smtpd"]
        with open(os.path.join(conf, "master.cf"), "w") as f:
            f.write("\n".join(services) + "\n")
        command(self.program, "-c", conf, "start")
        self.conf = conf

    def stop(self):
        command(self.program, "-c", self.conf, "stop", status=None)
        shutil.rmtree(self.dir, True)


def test_postfix_closed_and_open():
    for networks, check in (("127.9.9.9/32", check_closed), ("127.0.0.0/8", check_open)):
        port, sink_port = free_ports(2)
        postfix = Postfix(port, sink_port, networks)
        try:
            wait_smtp(port)
            check(port, sink_port)
        finally:
            postfix.stop()


def wait_smtp(port, seconds=30):
    end = time.monotonic() + seconds
    while True:
        try:
            with socket.create_connection(("127.0.0.1", port), 5) as s:
                if s.recv(3) == b"220":
                    return
        except OSError:
            pass
        assert time.monotonic() < end, f"no server at port {port}"
        time.sleep(0.05)


def exim(port, sink_port, hosts):
    root()
    program = need("exim4")
    directory = tempfile.mkdtemp(prefix="relaytest-exim-")
    for name in ("spool", "log"):
        os.mkdir(os.path.join(directory, name))
        shutil.chown(os.path.join(directory, name), "Debian-exim", "Debian-exim")
    shutil.chown(directory, "Debian-exim", "Debian-exim")
    conf = os.path.join(directory, "exim.conf")
    with open(conf, "w") as f:
        f.write(f"""primary_hostname = mx.example.com
spool_directory = {directory}/spool
log_file_path = {directory}/log/%slog
keep_environment =
domainlist local_domains = example.com
hostlist relay_hosts = {hosts}
acl_smtp_rcpt = check_rcpt
host_lookup =
rfc1413_query_timeout = 0s
smtp_accept_max_nonmail = 1000
begin acl
check_rcpt:
  accept hosts = +relay_hosts
  accept domains = +local_domains
         local_parts = alice
  deny message = relay not permitted
begin routers
far:
  driver = manualroute
  domains = far.example
  transport = out
  route_data = 127.0.0.1
  self = send
begin transports
out:
  driver = smtp
  port = {sink_port}
  hosts_try_fastopen =
begin retry
*  *  F,1h,1m
""")
    os.chmod(conf, 0o644)
    server = Process([program, "-C", conf, "-bdf", "-oX", f"127.0.0.1.{port}"], os.path.join(directory, "out"))
    server.directory = directory
    return server


def test_exim_closed_and_open():
    for hosts, check in (("127.9.9.9", check_closed), ("127.0.0.1", check_open)):
        port, sink_port = free_ports(2)
        server = exim(port, sink_port, hosts)
        try:
            wait_smtp(port)
            check(port, sink_port)
        finally:
            server.stop()
            shutil.rmtree(server.directory, True)


def opensmtpd(port, sink_port, relays):
    root()
    program = need("smtpd")
    directory = tempfile.mkdtemp(prefix="relaytest-opensmtpd-")
    conf = os.path.join(directory, "smtpd.conf")
    with open(conf, "w") as f:
        f.write(f'listen on 127.0.0.1 port {port} hostname mx.example.com\ntable users {{ "alice@example.com" = "nobody" }}\n'
                'action "keep" mda "cat >/dev/null" virtual <users>\n'
                f'action "out" relay host smtp://127.0.0.1:{sink_port}\n'
                # What comes from this machine counts as local, and may relay only where a rule says so.
                'match from any for domain "example.com" action "keep"\n' +
                ('match from any for any action "out"\n' if relays else ''))
    server = Process([program, "-d", "-f", conf], os.path.join(directory, "out"))
    server.directory = directory
    return server


def test_opensmtpd_closed_and_open():
    for relays, check in ((False, check_closed), (True, check_open)):
        port, sink_port = free_ports(2)
        server = opensmtpd(port, sink_port, relays)
        try:
            wait_smtp(port)
            check(port, sink_port)
        finally:
            server.stop()
            shutil.rmtree(server.directory, True)


if __name__ == "__main__":
    run(globals())
