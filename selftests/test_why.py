#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0
"""Which server a client would get, and why: what is said of packets that there are
not, against what becomes of those that follow."""
import os
import socket

import genl
import ipvs
import net
from ipvs import VIPS, rmac
from net import ACK, FIN, SYN, ok, until
from test_services import MARK, mark_by_nft
from test_tcp import NUMBER, Counting, Wire, flow, main, open_director, rips

FALLBACK, PORT = 1, 2
WEIGHTS = (1, 2, 3, 1, 5)
ASKED = 100
PARAMETERS = "/sys/module/lbdr/parameters/"
NOWHERE = {4: "10.99.9.9", 6: "2001:db8:99::9"}

# The schedulers that have options.
FLAGGED = ("sh", "mh")


def ask(director, one, protocol="tcp", **more):
    """Of a flow's first packet, unless it is said to be data."""
    return director.trace(one.client, one.vip, one.port, NUMBER[protocol],
                          cport=one.sport, **more)


def said(answer, **wanted):
    """Whether it says this; None is for what it must not say."""
    return all(answer.get(name) == value for name, value in wanted.items())


def everything(director, key):
    """All that a question might change and that can be seen."""
    return (director.servers(key), director.held(), net.drops(),
            sorted(conn[:-1] for conn in director.conns()))


def change(director, key, version, dice):
    """A server gets another weight or threshold."""
    address = dice.choice(rips(version, *range(ipvs.SERVERS)))
    director.do(genl.SERVER_SET, genl.server(
        address, key, genl.u32(genl.SERVER_WEIGHT, dice.choice((0, 1, 4))),
        genl.u32(genl.SERVER_UPPER, dice.choice((0, 0, 2))),
        genl.u32(genl.SERVER_LOWER, 0)))


