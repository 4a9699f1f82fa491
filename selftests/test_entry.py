#!/usr/bin/python3 -B
# SPDX-License-Identifier: GPL-2.0
"""Firewall rules, queues and sockets in front of the director, and its entry
behind the filter table: what applies where, and the other tests once more with
that entry."""
import os
import socket
import struct
import subprocess
import threading

import genl
import net
from net import VIP, addr, lbctl, ok, until
from servers import exchange, udp_socket
from test_tcp import Counting, open_director

# Of the scripts that know nothing of the entry, those whose packets come to the
# VIP; the order of hooks is the one thing that differs.
AGAIN = (("test_path.py", "test_frames", "test_bystanders", "test_first_syn",
          "test_removal", "test_counters", "test_ttl", "test_mtu"),
         ("test_tcp.py",), ("test_fragments.py", "test_tcp", "test_sizes"),
         ("test_errors.py", "test_pmtu"),
         ("test_local.py", "test_serves", "test_client_elsewhere"))


def nft(text):
    subprocess.run(["ip", "netns", "exec", "director", "nft", "-f", "-"],
                   input=text, text=True, check=True)


def chain(hook, priority, rule):
    """One rule for what goes to a VIP, in a table of its own."""
    nft("table inet guard {\n chain c { type filter hook %s priority %s;\n"
        "  ip daddr %s %s\n  ip6 daddr %s %s\n }\n}" %
        (hook, priority, VIP[4], rule, VIP[6], rule))


def unguard():
    nft("delete table inet guard")


def fill(director):
    for version in (4, 6):
        for proto in (6, 17):
            director.add(genl.key(VIP[version], 80, proto),
                         [addr("a", version), addr("b", version)], sched="rr")


def answers(version):
    """Whether a datagram to the VIP is answered."""
    sock = udp_socket(version)
    sock.settimeout(0.5)
    sock.send(b"?")
    try:
        return sock.recv(10)[1:] == b"?"
    except OSError:
        return False
    finally:
        sock.close()


def entry(where):
    lbctl("set-entry", where)


def test_rules():
    director = open_director()
    for where in ("prerouting", "input"):
        entry(where)
        fill(director)
        for hook, priority, effective in (
                ("prerouting", "raw", True), ("prerouting", "mangle",
                                              where == "input"),
                ("input", "filter", where == "input"), ("forward", "filter", False),
                ("output", "filter", False)):
            chain(hook, priority, "drop")
            got = [answers(version) for version in (4, 6)]
            ok(got == [not effective] * 2, "entry %s: a rule at %s, %s, is %s" %
               (where, hook, priority, "effective" if effective else
                "gone around"), got)
            unguard()
        got = [answers(version) for version in (4, 6)]
        ok(got == [True] * 2, "entry %s: without a rule all is well" % where, got)
        director.clear()
    entry("prerouting")
    director.close()


def test_switch():
    """Connections live through it."""
    director = open_director()
    fill(director)
    socks = [net.connect(version) for version in (4, 6) for _ in range(4)]
    letters = [sock.recv(1) for sock in socks]
    stop = threading.Event()

    def switch():
        # A change waits for a grace period.
        with net.within("director"):
            sock = genl.Genl()
        where = 0
        while not stop.is_set():
            where = 1 - where
            sock.do(genl.INFO_SET, genl.u8(genl.INFO_ENTRY, where))
            switches.append(where)
        sock.close()

    switches = []
    thread = threading.Thread(target=switch)
    thread.start()
    whole = [exchange(sock, 30000) for _ in range(5) for sock in socks]
    stop.set()
    thread.join()
    ok(all(whole) and len(switches) > 3, "eight connections lose nothing while the "
       "entry changes %d times" % len(switches), (letters, whole))
    for sock in socks:
        sock.close()
    director.clear()
    entry("prerouting")
    director.close()


class Queue(threading.Thread):
    """The program behind a rule that queues packets: takes them all."""

    BIND, PARAMS = 1, 2

    def __init__(self, number=0):
        super().__init__(daemon=True)
        with net.within("director"):
            self.sock = socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, 12)
        self.sock.bind((0, 0))
        self.number, self.taken = number, 0
        self.send(2, genl.attr(1, struct.pack("!BBH", 1, 0, 0)))
        # Packets whole, up to 64 KiB.
        self.send(2, genl.attr(2, struct.pack("!IB", 65535, 2)))

    def send(self, kind, body):
        message = struct.pack("=BBH", 0, 0, socket.htons(self.number)) + body
        self.sock.send(struct.pack("=IHHII", 16 + len(message), 3 << 8 | kind, 1, 0,
                                   0) + message)

    def run(self):
        while True:
            data = self.sock.recv(1 << 17)
            size, kind = struct.unpack("=IH", data[:6])
            if kind != 3 << 8:
                if kind == 2 and struct.unpack("=i", data[16:20])[0]:
                    return
                continue
            head = dict(genl.parse(data[20:size]))[1]
            self.taken += 1
            verdict = struct.pack("!II", 1, struct.unpack("!I", head[:4])[0])
            self.send(1, genl.attr(2, verdict))


