# SPDX-License-Identifier: GPL-2.0
# The table of connections.sh, and its JSON; after median.awk.

$1 == "fill" { filled = $2 }
$1 == "grow" { grown = $2 }
$1 == "cost" && $2 ~ /^(lbdr|ip_vs)$/ {
	if (!($3 in known)) {
		known[$3] = 1
		schedulers[++n_schedulers] = $3
	}
	if (!($4 in sizes)) {
		sizes[$4] = 1
		size[++n_sizes] = $4
	}
}
$1 == "lacks" { lacks[$2, $3] = 1 }

function base(name,    words) {
	split(name, words, " ")
	if (name ~ /^syn-/)
		return cost["life-drop syn"]
	return name ~ /^life-/ ? cost["life-drop " words[2]] : drop
}

function of(contestant, scheduler, servers,    name) {
	if ((contestant, scheduler) in lacks)
		return ""
	name = contestant " " scheduler " " servers
	cost[name] = median(name, 0.02)
	return cost[name] - drop
}

function growing(contestant,    name) {
	name = "grow-" contestant " " size[1]
	cost[name] = median(name, 0.1)
	return cost[name] - drop
}

END {
	if (failed)
		exit 1
	drop = cost["drop - 0"] = median("drop - 0", 0.01)
	printf "Instructions a new connection, Linux %s, above drop, beside %d to %d others\n",
		kernel, filled, filled + n["drop - 0"] * packets
	printf "%-10s %27s   %27s   %17s\n", "", "lbdr", "ip_vs", "ip_vs to lbdr"
	printf "%-10s", "servers"
	for (k = 1; k <= 3; k++) {
		for (j = 1; j <= n_sizes; j++)
			printf (k < 3 ? " %8d" : " %5d"), size[j]
		printf "  "
	}
	printf "\n"
	for (i = 1; i <= n_schedulers; i++) {
		line = ratios = ""
		for (j = 1; j <= n_sizes; j++)
			line = line sprintf(" %8d", own[j] = of("lbdr", schedulers[i], size[j]))
		line = line "  "
		for (j = 1; j <= n_sizes; j++) {
			other = of("ip_vs", schedulers[i], size[j])
			line = line sprintf(" %8s", other == "" ? "-" : other)
			ratios = ratios sprintf(" %5s", other == "" ? "-" : sprintf("%.2f", other / own[j]))
		}
		printf "%-10s%s  %s\n", schedulers[i], line, ratios
	}
	printf "\nFrom none to %d, rr, %d servers: lbdr %d, ip_vs %d\n", grown, size[1],
		growing("lbdr"), growing("ip_vs")

	n_steps = split("syn ack data fin", steps, " ")
	n_who = split("drop lbdr ip_vs", who_all, " ")
	for (i = 1; i <= n_who; i++)
		for (j = 1; j <= n_steps; j++)
			cost["life-" who_all[i] " " steps[j]] = median("life-" who_all[i] " " steps[j], 0.02)
	printf "\nOf a TCP connection, rr, %d servers, above drop\n%-10s", size[1], ""
	for (j = 1; j <= n_steps; j++)
		printf " %8s", steps[j]
	printf " %8s\n", "sum"
	for (i = 2; i <= n_who; i++) {
		printf "%-10s", who_all[i]
		for (j = 1; j <= n_steps; j++) {
			name = "life-" who_all[i] " " steps[j]
			printf " %8d", cost[name] - base(name)
			sum[i] += cost[name] - base(name)
		}
		printf " %8d\n", sum[i]
	}
	printf "%-10s %44.2f\n", "ratio", sum[3] / sum[2]
	split("wlc mh", others, " ")
	for (i = 1; i <= 2; i++) {
		printf "%s%s:", (i == 1 ? "syn with " : "; "), others[i]
		for (j = 2; j <= n_who; j++) {
			name = "syn-" who_all[j] " " others[i]
			cost[name] = median(name, 0.02)
			above[j] = cost[name] - base(name)
			printf " %s %d", who_all[j], above[j]
		}
		printf ", %.2f", above[3] / above[2]
	}
	printf "\n"
	print_json("instructions a packet")
}
