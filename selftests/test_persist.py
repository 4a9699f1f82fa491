#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0
"""Persistence: a client comes back to the server that it had. By frames made by
hand, whose clients have what addresses the test likes."""
import errno
import time

import genl
import net
from ipvs import CLIENTS, VIPS
from net import ACK, RST, SYN, ok, until
from test_services import MARK, UNREACHABLE, mark_by_nft
from test_tcp import (NUMBER, Counting, Wire, flow, main, open_director, rips,
                      state_of)


def templates(director):
    """(client, VIP, port, server) of what is remembered."""
    return sorted((conn.client, conn.vip, conn.vport, conn.server)
                  for conn in director.conns(state="template"))


def seen(director, key):
    """What the servers count: connections, and clients that they have."""
    return [(row["active"] + row["inactive"], row["persistent"])
            for row in director.servers(key).values()]


def test_comes_back():
    director, wire = open_director(), Wire()
    for version in (4, 6):
        key, vip = genl.key(VIPS[version][0]), VIPS[version][0]
        everyone = rips(version, 0, 1)
        director.add(key, everyone, sched="rr", persist=100)
        got = [[wire.send(flow(version, client=client).tcp(SYN))
                for client in (5, 6, 7)] for _ in range(3)]
        ok(got == [[0, 1, 0]] * 3, "IPv%d: each client comes back to its server, "
           "however often" % version, got)
        want = sorted((CLIENTS[version] % client, vip, 80, everyone[server])
                      for client, server in ((5, 0), (6, 1), (7, 0)))
        ok(templates(director) == want and
           seen(director, key) == [(6, 2), (3, 1)],
           "IPv%d: three clients are remembered, and counted apart from their "
           "connections" % version, (templates(director), seen(director, key)))

        udp = genl.key(vip, 80, NUMBER["udp"])
        director.add(udp, everyone[::-1], sched="rr", persist=100)
        other = wire.send(flow(version, client=5).udp())
        ok(other == 1, "IPv%d: what another service knows of them is its own" %
           version, other)

        # What is remembered goes with the setting for new connections, and with
        # the service.
        director.set(key, persist=0)
        got = [wire.send(flow(version, client=5).tcp(SYN)) for _ in range(4)]
        ok(sorted(got) == [0, 0, 1, 1], "IPv%d: switched off, and its "
           "connections are spread again" % version, got)
        director.clear()
        ok(until(lambda: director.held() == 0), "IPv%d: nothing is left of it" %
           version, director.held())
    wire.close()
    director.close()


def test_prefix():
    director, wire = open_director(), Wire()
    rows = {4: ((32, "10.9.8.4", "10.9.8.5", False),
                (30, "10.9.8.4", "10.9.8.7", True),
                (30, "10.9.8.4", "10.9.8.8", False),
                (24, "10.9.8.4", "10.9.8.250", True),
                (24, "10.9.8.4", "10.9.9.4", False),
                (1, "10.9.8.4", "120.0.0.1", True),
                (1, "10.9.8.4", "130.0.0.1", False)),
            6: ((128, "2001:db8:9::4", "2001:db8:9::5", False),
                (127, "2001:db8:9::4", "2001:db8:9::5", True),
                (65, "2001:db8:9::4", "2001:db8:9:0:7fff::4", True),
                (65, "2001:db8:9::4", "2001:db8:9:0:8000::4", False),
                (64, "2001:db8:9::4", "2001:db8:9::ffff:ffff:ffff:ffff", True),
                (64, "2001:db8:9::4", "2001:db8:9:1::4", False),
                (32, "2001:db8:9::4", "2001:db8:ffff::1", True),
                (32, "2001:db8:9::4", "2001:db9:9::4", False))}
    for version in (4, 6):
        key = genl.key(VIPS[version][0])
        for prefix, one, other, same in rows[version]:
            director.add(key, rips(version, 0, 1), sched="rr", persist=100,
                         prefix=prefix)
            got = [wire.send(flow(version)._replace(client=client).tcp(SYN))
                   for client in (one, other)]
            ok(got == [0, 0 if same else 1], "IPv%d: by %d bits, %s and %s are %s" %
               (version, prefix, one, other, "one" if same else "two"), got)
            director.clear()
        bits = 32 if version == 4 else 128
        for prefix in (0, bits + 1, 255):
            try:
                director.add(key, persist=100, prefix=prefix)
                refusal = None
            except genl.Refused as error:
                refusal = error
            ok(refusal and refusal.code in (errno.ERANGE, errno.EINVAL) and
               refusal.sentence, "IPv%d: a prefix of %d bits is refused: %s" %
               (version, prefix, refusal and refusal.sentence))
            director.clear()
    wire.close()
    director.close()


