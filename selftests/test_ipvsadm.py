#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0
"""The tool by the name ipvsadm, beside the packaged one and stock ip_vs: both are
configured by the same lines and get the same frames, and what they list is the
same to the byte. The two directors take their turns in one namespace, so that
addresses, neighbours and routes are the same too.

Different by design, and named in lbctl(8): the size in the first line is that of
another table, --nosort and -c have orders of their own, and -S keeps thresholds,
which the packaged tool forgets.
"""
import os
import re
import shutil
import subprocess
import tempfile
import time

import ipvs
import net
from ipvs import (VIPS, Flow, Ipvs, Service, StockFailed, Wire, call_stock, client,
                  rip)
from net import ACK, FIN, SYN, ok, until

V4, V6 = VIPS[4][0], VIPS[6][0]
R4, R6 = rip(0, 4), rip(0, 6)
SPARE = rip(1, 4)


class Twin:
    """A tool by its path; what it is called with is one line."""

    def __init__(self, name, path):
        self.name, self.path = name, path

    def call(self, line):
        command = [self.path, *line.split()]
        with net.within("director"):
            if self.name == "ip_vs":
                return call_stock(command)
            return subprocess.run(command, text=True, capture_output=True,
                                  check=False)

    def list(self, line):
        done = self.call(line)
        if done.returncode or done.stderr:
            said = "status %d: %s" % (done.returncode, done.stderr)
            if self.name == "ip_vs":
                raise StockFailed("ipvsadm %s: %s" % (line, said))
            return said
        return done.stdout


def twins():
    folder = tempfile.mkdtemp()
    link = os.path.join(folder, "ipvsadm")
    os.symlink(shutil.which(net.LBCTL), link)
    theirs = shutil.which("ipvsadm")
    Ipvs()
    return Twin("ip_vs", theirs), Twin("lbdr", link)


# Forms that options have: long and short ones, together, with =, in any order.
GENERAL = """
-A -t V4:80 -s rr -p -M 255.255.255.0
-a -t V4:80 -r R4
-at V4:80 -rSPARE -gw0
-a -t V4:80 -r DIRECTOR:80 -w 3
-A --tcp-service=V4:81 --scheduler=sh -b sh-port,sh-fallback
--add-server --tcp-service V4:81 --real-server=R4:81 --gatewaying --weight 5
-a -t V4:81 -r 192.168.1.201 -i
-a -t V4:81 -r 192.168.1.202:81 --ipip --tun-type gue --tun-port 6080
-a -t V4:81 -r 192.168.1.203 -i --tun-type gre --tun-csum -w 3
-a -t V4:81 -r 192.168.1.204 -i -w 2 --tun-type=gue --tun-port=6081 --tun-csum
-a -t V4:81 -r [2001:db8:1::201]:81 -i
-e -t V4:81 -r 192.168.1.201 -i --tun-type gre --tun-nocsum
-A -t V4:84 -s sh --sched-flags flag-1
-A -u V4:82 -o -s rr
-a -u V4:82 -r R4 -x 10 -y 5
-A -u V4:53 --ops
-A -t V4:86 -p100 -s wlc
-A -t V4:87 -p 100
-A -t V4:88 --persistent=100
-A -t V4:89 --persistent 101
-A -t V4:90 --persistent -s lc
-A -t V4:http-alt -s wlc
-A -t V4:0 -p
-A -u V4 -p 77
-A -f 010 -s rr
-A -f 7 -s rr
-A -f 7 -6 -s lc -p 20 -M 64
-a -f 7 -r R4 -w 12
-a --fwmark-service=7 --ipv6 -r [R6]:8080 -g
-A -t [V6]:80 -s rr -p 50 -M 64
-a -t [V6]:80 -r [R6]:80 -x 100 -y 0
-A -u [V6]:53 -s wlc
--add-service --sctp-service V4:95 --scheduler wrr
-a --sctp-service V4:95 -r R4:95
-A --sctp-service [V6]:95 -s wlc
-e -t V4:80 -r SPARE:80 -w 65535
-e -t V4:80 -r SPARE:8080 -w 65534
-e -u V4:82 -r R4 -w 7
-E -t V4:89 -s wrr
-E -t V4:87 -p 30 -s rr
-E -t V4:88 -p 30
-A -t V4:97 -s rr
-D -t V4:97
-d -t V4:80 -r DIRECTOR
--set 800 0 200
""".strip().splitlines()

