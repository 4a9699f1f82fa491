// SPDX-License-Identifier: GPL-2.0
/*
 * Least connections: the server with the fewest, whatever its weight, where an
 * active connection counts as 256 inactive ones.
 */
#include "flow.h"
#include "pool.h"
#include "sched.h"
#include "server.h"

static struct lbdr_server *lbdr_lc_pick(const struct lbdr_pool *pool,
					const struct lbdr_flow *flow)
{
	return lbdr_sched_least(pool, lbdr_sched_load, false);
}

const struct lbdr_sched_ops lbdr_sched_lc = {
	.name		= "lc",
	.summary	= "the server with the fewest connections",
	.pick		= lbdr_lc_pick,
};
