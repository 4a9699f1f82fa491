// SPDX-License-Identifier: GPL-2.0
/*
 * The connection table.
 *
 * One rhashtable for each family and namespace, which grows and shrinks by
 * itself. A connection has no timer: packets leave a coarse time stamp in it,
 * and a connection whose stamp is older than its state allows is dead. It is
 * found out by the next packet of the flow, or by the collector, a work item
 * that looks at a part of the table every COLLECT_PERIOD.
 *
 * Packets look up, insert and remove under rcu_read_lock() with BH off; the
 * collector does so in process context. Whoever moves a connection's state to
 * LBDR_CONN_STATE_DEAD by cmpxchg() has won the right to remove it, so it is
 * removed, and its server's counts are moved, exactly once.
 *
 * What a packet removes is freed by call_rcu(). What others remove, many at a time,
 * the collector frees, in process context: RCU would free ten thousand in one go,
 * and no packet be received meanwhile.
 *
 * Memory is bounded by conn_max for each namespace, and conn_max_all for all of
 * them. A connection counts until its memory is free, not until it is unlinked, or
 * a flood could outrun the grace periods. What becomes of new connections when
 * little room is left: flood.c.
 */
#include <linux/mm.h>
#include <linux/module.h>
#include <linux/percpu_counter.h>
#include <linux/random.h>
#include <linux/siphash.h>

#include "conn.h"
#include "conn_event.h"
#include "flow.h"
#include "lbdr.h"
#include "lbdr_trace.h"
#include "persist.h"
#include "server.h"
#include "service.h"
#include "state.h"
#include "stats.h"

/*
 * How stale a stamp may get before a packet writes it again: a connection's
 * cache line is dirtied four times a second, not by every packet.
 */
#define STAMP_GRAIN	(HZ / 4)

#define COLLECT_PERIOD	(HZ / 10 ?: 1)
/* Least part of a table that a period looks at, and in how many it is done */
#define COLLECT_MIN	4096
#define COLLECT_PERIODS	64
/* Entries between two chances for others to run, seen or freed */
#define COLLECT_BATCH	256

/*
 * The last part of the room, 1/NEAR_LIMIT of it: from there on a new connection takes
 * the place of another, so that those under way keep theirs.
 */
#define NEAR_LIMIT		16

static unsigned int conn_max;
module_param(conn_max, uint, 0644);
MODULE_PARM_DESC(conn_max,
		 "connections that one network namespace may hold (default: an eighth of memory's worth, at least 65536)");

static unsigned int conn_max_all;
module_param(conn_max_all, uint, 0644);
MODULE_PARM_DESC(conn_max_all,
		 "connections that all network namespaces may hold together (default: twice conn_max's default)");

/* Of all namespaces; what CPUs have not told it yet, it does not know. */
static struct percpu_counter lbdr_conn_total;

static struct kmem_cache *lbdr_conn_cache[LBDR_FAMILIES] __read_mostly;

/*
 * Whoever sends packets chooses what is hashed: addresses and ports. So the hash
 * is a keyed one, and nobody can make a chain grow who does not know the key.
 * Of IPv4, VIP and the word with protocol and L3 domain share a word of the hash:
 * the operator chooses these. @seed is the table's own.
 *
 * Inline, or the table's code would call them for each entry of a chain.
 */
static hsiphash_key_t lbdr_conn_secret __read_mostly;

static __always_inline u32 lbdr_conn_hash4(const void *key, u32 len, u32 seed)
{
	const struct lbdr_key4 *k = key;

	return hsiphash_3u32((__force u32)k->client,
			     (__force u32)k->vip ^ k->protocol ^ seed,
			     k->ports.both, &lbdr_conn_secret);
}

static __always_inline u32 lbdr_conn_hash6(const void *key, u32 len, u32 seed)
{
	hsiphash_key_t secret = lbdr_conn_secret;

	secret.key[0] ^= seed;
	return hsiphash(key, sizeof(struct lbdr_key6), &secret);
}

static __always_inline int lbdr_conn_cmp4(struct rhashtable_compare_arg *arg,
					  const void *obj)
{
	return !!memcmp(arg->key, lbdr_conn_key4(obj),
			sizeof(struct lbdr_key4));
}

