#!/usr/bin/python3 -B
# SPDX-License-Identifier: GPL-2.0
# CPUs: 2
"""Two directors with 200 services, on which everything changes at random: services, servers,
transactions, entries, sync roles, health as keepalived sees it, neighbours, links. Floods
come, and one director takes over from the other. Server a stays in two services throughout:
none of its transfers loses a byte or is reset, and afterwards no memory is left.

SCALE=N is for how many seconds; ten minutes in `make soak`.
"""
import collections
import contextlib
import errno
import os
import random
import threading
import time

import genl
import net
from flows import Flows
from genl import NESTED, attr, u8, u32
from ipvs import Loaded
from net import VIP, addr, ok, until
from test_failover import PRIORITY
from test_flood import CONN_MAX, Flood
from test_ipvs_keepalived import FLAG, PATIENCE, Keepalived, config, misc, virtual
from test_sync_peers import peers, start, synced
from test_tcp import open_director
from transactions import Staged

SECONDS = int(os.environ.get("SCALE") or (120 if net.EVERYTHING else 12))
# Transfers of each family, from the beginning to the end
TRANSFERS = 250 if SECONDS >= 120 else 40
# Others of each family at a time, which come and go. All of them and two floods have room
# in the table: where it is full, an established connection that was idle for two seconds
# may be replaced.
FURTHER = 40
# Messages after which these may not break any more: the other director knows a connection
# some milliseconds after its second packet, and this one may have been its last.
SETTLED = 2
PORTS = range(1000, 1050)
KEPT = {version: genl.key(VIP[version]) for version in (4, 6)}
OTHERS = [genl.key(VIP[version], port, protocol)
          for version in (4, 6) for protocol in (6, 17) for port in PORTS]
# The VIPs of keepalived
CHECKED = ["192.168.1.%d" % last for last in (98, 99)]
LIMIT = 2048
SLABS = "/sys/kernel/slab/"
# What the rest of the kernel allocates meanwhile, and 1/20 of the changes: each change of
# a service or server that left an object would leave more.
NOISE = 100


