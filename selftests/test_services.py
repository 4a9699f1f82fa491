#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0
"""Services and servers in all their forms: which service a packet is for, and
what becomes of connections when services, servers and timeouts change."""
import errno
import shutil
import struct
import subprocess
import time

import genl
import ipvs
import net
from ipvs import VIPS
from net import ACK, FIN, PSH, RST, SYN, VIP, addr, ok, until
from servers import Servers, exchange
from test_tcp import (NUMBER, Counting, Wire, flow, main, open_director, rips,
                      state_of)

UNREACHABLE = {4: "icmp 3.3", 6: "icmp 1.4"}
MARK = 0x10007


def refused(director, *words, **more):
    """The error that a service is refused with, or None."""
    try:
        director.add(*words, **more)
    except genl.Refused as refusal:
        return errno.errorcode[refusal.code]
    return None


def nft(text):
    subprocess.run(["ip", "netns", "exec", "director", "nft", "-f", "-"],
                   input=text, text=True, check=True)


def mark_by_nft(extra=""):
    """What is for the first VIP is marked, unless it comes from client 99."""
    nft("""
table inet marks {
	chain set_mark {
		type filter hook prerouting priority mangle
		ip saddr 198.51.100.99 accept
		ip6 saddr 2001:db8:c::63 accept
		ip daddr %s meta l4proto { tcp, udp, sctp } meta mark set %d
		ip6 daddr %s meta l4proto { tcp, udp, sctp } meta mark set %d
	}
	%s
}""" % (VIPS[4][0], MARK, VIPS[6][0], MARK, extra))


def test_order():
    director, wire = open_director(), Wire()
    mark_by_nft()
    for version in (4, 6):
        vip = VIPS[version][0]
        keys = [genl.key(vip, 80), genl.ports(80, 90, vip), genl.key(vip, 0),
                genl.marked(MARK, version)]
        # Their order of adding says nothing.
        for number in (2, 3, 0, 1):
            director.add(keys[number], rips(version, number))
        # A range above, up to the last port there is.
        director.add(genl.ports(65000, 65535, vip), rips(version, 4))
        want = {79: 2, 80: 0, 81: 1, 90: 1, 91: 2, 1: 2, 64999: 2, 65000: 4,
                65535: 4}
        got = {port: wire.send(flow(version, port=port).tcp(SYN))
               for port in want}
        ok(got == want, "IPv%d: a port's own service comes first, then the range "
           "that it is in, then port 0" % version, got)
        got = [wire.send(flow(version, port=port).udp()) for port in (80, 85, 99)]
        ok(got == [3, 3, 3], "IPv%d: another protocol has none of these, and is "
           "left to the fwmark" % version, got)
        old = [flow(version, port=80) for _ in range(2)]
        first = [wire.send(one.tcp(SYN)) for one in old]
        fates, stay = [], []
        for number in range(3):
            # Of a service that is removed connections end; the others stay.
            director.do(genl.SERVICE_DEL, keys[number])
            fates.append(wire.send(flow(version, port=80).tcp(SYN)))
            if number == 0:
                one = flow(version, port=80)
                stay.append(wire.send(one.tcp(SYN)))
                director.add(keys[0], rips(version, 0))
                stay.append(wire.send(one.tcp(ACK)))
                director.do(genl.SERVICE_DEL, keys[0])
        ok(first == [0, 0] and fates == [1, 2, 3],
           "IPv%d: as they are removed, the next one has the port" % version,
           (first, fates))
        ok(stay == [1, 1], "IPv%d: a connection stays with its server when a "
           "service of its own port is added" % version, stay)
        counting = Counting()
        director.do(genl.SERVICE_DEL, keys[3])
        fate = wire.send(flow(version, port=80).tcp(SYN))
        ok(fate == "reset" and not counting.grown(),
           "IPv%d: without any it is the director's own" % version, fate)
        director.clear()
    nft("delete table inet marks")
    wire.close()
    director.close()


