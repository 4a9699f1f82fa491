#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0
# Also on: trixie bookworm
"""IP tunnels to the servers: what goes into the packets, by frames made by hand, and
real HTTP to a server behind a router that decapsulates by stock Linux. Frames are
compared with those of stock ip_vs for the same packet. The UML kernel has no devices
that decapsulate, so only the tests of frames run there."""
import contextlib
import json
import struct
import subprocess
import threading
import zlib

import genl
import ipvs
import net
import servers
import test_tcp as wires
import topology
import tunnels
from ipvs import rip
from net import ACK, PSH, SYN, VIP, addr, drops_of, ip, lbctl, ok, only, until
from test_tcp import flow, open_director
from tunnels import (DF, FAR, SUMMED, TWELVE, Client, Decapsulation, Kind, Wire,
                     attributes, begin, checksums, in_fragments, key_of, mtu_of, serve,
                     set_mtu, sized, too_big, transfers)

MTU = 1500


def route_source(address):
    """Of the director's packets to it; it may be a VIP."""
    return net.pack(tunnels.source_to(address))


def test_headers():
    """What goes around a packet, for each kind, with every ECN codepoint."""
    director, wire = open_director(), Wire()
    with filled_checksums():
        for kind in TWELVE + SUMMED:
            one, seen = begin(wire, director, kind)
            inner = topology.forwarded(one.tcp(SYN))
            good = len(seen) == 1 and isinstance(seen[0], tunnels.Outer) and \
                seen[0].inner == inner and \
                seen[0].size == len(inner) + kind.overhead() and \
                seen[0].dst == net.pack(rip(0, kind.outer)) and \
                seen[0].src == route_source(rip(0, kind.outer)) and \
                seen[0].ttl == 63 and checksums(kind, wire.frames[0].ip)
            ok(good, "%s: the packet is whole behind the header of its kind" % kind,
               (seen, inner.hex(), wire.frames and wire.frames[0].ip.hex()))
            wrong = []
            for tos in (0, 1, 2, 3, 0xb9):
                seen = wire.through(with_tos(one.tcp(ACK), tos))
                if len(seen) != 1 or seen[0].tos != tos or \
                        seen[0].inner != topology.forwarded(with_tos(one.tcp(ACK), tos)):
                    wrong.append((tos, seen))
            ok(not wrong, "%s: DSCP and all four ECN codepoints are copied" % kind, wrong)
    wire.close()
    director.clear()
    director.close()


@contextlib.contextmanager
def filled_checksums():
    """The director's device fills checksums in, so that they are in the frames."""
    topology.offloads("director", "tx", "off")
    yield
    topology.offloads("director", "tx", "on")


def with_tos(packet, tos):
    """The packet with these eight bits of traffic class."""
    if packet[0] >> 4 == 6:
        word = struct.unpack("!I", packet[:4])[0] & 0xf00fffff
        return struct.pack("!I", word | tos << 20) + packet[4:]
    head = packet[:1] + bytes([tos]) + packet[2:10] + b"\0\0" + packet[12:20]
    return head[:10] + struct.pack("!H", net.checksum(head)) + head[12:] + packet[20:]


def test_source():
    """The VIP is no source, though the kernel would choose it: a host address near the
    server's. ip6tnl drops packets from an address of its own."""
    director, wire = open_director(), Wire()
    tunnels.prefer_vip(True)
    chosen = route_source(rip(0, 6))
    _, seen = begin(wire, director, Kind(6, 6, "ipip", False))
    ok(chosen == net.pack(VIP[6]) and [each.src for each in seen] ==
       [net.pack(addr("director", 6))], "the source is the director's own address, where "
       "the kernel prefers the VIP", (chosen, seen))
    tunnels.prefer_vip(False)
    wire.close()
    director.clear()
    director.close()


