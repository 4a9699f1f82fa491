#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0
"""The limit of the connection table, and that connections expire."""
import json

import genl
import net
from net import ACK, RST, SYN, Tap, drops_of, lbctl, ok, raw, tcp, until
from servers import configure, exchange

LIMIT = 10


# Nobody has it, so nobody resets what the server answers.
SOURCE = "192.168.1.200"


def conns():
    return json.loads(lbctl("list", "-c", "-j").stdout)


def said():
    return net.run("dmesg").stdout.count("a connection table is full")


def test_limit():
    before = said()
    configure(4, [("a", 1)])
    # In a full table the timeouts are a sixteenth.
    lbctl("set-timeout", "syn_recv=2000")
    kept = net.connect()
    kept.recv(1)
    client = Tap("client")
    for port in range(5000, 5000 + LIMIT):
        client.send(raw(4, tcp(port, 80, SYN), src=SOURCE))
    ok(until(lambda: len(conns()) == LIMIT),
       "the table takes conn_max connections", len(conns()))
    ok(until(lambda: drops_of("conn-max") >= 1),
       "the next one is dropped and counted", drops_of("conn-max"))
    for port in range(5100, 5150):
        client.send(raw(4, tcp(port, 80, SYN), src=SOURCE))
    ok(until(lambda: drops_of("conn-max") >= 51) and len(conns()) == LIMIT,
       "and so is every other")
    ok(exchange(kept, 50000), "a connection that was open goes on")
    ok(said() == before + 1, "the kernel's log says it once")
    lbctl("set-timeout", "syn_recv=60")
    kept.close()
    client.close()


def test_expiry():
    """CLOSE lives for ten seconds, the shortest of all."""
    configure(4, [("a", 1)])
    with net.within("director"):
        director = genl.Director()
    # Those of before count for as long as they take memory.
    until(lambda: not director.held())
    director.close()
    client, at_a = Tap("client"), Tap("a")
    client.send(raw(4, tcp(6000, 80, SYN), src=SOURCE))
    ok(at_a.wait(lambda f: f.sport == 6000 and f.flags == SYN) and
       [c["state"] for c in conns()] == ["syn_recv"], "a SYN makes SYN_RECV",
       conns())
    client.send(raw(4, tcp(6000, 80, ACK), src=SOURCE))
    ok(until(lambda: [c["state"] for c in conns()] == ["established"]),
       "an ACK makes ESTABLISHED", conns())
    client.send(raw(4, tcp(6000, 80, RST), src=SOURCE))
    ok(until(lambda: [c["state"] for c in conns()] == ["close"]),
       "a RST makes CLOSE", conns())
    rows = conns()
    ok([0 < c["expires_ms"] <= 10000 for c in rows] == [True],
       "which has ten seconds to go", rows)
    ok(until(lambda: not conns(), 40), "it is gone after that")
    server = json.loads(lbctl("list", "-j").stdout)[0]["servers"][0]
    ok(until(lambda: json.loads(lbctl("list", "-j").stdout)[0]["servers"][0]
             ["inactive_connections"] == 0, 40) and
       server["active_connections"] == 0, "and so is its count")
    client.close()
    at_a.close()


net.main(globals(), parameters=["conn_max=%d" % LIMIT])
