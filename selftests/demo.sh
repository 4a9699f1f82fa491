#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# The reference deployment at work, in a guest: a client with curl, a director
# with the module, two real servers with nginx, and a third one behind a router. Shows each
# command and what it prints, and checks that this is what it should be.
set -u
# shellcheck source=selftests/demo_lib.sh
. ./demo_lib.sh

URL=http://$VIP/
RIP_C=10.9.0.2
HOSTS+=(router c)
SUFFIX[router]=1

# fetch TIMES: the pages in $pages, one word each, and counts in $from_a, $from_b.
fetch()
{
	pages='' from_a=0 from_b=0
	for ((i = 0; i < $1; i++)); do
		client curl "$URL" || failures=$((failures + 1))
		pages+="$shown "
		case $shown in
		"$RIP_A") from_a=$((from_a + 1)) ;;
		"$RIP_B") from_b=$((from_b + 1)) ;;
		esac
	done
}

# field RIP NUMBER: a column of a server's row in what was shown last.
field() { awk -v rip="$1:80" -v n="$2" '$2 == rip { print $n }' <<<"$shown"; }

# capture_begin, capture_end: what comes to the VIP at the director's NIC;
# $packets and $bytes afterwards.
capture_begin()
{
	ip netns exec director tcpdump -Z root -p -n -i eth0 -Q in --immediate-mode \
		-w "$dir/capture" "dst host $VIP and tcp" 2>"$dir/tcpdump" &
	tcpdump=$!
	within 20 grep -q '^tcpdump: listening' "$dir/tcpdump"
}

