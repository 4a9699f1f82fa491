#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0
# Also on: trixie bookworm
"""What lies below a tunnel: devices, L3 domains, aggregates, IPsec, MPLS, a dead
gateway, and a client that is the director itself. Real HTTP to the server behind the
router, which decapsulates by stock Linux."""
import contextlib
import ctypes
import re
import socket
import struct

import genl
import net
import tunnels
from net import VIP, addr, batch, drops_of, ip, ok, only, until
from servers import exchange
from test_local import vip_is
from test_sctp import SCTP, Echo, associate
from test_tcp import open_director
from topology import offloads
from tunnels import (BITS, FAR, NEAR, SUMMED, USUAL, WHOLE, Client, Decapsulation, Kind,
                     Wire, attributes, begin, serve, set_mtu, sized, transfers)

PORT = 8080
LARGEST = 65535
NET = {4: "10.9.0.0/24", 6: "2001:db8:9::/64"}
LINE = {4: "10.%d.0.%d", 6: "2001:db8:%d::%d"}
FULL = {4: 32, 6: 128}
KINDS = (Kind(4, 4, "ipip", False), Kind(6, 4, "gre", False), Kind(4, 6, "gue", False),
         Kind(6, 6, "ipip", False))


def service(kind):
    return genl.key(VIP[kind.inner], PORT)


def closed(host):
    """Whether no connection of the host has segments to send. TIME_WAIT and LISTEN have not."""
    states = set()
    with net.within(host):
        for name in ("tcp", "tcp6"):
            with open("/proc/self/net/" + name, encoding="ascii") as file:
                states.update(line.split()[3] for line in list(file)[1:])
    return states <= {"06", "0A"}


def through(director, kind, host="client", size=USUAL, **more):
    """A page down and up by this tunnel; which of them was whole. The next service would
    take the last segments for strays."""
    serve(director, service(kind), (FAR[kind.outer] % 2, attributes(kind, **more)))
    with Decapsulation("c", kind):
        done = transfers(kind.inner, host, size)
        until(lambda: closed(host) and closed("c"))
    return done


def known_mtu(version):
    """What the client knows of the path to the VIP."""
    words = ip("client", "route", "get", VIP[version]).stdout.split()
    return int(words[words.index("mtu") + 1]) if "mtu" in words else None


@contextlib.contextmanager
def cable(host, dev, there, end):
    net.run("ip", "link", "add", dev, "netns", host, "type", "veth", "peer", "name", end,
            "netns", there)
    try:
        ip(host, "link", "set", dev, "up")
        ip(there, "link", "set", end, "up")
        yield
    finally:
        ip(host, "link", "del", dev)


def number(host, dev, line, last):
    """The addresses of a device on a line."""
    batch(host, ["addr add %s/%d dev %s%s" %
                 (LINE[v] % (line, last), BITS[v], dev, " nodad" if v == 6 else "")
                 for v in (4, 6)])


def send_far(*words, gateways=NEAR):
    """The director's routes to c."""
    batch("director", ["route replace %s via %s %s" % (NET[v], gateways[v],
                                                       " ".join(words))
                       for v in (4, 6)])


def vlan():
    for host, dev in (("director", "dx"), ("router", "rx")):
        batch(host, ["link add link %s name %s.5 type vlan id 5" % (dev, dev),
                     "link set %s.5 up" % dev])
    return "dx.5", "rx.5"


def bond():
    batch("director", ["link add bx type bond mode active-backup miimon 100",
                       "link set dx down", "link set dx master bx", "link set bx up"])
    return "bx", "rx"


@only("uml", "trixie")
def test_devices():
    """A VLAN and a bond towards the router."""
    director = open_director()
    for below in (vlan, bond):
        with cable("director", "dx", "router", "rx"):
            dev, end = below()
            number("director", dev, 7, 1)
            number("router", end, 7, 2)
            send_far(gateways={v: LINE[v] % (7, 2) for v in (4, 6)})
            for kind in KINDS:
                done = through(director, kind)
                ok(done == (True, True), "%s, over a %s: a page down and up" %
                   (kind, below.__name__), done)
            director.clear()
            ip("director", "link", "del", "bx", check=False)
        send_far()
    # Its list of bonds looks like one more device.
    net.run("modprobe", "-r", "bonding")
    director.close()


