# SPDX-License-Identifier: GPL-2.0
"""What the tests of tunnels share: a real server behind a router, devices of stock
Linux that decapsulate there, HTTP, the twelve kinds of tunnels, and frames made by hand.

    client 101 --+-- director 70 (VIP 63)
                 +-- a 62, b 64
                 +-- router 1 ----- c 2        10.9.0.x, 2001:db8:9::x

The answers of c go to the client by the router.
"""
import dataclasses
import hashlib
import http.client
import http.server
import os
import socket
import struct
import threading
from collections import namedtuple

import genl
import net
import test_tcp as wires
import topology
from ipvs import rip
from net import ACK, PSH, SYN, VIP, batch, ip, run, within, write
from test_tcp import flow

FAR = {4: "10.9.0.%d", 6: "2001:db8:9::%d"}
NEAR = {4: "192.168.1.1", 6: "2001:db8:1::1"}
BITS = {4: 24, 6: 64}
GUE_PORT = 6080

# The bytes in front of the inner packet.
OUTER = {4: 20, 6: 40}
OVERHEAD = {"ipip": 0, "gre": 4, "gue": 12}
TYPES = tuple(OVERHEAD)
NUMBER = {"none": 0, "ipip": 1, "gre": 2, "gue": 3}
CSUM, REMCSUM = 1, 2
DF = 0x4000


@dataclasses.dataclass(frozen=True)
class Kind:
    """One kind of tunnel: families of the packet and of the header in front of it."""

    inner: int
    outer: int
    type: str
    csum: bool

    def overhead(self):
        more = 4 if self.csum and self.type == "gre" else 0
        return OUTER[self.outer] + OVERHEAD[self.type] + more

    def words(self):
        """As lbctl takes it."""
        return ["--tun", self.type + (":%d" % GUE_PORT if self.type == "gue" else "")] + \
            (["--tun-csum"] if self.csum else [])

    def stock(self):
        """As ipvsadm takes it."""
        return ("-i --tun-type %s" % self.type +
                (" --tun-port %d" % GUE_PORT if self.type == "gue" else "") +
                (" --tun-csum" if self.csum else ""))

    def __str__(self):
        return "IPv%d in %s%s in IPv%d" % (self.inner, self.type, " with checksum"
                                           if self.csum else "", self.outer)


TWELVE = [Kind(inner, outer, kind, False) for kind in TYPES for outer in (4, 6)
          for inner in (4, 6)]
SUMMED = [Kind(inner, outer, kind, True) for kind in ("gre", "gue") for outer in (4, 6)
          for inner in (4, 6)]


def attributes(kind, **more):
    """The netlink attributes of a server's tunnel."""
    out = genl.u8(genl.SERVER_TUNNEL, NUMBER[kind.type])
    if kind.type == "gue":
        out += genl.be16(genl.SERVER_TUNNEL_PORT, GUE_PORT)
    if kind.csum:
        out += genl.u32(genl.SERVER_TUNNEL_FLAGS, CSUM)
    for name, value in more.items():
        number = getattr(genl, "SERVER_TUNNEL_" + name.upper())
        out += genl.attr(number, net.pack(value)) if name == "source" else \
            genl.u8(number, value)
    return out


def serve(director, key, *servers):
    """A service that has these servers: (address, attributes)."""
    director.clear()
    director.add(key, sched="rr")
    for address, words in servers:
        director.do(genl.SERVER_NEW, genl.server(address, key, words))


