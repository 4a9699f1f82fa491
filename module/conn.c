// SPDX-License-Identifier: GPL-2.0
/*
 * The connection table.
 *
 * Each namespace has one rhashtable for each family, which resizes automatically. A
 * connection has no timer. Packets write a coarse time stamp, and a connection has
 * expired when its stamp is older than the timeout of its state. Expired connections
 * are removed by the next packet of the flow, or by the collector (collect.c).
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
 * limit.c limits the number of connections. A connection counts until its memory is
 * freed, not until it is unlinked; otherwise a flood could allocate faster than grace
 * periods end. flood.c handles new connections when the table is nearly full.
 */
#include <linux/kcsan-checks.h>
#include <linux/random.h>

#include "collect.h"
#include "conn.h"
#include "conn_event.h"
#include "conn_lookup.h"
#include "conn_stock.h"
#include "flood.h"
#include "flow.h"
#include "hold.h"
#include "lbdr.h"
#include "lbdr_trace.h"
#include "limit.h"
#include "peers.h"
#include "persist.h"
#include "server.h"
#include "service.h"
#include "state.h"
#include "stats.h"

/* Connections freed between two calls of cond_resched() */
#define FREE_BATCH	256

/* See conn_lookup.h. */
struct lbdr_conn_secret lbdr_conn_secret __ro_after_init;
EXPORT_SYMBOL_FOR_KUNIT(lbdr_conn_secret);

/**
 * lbdr_conn_timeout() - Get the timeout of a connection
 * @ln: the namespace
 * @conn: the connection
 * @state: its state
 *
 * Context: rcu_read_lock() held.
 * Return: seconds.
 */
u32 lbdr_conn_timeout(const struct lbdr_net *ln, const struct lbdr_conn *conn,
		      u32 state)
{
	const struct lbdr_service *service = conn->server->service;
	u32 persist = READ_ONCE(service->settings.persist);

	if (state == LBDR_CONN_STATE_TEMPLATE)
		return persist;
	/* A client of one packet is remembered no longer than its connection. */
	if (state == LBDR_CONN_STATE_TEMPLATE_ONE)
		state = LBDR_CONN_STATE_SYN_RECV;
	else
		persist = U32_MAX;
	return min(lbdr_service_timeout(ln, service, lbdr_state_shown(state)), persist);
}

/*
 * The time left in jiffies, 0 or less if the connection has expired. A long of 32 bits
 * can hold LBDR_TIMEOUT_MAX seconds at HZ=1000.
 */
