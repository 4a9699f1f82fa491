#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0
"""Measure the entry xdp: the instructions of an established UDP packet, from its
frame in a driver's ring to the wire, beside XDP programs that do nothing else, the other
entries and stock ip_vs. Runs in a guest whose clock is the number of instructions
executed (guest -i).

    gen0 (veth) --> in0 (veth), the director --> gen0, or out0 (dummy)

The kernel's test of XDP programs makes frames as a driver does, without skbs. Its program
here writes each frame anew, since memory is used again, and sends it by gen0 to in0. It
takes the time in the midst of a run: setting one up waits for grace periods, which last as
long as the tick. in0 polls for frames whoever is measured. Sinks: a program at gen0 that counts
and drops, which takes frames as they are but has to make them of skbs; and out0, which counts
skbs and frees them, and takes no frames.

Each run is checked: each frame must have come to the one place where the contestant should
put it."""
import contextlib
import os
import pathlib
import re
import socket
import struct
import subprocess
import sys

sys.path.append(str(pathlib.Path(__file__).parents[1]))

import bpf  # noqa: E402
import net  # noqa: E402
from bpf import R0, R1, R2, R3, R4, R5, R7  # noqa: E402

FRAMES, EDGE, RUNS = 20000, 640, 5
PORT = 80
# Helpers of programs
KTIME_GET_NS, REDIRECT = 5, 23
DIRECTOR, CLIENT, VIP = "198.51.100.1", "198.51.100.7", "192.0.2.80"
CLIENT6, VIP6 = "2001:db8:1::7", "2001:db8::80"
# One server for each sink
SERVERS = {"gen0": ("198.51.100.2", "2001:db8:1::2"), "out0": ("203.0.113.2", "2001:db8:2::2")}
SERVER_MAC = "02:00:00:00:00:02"
OTHER_MAC = "02:00:00:00:00:77"
LBCTL, MODULE = os.environ["LBCTL"], os.environ["LBDR_KO"]


def must(*words):
    subprocess.run(words, check=True)


def mac(dev):
    return pathlib.Path("/sys/class/net/%s/address" % dev).read_text("ascii").strip()


def frame(version, destination):
    """64 bytes to the VIP."""
    client, vip, payload = (CLIENT, VIP, 22) if version == 4 else (CLIENT6, VIP6, 2)
    ether = bytes.fromhex((destination + mac("gen0")).replace(":", "")) + (
        b"\x08\0" if version == 4 else b"\x86\xdd")
    return ether + net.packet(client, vip, 17, net.udp(1000, PORT, bytes(payload)))


def bounds(size):
    """The frame in R2, or out."""
    return (bpf.load(R2, R1, 0, 4) + bpf.load(R3, R1, 4, 4) + bpf.move(R4, R2) +
            bpf.add(R4, size) + bpf.skip_unless_greater(R4, R3, 2) +
            bpf.returns(bpf.XDP_ABORTED))


def generator(counters, data):
    """Counts in the first number; takes the time when this is the second and the third."""
    code = bounds(len(data))
    for at in range(0, len(data), 8):
        code += bpf.number(R5, *struct.unpack_from("<Q", data, at)) + bpf.store(R2, at, R5)
    code += (bpf.map_value(R7, counters.fd) + bpf.load(R1, R7, 0) + bpf.add(R1, 1) +
             bpf.store(R7, 0, R1))
    for at in (8, 16):
        code += (bpf.load(R2, R7, at) + bpf.skip_unless_equal(R1, R2, 4) +
                 bpf.call(KTIME_GET_NS) + bpf.store(R7, at + 16, R0) +
                 bpf.returns(bpf.XDP_TX))
    return bpf.program(code + bpf.returns(bpf.XDP_TX))


