// SPDX-License-Identifier: GPL-2.0
/*
 * Limits: what a network namespace may hold.
 *
 * Connections are limited by conn_max for each namespace and by conn_max_all for all, and
 * a front end may set a lower limit of one namespace (lbdr_net.conns_max). A
 * connection counts until its memory is freed. For all namespaces the objects are counted
 * when they are taken from the slab caches, several at a time, so that conn_max_all may be
 * exceeded by what the CPUs have in stock (conn_stock.c). If there is no memory for a
 * connection (the memory cgroup is at its limit, or the host has none for packets), the
 * table is full as it is: for STARVED_TIME, the namespace may hold no more connections than
 * it does now. So flood.c makes room as in any full table.
 *
 * Network namespaces that are not owned by the initial user namespace have further
 * limits. Users without privilege on the host create these and configure them, so they
 * must not use up what the namespaces of the host need:
 *
 * - Services and servers have limits, the parameters of this file. Held ones
 *   count.
 * - Connections are also limited by conn_max_user each, and such namespaces get none
 *   once all namespaces hold half of conn_max_all: the rest is the host's. The same
 *   holds for destinations of lblc (locality.c).
 * - What packets make such a namespace allocate is charged to a memory cgroup: that of
 *   the task that added the first service or started synchronisation. GFP_NOWAIT, since
 *   GFP_ATOMIC is charged beyond the limit of a cgroup. What commands allocate is charged
 *   to the cgroup of the task that sends them (GFP_KERNEL_ACCOUNT). The hash tables that
 *   grow with connections are not charged; they take 16 bytes for each connection.
 *
 * The memory cgroup is found once. It is read by packets without a lock, and released
 * when no packet can reach the namespace any more.
 */
#define pr_fmt(fmt) KBUILD_MODNAME ": " fmt

#include <linux/memcontrol.h>
#include <linux/mm.h>
#include <linux/module.h>
#include <linux/sched.h>
#include <linux/sched/mm.h>
#include <linux/user_namespace.h>
#include <net/net_namespace.h>

#include "lbdr.h"
#include "limit.h"

/* Time for which a failed allocation limits the connections */
#define STARVED_TIME		HZ
/* The least limit that a failed allocation sets */
#define STARVED_MIN		64U

struct lbdr_limits lbdr_limits;
EXPORT_SYMBOL_FOR_KUNIT(lbdr_limits);

module_param_named(conn_max, lbdr_limits.conn_max, uint, 0644);
MODULE_PARM_DESC(conn_max,
		 "connections that one network namespace may hold (default: as many as fit in 1/8 of the memory, at least 65536)");

module_param_named(conn_max_all, lbdr_limits.conn_max_all, uint, 0644);
MODULE_PARM_DESC(conn_max_all,
		 "connections that all network namespaces may hold together (default: twice conn_max's default)");

module_param_named(conn_max_user, lbdr_limits.conn_max_user, uint, 0644);
MODULE_PARM_DESC(conn_max_user,
		 "connections that a network namespace of another user namespace may hold (default: 1/16 of conn_max_all's default)");

static unsigned int user_services_max = 4096;
module_param(user_services_max, uint, 0644);
MODULE_PARM_DESC(user_services_max,
		 "services that a network namespace of another user namespace than the initial one may have (default: 4096)");

static unsigned int user_servers_max = 65536;
module_param(user_servers_max, uint, 0644);
MODULE_PARM_DESC(user_servers_max,
		 "servers that a network namespace of another user namespace than the initial one may have (default: 65536)");

/**
 * lbdr_limit_conns_of() - lbdr_limit_conns() for front ends in other modules
 * @ln: the namespace
 *
 * Context: any.
 * Return: the number.
 */
u32 lbdr_limit_conns_of(const struct lbdr_net *ln)
{
	return lbdr_limit_conns(ln);
}
EXPORT_SYMBOL_LBDR(lbdr_limit_conns_of);

/**
 * lbdr_limit_starved() - Check whether memory limits the connections of a namespace
 * @ln: the namespace
 *
 * Context: any.
 * Return: true if a connection could not be allocated within STARVED_TIME.
 */
bool lbdr_limit_starved(const struct lbdr_net *ln)
{
	unsigned long at = READ_ONCE(ln->starved_at);

	return unlikely(at) && lbdr_recent(at, STARVED_TIME);
}
EXPORT_SYMBOL_FOR_KUNIT(lbdr_limit_starved);

/**
 * lbdr_limit_starve() - Note that there is no memory for a connection
 * @ln: the namespace
 *
 * Context: any; of concurrent calls one takes effect.
 */