LISTINGS = ("", "-L", "-l", "-Ln", "-ln", "-L -n", "--list --numeric", "-Ln --sort",
            "-Ln --exact", "-Ln --stats", "-ln --stats --exact", "-Ln --rate",
            "-l --numeric --rate --exact", "-Ln --rate --stats",
            "-Ln --thresholds", "-Ln --persistent-conn",
            "-Ln --tun-info", "-Ln --tun-info --thresholds",
            "-Ln --thresholds --persistent-conn", "-Ln --stats --thresholds",
            "-Ln --rate --persistent-conn", "-L --timeout", "-Lnc", "-S", "-Sn",
            "-S -n", "--save --numeric", "-Ln -t V4:80", "-Ln --rate -u V4:82",
            "-Ln --stats -f 7", "-Ln --thresholds -f 7 -6", "-Ln --sctp-service V4:95",
            "-Ln -t [V6]:80 --persistent-conn", "-Ln --sort --nosort", "-Ln --nosort")

# Neither takes these.
WRONG = """
-A
-AE -t V4:99
-a -t V4:80
-a -t V4:99 -r R4
-A -t V4:80
-A -t V4:98 -t V4:99
-A -t V4:98 -s nosuch
-A -t V4:98 -s RR
-A -t V4:98 -w 3
-A -t V4:98 -n
-A -t V4:98 -6
-A -t V4:98 --ops
-A -t V4
-A -t :92
-A --tcp V4:98
-A -6 -t [V6]:98
-a -t V4:80 -r SPARE -w -1
-a -t V4:81 -r SPARE -x 10 -y 20
-a -t V4:80 -r [R6]
-a -t V4:80 -r [R6] -g
-a -t V4:81 -r SPARE -i --tun-type nosuch
-a -t V4:81 -r SPARE -i --tun-type gue
-a -t V4:81 -r SPARE -i --tun-type gue --tun-port 0
-a -t V4:81 -r SPARE -i --tun-port 6080
-a -t V4:81 -r SPARE -i --tun-csum
-a -t V4:81 -r SPARE -i --tun-type gre --tun-csum --tun-nocsum
-a -t V4:81 -r SPARE --tun-type gre
-a -t V4:81 -r SPARE -g --tun-csum
-d -t V4:80 -r DIRECTOR -w 3
-D -t V4:99
-Z -t V4:99
-Ln -t V4:99
-Ln -w 3
-Ln -o
-Ln -x
-Ln -6
-Ln --stat
-Ln --numeric=1
-Lnc --stats
-L foo
-L --timeout -t V4:80
-S -t V4:80
-C -n
--set
--set 10 20
-c
-n
""".strip().splitlines()

# ip_vs does these, or its tool would; lbdr says why not.
REFUSED = """
-a -t V4:80 -r 192.168.9.9 -m
-a -t V4:80 -r 192.168.9.9 --masquerading
-a -t V4:80 -r 192.168.9.9 -i --tun-type gue --tun-port 6080 --tun-remcsum
-a -t V4:80 -r 192.168.9.9 -g -w 70000
-A -u V4:5060 -p 60 --pe sip
-A -t V4:98 -s rr -b flag-1
--start-daemon master --mcast-interface=eth0 --syncid 3
--start-daemon=backup
--stop-daemon master
-L --daemon
""".strip().splitlines()


def fill(line):
    for name, address in (("V4", V4), ("V6", V6), ("R4", R4), ("R6", R6),
                          ("SPARE", SPARE), ("DIRECTOR", net.addr("director", 4))):
        line = line.replace(name, address)
    return line


