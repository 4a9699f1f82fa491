#!/usr/bin/python3 -B
# SPDX-License-Identifier: GPL-2.0
"""What surrounds the director's hook: headers with options, offloads, raw rules and
NFQUEUE in front of it, a bond and a VRF below it, the source checks that it stands
in for. What leaves is compared byte by byte with what came.

Frames made by hand go by test_tcp.py's wire, real connections to the servers a
and b.
"""
import os
import re
import socket
import struct
from collections import Counter

import genl
import ipvs
import net
import servers
from net import ACK, FIN, PSH, SYN, VIP, addr, batch, ip, ok, until, within, write
from test_services import icmp_about
from test_tcp import Counting, Wire, flow, main, open_director, rips
from topology import Queue, nft, offloads, same

BITS = {4: 32, 6: 128}

OPTIONS = {
    4: {
        "record route": b"\7\x0b\4" + bytes(8) + b"\0",
        "a time stamp": b"\x44\x0c\5\0" + bytes(8),
        "a loose source route": b"\x83\7\4\xc0\0\2\1\0",
        "a strict source route": b"\x89\7\4\xc0\0\2\1\0",
        "router alert": b"\x94\4\0\0",
        "security": b"\x82\x0b" + bytes(9) + b"\0",
        "40 bytes of nothing": b"\1" * 40,
        "an option that nobody knows": b"\xde\4\1\2",
    },
    6: {
        "router alert": b"\0%c\0\5\2\0\0\1\0",
        "destination options": b"\x3c%c\0\1\4\0\0\0\0",
        "an option that nobody knows, to be skipped": b"\x3c%c\0\x1e\4\1\2\3\4",
        "a routing header that is used up": b"\x2b%c\2\2\0" + bytes(20),
        "an authentication header": b"\x33%c\4\0\0\0\0\0\1\0\0\0\1" + b"\x5a" * 12,
        "hop-by-hop, routing and destination options":
            b"\0\x2b\0\1\4\0\0\0\0" b"\x3c\2\2\0" + bytes(20) +
            b"%c\0\1\4\0\0\0\0",
        "256 bytes of options": b"\x3c%c\x1f\1\xfc" + bytes(252),
    },
}


def test_options():
    """A connection is the same with options and without."""
    director, wire = open_director(), Wire()
    for version in (4, 6):
        for proto in (6, 17):
            key = genl.key(ipvs.VIPS[version][0], 80, proto)
            director.add(key, rips(version, 0, 1), sched="rr")
            wrong = []
            for number, (what, form) in enumerate(OPTIONS[version].items()):
                # Of extension headers, the last one says what follows.
                options = form if version == 4 else form.replace(
                    b"%c", bytes([proto]))
                one = flow(version)
                make = [lambda more: one.tcp(SYN, **more),
                        lambda more: one.tcp(PSH | ACK, b"data", **more)] \
                    if proto == 6 else [lambda more: one.udp(**more)] * 2
                got = [same(wire, make[step](more)) for step, more in
                       ((0, {"options": options}), (1, {}),
                        (1, {"options": options}))]
                if got != [number % 2] * 3:
                    wrong.append((what, got))
            ok(not wrong, "IPv%d, %s: with options of %d kinds a packet goes as it "
               "came but for the TTL, and to its connection's server" %
               (version, {6: "TCP", 17: "UDP"}[proto], len(OPTIONS[version])),
               "\n".join(map(str, wrong)))
        director.clear()
    wire.close()
    director.close()


def of_tcp(frame):
    """What tells a segment, or many in one, from others."""
    head = frame.ip[20:] if frame.proto == 0x0800 else frame.ip[40:]
    return frame.sport, head[4:8], len(frame.payload), frame.flags


