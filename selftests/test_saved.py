#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0
"""Connections that are saved and restored: conn-add, `lbctl save-conns` and
`lbctl restore-conns`."""
import errno
import os
import tempfile

import genl
import net
from ipvs import VIPS
from net import ACK, FIN, SYN, lbctl, ok, until
from test_tcp import NUMBER, Wire, flow, main, open_director, rips

CONN_MAX = "/sys/module/lbdr/parameters/conn_max"


def fill(director, wire, version):
    """Connections of each form of service, in some states. Returns the packets that
    go on with them, and where the first ones went."""
    vips = VIPS[version]
    for service, persist in ((genl.key(vips[0]), 0), (genl.ports(100, 200, vips[1]), 60),
                             (genl.key(vips[2], 0, NUMBER["udp"]), 0)):
        director.add(service, rips(version, 0, 1, 2), sched="rr", persist=persist)
    more, servers = [], []
    for turn in range(9):
        web = flow(version, client=1 + turn)
        many = flow(version, client=20 + turn % 3, vip=1, port=150 + turn)
        names = flow(version, client=1, vip=2, port=9 + turn)
        for one, words in ((web, [web.tcp(SYN)]), (many, [many.tcp(SYN)]),
                           (names, [names.udp()])):
            servers.append(wire.send(*words))
            more.append(one.udp() if one is names else one.tcp(ACK))
        if turn % 3:
            wire.send(web.tcp(ACK), many.tcp(ACK), names.udp())
        if turn == 8:
            wire.send(web.tcp(FIN | ACK))
    return more, servers


def rows(director):
    """What there is, without times."""
    return sorted(conn[:-1] for conn in director.conns())


def test_round():
    """Saved, ended, and restored: the same connections, and each goes on."""
    director, wire = open_director(), Wire()
    for version in (4, 6):
        name = "IPv%d: " % version
        more, servers = fill(director, wire, version)
        before, times = rows(director), {c[:-1]: c[-1] for c in director.conns()}
        with tempfile.TemporaryDirectory() as folder:
            file = os.path.join(folder, "conns")
            lbctl("save-conns", file)
            with open(file, encoding="ascii") as lines:
                text = lines.read()
            ok(len(text.splitlines()) == len(before) == 30,
               name + "save-conns writes 27 connections and 3 templates", text)
            ok(text.count(" udp ") == 18 and text.count(" half_open ") == 3,
               name + "3 of 9 UDP flows have seen one datagram", text)
            shown = lbctl("save-conns").stdout.splitlines()
            ok(sorted(line.split()[:2] for line in shown) ==
               sorted(line.split()[:2] for line in text.splitlines()),
               name + "and prints the same without a file", shown)
            lbctl("conns", "--kill", "--all")
            ok(director.count() == 0, name + "they are ended")
            done = lbctl("restore-conns", file)
            ok(done.stdout == "30 connections restored\n" and not done.stderr,
               name + "restore-conns adds all of them", done)
            after = {c[:-1]: c[-1] for c in director.conns()}
            ok(rows(director) == before, name + "client, VIP, server and state of "
               "each are what they were", (rows(director), before))
            late = [key for key in before if not
                    times[key] - 60 <= after.get(key, 0) <= times[key]]
            ok(not late, name + "and so is the time that is left", late)
            again = lbctl("save-conns").stdout
            ok(sorted(line.split()[6:] for line in again.splitlines()) ==
               sorted(line.split()[6:] for line in text.splitlines()),
               name + "flags and service, too", (again, text))
            done = lbctl("restore-conns", file, check=False)
            ok(done.returncode == 3 and done.stdout == "0 connections restored\n" and
               "30 connections not restored" in done.stderr and
               "line 1: connection exists" in done.stderr,
               name + "a second time changes nothing, and says so", done)
            ok(rows(director) == before, name + "as the table shows")
        fates = [wire.send(packet) for packet in more]
        ok(fates == servers, name + "each client's next packet goes to the server of "
           "its first one", [pair for pair in zip(fates, servers)])
        one = flow(version, client=21, vip=1, port=199)
        template = [c.server for c in director.conns(state="template")
                    if c.client == one.client]
        fate = wire.send(one.tcp(SYN))
        ok(template == rips(version, fate), name + "a restored template chooses the "
           "server of a new connection", (template, fate))
        director.clear()
    wire.close()
    director.close()


