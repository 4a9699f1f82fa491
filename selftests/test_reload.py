#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0
# Also on: trixie
# CPUs: 2
"""`lbctl reload-module`: the module is exchanged under traffic; what it refuses; and what
is left if the new module cannot be loaded or the tool is killed."""
import glob
import os
import re
import shutil
import tempfile
import threading

import genl
import net
from ipvs import Ipvs, Loaded
from net import VIP, lbctl, ok, only, until
from servers import Transfer, configure, exchange, which
from test_entry import nft
from test_sync_peers import key_file, peers, synced, tool

MODULE = os.environ["LBDR_KO"]
PARAMETERS = "/sys/module/lbdr/parameters/"
SYSCTL = "/proc/sys/net/ipv4/vs/expire_quiescent_template"
MARKS = """
table ip marks {
	chain pre {
		type filter hook prerouting priority mangle
		tcp dport 80 meta mark set 7
	}
}"""
# Services with 41 bytes each in what nft(8) is told: more than 65536 bytes
MANY = 1700
# A folder /run without room for the sysctls of lbdr_ipvs, in a namespace of mounts of its own
FULL = """#!/bin/sh
[ "$1" ] || exec unshare -m "$0" inside
mkdir -p /tmp/netns && mount --rbind /run/netns /tmp/netns &&
mount -t tmpfs -o size=16k tmpfs /run && mkdir /run/netns /run/modprobe.d &&
mount --rbind /tmp/netns /run/netns || exit 9
touch /run/lbdr-reload.lock
head -c 4096 /dev/zero >/run/fill1; head -c 4096 /dev/zero >/run/fill2
exec %s -N director reload-module %s --force
"""
CONNECTIONS = 100 if net.LABEL == "uml" else 500


def reload(*words, path=None):
    env = dict(os.environ)
    if path:
        env["PATH"] = path + ":" + env["PATH"]
    return net.run(net.LBCTL, "-N", "director", "reload-module", *words, check=False,
                   env=env)


def left():
    """What an exchange leaves behind, if it does."""
    with net.within("director"):
        tables = net.run("nft", "list", "tables").stdout
    return ([table for table in tables.splitlines() if "lbctl" in table],
            glob.glob("/run/lbdr-exchange.*"), glob.glob("/run/modprobe.d/*"))


def grace():
    """The kernel's settings of grace periods, which an exchange shortens."""
    tree = "/sys/module/rcutree/parameters/jiffies_till_%s_fqs"
    return [read(path) for path in ("/sys/kernel/rcu_expedited", tree % "first",
                                    tree % "next") if os.path.exists(path)]


def clean():
    for folder in glob.glob("/run/lbdr-exchange.*"):
        shutil.rmtree(folder)
    for file in glob.glob("/run/modprobe.d/*"):
        os.unlink(file)


def write(path, value):
    with net.within("director"), open(path, "w", encoding="ascii") as file:
        file.write(value)


def stub(folder, name, text):
    """A program that an exchange finds before the real one."""
    write(folder + "/" + name, text)
    os.chmod(folder + "/" + name, 0o755)


def read(path):
    with net.within("director"), open(path, encoding="ascii") as file:
        return file.read().strip()


def both():
    """The services of both families, with servers a and b."""
    lbctl("clear")
    with net.within("director"):
        director = genl.Director()
    for version in (4, 6):
        key = genl.key(VIP[version], 80)
        director.add(key, [net.addr(host, version) for host in "ab"], sched="rr")
    director.close()


def unloadable():
    """A module that modinfo(8) takes for one of this kernel, and the kernel does not."""
    with open(MODULE, "rb") as file:
        text = file.read()
    at = text.index(b"vermagic=")
    end = text.index(b"\0", at)
    words = text[at:end].replace(b" mod_unload", b" mod_unlike")
    ok(words != text[at:end], "a module that cannot be loaded is made", text[at:end])
    folder = tempfile.mkdtemp()
    path = os.path.join(folder, "lbdr.ko")
    with open(path, "wb") as file:
        file.write(text[:at] + words + text[end:])
    return path


