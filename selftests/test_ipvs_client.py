#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0
"""Programs of ip_vs drive lbdr by lbdr_ipvs.ko: the packaged ipvsadm, and messages as
other programs form them. The same lines go to stock ip_vs and then to lbdr, in one
namespace: statuses, texts, listings and the files in /proc are the same.

Different by design: what EXPECTED names, the number of the first line (`size=`), and
the order of servers in /proc/net/ip_vs, which is not sorted.
"""
# Also on: trixie
import errno
import os
import re
import socket
import struct
import subprocess

import genl
import ipvs
import net
import test_ipvsadm as tool
from ipvs import (VIPS, Flow, Ipvs, Loaded, Service, Wire, call_stock, client, loaded,
                  rip)
from net import ACK, SYN, ok, only, until

TOP = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
V4, V6 = VIPS[4][0], VIPS[6][0]
R4, R6 = rip(0, 4), rip(0, 6)
SPARE = rip(1, 4)
# A server by a tunnel, behind a router, of each family.
T4, T6 = "198.51.100.50", "2001:db8:c::50"

# Lines that both take in this order, or refuse in the same words.
LINES = """
-A -t V4:80 -s rr
-A -t V4:80 -s rr
-a -t V4:80 -r R4:80 -g -w 3
-a -t V4:80 -r R4:80 -g -w 3
-a -t V4:80 -r SPARE:80 -g -w 0 -x 10 -y 5
-a -t V4:80 -r SPARE:80 -g -x 5 -y 10
-a -t V4:99 -r R4:99 -g
-e -t V4:80 -r R4:80 -g -w 100
-e -t V4:80 -r 192.168.1.77:80 -g -w 1
-e -t V4:99 -r R4:99 -g
-d -t V4:80 -r 192.168.1.77:80
-d -t V4:99 -r R4:99
-A -t V4:81 -s nosuch
-A -t V4:82 -s wlc -p 300 -M 255.255.255.0
-E -t V4:82 -s rr -p 100
-E -t V4:82 -s nosuch
-E -t V4:99 -s rr
-D -t V4:99
-A -u V4:53 -s sh -b sh-port,sh-fallback
-A -u V4:54 -s rr -o
-a -u V4:54 -r R4:54 -g -w 5
-A -u V4:5060 -s rr -p 60 --pe nosuch
-A -t V4:96 -s rr -b flag-1,flag-3
-a -t V4:96 -r T4:96 -i -w 2
-a -t V4:96 -r R4:96 -i --tun-type gue --tun-port 6080 --tun-csum
-e -t V4:96 -r R4:96 -i --tun-type gre
-a -t V4:96 -r SPARE:96 -g
-e -t V4:96 -r SPARE:96 -i --tun-type gue --tun-port 6081
-a -t V4:96 -r [T6]:96 -i
-A -f 9 -s rr -o
-A -f 8 -s rr -p 60
-a -f 8 -r R4:0 -g -w 7
-A -f 8 -6 -s wrr
-a -f 8 -6 -r [R6]:0 -g
-A -t [V6]:80 -s wlc -p 200 -M 64
-a -t [V6]:80 -r [R6]:80 -g -w 9
-A -t V4:0 -s rr -p 120
-a -t V4:0 -r R4:0 -g
--add-service --sctp-service V4:95 -s wrr
-a --sctp-service V4:95 -r R4:95 -g
-A -t V4:97 -s rr
-D -t V4:97
-L -n
-L -n --stats
-L -n --rate
-L -n --thresholds
-L -n --persistent-conn
-L -n --exact
-L -n -t V4:80
-L -n --tun-info
-L -n -t V4:99
-L -n -f 8
-L -n -f 8 -6
-L --timeout
--set 800 0 200
--set 0 130 0
-L --timeout
-S -n
-L --daemon
-d -t V4:96 -r [T6]:96
--start-daemon master --mcast-interface=eth0 --syncid 3
--start-daemon master --mcast-interface=eth0 --syncid 3
--start-daemon backup --mcast-interface=nosuch
--start-daemon backup --mcast-interface=eth0
--stop-daemon backup
--start-daemon backup --mcast-interface=eth0 --syncid 4 --sync-maxlen 1000 --mcast-group 224.0.0.99 --mcast-port 9999 --mcast-ttl 7
-L --daemon
--stop-daemon master
--stop-daemon master
-L --daemon
--stop-daemon backup
-a -t V4:96 -r [T6]:96 -i
-Z -t V4:80
-Z -t V4:99
-Z
-d -t V4:80 -r SPARE:80
-D -f 8
-L -n
-S -n
""".strip().splitlines()