capture_end()
{
	kill "$tcpdump"
	wait "$tcpdump"
	read -r packets bytes < <(tcpdump -n -v -r "$dir/capture" 2>/dev/null |
		awk '/^[0-9].* IP \(/ { n++; sub(/.*length /, ""); b += $0 + 0 }
			END { print n + 0, b + 0 }')
}

kept_on_a()
{
	keep_open && ask_kept || return 1
	[ "$shown" = "$RIP_A" ] || { drop_kept; false; }
}

alternating()
{
	[[ $pages =~ ^("$RIP_A $RIP_B "){3}$ || $pages =~ ^("$RIP_B $RIP_A "){3}$ ]]
}

# far_up: a router on the segment, and a host behind it.
far_up()
{
	host_up router && ip netns add c &&
		ip -n router link add eth1 type veth peer name eth0 netns c &&
		ip -n router -batch - <<-END && ip -n c -batch - <<-END &&
			address add 10.9.0.1/24 dev eth1
			link set eth1 up
		END
			link set lo up
			address add $RIP_C/24 dev eth0
			link set eth0 up
			route add default via 10.9.0.1
		END
		on router sysctl -q -w net.ipv4.ip_forward=1 \
			net.ipv4.conf.all.rp_filter=0 net.ipv4.conf.eth1.rp_filter=0
}

# Each of the three in turn, twice.
in_turn()
{
	local words

	read -ra words <<<"$pages"
	[ "${words[*]:0:3}" = "${words[*]:3:3}" ] &&
		[ "$(printf '%s\n' "${words[@]:0:3}" | sort -u | wc -l)" = 3 ]
}

# keepalived_up: it checks the pages of A and B each second.
keepalived_up()
{
	local rip

	{
		printf 'virtual_server %s 80 {\n\tdelay_loop 1\n\tlvs_sched rr\n' "$VIP"
		printf '\tlvs_method DR\n\tprotocol TCP\n'
		for rip in $RIP_A $RIP_B; do
			cat <<-END
				real_server $rip 80 {
				        HTTP_GET {
				                url {
				                        path /
				                        status_code 200
				                }
				                connect_timeout 3
				                retry 0
				        }
				}
			END
		done
		echo '}'
	} >"$dir/keepalived.conf"
	ip netns exec director keepalived -n -l -C -f "$dir/keepalived.conf" \
		-p "$dir/keepalived.pid" -c "$dir/checkers.pid" >"$dir/keepalived" 2>&1 &
	keepalived=$!
}

# It uses lbdr.ko.
module_unload()
{
	[ ! -d /sys/module/lbdr_ipvs ] || rmmod lbdr_ipvs
	rmmod lbdr
}

# servers_are RIP...: they and no others are listed.
servers_are()
{
	[ "$(lbctl list -n | awk '$1 == "->" && $3 != "Forward" { print $2 }' | sort)" = \
		"$(printf '%s:80\n' "$@")" ]
}

echo "Linux $(uname -r); on one Ethernet segment:"
sed -n '/^#	 client /,/^#	--/s/^#//p' lib.sh
lab_up
nginx_up a $RIP_A || fatal 'nginx runs on a'
nginx_up b $RIP_B || fatal 'nginx runs on b'
echo 'director# modprobe lbdr'
module_load

title '1. Begin with nothing'
must lbctl clear

title '2. A service on the virtual address'
must lbctl add-service -t $SERVICE -s rr

title '3. Two real servers'
must lbctl add-server -t $SERVICE -r $RIP_A -g
must lbctl -a -t $SERVICE -r $RIP_B -g

title '4. What there is'
must lbctl list -n
expect 'two servers, by direct routing, of weight 1' \
	test "$(field $RIP_A 3) $(field $RIP_A 4) $(field $RIP_B 3) $(field $RIP_B 4)" \
	= 'Route 1 Route 1'

title '5. The client fetches the page'
fetch 6
expect 'the pages alternate' alternating

title '6. Weights 10 and 20, nine fetches'
must lbctl edit-service -t $SERVICE -s wrr
must lbctl edit-server -t $SERVICE -r $RIP_A -w 10
must lbctl edit-server -t $SERVICE -r $RIP_B -w 20
must lbctl zero
capture_begin || fatal 'tcpdump captures'
fetch 9
# The client's last ACK is on its way when curl ends.
settled()
{
	local now

	now=$(lbctl list -n --stats)
	[ "$now" != "${before-}" ] || return 0
	before=$now
	sleep 0.3
	return 1
}
within 10 settled
capture_end
must lbctl list -n --stats
expect 'three pages of A, six of B' test "$from_a $from_b" = '3 6'
expect 'three connections to A, six to B' \
	test "$(field $RIP_A 3) $(field $RIP_B 3)" = '3 6'
expect "packets and bytes agree with a capture on the director's NIC ($packets, $bytes)" \
	test "$(($(field $RIP_A 4) + $(field $RIP_B 4))) $(($(field $RIP_A 6) + $(field $RIP_B 6)))" \
	= "$packets $bytes"
expect 'the director has seen nothing of the replies' \
	test "$(field $RIP_A 5)$(field $RIP_A 7)$(field $RIP_B 5)$(field $RIP_B 7)" = 0000

title '7. Weight 0 on A, where a connection is open'
within 20 kept_on_a || fatal 'a connection to A is open'
must lbctl edit-server -t $SERVICE -r $RIP_A -w 0
must lbctl zero
fetch 8
expect 'all eight are from B' test "$from_a $from_b" = '0 8'
ask_kept
echo "client: the open connection is asked for the page: $shown"
expect 'the open connection still works, on A' test "$shown" = $RIP_A
must lbctl list -n --stats
expect 'A has had no new connection' test "$(field $RIP_A 3)" = 0

title '8. The connections'
must lbctl list -n -c
expect 'the open one is ESTABLISHED, the others are in FIN_WAIT' \
	test "$(grep -c ESTABLISHED <<<"$shown") $(($(grep -c FIN_WAIT <<<"$shown") > 8))" = '1 1'

title '9. Counters'
must lbctl list --stats
must lbctl list --rate
expect 'rates list the service' test "$(grep -c "$VIP" <<<"$shown")" -ge 1
must lbctl zero
must lbctl list -n --stats
expect 'the counters are 0' \
	test "$(field $RIP_A 3)$(field $RIP_A 4)$(field $RIP_B 3)$(field $RIP_B 4)" = 0000
must lbctl list -n
expect 'configuration and connections are kept' \
	test "$(field $RIP_A 4) $(field $RIP_A 5) $(field $RIP_B 4)" = '0 1 20'

title '10. Take it away again'
must lbctl edit-server -t $SERVICE -r $RIP_A -w 1
must lbctl del-server -t $SERVICE -r $RIP_B
fetch 2
expect 'all from A' test "$from_a $from_b" = '2 0'
must lbctl del-service -t $SERVICE
must lbctl clear
must lbctl list -n
expect 'nothing is left' test "$(grep -c $VIP <<<"$shown")" = 0
drop_kept

title '11. Save, and read back'
must lbctl add-service -t $SERVICE -s wrr
must lbctl add-server -t $SERVICE -r $RIP_A -w 10
must lbctl add-server -t $SERVICE -r $RIP_B -w 20
must lbctl save
saved=$shown
must lbctl clear
lbctl restore <<<"$saved"
must lbctl save
expect 'the second save is the first' test "$shown" = "$saved"

title '12. Another scheduler, a connection being open'
within 20 kept_on_a || fatal 'a connection to A is open'
must lbctl edit-service -t $SERVICE -s rr
fetch 6
expect 'the pages alternate' alternating
ask_kept
echo "client: the open connection is asked for the page: $shown"
expect 'it still works, on A' test "$shown" = $RIP_A
drop_kept

title '13. A third real server, behind a router'
far_up || fatal 'a router and a host behind it'
nginx_up c $RIP_C || fatal 'nginx runs on c'
echo "c# lbctl setup-realserver $VIP --tun ipip"
"$LBCTL" -N c setup-realserver $VIP --tun ipip | sed '/^$/,$d' ||
	fatal 'c can be set up'
echo 'director# ip route add 10.9.0.0/24 via 192.168.1.1'
ip -n director route add 10.9.0.0/24 via 192.168.1.1 || fatal 'c is routed to'
must lbctl add-server -t $SERVICE -r $RIP_C --tun ipip
must lbctl list --tun-info
expect 'two by direct routing, one by a tunnel' \
	test "$(field $RIP_A 3) $(field $RIP_B 3) $(field $RIP_C 3) $(field $RIP_C 4)" \
	= 'Route Route Tunnel ipip'
fetch 6
expect 'the pages are of all three in turn' in_turn
director lbctl doctor
expect 'the doctor finds nothing wrong' \
	test "$(grep -c 'No problems found' <<<"$shown")" = 1
must lbctl del-server -t $SERVICE -r $RIP_C

title "A user's first mistake: the VIP asked for on the director itself"
director curl "$URL"
expect 'refused at once' test $? -ne 0
must lbctl list --drops
expect 'and counted' \
	test "$(awk '$1 == "local-client" { print ($2 > 0) }' <<<"$shown")" = 1

title '14. keepalived drives it'
must lbctl clear
echo 'director# modprobe lbdr_ipvs; keepalived'
insmod "${LBDR_KO%lbdr.ko}lbdr_ipvs.ko" || fatal 'lbdr_ipvs can be loaded'
keepalived_up
within 60 servers_are $RIP_A $RIP_B || fatal "keepalived adds both servers"
must lbctl list -n
fetch 6
expect 'the pages alternate' alternating
echo 'a# nginx -s stop'
kill "$(<"$dir/a.pid")"
within 60 servers_are $RIP_B || fatal 'keepalived removes A'
fetch 4
expect 'all from B' test "$from_a $from_b" = '0 4'
echo 'a# nginx'
rm -r "$dir/a"
nginx_up a $RIP_A || fatal 'nginx runs on a again'
within 60 servers_are $RIP_A $RIP_B || fatal 'keepalived adds A again'
fetch 6
expect 'the pages alternate again' alternating
kill "$keepalived"
wait "$keepalived"
within 10 rmmod lbdr_ipvs || fatal 'lbdr_ipvs can be unloaded'

demo_end