def plain(line, text):
    """Without what differs by design."""
    text = re.sub(r"\(size=\d+\)", "(size=N)", text)
    if "S" in line or "--save" in line:
        text = re.sub(r" -[xy] \d+", "", text)
    lines = text.splitlines(keepends=True)
    if "--nosort" in line:
        # Blocks of a service with its servers, both in any order.
        blocks = re.findall(r"^(?!  ->).*\n(?:  ->.*\n)*", "".join(lines[3:]), re.M)
        text = "".join(lines[:3]) + "".join(sorted(
            "".join(sorted(block.splitlines(keepends=True), reverse=True))
            for block in blocks))
    return text


def differences(line, theirs, ours):
    theirs, ours = plain(line, theirs), plain(line, ours)
    if theirs == ours:
        return None
    pairs = zip((theirs + "\n\n").splitlines(), (ours + "\n\n").splitlines())
    return "ip_vs: %r\nlbdr:  %r" % next(
        ((a, b) for a, b in pairs if a != b), (theirs, ours))


def configure(side, lines):
    """What a director says to lines that it accepts without a message. If stock
    ip_vs refuses one, there is nothing to compare with."""
    said = []
    for line in lines:
        done = side.call(fill(line))
        if done.returncode or done.stdout or done.stderr:
            said.append("%s: %s: %d %s%s" % (side.name, line, done.returncode,
                                             done.stdout, done.stderr))
    if said and side.name == "ip_vs":
        raise StockFailed("%d of %d commands failed, the first: %s" %
                          (len(said), len(lines), said[0]))
    return said


def test_lines():
    """Every line does the same to both; all listings agree."""
    stock, own = twins()
    listed = {}
    for side in (own, stock):
        side.call("-C")
        said = configure(side, GENERAL)
        ok(not said, "%s takes all %d lines, and says nothing" %
           (side.name, len(GENERAL)), "\n".join(said))
        listed[side] = {line: side.list(fill(line)) for line in LISTINGS}
        listed[side].update({"wrong " + line: side.call(fill(line))
                             for line in WRONG})
    for line in LISTINGS:
        wrong = differences(line, listed[stock][line], listed[own][line])
        # An answer of no line would be the same, too.
        ok(not wrong and listed[own][line].count("\n"),
           "ipvsadm %s: as ip_vs lists it" % line, wrong or "nothing is listed")
    for line in WRONG:
        theirs, ours = (listed[side]["wrong " + line] for side in (stock, own))
        ok(theirs.returncode and ours.returncode and ours.stderr and
           not ours.stdout, "ipvsadm %s: refused by both" % line,
           "ip_vs %d, lbdr %d, %s" % (theirs.returncode, ours.returncode,
                                      ours.stdout + ours.stderr))
    # Neither one has anything left of what it refused.
    for side in (own, stock):
        ok(side.list("-S -n") == listed[side]["-S -n"],
           "%s is as it was before the wrong lines" % side.name)
    before = own.list("-S -n")
    ok(" -g -w 1 -x 100\n" in before and " -x 100" not in stock.list("-S -n"),
       "-S keeps thresholds, which the packaged ipvsadm forgets", before)
    for line in REFUSED:
        done = own.call(fill(line))
        ok(done.returncode and len(done.stderr.split()) > 4 and not done.stdout,
           "ipvsadm %s: refused in words" % line,
           "%d %s" % (done.returncode, done.stdout + done.stderr))
    ok(own.list("-S -n") == before, "nothing is changed by what is refused")
    for side in (own, stock):
        said = configure(side, ["-Z", "-Zt V4:80", "--zero -f 7 -6", "-C", "--clear"])
        ok(not said and "->" not in side.list("-Ln").split("ActiveConn")[1],
           "%s: counters and services go" % side.name, said)


