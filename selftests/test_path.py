#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0
# Also on: trixie bookworm backports
"""A packet's way through the director, asserted by capture on all sides."""
import errno
import json
import socket
import struct
import threading

import genl
import net
from net import FIN, SYN, VIP, Tap, drops_of, lbctl, ok, until
from servers import (configure, exchange, server, service, udp_socket, which)


def judge_frame(frame, version, sport, what):
    """The frame that reached server a, against what the client sent."""
    want = {
        "source MAC": (frame.src, net.mac("director")),
        "destination MAC": (frame.dst, net.mac("a")),
        "source address": (frame.saddr, net.pack(net.addr("client", version))),
        "destination address": (frame.daddr, net.pack(VIP[version])),
        "source port": (frame.sport, sport),
        "destination port": (frame.dport, 80),
        "TTL": (frame.ttl, 63),
    }
    if version == 4:
        want["IP checksum"] = (net.checksum(frame.ip[:20]), 0)
    wrong = ["%s is %s, not %s" % (name, got, wanted)
             for name, (got, wanted) in want.items() if got != wanted]
    ok(not wrong, what + ": the director's MAC as source, the server's as "
       "destination, addresses and ports unchanged, TTL one less", "\n".join(wrong))


def test_frames():
    for version in (4, 6):
        configure(version, [("a", 1)])
        at_a, at_director = Tap("a"), Tap("director")
        sock = net.connect(version)
        sport = sock.getsockname()[1]
        seen = at_a.wait(lambda f: f.sport == sport and f.flags & SYN)
        if ok(seen, "IPv%d TCP: the SYN reaches the server" % version):
            judge_frame(seen[0], version, sport, "IPv%d TCP" % version)
        ok(sock.recv(1) == b"a" and exchange(sock, 100000),
           "IPv%d TCP: 100,000 bytes come back as they were sent" % version)
        sock.close()
        answers = [f for f in at_director.frames()
                   if f.saddr == net.pack(VIP[version]) and f.sport == 80]
        ok(not answers, "IPv%d TCP: no answer passes the director" % version)

        configure(version, [("a", 1)], protocol=17)
        at_a.flush()
        sock = udp_socket(version)
        sock.send(b"payload")
        ok(sock.recv(100) == b"apayload",
           "IPv%d UDP: a datagram is answered, its payload intact" % version)
        sport = sock.getsockname()[1]
        seen = at_a.wait(lambda f: f.sport == sport)
        if ok(seen, "IPv%d UDP: the datagram reaches the server" % version):
            judge_frame(seen[0], version, sport, "IPv%d UDP" % version)
        sock.close()
        at_a.close()
        at_director.close()


def test_bystanders():
    configure(4, [("a", 1)])
    done = net.run("ip", "netns", "exec", "client", "ping", "-c", "1", "-W",
                   "5", VIP[4], check=False)
    ok(done.returncode == 0, "ping of the VIP is answered by the director")

    def refused():
        try:
            net.connect(4, port=81)
        except ConnectionRefusedError:
            return True
        return False

    def uncounted():
        # What a test before has left under way may come just now, but not always.
        before = net.drops()
        return refused() and net.drops() == before

    ok(refused(), "a port of the VIP without a service is refused by the director")
    ok(until(uncounted), "and is counted as nothing")
    with net.within("director"):
        listener = socket.create_server((VIP[4], 82))
    sock = net.connect(4, port=82)
    peer = listener.accept()[0]
    peer.sendall(b"hello")
    ok(sock.recv(5) == b"hello",
       "a socket of the director on another port of the VIP works")
    peer.close()
    sock.close()
    listener.close()
    # The director as a client, from the VIP: the SYN+ACK is no service's.
    with net.within("client"):
        listener = socket.create_server(("192.168.1.101", 8080))
    with net.within("director"):
        sock = socket.create_connection(("192.168.1.101", 8080), net.WAIT,
                                        (VIP[4], 0))
    ok(True, "the director opens a connection of its own from the VIP")
    sock.close()
    listener.close()
    with net.within("director"):
        sock = socket.socket()
        sock.settimeout(net.WAIT)
        before = drops_of("local-client")
        try:
            sock.connect((VIP[4], 80))
            refused = False
        except ConnectionRefusedError:
            refused = True
    ok(refused and drops_of("local-client") == before + 1,
       "the director's own fetch from its VIP is refused at once and counted")


