#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0
# Also on: bookworm
"""The director on devices of all kinds: clients come by one, the servers are
behind another. What leaves is looked at on the server's side, and real
connections are made."""
import contextlib
import socket
import struct
import subprocess

import genl
import net
from genl import attr, be16, u32
from net import VIP, addr, batch, ip, mac, ok, only, until, within
from servers import exchange, udp_socket
from test_tcp import open_director

NEAR = {4: "10.88.0.%d", 6: "fd88::%d"}
FAR = {4: "10.77.0.%d", 6: "fd77::%d"}
BITS = {4: (24, 32), 6: (64, 128)}


def plain():
    return "di", "do", "ci", "ai"


def vlan():
    for host, dev in (("director", "di"), ("director", "do"), ("client", "ci"),
                      ("a", "ai")):
        batch(host, ["link add link %s name %s.5 type vlan id 5" % (dev, dev),
                     "link set %s.5 up" % dev])
    return "di.5", "do.5", "ci.5", "ai.5"


def bond():
    for dev in ("di", "do"):
        batch("director", [
            "link add b%s type bond mode active-backup miimon 100" % dev,
            "link set %s down" % dev, "link set %s master b%s" % (dev, dev),
            "link set b%s up" % dev])
    return "bdi", "bdo", "ci", "ai"


def bridge():
    for dev in ("di", "do"):
        batch("director", ["link add r%s type bridge mcast_snooping 0" % dev,
                           "link set %s master r%s" % (dev, dev),
                           "link set r%s up" % dev])
    return "rdi", "rdo", "ci", "ai"


def macvlan():
    for dev in ("di", "do"):
        batch("director", [
            "link add link %s name m%s type macvlan mode bridge" % (dev, dev),
            "link set m%s up" % dev])
    return "mdi", "mdo", "ci", "ai"


def vrf():
    batch("director", ["link add red type vrf table 77", "link set red up",
                       "link set di master red", "link set do master red"])
    return "di", "do", "ci", "ai"


def filtering():
    """Bridges with VLANs: tagged at the port, and the director is in VLAN 5 only."""
    for dev in ("di", "do"):
        batch("director", [
            "link add r%s type bridge mcast_snooping 0 vlan_filtering 1 vlan_default_pvid 0" %
            dev, "link set %s master r%s" % (dev, dev), "link set r%s up" % dev,
            "link add link r%s name r%s.5 type vlan id 5" % (dev, dev),
            "link set r%s.5 up" % dev])
        net.run("bridge", "-n", "director", "vlan", "add", "dev", dev, "vid", "5")
        net.run("bridge", "-n", "director", "vlan", "add", "dev", "r" + dev, "vid", "5",
                "self")
    for host, dev in (("client", "ci"), ("a", "ai")):
        batch(host, ["link add link %s name %s.5 type vlan id 5" % (dev, dev),
                     "link set %s.5 up" % dev])
    return "rdi.5", "rdo.5", "ci.5", "ai.5"


# Of <linux/openvswitch.h>: commands that are numbered alike in each family, and flows of
# any addresses by their type of Ethernet, the number and the size of its key
OVS_NEW, OVS_DEL = 1, 2
OVS_NETDEV = 1
OVS_FLOWS = ((0x0800, 7, 12), (0x86dd, 8, 40), (0x0806, 13, 24))


def ovs(family, command, body, datapath=0):
    """A command of the kernel's part of Open vSwitch."""
    with within("director"):
        sock = genl.Genl(name=b"ovs_" + family)
    try:
        sock.do(command, struct.pack("=i", datapath) + body)
    finally:
        sock.close()


def ovs_datapath(name, dev):
    """A switch whose ports are a device and, as port 0, the host."""
    ovs(b"datapath", OVS_NEW, attr(1, name.encode() + b"\0") + u32(2, 0))
    with within("director"):
        number = socket.if_nametoindex(name)
    ovs(b"vport", OVS_NEW, u32(1, 1) + u32(2, OVS_NETDEV) +
        attr(3, dev.encode() + b"\0") + u32(5, 0), number)
    for port in (0, 1):
        for kind, key, size in OVS_FLOWS:
            flow, mask = (u32(3, port) + attr(4, bytes(12)) + be16(6, kind) +
                          attr(key, bytes(size)),
                          u32(3, 0xffffffff) + attr(4, bytes(12)) + be16(6, 0xffff) +
                          attr(key, bytes(size)))
            ovs(b"flow", OVS_NEW, attr(1, flow) + attr(2, u32(1, 1 - port)) +
                attr(7, mask), number)


