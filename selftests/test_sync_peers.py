#!/usr/bin/python3 -B
# SPDX-License-Identifier: GPL-2.0
"""Connection synchronisation between directors of lbdr: bulk transfer, losses, keys, and
what a stranger on the segment can do.

    client 101 ---+--- director 70 (VIP 63)
                  +--- backup 71
                  +--- third 72
                  +--- a 62, b 64 (VIP on lo)
"""
import json
import os
import random
import threading
import time

import genl
import ipvs
import net
from net import ACK, FIN, SYN, VIP, addr, ok, until
from test_sync import CLIENT, Sender, seen
from test_takeover import failover, move_vip
from test_tcp import SPORTS, open_director

net.HOSTS["third"] = 72
PORT = 8849
START_TIME = 3      # seconds, of the module
KEYS = {}


def tool(host, *words, check=True):
    return net.run(net.LBCTL, "-N", host, *words, check=check)


def key_file(name, mode=0o600, size=32):
    """A file with a key of this name, always the same one."""
    path = "/run/lbdr-%s.key" % name
    KEYS.setdefault(name, os.urandom(32))
    with open(path, "wb") as file:
        file.write(KEYS[name][:size] + bytes(max(0, size - 32)))
    os.chmod(path, mode)
    return path


def peers(host):
    """The role peers, as sync -j has it."""
    return json.loads(tool(host, "sync", "-j").stdout)[2]


def state(host, n=0):
    return peers(host)["peers"][n]["state"]


def start(host, *others, version=4, key="one", dev="eth0", address=addr):
    tool(host, "sync", "peers", dev, "--address",
         ",".join(("[%s]" if version == 6 else "%s") % address(other, version)
                  for other in others), "--key-file", key_file(key))


def synced(*hosts, seconds=20):
    """Waits until the directors are synced. Returns the exit statuses."""
    return [tool(host, "sync", "--wait", str(seconds), check=False).returncode
            for host in hosts]


def sides(*hosts, version=4):
    """Directors with the same services."""
    out = []
    for host in hosts:
        out.append(open_director(host))
        out[-1].add(genl.key(VIP[version]), [addr("a", version), addr("b", version)],
                    sched="rr")
    return out


def end(hosts, *directors):
    for host in hosts:
        tool(host, "sync", "stop", "peers", check=False)
    for director in directors:
        director.kill()
        director.clear()
        director.close()


def deprecate():
    """Else the VIP of IPv6 would be the source of what the director sends."""
    net.ip("director", "-6", "addr", "change", VIP[6] + "/128", "dev", "eth0",
           "preferred_lft", "0", "valid_lft", "forever")


def establish(sender, client, number, version=4):
    """Connections by packets of a client. Returns the ports."""
    sports = [next(SPORTS) for _ in range(number)]
    for flags in (SYN, ACK):
        for sport in sports:
            sender.tcp(client, sport, version, flags)
    return sports


def test_join():
    """A director that starts gets what the other one has, and new connections after it."""
    for version in (4, 6):
        name, client = "IPv%d: " % version, CLIENT[version] % 41
        deprecate()
        master, joiner = sides("director", "backup", version=version)
        sender = Sender()
        establish(sender, client, 300, version)
        ok(until(lambda: master.count(state="established") == 300), name + "300 "
           "connections", master.count())
        # It is after START_TIME. Once more if this machine took longer than that.
        for _ in range(20):
            begun = time.monotonic()
            start("director", "backup", version=version)
            first = synced("director", seconds=0), state("director")
            if time.monotonic() - begun < START_TIME:
                break
            tool("director", "sync", "stop", "peers")
        ok(first == ([1], "silent"),
           name + "a director that has just started is not synced", first)
        ok(synced("director") == [0] and state("director") == "silent",
           name + "alone it is after three seconds", peers("director"))
        start("backup", "director", version=version)
        ok(synced("backup", "director") == [0, 0] and
           [state("backup"), state("director")] == ["synced"] * 2,
           name + "both are synced", (peers("director"), peers("backup")))
        ok(seen(joiner, version) == seen(master, version) and joiner.count() == 300,
           name + "the joiner has all connections", (joiner.count(), joiner.sync()))
        begun = time.monotonic()
        sport = establish(sender, client, 1, version)[0]
        there = until(lambda: joiner.count(cport=sport, state="established") == 1)
        print("# a new one was there after %.0f ms" %
              ((time.monotonic() - begun) * 1000), flush=True)
        ok(there, name + "a new connection follows", peers("backup"))
        sender.tcp(client, sport, version, FIN | ACK)
        ok(until(lambda: joiner.count(cport=sport, state="fin-wait") == 1),
           name + "and its end", joiner.conns(cport=sport))
        ok(not peers("director")["peers"][0]["differs"], name + "the same configuration")
        joiner.add_server(genl.key(VIP[version]), addr("client", version), 1)
        ok(until(lambda: peers("director")["peers"][0]["differs"] and
                 peers("backup")["peers"][0]["differs"]), name + "another one is told",
           peers("director"))
        done = tool("director", "doctor", "-j", check=False)
        ok([row["level"] for row in json.loads(done.stdout) if row["check"] == "sync"] ==
           ["warning"], name + "by the doctor, too", done)
        sender.close()
        end(("director", "backup"), master, joiner)
    done = tool("backup", "sync", "--wait", "0", check=False)
    ok(done.returncode == 1 and "does not run" in done.stderr, "without the role there is "
       "no synced director", done)


