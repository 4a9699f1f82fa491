#!/usr/bin/python3 -B
# SPDX-License-Identifier: GPL-2.0
# Also on: bookworm backports uml
"""Floods from forged sources: established connections and other services are not
affected, and honest clients get through."""
import os
import struct
import time

import genl
import net
from net import ACK, FIN, RST, SYN, VIP, Tap, drops, drops_of, ok, raw, tcp, udp, until
from servers import configure, udp_socket

LIMIT, TRANSFERS = (2048, 1000) if net.LABEL == "trixie" else (512, 250)
CROWDED = LIMIT - LIMIT // 16
FLOOD = 10 * LIMIT
RATE = "/sys/module/lbdr/parameters/conn_rate"


class Flood:
    """Frames like one of the client's, from random sources and ports; what has no
    server's checksum right ends at the server."""

    def __init__(self, version, protocol):
        self.version = version
        self.tap = Tap("client")
        self.dice = net.seeded()
        body = tcp(1, 80, SYN) if protocol == 6 else udp(1, 80, b"flood")
        src = "10.0.0.0" if version == 4 else "2001:db8:9::"
        frame = bytearray(raw(version, body, protocol, src=src))
        self.frame = frame
        self.sum = sum(struct.unpack("!HHH", frame[18:20] + frame[26:30]))

    def send(self):
        frame = self.frame
        if self.version == 4:
            frame[27:30] = self.dice.randbytes(3)
            # The header's checksum stays: the identification makes up for it.
            ident = self.sum - sum(struct.unpack("!HH", frame[26:30]))
            frame[18:20] = struct.pack("!H", ident % 0xffff)
            frame[34:36] = struct.pack("!H", self.dice.randrange(1, 1 << 16))
        else:
            frame[30:38] = self.dice.randbytes(8)
            frame[54:56] = struct.pack("!H", self.dice.randrange(1, 1 << 16))
        self.tap.send(frame)

    def close(self):
        self.tap.close()


class Flows:
    """Forged flows of several packets each, sent by a process of its own: the packets
    of `batch` flows are interleaved, with a pause after one of each."""

    def __init__(self, protocol, packets, number, batch=50, pause=0):
        self.protocol, self.packets, self.number = protocol, packets, number
        self.batch, self.pause = batch, pause
        self.child = os.fork()
        if not self.child:
            try:
                self.send()
            finally:
                os._exit(0)

    def frames(self, dice, frame, check):
        """The packets of one flow, built from a frame of the client."""
        source = dice.randbytes(3)
        frame[27:30] = source
        # The identification makes up for the header's checksum.
        ident = check - sum(struct.unpack("!HH", frame[26:30]))
        frame[18:20] = struct.pack("!H", ident % 0xffff)
        frame[34:36] = struct.pack("!H", dice.randrange(1, 1 << 16))
        for i in range(self.packets):
            if self.protocol == 6:
                frame[47] = ACK if i else SYN
            yield bytes(frame)

    def send(self):
        dice = net.random.Random(net.SEED + os.getpid())
        body = tcp(1, 80, SYN) if self.protocol == 6 else udp(1, 80, b"flood")
        frame = bytearray(raw(4, body, self.protocol, src="10.0.0.0"))
        check = sum(struct.unpack("!HHH", frame[18:20] + frame[26:30]))
        tap = Tap("client")
        for at in range(0, self.number, self.batch):
            flows = [list(self.frames(dice, frame, check))
                     for _ in range(min(self.batch, self.number - at))]
            for packets in zip(*flows):
                for packet in packets:
                    tap.send(packet)
                if self.pause:
                    time.sleep(self.pause)

    def running(self):
        if self.child and os.waitpid(self.child, os.WNOHANG)[0]:
            self.child = None
        return bool(self.child)


def says(sock):
    """What is said comes back."""
    data = os.urandom(16)
    back = b""
    try:
        sock.sendall(data)
        while len(back) < len(data):
            piece = sock.recv(100)
            if not piece:
                return False
            back += piece
    except OSError:
        return False
    return back == data


