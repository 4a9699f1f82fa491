#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0
# Also on: trixie backports
"""The fast path against the walk: the same random frames of fuzz_frames.py, once with the
fast path and once without it, at PREROUTING, at ingress and at XDP, to servers by direct
routing and by every kind of tunnel. What leaves the director, counters, drop reasons and
connections are equal.

SEED=N repeats the frames of a run, COMPARED=N is their number at each entry.
"""
import collections
import contextlib
import os
import socket
import struct
import time

import fuzz_frames
import genl
import net
import tunnels
from fuzz_frames import GATEWAY, MAC, PLAIN, ROUTER, SERVER
from net import ok, until
from test_xdp import SET_GRO, ethtool, keep_tags, ready, with_xdp

# At each entry. Half a million in `make soak`.
COMPARED = int(os.environ.get("COMPARED") or (16000 if net.LABEL == "uml" else 4000))
PARAMETER = "/sys/module/lbdr/parameters/fast_path"
# Frames between two marks, which say that all before them have come.
CHUNK = 1000
INFO_SLOW = 11
SCHEDULERS = ("rr", "wrr", "lc", "wlc", "sed", "nq", "sh", "dh", "mh", "fo", "ovf")
ROUTE_MTU = 1400
OWN = {net.pack(each) for version in (4, 6)
       for each in fuzz_frames.VIPS[version] + [fuzz_frames.OWN[version]]}


@contextlib.contextmanager
def fast_path(on):
    net.write(PARAMETER, on)
    try:
        yield
    finally:
        net.write(PARAMETER, "1")


def configure(director):
    """Services for the ports that most frames are sent to. What their schedulers choose
    depends on the packets only."""
    director.clear()
    for version in (4, 6):
        kinds = [kind for kind in tunnels.TWELVE + tunnels.SUMMED if kind.inner == version]
        for proto in (6, 17, 132):
            # Those of SCTP never take the fast path.
            for place, port in enumerate(fuzz_frames.PORTS[:10 if proto == 132 else None]):
                key = fuzz_frames.key(version, port, proto)
                director.add(key, sched=SCHEDULERS[place % len(SCHEDULERS)],
                             stray="schedule" if port % 10 == 9 else "pass",
                             persist=300 if port % 10 == 8 else None)
                for number in (0, 1, 2):
                    kind = kinds[(place // 2 + number) % len(kinds)]
                    tunnel = place % 2 and number
                    director.do(genl.SERVER_NEW, genl.server(
                        SERVER[kind.outer if tunnel else version] % (10 + number), key,
                        tunnels.attributes(kind) if tunnel else b""))


def plain(frame):
    """A frame without what the director chooses each time: the id of a tunnel's header, that
    of IPv6 fragments, and of what it says itself the flow label, and for IPv4 all behind the
    first bytes, since options that it answers or quotes may have the time."""
    at = len(PLAIN) + 14
    four = frame[at - 2:at] == b"\x08\0"
    own = frame[len(PLAIN):][:6] == GATEWAY or \
        (frame[at + 9] == 1 and frame[at + 12:at + 16] in OWN if four else
         frame[at + 6] == 58 and frame[at + 8:at + 24] in OWN)
    out = bytearray(frame)
    if four and (own or frame[at + 9] in (4, 41, 47, 17)):
        out[at + 4:at + 6] = out[at + 10:at + 12] = b"\0\0"
        if own:
            behind = at + (frame[at] & 15) * 4
            del out[behind + 2:], out[at + 20:behind]
    elif not four:
        if frame[at + 6] == 44:
            out[at + 44:at + 48] = bytes(4)
        if own:
            out[at + 1:at + 4] = bytes(3)
    return bytes(out)


def half():
    """A first fragment, without the others."""
    packet = net.packet(ROUTER[6], fuzz_frames.VIPS[6][2], 17, net.udp(999, 80, bytes(64)))
    return net.fragments(packet, 32, 1 << 31)[0]


def is_timed(frame):
    """An ICMP error about a datagram whose rest has not come in time."""
    at = len(PLAIN) + 14
    return frame[at - 2:at] == b"\x08\0" and frame[at + 9] == 1 and \
        frame[at + 20:at + 22] == b"\x0b\1" or \
        frame[at - 2:at] == b"\x86\xdd" and frame[at + 6] == 58 and \
        frame[at + 40:at + 42] == b"\3\1"


def expire(link, capture):
    """Returns when no fragment waits any more: the last one is reported after the others.
    And the frames that have come until then."""
    link.send([PLAIN + MAC + GATEWAY + fuzz_frames.KIND[6] + half()])
    quoted = half()[8:48]
    out = capture.until(lambda frame: is_timed(frame) and quoted in frame)
    if not until(lambda: "inuse 0 " in fuzz_frames.fragments()):
        raise TimeoutError(fuzz_frames.fragments())
    return out


class Capture:
    """Sees what the director sends by fz0, with what a device is asked to do with it."""

    def __init__(self):
        self.sock = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, 0)
        self.sock.setsockopt(263, 15, 1)    # PACKET_VNET_HDR
        self.sock.setsockopt(263, 23, 1)    # PACKET_IGNORE_OUTGOING
        self.sock.setsockopt(socket.SOL_SOCKET, 33, 1 << 27)
        self.sock.bind(("fuzz0", 3))
        self.sock.settimeout(3 * net.WAIT)

    def until(self, match):
        """What has come before this frame."""
        out = []
        while True:
            frame = self.sock.recv(1 << 17)
            if match(frame):
                return out
            # ARP, neighbour discovery and multicast are not about the frames.
            mac = frame[len(PLAIN):len(PLAIN) + 6]
            if not mac[0] & 1 and frame[len(PLAIN) + 12:][:2] in (b"\x08\0", b"\x86\xdd") \
                    and not is_timed(frame):
                out.append(plain(frame))

    def close(self):
        self.sock.close()


def slow_packets(director):
    return genl.number(director.info()[INFO_SLOW])


class Arrivals:
    """Counts what fz0 hands to the stack: a frame that is forwarded at XDP never gets there."""

    def __init__(self):
        with net.within("director"):
            self.sock = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, 0)
        self.sock.setsockopt(263, 23, 1)    # PACKET_IGNORE_OUTGOING
        with net.within("director"):
            self.sock.bind(("fz0", 3))

    def close(self):
        """Their number; most of them had no room."""
        with self.sock:
            return struct.unpack("II", self.sock.getsockopt(263, 6, 8))[0]