def test_three():
    """Each of three directors has the connections of both others."""
    hosts = ("director", "backup", "third")
    all_sides = sides(*hosts)
    senders = [Sender(host) for host in hosts]
    net.ip("backup", "addr", "add", VIP[4] + "/32", "dev", "lo")
    net.ip("third", "addr", "add", VIP[4] + "/32", "dev", "lo")
    for n, host in enumerate(hosts):
        establish(senders[n], CLIENT[4] % (42 + n), 30)
        start(host, *(other for other in hosts if other != host))
    ok(synced(*hosts) == [0] * 3, "all are synced", [peers(host) for host in hosts])
    ok(until(lambda: all(side.count(state="established") == 90 for side in all_sides)),
       "each has 90 connections", [side.count() for side in all_sides])
    tool("third", "sync", "stop", "peers")
    ok(until(lambda: "silent" in [peer["state"] for peer in peers("director")["peers"]]),
       "one that stops is silent", peers("director"))
    ok(synced("director", "backup", seconds=0) == [0, 0], "the others remain synced")
    for n in range(2):
        establish(senders[n], CLIENT[4] % (45 + n), 10)
    start("third", "director", "backup")
    ok(synced("third") == [0] and all_sides[2].count() == 110, "it gets what it has missed",
       (all_sides[2].count(), peers("third")))
    for host in hosts[1:]:
        net.ip(host, "addr", "del", VIP[4] + "/32", "dev", "lo")
    for sender in senders:
        sender.close()
    end(hosts, *all_sides)


CONN_MAX = "/sys/module/lbdr/parameters/conn_max"


def test_three_wait():
    """A director without a service keeps the records of both others for it, an eighth of
    conn_max at most, and gets the rest when it starts anew."""
    hosts = ("director", "backup", "third")
    all_sides = [*sides(*hosts[:2]), open_director("third")]
    # Removed ones count until their memory is free.
    ok(until(lambda: not any(side.held() for side in all_sides)), "no connections are held")
    with open(CONN_MAX, encoding="ascii") as file:
        before = file.read()
    net.write(CONN_MAX, "160")
    third, senders = all_sides[2], [Sender(host) for host in hosts[:2]]
    net.ip("backup", "addr", "add", VIP[4] + "/32", "dev", "lo")
    for n, sender in enumerate(senders):
        establish(sender, CLIENT[4] % (42 + n), 30)
    for host in hosts:
        start(host, *(other for other in hosts if other != host))
    ok(synced(*hosts) == [0] * 3, "all are synced", [peers(host) for host in hosts])
    ok(until(lambda: [side.count() for side in all_sides] == [60, 60, 0]),
       "two have 60 connections, the third has none", [side.count() for side in all_sides])
    got = third.sync()[1]
    ok(got["pending"] == 20 and got["pending-full"] >= 40, "20 records wait there", got)
    third.add(genl.key(VIP[4]), [addr("a"), addr("b")], sched="rr")
    ok(until(lambda: third.count() == third.sync()[1]["adopted"] == 20),
       "they are connections when there is a service", (third.count(), third.sync()))
    tool("third", "sync", "stop", "peers")
    start("third", *hosts[:2])
    ok(synced("third") == [0] and third.count() == 60, "starting anew, it gets all 60",
       (third.count(), peers("third")))
    net.write(CONN_MAX, before)
    net.ip("backup", "addr", "del", VIP[4] + "/32", "dev", "lo")
    for sender in senders:
        sender.close()
    end(hosts, *all_sides)


