#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0
# Also on: trixie bookworm
"""Two VRFs of one director, red and blue, and its default domain, with the same
addresses of clients, VIP, server and director in each of them. Each is a wire of its
own, whose other end has the clients and the server.

    di --- ci    no VRF, server 02:00:00:00:aa:00
    dr --- cr    red,    server 02:00:00:00:aa:01
    db --- cb    blue,   server 02:00:00:00:aa:02
"""
import contextlib
import itertools
import socket
import struct

import genl
import ipvs
import net
from net import ACK, PSH, RST, SYN, batch, ip, ok, until
from test_tcp import mark_of, open_director

ADDR = {4: "10.66.0.%d", 6: "fd66::%d"}
BITS = {4: (24, 32), 6: (64, 128)}
WIRES = {"default": ("di", "ci", None), "red": ("dr", "cr", "red"),
         "blue": ("db", "cb", "blue")}
VIP, SERVER, CLIENT, DIRECTOR = 63, 2, 101, 70


def server_mac(name):
    return bytes([2, 0, 0, 0, 0xaa, list(WIRES).index(name)])


class Domains:
    """The three wires, for as long as the `with` lasts."""

    def __enter__(self):
        self.taps, self.pings = {}, 0
        for table, (name, (dev, end, vrf)) in enumerate(WIRES.items(), 70):
            net.run("ip", "link", "add", dev, "netns", "director", "type", "veth",
                    "peer", "name", end, "netns", "client")
            if vrf:
                batch("director", ["link add %s type vrf table %d" % (vrf, table),
                                   "link set %s up" % vrf,
                                   "link set %s master %s" % (dev, vrf)])
            batch("director", ["link set %s up" % dev])
            batch("client", ["link set %s up" % end])
            self.address(name)
            self.taps[name] = net.Tap("client", end)
        return self

    @staticmethod
    def address(name):
        """Without a route out of the director's own prefix a server is reached by
        its wire only."""
        dev, end, _ = WIRES[name]
        for version in (4, 6):
            nodad = " nodad" if version == 6 else ""
            batch("director", [
                "addr replace %s/%d dev %s%s" % (ADDR[version] % DIRECTOR,
                                                 BITS[version][0], dev, nodad),
                "addr replace %s/%d dev %s%s" % (ADDR[version] % VIP,
                                                 BITS[version][1], dev, nodad),
                "neigh replace %s lladdr %s dev %s nud permanent" %
                (ADDR[version] % SERVER, server_mac(name).hex(":"), dev),
                "neigh replace %s lladdr %s dev %s nud permanent" %
                (ADDR[version] % CLIENT, net.mac("client", end).hex(":"), dev)])

    def send(self, name, version, body, proto=6, src=CLIENT, frame_src=None, ttl=64):
        self.put(name, version, self.packet(version, body, proto, src, ttl), frame_src)

    @staticmethod
    def packet(version, body, proto=6, src=CLIENT, ttl=64):
        src = src if isinstance(src, str) else ADDR[version] % src
        return net.packet(src, ADDR[version] % VIP, proto, body, ttl)

    def put(self, name, version, packet, frame_src=None):
        dev, end, _ = WIRES[name]
        self.taps[name].send(net.mac("director", dev) +
                             (frame_src or net.mac("client", end)) +
                             ipvs.KIND[version] + packet)

    def ping(self, name):
        """Ping the director; what its answer has behind the code."""
        dev, end, _ = WIRES[name]
        self.pings += 1
        body = struct.pack("!BBHHH", 8, 0, 0, 0x4c42, self.pings)
        body = body[:2] + struct.pack("!H", net.checksum(body)) + body[4:]
        self.taps[name].send(net.mac("director", dev) + net.mac("client", end) +
                             ipvs.KIND[4] + net.packet(ADDR[4] % CLIENT,
                                                       ADDR[4] % DIRECTOR, 1, body))
        return b"\0\0" + body[4:]

    def wire(self, name, version, body, proto=6, frame_src=None, **more):
        """Sends a packet and returns the wires where it leaves for a server."""
        return self.wires(name, version, self.packet(version, body, proto, **more),
                          frame_src)

    def wires(self, name, version, packet, frame_src=None):
        """The same of a whole packet. The ping behind it is answered when the director
        has handled it."""
        for tap in self.taps.values():
            tap.flush()
        self.put(name, version, packet, frame_src)
        answer, wires = self.ping(name), set()

        def answered():
            seen = [(each, frame) for each, tap in self.taps.items()
                    for frame in tap.frames(0.5)]
            wires.update(each for each, frame in seen if frame.dst == server_mac(each))
            return any(each == name and frame.l4 == 1 and
                       frame.ip[20:22] + frame.ip[24:28] == answer for each, frame in seen)
        if not until(answered):
            raise ipvs.Lost("the director does not answer a ping by wire " + name)
        return wires

    def __exit__(self, *_):
        for name, (dev, _, vrf) in WIRES.items():
            self.taps[name].close()
            ip("director", "link", "del", dev, check=False)
            if vrf:
                ip("director", "link", "del", vrf, check=False)


