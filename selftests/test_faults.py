#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0
"""Failing allocations: the first, second, third... allocation of a command fails, until
the command needs no more. Each operation of the families lbdr and IPVS, each entry and
each scheduler has a row in CASES.

A command that cannot allocate is refused by an error, and nothing has changed. One that
succeeds without the memory has the same result as one that had it: half of all are those
of kmemleak itself, which has a reserve. kmemleak finds what was not freed, and KASAN finds
a list with an entry that was freed.

/proc/thread-self/fail-nth counts the allocations of one thread that failslab knows, so
those of slabs. Each command is also sent once while no page is left for it
(fail_page_alloc), which what is larger than two pages needs. Not those for vmalloc(), that
kvmalloc() asks then: to the kernel they are like the pages of this program. What is per CPU
does not fail here; KUnit has it.

Loading the module and creating a namespace are no commands, but have allocations, too.
"""
import collections
import ctypes
import errno
import os
import time

import fuzz_spec
import genl
import ipvs
import net
import test_ipvs_client as client
from genl import F_DUMP, NESTED, NLMSG_DONE, NLMSG_ERROR, attr, be16, key, u8, u32
from net import ok, until
from transactions import IDS

# Only the rows with this text.
CASES = os.environ.get("CASES", "")
FAILSLAB = "/sys/kernel/debug/failslab/"
PAGES = "/sys/kernel/debug/fail_page_alloc/"
# ENOBUFS: of a message that is sent, or of the answer. ENFILE: of a socket in the kernel.
MEMORY = {errno.ENOMEM, errno.ENOBUFS, errno.ENFILE}
ENOUGH = 400
# System calls of x86-64, and more allocations than any of them makes. The last ones of
# loading are those of lbdr_init() behind its slab caches, or with everything all of it.
FINIT_MODULE, UNSHARE = 313, 272
MANY, LAST = 100000, 290 if net.EVERYTHING else 165


class Nth:
    """The nth allocation of this thread fails."""

    def __init__(self):
        self.file = os.open("/proc/thread-self/fail-nth", os.O_RDWR)
        self.starves = os.open("/proc/thread-self/make-it-fail", os.O_RDWR)

    def arm(self, number):
        os.pwrite(self.file, b"%d" % number, 0)

    def starve(self, on):
        """None of its pages is allocated, except for its own memory. Not for ever: its page
        tables are not excepted."""
        if on:
            net.write(PAGES + "times", "1000")
        os.pwrite(self.starves, b"%d" % on, 0)

    def left(self):
        """How many more allocations it would have taken, 0 if one has failed; none fails
        from now on."""
        left = int(os.pread(self.file, 16, 0).split(b"\0")[0])
        os.pwrite(self.file, b"0", 0)
        return left

    def close(self):
        os.close(self.file)
        os.close(self.starves)


def prepare():
    if not os.path.exists("/proc/thread-self/fail-nth") or not os.path.exists(FAILSLAB):
        raise net.Skip("this kernel injects no faults")
    for directory in (FAILSLAB, PAGES):
        net.write(directory + "ignore-gfp-wait", "N")
        net.write(directory + "verbose", "0")
    for name, value in (("min-order", "0"), ("task-filter", "Y"), ("probability", "100")):
        net.write(PAGES + name, value)


ONE, OTHER, MARKED = key(), key(port=81), genl.marked(7)
FAR = ["192.168.1.%d" % number for number in (62, 64, 65)]


def server(number, *more, service=ONE):
    return genl.server(FAR[number], service, *more)


def conn(port, **more):
    return genl.saved(FAR[0], "established", 90000, client="192.168.1.101", cport=port,
                      vip=net.VIP[4], vport=80, protocol=6, **more)


def sync(role, enabled, more=b""):
    return u8(genl.SYNC_ROLE, genl.SYNC_ROLES.index(role)) + \
        u8(genl.SYNC_ENABLED, enabled) + \
        (attr(genl.SYNC_DEVICE, b"eth0\0") if enabled else b"") + more


SECRET = attr(genl.SYNC_KEY, bytes(32))
PEER = attr(genl.SYNC_ADDRESS, net.pack("192.168.1.62"))

# What there is before each row: two services and two servers of the first.
BASE = [(genl.SERVICE_NEW, ONE + genl.settings(sched="rr", persist=300)),
        (genl.SERVER_NEW, server(0)), (genl.SERVER_NEW, server(1)),
        (genl.SERVICE_NEW, MARKED + genl.settings(sched="wlc"))]