# Seconds between two looks after which a measured time says nothing
STILL = 0.3


def timed(condition):
    """Polls until condition() is true. Returns whether it was, the seconds, and the longest
    time between two looks: this machine may have stood still."""
    last = begun = time.monotonic()
    longest = 0
    while True:
        good, now = condition(), time.monotonic()
        longest, last = max(longest, now - last), now
        if good or now > begun + net.WAIT:
            return good, now - begun, longest
        time.sleep(0.02)


def test_loss():
    """With datagrams lost on both ways, nothing is missing a second later."""
    net.run("modprobe", "sch_netem")
    for loss in (1, 5):
        master, backup = sides("director", "backup")
        for host, other in (("director", "backup"), ("backup", "director")):
            start(host, other)
        ok(synced("director", "backup") == [0, 0], "both are synced")
        before = peers("director")["peers"][0]
        for host in ("director", "backup"):
            net.run("ip", "netns", "exec", host, "tc", "qdisc", "add", "dev", "eth0",
                    "root", "netem", "loss", "%d%%" % loss)
        # Where the machine stood still, another 75 connections are made.
        sender, took, number = Sender(), [], 0
        while len(took) < 8 and number < 40 * 75:
            number += 75
            for _ in range(15):
                establish(sender, CLIENT[4] % 47, 5)
                time.sleep(0.02)
            ok(until(lambda: master.count(state="established") == number),
               "%d connections" % number)
            there, seconds, longest = timed(
                lambda: backup.count(state="established") == number)
            if longest < STILL or not there:
                took.append(seconds)
        now = peers("director")["peers"][0]
        print("# %s ms; %d pages, %d again" % (
            ", ".join("%.0f" % (seconds * 1000) for seconds in took),
            now["sent"] - before["sent"], now["resent"] - before["resent"]), flush=True)
        ok(len(took) >= 8 and max(took) < 1, "each time within a second", took)
        ok(there and seen(master, 4) == seen(backup, 4), "%d %% lost: the other director "
           "has them all" % loss, (backup.count(), now, peers("backup")))
        ok(peers("backup")["peers"][0]["lost"] == 0 and now["overrun"] == 0,
           "no page was given up", (now, peers("backup")))
        for host in ("director", "backup"):
            net.run("ip", "netns", "exec", host, "tc", "qdisc", "del", "dev", "eth0",
                    "root")
        sender.close()
        end(("director", "backup"), master, backup)


def carrier(host, has):
    """The other end of the device's cable."""
    net.ip("", "link", "set", "v" + host, "up" if has else "down")
    ok(until(lambda: ("NO-CARRIER" in net.ip(host, "link", "show", "dev", "eth0").stdout)
             != has), "the %s has %s carrier" % (host, "a" if has else "no"))


def test_short_path():
    """What has connections is longer than the way to the joiner takes, the rest is not."""
    text = "a datagram with connections does not arrive at " + addr("backup")
    master, joiner = sides("director", "backup")
    sender = Sender()
    establish(sender, CLIENT[4] % 42, 100)
    # With less, the device would lose its addresses of IPv6.
    net.ip("backup", "link", "set", "eth0", "mtu", "1280")
    said = net.run("dmesg").stdout.count(text)
    start("director", "backup")
    start("backup", "director")
    ok(until(lambda: net.run("dmesg").stdout.count(text) == said + 1),
       "the kernel's log says so", peers("director"))
    ok(state("backup") == "bulk" and state("director") == "synced",
       "the joiner waits for connections", (peers("backup"), peers("director")))
    net.ip("backup", "link", "set", "eth0", "mtu", "1500")
    ok(synced("backup") == [0] and joiner.count() == 100, "then the way takes them",
       (peers("backup"), joiner.count()))
    ok(net.run("dmesg").stdout.count(text) == said + 1, "it was said once")
    sender.close()
    end(("director", "backup"), master, joiner)


