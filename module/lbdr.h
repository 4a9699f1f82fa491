/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The types that everyone in the module shares, and what each file offers to
 * the others.
 *
 * Two protection domains, and nothing in between:
 *
 * - Configuration (services, servers, weights) is changed under
 *   lbdr_net.lock, a mutex of the network namespace. Where RTNL is needed as
 *   well, it is taken first.
 * - Packets read under rcu_read_lock() alone. What they find is either
 *   immutable (struct lbdr_pool, struct lbdr_route) or a word of its own that
 *   is read and written with READ_ONCE(), WRITE_ONCE() or cmpxchg().
 *
 * Lifetimes, from the longest to the shortest: namespace, service, server,
 * then connection, pool and route. The file that frees an object says when.
 */
#ifndef _LBDR_H
#define _LBDR_H

#include <linux/llist.h>
#include <linux/netfilter.h>
#include <linux/rhashtable.h>
#include <linux/workqueue.h>
#include <net/netns/generic.h>

#include <linux/lbdr.h>
#include "compat.h"
#include "flow.h"

#define LBDR_MODULE_VERSION	"0.1"

struct lbdr_peers;

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
 * @vips: filter of destination addresses; bits set and cleared under @lock
 * @conns: connection tables; RCU
 * @services: services of one port and those of a fwmark, by key; RCU, changed
 *	under @lock
 * @wide: services of many ports, by address and protocol; RCU, changed under
 *	@lock
 * @drops: per CPU; written with BH off
 * @timeout: seconds that a connection may idle, by state; WRITE_ONCE() under
 *	@lock
 * @n_wide: services in @wide; WRITE_ONCE() under @lock
 * @n_conns: connections whose memory is not free yet; atomic
 * @rate_count: new connections since @rate_start; atomic
 * @rate_start: jiffies when the current one-second interval began; cmpxchg()
 * @stateless_at: jiffies when a packet was last forwarded without a connection, 0
 *	for never; any packet writes it
 * @collector: reaps expired connections, queued while @n_conns is not 0
 * @reaped: connections that are out of the table and that the collector frees;
 *	lockless
 * @walk: where the collector stands in each table; the collector alone
 * @lock: serialises all configuration; see the top of this file
 * @net: the namespace that this belongs to; immutable
 * @hooks: what is registered with netfilter, or can be; immutable
 * @ingress: devices whose packets are taken at ingress; @lock
 * @service_list: services in the order of adding; @lock
 * @n_services: services of each family, hooks are registered where it is not
 *	0; @lock
 * @n_marked: those of a fwmark among them, for which there is a hook more;
 *	@lock
 * @entry: enum lbdr_entry, where the hooks are; @lock
 * @hold: more changes follow at once, so pools wait for the last; @lock
 * @stale: services whose pool is not what their servers are; @lock
 * @freshen: builds the pools of @stale, if nobody does so before
 * @draining: servers that wait for their connections to end; @lock
 * @drain: removes them
 * @lro: switches LRO off on the namespace's devices
 * @peers: MACs of the servers; RCU, replaced under @lock
 * @peers_work: builds @peers anew
 * @generation: bumped with every change, so that dumps and transactions notice;
 *	@lock
 * @batches: open transactions; @lock
 * @n_batches: how many; WRITE_ONCE() under @lock
 * @n_staged: services and servers that they hold; @lock
 */
struct lbdr_net {
	unsigned long		vips[LBDR_FAMILIES][BITS_TO_LONGS(1 << LBDR_VIP_BITS)];
	struct rhashtable	conns[LBDR_FAMILIES];
	struct rhashtable	services;
	struct rhltable		wide;
	u64 __percpu		*drops;
	u32			timeout[LBDR_CONN_STATES];
	u32			n_wide;

	atomic_t		n_conns ____cacheline_aligned_in_smp;
	atomic_t		rate_count;
	u32			rate_start;
	unsigned long		stateless_at;
	struct delayed_work	collector;
	struct llist_head	reaped;
	struct rhashtable_iter	walk[LBDR_FAMILIES];

	struct mutex		lock;		/* all configuration */
	struct net		*net;
	struct nf_hook_ops	hooks[LBDR_HOOKS][LBDR_FAMILIES];
	struct list_head	ingress;
	struct list_head	service_list;
	u32			n_services[LBDR_FAMILIES];
	u32			n_marked[LBDR_FAMILIES];
	u8			entry;
	bool			hold;
	struct list_head	stale;
	struct delayed_work	freshen;
	struct list_head	draining;
	struct delayed_work	drain;
	struct work_struct	lro;
	struct lbdr_peers __rcu	*peers;
	struct delayed_work	peers_work;
	u32			generation;
	struct list_head	batches;
	u32			n_batches;
	u32			n_staged;
};

/* net.c */
extern unsigned int lbdr_net_id;

static inline struct lbdr_net *lbdr_net(const struct net *net)
{
	return net_generic(net, lbdr_net_id);
}

int lbdr_net_init(void);
void lbdr_net_exit(void);

#endif /* _LBDR_H */
