#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0
# Also on: trixie
"""Files of commands: restore, apply and save."""
import os
import subprocess
import threading
import time

import genl
import net
from genl import BATCH_ABORT, SERVICE_GET, SERVICE_NEW, key
from net import VIP, lbctl, ok, seeded, until
from servers import exchange
from transactions import everything, there


TOP = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))


def saved(*how):
    return lbctl("save", *how).stdout


def restore(text, *how, check=True):
    done = subprocess.run([net.LBCTL, "-N", "director", *(how or ["restore"])],
                          input=text, capture_output=True, text=True)
    if check and done.returncode:
        raise AssertionError("%s: %s" % (how or "restore", done.stderr[-2000:]))
    return done


def random_tunnel(dice):
    """The options of a tunnel."""
    words = dice.choice(("--tun-type ipip", "--tun-type gre --tun-nocsum",
                         "--tun-type gre --tun-csum",
                         "--tun-type gue --tun-port 6080 --tun-nocsum",
                         "--tun-type gue --tun-port 1 --tun-csum"))
    if dice.random() < 0.3:
        words += " --tun-ttl %d" % dice.randrange(1, 256)
    if dice.random() < 0.3:
        words += " --tun-df " + dice.choice(("set", "clear"))
    return words


def random_source(dice, version):
    return dice.choice(("", " --tun-source %s" % net.addr("director", version),
                        " --tun-source-prefix " + ("172.16.0.0/12" if version == 4 else
                                                   "2001:db8:99::/48")))


