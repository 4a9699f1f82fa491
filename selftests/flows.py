# SPDX-License-Identifier: GPL-2.0
"""Many transfers by one thread: each sends messages to a server that sends them back, one
after the other.
"""
import errno
import os
import select
import socket
import threading
import time

import net
from net import until, within

# The silence after which a transfer hangs: TCP waits twice as long each time before it
# sends again, so an outage may last twice as long for a transfer.
HANGS = 120.0


class Flow:
    def __init__(self, sock, server, period, asks):
        self.sock, self.server, self.period = sock, server, period
        self.sport = sock.getsockname()[1]
        self.due = 0.0 if asks else None
        self.left, self.rounds, self.error = 0, 0, None


def reached(goals):
    """How many transfers have come to their goals, or broke."""
    return sum(bool(flow.error) or flow.rounds >= goal for flow, goal in goals)


class Flows(threading.Thread):
    """Transfers of the client that go on until they break, or all are ended. The thread
    computes half of the time at most: daemons need the CPU, too. `server` is a pattern of
    the server's name for servers that send a letter first; else they are silent."""

    SIZE = 600

    def __init__(self, address, server=None):
        super().__init__(daemon=True)
        self.address, self.server = address, server
        self.poll, self.lock, self.ending = select.epoll(), threading.Lock(), False
        self.flows, self.by_fd = [], {}
        self.message = os.urandom(self.SIZE)
        self.start()

    def add(self, number, period=0.25, asks=True):
        """Transfers that send a message `period` seconds after the answer to the last one;
        with None only in go_on(). Without `asks` they begin without a message. Not all at
        once, since queues of servers are short."""
        new = []
        for at in range(0, number, 50):
            part = [self.begin() for _ in range(min(50, number - at))]
            new += [Flow(sock, self.connected(sock), period, asks) for sock in part]
        with self.lock:
            for flow in new:
                self.by_fd[flow.sock.fileno()] = flow
                self.poll.register(flow.sock, select.EPOLLIN)
            self.flows += new

    def begin(self):
        with within("client"):
            sock = socket.socket(net.AF[6 if ":" in self.address[0] else 4])
        sock.setblocking(False)
        error = sock.connect_ex(self.address)
        if error not in (0, errno.EINPROGRESS):
            raise OSError(error, "the client does not connect")
        return sock

    def connected(self, sock):
        """Waits for the connection. Returns the name of the server if it sends one."""
        waiting = select.poll()
        waiting.register(sock, select.POLLIN if self.server else select.POLLOUT)
        waiting.poll(HANGS * 1000)
        error = sock.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
        if error:
            raise OSError(error, "no connection")
        sock.getpeername()
        return self.server % sock.recv(1).decode() if self.server else None

    def send(self, flow):
        flow.left, flow.due = self.SIZE, None
        flow.sock.sendall(self.message)

    def hear(self, flow):
        try:
            data = flow.sock.recv(65536)
        except BlockingIOError:
            # The event was of a flow that had this number before.
            return
        if not data:
            raise OSError("the server has closed it")
        if not flow.left or data != self.message[self.SIZE - flow.left:][:len(data)]:
            raise OSError("not what was sent")
        flow.left -= len(data)
        if not flow.left:
            flow.rounds += 1
            # go_on() may have set it meanwhile.
            if flow.due is None and flow.period is not None:
                flow.due = time.monotonic() + flow.period

    def attempt(self, work, flow):
        try:
            work(flow)
        except OSError as error:
            flow.error = str(error)
            self.poll.unregister(flow.sock)
            flow.sock.close()

    def step(self, events):
        now = time.monotonic()
        for number, _ in events:
            # finish() may have closed it since the event.
            flow = self.by_fd.get(number)
            if flow and not flow.error:
                self.attempt(self.hear, flow)
        for flow in self.flows:
            if not flow.error and not flow.left and flow.due is not None and \
                    flow.due <= now:
                self.attempt(self.send, flow)

    def run(self):
        while not self.ending:
            events = self.poll.poll(0.1, 1000)
            begun = time.monotonic()
            with self.lock:
                self.step(events)
            time.sleep(max(0.05, time.monotonic() - begun))

    def broken(self, server=None):
        """The transfers that broke, of one server or of all."""
        return [flow for flow in self.flows if flow.error and server in (None, flow.server)]

    def go_on(self, server=None):
        """Waits until every transfer, of one server or of all, has exchanged a message that
        begins now, or broke; those that hang are broken, too. Returns how many are broken."""
        with self.lock:
            flows = [flow for flow in self.flows if server in (None, flow.server)]
            goals = [(flow, flow.rounds + (2 if flow.left else 1)) for flow in flows]
            for flow in flows:
                flow.due = 0.0
        done = -1
        while done != (now := reached(goals)) and now < len(goals):
            done = now
            until(lambda done=done: reached(goals) > done, HANGS)
        for flow, goal in goals:
            if not flow.error and flow.rounds < goal:
                flow.error = "hangs"
        return len(self.broken(server))

    def finish(self, flows):
        """Closes those of these transfers that are not in the middle of a message, and
        forgets them."""
        with self.lock:
            for flow in flows:
                if not flow.error and not flow.left:
                    self.poll.unregister(flow.sock)
                    del self.by_fd[flow.sock.fileno()]
                    flow.sock.close()
                    self.flows.remove(flow)

    def end(self):
        self.ending = True
        self.join()
        for flow in self.flows:
            flow.sock.close()
        self.poll.close()
