#!/usr/bin/python3 -B
# SPDX-License-Identifier: GPL-2.0
# CPUs: 2
"""Many transfers of all kinds, and a director that dies, comes back, is restarted or is cut
off from the other one: none breaks. The hosts are those of test_sync.py; keepalived, where it
runs, is that of the distribution.
"""
import contextlib
import json
import os
import signal
import socket
import subprocess
import time

import genl
import net
from flows import HANGS, Flows
from ipvs import Loaded
from net import LBCTL, VIP, addr, fill, ok, until, within
from servers import Servers
from test_ipvs_keepalived import PATIENCE, Check, real, virtual
from test_sync_peers import carrier, end, peers, start, state, synced, tool
from test_tcp import open_director

# Servers that say nothing before they are asked: a connection of a client that has not
# asked yet has sent two packets.
PORT = 81
SERVICE = genl.key(VIP[4], PORT)
PRIORITY = {"director": 100, "backup": 90}
# A cable between the directors, see sync_link().
LINK = "sync0"


def go_on(flows, what):
    broken = flows.go_on()
    return ok(broken == 0, "%s: of %d transfers %d broke" % (what, len(flows.flows), broken),
              sorted({flow.error for flow in flows.broken()}))


def open_all(flows, tenths=10, newest=None):
    """Of ten tenths of 100 transfers: 4 busy, 3 that have sent two packets, 2 with a packet
    a minute, 1 opened last, before which newest() is called."""
    flows.add(40 * tenths, 1.0)
    flows.add(30 * tenths, None, False)
    flows.add(20 * tenths, 60.0)
    if newest:
        newest()
    flows.add(10 * tenths, None, False)


def need(good, what, detail=""):
    """Without it the rest of the test only waits."""
    if not ok(good, what, detail):
        raise RuntimeError(what)


def has_vip(host):
    with within(host), socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        try:
            sock.bind((VIP[4], 0))
        except OSError:
            return False
    return True


def holders():
    return [host for host in PRIORITY if has_vip(host)]


# A director that is not synced has a lower priority than the other one.
TRACK = """track_script {
                synced
        }"""
SCRIPT = """
vrrp_script synced {
        script "%s sync --wait 0"
        interval 1
        timeout 60
        weight -20
}
""" % LBCTL


class Keepalived:
    """keepalived of a director, in the foreground: VRRP, and what `more` has. With
    `tracks`, its priority depends on whether it is synced."""

    def __init__(self, host, words=(), more="", lvs="", tracks=False):
        self.host, self.words, self.child = host, words, None
        self.more, self.lvs, self.tracks = more, lvs, tracks
        self.write(PRIORITY[host])
        self.start()

    def path(self, name):
        return "/run/keepalived-%s.%s" % (self.host, name)

    def write(self, priority):
        net.write(self.path("conf"), """
global_defs {
        router_id %s
        script_user root
        %s
}
%s
vrrp_instance WEB {
        state BACKUP
        interface eth0
        virtual_router_id 51
        priority %d
        advert_int 1
        virtual_ipaddress {
                %s/32 dev eth0
        }
        %s
}
%s""" % (self.host, self.lvs, SCRIPT if self.tracks else "", priority, VIP[4],
       TRACK if self.tracks else "", self.more))

    def start(self):
        pids = [word for option, name in (("-p", "pid"), ("-c", "checkers"), ("-r", "vrrp"),
                                     ("-b", "bfd"))
                for word in (option, self.path(name))]
        with within(self.host), open(self.path("log"), "ab") as log:
            self.child = subprocess.Popen(
                ["keepalived", "-n", "-l", "-D", *self.words, "-f", self.path("conf"),
                 *pids], stdout=log, stderr=subprocess.STDOUT)

    def reload(self, priority):
        self.write(priority)
        self.child.send_signal(signal.SIGHUP)

    def stop(self, number=signal.SIGTERM):
        if number == signal.SIGKILL:
            # Its children would notice that it is gone, and end in good order.
            self.child.send_signal(signal.SIGSTOP)
            for name in ("vrrp", "checkers"):
                try:
                    with open(self.path(name), encoding="ascii") as file:
                        os.kill(int(file.read()), number)
                except (OSError, ValueError):
                    pass
        self.child.send_signal(number)
        self.child.wait()

    def log(self):
        with open(self.path("log"), encoding="utf-8", errors="replace") as file:
            return file.read()[-4000:]


