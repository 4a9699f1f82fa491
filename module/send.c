// SPDX-License-Identifier: GPL-2.0
/*
 * Sends a packet to its server by the transmit method of the server, which counts it once
 * nothing but the neighbour can stop it.
 */
#include "conn.h"
#include "flow.h"
#include "lbdr.h"
#include "nexthop.h"
#include "send.h"
#include "server.h"
#include "stats.h"
#include "tunnel.h"
#include "xmit.h"

/**
 * lbdr_send_local() - Handle a packet whose server cannot be sent to
 * @skb: the packet
 * @flow: its flow
 * @server: the server, whose address is local, or not reachable by its method
 * @conn: the connection, or NULL
 * @route: the route to the server
 *
 * A packet to a local server is counted at the place that has added its connection.
 *
 * Context: rcu_read_lock() held, BH off.
 * Return: NF_ACCEPT or NF_DROP.
 */
unsigned int lbdr_send_local(struct sk_buff *skb, const struct lbdr_flow *flow,
			     struct lbdr_server *server, const struct lbdr_conn *conn,
			     const struct lbdr_route *route)
{
	if (!route->local) {
		lbdr_drop(server->ln, server->service, route->why);
		return NF_DROP;
	}
	if (!conn || conn->place == flow->place)
		lbdr_send_count(server, skb, flow->family, flow->hdr_len);
	return NF_ACCEPT;
}

/**
 * lbdr_send() - Send a packet to a server
 * @ln: the namespace
 * @skb: the packet
 * @flow: its flow
 * @server: the server
 * @conn: the connection, or NULL if it is new or there is none
 *
 * Context: rcu_read_lock() held, BH off.
 * Return: a verdict.
 */
unsigned int lbdr_send(struct lbdr_net *ln, struct sk_buff *skb,
		       const struct lbdr_flow *flow, struct lbdr_server *server,
		       const struct lbdr_conn *conn)
{
	const struct lbdr_server_tunnel *tunnel = rcu_dereference(server->tunnel);
	struct lbdr_nexthop *nexthop = server->nexthop;
	u16 domain = lbdr_flow_domain(flow);
	const struct lbdr_route *route;

	/* Before the route: the server's address may be of the other family. */
	if (unlikely(tunnel))
		return lbdr_xmit_tunnel(skb, flow, server, tunnel, conn);
	if (unlikely(domain)) {
		nexthop = lbdr_nexthop_in_domain(nexthop, domain);
		if (!nexthop) {
			lbdr_drop(ln, server->service, LBDR_DROP_MEMORY);
			return NF_DROP;
		}
	}
	route = lbdr_nexthop_route(nexthop);
	if (unlikely(!route->link))
		return lbdr_send_local(skb, flow, server, conn, route);
	if (flow->family == LBDR_V4)
		return lbdr_xmit_dr4(ln, skb, flow, server, route);
	lbdr_send_set_transport6(skb);
	return lbdr_xmit_dr6(ln, skb, flow, server, route);
}
