#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0
# Also on: trixie
# CPUs: 2
"""Packets of the same connections on all CPUs at once, while services and servers
change: begun twice, ended twice, expired and listed meanwhile. Afterwards every
count is what the table holds. Under KCSAN, this is where two CPUs meet."""
import os
import random
import signal
import time

import genl
import ipvs
import net
from ipvs import VIPS
from net import ACK, FIN, RST, SYN, ok, until
from test_tcp import Flow, main, open_director, rips

SECONDS = float(os.environ.get("RACES", 60 if os.environ.get("KERNEL_LABEL") ==
                               "kcsan" else 4))
CLIENTS = 24


def frames(to, own):
    """A few hundred, of few flows: what follows what is up to the dice."""
    out = []
    for version in (4, 6):
        for client in range(1, CLIENTS + 1):
            for port in (80, 150):
                one = Flow(ipvs.CLIENTS[version] % client, 1000, VIPS[version][0],
                           port)
                body = [one.tcp(SYN), one.tcp(ACK), one.tcp(ACK, b"data"),
                        one.tcp(FIN | ACK), one.tcp(RST), one.udp(), one.udp()]
                if client == 1 and version == 4:
                    body += net.fragments(one.udp(b"x" * 64), 24, ident=port)
                out += [to + own + ipvs.KIND[version] + each for each in body]
    return out


def shoot(cpu, seed, tap, bullets):
    """A process of its own, until it is told to end."""
    child = os.fork()
    if child:
        return child
    try:
        signal.signal(signal.SIGTERM, lambda *_: os._exit(0))
        os.sched_setaffinity(0, {cpu})
        dice = random.Random("%d %d" % (seed, cpu))
        while True:
            try:
                tap.send(dice.choice(bullets))
            except BlockingIOError:
                pass
    finally:
        os._exit(1)


def change(director, keys, dice):
    """Of a service or a server, anything; never the last server."""
    version = dice.choice((4, 6))
    key = dice.choice(keys[version])
    address = rips(version, dice.randrange(1, 4))[0]
    what = dice.randrange(9)
    try:
        if what == 0:
            director.set(key, sched=dice.choice(director.schedulers()))
        elif what == 1:
            director.set(key, persist=dice.choice((0, 1, 60)),
                         timeout={"udp": 1, "established": dice.choice((1, 0))})
        elif what == 2:
            director.add_server(key, address, dice.choice((0, 1, 5)))
        elif what == 3:
            director.remove(key, address, drain=dice.random() < 0.5)
        elif what == 4:
            director.weigh(key, address, dice.choice((0, 1, 65535)))
        elif what == 5:
            director.kill(vport=dice.choice((80, 150)))
        elif what == 6:
            director.conns(state=dice.choice(("established", "udp", "template")))
        elif what == 7:
            director.servers(key)
        else:
            net.ip("director", "neigh", "flush", "dev", "eth0", "nud", "stale",
                   check=False)
    except genl.Refused:
        # What is there already, or is not there.
        pass


def counted(director, key):
    return {address: (row["active"], row["inactive"], row["persistent"])
            for address, row in director.servers(key).items()}


def held(director, version, protocol, low, high):
    """The same, from the table."""
    out = {}
    for conn in director.conns(version=version, protocol=protocol):
        if low <= conn.vport <= high:
            row = out.setdefault(conn.server, [0, 0, 0])
            row[2 if conn.state == "template" else
                0 if conn.state in ("syn-recv", "established") else 1] += 1
    return {address: tuple(row) for address, row in out.items()}


def test_races():
    print("# %.0f s" % SECONDS, flush=True)
    dice = net.seeded()
    director = open_director()
    keys = {version: [genl.key(VIPS[version][0]),
                      genl.ports(100, 200, VIPS[version][0]),
                      genl.key(VIPS[version][0], 80, 17)] for version in (4, 6)}
    for version, all_keys in keys.items():
        for key in all_keys:
            director.add(key, rips(version, 0, 1, 2), sched="wlc",
                         stray="schedule")
    tap = net.Tap("client")
    bullets = frames(net.mac("director"), net.mac("client"))
    cpus = os.sched_getaffinity(0)
    children = [shoot(cpu, net.SEED, tap, bullets) for cpu in cpus]
    changes, end = 0, time.monotonic() + SECONDS
    # Of a busy host; else ten changes are few.
    last = end + 10 * SECONDS
    try:
        while time.monotonic() < (end if changes > 10 else last):
            change(director, keys, dice)
            changes += 1
    finally:
        for child in children:
            os.kill(child, signal.SIGTERM)
        codes = [os.waitpid(child, 0)[1] for child in children]
    tap.close()
    packets = sum(row["packets"] for all_keys in keys.values() for key in all_keys
                  for row in director.servers(key).values())
    ok(codes == [0] * len(cpus) and packets > 100 and changes > 10,
       "packets of the same connections on %d CPUs and changes, at once" %
       len(cpus), (codes, packets, changes))
    print("# %d packets on the servers that are left, %d changes" %
          (packets, changes), flush=True)

    # With timeouts that leave them where they are, counts and table agree.
    for version, all_keys in keys.items():
        for key, where in zip(all_keys, ((6, 80, 80), (6, 100, 200), (17, 80, 80))):
            director.set(key, persist=900, timeout={
                state: 900 for state in ("syn-recv", "established", "fin-wait",
                                         "time-wait", "close", "udp")})

            def agree(version=version, key=key, where=where):
                table = held(director, version, *where)
                servers = counted(director, key)
                return all(servers[address] == table.get(address, (0, 0, 0))
                           for address in servers) and not set(table) - set(servers)

            ok(until(agree), "IPv%d, protocol %d, port %d on: each server counts what "
               "the table holds" % ((version,) + where[:2]),
               (held(director, version, *where), counted(director, key)))
    director.clear()
    ok(until(lambda: director.held() == 0), "no connection's memory is left",
       director.held())
    director.close()


if __name__ == "__main__":
    main(globals())
