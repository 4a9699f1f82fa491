#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0
# Also on: trixie
"""Packets that no stack sends, from a raw socket at the client: none of them
reaches a server, each is counted as what it is, and good ones still pass."""
import json
import random

import net
from net import ACK, FIN, RST, SYN, VIP, Tap, drops, lbctl, ok, raw, tcp, udp, until
from servers import server, service

FORWARDED, NOWHERE = "forwarded", None


def both():
    """TCP and UDP services on both VIPs, with one server."""
    lbctl("clear")
    for version in (4, 6):
        for proto in ("-t", "-u"):
            lbctl("add-service", *service(version, proto), "-s", "rr")
            lbctl("add-server", *service(version, proto), "-r",
                  server("a", version))


def cut(frame, size):
    """The frame with `size` bytes of its IP packet, whose header agrees."""
    head, body = frame[:14], bytearray(frame[14:14 + size])
    if body[0] >> 4 == 4:
        body[2:4] = size.to_bytes(2, "big")
        body[10:12] = b"\0\0"
        body[10:12] = net.checksum(bytes(body[:20])).to_bytes(2, "big")
    else:
        body[4:6] = (size - 40).to_bytes(2, "big")
    return head + bytes(body)


def table():
    """(what, frame, drop reason or FORWARDED or NOWHERE). NOWHERE is for what
    the stack itself throws away before us, or what is none of our business."""
    rows = []
    for version, head in ((4, 20), (6, 40)):
        name = "IPv%d " % version
        for proto, kind, whole, make in ((6, "TCP", 20, lambda p: tcp(p, 80, SYN)),
                                         (17, "UDP", 8, lambda p: udp(p, 80))):
            port = 10000
            for size in range(whole):
                rows.append((name + "%s cut behind %d bytes" % (kind, size),
                             cut(raw(version, make(port), proto), head + size),
                             "malformed"))
            rows.append((name + kind + ", whole",
                         raw(version, make(port + 1), proto), FORWARDED))
            rows.append((name + kind + ", source port 0",
                         raw(version, make(0), proto), "malformed"))
        for doff in range(16):
            rows.append((name + "TCP, data offset %d of a header of 40 bytes" % doff,
                         raw(version, tcp(11000 + doff, 80, SYN, b"\0" * 20,
                                          doff=doff)),
                         FORWARDED if 5 <= doff <= 10 else "malformed"))
        for length, want in ((0, "malformed"), (7, "malformed"), (8, FORWARDED),
                             (12, FORWARDED), (13, "malformed"),
                             (65535, "malformed")):
            rows.append((name + "UDP, a length of %d in 12 bytes" % length,
                         raw(version, udp(12000 + length % 100, 80, b"four",
                                          length), 17), want))
        for flags, text, want in (
                (0, "no flag", "no-conn"), (ACK, "ACK", "no-conn"),
                (FIN, "FIN", "no-conn"), (RST, "RST", "no-conn"),
                (SYN | ACK, "SYN+ACK", "no-conn"),
                (SYN | FIN, "SYN+FIN", "no-conn"),
                (SYN | RST, "SYN+RST", "no-conn"),
                (63, "every flag", "no-conn"), (SYN, "SYN", FORWARDED)):
            rows.append((name + "TCP of no connection, " + text,
                         raw(version, tcp(13000 + flags, 80, flags)), want))
        rows.append((name + "TCP to a port without a service",
                     raw(version, tcp(14000, 81, SYN)), NOWHERE))
        rows.append((name + "a protocol that is neither",
                     raw(version, b"\0" * 20, 47), NOWHERE))
        rows.append((name + "to the host by IP and to all by MAC",
                     b"\xff" * 6 + raw(version, tcp(14001, 80, SYN))[6:], NOWHERE))
        rows.append((name + "to another host's MAC",
                     b"\2\0\0\0\0\x77" + raw(version, tcp(14002, 80, SYN))[6:],
                     NOWHERE))
    for source, text in ((VIP[4], "the VIP"), ("192.168.1.70", "the DIP"),
                         ("192.168.1.255", "the segment's broadcast address")):
        rows.append(("IPv4 from " + text,
                     raw(4, tcp(15000, 80, SYN), src=source), "bad-source"))
    for source, text in (("127.0.0.1", "loopback"), ("224.0.0.1", "a group"),
                         ("255.255.255.255", "everybody"), ("0.0.0.0", "nobody")):
        rows.append(("IPv4 from " + text,
                     raw(4, tcp(15001, 80, SYN), src=source), "bad-source"))
    for source, text in ((VIP[6], "the VIP"), ("2001:db8:1::70", "the DIP")):
        rows.append(("IPv6 from " + text,
                     raw(6, tcp(15002, 80, SYN), src=source), "bad-source"))
    for source, text in (("::1", "loopback"), ("ff02::1", "a group")):
        rows.append(("IPv6 from " + text + ", which the stack drops",
                     raw(6, tcp(15003, 80, SYN), src=source), NOWHERE))
    for frag, text in ((0x2000, "first"), (0x2002, "middle"), (2, "last")):
        rows.append(("IPv4, the %s fragment, and no other" % text,
                     raw(4, udp(16000, 80, b"x" * 16), 17, frag=frag), NOWHERE))
    for ihl in (0, 1, 4, 15):
        rows.append(("IPv4, ihl %d, which the stack drops" % ihl,
                     raw(4, tcp(17000 + ihl, 80, SYN), ihl=ihl), NOWHERE))
    rows.append(("IPv4 with options (nop)",
                 raw(4, tcp(17100, 80, SYN), options=b"\1\1\1\0"), FORWARDED))
    rows.append(("IPv4, longer than the frame, which the stack drops",
                 raw(4, tcp(17101, 80, SYN), total=1000), NOWHERE))
    last = b"\6\0\1\4\0\0\0\0"
    for kind, text in ((0, "hop-by-hop"), (60, "destination options")):
        rows.append(("IPv6 with " + text,
                     raw(6, tcp(18000 + kind, 80, SYN),
                         options=bytes([kind]) + last), FORWARDED))
    rows.append(("IPv6, an atomic fragment",
                 raw(6, tcp(18100, 80, SYN), options=b"\x2c\6" + b"\0" * 7),
                 FORWARDED))
    rows.append(("IPv6, a first fragment of 20 bytes, no multiple of 8",
                 raw(6, tcp(18101, 80, SYN), options=b"\x2c\6\0\0\1" + b"\0" * 4),
                 "fragment"))
    rows.append(("IPv6, a first fragment, and no other",
                 raw(6, tcp(18101, 80, SYN, b"four"),
                     options=b"\x2c\6\0\0\1" + b"\0" * 4), NOWHERE))
    rows.append(("IPv6, a later fragment, and no other",
                 raw(6, tcp(18102, 80, SYN), options=b"\x2c\6\0\1\0" + b"\0" * 4),
                 NOWHERE))
    rows.append(("IPv6, options that run past the end",
                 raw(6, b"", 6, options=b"\x3c\6\xff" + b"\0" * 6), "malformed"))
    return rows


