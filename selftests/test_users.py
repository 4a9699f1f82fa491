#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0
# Also on: bookworm
"""Network namespaces of users without privilege do not use up what the host's need:
connections, destinations of lblc, services, servers, memory."""
import errno
import fcntl
import os
import select
import socket
import struct
import time

import genl
import ipvs
import net
import test_ipvs_client as commands
import users
from net import VIP, Tap, ok, only, raw, udp, until
from servers import configure as serve
from transactions import Staged
from users import NOT_ALLOWED, Datagrams, User

CONN_MAX, CONN_MAX_ALL, CONN_MAX_USER = 2000, 3000, 1000
SERVICES_MAX, SERVERS_MAX = 20, 50
# The kernel's sum of all namespaces, and the connections that CPUs have in stock, may miss
# this many for each of two CPUs.
INEXACT = 2 * 64
CGROUPS = "/run/cgroup"


def key():
    return genl.key(users.VIP, 80, 17)


def fill():
    """More connections than the limits; returns how many there are."""
    users.lay()
    director = genl.Director()
    director.add(key(), [users.SERVER], timeout={"udp": 2000000})
    datagrams = Datagrams()
    datagrams.send(CONN_MAX + 200)
    datagrams.close()
    return director.held()


@only("uml")
def test_connections():
    crowd = [User(fill) for _ in range(3)]
    held = [user.answer for user in crowd]
    if NOT_ALLOWED in held:
        raise net.Skip("this kernel does not allow user namespaces")
    # Near a limit, further connections replace others.
    ok(CONN_MAX_USER * 7 // 8 <= held[0] <= CONN_MAX_USER,
       "a user's namespace gets conn_max_user connections", held)
    # The first ones were counted with memory that waited for a grace period.
    waited = 3 * CONN_MAX_USER // 16
    ok(sum(held) <= CONN_MAX_ALL // 2 + INEXACT + waited,
       "three of them get half of conn_max_all together", held)
    with net.within("director"):
        director = genl.Director()
    director.add(genl.key(VIP[4], 80, 17), [net.addr("a")])
    client = Tap("client")
    wanted = min(CONN_MAX_ALL * 7 // 8 - sum(held) - INEXACT, CONN_MAX * 7 // 8)
    for port in range(1024, 1024 + wanted):
        client.send(raw(4, udp(port, 80, b"x"), proto=17))
    ok(until(lambda: director.held() == wanted), "the host's namespace gets the rest, "
       "%d" % wanted, (director.held(), net.drops_of("conn-max")))
    client.close()
    for user in crowd:
        user.end()
    director.clear()
    ok(until(lambda: director.held() == 0), "no connection's memory is left",
       director.held())
    director.close()


def refused():
    """IPVS commands that are refused; returns how many."""
    director, number = genl.Genl(name=b"IPVS"), 0
    for _ in range(20):
        try:
            director.ask(director.family, commands.NEW_SERVICE,
                         commands.service(commands.key(port=666),
                                          commands.whole(b"nosuch")))
        except genl.Refused:
            number += 1
    director.close()
    return number


@only("uml")
def test_log():
    """Refusals of a user's commands are not in the kernel's log, where they would use up
    what the host's may write."""
    with ipvs.Loaded():
        user = User(refused)
        if user.answer == NOT_ALLOWED:
            raise net.Skip("this kernel does not allow user namespaces")
        ok(user.answer == 20, "a user's commands are refused", user.answer)
        user.end()
        ok(":666: " not in net.run("dmesg").stdout, "and the log does not tell")
        with net.within("director"):
            refused()
        ok(":666: " in net.run("dmesg").stdout, "it tells of the host's")


def adds(director, address):
    try:
        director.add_server(genl.key(users.VIP, 1), address, 1)
    except genl.Refused:
        return False
    return True


def adds_service(director, port):
    try:
        director.add(genl.key(users.VIP, port))
    except genl.Refused:
        return False
    return True


def replaces(base, then, more=0):
    """A transaction replaces all services and servers by as many others, or more."""
    sock = Staged().begin()
    sock.stage(genl.FLUSH)
    for port in range(1, SERVICES_MAX + 1 + more):
        sock.stage(genl.SERVICE_NEW, genl.key(users.VIP, then + port) + genl.settings())
    for last in range(1, SERVERS_MAX + 1):
        sock.stage(genl.SERVER_NEW, genl.server("10.1.3.%d" % last,
                                                genl.key(users.VIP, then + 1)))
    answer = sock.commit()
    left = {int.from_bytes(dict(genl.parse(reply))[genl.PORT], "big")
            for reply in sock.dump(genl.SERVICE_GET)}
    sock.close()
    return answer, left == {(base if answer else then) + port
                            for port in range(1, SERVICES_MAX + 1)}


def configure():
    director = genl.Director()
    codes, sentence = [], ""
    for port in range(1, SERVICES_MAX + 2):
        try:
            director.add(genl.key(users.VIP, port))
            codes.append(0)
        except genl.Refused as error:
            codes.append(error.code)
            sentence = error.sentence
    good = [codes == [0] * SERVICES_MAX + [errno.EDQUOT], "user_services_max" in sentence]
    codes = []
    for last in range(1, SERVERS_MAX + 2):
        try:
            director.add_server(genl.key(users.VIP, 1), "10.1.1.%d" % last, 1)
            codes.append(0)
        except genl.Refused as error:
            codes.append(error.code)
    good.append(codes == [0] * SERVERS_MAX + [errno.EDQUOT])
    # Names of VRFs, which need no device, count although nothing is committed.
    sock = Staged().begin()
    answers = [sock.stage(genl.SERVICE_NEW, genl.key(users.VIP, 1, vrf="vrf%d" % last) +
                          genl.settings()) for last in range(SERVICES_MAX + 2)]
    good.append(answers == [None] * SERVICES_MAX + ["EDQUOT"] * 2)
    sock.close()
    # What is held counts, and adding it again takes no more.
    hold, one = genl.u32(genl.SERVICE_HOLD, 500), genl.key(users.VIP, 1)
    director.do(genl.SERVICE_DEL, one + hold)
    good += [not adds_service(director, SERVICES_MAX + 1), adds_service(director, 1)]
    good += [not adds(director, "10.1.2.1"), adds(director, "10.1.1.1")]
    good.append(replaces(0, 1000, 1) == ("EDQUOT", True))
    # The memory of servers that were staged or removed is freed after a grace period.
    good.append(bool(until(lambda: replaces(0, 1000) == (None, True))))
    good.append(bool(until(lambda: replaces(1000, 0) == (None, True))))
    # What is removed makes room, servers when their memory is free.
    director.do(genl.SERVICE_DEL, one)
    director.add(one)
    good.append(bool(until(lambda: adds(director, "10.1.1.1"))))
    director.close()
    if not all(good):
        print("# steps: %s" % good, flush=True)
    return int(all(good))


@only("uml")
def test_objects():
    user = User(configure)
    if user.answer == NOT_ALLOWED:
        raise net.Skip("this kernel does not allow user namespaces")
    ok(user.answer == 1, "a user's namespace has limits of services and servers, "
       "refused in words", user.answer)
    user.end()
    with net.within("director"):
        director = genl.Director()
    for port in range(1, SERVICES_MAX + 10):
        director.add(genl.key(VIP[4], port))
    ok(len(director.dump(genl.SERVICE_GET)) == SERVICES_MAX + 9,
       "the host's namespaces have none")
    director.clear()
    director.close()


def cgroup(name):
    path = CGROUPS + "/" + name
    os.makedirs(path, exist_ok=True)
    return path


def number_of(path):
    with open(path, encoding="ascii") as file:
        return int(file.read())


def both(answer):
    """Connections, and how many others they have replaced."""
    return answer & 0xffffffff, answer >> 32


@only("bookworm")
def test_memory():
    """Connections are charged to the user's cgroup. At its limit the table is full, and
    new connections take the place of others."""
    os.makedirs(CGROUPS, exist_ok=True)
    net.run("mount", "-t", "cgroup2", "none", CGROUPS, check=False)
    try:
        net.write(CGROUPS + "/cgroup.subtree_control", "+memory")
        path = cgroup("user")
        current = path + "/memory.current"
        number_of(current)
    except OSError as error:
        raise net.Skip("no memory cgroups here: %s" % error)
    net.write("/sys/module/lbdr/parameters/conn_max", "1000000")
    net.write("/sys/module/lbdr/parameters/conn_max_all", "4000000")
    net.write("/sys/module/lbdr/parameters/conn_max_user", "1000000")
    state = []

    def work():
        if not state:
            users.lay()
            director = genl.Director()
            director.add(key(), [users.SERVER], timeout={"udp": 2000000})
            state.extend((director, Datagrams()))
        state[1].send(8000)
        return state[0].held() | state[0].drops(key()).get("evicted", 0) << 32

    user = User(work, lambda: net.write(path + "/cgroup.procs", str(os.getpid())))
    if user.answer == NOT_ALLOWED:
        raise net.Skip("this kernel does not allow user namespaces")
    # The connections stay charged to the cgroup; the child must not run into its limit.
    net.write(CGROUPS + "/cgroup.procs", str(user.child))
    before = number_of(current)
    more, evicted = both(user.ask())
    grown = number_of(current) - before
    # The pages of 8,000 connections, less what the kernel charges ahead.
    ok(more == 16000 and not evicted and grown > 8000 * 64 // 2,
       "connections are charged to the cgroup of who added the service",
       (user.answer, more, grown))
    net.write(path + "/memory.max", str(number_of(current) + (256 << 10)))
    for _ in range(3):
        held, evicted = both(user.ask())
    over = number_of(current) - number_of(path + "/memory.max")
    ok(held < 16000 + 16000 and over <= 0, "at memory.max there are no further ones",
       (held, over))
    ok(evicted > 0, "but new ones take the place of others", evicted)
    net.write(path + "/memory.max", "max")
    # For a second, the table is still full as it was.
    ok(until(lambda: both(user.ask())[0] >= held + 8000), "and more when it is raised", held)
    user.end()
    for name, value in (("conn_max", CONN_MAX), ("conn_max_all", CONN_MAX_ALL),
                        ("conn_max_user", CONN_MAX_USER)):
        net.write("/sys/module/lbdr/parameters/" + name, str(value))
    until(lambda: net.run("rmdir", path, check=False).returncode == 0)
    net.run("umount", CGROUPS, check=False)


def devices(sock):
    """How many servers are listed with the device of their route."""
    return len([row for row in sock.dump(genl.SERVER_GET)
                if genl.SERVER_IFINDEX in dict(genl.parse(row))])


def devices_for_nobody():
    found = genl.nobody()
    if found is None:
        try:
            os._exit(devices(genl.Genl()))
        except BaseException:
            os._exit(255)
    return found


@only("uml")
def test_list_makes_nothing():
    """A dump by a user without privilege looks no route up."""
    serve(4, [("a", 1), ("b", 1)])
    with net.within("director"):
        sock = genl.Director()
        known = (until(lambda: devices_for_nobody() == 2), devices(sock))
        # An event of a neighbour would look its route up.
        for host in "ab":
            net.ip("director", "neigh", "replace", net.addr(host), "lladdr",
                   net.mac(host).hex(":"), "dev", "eth0", "nud", "permanent")
        # Whatever was looked up is not valid any more.
        net.ip("director", "route", "add", "10.9.0.0/16", "dev", "eth0")
        found = [devices_for_nobody() for _ in range(2)]
        by_root = devices(sock)
        after = devices_for_nobody()
    ok(known == (True, 2), "what is known is listed for everybody",
       known)
    ok(found == [0, 0], "a user's dump has no route looked up", found)
    ok((by_root, after) == (2, 2), "one by root does, and then the routes are known",
       (by_root, after))
    sock.close()
    net.ip("director", "route", "del", "10.9.0.0/16", "dev", "eth0")
    for host in "ab":
        net.ip("director", "neigh", "del", net.addr(host), "dev", "eth0")
    net.lbctl("clear")


# A commit of so many takes some seconds, and of many some minutes.
FEW, MANY = (8, 300) if net.LABEL == "uml" else (60, 1500)
MH_SERVICES = MANY if net.EVERYTHING else FEW
SIOCSIFMTU = 0x8922
LOCKDEP = "/proc/lockdep"


class Busy:
    """What a user does again and again: with services, and without them."""

    def __init__(self):
        self.director = None
        self.turns = 0

    def commit(self):
        """Services of mh in a transaction. Returns how long its commit takes."""
        sock = Staged().begin()
        for port in range(1, MH_SERVICES + 1):
            one = genl.key(users.VIP, port, vrf="red")
            sock.stage(genl.SERVICE_NEW, one + genl.settings(sched="mh"))
            sock.stage(genl.SERVER_NEW, genl.server(users.SERVER, one))
        begun = time.monotonic()
        answer = sock.commit()
        took = time.monotonic() - begun
        sock.close()
        if answer:
            raise RuntimeError(answer)
        return took

    def work(self):
        """The duration of the commit in microseconds."""
        if not self.director:
            users.lay()
            self.director = genl.Director()
        took = 0
        users.ip("link", "add", "red", "type", "vrf", "table", "10")
        # Every other turn has services.
        if self.turns % 2:
            took = self.commit()
            self.director.do(genl.ZERO)
            self.director.clear()
        users.ip("link", "del", "red")
        self.turns += 1
        return int(took * 1e6)


def longest_wait(user):
    """The longest of operations that take RTNL while the user works; and how long the
    user's commit takes, in seconds."""
    longest, said = 0, time.monotonic()
    request = struct.pack("16si20x", b"br0", 1500)
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        user.sock.send(b"x")
        while not select.select([user.sock], [], [], 0)[0]:
            begun = time.monotonic()
            fcntl.ioctl(sock, SIOCSIFMTU, request)
            longest = max(longest, time.monotonic() - begun)
            if begun > said + 60:
                print("# the user goes on", flush=True)
                said = begun
            time.sleep(0.001)
    return longest, user.hear() / 1e6


def lock_order():
    """Each class of locks -> those that were taken while one of it was held."""
    order, names, held = {}, {}, None
    with open(LOCKDEP, encoding="ascii") as file:
        for line in file:
            words = line.split()
            if line.startswith(" -> "):
                order[held].append(words[1].strip("[]"))
            elif " FD:" in line:
                held = words[0]
                order[held], names[held] = [], line.rsplit(": ", 1)[-1].strip()
    return {names[held]: [names[taken] for taken in order[held] if taken in names]
            for held in order}


def taken_after(order, first):
    """What is taken while `first` is held, or while one of these is, and so on."""
    seen, left = set(), [first]
    while left:
        more = set(order.get(left.pop(), ())) - seen
        seen |= more
        left += more
    return seen


@only("uml")
def test_rtnl():
    """RTNL is held by the whole host. A user's namespace with many services that is
    cleared, and whose devices go, must not hold it, nor a lock that it waits for. A wait
    for RTNL that was held during a commit would last about as long; the other commands
    are too short for this, so that lockdep is asked."""
    net.write("/sys/module/lbdr/parameters/user_services_max", str(MH_SERVICES))
    net.write("/sys/module/lbdr/parameters/user_servers_max", str(MH_SERVICES))
    user = User(Busy().work)
    if user.answer == NOT_ALLOWED:
        raise net.Skip("this kernel does not allow user namespaces")
    bad = []
    for _ in range(3):
        wait, commit = longest_wait(user)
        quiet, _ = longest_wait(user)
        print("# commit: %.2f s; longest waits for RTNL with services, and without: "
              "%.4f %.4f s" % (commit, wait, quiet), flush=True)
        # A busy machine stops a process at any time.
        if wait <= max(10 * quiet, commit / 2):
            break
        bad.append((wait, quiet, commit))
    ok(len(bad) < 3, "a user with %d services of mh does not hold RTNL" % MH_SERVICES,
       bad)
    if os.path.exists(LOCKDEP):
        rtnl, ours, order = "rtnl_mutex", {"&ln->config", "&ln->lock"}, lock_order()
        ok(ours | {rtnl} <= set(order), "lockdep knows RTNL and the locks of a namespace")
        ok(not ours & taken_after(order, rtnl), "RTNL does not wait for these locks",
           ours & taken_after(order, rtnl))
        wrong = [lock for lock in ours if rtnl in taken_after(order, lock)]
        ok(not wrong, "RTNL is not held together with them", wrong)
    user.end()
    net.write("/sys/module/lbdr/parameters/user_services_max", str(SERVICES_MAX))
    net.write("/sys/module/lbdr/parameters/user_servers_max", str(SERVERS_MAX))


net.main(globals(), servers=False, parameters=[
    "conn_max=%d" % CONN_MAX, "conn_max_all=%d" % CONN_MAX_ALL,
    "conn_max_user=%d" % CONN_MAX_USER,
    "user_services_max=%d" % SERVICES_MAX, "user_servers_max=%d" % SERVERS_MAX])