def openvswitch():
    for dev in ("di", "do"):
        ovs_datapath("o" + dev, dev)
        batch("director", ["link set o%s up" % dev])
    return "odi", "odo", "ci", "ai"


class Lines:
    """Two cables: client ci - di director do - ai a, and what is built on them.
    The client sends to the VIP by the first one, from the address that servers
    answer by the bridge."""

    def __init__(self, build):
        self.build = build

    def __enter__(self):
        for host, dev, there, end in (("director", "di", "client", "ci"),
                                      ("director", "do", "a", "ai")):
            net.run("ip", "link", "add", dev, "netns", host, "type", "veth",
                    "peer", "name", end, "netns", there)
            ip(host, "link", "set", dev, "up")
            ip(there, "link", "set", end, "up")
        devices = self.build()
        self.near, self.far, self.client, self.server = devices
        for host, dev, form, number in (
                ("director", self.near, NEAR, 70), ("director", self.far, FAR, 70),
                ("client", self.client, NEAR, 101), ("a", self.server, FAR, 2)):
            batch(host, ["addr add %s/%d dev %s%s" %
                         (form[version] % number, BITS[version][0], dev,
                          " nodad" if version == 6 else "") for version in (4, 6)])
        for version in (4, 6):
            self.route(VIP[version], version)
        return self

    @staticmethod
    def route(vip, version):
        ip("client", "route", "replace", "%s/%d" % (vip, BITS[version][1]), "via",
           NEAR[version] % 70, "src", addr("client", version))

    def __exit__(self, *_):
        for version in (4, 6):
            ip("client", "route", "del", "%s/%d" % (VIP[version], BITS[version][1]))
        for dev in ("bdi", "bdo", "rdi", "rdo", "mdi", "mdo", "red", "di", "do"):
            ip("director", "link", "del", dev, check=False)
        until(lambda: ip("a", "link", "show", "ai", check=False).returncode)


def to_server(lines, version):
    """A test for frames that are as the director should send them."""
    src, dst = mac("director", lines.far), mac("a", lines.server)
    vip = net.pack(VIP[version])
    return lambda f: f.src == src and f.dst == dst and f.daddr == vip and f.ttl == 63


def on_lines(kind, build):
    director = open_director()
    with Lines(build) as lines:
        tap = net.Tap("a", lines.server)
        for version in (4, 6):
            tcp, udp = genl.key(VIP[version]), genl.key(VIP[version], 80, 17)
            for key in (tcp, udp):
                director.add(key, [FAR[version] % 2])
            sock = net.connect(version)
            letter, whole = sock.recv(1), exchange(sock, 60000)
            sock.close()
            seen = tap.wait(to_server(lines, version))
            ok(letter == b"a" and whole and seen, "IPv%d, %s: a connection goes "
               "through, in by one and out by the other" % (version, kind),
               (letter, whole, len(seen)))
            tap.flush()
            sock = udp_socket(version)
            for _ in range(5):
                sock.send(b"x" * 100)
                sock.recv(1000)
            sock.close()
            # Not a late end of the connection before
            seen = tap.wait(lambda f, sent=to_server(lines, version): f.l4 == 17 and
                            sent(f), 5)
            row = director.servers(udp)[FAR[version] % 2]
            size = 5 * ((28 if version == 4 else 48) + 100)
            ok(len(seen) == 5 and (row["conns"], row["packets"], row["bytes"]) ==
               (1, 5, size), "IPv%d, %s: five datagrams are five, and of one "
               "connection" % (version, kind), (len(seen), row))
            director.clear()
        tap.close()
    director.close()


def test_kinds():
    some, more = (vlan, bond, vrf), (plain, bridge, macvlan)
    for build in some if net.LABEL in ("bookworm", "backports") else some + more:
        on_lines({plain: "two NICs"}.get(build, build.__name__), build)


@only("bookworm")
def test_vlan_filtering():
    """The UML kernel has no VLANs in bridges."""
    on_lines("bridges with vlan_filtering", filtering)


