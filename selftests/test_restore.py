#!/usr/bin/python3 -B
# SPDX-License-Identifier: GPL-2.0
"""Files of commands: restore, apply and save, and the transactions below them."""
import errno
import os
import random
import subprocess
import threading
import time

import genl
import net
from genl import (BATCH_ABORT, BATCH_BEGIN, BATCH_COMMANDS, BATCH_COMMIT, FLUSH,
                  INFO_SET, NESTED, SERVER_DEL, SERVER_GET, SERVER_NEW,
                  SERVER_SET, SERVER_WEIGHT, SERVICE_DEL, SERVICE_GET, SERVICE_NEW,
                  SERVICE_SET, Director, Refused, attr, key, ports, server,
                  settings, u8, u32)
from net import VIP, lbctl, ok, until
from servers import exchange

PARAMETERS = "/sys/module/lbdr/parameters/"


def seeded():
    seed = int(os.environ.get("SEED", random.SystemRandom().randrange(1 << 32)))
    print("# seed %d" % seed, flush=True)
    return random.Random(seed)


class Staged(Director):
    """A socket that counts what it has staged."""

    def begin(self):
        self.do(BATCH_BEGIN)
        self.staged = 0
        return self

    def stage(self, command, body=b""):
        """The error's name, or None."""
        try:
            self.do(command, body)
            self.staged += 1
        except Refused as error:
            return errno.errorcode[error.code] if error.sentence else "no sentence"
        return None

    def commit(self, commands=None):
        return self.stage(BATCH_COMMIT, u32(
            BATCH_COMMANDS, self.staged if commands is None else commands))


def there(kind=Staged, host="director"):
    with net.within(host):
        return kind()


def everything(sock):
    return sock.dump(SERVICE_GET), sock.dump(SERVER_GET), sock.info()[6]


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
    ok(genl.number(info[6]) == 77, "a time-out is set", info)
    got = heard(ear)
    ok(sorted(got) == sorted([genl.SERVER_DEL_NTF, genl.SERVICE_SET_NTF,
                              genl.SERVER_NEW_NTF, genl.SERVICE_NEW_NTF,
                              genl.SERVER_NEW_NTF]),
       "each change is told once, when it is done", got)
    ok(one.stage(SERVICE_DEL, key(port=82)) is None and
       len(other.dump(SERVICE_GET)) == 2, "after it, a command is done at once")
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
    ok(one.stage(BATCH_COMMIT, u32(BATCH_COMMANDS, 0)) == "ENOENT" and
       one.stage(BATCH_ABORT) == "ENOENT", "without a transaction nothing is "
       "committed or dropped")
    one.begin()
    ok(one.stage(BATCH_BEGIN) == "EEXIST", "a socket has one transaction")
    ok(one.stage(BATCH_BEGIN, u32(1, 1)) == "EINVAL" and
       one.stage(BATCH_ABORT, u32(1, 1)) == "EINVAL" and
       one.stage(BATCH_COMMIT, u32(2, 1)) == "EINVAL" and
       one.stage(BATCH_COMMIT, u8(1, 1)) == "EINVAL" and
       one.stage(BATCH_COMMIT) == "EINVAL",
       "attributes that make no sense are refused")
    one.stage(SERVICE_NEW, key(port=81))
    ok(one.commit(2) == "ECANCELED" and everything(other) == before,
       "one that has lost a command changes nothing")
    ok(one.commit() == "ENOENT", "and is over")
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
    # Two services and two servers that are there come first.
    want = [(limit - 2, "EDQUOT")] * 20
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
    one, two, other = there().begin(), there().begin(), there()
    one.stage(SERVICE_NEW, key())
    two.stage(SERVICE_NEW, key(port=81))
    ok(one.commit() is None, "of two transactions the first is committed")
    ok(two.stage(SERVICE_NEW, key(port=82)) == "EAGAIN" and
       two.commit() == "EAGAIN" and len(other.dump(SERVICE_GET)) == 1,
       "the other one is told to begin again, and has changed nothing")
    two.begin().stage(SERVICE_NEW, key(port=81))
    ok(two.commit() is None and len(other.dump(SERVICE_GET)) == 2,
       "and so it does")
    changes = [(SERVICE_NEW, key(port=83)), (SERVICE_SET, key() + settings("rr")),
               (SERVER_NEW, server("192.168.1.62")),
               (SERVER_SET, server("192.168.1.62", None, u32(SERVER_WEIGHT, 9))),
               (SERVER_DEL, server("192.168.1.62")),
               (SERVICE_DEL, key(port=83)), (FLUSH, b"")]
    for command, body in changes:
        one.begin().stage(SERVICE_DEL, key())
        other.do(command, body)
        before = everything(other)
        ok(one.commit() == "EAGAIN" and everything(other) == before,
           "a change by command %d meanwhile is noticed" % command)
    # Its services are gone when it looks for more of them.
    other.add(key(), ["192.168.1.62"])
    one.begin().stage(SERVER_SET, server("192.168.1.62"))
    other.do(FLUSH)
    ok(one.stage(SERVER_DEL, server("192.168.1.62")) == "EAGAIN" and
       one.stage(SERVICE_SET, key()) == "EAGAIN" and one.stage(FLUSH) == "EAGAIN",
       "and so is that its own service is gone")
    for sock in (one, two, other):
        sock.close()


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
    direct.staged = 0
    rounds, answers, wrong = 100 if net.SHORT else 200, {}, []
    for number in range(rounds):
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
       (rounds, ", ".join("%d %s" % (n, code or "taken")
                          for code, n in answers.items())), "\n".join(wrong[:5]))
    ok(set(answers) >= {None, "EEXIST", "ESRCH", "ENOENT", "ENOTUNIQ"},
       "among them commands of every kind", answers)
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


