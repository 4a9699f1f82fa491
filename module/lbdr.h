/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The director of a network namespace, and the rules for locks and lifetimes.
 *
 * Configuration (services, servers, weights) has two locks of the namespace:
 *
 * - lbdr_net.config serialises writers. It is held for the commit of a whole
 *   transaction, including allocations, the building of scheduler tables, and grace
 *   periods. Writers take it, and those who must not meet a change while they walk over
 *   many objects: the work item of reach.c, one service at a time, and one reader of
 *   ipvs/rates.c, if the configuration changes too often. Netlink commands take it
 *   killably: generic netlink holds a semaphore for reading during a command, so the
 *   registration of a family waits as well.
 * - lbdr_net.lock protects the configuration for readers in process context. It is
 *   held for one object at a time, and never during allocations for many objects or
 *   during a grace period. Taken inside lbdr_net.config, by lbdr_lock().
 *
 * Objects and lists change under both locks, so they are stable under either
 * (lbdr_assert_stable()). Neither lock is ever held together with RTNL: work that
 * needs RTNL runs in a work item, and notifiers that run under RTNL take other locks
 * (lbdr_net.ingress_lock, lbdr_domains.lock, lbdr_nexthops.lock) or queue work. These
 * other locks are also taken inside the two locks of the configuration.
 *
 * Packets read under rcu_read_lock() only. The objects that they read are either
 * immutable (struct lbdr_pool, lbdr_route, lbdr_server_tunnel), or single words that are
 * accessed by READ_ONCE(), WRITE_ONCE() or cmpxchg().
 *
 * Lifetimes, from the longest to the shortest: namespace, service, next hop, server,
 * then connection, pool, state of a scheduler, and route. The file that frees an
 * object documents when.
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
#include "collect.h"
#include "compat.h"
#include "domain.h"
#include "flow.h"
#include "nexthop.h"
#include "sync.h"

#define LBDR_MODULE_VERSION	"0.1"

/* Hooks of a family: LBDR_ENTRY_PREROUTING, LBDR_ENTRY_INPUT, and three more */
enum lbdr_hook {
	LBDR_HOOK_LOCAL = LBDR_ENTRY_INPUT + 1,
	LBDR_HOOK_MARKED,
	LBDR_HOOK_TUNNEL,
	LBDR_HOOKS
};

/**
 * struct lbdr_nl_batches - the open transactions of a namespace
 * @list: struct lbdr_nl_batch; lbdr_net.lock
 * @n: their number; WRITE_ONCE() under lbdr_net.lock
 * @last_id: id of the one that was opened last; lbdr_net.lock
 */
struct lbdr_nl_batches {
	struct list_head	list;
	u32			n;
	u32			last_id;
};

