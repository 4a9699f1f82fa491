/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What a scheduler sees and what it offers.
 *
 * A scheduler chooses a server for a new connection from an immutable
 * snapshot, the pool, and a small key, the flow; it never sees a packet. Its
 * choice runs on any CPU at any time under rcu_read_lock() and takes no lock.
 * Every change of the configuration builds a new pool, so a scheduler's
 * private data is built once, in process context, and never changed after.
 */
#ifndef _LBDR_SCHED_H
#define _LBDR_SCHED_H

#include "lbdr.h"

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
 * struct lbdr_pool - a snapshot of a service's servers
 * @sched: the scheduler that reads it
 * @priv: what @sched made of it
 * @cursor: the service's running number; atomic, outlives the pool
 * @n: number of entries
 * @rcu: frees it after the last packet that saw it
 * @entries: the servers of weight above 0 in the order they were added
 */
struct lbdr_pool {
	const struct lbdr_sched_ops	*sched;
	void				*priv;
	atomic64_t			*cursor;
	u32				n;
	struct rcu_head			rcu;
	struct lbdr_pool_entry		entries[];
};

/**
 * struct lbdr_sched_ops - a scheduler
 * @name: what an operator calls it
 * @summary: one line for an operator who chooses
 * @init: optional; builds &lbdr_pool.priv from the entries, of which there is
 *	at least one. Process context, may sleep. Returns 0 or -ENOMEM.
 * @exit: optional; frees what @init made. May run in softirq.
 * @pick: chooses a server for a new connection. rcu_read_lock() held, BH off.
 *	The pool has at least one entry. Returns the server, or NULL when none
 *	may take the connection.
 */
struct lbdr_sched_ops {
	const char *name;
	const char *summary;
	int (*init)(struct lbdr_pool *pool);
	void (*exit)(struct lbdr_pool *pool);
	struct lbdr_server *(*pick)(const struct lbdr_pool *pool,
				    const struct lbdr_flow *flow);
};

extern const struct lbdr_sched_ops lbdr_sched_rr;
extern const struct lbdr_sched_ops lbdr_sched_wrr;

/* sched.c */
const struct lbdr_sched_ops *lbdr_sched_find(const char *name);
const struct lbdr_sched_ops *lbdr_sched_at(unsigned int index);
const struct lbdr_sched_ops *lbdr_sched_default(void);

/* sched_wrr.c */
#define LBDR_WRR_SLOTS_MAX	16384

/* pool.c */
struct lbdr_pool *lbdr_pool_build(struct lbdr_service *service,
				  const struct lbdr_sched_ops *sched);
void lbdr_pool_publish(struct lbdr_net *ln, struct lbdr_service *service,
		       struct lbdr_pool *pool);
struct lbdr_server *lbdr_pool_pick(const struct lbdr_service *service,
				   const struct lbdr_flow *flow);
void lbdr_pool_free_rcu(struct lbdr_pool *pool);

#endif /* _LBDR_SCHED_H */
