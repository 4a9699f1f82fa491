# SPDX-License-Identifier: GPL-2.0
"""Namespaces, frames and captures for the tests that are written in Python.

The topology is the reference deployment: all on one bridge `br0` of the initial
namespace.

    client 101 ---+--- director 70 (VIP 63)
                  +--- a 62 (VIP on lo)
                  +--- b 64 (VIP on lo)

192.168.1.x and 2001:db8:1::x. One process serves all sides: a socket stays in the
namespace that it was made in.
"""
import contextlib
import ctypes
import fcntl
import os
import random
import resource
import select
import socket
import struct
import subprocess
import sys
import tempfile
import time

import genl
import shell

LIBC = ctypes.CDLL(None, use_errno=True)
CLONE_NEWNET = 0x40000000
HOSTS = {"client": 101, "director": 70, "a": 62, "b": 64}
VIP = {4: "192.168.1.63", 6: "2001:db8:1::63"}
AF = {4: socket.AF_INET, 6: socket.AF_INET6}
LBCTL = os.environ["LBCTL"]
WAIT = 20.0

# A test that repeats the same steps many times repeats them less often on the emulated
# kernels.
LABEL = os.environ.get("KERNEL_LABEL")
EVERYTHING = os.environ.get("ALL") == "1"
SHORT = LABEL in ("bookworm", "trixie", "backports")
failed = 0

# Of all random tests. `make check` sets it; without it every run has a new one.
SEED = int(os.environ.get("SEED") or random.SystemRandom().randrange(1, 1 << 32))


class Skip(Exception):
    """Raised by a test that cannot go on for a reason that is not lbdr's."""


def seeded():
    """A random number generator with the seed, which is printed."""
    print("# SEED=%d" % SEED, flush=True)
    return random.Random(SEED)


def ok(good, what, detail=""):
    """One result; `detail` is shown when it is not good."""
    global failed
    print(("ok - " if good else "not ok - ") + what, flush=True)
    if not good:
        failed += 1
        if detail:
            print("#   " + str(detail).replace("\n", "\n#   "), flush=True)
    return good


def only(*labels):
    """A test for these kernels. On the other kernels of its script it runs by its name or
    with ALL=1: with "uml" alone it is a test of the tool, or of code that is the same on
    all kernels; without "uml" it needs what that kernel does not have. Without a kernel it
    takes long, and says no more than another test does."""
    def mark(test):
        test.labels = labels
        return test
    return mark


def addr(host, ip=4):
    return ("192.168.1.%d" if ip == 4 else "2001:db8:1::%d") % HOSTS[host]


def run(*command, check=True, env=None):
    if command[:3] == ("ip", "netns", "del"):
        shell.end(command[3])
    done = subprocess.run(command, capture_output=True, text=True, env=env)
    if check and done.returncode:
        raise RuntimeError("%s: %s" % (" ".join(command), done.stderr))
    return done


def ip(host, *args, check=True):
    """What only changes something is done by the shell. What that refuses may be
    its fault. An older ip never closes a namespace that it was told of, so that a
    kept one would keep it."""
    changes = args[1] in ("add", "del", "set", "replace") and "netns" not in args
    # Until it knows of no duplicate, an IPv6 address is of no use.
    if args[0] == "addr" and args[1] in ("add", "replace") and ":" in args[2] and \
            "nodad" not in args:
        args += ("nodad",)
    if changes and shell.does(host, " ".join(args)):
        return subprocess.CompletedProcess(args, 0, "", "")
    done = run("ip", *(["-n", host] if host else []), *args, check=check)
    if changes and not done.returncode:
        shell.end(host)
    return done


def lbctl(*args, check=True):
    return run(LBCTL, "-N", "director", *args, check=check)


INFO = []


def fill(host, number, port=80):
    """Connections of clients that do not exist, half of them of each server."""
    for first in range(0, number, 100000):
        with tempfile.NamedTemporaryFile("w", suffix=".conns") as file:
            for n in range(first, min(first + 100000, number)):
                file.write("203.0.113.%d:%d %s:%d tcp %s established 800000 - -t %s:%d\n" % (
                    n % 200 + 1, 10000 + n // 200, VIP[4], port, addr("ab"[n % 2]), VIP[4],
                    port))
            file.flush()
            run(LBCTL, "-N", host, "restore-conns", file.name)


