#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0
"""Sessions, word for word: golden/*.txt, and the one that README.md shows. A line
`HOST# COMMAND` is typed on that host of the reference deployment; what the terminal
then shows is compared, and a status that is not 0 stands behind it as [STATUS].

What is wrong is shown as a difference. GOLDEN=write shows it raw, so that

    selftests/qemu/guest trixie -- sh -c 'GOLDEN=write ./test_golden.py' | patch -p1

makes the files say what the tool says. Read it before you believe it.
"""
import contextlib
import difflib
import http.server
import os
import pty
import re
import select
import shutil
import signal
import subprocess
import threading

import net
from net import HOSTS, ok

TOP = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
WRITE = os.environ.get("GOLDEN") == "write"
PROMPT = re.compile(r"(%s)# (.*)" % "|".join(HOSTS))
SHELL = re.compile(r"[^\w\s:./=,\[\]-]")
QUIET = 200     # seconds after which a command that writes nothing hangs
RULES = "/etc/lbdr.rules"

# All that is not the same each time, and what stands for it; and what nobody sees.
VARIES = (
    ("blanks at the end of a line", r"(?m)[ \t]+$", ""),
    ("time of an event", r"\d{4}-\d\d-\d\dT[\d:.]+[+-]\d\d:\d\d", "<time>"),
    ("what is left of a connection's time",
     r"(?m)^((?:TCP|UDP|SCTP|IP) +)\d\d:\d\d", r"\1<m:s>"),
    ("the same of a trace", r"expires in \d+ s", "expires in <n> s"),
    ("the same in JSON", r'("(?:expires|idle|remembered_expires)_ms": ?)\d+',
     r"\1<n>"),
    ("what is left of a hold time", r"held \d+", "held <n>"),
    ("number of a device", r'("ifindex": ?)\d+', r"\1<n>"),
    ("packets not on the fast path, those to a neighbour that is being asked among them",
     r'("slow_packets": ?|lbdr_slow_packets_total )\d+', r"\1<n>"),
    ("what the kernel knows of a neighbour",
     r"(?:REACHABLE|STALE|DELAY|PROBE), confirmed \d+ s ago",
     "<state>, confirmed <n> s ago"),
)


def normal(text):
    for _, pattern, word in VARIES:
        text = re.sub(pattern, word, text)
    return text


class Page(http.server.BaseHTTPRequestHandler):
    """Says which server it is of."""

    def do_GET(self):
        text = b"This is %s.\n" % self.server.host.encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(text)))
        self.end_headers()
        self.wfile.write(text)

    def log_message(self, *_):
        pass


@contextlib.contextmanager
def pages():
    """A web server on each real server. Their MACs are known, too."""
    servers = []
    for number, host in enumerate(HOSTS):
        net.ip(host, "link", "set", "eth0", "address", "02:00:00:00:00:%02x" % number)
        if host in "ab":
            with net.within(host):
                server = http.server.ThreadingHTTPServer(("", 80), Page)
            server.daemon_threads, server.host = True, host
            threading.Thread(target=server.serve_forever, daemon=True).start()
            servers.append(server)
    yield
    for server in servers:
        server.shutdown()
        server.server_close()


def read_all(terminal):
    """What is written to it, until nobody has its other end any more."""
    out = b""
    while select.select([terminal], [], [], QUIET)[0]:
        try:
            piece = os.read(terminal, 65536)
        except OSError:
            return out, True
        out += piece
    return out + b"\n(nothing for %d s)\n" % QUIET, False


def typed(host, command):
    """What a terminal shows, and the status."""
    terminal, end = pty.openpty()
    words = ["sh", "-c", command] if SHELL.search(command) else command.split()
    with net.within(host):
        child = subprocess.Popen(words, stdin=subprocess.DEVNULL, stdout=end,
                                 stderr=end, start_new_session=True)
    os.close(end)
    shown, done = read_all(terminal)
    os.close(terminal)
    if not done:
        os.killpg(child.pid, signal.SIGKILL)
    child.wait()
    text = shown.decode().replace("\r\n", "\n")
    if text and not text.endswith("\n"):
        text += "\n"
    return normal(text) + ("[%d]\n" % child.returncode if child.returncode else "")


def commands(lines):
    return [match.groups() for match in map(PROMPT.fullmatch, lines) if match]


def replay(lines):
    """The session as it goes now: what is typed is typed, the rest is answers."""
    out, begun = [], False
    for line in lines:
        match = PROMPT.fullmatch(line)
        if match:
            begun = True
            out += [line] + typed(*match.groups()).splitlines()
        elif not begun:
            out.append(line)
    return out


def compare(name, what, lines, first=0, last=None, indent=""):
    """The session of a file's lines, from `first` to before `last`."""
    last = len(lines) if last is None else last
    wanted = [line[len(indent):] for line in lines[first:last]]
    now = [indent + line if line else line for line in replay(wanted)]
    changes = "".join(line + "\n" for line in difflib.unified_diff(
        lines, lines[:first] + now + lines[last:], "a/" + name, "b/" + name, "", "",
        2, ""))
    if WRITE:
        print(changes, end="", flush=True)
    ok(not changes and commands(wanted), what, "" if WRITE else changes)


def fresh():
    for command in (("clear",), ("set-entry", "prerouting"),
                    ("set-timeout", "900", "120", "300")):
        net.lbctl(*command)


def read(name):
    with open(os.path.join(TOP, name), encoding="utf-8") as file:
        return file.read().splitlines()


def sessions():
    folder = os.path.join(TOP, "selftests/golden")
    return {name: read("selftests/golden/" + name)
            for name in sorted(os.listdir(folder))}


