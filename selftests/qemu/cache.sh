# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=bash
# Sourced by the scripts beside it: where things are kept, and how a thing in
# the cache is made so that an interrupted run never leaves a half one behind.
#
# The cache lies outside the checkout ($LBDR_CACHE, else $XDG_CACHE_HOME/lbdr,
# else ~/.cache/lbdr). Each thing in it is a directory named after a hash of its
# recipe; a changed recipe makes a new one and removes the old.

QEMU_DIR=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd) || exit 1
# shellcheck disable=SC2034 # for those who source this
TOP=${QEMU_DIR%/selftests/qemu}
CACHE=${LBDR_CACHE:-${XDG_CACHE_HOME:-${HOME:-/root}/.cache}/lbdr}

# What apt said about the host's own Debian is where the rest comes from too.
export DEBIAN_FRONTEND=noninteractive
export LC_ALL=C.UTF-8

say()
{
	echo "== $*" >&2
}

die()
{
	echo "${0##*/}: $*" >&2
	exit 1
}

# hash_of TEXT...: a short name for a recipe.
hash_of()
{
	printf '%s\n' "$@" | sha256sum | cut -c1-12
}

# cached KIND NAME MAKER...: print the path of $CACHE/KIND/NAME, which MAKER DIR
# fills where it is not there yet. One maker at a time; whoever waited uses what
# the other has made. Names are FAMILY-HASH; other hashes of a family go when
# nobody asked for them for a week.
cached()
{
	local kind=$1 dir=$CACHE/$1/$2 family=${2%-*}
	shift 2

	if [ ! -e "$dir" ]; then
		mkdir -p "$CACHE/$kind" || return 1
		(
			flock 9
			[ ! -e "$dir" ] || exit 0
			# Left by an interrupted run.
			rm -rf --one-file-system "$CACHE/$kind/.new-$family".*
			new=$(mktemp -d "$CACHE/$kind/.new-$family.XXXXXX") &&
				chmod 755 "$new" || exit 1
			"$@" "$new" >&2 9>&- || exit 1
			find "$CACHE/$kind" -mindepth 1 -maxdepth 1 -mtime +7 \
				-name "$family-*" -print0 |
				xargs -0r rm -rf --one-file-system
			mv "$new" "$dir"
		) 9>"$CACHE/$kind/.lock-$family" || return 1
	fi
	touch -c "$dir"
	echo "$dir"
}

# mirror SUFFIX: the address from which the host's own apt takes its release
# ("") or the security updates of it ("-security").
mirror()
{
	local host

	# shellcheck source=/dev/null
	host=$(. /etc/os-release && echo "${VERSION_CODENAME:-}")
	# shellcheck disable=SC2016 # apt's own variables
	apt-get indextargets --format '$(RELEASE) $(CODENAME) $(REPO_URI)' \
		'Created-By: Packages' 'Component: main' |
		awk -v suite="$host$1" -v alias="stable$1" \
			'$1 == suite || $2 == suite || $1 == alias { print $NF; exit }'
}

# sources SUITE: apt's source lines for a root of SUITE.
sources()
{
	local main security suite=$1

	main=$(mirror '')
	security=$(mirror -security)
	[ -n "$main" ] || die "apt on this machine knows no Debian mirror"
	echo "deb $main $suite main"
	echo "deb $main $suite-updates main"
	[ -z "$security" ] || echo "deb $security $suite-security main"
	[ "$suite" != trixie ] || echo "deb $main trixie-backports main"
}
