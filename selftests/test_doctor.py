#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0
"""`lbctl doctor` and `lbctl setup-realserver`, which run lbdr-doctor. Independent
faults are planted, several at a time; exactly their findings are expected. The fixes
are run as they are printed, and then the doctor finds nothing but what a test undoes
itself."""
import json
import os
import subprocess

import genl
import net
from net import LBCTL, VIP, addr, batch, ip, lbctl, ok, run, within, write
from servers import which
from test_entry import nft

ARP = "/proc/sys/net/ipv4/conf/%s/%s"
HEALTHY = {"version", "ip_vs", "connections", "vip", "arp", "on-link", "neighbour",
           "mtu"}
# What is printed is to be run by whoever has the tool on the path.
os.environ["PATH"] = os.path.dirname(LBCTL) + ":" + os.environ["PATH"]
FIXED = "the fixes are run as they are printed, and the next doctor finds nothing"


class Look:
    """One run of the doctor, of the real server's kind with VIPs."""

    def __init__(self, *vips, host="director"):
        words = ["doctor", "--verbose", *(["--realserver", *vips] if vips else [])]
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


def fix(look):
    """Run every fix, on the host that it is for; what failed. Nothing deletes."""
    wrong = []
    for row in look.faults:
        command = row["command"]
        if not command:
            continue
        where = ["ip", "netns", "exec", named(row["on"])] if row["on"] else []
        done = subprocess.run([*where, "sh", "-c", command], capture_output=True,
                              text=True)
        if done.returncode or "lbctl del-" in command or "delete" in command:
            wrong.append((command, done.stderr))
    return wrong


def found(what, look, *lines):
    """Exactly these faults are found."""
    status = 4 if any(line[0] == "problem" for line in lines) else 0
    ok(look.lines() == sorted(lines) and look.status == status,
       what + ": exactly that is found, with its status", look)


def fixed(what, look, *lines, left=()):
    """Exactly these faults are found, and fixed but for those that are left."""
    found(what, look, *lines)
    wrong, after = fix(look), Look()
    ok(not wrong and after.lines() == sorted(left), what + ": " + FIXED,
       "%s\n%s" % (wrong, after))
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
    text = lbctl("doctor").stdout
    ok(text == "No problems found.\n", "as text only problems are printed", text)
    text = lbctl("doctor", "-t", VIP[4] + ":80", "--verbose").stdout
    ok("server %s:\n" % addr("a") in text and VIP[6] not in text,
       "with a service, of that one only, grouped by host", text)


def by_iptables(*words):
    return run("ip", "netns", "exec", "director", "iptables", *words)


