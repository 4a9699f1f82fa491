#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0
# Also on: trixie backports
# CPUs: 2
"""What the entry xdp must pass to PREROUTING, as tables. BPF_PROG_TEST_RUN hands frames to the
program of `set-entry xdp`, and tells its verdict and the frame afterwards: a frame that is
passed is as it was, and nothing is counted. In each table, frames that are taken show that
nothing else stands against the others. What becomes of the frames that are passed,
test_xdp.py asks. UML's kernel has no BTF."""
import contextlib
import os
import socket
import struct

import bpf
import genl
import net
from net import (ACK, FIN, PSH, RST, SYN, VIP, Tap, addr, batch, known_neighbours, lbctl, ok,
                 raw, tcp, udp, until)
from servers import configure, server, service
from test_entry import deaf_client, nft
from test_xdp import SET_GRO, at_xdp, counted, ethtool, keep_tags, offload, with_xdp, without_xdp

TCP, UDP, SCTP = 6, 17, 132
HEAD = {4: 20, 6: 40}
ICMP = {4: 1, 6: 58}
MTU = 1500
# The module's
INPUT = 1
BROADCAST, ELSEWHERE = b"\xff" * 6, b"\2\0\0\0\0\x77"


def colons(mac):
    return ":".join("%02x" % byte for byte in mac)


class Flow:
    """A connection of the client, and its frames."""

    def __init__(self, version, proto, sport=7300):
        self.version, self.proto, self.sport = version, proto, sport
        self.name = "IPv%d, %s: " % (version, "TCP" if proto == TCP else "UDP")
        self.key = genl.key(VIP[version], 80, proto)

    def body(self, text=b"plain", flags=ACK, sport=None, dport=80, **more):
        sport = sport or self.sport
        return tcp(sport, dport, flags, text, **more) if self.proto == TCP else \
            udp(sport, dport, text, **more)

    def frame(self, body=None, **more):
        return raw(self.version, self.body() if body is None else body,
                   more.pop("proto", self.proto), **more)

    def long(self, size):
        """A frame with a packet of this length."""
        room = size - HEAD[self.version] - len(self.body(b""))
        return self.frame(self.body(bytes(room)))


def changed(frame, at, new):
    """With other bytes in the network header; an IPv4 header has its checksum then."""
    out = bytearray(frame)
    out[14 + at:14 + at + len(new)] = new
    if frame[12:14] == b"\x08\0":
        out[24:26] = b"\0\0"
        out[24:26] = struct.pack("!H", net.checksum(bytes(out[14:34])))
    return bytes(out)


class Program:
    """The program of the entry, asked about frames that eth0 did not receive."""

    def __init__(self, stack):
        self.client, self.watch = Tap("client"), Tap("director")
        stack.callback(self.client.close)
        stack.callback(self.watch.close)
        self.fd = bpf.opened("lbdr_xdp")
        stack.callback(os.close, self.fd)
        with net.within("director"):
            self.director = genl.Director()
        stack.callback(self.director.close)

    def run(self, frame, dev="eth0"):
        with net.within("director"):
            return bpf.run_frame(self.fd, frame, socket.if_nametoindex(dev))

    def passes(self, what, frame, dev="eth0"):
        verdict, out = self.run(frame, dev)
        ok(verdict == bpf.XDP_PASS and out == frame, what + ": passed as it was",
           (verdict, frame.hex(), out.hex()))

    def takes(self, what, frame, dev="eth0", verdict=bpf.XDP_REDIRECT):
        was, out = self.run(frame, dev)
        ok(was == verdict and out[:12] != frame[:12] and len(out) == len(frame),
           what + ": taken", (was, frame.hex(), out.hex()))

    def would(self, frame, verdict, dev="eth0"):
        """Waits for this verdict."""
        return until(lambda: self.run(frame, dev)[0] == verdict)

    def open(self, flow, verdict=bpf.XDP_REDIRECT):
        """By frames of the client, until the connection is established."""
        for flags in (SYN, ACK):
            self.client.send(flow.frame(flow.body(b"opens", flags)).ljust(60, b"\0"))
        state = "established" if flow.proto == TCP else "udp"
        opened = until(lambda: self.director.conns(cport=flow.sport, state=state))
        if not opened or not self.would(flow.frame(), verdict):
            ok(False, flow.name + "opened", (opened, self.run(flow.frame())))

    def renew(self, flow, verdict=bpf.XDP_REDIRECT):
        """PREROUTING gets a frame, and looks up the route, which it may not do before a
        second has passed where there was none. It has done so before eth0 is polled once
        more."""
        def verdict_after(text):
            self.client.send(flow.frame(flow.body(text)).ljust(60, b"\0"))
            if verdict == bpf.XDP_PASS:
                self.watch.wait(lambda f: text in f.ip and not f.outgoing)
            return self.run(flow.frame())[0]

        verdict_after(b"renews")
        if not until(lambda: verdict_after(b"and waits") == verdict):
            ok(False, flow.name + "renewed", self.run(flow.frame()))


