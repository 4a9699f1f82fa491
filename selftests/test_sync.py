#!/usr/bin/python3 -B
# SPDX-License-Identifier: GPL-2.0
# Also on: trixie
"""Connection synchronisation: what a master sends, and what a backup does with it.

    client 101 ---+--- director 70 (VIP 63, master)
                  +--- backup 71
                  +--- a 62, b 64 (VIP on lo)

The module is per network namespace, so two namespaces of one guest are two directors.
"""
import errno
import random
import socket
import struct
import time

import genl
import ipvs
import net
from net import ACK, FIN, RST, SYN, VIP, addr, ok, until, within
from test_tcp import SPORTS, open_director

net.HOSTS["backup"] = 71
GROUP, PORT = "224.0.0.81", 8848
OWN_TIME = 1        # second, of the module
ROLES = {"director": "master", "backup": "backup"}


def pair(version, servers="ab", **more):
    """Both directors with the same services, and sync from the one to the other."""
    sides = []
    for host in ROLES:
        side = open_director(host)
        side.add(genl.key(VIP[version]), [addr(name, version) for name in servers],
                 **{"sched": "rr", **more})
        sides.append(side)
    sides[1].sync_start("backup", group=7)
    sides[0].sync_start("master", group=7)
    return sides


def end(*sides):
    for side in sides:
        for role in side.sync()[0]:
            side.sync_stop(role)
        side.kill()
        side.clear()
        side.close()


def connections(version, number):
    """Connections that have heard from their server: two packets each, at least."""
    socks = [net.connect(version, timeout=60) for _ in range(number)]
    return socks, [sock.recv(1) for sock in socks]


def seen(side, version):
    """What a director has, without the times."""
    return sorted(conn[:-1] for conn in side.conns(vip=VIP[version]))


def test_both():
    """Two directors with both roles: none receives what it has sent, or sends what it has
    received."""
    master, backup = pair(4)
    master.sync_start("backup", group=7)
    backup.sync_start("master", group=7)
    before = [side.sync()[1] for side in (master, backup)]
    sender, client, sport = Sender(), CLIENT[4] % 56, next(SPORTS)
    for flags in (SYN, ACK, FIN | ACK):
        sender.tcp(client, sport, 4, flags)
    ok(until(lambda: backup.count(cport=sport, state="fin-wait") == 1), "a connection is "
       "established and ends", (master.conns(), backup.conns()))
    # A master that stops sends all that it has.
    backup.sync_stop("master")
    master.sync_stop("master")
    more = [{key: now[key] - then[key] for key in ("sent-records", "received-records")}
            for now, then in zip((side.sync()[1] for side in (master, backup)), before)]
    # The master that has just started sends all connections once, perhaps this one, too.
    sent = more[0]["sent-records"]
    ok(sent in (2, 3) and more == [{"sent-records": sent, "received-records": 0},
                                   {"sent-records": 0, "received-records": sent}],
       "its records go one way", more)
    sender.close()
    end(master, backup)


def test_late():
    """Connections that exist when the master starts."""
    sides = []
    for host in ROLES:
        sides.append(open_director(host))
        sides[-1].add(genl.key(VIP[4]), [addr("a"), addr("b")], sched="rr")
    master, backup = sides
    socks = connections(4, 8)[0]
    backup.sync_start("backup")
    master.sync_start("master", group=9)
    ok(until(lambda: backup.count() == 8) and seen(master, 4) == seen(backup, 4),
       "a master that starts sends what it has", (seen(master, 4), seen(backup, 4)))
    for sock in socks:
        sock.close()
    end(*sides)


class Sender:
    """A client's packets by hand, to the director."""

    def __init__(self, host="director"):
        self.tap, self.to, self.own = net.Tap("client"), net.mac(host), net.mac("client")

    def tcp(self, client, sport, version, flags, vport=80):
        self.tap.send(self.to + self.own + ipvs.KIND[version] +
                      net.packet(client, VIP[version], 6, net.tcp(sport, vport, flags)))

    def udp(self, client, sport, version):
        self.tap.send(self.to + self.own + ipvs.KIND[version] +
                      net.packet(client, VIP[version], 17, net.udp(sport, 80, b"x")))

    def close(self):
        self.tap.close()


CLIENT = {4: "192.168.1.1%02d", 6: "2001:db8:1::1%02d"}


