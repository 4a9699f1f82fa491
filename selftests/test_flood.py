#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0
# Also on: trixie
"""Floods from forged sources: established connections and other services are not
affected, and honest clients get through."""
import os
import socket
import struct
import time

import genl
import net
from net import (ACK, FIN, RST, SYN, VIP, Tap, drops, drops_of, ok, only, raw, tcp, udp,
                 until)
from servers import configure, udp_socket

LIMIT, TRANSFERS = (2048, 1000) if net.EVERYTHING else (512, 250)
CROWDED = LIMIT - LIMIT // 16
FLOOD = 10 * LIMIT
RATE = "/sys/module/lbdr/parameters/conn_rate"
CONN_MAX = "/sys/module/lbdr/parameters/conn_max"

# The table that is flooded by flows of several packets, those in it before, and forged
# flows in a grace period: a table of a million entries would meet as many for its size at
# 1.6 million flows a second, with grace periods of 20 ms. With everything, 1,000 transfers
# are protected; otherwise as large a share of a smaller table.
SIZE, PROTECTED, OTHERS = (4096, 1000, 40) if net.EVERYTHING else (512, 150, 20)
BATCH = SIZE // 32
# A stamp is renewed when it is older than a quarter of a second; in ms.
GRAIN = 300


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
    """Forged flows of several packets each. A batch has the next packet of each of its
    flows in turn."""

    def __init__(self, protocol, packets):
        self.protocol, self.packets = protocol, packets
        body = tcp(1, 80, SYN) if protocol == 6 else udp(1, 80, b"flood")
        self.frame = bytearray(raw(4, body, protocol, src="10.0.0.0"))
        self.sum = sum(struct.unpack("!HHH", self.frame[18:20] + self.frame[26:30]))
        self.dice = net.seeded()
        self.tap = Tap("client")

    def flow(self):
        """The packets of one flow, built from a frame of the client."""
        frame = self.frame
        frame[27:30] = self.dice.randbytes(3)
        # The identification makes up for the header's checksum.
        ident = self.sum - sum(struct.unpack("!HH", frame[26:30]))
        frame[18:20] = struct.pack("!H", ident % 0xffff)
        frame[34:36] = struct.pack("!H", self.dice.randrange(1, 1 << 16))
        packets = []
        for i in range(self.packets):
            if self.protocol == 6:
                frame[47] = ACK if i else SYN
            packets.append(bytes(frame))
        return packets

    def batch(self, flows, each):
        """Send a batch, and yield after every `each` packets."""
        sent = 0
        for packets in zip(*[self.flow() for _ in range(flows)]):
            for packet in packets:
                self.tap.send(packet)
                sent += 1
                if sent % each == 0:
                    yield

    def close(self):
        self.tap.close()