def test_all_at_once():
    """The server a answers for both VIPs, without the ARP settings and with one on its
    NIC; its route has a small MTU. The neighbour table has a wrong MAC of b, whose route
    of IPv6 leads by a router. One more server is elsewhere. ip_vs has services. In raw,
    nft drops the one VIP and iptables the other, beside a guard; a dormant table
    drops everything."""
    deploy()
    with within("a"):
        write(ARP % ("all", "arp_ignore"), "0")
    batch("a", ["addr add %s/128 dev eth0 nodad" % VIP[6]])
    batch("director", ["route add %s/32 dev eth0 mtu 1400" % addr("a"),
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
}
table inet asleep {
	flags dormant
	chain raw {
		type filter hook prerouting priority raw; policy drop
		drop
	}
}""" % (VIP[6], VIP[4]))
    listed = run("ip", "netns", "exec", "director", "nft", "-j", "list", "table", "inet",
                 "asleep").stdout
    if "dormant" not in listed:
        # Debian 12's; the check's own tests have such a table.
        print("skip - a dormant table: this nft does not list that as JSON")
        nft("delete table inet asleep; add table inet asleep")
    for address in ("198.51.100.1", VIP[4]):
        by_iptables("-t", "raw", "-A", "PREROUTING", "-d", address, "-j", "DROP")
    look = Look()
    answers = [row for row in look.faults if row["check"] == "arp"]
    ok([row["on"] for row in answers] == [addr("a"), addr("a", 6)] and
       all(net.mac("a").hex(":") in row["finding"] for row in answers),
       "a server that answers for a VIP is named, with its MAC", look)
    left = [("warning", "ip_vs", None), ("warning", "rules", None),
            ("warning", "rules", None), ("problem", "on-link", "10.77.0.1"),
            ("warning", "mtu", addr("a"))]
    look = fixed("many things at once", look, ("problem", "arp", VIP[4]),
                 ("problem", "arp", VIP[6]), ("problem", "neighbour", addr("b")),
                 ("problem", "on-link", addr("b", 6)), *left, left=left)
    rules = [row for row in look.rows if row["check"] == "rules"]
    ok(any("further conditions" in row["finding"] and row["level"] == "ok"
           for row in rules) and not any("asleep" in str(row) for row in rules),
       "a guard is listed with --verbose, a dormant table is not", rules)
    by_ipvs("-C")
    lbctl("del-server", "-t", VIP[4] + ":80", "-r", "10.77.0.1")
    nft("delete table inet guard")
    nft("delete table inet asleep")
    nft("delete table ip raw")
    batch("director", ["route del %s/128 dev eth0" % addr("b", 6),
                       "route del %s/32 dev eth0" % addr("a")])
    ok(Look().well(), "without them all is well", Look())


def test_standby():
    """A director without the VIP: nobody has it; another director has it; a real
    server answers for it. A second VIP is added only where nobody has it."""
    deploy()
    ip("director", "addr", "del", VIP[4] + "/32", "dev", "eth0")
    with within("a"):
        write(ARP % ("all", "arp_ignore"), "0")
    look = Look()
    found("a server answers for a missing VIP", look, ("problem", "vip", VIP[4]),
          ("problem", "arp", VIP[4]))
    ok(not any("addr add" in (row["command"] or "") for row in look.faults),
       "adding the VIP is not suggested then", look)
    with within("a"):
        write(ARP % ("all", "arp_ignore"), "1")
    ip("client", "addr", "add", VIP[4] + "/32", "dev", "eth0")
    look = Look()
    held = [row["finding"] for row in look.rows if row["check"] == "standby"]
    ok(look.well() and len(held) == 1 and net.mac("client").hex(":") in held[0],
       "with the VIP on another director, this one is a standby director", look)
    text = lbctl("doctor").stdout
    ok(text == "No problems found (standby director: another director holds 1 VIP).\n",
       "the last line says so", text)
    ip("client", "addr", "del", VIP[4] + "/32", "dev", "eth0")
    fixed("a VIP that nobody has", Look(), ("problem", "vip", VIP[4]))


def test_services():
    """Services without servers, and with servers of weight 0."""
    deploy()
    for port in (81, 82):
        lbctl("add-service", "-t", "%s:%d" % (VIP[4], port))
    lbctl("add-server", "-t", VIP[4] + ":82", "-r", addr("a"), "-w", "0")
    look = Look()
    found("two services without open servers", look, ("problem", "services", None),
          ("problem", "services", None))
    ok([VIP[4] + ":%d" % port in row["finding"] for row, port in
        zip(look.faults, (81, 82))] == [True, True], "each is named", look)


def test_link():
    """The director's own link is down: nothing else is blamed for it."""
    deploy()
    ip("director", "link", "set", "eth0", "down")
    look = Look()
    problems = [row for row in look.faults if row["level"] == "problem"]
    ok([row["check"] for row in problems] == ["link"] and look.status == 4 and
       not any("lbctl" in (row["command"] or "") for row in look.faults),
       "a link that is down is the only problem, and no server is to be removed", look)
    wrong = fix(look)
    net.address("director")
    net.until(lambda: Look().well())
    ok(not wrong and Look().well(), "its fix is run, and all is well", Look())


def test_bridge():
    """A bridge of the director leads to the servers, with br_netfilter."""
    deploy()
    run("modprobe", "br_netfilter")
    batch("director", ["link add name br7 type bridge nf_call_iptables 1",
                       "link add mem0 type veth peer name mem1", "link set mem1 up",
                       "link set mem0 master br7 up", "link set br7 up",
                       "addr add 10.88.0.1/24 dev br7"])
    lbctl("add-service", "-t", "10.88.0.1:80")
    lbctl("add-server", "-t", "10.88.0.1:80", "-r", "10.88.0.2")
    nft("""
table inet filter {
	chain forward {
		type filter hook forward priority filter
		ct state invalid drop
	}
}""")
    look = Look()
    want = [("problem", "forward", None), ("problem", "neighbour", "10.88.0.2")]
    found("ct state invalid drop on a bridge with br_netfilter", look, *want)
    wrong, look = fix(look), Look()
    # Each VIP is exempted; the server is not there.
    ok(not wrong and look.lines() == want[1:], "the fix exempts VIPs from conntrack",
       "%s\n%s" % (wrong, look))
    nft("delete table inet filter")
    nft("delete table inet lbdr_notrack")
    lbctl("del-service", "-t", "10.88.0.1:80")
    ip("director", "link", "del", "mem0")
    ip("director", "link", "del", "br7")
    # modprobe -r would remove the module bridge, too, and with it every bridge.
    run("rmmod", "br_netfilter")


def test_arp():
    """A server without the ARP settings, as every kernel has it."""
    deploy()
    with within("a"):
        write(ARP % ("all", "arp_ignore"), "0")
    fixed("a real server lacks the ARP settings", Look(), ("problem", "arp", VIP[4]))


def test_input():
    """Rules of INPUT have no effect, and with the entry input they have; a device with
    a larger MTU that clients arrive on."""
    deploy()
    batch("director", ["link add wide mtu 2000 type veth peer name other mtu 2000",
                       "link set wide up", "link set other up",
                       "addr add 203.0.113.9/32 dev wide"])
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
    look, small = Look(), ("warning", "mtu", addr("a"))
    found("rules of INPUT that name a VIP and a port, and an MTU that is larger", look,
          ("warning", "input", None), ("warning", "input", None), small)
    # What the servers' segment takes is not known, and this one takes 1500 bytes.
    ok(not any(row["command"] for row in look.faults) and
       any("if the switches and the server take 2000 bytes" in (row["hint"] or "")
           for row in look.faults), "a larger MTU is no command to run as it is", look)
    lbctl("set-entry", "input")
    look = Look()
    found("with the entry input, the rule and the policy are to be checked", look,
          ("warning", "rules", None), ("warning", "rules", None), small)
    nft("insert rule ip filter in tcp dport 80 accept")
    ok(which(4) and which(6), "with a rule that accepts the services serve")
    found("and the policy is no longer listed", Look(), ("warning", "rules", None), small)
    nft("delete table ip filter")
    nft("delete table ip6 filter")
    ip("director", "link", "del", "wide")
    lbctl("del-service", "-u", "203.0.113.9:80")
    batch("director", ["link add out type veth peer name other", "link set out up",
                       "link set other up", "addr add 10.9.0.1/24 dev out",
                       "route add default via 10.9.0.2 dev out"])
    with within("director"):
        write(ARP % ("eth0", "rp_filter"), "1")
        write(ARP % ("all", "rp_filter"), "0")
    fixed("at input rp_filter drops clients", Look(), ("problem", "rp_filter", None))
    ip("director", "link", "del", "out")
    lbctl("set-entry", "ingress", "eth0")
    told = [row["finding"] for row in Look().rows if row["check"] == "rules"]
    ok(any("rules of raw do not apply" in text for text in told),
       "at ingress it says that raw does not apply", told)
    lbctl("set-entry", "prerouting")


def test_down():
    """A server that is down."""
    deploy()
    ip("b", "link", "set", "eth0", "down")
    want = [("problem", "neighbour", addr("b")), ("problem", "neighbour", addr("b", 6))]
    look = Look()
    found("a server is down", look, *want)
    for version in (4, 6):
        service = ["-t", ("%s:80" if version == 4 else "[%s]:80") % VIP[version]]
        host = addr("b", version)
        lbctl("edit-server", *service, "-r", "[%s]" % host if version == 6 else host,
              "-w", "0")
    look = Look()
    found("with weight 0 a warning", look, *[("warning",) + line[1:] for line in want])
    ip("b", "link", "set", "eth0", "up")
    net.address("b")


def test_lro():
    """Without services: with them the module disables LRO at once."""
    lbctl("clear")
    ip("director", "link", "add", "bond7", "type", "bond")
    ip("director", "link", "set", "bond7", "up")
    run("ip", "netns", "exec", "director", "ethtool", "-K", "bond7", "lro", "on")
    services = ("warning", "services", None)
    fixed("LRO is on, and there is no service", Look(), ("warning", "lro", None),
          services, left=[services])
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
    ok(done.returncode == 0 and done.stdout.startswith("\n# To make it permanent"),
       "setup-realserver changes nothing where all is set", done.stdout)

    def state():
        with within("a"):
            return [open(ARP % ("all", name)).read().strip()
                    for name in ("arp_ignore", "arp_announce")] + \
                   [vip in run("ip", "-n", "a", "addr").stdout for vip in vips]

    done = own("a", "setup-realserver", *vips, "--undo")
    ok(done.returncode == 0 and done.stdout.count("was not added") == 2 and
       state() == ["1", "2", True, True], "--undo leaves what somebody else set up",
       (done, state()))
    batch("a", ["addr del %s/32 dev lo" % VIP[4], "addr del %s/128 dev lo" % VIP[6]])
    with within("a"):
        for name in ("arp_ignore", "arp_announce"):
            write(ARP % ("all", name), "0")
    look = Look(*vips, host="a")
    want = [("problem", "arp_announce", None), ("problem", "arp_ignore", None),
            ("problem", "vip", VIP[4]), ("problem", "vip", VIP[6])]
    found("doctor --realserver of a host that is none", look, *want)
    done = own("a", "setup-realserver", *vips, "--dry-run")
    ok(done.returncode == 0 and "ip addr add %s/32 dev lo\n" % VIP[4] in done.stdout and
       Look(*vips, host="a").lines() == look.lines(), "--dry-run changes nothing", done)
    own("a", "setup-realserver", *vips, check=True)
    done = own("a", "setup-realserver", *vips, "--undo")
    ok(done.returncode == 0 and state() == ["0", "0", False, False],
       "--undo reverts what setup did", (done, state()))
    ok(not fix(look) and Look(*vips, host="a").well() and
       {which(4) for _ in range(2)} == {"a", "b"} == {which(6) for _ in range(2)},
       "the fixes make it a real server, that serves", Look(*vips, host="a"))
    # A VIP on a dummy device stays there, and what keeps it silent too.
    batch("a", ["link add dummy0 type dummy", "link set dummy0 up",
                "addr add 192.168.1.77/32 dev dummy0"])
    done = own("a", "setup-realserver", "192.168.1.77")
    there = run("ip", "-n", "a", "addr", "show", "dummy0").stdout
    ok(done.returncode == 0 and "192.168.1.77/32" in there,
       "a VIP on a dummy device stays there", (done, there))
    done = own("a", "setup-realserver", VIP[4], "--undo")
    ok(done.returncode == 0 and "192.168.1.77 is on dummy0" in done.stdout and
       state()[:2] == ["1", "2"], "--undo of another leaves the settings", done)
    ip("a", "link", "del", "dummy0")
    done = own("a", "setup-realserver", VIP[6], "--undo")
    ok(done.returncode == 0 and state() == ["0", "0", False, False],
       "and with the last one they are reverted", (done, state()))
    # VIPs on the NIC, and later lo with a network.
    batch("a", ["addr add %s/24 dev eth0" % VIP[4],
                "addr add %s/64 dev eth0 nodad" % VIP[6]])
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
    found("a network on lo, a proxy, a NIC that answers by scope", look, *want)
    wrong, look = fix(look), Look(*vips, host="a")
    ok(not wrong and look.well(), "and fixed", "%s\n%s" % (wrong, look))
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
            ("without a VIP", 1, "a VIP is required", ("setup-realserver",)),
            ("with a name", 1, "invalid VIP", ("setup-realserver", "vip.test")),
            ("with 127.0.0.1", 2, "cannot be a VIP",
             ("setup-realserver", "127.0.0.1")),
            *((f"--tun {tun}", 1, "must be ipip, gre or gue:PORT",
               ("setup-realserver", VIP[4], "--tun", tun))
              for tun in ("none", "gue", "gue:0", "gue:65536", "")),
            ("doctor with a VIP alone", 1, "--realserver", ("doctor", VIP[4])),
            ("doctor --realserver with a service", 1, "takes VIPs, not services",
             ("doctor", "--realserver", VIP[4], "-t", VIP[4] + ":80"))):
        done = own("director", *words)
        ok(done.returncode == status and sentence in done.stderr,
           "refused in words: " + what, done)
    batch("client", ["addr add 10.5.0.1/24 dev eth0", "addr add 10.5.0.2/24 dev eth0"])
    done = own("client", "setup-realserver", "10.5.0.1")
    left = run("ip", "-n", "client", "addr").stdout
    ok(done.returncode == 2 and "cannot be moved" in done.stderr and
       "10.5.0.1/24" in left and "10.5.0.1/32" not in left, "an address that others "
       "hang on is not moved, and nothing is changed", (done, left))
    batch("client", ["addr del 10.5.0.1/24 dev eth0"])


def test_no_module():
    """The last of the tests: the module is removed."""
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
