// SPDX-License-Identifier: GPL-2.0
/*
 * The files that a packet of a connection walks through, as one for the compiler:
 * with all of the walk before its eyes it keeps what it knows of the packet in
 * registers and saves the calls between them. Each file is complete without this
 * one (as kernel/sched/build_policy.c has it); what runs seldom is noinline there.
 */
#define pr_fmt(fmt) KBUILD_MODNAME ": " fmt

#include "parse.c"
#include "conn.c"
#include "route.c"
#include "xmit_dr.c"
#include "hook.c"
#include "ingress.c"
