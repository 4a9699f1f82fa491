#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0
"""Real programs through the director: curl, socat, iperf3, dnsmasq, ping."""
import hashlib
import json
import os
import random
import shutil
import signal
import socket
import struct
import subprocess
import tempfile

import net
from net import VIP, addr, lbctl, ok, until

# Services behind the director besides port 80
HTTP, ECHO, DNS, IPERF = 8080, 7, 53, 5201


def within(host, *command, **more):
    return subprocess.Popen(("ip", "netns", "exec", host) + command,
                            stdout=subprocess.PIPE, stderr=subprocess.DEVNULL,
                            stdin=subprocess.DEVNULL,
                            start_new_session=True, **more)


def client(*command, data=None):
    return subprocess.run(("ip", "netns", "exec", "client") + command, input=data,
                          capture_output=True, timeout=60, check=False)


def listening(host, port, proto="tcp", version=4):
    """Whether somebody waits at the port of the VIP, by /proc, without connecting:
    in the state LISTEN, or with UDP in CLOSE."""
    want = "%04X" % port, "0A" if proto == "tcp" else "07"
    name = proto + ("" if version == 4 else "6")
    done = net.run("ip", "netns", "exec", host, "cat", "/proc/net/" + name)
    return any(line.split()[1].endswith(":" + want[0]) and
               line.split()[3] == want[1] for line in done.stdout.splitlines()[1:])


def vip(version):
    return VIP[4] if version == 4 else "[%s]" % VIP[6]


def service(version, proto, port, *more):
    lbctl("add-service", proto, "%s:%d" % (vip(version), port), "-s", "rr", *more)
    for host in "ab":
        lbctl("add-server", proto, "%s:%d" % (vip(version), port), "-r",
              addr(host, version) if version == 4 else "[%s]" % addr(host, 6))


class Programs:
    """Those of the real servers; killed with their children at the end, whatever
    happens."""

    def __init__(self):
        self.running = []

    def start(self, host, *command, **more):
        self.running.append(within(host, *command, **more))

    def __enter__(self):
        return self

    def __exit__(self, *_):
        for program in self.running:
            os.killpg(program.pid, signal.SIGKILL)
            program.wait()
            program.stdout.close()


def test_curl():
    data = random.Random(1).randbytes(3000000)
    with tempfile.TemporaryDirectory() as directory, Programs() as programs:
        with open(directory + "/file", "wb") as file:
            file.write(data)
        for version in (4, 6):
            lbctl("clear")
            service(version, "-t", HTTP)
            for host in "ab":
                programs.start(host, "python3", "-m", "http.server", "--bind",
                               VIP[version], "--directory", directory, str(HTTP))
                until(lambda h=host, v=version: listening(h, HTTP, "tcp", v))
            good = 0
            for _ in range(4):
                done = client("curl", "-sS", "-m", "50", "http://%s:%d/file" %
                              (vip(version), HTTP))
                good += hashlib.sha256(done.stdout).digest() == \
                    hashlib.sha256(data).digest()
            ok(good == 4, "IPv%d: curl fetches 3,000,000 bytes four times, from two "
               "servers in turn, not one byte wrong" % version, good)


def test_socat():
    data = os.urandom(20000)
    with Programs() as programs:
        for version in (4, 6):
            lbctl("clear")
            family = "%d" % version
            for proto, kind in (("-t", "TCP"), ("-u", "UDP")):
                service(version, proto, ECHO)
                for host in "ab":
                    programs.start(host, "socat", "%s%s-LISTEN:%d,bind=%s,fork,"
                                   "reuseaddr" % (kind, family, ECHO, vip(version)),
                                   "PIPE")
                    until(lambda h=host, k=kind, v=version:
                          listening(h, ECHO, k.lower(), v))
            done = client("socat", "-t", "10", "-", "TCP%s:%s:%d" %
                          (family, vip(version), ECHO), data=data)
            ok(done.stdout == data, "IPv%d: socat over TCP hears what it said" %
               version, done.stderr)
            done = client("socat", "-T", "2", "-t", "2", "-",
                          "UDP%s:%s:%d" % (family, vip(version), ECHO),
                          data=data[:1000])
            ok(done.stdout == data[:1000], "IPv%d: socat over UDP hears what it "
               "said" % version, done.stderr)


