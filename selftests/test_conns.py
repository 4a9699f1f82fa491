#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0
"""Connections listed, counted and ended by choice, and `lbctl trace`: what the tool
prints, and the memory that it takes."""
import json
import os
import re
import socket
import struct
import subprocess
from collections import Counter

import genl
import ipvs
import net
from ipvs import VIPS
from net import ACK, FIN, LBCTL, SYN, lbctl, ok, until
from test_tcp import NUMBER, Wire, flow, main, open_director, rips
from test_watch import complaints, documented

# Enough to fill a pipe, and many more. Of one connection the tool would keep more
# bytes than this if it kept any.
FEW, MANY, KEPT = 1000, 8000, 50
# Milliseconds: a busy machine may stop a test for seconds, and the young are old then.
BORDER, OLD = 8000, 9000


def fill(director, wire, version):
    """Connections of three services in some states; what is remembered, too."""
    vips = VIPS[version]
    keys = [genl.key(vips[0]), genl.ports(100, 200, vips[1]),
            genl.key(vips[2], 0, NUMBER["udp"])]
    for number, key in enumerate(keys):
        director.add(key, rips(version, 0, 1), sched="rr",
                     persist=900 if number == 1 else 0)
    for turn in range(6):
        one = flow(version, client=1 + turn)
        wire.send(one.tcp(SYN))
        if turn % 2:
            wire.send(one.tcp(ACK))
        wire.send(flow(version, client=1 + turn % 3, vip=1,
                       port=150 + turn).tcp(SYN))
        wire.send(flow(version, client=1, vip=2, port=9 + turn).udp())
    return keys


def rows_of(*words):
    return json.loads(lbctl(*words, "-j").stdout)


def form(version, vip, port):
    return ("%s:%s" if version == 4 else "[%s]:%s") % (VIPS[version][vip], port)


def numbers(words):
    """Of a table of counts, what is counted -> how many."""
    lines = lbctl(*words).stdout.splitlines()
    return {line.split(None, 1)[1]: int(line.split()[0]) for line in lines[1:]}


def test_choices():
    """conns beside what list -c and del-conn know, and counts beside naive ones."""
    director, wire = open_director(), Wire()
    # On a busy host this may take longer than half-open connections last.
    lbctl("set-timeout", "syn_recv=900", "udp=900")
    for version in (4, 6):
        name = "IPv%d: " % version
        fill(director, wire, version)
        rows = rows_of("conns")
        ok(len(rows) == director.count() == 21, name + "three services have 18 "
           "connections, and three clients are remembered",
           (len(rows), director.count()))
        choices = {
            "a service": ["-t", form(version, 0, 80)],
            "a range of ports": ["-t", form(version, 1, "100-200")],
            "all ports": ["-u", form(version, 2, 0)],
            "a server": ["-r", rips(version, 1)[0] if version == 4 else
                         "[%s]" % rips(version, 1)[0]],
            "a network": ["--client", "198.51.100.0/30" if version == 4 else
                          "[2001:db8:c::]/126"],
            "a state": ["--state", "established"],
            "a packet lately": ["--recent", "3600"],
            "a long idle time": ["--idle", "3600"],
            "two together": ["--state", "syn_recv", "-t", form(version, 0, 80)],
        }
        for what, words in choices.items():
            listed = lbctl("list", "-c", "-n", *words).stdout.splitlines()
            mine = lbctl("conns", "-n", *words).stdout.splitlines()
            count = lbctl("conns", "--count", *words).stdout
            # Expiry times run, in the second column.
            ok(sorted(line[:4] + line[10:] for line in listed) ==
               sorted(line[:4] + line[10:] for line in mine) and
               int(count) == len(mine) - 2 and
               (len(mine) > 2) == (what != "a long idle time"),
               name + "by %s, conns lists and counts what list -c lists: %s" %
               (what, count.strip()), (listed, mine, count))
        by = {"state": Counter(row["state"].upper() for row in rows),
              "server": Counter(row["server_address"] for row in rows),
              "service": {
                  "TCP  " + form(version, 0, 80): 6,
                  "TCP  " + form(version, 1, "100-200"): 9,
                  "UDP  " + form(version, 2, 0): 6}}
        for what, want in by.items():
            got = numbers(["conns", "-n", "--count-by", what])
            ok(got == want and list(got.values()) == sorted(got.values(),
                                                            reverse=True),
               name + "counted by %s, the most first" % what, (got, want))
        got = numbers(["conns", "--count-by", "state", "-u", form(version, 2, 0)])
        ok(got == {"UDP": 6}, name + "of those that are chosen", got)
        rows = rows_of("conns", "--count", "--state", "established")
        ok(rows == [{"connections": 3}], name + "a count as JSON", rows)
        done = lbctl("conns", "--kill", "--state", "established").stdout
        ok(done == "3 connections ended\n" and director.count() == 18 and
           not director.conns(state="established"),
           name + "--kill ends those that are chosen, and says how many", done)
        done = lbctl("conns", "--kill", check=False)
        ok(done.returncode == 1 and "--all" in done.stderr and
           director.count() == 18, name + "without a choice it ends none",
           done.stderr)
        ok(lbctl("conns", "--kill", "--all").stdout == "18 connections ended\n" and
           director.count() == 0, name + "--all ends all")
        director.clear()
    wire.close()
    director.close()
    lbctl("set-timeout", "syn_recv=60", "udp=300")


