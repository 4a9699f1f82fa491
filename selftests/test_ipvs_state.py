#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0
"""What programs of ip_vs rely on when servers, services or lbdr_ipvs.ko itself go and come:
clients, totals, origins of connections, and which service comes first."""
import genl
import ipvs
import net
from ipvs import Flow, Loaded, Wire
from net import ACK, SYN, ok, only, until
from test_ipvs_client import MARKED, R4, V4, call, flow, read, sysctls, totals


@only("uml")
def test_removed():
    """A health checker removes a server that has failed: its persistent clients get another
    one at once, and where none is left they are refused."""
    with Loaded():
        wire = Wire()
        try:
            for line in ("-A -t V4:80 -s rr -p 300", "-a -t V4:80 -r R4:80 -g",
                         "-a -t V4:80 -r SPARE:80 -g"):
                call(line)
            own = Flow(flow(80).service, flow(80).client, 4000)
            names = ("R4", "SPARE")
            first = wire.send(flow(80))
            ok(wire.send(own) == first, "a client gets the same server again", first)
            ok(not call("-d -t V4:80 -r %s:80" % names[first])[0], "it is removed")
            own = Flow(own.service, own.client, 4001)
            got = wire.send(own)
            ok(got == 1 - first, "the client gets the other one", got)
            ok(not call("-d -t V4:80 -r %s:80" % names[1 - first])[0],
               "which is removed, too")
            own = Flow(own.service, own.client, 4002)
            before = net.drops_of("no-server")
            wire.tap.send(wire.frame(own, SYN))
            ok(until(lambda: net.drops_of("no-server") > before),
               "and then there is no server")
        finally:
            wire.close()


def by_cpu():
    """Sums of the rows of CPUs in /proc/net/ip_vs_stats_percpu."""
    rows = [line.split() for line in read("ip_vs_stats_percpu").splitlines()[2:]
            if line.split()]
    rows = rows[:[row[0] for row in rows].index("~")]
    return [sum(int(row[at], 16) for row in rows) for at in range(1, 6)]


@only("uml")
def test_totals():
    """What programs watch is never less than before, whatever is removed meanwhile."""
    with Loaded():
        with net.within("director"):
            net.write("/proc/sys/net/ipv4/vs/expire_nodest_conn", "1")
        wire = Wire()
        try:
            for line in ("-A -t V4:80 -s rr", "-a -t V4:80 -r R4:80 -g"):
                call(line)
            first = totals()[0], by_cpu()
            for number in range(20):
                wire.send(flow(80, number))
            before = totals()[0], by_cpu()
            more = [[now[at] - then[at] for at in (0, 1)]
                    for now, then in zip(before, first)]
            ok(more == [[20, 20]] * 2, "20 connections and packets more, in all and by CPU",
               (first, before))
            call("-d -t V4:80 -r R4:80")
            ok((totals()[0], by_cpu()) == before, "the same without the server",
               (totals()[0], by_cpu()))
            call("-D -t V4:80")
            ok((totals()[0], by_cpu()) == before, "and without the service",
               (totals()[0], by_cpu()))
        finally:
            wire.close()


@only("uml")
def test_origin():
    """A connection that another director has sent is told as such, until a packet comes."""
    with Loaded():
        wire = Wire()
        with net.within("director"):
            director = genl.Director()
        try:
            for line in ("-A -t V4:80 -s rr", "-a -t V4:80 -r R4:80 -g"):
                call(line)
            own = flow(80)
            director.do(genl.CONN_ADD, genl.saved(
                R4, "established", 60000, genl.SYNCED, protocol=6, vport=80, vip=V4,
                client=own.client, cport=own.sport))
            words = [line.split()[-2] for line in read("ip_vs_conn_sync").splitlines()[1:]]
            ok(words == ["SYNC"], "its origin is SYNC", words)
            wire.send(own, ACK)
            words = [line.split()[-2] for line in read("ip_vs_conn_sync").splitlines()[1:]]
            ok(words == ["LOCAL"], "LOCAL once it is forwarded here", words)
        finally:
            director.close()
            wire.close()


@only("uml")
def test_reloaded():
    """Without the module, and with it again, marked packets go to the mark's service."""
    def first():
        return sysctls()["mark_first"]
    with Loaded():
        for line in MARKED:
            call(line)
        was = first()
        net.run("rmmod", "lbdr_ipvs")
        ipvs.insert()
        ok(was == first() == "1", "with services of a mark, mark_first stays 1",
           (was, first()))
        # No service is held, either.
        net.lbctl("clear")
        net.run("rmmod", "lbdr_ipvs")
        ipvs.insert()
        ok(first() == "0", "without, it begins anew", first())


if __name__ == "__main__":
    ipvs.main(globals())
