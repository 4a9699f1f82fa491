#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0
"""SCTP: chunks made by hand through every state, chunks that are none, and at the
end, where the kernel has SCTP, associations of real sockets."""
import selectors
import socket
import struct
import threading
import time

import genl
import net
from ipvs import VIPS
from net import VIP, Tap, addr, ok, until
from servers import exchange
from test_tcp import (NUMBER, Counting, Flow, Wire, flow, main, open_director,
                      rips, state_of)

SCTP = NUMBER["sctp"]
NODELAY = 3


def crc_table():
    """CRC32c, reflected (RFC 9260, appendix A)."""
    table = []
    for byte in range(256):
        for _ in range(8):
            byte = byte >> 1 ^ (0x82f63b78 if byte & 1 else 0)
        table.append(byte)
    return table


TABLE = crc_table()


def crc32c(data):
    value = 0xffffffff
    for byte in data:
        value = value >> 8 ^ TABLE[(value ^ byte) & 0xff]
    return value ^ 0xffffffff


def chunk(kind, body=b"", length=None):
    """A chunk with its padding; `length` is a wrong one."""
    return struct.pack("!BBH", kind, 0, 4 + len(body) if length is None
                       else length) + body + b"\0" * (-len(body) % 4)


CHUNKS = {
    "DATA": chunk(0, struct.pack("!IHHI", 1, 0, 0, 0) + b"hello"),
    "INIT": chunk(1, struct.pack("!IIHHI", 7, 65536, 1, 1, 1)),
    "INIT ACK": chunk(2, struct.pack("!IIHHI", 7, 65536, 1, 1, 1)),
    "SACK": chunk(3, struct.pack("!IIHH", 1, 65536, 0, 0)),
    "HEARTBEAT": chunk(4, struct.pack("!HHI", 1, 8, 0)),
    "HEARTBEAT ACK": chunk(5, struct.pack("!HHI", 1, 8, 0)),
    "ABORT": chunk(6),
    "SHUTDOWN": chunk(7, struct.pack("!I", 1)),
    "SHUTDOWN ACK": chunk(8),
    "ERROR": chunk(9, struct.pack("!HH", 10, 4)),
    "COOKIE ECHO": chunk(10, b"cookie"),
    "COOKIE ACK": chunk(11),
    "SHUTDOWN COMPLETE": chunk(14),
    "an unknown chunk": chunk(0x7f, b"?"),
}
# Packets by name; a name is its chunks joined by " + ".
PACKETS = list(CHUNKS) + [
    "COOKIE ECHO + DATA", "SACK + DATA", "SACK + SHUTDOWN", "DATA + ABORT",
    "SHUTDOWN + ABORT", "SHUTDOWN ACK + DATA", "SHUTDOWN + COOKIE ECHO"]
WAYS = {
    "sctp-init": ("INIT",),
    "sctp-established": ("INIT", "COOKIE ECHO"),
    "sctp-shutdown": ("INIT", "COOKIE ECHO", "SHUTDOWN"),
    "sctp-closed": ("INIT", "COOKIE ECHO", "ABORT"),
}
CLOSING = ("sctp-shutdown", "sctp-closed")
SECONDS = {"sctp-init": 60, "sctp-established": 900, "sctp-shutdown": 60,
           "sctp-closed": 60}


def body_of(one, chunks, tag=0x1234):
    head = struct.pack("!HHI", one.sport, one.port, tag)
    check = crc32c(head + b"\0\0\0\0" + chunks)
    return head + struct.pack("<I", check) + chunks


def packet_of(one, chunks, **more):
    return net.packet(one.client, one.vip, SCTP, body_of(one, chunks), **more)


def named(one, name):
    return packet_of(one, b"".join(CHUNKS[part] for part in name.split(" + ")))


def after(state, name):
    """The state that a packet leads to; written down apart from the module."""
    parts = name.split(" + ")
    if "INIT" in parts:
        return "sctp-init" if state in CLOSING + ("sctp-init",) else state
    if state == "sctp-closed" or "ABORT" in parts or \
            "SHUTDOWN COMPLETE" in parts:
        return "sctp-closed"
    if state == "sctp-shutdown" or "SHUTDOWN" in parts or \
            "SHUTDOWN ACK" in parts:
        return "sctp-shutdown"
    return "sctp-established"


def key(version, vip=0):
    return genl.key(VIPS[version][vip], 80, SCTP)


def test_crc():
    """Of 32 zero bytes and of 32 rising ones, as RFC 3720, B.4 has them."""
    ok((crc32c(bytes(32)), crc32c(bytes(range(32)))) == (0x8a9136aa, 0x46dd794e),
       "the packets' own checksum is the one that the RFC says")


