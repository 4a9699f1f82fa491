# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=bash
# Sourced by ../native/build and ../coverage/build, with $kind, and $here, their directory: a
# User-Mode Linux as the one beside this file, from the same source and by the same
# compiler, but with their own `config` in place of what looks for faults.
#
#   build kdir      the build directory for modules, made if need be; in it
#                   `linux` is the kernel, `installed/` holds its own modules
#   build release   the kernel's release

# shellcheck source=selftests/qemu/cache.sh
. "${here:?}/../qemu/cache.sh"
# shellcheck source=selftests/qemu/source.sh
. "$QEMU_DIR/source.sh"

own=$here/config
# The machine, the network, and what a Debian user space expects.
shared=$here/../uml/config
# UML with two CPUs turns interrupts off and on by a system call each, so that
# whoever counts with this_cpu_inc() or takes a lock with interrupts off, as ip_vs
# and the stack do and lbdr does not, would pay 350 ns for it every time. Here it
# takes note of what comes meanwhile, as it does of its other interrupts.
patch=$here/../uml/interrupts.patch

# fragments: UML's but for its checkers, and our own.
fragments()
{
	sed '/^# What a splat needs/,/^$/d' "$shared" "$own" | grep '^CONFIG_'
}

# make_kernel DIR
make_kernel()
{
	local dir=$1

	mkdir "$dir/source" "$dir/linux" || return 1
	fragments >"$dir/config"
	fetch "$dir/source" &&
		unpack "$dir"/source/linux-source-*.deb "$dir/linux" &&
		patch -s -d "$dir/linux" -p1 <"$patch" &&
		configure "$dir/linux" um "$dir/config" &&
		compile "$dir/linux" um linux &&
		trim "$dir/linux" && rm -rf "$dir/source"
}

kernel=$(cached "${kind:?}" "linux-$(hash_of "$(fragments)" "$(cat "$patch")" "$(gcc -dumpfullversion)" \
	"${unwanted[@]}" "$(declare -f fetch unpack configure compile trim)")" \
	make_kernel)/linux || exit 1

case ${1-} in
kdir) echo "$kernel" ;;
release) cat "$kernel/include/config/kernel.release" ;;
*)
	echo "usage: ${0##*/} kdir|release" >&2
	exit 2
	;;
esac
