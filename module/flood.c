// SPDX-License-Identifier: GPL-2.0
/*
 * Flood handling: what to do when the connection table is nearly full or conn_rate is
 * exceeded.
 *
 * First packets from forged sources fill a connection table in seconds. Established
 * connections must not be affected, and honest clients should still get through.
 *
 * Trigger: fewer than 1/16 of conn_max entries are free, or more than conn_rate new
 * connections arrived within a second.
 *
 * - If the scheduler chooses by a hash of the packet (mh, sh), the same client always
 *   gets the same server. New connections are then forwarded without an entry. Later
 *   packets of such a flow find no connection; they are scheduled again as long as such
 *   a flow may exist, and get an entry when there is room.
 * - With any other scheduler, a new connection replaces the oldest half-open one (only
 *   one client packet seen so far). Sorting the table by age would cost every packet,
 *   so the oldest of FLOOD_CHOICE half-open entries from a random bucket on is taken:
 *   in a flood nearly all of them belong to the flood, and an honest one that is older
 *   than all the others has had time to complete.
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

/* Number of half-open entries to compare, and of hash buckets to search for them */
#define FLOOD_CHOICE	16
#define FLOOD_CHAINS	64

static unsigned int conn_rate;
module_param(conn_rate, uint, 0644);
MODULE_PARM_DESC(conn_rate,
		 "new connections per second and network namespace; above this rate they are forwarded without an entry (mh, sh) or replace a half-open one (default: 0, no limit)");

/*
 * Counts a new connection and compares. The first packet after the end of a one-second
 * interval starts the next one; cmpxchg() lets one CPU reset the counter. Connections
 * that other CPUs count during the reset may be lost, which only delays the limit.
 */
static bool lbdr_flood_over_rate(struct lbdr_net *ln, u32 rate)
{
	u32 now = jiffies, start = READ_ONCE(ln->rate_start);

	if (now - start >= HZ && cmpxchg(&ln->rate_start, start, now) == start)
		atomic_set(&ln->rate_count, 0);
	return (u32)atomic_inc_return(&ln->rate_count) > rate;
}

/**
 * lbdr_flood_account() - Count a new connection and check for a flood
 * @ln: the namespace
 *
 * Must be called exactly once per new connection: increments the rate counter.
 *
 * Context: rcu_read_lock() held, BH off.
 * Return: true if flood handling applies to this connection.
 */
bool lbdr_flood_account(struct lbdr_net *ln)
{
	u32 rate = READ_ONCE(conn_rate);

	if (unlikely(rate) && lbdr_flood_over_rate(ln, rate))
		return true;
	return lbdr_conn_near_limit(ln);
}

/**
 * lbdr_flood_check() - Check for a flood without counting
 * @ln: the namespace
 *
 * Context: any.
 * Return: what lbdr_flood_account() would return for a new connection now.
 */
bool lbdr_flood_check(struct lbdr_net *ln)
{
	u32 rate = READ_ONCE(conn_rate), count = 0;

	if ((u32)jiffies - READ_ONCE(ln->rate_start) < HZ)
		count = atomic_read(&ln->rate_count);
	return (rate && count >= rate) || lbdr_conn_near_limit(ln);
}

/**
 * lbdr_flood_stateless() - Check if a service can forward without connections
 * @service: the service
 *
 * Context: rcu_read_lock() held.
 * Return: true if the scheduler always chooses the same server for a flow and the
 * service has no persistence, which needs stored state.
 */
bool lbdr_flood_stateless(const struct lbdr_service *service)
{
	const struct lbdr_pool *pool = rcu_dereference(service->pool);

	return pool && pool->sched.ops->stateless &&
	       !READ_ONCE(service->settings.persist);
}

/**
 * lbdr_flood_forward() - Record that a packet is forwarded without a connection
 * @ln: the namespace
 *
 * Context: BH off.
 */
void lbdr_flood_forward(struct lbdr_net *ln)
{
	/* 0 stands for never. */
	unsigned long now = jiffies ?: 1;

	if (READ_ONCE(ln->stateless_at) != now)
		WRITE_ONCE(ln->stateless_at, now);
	lbdr_count(ln, LBDR_FLOOD_STATELESS);
}

/**
 * lbdr_flood_recent() - Check if flows may exist that have no connection
 * @ln: the namespace
 *
 * Context: any.
 * Return: true until the idle timeout of ESTABLISHED has passed since the last packet
 * was forwarded without a connection.
 */
bool lbdr_flood_recent(const struct lbdr_net *ln)
{
	unsigned long last = READ_ONCE(ln->stateless_at);
	u32 seconds = READ_ONCE(ln->timeout[LBDR_CONN_STATE_ESTABLISHED]);

	return unlikely(last) &&
	       time_before(jiffies, last + (unsigned long)seconds * HZ);
}

/**
 * lbdr_flood_evict() - Evict a half-open connection to make room for a new one
 * @ln: the namespace
 * @family: family of the table to search
 *
 * Does nothing if the searched buckets hold no half-open connection. During a resize
 * of the table only the old bucket table is searched.
 *
 * Does nothing either if the table is full and the memory of removed connections is
 * still waiting for a grace period: the evicted entry's memory would come too late for
 * the new connection. Otherwise a flood faster than the grace periods would end the
 * half-open connections of honest clients without gaining room.
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
