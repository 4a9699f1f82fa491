#!/usr/bin/python3 -B
# SPDX-License-Identifier: GPL-2.0
"""Connection synchronisation: a director takes over from another one, of which either may
be ip_vs of the running kernel. The hosts are those of test_sync.py.
"""
import socket
import struct
import threading
import time

import genl
import ipvs
import net
from net import ACK, FIN, SYN, VIP, addr, ok, until, within
from servers import exchange
from test_sync import (CLIENT, Forger, GROUP, PORT, Sender, connections, end, pair,
                       seen)
from test_tcp import SPORTS, open_director


def move_vip(version, start, stop):
    """The VIP goes from one director to the other, which announces it."""
    length = 32 if version == 4 else 128
    net.ip(stop, "addr", "del", "%s/%d" % (VIP[version], length), "dev", "eth0",
           check=False)
    net.ip(start, "addr", "replace", "%s/%d" % (VIP[version], length), "dev", "eth0")
    net.ip("client", "neigh", "flush", "dev", "eth0")


class Busy(threading.Thread):
    """A connection that sends and receives all the time."""

    def __init__(self, sock):
        super().__init__(daemon=True)
        self.sock, self.ending, self.rounds, self.broken = sock, False, 0, False

    def run(self):
        while not self.ending and not self.broken:
            if exchange(self.sock, 2000):
                self.rounds += 1
            else:
                self.broken = True


def works(socks):
    return [exchange(sock, 3000) for sock in socks].count(True)


def failover(version, first, second, start, stop):
    """Busy, idle and new connections; one director goes, and the other takes over."""
    name = "IPv%d: " % version
    idle, heard = connections(version, 12)
    busy = [Busy(sock) for sock in connections(version, 6)[0]]
    for one in busy:
        one.start()
    ok(until(lambda: second.count(state="established") >= 18), name + "18 connections "
       "are at the backup", (seen(second, version), first.sync(), second.sync()))
    before = time.monotonic()
    fresh, more = connections(version, 12)
    took = time.monotonic()
    there = until(lambda: second.count(state="established") == 30)
    print("# the last of 12 new connections was there %.0f ms after the first began, "
          "which took %.0f ms" % ((time.monotonic() - before) * 1000,
                                  (took - before) * 1000), flush=True)
    ok(there and seen(first, version) == seen(second, version), name + "and 12 new ones, "
       "with the same server and state", (seen(first, version), seen(second, version)))
    net.ip("", "link", "set", "v" + stop, "down")
    move_vip(version, start, stop)
    rounds = [one.rounds for one in busy]
    ok(until(lambda: all(one.rounds > was + 1 or one.broken
                         for one, was in zip(busy, rounds)), 60) and
       not any(one.broken for one in busy), name + "6 busy connections go on",
       [(one.rounds, was, one.broken) for one, was in zip(busy, rounds)])
    ok(works(idle) == 12, name + "12 idle connections go on")
    ok(works(fresh) == 12, name + "12 new connections go on")
    ok({b"a", b"b"} == set(heard + more), name + "on both servers")
    for one in busy:
        one.ending = True
        one.join(60)
    for sock in idle + fresh + [one.sock for one in busy]:
        sock.close()
    net.ip("", "link", "set", "v" + stop, "up")
    net.address(stop)


def test_failover():
    """The master dies; and, as the master that it is then, the backup."""
    for version in (4, 6):
        master, backup = pair(version)
        failover(version, master, backup, "backup", "director")
        # keepalived changes the roles after the VIP has moved.
        backup.sync_stop("backup")
        master.sync_stop("master")
        ok(until(lambda: not backup.count(state="established")), "they end at the new "
           "director", backup.conns())
        master.kill()
        backup.kill()
        move_vip(version, "backup", "director")
        master.sync_start("backup", group=7)
        backup.sync_start("master", group=7)
        failover(version, backup, master, "director", "backup")
        move_vip(version, "director", "backup")
        end(master, backup)


def test_persist_mode():
    """ip_vs's sync_persist_mode, by lbdr_ipvs.ko: of a persistent service templates only."""
    with ipvs.Loaded():
        mode = "/proc/sys/net/ipv4/vs/sync_persist_mode"
        master, backup = pair(4)
        for side in (master, backup):
            side.add(genl.key(VIP[4], 81), [addr("a")], sched="rr", persist=60)
        sender, client = Sender(), CLIENT[4] % 55
        for text, there in (("1", 1), ("0", 2)):
            with within("director"):
                net.write(mode, text)
            kept, other = next(SPORTS), next(SPORTS)
            for sport, vport in ((kept, 81), (other, 80)):
                sender.tcp(client, sport, 4, SYN, vport)
                sender.tcp(client, sport, 4, ACK, vport)
            # The connection of the other service is sent after the persistent one's.
            ok(until(lambda: backup.count(cport=other) == 1 and
                     backup.count(state="template") == 1) and
               backup.count(cport=kept) == there - 1, "sync_persist_mode %s: the "
               "template and %d of 2 connections are sent" % (text, there),
               backup.conns())
        sender.close()
        end(master, backup)


