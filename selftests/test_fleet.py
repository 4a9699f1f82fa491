#!/usr/bin/python3 -B
# SPDX-License-Identifier: GPL-2.0
"""A fleet of directors behind a router with ECMP: one dies, one is drained, one comes
back. With mh and --stray schedule no transfer breaks; with rr some do, which shows that
the test can see it.
"""
import os
import subprocess
import tempfile

import fleet
import genl
import net
from fleet import DIRECTORS, PORT, SERVERS, VIP, announce, cut, next_hops
from flows import Flows
from net import ok, until
from test_tcp import open_director

SERVICE = genl.key(VIP, PORT)
HASH_PORT = 2
# Transfers that are added before each of three changes: fewer than the 1,000 of which a
# fleet must lose none, since UML forwards each packet through nine devices.
FLOWS = 34


def directors(sched, **more):
    """Each has the servers in an order of its own."""
    sides = {}
    for number, name in enumerate(DIRECTORS):
        side = sides[name] = open_director(name)
        order = SERVERS[number:] + SERVERS[:number]
        side.add(SERVICE, [fleet.rip(server) for server in order], sched=sched, **more)
    return sides


def end(sides):
    for side in sides.values():
        side.clear()
        side.close()


def hops_are(*names):
    ok(until(lambda: next_hops() == list(names), fleet.WAIT), "the router's next hops "
       "are " + ", ".join(names), next_hops())


def shares(sides):
    return {name: side.count(vip=VIP) for name, side in sides.items()}


def three_changes(running, sides, flows):
    """The number of broken transfers after each: one director dies, one is drained and
    goes, and both come back with empty tables."""
    counts = []
    cut("d1")
    hops_are("d2", "d3")
    counts.append(flows.go_on())

    flows.add(FLOWS)
    announce(running["d2"], False)
    hops_are("d3")
    counts.append(flows.go_on())
    cut("d2")
    counts.append(flows.go_on())

    flows.add(FLOWS)
    for name in ("d1", "d2"):
        sides[name].kill()
        cut(name, "up")
        announce(running[name])
    hops_are(*DIRECTORS)
    counts.append(flows.go_on())
    return counts


def survive(daemon):
    """No transfer breaks."""
    sides = directors("mh", sched_flags=HASH_PORT, stray="schedule")
    digests = {side.digest(SERVICE) for side in sides.values()}
    ok(len(digests) == 1 and None not in digests, "three directors with the same digest",
       digests)
    servers = fleet.Echo()
    with fleet.fleet(daemon) as running:
        flows = Flows((VIP, PORT), "s%s")
        flows.add(FLOWS)
        spread = shares(sides)
        ok(min(spread.values()) > 0 and sum(spread.values()) == FLOWS and
           {flow.server for flow in flows.flows} == set(SERVERS),
           "%s: %d transfers by all directors, to all servers" % (daemon.name, FLOWS),
           spread)
        counts = three_changes(running, sides, flows)
        ok(counts == [0] * 4, "%s: one dies, one is drained, two are added: of %d "
           "transfers 0 broke" % (daemon.name, len(flows.flows)),
           (counts, {flow.error for flow in flows.broken()}))
        ok(min(shares(sides).values()) > 0, "the directors that came back have some of "
           "them", shares(sides))
        flows.end()
    servers.end()
    end(sides)


# Several daemons of routing for each test: 'make check' has the ones by BIRD.
@net.only()
def test_frr():
    survive(fleet.FrrDirector)


def test_bird():
    survive(fleet.BirdDirector)


@net.only()
def test_without_hash():
    """The same with rr: a director does not know the others' connections, and its own
    stack resets them."""
    sides = directors("rr")
    servers = fleet.Echo()
    with fleet.fleet(fleet.BirdDirector) as running:
        flows = Flows((VIP, PORT), "s%s")
        flows.add(FLOWS)
        counts = three_changes(running, sides, flows)
        ok(0 < counts[0] < counts[-1], "with rr, of %d transfers %d broke when a director "
           "died, and %d in the end" % (len(flows.flows), counts[0], counts[-1]),
           (counts, {flow.error for flow in flows.broken()}))
        flows.end()
    servers.end()
    end(sides)


