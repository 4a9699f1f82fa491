#!/usr/bin/python3 -B
# SPDX-License-Identifier: GPL-2.0
"""`lbctl doctor` and `lbctl setup-realserver`. Faults are planted, several at a
time that have nothing to do with each other; exactly their lines are to appear.
The commands of the lines are run as they are printed, and the next doctor is to
find nothing."""
import json
import os
import subprocess

import genl
import net
from net import LBCTL, VIP, addr, batch, ip, lbctl, ok, only, run, within, write
from servers import which
from test_entry import nft

ARP = "/proc/sys/net/ipv4/conf/%s/%s"
HEALTHY = {"version", "ip_vs", "lro", "rp_filter", "hook", "rules", "vip", "arp",
           "on-link", "neighbour", "mtu"}
# What is printed is to be run by whoever has the tool on the path.
os.environ["PATH"] = os.path.dirname(LBCTL) + ":" + os.environ["PATH"]
MENDED = "what they print is run as it is, and the next doctor finds nothing"


class Look:
    """One run of the doctor, of the real server's kind with VIPs."""

    def __init__(self, *vips, host="director", more=()):
        words = ["doctor", *more, *(["--realserver", *vips] if vips else [])]
        done = run(LBCTL, "-N", host, *words, "-j", check=False)
        self.status, self.stderr = done.returncode, done.stderr
        self.rows = json.loads(done.stdout or "[]")
        self.faults = [row for row in self.rows if row["level"] != "ok"]

    def lines(self):
        """What was found, as what a test expects."""
        return sorted((row["level"], row["check"], row["vip"] or row["server"])
                      for row in self.faults)

    def well(self):
        return self.status == 0 and self.rows and not self.faults

    def __str__(self):
        return "%s\n%s" % (self.status, "\n".join(map(str, self.faults)) or
                           self.stderr)


def named(address):
    """The host that has an address of the reference deployment."""
    return [host for host in net.HOSTS if address in (addr(host), addr(host, 6))][0]


def mend(look):
    """Run every command, on the host that it is for; what went wrong."""
    wrong = []
    for row in look.faults:
        where = ["ip", "netns", "exec", named(row["on"])] if row["on"] else []
        done = subprocess.run([*where, "sh", "-c", row["command"] or "false"],
                              capture_output=True, text=True)
        if done.returncode:
            wrong.append((row["command"], done.stderr))
    return wrong


def mended(what, look, *lines):
    """Just these faults are found, and mended; the doctor's last word."""
    status = 4 if any(line[0] == "problem" for line in lines) else 0
    ok(look.lines() == sorted(lines) and look.status == status,
       what + ": just that is found, and the status tells", look)
    wrong, after = mend(look), Look()
    ok(not wrong and after.well(), what + ": " + MENDED, "%s\n%s" % (wrong, after))
    return after


def by_ipvs(*words):
    return run("ip", "netns", "exec", "director", "ipvsadm", *words)


def deploy():
    with within("director"):
        director = genl.Director()
    director.clear()
    for version in (4, 6):
        director.add(genl.key(VIP[version], 80),
                     [addr(host, version) for host in "ab"], sched="rr")
    director.close()


