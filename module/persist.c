// SPDX-License-Identifier: GPL-2.0
/*
 * Persistence: new connections of a client go to the server that it used before.
 *
 * The assignment of a client to a server is stored as a template, an entry of the
 * connection table: it is looked up, counted, limited, aged and listed like a
 * connection. The key of a template has the client's address masked to the service's
 * prefix, client port 0, the L3 domain of the packet, and VIP and port of the service's
 * own key. So all connections of a client to a service of many ports, or to a fwmark
 * service, share one template.
 *
 * A template expires when no packet of the client's connections was seen for the
 * persistence time of the service: a packet that renews the stamp of its connection
 * (at most four times a second) renews the stamp of the template too.
 *
 * The first packet of a client may be forged. It adds a template that expires with its
 * half-open connection (LBDR_CONN_STATE_TEMPLATE_ONE) and that is evicted first when
 * the table is nearly full, where it is not added at all. So connections that a client
 * opens at once go to one server. The client's second packet, of the same or another
 * connection, confirms the template, which then has the persistence time; a template
 * that is missing is added when a connection is no longer half-open.
 */
#include <linux/inetdevice.h>
#include <net/ipv6.h>

#include "conn.h"
#include "flood.h"
#include "flow.h"
#include "lbdr.h"
#include "limit.h"
#include "persist.h"
#include "pool.h"
#include "sched.h"
#include "server.h"
#include "service.h"
#include "state.h"
#include "stats.h"

/**
 * lbdr_persist_key() - Make the key of a client's template
 * @service: the service
 * @flow: family, client and L3 domain of one of the client's connections
 * @template: filled in
 *
 * A port may have its own service and be the first port of a range, and a service may
 * exist with and without a VRF. Flags in the protocol word make the keys of their
 * templates different.
 *
 * Context: any.
 */
void lbdr_persist_key(const struct lbdr_service *service,
		      const struct lbdr_flow *flow, struct lbdr_flow *template)
{
	const struct lbdr_service_key *key = &service->key;
	u8 prefix = READ_ONCE(service->settings.prefix);
	u32 word = key->protocol | LBDR_KEY_TEMPLATE |
		   (key->last_port ? LBDR_KEY_RANGE : 0) |
		   (key->domain ? LBDR_KEY_BOUND : 0) |
		   lbdr_flow_domain(flow) << LBDR_KEY_DOMAIN_SHIFT;

	memset(template, 0, sizeof(*template));
	template->family = flow->family;
	template->event = LBDR_EVENT_TEMPLATE;
	if (flow->family == LBDR_V4) {
		template->v4.client = flow->v4.client & inet_make_mask(prefix);
		template->v4.vip = key->addr.ip;
		template->v4.ports.vport = key->port;
		template->v4.protocol = word;
	} else {
		ipv6_addr_prefix(&template->v6.client, &flow->v6.client,
				 prefix);
		template->v6.vip = key->addr.in6;
		template->v6.ports.vport = key->port;
		template->v6.protocol = word;
	}
}
EXPORT_SYMBOL_FOR_KUNIT(lbdr_persist_key);

/*
 * A quiesced server (weight 0) keeps its persistent clients unless the service has
 * expire-quiescent set. A server that drains or is skipped does not keep them, nor one that
 * is held and not awaited.
 */
static __always_inline bool
lbdr_persist_usable(const struct lbdr_service *service,
		    const struct lbdr_server *server)
{
	if (READ_ONCE(server->draining) || READ_ONCE(server->skipped))
		return false;
	if (READ_ONCE(server->held) && !READ_ONCE(server->awaited))
		return false;
	return READ_ONCE(server->weight) ||
	       !(READ_ONCE(service->settings.flags) &
		 LBDR_SERVICE_FLAG_EXPIRE_QUIESCENT);
}

/* A second packet of the client was seen. */
static void lbdr_persist_seen(struct lbdr_conn *template)
{
	u32 state = READ_ONCE(template->state);

	if (state == LBDR_CONN_STATE_TEMPLATE_ONE)
		lbdr_conn_move(template, state,
			       lbdr_state_next[LBDR_EVENT_TEMPLATE][state]);
}