@only("bookworm")
def test_openvswitch():
    """The director's addresses are those of a switch of Open vSwitch, and the devices are its
    ports."""
    if net.run("modprobe", "openvswitch", check=False).returncode:
        raise net.Skip("this kernel has no Open vSwitch")
    try:
        on_lines("Open vSwitch", openvswitch)
    finally:
        for name in ("odi", "odo"):
            # What was not made, when that failed
            with contextlib.suppress(genl.Refused):
                ovs(b"datapath", OVS_DEL, attr(1, name.encode() + b"\0"))
        # On 6.1 it has conntrack, and so reassembly, in every new namespace.
        ok(until(lambda: not net.run("modprobe", "-r", "openvswitch",
                                     check=False).returncode), "Open vSwitch is unloaded")


def esp(command, host, version, here, there):
    """Transport mode between this host and another one, TCP only."""
    ends, spis = [net.addr(here, version), net.addr(there, version)], ("0x100", "0x200")
    for (src, dst), spi, way in ((ends, spis[0], "out"), (ends[::-1], spis[1], "in")):
        if host != here:
            way = {"out": "in", "in": "out"}[way]
        if command == "add":
            net.run("ip", "-n", host, "xfrm", "state", "add", "src", src, "dst", dst, "proto",
                    "esp", "spi", spi, "mode", "transport", "enc", "cbc(aes)",
                    "0x" + "11" * 16, "auth", "hmac(sha1)", "0x" + "22" * 20)
        net.run("ip", "-n", host, "xfrm", "policy", command, "src", src, "dst", dst, "proto",
                "tcp", "dir", way, *(["tmpl", "proto", "esp", "mode", "transport"]
                                     if command == "add" else []))


@only("bookworm")
def test_ipsec():
    """Client and director speak ESP with each other, in transport mode; what the client sends
    to the VIP has no policy, and is forwarded as it is. The UML kernel has no xfrm."""
    director = open_director()
    for version in (4, 6):
        for host in ("client", "director"):
            esp("add", host, version, "client", "director")
        director.add(genl.key(VIP[version]), [addr("a", version), addr("b", version)],
                     sched="rr")
        tap = net.Tap("director")
        with within("director"):
            listener = socket.create_server((addr("director", version), 8000),
                                            family=net.AF[version])
        with within("client"):
            own = socket.create_connection((addr("director", version), 8000), net.WAIT)
        other = listener.accept()[0]
        sock = net.connect(version)
        good = sock.recv(1) in (b"a", b"b") and exchange(sock, 60000)
        other.sendall(b"x" * 5000)
        said = 0
        while said < 5000:
            piece = own.recv(5000)
            if not piece:
                break
            said += len(piece)
        sealed = [frame for frame in tap.frames() if frame.l4 == 50]
        ok(good and said == 5000 and len(sealed) > 5, "IPv%d: ESP to the director, and the "
           "service beside it" % version, (good, said, len(sealed)))
        for each in (sock, own, other, listener):
            each.close()
        tap.close()
        for host in ("client", "director"):
            esp("delete", host, version, "client", "director")
            ip(host, "xfrm", "state", "flush")
        director.clear()
    director.close()


def test_jumbo():
    director = open_director()
    with Lines(plain) as lines:
        for host, dev in (("director", "di"), ("director", "do"), ("client", "ci"),
                          ("a", "ai")):
            ip(host, "link", "set", dev, "mtu", "9000")
        tap = net.Tap("a", lines.server)
        for version in (4, 6):
            director.add(genl.key(VIP[version], 80, 17), [FAR[version] % 2])
            payload = b"j" * 8900
            sock = udp_socket(version)
            sock.send(payload)
            answer = sock.recv(10000)
            sock.close()
            seen = tap.wait(to_server(lines, version))
            ok(answer == b"a" + payload and seen and seen[0].payload == payload,
               "IPv%d: a frame of 9,000 bytes goes as it came" % version, seen)
            director.clear()
        tap.close()
    director.close()