@contextlib.contextmanager
def entering(entry):
    """With this entry. At XDP a frame that is passed must not wait for others, while one that
    is taken overtakes it: the order decides about states, and which server is next."""
    if entry == "prerouting":
        yield
        return
    if entry == "xdp":
        ready("fuzz0")
        keep_tags("fz0")
        ethtool("director", "fz0", SET_GRO, 0)
        net.write("/proc/sys/net/core/gro_normal_batch", "1")
    net.lbctl("set-entry", entry, "fz0", *(["--force"] if entry == "xdp" else []))
    try:
        yield
    finally:
        net.lbctl("set-entry", "prerouting")


def outcome(director, frames, entry, on, patience):
    """All that is to be equal, how many packets did not take the fast path, or came to the
    stack, and whether no fragment may have waited too long for the rest. The devices are new,
    so that the kernel has forgotten what ICMP errors have told it."""
    slowest = 0
    with fast_path(on), \
            contextlib.closing(fuzz_frames.Link(patience=patience)) as link:
        net.batch("director", ["route add %s dev fz0 mtu %d" % (
            SERVER[version] % 11, ROUTE_MTU) for version in (4, 6)])
        configure(director)
        with entering(entry):
            until(lambda: director.held() == 0)
            before, slow = net.drops(), slow_packets(director)
            capture, arrivals, came = Capture(), Arrivals(), []
            for at in range(0, len(frames), CHUNK):
                mark, begun = b"mark at %d" % at, time.monotonic()
                link.send(frames[at:at + CHUNK] + [
                    PLAIN + MAC + GATEWAY + fuzz_frames.KIND[4] + net.packet(
                        ROUTER[4], fuzz_frames.VIPS[4][0], 17, net.udp(999, 80, mark))])
                came.append(capture.until(lambda frame, mark=mark: frame.endswith(mark)))
                slowest = max(slowest, time.monotonic() - begun)
            arrived = arrivals.close()
            came.append(expire(link, capture))
            capture.close()
            after, slow = net.drops(), slow_packets(director) - slow
            counters = []
            for row in director.dump(genl.SERVER_GET):
                row = dict(genl.parse(row))
                counters.append((row[genl.SERVER_SERVICE], row[genl.SERVER_ADDRESS],
                                 row[genl.SERVER_STATS], row[genl.SERVER_ACTIVE],
                                 row[genl.SERVER_INACTIVE], row[genl.SERVER_PERSISTENT]))
            table = sorted(conn[:-1] for conn in director.conns())
        director.clear()
    if entry == "xdp":
        # Of a frame that was no packet, fuzz0 says that checksums are good (DATA_VALID).
        came = collections.Counter(bytes([frame[0] & ~2]) + frame[1:]
                                   for part in came for frame in part)
    return {"frames": came, "counters": counters, "connections": table,
            "drop reasons": {reason: after[reason] - before[reason] for reason in after}}, \
        arrived if entry == "xdp" else slow, slowest < patience


