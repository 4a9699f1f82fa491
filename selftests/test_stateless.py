#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0
"""Flows that are forwarded without a connection: data, ICMP errors and the ends of
connections go to the server that the hash chooses, on every director."""
import json
import time

import genl
import net
from ipvs import VIPS
from net import ACK, FIN, PSH, RST, SYN, drops_of, ok, until
from test_services import icmp_about
from test_tcp import NUMBER, Counting, Wire, flow, main, open_director, rips

FLOWS = 24
RATE = "/sys/module/lbdr/parameters/conn_rate"
FALLBACK, HASH_PORT = 1, 2
# A second director, which is only asked.
net.HOSTS["other"] = 71


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


def test_stray_port():
    """Flows of one client, which only the port tells apart, with --stray schedule."""
    director, wire = open_director(), Wire()
    for version in (4, 6):
        for sched in ("mh", "sh"):
            director.add(genl.key(VIPS[version][0]), rips(version, 0, 1, 2),
                         sched=sched, sched_flags=HASH_PORT, stray="schedule")
            flows = [flow(version) for _ in range(FLOWS)]
            want = choices(director, flows, "tcp")
            name = "IPv%d, %s-port: " % (version, sched)
            ok(len(set(want)) > 1, name + "flows of more than one server", want)
            for what, make in (
                    ("ICMP errors", lambda one: icmp_about(one, version)),
                    ("FINs", lambda one: one.tcp(FIN | ACK)),
                    ("RSTs", lambda one: one.tcp(RST | ACK)),
                    ("data", lambda one: one.tcp(PSH | ACK, b"data"))):
                got = [wire.send(make(one)) for one in flows]
                ok(got == want, name + what + " of one client go to the servers of the "
                   "hash", (got, want))
            director.clear()
    wire.close()
    director.close()


def test_stray_fragments():
    """What comes first is data in fragments, of which only one has the ports."""
    director, wire = open_director(), Wire()
    for version in (4, 6):
        for sched, flags in (("mh", 0), ("mh", HASH_PORT), ("sh", HASH_PORT)):
            director.add(genl.key(VIPS[version][0]), rips(version, 0, 1, 2),
                         sched=sched, sched_flags=flags, stray="schedule")
            flows = [flow(version, client=1 + n) for n in range(FLOWS)]
            want = choices(director, flows, "tcp")
            # Each flow has an identification of its own: nothing is put together wrongly.
            cut = [net.fragments(one.tcp(PSH | ACK, b"x" * 2000), 1200, ident=100 + n)
                   for n, one in enumerate(flows)]
            got = [wire.send(*(pieces if n % 2 else pieces[::-1]))
                   for n, pieces in enumerate(cut)]
            ok(got == [[server] * 2 for server in want] and len(set(want)) > 1,
               "IPv%d, %s, flags %d: fragments that come first go to the server of the "
               "hash, in any order" % (version, sched, flags), (got, want))
            director.clear()
    wire.close()
    director.close()


def test_directors():
    """Directors with the same servers, after other histories: the same digest, and the
    same server for every client."""
    random = net.seeded()
    director, other = open_director(), open_director("other")
    for version in (4, 6):
        name, service = "IPv%d: " % version, genl.key(VIPS[version][0])
        flows = [flow(version, client=1 + n) for n in range(200)]
        weights = {rip: random.randint(1, 9) for rip in rips(version, *range(5))}
        for side in (director, other):
            side.add(service, sched="mh", sched_flags=HASH_PORT, stray="schedule",
                     size=4093)
        ok(director.digest(service) is None, name + "no digest without servers")
        for rip in random.sample(list(weights), 5):
            director.add_server(service, rip, weights[rip])
        for rip in random.sample(list(weights), 5):
            other.add_server(service, rip, random.randint(0, 9))
        for _ in range(20):
            rip = random.choice(list(weights))
            other.remove(service, rip)
            other.add_server(service, rip, random.randint(0, 9))
        for rip in random.sample(list(weights), 5):
            other.weigh(service, rip, weights[rip])
        digest = director.digest(service)
        ok(digest and digest == other.digest(service), name + "added in another order "
           "and changed often, servers give the same digest",
           (digest, other.digest(service), weights))
        ok(ask(director, flows) == ask(other, flows), name + "every client has the same "
           "server at both")
        changes(other, service, digest, name, list(weights.items()))
        ok(ask(director, flows) == ask(other, flows), name + "and again after changes "
           "that were taken back")
        director.clear()
        other.clear()
    director.close()
    other.close()


def ask(director, flows):
    return [director.trace(one.client, one.vip, one.port, 6, cport=one.sport)["server"]
            for one in flows]


def changes(director, service, digest, name, weights):
    """What changes the digest; all of it is taken back."""
    (first, weight), seen = weights[0], [digest]
    director.weigh(service, first, weight + 1)
    seen.append(director.digest(service))
    director.weigh(service, first, 0)
    seen.append(director.digest(service))
    director.remove(service, first)
    ok(director.digest(service) == seen[-1], name + "a server of weight 0 is as good as "
       "none", (director.digest(service), seen))
    director.add_server(service, first, weight)
    for more in ({"sched_flags": 0}, {"sched_flags": HASH_PORT | FALLBACK},
                 {"sched_flags": HASH_PORT, "size": 251}):
        director.set(service, **more)
        seen.append(director.digest(service))
    ok(len(set(seen)) == len(seen) and None not in seen, name + "another weight, flag or "
       "size gives another digest", seen)
    director.set(service, size=4093)
    ok(director.digest(service) == digest, name + "and the old ones the old digest",
       (director.digest(service), digest))