@only("uml", "trixie")
def test_vrf():
    """Client and tunnel in a VRF, where a path of 1400 bytes is told."""
    director = open_director()
    batch("director", ["link add red type vrf table 77", "link set red up"])
    with cable("director", "di", "client", "ci"), \
            cable("director", "dx", "router", "rx"):
        batch("director", ["link set di master red", "link set dx master red"])
        for host, dev, line, last in (("director", "di", 6, 1), ("client", "ci", 6, 2),
                                      ("director", "dx", 7, 1), ("router", "rx", 7, 2)):
            number(host, dev, line, last)
        for v in (4, 6):
            ip("director", "route", "add", "vrf", "red", NET[v], "via", LINE[v] % (7, 2))
            ip("client", "route", "add", "%s/%d" % (VIP[v], FULL[v]), "via",
               LINE[v] % (6, 1), "src", addr("client", v))
        # The way of the main table leads nowhere.
        batch("director", ["route del %s" % NET[v] for v in (4, 6)])
        for kind in KINDS:
            done = through(director, kind)
            ok(done == (True, True), "%s, in a VRF: a page down and up" % kind, done)
        set_mtu(1400)
        for kind in (KINDS[0], KINDS[3]):
            done = through(director, kind)
            told = known_mtu(kind.inner)
            ok(done == (True, True) and told == 1400 - kind.overhead(),
               "%s, in a VRF: where 1400 bytes pass, the client learns the MTU" % kind,
               (done, told))
        set_mtu(1500)
        director.clear()
        for v in (4, 6):
            ip("client", "route", "del", "%s/%d" % (VIP[v], FULL[v]))
    ip("director", "link", "del", "red")
    send_far()
    for host in ("client", "director"):
        net.forget_pmtu(host)
    director.close()


def aggregates(size):
    """The largest packet of the client and of the devices up to the director, or a
    reason why not."""
    for host, dev in (("client", "eth0"), ("", "vclient"), ("", "br0"),
                      ("", "vdirector"), ("director", "eth0")):
        done = net.run("ip", *(["-n", host] if host else []), "link", "set", dev,
                       "gso_max_size", str(size), "gro_max_size", str(size), check=False)
        if done.returncode:
            return done.stderr
    return None


def resets():
    """RSTs of c, which answers segments for ports that nobody has."""
    with net.within("c"), open("/proc/net/snmp", encoding="ascii") as file:
        names, numbers = (line.split() for line in file if line.startswith("Tcp:"))
    return int(numbers[names.index("OutRsts")])


def others():
    """Drops but those by which the client learns the MTU."""
    return {reason: n for reason, n in net.drops().items() if reason != "mtu"}


@contextlib.contextmanager
def too_large():
    """Counts what the director sends that is larger than an IP packet may be."""
    # Outgoing (SKF_AD_PKTTYPE is PACKET_OUTGOING), and longer than Ethernet's header and
    # 65535 bytes.
    code = ((0x20, 0, 0, 0xfffff004), (0x15, 0, 3, 4), (0x80, 0, 0, 0),
            (0x25, 0, 1, 14 + LARGEST), (0x06, 0, 0, 1), (0x06, 0, 0, 0))
    program = ctypes.create_string_buffer(b"".join(struct.pack("HBBI", *one)
                                                   for one in code))
    with net.within("director"):
        sock = socket.socket(socket.AF_PACKET, socket.SOCK_RAW)
    sock.setsockopt(socket.SOL_SOCKET, 26,
                    struct.pack("HP", len(code), ctypes.addressof(program)))
    sock.bind(("eth0", 3))
    sock.setblocking(False)
    seen = []

    def count():
        with contextlib.suppress(BlockingIOError):
            while True:
                seen.append(sock.recv(1))
        return len(seen)

    try:
        yield count
    finally:
        sock.close()


def test_aggregates():
    """Aggregates that become larger than 64 KiB with the outer header, and smaller
    ones."""
    director = open_director()
    with too_large() as count:
        aggregates_go(director, count)
    aggregates(LARGEST + 1)
    director.clear()
    director.close()


