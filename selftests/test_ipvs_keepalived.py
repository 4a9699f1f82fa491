#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0
# Also on: bookworm
"""keepalived of the distribution, unchanged, drives lbdr by lbdr_ipvs.ko: health checks,
weights, sorry servers, reload, and restart under transfers."""
import http.server
import json
import os
import shutil
import signal
import socket
import subprocess
import threading

import net
from ipvs import Loaded
from net import VIP, ok, only, until
from servers import Transfer, which

CHECK_PORT = 8080
CONF, PIDS = "/run/keepalived.conf", "/run/keepalived-%s.pid"
FLAG = "/run/keepalived-%s"
# keepalived checks once a second, and a start in an emulated machine takes its time.
PATIENCE = 240


class Health(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200)
        self.end_headers()

    def log_message(self, *_):
        pass


class Check:
    """The web page of a real server that keepalived asks for, on its own address."""

    def __init__(self, host):
        self.host, self.server = host, None
        self.start()

    def start(self):
        http.server.ThreadingHTTPServer.allow_reuse_address = True
        with net.within(self.host):
            self.server = http.server.ThreadingHTTPServer(
                (net.addr(self.host), CHECK_PORT), Health)
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def stop(self):
        if self.server:
            self.server.shutdown()
            self.server.server_close()
        self.server = None


def misc(host, weight=1, more="", ip=4):
    """A real server that is there while a file is."""
    return """
        real_server %s 80 {
                weight %d
                %s
                MISC_CHECK {
                misc_path "/usr/bin/test -e %s"
                misc_timeout 60
                }
        }""" % (net.addr(host, ip), weight, more, FLAG % host)


def real(host, weight=1, check="HTTP_GET", more=""):
    """A real server; keepalived reads one word and its values a line."""
    page = """
                url {
                        path /
                        status_code 200
                }""" if check == "HTTP_GET" else ""
    return """
        real_server %s 80 {
                weight %d
                %s
                %s {%s
                connect_port %d
                connect_timeout 3
                retry 0
                delay_before_retry 1
                }
        }""" % (net.addr(host), weight, more, check, page, CHECK_PORT)


class Many(threading.Thread):
    """So many connections that send and get a little, in turn: a thread for each would
    take the whole time of an emulated CPU. What waits while servers are held is sent
    again by TCP."""

    def __init__(self, number):
        super().__init__(daemon=True)
        self.socks = [net.connect(4, timeout=60) for _ in range(number)]
        self.hosts = {sock.recv(1) for sock in self.socks}
        self.rounds, self.broken, self.ended = 0, [], threading.Event()
        self.start()

    def run(self):
        while not self.ended.is_set():
            word = b"%8d" % self.rounds
            for what in (lambda sock: sock.sendall(word),
                         lambda sock: sock.recv(8, socket.MSG_WAITALL) == word):
                for sock in list(self.socks):
                    try:
                        if what(sock) is False:
                            raise OSError("wrong answer")
                    except OSError as error:
                        self.broken.append(str(error))
                        self.socks.remove(sock)
            self.rounds += 1
            self.ended.wait(0.5)

    def goes_on(self, what):
        """A round that began after the call has ended."""
        before = self.rounds
        ok(until(lambda: self.rounds > before + 1, PATIENCE) and not self.broken and
           self.hosts == {b"a", b"b"}, "%d transfers to both servers %s, and none broke" %
           (len(self.socks), what), self.broken)

    def end(self):
        self.ended.set()
        self.join()
        for sock in self.socks:
            sock.close()


def virtual(*servers, more="", service=None, protocol="TCP"):
    return """
virtual_server %s {
        delay_loop 1
        lb_algo rr
        lb_kind DR
        protocol %s
        %s
%s
}
""" % (service or "%s 80" % VIP[4], protocol, more, "".join(servers))


