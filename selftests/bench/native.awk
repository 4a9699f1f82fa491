# SPDX-License-Identifier: GPL-2.0
# The tables of native.sh, its JSON, and the data of its plot; after median.awk.

$1 == "residents" { residents = $2 }
$1 == "newcomers" { newcomers = $2 }
$1 == "servers" { servers = $2 }
$1 == "cost" && !($3 in known) {
	known[$3] = 1
	if ($3 ~ /^[0-9]+$/)
		sizes[++n_sizes] = $3
}

function base(name,    words) {
	split(name, words, " ")
	return cost["drop " words[2]]
}

# Half of the runs are nearer to the median than this, in percent.
function spread(name,    i, j, t, d) {
	for (i = 1; i <= n[name]; i++) {
		d[i] = run[name, i] - cost[name]
		d[i] = d[i] < 0 ? -d[i] : d[i]
	}
	for (i = 1; i <= n[name]; i++)
		for (j = i + 1; j <= n[name]; j++)
			if (d[j] < d[i]) {
				t = d[i]
				d[i] = d[j]
				d[j] = t
			}
	return 100 * d[int((n[name] + 1) / 2)] / cost[name]
}

function cell(name) {
	return sprintf(" %8d %3.0f%%", cost[name], spread(name))
}

function ratio(name, own) {
	return sprintf("%.2f", (cost[name] - base(name)) / (cost[own] - base(own)))
}

function costs(contestant, words,    j) {
	printf "%-28s", words
	for (j = 1; j <= n_columns; j++)
		printf "%s", cell(contestant " " columns[j])
	printf "\n"
}

function ratios(contestant, words,    j) {
	printf "%-28s", words
	for (j = 1; j <= n_columns; j++)
		printf "%9s%s", ratio(contestant " " columns[j], "lbdr " columns[j]),
			j < n_columns ? "     " : "\n"
}

function head(words,    j) {
	printf "%-28s", words
	for (j = 1; j <= n_columns; j++)
		printf "%9s%s", columns[j] == "1-6" ? "1, IPv6" : columns[j],
			j < n_columns ? "     " : "\n"
}

# A block for each contestant: flows, median, lowest, highest.
function plot_data(contestant, words,    i, j, name, low, high) {
	printf "%s\"%s\"\n", blocks++ ? "\n\n" : "", words >data
	for (j = 1; j <= n_sizes; j++) {
		name = contestant " " sizes[j]
		low = high = run[name, 1]
		for (i = 2; i <= n[name]; i++) {
			low = run[name, i] < low ? run[name, i] : low
			high = run[name, i] > high ? run[name, i] : high
		}
		print sizes[j], cost[name], low, high >data
	}
}

END {
	if (failed)
		exit 1
	for (i = 1; i <= names; i++)
		cost[order[i]] = median(order[i], 0.75)
	for (i = 1; i <= n_sizes; i++)
		columns[i] = sizes[i]
	columns[n_columns = n_sizes + 1] = "1-6"

	n_rows = split("drop lbdr ip_vs ip_vs-20 forward nft", rows, " ")
	words["drop"] = "dropped on arrival"
	words["lbdr"] = "lbdr, rr"
	words["ip_vs"] = "ip_vs, rr"
	words["ip_vs-20"] = "ip_vs-20, rr"
	words["forward"] = "ip_forward"
	words["nft"] = "nftables at ingress, a hash"
	for (i = 1; i <= n_rows; i++)
		for (j = 1; j <= n_columns; j++)
			if (!((rows[i] " " columns[j]) in n))
				fail("no figure for " rows[i] " " columns[j])
	for (j = 1; j <= n_columns; j++)
		if (cost["lbdr " columns[j]] <= cost["drop " columns[j]])
			fail("forwarding cannot cost less than dropping")

	printf "Nanoseconds a packet, User-Mode Linux %s; median, and within what half of the runs are\n",
		kernel
	printf "UDP flows in random order, %d servers; ip_vs-20 was loaded with conn_tab_bits=20\n",
		servers
	head("flows")
	for (i = 1; i <= n_rows; i++)
		costs(rows[i], words[rows[i]])
	printf "\n"
	head("To lbdr, above drop")
	for (i = 2; i <= n_rows; i++)
		ratios(rows[i], words[rows[i]])

	printf "\nNanoseconds a new connection, whole, beside %d to %d others\n",
		residents, residents + newcomers
	printf "%-28s%s\n", words["drop"], cell("drop new")
	printf "%-28s %8s      %8s      %8s      %s\n", "scheduler", "lbdr", "ip_vs",
		"ip_vs-20", "to lbdr, above drop"
	n_schedulers = split("rr wlc mh", schedulers, " ")
	for (i = 1; i <= n_schedulers; i++) {
		s = schedulers[i] " new"
		printf "%-28s%s%s%s %9s %9s\n", schedulers[i], cell("lbdr-" s),
			cell("ip_vs-" s), cell("ip_vs-20-" s),
			ratio("ip_vs-" s, "lbdr-" s), ratio("ip_vs-20-" s, "lbdr-" s)
	}
	for (i = 1; i <= n_rows; i++)
		plot_data(rows[i], words[rows[i]])
	print_json("nanoseconds a packet")
}
