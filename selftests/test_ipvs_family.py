#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0
"""Family IPVS below its programs: the files in /proc/sys/net/ipv4/vs, messages as
programs form them that are not at hand, frames through tunnels, and many services and
servers. test_ipvs_client.py has the programs, test_fuzz_netlink.py random messages.
"""
# Also on: bookworm
import errno
import os
import struct
import time

import genl
import ipvs
import net
import test_tunnel as wires
import users
from ipvs import VIPS, Flow, Ipvs, Loaded, Service, client, rip
from net import ACK, ok, only, until
from test_ipvs_client import (
    ADDR, AF, D_ADDR, D_AF, D_PORT, DEL_DEST, DEL_SERVICE, DEST, FLAGS, FLUSH, FWD,
    FWMARK, GET_DEST, GET_SERVICE, NETMASK, NEW_DEST, NEW_SERVICE, PORT, PROTOCOL, R4,
    R6, SCHED, SERVICE, SET_DEST, SET_SERVICE, TIMEOUT, V4, V6, WEIGHT, ZERO, asked,
    call, dest, key, packed, read, server, service, totals, u16, whole)
from transactions import Staged
from tunnels import SUMMED, TWELVE

VS = "/proc/sys/net/ipv4/vs/"

# Name -> what it begins with, values that are taken, values that are refused.
BOOL = ("0", "1"), ("-1", "2", "x")
SYSCTLS = {
    "expire_nodest_conn": ("0",) + BOOL,
    "expire_quiescent_template": ("0",) + BOOL,
    "sloppy_tcp": ("0",) + BOOL,
    "run_estimation": ("1",) + BOOL,
    "sloppy_sctp": ("0", ("0",), ("1", "x")),
    "drop_entry": ("0", ("0",), ("1", "3")),
    "drop_packet": ("0", ("0",), ("1", "3")),
    "secure_tcp": ("0", ("0",), ("1", "3")),
    "amemthresh": ("1024", ("1024",), ("0", "1025")),
    "am_droprate": ("10", ("10",), ("9", "11")),
    "snat_reroute": ("1", ("1",), ("0",)),
    "schedule_icmp": ("0", ("0",), ("1",)),
    "ignore_tunneled": ("0", ("0",), ("1",)),
    "cache_bypass": ("0", ("0",), ("1",)),
    "pmtu_disc": ("1", ("1",), ("0",)),
    "nat_icmp_send": ("0", ("0",), ("1",)),
    "conn_reuse_mode": ("1", ("0", "3", "2147483647"), ("-1", "2147483648")),
    "backup_only": ("0",) + BOOL,
    "sync_version": ("1",) + BOOL,
    "sync_ports": ("1", ("1", "64"), ("0", "65")),
    "sync_persist_mode": ("0",) + BOOL,
    "mark_first": ("0",) + BOOL,
    "sync_qlen_max": ("4096", ("0", "2147483647"), ("-1",)),
    "sync_sock_size": ("0", ("0", "65536"), ("-1",)),
    "sync_refresh_period": ("0", ("0", "9"), ("-1",)),
    "sync_retries": ("0", ("0", "3"), ("-1", "4")),
    "est_nice": ("0", ("-20", "19"), ("-21", "20")),
    "conn_max": ("1073741824", ("0", "1073741824"), ("-1", "1073741825", "x")),
    "conn_lfactor": ("-2", ("-8", "8"), ("-9", "9")),
    "svc_lfactor": ("-2", ("-8", "8"), ("-9", "9")),
    "sync_threshold": ("3\t50", ("0\t0", "3\t0", "9\t10"),
                       ("10\t10", "11\t10", "-1\t10", "1\t-1", "7\tx")),
}


def value(name):
    with open(VS + name, encoding="ascii") as file:
        return file.read().strip()


def put(name, text):
    """0 or the errno of a write to the file."""
    try:
        net.write(VS + name, text + "\n")
    except OSError as error:
        return error.errno
    return 0


