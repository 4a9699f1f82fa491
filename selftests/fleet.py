# SPDX-License-Identifier: GPL-2.0
"""A fleet: directors that announce the VIP by BGP to a router, which spreads the clients
over them by ECMP.

    client 10.1.0.2 --- 10.1.0.1 router 10.2.N.1 --- 10.2.N.2 dN 10.3.0.1N --+
                                   |                                         |
                                   +--- 10.3.0.1 bridge `back` --------------+
                                                  |
                                                  +--- 10.3.0.2N sN (VIP on lo)

A link that goes down is noticed at once, so the hold time can be long enough for daemons
on a busy machine. The router runs FRR, the directors FRR or BIRD. Each daemon is a child
of this process, in its namespace, with a directory of its own.
"""
import contextlib
import os
import selectors
import shutil
import socket
import subprocess
import tempfile
import threading

import net
import shell
from net import run, until, within, write

VIP, PORT = "192.0.2.63", 80
DIRECTORS = ("d1", "d2", "d3")
SERVERS = ("s1", "s2", "s3", "s4")
HOSTS = ("router", "client") + DIRECTORS + SERVERS
FRR = "/usr/lib/frr/"
WAIT = 180.0


def front(name):
    """The addresses of the router and the director on the link between them."""
    return "10.2.%s.1" % name[1:], "10.2.%s.2" % name[1:]


def back(name):
    """The address of a director on the segment of the servers."""
    return "10.3.0.1" + name[1:]


def rip(name):
    return "10.3.0.2" + name[1:]


def link(host, device, port, lines):
    """A cable from the router's port to the host's device."""
    net.batch("router", ["link add %s type veth peer name %s netns %s" %
                         (port, device, host), "link set %s up" % port])
    net.batch(host, ["link set %s up" % device] + lines)


def default_route(name):
    """A director answers clients, by RST or ICMP."""
    net.ip(name, "route", "replace", "default", "via", front(name)[0])


def build():
    os.makedirs("/run/netns", exist_ok=True)
    for host in HOSTS:
        run("ip", "netns", "add", host)
        net.batch(host, ["link set lo up"])
    net.batch("router", ["link add back type bridge mcast_snooping 0",
                         "addr add 10.3.0.1/24 dev back", "link set back up"])
    link("client", "eth0", "client", ["addr add 10.1.0.2/24 dev eth0",
                                      "route add default via 10.1.0.1"])
    net.batch("router", ["addr add 10.1.0.1/24 dev client"])
    for name in DIRECTORS:
        link(name, "eth0", name, ["addr add %s/24 dev eth0" % front(name)[1]])
        default_route(name)
        link(name, "eth1", "b" + name, ["addr add 10.3.0.1%s/24 dev eth1" % name[1:],
                                        "addr add %s/32 dev lo" % VIP])
        net.batch("router", ["addr add %s/24 dev %s" % (front(name)[0], name),
                             "link set b%s master back" % name])
    for name in SERVERS:
        with within(name):
            write("/proc/sys/net/ipv4/conf/all/arp_ignore", "1")
            write("/proc/sys/net/ipv4/conf/all/arp_announce", "2")
        link(name, "eth0", name, ["addr add %s/24 dev eth0" % rip(name),
                                  "addr add %s/32 dev lo" % VIP,
                                  "route add default via 10.3.0.1"])
        net.batch("router", ["link set %s master back" % name])
    with within("router"):
        write("/proc/sys/net/ipv4/ip_forward", "1")
        write("/proc/sys/net/ipv4/fib_multipath_hash_policy", "1")


def demolish():
    for name in ("client",) + DIRECTORS + tuple("b" + d for d in DIRECTORS) + SERVERS:
        net.ip("router", "link", "del", name, check=False)
    for host in HOSTS:
        run("ip", "netns", "del", host, check=False)
    shell.end()


def next_hops():
    """The directors that the router's kernel sends packets of the VIP to."""
    out = run("ip", "-n", "router", "route", "show", VIP).stdout
    return [name for name in DIRECTORS if "via %s " % front(name)[1] in out]


class Daemons:
    """Daemons of one host, and their files."""

    def __init__(self, host):
        self.host, self.children = host, []
        self.dir = tempfile.mkdtemp(prefix=host + "-")
        os.chmod(self.dir, 0o777)

    def path(self, name):
        return os.path.join(self.dir, name)

    def start(self, *command):
        # The log of what goes wrong; what they print is of no interest.
        with open(self.path("output"), "ab") as output:
            self.children.append(subprocess.Popen(
                ["ip", "netns", "exec", self.host, *command], stdout=output,
                stderr=output, stdin=subprocess.DEVNULL))

    def output(self):
        with open(self.path("output"), encoding="ascii", errors="replace") as file:
            return file.read()

    def stop(self):
        for child in self.children:
            child.terminate()
        for child in self.children:
            try:
                child.wait(WAIT)
            except subprocess.TimeoutExpired:
                child.kill()
                child.wait()
        self.children = []
        shutil.rmtree(self.dir, ignore_errors=True)


# FRR 8 takes a group of next hops for whole after one's link was down, while the kernel has
# removed that one. Without such groups each route has its own next hops.
ZEBRA = "no zebra nexthop kernel enable\n"


