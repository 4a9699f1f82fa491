#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0
"""Services that skip servers whose neighbour cannot be resolved."""
import genl
import net
from ipvs import VIPS
from net import SYN, ip, lbctl, ok, until
from test_tcp import Wire, flow, main, open_director, rips

# Nobody has them.
GHOST = {4: "192.168.1.99", 6: "2001:db8:1::99"}


def neighbour(address, *words):
    ip("director", "neigh", "replace", address, "dev", "eth0", *words)


def fail(address):
    neighbour(address, "nud", "failed")


def is_valid(address):
    """The MAC of a neighbour of the director is known."""
    shown = ip("director", "neigh", "show", address, "dev", "eth0").stdout
    return "lladdr" in shown and "FAILED" not in shown


def is_unreachable(director, key, address):
    return director.servers(key)[address]["unreachable"]


def conns_of(director, key, address):
    return director.servers(key)[address]["conns"]


def fates(wire, version, number=24):
    return [wire.send(flow(version, client=n + 1).tcp(SYN)) for n in range(number)]


def test_schedulers():
    """Whatever the scheduler is, the others get all connections."""
    director, wire = open_director(), Wire()
    for version in (4, 6):
        key, ghost = genl.key(VIPS[version][0]), GHOST[version]
        wrong, missed = [], []
        for sched in director.schedulers():
            director.add(key, sched=sched, flags=genl.SKIP_UNREACHABLE)
            # More than ovf fills.
            for address in [ghost] + rips(version, 0, 1):
                director.add_server(key, address, 100)
            fail(ghost)
            if not until(lambda k=key, g=ghost: is_unreachable(director, k, g)):
                missed.append(sched)
            got = fates(wire, version)
            if not set(got) <= {0, 1} or conns_of(director, key, ghost):
                wrong.append((sched, got, director.servers(key)))
            director.clear()
        ok(not missed, "IPv%d: a server whose neighbour has failed is unreachable" %
           version, missed)
        ok(not wrong, "IPv%d: no scheduler chooses it, and none refuses a client" %
           version, "\n".join(map(str, wrong)))
    wire.close()
    director.close()


def test_back():
    """A server that answers again gets connections, though nobody sent to it."""
    director, wire = open_director(), Wire()
    for version in (4, 6):
        key, ghost = genl.key(VIPS[version][0]), GHOST[version]
        director.add(key, [ghost] + rips(version, 0), sched="mh",
                     flags=genl.SKIP_UNREACHABLE)
        ok(until(lambda k=key, g=ghost: is_unreachable(director, k, g), 60),
           "IPv%d: a server that does not answer becomes unreachable" % version)
        got = fates(wire, version)
        ok(got == [0] * 24 and conns_of(director, key, ghost) == 0,
           "IPv%d, mh: the other server gets all clients" % version, got)
        form = "%s:80" if version == 4 else "[%s]:80"
        answer = lbctl("trace", "-n", "-t", form % VIPS[version][0],
                       "--client", form % net.addr("client", version)).stdout
        ok("servers      2: 1 open, 1 unreachable\n" in answer,
           "IPv%d: lbctl trace says so" % version, answer)
        ip("client", "addr", "add", "%s/%d" % (ghost, 32 if version == 4 else 128),
           "dev", "eth0")
        ok(until(lambda k=key, g=ghost: not is_unreachable(director, k, g)),
           "IPv%d: a server that is back is reachable again" % version)

        def shared(k=key, g=ghost, v=version):
            wire.send(flow(v, client=v).tcp(SYN))
            fates(wire, v)
            return conns_of(director, k, g)

        ok(until(shared), "IPv%d: and gets connections" % version,
           director.servers(key))
        ip("client", "addr", "del", "%s/%d" % (ghost, 32 if version == 4 else 128),
           "dev", "eth0")
        director.clear()
    wire.close()
    director.close()


