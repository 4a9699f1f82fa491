#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0
"""What each scheduler chooses: beside stock ip_vs, connection by connection, and
on its own where ip_vs cannot say what is right."""
import json
import random
import struct
import threading
import time
from collections import Counter

import genl
import ipvs
import net
import test_ipvsadm as tool
from ipvs import (SCHEDULERS, Contest, Flow, Ipvs, Lbdr, Lost, Wire, by_service, client,
                  firsts, rip, scenario, services, syns)
from net import ACK, FIN, RST, SYN, drops_of, lbctl, ok, until


def plain(*weights):
    """Servers without thresholds; None is a server that is not there."""
    return [None if weight is None else (weight, 0, 0) for weight in weights]


EQUAL, UNEQUAL = plain(1, 1, 1, 1, 1), plain(4, 1, 5, 3, 2)
QUIESCED = plain(3, 1, 0, 4, 2)
LIMITED = [(1, 3, 0), (2, 5, 0), (1, 3, 2), (3, 7, 0), (1, 4, 4)]
ROOM = sum(upper for _, upper, _ in LIMITED)


def compare(what, steps, fates, least=2):
    """Equal frame by frame; and at least so many different ones were chosen, or
    the equality would say little."""
    theirs, ours = fates
    wrong = ["step %d, %s: ip_vs %s, lbdr %s" % (n, steps[n], a, b)
             for n, (a, b) in enumerate(zip(theirs, ours)) if a != b]
    picks = firsts(steps, ours)
    chosen = {fate for _, _, fate in picks}
    ok(not wrong and len(chosen) >= least,
       "%s: %d connections, each to the server that ip_vs chooses" %
       (what, len(picks)),
       "\n".join(["%d differ" % len(wrong)] + wrong[:6]) if wrong else
       "nothing but %s" % chosen)


# The heaviest server quiesces, and the next one; both come back.
EDITS = {7: (2, (0, 0, 0)), 11: (0, (0, 0, 0)), 16: (2, (3, 0, 0)),
         20: (0, (4, 0, 0))}
SETS = [(EQUAL, (), ()), (UNEQUAL, (), ()), (QUIESCED, (), ()),
        (UNEQUAL, (), EDITS), (LIMITED, (), ())]

# scheduler: [(servers, flags, edits)], whether ports are used again, VIPs
SAME = {
    "rr": (SETS, True, 1),
    "lc": (SETS, False, 1),
    "wlc": (SETS, False, 1),
    "lblc": (SETS[:4], False, 2),
    "dh": (SETS[:2], True, 8),
    "sh": (SETS[:2] + [(UNEQUAL, ("port",), ()), (LIMITED, (), ()),
                       (LIMITED, ("fallback",), ()),
                       (LIMITED, ("port", "fallback"), ())], True, 1),
    "sed": (SETS, True, 1),
    "nq": (SETS, True, 1),
    "fo": (SETS[3:], True, 1),
    "ovf": (SETS, True, 1),
}

# They leave a server when it has more active connections than it weighs.
OVERFLOWING = ("lblc", "ovf")


def most_active(steps):
    """The most connections that a service has open at once."""
    books, most = {}, 0
    for flow, flags in (step for step in steps if step[0] != "edit"):
        book = books.setdefault(flow.service, Books())
        book.note(flow, flags, 0)
        most = max(most, book.active[0])
    return most


def weights_of(servers):
    return " ".join("-" if server is None else str(server[0])
                    for server in servers)


def test_same():
    """Those that are meant to be the same. A connection that begins anew from a
    used port is counted off at once here and with the next tick by ip_vs: where
    inactive connections count, ports are not used again."""
    with Contest() as contest:
        for sched in SAME:
            if not contest.has_ipvs(sched):
                continue
            sets, reuse, vips = SAME[sched]
            for servers, flags, edits in sets:
                limited = servers is LIMITED
                rng = random.Random("%d %s %s" % (net.SEED, sched, servers))
                about = services(vips)
                number = (6 if vips == 8 else 24) if net.EVERYTHING or edits else \
                    4 if vips == 8 else 12
                enough = max(config[0] for config in servers) + 2 \
                    if sched in OVERFLOWING else 0
                steps = []
                while not steps or most_active(steps) < enough:
                    steps = scenario(rng, about, number, reuse and not limited,
                                     edits)
                what = "%s, weights %s" % (" ".join((sched,) + flags),
                                           weights_of(servers))
                what += ", some changed meanwhile" if edits else ""
                what += ", with thresholds" if limited else ""
                fates = contest.both(sched, about, servers, steps, flags)
                if fates:
                    compare(what, steps, fates)


