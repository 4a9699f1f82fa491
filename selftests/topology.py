# SPDX-License-Identifier: GPL-2.0
"""What the tests of the director's surroundings share: how a packet is to look
behind a router, rules of nftables, and a program behind NFQUEUE. Frames made by
hand go by test_tcp.py's wire, real connections to the servers a and b.
"""
import socket
import struct
import subprocess
import threading

import genl
import net
import servers
import test_tcp
from net import within

QUEUE = 5


def forwarded(packet):
    """The packet as a router sends it on."""
    if packet[0] >> 4 == 6:
        return packet[:7] + bytes([packet[7] - 1]) + packet[8:]
    size = (packet[0] & 15) * 4
    head = packet[:8] + bytes([packet[8] - 1, packet[9]]) + b"\0\0" + \
        packet[12:size]
    return head[:10] + struct.pack("!H", net.checksum(head)) + head[12:] + \
        packet[size:]


def same(wire, packet):
    """The server that a packet went to as it should, once; else what was seen."""
    fate = wire.send(packet)
    if isinstance(fate, int) and wire.frames[0].ip == forwarded(packet):
        return fate
    return fate, [frame.ip.hex() for frame in wire.frames]


def nft(text):
    """No skip here: every kernel of the tests has what the rules need."""
    done = subprocess.run(["ip", "netns", "exec", "director", "nft", "-f", "-"],
                          input=text, capture_output=True, text=True)
    if done.returncode:
        raise RuntimeError(done.stderr)


def offloads(host, *words, dev="eth0"):
    net.run("ip", "netns", "exec", host, "ethtool", "-K", dev, *words)


class Queue(threading.Thread):
    """A program behind a rule `queue`: accepts what it sees, changed perhaps."""

    def __init__(self, whole=False, hook="prerouting"):
        super().__init__(daemon=True)
        with within("director"):
            self.sock = socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, 12)
        self.sock.setsockopt(socket.SOL_SOCKET, 33, 1 << 23)
        self.sock.bind((0, 0))
        self.sock.settimeout(0.1)
        self.seen, self.largest, self.ending = 0, 0, False
        self.hook = hook
        self.change = lambda packet: None
        self.held = None
        self.say(2, genl.attr(1, struct.pack("!BBH", 1, 0, 0)))    # bind
        self.say(2, genl.attr(2, struct.pack("!IB", 0xffff, 2)))   # whole packets
        if whole:
            self.say(2, genl.attr(4, struct.pack("!I", 4)) +       # GSO packets
                     genl.attr(5, struct.pack("!I", 4)))

    def say(self, kind, body):
        body = struct.pack("!BBH", 0, 0, QUEUE) + body
        self.sock.send(struct.pack("=IHHII", 16 + len(body), 3 << 8 | kind, 1, 0,
                                   0) + body)

    def accept(self, number, packet=None):
        self.say(1, genl.attr(2, struct.pack("!II", 1, number)) +
                 (genl.attr(10, packet) if packet else b""))

    def heard(self, data):
        while len(data) >= 16:
            size, kind = struct.unpack("=IH", data[:6])
            if kind == 3 << 8:
                words = dict(genl.parse(data[20:size]))
                number = struct.unpack("!I", words[1][:4])[0]
                self.seen += 1
                self.largest = max(self.largest, len(words[10]))
                if self.held is None:
                    self.accept(number, self.change(words[10]))
                else:
                    self.held.append(number)
            data = data[(size + 3) & ~3:]

    def run(self):
        while not self.ending:
            try:
                self.heard(self.sock.recv(1 << 18))
            except socket.timeout:
                pass

    def __enter__(self):
        side = "iifname" if self.hook == "prerouting" else "oifname"
        nft("""table inet queued {
	chain raw {
		type filter hook %s priority raw
		%s eth0 meta l4proto { tcp, udp, icmp } queue num %d
		%s eth0 icmpv6 type < 128 queue num %d
	}
}""" % (self.hook, side, QUEUE, side, QUEUE))
        self.start()
        return self

    def __exit__(self, *_):
        nft("delete table inet queued")
        self.ending = True
        self.join()
        self.sock.close()


def main(names):
    """The tests of a script, with the wire and the echo servers."""
    built = net.build

    def build():
        built()
        servers.Servers().start()

    net.build = build
    test_tcp.main(names, real="ab")
