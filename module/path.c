// SPDX-License-Identifier: GPL-2.0
/*
 * The files that a packet of a connection passes, compiled as one unit: the compiler
 * keeps what it knows of the packet in registers and saves the calls between the
 * files. hook.c and ingress.c use statics of the files above them, so they compile
 * only here; what runs seldom is noinline.
 */
#define pr_fmt(fmt) KBUILD_MODNAME ": " fmt

#include "parse.c"
#include "conn.c"
#include "nexthop.c"
#include "xmit_dr.c"
#include "hook.c"
#include "ingress.c"
