#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0
# Also on: trixie
"""What comes to the director's hook, and from where: headers with options,
super-packets, checksums that are yet to be computed, a bond and a VRF below it, and
the source checks that it stands in for. What leaves is compared byte by byte with
what came.

Frames made by hand go by test_tcp.py's wire, real connections to the servers a
and b.
"""
import os
import socket
import struct
from collections import Counter

import genl
import ipvs
import net
import servers
import tunnels
from net import ACK, FIN, PSH, SYN, VIP, addr, batch, ip, ok, until, within, write
from test_tcp import Counting, Wire, flow, open_director, rips
from topology import main, nft, offloads, same

BITS = {4: 32, 6: 128}

OPTIONS = {
    4: {
        "record route": b"\7\x0b\4" + bytes(8) + b"\0",
        "a time stamp": b"\x44\x0c\5\0" + bytes(8),
        "a loose source route": b"\x83\7\4\xc0\0\2\1\0",
        "a strict source route": b"\x89\7\4\xc0\0\2\1\0",
        "router alert": b"\x94\4\0\0",
        "security": b"\x82\x0b" + bytes(9) + b"\0",
        "40 bytes of nothing": b"\1" * 40,
        "an option that nobody knows": b"\xde\4\1\2",
    },
    6: {
        "router alert": b"\0%c\0\5\2\0\0\1\0",
        "destination options": b"\x3c%c\0\1\4\0\0\0\0",
        "an option that nobody knows, to be skipped": b"\x3c%c\0\x1e\4\1\2\3\4",
        "a routing header that is used up": b"\x2b%c\2\2\0" + bytes(20),
        "an authentication header": b"\x33%c\4\0\0\0\0\0\1\0\0\0\1" + b"\x5a" * 12,
        "hop-by-hop, routing and destination options":
            b"\0\x2b\0\1\4\0\0\0\0" b"\x3c\2\2\0" + bytes(20) +
            b"%c\0\1\4\0\0\0\0",
        "256 bytes of options": b"\x3c%c\x1f\1\xfc" + bytes(252),
    },
}


def test_options():
    """A connection is the same with options and without."""
    director, wire = open_director(), Wire()
    for version in (4, 6):
        for proto in (6, 17):
            key = genl.key(ipvs.VIPS[version][0], 80, proto)
            director.add(key, rips(version, 0, 1), sched="rr")
            wrong = []
            for number, (what, form) in enumerate(OPTIONS[version].items()):
                # Of extension headers, the last one says what follows.
                options = form if version == 4 else form.replace(
                    b"%c", bytes([proto]))
                one = flow(version)
                make = [lambda more: one.tcp(SYN, **more),
                        lambda more: one.tcp(PSH | ACK, b"data", **more)] \
                    if proto == 6 else [lambda more: one.udp(**more)] * 2
                got = [same(wire, make[step](more)) for step, more in
                       ((0, {"options": options}), (1, {}),
                        (1, {"options": options}))]
                if got != [number % 2] * 3:
                    wrong.append((what, got))
            ok(not wrong, "IPv%d, %s: with options of %d kinds a packet goes as it "
               "came but for the TTL, and to its connection's server" %
               (version, {6: "TCP", 17: "UDP"}[proto], len(OPTIONS[version])),
               "\n".join(map(str, wrong)))
        director.clear()
    wire.close()
    director.close()


def of_tcp(frame):
    """What tells a segment, or many in one, from others."""
    head = frame.ip[20:] if frame.proto == 0x0800 else frame.ip[40:]
    return frame.sport, head[4:8], len(frame.payload), frame.flags


