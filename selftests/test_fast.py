#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0
# Also on: trixie
"""The fast path against the walk: the same random frames, plain and odd, once with the
fast path and once without it. Frames to the servers, counters, drop reasons and
connections are equal. FRAMES=NUMBER sends another number of them."""
import contextlib
import json
import os

import net
from net import ACK, FIN, PSH, RST, SYN, VIP, Tap, lbctl, ok, raw, tcp, udp

FRAMES = int(os.environ.get("FRAMES", 2000))
PARAMETER = "/sys/module/lbdr/parameters/fast_path"
# Frames between two marks, which say that all before them have come.
BATCH = 100
# Direct routing to a, and a tunnel to b.
PORTS = {80: "a", 81: "b"}
ROUTE_MTU = 1400
FLAGS = [ACK] * 12 + [ACK | PSH] * 4 + [SYN] * 3 + [FIN | ACK, RST, RST | ACK, SYN | ACK,
                                                    0, FIN, SYN | FIN, 63]
SIZES = [0, 1, 10, 100, 1000, 1340, 1352, 1360, 1372, 1400, 1432, 1440]


@contextlib.contextmanager
def fast_path(on):
    net.write(PARAMETER, on)
    try:
        yield
    finally:
        net.write(PARAMETER, "1")


def setup():
    lbctl("clear")
    for version in (4, 6):
        for proto in ("-t", "-u"):
            for port, host in PORTS.items():
                where = ("%s:%d" if version == 4 else "[%s]:%d") % (VIP[version], port)
                address = net.addr(host, version)
                lbctl("add-service", proto, where, "-s", "rr")
                lbctl("add-server", proto, where, "-r",
                      address if version == 4 else "[%s]" % address,
                      *(["--tun", "ipip"] if host == "b" else []))


def damaged(dice, frame):
    """With some other bytes, but no fragment, of which the rest would be waited for."""
    frame = bytearray(frame)
    four = frame[14] >> 4 == 4
    for _ in range(dice.randrange(1, 4)):
        at = dice.randrange(14, min(len(frame), 14 + 64))
        if at not in ((14, 20, 21) if four else (14, 20)):
            frame[at] = dice.randrange(256)
    if four and dice.random() < 0.7:
        frame[24:26] = b"\0\0"
        frame[24:26] = net.checksum(bytes(frame[14:34])).to_bytes(2, "big")
    return bytes(frame)


def frames_of(dice):
    """One frame, or the fragments of one datagram."""
    version = dice.choice((4, 6))
    proto = dice.choice((6, 17))
    # Few flows, so that most packets have a connection.
    sport, dport = 30000 + dice.randrange(8), dice.choice(list(PORTS))
    payload = dice.randbytes(dice.choice(SIZES))
    more = {}
    if dice.random() < 0.05:
        more["ttl"] = dice.choice((0, 1, 2, 255))
    if proto == 6:
        doff = 5
        if dice.random() < 0.1:
            doff = dice.choice((0, 4, 6, 8, 15))
            payload = b"\1" * 40 + payload[:1000]
        body = tcp(sport, dport, dice.choice(FLAGS), payload, doff=doff)
    else:
        length = dice.choice((0, 7, 8, 9, 20, 65535)) if dice.random() < 0.05 else None
        body = udp(sport, dport, payload, length)
    if dice.random() < 0.05:
        more["options"] = b"\1\1\1\0" if version == 4 else \
            bytes([dice.choice((0, 60))]) + bytes([proto]) + b"\0\1\4\0\0\0\0"
        body = body[:1300]
    if version == 4 and dice.random() < 0.3:
        more["frag"] = 0x4000
    frame = raw(version, body, proto, **more)
    if len(body) > 100 and "frag" not in more and dice.random() < 0.06:
        ident = dice.randrange(1 << 16)
        return [frame[:14] + part for part
                in net.fragments(frame[14:], dice.choice((64, 512)), ident)]
    if dice.random() < 0.1:
        frame = damaged(dice, frame)
    if dice.random() < 0.05:
        frame = frame[:dice.randrange(14 + (20 if version == 4 else 40), len(frame) + 1)]
    if dice.random() < 0.02:
        frame = b"\2\0\0\0\0\x77" + frame[6:]
    return [frame.ljust(60, b"\0")]


