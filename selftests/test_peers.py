#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0
"""Two directors that are each other's real servers."""
import contextlib
import socket
import threading

import genl
import ipvs
import net
from net import SYN, VIP, addr, mac, ok, raw, tcp, until, within
from servers import exchange
from test_tcp import open_director

AWAY = {4: "203.0.113.63", 6: "2001:db8:ff::63"}


class Echo(threading.Thread):
    """A server on any host, for as long as the `with` lasts: a letter, then what
    it hears; of UDP, the letter before each datagram."""

    def __init__(self, host, version, letter):
        super().__init__(daemon=True)
        self.letter = letter
        with within(host):
            self.sock = socket.create_server((VIP[version], 80),
                                             family=net.AF[version])
            self.udp = socket.socket(net.AF[version], socket.SOCK_DGRAM)
        self.udp.bind((VIP[version], 80))
        self.other = threading.Thread(target=self.datagrams, daemon=True)

    def serve(self, sock):
        with sock:
            sock.sendall(self.letter)
            while data := sock.recv(65536):
                sock.sendall(data)

    def datagrams(self):
        try:
            while True:
                data, peer = self.udp.recvfrom(65536)
                if not peer:
                    break
                self.udp.sendto(self.letter + data, peer)
        except OSError:
            pass

    def run(self):
        self.other.start()
        try:
            while True:
                threading.Thread(target=self.serve, args=self.sock.accept()[:1],
                                 daemon=True).start()
        except OSError:
            pass

    def __enter__(self):
        self.start()
        return self

    def __exit__(self, *_):
        for sock in (self.sock, self.udp):
            with contextlib.suppress(OSError):
                sock.shutdown(socket.SHUT_RDWR)
            sock.close()


def letters(version, number):
    out = []
    for _ in range(number):
        sock = net.connect(version)
        out.append(sock.recv(1))
        if not exchange(sock, 3000):
            out.append("broken")
        sock.close()
    return out


def answers(version, number, burst):
    """The letters of a burst of datagrams from each of some sockets."""
    out = []
    for _ in range(number):
        with within("client"):
            sock = socket.socket(net.AF[version], socket.SOCK_DGRAM)
        with sock:
            sock.settimeout(net.WAIT)
            sock.connect((VIP[version], 80))
            for _ in range(burst):
                sock.send(b"x")
            try:
                out.append(b"".join(sock.recv(100)[:1] for _ in range(burst)))
            except OSError as error:
                out.append(str(error))
    return out


def number_of(sock, reason):
    """How many times a drop reason was met, by a director's socket."""
    rows = [dict(genl.parse(value)) for kind, value in
            genl.parse(sock.do(genl.INFO_GET)[0]) if kind == genl.INFO_DROP]
    return {row[2][:-1].decode(): genl.number(row[3]) for row in rows}[reason]


def returned(taps, vip, client):
    """The TTLs of the frames to the VIP that were forwarded more than once."""
    return [frame.ttl for tap in taps for frame in tap.frames(5)
            if frame.daddr == vip and frame.saddr == client and frame.ttl < 62 and
            not frame.outgoing]


def knows(two, version):
    """Whether server a's director knows the first one's MAC: what comes from there it
    would serve itself, and not send back."""
    answer = two.trace(addr("client", version), VIP[version], 80,
                       mac=mac("director"))
    return answer.get("server") == addr("a", version)


def test_two_directors():
    """Whoever has the VIP shares its connections with the other one."""
    one, two = open_director(), open_director("a")
    for version in (4, 6):
        key, vip = genl.key(VIP[version]), net.pack(VIP[version])
        everyone = [addr("director", version), addr("a", version)]
        with Echo("director", version, b"d"), Echo("a", version, b"a"):
            for each in (one, two):
                each.add(key, everyone, sched="rr")
            ok(until(lambda v=version: knows(two, v), 20),
               "IPv%d: the second director learns the first one's MAC" % version)
            tap = net.Tap("a")
            got = letters(version, 10)
            ok(sorted(got) == [b"a"] * 5 + [b"d"] * 5, "IPv%d: each serves its share "
               "of ten connections" % version, got)
            back = [frame for frame in tap.frames(5)
                    if frame.daddr == vip and frame.src == mac("a")]
            ok(not back, "IPv%d: what the first one sends the second one keeps" %
               version, len(back))
            row = two.servers(key)
            ok([row[each]["conns"] for each in everyone] == [0, 5],
               "IPv%d: and counts it as its own" % version, row)
            tap.close()
            tap = net.Tap("client")
            tap.send(mac("a") + mac("client") + raw(version, tcp(4000, 80, SYN))[12:])
            tap.close()
            ok(until(lambda k=key: sum(row["conns"] for row in
                                       two.servers(k).values()) == 6),
               "IPv%d: a client's packets it schedules itself" % version)
        one.clear()
        two.clear()
    one.close()
    two.close()


