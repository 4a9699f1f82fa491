# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=bash
# Sourced by `guest`, which watches a guest's output and console, and by the
# runner in the guest, which watches one script's output: limits by silence. On a
# busy machine everything takes longer, but what runs still prints.

# silent PID SECONDS DIR FILE...: wait until PID ends or no FILE was written for
# SECONDS. Return 0 when it fell silent (PID still runs), 1 when PID ended. DIR
# holds two files of this function. Forks nothing in its loop: in an emulated
# machine a process is expensive.
silent()
{
	local pid=$1 limit=$2 stamp=$3/silence-stamp never=$3/silence-never
	local since=$SECONDS file
	shift 3

	[ -p "$never" ] || mkfifo "$never"
	: >"$stamp"
	while kill -0 "$pid" 2>/dev/null; do
		# Nobody writes to this pipe: a sleep without a process.
		read -rt 0.5 <>"$never"
		for file; do
			if [ "$file" -nt "$stamp" ]; then
				: >"$stamp"
				since=$SECONDS
			fi
		done
		[ $((SECONDS - since)) -lt "$limit" ] || return 0
	done
	return 1
}
