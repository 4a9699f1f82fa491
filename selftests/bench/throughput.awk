# SPDX-License-Identifier: GPL-2.0
# The table of throughput.sh, and its JSON; after median.awk.

$1 == "throughput" {
	if (!($2 in n))
		order[++names] = $2
	run[$2, ++n[$2]] = $3
}

# Whoever else is on the host takes part, so that runs need not agree, and their range is
# told. There is no drop line here.
function base(name) {
	return 0
}

END {
	if (failed)
		exit 1
	if (names != 3)
		fail("not three contestants")
	printf "Gigabits a second, one TCP connection of iperf3, Linux %s\n%-28s %6s %16s\n",
		kernel, "", "median", "lowest, highest"
	for (i = 1; i <= names; i++) {
		name = order[i]
		cost[name] = median(name, 1000)
		low = high = run[name, 1]
		for (j = 2; j <= n[name]; j++) {
			low = run[name, j] < low ? run[name, j] : low
			high = run[name, j] > high ? run[name, j] : high
		}
		printf "%-28s %6.2f %8.2f %7.2f\n", name, cost[name] / 1000, low / 1000, high / 1000
	}
	print_json("megabits a second")
}
