#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0
# Also on: trixie bookworm backports
"""What stands around the director's hook: rules in raw and before it, programs
behind NFQUEUE, which hand packets back in process context and changed perhaps,
and a socket that a rule has given to a packet.
"""
import os
import re
import socket

import genl
import ipvs
import net
import servers
from net import ACK, PSH, SYN, VIP, addr, batch, ip, ok, only, until, within
from test_services import icmp_about
from test_tcp import Counting, Wire, flow, open_director, rips
from topology import Queue, main, nft, same

BITS = {4: 32, 6: 128}


def walk(wire, director, version):
    """One packet for every way through the hook, with what became of it and
    whether it went as it should."""
    for proto in (6, 17):
        director.add(genl.key(ipvs.VIPS[version][0], 80, proto),
                     rips(version, 0))
    director.add(genl.key(ipvs.VIPS[version][0], 81))
    one = flow(version)
    out = [(what, same(wire, packet)) for what, packet in (
        ("SYN", one.tcp(SYN)), ("data", one.tcp(PSH | ACK, b"data")),
        ("datagram", one.udp()), ("ICMP error", icmp_about(one, version)))]
    payload = os.urandom(4000)
    whole = flow(version).udp(payload)
    parts = net.fragments(whole, 1200)
    for part in parts:
        wire.put(part)
    # Not by send(), whose ping would pass the datagram, which is queued once more.
    frames = wire.tap.wait(lambda f: f.src == wire.to and f.dst in wire.servers, len(parts))
    body = net.join([frame.ip for frame in frames])
    out.append(("fragments", ([wire.servers[frame.dst] for frame in frames],
                              body and body[8:] == payload)))
    for what, packet in (("TTL", one.tcp(ACK, ttl=1)),
                         ("stray", flow(version).tcp(ACK)),
                         ("no server", flow(version, port=81).tcp(SYN))):
        out.append((what, wire.send(packet)))
    row = director.servers(genl.key(ipvs.VIPS[version][0]))[rips(version, 0)[0]]
    out.append(("counted", (row["conns"], row["packets"])))
    director.clear()
    return out


def test_queue():
    """What comes back from a program does so in process context."""
    director, wire = open_director(), Wire()
    for version in (4, 6):
        before = walk(wire, director, version)
        with Queue() as queue:
            after = walk(wire, director, version)
        ok(dict(before)["SYN"] == 0 and before == after and queue.seen > 15,
           "IPv%d: through NFQUEUE in raw, each packet fares as without" % version,
           (queue.seen, before, after))
    wire.close()
    for version in (4, 6):
        for whole in (False, True):
            director.add(genl.key(VIP[version]), [addr("a", version)])
            with Queue(whole) as queue:
                sock = net.connect(version)
                good = sock.recv(1) == b"a" and servers.exchange(sock, 300000)
                sock.close()
            ok(good and queue.seen > 15 and (queue.largest > 2000) == whole,
               "IPv%d: a transfer through NFQUEUE, super-packets %s, is whole" %
               (version, "kept" if whole else "cut"),
               (good, queue.seen, queue.largest))
            director.clear()
    director.close()


def test_queue_local():
    """A client on the director, whose packets wait in a queue at LOCAL_OUT."""
    director = open_director()
    for version, away in ((4, "203.0.113.99"), (6, "2001:db8:f::99")):
        with_bits = "%s/%d" % (away, BITS[version])
        batch("a", ["addr add %s dev lo" % with_bits])
        ip("director", "route", "add", with_bits, "via", addr("client", version))
        with within("a"):
            listener = socket.create_server((away, 80), family=net.AF[version])
        listener.settimeout(net.WAIT)
        director.add(genl.key(away), [addr("a", version)])
        at_a = net.Tap("a")
        with Queue(hook="output") as queue:
            with within("director"):
                sock = socket.socket(net.AF[version])
            sock.settimeout(net.WAIT)
            # Not from the VIP, which is the server's too.
            sock.bind((addr("director", version), 0))
            sock.connect((away, 80))
            peer = listener.accept()[0]
            peer.settimeout(net.WAIT)
            data = os.urandom(100000)
            sock.sendall(data)
            got = b""
            while len(got) < len(data):
                got += peer.recv(1 << 17)
        wrong = [f.ip.hex() for f in at_a.frames() if f.daddr == net.pack(away) and
                 (f.src, f.ttl) != (net.mac("director"), 64)]
        row = director.servers(genl.key(away))[addr("a", version)]
        ok(got == data and queue.seen > 15 and row["conns"] == 1 and not wrong,
           "IPv%d: a client on the director gets through NFQUEUE at LOCAL_OUT" %
           version, (len(got), queue.seen, row, wrong[:2]))
        for each in (sock, peer, listener, at_a):
            each.close()
        director.clear()
        ip("director", "route", "del", with_bits)
        batch("a", ["addr del %s dev lo" % with_bits])
    director.close()