def build_far():
    """The router and c, behind the reference deployment."""
    for host in ("router", "c"):
        run("ip", "netns", "add", host)
    batch("", ["link add vrouter type veth peer name eth0 netns router",
               "link set vrouter master br0 up"])
    batch("router", ["link add eth1 type veth peer name eth0 netns c"])
    for host in ("router", "c"):
        with within(host):
            for name in ("all", "default"):
                write("/proc/sys/net/ipv6/conf/%s/accept_dad" % name, "0")
                write("/proc/sys/net/ipv4/conf/%s/rp_filter" % name, "0")
            if host == "router":
                write("/proc/sys/net/ipv4/ip_forward", "1")
                write("/proc/sys/net/ipv6/conf/all/forwarding", "1")
                write("/proc/sys/net/ipv4/icmp_ratemask", "0")
                write("/proc/sys/net/ipv6/icmp/ratelimit", "0")
    batch("router", ["link set lo up", "link set eth0 up", "link set eth1 up"] +
          ["addr add %s/%d dev eth0" % (NEAR[v], BITS[v]) for v in (4, 6)] +
          ["addr add %s/%d dev eth1" % (FAR[v] % 1, BITS[v]) for v in (4, 6)])
    batch("c", ["link set lo up", "link set eth0 up"] +
          ["addr add %s/%d dev eth0" % (FAR[v] % 2, BITS[v]) for v in (4, 6)] +
          ["addr add %s/%d dev lo" % (VIP[v], {4: 32, 6: 128}[v]) for v in (4, 6)] +
          ["route add default via %s" % FAR[v] % 1 for v in (4, 6)])
    for host in ("director", "client", "a", "b"):
        batch(host, ["route add %s/%d via %s" % (FAR[v] % 0 if v == 4 else
                                                 "2001:db8:9::", BITS[v], NEAR[v])
                     for v in (4, 6)])


MODULES = ("ipip", "sit", "ip6_tunnel", "ip_gre", "ip6_gre", "fou", "fou6")


def demolish_far():
    """The modules go too: each has a device of its own in the initial namespace."""
    ip("", "link", "del", "vrouter", check=False)
    for host in ("router", "c"):
        run("ip", "netns", "del", host, check=False)
    loaded = [line.split()[0] for line in run("lsmod").stdout.splitlines()]
    mine = [name for name in ("ip6_gre", "ip_gre", "fou6", "fou", "sit", "ipip",
                              "ip6_tunnel") if name in loaded]
    net.until(lambda: all(not run("modprobe", "-r", name, check=False).returncode
                          for name in mine))


def source_to(address):
    """The source that the director's kernel chooses for this destination."""
    words = ip("director", "route", "get", address).stdout.split()
    return words[words.index("src") + 1]


def prefer_vip(preferred):
    """Whether the kernel of the director may choose the VIP as source of a tunnel's
    IPv6 packets, which a real server drops as its own."""
    ip("director", "addr", "change", VIP[6] + "/128", "dev", "eth0", "preferred_lft",
       "forever" if preferred else "0", "valid_lft", "forever")


def set_mtu(mtu):
    """Of the line between the router and c."""
    ip("router", "link", "set", "eth1", "mtu", str(mtu))
    ip("c", "link", "set", "eth0", "mtu", str(mtu))


def has_decapsulation():
    """Whether the kernel has the devices of stock Linux."""
    return all(run("modprobe", "-q", name, check=False).returncode == 0
               for name in MODULES)


class Decapsulation:
    """A device on a host that takes the packets of one kind of tunnel, by whichever
    director they were sent."""

    def __init__(self, host, kind):
        self.host, self.kind = host, kind

    def local(self):
        version = self.kind.outer
        return FAR[version] % 2 if self.host == "c" else net.addr(self.host, version)

    def words(self):
        kind = self.kind
        if kind.type == "gre":
            words = ["ip6gre" if kind.outer == 6 else "gre"]
            return words + ["local", self.local()] + (["icsum"] if kind.csum else [])
        if kind.outer == 6:
            return ["ip6tnl", "mode", "any", "local", self.local()]
        return ["sit" if kind.inner == 6 else "ipip", "local", self.local()]

    def __enter__(self):
        if self.kind.type == "gue":
            self.fou("add", "gue")
        run("ip", "-n", self.host, "link", "add", "dec0", "type", *self.words())
        with within(self.host):
            write("/proc/sys/net/ipv4/conf/dec0/rp_filter", "0")
        run("ip", "-n", self.host, "link", "set", "dec0", "up")
        return self

    def __exit__(self, *_):
        run("ip", "-n", self.host, "link", "del", "dec0", check=False)
        if self.kind.type == "gue":
            self.fou("del")

    def fou(self, command, *words):
        run("ip", "-n", self.host, *(["-6"] if self.kind.outer == 6 else []), "fou",
            command, "port", str(GUE_PORT), *words)


# A page of the usual size, and the whole one.
WHOLE = 3 << 20
USUAL = WHOLE if net.EVERYTHING else 400 << 10
PAGE = os.urandom(WHOLE)


