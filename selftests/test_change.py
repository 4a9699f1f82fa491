#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0
# Also on: trixie
# CPUs: 2
"""What changes under a running transfer: neighbours, links, MACs, routes,
devices, namespaces, the module itself."""
import json
import os
import subprocess
import threading
import time

import net
from net import SYN, VIP, Tap, drops_of, ip, lbctl, ok, until
from servers import Transfer, configure, exchange, service, which


def setmac(host, last):
    ip(host, "link", "set", "eth0", "address", "02:00:00:00:00:%02x" % last)
    return net.mac(host)


def test_neighbours():
    for version in (4, 6):
        configure(version, [("a", 1), ("b", 1)])
        run = Transfer(version)
        for host in "ab":
            ip("director", "neigh", "del", net.addr(host, version), "dev", "eth0",
               check=False)
        run.goes_on("goes on when its neighbour is deleted")
        ip("director", "-%d" % version, "neigh", "flush", "all")
        run.goes_on("goes on when all neighbours are flushed")
        # The MAC changes, and nobody says so: the old entry must not stay.
        old = {host: net.mac(host) for host in "ab"}
        at_director = Tap("director")
        new = setmac("a", 0x10 + version)
        ip("director", "neigh", "replace", net.addr("a", version), "lladdr",
           ":".join("%02x" % byte for byte in new), "dev", "eth0", "nud",
           "reachable")
        run.goes_on("goes on when a server has another MAC")
        at_director.flush()
        run.goes_on("goes on after that")
        stale = [f for f in at_director.frames()
                 if f.dport == 80 and f.outgoing and f.dst == old["a"]]
        ok(not stale, "IPv%d: no frame goes to the MAC of before" % version,
           len(stale))
        new = setmac("director", 0x20 + version)
        ip("client", "neigh", "flush", "all")
        run.goes_on("goes on when the director has another MAC")
        at_director.flush()
        run.goes_on("goes on after that too")
        wrong = [f for f in at_director.frames()
                 if f.dport == 80 and f.outgoing and f.src != new]
        ok(not wrong, "IPv%d: frames carry the director's new MAC" % version,
           len(wrong))
        at_director.close()
        run.end()


def flap(host):
    net.batch(host, ["link set eth0 down", "link set eth0 up"])
    net.address(host)


def test_links():
    for version in (4, 6):
        configure(version, [("a", 1), ("b", 1)])
        run = Transfer(version)
        flap("b")
        run.goes_on("goes on when a server's link was down")
        flap("director")
        run.goes_on("goes on when the director's link was down")
        run.end()


def test_routes():
    configure(4, [("a", 1)])
    sock = net.connect()
    sock.recv(1)
    ip("director", "route", "add", "prohibit", net.addr("a"))
    before = drops_of("no-route")
    sock.send(b"x")
    ok(until(lambda: drops_of("no-route") > before),
       "no route to the server: noticed at the next packet, and counted")
    ip("director", "route", "replace", net.addr("a"), "via", "192.168.1.101")
    before = drops_of("not-onlink")
    ok(until(lambda: drops_of("not-onlink") > before),
       "the route has a gateway now: noticed and counted")
    ip("director", "route", "del", net.addr("a"))
    ok(sock.recv(1) == b"x", "the route is back: the connection goes on")
    sock.close()
    ip("director", "route", "add", "10.9.9.0/24", "via", "192.168.1.101")
    done = lbctl("add-server", *service(4), "-r", "10.9.9.9")
    ok("router" in done.stderr, "a server behind a router: add-server warns",
       done.stderr)
    done = lbctl("add-server", *service(4), "-r", "10.8.8.8")
    ok("no route" in done.stderr, "a server without a route: add-server warns",
       done.stderr)
    ip("director", "route", "del", "10.9.9.0/24")


def dumped(path):
    """The TTLs in tcpdump's file."""
    with open(path, "rb") as file:
        data = file.read()
    ttls, at = set(), 24
    while at + 16 <= len(data):
        size = int.from_bytes(data[at + 8:at + 12], "little")
        ttls.add(net.Frame(data[at + 16:at + 16 + size]).ttl)
        at += 16 + size
    return ttls


def test_tcpdump():
    configure(4, [("a", 1)])
    dump = subprocess.Popen(
        ["ip", "netns", "exec", "director", "tcpdump", "-i", "eth0", "-U",
         "--immediate-mode", "-s", "100", "-w", "/tmp/dump", "-Q", "in", "tcp",
         "port", "80"],
        stderr=subprocess.PIPE, text=True)
    dump.stderr.readline()
    at_a = Tap("a")
    sock = net.connect()
    sock.recv(1)
    ok(exchange(sock, 500000), "tcpdump runs on the director: a transfer is whole")
    sock.close()
    sent = {f.ttl for f in at_a.frames() if f.dport == 80}
    heard = until(lambda: dumped("/tmp/dump"))
    dump.terminate()
    dump.wait()
    ok((heard, sent) == ({64}, {63}),
       "what it sees is what came in: the copy is not touched", (heard, sent))
    at_a.close()