@contextlib.contextmanager
def keepalived(words=(), **more):
    """keepalived on both directors. Gives the daemons, by host."""
    net.ip("director", "addr", "del", VIP[4] + "/32", "dev", "eth0")
    nodes = {}
    try:
        for host in PRIORITY:
            nodes[host] = Keepalived(host, words, **more)
            need(until(lambda: holders() == ["director"], PATIENCE),
                 "with keepalived of the %s the director is master" % host,
                 nodes[host].log())
        yield nodes
    finally:
        for node in nodes.values():
            node.stop()
        net.ip("director", "addr", "replace", VIP[4] + "/32", "dev", "eth0")
        # The last daemon that had the VIP has announced it.
        net.ip("client", "neigh", "flush", "dev", "eth0")


@contextlib.contextmanager
def transfers():
    flows = Flows((VIP[4], PORT))
    try:
        yield flows
    finally:
        flows.end()


def linked(host, _=4):
    return "10.9.0.%d" % net.HOSTS[host]


def start_peer(host, other, dev):
    start(host, other, dev=dev, address=linked if dev == LINK else addr)


def start_peers(dev="eth0"):
    for host, other in (("director", "backup"), ("backup", "director")):
        start_peer(host, other, dev)
    ok(synced(*PRIORITY) == [0, 0], "both directors are synced")


def directors(dev="eth0"):
    """Both directors with the service, and synchronised."""
    sides = [open_director(host) for host in PRIORITY]
    for side in sides:
        side.add(SERVICE, [addr("a"), addr("b")], sched="rr")
    start_peers(dev)
    return sides


def start_anew(side, host, other, dev="eth0"):
    """As after a restart: no connections, and a role that has just been started."""
    tool(host, "sync", "stop", "peers")
    side.kill()
    start_peer(host, other, dev)


@contextlib.contextmanager
def sync_link(loss):
    """A cable for synchronisation, which loses some percent of the datagrams each way.
    Gives a function that plugs it in and out at the director."""
    net.ip("director", "link", "add", LINK, "type", "veth", "peer", "name", LINK, "netns",
           "backup")
    for host in PRIORITY:
        net.ip(host, "addr", "add", linked(host) + "/24", "dev", LINK)
        net.ip(host, "link", "set", LINK, "up")
        net.run("ip", "netns", "exec", host, "tc", "qdisc", "add", "dev", LINK, "root",
                "netem", "loss", "%d%%" % loss)
    try:
        yield lambda on: net.ip("director", "link", "set", LINK, "up" if on else "down")
    finally:
        net.ip("director", "link", "del", LINK)


def same(sides, number):
    """Waits until both have so many connections, with the same servers."""
    def rows(side):
        return sorted((conn.cport, conn.server) for conn in side.conns(state="established"))
    good = until(lambda: all(side.count(state="established") == number for side in sides),
                 HANGS)
    return good and rows(sides[0]) == rows(sides[1])


def thousand(sides, plug):
    with keepalived(("-P",), tracks=True) as nodes, transfers() as flows:
        begun = []
        open_all(flows, newest=lambda: begun.append(time.monotonic()))
        ok(same(sides, 1000), "both directors have 1,000 connections",
           [side.count() for side in sides])
        print("# the link is cut %.1f s after the last 100 began to be opened" %
              (time.monotonic() - begun[0]), flush=True)
        plug(False)
        net.ip("", "link", "set", "vdirector", "down")
        need(until(lambda: holders() == ["backup"], PATIENCE), "the backup takes over",
             nodes["backup"].log())
        go_on(flows, "the master's link is cut")
        start_anew(sides[0], "director", "backup", LINK)
        flows.add(20, None, False)
        plug(True)
        net.ip("", "link", "set", "vdirector", "up")
        need(until(lambda: has_vip("director"), PATIENCE), "the director takes over again",
             nodes["director"].log())
        number = sides[0].count(state="established")
        ok(number == 1020, "when it has all 1,020 connections", number)
        need(until(lambda: holders() == ["director"], PATIENCE), "it is alone",
             nodes["backup"].log())
        go_on(flows, "it is back")
    now = peers("backup")["peers"][0]
    print("# %d pages were sent, %d again" % (now["sent"], now["resent"]), flush=True)
    lost = [json.loads(net.run("ip", "netns", "exec", host, "tc", "-s", "-j", "qdisc", "show",
                               "dev", LINK).stdout)[0]["drops"] for host in PRIORITY]
    ok(min(lost) > 0, "datagrams were lost each way", lost)


