#!/usr/bin/python3 -B
# SPDX-License-Identifier: GPL-2.0
"""Two directors that are each other's real servers."""
import socket
import threading

import genl
import ipvs
import net
from net import SYN, VIP, addr, mac, ok, raw, tcp, until, within
from servers import exchange
from test_tcp import SPORTS, open_director

AWAY = {4: "203.0.113.63", 6: "2001:db8:ff::63"}


class Echo(threading.Thread):
    """A server on any host, for as long as the `with` lasts: a letter, then what
    it hears."""

    def __init__(self, host, version, letter):
        super().__init__(daemon=True)
        self.letter = letter
        with within(host):
            self.sock = socket.create_server((VIP[version], 80),
                                             family=net.AF[version])

    def serve(self, sock):
        with sock:
            sock.sendall(self.letter)
            while data := sock.recv(65536):
                sock.sendall(data)

    def run(self):
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
        self.sock.shutdown(socket.SHUT_RDWR)
        self.sock.close()


def letters(version, number):
    out = []
    for _ in range(number):
        sock = net.connect(version)
        out.append(sock.recv(1))
        if not exchange(sock, 3000):
            out.append("broken")
        sock.close()
    return out


def number_of(sock, reason):
    """How many times a drop reason was met, by a director's socket."""
    rows = [dict(genl.parse(value)) for kind, value in
            genl.parse(sock.do(genl.INFO_GET)[0]) if kind == genl.INFO_DROP]
    return {row[2][:-1].decode(): genl.number(row[3]) for row in rows}[reason]


def knows(two, vip, reason):
    """Whether server a's director knows the other one's MAC: it asks for it, and
    some time after that builds what its packets look into. A SYN from there is
    then counted by the reason."""
    version = 6 if ":" in vip else 4
    before = number_of(two, reason)
    tap = net.Tap("director")
    tap.send(mac("a") + mac("director") + ipvs.KIND[version] +
             net.packet(addr("client", version), vip, 6,
                        tcp(next(SPORTS), 80, SYN)))
    tap.close()
    return until(lambda: number_of(two, reason) > before, 0.2)


def test_two_directors():
    """Whoever has the VIP shares its connections with the other one."""
    one, two = open_director(), open_director("a")
    for version in (4, 6):
        key, vip = genl.key(VIP[version]), net.pack(VIP[version])
        everyone = [addr("director", version), addr("a", version)]
        with Echo("director", version, b"d"), Echo("a", version, b"a"):
            for each in (one, two):
                each.add(key, everyone, sched="rr")
            ok(until(lambda v=version: knows(two, VIP[v], "director")),
               "IPv%d: the second director learns the first one's MAC" % version)
            two.kill()
            until(lambda: two.held() == 0)
            tap, told = net.Tap("a"), number_of(two, "director")
            got = letters(version, 10)
            ok(sorted(got) == [b"a"] * 5 + [b"d"] * 5, "IPv%d: each serves its share "
               "of ten connections" % version, got)
            back = [frame for frame in tap.frames(5)
                    if frame.daddr == vip and frame.src == mac("a")]
            ok(not back, "IPv%d: what the first one sends the second one keeps" %
               version, len(back))
            told = number_of(two, "director") - told
            ok(told == 5 and two.held() == 0, "IPv%d: and counts it, without "
               "connections of its own" % version, told)
            tap.close()
            tap = net.Tap("client")
            tap.send(mac("a") + mac("client") + raw(version, tcp(4000, 80, SYN))[12:])
            tap.close()
            ok(until(lambda: two.held() == 1), "IPv%d: a client's packets it "
               "schedules itself" % version)
        one.clear()
        two.clear()
    one.close()
    two.close()


def test_loop():
    """Two directors without the VIP, to whom a packet is routed, do not send it to
    and from each other."""
    one, two = open_director(), open_director("a")
    for version in (4, 6):
        key, vip = genl.key(AWAY[version]), net.pack(AWAY[version])
        one.add(key, [addr("a", version)])
        two.add(key, [addr("director", version)])
        ok(until(lambda v=version: knows(two, AWAY[v], "loop")),
           "IPv%d: the second director learns the first one's MAC" % version)
        tap, watch, before = net.Tap("client"), net.Tap("a"), number_of(two, "loop")
        tap.send(mac("director") + mac("client") + ipvs.KIND[version] +
                 net.packet(addr("client", version), AWAY[version], 6,
                            tcp(4001, 80, SYN)))
        seen = watch.wait(lambda f, v=vip: f.daddr == v)
        ok(len(seen) == 1 and seen[0].ttl == 63 and
           until(lambda n=before: number_of(two, "loop") == n + 1),
           "IPv%d: a packet for nobody's VIP goes one way, and is dropped there" %
           version, [frame.ttl for frame in seen])
        ok(not [frame for frame in watch.frames() if frame.daddr == vip],
           "IPv%d: and never back" % version)
        tap.close()
        watch.close()
        one.clear()
        two.clear()
    one.close()
    two.close()


net.main(globals(), servers=False)
