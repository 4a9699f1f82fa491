// SPDX-License-Identifier: GPL-2.0
/*
 * Overflow: all to the server of the highest weight, until it has more active
 * connections than its weight; what flows over goes to the next. Of equal
 * weights the first added is chosen. Where all have overflown there is no
 * server.
 */
#include "flow.h"
#include "pool.h"
#include "sched.h"
#include "server.h"

static struct lbdr_server *lbdr_ovf_pick(const struct lbdr_pool *pool,
					 const struct lbdr_flow *flow)
{
	const struct lbdr_pool_entry *entry, *best = NULL;
	u32 i;

	for (i = 0; i < pool->n; i++) {
		entry = &pool->entries[i];
		if ((!best || entry->weight > best->weight) &&
		    lbdr_server_active(entry->server) <= entry->weight &&
		    lbdr_server_open(entry->server))
			best = entry;
	}
	return best ? best->server : NULL;
}

static struct lbdr_server *lbdr_ovf_peek(const struct lbdr_pool *pool,
					 const struct lbdr_flow *flow,
					 struct lbdr_server **first)
{
	*first = lbdr_sched_heaviest(pool);
	return lbdr_ovf_pick(pool, flow);
}

const struct lbdr_sched_ops lbdr_sched_ovf = {
	.name		= "ovf",
	.summary	= "the highest weight, up to as many active connections as it weighs",
	.pick		= lbdr_ovf_pick,
	.peek		= lbdr_ovf_peek,
};