def test_super_packets():
    """What the stack has put together stays together, and is what the director
    got. GRO is off, so that nothing is put together behind the director."""
    director = open_director()
    at_director, at_a = net.Tap("director"), net.Tap("a")
    for host in ("director", "a"):
        offloads(host, "gro", "off")
    for version in (4, 6):
        tcp, udp = (genl.key(VIP[version], 80, proto) for proto in (6, 17))
        director.add(tcp, [addr("a", version)])
        for tap in (at_director, at_a):
            tap.flush()
        sock = net.connect(version)
        whole = sock.recv(1) == b"a" and servers.exchange(sock, 500000)
        sport = sock.getsockname()[1]
        sock.close()
        came, went = [], []

        def match(frame):
            return frame.sport == sport and frame.dport == 80 and \
                frame.src == net.mac("client")

        def gone(frame):
            return frame.sport == sport and frame.dport == 80 and \
                frame.src == net.mac("director")

        def settled():
            came.extend(of_tcp(f) for f in at_director.frames() if match(f))
            went.extend(of_tcp(f) for f in at_a.frames() if gone(f))
            return any(f[3] & FIN for f in went) and \
                Counter(came) == Counter(went)

        until(settled)
        large = sum(size > 1500 for _, _, size, _ in went)
        ok(whole and large > 10 and Counter(came) == Counter(went), "IPv%d, TCP: "
           "super-packets leave as they came, none cut and none twice" % version,
           (whole, large, Counter(came) - Counter(went),
            Counter(went) - Counter(came)))

        director.add(udp, [addr("a", version)])
        sock = servers.udp_socket(version)
        sport = sock.getsockname()[1]
        sock.setsockopt(17, 103, 1000)      # UDP_SEGMENT
        data = os.urandom(29500)
        sock.send(data)
        back = [sock.recv(2000) for _ in range(30)]
        seen = at_a.wait(gone)
        row = director.servers(udp)[addr("a", version)]
        size = len(data) + 30 * (28 if version == 4 else 48)
        ok(back == [b"a" + data[at:at + 1000] for at in range(0, 29500, 1000)] and
           [f.payload for f in seen] == [data] and
           (row["conns"], row["packets"], row["bytes"]) == (1, 30, size),
           "IPv%d, UDP: one super-packet of 30 datagrams leaves as one, and is "
           "counted as 30" % version, ([len(f.payload) for f in seen], row))
        sock.close()
        director.clear()
    for host in ("director", "a"):
        offloads(host, "gro", "on")
    for each in (at_director, at_a, director):
        each.close()


def test_one_packet_super_packets():
    """The datagrams of a super-packet are scheduled one by one."""
    director = open_director()
    for version in (4, 6):
        key = genl.key(VIP[version], 80, 17)
        director.add(key, [addr("a", version), addr("b", version)], sched="rr",
                     flags=genl.ONE_PACKET)
        sock = servers.udp_socket(version)
        sock.setsockopt(17, 103, 1000)      # UDP_SEGMENT
        data = os.urandom(11500)
        sock.send(data)
        back = [sock.recv(2000) for _ in range(12)]
        row = [director.servers(key)[addr(host, version)] for host in "ab"]
        ok(sorted(one[:1] for one in back) == [b"a"] * 6 + [b"b"] * 6 and
           {one[1:] for one in back} == {data[at:at + 1000]
                                         for at in range(0, 11500, 1000)} and
           [(one["conns"], one["packets"]) for one in row] == [(6, 6)] * 2,
           "IPv%d: of a one-packet service, twelve datagrams in one go to two servers "
           "in turn" % version, ([one[:1] for one in back], row))
        sock.close()
        director.clear()
    director.close()


