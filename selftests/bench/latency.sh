#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# Latency under configuration load: 10,000 services of 20 servers each. While they are
# restored, applied, zeroed, drained, cleared, go with their namespace, or while routes
# come and go as fast as the kernel takes them, latency.py reads one service and adds and deletes
# devices, and prints the longest duration of each. Two CPUs that execute in turn, and whose
# clock is what they executed: what else the host does is not measured.
#
#   selftests/qemu/guest trixie -i -c 2 -m 4096 -- bench/latency.sh [SERVICES [SERVERS [ROUTES]]]
set -u

# shellcheck source=selftests/bench/lib.sh
. "$(dirname "$0")/lib.sh"

services=${1:-10000}
servers=${2:-20}
routes=${3:-20000}
dir=/run/latency
latency=$(dirname "$0")/latency.py

# rules FLAG: -A and -a lines for every service, or -d lines that drain every server.
rules()
{
	awk -v services="$services" -v servers="$servers" -v drain="${1-}" 'BEGIN {
		server = "-a -t %s -r 10.200.%d.%d:80 -g -w %d\n"
		if (drain)
			server = "-d -t %s -r 10.200.%d.%d:80 --drain\n"
		for (i = 0; i < services; i++) {
			vip = "10." int(i / 65536) "." int(i / 256) % 256 "." \
				i % 256 ":80"
			if (!drain)
				printf "-A -t %s -s wlc\n", vip
			for (j = 0; j < servers; j++)
				printf server, vip, i % 256, j + 1, j % 9 + 1
		}
	}'
}

# mh_rules: one service of 300 servers whose table is the default one of mh.
mh_rules()
{
	local i

	[ -n "${1-}" ] || echo '-A -t 10.250.0.1:80 -s mh'
	for ((i = 0; i < 300; i++)); do
		printf '%s -t 10.250.0.1:80 -r 10.201.%d.%d:80 %s\n' \
			"$([ -n "${1-}" ] && echo -d || echo -a)" \
			$((i / 250)) $((i % 250 + 1)) \
			"$([ -n "${1-}" ] && echo --drain || echo '-g -w 1')"
	done
}

# route_feed add|del: what `ip -batch` reads.
route_feed()
{
	awk -v routes="$routes" -v verb="$1" 'BEGIN {
		for (i = 0; i < routes; i++)
			printf "route %s 44.%d.%d.%d/32 dev feed\n", verb,
				int(i / 65536), int(i / 256) % 256, i % 256
	}'
}

# in_table N: waits until so many servers are listed; what drains goes by itself.
in_table()
{
	local deadline=$((SECONDS + 120))

	until [ "$("$LBCTL" save | grep -c '^-a')" -eq "$1" ]; do
		[ "$SECONDS" -lt "$deadline" ] || die "the servers do not go"
		sleep 1
	done
}

# gone DEVICE: waits until a device is gone.
gone()
{
	local deadline=$((SECONDS + 120))

	while [ -e "/sys/class/net/$1" ]; do
		[ "$SECONDS" -lt "$deadline" ] || die "$1 does not go"
		sleep 0.1
	done
}

# namespace_begin, namespace_end: a namespace with the whole configuration, and its exit.
# cleanup_net() deletes the devices of a namespace before it calls lbdr, and takes the
# namespaces that are deleted meanwhile when it is called again. So when the victim's device
# is gone the exit has begun, and a second namespace that is deleted then loses its device
# when the exit is over.
namespace_begin()
{
	local name

	for name in victim sentinel; do
		must ip netns add "$name"
		must ip link add "$name" type veth peer name peer netns "$name"
	done
	must ip netns exec victim "$LBCTL" restore "$dir/all"
}

namespace_end()
{
	must ip netns del victim
	gone victim
	must ip netns del sentinel
	gone sentinel
}

export -f die must in_table gone namespace_begin namespace_end
export dir LBCTL

mkdir "$dir" || exit 1
# For the tracepoint of the lock; mounted already on some systems.
[ -d /sys/kernel/tracing/events ] || mount -t tracefs none /sys/kernel/tracing
# Multi-threaded emulation may crash when the kernel patches its text, as it does when
# the first hook of netfilter comes or the last one goes. And patching takes long.
must nft -f - <<-END
	table inet keep {
	$(for hook in prerouting input forward output postrouting; do
		echo "chain $hook { type filter hook $hook priority 500; }"
	done)
	}
END
must ip link set lo up
must modprobe dummy numdummies=0
must modprobe veth
must ip link add feed type dummy
must ip link set feed up
must ip address add 198.51.100.1/24 dev feed
must insmod "$LBDR_KO"
rules >"$dir/all"
sed '0~210s/-w [0-9]*$/-w 77/' "$dir/all" >"$dir/other"
rules drain >"$dir/drain"
mh_rules >"$dir/mh"
mh_rules drain >"$dir/mh-drain"
route_feed add >"$dir/routes-add"
route_feed del >"$dir/routes-del"
echo "kernel $(uname -r)"
echo "latency - $services services of $servers servers, $routes routes"

lbctl=$LBCTL
must "$lbctl" restore "$dir/all"
[ "$("$lbctl" save | grep -c '^-a')" -eq $((services * servers)) ] ||
	die 'servers are missing'
must "$latency" quiet 'sleep 20'
# What two busy CPUs cost, without a lock: the grace periods of `link` take longer.
must "$latency" busy \
	'for i in 1 2; do timeout 4 sh -c "while :; do :; done" & done; wait'
must "$lbctl" clear
must "$latency" restore --prepare "$lbctl clear" "$lbctl restore $dir/all"
must "$latency" apply "$lbctl apply $dir/other; $lbctl apply $dir/all"
must "$latency" zero "$lbctl zero"
must "$latency" routes \
	"ip -batch $dir/routes-add && ip -batch $dir/routes-del"
must "$latency" drain-all \
	--prepare "$lbctl clear && $lbctl restore $dir/all" \
	"$lbctl restore $dir/drain && sleep 2 && in_table 0"
must "$lbctl" clear
must "$latency" drain-300-mh \
	--prepare "$lbctl clear && $lbctl restore $dir/mh" \
	"$lbctl restore $dir/mh-drain && in_table 0"
must "$lbctl" clear
must "$latency" clear --prepare "$lbctl restore $dir/all" "$lbctl clear"
must "$latency" namespace-exit --prepare namespace_begin namespace_end
must rmmod lbdr