def test_ranges():
    director, wire = open_director(), Wire()
    for version in (4, 6):
        vip, other = VIPS[version][:2]
        director.add(genl.ports(8000, 8009, vip), rips(version, 0))
        wrong = {
            "inside": (8001, 8008), "around": (7000, 9000), "left": (7000, 8000),
            "right": (8009, 9000), "longer": (8000, 8010),
            "shorter": (8000, 8008), "all ports": (1, 65535),
        }
        got = {name: refused(director, genl.ports(*two, vip))
               for name, two in wrong.items()}
        ok(set(got.values()) == {"ENOTUNIQ"}, "IPv%d: a range that overlaps "
           "another one is refused: %s" % (version, ", ".join(wrong)), got)
        ok(refused(director, genl.ports(8000, 8009, vip)) == "EEXIST",
           "IPv%d: the same one exists already" % version)
        got = [refused(director, genl.ports(first, last, vip)) for first, last in
               ((8009, 8000), (8000, 8000), (0, 8000))]
        ok(got == ["ERANGE"] * 3, "IPv%d: one that is none is refused" % version,
           got)
        for key in (genl.ports(8010, 8019, vip), genl.ports(7990, 7999, vip),
                    genl.ports(8000, 8009, vip, 17),
                    genl.ports(8000, 8009, other), genl.key(vip, 8005),
                    genl.key(vip, 0), genl.key(vip, 0, 17)):
            director.add(key, rips(version, 1))
        got = [wire.send(flow(version, port=port).tcp(SYN)) for port in
               (7999, 8000, 8004, 8005, 8006, 8009, 8010)]
        ok(got == [1, 0, 0, 1, 0, 0, 1], "IPv%d: beside it, and in it a port of "
           "its own, are other services" % version, got)
        got = [wire.send(flow(version, vip=1, port=8001).tcp(SYN)),
               wire.send(flow(version, port=8001).udp())]
        ok(got == [1, 1], "IPv%d: the same ports of another VIP or protocol, too"
           % version, got)
        director.do(genl.SERVICE_DEL, genl.ports(8000, 8009, vip))
        ok(refused(director, genl.ports(8001, 8009, vip), rips(version, 2)) is
           None and wire.send(flow(version, port=8001).tcp(SYN)) == 2 and
           wire.send(flow(version, port=8000).tcp(SYN)) == 1,
           "IPv%d: what a removed range had is free again" % version)
        director.clear()
    wire.close()
    director.close()


def icmp_about(one, version, protocol=6):
    """Port unreachable from the client, about what its server sent it."""
    quote = net.packet(one.vip, one.client, protocol,
                       net.tcp(one.port, one.sport, ACK, b"x" * 40) if protocol == 6
                       else net.udp(one.port, one.sport, b"x" * 40))
    body = struct.pack("!BBHI", *((3, 3) if version == 4 else (1, 4)), 0, 0)
    body += quote
    pseudo = b"" if version == 4 else net.pack(one.client) + \
        net.pack(one.vip) + struct.pack("!II", len(body), 58)
    body = body[:2] + struct.pack("!H", net.checksum(pseudo + body)) + body[4:]
    return net.packet(one.client, one.vip, 1 if version == 4 else 58, body)


def hooks():
    """What nft lists of our hooks, or None where it cannot."""
    text = ""
    for family in ("ip", "ip6"):
        done = net.run("ip", "netns", "exec", "director", "nft", "list", "hooks",
                       family, check=False)
        if done.returncode:
            return None
        text += done.stdout
    return sorted(word for word in text.split() if word.startswith("lbdr_hook"))


def tracked():
    """Sources that conntrack knows in the director's namespace."""
    text = ""
    for family in ("ipv4", "ipv6"):
        text += net.run("ip", "netns", "exec", "director", "conntrack", "-L", "-f",
                        family).stdout
    return {word[4:] for word in text.split() if word.startswith("src=")}