IMPORTED = """
-A -t V4:80 -s rr -p 300 -M 255.255.255.0
-a -t V4:80 -r R4 -w 3 -g
-a -t V4:80 -r SPARE -w 0 -g
-a -t V4:80 -r 192.168.1.201 -i
-a -t V4:80 -r 192.168.1.202 -i --tun-type gue --tun-port 6080 --tun-csum
-a -t V4:80 -r [2001:db8:1::203]:80 -i --tun-type gre -w 2
-A -t [V6]:80 -s wlc -p 200 -M 64
-a -t [V6]:80 -r [R6]:80 -g -w 7
-A -u V4:53 -s sh -b sh-port,sh-fallback -o
-A -f 7 -6 -s lc
--set 800 0 200
""".strip().splitlines()


def test_import():
    """Everything that ip_vs has, read by its netlink family."""
    stock, own = twins()
    for side in (own, stock):
        side.call("-C")
    said = configure(stock, IMPORTED)
    ok(not said, "ip_vs is configured", "\n".join(said))
    done = net.lbctl("import", check=False)
    ok(done.returncode == 0 and not done.stderr, "lbctl import takes all of it",
       done.stderr)
    for line in ("-Ln", "-L --timeout", "-Ln --tun-info"):
        wrong = differences(line, stock.list(line), own.list(line))
        ok(not wrong, "ipvsadm %s: the same as before" % line, wrong)
    saved = own.list("-S -n")
    configure(stock, ["-a -t V4:80 -r 192.168.9.9:8080 -m"])
    own.call("-C")
    done = net.lbctl("import", check=False)
    ok(done.returncode == 1 and "-m" in done.stderr and
       "nothing was changed" in done.stderr and not own.list("-S -n"),
       "NAT is not supported", done.stderr)
    done = net.lbctl("import", "--skip-unsupported", check=False)
    ok(done.returncode == 3 and "skipped" in done.stderr and
       sorted(own.list("-S -n").splitlines()) == sorted(saved.splitlines()),
       "--skip-unsupported imports the rest", done.stderr)
    for side in (own, stock):
        side.call("-C")


TRAFFIC = """
-A -t V4:80 -s rr -p 300 -M 255.255.255.0
-a -t V4:80 -r R4 -w 3
-a -t V4:80 -r SPARE -w 0
-A -t [V6]:80 -s wlc -p 200 -M 64
-a -t [V6]:80 -r [R6]:80 -x 1000 -y 10
-A -u V4:53 -s rr
-a -u V4:53 -r R4
-A -u [V6]:53 -s rr
-a -u [V6]:53 -r [R6]:53
-A -t V4:443 -s wlc
-a -t V4:443 -r R4 -x 100
--set 900 120 300
""".strip().splitlines()

BUSY = ("-Ln", "-Ln --persistent-conn", "-Ln --thresholds", "-Ln --stats",
        "-Ln --stats --exact", "-Ln --stats -t V4:80", "-Lnc", "-Lc")


def frames():
    """Connections in several states, of several clients."""
    for version, vip in ((4, V4), (6, V6)):
        for number, last in ((1, ()), (2, (ACK,)), (3, (ACK, FIN | ACK))):
            web = Service(version, "tcp", vip, 80)
            flow = Flow(web, client(web, number), 3000 + number)
            for flags in (SYN,) + last:
                yield flow, flags
        dns = Service(version, "udp", vip, 53)
        for number in (4, 5, 5):
            yield Flow(dns, client(dns, number), 4000 + number), 0
    tls = Service(4, "tcp", V4, 443)
    for number in range(20):
        yield Flow(tls, client(tls, 10 + number), 5000), SYN


# ip_vs sums its counters up every two seconds.
SUMMED = 6

EXPIRE = re.compile(r"^(\S+\s+)(\d\d):(\d\d)", re.M)
SLOW = 20


def expiries(text):
    return [int(m) * 60 + int(s) for _, m, s in EXPIRE.findall(text)]