def counting(counters, verdict):
    """Not what the kernel sends by itself, which is longer."""
    count = (bpf.map_value(R7, counters.fd) + bpf.load(R5, R7, 0) + bpf.add(R5, 1) +
             bpf.store(R7, 0, R5))
    return bpf.program(bpf.load(R2, R1, 0, 4) + bpf.load(R3, R1, 4, 4) +
                       bpf.subtract(R3, R2) + bpf.skip_unless(R3, 64, len(count) // 8) +
                       count + bpf.returns(verdict))


def reflecting(index=0):
    """Sends a frame back: the least that any forwarder does. By a device's index it is
    redirected to, as the entry does where a device is a pair like veth."""
    code = bounds(14)
    for at, size in ((0, 4), (4, 2)):
        code += (bpf.load(R3, R2, at, size) + bpf.load(R4, R2, at + 6, size) +
                 bpf.store(R2, at, R4, size) + bpf.store(R2, at + 6, R3, size))
    if index:
        return bpf.program(code + bpf.number(R1, index) + bpf.number(R2, 0) +
                           bpf.call(REDIRECT) + bpf.leave())
    return bpf.program(code + bpf.returns(bpf.XDP_TX))


@contextlib.contextmanager
def attached(dev, fd):
    """iproute2 attaches what is in a file."""
    path = "/sys/fs/bpf/bench"
    bpf.pin(fd, path)
    must("ip", "link", "set", "dev", dev, "xdpdrv", "pinned", path)
    os.unlink(path)
    try:
        yield
    finally:
        must("ip", "link", "set", "dev", dev, "xdpdrv", "off")


class Bench:
    def __init__(self):
        for name in ("default", "all"):
            net.write("/proc/sys/net/ipv6/conf/%s/disable_ipv6" % name, "1")
        must("mount", "-t", "bpf", "bpf", "/sys/fs/bpf")
        must("ip", "link", "add", "gen0", "type", "veth", "peer", "name", "in0")
        must("modprobe", "dummy", "numdummies=0")
        must("ip", "link", "add", "out0", "type", "dummy")
        must("ethtool", "-K", "in0", "gro", "on")
        must("ethtool", "-K", "gen0", "tx", "off", "txvlan", "off")
        for dev, own in (("in0", DIRECTOR), ("out0", "203.0.113.1")):
            must("ip", "link", "set", dev, "addrgenmode", "none")
            net.write("/proc/sys/net/ipv6/conf/%s/disable_ipv6" % dev, "0")
            must("ip", "address", "add", own + "/24", "dev", dev)
        must("ip", "address", "add", VIP + "/32", "dev", "in0")
        must("ip", "address", "add", VIP6 + "/128", "dev", "in0", "nodad")
        for dev in ("gen0", "in0", "out0"):
            must("ip", "link", "set", dev, "up")
        for dev, sink, net6 in (("in0", "gen0", "2001:db8:1::/64"),
                                ("out0", "out0", "2001:db8:2::/64")):
            must("ip", "route", "add", net6, "dev", dev)
            for server in SERVERS[sink]:
                must("ip", "neighbour", "replace", server, "lladdr", SERVER_MAC, "dev", dev,
                     "nud", "permanent")
        self.sent, self.at_gen0, self.at_in0 = (bpf.Counters(n) for n in (5, 1, 1))
        self.index = socket.if_nametoindex("gen0")
        self.drop = {"gen0": counting(self.at_gen0, bpf.XDP_DROP),
                     "in0": counting(self.at_in0, bpf.XDP_DROP)}
        self.generators = {}
        for version in (4, 6):
            for to in (mac("in0"), OTHER_MAC):
                data = frame(version, to)
                self.generators[version, to] = generator(self.sent, data), data

    def arrived(self, place):
        if place == "otherhost":
            words = subprocess.run(("ip", "-s", "-s", "-j", "link", "show", "dev", "in0"),
                                   capture_output=True, text=True, check=True).stdout
            # It is there when it is not 0.
            found = re.search(r'"otherhost":(\d+)', words)
            return int(found[1]) if found else 0
        if place == "out0":
            return int(pathlib.Path("/sys/class/net/out0/statistics/tx_packets").read_text("ascii"))
        return {"gen0": self.at_gen0, "in0": self.at_in0}[place].get()[0]

    def run(self, version, place):
        """Instructions a frame, in tenths."""
        fd, data = self.generators[version, OTHER_MAC if place == "otherhost" else mac("in0")]
        before = self.arrived(place)
        self.sent.set(0, EDGE, FRAMES - EDGE, 0, 0)
        bpf.run_frames(fd, data, self.index, FRAMES)
        count, _, _, first, last = self.sent.get()
        came = self.arrived(place) - before
        if count != FRAMES or came != FRAMES:
            sys.exit("xdp.py: %d of %d frames came to %s" % (came, count, place))
        return round(10 * (last - first) / (FRAMES - 2 * EDGE))

    def measure(self, name, place):
        for version, kind in ((4, "udp"), (6, "udp6")):
            last, now, tries = 0, self.run(version, place), 0
            while abs(now - last) * 1000 > now:
                last, now, tries = now, self.run(version, place), tries + 1
                if tries == 10:
                    sys.exit("xdp.py: %s: no two runs agree (%d, %d)" % (name, last, now))
            for _ in range(RUNS):
                print("cost %s-%s %d" % (name, kind, (self.run(version, place) + 5) // 10),
                      flush=True)

    def configure(self, sink, add_service, add_server):
        """The same service and server for both families, by lbctl or ipvsadm."""
        for vip, server in zip((VIP, "[%s]" % VIP6), SERVERS[sink]):
            server = server if ":" not in server else "[%s]" % server
            must(*add_service, "-u", "%s:%d" % (vip, PORT), "-s", "rr")
            must(*add_server, "-u", "%s:%d" % (vip, PORT), "-r", "%s:%d" % (server, PORT),
                 "-g")

    def with_lbdr(self):
        must("insmod", MODULE)
        for sink in ("gen0", "out0"):
            self.configure(sink, (LBCTL, "add-service"), (LBCTL, "add-server"))
            self.measure("prerouting_" + sink, sink)
            must(LBCTL, "set-entry", "ingress", "in0")
            self.measure("ingress_" + sink, sink)
            must(LBCTL, "set-entry", "prerouting")
            if sink == "gen0":
                must(LBCTL, "set-entry", "xdp", "in0", "--force")
                self.measure("lbdr", sink)
                self.measure("others_lbdr", "otherhost")
                must(LBCTL, "set-entry", "prerouting")
            must(LBCTL, "clear")
        must("rmmod", "lbdr")
        must("modprobe", "-r", "nf_defrag_ipv4", "nf_defrag_ipv6")

    def with_ip_vs(self):
        for sink in ("gen0", "out0"):
            self.configure(sink, ("ipvsadm", "-A"), ("ipvsadm", "-a"))
            self.measure("ip_vs_" + sink, sink)
            must("ipvsadm", "-C")
            must("modprobe", "-r", "ip_vs_rr", "ip_vs", "nf_conntrack")

    def all(self):
        print("kernel", os.uname().release)
        with attached("in0", self.drop["in0"]):
            self.measure("drop", "in0")
        self.measure("others", "otherhost")
        with attached("gen0", self.drop["gen0"]):
            with attached("in0", reflecting()):
                self.measure("tx", "gen0")
            with attached("in0", reflecting(socket.if_nametoindex("in0"))):
                self.measure("redirect", "gen0")
            self.with_lbdr()
            self.with_ip_vs()
        with attached("in0", self.drop["in0"]):
            self.measure("drop_after", "in0")


if len(os.sched_getaffinity(0)) != 1:
    sys.exit("xdp.py: the clock counts instructions with one CPU alone: guest -i")
Bench().all()
