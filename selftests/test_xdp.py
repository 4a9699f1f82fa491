#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0
# Also on: trixie backports
# CPUs: 2
"""`set-entry xdp eth0`: frames that the program takes are never seen by a socket of
eth0, so such a socket tells what is passed to PREROUTING. UML's kernel has no BTF."""
import contextlib
import fcntl
import json
import socket
import struct

import genl
import net
from net import (ACK, FIN, PSH, RST, SYN, Tap, addr, known_neighbours, lbctl, ok,
                 only, raw, tcp, udp, until)
from servers import configure, exchange, server, service
from test_entry import again, deaf_client, path
from test_reload import MODULE, reload

KERNELS = ("trixie", "backports")
INPUT = 1
# Of ethtool
SET_TX, SET_GRO, SET_FLAGS = 0x17, 0x2c, 0x26


def ethtool(host, dev, command, value):
    """Sets a feature of a device; the initial namespace is no host."""
    with net.within(host) if host else contextlib.nullcontext():
        sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    room = bytearray(struct.pack("II", command, value))
    where = (net.ctypes.c_char * len(room)).from_buffer(room)
    with sock:
        fcntl.ioctl(sock, 0x8946, struct.pack("16sP16x", dev.encode(),
                                              net.ctypes.addressof(where)))


def told():
    row = json.loads(lbctl("list", "--info", "-j").stdout)[0]
    return row["entry"], row["devices"]


def counted():
    """Packets and bytes of all servers."""
    stats = [server["stats"] for one in json.loads(lbctl("list", "-j").stdout)
             for server in one["servers"]]
    return sum(one["in_packets"] for one in stats), sum(one["in_bytes"] for one in stats)


def users():
    with open("/sys/module/lbdr/refcnt", encoding="ascii") as file:
        return int(file.read())


@contextlib.contextmanager
def at_xdp(*options):
    """The peer of eth0 leaves no checksum and no VLAN tag to it, and polls for frames."""
    ethtool("", "vdirector", SET_TX, 0)
    ethtool("", "vdirector", SET_FLAGS, 0)
    ethtool("", "vdirector", SET_GRO, 1)
    lbctl("set-entry", "xdp", "eth0", "--force", *options)
    try:
        yield
    finally:
        lbctl("set-entry", "prerouting")
        lbctl("clear")


class Watch:
    """Sends frames and tells whether the program has taken them."""

    def __init__(self, stack):
        self.client, self.director, self.a = Tap("client"), Tap("director"), Tap("a")
        for tap in (self.client, self.director, self.a):
            stack.callback(tap.close)

    def send(self, frame, text, arrives=True):
        """Whether it was taken, and the frame that the server got. `text` is in it
        alone."""
        self.director.flush()
        self.a.flush()
        self.client.send(frame.ljust(60, b"\0"))
        came = []
        if arrives:
            came = self.a.wait(lambda f: text in f.ip and not f.outgoing)
            seen = [f for f in self.director.frames() if text in f.ip and not f.outgoing]
        else:
            seen = self.director.wait(lambda f: text in f.ip and not f.outgoing)
        return not seen, came[0] if came else None


@contextlib.contextmanager
def watching():
    with contextlib.ExitStack() as stack:
        stack.enter_context(at_xdp())
        stack.enter_context(deaf_client())
        stack.enter_context(known_neighbours("a"))
        yield Watch(stack)


def open_tcp(watch, version, sport):
    """Until the connection is established; what opens it is passed."""
    for flags, text in ((SYN, b"opens %d" % sport), (ACK, b"confirms %d" % sport)):
        taken, came = watch.send(raw(version, tcp(sport, 80, flags, text)), text)
        ok(not taken and came, "IPv%d: what %s a connection is passed" % (
            version, text.split()[0].decode()), (taken, came))


def open_udp(watch, version, sport):
    for text in (b"first of %d" % sport, b"second of %d" % sport):
        taken, came = watch.send(raw(version, udp(sport, 80, text), 17), text)
        ok(not taken and came, "IPv%d: the %s datagram is passed" % (
            version, text.split()[0].decode()), (taken, came))