def grace_period():
    """Wait for an RCU grace period, after which the memory of removed connections is
    free. A flood of so many packets in each does not depend on how fast this machine is."""
    # A packet socket that is closed waits for one; membarrier() does not on one CPU.
    socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(3)).close()


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
        if not i % (LIMIT // 32):
            grace_period()
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
    """What the table holds goes for others and not by itself, however long a flood takes:
    in a full table timeouts are a sixteenth."""
    with net.within("director"):
        director = genl.Director()
    director.set_timeouts({"syn-recv": 30000, "established": 30000, "udp": 30000})
    return director


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


@only("uml")
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


@only("uml")
def test_stateless():
    for version in (4, 6):
        name = "IPv%d, mh: " % version
        configure(version, [("a", 1), ("b", 1)], "mh")
        director, socks = open_director(), transfers(version)
        attack = Flood(version, 6)
        before = drops_of("stateless"), drops_of("evicted")
        broken = flood(attack, socks, says)
        # Some of the flood's entries expire meanwhile, and others get them.
        ok(drops_of("stateless") - before[0] >= FLOOD // 10 and
           drops_of("evicted") == before[1],
           name + "new ones are forwarded without a connection, and none goes for "
           "them", drops_of("stateless") - before[0])
        ok(director.held() <= LIMIT, name + "the table does not fill up for it",
           director.held())
        honest = []

        def served():
            """What expires between the flood and a client leaves room for its
            connection, so that the next one tries again."""
            refill = drops_of("stateless") + 10
            while drops_of("stateless") < refill:
                attack.send()
            honest.append(net.connect(version))
            return not (honest[-1].recv(1) and says(honest[-1])) or \
                not director.conns(cport=honest[-1].getsockname()[1])

        ok(until(served) and says(honest[-1]),
           name + "an honest client is served, and has no connection", len(honest))
        port = honest[-1].getsockname()[1]
        ok(not broken, name + "none of %d transfers broke during the flood" %
           TRANSFERS, broken)
        broken = sum(not says(sock) for sock in socks)
        ok(not broken, name + "and each goes on after it", broken)
        director.kill(state="syn-recv")
        until(lambda: director.held() < CROWDED)
        ok(says(honest[-1]) and
           [conn.state for conn in director.conns(cport=port)] == ["established"],
           name + "when there is room again, what goes on gets its connection",
           director.conns(cport=port))
        finish(director, socks + honest, attack)


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


class Newcomer:
    """A new client, which connects, is answered, and speaks again later."""

    def __init__(self, director, version, protocol):
        self.director, self.version, self.protocol = director, version, protocol
        self.good = True
        try:
            self.sock = udp_socket(version) if protocol == 17 else net.connect(version)
            self.good = protocol == 17 or bool(self.sock.recv(1))
        except OSError:
            self.good = False
        self.speak()

    def speak(self):
        talk = heard if self.protocol == 17 else says
        self.good = self.good and talk(self.sock)
        return self.good

    def close(self):
        """A datagram's connection would stay, and its service hold more and more."""
        if not hasattr(self, "sock"):
            return
        port = self.sock.getsockname()[1]
        self.sock.close()
        if self.protocol == 17:
            self.director.kill(client=net.addr("client", self.version), cport=port,
                               vip=VIP[self.version], vport=80, protocol=17)


class Result:
    """What a flood did. `lost`: connections of other services that broke, and new
    clients of theirs that were not served."""

    def __init__(self):
        self.broken = self.lost = self.tried = self.served = 0


class Crowd:
    """Services of TCP and UDP, IPv4 and IPv6, of which IPv4's are flooded, and
    clients of each that were there before."""

    def __init__(self):
        net.write(CONN_MAX, str(SIZE))
        self.director = open_director()
        self.director.clear()
        self.keys = {}
        for version in (4, 6):
            for protocol in (6, 17):
                key = self.keys[version, protocol] = genl.key(VIP[version], 80, protocol)
                self.director.add(key, [net.addr(host, version) for host in "ab"],
                                  sched="rr")
        self.protected = transfers(4, PROTECTED)
        self.others = transfers(6, OTHERS)
        self.datagrams = [udp_socket(4) for _ in range(OTHERS)]
        self.protect()

    def talk(self):
        return all([says(sock) for sock in self.protected + self.others] +
                   [heard(sock) for sock in self.datagrams])

    def protect(self):
        """Until the stamp of every connection was renewed eight times, over ten seconds:
        what the table tells of their ages shows it each time."""
        everyone = PROTECTED + 2 * OTHERS
        good = self.talk() and self.director.count() == everyone
        begun, renewals = time.monotonic(), 0
        while good and (renewals < 8 or time.monotonic() < begun + 10):
            good = until(lambda: self.director.count(idle_min=GRAIN) == everyone)
            spoke = time.monotonic()
            good = good and self.talk() and until(lambda: not self.director.count(
                idle_min=int(1000 * (time.monotonic() - spoke)) + GRAIN // 2))
            renewals += 1
        ok(good, "%d transfers and %d clients of other services were renewed %d times" %
           (PROTECTED, 2 * OTHERS, renewals))

    def others_of(self, flooded):
        """The services that are not flooded."""
        return [which for which in self.keys if which != (4, flooded)]

    def other_drops(self, flooded):
        """Packets of the other services that were lost. Not late packets of connections
        that have ended, nor replaced connections of a service that was flooded before, nor
        what was forwarded without a connection."""
        return {which: {why: count
                        for why, count in self.director.drops(self.keys[which]).items()
                        if why not in ("no-conn", "stateless") and
                        (why, which) != ("evicted", (4, 6))}
                for which in self.others_of(flooded)}

    def step(self, at, flooded, result):
        """What goes on beside a flood: one transfer, now and then one of the others, and
        new clients."""
        result.broken += not says(self.protected[at % PROTECTED])
        if at % 5 == 0:
            result.lost += not says(self.others[at // 5 % OTHERS])
            if flooded != 17:
                result.lost += not heard(self.datagrams[at // 5 % OTHERS])
        if at % 10:
            return []
        return [Newcomer(self.director, *which)
                for which in [(4, flooded)] + self.others_of(flooded)]

    def flood(self, flooded, packets, number, batch=BATCH, each=None):
        """A flood of `number` flows, a step for each batch."""
        result, flows, at, newcomers = Result(), Flows(flooded, packets), 0, []
        # What has ended would make the others exceed their shares.
        for state in ("fin-wait", "time-wait", "close"):
            self.director.kill(version=6, state=state)
        self.director.do(genl.ZERO)
        for turn in range(number // batch):
            # Output tells the runner that the flood goes on.
            if turn % (SIZE // BATCH) == 0:
                print("# %d of %d flows" % (turn * batch, number), flush=True)
            for _ in flows.batch(batch, each or batch * packets):
                grace_period()
                for newcomer in newcomers:
                    newcomer.speak()
                result.tried += bool(newcomers)
                result.served += sum(one.good for one in newcomers[:1])
                result.lost += sum(not one.good for one in newcomers[1:])
                for newcomer in newcomers:
                    newcomer.close()
                newcomers = self.step(at, flooded, result)
                at += 1
        for newcomer in newcomers:
            newcomer.close()
        flows.close()
        result.drops = self.director.drops(self.keys[4, flooded])
        result.other_drops = self.other_drops(flooded)
        result.broken += sum(not says(sock) for sock in self.protected)
        result.lost += sum(not says(sock) for sock in self.others)
        if flooded != 17:
            result.lost += sum(not heard(sock) for sock in self.datagrams)
        return result

    def everyone(self):
        """New clients of all services are served."""
        newcomers = [Newcomer(self.director, *which) for which in self.keys
                     for _ in range(5)]
        for newcomer in newcomers:
            newcomer.close()
        return all(newcomer.good for newcomer in newcomers)

    def close(self):
        for sock in self.protected + self.others + self.datagrams:
            sock.close()
        self.director.clear()
        until(lambda: not self.director.held())
        self.director.close()
        net.write(CONN_MAX, str(LIMIT))


# Packets of a flow: all of them at each service with `make check-all`
SHAPES = (1, 2, 3, 5)
# A service's name, its protocol and its settings, and the packets of a flow otherwise
FLOODED = (("rr", 6, {"sched": "rr"}, (1, 3)),
           ("persistent", 6, {"sched": "rr", "persist": 300}, (2,)),
           ("mh", 6, {"sched": "mh", "persist": 0}, (2,)),
           ("one-packet", 17, {"flags": genl.ONE_PACKET}, (1,)))


def untouched(result, name):
    """Nothing of the other services was lost: no connection, no new client, and no
    packet by their own counters."""
    ok(not result.lost and not any(result.other_drops.values()),
       name + "other services lost nothing", (result.lost, result.other_drops))


@only("trixie")
def test_flows():
    """Flows of one to five packets, ten times the table, at each kind of service."""
    crowd = Crowd()
    for kind, protocol, settings, some in FLOODED:
        crowd.director.set(crowd.keys[4, protocol], **settings)
        for packets in SHAPES if net.EVERYTHING else some:
            name = "%s, %d packets: " % (kind, packets)
            begun = time.monotonic()
            result = crowd.flood(protocol, packets, 10 * SIZE)
            print("# %s%.0f flows a second, %d of %d served, %s" % (
                name, 10 * SIZE / (time.monotonic() - begun), result.served,
                result.tried, result.drops), flush=True)
            full = {"rr": "evicted", "persistent": "evicted", "mh": "stateless"}
            ok(result.drops.get(full.get(kind), 1) > 0,
               name + "the table was full, or keeps nothing", result.drops)
            ok(not result.broken, name + "none of %d transfers broke" % PROTECTED,
               result.broken)
            untouched(result, name)
            ok(result.served >= 0.9 * result.tried > 0, name + "new clients are served",
               (result.served, result.tried))
            ok(until(crowd.everyone, 10), name + "and all of them after it")
    crowd.close()


@only("trixie")
def test_long_flows():
    """Forged flows of 50 packets: figures only for the flooded service."""
    crowd = Crowd()
    result = crowd.flood(6, 50, SIZE, batch=SIZE, each=4 * BATCH)
    print("# 50 packets: %d of %d transfers broke, %d of %d served, %s" % (
        result.broken, PROTECTED, result.served, result.tried, result.drops), flush=True)
    # Newcomers of the other services that have closed may be evicted: none of those that
    # are open is, or it would have been lost.
    others = [{why: n for why, n in drops.items() if why != "evicted"}
              for drops in result.other_drops.values()]
    ok(not result.lost and not any(others), "50 packets: other services lost nothing",
       (result.lost, result.other_drops))
    ok(until(crowd.everyone, 10), "50 packets: all are served after it")
    crowd.close()


@only("trixie")
def test_ends():
    """RST and FIN out of nowhere, from a client's address and all of its ports. They
    close entries, which stay as long as there is traffic: the timeouts of closed
    connections are so long here that it does not matter how fast this machine is."""
    crowd = Crowd()
    crowd.director.set(crowd.keys[4, 6], timeout={"close": 900, "fin-wait": 900})
    for name, flags, state in (("FIN", FIN | ACK, "fin-wait"), ("RST", RST, "close")):
        tap = Tap("client")
        body = tcp(1, 80, flags, seq=12345)
        frame = bytearray(raw(4, body, 6))
        for sock in crowd.protected:
            frame[34:36] = struct.pack("!H", sock.getsockname()[1])
            tap.send(frame)
        for port in range(1024, 1 << 16, 16):
            frame[34:36] = struct.pack("!H", port)
            tap.send(frame)
        tap.close()
        states = {}
        for conn in crowd.director.conns(client=net.addr("client"), vport=80,
                                         protocol=6):
            states[conn.state] = states.get(conn.state, 0) + 1
        broken = sum(not says(sock) for sock in crowd.protected)
        lost = sum(not says(sock) for sock in crowd.others) + \
            sum(not heard(sock) for sock in crowd.datagrams)
        print("# %s: %d of %d transfers broke, states %s" % (
            name, broken, PROTECTED, states), flush=True)
        ok(states.get(state, 0) >= PROTECTED,
           name + " out of nowhere reached every transfer", states)
        ok(not broken, name + " out of nowhere: no transfer breaks", broken)
        ok(not lost, name + " out of nowhere: other services lost nothing", lost)
    crowd.close()


def test_drops():
    """A service counts what happened to its own packets. Its port is another one than
    that of the floods, whose clients may still send."""
    director = open_director()
    director.clear()
    empty, full = genl.key(VIP[4], 81, 6), genl.key(VIP[4], 81, 17)
    director.add(empty)
    director.add(full, [net.addr("a")], sched="rr")
    tap, before = Tap("client"), drops()
    for port in range(1024, 1029):
        tap.send(raw(4, tcp(port, 81, SYN)))
    for port in range(1024, 1027):
        tap.send(raw(4, tcp(port, 81, ACK)))
        tap.send(raw(4, udp(port, 81, b"x"), 17, src="224.0.0.1"))
    ok(until(lambda: director.drops(empty) == {"no-server": 5, "no-conn": 3} and
             director.drops(full) == {"bad-source": 3}),
       "each service counts its packets by reason",
       (director.drops(empty), director.drops(full)))
    now = drops()
    ok([now[why] - before[why] for why in ("no-server", "no-conn", "bad-source")] ==
       [5, 3, 3], "and the namespace counts them all", (before, now))
    director.do(genl.ZERO, empty)
    ok(director.drops(empty) == {} and director.drops(full) == {"bad-source": 3},
       "zero of one service leaves the other's", director.drops(full))
    tap.close()
    director.clear()
    director.close()


if __name__ == "__main__":
    net.main(globals(), parameters=["conn_max=%d" % LIMIT])
