#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0
# Also on: trixie bookworm backports
"""What an operator sees of the director: its tracepoints, one by one, and the
tool's verbs end to end, each once, by what they do to real connections."""
import json
import os
import re
import time

import genl
import net
from net import SYN, VIP, Tap, addr, drops, lbctl, ok, until
from servers import configure, exchange, server, service, udp_socket
from test_tcp import open_director

TRACING = "/sys/kernel/tracing"
EVENTS = ("lbdr_schedule", "lbdr_conn_new", "lbdr_conn_expire", "lbdr_drop")
NOBODY = "::"
SYN_RECV, CLOSE, UDP_STATE, TEMPLATE = 1, 5, 6, 11
LINE = re.compile(r" (lbdr_\w+): (.*)")
WORD = re.compile(r"(\w+)=(\S+)")


def mapped(address):
    """As tracepoints show it."""
    return address if ":" in address else "::ffff:" + address


class Trace:
    """A buffer of its own in tracefs, with every event of the module."""

    def __init__(self):
        if not os.path.isdir(TRACING + "/instances"):
            net.run("mount", "-t", "tracefs", "none", TRACING, check=False)
        self.home = TRACING + "/instances/lbdr"
        self.there = os.path.isdir(TRACING + "/events/lbdr")

    def __enter__(self):
        os.mkdir(self.home)
        self.enable("1")
        return self

    def enable(self, value):
        net.write(self.home + "/events/lbdr/enable", value)

    def clear(self):
        net.write(self.home + "/trace", "")

    def read(self, event=None, **wanted):
        """Events in their order, as dictionaries; those that have these fields.
        Two fields are called port: that of the client comes first."""
        with open(self.home + "/trace", encoding="ascii") as file:
            text = file.read()
        out = []
        for line in text.splitlines():
            match = LINE.search(line)
            if not match:
                continue
            fields = match.group(2).replace(" port=", " cport=", 1)
            row = dict(WORD.findall(fields), event=match.group(1))
            if event in (None, row["event"]) and \
                    wanted.items() <= row.items():
                out.append(row)
        return out

    def wait(self, event, number=1, **wanted):
        until(lambda: len(self.read(event, **wanted)) >= number)
        return self.read(event, **wanted)

    def __exit__(self, *_):
        self.enable("0")
        os.rmdir(self.home)


def flow_of(version, sport, protocol=6):
    """The fields that every event of a flow to port 80 of the VIP has."""
    return {"netns": str(os.stat("/run/netns/director").st_ino),
            "protocol": str(protocol), "client": mapped(addr("client", version)),
            "cport": str(sport), "vip": mapped(VIP[version]), "port": "80"}


def judge(got, event, name, *rows):
    """Events of one kind, against all that they should say."""
    want = [dict(row, event=event) for row in rows]
    ok(got == want, name, "%s\nnot %s" % (got, want))


def test_events():
    director, client = open_director(), Tap("client")
    trace = Trace()
    if not trace.there:
        client.close()
        director.close()
        print("skip - tracepoints: this kernel has no events in tracefs", flush=True)
        return
    with trace:
        for version in (4, 6):
            connection(trace, director, version)
            refused(trace, version)
            dropped(trace, client, version)
            remembered(trace, director, version)
        quiet(trace)
    client.close()
    director.close()


def connection(trace, director, version):
    """From the first packet until its time is over."""
    name = "IPv%d: " % version
    configure(version, [("a", 1)])
    trace.clear()
    sock = net.connect(version)
    sport = str(sock.getsockname()[1])
    sock.recv(1)
    exchange(sock, 5000)
    flow, to_a = flow_of(version, sport), mapped(addr("a", version))
    judge(trace.wait("lbdr_schedule", cport=sport), "lbdr_schedule",
          name + "lbdr_schedule tells the server that a connection gets, once",
          dict(flow, mark="0", server=to_a))
    judge(trace.wait("lbdr_conn_new", cport=sport), "lbdr_conn_new",
          name + "lbdr_conn_new tells of it in SYN_RECV, once",
          dict(flow, server=to_a, state=str(SYN_RECV)))
    ok(not trace.read("lbdr_conn_expire", cport=sport),
       name + "while it lives nothing tells of its end")
    director.set_timeouts({"close": 1})
    begun = time.monotonic()
    sock.setsockopt(1, 13, b"\1\0\0\0\0\0\0\0")      # SO_LINGER: it ends by RST
    sock.close()
    got = trace.wait("lbdr_conn_expire", cport=sport)
    took = time.monotonic() - begun
    judge(got, "lbdr_conn_expire", name + "lbdr_conn_expire tells of it in CLOSE, "
          "once", dict(flow, server=to_a, state=str(CLOSE)))
    ok(took > 0.5 and not director.conns(cport=int(sport)),
       name + "when its timeout of a second is over, and it is gone", took)
    director.set_timeouts({"close": 10})