def test_super_packets():
    """What the stack has put together stays together, and is what the director
    got. GRO is off, so that nothing is put together behind the director."""
    director = open_director()
    at_director, at_a = net.Tap("director"), net.Tap("a")
    for host in ("director", "a"):
        offloads(host, "gro", "off")
    for version in (4, 6):
        tcp, udp = (genl.key(VIP[version], 80, proto) for proto in (6, 17))
        director.add(tcp, [addr("a", version)])
        for tap in (at_director, at_a):
            tap.flush()
        sock = net.connect(version)
        whole = sock.recv(1) == b"a" and servers.exchange(sock, 500000)
        sport = sock.getsockname()[1]
        sock.close()
        came, went = [], []

        def match(frame):
            return frame.sport == sport and frame.dport == 80 and \
                frame.src == net.mac("client")

        def gone(frame):
            return frame.sport == sport and frame.dport == 80 and \
                frame.src == net.mac("director")

        def settled():
            came.extend(of_tcp(f) for f in at_director.frames() if match(f))
            went.extend(of_tcp(f) for f in at_a.frames() if gone(f))
            return any(f[3] & FIN for f in went) and len(went) >= len(came)

        until(settled)
        large = sum(size > 1500 for _, _, size, _ in went)
        ok(whole and large > 10 and Counter(came) == Counter(went), "IPv%d, TCP: "
           "super-packets leave as they came, none cut and none twice" % version,
           (whole, large, Counter(came) - Counter(went),
            Counter(went) - Counter(came)))

        director.add(udp, [addr("a", version)])
        sock = servers.udp_socket(version)
        sport = sock.getsockname()[1]
        sock.setsockopt(17, 103, 1000)      # UDP_SEGMENT
        data = os.urandom(29500)
        sock.send(data)
        back = [sock.recv(2000) for _ in range(30)]
        seen = at_a.wait(gone)
        row = director.servers(udp)[addr("a", version)]
        size = len(data) + 30 * (28 if version == 4 else 48)
        ok(back == [b"a" + data[at:at + 1000] for at in range(0, 29500, 1000)] and
           [f.payload for f in seen] == [data] and
           (row["conns"], row["packets"], row["bytes"]) == (1, 30, size),
           "IPv%d, UDP: one super-packet of 30 datagrams leaves as one, and is "
           "counted as 30" % version, ([len(f.payload) for f in seen], row))
        sock.close()
        director.clear()
    for host in ("director", "a"):
        offloads(host, "gro", "on")
    for each in (at_director, at_a, director):
        each.close()


def test_super_packets_too_large():
    """A route whose MTU the segments of a super-packet do not fit."""
    director = open_director()
    at_a = net.Tap("a")
    for version in (4, 6):
        udp = genl.key(VIP[version], 80, 17)
        director.add(udp, [addr("a", version)])
        # Less than 1280 would end IPv6.
        ip("director", "-%d" % version, "route", "add", addr("a", version), "dev",
           "eth0", "mtu", "lock", "1300")
        counting = Counting()
        sock = servers.udp_socket(version)
        sock.setsockopt(17, 103, 1400)
        data = os.urandom(14000)
        if version == 4:
            sock.setsockopt(socket.IPPROTO_IP, 10, 0)     # no DF
            at_a.flush()
            sock.send(data)
            back = [sock.recv(2000) for _ in range(10)]
            sizes = [len(f.ip) for f in at_a.frames()
                     if f.daddr == net.pack(VIP[4]) and f.l4 == 17]
            ok(back == [b"a" + data[at:at + 1400] for at in
                        range(0, 14000, 1400)] and len(sizes) == 20 and
               max(sizes) <= 1300, "IPv4: a super-packet that may be cut is: ten "
               "datagrams arrive, in two fragments each", (len(back), sizes))
            sock.setsockopt(socket.IPPROTO_IP, 10, 2)
            counting.grown()
        client = net.Tap("client")
        sock.send(data)
        told = client.wait(lambda f: f.l4 == (1 if version == 4 else 58) and
                           (f.ip[20:22] == b"\3\4" if version == 4 else
                            f.ip[40] == 2))
        mtu = told and int.from_bytes(told[0].ip[26:28] if version == 4 else
                                      told[0].ip[44:48], "big")
        ok(mtu == 1300 and counting.grown() == {"mtu": 1}, "IPv%d: one that may "
           "not is answered by ICMP with the MTU, and counted" % version, mtu)
        client.close()
        sock.close()
        ip("director", "-%d" % version, "route", "del", addr("a", version), "dev",
           "eth0")
        net.forget_pmtu()
        director.clear()
    at_a.close()
    director.close()


