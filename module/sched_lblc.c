// SPDX-License-Identifier: GPL-2.0
/*
 * Locality-based least connections, for clusters of caches: the connections to a
 * destination address go to the same server, or to few servers. Useful for a
 * service with many destinations.
 *
 * lblc   A destination has one server. A destination that is new, or whose server
 *        is not open or is imbalanced, gets the server that wlc selects.
 * lblcr  With replication: a destination has a set of servers. The least loaded
 *        one is selected; if that is imbalanced, or none is open, the server that
 *        wlc selects is added to the set. If a set of several servers has not
 *        changed for lblc_expire seconds, its most loaded server is removed, so
 *        that the number of copies follows the demand.
 *
 * A server is imbalanced while it has more active connections than its weight
 * and another open server has fewer than half of its weight (ip_vs:
 * net/netfilter/ipvs/ip_vs_lblc.c).
 *
 * The table of destinations is the state of the service: locality.c.
 */
#include "flow.h"
#include "locality.h"
#include "pool.h"
#include "sched.h"
#include "server.h"

static __always_inline struct lbdr_server *
lbdr_lblc_wlc(const struct lbdr_pool *pool)
{
	return lbdr_sched_least(pool, lbdr_sched_load, true);
}

static bool lbdr_lblc_imbalanced(const struct lbdr_pool *pool,
				 const struct lbdr_server *server)
{
	const struct lbdr_pool_entry *entry;
	u32 i;

	if (lbdr_server_active(server) <= READ_ONCE(server->weight))
		return false;
	for (i = 0; i < pool->n; i++) {
		entry = &pool->entries[i];
		if (2 * (u64)lbdr_server_active(entry->server) <
		    entry->weight && lbdr_server_open(entry->server))
			return true;
	}
	return false;
}

/* Select a server for a destination; @set is NULL for a new destination. */
static __always_inline struct lbdr_server *
lbdr_lblc_select(const struct lbdr_pool *pool,
		 const struct lbdr_locality_set *set)
{
	struct lbdr_server *server;

	if (set) {
		server = set->servers[0];
		if (lbdr_server_open(server) &&
		    !lbdr_lblc_imbalanced(pool, server))
			return server;
	}
	return lbdr_lblc_wlc(pool);
}

static struct lbdr_server *lbdr_lblc_pick(const struct lbdr_pool *pool,
					  const struct lbdr_flow *flow)
{
	struct lbdr_locality_entry *entry;
	struct lbdr_locality_set *set = NULL;
	struct lbdr_server *server;

	entry = lbdr_locality_find(pool->state, flow);
	if (entry)
		set = rcu_dereference(entry->set);
	server = lbdr_lblc_select(pool, set);
	if (!server)
		return NULL;
	if (!entry)
		lbdr_locality_add(pool->state, flow, server);
	else if (server != set->servers[0])
		lbdr_locality_update(entry, set, set->servers[0], server);
	return server;
}

static struct lbdr_server *lbdr_lblc_peek(const struct lbdr_pool *pool,
					  const struct lbdr_flow *flow,
					  struct lbdr_server **first)
{
	const struct lbdr_locality_set *set = NULL;
	struct lbdr_locality_entry *entry;

	entry = lbdr_locality_peek(pool->state, flow);
	if (entry) {
		set = rcu_dereference(entry->set);
		*first = set->servers[0];
	}
	return lbdr_lblc_select(pool, set);
}

const struct lbdr_sched_ops lbdr_sched_lblc = {
	.name		= "lblc",
	.state_alloc	= lbdr_locality_alloc,
	.state_free	= lbdr_locality_free,
	.pick		= lbdr_lblc_pick,
	.peek		= lbdr_lblc_peek,
};

/* Return true if @a has more load for its weight than @b. */
static bool lbdr_lblcr_busier(const struct lbdr_server *a,
			      const struct lbdr_server *b)
{
	return lbdr_sched_load(a) * READ_ONCE(b->weight) >
	       lbdr_sched_load(b) * READ_ONCE(a->weight);
}

/* Find the least loaded open server of a set; NULL if none is open. */
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

/* Find the server to remove: one that is not open, or the most loaded. */
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

/* Select a server for a destination; @wlc is set if wlc selected it. */
static __always_inline struct lbdr_server *
lbdr_lblcr_select(const struct lbdr_pool *pool,
		  const struct lbdr_locality_set *set, bool *wlc)
{
	struct lbdr_server *server = lbdr_lblcr_least(set);

	*wlc = !server || lbdr_lblc_imbalanced(pool, server);
	return *wlc ? lbdr_lblc_wlc(pool) : server;
}

static struct lbdr_server *lbdr_lblcr_pick(const struct lbdr_pool *pool,
					   const struct lbdr_flow *flow)
{
	struct lbdr_server *server, *del = NULL, *add = NULL;
	struct lbdr_locality_entry *entry;
	struct lbdr_locality_set *set;
	bool wlc;

	entry = lbdr_locality_find(pool->state, flow);
	if (!entry) {
		server = lbdr_lblc_wlc(pool);
		if (server)
			lbdr_locality_add(pool->state, flow, server);
		return server;
	}

	set = rcu_dereference(entry->set);
	server = lbdr_lblcr_select(pool, set, &wlc);
	if (set->n > 1 && (u32)jiffies - set->changed > lbdr_locality_expire())
		del = lbdr_lblcr_most(set);
	if (wlc && server && !lbdr_lblcr_has(set, server))
		add = server;
	if (add || del)
		lbdr_locality_update(entry, set, del, add);
	return server;
}

/* If no server of the set is open, @first is the one that the set got first. */
static struct lbdr_server *lbdr_lblcr_peek(const struct lbdr_pool *pool,
					   const struct lbdr_flow *flow,
					   struct lbdr_server **first)
{
	const struct lbdr_locality_set *set;
	struct lbdr_locality_entry *entry;
	bool wlc;

	entry = lbdr_locality_peek(pool->state, flow);
	if (!entry)
		return lbdr_lblc_wlc(pool);
	set = rcu_dereference(entry->set);
	*first = lbdr_lblcr_least(set) ?: set->servers[0];
	return lbdr_lblcr_select(pool, set, &wlc);
}

const struct lbdr_sched_ops lbdr_sched_lblcr = {
	.name		= "lblcr",
	.state_alloc	= lbdr_locality_alloc,
	.state_free	= lbdr_locality_free,
	.pick		= lbdr_lblcr_pick,
	.peek		= lbdr_lblcr_peek,
};
