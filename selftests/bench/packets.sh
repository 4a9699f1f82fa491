#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# Measures, inside a guest whose clock is the number of instructions executed,
# what a packet of an established flow costs each contestant. Prints a line
# `cost NAME INSTRUCTIONS` for every measured run; `bench`, on the host, makes the
# table of them and says what the figures mean.
set -u

# shellcheck source=selftests/bench/lib.sh
. "$(dirname "$0")/lib.sh"

packets=20000
runs=5

client=198.51.100.7
server=203.0.113.2
server_mac=02:00:00:00:00:02

# agree A B: to 0.1 %.
agree()
{
	local apart=$(($1 > $2 ? $1 - $2 : $2 - $1))

	[ $((apart * 1000)) -le "$2" ]
}

# measure NAME PLACE ADDRESS MAC: warm up until two runs in a row agree (pktgen
# counts in what it waits until its first run begins), then count. Another process
# may get a turn in some run and spoil it: the table is made of medians.
measure()
{
	local name=$1 place=$2 last=0 tries=0 i

	pktgen in0 "dst $3"
	pktgen in0 "dst_mac $4"
	send "$place"
	until last=$cost && send "$place" && agree "$cost" "$last"; do
		tries=$((tries + 1))
		[ "$tries" -lt 10 ] || die "$name: no two runs agree ($last, $cost)"
	done
	for ((i = 0; i < runs; i++)); do
		send "$place"
		echo "cost $name $cost"
	done
}

# for_others NAME: a packet that is not for the service, to a socket of this
# host and to be forwarded.
for_others()
{
	measure "received-$1" socket "$director" "$mac"
	must sysctl -qw net.ipv4.ip_forward=1
	measure "forwarded-$1" sink "$server" "$mac"
	must sysctl -qw net.ipv4.ip_forward=0
}

with_lbdr()
{
	nobody
	must insmod "$LBDR_KO"
	must "$LBCTL" add-service -u "$vip:$port" -s rr
	must "$LBCTL" add-server -u "$vip:$port" -r "$server" -g
	measure lbdr sink "$vip" "$mac"
	for_others lbdr
	without_lbdr
}

with_ip_vs()
{
	nobody
	must ipvsadm -A -u "$vip:$port" -s rr
	must ipvsadm -a -u "$vip:$port" -r "$server" -g
	measure ip_vs sink "$vip" "$mac"
	for_others ip_vs
	must ipvsadm -C
	must modprobe -r ip_vs_rr ip_vs nf_conntrack
}

lay_wire
must ip address add 203.0.113.1/24 dev out0
must ip neighbour replace "$server" lladdr "$server_mac" dev out0 nud permanent
pktgen in0 "src_min $client"
pktgen in0 "src_max $client"

# Nobody reads it: it takes what its buffer holds, and the rest is dropped there.
python3 -c '
import signal, socket, sys
s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
s.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 0)
s.bind((sys.argv[1], int(sys.argv[2])))
signal.pause()' "$director" "$port" &
holder=$!
deadline=$((SECONDS + 60))
until [ -n "$(ss -Hlun "src $director:$port")" ]; do
	[ "$SECONDS" -lt "$deadline" ] || die 'the socket does not come up'
	sleep 0.1
done
for ((i = 0; i < 16; i++)); do
	echo full >"/dev/udp/$director/$port"
done

echo "kernel $(uname -r)"
echo "packets $packets"
measure drop otherhost "$vip" 02:00:00:00:00:77
for_others nobody
with_lbdr
with_ip_vs
nobody
# Once more, to see that the ground has not moved under the contestants.
measure drop-after otherhost "$vip" 02:00:00:00:00:77
kill "$holder"
