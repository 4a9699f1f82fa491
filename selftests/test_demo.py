#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0
"""What `make demo`, `make demo-pair` and `make demo-fleet` show: each of their expectations
is a result here."""
import re
import subprocess
import sys

import net
import tunnels
from ipvs import Ipvs
from net import ok


def show(script, what):
    # An earlier script may have left it loaded, and keepalived is to drive lbdr.
    ok(Ipvs.unload(), "ip_vs is not loaded")
    with subprocess.Popen(["./" + script], stdin=subprocess.DEVNULL, text=True,
                          stdout=subprocess.PIPE, stderr=subprocess.STDOUT) as demo:
        for line in demo.stdout:
            found = re.fullmatch(r" *\[(as it should be|WRONG): (.*)\]\n", line)
            if found:
                ok(found[1] != "WRONG", "%s: %s" % (what, found[2]))
            else:
                # What makes it end is a `not ok` of its own.
                print(line if line.startswith("not ok - ") else "  " + line, end="",
                      flush=True)
        ok(demo.wait() == 0, what + " comes to a good end", demo.returncode)


@net.only("uml")
def test_demo():
    try:
        show("demo.sh", "the demo")
    finally:
        # Their devices are in the initial namespace.
        tunnels.demolish_far()


@net.only("uml")
def test_pair():
    show("demo_pair.sh", "the demo of a pair")


@net.only("uml")
def test_fleet():
    show("demo_fleet.py", "the demo of a fleet")


if __name__ == "__main__":
    for name, test in (("test_demo", test_demo), ("test_pair", test_pair),
                       ("test_fleet", test_fleet)):
        if name in (sys.argv[1:] or [name]) and (
                sys.argv[1:] or net.EVERYTHING or
                net.LABEL in getattr(test, "labels", (net.LABEL,))):
            test()
        else:
            print("# left out " + name, flush=True)
    sys.exit(1 if net.failed else 0)
