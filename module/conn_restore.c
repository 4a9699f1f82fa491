// SPDX-License-Identifier: GPL-2.0
/*
 * Restoring connections: adding to the table what is known from elsewhere, not from a
 * packet. The command conn-add restores what was saved before the module was exchanged,
 * and the receiver of another director's records what that director forwards.
 *
 * The caller has looked up the server and knows that the state fits the protocol. What
 * the table holds already always wins: this director may be forwarding its packets. The
 * MAC and TTL of the first packet are unknown (peers.c): the next packet that opens the
 * connection or changes its state sets them.
 *
 * Restored connections are objects like all others: protected by RCU, counted in the
 * limits, and removed by packets and the collector.
 */
#include "conn.h"
#include "conn_lookup.h"
#include "flow.h"
#include "lbdr.h"
#include "server.h"
#include "service.h"
#include "stats.h"

/**
 * lbdr_conn_vacate() - Look up a connection, before another one is added in its place
 * @ln: the namespace
 * @flow: key of the connection, or of a template. Its hash is set
 *
 * A connection that packets would not find is removed: it has expired, or its server was
 * removed.
 *
 * Context: rcu_read_lock() held, BH off.
 * Return: the connection, or NULL if there is none that packets find.
 */
struct lbdr_conn *lbdr_conn_vacate(struct lbdr_net *ln, struct lbdr_flow *flow)
{
	struct lbdr_conn *old;

	old = flow->family == LBDR_V4 ?
	      lbdr_conn_lookup(ln, LBDR_V4, &flow->v4, &flow->hash) :
	      lbdr_conn_lookup(ln, LBDR_V6, &flow->v6, &flow->hash);
	if (!old || lbdr_conn_left(ln, old) > 0)
		return old;
	/* If another CPU is removing it, it may still be in the table, and stays there. */
	lbdr_conn_kill(ln, old);
	return NULL;
}

/**
 * lbdr_conn_place() - Get the place that would have added a connection
 * @ln: the namespace
 * @service: the service of the connection
 * @domain: its L3 domain
 *
 * If the server is this host, packets are counted and change the state at this place
 * only.
 *
 * Context: any.
 * Return: enum lbdr_place.
 */
static u8 lbdr_conn_place(const struct lbdr_net *ln, const struct lbdr_service *service,
			  u16 domain)
{
	if (!lbdr_service_key_marked(&service->key) &&
	    !lbdr_service_marks_first(ln, service->key.family))
		return LBDR_PLACE_ENTRY;
	return domain ? LBDR_PLACE_MARKED_VRF : LBDR_PLACE_MARKED;
}

/**
 * lbdr_conn_restore_vacated() - Add a connection where lbdr_conn_vacate() has found none
 * @ln: the namespace
 * @flow: key of the connection, or of a template
 * @server: its server, which is not dead
 * @saved: its state and age
 *
 * A packet may have added one meanwhile, which is never changed, and none is evicted. The
 * connection counts towards the limits, and for its server and service, but not as a
 * connection that was scheduled.
 *
 * Context: rcu_read_lock() held, BH off.
 * Return: 0; -EEXIST if the flow has a connection; -ENOSPC if the namespace may hold no
 * more; -ENOMEM.
 */
int lbdr_conn_restore_vacated(struct lbdr_net *ln, const struct lbdr_flow *flow,
			      struct lbdr_server *server,
			      const struct lbdr_conn_saved *saved)
{
	struct lbdr_conn *conn, *linked;
	u32 state = saved->state;
	u32 timeout;

	conn = lbdr_conn_alloc(ln, flow, server);
	if (IS_ERR(conn))
		return PTR_ERR(conn);
	conn->state = state;
	conn->renewals = saved->renewals;
	conn->synced = saved->synced ? saved->renewals + 1 : 0;
	conn->place = lbdr_conn_place(ln, server->service, lbdr_flow_domain(flow));
	timeout = lbdr_conn_timeout(ln, conn, state) * HZ;
	conn->stamp = lbdr_conn_stamp_of(timeout, saved->left, saved->synced);
	linked = lbdr_conn_link(ln, conn, state);
	if (IS_ERR(linked))
		return -ENOMEM;
	return linked == conn ? 0 : -EEXIST;
}

/**
 * lbdr_conn_restore() - Add a connection that is known from elsewhere
 * @ln: the namespace
 * @flow: key of the connection, or of a template. Its hash is set
 * @server: its server, which is not dead
 * @saved: its state and age
 *
 * Context: rcu_read_lock() held, BH off.
 * Return: as lbdr_conn_restore_vacated().
 */
int lbdr_conn_restore(struct lbdr_net *ln, struct lbdr_flow *flow,
		      struct lbdr_server *server,
		      const struct lbdr_conn_saved *saved)
{
	return lbdr_conn_vacate(ln, flow) ? -EEXIST :
	       lbdr_conn_restore_vacated(ln, flow, server, saved);
}
EXPORT_SYMBOL_FOR_KUNIT(lbdr_conn_restore);
