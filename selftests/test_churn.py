#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0
# CPUs: 2
"""Hundreds of transfers run while services, servers, weights, thresholds,
persistence and the scheduler change all the time. Server a stays in its service
throughout: no connection on it loses a byte, or is reset."""
import errno
import json
import os
import random
import select
import socket
import threading
import time
from collections import Counter

import genl
import net
from genl import NESTED, Genl, attr, key, u8, u32
from net import VIP, ok, until

# Two minutes where everything runs; otherwise the same, but shorter.
SECONDS = int(os.environ.get("CHURN", 120 if net.EVERYTHING else
                             {"uml": 40, "kcsan": 60}.get(net.LABEL, 12)))
TRANSFERS = 200
PORTS = range(1000, 1040)


class Churn(threading.Thread):
    """The operator with the trembling hand."""

    def __init__(self, seed):
        super().__init__(daemon=True)
        self.dice = random.Random(seed)
        with net.within("director"):
            self.sock = Genl()
        self.schedulers = self.sock.schedulers()
        self.stop = threading.Event()
        self.done = 0
        self.refusals = {}
        for version in (4, 6):
            self.do(genl.SERVICE_NEW, self.key(version))
            self.do(genl.SERVER_NEW, self.server(version, "a"))
        self.refusals.clear()

    @staticmethod
    def key(version, port=80):
        return key(VIP[version], port)

    def server(self, version, host, port=80, *more):
        return genl.server(net.addr(host, version), self.key(version, port), *more)

    def do(self, command, body):
        self.done += 1
        try:
            self.sock.do(command, body)
        except genl.Refused as error:
            # What is there already, or is not there, is part of the game.
            name = errno.errorcode[error.code]
            self.refusals[name] = self.refusals.get(name, 0) + 1

    def service(self, version):
        """Another scheduler, with or without options, or another setting."""
        name = self.dice.choice(self.schedulers)
        body = self.key(version) + attr(genl.SCHEDULER, name.encode() + b"\0")
        if name in ("sh", "mh"):
            body += u32(genl.SCHED_FLAGS, self.dice.randrange(4))
        if name == "mh":
            body += u32(genl.SCHED_SIZE, 251)
        if self.dice.random() < 0.3:
            body += u32(genl.PERSIST, self.dice.choice((0, 0, 1, 60))) + \
                u8(genl.PERSIST_PREFIX, self.dice.choice((8, 24, 32)))
        if self.dice.random() < 0.3:
            body += u8(genl.STRAY, self.dice.randrange(4)) + \
                u8(genl.REFUSE, self.dice.randrange(3)) + \
                attr(genl.TIMEOUT | NESTED, u32(2, self.dice.choice((0, 60, 900))))
        self.do(genl.SERVICE_SET, body)

    def one(self):
        version = self.dice.choice((4, 6))
        what = self.dice.randrange(8)
        if what < 2:
            self.service(version)
        elif what == 2:
            self.do(genl.SERVER_SET, self.server(
                version, "a", 80,
                u32(genl.SERVER_WEIGHT, self.dice.choice((1, 1, 3, 10, 65535)))))
        elif what == 3:
            upper = self.dice.choice((0, 0, 20, 1000))
            self.do(genl.SERVER_SET, self.server(
                version, "b", 80, u32(genl.SERVER_UPPER, upper),
                u32(genl.SERVER_LOWER, upper // 2)))
        elif what == 4:
            self.do(genl.SERVER_NEW, self.server(
                version, "b", 80,
                u32(genl.SERVER_WEIGHT, self.dice.choice((0, 1, 5)))))
        elif what == 5:
            more = attr(genl.SERVER_DRAIN, b"") if self.dice.random() < 0.5 else b""
            self.do(genl.SERVER_DEL, genl.attr(
                genl.SERVER_SERVICE | NESTED, self.key(version)) + attr(
                    genl.SERVER_ADDRESS, net.pack(net.addr("b", version))) + more)
        else:
            # A service that nobody uses comes, changes and goes.
            port = self.dice.choice(PORTS)
            if self.dice.random() < 0.5:
                self.do(genl.SERVICE_NEW, self.key(version, port))
                for host in "ab":
                    self.do(genl.SERVER_NEW, self.server(version, host, port))
            else:
                hold = u32(genl.SERVICE_HOLD, 1) if self.dice.random() < 0.5 else b""
                self.do(genl.SERVICE_DEL, self.key(version, port) + hold)

    def run(self):
        while not self.stop.is_set():
            self.one()
            time.sleep(0.003)


class Transfer:
    """A connection that says something, hears it back, and compares; after some
    rounds it ends, and another one takes its place."""

    def __init__(self, dice, rounds):
        self.dice, self.rounds = dice, rounds
        self.letter, self.expected, self.got = None, b"", b""
        self.version = dice.choice((4, 6))
        with net.within("client"):
            self.sock = socket.socket(net.AF[self.version], socket.SOCK_STREAM)
        self.sock.setblocking(False)
        self.sock.connect_ex((VIP[self.version], 80))

    def say(self):
        self.expected = self.dice.randbytes(self.dice.randrange(1, 4000))
        self.got = b""
        self.sock.sendall(self.expected)

    def hear(self):
        """False when it is over as it should be."""
        data = self.sock.recv(1 << 16)
        if not data:
            raise ConnectionResetError("closed by the server")
        if self.letter is None:
            self.letter, data = data[:1], data[1:]
        elif not self.expected.startswith(self.got + data):
            raise ValueError("other bytes than were sent")
        self.got += data
        if self.got == self.expected:
            self.rounds -= 1
            if self.rounds <= 0:
                return False
            self.say()
        return True


def test_churn():
    print("# %d s" % SECONDS, flush=True)
    dice = net.seeded()
    churn = Churn(net.SEED)
    churn.start()
    poll = select.poll()
    running, lost = {}, []
    ended, begun = Counter(), Counter()
    broken = 0
    end = time.monotonic() + SECONDS
    oldest = {}
    while True:
        # On a slow machine it takes longer until there is something to judge.
        enough = churn.done > 10 * SECONDS and ended[b"a"] > 10 and begun[b"b"]
        late = time.monotonic() > end and (enough or not churn.is_alive())
        while not late and len(running) < TRANSFERS:
            transfer = Transfer(dice, dice.choice((3, 10, 30, 300)))
            running[transfer.sock.fileno()] = transfer
            oldest[transfer.sock.fileno()] = time.monotonic()
            poll.register(transfer.sock, select.POLLIN)
        if late:
            break
        for fileno, _ in poll.poll(1000):
            transfer = running[fileno]
            try:
                silent = transfer.letter is None
                goes_on = transfer.hear()
                begun[transfer.letter] += silent
                ended[transfer.letter] += not goes_on
            except BlockingIOError:
                continue
            except (OSError, ValueError) as error:
                goes_on = False
                if transfer.letter == b"a":
                    lost.append("after %.1f s: %s" %
                                (time.monotonic() - oldest[fileno], error))
                else:
                    broken += 1
            if not goes_on:
                poll.unregister(fileno)
                del running[fileno]
                transfer.sock.close()
    alive = churn.is_alive()
    churn.stop.set()
    churn.join()
    on_a = [t for t in running.values() if t.letter == b"a"]
    print("# %d changes (refused: %s); ended well: %d on a, %d on b; broken on b or "
          "before the server spoke: %d" %
          (churn.done, churn.refusals, ended[b"a"], ended[b"b"], broken), flush=True)
    ok(alive and set(churn.refusals) <= {"EEXIST", "ESRCH", "ENOENT"},
       "changes are taken, or refused for what they are", churn.refusals)
    ok(ended[b"a"] > 10 and begun[b"b"] > 0, "transfers ran on both servers",
       (begun, ended))
    ok(not lost, "no transfer on the server that stayed lost a byte or was reset",
       "\n".join(lost[:10]))
    # Those that were open to the last are not stuck either: each goes on to the end
    # of what it was saying.
    stuck, deadline = [], time.monotonic() + net.WAIT
    for transfer in on_a:
        transfer.rounds = 1
        try:
            while True:
                transfer.sock.settimeout(max(deadline - time.monotonic(), 0.01))
                if not transfer.hear():
                    break
        except (OSError, ValueError) as error:
            stuck.append(str(error))
    ok(on_a and not stuck, "and %d that are still open go on" % len(on_a), stuck[:5])
    for transfer in running.values():
        transfer.sock.close()
    churn.sock.do(genl.FLUSH)
    churn.sock.close()
    ok(until(lambda: json.loads(net.lbctl("list", "-c", "-j").stdout) == []),
       "no connection is left when the services are gone")


net.main(globals())
