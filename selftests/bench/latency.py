#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0
"""Runs a configuration command and measures meanwhile how long others wait.

    latency.py NAME [--prepare COMMAND] [--rounds N] COMMAND

Four processes repeat one operation each and record the longest duration:

    get    one service is read over generic netlink (takes lbdr_net.lock)
    link   a dummy device is added and deleted in another network namespace (takes
           RTNL, and waits for RCU grace periods); `add` is the first half of it
    here   the same in the director's own namespace, five times a second: device
           notifiers run under RTNL and may wait for lbdr_net.lock
    wake   sleeps 5 ms; the excess is what the guest's scheduler and the host cost

They have real-time priority, so that they do not wait for the command's CPU time.
COMMAND is repeated until `get` and `link` each were tried 200 times, at most N times.
--prepare restores what COMMAND needs, and is not measured. The longest hold of
lbdr_net.lock is taken from the tracepoint lbdr:lbdr_lock_hold, if the module has it.

Prints `latency NAME WHAT FIGURE UNIT`, microseconds for durations."""
import argparse
import ctypes
import gc
import mmap
import os
import pathlib
import re
import signal
import socket
import struct
import subprocess
import sys
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent))
import genl

TRIES = 200
PROBES = ("get", "link", "here", "wake")
MEASURES = ("get", "link", "add", "here", "wake")
WAKE_NS = 5_000_000
CLONE_NEWNET = 0x40000000
RTM_NEWLINK, RTM_DELLINK = 16, 17
F_CREATE_EXCL = 0x600
IFLA_IFNAME, IFLA_LINKINFO, IFLA_INFO_KIND = 3, 18, 1
TRACING = pathlib.Path("/sys/kernel/tracing")
INSTANCE = TRACING / "instances/latency"
# Shorter holds of the lock are not recorded: a restore has 200,000 of them.
HOLD_MIN_NS = 100_000


class Results:
    """Shared memory: the flag that lets probes run, then count, longest and the
    200 longest durations of each probe, in nanoseconds."""
    SLOTS = 8192

    def __init__(self):
        self.memory = mmap.mmap(-1, 8 + len(MEASURES) * 8 * (1 + self.SLOTS))
        self.words = memoryview(self.memory).cast("Q")

    def run(self, on):
        self.words[0] = on

    def running(self):
        return self.words[0]

    def base(self, probe):
        return 1 + MEASURES.index(probe) * (1 + self.SLOTS)

    def add(self, probe, duration):
        at = self.base(probe)
        count = self.words[at]
        # Beyond SLOTS tries, a duration replaces the one that had its slot if longer.
        slot = at + 1 + count % self.SLOTS
        self.words[slot] = max(self.words[slot], duration)
        self.words[at] = count + 1

    def count(self, probe):
        return self.words[self.base(probe)]

    def durations(self, probe):
        at = self.base(probe)
        return sorted(self.words[at + 1:at + 1 + min(self.count(probe), self.SLOTS)])


def probe_get(_):
    """One service, which may be absent at the moment: the answer does not matter."""
    sock = genl.Genl()
    body = genl.key("10.0.0.0", 80)

    def ask():
        try:
            sock.do(genl.SERVICE_GET, body)
        except genl.Refused:
            pass
    return ask, 0.005


def link_ask(sock, kind, flags, name, body=b""):
    data = struct.pack("=BxHiII", 0, 0, 0, 0, 0) + \
        genl.attr(IFLA_IFNAME, name.encode() + b"\0") + body
    sock.send(struct.pack("=IHHII", 16 + len(data), kind,
                          genl.F_REQUEST | genl.F_ACK | flags, 1, 0) + data)
    answer = sock.recv(1 << 16)
    code = struct.unpack("=i", answer[16:20])[0]
    if code:
        sys.exit("latency: the link %s: %s" % (name, os.strerror(-code)))


def link_probe(name, pause, added=lambda duration: None):
    sock = socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, 0)
    sock.settimeout(60)
    dummy = genl.attr(IFLA_LINKINFO, genl.attr(IFLA_INFO_KIND, b"dummy"))

    def ask():
        begin = time.monotonic_ns()
        link_ask(sock, RTM_NEWLINK, F_CREATE_EXCL, name, dummy)
        added(time.monotonic_ns() - begin)
        link_ask(sock, RTM_DELLINK, 0, name)
    return ask, pause


