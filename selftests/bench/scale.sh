#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# Ten million connections in a guest of 4 GiB whose clock is the number of
# instructions executed: what one takes in memory, at one million and at ten, that
# they can be listed and filtered, that they expire, and for how long the kernel
# lets nobody else run meanwhile. One million by IPv6, before. Prints a line `scale
# WHAT FIGURE UNIT` for each, and dies where something is not as it should be.
set -u

# shellcheck source=selftests/bench/lib.sh
. "$(dirname "$0")/lib.sh"

millions=10
packets=100000
server=203.0.113.2
server6=2001:db8:2::2
server_mac=02:00:00:00:00:02
pause=/tmp/pause

# pages 4|6: of the slabs that connections come from. The kernel may have others'
# objects of the same size in them, so that a difference tells.
pages()
{
	local cache=/sys/kernel/slab/lbdr_conn$1

	echo $(($(cut -d' ' -f1 "$cache"/slabs) << $(cat "$cache"/order)))
}

available()
{
	awk '/^MemAvailable/ { print int($2 / 1024) }' /proc/meminfo
}

# held: connections whose memory is not free yet.
held()
{
	"$LBCTL" list --info -j | sed -n 's/.*"connections":\([0-9]*\).*/\1/p'
}

# fill FROM TO: connections of clients 10.0.0.0 + FROM up to TO, which is not one.
fill()
{
	local first last

	for ((first = $1; first < $2; first += packets)); do
		last=$((first + packets - 1))
		pktgen in0 "src_min 10.$((first >> 16)).$((first >> 8 & 255)).$((first & 255))"
		pktgen in0 "src_max 10.$((last >> 16)).$((last >> 8 & 255)).$((last & 255))"
		send sink
	done
}

# fill_6 COUNT: connections of clients of IPv6; pktgen varies their ports alone,
# and stays below the highest.
fill_6()
{
	local packets=50000 i

	pktgen in0 'udp_src_min 1001'
	pktgen in0 "udp_src_max $((1001 + packets))"
	for ((i = 0; i < $1; i += packets)); do
		pktgen in0 "src6 2001:db8:1::$((i / packets + 1))"
		send sink
	done
	pktgen in0 'udp_src_min 1000'
	pktgen in0 'udp_src_max 1000'
}

# before 4|6: the memory that there is, for account.
before()
{
	available_before=$(available)
	pages_before=$(pages "$1")
}

# account 4|6 MILLIONS: what they take, by slab and by all that is gone, the table's
# buckets too.
account()
{
	local n=$(($2 * 1000000)) slab all least=$(($1 == 4 ? 64 : 88))

	[ "$(held)" -eq "$n" ] || die "$(held) connections, not $2 million"
	slab=$((($(pages "$1") - pages_before) * 4096 / n))
	all=$(((available_before - $(available)) * 1048576 / n))
	[ "$slab" -ge "$least" ] || die "$slab bytes are less than a connection"
	echo "scale IPv$1-slab-at-$2-million $slab bytes"
	echo "scale IPv$1-all-at-$2-million $all bytes"
}

# attend, and paused WHAT: the longest pause in between. The clock of a guest that has
# nothing to do is the host's, and goes on by leaps: somebody has to do something.
attend()
{
	kill -CONT "$idler"
	ask_pause >/dev/null
}

paused()
{
	echo "scale longest-pause-$1 $(ask_pause) microseconds"
	kill -STOP "$idler"
}

ask_pause()
{
	rm -f "$pause"
	kill -USR1 "$watch" || die 'pause.py has ended'
	until [ -e "$pause" ]; do
		sleep 0.01
	done
	cat "$pause"
}