class Handler(http.server.BaseHTTPRequestHandler):
    """GET / is the host's name, GET /page/SIZE the page; what is posted is answered by
    its checksum."""
    protocol_version = "HTTP/1.1"

    def answer(self, body):
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.send_header("X-Server", self.server.host)
        self.end_headers()
        self.wfile.write(body)

    def do_GET(self):
        size = self.path.rpartition("/")[2]
        self.answer(PAGE[:int(size)] if size else self.server.host.encode())

    def do_POST(self):
        left, digest = int(self.headers["Content-Length"]), hashlib.sha1()
        while left:
            piece = self.rfile.read(min(left, 1 << 16))
            if not piece:
                return
            digest.update(piece)
            left -= len(piece)
        self.answer(digest.digest())

    def log_message(self, *_):
        pass


class Web(http.server.ThreadingHTTPServer):
    """An HTTP server on a host's VIP, port 8080; its sockets stay in the host's
    namespace."""
    daemon_threads = True

    def __init__(self, host, version):
        self.host, self.address_family = host, net.AF[version]
        with within(host):
            super().__init__((VIP[version], 8080), Handler)
        threading.Thread(target=self.serve_forever, daemon=True).start()


class Client(http.client.HTTPConnection):
    """A connection of the client, or of another host."""

    def __init__(self, version, host="client"):
        super().__init__(VIP[version] if version == 4 else "[%s]" % VIP[version], 8080,
                         timeout=net.WAIT)
        self.version, self.from_host = version, host

    def connect(self):
        self.sock = net.connect(self.version, 8080, self.from_host)
        self.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

    def get(self, path="/"):
        self.request("GET", path)
        return self.getresponse().read()

    def post(self, body):
        self.request("POST", "/", body)
        return self.getresponse().read()


def transfers(version, host="client", size=USUAL):
    """A page down and up: which of them was whole."""
    client, page = Client(version, host), PAGE[:size]
    try:
        down = client.get("/page/%d" % size) == page
        up = client.post(page) == hashlib.sha1(page).digest()
        client.close()
        return down, up
    except (OSError, http.client.HTTPException) as error:
        return repr(error)


class Outer(namedtuple("Outer", "version ttl tos ecn df label src dst sport inner "
                                "headers size")):
    """A tunnel's packet, taken apart. `headers` is what is in front of the inner
    packet, without what may differ between directors."""


def unwrap(packet):
    """The Outer of an IP packet, or None: of a fragment, or without a tunnel."""
    four = packet[0] >> 4 == 4
    if four and struct.unpack("!H", packet[6:8])[0] & 0x3fff:
        return None
    length = 20 if four else 40
    proto = packet[9] if four else packet[6]
    body, sport = packet[length:], None
    head = bytearray(packet[:length])
    if proto == 47:
        flags, kind = struct.unpack("!HH", body[:4])
        inner = body[8 if flags & 0x8000 else 4:]
        if kind != (0x0800 if inner[0] >> 4 == 4 else 0x86dd):
            return None
    elif proto == 17:
        sport = struct.unpack("!H", body[:2])[0]
        inner = body[12 + (body[8] & 31) * 4:]
    elif proto in (4, 41):
        inner = body
    else:
        return None
    middle = bytearray(body[:len(body) - len(inner)])
    if sport is not None:
        middle[:2] = b"\0\0"
    if four:
        tos, ttl, df = packet[1], packet[8], bool(packet[6] & 0x40)
        src, dst, label = packet[12:16], packet[16:20], None
        head[4:6] = head[10:12] = b"\0\0"
    else:
        tos, ttl = struct.unpack("!H", packet[:2])[0] >> 4 & 255, packet[7]
        src, dst, df = packet[8:24], packet[24:40], None
        label = struct.unpack("!I", packet[:4])[0] & 0xfffff
        head[1] &= 0xf0
        head[2:4] = b"\0\0"
    return Outer(4 if four else 6, ttl, tos, tos & 3, df, label, src, dst, sport,
                 bytes(inner), bytes(head) + bytes(middle), len(packet))


def udp_sum(packet):
    """Whether the checksum of an outer UDP header is right, None where it is 0."""
    four = packet[0] >> 4 == 4
    body = packet[20 if four else 40:]
    if body[6:8] == b"\0\0":
        return None
    src, dst = (packet[12:16], packet[16:20]) if four else (packet[8:24], packet[24:40])
    return net.checksum(src + dst + struct.pack("!II", len(body), 17) + body) == 0


