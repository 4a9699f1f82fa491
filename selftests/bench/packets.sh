#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# Measures, inside a guest whose clock is the number of instructions executed,
# what a packet of an established flow costs each contestant: UDP, TCP, and UDP by
# IPv6; by direct routing and by tunnels. Prints a line `cost NAME INSTRUCTIONS` for
# every measured run; `bench`, on the host, makes the table of them and says what the
# figures mean.
#
#	packets.sh [tunnels|sync|records]
#		tunnels: only lbdr and ip_vs by each method, and the drop line
#		sync: only lbdr, without and with the roles of `lbctl sync`
#		records: what a record of synchronisation costs, see with_records()
#		None of these is enough for the table.
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

# queued NAME PLACE IPV4 IPV6 MAC: the same, with fq_codel at the sink.
queued()
{
	must tc qdisc replace dev out0 root fq_codel
	flows "$1_fq" "${@:2}"
	must tc qdisc delete dev out0 root
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
	queued lbdr sink "$vip" "$vip6" "$mac"
	must "$LBCTL" set-entry ingress in0
	flows ingress sink "$vip" "$vip6" "$mac"
	queued ingress sink "$vip" "$vip6" "$mac"
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

# ran NAME...: nanoseconds that kernel threads whose names begin so have run.
ran()
{
	local task comm name time total=0

	for task in /proc/[0-9]*; do
		read -r comm <"$task/comm" || continue
		read -r time _ <"$task/schedstat" || continue
		for name; do
			[[ $comm != "$name"* ]] || total=$((total + time))
		done
	done 2>/dev/null
	echo "$total"
}

# address_of NUMBER: of a client.
address_of()
{
	echo "10.$(($1 >> 16)).$(($1 >> 8 & 255)).$(($1 & 255))"
}

# counter NAMESPACE NAME: of all roles.
counter()
{
	"$LBCTL" ${1:+-N "$1"} sync -j | tr ',' '\n' |
		awk -v name="\"$2\":" 'index($0, name) { sub(/.*:/, ""); n += $0 } END { print n + 0 }'
}

# counted_to NAMESPACE COUNTER NUMBER
counted_to()
{
	local deadline=$((SECONDS + 60))

	until [ "$(counter "$1" "$2")" -ge "$3" ]; do
		[ "$SECONDS" -lt "$deadline" ] || die "$2 is $(counter "$1" "$2"), not $3"
		sleep 0.2
	done
}

# fill_other: as many connections in the other namespace, by no packet and no record.
fill_other()
{
	awk -v n="$packets" -v vip="$vip:$port" -v server="$server" 'BEGIN {
		for (i = 0; i < n; i++)
			printf "10.200.%d.%d:%d %s tcp %s established 800000 - -t %s\n",
				i / 256 % 256, i % 256, 1024 + i / 65536, vip, server, vip
	}' >/run/other.conns
	must "$LBCTL" -N other restore-conns /run/other.conns
}

# records NAME NAMESPACE COUNTER: new connections, each with its second packet, which is
# sent as a record. COUNTER of NAMESPACE grows by their number; empty: there are no records.
# What packets cost includes the record, what work queues do in a second is beside it: that
# of connections without records, too, which `records-off` and `records-both` have.
records()
{
	local i before packet work

	for ((i = 0; i < runs; i++)); do
		[ "$1" != records-both ] || fill_other
		pktgen in0 "src_min $(address_of "$next")"
		next=$((next + packets))
		pktgen in0 "src_max $(address_of $((next - 1)))"
		as_tcp "$SYN"
		send sink
		as_tcp "$ACK"
		[ -z "$3" ] || before=$(counter "$2" "$3")
		packet=$(ran kpktgend) work=$(ran kworker/u)
		send sink
		sleep 1
		[ -z "$3" ] || counted_to "$2" "$3" $((before + packets))
		echo "cost $1-packet $((($(ran kpktgend) - packet) / packets))"
		echo "cost $1-work $((($(ran kworker/u) - work) / packets))"
		"$LBCTL" conns --all --kill
		"$LBCTL" -N other conns --all --kill
	done
}

# What a record of synchronisation costs: to the packet that makes it, and to the work
# items that send and receive it. Both directors are namespaces of this kernel, so `to` and
# `peers` have the work of both sides; what is sent to a device without a director behind it
# is the work of the sender.
with_records()
{
	local next=1 key=/run/sync.key namespace

	nobody
	must modprobe libchacha20poly1305
	must ip netns add other
	must ip link add sync0 type dummy
	must ip address add 203.0.113.129/26 dev sync0
	must ip link set sync0 up
	must ip link add sync1 type veth peer name sync2 netns other
	must ip address add 203.0.113.193/26 dev sync1
	must ip -n other address add 203.0.113.194/26 dev sync2
	must ip link set sync1 up
	must ip -n other link set sync2 up
	must insmod "$LBDR_KO"
	for namespace in '' other; do
		must "$LBCTL" ${namespace:+-N other} add-service -t "$vip:$port" -s rr
		must "$LBCTL" ${namespace:+-N other} add-server -t "$vip:$port" -r "$server" -g
	done
	towards "$vip"
	pktgen in0 "dst_mac $mac"
	records records-off '' ''
	records records-both '' ''
	must "$LBCTL" sync master sync0
	records records-sent '' sent_records
	must "$LBCTL" sync stop master
	must "$LBCTL" -N other sync backup sync2 --address 203.0.113.193
	must "$LBCTL" sync master sync1 --address 203.0.113.194
	records records-to other added
	must "$LBCTL" sync stop master
	must "$LBCTL" -N other sync stop backup
	(umask 077 && head -c 32 /dev/urandom >"$key")
	must "$LBCTL" sync peers sync1 --address 203.0.113.194 --key-file "$key"
	must "$LBCTL" -N other sync peers sync2 --address 203.0.113.193 --key-file "$key"
	must "$LBCTL" sync --wait 60
	must "$LBCTL" -N other sync --wait 60
	records records-peers other added
	must "$LBCTL" sync stop peers
	must "$LBCTL" -N other sync stop peers
	records records-off-again '' ''
	must ip netns del other
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
	[ "$1 $only" != "ip_vs " ] || queued ip_vs sink "$vip" "$vip6" "$mac"
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
if [ "$only" = sync ] || [ "$only" = records ]; then
	"with_$only"
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
queued forward sink "$server" "$server6" "$mac"
must sysctl -qw net.ipv4.ip_forward=0 net.ipv6.conf.all.forwarding=0
with_lbdr
with_nft
with_ip_vs
nobody
# Once more, to see that the ground has not moved under the contestants.
measure drop-after otherhost "$vip" "$other_mac"
kill "$holder"