def test_first_syn():
    configure(4, [("a", 1)])
    which()
    at_a = Tap("a")
    net.ip("director", "neigh", "flush", "all")
    at_a.flush()
    sock = net.connect()
    sport = sock.getsockname()[1]
    sock.recv(1)
    syns = [f for f in at_a.frames() if f.sport == sport and f.flags & SYN]
    ok(len(syns) == 1, "the first SYN to a server without a neighbour entry gets "
       "through: one SYN arrives, and no other was needed", len(syns))
    sock.close()
    at_a.close()


GHOST = {4: "192.168.1.99", 6: "2001:db8:1::99"}


def test_dead_server():
    """Nobody has the server's address: the client is told, and it is counted."""
    with net.within("director"):
        director = genl.Director()
    client = Tap("client")
    director.clear()
    for version in (4, 6):
        for protocol in (6, 17):
            key = genl.key(VIP[version], 80, protocol)
            director.add(key, [GHOST[version]])
            before, told = drops_of("neighbour"), None
            client.flush()
            if protocol == 6:
                try:
                    net.connect(version)
                except OSError as error:
                    told = error.errno
                good = told == errno.EHOSTUNREACH
            else:
                # Not one of a size that is cut, nor one: each is told or counted.
                with udp_socket(version) as sock:
                    sock.send(b"x")
                    good = client.wait(
                        lambda f, v=version: f.ip[20:22] == b"\3\1" and f.l4 == 1
                        if v == 4 else f.l4 == 58 and f.ip[40:42] == b"\1\3")
            ok(good, "IPv%d, %s: the client of a server that is dead gets "
               "an ICMP error" % (version, {6: "TCP", 17: "UDP"}[protocol]),
               told)

            def counted():
                sent = director.servers(key)[GHOST[version]]["packets"]
                return drops_of("neighbour") - before == sent > 0

            ok(until(counted), "and its packets are counted as neighbour",
               (drops_of("neighbour") - before, director.servers(key)))
            director.clear()
    client.close()
    director.close()


def unresolved(version, number):
    """Datagrams that wait for the neighbour of a server that nobody has, by a device
    of its own. Returns how many there are."""
    with net.within("director"):
        director = genl.Director()
    key = genl.key(VIP[version], 80, 17)
    net.batch("director", ["link add away type veth peer name gone",
                           "link set gone up", "link set away up",
                           "addr add 10.77.0.1/24 dev away",
                           "addr add fd77::1/64 dev away nodad"])
    # The resolution does not end before the test does something.
    with net.within("director"):
        for family in ("ipv4", "ipv6"):
            net.write("/proc/sys/net/%s/neigh/away/retrans_time_ms" % family, "60000")
    rip = "10.77.0.9" if version == 4 else "fd77::9"
    director.clear()
    director.add(key, [rip])
    with udp_socket(version) as sock:
        for _ in range(number):
            sock.send(b"x")
    until(lambda: director.servers(key)[rip]["packets"] == number)
    sent = director.servers(key)[rip]["packets"]
    director.close()
    return sent


def test_removed_neighbour():
    """A neighbour that is removed while packets wait for it: they are counted."""
    for version in (4, 6):
        rip = "10.77.0.9" if version == 4 else "fd77::9"
        for what, words in (("ip neigh del", ["neigh", "del", rip, "dev", "away"]),
                            ("link down", ["link", "set", "away", "down"]),
                            ("link del", ["link", "del", "away"])):
            before = drops_of("neighbour")
            sent = unresolved(version, 3)
            early = drops_of("neighbour") - before
            net.run("ip", "-n", "director", *words)
            ok(until(lambda b=before: drops_of("neighbour") == b + 3, 5) and sent == 3
               and not early, "IPv%d, %s: three packets that waited for the neighbour "
               "are counted" % (version, what),
               (sent, early, drops_of("neighbour") - before))
            net.ip("director", "link", "del", "away", check=False)
    lbctl("clear")