def test_options():
    """--tun-ttl, --tun-df and --tun-source."""
    director, wire = open_director(), Wire()
    for outer in (4, 6):
        kind = Kind(4, outer, "ipip", False)
        one, seen = begin(wire, director, kind, ttl=9)
        ok([each.ttl for each in seen] == [9], "IPv%d: a TTL of its own" % outer, seen)
        source = addr("director", outer)
        second = {4: "192.168.1.77", 6: "2001:db8:1::77"}[outer]
        ip("director", "addr", "add", "%s/%d" % (second, tunnels.BITS[outer]), "dev",
           "eth0")
        one, seen = begin(wire, director, kind, source=second)
        ok([each.src for each in seen] == [net.pack(second)],
           "IPv%d: a source of its own" % outer, (seen, source))
        ip("director", "addr", "del", "%s/%d" % (second, tunnels.BITS[outer]), "dev",
           "eth0")
    for inner in (4, 6):
        for df, want in ((None, None), (1, True), (2, False)):
            kind = Kind(inner, 4, "gre", False)
            one, _ = begin(wire, director, kind, **({"df": df} if df else {}))
            for bit in (True, False):
                seen = wire.through(sized(one, 200, bit))
                # A packet of IPv6 has no such bit.
                is_set = want if want is not None else bit and inner == 4
                ok([each.df for each in seen] == [is_set], "IPv%d %s DF, --tun-df %s" %
                   (inner, "with" if bit else "without",
                    ("inherit", "set", "clear")[df or 0]), seen)
    wire.close()
    director.clear()
    director.close()


def sizes(kind, wire, director):
    """One byte below the limit, at the limit and one above, with and without DF."""
    limit, wrong = MTU - kind.overhead(), []
    one, _ = begin(wire, director, kind)
    for df in (True, False) if kind.inner == 4 else (True,):
        for size in (limit - 1, limit):
            seen = wire.through(sized(one, size, df))
            if len(seen) != 1 or not isinstance(seen[0], tunnels.Outer) or \
                    seen[0].inner != topology.forwarded(sized(one, size, df)):
                wrong.append((df, size, seen))
    seen = wire.through(sized(one, limit + 1))
    told = mtu_of(wire.frames[0]) if seen == [too_big(kind.inner)] else (None, b"")
    # The quoted packet is the client's, with the TTL that it arrived with or less.
    if told[0] != limit or told[1][12 if kind.inner == 4 else 8:][:8] != \
            sized(one, limit + 1)[12 if kind.inner == 4 else 8:][:8]:
        wrong.append((True, limit + 1, seen, told[0]))
    if kind.inner == 4:
        if not in_fragments(wire, kind, sized(one, limit + 1, False)) or \
                len(wire.frames) != 2:
            wrong.append((False, limit + 1, [frame.ip.hex() for frame in wire.frames]))
    return wrong


def test_sizes():
    director, wire = open_director(), Wire()
    for kind in TWELVE + SUMMED:
        wrong = sizes(kind, wire, director)
        ok(not wrong, "%s: %d bytes go, one more is told to the client by that number, "
           "or goes in fragments without DF" % (kind, MTU - kind.overhead()), wrong)
    small = Kind(4, 4, "gue", False)
    one, _ = begin(wire, director, small)
    ip("director", "route", "replace", rip(0, 4), "dev", "eth0", "mtu", "90")
    before = drops_of("tun-mtu")
    seen = wire.through(sized(one, 100))
    ok(seen == [] and drops_of("tun-mtu") == before + 1, "where less than 68 bytes "
       "are left for IPv4, packets are dropped and counted", seen)
    ip("director", "route", "del", rip(0, 4), "dev", "eth0")
    wire.close()
    director.clear()
    director.close()


def test_fragments():
    """A packet that comes in fragments goes whole in fragments of the outer packet, if
    its own fit into the tunnel or may be made smaller."""
    director, wire = open_director(), Wire()
    for kind in TWELVE:
        limit, wrong = MTU - kind.overhead(), []
        one, _ = begin(wire, director, kind)
        for df in (False, True) if kind.inner == 4 else (False,):
            whole, pieces = tunnels.pieces_of(one, limit, df)
            wire.through(*pieces)
            frames = [frame.ip for frame in wire.frames]
            found = net.join(frames) if frames else None
            if not found or not found.endswith(topology.forwarded(whole)) or \
                    max(len(frame) for frame in frames) > MTU:
                wrong.append((df, [(len(frame), frame[:60].hex()) for frame in frames]))
            # The first size of fragments that is too large.
            _, pieces = tunnels.pieces_of(one, limit + 8, df)
            seen = wire.through(*pieces)
            told = mtu_of(wire.frames[0])[0] if seen == [too_big(kind.inner)] else seen
            refused = df or kind.inner == 6
            if told != limit if refused else len(seen) != 3:
                wrong.append((df, "too large", seen, told))
        ok(not wrong, "%s: a packet in fragments goes in fragments of at most %d bytes, "
           "or the client is told %d" % (kind, MTU, limit), wrong)
    wire.close()
    director.clear()
    director.close()


