#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0
"""Servers and services that are removed with a hold time: what clients notice when
they are added again, in time or too late, and what listings say."""
import json
import re
import subprocess
import tempfile
import threading

import net
from net import ACK, SYN, Tap, drops_of, lbctl, ok, raw, tcp, until
from servers import Transfer, configure, exchange, server, service, which

HELD = "server-held"


def remove(version, *hosts, hold=None):
    for host in hosts:
        lbctl("del-server", *service(version), "-r", server(host, version),
              *([hold] if hold else []))


def add(version, *hosts):
    for host in hosts:
        lbctl("add-server", *service(version), "-r", server(host, version))


def reload(version, hold=None):
    """What a configuration that is written anew does: all goes, and comes back."""
    before = drops_of(HELD)
    lbctl("del-service", *service(version), *([hold] if hold else []))
    if hold:
        until(lambda: drops_of(HELD) > before)
    lbctl("add-service", *service(version), "-s", "rr")
    add(version, "a", "b")
    return drops_of(HELD) > before


def test_servers():
    for version in (4, 6):
        configure(version, [("a", 1), ("b", 1)])
        run = Transfer(version)
        before = drops_of(HELD)
        remove(version, "a", "b", hold="--hold")
        ok(until(lambda: drops_of(HELD) > before), "IPv%d: both servers are removed "
           "with --hold, packets of connections are dropped and counted" % version)
        add(version, "a", "b")
        run.goes_on("goes on when they are added again")
        run.end()
        run = Transfer(version)
        remove(version, "a", "b")
        add(version, "a", "b")
        ok(until(lambda: len(run.errors) >= 4, 40), "IPv%d: without --hold every one "
           "of 4 transfers breaks" % version, run.errors)
        run.end(whole=False)


def test_services():
    for version in (4, 6):
        configure(version, [("a", 1), ("b", 1)])
        run = Transfer(version)
        held = [reload(version, "--hold=500") for _ in range(3)]
        run.goes_on("goes on when the service was removed and added three times")
        ok(all(held), "IPv%d: and each time packets were dropped meanwhile" % version,
           held)
        run.end()
        run = Transfer(version)
        reload(version)
        ok(until(lambda: len(run.errors) >= 4, 40), "IPv%d: without --hold every one "
           "of 4 transfers breaks" % version, run.errors)
        run.end(whole=False)


def connect_meanwhile(version, remove_it, add_it):
    """What a client gets that connects while a server or service is held."""
    got = []

    def client():
        try:
            got.append(which(version, timeout=60))
        except OSError as error:
            got.append(str(error))

    before = drops_of(HELD)
    remove_it()
    thread = threading.Thread(target=client)
    thread.start()
    dropped = until(lambda: drops_of(HELD) > before)
    add_it()
    thread.join()
    return bool(dropped), got


def test_clients():
    for version in (4, 6):
        configure(version, [("a", 1)])
        seen = connect_meanwhile(
            version, lambda: remove(version, "a", hold="--hold"),
            lambda: add(version, "a"))
        ok(seen == (True, ["a"]), "IPv%d: who connects while the only server is held "
           "gets it when it is added" % version, seen)

        def add_all():
            lbctl("add-service", *service(version), "-s", "rr")
            add(version, "a")

        seen = connect_meanwhile(
            version, lambda: lbctl("del-service", *service(version), "--hold"),
            add_all)
        ok(seen == (True, ["a"]), "IPv%d: so does who connects while the service is "
           "held" % version, seen)
        # With another server nobody waits.
        add(version, "b")
        remove(version, "a", hold="--hold")
        ok(which(version) == "b", "IPv%d: of two servers the other one gets new "
           "connections" % version)
        lbctl("clear")


def test_persistent():
    """A client whose template leads to a held server waits, though another server is
    open. Not even a first packet reaches the held one."""
    for version in (4, 6):
        configure(version, [("a", 1), ("b", 1)])
        lbctl("edit-service", *service(version), "-p", "300")
        letter = which(version)
        remove(version, letter, hold="--hold=500")
        before, tap, at_server = drops_of(HELD), Tap("client"), Tap(letter)
        tap.send(raw(version, tcp(1024, 80, SYN)))
        tap.close()
        # The client's RST to an answer of the server would be counted, too.
        ok(until(lambda b=before: drops_of(HELD) > b) and
           not [f for f in at_server.frames() if f.sport == 1024], "IPv%d: the SYN of a "
           "persistent client of a held server is dropped" % version)
        at_server.close()
        add(version, letter)
        got = which(version)
        ok(got == letter, "IPv%d: the client gets its server when it is added again" %
           version, (letter, got))


def test_held_service():
    """Without a server, and without a connection of the client."""
    for version in (4, 6):
        configure(version, [])

        def add_all(v=version):
            # In one transaction: a service that has no servers yet refuses clients.
            words = " ".join(service(v))
            load("apply", "add-service %s -s rr\nadd-server %s -r %s\n" %
                 (words, words, server("a", v)))

        seen = connect_meanwhile(
            version, lambda v=version: lbctl("del-service", *service(v), "--hold=500"),
            add_all)
        ok(seen == (True, ["a"]), "IPv%d: a client is not refused while a service "
           "without servers is held" % version, seen)
        lbctl("del-service", *service(version), "--hold=500")
        before, strays, tap = drops_of(HELD), drops_of("no-conn"), Tap("client")
        tap.send(raw(version, tcp(1024, 80, ACK)))
        tap.close()
        ok(until(lambda b=before: drops_of(HELD) > b) and drops_of("no-conn") == strays,
           "IPv%d: a packet without a connection is dropped while its service is held" %
           version, drops_of("no-conn") - strays)
        lbctl("clear")