@contextlib.contextmanager
def program():
    with contextlib.ExitStack() as stack:
        stack.enter_context(at_xdp())
        stack.enter_context(deaf_client())
        stack.enter_context(known_neighbours("a"))
        yield Program(stack)


def odd_headers(flow):
    """What, and the frame; of the link and the network header."""
    plain, version = flow.frame(), flow.version
    other = {4: b"\x86\xdd", 6: b"\x08\0"}[version]
    source = {4: "192.168.1.102", 6: "2001:db8:1::102"}[version]
    rows = [
        ("another MAC", ELSEWHERE + plain[6:]),
        ("broadcast", BROADCAST + plain[6:]),
        ("multicast", b"\1\0\x5e" + plain[3:]),
        ("a VLAN tag", plain[:12] + b"\x81\0\0\7" + plain[12:]),
        ("a VLAN tag of a provider", plain[:12] + b"\x88\xa8\0\7" + plain[12:]),
        ("priority without a VLAN", plain[:12] + b"\x81\0\xe0\0" + plain[12:]),
        ("the type of the other family", plain[:12] + other + plain[14:]),
        ("ARP", plain[:12] + b"\x08\6" + plain[14:]),
        ("a length for a type", plain[:12] + b"\0\x40" + plain[14:]),
        ("no more than a link header", plain[:14]),
        ("one byte of a header", plain[:15]),
        ("a byte less than the network header", plain[:14 + HEAD[version] - 1]),
        ("no more than the network header", plain[:14 + HEAD[version]]),
        ("a frame that was cut by a byte", plain[:-1]),
        ("TTL 0", flow.frame(ttl=0)),
        ("TTL 1", flow.frame(ttl=1)),
        ("another client", flow.frame(src=source)),
        ("another port of the client", flow.frame(flow.body(sport=flow.sport + 1))),
        ("another port of the VIP", flow.frame(flow.body(dport=81))),
        ("another destination", changed(plain, {4: 16, 6: 24}[version],
                                        net.pack(addr("director", version)))),
        ("SCTP", flow.frame(struct.pack("!HHII", flow.sport, 80, 1, 0) + b"\0\0\0\4",
                            proto=SCTP)),
        ("the other of TCP and UDP", flow.frame(
            tcp(flow.sport, 80, ACK, b"other") if flow.proto == UDP else
            udp(flow.sport, 80, b"other"), proto=TCP + UDP - flow.proto)),
        ("ICMP", flow.frame(b"\x08\0\0\0" + bytes(28), proto=ICMP[version])),
        ("a packet in a tunnel", flow.frame(plain[14:], proto={4: 4, 6: 41}[version])),
        ("a byte longer than the MTU", flow.long(MTU + 1)),
    ]
    if version == 4:
        rows += [("version %d" % n, changed(plain, 0, bytes([n << 4 | 5]))) for n in (0, 5, 6)]
        rows += [("a header of %d words" % n, changed(plain, 0, bytes([0x40 | n])))
                 for n in (0, 4, 15)]
        rows += [("total length %d" % n, changed(plain, 2, struct.pack("!H", n)))
                 for n in (0, 19, 20, len(plain) - 13, 1000, 65535)]
        rows += [("fragment, %s" % what, flow.frame(frag=frag)) for what, frag in (
            ("the first", 0x2000), ("the second", 0x2001), ("the last", 1),
            ("the last possible", 0x1fff))]
        bad = bytearray(plain)
        bad[24] ^= 1
        return rows + [("a wrong checksum of the header", bytes(bad)),
                       ("no checksum of the header", plain[:24] + b"\0\0" + plain[26:]),
                       ("options", flow.frame(options=b"\1\1\1\0"))]
    rows += [("version %d" % n, changed(plain, 0, bytes([n << 4]))) for n in (0, 4, 15)]
    rows += [("payload length %d" % n, changed(plain, 4, struct.pack("!H", n)))
             for n in (0, 1, len(plain) - 53, 1000, 65535)]
    return rows + [
        ("extension header %d" % kind, flow.frame(
            options=bytes([kind, flow.proto]) + {44: b"\0\0\1\0\0\0\1", 51: b"\4" + bytes(22)}.get(
                kind, b"\0\1\4\0\0\0\0"))) for kind in (0, 43, 44, 51, 60, 135)] + [
        ("no next header", flow.frame(b"", proto=59))]