class Case:
    """`command` with `body` fails; `before` is done first, and `after` removes what a
    success has changed. With `staged` it is a command of a transaction; a transaction that
    is committed has the commands `parts`."""

    def __init__(self, what, command, body=b"", before=(), after=(), family="lbdr",
                 dump=False, staged=False, parts=()):
        self.parts = list(parts)
        self.what, self.command, self.body = what, command, body
        self.before, self.after = list(before), list(after)
        self.family, self.dump, self.staged = family, dump, staged


def lbdr_cases(schedulers):
    new, delete, change = genl.SERVICE_NEW, genl.SERVICE_DEL, genl.SERVICE_SET
    tunnel = u8(genl.SERVER_TUNNEL, 3) + be16(genl.SERVER_TUNNEL_PORT, 6080)
    again = BASE[1:3]
    entry = [(genl.INFO_SET, u8(genl.INFO_ENTRY, 0))]
    rows = [Case("a scheduler of a service: " + name, change, ONE + genl.settings(
        sched=name, size=251 if name == "mh" else None),
                 after=[(change, ONE + genl.settings(sched="rr"))])
            for name in schedulers]
    rows += [Case("entry " + name, genl.INFO_SET, u8(genl.INFO_ENTRY, number) + more,
                  [(genl.INFO_SET, u8(genl.INFO_ENTRY, begin))], entry)
             for name, number, more, begin in (
                 ("input", 1, b"", 0), ("prerouting", 0, b"", 1),
                 ("ingress", 2, attr(genl.INFO_DEVICE, b"eth0\0"), 0))]
    rows += [
        Case("timeouts", genl.INFO_SET, attr(genl.INFO_TIMEOUT | NESTED, u32(6, 7)),
             after=[(genl.INFO_SET, attr(genl.INFO_TIMEOUT | NESTED, u32(6, 300)))]),
        Case("service-new", new, OTHER + genl.settings(
            sched="mh", size=251, timeout={"udp": 5}, persist=9), after=[(delete, OTHER)]),
        Case("service-new, a range of IPv6", new, genl.ports(9, 19, net.VIP[6]),
             after=[(delete, genl.ports(9, 19, net.VIP[6]))]),
        Case("service-new, the first of all", new, ONE, [(genl.FLUSH, b"")],
             [(delete, ONE)] + BASE),
        Case("service-del", delete, ONE, after=BASE[:3]),
        Case("service-del, held", delete, ONE + u32(genl.SERVICE_HOLD, 100),
             after=BASE[:3]),
        Case("service-get", genl.SERVICE_GET, ONE),
        Case("server-new", genl.SERVER_NEW, server(2),
             after=[(genl.SERVER_DEL, server(2))]),
        Case("server-new, of mh", genl.SERVER_NEW, server(2, service=OTHER),
             [(new, OTHER + genl.settings(sched="mh", size=251))],
             [(genl.SERVER_DEL, server(2, service=OTHER)), (delete, OTHER)]),
        Case("server-new, a tunnel", genl.SERVER_NEW, server(2, tunnel),
             after=[(genl.SERVER_DEL, server(2))]),
        Case("server-set", genl.SERVER_SET, server(0, u32(genl.SERVER_WEIGHT, 9)),
             after=[(genl.SERVER_SET, server(0, u32(genl.SERVER_WEIGHT, 1)))]),
        Case("server-set, a tunnel", genl.SERVER_SET, server(0, tunnel),
             after=[(genl.SERVER_SET, server(0, u8(genl.SERVER_TUNNEL, 0)))]),
        Case("server-del", genl.SERVER_DEL, server(0),
             after=[(genl.SERVER_DEL, server(1))] + again),
        Case("server-del, held", genl.SERVER_DEL, server(0, u32(genl.SERVER_HOLD, 100)),
             after=[(genl.SERVER_DEL, server(1))] + again),
        Case("server-del, drained", genl.SERVER_DEL,
             server(0, attr(genl.SERVER_DRAIN, b"")), [(genl.CONN_ADD, conn(1))],
             [(genl.SERVER_NEW, server(0)), (genl.CONN_DEL, b"")]),
        Case("conn-add", genl.CONN_ADD, conn(1), after=[(genl.CONN_DEL, b"")]),
        Case("conn-add, a template", genl.CONN_ADD, genl.saved(
            FAR[0], "template", 90000, client="192.168.1.101", service=ONE),
             after=[(genl.CONN_DEL, b"")]),
        Case("conn-del", genl.CONN_DEL, b"", [(genl.CONN_ADD, conn(1))]),
        Case("conn-count", genl.CONN_COUNT), Case("zero", genl.ZERO, ONE),
        Case("zero, of all", genl.ZERO), Case("info-get", genl.INFO_GET),
        Case("flush", genl.FLUSH, after=BASE),
        Case("trace", genl.TRACE, genl.question("192.168.1.101", net.VIP[4], 80)),
        Case("batch-begin", genl.BATCH_BEGIN),
        Case("batch-commit", genl.BATCH_COMMIT, after=[(delete, OTHER)],
             parts=[(new, OTHER)]),
        Case("batch-commit, of many objects", genl.BATCH_COMMIT,
             after=[(delete, OTHER), (delete, ONE)] + BASE[:3],
             parts=[(genl.SERVER_SET, server(0, tunnel)),
                    (genl.SERVER_SET, server(1, tunnel)),
                    (genl.SERVER_NEW, server(2, tunnel)),
                    (new, OTHER + genl.settings(sched="lblc")),
                    (genl.SERVER_NEW, server(0, service=OTHER))]),
        Case("batch-abort", genl.BATCH_ABORT)]
    rows += [Case("dump %d" % command, command, dump=True) for command in (
        genl.SCHED_GET, genl.SERVICE_GET, genl.SERVER_GET, genl.SYNC_GET)]
    rows.append(Case("conn-get", genl.CONN_GET, b"", [(genl.CONN_ADD, conn(1))],
                     [(genl.CONN_DEL, b"")], dump=True))
    for role, more in (("master", b""), ("backup", b""), ("peers", SECRET + PEER)):
        rows.append(Case("sync-set, " + role, genl.SYNC_SET, sync(role, 1, more),
                         after=[(genl.SYNC_SET, sync(role, 0))]))
    peers = [(genl.SYNC_SET, sync("peers", 1, SECRET + PEER))]
    stop = [(genl.SYNC_SET, sync("peers", 0))]
    rows += [Case("sync-key", genl.SYNC_KEY_SET, SECRET + u8(genl.SYNC_KEY_ID, 1), peers,
                  stop),
             Case("sync-set, an end", genl.SYNC_SET, sync("peers", 0), peers)]
    rows += [Case("staged: " + row.what, row.command, row.body, row.before, row.after,
                  staged=True)
             for row in rows if row.what in (
                 "service-new", "service-del", "server-new", "server-set", "server-del",
                 "timeouts", "flush", "entry ingress", "a scheduler of a service: mh")]
    return rows


