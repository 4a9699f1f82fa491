# SPDX-License-Identifier: GPL-2.0
"""Random frames to a director, and a link that sends many of them quickly.

Frames makes them in blocks of BLOCK. A block depends on the seed and its number only, so
the number of a frame is enough to have it again. BATCH frames are a batch. There are three
kinds of blocks:

- frames of a corpus that has one of each kind that the tests send: both families, TCP, UDP,
  SCTP, ICMP errors, tunnels, datagrams of connection synchronisation, VLAN tags, options
  and extension headers, AH and ESP; each with up to four faults;
- the fragments of one datagram, some lost, twice, overlapping, or with a fault;
- the packets of one flow from its first to its last one, so that there are connections.

A frame has the header of PACKET_VNET_HDR in front, by which the sender asks for checksums
and segments (GSO), in one batch of five.

Link is a pair of devices: `fz0` of the director, `fuzz0` in the initial namespace. Clients
and servers of the frames are behind it, and do not exist.
"""
import ctypes
import os
import random
import socket
import struct

import genl
import ipvs
import net
import test_sctp
import tunnels
from net import ACK, FIN, PSH, RST, SYN

BLOCK, BATCH = 8, 8000
VNET = struct.Struct("=BBHHHH")
PLAIN = VNET.pack(0, 0, 0, 0, 0, 0)
NEEDS_CSUM, GSO_TCP4, GSO_TCP6, GSO_UDP = 1, 1, 4, 5
VIPS = {version: ipvs.VIPS[version][:3] for version in (4, 6)}
# The address of fz0, and the servers behind it.
OWN = {4: "10.77.0.1", 6: "2001:db8:77::1"}
SERVER = {4: "10.77.0.%d", 6: "2001:db8:77::%x"}
SERVERS = 6
# What a router before the servers would be: it sends errors about tunnels.
ROUTER = {4: "10.77.0.99", 6: "2001:db8:77::99"}
MAC, GATEWAY = b"\2\0\0\0\0\x70", b"\2\0\0\0\0\x99"
KIND = ipvs.KIND
# Ports that services may be for. Most packets go to the first ones.
PORTS = list(range(80, 130))
ODD_PORTS = [1, 22, 79, 200, 250, 300, 443, 8848, 8849, 65535]
# (IP version, port) -> the kind of tunnel that servers of this port have, and the number of
# the server.
TUNNELS = {(version, port): (kind, 10 + port % 5) for version in (4, 6) for port, kind in
           enumerate([kind for kind in tunnels.TWELVE + tunnels.SUMMED
                      if kind.inner == version], 83)}
# Destination ports of what a rule may mark.
MARKED = range(400, 403)
SYNC_PORT, PEERS_PORT, GUE_PORT, PEERS_MAGIC = 8848, 8849, 6080, 255
SYNC_GROUP, SYNC_MAC = "224.0.0.81", bytes.fromhex("01005e000051")
WORDS = (0, 1, 4, 5, 7, 8, 19, 20, 39, 40, 0x7f, 0x80, 0xff, 0x100, 0x7fff, 0x8000, 0xfffe,
         0xffff)
PROTOCOLS = (0, 1, 4, 6, 17, 41, 43, 44, 47, 50, 51, 58, 59, 60, 132, 135, 255)
FLAGS = [ACK] * 8 + [ACK | PSH] * 4 + [SYN] * 8 + [FIN | ACK, RST, RST | ACK, SYN | ACK, 0,
                                                   SYN | FIN, 63]
SIZES = (0, 1, 7, 8, 40, 200, 600, 1340, 1360, 1400, 1432)


def icmp_error(version, kind, code, word, quoted, dst, src=None):
    """An ICMP error with its checksum. `word` is the second one of its header."""
    src = src or ROUTER[version]
    body = struct.pack("!BBHI", kind, code, 0, word) + quoted
    pseudo = b"" if version == 4 else \
        net.pack(src) + net.pack(dst) + struct.pack("!II", len(body), 58)
    body = body[:2] + struct.pack("!H", net.checksum(pseudo + body)) + body[4:]
    return net.packet(src, dst, 1 if version == 4 else 58, body)