def gre_sum(packet):
    body = packet[20 if packet[0] >> 4 == 4 else 40:]
    return None if not body[0] & 0x80 else net.checksum(body) == 0


class Wire(wires.Wire):
    """The wire of test_tcp.py, on which a tunnel's packet is the director's own.
    `clients` are told of errors that others send."""

    clients = frozenset()

    def fate(self, frame, clients):
        if frame.dst in self.servers:
            return self.servers[frame.dst]
        return super().fate(frame, clients | self.clients)

    def through(self, *packets):
        """What becomes of the packets: Outer for a tunnel's packet, bytes for what was
        sent to a server otherwise, or test_tcp's words."""
        fates = self.send(*packets)
        fates = fates if isinstance(fates, list) else [] if fates is None else [fates]
        return [(unwrap(frame.ip) or frame.ip) if isinstance(fate, int) else fate
                for fate, frame in zip(fates, self.frames)]


def key_of(one, protocol=6):
    return genl.key(one.vip, one.port, protocol)


def sized(one, size, df=True, flags=PSH | ACK):
    """A TCP segment of the flow that is `size` bytes with its IP header."""
    head = 40 if ":" not in one.client else 60
    payload = bytes(n & 255 for n in range(size - head))
    more = {"frag": DF if df else 0} if head == 40 else {}
    return one.tcp(flags, payload, **more)


def pieces_of(one, room, df):
    """A segment of 3000 bytes, and its fragments of at most `room` bytes."""
    whole = sized(one, 3000, df)
    head = 20 if ":" not in one.client else 48
    ident = struct.unpack("!H", whole[4:6])[0]
    return whole, net.fragments(whole, (room - head) & ~7, ident, df)


def mtu_of(frame):
    """The MTU that an ICMP error tells, and the packet that it quotes."""
    if frame.ip[0] >> 4 == 4:
        return struct.unpack("!H", frame.ip[26:28])[0], frame.ip[28:]
    return struct.unpack("!I", frame.ip[44:48])[0], frame.ip[48:]


def too_big(inner):
    return "icmp 3.4" if inner == 4 else "icmp 2.0"


def begin(wire, director, kind, number=0, **more):
    """A service with one server by this tunnel, and a flow that has a connection."""
    one = flow(kind.inner)
    wire.clients = {net.pack(one.client)}
    serve(director, key_of(one), (rip(number, kind.outer), attributes(kind, **more)))
    return one, wire.through(one.tcp(SYN))


def checksums(kind, packet):
    """Whether the packet has the checksums of its kind, and they are right."""
    if kind.type == "gue":
        return udp_sum(packet) is (True if kind.csum else None)
    return kind.type != "gre" or gre_sum(packet) is (True if kind.csum else None)


def in_fragments(wire, kind, packet, most=1500):
    """Whether a packet goes in fragments of the outer packet, of at most that size."""
    wire.through(packet)
    frames, want = [frame.ip for frame in wire.frames], topology.forwarded(packet)
    whole = net.join(frames) if len(frames) > 1 else None
    return bool(whole) and whole.endswith(want) and max(map(len, frames)) <= most and \
        len(whole) == len(want) + kind.overhead() - OUTER[kind.outer]


def with_source(kind, outer, address):
    """A tunnel's packet as if it came from there."""
    at = {4: 12, 6: 8}[kind.outer]
    source = net.pack(address)
    return outer[:at] + source + outer[at + len(source):]


def error(kind, outer, mtu, quoted=None):
    """A router's error about a tunnel's packet."""
    packet = outer if quoted is None else outer[:quoted]
    src = {4: "198.51.100.250", 6: "2001:db8:c::fa"}[kind.outer]
    dst = outer[12:16] if kind.outer == 4 else outer[8:24]
    dst = socket.inet_ntop(net.AF[kind.outer], dst)
    if kind.outer == 4:
        body = struct.pack("!BBHHH", 3, 4, 0, 0, mtu) + packet[:548]
        body = body[:2] + struct.pack("!H", net.checksum(body)) + body[4:]
        return net.packet(src, dst, 1, body)
    body = struct.pack("!BBHI", 2, 0, 0, mtu) + packet[:1200]
    pseudo = net.pack(src) + net.pack(dst) + struct.pack("!II", len(body), 58)
    body = body[:2] + struct.pack("!H", net.checksum(pseudo + body)) + body[4:]
    return net.packet(src, dst, 58, body)
