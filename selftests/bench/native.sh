#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# Measures, inside a guest whose clock is the time, how many nanoseconds a packet
# takes each contestant: of one UDP flow, of up to a million in random order, and
# of clients that nobody has seen.
#
# Each contestant has a network namespace, with the wire of lib.sh, so that all of
# them stand ready with their connections, and take turns: a round is a turn of
# each, and each round begins with another one. What happens on the host meanwhile
# disturbs one round more than another, and one contestant hardly more than
# another. A turn is a warm-up of some 150 ms, for the one before has left nothing
# of ours in the caches, and then some runs of 3 ms, which is less than what a busy
# host lets a process run for at a time.
#
# Prints `cost NAME FLOWS NANOSECONDS` for every run, with 1-6 for one flow by
# IPv6 and `new` for new connections, whose NAME ends with the scheduler; `ip_vs-20`
# is ip_vs that was loaded with conn_tab_bits=20. `bench`, on the host, makes the
# tables, and says what the figures mean.
#
#	native.sh tunnels	only the methods of forwarding: contestants lbdr-METHOD and
#				ip_vs-METHOD, of few flows, in the same way
#	native.sh FUNCTION ARGUMENT...	the function, for what has to run in a
#				contestant's namespace
set -u

# shellcheck source=selftests/bench/lib.sh
. "$(dirname "$0")/lib.sh"

sizes=(1 1000 100000 1000000)
rounds=5
runs=3
servers=16
residents=100000
newcomers=5000
schedulers=(rr wlc mh)
methods=(dr ipip gre gue)
method_sizes=(1 1000)
warm_up_ns=150000000
run_ns=3000000
other_mac=02:00:00:00:00:77

# client NUMBER
client()
{
	local n=$(($1 + 256))

	echo "10.$((n >> 16)).$((n >> 8 & 255)).$((n & 255))"
}

# inside NAMESPACE FUNCTION ARGUMENT...
inside()
{
	ip netns exec "$1" "$0" "${@:2}" || die "failed, for $1: ${*:2}"
}

# director NAME, method NAME: of lbdr-ipip, lbdr and ipip.
director()
{
	echo "${1%%-*}"
}

method()
{
	[[ $1 == *-* ]] && echo "${1#*-}" || echo dr
}

# In a contestant's namespace.

# place NAME: where its packets end, and must be counted.
place()
{
	[ "$1" = drop ] && echo otherhost || echo sink
}

# aim NAME 4|6
aim()
{
	local to4=$vip to6=$vip6

	if [ "$1" = forward ]; then
		to4=172.16.1.1 to6=2001:db8:2::1
	fi
	if [ "$2" = 4 ]; then
		towards "$to4"
	else
		towards "$to6"
	fi
}

# clients FIRST COUNT in_order|at_random
clients()
{
	pktgen in0 "src_min $(client "$1")"
	if [ "$3" = at_random ]; then
		# pktgen stays below the maximum then.
		pktgen in0 "src_max $(client $(($1 + $2)))"
		pktgen in0 'flag IPSRC_RND'
	else
		pktgen in0 "src_max $(client $(($1 + $2 - 1)))"
		pktgen in0 'flag !IPSRC_RND'
	fi
}

# send_some NAME COUNT: into $cost.
send_some()
{
	packets=$2
	send "$(place "$1")"
}

# prepare NAME SCHEDULER
prepare()
{
	local i

	lay_wire
	lay_wire_6
	# The clock costs more than a packet does.
	pktgen in0 'flag NO_TIMESTAMP'
	must ip address add 172.16.0.1/16 dev out0
	must ip route add 2001:db8:2::/64 dev out0
	must ip route add 10.0.0.0/8 dev in0
	for ((i = 1; i <= servers; i++)); do
		echo "neighbour replace 172.16.1.$i lladdr $(server_mac $i)" \
			'dev out0 nud permanent'
		echo "neighbour replace 2001:db8:2::$i lladdr $(server_mac $i)" \
			'dev out0 nud permanent'
	done | must ip -batch -
	"prepare_$(director "$1")" "$2" "$(method "$1")"
	aim "$1" 4
}

server_mac()
{
	printf '02:00:00:00:01:%02x\n' "$1"
}

prepare_drop()
{
	pktgen in0 "dst_mac $other_mac"
}