def test_routed():
    """The VIP leads to the director by a route, and is none of its addresses."""
    director = open_director()
    away = {4: "203.0.113.63", 6: "2001:db8:ff::63"}
    with Lines(plain):
        for version in (4, 6):
            Lines.route(away[version], version)
            ip("a", "addr", "add", "%s/%d" % (away[version], BITS[version][1]),
               "dev", "lo")
            with within("a"):
                listener = socket.create_server((away[version], 80),
                                                family=net.AF[version])
            director.add(genl.key(away[version]), [FAR[version] % 2])
            with within("client"):
                sock = socket.socket(net.AF[version])
            sock.settimeout(net.WAIT)
            sock.connect((away[version], 80))
            peer, who = listener.accept()
            sock.sendall(b"hello")
            ok(peer.recv(5) == b"hello" and who[0] == addr("client", version),
               "IPv%d: a VIP that is routed to the director, which does not have it" %
               version, who)
            for each in (sock, peer, listener):
                each.close()
            director.clear()
            ip("client", "route", "del", "%s/%d" %
               (away[version], BITS[version][1]))
            ip("a", "addr", "del", "%s/%d" % (away[version], BITS[version][1]),
               "dev", "lo")
    director.close()


def test_tunnel():
    """Packets that come out of a tunnel bring along where it came from, in a
    metadata route of their own."""
    director = open_director()
    made = ip("director", "link", "add", "tin", "type", "vxlan", "external",
              "dstport", "4789", check=False)
    if made.returncode:
        print("skip - a tunnel: this kernel has no vxlan", flush=True)
        director.close()
        return
    ip("client", "link", "add", "tout", "type", "vxlan", "id", "5", "remote",
       addr("director"), "dstport", "4789", "dev", "eth0")
    for host, dev in (("director", "tin"), ("client", "tout")):
        ip(host, "link", "set", dev, "up")
    gateway = mac("director", "tin").hex(":")
    for version in (4, 6):
        batch("client", ["addr add %s/%d dev tout%s" %
                         (NEAR[version] % 101, BITS[version][0],
                          " nodad" if version == 6 else ""),
                         "neigh add %s lladdr %s dev tout nud permanent" %
                         (NEAR[version] % 70, gateway)])
        Lines.route(VIP[version], version)
        director.add(genl.key(VIP[version]), [addr("a", version)])
        sock = net.connect(version)
        letter, whole = sock.recv(1), exchange(sock, 60000)
        sock.close()
        ok(letter == b"a" and whole, "IPv%d: what came by a tunnel leaves by a "
           "plain device" % version, (letter, whole))
        director.clear()
        ip("client", "route", "del", "%s/%d" % (VIP[version], BITS[version][1]))
    ip("client", "link", "del", "tout")
    ip("director", "link", "del", "tin")
    director.close()


def lro(dev, host="director"):
    """on or off; None where the device has it not."""
    done = subprocess.run(["ip", "netns", "exec", host, "ethtool", "-k", dev],
                          capture_output=True, text=True, check=True)
    for line in done.stdout.splitlines():
        if line.startswith("large-receive-offload:"):
            return line.split()[1]
    return None


def test_lro():
    """A bond without a slave has every offload there is."""
    director = open_director()
    ip("director", "link", "add", "bond7", "type", "bond")
    before = lro("bond7")
    director.add(genl.key(VIP[4]))
    ok(before == "on" and until(lambda: lro("bond7") == "off"),
       "LRO of a device goes off with the first service", before)
    ip("director", "link", "add", "bond8", "type", "bond")
    before = lro("bond8")
    ip("director", "link", "set", "bond8", "up")
    ok(until(lambda: lro("bond8") == "off"),
       "and that of a device that comes later when it is brought up", before)
    for dev in ("bond7", "bond8"):
        ip("director", "link", "del", dev)
    director.clear()
    ip("director", "link", "add", "bond9", "type", "bond")
    ip("director", "link", "set", "bond9", "up")
    # A work item of another namespace, which comes behind one of this namespace.
    ip("client", "link", "add", "bond9", "type", "bond")
    net.run(net.LBCTL, "-N", "client", "add-service", "-t", VIP[4] + ":80")
    ok(until(lambda: lro("bond9", "client") == "off") and lro("bond9") == "on",
       "without a service it stays as it is")
    net.run(net.LBCTL, "-N", "client", "clear")
    for host in ("client", "director"):
        ip(host, "link", "del", "bond9")
    # Its list of bonds looks like one more device.
    net.run("modprobe", "-r", "bonding")
    director.close()


net.main(globals())