def test_many_ports():
    """All connections of a client to a service of many ports go to one server."""
    director, wire = open_director(), Wire()
    mark_by_nft()
    for version in (4, 6):
        vip = VIPS[version][0]
        rows = (("a range", genl.ports(100, 200, vip), (100, 150, 200), "tcp"),
                ("all ports", genl.key(vip, 0), (21, 50000, 65535), "tcp"),
                ("all ports, UDP", genl.key(vip, 0, NUMBER["udp"]), (7, 700),
                 "udp"),
                ("a mark, TCP", genl.marked(MARK, version), (1, 2, 3), "tcp"),
                ("a mark, UDP", genl.marked(MARK, version), (1, 2, 3), "udp"))
        for what, key, where, protocol in rows:
            director.add(key, rips(version, 0, 1, 2), sched="rr", persist=100)
            got = [[wire.send(flow(version, client=client, port=port).tcp(SYN)
                              if protocol == "tcp" else
                              flow(version, client=client, port=port).udp())
                    for port in where] for client in (5, 6, 7, 5)]
            want = [[server] * len(where) for server in (0, 1, 2, 0)]
            ok(got == want and len(templates(director)) == 3,
               "IPv%d: %s: a client's connections to all of them go to one server" %
               (version, what), (got, templates(director)))
            director.clear()
        # A mark leads TCP and UDP, and all VIPs that it is set for, together.
        director.add(genl.marked(MARK, version), rips(version, 0, 1), sched="rr",
                     persist=100)
        got = [wire.send(flow(version, client=client, port=port).tcp(SYN),
                         flow(version, client=client, port=port).udp())
               for client in (5, 6) for port in (20, 21)]
        ok(got == [[0, 0]] * 2 + [[1, 1]] * 2, "IPv%d: by a mark, TCP and UDP of a "
           "client go to one server" % version, got)
        # The connections of a mark, and what is remembered for it, are found by it.
        director.add(genl.key(vip, 80), rips(version, 2))
        wire.send(flow(version, client=5).tcp(SYN))
        whose = genl.marked(MARK, version)
        found = sorted({conn.vip for conn in director.conns(service=whose)})
        none = director.conns(service=genl.key(vip, 0))
        killed = director.kill(service=whose)
        left = {conn.vport for conn in director.conns()}
        ok(found == sorted([vip, "mark %d" % MARK]) and killed == 10 and
           not none and left == {80}, "IPv%d: conn-get and conn-del by a mark meet "
           "its connections and its clients, and no other's" % version,
           (found, killed, none, left))
        director.clear()
    net.run("ip", "netns", "exec", "director", "nft", "delete", "table", "inet",
            "marks")
    wire.close()
    director.close()


