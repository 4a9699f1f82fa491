/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The director of a network namespace, and the rules that all files follow.
 *
 * Configuration (services, servers, weights) has two locks of the namespace:
 *
 * - lbdr_net.config serialises all who change it. It is held for a whole
 *   transaction, as long as that takes: allocations, tables of schedulers, grace
 *   periods. Only other changes of the configuration wait for it, killably if a
 *   program waits. (Generic netlink holds its own semaphore for reading during a
 *   command, so a family that is registered meanwhile waits too.)
 * - lbdr_net.lock protects what readers see. It is held for one object at a time,
 *   and never while memory is allocated for many objects or a grace period is
 *   waited for. Taken after lbdr_net.config, by lbdr_lock().
 *
 * Objects and lists change under both locks, so they are stable under either
 * (lbdr_assert_stable()). Neither lock is ever held together with RTNL: work that
 * needs RTNL runs in a work item, and notifiers that run under RTNL take locks of
 * their own (lbdr_net.ingress_lock, lbdr_domains.lock, lbdr_nexthops.lock) or queue
 * work. Those are also taken inside the two locks of the configuration.
 *
 * Packets read under rcu_read_lock() alone. What they find is either immutable
 * (struct lbdr_pool, struct lbdr_route) or a word of its own that is read and
 * written with READ_ONCE(), WRITE_ONCE() or cmpxchg().
 *
 * Lifetimes, from the longest to the shortest: namespace, service, next hop, server,
 * then connection, pool, state of a scheduler, and route. The file that frees an
 * object says when.
 */
#ifndef _LBDR_H
#define _LBDR_H

#include <linux/llist.h>
#include <linux/mutex.h>
#include <linux/netfilter.h>
#include <linux/rhashtable.h>
#include <linux/workqueue.h>
#include <net/netns/generic.h>

#include <linux/lbdr.h>
#include "compat.h"
#include "domain.h"
#include "flow.h"
#include "nexthop.h"

#define LBDR_MODULE_VERSION	"0.1"

/*
 * One bit for each value that a hash of a destination address can take, set
 * where a VIP has that hash: what is no VIP is told from it by one load. 4096
 * bits are 512 bytes; beyond some thousand VIPs it lets most packets through
 * to the look-ups, which is slower and no less right.
 */
#define LBDR_VIP_BITS		12

/* Hooks of a family: the entries of enum lbdr_entry, and two more. */
enum lbdr_hook {
	LBDR_HOOK_LOCAL = LBDR_ENTRY_INPUT + 1,
	LBDR_HOOK_MARKED,
	LBDR_HOOKS
};

/**
 * struct lbdr_net - the director of one network namespace
 * @vips: filter of destination addresses; bits set and cleared under @config
 * @conns: connection tables; RCU
 * @services: services of one port and those of a fwmark, by key; RCU, changed
 *	under @lock
 * @wide: services of many ports, by address and protocol; RCU, changed under
 *	@lock
 * @drops: per CPU; written with BH off
 * @timeout: seconds that a connection may idle, by state; WRITE_ONCE() under
 *	@lock
 * @n_wide: services in @wide; WRITE_ONCE() under @lock
 * @nexthops: next hops of the servers, see nexthop.h
 * @domains: VRFs, see domain.h
 * @n_conns: connections whose memory is not free yet; atomic
 * @rate_count: new connections since @rate_start; atomic
 * @rate_start: jiffies when the current one-second interval began; cmpxchg()
 * @stateless_at: jiffies when a packet was last forwarded without a connection, 0
 *	for never; any packet writes it
 * @collector: reaps expired connections, queued while @n_conns is not 0
 * @reaped: connections that are out of the table and that the collector frees;
 *	lockless
 * @walk: where the collector stands in each table; the collector alone
 * @config: serialises transactions; see the top of this file
 * @lock: protects the configuration for readers; see the top of this file
 * @locked_at: ns, when @lock was taken while its tracepoint is enabled; @lock
 * @net: the namespace that this belongs to; immutable
 * @hooks: what is registered with netfilter, or can be; immutable
 * @hooked: which of @hooks are registered; @config
 * @ingress: devices whose packets are taken at ingress; @ingress_lock
 * @ingress_lock: taken inside @lock, or inside RTNL; its holder takes neither
 * @ingress_ntf: notifies that a device of @ingress was removed
 * @service_list: published services in the order of adding; @config and @lock
 * @n_services: linked services of each family; hooks are registered while it is
 *	not 0; WRITE_ONCE() under @config
 * @n_marked: number of fwmark services among them, which need one hook more;
 *	@config
 * @entry: enum lbdr_entry, where the hooks are; WRITE_ONCE() under @config
 * @stale: services whose pool is older than their servers; @config
 * @pool_work: builds the pools of @stale
 * @draining: servers that drain; @config and @lock
 * @drain: removes those whose connections have ended
 * @lro: switches LRO off on the namespace's devices
 * @peers_work: resolves next hops whose MAC is unknown
 * @peers_delay: jiffies to its next attempt
 * @generation: incremented by every change, so that dumps notice; @lock
 * @n_changes: the same in 64 bits, which never wrap; @config and @lock
 * @publishing: a transaction is published, and readers may see a part of it; @lock
 * @list_generation: @n_changes when a service was added or removed last; @config
 *	and @lock
 * @n_staged: services and servers that open transactions have staged; @lock
 */