def test_healthy():
    deploy()
    which(4)
    look = Look()
    checks = {row["check"] for row in look.rows}
    ok(look.well() and checks == HEALTHY, "a healthy deployment is well, with every "
       "check made", "%s\n%s" % (look, checks ^ HEALTHY))
    seen = sorted((row["check"], row["vip"] or row["server"]) for row in look.rows
                  if row["check"] in ("vip", "arp", "on-link", "neighbour", "mtu"))
    servers = [addr(host, version) for host in "ab" for version in (4, 6)]
    want = sorted([(check, vip) for check in ("vip", "arp") for vip in VIP.values()] +
                  [(check, server) for check in ("on-link", "neighbour", "mtu")
                   for server in servers])
    ok(seen == want, "each VIP and each server is checked once", seen)
    ages = [row["finding"] for row in look.rows if row["check"] == "neighbour"]
    ok(any("confirmed" in text and " s ago" in text for text in ages),
       "a neighbour's age is told", ages)
    one = [row for row in look.rows if row["check"] != "hook" and
           all(":" not in (row[key] or "") for key in ("vip", "server"))]
    lines = lbctl("doctor", "-t", VIP[4] + ":80").stdout.splitlines()
    lines = [line for line in lines if line.split()[1] != "hook"]
    ok(lines[-1] == "All is well." and [line.split()[:2] for line in lines[:-1]] ==
       [[row["level"], row["check"]] for row in one], "as text it is a line for each "
       "check; with a service, of that one alone", lines)


def by_iptables(*words):
    return run("ip", "netns", "exec", "director", "iptables", *words)


@only("trixie", "uml")
def test_all_at_once():
    """The VIP of IPv4 is missing here. The server a answers for both VIPs, without
    the ARP settings and with one on its NIC; its route has a small MTU. The
    neighbour table has a wrong MAC of b, whose route of IPv6 leads by a router. One
    more server is elsewhere. ip_vs has the same services. In raw, nft drops the one
    VIP and iptables the other, beside a guard."""
    deploy()
    with within("a"):
        write(ARP % ("all", "arp_ignore"), "0")
    batch("a", ["addr add %s/128 dev eth0 nodad" % VIP[6]])
    batch("director", ["addr del %s/32 dev eth0" % VIP[4],
                       "route add %s/32 dev eth0 mtu 1400" % addr("a"),
                       "neigh replace %s lladdr 02:00:00:00:00:01 dev eth0 nud "
                       "permanent" % addr("b"),
                       "route add %s/128 via fe80::101 dev eth0" % addr("b", 6)])
    lbctl("add-server", "-t", VIP[4] + ":80", "-r", "10.77.0.1")
    run("modprobe", "ip_vs")
    for service in (VIP[4] + ":80", "[%s]:80" % VIP[6], VIP[4] + ":81"):
        by_ipvs("-A", "-t", service)
    nft("""
table inet guard {
	chain raw {
		type filter hook prerouting priority raw
		ip6 daddr %s tcp dport { 22, 80 } counter drop
		ip daddr %s ip saddr 198.51.100.0/24 drop
	}
}""" % (VIP[6], VIP[4]))
    for address in ("198.51.100.1", VIP[4]):
        by_iptables("-t", "raw", "-A", "PREROUTING", "-d", address, "-j", "DROP")
    look = Look()
    thieves = [row for row in look.faults if row["check"] == "arp"]
    ok([row["on"] for row in thieves] == [addr("a"), addr("a", 6)] and
       all(net.mac("a").hex(":") in row["finding"] for row in thieves),
       "who answers for a VIP is named by its MAC and as the server that it is", look)
    words = [row["command"] for row in look.faults
             if (row["check"], row["vip"]) == ("rules", VIP[4])]
    ok(words == ["ip netns exec director iptables -t raw -D PREROUTING 2"],
       "a rule of iptables is mended by iptables", look)
    look = mended("many things at once", look, ("problem", "vip", VIP[4]),
                  ("problem", "arp", VIP[4]), ("problem", "arp", VIP[6]),
                  ("warning", "mtu", addr("a")), ("problem", "neighbour", addr("b")),
                  ("problem", "on-link", addr("b", 6)),
                  ("problem", "on-link", VIP[4]), ("warning", "ip_vs", VIP[4]),
                  ("warning", "ip_vs", VIP[6]), ("problem", "rules", VIP[4]),
                  ("problem", "rules", VIP[6]))
    some = [row["finding"] for row in look.rows
            if row["check"] == "rules" and row["vip"] == VIP[4]]
    ok(len(some) == 1 and "some packets" in some[0], "a guard that drops some packets "
       "of a VIP is told of, and is well", some)
    by_ipvs("-C")
    nft("delete table inet guard")
    nft("delete table ip raw")
    batch("director", ["route del %s/128 dev eth0" % addr("b", 6),
                       "route del %s/32 dev eth0" % addr("a")])