def frames(watch, version, proto):
    name = "IPv%d, %s: " % (version, "TCP" if proto == 6 else "UDP")
    sport = 7000 + version * 10 + proto
    configure(version, [("a", 1)], protocol=proto)
    (open_tcp if proto == 6 else open_udp)(watch, version, sport)
    size = (20 if version == 4 else 40) + (20 if proto == 6 else 8)
    for number, length in enumerate((1, 700, 1400)):
        text = b"plain %d" % number
        payload = text.ljust(length, b".")
        body = tcp(sport, 80, ACK, payload) if proto == 6 else udp(sport, 80, payload)
        frame = raw(version, body, proto)
        before = counted()
        taken, came = watch.send(frame, text)
        after = counted()
        ok(taken and came, name + "a packet with %d bytes is taken" % len(payload),
           (taken, came and came.data.hex()))
        if not came:
            continue
        ok(came.dst == net.mac("a") and came.src == net.mac("director") and
           came.ttl == 63, name + "MACs and TTL",
           (came.dst.hex(), came.src.hex(), came.ttl))
        sent = bytearray(frame[14:])
        if version == 4:
            ok(net.checksum(came.ip[:20]) == 0, name + "checksum of the header",
               came.ip[:20].hex())
            sent[8] -= 1
            sent[10:12] = came.ip[10:12]
        else:
            sent[7] -= 1
        ok(came.ip[:len(sent)] == bytes(sent), name + "the rest is as it was",
           (came.ip.hex(), sent.hex()))
        ok(after[0] - before[0] == 1 and after[1] - before[1] == size + len(payload),
           name + "the server's counters", (before, after, size + len(payload)))
    lbctl("clear")


@only(*KERNELS)
def test_frames():
    """Frames that are taken, byte by byte."""
    with watching() as watch:
        for version in (4, 6):
            for proto in (6, 17):
                frames(watch, version, proto)


def passed_frames(version, sport):
    """What, frame, whether it reaches the server, of one established connection. Each
    has a text of its own."""
    def one(what, text, frame, arrives=True):
        return what, text, frame, arrives

    def plain(text, flags=ACK, **more):
        return raw(version, tcp(sport, 80, flags, text), **more)

    nop = b"\x01\x01\x01\x01" if version == 4 else bytes([60, 6, 0, 1, 4, 0, 0, 0, 0])
    rows = [
        one("options or an extension header", b"options", plain(b"options", options=nop)),
        one("TTL 1", b"ttl one", plain(b"ttl one", ttl=1), False),
        one("another destination MAC", b"other mac",
            b"\2\0\0\0\0\x77" + plain(b"other mac")[6:], False),
        one("a VLAN tag", b"tagged", (lambda f: f[:12] + b"\x81\0\0\7" + f[12:])(
            plain(b"tagged")), False),
        one("another client", b"no conn", raw(version, tcp(
            sport + 1, 80, ACK, b"no conn")), False),
        one("another port", b"other port", raw(version, tcp(
            sport, 81, ACK, b"other port")), False),
        one("an odd TCP header", b"odd doff", raw(version, tcp(
            sport, 80, ACK, b"odd doff", doff=4)), False),
        one("a TCP header longer than the packet", b"long doff", raw(version, tcp(
            sport, 80, ACK, b"long doff", doff=15)), False),
    ]
    if version == 4:
        bad = bytearray(plain(b"bad checksum"))
        bad[24] ^= 1
        rows += [one("a wrong checksum of the header", b"bad checksum", bytes(bad), False),
                 one("a total length beyond the frame", b"long total",
                     plain(b"long total", total=1000), False)]
    else:
        bad = bytearray(plain(b"bad length"))
        bad[18:20] = b"\x03\xff"
        rows.append(one("a payload length beyond the frame", b"bad length", bytes(bad),
                        False))
    # The last ones close the connection.
    return rows + [
        one("PSH is plain", b"push", plain(b"push", ACK | PSH)),
        one("FIN", b"fin", plain(b"fin", FIN | ACK)),
        one("data behind FIN", b"late", plain(b"late")),
        one("RST", b"reset", plain(b"reset", RST)),
    ]


def passed(watch, version):
    name, sport = "IPv%d: " % version, 7100 + version
    configure(version, [("a", 1)])
    open_tcp(watch, version, sport)
    for what, text, frame, arrives in passed_frames(version, sport):
        plain = "plain" in what
        taken, came = watch.send(frame, text, arrives)
        ok(taken == plain and (came or not arrives), name + what +
           (" is taken" if plain else " is passed"), (taken, came and came.data.hex()))
    lbctl("clear")


@only(*KERNELS)
def test_passed():
    """A table of frames that must go on to PREROUTING, or to the stack."""
    with watching() as watch:
        for version in (4, 6):
            passed(watch, version)