# Lines with a scheduler that stock ip_vs of the UML kernel does not have.
MH_LINES = """
-A -t V4:83 -s mh -b mh-port
-A -t V4:84 -s mh -b mh-fallback,mh-port
-a -t V4:84 -r R4:84 -g -w 5
-E -t V4:83 -s mh -b flag-1
-L -n
-S -n
""".strip().splitlines()

# The files that monitoring reads, after those lines.
FILES = ("ip_vs", "ip_vs_stats", "ip_vs_stats_percpu", "ip_vs_conn",
         "ip_vs_conn_sync")

# What ip_vs does and lbdr refuses.
REFUSED = """
-a -t V4:80 -r 192.168.1.70:8080 -m
-a -t V4:80 -r T4:80 -i --tun-type gue --tun-port 6080 --tun-remcsum
-a -t V4:80 -r 192.168.1.70:80 -g -w 70000
-A -t V4:84 -s none
""".strip().splitlines()


def fill(line):
    for name, address in (("V4", V4), ("V6", V6), ("R4", R4), ("R6", R6),
                          ("SPARE", SPARE), ("T4", T4), ("T6", T6)):
        line = line.replace(name, address)
    return line


def call(line):
    """(status, output, errors) of the packaged ipvsadm."""
    with net.within("director"):
        done = call_stock(["ipvsadm", *fill(line).split()])
    return done.returncode, re.sub(r"\(size=\d+\)", "(size=N)", done.stdout), \
        done.stderr


def read(name):
    with net.within("director"), open("/proc/net/" + name, encoding="ascii") as file:
        return re.sub(r"\(size=\d+\)", "(size=N)", file.read())


def sysctls():
    """Name -> value of the files in /proc/sys/net/ipv4/vs."""
    folder, out = "/proc/sys/net/ipv4/vs/", {}
    with net.within("director"):
        for name in os.listdir(folder):
            with open(folder + name, encoding="ascii") as file:
                out[name] = file.read().strip()
    return out


# Those of lblc and lblcr are files of other modules.
NO_SYSCTLS = {"conntrack", "est_cpulist", "lblc_expiration", "lblcr_expiration"}
# ip_vs computes the length of a queue from the memory, and Ipvs() sets the mode.
OTHER_SYSCTLS = {"sync_qlen_max", "conn_reuse_mode"}


def sorted_lines(name, text):
    """The servers of a service in a file are in another order."""
    if name != "ip_vs":
        return text
    head, blocks = text.splitlines()[:3], []
    for line in text.splitlines()[3:]:
        if line.startswith("  ->"):
            blocks[-1].append(line)
        else:
            blocks.append([line])
    return "\n".join(head + sorted("\n".join(block[:1] + sorted(block[1:]))
                                   for block in blocks))


@only("uml")
def test_lines():
    """Every line does the same to both, with the same words."""
    Ipvs()
    call("-C")
    theirs = [call(line) for line in LINES]
    files, values = {name: read(name) for name in FILES}, sysctls()
    call("-C")
    with Loaded():
        mine = sysctls()
        unlike = {name: (value, mine.get(name)) for name, value in values.items()
                  if name not in NO_SYSCTLS | OTHER_SYSCTLS and mine.get(name) != value}
        ok(not unlike and set(mine) >= OTHER_SYSCTLS and not set(mine) & NO_SYSCTLS,
           "/proc/sys/net/ipv4/vs: the files and first values of ip_vs", unlike)
        ours = [call(line) for line in LINES]
        for line, before, after in zip(LINES, theirs, ours):
            ok(before == after, "ipvsadm %s: as with ip_vs" % line,
               "ip_vs: %r\nlbdr:  %r" % (before, after))
        for name in FILES:
            before, after = (sorted_lines(name, text)
                             for text in (files[name], read(name)))
            ok(before == after, "/proc/net/%s: as with ip_vs" % name,
               "ip_vs: %r\nlbdr:  %r" % (before, after))
        saved = call("-S -n")
        for line in REFUSED:
            status, out, err = call(line)
            ok(status and err and not out, "ipvsadm %s: refused" % line,
               "%d %s" % (status, out + err))
        ok(call("-S -n") == saved, "nothing is changed by what is refused")
        log = net.run("dmesg").stdout
        ok("lbdr_ipvs: service TCP %s:80: NAT (masquerading) is not available" % V4
           in log, "the log names the service that asks for NAT")
        done = net.lbctl("list", "-n")
        ok(V4 in done.stdout and R4 in done.stdout, "lbctl lists the same services")
        call("-C")
        ok(not call("-S -n")[1], "-C removes all of them")


