#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0
# CPUs: 2
"""Transactions: commands that are staged, and done together or not at all."""
import errno
import os
import signal
import socket
import subprocess
import threading

import genl
import net
from genl import (BATCH_ABORT, BATCH_BEGIN, BATCH_COMMANDS, BATCH_COMMIT, FLUSH,
                  INFO_SET, NESTED, SERVER_DEL, SERVER_GET, SERVER_NEW, SERVER_SET,
                  SERVER_WEIGHT, SERVICE_DEL, SERVICE_GET, SERVICE_NEW, SERVICE_SET,
                  attr, key, ports, server, settings, u8, u32)
from net import VIP, ok, seeded, until
from transactions import Staged, everything, there

PARAMETERS = "/sys/module/lbdr/parameters/"


def heard(ear):
    """The commands of all notifications that wait."""
    out = []
    ear.sock.settimeout(0.3)
    try:
        while True:
            out += [data[0] for _, _, _, data in ear.receive()]
    except TimeoutError:
        return out


def test_transaction():
    one, other, ear = there(), there(), there()
    other.add(key(), ["192.168.1.62"], sched="rr")
    other.add(key(port=81), ["192.168.1.62", "192.168.1.64"])
    ear.listen()
    before = everything(other)
    one.begin()
    for command, body in (
            (SERVICE_NEW, key(port=82) + settings(sched="wrr")),
            (SERVER_NEW, server("192.168.1.62", key(port=82))),
            (SERVER_SET, server("192.168.1.62", key(port=82),
                                u32(SERVER_WEIGHT, 5))),
            (SERVER_NEW, server("192.168.1.64", key(), u32(SERVER_WEIGHT, 3))),
            (SERVICE_SET, key() + settings(sched="mh")),
            (SERVER_DEL, server("192.168.1.62", key(port=81))),
            (INFO_SET, attr(genl.INFO_TIMEOUT | NESTED,
                            genl.timeouts({"udp": 77})))):
        ok(one.stage(command, body) is None, "a command is staged")
    ok(everything(other) == before and everything(one) == before,
       "what is staged is not there, for nobody")
    ok(not heard(ear), "and nobody is told")
    ok(one.commit() is None, "it is committed")
    want = {"192.168.1.62": 1, "192.168.1.64": 3}
    got = {a: row["weight"] for a, row in other.servers(key()).items()}
    ok(got == want, "a service has its new server", got)
    got = {a: row["weight"] for a, row in other.servers(key(port=82)).items()}
    ok(got == {"192.168.1.62": 5}, "a new service has one, of its last weight", got)
    ok(list(other.servers(key(port=81))) == ["192.168.1.64"],
       "a server that was removed is gone")
    info = dict(genl.parse(other.info()[genl.INFO_TIMEOUT]))
    ok(genl.number(info[6]) == 77, "a timeout is set", info)
    got = heard(ear)
    ok(sorted(got) == sorted([genl.SERVER_DEL_NTF, genl.SERVICE_SET_NTF,
                              genl.SERVER_NEW_NTF, genl.SERVICE_NEW_NTF,
                              genl.SERVER_NEW_NTF, genl.INFO_SET_NTF]),
       "each change is told once, when it is done", got)
    ok(one.stage(SERVICE_DEL, key(port=82)) == "ECANCELED",
       "after it, its id is not valid any more")
    one.do(SERVICE_DEL, key(port=82))
    ok(len(other.dump(SERVICE_GET)) == 2, "a command without an id is done at once")
    other.do(FLUSH)
    other.set_timeouts({"udp": 300})
    for sock in (one, other, ear):
        sock.close()


