# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=bash
# What a sound kernel never says. Sourced by `guest`, which looks at the whole
# console, and by the runner in the guest, which looks at each test's part.

# splats <LOG: print the lines that tell of a fault, and what follows the first;
# false where there are none.
splats()
{
	local log pattern

	log=$(cat)
	pattern='BUG: |\bBUG:? at |WARNING: |\bOops\b|Kernel panic|KASAN|UBSAN'
	pattern+='|KCSAN|general protection fault|Unable to handle kernel'
	pattern+='|Call Trace|cut here|possible circular locking'
	pattern+='|possible recursive locking|inconsistent lock state'
	pattern+='|lock held when returning|bad unlock balance'
	pattern+='|suspicious RCU usage|sleeping function called'
	pattern+='|blocked for more than|self-detected stall|detected stalls'
	pattern+='|soft lockup|hard LOCKUP|unregister_netdevice: waiting'
	pattern+='|ref_tracker|refcount_t|leaked reference|still has references'
	pattern+='|new suspected memory leaks|ODEBUG|list_(add|del) corruption'
	pattern+='|Bad page|nobody cared|scheduling while atomic'
	pattern+='|Objects remaining|slab .*still has objects|DEBUG_LOCKS_WARN'
	grep -qE "$pattern" <<<"$log" || return 1
	grep -m 1 -A 60 -E "$pattern" <<<"$log"
}