def alike(theirs, ours):
    """What differs between two packets of tunnels, but for what may."""
    fields = ("version", "ttl", "tos", "df", "src", "dst", "inner", "headers", "size")
    return [(name, getattr(theirs, name), getattr(ours, name)) for name in fields
            if getattr(theirs, name) != getattr(ours, name)]


def samples(one):
    """Packets of a flow: (what, packet)."""
    yield "SYN", one.tcp(SYN)
    yield "data", one.tcp(PSH | ACK, b"data" * 100)
    yield "odd data", one.tcp(PSH | ACK, b"x" * 101)
    yield "DSCP and ECN", with_tos(one.tcp(ACK), 0xb9)
    yield "TTL 2", one.tcp(ACK, ttl=2)
    if ":" not in one.client:
        yield "DF", one.tcp(ACK, frag=DF)
        yield "options", one.tcp(ACK, options=b"\1\1\1\0")


def stock_lines(kind, one):
    """ipvsadm's lines for a service with one server by this tunnel."""
    at = rip(0, kind.outer) if kind.outer == 4 else "[%s]" % rip(0, 6)
    name = ("%s:%d" if kind.inner == 4 else "[%s]:%d") % (one.vip, one.port)
    return ["-A -t %s -s rr" % name,
            "-a -t %s -r %s:%d %s" % (name, at, one.port, kind.stock())]


def sent_for(wire, one):
    """For each sample: what becomes of it, and the frames."""
    return [wire.through(packet) + [frame.ip for frame in wire.frames]
            for _, packet in samples(one)]


@only("uml")
def test_as_ipvs():
    """Frame by frame what stock ip_vs sends for the same packet: but for the outer
    IPv4 id, GUE's source port and the IPv6 flow label."""
    ipvs.Ipvs()
    director, wire = open_director(), Wire()
    cases = [(kind, flow(kind.inner, port=8000 + number))
             for number, kind in enumerate(TWELVE + SUMMED)]
    with filled_checksums():
        ipvs.Ipvs.restore([line for case in cases for line in stock_lines(*case)])
        stock = [sent_for(wire, one) for _, one in cases]
        ipvs.Ipvs.restore(["-C"])
        for (kind, one), theirs in zip(cases, stock):
            serve(director, key_of(one), (rip(0, kind.outer), attributes(kind)))
            wrong = [(what, *unlike(kind, *both)) for (what, _), *both in
                     zip(samples(one), theirs, sent_for(wire, one))
                     if unlike(kind, *both)]
            ok(not wrong, "%s: every frame is that of ip_vs" % kind, wrong)
    wire.close()
    director.clear()
    director.close()


def unlike(kind, theirs, ours):
    """How the packets of both differ, or nothing."""
    if not (len(theirs) == len(ours) == 2 and isinstance(theirs[0], tunnels.Outer) and
            isinstance(ours[0], tunnels.Outer)):
        return theirs, ours
    found = alike(without_sum(kind, theirs[0]), without_sum(kind, ours[0]))
    return (found, ours[1].hex()) if found or not checksums(kind, ours[1]) else ()


def without_sum(kind, outer):
    """The checksum of UDP covers the source port, which may differ."""
    if kind.type != "gue":
        return outer
    at = tunnels.OUTER[kind.outer] + 6
    return outer._replace(headers=outer.headers[:at] + b"\0\0" + outer.headers[at + 2:])


