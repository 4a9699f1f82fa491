#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0
# Also on: trixie
"""Fuzzing of the packet path: frames that fuzz_frames.py draws, at every entry of a director
with services of all kinds and connection synchronisation. After each batch every packet
that a hook took was forwarded or dropped for a reason, except fragments and translated errors
about tunnels; at ingress and XDP, and of GSO packets, more may be forwarded than were seen.
Counters agree with the tables, and a client that is beside it is served. Whatever else is
wrong the kernel tells: KASAN, lockdep, kmemleak.

SEED=N repeats the frames of a run, FRAMES=N is their number, FIRST=N is in the batch that
the run begins with, and SHOW=N prints frame N.
"""
import json
import os
import time

import fuzz_frames
import genl
import net
import servers
import tunnels
from fuzz_frames import BATCH, OWN, SERVER, VIPS
from net import ok, until
from test_fuzz_netlink import disagreement
from test_xdp import KERNELS as XDP_KERNELS

# A twelfth of a millisecond each on UML, KASAN and lockdep included. Ten million in
# `make soak`.
FRAMES = int(os.environ.get("FRAMES") or (200000 if net.LABEL == "uml" else 32000))
FIRST = int(os.environ.get("FIRST") or 0)
SHOW = os.environ.get("SHOW")
ENTRIES = ("prerouting", "ingress", "input") + (("xdp",) if net.LABEL in XDP_KERNELS else ())
# Entries that take packets before the rules see them.
EARLY = ("ingress", "xdp")
MARK = 7
CONN_MAX = "/sys/module/lbdr/parameters/conn_max"
# Reasons of packets that a hook drops without counting them for a server. Packets whose
# neighbour fails were counted before.
TAKEN = ("bad-source", "no-server", "server-held", "stray", "loop", "conn-max",
         "conn-memory", "no-route", "not-onlink", "ttl", "mtu", "tun-mtu", "memory")
# What hooks take is missing in the second counter of a pair. Not packets by themselves are
# fragments, which are taken until they are whole, and the whole comes again; and errors about
# tunnels, which are taken if a client is told of them.
PIECES = """
		meta nfproto ipv4 ip frag-off & 0x3fff != 0 counter name piece%s accept
		meta nfproto ipv6 exthdr frag exists frag frag-off != 0 counter name piece%s accept
		meta nfproto ipv6 exthdr frag exists frag more-fragments 1 counter name piece%s accept
		ip daddr OWN4 ip protocol icmp counter name piece%s accept
		ip6 daddr OWN6 meta l4proto ipv6-icmp counter name piece%s accept
""".replace("OWN4", OWN[4]).replace("OWN6", OWN[6])
PAIRS = ("pre", "in", "out", "piece")
AUDIT = "table inet audit {" + "".join(
    "\tcounter %s { }\n\tcounter %s-end { }\n" % (name, name) for name in PAIRS) + """
	chain mangle { type filter hook prerouting priority mangle
		th dport 400-402 meta mark set %d
	}
	chain pre { type filter hook prerouting priority -250
		counter name pre%s
	}
	chain pre-end { type filter hook prerouting priority -140
		counter name pre-end%s
	}
""" % ((MARK,) + tuple(PIECES % ((end,) * 5) for end in ("", "-end"))) + "".join(
    "\tchain %s { type filter hook %s priority %d; counter name %s; }\n" % each for each in (
        ("in", "input", 50, "in"), ("in-end", "input", 150, "in-end"),
        ("out", "output", -250, "out"), ("out-end", "output", -150, "out-end"))) + "}\n"