def test_super_packets_too_large():
    """A route whose MTU the segments of a super-packet do not fit."""
    director = open_director()
    at_a = net.Tap("a")
    for version in (4, 6):
        udp = genl.key(VIP[version], 80, 17)
        director.add(udp, [addr("a", version)])
        # Less than 1280 would end IPv6.
        ip("director", "-%d" % version, "route", "add", addr("a", version), "dev",
           "eth0", "mtu", "lock", "1300")
        counting = Counting()
        sock = servers.udp_socket(version)
        sock.setsockopt(17, 103, 1400)
        data = os.urandom(14000)
        if version == 4:
            sock.setsockopt(socket.IPPROTO_IP, 10, 0)     # no DF
            at_a.flush()
            sock.send(data)
            back = [sock.recv(2000) for _ in range(10)]
            sizes = [len(f.ip) for f in at_a.frames()
                     if f.daddr == net.pack(VIP[4]) and f.l4 == 17]
            ok(back == [b"a" + data[at:at + 1400] for at in
                        range(0, 14000, 1400)] and len(sizes) == 20 and
               max(sizes) <= 1300, "IPv4: a super-packet that may be cut is: ten "
               "datagrams arrive, in two fragments each", (len(back), sizes))
            sock.setsockopt(socket.IPPROTO_IP, 10, 2)
            counting.grown()
        client = net.Tap("client")
        sock.send(data)
        told = client.wait(lambda f: f.l4 == (1 if version == 4 else 58) and
                           (f.ip[20:22] == b"\3\4" if version == 4 else
                            f.ip[40] == 2))
        mtu = told and int.from_bytes(told[0].ip[26:28] if version == 4 else
                                      told[0].ip[44:48], "big")
        ok(mtu == 1300 and counting.grown() == {"mtu": 1}, "IPv%d: one that may "
           "not is answered by ICMP with the MTU, and counted" % version, mtu)
        client.close()
        sock.close()
        ip("director", "-%d" % version, "route", "del", addr("a", version), "dev",
           "eth0")
        net.forget_pmtu()
        director.clear()
    at_a.close()
    director.close()


def send_super_packet(wire, packet, head, size):
    """Segments of `size` bytes of TCP by IPv6 as one packet, whose checksum is yet to be
    computed. `head`: bytes in front of the TCP header."""
    with within("client"):
        sock = socket.socket(socket.AF_PACKET, socket.SOCK_RAW)
    with sock:
        sock.bind(("eth0", 0))
        sock.setsockopt(263, 15, 1)         # PACKET_VNET_HDR
        start = 14 + head
        # NEEDS_CSUM, GSO_TCPV6
        sock.send(struct.pack("=BBHHHH", 1, 4, start + 20, size, start, 16) +
                  wire.to + wire.own + ipvs.KIND[6] + packet)


def test_super_packets_options():
    """IPv6: the segments of a super-packet with extension headers are measured as they
    are, whatever the sequence number."""
    director, wire = open_director(), tunnels.Wire()
    for kind, room in ((None, 1500), (tunnels.Kind(6, 6, "ipip", False), 1460)):
        for form in (b"", OPTIONS[6]["destination options"],
                     OPTIONS[6]["a routing header that is used up"],
                     OPTIONS[6]["hop-by-hop, routing and destination options"]):
            one, wrong = flow(6), []
            options = form.replace(b"%c", b"\6")
            # The first byte says which header the first one is.
            head = 40 + max(len(options) - 1, 0)
            wire.clients = {net.pack(one.client)}
            tunnels.serve(director, tunnels.key_of(one),
                          (rips(6, 0)[0], tunnels.attributes(kind) if kind else b""))
            wire.through(one.tcp(SYN))
            for seq, more in ((0, 0), (0, 1), (0xf0000000, 0), (0xf0000000, 1)):
                size = room - head - 20 + more
                body = net.tcp(one.sport, 80, PSH | ACK, bytes(3 * size), seq)
                send_super_packet(wire, net.packet(one.client, one.vip, 6, body,
                                                   options=options), head, size)
                got = [each if isinstance(each, str) else len(frame.ip) for each, frame in
                       zip(wire.through(), wire.frames)]
                whole = head + 20 + 3 * size + 1500 - room
                if got != (["icmp 2.0"] if more else [whole]):
                    wrong.append((hex(seq), size, got))
            ok(not wrong, "IPv6%s, %d bytes of extension headers: segments that fit go, and "
               "larger ones do not" % (", in a tunnel" if kind else "", head - 40), wrong)
            director.clear()
    wire.close()
    director.close()


def sound(frame):
    """Whether the transport checksum is right."""
    size = len(frame.ip) - (20 if frame.proto == 0x0800 else 40)
    return not net.checksum(frame.saddr + frame.daddr +
                            struct.pack("!II", size, frame.l4) +
                            frame.ip[-size:])


