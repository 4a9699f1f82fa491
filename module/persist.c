// SPDX-License-Identifier: GPL-2.0
/*
 * Persistence: a client comes back to the server that it had.
 *
 * What is remembered of a client, its template, is an entry of the connection
 * table: it is found, counted, limited, aged and listed like a connection. Its
 * key has the client's address cut to the service's prefix, client port 0, the
 * packet's L3 domain, and for VIP and port those of the service's own key, so that all connections to a
 * service of many ports, or of a mark, meet the same one.
 *
 * A template idles out @persist seconds after the last packet of the client's
 * last connection: packets of its connections renew its stamp when they renew
 * their own, four times a second at most.
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

static void lbdr_persist_flow(const struct lbdr_service *service,
			      const struct lbdr_flow *flow,
			      struct lbdr_flow *template)
{
	const struct lbdr_service_key *key = &service->key;
	u8 prefix = READ_ONCE(service->settings.prefix);
	u32 word = key->protocol | LBDR_KEY_TEMPLATE |
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
 * A quiesced server goes on with the clients that know it, unless the service
 * says otherwise; one that drains does not.
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
 * lbdr_persist_pick() - choose a server for a client of a persistent service
 * @ln: the namespace
 * @service: the service
 * @flow: of the connection's first packet
 *
 * Where there is no room for a template the client gets a server all the same.
 *
 * Context: rcu_read_lock() held, BH off.
 * Return: a server, or NULL when there is none to take it.
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
	/* Of two first connections at the same time one has remembered it. */
	return conn ? conn->server : server;
}

/**
 * lbdr_persist_look() - what is remembered of a client, which stays as idle as it
 *	is
 * @ln: the namespace
 * @service: a persistent service
 * @flow: of a connection's first packet
 * @usable: set to whether lbdr_persist_pick() would lead to its server
 *
 * Context: rcu_read_lock() held.
 * Return: the template or NULL.
 */
struct lbdr_conn *lbdr_persist_look(struct lbdr_net *ln,
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
 * lbdr_persist_renew() - a client of a persistent service is still there
 * @ln: the namespace
 * @service: the service
 * @flow: of a packet of one of its connections
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