def rows(*words):
    return json.loads(lbctl("list", "-n", "-j", *words).stdout)


def test_listing():
    for version in (4, 6):
        configure(version, [("a", 1), ("b", 1)])
        sock = net.connect(version)
        port = sock.getsockname()[1]
        letter = sock.recv(1).decode()
        conns = rows()[0]["stats"]["connections"]
        remove(version, letter, hold="--hold=500")
        left = [each["address"] for each in rows()[0]["servers"]]
        ok(left == [net.addr(host, version) for host in "ab" if host != letter] and
           " held " not in lbctl("list").stdout,
           "IPv%d: a held server is not listed" % version, left)
        held = [each["held_s"] for each in rows("--held")[0]["servers"]]
        ok(sorted(each is None for each in held) == [False, True] and
           400 < max(each or 0 for each in held) <= 500 and
           re.search(r" held (4\d\d|500)\n", lbctl("list", "--held").stdout),
           "IPv%d: but by --held, with the seconds that are left" % version, held)
        ok(rows()[0]["stats"]["connections"] == conns, "IPv%d: its counters stay in "
           "its service's" % version)
        client = net.addr("client", version)
        trace = lbctl("trace", *service(version), "--data", "--client",
                      ("%s:%d" if version == 4 else "[%s]:%d") % (client, port),
                      "-j").stdout
        trace = json.loads(trace)
        trace = trace[0] if isinstance(trace, list) else trace
        ok(trace["verdict"] == "drop" and trace["reason"] == HELD and
           trace["server"]["state"] == "held",
           "IPv%d: trace says so of its connection" % version, trace)
        for words, sentence in (
                (("edit-server", "-w", "3"), "it is held, add it first"),
                (("del-server", "--drain"), "it is held, add it first")):
            done = lbctl(words[0], *service(version), "-r", server(letter, version),
                         *words[1:], check=False)
            ok(done.returncode and sentence in done.stderr,
               "IPv%d: %s is refused" % (version, " ".join(words)), done.stderr)
        save = lbctl("save").stdout
        add(version, letter)
        ok(exchange(sock, 1000), "IPv%d: added again, the connection goes on" % version)
        stats = {each["address"]: each["stats"]["connections"]
                 for each in rows()[0]["servers"]}
        ok(stats[net.addr(letter, version)] == 1, "IPv%d: with its counters" % version,
           stats)
        ok(server(letter, version) not in save, "IPv%d: it was not saved" % version,
           save)

        lbctl("del-service", *service(version), "--hold=500")
        ok(rows() == [] and [each["held_s"] > 400 for each in rows("--held")] == [True],
           "IPv%d: a held service is listed by --held only" % version, rows("--held"))
        done = lbctl("add-server", *service(version), "-r", server("a", version),
                     check=False)
        ok(done.returncode and "not found" in done.stderr,
           "IPv%d: a server for a held service is refused" % version, done.stderr)
        lbctl("clear")
        ok(rows("--held") == [], "IPv%d: clear removes held services" % version)
        sock.close()


def load(verb, text):
    """`restore` of a file that clears first, or `apply`."""
    if verb == "restore":
        text = "clear\n" + text
    with tempfile.NamedTemporaryFile("w+") as file:
        file.write(text)
        file.seek(0)
        subprocess.run([net.LBCTL, "-N", "director", verb] +
                       ([file.name] if verb == "apply" else []), stdin=file, check=True)


def saved():
    return sorted(lbctl("save").stdout.splitlines())


def test_whole():
    """A configuration that is loaded as a whole adopts what is held."""
    for version in (4, 6):
        for verb in ("restore", "apply"):
            configure(version, [("a", 1), ("b", 1)])
            whole = lbctl("save").stdout
            sock = net.connect(version)
            letter = sock.recv(1).decode()
            for removal in (("del-service", *service(version)),
                            ("del-server", *service(version), "-r",
                             server(letter, version))):
                lbctl(*removal, "--hold=500")
                load(verb, whole)
                ok(exchange(sock, 1000) and saved() == sorted(whole.splitlines()),
                   "IPv%d: %s after %s --hold continues the connection" %
                   (version, verb, removal[0]), lbctl("list", "--held").stdout)
            lbctl("del-server", *service(version), "-r", server(letter, version),
                  "--hold=500")
            left = lbctl("save").stdout
            load(verb, left)
            held = [each for each in rows("--held")[0]["servers"] if each["held_s"]]
            ok(len(held) == (verb == "apply"), "IPv%d: what the file does not have "
               "stays held after apply only" % version, (verb, held))
            sock.close()


def test_end():
    """Too late: the connection has ended, and nothing is left of what was held."""
    for version in (4, 6):
        configure(version, [("a", 1)])
        sock = net.connect(version)
        sock.recv(1)
        remove(version, "a", hold="--hold=1")
        ok(until(lambda: not rows("--held")[0]["servers"]),
           "IPv%d: a server is removed when its hold time is over" % version)
        ok(not exchange(sock, 10), "IPv%d: then its connections end" % version)
        lbctl("del-service", *service(version), "--hold=1")
        ok(until(lambda: not rows("--held")),
           "IPv%d: so is a service" % version)
        sock.close()


net.main(globals())