def ipvs_cases():
    one, extra = client.key(), client.key(port=81)
    add = client.service(one) + client.dest(client.server())
    new, delete = client.NEW_SERVICE, client.DEL_SERVICE
    daemon = attr(client.DAEMON, u32(1, 1) + attr(2, b"eth0\0") + u32(3, 9))
    config = u32(client.TCP_TIMEOUT, 99)
    base = [(new, client.service(one, client.whole())), (client.NEW_DEST, add)]
    rows = [
        (new, client.service(extra, client.whole(b"sh")), (),
         [(delete, client.service(extra))]),
        (client.SET_SERVICE, client.service(one, client.whole(b"wlc")), (),
         [(client.SET_SERVICE, client.service(one, client.whole()))]),
        (delete, client.service(one), (), base),
        (client.GET_SERVICE, client.service(one), (), ()),
        (client.NEW_DEST, add, [(client.DEL_DEST, add)], ()),
        (client.SET_DEST, client.service(one) + client.dest(client.server(weight=9)), (),
         [(client.SET_DEST, add)]),
        (client.DEL_DEST, add, (), [(client.NEW_DEST, add)]),
        (client.NEW_DAEMON, daemon, (), [(client.DEL_DAEMON, daemon)]),
        (client.DEL_DAEMON, daemon, [(client.NEW_DAEMON, daemon)], ()),
        (client.SET_CONFIG, config, (), [(client.SET_CONFIG, u32(client.TCP_TIMEOUT,
                                                                  900))]),
        (client.GET_CONFIG, b"", (), ()), (client.GET_INFO, b"", (), ()),
        (client.ZERO, client.service(one), (), ()), (client.FLUSH, b"", (), base)]
    out = [Case("IPVS, command %d" % row[0], *row, family="IPVS") for row in rows]
    out += [Case("IPVS, dump %d" % command, command, body, family="IPVS", dump=True)
            for command, body in ((client.GET_SERVICE, b""),
                                  (client.GET_DEST, client.service(one)),
                                  (client.GET_DAEMON, b""))]
    return base, out


