#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0
# Also on: trixie bookworm
"""ICMP errors about tunnels' packets: those of routers are told to the clients, others
are not for the director. By frames made by hand."""
import functools
import re

import genl
import ipvs
import net
import test_tcp as wires
import tunnels
from ipvs import rip
from net import ACK, VIP, drops_of, ip, ok, until
from test_tcp import flow, open_director
from tunnels import (TWELVE, Kind, Wire, begin, error, in_fragments, key_of, mtu_of,
                     sized, too_big, unwrap)

MTU = 1500
# The least PMTU that an error makes the director believe, by the outer family.
LEAST = {4: 552, 6: 1280}
# What every sender of IPv6 may send.
LEAST_OF_IPV6 = 1280


def test_translation():
    """A router's error about a tunnel's packet is told to the client, with the MTU
    that is left; one that quotes too little is learned and told at the next packet;
    one about no connection is not told to anybody."""
    director, wire = open_director(), Wire()
    for number, kind in enumerate(TWELVE):
        # What was learned of a server may stay for a while after the server has gone.
        one, _ = begin(wire, director, kind, number % ipvs.SERVERS)
        left = 1400 - kind.overhead()
        seen = wire.through(sized(one, left + 50))
        sent = wire.frames[0].ip if len(seen) == 1 else b""
        seen = wire.through(error(kind, sent, 1400))
        told = mtu_of(wire.frames[0])[0] if seen == [too_big(kind.inner)] else None
        ok(told == left, "%s: an error about 1400 bytes is told to the client as one "
           "about %d" % (kind, left), (seen, told))
        seen = wire.through(sized(one, left + 1))
        told = mtu_of(wire.frames[0])[0] if seen == [too_big(kind.inner)] else None
        ok(told == left, "%s: and learned" % kind, (seen, told))
        ok(len(wire.through(sized(one, left))) == 1 and
           isinstance(unwrap(wire.frames[0].ip), tunnels.Outer),
           "%s: what is not larger goes" % kind, wire.frames)
        net.forget_pmtu("director")
        director.clear()
        until(lambda: not director.held())
    wire.close()
    director.close()


def test_translation_refused():
    """Errors that are about no connection, that quote nothing of it, or less than the
    least MTU."""
    director, wire = open_director(), Wire()
    for kind in (Kind(4, 4, "ipip", False), Kind(6, 6, "gue", False)):
        one, _ = begin(wire, director, kind)
        wire.through(sized(one, 1300))
        sent = wire.frames[0].ip
        other = sent[:-1300] + flow(kind.inner).tcp(ACK, b"x" * 500)
        seen = wire.through(error(kind, other, 1400))
        ok(seen == [], "%s: an error about no connection is told to nobody" % kind, seen)
        short = tunnels.OUTER[kind.outer] + 8
        seen = wire.through(error(kind, sent, 1380, short))
        ok(seen == [], "%s: nor is one that quotes 8 bytes" % kind, seen)
        seen = wire.through(sized(one, 1381 - kind.overhead()))
        told = mtu_of(wire.frames[0])[0] if seen == [too_big(kind.inner)] else None
        ok(told == 1380 - kind.overhead(), "%s: but it is learned" % kind, (seen, told))
        net.forget_pmtu("director")
        seen = wire.through(error(kind, sent, 100))
        told = mtu_of(wire.frames[0])[0] if seen else None
        floor = LEAST[kind.outer] - kind.overhead()
        least = LEAST_OF_IPV6 if kind.inner == 6 else floor
        ok(seen in ([], [too_big(kind.inner)]) and (told is None or told >= least),
           "%s: no error makes the MTU less than %d" % (kind, least), (seen, told))
        seen = wire.through(sized(one, floor))
        ok(len(seen) == 1 and isinstance(seen[0], tunnels.Outer),
           "%s: packets of that size go on" % kind, seen)
        net.forget_pmtu("director")
        director.clear()
    wire.close()
    director.close()


def datagram(one, size):
    """A datagram of the flow that is `size` bytes with its IP header, with DF."""
    head, more = (48, {}) if ":" in one.client else (28, {"frag": tunnels.DF})
    return one.udp(bytes(size - head), **more)


