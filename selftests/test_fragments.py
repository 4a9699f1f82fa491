#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0
# Also on: trixie bookworm
"""Fragments: the whole datagram reaches one server or nobody, in fragments no
larger than they came; there is a bound to what waits for its rest; and what is
none of our business gets through as before."""
import contextlib
import json
import os
import socket
import struct
import subprocess
import time

import net
from net import ACK, PSH, RST, SYN, VIP, Tap, addr, drops_of, lbctl, ok, until
from servers import configure, exchange, udp_socket

HEAD = {4: 20, 6: 40}
SMALLEST = {4: 68, 6: 1280}     # that every path must carry
# A client that no stack answers for. The servers know its MAC address.
GHOST = {4: "192.168.1.150", 6: "2001:db8:1::150"}

# Identifications and ports of fragments.
DICE = net.seeded()


class Conn:
    """A real UDP socket at the client, and the server that answers it."""

    def __init__(self, version):
        self.version = version
        self.sock = udp_socket(version)
        self.sport = self.sock.getsockname()[1]
        self.sock.send(b"?")
        self.letter = self.sock.recv(2)[:1].decode()

    def datagram(self, payload, **more):
        return net.packet(addr("client", self.version), VIP[self.version], 17,
                          net.udp(self.sport, 80, payload), **more)

    def answers(self, payload):
        """That the server has echoed it; others came before it."""
        try:
            return until(lambda: self.sock.recv(70000) ==
                         self.letter.encode() + payload)
        except TimeoutError:
            return False


class Wire:
    """One UDP connection on each server, what goes in at the client's cable, and
    what comes out at the servers'."""

    def __init__(self, version):
        self.version = version
        configure(version, [("a", 1), ("b", 1)], protocol=17)
        self.conns = sorted((Conn(version) for _ in range(2)),
                            key=lambda conn: conn.letter)
        self.client = Tap("client")
        self.taps = {letter: Tap(letter) for letter in "ab"}
        self.macs = {host: net.mac(host)
                     for host in ("director", "client", "a", "b")}
        self.vip = net.pack(VIP[version])
        self.number = DICE.randrange(1 << 15)

    def ident(self):
        self.number += 1
        return self.number

    def cut(self, whole, size, **more):
        return net.fragments(whole, size, self.ident(), **more)

    def put(self, packets):
        kind = 0x0800 if self.version == 4 else 0x86dd
        for packet in packets:
            self.client.send(self.macs["director"] + self.macs["client"] +
                             struct.pack("!H", kind) + packet)

    def send(self, packets):
        """Letter -> frames to the VIP that these packets had the director send;
        None where even a whole datagram behind them did not arrive."""
        self.put(packets)
        mark = os.urandom(8)
        self.put(conn.datagram(mark) for conn in self.conns)
        return {letter: self.read(tap, mark) for letter, tap in self.taps.items()}

    def read(self, tap, mark):
        seen = []
        while not seen or seen[-1].payload != mark:
            more = tap.wait(lambda f: f.src == self.macs["director"]
                            and f.daddr == self.vip)
            if not more:
                return None
            seen += more
        return seen[:-1]

    def wrong(self, packets, letter=None, whole=()):
        """What is wrong with what became of these packets, from which server
        `letter` must get the `whole` packets, and nobody anything else."""
        said = self.send(packets)
        if None in said.values():
            return "a whole datagram behind them did not arrive"
        got = said.pop(letter, [])
        rest = [f.ip[:64].hex() for seen in said.values() for f in seen]
        if rest:
            return "another server got " + ", ".join(rest)
        sets = {}
        for one in got:
            if (one.dst, one.src, one.ttl) != \
                    (self.macs[letter], self.macs["director"], 63):
                return "MAC addresses or TTL: " + one.data[:64].hex()
            ident = one.ip[4:6] if self.version == 4 else one.ip[44:48]
            sets.setdefault(ident, []).append(one.ip)
        if sorted(map(str, map(net.join, sets.values()))) != \
                sorted(str(packet[HEAD[self.version]:]) for packet in whole):
            return "server %s got %s" % (letter, [f.ip[:64].hex() for f in got])
        largest = max([SMALLEST[self.version]] + [len(one) for one in packets])
        if any(len(f.ip) > largest for f in got):
            return "%s are larger than %d" % ([len(f.ip) for f in got], largest)
        return None

    def close(self):
        for tap in (self.client, *self.taps.values()):
            tap.close()
        for conn in self.conns:
            conn.sock.close()