def drops():
    """Drop reason -> count, by a socket of our own: a process takes its time in
    an emulated machine, and some tests ask after every packet."""
    if not INFO:
        with within("director"):
            INFO.append(genl.Director())
    return INFO[0].drops()


def drops_of(reason):
    return drops()[reason]


def until(condition, seconds=WAIT):
    """Poll until condition() is true; returns what it last said."""
    end = time.monotonic() + seconds
    while True:
        value = condition()
        if value or time.monotonic() > end:
            return value
        time.sleep(0.02)


@contextlib.contextmanager
def within(host):
    """The calling thread is in the host's namespace."""
    home = os.open("/proc/self/ns/net", os.O_RDONLY)
    there = os.open("/run/netns/" + host, os.O_RDONLY)
    try:
        if LIBC.setns(there, CLONE_NEWNET):
            raise OSError(ctypes.get_errno(), "setns " + host)
        yield
    finally:
        LIBC.setns(home, CLONE_NEWNET)
        os.close(home)
        os.close(there)


def build():
    """The reference deployment; the module is loaded already."""
    os.makedirs("/run/netns", exist_ok=True)
    lines = ["link add br0 type bridge mcast_snooping 0", "link set br0 up"]
    for host in HOSTS:
        run("ip", "netns", "add", host)
        lines += ["link add v%s type veth peer name eth0 netns %s" % (host, host),
                  "link set v%s master br0 up" % host]
    batch("", lines)
    for host in HOSTS:
        with within(host):
            for name in ("all", "default"):
                write("/proc/sys/net/ipv6/conf/%s/accept_dad" % name, "0")
            if host in "ab":
                write("/proc/sys/net/ipv4/conf/all/arp_ignore", "1")
                write("/proc/sys/net/ipv4/conf/all/arp_announce", "2")
        batch(host, ["link set lo up", "link set eth0 addrgenmode none",
                     "link set eth0 up"])
        address(host)
        if host in "ab":
            batch(host, ["addr add %s/32 dev lo" % VIP[4],
                         "addr add %s/128 dev lo nodad" % VIP[6]])


def address(host):
    """The addresses of a host's NIC, some of which do not survive that its link
    goes down. Without a link-local one, that is not under test by duplicate
    address detection, no neighbour can be asked for."""
    lines = ["addr replace %s/24 dev eth0" % addr(host),
             "addr replace %s/64 dev eth0 nodad" % addr(host, 6),
             "addr replace fe80::%d/64 dev eth0 nodad" % HOSTS[host]]
    if host == "director":
        lines += ["addr replace %s/32 dev eth0" % VIP[4],
                  "addr replace %s/128 dev eth0 nodad" % VIP[6]]
    batch(host, lines)


def batch(host, lines):
    for line in lines:
        ip(host, *line.split())


def write(path, text):
    with open(path, "w", encoding="ascii") as file:
        file.write(text)


def demolish():
    # The cables first: a namespace's end of one would go some time after the
    # namespace. Services are still there, and must not keep a device.
    for host in HOSTS:
        ip("", "link", "del", "v" + host, check=False)
        run("ip", "netns", "del", host, check=False)
    ip("", "link", "del", "br0", check=False)
    shell.end()


def forget_pmtu(host="client"):
    """What ICMP errors have taught the host of paths."""
    ip(host, "route", "flush", "cache")
    ip(host, "-6", "route", "flush", "cache")


def mac(host, dev="eth0"):
    with within(host):
        sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    with sock:
        answer = fcntl.ioctl(sock, 0x8927, struct.pack("256s", dev.encode()))
    return answer[18:24]


@contextlib.contextmanager
def known_neighbours(*hosts):
    """The director does not ask for these hosts' MACs. While it asks, packets to them do
    not take the fast path."""
    pairs = [(addr(host, version), mac(host)) for host in hosts for version in (4, 6)]
    for address, lladdr in pairs:
        ip("director", "neigh", "replace", address, "lladdr",
           ":".join("%02x" % byte for byte in lladdr), "dev", "eth0", "nud", "permanent")
    try:
        yield
    finally:
        for address, _ in pairs:
            ip("director", "neigh", "del", address, "dev", "eth0")


def pack(address):
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    return socket.inet_pton(family, address)


