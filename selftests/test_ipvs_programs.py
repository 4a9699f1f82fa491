#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0
# Also on: bookworm
"""Other programs of ip_vs, of the distribution and unchanged, by lbdr_ipvs.ko:
ldirectord removes and quiesces a server, node_exporter reads counters, and connections
go by what ipvsadm has set up, by direct routing and by tunnels."""
import json
import shutil
import subprocess
import urllib.request

import net
import tunnels
from ipvs import Loaded
from net import VIP, ok, only, until
from servers import exchange, which
from test_ipvs_keepalived import CHECK_PORT, PATIENCE, Check, listed

LDIRECTORD = """
checktimeout = 3
checkinterval = 1
negotiatetimeout = 3
autoreload = no
logfile = "/run/ldirectord.log"
quiescent = %s
virtual = %s:80
        real = %s:80 gate 3
        real = %s:80 gate 5
        service = http
        checkport = %d
        checktype = negotiate
        request = "/"
        scheduler = rr
        protocol = tcp
"""


def program(name):
    path = shutil.which(name)
    if not path:
        raise net.Skip("%s is not in this system" % name)
    return path


@only("uml")
def test_ldirectord():
    path = program("ldirectord")
    a, b = net.addr("a"), net.addr("b")
    for quiescent in ("no", "yes"):
        with open("/run/ldirectord.cf", "w", encoding="ascii") as file:
            file.write(LDIRECTORD % (quiescent, VIP[4], a, b, CHECK_PORT))
        with Loaded():
            checks = {host: Check(host) for host in "ab"}
            with net.within("director"):
                child = subprocess.Popen([path, "-d", "/run/ldirectord.cf", "start"],
                                         stdout=subprocess.DEVNULL,
                                         stderr=subprocess.DEVNULL)
            try:
                ok(until(lambda: listed() == {a: 3, b: 5}, PATIENCE),
                   "ldirectord adds both servers", listed())
                checks["a"].stop()
                left = {b: 5, a: 0} if quiescent == "yes" else {b: 5}
                ok(until(lambda want=left: listed() == want, PATIENCE),
                   "quiescent=%s: a failed server is %s" %
                   (quiescent, "quiesced" if quiescent == "yes" else "removed"),
                   listed())
                ok({which() for _ in range(6)} == {"b"}, "clients come to the other")
                checks["a"].start()
                ok(until(lambda: listed() == {a: 3, b: 5}, PATIENCE),
                   "and it is back", listed())
            finally:
                child.terminate()
                child.wait()
                for check in checks.values():
                    check.stop()


def by_ipvsadm(version, method):
    """A megabyte there and back by a service that ipvsadm has added, with its one
    server a, and what ipvsadm lists of it."""
    form = "%s:80" if version == 4 else "[%s]:80"
    vip, rip = form % VIP[version], form % net.addr("a", version)
    for line in ("-A -t %s -s rr" % vip, "-a -t %s -r %s %s" % (vip, rip, method)):
        net.run("ip", "netns", "exec", "director", "ipvsadm", *line.split())
    sock = net.connect(version)
    whole = sock.recv(1) == b"a" and exchange(sock, 1 << 20)
    sock.close()
    listed_so = net.run("ip", "netns", "exec", "director", "ipvsadm", "-Ln").stdout
    net.run("ip", "netns", "exec", "director", "ipvsadm", "-C")
    return whole, ("Tunnel" if "-i" in method else "Route") in listed_so


@only("uml")
def test_ipvsadm():
    program("ipvsadm")
    with Loaded():
        for version in (4, 6):
            ok(by_ipvsadm(version, "-g") == (True, True),
               "IPv%d, direct routing: a megabyte there and back" % version)
        if not tunnels.has_decapsulation():
            raise net.Skip("this kernel has no devices that decapsulate")
        for version, name in ((4, "ipip"), (6, "ipip"), (4, "gre"), (4, "gue")):
            kind = tunnels.Kind(version, version, name, False)
            with tunnels.Decapsulation("a", kind):
                ok(by_ipvsadm(version, kind.stock()) == (True, True),
                   "%s: a megabyte there and back" % kind)
            net.forget_pmtu()


def metrics():
    """Name and labels -> value of the metrics of IPVS, or None so far."""
    try:
        with net.within("director"):
            page = urllib.request.urlopen("http://127.0.0.1:9100/metrics", timeout=5)
    except OSError:
        return None
    out = {}
    for line in page.read().decode().splitlines():
        if line.startswith("node_ipvs_"):
            name, value = line.rsplit(" ", 1)
            out[name] = float(value)
    return out


def test_node_exporter():
    path = program("prometheus-node-exporter")
    with Loaded():
        # Totals are those of the namespace, since they were last zeroed.
        net.run("ip", "netns", "exec", "director", "ipvsadm", "-Z")
        net.lbctl("add-service", "-t", VIP[4] + ":80", "-s", "rr")
        net.lbctl("add-server", "-t", VIP[4] + ":80", "-r", net.addr("a"), "-w", "7")
        for _ in range(5):
            which()
        with net.within("director"):
            child = subprocess.Popen(
                [path, "--collector.disable-defaults", "--collector.ipvs",
                 "--web.listen-address=127.0.0.1:9100"],
                stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        try:
            found = until(metrics, PATIENCE) or {}
            row = json.loads(net.lbctl("list", "-j").stdout)[0]
            ok(found.get("node_ipvs_connections_total") ==
               row["stats"]["connections"] == 5, "connections as in lbctl list", found)
            ok(found.get("node_ipvs_incoming_packets_total") ==
               row["stats"]["in_packets"] and
               found.get("node_ipvs_incoming_bytes_total") == row["stats"]["in_bytes"],
               "packets and bytes, too", found)
            weights = [value for name, value in found.items()
                       if name.startswith("node_ipvs_backend_weight") and
                       net.addr("a") in name and VIP[4] in name]
            ok(weights == [7], "the server with its weight", found)
        finally:
            child.terminate()
            child.wait()


if __name__ == "__main__":
    try:
        net.main(globals())
    finally:
        tunnels.demolish_far()