def test_order():
    """Commands see what those before them have made, and what stays, stays."""
    one, other = there(), there()
    other.add(key(), ["192.168.1.62", "192.168.1.64"], sched="rr")
    other.add(ports(8000, 8009, VIP[4]))
    other.add(key(port=90))
    one.begin()
    steps = [
        (SERVICE_NEW, key(), "EEXIST"),
        (SERVICE_DEL, key(), None),
        (SERVICE_DEL, key(), "ESRCH"),
        (SERVER_NEW, server("192.168.1.66"), "ESRCH"),
        (SERVICE_NEW, key(), None),
        (SERVER_SET, server("192.168.1.62"), "ENOENT"),
        (SERVER_NEW, server("192.168.1.64"), None),
        (SERVER_NEW, server("192.168.1.64"), "EEXIST"),
        (SERVER_NEW, server("192.168.1.66"), None),
        (SERVER_DEL, server("192.168.1.66"), None),
        (SERVER_DEL, server("192.168.1.66"), "ENOENT"),
        (SERVICE_NEW, ports(8005, 8015, VIP[4]), "ENOTUNIQ"),
        (SERVICE_DEL, ports(8000, 8009, VIP[4]), None),
        (SERVICE_NEW, ports(8005, 8015, VIP[4]), None),
        (SERVICE_NEW, ports(8000, 8009, VIP[4]), "ENOTUNIQ"),
        (SERVICE_NEW, ports(8010, 8020, VIP[4]), "ENOTUNIQ"),
        (SERVICE_SET, key() + u32(genl.FLAGS, 1), "EINVAL"),
        (SERVER_SET, server("192.168.1.64", None, u32(genl.SERVER_LOWER, 1)),
         "ERANGE"),
        (SERVER_SET, server("192.168.1.64", None, u32(genl.SERVER_UPPER, 2)), None),
        (SERVER_SET, server("192.168.1.64", None, u32(genl.SERVER_LOWER, 1)), None),
        (SERVER_SET, server("192.168.1.64", None, u32(SERVER_WEIGHT, 65536)),
         "ERANGE"),
        (SERVICE_NEW, key(port=91) + attr(genl.SCHEDULER, b"none\0"), "ENOENT"),
        (INFO_SET, u8(genl.INFO_ENTRY, 2), "EINVAL"),
    ]
    for number, (command, body, want) in enumerate(steps):
        got = one.stage(command, body)
        ok(got == want, "command %d of a transaction is %s" %
           (number + 1, want or "taken"), got)
    ok(one.commit() is None, "what was taken is committed, refused commands are no "
       "part of it")
    rows = other.servers(key())
    ok(list(rows) == ["192.168.1.64"], "what was removed and added is there", rows)
    got = [genl.parse(row) for row in other.dump(SERVICE_GET)]
    got = [int.from_bytes(dict(row)[genl.PORT], "big") for row in got]
    ok(got == [90, 80, 8005], "services are in the order of adding", got)
    other.do(FLUSH)
    one.close()
    other.close()


