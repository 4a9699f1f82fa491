#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0
"""Fuzzing of the families lbdr and IPVS: messages that fuzz_spec.py draws from the
specifications, over several sockets of three namespaces, some of them in transactions.
Beside them dumps that are read in part, devices and a namespace that come and go.

Each message is answered if it asks for it. What is refused changes nothing, with an error
of those below; family lbdr says why. After each thousand messages counters agree with
tables, and every few thousand what `lbctl save` prints restores to itself. Whatever else
is wrong the kernel tells: KASAN, lockdep, kmemleak, reference counts.

SEED=N repeats the messages of a run, MESSAGES=N is their number.
"""
import collections
import errno
import os
import socket
import struct
import subprocess
import time

import fuzz_spec
import genl
import ipvs
import net
from genl import F_ACK, F_DUMP, F_REQUEST, NLMSG_DONE, NLMSG_ERROR
from net import ok, until

# A third of a millisecond each on UML, where they cost least. A million in `make soak`.
MESSAGES = int(os.environ.get("MESSAGES") or (
    50000 if net.LABEL == "uml" else 2000))
CHECK_EACH, SAVE_EACH = 1000, 10000
KINDS = ("valid",) * 5 + ("near",) * 4 + ("wild",)
# How often, compared with 10. What is costly, or ends what others need, is rare.
WEIGHTS = {"flush": 0.1, "service-del": 1, "del-service": 0.5, "info-set": 1,
           "sync-set": 2, "new-daemon": 0.5, "del-daemon": 0.5, "server-new": 20,
           "new-dest": 10, "conn-add": 30, "server-del": 3, "conn-del": 3,
           "service-new": 8, "batch-begin": 4, "batch-commit": 5, "batch-abort": 1}
HOSTS = ("director", "client", "gone")
HEADER, GENL = struct.Struct("=IHHII"), struct.Struct("=BBH")

# Errors of the family lbdr, and of the core of netlink for its messages.
LBDR = {errno.EINVAL, errno.ERANGE, errno.EAFNOSUPPORT, errno.EOPNOTSUPP, errno.ENOENT,
        errno.ESRCH, errno.EEXIST, errno.ENODEV, errno.ECANCELED, errno.EAGAIN,
        errno.EUSERS, errno.ENOSPC, errno.EBUSY, errno.EADDRNOTAVAIL, errno.ENETDOWN,
        errno.ENETUNREACH, errno.ENOTUNIQ, errno.EADDRINUSE}
# These are also the core's, which has no sentence for all.
SILENT = {errno.EOPNOTSUPP, errno.EINVAL, errno.EBUSY}
# Of each command of family IPVS those that its clients know. A service that does not
# exist is noticed before what is wrong with its server.
KEY = {errno.EINVAL, errno.EAFNOSUPPORT, errno.ERANGE, errno.EBUSY}
SETTINGS, SERVERS = KEY | {errno.ENOENT}, KEY | {errno.ESRCH, errno.EOPNOTSUPP}
IPVS = {"new-service": SETTINGS | {errno.EEXIST}, "set-service": SETTINGS | {errno.ESRCH},
        "del-service": KEY | {errno.ESRCH}, "get-service": KEY | {errno.ESRCH},
        "new-dest": SERVERS | {errno.EEXIST}, "set-dest": SERVERS | {errno.ENOENT},
        "del-dest": KEY | {errno.ESRCH, errno.ENOENT}, "get-dest": KEY | {errno.EOPNOTSUPP},
        "new-daemon": KEY | {errno.ENODEV, errno.EEXIST},
        "del-daemon": KEY | {errno.ESRCH}, "get-daemon": KEY | {errno.EOPNOTSUPP},
        "set-info": KEY | {errno.EOPNOTSUPP}, "zero": KEY | {errno.ESRCH}}


