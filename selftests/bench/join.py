#!/usr/bin/python3 -B
# SPDX-License-Identifier: GPL-2.0
"""How long a director that joins takes to get all connections of another one, while new
ones are made. Both are namespaces of this guest, so it has the work of both:

    selftests/qemu/guest uml -m 5120 -- bench/join.py [CONNECTIONS]
"""
import os
import sys
import threading
import time

sys.path.insert(0, os.path.join(os.path.dirname(__file__), ".."))
import net
from net import ACK, SYN, fill, ok, until
from test_sync import CLIENT, Sender
from test_sync_peers import end, peers, sides, start, synced

NUMBER = int(sys.argv.pop(1)) if len(sys.argv) > 1 else 1000000


class Newcomers(threading.Thread):
    """Connections with two packets each, as fast as they can be made."""

    def __init__(self):
        super().__init__(daemon=True)
        self.sender, self.made, self.ending = Sender(), 0, False
        self.start()

    def run(self):
        while not self.ending:
            client = CLIENT[4] % (self.made // 60000 + 10)
            for flags in (SYN, ACK):
                self.sender.tcp(client, 1024 + self.made % 60000, 4, flags)
            self.made += 1

    def end(self):
        self.ending = True
        self.join()
        self.sender.close()


def test_join():
    both = sides("director", "backup")
    begun = time.monotonic()
    fill("director", NUMBER)
    ok(both[0].count() == NUMBER, "%d connections" % NUMBER, both[0].count())
    print("# restored in %.1f s" % (time.monotonic() - begun), flush=True)
    start("director", "backup")
    ok(synced("director") == [0], "the director is ready", peers("director"))
    newcomers = Newcomers()
    begun = time.monotonic()
    start("backup", "director")
    ok(synced("backup", seconds=600) == [0], "the joiner is synced", peers("backup"))
    took, made = time.monotonic() - begun, newcomers.made
    newcomers.end()
    total = NUMBER + newcomers.made
    ok(until(lambda: both[1].count() == both[0].count() == total), "it has all of them",
       (both[0].count(), both[1].count(), total))
    peer = peers("director")["peers"][0]
    print("join %d connections: %.2f s, %d new ones meanwhile, %d pages sent, %d again, "
          "%d given up" % (NUMBER, took, made, peer["sent"], peer["resent"],
                           peer["overrun"]), flush=True)
    end(("director", "backup"), *both)


if __name__ == "__main__":
    net.run("modprobe", "libchacha20poly1305", check=False)
    net.main({"test_join": test_join}, servers=False, parameters=("conn_max=2500000",))