def test_synced():
    """A copy of another director's connection is restored as a copy, until a packet of
    the client comes here."""
    director, wire = open_director(), Wire()
    for version in (4, 6):
        name, vip, own = "IPv%d: " % version, VIPS[version][0], rips(version, 1)[0]
        director.add(genl.key(vip), rips(version, 0, 1), sched="rr")
        one, other = flow(version, client=1), flow(version, client=2)
        for at, flags in ((one, genl.SYNCED), (other, genl.SYNCED | genl.RENEWED)):
            director.do(genl.CONN_ADD, genl.saved(
                own, "established", 60000, flags, protocol=6, vport=80, vip=vip,
                client=at.client, cport=at.sport))
        with tempfile.TemporaryDirectory() as folder:
            file = os.path.join(folder, "conns")
            lbctl("save-conns", file)
            lbctl("conns", "--kill", "--all")
            lbctl("restore-conns", file)
        words = [line.split()[6] for line in lbctl("save-conns").stdout.splitlines()]
        ok(sorted(words) == ["renewed,synced", "synced"],
           name + "two copies are saved and restored as copies", words)
        wire.send(one.tcp(ACK))
        words = [line.split()[6] for line in lbctl("save-conns").stdout.splitlines()]
        ok(sorted(words) == ["-", "renewed,synced"],
           name + "a packet makes one this director's own", words)
        director.clear()
    wire.close()
    director.close()


def test_mark():
    """A connection and a template of a fwmark service, whose service must be named."""
    director, wire = open_director(), Wire()
    for version in (4, 6):
        name, vip, own = "IPv%d: " % version, VIPS[version][3], rips(version, 1)[0]
        one = flow(version, vip=3, port=443)
        service = genl.marked(9, version)
        director.add(service, rips(version, 0, 1), sched="rr", persist=50)
        body = genl.saved(own, "established", 60000, protocol=6, vport=443, vip=vip,
                          client=one.client, cport=one.sport)
        try:
            director.do(genl.CONN_ADD, body)
            code = 0
        except genl.Refused as error:
            code = error.code
        ok(code == errno.ESRCH, name + "without its service there is none", code)
        named = genl.attr(genl.CONN_SERVICE | genl.NESTED, service)
        director.do(genl.CONN_ADD, body + named)
        director.do(genl.CONN_ADD, genl.saved(own, "template", 40000,
                                              client=one.client) + named)
        ok({(c.vip, c.state) for c in director.conns()} ==
           {(vip, "established"), ("mark 9", "template")},
           name + "connection and template are there", director.conns())
        text = lbctl("save-conns").stdout
        ok(text.count(" -f 9") == 2, name + "and are saved with their service", text)
        director.clear()
    wire.close()
    director.close()