def random_rules(dice):
    """Lines of a file, of a service and its servers each; sometimes with timeouts
    and an entry before them."""
    groups, keys, schedulers = [], set(), genl.schedulers()
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
        sched = dice.choice(schedulers)
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
            line += " --accept-tunneled yes"
        if dice.random() < 0.2:
            line += " --skip-unreachable yes"
        if dice.random() < 0.2:
            line += " --timeouts established=%d,udp=7" % dice.randrange(1, 9)
        group = [line]
        for last in dice.sample(range(1, 99), dice.randrange(6)):
            # Not the VIP, nor the director.
            tunnel = last not in (63, 70) and dice.random() < 0.4
            outer = dice.choice((4, 6)) if tunnel else version
            rip = "192.168.1.%d" % last if outer == 4 else "[2001:db8:1::%x]" % last
            line = "-a %s -r %s%s %s -w %d" % (
                name, rip, "" if port == 0 else ":%s" % port, "-i" if tunnel else "-g",
                dice.randrange(9))
            if dice.random() < 0.2:
                line += " -x %d" % dice.randrange(5, 9)
                if dice.random() < 0.5:
                    line += " -y %d" % dice.randrange(1, 5)
            if tunnel:
                line += " " + random_tunnel(dice) + random_source(dice, outer)
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
    lines, number, wrong = 0, 0, []
    # Few of them may have few lines.
    while number < (3 if net.SHORT else 6) or lines <= 20:
        number += 1
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
        # Random rules may be none.
        said = restore(first, "apply", "--allow-empty").stdout
        if said:
            wrong.append("round %d: apply: %s" % (number, said))
        if wrong:
            break
    ok(not wrong, "save, restore, save: the same to the byte (%d "
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


LABELS = """-A -t %(vip)s:80 -s rr
-a -t %(vip)s:80 -r 192.168.1.62:8080 -g -w 3
-A -f 7 -s rr
-a -f 7 -r 192.168.1.64:80 -g -w 1
""" % {"vip": VIP[4]}


def test_labels():
    """A server's port that is not its service's: kept, without effect on packets."""
    afresh()
    restore(LABELS)
    ok(saved() == LABELS, "restore and save keep labels", saved())
    with net.connect(4) as sock:
        ok(sock.recv(1) == b"a", "packets keep the port that the client sent to")
    lbctl("edit-server", "-t", VIP[4] + ":80", "-r", "192.168.1.62", "-w", "4")
    ok(":8080 -g -w 4\n" in saved(), "edit-server keeps the label", saved())
    done = restore(LABELS.replace(":8080", ":8081"), "apply")
    ok(done.stdout == "-e -t %s:80 -r 192.168.1.62:8081 -g -w 3\n" % VIP[4],
       "apply changes the label", done.stdout + done.stderr)
    ok(saved() == LABELS.replace(":8080", ":8081"), "to that of the file", saved())


def test_failing_line():
    afresh()
    good = ["-A -t 10.0.0.1:80 -s rr", "-a -t 10.0.0.1:80 -r 10.0.0.2 -w 3",
            "-A -t 10.0.0.1:0", "-e -t 10.0.0.1:80 -r 10.0.0.2 -w 4",
            "-E -t 10.0.0.1:0 -s mh", "set-timeout udp=5", "-D -t 10.0.0.9:80",
            "-A -f 7", "-C", "-A -t 10.0.0.1:80 -s rr"]
    bad = [("-A -t 10.0.0.8:80", 2, "service exists already"),
           ("-a -t 10.0.0.7:80 -r 10.0.0.2", 2, "service not found"),
           ("-A -t 10.0.0.6:80 -s nonsense", 2, "scheduler not found"),
           ("-A -t 127.0.0.1:80", 2, "loopback"),
           ("set-entry ingress nodevice", 2, "device not found"),
           ("-A -t 10.0.0.1:99999", 1, "must be 0 to 65535"),
           ("-L", 1, "not supported in a file")]
    restore("-A -t 10.0.0.8:80\n-A -t 10.0.0.9:80\n-a -t 10.0.0.9:80 -r 10.0.0.3\n")
    sock, wrong = there(), []
    before = everything(sock)
    # Each place, and each mistake; not each mistake at each place.
    for at in range(max(len(good) + 1, len(bad))):
        line, status, words = bad[at % len(bad)]
        at = min(at, len(good))
        # After -C nothing exists.
        if at > 8 and "exists" in words:
            line, status, words = bad[1]
        text = "\n".join(good[:at] + [line] + good[at:]) + "\n"
        done = restore(text, check=False)
        if done.returncode != status or words not in done.stderr or \
                "line %d:" % (at + 1) not in done.stderr or \
                "nothing was changed" not in done.stderr or \
                len(done.stderr.splitlines()) != 1 or everything(sock) != before:
            wrong.append("%s at %d: %d %s" % (line, at + 1, done.returncode,
                                              done.stderr))
    ok(not wrong, "a wrong line, wherever it stands, is named, and nothing is done",
       "\n".join(wrong[:5]))
    many = "".join("-A -t 10.1.%d.%d:80\n" % (n // 250, n % 250 + 1)
                   for n in range(700))
    done = restore(many + "-A -t 10.0.0.8:80\n" + many, check=False)
    ok(done.returncode == 2 and "line 701:" in done.stderr and
       everything(sock) == before,
       "and so it is far down in a long file, before others", done.stderr)
    for text in ("-A -t 10.0.0.1:80\n-A -t \"10.0.0.1:81\n", "-A\0 -t 10.0.0.1:81\n",
                 "-A " + "x" * 70000 + "\n", "-C\n" + "-x " * 100 + "\n"):
        done = restore(text, check=False)
        if done.returncode != 1 or everything(sock) != before:
            wrong.append(done.stderr)
    ok(not wrong, "lines that are none are refused", wrong)
    sock.close()
    done = restore("-A -t 10.0.0.1:80", "restore", "/nonexistent", check=False)
    ok(done.returncode == 1 and "/nonexistent" in done.stderr,
       "a file that is not there is named", done.stderr)
    afresh()


def test_empty():
    """A file without commands is a mistake; save replaces a file as a whole."""
    afresh()
    restore("-A -t 10.0.0.1:80 -s rr\n-a -t 10.0.0.1:80 -r 10.0.0.2 -w 0\n")
    before = saved()
    for text in ("", "# nothing\n\n"):
        done = restore(text, "apply", check=False)
        ok(done.returncode == 1 and "--allow-empty" in done.stderr and
           saved() == before, "apply of a file without commands changes nothing",
           done.stderr)
    name = "/run/lbdr-saved"
    lbctl("save", name)
    with open(name, encoding="ascii") as rules:
        ok(rules.read() == before, "save FILE writes what save prints")
    # A file system that is full.
    room = "/run/lbdr-full"
    os.makedirs(room, exist_ok=True)
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=4k", "tmpfs", room], check=True)
    with open(room + "/rules", "w", encoding="ascii") as rules:
        rules.write(before)
    done = lbctl("save", room + "/rules", check=False)
    with open(room + "/rules", encoding="ascii") as rules:
        ok(done.returncode == 2 and rules.read() == before and
           os.listdir(room) == ["rules"], "save to a full disk keeps the old file",
           done.stderr)
    subprocess.run(["umount", room], check=True)
    ok(restore("", "apply", "--allow-empty").returncode == 0 and not saved(),
       "apply --allow-empty removes everything")
    os.unlink(name)
    afresh()


def test_check():
    """A file is checked by the module, and nothing is changed."""
    afresh()
    restore("-A -t 10.0.0.1:80 -s rr\n-a -t 10.0.0.1:80 -r 10.0.0.2 -w 0\n")
    before = saved()
    other = there()
    state = everything(other)
    for text, status, words in (
            (before, 0, ""), ("", 1, "no commands"),
            ("-A -t 10.0.0.1:80 -s nonsense\n", 2, "line 1: scheduler not found"),
            ("set-timeout udp=9\n-A -t 10.0.0.1:80\n-A -t 10.0.0.1:80\n", 2,
             "line 3: service exists already"),
            ("-A -t 10.0.0.1:99999\n-L\n", 1, "line 2: ")):
        done = restore(text, "check", check=False)
        ok(done.returncode == status and words in done.stderr and not done.stdout and
           everything(other) == state,
           "check of a file: status %d, nothing is changed" % status, done.stderr)
    other.close()
    afresh()


def test_unit():
    """What the systemd unit runs keeps connections, however often it is run."""
    with open(os.path.join(TOP, "packaging", "lbdr.service"), encoding="ascii") as unit:
        lines = [line.split("=", 1) for line in unit.read().splitlines() if "=" in line]
    words = dict(lines)
    ok("ExecStop" not in words and words["ExecStart"] == words["ExecReload"],
       "stopping the unit changes nothing, and a restart is a reload")
    how = words["ExecStart"].split()[1:-1]
    afresh()
    rules = "-A -t %s:80 -s rr\n-a -t %s:80 -r 192.168.1.62\n" % (VIP[4], VIP[4])
    other = there()
    for line in ("", "-A -t 10.0.0.1:80\n"):
        restore(line + rules, *how)
    ok(len(other.dump(SERVICE_GET)) == 2, "start makes the file true")
    restore(rules, *how)
    ok(len(other.dump(SERVICE_GET)) == 1 and
       saved() == rules.replace("62\n", "62:80 -g -w 1\n"),
       "and a restart, what the file says then", saved())
    other.close()
    afresh()


def last_transaction(sock):
    """The id of the last transaction, this one. The kernel counts them."""
    number = sock.begin().id
    sock.named(BATCH_ABORT)
    return number


def with_conflict(verb, text):
    """Run the verb on a file that sets the weight of a server, and change that weight until
    a conflict made the verb begin a second transaction. Return its result and how many
    transactions it began: 1 if it was done before a change came between."""
    other, results, weight = there(), [], 0
    worker = threading.Thread(target=lambda: results.append(
        restore(text, verb, check=False)))
    first, tries = last_transaction(other), 0
    worker.start()
    while worker.is_alive() and tries < 2:
        weight += 1
        other.weigh(key(), "192.168.1.62", weight % 50 + 1)
        tries = last_transaction(other) - first - weight
    worker.join()
    tries = last_transaction(other) - first - weight - 1
    other.close()
    return results[0], tries


def test_meanwhile():
    """Another program changes what the file changes, too: the commands try again."""
    other = there()
    many = "".join("-A -t 10.1.%d.%d:80 -s rr\n-a -t 10.1.%d.%d:80 -r 10.2.0.1\n" %
                   ((n // 250, n % 250 + 1) * 2) for n in range(1000))
    service = "-t %s:80" % VIP[4]
    for verb, first in (
            ("restore", "-e %s -r 192.168.1.62 -w 99\n" % service),
            ("apply", "-A %s -s rr\n-a %s -r 192.168.1.62 -w 99\n" % (service, service))):
        for _ in range(20):
            afresh()
            other.add(key(), ["192.168.1.62"], sched="rr")
            done, tries = with_conflict(verb, first + many)
            count = len(other.dump(SERVICE_GET))
            if tries > 1 or done.returncode or count != 1001:
                break
        ok(done.returncode == 0 and count == 1001 and tries > 1,
           "%s succeeds after a conflict" % verb, (done.stderr, count, tries))
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


@net.only("uml")
def test_apply():
    dice = seeded()
    wrong, changes = [], 0
    for number in range(3 if net.SHORT else 5):
        texts = []
        while len(texts) < 2:
            afresh()
            # Of the director itself, what is not in the file stays.
            restore("set-timeout syn_recv=60,sctp_closed=60\n" + "".join(
                line + "\n" for line in random_rules(dice).splitlines()
                if not line.startswith("set")))
            # apply refuses a file without commands.
            if saved():
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
    ok(not wrong and changes, "apply makes one random configuration another one "
       "by the fewest commands (%d in all), which it prints" % changes,
       "\n".join(wrong[:3]))
    afresh()
    restore("-A -t 10.0.0.1:80 -s rr -p 9 --refuse drop\n"
            "-a -t 10.0.0.1:80 -r 10.0.0.2 -w 5 -x 9\n"
            "-a -t 10.0.0.1:80 -r 10.0.0.3\n-A -u 10.0.0.1:53 -o\n")
    done = restore("-A -t 10.0.0.1:80 -s mh -b mh-port --timeouts udp=3\n"
                   "-a -t 10.0.0.1:80 -r 10.0.0.2 -w 5\n"
                   "-a -t 10.0.0.1:80 -r 10.0.0.4\nset-timeout udp=9\n", "apply")
    ok(done.stdout == "set-timeout udp=9\n-d -t 10.0.0.1:80 -r 10.0.0.3:80\n"
       "-D -u 10.0.0.1:53\n"
       "edit-service -t 10.0.0.1:80 -s mh -p 0 -b mh-port --refuse icmp --timeouts udp=3\n"
       "edit-server -t 10.0.0.1:80 -r 10.0.0.2:80 -x 0\n"
       "-a -t 10.0.0.1:80 -r 10.0.0.4:80 -g -w 1\n",
       "each change is a command", done.stdout)
    before = saved()
    for text, line, words in (
            ("-A -t 10.0.0.1:80\n-A -t 10.0.0.1:80\n", 2, "duplicate"),
            ("-a -t 10.0.0.1:80 -r 10.0.0.2\n-A -t 10.0.0.1:80\n", 1, "service not found"),
            ("-A -t 10.0.0.1:80\n-a -t 10.0.0.1:80 -r 10.0.0.2\n"
             "-a -t 10.0.0.1:80 -r 10.0.0.2\n", 3, "duplicate"),
            ("-A -t 10.0.0.1:80\n-C\n", 2, "first command"),
            ("-A -t 10.0.0.1:80\n-D -t 10.0.0.1:80\n", 2, "del-service not supported")):
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
    """Thousands of services of 20 servers each; how long it takes is told and no test. When
    all of them are freed, UML fills KASAN's shadow memory until the host has none left."""
    afresh()
    services, servers = 10000 if net.EVERYTHING else 2000, 20
    lines = []
    for n in range(services):
        vip = "10.%d.%d.%d:80" % (n >> 16, n >> 8 & 255, n & 255)
        lines.append("-A -t %s -s wlc\n" % vip)
        lines += ["-a -t %s -r 10.200.%d.%d:80 -g -w %d\n" %
                  (vip, n & 255, m + 1, m % 9 + 1) for m in range(servers)]
    took = {}
    for command in (["restore"], ["list", "-n"]):
        begun = time.monotonic()
        done = restore("".join(lines), *command)
        took[command[0]] = time.monotonic() - begun
    print("# " + ", ".join("%s %.1f s" % item for item in took.items()), flush=True)
    ok(done.stdout.count("\nTCP ") == services and
       done.stdout.count("\n  -> 10.") == services * servers,
       "%d services of %d servers are restored and listed" % (services, servers))


net.main(globals())