def judge(watch, version, taken, what, sport=7200):
    """A datagram of the connection is taken, or passed, and reaches the server."""
    judge.number += 1
    text = b"datagram %d." % judge.number
    was, came = watch.send(raw(version, udp(sport, 80, text), 17), text)
    ok(was == taken and came, "IPv%d: %s: %s" % (
        version, what, "taken" if taken else "passed, and forwarded"), (was, came))


judge.number = 0


def states(watch, version):
    """What is around the connection decides, too."""
    configure(version, [("a", 1)], protocol=17)
    open_udp(watch, version, 7200)
    judge(watch, version, True, "as it is usually")

    net.write("/sys/module/lbdr/parameters/fast_path", "0")
    judge(watch, version, False, "without the fast path")
    net.write("/sys/module/lbdr/parameters/fast_path", "1")
    judge(watch, version, True, "with it again")

    # Of an IPv6 route that is not locked, forwarding does not ask the MTU.
    route = [addr("a", version), "dev", "eth0", "mtu", "lock", "1300"]
    net.ip("director", "-%d" % version, "route", "add", *route)
    judge(watch, version, False, "a route that has changed")
    judge(watch, version, True, "once PREROUTING has looked it up again")
    text = b"longer than the MTU"
    body = udp(7200, 80, text.ljust(1300, b"."))
    was, _ = watch.send(raw(version, body, 17), text, False)
    ok(not was, "IPv%d: longer than the route's MTU: passed" % version)
    net.ip("director", "-%d" % version, "route", "del", *route)
    judge(watch, version, False, "a route that has gone")
    judge(watch, version, True, "once it was looked up again")

    net.ip("director", "neigh", "replace", addr("a", version), "lladdr",
           ":".join("%02x" % byte for byte in net.mac("a")), "dev", "eth0", "nud", "stale")
    judge(watch, version, False, "a neighbour to be confirmed")
    net.ip("director", "neigh", "del", addr("a", version), "dev", "eth0")
    judge(watch, version, False, "no neighbour")
    net.ip("director", "neigh", "replace", addr("a", version), "lladdr",
           ":".join("%02x" % byte for byte in net.mac("a")), "dev", "eth0", "nud",
           "permanent")
    judge(watch, version, True, "a neighbour again")

    ethtool("", "vdirector", SET_GRO, 0)
    judge(watch, version, False, "a veth whose peer does not poll")
    ethtool("", "vdirector", SET_GRO, 1)
    judge(watch, version, True, "whose peer polls again")

    with net.within("director"):
        director = genl.Director()
    director.do(genl.INFO_SET, genl.u8(genl.INFO_ENTRY, INPUT))
    judge(watch, version, False, "the module's entry is input")
    director.do(genl.INFO_SET, genl.u8(genl.INFO_ENTRY, 0))
    director.close()
    judge(watch, version, True, "and prerouting again")

    lbctl("edit-server", *service(version, "-u"), "-r", server("a", version), "-w", "0")
    judge(watch, version, True, "a server without weight keeps its connections")
    lbctl("clear")
    text = b"cleared"
    was, _ = watch.send(raw(version, udp(7200, 80, text), 17), text, False)
    ok(not was, "IPv%d: no service: passed" % version)


@only(*KERNELS)
def test_states():
    with contextlib.ExitStack() as stack:
        stack.enter_context(at_xdp())
        stack.enter_context(deaf_client())
        watch = Watch(stack)
        for version in (4, 6):
            with known_neighbours("a"):
                states(watch, version)


@only(*KERNELS)
def test_path():
    """What other scripts ask of the usual entry."""
    with at_xdp():
        again(path.test_bystanders, path.test_frames, path.test_ttl, path.test_mtu,
              path.test_schedulers)


@only(*KERNELS)
def test_transfer():
    """Real TCP, whose segments are taken."""
    for version in (4, 6):
        with at_xdp(), known_neighbours("a"):
            configure(version, [("a", 1)])
            watch = Tap("director")
            with net.connect(version) as sock:
                good = sock.recv(1) == b"a" and exchange(sock, 1 << 20)
            seen = [f for f in watch.frames(5) if f.dport == 80 and not f.outgoing]
            watch.close()
            packets = counted()[0]
            ok(good and packets > 500, "IPv%d: a transfer of 1 MiB" % version,
               (good, packets))
            ok(0 < len(seen) < packets / 10, "IPv%d: nearly all of its packets are taken" %
               version, (len(seen), packets))


