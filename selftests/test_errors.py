#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0
"""ICMP errors about packets of the servers: each reaches the server that sent
the packet, and what is none reaches nobody. At the end, what they are for: a
path whose MTU only a router knows."""
import contextlib
import hashlib
import json
import os
import socket
import struct
import threading
import time

import net
from net import ACK, VIP, Tap, addr, drops_of, lbctl, ok, until
from servers import configure, exchange, server, service, udp_socket

NUMBER = {"TCP": 6, "UDP": 17}
OPTION = {"TCP": "-t", "UDP": "-u"}
PROTOCOL = {"TCP": 6, "UDP": 17}
ROUTER = {4: "203.0.113.9", 6: "2001:db8:9::9"}
HEAD = {4: 20, 6: 40}
# Destination options with nothing in them but padding; the next header before
PAD = b"\0\1\4\0\0\0\0"


class Conn:
    """A connection of a real socket at the client."""

    def __init__(self, version, kind):
        self.version, self.kind = version, kind
        if kind == "TCP":
            self.sock = net.connect(version)
            self.letter = self.sock.recv(1).decode()
        else:
            self.sock = udp_socket(version)
            self.sock.send(b"?")
            self.letter = self.sock.recv(2)[:1].decode()
        self.sport = self.sock.getsockname()[1]

    def sent(self, **more):
        """A packet that its server sent to the client."""
        ports = more.pop("ports", (80, self.sport))
        number = more.pop("number", NUMBER[self.kind])
        source = more.pop("src", VIP[self.version])
        to = more.pop("dst", addr("client", self.version))
        body = net.tcp(*ports, ACK, b"x" * 40) if number == 6 else \
            net.udp(*ports, b"x" * 52)
        return net.packet(source, to, number, body, **more)

    def probe(self, mark):
        """A frame from the client that its server's stack makes nothing of."""
        if self.kind == "TCP":
            return net.raw(self.version, net.tcp(self.sport, 80, 0, mark))
        return net.raw(self.version, net.udp(self.sport, 80, mark), 17)

    def works(self):
        if self.kind == "TCP":
            return exchange(self.sock, 3000)
        # The probes were answered, too, and may have filled the socket.
        self.sock.setblocking(False)
        with contextlib.suppress(BlockingIOError):
            while self.sock.recv(100):
                pass
        self.sock.settimeout(net.WAIT)
        text = os.urandom(16)
        self.sock.send(text)
        try:
            return until(lambda: self.sock.recv(100) ==
                         self.letter.encode() + text)
        except TimeoutError:
            return False


def pair(version, kind):
    """A connection on each server."""
    configure(version, [("a", 1), ("b", 1)], protocol=PROTOCOL[kind])
    conns = [Conn(version, kind) for _ in range(2)]
    if not ok({conn.letter for conn in conns} == {"a", "b"},
              "IPv%d %s: two connections, one on each server" % (version, kind)):
        raise RuntimeError("nothing to tell the servers apart by")
    return sorted(conns, key=lambda conn: conn.letter)


def message(version, kind, code, quote, rest=0, src=None, dst=None, **more):
    """An ICMP message's IP packet."""
    src, dst = src or ROUTER[version], dst or VIP[version]
    body = struct.pack("!BBHI", kind, code, 0, rest) + quote
    number = 1 if version == 4 else 58
    pseudo = b"" if version == 4 else net.pack(src) + net.pack(dst) + \
        struct.pack("!II", len(body), number)
    body = body[:2] + struct.pack("!H", net.checksum(pseudo + body)) + body[4:]
    return net.packet(src, dst, number, body, **more)


def frame(packet, src=None, dst=None):
    kind = 0x0800 if packet[0] >> 4 == 4 else 0x86dd
    return (dst or net.mac("director")) + (src or net.mac("client")) + \
        struct.pack("!H", kind) + packet