def weave(*lists):
    return [one for some in zip(*lists) for one in some]


def test_udp():
    for version in (4, 6):
        wire = Wire(version)
        name = "IPv%d UDP: " % version
        ok([conn.letter for conn in wire.conns] == ["a", "b"],
           name + "two connections, one on each server")
        for what, order in (
                ("in order", lambda parts: parts),
                ("the last first", lambda parts: parts[::-1]),
                ("from the middle", lambda parts: parts[2:] + parts[:2]),
                ("each twice", lambda parts: weave(parts[:-1], parts[:-1]) +
                 parts[-1:]),
                ("the first four times", lambda parts: parts[:1] * 3 + parts)):
            for size in (1000, 1480 if version == 4 else 1448,
                         [8 if version == 4 else 16, 1200]):
                bad = []
                for conn in wire.conns:
                    text = os.urandom(4444)
                    whole = conn.datagram(text)
                    bad += [wire.wrong(order(wire.cut(whole, size)), conn.letter,
                                       [whole]), conn.answers(text)]
                ok(bad == [None, True] * 2, name + "fragments of %s bytes, %s: "
                   "the whole datagram reaches its server, and is answered" %
                   (size, what), bad)

        # Two datagrams whose fragments come in turn
        for one, other, what in ((0, 0, "one connection"),
                                 (0, 1, "two servers' connections")):
            one, other = wire.conns[one], wire.conns[other]
            texts = [os.urandom(4000), os.urandom(4000)]
            wholes = [one.datagram(texts[0]), other.datagram(texts[1])]
            parts = weave(wire.cut(wholes[0], 1000),
                          wire.cut(wholes[1], 1000)[::-1])
            if one is other:
                bad = wire.wrong(parts, one.letter, wholes)
            else:
                said = wire.send(parts)
                bad = [net.join([f.ip for f in said[conn.letter] or []]) !=
                       whole[HEAD[version]:] for conn, whole
                       in zip((one, other), wholes)]
                bad = None if bad == [False, False] else bad
            ok(bad is None and one.answers(texts[0]) and other.answers(texts[1]),
               name + "two datagrams of %s, whose fragments come in turn" % what,
               bad)

        conn = wire.conns[0]
        for missing in range(5):
            text = os.urandom(4444)
            whole = conn.datagram(text)
            parts = wire.cut(whole, 1000)
            bad = wire.wrong(parts[:missing] + parts[missing + 1:])
            ok(bad is None, name + "without fragment %d nothing reaches anybody" %
               missing, bad)
            said = wire.send([parts[missing]])[conn.letter]
            ok(said and net.join([f.ip for f in said]) == whole[HEAD[version]:] and
               conn.answers(text), name + "the whole does as soon as it is there")
        wire.close()


def overlaps(parts, version):
    """(what, fragments) of which two claim the same bytes."""
    head = HEAD[version]

    def shifted(part, by):
        if version == 6:
            at = struct.unpack("!H", part[head + 2:head + 4])[0] + by
            return part[:head + 2] + struct.pack("!H", at) + part[head + 4:]
        at = struct.unpack("!H", part[6:8])[0] + by // 8
        new = part[:6] + struct.pack("!H", at) + part[8:10] + b"\0\0" + part[12:]
        return new[:10] + struct.pack("!H", net.checksum(new[:20])) + new[12:]

    yield "by 8 bytes with the one before", \
        parts[:1] + [shifted(parts[1], -8)] + parts[1:]
    yield "by 8 bytes with the one behind", \
        parts[:1] + parts[2:] + [shifted(parts[1], 8), parts[1]]
    yield "by all but 8 bytes, the others first", \
        parts[:1] + parts[2:] + [shifted(parts[1], -992), parts[1]]
    yield "by an end that is before the end", \
        [parts[0], parts[2], shifted(parts[-1], -3000), *parts[1:]]


def test_overlaps():
    """RFC 5722 wants the datagram dropped; Linux does that for IPv4, too."""
    for version in (4, 6):
        wire = Wire(version)
        conn, name = wire.conns[0], "IPv%d: " % version
        text = os.urandom(4444)
        whole = conn.datagram(text)
        for number in range(4):
            what, parts = list(overlaps(wire.cut(whole, 1000), version))[number]
            bad = wire.wrong(parts[:-1])
            ok(bad is None, name + "fragments that overlap %s reach nobody" % what,
               bad)
        ok(wire.wrong(wire.cut(whole, 1000), conn.letter, [whole]) is None and
           conn.answers(text), name + "a sound datagram does after them")
        wire.close()