def wrong():
    """What is wrong, its attributes, the errno, a word of the sentence."""
    vip, client, server = VIPS[4][0], "198.51.100.9", rips(4, 0)[0]
    good = {"client": client, "cport": 7, "vip": vip, "vport": 80, "protocol": 6}
    template = {"client": client,
                "service": genl.key(VIPS[4][1])}

    def saved(state="established", time=1000, flags=0, to=server, **more):
        which = {**(template if state == "template" else good), **more}
        return genl.saved(to, state, time, flags, **{k: v for k, v in which.items()
                                                     if v is not None})
    mark = genl.u32(genl.CONN_FWMARK, 1)
    return [
        ("nothing", b"", errno.EINVAL, "required"),
        ("no client", saved(client=None), errno.EINVAL, "required"),
        ("no server", saved(to=None), errno.EINVAL, "required"),
        ("no state", saved(state=None), errno.EINVAL, "required"),
        ("no protocol", saved(protocol=None), errno.EINVAL, "protocol"),
        ("no client's port", saved(cport=None), errno.EINVAL, "client-port"),
        ("no VIP", saved(vip=None), errno.EINVAL, "virtual-address"),
        ("no virtual port", saved(vport=None), errno.EINVAL, "virtual-port"),
        ("virtual port 0", saved(vport=None) + genl.be16(genl.CONN_VIRTUAL_PORT, 0),
         errno.ERANGE, "virtual-port"),
        ("no time", saved(time=0), errno.ERANGE, ""),
        ("the state of UDP", saved("udp"), errno.EINVAL, "state of the protocol"),
        ("the state of SCTP", saved("sctp-init"), errno.EINVAL, "state of the protocol"),
        ("a dead one", saved() + genl.u8(genl.CONN_STATE, 12), errno.ERANGE, ""),
        ("a flag of UDP", saved(flags=genl.HALF_OPEN), errno.EINVAL, "half-open"),
        ("a flag that does not exist", saved(flags=8), errno.EINVAL, ""),
        ("a multicast client", saved(client="224.0.0.1"), errno.EINVAL, "unicast"),
        ("a client that is 0", saved(client="0.0.0.0"), errno.EINVAL, "unicast"),
        ("a loopback client", saved(client="127.0.0.1"), errno.EINVAL, "loopback"),
        ("an IPv6 client", saved(client=None) + genl.attr(
            genl.CONN_CLIENT_ADDRESS, bytes(16)), errno.EAFNOSUPPORT, "address"),
        ("an IPv6 server", saved(to="2001:db8::9"), errno.ENOENT, "server not found"),
        ("another server", saved(to=rips(4, 3)[0]), errno.ENOENT, "server not found"),
        ("a held server", saved(to=rips(4, 2)[0]), errno.ENOENT, "held"),
        ("a VIP without service", saved(vip=VIPS[4][2]), errno.ESRCH,
         "service not found"),
        ("a port without service", saved(vport=81), errno.ESRCH, "service not found"),
        ("another protocol", saved("udp", protocol=17), errno.ESRCH,
         "service not found"),
        ("a service that does not exist", saved(service=genl.key(vip, 82)),
         errno.ESRCH, "service not found"),
        ("a service of another VIP", saved(service=genl.key(VIPS[4][1])), errno.EINVAL,
         "service"),
        ("a held service", saved(vip=VIPS[4][3]), errno.ESRCH, "service not found"),
        ("a held service by its key", saved(vip=VIPS[4][3],
                                            service=genl.key(VIPS[4][3])),
         errno.ESRCH, "held"),
        ("a VRF that does not exist", saved(vrf="none"), errno.ENODEV, "VRF"),
        ("a one-packet service", saved("udp", protocol=17, vip=VIPS[4][1]),
         errno.EINVAL, "one-packet"),
        ("a template without service", saved("template", service=None), errno.EINVAL,
         "service is required"),
        ("a template with a port", saved("template", vport=80), errno.EINVAL,
         "a template has no"),
        ("a template with a protocol", saved("template", protocol=6), errno.EINVAL,
         "a template has no"),
        ("a template without persistence", saved("template", service=genl.key(vip)),
         errno.EINVAL, "no persistence"),
        ("a template of one client of a prefix", saved("template"), errno.EINVAL,
         "persist-prefix"),
        ("a mark, which is only told", saved() + mark, errno.EINVAL, ""),
        ("an idle time, which is only told", saved() + genl.u32(genl.CONN_IDLE, 1),
         errno.EINVAL, ""),
    ]