def probe():
    """What is not as SYSCTLS says, in the namespace of the calling thread. The files
    are as before then."""
    wrong = []
    for name, (first, taken, refused) in SYSCTLS.items():
        if value(name) != first:
            wrong.append((name, "begins with", value(name)))
        for text in taken:
            if put(name, text) or value(name) != text:
                wrong.append((name, "does not take", text))
        left = value(name)
        for text in refused:
            code = put(name, text)
            if code != errno.EINVAL or value(name) != left:
                wrong.append((name, "takes", text, code, value(name)))
        put(name, first)
    return wrong


def in_the_users():
    """In a user's namespace: a number with a bit for each thing that is wrong."""
    wrong = bool(probe())
    users.lay()
    sock = genl.Genl(name=b"IPVS")
    director = genl.Director()
    for number, expire in enumerate(("0", "1")):
        wrong |= bool(put("expire_nodest_conn", expire)) << 1
        one = service(key(users.VIP))
        wrong |= bool(asked(sock, NEW_SERVICE, service(key(users.VIP), whole())) or
                      asked(sock, NEW_DEST, one + dest(server(users.SERVER))) or
                      asked(sock, DEL_SERVICE, one)) << 2
        held = director.dump(genl.SERVICE_GET,
                             genl.attr(genl.SERVICE_WITH_HELD, b""))
        wrong |= (len(held) != 1 - number) << 3 + number
        director.do(genl.FLUSH)
    put("sloppy_tcp", "1")
    return wrong


def below_the_host():
    """In a user's namespace, where conn_max is 1000 on the host: a number with a bit for
    each thing that is wrong."""
    wrong = value("conn_max") != "1000"
    wrong |= (put("conn_max", "1001") != errno.EINVAL) << 1
    wrong |= bool(put("conn_max", "7")) << 2
    wrong |= bool(put("conn_max", "1000")) << 3
    return wrong


def test_sysctls():
    """Each file: what it begins with, its bounds, and what a refused write leaves."""
    with Loaded():
        with net.within("director"):
            names = set(os.listdir(VS))
            wrong = probe()
        ok(names == set(SYSCTLS), "the files that are there", names ^ set(SYSCTLS))
        ok(not wrong, "each takes what it may, and keeps what it has otherwise", wrong)
        before = {name: value(name) for name in SYSCTLS}
        user = users.User(in_the_users)
        answer = user.answer
        if answer == users.NOT_ALLOWED:
            print("skip - this kernel gives users no namespaces", flush=True)
        else:
            ok(answer == 0, "the same in a user's namespace, and expire_nodest_conn "
               "decides there what is held", answer and bin(answer))
        with net.within("director"):
            there = {name: value(name) for name in SYSCTLS}
        ok({name: value(name) for name in SYSCTLS} == before == there,
           "the files of other namespaces are as before", there)
        user.end()
        if answer == users.NOT_ALLOWED:
            return
        put("conn_max", "1000")
        user = users.User(below_the_host)
        ok(user.answer == 0, "a user's namespace begins with the host's conn_max, and "
           "cannot exceed it", user.answer)
        user.end()
        put("conn_max", before["conn_max"])


def persistent(wire, port, number):
    """Servers that one client of a persistent service gets: at first, and when that
    one is quiesced."""
    Ipvs.restore(["-A -t %s:%d -s rr -p 300" % (V4, port)] +
                 ["-a -t %s:%d -r %s:%d -g" % (V4, port, each, port)
                  for each in (R4, rip(1, 4))])
    about = Service(4, "tcp", V4, port)
    first = wire.send(Flow(about, client(about, number), 4001))
    wire.send(Flow(about, client(about, number), 4001), ACK)
    call("-e -t V4:%d -r %s:%d -g -w 0" % (port, rip(first, 4), port))
    return first == wire.send(Flow(about, client(about, number), 4002))


def stray(wire, port):
    Ipvs.restore(["-A -t %s:%d -s rr" % (V4, port),
                  "-a -t %s:%d -r %s:%d -g" % (V4, port, R4, port)])
    about = Service(4, "tcp", V4, port)
    return wire.send(Flow(about, client(about, 9), 4003), ACK)