def test_carrier():
    """A director's link loses its carrier and gets it back; a role is started without."""
    master, backup = sides("director", "backup")
    for host, other in (("director", "backup"), ("backup", "director")):
        start(host, other)
    ok(synced("director", "backup") == [0, 0], "both are synced")
    sender, client = Sender(), CLIENT[4] % 58
    sports = establish(sender, client, 20)
    ok(until(lambda: backup.count() == 20), "the other director has 20 connections")
    before = peers("backup")["peers"][0]["bulks"]
    carrier("director", False)
    ok(until(lambda: state("director") == state("backup") == "silent"),
       "each is silent for the other", (peers("director"), peers("backup")))
    for sport in sports[:5]:
        backup.kill(cport=sport)
    carrier("director", True)
    ok(until(lambda: state("director") == state("backup") == "synced"),
       "both are synced again", (peers("director"), peers("backup")))
    ok(peers("backup")["peers"][0]["bulks"] > before and backup.count() == 20,
       "what was missing came by a bulk transfer", (backup.count(), peers("backup")))
    tool("director", "sync", "stop", "peers")
    carrier("director", False)
    start("director", "backup")
    ok(synced("director", seconds=5) == [1], "without a carrier a director that has started "
       "does not take itself for synced", peers("director"))
    carrier("director", True)
    ok(synced("director") == [0] and state("director") == "synced",
       "with it, it is, by its peer", peers("director"))
    sender.close()
    end(("director", "backup"), master, backup)


class Wire:
    """What the directors say to each other, and a stranger who says it again."""

    def __init__(self):
        self.taps = {host: net.Tap(host) for host in ("director", "backup")}
        self.stranger = net.Tap("a")

    def heard(self):
        """Datagrams that a director has received since this was asked last, by host."""
        return {host: [frame for frame in tap.frames() if frame.dport == PORT and
                       not frame.outgoing] for host, tap in self.taps.items()}

    def say(self, host, payload, source):
        """A datagram to a director, from the address of another one."""
        self.stranger.send(net.mac(host) + net.mac("a") + ipvs.KIND[4] + net.packet(
            addr(source), addr(host), 17, net.udp(PORT, PORT, payload)))

    def close(self):
        for tap in [*self.taps.values(), self.stranger]:
            tap.close()


def test_stranger():
    """Forged, replayed and old datagrams are counted and change nothing."""
    rnd = net.seeded()
    master, backup = sides("director", "backup")
    sender, client, wire = Sender(), CLIENT[4] % 48, Wire()
    establish(sender, client, 5)
    for host, other in (("director", "backup"), ("backup", "director")):
        start(host, other)
    ok(synced("director", "backup") == [0, 0], "both are synced")
    old = wire.heard()["backup"]
    backup.kill()
    tool("director", "sync", "stop", "peers")
    start("director", "backup")
    ok(until(lambda: backup.count() == 5), "the director has started again")
    ok(synced("director", "backup") == [0, 0], "both are synced again")
    new = wire.heard()["backup"]
    backup.kill()
    ok(len(old) > 2 and len(new) > 2 and not backup.count(), "datagrams were taped",
       (len(old), len(new)))

    def grown(counter, number, say):
        before = peers("backup")["peers"][0]
        for _ in range(3):
            say()
        there = until(lambda: peers("backup")["peers"][0][counter] >=
                      before[counter] + number)
        return there and not backup.count() and state("backup") == "synced"

    def again(frames):
        for frame in frames:
            wire.say("backup", frame.payload, "director")

    ok(grown("replayed", 2 * len(new), lambda: again(new)), "those of this epoch are "
       "replayed", peers("backup"))
    ok(grown("old_epoch", 2 * len(old), lambda: again(old)), "those of the last one are old",
       peers("backup"))

    def forge():
        for frame in new:
            data = bytearray(frame.payload)
            data[rnd.randrange(4, len(data))] ^= 1 << rnd.randrange(8)
            wire.say("backup", bytes(data), "director")

    ok(grown("forged", 2 * len(new), forge), "changed ones are forged", peers("backup"))

    def noise():
        for _ in range(20):
            wire.say("backup", bytes(rnd.randrange(256) for _ in range(
                rnd.randrange(200))), "director")

    ok(grown("bad", 40, noise), "noise is malformed", peers("backup"))
    before = backup.sync()[1]["foreign"]
    wire.say("backup", new[0].payload, "third")
    ok(until(lambda: backup.sync()[1]["foreign"] == before + 1), "other hosts are foreign",
       backup.sync())
    # What was sent to the backup, as if the backup had sent it.
    count = len(peers("director")["peers"])
    for frame in new:
        wire.say("director", frame.payload, "backup")
    ok(until(lambda: peers("director")["peers"][0]["replayed"] >= 1) and
       state("director") == "synced" and count == 1, "what a director has sent comes back",
       peers("director"))
    text = b"".join(frame.payload for frame in old + new)
    ok(genl.socket.inet_aton(client) not in text, "no address of a client is readable")
    sender.close()
    wire.close()
    end(("director", "backup"), master, backup)