def test_refusals():
    """What conn-add refuses, with a sentence, and that it changes nothing."""
    director, wire = open_director(), Wire()
    one, vips = flow(), VIPS[4]
    director.add(genl.key(vips[0]), rips(4, 0, 1, 2), sched="rr")
    director.do(genl.SERVER_DEL, genl.server(rips(4, 2)[0], genl.key(vips[0]),
                                             genl.u32(genl.SERVER_HOLD, 500)))
    director.add(genl.key(vips[1]), rips(4, 0), sched="rr", persist=60, prefix=24)
    director.add(genl.key(vips[1], 80, 17), rips(4, 0), sched="rr", flags=1)
    director.add(genl.key(vips[3]), rips(4, 0), sched="rr")
    director.do(genl.SERVICE_DEL, genl.key(vips[3]) + genl.u32(genl.SERVICE_HOLD, 500))
    first = wire.send(one.tcp(SYN))
    before = director.servers(genl.key(vips[0]))
    for what, body, code, word in wrong() + [
            ("one that exists, to server %d" % server, genl.saved(
                rips(4, server)[0], "established", 5000, protocol=6, vport=80,
                vip=vips[0], client=one.client, cport=one.sport), errno.EEXIST, "exists")
            for server in (0, 1)]:
        try:
            director.do(genl.CONN_ADD, body)
            got = "it was taken"
        except genl.Refused as error:
            got = "" if error.code == code and error.sentence and \
                word in error.sentence else error
        if not got and (director.count() != 1 or
                        director.servers(genl.key(vips[0])) != before):
            got = "it changed something"
        ok(not got, "%s: %s and a sentence, and nothing changes" %
           (what, errno.errorcode[code]), got)
    ok(wire.send(one.tcp(ACK)) == first, "the connection that exists goes on")
    director.clear()
    wire.close()
    director.close()


def test_full():
    """A full table takes no more, and gives up none."""
    director = open_director()
    vip, server = VIPS[4][0], rips(4, 0)[0]
    director.add(genl.key(vip), [server], sched="rr")
    # What waits to be freed counts.
    ok(until(lambda: not director.held()), "no connection is left")
    with open(CONN_MAX, encoding="ascii") as file:
        usual = file.read()
    try:
        net.write(CONN_MAX, "10")
        codes = []
        for port in range(1, 14):
            try:
                director.do(genl.CONN_ADD, genl.saved(
                    server, "syn-recv", 60000, protocol=6, vport=80, vip=vip,
                    client="198.51.100.1", cport=port))
                codes.append(0)
            except genl.Refused as error:
                codes.append(error.code)
        ports = sorted(conn.cport for conn in director.conns())
    finally:
        net.write(CONN_MAX, usual)
    ok(codes == [0] * 10 + [errno.ENOSPC] * 3 and ports == list(range(1, 11)),
       "with conn_max 10, ten are taken and stay, and three are refused", (codes, ports))
    ok(director.servers(genl.key(vip))[server]["conns"] == 0,
       "none counts as scheduled", director.servers(genl.key(vip)))
    director.clear()
    director.close()


def test_file():
    """Lines that are wrong are counted, and the others are restored."""
    director = open_director()
    vip, (server,) = VIPS[4][0], rips(4, 0)
    director.add(genl.key(vip), [server], sched="rr")
    form = "198.51.100.1:%%s %s:80 tcp %s established %%s %%s -t %s:80\n" % (
        vip, server, vip)
    good = form % (1, 5000, "-")
    lines = [form % (0, 5000, "-"), form % (2, 0, "-"), form % (2, 5000, "nonsense"),
             form % (2, 5000, "vrf="), good.replace("tcp", "icmp"),
             good.replace("established", "udp"), good.replace(" -t", " -q"),
             "198.51.100.1:1\n", good.replace(vip + ":80 tcp", "- -"),
             good.replace("198.51.100.1", "198.51.100.0/24"), "'\n",
             good.replace(server, "192.0.2.77")]
    with tempfile.NamedTemporaryFile("w", encoding="ascii") as file:
        file.write("# a comment\n" + "".join(lines) + good)
        file.flush()
        done = lbctl("restore-conns", file.name, check=False)
    ok(done.returncode == 3 and done.stdout == "1 connection restored\n" and
       "%d connections not restored; %s, line 2: " % (len(lines), file.name) in
       done.stderr, "%d of %d lines are wrong" % (len(lines), len(lines) + 1), done)
    ok([conn.cport for conn in director.conns()] == [1], "and the right one is there",
       director.conns())
    done = lbctl("restore-conns", "/nonexistent", check=False)
    ok(done.returncode == 1 and "/nonexistent" in done.stderr,
       "a file that does not exist is named", done)
    director.clear()
    director.close()


if __name__ == "__main__":
    main(globals())
