#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0
# Also on: trixie bookworm backports
# CPUs: 2
"""`set-entry ingress eth0`: what other scripts ask of the usual entry is asked of
this one too; only here is looked at what it takes, what it lets go on to
PREROUTING, and what becomes of it when devices go."""
import contextlib
import errno
import json
import threading

import genl
import net
from net import VIP, Tap, known_neighbours, lbctl, ok, only, until
from servers import configure
from transactions import there
from test_entry import (again, deaf_client, errors, fragments, nft, one_cpu,
                        packets, path)

INPUT, INGRESS = 1, 2
PORTS = b"\x17\x70\0\x50"
NOP = b"\x01\x01\x01\x01"


def told():
    row = json.loads(lbctl("list", "--info", "-j").stdout)[0]
    return row["entry"], row["devices"]


@contextlib.contextmanager
def at_ingress(*devices):
    lbctl("set-entry", "ingress", *(devices or ["eth0"]))
    try:
        yield
    finally:
        lbctl("set-entry", "prerouting")
        lbctl("clear")


def test_path():
    with at_ingress():
        again(path.test_bystanders, path.test_frames, path.test_ttl,
              path.test_mtu, path.test_schedulers)


@only("uml")
def test_packets():
    with at_ingress(), deaf_client():
        packets.test_table()


@only("uml")
def test_errors():
    with at_ingress(), one_cpu():
        errors.test_forwarded()


@only("uml")
def test_fragments():
    with at_ingress(), one_cpu():
        fragments.test_udp()


def seen_by_raw():
    """Packets for the VIPs that a rule in the raw table has counted."""
    done = net.run("ip", "netns", "exec", "director", "nft", "-j", "list",
                   "counter", "inet", "watch", "seen")
    return [row["counter"]["packets"] for row in json.loads(done.stdout)["nftables"]
            if "counter" in row][0]


def taken(version, client, at_a):
    """Of one family."""
    name = "IPv%d: " % version
    configure(version, [("a", 1)], protocol=17)
    size = 20 if version == 4 else 40

    def send(what, raw, whole=True, **more):
        """One packet; whether raw has seen it, and the server."""
        before = seen_by_raw()
        at_a.flush()
        frame = net.raw(version, net.udp(6000, 80, b"x"), 17, **more)
        kind = more.get("ttl", 64) - 1
        if not whole:
            # A bit of the header that only its checksum, or its length, guards
            at = 14 + (4 if version == 4 else 5)
            frame = frame[:at] + b"\xff" + frame[at + 1:]
        frames = [frame]
        if not whole:
            # A good one behind it, which comes first then
            frames.append(net.raw(version, net.udp(6000, 80, b"y"), 17))
        for frame in frames:
            client.send(frame + b"\0" * max(0, 60 - len(frame)))
        there = at_a.wait(lambda f: PORTS in f.ip and not f.outgoing)
        good = there and len(there[0].ip) >= size + 9 and there[0].ttl == kind and \
            (not there[0].ip[size + 9:] or "options" in more) and \
            (whole or there[0].ip[size + 8:size + 9] == b"y")
        ok(good and (seen_by_raw() > before) == raw, name + what,
           (there and there[0].ip.hex(), seen_by_raw(), before))

    send("with the usual entry raw sees every packet", True)
    send("also the one that confirms the connection", True)
    lbctl("set-entry", "ingress", "eth0")
    send("a packet of a connection is taken before raw, its padding cut off",
         False)
    send("and so is one with another TTL", False, ttl=9)
    extra = NOP if version == 4 else bytes([60, 17, 0, 1, 4, 0, 0, 0, 0])
    send("one with options goes on to raw, and to its server", True,
         options=extra)
    if version == 4:
        send("one whose header's checksum is wrong goes nowhere", False, False)
    lbctl("set-entry", "prerouting")
    send("and with the usual entry again raw sees it", True)
    lbctl("clear")