def test_keys():
    """A key that the other director does not have; a change of the key without a gap."""
    master, backup = sides("director", "backup")
    sender, client = Sender(), CLIENT[4] % 49
    start("director", "backup")
    start("backup", "director", key="other")
    ok(until(lambda: peers("backup")["peers"][0]["forged"] > 1) and
       state("backup") == state("director") == "silent", "another key: silence",
       peers("backup"))
    tool("backup", "sync", "key", "0", "--key-file", key_file("one"))
    ok(until(lambda: state("backup") == state("director") == "synced"), "with the right "
       "key they are synced", peers("backup"))
    forged = [peers(host)["peers"][0]["forged"] for host in ("director", "backup")]
    for host in ("director", "backup"):
        done = tool(host, "sync", "key", "1", check=False)
        ok(done.returncode == 2 and "not set" in done.stderr, "a key that is not set "
           "cannot be used", done)
        tool(host, "sync", "key", "1", "--key-file", key_file("two"))
    for host in ("director", "backup"):
        tool(host, "sync", "key", "1")
        sports = establish(sender, client, 3)
        ok(until(lambda found=sports: all(backup.count(cport=sport) == 1
                                          for sport in found)),
           "connections follow while the key of %s changes" % host)
    for host in ("director", "backup"):
        tool(host, "sync", "key", "0", "--key-file", key_file("three"))
    time.sleep(2)
    ok(forged == [peers(host)["peers"][0]["forged"] for host in ("director", "backup")]
       and state("backup") == state("director") == "synced",
       "no datagram was lost for it", (forged, peers("backup")))
    ok(peers("director")["key_id"] == 1 and peers("director")["keys"] == [0, 1],
       "the number of the key is shown", peers("director"))
    shown = tool("director", "sync", "-j").stdout + tool("director", "sync").stdout
    ok(not any(key.hex() in shown for key in KEYS.values()), "the keys are not")
    sender.close()
    end(("director", "backup"), master, backup)


def test_refused():
    """What is refused, by the tool and by the module."""
    where = ("sync", "peers", "eth0", "--address")
    for what, words, text in (
            ("a readable key", (*where, addr("backup"), "--key-file",
                                key_file("open", 0o640)), "mode 0600"),
            ("a short key", (*where, addr("backup"), "--key-file",
                             key_file("short", size=31)), "32 bytes"),
            ("a long key", (*where, addr("backup"), "--key-file",
                            key_file("long", size=33)), "32 bytes"),
            ("no key", (*where, addr("backup")), "--key-file"),
            ("a group", (*where, "224.0.0.81", "--key-file", key_file("one")),
             "other directors"),
            ("an address twice", (*where, addr("backup") + "," + addr("backup"),
                                  "--key-file", key_file("one")), "same"),
            ("an id", (*where, addr("backup"), "--key-file", key_file("one"), "--id", "3"),
             "id not supported"),
            ("short datagrams", (*where, addr("backup"), "--key-file", key_file("one"),
                                 "--length", "300"), "512"),
            ("a key of a master", ("sync", "master", "eth0", "--key-file",
                                   key_file("one")), "role peers"),
            ("a key without the role", ("sync", "key", "0", "--key-file",
                                        key_file("one")), "does not run")):
        done = tool("director", *words, check=False)
        ok(done.returncode and text in done.stderr, "%s is refused" % what, done)
    side = open_director()
    ok(not side.sync()[0], "no role runs")
    side.close()


