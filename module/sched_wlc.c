// SPDX-License-Identifier: GPL-2.0
/*
 * Weighted least connections, the default: as lc, the number of connections
 * being divided by the server's weight.
 */
#include "flow.h"
#include "pool.h"
#include "sched.h"
#include "server.h"

static struct lbdr_server *lbdr_wlc_pick(const struct lbdr_pool *pool,
					 const struct lbdr_flow *flow)
{
	return lbdr_sched_least(pool, lbdr_sched_load, true);
}

const struct lbdr_sched_ops lbdr_sched_wlc = {
	.name		= "wlc",
	.summary	= "the server with the fewest connections for its weight",
	.pick		= lbdr_wlc_pick,
};