def test_digest():
    """Which schedulers have one, and what the tool prints."""
    director = open_director()
    for sched in director.schedulers():
        service = genl.key(VIPS[4][0])
        director.add(service, rips(4, 0, 1, 2), sched=sched)
        digest = director.digest(service)
        ok((digest is not None) == (sched in ("mh", "sh")), "%s: %s digest" %
           (sched, "a" if digest else "no"))
        shown = json.loads(net.lbctl("list", "-j").stdout)[0]["table_digest"]
        ok(shown == ("%016x" % digest if digest else None), "lbctl list -j has it", shown)
        if sched == "sh":
            director.clear()
            director.add(service, rips(4, 2, 1, 0), sched=sched)
            ok(director.digest(service) != digest, "sh: the order of adding is in it")
        director.clear()
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


def stateless(wire, version):
    """A flow that gets no connection, for the rate is exceeded, and its server."""
    before = drops_of("stateless")
    net.write(RATE, "1")
    # The first new connection of a second is within the rate.
    while drops_of("stateless") == before:
        one = flow(version)
        server = wire.send(one.tcp(SYN))
    net.write(RATE, "0")
    return one, server


def test_flood():
    """Flows that got no connection in a flood."""
    director, wire = open_director(), Wire()
    for version in (4, 6):
        director.add(genl.key(VIPS[version][0]), rips(version, 0, 1, 2), sched="mh")
        flows = [flow(version, client=1 + n) for n in range(FLOWS)]
        want = choices(director, flows, "tcp")
        net.write(RATE, "1")
        first = [wire.send(one.tcp(SYN)) for one in flows]
        counting = Counting()
        got = [[wire.send(packet) for packet in (
            one.tcp(ACK), icmp_about(one, version), one.tcp(FIN | ACK))]
            for one in flows]
        net.write(RATE, "0")
        grown = set(counting.grown())
        ok(first == want and got == [[number] * 3 for number in want] and
           grown == {"stateless"}, "IPv%d: data, ICMP errors and ends "
           "go to the server of the SYN" % version, (want, first, got))
        # An ACK may be forged like a SYN: both begin a half-open connection.
        for state in ("syn-recv", "established"):
            got = [wire.send(one.tcp(ACK)) for one in flows]
            # One of a second gets one at once, by its SYN or its ACK, and its end was seen.
            states = {conn.state for conn in director.conns()} - {"fin-wait", "time-wait"}
            ok(got == want and states == {state} and director.count() == FLOWS,
               "IPv%d: with room again they get connections, %s" % (version, state),
               (got, states))
        director.clear()
    wire.close()
    director.close()


def late(director, wire, one, want):
    """Segments of a flow that got no connection in a flood, each when the half-open one of
    the segment before is gone, for longer than such flows are remembered. The longest
    pause, and whether all went to the server of the first packet."""
    begun, pause, good = time.monotonic(), 0, True
    while time.monotonic() < begun + 8:
        last = time.monotonic()
        good = wire.send(one.tcp(ACK)) == want and good
        until(lambda: director.held() == 0)
        pause = max(pause, time.monotonic() - last)
    return pause, good


def test_flood_late():
    """A client that sends less often than half-open connections last keeps its server."""
    director, wire = open_director(), Wire()
    director.add(genl.key(VIPS[4][0]), rips(4, 0, 1, 2), sched="mh",
                 timeout={"established": 6, "sctp-established": 6, "syn-recv": 1})
    # On a machine that stands still for so long, the flow is over.
    pause = 6
    while pause > 4:
        director.kill()
        one, server = stateless(wire, 4)
        pause, good = late(director, wire, one, server)
    ok(good, "of a client that is silent for longer than a half-open connection lasts, all "
       "segments go to one server")
    director.clear()
    wire.close()
    director.close()


def test_flood_over():
    """How long a flow may be silent that has no connection: as long as the service's own
    timeout says."""
    director, wire = open_director(), Wire()
    for version in (4, 6):
        long, short = (genl.key(VIPS[version][0], port) for port in (80, 81))
        for key, timeout in ((long, {"established": 900}), (short, None)):
            director.add(key, rips(version, 0, 1, 2), sched="mh", timeout=timeout)
        director.set_timeouts({"established": 1, "sctp-established": 1})
        one, server = stateless(wire, version)
        # A segment that is forwarded would begin the time anew.
        other = flow(version, port=81)
        ok(until(lambda: "server" not in director.trace(
            other.client, other.vip, 81, cport=other.sport, data=True)) and
           wire.send(other.tcp(ACK)) == "reset", "IPv%d: later segments without a "
           "connection are strays" % version)
        later = wire.send(one.tcp(ACK))
        ok(later == server is not None, "IPv%d: not those of a service whose connections "
           "may be idle for longer" % version, (server, later))
        director.set_timeouts({"established": 900, "sctp-established": 900})
        director.clear()
    wire.close()
    director.close()


main(globals())