def test_split():
    """Both directors have the VIP: each keeps what it forwards itself."""
    master, backup = sides("director", "backup")
    for host, other in (("director", "backup"), ("backup", "director")):
        start(host, other)
    ok(synced("director", "backup") == [0, 0], "both are synced")
    net.ip("backup", "addr", "add", VIP[4] + "/32", "dev", "lo")
    both, client = [Sender("director"), Sender("backup")], CLIENT[4] % 56
    # The first connection makes the directors choose different servers.
    first = next(SPORTS)
    both[1].tcp(client, first, 4, SYN)
    until(lambda: backup.count(cport=first) == 1)
    sports = [next(SPORTS) for _ in range(10)]
    for flags in (SYN, ACK, ACK, ACK):
        for sport in sports:
            for sender in both:
                sender.tcp(client, sport, 4, flags)
        time.sleep(0.3)

    def servers(side):
        return {conn.cport: conn.server for conn in side.conns() if conn.cport in sports}

    had = servers(master), servers(backup)
    for flags in (ACK, ACK):
        for sport in sports:
            for sender in both:
                sender.tcp(client, sport, 4, flags)
        time.sleep(0.3)
    ok((servers(master), servers(backup)) == had and had[0] != had[1] and
       all(len(one) == 10 for one in had), "each keeps its servers",
       (had, servers(master), servers(backup)))
    net.ip("backup", "addr", "del", VIP[4] + "/32", "dev", "lo")
    for sender in both:
        sender.close()
    end(("director", "backup"), master, backup)


def test_failover():
    """The director with the VIP dies: transfers, idle and new connections go on, also those
    of two packets only."""
    for version in (4, 6):
        master, backup = sides("director", "backup", version=version)
        deprecate()
        for host, other in (("director", "backup"), ("backup", "director")):
            start(host, other, version=version)
        ok(synced("director", "backup") == [0, 0], "both are synced")
        failover(version, master, backup, "backup", "director")
        move_vip(version, "director", "backup")
        deprecate()
        ok(synced("director") == [0], "it is synced when it is back", peers("director"))
        end(("director", "backup"), master, backup)


def test_gone():
    """A role stops, a namespace goes, and so does the module, while connections are sent."""
    master, backup = sides("director", "backup")
    sender, going = Sender(), threading.Event()
    rnd = random.Random(net.SEED)

    def traffic():
        while not going.is_set():
            sport = rnd.randrange(1024, 4096)
            time.sleep(0.001)
            for flags in (SYN, ACK, FIN | ACK):
                sender.tcp(CLIENT[4] % 57, sport, 4, flags)

    thread = threading.Thread(target=traffic, daemon=True)
    thread.start()
    for _ in range(5):
        start("director", "backup")
        start("backup", "director")
        ok(synced("backup") == [0], "synced under traffic", peers("backup"))
        tool("director", "sync", "master", "eth0")
        tool("director", "sync", "stop", "peers")
        tool("director", "sync", "stop", "master")
        tool("backup", "sync", "stop", "peers")
    net.run("ip", "netns", "add", "brief")
    net.ip("", "link", "add", "vbrief", "type", "veth", "peer", "name", "eth0", "netns",
           "brief")
    net.ip("", "link", "set", "vbrief", "master", "br0", "up")
    net.ip("brief", "link", "set", "eth0", "up")
    net.HOSTS["brief"] = 73
    net.ip("brief", "addr", "add", addr("brief") + "/24", "dev", "eth0")
    start("director", "brief")
    start("brief", "director")
    ok(synced("brief") == [0] and state("brief") == "synced", "another director is synced",
       peers("brief"))
    net.run("ip", "netns", "del", "brief")
    ipvs.wait_for_cleanup()
    del net.HOSTS["brief"]
    ok(until(lambda: state("director") == "silent"), "its namespace goes, and it is silent",
       peers("director"))
    going.set()
    thread.join()
    sender.close()
    # The role runs when the module is removed.
    master.kill()
    master.clear()
    master.close()
    backup.kill()
    backup.clear()
    backup.close()


if __name__ == "__main__":
    # lbdr.ko finds the cipher only if it is there before it.
    net.run("modprobe", "libchacha20poly1305")
    net.main(globals())