@only("uml")
def test_sysctl_effects():
    """What the files do, to services that are added from then on, and to rates."""
    with Loaded():
        wire = ipvs.Wire()
        with net.within("director"):
            def switch(name, text):
                with net.within("director"):
                    return put(name, text)
            about = Service(4, "udp", V4, 53)
            each = Flow(about, client(about, 1), 4000)
            call("-A -u V4:53 -s rr")
            call("-a -u V4:53 -r R4:53 -g")
            switch("run_estimation", "0")
            ok(stray(wire, 81) == "reset", "a packet of no connection is not scheduled")
            switch("sloppy_tcp", "1")
            ok(stray(wire, 82) == 0, "sloppy_tcp=1: it is")
            switch("sloppy_tcp", "0")
            ok(stray(wire, 83) == "reset", "sloppy_tcp=0: it is not")
            ok(persistent(wire, 84, 3), "a client stays at a server of weight 0")
            switch("expire_quiescent_template", "1")
            ok(not persistent(wire, 85, 4), "expire_quiescent_template=1: it does not")
            switch("expire_quiescent_template", "0")
            ok(wire.send(each, 0) == 0, "a client has a connection")
            switch("conn_max", "0")
            other = Flow(about, client(about, 2), 4000)
            wire.prepare(other, 0)
            before = net.drops_of("conn-max")
            ok(until(lambda: wire.tap.send(wire.frames[other, 0]) or
                     net.drops_of("conn-max") > before),
               "conn_max=0: a new client gets none", net.drops())
            ok(wire.send(each, 0) == 0, "the one that has a connection goes on")
            switch("conn_max", "1073741824")
            ok(wire.send(other, 0) == 0, "conn_max is large: the new client gets one")
            # Two samples would have been taken.
            end = time.monotonic() + 4.5
            until(lambda: wire.send(each, 0) and time.monotonic() > end or
                  time.monotonic() > end, 60)
            ok(totals()[1] == [0] * 5 and totals()[0][1] > 10,
               "run_estimation=0: traffic has no rates", totals())
            switch("run_estimation", "1")
            ok(until(lambda: wire.send(each, 0) is None or totals()[1][1] > 0, 60),
               "run_estimation=1: it has", totals())
        wire.close()


@only("uml")
def test_order():
    """Services in /proc/net/ip_vs: SCTP comes last, whenever it was added."""
    with Loaded():
        for line in ("--add-service --sctp-service V4:95 -s rr",
                     "--add-server --sctp-service V4:95 -r R4:95 -g", "-A -f 9 -s rr",
                     "-A -t V4:80 -s rr", "-A -u V4:80 -s rr"):
            ok(not call(line)[0], "ipvsadm " + line)
        kinds = [line.split()[0] for line in read("ip_vs").splitlines()[3:]]
        ok(kinds == ["TCP", "UDP", "FWM", "SCTP", "->"],
           "addresses, fwmarks, SCTP with its server", kinds)


def nested(kind, body, flag):
    return genl.attr(kind | (genl.NESTED if flag else 0), body)


def moby_service(address=None, port=80, mark=0, flags=0, netmask=0xffffffff):
    """Everything in every command; an address has as many bytes as it needs."""
    body = u16(AF, 10 if address and ":" in address else 2)
    if mark:
        body += genl.u32(FWMARK, mark)
    else:
        body += u16(PROTOCOL, 6) + genl.attr(ADDR, packed(address)) + \
            genl.be16(PORT, port)
    return body + whole(flags=(flags, 0xffffffff), netmask=netmask)


def moby_server(address, port=80, fwd=3, weight=1):
    """Without a family."""
    return genl.attr(D_ADDR, packed(address)) + genl.be16(D_PORT, port) + \
        genl.u32(FWD, fwd) + genl.u32(WEIGHT, weight) + genl.u32(5, 0) + genl.u32(6, 0)


