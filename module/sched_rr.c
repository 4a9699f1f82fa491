// SPDX-License-Identifier: GPL-2.0
/*
 * Round robin: every server of weight above 0 in turn, whatever it weighs.
 *
 * The service's running number says whose turn it is: no lock, no loop. A pool
 * that takes the place of another goes on behind the server that was chosen last.
 */
#include <linux/math64.h>

#include "flow.h"
#include "pool.h"
#include "sched.h"
#include "server.h"
#include "service.h"

/**
 * struct lbdr_rr - where the turns of a pool begin
 * @origin: the running number at which the first entry has its turn
 * @built: the running number when the pool was built
 * @after: number of the server that was chosen last by then, 0 for none
 */
struct lbdr_rr {
	u64	origin;
	u64	built;
	u32	after;
};

/* Number of the server that the service's old pool has chosen last. */
static u32 lbdr_rr_last(const struct lbdr_service *service, u64 turn)
{
	const struct lbdr_pool *old;
	const struct lbdr_rr *rr;
	u32 index;

	/* Who builds a pool holds lbdr_net.lock. */
	old = rcu_dereference_protected(service->pool, true);
	if (!old || old->sched.ops != &lbdr_sched_rr || !old->n)
		return 0;
	rr = old->priv;
	if (turn == rr->built)
		return rr->after;
	div_u64_rem(turn - 1 - rr->origin, old->n, &index);
	return old->entries[index].server->number;
}

static int lbdr_rr_init(struct lbdr_pool *pool,
			const struct lbdr_roster *roster)
{
	struct lbdr_rr *rr;
	u32 next;

	rr = kmalloc(sizeof(*rr), GFP_KERNEL_ACCOUNT);
	if (!rr)
		return -ENOMEM;
	rr->built = atomic64_read(pool->cursor);
	rr->after = lbdr_rr_last(roster->service, rr->built);
	for (next = 0; next < pool->n; next++)
		if (pool->entries[next].server->number > rr->after)
			break;
	rr->origin = rr->built - (next < pool->n ? next : 0);
	pool->priv = rr;
	return 0;
}

static void lbdr_rr_exit(struct lbdr_pool *pool)
{
	kfree(pool->priv);
}

/* Whose turn it is, open or not. */
static __always_inline u32 lbdr_rr_index(const struct lbdr_pool *pool, u64 turn)
{
	const struct lbdr_rr *rr = pool->priv;
	u32 index;

	div_u64_rem(turn - rr->origin, pool->n, &index);
	return index;
}

/* From there on the first that is open, and how many were passed over for it. */
static __always_inline struct lbdr_server *
lbdr_rr_find(const struct lbdr_pool *pool, u32 index, u32 *skipped)
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

static struct lbdr_server *lbdr_rr_pick(const struct lbdr_pool *pool,
					const struct lbdr_flow *flow)
{
	u64 turn = atomic64_fetch_inc(pool->cursor);
	struct lbdr_server *server;
	u32 skipped;

	server = lbdr_rr_find(pool, lbdr_rr_index(pool, turn), &skipped);
	/* Nobody gets the turns of those that were passed over. */
	if (unlikely(skipped))
		atomic64_add(skipped, pool->cursor);
	return server;
}

static struct lbdr_server *lbdr_rr_peek(const struct lbdr_pool *pool,
					const struct lbdr_flow *flow,
					struct lbdr_server **first)
{
	u32 skipped, index = lbdr_rr_index(pool, atomic64_read(pool->cursor));

	*first = pool->entries[index].server;
	return lbdr_rr_find(pool, index, &skipped);
}

const struct lbdr_sched_ops lbdr_sched_rr = {
	.name		= "rr",
	.summary	= "each server in turn; weights count only as 0 or not",
	.init		= lbdr_rr_init,
	.exit		= lbdr_rr_exit,
	.pick		= lbdr_rr_pick,
	.peek		= lbdr_rr_peek,
};