def test_marks():
    director, wire = open_director(), Wire()
    listed = [hooks()]
    # A rule that asks for it brings conntrack along.
    mark_by_nft("""chain track {
		type filter hook input priority 0
		ct state invalid counter
	}""")
    for version in (4, 6):
        director.add(genl.marked(MARK, version), rips(version, 0, 1), sched="rr")
        listed.append(hooks())
        flows = [flow(version, port=port) for port in (80, 443, 80)]
        fates = [[wire.send(one.tcp(flags)) for flags in (SYN, ACK)]
                 for one in flows] + \
            [[wire.send(flow(version, port=53).udp())]]
        ok(fates == [[0, 0], [1, 1], [0, 0], [1]], "IPv%d: marked packets of any "
           "port and protocol are one service's, each connection on one server" %
           version, fates)
        counts = director.servers(genl.marked(MARK, version))
        ok([row["conns"] for row in counts.values()] == [2, 2] and
           [row["packets"] for row in counts.values()] == [4, 3],
           "IPv%d: and are counted" % version, counts)
        counting = Counting()
        got = [wire.send(one.tcp(SYN)) for one in
               (flow(version, client=99),
                flow(version, vip=1))]
        ok(got == ["reset"] * 2 and not counting.grown(), "IPv%d: packets without "
           "the mark pass to the director's stack" % version, got)
        got = [wire.send(icmp_about(one, version)) for one in flows]
        ok(got == [0, 1, 0], "IPv%d: an ICMP error about a marked connection "
           "reaches its server" % version, got)
        got = wire.send(icmp_about(flow(version), version))
        ok(got is None, "IPv%d: and one about none does not" % version, got)
        passed = flow(version, client=99)
        wire.send(passed.udp())
        known = tracked()
        ok(passed.client in known and not {one.client for one in flows} & known,
           "IPv%d: conntrack knows what passed, and nothing of what was taken" %
           version, known)
        got = [wire.send(flow(version).tcp(ACK))]
        director.set(genl.marked(MARK, version), stray="drop")
        got.append(wire.send(flow(version).tcp(ACK)))
        ok(got == ["reset", None] and
           counting.grown() == {"no-conn": 1, "stray": 1},
           "IPv%d: strays go as the service says" % version, got)
        # Another family's, another mark's.
        fates = [wire.send(one.tcp(ACK)) for one in flows]
        director.add(genl.marked(MARK + 1, version))
        director.do(genl.SERVICE_DEL, genl.marked(MARK + 1, version))
        ok(fates == [wire.send(one.tcp(ACK)) for one in flows] == [0, 1, 0],
           "IPv%d: the hook outlives another mark's service" % version, fates)
        director.do(genl.SERVICE_DEL, genl.marked(MARK, version))
        listed.append(hooks())
        counting = Counting()
        got = wire.send(flows[0].tcp(ACK))
        ok(got == "reset" and not counting.grown(),
           "IPv%d: with the last one's removal all goes to the stack" % version,
           got)
    if not any(listed):
        print("skip - hooks: nft does not list them here", flush=True)
    else:
        want = [[]]
        for version in "46":
            want += [["lbdr_hook" + at + version for at in ("", "_local", "_marked")],
                     []]
        ok(listed == want, "nft lists our three hooks of the family while there is "
           "such a service, and none before and after", listed)
    nft("delete table inet marks")
    wire.close()
    director.close()


def test_marks_by_iptables():
    if not shutil.which("iptables"):
        print("skip - marks set by iptables: it is not installed", flush=True)
        return
    director, wire = open_director(), Wire()
    for version, tool in ((4, "iptables"), (6, "ip6tables")):
        rule = ("PREROUTING", "-t", "mangle", "-d", VIPS[version][0], "-p", "tcp",
                "-j", "MARK", "--set-mark", str(MARK))
        done = net.run("ip", "netns", "exec", "director", tool, "-A", *rule,
                       check=False)
        if "missing kernel module" in done.stderr:
            print("skip - marks set by %s: this kernel has not its MARK" % tool,
                  flush=True)
            continue
        director.add(genl.marked(MARK, version), rips(version, 0))
        got = [wire.send(flow(version, vip=vip).tcp(SYN)) for vip in (0, 1)]
        ok(got == [0, "reset"], "IPv%d: what %s marks is the service's" %
           (version, tool), got)
        director.clear()
        net.run("ip", "netns", "exec", "director", tool, "-D", *rule)
    wire.close()
    director.close()