def follow(director, wire, key, version, sched, dice):
    """Asks, and sends what was asked about; returns what was not as it was said."""
    wrong, numbers = [], {a: n for n, a in enumerate(rips(version, *range(5)))}
    for turn in range(10):
        if turn % 2:
            change(director, key, version, dice)
        one = flow(version, client=dice.randrange(1, 255))
        answers = [ask(director, one) for _ in range(ASKED // 10)]
        answer = answers[0]
        want = numbers[answer["server"]] if "server" in answer else \
            "icmp 3.3" if version == 4 else "icmp 1.4"
        fate = wire.send(one.tcp(SYN))
        if sched == "twos":
            # It draws: who may be drawn, one of all that are open.
            good = answer["random"] and answer["server"] in numbers and \
                fate in numbers.values()
        else:
            good = fate == want and answers == [answer] * len(answers) and \
                "random" not in answer
        if not good or not said(answer, by="scheduler", scheduler=sched,
                                verdict="forward" if "server" in answer else "drop",
                                keep="connection" if "server" in answer else None):
            wrong.append((turn, fate, answer))
    return wrong


def variants():
    """Each scheduler with each combination of its flags."""
    return [(name, flags) for name in genl.schedulers()
            for flags in ((0, FALLBACK, PORT, FALLBACK | PORT) if name in FLAGGED
                          else (0,))]


def test_schedulers():
    """The answer is whom the next connection gets."""
    dice = net.seeded()
    director, wire = open_director(), Wire()
    for version in (4, 6):
        for sched, flags in variants():
            key = genl.key(VIPS[version][0])
            director.do(genl.SERVICE_NEW, key + genl.settings(sched=sched) + (
                genl.u32(genl.SCHED_FLAGS, flags) if flags else b"") + (
                genl.u32(genl.SCHED_SIZE, 251) if sched == "mh" else b""))
            for address, weight in zip(rips(version, *range(5)), WEIGHTS):
                director.add_server(key, address, weight)
            wrong = follow(director, wire, key, version, sched, dice)
            ok(not wrong, "IPv%d, %s%s: ten connections go where the question said" %
               (version, sched, " with flags %d" % flags if flags else ""),
               "\n".join(map(str, wrong)))
            director.clear()
    wire.close()
    director.close()


def test_nothing_changes():
    """Asked a hundred times, of what is known and what is not."""
    director, wire = open_director(), Wire()
    for version in (4, 6):
        for sched, persist in (("rr", 0), ("wrr", 0), ("lblcr", 0), ("rr", 100)):
            key = genl.key(VIPS[version][0])
            # What was before counts for as long as it takes memory.
            until(lambda: not director.held())
            director.add(key, sched=sched, persist=persist)
            for address, weight in zip(rips(version, *range(5)), WEIGHTS):
                director.add_server(key, address, weight)
            known = flow(version, client=9)
            wire.send(known.tcp(SYN), known.tcp(ACK))
            gone = flow(version, client=10)
            wire.send(gone.tcp(SYN), gone.tcp(ACK), gone.tcp(FIN | ACK))
            # Old enough for a packet to renew their stamps.
            until(lambda: director.count(idle_min=400) == director.count())
            before = everything(director, key)
            fresh = [flow(version, client=client) for client in (9, 10, 11)]
            for _ in range(ASKED // 5):
                for one in [known, gone] + fresh:
                    ask(director, one)
                    ask(director, one, data=True)
            after = everything(director, key)
            ok(before == after, "IPv%d, %s%s: servers, counters, drops and "
               "connections are those that they were" %
               (version, sched, ", persistent" if persist else ""),
               (before, after))
            ok(director.count(idle_min=400) == len(before[3]) > 0, "IPv%d, %s%s: and "
               "no younger" % (version, sched, ", persistent" if persist else ""))
            director.clear()
    wire.close()
    director.close()


def test_services():
    """By what a packet's service is found, and in which order."""
    director, wire = open_director(), Wire()
    mark_by_nft()
    for version in (4, 6):
        vip, a = VIPS[version][0], rips(version, 0)
        keys = {"port": genl.key(vip, 80), "range": genl.ports(70, 90, vip),
                "all": genl.key(vip, 0), "mark": genl.marked(MARK, version)}
        for number, key in enumerate(keys.values()):
            director.add(key, rips(version, number), sched="rr")
        rows = (("its port", 80, 0, "port"), ("a range", 81, 0, "range"),
                ("all ports", 91, 0, "all"), ("all ports, marked", 91, MARK, "all"))
        for what, port, mark, name in rows:
            one = flow(version, port=port)
            answer = ask(director, one, mark=mark)
            ok(answer["service"] == keys[name], "IPv%d: a service is found by %s" %
               (version, what), answer)
        one = flow(version, vip=1, port=80)
        answer, other = ask(director, one, mark=MARK), ask(director, one)
        ok(answer["service"] == keys["mark"] and other == {"verdict": "pass"},
           "IPv%d: by its mark, and without it there is none" % version,
           (answer, other))
        ok(said(ask(director, one, "udp", mark=MARK), verdict="forward"),
           "IPv%d: whatever its protocol" % version)
        director.do(genl.INFO_SET, genl.u8(genl.INFO_ENTRY, 1))
        answer = ask(director, flow(version, port=80), mark=MARK)
        director.do(genl.INFO_SET, genl.u8(genl.INFO_ENTRY, 0))
        ok(answer["service"] == keys["mark"], "IPv%d: with the entry input the mark "
           "comes first" % version, answer)
        # What passes the one is seen by the other.
        director.set(keys["mark"], stray="schedule")
        answer = ask(director, flow(version, port=80), mark=MARK, data=True)
        ok(said(answer, verdict="forward", service=keys["mark"]), "IPv%d: a stray "
           "that passes the first hook is met by that of marks" % version, answer)
        ok(ask(director, flow(version, port=80), "udp") == {"verdict": "pass"} and
           ask(director, flow(version, vip=2)) == {"verdict": "pass"},
           "IPv%d: of another protocol or address there is none" % version)
        director.clear()
        one = flow(version)
        director.add(keys["mark"], a, sched="rr")
        director.add(keys["range"], rips(version, 1), sched="rr")
        wire.send(one.tcp(SYN))
        answer = ask(director, one)
        ok(said(answer, by="connection", service=keys["range"],
                server=rips(version, 1)[0]),
           "IPv%d: a connection has the service that it was begun with" % version,
           answer)
        director.clear()
    net.run("ip", "netns", "exec", "director", "nft", "flush", "ruleset")
    wire.close()
    director.close()


def test_connections():
    """What is known of a client already."""
    director, wire = open_director(), Wire()
    for version in (4, 6):
        key, everyone = genl.key(VIPS[version][0]), rips(version, 0, 1)
        director.add(key, everyone, sched="rr")
        one = flow(version)
        first = everyone[wire.send(one.tcp(SYN))]
        answer = ask(director, one)
        ok(said(answer, verdict="forward", by="connection", state="syn-recv",
                server=first, keep=None, scheduler=None, over=None) and
           ask(director, one, data=True) == answer,
           "IPv%d: a connection in SYN_RECV, and its server" % version, answer)
        wire.send(one.tcp(ACK), one.tcp(FIN | ACK))
        answer = ask(director, one)
        ok(said(answer, by="scheduler", state="fin-wait", over=True,
                keep="connection", scheduler="rr"),
           "IPv%d: one that is over: a SYN begins another" % version, answer)
        ok(said(ask(director, one, data=True), by="connection", over=None,
                server=first), "IPv%d: data goes where it went" % version)
        got = everyone[wire.send(one.tcp(SYN))]
        ok(got == answer["server"] != first, "IPv%d: and so it does" % version,
           (got, answer))
        anyone = director.trace(one.client, one.vip, one.port)
        ok(said(anyone, by="scheduler", state=None), "IPv%d: of any port of the "
           "client's, a new one" % version, anyone)
        director.remove(key, got)
        answer = ask(director, one)
        ok(said(answer, by="scheduler", state=None) and answer["server"] != got,
           "IPv%d: that of a removed server is no more" % version, answer)
        director.clear()
    wire.close()
    director.close()


def test_persistence():
    director, wire = open_director(), Wire()
    for version in (4, 6):
        key, everyone = genl.key(VIPS[version][0]), rips(version, 0, 1)
        director.add(key, everyone, sched="rr", persist=100)
        fresh = ask(director, flow(version, client=5))
        ok(said(fresh, by="scheduler", remembered=None), "IPv%d: of a client that is "
           "not known nothing is remembered" % version, fresh)
        server = everyone[wire.send(flow(version, client=5).tcp(SYN))]
        other = next(a for a in everyone if a != server)

        def agrees(what, wanted, name="IPv%d: " % version, version=version,
                   everyone=everyone, **more):
            one = flow(version, client=5)
            answer = ask(director, one)
            got = everyone[wire.send(one.tcp(SYN))]
            ok(said(answer, server=wanted, **more) and got == wanted, name + what,
               (got, answer))

        agrees("a client comes back to its server", server, by="persistence",
               remembered=server, scheduler=None, keep="connection")
        director.weigh(key, server, 0)
        agrees("one that is quiesced, too", server, by="persistence")
        director.set(key, flags=genl.EXPIRE_QUIESCENT)
        one = flow(version, client=5)
        answer = ask(director, one)
        ok(said(answer, by="scheduler", remembered=server, server=other,
                servers=(2, 1, 1, 0, 0)), "IPv%d: not with expire-quiescent, and "
           "that it is remembered is said" % version, answer)
        director.set(key, flags=0)
        director.weigh(key, server, 1)
        director.remove(key, server, drain=True)
        agrees("one that drains is not used", other, by="scheduler",
               remembered=server, servers=(2, 1, 0, 1, 0))
        director.clear()
    wire.close()
    director.close()


def drop_agrees(director, wire, name, one, reason, fate=None, protocol="tcp",
                flags=SYN, data=False, refuse=None, verdict="drop", **more):
    """What is said, and what becomes of the packet and is counted."""
    answer = ask(director, one, protocol, data=data)
    counting = Counting()
    got = wire.send(one.udp() if protocol == "udp" else one.tcp(flags))
    grown = counting.grown()
    return ok(said(answer, verdict=verdict, reason=reason, refuse=refuse, **more) and
              got == fate and grown.get(reason) == 1,
              name + "%s: said, done and counted" % reason, (answer, got, grown))


def test_reasons():
    """Each reason for which a packet is not forwarded."""
    director, wire = open_director(), Wire()
    for version in (4, 6):
        name, vip = "IPv%d: " % version, VIPS[version][0]
        key, udp = genl.key(vip), genl.key(vip, 80, NUMBER["udp"])
        icmp = "icmp 3.3" if version == 4 else "icmp 1.4"
        everyone = rips(version, 0, 1)
        for each in (key, udp):
            director.add(each, everyone, sched="rr")

        for source in (("127.0.0.1", "0.0.0.0", "224.0.0.9", "255.255.255.255",
                        net.addr("director")) if version == 4 else
                       ("::1", "ff02::9", net.addr("director", 6))):
            answer = director.trace(source, vip, 80, cport=1)
            ok(said(answer, verdict="drop", reason="bad-source", by=None),
               name + "no client has the address %s" % source, answer)
        drop_agrees(director, wire, name, flow(version)._replace(
            client=net.addr("director", version)), "bad-source")

        for stray, fate, verdict, refuse, reason in (
                ("pass", "reset", "pass", None, "no-conn"),
                ("drop", None, "drop", "drop", "stray"),
                ("reset", "reset", "drop", "reset", "stray")):
            director.set(key, stray=stray)
            drop_agrees(director, wire, name + "--stray %s, " % stray, flow(version),
                        reason, fate, flags=ACK, data=True, refuse=refuse,
                        verdict=verdict, by=None)
        director.set(key, stray="schedule")
        one = flow(version)
        answer = ask(director, one, data=True)
        ok(said(answer, by="scheduler", keep="connection") and
           everyone[wire.send(one.tcp(ACK))] == answer["server"],
           name + "--stray schedule: it begins a connection", answer)
        director.set(key, stray="pass")

        for address in everyone:
            director.weigh(key, address, 0)
            director.weigh(udp, address, 0)
        for number, (refuse, fate) in enumerate((("icmp", icmp), ("reset", "reset"),
                                                 ("drop", None))):
            for each in (key, udp):
                director.do(genl.SERVICE_SET, each + genl.u8(genl.REFUSE, number))
            drop_agrees(director, wire, name + "--refuse %s, " % refuse,
                        flow(version), "no-server", fate, refuse=refuse,
                        by="scheduler", servers=(2, 0, 2, 0, 0))
            if refuse == "reset":
                drop_agrees(director, wire, name + "UDP, ", flow(version),
                            "no-server", icmp, "udp", refuse="icmp")
        director.clear()
    wire.close()
    director.close()


def limit(director, key, address, upper):
    director.do(genl.SERVER_SET, genl.server(address, key,
                                             genl.u32(genl.SERVER_UPPER, upper)))


def test_limits():
    """Servers, tables and floods that have reached their limits."""
    director, wire = open_director(), Wire()
    for version in (4, 6):
        name, key = "IPv%d: " % version, genl.key(VIPS[version][0])
        a, b = rips(version, 0, 1)
        director.add(key, [a, b], sched="rr")
        limit(director, key, a, 1)
        while director.servers(key)[b]["active"] < 1:
            wire.send(flow(version).tcp(SYN))
        answer = ask(director, flow(version))
        ok(said(answer, first=a, server=b, servers=(2, 1, 0, 0, 1)), name +
           "a server that is overloaded had the turn, and the next one gets it",
           answer)
        director.do(genl.SERVICE_SET, key + genl.settings(sched="sh"))
        clients = [flow(version, client=client) for client in range(1, 200)]
        closed = next(one for one in clients if ask(director, one).get("first") == a)
        drop_agrees(director, wire, name + "a hash whose server is overloaded, ",
                    closed, "no-server", "icmp 3.3" if version == 4 else "icmp 1.4",
                    refuse="icmp", first=a, server=None)
        director.do(genl.SERVICE_SET, key + genl.u32(genl.SCHED_FLAGS, FALLBACK))
        answer = ask(director, closed)
        ok(said(answer, first=a, server=b) and wire.send(closed.tcp(SYN)) == 1,
           name + "with fallback another one takes it", answer)
        director.do(genl.SERVICE_SET, key + genl.u32(genl.SCHED_FLAGS, PORT))
        answer = ask(director, flow(version))
        ok(said(answer, hashes_port=True), name + "that the port counts is said",
           answer)
        director.clear()
        until(lambda: not director.held())

        # On a busy host this may take longer than half-open connections last.
        director.set_timeouts({"syn-recv": 900})
        director.add(key, [a, b], sched="rr")
        for sched, keep, reason in (("rr", "evict", "evicted"),
                                    ("sh", "stateless", "stateless")):
            director.do(genl.SERVICE_SET, key + genl.settings(sched=sched))
            wire.send(flow(version).tcp(SYN))
            ok(said(ask(director, flow(version)), keep="connection"),
               name + "%s: a connection begins" % sched)
            # So many a second are let through; the question is asked within one.
            net.write(PARAMETERS + "conn_rate", "1")

            def flooded(sched=sched, keep=keep, version=version):
                one = flow(version)
                wire.send(one.tcp(SYN))
                return said(ask(director, flow(version)), keep=keep,
                            verdict="forward")

            net.write(PARAMETERS + "conn_rate", "40")
            for _ in range(ASKED):
                answer = ask(director, flow(version))
            ok(said(answer, keep="connection"), name + "%s: who asks more often than "
               "conn_rate makes no flood" % sched, answer)
            net.write(PARAMETERS + "conn_rate", "1")
            before = net.drops_of(reason)
            ok(until(flooded), name + "%s: above conn_rate it is %s" % (sched, keep))
            for _ in range(4):
                wire.send(flow(version).tcp(SYN))
            ok(net.drops_of(reason) > before, name + "%s: and so it is counted" %
               sched, net.drops_of(reason))
            net.write(PARAMETERS + "conn_rate", "0")
        most = open(PARAMETERS + "conn_max", encoding="ascii").read()
        director.do(genl.SERVICE_SET, key + genl.settings(sched="rr"))
        net.write(PARAMETERS + "conn_max", "1")
        drop_agrees(director, wire, name + "no room, ", flow(version), "conn-max",
                    server=ask(director, flow(version))["server"], keep="evict")
        director.do(genl.SERVICE_SET, key + genl.settings(sched="sh"))
        ok(said(ask(director, flow(version)), verdict="forward", keep="stateless"),
           name + "no room, and no need of any with sh")
        director.set_timeouts({"syn-recv": 60})
        net.write(PARAMETERS + "conn_max", most.strip())
        director.clear()
        until(lambda: not director.held())

        udp = genl.key(VIPS[version][0], 80, NUMBER["udp"])
        director.add(udp, [a], sched="rr", flags=genl.ONE_PACKET)
        ok(said(ask(director, flow(version), "udp"), verdict="forward",
                keep="one-packet"), name + "one-packet scheduling keeps nothing")
        director.clear()
    wire.close()
    director.close()


def test_ways():
    """Servers that cannot be reached, and packets that another director sent."""
    director, wire = open_director(), Wire()
    for version in (4, 6):
        name, key = "IPv%d: " % version, genl.key(VIPS[version][0])
        director.add(key, [NOWHERE[version]], sched="rr")
        for reason, route in (("no-route", []),
                              ("not-onlink", ["via", net.addr("client", version)])):
            if route:
                net.ip("director", "route", "add", NOWHERE[version], *route)
            drop_agrees(director, wire, name, flow(version), reason,
                        server=NOWHERE[version])
        net.ip("director", "route", "del", NOWHERE[version])
        director.clear()

        director.add(key, [net.addr("director", version)], sched="rr")
        reply = dict(genl.parse(director.do(genl.TRACE, genl.question(
            "198.51.100.1" if version == 4 else "2001:db8:c::1", VIPS[version][0],
            80))[0]))
        server = dict(genl.parse(reply[genl.TRACE_SERVER]))
        ok(genl.number(reply[genl.TRACE_VERDICT]) == 2 and
           genl.number(server[genl.SERVER_FORWARD]) == 1,
           name + "a server that is the director itself is told as such", server)
        director.clear()

        key = genl.key(VIPS[version][0])
        director.add(key, rips(version, 0), sched="rr")
        one = flow(version)
        ok(all(said(ask(director, one, mac=each), verdict="forward",
                    server=rips(version, 0)[0]) for each in (None, rmac(0), rmac(1))),
           name + "one that comes from a server's MAC is scheduled like others",
           ask(director, one, mac=rmac(0)))
        director.add_server(key, net.addr("director", version), 1)
        ok(until(lambda one=one: said(ask(director, one, mac=rmac(0)),
                                      server=net.addr("director", version))),
           name + "and is not sent back by a director that is a server",
           ask(director, one, mac=rmac(0)))
        ok(said(ask(director, one, mac=rmac(1)), server=rips(version, 0)[0]) and
           said(ask(director, one), server=rips(version, 0)[0]),
           name + "from any other one it goes to whom it would")
        director.clear()
    wire.close()
    director.close()


def test_refusals():
    """Questions that make no sense, each with a sentence."""
    director = open_director()
    good = genl.question("198.51.100.1", "203.0.113.1", 80)
    ok(director.do(genl.TRACE, good), "a question")
    four, six = (socket.inet_pton(genl.family(v), a) for v, a in
                 ((4, "198.51.100.1"), (6, "::2")))
    rows = {
        "nothing": b"",
        "no address": genl.u8(1, 2) + genl.u8(2, 6) + genl.be16(6, 80),
        "no port": genl.u8(1, 2) + genl.u8(2, 6) + genl.attr(3, four) +
                   genl.attr(5, four),
        "port 0": good + genl.be16(genl.TRACE_VIRTUAL_PORT, 0),
        "client's port 0": good + genl.be16(genl.TRACE_CLIENT_PORT, 0),
        "protocol 1": good + genl.u8(genl.TRACE_PROTOCOL, 1),
        "family 1": good + genl.u8(genl.TRACE_FAMILY, 1),
        "an address of another family": good +
                                        genl.attr(genl.TRACE_CLIENT_ADDRESS, six),
        "an address that is too long": good + genl.attr(genl.TRACE_CLIENT_ADDRESS,
                                                        b"x" * 17),
        "UDP's data": genl.question("198.51.100.1", "203.0.113.1", 80, 17,
                                    data=True),
        "a MAC of 5": good + genl.attr(genl.TRACE_MAC, b"12345"),
        "a MAC of 7": good + genl.attr(genl.TRACE_MAC, b"1234567"),
        "a mark of a byte": good + genl.u8(genl.TRACE_MARK, 1),
        "a verdict": good + genl.u8(genl.TRACE_VERDICT, 1),
        "what nobody knows": good + genl.u32(99, 1),
    }
    for what, body in rows.items():
        try:
            director.do(genl.TRACE, body)
            refusal = None
        except genl.Refused as error:
            refusal = error
        ok(refusal and refusal.sentence, "%s is refused: %s" % (what, refusal))
    director.close()
    child = genl.nobody()
    if child is None:
        try:
            os._exit(0 if ask_as_nobody() else 1)
        finally:
            os._exit(2)
    ok(child == 0, "who has no privilege may not ask", child)


def ask_as_nobody():
    sock = genl.Genl()
    try:
        sock.do(genl.TRACE, genl.question("198.51.100.1", "203.0.113.1", 80))
    except genl.Refused as error:
        return error.code == 1
    return False


if __name__ == "__main__":
    main(globals())
