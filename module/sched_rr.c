// SPDX-License-Identifier: GPL-2.0
/*
 * Round robin: the servers in turn, in the order they were added.
 *
 * The service's running number says whose turn it is. It outlives the pool, so
 * a change of the servers does not send the turn back to the first. Exact turns
 * need a number that all CPUs share; it is written once for a new connection.
 */
#include <linux/math64.h>

#include "sched.h"

static struct lbdr_server *lbdr_rr_pick(const struct lbdr_pool *pool,
					const struct lbdr_flow *flow)
{
	u64 turn = atomic64_fetch_inc(pool->cursor);
	struct lbdr_server *server;
	u32 index, skipped;

	div_u64_rem(turn, pool->n, &index);
	for (skipped = 0; skipped < pool->n; skipped++) {
		server = pool->entries[index].server;
		if (likely(lbdr_server_open(server))) {
			/* Nobody gets the turns of those that were passed over. */
			if (unlikely(skipped))
				atomic64_add(skipped, pool->cursor);
			return server;
		}
		index = index + 1 < pool->n ? index + 1 : 0;
	}
	return NULL;
}

const struct lbdr_sched_ops lbdr_sched_rr = {
	.name		= "rr",
	.summary	= "each server in turn; weights count only as 0 or not",
	.pick		= lbdr_rr_pick,
};
