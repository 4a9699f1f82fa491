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
 */
#include <linux/inetdevice.h>
#include <net/ipv6.h>

#include "conn.h"
#include "flow.h"
#include "lbdr.h"
#include "persist.h"
#include "pool.h"
#include "server.h"
#include "service.h"
#include "stats.h"

/*
 * Makes the key of the template that belongs to @flow's client. A port may have its
 * own service and be the first port of a range, and a service may exist with and without
 * a VRF. Flags in the protocol word make the keys of their templates different.
 */
static void lbdr_persist_flow(const struct lbdr_service *service,
			      const struct lbdr_flow *flow,
			      struct lbdr_flow *template)
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

/*
 * A quiesced server (weight 0) keeps its persistent clients unless the service has
 * expire-quiescent set. A draining server does not keep them.
 */
static __always_inline bool
lbdr_persist_usable(const struct lbdr_service *service,
		    const struct lbdr_server *server)
{
	if (READ_ONCE(server->draining))
		return false;
	return READ_ONCE(server->weight) ||
	       !(READ_ONCE(service->settings.flags) &
		 LBDR_SERVICE_FLAG_EXPIRE_QUIESCENT);
}

/**
 * lbdr_persist_pick() - Choose a server for a client of a persistent service
 * @ln: the namespace
 * @service: the service
 * @flow: flow of the connection's first packet
 *
 * Uses the client's template if its server is usable. Otherwise the scheduler chooses,
 * and a template is stored; if the table has no room for one, the choice is used without.
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
	enum lbdr_drop why;

	lbdr_persist_flow(service, flow, &template);
	conn = lbdr_conn_find(ln, &template);
	if (conn) {
		if (lbdr_persist_usable(service, conn->server))
			return conn->server;
		lbdr_conn_kill(ln, conn);
	}

	server = lbdr_pool_pick(service, flow);
	if (!server)
		return NULL;
	conn = lbdr_conn_add(ln, &template, server, &why);
	/* A concurrent connection of this client may have stored a template first. */
	return conn ? conn->server : server;
}

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

	lbdr_persist_flow(service, flow, &template);
	conn = lbdr_conn_peek(ln, &template);
	*usable = conn && lbdr_persist_usable(service, conn->server);
	return conn;
}

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
	lbdr_persist_flow(service, flow, &template);
	conn = lbdr_conn_peek(ln, &template);
	if (conn)
		WRITE_ONCE(conn->stamp, jiffies);
}