def big_tcp(size):
    """Devices of the whole way, or a reason why not."""
    ways = [("", "v" + host) for host in net.HOSTS] + [("", "br0")] + \
        [(host, "eth0") for host in net.HOSTS]
    for host, dev in ways:
        done = net.run("ip", *(["-n", host] if host else []), "link", "set", dev,
                       "gso_max_size", str(size), "gro_max_size", str(size),
                       check=False)
        if done.returncode:
            return done.stderr
    return None


def test_big_tcp():
    """IPv6 packets above 64 KiB have a header that their segments do not have."""
    reason = big_tcp(180000)
    if reason:
        raise net.Skip("no BIG TCP: " + reason)
    # Or TCP makes packets of what it sends in a millisecond: on a slow machine, little.
    with net.within("client"):
        net.write("/proc/sys/net/ipv4/tcp_tso_rtt_log", "31")
    configure(6, [("a", 1)])
    at_a, before = Tap("a"), drops_of("mtu")
    with net.connect(6) as sock:
        sock.recv(1)
        megabytes, largest, whole = 0, 0, True

        def sent_large():
            """What the capture has room for."""
            nonlocal megabytes, largest, whole
            whole = whole and exchange(sock, 3000000)
            megabytes += 3
            largest = max([largest] + [len(f.data) for f in at_a.frames(10)
                                       if f.proto == 0x86dd])
            return not whole or (megabytes >= 12 and largest > 65600)

        until(sent_large)
        info = sock.getsockopt(socket.IPPROTO_TCP, 11, 256)     # TCP_INFO
        segments, = struct.unpack_from("=I", info, 136)
        sent, = struct.unpack_from("=Q", info, 200)
        row = json.loads(lbctl("list", "-j").stdout)[0]["stats"]
    grown = drops_of("mtu") - before
    big_tcp(65536)
    ok(whole and largest > 65600, "IPv6: 12 MB in packets above 64 KiB",
       (whole, megabytes, largest))
    ok(grown == 0, "IPv6: and none of them is larger than the MTU", grown)
    # Headers of IPv6 and TCP with a time stamp; of the SYN eight bytes more, and there
    # may be segments that are on their way, or that acknowledge selectively.
    extra = row["in_bytes"] - sent - 72 * row["in_packets"]
    ok(row["in_packets"] > 0.99 * segments and abs(extra) < row["in_packets"],
       "IPv6: their bytes are counted as those of the segments on the wire",
       (row, segments, sent, extra))
    at_a.close()


def test_schedulers():
    for version in (4, 6):
        configure(version, [("a", 1), ("b", 1)])
        got = "".join(which(version) for _ in range(6))
        ok(got == "ababab", "IPv%d rr: the servers in turn, the first added first"
           % version, got)
    configure(4, [("a", 10), ("b", 20)], "wrr")
    got = "".join(which() for _ in range(9))
    ok((got.count("a"), got.count("b")) == (3, 6),
       "wrr 10:20: of nine connections 3 and 6", got)
    open_one = [net.connect() for _ in range(3)]
    letters = [sock.recv(1) for sock in open_one]
    on_a = open_one[letters.index(b"a")]
    lbctl("edit-server", *service(4), "-r", server("a", 4), "-w", "0")
    got = "".join(which() for _ in range(8))
    ok(got == "b" * 8, "weight 0: eight connections all go to the other", got)
    ok(exchange(on_a, 5000), "weight 0: a connection that was open goes on")
    lbctl("edit-service", *service(4), "-s", "rr")
    ok(exchange(on_a, 5000),
       "another scheduler: a connection that was open goes on")
    lbctl("edit-server", *service(4), "-r", server("a", 4), "-w", "1")
    got = "".join(which() for _ in range(4))
    ok(got.count("a") == 2, "a weight of 1 again, and rr: effective at once", got)
    for sock in open_one:
        sock.close()
    lbctl("edit-server", *service(4), "-r", server("a", 4), "-w", "0")
    lbctl("edit-server", *service(4), "-r", server("b", 4), "-w", "0")
    before = drops_of("no-server")
    try:
        net.connect()
        refused = False
    except ConnectionRefusedError:
        refused = True
    ok(refused and drops_of("no-server") > before,
       "no server left: the client is told at once, and it is counted")


