/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Connections and their table.
 */
#ifndef _LBDR_CONN_H
#define _LBDR_CONN_H

#include <linux/llist.h>
#include <linux/rhashtable.h>

#include "flow.h"
#include "lbdr.h"
#include "stats.h"

struct lbdr_server;

/**
 * struct lbdr_conn - a connection, without its key
 * @node: in lbdr_net.conns; RCU
 * @server: immutable, one reference held until the memory is freed
 * @stamp: jiffies of the last packet, at a resolution of a quarter of a second;
 *	WRITE_ONCE() by packets, read by lbdr_conn_idle()
 * @state: enum lbdr_conn_state, or an internal state of flow.h; cmpxchg(). The CPU
 *	that sets LBDR_CONN_STATE_DEAD removes the connection from the table
 * @family: enum lbdr_family, selects struct lbdr_conn4 or struct lbdr_conn6;
 *	immutable
 * @renewals: number of times that @stamp was renewed, at most U8_MAX; WRITE_ONCE()
 *	together with @stamp. Concurrent packets may lose an increment
 * @place: enum lbdr_place that has added the connection; immutable
 * @ttl: TTL of the first packet, 0 for a template; WRITE_ONCE(), see peers.c
 * @mac: hash of the source MAC of the first packet; WRITE_ONCE(), see peers.c
 * @synced: 0, or @renewals + 1 when another director's record was applied last;
 *	WRITE_ONCE(), see lbdr_conn_own()
 * @sent: when it was sent to another director, 0 for never; WRITE_ONCE(), see
 *	sync_refresh.h
 * @hash: &lbdr_flow.hash, until the connection is inserted
 * @rcu: frees the connection after a grace period
 * @reaped: in lbdr_net.reaped; used instead of @rcu
 */
struct lbdr_conn {
	struct rhash_head	node;
	struct lbdr_server	*server;
	u32			stamp;
	u32			state;
	u8			family;
	u8			renewals;
	u8			place;
	u8			ttl;
	u16			mac;
	u8			synced;
	u8			sent;
	union {
		u64			hash;
		struct rcu_head		rcu;
		struct llist_node	reaped;
	};
};

/* An IPv4 connection. */
struct lbdr_conn4 {
	struct lbdr_conn	conn;
	struct lbdr_key4	key;
};

/* An IPv6 connection. */
struct lbdr_conn6 {
	struct lbdr_conn	conn;
	struct lbdr_key6	key;
};

/**
 * struct lbdr_conn_miss - why a packet is not forwarded by a connection
 * @why: LBDR_CONN_NONE: there is none. LBDR_CONN_RETURNED: a server has sent the packet
 *	back. LBDR_CONN_HELD: the server of the connection is held
 * @service: service of the connection, unless there is none
 */
struct lbdr_conn_miss {
	enum {
		LBDR_CONN_NONE,
		LBDR_CONN_RETURNED,
		LBDR_CONN_HELD,
	}			why;
	struct lbdr_service	*service;
};

/**
 * struct lbdr_conn_saved - what a connection is restored with, besides its key
 * @state: enum lbdr_conn_state, or an internal state of flow.h; fits the key's protocol
 * @left: jiffies until it expires. More than the timeout of the state counts as that
 * @renewals: &lbdr_conn.renewals
 * @synced: another director forwards the connection
 */
struct lbdr_conn_saved {
	u32	state;
	u32	left;
	u8	renewals;
	bool	synced;
};

int lbdr_conn_init(void);
void lbdr_conn_exit(void);
int lbdr_conn_table_init(struct lbdr_net *ln);
void lbdr_conn_table_exit(struct lbdr_net *ln);
struct lbdr_conn *lbdr_conn_peek(struct lbdr_net *ln,
				 const struct lbdr_flow *flow);
struct lbdr_conn *lbdr_conn_find(struct lbdr_net *ln,
				 const struct lbdr_flow *flow);
struct lbdr_conn *lbdr_conn_of_flow(struct lbdr_net *ln, const struct lbdr_flow *flow);
struct lbdr_conn *lbdr_conn_find_of(struct lbdr_net *ln, const struct lbdr_flow *flow,
				    const struct sk_buff *skb,
				    struct lbdr_conn_miss *miss);
struct lbdr_conn *lbdr_conn_alloc(struct lbdr_net *ln, const struct lbdr_flow *flow,
				  struct lbdr_server *server);
struct lbdr_conn *lbdr_conn_link(struct lbdr_net *ln, struct lbdr_conn *conn, u32 state);
struct lbdr_conn *lbdr_conn_add(struct lbdr_net *ln,
				const struct lbdr_flow *flow,
				struct lbdr_server *server);