def outcomes(director, frames, entry):
    """With the fast path, and without it. A host that is too busy for the fragments of a
    datagram to come together in time tries again with more patience."""
    for patience in (1, 4, 16, 48):
        both = [outcome(director, frames, entry, on, patience) for on in "10"]
        if all(in_time for _, _, in_time in both):
            break
        print("# fragments may have waited for %d s" % patience, flush=True)
    return [each[:2] for each in both]


def shown(value):
    """The beginning of a frame, with its length."""
    return "%d bytes %s" % (len(value), value[:96].hex()) if isinstance(value, bytes) \
        else value


def differing(one, other):
    """The first place where two lists differ, and what is there, with the next ones."""
    for place, (mine, its) in enumerate(zip(one, other)):
        if mine != its:
            if isinstance(mine, list):
                return place, differing(mine, its)
            return place, [[shown(each) for each in side[place:place + 2]]
                           for side in (one, other)]
    return len(one), len(other)


def only_one(one, other):
    """The first frames that only one of two has, and how many there are."""
    return [(sum(rest.values()), [shown(frame) for frame in sorted(rest)[:3]])
            for rest in (one - other, other - one)]


def compare(entry):
    """Rounds with a table that is empty at the beginning."""
    with net.within("director"):
        director = genl.Director()
    # No connection ends by its timeout meanwhile, which would be another one each time.
    director.set_timeouts({state: 900 for state in (
        "syn-recv", "fin-wait", "time-wait", "close", "sctp-init", "sctp-shutdown",
        "sctp-closed")})
    source = fuzz_frames.Frames(net.SEED)
    done, batch, total = 0, 0, collections.Counter()
    wrong = {}
    while done < COMPARED:
        if entry == "xdp" and fuzz_frames.offloads(batch):
            # A packet would be more segments than the driver has room for.
            batch += 1
        frames = source.batch(batch)[:COMPARED - done]
        (fast, slow), (walk, all_slow) = outcomes(director, frames, entry)
        done, batch = done + len(frames), batch + 1
        sent = fast["frames"]
        total.update(forwarded=sent.total() if entry == "xdp" else sum(map(len, sent)),
                     slow=slow, all=all_slow, connections=len(fast["connections"]))
        for what, value in fast.items():
            if value != walk[what]:
                wrong.setdefault(what, (batch - 1, (
                    differing if isinstance(value, list) else
                    only_one if isinstance(value, collections.Counter) else
                    lambda *both: both)(value, walk[what])))
        print("# %d frames" % done, dict(total), flush=True)
    for what in ("frames", "counters", "connections", "drop reasons"):
        ok(what not in wrong, "%s: %s of %d frames with SEED=%d are the same" % (
            entry, what, done, net.SEED), wrong.get(what))
    ok(total["forwarded"] > done / 8 and total["connections"] > done / 100,
       entry + ": many are forwarded", total)
    # XDP takes what changes nothing; many of these frames would.
    ok(0 < total["slow"] < (0.98 if entry == "xdp" else 0.8) * total["all"],
       entry + ": many of them by the fast path, none without it", total)
    director.close()


def test_prerouting():
    net.seeded()
    compare("prerouting")


def test_ingress():
    net.seeded()
    compare("ingress")


@with_xdp
def test_xdp():
    """Here "slow" are the packets that came to the stack."""
    net.seeded()
    compare("xdp")


if __name__ == "__main__":
    net.main(globals(), servers=False)