def test_traffic():
    """Idle connections of both families and transfers go on; configuration, parameters,
    entry, roles and sysctls are what they were."""
    both()
    lbctl("add-service", "-f", "7", "-s", "wlc", "--refuse", "drop")
    lbctl("set-timeout", "established=777")
    lbctl("set-entry", "ingress", "eth0")
    lbctl("sync", "master", "eth0", "--id", "9")
    write(PARAMETERS + "conn_rate", "1000000")
    idle = {version: [net.connect(version, timeout=30) for _ in range(CONNECTIONS // 2)]
            for version in (4, 6)}
    for version in idle:
        for sock in idle[version]:
            sock.recv(1)
    runs = [Transfer(4, 2), Transfer(6, 2)]
    before, roles = lbctl("save").stdout, lbctl("sync").stdout.splitlines()[:2]
    settings = grace()
    held = len(lbctl("save-conns").stdout.splitlines())
    done = reload(MODULE)
    ok(done.returncode == 0 and not done.stderr, "the module is exchanged", done)
    said = re.search(r"(\d+) connections restored\n.* were dropped for (\d+) ms\n",
                     done.stdout)
    ok(said and int(said[1]) >= held >= CONNECTIONS,
       "all %d connections are restored" % held, done.stdout)
    print("# packets were dropped for %s ms" % (said and said[2]))
    for run in runs:
        run.goes_on("goes on")
        run.end()
    wrong = [sock for version in idle for sock in idle[version]
             if not exchange(sock, 1000)]
    ok(not wrong, "%d idle connections go on" % CONNECTIONS, len(wrong))
    for version in idle:
        for sock in idle[version]:
            sock.close()
    ok(lbctl("save").stdout == before, "the configuration is what it was, the entry too",
       (before, lbctl("save").stdout))
    ok(read(PARAMETERS + "conn_rate") == "1000000", "and so are the parameters",
       read(PARAMETERS + "conn_rate"))
    ok(lbctl("sync").stdout.splitlines()[:2] == roles, "and the roles of sync",
       lbctl("sync").stdout)
    ok(left() == ([], [], []), "nothing is left behind", left())
    ok(until(lambda: grace() == settings), "the kernel's grace periods are as they were",
       (settings, grace()))
    lbctl("sync", "stop", "master")
    lbctl("set-entry", "prerouting")
    lbctl("set-timeout", "established=900")


@only("trixie")
def test_gap():
    """How long the packets of services are dropped with 10,000 connections. The guest's
    clock says it where it counts instructions: `guest trixie -i -c 2 -e GAP=200`."""
    both()
    net.fill("director", 10000)
    held = sorted(lbctl("save-conns").stdout.splitlines())
    ok(len(held) == 10000, "there are 10,000 connections", len(held))
    done = reload(MODULE)
    said = re.search(r"\n.* were dropped for (\d+) ms\n", done.stdout)
    ok(done.returncode == 0 and said, "the module is exchanged", done)
    print("# packets were dropped for %s ms" % (said and said[1]))
    if "GAP" in os.environ:
        ok(said and int(said[1]) < int(os.environ["GAP"]), "less than GAP")
    now = sorted(lbctl("save-conns").stdout.splitlines())
    ok([line.split()[:5] for line in now] == [line.split()[:5] for line in held],
       "all are there again", len(now))
    lbctl("clear")


def fields(text):
    """Lines of save-conns without the time that is left."""
    return sorted(line.split()[:5] + line.split()[6:] for line in text.splitlines())


def test_kinds():
    """Templates, and connections of all kinds of services."""
    lbctl("clear")
    kinds = []
    for version in (4, 6):
        server = net.addr("a", version)
        client, vip, at = (text % word for text, word in zip(
            ("%s", "%s", "%s") if version == 4 else ("[%s]", "[%s]", "[%s]"),
            ("203.0.113.9" if version == 4 else "2001:db8:9::9", VIP[version], server)))
        marked = " -6" if version == 6 else ""
        for what, service in (("%s:4001 %s:80 tcp %s established 500000 -", "-t %s:80"),
                              ("%s:4002 %s:80 tcp %s fin_wait 90000 renewed", "-t %s:80"),
                              ("%s:4003 %s:9005 tcp %s established 500000 -",
                               "-t %s:9000-9010"),
                              ("%s:4004 %s:53 udp %s udp 200000 half_open", "-u %s:0"),
                              ("%s:4005 %s:8080 tcp %s established 500000 -",
                               "-f 7" + marked)):
            kinds.append((what % (client, vip, at),
                          service % vip if "%" in service else service, at))
        kinds.append(("%s - - %s template 50000 -" % (client, at), "-f 7" + marked, at))
        kinds.append(("%s - - %s template 50000 half_open" % (client, at),
                      "-t %s:9000-9010" % vip, at))
    for service, at in sorted({(service, at) for _, service, at in kinds}):
        lbctl("add-service", *service.split(), "-p", "60")
        lbctl("add-server", *service.split(), "-r", at)
    with tempfile.NamedTemporaryFile("w", suffix=".conns") as file:
        for what, service, _ in kinds:
            file.write("%s %s\n" % (what, service))
        file.flush()
        lbctl("restore-conns", file.name)
    before = lbctl("save-conns").stdout
    ok(len(before.splitlines()) == len(kinds), "connections of all kinds are there", before)
    done = reload(MODULE)
    after = lbctl("save-conns").stdout
    ok(done.returncode == 0 and fields(after) == fields(before), "all are restored",
       (done, before, after))
    lbctl("clear")


SETTINGS = ("running", "device", "addresses", "port", "ttl", "length", "key_id", "keys")
PAIR = ("director", "backup")


def start_peers(key, *hosts):
    for host in hosts:
        tool(host, "sync", "peers", "eth0", "--address", net.addr(*{*PAIR} - {host}),
             "--key-file", key, "--key-id", "1", "--ttl", "3", "--length", "1400")


def test_peers():
    """The role peers runs again with its settings and its key. A key file that cannot be
    used is refused before anything changes."""
    both()
    key = key_file("reload")
    start_peers(key, *PAIR)
    ok(synced(*PAIR) == [0, 0], "both directors are synced", peers("director"))
    before = lbctl("save").stdout
    for what, words, code, reason in (
            ("no key", (), 2, "its key is required"),
            ("a key file that does not exist", ("--key-file", "/nowhere"), 1, "/nowhere"),
            ("a readable key", ("--key-file", key_file("open", 0o644)), 1, "mode 0600"),
            ("a short key", ("--key-file", key_file("short", size=31)), 1, "32 bytes")):
        done = reload(MODULE, *words)
        ok(done.returncode == code and reason in done.stderr, what + " is refused", done)
    ok(lbctl("save").stdout == before and left() == ([], [], []) and
       synced(*PAIR, seconds=0) == [0, 0], "and nothing has changed",
       (left(), peers("director")))
    was = peers("director")
    folder = tempfile.mkdtemp()
    other = shutil.copy(MODULE, folder)
    done = reload(MODULE, "--fallback", other, "--key-file", key)
    ok(done.returncode == 0 and not done.stderr and "'%s' loaded" % MODULE in done.stdout,
       "the module is exchanged, and the fallback is not needed", done)
    now = peers("director")
    ok([now[name] for name in SETTINGS] == [was[name] for name in SETTINGS],
       "the role runs with the same settings", (was, now))
    # Both directors have the same module, here.
    start_peers(key, "backup")
    ok(synced(*PAIR) == [0, 0], "both are synced again", peers("director"))
    ok(lbctl("save").stdout == before and left() == ([], [], []),
       "nothing else has changed", left())
    for host in PAIR:
        tool(host, "sync", "stop", "peers")
    shutil.rmtree(folder)
    lbctl("clear")


@only("uml")
def test_role():
    """A role that cannot be started again: no reason to take the fallback."""
    both()
    net.ip("director", "link", "add", "dummy0", "type", "dummy")
    net.ip("director", "addr", "add", "192.0.2.1/24", "dev", "dummy0")
    net.ip("director", "link", "set", "dummy0", "up")
    lbctl("sync", "master", "dummy0", "--id", "9", "--address", "192.0.2.2")
    lbctl("sync", "backup", "eth0", "--id", "9")
    before = lbctl("save").stdout
    folder = tempfile.mkdtemp()
    other = shutil.copy(MODULE, folder)
    stub(folder, "insmod", "#!/bin/sh\nip link del dummy0 2>/dev/null\n"
          "exec /sbin/insmod \"$@\"\n")
    done = reload(MODULE, "--fallback", other, path=folder)
    ok(done.returncode == 3 and "'%s' loaded" % MODULE in done.stdout and
       "in place of" not in done.stderr, "the new module stays", done)
    ok("the role master of sync is stopped" in done.stderr and
       re.search(r"fix: lbctl sync master dummy0 --id 9 --address 192\.0\.2\.2 ",
                 done.stderr), "the role is named, and how it is started", done.stderr)
    ok(lbctl("save").stdout == before and left() == ([], [], []) and
       lbctl("sync").stdout.splitlines()[1].startswith("backup  runs"),
       "all else is restored", (left(), lbctl("sync").stdout))
    lbctl("sync", "stop", "backup")
    shutil.rmtree(folder)


@only("uml")
def test_entry():
    """An entry that cannot be set again: as with a role."""
    both()
    net.ip("director", "link", "add", "dummy0", "type", "dummy")
    lbctl("set-entry", "ingress", "dummy0", "eth0")
    with tempfile.TemporaryDirectory() as folder:
        stub(folder, "insmod", "#!/bin/sh\nip link del dummy0 2>/dev/null\n"
             "exec /sbin/insmod \"$@\"\n")
        done = reload(MODULE, path=folder)
    ok(done.returncode == 3 and "'%s' loaded" % MODULE in done.stdout and
       "fix: lbctl set-entry ingress dummy0 eth0\n" in done.stderr and
       "hint" not in done.stderr,
       "the new module stays, and the command that sets the entry is told", done)
    ok(lbctl("list", "-n").stdout.count("->") == 5 and left() == ([], [], []),
       "all else is restored", (left(), lbctl("list", "-n").stdout))


class Weighing(threading.Thread):
    """Changes a weight again and again, until that fails, or `limit` times."""

    def __init__(self, limit=None):
        super().__init__()
        self.weight, self.limit = 1, limit
        self.stop = threading.Event()
        with net.within("director"):
            self.sock = genl.Director()
        self.start()

    def run(self):
        while self.weight - 1 != self.limit and not self.stop.wait(0.03):
            try:
                self.sock.weigh(genl.key(VIP[4]), net.addr("a"), self.weight + 1)
            except (genl.Refused, OSError):
                return
            self.weight += 1

    def end(self):
        self.stop.set()
        self.join()
        self.sock.close()
        return self.weight


@only("uml")
def test_meanwhile():
    """What another program changes until the configuration is removed is kept. Nothing is
    exchanged if it never pauses; the last one does."""
    both()
    net.fill("director", 3000)
    for limit in (None, None, 15):
        other = Weighing(limit)
        done = reload(MODULE)
        weight = other.end()
        ok(done.returncode in (0, 2)[:1 if limit else 2] and weight > 1 and
           "-r %s:80 -g -w %d\n" % (net.addr("a"), weight) in lbctl("save").stdout,
           "the last change of a weight before the exchange is kept" +
           (", after %d changes" % limit if limit else ""),
           (weight, done, lbctl("save").stdout))
        with net.within("director"):
            director = genl.Director()
        director.weigh(genl.key(VIP[4]), net.addr("a"), 1)
        director.close()
    with tempfile.TemporaryDirectory() as folder:
        stub(folder, "nft", "#!/bin/sh\n%s -N director add-service -t 192.0.2.77:80\n"
             "exec /usr/sbin/nft \"$@\"\n" % net.LBCTL)
        stub(folder, "insmod", "#!/bin/sh\n/usr/sbin/nft list ruleset >%s/ruleset\n"
             "exec /sbin/insmod \"$@\"\n" % folder)
        done = reload(MODULE, path=folder)
        rules = read(folder + "/ruleset")
    ok(done.returncode == 0 and "192.0.2.77" in rules and VIP[4] in rules and
       "-A -t 192.0.2.77:80" in lbctl("save").stdout,
       "packets of a service that is added meanwhile are dropped, and it is kept",
       (done, rules))
    lbctl("clear")


@only("uml")
def test_many():
    """More addresses than pipes to nft(8) and from it have room for."""
    lbctl("clear")
    with tempfile.TemporaryDirectory() as folder:
        write(folder + "/rules", "".join(
            "-A -t [2001:db8:1111:2222:3333:4444:5555:%x]:80\n" % (n + 0x1000)
            for n in range(MANY)) + "-A -u 10.9.0.1:53\n-A -f 9\n-A -f 8 -6\n")
        lbctl("restore", folder + "/rules")
        before = lbctl("save").stdout
        stub(folder, "nft", "#!/bin/sh\nyes '' | head -c 300000\n"
             "exec /usr/sbin/nft \"$@\"\n")
        stub(folder, "insmod", "#!/bin/sh\n/usr/sbin/nft list ruleset >%s/ruleset\n"
             "exec /sbin/insmod \"$@\"\n" % folder)
        done = reload(MODULE, path=folder)
        rules = read(folder + "/ruleset") if not done.returncode else ""
    ok(done.returncode == 0 and lbctl("save").stdout == before,
       "the module is exchanged with %d services" % (MANY + 3), done)
    ok(rules.count("2001:db8:1111:") == MANY and "{ 10.9.0.1 }" in rules and
       len(re.findall(r"elements = { 0x0000000[89] }", rules)) == 2,
       "and the packets of all were dropped", rules)
    lbctl("clear")


@only("uml")
def test_not_unloaded():
    """The old module cannot be unloaded: everything is restored, and said to be."""
    both()
    lbctl("set-entry", "ingress", "eth0")
    before = lbctl("save").stdout
    with tempfile.TemporaryDirectory() as folder:
        stub(folder, "rmmod", "#!/bin/sh\nexit 1\n")
        done = reload(MODULE, path=folder)
    ok(done.returncode == 2 and "everything was restored" in done.stderr and
       "hint" not in done.stderr, "a module that cannot be unloaded stays", done)
    ok(lbctl("save").stdout == before and left() == ([], [], []),
       "and all is as before", (left(), lbctl("save").stdout))
    lbctl("set-entry", "prerouting")


@only("uml")
def test_ipvs():
    """lbdr_ipvs.ko is exchanged, too, with its sysctls. One says that fwmark services come
    before others, since a program has added one."""
    with Loaded():
        both()
        write(SYSCTL, "1")
        nft(MARKS)
        with net.within("director"):
            net.run("ipvsadm", "-A", "-f", "7", "-s", "rr")
            net.run("ipvsadm", "-a", "-f", "7", "-r", net.addr("b"), "-g")
        ok({which() for _ in range(4)} == {"b"}, "the fwmark service comes first")
        run = Transfer(4, 2)
        done = reload(MODULE)
        ok(done.returncode == 2 and "lbdr_ipvs is loaded" in done.stderr,
           "with lbdr_ipvs, --force is required", done)
        done = reload(MODULE, "--force")
        ok(done.returncode == 0, "with it, both modules are exchanged", done)
        ok(os.path.isdir("/sys/module/lbdr_ipvs"), "lbdr_ipvs is loaded again")
        ok(os.path.exists(SYSCTL) and read(SYSCTL) == "1", "its sysctls are kept")
        ok({which() for _ in range(4)} == {"b"}, "and the fwmark service still comes first")
        run.goes_on("goes on")
        run.end()
        ok(left() == ([], [], []), "nothing is left behind", left())
        before = lbctl("save").stdout
        with net.within("client"):
            other = genl.Genl()
        other.do(genl.SERVICE_NEW, genl.key())
        done = reload(MODULE, "--force")
        ok(done.returncode == 3 and lbctl("save").stdout == before and
           "services of 1 other network namespace were removed" in done.stderr,
           "services of other namespaces that --force removes are told", done)
        other.close()
        with tempfile.TemporaryDirectory() as folder:
            stub(folder, "full", FULL % (net.LBCTL, MODULE))
            done = net.run(folder + "/full", check=False)
        ok(done.returncode == 2 and "/sysctls: No space left" in done.stderr and
           "everything was restored" in done.stderr and lbctl("save").stdout == before and
           read(SYSCTL) == "1", "without room for the sysctls nothing changes", done)
        nft("delete table ip marks")
        write(SYSCTL, "0")
        lbctl("clear")


@only("uml")
def test_refused():
    """Nothing changes then."""
    both()
    before = lbctl("save").stdout
    with tempfile.NamedTemporaryFile(suffix=".ko") as file:
        file.write(b"no module")
        file.flush()
        done = reload(file.name)
        ok(done.returncode == 1 and "not a module" in done.stderr,
           "a file that is no module is refused", done)
    done = reload(MODULE.replace("lbdr.ko", "lbdr_ipvs.ko"))
    ok(done.returncode == 1 and "is lbdr_ipvs, not lbdr" in done.stderr,
       "another module is refused", done)
    for words in (("lbdr",), (MODULE, "--fallback", "lbdr")):
        done = reload(*words)
        ok(done.returncode == 1 and "cannot read 'lbdr'" in done.stderr,
           "so is a name in place of a file", done)
    done = reload(MODULE, "--fallback", "/nowhere")
    ok(done.returncode == 1 and "/nowhere" in done.stderr,
       "a fallback that does not exist is refused", done)
    with tempfile.TemporaryDirectory() as folder:
        stub(folder, "nft", "#!/bin/sh\nexit 1\n")
        done = reload(MODULE, path=folder)
    ok(done.returncode == 2 and "nft" in done.stderr,
       "without nft the module is not exchanged", done)
    clean()
    with net.within("client"):
        other = genl.Genl()
    other.do(genl.SERVICE_NEW, genl.key())
    done = reload(MODULE)
    ok(done.returncode == 2 and "1 other network namespace has services:" in done.stderr,
       "with services in another namespace it is refused", done)
    ok(lbctl("save").stdout == before and left() == ([], [], []),
       "and nothing has changed", left())
    done = reload(MODULE, "--force")
    ok(done.returncode == 3 and lbctl("save").stdout == before and
       "services of 1 other network namespace were removed" in done.stderr,
       "with --force the module is exchanged, and what is lost is told", done)
    other.close()
    with tempfile.TemporaryDirectory() as folder:
        stub(folder, "insmod", "#!/bin/sh\n%s -N director reload-module %s "
              "2>%s/second\nexec /sbin/insmod \"$@\"\n" % (net.LBCTL, MODULE, folder))
        done = reload(MODULE, path=folder)
        ok(done.returncode == 0 and read(folder + "/second"),
           "a second exchange meanwhile is refused", (done, read(folder + "/second")))
    ok(lbctl("save").stdout == before and left() == ([], [], []),
       "and the first one comes to its end", left())
    with net.within("client"):
        other = genl.Genl()
    ok(not other.dump(genl.SERVICE_GET), "and the other namespace has no service")
    other.close()


@only("uml")
def test_failure():
    """The new module cannot be loaded."""
    both()
    before = lbctl("save").stdout
    bad = unloadable()
    run = Transfer(4, 2)
    done = reload(bad, "--fallback", MODULE)
    ok(done.returncode == 2 and "in place of" in done.stderr,
       "a module that cannot be loaded: the fallback is loaded", done)
    run.goes_on("goes on")
    run.end()
    ok(lbctl("save").stdout == before, "and the configuration is what it was")
    clean()
    done = reload(bad)
    folder = re.search(r"hint: (\S+) has the files", done.stderr)
    ok(done.returncode == 2 and folder and not os.path.isdir("/sys/module/lbdr"),
       "without a fallback there is no module, and the files are named", done)
    ok(left()[0] == [] and left()[2] == [], "but no rule, and modules can be loaded",
       left())
    net.run("insmod", MODULE)
    if folder:
        lbctl("restore", folder[1] + "/rules")
        ok(lbctl("save").stdout == before, "restore reads them")
    clean()
    shutil.rmtree(os.path.dirname(bad))


def test_killed():
    """The kernel ends the rule when the tool is killed."""
    both()
    before = lbctl("save").stdout
    ok(Ipvs.unload(), "ip_vs is not loaded")
    settings = grace()
    with tempfile.TemporaryDirectory() as folder:
        stub(folder, "insmod", "#!/bin/sh\nnft list tables >%s/tables\n"
              "cat /sys/kernel/rcu_expedited >%s/expedited\n"
              "modprobe ip_vs; echo $? >%s/modprobe\nkill -9 $PPID\n" %
              (folder, folder, folder))
        done = reload(MODULE, path=folder)
        ok(done.returncode == -9 and "lbctl_exchange" in read(folder + "/tables"),
           "the tool is killed while the rule drops packets", done)
        ok(read(folder + "/modprobe") != "0" and not os.path.isdir("/sys/module/ip_vs"),
           "and modprobe does not load ip_vs", read(folder + "/modprobe"))
        ok(read(folder + "/expedited") == "1", "grace periods are expedited")
    ok(until(lambda: not left()[0]), "the rule is gone then", left())
    ok(until(lambda: grace() == settings), "and grace periods are as they were",
       (settings, grace()))
    done = net.run("modprobe", "ip_vs", check=False)
    ok(done.returncode == 0 and os.path.isdir("/sys/module/ip_vs"),
       "and modprobe loads modules again", done)
    net.run("modprobe", "-r", "ip_vs")
    net.run("insmod", MODULE)
    saved = left()[1]
    ok(len(saved) == 1, "the files are there", saved)
    for path in saved:
        lbctl("restore", path + "/rules")
    ok(lbctl("save").stdout == before, "and restore reads them")
    clean()
    configure(4, [("a", 1)])
    ok(reload(MODULE).returncode == 0 and left() == ([], [], []),
       "the next exchange is not hindered", left())


if __name__ == "__main__":
    # lbdr.ko finds the cipher of peers only if it is there before it.
    net.run("modprobe", "libchacha20poly1305")
    net.main(globals())