def odd_transport(flow):
    """The transport header, behind a network header that agrees with the frame."""
    def of(what, body):
        return what, flow.frame(body)

    if flow.proto == UDP:
        return [of("a datagram of %d bytes" % n, flow.body()[:n]) for n in (0, 4, 7)] + [
            of("length %d of 13" % n, flow.body(length=n)) for n in (0, 7, 14, 65535)]
    return [of("a segment of %d bytes" % n, flow.body()[:n]) for n in (0, 4, 13, 19)] + [
        of("a header of %d words" % n, flow.body(doff=n)) for n in (0, 4, 7, 15)] + [
        of(what, flow.body(flags=flags)) for what, flags in (
            ("SYN", SYN), ("SYN and ACK", SYN | ACK), ("FIN", FIN), ("FIN and ACK", FIN | ACK),
            ("RST", RST), ("RST and ACK", RST | ACK), ("SYN and FIN", SYN | FIN),
            ("SYN and RST", SYN | RST), ("all flags", 0xff))]


def plain_frames(flow):
    """What is plain although it may not look so."""
    rows = [("plain", flow.frame()), ("without data", flow.frame(flow.body(b""))),
            ("TTL 2", flow.frame(ttl=2)), ("TTL 255", flow.frame(ttl=255)),
            ("as long as the MTU", flow.long(MTU)),
            ("with padding", flow.frame().ljust(100, b"\0"))]
    if flow.version == 4:
        rows += [("may not be fragmented", flow.frame(frag=0x4000)),
                 ("a reserved bit", flow.frame(frag=0x8000)),
                 ("with a DSCP", changed(flow.frame(), 1, b"\xb9"))]
    else:
        rows.append(("with a flow label", changed(flow.frame(), 0, b"\x6b\x91\x23\x45")))
    if flow.proto == UDP:
        return rows + [("shorter than the packet", flow.frame(flow.body(length=9)))]
    return rows + [("with PSH", flow.frame(flow.body(flags=ACK | PSH))),
                   ("without ACK", flow.frame(flow.body(flags=0))),
                   ("with URG, ECE and CWR", flow.frame(flow.body(flags=0xe0 | ACK))),
                   ("with options of TCP", flow.frame(flow.body(b"\1\1\1\0", doff=6)))]


@with_xdp
def test_frames():
    """Frames of a connection that is established, and of others."""
    with program() as xdp:
        for version in (4, 6):
            for proto in (TCP, UDP):
                flow = Flow(version, proto)
                configure(version, [("a", 1)], protocol=proto)
                xdp.open(flow)
                before = counted(), xdp.director.conns()
                for what, frame in odd_headers(flow) + odd_transport(flow):
                    xdp.passes(flow.name + what, frame)
                after = counted(), xdp.director.conns()
                ok(before[0] == after[0] and
                   sorted(conn[:-1] for conn in before[1]) ==
                   sorted(conn[:-1] for conn in after[1]),
                   flow.name + "none of them is counted, or changes a state", (before, after))
                for what, frame in plain_frames(flow):
                    xdp.takes(flow.name + what, frame)


