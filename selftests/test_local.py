#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0
# Also on: bookworm
"""The director as its own real server, and as its own client.

Servers listen on a port of their own (SELF), so that what the stack of a director
without one does, refuse, is seen on port 80.
"""
import contextlib
import json
import selectors
import socket
import threading

import genl
import net
from net import SYN, VIP, addr, drops_of, ip, lbctl, mac, ok, until
from servers import Servers, exchange
from test_tcp import Counting, open_director

SELF = 8080
TCP, UDP = 6, 17
BITS = {4: 32, 6: 128}
FREEBIND = {4: (socket.IPPROTO_IP, 15), 6: (socket.IPPROTO_IPV6, 78)}
TTL = {4: (socket.IPPROTO_IP, socket.IP_TTL),
       6: (socket.IPPROTO_IPV6, socket.IPV6_UNICAST_HOPS)}
REFUSALS = ("icmp", "reset", "drop")
# What a client is told whose packet is dropped on its own host
DROPPED = {TCP: "timed out", UDP: "[Errno 1] Operation not permitted"}
STARTED = []


class Listeners(Servers):
    """Echo at the director and at server a, on SELF."""

    LETTER = {"director": "d", "a": "a"}

    def __init__(self):
        threading.Thread.__init__(self, daemon=True)
        self.select = selectors.DefaultSelector()
        for host, letter in self.LETTER.items():
            for version in (4, 6):
                self.listen(host, letter, version)

    def listen(self, host, letter, version):
        for kind, what in ((socket.SOCK_STREAM, "accept"),
                           (socket.SOCK_DGRAM, "udp")):
            with net.within(host):
                sock = socket.socket(net.AF[version], kind)
            # The VIP is not always an address of the director.
            sock.setsockopt(*FREEBIND[version], 1)
            sock.bind((VIP[version], SELF))
            if what == "accept":
                sock.listen(100)
            self.select.register(sock, selectors.EVENT_READ, (what, letter))


def listeners():
    if not STARTED:
        STARTED.append(Listeners())
        STARTED[0].start()


def vip_leaves(version):
    ip("director", "addr", "del", "%s/%d" % (VIP[version], BITS[version]), "dev",
       "eth0")


@contextlib.contextmanager
def vip_is(how, version):
    """What the VIP is to the director: an address of its own, the end of a local
    route, or nothing of its own; clients know the way."""
    whole = "%s/%d" % (VIP[version], BITS[version])
    if how != "an address":
        vip_leaves(version)
        ip("client", "route", "add", whole, "via", addr("director", version))
        if how == "a local route":
            ip("director", "route", "add", "local", whole, "dev", "lo")
    try:
        yield
    finally:
        if how == "a local route":
            ip("director", "route", "del", "local", whole, "dev", "lo")
        if how != "an address":
            ip("client", "route", "del", whole)
            net.address("director")


def opened(version, kind, host="client", port=80, source=None,
           patience=net.WAIT):
    """A connected socket; OSError where the host is told that it cannot be."""
    with net.within(host):
        sock = socket.socket(net.AF[version], socket.SOCK_STREAM if kind == TCP else
                             socket.SOCK_DGRAM)
    sock.settimeout(patience)
    try:
        if source:
            sock.bind((source, 0))
        sock.connect((VIP[version], port))
    except OSError:
        sock.close()
        raise
    return sock