@only("uml")
def test_mh():
    Ipvs()
    call("-C")
    theirs = [call(line) for line in MH_LINES]
    call("-C")
    with Loaded():
        for line, before in zip(MH_LINES, theirs):
            after = call(line)
            ok(before == after, "ipvsadm %s: as with ip_vs" % line,
               "ip_vs: %r\nlbdr:  %r" % (before, after))
        call("-C")


@only("uml")
def test_restore():
    """What -S has written, -R restores, by one process for each side."""
    with Loaded():
        for line in LINES[:37] + MH_LINES[:1]:
            call(line)
        saved = call("-S -n")[1]
        call("-C")
        with net.within("director"):
            done = call_stock(["ipvsadm", "-R"], saved)
        again = call("-S -n")[1]
        ok(not done.returncode and sorted(saved.splitlines()) ==
           sorted(again.splitlines()) and "->" not in saved and saved,
           "-S | -R: a fixed point", "%s\n%s\n%s" % (done.stderr, saved, again))


@only("uml")
def test_loading():
    """One of the two modules holds the family."""
    Ipvs()
    install = "sh", TOP + "/packaging/debian/lbdr-ipvs.preinst", "install"
    call("-A -t V4:80 -s rr")
    call("-a -t V4:80 -r R4:80 -m")
    done = net.run(*install, check=False)
    ok(done.returncode == 1 and "Masq" in done.stderr,
       "the package is not installed while ip_vs has NAT, in any namespace",
       done.stderr)
    call("-C")
    done = net.run(*install, check=False)
    ok(not done.returncode and not done.stderr, "and is without", done.stderr)
    done = ipvs.insert(check=False)
    ok(done.returncode and not loaded("lbdr_ipvs") and
       "lbdr_ipvs: ip_vs is loaded" in net.run("dmesg").stdout,
       "with ip_vs, lbdr_ipvs is refused, and the log says why", done.stderr)
    with Loaded():
        done = net.run("modprobe", "ip_vs", check=False)
        ok(not done.returncode and not loaded("ip_vs"),
           "with lbdr_ipvs, modprobe ip_vs succeeds and loads nothing",
           "%d %s" % (done.returncode, done.stderr))
        ok("lbdr_ipvs: ip_vs is kept out" in net.run("dmesg").stdout,
           "the log says so")
        status, out, err = call("-L -n")
        ok(not status and out.startswith("IP Virtual Server version 1.2.1"),
           "ipvsadm goes on", err)
        call("-A -t V4:80 -s rr")
        net.run("rmmod", "lbdr_ipvs")
        ok(V4 in net.lbctl("list", "-n").stdout and
           not os.path.exists("/proc/net/ip_vs"),
           "the module can be unloaded, the services stay")
        ipvs.insert()
        ok(V4 in call("-L -n")[1], "loaded again, it lists them")


def flow(port, number=1):
    service = Service(4, "tcp", V4, port)
    return Flow(service, client(service, number), 3000 + number)


@only("uml")
def test_hold():
    """A restart of keepalived removes all and adds it again: connections survive."""
    with Loaded():
        wire = Wire()
        try:
            lines = ["-A -t V4:80 -s rr", "-a -t V4:80 -r R4:80 -g",
                     "-a -t V4:80 -r SPARE:80 -g"]
            for line in lines:
                call(line)
            flows = [flow(80, number) for number in range(1, 9)]
            chosen = [wire.send(each) for each in flows]
            ok(sorted(set(chosen)) == [0, 1], "both servers have connections", chosen)
            for each in flows:
                wire.send(each, ACK)
            for remove in (["-C"], ["-D -t V4:80"], ["-d -t V4:80 -r R4:80",
                                                     "-d -t V4:80 -r SPARE:80"]):
                for line in remove:
                    ok(not call(line)[0], "ipvsadm %s" % line)
                ok("->" not in call("-L -n")[1].split("ActiveConn")[1],
                   "no server is listed")
                before = net.drops_of("server-held")
                wire.tap.send(wire.frame(flows[0], ACK))
                ok(until(lambda start=before: net.drops_of("server-held") > start),
                   "a packet meanwhile is dropped and counted")
                for line in lines[len(remove) - 1 and 1:]:
                    ok(not call(line)[0], "ipvsadm %s" % line)
                ok([wire.send(each, ACK) for each in flows] == chosen,
                   "after %s and adding again, each connection goes on" %
                   ", ".join(remove))
            with net.within("director"):
                net.write("/proc/sys/net/ipv4/vs/expire_nodest_conn", "1")
            call("-C")
            for line in lines:
                call(line)
            call("-D -t V4:80")
            held = net.drops_of("server-held")
            ok(wire.send(flow(80, 20)) is not None and
               net.drops_of("server-held") == held,
               "expire_nodest_conn=1: nothing is held")
        finally:
            wire.close()


