#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0
"""A guest that stands still for a while and goes on, as a virtual machine does that is
migrated or whose host swaps: transfers go on, idle connections are still there, what had to
end meanwhile has ended, and counters agree.

`selftests/pause` runs this and stops the guest, which nothing in it can do.
"""
import os
import time

import genl
import net
from net import ACK, SYN, VIP, Tap, ok, raw, tcp, udp, until
from servers import Transfer, exchange
from test_fuzz_netlink import disagreement

# Seconds that the guest stands still at least.
PAUSE = int(os.environ.get("PAUSE") or 0)


def stood_still():
    """Waits for a second that took longer. Returns how long it took, or 0."""
    print("# stop me", flush=True)
    begun = last = time.monotonic()
    while last < begun + PAUSE + 120:
        time.sleep(0.1)
        now = time.monotonic()
        if now - last >= PAUSE / 2:
            return now - last
        last = now
    return 0


def test_pause():
    if not PAUSE:
        raise net.Skip("nobody stops this guest: run selftests/pause")
    with net.within("director"):
        director = genl.Director()
    for version in (4, 6):
        director.add(genl.key(VIP[version]), [net.addr("a", version), net.addr("b", version)],
                     sched="rr")
        director.add(genl.key(VIP[version], 80, 17), [net.addr("a", version)], sched="rr",
                     timeout={"udp": max(1, PAUSE // 2)})
    # The pause itself is no reason for a socket to give up.
    flows = [Transfer(version, timeout=PAUSE + 60) for version in (4, 6)]
    kept = [net.connect(version) for version in (4, 6)]
    letters = [sock.recv(1) for sock in kept]
    client = Tap("client")
    for version in (4, 6):
        for flags in (SYN, ACK):
            client.send(raw(version, tcp(5000, 80, flags)))
        for _ in range(2):
            client.send(raw(version, udp(5001, 80, b"x"), 17))
    ok(until(lambda: director.count(cport=5001) == 2), "datagrams have connections",
       director.conns())
    took = stood_still()
    ok(took >= PAUSE / 2, "the guest stood still for %.1f s" % took)
    ok(until(lambda: not director.count(cport=5001), 60), "what had to end has ended",
       director.conns(cport=5001))
    ok(all(letters) and all(exchange(sock, 20000) for sock in kept),
       "idle connections are still there")
    for flow in flows:
        flow.goes_on("goes on")
        flow.end()
    for version in (4, 6):
        sock = net.connect(version)
        ok(sock.recv(1) in (b"a", b"b") and exchange(sock, 20000),
           "IPv%d: a new connection" % version)
        sock.close()
    said = []
    ok(until(lambda: not said.append(disagreement(director)) and not said[-1]),
       "counters agree with the table", said[-1:])
    for sock in kept:
        sock.close()
    client.close()
    director.clear()
    ok(until(lambda: director.held() == 0), "no connection is left", director.held())
    director.close()


if __name__ == "__main__":
    net.main(globals())
