#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0
# Also on: trixie bookworm backports
# CPUs: 2
"""Module and namespaces come and go under traffic, and so does a CPU. The frames are those of
fuzz_frames.py, sent by another process, which does not wait for anything.

CYCLES=N is how often; a thousand in `make soak`.
"""
import contextlib
import os
import signal
import time

import fuzz_frames
import genl
import net
from fuzz_frames import SERVER
from net import ok, only, until
from servers import Servers, Transfer, configure
from test_fuzz_netlink import disagreement

CYCLES = int(os.environ.get("CYCLES") or (
    100 if net.EVERYTHING else 10 if net.LABEL == "uml" else 3))
CPU1 = "/sys/devices/system/cpu/cpu1/online"
SCHEDULERS = ("rr", "wlc", "mh", "lblc", "sed")


@contextlib.contextmanager
def shooting(link, frames):
    """A process sends these frames again and again while there is a device."""
    child = os.fork()
    if not child:
        try:
            # What is open here keeps no namespace.
            os.closerange(3, link.sock.fileno())
            os.closerange(link.sock.fileno() + 1, 1 << 16)
            while True:
                for at in range(0, len(frames), 500):
                    link.send(frames[at:at + 500])
                    # Those who work against it need the CPU, too.
                    time.sleep(0.05)
        except OSError:
            pass
        finally:
            os._exit(0)
    try:
        yield
    finally:
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)


def serve(dice, host):
    """Services for most frames, and perhaps roles. Returns the socket. Few servers, since many
    that are freed make the UML kernel large."""
    with net.within(host):
        director = genl.Director()
    for version in (4, 6):
        rips = [SERVER[version] % (10 + n) for n in range(2)]
        for proto in (6, 17, 132):
            director.add(genl.ports(1, 65535, fuzz_frames.VIPS[version][0], proto), rips,
                         sched=dice.choice(SCHEDULERS), persist=dice.choice((None, 60)))
        director.add(fuzz_frames.key(version, 80, 6), rips[:1], sched="rr")
    if dice.random() < 0.5:
        director.do(genl.INFO_SET, genl.u8(genl.INFO_ENTRY, dice.choice((0, 1))))
    if dice.random() < 0.5:
        director.sync_start("master", device="fz0")
    if dice.random() < 0.5:
        director.sync_start("backup", device="fz0")
    return director


def packets(director):
    """Of all servers."""
    return sum(genl.number(dict(genl.parse(dict(genl.parse(row))[genl.SERVER_STATS]))[3])
               for row in director.dump(genl.SERVER_GET))


def forwards(director, number=50):
    """Whether so many more packets are forwarded."""
    before = packets(director)
    return bool(until(lambda: packets(director) >= before + number, 3 * net.WAIT))


def close_info():
    while net.INFO:
        net.INFO.pop().close()


def test_module():
    """The module is unloaded and loaded."""
    dice = net.seeded()
    frames = fuzz_frames.Frames(net.SEED).batch(0)
    done = 0
    with contextlib.closing(fuzz_frames.Link()) as link, shooting(link, frames):
        while done < CYCLES:
            director = serve(dice, "director")
            good = forwards(director)
            for role in genl.SYNC_ROLES:
                with contextlib.suppress(genl.Refused):
                    director.sync_stop(role)
            director.clear()
            director.close()
            close_info()
            gone = until(lambda: net.run("rmmod", "lbdr", check=False).returncode == 0,
                         3 * net.WAIT)
            if gone:
                net.run("insmod", os.environ["LBDR_KO"])
            if not good or not gone:
                break
            done += 1
            if done % 10 == 0:
                print("# %d cycles" % done, flush=True)
    ok(done == CYCLES, "%d times the module forwards, is unloaded and loaded under traffic" %
       CYCLES, (done, good, gone))


def test_namespaces():
    """A namespace with services, connections and roles ends while packets come."""
    dice = net.seeded()
    frames = fuzz_frames.Frames(net.SEED).batch(0)
    good, done = True, 0
    while good and done < CYCLES:
        net.run("ip", "netns", "add", "cycle")
        net.ip("cycle", "link", "set", "lo", "up")
        link = fuzz_frames.Link("cycle")
        with shooting(link, frames):
            director = serve(dice, "cycle")
            good = forwards(director)
            director.close()
            net.run("ip", "netns", "del", "cycle")
            # The cable goes with the namespace, so nothing of it is left.
            good &= bool(until(lambda: not os.path.exists("/sys/class/net/fuzz0"),
                               3 * net.WAIT))
        link.close()
        done += good
        if done % 10 == 0:
            print("# %d cycles" % done, flush=True)
    ok(done == CYCLES, "%d times a namespace forwards, and ends under traffic" % CYCLES, done)


@only("trixie")
def test_cpu():
    """A CPU goes and comes. What it has counted stays, and no transfer breaks. The UML kernel
    cannot do that."""
    if not os.path.exists(CPU1):
        raise net.Skip("this guest has one CPU, or one that does not go")
    Servers().start()
    for version in (4, 6):
        configure(version, [("a", 1), ("b", 1)])
        with net.within("director"):
            director = genl.Director()
        flows = Transfer(version)
        counted, rising = packets(director), True
        try:
            for done in range(CYCLES):
                if done % 10 == 0:
                    print("# %d cycles" % done, flush=True)
                for state in "01":
                    net.write(CPU1, state)
                    now = packets(director)
                    rising &= now >= counted
                    counted = now
        finally:
            net.write(CPU1, "1")
        flows.goes_on("goes on when a CPU has gone and come %d times" % CYCLES)
        flows.end()
        ok(rising, "IPv%d: no count of a CPU that goes is lost" % version)
        said = []
        ok(until(lambda said=said, director=director: not said.append(
            disagreement(director)) and not said[-1]),
           "IPv%d: counters agree with the table" % version, said[-1:])
        director.clear()
        director.close()


if __name__ == "__main__":
    net.main(globals(), servers=False)