def test_arp():
    """The ARP problem, and that the two sysctls solve it."""
    def answers():
        ip("client", "neigh", "flush", "all")
        tap = Tap("client")
        request = b"\xff" * 6 + net.mac("client") + bytes.fromhex(
            "0806000108000604" + "0001") + net.mac("client") + net.pack(
            net.addr("client")) + b"\0" * 6 + net.pack(VIP[4])
        tap.send(request)
        macs = set()
        end = time.monotonic() + 1.5
        while time.monotonic() < end:
            macs |= {f.src for f in tap.wait(
                lambda f: f.proto == 0x806 and f.data[20:22] == b"\0\2" and
                f.data[28:32] == net.pack(VIP[4]), 1, 0.2)}
            if len(macs) > 1:
                break
        tap.close()
        return macs

    ok(answers() == {net.mac("director")},
       "with arp_ignore and arp_announce only the director answers ARP for the VIP")
    with net.within("a"):
        net.write("/proc/sys/net/ipv4/conf/all/arp_ignore", "0")
    got = answers()
    ok(net.mac("a") in got, "without them a real server answers too: it steals "
       "the VIP", got)
    with net.within("a"):
        net.write("/proc/sys/net/ipv4/conf/all/arp_ignore", "1")


def test_bridge():
    """br_netfilter on: the director's NIC is a bridge with a MAC of its own, and
    it also bridges between others."""
    if net.run("modprobe", "br_netfilter", check=False).returncode:
        print("skip - br_netfilter (this kernel has none)")
        return
    net.batch("director", ["link add br1 type bridge",
                           "link set br1 address 02:00:00:00:01:01",
                           "link set br1 up", "link set eth0 master br1",
                           "addr flush dev eth0",
                           "addr add 192.168.1.70/24 dev br1",
                           "addr add 192.168.1.63/32 dev br1"])
    with net.within("director"):
        net.write("/proc/sys/net/bridge/bridge-nf-call-iptables", "1")
    # Another host behind the director's bridge.
    net.run("ip", "netns", "add", "behind")
    net.batch("director", ["link add inner type veth peer name eth0 netns behind",
                           "link set inner master br1 up"])
    net.batch("behind", ["link set eth0 up", "addr add 192.168.1.99/24 dev eth0"])
    ip("client", "neigh", "flush", "all")
    configure(4, [("a", 1)])
    at_a = Tap("a")
    ok(which() == "a", "br_netfilter: frames for the bridge's own MAC are served")
    seen = at_a.wait(lambda f: f.dport == 80 and f.flags & SYN)
    ok(seen and seen[0].ttl == 63 and seen[0].dst == net.mac("a") and
       seen[0].src == net.mac("director", "br1"), "br_netfilter: with TTL and MACs "
       "as without", [(f.ttl, f.src, f.dst) for f in seen])
    # To the VIP by IP, to the host behind the bridge by MAC: only bridged.
    behind, client = Tap("behind"), Tap("client")
    at_a.flush()
    frame = net.raw(4, net.tcp(4000, 80, SYN))
    frame = net.mac("behind") + frame[6:]
    client.send(frame)
    seen = behind.wait(lambda f: f.sport == 4000)
    ok(seen and seen[0].data[:len(frame)] == frame, "br_netfilter: a frame that is "
       "only bridged through is not touched, though it is for the VIP")
    # A switch that has not heard of the host behind sends it everywhere.
    there = [(f.src, f.ttl) for f in at_a.frames()
             if f.sport == 4000 and f.dst == net.mac("a")]
    ok(not there, "and is not forwarded", there)
    # The frame's own broadcast: the VIP inside is nobody's.
    client.send(b"\xff" * 6 + frame[6:12] + frame[12:14] +
                net.packet(net.addr("client"), VIP[4], 6, net.tcp(4001, 80, SYN)))
    there = behind.wait(lambda f: f.sport == 4001)
    ok(there and not [f for f in at_a.frames() if f.sport == 4001 and f.ttl == 63],
       "a broadcast frame with the VIP inside is not forwarded")
    # A VLAN tag that PREROUTING sees is that of the client's side: a answers only what
    # has none.
    with net.within("director"):
        net.write("/proc/sys/net/bridge/bridge-nf-filter-vlan-tagged", "1")
    client.flush()
    frame = net.raw(4, net.tcp(4002, 80, SYN))
    client.send(net.mac("director", "br1") + frame[6:12] + b"\x81\0\0\5" + frame[12:])
    ok(client.wait(lambda f: f.sport == 80 and f.dport == 4002 and f.flags & SYN),
       "br_netfilter: a frame with a VLAN tag goes to the server without it")
    with net.within("director"):
        net.write("/proc/sys/net/bridge/bridge-nf-filter-vlan-tagged", "0")
    for tap in (at_a, behind, client):
        tap.close()
    net.run("ip", "netns", "del", "behind")
    net.batch("director", ["link del br1"])
    net.address("director")
    ip("client", "neigh", "flush", "all")
    # Not modprobe -r, which takes the bridge module along, and all bridges.
    net.run("rmmod", "br_netfilter")