def stock(host, *words):
    done = ipvs.call_stock(["ip", "netns", "exec", host, "ipvsadm", *words])
    if done.returncode:
        raise ipvs.StockFailed("%s: %s" % (" ".join(words), done.stderr))
    return done.stdout


def stock_conns(host):
    """(client's port, server, state) of ip_vs's connections."""
    out = []
    for line in stock(host, "-L", "-n", "-c").splitlines()[2:]:
        words = line.split()
        out.append((int(words[3].rsplit(":", 1)[1]), words[5].rsplit(":", 1)[0],
                    words[2].lower().replace("_", "-")))
    return sorted(out)


def lbdr_conns(side):
    return sorted((conn.cport, conn.server, conn.state) for conn in side.conns())


def take_over(socks, name):
    """The director dies, and the backup has the connections. It comes back after it."""
    net.ip("", "link", "set", "vdirector", "down")
    move_vip(4, "backup", "director")
    ok(works(socks) == len(socks) == 10, "%s takes over: all 10 go on" % name)
    for sock in socks:
        sock.close()
    net.ip("", "link", "set", "vdirector", "up")
    net.address("director")
    move_vip(4, "director", "backup")


def test_stock_master():
    """ip_vs is the master, lbdr the backup that takes over."""
    ipvs.Ipvs.load()
    at = VIP[4] + ":80"
    stock("director", "-A", "-t", at, "-s", "rr")
    for name in "ab":
        stock("director", "-a", "-t", at, "-r", addr(name) + ":80", "-g")
    with within("director"):
        net.write("/proc/sys/net/ipv4/vs/sync_threshold", "0 1")
        net.write("/proc/sys/net/ipv4/vs/sync_refresh_period", "10")
    stock("director", "--start-daemon", "master", "--mcast-interface=eth0",
          "--syncid", "7")
    backup = open_director("backup")
    backup.add(genl.key(VIP[4]), [addr("a"), addr("b")], sched="rr")
    backup.sync_start("backup", group=7)
    socks = connections(4, 10)[0]
    ok(works(socks) == 10, "10 connections by ip_vs")
    ok(until(lambda: backup.count(state="established") == 10), "are at lbdr",
       (lbdr_conns(backup), backup.sync()))
    ok(lbdr_conns(backup) == stock_conns("director"), "with server and state",
       (lbdr_conns(backup), stock_conns("director")))
    take_over(socks, "lbdr")
    stock("director", "--stop-daemon", "master")
    stock("director", "-C")
    end(backup)


def test_stock_backup():
    """lbdr is the master, ip_vs the backup that takes over."""
    ipvs.Ipvs.load()
    at = VIP[4] + ":80"
    stock("backup", "-A", "-t", at, "-s", "rr")
    for name in "ab":
        stock("backup", "-a", "-t", at, "-r", addr(name) + ":80", "-g")
    stock("backup", "--start-daemon", "backup", "--mcast-interface=eth0",
          "--syncid", "7")
    master = open_director()
    master.add(genl.key(VIP[4]), [addr("a"), addr("b")], sched="rr")
    master.sync_start("master", group=7)
    socks = connections(4, 10)[0]
    ok(until(lambda: len(stock_conns("backup")) == 10), "10 connections by lbdr are at "
       "ip_vs", (stock_conns("backup"), lbdr_conns(master), master.sync()))
    ok(lbdr_conns(master) == stock_conns("backup"), "with server and state",
       (lbdr_conns(master), stock_conns("backup")))
    take_over(socks, "ip_vs")
    stock("backup", "--stop-daemon", "backup")
    stock("backup", "-C")
    end(master)