static __always_inline int lbdr_conn_cmp6(struct rhashtable_compare_arg *arg,
					  const void *obj)
{
	return !!memcmp(arg->key, lbdr_conn_key6(obj),
			sizeof(struct lbdr_key6));
}

static const struct rhashtable_params lbdr_conn_params4 = {
	.head_offset		= offsetof(struct lbdr_conn4, conn.node),
	.key_offset		= offsetof(struct lbdr_conn4, key),
	.key_len		= sizeof(struct lbdr_key4),
	.hashfn			= lbdr_conn_hash4,
	.obj_cmpfn		= lbdr_conn_cmp4,
	.automatic_shrinking	= true,
};

static const struct rhashtable_params lbdr_conn_params6 = {
	.head_offset		= offsetof(struct lbdr_conn6, conn.node),
	.key_offset		= offsetof(struct lbdr_conn6, key),
	.key_len		= sizeof(struct lbdr_key6),
	.hashfn			= lbdr_conn_hash6,
	.obj_cmpfn		= lbdr_conn_cmp6,
	.automatic_shrinking	= true,
};

/**
 * lbdr_conn_max() - Get the maximum number of connections of a namespace
 *
 * Context: any.
 * Return: the module parameter conn_max.
 */
u32 lbdr_conn_max(void)
{
	return READ_ONCE(conn_max);
}
EXPORT_SYMBOL_FOR_KUNIT(lbdr_conn_max);

static bool lbdr_conn_above(u32 n, u32 max)
{
	return n > max - max / NEAR_LIMIT;
}

/**
 * lbdr_conn_near_limit() - Check whether the connection table is nearly full
 * @ln: the namespace
 *
 * Context: any.
 */
bool lbdr_conn_near_limit(struct lbdr_net *ln)
{
	return lbdr_conn_above(atomic_read(&ln->n_conns), lbdr_conn_max()) ||
	       lbdr_conn_above(percpu_counter_read_positive(&lbdr_conn_total),
			       READ_ONCE(conn_max_all));
}

/**
 * lbdr_conn_full() - Check whether the connection table is full
 * @ln: the namespace
 *
 * Context: any.
 */
bool lbdr_conn_full(const struct lbdr_net *ln)
{
	return (u32)atomic_read(&ln->n_conns) >= lbdr_conn_max() ||
	       percpu_counter_read_positive(&lbdr_conn_total) >=
	       READ_ONCE(conn_max_all);
}

/**
 * lbdr_conn_free_pending() - Check whether connections wait to be freed
 * @ln: the namespace
 *
 * A connection takes its memory, and its part of conn_max, for a grace period after
 * it has left the table.
 *
 * Context: any. What others do at this moment may be missed or seen too early.
 */
bool lbdr_conn_free_pending(const struct lbdr_net *ln)
{
	return (u32)atomic_read(&ln->n_conns) >
	       (u32)atomic_read(&ln->conns[LBDR_V4].nelems) +
	       (u32)atomic_read(&ln->conns[LBDR_V6].nelems);
}

/* Seconds; the server was seen alive, and so its service is there. */
static u32 lbdr_conn_timeout(const struct lbdr_net *ln,
			     const struct lbdr_conn *conn, u32 state)
{
	const struct lbdr_service_settings *settings =
		&conn->server->service->settings;

	if (state == LBDR_CONN_STATE_TEMPLATE)
		return READ_ONCE(settings->persist);
	state = lbdr_state_shown(state);
	return READ_ONCE(settings->timeout[state]) ?:
	       READ_ONCE(ln->timeout[state]);
}

/*
 * Time left in jiffies, below 0 when the connection has expired. Signed 32 bits
 * hold LBDR_TIMEOUT_MAX seconds of HZ=1000.
 */
static long lbdr_conn_time_left(const struct lbdr_net *ln,
				const struct lbdr_conn *conn, u32 state)
{
	u32 idle = (u32)jiffies - READ_ONCE(conn->stamp);

	return (long)lbdr_conn_timeout(ln, conn, state) * HZ - (long)idle;
}