MARKED = ["-A -t V4:80 -s rr", "-a -t V4:80 -r R4:80 -g", "-A -t V4:81 -s rr",
          "-a -t V4:81 -r R4:81 -g", "-A -f 7 -s rr", "-a -f 7 -r SPARE:0 -g"]

NFT = """
table ip marks {
        chain prerouting {
                type filter hook prerouting priority mangle
                ip daddr %s tcp dport 80 meta mark set 7
        }
}
""" % V4


def marked(wire, port):
    """(server of an unmarked connection, server of a marked one)"""
    for line in MARKED:
        call(line)
    try:
        plain = wire.send(flow(port, 1))
        with net.within("director"):
            subprocess.run(["nft", "-f", "-"], input=NFT, text=True, check=True)
        fates = [plain, wire.send(flow(port, 1), ACK), wire.send(flow(port, 2)),
                 wire.send(flow(port, 2), ACK), wire.send(flow(port + 1, 3))]
        net.run("ip", "netns", "exec", "director", "nft", "delete", "table", "ip",
                "marks")
        return fates
    finally:
        call("-C")


def held_marks(wire):
    """What is held matches last, with marks as without; a simulation knows that."""
    for line in MARKED:
        call(line)
    with net.within("director"):
        director = genl.Director()

    def trace():
        found = director.trace(flow(80, 20).client, V4, 80, cport=3020, mark=7)
        return found.get("server"), found.get("reason")
    with net.within("director"):
        subprocess.run(["nft", "-f", "-"], input=NFT, text=True, check=True)
    ok(wire.send(flow(80, 11)) == 1 and trace() == (SPARE, None),
       "a marked connection", trace())
    call("-D -f 7")
    ok(wire.send(flow(80, 12)) == 0 and trace() == (R4, None),
       "the service of the mark is held: the service of the address", trace())
    call("-D -t V4:80")
    before = net.drops_of("server-held")
    wire.tap.send(wire.frame(flow(80, 13), SYN))
    ok(until(lambda: net.drops_of("server-held") > before) and
       trace() == (None, "server-held"), "both are held: dropped", trace())
    call("-A -f 7 -s rr")
    call("-a -f 7 -r SPARE:0 -g")
    ok(wire.send(flow(80, 13)) == 1 and wire.send(flow(81, 14)) == 0,
       "the service of the mark is back")
    director.close()
    net.run("ip", "netns", "exec", "director", "nft", "delete", "table", "ip", "marks")
    call("-C")


@only("uml")
def test_marks():
    """A fwmark service comes before the service of the address."""
    wire = Wire()
    try:
        Ipvs()
        call("-C")
        theirs = marked(wire, 80)
        with Loaded():
            ours = marked(wire, 80)
            held_marks(wire)
        ok(theirs[2:] == [1, 1, 0] and ours[2:] == [1, 1, 0],
           "a marked connection goes to the mark's server, others by their address",
           "ip_vs: %s, lbdr: %s" % (theirs, ours))
        ok(ours[:2] == [0, 0], "a connection that exists stays where it is", ours)
    finally:
        wire.close()


def totals():
    """The five counters of /proc/net/ip_vs_stats, and the five rates."""
    lines = read("ip_vs_stats").splitlines()
    return [[int(word, 16) for word in lines[at].split()] for at in (2, 5)]


def busy(wire, sent):
    """What ipvsadm lists after traffic, and the totals."""
    call("-Z")
    for line in tool.TRAFFIC:
        call(line)
    fates = [wire.send(each, flags) for each, flags in sent]
    ok(set(fates) == {0}, "%d frames go to their servers" % len(sent), fates)
    # ip_vs sums its counters up every two seconds.
    until(lambda: totals()[0][1] == len(sent), 10)
    return {line: call(line)[1] for line in tool.BUSY}, totals()[0]


