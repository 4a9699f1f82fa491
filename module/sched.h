/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Schedulers: the interface, and what several schedulers share.
 *
 * A scheduler selects a server for a new connection. Its input is an immutable
 * snapshot of the servers (the pool) and a small key (the flow); it never sees a
 * packet. pick() runs on any CPU at any time under rcu_read_lock() and takes no
 * lock. Every configuration change builds a new pool, therefore a scheduler
 * builds its private table once, in process context, and never changes it.
 *
 * Connection counts and the state of a server (open or not) change at any time;
 * schedulers read them from the servers.
 */
#ifndef _LBDR_SCHED_H
#define _LBDR_SCHED_H

#include "flow.h"
#include "pool.h"
#include "server.h"
#include "service.h"

/**
 * struct lbdr_sched_ops - a scheduler
 * @name: its name on the command line and in netlink, shorter than
 *	LBDR_SCHED_NAME_LEN
 * @flags: the supported LBDR_SCHED_FLAG_*
 * @stateless: the selected server depends only on the flow and the servers
 * @random: pick() uses random numbers, so that repeated calls differ
 * @needs_weight0: the pool's private table depends on servers of weight 0 too:
 *	adding or removing one requires a new pool. Without this flag, a pool is
 *	the same with and without such a server.
 * @size: default number of slots of the table, 0 if the number is fixed
 * @state_alloc: optional; allocates the state of a service, which is shared by
 *	all its successive pools (&lbdr_pool.state). Process context, may sleep.
 *	Returns NULL if out of memory.
 * @state_free: frees the state of a service after a grace period. Process
 *	context, may sleep. No published pool refers to the state.
 * @pool_init: optional; builds &lbdr_pool.priv from the pool's entries, of which
 *	there is at least one, and from @config. Sets &lbdr_pool.digest if directors
 *	with the same table choose the same servers. Process context, lbdr_net.config
 *	held, may sleep. Returns 0 or -ENOMEM.
 * @pool_exit: frees &lbdr_pool.priv. Process or softirq context.
 * @pick: selects a server for a new connection. rcu_read_lock() held, BH
 *	disabled. The pool has at least one entry. Returns an open server, or
 *	NULL if no server accepts the connection.
 * @peek: returns what @pick would return now and has no side effects: the cursor,
 *	the state and its time stamps stay as they are. Same context as @pick.
 *	Sets @first to the server that @pick tests first, if there is one.
 *	Optional: @pick is called instead if it has no side effects and no such
 *	first server.
 */
struct lbdr_sched_ops {
	const char *name;
	u32 flags;
	bool stateless;
	bool random;
	bool needs_weight0;
	u32 size;
	void *(*state_alloc)(struct lbdr_net *ln);
	void (*state_free)(void *state);
	int (*pool_init)(struct lbdr_pool *pool,
			 const struct lbdr_pool_config *config);
	void (*pool_exit)(struct lbdr_pool *pool);
	struct lbdr_server *(*pick)(const struct lbdr_pool *pool,
				    const struct lbdr_flow *flow);
	struct lbdr_server *(*peek)(const struct lbdr_pool *pool,
				    const struct lbdr_flow *flow,
				    struct lbdr_server **first);
};

/**
 * lbdr_pool_pick() - Choose a server for a new connection
 * @service: the service
 * @flow: of the connection's first packet
 *
 * Context: rcu_read_lock() held, BH off.
 * Return: a server, or NULL if none takes new connections.
 */
static inline struct lbdr_server *lbdr_pool_pick(const struct lbdr_service *service,
						 const struct lbdr_flow *flow)
{
	const struct lbdr_pool *pool = rcu_dereference(service->pool);

	if (unlikely(!pool->n))
		return NULL;
	return pool->sched.ops->pick(pool, flow);
}

#define LBDR_SCHED(name) lbdr_sched_##name
extern const struct lbdr_sched_ops
#include "sched_list.h"
;

const struct lbdr_sched_ops *lbdr_sched_find(const char *name);
const struct lbdr_sched_ops *lbdr_sched_at(unsigned int index);
const struct lbdr_sched_ops *lbdr_sched_default(void);
struct lbdr_server *lbdr_sched_next_open(const struct lbdr_pool *pool,
					 u32 index);
int lbdr_sched_digest(struct lbdr_pool *pool, const u16 *slots, u32 n);

/**
 * lbdr_sched_load() - Compute the load of a server
 * @server: the server
 *
 * An active connection counts as 256 inactive ones, as in ip_vs.
 *
 * A connection count can be negative for a moment, while two CPUs change it; a
 * negative load counts as 0.
 *
 * Context: any.
 * Return: the load, less than 2^48.
 */
static inline u64 lbdr_sched_load(const struct lbdr_server *server)
{
	s64 load = (s64)atomic_read(&server->active) * 256 +
		   atomic_read(&server->inactive);

	return max_t(s64, load, 0);
}

/**
 * lbdr_sched_least() - Find the open server with the least cost
 * @pool: the pool
 * @cost: cost of a server, less than 2^48
 * @weighted: divide the cost by the server's weight
 *
 * Always inlined together with @cost. Reads every server and writes nothing.
 *
 * Context: rcu_read_lock() held.
 * Return: the server added first of those with the least cost, or NULL.
 */
static __always_inline struct lbdr_server *
lbdr_sched_least(const struct lbdr_pool *pool,
		 u64 (*cost)(const struct lbdr_server *server), bool weighted)
{
	const struct lbdr_pool_entry *entry, *best = NULL;
	u64 least = 0, this;
	u32 i;

	for (i = 0; i < pool->n; i++) {
		entry = &pool->entries[i];
		this = cost(entry->server);
		/* this / weight < least / best weight, without a division */
		if (best && (weighted ?
			     this * best->weight >= least * entry->weight :
			     this >= least))
			continue;
		/* Tested last, because few servers get here. */
		if (!lbdr_server_open(entry->server))
			continue;
		best = entry;
		least = this;
	}
	return best ? best->server : NULL;
}

/**
 * __lbdr_sched_next_open() - Find the next open server, inlined
 * @pool: the pool
 * @index: index of the first entry to test
 * @skipped: set to the number of entries that were skipped, 0 if no server is
 *	open
 *
 * Context: rcu_read_lock() held.
 * Return: the first open server from @index on, in the order of adding and
 * wrapping around at the end; NULL if no server is open.
 */
static __always_inline struct lbdr_server *
__lbdr_sched_next_open(const struct lbdr_pool *pool, u32 index, u32 *skipped)
{
	struct lbdr_server *server;

	for (*skipped = 0; *skipped < pool->n; ++*skipped) {
		server = pool->entries[index].server;
		if (likely(lbdr_server_open(server)))
			return server;
		index = index + 1 < pool->n ? index + 1 : 0;
	}
	*skipped = 0;
	return NULL;
}

#endif /* _LBDR_SCHED_H */