# For a day, so that no connection is gone before it is asked for.
prepare_lbdr()
{
	local i how=(-g)

	case $2 in
	gue) how=(--tun gue:6080) ;;
	ipip | gre) how=(--tun "$2") ;;
	esac

	must "$LBCTL" add-service -u "$vip:$port" -s "$1"
	must "$LBCTL" add-service -u "[$vip6]:$port" -s "$1"
	for ((i = 1; i <= servers; i++)); do
		must "$LBCTL" add-server -u "$vip:$port" -r 172.16.1.$i "${how[@]}"
		must "$LBCTL" add-server -u "[$vip6]:$port" -r "[2001:db8:2::$i]" \
			"${how[@]}"
	done
	must "$LBCTL" set-timeout udp=86400
}

prepare_ip_vs()
{
	local i how=(-g)

	case $2 in
	gue) how=(-i --tun-type gue --tun-port 6080) ;;
	ipip | gre) how=(-i --tun-type "$2") ;;
	esac

	must ipvsadm -A -u "$vip:$port" -s "$1"
	must ipvsadm -A -u "[$vip6]:$port" -s "$1"
	for ((i = 1; i <= servers; i++)); do
		must ipvsadm -a -u "$vip:$port" -r "172.16.1.$i:$port" "${how[@]}"
		must ipvsadm -a -u "[$vip6]:$port" -r "[2001:db8:2::$i]:$port" \
			"${how[@]}"
	done
	must ipvsadm --set 0 0 86400
}

prepare_forward()
{
	must sysctl -qw net.ipv4.ip_forward=1
	must sysctl -qw net.ipv6.conf.all.forwarding=1
}

prepare_nft()
{
	local i macs=()

	for ((i = 1; i <= servers; i++)); do
		macs+=("$(server_mac $i)")
	done
	nft_dsr "${macs[@]}"
}

# fill NAME FLOWS: every client once.
fill()
{
	clients 0 "$2" in_order
	send_some "$1" "$2"
	sleep 1 # the tables may still grow
}

# turn NAME FLOWS: prints what a packet took in each run.
turn()
{
	local many i

	if [ "$2" = 1-6 ]; then
		aim "$1" 6
	else
		clients 0 "$2" at_random
	fi
	send_some "$1" 2000
	send_some "$1" $((1000 + warm_up_ns / cost))
	many=$((1000 + run_ns / cost))
	for ((i = 0; i < runs; i++)); do
		send_some "$1" "$many"
		echo "$cost"
	done
	aim "$1" 4
}

# strangers NAME: prints what the first packet of each took, in each run.
strangers()
{
	local i

	fill "$1" "$residents"
	for ((i = 0; i < runs; i++)); do
		clients $((residents + i * newcomers)) "$newcomers" in_order
		send_some "$1" "$newcomers"
		echo "$cost"
	done
}

# connections NAME: how many there have been so far, for both services.
connections()
{
	local list=("$LBCTL" list)

	[ "$(director "$1")" = lbdr ] || list=(ipvsadm -L)
	"${list[@]}" -n --stats --exact | awk '/^UDP/ { sum += $3 } END { print sum + 0 }'
}

# For all of them.

# begin NAME [SCHEDULER], finish NAME
begin()
{
	must ip netns add "$1"
	inside "$1" prepare "$1" "${2:-rr}"
}

# ip_vs of a namespace is there until its last connection is.
finish()
{
	[ "$(director "$1")" != ip_vs ] || must ip netns exec "$1" ipvsadm -C
	must ip netns del "$1"
}

# load_ip_vs [PARAMETER], unload_ip_vs
load_ip_vs()
{
	must modprobe ip_vs "$@"
}

unload_ip_vs()
{
	local deadline=$((SECONDS + 120))

	until modprobe -qr ip_vs_rr ip_vs_wlc ip_vs_mh ip_vs nf_conntrack; do
		[ "$SECONDS" -lt "$deadline" ] || die 'ip_vs does not go'
		sleep 0.2
	done
}

# expect_connections NAME COUNT: so many has it made; ip_vs sums up now and then.
expect_connections()
{
	local made deadline=$((SECONDS + 20))

	until made=$(inside "$1" connections "$1") && [ "$made" -eq "$2" ]; do
		[ "$SECONDS" -lt "$deadline" ] ||
			die "$1 has made $made connections and not $2"
		sleep 0.5
	done
}