def test_refusals():
    one, other = there(), there()
    other.add(key(), ["192.168.1.62"])
    before = everything(other)
    ok(one.stage(BATCH_COMMIT, u32(BATCH_COMMANDS, 0)) == "ECANCELED" and
       one.stage(BATCH_ABORT) == "ECANCELED", "without a transaction nothing is "
       "committed or dropped")
    one.begin()
    first = one.id
    one.stage(SERVICE_NEW, key(port=85))
    one.begin()
    ok(one.id != first and first and one.id, "a socket may have several transactions",
       (first, one.id))
    two = there()
    two.id = first
    ok(two.stage(SERVICE_NEW, key(port=86)) == "ECANCELED" and
       two.commit(1) == "ECANCELED" and two.stage(BATCH_ABORT) == "ECANCELED",
       "an id is valid on the socket that opened the transaction only")
    two.close()
    second, one.id = one.id, first
    ok(one.stage(BATCH_ABORT) is None and one.stage(BATCH_ABORT) == "ECANCELED" and
       everything(other) == before, "each is dropped by its id")
    one.id = second
    ok(one.stage(BATCH_BEGIN, u32(1, 1)) == "EINVAL" and
       one.stage(BATCH_ABORT, u32(1, 1)) == "EINVAL" and
       one.stage(BATCH_COMMIT, u32(2, 1)) == "EINVAL" and
       one.stage(BATCH_COMMIT, u8(1, 1)) == "EINVAL" and
       one.stage(BATCH_COMMIT) == "EINVAL",
       "attributes that make no sense are refused")
    one.stage(SERVICE_NEW, key(port=81))
    ok(one.commit(2) == "ECANCELED" and everything(other) == before,
       "one that has lost a command changes nothing")
    ok(one.commit() == "ECANCELED", "and is over")
    one.begin().stage(SERVICE_DEL, key())
    ok(one.stage(BATCH_ABORT) is None and everything(other) == before,
       "one that is dropped changes nothing")
    one.begin()
    ok(one.commit() is None and everything(other) == before,
       "one of no commands does nothing")
    # What the policies refuse never gets to the module.
    one.begin()
    taken = one.stage(SERVICE_NEW, key(port=81) + u32(100, 1))
    ok(taken == "EINVAL" and one.commit(1) == "ECANCELED" and
       everything(other) == before, "a message that is malformed is missed at the end",
       taken)
    many = [there().begin() for _ in range(16)]
    ok(one.stage(BATCH_BEGIN) == "EUSERS", "a namespace has 16 of them open")
    many.pop().close()
    ok(one.begin().commit() is None, "and takes another one when one is closed")
    for sock in many:
        sock.close()
    ok(answers_lost(), "one whose id could not be told is not open")
    status = None
    with net.within("director"):
        status = genl.nobody()
        if status is None:
            sock = Staged()
            answers = [sock.stage(BATCH_BEGIN), sock.stage(BATCH_ABORT),
                       sock.stage(BATCH_COMMIT, u32(BATCH_COMMANDS, 0))]
            os._exit(0 if answers == ["no sentence"] * 3 else 1)
    ok(status == 0, "without CAP_NET_ADMIN nobody begins, ends or drops one", status)
    other.do(FLUSH)
    one.close()
    other.close()


def answers_lost():
    """A socket that does not read its answers, until no further one has room; then whether
    all transactions that a namespace may have can be opened."""
    mute = there()
    mute.sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1)
    for _ in range(100):
        mute.send(mute.family, genl.INFO_GET, b"", 0)
    for _ in range(16):
        mute.send(mute.family, BATCH_BEGIN, b"", 0)
    try:
        many = [there().begin() for _ in range(16)]
    except genl.Refused:
        return False
    finally:
        mute.close()
    for sock in many:
        sock.close()
    return True