def test_without_connection():
    """An error about a flow that is forwarded without a connection is told and learned,
    if the service has the server, and its packets may go without."""
    director, wire = open_director(), Wire()
    rst = functools.partial(sized, flags=net.RST)
    for kind, number, what, protocol, packet, more, forwards in (
            (Kind(4, 4, "ipip", False), 1, "one-packet", 17, datagram,
             {"flags": genl.ONE_PACKET}, {"flags": 0}),
            (Kind(6, 6, "gue", False), 2, "one-packet", 17, datagram,
             {"flags": genl.ONE_PACKET}, {"flags": 0}),
            (Kind(6, 4, "gre", False), 3, "stray schedule", 6, rst,
             {"stray": "schedule"}, {"stray": "pass"})):
        one = flow(kind.inner)
        wire.clients = {net.pack(one.client)}
        key, left = key_of(one, protocol), 1400 - kind.overhead()
        other = genl.key(one.vip, one.port + 1, protocol)
        director.add(key, sched="rr", **more)
        director.add(other)
        for each, service in ((number, key), (number + 1, key), (number, other)):
            director.do(genl.SERVER_NEW, genl.server(rip(each, kind.outer), service,
                                                     tunnels.attributes(kind)))
        until(lambda: not director.held())
        # Of two packets, each server has got one.
        seen = wire.through(*2 * [packet(one, left + 50)])
        sent = [frame.ip for frame in wire.frames
                if unwrap(frame.ip).dst == net.pack(rip(number, kind.outer))]
        ok(len(seen) == 2 and len(sent) == 1 and not director.held(),
           "%s, %s: two packets go to two servers, without a connection" % (kind, what),
           (len(seen), len(sent), director.held()))
        fault = error(kind, sent[0], 1400)
        director.set(key, **forwards)
        refused = wire.through(fault)
        director.set(key, **more)
        seen = wire.through(fault)
        told = mtu_of(wire.frames[0])[0] if seen == [too_big(kind.inner)] else None
        ok(refused == [] and told == left, "%s, %s: an error is told to the client, and "
           "not if packets need a connection" % (kind, what), (refused, seen, told))
        seen = [each if isinstance(each, str) else type(each).__name__ for each in
                wire.through(*2 * [packet(one, left + 1)])]
        ok(sorted(seen) == ["Outer", too_big(kind.inner)],
           "%s, %s: and learned of that server" % (kind, what), seen)
        director.do(genl.SERVER_DEL, genl.server(rip(number, kind.outer), key))
        seen = wire.through(fault)
        ok(seen == [], "%s, %s: one about a server of another service is told to nobody" %
           (kind, what), seen)
        net.forget_pmtu("director")
        director.clear()
    wire.close()
    director.close()


def counted(version, name):
    """A counter of ICMP of the director's stack."""
    path = "/proc/net/snmp" + ("6" if version == 6 else "")
    with net.within("director"), open(path, encoding="ascii") as file:
        text = file.read()
    if version == 6:
        return int(re.search(r"^Icmp6%s\s+(\d+)$" % name, text, re.M).group(1))
    names, numbers = re.findall(r"^Icmp: (.*)$", text, re.M)
    return int(numbers.split()[names.split().index(name)])


def test_errors_of_others():
    """An error whose checksum is wrong, or that quotes a source which is not the
    tunnel's, is none about a tunnel: no client is told, no MTU is learned, and the
    stack gets it."""
    director, wire = open_director(), Wire()
    for kind in (Kind(4, 4, "ipip", False), Kind(6, 6, "gue", False)):
        one, _ = begin(wire, director, kind, 2)
        wire.through(sized(one, 1300))
        sent, v = wire.frames[0].ip, kind.outer
        good, at = error(kind, sent, 1400), tunnels.OUTER[v] + 2
        damaged = good[:at] + bytes([good[at] ^ 1]) + good[at + 1:]
        of_vip, of_other = (tunnels.with_source(kind, sent, each) for each in
                            (VIP[v], {4: "198.51.100.77", 6: "2001:db8:c::77"}[v]))
        too_bigs = {4: "InDestUnreachs", 6: "InPktTooBigs"}[v]
        for what, packet, counter in (
                ("with a wrong checksum", damaged, "InCsumErrors"),
                ("that quotes the VIP as source", error(kind, of_vip, 1400), too_bigs),
                ("in transit", error(kind, of_other, 1400), None),
                ("in transit that quotes 8 bytes",
                 error(kind, of_other, 1400, tunnels.OUTER[v] + 8), None)):
            before = counter and counted(v, counter)
            seen = wire.through(packet)
            after = counter and counted(v, counter)
            ok(too_big(kind.inner) not in seen and
               (not counter or after == before + 1),
               "%s: an error %s is told to nobody%s" %
               (kind, what, ", and the stack gets it" if counter else ""),
               (seen, before, after))
            seen = wire.through(sized(one, MTU - kind.overhead()))
            ok(len(seen) == 1 and isinstance(seen[0], tunnels.Outer),
               "%s: nor is its MTU learned" % kind, seen)
        seen = wire.through(good)
        ok(seen == [too_big(kind.inner)], "%s: a right one is told to the client" % kind,
           seen)
        director.clear()
        until(lambda: not director.held())
    kind, prefix = Kind(4, 6, "ipip", False), {"source": "2001:db8:99::",
                                               "source_prefix": 64}
    one, seen = begin(wire, director, kind, 3, **prefix)
    seen = wire.through(error(kind, wire.frames[0].ip, 1400))
    ok(seen == [too_big(4)], "%s: so is one to the address of a prefix that the flow "
       "has" % kind, seen)
    director.clear()
    until(lambda: not director.held())
    wire.close()
    director.close()