def no_vrf():
    if ip("director", "link", "add", "red", "type", "vrf", "table", "77",
          check=False).returncode:
        print("skip - VRFs: this kernel has none", flush=True)
        return True
    ip("director", "link", "del", "red")
    return False


def test_domains():
    """A packet stays in its domain: one flow in each, by the same ports."""
    if no_vrf():
        return
    director = open_director()
    with Domains() as domains:
        for version in (4, 6):
            for persist in (0, 300):
                tcp = genl.key(ADDR[version] % VIP)
                udp = genl.key(ADDR[version] % VIP, 80, 17)
                more = {"persist": persist} if persist else {}
                for key in (tcp, udp):
                    director.add(key, [ADDR[version] % SERVER], **more)
                what = "IPv%d%s" % (version, ", persistent" if persist else "")
                got = {}
                for name in ("red", "blue", "default", "red", "blue"):
                    one = [domains.wire(name, version, net.tcp(4000, 80, SYN)),
                           domains.wire(name, version,
                                        net.tcp(4000, 80, PSH | ACK, b"data")),
                           domains.wire(name, version, net.udp(4000, 80, b"data"),
                                        17)]
                    got.setdefault(name, []).extend(one)
                wrong = {name: wires for name, wires in got.items()
                         if any(each != {name} for each in wires)}
                ok(not wrong, "%s: the same flow in three L3 domains leaves in each "
                   "for the server of that domain" % what, wrong)
                held = 6 * (2 if persist else 1)
                # Those of removed services are freed after a grace period.
                ok(until(lambda held=held: director.held() == held),
                   "%s: and is a connection in each" % what, (director.held(), held))
                director.clear()
    director.close()


def test_fragments():
    """Fragments of two L3 domains, alike in addresses and identification, make no
    datagram; each makes one with its rest."""
    if no_vrf():
        return
    director = open_director()
    with Domains() as domains:
        for version in (4, 6):
            director.add(genl.key(ADDR[version] % VIP, 80, 17), [ADDR[version] % SERVER])
            whole = domains.packet(version, net.udp(4000, 80, bytes(1800)), 17)
            for ident, (one, other) in enumerate(itertools.permutations(WIRES, 2), 1):
                first, last = net.fragments(whole, 1000, ident)
                got = [domains.wires(name, version, part)
                       for name, part in ((one, first), (other, last), (one, last),
                                          (other, first))]
                ok(got == [set(), set(), {one}, {other}], "IPv%d: the first fragment in "
                   "L3 domain %s and the last one in %s make no datagram, each makes "
                   "one with its rest" % (version, one, other), got)
            director.clear()
    director.close()


