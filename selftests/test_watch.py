#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0
"""Watching a director: the fields of JSON, metrics, monitor, and top in tmux."""
import datetime
import json
import os
import re
import select
import signal
import struct
import subprocess

import genl
import net
from genl import key, server, u32
from net import ACK, LBCTL, SYN, Tap, lbctl, ok, raw, tcp, until

DOCUMENT = os.path.join(os.path.dirname(os.path.abspath(__file__)),
                        "../Documentation/json.md")
STATES = {"syn_recv", "established", "fin_wait", "time_wait", "close", "udp",
          "sctp_init", "sctp_established", "sctp_shutdown", "sctp_closed"}
A, B = "192.168.1.62", "192.168.1.64"


def director():
    with net.within("director"):
        return genl.Director()


def documented():
    """Listing -> field -> the kinds that it may be of."""
    out, fields = {}, None
    with open(DOCUMENT, encoding="utf-8") as file:
        for line in file:
            if line.startswith("## "):
                fields = out.setdefault(line[3:].strip(), {})
            row = re.match(r"\| `([^`]+)` \| ([a-z ]+) \| .*\|$", line)
            if row:
                fields[row[1]] = set(row[2].split(" or "))
    return out


def kind(value):
    if value is None:
        return "null"
    if isinstance(value, list):
        inner = {kind(one) for one in value}
        return "array of " + (inner.pop() + "s" if len(inner) == 1 else
                              "?" if inner else "nothing")
    return {bool: "boolean", int: "number", float: "number", str: "string",
            dict: "object"}.get(
        type(value), "?")


def walk(value, path, found):
    """Each field of an object, with the kinds that it was seen of."""
    for name, inner in value.items():
        here = path + ("STATE" if name in STATES else name)
        found.setdefault(here, set()).add(kind(inner))
        if isinstance(inner, dict):
            walk(inner, here + ".", found)
        elif isinstance(inner, list) and inner and isinstance(inner[0], dict):
            for one in inner:
                walk(one, here + "[].", found)


def complaints(fields, objects, unseen=()):
    """What the document and the objects do not agree in. What may be null has a
    value somewhere, but for fields that are `unseen` here."""
    found, out = {}, []
    for one in objects:
        walk(one, "", found)
        missing = {f for f in fields if "." not in f and "[" not in f} - set(one)
        if missing:
            out.append("an object lacks %s" % sorted(missing))
    out += ["not documented: " + f for f in sorted(set(found) - set(fields))]
    out += ["not printed: " + f for f in sorted(set(fields) - set(found))]
    for field, kinds in found.items():
        allowed = fields.get(field, kinds)
        # An empty array is one of anything.
        out += ["%s is %s" % (field, one) for one in kinds - allowed
                if not (one == "array of nothing" and
                        any(a.startswith("array") for a in allowed))]
        out += ["%s is never %s" % (field, one) for one in allowed - kinds
                if one != "null" and field not in unseen]
    return out


# A server behind a router, by a tunnel with all options
TUNNELED = ("-r", "10.9.0.2", "--tun", "gue:6080", "--tun-ttl", "9",
            "--tun-source-prefix", "198.51.100.0/24")


def hold(port):
    """A service whose server has a tunnel, and that is held with its server."""
    service = ("-t", "192.168.1.63:%d" % port)
    lbctl("add-service", *service, "-s", "rr")
    lbctl("add-server", *service, *TUNNELED)
    lbctl("del-server", *service, "-r", "10.9.0.2", "--hold=600")
    lbctl("del-service", *service, "--hold=600")