def test_idle():
    """A connection is as old as its last packet."""
    director, wire = open_director(), Wire()
    for version in (4, 6):
        name = "IPv%d: " % version
        director.add(genl.key(VIPS[version][0]), rips(version, 0), sched="rr")
        old = [flow(version) for _ in range(3)]
        wire.send(*[one.tcp(SYN) for one in old])
        ok(director.count(idle_max=BORDER) == 3, name + "three that begin are young")
        ok(until(lambda: director.count(idle_min=OLD) == 3),
           name + "after a while they are old")
        # A stamp is a quarter of a second old at most.
        fresh = flow(version)
        wire.send(old[0].tcp(ACK), fresh.tcp(SYN))
        young = {one.sport for one in (old[0], fresh)}
        got = {conn.cport for conn in director.conns(idle_max=BORDER)}
        rest = {conn.cport for conn in director.conns(idle_min=BORDER + 1)}
        ok(got == young and rest == {one.sport for one in old[1:]},
           name + "one that has a packet is young again, as a new one is",
           (got, rest, young))
        ok(director.count(idle_min=0) == director.count() == 4 and
           director.count(idle_min=4000000) == director.count(idle_max=0,
           state="close") == 0, name + "0 is for all, an hour for none")
        replies = [dict(genl.parse(reply)) for reply in director.dump(
            genl.CONN_GET, genl.filter_of(idle_min=BORDER + 1) +
            genl.attr(genl.CONN_WITH_SERVICE, b""))]
        ok(len(replies) == 2 and all(
            genl.number(row[genl.CONN_IDLE]) > BORDER and
            row[genl.CONN_SERVICE] == genl.key(VIPS[version][0])
            for row in replies), name + "idle times are told, and services where "
           "they are asked for", replies)
        ok(director.kill(idle_min=BORDER + 1) == 2 and
           {conn.cport for conn in director.conns()} == young,
           name + "those that idle can be ended", director.conns())
        director.clear()
    refusals = {
        "a time from 2 to 1": genl.filter_of(idle_min=2, idle_max=1),
        "a time of a byte": genl.u8(genl.CONN_IDLE_MIN, 1),
        "what is only told": genl.u32(genl.CONN_IDLE, 1),
        "a mark, which is only told": genl.u32(genl.CONN_FWMARK, 1),
        "a count": genl.u32(genl.COUNT, 1),
    }
    for what, body in refusals.items():
        for command, act in ((genl.CONN_COUNT, director.do),
                             (genl.CONN_DEL, director.do),
                             (genl.CONN_GET, director.dump)):
            try:
                act(command, body)
                refusal = None
            except genl.Refused as error:
                refusal = error
            ok(refusal and refusal.sentence, "%s is refused by command %d: %s" %
               (what, command, refusal))
    wire.close()
    director.close()


