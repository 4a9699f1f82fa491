// SPDX-License-Identifier: GPL-2.0
/*
 * Never queue: the first idle server, however slow; where all are busy, the one
 * with the shortest expected delay, as sed.
 */
#include "flow.h"
#include "pool.h"
#include "sched.h"
#include "server.h"

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
	return lbdr_sched_least(pool, lbdr_sched_delay, true);
}

const struct lbdr_sched_ops lbdr_sched_nq = {
	.name		= "nq",
	.summary	= "an idle server at once; else the shortest expected delay",
	.pick		= lbdr_nq_pick,
};