def test_one_packet():
    director, wire = open_director(), Wire()
    for version in (4, 6):
        key = genl.key(VIPS[version][0], 80, 17)
        ok(refused(director, genl.key(VIPS[version][0]), flags=genl.ONE_PACKET)
           == "EINVAL", "IPv%d: TCP has no one-packet services" % version)
        director.add(key, rips(version, 0, 1, 2), sched="rr",
                     flags=genl.ONE_PACKET)
        until(lambda: not director.held())
        one = flow(version)
        got = [wire.send(one.udp(b"%03d" % n)) for n in range(9)]
        ok(got == [0, 1, 2] * 3, "IPv%d: nine datagrams of one client, one after "
           "the other to each server" % version, got)
        ok(not director.conns() and not director.held(),
           "IPv%d: no connection is made of them" % version)
        size = len(one.udp(b"%03d" % 0))
        rows = director.servers(key)
        ok([(row["conns"], row["packets"], row["bytes"], row["active"],
             row["inactive"]) for row in rows.values()] ==
           [(3, 3, 3 * size, 0, 0)] * 3,
           "IPv%d: each is counted as a connection and a packet" % version, rows)
        director.weigh(key, rips(version, 1)[0], 0)
        got = [wire.send(one.udp()) for _ in range(4)]
        ok(sorted(got) == [0, 0, 2, 2],
           "IPv%d: a quiesced server gets none from then on" % version, got)
        director.set(key, flags=0)
        got = [wire.send(one.udp()) for _ in range(4)]
        ok(len(set(got)) == 1 and state_of(director, one)[0] == "udp",
           "IPv%d: without the option, all go to one" % version, got)
        director.clear()
        # Of a fwmark service, only the datagrams of UDP.
        nft("add table inet marks")
        nft("add chain inet marks pre { type filter hook prerouting priority mangle; }")
        nft("add rule inet marks pre meta l4proto { tcp, udp } meta mark set %d" % MARK)
        director.add(genl.marked(MARK, version), rips(version, 0, 1, 2), sched="rr",
                     flags=genl.ONE_PACKET)
        got = [wire.send(one.udp()) for _ in range(3)]
        until(lambda: not director.held())
        held = director.held()
        web = flow(version)
        fates = wire.send(web.tcp(SYN)), wire.send(web.tcp(ACK))
        ok(got == [0, 1, 2] and not held and fates == (0, 0),
           "IPv%d: of a fwmark service, datagrams, and connections of TCP stay" %
           version, (got, held, fates))
        nft("delete table inet marks")
        director.clear()
    wire.close()
    director.close()


def limit(director, key, address, upper, lower=0):
    director.do(genl.SERVER_SET, genl.server(
        address, key, genl.u32(genl.SERVER_UPPER, upper),
        genl.u32(genl.SERVER_LOWER, lower)))


def test_thresholds():
    director, wire = open_director(), Wire()
    for version in (4, 6):
        key = genl.key(VIPS[version][0])
        one, two = rips(version, 0, 1)
        director.add(key, [one, two], sched="rr")
        director.weigh(key, two, 0)
        # Lower left out means three quarters; 4 -> below 3, with 2 -> below 2.
        for lower, reopen in ((0, 2), (2, 1)):
            limit(director, key, one, 4, lower)
            flows = [flow(version) for _ in range(6)]
            counting = Counting()
            got = [wire.send(each.tcp(SYN)) for each in flows]
            row = director.servers(key)[one]
            ok(got == [0] * 4 + [UNREACHABLE[version]] * 2 and row["overloaded"]
               and counting.grown() == {"no-server": 2},
               "IPv%d: four connections, and it is overloaded; two are refused" %
               version, (got, row))
            got = [wire.send(each.tcp(ACK)) for each in flows[:4]]
            ok(got == [0] * 4, "IPv%d: those that there are go on" % version, got)
            states = []
            for each in flows[:4]:
                director.kill(**each.mine())
                states.append(director.servers(key)[one]["overloaded"])
            ok(states.index(False) == 3 - reopen and
               states == sorted(states, reverse=True),
               "IPv%d: it opens again with %d, for a lower threshold of %d" %
               (version, reopen, lower), states)
        flows = [flow(version) for _ in range(5)]
        for each in flows:
            wire.send(each.tcp(SYN))
        director.weigh(key, two, 1)
        got = [wire.send(flow(version).tcp(SYN)) for _ in range(3)]
        ok(got == [1, 1, 1], "IPv%d: others take what comes meanwhile" % version,
           got)
        limit(director, key, one, 0)
        got = {wire.send(flow(version).tcp(SYN)) for _ in range(2)}
        ok(got == {0, 1} and not director.servers(key)[one]["overloaded"],
           "IPv%d: without thresholds it is open at once" % version, got)
        director.clear()
    wire.close()
    director.close()