def connections(xdp, flow):
    """The connection's state decides."""
    # A neighbour's link header is made with the first packet to it.
    configure(flow.version, [("a", 1)], protocol=flow.proto)
    xdp.open(flow)
    others = {TCP: ("syn-recv", "fin-wait", "time-wait", "close"), UDP: ()}[flow.proto]
    own = "established" if flow.proto == TCP else "udp"
    for state in (own, *others):
        director, address = xdp.director, addr("a", flow.version)
        configure(flow.version, [("a", 1)], protocol=flow.proto)
        director.do(genl.CONN_ADD, genl.saved(
            address, state, 20000, client=addr("client", flow.version), cport=flow.sport,
            vip=VIP[flow.version], vport=80, protocol=flow.proto, service=flow.key))
        (xdp.takes if state == own else xdp.passes)(flow.name + "in state " + state,
                                                    flow.frame())
    configure(flow.version, [("a", 1)], protocol=flow.proto)
    xdp.client.send(flow.frame(flow.body(b"first", SYN)).ljust(60, b"\0"))
    until(lambda: xdp.director.conns(cport=flow.sport))
    xdp.passes(flow.name + "opened by one packet", flow.frame())

    # What is passed here comes nowhere, and renews nothing.
    xdp.open(flow)
    xdp.director.set(flow.key, persist=300)
    ok(xdp.would(flow.frame(), bpf.XDP_PASS), flow.name + "whose template is to be renewed")
    xdp.director.set(flow.key, persist=0)
    xdp.takes(flow.name + "without one", flow.frame())
    xdp.director.set(flow.key, timeout={own: 1})
    until(lambda: not xdp.director.conns(cport=flow.sport))
    xdp.passes(flow.name + "that has expired", flow.frame())


def servers(xdp, flow):
    """What is known of the server decides."""
    director, address = xdp.director, addr("a", flow.version)
    names = service(flow.version, *(["-u"] if flow.proto == UDP else []))
    configure(flow.version, [("a", 1)], protocol=flow.proto)
    xdp.open(flow)
    director.weigh(flow.key, address, 0)
    xdp.takes(flow.name + "a server without weight", flow.frame())
    for name, number in (("ipip", 1), ("gre", 2)):
        director.do(genl.SERVER_SET, genl.server(address, flow.key,
                                                 genl.u8(genl.SERVER_TUNNEL, number)))
        xdp.passes(flow.name + "a server with a tunnel of type " + name, flow.frame())
    director.do(genl.SERVER_SET, genl.server(address, flow.key,
                                             genl.u8(genl.SERVER_TUNNEL, 0)))
    xdp.takes(flow.name + "without it", flow.frame())
    lbctl("del-server", *names, "-r", server("a", flow.version), "--hold")
    xdp.passes(flow.name + "a server that is held", flow.frame())
    director.add_server(flow.key, address, 1)
    xdp.takes(flow.name + "which is added again", flow.frame())
    director.remove(flow.key, address)
    xdp.passes(flow.name + "a server that was removed", flow.frame())
    director.clear()
    xdp.passes(flow.name + "no service", flow.frame())


@with_xdp
def test_states():
    with program() as xdp:
        for version in (4, 6):
            for proto in (TCP, UDP):
                connections(xdp, Flow(version, proto))
                servers(xdp, Flow(version, proto))


@with_xdp
def test_marks():
    """A service of a mark has no VIP, and no rule has set the mark yet."""
    with program() as xdp:
        nft("""
table inet marks {
	chain set_mark {
		type filter hook prerouting priority mangle
		meta l4proto { tcp, udp } th dport 80 meta mark set 7
	}
}""")
        for version in (4, 6):
            for proto in (TCP, UDP):
                flow = Flow(version, proto)
                xdp.director.clear()
                xdp.director.add(genl.marked(7, version), [addr("a", version)])
                xdp.open(flow, bpf.XDP_PASS)
                xdp.passes(flow.name + "a service of a mark", flow.frame())
        nft("delete table inet marks")


