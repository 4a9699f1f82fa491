# SPDX-License-Identifier: GPL-2.0
# The table of scale.sh, and its JSON; after median.awk. Its lines are `scale WHAT
# FIGURE UNIT`.

# There is no drop line here.
function base(name) {
	return 0
}

$1 == "scale" {
	what = $2
	gsub("-", " ", what)
	table = table sprintf("%-36s %9d %s\n", what, $3, $4)
	parts = parts sprintf("%s\n  \"%s\": {\"figure\": %d, \"unit\": \"%s\"}",
		parts == "" ? "" : ",", $2, $3, $4)
}

END {
	if (parts == "")
		fail("scale.sh has said nothing")
	printf "At scale, Linux %s\n%s", kernel, table
	printf "{%s\n}", parts >json
}