def hop(packet):
    """The packet as it must be one hop further."""
    out = bytearray(packet)
    if out[0] >> 4 == 4:
        head = (out[0] & 15) * 4
        out[8] -= 1
        out[10:12] = b"\0\0"
        out[10:12] = struct.pack("!H", net.checksum(bytes(out[:head])))
    else:
        out[7] -= 1
    return bytes(out)


class Wire:
    """What goes in at the client's cable and comes out at the servers'."""

    def __init__(self, conns):
        self.conns = conns
        self.client = Tap("client")
        self.taps = {letter: Tap(letter) for letter in "ab"}
        self.macs = {host: net.mac(host) for host in ("director", "a", "b")}
        self.vips = [net.pack(vip) for vip in VIP.values()]

    def send(self, packets):
        """Letter -> frames that the director sent there on account of these
        packets; None where even a good packet behind them did not arrive."""
        for packet in packets:
            self.client.send(frame(packet))
        mark = os.urandom(8)
        for conn in self.conns:
            self.client.send(conn.probe(mark))
        return {letter: self.read(tap, mark) for letter, tap in self.taps.items()}

    def read(self, tap, mark):
        seen = []
        while not seen or seen[-1].payload != mark:
            more = tap.wait(lambda f: f.src == self.macs["director"]
                            and f.daddr in self.vips)
            if not more:
                return None
            seen += more
        return seen[:-1]

    def wrong(self, packet, letter, parts=None, whole=None):
        """What is wrong with the way of an error, sent in `parts` if they are
        given: as it was, or as the `whole` that reassembly makes of it, it must
        arrive at server `letter`, or nowhere."""
        said = self.send(parts or [packet])
        if None in said.values():
            return "a good packet behind it did not arrive"
        for other in set(said) - {letter}:
            if said[other]:
                return "%s got %s" % (other, said[other][0].ip.hex())
        if not letter:
            return None
        got = said[letter]
        if not got:
            return "it did not arrive"
        for one in got:
            if (one.dst, one.src) != (self.macs[letter], self.macs["director"]):
                return "%s: wrong MAC addresses" % one.data[:14].hex()
        if parts:
            start = HEAD[packet[0] >> 4]
            if len(got) < 2 or net.join([f.ip for f in got]) != packet[start:] \
                    or {f.ttl for f in got} != {63}:
                return "\n".join(f.ip[:60].hex() for f in got)
        elif [f.ip for f in got] not in ([hop(packet)], [hop(whole or packet)]):
            return "\n".join(f.ip.hex() for f in got)
        return None

    def close(self):
        for tap in (self.client, *self.taps.values()):
            tap.close()
        for conn in self.conns:
            conn.sock.close()


def kinds(version):
    """(what, type, code, rest of the header) of every error that there is."""
    if version == 4:
        rows = [("unreachable, code %d" % code, 3, code, 0)
                for code in range(16) if code != 4]
        return rows + [("frag needed", 3, 4, 1492), ("source quench", 4, 0, 0),
                       ("time exceeded", 11, 0, 0),
                       ("time exceeded in reassembly", 11, 1, 0),
                       ("parameter problem", 12, 0, 9 << 24),
                       ("parameter problem, option missing", 12, 1, 0)]
    rows = [("unreachable, code %d" % code, 1, code, 0) for code in range(8)]
    return rows + [("packet too big", 2, 0, 1492), ("time exceeded", 3, 0, 0),
                   ("time exceeded in reassembly", 3, 1, 0),
                   ("parameter problem", 4, 0, 40),
                   ("parameter problem, next header", 4, 1, 6),
                   ("parameter problem, option", 4, 2, 42),
                   ("an error that has no name yet", 100, 0, 0)]


def unreachable(version, quote, **more):
    return message(version, 3 if version == 4 else 1, 1, quote, **more)