def test_every_verb():
    """Each is in a session, and as JSON too if it has that; each may be refused."""
    lines = net.run(net.LBCTL, "help").stdout.splitlines()
    verbs = [line.split()[0] for line in lines if re.match(r"  [a-z]", line)]
    ok(len(verbs) >= 25 and {"add-service", "trace", "version"} <= set(verbs),
       "the tool tells its verbs", verbs)
    said = [command for lines in sessions().values() for _, command in commands(lines)]
    uses = [one for command in said for one in re.findall(r"lbctl [^|;&]*", command)]
    missing = [verb for verb in verbs
               if not any(one.split()[1:2] == [verb] for one in uses)]
    ok(not missing, "each of %d verbs is in a golden session" % len(verbs), missing)
    missing = []
    for verb in verbs:
        if "--json" in net.run(net.LBCTL, "help", verb).stdout and not any(
                one.split()[1:2] == [verb] and {"-j", "--json"} & set(one.split())
                for one in uses):
            missing.append(verb)
    ok(not missing, "and as JSON, where it has that", missing)


def test_sessions():
    with pages():
        for name, lines in sessions().items():
            fresh()
            compare("selftests/golden/" + name, "golden/%s: as it was" % name, lines)


def test_readme():
    """On hosts where nobody has done anything yet: but one real server has the VIP,
    as an address of lo that it answers ARP for."""
    lines = read("README.md")
    first = lines.index("## A first session")
    while not PROMPT.fullmatch(lines[first][4:]):
        first += 1
    last = first
    while lines[last].startswith("    "):
        last += 1
    fresh()
    net.ip("director", "addr", "del", net.VIP[4] + "/32", "dev", "eth0")
    net.ip("b", "addr", "del", net.VIP[4] + "/32", "dev", "lo")
    for host in "ab":
        with net.within(host):
            for name in ("arp_ignore", "arp_announce"):
                net.write("/proc/sys/net/ipv4/conf/all/" + name, "0")
    with pages():
        compare("README.md", "README's first session goes as README has it", lines,
                first, last, "    ")
    if os.path.exists(RULES):
        os.unlink(RULES)


def keepalived_files():
    """The files of README, by their paths: each follows a comment that names it."""
    out, path = {}, None
    for line in read("README.md"):
        match = re.fullmatch(r"    # (/etc/keepalived/\S+)", line)
        if match:
            path = match.group(1)
            out[path] = ""
        elif path and line.startswith("    "):
            out[path] += line[4:] + "\n"
        elif path:
            path = None
    return out


def test_keepalived():
    """What README says about keepalived: its scripts set weights, its check tells a
    server that is up from one that is not, and keepalived takes the configuration."""
    fresh()
    files = keepalived_files()
    ok(len(files) == 3, "README has the configuration and two scripts", list(files))
    os.makedirs("/etc/keepalived", exist_ok=True)
    for path, text in files.items():
        with open(path, "w", encoding="ascii") as out:
            out.write(text)
        os.chmod(path, 0o755 if text.startswith("#!") else 0o644)
    conf = files["/etc/keepalived/keepalived.conf"]
    lbctl = net.lbctl
    where = ("-t", net.VIP[4] + ":80")
    lbctl("add-service", *where)
    for host in "ab":
        lbctl("add-server", *where, "-r", net.addr(host, 4), "-w", "0")

    def run(command):
        return subprocess.run(["ip", "netns", "exec", "director", *command.split()],
                              capture_output=True, text=True, check=False)

    def weights():
        return re.findall(r"-> (\S+):80 +Route +(\d+)", lbctl("list").stdout)

    for event, wanted in (("up", ["10", "20"]), ("down", ["0", "0"])):
        for command in re.findall(r'notify_%s "(.*)"' % event, conf):
            run(command)
        ok([weight for _, weight in weights()] == wanted,
           "notify_%s sets the weights" % event, weights())
    tracked = re.search(r'script "/usr/sbin/(.*)"', conf).group(1)
    ok(not run(tracked).returncode, "the VRRP script finds the service")
    check = re.search(r'misc_path "(.*)"', conf).group(1)
    ok(run(check).returncode, "the check fails without a web server")
    with pages():
        ok(not run(check).returncode, "and succeeds with one")
    if shutil.which("keepalived"):
        # The script of vrrp_script must be there.
        os.symlink(net.LBCTL, "/usr/sbin/lbctl")
        done = run("keepalived -t -f /etc/keepalived/keepalived.conf")
        ok(not done.returncode, "keepalived accepts the configuration",
           done.stdout + done.stderr)
        os.unlink("/usr/sbin/lbctl")
    else:
        print("skip - keepalived -t (it is not installed)", flush=True)
    lbctl("del-service", *where)
    ok(run(tracked).returncode, "without the service the VRRP script fails")
    lbctl("clear")
    net.until(lambda: net.run("rmmod", "lbdr", check=False).returncode == 0)
    ok(run(tracked).returncode, "and without the module")
    # As the kernel loads it for the command itself: without parameters, and empty.
    net.run("insmod", os.environ["LBDR_KO"])
    ok(run(tracked).returncode, "and with a module that has just been loaded")
    # Not the directory, in which the package has files of its own.
    for path in files:
        os.unlink(path)


os.environ["PATH"] = os.path.dirname(net.LBCTL) + ":" + os.environ["PATH"]
# lbdr.ko finds the cipher of peers only if it is there before it.
net.run("modprobe", "libchacha20poly1305")
net.main(globals(), servers=False, parameters=("conn_max=100000",))