def checksum(data):
    if len(data) % 2:
        data += b"\0"
    total = sum(struct.unpack("!%dH" % (len(data) // 2), data))
    while total >> 16:
        total = (total & 0xffff) + (total >> 16)
    return ~total & 0xffff


FIN, SYN, RST, PSH, ACK = 1, 2, 4, 8, 16


def tcp(sport, dport, flags, payload=b"", seq=1000, doff=5):
    return struct.pack("!HHIIBBHHH", sport, dport, seq, 1, doff << 4, flags,
                       8192, 0, 0) + payload


def udp(sport, dport, payload=b"", length=None):
    return struct.pack("!HHHH", sport, dport, 8 + len(payload)
                       if length is None else length, 0) + payload


def packet(src, dst, proto, body, ttl=64, frag=0, options=b"", total=None,
           ihl=None):
    """An IPv4 or IPv6 packet with its transport checksum filled in."""
    s, d = pack(src), pack(dst)
    where = {6: 16, 17: 6}.get(proto)
    if where and len(body) >= where + 2 and not frag & 0x1fff:
        pseudo = s + d + struct.pack("!II", len(body), proto)
        body = (body[:where] + b"\0\0" + body[where + 2:])
        value = checksum(pseudo + body) or 0xffff
        body = body[:where] + struct.pack("!H", value) + body[where + 2:]
    if len(s) == 16:
        # Of extension headers, the first byte says which the first one is.
        return struct.pack("!IHBB", 6 << 28, len(options[1:]) + len(body),
                           options[0] if options else proto, ttl) + \
            s + d + options[1:] + body
    head = 5 + len(options) // 4
    header = struct.pack("!BBHHHBBH", 0x40 | (head if ihl is None else ihl), 0,
                         head * 4 + len(body) if total is None else total,
                         0x1234, frag, ttl, proto, 0) + s + d + options
    header = header[:10] + struct.pack("!H", checksum(header)) + header[12:]
    return header + body


class Frame:
    """What was captured, taken apart as far as it goes."""

    def __init__(self, data):
        self.data = data
        self.dst, self.src = data[:6], data[6:12]
        self.proto = struct.unpack("!H", data[12:14])[0]
        body = data[14:]
        self.ip = body
        self.sport = self.dport = self.ttl = self.l4 = None
        self.payload = b""
        self.flags = 0
        if self.proto == 0x0800 and len(body) >= 20:
            self.ttl, self.l4 = body[8], body[9]
            self.saddr, self.daddr = body[12:16], body[16:20]
            total = struct.unpack("!H", body[2:4])[0]
            rest = body[(body[0] & 15) * 4:total or None]
        elif self.proto == 0x86dd and len(body) >= 40:
            self.ttl, self.l4 = body[7], body[6]
            self.saddr, self.daddr = body[8:24], body[24:40]
            rest = body[40:40 + struct.unpack("!H", body[4:6])[0]]
        else:
            self.saddr = self.daddr = b""
            return
        if self.l4 in (6, 17) and len(rest) >= 8:
            self.sport, self.dport = struct.unpack("!HH", rest[:4])
            if self.l4 == 17:
                self.payload = rest[8:]
            elif len(rest) >= 20:
                self.flags = rest[13]
                self.payload = rest[(rest[12] >> 4) * 4:]


class Tap:
    """Sees every frame of a host's device; can send some of its own."""

    def __init__(self, host, dev="eth0"):
        self.where = host, dev
        self.open()

    def open(self):
        host, dev = self.where
        with within(host):
            self.sock = socket.socket(socket.AF_PACKET, socket.SOCK_RAW,
                                      socket.htons(3))
        self.sock.setsockopt(socket.SOL_SOCKET, 33, 1 << 24)
        self.sock.bind((dev, 3))
        self.sock.setblocking(False)

    def send(self, frame):
        self.sock.send(frame)

    def flush(self):
        """Forget what waits. Reading it would not end while traffic runs."""
        self.sock.close()
        self.open()

    def frames(self, seconds=1.0):
        """What waits; while traffic runs there is always one more, so not for
        longer than that."""
        out = []
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            try:
                data, where = self.sock.recvfrom(70000)
            except BlockingIOError:
                break
            frame = Frame(data)
            frame.outgoing = where[2] == 4
            out.append(frame)
        return out

    def wait(self, match, number=1, seconds=WAIT):
        """Up to `number` frames that match, as soon as they are there."""
        found = []
        end = time.monotonic() + seconds
        while len(found) < number:
            left = end - time.monotonic()
            if left <= 0 or not select.select([self.sock], [], [], left)[0]:
                break
            found += [frame for frame in self.frames() if match(frame)]
        return found

    def close(self):
        self.sock.close()


def connect(ip_version=4, port=80, host="client", timeout=WAIT, sport=0):
    with within(host):
        sock = socket.socket(AF[ip_version], socket.SOCK_STREAM)
    sock.settimeout(timeout)
    if sport:
        sock.bind(("", sport))
    sock.connect((VIP[ip_version], port))
    return sock


def raw(version, body, proto=6, ttl=64, **more):
    """A frame from the client to the director's VIP."""
    kind = 0x0800 if version == 4 else 0x86dd
    source = more.pop("src", addr("client", version))
    return mac("director") + mac("client") + struct.pack("!H", kind) + \
        packet(source, VIP[version], proto, body, ttl, **more)


def fragments(whole, size, ident=1, df=False):
    """The packet cut into fragments that carry `size` bytes each, a multiple of
    8, or as many as a list of sizes says, its last one repeated."""
    head, sizes = whole[:40], [size] if isinstance(size, int) else list(size)
    four = whole[0] >> 4 == 4
    if four:
        head = whole[:(whole[0] & 15) * 4]
    body, at, out = whole[len(head):], 0, []
    while at < len(body):
        piece = body[at:at + sizes[min(len(out), len(sizes) - 1)]]
        more = at + len(piece) < len(body)
        if four:
            new = head[:2] + struct.pack("!HHH", len(head) + len(piece), ident,
                                         df << 14 | more << 13 | at // 8)
            new += head[8:10] + b"\0\0" + head[12:]
            new = new[:10] + struct.pack("!H", checksum(new)) + new[12:]
        else:
            new = head[:4] + struct.pack("!HB", 8 + len(piece), 44) + head[7:]
            new += struct.pack("!BBHI", head[6], 0, at | more, ident)
        out.append(new + piece)
        at += len(piece)
    return out


def join(packets):
    """What one datagram's fragments carry, in whatever order they are; None if
    they are not all there, or there is anything twice."""
    pieces, end = {}, None
    for one in packets:
        if one[0] >> 4 == 4:
            total, _, frag = struct.unpack("!HHH", one[2:8])
            at, more = (frag & 0x1fff) * 8, frag & 0x2000
            piece = one[(one[0] & 15) * 4:total]
        elif one[6] == 44:
            frag = struct.unpack("!H", one[42:44])[0]
            at, more = frag & 0xfff8, frag & 1
            piece = one[48:40 + struct.unpack("!H", one[4:6])[0]]
        else:
            at, more = 0, False
            piece = one[40:40 + struct.unpack("!H", one[4:6])[0]]
        if at in pieces or (not more and end is not None):
            return None
        pieces[at] = piece
        if not more:
            end = at + len(piece)
    body = b""
    for at in sorted(pieces):
        if at != len(body):
            return None
        body += pieces[at]
    return body if len(body) == end else None


def main(names, servers=True, parameters=(), setup=None):
    """Run every test_ function of a script, or those named on its command line,
    with the module loaded and the reference deployment built. setup() completes
    it."""
    from servers import Servers

    unknown = set(sys.argv[1:]) - set(names)
    if unknown:
        sys.exit("no such test: " + " ".join(sorted(unknown)))
    # Both ends of every connection are here, and some servers' ends are never told
    # that the client is gone.
    resource.setrlimit(resource.RLIMIT_NOFILE, (1 << 16, 1 << 16))
    run("insmod", os.environ["LBDR_KO"], *parameters)
    try:
        build()
        if os.environ.get("ENTRY") == "input":
            lbctl("set-entry", "input")
        if servers:
            Servers().start()
        if setup:
            setup()
        for name, test in list(names.items()):
            if name.startswith("test_") and name in (sys.argv[1:] or [name]):
                labels = getattr(test, "labels", (LABEL,))
                if LABEL not in labels and not EVERYTHING and not sys.argv[1:]:
                    print("# left out %s" % name, flush=True)
                    continue
                print("# " + name, flush=True)
                begun, cpu = time.monotonic(), sum(os.times()[:4])
                try:
                    test()
                except Skip as reason:
                    print("skip - %s: %s" % (name, reason), flush=True)
                print("# %s took %.1f s, %.1f s of it computing" %
                      (name, time.monotonic() - begun,
                       sum(os.times()[:4]) - cpu), flush=True)
    finally:
        if INFO:
            INFO.pop().close()
        demolish()
        until(lambda: run("rmmod", "lbdr", check=False).returncode == 0)
    sys.exit(1 if failed else 0)