def test_quiesced():
    director, wire = open_director(), Wire()
    for version in (4, 6):
        key = genl.key(VIPS[version][0])
        one, two = rips(version, 0, 1)

        def ask(client=5, version=version):
            return wire.send(flow(version, client=client).tcp(SYN))

        director.add(key, [one, two], sched="rr", persist=100)
        first = ask()
        director.weigh(key, one, 0)
        got = [ask(), ask(6), ask(7)]
        ok([first] + got == [0, 0, 1, 1], "IPv%d: a quiesced server goes on with "
           "the clients that know it, and gets no other" % version, got)
        director.set(key, flags=genl.EXPIRE_QUIESCENT)
        got = [ask(), ask()]
        ok(got == [1, 1], "IPv%d: with expire-quiescent it does not" % version, got)
        director.weigh(key, one, 1)
        got = ask()
        ok(got == 1, "IPv%d: and they do not come back with its weight" % version,
           got)
        director.clear()

        # Overloaded: those who know it are served, as its own clients.
        director.add(key, [], sched="rr", persist=100)
        director.do(genl.SERVER_NEW, genl.server(one, key, genl.u32(
            genl.SERVER_UPPER, 1)))
        director.do(genl.SERVER_NEW, genl.server(two, key))
        got = [ask(), ask(), ask(6), ask(7)]
        ok(got == [0, 0, 1, 1], "IPv%d: nor does an overloaded one send its clients "
           "away" % version, got)
        director.clear()

        for drain in (True, False):
            director.add(key, [one, two], sched="rr", persist=100)
            first = ask()
            director.remove(key, one, drain=drain)
            got = [ask(), ask()]
            ok(first == 0 and got == [1, 1], "IPv%d: a server that %s loses its "
               "clients" % (version, "drains" if drain else "is removed"), got)
            director.clear()

        director.add(key, [one], sched="rr", persist=100)
        ask()
        director.set(key, flags=genl.EXPIRE_QUIESCENT)
        director.weigh(key, one, 0)
        counting = Counting()
        got = ask()
        ok(got == UNREACHABLE[version] and counting.grown() == {"no-server": 1},
           "IPv%d: where there is no other server the client is refused" % version,
           got)
        director.clear()
    wire.close()
    director.close()


def test_drained():
    """Clients that are remembered are no connections to wait for."""
    director, wire = open_director(), Wire()
    for version in (4, 6):
        key = genl.key(VIPS[version][0])
        one, two = rips(version, 0, 1)
        director.add(key, [one, two], sched="rr", persist=2000)
        it = flow(version)
        wire.send(it.tcp(SYN), it.tcp(ACK))
        director.remove(key, one, drain=True)
        there = one in director.servers(key)
        director.kill(**it.mine())
        ok(there and until(lambda: one not in director.servers(key)),
           "IPv%d: a server that drains does not wait for them" % version,
           director.servers(key))
        director.clear()
        ok(until(lambda: director.held() == 0), "IPv%d: and they leave the table" %
           version, director.held())
    wire.close()
    director.close()


def test_time():
    director, wire = open_director(), Wire()
    for version in (4, 6):
        key = genl.key(VIPS[version][0])
        director.add(key, rips(version, 0, 1), sched="rr", persist=1)
        # Longer than that in all, while packets come; the stamp that ends it is
        # renewed by an established connection's. Where this machine stood still for
        # longer than a packet may take, another client tries.
        for client in range(5, 25):
            until(lambda: not templates(director))
            one = flow(version, client=client)
            wire.send(one.tcp(SYN), one.tcp(ACK))
            ages, times = [], [time.monotonic()]
            for _ in range(20):
                until(lambda: False, 0.15)
                wire.send(one.tcp(ACK))
                ages.append(len(templates(director)))
                times.append(time.monotonic())
            if max(now - last for last, now in zip(times, times[1:])) < 0.5:
                break
        ok(ages == [1] * 20, "IPv%d: with one second, it is remembered as long as "
           "packets come" % version, ages)
        ok(until(lambda: not templates(director)) and
           state_of(director, one)[0] == "established",
           "IPv%d: and forgotten after, before its connection ends" % version)
        wire.send(one.tcp(RST))
        ok(until(lambda: seen(director, key)[0] == (1, 0)),
           "IPv%d: nobody is counted any more" % version, seen(director, key))
        director.kill()

        # An operator can end them, one by one.
        director.set(key, persist=2000)
        for client in (5, 6):
            wire.send(flow(version, client=client).tcp(SYN))
        killed = director.kill(state="template", client=CLIENTS[version] % 5)
        ok(killed == 1 and [row[0] for row in templates(director)] ==
           [CLIENTS[version] % 6], "IPv%d: conn-del forgets one client" % version,
           templates(director))
        director.clear()
    wire.close()
    director.close()


if __name__ == "__main__":
    main(globals())