class Books:
    """A service's connections, kept from its frames. A port is used once where the
    inactive ones matter."""

    def __init__(self):
        self.active, self.inactive, self.server = Counter(), Counter(), {}

    def note(self, flow, flags, server):
        if flags == SYN:
            self.active[server] += 1
            self.server[flow] = server
        elif flags == 0 and flow not in self.server:
            self.inactive[server] += 1
            self.server[flow] = server
        elif flags & (FIN | RST) and flow in self.server:
            self.active[server] -= 1
            self.inactive[server] += 1

    def least(self, servers, weights):
        """The first of the least loaded for their weights."""
        best = None
        for server in servers:
            if weights[server] and (best is None or self.load(server) *
                                    weights[best] < self.load(best) *
                                    weights[server]):
                best = server
        return best

    def load(self, server):
        return self.active[server] * 256 + self.inactive[server]

    def strained(self, server, weights):
        return self.active[server] > weights[server] and any(
            2 * self.active[n] < weight for n, weight in enumerate(weights))


def against_lblcr(steps, fates, servers, newest):
    """Where lblcr's rule was not kept; of equals in a destination's set it wants
    the newest, or the one that it has had longest."""
    weights = [weight for weight, _, _ in servers]
    books, sets, wrong, seen = {}, {}, [], set()
    for step, fate in zip(steps, fates):
        if step[0] == "edit":
            weights[step[1]] = step[2][0]
            continue
        flow, flags = step
        book = books.setdefault(flow.service, Books())
        if flow not in seen:
            members = sets.setdefault(flow.service, [])
            want = book.least(members[::-1] if newest else members, weights)
            if want is None or book.strained(want, weights):
                want = book.least(range(len(weights)), weights)
            if fate not in members:
                members.append(fate)
            if fate != want:
                wrong.append("%s: %s, not %s" % (flow, fate, want))
        seen.add(flow)
        book.note(flow, flags, fate)
    return wrong, max(len(members) for members in sets.values())


def test_lblcr():
    with Contest() as contest:
        for servers, _, edits in SETS[:4]:
            rng = random.Random("%d lblcr %s" % (net.SEED, servers))
            about = services(2)
            steps = scenario(rng, about, 24, False, edits)
            for side in contest.sides("lblcr"):
                theirs = side is contest.ipvs
                fates = contest.alone(side, "lblcr", about, servers, steps)
                wrong, most = against_lblcr(steps, fates, servers, theirs)
                ok(not wrong and most > 1, "lblcr, weights %s%s, %s: %d "
                   "connections, each as the rule says; of equal servers in a set "
                   "%s" % (weights_of(servers),
                           ", some changed meanwhile" if edits else "", side.name,
                           len(firsts(steps, fates)), "the newest (ip_vs alone)"
                           if theirs else "the one that it has had longest"),
                   "\n".join(wrong[:5]) or "no set has two servers")


def uneven(picks, weights):
    """How far from its ideal share, in turns, a server is at worst after any
    number of connections."""
    count, worst, total = Counter(), 0, sum(weights)
    for turn, pick in enumerate(picks, 1):
        count[pick] += 1
        worst = max([worst] + [abs(count[n] - turn * weight / total)
                               for n, weight in enumerate(weights)])
    return worst


def cycles(picks, weights):
    """Whether every stretch of a cycle's length has each server as often as it
    weighs."""
    length = sum(weights)
    want = Counter({n: weight for n, weight in enumerate(weights) if weight})
    return len(picks) >= length and all(
        Counter(picks[at:at + length]) == want
        for at in range(len(picks) - length + 1))


