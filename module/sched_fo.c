// SPDX-License-Identifier: GPL-2.0
/*
 * Fail-over: all to the server of the highest weight, as long as it is there and
 * open. Of equal weights the first added is chosen.
 */
#include "flow.h"
#include "pool.h"
#include "sched.h"
#include "server.h"

static struct lbdr_server *lbdr_fo_pick(const struct lbdr_pool *pool,
					const struct lbdr_flow *flow)
{
	const struct lbdr_pool_entry *entry, *best = NULL;
	u32 i;

	for (i = 0; i < pool->n; i++) {
		entry = &pool->entries[i];
		if ((!best || entry->weight > best->weight) &&
		    lbdr_server_open(entry->server))
			best = entry;
	}
	return best ? best->server : NULL;
}

static struct lbdr_server *lbdr_fo_peek(const struct lbdr_pool *pool,
					const struct lbdr_flow *flow,
					struct lbdr_server **first)
{
	*first = lbdr_sched_heaviest(pool);
	return lbdr_fo_pick(pool, flow);
}

const struct lbdr_sched_ops lbdr_sched_fo = {
	.name		= "fo",
	.summary	= "fail-over: all to the server of the highest weight",
	.pick		= lbdr_fo_pick,
	.peek		= lbdr_fo_peek,
};
