# SPDX-License-Identifier: GPL-2.0
# The table of xdp.py, and its JSON; after median.awk.

# What everybody pays, for the same kind of packet.
function base(name) {
	return cost[name ~ /-udp6$/ ? "drop-udp6" : "drop-udp"]
}

function row(who, words,    i, name) {
	printf "%-40s", words
	for (i = 1; i <= n_kinds; i++) {
		name = who "-" kinds[i]
		printf "%7d %7d  %5.2f   ", cost[name], cost[name] - base(name),
			(cost[name] - base(name)) / (cost["lbdr-" kinds[i]] - base(name))
	}
	printf "\n"
}

END {
	if (failed)
		exit 1
	n_kinds = split("udp udp6", kinds, " ")
	for (i = 1; i <= names; i++)
		cost[order[i]] = median(order[i], 0.002)
	for (i = 1; i <= n_kinds; i++) {
		moved = cost["drop_after-" kinds[i]] - cost["drop-" kinds[i]]
		if (moved * moved > (cost["drop-" kinds[i]] / 100) ^ 2)
			fail("the drop line moved by " moved " in this run")
	}
	printf "Instructions a frame of an established flow, Linux %s: whole, above XDP_DROP, and to the entry xdp\n", kernel
	printf "%-40s%7s                   %7s\n", "", "UDP", "UDP, IPv6"
	row("drop", "XDP_DROP")
	row("tx", "XDP_TX with the MACs exchanged")
	row("redirect", "XDP_REDIRECT to the same device, the same")
	row("lbdr", "lbdr, entry xdp")
	row("ingress_gen0", "lbdr, entry ingress")
	row("prerouting_gen0", "lbdr, entry prerouting")
	row("ip_vs_gen0", "ip_vs")
	printf "to a sink that takes no frames, but skbs for nothing\n"
	row("ingress_out0", "lbdr, entry ingress")
	row("prerouting_out0", "lbdr, entry prerouting")
	row("ip_vs_out0", "ip_vs")
	printf "for another MAC\n"
	row("others", "no program")
	row("others_lbdr", "lbdr, entry xdp")

	print_json("instructions a frame")
}
