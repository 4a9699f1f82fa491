# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=bash
# What the benchmarks in a guest have in common; sourced by packets.sh,
# connections.sh and scale.sh, where the guest's clock is the number of instructions
# executed (`guest -i`), and by native.sh, where it is the time. throughput.sh lays
# wires of its own.
#
#	pktgen --> in0 (dummy) --> a contestant --> out0 (dummy), the sink
#
# pktgen hands each packet to the stack as if in0 had received it, unshared as a
# NIC's are (by default it keeps a reference, so that everybody would pay for
# copies). Servers are permanent neighbours on out0, whose driver counts the
# frame and frees it. Every run is checked: each packet sent must have come to
# the one place where the contestant should put it, or there is no figure.
# Sysctls are the kernel's defaults, but for what a script sets.

vip=192.0.2.80
vip6=2001:db8::80
director=198.51.100.1
client6=2001:db8:1::7
port=80
# TCP's flags, for as_tcp.
# shellcheck disable=SC2034 # for those who source this
SYN=0x02 ACK=0x10 PSH=0x08 FIN=0x01

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

# towards ADDRESS: pktgen sends to it, by the shortest frames that it has room in.
towards()
{
	if [[ $1 = *:* ]]; then
		pktgen in0 "dst6 $1"
		pktgen in0 "src6 $client6"
		pktgen in0 'pkt_size 78'
	else
		pktgen in0 'flag !IPV6'
		pktgen in0 "dst $1"
		pktgen in0 'pkt_size 60'
	fi
}

# send PLACE: one run of $packets; $cost is what a packet took, rounded. On a busy
# host pktgen may have returned before its thread has begun: its word on the run
# before is no longer there, since it has been told a number.
send()
{
	local before after microseconds='' deadline=$((SECONDS + 60))

	pktgen in0 "count ${packets:?}"
	before=$(arrived "$1")
	pktgen pgctrl start
	until microseconds=$(sed -n 's/^Result: OK: \([0-9]*\)(.*/\1/p' \
		/proc/net/pktgen/in0) && [ -n "$microseconds" ]; do
		[ "$SECONDS" -lt "$deadline" ] || die 'pktgen gave no result'
		sleep 0.1
	done
	after=$(arrived "$1")
	[ $((after - before)) -eq "$packets" ] ||
		die "$((after - before)) of $packets packets came to the $1"
	# shellcheck disable=SC2034 # for those who source this
	cost=$(((microseconds * 1000 + packets / 2) / packets))
}

# without_lbdr: and without what it had the kernel load.
without_lbdr()
{
	must "$LBCTL" clear --all-namespaces
	must rmmod lbdr
	must modprobe -r nf_defrag_ipv4 nf_defrag_ipv6
}

# nobody: no contestant has left anything behind.
nobody()
{
	! grep -E '^(lbdr|ip_vs|nf_conntrack|nf_defrag)' /proc/modules ||
		die 'a contestant is still loaded'
}

# counted: for those whose unit is the instruction.
counted()
{
	[ "$(nproc)" -eq 1 ] ||
		die 'the clock counts instructions with one CPU alone: guest -i'
}

# lay_wire: the devices, and pktgen ready to send UDP to the VIP.
lay_wire()
{
	local word

	must modprobe pktgen
	# Or IPv6 would send multicast reports by the devices whose frames are
	# counted.
	must sysctl -qw net.ipv6.conf.default.disable_ipv6=1
	must modprobe dummy numdummies=0
	must ip link add in0 type dummy
	must ip link add out0 type dummy
	must ip address add "$director/24" dev in0
	must ip address add "$vip/32" dev in0
	must ip link set in0 up
	must ip link set out0 up
	mac=$(cat /sys/class/net/in0/address)

	pktgen kpktgend_0 add_device in0
	for word in 'clone_skb 0' 'pkt_size 60' 'delay 0' \
		'xmit_mode netif_receive' 'flag !SHARED' \
		'src_mac 02:00:00:00:00:07' "dst $vip" "dst_mac $mac" \
		'udp_src_min 1000' 'udp_src_max 1000' \
		"udp_dst_min $port" "udp_dst_max $port"; do
		pktgen in0 "$word"
	done
}

# lay_wire_6: the same devices speak IPv6, of which they have no address but the
# VIP: neither they nor the kernel send anything by themselves.
lay_wire_6()
{
	local dev

	for dev in in0 out0; do
		must ip link set "$dev" addrgenmode none
		must sysctl -qw "net.ipv6.conf.$dev.disable_ipv6=0"
	done
	must ip address add "$vip6/128" dev in0
}

# as_tcp FLAGS, as_udp: pktgen sends UDP alone. A rule makes TCP segments with these
# flags of what it sends: both headers begin with the ports, and what follows is of
# no interest here. Everybody pays for the rule, the drop line too.
as_tcp()
{
	as_udp
	must nft -f - <<-END
		table netdev segments {
			chain ingress {
				type filter hook ingress device in0 priority -500;
				ip protocol udp @th,96,16 set $((0x5000 | $1)) ip protocol set 6
				ip6 nexthdr udp @th,96,16 set $((0x5000 | $1)) ip6 nexthdr set 6
			}
		}
	END
}

as_udp()
{
	must nft 'add table netdev segments; delete table netdev segments'
}

# nft_dsr MAC...: direct routing by nftables, with no state: a hash of the client
# chooses the server.
nft_dsr()
{
	local i map='' from=(ether saddr set "$(cat /sys/class/net/out0/address)")

	for ((i = 0; i < $#; i++)); do
		map+="${map:+, }$i : ${*:i + 1:1}"
	done
	must nft -f - <<-END
		table netdev dsr {
			chain ingress {
				type filter hook ingress device in0 priority 0;
				ip daddr $vip th dport $port ${from[*]} \
					ether daddr set jhash ip saddr . th sport \
					mod $# map { $map } fwd to out0
				ip6 daddr $vip6 th dport $port ${from[*]} \
					ether daddr set jhash ip6 saddr . th sport \
					mod $# map { $map } fwd to out0
			}
		}
	END
}