/**
 * lbdr_conn_left() - Get the time until a connection expires
 * @ln: the namespace
 * @conn: the connection
 *
 * Context: rcu_read_lock() held.
 * Return: jiffies; 0 or less when it is gone already, by time, by removal or
 * with its server.
 */
long lbdr_conn_left(const struct lbdr_net *ln, const struct lbdr_conn *conn)
{
	u32 state = READ_ONCE(conn->state);

	if (state == LBDR_CONN_STATE_DEAD || READ_ONCE(conn->server->dead))
		return 0;
	return lbdr_conn_time_left(ln, conn, state);
}
EXPORT_SYMBOL_FOR_KUNIT(lbdr_conn_left);

static void lbdr_conn_count(struct lbdr_server *server, u32 state, int by)
{
	if (lbdr_state_active(state))
		atomic_add(by, &server->active);
	else if (state == LBDR_CONN_STATE_TEMPLATE)
		atomic_add(by, &server->persistent);
	else
		atomic_add(by, &server->inactive);
}

/* Gives back what lbdr_conn_alloc() took, once no reader is left. */
static void lbdr_conn_free(struct lbdr_conn *conn)
{
	struct lbdr_server *server = conn->server;
	struct lbdr_net *ln = server->ln;

	kmem_cache_free(lbdr_conn_cache[conn->family], conn);
	lbdr_server_put(server);
	percpu_counter_dec(&lbdr_conn_total);
	atomic_dec(&ln->n_conns);
}

static void lbdr_conn_free_rcu(struct rcu_head *rcu)
{
	lbdr_conn_free(container_of(rcu, struct lbdr_conn, rcu));
}

/**
 * lbdr_conn_move() - Change the state of a connection
 * @conn: the connection
 * @from: the state that was seen
 * @to: another one, not LBDR_CONN_STATE_DEAD
 *
 * When two packets race, the second one's move is lost with its cmpxchg; the
 * client's next packet makes up for it.
 *
 * Context: rcu_read_lock() held, BH off.
 */
noinline void lbdr_conn_move(struct lbdr_conn *conn, u32 from, u32 to)
{
	if (cmpxchg(&conn->state, from, to) != from)
		return;
	lbdr_conn_event(conn, from, to);
	if (lbdr_state_active(from) == lbdr_state_active(to))
		return;
	lbdr_conn_count(conn->server, to, 1);
	lbdr_conn_count(conn->server, from, -1);
}
EXPORT_SYMBOL_FOR_KUNIT(lbdr_conn_move);

/*
 * Why data_race() in these two: rhashtable locks a bucket by a bit in the bucket's
 * word, which it sets by a marked operation, and reads that word plainly where it
 * moves a table and under that very lock. The bit is masked out of what is read.
 * KCSAN blames the callers, into which all of it is inlined.
 */
static __always_inline void lbdr_conn_remove(struct lbdr_net *ln,
					     struct lbdr_conn *conn)
{
	struct rhashtable *table = &ln->conns[conn->family];

	/* The lock's bit, see above. */
	data_race(conn->family == LBDR_V4 ?
		  rhashtable_remove_fast(table, &conn->node, lbdr_conn_params4) :
		  rhashtable_remove_fast(table, &conn->node, lbdr_conn_params6));
}

/* Look-up too: NULL, the connection that is there already, or an error. */
static __always_inline struct lbdr_conn *
lbdr_conn_insert(struct lbdr_net *ln, struct lbdr_conn *conn)
{
	struct rhashtable *table = &ln->conns[conn->family];

	/* The lock's bit, see above. */
	return data_race(conn->family == LBDR_V4 ?
			 rhashtable_lookup_get_insert_fast(table, &conn->node,
							   lbdr_conn_params4) :
			 rhashtable_lookup_get_insert_fast(table, &conn->node,
							   lbdr_conn_params6));
}

/* True when this call removed it; the caller has it freed. */
static __always_inline bool lbdr_conn_end(struct lbdr_net *ln,
					  struct lbdr_conn *conn)
{
	u32 state = READ_ONCE(conn->state);

