# SPDX-License-Identifier: GPL-2.0
# The tables of packets.sh, and its JSON; after median.awk.

# What everybody pays, for the same kind of packet.
function base(name) {
	return cost[name ~ /-(tcp|udp6)$/ ? "drop" substr(name, index(name, "-")) : "drop-udp"]
}

function above(name) {
	return cost[name] - base(name)
}

# Of what there is with the queue and without: the ratio is to lbdr in the same way.
function contestant(who, words,    i, to) {
	to = who ~ /_fq$/ ? "lbdr_fq-" : "lbdr-"
	printf "%-28s", words
	for (i = 1; i <= n_kinds; i++)
		printf "%9d  %5.2f   ", above(who "-" kinds[i]),
			above(who "-" kinds[i]) / above(to kinds[i])
	printf "\n"
}

function bystander(who, words,    i, key, added) {
	printf "%-28s", words
	for (i = 1; i <= 2; i++) {
		key = ways[i] "-" who
		added = cost[key] - cost[ways[i] "-nobody"]
		printf "%9d  %5s   ", cost[key], who == "nobody" ? "" : sprintf("%+d", added)
	}
	printf "\n"
}

END {
	if (failed)
		exit 1
	n_kinds = split("udp tcp udp6", kinds, " ")
	split("received forwarded", ways, " ")
	n_who = split("drop lbdr ingress ip_vs forward nft ipip gre gue ip_vs_ipip ip_vs_gre ip_vs_gue lbdr_fq ingress_fq ip_vs_fq forward_fq", who_all, " ")
	for (i = 1; i <= n_who; i++)
		for (j = 1; j <= n_kinds; j++)
			cost[who_all[i] "-" kinds[j]] = median(who_all[i] "-" kinds[j], 0.001)
	n_who = split("nobody lbdr lbdr-1000 lbdr-10000 ingress ip_vs", who_all, " ")
	for (i = 1; i <= n_who; i++)
		for (j = 1; j <= 2; j++)
			cost[ways[j] "-" who_all[i]] = median(ways[j] "-" who_all[i], 0.001)
	cost["drop-after"] = median("drop-after", 0.001)
	moved = cost["drop-after"] - cost["drop-udp"]
	if (moved * moved > (cost["drop-udp"] / 200) ^ 2)
		fail("the drop line moved by " moved " in this run")
	for (j = 1; j <= n_kinds; j++)
		if (above("lbdr-" kinds[j]) <= 0)
			fail("forwarding cannot cost less than dropping")

	printf "Instructions a packet of an established flow, Linux %s, above drop, and to lbdr\n", kernel
	printf "%-28s%9s          %9s          %9s\n", "", "UDP", "TCP", "UDP, IPv6"
	printf "%-28s%9d          %9d          %9d\n", "dropped on arrival, whole",
		cost["drop-udp"], cost["drop-tcp"], cost["drop-udp6"]
	contestant("lbdr", "lbdr, rr")
	contestant("ingress", "lbdr, rr, at ingress")
	contestant("ip_vs", "ip_vs, direct routing, rr")
	contestant("forward", "ip_forward")
	contestant("nft", "nftables at ingress, a hash")
	contestant("ipip", "lbdr, ipip")
	contestant("gre", "lbdr, gre")
	contestant("gue", "lbdr, gue")
	contestant("ip_vs_ipip", "ip_vs, ipip")
	contestant("ip_vs_gre", "ip_vs, gre")
	contestant("ip_vs_gue", "ip_vs, gue")
	printf "with fq_codel at the sink, and to lbdr with it\n"
	contestant("lbdr_fq", "lbdr, rr")
	contestant("ingress_fq", "lbdr, rr, at ingress")
	contestant("ip_vs_fq", "ip_vs, direct routing, rr")
	contestant("forward_fq", "ip_forward")
	printf "\n%-28s%9s  %5s   %9s  %5s\n", "For others, whole", "received", "added",
		"forwarded", "added"
	bystander("nobody", "no balancer")
	bystander("lbdr", "lbdr with a service")
	bystander("lbdr-1000", "lbdr with 1,000 VIPs")
	bystander("lbdr-10000", "lbdr with 10,000 VIPs")
	bystander("ingress", "lbdr at ingress")
	bystander("ip_vs", "ip_vs with a service")

	print_json("instructions a packet")
}