def test_checksums():
    """The client's side leaves checksums to its device, or not; so does the
    director's."""
    director, wire = open_director(), Wire()
    at_a = net.Tap("a")
    for version in (4, 6):
        for client, mine in (("on", "on"), ("on", "off"), ("off", "on"),
                             ("off", "off")):
            offloads("client", "tx", client)
            offloads("director", "tx", mine)
            for proto in (6, 17):
                director.add(genl.key(VIP[version], 80, proto),
                             [addr("a", version)])
            at_a.flush()
            sock = net.connect(version)
            good = sock.recv(1) == b"a" and servers.exchange(sock, 50000)
            sock.close()
            sock = servers.udp_socket(version)
            sock.send(b"odd" * 333)
            good = good and sock.recv(2000) == b"a" + b"odd" * 333
            sock.close()
            seen = [f for f in at_a.frames() if f.dport == 80 and
                    f.src == net.mac("director")]
            wrong = [f.ip.hex() for f in seen if not sound(f)]
            what = "IPv%d, checksum offload %s at the client and %s at the " \
                "director: TCP and UDP go through" % (version, client, mine)
            if (client, mine) == ("on", "on"):
                # Nobody on this way computes it.
                ok(good and seen, what, (good, len(seen)))
            else:
                ok(good and len(seen) > 20 and not wrong,
                   what + ", with right checksums", (good, len(seen), wrong[:3]))
            director.clear()
        for host in ("client", "director"):
            offloads(host, "tx", "on", "tso", "on")
        director.add(genl.key(ipvs.VIPS[version][0]), rips(version, 0))
        one = flow(version)
        bad = one.tcp(SYN)
        at = len(bad) - 4
        bad = bad[:at] + bytes([bad[at] ^ 0x55]) + bad[at + 1:]
        got = same(wire, bad)
        ok(got == 0, "IPv%d: a wrong checksum is left to the server, as it is" %
           version, got)
        director.clear()
    at_a.close()
    wire.close()
    director.close()


def test_failover():
    """The bond to the servers loses the cable that it uses."""
    director = open_director()
    done = ip("director", "link", "add", "bond7", "type", "bond", "mode",
              "active-backup", "miimon", "50", check=False)
    if done.returncode:
        print("skip - a bond: this kernel has none", flush=True)
        director.close()
        return
    for number in (0, 1):
        batch("", ["link add vs%d type veth peer name s%d netns director" %
                   (number, number), "link set vs%d master br0 up" % number])
        batch("director", ["link set s%d down" % number,
                           "link set s%d master bond7" % number,
                           "link set s%d up" % number])
    batch("director", ["addr add 10.66.0.70/24 dev bond7",
                       "addr add fd66::70/64 dev bond7 nodad",
                       "link set bond7 up"])
    # Who asks for the VIP is to hear of eth0.
    with within("director"):
        write("/proc/sys/net/ipv4/conf/all/arp_ignore", "1")
    batch("a", ["addr add 10.66.0.62/24 dev eth0",
                "addr add fd66::62/64 dev eth0 nodad"])
    until(lambda: "LOWER_UP" in ip("director", "link", "show", "bond7").stdout)
    at_a, by = net.Tap("a"), [net.Tap("director", "s%d" % n) for n in (0, 1)]
    bond = net.mac("director", "bond7")
    for version, rip in ((4, "10.66.0.62"), (6, "fd66::62")):
        director.add(genl.key(VIP[version]), [rip])
        sock = net.connect(version)
        sock.recv(1)
        # The first way is found, not assumed.
        for tap in by + [at_a]:
            tap.flush()
        good = servers.exchange(sock, 100000)
        used = [sum(f.outgoing and f.dport == 80 for f in tap.frames())
                for tap in by]
        first = max((0, 1), key=lambda n: used[n])
        net.ip("", "link", "set", "vs%d" % first, "down")
        for tap in by + [at_a]:
            tap.flush()
        good = good and servers.exchange(sock, 100000)
        then = sum(f.outgoing and f.dport == 80 for f in by[1 - first].frames())
        seen = [f for f in at_a.frames() if f.dport == 80]
        macs = {(f.src, f.dst) for f in seen}
        ok(good and used[first] and not used[1 - first] and then and
           macs == {(bond, net.mac("a"))} and {f.ttl for f in seen} == {63},
           "IPv%d: a connection goes on when the bond's active cable is pulled" %
           version, (good, used, then, macs))
        sock.close()
        net.ip("", "link", "set", "vs%d" % first, "up")
        until(lambda: "LOWER_UP" in ip("director", "link", "show",
                                       "s%d" % first).stdout)
        director.clear()
    for tap in by + [at_a]:
        tap.close()
    ip("director", "link", "del", "bond7")
    for number in (0, 1):
        net.ip("", "link", "del", "vs%d" % number)
    batch("a", ["addr del 10.66.0.62/24 dev eth0", "addr del fd66::62/64 dev eth0"])
    with within("director"):
        write("/proc/sys/net/ipv4/conf/all/arp_ignore", "0")
    # Its list of bonds looks like one more device.
    net.run("modprobe", "-r", "bonding")
    director.close()