def sound(frame):
    """Whether the transport checksum is right."""
    size = len(frame.ip) - (20 if frame.proto == 0x0800 else 40)
    return not net.checksum(frame.saddr + frame.daddr +
                            struct.pack("!II", size, frame.l4) +
                            frame.ip[-size:])


def test_checksums():
    """The client's side leaves checksums to its device, or not; so does the
    director's."""
    director, wire = open_director(), Wire()
    at_a = net.Tap("a")
    for version in (4, 6):
        for client, mine in (("on", "on"), ("on", "off"), ("off", "on"),
                             ("off", "off")):
            offloads("client", "tx", client)
            offloads("director", "tx", mine)
            for proto in (6, 17):
                director.add(genl.key(VIP[version], 80, proto),
                             [addr("a", version)])
            at_a.flush()
            sock = net.connect(version)
            good = sock.recv(1) == b"a" and servers.exchange(sock, 50000)
            sock.close()
            sock = servers.udp_socket(version)
            sock.send(b"odd" * 333)
            good = good and sock.recv(2000) == b"a" + b"odd" * 333
            sock.close()
            seen = [f for f in at_a.frames() if f.dport == 80 and
                    f.src == net.mac("director")]
            wrong = [f.ip.hex() for f in seen if not sound(f)]
            what = "IPv%d, checksum offload %s at the client and %s at the " \
                "director: TCP and UDP go through" % (version, client, mine)
            if (client, mine) == ("on", "on"):
                # Nobody on this way computes it.
                ok(good and seen, what, (good, len(seen)))
            else:
                ok(good and len(seen) > 20 and not wrong,
                   what + ", with right checksums", (good, len(seen), wrong[:3]))
            director.clear()
        for host in ("client", "director"):
            offloads(host, "tx", "on", "tso", "on")
        director.add(genl.key(ipvs.VIPS[version][0]), rips(version, 0))
        one = flow(version)
        bad = one.tcp(SYN)
        at = len(bad) - 4
        bad = bad[:at] + bytes([bad[at] ^ 0x55]) + bad[at + 1:]
        got = same(wire, bad)
        ok(got == 0, "IPv%d: a wrong checksum is left to the server, as it is" %
           version, got)
        director.clear()
    at_a.close()
    wire.close()
    director.close()


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
    fates = wire.send(*net.fragments(whole, 1200))
    body = net.join([frame.ip for frame in wire.frames])
    out.append(("fragments", (fates, body and body[8:] == payload)))
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


def test_socket_assigned():
    """A transparent proxy's rule gives the packet a socket of this host, which is
    not to go along with it."""
    director, wire = open_director(), Wire()
    for version in (4, 6):
        vip, here = ipvs.VIPS[version][0], {4: "127.0.0.1", 6: "::1"}[version]
        with within("director"):
            listener = socket.socket(net.AF[version])
        # IP_TRANSPARENT, IPV6_TRANSPARENT
        listener.setsockopt(*{4: (0, 19), 6: (41, 75)}[version], 1)
        listener.bind((here, 9999))
        listener.listen()
        family = {4: "ip", 6: "ip6"}[version]
        try:
            nft("""table inet proxy {
	chain pre {
		type filter hook prerouting priority mangle
		%s daddr %s tcp dport 80 tproxy %s to %s:9999 meta mark set 7
	}
}""" % (family, vip, family, here if version == 4 else "[%s]" % here))
        except RuntimeError as error:
            print("skip - IPv%d: a socket assigned by tproxy: this kernel cannot "
                  "(%s)" % (version, str(error).split("\n")[0]), flush=True)
            listener.close()
            continue
        got = []
        for mark in (8, 7):
            director.add(genl.marked(mark, version), rips(version, 0))
            one = flow(version)
            got.append([same(wire, one.tcp(SYN)), same(wire, one.tcp(ACK))])
            director.clear()
        listener.close()
        nft("delete table inet proxy")
        # Of the mark that nobody sets, to see that the rule is there.
        ok(got[1] == [0, 0] and got[0][0][0] not in (0, "reset"), "IPv%d: a packet "
           "that has got a socket is forwarded like others" % version, got)
    wire.close()
    director.close()