class Bench:
    """Sockets, and what has become of the rows."""

    def __init__(self, family):
        self.sock = {}
        self.open(family)
        with net.within("director"):
            self.observer, self.ear = genl.Director(), genl.Genl()
        # Notifications are allocated for those who listen.
        self.ear.listen()
        self.ear.sock.setblocking(False)
        self.nth = Nth()
        self.wrong, self.faults = [], 0
        self.in_spite, self.starved = collections.Counter(), {}
        self.errors = collections.Counter()

    def open(self, family):
        """Another socket, in place of that which there may be."""
        if family in self.sock:
            self.sock[family].close()
        with net.within("director"):
            self.sock[family] = genl.Director(name=family.encode())

    def close(self):
        for each in [*self.sock.values(), self.observer, self.ear, self.nth]:
            each.close()

    def quietly(self, family, command, body):
        """Without a fault; what is there already, or is not there, does not matter."""
        try:
            return self.sock[family].do(command, body)
        except genl.Refused:
            return []

    def state(self):
        """All that is configured, with what is held, and the connections."""
        dump, held = self.observer.dump, ((genl.SERVICE_GET, genl.SERVICE_WITH_HELD),
                                          (genl.SERVER_GET, genl.SERVER_WITH_HELD))
        fleeting = {genl.SERVICE_GET: (genl.STATS, genl.SERVICE_DROP),
                    genl.SERVER_GET: (genl.SERVER_STATS, genl.SERVER_IFINDEX),
                    genl.SYNC_GET: (genl.SYNC_STATS, genl.SYNC_PEER, genl.SYNC_SYNCED)}
        out = []
        for command, body in [(command, attr(with_held, b"")) for command, with_held in
                              held] + [(genl.SYNC_GET, b"")]:
            drop = fleeting[command]
            hold = {genl.SERVICE_GET: genl.SERVICE_HOLD,
                    genl.SERVER_GET: genl.SERVER_HOLD}.get(command)
            for row in dump(command, body):
                out.append([(kind, b"" if kind == hold else value)
                            for kind, value in genl.parse(row) if kind not in drop])
        out.append(self.observer.count())
        row = genl.parse(self.observer.do(genl.INFO_GET)[0])
        return out + [each for each in row if each[0] in (
            genl.INFO_TIMEOUT, genl.INFO_ENTRY, genl.INFO_DEVICE, genl.INFO_SERVICES)]

    def shoot(self, case, body, number):
        """(whether the nth allocation came and failed, error or 0, answer): the answer is
        the number of replies, and whether the kernel told the end. With 0 no page is
        allocated, which counts as having come if the command failed."""
        sock = self.sock[case.family]
        sock.sock.setblocking(False)
        code, done, replies = 0, False, 0
        self.nth.starve(not number)
        self.nth.arm(number)
        try:
            sock.send(sock.family, case.command, body, F_DUMP if case.dump else 0)
            while not done:
                for kind, _, seq, data in sock.receive():
                    if seq == sock.seq and kind in (NLMSG_ERROR, NLMSG_DONE):
                        code = -int.from_bytes(data[:4], "little", signed=True)
                        done = True
                    elif seq == sock.seq:
                        replies += 1
        except BlockingIOError:
            pass
        except OSError as error:
            code = error.errno
        failed = self.nth.left() == 0 if number else bool(code)
        self.nth.starve(False)
        if code and not done:
            self.drain(sock)
        sock.sock.settimeout(20)
        self.drain(self.ear)
        return failed, code, (replies, done)

    @staticmethod
    def drain(sock):
        for _ in range(100):
            try:
                sock.sock.recv(1 << 16)
            except BlockingIOError:
                break
            except OSError:
                pass

    def begin(self, case):
        """A transaction, where the case needs one; the attributes that name it."""
        if case.family != "lbdr" or not (case.staged or case.command in (
                genl.BATCH_COMMIT, genl.BATCH_ABORT)):
            return case.body
        sock = self.sock["lbdr"]
        reply = dict(genl.parse(sock.do(genl.BATCH_BEGIN)[0]))
        number = genl.number(reply[genl.BATCH_ID])
        for command, body in case.parts:
            sock.do(command, body + u32(IDS.get(command, genl.SERVICE_BATCH), number))
        if case.command == genl.BATCH_COMMIT:
            return u32(genl.BATCH_COMMANDS, len(case.parts)) + u32(genl.BATCH_ID, number)
        return case.body + u32(IDS.get(case.command, genl.SERVICE_BATCH), number)

    def end(self, case, body, staged):
        """The end of a transaction. One whose command was refused goes on, and has as
        many commands as before."""
        if case.family != "lbdr":
            return
        sock = self.sock["lbdr"]
        if case.command == genl.BATCH_BEGIN:
            # Its number is not known. The end of the socket ends it.
            self.open("lbdr")
        elif case.staged:
            number = body[-4:]
            try:
                sock.do(genl.BATCH_COMMIT, u32(genl.BATCH_COMMANDS, staged) +
                        attr(genl.BATCH_ID, number))
            except genl.Refused as refused:
                self.wrong.append((case.what, "the transaction is broken: %s" % refused))
                self.quietly("lbdr", genl.BATCH_ABORT, attr(genl.BATCH_ID, number))
        elif case.command in (genl.BATCH_COMMIT, genl.BATCH_ABORT):
            self.quietly("lbdr", genl.BATCH_ABORT, body[-8:])

    def run(self, case):
        result, number, late, answers = None, 0, 0, []
        fresh = True
        while number < ENOUGH:
            if fresh:
                for each in case.before:
                    self.quietly(case.family, *each)
            body = self.begin(case)
            base = self.state()
            failed, code, answer = self.shoot(case, body, number)
            self.end(case, body, 0 if code else 1)
            state = self.state()
            changed = state != base
            if failed:
                self.faults += 1
                self.errors[errno.errorcode.get(code, code)] += 1
            if code and code not in MEMORY:
                self.wrong.append((case.what, number, errno.errorcode.get(code, code)))
            if code and changed:
                # The command was done, and there was no memory for its notification or
                # for the answer: ENOBUFS says that something was lost.
                if code != errno.ENOBUFS or case.dump:
                    self.wrong.append((case.what, number, "refused, and has changed",
                                       base, state))
                late += 1
            if not code:
                if failed:
                    self.in_spite[case.what] += 1
                # A service that is added again is the last in the list of all.
                state.sort(key=repr)
                if result is not None and state != result:
                    self.wrong.append((case.what, number, "another result", result, state))
                result = state
                answers.append((number, answer))
            fresh = changed or not code
            if fresh:
                for each in case.after:
                    self.quietly(case.family, *each)
            if not number:
                self.starved[case.what] = errno.errorcode.get(code, "taken")
                # The core of netlink leaves a dump open whose first message has no room.
                if code and case.dump:
                    self.open(case.family)
            elif not failed:
                break
            number += 1
        if code:
            self.wrong.append((case.what, "is refused without a fault",
                               errno.errorcode.get(code, code)))
        elif case.dump and not answer[1]:
            self.wrong.append((case.what, "has no end without a fault"))
        # What is lost has to be told by an error.
        self.wrong += [(case.what, at, "replies, end", each, "without a fault", answer)
                       for at, each in answers if each != answer]
        print("# %s: %d allocations%s" % (case.what, number - 1, ", %d late" % late
                                          if late else ""), flush=True)


