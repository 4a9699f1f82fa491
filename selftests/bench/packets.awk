# SPDX-License-Identifier: GPL-2.0
# The table of packets.sh, and its JSON; after median.awk.

function contestant(name, words,    above) {
	above = cost[name] - cost["drop"]
	printf "%-34s %8d %12d %10s\n", words, cost[name], above,
		above ? sprintf("%.2f", above / (cost["lbdr"] - cost["drop"])) : "-"
}

function bystander(way, name, words,    key) {
	key = way "-" name
	printf "%-34s %8d %12s\n", words, cost[key],
		name == "nobody" ? "-" : sprintf("+%d", cost[key] - cost[way "-nobody"])
}

END {
	if (failed)
		exit 1
	split("drop lbdr ip_vs drop-after received-nobody received-lbdr " \
	      "received-ip_vs forwarded-nobody forwarded-lbdr forwarded-ip_vs",
	      wanted, " ")
	for (i = 1; i in wanted; i++)
		cost[wanted[i]] = median(wanted[i], 0.001)
	moved = cost["drop-after"] - cost["drop"]
	if (moved * moved > (cost["drop"] / 200) ^ 2)
		fail("the drop line moved by " moved " in this run")
	if (cost["lbdr"] <= cost["drop"])
		fail("forwarding cannot cost less than dropping")

	printf "Instructions a packet, Linux %s, one established UDP flow\n", kernel
	printf "%-34s %8s %12s %10s\n", "", "whole", "above drop", "to lbdr"
	contestant("drop", "dropped on arrival")
	contestant("lbdr", "lbdr, rr")
	contestant("ip_vs", "ip_vs, direct routing, rr")
	contestant("forwarded-nobody", "ip_forward")
	printf "\n%-34s %8s %12s\n", "For others", "whole", "added"
	bystander("received", "nobody", "received, no balancer")
	bystander("received", "lbdr", "received, lbdr with a service")
	bystander("received", "ip_vs", "received, ip_vs with a service")
	bystander("forwarded", "nobody", "forwarded, no balancer")
	bystander("forwarded", "lbdr", "forwarded, lbdr with a service")
	bystander("forwarded", "ip_vs", "forwarded, ip_vs with a service")

	drop = cost["drop"]
	print_json()
}