@contextlib.contextmanager
def full_table():
    """So many neighbours that no more are asked for ahead of traffic."""
    for form in ("192.168.1.%d", "2001:db8:1::1:%d"):
        net.batch("director", ["neigh replace %s lladdr 02:00:00:00:02:%02x dev eth0 "
                               "nud permanent" % (form % (105 + n), n)
                               for n in range(145)])
    try:
        yield
    finally:
        for form in ("192.168.1.%d", "2001:db8:1::1:%d"):
            net.batch("director", ["neigh del %s dev eth0" % (form % (105 + n))
                                   for n in range(145)])


def test_full_table():
    """With neighbours unknown, whoever may send a packet back: it comes back once."""
    with full_table():
        for version in (4, 6):
            for own in (True, False):
                exchanges(version, own)


def exchanges(version, own):
    """Two directors that list each other; themselves, too, if `own`."""
    one, two = open_director(), open_director("a")
    vip, client = net.pack(VIP[version]), net.pack(addr("client", version))
    both = [addr("director", version), addr("a", version)]
    name = "IPv%d, each lists %s: " % (version, "both" if own else "the other one")
    for host in ("director", "a"):
        net.ip(host, "-%d" % version, "neigh", "flush", "dev", "eth0", "nud",
               "reachable", "nud", "stale", "nud", "delay", "nud", "probe")
    with Echo("director", version, b"d"), Echo("a", version, b"a"):
        for protocol in (6, 17):
            key = genl.key(VIP[version], 80, protocol)
            one.add(key, both if own else both[1:], sched="rr")
            two.add(key, both if own else both[:1], sched="rr")
        taps = [net.Tap("a"), net.Tap("director")]
        got = letters(version, 12)
        ok(len(got) == 12 and "broken" not in got, name + "twelve connections are "
           "served", got)
        got = answers(version, 12, 1) + answers(version, 12, 5)
        ok([set(one) <= {97} or set(one) <= {100} for one in got] == [True] * 24,
           name + "datagrams are answered, each flow by one server", got)
        seen = returned(taps, vip, client)
        ok(not seen, name + "nothing comes back twice", seen)
        for tap in taps:
            tap.close()
    for each in (one, two):
        each.clear()
        each.close()


def test_loop():
    """Two directors without the VIP, to whom a packet is routed, do not send it to
    and from each other."""
    one, two = open_director(), open_director("a")
    for version in (4, 6):
        key, vip = genl.key(AWAY[version]), net.pack(AWAY[version])
        one.add(key, [addr("a", version)])
        two.add(key, [addr("director", version)])
        tap, watch, before = net.Tap("client"), net.Tap("a"), number_of(one, "loop")
        tap.send(mac("director") + mac("client") + ipvs.KIND[version] +
                 net.packet(addr("client", version), AWAY[version], 6,
                            tcp(4001, 80, SYN)))
        ok(until(lambda n=before: number_of(one, "loop") == n + 1),
           "IPv%d: a packet for nobody's VIP comes back to the first director, and is "
           "dropped there" % version)
        seen = [(frame.ttl, frame.outgoing) for frame in watch.frames(2)
                if frame.daddr == vip]
        ok(seen == [(63, False), (62, True)], "IPv%d: and went there once" % version,
           seen)
        tap.close()
        watch.close()
        one.clear()
        two.clear()
    one.close()
    two.close()


net.main(globals(), servers=False)