def test_probes():
    """A server that failed after it was resolved is probed, without a packet to it, until
    it answers: nothing else of the module resolves its neighbour again."""
    director = open_director()
    for version in (4, 6):
        key, ghost = genl.key(VIPS[version][0]), GHOST[version]
        prefix = "%s/%d" % (ghost, 32 if version == 4 else 128)
        words = ("nodad",) if version == 6 else ()
        ip("client", "addr", "add", prefix, "dev", "eth0", *words)
        director.add(key, [ghost] + rips(version, 0), flags=genl.SKIP_UNREACHABLE)
        ok(until(lambda g=ghost: is_valid(g)), "IPv%d: a server is resolved" % version)
        ip("client", "addr", "del", prefix, "dev", "eth0")
        fail(ghost)
        ok(until(lambda k=key, g=ghost: is_unreachable(director, k, g)),
           "IPv%d: it becomes unreachable" % version)
        ip("client", "addr", "add", prefix, "dev", "eth0", *words)
        ok(until(lambda k=key, g=ghost: not is_unreachable(director, k, g)),
           "IPv%d: and reachable again, without a packet to it" % version)
        ip("client", "addr", "del", prefix, "dev", "eth0")
        director.clear()
    director.close()


def test_choice():
    """Without the flag, and if no server is reachable, the choice is as before."""
    director, wire = open_director(), Wire()
    for version in (4, 6):
        key, ghost = genl.key(VIPS[version][0]), GHOST[version]
        fail(ghost)
        director.add(key, [ghost] + rips(version, 0), sched="rr")
        fates(wire, version, 4)
        ok(conns_of(director, key, ghost) == 2 and
           not is_unreachable(director, key, ghost), "IPv%d: without the flag a server "
           "whose neighbour has failed is chosen" % version, director.servers(key))
        director.set(key, flags=genl.SKIP_UNREACHABLE)
        until(lambda k=key, g=ghost: is_unreachable(director, k, g))
        fates(wire, version, 4)
        ok(conns_of(director, key, ghost) == 2, "IPv%d: with it, it is not" % version,
           director.servers(key))
        director.weigh(key, rips(version, 0)[0], 0)

        def chosen(k=key, g=ghost, v=version):
            fates(wire, v, 1)
            return conns_of(director, k, g) > 2

        ok(until(chosen), "IPv%d: if no other server is left, it is chosen" % version,
           director.servers(key))
        director.clear()
        director.add(key, [ghost] + rips(version, 0), sched="rr", persist=300)
        one = flow(version, client=9)
        wire.send(one.tcp(SYN))
        director.set(key, flags=genl.SKIP_UNREACHABLE)
        until(lambda k=key, g=ghost: is_unreachable(director, k, g))
        # The ICMP error of the first SYN may come late.
        got = [wire.send(flow(version, client=9).tcp(SYN)) for _ in range(2)]
        got = [fate[-1] if isinstance(fate, list) else fate for fate in got]
        ok(got == [0, 0] and conns_of(director, key, ghost) == 1,
           "IPv%d: a persistent client of it gets another server" % version, got)
        director.clear()
    wire.close()
    director.close()


# More than a service of which each command builds the pool.
MANY = 300


def test_cleared():
    """A service that gives the flag up chooses every server again, also if the pool without
    the unreachable server is only built later."""
    director, wire = open_director(), Wire()
    for version in (4, 6):
        key, ghost = genl.key(VIPS[version][0]), GHOST[version]
        form = "10.9.%d.%d" if version == 4 else "2001:db8:9::%x:%x"
        for many in (0, MANY):
            fail(ghost)
            director.add(key, [ghost] + rips(version, 0), sched="rr",
                         flags=genl.SKIP_UNREACHABLE)
            for number in range(many):
                director.add_server(key, form % divmod(number, 200), 0)
            until(lambda k=key, g=ghost: is_unreachable(director, k, g))
            fates(wire, version, 2)
            name = "IPv%d, %d servers" % (version, many + 2)
            ok(conns_of(director, key, ghost) == 0, name + ": an unreachable server is "
               "not chosen", director.servers(key)[ghost])
            director.set(key, flags=0)
            # A command that builds the pool late: its work item publishes the pool.
            director.weigh(key, ghost, 2)
            ok(until(lambda k=key, g=ghost: not is_unreachable(director, k, g)),
               name + ": without the flag it is listed as reachable",
               director.servers(key)[ghost])

            def chosen(k=key, g=ghost, v=version):
                fates(wire, v, 2)
                return conns_of(director, k, g) > 0

            ok(until(chosen), name + ": and chosen", director.servers(key)[ghost])
            director.clear()
    wire.close()
    director.close()


main(globals())