def test_wrr():
    with Contest() as contest:
        sides = contest.sides("wrr")
        for servers, weights in ((EQUAL, (1, 1, 1, 1, 1)),
                                 (UNEQUAL, (4, 1, 5, 3, 2)),
                                 (plain(12, 4, 8, 0, 4), (3, 1, 2, 0, 1))):
            about = services()
            steps = syns(about, 3 * sum(weights))
            for side in sides:
                fates = contest.alone(side, "wrr", about, servers, steps)
                wrong = [(str(service), picks) for service, picks in
                         by_service(steps, fates).items()
                         if not cycles(picks, weights) or
                         (side is contest.lbdr and uneven(picks, weights) >= 1)]
                ok(not wrong, "wrr, weights %s, %s: every cycle has each server as "
                   "often as it weighs%s" %
                   (weights_of(servers), side.name, ", in an order of its own"
                    if side is contest.ipvs else
                    ", and none is ever a turn from its share"), wrong[:2])
        about = services()
        steps = syns(about, 40)
        for side in sides:
            fates = contest.alone(side, "wrr", about, [
                (4, 0, 0), (1, 0, 0), (5, 3, 0), (3, 0, 0), (2, 0, 0)], steps)
            wrong = []
            for service, picks in by_service(steps, fates).items():
                full = [n for n, pick in enumerate(picks) if pick == 2]
                if len(full) != 3 or not cycles(picks[full[-1] + 1:],
                                                (4, 1, 0, 3, 2)):
                    wrong.append((str(service), picks))
            ok(not wrong, "wrr, %s: a server with an upper threshold of 3 gets 3, "
               "and from then on the cycle is that of the others" % side.name,
               wrong[:2])


def test_cost():
    """What an inactive connection costs. Server 0 has one active connection;
    server 1 gets inactive ones, and at 255 and 256 a choice is made."""
    with Contest() as contest:
        for sched in ("lc", "wlc"):
            for side in contest.sides(sched):
                about = services(protocols=("tcp",))[:1]
                flows = [flow for flow, _ in syns(about, 258)]
                steps = [(flows[0], SYN), ("edit", 0, (0, 0, 0)),
                         ("edit", 1, (1, 0, 0))]
                for flow in flows[1:256]:
                    steps += [(flow, SYN), (flow, FIN)]
                steps += [("edit", 0, (1, 0, 0)), (flows[256], SYN),
                          (flows[256], FIN), (flows[257], SYN)]
                fates = contest.alone(side, sched, about, plain(1, 0), steps)
                closed = fates[3:513]
                at_255, at_256 = fates[-3], fates[-1]
                good = fates[0] == 0 and closed == [1] * 510 and at_255 == 1
                if side is contest.lbdr:
                    ok(good and at_256 == 0, "%s, lbdr: an active connection costs "
                       "as much as 256 inactive ones" % sched, (at_255, at_256))
                else:
                    ok(good and at_256 in (0, 1), "%s, ip_vs: it costs %s" %
                       (sched, "as much here" if at_256 == 0 else "257 here: "
                        "active connections are counted once more in the total"),
                       (at_255, at_256))


def test_dh():
    """Where a destination's server takes none, ip_vs refuses, lbdr goes on."""
    with Contest() as contest:
        about = services(8)
        steps = syns(about, 4)
        base = contest.alone(contest.lbdr, "dh", about, EQUAL, steps)
        one = {service: set(picks) for service, picks in
               by_service(steps, base).items()}
        ok(all(len(picks) == 1 for picks in one.values()) and
           len(set.union(*one.values())) > 2,
           "dh: all connections to a destination go to one server", one)
        for servers, what, limit in (
                (plain(1, 1, 0, 1, 1), "of weight 0", 0),
                ([(1, 0, 0)] * 2 + [(1, 2, 0)] + [(1, 0, 0)] * 2,
                 "that is overloaded with 2", 2)):
            for side in contest.sides("dh"):
                about = services(8)
                steps = syns(about, 4)
                fates = contest.alone(side, "dh", about, servers, steps)
                instead = 3 if side is contest.lbdr else "none"
                want = []
                for place, pick in enumerate(base):
                    moved = pick == 2 and place >= limit * len(about)
                    want.append(instead if moved else pick)
                ok(fates == want and 2 in base, "dh, a server %s, %s: its "
                   "destinations %s, all others stay" %
                   (what, side.name, "go to the next one" if instead == 3 else
                    "are refused"), list(zip(fates, want)))