def start_sync(folder):
    """Each director is a peer of both others, on the segment of the servers."""
    key = os.path.join(folder, "key")
    with open(key, "wb") as file:
        file.write(os.urandom(32))
    os.chmod(key, 0o600)
    for name in DIRECTORS:
        net.run(net.LBCTL, "-N", name, "sync", "peers", "eth1", "--address",
                ",".join(fleet.back(other) for other in DIRECTORS if other != name),
                "--key-file", key)
    ok(all(not net.run(net.LBCTL, "-N", name, "sync", "--wait", str(int(fleet.WAIT)),
                       check=False).returncode for name in DIRECTORS),
       "the directors are synced")


def quiesce(sides, flows):
    """A server is quiesced, and a director dies. Returns how many transfers of that
    server came by this director, and how many broke; they must be of that server."""
    for side in sides.values():
        side.weigh(SERVICE, fleet.rip("s1"), 0)
    ok(flows.go_on() == 0, "a server is quiesced: its transfers go on")
    moved = sum(conn.server == fleet.rip("s1") for conn in sides["d1"].conns(vip=VIP))
    cut("d1")
    hops_are("d2", "d3")
    broken = flows.go_on()
    print("# a server is quiesced, a director dies: %d broken of %d, of which the director "
          "knew %d of that server" % (broken, len(flows.flows), moved), flush=True)
    ok(all(flow.server == "s1" for flow in flows.broken()),
       "a director dies: only transfers of the quiesced server may break",
       [(flow.server, flow.error) for flow in flows.broken()])
    cut("d1", "up")
    flows.end()
    return moved, broken


def test_quiesced():
    """The connections to a quiesced server are only in the tables of the directors, since
    the hash chooses other servers: those that move to another director break, and no
    others; with synchronisation, none."""
    for synced in (False, True) if net.EVERYTHING else (True,):
        sides = directors("mh", sched_flags=HASH_PORT, stray="schedule")
        servers = fleet.Echo()
        with fleet.fleet(fleet.BirdDirector), tempfile.TemporaryDirectory() as folder:
            if synced:
                start_sync(folder)
            flows = Flows((VIP, PORT), "s%s")
            flows.add(2 * FLOWS)
            if synced:
                ok(until(lambda: all(side.count(vip=VIP) == 2 * FLOWS
                                     for side in sides.values()), fleet.WAIT),
                   "each director has the connections of all", shares(sides))
            moved, broken = quiesce(sides, flows)
            ok(not broken if synced else broken or not moved, "with synchronisation none "
               "breaks" if synced else "without synchronisation some break", broken)
            for name in DIRECTORS if synced else ():
                net.run(net.LBCTL, "-N", name, "sync", "stop", "peers")
        servers.end()
        end(sides)


@net.only()
def test_health():
    """A director whose service has no server withdraws the VIP."""
    sides = directors("mh", stray="schedule")
    with fleet.fleet(fleet.BirdDirector) as running:
        commands = [" ".join("'%s'" % word for word in running["d1"].command(there))
                    for there in (True, False)]
        with subprocess.Popen(
                ["ip", "netns", "exec", "d1", "./fleet-health", "-t %s:%d" % (VIP, PORT),
                 *commands, "0.1"], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
                env={**os.environ, "LBCTL": net.LBCTL}) as health:
            for server in SERVERS:
                sides["d1"].weigh(SERVICE, fleet.rip(server), 0)
            hops_are("d2", "d3")
            sides["d1"].weigh(SERVICE, fleet.rip("s2"), 1)
            hops_are(*DIRECTORS)
            sides["d1"].clear()
            hops_are("d2", "d3")
            sides["d1"].add(SERVICE, [fleet.rip("s2")], sched="mh")
            hops_are(*DIRECTORS)
            health.terminate()
        hops_are("d2", "d3")
    end(sides)


if __name__ == "__main__":
    net.run("modprobe", "libchacha20poly1305")
    net.build, net.demolish = fleet.build, fleet.demolish
    net.main(globals(), servers=False)