PROXY = """table inet proxy {
	chain pre {
		type filter hook prerouting priority mangle
		%s daddr %s tcp dport 80 tproxy %s to %s:9999 meta mark set 7
	}
}
table netdev proxy {
	chain out {
		type filter hook egress device eth0 priority 0
		tcp dport 80 counter
		tcp dport 80 meta skuid 0 counter
	}
}"""


@only("trixie", "bookworm", "backports")
def test_socket_assigned():
    """A transparent proxy's rule gives the packet a socket of this host, which is
    not to go along with it. The UML kernel has no tproxy."""
    director, wire = open_director(), Wire()
    for version in (4, 6):
        vip, here = ipvs.VIPS[version][0], {4: "127.0.0.1", 6: "[::1]"}[version]
        with within("director"):
            listener = socket.socket(net.AF[version])
        # IP_TRANSPARENT, IPV6_TRANSPARENT
        listener.setsockopt(*{4: (0, 19), 6: (41, 75)}[version], 1)
        listener.bind((here.strip("[]"), 9999))
        listener.listen()
        family = {4: "ip", 6: "ip6"}[version]
        try:
            nft(PROXY % (family, vip, family, here))
        except RuntimeError as error:
            print("skip - IPv%d: a socket assigned by tproxy: this kernel cannot "
                  "(%s)" % (version, str(error).split("\n")[0]), flush=True)
            listener.close()
            continue
        director.add(genl.marked(8, version), rips(version, 0))
        # Nobody sets that mark: the rule is there, the proxy answers.
        proxied = wire.send(flow(version).tcp(SYN))
        director.add(genl.marked(7, version), rips(version, 0))
        one = flow(version)
        got = [same(wire, one.tcp(flags)) for flags in (SYN, ACK)]
        director.clear()
        listener.close()
        listed = net.run("ip", "netns", "exec", "director", "nft", "list", "table",
                         "netdev", "proxy").stdout
        left = re.findall(r"packets (\d+)", listed)
        nft("delete table inet proxy; delete table netdev proxy")
        ok(proxied == "answer" and got == [0, 0] and left == ["2", "0"],
           "IPv%d: a packet that has got a socket is forwarded without it" %
           version, (proxied, got, left))
    wire.close()
    director.close()


def test_queue_changes():
    """A program may hand back what the stack would never have let in."""
    director, wire = open_director(), Wire()
    vips = {version: net.pack(ipvs.VIPS[version][0]) for version in (4, 6)}
    # Behind 16 bytes, what is no header would look like one of another port.
    rows = [("IPv4, ihl %d" % ihl, 4, lambda p, n=ihl: bytes([0x40 | n]) +
             p[1:28] + b"\x50" + p[29:])
            for ihl in (0, 1, 4, 15)]
    for version in (4, 6):
        head = 20 if version == 4 else 40
        for doff in (0, 4, 15):
            rows.append(("IPv%d, data offset %d" % (version, doff), version,
                         lambda p, h=head, n=doff: p[:h + 12] +
                         bytes([n << 4]) + p[h + 13:]))
        rows.append(("IPv%d, port 0" % version, version,
                     lambda p, h=head: p[:h] + b"\0\0" + p[h + 2:]))
        for cut in (1, 12, 19):
            rows.append(("IPv%d, %d bytes of TCP" % (version, cut), version,
                         lambda p, h=head, n=cut: p[:h + n]))
    wrong, counted = [], 0
    with Queue() as queue:
        # A newer kernel refuses most of them itself. Count what gets as far as us.
        nft("""table inet after {
	chain raw {
		type filter hook prerouting priority -250
		ip daddr %s counter
		ip6 daddr %s counter
	}
}""" % (ipvs.VIPS[4][0], ipvs.VIPS[6][0]))
        for version in (4, 6):
            director.add(genl.key(ipvs.VIPS[version][0]), rips(version, 0))
        for what, version, change in rows:
            at = 16 if version == 4 else 24
            queue.change = lambda p: change(p) if \
                p[at:at + len(vips[version])] == vips[version] else None
            counting = Counting()
            got = wire.send(flow(version).tcp(SYN))
            grown = counting.grown()
            # The stack gets it; what that says is its own business.
            if isinstance(got, int) or grown not in ({"malformed": 1}, {}):
                wrong.append((what, got, grown))
            counted += grown.get("malformed", 0)
        listed = net.run("ip", "netns", "exec", "director", "nft", "list", "table",
                         "inet", "after").stdout
        came = sum(map(int, re.findall(r"packets (\d+)", listed)))
        nft("delete table inet after")
        queue.change = lambda p: None
        after = [wire.send(flow(version).tcp(SYN)) for version in (4, 6)]
    ok(not wrong and after == [0, 0] and counted == came and came,
       "of %d packets that a program has damaged behind the stack's checks the "
       "kernel lets %d come: none is forwarded, all are counted" %
       (len(rows), came), "\n".join(map(str, wrong + [(counted, came, after)])))

    # Services go and come while packets wait for their verdict.
    one = flow()
    with Queue() as queue:
        queue.held = []
        for _ in range(5):
            wire.put(one.tcp(SYN))
        waited = until(lambda: len(queue.held) == 5)
        director.clear()
        director.add(genl.key(one.vip), rips(4, 0))
        for number in queue.held:
            queue.accept(number)
        queue.held = None
        got = same(wire, flow().tcp(SYN))
    ok(waited and got == 0, "services are removed and added while packets wait in a "
       "queue, and those after them are served", (waited, got))
    director.clear()
    wire.close()
    director.close()