def probe_link(results):
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.unshare(CLONE_NEWNET):
        sys.exit("latency: unshare: " + os.strerror(ctypes.get_errno()))
    return link_probe("probe", 0.005, lambda duration: results.add("add", duration))


def probe_here(_):
    return link_probe("probehere", 0.2)


def probe_wake(_):
    return lambda: time.sleep(WAKE_NS / 1e9), 0


def probe(name, results):
    """A child that probes until it is killed."""
    child = os.fork()
    if child:
        return child
    os.sched_setscheduler(0, os.SCHED_FIFO, os.sched_param(50))
    gc.disable()
    ask, pause = {"get": probe_get, "link": probe_link, "here": probe_here,
                  "wake": probe_wake}[name](results)
    less = WAKE_NS if name == "wake" else 0
    while True:
        while not results.running():
            time.sleep(0.005)
        begin = time.monotonic_ns()
        ask()
        results.add(name, max(time.monotonic_ns() - begin - less, 0))
        time.sleep(pause)


class LockHolds:
    """Longest hold of lbdr_net.lock, by a trace buffer of its own."""

    def __init__(self):
        self.event = INSTANCE / "events/lbdr/lbdr_lock_hold"
        self.available = \
            (TRACING / "events/lbdr/lbdr_lock_hold").exists()
        if not self.available:
            return
        INSTANCE.mkdir(exist_ok=True)
        (INSTANCE / "buffer_size_kb").write_text("4096")
        (self.event / "filter").write_text("ns > %d" % HOLD_MIN_NS)

    def enable(self, on):
        if self.available:
            (self.event / "enable").write_text("1" if on else "0")

    def longest(self):
        """(microseconds, command) of the longest hold, None without the tracepoint."""
        if not self.available:
            return None
        worst = (HOLD_MIN_NS, "none-above")
        for line in (INSTANCE / "trace").read_text().splitlines():
            found = re.match(r"\s*(.+)-\d+\s+.*lbdr_lock_hold:.*\bns=(\d+)", line)
            if found:
                worst = max(worst, (int(found[2]), found[1].replace(" ", "_")))
        return worst[0] // 1000, worst[1]

    def close(self):
        if self.available:
            INSTANCE.rmdir()


def run(command):
    done = subprocess.run(command, shell=True, executable="/bin/bash",
                          stdout=subprocess.DEVNULL)
    if done.returncode:
        sys.exit("latency: status %d: %s" % (done.returncode, command))


def main():
    options = argparse.ArgumentParser()
    options.add_argument("name")
    options.add_argument("--prepare")
    options.add_argument("--rounds", type=int, default=30)
    options.add_argument("command")
    args = options.parse_args()

    results, holds = Results(), LockHolds()
    children = [probe(name, results) for name in PROBES]
    rounds = seconds = 0
    try:
        while rounds < args.rounds and \
                (not rounds or min(map(results.count, ("get", "link"))) < TRIES):
            if args.prepare:
                run(args.prepare)
            holds.enable(True)
            results.run(1)
            begin = time.monotonic()
            run(args.command)
            seconds += time.monotonic() - begin
            results.run(0)
            holds.enable(False)
            rounds += 1
            for child in children:
                if os.waitpid(child, os.WNOHANG)[0]:
                    children.remove(child)
                    sys.exit("latency: a probe has ended")
    finally:
        for child in children:
            os.kill(child, signal.SIGKILL)
            os.waitpid(child, 0)
    print("latency %s seconds %d ms" % (args.name, seconds * 1000 / rounds))
    print("latency %s rounds %d times" % (args.name, rounds))
    for name in MEASURES:
        durations = results.durations(name)
        print("latency %s %s-tries %d times" % (args.name, name, results.count(name)))
        print("latency %s %s-worst %d us" % (args.name, name, durations[-1] // 1000))
        print("latency %s %s-p99 %d us" % (
            args.name, name, durations[len(durations) * 99 // 100] // 1000))
    held = holds.longest()
    if held:
        print("latency %s lock-hold %d us %s" % (args.name, *held))
    else:
        print("latency %s lock-hold - not-available" % args.name)
    holds.close()


main()