def disagreement(director):
    """What counters and tables of a namespace do not agree about, or None."""
    services = {}
    for row in director.dump(genl.SERVICE_GET):
        row = genl.parse(row)
        key = tuple(each for each in row if each[0] in (
            genl.FAMILY, genl.PROTOCOL, genl.ADDRESS, genl.PORT, genl.LAST_PORT,
            genl.FWMARK, genl.VRF))
        services[key] = genl.number(dict(row)[genl.SERVERS])
    told = genl.number(director.info()[genl.INFO_SERVICES])
    if told != len(services):
        return "info-get has %d services, the dump %d" % (told, len(services))
    servers, counts = collections.Counter(), {}
    for row in director.dump(genl.SERVER_GET, genl.attr(genl.SERVER_WITH_HELD, b"")):
        row = dict(genl.parse(row))
        key = tuple(genl.parse(row[genl.SERVER_SERVICE]))
        servers[key] += genl.SERVER_HOLD not in row
        counts[key, row[genl.SERVER_ADDRESS]] = [genl.number(row[kind]) for kind in (
            genl.SERVER_ACTIVE, genl.SERVER_INACTIVE, genl.SERVER_PERSISTENT)]
    if any(servers[key] != number for key, number in services.items()):
        return "services count %s, there are %s" % (services, servers)
    table, rows = {}, director.dump(genl.CONN_GET,
                                    genl.attr(genl.CONN_WITH_SERVICE, b""))
    for row in rows:
        row = dict(genl.parse(row))
        where = tuple(genl.parse(row[genl.CONN_SERVICE])), \
            row[genl.CONN_SERVER_ADDRESS]
        state = genl.STATES[genl.number(row[genl.CONN_STATE])]
        # As the server counts them: active, inactive, templates.
        table.setdefault(where, [0, 0, 0])[
            2 if state == "template" else 0 if state in (
                "syn-recv", "established", "sctp-established") else 1] += 1
    for where in set(table) | set(counts):
        if table.get(where, [0, 0, 0]) != counts.get(where, [0, 0, 0]):
            return "a server counts %s, the table has %s: %s" % (
                counts.get(where), table.get(where), where)
    counted = director.count()
    if counted != len(rows):
        return "conn-count has %d, the dump %d" % (counted, len(rows))
    return None


class Socket(genl.Genl):
    """A socket of a family, its transaction, and the messages that it has not answered."""

    def __init__(self, host, draw):
        with net.within(host):
            super().__init__(name=draw.spec.name.encode())
        self.sock.setsockopt(socket.SOL_SOCKET, 33, 1 << 22)
        self.sock.setblocking(False)
        self.draw, self.host = draw, host
        self.batch = self.last = self.commands = 0
        self.pending, self.staged = {}, set()

    def message(self, kind, op, body, flags):
        self.seq += 1
        self.pending[self.seq] = kind, op, flags
        return HEADER.pack(20 + len(body), self.family, flags | F_REQUEST, self.seq, 0) + \
            GENL.pack(op.number, 1, 0) + body