def config(*servers, lvs="", **more):
    return """
global_defs {
        checker_log_all_failures
        script_user root
        %s
}
""" % lvs + virtual(*servers, **more)


class Keepalived:
    """The checkers of keepalived in the director, in the foreground."""

    def __init__(self, text):
        self.write(text)
        self.child = None
        self.start()

    @staticmethod
    def write(text):
        net.write(CONF, text)

    def start(self):
        with net.within("director"):
            self.child = subprocess.Popen(
                ["keepalived", "-n", "-l", "-D", "-C", "-f", CONF, "-p",
                 PIDS % "parent", "-c", PIDS % "checkers"],
                stdout=open("/run/keepalived.log", "w", encoding="utf-8"),
                stderr=subprocess.STDOUT)

    def reload(self, text):
        self.write(text)
        self.child.send_signal(signal.SIGHUP)

    def stop(self, number=signal.SIGTERM):
        if number == signal.SIGKILL:
            # The checkers are a process of their own, which would go on for a while.
            try:
                with open(PIDS % "checkers", encoding="ascii") as file:
                    os.kill(int(file.read()), number)
            except (OSError, ValueError):
                pass
        self.child.send_signal(number)
        self.child.wait()


def log():
    with open("/run/keepalived.log", encoding="utf-8") as file:
        return file.read()[-3000:]


def listed():
    """Address -> weight of the servers of the first service, or None."""
    rows = json.loads(net.lbctl("list", "-j").stdout)
    if not rows:
        return None
    return {row["address"]: row["weight"] for row in rows[0]["servers"]}


def have(what, **weights):
    """Waits until exactly these servers are listed, by host and weight."""
    want = {net.addr(host): weight for host, weight in weights.items()}
    ok(until(lambda: listed() == want, PATIENCE), what,
       "%s\n%s" % (listed(), log()))


class Running(Loaded):
    """Checks of both servers, keepalived and lbdr_ipvs."""

    def __init__(self, text):
        if not shutil.which("keepalived"):
            raise net.Skip("keepalived is not in this system")
        self.text = text

    def __enter__(self):
        super().__enter__()
        self.checks = {host: Check(host) for host in "ab"}
        self.daemon = Keepalived(self.text)
        return self

    def __exit__(self, *_):
        self.daemon.stop()
        for check in self.checks.values():
            check.stop()
        super().__exit__()


def test_checks():
    """A server whose check fails is removed, and added when it succeeds again."""
    for check in ("HTTP_GET", "TCP_CHECK"):
        with Running(config(real("a", 3, check), real("b", 5, check))) as run:
            have("%s: both servers, with their weights" % check, a=3, b=5)
            run.checks["a"].stop()
            have("the server whose check fails is removed", b=5)
            ok({which() for _ in range(6)} == {"b"},
               "all clients come to the other one")
            run.checks["a"].start()
            have("it is added again", a=3, b=5)
            ok({which() for _ in range(6)} == {"a", "b"}, "and gets clients")
        ok(listed() is None, "a stop removes the service")


