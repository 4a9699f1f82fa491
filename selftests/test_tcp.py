#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0
"""TCP as a director sees it, who hears the client alone: every segment in every
state, by frames made by hand.

The wire that they go by serves other tests too: the servers do not exist, each is
a permanent neighbour of the director (ipvs.py), and behind the frames under test
the director is pinged, so that what became of them, nothing included, is known
when the answer comes.
"""
import itertools
import os
import struct
import time
from collections import namedtuple

import genl
import ipvs
import net
from ipvs import rip
from net import ACK, FIN, PSH, RST, SYN, ok, until

NUMBER = {"tcp": 6, "udp": 17, "sctp": 132}
SPORTS = itertools.count(2000)


class Flow(namedtuple("Flow", "client sport vip port")):
    """A client's side of a connection."""

    def tcp(self, flags, payload=b"", **more):
        return net.packet(self.client, self.vip, 6,
                          net.tcp(self.sport, self.port, flags, payload), **more)

    def udp(self, payload=b"x", **more):
        return net.packet(self.client, self.vip, 17,
                          net.udp(self.sport, self.port, payload), **more)

    def mine(self):
        """The filter of its connection."""
        return {"client": self.client, "cport": self.sport, "vip": self.vip,
                "vport": self.port}


def flow(version=4, client=1, sport=None, vip=0, port=80):
    """A port of its own, unless one is given: no test meets another's flows."""
    return Flow(ipvs.CLIENTS[version] % client, sport or next(SPORTS),
                ipvs.VIPS[version][vip], port)


def mark_of(packet):
    """Where an ICMP error of the director has type and code, else None."""
    if packet[0] >> 4 == 4 and packet[9] == 1:
        return packet[20], packet[21]
    if packet[0] >> 4 == 6 and packet[6] == 58:
        return packet[40], packet[41]
    return None


class Wire:
    """Frames to a director, and what became of them."""

    def __init__(self, host="director"):
        # What one CPU sends it handles in this order.
        self.cpus = os.sched_getaffinity(0)
        os.sched_setaffinity(0, {min(self.cpus)})
        self.tap = net.Tap("client")
        self.host, self.to, self.own = host, net.mac(host), net.mac("client")
        self.servers = {ipvs.rmac(n): n for n in range(ipvs.SERVERS)}
        self.pings = 0
        self.frames = []

    def ping(self):
        self.pings += 1
        body = struct.pack("!BBHHH", 8, 0, 0, 0x4c42, self.pings & 0xffff)
        body = body[:2] + struct.pack("!H", net.checksum(body)) + body[4:]
        return net.packet(net.addr("client"), net.addr(self.host), 1, body), \
            b"\0\0" + struct.pack("!HH", 0x4c42, self.pings & 0xffff)

    def put(self, packet):
        self.tap.send(self.to + self.own + ipvs.KIND[packet[0] >> 4] + packet)

    def send(self, *packets):
        """What became of them: the number of the server that one went to,
        "reset", "icmp 3.3", or None where nobody heard of it. Of several, a
        list."""
        clients = {packet[12:16] if packet[0] >> 4 == 4 else packet[8:24]
                   for packet in packets}
        question, answer = self.ping()
        for packet in packets + (question,):
            self.put(packet)
        self.frames, fates = [], []
        while True:
            seen = self.tap.wait(lambda f: f.src == self.to)
            if not seen:
                raise ipvs.Lost("the director does not answer a ping")
            for frame in seen:
                if frame.l4 == 1 and frame.ip[20:22] + frame.ip[24:28] == answer:
                    return fates[0] if len(fates) == 1 else fates or None
                fate = self.fate(frame, clients)
                if fate is not None:
                    fates.append(fate)
                    self.frames.append(frame)

    def fate(self, frame, clients):
        if frame.dst in self.servers and frame.saddr in clients:
            return self.servers[frame.dst]
        if frame.dst != self.own or frame.daddr not in clients:
            return None
        mark = mark_of(frame.ip)
        # ICMPv6 that is no error keeps the link going.
        if mark and (len(frame.daddr) == 4 or mark[0] < 128):
            return "icmp %d.%d" % mark
        if frame.l4 == 6:
            return "reset" if frame.flags & RST else "answer"
        return None

    def close(self):
        self.tap.close()
        os.sched_setaffinity(0, self.cpus)


def open_director(host="director"):
    with net.within(host):
        return genl.Director()