class Frr(Daemons):
    """zebra and bgpd."""

    name = "FRR"

    def __init__(self, host, config):
        super().__init__(host)
        for daemon, text in (("zebra", ZEBRA), ("bgpd", config)):
            write(self.path(daemon + ".conf"), text)
            self.start(FRR + daemon, "-P", "0",
                       "-f", self.path(daemon + ".conf"), "-i", self.path(daemon + ".pid"),
                       "-z", self.path("zserv"), "--vty_socket", self.dir,
                       "--log", "stdout")
            if not until(lambda: os.path.exists(self.path(daemon + ".vty")), WAIT):
                raise RuntimeError("%s: %s does not start: %s" % (host, daemon,
                                                                  self.output()))

    def vtysh(self, *lines):
        words = [word for line in lines for word in ("-c", line)]
        return run("ip", "netns", "exec", self.host, "vtysh", "--vty_socket", self.dir,
                   *words).stdout


class Router(Frr):
    """Multipath over all directors that announce the VIP."""

    def __init__(self):
        lines = ["router bgp 65000", "bgp router-id 10.1.0.1",
                 "no bgp ebgp-requires-policy", "neighbor fleet peer-group",
                 "neighbor fleet remote-as 65001", "neighbor fleet timers 5 15",
                 "neighbor fleet timers connect 1",
                 "neighbor fleet advertisement-interval 0"]
        lines += ["neighbor %s peer-group fleet" % front(name)[1] for name in DIRECTORS]
        lines += ["address-family ipv4 unicast", "maximum-paths 8",
                  "exit-address-family"]
        super().__init__("router", "\n".join(lines) + "\n")


class FrrDirector(Frr):
    def __init__(self, host):
        router, own = front(host)
        super().__init__(host, """router bgp 65001
 bgp router-id %s
 no bgp ebgp-requires-policy
 no bgp network import-check
 neighbor %s remote-as 65000
 neighbor %s timers 5 15
 neighbor %s timers connect 1
 neighbor %s advertisement-interval 0
""" % (own, router, router, router, router))

    def command(self, announce):
        """To announce or withdraw the VIP."""
        return ["vtysh", "--vty_socket", self.dir, "-c", "configure terminal",
                "-c", "router bgp 65001", "-c", "address-family ipv4 unicast",
                "-c", "%snetwork %s/32" % ("" if announce else "no ", VIP)]


class BirdDirector(Daemons):
    name = "BIRD"

    def __init__(self, host):
        super().__init__(host)
        router, own = front(host)
        write(self.path("bird.conf"), """router id %s;
protocol device { }
protocol static vip {
	disabled;
	ipv4;
	route %s/32 blackhole;
}
protocol bgp upstream {
	local %s as 65001;
	neighbor %s as 65000;
	hold time 15;
	keepalive time 5;
	connect delay time 1;
	connect retry time 1;
	error wait time 1, 1;
	ipv4 { import none; export where source = RTS_STATIC; };
}
""" % (own, VIP, own, router))
        self.start("bird", "-f", "-c", self.path("bird.conf"), "-s", self.path("ctl"),
                   "-P", self.path("pid"))
        if not until(lambda: os.path.exists(self.path("ctl")), WAIT):
            raise RuntimeError("%s: BIRD does not start: %s" % (host, self.output()))

    def command(self, announce):
        return ["birdc", "-s", self.path("ctl"), "enable" if announce else "disable",
                "vip"]


def announce(daemons, there=True):
    """A daemon may have made its socket, and not listen yet."""
    words = ("ip", "netns", "exec", daemons.host, *daemons.command(there))
    if not until(lambda: not run(*words, check=False).returncode, WAIT):
        run(*words)


def cut(name, way="down"):
    """Both links of a director, at its end: the router sees that the carrier is gone."""
    for device in ("eth0", "eth1"):
        net.ip(name, "link", "set", device, way)
    if way == "up":
        default_route(name)


class Echo(threading.Thread):
    """Real servers that send back what they get; a connection begins with the number of
    its server."""

    def __init__(self):
        super().__init__(daemon=True)
        self.select, self.ending = selectors.DefaultSelector(), False
        for name in SERVERS:
            with within(name):
                sock = socket.socket()
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            sock.bind((VIP, PORT))
            sock.listen(400)
            self.select.register(sock, selectors.EVENT_READ, name)
        self.start()

    def run(self):
        while not self.ending:
            for key, _ in self.select.select(0.2):
                sock = key.fileobj
                try:
                    if key.data:
                        new = sock.accept()[0]
                        new.setblocking(False)
                        new.sendall(key.data[1:].encode())
                        self.select.register(new, selectors.EVENT_READ, None)
                    else:
                        data = sock.recv(65536)
                        if not data:
                            raise OSError("closed")
                        # Never more than one message is on its way.
                        sock.sendall(data)
                except OSError:
                    self.select.unregister(sock)
                    sock.close()

    def end(self):
        self.ending = True
        self.join()
        for key in list(self.select.get_map().values()):
            key.fileobj.close()
        self.select.close()


@contextlib.contextmanager
def fleet(daemon):
    """The daemons of the router and of all directors, with the VIP announced."""
    running = {}
    try:
        router = running["router"] = Router()
        for name in DIRECTORS:
            running[name] = daemon(name)
            announce(running[name])
        if not until(lambda: next_hops() == list(DIRECTORS), WAIT):
            raise RuntimeError("the router has %s: %s" % (
                next_hops(), router.vtysh("show bgp summary") + router.output()))
        yield running
    finally:
        for one in running.values():
            one.stop()