/**
 * lbdr_persist_pick() - Choose a server for a client of a persistent service
 * @ln: the namespace
 * @service: the service
 * @flow: flow of the connection's first packet
 *
 * Uses the client's template if its server is usable. Otherwise the scheduler chooses,
 * and a template is stored; if the table is nearly full, the choice is used without.
 *
 * Context: rcu_read_lock() held, BH off.
 * Return: the server, or NULL if no server is available.
 */
struct lbdr_server *lbdr_persist_pick(struct lbdr_net *ln,
				      const struct lbdr_service *service,
				      const struct lbdr_flow *flow)
{
	struct lbdr_server *server;
	struct lbdr_flow template;
	struct lbdr_conn *conn;

	lbdr_persist_key(service, flow, &template);
	conn = lbdr_conn_find(ln, &template);
	/* One that leads to a held server is not found, but would be kept. */
	if (!conn && unlikely(READ_ONCE(service->n_held)))
		conn = lbdr_conn_peek(ln, &template);
	if (conn) {
		if (lbdr_persist_usable(service, conn->server)) {
			lbdr_persist_seen(conn);
			return conn->server;
		}
		lbdr_conn_kill(ln, conn);
	}

	server = lbdr_pool_pick(service, flow);
	if (!server || lbdr_limit_near(ln))
		return server;
	conn = lbdr_conn_add(ln, &template, server);
	/* A concurrent connection of this client may have stored a template first. */
	return IS_ERR(conn) ? server : conn->server;
}
EXPORT_SYMBOL_FOR_KUNIT(lbdr_persist_pick);

/**
 * lbdr_persist_peek() - Look up the template of a client without renewing it
 * @ln: the namespace
 * @service: a persistent service
 * @flow: flow of a connection's first packet
 * @usable: set to true if lbdr_persist_pick() would use the template's server
 *
 * Context: rcu_read_lock() held.
 * Return: the template, or NULL if there is none.
 */
struct lbdr_conn *lbdr_persist_peek(struct lbdr_net *ln,
				    const struct lbdr_service *service,
				    const struct lbdr_flow *flow, bool *usable)
{
	struct lbdr_flow template;
	struct lbdr_conn *conn;

	lbdr_persist_key(service, flow, &template);
	conn = lbdr_conn_peek(ln, &template);
	*usable = conn && lbdr_persist_usable(service, conn->server);
	return conn;
}
EXPORT_SYMBOL_FOR_KUNIT(lbdr_persist_peek);

/**
 * lbdr_persist_renew() - Renew the time stamp of a client's template
 * @ln: the namespace
 * @service: a persistent service
 * @flow: flow of a packet of one of the client's connections; ignored if it is the
 *	flow of a template
 *
 * Context: rcu_read_lock() held, BH off.
 */
void lbdr_persist_renew(struct lbdr_net *ln,
			const struct lbdr_service *service,
			const struct lbdr_flow *flow)
{
	struct lbdr_flow template;
	struct lbdr_conn *conn;

	if (flow->event == LBDR_EVENT_TEMPLATE)
		return;
	lbdr_persist_key(service, flow, &template);
	conn = lbdr_conn_peek(ln, &template);
	if (conn) {
		lbdr_conn_renew(conn);
		lbdr_persist_seen(conn);
	}
}

/**
 * lbdr_persist_confirm() - Confirm the template of a client, or add one
 * @conn: a connection of the client that is no longer half-open; nothing happens if it
 *	is a template
 *
 * If the table is nearly full, another connection is evicted for a new template. If
 * there is no room, none is added.
 *
 * Context: rcu_read_lock() held, BH off.
 */
void lbdr_persist_confirm(struct lbdr_conn *conn)
{
	struct lbdr_service *service = conn->server->service;
	struct lbdr_flow flow = { .family = conn->family }, template;
	struct lbdr_net *ln = conn->server->ln;
	struct lbdr_conn *found;

	if (flow.family == LBDR_V4)
		flow.v4 = *lbdr_conn_key4(conn);
	else
		flow.v6 = *lbdr_conn_key6(conn);
	if (lbdr_flow_is_template(&flow))
		return;

	lbdr_persist_key(service, &flow, &template);
	found = lbdr_conn_peek(ln, &template);
	if (found) {
		lbdr_conn_renew(found);
	} else {
		if (lbdr_limit_near(ln) &&
		    !lbdr_flood_make_room(ln, service, flow.family))
			return;
		found = lbdr_conn_add(ln, &template, conn->server);
	}
	if (!IS_ERR(found))
		lbdr_persist_seen(found);
}