def test_states():
    """What is told when: established, then each change of state; half-open never."""
    for version in (4, 6):
        name, client = "IPv%d: " % version, CLIENT[version] % 50
        master, backup = pair(version, persist=60)
        for side in (master, backup):
            side.add(genl.key(VIP[version], 80, 17), [addr("a", version)], sched="rr")
        sender = Sender()

        def state(sport, side=backup, client=client):
            found = [conn.state for conn in side.conns(client=client, cport=sport)]
            return found[0] if found else None

        half, whole, reset, udp = [next(SPORTS) for _ in range(4)]
        for sport in (half, whole, reset):
            sender.tcp(client, sport, version, SYN)
        sender.udp(client, udp, version)
        ok(until(lambda: master.count() == 5), name + "four connections and a template "
           "at the master", master.conns())
        for sport in (whole, reset):
            sender.tcp(client, sport, version, ACK)
        ok(until(lambda: state(whole) == state(reset) == "established"),
           name + "established ones are at the backup", backup.conns())
        ok(state(half) is None and state(udp) is None, name + "half-open ones are not",
           backup.conns())
        template = [(c.client, c.server) for c in master.conns(state="template")]
        ok(template == [(c.client, c.server) for c in backup.conns(state="template")] and
           len(template) == 1, name + "the client's template is", backup.conns())
        sender.tcp(client, whole, version, FIN | ACK)
        sender.tcp(client, reset, version, RST)
        sender.udp(client, udp, version)
        ok(until(lambda: state(whole) == "fin-wait" and state(reset) == "close" and
                 state(udp) == "udp"), name + "FIN, RST and the second datagram are told",
           backup.conns())
        sender.tcp(client, half, version, RST)
        ok(until(lambda: state(half, master) == "close") and state(half) is None,
           name + "the end of a half-open one is not", backup.conns())
        counts = backup.servers(genl.key(VIP[version]))
        ok(sum(row["persistent"] for row in counts.values()) == 1 and
           sum(row["inactive"] for row in counts.values()) == 2 and
           not any(row["conns"] for row in counts.values()), name + "they count for "
           "their servers, not as scheduled", counts)
        sender.close()
        end(master, backup)


def record(client, sport, vip, server, protocol=6, state=1, vport=80, flags=0x83,
           timeout=900, mark=0):
    """A record of version 1, IPv4."""
    return struct.pack("!BBHIHHHHII", 0, protocol, 36, flags, state, sport, vport, vport,
                       mark, timeout) + \
        b"".join(socket.inet_aton(address) for address in (client, vip, server))


def datagram(records, group=7):
    body = b"".join(records)
    return struct.pack("!BBHBBH", 0, group, 8 + len(body), len(records), 1, 0) + body


class Forger:
    """Sends to the group from a host."""

    def __init__(self, host="a"):
        with within(host):
            self.sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
            self.sock.setsockopt(socket.IPPROTO_IP, socket.IP_MULTICAST_IF, struct.pack(
                "=4s4si", bytes(4), bytes(4), socket.if_nametoindex("eth0")))

    def send(self, data, to=GROUP):
        self.sock.sendto(data, (to, PORT))

    def close(self):
        self.sock.close()


def grown(side, before, datagrams, **want):
    """Waits until datagrams were received and counters have grown by so much. Returns
    by how much they have, without those of what was received."""
    def more():
        now = side.sync()[1]
        if now["received-datagrams"] < before["received-datagrams"] + datagrams:
            return None
        return {key.replace("-", "_"): now[key] - before[key] for key in now
                if now[key] != before[key] and not key.startswith("received")}
    until(lambda: more() == want)
    return more()


