# SPDX-License-Identifier: GPL-2.0
# The middle of a measurement's runs; for the tables of packets.awk, connections.awk
# and native.awk, which are given lines `cost NAME... COST`. They have a function
# base(NAME): what everybody would have paid.

function fail(why) {
	print "bench: " why >"/dev/stderr"
	failed = 1
	exit 1
}

# The middle one of the runs, and most of them must be within so much of it.
function median(name, within,    i, j, t, v, middle, agree) {
	if (n[name] < 3)
		fail("too few runs of " name)
	for (i = 1; i <= n[name]; i++)
		v[i] = run[name, i]
	for (i = 1; i <= n[name]; i++)
		for (j = i + 1; j <= n[name]; j++)
			if (v[j] < v[i]) {
				t = v[i]
				v[i] = v[j]
				v[j] = t
			}
	middle = v[int((n[name] + 1) / 2)]
	for (i = 1; i <= n[name]; i++)
		agree += (v[i] - middle) ^ 2 <= (middle * within) ^ 2
	if (agree <= n[name] / 2)
		fail("the runs of " name " do not agree")
	return middle
}

# "NAME": {"median": M, "above_drop": M, "runs": [...]}, in the order of the runs.
# `packets` is empty where their number varies.
function print_json(unit,    i, j, name) {
	printf "{\"unit\": \"%s\", \"kernel\": \"%s\", ", unit, kernel >json
	if (packets)
		printf "\"packets_a_run\": %d, ", packets >json
	printf "\"costs\": {" >json
	for (i = 1; i <= names; i++) {
		name = order[i]
		printf "%s\n  \"%s\": {\"median\": %d, \"above_drop\": %d, " \
		       "\"runs\": [", (i > 1 ? "," : ""), name, cost[name],
		       cost[name] - base(name) >json
		for (j = 1; j <= n[name]; j++)
			printf "%s%d", (j > 1 ? ", " : ""), run[name, j] >json
		printf "]}" >json
	}
	printf "\n}}" >json
}

$1 == "kernel" { kernel = $2 }
$1 == "packets" { packets = $2 }
$1 == "cost" {
	name = $2
	for (i = 3; i < NF; i++)
		name = name " " $i
	if (!(name in n))
		order[++names] = name
	run[name, ++n[name]] = $NF
}