@only("uml")
def test_traffic():
    """The same frames leave the same counters and connections."""
    wire = Wire()
    try:
        sent = list(tool.frames())
        Ipvs()
        call("-C")
        theirs, before = busy(wire, sent)
        with Loaded():
            ours, after = busy(wire, sent)
            for line in tool.BUSY:
                if line in ("-Lnc", "-Lc"):
                    wrong = tool.same_conns(theirs[line], ours[line])
                else:
                    wrong = tool.differences(line, theirs[line], ours[line])
                ok(not wrong and ours[line].count("\n") > 3,
                   "ipvsadm %s: as with ip_vs, after traffic" % line, wrong)
            ok(before == after and after[1] == len(sent),
               "/proc/net/ip_vs_stats: as with ip_vs, after traffic",
               "ip_vs: %s, lbdr: %s" % (before, after))
            call("-D -t V4:80")
            ok(totals()[0] == after, "a removed service stays in the totals")
            call("-Z")
            ok(totals()[0] == [0] * 5, "-Z clears them")
    finally:
        wire.close()


@only("uml")
def test_rates():
    """Rates rise with traffic and fall without."""
    with Loaded():
        wire = Wire()
        try:
            for line in tool.TRAFFIC:
                call(line)
            dns = Service(4, "udp", V4, 53)
            each = Flow(dns, client(dns, 1), 4000)

            def risen():
                wire.send(each, 0)
                return totals()[1][1] > 0
            ok(until(risen, 60), "packets each second are counted", totals())
            ok("UDP  %s:53" % V4 in call("-L -n --rate")[1], "and listed")
            ok(until(lambda: totals()[1][:2] == [0, 0], 180),
               "without traffic the rates fall to 0", totals())
        finally:
            wire.close()


# Numbers of <linux/ip_vs.h>
(NEW_SERVICE, SET_SERVICE, DEL_SERVICE, GET_SERVICE, NEW_DEST, SET_DEST, DEL_DEST,
 GET_DEST, NEW_DAEMON, DEL_DAEMON, GET_DAEMON, SET_CONFIG, GET_CONFIG, SET_INFO,
 GET_INFO, ZERO, FLUSH) = range(1, 18)
SERVICE, DEST, DAEMON, TCP_TIMEOUT, FIN_TIMEOUT, UDP_TIMEOUT = range(1, 7)
(AF, PROTOCOL, ADDR, PORT, FWMARK, SCHED, FLAGS, TIMEOUT, NETMASK, STATS, PE,
 STATS64) = range(1, 13)
(D_ADDR, D_PORT, FWD, WEIGHT, UPPER, LOWER, ACTIVE, INACT, PERSIST, D_STATS,
 D_AF, D_STATS64, TUN_TYPE, TUN_PORT, TUN_FLAGS) = range(1, 16)
IPIP, GUE, GRE = range(3)
CSUM, REMCSUM = 1, 2


def u16(kind, value):
    return genl.attr(kind, struct.pack("=H", value))


def packed(address):
    return socket.inet_pton(socket.AF_INET6 if ":" in address else socket.AF_INET,
                            address)


def key(address=V4, port=80, protocol=6, long=False):
    data = packed(address)
    return u16(AF, 10 if ":" in address else 2) + u16(PROTOCOL, protocol) + \
        genl.attr(ADDR, data.ljust(16, b"\0") if long else data) + \
        genl.be16(PORT, port)


def whole(sched=b"rr", flags=(0, 0xffffffff), timeout=0, netmask=0xffffffff):
    return genl.attr(SCHED, sched + b"\0") + \
        genl.attr(FLAGS, struct.pack("=II", *flags)) + genl.u32(TIMEOUT, timeout) + \
        genl.u32(NETMASK, netmask)


def server(address=R4, port=80, fwd=3, weight=1, upper=0, lower=0, af=None):
    body = genl.attr(D_ADDR, packed(address).ljust(16, b"\0")) + \
        genl.be16(D_PORT, port) + genl.u32(FWD, fwd) + genl.u32(WEIGHT, weight) + \
        genl.u32(UPPER, upper) + genl.u32(LOWER, lower)
    return body + (u16(D_AF, af) if af else b"")


def tunnel(kind, port=None, flags=0):
    body = genl.u8(TUN_TYPE, kind) + u16(TUN_FLAGS, flags)
    return body if port is None else body + genl.be16(TUN_PORT, port)


def service(*parts, flag=0):
    return genl.attr(SERVICE | flag, b"".join(parts))


def dest(*parts, flag=0):
    return genl.attr(DEST | flag, b"".join(parts))