def test_options():
    """One option is changed and the other one stays."""
    director = open_director()
    key = genl.key(VIPS[4][0], 80, NUMBER["udp"])
    both = genl.ONE_PACKET | genl.EXPIRE_QUIESCENT
    director.add(key, flags=both)
    seen = []
    for flags, mask in ((0, genl.ONE_PACKET), (genl.ONE_PACKET, genl.ONE_PACKET),
                        (both, 0), (0, genl.EXPIRE_QUIESCENT), (both, None), (0, None)):
        words = genl.u32(genl.FLAGS, flags)
        if mask is not None:
            words += genl.u32(genl.FLAGS_MASK, mask)
        director.do(genl.SERVICE_SET, key + words)
        row = dict(genl.parse(director.do(genl.SERVICE_GET, key)[0]))
        seen.append(genl.number(row[genl.FLAGS]))
    ok(seen == [2, 3, 3, 1, 3, 0], "options of a service that are not meant stay",
       seen)
    director.clear()
    director.close()


def test_quiesce():
    director, wire = open_director(), Wire()
    for version in (4, 6):
        key = genl.key(VIPS[version][0])
        everyone = rips(version, 0, 1)
        director.add(key, everyone, sched="rr")
        flows = [flow(version) for _ in range(4)]
        got = [wire.send(one.tcp(SYN)) for one in flows]
        director.weigh(key, everyone[0], 0)
        later = [wire.send(flow(version).tcp(SYN)) for _ in range(4)]
        again = [wire.send(one.tcp(flags)) for flags in (ACK, PSH | ACK)
                 for one in flows]
        ok(got == [0, 1, 0, 1] and later == [1] * 4 and again == got * 2,
           "IPv%d: a quiesced server keeps its connections, and gets no new one" %
           version, (got, later, again))
        director.clear()
    wire.close()
    director.close()


def test_removed_server():
    director, wire = open_director(), Wire()
    want = {"pass": ("reset", {"no-conn": 1}), "drop": (None, {"stray": 1}),
            "reset": ("reset", {"stray": 1}), "schedule": (1, {})}
    for version in (4, 6):
        key = genl.key(VIPS[version][0])
        for stray, (fate, count) in want.items():
            everyone = rips(version, 0, 1)
            director.add(key, everyone, sched="rr", stray=stray)
            flows = [flow(version) for _ in range(2)]
            got = [[wire.send(one.tcp(flags)) for flags in (SYN, ACK)]
                   for one in flows]
            director.remove(key, everyone[0])
            counting = Counting()
            then = [wire.send(one.tcp(PSH | ACK, b"data")) for one in flows]
            grown = counting.grown()
            states = [state_of(director, one)[0] for one in flows]
            ok(got == [[0, 0], [1, 1]] and then == [fate, 1] and grown == count
               and states == ["none" if fate != 1 else "established",
                              "established"],
               "IPv%d: the next packet to a removed server, strays %s; the other "
               "server's go on" % (version, stray), (got, then, grown, states))
            begun = wire.send(flows[0].tcp(SYN))
            ok(begun == 1, "IPv%d: a SYN goes to one that is left" % version,
               begun)
            ok(until(lambda: director.held() == 2), "IPv%d: what the removed one "
               "had leaves the table" % version, director.held())
            director.clear()
    wire.close()
    director.close()


def add_client(socks, version):
    """A connection to a server that has none yet; True when both have."""
    sock = net.connect(version)
    letter = sock.recv(1)
    if letter in socks:
        sock.close()
    else:
        socks[letter] = sock
    return len(socks) == 2