def aggregates_go(director, count):
    for size in (3000, 20000, 65536, 180000):
        why = aggregates(size)
        if why:
            print("skip - aggregates of %d bytes: %s" % (size, why.strip()))
            continue
        for kind in KINDS:
            before = others(), resets(), count()
            # A window grows to a large aggregate in the course of a long transfer.
            done = through(director, kind, size=WHOLE if size > 20000 else USUAL)
            after = others(), resets(), count()
            ok(done == (True, True) and after == before,
               "%s: a page down and up in aggregates of %d bytes, whole segments only" %
               (kind, size), (done, before, after))


@only("uml", "trixie")
def test_largest():
    """Packets in fragments that are as large as IP allows when they are encapsulated,
    and one byte larger."""
    director, wire = open_director(), Wire()
    for kind in KINDS:
        one, _ = begin(wire, director, kind, df=2)
        most, refused = LARGEST - kind.overhead(), []
        for size in (most, most + 1):
            before = drops_of("mtu")
            wire.through(*net.fragments(sized(one, size, False), 1400, 7))
            refused.append(drops_of("mtu") - before)
        ok(refused == [0, 1], "%s: a packet of %d bytes in fragments is encapsulated, and "
           "no larger one" % (kind, most), refused)
    wire.close()
    director.clear()
    director.close()


@only("uml", "trixie")
def test_sctp():
    """The checksum of SCTP is another one than that of TCP and UDP, and has to be there
    before a packet is cut. The largest chunk that the client sends is a packet of 1500
    bytes."""
    if net.run("modprobe", "-q", "sctp", check=False).returncode:
        raise net.Skip("this kernel has no SCTP")
    director = open_director()
    Echo().start()
    for kind in (KINDS[0], KINDS[3]):
        serve(director, genl.key(VIP[kind.inner], 80, SCTP),
              (addr("b", kind.outer), attributes(kind, df=2)))
        with Decapsulation("b", kind):
            sock, letter = associate(kind.inner)
            ok(letter == "b" and exchange(sock, 1500 - {4: 48, 6: 68}[kind.inner]),
               "%s, --tun-df clear: SCTP in fragments" % kind, letter)
            sock.close()
    director.clear()
    director.close()


@only("uml", "trixie")
def test_offloads():
    """A device below that computes no checksums and segments nothing."""
    director = open_director()
    offloads("director", "tx", "off", "tso", "off", "gso", "off")
    for kind in KINDS + tuple(SUMMED):
        done = through(director, kind)
        ok(done == (True, True),
           "%s, over a device without offloads: a page down and up" % kind, done)
        net.forget_pmtu()
    offloads("director", "tx", "on", "tso", "on", "gso", "on")
    director.clear()
    director.close()


@only("uml", "trixie")
def test_cut():
    """With --tun-df clear the client learns no MTU, and the director cuts packets."""
    director = open_director()
    for kind in KINDS:
        before = net.drops()
        done = through(director, kind, df=2)
        ok(done == (True, True) and net.drops() == before and not known_mtu(kind.inner),
           "%s, --tun-df clear: a page down and up in fragments" % kind,
           (done, before, net.drops()))
    director.clear()
    director.close()


def esp(command, host, peer, version):
    """Transport mode between the director and c, for what is not ICMPv6."""
    director, c = tunnels.source_to(FAR[version] % 2), FAR[version] % 2
    if command == "add":
        net.run("ip", "-n", host, "xfrm", "state", "add", "src", director, "dst", c,
                "proto", "esp", "spi", "0x100", "mode", "transport", "enc", "cbc(aes)",
                "0x" + "11" * 16, "auth", "hmac(sha1)", "0x" + "22" * 20)
    where = ["src", director, "dst", c, "proto", peer, "dir",
             "out" if host == "director" else "in"]
    template = ["tmpl", "proto", "esp", "mode", "transport"] if command == "add" else []
    net.run("ip", "-n", host, "xfrm", "policy", command, *where, *template)


def protected(host):
    """How many packets the state of the host has transformed."""
    text = net.run("ip", "-n", host, "-s", "xfrm", "state").stdout
    return int(re.search(r"lifetime current:\s+\d+\(bytes\), (\d+)\(packets\)",
                         text).group(1))


