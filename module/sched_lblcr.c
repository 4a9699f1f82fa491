// SPDX-License-Identifier: GPL-2.0
/*
 * Locality-based least connections with replication, for clusters of caches: a
 * destination address has a set of servers, the least loaded of which is chosen.
 * While that one has more active connections than its weight and another server
 * is idle, the set gains the one that wlc chooses. A set of several that has not
 * changed for lblc_expire seconds loses its most loaded server, so that what is
 * not asked for so much any more is not held in so many places.
 */
#include "flow.h"
#include "locality.h"
#include "pool.h"
#include "sched.h"
#include "server.h"

/* Whether @a has more connections for its weight than @b. */
static bool lbdr_lblcr_busier(const struct lbdr_server *a,
			      const struct lbdr_server *b)
{
	return lbdr_sched_load(a) * READ_ONCE(b->weight) >
	       lbdr_sched_load(b) * READ_ONCE(a->weight);
}

/* The least loaded open server of a set, or NULL. */
static __always_inline struct lbdr_server *
lbdr_lblcr_least(const struct lbdr_locality_set *set)
{
	struct lbdr_server *best = NULL;
	u32 i;

	for (i = 0; i < set->n; i++)
		if (lbdr_server_open(set->servers[i]) &&
		    (!best || lbdr_lblcr_busier(best, set->servers[i])))
			best = set->servers[i];
	return best;
}

/* The one to leave the set: one that is closed, or the most loaded. */
static struct lbdr_server *lbdr_lblcr_most(const struct lbdr_locality_set *set)
{
	struct lbdr_server *worst = NULL;
	u32 i;

	for (i = 0; i < set->n; i++) {
		if (!lbdr_server_open(set->servers[i]))
			return set->servers[i];
		if (!worst || !lbdr_lblcr_busier(worst, set->servers[i]))
			worst = set->servers[i];
	}
	return worst;
}

static bool lbdr_lblcr_has(const struct lbdr_locality_set *set,
			   const struct lbdr_server *server)
{
	u32 i;

	for (i = 0; i < set->n; i++)
		if (set->servers[i] == server)
			return true;
	return false;
}

/*
 * The best of the set, or where that is none or under strain the one that wlc
 * chooses, which @wlc tells.
 */
static __always_inline struct lbdr_server *
lbdr_lblcr_choose(const struct lbdr_pool *pool,
		  const struct lbdr_locality_set *set, bool *wlc)
{
	struct lbdr_server *server = lbdr_lblcr_least(set);

	*wlc = !server || lbdr_locality_strained(pool, server);
	return *wlc ? lbdr_sched_least(pool, lbdr_sched_load, true) : server;
}

static struct lbdr_server *lbdr_lblcr_pick(const struct lbdr_pool *pool,
					   const struct lbdr_flow *flow)
{
	struct lbdr_server *server, *leave = NULL, *add = NULL;
	struct lbdr_locality_set *set, *new;
	struct lbdr_locality_entry *entry;
	bool wlc;

	entry = lbdr_locality_find(pool->memory, flow);
	if (!entry) {
		server = lbdr_sched_least(pool, lbdr_sched_load, true);
		if (server)
			lbdr_locality_add(pool->memory, flow, server);
		return server;
	}

	set = rcu_dereference(entry->set);
	server = lbdr_lblcr_choose(pool, set, &wlc);
	if (set->n > 1 && (u32)jiffies - set->changed > lbdr_locality_expire())
		leave = lbdr_lblcr_most(set);
	if (wlc && server && !lbdr_lblcr_has(set, server))
		add = server;
	if (add || leave) {
		new = lbdr_locality_set_make(set, leave, add);
		if (new)
			lbdr_locality_replace(entry, set, new);
	}
	return server;
}

/* Of a set that is closed as a whole, the first one that it got. */
static struct lbdr_server *lbdr_lblcr_peek(const struct lbdr_pool *pool,
					   const struct lbdr_flow *flow,
					   struct lbdr_server **first)
{
	const struct lbdr_locality_set *set;
	struct lbdr_locality_entry *entry;
	bool wlc;

	entry = lbdr_locality_look(pool->memory, flow);
	if (!entry)
		return lbdr_sched_least(pool, lbdr_sched_load, true);
	set = rcu_dereference(entry->set);
	*first = lbdr_lblcr_least(set) ?: set->servers[0];
	return lbdr_lblcr_choose(pool, set, &wlc);
}

const struct lbdr_sched_ops lbdr_sched_lblcr = {
	.name		= "lblcr",
	.summary	= "the least loaded of a destination's servers, more of them under strain",
	.open		= lbdr_locality_open,
	.close		= lbdr_locality_close,
	.pick		= lbdr_lblcr_pick,
	.peek		= lbdr_lblcr_peek,
};