def own_hooks():
    """Families whose errors about tunnels have a hook of their own; None where the
    kernel does not tell of hooks."""
    text = net.run("ip", "netns", "exec", "director", "nft", "list", "hooks",
                   check=False).stdout
    if "lbdr_hook_" not in text:
        return None
    return {int(family) for family in re.findall(r"lbdr_hook_tunnel([46])\b", text)}


def test_translation_hooks():
    """Errors are seen at a hook of their own, whatever services come and go."""
    director, wire = open_director(), Wire()
    kind, other = Kind(4, 6, "ipip", False), genl.key(VIP[6], 81)
    # The least MTU that the test before taught of the first server may still be known.
    one, _ = begin(wire, director, kind, 1)
    seen = wire.through(sized(one, 1300))
    sent = wire.frames[0].ip
    ok(len(seen) == 1 and isinstance(seen[0], tunnels.Outer), "a packet goes", seen)

    # A kernel that does not tell takes its time to say so.
    tells = own_hooks() is not None
    if not tells:
        print("skip - which hooks there are: the kernel does not tell")

    def told(what):
        seen, hooks = wire.through(error(kind, sent, 1400)), tells and own_hooks()
        ok(seen == [too_big(4)] and (not tells or hooks == {6}),
           "an error is told to the client " + what, (seen, hooks))

    told("without services of the outer family")
    director.add(other)
    told("with one")
    director.do(genl.SERVICE_DEL, other)
    told("when it has gone")
    for entry in (1, 0):
        director.add(other)
        director.do(genl.INFO_SET, genl.u8(genl.INFO_ENTRY, entry))
        told("with entry %d" % entry)
        director.do(genl.SERVICE_DEL, other)
        told("and without that service")
    director.do(genl.SERVER_DEL, genl.server(rip(1, 6), key_of(one)))
    ok(not tells or own_hooks() == set(), "the last tunnel takes the hook along")
    net.forget_pmtu("director")
    director.clear()
    wire.close()
    director.close()


def least_goes(kind, wire, one, most):
    """IPv6 where the tunnel leaves less than 1280 bytes: outer packets of at most `most`
    bytes pass."""
    ok(in_fragments(wire, kind, sized(one, LEAST_OF_IPV6), most),
       "%s: where outer packets of %d bytes pass, 1280 bytes go in fragments" %
       (kind, most), [frame.ip.hex() for frame in wire.frames])
    for size in (LEAST_OF_IPV6 + 1, 1400):
        seen = wire.through(sized(one, size))
        told = mtu_of(wire.frames[0])[0] if seen == [too_big(6)] else None
        ok(told == LEAST_OF_IPV6, "%s: and for %d bytes the client is told 1280" %
           (kind, size), (seen, told))


def test_least_mtu():
    """Whatever an error or a route says, IPv6 packets of 1280 bytes go, for their sender
    may not go below: the outer packet goes in fragments."""
    director, wire = open_director(), Wire()
    kinds = [Kind(6, outer, name, False) for outer in (4, 6) for name in ("ipip", "gue")]
    for number, kind in enumerate(kinds):
        one, _ = begin(wire, director, kind, number)
        wire.through(sized(one, 1300))
        seen = wire.through(error(kind, wire.frames[0].ip, 100))
        told = mtu_of(wire.frames[0])[0] if seen == [too_big(6)] else None
        ok(told == LEAST_OF_IPV6, "%s: an error about 100 bytes is told as one about "
           "1280" % kind, (seen, told))
        least_goes(kind, wire, one, LEAST[kind.outer])
        director.clear()
        until(lambda: not director.held())
    kind, before = Kind(6, 4, "gue", False), drops_of("tun-mtu")
    one, _ = begin(wire, director, kind)
    ip("director", "route", "replace", rip(0, 4), "dev", "eth0", "mtu", "1300")
    least_goes(kind, wire, one, 1300)
    ok(drops_of("tun-mtu") == before, "none of them is counted as tun-mtu")
    ip("director", "route", "del", rip(0, 4), "dev", "eth0")
    director.clear()
    wire.close()
    director.close()


if __name__ == "__main__":
    wires.main(globals(), real="ab", setup=lambda: tunnels.prefer_vip(False))