def test_queue_changes():
    """A program may hand back what the stack would never have let in."""
    director, wire = open_director(), Wire()
    vips = {version: net.pack(ipvs.VIPS[version][0]) for version in (4, 6)}
    rows = [("IPv4, ihl %d" % ihl, 4, lambda p, n=ihl: bytes([0x40 | n]) + p[1:])
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


def test_failover():
    """The bond to the servers loses the cable that it uses."""
    director = open_director()
    done = ip("director", "link", "add", "bond7", "type", "bond", "mode",
              "active-backup", "miimon", "50", check=False)
    if done.returncode:
        print("skip - a bond: this kernel has none", flush=True)
        director.close()
        return
    for number in (0, 1):
        batch("", ["link add vs%d type veth peer name s%d netns director" %
                   (number, number), "link set vs%d master br0 up" % number])
        batch("director", ["link set s%d down" % number,
                           "link set s%d master bond7" % number,
                           "link set s%d up" % number])
    batch("director", ["addr add 10.66.0.70/24 dev bond7",
                       "addr add fd66::70/64 dev bond7 nodad",
                       "link set bond7 up"])
    # Who asks for the VIP is to hear of eth0.
    with within("director"):
        write("/proc/sys/net/ipv4/conf/all/arp_ignore", "1")
    batch("a", ["addr add 10.66.0.62/24 dev eth0",
                "addr add fd66::62/64 dev eth0 nodad"])
    until(lambda: "LOWER_UP" in ip("director", "link", "show", "bond7").stdout)
    at_a, by = net.Tap("a"), [net.Tap("director", "s%d" % n) for n in (0, 1)]
    bond = net.mac("director", "bond7")
    for version, rip in ((4, "10.66.0.62"), (6, "fd66::62")):
        director.add(genl.key(VIP[version]), [rip])
        sock = net.connect(version)
        sock.recv(1)
        # The first way is found, not assumed.
        for tap in by + [at_a]:
            tap.flush()
        good = servers.exchange(sock, 100000)
        used = [sum(f.outgoing and f.dport == 80 for f in tap.frames())
                for tap in by]
        first = max((0, 1), key=lambda n: used[n])
        net.run("ip", "link", "set", "vs%d" % first, "down")
        for tap in by + [at_a]:
            tap.flush()
        good = good and servers.exchange(sock, 100000)
        then = sum(f.outgoing and f.dport == 80 for f in by[1 - first].frames())
        seen = [f for f in at_a.frames() if f.dport == 80]
        macs = {(f.src, f.dst) for f in seen}
        ok(good and used[first] and not used[1 - first] and then and
           macs == {(bond, net.mac("a"))} and {f.ttl for f in seen} == {63},
           "IPv%d: a connection goes on when the bond's active cable is pulled" %
           version, (good, used, then, macs))
        sock.close()
        net.run("ip", "link", "set", "vs%d" % first, "up")
        until(lambda: "LOWER_UP" in ip("director", "link", "show",
                                       "s%d" % first).stdout)
        director.clear()
    for tap in by + [at_a]:
        tap.close()
    ip("director", "link", "del", "bond7")
    for number in (0, 1):
        net.run("ip", "link", "del", "vs%d" % number)
    batch("a", ["addr del 10.66.0.62/24 dev eth0", "addr del fd66::62/64 dev eth0"])
    with within("director"):
        write("/proc/sys/net/ipv4/conf/all/arp_ignore", "0")
    # Its list of bonds looks like one more device.
    net.run("modprobe", "-r", "bonding")
    director.close()


def enter(director, entry):
    director.do(genl.INFO_SET, genl.u8(genl.INFO_ENTRY, entry))


def test_vrf():
    """A packet passes PREROUTING twice in a VRF: as its device's, and as the
    VRF's. Whatever the hook, it is one packet."""
    director = open_director()
    if ip("director", "link", "add", "red", "type", "vrf", "table", "77",
          check=False).returncode:
        print("skip - a VRF: this kernel has none", flush=True)
        director.close()
        return
    batch("director", ["link set red up", "link set eth0 master red"])
    net.address("director")
    # What the wire has, in the VRF.
    for version, clients in ((4, "198.51.100.0/24"), (6, "2001:db8:c::/64")):
        batch("director", ["addr replace %s/%d dev red" % (vip, BITS[version])
                           for vip in ipvs.VIPS[version]] +
              ["neigh replace %s lladdr %s dev eth0 nud permanent" %
               (rip, ipvs.rmac(n).hex(":"))
               for n, rip in enumerate(rips(version, 0, 1))] +
              ["route replace %s via %s vrf red" %
               (clients, addr("client", version))])
    nft("""table inet marks {
	chain pre {
		type filter hook prerouting priority mangle
		ip daddr %s meta mark set 7
		ip6 daddr %s meta mark set 7
	}
}""" % (ipvs.VIPS[4][1], ipvs.VIPS[6][1]))
    wire = Wire()
    for entry, name in ((0, "PREROUTING"), (1, "LOCAL_IN")):
        enter(director, entry)
        for version in (4, 6):
            for kind, key, vip in (
                    ("a port", genl.key(ipvs.VIPS[version][0]), 0),
                    ("a mark", genl.marked(7, version), 1)):
                director.add(key, rips(version, 0, 1), sched="rr")
                fates, counting = [], Counting()
                for _ in range(2):
                    one = flow(version, vip=vip)
                    fates.append([same(wire, one.tcp(SYN)),
                                  same(wire, one.tcp(PSH | ACK, b"data"))])
                rows = [(row["conns"], row["packets"])
                        for row in director.servers(key).values()]
                ok(fates == [[0, 0], [1, 1]] and rows == [(1, 2)] * 2 and
                   not counting.grown(), "IPv%d, a VRF, %s, service of %s: each "
                   "connection and packet is one" % (version, name, kind),
                   (fates, rows))
                director.clear()
    enter(director, 0)
    # An address that is the director's outside of the VRF is a client's in it.
    batch("director", ["addr add 198.51.100.200/32 dev lo"])
    director.add(genl.key(ipvs.VIPS[4][0]), rips(4, 0))
    counting = Counting()
    got = [wire.send(flow(client=n).tcp(SYN)) for n in (200, 201)]
    grown = counting.grown()
    batch("director", ["addr add 198.51.100.200/32 dev red"])
    got.append(wire.send(flow(client=200).tcp(SYN)))
    ok(got == [0, 0, None] and not grown and
       counting.grown() == {"bad-source": 1}, "IPv4: a source is the director's own "
       "if it is in the packet's VRF", (got, grown))
    director.clear()
    wire.close()
    nft("delete table inet marks")
    ip("director", "link", "del", "red")
    net.address("director")
    ipvs.lay_wire()
    director.close()


BAD = {4: ["0.0.0.0", "127.0.0.1", "127.9.9.9", "224.0.0.5",
           "239.1.2.3", "255.255.255.255", "192.168.1.255", addr("director"),
           ipvs.VIPS[4][0], ipvs.VIPS[4][1]],
       # The stack itself lets no loopback, multicast or mapped source in.
       6: ["::", addr("director", 6), ipvs.VIPS[6][0], ipvs.VIPS[6][1],
           "fe80::70"]}


def test_sources():
    """In place of the martian checks: whatever asks for a connection, or for a
    datagram's forwarding, has a source that somebody else can have."""
    director, wire = open_director(), Wire()
    for version in (4, 6):
        vip = ipvs.VIPS[version][0]
        wrong = []
        for what, make, settings in (
                ("SYN", lambda one: one.tcp(SYN), {}),
                ("UDP", lambda one: one.udp(), {}),
                ("UDP, one packet", lambda one: one.udp(),
                 {"flags": genl.ONE_PACKET})):
            director.add(genl.key(vip, 80, 6 if what == "SYN" else 17),
                         rips(version, 0), **settings)
            for source in BAD[version]:
                counting = Counting()
                got = wire.send(make(flow(version)._replace(client=source)))
                grown = counting.grown()
                if got is not None or grown != {"bad-source": 1}:
                    wrong.append((what, source, got, grown))
            if wire.send(make(flow(version))) != 0:
                wrong.append((what, "a good source"))
            director.clear()
        ok(not wrong, "IPv%d: no connection and no datagram from %d sources that no "
           "client has, each counted" % (version, len(BAD[version])),
           "\n".join(map(str, wrong)))
    # No route leads back to it by the way it came: rp_filter's business.
    batch("director", ["link add away type veth peer name gone",
                       "link set away up",
                       "addr add 100.64.0.1/24 dev away"])
    with within("director"):
        write("/proc/sys/net/ipv4/conf/eth0/rp_filter", "1")
    director.add(genl.key(ipvs.VIPS[4][0]), rips(4, 0))
    got = []
    for entry in (0, 1):
        enter(director, entry)
        counting = Counting()
        got.append((wire.send(flow()._replace(client="100.64.0.5").tcp(SYN)),
                    wire.send(flow().tcp(SYN)), counting.grown()))
    enter(director, 0)
    ok(got == [(0, 0, {}), (None, 0, {})], "IPv4: rp_filter is gone around, and is "
       "not with the entry at LOCAL_IN", got)
    with within("director"):
        write("/proc/sys/net/ipv4/conf/eth0/rp_filter", "0")
    ip("director", "link", "del", "away")
    director.clear()
    wire.close()
    director.close()


def test_frames_for_all():
    """Frames that were sent to everybody, or to a group, are nobody's to forward."""
    director, wire = open_director(), Wire()
    for version in (4, 6):
        director.add(genl.key(ipvs.VIPS[version][0], 80, 17), rips(version, 0))
        got, counting = [], Counting()
        for to in (b"\xff" * 6, b"\1\0\x5e\0\0\1", b"\x33\x33\0\0\0\1",
                   b"\2\0\0\0\0\x77", net.mac("director")):
            packet = flow(version).udp()
            wire.tap.send(to + wire.own + ipvs.KIND[version] + packet)
            wire.send(flow(version).udp())
            # Of the frame in question there may be none: look at what is counted.
            row = director.servers(genl.key(ipvs.VIPS[version][0], 80, 17))
            got.append(row[rips(version, 0)[0]]["packets"])
        ok(got == [1, 2, 3, 4, 6] and not counting.grown(), "IPv%d: of frames to "
           "everybody, to groups, to another MAC and to the director's, the last "
           "alone is forwarded" % version, (got, counting.grown()))
        director.clear()
    wire.close()
    director.close()


def build_servers():
    """The echo servers beside the wire."""
    built = net.build

    def build():
        built()
        servers.Servers().start()

    net.build = build


if __name__ == "__main__":
    build_servers()
    main(globals(), real="ab")
