#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0
# Also on: trixie bookworm backports
"""`set-entry input`: packets are taken behind the filter table. What other
scripts ask of the usual entry is asked of this one too; only here is looked at
what differs: the firewall, and what never comes as far as INPUT."""
import contextlib
import errno
import importlib
import json
import os
import subprocess
import time
from unittest import mock

import genl
import net
import test_local as local
from net import SYN, VIP, Tap, addr, lbctl, ok, only, until
from servers import configure, exchange, which
from test_tcp import open_director

PREROUTING, INPUT = 0, 1
SWITCHES = 20


def borrow(script):
    """The tests of a script that would run them as soon as it is imported."""
    cpus = os.sched_getaffinity(0)
    with mock.patch.object(net, "main", lambda *_, **__: None):
        module = importlib.import_module(script)
    os.sched_setaffinity(0, cpus)
    return module


path, packets, errors, fragments, change = (
    borrow("test_" + name)
    for name in ("path", "packets", "errors", "fragments", "change"))


def entry():
    return json.loads(lbctl("list", "--info", "-j").stdout)[0]["entry"]


@contextlib.contextmanager
def at_input():
    lbctl("set-entry", "input")
    try:
        yield
    finally:
        lbctl("set-entry", "prerouting")
        lbctl("clear")


@contextlib.contextmanager
def one_cpu():
    """Frames that it sends stay in their order."""
    cpus = os.sched_getaffinity(0)
    os.sched_setaffinity(0, {min(cpus)})
    try:
        yield
    finally:
        os.sched_setaffinity(0, cpus)


def nft(text, host="director"):
    subprocess.run(["ip", "netns", "exec", host, "nft", "-f", "-"], input=text,
                   text=True, check=True)


@contextlib.contextmanager
def deaf_client():
    """It answers nothing of what the servers say to frames made by hand."""
    nft("""
table inet deaf {
	chain raw {
		type filter hook prerouting priority raw
		ip saddr %s drop
		ip6 saddr %s drop
	}
}""" % (VIP[4], VIP[6]), "client")
    try:
        yield
    finally:
        nft("delete table inet deaf", "client")


def test_setting():
    director = open_director()
    ok(entry() == "prerouting", "the entry is prerouting unless it is set")
    lbctl("set-entry", "input")
    ok(entry() == "input" and genl.number(director.info()[genl.INFO_ENTRY]) == INPUT,
       "set-entry input: set, while there is no service")
    configure(4, [("a", 1)])
    lbctl("clear")
    ok(entry() == "input", "it stays when services come and go")
    with net.within("a"):
        other = genl.Director()
    ok(genl.number(other.info()[genl.INFO_ENTRY]) == PREROUTING,
       "it is that of its network namespace alone")
    other.close()
    for value in (3, 255):
        try:
            director.do(genl.INFO_SET, genl.u8(genl.INFO_ENTRY, value))
            refusal = None
        except genl.Refused as error:
            refusal = error
        ok(refusal and refusal.code in (errno.EINVAL, errno.ERANGE) and
           entry() == "input", "an entry of %d is refused, and nothing changes" %
           value, refusal)
    done = lbctl("set-entry", "output", check=False)
    ok(done.returncode == 1 and entry() == "input", "lbctl refuses a word that it "
       "does not know", (done.returncode, done.stderr))
    director.do(genl.INFO_SET, genl.u8(genl.INFO_ENTRY, INPUT))
    ok(entry() == "input", "to set what is set changes nothing")
    lbctl("set-entry", "prerouting")
    ok(entry() == "prerouting", "set-entry prerouting sets it back")
    director.close()


def again(*tests):
    for test in tests:
        begun = time.monotonic()
        test()
        print("# at this entry, %s took %.1f s" % (test.__name__,
                                              time.monotonic() - begun), flush=True)


def test_path():
    """TCP and UDP, schedulers, TTL, what is not for a service."""
    with at_input():
        again(path.test_bystanders, path.test_frames, path.test_ttl,
              path.test_schedulers)


@only("uml")
def test_packets():
    """The stack has looked at IPv4's sources by then, and has dropped those that
    it knows to be wrong. Of headers cut short a few will do: they are parsed by
    the same code."""
    known = ["IPv4 from " + text for text in ("the VIP", "the DIP", "loopback",
                                              "a group", "everybody", "nobody")]
    rows = [(what, frame, packets.NOWHERE if what in known else want)
            for what, frame, want in packets.table()
            if "cut behind" not in what or "cut behind 7 " in what]
    with at_input(), deaf_client(), mock.patch.object(packets, "table",
                                                      lambda: rows):
        packets.test_table()


