// SPDX-License-Identifier: GPL-2.0
/*
 * The fast path, compiled as one unit, so that the compiler can inline across the files
 * and keep fields of the packet in registers. Slow paths are noinline. hook.c and
 * ingress.c use static functions of the files above them, so they are compiled only
 * here.
 */
#define pr_fmt(fmt) KBUILD_MODNAME ": " fmt

#include "parse.c"
#include "conn.c"
#include "conn_restore.c"
#include "nexthop.c"
#include "nexthop_tunnel.c"
#include "encap.c"
#include "xmit_dr.c"
#include "xmit_tunnel.c"
#include "hook.c"
#include "ingress.c"
