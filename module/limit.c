// SPDX-License-Identifier: GPL-2.0
/*
 * Network namespaces that are not owned by the initial user namespace. Users without
 * privilege on the host create these and configure them, so they must not use up what
 * the namespaces of the host need:
 *
 * - Services and servers have limits, the parameters of this file. Held ones count.
 * - Connections and destinations of lblc have limits of the namespace, and a reserve is
 *   kept for the namespaces of the host (conn.c, locality.c).
 * - What packets make such a namespace allocate is charged to a memory cgroup: that of
 *   the task that added the first service. GFP_NOWAIT, since GFP_ATOMIC is charged
 *   beyond the limit of a cgroup. What commands allocate is charged to the cgroup of
 *   the task that sends them (GFP_KERNEL_ACCOUNT). The hash tables that grow with
 *   connections are not charged; they take 16 bytes for each connection.
 *
 * The memory cgroup is found once. It is read by packets without a lock, and released
 * when no packet can reach the namespace any more.
 */
#include <linux/memcontrol.h>
#include <linux/module.h>
#include <linux/sched.h>
#include <linux/sched/mm.h>
#include <linux/user_namespace.h>
#include <net/net_namespace.h>

#include "limit.h"

static unsigned int user_services_max = 4096;
module_param(user_services_max, uint, 0644);
MODULE_PARM_DESC(user_services_max,
		 "services that a network namespace of another user namespace than the initial one may have (default: 4096)");

static unsigned int user_servers_max = 65536;
module_param(user_servers_max, uint, 0644);
MODULE_PARM_DESC(user_servers_max,
		 "servers that a network namespace of another user namespace than the initial one may have (default: 65536)");

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
	struct mem_cgroup *old;
	void *object;

	/* Pairs with smp_store_release() in lbdr_limit_find_memcg(). */
	old = set_active_memcg(smp_load_acquire(&ln->memcg));
	object = cache ? kmem_cache_alloc(cache, flags) : kmalloc(size, flags);
	set_active_memcg(old);
	return object;
}

/**
 * lbdr_limit_find_memcg() - Find the memory cgroup that a namespace is charged to
 * @ln: the namespace
 *
 * Called when a service is added by a task of the owner, or by root of the host.
 *
 * Context: process, lbdr_net.config held.
 */
void lbdr_limit_find_memcg(struct lbdr_net *ln)
{
	lockdep_assert_held(&ln->config);

	if (!ln->user || ln->memcg)
		return;
	/* Pairs with smp_load_acquire() in lbdr_limit_alloc_charged(). */
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