def rips(version, *numbers):
    return [rip(number, version) for number in numbers]


def state_of(director, one):
    """(state, seconds to go) of a flow's connection."""
    found = director.conns(**one.mine())
    if len(found) > 1:
        return "%d connections" % len(found), 0
    return (found[0].state, found[0].expires) if found else ("none", 0)


class Counting:
    """What drop reasons have grown by."""

    def __init__(self):
        self.before = net.drops()

    def grown(self):
        now = net.drops()
        grown = {reason: now[reason] - self.before[reason] for reason in now
                 if now[reason] != self.before[reason]}
        self.before = now
        return grown


def main(names, real=(), **more):
    """net.main() with what the wire needs; of the real servers, those named."""
    for host in set("ab") - set(real):
        del net.HOSTS[host]
    build = net.build

    def build_both():
        build()
        ipvs.lay_wire()

    net.build = build_both
    net.main(names, servers=False, **more)


# Segments, and the ways into each state.
SEGMENTS = {
    "SYN": (SYN, b""), "ACK": (ACK, b""), "data": (PSH | ACK, b"data"),
    "SYN+ACK": (SYN | ACK, b""), "SYN+FIN": (SYN | FIN, b""),
    "no flag": (0, b""), "FIN": (FIN, b""), "FIN+ACK": (FIN | ACK, b""),
    "FIN+data": (FIN | PSH | ACK, b"data"), "RST": (RST, b""),
    "RST+ACK": (RST | ACK, b""), "SYN+RST": (SYN | RST, b""),
}
WAYS = {
    "syn-recv": ("SYN",),
    "established": ("SYN", "ACK"),
    "fin-wait": ("SYN", "ACK", "FIN+ACK"),
    "time-wait": ("SYN", "FIN+ACK"),
    "close": ("SYN", "ACK", "RST"),
}
CLOSING = ("fin-wait", "time-wait", "close")
SECONDS = {"syn-recv": 60, "established": 900, "fin-wait": 120, "time-wait": 120,
           "close": 10}
ACTIVE = ("syn-recv", "established")


def after(state, segment):
    """The state that a segment leads to; written down apart from the module."""
    if "RST" in segment:
        return "close"
    if segment == "SYN":
        return "syn-recv" if state in CLOSING + ("syn-recv",) else state
    if state in CLOSING:
        return state
    if "FIN" in segment and segment != "SYN+FIN":
        return {"syn-recv": "time-wait", "established": "fin-wait"}[state]
    return "established"


def test_table():
    director, wire = open_director(), Wire()
    for version in (4, 6):
        service = genl.key(ipvs.VIPS[version][0])
        director.add(service, rips(version, 0, 1), sched="rr")
        for state, way in WAYS.items():
            wrong = []
            for segment in SEGMENTS:
                one = flow(version)
                went = {wire.send(one.tcp(*SEGMENTS[step])) for step in way}
                was = state_of(director, one)[0]
                begun = time.monotonic()
                fate = wire.send(one.tcp(*SEGMENTS[segment]))
                now, left = state_of(director, one)
                spent = time.monotonic() - begun
                want = after(state, segment)
                moved = segment == "SYN" and state in CLOSING
                if len(went) != 1 or was != state or now != want or \
                        not SECONDS[want] - 5 - spent < left <= SECONDS[want] or \
                        fate not in (0, 1) or (fate in went) == moved:
                    wrong.append("%s: %s -> %s with %.1f s, server %s, then %s" %
                                 (segment, was, now, left, went, fate))
            ok(not wrong, "IPv%d: %s, and then each of %d segments: state, its "
               "timeout and server are as they should be" %
               (version, state, len(SEGMENTS)), "\n".join(wrong))
        rows = director.servers(service)
        conns = director.conns(vip=ipvs.VIPS[version][0])
        wrong = [(name, row) for name, row in rows.items() if
                 (row["active"], row["inactive"]) != tuple(
                     sum(conn.server == name and (conn.state in ACTIVE) == active
                         for conn in conns) for active in (True, False))]
        ok(len(conns) == len(WAYS) * len(SEGMENTS) and not wrong,
           "IPv%d: the counts of active and inactive are those of the "
           "connections' states" % version, (len(conns), wrong))
        director.clear()
    wire.close()
    director.close()


