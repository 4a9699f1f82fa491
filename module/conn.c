// SPDX-License-Identifier: GPL-2.0
/*
 * The connection table.
 *
 * Each namespace has one rhashtable for each family, which resizes automatically. A
 * connection has no timer. Packets write a coarse time stamp, and a connection has
 * expired when its stamp is older than the time-out of its state. Expired connections
 * are removed by the next packet of the flow, or by the collector, a work item that
 * checks a part of the table every COLLECT_PERIOD.
 *
 * Packets look up, insert and remove under rcu_read_lock() with BH off. The collector
 * and netlink commands remove under rcu_read_lock() in process context. The CPU that
 * sets the state LBDR_CONN_STATE_DEAD by cmpxchg() removes the connection, so the
 * removal and the update of the server's counts happen exactly once.
 *
 * Connections that packets remove are freed by call_rcu(). Connections that the
 * collector and netlink commands remove, possibly many, are freed by the collector in
 * process context: RCU callbacks for many thousands of connections in one softirq
 * would delay the reception of packets.
 *
 * Memory is limited by conn_max for each namespace and by conn_max_all for all
 * namespaces. A connection counts until its memory is freed, not until it is
 * unlinked; otherwise a flood could allocate faster than grace periods end. flood.c
 * handles new connections when the table is nearly full.
 */
#include <linux/mm.h>
#include <linux/module.h>
#include <linux/percpu_counter.h>
#include <linux/random.h>
#include <linux/siphash.h>

#include "conn.h"
#include "conn_event.h"
#include "flow.h"
#include "hold.h"
#include "lbdr.h"
#include "lbdr_trace.h"
#include "persist.h"
#include "server.h"
#include "service.h"
#include "state.h"
#include "stats.h"

/*
 * A packet writes the stamp only if the stamp is older than this, so the cache line
 * of a connection is dirtied four times a second at most.
 */
#define STAMP_GRAIN	(HZ / 4)

#define COLLECT_PERIOD	(HZ / 10 ?: 1)
/*
 * Connections of a table that are checked in one period: 1/COLLECT_PERIODS of the
 * table, and at least COLLECT_MIN
 */
#define COLLECT_MIN	4096
#define COLLECT_PERIODS	64
/* Connections checked or freed between two calls of cond_resched() */
#define COLLECT_BATCH	256

/*
 * A table is nearly full when fewer than 1/NEAR_LIMIT of its entries are free. flood.c
 * then decides on new connections.
 */
#define NEAR_LIMIT		16

static unsigned int conn_max;
module_param(conn_max, uint, 0644);
MODULE_PARM_DESC(conn_max,
		 "connections that one network namespace may hold (default: as many as fit in 1/8 of the memory, at least 65536)");

static unsigned int conn_max_all;
module_param(conn_max_all, uint, 0644);
MODULE_PARM_DESC(conn_max_all,
		 "connections that all network namespaces may hold together (default: twice conn_max's default)");

/* Connections of all namespaces. Reads miss the latest changes of each CPU. */
static struct percpu_counter lbdr_conn_total;

static struct kmem_cache *lbdr_conn_cache[LBDR_FAMILIES] __read_mostly;

/*
 * A sender of packets chooses the addresses and ports that are hashed. The hash has a
 * random key, so a sender cannot produce collisions. For IPv4, the VIP and the word
 * with protocol and L3 domain are combined into one word: the operator chooses them,
 * not the sender. @seed is the seed of the rhashtable.
 *
 * The functions are inlined into the rhashtable code, which would otherwise call the
 * comparison for each entry of a chain.
 */
static hsiphash_key_t lbdr_conn_hash_key __read_mostly;

static __always_inline u32 lbdr_conn_hash4(const void *key, u32 len, u32 seed)
{
	const struct lbdr_key4 *k = key;

	return hsiphash_3u32((__force u32)k->client,
			     (__force u32)k->vip ^ k->protocol ^ seed,
			     k->ports.both, &lbdr_conn_hash_key);
}

