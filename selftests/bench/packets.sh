#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# Measures, inside a guest whose clock is the number of instructions executed
# (`guest -i`), what a packet costs each contestant. Prints a line
# `cost NAME INSTRUCTIONS` for every measured run; ../bench/bench, on the host,
# makes the table of them and says what the figures mean.
#
#	pktgen --> in0 (dummy) --> a contestant --> out0 (dummy), the sink
#
# pktgen hands each packet to the stack as if in0 had received it, unshared as a
# NIC's are (by default it keeps a reference, so that everybody would pay for
# copies). The server is a permanent neighbour on out0, whose driver counts the
# frame and frees it. Every run is checked: each packet sent must have come to
# the one place where the contestant should put it, or there is no figure.
# Sysctls are the kernel's defaults, but for ip_forward in the runs named so.
set -u

packets=20000
runs=5

client=198.51.100.7
vip=192.0.2.80
director=198.51.100.1
server=203.0.113.2
server_mac=02:00:00:00:00:02
port=80

die()
{
	echo "bench: $*" >&2
	exit 1
}

must()
{
	"$@" || die "failed: $*"
}

# pktgen FILE WORD...: pktgen refuses what it does not know, and so do we.
pktgen()
{
	echo "${*:2}" >"/proc/net/pktgen/$1" || die "pktgen refused: ${*:2}"
}

# arrived PLACE: how many packets have ended there so far.
arrived()
{
	case $1 in
	sink) cat /sys/class/net/out0/statistics/tx_packets ;;
	otherhost) ip -s -s -j link show dev in0 |
		sed -n 's/.*"otherhost":\([0-9]*\).*/\1/p' ;;
	socket) nstat -asz UdpRcvbufErrors | awk '/^Udp/ { print $2 }' ;;
	esac
}

# send PLACE: one run; $cost is what a packet took, rounded.
send()
{
	local before after microseconds

	before=$(arrived "$1")
	pktgen pgctrl start
	after=$(arrived "$1")
	[ $((after - before)) -eq "$packets" ] ||
		die "$((after - before)) of $packets packets came to the $1"
	microseconds=$(sed -n 's/^Result: OK: \([0-9]*\)(.*/\1/p' /proc/net/pktgen/in0)
	[ -n "$microseconds" ] || die 'pktgen gave no result'
	cost=$(((microseconds * 1000 + packets / 2) / packets))
}

# agree A B: to 0.1 %.
agree()
{
	local apart=$(($1 > $2 ? $1 - $2 : $2 - $1))

	[ $((apart * 1000)) -le "$2" ]
}

# measure NAME PLACE ADDRESS MAC: warm up until two runs in a row agree (the
# first one in a fresh guest takes up to twice as long: slabs grow, pages are
# initialised), then count. Another process may get a turn in some run and spoil
# it: the table is made of medians.
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

# nobody: no contestant has left anything behind.
nobody()
{
	! grep -E '^(lbdr|ip_vs|nf_conntrack|nf_defrag)' /proc/modules ||
		die 'a contestant is still loaded'
}

with_lbdr()
{
	nobody
	must insmod "$LBDR_KO"
	must "$LBCTL" add-service -u "$vip:$port" -s rr
	must "$LBCTL" add-server -u "$vip:$port" -r "$server" -g
	measure lbdr sink "$vip" "$mac"
	for_others lbdr
	must rmmod lbdr
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

[ "$(nproc)" -eq 1 ] || die 'the clock counts instructions with one CPU alone: guest -i'
must modprobe pktgen
# Or IPv6 would send multicast reports by the devices whose frames are counted.
must sysctl -qw net.ipv6.conf.default.disable_ipv6=1
must modprobe dummy numdummies=0
must ip link add in0 type dummy
must ip link add out0 type dummy
must ip address add "$director/24" dev in0
must ip address add "$vip/32" dev in0
must ip address add 203.0.113.1/24 dev out0
must ip link set in0 up
must ip link set out0 up
must ip neighbour replace "$server" lladdr "$server_mac" dev out0 nud permanent
mac=$(cat /sys/class/net/in0/address)

pktgen kpktgend_0 add_device in0
for word in "count $packets" 'clone_skb 0' 'pkt_size 60' 'delay 0' \
	'xmit_mode netif_receive' 'flag !SHARED' 'src_mac 02:00:00:00:00:07' \
	"src_min $client" "src_max $client" 'udp_src_min 1000' 'udp_src_max 1000' \
	"udp_dst_min $port" "udp_dst_max $port"; do
	pktgen in0 "$word"
done

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
