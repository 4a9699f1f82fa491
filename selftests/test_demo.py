#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0
# Also on: trixie
"""What `make demo` shows: each of its expectations is a result here."""
import re
import subprocess
import sys

import net
import tunnels
from ipvs import Ipvs
from net import ok


def test_demo():
    # An earlier script may have left it loaded, and keepalived is to drive lbdr.
    ok(Ipvs.unload(), "ip_vs is not loaded")
    with subprocess.Popen(["./demo.sh"], stdin=subprocess.DEVNULL, text=True,
                          stdout=subprocess.PIPE, stderr=subprocess.STDOUT) as demo:
        for line in demo.stdout:
            found = re.fullmatch(r" *\[(as it should be|WRONG): (.*)\]\n", line)
            if found:
                ok(found[1] != "WRONG", "the demo: " + found[2])
            else:
                # What makes it end is a `not ok` of its own.
                print(line if line.startswith("not ok - ") else "  " + line, end="",
                      flush=True)
        ok(demo.wait() == 0, "the demo comes to a good end", demo.returncode)


if __name__ == "__main__":
    try:
        test_demo()
    finally:
        # Their devices are in the initial namespace.
        tunnels.demolish_far()
    sys.exit(1 if net.failed else 0)