	do {
		if (state == LBDR_CONN_STATE_DEAD)
			return false;
	} while (!try_cmpxchg(&conn->state, &state, LBDR_CONN_STATE_DEAD));

	trace_lbdr_conn_expire(conn, state);
	lbdr_conn_event(conn, state, LBDR_CONN_STATE_DEAD);
	lbdr_conn_count(conn->server, state, -1);
	if (unlikely(READ_ONCE(conn->server->upper)))
		lbdr_server_update_overload(conn->server);
	lbdr_conn_remove(ln, conn);
	return true;
}

/**
 * lbdr_conn_kill() - Remove a connection from the table and free it by RCU
 * @ln: the namespace
 * @conn: the connection
 *
 * A packet that has just found it may still be forwarded by it, as if it had
 * come a moment earlier.
 *
 * Context: rcu_read_lock() held.
 * Return: true when this call removed it, false when another one did.
 */
noinline bool lbdr_conn_kill(struct lbdr_net *ln, struct lbdr_conn *conn)
{
	if (!lbdr_conn_end(ln, conn))
		return false;
	call_rcu(&conn->rcu, lbdr_conn_free_rcu);
	return true;
}
EXPORT_SYMBOL_FOR_KUNIT(lbdr_conn_kill);

/**
 * lbdr_conn_reap() - Remove a connection from the table; the collector frees it
 * @ln: the namespace
 * @conn: the connection
 *
 * Its memory comes back with the collector's next turn.
 *
 * Context: rcu_read_lock() held.
 * Return: true when this call removed it, false when another one did.
 */
bool lbdr_conn_reap(struct lbdr_net *ln, struct lbdr_conn *conn)
{
	if (!lbdr_conn_end(ln, conn))
		return false;
	llist_add(&conn->reaped, &ln->reaped);
	return true;
}

/* No reader has any of @reaped, nor will. */
static void lbdr_conn_free_reaped(struct llist_node *reaped)
{
	struct lbdr_conn *conn, *next;
	u32 batch = 0;

	llist_for_each_entry_safe(conn, next, reaped, reaped) {
		lbdr_conn_free(conn);
		if (++batch % COLLECT_BATCH == 0)
			cond_resched();
	}
}

static __always_inline struct lbdr_conn *
lbdr_conn_lookup(struct lbdr_net *ln, enum lbdr_family family,
		 const struct lbdr_flow *flow)
{
	if (family == LBDR_V4)
		return rhashtable_lookup(&ln->conns[LBDR_V4], &flow->v4,
					 lbdr_conn_params4);
	return rhashtable_lookup(&ln->conns[LBDR_V6], &flow->v6,
				 lbdr_conn_params6);
}

/**
 * lbdr_conn_peek() - Look up a connection without updating it
 * @ln: the namespace
 * @flow: of the packet that it quotes
 *
 * Changes nothing: what a router says keeps no connection alive.
 *
 * Context: rcu_read_lock() held.
 * Return: the connection, or NULL when there is none that lives.
 */
struct lbdr_conn *lbdr_conn_peek(struct lbdr_net *ln,
				 const struct lbdr_flow *flow)
{
	struct lbdr_conn *conn = lbdr_conn_lookup(ln, flow->family, flow);

	return conn && lbdr_conn_left(ln, conn) > 0 ? conn : NULL;
}
EXPORT_SYMBOL_FOR_KUNIT(lbdr_conn_peek);

/* lbdr_conn_find() where the compiler knows the flow's family. */
static __always_inline struct lbdr_conn *
lbdr_conn_find_of(struct lbdr_net *ln, enum lbdr_family family,
		  const struct lbdr_flow *flow)
{
	struct lbdr_conn *conn = lbdr_conn_lookup(ln, family, flow);
	u32 now, state;

	if (!conn)
		return NULL;

	state = READ_ONCE(conn->state);
	if (unlikely(state == LBDR_CONN_STATE_DEAD))
		return NULL;
	if (unlikely(READ_ONCE(conn->server->dead)))
		goto kill;
	if (unlikely(lbdr_event_opens(flow->event) &&
		     lbdr_state_closing(state)))
		goto kill;

	now = jiffies;
	if (now - READ_ONCE(conn->stamp) > STAMP_GRAIN) {
		if (lbdr_conn_time_left(ln, conn, state) < 0)
			goto kill;
		WRITE_ONCE(conn->stamp, now);
		if (unlikely(READ_ONCE(conn->server->service->settings.persist)))
			lbdr_persist_renew(ln, conn->server->service, flow);
	}
	return conn;

kill:
	lbdr_conn_kill(ln, conn);
	return NULL;
}

