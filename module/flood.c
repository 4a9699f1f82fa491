// SPDX-License-Identifier: GPL-2.0
/*
 * More new connections than there is room for, or than the operator wants.
 *
 * A flood of first packets from made-up sources fills a connection table in
 * seconds. The connections that are under way then must not notice, and honest
 * clients should still get through:
 *
 * - Where the scheduler chooses by a hash of the packet (mh, sh), and always the
 *   same server for the same client, no connection is needed to forward the ones
 *   after it: they are forwarded without, and so are, for as long as such a
 *   connection may live, packets of no connection that are no first ones. When
 *   there is room again they are given connections.
 * - Elsewhere a new connection takes the place of the oldest half-open one, that
 *   is one whose client has not been heard of a second time. A table in the order
 *   of age would cost every packet something, so it is the oldest of some that are
 *   met from a random place on: in a flood nearly all are the flood's, and what is
 *   older than all of sixteen of those has had its time.
 *
 * What begins it: a table with 1/16 of its room left, or more than conn_rate new
 * connections in a second.
 */
#include <linux/module.h>
#include <linux/random.h>

#include "conn.h"
#include "flood.h"
#include "flow.h"
#include "lbdr.h"
#include "pool.h"
#include "sched.h"
#include "service.h"
#include "state.h"
#include "stats.h"

/* Half-open connections to choose from, and chains to look for them in */
#define FLOOD_CHOICE	16
#define FLOOD_CHAINS	64

static unsigned int conn_rate;
module_param(conn_rate, uint, 0644);
MODULE_PARM_DESC(conn_rate,
		 "new connections a second of a network namespace, above which they are forwarded without one (mh, sh) or take another's place (default: 0, no limit)");

/* Counts one more; seconds are the clock's, and end where a packet notices. */
static bool lbdr_flood_over_rate(struct lbdr_net *ln, u32 rate)
{
	u32 now = jiffies, since = READ_ONCE(ln->since);

	if (now - since >= HZ && cmpxchg(&ln->since, since, now) == since)
		atomic_set(&ln->fresh, 0);
	return (u32)atomic_inc_return(&ln->fresh) > rate;
}

/**
 * lbdr_flood_account() - whether a new connection is one too many
 * @ln: the namespace
 *
 * Asked once for each, for it counts.
 *
 * Context: rcu_read_lock() held, BH off.
 */
bool lbdr_flood_account(struct lbdr_net *ln)
{
	u32 rate = READ_ONCE(conn_rate);

	if (unlikely(rate) && lbdr_flood_over_rate(ln, rate))
		return true;
	return lbdr_conn_near_limit(ln);
}

/**
 * lbdr_flood_would_account() - whether the next new connection will be one too many
 * @ln: the namespace
 *
 * What lbdr_flood_account() would say, and it does not count.
 *
 * Context: any.
 */
bool lbdr_flood_would_account(struct lbdr_net *ln)
{
	u32 rate = READ_ONCE(conn_rate), fresh = 0;

	if ((u32)jiffies - READ_ONCE(ln->since) < HZ)
		fresh = atomic_read(&ln->fresh);
	return (rate && fresh >= rate) || lbdr_conn_near_limit(ln);
}

/**
 * lbdr_flood_stateless() - whether a service can do without connections
 * @service: the service
 *
 * Persistence is something to remember.
 *
 * Context: rcu_read_lock() held.
 */
bool lbdr_flood_stateless(const struct lbdr_service *service)
{
	const struct lbdr_pool *pool = rcu_dereference(service->pool);

	return pool && pool->sched.ops->stateless &&
	       !READ_ONCE(service->settings.persist);
}

/**
 * lbdr_flood_forward() - a packet goes on without a connection
 * @ln: the namespace
 *
 * Context: BH off.
 */
void lbdr_flood_forward(struct lbdr_net *ln)
{
	/* Not 0, which is for never. */
	unsigned long now = jiffies ?: 1;

	if (READ_ONCE(ln->flooded) != now)
		WRITE_ONCE(ln->flooded, now);
	lbdr_count(ln, LBDR_FLOOD_STATELESS);
}

/**
 * lbdr_flood_recent() - whether a packet of no connection may be of one that was
 *	forwarded without
 * @ln: the namespace
 *
 * Context: any.
 */
bool lbdr_flood_recent(const struct lbdr_net *ln)
{
	unsigned long flooded = READ_ONCE(ln->flooded);
	u32 seconds = READ_ONCE(ln->timeout[LBDR_CONN_STATE_ESTABLISHED]);

	return unlikely(flooded) &&
	       time_before(jiffies, flooded + (unsigned long)seconds * HZ);
}

/**
 * lbdr_flood_evict() - make room for a connection
 * @ln: the namespace
 * @family: of the table
 *
 * Where no half-open one is met, nothing is done. While the table is resized this
 * sees a part of it.
 *
 * Where nothing is left, and room is on its way back, none goes either: its own room
 * would come too late for the connection that asks. Else a flood that outruns the
 * grace periods would end the half-open ones of honest clients, and put none in
 * their place.
 *
 * Context: rcu_read_lock() held, BH off.
 */
void lbdr_flood_evict(struct lbdr_net *ln, enum lbdr_family family)
{
	struct bucket_table *table =
		rht_dereference_rcu(ln->conns[family].tbl, &ln->conns[family]);
	u32 first = get_random_u32(), age, oldest = 0, met = 0, i;
	struct lbdr_conn *conn, *victim = NULL;
	struct rhash_head *node;

	if (lbdr_conn_full(ln) && lbdr_conn_free_pending(ln))
		return;
	for (i = 0; i < min(table->size, FLOOD_CHAINS) && met < FLOOD_CHOICE;
	     i++) {
		rht_for_each_rcu(node, table,
				 rht_bucket_index(table, first + i)) {
			conn = container_of(node, struct lbdr_conn, node);
			if (!lbdr_state_half_open(READ_ONCE(conn->state)))
				continue;
			met++;
			age = (u32)jiffies - READ_ONCE(conn->stamp);
			if (!victim || age > oldest) {
				victim = conn;
				oldest = age;
			}
		}
	}
	if (victim && lbdr_conn_kill(ln, victim))
		lbdr_count(ln, LBDR_FLOOD_EVICTED);
}
EXPORT_SYMBOL_FOR_KUNIT(lbdr_flood_evict);