def many(number):
    """SYNs of so many clients of the first VIP, each a connection."""
    tap = net.Tap("client")
    base = bytearray(net.mac("director") + net.mac("client") + ipvs.KIND[4] +
                     net.packet("10.0.0.0", VIPS[4][0], 6, net.tcp(1, 80, SYN)))
    total = sum(struct.unpack("!HHH", base[18:20] + base[26:30]))
    for client in range(number):
        base[28:30] = struct.pack("!H", client)
        # The header's checksum stays: the identification makes up for it.
        base[18:20] = struct.pack("!H", (total - 0x0a00 - client) % 0xffff)
        tap.send(base)
    tap.close()


def peak(*words):
    """The most memory that the tool takes, in KiB, and the bytes that it writes.
    It is looked at while it waits for its reader: the last pipe's worth of lines is
    missed."""
    child = subprocess.Popen([LBCTL, "-N", "director", *words],
                             stdout=subprocess.PIPE)
    most = size = 0
    while piece := os.read(child.stdout.fileno(), 4096):
        size += len(piece)
        with open("/proc/%d/status" % child.pid, encoding="ascii") as file:
            rows = dict(line.split(":", 1) for line in file)
        if "VmHWM" in rows:
            most = max(most, int(rows["VmHWM"].split()[0]))
    child.stdout.close()
    child.wait()
    return most, size


def test_memory():
    """The tool keeps no connection, however many there are."""
    director = open_director()
    director.add(genl.key(VIPS[4][0]), rips(4, 0, 1), sched="rr")
    # A busy machine takes longer than a minute for them.
    lbctl("set-timeout", "syn_recv=2000")
    seen, forms = {}, (("conns", "-n"), ("conns", "-j"))
    for number in (FEW, MANY):
        many(number)
        ok(until(lambda number=number: director.count() == number),
           "%d connections are there" % number, director.count())
        for words in forms:
            seen[words, number] = peak(*words)
    for words in forms:
        before, after = seen[words, FEW], seen[words, MANY]
        ok(before[0] > 0 and after[0] - before[0] < (MANY - FEW) * KEPT // 1024 and
           after[1] > before[1] * 7,
           "lbctl %s: as much memory for %d of them as for %d: %d KiB and %d" %
           (" ".join(words), MANY, FEW, after[0], before[0]), (before, after))
    lbctl("set-timeout", "syn_recv=60")
    director.clear()
    until(lambda: not director.held())
    director.close()


def packet(one, *more):
    """The words of a question about a flow."""
    address = "%s:%d" if ":" not in one.vip else "[%s]:%d"
    return ["trace", "-n", "-t", address % (one.vip, one.port), "--client",
            address % (one.client, one.sport), *more]