def saved(*how):
    return lbctl("save", *how).stdout


def restore(text, *how, check=True):
    return subprocess.run([net.LBCTL, "-N", "director", *(how or ["restore"])],
                          input=text, capture_output=True, text=True, check=check,
                          timeout=120)


def random_rules(dice):
    """Lines of a file, of a service and its servers each; sometimes with time-outs
    and an entry before them."""
    groups, keys = [], set()
    for _ in range(dice.randrange(12)):
        version = dice.choice((4, 6))
        vip = dice.choice((VIP[version], "10.9.8.7" if version == 4 else
                           "2001:db8:9::7"))
        proto = dice.choice(("-t", "-u", "--sctp-service"))
        port = dice.choice((80, 443, 0, 53, "8000-8999", "9000-9005"))
        name = "%s %s:%s" % (proto, vip if version == 4 else "[%s]" % vip, port)
        if dice.random() < 0.15:
            proto, name = "-f", "-f %d%s" % (dice.randrange(1, 5),
                                             " -6" if version == 6 else "")
            port = 0
        if name in keys:
            continue
        keys.add(name)
        sched = dice.choice("rr wrr lc wlc lblc lblcr dh sh sed nq fo ovf mh "
                            "twos".split())
        line = "-A %s -s %s" % (name, sched)
        if dice.random() < 0.3:
            line += " -p %d" % dice.randrange(1, 2000)
            if dice.random() < 0.5:
                line += " -M %s" % (dice.choice(("255.255.255.0", "255.0.0.0", "9"))
                                    if version == 4 else dice.choice((1, 64, 127)))
        if proto == "-u" and dice.random() < 0.3:
            line += " -o"
        if sched in ("sh", "mh") and dice.random() < 0.6:
            line += " -b " + dice.choice(("%s-port", "%s-fallback",
                                          "%s-port,%s-fallback")).replace("%s", sched)
        if sched == "mh" and dice.random() < 0.6:
            line += " --mh-size %d" % dice.choice((251, 1009, 65537))
        if dice.random() < 0.3:
            line += " --refuse " + dice.choice(("icmp", "reset", "drop"))
        if dice.random() < 0.3:
            line += " --stray " + dice.choice(genl.STRAYS)
        if dice.random() < 0.2:
            line += " --expire-quiescent yes"
        if dice.random() < 0.2:
            line += " --timeouts established=%d,udp=7" % dice.randrange(1, 9)
        group = [line]
        for last in dice.sample(range(1, 99), dice.randrange(6)):
            rip = "192.168.1.%d" % last if version == 4 else \
                "[2001:db8:1::%x]" % last
            line = "-a %s -r %s%s -g -w %d" % (
                name, rip, "" if port == 0 else ":%s" % port, dice.randrange(9))
            if dice.random() < 0.2:
                line += " -x %d" % dice.randrange(5, 9)
                if dice.random() < 0.5:
                    line += " -y %d" % dice.randrange(1, 5)
            group.append(line)
        groups.append(group)
    first = []
    if dice.random() < 0.5:
        first.append("set-timeout syn_recv=%d,sctp_closed=%d" %
                     (dice.randrange(1, 99), dice.randrange(1, 99)))
    if dice.random() < 0.3:
        first.append(dice.choice(("set-entry input", "set-entry ingress eth0")))
    return "".join(line + "\n" for group in [first] + groups for line in group)