@only("bookworm", "backports")
def test_thief():
    """A server without the ARP settings, as every kernel has it."""
    deploy()
    with within("a"):
        write(ARP % ("all", "arp_ignore"), "0")
    mended("a real server lacks the ARP settings", Look(), ("problem", "arp", VIP[4]))


@only("trixie", "uml")
def test_input():
    """What INPUT does not do, and what it does when lbdr stands there; and a device
    with a larger MTU that clients come by."""
    deploy()
    batch("director", ["link add wide mtu 2000 type veth peer name other mtu 2000",
                       "link set wide up", "addr add 203.0.113.9/32 dev wide"])
    lbctl("add-service", "-u", "203.0.113.9:80")
    lbctl("add-server", "-u", "203.0.113.9:80", "-r", addr("a"))
    nft("""
table ip filter {
	chain in {
		type filter hook input priority filter; policy drop
		ct state established,related accept
		iifname lo accept
		udp dport 80 drop
	}
}
table ip6 filter {
	chain in {
		type filter hook input priority filter
		ip6 daddr %s ip6 saddr 2001:db8:bad::/48 drop
	}
}""" % VIP[6])
    mended("a policy of INPUT that drops, a rule there that names a VIP, one that drops "
           "a whole service, and an MTU that is larger", Look(),
           ("warning", "input", VIP[4]), ("warning", "input", VIP[6]),
           ("warning", "input", "203.0.113.9"), ("warning", "mtu", addr("a")))
    entry = json.loads(lbctl("list", "--info", "-j").stdout)[0]["entry"]
    ok(entry == "input" and which(4) and which(6), "by that the entry is input now, "
       "and the services still serve", entry)
    nft("add rule ip6 filter in ip6 daddr %s drop" % VIP[6])
    ip("director", "link", "del", "wide")
    lbctl("del-service", "-u", "203.0.113.9:80")
    ip("director", "link", "set", "eth0", "mtu", "1500")
    batch("director", ["link add out type veth peer name other", "link set out up",
                       "addr add 10.9.0.1/24 dev out",
                       "route add default via 10.9.0.2 dev out"])
    with within("director"):
        write(ARP % ("eth0", "rp_filter"), "1")
        write(ARP % ("all", "rp_filter"), "0")
    mended("at input a rule there drops a VIP, and rp_filter drops clients", Look(),
           ("problem", "rules", VIP[6]), ("problem", "rp_filter", None))
    ip("director", "link", "del", "out")
    lbctl("clear")
    lbctl("set-entry", "ingress", "eth0")
    told = [row["finding"] for row in Look().rows if row["check"] == "hook"]
    ok(any("rules at raw do not apply" in text for text in told),
       "at ingress it says that raw does not apply", told)
    lbctl("set-entry", "prerouting")
    words = ("add-service", "-t", VIP[4] + ":81")
    first = lbctl(*words)
    again = lbctl("add-service", "-t", VIP[4] + ":82")
    ok("warning" in first.stderr and "ip filter in" in first.stderr and
       not again.stderr, "add-service warns of INPUT, once",
       (first.stderr, again.stderr))
    for verb in ("restore", "apply"):
        lbctl("clear")
        done = subprocess.run([net.LBCTL, "-N", "director", verb], check=True,
                              text=True, capture_output=True,
                              input="-A -t %s:81\n-A -t %s:82\n" % (VIP[4], VIP[4]))
        ok(done.stderr.count("warning") == 1 and "ip filter in" in done.stderr,
           "so does %s, once for a file" % verb, done.stderr)
    nft("delete table ip filter")
    nft("delete table ip6 filter")
    lbctl("clear")
    ok(not lbctl(*words).stderr, "and does not without such rules")