static long lbdr_conn_time_left(const struct lbdr_net *ln,
				const struct lbdr_conn *conn, u32 state)
{
	return (long)lbdr_conn_timeout(ln, conn, state) * HZ -
	       (long)lbdr_conn_idle(conn);
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
EXPORT_SYMBOL_LBDR(lbdr_conn_left);

static __always_inline void lbdr_conn_count(struct lbdr_server *server, u32 state, int by)
{
	if (lbdr_state_active(state))
		atomic_add(by, &server->active);
	else if (lbdr_state_shown(state) == LBDR_CONN_STATE_TEMPLATE)
		atomic_add(by, &server->persistent);
	else
		atomic_add(by, &server->inactive);
}

/* Undoes lbdr_conn_alloc(). No reader holds a pointer to the connection. */
static void lbdr_conn_free(struct lbdr_conn *conn)
{
	struct lbdr_server *server = conn->server;
	struct lbdr_net *ln = server->ln;

	lbdr_conn_give(conn->family, conn);
	lbdr_server_put(server);
	lbdr_limit_conn_sub(ln);
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
 * The second packet of a client of a persistent service confirms the client's template. A
 * record of another director is none: that director sends the template itself.
 *
 * Context: rcu_read_lock() held, BH off.
 */
noinline void lbdr_conn_move(struct lbdr_conn *conn, u32 from, u32 to)
{
	if (cmpxchg(&conn->state, from, to) != from)
		return;
	lbdr_conn_event(conn, from, to);
	if (lbdr_state_active(from) != lbdr_state_active(to)) {
		lbdr_conn_count(conn->server, to, 1);
		lbdr_conn_count(conn->server, from, -1);
	}
	if (unlikely(READ_ONCE(conn->server->service->settings.persist)) &&
	    lbdr_state_half_open(from) && !lbdr_state_closing(to) &&
	    !lbdr_sync_applying(conn->server->ln))
		lbdr_persist_confirm(conn);
}
EXPORT_SYMBOL_FOR_KUNIT(lbdr_conn_move);

static __always_inline int lbdr_conn_cmp4(struct rhashtable_compare_arg *arg,
					  const void *obj)
{
	return !lbdr_key_equal(arg->key, lbdr_conn_key4(obj),
			       sizeof(struct lbdr_key4));
}

static __always_inline int lbdr_conn_cmp6(struct rhashtable_compare_arg *arg,
					  const void *obj)
{
	return !lbdr_key_equal(arg->key, lbdr_conn_key6(obj),
			       sizeof(struct lbdr_key6));
}

/*
 * The lookup of a new connection's first packet has hashed the key. The hash is used only if
 * its seed is that of the table. 0 means no hash.
 */
static __always_inline bool lbdr_conn_has_hash(const struct lbdr_conn *conn, u32 seed)
{
	return likely(conn->hash) && likely(conn->hash >> 32 == seed);
}

static __always_inline u32 lbdr_conn_obj_hash4(const void *obj, u32 len, u32 seed)
{
	const struct lbdr_conn4 *conn = obj;

	return lbdr_conn_has_hash(&conn->conn, seed) ?
	       lower_32_bits(conn->conn.hash) :
	       lbdr_conn_hash4(&conn->key, len, seed);
}

static __always_inline u32 lbdr_conn_obj_hash6(const void *obj, u32 len, u32 seed)
{
	const struct lbdr_conn6 *conn = obj;

	return lbdr_conn_has_hash(&conn->conn, seed) ?
	       lower_32_bits(conn->conn.hash) :
	       lbdr_conn_hash6(&conn->key, len, seed);
}

/*
 * The functions are inlined into the rhashtable code, which would otherwise call the
 * comparison for each entry of a chain.
 */
#define LBDR_CONN_PARAMS(version, hash_of_object) {				\
	.head_offset		= offsetof(struct lbdr_conn##version, conn.node),	\
	.key_offset		= offsetof(struct lbdr_conn##version, key),		\
	.key_len		= sizeof(struct lbdr_key##version),			\
	.hashfn			= lbdr_conn_hash##version,				\
	.obj_hashfn		= (hash_of_object),					\
	.obj_cmpfn		= lbdr_conn_cmp##version,				\
	.automatic_shrinking	= true,							\
}

static const struct rhashtable_params lbdr_conn_params4 = LBDR_CONN_PARAMS(4, NULL);
static const struct rhashtable_params lbdr_conn_params6 = LBDR_CONN_PARAMS(6, NULL);

/* Only for insertions: a resize hashes the key. */
static const struct rhashtable_params lbdr_conn_insert_params4 =
	LBDR_CONN_PARAMS(4, lbdr_conn_obj_hash4);
static const struct rhashtable_params lbdr_conn_insert_params6 =
	LBDR_CONN_PARAMS(6, lbdr_conn_obj_hash6);

/*
 * rhashtable uses a bit of the bucket word as the bucket lock, sets it by an atomic
 * operation, and reads the word by plain loads under the lock and while it moves a table.
 * The loads mask the bit out. KCSAN would report these loads for the next two functions,
 * since rhashtable's are inlined. It is told to take their accesses for atomic ones, so
 * it still reports their races with plain accesses elsewhere.
 */
static __always_inline void lbdr_conn_remove(struct lbdr_net *ln,
					     struct lbdr_conn *conn)
{
	struct rhashtable *table = &ln->conns[conn->family];

	kcsan_nestable_atomic_begin();
	if (conn->family == LBDR_V4)
		rhashtable_remove_fast(table, &conn->node, lbdr_conn_params4);
	else
		rhashtable_remove_fast(table, &conn->node, lbdr_conn_params6);
	kcsan_nestable_atomic_end();
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
	struct lbdr_conn *old;

	kcsan_nestable_atomic_begin();
	if (conn->family == LBDR_V4)
		old = rhashtable_lookup_get_insert_fast(table, &conn->node,
							lbdr_conn_insert_params4);
	else
		old = rhashtable_lookup_get_insert_fast(table, &conn->node,
							lbdr_conn_insert_params6);
	kcsan_nestable_atomic_end();
	return old;
}

/* Removes a connection whose state this CPU has just changed from @state to DEAD. */
static void lbdr_conn_unlink(struct lbdr_net *ln, struct lbdr_conn *conn,
			     u32 state)
{
	trace_lbdr_conn_expire(conn, state);
	lbdr_conn_event(conn, state, LBDR_CONN_STATE_DEAD);
	lbdr_conn_count(conn->server, state, -1);
	lbdr_share_sub(ln, conn->server->service);
	if (unlikely(READ_ONCE(conn->server->upper)))
		lbdr_server_update_overload(conn->server);
	lbdr_conn_remove(ln, conn);
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
	lbdr_conn_unlink(ln, conn, state);
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
 * lbdr_conn_evict() - Remove a connection whose state has not changed
 * @ln: the namespace
 * @conn: the connection
 * @state: the state for which the connection was selected, not LBDR_CONN_STATE_DEAD
 *
 * A packet that has changed the state since keeps the connection.
 *
 * Context: rcu_read_lock() held.
 * Return: true if this call removed the connection.
 */
bool lbdr_conn_evict(struct lbdr_net *ln, struct lbdr_conn *conn, u32 state)
{
	if (cmpxchg(&conn->state, state, LBDR_CONN_STATE_DEAD) != state)
		return false;
	lbdr_conn_unlink(ln, conn, state);
	call_rcu(&conn->rcu, lbdr_conn_free_rcu);
	return true;
}
EXPORT_SYMBOL_FOR_KUNIT(lbdr_conn_evict);

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

/**
 * lbdr_conn_free_reaped() - Free the connections that lbdr_conn_reap() has removed
 * @ln: the namespace
 *
 * Context: process, may sleep: waits for a grace period if there are any.
 */
void lbdr_conn_free_reaped(struct lbdr_net *ln)
{
	struct llist_node *reaped = llist_del_all(&ln->reaped);
	struct lbdr_conn *conn, *next;
	u32 batch = 0;

	if (!reaped)
		return;
	/* All of them were removed from the table before this grace period begins. */
	synchronize_rcu();
	llist_for_each_entry_safe(conn, next, reaped, reaped) {
		lbdr_conn_free(conn);
		if (++batch % FREE_BATCH == 0)
			cond_resched();
	}
}

/**
 * lbdr_conn_of_flow() - Look up a connection, which may be dead or have expired
 * @ln: the namespace
 * @flow: the flow
 *
 * Context: rcu_read_lock() held.
 * Return: the connection, or NULL.
 */
struct lbdr_conn *lbdr_conn_of_flow(struct lbdr_net *ln, const struct lbdr_flow *flow)
{
	return flow->family == LBDR_V4 ? lbdr_conn_lookup(ln, LBDR_V4, &flow->v4, NULL) :
					 lbdr_conn_lookup(ln, LBDR_V6, &flow->v6, NULL);
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
	struct lbdr_conn *conn = lbdr_conn_of_flow(ln, flow);

	return conn && lbdr_conn_left(ln, conn) > 0 ? conn : NULL;
}
EXPORT_SYMBOL_FOR_KUNIT(lbdr_conn_peek);

/**
 * lbdr_conn_find_of() - lbdr_conn_find() for a packet that a server may have sent back
 * @ln: the namespace
 * @flow: flow of the packet
 * @skb: the packet, or NULL
 * @miss: set to the reason if NULL is returned
 *
 * Context: rcu_read_lock() held, BH off.
 * Return: the connection, or NULL.
 */
struct lbdr_conn *lbdr_conn_find_of(struct lbdr_net *ln, const struct lbdr_flow *flow,
				    const struct sk_buff *skb,
				    struct lbdr_conn_miss *miss)
{
	struct lbdr_conn *conn = lbdr_conn_of_flow(ln, flow);
	u32 state;

	miss->why = LBDR_CONN_NONE;
	if (!conn)
		return NULL;

	state = READ_ONCE(conn->state);
	if (unlikely(state == LBDR_CONN_STATE_DEAD))
		return NULL;
	if (unlikely(READ_ONCE(conn->server->checked))) {
		if (lbdr_server_gone(conn->server)) {
			if (!lbdr_hold_conn(ln, conn, flow))
				goto kill;
			miss->why = LBDR_CONN_HELD;
			goto miss;
		}
		if (skb && lbdr_peers_returned(ln, skb, flow, conn))
			goto returned;
	}
	if (unlikely(lbdr_event_opens(flow->event))) {
		if (lbdr_state_closing(state))
			goto kill;
		if (skb && lbdr_peers_returned(ln, skb, flow, conn))
			goto returned;
	}

	if (lbdr_conn_age(conn) > LBDR_CONN_STAMP_GRAIN) {
		if (lbdr_conn_time_left(ln, conn, state) <= 0)
			goto kill;
		lbdr_conn_renew(conn);
		if (unlikely(READ_ONCE(conn->server->service->settings.persist)))
			lbdr_persist_renew(ln, conn->server->service, flow);
	}
	return conn;

returned:
	miss->why = LBDR_CONN_RETURNED;
miss:
	miss->service = conn->server->service;
	return NULL;
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
	struct lbdr_conn_miss miss;

	return lbdr_conn_find_of(ln, flow, NULL, &miss);
}
EXPORT_SYMBOL_FOR_KUNIT(lbdr_conn_find);

/* lbdr_conn_alloc(), for the packets of new connections */
static __always_inline struct lbdr_conn *
lbdr_conn_new(struct lbdr_net *ln, const struct lbdr_flow *flow,
	      struct lbdr_server *server)
{
	struct lbdr_conn *conn;

	if (unlikely(!lbdr_limit_conn_add(ln)))
		return ERR_PTR(-ENOSPC);
	conn = lbdr_conn_take(ln, flow->family);
	if (unlikely(!conn)) {
		lbdr_limit_conn_sub(ln);
		lbdr_limit_starve(ln);
		return ERR_PTR(-ENOMEM);
	}
	/* The collector is not queued while there are no connections. */
	if (unlikely(!delayed_work_pending(&ln->collector)))
		lbdr_collect_queue(ln);

	conn->server = server;
	lbdr_server_get(server);
	conn->stamp = jiffies;
	conn->state = lbdr_state_next[flow->event][LBDR_CONN_STATE_NONE];
	conn->family = flow->family;
	conn->renewals = 0;
	conn->place = flow->place;
	conn->ttl = 0;
	conn->mac = 0;
	conn->synced = 0;
	conn->sent = 0;
	conn->hash = flow->hash;
	if (flow->family == LBDR_V4)
		container_of(conn, struct lbdr_conn4, conn)->key = flow->v4;
	else
		container_of(conn, struct lbdr_conn6, conn)->key = flow->v6;
	return conn;
}

/**
 * lbdr_conn_alloc() - Allocate a connection
 * @ln: the namespace
 * @flow: its flow; the event gives its state
 * @server: its server, valid under rcu_read_lock()
 *
 * Context: rcu_read_lock() held, BH off.
 * Return: the connection; ERR_PTR(-ENOSPC) if the namespace may hold no more, or
 * ERR_PTR(-ENOMEM).
 */
struct lbdr_conn *lbdr_conn_alloc(struct lbdr_net *ln, const struct lbdr_flow *flow,
				  struct lbdr_server *server)
{
	return lbdr_conn_new(ln, flow, server);
}

/* lbdr_conn_link(), for the packets of new connections */
static __always_inline struct lbdr_conn *
lbdr_conn_publish(struct lbdr_net *ln, struct lbdr_conn *conn, u32 state)
{
	struct lbdr_server *server = conn->server;
	struct lbdr_conn *old;

	/* Count before the connection is visible, or the count might become negative. */
	lbdr_conn_count(server, state, 1);
	lbdr_share_add(ln, server->service);
	old = lbdr_conn_insert(ln, conn);
	if (likely(!old)) {
		trace_lbdr_conn_new(conn, state);
		lbdr_conn_event(conn, LBDR_CONN_STATE_NONE, state);
		if (unlikely(READ_ONCE(server->upper)))
			lbdr_server_update_overload(server);
		return conn;
	}
	lbdr_conn_count(server, state, -1);
	lbdr_share_sub(ln, server->service);
	lbdr_conn_free(conn);
	return old;
}

/**
 * lbdr_conn_link() - Count a connection and insert it
 * @ln: the namespace
 * @conn: the connection, which is freed if it is not returned
 * @state: its state
 *
 * Context: rcu_read_lock() held, BH off.
 * Return: @conn; or the connection that has the key already, which may be dead; or an error
 * pointer if the table could not grow (-EBUSY, -ENOMEM, -E2BIG).
 */
struct lbdr_conn *lbdr_conn_link(struct lbdr_net *ln, struct lbdr_conn *conn, u32 state)
{
	return lbdr_conn_publish(ln, conn, state);
}

/**
 * lbdr_conn_add() - Add a connection
 * @ln: the namespace
 * @flow: flow of the first packet, or of a template
 * @server: the server that the scheduler has chosen, valid under rcu_read_lock()
 *
 * Lookup and insertion are atomic: if two CPUs add a connection of the same flow, one
 * of them inserts it, and both return it.
 *
 * Context: rcu_read_lock() held, BH off.
 * Return: the connection of the flow, whose server may differ from @server if another
 * CPU has inserted it; ERR_PTR(-ENOSPC) if the namespace may hold no more, or
 * ERR_PTR(-ENOMEM).
 */
struct lbdr_conn *lbdr_conn_add(struct lbdr_net *ln,
				const struct lbdr_flow *flow,
				struct lbdr_server *server)
{
	struct lbdr_conn *conn, *linked;

	conn = lbdr_conn_new(ln, flow, server);
	if (IS_ERR(conn))
		return conn;
	linked = lbdr_conn_publish(ln, conn, conn->state);
	if (likely(linked == conn)) {
		if (likely(flow->event != LBDR_EVENT_TEMPLATE))
			lbdr_stats_add(server->stats, 1, 0, 0);
		return conn;
	}
	if (!IS_ERR(linked) && READ_ONCE(linked->state) != LBDR_CONN_STATE_DEAD)
		return linked;
	/* No room, or another CPU is removing the old connection. */
	return ERR_PTR(-ENOMEM);
}
EXPORT_SYMBOL_FOR_KUNIT(lbdr_conn_add);

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
	lbdr_collect_net_init(ln);
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
	lbdr_collect_net_exit(ln);
	lbdr_conn_free_reaped(ln);
	rhashtable_free_and_destroy(&ln->conns[LBDR_V4], lbdr_conn_free_last,
				    NULL);
	rhashtable_free_and_destroy(&ln->conns[LBDR_V6], lbdr_conn_free_last,
				    NULL);
}

/**
 * lbdr_conn_init() - Draw the secret of the hash, and prepare memory for connections
 *
 * Context: process.
 * Return: 0 or -ENOMEM.
 */
int lbdr_conn_init(void)
{
	siphash_key_t key;
	int err, i;

	BUILD_BUG_ON(sizeof(struct lbdr_key4) != 16);
	BUILD_BUG_ON(sizeof(struct lbdr_key6) != 40);
	get_random_bytes(&key, sizeof(key));
	lbdr_sip_init(&lbdr_conn_secret.sip, &key);
	get_random_bytes(lbdr_conn_secret.fold, sizeof(lbdr_conn_secret.fold));
	for (i = 0; i < ARRAY_SIZE(lbdr_conn_secret.fold); i++)
		lbdr_conn_secret.fold[i] |= 1;

	err = lbdr_limit_init();
	if (err)
		return err;
	err = lbdr_conn_stock_init();
	if (err)
		lbdr_limit_exit();
	return err;
}

/**
 * lbdr_conn_exit() - Undo lbdr_conn_init()
 *
 * Context: process, after rcu_barrier().
 */
void lbdr_conn_exit(void)
{
	lbdr_conn_stock_exit();
	lbdr_limit_exit();
}
