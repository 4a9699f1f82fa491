#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# The packages that the host needs, in one place: `deps.sh check|demo|bench`
# installs what is missing (as root, after saying so) or names it and stops.
set -u

guests=(mmdebstrap debian-archive-keyring qemu-system-x86 e2fsprogs rsync
	kmod xz-utils make gcc libc6-dev)
uml=(patch flex bison bc perl libelf-dev)
tool=(valgrind pkg-config libmnl-dev libjansson-dev)
plots=(gnuplot-nox)
style=(shellcheck yamllint codespell python3 python3-yaml python3-jsonschema)

# The first release of the keyring that knows the keys of trixie.
keyring=2023.3+deb12u2

# have PACKAGE: installed, and the keyring young enough.
have()
{
	local version

	# shellcheck disable=SC2016 # dpkg-query's own variables
	version=$(dpkg-query -W -f '${db:Status-Status} ${Version}' "$1" 2>/dev/null)
	case $version in
	"installed "*) ;;
	*) return 1 ;;
	esac
	[ "$1" != debian-archive-keyring ] ||
		dpkg --compare-versions "${version#installed }" ge "$keyring"
}

case ${1-} in
check) wanted=("${guests[@]}" "${uml[@]}" "${style[@]}" "${tool[@]}") ;;
demo) wanted=("${guests[@]}") ;;
bench) wanted=("${guests[@]}" "${uml[@]}" "${plots[@]}") ;;
*)
	echo "usage: ${0##*/} check|demo|bench" >&2
	exit 2
	;;
esac

missing=()
for package in "${wanted[@]}"; do
	have "$package" || missing+=("$package")
done

if [ "$(id -u)" -ne 0 ]; then
	[ ${#missing[@]} -eq 0 ] ||
		echo "These packages are missing: ${missing[*]}" >&2
	echo 'This makes build roots and runs virtual machines: run it as root.' >&2
	exit 1
fi
[ ${#missing[@]} -ne 0 ] || exit 0

echo "Installing with apt: ${missing[*]}"
export DEBIAN_FRONTEND=noninteractive
log=$(mktemp) || exit 1
trap 'rm -f "$log"' EXIT
if ! { apt-get -q update && apt-get -qy --no-install-recommends install \
	"${missing[@]}"; } >"$log" 2>&1 </dev/null; then
	cat "$log" >&2
	exit 1
fi