def passed():
    """Datagrams that the director has forwarded."""
    return sum(server["stats"]["in_packets"] for one in json.loads(lbctl("list", "-j").stdout)
               if one["protocol"] == "udp" for server in one["servers"])


def test_iperf3():
    if not shutil.which("iperf3"):
        print("skip - iperf3: this system has none")
        return
    for version in (4, 6):
        lbctl("clear")
        for proto in ("-t", "-u"):
            # Its data goes to where its control connection went: to one server.
            lbctl("add-service", proto, "%s:%d" % (vip(version), IPERF), "-s", "rr")
            lbctl("add-server", proto, "%s:%d" % (vip(version), IPERF), "-r",
                  addr("a", version) if version == 4 else "[%s]" % addr("a", 6))
        for how, size in (((), "5M"), (("-P", "4"), "5M"),
                          (("-u", "-b", "20M", "-l", "1000"), "1M"),
                          (("-R",), "5M"))[net.SHORT * 2:]:
            with Programs() as programs:
                programs.start("a", "iperf3", "-s", "-1", "-B", VIP[version])
                until(lambda v=version: listening("a", IPERF, "tcp", v))
                before = net.drops()
                done = client("iperf3", "-c", VIP[version], "-J", "-n", size, *how)
                report = json.loads(done.stdout or "{}")
                sums = report.get("end", {})
                got = sums.get("sum_received", sums.get("sum", {})).get("bytes", 0)
                # Of datagrams, a busy host lets a socket overflow with most: the director
                # must have forwarded all of them.
                least, forwarded = 1000000, 0
                if "-u" in how:
                    least = 1000
                    forwarded = passed() - sums.get("sum", {}).get("packets", 1 << 30)
                ok("error" not in report and got >= least and forwarded >= 0 and
                   net.drops() == before,
                   "IPv%d: iperf3 %s" % (version, " ".join(how) or "over TCP"),
                   report.get("error", (got, forwarded, before, net.drops())))


def query(version, name, tcp):
    """The addresses that a resolver of few words is told."""
    ask = struct.pack("!6H", 0x1234, 0x100, 1, 0, 0, 0)
    for label in name.split("."):
        ask += bytes([len(label)]) + label.encode()
    ask += b"\0" + struct.pack("!2H", 1, 1)
    with net.within("client"):
        sock = socket.socket(net.AF[version], socket.SOCK_STREAM if tcp else
                             socket.SOCK_DGRAM)
    with sock:
        sock.settimeout(net.WAIT)
        sock.connect((VIP[version], DNS))
        sock.sendall(struct.pack("!H", len(ask)) + ask if tcp else ask)
        answer = sock.recv(2000)
    answer = answer[2:] if tcp else answer
    return answer[:2] == ask[:2] and socket.inet_ntoa(answer[-4:])


def test_dns():
    if not shutil.which("dnsmasq"):
        print("skip - DNS: this system has no dnsmasq")
        return
    with Programs() as programs:
        for number, host in enumerate("ab"):
            programs.start(host, "dnsmasq", "-k", "-u", "root", "-p", str(DNS),
                           "--no-resolv", "--no-hosts", "--bind-interfaces",
                           "--conf-file=/dev/null", "--pid-file=",
                           "--listen-address=%s,%s" % (VIP[4], VIP[6]),
                           "--address=/test/10.0.0.%d" % (number + 1))
            until(lambda h=host: listening(h, DNS, "udp", 6) and
                  listening(h, DNS, "tcp", 6))
        for version in (4, 6):
            lbctl("clear")
            service(version, "-u", DNS)
            service(version, "-t", DNS)
            for tcp in (False, True):
                told = {query(version, "www.test", tcp) for _ in range(4)}
                ok(told == {"10.0.0.1", "10.0.0.2"}, "IPv%d: DNS over %s is "
                   "answered by both servers" % (version, "TCP" if tcp else "UDP"),
                   told)


def test_ping():
    lbctl("clear")
    for version in (4, 6):
        service(version, "-t", HTTP)
        done = client("ping", "-c", "2", "-i", "0.2", "-W", "5", VIP[version])
        ok(done.returncode == 0, "IPv%d: the director answers ping of its VIP" %
           version, done.stdout)


net.main(globals(), servers=False)