def test_sh_quiesced():
    with Contest() as contest:
        about = services()
        steps = syns(about, 60)
        ours = contest.alone(contest.lbdr, "sh", about, QUIESCED, steps)
        ok(2 not in ours and "none" not in ours,
           "sh, lbdr: a server of weight 0 has no bucket, nobody is refused")
        if not contest.has_ipvs("sh"):
            return
        other = contest.alone(contest.ipvs, "sh", about, QUIESCED, steps)
        ok(2 not in other and "none" in other, "sh, ip_vs: it has one, whose "
           "clients are refused (%d of %d)" % (other.count("none"), len(other)))
        about = services()
        steps = syns(about, 60)
        other = contest.alone(contest.ipvs, "sh", about, plain(3, 1, None, 4, 2),
                              steps)
        ok(ours == other, "sh: without the server ip_vs chooses as lbdr does with "
           "it", list(zip(other, ours)))


def test_lblc_limited():
    """ip_vs sends a destination to its server even when that is overloaded."""
    with Contest() as contest:
        about = services()
        steps = syns(about, ROOM + 4)
        for side in contest.sides("lblc"):
            fates = contest.alone(side, "lblc", about, LIMITED, steps)
            over = max(max(Counter(picks)[n] - upper for n, (_, upper, _) in
                           enumerate(LIMITED))
                       for picks in by_service(steps, fates).values())
            if side is contest.lbdr:
                ok(over == 0 and fates.count("none") == 4 * len(about), "lblc, "
                   "lbdr: no server gets more than its upper threshold", over)
            else:
                ok(over >= 0, "lblc, ip_vs: a server gets up to %d more than its "
                   "upper threshold" % over)


def test_mh():
    """The tables differ by design; what a table is for holds on both sides."""
    with Contest() as contest:
        sides = contest.sides("mh")
        about = services()
        once = syns(about, 50)
        again = [(flow._replace(sport=flow.sport + 1000), flags)
                 for flow, flags in once]
        for side in sides:
            base = contest.alone(side, "mh", about, UNEQUAL, once + again)
            ok(base[:len(once)] == base[len(once):] and len(set(base)) == 5,
               "mh, %s: a client's connections all go to one server" % side.name)
        back = contest.alone(contest.lbdr, "mh", about, UNEQUAL, once, reverse=True)
        ok(base[:len(once)] == back,
           "mh, lbdr: the order of adding makes no difference", back)
        limited = [(weight, int(n == 2), 0)
                   for n, (weight, _, _) in enumerate(UNEQUAL)]
        for flags in ((), ("fallback",)):
            fates = contest.alone(contest.lbdr, "mh", about, limited, once, flags)
            wrong, full = [], set()
            for (flow, _), pick, fate in zip(once, back, fates):
                if pick != 2 or flow.service not in full:
                    good = fate == pick
                else:
                    good = fate not in (2, "none") if flags else fate == "none"
                if pick == 2:
                    full.add(flow.service)
                if not good:
                    wrong.append((pick, fate))
            ok(not wrong and back.count(2) > len(about), "mh%s, lbdr: clients of an "
               "overloaded server %s, all others stay" %
               (" fallback" if flags else "",
                "go to others" if flags else "are refused"), wrong)


def test_shares():
    """mh by ports and twos deal out by weight, as far as chance allows."""
    with Contest() as contest:
        for sched, flags, servers in (("mh", ("port",), UNEQUAL),
                                      ("twos", (), UNEQUAL), ("twos", (), EQUAL)):
            for side in contest.sides(sched):
                about = services(protocols=("tcp",))
                steps = syns(about, 250)
                fates = contest.alone(side, sched, about, servers, steps, flags)
                count = Counter(fates)
                total = sum(weight for weight, _, _ in servers)
                ideal = [len(steps) * weight / total for weight, _, _ in servers]
                # Five standard deviations; twos keeps closer, by looking twice.
                # ip_vs deals its table out with an error of its own.
                far = [abs(count[n] - share) /
                       ((10 if side is contest.ipvs else 5) * (share * (1 - share / len(steps))) ** 0.5
                        if sched == "mh" else 10)
                       for n, share in enumerate(ideal)]
                ok(max(far) <= 1, "%s, weights %s, %s: %d connections by weight" %
                   (" ".join((sched,) + flags), weights_of(servers), side.name,
                    len(steps)), (ideal, count))