@only("trixie")
def test_ipsec():
    """A policy for outer packets, which c takes only as ESP. The UML kernel has no xfrm."""
    director = open_director()
    for kind, protocol in ((Kind(4, 4, "ipip", False), "4"),
                           (Kind(4, 4, "gue", False), "udp"),
                           (Kind(6, 6, "gre", False), "gre")):
        for host in ("director", "c"):
            esp("add", host, protocol, kind.outer)
        done = through(director, kind)
        counts = [protected(host) for host in ("director", "c")]
        ok(done == (True, True) and min(counts) > USUAL // 1500,
           "%s: a page down and up, the outer packets as ESP in transport mode" % kind,
           (done, counts))
        for host in ("director", "c"):
            esp("delete", host, protocol, kind.outer)
            ip(host, "xfrm", "state", "flush")
        ip("director", "xfrm", "policy", "add", "src", tunnels.source_to(
            FAR[kind.outer] % 2), "dst", FAR[kind.outer] % 2, "dir", "out", "action",
           "block")
        before = drops_of("no-route")
        serve(director, service(kind), (FAR[kind.outer] % 2, attributes(kind)))
        tap = net.Tap("client")
        tap.send(net.raw(kind.inner, net.tcp(4000, PORT, net.SYN)))
        ok(until(lambda: drops_of("no-route") == before + 1),
           "%s: a policy that blocks it drops it, counted" % kind,
           drops_of("no-route") - before)
        tap.close()
        for host in ("director", "c"):
            ip(host, "xfrm", "policy", "flush")
            net.forget_pmtu(host)
        net.forget_pmtu()
    director.clear()
    director.close()


@only("trixie")
def test_lwtunnel():
    """A route that puts an MPLS label in front of the outer header. The UML kernel has no
    MPLS."""
    if any(net.run("modprobe", "-q", name, check=False).returncode
           for name in ("mpls_router", "mpls_iptunnel")):
        raise net.Skip("this kernel has no MPLS")
    director = open_director()
    with net.within("router"):
        net.write("/proc/sys/net/mpls/platform_labels", "200")
        net.write("/proc/sys/net/mpls/conf/eth0/input", "1")
    for version, label in ((4, 100), (6, 101)):
        ip("router", "-f", "mpls", "route", "add", str(label), "via",
           "inet" if version == 4 else "inet6", FAR[version] % 2, "dev", "eth1")
        ip("director", "route", "replace", NET[version], "encap", "mpls", str(label),
           "via", NEAR[version], "dev", "eth0")
    for kind in KINDS:
        done = through(director, kind)
        ok(done == (True, True), "%s, by a route with an MPLS label: a page down and up" %
           kind, done)
    send_far("dev", "eth0")
    director.clear()
    for host in ("client", "director"):
        net.forget_pmtu(host)
    for label in (100, 101):
        ip("router", "-f", "mpls", "route", "del", str(label))
    director.close()


@only("uml")
def test_dead_gateway():
    """The client is told that the gateway to the server does not answer; counted."""
    director = open_director()
    send_far(gateways={4: NEAR[4] + "99", 6: NEAR[6] + "99"})
    for kind in KINDS:
        serve(director, service(kind), (FAR[kind.outer] % 2, attributes(kind)))
        before = drops_of("neighbour")
        try:
            Client(kind.inner).get()
            told = "answered"
        except OSError as error:
            told = error.errno
        # EHOSTUNREACH
        ok(told == 113 and until(lambda: drops_of("neighbour") > before),
           "%s: the client is told that the gateway is dead, and it is counted" % kind,
           (told, drops_of("neighbour") - before))
    send_far()
    director.clear()
    director.close()


@only("uml")
def test_local_client():
    """A client on the director itself."""
    director = open_director()
    for kind in KINDS:
        with vip_is("nothing of its own", kind.inner):
            done = through(director, kind, "director")
        ok(done == (True, True), "%s: a page down and up by a client on the director" %
           kind, done)
    tunnels.prefer_vip(False)
    director.clear()
    director.close()


def build():
    tunnels.prefer_vip(False)
    tunnels.build_far()
    for version in (4, 6):
        tunnels.Web("c", version)


if __name__ == "__main__":
    try:
        if not tunnels.has_decapsulation():
            print("skip - this kernel has no devices that decapsulate")
        else:
            net.main(globals(), servers=False, setup=build)
    finally:
        tunnels.demolish_far()