@only("uml")
def test_kinds():
    """MISC_CHECK, services of IPv6 and SCTP, and thresholds, in one configuration."""
    for host in "ab":
        net.write(FLAG % host, "")
    text = config(misc("a", 3, "uthreshold 20\nlthreshold 10"), misc("b", 5)) + \
        virtual(misc("a", 2, ip=6), misc("b", ip=6), service="%s 80" % VIP[6]) + \
        virtual(misc("a", 4), protocol="SCTP")

    def rows():
        """(protocol, address) -> host -> weight, thresholds"""
        found = {}
        for row in json.loads(net.lbctl("list", "-j").stdout):
            found[row["protocol"], row["address"]] = {
                name: (each["weight"], each["upper_threshold"], each["lower_threshold"])
                for each in row["servers"] for name in "ab"
                if each["address"] in (net.addr(name), net.addr(name, 6))}
        return found

    def want(*hosts):
        all_of_them = {("tcp", VIP[4]): {"a": (3, 20, 10), "b": (5, 0, 0)},
                       ("tcp", VIP[6]): {"a": (2, 0, 0), "b": (1, 0, 0)},
                       ("sctp", VIP[4]): {"a": (4, 0, 0)}}
        return {key: {host: row for host, row in servers.items() if host in hosts}
                for key, servers in all_of_them.items()}
    with Running(text):
        ok(until(lambda: rows() == want("a", "b"), PATIENCE),
           "TCP of IPv4 with thresholds, of IPv6, and SCTP", "%s\n%s" % (rows(), log()))
        ok({which(6) for _ in range(6)} == {"a", "b"}, "IPv6 clients come to both")
        os.unlink(FLAG % "a")
        ok(until(lambda: rows() == want("b"), PATIENCE),
           "MISC_CHECK fails: the server is removed from all three", rows())
        ok({which(6) for _ in range(6)} == {"b"}, "IPv6 clients come to the other one")
        net.write(FLAG % "a", "")
        ok(until(lambda: rows() == want("a", "b"), PATIENCE), "and is added again",
           rows())


@only("uml")
def test_inhibit():
    """inhibit_on_failure: weight 0 instead of a removal."""
    with Running(config(real("a", 3, more="inhibit_on_failure"), real("b"))) as run:
        have("both servers", a=3, b=1)
        run.checks["a"].stop()
        have("the failed one has weight 0", a=0, b=1)
        run.checks["a"].start()
        have("and its weight again", a=3, b=1)


@only("uml")
def test_sorry():
    """The sorry server stands in while fewer than the quorum are left."""
    sorry = "quorum 1\nsorry_server %s 80" % net.addr("b")
    with Running(config(real("a", 3), more=sorry)) as run:
        have("the server alone", a=3)
        run.checks["a"].stop()
        have("the sorry server", b=1)
        ok(which() == "b", "gets the clients")
        run.checks["a"].start()
        have("the server is back", a=3)


@only("uml")
def test_reload():
    """A changed weight, and a removed server, under transfers."""
    with Running(config(real("a", 3), real("b", 3))) as run:
        have("both servers", a=3, b=3)
        transfers = Transfer(4)
        run.daemon.reload(config(real("a", 7), real("b", 3)))
        have("the new weight", a=7, b=3)
        transfers.goes_on("goes on")
        transfers.end()
        run.daemon.reload(config(real("a", 7)))
        have("one server", a=7)


@only("uml")
def test_restart():
    """A stop, with and without lvs_flush, or a kill, and a start: no transfer breaks."""
    servers = real("a", 3), real("b", 3)
    for what, lvs, number in (("restart", "", signal.SIGTERM),
                              ("restart with lvs_flush", "lvs_flush",
                               signal.SIGTERM),
                              ("restart with lvs_flush_on_stop",
                               "lvs_flush_on_stop", signal.SIGTERM),
                              ("kill", "lvs_flush", signal.SIGKILL)):
        with Running(config(*servers, lvs=lvs)) as run:
            have("both servers", a=3, b=3)
            transfers = Many(100)
            transfers.goes_on("go on")
            run.daemon.stop(number)
            run.daemon.start()
            have("%s: both servers again" % what, a=3, b=3)
            transfers.goes_on("go on after a %s" % what)
            transfers.end()


@only("uml")
def test_group():
    """A virtual_server_group with a fwmark and a range of addresses."""
    group = "virtual_server_group all {\n%s-66 80\nfwmark 9\n}\n" % VIP[4]
    text = config(real("a", 3), service="group all")
    with Running(group + text):
        def rows():
            found = json.loads(net.lbctl("list", "-j").stdout)
            return len(found) == 5 and all(len(row["servers"]) == 1 for row in found)
        ok(until(rows, PATIENCE), "four addresses and a fwmark, a server each", log())


if __name__ == "__main__":
    net.main(globals())
