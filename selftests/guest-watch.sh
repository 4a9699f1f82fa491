# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=bash
# Sourced by the runners in the guest: tells whether the kernel is still sound
# and the system clean after a test, and why not.
#
# The kernel's log is followed into a file, since its ring may wrap in a test. A
# line that the runner puts into the log marks where each test's part begins.

# shellcheck source=selftests/qemu/splats.sh
. qemu/splats.sh

klog=/run/klog
kmemleak=/sys/kernel/debug/kmemleak

# What our module may taint with: O, out of tree, and E, unsigned.
allowed_taint=$((1 << 12 | 1 << 13))

# Not later: a test's pipe must not come with it.
dmesg -w >"$klog" &

# poll SECONDS COMMAND...: until it succeeds.
poll()
{
	local deadline=$((SECONDS + $1))
	shift

	until "$@"; do
		[ "$SECONDS" -le "$deadline" ] || return 1
		sleep 0.1
	done
}

# mark TEXT: a line into the log; waits until the file has it.
mark()
{
	echo "selftests: $1" >/dev/kmsg
	poll 20 grep -qF "selftests: $1" "$klog"
}

# list_processes: into $processes. Kernel threads and zombies have no exe. Forks
# nothing, so as not to meet itself.
list_processes()
{
	local dir

	processes=()
	for dir in /proc/[0-9]*; do
		[ ! -e "$dir/exe" ] || processes+=("${dir#/proc/}")
	done
}

# no_strangers: no process that was not there at watch_begin; else $strangers.
no_strangers()
{
	local pid

	strangers=()
	list_processes
	for pid in "${processes[@]}"; do
		[[ " $known " == *" $pid "* ]] || strangers+=("$pid")
	done
	[ ${#strangers[@]} -eq 0 ]
}

# no_new_links: no network device that was not there at watch_begin; else
# $new_links. What a namespace held goes a moment after it.
no_new_links()
{
	local link

	new_links=()
	for link in /sys/class/net/*; do
		[[ " $known_links " == *" $link "* ]] || new_links+=("${link##*/}")
	done
	[ ${#new_links[@]} -eq 0 ]
}

# watch_begin NAME: what follows in the log is NAME's.
watch_begin()
{
	watched=$1
	mark "$watched begins" || echo "not ok - $watched: the log is stuck"
	namespaces=$(ip netns list)
	list_processes
	known=${processes[*]}
	known_links=$(echo /sys/class/net/*)
}

# watch_end: set $faults to what is wrong with the kernel, and $leftovers to what
# the test left behind, which is cleared away.
watch_end()
{
	local pid name taint splat

	faults=()
	leftovers=()
	if ! poll 5 no_strangers; then
		for pid in "${strangers[@]}"; do
			name=$(cat "/proc/$pid/comm" 2>/dev/null) || continue
			leftovers+=("left process $name")
			kill -KILL "$pid"
		done
	fi
	while read -r name _; do
		grep -qxF "$name" <<<"${namespaces// (id:*)/}" && continue
		leftovers+=("left namespace $name")
		ip netns del "$name"
	done < <(ip netns list)
	if ! poll 5 no_new_links; then
		leftovers+=("left devices ${new_links[*]}")
		for name in "${new_links[@]}"; do
			ip link del "$name" 2>/dev/null
		done
	fi
	! grep -q '^lbdr_ipvs ' /proc/modules || rmmod lbdr_ipvs
	if grep -q '^lbdr ' /proc/modules && ! rmmod lbdr; then
		faults+=('the module cannot be unloaded')
	fi
	mark "$watched ends" || faults+=('the log is stuck')
	taint=$(($(</proc/sys/kernel/tainted) & ~allowed_taint))
	[ "$taint" -eq 0 ] || faults+=("taint $taint")
	if splat=$(sed "0,/selftests: $watched begins/d" "$klog" | splats); then
		echo "$splat"
		faults+=('the kernel complained')
	fi
}

# leaks_forget: what kmemleak knows by now is not the tests'.
leaks_forget()
{
	[ ! -e "$kmemleak" ] || echo clear >"$kmemleak"
}

# leaks_seek: print what was leaked. kmemleak reports no object that is younger
# than five seconds, nor one that changed since the scan before: hence the pause
# and the two scans.
leaks_seek()
{
	sleep 6
	# It switches itself off where it has no memory.
	{ echo scan >"$kmemleak" && echo scan >"$kmemleak"; } || echo 'kmemleak is off'
	cat "$kmemleak"
}
