# SPDX-License-Identifier: GPL-2.0
# The table of latency.sh, and its JSON; after median.awk. Its lines are `latency
# OPERATION WHAT FIGURE UNIT [COMMAND]`, and `latency - SENTENCE`.

# There is no drop line here.
function base(name) {
	return 0
}

$1 == "latency" && $2 == "-" {
	about = substr($0, 11)
	next
}

$1 == "latency" {
	if (!($2 in seen)) {
		seen[$2] = 1
		operations[++total] = $2
	}
	figure[$2, $3] = $4
	if ($3 == "lock-hold")
		holder[$2] = $6
	parts[$2] = parts[$2] sprintf("%s\"%s\": %s", parts[$2] == "" ? "" : ", ", $3,
		$4 == "-" ? "null" : $4)
}

# Milliseconds, and above quiet.
function ms(operation, what) {
	return sprintf("%8.1f %+8.1f", figure[operation, what] / 1000,
		(figure[operation, what] - figure["quiet", what]) / 1000)
}

END {
	if (!total || !("quiet" in seen))
		fail("latency.sh has said nothing")
	printf "Longest waits during configuration, ms (and above quiet), %s\n", about
	printf "%-14s %7s %5s %17s %17s %17s %17s %17s  %s\n", "operation", "seconds",
		"tries", "get a service", "link add", "link add, del", "in same namespace",
		"wake-up",
		"longest hold of the lock"
	for (i = 1; i <= total; i++) {
		o = operations[i]
		hold = "not available"
		if (figure[o, "lock-hold"] != "-")
			hold = sprintf("%.1f ms, %s", figure[o, "lock-hold"] / 1000, holder[o])
		printf "%-14s %7.1f %5d %s %s %s %s %s  %s\n", o, figure[o, "seconds"] / 1000,
			figure[o, "link-tries"], ms(o, "get-worst"), ms(o, "add-worst"),
			ms(o, "link-worst"), ms(o, "here-worst"), ms(o, "wake-worst"), hold
		json_text = json_text sprintf("%s\n  \"%s\": {%s}", i > 1 ? "," : "", o, parts[o])
	}
	printf "{\"unit\": \"us\", \"kernel\": \"%s\", \"operations\": {%s}}\n", kernel,
		json_text >json
}