/**
 * lbdr_conn_find() - Look up the connection of a packet and update its time stamp
 * @ln: the namespace
 * @flow: of the packet
 *
 * A connection that has expired, whose server was removed, or that a SYN or an
 * INIT begins anew after it was closed, is killed here and not found. It keeps
 * alive what persistence remembers of its client.
 *
 * Context: rcu_read_lock() held, BH off.
 * Return: the connection, its stamp renewed, or NULL.
 */
struct lbdr_conn *lbdr_conn_find(struct lbdr_net *ln,
				 const struct lbdr_flow *flow)
{
	return lbdr_conn_find_of(ln, flow->family, flow);
}
EXPORT_SYMBOL_FOR_KUNIT(lbdr_conn_find);

static struct lbdr_conn *lbdr_conn_alloc(struct lbdr_net *ln,
					 const struct lbdr_flow *flow,
					 struct lbdr_server *server,
					 enum lbdr_drop *why)
{
	struct lbdr_conn *conn;
	int n;

	n = atomic_inc_return(&ln->n_conns);
	if (unlikely((u32)n > lbdr_conn_max())) {
		pr_notice_once("a connection table is full, conn_max is %u: new connections are dropped and counted as conn-max (told once)\n",
			       lbdr_conn_max());
		*why = LBDR_DROP_CONN_MAX;
		goto err_count;
	}
	if (unlikely(percpu_counter_read_positive(&lbdr_conn_total) >=
		     READ_ONCE(conn_max_all))) {
		pr_notice_once("the connection tables of all network namespaces hold conn_max_all connections, %u: new connections are dropped and counted as conn-max (told once)\n",
			       READ_ONCE(conn_max_all));
		*why = LBDR_DROP_CONN_MAX;
		goto err_count;
	}

	conn = kmem_cache_alloc(lbdr_conn_cache[flow->family],
				GFP_ATOMIC | __GFP_NOWARN);
	if (unlikely(!conn)) {
		*why = LBDR_DROP_CONN_MEMORY;
		goto err_count;
	}
	percpu_counter_inc(&lbdr_conn_total);
	/* The collector rests while there is nothing to collect. */
	if (unlikely(!delayed_work_pending(&ln->collector)))
		queue_delayed_work(system_power_efficient_wq, &ln->collector,
				   COLLECT_PERIOD);

	conn->server = server;
	lbdr_server_get(server);
	conn->stamp = jiffies;
	conn->state = lbdr_state_next[flow->event][LBDR_CONN_STATE_NONE];
	conn->family = flow->family;
	if (flow->family == LBDR_V4)
		container_of(conn, struct lbdr_conn4, conn)->key = flow->v4;
	else
		container_of(conn, struct lbdr_conn6, conn)->key = flow->v6;
	return conn;

err_count:
	atomic_dec(&ln->n_conns);
	return NULL;
}

/**
 * lbdr_conn_add() - Add a connection
 * @ln: the namespace
 * @flow: of its first packet, whose event may begin one
 * @server: the scheduler's choice, kept alive by rcu_read_lock()
 * @why: set when NULL is returned
 *
 * Look-up and insertion are one step: of two first packets on two CPUs one
 * makes the connection, and the other is given that one.
 *
 * Context: rcu_read_lock() held, BH off.
 * Return: the flow's connection, which may lead to another server than
 * @server, or NULL.
 */
struct lbdr_conn *lbdr_conn_add(struct lbdr_net *ln,
				const struct lbdr_flow *flow,
				struct lbdr_server *server,
				enum lbdr_drop *why)
{
	struct lbdr_conn *conn, *old;

