#!/usr/bin/python3 -B
# SPDX-License-Identifier: GPL-2.0
# Also on: bookworm backports uml
"""Floods of first packets from made-up sources: what is under way does not notice,
and who is honest gets through."""
import os
import struct

import genl
import net
from net import SYN, Tap, drops, drops_of, ok, raw, tcp, udp, until
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


def says(sock):
    """What is said comes back."""
    data = os.urandom(16)
    sock.sendall(data)
    back = b""
    try:
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
    sock.send(data)
    try:
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


def transfers(version):
    socks, letters = [], set()
    for _ in range(TRANSFERS):
        sock = net.connect(version)
        letters.add(sock.recv(1))
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
        ok(drops_of("stateless") - before[0] >= FLOOD - LIMIT and
           drops_of("evicted") == before[1],
           name + "new ones are forwarded without a connection, and none goes for "
           "them", drops_of("stateless") - before[0])
        ok(CROWDED <= director.held() <= LIMIT, name + "the table does not fill up "
           "for it", director.held())
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


net.main(globals(), parameters=["conn_max=%d" % LIMIT])