def pyroute_service(address, port=80, sched=b"wlc"):
    """In the order of its attributes' numbers, an IPv4 netmask as four bytes; nests
    may have the flag."""
    return u16(AF, 2) + u16(PROTOCOL, 6) + genl.attr(ADDR, packed(address)) + \
        genl.be16(PORT, port) + genl.attr(SCHED, sched + b"\0") + \
        genl.attr(FLAGS, struct.pack("=II", 0, 0)) + genl.u32(TIMEOUT, 0) + \
        genl.attr(NETMASK, b"\xff" * 4)


def pyroute_server(address, port=80):
    return moby_server(address, port) + u16(D_AF, 2)


def forms():
    """(what, command, body, errno or 0), in this order: the commands of moby/ipvs and
    pyroute2, each in all forms that they have."""
    rows = []
    for what, one, far in (
            ("moby, IPv4", moby_service(V4), R4),
            ("moby, IPv6", moby_service(V6, netmask=128), R6),
            ("moby, a fwmark", moby_service(mark=7), R4),
            ("pyroute2", pyroute_service(VIPS[4][1]), R4)):
        for flag in (False, True):
            svc = nested(SERVICE, one, flag)
            if what == "pyroute2":
                first = changed = pyroute_server(far)
            else:
                port = 0 if "fwmark" in what else 80
                first = moby_server(far, port)
                changed = moby_server(far, port, weight=9)
            add = svc + nested(DEST, first, flag)
            edit = svc + nested(DEST, changed, flag)
            rows += [("%s, %s: %s" % (what, "nests with the flag" if flag else
                                      "nests without the flag", name), command, body,
                      code) for name, command, body, code in (
                          ("a service", NEW_SERVICE, svc, 0),
                          ("again", NEW_SERVICE, svc, errno.EEXIST),
                          ("a change", SET_SERVICE, svc, 0),
                          ("one service", GET_SERVICE, svc, 0),
                          ("a server", NEW_DEST, add, 0),
                          ("again", NEW_DEST, add, errno.EEXIST),
                          ("a change", SET_DEST, edit, 0),
                          ("removal", DEL_DEST, edit, 0),
                          ("removal again", DEL_DEST, edit, errno.ENOENT),
                          ("a server to keep", NEW_DEST, add, 0),
                          ("counters", ZERO, svc, 0),
                          ("removal of the service", DEL_SERVICE, svc, 0),
                          ("removal again", DEL_SERVICE, svc, errno.ESRCH),
                          ("a server of none", NEW_DEST, add, errno.ESRCH))]
    return rows


def test_forms():
    """moby/ipvs and pyroute2 send whole objects in every command."""
    with Loaded():
        with net.within("director"):
            sock = genl.Genl(name=b"IPVS")
        rows = forms()
        wrong = []
        for what, command, body, code in rows:
            got = asked(sock, command, body)
            if got != code:
                wrong.append((what, errno.errorcode.get(got, got)))
        ok(not wrong, "%d messages of moby/ipvs and pyroute2" % len(rows), wrong)
        for one in (moby_service(V4), moby_service(V6, netmask=128),
                    moby_service(mark=7)):
            asked(sock, NEW_SERVICE, genl.attr(SERVICE, one))
        # Each of these is the dump of all services.
        dumps = [sock.ask(sock.family, GET_SERVICE, body, flags) for body in
                 (b"", genl.attr(SERVICE, b""), nested(SERVICE, b"", True),
                  genl.attr(SERVICE, moby_service(V4)), b"\4\0\x63\0")
                 for flags in (genl.F_DUMP, genl.F_DUMP | genl.F_ACK)]
        ok([len(each) for each in dumps] == [3] * len(dumps),
           "a dump of services ignores what it is asked with", [len(each)
                                                                for each in dumps])
        for body, far in ((moby_service(V4), R4), (moby_service(V6, netmask=128), R6),
                          (moby_service(mark=7), R4)):
            asked(sock, NEW_DEST, genl.attr(SERVICE, body) +
                  genl.attr(DEST, moby_server(far)))
            for flag in (False, True):
                got = sock.ask(sock.family, GET_DEST, nested(SERVICE, body, flag),
                               genl.F_DUMP)
                rows = [dict(genl.parse(dict(genl.parse(each))[DEST])) for each in got]
                ok(len(rows) == 1 and rows[0][D_ADDR] == packed(far).ljust(16, b"\0") and
                   rows[0][D_AF] == struct.pack("=H", 10 if ":" in far else 2),
                   "a dump of servers by a whole service, %s" % far, rows)
        # The address of 4 bytes and that of 16 are one.
        ok(asked(sock, GET_SERVICE, service(key(long=True))) == 0 and
           len(sock.ask(sock.family, GET_DEST, service(key(long=True)),
                        genl.F_DUMP)) == 1, "an IPv4 address may have 16 bytes")
        sock.close()