def test_close():
    """A socket that is closed leaves nothing, and what it had can be had again."""
    said = net.run("dmesg").stdout.count("hold batch_max")
    limit = 50
    old = open(PARAMETERS + "batch_max", encoding="ascii").read()
    net.write(PARAMETERS + "batch_max", str(limit))
    other = there()
    other.add(key(), ["192.168.1.62", "192.168.1.64"])
    before = everything(other)
    full = []
    for _ in range(20):
        one = there().begin()
        one.stage(SERVER_DEL, server("192.168.1.62"))
        one.stage(SERVICE_NEW, key(port=81) + settings(sched="mh"))
        for last in range(1, 100):
            error = one.stage(SERVER_NEW, server("192.168.1.%d" % last,
                                                 key(port=81)))
            if error:
                break
        full.append((one.staged, error))
        one.close()
    # Of a service that is there, only what changes is staged: the service and a server.
    want = [(limit - 1, "EDQUOT")] * 20
    ok(full == want, "a transaction holds batch_max services and servers, and twenty "
       "in a row the same number", full)
    ok(everything(other) == before, "when they are closed nothing has changed")
    ok(net.run("dmesg").stdout.count("hold batch_max") - said == 1,
       "the kernel's log says it once")
    one, two = there().begin(), there().begin()
    answers = [sock.stage(SERVICE_NEW, key(port=100 + n))
               for n in range(limit // 2 + 1) for sock in (one, two)]
    ok(answers == [None] * limit + ["EDQUOT"] * 2, "two have room together", answers)
    one.close()
    ok(until(lambda: two.stage(SERVICE_NEW, key(port=300)) is None),
       "and one of them has all of it when the other is closed")
    two.close()
    net.write(PARAMETERS + "batch_max", old.strip())
    other.do(FLUSH)
    other.close()


def test_two():
    """Conflicts are found for each service, not for the namespace."""
    one, two, other = there().begin(), there().begin(), there()
    one.stage(SERVICE_NEW, key())
    two.stage(SERVICE_NEW, key(port=81))
    ok(one.commit() is None and two.commit() is None and
       len(other.dump(SERVICE_GET)) == 2, "two transactions on different services are "
       "both committed")
    one.begin().stage(SERVICE_NEW, key(port=82))
    two.begin().stage(SERVICE_NEW, key(port=82))
    ok(one.commit() is None and two.commit() == "EAGAIN",
       "of two that add the same service the second one is told to begin again")
    one.begin().stage(SERVICE_NEW, ports(8000, 8009, VIP[4]))
    two.begin().stage(SERVICE_NEW, ports(8005, 8015, VIP[4]))
    ok(one.commit() is None and two.commit() == "EAGAIN",
       "and so it is of two that add ranges with ports in common")
    other.do(FLUSH)
    changes = [(SERVICE_SET, key() + settings("rr")),
               (SERVER_NEW, server("192.168.1.64")),
               (SERVER_SET, server("192.168.1.62", None, u32(SERVER_WEIGHT, 9))),
               (SERVER_DEL, server("192.168.1.64")),
               (SERVICE_DEL, key()), (FLUSH, b"")]
    for command, body in changes:
        if not other.dump(SERVICE_GET):
            other.add(key(), ["192.168.1.62"])
            other.add(key(port=83), ["192.168.1.62"])
        one.begin().stage(SERVER_SET, server("192.168.1.62", None,
                                             u32(SERVER_WEIGHT, 7)))
        other.do(command, body)
        before = everything(other)
        ok(one.commit() == "EAGAIN" and everything(other) == before,
           "a change of its service by command %d meanwhile is noticed" % command)
        if command == SERVICE_DEL:
            other.do(FLUSH)
    other.add(key(), ["192.168.1.62"])
    other.add(key(port=83), ["192.168.1.62"])
    for command, body in ((SERVICE_SET, key(port=83) + settings("rr")),
                          (SERVER_NEW, server("192.168.1.64", key(port=83))),
                          (SERVICE_DEL, key(port=83)), (SERVICE_NEW, key(port=84))):
        one.begin().stage(SERVER_SET, server("192.168.1.62", None,
                                             u32(SERVER_WEIGHT, command)))
        other.do(command, body)
        ok(one.commit() is None and
           other.servers(key())["192.168.1.62"]["weight"] == command,
           "a change of another service by command %d is not in the way" % command)
    # Its service is gone when it looks for more servers of it.
    one.begin().stage(SERVER_SET, server("192.168.1.62"))
    other.do(FLUSH)
    ok(one.stage(SERVER_DEL, server("192.168.1.64")) == "EAGAIN",
       "and so is that its own service is gone")
    # A removal relies on nothing.
    other.add(key(), ["192.168.1.62"])
    one.begin().stage(SERVICE_DEL, key())
    other.do(SERVER_DEL, server("192.168.1.62"))
    ok(one.commit() is None and not other.dump(SERVICE_GET),
       "a service that was changed meanwhile is removed all the same")
    one.begin().stage(FLUSH)
    one.stage(SERVICE_NEW, key(port=90))
    other.add(key(port=91))
    ok(one.commit() is None and len(other.dump(SERVICE_GET)) == 1,
       "a flush removes what others have added meanwhile")
    other.do(FLUSH)
    for sock in (one, two, other):
        sock.close()


END = "10.9.0.2"


def ipip(service=None, address=END):
    return server(address, service, u8(genl.SERVER_TUNNEL, 1))


def test_tunnel():
    """A tunnel leads to no VIP: judged by what a transaction makes of both."""
    one, other = there(), there()
    end, weight = key(END, 81), u32(SERVER_WEIGHT, 2)

    def tries(what, *steps, before=()):
        other.do(FLUSH)
        other.add(key(), ["192.168.1.62"])
        for command, body in before:
            other.do(command, body)
        one.begin()
        got = [one.stage(command, body) for command, body, _ in steps]
        want = [want for _, _, want in steps]
        ok(got == want, what, got)
        ok(one.commit() is None, "and what was taken is committed")

    tunnel, vip = (SERVER_NEW, ipip()), (SERVICE_NEW, end)
    tries("nor a service at the end of one of the same transaction",
          (*tunnel, None), (*vip, "EINVAL"), (SERVER_DEL, server(END), None),
          (*vip, None), (*tunnel, "EINVAL"))
    ok(len(other.dump(SERVICE_GET)) == 2, "the service is there")
    tries("nor a tunnel to a service of the same transaction", (*vip, None),
          (*tunnel, "EINVAL"), (SERVER_NEW, server(END), None),
          (SERVER_SET, ipip(), "EINVAL"), (SERVICE_DEL, end, None),
          (SERVER_SET, ipip(), None), (*vip, "EINVAL"))
    tries("a server that goes is not in the way", (SERVER_SET, server(END, None, weight),
          None), (*vip, "EINVAL"), (SERVER_DEL, server(END), None), (*vip, None),
          (*tunnel, "EINVAL"), before=[tunnel])
    ok(list(other.servers(key())) == ["192.168.1.62"] and other.servers(end) == {},
       "the service has come in the place of the server")
    tries("nor one that is no longer reached by a tunnel", (SERVER_SET, server(
          END, None, u8(genl.SERVER_TUNNEL, 0)), None), (*vip, None), before=[tunnel])
    tries("nor one whose service goes", (SERVICE_DEL, key(), None), (*vip, None),
          (SERVICE_NEW, key(), None), (*tunnel, "EINVAL"), before=[tunnel])
    tries("nor one of a configuration that goes", (FLUSH, b"", None), (*vip, None),
          before=[tunnel])
    tries("nor one that is held, until it is added", (SERVER_DEL, server(
          END, None, u32(genl.SERVER_HOLD, 99)), None), (*vip, None),
          (*tunnel, "EINVAL"), before=[tunnel])
    tries("a service that goes is not in the way", (*tunnel, "EINVAL"),
          (SERVICE_DEL, end, None), (*tunnel, None), (*vip, "EINVAL"), before=[vip])
    ok(list(other.servers(key())) == ["192.168.1.62", END],
       "the server has come in the place of the service")
    tries("nor one that is held, until it is added", (SERVICE_DEL, end + u32(
          genl.SERVICE_HOLD, 99), None), (*tunnel, None), (*vip, "EINVAL"), before=[vip])
    tries("nor one of a configuration that goes", (FLUSH, b"", None), (SERVICE_NEW, key(),
          None), (*tunnel, None), (*vip, "EINVAL"), before=[vip])
    tries("nor one that was held before, until it is added", (*tunnel, None), (
          *vip, "EINVAL"), before=[vip, (SERVICE_DEL, end + u32(genl.SERVICE_HOLD, 99))])
    tries("nor a server that was, until it is added", (*vip, None), (*tunnel, "EINVAL"),
          before=[tunnel, (SERVER_DEL, server(END, None, u32(genl.SERVER_HOLD, 99)))])
    for mine, theirs in ((tunnel, vip), (vip, tunnel)):
        other.do(FLUSH)
        other.add(key())
        other.add(key(port=83))
        one.begin().stage(mine[0], ipip(key(port=83)) if mine == tunnel else mine[1])
        other.do(*theirs)
        before = everything(other)
        ok(one.commit() == "EAGAIN" and everything(other) == before,
           "what others have added meanwhile is noticed at the end")
    other.do(FLUSH)
    one.close()
    other.close()


def test_tunnel_apply():
    """apply, where the end of a tunnel becomes a VIP, or a VIP the end of one."""
    first, vip = "-A -t %s:80 -s rr\n" % VIP[4], "-A -t %s:81 -s rr\n" % END
    tunnel, near = ("-a -t %s:80 -r %s%s\n" % (VIP[4], END, how)
                    for how in (":80 -i", ":80 -g"))
    label = tunnel.replace(":80 -i", ":8080 -i")
    for what, start, wanted in (
            ("goes", first + tunnel, vip + first),
            ("is reached directly", first + tunnel, vip + first + near),
            ("with a port of its own is reached directly", first + label,
             vip + first + near.replace(":80 -g", ":8080 -g")),
            ("goes with its service", first + tunnel, vip),
            ("comes, whose VIP goes", vip + first, first + tunnel)):
        net.lbctl("clear")
        for text in (start, wanted):
            done = subprocess.run([net.LBCTL, "-N", "director", "apply"], input=text,
                                  capture_output=True, text=True, check=False)
            ok(done.returncode == 0, "apply: a tunnel server that " + what,
               done.stdout + done.stderr)
        again = subprocess.run([net.LBCTL, "-N", "director", "apply"], input=wanted,
                               capture_output=True, text=True, check=False)
        ok(again.returncode == 0 and not again.stdout, "and nothing is left to do",
           again.stdout + again.stderr)
    net.lbctl("clear")


def test_busy():
    """A restore while somebody else changes a server of another service without a
    pause, as a health checker does, only faster."""
    other = there()
    other.add(key(port=9), ["192.168.1.62"])
    lines = ["-A -t %s:%d -s mh" % (VIP[4], 100 + n) for n in range(60)]
    lines += ["-a -t %s:%d -r 192.168.1.%d -g -w 1" % (VIP[4], 100 + n, 62 + m)
              for n in range(60) for m in range(4)]
    stop, changes = threading.Event(), []

    def change():
        sock = there()
        while not stop.is_set():
            sock.do(SERVER_SET, server("192.168.1.62", key(port=9),
                                       u32(SERVER_WEIGHT, len(changes) % 100)))
            changes.append(None)
        sock.close()

    thread = threading.Thread(target=change)
    thread.start()
    until(lambda: changes)
    before = len(changes)
    got = subprocess.run([net.LBCTL, "-N", "director", "restore"],
                         input="\n".join(lines) + "\n", capture_output=True, text=True)
    during = len(changes) - before
    stop.set()
    thread.join()
    ok(got.returncode == 0 and len(other.dump(SERVICE_GET)) == 61 and during,
       "a restore of 60 services beside %d changes of another one succeeds" % during,
       (got.returncode, got.stderr))
    other.do(FLUSH)
    other.close()


def test_port_id():
    """A port id is free for another socket before the module learns that the first one is
    closed, so the second one's transaction may be aborted. It is told so; it commits all
    or nothing, and never what the first socket has staged."""
    rounds, other, wrong, aborted = 100 if net.SHORT else 300, there(), [], 0

    def bound():
        while True:
            try:
                return there(lambda: Staged(port_id=4242))
            except OSError as error:
                if error.errno != errno.EADDRINUSE:
                    raise

    for _ in range(rounds):
        one = bound().begin()
        one.stage(SERVICE_NEW, key(port=90))
        closer = threading.Thread(target=one.close)
        closer.start()
        two = bound().begin()
        answers = [two.stage(SERVICE_NEW, key(port=91)),
                   two.stage(SERVER_NEW, server("192.168.1.62", key(port=91))),
                   two.commit(2)]
        closer.join()
        there_is = [len(other.dump(SERVICE_GET)), len(other.dump(SERVER_GET))]
        aborted += answers[2] == "ECANCELED"
        if there_is != ([0, 0] if answers[2] else [1, 1]) or \
           set(answers) - {None, "ECANCELED"} or \
           (answers[2] is None and answers != [None] * 3):
            wrong.append((answers, there_is))
        other.do(FLUSH)
        two.close()
    ok(not wrong, "of %d transactions whose port id was another one's before, all were "
       "committed as a whole or aborted (%d)" % (rounds, aborted), wrong[:3])
    other.close()


def random_command(dice):
    """A command about one of few services and servers, often a wrong one."""
    version = dice.choice((4, 6))
    vip = VIP[version]
    which = dice.choice([key(vip, 80), key(vip, 0), key(vip, 53, 17),
                         ports(8000, 8009, vip), ports(8005, 8010, vip),
                         genl.marked(dice.choice((1, 2)), version)])
    rip = net.addr(dice.choice("ab"), version) if dice.random() < 0.5 else \
        ("192.168.1.%d" if version == 4 else "2001:db8:1::%d") % \
        dice.randrange(150, 153)
    what = dice.random()
    like = b""
    if dice.random() < 0.7:
        like += settings(sched=dice.choice("rr wrr wlc sh dh lblc twos fo".split()))
    if dice.random() < 0.3:
        like += settings(stray=dice.choice(genl.STRAYS), persist=dice.randrange(99),
                         flags=dice.choice((0, 2, 2, 1)),
                         timeout={"udp": dice.randrange(5)})
    share = u32(SERVER_WEIGHT, dice.randrange(4)) if dice.random() < 0.8 else b""
    if dice.random() < 0.2:
        share += u32(genl.SERVER_UPPER, dice.randrange(9)) + \
            u32(genl.SERVER_LOWER, dice.randrange(5))
    if what < 0.25:
        return SERVICE_NEW, which + like
    if what < 0.35:
        return SERVICE_SET, which + like
    if what < 0.45:
        return SERVICE_DEL, which
    if what < 0.7:
        return SERVER_NEW, server(rip, which, share)
    if what < 0.82:
        return SERVER_SET, server(rip, which, share)
    if what < 0.94:
        return SERVER_DEL, server(rip, which)
    if what < 0.97:
        return INFO_SET, attr(genl.INFO_TIMEOUT | NESTED, genl.timeouts(
            {"close": dice.randrange(9), "udp": dice.randrange(1, 9)}))
    return FLUSH, b""


def test_alike():
    """The same commands, in one namespace by transactions and in another one as
    they come: each is answered alike, and the configurations are the same. Every
    second transaction is dropped at first."""
    dice = seeded()
    staged, direct = there(), there(Staged, "client")
    direct.id = None
    rounds, answers, wrong = 40 if net.SHORT else 100, {}, []
    kinds, number = {None, "EEXIST", "ESRCH", "ENOENT", "ENOTUNIQ"}, 0
    # Until there were commands of every kind, but not without end.
    while number < rounds or not kinds <= set(answers) and number < 1000:
        number += 1
        commands = [random_command(dice) for _ in range(dice.randrange(1, 25))]
        if number % 2:
            before = everything(staged)
            staged.begin()
            for command, body in commands:
                staged.stage(command, body)
            if dice.random() < 0.5:
                staged.stage(BATCH_ABORT)
            else:
                staged.close()
                staged = there()
            if everything(staged) != before:
                wrong.append("round %d: dropped, and something changed" % number)
        staged.begin()
        for command, body in commands:
            one, two = staged.stage(command, body), direct.stage(command, body)
            answers[one] = answers.get(one, 0) + 1
            if one != two:
                wrong.append("round %d, command %d: %s, and not %s" %
                             (number, command, one, two))
        error = staged.commit()
        if error:
            wrong.append("round %d: commit: %s" % (number, error))
        if shorn(everything(staged)) != shorn(everything(direct)):
            wrong.append("round %d: another configuration" % number)
        if wrong:
            break
    ok(not wrong, "%d transactions of random commands do what the commands do (%s)" %
       (number, ", ".join("%d %s" % (n, code or "taken")
                          for code, n in answers.items())), "\n".join(wrong[:5]))
    ok(set(answers) >= kinds, "among them commands of every kind", answers)
    for sock in (staged, direct):
        sock.do(FLUSH)
        sock.set_timeouts({"close": 10, "udp": 300})
        sock.close()


def shorn(config):
    """Without the way to the servers, which differs between the hosts."""
    services, servers, info = config
    return services, [[row for row in genl.parse(reply) if row[0] not in
                       (genl.SERVER_FORWARD, 14)] for reply in servers], info


def test_noise():
    """Mutated messages in transactions: whatever comes of them, the kernel must not
    complain, which the runner sees, and what is dropped leaves nothing."""
    dice = seeded()
    other = there()
    other.add(key(), ["192.168.1.62"], sched="rr")
    before = everything(other)
    rounds, taken = 100, 0
    for _ in range(rounds):
        sock = there().begin()
        for _ in range(20):
            command, body = random_command(dice)
            body = bytearray(body)
            for _ in range(dice.randrange(3)):
                if body:
                    body[dice.randrange(len(body))] = dice.choice(
                        (0, 1, 2, 255, dice.randrange(256)))
            if dice.random() < 0.1:
                body = body[:dice.randrange(len(body) + 1)]
            sock.stage(command, bytes(body))
        taken += sock.staged
        if dice.random() < 0.5:
            sock.commit(dice.choice((sock.staged + 1, 0xffffffff)))
        sock.close()
    ok(everything(other) == before and taken, "%d transactions of mutated messages, "
       "%s of which are taken, leave nothing" % (rounds, "some" if taken else "none"))
    other.do(FLUSH)
    other.close()


# Tables that take many times as long to build as the part of a second of KILLED_AFTER.
TABLES, TABLE_SIZE, KILLED_AFTER = 64, 262139, 10


def ticks(process):
    """The time that a process has computed, in 1/100 s."""
    with open("/proc/%d/stat" % process, encoding="ascii") as file:
        words = file.read().rsplit(")", 1)[1].split()
    return int(words[11]) + int(words[12])


def test_killed():
    """A process that is killed during its commit ends, and nothing has changed."""
    sock, other = there(), there()
    sock.begin()
    for port in range(1, TABLES + 1):
        sock.stage(SERVICE_NEW, key(port=port) + settings(sched="mh", size=TABLE_SIZE))
        for last in range(1, 9):
            sock.stage(SERVER_NEW, server("192.168.1.%d" % last, key(port=port)))
    child = os.fork()
    if not child:
        sock.commit()
        os._exit(0)
    ok(until(lambda: ticks(child) >= KILLED_AFTER), "a commit takes its time")
    os.kill(child, signal.SIGKILL)
    status = os.waitpid(child, 0)[1]
    ok(os.WIFSIGNALED(status), "its process is killed meanwhile", status)
    left = len(other.dump(SERVICE_GET))
    ok(not left, "and the transaction has changed nothing", left)
    sock.close()
    other.do(FLUSH)
    other.close()


def test_unload():
    """The last one: the module is removed under an open transaction."""
    global kept
    kept = there().begin()
    ok(kept.stage(SERVICE_NEW, key() + settings(sched="mh")) is None and
       kept.stage(SERVER_NEW, server("192.168.1.62")) is None,
       "a transaction is open when the module goes")


kept = None
net.main(globals(), servers=False)