def test_thousand():
    """1,000 transfers under keepalived, and 5 % of the datagrams of synchronisation are lost.
    The master's links are cut, and it comes back with an empty table and takes over again:
    it waits until it is synced."""
    with sync_link(5) as plug:
        sides = directors(LINK)
        thousand(sides, plug)
        end(PRIORITY, *sides)


def toward(host):
    """The client sends to this director."""
    net.ip("client", "neigh", "replace", VIP[4], "lladdr", net.mac(host).hex(":"), "dev",
           "eth0", "nud", "permanent")


def isolate(on):
    """The directors do not reach each other, and all other hosts do."""
    for host in ("director", "backup"):
        net.ip("", "link", "set", "v" + host, "type", "bridge_slave", "isolated",
               "on" if on else "off")


def test_split_brain():
    """Both directors have the VIP and do not hear each other for ten seconds."""
    sides = directors()
    toward("director")
    net.ip("backup", "addr", "add", VIP[4] + "/32", "dev", "eth0")
    with transfers() as flows:
        open_all(flows, 1)
        ok(same(sides, 100), "both directors have 100 connections")
        isolate(True)
        begun = time.monotonic()
        ok(until(lambda: state("director") == state("backup") == "silent", PATIENCE),
           "they are silent for each other", (peers("director"), peers("backup")))
        for host in ("backup", "director", "backup"):
            toward(host)
            go_on(flows, "split, packets come to the " + host)
        flows.add(20, 1.0)
        flows.add(20, None, False)
        ok(until(lambda: sides[1].count(state="established") == 140, PATIENCE) and
           sides[0].count(state="established") == 100, "40 more at one of them",
           [side.count() for side in sides])
        time.sleep(max(0.0, begun + 10 - time.monotonic()))
        go_on(flows, "after ten seconds")
        isolate(False)
        ok(until(lambda: state("director") == state("backup") == "synced", PATIENCE) and
           synced("director", "backup") == [0, 0], "they hear each other",
           (peers("director"), peers("backup")))
        ok(same(sides, 140), "healed: both have all 140 connections",
           [side.count() for side in sides])
        net.ip("backup", "addr", "del", VIP[4] + "/32", "dev", "eth0")
        toward("director")
        go_on(flows, "healed, packets come to the other one")
    net.ip("client", "neigh", "del", VIP[4], "dev", "eth0")
    end(PRIORITY, *sides)


FILLED = 10000


def slow(host):
    """A bulk transfer of FILLED connections from this host takes seconds."""
    net.run("ip", "netns", "exec", host, "tc", "qdisc", "add", "dev", "eth0", "root",
            "netem", "rate", "512kbit")


def fast(host):
    net.run("ip", "netns", "exec", host, "tc", "qdisc", "del", "dev", "eth0", "root")


def test_preempt():
    """A director comes back with an empty table, and its bulk transfer takes longer than
    keepalived waits: it has a lower priority until it is synced."""
    sides = directors()
    with keepalived(("-P",), tracks=True) as nodes, transfers() as flows:
        flows.add(20, 1.0)
        ok(same(sides, 20), "both directors have 20 connections",
           [side.count() for side in sides])
        net.ip("", "link", "set", "vdirector", "down")
        need(until(lambda: holders() == ["backup"], PATIENCE), "the backup takes over",
             nodes["backup"].log())
        start_anew(sides[0], "director", "backup")
        fill("backup", 2 * FILLED, PORT)
        slow("backup")
        net.ip("", "link", "set", "vdirector", "up")
        need(until(lambda: has_vip("director"), PATIENCE), "the director takes over again",
             nodes["director"].log())
        number = sides[0].count()
        ok(number == 2 * FILLED + 20, "when it has all connections",
           "%d\n%s" % (number, nodes["director"].log()))
        fast("backup")
        go_on(flows, "it is back")
    end(PRIORITY, *sides)