def stray_fate(stray, segment, version):
    """What becomes of a segment of no connection, and what it is counted as. The
    director's own stack answers as RFC 9293, 3.10.7.1 says: RST, but not to RST."""
    silent = "RST" in segment
    # Linux, LISTEN or not: nothing is there to take it.
    told = None if silent else "reset"
    if stray == "pass":
        return told, {"no-conn": 1}
    if stray == "drop":
        return None, {"stray": 1}
    if stray == "reset":
        return told, {"stray": 1}
    if silent or segment in ("FIN", "FIN+ACK", "FIN+data"):
        return 0, {"stateless": 1}
    return 0, {}


def test_strays():
    director, wire = open_director(), Wire()
    for version in (4, 6):
        service = genl.key(ipvs.VIPS[version][0])
        for stray in genl.STRAYS:
            director.add(service, rips(version, 0), stray=stray)
            counting, wrong = Counting(), []
            for segment in SEGMENTS:
                if segment == "SYN":
                    continue
                one = flow(version)
                fate = wire.send(one.tcp(*SEGMENTS[segment]))
                got = fate, counting.grown(), state_of(director, one)[0]
                want = stray_fate(stray, segment, version)
                want += ("established" if want == (0, {}) else "none",)
                if got != want:
                    wrong.append("%s: %s, not %s" % (segment, got, want))
            ok(not wrong, "IPv%d: out of the blue, %s: what client and counters "
               "are told" % (version, stray), "\n".join(wrong))
            director.clear()
    wire.close()
    director.close()


def offload(onoff):
    net.run("ip", "netns", "exec", "director", "ethtool", "-K", "eth0", "tx",
            onoff)


def test_reset_frame():
    """The RST is one that the client must believe (RFC 9293, 3.5.2)."""
    director, wire = open_director(), Wire()
    # A capture shows checksums, not what is left for a NIC to do.
    offload("off")
    for version in (4, 6):
        director.add(genl.key(ipvs.VIPS[version][0]), stray="reset")
        head = 20 if version == 4 else 40
        one = flow(version)
        fate = wire.send(one.tcp(PSH | ACK, b"12345", ttl=1))
        ok(fate == "reset", "IPv%d: RST to a segment with ACK" % version, fate)
        frame = wire.frames[0]
        seq = struct.unpack("!I", frame.ip[head + 4:head + 8])[0]
        pseudo = frame.saddr + frame.daddr + struct.pack("!II", 20, 6)
        ok((frame.saddr, frame.daddr, frame.sport, frame.dport, frame.flags, seq)
           == (net.pack(one.vip), net.pack(one.client), one.port, one.sport, RST,
               1) and not net.checksum(pseudo + frame.ip[head:head + 20]),
           "IPv%d: it comes from VIP and port, its sequence number is what the "
           "client has acknowledged" % version, frame.ip.hex())
        fate = wire.send(one.tcp(PSH, b"12345"))
        frame = wire.frames[0]
        seq, back = struct.unpack("!II", frame.ip[head + 4:head + 12])
        ok(fate == "reset" and frame.flags == RST | ACK and
           (seq, back) == (0, 1005), "IPv%d: without ACK, it acknowledges all "
           "that came" % version, frame.ip.hex())
        broken = bytearray(one.tcp(ACK, b"12345"))
        broken[-1] ^= 1
        counting = Counting()
        fate = wire.send(bytes(broken))
        ok(fate is None and counting.grown() == {"stray": 1},
           "IPv%d: no RST to a segment whose checksum is wrong" % version, fate)
        director.clear()
    offload("on")
    wire.close()
    director.close()


def closed(wire, one, way="fin-wait"):
    """Open a connection and end it; the server that it was on."""
    return [wire.send(one.tcp(*SEGMENTS[step])) for step in WAYS[way]][0]