@only("uml")
def test_errors():
    """Some of them come from the VIP, which IPv4 takes for a martian."""
    with at_input(), one_cpu():
        local.accept_local("1")
        errors.test_forwarded()
        local.accept_local("0")


@only("uml")
def test_fragments():
    with at_input(), one_cpu():
        fragments.test_udp()


@only("uml")
def test_local():
    """The director as a server, and clients on it."""
    with at_input():
        again(local.test_server, local.test_client_of_others,
              local.test_client_refused)


class Firewall:
    """A filter table of the director that drops what is for the VIPs' port 80."""

    def __enter__(self):
        nft("""
table inet guard {
	counter hits {}
	chain input {
		type filter hook input priority filter
		ip daddr %s tcp dport 80 counter name hits drop
		ip6 daddr %s tcp dport 80 counter name hits drop
	}
}""" % (VIP[4], VIP[6]))
        return self

    @staticmethod
    def hits():
        done = net.run("ip", "netns", "exec", "director", "nft", "-j", "list",
                       "counter", "inet", "guard", "hits")
        return json.loads(done.stdout)["nftables"][-1]["counter"]["packets"]

    def __exit__(self, *_):
        nft("delete table inet guard")


@only("uml", "bookworm")
def test_firewall():
    client, at_a, director = Tap("client"), Tap("a"), open_director()

    def arrives(version, sport):
        """Whether a SYN does; what is sent behind it is no business of the rules."""
        at_a.flush()
        client.send(net.raw(version, net.tcp(sport, 80, SYN)))
        client.send(net.raw(version, net.udp(sport, 80, b"behind it"), 17))
        seen = []
        until(lambda: seen.extend(f for f in at_a.frames() if f.sport == sport) or
              any(f.payload == b"behind it" for f in seen))
        return [f.l4 for f in seen if f.daddr == net.pack(VIP[version])]

    for version in (4, 6):
        director.clear()
        for protocol in (6, 17):
            director.add(genl.key(VIP[version], 80, protocol), [addr("a", version)])
        with one_cpu(), deaf_client(), Firewall() as firewall:
            got = arrives(version, 3000)
            ok(got == [6, 17] and firewall.hits() == 0, "IPv%d: at prerouting a drop "
               "rule in INPUT does nothing, nor sees anything" % version,
               (got, firewall.hits()))
            lbctl("set-entry", "input")
            got = arrives(version, 3001)
            ok(got == [17] and firewall.hits() == 1, "IPv%d: at input it drops, and "
               "what it does not name passes" % version, (got, firewall.hits()))
            lbctl("set-entry", "prerouting")
            got = arrives(version, 3002)
            ok(got == [6, 17] and firewall.hits() == 1, "IPv%d: back at prerouting "
               "it does nothing again" % version, (got, firewall.hits()))
    for each in (client, at_a, director):
        each.close()
    for version in (4, 6):
        configure(version, [("a", 1)])
        with at_input():
            sock = net.connect(version)
            good = sock.recv(1) == b"a" and exchange(sock, 5000)
            with Firewall() as firewall:
                sock.sendall(b"waits")
                held = until(lambda f=firewall: f.hits() > 1)
            ok(good and held and sock.recv(5) == b"waits", "IPv%d: at input a rule "
               "holds up a connection that was open, which goes on when the rule is "
               "gone" % version, (good, held))
            sock.close()


LONG = """
table inet long {
	chain mangle {
		type filter hook prerouting priority mangle
		%s
	}
}""" % "\n\t\t".join("tcp dport %d counter" % (1000 + n) for n in range(1000))


def flood(sock, stop, end):
    """A process that sends on a CPU of its own until `stop` has an end; its exit
    status is how often the director refused what it sent."""
    child = os.fork()
    if child:
        return child
    os.close(end)
    os.sched_setaffinity(0, {max(os.sched_getaffinity(0))})
    os.set_blocking(stop, False)
    refused = 0
    while True:
        try:
            sock.send(b"x")
        except ConnectionRefusedError:
            refused += 1
        try:
            if not os.read(stop, 1):
                os._exit(min(refused, 100))
        except BlockingIOError:
            pass


