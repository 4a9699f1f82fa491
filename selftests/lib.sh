# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=bash
# Sourced by the tests and the demo in a guest: the reference deployment as five
# network namespaces on one Ethernet segment, the module, and how results are
# told.
#
#	 client               director              a                    b
#	 192.168.1.101        192.168.1.70          192.168.1.62         192.168.1.64
#	                      192.168.1.63 (VIP)    lo: 192.168.1.63/32  lo: 192.168.1.63/32
#	 eth0                 eth0                  eth0                 eth0
#	  |                    |                     |                    |
#	--+--------------------+-- br0, in `switch` -+--------------------+--
#
# IPv6 likewise: 2001:db8:1::101, ::70 and ::63, ::62, ::64. The MAC address ends
# in the address's last digits, 02:00:00:00:00:70 is the director's.
#
# Whoever sources this file is cleaned up after: namespaces, what runs in them,
# and the module go when the script ends.

: "${LBDR_KO:?}" "${LBCTL:?}" "${KERNEL_LABEL:?}"

# shellcheck disable=SC2034 # for those who source this
VIP=192.168.1.63 VIP6=2001:db8:1::63
HOSTS=(switch client director a b)
declare -A SUFFIX=([client]=101 [director]=70 [a]=62 [b]=64)
failures=0

ok() { echo "ok - $*"; }
skip() { echo "skip - $*"; }
say() { echo "# $*"; }

not_ok()
{
	echo "not ok - $*"
	failures=$((failures + 1))
}

# check DESCRIPTION COMMAND...: the command's success is the result.
check()
{
	if "${@:2}"; then
		ok "$1"
	else
		not_ok "$1"
	fi
}

# within SECONDS COMMAND...: repeat it until it succeeds.
within()
{
	local deadline=$((SECONDS + $1))

	until "${@:2}"; do
		[ "$SECONDS" -lt "$deadline" ] || return 1
		sleep 0.05
	done
}

# fatal SENTENCE: what makes all that follows meaningless.
fatal()
{
	not_ok "$*"
	exit 1
}

# on HOST COMMAND...
on() { ip netns exec "$@"; }

# lbctl ARGUMENT...: on the director.
lbctl() { "$LBCTL" -N director "$@"; }

module_loaded() { [ -d /sys/module/lbdr ]; }
module_load() { insmod "$LBDR_KO" || fatal 'the module can be loaded'; }
module_unload() { rmmod lbdr; }

# host_up HOST: make it, with its cable to the switch and its addresses.
host_up()
{
	local host=$1 suffix=${SUFFIX[$1]}

	ip netns add "$host" &&
		ip -n switch link add name "$host" mtu "${MTU:-1500}" type veth \
			peer name eth0 netns "$host" mtu "${MTU:-1500}" &&
		ip -n switch -batch - <<-END && ip -n "$host" -batch - <<-END
			link set dev $host addrgenmode none
			link set dev $host master br0 up
		END
			link set lo up
			link set eth0 addrgenmode none
			link set eth0 address $(mac_of "$host") up
			address add 192.168.1.$suffix/24 dev eth0
			address add 2001:db8:1::$suffix/64 dev eth0 nodad
			address add fe80::$suffix/64 dev eth0 nodad
		END
}

# mac_of HOST
mac_of()
{
	printf '02:00:00:00:%02d:%02d\n' $((SUFFIX[$1] / 100)) \
		$((SUFFIX[$1] % 100))
}

# server_up HOST: a real server.
server_up()
{
	host_up "$1" && "$LBCTL" -N "$1" setup-realserver $VIP $VIP6 >/dev/null
}

# lab_up: the whole deployment.
lab_up()
{
	{
		ip netns add switch &&
			ip -n switch link add br0 type bridge stp_state 0 \
				forward_delay 0 mcast_snooping 0 &&
			ip -n switch link set br0 up &&
			host_up client && host_up director &&
			ip -n director -batch - <<-END && server_up a && server_up b
				address add $VIP/32 dev eth0
				address add $VIP6/128 dev eth0 nodad
			END
	} || fatal 'the deployment can be set up'
}

# lab_down: kill what runs in it, and remove it.
lab_down()
{
	local host pids

	for host in "${HOSTS[@]}"; do
		[ -e "/run/netns/$host" ] || continue
		pids=$(ip netns pids "$host")
		# shellcheck disable=SC2086 # one argument each
		[ -z "$pids" ] || kill -KILL $pids 2>/dev/null
		ip netns del "$host"
	done
}

clean_up()
{
	local status=$?

	trap - EXIT
	lab_down
	if module_loaded && ! within 10 module_unload; then
		echo 'not ok - the module can be unloaded at the end'
		status=1
	fi
	[ "$failures" -eq 0 ] || status=1
	exit "$status"
}
trap clean_up EXIT
trap 'exit 130' INT TERM
