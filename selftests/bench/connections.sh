#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# Measures, inside a guest whose clock is the number of instructions executed,
# what a new connection costs: every packet comes from a client of its own. Each
# scheduler with 2, 100 and 1,000 servers of weights 1 to 4, lbdr and ip_vs in
# turn. Prints a line `cost NAME SCHEDULER SERVERS INSTRUCTIONS` for every run,
# and `lacks NAME SCHEDULER` for one that a contestant does not have; `bench`, on
# the host, makes the table. For the life of a TCP connection, `cost life-NAME STEP
# INSTRUCTIONS`, and for its first step with another scheduler than rr, `cost syn-NAME
# SCHEDULER INSTRUCTIONS`.
#
# lbdr's table doubles as it fills, with 3,072, 6,144, 12,288, 24,576 connections and so on,
# and makes whoever adds one meanwhile pay more. So a table is filled up to between two of
# these first. What a connection costs while the table grows, from none to 20,000, is told
# with the fewest servers and rr: `cost grow-NAME SERVERS INSTRUCTIONS`.
set -u

# shellcheck source=selftests/bench/lib.sh
. "$(dirname "$0")/lib.sh"

packets=1900
runs=3
fill=6500
grow=20000
sizes=(2 100 1000)
seen=0

rip()
{
	echo "172.16.$(($1 / 250)).$(($1 % 250 + 1))"
}

# others: the next $packets come from clients that nobody has seen, as long as the
# table is empty at every 512th run.
others()
{
	local first=$((seen % 512 * 32768)) last

	seen=$((seen + 1))
	last=$((first + packets - 1))
	pktgen in0 "src_min 10.$((first >> 16)).$((first >> 8 & 255)).$((first & 255))"
	pktgen in0 "src_max 10.$((last >> 16)).$((last >> 8 & 255)).$((last & 255))"
}

# strangers PLACE PACKETS: one run of them.
strangers()
{
	local packets=$2

	others
	send "$1"
}

# measure PLACE NAME SCHEDULER SERVERS: the first run also meets each server's
# route for the first time.
measure()
{
	local i

	strangers "$1" "$fill"
	for ((i = 0; i < runs; i++)); do
		strangers "$1" "$packets"
		echo "cost $2 $3 $4 $cost"
	done
}

# growing PLACE NAME SERVERS COMMAND...: COMMAND prints how many connections there are. The
# first run also meets each server's route for the first time.
growing()
{
	local i

	for ((i = 0; i < runs; i++)); do
		strangers "$1" "$grow"
		echo "cost grow-$2 $3 $cost"
		until_empty "${@:4}"
	done
}

# lives PLACE NAME: what each step of a TCP connection costs, as the director sees
# it: SYN, ACK, data, FIN, of many connections at a time.
lives()
{
	local i step

	as_tcp "$SYN"
	strangers "$1" "$fill"
	for ((i = 0; i < runs; i++)); do
		others
		for step in "syn $SYN" "ack $ACK" "data $((PSH | ACK))" \
			"fin $((FIN | ACK))"; do
			as_tcp "${step#* }"
			send "$1"
			echo "cost life-$2 ${step% *} $cost"
		done
	done
	as_udp
}

# syns NAME SCHEDULER: the first of these steps alone, with another scheduler. Before they
# are counted the table doubles, which is due by then.
syns()
{
	local i

	as_tcp "$SYN"
	strangers sink 4000
	for ((i = 0; i < runs; i++)); do
		strangers sink "$packets"
		echo "cost syn-$1 $2 $cost"
	done
	as_udp
}

# expect_lives LISTING: so many connections, and of those that were measured four
# packets each.
expect_lives()
{
	local all=$((fill + runs * packets)) said

	said=$(awk '/^TCP/ { print $3, $4 }' <<<"$1")
	[ "$said" = "$all $((fill + 4 * runs * packets))" ] ||
		die "not $all connections of four packets, but: $said"
}