# workers: the time in ns that each worker of unbound workqueues was running. In this
# guest these have nothing to do but the collector's work.
workers()
{
	local comm pid

	for comm in /proc/[0-9]*/comm; do
		pid=${comm//[^0-9]/}
		if grep -qs '^kworker/u' "$comm"; then
			awk -v pid="$pid" '{ print pid, $1 }' "/proc/$pid/schedstat"
		fi
	done
}

# worked BEFORE: how many microseconds they were running since they were BEFORE.
worked()
{
	awk 'NR == FNR { ran[$1] = $2; next }
	     { sum += $2 - ran[$1] }
	     END { printf "%d\n", sum / 1000 }' <(echo "$1") <(workers)
}

# uptime: in microseconds.
uptime()
{
	awk '{ printf "%d\n", $1 * 1000000 }' /proc/uptime
}

# sweep WHAT: the share of a CPU that the collector takes of a table in which nothing
# expires. The first minute ends the sweep that has begun in a smaller table. Nobody else
# runs, so the clock leaps.
sweep()
{
	local begin before used

	kill -STOP "$watch" "$idler"
	sleep 60
	begin=$(uptime)
	before=$(workers)
	sleep 120
	used=$(worked "$before")
	[ "$used" -gt 0 ] || die 'the collector does not run'
	used=$((used * 1000000 / ($(uptime) - begin)))
	kill -CONT "$watch"
	echo "scale collector-of-$1 $used millionths"
}

# expire WHAT: all of them, how long that takes by the guest's clock, and the collector.
expire()
{
	local begin=$SECONDS deadline=$((SECONDS + 300)) before used

	before=$(workers)
	attend
	must "$LBCTL" set-timeout udp=1
	sleep 3
	paused "$1-begin-to-go"
	until [ "$(held)" -eq 0 ]; do
		[ "$SECONDS" -lt "$deadline" ] || die "$(held) connections do not expire"
		sleep 1
	done
	used=$(worked "$before")
	echo "scale $1-expired-within $((SECONDS - begin)) s"
	echo "scale $1-removed-by-collector $((used / 1000)) ms"
	must "$LBCTL" set-timeout udp=2000000
}

with_lbdr()
{
	must insmod "$LBDR_KO" conn_max=$((millions * 1000000 * 2)) \
		conn_max_all=$((millions * 1000000 * 2))
	must "$LBCTL" add-service -u "$vip:$port" -s rr
	must "$LBCTL" add-server -u "$vip:$port" -r "$server" -g
	must "$LBCTL" add-service -u "[$vip6]:$port" -s rr
	must "$LBCTL" add-server -u "[$vip6]:$port" -r "[$server6]" -g
	must "$LBCTL" set-timeout udp=2000000
}

echo "kernel $(uname -r)"
lay_wire
lay_wire_6
must ip address add 203.0.113.1/24 dev out0
must ip route add 10.0.0.0/8 dev in0
must ip route add 2001:db8:1::/64 dev in0
must ip route add 2001:db8:2::/64 dev out0
must ip neighbour replace "$server" lladdr "$server_mac" dev out0 nud permanent
must ip neighbour replace "$server6" lladdr "$server_mac" dev out0 nud permanent
pktgen in0 "dst_mac $mac"
grep -q '(full)' /sys/kernel/debug/sched/preempt ||
	must tee /sys/kernel/debug/sched/preempt <<<full >/dev/null
"$(dirname "$0")/pause.py" "$pause" &
watch=$!
until [ -e "$pause" ]; do
	kill -0 "$watch" || die 'pause.py does not begin'
	sleep 0.1
done
chrt -i 0 bash -c 'while :; do :; done' &
idler=$!
kill -STOP "$idler"

# Or what is freed stays with the CPU for a while, and is not told as available.
must sysctl -qw vm.percpu_pagelist_high_fraction=100000

# The ground: as many packets as later, forwarded.
towards "$server"
must sysctl -qw net.ipv4.ip_forward=1
attend
fill 0 1000000
paused ip_forward
must sysctl -qw net.ipv4.ip_forward=0

with_lbdr
towards "$vip6"
before 6
attend
fill_6 1000000
account 6 1
paused 1-million-IPv6-come
expire 1-million-IPv6
without_lbdr

with_lbdr
towards "$vip"
before 4
attend
fill 0 1000000
account 4 1
sweep 1-million
attend
fill 1000000 $((millions * 1000000))
account 4 "$millions"
paused "$millions-million-come"
sweep "$millions-million"

attend
found=$("$LBCTL" list -c -n --client 10.0.1.0/24 | grep -c '^UDP')
[ "$found" -eq 256 ] || die "$found connections of 256 clients"
paused they-are-listed
echo "scale listed-by-a-filter $found connections"
expire "$millions-million"
without_lbdr
kill "$watch" "$idler"
kill -CONT "$idler"
wait
