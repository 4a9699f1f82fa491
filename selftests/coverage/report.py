#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0
"""What `make coverage` prints: report.py [-l] BUILD DATA. DATA has a directory for each guest
with its counters; BUILD has what the compiler noted beside the objects. With -l the lines
that were never executed are told, too."""
import collections
import json
import pathlib
import shutil
import subprocess
import sys
import tempfile


def files_of(notes, counters):
    """What gcov says of one object: it looks for both beside each other."""
    with tempfile.TemporaryDirectory() as scratch:
        shutil.copy(notes, scratch)
        shutil.copy(counters, scratch)
        done = subprocess.run(["gcov", "--json-format", "--stdout", counters.name],
                              cwd=scratch, capture_output=True, text=True, check=True)
    for text in done.stdout.splitlines():
        yield from json.loads(text)["files"]


def counted(build, data):
    """The counts of each line by file. A header's lines are in many objects."""
    lines = collections.defaultdict(collections.Counter)
    for guest in filter(pathlib.Path.is_dir, data.iterdir()):
        for counters in guest.rglob("*.gcda"):
            notes = (build / "module" / counters.relative_to(guest)).with_suffix(".gcno")
            for file in files_of(notes, counters):
                # The kernel's own headers have absolute paths.
                if file["file"].startswith("module/"):
                    for line in file["lines"]:
                        lines[file["file"]][line["line_number"]] += line["count"]
    return lines


def ranges(numbers, all_numbers):
    """Lines in a row as one range, whatever has no code between them."""
    rank = {number: at for at, number in enumerate(sorted(all_numbers))}
    runs = []
    for number in sorted(numbers):
        if runs and rank[number] == rank[runs[-1][1]] + 1:
            runs[-1][1] = number
        else:
            runs.append([number, number])
    return " ".join("%d" % first if first == last else "%d-%d" % (first, last)
                    for first, last in runs)


def main():
    tell = sys.argv[1] == "-l"
    build, data = map(pathlib.Path, sys.argv[1 + tell:])
    lines = counted(build, data)
    if not lines:
        sys.exit("report.py: no guest counted anything")
    reached = total = 0
    for name, counts in sorted(lines.items()):
        never = [number for number, count in counts.items() if not count]
        total += len(counts)
        reached += len(counts) - len(never)
        print("%5.1f %%  %4d of %4d  %s" % (100 * (1 - len(never) / len(counts)),
                                          len(counts) - len(never), len(counts), name))
        if tell and never:
            print("                        " + ranges(never, counts))
    print("%5.1f %%  %4d of %4d  all lines with code" % (100 * reached / total, reached, total))


main()