def heard(sock):
    """The same by UDP, where the server's letter comes first."""
    data = os.urandom(16)
    try:
        sock.send(data)
        return sock.recv(100)[1:] == data
    except OSError:
        return False


def flood(attack, socks, talk, number=FLOOD):
    """The attack, and meanwhile each connection says something; what broke."""
    broken = 0
    for i in range(number):
        attack.send()
        if not i % (number // len(socks)):
            broken += not talk(socks[i // (number // len(socks)) % len(socks)])
    return broken


def made_room(before):
    """Each of a flood that there was no room for took another's place, or came when
    the memory of those that had gone was not free yet."""
    now = drops()
    evicted, refused = (now[why] - before[why] for why in ("evicted", "conn-max"))
    print("# %d evicted, %d refused" % (evicted, refused), flush=True)
    return evicted > 0 and evicted + refused >= FLOOD - LIMIT


def open_director():
    with net.within("director"):
        return genl.Director()


def transfers(version, number=TRANSFERS):
    socks = []
    for _ in range(number):
        sock = net.connect(version)
        sock.recv(1)
        socks.append(sock)
    return socks


def finish(director, socks, attack):
    attack.close()
    for sock in socks:
        sock.close()
    director.clear()
    until(lambda: not director.held())
    director.close()


def test_evict():
    for version in (4, 6):
        name = "IPv%d, rr: " % version
        configure(version, [("a", 1), ("b", 1)])
        director, socks = open_director(), transfers(version)
        attack = Flood(version, 6)
        before = drops()
        broken = flood(attack, socks, says)
        ok(made_room(before), name + "new ones took the place of half-open ones")
        ok(TRANSFERS < director.held() <= LIMIT, name + "the table has no more "
           "connections than it may", director.held())
        honest = [net.connect(version) for _ in range(10)]
        ok(all(sock.recv(1) and says(sock) for sock in honest),
           name + "ten who are honest get through in the crowd")
        ok(not broken, name + "none of %d transfers broke during the flood" %
           TRANSFERS, broken)
        broken = sum(not says(sock) for sock in socks)
        ok(not broken, name + "and each goes on after it", broken)
        finish(director, socks + honest, attack)


def test_stateless():
    for version in (4, 6):
        name = "IPv%d, mh: " % version
        configure(version, [("a", 1), ("b", 1)], "mh")
        director, socks = open_director(), transfers(version)
        attack = Flood(version, 6)
        before = drops_of("stateless"), drops_of("evicted")
        broken = flood(attack, socks, says)
        # Some of the flood's entries expire meanwhile, and others get them.
        ok(drops_of("stateless") - before[0] >= FLOOD - 2 * LIMIT and
           drops_of("evicted") == before[1],
           name + "new ones are forwarded without a connection, and none goes for "
           "them", drops_of("stateless") - before[0])
        ok(director.held() <= LIMIT, name + "the table does not fill up for it",
           director.held())
        honest = net.connect(version)
        port = honest.getsockname()[1]
        ok(honest.recv(1) and says(honest) and not director.conns(cport=port),
           name + "an honest client is served, and has no connection")
        ok(not broken, name + "none of %d transfers broke during the flood" %
           TRANSFERS, broken)
        broken = sum(not says(sock) for sock in socks)
        ok(not broken, name + "and each goes on after it", broken)
        director.kill(state="syn-recv")
        until(lambda: director.held() < CROWDED)
        ok(says(honest) and [conn.state for conn in director.conns(cport=port)] ==
           ["established"], name + "when there is room again, what goes on gets its "
           "connection", director.conns(cport=port))
        finish(director, socks + [honest], attack)


def test_datagrams():
    for version in (4, 6):
        name = "IPv%d, UDP: " % version
        configure(version, [("a", 1), ("b", 1)], protocol=17)
        director = open_director()
        socks = [udp_socket(version) for _ in range(100)]
        ok(all(heard(sock) and heard(sock) for sock in socks),
           name + "100 clients have said something twice")
        attack = Flood(version, 17)
        before = drops()
        broken = flood(attack, socks, heard)
        ok(made_room(before) and not broken, name + "those of one datagram made room, "
           "and none of the clients lost its server", broken)
        ports = {sock.getsockname()[1] for sock in socks}
        left = {conn.cport for conn in director.conns(client=net.addr(
            "client", version), state="udp")}
        ok(ports <= left, name + "the clients' connections are all there",
           len(ports - left))
        finish(director, socks, attack)


def test_rate():
    """By the clock's seconds, so that twice as many may pass in one of ours."""
    for sched, reason in (("mh", "stateless"), ("rr", "evicted")):
        configure(4, [("a", 1), ("b", 1)], sched)
        director = open_director()
        attack = Flood(4, 6)
        net.write(RATE, "10")
        before = drops_of(reason)

        def more():
            for _ in range(100):
                attack.send()
            return drops_of(reason) - before >= 50

        ok(until(more), "conn_rate, %s: above it they are %s" % (sched, reason),
           drops_of(reason) - before)
        net.write(RATE, "0")
        finish(director, [], attack)


def honest(version, protocol):
    """Whether a new client is served."""
    if protocol == 17:
        sock = udp_socket(version)
        sock.settimeout(3)
        good = heard(sock)
    else:
        try:
            sock = net.connect(version, timeout=3)
        except OSError:
            return False
        try:
            good = bool(sock.recv(1)) and says(sock)
        except OSError:
            good = False
    sock.close()
    return good


class Crowd:
    """Services of TCP and UDP, IPv4 and IPv6, of which IPv4's are flooded, and
    clients of each that were there before."""

    def __init__(self):
        with net.within("director"):
            self.director = genl.Director()
        self.director.clear()
        for version in (4, 6):
            for protocol in (6, 17):
                self.director.add(genl.key(VIP[version], 80, protocol), [
                    net.addr(host, version) for host in "ab"], sched="rr")
        self.protected = transfers(4)
        self.others = transfers(6, OTHERS)
        self.datagrams = [udp_socket(4) for _ in range(OTHERS)]
        # Eight renewals of their stamps in ten seconds at least, also if rounds are slow.
        end = time.monotonic() + 10
        rounds = 0
        while rounds < 12 or time.monotonic() < end:
            begun = time.monotonic()
            self.talk = all([says(sock) for sock in self.protected + self.others] +
                            [heard(sock) for sock in self.datagrams])
            rounds += 1
            time.sleep(max(0, begun + 0.3 - time.monotonic()))

    def during(self, flows, flooded):
        """What breaks, and who is served, while a flood lasts."""
        broken = lost = tried = served = refused = 0
        at = 0
        while flows.running():
            sock = self.protected[at % len(self.protected)]
            broken += not says(sock)
            if at % 5 == 0:
                lost += not says(self.others[at // 5 % OTHERS])
                if flooded != 17:
                    lost += not heard(self.datagrams[at // 5 % OTHERS])
            if at % 10 == 0:
                tried += 1
                served += honest(4, flooded)
                refused += not honest(6, 6)
                if flooded != 17:
                    refused += not honest(4, 17)
            at += 1
        return broken, lost, tried, served, refused

    def after(self, flooded):
        """The same when a flood is over."""
        broken = sum(not says(sock) for sock in self.protected)
        lost = sum(not says(sock) for sock in self.others)
        if flooded != 17:
            lost += sum(not heard(sock) for sock in self.datagrams)
        return broken, lost

    def everyone(self):
        """New clients of all services are served."""
        return all(honest(version, protocol) for version in (4, 6)
                   for protocol in (6, 17) for _ in range(5))

    def close(self):
        for sock in self.protected + self.others + self.datagrams:
            sock.close()
        self.director.clear()
        until(lambda: not self.director.held())
        self.director.close()


OTHERS = 100
# A service's name, its protocol and its settings
FLOODED = (("rr", 6, {"sched": "rr"}),
           ("persistent", 6, {"sched": "rr", "persist": 300}),
           ("mh", 6, {"sched": "mh", "persist": 0}),
           ("one-packet", 17, {"flags": genl.ONE_PACKET}))


def wanted():
    """Connections of services that a flood must not touch are still lost where the machine
    is slow, so these floods run only when they are asked for."""
    if os.environ.get("FLOODS"):
        return True
    print("skip - floods of several packets a flow: set FLOODS=1", flush=True)
    return False


def test_flows():
    """Flows of one to five packets, at each kind of service."""
    if not wanted():
        return
    net.seeded()
    crowd = Crowd()
    ok(crowd.talk, "%d transfers and %d clients of other services are established" %
       (TRANSFERS, 2 * OTHERS))
    for kind, protocol, settings in FLOODED:
        key = genl.key(VIP[4], 80, protocol)
        crowd.director.set(key, **settings)
        for packets in (1, 2, 3, 5):
            name = "%s, %d packets: " % (kind, packets)
            before, begun = drops(), time.monotonic()
            broken, lost, tried, served, refused = crowd.during(
                Flows(protocol, packets, FLOOD), protocol)
            took = time.monotonic() - begun
            now = {why: count - before[why] for why, count in drops().items()
                   if count > before[why]}
            print("# %s%.0f flows a second, %d of %d served, %s" % (
                name, FLOOD / took, served, tried, now), flush=True)
            more = crowd.after(protocol)
            ok(not broken + more[0], name + "none of %d transfers broke" % TRANSFERS,
               (broken, more[0]))
            ok(not lost + more[1] + refused, name + "other services lost nothing",
               (lost, more[1], refused))
            ok(tried and served >= 0.9 * tried, name + "new clients are served",
               (served, tried))
            ok(until(crowd.everyone, 10), name + "and all of them after it")
    crowd.close()


def test_long_flows():
    """Forged flows of 50 packets in 15 s: figures only for the flooded service."""
    if not wanted():
        return
    net.seeded()
    crowd = Crowd()
    broken, lost, tried, served, refused = crowd.during(
        Flows(6, 50, 2 * LIMIT, batch=2 * LIMIT, pause=0.3), 6)
    more = crowd.after(6)
    print("# 50 packets: %d of %d transfers broke, %d of %d served" % (
        broken + more[0], TRANSFERS, served, tried), flush=True)
    ok(not lost + more[1] + refused, "50 packets: other services lost nothing",
       (lost, more[1], refused))
    ok(until(crowd.everyone, 10), "50 packets: all are served after it")
    crowd.close()


def test_ends():
    """RST and FIN out of nowhere, from a client's address and all of its ports."""
    if not wanted():
        return
    crowd = Crowd()
    for name, flags in (("RST", RST), ("FIN", FIN | ACK)):
        tap = Tap("client")
        body = tcp(1, 80, flags, seq=12345)
        frame = bytearray(raw(4, body, 6))
        for port in range(1024, 1 << 16):
            frame[34:36] = struct.pack("!H", port)
            tap.send(frame)
        tap.close()
        states = {}
        for conn in crowd.director.conns(client=net.addr("client"), vport=80,
                                         protocol=6):
            states[conn.state] = states.get(conn.state, 0) + 1
        broken, lost = crowd.after(6)
        print("# %s: %d of %d transfers broke at once, states %s" % (
            name, broken, TRANSFERS, states), flush=True)
        ok(not broken, name + " out of nowhere: no transfer breaks at once", broken)
        ok(not lost, name + " out of nowhere: other services lost nothing", lost)
    crowd.close()


net.main(globals(), parameters=["conn_max=%d" % LIMIT])