def conclude(bench, what, begun):
    print("# %d faults in %.0f s; errors %s; without effect: %s" % (
        bench.faults, time.monotonic() - begun, dict(bench.errors),
        dict(bench.in_spite)), flush=True)
    print("# without a page: refused %s, taken %s" % tuple(
        [case for case, code in bench.starved.items() if (code == "taken") == taken]
        for taken in (False, True)), flush=True)
    ok(not bench.wrong and bench.faults > 10, "%s: each allocation that fails is an error "
       "that changes nothing, or does not matter" % what,
       "\n".join(str(each)[:1500] for each in bench.wrong[:8]))


def covered(spec, cases):
    """Each operation of a family has a row."""
    there = {case.command for case in cases}
    missing = [op.name for op in fuzz_spec.Spec(spec).ops
               if op.requests and op.number not in there]
    ok(not missing, "each operation of family %s has a row" % spec, missing)


def run_all(bench, cases, what):
    begun = time.monotonic()
    for case in cases:
        if CASES in case.what:
            bench.run(case)
    conclude(bench, what, begun)
    bench.observer.clear()
    bench.close()


def test_lbdr():
    prepare()
    bench, cases = Bench("lbdr"), lbdr_cases(genl.schedulers())
    covered("lbdr", cases)
    for command, body in BASE:
        bench.sock["lbdr"].do(command, body)
    run_all(bench, cases, "family lbdr")
    ok(CASES or bench.starved["sync-set, peers"] == "ENOMEM",
       "what needs more than a slab has is refused without a page", bench.starved)


