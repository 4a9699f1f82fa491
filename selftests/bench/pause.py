#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0
"""How long the kernel lets nobody else run: sleeps, with the highest priority, and
notes how much too late it was woken. Where the kernel may be preempted at any place
(preempt=full), that is how long preemption, interrupts or softirqs were off, and what
waking takes. A pause that is longer than the sleep is never missed. At SIGUSR1 the
longest so far, in microseconds, goes to the file, and all begins anew."""
import ctypes
import gc
import os
import signal
import sys
import time

SLEEP = 300 * 1000
# All of this process's memory stays: waiting for the disk would be no pause.
MCL_CURRENT, MCL_FUTURE = 1, 2

asked = True # to say that it has begun


def ask(*_):
    global asked
    asked = True


os.sched_setscheduler(0, os.SCHED_FIFO, os.sched_param(99))
signal.signal(signal.SIGUSR1, ask)
gc.disable()
if ctypes.CDLL(None).mlockall(MCL_CURRENT | MCL_FUTURE):
    sys.exit("pause: mlockall() failed")
longest = 0
while True:
    begin = time.monotonic_ns()
    time.sleep(SLEEP / 1e9)
    late = time.monotonic_ns() - begin - SLEEP
    if late > longest:
        longest = late
    if asked:
        asked = False
        with open(sys.argv[1] + ".new", "w") as out:
            print(longest // 1000, file=out)
        os.rename(sys.argv[1] + ".new", sys.argv[1])
        longest = 0
