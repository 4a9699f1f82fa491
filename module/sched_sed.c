// SPDX-License-Identifier: GPL-2.0
/*
 * Shortest expected delay: active connections with the newcomer among them,
 * divided by the weight. Of idle servers the fastest is the first to get one,
 * where wlc sees no difference between them.
 */
#include "flow.h"
#include "pool.h"
#include "sched.h"
#include "server.h"

static struct lbdr_server *lbdr_sed_pick(const struct lbdr_pool *pool,
					 const struct lbdr_flow *flow)
{
	return lbdr_sched_least(pool, lbdr_sched_delay, true);
}

const struct lbdr_sched_ops lbdr_sched_sed = {
	.name		= "sed",
	.summary	= "the server with the shortest expected delay",
	.pick		= lbdr_sed_pick,
};
