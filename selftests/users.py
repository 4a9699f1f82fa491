# SPDX-License-Identifier: GPL-2.0
"""A user without privilege on the host, who is root of a user namespace and of a
network namespace in it."""
import os
import socket
import struct
import subprocess

import net

NEWUSER_NEWNET = 0x10000000 | 0x40000000
PR_SET_DUMPABLE = 4
NUMBER = 65534
NOT_ALLOWED = -77


class User:
    """A child that enters its namespaces, calls work() and stays. What work() returns,
    a number, is `answer`; NOT_ALLOWED where the kernel allows no user namespaces. ask()
    has the child call work() again."""

    def __init__(self, work, before=None):
        ours, theirs = socket.socketpair()
        self.child = os.fork()
        if not self.child:
            ours.close()
            try:
                if before:
                    before()
                answer = enter() or work()
                theirs.send(struct.pack("=q", answer))
                while theirs.recv(1) == b"x":
                    theirs.send(struct.pack("=q", work()))
            except BaseException as error:
                print("# user: %r" % error, flush=True)
            os._exit(0)
        theirs.close()
        self.sock = ours
        self.answer = self.hear()

    def hear(self):
        data = self.sock.recv(8)
        return struct.unpack("=q", data)[0] if len(data) == 8 else None

    def ask(self):
        """work() once more."""
        self.sock.send(b"x")
        return self.hear()

    def end(self):
        # A child that was made later has the socket, too, so closing it tells nothing.
        try:
            self.sock.send(b"q")
        except BrokenPipeError:
            pass # it has failed
        self.sock.close()
        os.waitpid(self.child, 0)


def enter():
    os.setgroups([])
    os.setresgid(NUMBER, NUMBER, NUMBER)
    os.setresuid(NUMBER, NUMBER, NUMBER)
    # Or the files of /proc/self would be root's.
    net.LIBC.prctl(PR_SET_DUMPABLE, 1, 0, 0, 0)
    if net.LIBC.unshare(NEWUSER_NEWNET):
        return NOT_ALLOWED
    net.write("/proc/self/setgroups", "deny")
    net.write("/proc/self/uid_map", "0 %d 1" % NUMBER)
    net.write("/proc/self/gid_map", "0 %d 1" % NUMBER)
    return 0


VIP, SERVER, SELF = "10.1.0.63", "10.1.0.2", "10.0.0.1"


def ip(*words):
    subprocess.run(("ip",) + words, check=True)


def lay():
    """Addresses behind a bridge without ports: a service has clients on this host."""
    ip("link", "set", "lo", "up")
    ip("link", "add", "out", "type", "bridge")
    ip("link", "set", "out", "up")
    ip("addr", "add", SELF + "/8", "dev", "out")


class Datagrams:
    """Sends each from another port, so that each has a connection."""

    def __init__(self):
        self.sock = socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_RAW)
        self.sent = 0

    def send(self, count):
        for _ in range(count):
            self.sent += 1
            packet = net.packet("10.0.%d.1" % (self.sent // 60000), VIP, 17,
                                net.udp(1024 + self.sent % 60000, 80, b"x"))
            try:
                self.sock.sendto(packet, (VIP, 0))
            except OSError:
                pass # the director has dropped it

    def close(self):
        self.sock.close()