def plain(frame):
    """A frame to a server without what the director chooses: the id of a tunnel's header,
    and that of IPv6 fragments."""
    packet = frame.ip
    if frame.l4 == 4 and frame.proto == 0x0800:
        packet = packet[:4] + packet[6:10] + packet[12:]
    if frame.l4 == 44 and frame.proto == 0x86dd:
        packet = packet[:44] + packet[48:]
    return packet


def send(frames, taps, client):
    """What comes out at each server, but for what the director says of itself."""
    came = {host: [] for host in taps}
    director = net.mac("director")
    wanted = {net.pack(VIP[version]) for version in (4, 6)}
    tunnels = {net.pack(net.addr("b", version)) for version in (4, 6)}

    def forwarded(frame):
        return frame.src == director and \
            (frame.daddr in wanted or frame.l4 in (4, 41) and frame.daddr in tunnels)

    for at in range(0, len(frames), BATCH):
        for frame in frames[at:at + BATCH]:
            client.send(frame)
        for port, host in PORTS.items():
            text = b"mark %d of %d" % (at, port)
            client.send(raw(4, udp(29999, port, text), 17))
            while True:
                more = taps[host].wait(forwarded)
                came[host] += map(plain, more)
                if any(f.ip.endswith(text) for f in more):
                    break
                if not more:
                    raise TimeoutError("mark %d did not reach %s" % (at, host))
    return came


def slow_packets():
    return json.loads(lbctl("list", "--info", "-j").stdout)[0]["slow_packets"]


def outcome(on, frames):
    """All that is to be equal, and packets that were forwarded, those not by the fast
    path among them."""
    with fast_path(on), net.known_neighbours(*PORTS.values()), \
            contextlib.ExitStack() as stack:
        setup()
        client = Tap("client")
        taps = {host: Tap(host) for host in PORTS.values()}
        for tap in (client, *taps.values()):
            stack.callback(tap.close)
        before, slow = net.drops(), slow_packets()
        came = send(frames, taps, client)
        after, slow = net.drops(), slow_packets() - slow
        services = json.loads(lbctl("list", "-j").stdout)
        conns = json.loads(lbctl("conns", "-j").stdout)
    counters = [(one["protocol"], one["address"], one["port"], one["stats"],
                 [(server["address"], server["stats"]) for server in one["servers"]])
                for one in services]
    table = sorted(json.dumps({name: value for name, value in one.items()
                               if not name.endswith("_ms")}, sort_keys=True)
                   for one in conns)
    packets = sum(one["stats"]["in_packets"] for one in services)
    return {"frames at a": came["a"], "frames at b": came["b"], "counters": counters,
            "drop reasons": {reason: after[reason] - before[reason] for reason in after},
            "connections": table}, packets, slow


def test_same():
    dice = net.seeded()
    frames = []
    while len(frames) < FRAMES:
        frames += frames_of(dice)
    for version in (4, 6):
        net.ip("director", "-%d" % version, "route", "add", net.addr("a", version),
               "dev", "eth0", "mtu", str(ROUTE_MTU))
    fast, packets, slow = outcome("1", frames)
    walk, same, all_slow = outcome("0", frames)
    for version in (4, 6):
        net.ip("director", "-%d" % version, "route", "del", net.addr("a", version),
               "dev", "eth0", "mtu", str(ROUTE_MTU))
    print("# of %d frames %d were forwarded, %d and %d of them not by the fast path" %
          (len(frames), packets, slow, all_slow))
    ok(packets > FRAMES / 4 and packets == same,
       "of the frames more than a quarter is forwarded", (packets, same))
    ok(0 < slow < packets / 2 and all_slow > slow + packets / 4,
       "most of them by the fast path, none without it", (slow, all_slow))
    for what, value in fast.items():
        differ = value if value == walk[what] else \
            [pair for pair in zip(value, walk[what]) if pair[0] != pair[1]][:3] \
            if isinstance(value, list) else (value, walk[what])
        ok(value and value == walk[what], what + " are the same", differ)


net.main(globals(), servers=False)