def test_removal():
    configure(4, [("a", 1), ("b", 1)])
    socks = {}
    while len(socks) < 2:
        sock = net.connect()
        socks.setdefault(sock.recv(1).decode(), sock)
    stop = threading.Event()
    good = []

    def transfer():
        while not stop.is_set():
            good.append(exchange(socks["b"], 20000))

    worker = threading.Thread(target=transfer)
    worker.start()
    for _ in range(3):
        lbctl("del-server", *service(4), "-r", server("a", 4))
        lbctl("add-server", *service(4), "-r", server("a", 4))
    before = len(good)
    ok(until(lambda: len(good) > before),
       "a transfer runs on while another server is removed and added")
    stop.set()
    worker.join()
    ok(all(good), "and loses not one byte")
    try:
        socks["a"].settimeout(net.WAIT)
        socks["a"].sendall(b"x")
        told = socks["a"].recv(1) != b"x"
    except ConnectionResetError:
        told = True
    except OSError:
        told = False
    ok(told, "a client of the removed server gets a TCP RST")
    ok("a" in [which() for _ in range(2)], "the server that was added again serves")


def test_counters():
    configure(4, [("a", 1)])
    at_director = Tap("director")
    lbctl("zero")
    sock = net.connect()
    sock.recv(1)
    exchange(sock, 300000)
    sport = sock.getsockname()[1]
    sock.close()
    seen = []

    def settled():
        seen.extend(f for f in at_director.frames()
                    if f.sport == sport and not f.outgoing)
        return any(f.flags & FIN for f in seen)

    ok(until(settled), "the FIN passes the director")
    stats = json.loads(lbctl("list", "-j").stdout)[0]["stats"]
    size = sum(struct.unpack("!H", f.ip[2:4])[0] for f in seen)
    ok(stats["connections"] == 1, "one connection is counted")
    ok(stats["in_packets"] >= len(seen) and stats["in_bytes"] >= size,
       "packets and bytes are at least what a capture shows, super-packets "
       "counted by their segments", (stats, len(seen), size))
    net.run("ip", "netns", "exec", "client", "ethtool", "-K", "eth0", "tso",
            "off", "gso", "off", "gro", "off")
    net.run("ip", "netns", "exec", "director", "ethtool", "-K", "eth0", "gro",
            "off")
    lbctl("zero")
    at_director.flush()
    sock = net.connect()
    sock.recv(1)
    exchange(sock, 30000)
    sport = sock.getsockname()[1]
    sock.close()
    seen.clear()
    until(settled)

    def tally():
        settled()
        stats = json.loads(lbctl("list", "-j").stdout)[0]["stats"]
        size = sum(struct.unpack("!H", f.ip[2:4])[0] for f in seen)
        return (stats["in_packets"], stats["in_bytes"]), (len(seen), size)

    # The last acknowledgement may still be under way.
    until(lambda: tally()[0] == tally()[1])
    counted, captured = tally()
    ok(counted == captured and captured[0] > 20,
       "without offloads they are exactly what a capture shows",
       (counted, captured))
    state = json.loads(lbctl("list", "-c", "-j").stdout)
    ok({c["state"] for c in state} == {"fin_wait"} and
       all(100000 < c["expires_ms"] <= 120000 for c in state),
       "the closed connections are in FIN_WAIT, with two minutes to go", state)
    lbctl("zero")
    rows = json.loads(lbctl("list", "-j").stdout)
    ok(rows[0]["stats"]["in_packets"] == 0 and len(rows[0]["servers"]) == 1,
       "zero sets the counters to 0 and keeps the servers")
    at_director.close()


def test_ttl():
    client = Tap("client")
    for version in (4, 6):
        configure(version, [("a", 1)], protocol=17)
        at_a = Tap("a")
        client.flush()
        before = drops_of("ttl")
        client.send(net.raw(version, net.udp(5000, 80, b"x"), 17, ttl=1))
        said = client.wait(lambda f, v=version:
                           f.l4 == (1 if v == 4 else 58) and
                           f.ip[20 if v == 4 else 40] == (11 if v == 4 else 3))
        ok(said, "IPv%d: a TTL of 1 is answered by ICMP time exceeded" % version)
        ok(drops_of("ttl") == before + 1, "and counted")
        client.send(net.raw(version, net.udp(5001, 80, b"y"), 17, ttl=2))
        seen = at_a.wait(lambda f: f.l4 == 17 and f.dport == 80)
        ok(len(seen) == 1 and seen[0].sport == 5001 and seen[0].ttl == 1,
           "IPv%d: a TTL of 2 reaches the server as 1, that of 1 does not"
           % version)
        at_a.close()
    client.close()


