# SPDX-License-Identifier: GPL-2.0
"""ip(8) without a process for every word: in an emulated machine a process takes
longer than what it is told to do. One `ip -batch` for each namespace is kept, and
what it cannot do, or refuses, is done once more by an ip of its own: a kept one
remembers devices that are gone, and ends at a word that it does not know.
"""
import os
import subprocess
import threading

# No word of ip's: the complaint, with the number of its line, tells that the line
# before it is done.
MARK = "the-end"

lock = threading.Lock()
kept = {}


class Shell:
    """One `ip -batch`, in a host's namespace; "" is the initial one."""

    def __init__(self, host):
        self.line = 0
        self.child = subprocess.Popen(
            ["ip"] + (["-n", host] if host else []) + ["-force", "-batch", "-"],
            stdin=subprocess.PIPE, stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE)

    def does(self, line):
        self.line += 2
        said, end = b"", b"Command failed -:%d\n" % self.line
        try:
            self.child.stdin.write(b"%s\n%s\n" % (line.encode(), MARK.encode()))
            self.child.stdin.flush()
        except BrokenPipeError:
            return False
        while not said.endswith(end):
            piece = os.read(self.child.stderr.fileno(), 4096)
            if not piece:
                return False
            said += piece
        return b"Command failed -:%d\n" % (self.line - 1) not in said

    def end(self):
        try:
            self.child.stdin.close()
        except BrokenPipeError:
            pass
        self.child.stderr.close()
        self.child.wait()


def does(host, line):
    """True when the host's kept ip did it."""
    with lock:
        if host not in kept:
            kept[host] = Shell(host)
        return kept[host].does(line)


def end(*hosts):
    """No kept ip is in these namespaces any more, or in any."""
    with lock:
        for host in hosts or list(kept):
            if host in kept:
                kept.pop(host).end()
