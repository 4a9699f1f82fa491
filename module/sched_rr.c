// SPDX-License-Identifier: GPL-2.0
/*
 * Round robin: every server of weight above 0 in turn, regardless of its weight.
 *
 * The service's cursor numbers the turns; the server of a turn is computed from
 * it without a table. A pool that replaces another one continues behind the
 * server that was selected last.
 */
#include <linux/math64.h>

#include "flow.h"
#include "pool.h"
#include "sched.h"
#include "sched_turn.h"
#include "server.h"
#include "service.h"

/**
 * struct lbdr_rr - where the turns of a pool start
 * @origin: the turn of the first entry
 * @built: the next turn when the pool was built
 * @last: number of the server that was selected last before @built, 0 if none
 */
struct lbdr_rr {
	u64	origin;
	u64	built;
	u32	last;
};

/*
 * Get the number of the server that the service's current pool selected last, 0
 * if none. @turn is the next turn.
 */
static u32 lbdr_rr_last(const struct lbdr_service *service, u64 turn)
{
	const struct lbdr_pool *old;
	const struct lbdr_rr *rr;
	u32 index;

	/* Pools are built with lbdr_net.config held. */
	old = rcu_dereference_protected(service->pool, true);
	if (!old || old->sched.ops != &lbdr_sched_rr || !old->n)
		return 0;
	rr = old->priv;
	if (turn == rr->built)
		return rr->last;
	div_u64_rem(turn - 1 - rr->origin, old->n, &index);
	return old->entries[index].server->number;
}

static int lbdr_rr_pool_init(struct lbdr_pool *pool,
			     const struct lbdr_pool_config *config)
{
	struct lbdr_rr *rr;
	u32 next;

	rr = kmalloc(sizeof(*rr), GFP_KERNEL_ACCOUNT);
	if (!rr)
		return -ENOMEM;
	rr->built = atomic64_read(pool->cursor);
	rr->last = lbdr_rr_last(config->service, rr->built);
	for (next = 0; next < pool->n; next++)
		if (pool->entries[next].server->number > rr->last)
			break;
	rr->origin = rr->built - (next < pool->n ? next : 0);
	pool->priv = rr;
	return 0;
}

static void lbdr_rr_pool_exit(struct lbdr_pool *pool)
{
	kfree(pool->priv);
}

static __always_inline struct lbdr_server *
lbdr_rr_find(const struct lbdr_pool *pool, u64 turn, struct lbdr_server **first,
	     u32 *skipped)
{
	const struct lbdr_rr *rr = pool->priv;
	u32 index;

	div_u64_rem(turn - rr->origin, pool->n, &index);
	*first = pool->entries[index].server;
	return __lbdr_sched_next_open(pool, index, skipped);
}

static struct lbdr_server *lbdr_rr_pick(const struct lbdr_pool *pool,
					const struct lbdr_flow *flow)
{
	return lbdr_turn_pick(pool, lbdr_rr_find);
}

static struct lbdr_server *lbdr_rr_peek(const struct lbdr_pool *pool,
					const struct lbdr_flow *flow,
					struct lbdr_server **first)
{
	return lbdr_turn_peek(pool, first, lbdr_rr_find);
}

const struct lbdr_sched_ops lbdr_sched_rr = {
	.name		= "rr",
	.pool_init	= lbdr_rr_pool_init,
	.pool_exit	= lbdr_rr_pool_exit,
	.pick		= lbdr_rr_pick,
	.peek		= lbdr_rr_peek,
};