PORTED = "192.168.1.78"
# (command, body, errno or 0): in this order.
MESSAGES = (
    ("no attribute", NEW_SERVICE, b"", errno.EINVAL),
    ("an empty service", NEW_SERVICE, service(), errno.EINVAL),
    ("a key alone", NEW_SERVICE, service(key()), errno.EINVAL),
    ("no address", NEW_SERVICE, service(u16(AF, 2), whole()), errno.EINVAL),
    ("another family", NEW_SERVICE,
     service(u16(AF, 7), u16(PROTOCOL, 6), genl.attr(ADDR, b"\1" * 4),
             genl.be16(PORT, 80), whole()), errno.EAFNOSUPPORT),
    ("a nest without the flag, 4 bytes", NEW_SERVICE, service(key(), whole()), 0),
    ("the same again", NEW_SERVICE, service(key(long=True), whole(),
                                            flag=genl.NESTED), errno.EEXIST),
    ("an unknown scheduler of one that exists", NEW_SERVICE,
     service(key(), whole(b"nosuch")), errno.EEXIST),
    ("an unknown scheduler", NEW_SERVICE, service(key(port=81), whole(b"nosuch")),
     errno.ENOENT),
    ("Swarm's netmask 0", NEW_SERVICE, service(key(port=82), whole(netmask=0)), 0),
    ("a persistent netmask of 0", NEW_SERVICE,
     service(key(port=83), whole(flags=(1, 0xffffffff), timeout=9, netmask=0)),
     errno.EINVAL),
    ("a netmask with a hole", NEW_SERVICE,
     service(key(port=83), whole(flags=(1, 0xffffffff), timeout=9,
                                 netmask=0x00ff00ff)), errno.EINVAL),
    ("an IPv6 prefix of 129", NEW_SERVICE, service(key(V6), whole(netmask=129)),
     errno.EINVAL),
    ("IPv6", NEW_SERVICE, service(key(V6), whole(netmask=128)), 0),
    ("an attribute from the future", NEW_SERVICE,
     service(key(port=84), whole(), genl.u32(77, 1)) + genl.u32(99, 1), 0),
    ("a change of a missing one", SET_SERVICE, service(key(port=99), whole()),
     errno.ESRCH),
    ("a change to an unknown scheduler", SET_SERVICE,
     service(key(), whole(b"nosuch")), errno.ENOENT),
    ("a fwmark", NEW_SERVICE, service(u16(AF, 2), genl.u32(FWMARK, 5), whole()), 0),
    ("a server of a missing service", NEW_DEST, service(key(port=99)) +
     dest(server()), errno.ESRCH),
    ("no server", NEW_DEST, service(key()), errno.EINVAL),
    ("an empty server", NEW_DEST, service(key()) + dest(), errno.EINVAL),
    ("NAT", NEW_DEST, service(key()) + dest(server(fwd=0)), errno.EOPNOTSUPP),
    ("a negative weight", NEW_DEST, service(key()) +
     dest(server(weight=0xffffffff)), errno.ERANGE),
    ("thresholds in the wrong order", NEW_DEST, service(key()) +
     dest(server(upper=1, lower=2)), errno.ERANGE),
    ("another family than the service's", NEW_DEST, service(key()) +
     dest(server(R6, af=10)), errno.EINVAL),
    ("a multicast server", NEW_DEST, service(key()) + dest(server("224.0.0.9")),
     errno.EINVAL),
    ("a server", NEW_DEST, service(key()) + dest(server(af=2)), 0),
    ("the same server", NEW_DEST, service(key()) + dest(server()), errno.EEXIST),
    ("a local one", NEW_DEST, service(key()) + dest(server(SPARE, fwd=1)), 0),
    ("a change of a missing server", SET_DEST, service(key()) +
     dest(server("192.168.1.77")), errno.ENOENT),
    ("removal of a missing server", DEL_DEST, service(key()) +
     dest(server("192.168.1.77")), errno.ENOENT),
    # moby and kube-router give servers ports of their own, and compare them.
    ("a port of the server's own", NEW_DEST, service(key()) +
     dest(server(PORTED, port=5000)), 0),
    ("the same address with another port", NEW_DEST, service(key()) +
     dest(server(PORTED, port=5001)), errno.EEXIST),
    ("a change by another port", SET_DEST, service(key()) + dest(server(PORTED)),
     errno.ENOENT),
    ("a change by its port", SET_DEST, service(key()) +
     dest(server(PORTED, port=5000, weight=4)), 0),
    ("removal by another port", DEL_DEST, service(key()) + dest(server(PORTED)),
     errno.ENOENT),
    # ip_vs takes the service's family for it.
    ("a server of family 0", NEW_DEST, service(key()) +
     dest(server("192.168.1.79"), u16(D_AF, 0)), 0),
    ("its removal", DEL_DEST, service(key()) +
     dest(server("192.168.1.79"), u16(D_AF, 0)), 0),
    ("a tunnel of no type", NEW_DEST, service(key()) +
     dest(server(T4, fwd=2), tunnel(3)), errno.EINVAL),
    ("gue without a port", NEW_DEST, service(key()) +
     dest(server(T4, fwd=2), tunnel(GUE, 0)), errno.EINVAL),
    ("gue with remcsum", NEW_DEST, service(key()) +
     dest(server(T4, fwd=2), tunnel(GUE, 6080, REMCSUM)), errno.EOPNOTSUPP),
    ("a tunnel to a service's address", NEW_DEST, service(key()) +
     dest(server(V6, fwd=2, af=10)), errno.EINVAL),
    ("a tunnel of the other family", NEW_DEST, service(key()) +
     dest(server(T6, fwd=2, af=10), tunnel(GRE, 0, CSUM)), 0),
    ("a change of that to direct routing", SET_DEST, service(key()) +
     dest(server(T6, fwd=3, af=10)), errno.EINVAL),
    ("a change of its type", SET_DEST, service(key()) +
     dest(server(T6, fwd=2, af=10), tunnel(GUE, 6080, CSUM)), 0),
    ("a service at its address", NEW_SERVICE, service(key(T6), whole(netmask=128)),
     errno.EINVAL),
    ("a tunnel to this host", NEW_DEST, service(key()) +
     dest(server("192.168.1.70", fwd=2)), 0),
    ("timeouts too long", SET_CONFIG, genl.u32(TCP_TIMEOUT, 1 << 31), errno.EINVAL),
    ("timeouts of 0", SET_CONFIG, genl.u32(TCP_TIMEOUT, 0), 0),
    ("servers without a dump", GET_DEST, service(key()), errno.EOPNOTSUPP),
    ("a daemon of no state", NEW_DAEMON, genl.attr(DAEMON, b""), errno.EINVAL),
    ("stopping a daemon of no state", DEL_DAEMON, genl.attr(DAEMON, b""),
     errno.EINVAL),
    ("removal with SCHED empty", DEL_SERVICE,
     service(key(port=82), genl.attr(SCHED, b"\0")), 0),
    ("removal again", DEL_SERVICE, service(key(port=82)), errno.ESRCH),
    ("counters of a missing service", ZERO, service(key(port=82)), errno.ESRCH),
    ("all counters", ZERO, b"", 0),
)