def test_kill_in_bulk():
    """The sender or the receiver of a bulk transfer goes while it runs: the receiver is not
    synced, and gets all when the sender is there again. Nothing else is held up."""
    sides = [open_director(host) for host in PRIORITY]
    for side in sides:
        side.add(SERVICE, [addr("a"), addr("b")], sched="rr")
    fill("director", FILLED, PORT)
    start("director", "backup")
    ok(sides[0].count() == FILLED and synced("director") == [0],
       "a director has %d connections" % FILLED, peers("director"))
    with transfers() as flows:
        flows.add(20, 1.0)

        def sender_stops():
            tool("director", "sync", "stop", "peers")
            return lambda: start("director", "backup")

        def receiver_stops():
            tool("backup", "sync", "stop", "peers")
            return lambda: start("backup", "director")

        def link_is_cut():
            carrier("director", False)
            return lambda: carrier("director", True)

        for what, cut in (("the sender's role stops", sender_stops),
                          ("the receiver's role stops", receiver_stops),
                          ("the link is cut", link_is_cut)):
            sides[1].kill()
            slow("director")
            start("backup", "director")
            ok(until(lambda: 500 < sides[1].count() < FILLED, PATIENCE),
               "a bulk transfer runs", sides[1].count())
            again = cut()
            ok(synced("backup", seconds=0) == [1] and sides[1].count() < FILLED,
               what + ": the receiver is not synced", (sides[1].count(), peers("backup")))
            fast("director")
            again()
            ok(synced("backup", seconds=60) == [0] and
               until(lambda: sides[1].count() == FILLED + 20),
               what + ": it gets all when the other one is there again",
               (sides[1].count(), peers("backup")))
            go_on(flows, what)
            tool("backup", "sync", "stop", "peers")
    end(("director",), *sides)


def test_renamed():
    """The device of a role is renamed while connections are sent: the role keeps it."""
    sides, number = directors(), 20
    with transfers() as flows:
        flows.add(number, 1.0)
        for old, new in (("eth0", "other"), ("other", "eth0")):
            net.batch("backup", ["link set %s down" % old,
                                 "link set %s name %s" % (old, new)])
            flows.add(5, 1.0)
            net.batch("backup", ["link set %s up" % new])
            number += 5
            ok(same(sides, number), "the device is called %s now, and both directors have "
               "%d connections" % (new, number), (peers("director"), peers("backup")))
        go_on(flows, "the device was renamed twice")
    net.address("backup")
    end(PRIORITY, *sides)


def servers_listed(host):
    return tool(host, "list", "-n").stdout.count(" Route ") == 2


def settled(sides):
    """The director is master, and both daemons have done all that they do."""
    return holders() == ["director"] and servers_listed("director") and \
        servers_listed("backup") and sides[0].sync()[0] == {"master", "peers"} and \
        sides[1].sync()[0] == {"backup", "peers"}


def test_keepalived():
    """keepalived with its checks and its sync daemons: reload, restart and kill on either
    side, and a change of priorities, under transfers. The directors are peers, too: the
    format of the sync daemons has no way to get what was missed."""
    more = virtual(real("a", check="TCP_CHECK"), real("b", check="TCP_CHECK"),
                   service="%s %d" % (VIP[4], PORT))
    sides = [open_director(host) for host in PRIORITY]
    start_peers()
    with Loaded(), contextlib.ExitStack() as stack:
        for host in "ab":
            stack.callback(Check(host).stop)
        nodes = stack.enter_context(keepalived(more=more,
                                               lvs="lvs_sync_daemon eth0 WEB id 51"))
        flows = stack.enter_context(transfers())

        def settle(what):
            need(until(lambda: settled(sides), PATIENCE), what + ": settled", "\n".join(
                node.log() for node in nodes.values()))

        def restart(host, number):
            what = "%s: keepalived is sent %s" % (host, number.name)
            nodes[host].stop(number)
            if host == "director":
                need(until(lambda: has_vip("backup"), PATIENCE), "the backup takes over",
                     nodes["backup"].log())
            go_on(flows, what)
            flows.add(5, None, False)
            nodes[host].start()
            settle(what + " and started")
            go_on(flows, what + " and started")

        settle("keepalived is started")
        open_all(flows, 1)
        ok(same(sides, 100), "both directors have 100 connections",
           [side.count() for side in sides])
        for host in ("backup", "director"):
            nodes[host].reload(PRIORITY[host])
            go_on(flows, "%s: keepalived is reloaded" % host)
            settle("after it")
            restart(host, signal.SIGTERM)
            restart(host, signal.SIGKILL)
        nodes["director"].reload(80)
        need(until(lambda: holders() == ["backup"], PATIENCE), "a lower priority: the "
             "backup takes over", nodes["backup"].log())
        go_on(flows, "a lower priority")
        nodes["director"].reload(100)
        settle("a higher priority")
        go_on(flows, "a higher priority")
    end(PRIORITY, *sides)


if __name__ == "__main__":
    # lbdr.ko finds the cipher only if it is there before it.
    net.run("modprobe", "libchacha20poly1305")
    net.run("modprobe", "sch_netem")
    net.main(globals(), setup=lambda: Servers(PORT, silent=True).start())
