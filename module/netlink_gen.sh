#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# Generate what follows from Documentation/netlink/specs/lbdr.yaml by YNL, the
# kernel's generator: include/uapi/linux/lbdr.h, module/netlink_gen.h and
# module/netlink_gen.c (attribute policies, table of operations, family).
#
#   netlink_gen.sh [KDIR]          write the three files
#   netlink_gen.sh --check [KDIR]  compare them with what the spec gives
#
# KDIR is the source of a kernel. Without it, the one that the tests use.
#
# YNL writes for its own kernel. These changes make one source that builds for
# Linux 6.1 as well:
#
# - struct genl_split_ops came with 6.2. The do and the dump of a command become
#   one struct genl_ops. A dump without attributes gets the policy of the do, and
#   its handler rejects them.
# - A command without attributes gets a policy that rejects every attribute.
#   Without a policy the kernel ignores attributes.
# - A range is const since 6.7.
# - NLA_POLICY_MAX_LEN came with 6.7, and CTRL_CMD_GETPOLICY does not report its
#   bound. It does report .len.
# - YNL gives a string of which there may be several no NUL. We read device names
#   as strings, so they must have one.

set -u
cd "$(dirname "$0")/.." || exit 1

# The generator that made the committed files: Linux 7.3.
pinned=9ecddaeb7eb9b3182c0b7733af4835f6

spec=Documentation/netlink/specs/lbdr.yaml
files=(include/uapi/linux/lbdr.h module/netlink_gen.h module/netlink_gen.c)

# ynl MODE --header|--source OUT: the schema must lie one directory above specs/,
# and YNL looks for a MAINTAINERS file above that.
ynl()
{
	/usr/bin/python3 "$kdir/tools/net/ynl/pyynl/ynl_gen_c.py" --mode "$1" \
		"$2" --spec "$tmp/$spec" -o "$tmp/$3"
}

hint()
{
	sed 's|^\(/\* To regenerate run: \).*|\1module/netlink_gen.sh */|'
}

# The fields of a command's entries go to one entry each. An entry of
# genl_split_ops has its fields one on a line.
adapt()
{
	awk '
	function fail(why) {
		print "netlink_gen.sh: " why " at: " $0 >"/dev/stderr"
		exit 1
	}
	function field(name) {
		if (name in op)
			printf "\t\t.%s\t%s= %s,\n", name,
				length(name) < 7 ? "\t" : "", op[name]
	}
	function entry() {
		if (!("cmd" in op))
			return
		if (!("policy" in op)) {
			op["policy"] = "lbdr_nl_no_attrs_policy"
			op["maxattr"] = "ARRAY_SIZE(lbdr_nl_no_attrs_policy) - 1"
		}
		print "\t{"
		for (i = 1; i <= n; i++)
			field(order[i])
		print "\t},"
		delete op
	}
	BEGIN {
		n = split("cmd doit start dumpit done policy maxattr flags",
			  order)
		for (i = 1; i <= n; i++)
			known[order[i]]
	}
	/^static const struct netlink_range_validation / {
		sub("const ", "")
		sub(" =", " __ro_after_init =")
	}
	/^static const struct genl_split_ops / {
		print "/* Commands without attributes */"
		print "static const struct nla_policy lbdr_nl_no_attrs_policy[] = {"
		print "\t[1] = { .type = NLA_REJECT, },"
		print "};\n"
		sub("genl_split_ops", "genl_ops")
		table = 1
		print
		next
	}
	table && /^};/ {
		entry()
		table = 0
	}
	table && /^\t\t\./ {
		name = $1
		sub(/^\./, "", name)
		value = $0
		sub(/^[^=]*= /, "", value)
		sub(/,$/, "", value)
		if (!(name in known))
			fail("no such field in struct genl_ops")
		if (name == "cmd" && ("cmd" in op) && op["cmd"] != value)
			entry()
		if (name == "flags") {
			gsub(/( \| )?GENL_CMD_CAP_(DO|DUMP)/, "", value)
			if (value == "")
				next
		}
		if (name == "policy" && ("policy" in op))
			fail("two policies of one command")
		op[name] = value
		next
	}
	table {
		next
	}
	/^\t\[.* = / && length($0) > 73 {
		sub(" = ", " =\n\t\t")
	}
	{
		gsub(/NLA_STRING/, "NLA_NUL_STRING")
		if (sub(/NLA_POLICY_MAX_LEN\(/, "{ .type = NLA_BINARY, .len = "))
			sub(/\),$/, ", },")
		sub(/split_ops\t=/, "ops\t\t=")
		sub(/n_split_ops\t=/, "n_ops\t\t=")
		sub("<uapi/linux/lbdr.h>", "<linux/lbdr.h>")
		print
	}'
}

generate()
{
	mkdir -p "$tmp/${spec%/*}" "$tmp/include/uapi/linux" "$tmp/module" &&
		: >"$tmp/MAINTAINERS" &&
		cp "$kdir"/Documentation/netlink/*.yaml \
			"$tmp/Documentation/netlink" &&
		cp "$spec" "$tmp/$spec" &&
		ynl uapi --header include/uapi/linux/lbdr.h &&
		ynl kernel --header module/netlink_gen.h &&
		ynl kernel --source module/netlink_gen.c || return 1

	set -o pipefail
	for file in "${files[@]}"; do
		hint <"$tmp/$file" | adapt >"$tmp/new" &&
			mv "$tmp/new" "$tmp/$file" || return 1
	done
}

check=
if [ "${1-}" = --check ]; then
	check=1
	shift
fi
kdir=${1-$(selftests/uml/build kdir)} || exit 1
tmp=$(mktemp -d) || exit 1
trap 'rm -rf "$tmp"' EXIT

found=$(cd "$kdir/tools/net/ynl/pyynl" && cat ynl_gen_c.py lib/*.py |
	sha256sum | cut -c-32)
other=
[ "$found" = "$pinned" ] || other=1
generate || exit 1

status=0
for file in "${files[@]}"; do
	if [ -z "$check" ]; then
		cp "$tmp/$file" "$file" || status=1
	else
		diff -u "$file" "$tmp/$file" || status=1
	fi
done
if [ -n "$other" ] && [ "$status" = 0 ] && [ -n "$check" ]; then
	echo "note: YNL in $kdir is not the pinned release; its result is the same" >&2
elif [ -n "$other" ]; then
	echo "YNL in $kdir is not the pinned release, and may give another result." >&2
	echo "fix: review the difference, then set pinned=$found in ${0##*/}" >&2
fi
exit "$status"