def refused(trace, version):
    name = "IPv%d: " % version
    configure(version, [("a", 0)])
    trace.clear()
    try:
        sock = net.connect(version)
        told, sport = False, sock.getsockname()[1]
        sock.close()
    except ConnectionRefusedError:
        told = True
        sport = (trace.wait("lbdr_schedule") or [{"cport": "0"}])[0]["cport"]
    tries = trace.wait("lbdr_schedule")
    ok(told and tries and tries[0] == dict(
        flow_of(version, sport), mark="0", server=NOBODY, event="lbdr_schedule"),
       name + "lbdr_schedule tells that there was no server", tries)
    drop = trace.read("lbdr_drop")
    ok(len(drop) == len(tries) and not trace.read("lbdr_conn_new"),
       name + "lbdr_drop of each try; no connection is begun", (drop, tries))
    judge(drop[:1], "lbdr_drop", name + "lbdr_drop says why, and in which namespace",
          {"netns": flow_of(version, 0)["netns"], "reason": "no-server"})


def dropped(trace, client, version):
    """Packets by hand, some for reasons that counters know as well."""
    name = "IPv%d: " % version
    configure(version, [("a", 1)], protocol=17)
    lbctl("add-service", *service(version), "-s", "rr", "--stray", "drop")
    lbctl("add-server", *service(version), "-r", server("a", version))
    trace.clear()
    before = drops()
    for body, protocol, ttl in ((net.udp(5000, 80, b"x"), 17, 1),
                                (net.udp(0, 80, b"x"), 17, 64),
                                (net.tcp(5001, 80, net.ACK), 6, 64),
                                (net.tcp(5002, 80, SYN, doff=4), 6, 64),
                                (net.udp(5003, 80, b"x"), 17, 64)):
        client.send(net.raw(version, body, protocol, ttl=ttl))
    until(lambda: len(trace.read("lbdr_drop")) >= 4 and
          trace.read("lbdr_conn_new", cport="5003"))
    reasons = sorted(row["reason"] for row in trace.read("lbdr_drop"))
    ok(reasons == ["malformed", "malformed", "stray", "ttl"],
       name + "lbdr_drop tells each reason: TTL used up, a port of 0, no "
       "connection, a data offset of 4", reasons)
    now = drops()
    grown = {word: now[word] - before[word] for word in now
             if now[word] != before[word]}
    ok(grown == {word: reasons.count(word) for word in reasons},
       name + "as often as the counters have it", (grown, reasons))
    flow = flow_of(version, 5003, 17)
    judge(trace.read("lbdr_conn_new", cport="5003"), "lbdr_conn_new",
          name + "of a good datagram, a connection in the state UDP",
          dict(flow, server=mapped(addr("a", version)), state=str(UDP_STATE)))


def remembered(trace, director, version):
    """Persistence, and a service of a mark."""
    name = "IPv%d: " % version
    lbctl("clear")
    # What the last services left would be told later.
    director.kill()
    until(lambda: not director.held())
    nft_mark(9)
    key = genl.marked(9, version)
    director.add(key, [addr("b", version)], sched="rr", persist=50)
    trace.clear()
    sock = net.connect(version)
    sport = str(sock.getsockname()[1])
    sock.recv(1)
    row = trace.wait("lbdr_schedule", cport=sport)
    judge(row, "lbdr_schedule", name + "lbdr_schedule tells the mark of its service",
          dict(flow_of(version, sport), mark="9",
               server=mapped(addr("b", version))))
    rows = trace.wait("lbdr_conn_new", 2)
    ok([(row["state"], row["cport"]) for row in rows] ==
       [(str(TEMPLATE), "0"), (str(SYN_RECV), sport)],
       name + "lbdr_conn_new tells what persistence remembers, then the connection",
       rows)
    sock.close()
    until(lambda: director.conns(cport=int(sport), state="fin-wait"))
    trace.clear()
    listed = director.conns()
    killed = director.kill()
    rows = trace.wait("lbdr_conn_expire", killed)
    ok(killed == len(rows) >= 2, name + "lbdr_conn_expire tells of each one that is "
       "ended by hand", (killed, rows, listed))
    net.run("ip", "netns", "exec", "director", "nft", "delete", "table", "inet",
            "marks")


def nft_mark(mark):
    net.run("ip", "netns", "exec", "director", "nft", """
table inet marks {
	chain set_mark {
		type filter hook prerouting priority mangle
		tcp dport 80 meta mark set %d
	}
}""" % mark)