def afresh():
    """Nothing is configured."""
    restore("-C\nset-timeout syn_recv=60 sctp_closed=60\nset-entry prerouting\n")


def test_fixed_point():
    dice = seeded()
    lines, wrong = 0, []
    for number in range(8 if net.SHORT else 16):
        rules = random_rules(dice)
        afresh()
        restore("# a comment\n\n" + rules)
        first = saved()
        lines += len(first.splitlines())
        afresh()
        if saved():
            wrong.append("round %d: not cleared\n%s" % (number, saved()))
        restore(first)
        second = saved()
        if first != second or len(rules.splitlines()) != len(first.splitlines()):
            wrong.append("round %d:\n%s\n-- and then\n%s\n-- of\n%s" %
                         (number, first, second, rules))
        said = restore(first, "apply").stdout
        if said:
            wrong.append("round %d: apply: %s" % (number, said))
        if wrong:
            break
    ok(not wrong and lines > 50, "save, restore, save: the same to the byte (%d "
       "lines), and apply has nothing to do" % lines, "\n".join(wrong))
    afresh()


def test_ipvsadm():
    """Under the other name, and by its letters."""
    link = "/run/ipvsadm"
    if not os.path.exists(link):
        os.symlink(net.LBCTL, link)
    rules = "-A -t 10.0.0.1:80 -s wlc -p 360 -M 255.255.255.0\n" \
        "-a -t 10.0.0.1:80 -r 10.0.0.2:80 -g -w 3 -x 9 -y 4\n" \
        "-A -u [2001:db8::1]:53 -s sh -b sh-fallback,sh-port\n"
    enter = ["ip", "netns", "exec", "director", link]

    def run(*how, text=None):
        return subprocess.run(enter + list(how), input=text, capture_output=True,
                              text=True, check=False)

    done = run("-R", text=rules)
    got = run("-S", "-n").stdout
    ok(done.returncode == 0 and sorted(got.splitlines()) == sorted(rules.splitlines()),
       "ipvsadm -R takes what ipvsadm -S -n gives", (done.stderr, got))
    done = run("-R", text="-A -t 10.0.0.1:81 --stray drop\n")
    ok(done.returncode == 1 and "line 1" in done.stderr and run("-S", "-n").stdout ==
       got, "and nothing but ipvsadm's grammar", done.stderr)
    done = restore("-A -t 10.0.0.1:81 --stray drop\n", "-R")
    ok(done.returncode == 0, "lbctl -R takes lbctl's, too", done.stderr)
    os.unlink(link)
    afresh()