static __always_inline u32 lbdr_conn_hash6(const void *key, u32 len, u32 seed)
{
	hsiphash_key_t secret = lbdr_conn_hash_key;

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
 * Return: the value of the module parameter conn_max.
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
 * Both conn_max and conn_max_all are checked.
 *
 * Context: any.
 * Return: true if fewer than 1/NEAR_LIMIT of the entries are free.
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
 * Both conn_max and conn_max_all are checked.
 *
 * Context: any.
 * Return: true if no connection can be added.
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
 * A removed connection counts towards conn_max until its memory is freed after a grace
 * period.
 *
 * Context: any; concurrent changes may be missed.
 * Return: true if more connections are allocated than are in the tables.
 */
bool lbdr_conn_free_pending(const struct lbdr_net *ln)
{
	return (u32)atomic_read(&ln->n_conns) >
	       (u32)atomic_read(&ln->conns[LBDR_V4].nelems) +
	       (u32)atomic_read(&ln->conns[LBDR_V6].nelems);
}

/*
 * The time-out in seconds. The caller has found server->dead false under
 * rcu_read_lock(), so the service is valid.
 */
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
 * The time left in jiffies, negative if the connection has expired. A long of 32 bits
 * can hold LBDR_TIMEOUT_MAX seconds at HZ=1000.
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
 * Return: jiffies until the connection expires if no packet arrives; 0 or less if the
 * connection has expired, or it or its server was removed.
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

/* Undoes lbdr_conn_alloc(). No reader holds a pointer to the connection. */
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
 * @from: the state that the caller has read
 * @to: a different state, not LBDR_CONN_STATE_DEAD
 *
 * If another packet changes the state concurrently, the cmpxchg() fails and the state
 * of the other packet stays. The next packet of the client updates the state again.
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
 * data_race() in the next two functions: rhashtable uses a bit of the bucket word as
 * the bucket lock, sets it by an atomic operation, and reads the word by plain loads
 * under the lock and while it moves a table. The loads mask the bit out. KCSAN reports
 * these loads for our functions, since rhashtable's are inlined.
 */
static __always_inline void lbdr_conn_remove(struct lbdr_net *ln,
					     struct lbdr_conn *conn)
{
	struct rhashtable *table = &ln->conns[conn->family];

	/* Bucket lock bit, see above. */
	data_race(conn->family == LBDR_V4 ?
		  rhashtable_remove_fast(table, &conn->node, lbdr_conn_params4) :
		  rhashtable_remove_fast(table, &conn->node, lbdr_conn_params6));
}

/*
 * Returns NULL if inserted, the connection that has this key already, or ERR_PTR().
 * Flattened: without inlining, the rhashtable code would read the parameters from the
 * stack and call the hash and comparison functions by pointers.
 */
static noinline __flatten struct lbdr_conn *
lbdr_conn_insert(struct lbdr_net *ln, struct lbdr_conn *conn)
{
	struct rhashtable *table = &ln->conns[conn->family];

	/* Bucket lock bit, see above. */
	return data_race(conn->family == LBDR_V4 ?
			 rhashtable_lookup_get_insert_fast(table, &conn->node,
							   lbdr_conn_params4) :
			 rhashtable_lookup_get_insert_fast(table, &conn->node,
							   lbdr_conn_params6));
}

/* Returns true if this call removed the connection; the caller must free it. */
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
 * For packets, which remove one connection at a time. A concurrent packet that has
 * found the connection is still forwarded to its server.
 *
 * Context: rcu_read_lock() held.
 * Return: true if this call removed the connection, false if another one did.
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
 * For callers that remove many connections. The collector frees the memory in its next
 * period.
 *
 * Context: rcu_read_lock() held.
 * Return: true if this call removed the connection, false if another one did.
 */
bool lbdr_conn_reap(struct lbdr_net *ln, struct lbdr_conn *conn)
{
	if (!lbdr_conn_end(ln, conn))
		return false;
	llist_add(&conn->reaped, &ln->reaped);
	return true;
}

/* Frees connections that no reader can reach any more. */
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
 * @flow: flow of a client's packet
 *
 * The time stamp is not updated. Used for ICMP errors, which must not keep a connection
 * alive, and for packet simulation.
 *
 * Context: rcu_read_lock() held.
 * Return: the connection, or NULL if there is none or it has expired.
 */
struct lbdr_conn *lbdr_conn_peek(struct lbdr_net *ln,
				 const struct lbdr_flow *flow)
{
	struct lbdr_conn *conn = lbdr_conn_lookup(ln, flow->family, flow);

	return conn && lbdr_conn_left(ln, conn) > 0 ? conn : NULL;
}
EXPORT_SYMBOL_FOR_KUNIT(lbdr_conn_peek);

/* lbdr_conn_find() for callers that know the family at compile time. */
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
	if (unlikely(lbdr_server_gone(conn->server))) {
		if (lbdr_hold_conn(ln, conn, flow))
			return NULL;
		goto kill;
	}
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
 * @flow: flow of the packet
 *
 * A connection is removed and not returned if it has expired, if its server was
 * removed, or if it is closing and the packet is a SYN or an SCTP INIT. If the service
 * is persistent, the time stamp of the client's template is updated, too. If the server
 * is held, the connection is neither removed nor returned.
 *
 * Context: rcu_read_lock() held, BH off.
 * Return: the connection, or NULL.
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
		pr_notice_once("a connection table is full, conn_max is %u: new connections are dropped and counted as conn-max (logged once)\n",
			       lbdr_conn_max());
		*why = LBDR_DROP_CONN_MAX;
		goto err_count;
	}
	if (unlikely(percpu_counter_read_positive(&lbdr_conn_total) >=
		     READ_ONCE(conn_max_all))) {
		pr_notice_once("the connection tables of all network namespaces hold conn_max_all connections, %u: new connections are dropped and counted as conn-max (logged once)\n",
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
	/* The collector is not queued while there are no connections. */
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
 * @flow: flow of the first packet, or of a template
 * @server: the server that the scheduler has chosen, valid under rcu_read_lock()
 * @why: set to the drop reason if NULL is returned
 *
 * Lookup and insertion are atomic: if two CPUs add a connection of the same flow, one
 * of them inserts it, and both return it.
 *
 * Context: rcu_read_lock() held, BH off.
 * Return: the connection of the flow, whose server may differ from @server if another
 * CPU has inserted it, or NULL.
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

	/* Count before the connection is visible, or the count might become negative. */
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
	 * The insertion failed since the table could not grow (EBUSY, ENOMEM,
	 * E2BIG), or another CPU is removing the old connection.
	 */
	*why = LBDR_DROP_CONN_MEMORY;
	return NULL;
}
EXPORT_SYMBOL_FOR_KUNIT(lbdr_conn_add);

/* Removes the expired ones of the next @budget connections of one table. */
static void lbdr_conn_collect_table(struct lbdr_net *ln,
				    enum lbdr_family family, u32 budget)
{
	struct rhashtable_iter *walk = &ln->walk[family];
	struct lbdr_conn *conn = NULL;
	u32 batch;

	while (budget) {
		/* A resize restarts the walk, which does no harm. */
		rhashtable_walk_start(walk);
		for (batch = 0; batch < COLLECT_BATCH && budget;
		     batch++, budget--) {
			conn = rhashtable_walk_next(walk);
			if (!conn || IS_ERR(conn))
				break;
			/*
			 * A packet may update the stamp after this check. The
			 * packet is forwarded, and the connection is removed
			 * all the same: it had expired before the packet.
			 */
			if (lbdr_conn_left(ln, conn) <= 0)
				lbdr_conn_reap(ln, conn);
		}
		rhashtable_walk_stop(walk);

		if (batch < COLLECT_BATCH && !IS_ERR(conn)) {
			/* End of the table, or the budget is used up. */
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

	/* These were removed from the table before the grace period begins. */
	reaped = llist_del_all(&ln->reaped);
	if (reaped) {
		synchronize_rcu();
		lbdr_conn_free_reaped(reaped);
	}

	/*
	 * Pairs with atomic_inc_return() in lbdr_conn_alloc(): if this reads 0,
	 * the next allocation finds no work pending and queues the collector.
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
 * @ln: the namespace; its hooks were unregistered a grace period ago and its last
 *	dump has ended, so there is no reader and no writer
 *
 * RCU callbacks of lbdr_conn_kill() may be pending, which use @ln: the caller must call
 * rcu_barrier() before @ln is freed.
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
	u32 default_max;
	int err;

	/* An IPv4 connection takes one cache line; an IPv6 connection takes more. */
	BUILD_BUG_ON(sizeof(struct lbdr_conn4) > 64);
	BUILD_BUG_ON(sizeof(struct lbdr_key4) != 16);
	BUILD_BUG_ON(sizeof(struct lbdr_key6) != 40);
	get_random_bytes(&lbdr_conn_hash_key, sizeof(lbdr_conn_hash_key));

	/* 64 bytes for a connection and 16 bytes for its share of the hash table */
	default_max = clamp_t(u64, div_u64((u64)totalram_pages() << PAGE_SHIFT,
					   8 * 80), 1 << 16, 1 << 27);
	if (!conn_max)
		conn_max = default_max;
	if (!conn_max_all)
		conn_max_all = max(2 * default_max, conn_max);

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