def test_listed():
    """The tool by the name ipvsadm lists each scheduler as the packaged one lists that of
    ip_vs."""
    stock, own = tool.twins()
    both = [name for name in SCHEDULERS if Ipvs.has(name)]
    for name in sorted(set(SCHEDULERS) - set(both)):
        print("skip - %s beside ip_vs, which has it not on this kernel" % name)
    lines = ["-A -t V4:%d -s %s" % (200 + n, name) for n, name in enumerate(both)] + [
                 "-A -t V4:300 -s mh -b mh-fallback,mh-port",
                 "-A -t V4:301 -s mh --sched-flags=flag-2"]
    listed = {}
    for side in (own, stock):
        side.call("-C")
        said = tool.configure(side, lines)
        ok(not said, "%s takes each of %d schedulers" %
           (side.name, len(both)), "\n".join(said))
        listed[side] = [side.list(line) for line in ("-Ln", "-Sn")]
        side.call("-C")
    for line, theirs, ours in zip(("-Ln", "-Sn"), listed[stock], listed[own]):
        wrong = tool.differences(line, theirs, ours)
        ok(not wrong and ours.count("\n") >= len(lines),
           "schedulers, ipvsadm %s: as ip_vs lists them" % line, wrong)


def test_ip_vs_leaves():
    if Ipvs.has("rr"):
        ok(Ipvs.unload(), "ip_vs is unloaded, nothing holds it")


def test_closed_servers():
    """Nobody goes to a server of weight 0, nor beyond an upper threshold. The
    first server is the one that most would choose, up to its threshold of 1."""
    servers = [(9, 1, 0), (0, 0, 0), (1, 0, 0), (2, 0, 0), (3, 0, 0)]
    with Contest() as contest:
        for sched in genl.schedulers():
            flags = ("fallback",) if sched in ("sh", "mh") else ()
            about = services()
            fates = contest.alone(contest.lbdr, sched, about, servers,
                                  syns(about, 25), flags)
            count = Counter(fates)
            # ovf's servers have room for 9 active connections more.
            refused = 2 * (25 - 10) if sched == "ovf" else 0
            ok(count[1] == 0 and count[0] <= len(about) and
               count["none"] == refused and
               (count[0] == len(about) or sched in ("dh", "sh", "mh", "twos",
                                                    "lblc", "lblcr")),
               "%s: no connection to a server of weight 0, nor more than one to a "
               "server with an upper threshold of 1" % sched, count)


def test_thresholds():
    """fo sends all to the first server, as long as that is not overloaded. A
    connection that was reset counts until its client begins another one."""
    for lower, want in ((2, [1, 1, 0]), (0, [1, 0])):
        with Contest() as contest:
            about = services(protocols=("tcp",))[:1]
            flows = [flow for flow, _ in syns(about, 6)]
            steps = [(flow, SYN) for flow in flows[:5]]
            for flow in flows[:4]:
                steps += [(flow, ACK), (flow, RST)]
            steps += [(flow, SYN) for flow in flows[:len(want)]]
            fates = contest.alone(contest.lbdr, "fo", about,
                                  [(2, 4, lower), (1, 0, 0)], steps)
            ok(fates == [0, 0, 0, 0, 1] + [0] * 8 + want, "upper threshold 4, "
               "lower %d: overloaded at 4, and no more below %d" %
               (lower, lower or 3), fates)


class Load(threading.Thread):
    """Clients that do not rest: some connections that stay open, and new ones all
    the time, one frame under way at any moment."""

    def __init__(self, service, opened=20):
        super().__init__()
        self.wire, self.service = Wire(), service
        self.halt, self.new, self.old, self.wrong = threading.Event(), 0, 0, []
        self.flows = [Flow(service, client(service, n), 1024 + n)
                      for n in range(1, opened + 1)]
        self.servers = [self.wire.send(flow) for flow in self.flows]

    def run(self):
        while not self.halt.is_set():
            at = self.old % len(self.flows)
            fresh = Flow(self.service, client(self.service, 99),
                         10000 + self.new % 50000)
            try:
                first = self.wire.send(fresh)
                last = self.wire.send(fresh, RST)
                fate = self.wire.send(self.flows[at], ACK)
            except Lost as lost:
                self.wrong.append(str(lost))
                return
            if first not in range(ipvs.SERVERS) or first != last:
                self.wrong.append("a new connection: %s, then %s" % (first, last))
            if fate != self.servers[at]:
                self.wrong.append("connection %d: %s" % (at, fate))
            self.new += 1
            self.old += 1

    def __enter__(self):
        self.start()
        return self

    def __exit__(self, *_):
        self.halt.set()
        self.join()
        self.wire.close()

    def passed(self):
        """Waits until some more was tried; then, whether nothing went wrong."""
        target = self.new + 10
        until(lambda: self.new >= target or not self.is_alive())
        return not self.wrong and self.new >= target


