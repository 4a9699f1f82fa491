#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# Configuration at scale: 10,000 services of 20 servers each are restored from a
# file, listed, saved, changed by `apply` and removed, in a guest with two CPUs, whose
# clock is an ordinary one. Prints a line for each step with its seconds, and what a
# service and a server take in memory; dies where something is not as it should be.
#
#   selftests/qemu/guest trixie -m 4096 -t 500 -- bench/config.sh [SERVICES [SERVERS]]
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

# taken: bytes of all memory, of slab, and per CPU, since the call before. What was
# freed comes back after a grace period, and pools wait for one, too.
taken()
{
	local memory

	sleep 5
	echo 3 >/proc/sys/vm/drop_caches
	memory=$(awk '/^MemAvailable/ { a = $2 } /^Slab/ { s = $2 } /^Percpu/ { p = $2 }
		END { print -a * 1024, s * 1024, p * 1024 }' /proc/meminfo)
	# shellcheck disable=SC2086 # three numbers each
	set -- $memory ${before:-0 0 0}
	before=$memory
	all=$(($1 - $4)) slab=$(($2 - $5)) percpu=$(($3 - $6))
}

# share WHAT NUMBER: of what was taken.
share()
{
	taken
	echo "config memory of a $1: $((all / $2)) bytes, $((slab / $2)) of them in slab, $((percpu / $2)) per-CPU"
}

must ip link set lo up
must insmod "$LBDR_KO"
before=
rules wlc >"$file"
grep '^-A' "$file" >"$file.services"
echo "config $services services of $servers servers, $(stat -c %s "$file") bytes of rules"

# First for memory: services alone, then their servers.
taken
must "$LBCTL" restore "$file.services"
share service "$services"
grep '^-a' "$file" >"$file.servers"
must "$LBCTL" restore "$file.servers"
share server $((services * servers))
must "$LBCTL" clear
taken

timed restore "$LBCTL" restore "$file"
timed list "$LBCTL" list -n
[ "$(grep -c '^TCP' /run/out)" -eq "$services" ] || die 'services are missing'
[ "$(grep -c '^  -> 10' /run/out)" -eq $((services * servers)) ] ||
	die 'servers are missing'
timed 'list -j' "$LBCTL" list -j
timed save "$LBCTL" save
cmp /run/out "$file" || die 'what is saved is not what was restored'
# One server in a thousand services gets another weight.
sed '0~210s/-w [0-9]*$/-w 77/' "$file" >"$file.other"
timed 'apply' "$LBCTL" apply "$file.other"
[ "$(grep -c '^edit-server' /run/out)" -eq "$(diff "$file" "$file.other" | grep -c '^>')" ] ||
	die 'apply did not change what differs'
timed clear "$LBCTL" clear
rules 'mh --mh-size 1009' >"$file"
timed 'restore, mh of 1009 slots' "$LBCTL" restore "$file"
must "$LBCTL" clear
must rmmod lbdr
