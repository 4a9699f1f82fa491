#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0
# Also on: trixie bookworm backports
# CPUs: 2
"""The module cannot be unloaded while a namespace has services, and root of the host
can remove the services of all namespaces. Unloading meets namespaces that exit."""
import errno
import os

import genl
import net
from net import VIP, lbctl, ok, until
from servers import Servers, configure, exchange, service
from users import NOT_ALLOWED, User


def unload():
    return net.run("rmmod", "lbdr", check=False)


def load():
    net.run("insmod", os.environ["LBDR_KO"])


def loaded():
    return os.path.isdir("/sys/module/lbdr")


def unloads():
    """Until nothing else, a dump or a namespace that exits, uses the module."""
    while net.INFO:
        net.INFO.pop().close()
    return until(lambda: unload().returncode == 0)


def add_service():
    genl.Genl().do(genl.SERVICE_NEW, genl.key())
    return 0


def services(host):
    with net.within(host):
        sock = genl.Genl()
    found = sock.dump(genl.SERVICE_GET)
    sock.close()
    return len(found)


def test_all_namespaces():
    configure(4, [("a", 1)])
    with net.within("client"):
        other = genl.Genl()
    other.do(genl.SERVICE_NEW, genl.key())
    with net.within("client"):
        ear = genl.Genl()
    ear.listen()
    user = User(add_service)
    if user.answer == NOT_ALLOWED:
        print("skip - a user's own namespaces (this kernel does not allow them)")
    else:
        ok(user.answer == 0, "a user has a service in a namespace of its own",
           user.answer)
    done = net.run(net.LBCTL, "clear", "--all-namespaces", check=False)
    ok(done.returncode == 0, "root of the host clears all namespaces", done)
    ok((services("director"), services("client")) == (0, 0),
       "no namespace has services then", (services("director"), services("client")))
    told = [data[0] for _, _, _, data in ear.receive()] if not done.returncode else []
    ok(told[:1] == [genl.SERVICE_DEL_NTF], "who listens in one of them is told", told)
    ear.close()
    other.close()
    ok(unloads(), "and the module is unloaded, whatever the user's namespace held")
    if not loaded():
        load()
    user.end()


def test_not_permitted():
    configure(4, [("a", 1)])
    flag = genl.attr(genl.ALL_NAMESPACES, b"")

    def flush():
        add_service()
        try:
            genl.Genl().do(genl.FLUSH, flag)
        except genl.Refused as error:
            return error.code
        return 0

    user = User(flush)
    if user.answer != NOT_ALLOWED:
        ok(user.answer == errno.EPERM and services("director") == 1,
           "root of another user namespace clears its own services only",
           user.answer)
    user.end()
    with net.within("director"):
        sock = genl.Director()
    batch = dict(genl.parse(sock.do(genl.BATCH_BEGIN)[0]))[genl.BATCH_ID]
    try:
        sock.do(genl.FLUSH, genl.attr(genl.SERVICE_BATCH, batch) + flag)
        ok(False, "all namespaces are not part of a transaction")
    except genl.Refused as error:
        ok(error.code == errno.EINVAL and "transaction" in error.sentence,
           "all namespaces are not part of a transaction", error)
    sock.close()


def test_exit_races():
    """A namespace with connections exits while the module is unloaded."""
    dice = net.seeded()
    lbctl("clear")
    rounds = 3 if net.SHORT or net.LABEL == "uml" else 10
    for _ in range(rounds):
        net.run("ip", "netns", "add", "gone")
        net.run("ip", "link", "add", "vgone", "master", "br0", "up", "type", "veth",
                "peer", "name", "eth0", "netns", "gone")
        net.batch("gone", ["link set lo up", "link set eth0 up",
                           "addr add 192.168.1.90/24 dev eth0",
                           "addr add 2001:db8:1::90/64 dev eth0 nodad"])
        with net.within("gone"):
            director = genl.Director()
        for version in (4, 6):
            key = genl.key(VIP[version], 80, 17)
            director.add(key, [net.addr("a", version)], sched="rr")
        # Clients on the director itself, whose connections stay when it is cleared.
        for version in (4, 6):
            with net.within("gone"):
                sock = net.socket.socket(net.AF[version], net.socket.SOCK_DGRAM)
            net.ip("gone", "route", "replace", VIP[version], "dev", "eth0")
            for _ in range(dice.randrange(1, 20)):
                sock.sendto(b"x", (VIP[version], 80))
            sock.close()
        director.clear()
        director.close()
        pause = dice.random() / 20
        child = os.fork()
        if not child:
            net.time.sleep(pause)
            os._exit(0 if unloads() else 1)
        net.run("ip", "netns", "del", "gone")
        status = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
        if status:
            break
        load()
        until(lambda: net.run("ip", "link", "show", "vgone", check=False).returncode)
    ok(not status and loaded(), "%d times a namespace exits while the module is "
       "unloaded" % rounds, status)
    ok(until(lambda: net.run("ip", "link", "show", "vgone",
                             check=False).returncode), "no device is kept")


AUTOLOAD = "/etc/modprobe.d/lbdr-test.conf"


def found_by_nobody():
    """The error when a user without privilege asks for the family, or 0."""
    status = genl.nobody()
    if status is not None:
        return status
    try:
        genl.Genl()
        os._exit(0)
    except genl.Refused as error:
        os._exit(error.code)


def hooks():
    return net.run("ip", "netns", "exec", "director", "nft", "list", "hooks",
                   check=False).stdout


def test_autoload():
    """The kernel loads the module for whoever asks for its family, unless modprobe.d says
    otherwise. Without services it has no hook."""
    lbctl("clear")
    alias = "alias net-pf-16-proto-16-family-lbdr lbdr\ninstall lbdr %s\n"
    try:
        ok(unloads() and found_by_nobody() == errno.ENOENT, "the module is not loaded")
        net.write(AUTOLOAD, alias % "/bin/false")
        ok(found_by_nobody() == errno.ENOENT and not loaded(),
           "modprobe.d keeps a user without privilege from loading it")
        net.write(AUTOLOAD, alias % ("/sbin/insmod " + os.environ["LBDR_KO"]))
        ok(found_by_nobody() == 0 and loaded(), "else such a user has it loaded")
        before = hooks()
        configure(4, [("a", 1)])
        if "lbdr" not in hooks():
            print("skip - the hooks (this kernel's are not listed)", flush=True)
        else:
            ok("lbdr" not in before, "and it has no hook until there is a service", before)
        lbctl("clear")
    finally:
        os.unlink(AUTOLOAD)
        if not loaded():
            load()


def test_in_use():
    """The last one: threads and fork() do not go together."""
    Servers().start()
    for version in (4, 6):
        configure(version, [("a", 1)])
        kept = net.connect(version)
        kept.recv(1)
        done = unload()
        if not ok(done.returncode and "in use" in done.stderr and loaded(),
                  "IPv%d: the module is in use while there is a service" % version,
                  done):
            load()
        else:
            ok(exchange(kept, 50000), "IPv%d: and a connection goes on" % version)
        kept.close()
    lbctl("clear")
    ok(unloads(), "without services it is unloaded, with connections in the table")
    load()
    for seconds in (500, 1):
        configure(4, [("a", 1)])
        lbctl("del-service", *service(4), "--hold=%d" % seconds)
        if seconds == 500:
            done = unload()
            ok(done.returncode and "in use" in done.stderr and loaded(),
               "the module is in use while a service is held", done)
            lbctl("clear")
        ok(unloads(), "it is unloaded when the held service was cleared" if
           seconds == 500 else "and when the hold time is over")
        load()


net.main(globals(), servers=False)