def named(service):
    return Ipvs.words(service).split()


def server_named(service, number):
    form = "%s" if service.version == 4 else "[%s]"
    return named(service) + ["-r", form % rip(number, service.version)]


def test_swap():
    busy, quiet = services(protocols=("tcp",))
    side, wire = Lbdr(), Wire()
    side.configure([busy, quiet], "rr", (), UNEQUAL)
    flows = iter([flow for flow, _ in syns([quiet], 200)])
    wrong, names = [], genl.schedulers()

    def pick():
        flow = next(flows)
        fate = wire.send(flow)
        wire.send(flow, RST)
        return fate

    with Load(busy) as load:
        for sched in names:
            for name, number, good in (
                    (sched, 2, lambda got: None not in got),
                    ("fo", 1, lambda got: got == [2]),
                    ("rr", 5, lambda got: sorted(got) == [0, 1, 2, 3, 4])):
                for service in (busy, quiet):
                    lbctl("edit-service", *named(service), "-s", name)
                got = [pick() for _ in range(number)]
                if not good(got) or "none" in got:
                    wrong.append((sched, name, got))
            load.passed()
        calm = load.passed()
    ok(not wrong, "edit-service -s: the very next connection is the new "
       "scheduler's, from and to each of %d" % len(names), wrong)
    ok(calm, "meanwhile %d connections stay with their servers, and of %d new ones "
       "each has one" % (len(load.flows), load.new), load.wrong[:5])
    side.clear()
    side.close()
    wire.close()


def test_weights():
    busy, quiet = services(protocols=("tcp",))
    side, wire = Lbdr(), Wire()
    flows = iter([flow for flow, _ in syns([quiet], 250)])

    def edit(number, weight):
        for service in (busy, quiet):
            lbctl("edit-server", *server_named(service, number), "-w", str(weight))

    def picks(number):
        return [wire.send(next(flows)) for _ in range(number)]

    side.configure([busy, quiet], "rr", (), EQUAL)
    with Load(busy) as load:
        got = picks(2)
        edit(4, 3)
        got += picks(2)
        edit(4, 0)
        got += picks(2)
        edit(1, 0)
        got += picks(3)
        edit(1, 1)
        edit(4, 1)
        got += picks(6)
        ok(got == [0, 1, 2, 3, 0, 1, 2, 3, 0, 1, 2, 3, 4, 0, 1],
           "rr, edit-server -w: effective at once, and the turn goes on where it "
           "was", got)
        calm = load.passed()
    ok(calm, "meanwhile connections stay with their servers", load.wrong[:5])
    side.clear()

    side.configure([quiet], "wrr", (), UNEQUAL)
    got = []
    for turn in range(60):
        side.edit([quiet], 4, (2 + turn % 2, 0, 0))
        got += picks(1)
    count = Counter(got)
    ok(len(count) == 5 and max(count.values()) <= 30, "wrr, a weight that changes "
       "before each connection: all get some, the cycle is not begun anew", count)
    side.edit([quiet], 2, (0, 0, 0))
    ok(cycles(picks(20), (4, 1, 0, 3, 3)), "wrr, a weight of 0 and one of 3: the "
       "next cycle is exact")
    side.clear()
    side.close()
    wire.close()


def is_reset(frame, flow):
    """RFC 9293, 3.10.7.1: what a SYN without a connection is answered."""
    body = frame.ip[20:] if flow.service.version == 4 else frame.ip[40:]
    seq, ack = struct.unpack("!II", body[4:12])
    pseudo = frame.saddr + frame.daddr + struct.pack("!II", len(body), 6)
    return (frame.flags, seq, ack) == (RST | ACK, 0, 1001) and \
        frame.sport == flow.service.port and net.checksum(pseudo + body) == 0