def enter(director, entry):
    director.do(genl.INFO_SET, genl.u8(genl.INFO_ENTRY, entry))


def test_vrf():
    """A packet passes PREROUTING twice in a VRF: as its device's, and as the
    VRF's. Whatever the hook, it is one packet."""
    director = open_director()
    if ip("director", "link", "add", "red", "type", "vrf", "table", "77",
          check=False).returncode:
        print("skip - a VRF: this kernel has none", flush=True)
        director.close()
        return
    batch("director", ["link set red up", "link set eth0 master red"])
    net.address("director")
    # What the wire has, in the VRF.
    for version, clients in ((4, "198.51.100.0/24"), (6, "2001:db8:c::/64")):
        batch("director", ["addr replace %s/%d dev red" % (vip, BITS[version])
                           for vip in ipvs.VIPS[version]] +
              ["neigh replace %s lladdr %s dev eth0 nud permanent" %
               (rip, ipvs.rmac(n).hex(":"))
               for n, rip in enumerate(rips(version, 0, 1))] +
              ["route replace %s via %s vrf red" %
               (clients, addr("client", version))])
    nft("""table inet marks {
	chain pre {
		type filter hook prerouting priority mangle
		ip daddr %s meta mark set 7
		ip6 daddr %s meta mark set 7
	}
}""" % (ipvs.VIPS[4][1], ipvs.VIPS[6][1]))
    wire = Wire()
    for entry, name in ((0, "PREROUTING"), (1, "LOCAL_IN")):
        enter(director, entry)
        for version in (4, 6):
            for kind, key, vip in (
                    ("a port", genl.key(ipvs.VIPS[version][0]), 0),
                    ("a mark", genl.marked(7, version), 1)):
                director.add(key, rips(version, 0, 1), sched="rr")
                fates, counting = [], Counting()
                for _ in range(2):
                    one = flow(version, vip=vip)
                    fates.append([same(wire, one.tcp(SYN)),
                                  same(wire, one.tcp(PSH | ACK, b"data"))])
                rows = [(row["conns"], row["packets"])
                        for row in director.servers(key).values()]
                ok(fates == [[0, 0], [1, 1]] and rows == [(1, 2)] * 2 and
                   not counting.grown(), "IPv%d, a VRF, %s, service of %s: each "
                   "connection and packet is one" % (version, name, kind),
                   (fates, rows))
                director.clear()
    enter(director, 0)
    # An address that is the director's outside of the VRF is a client's in it.
    batch("director", ["addr add 198.51.100.200/32 dev lo"])
    director.add(genl.key(ipvs.VIPS[4][0]), rips(4, 0))
    counting = Counting()
    got = [wire.send(flow(client=n).tcp(SYN)) for n in (200, 201)]
    grown = counting.grown()
    batch("director", ["addr add 198.51.100.200/32 dev red"])
    got.append(wire.send(flow(client=200).tcp(SYN)))
    ok(got == [0, 0, None] and not grown and
       counting.grown() == {"bad-source": 1}, "IPv4: a source is the director's own "
       "if it is in the packet's VRF", (got, grown))
    director.clear()
    # One address outside of the VRF alone, one in it alone, one in neither.
    batch("director", ["addr add 2001:db8:c::200/128 dev lo nodad",
                       "addr add 2001:db8:c::202/128 dev red nodad"])
    director.add(genl.key(ipvs.VIPS[6][0]), rips(6, 0))
    counting = Counting()
    got = [wire.send(flow(6)._replace(client="2001:db8:c::%d" % n).tcp(SYN))
           for n in (200, 201, 202)]
    grown = counting.grown()
    ok(got == [0, 0, None] and grown == {"bad-source": 1}, "IPv6: a source is the "
       "director's own if it is in the packet's VRF", (got, grown))
    batch("director", ["addr del 2001:db8:c::200/128 dev lo"])
    director.clear()
    wire.close()
    nft("delete table inet marks")
    ip("director", "link", "del", "red")
    net.address("director")
    ipvs.lay_wire()
    director.close()


