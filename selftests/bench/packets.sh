#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# Measures, inside a guest whose clock is the number of instructions executed,
# what a packet of an established flow costs each contestant: UDP, TCP, and UDP by
# IPv6; by direct routing and by tunnels. Prints a line `cost NAME INSTRUCTIONS` for
# every measured run; `bench`, on the host, makes the table of them and says what the
# figures mean.
#
#	packets.sh [tunnels|sync]	tunnels: only lbdr and ip_vs by each method, and the
#				drop line; sync: only lbdr, without and with the roles of
#				`lbctl sync`; not enough for the table
set -u

# shellcheck source=selftests/bench/lib.sh
. "$(dirname "$0")/lib.sh"

packets=20000
runs=5

client=198.51.100.7
server=203.0.113.2
server6=2001:db8:2::2
server_mac=02:00:00:00:00:02
other_mac=02:00:00:00:00:77

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

	towards "$3"
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

# flows NAME PLACE IPV4 IPV6 MAC: UDP, TCP, UDP by IPv6. Connections begin with a SYN.
flows()
{
	measure "$1-udp" "$2" "$3" "$5"
	as_tcp "$SYN"
	packets=1 send "$2"
	as_tcp "$ACK"
	measure "$1-tcp" "$2" "$3" "$5"
	as_udp
	measure "$1-udp6" "$2" "$4" "$5"
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

# vips FIRST LAST: commands that add services of further VIPs.
vips()
{
	local i

	for ((i = $1; i <= $2; i++)); do
		echo "-A -u 10.64.$((i / 256)).$((i % 256)):$port -s rr"
	done
}

# by_lbdr COMMAND WORD...: for the server of each of the three services.
by_lbdr()
{
	must "$LBCTL" "$1" -u "$vip:$port" -r "$server" "${@:2}"
	must "$LBCTL" "$1" -t "$vip:$port" -r "$server" "${@:2}"
	must "$LBCTL" "$1" -u "[$vip6]:$port" -r "[$server6]" "${@:2}"
}

lbdr_methods()
{
	local method

	must "$LBCTL" clear
	must "$LBCTL" add-service -u "$vip:$port" -s rr
	must "$LBCTL" add-service -t "$vip:$port" -s rr
	must "$LBCTL" add-service -u "[$vip6]:$port" -s rr
	by_lbdr add-server -g
	flows lbdr sink "$vip" "$vip6" "$mac"
	for method in ipip gre gue:6080; do
		by_lbdr edit-server --tun "$method"
		flows "${method%:*}" sink "$vip" "$vip6" "$mac"
	done
	by_lbdr edit-server --tun none
}

with_lbdr_methods()
{
	nobody
	must insmod "$LBDR_KO"
	lbdr_methods
	without_lbdr
}

with_lbdr()
{
	nobody
	must insmod "$LBDR_KO"
	must "$LBCTL" add-service -u "$vip:$port" -s rr
	must "$LBCTL" add-server -u "$vip:$port" -r "$server" -g
	for_others lbdr
	vips 2 1000 >/run/vips
	must "$LBCTL" restore /run/vips
	for_others lbdr-1000
	vips 1001 10000 >/run/vips
	must "$LBCTL" restore /run/vips
	for_others lbdr-10000
	lbdr_methods
	must "$LBCTL" set-entry ingress in0
	flows ingress sink "$vip" "$vip6" "$mac"
	for_others ingress
	without_lbdr
}

# Datagrams of the master go to a device of their own, whose frames nobody counts.
with_sync()
{
	nobody
	must ip link add sync0 type dummy
	must ip address add 203.0.113.129/25 dev sync0
	must ip link set sync0 up
	must insmod "$LBDR_KO"
	must "$LBCTL" add-service -u "$vip:$port" -s rr
	must "$LBCTL" add-service -t "$vip:$port" -s rr
	must "$LBCTL" add-service -u "[$vip6]:$port" -s rr
	by_lbdr add-server -g
	flows sync-off sink "$vip" "$vip6" "$mac"
	must "$LBCTL" sync master sync0
	flows sync-master sink "$vip" "$vip6" "$mac"
	must "$LBCTL" sync backup sync0
	flows sync-both sink "$vip" "$vip6" "$mac"
	must "$LBCTL" sync stop master
	must "$LBCTL" sync stop backup
	flows sync-off-again sink "$vip" "$vip6" "$mac"
	without_lbdr
}

# ip_vs_method NAME WORD...: a connection keeps the method that it began with, so each
# method has the module for itself.
ip_vs_method()
{
	nobody
	must ipvsadm -A -u "$vip:$port" -s rr
	must ipvsadm -a -u "$vip:$port" -r "$server" "${@:2}"
	[ "$1 $only" != "ip_vs " ] || for_others ip_vs
	must ipvsadm -A -t "$vip:$port" -s rr
	must ipvsadm -a -t "$vip:$port" -r "$server" "${@:2}"
	must ipvsadm -A -u "[$vip6]:$port" -s rr
	must ipvsadm -a -u "[$vip6]:$port" -r "[$server6]:$port" "${@:2}"
	flows "$1" sink "$vip" "$vip6" "$mac"
	must ipvsadm -C
	must modprobe -r ip_vs_rr ip_vs nf_conntrack
}

with_ip_vs()
{
	ip_vs_method ip_vs -g
	ip_vs_method ip_vs_ipip -i
	ip_vs_method ip_vs_gre -i --tun-type gre
	ip_vs_method ip_vs_gue -i --tun-type gue --tun-port 6080
}

with_nft()
{
	nft_dsr "$server_mac"
	flows nft sink "$vip" "$vip6" "$mac"
	must nft delete table netdev dsr
}

only=${1-}
counted
lay_wire
lay_wire_6
must ip address add 203.0.113.1/24 dev out0
must ip neighbour replace "$server" lladdr "$server_mac" dev out0 nud permanent
must ip route add 2001:db8:2::/64 dev out0
must ip neighbour replace "$server6" lladdr "$server_mac" dev out0 nud permanent
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
flows drop otherhost "$vip" "$vip6" "$other_mac"
if [ "$only" = sync ]; then
	with_sync
	kill "$holder"
	exit
fi
if [ -n "$only" ]; then
	with_lbdr_methods
	with_ip_vs
	kill "$holder"
	exit
fi
for_others nobody
must sysctl -qw net.ipv4.ip_forward=1 net.ipv6.conf.all.forwarding=1
flows forward sink "$server" "$server6" "$mac"
must sysctl -qw net.ipv4.ip_forward=0 net.ipv6.conf.all.forwarding=0
with_lbdr
with_nft
with_ip_vs
nobody
# Once more, to see that the ground has not moved under the contestants.
measure drop-after otherhost "$vip" "$other_mac"
kill "$holder"