def test_bound():
    """A service bound to a VRF takes packets of that L3 domain only, and before one
    that is bound to none."""
    if no_vrf():
        return
    director = open_director()
    vip, rip = ADDR[4] % VIP, ADDR[4] % SERVER
    # Before the device exists.
    director.add(genl.key(vip, vrf="red"), [rip])
    with Domains() as domains:
        got = {name: domains.wire(name, 4, net.tcp(4000, 80, SYN)) for name in WIRES}
        ok(got == {"red": {"red"}, "blue": set(), "default": set()},
           "a service bound to red takes red's packets only", got)
        rows = director.dump(genl.SERVICE_GET)
        ok(len(rows) == 1 and dict(genl.parse(rows[0]))[genl.VRF] == b"red\0",
           "and is reported with its VRF", rows)
        director.add(genl.key(vip), [])
        got = {name: domains.wire(name, 4, net.tcp(4001, 80, SYN))
               for name in ("red", "blue")}
        ok(got == {"red": {"red"}, "blue": set()}, "it comes before a service that is "
           "bound to none, which takes the others", got)
        counts = net.drops()["no-server"]
        got = domains.wire("blue", 4, net.tcp(4002, 80, SYN))
        ok(not got and net.drops()["no-server"] == counts + 1,
           "and has no server for them", got)
        director.do(genl.SERVICE_DEL, genl.key(vip, vrf="red"))
        ok([genl.VRF in dict(genl.parse(row)) for row in
            director.dump(genl.SERVICE_GET)] == [False],
           "each is removed by its own key")
        director.clear()
    director.close()


def test_error():
    """An ICMP error belongs to the connection of the domain that it comes by."""
    if no_vrf():
        return
    director = open_director()
    with Domains() as domains:
        director.add(genl.key(ADDR[4] % VIP), [ADDR[4] % SERVER])
        domains.wire("red", 4, net.tcp(4000, 80, SYN))
        inner = net.packet(ADDR[4] % VIP, ADDR[4] % CLIENT, 6,
                           net.tcp(80, 4000, ACK))[:28]
        body = struct.pack("!BBHHH", 3, 4, 0, 0, 1400) + inner
        body = body[:2] + struct.pack("!H", net.checksum(body)) + body[4:]
        got = {name: domains.wire(name, 4, body, 1, src="10.66.0.1")
               for name in ("red", "blue")}
        ok(got == {"red": {"red"}, "blue": set()}, "an ICMP error goes to the server "
           "of its domain's connection, and to none without", got)
        director.clear()
    director.close()


def test_source():
    """An address of the host in one L3 domain may be a client's in another one; trace says
    of each what becomes of it."""
    if no_vrf():
        return
    director = open_director()
    with Domains() as domains:
        for version in (4, 6):
            service = genl.key(ADDR[version] % VIP)
            director.add(service, [ADDR[version] % SERVER])
            for name, other in (("red", "default"), ("default", "red")):
                own = ADDR[version] % 55
                how = ("%s/%d" % (own, BITS[version][1]), "dev", WIRES[name][0])
                ip("director", "addr", "add", *how)
                said = {each: director.trace(own, ADDR[version] % VIP, 80, cport=4000,
                                             vrf=WIRES[each][2]).get("reason")
                        for each in (name, other)}
                domains.send(name, version, net.tcp(4000, 80, SYN), src=own)
                # Behind the one that is dropped: it has been handled by then.
                left = domains.wire(other, version, net.tcp(4000, 80, SYN), src=own)
                dropped = until(lambda: director.drops(service).get("bad-source"))
                ip("director", "addr", "del", *how)
                ok(left == {other} and dropped == 1 and
                   said == {name: "bad-source", other: None}, "IPv%d: an address of %s "
                   "is a client's in %s" % (version, name, other), (left, dropped, said))
                director.clear()
                director.add(service, [ADDR[version] % SERVER])
            director.clear()
    director.close()


@contextlib.contextmanager
def marks(where):
    """The director gives UDP packets a mark, of one device or of any."""
    net.run("ip", "netns", "exec", "director", "nft",
            "add table inet counted; add chain inet counted set_mark { type "
            "filter hook prerouting priority mangle; }; add rule inet counted "
            "set_mark %s meta l4proto udp meta mark set 7" % where)
    try:
        yield "marks set %s" % (where or "in both passes")
    finally:
        net.run("ip", "netns", "exec", "director", "nft", "delete table inet counted")