def test_refuse():
    # A capture shows no checksum that a NIC would have filled in.
    net.run("ip", "netns", "exec", "director", "ethtool", "-K", "eth0", "tx", "off")
    about, probe = services(), services(protocols=("udp",))[0]
    side, wire = Lbdr(), Wire()
    side.configure([probe], "rr", (), EQUAL)
    sport = 3000
    for service in about:
        lbctl("add-service", *named(service))
    for what in ("an empty service", "servers of weight 0"):
        for how in ("icmp", "reset", "drop"):
            wrong = []
            for service in about:
                if (what, how) != ("an empty service", "icmp"):
                    lbctl("edit-service", *named(service), "--refuse", how)
                sport += 1
                flow = Flow(service, client(service, 7), sport)
                before = drops_of("no-server")
                if how == "drop":
                    wire.tap.send(wire.frame(flow))
                    until(lambda b=before: drops_of("no-server") > b)
                    wire.tap.send(wire.frame(Flow(probe, client(probe, 8), sport)))
                    heard = wire.tap.wait(lambda f: f.dst in wire.server or
                                          f.daddr == net.pack(flow.client))
                    good = [f.dst in wire.server for f in heard] == [True]
                else:
                    wire.tap.send(wire.frame(flow))
                    fate, frame = wire.wait(flow)
                    good = is_reset(frame, flow) if (how, service.proto) == \
                        ("reset", "tcp") else fate == "none"
                if not good or drops_of("no-server") != before + 1:
                    wrong.append((service, drops_of("no-server") - before))
            ok(not wrong, "%s, --refuse %s: %s; each is counted" % (what, how, {
                "icmp": "port unreachable (the default)", "reset":
                "a well-formed RST for TCP, port unreachable for UDP",
                "drop": "silence"}[how]), wrong)
        for service in about:
            lbctl("edit-service", *named(service), "--refuse", "icmp")
            if what == "an empty service":
                lbctl("add-server", *server_named(service, 0), "-w", "0")
    side.clear()
    side.close()
    wire.close()


def test_nonsense():
    done = lbctl("add-service", *named(services()[0]), "-s", "nonsense", check=False)
    names = genl.schedulers()
    missing = [name for name in names if name not in
               done.stderr.replace(",", " ").replace(".", " ").split()]
    ok(done.returncode and not missing, "add-service -s nonsense names all %d "
       "schedulers" % len(names), (missing, done.stderr))


def test_many():
    """Hundreds of servers are added to a service by single commands over one socket. The
    time is printed, not judged: the suite lbdr_config counts the pools that are
    built."""
    side, wire = Lbdr(), Wire()
    for sched, batch, count in (
            ("wlc", 1, 999), ("mh", 100, 999 if net.EVERYTHING else 200),
            ("wlc", 100, 999), ("wrr", 100, 999))[:None if net.EVERYTHING else 2]:
        service = services(protocols=("tcp",))[0]
        side.configure([service], sched, (), [None, None, None, (60000, 0, 0)])
        begun = time.monotonic()
        side.add_many(service, count, batch)
        spent = time.monotonic() - begun
        rows = json.loads(lbctl("list", "-j").stdout)[0]["servers"]
        lbctl("edit-service", *named(service), "-s", "fo")
        pick = wire.send(syns([service], 1)[0][0])
        ok(len(rows) == count + 1 and pick == 3,
           "%s: %d servers are added to one in %.2f s, %s" %
           (sched, count, spent, "100 messages at a time" if batch > 1 else
            "one message at a time"), (len(rows), pick))
        side.clear()
    service = services(protocols=("tcp",))[0]
    side.configure([service], "wrr", (), [])
    side.add_many(service, 4096, 256)
    try:
        side.server(genl.SERVER_NEW, service, 0, (1, 0, 0))
        said = "nothing"
    except genl.Refused as refused:
        said = refused.sentence
    ok("4096" in said, "4,096 servers are accepted, the next one is refused: " +
       said)
    side.clear()
    side.close()
    wire.close()


net.seeded()
ipvs.main(globals())