def test_table():
    director, wire = open_director(), Wire()
    for version in (4, 6):
        director.add(key(version), rips(version, 0, 1), sched="rr")
        for state, way in WAYS.items():
            wrong = []
            for name in PACKETS:
                one = flow(version)
                went = {wire.send(named(one, step)) for step in way}
                was = state_of(director, one)[0]
                begun = time.monotonic()
                fate = wire.send(named(one, name))
                now, left = state_of(director, one)
                spent = time.monotonic() - begun
                want = after(state, name)
                moved = name == "INIT" and state in CLOSING
                if len(went) != 1 or was != state or now != want or \
                        not SECONDS[want] - 5 - spent < left <= SECONDS[want] or \
                        fate not in (0, 1) or (fate in went) == moved:
                    wrong.append("%s: %s -> %s with %.1f s, server %s, then %s" %
                                 (name, was, now, left, went, fate))
            ok(not wrong, "IPv%d: %s, and then each of %d packets: state, its "
               "timeout and server are as they should be" %
               (version, state, len(PACKETS)), "\n".join(wrong))
        rows = director.servers(key(version))
        conns = director.conns(protocol=SCTP, vip=VIPS[version][0])
        wrong = [(name, row) for name, row in rows.items() if
                 (row["active"], row["inactive"]) != tuple(
                     sum(conn.server == name and
                         (conn.state == "sctp-established") == active
                         for conn in conns) for active in (True, False))]
        ok(len(conns) == len(WAYS) * len(PACKETS) and not wrong,
           "IPv%d: associations are active while they are established" % version,
           (len(conns), wrong))
        director.clear()
    wire.close()
    director.close()


def test_unchanged():
    """What a server gets is what the client sent, but for TTL and IP checksum."""
    director, wire = open_director(), Wire()
    for version in (4, 6):
        director.add(key(version), rips(version, 0))
        one = flow(version)
        for name in ("INIT", "COOKIE ECHO + DATA"):
            sent = named(one, name)
            fate = wire.send(sent)
            head = 20 if version == 4 else 40
            got = wire.frames[0].ip
            ok(fate == 0 and got[head:] == sent[head:] and
               got[8 if version == 4 else 7] == 63,
               "IPv%d: %s reaches the server as it was, its CRC intact" %
               (version, name), got.hex())
        broken = bytearray(named(one, "DATA"))
        broken[-1] ^= 1
        fate = wire.send(bytes(broken))
        ok(fate == 0 and wire.frames[0].ip[-1] == broken[-1],
           "IPv%d: one whose CRC is wrong does so, too: it is the server's to "
           "judge" % version, fate)
        director.clear()
    wire.close()
    director.close()


def stray_fate(stray, name, version):
    """The director has no SCTP of its own at this point: where its stack is asked
    it says so."""
    none = "icmp 3.2" if version == 4 else "icmp 4.1"
    port = "icmp 3.3" if version == 4 else "icmp 1.4"
    if stray == "pass":
        return none, {"no-conn": 1}
    if stray == "drop":
        return None, {"stray": 1}
    if stray == "reset":
        return port, {"stray": 1}
    parts = name.split(" + ")
    if {"ABORT", "SHUTDOWN", "SHUTDOWN ACK", "SHUTDOWN COMPLETE"} & set(parts):
        return 0, {"stateless": 1}
    return 0, {}


def test_strays():
    director, wire = open_director(), Wire()
    for version in (4, 6):
        for stray in genl.STRAYS:
            director.add(key(version), rips(version, 0), stray=stray)
            counting, wrong = Counting(), []
            for name in PACKETS:
                if name == "INIT":
                    continue
                one = flow(version)
                fate = wire.send(named(one, name))
                got = fate, counting.grown(), state_of(director, one)[0]
                want = stray_fate(stray, name, version)
                want += ("sctp-established" if want == (0, {}) else "none",)
                if got != want:
                    wrong.append("%s: %s, not %s" % (name, got, want))
            ok(not wrong, "IPv%d: out of the blue, %s: what client and counters "
               "are told" % (version, stray), "\n".join(wrong))
            director.clear()
    wire.close()
    director.close()