def words(kind, one):
    """The lines by which ipvsadm adds a service with one server by a tunnel."""
    name = ("%s:%d" if kind.inner == 4 else "[%s]:%d") % (one.vip, one.port)
    at = rip(0, kind.outer) if kind.outer == 4 else "[%s]" % rip(0, 6)
    return ["-A -t %s -s rr" % name, "-a -t %s -r %s:%d %s" %
            (name, at, one.port, kind.stock())]


@only("uml")
def test_tunnels():
    """A service of ipvsadm sends the frames of a service of lbctl, by each tunnel."""
    with Loaded():
        director, wire = wires.open_director(), wires.Wire()
        flows = [(kind, wires.flow(kind.inner, port=3000 + number))
                 for number, kind in enumerate(TWELVE + SUMMED)]
        seen = {}
        for side in ("lbctl", "ipvsadm"):
            if side == "ipvsadm":
                Ipvs.restore([line for each in flows for line in words(*each)])
            else:
                for kind, one in flows:
                    director.add(wires.key_of(one), sched="rr")
                    director.do(genl.SERVER_NEW, genl.server(
                        rip(0, kind.outer), wires.key_of(one), wires.attributes(kind)))
            for kind, one in flows:
                packets = [packet for _, packet in wires.samples(one)][:4]
                seen[side, one] = [wire.through(packet)[:1] for packet in packets]
            director.clear()
        for kind, one in flows:
            ours, theirs = (seen[side, one] for side in ("lbctl", "ipvsadm"))
            ok(ours == theirs and all(len(each) == 1 and
                                      isinstance(each[0], wires.tunnels.Outer)
                                      for each in ours),
               "%s: the frames of both are the same" % kind, (ours, theirs))
        wire.close()
        director.close()


MANY_SERVERS = 4096
FAR = ["10.1.%d.%d" % divmod(n, 256) for n in range(MANY_SERVERS + 1)]


def servers_of(sock, one=None):
    return len(sock.ask(sock.family, GET_DEST, one or service(key()), genl.F_DUMP))


@only("uml")
def test_many_servers():
    """A restart of keepalived with 4,096 servers of one service, which are held
    meanwhile, and leave room for another one. Each is added again with ALL=1."""
    with Loaded():
        with net.within("director"):
            sock, director = genl.Genl(name=b"IPVS"), Staged()
        director.begin()
        director.stage(genl.SERVICE_NEW, genl.key(V4) + genl.settings(sched="wlc"))
        for far in FAR[:-1]:
            director.stage(genl.SERVER_NEW, genl.server(far, genl.key(V4)))
        director.commit()
        ok(servers_of(sock) == MANY_SERVERS, "4,096 servers", servers_of(sock))
        bodies = [service(key()) + dest(server(far)) for far in FAR]
        again = bodies[:-1] if net.EVERYTHING else bodies[:-1:150]
        ok(asked(sock, NEW_DEST, bodies[-1]) == errno.ENOMEM,
           "one more: ENOMEM, which clients know")
        for what, command, body in (("FLUSH", FLUSH, b""), ("removal of the service",
                                                            DEL_SERVICE, service(key()))):
            codes = [asked(sock, command, body),
                     asked(sock, NEW_SERVICE, service(key(), whole(b"wlc")))]
            ok(codes == [0, 0] and not servers_of(sock), "%s: none is listed" % what,
               codes)
            codes = [asked(sock, command, bodies[-1])
                     for command in (NEW_DEST, DEL_DEST)]
            ok(codes == [0, 0], "%s: a server that is not held can be added" % what,
               codes)
            codes = [asked(sock, NEW_DEST, each) for each in again]
            ok(codes == [0] * len(again) and servers_of(sock) == len(again),
               "%s, and adding again: they are there" % what, codes)
        codes = [asked(sock, command, again[0]) for command in (DEL_DEST, NEW_DEST)]
        ok(codes == [0, 0], "a server, removed and added again", codes)
        director.clear()
        director.close()
        sock.close()