def test_spreading():
    """1,000 flows: GUE's source ports, IPv6 flow labels, sources of a prefix."""
    director, wire = open_director(), Wire()
    cases = [("source ports of GUE in IPv%d" % outer, Kind(4, outer, "gue", False), {},
              lambda each: each.sport) for outer in (4, 6)]
    cases.append(("flow labels", Kind(6, 6, "ipip", False), {}, lambda each: each.label))
    cases += [("sources of a prefix of IPv%d" % outer, Kind(4, outer, "ipip", False),
               {"source": {4: "10.99.0.0", 6: "2001:db8:99::"}[outer],
                "source_prefix": {4: 16, 6: 64}[outer]}, lambda each: each.src)
              for outer in (4, 6)]
    count = 300 if net.SHORT else 1000
    for what, kind, more, value in cases:
        one, _ = begin(wire, director, kind, **more)
        flows = [flow(kind.inner, 1 + n % 200) for n in range(count)]
        flows = [each._replace(sport=1024 + 7 * n) for n, each in enumerate(flows)]
        found = []
        for at in range(0, count, 50):
            found += wire.through(*(each.tcp(SYN) for each in flows[at:at + 50]))
        values = [value(each) for each in found]
        again = [value(each) for each in
                 wire.through(*(each.tcp(ACK) for each in flows[:50]))]
        last = [zlib.crc32(repr(each).encode()) % 8 for each in values]
        queues = [last.count(n) for n in range(8)]
        ok(len(found) == count and len(set(values)) > count * 0.9 and
           min(queues) > count / 16, "%d flows spread over %s" % (count, what),
           (len(found), len(set(values)), queues))
        ok(again == values[:50], "%s: those of a flow stay" % what)
        if more:
            base, bits = net.pack(more["source"]), more["source_prefix"]
            ok(all(each[:bits // 8] == base[:bits // 8] for each in values),
               "%s: each is in it" % what)
    wire.close()
    director.clear()
    director.close()


def known_device(address):
    """Whether the route to a server is cached, as who may not look it up is told."""
    with net.within("director"):
        done = subprocess.run([net.LBCTL, "list", "-j"], user=65534, check=True,
                              stdout=subprocess.PIPE, text=True)
    return [server["ifindex"] is not None for row in json.loads(done.stdout)
            for server in row["servers"] if server["address"] == address]


def test_nexthop_object():
    """A route by a nexthop object is cached, until that object changes."""
    director, wire = open_director(), Wire()
    kind, far = Kind(4, 6, "ipip", False), FAR[6] % 9
    one = flow(4)
    serve(director, key_of(one), (far, attributes(kind)))
    ip("director", "nexthop", "add", "id", "7", "via", rip(1, 6), "dev", "eth0")
    ip("director", "route", "add", far + "/128", "nhid", "7")
    for number in (1, 2, 3):
        ip("director", "nexthop", "replace", "id", "7", "via", rip(number, 6), "dev",
           "eth0")
        seen = [(wire.through(one.tcp(SYN)), [frame.dst for frame in wire.frames])
                for _ in range(2)]
        ok(all(len(each) == 1 and isinstance(each[0], tunnels.Outer) and
               to == [ipvs.rmac(number)] for each, to in seen),
           "packets go by gateway %d of the nexthop object" % number, seen)
        ok(known_device(far) == [True], "and its route is cached then")
    ip("director", "route", "del", far + "/128")
    ip("director", "nexthop", "del", "id", "7")
    wire.close()
    director.clear()
    director.close()


def needs_decapsulation():
    if not tunnels.has_decapsulation():
        raise net.Skip("this kernel has no devices that decapsulate")


def test_http():
    """3 MB down and up by each kind, to the server behind the router; 400 kB on the
    emulated kernels."""
    needs_decapsulation()
    director, size = open_director(), tunnels.USUAL if net.SHORT else tunnels.WHOLE
    for kind in TWELVE + SUMMED[:2] + SUMMED[-2:]:
        serve(director, genl.key(VIP[kind.inner], 8080),
              (FAR[kind.outer] % 2, attributes(kind)))
        with Decapsulation("c", kind):
            done = transfers(kind.inner, size=size)
        row = director.servers(genl.key(VIP[kind.inner], 8080))[FAR[kind.outer] % 2]
        ok(done == (True, True) and row["conns"], "%s: %d kB down and up by HTTP" %
           (kind, size >> 10), (done, row))
        net.forget_pmtu()
    director.clear()
    director.close()


def test_path_mtu():
    """A router in the path with an MTU of 1400: the client is told, and goes on."""
    needs_decapsulation()
    director = open_director()
    set_mtu(1400)
    for kind in TWELVE:
        # Else the router would cut IPv4 packets around IPv6, and tell nobody.
        more = {"df": 1} if (kind.inner, kind.outer) == (6, 4) else {}
        serve(director, genl.key(VIP[kind.inner], 8080),
              (FAR[kind.outer] % 2, attributes(kind, **more)))
        with Decapsulation("c", kind):
            done = transfers(kind.inner)
        told = ip("client", "route", "get", VIP[kind.inner]).stdout
        left = 1400 - kind.overhead()
        # Below the least MTU of IPv6 the client may not go, and cuts its packets.
        ok(done == (True, True) and " mtu %d" % left in told,
           "%s: a page down and up by HTTP where 1400 bytes pass, and the client knows "
           "%d" % (kind, left), (done, told))
        net.forget_pmtu()
        net.forget_pmtu("director")
    set_mtu(1500)
    director.clear()
    director.close()


def test_mixed():
    """A service with a server by direct routing, one by a tunnel on the segment, and
    one behind the router."""
    needs_decapsulation()
    director = open_director()
    key = genl.key(VIP[4], 8080)
    near, far = Kind(4, 4, "gre", False), Kind(4, 6, "gue", False)
    serve(director, key, (addr("a"), b""), (addr("b"), attributes(near)),
          (FAR[6] % 2, attributes(far)))
    with Decapsulation("b", near), Decapsulation("c", far):
        pages = [Client(4).get() for _ in range(9)]
    ok(sorted(pages) == [b"a", b"a", b"a", b"b", b"b", b"b", b"c", b"c", b"c"],
       "direct routing and two kinds of tunnels take turns in one service", pages)
    table = lbctl("list", "--tun-info").stdout
    ok(all(words in table for words in ("Route   n/a", "Tunnel  gre:-c",
                                        "Tunnel  gue:6080:-c")),
       "list --tun-info has them", table)
    director.clear()
    director.close()


def test_changing():
    """edit-server changes a server between direct routing and tunnels while connections
    transfer: no byte is lost."""
    needs_decapsulation()
    director = open_director()
    key, kinds = genl.key(VIP[4]), [Kind(4, 4, "ipip", False), Kind(4, 4, "gre", False)]
    serve(director, key, (addr("b"), b""))
    socks = [net.connect(4) for _ in range(4)]
    good = [sock.recv(1) == b"b" for sock in socks]
    whole, ending = [], threading.Event()
    turns = 30 if net.EVERYTHING else 6 if net.SHORT else 12

    def exchange(sock):
        while not ending.is_set():
            whole.append(servers.exchange(sock, 300000))

    threads = [threading.Thread(target=exchange, args=(sock,)) for sock in socks]
    with Decapsulation("b", kinds[0]), second_device("b", kinds[1]):
        for thread in threads:
            thread.start()
        for turn in range(turns):
            kind = (kinds + [None])[turn % 3]
            lbctl("edit-server", "-t", VIP[4] + ":80", "-r", addr("b"),
                  *(kind.words() if kind else ("--tun", "none")))
            before = len(whole)
            until(lambda before=before: len(whole) > before + 1)
        ending.set()
        for thread in threads:
            thread.join()
    ok(all(good) and len(whole) > turns and all(whole), "%d transfers of 300 kB while the "
       "server is changed between direct routing, ipip and gre: no byte is lost" %
       len(whole), (good, whole.count(False)))
    row = director.servers(key)[addr("b")]
    ok(row["conns"] == 4, "and by the same connections", row)
    director.clear()
    director.close()


@contextlib.contextmanager
def second_device(host, kind):
    device = Decapsulation(host, kind)
    net.run("ip", "-n", host, "link", "add", "dec1", "type", *device.words())
    with net.within(host):
        net.write("/proc/sys/net/ipv4/conf/dec1/rp_filter", "0")
    net.run("ip", "-n", host, "link", "set", "dec1", "up")
    yield
    net.run("ip", "-n", host, "link", "del", "dec1")


def announced(version):
    """The MSS of the answer to a SYN of the client, at its device."""
    tap = net.Tap("client")
    net.connect(version, 8080).close()
    seen = tap.wait(lambda f: f.l4 == 6 and f.sport == 8080 and f.flags & SYN)
    tap.close()
    options = seen[0].ip[(40 if version == 4 else 60):] if seen else b""
    while len(options) > 3 and options[0] != 2:
        options = options[1 if options[0] == 1 else options[1] or 1:]
    return struct.unpack("!H", options[2:4])[0] if options[:1] == b"\2" else None


def doctor(*checks):
    """(level, check, finding) of the doctor about c's addresses."""
    done = net.run(net.LBCTL, "-N", "director", "doctor", "--verbose", "-j",
                   check=False)
    rows = json.loads(done.stdout or "[]")
    return [(row["level"], row["check"], row["finding"]) for row in rows
            if row["check"] in checks and row["server"] in (FAR[4] % 2, FAR[6] % 2)]


@only("uml")
def test_setup():
    """setup-realserver --tun on c, what it announces, and what the doctor says before,
    with it, and after --undo."""
    needs_decapsulation()
    director = open_director()
    for name in ("ipip", "gre", "gue"):
        kinds = [kind for kind in TWELVE if kind.type == name]
        word = kinds[0].words()[1]
        director.clear()
        for version in (4, 6):
            key = genl.key(VIP[version], 8080)
            director.add(key, sched="rr")
            for kind in kinds:
                if kind.inner == version:
                    director.do(genl.SERVER_NEW, genl.server(FAR[kind.outer] % 2, key,
                                                             attributes(kind)))
        before = doctor("tunnel")
        ok(len(before) == 4 and {row[0] for row in before} == {"problem"},
           "%s: the doctor finds that c does not decapsulate" % name, before)
        done = net.run(net.LBCTL, "-N", "c", "setup-realserver", VIP[4], VIP[6], "--tun",
                       word, check=False)
        ok(done.returncode == 0 and "--tun " + word in done.stdout,
           "%s: setup-realserver sets c up" % name, done.stdout + done.stderr)
        pages = [Client(version).get() for version in (4, 6) for _ in range(4)]
        ok(pages == [b"c"] * 8, "%s: pages by all four kinds" % name, pages)
        room = min(MTU - kind.overhead() for kind in kinds)
        seen = announced(4), announced(6)
        ok(seen == (room - 40, room - 60), "%s: the MSS leaves room for the header" % name,
           (seen, room))
        after = doctor("tunnel", "route", "mtu")
        ok({row[0] for row in after} == {"ok"} and len(after) == 8,
           "%s: the doctor is content: route, MTU, and an answer with its MSS" % name,
           after)
        again = net.run(net.LBCTL, "-N", "c", "setup-realserver", VIP[4], VIP[6],
                        "--tun", word, check=False)
        ok(again.returncode == 0 and Client(4).get() == b"c",
           "%s: a second setup is harmless" % name, again.stderr)
        net.run(net.LBCTL, "-N", "c", "setup-realserver", "--undo", VIP[4], VIP[6])
        links = ip("c", "link", "show").stdout
        rules = net.run("ip", "netns", "exec", "c", "nft", "list", "ruleset").stdout
        ok("lbdr-" not in links and "lbdr" not in rules and
           {row[0] for row in doctor("tunnel")} == {"problem"},
           "%s: --undo removes devices and rules" % name, links + rules)
    director.clear()
    director.close()


def test_ring():
    """Two directors that are tunnel servers of each other. b is both, and the VIP is
    on its lo."""
    needs_decapsulation()
    for kind in (Kind(4, 4, "ipip", False), Kind(6, 6, "gre", False)):
        one, other = open_director(), open_director("b")
        key = genl.key(VIP[kind.inner])
        serve(one, key, (addr("b", kind.outer), attributes(kind)))
        serve(other, key, (addr("director", kind.outer), attributes(kind)))
        tap = net.Tap("director")
        with Decapsulation("b", kind), Decapsulation("director", kind):
            sock = net.connect(kind.inner)
            letter, whole = sock.recv(1), servers.exchange(sock, 30000)
            sock.close()
            there = other.conns()
            back = [frame for frame in tap.frames()
                    if frame.src == net.mac("b") and frame.dst == net.mac("director")
                    and frame.l4 in (4, 41, 47)]
            ok(letter == b"b" and whole and not there and not back,
               "%s: two directors in a ring do not send a packet back" % kind,
               (letter, whole, there, len(back)))
            serve(other, key, (addr("a", kind.inner), b""))
            other.do(genl.SERVICE_SET, key + genl.u32(genl.FLAGS, 4))
            sock = net.connect(kind.inner)
            letter, whole = sock.recv(1), servers.exchange(sock, 30000)
            ok(letter == b"a" and whole and len(other.conns()) == 1,
               "%s: with --accept-tunneled the second director forwards" % kind,
               (letter, whole, other.conns()))
            other.do(genl.SERVICE_SET, key + genl.u32(genl.FLAGS, 0))
            whole, end = servers.exchange(sock, 1000), servers.end_of(sock)
            ok(whole and end == "reset", "%s: without it a connection goes on, and "
               "packets that would change it go to the local stack" % kind, (whole, end))
            sock.close()
        tap.close()
        for each in (one, other):
            each.clear()
            each.close()


def test_refused():
    """What the module does not take, with a sentence that names it."""
    director, key = open_director(), genl.key()
    director.clear()
    director.add(key, [addr("a")])
    ipip, gre, gue = (Kind(4, 4, kind, False) for kind in ("ipip", "gre", "gue"))

    def said(address, words, command=genl.SERVER_NEW):
        try:
            director.do(command, genl.server(address, key, words))
        except genl.Refused as why:
            return why.sentence
        return "taken"

    for what, address, words, says in (
            ("gue without a port", addr("b"), genl.u8(genl.SERVER_TUNNEL, 3), "port"),
            ("port 0", addr("b"), attributes(gre) +
             genl.be16(genl.SERVER_TUNNEL_PORT, 0), ""),
            ("a port of gre", addr("b"), attributes(gre) +
             genl.be16(genl.SERVER_TUNNEL_PORT, 9), "port"),
            ("a checksum of ipip", addr("b"), attributes(ipip) +
             genl.u32(genl.SERVER_TUNNEL_FLAGS, 1), "csum"),
            ("remote checksum offload", addr("b"), attributes(gue) +
             genl.u32(genl.SERVER_TUNNEL_FLAGS, 2), "remcsum"),
            ("an unknown type", addr("b"), genl.u8(genl.SERVER_TUNNEL, 4), ""),
            ("an unknown df", addr("b"), attributes(ipip) +
             genl.u8(genl.SERVER_TUNNEL_DF, 3), ""),
            ("the VIP as server", VIP[4], attributes(ipip), ""),
            ("an address of the director", addr("director"), attributes(ipip), ""),
            ("a multicast address", "224.0.0.9", attributes(ipip), ""),
            ("a source of the other family", addr("b"), attributes(
                ipip, source="2001:db8::1"), ""),
            ("a multicast source", addr("b"), attributes(ipip, source="224.0.0.1"), ""),
            ("a prefix of 33 bits", addr("b"), attributes(
                ipip, source="10.0.0.0", source_prefix=33), ""),
            ("a prefix of a source that has more bits", addr("b"), attributes(
                ipip, source="10.0.0.70", source_prefix=30),
             "invalid tunnel-source-prefix: host bits of tunnel-source must be 0"),
            ("a prefix without a source", addr("b"), attributes(ipip, source_prefix=8),
             ""),
            ("another family without a tunnel", addr("b", 6), b"", ""),
            ("a TTL without a tunnel", addr("b"), genl.u8(genl.SERVER_TUNNEL_TTL, 9),
             "tunnel")):
        sentence = said(address, words)
        ok(sentence != "taken" and len(sentence.split()) > 2 and says in sentence,
           "%s is refused: %s" % (what, sentence), sentence)
    ok(list(director.servers(key)) == [addr("a")], "and nothing is changed")
    sentence = said(addr("a"), genl.u8(genl.SERVER_TUNNEL, 3), genl.SERVER_SET)
    ok("port" in sentence, "nor is a server changed to gue without a port: " + sentence)
    said(addr("b", 6), attributes(Kind(4, 6, "ipip", False)))
    sentence = said(addr("b", 6), genl.u8(genl.SERVER_TUNNEL, 0), genl.SERVER_SET)
    ok(len(sentence.split()) > 2, "nor one of another family to direct routing: " +
       sentence)
    director.clear()
    director.add(key)
    said(FAR[4] % 2, attributes(ipip))
    far = genl.key(FAR[4] % 2, 81)
    try:
        director.add(far)
        sentence = "taken"
    except genl.Refused as why:
        sentence = why.sentence
    ok("tunnel" in sentence, "nor is a service added at the end of a tunnel: " +
       sentence, sentence)
    director.remove(key, FAR[4] % 2)
    director.add(far)
    ok(director.servers(far) == {}, "it is when the server is removed",
       director.servers(far))
    director.clear()
    director.close()


LINES = """
-A -t V4:80 -s rr
-a -t V4:80 -r 10.9.0.2:80 -i -w 1 --tun-type ipip
-a -t V4:80 -r 10.9.0.3:80 -i -w 2 -x 7 --tun-type gre --tun-nocsum --tun-ttl 9
-a -t V4:80 -r 10.9.0.4:80 -i -w 1 --tun-type gre --tun-csum --tun-df clear
-a -t V4:80 -r [2001:db8:9::2]:80 -i -w 1 --tun-type gue --tun-port 6080 --tun-nocsum
-a -t V4:80 -r [2001:db8:9::3]:80 -i -w 3 --tun-type gue --tun-port 6081 --tun-csum --tun-df set --tun-source 2001:db8:1::70
-a -t V4:80 -r 10.9.0.5:80 -i -w 1 --tun-type ipip --tun-source-prefix 172.16.0.0/12
-a -t V4:80 -r 192.168.1.62:80 -g -w 1
-A -t [V6]:80 -s rr --accept-tunneled yes
-a -t [V6]:80 -r 10.9.0.2:80 -i -w 1 --tun-type ipip --tun-source 192.168.1.70
-a -t [V6]:80 -r [2001:db8:9::2]:80 -i -w 1 --tun-type ipip
""".replace("V4", VIP[4]).replace("V6", VIP[6]).strip().splitlines()


def test_saving():
    """What is saved is restored as the same, and apply then finds nothing to do."""
    lbctl("clear")
    text = "\n".join(LINES) + "\n"
    with open("/run/tunnels", "w", encoding="ascii") as file:
        file.write(text)
    lbctl("restore", "/run/tunnels")
    saved = lbctl("save").stdout
    rules = "".join(line + "\n" for line in saved.splitlines()
                    if line.startswith("-"))
    ok(sorted(rules.splitlines()) == sorted(LINES), "every option is saved as it was "
       "given", saved)
    with open("/run/tunnels", "w", encoding="ascii") as file:
        file.write(saved)
    lbctl("clear")
    lbctl("restore", "/run/tunnels")
    ok(lbctl("save").stdout == saved, "what is saved is restored as the same")
    done = lbctl("apply", "/run/tunnels")
    ok(done.stdout == "", "apply finds nothing to change", done.stdout)
    with open("/run/tunnels", "w", encoding="ascii") as file:
        file.write(saved.replace("--tun-type ipip", "--tun-type gre --tun-csum")
                   .replace(" --tun-ttl 9", ""))
    done = lbctl("apply", "/run/tunnels")
    ok("--tun gre --tun-csum" in done.stdout and "--tun-ttl copy" in done.stdout and
       lbctl("apply", "/run/tunnels").stdout == "",
       "apply changes the type, and is done then", done.stdout)
    lbctl("clear")


def test_shown():
    """JSON, metrics and trace have the tunnel, and a trace tells of what is sent."""
    director, wire = open_director(), Wire()
    one = flow(4)
    director.clear()
    director.add(key_of(one), sched="rr")
    service = "-t", "%s:%d" % (one.vip, one.port)
    lbctl("add-server", *service, "-r", "[%s]" % rip(0, 6), "--tun", "gue:6080",
          "--tun-csum", "--tun-ttl", "9")
    found = json.loads(lbctl("list", "-j").stdout)[0]["servers"][0]
    ok(found["forward"] == "tunnel" and found["tunnel"] == {
        "type": "gue", "port": 6080, "checksum": True, "ttl": 9, "df": "inherit",
        "source": None, "source_prefix": None}, "list -j has the tunnel", found)
    text = lbctl("metrics").stdout
    ok('forward="tunnel",tunnel="gue:6080"} 1' in text, "so have the metrics", text)
    told = lbctl("trace", *service, "--client", one.client).stdout
    ok("tunnel gue:6080" in told and "not forwarded" not in told, "and a trace", told)
    seen = wire.through(one.tcp(SYN))
    ok([(each.ttl, each.dst) for each in seen] == [(9, net.pack(rip(0, 6)))],
       "what is sent is what the trace tells", seen)
    wire.close()
    director.clear()
    director.close()


def build():
    servers.Servers().start()
    tunnels.prefer_vip(False)
    tunnels.build_far()
    for host in "abc":
        for version in (4, 6):
            tunnels.Web(host, version)


if __name__ == "__main__":
    try:
        wires.main(globals(), real="ab", setup=build)
    finally:
        tunnels.demolish_far()