void lbdr_limit_starve(struct lbdr_net *ln)
{
	WRITE_ONCE(ln->starved_conns, max_t(u32, atomic_read(&ln->n_conns), STARVED_MIN));
	/* 0 stands for never. A reader that misses this order is late by one packet. */
	WRITE_ONCE(ln->starved_at, jiffies ?: 1);
}
EXPORT_SYMBOL_FOR_KUNIT(lbdr_limit_starve);

/**
 * lbdr_limit_conns_now() - Get the number of connections that fit now
 * @ln: the namespace
 *
 * Context: any.
 * Return: lbdr_limit_conns(), or less if there is no memory for more.
 */
u32 lbdr_limit_conns_now(const struct lbdr_net *ln)
{
	u32 max = lbdr_limit_conns(ln);

	if (lbdr_limit_starved(ln))
		max = min(max, READ_ONCE(ln->starved_conns));
	return max;
}
EXPORT_SYMBOL_FOR_KUNIT(lbdr_limit_conns_now);

/* Connections until a number is above the one that makes a table nearly full: 0 if it is. */
static u32 lbdr_limit_left(u32 n, u32 max)
{
	u32 most = lbdr_limit_nearly(max);

	return n > most ? 0 : most - n + 1;
}

/**
 * lbdr_limit_room() - Get the number of connections until the table is nearly full
 * @ln: the namespace
 *
 * Context: any.
 * Return: connections after which lbdr_limit_near() is true, if no others are added, to
 *	the accuracy of lbdr_limit_total().
 */
u32 lbdr_limit_room(struct lbdr_net *ln)
{
	return min(lbdr_limit_left(atomic_read(&ln->n_conns), lbdr_limit_conns_now(ln)),
		   lbdr_limit_left(max_t(s64, lbdr_limit_total(), 0),
				   lbdr_limit_conns_all(ln)));
}

/**
 * lbdr_limit_full() - Check whether the connection table is full
 * @ln: the namespace
 *
 * Context: any.
 * Return: true if no connection can be added.
 */
bool lbdr_limit_full(const struct lbdr_net *ln)
{
	return (u32)atomic_read(&ln->n_conns) >= lbdr_limit_conns_now(ln) ||
	       lbdr_limit_total() >= lbdr_limit_conns_all(ln);
}

/**
 * lbdr_limit_linked() - Get the number of connections in the tables
 * @ln: the namespace
 *
 * Context: any.
 * Return: the number, of both families.
 */
u32 lbdr_limit_linked(const struct lbdr_net *ln)
{
	return (u32)atomic_read(&ln->conns[LBDR_V4].nelems) +
	       (u32)atomic_read(&ln->conns[LBDR_V6].nelems);
}

/**
 * lbdr_limit_pending() - Get the number of connections that wait to be freed
 * @ln: the namespace
 *
 * A removed connection counts towards conn_max until its memory is freed after a grace
 * period.
 *
 * Context: any; concurrent changes may be missed.
 * Return: the number of connections that are allocated and not in the tables.
 */
u32 lbdr_limit_pending(const struct lbdr_net *ln)
{
	return max_t(int, atomic_read(&ln->n_conns) - (int)lbdr_limit_linked(ln), 0);
}

/**
 * lbdr_limit_conn_refuse() - Undo the count of a connection that is not allocated
 * @ln: the namespace, which may hold no more
 *
 * Context: any.
 * Return: false.
 */
noinline bool lbdr_limit_conn_refuse(struct lbdr_net *ln)
{
	lbdr_limit_conn_sub(ln);
	/* Users must not use up the one line. */
	if (!ln->user)
		pr_notice_once("a connection table is full (conn_max: %u, conn_max_all: %u): new connections are dropped and counted as conn-max (logged once)\n",
			       lbdr_limit_conns(ln),
			       READ_ONCE(lbdr_limits.conn_max_all));
	return false;
}
EXPORT_SYMBOL_FOR_KUNIT(lbdr_limit_conn_refuse);

/**
 * lbdr_limit_alloc_charged() - Allocate memory that is charged to a namespace's cgroup
 * @ln: the namespace, of another user namespace than the initial one
 * @cache: a slab cache, or NULL for kmalloc()
 * @size: in bytes; unused with @cache
 *
 * Context: any.
 * Return: the memory, not zeroed, or NULL if there is none or the cgroup is at its limit.
 */
noinline void *lbdr_limit_alloc_charged(const struct lbdr_net *ln,
					struct kmem_cache *cache, size_t size)
{
	const gfp_t flags = GFP_NOWAIT | __GFP_ACCOUNT | __GFP_NOWARN;
	struct mem_cgroup *old = lbdr_limit_charge_begin(ln);
	void *object;

	object = cache ? kmem_cache_alloc(cache, flags) : kmalloc(size, flags);
	lbdr_limit_charge_end(old);
	return object;
}

