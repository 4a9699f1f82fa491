# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=bash
# What a sound kernel never says. Sourced by `guest`, which looks at the whole
# console, and by the runner in the guest, which looks at each test's part.

# without_races <LOG: without the data races that KCSAN sees in the kernel's own
# code. A race counts where one of its accesses is in lbdr, or in a function that
# lbdr calls: the first two frames of a stack.
without_races()
{
	awk '
	function report_ends() {
		if (ours)
			print lines
		lines = ""
	}
	/BUG: KCSAN: / { report_ends(); inside = 1; ours = frames = 0 }
	!inside { print; next }
	{ lines = lines "\n" $0 }
	/==============================$/ { report_ends(); inside = 0 }
	/ on cpu [0-9]+:$/ { frames = 0; next }
	/\+0x[0-9a-f]+\/0x[0-9a-f]+/ && ++frames <= 2 && /\[lbdr(_ipvs)?\]/ { ours = 1 }
	END { report_ends() }
	'
}

# without_refused_caches <LOG: without what the kernel says, with a stack trace, when it has no
# memory for a slab cache of lbdr: test_faults.py:test_loading has it fail.
without_refused_caches()
{
	awk '
	/__kmem_cache_create_args\(lbdr_conn[46]\) failed with error -(12|22)$/ {
		inside = 1
		next
	}
	inside && /CPU: |Tainted: |Stack:|Call Trace:|\[<[0-9a-f]+>\]/ { next }
	inside && /^(\[[ .0-9]+\])? +[0-9a-f]+( [0-9a-f]+)+ *$/ { next }
	{ inside = 0; print }
	'
}

# splats <LOG: print the lines that tell of a fault, and what follows the first;
# false where there are none.
splats()
{
	local log pattern

	log=$(without_races | without_refused_caches)
	pattern='BUG: |\bBUG:? at |WARNING: |\bOops\b|Kernel panic|KASAN|UBSAN'
	pattern+='|KCSAN|general protection fault|Unable to handle kernel'
	pattern+='|Call Trace|cut here|possible circular locking'
	pattern+='|possible recursive locking|inconsistent lock state'
	pattern+='|lock held when returning|bad unlock balance'
	pattern+='|suspicious RCU usage|sleeping function called'
	pattern+='|blocked for more than|self-detected stall|detected stalls'
	pattern+='|soft lockup|hard LOCKUP|unregister_netdevice: waiting'
	# The tracker also says that it has no memory, where a test injects faults.
	pattern+='|ref_tracker: .*(released|users at|leaked)|refcount_t|leaked reference|still has references'
	pattern+='|new suspected memory leaks|ODEBUG|list_(add|del) corruption'
	pattern+='|Bad page|nobody cared|scheduling while atomic'
	pattern+='|Objects remaining|slab .*still has objects|DEBUG_LOCKS_WARN'
	grep -qE "$pattern" <<<"$log" || return 1
	grep -m 1 -A 60 -E "$pattern" <<<"$log"
}