MARKED_BY = ("", 'iifname "dr"', 'iifname "red"')


def test_counted_once():
    """A server that is the director itself: both passes see its packets."""
    if no_vrf():
        return
    director = open_director()
    with Domains() as domains:
        for where in MARKED_BY:
            with marks(where) as what:
                for version, key in ((version, key) for version in (4, 6) for key in
                                     (genl.marked(7, version),
                                      genl.key(ADDR[version] % VIP, 80, 17))):
                    address = ADDR[version] % DIRECTOR
                    director.add(key, [address])
                    for _ in range(5):
                        domains.send("red", version, net.udp(4000, 80, b"x"), 17)

                    def count():
                        return director.servers(key)[address]["packets"]

                    until(lambda: count() >= 5)
                    ok(count() == 5, "IPv%d, %s, %s: five datagrams are counted as five" %
                       (version, what, "by mark" if key == genl.marked(7, version) else
                        "by address"), count())
                    director.clear()
    director.close()


def without_flow(domains):
    """(IP version, counter, packet): what has no flow that the director could tell."""
    for version in (4, 6):
        yield (version, "malformed",
               domains.packet(version, net.udp(4000, 80, b"x", 65535), 17))
    # Of a fragment that others follow, the length is a multiple of 8.
    yield 6, "fragment", domains.packet(6, struct.pack("!BBHI", 17, 0, 1, 7) +
                                        net.udp(4000, 80, b"x" * 5), 44)


def test_no_flow_counted_once():
    """Packets whose flow is unknown, in a VRF and without one: whichever hooks see them,
    one counts."""
    if no_vrf():
        return
    director = open_director()
    with Domains() as domains:
        for where in MARKED_BY:
            with marks(where) as what:
                for (version, reason, packet), by in itertools.product(
                        without_flow(domains), ("mark", "address", "mark and address")):
                    if "mark" in by:
                        director.add(genl.marked(7, version), [ADDR[version] % SERVER])
                    if "address" in by:
                        director.add(genl.key(ADDR[version] % VIP, 80, 17),
                                     [ADDR[version] % SERVER])
                    for name in ("red",) if where else ("red", "default"):
                        before = net.drops()[reason]
                        for _ in range(3):
                            domains.wires(name, version, packet)
                        count = net.drops()[reason] - before
                        ok(count == 3, "IPv%d, %s, L3 domain %s, services by %s: three are "
                           "counted as three %s" % (version, what, name, by, reason), count)
                    director.clear()
    director.close()


FAR = {4: ("198.51.100.7", "198.51.100.0/24", "10.77.0.%d", 24),
       6: ("2001:db8:c::7", "2001:db8:c::/64", "fd77::%d", 64)}


@contextlib.contextmanager
def way_back(vrf):
    """A second device of a domain, by which the far clients are reached. No other
    domain has a route to them. The other end."""
    net.run("ip", "link", "add", "dback", "netns", "director", "type", "veth",
            "peer", "name", "cback", "netns", "client")
    batch("client", ["link set cback up"])
    if vrf:
        batch("director", ["link set dback master %s" % vrf])
    batch("director", ["link set dback up"])
    for version, (_, prefix, addr, bits) in FAR.items():
        batch("director", [
            "addr replace %s/%d dev dback%s" % (addr % 1, bits,
                                                " nodad" if version == 6 else ""),
            "neigh replace %s lladdr %s dev dback nud permanent" %
            (addr % 2, net.mac("client", "cback").hex(":")),
            "route replace %s via %s dev dback%s" %
            (prefix, addr % 2, " vrf " + vrf if vrf else "")])
    tap = net.Tap("client", "cback")
    try:
        yield tap
    finally:
        tap.close()
        ip("director", "link", "del", "dback")