/**
 * lbdr_limit_charge_begin() - Charge what is allocated from now on to a namespace
 * @ln: the namespace
 *
 * For packets and work items: kernel threads have no cgroup, so that __GFP_ACCOUNT alone
 * charges nobody there.
 *
 * Context: any; lbdr_limit_charge_end() must follow in the same function.
 * Return: for lbdr_limit_charge_end().
 */
struct mem_cgroup *lbdr_limit_charge_begin(const struct lbdr_net *ln)
{
	LBDR_KUNIT_STUB(lbdr_limit_charge_begin, ln);
	/* Pairs with smp_store_release() in lbdr_limit_find_memcg(). */
	return set_active_memcg(smp_load_acquire(&ln->memcg));
}
EXPORT_SYMBOL_FOR_KUNIT(lbdr_limit_charge_begin);

/**
 * lbdr_limit_charge_end() - End lbdr_limit_charge_begin()
 * @old: what that has returned
 *
 * Context: any.
 */
void lbdr_limit_charge_end(struct mem_cgroup *old)
{
	set_active_memcg(old);
}

/**
 * lbdr_limit_find_memcg() - Find the memory cgroup that a namespace is charged to
 * @ln: the namespace
 *
 * Called when a service is added or synchronisation is started, by a task of the owner or
 * by root of the host.
 *
 * Context: process, lbdr_net.config held.
 */
void lbdr_limit_find_memcg(struct lbdr_net *ln)
{
	lockdep_assert_held(&ln->config);

	if (!ln->user || ln->memcg)
		return;
	/* Pairs with smp_load_acquire() in lbdr_limit_charge_begin(). */
	smp_store_release(&ln->memcg, get_mem_cgroup_from_mm(current->mm));
}

/**
 * lbdr_limit_services() - Check whether a namespace may have as many services
 * @ln: the namespace
 * @n: number of services
 *
 * Context: process.
 * Return: true if it may not.
 */
bool lbdr_limit_services(const struct lbdr_net *ln, u32 n)
{
	return ln->user && n > READ_ONCE(user_services_max);
}

/**
 * lbdr_limit_servers() - Check whether a namespace may have as many servers
 * @ln: the namespace
 * @n: number of servers
 *
 * Context: process.
 * Return: true if it may not.
 */
bool lbdr_limit_servers(const struct lbdr_net *ln, u32 n)
{
	return ln->user && n > READ_ONCE(user_servers_max);
}

/**
 * lbdr_limit_nexthops() - Check whether a namespace may have another next hop
 * @ln: the namespace
 *
 * Commands add one for each address of a server, packets one more for each VRF. Those of
 * packets are limited to as many as the namespace may have servers.
 *
 * Context: any; concurrent additions may exceed the limit by one for each CPU.
 * Return: true if packets may add no more.
 */
bool lbdr_limit_nexthops(const struct lbdr_net *ln)
{
	return ln->user &&
	       READ_ONCE(ln->nexthops.n) >= 2 * READ_ONCE(user_servers_max);
}

/**
 * lbdr_limit_net_init() - Prepare a namespace
 * @ln: the namespace
 *
 * Context: process.
 */
void lbdr_limit_net_init(struct lbdr_net *ln)
{
	ln->user = ln->net->user_ns != &init_user_ns;
	ln->conns_max = U32_MAX;
}

/**
 * lbdr_limit_net_exit() - Release the memory cgroup of a namespace
 * @ln: the namespace, which no packet can reach
 *
 * Context: process.
 */
void lbdr_limit_net_exit(struct lbdr_net *ln)
{
	mem_cgroup_put(ln->memcg);
}

/**
 * lbdr_limit_init() - Set the default limits of connections
 *
 * Context: process.
 * Return: 0 or -ENOMEM.
 */
int lbdr_limit_init(void)
{
	/* 64 bytes for a connection and 16 bytes for its share of the hash table */
	u32 default_max = clamp_t(u64, div_u64((u64)totalram_pages() << PAGE_SHIFT,
					       8 * 80), 1 << 16, 1 << 27);

	if (!lbdr_limits.conn_max)
		lbdr_limits.conn_max = default_max;
	if (!lbdr_limits.conn_max_all)
		lbdr_limits.conn_max_all = max(2 * default_max, lbdr_limits.conn_max);
	if (!lbdr_limits.conn_max_user)
		lbdr_limits.conn_max_user = max(2 * default_max,
						lbdr_limits.conn_max) / 16;
	return percpu_counter_init(&lbdr_limits.objects, 0, GFP_KERNEL);
}

/**
 * lbdr_limit_exit() - Undo lbdr_limit_init()
 *
 * Context: process; all connections are freed.
 */
void lbdr_limit_exit(void)
{
	percpu_counter_destroy(&lbdr_limits.objects);
}
