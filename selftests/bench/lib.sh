# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=bash
# What the benchmarks in a guest have in common; sourced by packets.sh and
# connections.sh. The guest's clock is the number of instructions executed
# (`guest -i`).
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
director=198.51.100.1
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

# send PLACE: one run of $packets; $cost is what a packet took, rounded.
send()
{
	local before after microseconds

	before=$(arrived "$1")
	pktgen pgctrl start
	after=$(arrived "$1")
	[ $((after - before)) -eq "${packets:?}" ] ||
		die "$((after - before)) of $packets packets came to the $1"
	microseconds=$(sed -n 's/^Result: OK: \([0-9]*\)(.*/\1/p' /proc/net/pktgen/in0)
	[ -n "$microseconds" ] || die 'pktgen gave no result'
	# shellcheck disable=SC2034 # for those who source this
	cost=$(((microseconds * 1000 + packets / 2) / packets))
}

# without_lbdr: and without what it had the kernel load.
without_lbdr()
{
	must rmmod lbdr
	must modprobe -r nf_defrag_ipv4 nf_defrag_ipv6
}

# nobody: no contestant has left anything behind.
nobody()
{
	! grep -E '^(lbdr|ip_vs|nf_conntrack|nf_defrag)' /proc/modules ||
		die 'a contestant is still loaded'
}

# lay_wire: the devices, and pktgen ready to send UDP to the VIP.
lay_wire()
{
	local word

	[ "$(nproc)" -eq 1 ] ||
		die 'the clock counts instructions with one CPU alone: guest -i'
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
	for word in "count $packets" 'clone_skb 0' 'pkt_size 60' 'delay 0' \
		'xmit_mode netif_receive' 'flag !SHARED' \
		'src_mac 02:00:00:00:00:07' "dst $vip" "dst_mac $mac" \
		'udp_src_min 1000' 'udp_src_max 1000' \
		"udp_dst_min $port" "udp_dst_max $port"; do
		pktgen in0 "$word"
	done
}
