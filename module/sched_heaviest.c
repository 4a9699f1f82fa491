// SPDX-License-Identifier: GPL-2.0
/*
 * Schedulers that send all connections to the server of the highest weight:
 *
 * fo   failover: to the next server while that one is not open
 * ovf  overflow: to the next server while that one has more active connections
 *      than its weight. If every server has, none is selected.
 *
 * Of equal weights the server added first is selected. They have no tables: each
 * choice reads all servers.
 */
#include "flow.h"
#include "pool.h"
#include "sched.h"
#include "server.h"

/*
 * Find the eligible server of the highest weight; @eligible is inlined. Of
 * equal weights the first is found.
 */
static __always_inline struct lbdr_server *
lbdr_heaviest_find(const struct lbdr_pool *pool,
		   bool (*eligible)(const struct lbdr_pool_entry *entry))
{
	const struct lbdr_pool_entry *entry, *best = NULL;
	u32 i;

	for (i = 0; i < pool->n; i++) {
		entry = &pool->entries[i];
		if ((!best || entry->weight > best->weight) && eligible(entry))
			best = entry;
	}
	return best ? best->server : NULL;
}

static __always_inline bool
lbdr_heaviest_any(const struct lbdr_pool_entry *entry)
{
	return true;
}

static __always_inline bool
lbdr_heaviest_open(const struct lbdr_pool_entry *entry)
{
	return lbdr_server_open(entry->server);
}

static __always_inline bool
lbdr_heaviest_has_room(const struct lbdr_pool_entry *entry)
{
	return lbdr_server_active(entry->server) <= entry->weight &&
	       lbdr_server_open(entry->server);
}

static struct lbdr_server *lbdr_fo_pick(const struct lbdr_pool *pool,
					const struct lbdr_flow *flow)
{
	return lbdr_heaviest_find(pool, lbdr_heaviest_open);
}

static struct lbdr_server *lbdr_fo_peek(const struct lbdr_pool *pool,
					const struct lbdr_flow *flow,
					struct lbdr_server **first)
{
	*first = lbdr_heaviest_find(pool, lbdr_heaviest_any);
	return lbdr_fo_pick(pool, flow);
}

const struct lbdr_sched_ops lbdr_sched_fo = {
	.name	= "fo",
	.pick	= lbdr_fo_pick,
	.peek	= lbdr_fo_peek,
};

static struct lbdr_server *lbdr_ovf_pick(const struct lbdr_pool *pool,
					 const struct lbdr_flow *flow)
{
	return lbdr_heaviest_find(pool, lbdr_heaviest_has_room);
}

static struct lbdr_server *lbdr_ovf_peek(const struct lbdr_pool *pool,
					 const struct lbdr_flow *flow,
					 struct lbdr_server **first)
{
	*first = lbdr_heaviest_find(pool, lbdr_heaviest_any);
	return lbdr_ovf_pick(pool, flow);
}

const struct lbdr_sched_ops lbdr_sched_ovf = {
	.name	= "ovf",
	.pick	= lbdr_ovf_pick,
	.peek	= lbdr_ovf_peek,
};