def test_devices():
    """A device goes while the routes over it are cached; so does its namespace."""
    net.run("ip", "netns", "add", "other")
    net.batch("", ["link add vother type veth peer name eth0 netns other",
                   "link set vother master br0 up"])
    # The client is to have the director for its VIP, not this one.
    with net.within("other"):
        net.write("/proc/sys/net/ipv4/conf/all/arp_ignore", "1")
    net.batch("other", ["link set lo up", "link set eth0 up",
                        "addr add 192.168.1.80/24 dev eth0",
                        "addr add %s/32 dev lo" % VIP[4],
                        "addr add %s/128 dev lo nodad" % VIP[6],
                        "link add spare type dummy", "link set spare up",
                        "addr add 10.7.0.1/24 dev spare",
                        "addr add fd07::1/64 dev spare nodad"])
    tool = [net.LBCTL, "-N", "other"]
    for where, server in ((VIP[4], "10.7.0.2"), ("[%s]" % VIP[6], "[fd07::2]")):
        net.run(*tool, "-A", "-u", where + ":80", "-s", "rr")
        net.run(*tool, "-a", "-u", where + ":80", "-r", server)
    client = Tap("client")
    other = net.mac("other")

    def send(port, version=4):
        client.send(other + net.raw(version, net.udp(port, 80, b"x"), 17)[6:])

    for port in range(6000, 6010):
        send(port)
        send(port, 6)

    def listed(*what):
        return json.loads(net.run(*tool, "list", *what, "-j").stdout)

    ok(until(lambda: len(listed("-c")) == 20), "a second namespace with the same "
       "VIPs has connections of its own", listed("-c"))
    rows = json.loads(lbctl("list", "-j").stdout)
    ok(all(row["protocol"] == "tcp" for row in rows) and
       not [c for c in json.loads(lbctl("list", "-c", "-j").stdout)
            if 6000 <= c["client_port"] < 6010],
       "and neither sees the other's services or connections")
    removal = subprocess.Popen(["ip", "-n", "other", "link", "del", "spare"])
    ok(until(lambda: removal.poll() == 0, 8), "a device goes at once while routes "
       "over it and their neighbours are in use")
    for version in (4, 6):
        before = listed("--drops")
        send(6000, version)
        ok(until(lambda: listed("--drops") != before), "IPv%d: and that the "
           "server cannot be reached is counted" % version)
    # A new device, the same addresses.
    net.batch("other", ["link add spare type dummy", "link set spare up",
                        "addr add 10.7.0.1/24 dev spare",
                        "addr add fd07::1/64 dev spare nodad"])
    spare = Tap("other", "spare")
    for version in (4, 6):
        send(6000, version)
        ok(spare.wait(lambda f: f.sport == 6000), "IPv%d: with another device in "
           "its place the connection goes on" % version)
    spare.close()
    # Deleted under traffic.
    stop = threading.Event()

    def flood():
        port = 7000
        while not stop.is_set():
            send(port)
            send(port, 6)
            port = port + 1 if port < 60000 else 7000

    flooder = threading.Thread(target=flood)
    flooder.start()
    net.run("ip", "netns", "del", "other")
    stop.set()
    flooder.join()
    ok(until(lambda: net.run("ip", "link", "show", "vother",
                             check=False).returncode),
       "a namespace goes under traffic, with all that it held")
    client.close()


def test_unload():
    """The module goes and comes under traffic."""
    for version in (4, 6):
        configure(version, [("a", 1), ("b", 1)])
        run = Transfer(version)
        lbctl("clear")
        ok(until(lambda: net.run("rmmod", "lbdr", check=False).returncode == 0),
           "IPv%d: the module is unloaded under traffic" % version)
        net.run("insmod", os.environ["LBDR_KO"])
        configure(version, [("a", 1), ("b", 1)])
        run.goes_on("goes on, by a new connection, when it is back")
        lbctl("clear")
        ok(lbctl("list", "-n").stdout.count("\n") == 3,
           "IPv%d: clear leaves no service" % version)
        run.end(whole=False)


net.main(globals())
