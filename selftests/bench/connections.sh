#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# Measures, inside a guest whose clock is the number of instructions executed,
# what a new connection costs: every packet comes from a client of its own. Each
# scheduler with 2, 100 and 1,000 servers of weights 1 to 4, lbdr and ip_vs in
# turn. Prints a line `cost NAME SCHEDULER SERVERS INSTRUCTIONS` for every run,
# and `lacks NAME SCHEDULER` for one that a contestant does not have; `bench`, on
# the host, makes the table.
set -u

# shellcheck source=selftests/bench/lib.sh
. "$(dirname "$0")/lib.sh"

packets=2000
runs=3
sizes=(2 100 1000)
seen=0

rip()
{
	echo "172.16.$(($1 / 250)).$(($1 % 250 + 1))"
}

# strangers PLACE: one run of packets from clients that nobody has seen, as long
# as the table is empty at every 4,096th run.
strangers()
{
	local first=$((seen % 4096 * 4096))

	seen=$((seen + 1))
	pktgen in0 "src_min 10.$((first >> 16)).$((first >> 8 & 255)).0"
	first=$((first + packets - 1))
	pktgen in0 "src_max 10.$((first >> 16)).$((first >> 8 & 255)).$((first & 255))"
	send "$1"
}

# measure NAME PLACE: the first run meets each server's route for the first time,
# and lets tables grow to the size that they then have.
measure()
{
	local i

	strangers "$2"
	for ((i = 0; i < runs; i++)); do
		strangers "$2"
		echo "cost $1 $cost"
	done
}

# until_empty COMMAND...: it prints how many connections there are. Time is that of
# the clock, which an idle guest lets run.
until_empty()
{
	local deadline=$((SECONDS + 100))

	until [ "$("$@")" -eq 0 ]; do
		[ "$SECONDS" -lt "$deadline" ] || die 'connections do not expire'
		sleep 1
	done
}

lbdr_conns()
{
	"$LBCTL" list -c -n | grep -c '^UDP'
}

ip_vs_conns()
{
	grep -c '^UDP' /proc/net/ip_vs_conn
}

# One process for all servers: a thousand would take their time.
add_to_lbdr()
{
	must python3 - "$vip" "$port" "$@" <<-'END'
		import os
		import sys

		sys.path.insert(0, "..")
		sys.path.insert(0, ".")
		import genl

		vip, port, *servers = sys.argv[1:]
		key = genl.key(vip, int(port), 17)
		sock = genl.Director()
		sock.set_timeouts({"udp": 1})
		for number, address in enumerate(servers):
		    sock.do(genl.SERVER_NEW, genl.server(address, key, genl.u32(
		        genl.SERVER_WEIGHT, 1 + number % 4)))
	END
}

add_to_ip_vs()
{
	local number=0 address

	for address in "$@"; do
		echo "-a -u $vip:$port -r $address:$port -g -w $((1 + number % 4))"
		number=$((number + 1))
	done | must ipvsadm -R
}

with_lbdr()
{
	local size=$1 scheduler

	nobody
	must insmod "$LBDR_KO"
	must "$LBCTL" add-service -u "$vip:$port"
	add_to_lbdr "${servers[@]:0:size}"
	while read -r scheduler _; do
		must "$LBCTL" edit-service -u "$vip:$port" -s "$scheduler"
		measure "lbdr $scheduler $size" sink
		until_empty lbdr_conns
	done < <("$LBCTL" list-schedulers)
	without_lbdr
}

with_ip_vs()
{
	local size=$1 scheduler

	nobody
	must ipvsadm -A -u "$vip:$port"
	must ipvsadm --set 0 0 1
	add_to_ip_vs "${servers[@]:0:size}"
	while read -r scheduler; do
		if ! modprobe -q "ip_vs_$scheduler"; then
			echo "lacks ip_vs $scheduler"
			continue
		fi
		must ipvsadm -E -u "$vip:$port" -s "$scheduler"
		measure "ip_vs $scheduler $size" sink
		until_empty ip_vs_conns
	done <<<"$schedulers"
	must ipvsadm -C
	# shellcheck disable=SC2046 # a word each
	must modprobe -r $(sed -n 's/^\(ip_vs_[a-z]*\) .*/\1/p' /proc/modules) \
		ip_vs nf_conntrack
}

lay_wire
must ip address add 172.16.255.254/16 dev out0
must ip route add 10.0.0.0/8 dev in0
servers=()
for ((i = 0; i < sizes[-1]; i++)); do
	servers+=("$(rip $i)")
done
printf 'neighbour replace %s lladdr 02:00:00:00:00:02 dev out0 nud permanent\n' \
	"${servers[@]}" | must ip -batch -

must insmod "$LBDR_KO"
schedulers=$("$LBCTL" list-schedulers | cut -d' ' -f1)
without_lbdr
[ -n "$schedulers" ] || die 'lbdr has no schedulers'

echo "kernel $(uname -r)"
echo "packets $packets"
pktgen in0 'dst_mac 02:00:00:00:00:77'
measure 'drop - 0' otherhost
pktgen in0 "dst_mac $mac"
for size in "${sizes[@]}"; do
	with_lbdr "$size"
	with_ip_vs "$size"
done
nobody