def test_slips():
    """Behind a long firewall a packet is a while on its way from PREROUTING to
    INPUT, and must be met by an entry all the same."""
    director = open_director()
    lbctl("clear")
    nft(LONG)
    nft("""
table inet silent {
	chain raw {
		type filter hook prerouting priority raw
		udp dport 80 drop
	}
}""", "a")
    for version in (4, 6):
        key = genl.key(VIP[version], 80, 17)
        director.add(key, [addr("a", version)])
        stop, end = os.pipe()
        sock = local.opened(version, 17)
        child, flows = flood(sock, stop, end), []
        for turn in range(SWITCHES):
            before = director.servers(key)[addr("a", version)]["packets"]
            flows.append(until(lambda b=before, k=key, v=version:
                               director.servers(k)[addr("a", v)]["packets"] > b + 10))
            director.do(genl.INFO_SET, genl.u8(genl.INFO_ENTRY, 1 - turn % 2))
        os.close(end)
        status = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
        os.close(stop)
        sock.close()
        ok(status == 0 and all(flows), "IPv%d: of a stream of datagrams not one slips "
           "through to the director's stack, however often the entry is switched" %
           version, "%d were refused, the stream flows: %s" % (status, flows))
        director.clear()
    nft("delete table inet silent", "a")
    nft("delete table inet long")
    director.close()


@only("uml")
def test_switching():
    director = open_director()
    lbctl("clear")
    for version in (4, 6):
        director.add(genl.key(VIP[version]), [addr(host, version) for host in "ab"],
                     sched="rr")
    runs = [change.Transfer(version) for version in (4, 6)]
    own, at_client = net.mac("director"), Tap("client")
    for turn in range(SWITCHES):
        director.do(genl.INFO_SET, genl.u8(genl.INFO_ENTRY, 1 - turn % 2))
        if turn % 10 == 0:
            before = [sum(run.rounds) for run in runs]
            until(lambda b=before: all(sum(run.rounds) > old for run, old
                                       in zip(runs, b)))
    live = [conn.cport for conn in director.conns(state="established")]
    ok(len(live) == 8, "each of the 8 transfers is the one connection that it was",
       live)
    letters = []
    for value in (INPUT, PREROUTING, INPUT):
        director.do(genl.INFO_SET, genl.u8(genl.INFO_ENTRY, value))
        letters += [which(version) for version in (4, 6) for _ in range(2)]
    ok(sorted(letters) == ["a"] * 6 + ["b"] * 6, "connections begin by both entries",
       letters)
    lbctl("set-entry", "prerouting")
    for run in runs:
        run.goes_on("goes on after the entry was switched %d times" % SWITCHES)
    resets = [f.ip.hex() for f in at_client.frames(5) if f.src == own and
              f.flags & net.RST and f.dport in live]
    ok(not resets, "not a packet slipped through to the director's stack, which "
       "would have answered it by RST", resets)
    for run in runs:
        run.end()
    at_client.close()
    director.clear()
    director.close()


def test_marks():
    """The hook of marks stands where marks are set, whatever the entry."""
    director = open_director()
    nft("""
table inet marks {
	chain set_mark {
		type filter hook prerouting priority mangle
		tcp dport 80 meta mark set 7
	}
}""")
    with at_input():
        for version in (4, 6):
            director.add(genl.marked(7, version), [addr("b", version)])
            director.add(genl.key(VIP[version], 80, 17), [addr("a", version)])
            with local.opened(version, 17) as sock:
                got = which(version), local.ask(sock)
            ok(got == ("b", "a"), "IPv%d: what has a mark is taken by it, beside what "
               "comes to INPUT" % version, got)
            director.clear()
    nft("delete table inet marks")
    director.close()


def test_not_local():
    """A VIP that is routed here and not local never comes to INPUT."""
    director, at_a = open_director(), Tap("a")
    client, own = Tap("client"), net.mac("director")
    for version in (4, 6):
        key = genl.key(VIP[version], 80, 17)
        with local.vip_is("nothing", version), one_cpu():
            director.add(key, [addr("a", version)])
            at_a.flush()
            lbctl("set-entry", "input")
            client.send(net.raw(version, net.udp(7001, 80, b"x"), 17))
            # By the same CPU: when this is answered, that was seen.
            net.run("ip", "netns", "exec", "client", "ping", "-c", "1", "-W", "5",
                    addr("director", version))
            lbctl("set-entry", "prerouting")
            client.send(net.raw(version, net.udp(7002, 80, b"x"), 17))
            seen = at_a.wait(lambda f: f.src == own and f.sport in (7001, 7002))
            ok([f.sport for f in seen] == [7002] and
               not director.conns(cport=7001), "IPv%d: a VIP that is not local is "
               "left to the stack at input, and forwarded at prerouting" % version,
               seen)
            director.clear()
    for tap in (client, at_a):
        tap.close()
    director.close()


def build():
    """INPUT has a chain somewhere, as with whoever would want this entry. Without
    any, each switch patches the kernel's text, of which emulators make a mess."""
    reference()
    nft("""
table inet always {
	chain input {
		type filter hook input priority 300
	}
}""", "b")


if __name__ == "__main__":
    reference, net.build = net.build, build
    net.main(globals())