def test_table():
    both()
    client, at_a = Tap("client"), Tap("a")
    for what, frame, want in table():
        at_a.flush()
        before = drops()
        client.send(frame.ljust(60, b"\0"))
        # A whole packet behind it: when that one is there, the other was seen.
        probe = random.Random(what).randrange(20000, 60000)
        client.send(raw(4, udp(probe, 80, what.encode()), 17))
        seen, end = [], False
        while not end:
            more = at_a.wait(lambda f: f.src == net.mac("director"))
            if not more:
                break
            seen += more
            end = any(f.payload == what.encode() for f in seen)
        seen = [f for f in seen if f.payload != what.encode()
                and f.daddr in (net.pack(VIP[4]), net.pack(VIP[6]))]
        grown = {reason: count - before[reason] for reason, count
                 in drops().items() if count != before[reason]}
        if want == FORWARDED:
            good = len(seen) == 1 and not grown
        else:
            good = not seen and grown == ({want: 1} if want else {})
        ok(end and good, what + ": " +
           ("forwarded" if want == FORWARDED else
            "not forwarded" + (", counted as " + want if want else "")),
           (end, [f.ip.hex() for f in seen], grown))
    client.close()
    at_a.close()


def received():
    """Packets that were forwarded to servers of the services, all together."""
    return sum(row["stats"]["in_packets"]
               for row in json.loads(lbctl("list", "-j").stdout))


def test_not_sent():
    """A packet that is dropped on its way is not counted as forwarded to the server."""
    both()
    client = Tap("client")
    for tunnel in (False, True):
        name = "a tunnel" if tunnel else "direct routing"
        for version in (4, 6):
            if tunnel:
                lbctl("edit-server", *service(version, "-u"), "-r",
                      server("a", version), "--tun", "ipip")
            narrow = ("route", "replace", net.addr("a", version), "dev", "eth0", "mtu",
                      "lock", "1300")
            long = udp(30001, 80, b"x" * 1350)
            for reason, frame in (
                    ("ttl", raw(version, udp(30000, 80, b"x"), 17, ttl=1)),
                    ("mtu", raw(version, long, 17, frag=0x4000) if version == 4 else
                     raw(version, long, 17))):
                if reason == "mtu":
                    net.ip("director", *narrow)
                before = received(), drops()[reason]
                client.send(frame)
                until(lambda b=before, r=reason: drops()[r] > b[1])
                client.send(raw(version, udp(30002, 80, b"x"), 17))
                until(lambda b=before: received() > b[0])
                after = received(), drops()[reason]
                ok(after == (before[0] + 1, before[1] + 1),
                   "IPv%d by %s: a packet that is dropped as %s is not counted for the "
                   "server, and the next one is" % (version, name, reason),
                   (before, after))
            net.ip("director", "route", "del", *narrow[2:5])
    lbctl("clear")
    client.close()


def test_noise():
    """Random damage; the runner sees what the kernel thinks of it."""
    dice = net.seeded()
    both()
    client, at_a = Tap("client"), Tap("a")
    good = [row[1] for row in table()]
    for _ in range(4000):
        frame = bytearray(dice.choice(good))
        for _ in range(dice.randrange(1, 5)):
            frame[dice.randrange(14, len(frame))] = dice.randrange(256)
        if dice.random() < 0.3:
            frame = frame[:dice.randrange(14, len(frame) + 1)]
        client.send(bytes(frame))
    at_a.flush()

    def passes():
        client.send(raw(4, udp(999, 80, b"still here"), 17))
        return at_a.wait(lambda f: f.payload == b"still here", 1, 0.5)

    ok(until(passes), "4,000 damaged packets, and a good one passes after them")
    client.close()
    at_a.close()


net.main(globals(), servers=False)