def test_queue():
    """A packet that a program lets go on comes from that program's process, not
    from an interrupt."""
    director = open_director()
    done = subprocess.run(["modprobe", "nfnetlink_queue"], capture_output=True,
                          check=False)
    if done.returncode:
        print("skip - a queue: this kernel has none", flush=True)
        return
    queue = Queue()
    queue.start()
    for where in ("prerouting", "input"):
        entry(where)
        fill(director)
        chain("prerouting", "raw", "queue num 0")
        before = queue.taken
        good = []
        for version in (4, 6):
            sock = net.connect(version)
            good += [sock.recv(1) in (b"a", b"b"), exchange(sock, 20000),
                     answers(version)]
            sock.close()
        ok(all(good) and queue.taken > before + 20, "entry %s: what a program has "
           "let go on is forwarded" % where, (good, queue.taken - before))
        unguard()
        director.clear()
    entry("prerouting")
    director.close()


def test_socket():
    """A packet that a rule has assigned to a socket of the director is a server's
    all the same, and lets the socket go."""
    director = open_director()
    listeners = []
    for version in (4, 6):
        with net.within("director"):
            sock = socket.socket(net.AF[version])
        # IP_TRANSPARENT, IPV6_TRANSPARENT
        sock.setsockopt(*((socket.SOL_IP, 19) if version == 4 else (41, 75)), 1)
        sock.bind((("127.0.0.1", "::1")[version == 6], 8080))
        sock.listen()
        listeners.append(sock)
    try:
        nft("table inet guard {\n chain c { type filter hook prerouting priority raw;"
            "\n  ip daddr %s meta l4proto tcp tproxy ip to 127.0.0.1:8080\n"
            "  ip6 daddr %s meta l4proto tcp tproxy ip6 to [::1]:8080\n }\n}" %
            (VIP[4], VIP[6]))
    except subprocess.CalledProcessError:
        print("skip - a socket: this kernel has no tproxy", flush=True)
        director.close()
        return
    fill(director)
    counting = Counting()
    for version in (4, 6):
        sock = net.connect(version)
        letter, whole = sock.recv(1), exchange(sock, 50000)
        sock.close()
        ok(letter in (b"a", b"b") and whole, "IPv%d: what a rule has given a socket "
           "goes to its server" % version, (letter, whole))
    ok(not counting.grown(), "and nothing is dropped")
    unguard()
    for sock in listeners:
        sock.close()
    director.clear()
    director.close()


def test_where():
    words = lbctl("set-entry", "sideways", check=False)
    ok(words.returncode == 1 and "sideways" in words.stderr,
       "an entry that does not exist is refused in words: " +
       words.stderr.split("\n")[0])
    entry("input")
    director = open_director()
    fill(director)
    hooks = subprocess.run(["ip", "netns", "exec", "director", "nft", "list",
                            "hooks", "ip"], capture_output=True, text=True,
                           check=False).stdout
    if "lbdr" in hooks:
        part = hooks[hooks.index("hook input"):].split("hook ")[1]
        ok("lbdr" in part, "with the entry input, the hook is there", hooks)
    else:
        print("skip - hooks: nft does not list them here", flush=True)
    entry("prerouting")
    director.clear()
    director.close()


def again():
    """The same behaviour: the other scripts, each with a module of its own."""
    failed = False
    for script, *tests in AGAIN:
        done = subprocess.run(["./" + script] + tests, env=dict(
            os.environ, ENTRY="input"), capture_output=True, text=True, check=False)
        for line in done.stdout.splitlines():
            if line.startswith(("ok - ", "not ok - ", "skip - ")):
                line = line.replace(" - ", " - entry input: ", 1)
            print(line, flush=True)
        if done.returncode:
            print(done.stderr, flush=True)
            failed = True
    return failed


if __name__ == "__main__":
    bad = again()
    try:
        net.main(globals())
    finally:
        if bad:
            os._exit(1)