def same_conns(theirs, ours):
    """Line by line, when they have been brought into one order; and they expire at
    about the same time, for one side had its frames later."""
    masked = [EXPIRE.sub(r"\1mm:ss", text).splitlines()
              for text in (theirs, ours)]
    masked = [lines[:2] + sorted(lines[2:]) for lines in masked]
    wrong = ["ip_vs: %r\nlbdr:  %r" % pair for pair in zip(*masked)
             if pair[0] != pair[1]]
    if len(masked[0]) != len(masked[1]):
        wrong.append("ip_vs has %d lines, lbdr %d" % tuple(map(len, masked)))
    times = [sorted(expiries(text)) for text in (theirs, ours)]
    wrong += ["expires in %d s, and in %d s" % pair for pair in zip(*times)
              if abs(pair[0] - pair[1]) > SLOW]
    return "\n".join(wrong)


def test_traffic():
    """The same frames leave the same counters and connections."""
    stock, own = twins()
    wire, listed = Wire(), {}
    sent = list(frames())
    for side in (own, stock):
        side.call("-C")
        said = configure(side, TRAFFIC)
        fates = [wire.send(flow, flags) for flow, flags in sent]
        ok(not said and set(fates) == {0}, "%s: %d frames go to their servers" %
           (side.name, len(sent)), said or fates)
        if side is own:
            listed = {line: own.list(fill(line)) for line in BUSY}
            # Or it would go on taking the packets before ip_vs sees them.
            own.call("-C")
            continue
        for line in BUSY:
            compare = same_conns if line in ("-Lnc", "-Lc") else \
                lambda theirs, ours, line=line: differences(line, theirs, ours)
            wrong = []

            def agree(line=line, compare=compare, wrong=wrong):
                wrong[:] = [compare(stock.list(fill(line)), listed[line])]
                return not wrong[0]
            ok(until(agree, SUMMED) and listed[line].count("\n") > 3,
               "ipvsadm %s: as ip_vs lists it, after traffic" % line, wrong[0])
    stock.call("-C")
    wire.close()


def test_rate():
    """--rate of ours, while frames come: what came, by the second that it looked."""
    _, own = twins()
    own.call("-C")
    configure(own, TRAFFIC)
    wire = Wire()
    service = Service(4, "udp", V4, 53)
    frame = wire.frame(Flow(service, client(service, 1), 4001), 0)
    with net.within("director"):
        tool = subprocess.Popen([own.path, "-Ln", "--rate", "-u", "%s:53" % V4],
                                stdout=subprocess.PIPE, text=True)
    begun, times = time.monotonic(), []
    while tool.poll() is None:
        wire.tap.send(frame)
        times.append(time.monotonic())
        time.sleep(0.005)
    spent = time.monotonic() - begun
    lines = tool.communicate()[0].splitlines()
    numbers = [[int(word) for word in line.split()[2:]] for line in lines[2:]]
    most = max(sum(at <= other < at + 1 for other in times) for at in times)
    size = len(frame) - 14
    good = len(numbers) == 2 and \
        0 < numbers[0][1] <= most * 1.3 and \
        numbers[0][1] >= len(times) / spent * 0.4 and \
        abs(numbers[0][1] - numbers[1][1]) <= 3 and \
        abs(numbers[0][3] - numbers[0][1] * size) <= size and \
        numbers[0][2] == numbers[0][4] == 0
    ok(good, "--rate tells what came: %s a second" %
       (numbers[0][1] if numbers else "nothing"),
       "%s; sent %d in %.2f s, at most %d in one" % (lines, len(times), spent, most))
    ok(1 <= spent < 1 + net.WAIT, "--rate looks for one second, and answers")
    quiet = own.list("-Ln --rate").splitlines()[3:]
    ok(quiet and all(line.split()[-5:] == ["0"] * 5 for line in quiet),
       "without traffic all rates are 0", quiet)
    own.call("-C")
    wire.close()


if __name__ == "__main__":
    ipvs.main(globals())