	conn = lbdr_conn_alloc(ln, flow, server, why);
	if (!conn)
		return NULL;

	/* Counted before others can see it, so that no count is below 0. */
	lbdr_conn_count(server, conn->state, 1);
	old = lbdr_conn_insert(ln, conn);
	if (likely(!old)) {
		trace_lbdr_conn_new(conn, conn->state);
		lbdr_conn_event(conn, LBDR_CONN_STATE_NONE,
				lbdr_state_next[flow->event][LBDR_CONN_STATE_NONE]);
		if (likely(conn->state != LBDR_CONN_STATE_TEMPLATE))
			lbdr_stats_add(server->stats, 1, 0, 0);
		if (unlikely(READ_ONCE(server->upper)))
			lbdr_server_update_overload(server);
		return conn;
	}

	lbdr_conn_count(server, conn->state, -1);
	lbdr_conn_free(conn);
	if (!IS_ERR(old) && READ_ONCE(old->state) != LBDR_CONN_STATE_DEAD)
		return old;
	/*
	 * The table could not grow in time (EBUSY, ENOMEM, E2BIG), or the old
	 * one is being removed at this moment.
	 */
	*why = LBDR_DROP_CONN_MEMORY;
	return NULL;
}
EXPORT_SYMBOL_FOR_KUNIT(lbdr_conn_add);

/* Looks at up to @budget connections of one table. */
static void lbdr_conn_collect_table(struct lbdr_net *ln,
				    enum lbdr_family family, u32 budget)
{
	struct rhashtable_iter *walk = &ln->walk[family];
	struct lbdr_conn *conn = NULL;
	u32 batch;

	while (budget) {
		/* A resize sends the walk back to the start: no harm done. */
		rhashtable_walk_start(walk);
		for (batch = 0; batch < COLLECT_BATCH && budget;
		     batch++, budget--) {
			conn = rhashtable_walk_next(walk);
			if (!conn || IS_ERR(conn))
				break;
			/*
			 * A packet may renew the stamp after this look: it is
			 * forwarded, and the connection ends as if it had come
			 * a moment later. Its time was over.
			 */
			if (lbdr_conn_left(ln, conn) <= 0)
				lbdr_conn_reap(ln, conn);
		}
		rhashtable_walk_stop(walk);

		if (batch < COLLECT_BATCH && !IS_ERR(conn)) {
			/* All seen, or all that the budget allows. */
			if (!conn) {
				rhashtable_walk_exit(walk);
				rhashtable_walk_enter(&ln->conns[family], walk);
			}
			return;
		}
		cond_resched();
	}
}

static void lbdr_conn_collect(struct work_struct *work)
{
	struct lbdr_net *ln = container_of(to_delayed_work(work),
					   struct lbdr_net, collector);
	struct llist_node *reaped;
	enum lbdr_family family;
	u32 n;

	for (family = 0; family < LBDR_FAMILIES; family++) {
		n = atomic_read(&ln->conns[family].nelems);
		if (n)
			lbdr_conn_collect_table(ln, family,
						max_t(u32, COLLECT_MIN,
						      n / COLLECT_PERIODS));
	}

	/* All of these were unlinked before the grace period begins. */
	reaped = llist_del_all(&ln->reaped);
	if (reaped) {
		synchronize_rcu();
		lbdr_conn_free_reaped(reaped);
	}

	/*
	 * Pairs with atomic_inc_return() in lbdr_conn_alloc(): a connection
	 * made after this look finds no work pending and queues it.
	 */
	if (atomic_read(&ln->n_conns))
		queue_delayed_work(system_power_efficient_wq, &ln->collector,
				   COLLECT_PERIOD);
}

/**
 * lbdr_conn_table_init() - Allocate the connection tables of a namespace
 * @ln: the namespace
 *
 * Context: process.
 * Return: 0 or a negative error.
 */
