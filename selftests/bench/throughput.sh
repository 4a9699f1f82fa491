#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# Measures, inside a guest whose clock is the time, how many gigabits a second one
# TCP connection of iperf3 gets through each contestant. Packets are as large as GSO
# makes them, up to 64 KiB, and the server answers the client by another wire, as in
# direct routing. Contestants take turns. Prints `throughput NAME MEGABITS` for every
# run.
#
#	client --> to-NAME --> director of NAME --> real server --> client
#
# Client, director and server share two CPUs, and iperf3 is most of the work: the
# figures say whether somebody is in the way, not what a director costs.
set -u

# shellcheck source=selftests/bench/lib.sh
. "$(dirname "$0")/lib.sh"

contestants=(lbdr ip_vs forward)
rounds=5
seconds=2
port=5201

in_ns()
{
	must ip netns exec "$@"
}

# wire NAMESPACE DEVICE ADDRESS NAMESPACE DEVICE ADDRESS
wire()
{
	must ip link add "$2" netns "$1" type veth peer name "$5" netns "$4"
	must ip -n "$1" address add "$3" dev "$2"
	must ip -n "$4" address add "$6" dev "$5"
	must ip -n "$1" link set "$2" up
	must ip -n "$4" link set "$5" up
}

# goal NAME NUMBER: what the client connects to.
goal()
{
	[ "$1" = forward ] && echo "10.2.$2.1" || echo "192.0.2.8$2"
}

# place NAME NUMBER: a director in a namespace of its own, by two wires.
place()
{
	must ip netns add "$1"
	wire client "to-$1" "10.1.$2.1/24" "$1" in0 "10.1.$2.2/24"
	wire "$1" out0 "10.2.$2.2/24" server "from-$1" "10.2.$2.1/24"
	must ip -n client route add "$(goal "$1" "$2")" via "10.1.$2.2"
	must ip -n server route add "10.1.$2.1" via 10.3.0.2
	"place_$1" "$(goal "$1" "$2")" "10.2.$2.1"
}

place_lbdr()
{
	must ip -n server address add "$1/32" dev lo
	in_ns lbdr "$LBCTL" add-service -t "$1:$port" -s rr
	in_ns lbdr "$LBCTL" add-server -t "$1:$port" -r "$2" -g
}

place_ip_vs()
{
	must ip -n server address add "$1/32" dev lo
	must ip -n ip_vs address add "$1/32" dev in0
	in_ns ip_vs ipvsadm -A -t "$1:$port" -s rr
	in_ns ip_vs ipvsadm -a -t "$1:$port" -r "$2:$port" -g
}

place_forward()
{
	in_ns forward sysctl -qw net.ipv4.ip_forward=1
}

echo "kernel $(uname -r)"
nobody
must insmod "$LBDR_KO"
for name in client server; do
	must ip netns add "$name"
	must ip -n "$name" link set lo up
done
wire server back 10.3.0.1/24 client back 10.3.0.2/24
for ((i = 0; i < ${#contestants[@]}; i++)); do
	place "${contestants[i]}" "$i"
done
ip netns exec server iperf3 -s >/dev/null &
holder=$!
deadline=$((SECONDS + 60))
until [ -n "$(ip netns exec server ss -Hltn "sport = $port")" ]; do
	[ "$SECONDS" -lt "$deadline" ] || die 'iperf3 does not come up'
	sleep 0.1
done

for ((round = 0; round < rounds; round++)); do
	for ((i = 0; i < ${#contestants[@]}; i++)); do
		n=$(((i + round) % ${#contestants[@]}))
		name=${contestants[n]}
		report=$(ip netns exec client iperf3 -J -t "$seconds" \
			-c "$(goal "$name" "$n")" -B "10.1.$n.1") ||
			die "iperf3 failed through $name: $report"
		python3 -c '
import json, sys
bits = json.load(sys.stdin)["end"]["sum_received"]["bits_per_second"]
print("throughput", sys.argv[1], int(bits / 1e6))' "$name" <<<"$report" || die 'no report'
	done
done
kill "$holder"
wait

# Each connection has two, for control and data.
made=$(in_ns lbdr "$LBCTL" list -n --stats --exact | awk '/^TCP/ { print $3 }')
[ "$made" -eq $((2 * rounds)) ] || die "lbdr has seen $made connections"
in_ns ip_vs ipvsadm -C
for name in client server "${contestants[@]}"; do
	must ip netns del "$name"
done