def test_records():
    """Records one by one: what is added, what waits, what is ignored, and what counts."""
    backup, forger = open_director("backup"), Forger()
    vip, one, two = VIP[4], addr("a"), addr("b")
    backup.add(genl.key(vip), [one], sched="rr")
    backup.sync_start("backup", group=7)
    many = [record("198.51.100.9", sport, vip, one) for sport in range(1, 40)]
    before = backup.sync()[1]
    forger.send(datagram(many))
    got = grown(backup, before, 1, added=39)
    ok(got == {"added": 39} and backup.count(state="established") == 39,
       "a datagram of 39 records adds 39 connections", got)
    steps = [
        ("the same again", datagram(many[:2]), {"updated": 2}),
        ("another id", datagram(many[:1], 8), {"foreign": 1}),
        ("half a record", datagram([many[0][:20]]), {"bad": 1}),
        ("noise", bytes(random.Random(net.SEED).randrange(256) for _ in range(99)),
         {"bad": 1}),
        ("ESP", datagram([record("198.51.100.9", 1, vip, one, protocol=50)]),
         {"skipped": 1}),
        ("a template without persistence", datagram([record(
            "198.51.100.0", 0, vip, one, flags=0x1083)]), {"refused": 1}),
        ("a server that does not exist", datagram([record("198.51.100.9", 77, vip, two)]),
         {"pending": 1}),
        ("the same again", datagram([record("198.51.100.9", 77, vip, two)]), {}),
        ("a service that does not exist", datagram([record(
            "198.51.100.9", 78, vip, two, vport=81)]), {"pending": 1}),
    ]
    for what, data, want in steps:
        before = backup.sync()[1]
        forger.send(data)
        got = grown(backup, before, 1, **want)
        ok(got == want and backup.count() == 39, "%s: %s" % (what, want), got)
    before = backup.sync()[1]
    backup.add_server(genl.key(vip), two, 1)
    got = grown(backup, before, 0, adopted=1, added=1, pending=-1)
    ok(got == {"adopted": 1, "added": 1, "pending": -1} and
       backup.count(cport=77, server=two) == 1, "it waited for its server", got)
    before = backup.sync()[1]
    backup.add(genl.key(vip, 81), [two], sched="rr")
    got = grown(backup, before, 0, adopted=1, added=1, pending=-1)
    ok(got == {"adopted": 1, "added": 1, "pending": -1} and backup.count() == 41,
       "the other one for its service", got)
    before = backup.sync()[1]
    forger.send(datagram([record("198.51.100.9", 77, vip, one),
                          record("198.51.100.9", 1, vip, one, state=4, flags=0x183)]))
    got = grown(backup, before, 1, added=1, updated=1)
    ok(got == {"added": 1, "updated": 1} and backup.count(cport=77, server=one) == 1 and
       backup.count(state="fin-wait", cport=1) == 1, "a record changes server and state "
       "of a connection of the other director", (got, backup.conns(cport=77)))
    steps = [
        ("the end, and a state before it", [
            record("198.51.100.9", 3, vip, one, state=4, flags=0x183),
            record("198.51.100.9", 3, vip, one)], {"updated": 1, "stale": 1}),
        ("a half-open state of what was established", [record(
            "198.51.100.9", 2, vip, one, state=3)], {"stale": 1}),
        ("a mark that no service has", [record("198.51.100.9", 79, vip, one, mark=9)],
         {"added": 1}),
        ("the template of a mark that no service has", [record(
            "198.51.100.9", 0, "0.0.0.9", one, protocol=0, vport=0, flags=0x1083,
            mark=9)], {"pending": 1}),
    ]
    for what, records, want in steps:
        before = backup.sync()[1]
        forger.send(datagram(records))
        got = grown(backup, before, 1, **want)
        ok(got == want, "%s: %s" % (what, want), got)
    ok(backup.count() == 42 and backup.count(cport=3, state="fin-wait") == 1,
       "the end stays the end", backup.conns(cport=3))
    backup.sync_stop("backup")
    backup.sync_start("backup", addresses=[addr("b"), addr("client")])
    before = backup.sync()[1]
    forger.send(datagram(many[:1]), addr("backup"))
    got = grown(backup, before, 1, foreign=1)
    ok(got == {"foreign": 1}, "with an address, only its records count", got)
    forger.close()
    end(backup)


def test_waiting():
    """Records of an unknown server: a later record replaces them, a connection that
    exists is not changed by them, and there is a bound."""
    backup, forger = open_director("backup"), Forger()
    vip, one, two, client = VIP[4], addr("a"), addr("b"), "198.51.100.9"
    backup.add(genl.key(vip), [one], sched="rr")
    backup.sync_start("backup", group=7)
    before = backup.sync()[1]
    forger.send(datagram([record(client, 1, vip, two), record(client, 2, vip, two)]))
    forger.send(datagram([record(client, 1, vip, one)]))
    got = grown(backup, before, 2, added=1, pending=1)
    ok(got == {"added": 1, "pending": 1}, "a record with a server that exists replaces "
       "one that waits", got)
    # The flow of the second one is scheduled here meanwhile.
    net.ip("backup", "addr", "add", vip + "/32", "dev", "lo")
    sender = Sender("backup")
    sender.tcp(client, 2, 4, SYN)
    sender.tcp(client, 2, 4, ACK)
    ok(until(lambda: backup.count(state="established", cport=2) == 1), "a flow of a "
       "record that waits is scheduled", backup.conns())
    before = backup.sync()[1]
    ok(until(lambda: backup.count(cport=2, idle_min=1200) == 1), "and idles for a second")
    backup.add_server(genl.key(vip), two, 1)
    got = grown(backup, before, 0, stale=1, pending=-1)
    ok(got == {"stale": 1, "pending": -1} and
       backup.count(server=one) == 2, "the record that has waited does not change it",
       (got, backup.conns()))
    net.ip("backup", "addr", "del", vip + "/32", "dev", "lo")
    sender.close()
    limit = "/sys/module/lbdr/parameters/conn_max"
    with open(limit, encoding="ascii") as file:
        was = file.read()
    net.write(limit, "800")
    before = backup.sync()[1]
    for first in range(1000, 1120, 30):
        forger.send(datagram([record(client, sport, vip, addr("client"))
                              for sport in range(first, first + 30)]))
    got = grown(backup, before, 4, pending=100, pending_full=20)
    ok(got == {"pending": 100, "pending_full": 20}, "an eighth of conn_max may wait", got)
    # Of 160 entries fewer than 1/16 are free with the 151st.
    net.write(limit, "160")
    had, before = backup.count(), backup.sync()[1]
    for first in range(2000, 2200, 40):
        forger.send(datagram([record(client, sport, vip, one)
                              for sport in range(first, first + 40)]))
    got = grown(backup, before, 5, added=151 - had, refused=49 + had)
    ok(got == {"added": 151 - had, "refused": 49 + had} and backup.count() == 151,
       "none is added to a table that is nearly full", (got, backup.count()))
    net.write(limit, was)
    forger.close()
    end(backup)