class Listener:
    """Collects the datagrams of the group: those that say nothing new, too."""

    def __init__(self, host="a"):
        with within(host):
            self.sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
            self.sock.bind((GROUP, PORT))
            self.sock.setsockopt(
                socket.IPPROTO_IP, socket.IP_ADD_MEMBERSHIP, socket.inet_aton(GROUP) +
                bytes(4) + struct.pack("=i", socket.if_nametoindex("eth0")))
        self.sock.setblocking(False)
        self.datagrams, self.headers, self.records = [], set(), {}

    def read(self):
        """Fills in the records by protocol, ports and state, without the time left."""
        try:
            while True:
                data = self.sock.recv(65536)
                self.datagrams.append(data)
                self.headers.add((data[:2], data[5:8],
                                  struct.unpack("!H", data[2:4])[0] == len(data)))
                at = 8
                for _ in range(data[4]):
                    size = struct.unpack("!H", data[at + 2:at + 4])[0] & 0xfff
                    row = data[at:at + size]
                    # ip_vs sends a template in state 0 first.
                    if not row[6] & 0x10 or row[9]:
                        self.records[(row[1], row[8:14])] = row[:20] + row[24:]
                    at += size + -size % 4
        except BlockingIOError:
            return self.records

    def close(self):
        self.sock.close()


def golden_packets(sender, client, ports, wait):
    """A TCP connection that stays, one that ends, UDP, and one of a persistent service.
    wait(n) waits until there are n connections."""
    stays, ends, udp, kept = ports
    for sport, vport in ((stays, 80), (ends, 80), (kept, 81)):
        sender.tcp(client, sport, 4, SYN, vport)
    sender.udp(client, udp, 4)
    wait(5)
    for sport, vport in ((stays, 80), (ends, 80), (kept, 81)):
        sender.tcp(client, sport, 4, ACK, vport)
    sender.udp(client, udp, 4)
    sender.tcp(client, ends, 4, FIN | ACK)


def test_golden():
    """The records of ip_vs for some connections are read, and those of lbdr for the same
    connections are the same."""
    ipvs.Ipvs.load()
    sender, client = Sender(), CLIENT[4] % 53
    ports = [next(SPORTS) for _ in range(4)]
    theirs, ours = Listener(), Listener("b")
    for kind, port, more in (("-t", 80, ()), ("-u", 80, ()), ("-t", 81, ("-p", "60"))):
        at = "%s:%d" % (VIP[4], port)
        stock("director", "-A", kind, at, "-s", "rr", *more)
        stock("director", "-a", kind, at, "-r", "%s:%d" % (addr("a"), port), "-g")
    with within("director"):
        net.write("/proc/sys/net/ipv4/vs/sync_threshold", "0 1")
        net.write("/proc/sys/net/ipv4/vs/sync_refresh_period", "10")
    stock("director", "--start-daemon", "master", "--mcast-interface=eth0",
          "--syncid", "7")
    golden_packets(sender, client, ports, lambda n: until(
        lambda: len(stock_conns("director")) == n))
    # Established three times, FIN_WAIT, UDP, and a template.
    ok(until(lambda: len(theirs.read()) == 6), "6 records of ip_vs", theirs.records)
    stock("director", "--stop-daemon", "master")
    stock("director", "-C")
    ours.read()
    ours.records, ours.headers = {}, set()

    master, backup = open_director(), open_director("backup")
    for side in (master, backup):
        side.add(genl.key(VIP[4]), [addr("a")], sched="rr")
        side.add(genl.key(VIP[4], 80, 17), [addr("a")], sched="rr")
        side.add(genl.key(VIP[4], 81), [addr("a")], sched="rr", persist=60)
    master.sync_start("master", group=7)
    golden_packets(sender, client, ports, lambda n: until(lambda: master.count() == n))
    ok(until(lambda: len(ours.read()) == 6), "6 records of lbdr", ours.records)
    ok(ours.headers == theirs.headers, "the headers are the same",
       (ours.headers, theirs.headers))
    for key in sorted(theirs.records):
        ok(ours.records.get(key) == theirs.records[key], "protocol %d, state, ports %s: "
           "the same record" % (key[0], key[1].hex()),
           (ours.records.get(key, b"").hex(), theirs.records[key].hex()))

    master.sync_stop("master")
    backup.sync_start("backup", group=7)
    before, forger = backup.sync()[1], Forger()
    for data in theirs.datagrams:
        forger.send(data)
    ok(until(lambda: backup.sync()[1]["received-datagrams"] ==
             before["received-datagrams"] + len(theirs.datagrams)), "ip_vs's datagrams")
    now = backup.sync()[1]
    ok(now["added"] == before["added"] + 5 and
       all(now[key] == before[key] for key in ("bad", "skipped", "refused", "foreign")),
       "are connections and a template", (before, now))
    ok(seen(backup, 4) == seen(master, 4), "those that lbdr has for the same packets",
       (seen(backup, 4), seen(master, 4)))
    for closing in (sender, forger, theirs, ours):
        closing.close()
    end(master, backup)


if __name__ == "__main__":
    net.main(globals())