def gre(inner, flags=0):
    """A GRE header in front of a packet: checksum, key, sequence number."""
    more = b"".join(b"\0\0\0\1" for bit in (0x8000, 0x2000, 0x1000) if flags & bit)
    return struct.pack("!HH", flags, 0x0800 if inner[0] >> 4 == 4 else 0x86dd) + more + inner


def gue(inner, hlen=0, flags=0, sport=40000):
    """The headers UDP and GUE in front of a packet."""
    proto = 4 if inner[0] >> 4 == 4 else 41
    head = struct.pack("!BBH", hlen, proto, flags) + bytes(range(hlen * 4))
    return net.udp(sport, GUE_PORT, head + inner)


def sync_record(dice, version):
    """A record of ip_vs's version 1: a connection, perhaps with an option."""
    four = version == 4
    addresses = b"".join(map(net.pack, (
        ipvs.CLIENTS[version] % dice.randrange(1, 17), VIPS[version][0],
        SERVER[version] % (10 + dice.randrange(SERVERS)))))
    port = dice.choice(PORTS)
    body = struct.pack("!HHHII", dice.randrange(1024, 1100), port, port, 0,
                       dice.choice((0, 60, 900)))
    more = dice.choice((b"", b"", b"\1\x10" + bytes(16), b"\2\4name"))
    size = 36 + (0 if four else 36) + len(more)
    head = struct.pack("!BBHIH", 0 if four else 1, dice.choice((6, 17, 132)), size,
                       dice.choice((2, 3, 0x103, 0x1003)), dice.choice((0, 1, 2, 7)))
    return head + body + addresses + more


def sync_datagram(dice, version):
    """Several records, of version 1 or 0."""
    number = dice.randrange(1, 6)
    if dice.random() < 0.2:
        records = b"".join(
            struct.pack("!BBHHHHH", 0, 6, 2000 + n, 80, 80, 3, 1) +
            net.pack(ipvs.CLIENTS[4] % (1 + n)) + net.pack(VIPS[4][0]) +
            net.pack(SERVER[4] % 10) for n in range(number))
        return struct.pack("!BBH", number, 7, 4 + len(records)) + records
    records = b"".join(sync_record(dice, version) for _ in range(number))
    return struct.pack("!BBHBBH", 0, 7, 8 + len(records), number, 1, 0) + records


def options4(dice):
    """IPv4 options: none, record route, source routes, router alert, one that is cut."""
    return dice.choice((b"", b"", b"\1\1\1\0", b"\x07\x07\x04" + bytes(5),
                        b"\x83\x07\x04" + net.pack(VIPS[4][1]) + b"\0",
                        b"\x89\x07\x04" + net.pack(VIPS[4][1]) + b"\0",
                        b"\x94\x04\0\0", b"\x44\x28\x05\0" + bytes(36), b"\x07\xff\0\0"))


def headers6(dice, proto):
    """IPv6 extension headers in the form that net.packet() takes."""
    chain, out = [dice.choice((0, 43, 44, 51, 60, 135)) for _ in range(dice.randrange(1, 4))], b""
    for kind, after in zip(chain, chain[1:] + [proto]):
        if kind == 44:
            out += struct.pack("!BBHI", after, 0, dice.choice((0, 0, 1, 8)),
                               dice.getrandbits(32))
        elif kind == 51:
            out += struct.pack("!BBHIII", after, 4, 0, 1, 1, 0) + bytes(8)
        elif kind == 43:
            out += struct.pack("!BBBBI", after, 2, dice.choice((0, 2, 4)), 1, 0) + \
                net.pack(VIPS[6][1])
        else:
            out += struct.pack("!BBBBI", after, 0, 1, 4, 0)
    return bytes([chain[0]]) + out


def offloads(batch):
    """Whether frames of a batch have segments and checksums to be made."""
    return batch % 5 == 1