class Fuzz:
    """A run."""

    def __init__(self, rng):
        self.rng = rng
        names = genl.schedulers()
        self.draws = [fuzz_spec.Draw(rng, fuzz_spec.Spec(name), names)
                      for name in ("lbdr", "lbdr", "ipvs")]
        self.ops = {id(draw): [op for op in draw.spec.ops if op.requests or
                               rng.random() < 0.2] for draw in self.draws}
        self.weights = {which: [WEIGHTS.get(op.name, 10) for op in ops]
                        for which, ops in self.ops.items()}
        self.lengths, self.sent = collections.Counter(), 0
        # Names of the family and the operation -> error, or 0 -> how often.
        self.answers = collections.defaultdict(collections.Counter)
        self.wrong = []
        self.sockets = [Socket(host, draw) for host in HOSTS for draw in self.draws]
        self.director = {}
        self.spent = collections.Counter()

    def timed(self, what, *more):
        """Do what the method of this name does, and note how long it takes."""
        begun = time.monotonic()
        out = getattr(self, what)(*more)
        self.spent[what] += time.monotonic() - begun
        return out

    def fault(self, *what):
        if len(self.wrong) < 20:
            print("# message %d: %s" % (self.sent, what), flush=True)
        self.wrong.append((self.sent,) + what)

    def seed(self):
        """The services that most messages are about."""
        for host in HOSTS:
            director = self.asking(host)
            for version in (4, 6):
                key = genl.key(fuzz_spec.VIPS[version][0])
                form, number = fuzz_spec.RIPS[version]
                try:
                    director.add(key, [form % (200 + each) for each in range(number)],
                                 persist=300)
                except genl.Refused as error:
                    if error.code != errno.EEXIST:
                        raise

    def batch_of(self, sock):
        """Some messages of one socket in one buffer."""
        rng, out = self.rng, []
        draw = sock.draw
        for _ in range(rng.choice((1, 2, 8, 16, 24))):
            op = rng.choices(self.ops[id(draw)], self.weights[id(draw)])[0]
            kind = rng.choice(KINDS) if op.requests else "wild"
            dump = op.do is None or (op.dump is not None and rng.random() < 0.5)
            flags = F_DUMP if dump and op.requests else 0
            if kind == "wild" and rng.random() < 0.3:
                flags = rng.choice((0, 0x100, 0x200, 0x300, 0x400, 0x800, 0xf00))
            if kind == "valid" and op.name == "batch-begin" and sock.batch:
                op = next(each for each in draw.spec.ops if each.name == "batch-commit")
            if sock.batch or op.name == "batch-begin" or rng.random() < 0.7:
                flags |= F_ACK
            body = draw.body(kind, op, dump, sock.batch, sock.commands)
            message = sock.message(kind, op, body, flags)
            if self.stages(sock, op, body):
                sock.staged.add(sock.seq)
            out.append(message + b"\0" * (-len(message) % 4))
        # The core does not read what is behind a length that is none.
        if rng.random() < 0.02:
            message = bytearray(out[-1])
            message[:2] = struct.pack("=H", rng.choice((0, 3, 15, 16, 17, 19, 65535)))
            out[-1] = bytes(message)
            sock.pending.pop(sock.seq)
            sock.staged.discard(sock.seq)
        self.sent += len(out)
        return b"".join(out)

    @staticmethod
    def stages(sock, op, body):
        """Whether an accepted message is a command of the socket's transaction."""
        if not sock.batch or op.name not in (
                "info-set", "service-new", "service-set", "service-del", "server-new",
                "server-set", "server-del", "flush"):
            return False
        number = sock.draw.spec.sets[op.set]["batch"].number
        try:
            return (number, struct.pack("=I", sock.batch)) in genl.parse(body)
        except ValueError:
            return False

    def read(self, sock, most):
        """Read up to `most` datagrams; True if no more waits."""
        for _ in range(most):
            try:
                data = sock.sock.recv(1 << 16)
            except BlockingIOError:
                return True
            except OSError as error:
                # A dump that cannot go on; the rest was lost.
                self.fault("recv", errno.errorcode[error.errno])
                return True
            at = 0
            while at + 16 <= len(data):
                size, kind, flags, seq, _ = HEADER.unpack_from(data, at)
                self.answer(sock, kind, flags, seq, data[at + 16:at + size])
                at += (size + 3) & ~3
        return False

    def answer(self, sock, kind, flags, seq, body):
        if seq not in sock.pending:
            return
        what, op, _ = sock.pending[seq]
        if kind not in (NLMSG_ERROR, NLMSG_DONE):
            if op.name == "batch-begin" and kind == sock.family:
                row = dict(genl.parse(body[4:]))
                sock.batch = sock.last = genl.number(row[genl.BATCH_ID])
                sock.commands = 0
            return
        del sock.pending[seq]
        code = -struct.unpack_from("=i", body)[0]
        self.answers[sock.draw.spec.name, op.name][code] += 1
        if seq in sock.staged:
            sock.staged.discard(seq)
            sock.commands += not code
        # A commit that is cancelled ends the transaction, too, if it has named it.
        if op.name == "batch-begin" and code == errno.EEXIST:
            sock.batch = sock.last
        if op.name == "batch-commit" and code in (0, errno.ECANCELED, errno.EAGAIN) or \
                op.name == "batch-abort" and not code:
            sock.batch = 0
        if not code:
            return
        spec = sock.draw.spec.name
        allowed = LBDR if spec == "lbdr" else IPVS.get(op.name, KEY)
        # A do of what has only a dump, or the other way round.
        allowed = allowed | {errno.EOPNOTSUPP} if what == "wild" else allowed
        said = flags & 0x200 and kind == NLMSG_ERROR and \
            1 in dict(genl.parse(body[20:]))
        if code not in allowed or (spec == "lbdr" and kind == NLMSG_ERROR and
                                   not said and code not in SILENT):
            self.fault(op.name, what, errno.errorcode.get(code, code),
                       "explained" if said else "without a sentence")

    def one(self):
        """One buffer of one socket. Some sockets read a part of the answers only, so that
        a dump goes on later."""
        rng = self.rng
        sock = rng.choice(self.sockets)
        buffer = self.batch_of(sock)
        probe = rng.random() < 0.02
        before = self.state(sock.host) if probe else None
        seen = sum(each[0] for each in self.answers.values())
        quiet = any(not flags & F_ACK for _, _, flags in sock.pending.values())
        sock.sock.send(buffer)
        done = self.read(sock, 2 if rng.random() < 0.1 else 200)
        if done:
            missing = [(kind, op.name, hex(flags)) for kind, op, flags in
                       sock.pending.values() if flags & F_ACK]
            if missing:
                self.fault("no answer", missing)
            sock.pending.clear()
            sock.staged.clear()
            if probe and not quiet and \
                    seen == sum(each[0] for each in self.answers.values()) and \
                    before != self.state(sock.host):
                self.fault("refused, and something has changed", buffer.hex())

    def asking(self, host):
        if host not in self.director:
            with net.within(host):
                self.director[host] = genl.Director()
        return self.director[host]

    def state(self, host):
        """The configuration. Held objects and what counts are not in it."""
        director = self.asking(host)
        out = []
        for command, volatile in ((genl.SERVICE_GET, (genl.STATS, genl.SERVICE_DROP)),
                                  (genl.SERVER_GET, (genl.SERVER_STATS,
                                                     genl.SERVER_ACTIVE,
                                                     genl.SERVER_INACTIVE,
                                                     genl.SERVER_PERSISTENT,
                                                     genl.SERVER_OVERLOADED,
                                                     genl.SERVER_UNREACHABLE,
                                                     genl.SERVER_IFINDEX))):
            out += [[each for each in genl.parse(row) if each[0] not in volatile]
                    for row in director.dump(command)]
        row = genl.parse(director.do(genl.INFO_GET)[0])
        return out, [each for each in row if each[0] in (
            genl.INFO_TIMEOUT, genl.INFO_ENTRY, genl.INFO_DEVICE)]

    def check(self):
        for host in HOSTS:
            said = []
            # Some connections end in between.
            if not until(lambda: not said.append(disagreement(self.asking(host))) and
                         not said[-1]):
                self.fault(host, said[-1])

    def restore(self, host):
        """The saved configuration, restored in a new namespace, is saved the same."""
        create("copy")
        text = net.run(net.LBCTL, "-N", host, "save").stdout
        done = subprocess.run([net.LBCTL, "-N", "copy", "restore"], input=text,
                              capture_output=True, text=True, check=False)
        again = net.run(net.LBCTL, "-N", "copy", "save").stdout
        net.run("ip", "netns", "del", "copy")
        if done.returncode or text != again:
            self.fault(host, "restore", done.stderr, text, again)
        return len(text.splitlines())

    def beside(self):
        """A device goes and comes, which may be an ingress device, or one of a role."""
        host = self.rng.choice(HOSTS)
        net.ip(host, "link", "del", "d0")
        device(host)

    def renew(self):
        """The namespace `gone` ends with all it has, transactions and dumps too."""
        mine = [each for each in self.sockets if each.host == "gone"]
        self.rng.shuffle(mine)
        for each in mine:
            each.close()
            self.sockets.remove(each)
        if "gone" in self.director:
            self.director.pop("gone").close()
        net.run("ip", "netns", "del", "gone")
        create("gone")
        self.sockets += [Socket("gone", draw) for draw in self.draws]

    def close(self):
        for each in self.sockets + list(self.director.values()):
            each.close()