def test_ipvs():
    prepare()
    with ipvs.Loaded():
        bench = Bench("IPVS")
        base, cases = ipvs_cases()
        covered("ipvs", cases)
        for command, body in base:
            bench.sock["IPVS"].ask(bench.sock["IPVS"].family, command, body)
        run_all(bench, cases, "family IPVS")


def syscall(nth, number, *arguments):
    """A system call whose nth allocation fails: (whether it came and failed, error or 0)."""
    nth.arm(number)
    status = net.LIBC.syscall(*arguments)
    code = ctypes.get_errno() if status else 0
    return nth.left(), code


def some(numbers, most):
    """So many of these at random, or with everything all of them."""
    return numbers if net.EVERYTHING else sorted(net.seeded().sample(numbers, most))


def unload():
    return until(lambda: net.run("rmmod", "lbdr", check=False).returncode == 0)


def test_loading():
    """The module is not loaded when an allocation fails, or does without it. Of the last
    allocations, since the kernel's part comes before them, and complains. The kernel also
    reports a slab cache that it cannot create: splats.sh knows that."""
    prepare()
    nth, wrong, errors = Nth(), [], collections.Counter()
    with open(os.environ["LBDR_KO"], "rb") as file:
        def load(number):
            return syscall(nth, number, FINIT_MODULE, file.fileno(), b"", 0)

        unload()
        left, code = load(MANY)
        unload()
        used = MANY - left
        numbers = some(range(used - LAST, used + 1), 40)
        for number in numbers:
            left, code = load(number)
            there = os.path.exists("/sys/module/lbdr")
            errors[errno.errorcode.get(code, code)] += 1
            if code not in MEMORY | {0} or there == bool(code) or there and not unload():
                wrong.append((number, code, there))
    print("# %d of %d allocations fail: %s" % (len(numbers), used, dict(errors)), flush=True)
    ok(not wrong and errors["ENOMEM"] > 0, "the module is loaded, or is not when an "
       "allocation fails, and nothing of it is left", (wrong[:20], errors))
    nth.close()
    net.run("insmod", os.environ["LBDR_KO"])
    with net.within("director"):
        director = genl.Director()
    director.add(ONE, FAR)
    ok(len(director.servers(ONE)) == 3, "it works when it is loaded again")
    director.clear()
    director.close()


def test_namespace():
    """The same for a new network namespace, which the module has a part in. The errors of
    other parts are their own."""
    prepare()
    nth, errors = Nth(), collections.Counter()
    home = os.open("/proc/self/ns/net", os.O_RDONLY)

    def create(number):
        left, code = syscall(nth, number, UNSHARE, net.CLONE_NEWNET)
        if not code:
            net.LIBC.setns(home, net.CLONE_NEWNET)
        return left, code

    left, _ = create(MANY)
    numbers = some(range(1, MANY - left + 1), 100)
    for number in numbers:
        errors[errno.errorcode.get(create(number)[1], "none")] += 1
    ok(errors["ENOMEM"] > 10 and create(0) == (0, 0), "%d of %d allocations of a new "
       "namespace fail, and then one is created: %s" %
       (len(numbers), MANY - left, dict(errors)))
    os.close(home)
    nth.close()
    ok(unload(), "nothing of them is left in the module")
    net.run("insmod", os.environ["LBDR_KO"])


if __name__ == "__main__":
    # The role peers needs it when lbdr is loaded.
    net.run("modprobe", "-q", "libchacha20poly1305", check=False)
    net.main(globals(), servers=False)