def ask(sock, size=100):
    """The letter of who echoed a datagram, "" where it came back damaged."""
    data = bytes(range(256)) * (size // 256 + 1)
    sock.send(data[:size])
    back = sock.recv(1 << 16)
    return back[:1].decode() if back[1:] == data[:size] else ""


def who(version, kind, **more):
    sock = opened(version, kind, **more)
    with sock:
        return sock.recv(1).decode() if kind == TCP else ask(sock)


class Reasons(Counting):
    """Why packets were not forwarded; but a connection of a service of before may
    still be closing, and its last packets are of no connection."""

    def grown(self):
        return {reason: number for reason, number in super().grown().items()
                if reason != "no-conn"}


def both(director, version, port, servers):
    """A service for TCP and one for UDP; their keys."""
    keys = [genl.key(VIP[version], port, kind) for kind in (TCP, UDP)]
    for key in keys:
        director.add(key, [addr(host, version) for host in servers], sched="rr")
    return keys


def test_server():
    listeners()
    director, at_a = open_director(), net.Tap("a")
    for version in (4, 6):
        for how in ("an address", "a local route"):
            name = "IPv%d, the VIP %s: " % (version, how)
            with vip_is(how, version):
                keys = both(director, version, SELF, ["director"])
                served(director, version, keys, name, at_a)
                for key in keys:
                    director.remove(key, addr("director", version))
                    for host in ("a", "director"):
                        director.add_server(key, addr(host, version), 1)
                got = ["".join(who(version, kind, port=SELF) for _ in range(6))
                       for kind in (TCP, UDP)]
                ok(got == ["adadad"] * 2, name + "the director takes turns with "
                   "another server, TCP and UDP", got)
                director.clear()
    at_a.close()
    director.close()


def served(director, version, keys, name, at_a):
    """The director is the only server of both services."""
    dip, counting = addr("director", version), Reasons()
    at_a.flush()
    sock = opened(version, TCP, port=SELF)
    sport = sock.getsockname()[1]
    letter, whole = sock.recv(1), exchange(sock, 200000)
    ok(letter == b"d" and whole, name + "a connection is served by the director, "
       "200,000 bytes both ways", (letter, whole))
    conns = director.conns(cport=sport)
    ok([(c.server, c.state) for c in conns] == [(dip, "established")] and
       director.servers(keys[0])[dip]["active"] == 1,
       name + "it is in the table, and counted as the director's", conns)
    sock.close()
    ok(until(lambda: [c.state for c in director.conns(cport=sport)] ==
             ["fin-wait"]), name + "its end is seen", director.conns(cport=sport))
    with opened(version, UDP, port=SELF) as sock:
        got = ask(sock), ask(sock, 5000)
        sock.setsockopt(*TTL[version], 1)
        last = ask(sock)
    ok(got == ("d", "d"), name + "datagrams too, whole and in fragments", got)
    ok(last == "d", name + "a TTL of 1 is enough to get there", last)
    strays = [f.ip.hex() for f in at_a.frames()
              if f.dport == SELF and f.daddr == net.pack(VIP[version])]
    ok(not strays and not counting.grown(),
       name + "nothing of it goes to another server, nothing is dropped", strays)
    rows = json.loads(lbctl("list", "-j").stdout)
    text = lbctl("list", "-n").stdout
    ok({row["forward"] for service in rows for row in service["servers"]} ==
       {"local"} and text.count(" Local ") == 2,
       name + "lbctl list calls such a server local", text)


def test_server_loopback():
    """What clients of ip_vs know as the local node: keepalived's sorry_server, ldirectord's
    fallback. It is saved and restored as every other server."""
    listeners()
    director = open_director()
    for version, node, shown in ((4, "127.0.0.1", "127.0.0.1"), (6, "::1", "[::1]")):
        keys = [genl.key(VIP[version], SELF, kind) for kind in (TCP, UDP)]
        for key in keys:
            director.add(key, [node], sched="rr")
        text = lbctl("save").stdout
        director.clear()
        net.run("sh", "-c", "echo '%s' | ip netns exec director %s restore" %
                (text, net.LBCTL))
        got = "".join(who(version, kind, port=SELF) for kind in (TCP, UDP))
        counts = [director.servers(key)[node]["packets"] for key in keys]
        ok(lbctl("save").stdout == text and text.count(node) == 2 and got == "dd" and
           all(counts) and lbctl("list", "-n").stdout.count(" Local ") == 2,
           "IPv%d: %s is the director, and is restored" % (version, node),
           (text, got, counts))
        # Not a neighbour, whatever routes there are. IPv4 keeps its own while lo is down.
        gone, back = (["link", "set", "lo", state] if version == 6 else
                      ["addr", state, "127.0.0.1/8", "dev", "lo"]
                      for state in (("down", "up") if version == 6 else ("del", "add")))
        default = ["-6"] * (version == 6) + ["route"], ["default", "dev", "eth0"]
        net.run("ip", "-n", "director", *gone)
        net.run("ip", "-n", "director", *default[0], "add", *default[1])
        why = [director.trace(addr("client", version), VIP[version], SELF, kind,
                              7000).get("reason") for kind in (TCP, UDP)]
        net.run("ip", "-n", "director", *default[0], "del", *default[1])
        net.run("ip", "-n", "director", *back)
        ok(why == ["no-route"] * 2, "IPv%d: where it is not local, nobody has %s" %
           (version, node), why)
        vip = shown.replace(node, VIP[version]) + ":%d" % SELF
        bad = lbctl("edit-server", "-t", vip, "-r", shown, "-i", check=False)
        ok(bad.returncode and "local" in bad.stderr, "IPv%d: there is no tunnel to %s" %
           (version, node), bad.stderr)
        director.clear()
    director.close()


def test_server_moves_here():
    """A server's address becomes one of the director, by a prefix that it has: for the
    kernel that is a new local address, but no new route."""
    listeners()
    director = open_director()
    for version, bits in ((4, 24), (6, 64)):
        key = genl.key(VIP[version], SELF, UDP)
        director.add(key, [addr("a", version)], sched="rr")
        how = ("%s/%d" % (addr("a", version), bits), "dev", "eth0",
               *(["nodad"] if version == 6 else []))
        with opened(version, UDP, port=SELF) as sock:
            got = [ask(sock)]
            ip("director", "addr", "add", *how)
            # A work item of the kernel makes an IPv6 address usable.
            until(lambda: "local" in ip("director", "-%d" % version, "route", "show", "table",
                                        "local", addr("a", version)).stdout)
            got += [ask(sock), ask(sock)]
            ip("director", "addr", "del", *how[:3])
            got.append(ask(sock))
        ok("".join(got) == "adda", "IPv%d: the next packet goes to the director while "
           "the server's address is its own" % version, got)
        director.clear()
    director.close()


MARK = 0x31


def mark_everything(mark):
    net.run("ip", "netns", "exec", "director", "nft", "add table inet counted")
    net.run("ip", "netns", "exec", "director", "nft", "add chain inet counted set_mark "
            "{ type filter hook prerouting priority mangle; }")
    net.run("ip", "netns", "exec", "director", "nft", "add rule inet counted set_mark "
            "meta l4proto { tcp, udp } meta mark set %d" % mark)


def packets_of(director, keys, version):
    return [director.servers(key)[addr("director", version)]["packets"]
            for key in keys]


def test_counted_once():
    """A packet for a server that is this host passes several hooks."""
    listeners()
    director = open_director()
    for entry in (["prerouting"], ["ingress", "eth0"], ["input"]):
        lbctl("set-entry", *entry)
        for marks in ("", "marks and ", "only marks and "):
            if marks:
                mark_everything(MARK)
            for version in (4, 6):
                # Of the two services only that of the address is a one-packet service.
                for flags in (0, genl.ONE_PACKET)[:1 if marks[:4] == "only" else 2]:
                    keys = [genl.key(VIP[version], SELF, UDP)] * \
                        (marks[:4] != "only") + [genl.marked(MARK, version)] * \
                        bool(marks)
                    for key in keys:
                        director.add(key, [addr("director", version)],
                                     flags=0 if key == genl.marked(MARK, version)
                                     else flags)
                    with opened(version, UDP, port=SELF) as sock:
                        good = "".join(ask(sock) for _ in range(8))
                    counts = packets_of(director, keys, version)
                    ok(good == "d" * 8 and sorted(counts)[-1] == sum(counts) == 8,
                       "IPv%d, %sthe entry %s%s: eight datagrams are counted as eight"
                       % (version, marks, entry[0], ", one-packet" if flags else ""),
                       (good, counts))
                    director.clear()
            if marks:
                net.run("ip", "netns", "exec", "director", "nft",
                        "delete table inet counted")
    lbctl("set-entry", "prerouting")
    director.close()


def test_server_nowhere():
    """Chosen is chosen: what the stack cannot deliver goes to nobody else."""
    director, at_a = open_director(), net.Tap("a")
    client, own = net.Tap("client"), mac("director")
    for version in (4, 6):
        with vip_is("nothing", version):
            director.add(genl.key(VIP[version], SELF, UDP),
                         [addr("director", version)])
            director.add(genl.key(VIP[version], 80, UDP), [addr("a", version)])
            at_a.flush()
            for sport, port in ((7001, SELF), (7002, 80)):
                client.send(net.raw(version, net.udp(sport, port, b"x"), UDP))
            seen = at_a.wait(lambda f: f.src == own and f.sport in (7001, 7002))
            found = director.conns(cport=7001)
            ok([f.sport for f in seen] == [7002] and
               [c.server for c in found] == [addr("director", version)],
               "IPv%d, the VIP not local at all: what the director should serve is "
               "left to its stack, and goes to no other server" % version,
               (seen, found))
            director.clear()
    for tap in (at_a, client):
        tap.close()
    director.close()


def judge_syn(frame, version, source, what):
    """A local client's first frame: its host routes nothing, so the TTL stays."""
    want = {"source MAC": (frame.src, mac("director")),
            "destination MAC": (frame.dst, mac("a")),
            "source address": (frame.saddr, net.pack(source)),
            "destination address": (frame.daddr, net.pack(VIP[version])),
            "TTL": (frame.ttl, 64)}
    wrong = ["%s is %s, not %s" % (name, got, wanted)
             for name, (got, wanted) in want.items() if got != wanted]
    ok(not wrong, what + ": the server's MAC, addresses unchanged, the whole TTL",
       "\n".join(wrong))


def client_works(director, version, name, source=None):
    """Everything that a client on the director may want of a VIP."""
    dip, counting = addr("director", version), Reasons()
    at_a = net.Tap("a")
    keys = both(director, version, 80, ["a", "b"])
    socks = [opened(version, TCP, "director", source=source) for _ in range(4)]
    got = b"".join(sock.recv(1) for sock in socks)
    ok(got == b"abab", name + "four connections, the servers in turn", got)
    sport = socks[0].getsockname()[1]
    syn = at_a.wait(lambda f: f.sport == sport and f.flags & SYN)
    if ok(len(syn) == 1, name + "one SYN for one connection", len(syn)):
        judge_syn(syn[0], version, dip, name + "a SYN")
    ok(all(exchange(sock, 200000) for sock in socks[:2]),
       name + "200,000 bytes to each server and back")
    found = director.conns(client=dip, cport=sport)
    ok([(c.server, c.state) for c in found] ==
       [(addr("a", version), "established")], name + "they are in the table", found)
    for sock in socks:
        sock.close()
    with opened(version, UDP, "director", source=source) as sock:
        director.set(keys[1], flags=genl.ONE_PACKET)
        sock.setsockopt(UDP, 103, 500)      # UDP_SEGMENT
        sock.send(b"x" * 2000)
        got = "".join(sorted(sock.recv(1000)[:1].decode() for _ in range(4)))
        sock.setsockopt(UDP, 103, 0)
        director.do(genl.SERVICE_SET, keys[1] + genl.u32(genl.FLAGS, 0) +
                    genl.u32(genl.FLAGS_MASK, genl.ONE_PACKET))
    ok(got == "aabb", name + "datagrams that are sent as one to a one-packet service",
       got)
    with opened(version, UDP, "director", source=source) as sock:
        first = ask(sock)
        got = first, ask(sock, 5000)
        sock.setsockopt(*TTL[version], 1)
        last = ask(sock)
    ok(got == ("a", "a"), name + "datagrams, whole and in fragments", got)
    ok(last == "a", name + "the TTL that a client chose is left as it is", last)
    grown = counting.grown()
    ok(not grown, name + "nothing of it is dropped", grown)
    director.clear()
    at_a.close()


def refusal(version, kind, source=None, port=80, patience=net.WAIT):
    """What a client on the director is told."""
    try:
        return who(version, kind, host="director", source=source, port=port,
                   patience=patience)
    except ConnectionRefusedError:
        return "refused"
    except OSError as error:
        return str(error)


def no_server(director, version, name, source=None):
    """A packet of this host has no device yet by which it could be answered."""
    for refuse in REFUSALS:
        for kind, text in ((TCP, "TCP"), (UDP, "UDP")):
            key = genl.key(VIP[version], 80, kind)
            director.do(genl.SERVICE_NEW, key + genl.u8(genl.REFUSE,
                                                        REFUSALS.index(refuse)))
            counting, silent = Reasons(), refuse == "drop"
            got = refusal(version, kind, source, patience=1 if silent else net.WAIT)
            grown = counting.grown()
            # TCP sends again what it gets no answer to.
            good = got == DROPPED[kind] and set(grown) == {"no-server"} if silent else \
                got == "refused" and grown == {"no-server": 1}
            ok(good, name + "no server for %s, refuse %s: %s, and counted" %
               (text, refuse, "not told" if silent else "told at once"), (got, grown))
            director.clear()


def test_client_of_others():
    """The VIP is not local, so the director's clients reach servers freely."""
    director = open_director()
    for version in (4, 6):
        vip_leaves(version)
        name = "IPv%d, client here, VIP elsewhere: " % version
        client_works(director, version, name)
        no_server(director, version, name)
        net.address("director")
    director.close()


def accept_local(value):
    with net.within("director"):
        net.write("/proc/sys/net/ipv4/conf/eth0/accept_local", value)


def test_client_bound():
    """The VIP is local. IPv4 needs accept_local to take the servers' answers."""
    director = open_director()
    accept_local("1")
    for version in (4, 6):
        name = "IPv%d, client here, VIP here, bound to the DIP: " % version
        client_works(director, version, name, addr("director", version))
        no_server(director, version, name, addr("director", version))
    accept_local("0")
    director.close()


def test_client_refused():
    """The VIP is local and answers of servers could not be told from our own."""
    listeners()
    director, at_director = open_director(), net.Tap("director")
    for version in (4, 6):
        dip, keys = addr("director", version), both(director, version, 80, ["a"])
        rows = [("of the VIP itself", None), ("bound to the VIP", VIP[version])]
        if version == 4:
            rows.append(("bound to the DIP without accept_local", dip))
        for what, source in rows:
            for kind, text in ((TCP, "TCP"), (UDP, "UDP")):
                name = "IPv%d %s, client here, VIP here, %s: " % (version, text, what)
                at_director.flush()
                counting = Reasons()
                got, grown = refusal(version, kind, source), counting.grown()
                ok(got == "refused", name + "refused", got)
                ok(grown == {"local-client": 1}, name + "counted once as "
                   "local-client, and as nothing else", grown)
                leaked = [f for f in at_director.frames()
                          if f.outgoing and f.daddr == net.pack(VIP[version])]
                ok(not leaked and not director.conns(client=source or VIP[version]),
                   name + "no frame leaves, no connection is begun", leaked)
        # The kernel tells from what address such a socket sends: the VIP.
        if version == 4:
            accept_local("1")
            before = drops_of("local-client")
            ok(refusal(version, TCP) == "refused" and
               drops_of("local-client") == before + 1,
               "IPv4: accept_local does not help a socket that is not bound")
            accept_local("0")
        # Its own socket on the VIP is the stack's to find, whatever the service.
        both(director, version, SELF, ["a"])
        got = [refusal(version, kind, port=SELF) for kind in (TCP, UDP)]
        ok(got == ["d", "d"], "IPv%d: a client here gets the director's own socket "
           "where one has the VIP's port" % version, got)
        outside = [who(version, kind, port=SELF) for kind in (TCP, UDP)]
        ok(outside == ["a", "a"], "IPv%d: and one from outside the service's server"
           % version, outside)
        for key in keys:
            ok(director.servers(key)[addr("a", version)]["packets"] == 0,
               "IPv%d: to the server nothing was counted" % version)
        director.clear()
    row = [row for row in json.loads(lbctl("list", "--drops", "-j").stdout)
           if row["reason"] == "local-client"][0]
    ok(row["packets"] == drops_of("local-client") > 0 and
       "this director" in row["summary"],
       "lbctl list --drops tells how many, and why: %s" % row["summary"], row)
    at_director.close()
    director.close()


if __name__ == "__main__":
    net.main(globals())