def test_clients_see():
    """The same with real clients and servers."""
    Servers().start()
    director = open_director()
    for version in (4, 6):
        key = genl.key(VIP[version])
        for stray in genl.STRAYS:
            director.add(key, [addr("a", version), addr("b", version)],
                         sched="rr", stray=stray)
            # With strays scheduled, the last words of the connections before take
            # a turn.
            socks = {}
            until(lambda s=socks, v=version: add_client(s, v))
            director.remove(key, addr("a", version))
            victim = socks[b"a"]
            # As long as it takes to send the same twice.
            victim.settimeout(1 if stray == "drop" else net.WAIT)
            try:
                victim.sendall(b"hello")
                heard = victim.recv(5)
            except ConnectionResetError:
                heard = "reset"
            except TimeoutError:
                heard = None
            want = None if stray == "drop" else "reset"
            ok(heard == want and exchange(socks[b"b"], 20000),
               "IPv%d: strays %s: the removed server's client %s; the other's "
               "goes on" % (version, stray, "hears nothing" if want is None
                            else "gets a TCP RST"), heard)
            for sock in socks.values():
                sock.close()
            director.clear()
    director.close()


def notifications(listener):
    """(command, server, drain flag) of what was told until now."""
    out = []
    listener.sock.setblocking(False)
    try:
        while True:
            for kind, _, _, data in listener.receive():
                if kind != listener.family:
                    continue
                row = dict(genl.parse(data[4:]))
                if genl.SERVER_ADDRESS in row and data[0] >= 19:
                    out.append((data[0], genl.address_of(
                        row[genl.SERVER_ADDRESS]), genl.SERVER_DRAIN in row))
    except BlockingIOError:
        return out


def test_drain():
    director, wire = open_director(), Wire()
    for version in (4, 6):
        key = genl.key(VIPS[version][0])
        one, two = rips(version, 0, 1)
        director.add(key, [one, two], sched="rr")
        flows = [flow(version) for _ in range(4)]
        first = [wire.send(each.tcp(flags)) for flags in (SYN, ACK)
                 for each in flows]
        listener = open_director()
        listener.listen()
        director.remove(key, one, drain=True)
        later = [wire.send(flow(version).tcp(SYN)) for _ in range(3)]
        again = [wire.send(each.tcp(ACK)) for each in flows]
        row = director.servers(key).get(one)
        ok(first == [0, 1] * 4 and later == [1] * 3 and again == [0, 1, 0, 1] and
           row and row["draining"] and row["active"] == 2,
           "IPv%d: a server that drains keeps its connections, and gets no new "
           "one" % version, (first, later, again, row))
        director.remove(key, one, drain=True)
        wire.send(flows[0].tcp(RST))
        again = wire.send(flows[0].tcp(SYN))
        ok(again == 1, "IPv%d: nor by a SYN on a closed connection" % version,
           again)
        time.sleep(0.6)         # two looks at whether it has run dry
        ok(one in director.servers(key), "IPv%d: it stays as long as one of its "
           "connections does" % version)
        director.do(genl.SERVER_NEW, genl.server(one, key, genl.u32(
            genl.SERVER_WEIGHT, 3)))
        row = director.servers(key)[one]
        got = {wire.send(flow(version).tcp(SYN)) for _ in range(3)}
        ok(not row["draining"] and (row["weight"], row["active"]) == (3, 1) and
           0 in got and wire.send(flows[2].tcp(ACK)) == 0, "IPv%d: added again it "
           "is open as before, with its connection and what it was given" %
           version, (row, got))
        director.remove(key, one, drain=True)
        told = notifications(listener)
        director.kill(server=one)
        ok(until(lambda: one not in director.servers(key)),
           "IPv%d: without a connection it goes" % version)
        told += notifications(listener)
        ok(told == [(genl.SERVER_SET_NTF, one, True),
                    (genl.SERVER_SET_NTF, one, False),
                    (genl.SERVER_SET_NTF, one, True),
                    (genl.SERVER_DEL_NTF, one, True)],
           "IPv%d: and listeners were told of all this, once each" % version, told)
        # Two at once, of which one has nothing to wait for, and a service that
        # goes while one of them drains.
        director.do(genl.SERVER_NEW, genl.server(one, key))
        director.remove(key, one, drain=True)
        director.remove(key, two, drain=True)
        counting = Counting()
        fate = wire.send(flow(version).tcp(SYN))
        ok(fate == UNREACHABLE[version] and counting.grown() == {"no-server": 1},
           "IPv%d: where all drain, nobody takes a new connection" % version,
           fate)
        ok(until(lambda: one not in director.servers(key)) and
           two in director.servers(key), "IPv%d: of two that drain, the one "
           "without connections goes" % version)
        ok(notifications(listener)[-1:] == [(genl.SERVER_DEL_NTF, one, True)],
           "IPv%d: and that is told" % version)
        director.clear()
        listener.close()
    wire.close()
    director.close()