def quiet(trace):
    configure(4, [("a", 1)])
    trace.clear()
    trace.enable("0")
    sock = net.connect()
    letter = sock.recv(1)
    sock.close()
    ok(letter == b"a" and not trace.read(), "events that are switched off tell nothing")


def rows_of(*words):
    return json.loads(lbctl("list", *words, "-j").stdout)


@net.only("uml")
def test_tool_drops():
    configure(4, [("a", 0)])
    for _ in range(2):
        try:
            net.connect()
        except ConnectionRefusedError:
            pass
    rows, want, lines = (), {}, ()

    def agree():
        """Asked one after the other, while packets may be dropped."""
        nonlocal rows, want, lines
        rows, want = rows_of("--drops"), drops()
        lines = lbctl("list", "--drops").stdout.splitlines()
        words = [line.split(None, 2) for line in lines[1:]]
        return {row["reason"]: row["packets"] for row in rows} == want and \
            {word[0]: (int(word[1]), word[2]) for word in words} == \
            {row["reason"]: (row["packets"], row["summary"]) for row in rows}

    ok(until(agree) and want["no-server"] >= 2 and
       lines[0].split() == ["Reason", "Packets", "Meaning"],
       "list --drops has every reason with its count, as JSON and as text",
       (rows, want, lines))
    ok(all(set(row) == {"reason", "packets", "summary"} and len(row["summary"]) > 10
           for row in rows) and len({row["summary"] for row in rows}) == len(rows),
       "and a meaning of its own for each", rows)
    with net.within("a"):
        other = genl.Director()
    rows = [dict(genl.parse(value)) for kind, value in
            genl.parse(other.do(genl.INFO_GET)[0]) if kind == genl.INFO_DROP]
    other.close()
    ok(len(rows) == len(want) and not any(genl.number(row[3]) for row in rows),
       "another network namespace counts its own", rows)


@net.only("uml")
def test_tool_connections():
    configure(4, [("a", 1), ("b", 1)])
    socks = [net.connect() for _ in range(4)]
    letters = [sock.recv(1).decode() for sock in socks]
    ports = [sock.getsockname()[1] for sock in socks]
    for sock in socks:
        exchange(sock, 10)
    rows = {row["client_port"]: row for row in rows_of("-c")}
    good = [(rows[port]["server_address"], rows[port]["state"],
             rows[port]["virtual_address"], rows[port]["virtual_port"],
             rows[port]["client_address"]) == (addr(letter), "established", VIP[4],
                                               80, addr("client"))
            for port, letter in zip(ports, letters)]
    ok(all(good) and all(800000 < rows[port]["expires_ms"] <= 900000
                         for port in ports), "list -c -j: each connection, its "
       "server, its state and its time", rows)
    text = [line.split() for line in lbctl("list", "-c", "-n").stdout.splitlines()]
    want = sorted(["TCP", "ESTABLISHED", "%s:%d" % (addr("client"), port),
                   VIP[4] + ":80", addr(letter) + ":80"]
                  for port, letter in zip(ports, letters))
    ok(sorted([row[0]] + row[2:] for row in text[2:] if row[3] in
              [line[2] for line in want]) == want, "list -c tells the same as text",
       text)
    done = lbctl("del-conn", *service(4), "-r", addr("a"), "--state", "established")
    left = {row["client_port"] for row in rows_of("-c")} & set(ports)
    ok(left == {port for port, letter in zip(ports, letters) if letter == "b"} and
       "2" in done.stdout.split(), "del-conn with a filter ends those that it "
       "means, and says how many", (done.stdout, left))
    dead, live = ([sock for sock, letter in zip(socks, letters) if letter == which]
                  for which in "ab")
    ok(all(exchange(sock, 3000) for sock in live), "the others go on")
    try:
        dead[0].sendall(b"x")
        told = dead[0].recv(10) == b""
    except ConnectionResetError:
        told = True
    ok(told, "a client whose connection was ended gets a TCP RST")
    for sock in socks:
        sock.close()


@net.only("uml")
def test_tool_timeouts():
    configure(4, [("a", 1)], protocol=17)
    lbctl("set-timeout", "udp=1", "established=7200")
    told = {row["state"]: row["timeout_s"] for row in rows_of("--timeout")}
    ok((told["udp"], told["established"], told["fin_wait"]) == (1, 7200, 120) and
       lbctl("list", "--timeout").stdout.split()[-3:] == ["7200", "120", "1"],
       "set-timeout: list --timeout tells what was set, and what was left", told)
    sock, begun = udp_socket(4), time.monotonic()
    sock.send(b"x")
    sock.recv(10)
    sport = sock.getsockname()[1]
    gone = until(lambda: sport not in {row["client_port"] for row in rows_of("-c")})
    took = time.monotonic() - begun
    ok(gone and took > 0.5, "a connection goes when the timeout is over", took)
    sock.close()
    lbctl("set-timeout", "900", "120", "300")
    told = {row["state"]: row["timeout_s"] for row in rows_of("--timeout")}
    ok((told["established"], told["fin_wait"], told["udp"]) == (900, 120, 300),
       "set-timeout with three numbers, as ipvsadm has it", told)