class Ghost:
    """TCP by hand, from an address that nobody has."""

    def __init__(self, version, wire, sport):
        self.version, self.wire, self.sport = version, wire, sport
        self.seq, self.ack, self.heard = 5000, 0, 0

    def segment(self, flags, payload=b""):
        body = net.tcp(self.sport, 80, flags, payload, self.seq)
        body = body[:8] + struct.pack("!I", self.ack + self.heard & 0xffffffff) + \
            body[12:]
        self.seq += len(payload) + bool(flags & SYN)
        return net.packet(GHOST[self.version], VIP[self.version], 6, body)

    def hear(self):
        """(sequence number, segment) of what the server says to it."""
        return [(struct.unpack("!I", f.ip[HEAD[self.version] + 4:][:4])[0], f)
                for f in self.wire.client.wait(lambda f: f.dport == self.sport and
                                               f.saddr == self.wire.vip)]

    def open(self):
        self.wire.put([self.segment(SYN)])
        for seq, seen in self.hear():
            if seen.flags == SYN | ACK:
                self.ack = seq + 1
        return self.ack != 0

    def hears(self, text):
        """That the server says this, whatever the segments."""
        got = bytearray(len(text))
        need = set(range(len(text)))
        end = time.monotonic() + net.WAIT
        while need:
            heard = self.hear()
            for seq, seen in heard:
                at = (seq - self.ack) & 0xffffffff
                if at + len(seen.payload) <= len(text):
                    got[at:at + len(seen.payload)] = seen.payload
                    need -= set(range(at, at + len(seen.payload)))
            if not heard or time.monotonic() > end:
                return False
            # Or Nagle would keep the rest.
            self.heard = min(need, default=len(text))
            self.wire.put([self.segment(ACK)])
        return bytes(got) == text