def configure(director):
    """Services of all kinds, with servers that do not exist."""
    names = director.schedulers()
    for version in (4, 6):
        def rip(number, version=version):
            return SERVER[version] % (10 + number)

        kinds = {port: row for (family, port), row in fuzz_frames.TUNNELS.items()
                 if family == version}
        for proto in (6, 17, 132):
            def add(port, rips=(0, 1, 2), version=version, proto=proto, words=b"", **more):
                key = fuzz_frames.key(version, port, proto)
                more = {"sched": "rr", **more}
                director.do(genl.SERVICE_NEW, key + genl.settings(**more) + words)
                for each in rips:
                    director.do(genl.SERVER_NEW, genl.server(
                        rip(each) if isinstance(each, int) else each, key))
                return key

            for port in (80, 81, 82):
                add(port)
            for port, (kind, number) in kinds.items():
                key = add(port, ())
                director.do(genl.SERVER_NEW, genl.server(
                    SERVER[kind.outer] % number, key, tunnels.attributes(kind)))
            key = add(94)
            director.do(genl.SERVER_NEW, genl.server(rip(4), key, tunnels.attributes(
                tunnels.Kind(version, version, "gue", True))))
            add(95, (0, OWN[version]))
            add(96, persist=300)
            add(97, persist=300, prefix=28 if version == 4 else 124)
            if proto == 17:
                add(98, flags=genl.ONE_PACKET)
            for port, stray in ((99, "schedule"), (100, "drop"), (101, "reset")):
                add(port, stray=stray)
            add(102, ())
            for port, how in ((103, 1), (104, 2)):
                add(port, (), words=genl.u8(genl.REFUSE, how))
            add(105, (0, 200), flags=genl.SKIP_UNREACHABLE)
            add(106, (200,))
            add(107, ("10.99.0.1" if version == 4 else "2001:db8:99::1",))
            key = add(108, (0, 1))
            director.do(genl.SERVER_DEL, genl.server(rip(0), key, genl.u32(
                genl.SERVER_HOLD, 3600)))
            key = add(109)
            director.do(genl.SERVICE_DEL, key + genl.u32(genl.SERVICE_HOLD, 3600))
            for port, name in enumerate(names, 110):
                add(port, (0, 1, 2, 3), sched=name)
            key = genl.ports(200, 300, VIPS[version][0], proto)
            director.add(key, [rip(0), rip(1)], sched="mh")
            director.add(genl.ports(1, 65535, VIPS[version][1], proto), [rip(0)],
                         sched="wlc")
        director.add(genl.key(net.VIP[version]), [net.addr("a", version),
                                                  net.addr("b", version)], sched="rr")


def marked(director, on):
    for version in (4, 6):
        key = genl.marked(MARK, version)
        if on:
            director.add(key, [SERVER[version] % 11, SERVER[version] % 12], sched="wrr")
        else:
            director.do(genl.SERVICE_DEL, key)