def answers(version):
    """(what, packet, TTL, service with its settings, servers, what the client gets)."""
    addr = ADDR[version] % VIP
    udp, tcp = genl.key(addr, 80, 17), genl.key(addr)
    error, server = {4: (3, 3), 6: (1, 4)}, [ADDR[version] % SERVER]
    reset = genl.u8(genl.REFUSE, 1)

    def told(kinds):
        return lambda frame: mark_of(frame.ip) == kinds[version]

    def is_reset(frame):
        return frame.flags & RST and (frame.sport, frame.dport) == (80, 4000)

    datagram = net.udp(4000, 80, b"x"), 17
    yield "an ICMP error, no server", datagram, 64, udp, [], told(error)
    yield ("an ICMP error, the end of the TTL", datagram, 1, udp, server,
           told({4: (11, 0), 6: (3, 0)}))
    yield ("a RST, no server", (net.tcp(4000, 80, SYN), 6), 64, tcp + reset, [],
           is_reset)
    yield ("a RST, a stray segment", (net.tcp(4000, 80, PSH | ACK, b"x"), 6), 64,
           tcp + genl.settings(stray="reset"), [], is_reset)


def test_told():
    """The client of an ICMP error or a RST is reached by another device than it came by,
    and by routes of the packet's domain only."""
    if no_vrf():
        return
    director = open_director()
    # More errors to a client than the kernel sends it in a second.
    with net.within("director"):
        net.write("/proc/sys/net/ipv4/icmp_ratemask", "0")
        net.write("/proc/sys/net/ipv6/icmp/ratelimit", "0")
    with Domains() as domains:
        for entry, (name, vrf) in itertools.product((0, 1), (("default", None),
                                                             ("red", "red"))):
            director.do(genl.INFO_SET, genl.u8(genl.INFO_ENTRY, entry))
            with way_back(vrf) as tap:
                for version in (4, 6):
                    far = FAR[version][0]
                    for what, packet, ttl, service, servers, told in answers(version):
                        director.add(service, servers)
                        tap.flush()
                        domains.send(name, version, *packet, src=far, ttl=ttl)
                        seen = tap.wait(lambda f, f_to=net.pack(far), told=told:
                                        f.daddr == f_to and told(f), 1, 5)
                        ok(len(seen) == 1, "IPv%d, L3 domain %s, entry %d: a client that "
                           "is reached by another device gets %s" %
                           (version, name, entry, what))
                        director.clear()
        director.do(genl.INFO_SET, genl.u8(genl.INFO_ENTRY, 0))
    director.close()


def bound_listener(version, dev):
    """A socket of the director for the VIP, for packets of one device only."""
    with net.within("director"):
        sock = socket.socket(net.AF[version], socket.SOCK_DGRAM)
    sock.setsockopt(socket.SOL_SOCKET, 25, dev.encode())
    sock.settimeout(2)
    sock.bind((ADDR[version] % VIP, 80))
    return sock


def test_aggregate():
    """The datagrams of an aggregate keep the device that it came by, whichever hook
    takes it apart."""
    if no_vrf():
        return
    director = open_director()
    with Domains():
        for version in (4, 6):
            batch("client", [
                "addr replace %s/%d dev cr%s" % (ADDR[version] % CLIENT,
                                                 BITS[version][0],
                                                 " nodad" if version == 6 else ""),
                "neigh replace %s lladdr %s dev cr nud permanent" %
                (ADDR[version] % VIP, net.mac("director", "dr").hex(":"))])
        for entry, name in ((0, "PREROUTING"), (1, "LOCAL_IN")):
            director.do(genl.INFO_SET, genl.u8(genl.INFO_ENTRY, entry))
            for version in (4, 6):
                key = genl.key(ADDR[version] % VIP, 80, 17)
                director.add(key, [ADDR[version] % DIRECTOR], flags=genl.ONE_PACKET)
                with bound_listener(version, "dr") as here:
                    with net.within("client"):
                        sock = socket.socket(net.AF[version], socket.SOCK_DGRAM)
                    with sock:
                        sock.setsockopt(17, 103, 1000)      # UDP_SEGMENT
                        sock.connect((ADDR[version] % VIP, 80))
                        sock.send(bytes(12000))
                    got = []
                    with contextlib.suppress(socket.timeout):
                        while len(got) < 12:
                            got.append(len(here.recv(2000)))
                counts = director.servers(key)[ADDR[version] % DIRECTOR]["packets"]
                ok(got == [1000] * 12 and counts == 12, "IPv%d, a VRF, %s: a socket that "
                   "is bound to the device of the VRF gets twelve datagrams that came in "
                   "one, and twelve are counted" % (version, name), (got, counts))
                director.clear()
        director.do(genl.INFO_SET, genl.u8(genl.INFO_ENTRY, 0))
    director.close()