def test_taken():
    """Packets of a connection do not come as far as raw, all others do."""
    nft("""
table inet watch {
	counter seen {}
	chain raw {
		type filter hook prerouting priority raw
		ip daddr %s udp dport 80 counter name seen
		ip6 daddr %s udp dport 80 counter name seen
	}
}""" % (VIP[4], VIP[6]))
    client, at_a = Tap("client"), Tap("a")
    with known_neighbours("a"), one_cpu():
        for version in (4, 6):
            taken(version, client, at_a)
    net.run("ip", "netns", "exec", "director", "nft", "delete", "table", "inet",
            "watch")
    client.close()
    at_a.close()


def test_devices():
    """A device that goes is forgotten; one that is not there is refused."""
    configure(4, [("a", 1)])
    net.batch("director", ["link add extra type veth peer name other",
                           "link set extra up"])
    lbctl("set-entry", "ingress", "eth0", "extra")
    ok(told() == ("ingress", ["eth0", "extra"]), "set-entry ingress: list --info "
       "tells the devices", told())
    done = lbctl("set-entry", "ingress", "eth0", "nowhere", check=False)
    ok(done.returncode and "device not found" in done.stderr and
       told() == ("ingress", ["eth0", "extra"]), "a device that is not there is "
       "refused, and nothing is changed", done.stderr)
    net.ip("director", "link", "del", "extra")
    ok(until(lambda: told() == ("ingress", ["eth0"])), "a device that goes is "
       "forgotten", told())
    with net.within("director"):
        director = genl.Director()
    for what, body in (
            ("the entry ingress without a device", genl.u8(genl.INFO_ENTRY, INGRESS)),
            ("a device with another entry", genl.u8(genl.INFO_ENTRY, INPUT) +
             genl.attr(genl.INFO_DEVICE, b"eth0\0"))):
        try:
            director.do(genl.INFO_SET, body)
            why = ""
        except genl.Refused as error:
            why = error.sentence
        ok("devices are required" in why and told() == ("ingress", ["eth0"]),
           what + " is refused in words", why)
    director.close()
    lbctl("set-entry", "input")
    ok(told() == ("input", []), "set-entry input: no device is left", told())
    lbctl("set-entry", "prerouting")


@only("uml", "bookworm")
def test_removal():
    """A device is removed, or moves to another namespace, while commands of their own
    and transactions make it one of the entry: it is taken or not found, and what the
    kernel thinks of it the runner sees."""
    rounds, stop, codes, taken = 30 if net.SHORT else 60, threading.Event(), set(), []
    body = genl.u8(genl.INFO_ENTRY, INGRESS) + genl.attr(genl.INFO_DEVICE, b"gone0\0")

    def choose():
        sock = there()
        while not stop.is_set():
            try:
                if len(taken) % 2:
                    sock.do(genl.INFO_SET, body)
                else:
                    sock.begin().named(genl.INFO_SET, body)
                    sock.named(genl.BATCH_COMMIT, genl.u32(genl.BATCH_COMMANDS, 1))
                taken.append(None)
            except genl.Refused as error:
                codes.add(error.code)
                sock.close()
                sock = there()
        sock.close()

    configure(4, [("a", 1)])
    thread = threading.Thread(target=choose)
    thread.start()
    for number in range(rounds):
        net.ip("director", "link", "add", "gone0", "type", "veth", "peer", "name",
               "gone1")
        before = len(taken)
        until(lambda: len(taken) > before)
        if number % 2:
            net.ip("director", "link", "set", "gone0", "netns", "client")
            net.ip("client", "link", "del", "gone0")
        else:
            net.ip("director", "link", "del", "gone0")
    stop.set()
    thread.join()
    ok(len(taken) >= rounds and codes <= {errno.ENODEV}, "a device that is removed %d "
       "times while it is chosen is taken or not found" % rounds, (len(taken), codes))
    ok(until(lambda: told() == ("prerouting", [])), "and none is left", told())
    lbctl("clear")


def test_end():
    """The last of the tests: the namespace goes while its device has the hook."""
    configure(6, [("a", 1), ("b", 1)])
    lbctl("set-entry", "ingress", "eth0")
    lbctl("clear")
    configure(6, [("a", 1), ("b", 1)])
    with net.connect(6) as sock:
        ok(sock.recv(1) in b"ab" and told() == ("ingress", ["eth0"]),
           "devices are remembered while there is no service", told())


if __name__ == "__main__":
    net.main(globals())