def test_reuse():
    director, wire = open_director(), Wire()
    for version in (4, 6):
        service = genl.key(ipvs.VIPS[version][0])
        everyone = rips(version, 0, 1, 2)
        director.add(service, everyone, sched="rr")
        for way in CLOSING:
            one = flow(version)
            first = closed(wire, one, way)
            before = director.servers(service)
            again = wire.send(one.tcp(SYN))
            now = director.servers(service)
            gained = [now[name]["conns"] - before[name]["conns"]
                      for name in everyone]
            ok(again == (first + 1) % 3 and gained[again] == sum(gained) == 1,
               "IPv%d: a SYN in %s begins another connection at once, on the "
               "scheduler's next server" % (version, way), (first, again, gained))
            ok(len(director.conns(**one.mine())) == 1 and
               sum(row["inactive"] for row in now.values()) == 0,
               "IPv%d: and the old one is gone" % version, now)
            director.kill()

        # By source and port: it would come to the same server again.
        director.set(service, sched="sh")
        for way in CLOSING:
            one = flow(version)
            first = closed(wire, one, way)
            twin = wire.send(one.tcp(SYN))
            wire.send(one.tcp(RST))
            director.weigh(service, everyone[first], 0)
            again = [wire.send(one.tcp(flags)) for flags in (SYN, ACK, RST, SYN)]
            ok(twin == first and first not in again and len(set(again)) == 1,
               "IPv%d: a SYN in %s never goes to a quiesced server" %
               (version, way), (first, twin, again))
            director.weigh(service, everyone[first], 1)
        director.set(service, sched="rr")
        for way in ("syn-recv", "established"):
            one = flow(version)
            first = closed(wire, one, way)
            director.weigh(service, everyone[first], 0)
            again = wire.send(one.tcp(SYN))
            ok(again == first, "IPv%d: but one in %s is no new connection, and "
               "stays" % (version, way), (first, again))
            director.weigh(service, everyone[first], 1)
        one = flow(version)
        first = closed(wire, one)
        for name in everyone:
            director.weigh(service, name, 0)
        counting = Counting()
        fate = wire.send(one.tcp(SYN))
        ok(fate == ("icmp 3.3" if version == 4 else "icmp 1.4") and
           counting.grown() == {"no-server": 1},
           "IPv%d: with all servers quiesced, the client is told" % version, fate)
        director.clear()
    wire.close()
    director.close()


def test_answers_limited():
    """A flood that is refused is answered as seldom as the kernel's limits for ICMP errors
    say, which are off in the other tests."""
    director, wire = open_director(), Wire()
    limits = {4: ("ipv4/icmp_ratemask", "6168", "0"), 6: ("ipv6/icmp/ratelimit", "1000", "0")}
    for version, (path, on, off) in limits.items():
        director.add(genl.key(ipvs.VIPS[version][0], 80, 17))
        flood = [flow(version).udp() for _ in range(100)]

        def answers(limit, path=path, flood=flood):
            with net.within("director"):
                net.write("/proc/sys/net/" + path, limit)
            wire.send(*flood)
            return sum(frame.dst == wire.own for frame in wire.frames)

        # The kernel may have answered the last tests so often that it waits first.
        begun, limited = time.monotonic(), []
        until(lambda: limited.append(answers(on)) or limited[-1])
        # Six at once, and one after each quarter of a second at most
        most = 7 + 4 * (time.monotonic() - begun)
        free = answers(off)
        ok(0 < sum(limited) <= most and free == 100, "IPv%d: a few of 100 packets "
           "without a server are answered by an ICMP error, and all without the kernel's "
           "limit" % version, (limited, most, free))
        director.clear()
    wire.close()
    director.close()


def test_ends():
    """The ways in which a connection ends, each segment to its one server."""
    walks = {
        "the client closes first": (
            "SYN", "ACK", "data", "FIN+ACK", "ACK", "ACK"),
        "the server closes first": ("SYN", "ACK", "data", "ACK", "FIN+ACK"),
        "both at the same time": (
            "SYN", "ACK", "FIN+ACK", "FIN+ACK", "ACK"),
        "half closed, the server goes on sending": (
            "SYN", "ACK", "FIN+ACK") + ("ACK",) * 5,
    }
    director, wire = open_director(), Wire()
    for version in (4, 6):
        service = genl.key(ipvs.VIPS[version][0])
        director.add(service, rips(version, 0, 1, 2), sched="rr")
        for name, walk in walks.items():
            one = flow(version)
            fates = [wire.send(one.tcp(*SEGMENTS[step])) for step in walk]
            state, left = state_of(director, one)
            ok(len(set(fates)) == 1 and fates[0] in (0, 1, 2) and
               state == "fin-wait" and left > 110,
               "IPv%d: %s: FIN_WAIT in the end, and all on one server" %
               (version, name), (fates, state, left))
            fates.append(wire.send(one.tcp(RST)))
            ok(fates[-1] == fates[0] and state_of(director, one)[0] == "close",
               "IPv%d: and a RST behind it closes" % version, fates)
        director.clear()
    wire.close()
    director.close()


if __name__ == "__main__":
    main(globals())