@net.only("uml")
def test_tool_entry():
    configure(6, [("a", 1)])
    for word in ("input", "prerouting"):
        lbctl("set-entry", word)
        sock = net.connect(6)
        ok(sock.recv(1) == b"a" and rows_of("--info")[0]["entry"] == word and
           re.search(r"^entry +%s$" % word, lbctl("list", "--info").stdout, re.M),
           "set-entry %s: told by list --info, and connections work" % word)
        sock.close()


@net.only("uml")
def test_tool_drain():
    configure(4, [("a", 1), ("b", 1)])
    socks = {}
    while len(socks) < 2:
        sock = net.connect()
        socks.setdefault(sock.recv(1).decode(), sock)
    lbctl("del-conn", "--state", "fin_wait", check=False)
    lbctl("set-timeout", "fin_wait=1")
    lbctl("del-server", *service(4), "-r", addr("a"), "--drain")
    rows = {row["address"]: row["draining"] for row in rows_of()[0]["servers"]}
    ok(rows == {addr("a"): True, addr("b"): False} and
       "draining" in lbctl("list", "-n").stdout and
       exchange(socks["a"], 5000), "del-server --drain: told as draining, and its "
       "connection works on", rows)
    got = []
    for _ in range(4):
        with net.connect() as sock:
            got.append(sock.recv(1))
    ok(got == [b"b"] * 4, "it gets no new connection", got)
    lbctl("add-server", *service(4), "-r", addr("a"))
    rows = {row["address"]: row["draining"] for row in rows_of()[0]["servers"]}
    ok(rows[addr("a")] is False and exchange(socks["a"], 5000),
       "add-server takes it back", rows)
    lbctl("del-server", *service(4), "-r", addr("a"), "--drain")
    socks["a"].close()
    ok(until(lambda: [row["address"] for row in rows_of()[0]["servers"]] ==
             [addr("b")]), "when its last connection is gone, it is gone")
    socks["b"].close()
    lbctl("set-timeout", "fin_wait=120")


def letters_of(version, ports, number):
    got = ""
    for _ in range(number):
        for port in ports:
            with net.connect(version, port=port) as sock:
                got += sock.recv(1).decode()
    return got


@net.only("uml")
def test_tool_services():
    """Persistence, ranges of ports and marks."""
    for version in (4, 6):
        form = ("%s:%s" if version == 4 else "[%s]:%s") % (VIP[version], "%s")
        name = "IPv%d: " % version
        lbctl("clear")
        lbctl("add-service", "-t", form % 80, "-s", "rr", "-p", "100")
        for host in "ab":
            lbctl("add-server", "-t", form % 80, "-r", server(host, version))
        got = letters_of(version, [80], 4)
        row = rows_of()[0]
        ok(len(set(got)) == 1 and row["persistent_s"] == 100 and
           sum(one["persistent_connections"] for one in row["servers"]) == 1,
           name + "-p: a client comes back to its server", (got, row))

        lbctl("clear")
        lbctl("add-service", "-t", form % "70-90", "-s", "rr")
        lbctl("add-server", "-t", form % "70-90", "-r", server("b", version))
        got, row = letters_of(version, [80], 2), rows_of()[0]
        ok(got == "bb" and (row["port"], row["last_port"]) == (70, 90) and
           row["servers"][0]["stats"]["connections"] == 2,
           name + "a range of ports has the port in it", (got, row))
        try:
            net.connect(version, port=91).close()
            outside = "connected"
        except ConnectionRefusedError:
            outside = "refused"
        ok(outside == "refused", name + "and not the port behind it", outside)

        lbctl("clear")
        nft_mark(5)
        six = ["-6"] if version == 6 else []
        lbctl("add-service", "-f", "5", *six, "-s", "rr")
        lbctl("add-server", "-f", "5", *six, "-r", server("a", version))
        got, row = letters_of(version, [80], 2), rows_of()[0]
        ok(got == "aa" and row["fwmark"] == 5 and
           row["servers"][0]["stats"]["connections"] == 2,
           name + "-f: what has the mark", (got, row))
        net.run("ip", "netns", "exec", "director", "nft", "delete", "table", "inet",
                "marks")
        saved = lbctl("save").stdout
        ok("-f 5" in saved and server("a", version) in saved,
           name + "save writes it down", saved)
    lbctl("clear")


if __name__ == "__main__":
    net.main(globals())