BAD = {4: ["0.0.0.0", "127.0.0.1", "127.9.9.9", "224.0.0.5",
           "239.1.2.3", "255.255.255.255", "192.168.1.255", addr("director"),
           ipvs.VIPS[4][0], ipvs.VIPS[4][1]],
       # The stack itself lets no loopback, multicast or mapped source in.
       6: ["::", addr("director", 6), ipvs.VIPS[6][0], ipvs.VIPS[6][1],
           "fe80::70"]}


def test_sources():
    """In place of the martian checks: whatever asks for a connection, or for a
    datagram's forwarding, has a source that somebody else can have."""
    director, wire = open_director(), Wire()
    for version in (4, 6):
        vip = ipvs.VIPS[version][0]
        wrong = []
        for what, make, settings in (
                ("SYN", lambda one: one.tcp(SYN), {}),
                ("UDP", lambda one: one.udp(), {}),
                ("UDP, one packet", lambda one: one.udp(),
                 {"flags": genl.ONE_PACKET})):
            director.add(genl.key(vip, 80, 6 if what == "SYN" else 17),
                         rips(version, 0), **settings)
            for source in BAD[version]:
                counting = Counting()
                got = wire.send(make(flow(version)._replace(client=source)))
                grown = counting.grown()
                if got is not None or grown != {"bad-source": 1}:
                    wrong.append((what, source, got, grown))
            if wire.send(make(flow(version))) != 0:
                wrong.append((what, "a good source"))
            director.clear()
        ok(not wrong, "IPv%d: no connection and no datagram from %d sources that no "
           "client has, each counted" % (version, len(BAD[version])),
           "\n".join(map(str, wrong)))
    # No route leads back to it by the way it came: rp_filter's business.
    batch("director", ["link add away type veth peer name gone",
                       "link set away up",
                       "addr add 100.64.0.1/24 dev away"])
    with within("director"):
        write("/proc/sys/net/ipv4/conf/eth0/rp_filter", "1")
    director.add(genl.key(ipvs.VIPS[4][0]), rips(4, 0))
    got = []
    for entry in (0, 1):
        enter(director, entry)
        counting = Counting()
        got.append((wire.send(flow()._replace(client="100.64.0.5").tcp(SYN)),
                    wire.send(flow().tcp(SYN)), counting.grown()))
    enter(director, 0)
    ok(got == [(0, 0, {}), (None, 0, {})], "IPv4: rp_filter is gone around, and is "
       "not with the entry at LOCAL_IN", got)
    with within("director"):
        write("/proc/sys/net/ipv4/conf/eth0/rp_filter", "0")
    ip("director", "link", "del", "away")
    director.clear()
    wire.close()
    director.close()