def test_peers():
    """Two directors by their addresses: each gets all datagrams."""
    master, backup = open_director(), open_director("backup")
    for side in (master, backup):
        side.add(genl.key(VIP[4]), [addr("a"), addr("b")], sched="rr")
    with within("b"):
        other = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        other.bind((addr("b"), PORT))
    other.settimeout(60)
    backup.sync_start("backup", group=7, addresses=[addr("client"), addr("director")])
    before = master.sync()[1]["sent-datagrams"]
    master.sync_start("master", group=7, addresses=[addr("backup"), addr("b")])
    sender, client, sport = Sender(), CLIENT[4] % 54, next(SPORTS)
    sender.tcp(client, sport, 4, SYN)
    sender.tcp(client, sport, 4, ACK)
    ok(until(lambda: backup.count(cport=sport, state="established") == 1), "the first "
       "director has the connection", (backup.conns(), backup.sync()))
    got = other.recv(9000)
    ok(got[8:] and got[:2] == b"\0\7", "the second one gets the same datagram", got)
    # Earlier connections may have gone in one of their own.
    ok(until(lambda: (master.sync()[1]["sent-datagrams"] - before) % 2 == 0 and
             master.sync()[1]["sent-datagrams"] > before), "as many for each director",
       (before, master.sync()))
    group = [socket.inet_aton(GROUP), socket.inet_aton(addr("b"))]
    for what, addresses, code in (
            ("a group behind an address", group[::-1], errno.EINVAL),
            ("an address behind a group", group, errno.EINVAL),
            ("two families", [group[1], bytes(15) + b"\2"], errno.EINVAL),
            ("nine addresses", [group[1]] * 9, errno.E2BIG)):
        try:
            master.do(genl.SYNC_SET, genl.u8(genl.SYNC_ROLE, 1) +
                      genl.u8(genl.SYNC_ENABLED, 1) +
                      genl.attr(genl.SYNC_DEVICE, b"eth0\0") +
                      b"".join(genl.attr(genl.SYNC_ADDRESS, one) for one in addresses))
            refused = None
        except genl.Refused as error:
            refused = error
        ok(refused and refused.code == code and refused.sentence, "%s: %s" %
           (what, errno.errorcode[code]), refused)
    sender.close()
    other.close()
    end(master, backup)


def test_refresh():
    """The collector sends again what packets have renewed, and nothing else."""
    master, backup = pair(4)
    sender, client = Sender(), CLIENT[4] % 52
    busy, idle = next(SPORTS), next(SPORTS)
    for sport in (busy, idle):
        sender.tcp(client, sport, 4, SYN)
        sender.tcp(client, sport, 4, ACK)
    ok(until(lambda: backup.count(state="established") == 2), "two connections")
    master.set_timeouts({"established": 12})
    sent, got = master.sync()[1]["sent-records"], backup.sync()[1]["updated"]

    def again():
        sender.tcp(client, busy, 4, ACK)
        return master.sync()[1]["sent-records"] > sent

    ok(until(again, 20) and until(lambda: backup.sync()[1]["updated"] == got + 1),
       "the busy one is sent again, once", (sent, master.sync(), got, backup.sync()))
    sender.close()
    end(master, backup)


