#!/usr/bin/python3 -B
# SPDX-License-Identifier: GPL-2.0
"""What the module tells: tracepoints for scheduling, connections and drops, and
the counters of drop reasons, by netlink and by lbctl."""
import ipaddress
import json
import os
import re
import subprocess

import genl
import net
from ipvs import VIPS
from net import ACK, RST, SYN, lbctl, ok, until, write
from test_tcp import NUMBER, Wire, flow, main, open_director, rips

TRACING = "/sys/kernel/tracing"


class Trace:
    """The module's events in the director's namespace, as they come."""

    def __enter__(self):
        if not os.path.exists(TRACING + "/trace"):
            subprocess.run(["mount", "-t", "tracefs", "tracefs", TRACING],
                           check=False)
        self.works = os.path.isdir(TRACING + "/events/lbdr")
        if self.works:
            self.netns = os.stat("/run/netns/director").st_ino
            write(TRACING + "/events/lbdr/enable", "1")
            self.events()
        return self

    def __exit__(self, *_):
        if self.works:
            write(TRACING + "/events/lbdr/enable", "0")
            write(TRACING + "/trace", "")

    def events(self):
        """(event, its words) of what has come since the last time."""
        out = []
        with open(TRACING + "/trace", encoding="ascii") as file:
            for line in file:
                found = re.search(r"(lbdr_[a-z_]+): netns=(\d+) (.*)", line)
                if found and int(found[2]) == self.netns:
                    out.append((found[1], found[3]))
        write(TRACING + "/trace", "")
        return out

    def wait(self, name):
        """Events until one of this name is among them."""
        seen = []
        until(lambda: seen.extend(self.events()) or
              any(event == name for event, _ in seen))
        return seen


def address(text):
    """As the events have it: IPv4 in IPv6."""
    parsed = ipaddress.ip_address(text)
    if parsed.version == 4:
        parsed = ipaddress.ip_address("::ffff:" + text)
    return parsed


def words(text):
    """Words of an event; the first port is the client's."""
    out = {}
    for name, value in re.findall(r"(\w+)=(\S+)", text):
        if name == "port":
            name = "vport" if "cport" in out else "cport"
        out[name] = ipaddress.ip_address(value) if name in (
            "client", "vip", "server") else value
    return out


def of(one, server=None, protocol=6):
    out = {"protocol": str(protocol), "client": address(one.client),
           "cport": str(one.sport), "vip": address(one.vip),
           "vport": str(one.port)}
    if server:
        out["server"] = address(server)
    return out


def is_of(event, text, name, want):
    got = words(text)
    return event == name and all(got.get(key) == value
                                 for key, value in want.items())


def test_events():
    director, wire = open_director(), Wire()
    with Trace() as trace:
        if not trace.works:
            print("skip - tracepoints: this kernel has none", flush=True)
            return
        for version in (4, 6):
            key, server = genl.key(VIPS[version][0]), rips(version, 0)[0]
            director.add(key, [server], timeout={"close": 1})
            trace.events()
            one = flow(version)
            wire.send(one.tcp(SYN))
            wire.send(one.tcp(ACK))
            seen = trace.events()
            want = of(one, server)
            ok(len(seen) == 2 and is_of(*seen[0], "lbdr_schedule", want) and
               is_of(*seen[1], "lbdr_conn_new", want), "IPv%d: a first packet is "
               "scheduled and begins a connection, the next tells nothing" % version,
               seen)
            wire.send(one.tcp(RST))
            seen = trace.wait("lbdr_conn_expire")
            ok(len(seen) == 1 and is_of(*seen[0], "lbdr_conn_expire", want) and
               words(seen[0][1])["state"] == str(genl.STATES.index("close")),
               "IPv%d: and it ends by its time-out, closed" % version, seen)

            wire.send(one.tcp(ACK))
            seen = trace.events()
            ok(seen == [("lbdr_drop", "reason=no-conn")], "IPv%d: a stray has its "
               "reason" % version, seen)
            director.weigh(key, server, 0)
            wire.send(one.tcp(SYN))
            seen = trace.events()
            nobody = {**of(one), "server": ipaddress.ip_address("::")}
            ok(len(seen) == 2 and is_of(*seen[0], "lbdr_schedule", nobody) and
               seen[1] == ("lbdr_drop", "reason=no-server"), "IPv%d: so has a "
               "connection that nobody takes" % version, seen)
            wire.send(one.tcp(SYN, ttl=1))
            director.weigh(key, server, 1)
            two = flow(version)
            wire.send(two.tcp(SYN, ttl=1))
            seen = trace.events()
            ok(("lbdr_drop", "reason=ttl") in seen, "IPv%d: and a packet whose TTL "
               "is used up" % version, seen)
            director.clear()

            # A mark's service, and what persistence remembers.
            udp = genl.key(VIPS[version][0], 80, NUMBER["udp"])
            director.add(udp, [server], persist=100)
            trace.events()
            wire.send(flow(version).udp())
            seen = [event for event, _ in trace.events()]
            ok(seen == ["lbdr_conn_new", "lbdr_schedule", "lbdr_conn_new"] or
               seen == ["lbdr_schedule", "lbdr_conn_new", "lbdr_conn_new"],
               "IPv%d: persistence remembers a client by an entry of its own" %
               version, seen)
            director.clear()
    wire.close()
    director.close()