def drop_by(tool, version, source):
    """(how to add a rule, how to remove it), or None where the kernel lacks it."""
    if tool == "nft raw":
        return ("""table inet guard {
	chain raw {
		type filter hook prerouting priority raw
		%s saddr %s drop
	}
}""" % ("ip" if version == 4 else "ip6", source), "delete table inet guard")
    if tool == "nft ingress":
        return ("""table netdev guard {
	chain in {
		type filter hook ingress device eth0 priority 0
		%s saddr %s drop
	}
}""" % ("ip" if version == 4 else "ip6", source), "delete table netdev guard")
    return None


def test_raw_rules():
    """What operators do at raw, and before it, is done before us."""
    director, wire = open_director(), Wire()
    for version in (4, 6):
        key = genl.key(ipvs.VIPS[version][0])
        for tool in ("nft raw", "nft ingress", "iptables"):
            good, bad = flow(version, client=1), flow(version, client=2)
            director.add(key, rips(version, 0))
            first = [wire.send(one.tcp(SYN)) for one in (good, bad)]
            rule = ("ip%stables" % "6"[version == 4:], "-t", "raw", "{}",
                    "PREROUTING", "-s", bad.client, "-j", "DROP")
            text = drop_by(tool, version, bad.client)
            if text:
                nft(text[0])
            else:
                done = net.run("ip", "netns", "exec", "director",
                               *[word.format("-A") for word in rule], check=False)
                if done.returncode:
                    print("skip - IPv%d: a rule of iptables in raw: this kernel "
                          "cannot (%s)" % (version, done.stderr.split("\n")[0]),
                          flush=True)
                    director.clear()
                    continue
            row = director.servers(key)[rips(version, 0)[0]]
            counting = Counting()
            cut = [wire.send(one.tcp(ACK)) for one in (good, bad)]
            cut.append(wire.send(flow(version, client=2).tcp(SYN)))
            now = director.servers(key)[rips(version, 0)[0]]
            grown = (now["conns"] - row["conns"], now["packets"] - row["packets"],
                     counting.grown())
            if text:
                nft(text[1])
            else:
                net.run("ip", "netns", "exec", "director",
                        *[word.format("-D") for word in rule])
            last = [wire.send(one.tcp(ACK)) for one in (good, bad)]
            ok((first, cut, last) == ([0, 0], [0, None, None], [0, 0]) and
               grown == (0, 1, {}), "IPv%d, %s: a rule that drops holds for open "
               "connections and new ones, for its client alone, while it is there"
               % (version, tool), (first, cut, last, grown))
            director.clear()
    wire.close()
    director.close()


class Tunnel(Wire):
    """TCP comes in VXLAN, by a device that leaves the rest to metadata."""

    def put(self, packet):
        if packet[9 if packet[0] >> 4 == 4 else 6] == 6:
            frame = net.mac("director", "vx0") + self.own + \
                ipvs.KIND[packet[0] >> 4] + packet
            packet = net.packet(addr("client"), addr("director"), 17, net.udp(
                4789, 4789, b"\x08\0\0\0\0\0\x07\0" + frame))
        super().put(packet)

    def answer(self, packet):
        """The tunnel's device has a queue of its own, so a ping may be answered before
        the packet is."""
        source = {packet[12:16] if packet[0] >> 4 == 4 else packet[8:24]}
        self.put(packet)
        seen = self.tap.wait(lambda f: f.src == self.to and
                             self.fate(f, source) is not None)
        return self.fate(seen[0], source) if seen else None


def test_metadata():
    """A RST is sent by the route to the client, not by the tunnel's metadata."""
    director = open_director()
    net.run("ip", "-n", "director", "link", "add", "vx0", "type", "vxlan", "external",
            "dstport", "4789")
    ip("director", "link", "set", "vx0", "up")
    wire = Tunnel()
    for version in (4, 6):
        vip = ipvs.VIPS[version][0]
        director.add(genl.key(vip), rips(version, 0), stray="reset")
        director.do(genl.SERVICE_NEW, genl.key(vip, 81) +
                    genl.u8(genl.REFUSE, genl.REFUSALS.index("reset")))
        got = [wire.answer(flow(version).tcp(ACK)),
               wire.answer(flow(version, port=81).tcp(SYN)),
               wire.answer(flow(version).tcp(SYN))]
        ok(got == ["reset", "reset", 0], "IPv%d: packets out of a tunnel with metadata "
           "are refused by RST, and forwarded" % version, got)
        director.clear()
    wire.close()
    ip("director", "link", "del", "vx0")
    director.close()


if __name__ == "__main__":
    main(globals())