def test_failing_line():
    afresh()
    good = ["-A -t 10.0.0.1:80 -s rr", "-a -t 10.0.0.1:80 -r 10.0.0.2 -w 3",
            "-A -t 10.0.0.1:0", "-e -t 10.0.0.1:80 -r 10.0.0.2 -w 4",
            "-E -t 10.0.0.1:0 -s mh", "set-timeout udp=5", "-D -t 10.0.0.9:80",
            "-A -f 7", "-C", "-A -t 10.0.0.1:80 -s rr"]
    bad = [("-A -t 10.0.0.8:80", 2, "the service exists already"),
           ("-a -t 10.0.0.7:80 -r 10.0.0.2", 2, "there is no such service"),
           ("-A -t 10.0.0.6:80 -s nonsense", 2, "no scheduler of this name"),
           ("-A -t 127.0.0.1:80", 2, "loopback"),
           ("set-entry ingress nodevice", 2, "no such device"),
           ("-A -t 10.0.0.1:99999", 1, "out of range"),
           ("-L", 1, "is no command for a file")]
    restore("-A -t 10.0.0.8:80\n-A -t 10.0.0.9:80\n-a -t 10.0.0.9:80 -r 10.0.0.3\n")
    # Where it is one too many, it is there; after -C it is not.
    before, wrong = saved(), []
    for at in range(len(good) + 1):
        for line, status, words in bad:
            if at > 8 and "exists" in words:
                continue
            text = "\n".join(good[:at] + [line] + good[at:]) + "\n"
            done = restore(text, check=False)
            if done.returncode != status or words not in done.stderr or \
                    "line %d:" % (at + 1) not in done.stderr or \
                    "nothing was changed" not in done.stderr or \
                    len(done.stderr.splitlines()) != 1 or saved() != before:
                wrong.append("%s at %d: %d %s" % (line, at + 1, done.returncode,
                                                  done.stderr))
    ok(not wrong, "a wrong line, wherever it stands, is named, and nothing is done",
       "\n".join(wrong[:5]))
    many = "".join("-A -t 10.1.%d.%d:80\n" % (n // 250, n % 250 + 1)
                   for n in range(700))
    done = restore(many + "-A -t 10.0.0.8:80\n" + many, check=False)
    ok(done.returncode == 2 and "line 701:" in done.stderr and saved() == before,
       "and so it is far down in a long file, before others", done.stderr)
    for text in ("-A -t 10.0.0.1:80\n-A -t \"10.0.0.1:81\n", "-A\0 -t 10.0.0.1:81\n",
                 "-A " + "x" * 70000 + "\n", "-C\n" + "-x " * 100 + "\n"):
        done = restore(text, check=False)
        if done.returncode != 1 or saved() != before:
            wrong.append(done.stderr)
    ok(not wrong, "lines that are none are refused", wrong)
    done = restore("-A -t 10.0.0.1:80", "restore", "/nonexistent", check=False)
    ok(done.returncode == 1 and "/nonexistent" in done.stderr,
       "a file that is not there is named", done.stderr)
    afresh()


def test_meanwhile():
    """Somebody else changes something some times, and restore tries again."""
    afresh()
    other = there()
    other.add(key(), ["192.168.1.62"])
    rules = "".join("-A -t 10.1.%d.%d:80 -s rr\n-a -t 10.1.%d.%d:80 -r 10.2.0.1\n" %
                    ((n // 250, n % 250 + 1) * 2) for n in range(1000))
    results = []
    worker = threading.Thread(target=lambda: results.append(
        restore(rules, check=False)))
    worker.start()
    for weight in range(2, 7):
        time.sleep(0.05)
        other.weigh(key(), "192.168.1.62", weight)
    worker.join()
    ok(results[0].returncode == 0 and len(other.dump(SERVICE_GET)) == 1001,
       "a file is restored though something else changes meanwhile",
       results[0].stderr)
    # An open transaction stands in nobody's way.
    idle = there().begin()
    idle.stage(SERVICE_NEW, key(port=81))
    ok(restore("-C\n", check=False).returncode == 0 and not saved(),
       "an open transaction stands in nobody's way")
    idle.close()
    other.close()
    afresh()


def script_of(was, wanted):
    """How many commands lead from one saved file to the other, at least."""
    def parts(text):
        out, director = {}, set()
        for line in text.splitlines():
            words = line.split(" -r ")[0].split(" -s ")[0].split()[1:]
            name = " ".join(words)
            if line.startswith("-A"):
                out[name] = [line, {}]
            elif line.startswith("-a"):
                rip = line.split(" -r ")[1].split()[0]
                out[name][1][rip] = line
            else:
                director.add(line)
        return out, director

    (old, first), (new, second) = parts(was), parts(wanted)
    count = len(set(old) - set(new)) + len(second - first)
    for name, (line, servers) in new.items():
        line_was, servers_were = old.get(name, (None, {}))
        count += line != line_was
        count += len(set(servers_were) - set(servers)) if name in old else 0
        count += sum(servers_were.get(rip) != row for rip, row in servers.items())
    return count


def in_order(text):
    return sorted(text.splitlines())


def test_apply():
    dice = seeded()
    wrong, changes = [], 0
    for number in range(6 if net.SHORT else 12):
        texts = []
        for _ in range(2):
            afresh()
            # Of the director itself, what is not in the file stays.
            restore("set-timeout syn_recv=60,sctp_closed=60\n" + "".join(
                line + "\n" for line in random_rules(dice).splitlines()
                if not line.startswith("set")))
            texts.append(saved())
        was, wanted = texts
        afresh()
        restore(was)
        plan = restore(wanted, "apply", "--dry-run").stdout
        if saved() != was:
            wrong.append("round %d: --dry-run did something" % number)
        done = restore(wanted, "apply").stdout
        if in_order(saved()) != in_order(wanted):
            wrong.append("round %d: from\n%s\nto\n%s\nby\n%s\nis\n%s" %
                         (number, was, wanted, done, saved()))
        if plan != done:
            wrong.append("round %d: other commands than --dry-run said" % number)
        least = script_of(was, wanted)
        changes += least
        if len(done.splitlines()) != least:
            wrong.append("round %d: %d commands, and not %d, from\n%s\nto\n%s\nby\n%s"
                         % (number, len(done.splitlines()), least, was, wanted, done))
        if restore(wanted, "apply").stdout:
            wrong.append("round %d: it is not the last word" % number)
        # What it said is a file of its own.
        afresh()
        restore(was)
        restore(done)
        if in_order(saved()) != in_order(wanted):
            wrong.append("round %d: what it printed does not do it" % number)
        if wrong:
            break
    ok(not wrong and changes > 30, "apply makes one random configuration another one "
       "by the fewest commands (%d in all), which it prints" % changes,
       "\n".join(wrong[:3]))
    afresh()
    restore("-A -t 10.0.0.1:80 -s rr -p 9 --refuse drop\n"
            "-a -t 10.0.0.1:80 -r 10.0.0.2 -w 5 -x 9\n"
            "-a -t 10.0.0.1:80 -r 10.0.0.3\n-A -u 10.0.0.1:53 -o\n")
    done = restore("-A -t 10.0.0.1:80 -s mh -b mh-port --timeouts udp=3\n"
                   "-a -t 10.0.0.1:80 -r 10.0.0.2 -w 5\n"
                   "-a -t 10.0.0.1:80 -r 10.0.0.4\nset-timeout udp=9\n", "apply")
    ok(done.stdout == "set-timeout udp=9\n-D -u 10.0.0.1:53\n"
       "-E -t 10.0.0.1:80 -s mh -b mh-port --refuse icmp -p 0 --timeouts udp=3\n"
       "-d -t 10.0.0.1:80 -r 10.0.0.3:80\n"
       "-e -t 10.0.0.1:80 -r 10.0.0.2:80 -g -w 5 -x 0 -y 0\n"
       "-a -t 10.0.0.1:80 -r 10.0.0.4:80 -g -w 1\n",
       "each change is a command", done.stdout)
    before = saved()
    for text, line, words in (
            ("-A -t 10.0.0.1:80\n-A -t 10.0.0.1:80\n", 2, "already"),
            ("-a -t 10.0.0.1:80 -r 10.0.0.2\n-A -t 10.0.0.1:80\n", 1, "no such"),
            ("-A -t 10.0.0.1:80\n-a -t 10.0.0.1:80 -r 10.0.0.2\n"
             "-a -t 10.0.0.1:80 -r 10.0.0.2\n", 3, "already"),
            ("-C\n", 1, "clear does not"),
            ("-A -t 10.0.0.1:80\n-D -t 10.0.0.1:80\n", 2, "del-service does not")):
        done = restore(text, "apply", check=False)
        ok(done.returncode == 1 and words in done.stderr and
           "line %d:" % line in done.stderr and saved() == before,
           "apply names a line that says nothing of what is to be: %s" % words,
           done.stderr)
    done = restore("-A -t 10.0.0.1:80\n-A -t 127.0.0.1:80\n", "apply", check=False)
    ok(done.returncode == 2 and not done.stdout and saved() == before and
       "-A -t 127.0.0.1:80" in done.stderr,
       "what the kernel refuses is named, and nothing is done", done.stderr)
    restore("set-timeout udp=300\n")
    afresh()


def test_traffic():
    """Open connections of what stays notice nothing."""
    afresh()
    for version in (4, 6):
        where = "%s:80" % VIP[4] if version == 4 else "[%s]:80" % VIP[6]
        rips = [net.addr(host, version) if version == 4 else
                "[%s]" % net.addr(host, version) for host in "ab"]
        rules = "-A -t %s -s rr\n" % where + "".join(
            "-a -t %s -r %s -g -w 1\n" % (where, rip) for rip in rips)
        restore(rules)
        socks = [net.connect(version) for _ in range(6)]
        letters = [sock.recv(1) for sock in socks]
        good = ok(sorted(set(letters)) == [b"a", b"b"], "IPv%d: connections to both "
                  "servers" % version, letters)
        stop, broken, rounds = threading.Event(), [], [0] * len(socks)

        def work(number, sock):
            while not stop.is_set():
                if not exchange(sock, 3000):
                    broken.append(number)
                    return
                rounds[number] += 1

        def goes_on():
            then = list(rounds)
            return until(lambda: all(a > b for a, b in zip(rounds, then)), 40)

        workers = [threading.Thread(target=work, args=pair)
                   for pair in enumerate(socks)]
        for worker in workers:
            worker.start()
        other = "".join("-A -t 10.7.0.%d:80\n-a -t 10.7.0.%d:80 -r 10.7.1.1\n" %
                        (n, n) for n in range(1, 100))
        swapped = rules.splitlines(keepends=True)
        swapped = swapped[:1] + swapped[:0:-1]
        for what, how, text in (
                ("is cleared and restored", ["restore"], "-C\n" + rules),
                ("with others beside it", ["restore"], "-C\n" + other + rules),
                ("with its servers in another order", ["restore"],
                 "-C\n" + "".join(swapped)),
                ("with another scheduler and weights", ["restore"],
                 "-C\n" + rules.replace("-s rr", "-s mh").replace("-w 1", "-w 7")),
                ("is applied with others", ["apply"], other + rules),
                ("and alone", ["apply"], rules)):
            restore(text, *how)
            good = goes_on() and not broken
            ok(good, "IPv%d: connections go on when their service %s" %
               (version, what), (broken, rounds))
        stop.set()
        for worker in workers:
            worker.join()
        other_sock = there()
        counts = other_sock.servers(key(VIP[version]))
        ok(sum(row["conns"] for row in counts.values()) >= len(socks) and
           sum(row["active"] for row in counts.values()) == len(socks),
           "IPv%d: and so do the counters of the servers" % version, counts)
        # What does not stay ends.
        restore("-C\n" + "".join(rules.splitlines(keepends=True)[:2]))
        fates = {}
        for letter, sock in zip(letters, socks):
            fates.setdefault(letter, set()).add(exchange(sock, 100))
            sock.close()
        ok(fates == {b"a": {True}, b"b": {False}}, "IPv%d: those of a server that is "
           "not in the file any more end" % version, fates)
        other_sock.close()
    afresh()


@net.only("trixie")
def test_scale():
    """10,000 services of 20 servers each; how long it takes is told and no test."""
    afresh()
    services, servers = 10000, 20
    lines = []
    for n in range(services):
        vip = "10.%d.%d.%d:80" % (n >> 16, n >> 8 & 255, n & 255)
        lines.append("-A -t %s -s wlc\n" % vip)
        lines += ["-a -t %s -r 10.200.%d.%d:80 -g -w %d\n" %
                  (vip, n & 255, m + 1, m % 9 + 1) for m in range(servers)]
    took = {}

    def timed(what, command, text=None):
        begun = time.monotonic()
        done = restore(text, *command)
        took[what] = time.monotonic() - begun
        return done.stdout

    timed("restore", ["restore"], "".join(lines))
    listed = timed("list", ["list", "-n"])
    ok(listed.count("\nTCP ") == services and
       listed.count("\n  -> 10.") == services * servers,
       "%d services of %d servers are restored and listed" % (services, servers))
    del lines[-servers - 1:]
    said = timed("apply", ["apply"], "".join(lines))
    ok(said == "-D -t 10.0.39.15:80\n", "apply removes the one that is missing", said)
    timed("clear", ["clear"])
    print("# " + ", ".join("%s %.1f s" % item for item in took.items()), flush=True)
    ok(not saved(), "and none is left")


def test_unload():
    """The last one: the module is removed under an open transaction."""
    global kept
    kept = there().begin()
    ok(kept.stage(SERVICE_NEW, key() + settings(sched="mh")) is None and
       kept.stage(SERVER_NEW, server("192.168.1.62")) is None,
       "a transaction is open when the module goes")


kept = None
net.main(globals())