def icmp_mtu(frame, version):
    """The MTU that an ICMP error tells, None for any other frame."""
    if version == 4 and frame.l4 == 1 and frame.ip[20:22] == b"\3\4":
        return struct.unpack("!H", frame.ip[26:28])[0]
    if version == 6 and frame.l4 == 58 and frame.ip[40] == 2:
        return struct.unpack("!I", frame.ip[44:48])[0]
    return None


def test_mtu():
    for version in (4, 6):
        configure(version, [("a", 1)])
        which(version)
        # Linux forwards IPv6 by the device's MTU, unless the route's is locked.
        net.ip("director", "-%d" % version, "route", "add",
               net.addr("a", version), "dev", "eth0", "mtu",
               *(["lock"] if version == 6 else []), "1400")
        client, at_a = Tap("client"), Tap("a")
        before = drops_of("mtu")
        sock = net.connect(version)
        sock.recv(1)
        good = exchange(sock, 200000)
        said = {icmp_mtu(f, version) for f in client.frames()} - {None}
        ok(said == {1400}, "IPv%d: what is larger than the MTU is answered by "
           "ICMP with the MTU" % version, said)
        ok(good, "IPv%d: and 200,000 bytes arrive all the same" % version)
        ok(drops_of("mtu") > before, "and it is counted")
        sock.close()

        configure(version, [("a", 1)], protocol=17)
        sock = udp_socket(version)
        at_a.flush()
        if version == 4:
            # Or the client would cut it itself.
            net.forget_pmtu()
            sock.setsockopt(socket.IPPROTO_IP, 10, 0)     # no DF
            sock.send(b"z" * 1450)
            ok(sock.recv(2000) == b"a" + b"z" * 1450, "IPv4: a datagram that may "
               "be cut is cut, and arrives whole")
            sizes = [len(f.ip) for f in at_a.frames()
                     if f.daddr == net.pack(VIP[4])]
            ok(len(sizes) == 2 and max(sizes) <= 1400,
               "IPv4: in frames no larger than the MTU", sizes)
        sock.close()
        client.close()
        at_a.close()
        net.ip("director", "-%d" % version, "route", "del",
               net.addr("a", version), "dev", "eth0")
        net.forget_pmtu()
        sock = udp_socket(version)
        sock.send(b"1" * 1400)
        ok(len(sock.recv(2000)) == 1401,
           "IPv%d: the MTU of before holds again with its route" % version)
        sock.close()


def test_offloads():
    """Super-packets go through whole: what the server gets is larger than any
    frame; and with checksum offload off all the same."""
    for version in (4, 6):
        for onoff in ("on", "off"):
            for host in ("client", "director", "a"):
                net.run("ip", "netns", "exec", host, "ethtool", "-K", "eth0",
                        "tso", onoff, "gso", onoff, "gro", onoff, "tx", onoff,
                        "rx", onoff, check=False)
            configure(version, [("a", 1)])
            at_a = Tap("a")
            sock = net.connect(version)
            sock.recv(1)
            ok(exchange(sock, 3000000), "IPv%d, offloads %s: 3,000,000 bytes "
               "there and back, not one wrong" % (version, onoff))
            sizes = [len(f.ip) for f in at_a.frames() if f.dport == 80]
            if onoff == "on":
                ok(max(sizes) > 1500, "IPv%d: super-packets reach the server as "
                   "they are" % version, max(sizes))
            else:
                ok(max(sizes) <= 1500, "IPv%d: none without offloads" % version,
                   max(sizes))
            sock.close()
            at_a.close()
    for host in ("client", "director", "a"):
        net.run("ip", "netns", "exec", host, "ethtool", "-K", "eth0", "tso", "on",
                "gso", "on", "gro", "on", "tx", "on", "rx", "on", check=False)


net.main(globals())
