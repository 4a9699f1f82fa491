// SPDX-License-Identifier: GPL-2.0
/*
 * The collector: removes expired connections for which no packet arrives.
 *
 * A work item of each namespace that has connections runs every COLLECT_PERIOD. It
 * visits a part of each table, so that a sweep of the whole table takes as long as the
 * shortest timeout in use. The timeouts in use are counted during a sweep and decide
 * how long the next one takes. A timeout of fewer than 1/RARE of the connections does
 * not count: a table of established connections is not swept every ten seconds for the
 * sake of a few that were reset. A small table is visited as a whole every time.
 *
 * A connection that another director has a copy of is sent again when it is visited
 * (lbdr_sync_refresh()). However few they are, they are visited twice in their timeout,
 * before the copy expires; but for their sake a sweep takes no less than REFRESH_MIN.
 *
 * So an expired connection remains in the table for at most another timeout, or
 * SWEEP_MAX if that is shorter. It is not found, listed or counted by the tool meanwhile.
 *
 * While a table fills up, the timeouts of connections that are not established shrink
 * (lbdr_flood_scale()), and with them the time that a sweep takes.
 *
 * The work item is not bound to a CPU: the scheduler moves it away from the CPUs that
 * receive packets. It takes no lock for longer than the rhashtable walk does, and calls
 * cond_resched() every COLLECT_BATCH connections. Only the work item itself reads and
 * writes lbdr_net.sweep.
 */
#include <linux/workqueue.h>

#include "collect.h"
#include "compat.h"
#include "conn.h"
#include "flood.h"
#include "lbdr.h"
#include "server.h"
#include "sync_refresh.h"

#define COLLECT_PERIOD	(HZ / 10 ?: 1)
/* Connections of a table that are visited in one period at least */
#define COLLECT_MIN	4096
/* Connections visited between two calls of cond_resched() */
#define COLLECT_BATCH	256

/* Limits of the time that a sweep takes, in seconds */
#define SWEEP_MIN	1U
#define SWEEP_MAX	60U
/* The same, as far as it depends on connections that are sent again */
#define REFRESH_MIN	5U
/* A timeout counts if this part of the connections has it or a shorter one. */
#define RARE		64

/**
 * lbdr_collect_seconds() - Get the time that the next sweep of a table takes
 * @sweep: the sweep that has just ended
 *
 * Context: any.
 * Return: seconds, SWEEP_MIN to SWEEP_MAX.
 */
u32 lbdr_collect_seconds(const struct lbdr_sweep *sweep)
{
	u32 class, n = 0, seconds;

	for (class = 0; class < LBDR_SWEEP_CLASSES; class++) {
		n += sweep->classes[class];
		if (n && n >= sweep->visited / RARE)
			break;
	}
	/* The shortest timeout of class n is 2^(n - 1). */
	seconds = clamp_t(u32, BIT(class) / 2, SWEEP_MIN, SWEEP_MAX);
	return min(seconds, max(sweep->shortest / 2, REFRESH_MIN));
}
EXPORT_SYMBOL_FOR_KUNIT(lbdr_collect_seconds);

static void lbdr_collect_restart(struct lbdr_net *ln, enum lbdr_family family)
{
	struct lbdr_sweep *sweep = &ln->sweep[family];

	sweep->seconds = lbdr_collect_seconds(sweep);
	sweep->visited = 0;
	sweep->shortest = U32_MAX;
	memset(sweep->classes, 0, sizeof(sweep->classes));
	rhashtable_walk_exit(&sweep->walk);
	rhashtable_walk_enter(&ln->conns[family], &sweep->walk);
}

/*
 * Visits a connection and removes it if it has expired. A packet may renew the stamp
 * after the check. The packet is forwarded, and the connection is removed all the same:
 * it had expired before the packet.
 */
static void lbdr_collect_visit(struct lbdr_net *ln, struct lbdr_sweep *sweep,
			       struct lbdr_conn *conn, u32 scale, u8 now)
{
	u32 state = READ_ONCE(conn->state), timeout;