def asked(sock, command, body):
    try:
        sock.ask(sock.family, command, body)
    except genl.Refused as refused:
        return refused.code
    return 0


def test_messages():
    """Messages as moby, kube-proxy, seesaw and others form them."""
    with Loaded():
        with net.within("director"):
            sock = genl.Genl(name=b"IPVS")
        for what, command, body, code in MESSAGES:
            got = asked(sock, command, body)
            ok(got == code, "%s: %s" % (what, errno.errorcode.get(code, "taken")),
               errno.errorcode.get(got, got))
        # moby asks for all services with an empty one, and for the servers of one.
        listed = sock.ask(sock.family, GET_SERVICE, service(), genl.F_DUMP)
        services = [dict(genl.parse(dict(genl.parse(each))[SERVICE]))
                    for each in listed]
        ok(len(services) == 4 and not sock.torn, "a dump with an empty service: all",
           len(services))
        ok(FWMARK in services[-1] and not {PROTOCOL, ADDR, PORT} & set(services[-1]),
           "a fwmark comes last, and has no address", services[-1])
        first = services[0]
        ok(len(first[ADDR]) == 16 and struct.unpack("=II", first[FLAGS]) ==
           (2, 0xffffffff) and first[SCHED] == b"rr\0", "a service as it was given",
           first)
        ok([kind for kind, _ in genl.parse(first[STATS])] == list(range(1, 11)) and
           set(kind for kind, _ in genl.parse(first[STATS64])) >= set(range(1, 11)),
           "ten counters in both forms")
        raw = listed[0]
        ok(struct.unpack("=HH", raw[:4])[1] == SERVICE, "replies have no nested flag")
        servers = sock.ask(sock.family, GET_DEST, service(key()), genl.F_DUMP)
        ok(len(servers) == 5, "a dump of servers", len(servers))
        rows = [dict(genl.parse(dict(genl.parse(each))[DEST])) for each in servers]
        fields, _, ported, tunneled, local = rows
        ok(ported[D_PORT] == struct.pack(">H", 5000) and
           struct.unpack("=I", ported[WEIGHT])[0] == 4,
           "a server with a port of its own", ported)
        ok(tunneled[FWD] == struct.pack("=I", 2) and tunneled[TUN_TYPE][0] == GUE and
           tunneled[TUN_PORT] == struct.pack(">H", 6080) and
           tunneled[TUN_FLAGS] == struct.pack("=H", CSUM) and
           tunneled[D_AF] == struct.pack("=H", 10) and tunneled[D_ADDR] == packed(T6),
           "a tunnel as it was given", tunneled)
        ok(local[FWD] == struct.pack("=I", 3), "without a tunnel to this host", local)
        ok(len(fields[D_ADDR]) == 16 and fields[D_PORT] == b"\0\x50" and
           struct.unpack("=I", fields[FWD])[0] == 3 and
           struct.unpack("=H", fields[D_AF])[0] == 2, "a server as it was given",
           fields)
        ok(sock.ask(sock.family, GET_DEST, service(key(port=99)), genl.F_DUMP) == [],
           "servers of a missing service: an empty dump")
        one = sock.ask(sock.family, GET_SERVICE, service(key()))
        ok(len(one) == 1, "one service")
        ok(asked(sock, GET_SERVICE, service(key(port=99))) == errno.ESRCH,
           "a missing service: ESRCH")
        info = dict(genl.parse(sock.ask(sock.family, GET_INFO)[0]))
        ok(struct.unpack("=I", info[1])[0] == 0x010201, "the version is 1.2.1")
        ok(asked(sock, FLUSH, b"") == 0 and
           not sock.ask(sock.family, GET_SERVICE, b"", genl.F_DUMP), "flushed")
        heard = told(sock)
        ok(heard == [genl.SERVICE_NEW_NTF, genl.SERVICE_SET_NTF, genl.SERVER_NEW_NTF,
                     genl.SERVER_SET_NTF, genl.SERVER_DEL_NTF, genl.SERVICE_DEL_NTF],
           "each change is told to those who listen to family lbdr", heard)
        sock.close()