@only("trixie", "uml")
def test_down():
    """A server that is down."""
    deploy()
    ip("b", "link", "set", "eth0", "down")
    look = Look()
    want = [("problem", "neighbour", VIP[4]), ("problem", "neighbour", VIP[6])]
    ok(look.lines() == want and look.status == 4, "a server is down: just that is "
       "found", look)
    wrong, look = mend(look), Look()
    ok(not wrong and look.status == 0 and look.lines() ==
       [("warning",) + line[1:] for line in want], "what it prints keeps clients "
       "from it, and makes it a warning", look)
    ip("b", "link", "set", "eth0", "up")
    net.address("b")


def test_lro():
    """Without services, for with them the module has it off at once."""
    lbctl("clear")
    ip("director", "link", "add", "bond7", "type", "bond")
    ip("director", "link", "set", "bond7", "up")
    run("ip", "netns", "exec", "director", "ethtool", "-K", "bond7", "lro", "on")
    look = Look()
    ok(look.lines() == [("warning", "lro", None), ("warning", "services", None)] and
       look.status == 0, "LRO is on, and there is no service: just that is found",
       look)
    wrong, look = mend(look), Look()
    ok(not wrong and look.lines() == [("warning", "services", None)],
       "what it prints ends LRO", "%s\n%s" % (wrong, look))
    ip("director", "link", "del", "bond7")
    # Its list of bonds looks like one more device.
    run("modprobe", "-r", "bonding")


def own(host, *words, check=False):
    return run(LBCTL, "-N", host, *words, check=check)


def test_realserver():
    deploy()
    vips = [VIP[4], VIP[6]]
    ok(Look(*vips, host="a").well(), "a real server is well")
    done = own("a", "setup-realserver", *vips)
    ok(done.returncode == 0 and done.stdout.startswith("\nTo have it back"),
       "setup-realserver changes nothing where all is set", done.stdout)
    done = own("a", "setup-realserver", *vips, "--undo")
    with within("a"):
        values = [open(ARP % ("all", name)).read().strip()
                  for name in ("arp_ignore", "arp_announce")]
    left = run("ip", "-n", "a", "addr", "show", "lo").stdout
    ok(done.returncode == 0 and values == ["0", "0"] and
       not any(vip in left for vip in vips), "--undo takes VIPs and settings away",
       (done, values, left))
    again = own("a", "setup-realserver", *vips, "--undo")
    ok(again.returncode == 0 and not again.stdout, "and nothing when there is nothing",
       again)
    look = Look(*vips, host="a")
    want = [("problem", "arp_announce", None), ("problem", "arp_ignore", None),
            ("problem", "vip", VIP[4]), ("problem", "vip", VIP[6])]
    ok(look.lines() == want and look.status == 4, "doctor --realserver finds what is "
       "missing", look)
    ok(not mend(look) and Look(*vips, host="a").well() and
       {which(4) for _ in range(2)} == {"a", "b"} == {which(6) for _ in range(2)},
       "what it prints makes it a real server again, that serves", look)
    # As a user would have it who knows no better; lo with a network.
    batch("a", ["addr del %s/32 dev lo" % VIP[4], "addr del %s/128 dev lo" % VIP[6],
                "addr add %s/24 dev eth0" % VIP[4],
                "addr add %s/64 dev eth0 nodad" % VIP[6]])
    with within("a"):
        for name in ("arp_ignore", "arp_announce"):
            write(ARP % ("all", name), "0")
    done = own("a", "setup-realserver", *vips)
    ok(done.returncode == 0 and Look(*vips, host="a").well() and Look().well(),
       "VIPs on the NIC are moved to lo, and the settings are set", done)
    batch("a", ["addr del %s/32 dev lo" % VIP[4], "addr add %s/24 dev lo" % VIP[4]])
    with within("a"):
        write(ARP % ("eth0", "arp_ignore"), "3")
        for name in ("proxy_ndp", "forwarding"):
            write("/proc/sys/net/ipv6/conf/all/" + name, "1")
    ip("a", "neigh", "add", "proxy", VIP[6], "dev", "eth0")
    look = Look()
    ok(look.lines() == sorted(("problem", "arp", vip) for vip in vips), "the director "
       "hears an answer by scope, and that of a proxy for an address on lo", look)
    look = Look(*vips, host="a")
    want = [("problem", "arp_ignore", None), ("problem", "proxy", VIP[6]),
            ("problem", "vip", VIP[4]), ("problem", "vip", VIP[4])]
    ok(look.lines() == want, "a network on lo, a proxy, a NIC that answers by scope: "
       "just that is found", look)
    wrong, look = mend(look), Look(*vips, host="a")
    ok(not wrong and look.well(), "and mended", "%s\n%s" % (wrong, look))
    with within("a"):
        write(ARP % ("eth0", "arp_ignore"), "0")
        for name in ("proxy_ndp", "forwarding"):
            write("/proc/sys/net/ipv6/conf/all/" + name, "0")
    # The snippet for sysctl.d is what sysctl takes.
    done = own("b", "setup-realserver", VIP[4])
    lines = [line for line in done.stdout.splitlines() if line.startswith("net.")]
    with within("b"):
        write(ARP % ("all", "arp_ignore"), "0")
    took = subprocess.run(["ip", "netns", "exec", "b", "sysctl", "-p", "-"],
                          input="\n".join(lines), capture_output=True, text=True)
    ok(len(lines) == 2 and took.returncode == 0 and Look(*vips, host="b").well(),
       "sysctl takes what makes the settings last", (lines, took))