def test_own():
    """No record changes a connection that this director forwards itself."""
    backup, forger = open_director("backup"), Forger()
    vip, one, two = VIP[4], addr("a"), addr("b")
    backup.add(genl.key(vip), [one], sched="rr")
    backup.sync_start("backup", group=7)
    sender, client = Sender("backup"), CLIENT[4] % 51
    net.ip("backup", "addr", "add", vip + "/32", "dev", "lo")
    # It is its own for OWN_TIME after a packet. Once more with another connection if this
    # machine took longer than that.
    for _ in range(20):
        sport = next(SPORTS)
        sender.tcp(client, sport, 4, SYN)
        sender.tcp(client, sport, 4, ACK)
        there = until(lambda: backup.count(state="established") == 1)
        backup.add_server(genl.key(vip), two, 1)
        before, begun = backup.sync()[1], time.monotonic()
        sender.tcp(client, sport, 4, ACK)
        forger.send(datagram([record(client, sport, vip, two)]))
        forger.send(datagram([record(client, sport, vip, one, state=4)]))
        until(lambda: backup.sync()[1]["received-datagrams"] >=
              before["received-datagrams"] + 2)
        took = time.monotonic() - begun
        found = [(conn.server, conn.state) for conn in backup.conns()]
        if took < OWN_TIME:
            break
        backup.remove(genl.key(vip), two)
        backup.kill()
    ok(there, "a connection of its own")
    got = grown(backup, before, 2, own=2)
    ok(got == {"own": 2} and found == [(one, "established")],
       "another server and another state are ignored", (got, found))
    net.ip("backup", "addr", "del", vip + "/32", "dev", "lo")
    sender.close()
    forger.close()
    end(backup)


def test_start():
    """What starts and stops, and what is refused."""
    side = open_director()
    role = genl.u8(genl.SYNC_ROLE, 0)
    on, off = genl.u8(genl.SYNC_ENABLED, 1), genl.u8(genl.SYNC_ENABLED, 0)
    device = genl.attr(genl.SYNC_DEVICE, b"eth0\0")
    side.sync_start("master")
    side.sync_start("backup", group=3)
    ok(side.sync()[0] == {"master", "backup"}, "both roles run")
    wrong = [
        ("a role that runs", role + on + device, errno.EEXIST),
        ("no role", on + device, errno.EINVAL),
        ("a role that does not exist", genl.u8(genl.SYNC_ROLE, 3) + on, errno.ERANGE),
        ("no device", role + on, errno.EINVAL),
        ("settings of a role that stops", role + off + device, errno.EINVAL),
        ("a datagram of 100 bytes", role + on + device + genl.attr(
            genl.SYNC_MAX_LEN, struct.pack("=H", 100)), errno.ERANGE),
        ("port 0", role + on + device + genl.be16(genl.SYNC_PORT, 0), errno.ERANGE),
    ]
    for again in (False, True):
        for what, body, code in wrong:
            try:
                side.do(genl.SYNC_SET, body)
                got = None
            except genl.Refused as error:
                got = error
            ok(got and got.code == code and got.sentence, "%s: %s and a sentence" %
               (what, errno.errorcode[code]), got)
        if again:
            break
        side.sync_stop("master")
        side.sync_stop("backup")
        wrong = [
            ("a role that does not run", role + off, errno.ESRCH),
            ("a device that does not exist", role + on + genl.attr(
                genl.SYNC_DEVICE, b"eth9\0"), errno.ENODEV),
            ("a loopback address", role + on + device + genl.attr(
                genl.SYNC_ADDRESS, b"\x7f\0\0\1"), errno.EINVAL),
            ("an address of 5 bytes", role + on + device + genl.attr(
                genl.SYNC_ADDRESS, bytes(5)), errno.EAFNOSUPPORT),
        ]
    ok(not side.sync()[0], "no role runs")
    # A namespace goes while both run, and so does the module at the end of the test.
    net.run("ip", "netns", "add", "brief")
    # The module of dummy devices makes one of its own when it is loaded, on some kernels.
    net.ip("brief", "link", "add", "eth0", "type", "veth", "peer", "name", "eth1")
    net.ip("brief", "link", "set", "eth1", "up")
    net.ip("brief", "link", "set", "eth0", "up")
    net.ip("brief", "addr", "add", "192.0.2.1/24", "dev", "eth0")
    brief = open_director("brief")
    brief.sync_start("master")
    brief.sync_start("backup")
    brief.close()
    net.run("ip", "netns", "del", "brief")
    ipvs.wait_for_cleanup()
    ok(True, "a namespace goes while both roles run")
    side.close()


if __name__ == "__main__":
    net.main(globals())