def test_tool_trace():
    """What is printed, once for each kind of answer, and that all of it is
    documented."""
    director, wire = open_director(), Wire()
    document, objects = documented()["trace -j"], []
    for version in (4, 6):
        name, vip = "IPv%d: " % version, VIPS[version][0]
        at = form(version, 0, 80)
        server = ("%s:80" if version == 4 else "[%s]:80") % rips(version, 0)[0]
        other = rips(version, 1)[0]
        one = flow(version)
        gone = lbctl(*packet(one)).stdout.splitlines()
        objects += rows_of(*packet(one))
        ok(gone[1].split() == ["service", "none"] and "no service matches" in gone[2],
           name + "no service", gone)
        key = genl.key(vip)
        director.add(key, rips(version, 0, 1), sched="sh", persist=60)
        director.weigh(key, other, 0)
        index = socket_index()
        answer = lbctl(*packet(one)).stdout
        objects += rows_of(*packet(one, "--mac", "02:00:5e:00:00:01"))
        client = ("%s:%d" if version == 4 else "[%s]:%d") % (one.client, one.sport)
        ok(answer == """\
packet       TCP %s -> %s
service      TCP  %s, exact port match
connection   none
persistence  no entry for this client
scheduler    sh: by a hash of the client address
servers      2: 1 open, 1 quiesced
server       %s, open, weight 1, 0 active, 0 inactive, device %d
result       to %s, new connection
""" % (client, at, at, server, index, server), name + "a new connection, to the "
           "letter", answer)
        wire.send(one.tcp(SYN))
        answer = lbctl(*packet(one)).stdout
        objects += rows_of(*packet(one))
        ok(re.search("^connection   SYN_RECV, expires in (60|[1-5][0-9]) s$", answer, re.M) and
           answer.endswith("result       to %s\n" % server) and
           "scheduler" not in answer, name + "a connection", answer)
        again = flow(version)
        answer = lbctl(*packet(again)).stdout
        objects += rows_of(*packet(again))
        ok(re.search(r"^persistence  %s, expires in [1-5][0-9] s$" % re.escape(server),
                     answer, re.M), name + "a client that comes back", answer)
        wire.send(one.tcp(ACK), one.tcp(FIN | ACK))
        answer = lbctl(*packet(one)).stdout
        ok("closing: the packet starts a new one" in answer, name + "a connection "
           "that is over", answer)
        director.set(key, persist=0)
        wire.send(flow(version).tcp(SYN))
        director.do(genl.SERVER_SET, genl.server(
            rips(version, 0)[0], key, genl.u32(genl.SERVER_UPPER, 1)))
        wire.send(flow(version).tcp(SYN))
        answer = lbctl(*packet(again)).stdout
        objects += rows_of(*packet(again))
        ok("first choice %s, overloaded" % server in answer and
           "result       not forwarded, no-server: " in answer and
           "client       gets ICMP port unreachable\n" in answer,
           name + "a hash that meets an overloaded server", answer)
        answer = lbctl(*packet(again, "--data")).stdout
        objects += rows_of(*packet(again, "--data"))
        ok(", data\n" in answer and "not forwarded, no-conn: " in answer,
           name + "data of no connection", answer)
        director.clear()
        director.add(genl.marked(7, version), rips(version, 0), sched="twos")
        director.add(genl.ports(70, 90, vip), [], sched="rr")
        words = ["trace", "-u", form(version, 0, 53), "--client",
                 one.client if version == 4 else "[%s]" % one.client, "--mark",
                 "0x7"]
        answer = lbctl(*words, "-n").stdout
        objects += rows_of(*words) + rows_of(*packet(flow(version, port=81)))
        ok("service      FWM  7%s, mark match\n" % (" IPv6" * (version == 6)) in
           answer and "random: the next packet" in answer and
           "any client port" in answer,
           name + "a packet with a mark", answer)
        director.clear()
        until(lambda: not director.held())
    # A service of a VRF that does not exist.
    director.add(genl.key(VIPS[4][0], vrf="red"), rips(4, 0))
    answer = lbctl(*packet(flow(4))).stdout
    ok("service      none" in answer, "a packet without a VRF does not match a "
       "service of one", answer)
    answer = lbctl(*packet(flow(4), "--vrf", "red")).stdout
    objects += rows_of(*packet(flow(4), "--vrf", "red"))
    ok("service      TCP" in answer, "a packet of its VRF does", answer)
    director.clear()
    for tunnel in (["ipip"], ["gue:6080", "--tun-ttl", "64", "--tun-source-prefix",
                              "198.51.100.0/24"]):
        service, one = ["-t", form(4, 0, 80)], flow(4)
        lbctl("add-service", *service, "-s", "sh", "-p", "60")
        lbctl("add-server", *service, "-r", rips(4, 0)[0], "--tun", *tunnel)
        objects += rows_of(*packet(one))
        wire.send(one.tcp(SYN))
        objects += rows_of(*packet(flow(4)))
        director.clear()
    wrong = complaints(document, objects)
    ok(not wrong, "trace -j: what is printed is what is documented",
       "\n".join(wrong))
    done = lbctl("trace", "-t", "192.0.2.1:80", "--client", "198.51.100.0/24",
                 check=False)
    ok(done.returncode == 1 and "must be one address" in done.stderr and
       "Usage: lbctl trace SERVICE" in done.stderr, "a question that makes none is "
       "answered by the usage", done.stderr)
    wire.close()
    director.close()


def socket_index():
    with net.within("director"):
        return socket.if_nametoindex("eth0")


if __name__ == "__main__":
    main(globals())