@with_xdp
def test_director():
    """Settings of the director decide."""
    parameter = "/sys/module/lbdr/parameters/fast_path"
    with program() as xdp:
        for version in (4, 6):
            flow = Flow(version, UDP)
            configure(version, [("a", 1)], protocol=UDP)
            xdp.open(flow)
            net.write(parameter, "0")
            xdp.passes(flow.name + "without the fast path", flow.frame())
            net.write(parameter, "1")
            xdp.takes(flow.name + "with it", flow.frame())
            xdp.director.do(genl.INFO_SET, genl.u8(genl.INFO_ENTRY, INPUT))
            xdp.passes(flow.name + "the module's entry is input", flow.frame())
            xdp.director.do(genl.INFO_SET, genl.u8(genl.INFO_ENTRY, 0))
            xdp.takes(flow.name + "and prerouting", flow.frame())


@contextlib.contextmanager
def pair():
    """Two more devices of the director, xp0 and xp1; xp1 polls for frames."""
    batch("director", ["link add xp0 mtu 9000 type veth peer name xp1 mtu 9000",
                       "link set xp0 addrgenmode none", "link set xp1 addrgenmode none",
                       "link set xp0 up", "link set xp1 up"])
    ethtool("director", "xp1", SET_GRO, 1)
    try:
        yield
    finally:
        batch("director", ["link del xp0"])


# A device, what makes it one whose packets another one gets, and what undoes that.
OWNERS = (
    ("a port of a bridge", ["link add own0 type bridge", "link set xp0 master own0"],
     ["link del own0"]),
    ("a port of a bond", ["link add own0 type bond mode active-backup", "link set xp0 down",
                          "link set xp0 master own0"], ["link del own0", "link set xp0 up"]),
    ("in a VRF", ["link add own0 type vrf table 99", "link set xp0 master own0"],
     ["link del own0"]),
    ("below a macvlan", ["link add link xp0 name own0 type macvlan"], ["link del own0"]),
    ("below an ipvlan", ["link add link xp0 name own0 type ipvlan"], ["link del own0"]),
)


@with_xdp
def test_devices():
    """The device that a frame came by decides."""
    with program() as xdp, pair():
        for version in (4, 6):
            flow = Flow(version, UDP)
            configure(version, [("a", 1)], protocol=UDP)
            xdp.open(flow)
            frame = net.mac("director", "xp0") + flow.frame()[6:]
            xdp.takes(flow.name + "another device", frame, "xp0")
            xdp.passes(flow.name + "the MAC of another device", flow.frame(), "xp0")
            xdp.passes(flow.name + "not Ethernet", bytes(6) + frame[6:], "lo")
            for what, begin, end in OWNERS:
                # Of a device that goes, routes of IPv4 are looked up again.
                batch("director", begin)
                xdp.renew(flow)
                frame = net.mac("director", "xp0") + frame[6:]
                xdp.passes(flow.name + "a device that is " + what, frame, "xp0")
                batch("director", end)
                xdp.renew(flow)
                frame = net.mac("director", "xp0") + frame[6:]
                xdp.takes(flow.name + "and is it no more", frame, "xp0")
            for name in ("rxvlan", "rx-vlan-stag-hw-parse"):
                keep_tags("xp0")
                batch("director", ["link add link xp0 name own0 type vlan id 7"])
                xdp.renew(flow)
                xdp.takes(flow.name + "a device that leaves the tags of VLANs", frame, "xp0")
                offload("xp0", name, "on")
                xdp.renew(flow)
                xdp.passes(flow.name + "a device with %s on" % name, frame, "xp0")
                batch("director", ["link del own0"])
                xdp.renew(flow)
                xdp.takes(flow.name + "and without VLANs", frame, "xp0")
        lbctl("clear")
    net.run("modprobe", "-r", "bonding")


def by(flow, dev, mac):
    """The lines that lead to the server by another device, and back."""
    address = addr("a", flow.version)
    bits = {4: 32, 6: 128}[flow.version]
    return (["route add %s/%d dev %s mtu lock 9000" % (address, bits, dev),
             "neigh replace %s lladdr %s dev %s nud permanent" % (address, colons(mac), dev)],
            ["route del %s/%d dev %s" % (address, bits, dev),
             "neigh del %s dev %s" % (address, dev)])


