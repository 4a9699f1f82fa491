/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Differences between the kernels that the module is built for (6.1, 6.12, 7.3). No
 * other file checks the kernel version. Stable kernels backport interfaces, so the
 * presence of a macro is tested by its name where possible.
 */
#ifndef _LBDR_COMPAT_H
#define _LBDR_COMPAT_H

/* With PREEMPT_RT, the header of local locks of 6.12 needs that of spinlocks before it. */
#include <linux/spinlock.h>
#include <linux/local_lock.h>
#include <linux/rhashtable.h>
#include <linux/sysctl.h>
#include <linux/version.h>
#include <net/genetlink.h>
#include <net/route.h>

/* 6.12 moved the functions for unaligned numbers. */
#if KERNEL_VERSION(6, 12, 0) <= LINUX_VERSION_CODE
#include <linux/unaligned.h>
#else
#include <asm/unaligned.h>
#endif

/* 6.5 moved the GSO functions from skbuff.h to a header of their own. */
#if KERNEL_VERSION(6, 5, 0) <= LINUX_VERSION_CODE
#include <net/gso.h>
#endif

/* dst_rtable() is new in 6.10; 6.1 has a backport of dst_rt6_info() only. */
#ifndef dst_rtable
#define dst_rtable(ptr)	container_of_const(ptr, struct rtable, dst)
#endif

/*
 * New in 6.11. Older kernels need no lock: with PREEMPT_RT, their local_bh_disable()
 * excludes other sections with BH off on the same CPU.
 */
#ifndef local_lock_nested_bh
#define local_lock_nested_bh(lock)	((void)(lock))
#define local_unlock_nested_bh(lock)	((void)(lock))
#endif

/*
 * The entry at XDP (xdp.c) is a function that BPF programs call. Modules of 6.1 are built
 * without the type information (BTF) that this needs, and 6.12 is the next kernel. Headers
 * in a frame are not aligned to four bytes.
 */
#if KERNEL_VERSION(6, 12, 0) <= LINUX_VERSION_CODE && \
	IS_ENABLED(CONFIG_BPF_SYSCALL) && IS_ENABLED(CONFIG_DEBUG_INFO_BTF_MODULES) && \
	IS_ENABLED(CONFIG_HAVE_EFFICIENT_UNALIGNED_ACCESS)
#define LBDR_HAS_XDP
#endif

/*
 * Lets the kernel count the ids in the outer IP headers of a GSO packet's segments. Since
 * 6.18 another flag keeps them the same in the inner headers; before, one did so in both.
 */
static inline void lbdr_gso_outer_ids(struct sk_buff *skb)
{
#if KERNEL_VERSION(6, 18, 0) <= LINUX_VERSION_CODE
	if (skb_shinfo(skb)->gso_type & SKB_GSO_TCP_FIXEDID)
		skb_shinfo(skb)->gso_type |= SKB_GSO_TCP_FIXEDID_INNER;
#endif
	skb_shinfo(skb)->gso_type &= ~SKB_GSO_TCP_FIXEDID;
}

/* Since 6.6 the attributes of a dump are in a struct genl_info. */
static inline struct nlattr **lbdr_dump_attrs(struct netlink_callback *cb)
{
#if KERNEL_VERSION(6, 6, 0) <= LINUX_VERSION_CODE
	return genl_info_dump(cb)->attrs;
#else
	return genl_dumpit_info(cb)->attrs;
#endif
}

/* 6.6 added the number of entries; before it, an empty entry ended a table. */
static inline struct ctl_table_header *
lbdr_register_net_sysctl(struct net *net, const char *path,
			 struct ctl_table *table, size_t n)
{
#if KERNEL_VERSION(6, 6, 0) <= LINUX_VERSION_CODE
	return register_net_sysctl_sz(net, path, table, n);
#else
	return register_net_sysctl(net, path, table);
#endif
}

/* 6.11 made the table constant for handlers. */
#if KERNEL_VERSION(6, 11, 0) <= LINUX_VERSION_CODE
#define LBDR_CTL_TABLE		const struct ctl_table
#else
#define LBDR_CTL_TABLE		struct ctl_table
#endif

/*
 * The functions that front ends in modules of their own call, in a symbol namespace.
 * 6.13 made its name a string.
 */
#if KERNEL_VERSION(6, 13, 0) <= LINUX_VERSION_CODE
#define EXPORT_SYMBOL_LBDR(symbol)	EXPORT_SYMBOL_NS_GPL(symbol, "LBDR")
#define LBDR_IMPORT_NS()		MODULE_IMPORT_NS("LBDR")
#else
#define EXPORT_SYMBOL_LBDR(symbol)	EXPORT_SYMBOL_NS_GPL(symbol, LBDR)
#define LBDR_IMPORT_NS()		MODULE_IMPORT_NS(LBDR)
#endif

/*
 * Functions that the KUnit suites call, and no other module. Debian's kernels are built
 * without KUnit, so a module built for them does not export these.
 */
#if IS_ENABLED(CONFIG_KUNIT)
#include <kunit/visibility.h>
#define EXPORT_SYMBOL_FOR_KUNIT(symbol)	EXPORT_SYMBOL_IF_KUNIT(symbol)
#else
#define EXPORT_SYMBOL_FOR_KUNIT(symbol)
#define VISIBLE_IF_KUNIT		static
#endif

/* In a function that a KUnit test may replace */
#if IS_ENABLED(CONFIG_KUNIT)
#include <kunit/static_stub.h>
#define LBDR_KUNIT_STUB(function, ...)				\
	KUNIT_STATIC_STUB_REDIRECT(function, ##__VA_ARGS__)
#else
#define LBDR_KUNIT_STUB(function, ...)
#endif

/*
 * Starts or continues a walk. A resize of the table that was completed since the walk was
 * stopped restarts it, but older kernels keep the last entry in iter->p then, which
 * rhashtable_walk_next() and rhashtable_walk_peek() read and which may be freed.
 *
 * If the last entry was removed, the kernel continues behind as many entries of the bucket
 * as were visited, and so passes over one entry for each of these that was removed. The
 * walk visits the bucket again instead. Returns -EAGAIN if the whole walk restarts, else 0.
 */
static inline int lbdr_walk_start(struct rhashtable_iter *iter)
	__acquires(RCU)
{
	const struct rhash_head *last = iter->p;
	int err = rhashtable_walk_start_check(iter);

	if (err)
		iter->p = NULL;
	else if (last && !iter->p)
		iter->skip = 0;
	return err;
}

#endif /* _LBDR_COMPAT_H */
