# SPDX-License-Identifier: GPL-2.0
# The table of config.sh, and its JSON; after median.awk. Its lines are `config WHAT:
# SECONDS s` and `config memory of a WHAT: BYTES bytes...`.

# There is no drop line here.
function base(name) {
	return 0
}

$1 == "config" {
	line = substr($0, 8)
	colon = index(line, ": ")
	if (!colon) {
		about = line
		next
	}
	what = substr(line, 1, colon - 1)
	split(substr(line, colon + 2), words, " ")
	table = table sprintf("%-36s %s\n", what, substr(line, colon + 2))
	parts = parts sprintf("%s\n  \"%s\": {\"figure\": %s, \"unit\": \"%s\"}",
		parts == "" ? "" : ",", what, words[1], words[2] ~ /^bytes/ ? "bytes" : "s")
}

END {
	if (parts == "" || about == "")
		fail("config.sh has said nothing")
	printf "Configuration, %s\n%s", about, table
	printf "{%s\n}", parts >json
}