def populate():
    """A configuration in which every field has a value somewhere."""
    lbctl("clear")
    lbctl("add-service", "-t", "192.168.1.63:80", "-s", "mh", "-b", "mh-port",
          "-p", "60", "--timeouts", "established=100")
    lbctl("add-service", "-t", "192.168.1.63:8000-8099", "-s", "rr")
    lbctl("add-service", "-f", "7", "-6", "-s", "rr", "-p", "9")
    # The VRF need not exist.
    lbctl("add-service", "-t", "192.168.1.63:82", "--vrf", "red", "-s", "rr")
    lbctl("add-server", "-t", "192.168.1.63:82", "--vrf", "red", "-r", A)
    for service in (("-t", "192.168.1.63:80"), ("-t", "192.168.1.63:8000-8099")):
        lbctl("add-server", *service, "-r", A)
    lbctl("add-server", "-t", "192.168.1.63:80", *TUNNELED, "-w", "0")
    hold(84)
    client = Tap("client")
    client.send(raw(4, tcp(7000, 80, SYN), src="192.168.1.200"))
    client.send(raw(4, tcp(7000, 8000, ACK), src="192.168.1.200"))
    ok(until(lambda: len(json.loads(lbctl("list", "-c", "-j").stdout)) == 2 and
             any(row["drops"] for row in json.loads(lbctl("list", "-j").stdout))),
       "a connection and what persistence remembers are there, and a packet of none")
    client.close()


def test_json():
    """Nothing that is printed is missing in the document, nor the reverse."""
    document = documented()
    populate()
    net.ip("director", "link", "add", "in0", "type", "veth", "peer", "name", "in1")
    lbctl("set-entry", "ingress", "in0")
    for role in ("master", "backup"):
        lbctl("sync", role, "eth0")
    # Nobody has the address: the peer is silent.
    with open("/run/lbdr.key", "wb") as file:
        os.chmod(file.fileno(), 0o600)
        file.write(os.urandom(32))
    lbctl("sync", "peers", "eth0", "--address", "192.168.1.99", "--key-file",
          "/run/lbdr.key")
    # What is told of a packet: test_conns.py has packets of each kind.
    listings = [title for title in document
                if not title.startswith(("monitor", "trace", "version"))]
    ok(len(listings) >= 6, "the document has the listings", listings)
    for title in listings:
        # The doctor ends by 4 if it finds a problem; without one it prints the rest.
        doctor = title == "doctor -j"
        plain = lbctl(*title.split(), *["--verbose"] * doctor, check=not doctor).stdout
        if title not in ("list -c -j", "list --rate -j", "doctor -j"):
            words = title.split()
            # What is sent in between counts.
            ok(until(lambda words=words: json.loads(lbctl(*words).stdout) ==
                     json.loads(lbctl(*words, "-p").stdout)),
               "%s: -p changes the looks alone" % title)
        if title == "list -j":
            plain = lbctl(*title.split(), "--held").stdout
        objects = json.loads(plain)
        wrong = complaints(document[title], objects,
                           {"sync -j": ["peers[].differs", "peers[].conns"],
                            "list -c -j": ["fwmark", "vrf"],
                            "conns -j": ["fwmark", "vrf"],
                            "conns --count-by service -j": ["fwmark", "last_port",
                                                            "vrf"],
                            "doctor -j": ["vip", "server", "command", "on",
                                          "hint"]}
                           .get(title, ()))
        ok(not wrong, "%s: what is printed is what is documented" % title,
           "\n".join(wrong))
    for role in ("master", "backup", "peers"):
        lbctl("sync", "stop", role)
    os.unlink("/run/lbdr.key")
    lbctl("set-entry", "prerouting")
    net.ip("director", "link", "del", "in0")
    lbctl("clear")


