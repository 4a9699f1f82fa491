/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The pool: an immutable snapshot of the servers of a service.
 */
#ifndef _LBDR_POOL_H
#define _LBDR_POOL_H

#include "flow.h"
#include "lbdr.h"
#include "reclaim.h"
#include "server.h"
#include "service.h"

/**
 * struct lbdr_pool_entry - a server that may get new connections
 * @server: one reference held by the pool
 * @weight: its weight when the pool was built, never 0
 */
struct lbdr_pool_entry {
	struct lbdr_server	*server;
	u32			weight;
};

/**
 * struct lbdr_pool_config - the configuration that a pool is built from
 * @service: the service
 * @servers: all its servers in the order of adding, including those of weight 0;
 *	a draining, held or skipped server has weight 0 here
 * @n: number of servers
 */
struct lbdr_pool_config {
	const struct lbdr_service	*service;
	const struct lbdr_pool_entry	*servers;
	u32				n;
};

/* L3 domains whose local server a pool remembers, by the last bits of their ids */
#define LBDR_POOL_LOCALS	4

/**
 * struct lbdr_pool - a snapshot of a service's servers
 * @sched: the scheduler that reads it, and its options
 * @priv: the scheduler's private table, or NULL
 * @state: the scheduler's state of the service, shared by its successive pools,
 *	or NULL
 * @cursor: the service's running number; atomic, outlives the pool
 * @n: number of entries
 * @locals: the servers that are this host, see lbdr_peers_not_back(); WRITE_ONCE() by
 *	packets
 * @digest: digest of @priv if the scheduler computes one, see lbdr_sched_digest(),
 *	else 0
 * @cost: jiffies that it should live, since building it took a share of them
 * @reclaim: frees it after the last packet that saw it
 * @entries: the servers of weight above 0 in the order they were added
 */
struct lbdr_pool {
	struct lbdr_sched		sched;
	void				*priv;
	void				*state;
	atomic64_t			*cursor;
	u32				n;
	u64				locals[LBDR_POOL_LOCALS];
	u64				digest;
	unsigned long			cost;
	struct lbdr_reclaim		reclaim;
	struct lbdr_pool_entry		entries[];
};

void lbdr_pool_net_init(struct lbdr_net *ln);
void lbdr_pool_net_exit(struct lbdr_net *ln);
struct lbdr_pool *lbdr_pool_make(struct lbdr_service *service,
				 const struct lbdr_sched *sched, void *state,
				 const struct lbdr_pool_entry *servers, u32 n);
u32 lbdr_pool_weight(const struct lbdr_server *server);
bool lbdr_pool_is_current(const struct lbdr_service *service,
			  const struct lbdr_pool_entry *servers, u32 n);
bool lbdr_pool_may_wait(const struct lbdr_service *service);
void lbdr_pool_wait(struct lbdr_net *ln, struct lbdr_service *service);
void lbdr_pool_update(struct lbdr_net *ln, struct lbdr_service *service);
void lbdr_pool_publish(struct lbdr_net *ln, struct lbdr_service *service,
		       struct lbdr_pool *pool);
void lbdr_pool_free_rcu(struct lbdr_pool *pool);
struct lbdr_server *lbdr_pool_peek(const struct lbdr_service *service,
				   const struct lbdr_flow *flow,
				   struct lbdr_server **first);

/**
 * lbdr_pool_has_servers() - Check whether a service has servers to choose from
 * @service: the service
 *
 * Context: rcu_read_lock() held.
 * Return: true if its pool has servers, all of weight above 0; they may be overloaded or
 * dead.
 */
static inline bool lbdr_pool_has_servers(const struct lbdr_service *service)
{
	return rcu_dereference(service->pool)->n;
}

#endif /* _LBDR_POOL_H */