int lbdr_conn_table_init(struct lbdr_net *ln)
{
	u32 state;
	int err;

	for (state = 0; state < LBDR_CONN_STATES; state++)
		ln->timeout[state] = lbdr_state_timeout[state];

	err = rhashtable_init(&ln->conns[LBDR_V4], &lbdr_conn_params4);
	if (err)
		return err;
	err = rhashtable_init(&ln->conns[LBDR_V6], &lbdr_conn_params6);
	if (err) {
		rhashtable_destroy(&ln->conns[LBDR_V4]);
		return err;
	}
	rhashtable_walk_enter(&ln->conns[LBDR_V4], &ln->walk[LBDR_V4]);
	rhashtable_walk_enter(&ln->conns[LBDR_V6], &ln->walk[LBDR_V6]);
	INIT_DELAYED_WORK(&ln->collector, lbdr_conn_collect);
	return 0;
}

static void lbdr_conn_free_last(void *ptr, void *arg)
{
	lbdr_conn_free(ptr);
}

/**
 * lbdr_conn_table_exit() - Free the connection tables of a namespace
 * @ln: the namespace, whose hooks are gone for a grace period and whose last
 *	dump has ended, so that nobody reads or inserts
 *
 * Connections that were killed before may wait in call_rcu(): the caller's
 * rcu_barrier() must come before @ln is freed.
 *
 * Context: process.
 */
void lbdr_conn_table_exit(struct lbdr_net *ln)
{
	cancel_delayed_work_sync(&ln->collector);
	lbdr_conn_free_reaped(llist_del_all(&ln->reaped));
	rhashtable_walk_exit(&ln->walk[LBDR_V4]);
	rhashtable_walk_exit(&ln->walk[LBDR_V6]);
	rhashtable_free_and_destroy(&ln->conns[LBDR_V4], lbdr_conn_free_last,
				    NULL);
	rhashtable_free_and_destroy(&ln->conns[LBDR_V6], lbdr_conn_free_last,
				    NULL);
}

/**
 * lbdr_conn_init() - Create the slab caches of connections
 *
 * Context: process.
 * Return: 0 or -ENOMEM.
 */
int lbdr_conn_init(void)
{
	u32 usual;
	int err;

	/* One cache line; nothing to gain for IPv6, which takes more anyway. */
	BUILD_BUG_ON(sizeof(struct lbdr_conn4) > 64);
	BUILD_BUG_ON(sizeof(struct lbdr_key4) != 16);
	BUILD_BUG_ON(sizeof(struct lbdr_key6) != 40);
	get_random_bytes(&lbdr_conn_secret, sizeof(lbdr_conn_secret));

	/* 64 bytes, and 16 for the table at its emptiest */
	usual = clamp_t(u64, div_u64((u64)totalram_pages() << PAGE_SHIFT,
				     8 * 80), 1 << 16, 1 << 27);
	if (!conn_max)
		conn_max = usual;
	if (!conn_max_all)
		conn_max_all = max(2 * usual, conn_max);

	err = percpu_counter_init(&lbdr_conn_total, 0, GFP_KERNEL);
	if (err)
		return err;
	lbdr_conn_cache[LBDR_V4] =
		kmem_cache_create("lbdr_conn4", sizeof(struct lbdr_conn4), 0,
				  SLAB_HWCACHE_ALIGN, NULL);
	if (!lbdr_conn_cache[LBDR_V4])
		goto err_v4;
	lbdr_conn_cache[LBDR_V6] =
		kmem_cache_create("lbdr_conn6", sizeof(struct lbdr_conn6), 0,
				  0, NULL);
	if (!lbdr_conn_cache[LBDR_V6])
		goto err_v6;
	return 0;

err_v6:
	kmem_cache_destroy(lbdr_conn_cache[LBDR_V4]);
err_v4:
	percpu_counter_destroy(&lbdr_conn_total);
	return -ENOMEM;
}

/**
 * lbdr_conn_exit() - Destroy the slab caches of connections
 *
 * Context: process, after rcu_barrier().
 */
void lbdr_conn_exit(void)
{
	kmem_cache_destroy(lbdr_conn_cache[LBDR_V6]);
	kmem_cache_destroy(lbdr_conn_cache[LBDR_V4]);
	percpu_counter_destroy(&lbdr_conn_total);
}