/**
 * struct lbdr_net - the director of one network namespace
 * @vips: filters of destination addresses, see vip.h; RCU, replaced under @config
 * @conns: connection tables; RCU
 * @services: services by key; RCU, changed under @config
 * @wide: VIPs that have services of a range of ports or of all ports, see range.c; RCU,
 *	changed under @config
 * @wide_changed: VIPs of @wide that the present commit changes; @config
 * @counters: by enum lbdr_drop and enum lbdr_counter; per CPU, written with BH off
 * @timeout: timeout of connections in seconds, by state; WRITE_ONCE() under @lock
 * @n_wide: services of the VIPs in @wide; WRITE_ONCE() under @config
 * @nexthops: next hops of the servers, see nexthop.h
 * @domains: VRFs, see domain.h
 * @stopped: its tables are freed; exit of the namespace only
 * @user: not owned by the initial user namespace, see limit.c; immutable
 * @conns_max: connections that a front end lets the namespace hold, U32_MAX for any
 *	number; WRITE_ONCE() under @config
 * @memcg: the cgroup that memory is charged to if @user, or NULL; set once under
 *	@config
 * @n_conns: allocated connections, including those that wait to be freed; atomic
 * @n_servers: allocated servers; atomic
 * @n_destinations: allocated destinations of lblc and lblcr; atomic
 * @n_holders: services that hold connections; atomic, see flood.h
 * @starved_conns: @n_conns when a connection could not be allocated; WRITE_ONCE(),
 *	see limit.c
 * @starved_at: jiffies at that time, 0 for never; WRITE_ONCE()
 * @rate_count: new connections since @rate_start; atomic
 * @rate_start: jiffies when the current one-second interval began; cmpxchg()
 * @stateless_at: jiffies when a packet was last forwarded without a connection, 0 for
 *	never; WRITE_ONCE() by packets
 * @collector: removes expired connections; queued while @n_conns is not 0
 * @reaped: connections that were removed from the table and that @collector frees;
 *	lockless list
 * @sweep: progress of @collector in each table; used by @collector only
 * @config: serialises transactions; see the top of this file
 * @lock: protects the configuration for readers; see the top of this file
 * @locked_at: time in ns when lbdr_lock() took @lock, 0 if the tracepoint
 *	lbdr_lock_hold was disabled; @lock
 * @net: the network namespace; immutable
 * @hooks: hooks by enum lbdr_hook and family; immutable
 * @hooked: which of @hooks are registered; @config
 * @ingress: ingress devices; @ingress_lock
 * @ingress_lock: taken inside @config, @lock or RTNL; none of these is taken inside it
 * @ingress_ntf: sends the notification that a device of @ingress was removed
 * @service_list: published services, held ones included, in the order of adding;
 *	@config and @lock
 * @n_services: linked services of each family; hooks are registered while the number is
 *	not 0; WRITE_ONCE() under @config
 * @n_marked: fwmark services of each family, which need LBDR_HOOK_MARKED; WRITE_ONCE()
 *	under @config
 * @n_tunnels: tunnel servers by the family of their address; WRITE_ONCE() under @config
 *	and @lock
 * @mark_first: fwmark services come before others, as programs of ip_vs expect: a
 *	sysctl of lbdr_ipvs.ko, which also sets and resets it; WRITE_ONCE()
 * @entry: LBDR_ENTRY_PREROUTING or LBDR_ENTRY_INPUT, the entry whose hooks are
 *	registered; WRITE_ONCE() under @config
 * @stale: services whose pool does not contain the latest changes of their servers;
 *	@config
 * @pool_work: builds the pools of @stale
 * @pool_next: jiffies when @pool_work runs next, while @stale is not empty; @config
 * @draining: servers that have begun to drain; @config and @lock
 * @drained: those that have drained for a grace period, or have begun to wait for it; a
 *	server leaves under @config and @lock
 * @held_servers: held servers; @config and @lock
 * @held_services: held services; @config and @lock
 * @n_held_services: number of @held_services; WRITE_ONCE() under @config and @lock
 * @hold_next: jiffies before which no hold time ends, while something is held; @lock
 * @n_held: number of held servers and services; changed by lbdr_hold_count() under
 *	@config and @lock
 * @drain: removes draining servers whose connections have ended, and what was held
 *	long enough
 * @lro: disables LRO on the devices of the namespace
 * @peers_work: resolves next hops whose MAC is unknown
 * @sources: filter of source addresses, NULL until it is complete, see source.c; RCU
 * @sources_mem: its memory; @config until @source_work is queued
 * @source_work: registers the notifier that fills it
 * @reach_work: looks for servers whose neighbour has failed, see reach.c
 * @reach: there may be services with the flag skip-unreachable; WRITE_ONCE() under
 *	@config
 * @reach_rested: jiffies before which @reach_work does not run again; WRITE_ONCE() by it
 * @peers_delay: jiffies until the next attempt of @peers_work
 * @peers_rest: jiffies that @peers_work waits at least, for its share of a CPU;
 *	WRITE_ONCE() by @peers_work
 * @n_changes: incremented by every change, so dumps detect changes; @config and @lock
 * @publishing: a transaction is being published, so readers may see a part of it; @lock
 * @folded: counters of removed services, and what was set to 0 of single services, since
 *	the counters of all services were set to 0; @lock
 * @list_generation: value of @n_changes when a service was last added or removed;
 *	@config and @lock
 * @sync: connection synchronisation, see sync.h
 * @batches: open transactions, see netlink_batch.c; @lock
 * @n_staged: services and servers that all open transactions have staged; @lock
 */