struct lbdr_net {
	unsigned long		vips[LBDR_FAMILIES][BITS_TO_LONGS(1 << LBDR_VIP_BITS)];
	struct rhashtable	conns[LBDR_FAMILIES];
	struct rhashtable	services;
	struct rhltable		wide;
	u64 __percpu		*drops;
	u32			timeout[LBDR_CONN_STATES];
	u32			n_wide;
	struct lbdr_nexthops	nexthops;
	struct lbdr_domains	domains;

	atomic_t		n_conns ____cacheline_aligned_in_smp;
	atomic_t		rate_count;
	u32			rate_start;
	unsigned long		stateless_at;
	struct delayed_work	collector;
	struct llist_head	reaped;
	struct rhashtable_iter	walk[LBDR_FAMILIES];

	struct mutex		config;		/* transactions */
	struct mutex		lock;		/* configuration, for readers */
	u64			locked_at;
	struct net		*net;
	struct nf_hook_ops	hooks[LBDR_HOOKS][LBDR_FAMILIES];
	bool			hooked[LBDR_HOOKS][LBDR_FAMILIES];
	struct list_head	ingress;
	struct mutex		ingress_lock;	/* @ingress */
	struct work_struct	ingress_ntf;
	struct list_head	service_list;
	u32			n_services[LBDR_FAMILIES];
	u32			n_marked[LBDR_FAMILIES];
	u8			entry;
	struct list_head	stale;
	struct delayed_work	pool_work;
	struct list_head	draining;
	struct delayed_work	drain;
	struct work_struct	lro;
	struct delayed_work	peers_work;
	unsigned long		peers_delay;
	u32			generation;
	u64			n_changes;
	bool			publishing;
	u64			list_generation;
	u32			n_staged;
};

/* net.c */
extern unsigned int lbdr_net_id;

static inline struct lbdr_net *lbdr_net(const struct net *net)
{
	return net_generic(net, lbdr_net_id);
}

/* Objects of the configuration and their lists do not change now. */
static inline void lbdr_assert_stable(const struct lbdr_net *ln)
{
	lockdep_assert(lockdep_is_held(&ln->lock) ||
		       lockdep_is_held(&ln->config));
}

/* Returns a number that no change had before. lbdr_net.lock held. */
static inline u64 lbdr_changed(struct lbdr_net *ln)
{
	lockdep_assert_held(&ln->lock);

	ln->generation++;
	return ++ln->n_changes;
}

int lbdr_net_init(void);
void lbdr_net_exit(void);
void lbdr_lock(struct lbdr_net *ln);
void lbdr_unlock(struct lbdr_net *ln);
void lbdr_lock_break(struct lbdr_net *ln);

#endif /* _LBDR_H */