def test_tcp():
    for version in (4, 6):
        wire = Wire(version)
        configure(version, [("a", 1), ("b", 1)])
        # Whole datagrams behind the fragments show that those were seen.
        vip = ("%s:80" if version == 4 else "[%s]:80") % VIP[version]
        lbctl("add-service", "-u", vip, "-s", "rr")
        for host in "ab":
            server = addr(host, version)
            lbctl("add-server", "-u", vip, "-r",
                  server if version == 4 else "[%s]" % server)
            net.ip(host, "neigh", "replace", GHOST[version], "lladdr",
                   ":".join("%02x" % byte for byte in wire.macs["client"]),
                   "dev", "eth0")
        wire.conns = sorted((Conn(version) for _ in range(2)),
                            key=lambda conn: conn.letter)
        name = "IPv%d TCP: " % version
        sport = DICE.randrange(20000, 60000)
        letters = set()
        for what, order in (("in order", 1), ("the last first", -1)):
            for size in (1000, [8, 16, 2000 // 8 * 4] if version == 4
                         else [24, 1000]):
                sport += 1
                ghost = Ghost(version, wire, sport)
                opened = ghost.open()
                text = os.urandom(3000)
                whole = ghost.segment(PSH | ACK, text)
                wire.send([])
                said = wire.send(wire.cut(whole, size)[::order])
                got = [letter for letter, seen in said.items() if seen]
                same = len(got) == 1 and net.join(
                    [f.ip for f in said[got[0]]]) == whole[HEAD[version]:]
                heard = same and ghost.hears(got[0].encode() + text)
                ok(opened and same and heard, name + "a segment in fragments of "
                   "%s bytes, %s, reaches one server whole, which answers" %
                   (size, what), (opened, got, same, heard))
                letters |= set(got)
                wire.put([ghost.segment(RST)])
        ok(letters == {"a", "b"}, name + "and by that both servers", letters)
        # Not a fragment that says SYN begins a connection, but the whole does.
        ghost = Ghost(version, wire, sport + 1)
        parts = wire.cut(ghost.segment(SYN, b"s" * 40), 24)
        wire.send([])
        bad = wire.wrong(parts[1:])
        wire.put(parts[:1])
        ok(bad is None and any(seen.flags == SYN | ACK for _, seen in ghost.hear()),
           name + "a SYN in fragments begins a connection", bad)
        for host in "ab":
            net.ip(host, "neigh", "del", GHOST[version], "dev", "eth0")
        wire.close()


@contextlib.contextmanager
def settings(host, values):
    """Some of a host's settings, in this order, and as they were afterwards."""
    before = []
    with net.within(host):
        for path, value in values:
            with open("/proc/sys/net/" + path, encoding="ascii") as file:
                before.append((path, file.read()))
            net.write("/proc/sys/net/" + path, str(value))
    try:
        yield
    finally:
        with net.within(host):
            for path, value in reversed(before):
                net.write("/proc/sys/net/" + path, value)


def waiting():
    """Bytes of IPv4 fragments that wait in the director. A process's own sockstat
    is that of its first thread's namespace."""
    text = net.run("ip", "netns", "exec", "director", "cat",
                   "/proc/net/sockstat").stdout
    words = next(line for line in text.splitlines()
                 if line.startswith("FRAG:")).split()
    return int(words[words.index("memory") + 1])


def test_bound():
    """Fragments that never become whole."""
    high = 1 << 18
    for version in (4, 6):
        wire = Wire(version)
        conn, name = wire.conns[0], "IPv%d: " % version
        prefix = "ipv4/ipfrag" if version == 4 else "netfilter/nf_conntrack_frag6"
        whole = conn.datagram(os.urandom(4000))
        # What other tests left waits longer than this one's.
        before = waiting()

        def passes():
            said = wire.send(wire.cut(whole, 1000))[conn.letter]
            return bool(said) and \
                net.join([f.ip for f in said]) == whole[HEAD[version]:]

        def flood(number):
            for _ in range(number):
                some = conn.datagram(os.urandom(1600))
                wire.put(wire.cut(some, 1400)[:1])

        with settings("director", [(prefix + "_low_thresh", high // 2),
                                   (prefix + "_high_thresh", high),
                                   (prefix + ("_time" if version == 4
                                              else "_timeout"), 2)]):
            flood(20)
            counted = net.drops()["memory"]
            ok(passes(), name + "some fragments wait for ever, and a datagram's "
               "pass")
            # Twice what there is room for. On a busy machine the first ones may time
            # out before the last ones are there.
            for _ in range(5):
                flood(300)
                blocked = not passes()
                if blocked:
                    break
            if version == 4:
                most = waiting()
                ok(0 < most < high + 8192, name + "of a flood of them no "
                   "more wait than ipfrag_high_thresh, but for the last", most)
            ok(blocked, name + "a flood fills what there is, and whoever comes "
               "then is dropped")
            if version == 6:
                ok(net.drops()["memory"] > counted, name + "and counted as memory")
            ok(until(passes), name + "until the time is over that fragments wait")
            if version == 4:
                ok(until(lambda: waiting() <= before),
                   name + "nothing of it waits after that", (before, waiting()))
            # One datagram whose end never comes
            parts = wire.cut(conn.datagram(os.urandom(65000)), 1400)[:-1]
            bad = wire.wrong(parts)
            ok(bad is None and (version == 6 or waiting() < high + 8192),
               name + "64 KB without an end reach nobody", bad)
        wire.close()


def told(tap, version, number=1):
    """MTUs that ICMP errors tell the client."""
    seen = tap.wait(lambda f: (version == 4 and f.l4 == 1 and
                               f.ip[20:22] == b"\3\4") or
                    (version == 6 and f.l4 == 58 and f.ip[40] == 2), number)
    return [struct.unpack("!H", f.ip[26:28])[0] if version == 4 else
            struct.unpack("!I", f.ip[44:48])[0] for f in seen]


def test_sizes():
    """As large as they came, and no larger than the way to the server takes."""
    for version in (4, 6):
        wire = Wire(version)
        conn, name = wire.conns[0], "IPv%d: " % version
        text = os.urandom(6000)
        whole = conn.datagram(text)
        for size in (1480 if version == 4 else 1448, 1304, [600, 1304],
                     [1304, 600]):
            # Wire.wrong() looks at the largest.
            bad = wire.wrong(wire.cut(whole, size), conn.letter, [whole])
            ok(bad is None and conn.answers(text), name + "fragments of %s bytes "
               "leave no larger than they came" % size, bad)
        some = os.urandom(200)
        small = conn.datagram(some)
        said = wire.send(wire.cut(small, 104))[conn.letter]
        ok(said and net.join([f.ip for f in said]) == small[HEAD[version]:] and
           conn.answers(some), name + "what would fit in one packet arrives whole "
           "as well")
        if version == 4:
            parts = wire.cut(whole, 1400, df=True)
            bad = wire.wrong(parts, conn.letter, [whole])
            ok(bad is None and conn.answers(text),
               name + "fragments that say they may not be fragmented, and fit", bad)
            parts = wire.cut(small, 104, df=True)
            bad = wire.wrong(parts, conn.letter, [small])
            ok(bad is None and conn.answers(some), name + "small ones, too", bad)

        lock = ["lock"] if version == 6 else []
        net.ip("director", "-%d" % version, "route", "add",
               addr(conn.letter, version), "dev", "eth0", "mtu", *lock, "1280")
        before = drops_of("mtu")
        bad = wire.wrong(wire.cut(whole, 1232), conn.letter, [whole])
        ok(bad is None and conn.answers(text),
           name + "an MTU of 1280, and fragments that just fit", bad)
        if version == 4:
            said = wire.send(wire.cut(whole, 1480))[conn.letter]
            sizes = [len(f.ip) for f in said or []]
            ok(said and net.join([f.ip for f in said]) == whole[20:] and
               max(sizes) <= 1280 and conn.answers(text), name + "an MTU of 1280: "
               "larger fragments are cut once more", sizes)
        ok(drops_of("mtu") == before, name + "none of these is dropped")
        wire.client.frames()
        bad = wire.wrong(wire.cut(whole, 1400, df=True))
        got = told(wire.client, version)
        ok(bad is None and got == [1280] and drops_of("mtu") == before + 1,
           name + "an MTU of 1280: larger fragments that may not be fragmented are "
           "answered by ICMP with the MTU, and counted", (bad, got))
        net.ip("director", "-%d" % version, "route", "del",
               addr(conn.letter, version), "dev", "eth0")
        wire.close()
        net.forget_pmtu()


def test_large():
    """What programs send: the largest datagrams that there are."""
    with open("/proc/modules", encoding="ascii") as file:
        ok("br_netfilter" not in file.read(), "no module is loaded that would put "
           "fragments together on the bridge")
    for version in (4, 6):
        wire = Wire(version)
        for conn in wire.conns:
            good = 0
            for size in (1473, 3000, 20000, 60000, 65000):
                for _ in range(4):
                    text = os.urandom(size)
                    conn.sock.send(text)
                    good += conn.answers(text)
            ok(good == 20, "IPv%d: server %s gets and answers datagrams of up to "
               "65,000 bytes" % (version, conn.letter), good)
        wire.close()


def test_router():
    """TCP that a router has cut on its way to us: far --- r --- the segment."""
    try:
        for host in ("r", "far"):
            net.run("ip", "netns", "add", host)
        net.batch("", ["link add vr type veth peer name eth0 netns r",
                       "link set vr master br0 up",
                       "link add far netns r type veth peer name eth0 netns far"])
        with net.within("r"):
            net.write("/proc/sys/net/ipv4/ip_forward", "1")
        net.batch("r", ["link set eth0 up", "link set far up",
                        "addr add 192.168.1.1/24 dev eth0",
                        "addr add 10.1.0.1/24 dev far",
                        "route add %s dev eth0 mtu lock 900" % VIP[4]])
        net.batch("far", ["link set eth0 up", "addr add 10.1.0.2/24 dev eth0",
                          "route add default via 10.1.0.1"])
        for host in ("a", "b", "director"):
            net.ip(host, "route", "add", "10.1.0.0/24", "via", "192.168.1.1")
        with net.within("far"):
            # No path MTU discovery
            net.write("/proc/sys/net/ipv4/ip_no_pmtu_disc", "1")
        configure(4, [("a", 1), ("b", 1)])
        for letter in "ab":
            tap = Tap(letter)
            sock = net.connect(4, host="far")
            good = sock.recv(1).decode() == letter and exchange(sock, 300000)
            cut = [f for f in tap.frames() if f.src == net.mac("director") and
                   f.ip[6] & 0x20 and f.daddr == net.pack(VIP[4])]
            ok(good and cut and max(len(f.ip) for f in cut) <= 900,
               "TCP that a router cuts: 300,000 bytes to server %s and back, as "
               "fragments no larger than its" % letter,
               (good, [len(f.ip) for f in cut]))
            sock.close()
            tap.close()
    finally:
        for host in ("a", "b", "director"):
            net.ip(host, "route", "del", "10.1.0.0/24", check=False)
        net.ip("", "link", "del", "vr", check=False)
        net.ip("r", "link", "del", "far", check=False)
        for host in ("r", "far"):
            net.run("ip", "netns", "del", host, check=False)


def echo_of(host, address, port):
    """A socket that is bound there, for one datagram at a time."""
    with net.within(host):
        sock = socket.socket(net.AF[6 if ":" in address else 4],
                             socket.SOCK_DGRAM)
    sock.settimeout(net.WAIT)
    sock.bind((address, port))
    return sock


def test_bystanders():
    for version in (4, 6):
        wire = Wire(version)
        name = "IPv%d: " % version
        for what, host, address, port in (
                ("another port of the VIP", "director", VIP[version], 82),
                ("the director's own address", "director",
                 addr("director", version), 80)):
            with net.within("client"):
                other = socket.socket(net.AF[version], socket.SOCK_DGRAM)
            with echo_of(host, address, port) as sock, other:
                other.settimeout(net.WAIT)
                text = os.urandom(30000)
                other.sendto(text, (address, port))
                got, peer = sock.recvfrom(70000)
                sock.sendto(got, peer)
                ok(other.recv(70000) == text, name + "30,000 bytes to %s and back" %
                   what)
        done = net.run("ip", "netns", "exec", "client", "ping", "-c", "1", "-W",
                       "9", "-s", "9000", VIP[version], check=False)
        ok(done.returncode == 0, name + "a ping of 9,000 bytes is answered",
           done.stdout + done.stderr)

        # What the director only forwards, to server a by its own address
        forward = "ipv4/ip_forward" if version == 4 else \
            "ipv6/conf/all/forwarding"
        with settings("director", [(forward, 1)]), \
                echo_of("a", addr("a", version), 90) as sock:
            text = os.urandom(5000)

            def cut():
                return wire.cut(net.packet(addr("client", version),
                                           addr("a", version), 17,
                                           net.udp(1234, 90, text)), 1000)

            wire.put(cut()[::-1])
            ok(sock.recv(70000) == text,
               name + "fragments that the director forwards arrive as ever")

            def alone():
                wire.taps["a"].frames()
                wire.put(cut()[:1])
                wire.put([net.packet(addr("client", version), addr("a", version),
                                     17, net.udp(1234, 90, b"end"))])
                seen = []
                while not seen or seen[-1].payload != b"end":
                    seen += wire.taps["a"].wait(
                        lambda f: f.src == wire.macs["director"] and
                        f.daddr == net.pack(addr("a", version)))
                return len(seen) - 1

            ok(alone() == 1, name + "each goes its own way beside a service")
            lbctl("add-service", "-f", "7", *(["-6"] if version == 6 else []))
            ok(alone() == 0, name + "with a fwmark service they are put together")
            lbctl("del-service", "-f", "7", *(["-6"] if version == 6 else []))
            ok(alone() == 1, name + "without it each goes its own way again")
        wire.close()


WATCH = """table inet watch {
	counter parts {}
	chain raw {
		type filter hook prerouting priority raw
		ip frag-off & 0x3fff != 0 counter name parts
		exthdr frag exists counter name parts
		meta length > 4000 meta l4proto udp drop
	}
}"""


def test_rules():
    """Rules in raw see the fragments of a datagram, and then the whole."""
    def nft(*words, **more):
        return subprocess.run(["ip", "netns", "exec", "director", "nft", *words], text=True,
                              check=True, capture_output=True, **more).stdout

    for version in (4, 6):
        wire = Wire(version)
        conn, name = wire.conns[0], "IPv%d: " % version
        whole = conn.datagram(os.urandom(4444))
        nft("-f", "-", input=WATCH)
        bad = wire.wrong(wire.cut(whole, 1000))
        row = json.loads(nft("-j", "list", "counter", "inet", "watch", "parts"))
        parts = [one["counter"]["packets"] for one in row["nftables"] if "counter" in one]
        ok(bad is None and parts == [5], name + "a rule about the whole datagram drops it, "
           "after another one has seen its 5 fragments", (bad, parts))
        nft("delete", "table", "inet", "watch")
        bad = wire.wrong(wire.cut(whole, 1000), conn.letter, [whole])
        ok(bad is None, name + "without the rules it is forwarded", bad)
        wire.close()


# What is sent in this order is to arrive in it: by one CPU, which serves one
# queue.
os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})
net.main(globals())