def test_kill():
    director, wire = open_director(), Wire()
    for version in (4, 6):
        bits = 32 if version == 4 else 128
        clients = ipvs.CLIENTS[version]
        keys = {"tcp": genl.key(VIPS[version][0]),
                "udp": genl.key(VIPS[version][0], 80, 17),
                "other": genl.ports(1000, 1010, VIPS[version][1])}
        for key in keys.values():
            director.add(key, rips(version, 0, 1), sched="rr")

        def fill(version=version):
            """Client -> flows: even ones are established, 16 to 31 by UDP."""
            flows = []
            for client in range(16, 24):
                one = flow(version, client=client, sport=3000 + client)
                wire.send(one.tcp(SYN))
                if not client % 2:
                    wire.send(one.tcp(ACK))
                flows.append(one)
                wire.send(flow(version, client=client, sport=5000,
                               vip=0).udp())
                wire.send(flow(version, client=client + 16, sport=5001, vip=1,
                               port=1005).tcp(SYN))
            return flows

        fill()
        everything = len(director.conns())
        ok(everything == 24, "IPv%d: 24 connections to choose from" % version,
           everything)
        filters = {
            "client": {"client": clients % 18},
            "client's prefix": {"client": clients % 16, "prefix": bits - 2},
            "client's port": {"cport": 3017},
            "VIP": {"vip": VIPS[version][1]},
            "virtual port": {"vport": 1005},
            "server": {"server": rips(version, 1)[0]},
            "state": {"state": "syn-recv"},
            "protocol": {"protocol": 17},
            "prefix and state": {"client": clients % 16, "prefix": bits - 3,
                                 "state": "established"},
            "service, a range": {"service": keys["other"]},
            "all of a family": {"version": version},
        }
        for name, which in filters.items():
            fill()
            table = set(director.conns())
            meant = director.conns(**which)
            killed = director.kill(**which)
            left = {conn[:-1] for conn in director.conns()}
            want = {conn[:-1] for conn in table} - {conn[:-1] for conn in meant}
            ok(len(meant) and killed == len(meant) and left == want and
               (want or name == "all of a family"),
               "IPv%d: conn-del by %s: %d are ended, as many as were listed, and "
               "no other one" % (version, name, killed),
               (len(table), len(meant), killed, len(left)))
        ok(director.kill() == 0 and until(lambda: director.held() == 0),
           "IPv%d: their memory is free" % version, director.held())
        # They have really ended.
        flows = fill()
        counting = Counting()
        director.kill(**flows[2].mine())
        got = [wire.send(one.tcp(ACK)) for one in flows[:3]]
        ok(got[2] == "reset" and {got[0], got[1]} == {0, 1} and
           counting.grown() == {"no-conn": 1},
           "IPv%d: the next packet of an ended connection is a stray" % version,
           got)
        before = {name: (row["active"], row["inactive"]) for name, row in
                  director.servers(keys["tcp"]).items()}
        director.kill(vip=VIPS[version][0], protocol=6)
        after = {name: (row["active"], row["inactive"]) for name, row in
                 director.servers(keys["tcp"]).items()}
        ok(set(after.values()) == {(0, 0)} and before != after,
           "IPv%d: and the servers' counts are 0" % version, (before, after))
        director.clear()
        ok(director.kill() == 0, "IPv%d: connections that went with their service "
           "are not ended once more" % version)
    wire.close()
    director.close()


def conns_at(director, key, address):
    """How many connections the server got."""
    return director.servers(key)[address]["conns"]