def told(sock):
    """What listeners of family lbdr are told of changes by family IPVS."""
    with net.within("director"):
        ear = genl.Genl()
    ear.listen()
    heard = []
    for command, body in (
            (NEW_SERVICE, service(key(), whole())),
            (SET_SERVICE, service(key(), whole(b"wrr"))),
            (NEW_DEST, service(key()) + dest(server())),
            (SET_DEST, service(key()) + dest(server(weight=5))),
            (DEL_DEST, service(key()) + dest(server())),
            (DEL_SERVICE, service(key()))):
        sock.ask(sock.family, command, body)
        heard += [data[0] for _, _, _, data in ear.receive()]
    ear.close()
    return heard


@only("uml")
def test_native():
    """What IPVS has no form for is neither listed nor flushed by its clients."""
    with Loaded():
        net.lbctl("add-service", "-t", V4 + ":100-200")
        net.lbctl("add-service", "-t", V4 + ":80")
        out = call("-L -n")[1]
        ok(":80 " in out and "100" not in out.split("ActiveConn")[1],
           "a range of ports is not listed", out)
        call("-C")
        out = net.lbctl("list", "-n").stdout
        ok("100-200" in out and V4 + ":80" not in out,
           "-C removes what it lists, and nothing else", out)


@only("uml")
def test_changes():
    """A dump of many services while others change them."""
    with Loaded():
        lines = "".join("-A -t %s:%d -s rr\n" % (V4, 1000 + n) for n in range(500))
        with net.within("director"):
            call_stock(["ipvsadm", "-R"], lines)
            loop = subprocess.Popen(["sh", "-c", """
                while :; do
                        ipvsadm -A -t %s:999 -s rr
                        ipvsadm -D -t %s:999
                done""" % (V4, V4)])
        try:
            wrong = [done for done in (call("-L -n") for _ in range(5))
                     if done[0] or done[2] or done[1].count("TCP") < 499]
        finally:
            loop.terminate()
            loop.wait()
        ok(not wrong, "ipvsadm -L sees no error while services change",
           wrong and wrong[0][2])


if __name__ == "__main__":
    ipvs.main(globals())