class Churn(threading.Thread):
    """Random changes on both directors, each with the same configuration of KEPT."""

    def __init__(self, seed, sides):
        super().__init__(daemon=True)
        self.dice, self.sides = random.Random(seed), sides
        self.lock, self.ending = threading.Lock(), False
        self.done, self.refusals = collections.Counter(), collections.Counter()
        self.active, self.error, self.turn = "director", None, []

    def do(self, side, command, body=b""):
        try:
            return side.do(command, body)
        except genl.Refused as error:
            # What is there already, or is not there, or is busy.
            self.refusals[errno.errorcode[error.code]] += 1
            return []

    def both(self, command, body):
        for side in self.sides:
            self.do(side, command, body)

    def some(self, *rows):
        return self.dice.choice(rows)

    def kept(self):
        return self.some(*KEPT.items())

    def server(self, version, host, key, *more):
        return genl.server(addr(host, version), key, *more)

    def setting(self):
        """Another scheduler, persistence, or what becomes of packets without connection."""
        _, key = self.kept()
        name = self.dice.choice(self.schedulers)
        body = genl.settings(sched=name, size=251 if name == "mh" else None,
                             sched_flags=self.some(0, 1, 2, 3) if name in ("sh", "mh")
                             else None)
        if self.dice.random() < 0.3:
            body += genl.settings(persist=self.some(0, 0, 1, 60),
                                  prefix=self.some(8, 24, 32))
        if self.dice.random() < 0.3:
            body += u8(genl.STRAY, self.some(0, 1, 2, 3)) + \
                u8(genl.REFUSE, self.some(0, 1, 2)) + \
                genl.settings(timeout={"established": self.some(0, 900)})
        self.both(genl.SERVICE_SET, key + body)

    def weight(self):
        version, key = self.kept()
        self.both(genl.SERVER_SET, self.server(
            version, "a", key, u32(genl.SERVER_WEIGHT, self.some(1, 1, 3, 10, 65535))))

    def other(self):
        """Server b of a service that is kept."""
        version, key = self.kept()
        what = self.dice.randrange(4)
        if what == 0:
            upper = self.some(0, 0, 20, 1000)
            self.both(genl.SERVER_SET, self.server(
                version, "b", key, u32(genl.SERVER_UPPER, upper),
                u32(genl.SERVER_LOWER, upper // 2)))
        elif what < 3:
            self.both(genl.SERVER_NEW, self.server(
                version, "b", key, u32(genl.SERVER_WEIGHT, self.some(0, 1, 5))))
        else:
            self.both(genl.SERVER_DEL, self.server(version, "b", key, *self.manner()))

    def manner(self):
        """How a server goes."""
        return self.some([], [attr(genl.SERVER_DRAIN, b"")], [u32(genl.SERVER_HOLD, 1)])

    def change(self):
        """A command about a service that nobody uses, or its servers."""
        key = self.dice.choice(OTHERS)
        version = 4 if OTHERS.index(key) < len(OTHERS) // 2 else 6
        host = self.some("a", "b")
        what = self.dice.randrange(6)
        if what == 0:
            return genl.SERVICE_NEW, key + genl.settings(
                sched=self.dice.choice(self.schedulers), persist=self.some(None, 60))
        if what == 1:
            return genl.SERVICE_DEL, key + self.some(b"", b"", u32(genl.SERVICE_HOLD, 1))
        if what == 2:
            return genl.SERVICE_SET, key + genl.settings(
                sched=self.dice.choice(self.schedulers))
        if what == 3:
            return genl.SERVER_DEL, self.server(version, host, key, *self.manner())
        return self.some(genl.SERVER_NEW, genl.SERVER_SET), self.server(
            version, host, key, u32(genl.SERVER_WEIGHT, self.some(0, 1, 7)),
            *self.some([], [u8(genl.SERVER_TUNNEL, 3) + genl.be16(
                genl.SERVER_TUNNEL_PORT, 6080)]))

    def single(self):
        self.both(*self.change())

    def batch(self):
        """A transaction. keepalived may change the configuration meanwhile."""
        with net.within(self.some(*PRIORITY)):
            sock = Staged().begin()
        with contextlib.closing(sock):
            for _ in range(self.dice.randrange(1, 12)):
                sock.stage(*self.change())
            if self.dice.random() < 0.8:
                self.refusals[sock.commit()] += 1

    def clear_one(self):
        """The counters, or the connections, of one service that nobody uses."""
        key = self.dice.choice(OTHERS)
        side = self.some(*self.sides)
        if self.dice.random() < 0.5:
            self.do(side, genl.ZERO, key)
        else:
            self.do(side, genl.CONN_DEL, attr(genl.CONN_SERVICE | NESTED, key))

    def look(self):
        side = self.some(*self.sides)
        self.some(side.conns, side.count, lambda: side.dump(genl.SERVER_GET), side.sync)()

    def set_entry(self):
        number = self.some(0, 1, 2)
        self.both(genl.INFO_SET, u8(genl.INFO_ENTRY, number) + (
            attr(genl.INFO_DEVICE, b"eth0\0") if number == 2 else b""))

    def role(self):
        """The roles of the old protocol, and on the director without traffic those of the
        new one."""
        role = self.some(*genl.SYNC_ROLES)
        if role == "peers":
            idle = next(host for host in PRIORITY if host != self.active)
            net.run(net.LBCTL, "-N", idle, "sync", "stop", "peers", check=False)
            start(idle, self.active)
            return
        side = self.some(*self.sides)
        self.do(side, genl.SYNC_SET, u8(genl.SYNC_ROLE, genl.SYNC_ROLES.index(role)) +
                (u8(genl.SYNC_ENABLED, 1) + attr(genl.SYNC_DEVICE, b"eth0\0") +
                 u8(genl.SYNC_ID, 9) if self.dice.random() < 0.5 else
                 u8(genl.SYNC_ENABLED, 0)))

    def flood(self):
        attack = self.some(*self.attacks)
        for _ in range(300):
            attack.send()

    def neighbours(self):
        net.ip(self.some(*PRIORITY), "neigh", "flush", "dev", "eth0", check=False)

    def link(self):
        host = self.some(*PRIORITY)
        what = self.dice.randrange(3)
        if what == 0:
            net.ip("", "link", "set", "v" + host, "down")
            net.ip("", "link", "set", "v" + host, "up")
        elif what == 1:
            # Not for long: the other director's datagrams are of 1500 bytes.
            for mtu in ("1400", "1500"):
                net.ip(host, "link", "set", "eth0", "mtu", mtu)
        else:
            net.batch(host, ["link add extra type dummy", "link set extra up",
                             "addr add 192.0.2.1/24 dev extra", "link del extra"])

    def health(self):
        """What keepalived will find."""
        path = FLAG % self.some("a", "b")
        if os.path.exists(path) and self.dice.random() < 0.5:
            os.unlink(path)
        else:
            net.write(path, "")

    # One of ten is slow, and each of these comes in turn.
    QUICK = (setting, weight, other, single, single, single, batch, clear_one, look)
    SLOW = (set_entry, role, flood, neighbours, link, health)

    def next(self):
        if self.dice.random() < 0.9:
            return self.dice.choice(self.QUICK)
        self.turn = self.turn or self.dice.sample(self.SLOW, len(self.SLOW))
        return self.turn.pop()

    def run(self):
        try:
            while not self.ending:
                work = self.next()
                with self.lock:
                    work(self)
                self.done[work.__name__] += 1
                time.sleep(0.003)
        except Exception as error:
            self.error = error
            raise

    def prepare(self):
        """All services, with both servers in the others."""
        for side in self.sides:
            for version, key in KEPT.items():
                side.add(key, [addr("a", version)], sched="rr")
        self.schedulers = self.sides[0].schedulers()
        for host in PRIORITY:
            with net.within(host):
                sock = Staged().begin()
            for number, key in enumerate(OTHERS):
                version = 4 if number < len(OTHERS) // 2 else 6
                sock.stage(genl.SERVICE_NEW, key + genl.settings(sched="wlc"))
                for name in "ab":
                    sock.stage(genl.SERVER_NEW, self.server(version, name, key))
            ok(sock.commit() is None, "%s: %d services in one transaction" %
               (host, len(OTHERS)))
            sock.close()

    def begin(self):
        self.attacks = [Flood(version, 6) for version in (4, 6)]
        self.start()

    def end(self):
        self.ending = True
        self.join()
        for attack in self.attacks:
            attack.close()

    def remove(self):
        """What has been configured here. keepalived's stays."""
        for host, side in zip(PRIORITY, self.sides):
            for role in side.sync()[0]:
                side.sync_stop(role)
            with net.within(host):
                sock = Staged().begin()
            for key in [*KEPT.values(), *OTHERS]:
                sock.stage(genl.SERVICE_DEL, key)
            ok(sock.commit() is None, "%s: no service is left" % host)
            sock.close()
            side.kill()
        self.both(genl.INFO_SET, u8(genl.INFO_ENTRY, 0))


def toward(host):
    """The client sends to this director."""
    for version in (4, 6):
        net.ip("client", "neigh", "replace", VIP[version], "lladdr",
               net.mac(host).hex(":"), "dev", "eth0", "nud", "permanent")


def go_on(flows, transfers):
    """Of each transfer with the server that stays which broke though it was in use for some
    time: its number, its messages and its error."""
    for each in flows:
        each.go_on("a")
    return [(each.flows.index(flow), flow.rounds, flow.error) for each in flows
            for flow in each.broken("a")
            if flow in each.flows[:transfers] or flow.rounds >= SETTLED]


def tables(churn):
    """Of each director, the connections in its table, what it has dropped, and the records
    that it has refused."""
    return [(side.held(), {why: number for why, number in side.drops().items() if number},
             side.sync()[1]["refused"]) for side in churn.sides]


def take_over(churn, flows, transfers, dice):
    """Traffic goes to the other director; the first one may be cut off."""
    with churn.lock:
        old = churn.active
        new = next(host for host in PRIORITY if host != old)
        cut = dice.random() < 0.5
        if not ok(synced(*PRIORITY) == [0, 0], "both directors are synced",
                  [peers(host) for host in PRIORITY]):
            return
        if cut:
            net.ip("", "link", "set", "v" + old, "down")
        toward(new)
        churn.active = new
        broken = go_on(flows, transfers)
        ok(not broken, "the %s takes over from one that is %s: no transfer breaks" %
           (new, "cut off" if cut else "there"),
           (broken, tables(churn)))
        net.ip("", "link", "set", "v" + old, "up")


def more(flows, transfers, dice, lost):
    """Further transfers, and the end of others than the first ones."""
    each = dice.choice(flows)
    try:
        each.add(4, 1.0)
    except OSError as error:
        # Its server went before it said anything.
        lost[str(error)] += 1
    later = each.flows[transfers:]
    # Those in the middle of a message stay, so it is not always the same number that goes.
    each.finish(dice.sample(later, max(0, len(later) - FURTHER)))


def episode(seconds, transfers, takeovers):
    """Returns how many changes there were."""
    dice = random.Random(net.SEED)
    churn = Churn(net.SEED, [open_director(host) for host in PRIORITY])
    churn.prepare()
    for host, peer in (("director", "backup"), ("backup", "director")):
        start(host, peer)
    toward("director")
    flows, lost = [Flows((VIP[version], 80), "%s") for version in (4, 6)], \
        collections.Counter()
    for each in flows:
        each.add(transfers, 2.0)
    churn.begin()
    begun = time.monotonic()
    for number in range(1, takeovers + 2):
        while time.monotonic() < begun + seconds * number / (takeovers + 1) and \
                not churn.error:
            more(flows, transfers, dice, lost)
        if number <= takeovers and not churn.error:
            take_over(churn, flows, transfers, dice)
    churn.end()
    number = sum(churn.done.values())
    print("# %d changes: %s; refused: %s; new transfers that never began: %s" % (
        number, dict(churn.done), dict(churn.refusals), dict(lost)), flush=True)
    ok(not churn.error and set(churn.refusals) <= {
        None, "EEXIST", "ESRCH", "ENOENT", "EAGAIN", "EBUSY"},
       "changes are done, or refused for what they are", (churn.error, churn.refusals))
    broken = go_on(flows, transfers)
    on_a = sum(flow.server == "a" for each in flows for flow in each.flows)
    print("# tables: %s; transfers that broke when they had just begun: %d" % (
        tables(churn), sum(len(each.broken("a")) for each in flows) - len(broken)),
        flush=True)
    ok(not broken and on_a >= 2 * transfers, "of %d transfers with the server that stays "
       "none broke" % on_a, broken)
    for each in flows:
        each.end()
    churn.remove()
    ok(until(lambda: not any(side.held() for side in churn.sides), 60),
       "no connection is left", [side.held() for side in churn.sides])
    for side in churn.sides:
        side.close()
    for host in "ab":
        net.write(FLAG % host, "")
    # Servers wait for clients that were cut off. The UML kernel cannot end their sockets.
    for host in net.HOSTS if net.LABEL != "uml" else ():
        net.run("ip", "netns", "exec", host, "ss", "-K", "state", "connected")
    return number


def objects():
    """Name -> objects, of the slab caches that the module allocates from. Without the one
    that the UML kernel keeps references to devices in which are gone."""
    found = {}
    for name in os.listdir(SLABS):
        if name.startswith(("lbdr", "kmalloc")) and (net.LABEL, name) != ("uml",
                                                                          "kmalloc-32"):
            # Aliases of one cache are one. Also returns what KASAN keeps for a while.
            path = os.path.realpath(SLABS + name)
            net.write(path + "/shrink", "1")
            with open(path + "/objects", encoding="ascii") as file:
                found[name] = int(file.read().split()[0])
    return found


def drift(before, allowed):
    """Caches that have grown by more than that."""
    now = objects()
    return {name: number - before.get(name, 0) for name, number in now.items()
            if number - before.get(name, 0) > allowed}


def servers_listed():
    """How many servers keepalived has in its services."""
    return net.lbctl("list", "-n").stdout.count(" Route ")


@contextlib.contextmanager
def checker():
    """keepalived, with services of its own."""
    for host in "ab":
        net.write(FLAG % host, "")
    text = config(misc("a"), misc("b"), service=CHECKED[0] + " 80") + \
        virtual(misc("a"), misc("b"), service=CHECKED[1] + " 80")
    with Loaded():
        daemon = Keepalived(text)
        try:
            ok(until(lambda: servers_listed() == 4, PATIENCE), "keepalived has services")
            yield
        finally:
            daemon.stop()
            for host in "ab":
                with contextlib.suppress(FileNotFoundError):
                    os.unlink(FLAG % host)


def test_at_scale():
    print("# SEED=%d, %d s, %d transfers" % (net.SEED, SECONDS, 2 * TRANSFERS), flush=True)
    net.write(CONN_MAX, str(LIMIT))
    for version, length in ((4, 32), (6, 128)):
        net.ip("backup", "addr", "add", "%s/%d" % (VIP[version], length), "dev", "eth0")
    with checker():
        # The first changes allocate what stays: tables, sockets, slabs.
        episode(3, 4, 0)
        before = objects()
        number = episode(SECONDS, TRANSFERS, max(1, SECONDS // 30))
        ok(until(lambda: servers_listed() == 4, PATIENCE), "keepalived's services are there")
        allowed = NOISE + number // 20
        ok(until(lambda: not drift(before, allowed)), "no memory is left of %d changes" %
           number, drift(before, allowed))
        print("# caches that have grown: %s" % drift(before, 0), flush=True)
    for version in (4, 6):
        net.ip("client", "neigh", "del", VIP[version], "dev", "eth0")


if __name__ == "__main__":
    # lbdr.ko finds the cipher only if it is there before it.
    net.run("modprobe", "libchacha20poly1305")
    net.main(globals())
