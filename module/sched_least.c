// SPDX-License-Identifier: GPL-2.0
/*
 * Schedulers that select the server with the least cost:
 *
 * lc   least connections: the load, regardless of the weight
 * wlc  weighted least connections, the default: the load divided by the weight
 * sed  shortest expected delay: active connections including the new one,
 *      divided by the weight. Of idle servers the one with the highest weight is
 *      selected, where wlc sees no difference.
 * nq   never queue: the first idle server, even a slow one; sed if no server is
 *      idle
 *
 * Of equal costs the server added first is selected. They have no tables: each
 * choice reads all servers.
 */
#include "flow.h"
#include "pool.h"
#include "sched.h"
#include "server.h"

/* The queue length of a server after it gets the new connection. */
static __always_inline u64 lbdr_least_delay(const struct lbdr_server *server)
{
	return (u64)lbdr_server_active(server) + 1;
}

static struct lbdr_server *lbdr_lc_pick(const struct lbdr_pool *pool,
					const struct lbdr_flow *flow)
{
	return lbdr_sched_least(pool, lbdr_sched_load, false);
}

const struct lbdr_sched_ops lbdr_sched_lc = {
	.name	= "lc",
	.pick	= lbdr_lc_pick,
};

static struct lbdr_server *lbdr_wlc_pick(const struct lbdr_pool *pool,
					 const struct lbdr_flow *flow)
{
	return lbdr_sched_least(pool, lbdr_sched_load, true);
}

const struct lbdr_sched_ops lbdr_sched_wlc = {
	.name	= "wlc",
	.pick	= lbdr_wlc_pick,
};

static struct lbdr_server *lbdr_sed_pick(const struct lbdr_pool *pool,
					 const struct lbdr_flow *flow)
{
	return lbdr_sched_least(pool, lbdr_least_delay, true);
}

const struct lbdr_sched_ops lbdr_sched_sed = {
	.name	= "sed",
	.pick	= lbdr_sed_pick,
};

static struct lbdr_server *lbdr_nq_pick(const struct lbdr_pool *pool,
					const struct lbdr_flow *flow)
{
	struct lbdr_server *server;
	u32 i;

	for (i = 0; i < pool->n; i++) {
		server = pool->entries[i].server;
		if (!lbdr_server_active(server) && lbdr_server_open(server))
			return server;
	}
	return lbdr_sched_least(pool, lbdr_least_delay, true);
}

const struct lbdr_sched_ops lbdr_sched_nq = {
	.name	= "nq",
	.pick	= lbdr_nq_pick,
};