def quotes(conn):
    """(what, quote) of everything that a router may quote."""
    head = HEAD[conn.version]
    whole = conn.sent()
    yield "the whole packet", whole
    yield "8 bytes of its transport header", whole[:head + 8]
    yield "a TTL of 0", conn.sent(ttl=0)[:head + 8]
    yield "more behind it (RFC 4884)", whole.ljust(128, b"\0") + \
        b"\x20\0\xdf\xff\0\10\1\1\0\1\1\1"
    if conn.version == 4:
        for words in (1, 10):
            options = b"\1" * (words * 4)
            yield "%d bytes of IP options" % len(options), \
                conn.sent(options=options)[:head + len(options) + 8]
        yield "DF set", conn.sent(frag=0x4000)[:head + 8]
        yield "a first fragment", conn.sent(frag=0x2000)[:head + 8]
        yield "a header whose checksum was not made again", \
            whole[:10] + b"\xde\xad" + whole[12:head + 8]
        return
    last = bytes([NUMBER[conn.kind]])
    for what, kind, more in (
            ("hop-by-hop options", 0, PAD), ("destination options", 60, PAD),
            ("a routing header", 43, b"\0\4\0\0\0\0\0"),
            ("an atomic fragment", 44, b"\0" * 7),
            ("a first fragment", 44, b"\0\0\1\0\0\0\1")):
        yield what, conn.sent(options=bytes([kind]) + last + more)[:head + 16]
    yield "a chain of three", conn.sent(
        options=b"\0\x2b" + PAD + b"\x3c\0\4\0\0\0\0\0" + last + PAD)[:head + 32]