def device(host):
    net.batch(host, ["link add d0 type dummy", "addr add 192.168.9.1/24 dev d0",
                     "link set d0 up"])


def create(host):
    net.run("ip", "netns", "add", host)
    net.batch(host, ["link add eth0 type dummy", "addr add 192.168.1.70/24 dev eth0",
                     "link set eth0 up"])
    furnish(host)


def furnish(host):
    device(host)
    net.batch(host, ["link add vrf0 type vrf table 9", "link set vrf0 up"])


def test_fuzz():
    rng = net.seeded()
    begun = time.monotonic()
    create("gone")
    for host in ("director", "client", "a"):
        furnish(host)
    with ipvs.Loaded():
        fuzz = Fuzz(rng)
        fuzz.seed()
        lines, checked, saved, moved, renewed = [], 0, 0, 0, 0
        while fuzz.sent < MESSAGES:
            fuzz.timed("one")
            if fuzz.sent // CHECK_EACH > moved:
                moved = fuzz.sent // CHECK_EACH
                fuzz.timed("beside")
            if fuzz.sent // CHECK_EACH > checked:
                checked = fuzz.sent // CHECK_EACH
                fuzz.timed("check")
            if fuzz.sent // SAVE_EACH > saved:
                saved = fuzz.sent // SAVE_EACH
                host = rng.choice(("director", "client"))
                lines.append(fuzz.timed("restore", host))
                print("# %d messages, %.0f s" % (fuzz.sent, time.monotonic() - begun),
                      flush=True)
            if fuzz.sent // 5000 > renewed:
                renewed = fuzz.sent // 5000
                fuzz.timed("renew")
                fuzz.seed()
        fuzz.check()
        spent = time.monotonic() - begun
        print("# %d messages in %.1f s: %s" % (fuzz.sent, spent, ", ".join(
            "%s %.1f" % each for each in fuzz.spent.items())), flush=True)
        for names, codes in sorted(fuzz.answers.items()):
            print("# %s %s: %s" % (*names, ", ".join("%s %d" % (
                errno.errorcode.get(code, "taken"), number)
                for code, number in sorted(codes.items()))), flush=True)
        ok(not fuzz.wrong, "%d messages with SEED=%d: all are answered, errors are those "
           "of the families, counters agree, save restores to itself" %
           (fuzz.sent, net.SEED), fuzz.wrong[:3])
        # Those that are but a reply's number, or only of a dump, are taken as such.
        missed = [(draw.spec.name, op.name) for draw in fuzz.draws[1:]
                  for op in draw.spec.ops
                  if op.requests and not fuzz.answers[draw.spec.name, op.name][0]]
        ok(not missed or MESSAGES < 50000, "each operation was taken at times", missed)
        # Of many, one may come just behind the removal of all.
        ok(not lines or sorted(lines)[len(lines) // 2] > 3, "what was saved has services",
           lines)
        fuzz.close()
        for host in ("director", "client"):
            with net.within(host):
                sock = genl.Director()
            for role in genl.SYNC_ROLES:
                try:
                    sock.sync_stop(role)
                except genl.Refused:
                    pass
            sock.clear()
            ok(until(lambda sock=sock: sock.held() == 0), "no connection is left in " +
               host, sock.held())
            sock.do(genl.INFO_SET, genl.u8(genl.INFO_ENTRY, 0))
            sock.close()
        net.run("ip", "netns", "del", "gone")


if __name__ == "__main__":
    # The role peers needs it when lbdr is loaded.
    net.run("modprobe", "-q", "libchacha20poly1305", check=False)
    net.main(globals(), servers=False)