class Monitor:
    """`lbctl monitor`, whose lines are read as they come."""

    def __init__(self, *words):
        self.child = subprocess.Popen(
            [LBCTL, "-N", "director", "monitor", *words],
            stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        self.rest = b""
        ok("listening" in self.line(), "monitor says that it listens")

    def line(self):
        while b"\n" not in self.rest:
            if not select.select([self.child.stdout], [], [], net.WAIT)[0]:
                return ""
            piece = os.read(self.child.stdout.fileno(), 1 << 16)
            if not piece:
                return ""
            self.rest += piece
        line, self.rest = self.rest.split(b"\n", 1)
        return line.decode()

    def lines(self, number):
        return [self.line() for _ in range(number)]

    def end(self, how):
        self.child.send_signal(how)
        out, err = self.child.communicate(timeout=net.WAIT)
        return self.child.returncode, (self.rest + out).decode(), err.decode()


EVENTS = [
    ("service_added", "service added: TCP  192.168.1.63:80 wlc"),
    ("service_changed", "service changed: TCP  192.168.1.63:80 rr timeouts udp=9"),
    ("server_added", "server added: TCP  192.168.1.63:80 -> 192.168.1.62:80 weight 1"),
    ("server_added", "server added: TCP  192.168.1.63:80 -> 192.168.1.64:80 weight 1"),
    ("server_changed",
     "server changed: TCP  192.168.1.63:80 -> 192.168.1.62:80 weight 7"),
    ("counters_zeroed", "counters zeroed: TCP  192.168.1.63:80"),
    ("counters_zeroed", "counters zeroed: all"),
    ("server_changed",
     "server changed: TCP  192.168.1.63:80 -> 192.168.1.62:80 weight 7 draining"),
    ("server_removed",
     "server removed: TCP  192.168.1.63:80 -> 192.168.1.62:80 weight 7 draining"),
    ("server_removed",
     "server removed: TCP  192.168.1.63:80 -> 192.168.1.64:80 weight 1"),
    ("service_removed",
     "service removed: TCP  192.168.1.63:80 rr timeouts udp=9"),
    ("director_changed", "director changed: entry prerouting, timeouts syn_recv=61,"),
    ("director_changed", "director changed: entry input, timeouts syn_recv=61,"),
    ("director_changed", "director changed: entry ingress in0, timeouts syn_recv=61,"),
    ("director_changed", "director changed: entry prerouting, timeouts syn_recv=61,"),
    ("director_changed", "director changed: entry prerouting, timeouts syn_recv=60,"),
    ("service_added", "service added: FWM  7 IPv6 wlc persistent 300"),
    ("service_added", "service added: TCP  192.168.1.63:8000-8099 mh (mh-port)"),
    ("server_added", "server added: TCP  192.168.1.63:8000-8099 -> "
     "192.168.1.62:8000-8099 weight 1 upper 5"),
    ("service_added", "service added: TCP  192.168.1.63:84 rr"),
    ("server_added", "server added: TCP  192.168.1.63:84 -> 10.9.0.2:84 weight 1 "
     "tunnel gue:6080 ttl 9 source 198.51.100.0/24"),
    ("server_removed", "server removed: TCP  192.168.1.63:84 -> 10.9.0.2:84 weight 1 "
     "tunnel gue:6080 ttl 9 source 198.51.100.0/24 held 600"),
    ("service_removed", "service removed: TCP  192.168.1.63:84 rr held 600"),
    ("service_removed", "service removed: FWM  7 IPv6 wlc persistent 300"),
    ("service_removed",
     "service removed: TCP  192.168.1.63:8000-8099 mh (mh-port)"),
    ("cleared", "cleared: all services removed"),
]


def change(sock):
    """Each change that there is, and some that change nothing."""
    sock.do(genl.SERVICE_NEW, key())
    sock.set(key(), sched="rr", timeout={"udp": 9})
    sock.set(key(), sched="rr", timeout={"udp": 9})
    sock.do(genl.SERVER_NEW, server(A))
    sock.do(genl.SERVER_NEW, server(B))
    sock.weigh(key(), A, 7)
    sock.weigh(key(), A, 7)
    sock.do(genl.ZERO, key())
    sock.do(genl.ZERO)
    # Without a connection it is dry at once.
    sock.remove(key(), A, drain=True)
    until(lambda: A not in sock.servers(key()))
    sock.remove(key(), B)
    sock.do(genl.SERVICE_DEL, key())
    sock.set_timeouts({"syn-recv": 61})
    sock.set_timeouts({"syn-recv": 61})
    lbctl("set-entry", "input")
    net.ip("director", "link", "add", "in0", "type", "veth", "peer", "name", "in1")
    lbctl("set-entry", "ingress", "in0")
    net.ip("director", "link", "del", "in0")
    sock.set_timeouts({"syn-recv": 60})
    lbctl("add-service", "-f", "7", "-6", "-p")
    some = ("-t", "192.168.1.63:8000-8099")
    lbctl("add-service", *some, "-s", "mh", "-b", "mh-port")
    lbctl("add-server", *some, "-r", A, "-x", "5")
    hold(84)
    lbctl("clear")


def test_monitor():
    lbctl("clear")
    sock = director()
    text, lines = Monitor(), Monitor("-j")
    first = json.dumps(dict.fromkeys(("service", "settings", "server", "director")))
    change(sock)
    heard = [line.split(" ", 1) for line in text.lines(len(EVENTS))]
    wrong = [(line, want) for line, (_, want) in zip(heard, EVENTS)
             if len(line) < 2 or not (line[1].startswith(want) if want[-1] == ","
                                      else line[1] == want)]
    ok(not wrong, "every change has a line, and what changes nothing has none",
       "\n".join("%s, not %s" % pair for pair in wrong))
    events = [json.loads(line or first) for line in lines.lines(len(EVENTS))]
    ok([one.get("event") for one in events] == [word for word, _ in EVENTS],
       "and with -j an object", [one.get("event") for one in events])
    times = [datetime.datetime.fromisoformat(one["time"])
             for one in events if "time" in one] + \
        [datetime.datetime.fromisoformat(line[0]) for line in heard[:1]]
    now = datetime.datetime.now(datetime.timezone.utc)
    ok(times[:-1] == sorted(times[:-1]) and
       all(0 <= (now - at).total_seconds() < 120 for at in times),
       "each with its time", times)
    wrong = complaints(documented()["monitor -j"], events, ["service.vrf"])
    ok(not wrong, "monitor -j: what is printed is what is documented",
       "\n".join(wrong))
    ok(text.end(signal.SIGINT) == (0, "", ""), "SIGINT ends it in peace")
    ok(lines.end(signal.SIGTERM) == (0, "", ""), "and so does SIGTERM")
    sock.close()


def many(sock, bodies):
    """Changes of servers in one buffer, of which the last one is answered."""
    out = b""
    for body in bodies:
        sock.seq += 1
        flags = genl.F_REQUEST | (genl.F_ACK if body is bodies[-1] else 0)
        body += b"\0" * (-len(body) % 4)
        out += struct.pack("=IHHIIBBH", 20 + len(body), sock.family, flags, sock.seq,
                           0, genl.SERVER_SET, 1, 0) + body
    sock.sock.send(out)
    while sock.receive()[-1][2] != sock.seq:
        pass


def test_lost():
    """A monitor that does not get to read is told of what it missed."""
    lbctl("clear")
    sock = director()
    sock.add(key(), [A])
    monitor = Monitor("-j")
    monitor.child.send_signal(signal.SIGSTOP)

    def full():
        with open("/proc/thread-self/net/netlink", encoding="ascii") as file:
            drops = next(file).split().index("Drops")
            return any(int(row.split()[drops]) for row in file
                       if row.split()[1] == "16")
    with net.within("director"):
        for first in range(1, 60000, 100):
            many(sock, [server(A, None, u32(genl.SERVER_WEIGHT, first + i))
                        for i in range(100)])
            if full():
                break
        ok(full(), "a socket is full after %d changes" % (first + 99))
    monitor.child.send_signal(signal.SIGCONT)
    events = []
    while "lost" not in events[-1:]:
        line = monitor.line()
        events.append(json.loads(line)["event"] if line else "lost nothing")
        if not line:
            break
    ok(events[-1:] == ["lost"], "and that is told", events[-1:])
    sock.do(genl.FLUSH)
    while events[-1] not in ("cleared", "lost nothing"):
        line = monitor.line()
        events.append(json.loads(line)["event"] if line else "lost nothing")
    ok(events[-1] == "cleared", "and what comes later is told as before",
       events[-3:])
    ok(monitor.end(signal.SIGTERM)[0] == 0, "and it ends as always")
    sock.close()


def samples(text):
    """Name and labels -> value; and the lines that are no samples."""
    out, other = {}, []
    for line in text.splitlines():
        row = re.fullmatch(r"([a-z_]+)(?:\{(.*)\})? ([0-9]+)", line)
        if row:
            labels = re.findall(r'([a-z_]+)="((?:[^"\\]|\\.)*)"', row[2] or "")
            out[row[1], frozenset(labels)] = int(row[3])
        else:
            other.append(line)
    return out, other


def test_metrics():
    populate()
    text = lbctl("metrics").stdout
    found, other = samples(text)
    service = [("service", "192.168.1.63:80"), ("protocol", "tcp"),
               ("family", "ipv4")]
    row = json.loads(lbctl("list", "-j").stdout)
    row = next(one for one in row if one["port"] == 80)
    want = {
        ("lbdr_services", ()): 4,
        ("lbdr_service_connections_total", tuple(service)): 1,
        ("lbdr_service_in_bytes_total", tuple(service)): row["stats"]["in_bytes"],
        ("lbdr_service_info", (*service, ("scheduler", "mh"))): 1,
        ("lbdr_server_in_packets_total", (*service, ("server", A + ":80"))): 1,
        ("lbdr_server_reachable", (*service, ("server", A + ":80"))): 1,
        ("lbdr_service_servers", (("service", "fwmark 7"), ("protocol", "any"),
                                  ("family", "ipv6"))): 0,
        ("lbdr_entry", (("entry", "prerouting"),)): 1,
        ("lbdr_timeout_seconds", (("state", "established"),)): 900,
    }
    for reason, packets in net.drops().items():
        want["lbdr_drops_total", (("reason", reason),)] = packets
    wrong = {name: (value, found.get((name[0], frozenset(name[1]))))
             for name, value in want.items()
             if found.get((name[0], frozenset(name[1]))) != value}
    ok(not wrong and row["stats"]["in_bytes"] > 0,
       "metrics tells what the listings tell", wrong)
    ok(text.endswith("\n# EOF\n") and
       all(re.match("# (HELP|TYPE|UNIT) lbdr_[a-z_]+ |# EOF$", line)
           for line in other), "it is whole, and nothing else is there",
       [line for line in other if line[0] != "#"])
    older = lbctl("metrics", "--textfile").stdout
    ok(samples(older)[0].keys() == found.keys() and "# EOF" not in older and
       "# UNIT" not in older, "--textfile has the same samples")
    done = lbctl("metrics", "-j", check=False)
    ok(done.returncode == 1 and not done.stdout, "metrics is no listing of JSON",
       done.stderr)
    lbctl("clear")


class Tmux:
    """A terminal with a shell in it."""

    def __init__(self):
        self.tmux("new-session", "-d", "-x", "80", "-y", "24",
                  "env PS1='ready$ ' sh -i")
        self.wait("ready")
        self.type("clear; echo the 'shell' was here; stty -g >/tmp/stty.before")
        self.wait("the shell was here")

    def tmux(self, *words):
        return net.run("tmux", "-L", "lbdr", "-f", "/dev/null", *words).stdout

    def press(self, *keys):
        self.tmux("send-keys", *keys)

    def type(self, line):
        self.tmux("send-keys", "-l", line, ";", "send-keys", "Enter")

    def lines(self):
        return self.tmux("capture-pane", "-p").split("\n")[:-1]

    def wait(self, *texts):
        """The lines, as soon as all of these texts are in them."""
        shown = []

        def there():
            shown[:] = self.lines()
            return all(text in "\n".join(shown) for text in texts)
        ok(until(there), "the terminal shows: " + ", ".join(texts),
           "\n".join(shown))
        return list(shown)

    def restored(self, after):
        """The shell has the terminal that it had."""
        shown = self.wait("the shell was here")
        flags = self.tmux("display", "-p",
                          "#{alternate_on}#{cursor_flag}#{wrap_flag}").strip()
        ok("each second" not in "\n".join(shown) and flags == "011",
           "%s gives the screen back" % after, flags)
        self.type("stty -g | cmp - /tmp/stty.before && echo as it 'was'")
        self.wait("as it was")
        self.type("clear; echo the 'shell' was here")

    def close(self):
        self.tmux("kill-server")


def test_top():
    lbctl("clear")
    sock = director()
    ports = range(9000, 9015)
    for port in ports:
        sock.add(key(port=port), [A, B], sched="rr")
    terminal, client = Tmux(), Tap("client")
    top = "%s -N director top" % LBCTL
    terminal.type(top)
    shown = terminal.wait("q quit", "15 services, 30 servers", "192.168.1.63:9000")
    ok(len(shown) == 24 and shown[0].startswith("lbdr: ") and
       shown[23].startswith("q quit") and "1-20 of 45" in shown[23],
       "at 80x24 titles, services and keys have their lines", "\n".join(shown))

    def busy(line):
        row = re.match(r"  -> 192\.168\.1\.62:9000 +1 +([0-9.k]+) +(\S+) +(\S+) "
                       r"+(\S+) (#+)$", line.rstrip())
        return row and all(one not in ("0", "-") for one in row.groups())
    count = [0]

    def traffic():
        for _ in range(50):
            count[0] += 1
            client.send(raw(4, tcp(1024 + count[0] % 60000, 9000, SYN),
                            src="192.168.1.200"))
        shown[:] = terminal.lines()
        return any(busy(line) for line in shown)
    ok(until(traffic), "connections, rates and a bar are there when packets come",
       "\n".join(shown))
    lbctl("del-service", "-t", "192.168.1.63:9001")
    terminal.wait("14 services, 28 servers")
    ok(True, "what is removed goes")
    terminal.press("End")
    terminal.wait("23-42 of 42", "192.168.1.63:9014")
    terminal.press("PPage", "Up")
    terminal.wait("3-22 of 42")
    terminal.press("Home", "s")
    terminal.wait("s by address", "1-20 of 42")
    terminal.tmux("resize-window", "-x", "120", "-y", "40")
    shown = terminal.wait("1-36 of 42")
    ok(len(shown) == 40 and shown[39].startswith("q quit"),
       "a larger window is filled", "\n".join(shown))
    terminal.tmux("resize-window", "-x", "60", "-y", "8")
    shown = terminal.wait("1-4 of 42")
    ok(shown[0].startswith("lbdr: ") and shown[7].startswith("q quit"),
       "a smaller one too", "\n".join(shown))
    terminal.tmux("resize-window", "-x", "80", "-y", "24")
    terminal.wait("1-20 of 42")
    terminal.press("q")
    terminal.restored("q")
    for name in ("TERM", "HUP"):
        terminal.type(top)
        terminal.wait("q quit")
        net.run("pkill", "-" + name, "-x", "lbctl")
        terminal.restored("SIG" + name)
    terminal.type(top)
    terminal.wait("q quit")
    terminal.press("C-c")
    terminal.restored("Ctrl-C")
    terminal.type(top)
    terminal.wait("q quit")
    terminal.press("C-z")
    terminal.restored("Ctrl-Z")
    terminal.type("fg")
    terminal.wait("q quit", "14 services")
    terminal.press("q")
    terminal.restored("q after Ctrl-Z")
    done = lbctl("top", check=False)
    ok(done.returncode == 2 and "requires a terminal" in done.stderr and
       not done.stdout, "without a terminal it says so", done)
    terminal.close()
    client.close()
    sock.close()
    lbctl("clear")


def test_unloaded():
    """Whoever listens to a module that goes is not left to wait."""
    monitor = Monitor()
    while net.INFO:
        net.INFO.pop().close()
    ok(until(lambda: net.run("rmmod", "lbdr", check=False).returncode == 0),
       "a listener does not keep the module")
    try:
        monitor.child.wait(net.WAIT)
        said = monitor.child.communicate()[1].decode()
        ok(monitor.child.returncode == 2 and "was unloaded" in said,
           "and is told that it went", said)
    except subprocess.TimeoutExpired:
        monitor.child.kill()
        ok(False, "and is told that it went")
    net.run("insmod", os.environ["LBDR_KO"])


if __name__ == "__main__":
    # lbdr.ko finds the cipher of peers only if it is there before it.
    net.run("modprobe", "libchacha20poly1305")
    net.main(globals(), servers=False)