# in_turn FLOWS ROUND: one round. ip_vs is told as $ip_vs_is.
in_turn()
{
	local first=$(($2 % ${#contestants[@]})) name costs cost said

	for name in "${contestants[@]:first}" "${contestants[@]:0:first}"; do
		costs=$(inside "$name" turn "$name" "$1") || exit 1
		said=$name
		[ "$name" != ip_vs ] || said=$ip_vs_is
		for cost in $costs; do
			echo "cost $said $1 $cost"
		done
	done
}

# in_turns FLOWS: all rounds.
in_turns()
{
	local round

	for ((round = 0; round < rounds; round++)); do
		in_turn "$1" "$round"
	done
}

# established NAME CONTESTANTS [PARAMETER]: with ip_vs loaded so, and called that.
established()
{
	local ip_vs_is=$1 contestants name flows

	read -ra contestants <<<"$2"

	must insmod "$LBDR_KO"
	load_ip_vs "${@:3}"
	for name in "${contestants[@]}"; do
		begin "$name"
	done
	# First: ip_vs has one table for both families.
	in_turns 1-6
	for flows in "${sizes[@]}"; do
		inside lbdr fill lbdr "$flows"
		inside ip_vs fill ip_vs "$flows"
		in_turns "$flows"
		expect_connections lbdr $((flows + 1))
		expect_connections ip_vs $((flows + 1))
	done
	for name in "${contestants[@]}"; do
		finish "$name"
	done
	unload_ip_vs
	without_lbdr
}

# new_ones NAME SAID SCHEDULER: a turn, from an empty table on.
new_ones()
{
	local cost costs

	begin "$1" "$3"
	costs=$(inside "$1" strangers "$1") || exit 1
	[ "$1" = drop ] ||
		expect_connections "$1" $((residents + runs * newcomers))
	for cost in $costs; do
		echo "cost $2 new $cost"
	done
	finish "$1"
}

new_connections()
{
	local round scheduler

	for ((round = 0; round < rounds; round++)); do
		new_ones drop drop ''
		for scheduler in "${schedulers[@]}"; do
			must insmod "$LBDR_KO"
			new_ones lbdr "lbdr-$scheduler" "$scheduler"
			without_lbdr
			load_ip_vs
			new_ones ip_vs "ip_vs-$scheduler" "$scheduler"
			unload_ip_vs
			load_ip_vs conn_tab_bits=20
			new_ones ip_vs "ip_vs-20-$scheduler" "$scheduler"
			unload_ip_vs
		done
	done
}

# Every method of both, beside each other.
tunnels()
{
	local contestants=(drop) ip_vs_is=ip_vs name method flows rounds=3

	begin_all
	must insmod "$LBDR_KO"
	load_ip_vs
	for method in "${methods[@]}"; do
		contestants+=("lbdr-$method" "ip_vs-$method")
	done
	for name in "${contestants[@]}"; do
		begin "$name"
	done
	in_turns 1-6
	for flows in "${method_sizes[@]}"; do
		for name in "${contestants[@]:1}"; do
			inside "$name" fill "$name" "$flows"
		done
		in_turns "$flows"
		for name in "${contestants[@]:1}"; do
			expect_connections "$name" $((flows + 1))
		done
	done
	for name in "${contestants[@]}"; do
		finish "$name"
	done
	unload_ip_vs
	without_lbdr
	nobody
}

# touch_memory: once, so that the host has given it before anybody is measured.
touch_memory()
{
	local free

	free=$(awk '/^MemAvailable:/ { print int($2 / 1024) - 200 }' /proc/meminfo)
	must mount -t tmpfs -o size=100% tmpfs /mnt
	must head -c "${free}M" /dev/zero >/mnt/memory
	must umount /mnt
}

# begin_all: pktgen sends by the first CPU, everything else has the other one.
begin_all()
{
	must taskset -p 2 $$ >/dev/null
	[ "$(nproc --all)" -eq 2 ] || die 'two CPUs are needed'
	touch_memory
	nobody
	echo "kernel $(uname -r)"
	echo "servers $servers"
}

if [ $# -gt 0 ]; then
	"$@"
	exit
fi

begin_all
echo "residents $residents"
echo "newcomers $((runs * newcomers))"
established ip_vs 'drop lbdr ip_vs forward nft'
established ip_vs-20 'drop lbdr ip_vs' conn_tab_bits=20
new_connections
nobody