def test_forwarded():
    for version in (4, 6):
        for kind in ("TCP", "UDP"):
            conns = pair(version, kind)
            wire = Wire(conns)
            name = "IPv%d %s: " % (version, kind)

            def judge(what, make, parts=None):
                """make(conn): the error's packet, for each server."""
                bad = []
                for conn in conns:
                    packet = make(conn)
                    bad.append(wire.wrong(packet, conn.letter,
                                          parts and parts(packet)))
                ok(bad == [None, None], name + what, bad)

            for what, icmp, code, rest in kinds(version):
                judge(what, lambda conn: message(
                    version, icmp, code, conn.sent()[:HEAD[version] + 8], rest))
            for number, (what, _) in enumerate(quotes(conns[0])):
                judge("an error that quotes " + what, lambda conn: unreachable(
                    version, list(quotes(conn))[number][1]))
            options = [("IP options", b"\1\1\1\0"),
                       ("40 bytes of IP options", b"\1" * 40),
                       ("router alert", b"\x94\4\0\0")] if version == 4 else \
                      [("hop-by-hop options", b"\0\x3a" + PAD),
                       ("destination options", b"\x3c\x3a" + PAD)]
            for what, bits in options:
                judge("an error with %s of its own" % what,
                      lambda conn: unreachable(version, conn.sent(),
                                               options=bits))
            if version == 6:
                # nf_defrag, which the entry input needs, takes the header away.
                bad = [wire.wrong(unreachable(6, conn.sent(),
                                              options=b"\x2c\x3a" + b"\0" * 7),
                                  conn.letter, whole=unreachable(6, conn.sent()))
                       for conn in conns]
                ok(bad == [None, None], name + "an error that is an atomic "
                   "fragment", bad)
            for size in (400, 3000):
                for what, order in (("", 1), (", the last first", -1)):
                    judge("an error of %d bytes in fragments%s" % (size, what),
                          lambda conn: unreachable(
                              version, conn.sent().ljust(size, b"q")),
                          lambda packet: net.fragments(
                              packet, min(size // 2, 1200))[::order])
            judge("an error cut within the quote's own header",
                  lambda conn: unreachable(version, conn.sent()),
                  lambda packet: net.fragments(packet, 16))
            judge("an error from the VIP itself", lambda conn: unreachable(
                version, conn.sent(), src=VIP[version]))
            ok(all(conn.works() for conn in conns),
               name + "after all that, both connections still work")
            wire.close()
            for host in "ab":
                net.forget_pmtu(host)


def strangers(conn):
    """(what, packet) of what is no error about a connection of ours."""
    version, head = conn.version, HEAD[conn.version]
    other = net.addr("director", version)
    good = conn.sent()

    def error(quote, **more):
        return unreachable(version, quote, **more)

    free = conn.sport ^ 1
    yield "of no connection", error(conn.sent(ports=(80, free)))
    yield "of another port of the VIP", error(conn.sent(ports=(81, conn.sport)))
    yield "of the ports the other way round", \
        error(conn.sent(ports=(conn.sport, 80)))
    yield "of another client", error(conn.sent(dst=other))
    yield "of another protocol", error(conn.sent(number=23 - NUMBER[conn.kind]))
    yield "of a protocol without ports", error(conn.sent(number=47))
    yield "to the VIP, of a packet from another address", \
        error(conn.sent(src=other))
    yield "of a packet from the client to the VIP", \
        error(conn.sent(src=addr("client", version), dst=VIP[version],
                        ports=(conn.sport, 80)))
    yield "to another address, of a packet from the VIP", error(good, dst=other)
    yield "that quotes the other family's version", \
        error(bytes([good[0] ^ 0x20]) + good[1:])
    yield "that quotes an ICMP error", error(
        message(version, 3 if version == 4 else 1, 1, good, src=VIP[version],
                dst=addr("client", version)))
    if version == 4:
        for ihl in range(5):
            yield "that quotes a header of %d words" % ihl, \
                error(conn.sent(ihl=ihl))
        yield "whose quoted options run past the end", \
            error(conn.sent(ihl=15)[:head + 8])
        yield "that quotes a later fragment", error(conn.sent(frag=1))
        yield "that quotes the last fragment there can be", \
            error(conn.sent(frag=0x1fff))
        rows = [("echo request", 8), ("echo reply", 0), ("redirect", 5),
                ("router solicitation", 10), ("timestamp request", 13),
                ("address mask reply", 18), ("a type without a name", 200)]
    else:
        last = bytes([NUMBER[conn.kind]])
        yield "that quotes a later fragment", \
            error(conn.sent(options=b"\x2c" + last + b"\0\0\x08\0\0\0\1"))
        yield "that quotes no next header", error(conn.sent(options=b"\x3b"))
        yield "whose quoted options run past the end", \
            error(conn.sent(options=b"\x3c" + last + b"\xff" + PAD[1:]))
        rows = [("echo request", 128), ("echo reply", 129),
                ("router advertisement", 134), ("neighbour solicitation", 135),
                ("redirect", 137), ("a type without a name", 255)]
    for what, kind in rows:
        yield "no error: " + what, message(version, kind, 1, good)


def test_not_forwarded():
    for version in (4, 6):
        for kind in ("TCP", "UDP"):
            conns = pair(version, kind)
            wire = Wire(conns)
            name = "IPv%d %s: not forwarded: " % (version, kind)
            for what, packet in strangers(conns[0]):
                bad = wire.wrong(packet, None)
                ok(bad is None, name + what, bad)
            for what, quote in quotes(conns[1]):
                if len(quote) > 120:
                    continue
                # The ports are all that is needed.
                need = quote.index(struct.pack("!HH", 80, conns[1].sport)) + 4
                bad = []
                for size in range(len(quote) + 1):
                    if size % 4 and abs(size - need) > 2 and not net.EVERYTHING:
                        continue
                    said = wire.wrong(unreachable(version, quote[:size]),
                                      conns[1].letter if size >= need else None)
                    if said:
                        bad.append("%d of %d: %s" % (size, need, said))
                ok(not bad, name + "what is cut before the ports' end; "
                   "forwarded from there on; of " + what, "\n".join(bad))
            for size in range(8):
                packet = unreachable(version, b"")
                whole = packet[:HEAD[version] + size]
                whole = whole[:2] + struct.pack("!H", len(whole)) + whole[4:] \
                    if version == 4 else \
                    whole[:4] + struct.pack("!H", size) + whole[6:]
                bad = wire.wrong(whole, None)
                ok(bad is None, name + "%d bytes of ICMP" % size, bad)
            before = drops_of("ttl")
            wire.client.frames()
            bad = wire.wrong(unreachable(version, conns[0].sent(), ttl=1,
                                         src=addr("client", version)), None)
            said = [f for f in wire.client.frames() if f.l4 in (1, 58)
                    and f.daddr == net.pack(addr("client", version))
                    and f.ip[HEAD[version]] in ((11,) if version == 4 else (3,))]
            ok(bad is None and drops_of("ttl") == before + 1 and not said,
               name + "an error whose TTL is used up: counted, and answered by "
               "no other error", (bad, said))
            ok(all(conn.works() for conn in conns),
               name + "and both connections still work")
            lbctl("del-server", *service(version, OPTION[kind]), "-r",
                  server("a", version))
            wire.conns = conns[1:]
            wire.client.send(frame(unreachable(version, conns[0].sent())))
            wire.client.send(conns[1].probe(b"the end!"))
            there = wire.read(wire.taps["b"], b"the end!") is not None
            seen = [f for f in wire.taps["a"].frames() if f.l4 in (1, 58)
                    and f.src == wire.macs["director"]
                    and f.saddr == net.pack(ROUTER[version])]
            ok(there and not seen, name + "an error about a server that was removed",
               (there, [f.ip.hex() for f in seen]))
            wire.close()


def entry(conn):
    rows = json.loads(lbctl("list", "-c", "-j").stdout)
    return next(row for row in rows if str(conn.sport) in json.dumps(row))


def test_no_life():
    """What a router says keeps no connection alive."""
    for version in (4, 6):
        for kind in ("TCP", "UDP"):
            conns = pair(version, kind)
            conn, name = conns[0], "IPv%d %s: " % (version, kind)
            wire = Wire(conns)
            wire.send([])
            first = entry(conn)
            until(lambda: entry(conn)["expires_ms"] < first["expires_ms"] - 1000)
            before = entry(conn)
            packet = unreachable(version, conn.sent())
            wire.client.send(frame(packet))
            seen = wire.taps[conn.letter].wait(lambda f: f.ip == hop(packet))
            after = entry(conn)
            ok(len(seen) == 1 and after["state"] == before["state"] and
               after["expires_ms"] <= before["expires_ms"],
               name + "an error changes neither the connection's state nor when "
               "it expires", (len(seen), before, after))
            wire.send([])
            after = entry(conn)
            ok(after["expires_ms"] > before["expires_ms"] and
               after["state"] == before["state"],
               name + "a packet of it does change when", (before, after))
            total = json.loads(lbctl("list", "-c", "-j").stdout)
            ok(len(total) == 2, name + "errors begin no connection", total)
            wire.close()


FAR = {4: "10.1.0.2", 6: "2001:db8:2::2"}
SMALL = 1300
SIZE = 3 << 20


def make_path():
    """far --- r --- the segment. From r to far no more than 1300 bytes fit, but
    far does not know."""
    for host in ("r", "far"):
        net.run("ip", "netns", "add", host)
    net.batch("", ["link add vr type veth peer name eth0 netns r",
                   "link set vr master br0 up",
                   "link add far netns r type veth peer name eth0 netns far"])
    for host in ("r", "far"):
        with net.within(host):
            for name in ("all", "default"):
                net.write("/proc/sys/net/ipv6/conf/%s/accept_dad" % name, "0")
            if host == "r":
                net.write("/proc/sys/net/ipv4/ip_forward", "1")
                net.write("/proc/sys/net/ipv6/conf/all/forwarding", "1")
    net.batch("r", ["link set eth0 up", "link set far mtu %d up" % SMALL,
                    "addr add 192.168.1.1/24 dev eth0",
                    "addr add 2001:db8:1::1/64 dev eth0 nodad",
                    "addr add 10.1.0.1/24 dev far",
                    "addr add 2001:db8:2::1/64 dev far nodad"])
    net.batch("far", ["link set eth0 up", "addr add 10.1.0.2/24 dev eth0",
                      "addr add 2001:db8:2::2/64 dev eth0 nodad",
                      "route add default via 10.1.0.1",
                      "route add default via 2001:db8:2::1"])
    for host in ("a", "b", "director"):
        net.batch(host, ["route add 10.1.0.0/24 via 192.168.1.1",
                         "route add 2001:db8:2::/64 via 2001:db8:1::1"])


def unmake_path():
    for host in ("a", "b", "director"):
        net.ip(host, "route", "del", "10.1.0.0/24", check=False)
        net.ip(host, "-6", "route", "del", "2001:db8:2::/64", check=False)
        net.forget_pmtu(host)
    net.ip("", "link", "del", "vr", check=False)
    net.ip("r", "link", "del", "far", check=False)
    for host in ("r", "far"):
        net.run("ip", "netns", "del", host, check=False)


def give(listener, data):
    """To whoever asks."""
    def run():
        while True:
            try:
                sock = listener.accept()[0]
                with sock:
                    sock.sendall(data)
            except OSError:
                return

    threading.Thread(target=run, daemon=True).start()


def download(version):
    """The digest of what came, and how much that was, within a time in which it
    comes many times over."""
    digest, size = hashlib.sha256(), 0
    end = time.monotonic() + 4 * net.WAIT
    try:
        with net.connect(version, 8080, "far") as sock:
            while time.monotonic() < end:
                piece = sock.recv(1 << 16)
                if not piece:
                    break
                digest.update(piece)
                size += len(piece)
    except OSError:
        pass
    return size, digest.digest()


def learned(host, version):
    """What the host's stack believes of its path to far."""
    words = net.ip(host, "route", "get", FAR[version], "from",
                   VIP[version]).stdout.split()
    return int(words[words.index("mtu") + 1]) if "mtu" in words else None


def test_pmtu():
    data = os.urandom(SIZE)
    listeners = []
    try:
        make_path()
        for version in (4, 6):
            address = ("%s:8080" if version == 4 else "[%s]:8080") % VIP[version]
            lbctl("clear")
            lbctl("add-service", "-t", address, "-s", "rr")
            for host in "ab":
                lbctl("add-server", "-t", address, "-r", server(host, version))
                with net.within(host):
                    listeners.append(socket.socket(net.AF[version],
                                                   socket.SOCK_STREAM))
                listeners[-1].setsockopt(socket.SOL_SOCKET,
                                         socket.SO_REUSEADDR, 1)
                listeners[-1].bind((VIP[version], 8080))
                listeners[-1].listen()
                give(listeners[-1], data)
            for host in "ab":
                name = "IPv%d, server %s: " % (version, host)
                tap = Tap(host)
                ok(learned(host, version) is None,
                   name + "nothing is known of the path's MTU yet",
                   learned(host, version))
                size, digest = download(version)
                ok(digest == hashlib.sha256(data).digest(),
                   name + "a download of %d bytes over a path whose MTU is "
                   "smaller than the server's and the client's completes, every "
                   "byte right" % SIZE, size)
                ok(learned(host, version) == SMALL,
                   name + "the server has learned the path's MTU",
                   learned(host, version))
                said = [f for f in tap.frames() if not f.outgoing and
                        f.l4 == (1 if version == 4 else 58) and f.ip[HEAD[version]]
                        == (3 if version == 4 else 2)]
                ok(said and {f.src for f in said} == {net.mac("director")},
                   name + "from the router, by the director",
                   [f.data.hex() for f in said])
                tap.close()
    finally:
        for listener in listeners:
            listener.shutdown(socket.SHUT_RDWR)
            listener.close()
        unmake_path()


# What is sent in this order is to arrive in it: by one CPU, which serves one
# queue.
os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})
net.main(globals())