class Frames:
    """The frames of a seed, to a director at a Link."""

    def __init__(self, seed):
        self.seed, self.offloads, self.ident = seed, False, 0
        self.dice = random.Random(seed)
        self.head = {version: MAC + GATEWAY + KIND[version] for version in (4, 6)}
        self.corpus = [make(version) for make in (
            *[self.transport] * 8, self.sctp, self.client_error, self.tunnelled,
            self.tunnel_error, self.synced, self.security)
            for version in (4, 6) for _ in range(24)]
        self.corpus += [self.tagged() for _ in range(24)]

    def flow(self, version):
        """Client, VIP and ports: few, so that most packets have a connection."""
        dice = self.dice
        roll = dice.random()
        vip = VIPS[version][0] if roll < 0.9 else dice.choice(VIPS[version])
        if roll < 0.85:
            port = dice.choice(PORTS)
        else:
            port = dice.choice(ODD_PORTS) if roll < 0.95 else dice.choice(MARKED)
        return ipvs.CLIENTS[version] % dice.randrange(1, 17), \
            dice.randrange(1024, 1040), vip, port

    def segment(self, version, flow, size=None):
        """A TCP or UDP packet of a flow."""
        dice = self.dice
        client, sport, vip, port = flow
        proto = dice.choice((6, 6, 17))
        size = dice.choice(SIZES) if size is None else size
        payload = bytes(size)
        body = net.udp(sport, port, payload) if proto == 17 else \
            net.tcp(sport, port, dice.choice(FLAGS), payload[:1400])
        more = {"ttl": dice.choice((64, 64, 64, 1, 2, 255))}
        if dice.random() < 0.15:
            more["options"] = options4(dice) if version == 4 else headers6(dice, proto)
        elif version == 4:
            more["frag"] = dice.choice((0, 0x4000))
        return net.packet(client, vip, proto, body[:1440], **more)

    def transport(self, version):
        return self.head[version] + self.segment(version, self.flow(version))

    def sctp(self, version):
        dice, flow = self.dice, self.flow(version)
        chunks = b"".join(dice.choice(list(test_sctp.CHUNKS.values()))
                          for _ in range(dice.randrange(0, 10)))
        body = struct.pack("!HHII", flow[1], flow[3], 1, 0) + chunks
        return self.head[version] + net.packet(flow[0], flow[2], 132, body)

    def client_error(self, version):
        """About what the client got: the packet in it is a server's."""
        dice, flow = self.dice, self.flow(version)
        proto = dice.choice((6, 17, 132))
        body = {6: net.tcp(flow[3], flow[1], ACK), 17: net.udp(flow[3], flow[1], b"x" * 40),
                132: struct.pack("!HHII", flow[3], flow[1], 1, 0)}[proto]
        options = b"" if version == 4 or dice.random() < 0.7 else headers6(dice, proto)
        quoted = net.packet(flow[2], flow[0], proto, body, options=options)
        kind, code, word = dice.choice(
            ((3, 3, 0), (3, 4, 1200), (3, 4, 0), (11, 0, 0), (12, 0, 0), (5, 1, 0), (8, 0, 1))
            if version == 4 else ((1, 4, 0), (2, 0, 1280), (2, 0, 0), (3, 0, 0), (4, 0, 6),
                                  (128, 0, 1)))
        return self.head[version] + icmp_error(
            version, kind, code, word, quoted[:dice.choice((8, 28, 48, 68, 200))], flow[2],
            dice.choice((None, flow[0])))

    def encapsulated(self, version, inner, src, dst, how=None):
        """A packet in a tunnel's headers. `how` is its type, else there is any, with options
        that lbdr has not."""
        dice = self.dice
        flags = (0,) if how else (0, 0, 0x8000, 0x2000, 0xb000, 0x4000)
        how = how or dice.choice(tunnels.TYPES)
        if how == "ipip":
            body, proto = inner, 4 if inner[0] >> 4 == 4 else 41
        elif how == "gre":
            body, proto = gre(inner, dice.choice(flags)), 47
        else:
            body, proto = gue(inner, dice.choice((0, 0, 1, 3)), dice.choice((0, 1))), 17
        return net.packet(src, dst, proto, body)

    def tunnelled(self, version):
        """What another director would have sent here, or anywhere."""
        dice, inner = self.dice, self.dice.choice((4, 6))
        packet = self.segment(inner, self.flow(inner), size=64)
        dst = dice.choice((OWN[version], OWN[version], VIPS[version][0]))
        return self.head[version] + self.encapsulated(
            version, packet, dice.choice((ROUTER[version], SERVER[version] % 10)), dst)

    def tunnel_error(self, version):
        """A router's error about a tunnel's packet of this director, for most one of which
        there may be a connection."""
        dice, inner = self.dice, self.dice.choice((4, 6))
        flow, how, number = self.flow(inner), None, 10 + dice.randrange(SERVERS)
        if dice.random() < 0.7:
            port = dice.choice([port for (family, port), (kind, _) in TUNNELS.items()
                                if family == inner and kind.outer == version])
            flow, how = flow[:2] + (VIPS[inner][0], port), TUNNELS[inner, port][0].type
            number = TUNNELS[inner, port][1]
        packet = self.segment(inner, flow, size=64)
        outer = self.encapsulated(version, packet, OWN[version], SERVER[version] % number,
                                  how)
        kind, code, word = dice.choice(((3, 4, 1400), (3, 4, 600), (3, 1, 0), (11, 0, 0))
                                       if version == 4 else
                                       ((2, 0, 1400), (2, 0, 1280), (1, 3, 0), (3, 0, 0)))
        size = dice.choice((28, 48, 60, 90, 128, 500))
        return self.head[version] + icmp_error(version, kind, code, word, outer[:size],
                                               OWN[version])

    def synced(self, version):
        """Datagrams to the ports of connection synchronisation."""
        dice = self.dice
        if dice.random() < 0.25:
            body = net.udp(PEERS_PORT, PEERS_PORT, bytes((PEERS_MAGIC, dice.randrange(4),
                           PEERS_MAGIC, dice.randrange(3))) + dice.randbytes(dice.choice(
                               (0, 8, 40, 41, 188, 512))))
            return self.head[version] + net.packet(ROUTER[version], OWN[version], 17, body)
        body = net.udp(40000, SYNC_PORT, sync_datagram(dice, version))
        return SYNC_MAC + GATEWAY + KIND[4] + net.packet(ROUTER[4], SYNC_GROUP, 17, body)

    def security(self, version):
        """AH in front of a segment, ESP, and protocols that are nobody's."""
        dice, flow = self.dice, self.flow(version)
        ah = struct.pack("!BBHIII", 6, 4, 0, 1, 1, 0) + bytes(8)
        proto, body = dice.choice((
            (51, ah + net.tcp(flow[1], flow[3], SYN)),
            (50, struct.pack("!II", 1, 1) + bytes(64)), (0, bytes(40)), (59, b""),
            (136, net.udp(flow[1], flow[3], b"lite")), (33, bytes(40)), (2, bytes(8))))
        return self.head[version] + net.packet(flow[0], flow[2], proto, body)

    def tagged(self):
        """With one VLAN tag or two."""
        dice, version = self.dice, self.dice.choice((4, 6))
        tag = struct.pack("!HH", dice.choice((0x8100, 0x8100, 0x88a8)),
                          dice.choice((0, 5, 4095)))
        return MAC + GATEWAY + tag * dice.choice((1, 1, 2)) + \
            self.transport(version)[12:]

    def block(self, number):
        """The frames of a block."""
        dice = self.dice
        dice.seed(self.seed << 40 | number)
        self.offloads = offloads(number * BLOCK // BATCH)
        # No fragment is one of another block's datagram.
        self.ident = number * BLOCK
        roll = dice.random()
        if roll < 0.1:
            return self.fragments_of_one()
        if roll < 0.25:
            return self.packets_of_one()
        return [self.mutated() for _ in range(BLOCK)]

    def frame(self, number):
        return self.block(number // BLOCK)[number % BLOCK]

    def batch(self, number):
        """The frames of a batch."""
        per = BATCH // BLOCK
        return [frame for block in range(number * per, (number + 1) * per)
                for frame in self.block(block)]

    def mutated(self):
        """A frame of the corpus with faults, mostly with lengths and checksum that agree."""
        rand = self.dice.random
        corpus = self.corpus
        frame = bytearray(corpus[int(rand() * len(corpus))])
        self.ident += 1
        if frame[12:14] == b"\x08\0" and len(frame) > 38:
            frame[18:20] = struct.pack("!H", self.ident & 0xffff)
        elif frame[12:14] == b"\x86\xdd" and frame[20] == 44 and len(frame) > 62:
            frame[58:62] = struct.pack("!I", self.ident)
        # To another connection of the same service, for most.
        if rand() < 0.5:
            if frame[12:14] == b"\x08\0" and len(frame) > 38:
                frame[29] = 1 + int(rand() * 16)
                frame[35] = int(rand() * 16)
            elif frame[12:14] == b"\x86\xdd" and len(frame) > 58:
                frame[37] = 1 + int(rand() * 16)
                frame[55] = int(rand() * 16)
        for _ in range(int(rand() * rand() * 5.5)):
            FAULTS[int(rand() * len(FAULTS))](self, frame)
        if rand() < 0.9:
            corrected(frame)
        return self.with_vnet(frame)

    def fragments_of_one(self):
        dice = self.dice
        version = dice.choice((4, 6))
        client, sport, vip, port = self.flow(version)
        body = net.udp(sport, port, bytes(dice.choice((16, 100, 1400, 3000))))
        parts = net.fragments(net.packet(client, vip, 17, body),
                              dice.choice((8, 64, 512, 1280)), self.ident & 0xffff)
        parts = [bytearray(self.head[version] + part)
                 for part in parts[:BLOCK - 2] + parts[-1:]]
        roll = dice.random()
        if roll < 0.5:
            dice.shuffle(parts)
        if roll < 0.2:
            dice.choice(parts)[14 + dice.randrange(8)] ^= 1 << dice.randrange(8)
        elif roll < 0.3:
            del parts[dice.randrange(len(parts))]
        elif roll < 0.6:
            FAULTS[dice.randrange(len(FAULTS))](self, dice.choice(parts))
        for part in parts:
            corrected(part)
        out = [PLAIN + part for part in parts]
        while len(out) < BLOCK:
            out.append(dice.choice(out) if out else self.mutated())
        return out

    def packets_of_one(self):
        dice = self.dice
        version, proto = dice.choice((4, 6)), dice.choice((6, 6, 17, 132))
        client, sport, vip, port = self.flow(version)
        chunks = list(test_sctp.CHUNKS.values())
        out = []
        for n in range(BLOCK):
            payload = bytes(dice.choice(SIZES[:-2]))
            if proto == 6:
                flags = (SYN, ACK)[n] if n < 2 else dice.choice(FLAGS)
                body = net.tcp(sport, port, flags, b"" if flags & SYN else payload)
            elif proto == 17:
                body = net.udp(sport, port, payload)
            else:
                body = struct.pack("!HHII", sport, port, 1, 0) + \
                    (test_sctp.CHUNKS["INIT"] if not n else dice.choice(chunks))
            frame = bytearray(self.head[version] + net.packet(client, vip, proto, body))
            out.append(self.with_vnet(frame))
        return out

    def with_vnet(self, frame):
        """With the header of PACKET_VNET_HDR: segments or a checksum to be made, for some."""
        rand = self.dice.random
        frame = bytes(frame if len(frame) > 14 else frame.ljust(15, b"\0"))
        if not self.offloads or rand() > 0.12:
            return PLAIN + frame
        four = frame[12:14] == b"\x08\0"
        at = 14 + ((frame[14] & 15) * 4 if four else 40)
        tcp = len(frame) > 23 and frame[23 if four else 20] == 6
        if rand() < 0.3:
            frame += bytes(int(rand() * 9000))
            whole = bytearray(frame)
            corrected(whole)
            frame = bytes(whole)
        kind = 0 if rand() < 0.3 else (GSO_TCP4 if four else GSO_TCP6) if tcp else GSO_UDP
        if rand() < 0.1:
            kind = int(rand() * 256)
        if rand() < 0.1:
            at += int(rand() * 64) - 32
        return VNET.pack(NEEDS_CSUM, kind, min(at + 20, len(frame)),
                         (1, 8, 100, 536, 1400)[int(rand() * 5)], max(at, 0),
                         16 if tcp else 6) + frame


def place(frames, frame, width=1):
    """Where a fault is to be: mostly in the headers."""
    rand = frames.dice.random
    room = len(frame) - 12 - width
    if room <= 0:
        return 12 if len(frame) >= 12 + width else 0
    return 12 + int(rand() * (min(room, 80) if rand() < 0.85 else room))


def fault_bit(frames, frame):
    frame[place(frames, frame)] ^= 1 << int(frames.dice.random() * 8)


def fault_byte(frames, frame):
    frame[place(frames, frame)] = int(frames.dice.random() * 256)


def fault_word(frames, frame):
    at = place(frames, frame, 2) & ~1
    frame[at:at + 2] = struct.pack("!H", WORDS[int(frames.dice.random() * len(WORDS))])


def fault_protocol(frames, frame):
    at = 23 if frame[12:14] == b"\x08\0" else 20
    if len(frame) > at:
        frame[at] = PROTOCOLS[int(frames.dice.random() * len(PROTOCOLS))]


def fault_cut(frames, frame):
    del frame[15 + int(frames.dice.random() * max(1, min(len(frame) - 15, 120))):]


def fault_longer(frames, frame):
    frame += bytes(int(frames.dice.random() * 64))


def fault_insert(frames, frame):
    at = place(frames, frame)
    frame[at:at] = frames.dice.randbytes(4 * (1 + int(frames.dice.random() * 4)))


def fault_remove(frames, frame):
    at = place(frames, frame)
    del frame[at:at + 4 * (1 + int(frames.dice.random() * 4))]


def fault_splice(frames, frame):
    """The end of another frame."""
    other = frames.corpus[int(frames.dice.random() * len(frames.corpus))]
    at = place(frames, frame)
    frame[at:] = other[at:]


def fault_source(frames, frame):
    """An address that no client has."""
    four = frame[12:14] == b"\x08\0"
    own = net.pack(OWN[4 if four else 6])
    new = (own, b"\xff" * len(own), bytes(len(own)),
           net.pack(VIPS[4 if four else 6][0]))[int(frames.dice.random() * 4)]
    at = 26 if four else 22
    if len(frame) >= at + len(new):
        frame[at:at + len(new)] = new


def fault_mac(frames, frame):
    frame[:6] = (b"\xff" * 6, GATEWAY, SYNC_MAC)[int(frames.dice.random() * 3)]


FAULTS = (fault_bit, fault_bit, fault_byte, fault_byte, fault_word, fault_word,
          fault_protocol, fault_cut, fault_longer, fault_insert, fault_remove,
          fault_splice, fault_source, fault_mac)


def corrected(frame):
    """Lengths and checksum of the IP header agree with the frame, so that the IP layer takes
    it."""
    size = len(frame) - 14
    if frame[12:14] == b"\x08\0" and size >= 20:
        head = (frame[14] & 15) * 4
        if head < 20 or head > size:
            frame[14] = 0x45
            head = 20
        frame[14] = 0x40 | head >> 2
        frame[16:18] = struct.pack("!H", min(size, 65535))
        frame[24:26] = b"\0\0"
        frame[24:26] = struct.pack("!H", net.checksum(frame[14:14 + head]))
    elif frame[12:14] == b"\x86\xdd" and size >= 40:
        frame[14] = 0x60 | frame[14] & 15
        frame[18:20] = struct.pack("!H", min(size - 40, 65535))


def is_twice_fragment(frame):
    """Whether an IPv6 packet has two fragment headers."""
    at = len(PLAIN) + 12
    while frame[at:at + 2] in (b"\x81\0", b"\x88\xa8"):
        at += 4
    if frame[at:at + 2] != KIND[6]:
        return False
    kind, at, found = frame[at + 8] if len(frame) > at + 8 else 59, at + 42, 0
    while kind in (0, 43, 44, 51, 60, 135) and at + 8 <= len(frame):
        found += kind == 44
        size = 8 if kind == 44 else (frame[at + 1] + 2) * 4 if kind == 51 else \
            (frame[at + 1] + 1) * 8
        kind, at = frame[at], at + size
    return found > 1


class Link:
    """The devices of a director, and a socket that sends frames at fuzz0. Fragments wait
    `patience` seconds for the others."""

    def __init__(self, host="director", patience=1):
        net.ip("", "link", "add", "fuzz0", "type", "veth", "peer", "name", "fz0", "address",
               MAC.hex(":"), "netns", host)
        net.write("/proc/sys/net/ipv6/conf/fuzz0/disable_ipv6", "1")
        net.batch("", ["link set fuzz0 arp off", "link set fuzz0 up"])
        # The first service of IPv6 would load it.
        net.run("modprobe", "nf_defrag_ipv6")
        with net.within(host):
            for name, value in (("ipv6/conf/fz0/accept_ra", 0),
                                ("ipv6/conf/fz0/accept_redirects", 0),
                                ("ipv4/conf/fz0/accept_redirects", 0),
                                ("ipv4/conf/all/rp_filter", 0),
                                ("ipv4/icmp_ratemask", 0), ("ipv6/icmp/ratelimit", 0),
                                ("ipv4/ipfrag_time", patience),
                                ("ipv6/ip6frag_time", patience),
                                ("netfilter/nf_conntrack_frag6_timeout", patience)):
                net.write("/proc/sys/net/" + name, str(value))
        for name in ("icmp_msgs_per_sec", "icmp_msgs_burst"):
            for where in (host, None):
                ipvs.set_limit(where, "/proc/sys/net/ipv4/" + name)
        lines = ["link set fz0 addrgenmode none", "link set fz0 up"]
        gateway = GATEWAY.hex(":")
        for version, net_of in ((4, "198.51.100.0/24"), (6, "2001:db8:c::/64")):
            lines += ["addr add %s/%d dev fz0" % (OWN[version], 24 if version == 4 else 64)]
            lines += ["addr replace %s dev lo" % vip for vip in VIPS[version]]
            lines += ["neigh add %s lladdr %s dev fz0 nud permanent" % (
                SERVER[version] % (10 + n), ipvs.rmac(n).hex(":")) for n in range(SERVERS)]
            lines += ["neigh add %s lladdr %s dev fz0 nud permanent" %
                      (ROUTER[version], gateway),
                      "route add %s via %s" % (net_of, ROUTER[version])]
        net.batch(host, lines)
        self.sock = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, 0)
        self.sock.bind(("fuzz0", 0))
        self.sock.setsockopt(263, 15, 1)    # PACKET_VNET_HDR
        self.refused = 0

    def send(self, frames):
        """Sends them in this order. Those that the socket does not take are left out:
        longer than the MTU, or with a header that asks for nonsense."""
        whole = b"".join(frames)
        base = ctypes.cast(ctypes.c_char_p(whole), ctypes.c_void_p).value
        parts = []
        for frame in frames:
            parts += (base, len(frame))
            base += len(frame)
        number = len(frames)
        iovecs = ctypes.create_string_buffer(struct.pack("=%dQ" % (2 * number), *parts))
        at = ctypes.addressof(iovecs)
        heads = ctypes.create_string_buffer(b"".join(
            struct.pack("=QIIQQQQIIII", 0, 0, 0, at + 16 * n, 1, 0, 0, 0, 0, 0, 0)
            for n in range(number)))
        done, first = 0, ctypes.addressof(heads)
        while done < number:
            sent = net.LIBC.sendmmsg(self.sock.fileno(), ctypes.c_void_p(first + 64 * done),
                                     min(number - done, 1024), 0)
            if sent <= 0:
                code = ctypes.get_errno()
                if code not in (12, 22, 90):    # ENOMEM, EINVAL, EMSGSIZE
                    raise OSError(code, os.strerror(code))
                self.refused += 1
                sent = 1
            done += sent

    def close(self):
        """The devices may have gone with the namespace."""
        self.sock.close()
        net.run("ip", "link", "del", "fuzz0", check=False)


def key(version, port, protocol, vip=0):
    return genl.key(VIPS[version][vip], port, protocol)


def fragments():
    """How many datagrams of IPv4 wait for their rest in the director."""
    with net.within("director"):
        with open("/proc/thread-self/net/sockstat", encoding="ascii") as file:
            return [line for line in file if line.startswith("FRAG")][0]
