#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0
"""Clients whose frames have the MAC of a server (a router that is a server too,
containers behind one MAC) are served like others; packets that a peer director has
sent back are not forwarded again."""
import genl
import net
from ipvs import VIPS, rmac
from net import ACK, PSH, SYN, ok
from test_tcp import NUMBER, Counting, Wire, flow, main, open_director, rips, state_of


class Shared(Wire):
    """The wire of test_tcp.py, whose frames come from any MAC."""

    source = None

    def put(self, packet):
        self.tap.send(self.to + (self.source or self.own) + net_kind(packet) + packet)

    def by(self, source, *packets):
        """send(), from this MAC."""
        self.source = source
        try:
            return self.send(*packets)
        finally:
            self.source = None


def net_kind(packet):
    return b"\x08\x00" if packet[0] >> 4 == 4 else b"\x86\xdd"


def first(one, protocol, **more):
    return one.tcp(SYN, **more) if protocol == "tcp" else one.udp(**more)


def later(one, protocol, **more):
    return one.tcp(PSH | ACK, b"data", **more) if protocol == "tcp" else \
        one.udp(**more)


def refused(version, protocol):
    """What the director's own stack answers, which has no socket."""
    return "reset" if protocol == "tcp" else \
        "icmp 3.3" if version == 4 else "icmp 1.4"


def each():
    return ((version, protocol, "IPv%d %s: " % (version, protocol.upper()))
            for version in (4, 6) for protocol in ("tcp", "udp"))


def test_scheduled():
    """A client behind a server's MAC, with two paths of different length."""
    director, wire = open_director(), Shared()
    for version, protocol, name in each():
        key = genl.key(VIPS[version][0], 80, NUMBER[protocol])
        director.add(key, rips(version, 0, 1), sched="rr")
        counting = Counting()
        flows = [flow(version, client=7) for _ in range(6)]
        got = [wire.by(rmac(0), first(one, protocol, ttl=60)) for one in flows]
        ok(got == [0, 1] * 3, name + "first packets from the MAC of a server are "
           "scheduled in turn", got)
        got = [[wire.by(rmac(0), make(one, protocol, ttl=ttl))
                for make, ttl in ((first, 50), (later, 60), (later, 40), (first, 64),
                                  (later, 59))]
               for one in flows]
        ok(got == [[0] * 5, [1] * 5] * 3, name + "what follows goes to the "
           "connection's server, whatever its TTL is", got)
        ok(not counting.grown(), name + "nothing of it is dropped or passed on")
        director.clear()
    wire.close()
    director.close()


def test_returned():
    """What comes back from a server, or from another one of the service, with a lower
    TTL and not as the first packet came, is for the director's stack."""
    director, wire = open_director(), Shared()
    for version, protocol, name in each():
        for sender in (0, 1):
            key = genl.key(VIPS[version][0], 80, NUMBER[protocol])
            director.add(key, rips(version, 0, 1), sched="rr")
            # The MACs of servers are known from their neighbours.
            wire.send(*(first(flow(version), protocol) for _ in range(2)))
            one = flow(version, client=8)
            wanted = refused(version, protocol)
            counting = Counting()
            got = [wire.send(first(one, protocol)),
                   wire.by(rmac(sender), first(one, protocol, ttl=62))]
            ok(got == [0, wanted] and counting.grown() == {"director": 1},
               name + "a first packet that server %d sent back is for the director's "
               "stack, and counted" % sender, got)
            ok(state_of(director, one)[0] != "none", name + "its connection stays")
            got = [wire.send(first(one, protocol)), wire.send(later(one, protocol)),
                   wire.by(rmac(sender), later(one, protocol, ttl=62)),
                   wire.send(later(one, protocol)),
                   wire.by(rmac(sender), later(one, protocol, ttl=62))]
            ok(got == [0, 0, wanted, 0, wanted] and counting.grown() ==
               {"director": 2}, name + "and so is what follows, while the client's "
               "packets go to the server", got)
            got = [wire.send(later(one, protocol, ttl=50)),
                   wire.by(rmac(2), later(one, protocol, ttl=50)),
                   wire.by(rmac(sender), later(one, protocol, ttl=64))]
            ok(got == [0] * 3 and not counting.grown(), name + "a lower TTL alone is "
               "a longer path, the MAC of a stranger or the TTL of before is no "
               "loop", got)
            other = flow(version, client=11)
            got = {wire.send(make(other, protocol)) for make in (first, later, later)}
            ok(got in ({0}, {1}) and not counting.grown(), name + "and another connection "
               "is not affected", got)
            director.clear()
    wire.close()
    director.close()


def test_not_back():
    """A director that is a server itself serves what it would send back."""
    director, wire = open_director(), Shared()
    for version, protocol, name in each():
        key = genl.key(VIPS[version][0], 80, NUMBER[protocol])
        director.add(key, [rips(version, 0)[0], net.addr("director", version),
                           rips(version, 1)[0]], sched="rr")
        flows = [flow(version, client=9) for _ in range(6)]
        got = [wire.by(rmac(0), first(one, protocol)) for one in flows]
        here = refused(version, protocol)
        ok(got == [here, here, 1] * 2, name + "of a server's MAC, what is scheduled "
           "to that server is served here", got)
        row = director.servers(key)
        counts = [row[a]["conns"] for a in (rips(version, 0)[0],
                                            net.addr("director", version))]
        ok(counts == [0, 4], name + "and is counted here", counts)
        director.clear()
    wire.close()
    director.close()


def test_not_back_tunnel():
    """The server of a tunnel, of the other family, becomes this host."""
    director, wire = open_director(), Shared()
    for version, protocol, name in each():
        end = {4: "2001:db8:99::1", 6: "10.99.0.1"}[version]
        key = genl.key(VIPS[version][0], 80, NUMBER[protocol])
        director.add(key, rips(version, 0), sched="rr")
        director.do(genl.SERVER_NEW,
                    genl.server(end, key, genl.u8(genl.SERVER_TUNNEL, 1)))
        flows = [flow(version, client=10) for _ in range(4)]
        got = [wire.by(rmac(0), first(one, protocol)) for one in flows[:2]]
        ok(0 in got, name + "of a server's MAC, a packet goes back to it where no "
           "server is this host", got)
        net.ip("director", "addr", "add", end + ("/128" if version == 4 else "/32"),
               "dev", "lo")
        # The kernel adds the route of an IPv6 address later, in a work item.
        net.until(lambda at=end: net.ip("director", "route", "get", at)
                  .stdout.startswith("local"))
        got = [wire.by(rmac(0), first(one, protocol)) for one in flows[2:]]
        here = refused(version, protocol)
        ok(got == [here, here], name + "once the end of the tunnel is an address of "
           "this host, it is served here", got)
        net.ip("director", "addr", "del", end + ("/128" if version == 4 else "/32"),
               "dev", "lo")
        director.clear()
    wire.close()
    director.close()


main(globals())