def test_restart():
    """An INIT in an association that lives: its server alone can tell what it
    means (RFC 9260, 5.2.2)."""
    director, wire = open_director(), Wire()
    for version in (4, 6):
        everyone = rips(version, 0, 1, 2)
        director.add(key(version), everyone, sched="rr")
        one = flow(version)
        fates = [wire.send(named(one, name)) for name in
                 ("INIT", "COOKIE ECHO", "DATA", "INIT", "INIT", "COOKIE ECHO")]
        ok(len(set(fates)) == 1 and fates[0] in (0, 1, 2) and
           len(director.conns(**one.mine())) == 1,
           "IPv%d: a client that starts again comes to the server that has its "
           "association" % version, fates)
        director.weigh(key(version), everyone[fates[0]], 0)
        again = [wire.send(named(one, name)) for name in ("INIT", "COOKIE ECHO")]
        ok(set(again) == set(fates), "IPv%d: which may be quiesced" % version,
           again)
        wire.send(named(one, "SHUTDOWN"))
        again = [wire.send(named(one, name)) for name in
                 ("SHUTDOWN COMPLETE", "INIT", "COOKIE ECHO")]
        ok(again[0] == fates[0] and again[1] == again[2] != fates[0],
           "IPv%d: but not for a new association after the old one ended" %
           version, again)
        rows = director.servers(key(version)).values()
        ok(sum(row["conns"] for row in rows) == 2 and
           (sum(row["active"] for row in rows),
            sum(row["inactive"] for row in rows)) == (1, 0),
           "IPv%d: which makes two scheduled, and one in the table" % version,
           list(rows))
        director.clear()
    wire.close()
    director.close()


def sound(chunks):
    """Whether the chunks are, one behind the other; naively."""
    if not chunks:
        return False
    while chunks:
        if len(chunks) < 4:
            return False
        length = struct.unpack("!H", chunks[2:4])[0]
        if not 4 <= length <= len(chunks):
            return False
        chunks = chunks[(length + 3) & ~3:]
    return True


def judge(wire, director, one, bodies, what):
    """Each body is a packet of an association on server 0. Those that are
    malformed go to the stack and are counted, and change nothing."""
    counting, wrong, bad = Counting(), [], 0
    for body in bodies:
        good = len(body) > 12 and sound(body[12:])
        bad += not good
        fate = wire.send(net.packet(one.client, one.vip, SCTP, body))
        got = fate == 0, counting.grown()
        if got != (good, {} if good else {"malformed": 1}):
            wrong.append("%s: %s %s" % (body.hex(), fate, got))
    state = state_of(director, one)[0]
    ok(not wrong and state == "sctp-established" and bad,
       "%s: %d packets, %d of them counted as malformed and none of those at a "
       "server" % (what, len(bodies), bad), "\n".join(wrong[:8] + [state]))


def test_malformed():
    director, wire = open_director(), Wire()
    rng = net.seeded()
    for version in (4, 6):
        director.add(key(version), rips(version, 0))
        one = flow(version)
        for name in ("INIT", "COOKIE ECHO"):
            wire.send(named(one, name))
        chunks = CHUNKS["COOKIE ECHO"] + CHUNKS["DATA"] + CHUNKS["SACK"]
        whole = body_of(one, chunks)
        judge(wire, director, one, [whole[:cut] for cut in range(len(whole))],
              "IPv%d: cut short at every byte" % version)
        judge(wire, director, one, [whole + b"\0" * more for more in range(1, 9)],
              "IPv%d: with bytes behind it" % version)
        bodies = []
        for at in (0, len(CHUNKS["COOKIE ECHO"])):
            room = len(chunks) - at
            for length in [*range(8), room - 1, room, room + 1, 0x7fff, 0xffff]:
                bodies.append(body_of(one, chunks[:at + 2] + struct.pack(
                    "!H", length) + chunks[at + 4:]))
        judge(wire, director, one, bodies,
              "IPv%d: wrong lengths of the first and the second chunk" % version)
        # What is malformed ends nothing, whatever comes first.
        bodies = [body_of(one, CHUNKS[name] + chunk(0, b"", length))
                  for name in ("SHUTDOWN", "SHUTDOWN ACK", "DATA")
                  for length in (0, 3, 5)]
        bodies += [body_of(one, chunk(kind, b"", length))
                   for kind in (1, 6, 7, 8, 14) for length in (0, 3, 5)]
        judge(wire, director, one, bodies,
              "IPv%d: chunks that would end it, but for a length" % version)
        bodies = [body_of(one, b"".join(
            chunk(rng.choice((0, 3, 4, 5)), rng.randbytes(rng.randrange(9)),
                  rng.choice((None, None, rng.randrange(17))))
            for _ in range(rng.randrange(1, 5)))) for _ in range(60)]
        judge(wire, director, one, bodies,
              "IPv%d: a few chunks, some of random length" % version)

        counting = Counting()
        for ports in ((0, 80), (one.sport, 0), (0, 0)):
            wire.send(packet_of(Flow(one.client, ports[0], one.vip, ports[1]),
                                CHUNKS["INIT"]))
        ok(counting.grown() == {"malformed": 3},
           "IPv%d: port 0 on either side is malformed" % version)
        # The look at chunks has an end.
        eight = body_of(one, CHUNKS["COOKIE ACK"] * 8 + CHUNKS["ABORT"])
        seven = body_of(one, CHUNKS["COOKIE ACK"] * 7 + CHUNKS["ABORT"])
        states = []
        for body in (eight, seven):
            states.append((wire.send(net.packet(one.client, one.vip, SCTP, body)),
                           state_of(director, one)[0]))
        ok(states == [(0, "sctp-established"), (0, "sctp-closed")],
           "IPv%d: of many chunks, the first eight are looked at" % version,
           states)
        director.clear()
    wire.close()
    director.close()