def test_drops():
    director, wire = open_director(), Wire()
    director.add(genl.key(VIPS[4][0]), rips(4, 0), stray="drop")
    told = json.loads(lbctl("list", "--drops", "-j").stdout)
    for _ in range(3):
        wire.send(flow(4).tcp(ACK))
    after = json.loads(lbctl("list", "--drops", "-j").stdout)
    grown = {row["reason"]: row["packets"] - old["packets"]
             for row, old in zip(after, told) if row["packets"] != old["packets"]}
    ok(grown == {"stray": 3} and all(row["summary"] for row in after) and
       {row["reason"] for row in after} == set(net.drops()),
       "lbctl list --drops -j has every reason, its count and a sentence", grown)
    text = lbctl("list", "--drops").stdout
    ok(all(re.search(r"^\s*%s\s+%d\b|^\s*%d\s+%s\b" % (
        row["reason"], row["packets"], row["packets"], row["reason"]), text, re.M)
        for row in after), "and the text has the same", text)
    director.clear()
    wire.close()
    director.close()


def test_tool():
    """Each of these was tried by netlink elsewhere; here, that the words of the
    tool lead there."""
    wire = Wire()
    vip, other = VIPS[4][:2]
    one, two = rips(4, 0, 1)
    lbctl("add-service", "-t", vip + ":8000-8009", "-s", "rr", "-p", "50", "-M",
          "255.255.255.0", "--stray", "drop", "--timeouts", "established=77")
    lbctl("add-service", "-u", vip + ":0", "--ops", "--expire-quiescent", "yes")
    lbctl("add-service", "-f", "7", "-s", "wlc")
    lbctl("add-service", "--sctp-service", other + ":9")
    for words_of in (("-t", vip + ":8000-8009"), ("-u", vip + ":0"), ("-f", "7"),
                     ("--sctp-service", other + ":9")):
        for server in (one, two):
            lbctl("add-server", *words_of, "-r", server)
    rows = {(row["protocol"], row.get("fwmark")): row
            for row in json.loads(lbctl("list", "-j").stdout)}
    wide, ops, mark = rows["tcp", None], rows["udp", None], rows[None, 7]
    ok(wide["port"] == 8000 and wide["last_port"] == 8009 and
       wide["persistent_s"] == 50 and wide["persistent_prefix"] == 24 and
       wide["stray"] == "drop" and wide["timeouts_s"] == {"established": 77} and
       ops["one_packet"] and ops["expire_quiescent"] and ops["port"] == 0 and
       mark["scheduler"] == "wlc" and len(mark["servers"]) == 2 and
       ("sctp", None) in rows, "services by range, all ports, mark and SCTP are "
       "listed as they were asked for", rows)

    seen = flow(4, port=8003)
    fate = wire.send(seen.tcp(SYN))
    wire.send(seen.tcp(ACK))
    conns = json.loads(lbctl("list", "-c", "-j", "--state", "established", "--client",
                             seen.client + "/24").stdout)
    ok(len(conns) == 1 and conns[0]["client_port"] == seen.sport and
       conns[0]["virtual_port"] == 8003, "list -c by state and client", conns)
    saved = lbctl("save", "-n").stdout
    lbctl("del-server", "-t", vip + ":8000-8009", "-r", (one, two)[fate], "--drain")
    row = [server for server in json.loads(lbctl("list", "-j").stdout)[0]["servers"]
           if server["draining"]]
    ok(len(row) == 1 and row[0]["address"] == (one, two)[fate],
       "del-server --drain waits for the connection", row)
    done = lbctl("del-conn", "-t", vip + ":8000-8009")
    gone = until(lambda: len(json.loads(lbctl("list", "-j").stdout)[0]["servers"]) == 1)
    ok(done.stdout == "2 connections ended\n" and gone,
       "del-conn ends it, and what was remembered, and the server goes", done.stdout)
    lbctl("set-timeout", "1000", "0", "444")
    ok(lbctl("list", "--timeout").stdout.strip().endswith("1000 120 444"),
       "set-timeout, in ipvsadm's words", lbctl("list", "--timeout").stdout)
    lbctl("set-timeout", "900", "120", "300")
    lbctl("clear")
    for line in saved.splitlines():
        lbctl(*line.split())
    ok(lbctl("save", "-n").stdout == saved and "8000-8009" in saved,
       "what save writes makes the same services", saved)
    lbctl("clear")
    wire.close()


if __name__ == "__main__":
    main(globals())