class Run:
    """The frames of a run, and what the director counts."""

    def __init__(self):
        self.link = fuzz_frames.Link()
        net.batch("director", ["link add link fz0 name fz0.5 type vlan id 5",
                               "link set fz0.5 up"])
        self.frames = fuzz_frames.Frames(net.SEED)
        with net.within("director"):
            self.director = genl.Director()
        configure(self.director)
        self.director.sync_start("master", device="eth0", group=7)
        self.director.sync_start("backup", device="fz0", group=7)
        with open("/run/lbdr-fuzz.key", "wb") as file:
            file.write(bytes(range(32)))
        os.chmod("/run/lbdr-fuzz.key", 0o600)
        net.lbctl("sync", "peers", "fz0", "--address",
                  fuzz_frames.ROUTER[4], "--key-file", "/run/lbdr-fuzz.key")
        net.write("/run/audit.nft", AUDIT)
        net.run("ip", "netns", "exec", "director", "nft", "-f", "/run/audit.nft")
        with open(CONN_MAX, encoding="ascii") as file:
            self.conn_max = file.read()
        self.has_marks, self.entry = False, "prerouting"
        self.wrong, self.spent, self.sent = [], {}, 0
        # Packets that hooks have taken, those that were forwarded, and reasons.
        self.taken = self.forwarded = 0
        self.reasons = set()

    def timed(self, what, call, *more):
        begun = time.monotonic()
        value = call(*more)
        self.spent[what] = self.spent.get(what, 0) + time.monotonic() - begun
        return value

    def fault(self, batch, *what):
        print("# batch %d, from frame %d: %s" % (batch, batch * BATCH, what), flush=True)
        self.wrong.append((batch * BATCH,) + what)

    def enter(self, batch):
        """Batch's entry, with services for marks or not, with a small table or not."""
        entry, marks = ENTRIES[batch % len(ENTRIES)], batch // len(ENTRIES) % 2 == 1
        if entry != self.entry:
            if "xdp" in (entry, self.entry):
                how = "off" if entry == "xdp" else "on"
                net.run("ethtool", "-K", "fuzz0", "tx", how, "txvlan", how, "gro", "on")
                net.run("ip", "netns", "exec", "director", "ethtool", "-K", "fz0", "rxvlan",
                        how, "rx-vlan-stag-hw-parse", how)
            net.lbctl("set-entry", entry, *(["fz0"] if entry in EARLY else []),
                      *(["--force"] if entry == "xdp" else []))
            self.entry = entry
        if marks != self.has_marks:
            marked(self.director, marks)
            self.has_marks = marks
        small = batch % 7 == 6
        if small:
            # Above its limit a table takes nobody until as many have gone.
            self.director.kill()
            until(lambda: not self.director.held())
        net.write(CONN_MAX, "300" if small else self.conn_max)

    def counted(self):
        """Packets that hooks have taken, packets of servers that are not this host, and drop
        reasons."""
        done = net.run("ip", "netns", "exec", "director", "nft", "-j", "list", "counters")
        rules = {row["counter"]["name"]: row["counter"]["packets"]
                 for row in json.loads(done.stdout)["nftables"] if "counter" in row}
        missing = {name: rules[name] - rules[name + "-end"] for name in PAIRS}
        own, packets = [net.pack(address) for address in OWN.values()], 0
        for row in self.director.dump(genl.SERVER_GET,
                                      genl.attr(genl.SERVER_WITH_HELD, b"")):
            row = dict(genl.parse(row))
            if row[genl.SERVER_ADDRESS] not in own:
                packets += genl.number(dict(genl.parse(row[genl.SERVER_STATS]))[3])
        return sum(missing.values()) - 2 * missing["piece"], packets, net.drops()

    def account(self, before, batch):
        """What hooks took was forwarded, or dropped for a reason. Returns what is wrong, or
        None. Ingress takes packets before the rules see them; of a GSO packet each segment
        is counted as forwarded."""
        taken, packets, drops = self.counted()
        taken, packets = taken - before[0], packets - before[1]
        grown = {why: drops[why] - before[2][why] for why in drops if drops[why] > before[2][why]}
        missing = taken - packets - sum(grown.get(why, 0) for why in TAKEN)
        # nftables finds the first fragment header only.
        if missing > 0 and self.entry != "input":
            missing = max(0, missing - sum(map(fuzz_frames.is_twice_fragment,
                                               self.frames.batch(batch))))
        if missing > 0 or missing < 0 and not (
                self.entry in EARLY or fuzz_frames.offloads(batch)):
            return "hooks took %d packets, %d were forwarded, drop reasons: %s" % (
                taken, packets, grown)
        self.taken += taken
        self.forwarded += packets
        self.reasons |= set(grown)
        return None

    def batch(self, number):
        self.enter(number)
        before = self.timed("count", self.counted)
        frames = self.timed("draw", self.frames.batch, number)
        self.timed("send", self.link.send, frames)
        self.sent += len(frames)
        for what in (self.account, self.served, self.check):
            said = []
            # What is under way comes soon, and some connections end in between.
            self.timed(what.__name__, until, lambda what=what, said=said: said.append(
                what(before, number)) or not said[-1])
            if said[-1]:
                self.fault(number, said[-1])

    def served(self, *_):
        """Whether a client beside it is not served."""
        for version in (4, 6):
            try:
                with net.connect(version) as sock:
                    if sock.recv(1) not in (b"a", b"b") or not servers.exchange(sock, 3000):
                        return "IPv%d: a client got other bytes" % version
            except OSError as error:
                return "IPv%d: a client was not served: %r" % (version, error)
        return None

    def check(self, *_):
        return disagreement(self.director)

    def end(self):
        """Nothing is left."""
        net.write(CONN_MAX, self.conn_max)
        net.lbctl("set-entry", "prerouting")
        for role in genl.SYNC_ROLES:
            self.director.sync_stop(role)
        self.director.clear()
        ok(until(lambda: self.director.held() == 0), "no connection is left",
           self.director.held())
        net.run("ip", "netns", "exec", "director", "nft", "flush", "ruleset")
        ok(until(lambda: "inuse 0 " in fuzz_frames.fragments()), "no fragment is left",
           fuzz_frames.fragments())
        self.director.close()
        self.link.close()


def test_fuzz():
    net.seeded()
    run = Run()
    if SHOW:
        print("# frame %s: %s" % (SHOW, run.frames.frame(int(SHOW)).hex()), flush=True)
    begun, batch = time.monotonic(), FIRST // BATCH
    while run.sent < FRAMES:
        run.batch(batch)
        batch += 1
        if batch % 10 == 0:
            print("# %d frames, %.0f s" % (run.sent, time.monotonic() - begun), flush=True)
    print("# %d frames in %.1f s: %s; %d asked for what no device does" % (
        run.sent, time.monotonic() - begun, ", ".join(
            "%s %.1f" % each for each in run.spent.items()), run.link.refused), flush=True)
    print("# hooks took %d packets, %d were forwarded; reasons: %s" % (
        run.taken, run.forwarded, " ".join(sorted(run.reasons))), flush=True)
    ok(not run.wrong, "%d frames with SEED=%d: all are accounted for, counters agree, a "
       "client is served" % (run.sent, net.SEED), run.wrong[:3])
    missed = {"bad-source", "no-server", "server-held", "stray", "no-route", "ttl", "mtu",
              "malformed", "no-conn", "fragment", "evicted"} - run.reasons
    ok(run.forwarded > run.sent / 8 and (not missed or run.sent < 50000),
       "many are forwarded, the others for all reasons not", (run.forwarded, missed))
    run.end()


if __name__ == "__main__":
    # The role peers needs it when lbdr is loaded.
    net.run("modprobe", "-q", "libchacha20poly1305", check=False)
    net.main(globals())
