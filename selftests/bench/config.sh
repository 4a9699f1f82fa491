#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# Configuration at scale: 10,000 services of 20 servers each are restored from a
# file, listed, saved, changed by `apply` and removed, in a guest with two CPUs, whose
# clock is an ordinary one. Prints a line for each step with its seconds, and what a
# service and a server take in memory; dies where something is not as it should be.
#
#   selftests/qemu/guest trixie -t 500 -- bench/config.sh [SERVICES [SERVERS]]
set -u

# shellcheck source=selftests/bench/lib.sh
. "$(dirname "$0")/lib.sh"

services=${1:-10000}
servers=${2:-20}
file=/run/config.rules

# rules SCHEDULER: the file, in `save`'s own form.
rules()
{
	awk -v services="$services" -v servers="$servers" -v scheduler="$1" 'BEGIN {
		for (i = 0; i < services; i++) {
			vip = "10." int(i / 65536) "." int(i / 256) % 256 "." \
				i % 256 ":80"
			printf "-A -t %s -s %s\n", vip, scheduler
			for (j = 0; j < servers; j++)
				printf "-a -t %s -r 10.200.%d.%d:80 -g -w %d\n",
					vip, i % 256, j + 1, j % 9 + 1
		}
	}'
}

# timed WHAT COMMAND...: its standard output goes to /run/out.
timed()
{
	local before after

	before=$(date +%s%N)
	"${@:2}" >/run/out || die "$1: status $?"
	after=$(date +%s%N)
	printf 'config %s: %d.%02d s\n' "$1" $(((after - before) / 1000000000)) \
		$(((after - before) / 10000000 % 100))
}

# available: KiB of memory, when what was freed has come back.
available()
{
	sleep 2
	echo 3 >/proc/sys/vm/drop_caches
	awk '/^MemAvailable/ { print $2 }' /proc/meminfo
}

rules wlc >"$file"
must ip link set lo up
must insmod "$LBDR_KO"
echo "config $services services of $servers servers, $(stat -c %s "$file") bytes of rules"

before=$(available)
timed 'restore' "$LBCTL" restore "$file"
echo "config memory: $(((before - $(available)) / 1024)) MiB"
timed 'list' "$LBCTL" list -n
[ "$(grep -c '^TCP' /run/out)" -eq "$services" ] || die 'services are missing'
[ "$(grep -c '^  -> 10' /run/out)" -eq $((services * servers)) ] ||
	die 'servers are missing'
timed 'list again' "$LBCTL" list -n
timed 'list -j' "$LBCTL" list -j
timed 'save' "$LBCTL" save
cmp /run/out "$file" || die 'what is saved is not what was restored'
timed 'clear' "$LBCTL" clear
rmmod lbdr