# until_empty COMMAND...: it prints how many connections there are. Time is that of
# the clock, which an idle guest lets run; a long list of them takes more.
until_empty()
{
	local deadline=$((SECONDS + 100))

	until sleep 2 && [ "$("$@")" -eq 0 ]; do
		[ "$SECONDS" -lt "$deadline" ] || die 'connections do not expire'
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

# add_to_lbdr PROTOCOL SERVER..., add_to_ip_vs -u|-t SERVER...: one process for all
# servers, for a thousand would take their time.
add_to_lbdr()
{
	must python3 - "$vip" "$port" "$@" <<-'END'
		import os
		import sys

		sys.path.insert(0, "..")
		sys.path.insert(0, ".")
		import genl

		vip, port, protocol, *servers = sys.argv[1:]
		key = genl.key(vip, int(port), int(protocol))
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

	for address in "${@:2}"; do
		echo "-a $1 $vip:$port -r $address:$port -g -w $((1 + number % 4))"
		number=$((number + 1))
	done | must ipvsadm -R
}

with_lbdr()
{
	local size=$1 scheduler

	nobody
	must insmod "$LBDR_KO"
	must "$LBCTL" add-service -u "$vip:$port"
	add_to_lbdr 17 "${servers[@]:0:size}"
	must "$LBCTL" edit-service -u "$vip:$port" -s rr
	[ "$size" -ne "${sizes[0]}" ] || growing sink lbdr "$size" lbdr_conns
	while read -r scheduler _; do
		must "$LBCTL" edit-service -u "$vip:$port" -s "$scheduler"
		measure sink lbdr "$scheduler" "$size"
		until_empty lbdr_conns
	done < <("$LBCTL" list-schedulers)
	if [ "$size" -eq "${sizes[0]}" ]; then
		must "$LBCTL" add-service -t "$vip:$port" -s rr
		add_to_lbdr 6 "${servers[@]:0:size}"
		lives sink lbdr
		expect_lives "$("$LBCTL" list -t "$vip:$port" -n --stats --exact)"
		for scheduler in wlc mh; do
			must "$LBCTL" edit-service -t "$vip:$port" -s "$scheduler"
			syns lbdr "$scheduler"
		done
	fi
	without_lbdr
}

with_ip_vs()
{
	local size=$1 scheduler

	nobody
	must ipvsadm -A -u "$vip:$port"
	must ipvsadm --set 0 0 1
	add_to_ip_vs -u "${servers[@]:0:size}"
	must ipvsadm -E -u "$vip:$port" -s rr
	[ "$size" -ne "${sizes[0]}" ] || growing sink ip_vs "$size" ip_vs_conns
	while read -r scheduler; do
		if ! modprobe -q "ip_vs_$scheduler"; then
			echo "lacks ip_vs $scheduler"
			continue
		fi
		must ipvsadm -E -u "$vip:$port" -s "$scheduler"
		measure sink ip_vs "$scheduler" "$size"
		until_empty ip_vs_conns
	done <<<"$schedulers"
	if [ "$size" -eq "${sizes[0]}" ]; then
		must ipvsadm -A -t "$vip:$port" -s rr
		add_to_ip_vs -t "${servers[@]:0:size}"
		lives sink ip_vs
		sleep 5 # its counters
		expect_lives "$(ipvsadm -L -t "$vip:$port" -n --stats --exact)"
		for scheduler in wlc mh; do
			must ipvsadm -E -t "$vip:$port" -s "$scheduler"
			syns ip_vs "$scheduler"
		done
	fi
	must ipvsadm -C
	# shellcheck disable=SC2046 # a word each
	must modprobe -r $(sed -n 's/^\(ip_vs_[a-z]*\) .*/\1/p' /proc/modules) \
		ip_vs nf_conntrack
}

counted
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
echo "fill $fill"
echo "grow $grow"
pktgen in0 'dst_mac 02:00:00:00:00:77'
measure otherhost drop - 0
lives otherhost drop
pktgen in0 "dst_mac $mac"
for size in "${sizes[@]}"; do
	with_lbdr "$size"
	with_ip_vs "$size"
done
nobody
