/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What a scheduler sees and what it offers.
 *
 * A scheduler chooses a server for a new connection from an immutable
 * snapshot, the pool, and a small key, the flow; it never sees a packet. Its
 * choice runs on any CPU at any time under rcu_read_lock() and takes no lock.
 * Every change of the configuration builds a new pool, so a scheduler's
 * private data is built once, in process context, and never changed after.
 *
 * What changes from one moment to the next, the counts of connections and
 * whether a server is open for new ones, is read off the servers.
 */
#ifndef _LBDR_SCHED_H
#define _LBDR_SCHED_H

#include "flow.h"
#include "pool.h"
#include "server.h"
#include "service.h"

/**
 * struct lbdr_sched_ops - a scheduler
 * @name: what an operator calls it
 * @summary: one line for an operator who chooses
 * @flags: the LBDR_SCHED_FLAG_... that it knows
 * @stateless: its choice depends on the flow and the servers alone
 * @size: slots of its table unless the operator says, 0 when it cannot be said
 * @open: optional; makes &lbdr_pool.memory for a service. Process context.
 *	Returns NULL when there is no memory.
 * @close: frees what @open made, after a grace period. Process context; no
 *	pool that packets can find from now on has it.
 * @init: optional; builds &lbdr_pool.priv from the entries, of which there is
 *	at least one, and the roster that they come from. Process context,
 *	lbdr_net.lock held, may sleep. Returns 0 or -ENOMEM.
 * @exit: optional; frees what @init made. May run in softirq.
 * @pick: chooses a server for a new connection. rcu_read_lock() held, BH off.
 *	The pool has at least one entry. Returns the server, which is open, or
 *	NULL when none may take the connection.
 * @peek: what @pick would return now, without any trace of the question: no turn
 *	passes, nothing is remembered or renewed. The same context. Sets @first
 *	to the server that the choice falls on before it is asked whether that
 *	one is open, where there is such a one. Optional: @pick stands for it
 *	where it changes nothing and knows no first.
 * @random: the choice is drawn, and another one the next time
 */
struct lbdr_sched_ops {
	const char *name;
	const char *summary;
	u32 flags;
	bool stateless;
	bool needs_weight0;
	u32 size;
	void *(*open)(void);
	void (*close)(void *memory);
	int (*init)(struct lbdr_pool *pool, const struct lbdr_roster *roster);
	void (*exit)(struct lbdr_pool *pool);
	struct lbdr_server *(*pick)(const struct lbdr_pool *pool,
				    const struct lbdr_flow *flow);
	struct lbdr_server *(*peek)(const struct lbdr_pool *pool,
				    const struct lbdr_flow *flow,
				    struct lbdr_server **first);
	bool random;
};

extern const struct lbdr_sched_ops lbdr_sched_rr;
extern const struct lbdr_sched_ops lbdr_sched_wrr;
extern const struct lbdr_sched_ops lbdr_sched_lc;
extern const struct lbdr_sched_ops lbdr_sched_wlc;
extern const struct lbdr_sched_ops lbdr_sched_lblc;
extern const struct lbdr_sched_ops lbdr_sched_lblcr;
extern const struct lbdr_sched_ops lbdr_sched_dh;
extern const struct lbdr_sched_ops lbdr_sched_sh;
extern const struct lbdr_sched_ops lbdr_sched_sed;
extern const struct lbdr_sched_ops lbdr_sched_nq;
extern const struct lbdr_sched_ops lbdr_sched_fo;
extern const struct lbdr_sched_ops lbdr_sched_ovf;
extern const struct lbdr_sched_ops lbdr_sched_mh;
extern const struct lbdr_sched_ops lbdr_sched_twos;

/* sched.c */
const struct lbdr_sched_ops *lbdr_sched_find(const char *name);
const struct lbdr_sched_ops *lbdr_sched_at(unsigned int index);
const struct lbdr_sched_ops *lbdr_sched_default(void);
struct lbdr_server *lbdr_sched_open_from(const struct lbdr_pool *pool,
					 u32 first);
struct lbdr_server *lbdr_sched_heaviest(const struct lbdr_pool *pool);
u32 lbdr_sched_fold(const struct lbdr_flow *flow, bool vip);

/**
 * lbdr_sched_load() - a server's connections, the active ones counting most
 * @server: the server
 *
 * An active connection weighs as much as 256 others: lc and wlc have counted
 * so since the LVS project began, and all its manuals say so.
 *
 * A count may be below 0 for a moment, when one CPU takes away what another one
 * is about to add: that is less than any other load, and as good as 0.
 *
 * Context: any.
 */
static inline u64 lbdr_sched_load(const struct lbdr_server *server)
{
	s64 load = (s64)atomic_read(&server->active) * 256 +
		   atomic_read(&server->inactive);

	return max_t(s64, load, 0);
}

/**
 * lbdr_sched_delay() - how long a connection is expected to wait
 * @server: the server
 *
 * Context: any.
 * Return: the queue with the newcomer in it.
 */
static inline u64 lbdr_sched_delay(const struct lbdr_server *server)
{
	return (u64)lbdr_server_active(server) + 1;
}

/**
 * lbdr_sched_least() - the open server of the least cost, by weight
 * @pool: the pool
 * @cost: of a server, less than 2^48
 * @weighted: divide it by the server's weight
 *
 * Looks at every server and writes nothing. Inlined with its @cost.
 *
 * Context: rcu_read_lock() held.
 * Return: the first one added of those with the least cost, or NULL.
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
		/* this / weight < least / best weight, without dividing */
		if (best && (weighted ?
			     this * best->weight >= least * entry->weight :
			     this >= least))
			continue;
		/* Last, for few come as far as this. */
		if (!lbdr_server_open(entry->server))
			continue;
		best = entry;
		least = this;
	}
	return best ? best->server : NULL;
}

/**
 * struct lbdr_turn - somebody's turn
 * @when: it comes
 * @index: whose it is
 */
struct lbdr_turn {
	u64	when;
	u32	index;
};

/**
 * struct lbdr_turns - those who wait for their turn
 * @heap: of their turns, the earliest first
 * @n: how many
 */
struct lbdr_turns {
	struct lbdr_turn	*heap;
	u32			n;
};

/* turns.c */
int lbdr_turns_alloc(struct lbdr_turns *turns, u32 max);
void lbdr_turns_free(struct lbdr_turns *turns);
void lbdr_turns_add(struct lbdr_turns *turns, u32 index, u64 when);
struct lbdr_turn lbdr_turns_take(struct lbdr_turns *turns);

/* sched_wrr.c */
#define LBDR_WRR_SLOTS_MAX	16384

#endif /* _LBDR_SCHED_H */