struct lbdr_net {
	struct lbdr_vips __rcu	*vips[LBDR_FAMILIES];
	struct rhashtable	conns[LBDR_FAMILIES];
	struct rhashtable	services;
	struct rhashtable	wide;
	struct list_head	wide_changed;
	u64 __percpu		*counters;
	u32			timeout[LBDR_CONN_STATES];
	u32			n_wide;
	struct lbdr_nexthops	nexthops;
	struct lbdr_domains	domains;
	bool			user;
	bool			stopped;
	u32			conns_max;
	struct mem_cgroup	*memcg;

	atomic_t		n_conns ____cacheline_aligned_in_smp;
	atomic_t		n_servers;
	atomic_t		n_destinations;
	atomic_t		n_holders;
	u32			starved_conns;
	unsigned long		starved_at;
	atomic_t		rate_count;
	u32			rate_start;
	unsigned long		stateless_at;
	struct delayed_work	collector;
	struct llist_head	reaped;
	struct lbdr_sweep	sweep[LBDR_FAMILIES];

	struct mutex		config;		/* serialises transactions */
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
	u32			n_tunnels[LBDR_FAMILIES];
	u8			entry;
	int			mark_first;
	struct list_head	stale;
	struct delayed_work	pool_work;
	unsigned long		pool_next;
	struct list_head	draining;
	struct list_head	drained;
	struct list_head	held_servers;
	struct list_head	held_services;
	u32			n_held_services;
	unsigned long		hold_next;
	u32			n_held;
	struct delayed_work	drain;
	struct work_struct	lro;
	struct delayed_work	peers_work;
	unsigned long		peers_delay;
	unsigned long		peers_rest;
	struct delayed_work	reach_work;
	bool			reach;
	unsigned long		reach_rested;
	struct lbdr_sources __rcu	*sources;
	struct lbdr_sources	*sources_mem;
	struct delayed_work	source_work;
	u64			n_changes;
	bool			publishing;
	struct lbdr_counts	folded;
	u64			list_generation;
	struct lbdr_nl_batches	batches;
	u32			n_staged;
	struct lbdr_sync	sync;
};

/* main.c */
extern struct workqueue_struct *lbdr_wq;
extern struct workqueue_struct *lbdr_user_wq;

/* The queue for work items of a namespace. */
static inline struct workqueue_struct *lbdr_wq_of(const struct lbdr_net *ln)
{
	return ln->user ? lbdr_user_wq : lbdr_wq;
}

/* net.c */
extern unsigned int lbdr_net_id;

static inline struct lbdr_net *lbdr_net(const struct net *net)
{
	return net_generic(net, lbdr_net_id);
}

/* The same for RCU readers, for whom net_generic() would become one once more. */
static inline struct lbdr_net *lbdr_net_rcu(const struct net *net)
{
	return rcu_dereference(net->gen)->ptr[lbdr_net_id];
}

/* Asserts that the objects of the configuration and their lists cannot change. */
static inline void lbdr_assert_stable(const struct lbdr_net *ln)
{
	lockdep_assert(lockdep_is_held(&ln->lock) ||
		       lockdep_is_held(&ln->config));
}

/*
 * Returns the jiffies until @at, which is never more than @max ahead: a greater distance
 * means that it has passed, however long ago.
 */
static inline unsigned long lbdr_left(unsigned long at, unsigned long max)
{
	unsigned long left = at - jiffies;

	return left <= max ? left : 0;
}

/*
 * Returns true if @at was less than @time jiffies ago. Another CPU may have set it since this
 * one has read jiffies.
 */
static inline bool lbdr_recent(unsigned long at, unsigned long time)
{
	return lbdr_left(at + time, time + HZ);
}

/* Counts a change of the configuration. Returns its number, which is unique. */
static inline u64 lbdr_changed(struct lbdr_net *ln)
{
	lockdep_assert_held(&ln->lock);

	return ++ln->n_changes;
}

#if IS_ENABLED(CONFIG_KUNIT)
int lbdr_net_ops_init(struct net *net);
void lbdr_net_ops_exit(struct net *net);
#endif
int lbdr_net_init(void);
void lbdr_net_exit(void);
int lbdr_net_start(void);
void lbdr_net_stop(void);
struct net *lbdr_net_next(struct net *last);
void lbdr_lock(struct lbdr_net *ln);
void lbdr_unlock(struct lbdr_net *ln);
void lbdr_lock_break(struct lbdr_net *ln);

#endif /* _LBDR_H */
