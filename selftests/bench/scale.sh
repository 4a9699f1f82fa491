#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# Ten million connections in a guest of 4 GiB whose clock is the number of
# instructions executed: what one takes in memory, at one million and at ten, that
# they can be listed and filtered, and that they expire. Prints a line for each, and
# dies where something is not as it should be.
set -u

# shellcheck source=selftests/bench/lib.sh
. "$(dirname "$0")/lib.sh"

millions=10
packets=100000
server=203.0.113.2

# pages: of the slabs that connections come from. The kernel may have others' objects
# of the same size in them, so that a difference tells.
pages()
{
	local cache=/sys/kernel/slab/lbdr_conn4

	echo $(($(cut -d' ' -f1 $cache/slabs) << $(cat $cache/order)))
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

# account MILLIONS: what they take, by slab and by all that is gone, the table's
# buckets too.
account()
{
	local n=$(($1 * 1000000)) slab all

	[ "$(held)" -eq "$n" ] || die "$(held) connections, not $1 million"
	slab=$((($(pages) - pages_before) * 4096 / n))
	all=$(((available_before - $(available)) * 1048576 / n))
	[ "$slab" -ge 64 ] || die "$slab bytes are less than a connection"
	echo "scale $1 million: $slab bytes of slab each, $all of all memory"
}

lay_wire
must ip address add 203.0.113.1/24 dev out0
must ip route add 10.0.0.0/8 dev in0
must ip neighbour replace "$server" lladdr 02:00:00:00:00:02 dev out0 nud permanent
must insmod "$LBDR_KO" conn_max=$((millions * 1000000 * 2)) \
	conn_max_all=$((millions * 1000000 * 2))
must "$LBCTL" add-service -u "$vip:$port" -s rr
must "$LBCTL" add-server -u "$vip:$port" -r "$server" -g
must "$LBCTL" set-timeout udp=2000000
pktgen in0 "dst_mac $mac"

pages_before=$(pages)
available_before=$(available)
fill 0 1000000
account 1
fill 1000000 $((millions * 1000000))
account "$millions"

found=$("$LBCTL" list -c -n --client 10.0.1.0/24 | grep -c '^UDP')
[ "$found" -eq 256 ] || die "$found connections of 256 clients"
echo "scale a filter finds 256 among $millions million"

before=$(date +%s)
must "$LBCTL" set-timeout udp=1
deadline=$((SECONDS + 300))
until [ "$(held)" -eq 0 ]; do
	[ "$SECONDS" -lt "$deadline" ] || die "$(held) connections do not expire"
	sleep 1
done
echo "scale all expired within $(($(date +%s) - before)) s of the guest's clock"
without_lbdr