def burden(services, servers):
    """[(what, seconds)] of the module that is loaded, by one message at a time, as
    keepalived sends them: services, then one service with many servers, and one of mh,
    whose table depends on all servers."""
    with net.within("director"):
        sock = genl.Genl(name=b"IPVS")
    for sched, port in ((b"wlc", 80), (b"mh", 81)):
        sock.ask(sock.family, NEW_SERVICE, service(key(V4, port), whole(sched)))
    took, seen = [], []

    def timed(what, work):
        begun = time.monotonic()
        work()
        took.append((what, time.monotonic() - begun))

    def each_service(command, more=b""):
        for number in range(services):
            sock.ask(sock.family, command,
                     service(key(V4, 1 + number, 17), more))

    def each_server(command, port):
        for far in FAR[:servers]:
            sock.ask(sock.family, command, service(key(V4, port)) + dest(server(far)))

    def dump():
        seen.append((len(sock.ask(sock.family, GET_SERVICE, b"", genl.F_DUMP)),
                     [servers_of(sock, service(key(V4, port))) for port in (80, 81)]))

    timed("adding %d services" % services, lambda: each_service(NEW_SERVICE, whole(b"wlc")))
    timed("adding %d servers" % servers, lambda: each_server(NEW_DEST, 80))
    timed("adding %d servers of mh" % servers, lambda: each_server(NEW_DEST, 81))
    timed("dumps of all", dump)
    timed("removing %d servers" % servers, lambda: each_server(DEL_DEST, 80))
    timed("removing %d servers of mh" % servers, lambda: each_server(DEL_DEST, 81))
    timed("removing %d services" % services, lambda: each_service(DEL_SERVICE))
    dump()
    ok(seen == [(services + 2, [servers, servers]), (2, [0, 0])] and not sock.torn,
       "%d services and twice %d servers are listed, and are gone when they were removed" %
       (services, servers), seen)
    sock.ask(sock.family, FLUSH)
    sock.close()
    return took


@only("uml")
def test_scale():
    """Many services and servers, and with ALL=1 stock ip_vs beside it: 10,000 services,
    4,096 servers of one service and 4,096 of one of mh are added, listed and removed
    again, one by one. An emulated machine that others use, too, may be several times as
    slow for a while. So the bound is no statement on speed, which is what the printed
    ratio is for: it finds a time that has no relation to that of ip_vs."""
    # UML takes a second and more to free a table of mh.
    services, servers = (10000, 4096) if net.EVERYTHING else (300, 20)
    theirs = []
    if net.EVERYTHING:
        Ipvs()
        call("-C")
        theirs = burden(services, servers)
    with Loaded():
        ours = burden(services, servers)
    for (what, before), (_, after) in zip(theirs, ours):
        print("# %s: ip_vs %.2f s, lbdr %.2f s, ratio %.2f" %
              (what, before, after, after / before), flush=True)
        ok(after < 30 * before + 5, "%s takes less than 30 times as long as with ip_vs" %
           what, "%.2f s, %.2f s" % (before, after))


if __name__ == "__main__":
    ipvs.main(globals())