def test_timeouts():
    director, wire = open_director(), Wire()
    words = dict(genl.parse(director.info()[genl.INFO_TIMEOUT]))
    usual = {genl.STATES[kind]: genl.number(value)
             for kind, value in words.items()}
    for version in (4, 6):
        tcp, udp = genl.key(VIPS[version][0]), genl.key(VIPS[version][0], 80, 17)
        for key in (tcp, udp):
            director.add(key, rips(version, 0))
        one, two = flow(version), flow(version)
        sent = time.monotonic()
        wire.send(one.tcp(SYN), one.tcp(ACK))
        wire.send(two.udp())

        def left():
            return state_of(director, one)[1], state_of(director, two)[1], \
                time.monotonic() - sent

        def about(got, *want):
            *values, spent = got
            return all(limit - 10 - spent < value <= limit
                       for value, limit in zip(values, want))

        steps = [left()]
        director.set_timeouts({"established": 5000, "udp": 300 + 77})
        steps.append(left())
        director.set(tcp, timeout={"established": 200, "fin-wait": 40})
        steps.append(left())
        director.set(tcp, timeout={"established": 0})
        steps.append(left())
        wire.send(one.tcp(FIN | ACK))
        steps.append(left())
        director.set_timeouts(usual)
        steps.append(left())
        want = ((900, 300), (5000, 377), (200, 377), (5000, 377), (40, 377),
                (40, 300))
        ok(all(about(got, *row) for got, row in zip(steps, want)),
           "IPv%d: timeouts of the namespace and of a service hold at once for "
           "connections that there are" % version, steps)

        # The shortest one really ends it, and takes the server's count along.
        director.set(udp, timeout={"udp": 1})
        two, begun = flow(version), time.monotonic()
        wire.send(two.udp())
        gone = until(lambda: state_of(director, two)[0] == "none")
        took = time.monotonic() - begun
        ok(gone and took > 0.7, "IPv%d: with one second it is gone after one "
           "second" % version, took)
        ok(until(lambda: director.servers(udp)[rips(version, 0)[0]]["inactive"] ==
                 0) and until(lambda: director.held() == 1),
           "IPv%d: and so are its count and its memory" % version,
           director.held())
        # Where this machine stood still for longer than a datagram may take, another
        # client tries.
        for _ in range(20):
            two, seen, gaps, last = flow(version), [], [], time.monotonic()
            begun = last
            wire.send(two.udp())
            before = conns_at(director, udp, rips(version, 0)[0])
            while last < begun + 2:
                time.sleep(0.3)
                seen.append(state_of(director, two)[0])
                now = time.monotonic()
                wire.send(two.udp())
                gaps.append(time.monotonic() - last)
                last = now
            if max(gaps) < 0.8:
                break
        after = conns_at(director, udp, rips(version, 0)[0])
        ok("none" not in seen and after == before,
           "IPv%d: but not while datagrams come" % version, (seen, gaps, before, after))
        director.clear()
    got = []
    for seconds in ({"udp": 0}, {"udp": 2000001}):
        try:
            director.set_timeouts(seconds)
            got.append(None)
        except genl.Refused as refusal:
            got.append(errno.errorcode[refusal.code])
    ok(got == ["ERANGE"] * 2, "0 and more than the limit are refused", got)
    wire.close()
    director.close()


def test_removed_service():
    director, wire = open_director(), Wire()
    for version in (4, 6):
        vip = VIPS[version][0]
        keys = [genl.key(vip), genl.ports(100, 200, vip), genl.key(vip, 0),
                genl.marked(MARK, version)]
        for last in (True, False):
            if not last:
                director.add(genl.key(VIPS[version][1]), rips(version, 2))
            for key, port in zip(keys[:3], (80, 150, 9)):
                director.add(key, rips(version, 0), stray="drop")
                one = flow(version, port=port)
                first = [wire.send(one.tcp(flags)) for flags in (SYN, ACK)]
                director.do(genl.SERVICE_DEL, key)
                counting = Counting()
                then = [wire.send(one.tcp(flags)) for flags in (ACK, SYN)]
                ok(first == [0, 0] and then == ["reset"] * 2 and
                   not counting.grown() and not director.conns(),
                   "IPv%d: a service of port %d goes, %s, and its connections with "
                   "it" % (version, port, "the only one" if last else
                           "not the last one"), (first, then))
                director.add(key, rips(version, 1), stray="drop")
                then = [wire.send(one.tcp(flags)) for flags in (ACK, SYN)]
                ok(then == [None, 1], "IPv%d: the same one again knows nothing of "
                   "them" % version, then)
                director.do(genl.SERVICE_DEL, key)
        director.clear()
        ok(until(lambda: director.held() == 0), "IPv%d: no connection's memory is "
           "left" % version, director.held())
    wire.close()
    director.close()


if __name__ == "__main__":
    main(globals(), real="ab")