	if (state == LBDR_CONN_STATE_DEAD)
		return;
	timeout = lbdr_conn_timeout(ln, conn, state);
	if (unlikely(scale < LBDR_FLOOD_SCALE) && lbdr_flood_shrinks(ln, conn))
		timeout = max_t(u64, (u64)timeout * scale / LBDR_FLOOD_SCALE, 1);
	sweep->visited++;
	sweep->classes[min(fls(timeout), LBDR_SWEEP_CLASSES - 1)]++;
	if (READ_ONCE(conn->server->dead) ||
	    lbdr_conn_idle(conn) >= (unsigned long)timeout * HZ) {
		lbdr_conn_reap(ln, conn);
	} else if (READ_ONCE(ln->sync.sending)) {
		lbdr_sync_refresh(ln, conn, state, timeout, now);
		if (timeout < sweep->shortest && lbdr_sync_keeps(conn, state))
			sweep->shortest = timeout;
	}
}

/* Visits the next @budget connections of one table. */
static void lbdr_collect_table(struct lbdr_net *ln, enum lbdr_family family,
			       u32 budget)
{
	struct lbdr_sweep *sweep = &ln->sweep[family];
	struct lbdr_conn *conn = NULL;
	u32 batch, scale;
	u8 now;

	while (budget) {
		scale = lbdr_flood_scale(ln);
		now = lbdr_sync_now();
		/* A resize restarts the walk, which does no harm. */
		lbdr_walk_start(&sweep->walk);
		for (batch = 0; batch < COLLECT_BATCH && budget;
		     batch++, budget--) {
			conn = rhashtable_walk_next(&sweep->walk);
			if (!conn || IS_ERR(conn))
				break;
			lbdr_collect_visit(ln, sweep, conn, scale, now);
		}
		rhashtable_walk_stop(&sweep->walk);

		if (batch < COLLECT_BATCH && !IS_ERR(conn)) {
			/* End of the table, or the budget is used up. */
			if (!conn)
				lbdr_collect_restart(ln, family);
			return;
		}
		cond_resched();
	}
}

/* The number of connections to visit in this period. */
static u32 lbdr_collect_budget(const struct lbdr_net *ln, enum lbdr_family family)
{
	u64 n = (u64)atomic_read(&ln->conns[family].nelems) * COLLECT_PERIOD;
	u32 seconds = ln->sweep[family].seconds * lbdr_flood_scale(ln) /
		      LBDR_FLOOD_SCALE;

	return max_t(u64, div_u64(n, max(seconds, SWEEP_MIN) * HZ), COLLECT_MIN);
}

static void lbdr_collect_work(struct work_struct *work)
{
	struct lbdr_net *ln = container_of(to_delayed_work(work),
					   struct lbdr_net, collector);
	enum lbdr_family family;

	for (family = 0; family < LBDR_FAMILIES; family++)
		if (atomic_read(&ln->conns[family].nelems))
			lbdr_collect_table(ln, family,
					   lbdr_collect_budget(ln, family));
	lbdr_conn_free_reaped(ln);

	/*
	 * Pairs with atomic_inc_return() in lbdr_limit_conn_add(): if this reads 0,
	 * the next allocation finds no work pending and queues the collector.
	 */
	if (atomic_read(&ln->n_conns))
		lbdr_collect_queue(ln);
}

/**
 * lbdr_collect_queue() - Queue the collector of a namespace
 * @ln: the namespace; does nothing if its collector is queued already
 *
 * Context: any.
 */
void lbdr_collect_queue(struct lbdr_net *ln)
{
	queue_delayed_work(lbdr_wq_of(ln), &ln->collector, COLLECT_PERIOD);
}

/**
 * lbdr_collect_net_init() - Prepare the collector of a namespace
 * @ln: the namespace; its tables are initialised
 *
 * Context: process.
 */
void lbdr_collect_net_init(struct lbdr_net *ln)
{
	enum lbdr_family family;

	for (family = 0; family < LBDR_FAMILIES; family++) {
		ln->sweep[family].seconds = SWEEP_MIN;
		ln->sweep[family].shortest = U32_MAX;
		rhashtable_walk_enter(&ln->conns[family], &ln->sweep[family].walk);
	}
	INIT_DELAYED_WORK(&ln->collector, lbdr_collect_work);
}

/**
 * lbdr_collect_net_exit() - Stop the collector of a namespace
 * @ln: the namespace
 *
 * Context: process.
 */
void lbdr_collect_net_exit(struct lbdr_net *ln)
{
	enum lbdr_family family;

	cancel_delayed_work_sync(&ln->collector);
	for (family = 0; family < LBDR_FAMILIES; family++)
		rhashtable_walk_exit(&ln->sweep[family].walk);
}