def test_link_local():
    """The link of a link-local client is the device of the VRF, in both passes."""
    if no_vrf():
        return
    director = open_director()
    with Domains() as domains:
        for key, where in ((genl.key(ADDR[6] % VIP, 80, 17), ""),
                           (genl.marked(7, 6), ""), (genl.marked(7, 6), 'iifname "red"')):
            director.add(key, [ADDR[6] % SERVER])
            with marks(where) as what:
                got = domains.wire("red", 6, net.udp(4000, 80, b"x"), 17, src="fe80::5")
            ok(got == {"red"}, "IPv6, service by %s, %s: a link-local client gets a server "
               "on its link" % ("mark" if key == genl.marked(7, 6) else "address", what),
               (got, director.drops(key)))
            director.clear()
    director.close()


def test_change():
    """VRFs that go, come back and are renamed."""
    if no_vrf():
        return
    director = open_director()
    with Domains() as domains:
        for version in (4, 6):
            director.add(genl.key(ADDR[version] % VIP), [ADDR[version] % SERVER])
        syn = net.tcp(4000, 80, SYN)
        before = {version: domains.wire("red", version, syn) for version in (4, 6)}
        # Not waited for by anything that is cached, or this would hang.
        batch("director", ["link del red"])
        batch("director", ["link set dr up"])
        domains.address("red")
        for dev in ("di",):
            for version in (4, 6):
                batch("director", ["addr del %s/%d dev %s" %
                                   (ADDR[version] % DIRECTOR, BITS[version][0], dev)])
        alone = {version: domains.wire("red", version, syn) for version in (4, 6)}
        ok(before == alone == {4: {"red"}, 6: {"red"}}, "a device whose VRF is "
           "removed is one of the default domain", (before, alone))
        domains.address("default")
        batch("director", ["link add red type vrf table 71", "link set red up",
                           "link set dr master red", "link set dr up"])
        domains.address("red")
        again = {version: domains.wire("red", version, net.tcp(4001, 80, SYN))
                 for version in (4, 6)}
        batch("director", ["link set red down", "link set red name green",
                           "link set green up"])
        domains.address("red")
        renamed = {version: domains.wire("red", version, net.tcp(4002, 80, SYN))
                   for version in (4, 6)}
        batch("director", ["link set green down", "link set green name red",
                           "link set red up"])
        ok(again == renamed == {4: {"red"}, 6: {"red"}}, "a VRF that comes back, and "
           "one with another name", (again, renamed))
        director.clear()
    director.close()


def test_peer():
    """The MAC of a server is that of a peer director in its own domain only."""
    if no_vrf():
        return
    director = open_director()
    with Domains() as domains:
        for version in (4, 6):
            director.add(genl.key(ADDR[version] % VIP), [ADDR[version] % SERVER])
            for name in ("red", "blue"):
                domains.wire(name, version, net.tcp(4000, 80, SYN))
            counted = net.drops_of("director")
            for name, who in (("red", "red"), ("blue", "red")):
                domains.send(name, version, net.tcp(4000, 80, SYN), ttl=60,
                             frame_src=server_mac(who))
            ok(until(lambda: net.drops_of("director") == counted + 1),
               "IPv%d: a SYN that a server has sent back is passed to the stack in "
               "the server's domain" % version, net.drops_of("director") - counted)
            ok(domains.wire("blue", version, net.tcp(4000, 80, SYN), ttl=60,
                            frame_src=server_mac("red")) == {"blue"},
               "IPv%d: and forwarded in another one" % version)
        director.clear()
    director.close()


net.main(globals(), servers=False)
