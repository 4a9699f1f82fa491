#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# Two directors under keepalived, in a guest: a client downloads, and has a connection that
# idles; the master is powered off, and both go on through the other director, which has
# the connections by synchronisation. Shows each command and what it prints, and checks that
# this is what it should be.
set -u
# shellcheck source=selftests/demo_lib.sh
. ./demo_lib.sh

HOSTS+=(backup)
SUFFIX[backup]=71
LARGE=12000000

lbctl() { "$LBCTL" -N "$where" "$@"; }
backup() { where=backup show 'backup#' "$@"; }

# It uses lbdr.ko.
module_unload()
{
	[ ! -d /sys/module/lbdr_ipvs ] || rmmod lbdr_ipvs
	rmmod lbdr
}

# keepalived_up HOST PRIORITY: checks of both servers, VRRP, and synchronisation.
keepalived_up()
{
	local rip

	{
		cat <<-END
			global_defs {
			        router_id $1
			        lvs_sync_daemon eth0 WEB id 51
			}
			vrrp_instance WEB {
			        state BACKUP
			        interface eth0
			        virtual_router_id 51
			        priority $2
			        advert_int 1
			        virtual_ipaddress {
			                $VIP/32 dev eth0
			        }
			}
			virtual_server $VIP 80 {
			        delay_loop 1
			        lvs_sched rr
			        lvs_method DR
			        protocol TCP
		END
		for rip in $RIP_A $RIP_B; do
			cat <<-END
				        real_server $rip 80 {
				                TCP_CHECK {
				                        connect_timeout 3
				                }
				        }
			END
		done
		echo '}'
	} >"$dir/$1.keepalived.conf"
	ip netns exec "$1" keepalived -n -l -f "$dir/$1.keepalived.conf" \
		-p "$dir/$1.pid" -c "$dir/$1.checkers.pid" -r "$dir/$1.vrrp.pid" \
		-b "$dir/$1.bfd.pid" \
		>"$dir/$1.keepalived" 2>&1 &
	disown # it is killed with its host
}

# has_vip HOST
has_vip() { [ -n "$(ip -n "$1" -o address show dev eth0 to $VIP)" ]; }

# role_runs HOST ROLE
role_runs() { "$LBCTL" -N "$1" sync | grep -q "^$2 *runs on eth0"; }

# servers_are_on HOST
servers_are_on()
{
	[ "$("$LBCTL" -N "$1" list -n | grep -c ' Route ')" = 2 ]
}

# established HOST: the ports of the client's connections, sorted.
established()
{
	"$LBCTL" -N "$1" conns --state established | awk '/^TCP/ { print $4, $6 }' | sort
}

# The same two connections on both, with the same servers.
both_have_two()
{
	local here

	here=$(established director)
	[ "$(wc -l <<<"$here")" = 2 ] && [ "$here" = "$(established backup)" ]
}

# size_now: of the download so far.
size_now() { stat -c %s "$dir/download" 2>/dev/null || echo 0; }

grows() { [ "$(size_now)" -gt "$1" ]; }

# read_slowly: 100 kB a second until the other director has taken over, so that
# the download lasts until then however fast the machine is.
read_slowly()
{
	until [ -e "$dir/fast" ]; do
		dd bs=20000 count=1 iflag=fullblock status=none
		sleep 0.2
	done
	cat
}

download()
{
	ip netns exec client curl -sS --max-time 600 "http://$VIP/large" |
		read_slowly >"$dir/download"
	return "${PIPESTATUS[0]}"
}

echo "Linux $(uname -r); on one Ethernet segment, and beside them a second director, backup:"
sed -n '/^#	 client /,/^#	--/s/^#//p' lib.sh
lab_up
host_up backup || fatal 'a second director'
ip -n director address del $VIP/32 dev eth0
for host in a b; do
	rip=RIP_${host^^}
	nginx_up "$host" "${!rip}" || fatal "nginx runs on $host"
	head -c "$LARGE" /dev/urandom >"$dir/$host/large"
done
cp "$dir/a/large" "$dir/b/large"
echo 'director# modprobe lbdr_ipvs'
echo 'backup# modprobe lbdr_ipvs'
module_load
insmod "${LBDR_KO%lbdr.ko}lbdr_ipvs.ko" || fatal 'lbdr_ipvs can be loaded'

title '1. keepalived on both: VRRP, checks, and the sync daemon'
keepalived_up director 100
echo 'director# cat /etc/keepalived/keepalived.conf'
cat "$dir/director.keepalived.conf"
within 60 has_vip director || fatal 'director becomes master'
keepalived_up backup 90
within 60 role_runs director master || fatal 'it sends its connections'
within 60 role_runs backup backup || fatal 'backup receives them'
within 60 servers_are_on director || fatal 'keepalived adds the servers'
within 60 servers_are_on backup || fatal 'keepalived adds the servers of backup'
must lbctl list -n
backup lbctl list -n
must lbctl sync
expect 'the VIP is on director only' eval 'has_vip director && ! has_vip backup'

title '2. A client downloads, and another connection idles'
keep_open
ask_kept || fatal 'a connection is open'
idle=$shown
echo "client\$ curl http://$VIP/large | (reads 100 kB a second) >large &"
download &
download=$!
within 60 grows 200000 || fatal 'the download begins'
expect 'both directors have both connections, with the same servers' within 60 both_have_two
must lbctl list -n -c
backup lbctl list -n -c

title '3. The master is powered off'
ip -n switch link set director down
# shellcheck disable=SC2046 # one argument each
kill -KILL $(ip netns pids director)
before=$(size_now)
echo "   (the download has $before of $LARGE bytes)"
within 60 has_vip backup || fatal 'backup becomes master'
within 60 role_runs backup master || fatal 'it sends its connections now'
echo "backup# ip -o address show to $VIP"
ip -n backup -o address show to $VIP
ask_kept
echo "client: the idle connection is asked for the page: $shown"
expect 'it still works, on the same server' test "$shown" = "$idle"
backup lbctl list -n -c
drop_kept
touch "$dir/fast"
wait "$download"
expect 'the download comes to its end' test $? -eq 0
expect "all $LARGE bytes are right" cmp -s "$dir/download" "$dir/a/large"
backup lbctl list -n --stats
demo_end