def test_link_local():
    """A link-local client gets a server on its own link, and none on another link or in a
    tunnel, which could not answer it."""
    director, wire = open_director(), Wire()
    near, far, kind = rips(6, 0)[0], "2001:db8:77::2", tunnels.Kind(6, 6, "ipip", False)
    batch("director", ["link add away type veth peer name gone", "link set away up",
                       "link set gone up", "addr add 2001:db8:77::1/64 dev away nodad",
                       "neigh replace %s lladdr 02:00:00:00:77:02 dev away nud permanent" %
                       far])
    wrong = []
    for protocol, flags in ((6, 0), (17, 0), (17, genl.ONE_PACKET)):
        for what, server, tunnel, drops, traced in (
                ("on the link", near, b"", {}, None),
                ("on another link", far, b"", {"bad-source": 1}, None),
                ("in a tunnel", near, tunnels.attributes(kind), {"bad-source": 1},
                 "bad-source")):
            one = flow(6)
            key = genl.key(one.vip, 80, protocol)
            director.add(key, flags=flags)
            director.do(genl.SERVER_NEW, genl.server(server, key, tunnel))
            for client in ("fe80::5", one.client):
                each, counting = one._replace(client=client), Counting()
                before = director.servers(key)[server]["packets"]
                wire.send(each.tcp(SYN) if protocol == 6 else each.udp())
                sent = director.servers(key)[server]["packets"] - before
                want = drops if client == "fe80::5" else {}
                got, said = counting.grown(), director.trace(
                    client, one.vip, 80, cport=1, protocol=protocol).get("reason")
                if got != want or sent != (not want) or \
                        said != (traced if client == "fe80::5" else None):
                    wrong.append((protocol, flags, what, client, sent, got, said))
            director.clear()
    ok(not wrong, "IPv6: a link-local client gets a server on its link only",
       "\n".join(map(str, wrong)))
    ip("director", "link", "del", "away")
    wire.close()
    director.close()


def test_sources_change():
    """Addresses and prefixes that become the director's own, and do not stay so, while
    there is a service: each is seen at once. They come again and again, for the filter
    that knows them is made by a work item."""
    director, wire = open_director(), Wire()
    director.add(genl.key(ipvs.VIPS[4][0]), rips(4, 0))
    wrong = []
    for n in range(10):
        for add, remove, source in (
                ("addr add 198.51.100.%d/32 dev lo" % n,
                 "addr del 198.51.100.%d/32 dev lo" % n, "198.51.100.%d" % n),
                ("route add local 198.18.%d.0/24 dev lo" % n,
                 "route del local 198.18.%d.0/24 dev lo" % n, "198.18.%d.77" % n),
                ("route add local 198.0.0.0/%d dev lo" % (8 + n % 4),
                 "route del local 198.0.0.0/%d dev lo" % (8 + n % 4), "198.3.%d.1" % n)):
            for command, want in ((add, {"bad-source": 1}), (remove, {})):
                batch("director", [command])
                counting = Counting()
                got = wire.send(flow()._replace(client=source).tcp(SYN))
                grown = counting.grown()
                if got != (None if want else 0) or grown != want:
                    wrong.append((command, source, got, grown))
    ok(not wrong, "IPv4: 30 sources are bad from when they are the director's own, and "
       "as long", "\n".join(map(str, wrong)))
    director.clear()
    wire.close()
    director.close()


def test_frames_for_all():
    """Frames that were sent to everybody, or to a group, are nobody's to forward."""
    director, wire = open_director(), Wire()
    for version in (4, 6):
        director.add(genl.key(ipvs.VIPS[version][0], 80, 17), rips(version, 0))
        got, counting = [], Counting()
        for to in (b"\xff" * 6, b"\1\0\x5e\0\0\1", b"\x33\x33\0\0\0\1",
                   b"\2\0\0\0\0\x77", net.mac("director")):
            packet = flow(version).udp()
            wire.tap.send(to + wire.own + ipvs.KIND[version] + packet)
            wire.send(flow(version).udp())
            # Of the frame in question there may be none: look at what is counted.
            row = director.servers(genl.key(ipvs.VIPS[version][0], 80, 17))
            got.append(row[rips(version, 0)[0]]["packets"])
        ok(got == [1, 2, 3, 4, 6] and not counting.grown(), "IPv%d: of frames to "
           "everybody, to groups, to another MAC and to the director's, the last "
           "alone is forwarded" % version, (got, counting.grown()))
        director.clear()
    wire.close()
    director.close()


if __name__ == "__main__":
    main(globals())
