# SPDX-License-Identifier: GPL-2.0
# The table of tunnels.sh, and its JSON; after median.awk.

$1 == "servers" { servers = $2 }

function base(name,    words) {
	split(name, words, " ")
	return cost["drop " words[2]]
}

function above(name) {
	return cost[name] - base(name)
}

END {
	if (failed)
		exit 1
	for (i = 1; i <= names; i++)
		cost[order[i]] = median(order[i], 0.75)
	n_methods = split("dr ipip gre gue", methods, " ")
	n_columns = split("1 1000 1-6", columns, " ")
	split("1 flow,1000 flows,1 flow IPv6", heads, ",")
	for (i = 1; i <= n_methods; i++)
		for (j = 1; j <= n_columns; j++) {
			if (!(("lbdr-" methods[i] " " columns[j]) in n) ||
			    !(("ip_vs-" methods[i] " " columns[j]) in n))
				fail("no figure for " methods[i] " " columns[j])
			if (above("lbdr-" methods[i] " " columns[j]) <= 0)
				fail("forwarding cannot cost less than dropping")
		}

	printf "Nanoseconds a packet above drop by method, User-Mode Linux %s, %d servers\n",
		kernel, servers
	printf "%-10s", ""
	for (j = 1; j <= n_columns; j++)
		printf "%24s", heads[j]
	printf "\n%-10s", ""
	for (j = 1; j <= n_columns; j++)
		printf "%8s%8s%8s", "lbdr", "ip_vs", "ratio"
	printf "\n"
	for (i = 1; i <= n_methods; i++) {
		printf "%-10s", methods[i]
		for (j = 1; j <= n_columns; j++) {
			own = above("lbdr-" methods[i] " " columns[j])
			other = above("ip_vs-" methods[i] " " columns[j])
			printf "%8d%8d%8.2f", own, other, other / own
		}
		printf "\n"
	}
	print_json("nanoseconds a packet")
}
