/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Every difference between the kernels that we build for (6.1, 6.12, 7.3), and
 * no other file asks for a version. Stable kernels take over newer interfaces,
 * so a macro's own name is asked for where it has one.
 */
#ifndef _LBDR_COMPAT_H
#define _LBDR_COMPAT_H

#include <linux/version.h>
#include <net/genetlink.h>
#include <net/route.h>

/* From 6.5 on, what skbuff.h had on GSO has a header of its own. */
#if KERNEL_VERSION(6, 5, 0) <= LINUX_VERSION_CODE
#include <net/gso.h>
#endif

/* From 6.10 on, as dst_rt6_info(), which is older in stable kernels too. */
#ifndef dst_rtable
#define dst_rtable(ptr)	container_of_const(ptr, struct rtable, dst)
#endif

/* From 6.6 on, a dump's attributes sit in a struct genl_info. */
static inline struct nlattr **lbdr_dump_attrs(struct netlink_callback *cb)
{
#if KERNEL_VERSION(6, 6, 0) <= LINUX_VERSION_CODE
	return genl_info_dump(cb)->attrs;
#else
	return genl_dumpit_info(cb)->attrs;
#endif
}

/*
 * What KUnit suites call, and nobody else. No Debian kernel has KUnit, so
 * nothing is exported from a module built for one.
 */
#if IS_ENABLED(CONFIG_KUNIT)
#include <kunit/visibility.h>
#define EXPORT_SYMBOL_FOR_KUNIT(symbol)	EXPORT_SYMBOL_IF_KUNIT(symbol)
#else
#define EXPORT_SYMBOL_FOR_KUNIT(symbol)
#endif

#endif /* _LBDR_COMPAT_H */
