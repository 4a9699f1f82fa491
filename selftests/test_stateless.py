#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0
"""Flows that are forwarded without a connection: data, ICMP errors and the ends of
connections go to the server that the hash chooses."""
import genl
import ipvs
from ipvs import VIPS
from net import ACK, FIN, PSH, RST, SYN, ok
from test_services import icmp_about
from test_tcp import NUMBER, Counting, Wire, flow, main, open_director, rips

FLOWS = 24
RATE = "/sys/module/lbdr/parameters/conn_rate"


def choices(director, flows, protocol, **more):
    """What a question says of each flow's server."""
    found = {a: n for version in (4, 6) for n, a in enumerate(rips(version, 0, 1, 2))}
    return [found[director.trace(one.client, one.vip, one.port, NUMBER[protocol],
                                 cport=one.sport, **more)["server"]]
            for one in flows]


def test_stray():
    """With --stray schedule, whatever comes first."""
    director, wire = open_director(), Wire()
    for version in (4, 6):
        for sched in ("mh", "sh"):
            director.add(genl.key(VIPS[version][0]), rips(version, 0, 1, 2),
                         sched=sched, stray="schedule")
            flows = [flow(version, client=1 + n) for n in range(FLOWS)]
            want = choices(director, flows, "tcp")
            name = "IPv%d, %s: " % (version, sched)
            ok(len(set(want)) > 1, name + "flows of more than one server", want)
            for what, make in (
                    ("an ICMP error", lambda one: icmp_about(one, version)),
                    ("a FIN", lambda one: one.tcp(FIN | ACK)),
                    ("a RST", lambda one: one.tcp(RST | ACK))):
                got = [wire.send(make(one)) for one in flows]
                ok(got == want, name + what + " that comes first goes to the server "
                   "of the hash", (got, want))
            ok(director.count() == 0, name + "without connections")
            got = [wire.send(one.tcp(PSH | ACK, b"data")) for one in flows]
            ok(got == want, name + "and so does data", (got, want))
            director.clear()
    wire.close()
    director.close()


def test_one_packet():
    director, wire = open_director(), Wire()
    for version in (4, 6):
        key = genl.key(VIPS[version][0], 80, 17)
        director.add(key, rips(version, 0, 1, 2), sched="mh", flags=genl.ONE_PACKET)
        flows = [flow(version, client=1 + n) for n in range(FLOWS)]
        data = [wire.send(one.udp()) for one in flows]
        got = [wire.send(icmp_about(one, version, 17)) for one in flows]
        ok(got == data and len(set(got)) > 1, "IPv%d: of a one-packet service with mh, "
           "an ICMP error follows the datagrams" % version, (got, data))
        director.clear()
        director.add(key, rips(version, 0, 1), sched="rr", flags=genl.ONE_PACKET)
        got = [wire.send(icmp_about(one, version, 17)) for one in flows[:2]]
        ok(got == [None] * 2, "IPv%d: with rr nobody knows whose it is" % version, got)
        director.clear()
    wire.close()
    director.close()


def test_flood():
    """Flows that got no connection in a flood."""
    director, wire = open_director(), Wire()
    for version in (4, 6):
        director.add(genl.key(VIPS[version][0]), rips(version, 0, 1, 2), sched="mh")
        flows = [flow(version, client=1 + n) for n in range(FLOWS)]
        want = choices(director, flows, "tcp")
        ipvs.net.write(RATE, "1")
        first = [wire.send(one.tcp(SYN)) for one in flows]
        counting = Counting()
        got = [[wire.send(packet) for packet in (
            one.tcp(ACK), icmp_about(one, version), one.tcp(FIN | ACK))]
            for one in flows]
        ipvs.net.write(RATE, "0")
        ok(first == want and got == [[number] * 3 for number in want] and
           set(counting.grown()) == {"stateless"}, "IPv%d: data, ICMP errors and ends "
           "go to the server of the SYN" % version, (want, first, got))
        director.clear()
    wire.close()
    director.close()


main(globals())
