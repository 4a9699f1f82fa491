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
	union {
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
 * enum lbdr_conn_miss - why a packet is not forwarded by a connection
 * @LBDR_CONN_NONE: there is none
 * @LBDR_CONN_RETURNED: a server has sent the packet back
 * @LBDR_CONN_HELD: the server of the connection is held
 */
enum lbdr_conn_miss {
	LBDR_CONN_NONE,
	LBDR_CONN_RETURNED,
	LBDR_CONN_HELD,
};

int lbdr_conn_init(void);
void lbdr_conn_exit(void);
int lbdr_conn_table_init(struct lbdr_net *ln);
void lbdr_conn_table_exit(struct lbdr_net *ln);
struct lbdr_conn *lbdr_conn_peek(struct lbdr_net *ln,
				 const struct lbdr_flow *flow);
struct lbdr_conn *lbdr_conn_find(struct lbdr_net *ln,
				 const struct lbdr_flow *flow);
struct lbdr_conn *lbdr_conn_add(struct lbdr_net *ln,
				const struct lbdr_flow *flow,
				struct lbdr_server *server,
				enum lbdr_drop *why);
void lbdr_conn_move(struct lbdr_conn *conn, u32 from, u32 to);
void lbdr_conn_renew(struct lbdr_conn *conn);
bool lbdr_conn_kill(struct lbdr_net *ln, struct lbdr_conn *conn);
bool lbdr_conn_evict(struct lbdr_net *ln, struct lbdr_conn *conn, u32 state);
bool lbdr_conn_reap(struct lbdr_net *ln, struct lbdr_conn *conn);
void lbdr_conn_free_reaped(struct lbdr_net *ln);
long lbdr_conn_left(const struct lbdr_net *ln, const struct lbdr_conn *conn);
u32 lbdr_conn_timeout(const struct lbdr_net *ln, const struct lbdr_conn *conn,
		      u32 state);
u32 lbdr_conn_max(void);
u32 lbdr_conn_limit(const struct lbdr_net *ln);
bool lbdr_conn_near_limit(struct lbdr_net *ln);
bool lbdr_conn_full(const struct lbdr_net *ln);
u32 lbdr_conn_linked(const struct lbdr_net *ln);
u32 lbdr_conn_pending(const struct lbdr_net *ln);

static inline const struct lbdr_key4 *lbdr_conn_key4(const struct lbdr_conn *conn)
{
	return &container_of(conn, struct lbdr_conn4, conn)->key;
}

static inline const struct lbdr_key6 *lbdr_conn_key6(const struct lbdr_conn *conn)
{
	return &container_of(conn, struct lbdr_conn6, conn)->key;
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

#endif /* _LBDR_CONN_H */
