#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0
"""What programs of ip_vs rely on when servers, services or lbdr_ipvs.ko itself go and come:
clients, totals, origins of connections, and which service comes first."""
import contextlib
import mmap
import os
import signal
import time

import genl
import ipvs
import net
from ipvs import Flow, Loaded, Wire
from net import ACK, SYN, ok, only, until
from test_ipvs_client import MARKED, R4, V4, call, flow, read, sysctls, totals
from transactions import Staged


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


@contextlib.contextmanager
def beside(work):
    """A child calls work() meanwhile; ends it."""
    child = os.fork()
    if not child:
        try:
            work()
        finally:
            os._exit(0)
    try:
        yield child
    finally:
        with contextlib.suppress(ProcessLookupError, ChildProcessError):
            os.kill(child, signal.SIGKILL)
            os.waitpid(child, 0)


def longest_read(child):
    """The seconds of the longest read until a child has ended, and how many there were."""
    longest, number = 0, 0
    while not os.waitpid(child, os.WNOHANG)[0]:
        began = time.monotonic()
        read("ip_vs_stats")
        read("ip_vs_stats_percpu")
        longest, number = max(longest, time.monotonic() - began), number + 1
    return longest, number


# Tables of this size take much longer to build than totals to read.
TABLES, TABLE_SIZE, TABLE_SERVERS = 16, 262139, 8


@only("uml")
def test_readers():
    """The files of totals are everybody's: who reads them does not stand in the queue of
    commands, neither before a command nor behind one."""
    with Loaded():
        with net.within("director"):
            sock = Staged()
        try:
            keys = [genl.key(V4, 80 + number) for number in range(TABLES)]
            for key in keys:
                sock.add(key, ["10.9.0.%d" % number for number in range(TABLE_SERVERS)],
                         sched="rr")
            sock.begin()
            for key in keys:
                sock.stage(genl.SERVICE_SET, key + genl.settings("mh", size=TABLE_SIZE))
            began = time.monotonic()
            with beside(sock.commit) as child:
                longest, number = longest_read(child)
            took = time.monotonic() - began
            ok(all(sock.digest(key) for key in keys), "a commit builds large tables")
            ok(longest < took / 2, "no read of the totals takes as long as the commit",
               "%.2f s of %.2f s, %d reads" % (longest, took, number))
        finally:
            sock.close()


# A walk over so many is interrupted.
SERVICES = 3000
# Each has three clients, of which there are 255.
ROUNDS = 80


def churn(director, wire, rounds):
    """A server and a service with counters go and come, or counters are set to 0."""
    key = genl.key(V4, 80)
    for rounds[0] in range(ROUNDS + 1):
        director.add(key, [R4], sched="rr")
        wire.send(flow(80, 3 * rounds[0]))
        director.do(genl.ZERO, key)
        wire.send(flow(80, 3 * rounds[0] + 1))
        director.remove(key, R4)
        director.add_server(key, R4, 1)
        wire.send(flow(80, 3 * rounds[0] + 2))
        director.do(genl.SERVICE_DEL, key)


@only("uml")
def test_beside():
    """Totals that are read while the configuration changes are never less than before."""
    with Loaded():
        wire = Wire()
        with net.within("director"):
            director = Staged()
        try:
            director.begin()
            for port in range(1000, 1000 + SERVICES):
                director.stage(genl.SERVICE_NEW, genl.key(V4, port) + genl.settings("rr"))
            ok(not director.commit(), "there are many services")
            rounds, seen = mmap.mmap(-1, mmap.PAGESIZE), []
            first = totals()[0][0], by_cpu()[0]
            with beside(lambda: churn(director, wire, rounds)) as child:
                while not os.waitpid(child, os.WNOHANG)[0]:
                    seen.append((totals()[0][0], by_cpu()[0]))
            ok(rounds[0] == ROUNDS, "servers and services go and come", rounds[0])
            last = totals()[0][0], by_cpu()[0]
            ok([now - then for now, then in zip(last, first)] == [3 * (ROUNDS + 1)] * 2,
               "their connections are counted", (first, last))
            less = [pair for pair in zip(seen, seen[1:])
                    if pair[0][0] > pair[1][0] or pair[0][1] > pair[1][1]]
            ok(not less, "and no total is less than the one before",
               (less[:5], len(less), len(seen)))
        finally:
            director.close()
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
