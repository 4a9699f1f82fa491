#!/usr/bin/python3 -B
# SPDX-License-Identifier: GPL-2.0
"""A fleet of three directors at work, in a guest: a router with FRR spreads clients over
them by ECMP, nginx on four real servers, curl on the client. A director dies while files
are downloaded. Shows each command and what it prints, and checks that this is what it
should be."""
import json
import os
import subprocess
import sys
import threading
import time

import fleet
import net
from fleet import DIRECTORS, SERVERS, VIP

# So many that each director has some of them.
DOWNLOADS = 30
SIZE = 1 << 20
URL = "http://%s/file" % VIP
ADD = "lbctl add-service -t %s:80 -s mh -b mh-port --stray schedule" % VIP

checked = failed = 0


def title(text):
    print("\n== " + text, flush=True)


def expect(what, good):
    global checked, failed
    checked += 1
    failed += not good
    print("   [%s: %s]" % ("as it should be" if good else "WRONG", what), flush=True)
    return good


def show(host, command, quiet=False):
    """A command on a host, and what it prints."""
    if not quiet:
        print("%s%s %s" % (host, "$" if host == "client" else "#", command), flush=True)
    words = command.split()
    if words[0] == "lbctl":
        words[0] = net.LBCTL
    done = subprocess.run(["ip", "netns", "exec", host, *words], text=True,
                          stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    if not quiet:
        print(done.stdout, end="", flush=True)
    return done.stdout


class Nginx(fleet.Daemons):
    """Serves one file, which is the same on all servers."""

    def __init__(self, host, data):
        super().__init__(host)
        os.chmod(self.dir, 0o755)
        with open(self.path("file"), "wb") as file:
            file.write(data)
        net.write(self.path("conf"), """daemon off;
worker_processes 1;
pid %s;
error_log stderr;
events { }
http {
	access_log off;
	client_body_temp_path %s;
	server { listen 80; root %s; }
}
""" % (self.path("pid"), self.path("body"), self.dir))
        self.start("nginx", "-e", "stderr", "-c", self.path("conf"))


class Downloads(threading.Thread):
    """curl, many times. At first only the beginning of what it prints is read, so that the
    downloads last for as long as they have to."""

    def __init__(self, number):
        super().__init__(daemon=True)
        print("client$ curl %s    # %d times, at the same time" % (URL, number), flush=True)
        self.children = [subprocess.Popen(
            ["ip", "netns", "exec", "client", "curl", "-sS", URL], stdout=subprocess.PIPE)
            for _ in range(number)]
        self.data = [bytearray() for _ in self.children]
        self.slow = True
        self.start()

    def run(self):
        for child in self.children:
            os.set_blocking(child.stdout.fileno(), False)
        going = list(range(len(self.children)))
        while going:
            for number in list(going):
                if self.slow and self.data[number]:
                    continue
                piece = self.children[number].stdout.read(1000 if self.slow else 1 << 16)
                if piece == b"":
                    going.remove(number)
                self.data[number] += piece or b""
            time.sleep(0.2 if self.slow else 0.02)

    def begun(self):
        return net.until(lambda: all(self.data), 5 * fleet.WAIT)

    def going_on(self):
        return sum(child.poll() is None for child in self.children)

    def whole(self, data):
        """How many of them succeed, with the right content."""
        self.slow = False
        self.join()
        return sum(child.wait() == 0 and got == data
                   for child, got in zip(self.children, self.data))


def configure():
    for name in DIRECTORS:
        shown = name == "d1"
        show(name, ADD, not shown)
        # Each in another order, which does not matter.
        for server in sorted(SERVERS, reverse=name != "d1"):
            show(name, "lbctl add-server -t %s:80 -r %s" % (VIP, fleet.rip(server)),
                 not shown)
    print("(and so on d2 and d3)", flush=True)


def digests():
    out = []
    for name in DIRECTORS:
        out.append(json.loads(show(name, "lbctl list -j -t %s:80" % VIP, True))
                   [0]["table_digest"])
        print("%s: table_digest %s" % (name, out[-1]), flush=True)
    return out


def hops(want):
    good = net.until(lambda: fleet.next_hops() == list(want), fleet.WAIT)
    show("router", "ip route show " + VIP)
    return good


def connections():
    counts = {}
    for name in DIRECTORS:
        counts[name] = show(name, "lbctl conns -n", True).count(VIP)
        print("%s: %d connections" % (name, counts[name]), flush=True)
    return counts


def demo(data):
    title("1. Three directors with the same service and four real servers")
    configure()
    show("d1", "lbctl list -n")
    found = digests()
    expect("the three tables are the same", len(set(found)) == 1 and found[0])

    title("2. They announce %s by BGP, and the router spreads packets over them" % VIP)
    with fleet.fleet(fleet.FrrDirector) as running:
        print(running["router"].vtysh("show bgp ipv4 unicast summary"), flush=True)
        expect("three next hops", hops(DIRECTORS))

        title("3. Downloads begin")
        downloads = Downloads(DOWNLOADS)
        expect("%d downloads" % DOWNLOADS, downloads.begun())
        expect("by all directors", min(connections().values()) > 0)

        title("4. A director dies")
        print("(the links of d1 go down)", flush=True)
        fleet.cut("d1")
        expect("two next hops are left", hops(("d2", "d3")))
        expect("no download has ended", downloads.going_on() == DOWNLOADS)
        good = downloads.whole(data)
        print("%d of %d downloads are complete" % (good, DOWNLOADS), flush=True)
        expect("none broke", good == DOWNLOADS)
        connections()


def main():
    data = os.urandom(SIZE)
    net.run("insmod", os.environ["LBDR_KO"])
    servers = []
    try:
        fleet.build()
        servers = [Nginx(name, data) for name in SERVERS]
        for one in servers:
            if not net.until(lambda: os.path.exists(one.path("pid")), fleet.WAIT):
                raise RuntimeError(one.output())
        demo(data)
    finally:
        for one in servers:
            one.stop()
        for name in DIRECTORS:
            subprocess.run([net.LBCTL, "-N", name, "clear"], check=False)
        fleet.demolish()
        net.until(lambda: net.run("rmmod", "lbdr", check=False).returncode == 0)
    if failed:
        print("\nThe demo FAILED: %d of %d expectations were not met." % (failed, checked))
    else:
        print("\nThe demo is over: all %d expectations were met." % checked)
    sys.exit(1 if failed else 0)


if __name__ == "__main__":
    main()