def test_refusals():
    deploy()
    for what, status, sentence, words in (
            ("on the director", 2, "is the director of",
             ("setup-realserver", VIP[4])),
            ("without a VIP", 1, "needs a VIP", ("setup-realserver",)),
            ("with a name", 1, "neither an IPv4", ("setup-realserver", "vip.test")),
            ("with 127.0.0.1", 2, "cannot be the address",
             ("setup-realserver", "127.0.0.1")),
            ("doctor with a VIP alone", 1, "--realserver", ("doctor", VIP[4])),
            ("doctor --realserver with a service", 1, "no services",
             ("doctor", "--realserver", VIP[4], "-t", VIP[4] + ":80"))):
        done = own("director", *words)
        ok(done.returncode == status and sentence in done.stderr,
           "refused in words: " + what, done)
    batch("client", ["addr add 10.5.0.1/24 dev eth0", "addr add 10.5.0.2/24 dev eth0"])
    done = own("client", "setup-realserver", "10.5.0.1")
    left = run("ip", "-n", "client", "addr").stdout
    ok(done.returncode == 2 and "cannot go alone" in done.stderr and
       "10.5.0.1/24" in left and "10.5.0.1/32" not in left, "an address that others "
       "hang on is not moved, and nothing is changed", (done, left))
    batch("client", ["addr del 10.5.0.1/24 dev eth0"])


def test_no_module():
    """The last of the tests."""
    lbctl("clear")
    net.until(lambda: run("rmmod", "lbdr", check=False).returncode == 0)
    look = Look()
    ok(look.lines() == [("problem", "version", None)] and look.status == 4 and
       look.rows[0]["command"].endswith("modprobe lbdr"), "the module is not loaded: "
       "that is said, with the command that loads it", look)
    done = own("a", "setup-realserver", VIP[4], VIP[6])
    ok(done.returncode == 0 and Look(VIP[4], VIP[6], host="a").well(),
       "a real server needs no module", done)
    run("insmod", os.environ["LBDR_KO"])


if __name__ == "__main__":
    net.main(globals())