struct lbdr_conn *lbdr_conn_vacate(struct lbdr_net *ln, struct lbdr_flow *flow);
int lbdr_conn_restore_vacated(struct lbdr_net *ln, const struct lbdr_flow *flow,
			      struct lbdr_server *server,
			      const struct lbdr_conn_saved *saved);
int lbdr_conn_restore(struct lbdr_net *ln, struct lbdr_flow *flow,
		      struct lbdr_server *server,
		      const struct lbdr_conn_saved *saved);
void lbdr_conn_move(struct lbdr_conn *conn, u32 from, u32 to);
bool lbdr_conn_kill(struct lbdr_net *ln, struct lbdr_conn *conn);
bool lbdr_conn_evict(struct lbdr_net *ln, struct lbdr_conn *conn, u32 state);
bool lbdr_conn_reap(struct lbdr_net *ln, struct lbdr_conn *conn);
void lbdr_conn_free_reaped(struct lbdr_net *ln);
long lbdr_conn_left(const struct lbdr_net *ln, const struct lbdr_conn *conn);
u32 lbdr_conn_timeout(const struct lbdr_net *ln, const struct lbdr_conn *conn,
		      u32 state);

static inline const struct lbdr_key4 *lbdr_conn_key4(const struct lbdr_conn *conn)
{
	return &container_of(conn, struct lbdr_conn4, conn)->key;
}

static inline const struct lbdr_key6 *lbdr_conn_key6(const struct lbdr_conn *conn)
{
	return &container_of(conn, struct lbdr_conn6, conn)->key;
}

/*
 * A packet writes the stamp only if the stamp is older than this, so the cache line of a
 * connection is dirtied four times a second at most.
 */
#define LBDR_CONN_STAMP_GRAIN	(HZ / 4)

/**
 * lbdr_conn_stamp_of() - Get the stamp of a connection that is known from elsewhere
 * @timeout: timeout of its state, in jiffies; at most LBDR_TIMEOUT_MAX seconds, which fit
 *	at HZ=1000
 * @left: the part of it that is left, in jiffies
 * @synced: another director forwards the connection. It is old enough, then, for its
 *	first packet here to renew it, see lbdr_conn_own()
 *
 * Context: any.
 * Return: the stamp.
 */
static inline u32 lbdr_conn_stamp_of(u32 timeout, u32 left, bool synced)
{
	u32 age = timeout - min(timeout, left);

	return (u32)jiffies - max(age, synced ? LBDR_CONN_STAMP_GRAIN + 1U : 0U);
}

/*
 * The most renewals that are kept for a received connection. From as many on, a record
 * has LBDR_SYNC_FLAG_RENEWED. Not less than LBDR_FLOOD_RENEWALS
 */
#define LBDR_CONN_SYNC_RENEWALS	8

/**
 * lbdr_conn_own() - Check whether this director forwards a connection
 * @conn: the connection
 *
 * Context: any.
 * Return: false if another director has sent the connection, and no packet has renewed it
 * here since.
 */
static inline bool lbdr_conn_own(const struct lbdr_conn *conn)
{
	u8 synced = READ_ONCE(conn->synced);

	return !synced || READ_ONCE(conn->renewals) != synced - 1;
}

/**
 * lbdr_conn_idle() - Get the time since the last packet of a connection
 * @conn: the connection
 *
 * The stamp is read before jiffies. Another CPU may nevertheless renew the stamp in
 * between, as this CPU may read jiffies early: a stamp in the future counts as 0, not
 * as nearly 2^32. No connection idles for 2^31 jiffies: LBDR_TIMEOUT_MAX is shorter at
 * HZ=1000, and the collector removes expired connections within minutes.
 *
 * Context: any.
 * Return: jiffies, at a resolution of a quarter of a second.
 */
static inline u32 lbdr_conn_idle(const struct lbdr_conn *conn)
{
	u32 stamp = READ_ONCE(conn->stamp);
	s32 idle = (u32)jiffies - stamp;

	return max(idle, 0);
}

/* lbdr_conn_idle() with its sign, for a comparison with a positive number. */
static __always_inline s32 lbdr_conn_age(const struct lbdr_conn *conn)
{
	u32 stamp = READ_ONCE(conn->stamp);

	return (u32)jiffies - stamp;
}

/**
 * lbdr_conn_renew() - Renew the time stamp of a connection
 * @conn: the connection
 *
 * Context: rcu_read_lock() held.
 */
static inline void lbdr_conn_renew(struct lbdr_conn *conn)
{
	u8 renewals = READ_ONCE(conn->renewals);

	WRITE_ONCE(conn->stamp, jiffies);
	if (renewals < U8_MAX)
		WRITE_ONCE(conn->renewals, renewals + 1);
}

#endif /* _LBDR_CONN_H */
