// SPDX-License-Identifier: GPL-2.0
/*
 * Locality-based least connections, for clusters of caches: a destination
 * address stays with its server, until that one has more active connections
 * than its weight while another one is idle; then, and at first, the choice is
 * that of wlc. It makes sense where a service has many destinations.
 */
#include "flow.h"
#include "locality.h"
#include "pool.h"
#include "sched.h"
#include "server.h"

/* @set is the destination's, NULL of one that is not known yet. */
static __always_inline struct lbdr_server *
lbdr_lblc_choose(const struct lbdr_pool *pool,
		 const struct lbdr_locality_set *set)
{
	struct lbdr_server *server;

	if (set) {
		server = set->servers[0];
		if (lbdr_server_open(server) &&
		    !lbdr_locality_strained(pool, server))
			return server;
	}
	return lbdr_sched_least(pool, lbdr_sched_load, true);
}

static struct lbdr_server *lbdr_lblc_pick(const struct lbdr_pool *pool,
					  const struct lbdr_flow *flow)
{
	struct lbdr_locality_set *set = NULL, *new;
	struct lbdr_locality_entry *entry;
	struct lbdr_server *server;

	entry = lbdr_locality_find(pool->memory, flow);
	if (entry)
		set = rcu_dereference(entry->set);
	server = lbdr_lblc_choose(pool, set);
	if (!server)
		return NULL;
	if (!entry) {
		lbdr_locality_add(pool->memory, flow, server);
	} else if (server != set->servers[0]) {
		new = lbdr_locality_set_make(NULL, NULL, server);
		if (new)
			lbdr_locality_replace(entry, set, new);
	}
	return server;
}

static struct lbdr_server *lbdr_lblc_peek(const struct lbdr_pool *pool,
					  const struct lbdr_flow *flow,
					  struct lbdr_server **first)
{
	const struct lbdr_locality_set *set = NULL;
	struct lbdr_locality_entry *entry;

	entry = lbdr_locality_look(pool->memory, flow);
	if (entry) {
		set = rcu_dereference(entry->set);
		*first = set->servers[0];
	}
	return lbdr_lblc_choose(pool, set);
}

const struct lbdr_sched_ops lbdr_sched_lblc = {
	.name		= "lblc",
	.summary	= "a destination's server as long as it is not strained; else wlc",
	.open		= lbdr_locality_open,
	.close		= lbdr_locality_close,
	.pick		= lbdr_lblc_pick,
	.peek		= lbdr_lblc_peek,
};