def ways(xdp, flow):
    """The way to the server decides."""
    address = addr("a", flow.version)
    to_a = ["neigh replace %s dev eth0 lladdr %s nud " % (address, colons(net.mac("a")))]
    # Other states than these two end soon. These would, too, if the server answered, and
    # packets that are under way may ask for it.
    batch("", ["link set va down"])
    for state in ("stale", "failed"):
        batch("director", [to_a[0] + state])
        xdp.passes(flow.name + "a neighbour in state " + state, flow.frame())
    batch("director", ["neigh del %s dev eth0" % address])
    xdp.passes(flow.name + "no neighbour", flow.frame())
    batch("", ["link set va up"])
    batch("director", [to_a[0] + "permanent"])
    xdp.renew(flow)
    batch("director", [to_a[0] + "reachable"])
    xdp.takes(flow.name + "a neighbour in state reachable", flow.frame())
    batch("director", [to_a[0] + "permanent"])

    ethtool("", "vdirector", SET_GRO, 0)
    xdp.passes(flow.name + "a veth whose peer does not poll", flow.frame())
    ethtool("", "vdirector", SET_GRO, 1)
    xdp.takes(flow.name + "whose peer polls", flow.frame())

    # Of an IPv6 route that is not locked, forwarding does not ask the MTU.
    batch("director", ["route add %s dev eth0 mtu lock 1300" % address])
    xdp.passes(flow.name + "a route that has changed", flow.frame())
    xdp.renew(flow)
    xdp.takes(flow.name + "as long as the route's MTU", flow.long(1300))
    xdp.passes(flow.name + "a byte longer", flow.long(1301))
    batch("director", ["route del %s dev eth0" % address])
    xdp.passes(flow.name + "a route that has gone", flow.frame())
    xdp.renew(flow)

    batch("director", ["addr add %s dev lo" % address])
    xdp.renew(flow, bpf.XDP_PASS)
    xdp.passes(flow.name + "a local server", flow.frame())
    batch("director", ["addr del %s dev lo" % address])
    xdp.renew(flow)

    batch("director", ["route add blackhole %s" % address])
    xdp.renew(flow, bpf.XDP_PASS)
    xdp.passes(flow.name + "no way to the server", flow.frame())
    batch("director", ["route del blackhole %s" % address])
    xdp.renew(flow)


def devices_out(xdp, flow):
    """The device to the server decides."""
    begin, end = by(flow, "xp0", ELSEWHERE)
    batch("director", begin)
    xdp.renew(flow)
    verdict, out = xdp.run(flow.frame())
    ok(verdict == bpf.XDP_REDIRECT and out[:6] == ELSEWHERE and
       out[6:12] == net.mac("director", "xp0"), flow.name + "by another device: taken",
       (verdict, out.hex()))
    xdp.takes(flow.name + "a frame of 3000 bytes", flow.long(3000))
    xdp.passes(flow.name + "a frame in several buffers", flow.long(6000))
    xdp.passes(flow.name + "whose packet is in the first one", flow.frame().ljust(6000, b"\0"))
    ethtool("director", "xp1", SET_GRO, 0)
    xdp.passes(flow.name + "by a veth whose peer does not poll", flow.frame())
    ethtool("director", "xp1", SET_GRO, 1)
    batch("director", end)
    xdp.renew(flow)
    begin, end = by(flow, "out0", ELSEWHERE)
    for what, how in (("dummy", "link add out0 type dummy"),
                      ("VLAN", "link add link xp0 name out0 type vlan id 7")):
        batch("director", [how, "link set out0 addrgenmode none", "link set out0 up", *begin])
        xdp.renew(flow, bpf.XDP_PASS)
        xdp.passes(flow.name + "by a %s, which sends no frames" % what, flow.frame())
        batch("director", [*end, "link del out0"])
        xdp.renew(flow)


@with_xdp
def test_ways():
    with program() as xdp, pair():
        for version in (4, 6):
            flow = Flow(version, UDP)
            configure(version, [("a", 1)], protocol=UDP)
            xdp.open(flow)
            ways(xdp, flow)
            devices_out(xdp, flow)
        lbctl("clear")


@without_xdp
def test_none():
    """A module without type information has no function for programs."""
    with open("/proc/kallsyms", encoding="ascii") as file:
        symbols = {line.split()[2] for line in file if line.endswith("\t[lbdr]\n")}
    ok("lbdr_send" in symbols and "lbdr_xdp_forward" not in symbols,
       "the module has no function for XDP programs", sorted(symbols)[:5])


if __name__ == "__main__":
    net.main(globals())