def refused(what, sentence, *words):
    before = told()
    done = lbctl("set-entry", *words, check=False)
    ok(done.returncode == 2 and sentence in done.stderr and done.stderr.count("\n") == 1 and
       told() == before, what + " is refused in words, and the entry stays",
       (done.returncode, done.stderr, told()))


@only(*KERNELS)
def test_refusals():
    lbctl("set-entry", "ingress", "eth0")
    net.batch("director", ["link add plain0 type dummy", "link set plain0 up",
                           "link add odd0 type veth peer name odd1",
                           "link set odd0 up mtu 9000", "link set odd1 up mtu 9000"])
    refused("a veth without --force", "not supported without --force", "xdp", "eth0")
    refused("a device that is not there", "device 'nowhere' not found", "xdp", "nowhere",
            "--force")
    refused("a device without native XDP", "does not support", "xdp", "plain0")
    refused("a device whose MTU is too large", "MTU", "xdp", "odd0", "--force")
    ethtool("", "vdirector", SET_GRO, 1)
    refused("the second of two devices", "plain0", "xdp", "eth0", "plain0", "--force")
    ok(users() == 0, "no program is left", users())
    done = lbctl("set-entry", "ingress", "eth0", "--force", check=False)
    ok("--force not supported" in done.stderr, "--force is for xdp only", done.stderr)
    done = lbctl("set-entry", "xdp", check=False)
    ok("devices are required with the entry xdp" in done.stderr, "devices are required",
       done.stderr)
    net.batch("director", ["link del plain0", "link del odd0"])
    lbctl("set-entry", "prerouting")


@only("uml", "kcsan")
def test_unsupported():
    """A module without type information."""
    refused("the entry xdp", "Linux 6.12 or later is required", "xdp", "eth0", "--force")


@only(*KERNELS)
def test_shown():
    """How it is listed, saved and restored, and that the module stays."""
    with at_xdp():
        ok(told() == ("xdp", ["eth0"]), "list --info", told())
        ok(users() == 1, "the program holds the module", users())
        done = net.run("rmmod", "lbdr", check=False)
        ok(done.returncode and "in use" in done.stderr, "which cannot be unloaded",
           done.stderr)
        saved = lbctl("save").stdout
        ok(saved == "set-entry xdp eth0 --force\n", "save", saved)
        ok('lbdr_entry{entry="xdp"} 1' in lbctl("metrics").stdout, "metrics",
           [line for line in lbctl("metrics").stdout.split("\n") if "_entry" in line])
        lbctl("set-entry", "xdp", "eth0", "--force")
        ok(told() == ("xdp", ["eth0"]) and users() == 1, "the same once more", users())
        lbctl("set-entry", "input")
        ok(told() == ("input", []) and users() == 0, "another entry detaches it", users())
        for verb in ("restore", "apply"):
            lbctl("set-entry", "prerouting")
            net.write("/tmp/rules", saved)
            lbctl(verb, "/tmp/rules")
            ok(told() == ("xdp", ["eth0"]) and users() == 1, verb, (told(), users()))
            lbctl(verb, "/tmp/rules")
            ok(told() == ("xdp", ["eth0"]) and users() == 1, verb + " once more",
               (told(), users()))
        net.write("/tmp/rules", "set-entry xdp nowhere\n" +
                  "add-service %s %s -s rr\n" % service(4))
        done = lbctl("apply", "/tmp/rules")
        ok("warning: the entry is prerouting" in done.stderr and
           len(json.loads(lbctl("list", "-j").stdout)) == 1,
           "a device that is not there: a warning, and the rest is restored", done.stderr)
        net.write("/tmp/rules", "set-entry prerouting\n")
        lbctl("apply", "/tmp/rules")
        ok(told() == ("prerouting", []) and users() == 0, "apply of another entry",
           (told(), users()))


@only(*KERNELS)
def test_reload():
    """The module is exchanged although the program holds it."""
    with at_xdp(), known_neighbours("a"):
        configure(4, [("a", 1)])
        with net.connect(4) as sock:
            sock.recv(1)
            done = reload(MODULE)
            ok(done.returncode == 0 and not done.stderr and told() == ("xdp", ["eth0"]),
               "reload-module keeps the entry", (done, told()))
            before = counted()[0]
            watch = Tap("director")
            good = exchange(sock, 100000)
            seen = [f for f in watch.frames() if f.dport == 80 and not f.outgoing]
            watch.close()
            packets = counted()[0] - before
            ok(good and packets > 50 and len(seen) < packets / 2,
               "and the connection, whose packets are taken again",
               (good, packets, len(seen)))


if __name__ == "__main__":
    net.main(globals())