class Echo(threading.Thread):
    """One-to-one style sockets on both real servers, as servers.py has TCP's."""

    def __init__(self):
        super().__init__(daemon=True)
        self.select = selectors.DefaultSelector()
        for host in "ab":
            for version in (4, 6):
                with net.within(host):
                    sock = socket.socket(net.AF[version], socket.SOCK_STREAM,
                                         SCTP)
                sock.bind((VIP[version], 80))
                sock.listen(20)
                self.select.register(sock, selectors.EVENT_READ, ("accept", host))

    def run(self):
        while True:
            for item, _ in self.select.select():
                kind, host = item.data
                try:
                    if kind == "accept":
                        new = item.fileobj.accept()[0]
                        new.setsockopt(SCTP, NODELAY, 1)
                        new.sendall(host.encode())
                        self.select.register(new, selectors.EVENT_READ,
                                             ("echo", host))
                        continue
                    data = item.fileobj.recv(1 << 16)
                    if not data:
                        raise OSError
                    item.fileobj.sendall(data)
                except OSError:
                    self.select.unregister(item.fileobj)
                    item.fileobj.close()


def associate(version):
    """Bound, or the client would tell all the addresses that it has."""
    with net.within("client"):
        sock = socket.socket(net.AF[version], socket.SOCK_STREAM, SCTP)
    sock.settimeout(net.WAIT)
    sock.setsockopt(SCTP, NODELAY, 1)
    sock.bind((addr("client", version), 0))
    sock.connect((VIP[version], 80))
    return sock, sock.recv(1).decode()


def test_real():
    if net.run("modprobe", "-q", "sctp", check=False).returncode:
        print("skip - real associations: this kernel has no SCTP", flush=True)
        return
    director = open_director()
    Echo().start()
    for version in (4, 6):
        service = genl.key(VIP[version], 80, SCTP)
        director.add(service, [addr(host, version) for host in "ab"], sched="rr")
        at_director = Tap("director")
        socks = [associate(version) for _ in range(4)]
        got = "".join(letter for _, letter in socks)
        ok(got == "abab", "IPv%d: associations go to the servers in turn" %
           version, got)
        conns = director.conns(protocol=SCTP)
        ok([conn.state for conn in conns] == ["sctp-established"] * 4,
           "IPv%d: the cookie's echo has made them established" % version, conns)
        # A receive buffer holds so much; SCTP waits a second when it was full.
        ok(all(exchange(sock, 20000) for _ in range(5) for sock, _ in socks),
           "IPv%d: 100,000 bytes there and back in each, not one wrong" % version)
        frames = [f for f in at_director.frames() if f.l4 == SCTP]
        ok(all(f.outgoing or f.saddr != net.pack(VIP[version]) for f in frames),
           "IPv%d: no answer passes the director" % version)
        sizes = [len(f.ip) for f in frames if f.outgoing]
        ok(max(sizes) > 1500 and not net.drops_of("mtu"), "IPv%d: super-packets "
           "are among what passes, and go to the servers whole" % version,
           max(sizes))
        rows = director.servers(service)
        ok(all(row["bytes"] > 200000 and row["active"] == 2
               for row in rows.values()), "IPv%d: and it is counted" % version,
           rows)
        director.weigh(service, addr("a", version), 0)
        ok(all(exchange(sock, 5000) for sock, _ in socks) and
           associate(version)[1] == "b",
           "IPv%d: a quiesced server goes on with its associations, and gets no "
           "new one" % version)
        # An orderly shutdown, and an abortive one (SO_LINGER, 0 seconds).
        socks[0][0].close()
        socks[1][0].setsockopt(socket.SOL_SOCKET, socket.SO_LINGER,
                               struct.pack("ii", 1, 0))
        socks[1][0].close()
        states = {"sctp-closed": 2, "sctp-established": 2}

        def closed(states=states):
            now = [conn.state for conn in director.conns(protocol=SCTP)]
            return all(now.count(state) >= n for state, n in states.items())

        ok(until(closed), "IPv%d: the ends of a SHUTDOWN and of an ABORT are seen"
           % version, director.conns(protocol=SCTP))
        for sock, _ in socks[2:]:
            sock.close()
        director.clear()
        at_director.close()
    director.close()


if __name__ == "__main__":
    # Loaded by test_real(), the last test.
    main(globals(), real="ab")
