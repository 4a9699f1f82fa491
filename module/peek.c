// SPDX-License-Identifier: GPL-2.0
/*
 * Packet simulation: report what the director would do with a packet, without a packet.
 *
 * The functions here repeat the steps of hook.c and schedule.c in the same order. Steps
 * that change something (choose a server, renew a stamp, count, store a template, send
 * an answer) are replaced by read-only counterparts: lbdr_conn_peek(),
 * lbdr_persist_peek(), lbdr_pool_peek(), lbdr_flood_peek(). Steps that change nothing
 * (connection states, stray packets, bad sources) use the same functions as packets.
 *
 * The result may be outdated at once: connections, counters and timeouts go on.
 */
#include "conn.h"
#include "flood.h"
#include "flow.h"
#include "hold.h"
#include "lbdr.h"
#include "limit.h"
#include "nexthop.h"
#include "peek.h"
#include "peers.h"
#include "persist.h"
#include "pool.h"
#include "refuse.h"
#include "schedule.h"
#include "server.h"
#include "service.h"
#include "source.h"
#include "state.h"
#include "stats.h"
#include "vip.h"

/* Sets the final verdict. */
static void lbdr_peek_end(struct lbdr_peek_result *result, u8 verdict,
			  enum lbdr_drop drop)
{
	result->verdict = verdict;
	result->drop = drop;
}

/* A server was found. The verdict depends on the route to it. */
static void lbdr_peek_send(const struct lbdr_peek_packet *packet,
			   struct lbdr_peek_result *result)
{
	u16 domain = lbdr_flow_domain(&packet->flow);
	const struct lbdr_route *route;
	struct lbdr_nexthop *nexthop;

	nexthop = lbdr_nexthop_in_domain(result->server->nexthop, domain);
	route = nexthop ? lbdr_nexthop_route(nexthop) : NULL;
	if (!route)
		lbdr_peek_end(result, LBDR_TRACE_VERDICT_DROP, LBDR_DROP_MEMORY);
	else if (lbdr_server_reachable(result->server, route))
		lbdr_peek_end(result, LBDR_TRACE_VERDICT_FORWARD, LBDR_DROPS);
	else
		lbdr_peek_end(result, LBDR_TRACE_VERDICT_DROP, route->why);
}

/* The packet belongs to a connection. */
static void lbdr_peek_conn(const struct lbdr_peek_packet *packet,
			   struct lbdr_peek_result *result)
{
	result->service = result->conn->server->service;
	result->by = LBDR_TRACE_BY_CONNECTION;
	result->server = result->conn->server;
	lbdr_peek_send(packet, result);
}

/* The packet is dropped since a server or the service is held. */
static void lbdr_peek_held(struct lbdr_peek_result *result)
{
	if (result->conn && !result->closing) {
		result->service = result->conn->server->service;
		result->by = LBDR_TRACE_BY_CONNECTION;
		result->server = result->conn->server;
	}
	lbdr_peek_end(result, LBDR_TRACE_VERDICT_DROP, LBDR_DROP_SERVER_HELD);
}

/* Handles a stray packet. Returns true if it is scheduled like a first packet. */
static bool lbdr_peek_stray(const struct lbdr_net *ln,
			    const struct lbdr_peek_packet *packet,
			    struct lbdr_peek_result *result)
{
	const struct lbdr_flow *flow = &packet->flow;

	switch (lbdr_schedule_stray_action(ln, result->service, flow)) {
	case LBDR_STRAY_SCHEDULE:
		return true;
	case LBDR_STRAY_DROP:
		result->refuse = LBDR_REFUSE_DROP;
		lbdr_peek_end(result, LBDR_TRACE_VERDICT_DROP,
			      LBDR_DROP_STRAY);
		return false;
	case LBDR_STRAY_RESET:
		result->refuse = lbdr_refuse_type(flow, LBDR_REFUSE_RESET);
		lbdr_peek_end(result, LBDR_TRACE_VERDICT_DROP,
			      LBDR_DROP_STRAY);
		return false;
	}
	lbdr_peek_end(result, LBDR_TRACE_VERDICT_PASS, LBDR_PASS_NO_CONN);
	return false;
}

/* Counterpart of lbdr_persist_pick() and lbdr_pool_pick(). */
static void lbdr_peek_pick(struct lbdr_net *ln,
			   const struct lbdr_peek_packet *packet,
			   struct lbdr_peek_result *result)
{
	const struct lbdr_service *service = result->service;
	bool usable;

	result->by = LBDR_TRACE_BY_SCHEDULER;
	if (READ_ONCE(service->settings.persist)) {
		result->template = lbdr_persist_peek(ln, service,
						     &packet->flow, &usable);
		if (result->template && usable) {
			result->by = LBDR_TRACE_BY_TEMPLATE;
			result->server = result->template->server;
			return;
		}
	}
	result->scheduled = true;
	result->server = lbdr_pool_peek(service, &packet->flow,
					&result->preferred);
}

/* Sets what is stored for the flow. Returns false if the connection table is full. */
static bool lbdr_peek_keep(struct lbdr_net *ln, const struct lbdr_flow *flow,
			   struct lbdr_peek_result *result)
{
	const struct lbdr_service *service = result->service;

	result->has_keep = true;
	if (lbdr_service_one_packet(service, flow)) {
		result->keep = LBDR_TRACE_KEEP_ONE_PACKET;
		return true;
	}
	switch (lbdr_flood_peek(ln, service)) {
	case LBDR_FLOOD_ADMIT_STATELESS:
		result->keep = LBDR_TRACE_KEEP_STATELESS;
		return true;
	case LBDR_FLOOD_ADMIT_EVICT:
		result->keep = LBDR_TRACE_KEEP_EVICT;
		return true;
	case LBDR_FLOOD_ADMIT_REFUSE:
		result->keep = LBDR_TRACE_KEEP_EVICT;
		return false;
	default:
		result->keep = LBDR_TRACE_KEEP_CONNECTION;
		return !lbdr_limit_full(ln);
	}
}

/* A device of the packet's L3 domain, whose addresses no client has */
static const struct net_device *lbdr_peek_dev(struct lbdr_net *ln, const struct lbdr_flow *flow)
{
	u16 domain = lbdr_flow_domain(flow);

	return domain ? dev_get_by_index_rcu(ln->net, lbdr_domain_ifindex(ln, domain)) :
			ln->net->loopback_dev;
}

/* Counterpart of lbdr_schedule(). */
static void lbdr_peek_schedule(struct lbdr_net *ln,
			       const struct lbdr_peek_packet *packet,
			       struct lbdr_peek_result *result)
{
	const struct lbdr_service *service = result->service;
	const struct lbdr_flow *flow = &packet->flow;
	enum lbdr_source source;
	bool room;

	if (!lbdr_event_first(flow->event) && !lbdr_peek_stray(ln, packet, result))
		return;
	source = lbdr_source_check(ln, lbdr_peek_dev(ln, flow), flow);
	if (source == LBDR_SOURCE_BAD) {
		lbdr_peek_end(result, LBDR_TRACE_VERDICT_DROP,
			      LBDR_DROP_BAD_SOURCE);
		return;
	}
	/* As in lbdr_schedule(), before a server is chosen. */
	room = !lbdr_pool_has_servers(service) ||
	       lbdr_peek_keep(ln, flow, result);
	lbdr_peek_pick(ln, packet, result);
	if (result->server && packet->mac &&
	    lbdr_peers_is_mac(ln, result->server, packet->mac, lbdr_flow_domain(flow)))
		result->server = lbdr_peers_not_back(ln, service, result->server,
						     lbdr_flow_domain(flow));
	if (!room) {
		lbdr_peek_end(result, LBDR_TRACE_VERDICT_DROP,
			      lbdr_limit_starved(ln) ?
			      LBDR_DROP_CONN_MEMORY : LBDR_DROP_CONN_MAX);
	} else if (!result->server && READ_ONCE(service->n_awaited)) {
		result->has_keep = false;
		lbdr_peek_held(result);
	} else if (!result->server) {
		result->has_keep = false;
		result->refuse =
			lbdr_refuse_type(flow, READ_ONCE(service->settings.refuse));
		lbdr_peek_end(result, LBDR_TRACE_VERDICT_DROP,
			      LBDR_DROP_NO_SERVER);
	} else if (source == LBDR_SOURCE_LINK_LOCAL &&
		   lbdr_source_off_link(result->server, 0, lbdr_flow_domain(flow))) {
		result->has_keep = false;
		lbdr_peek_end(result, LBDR_TRACE_VERDICT_DROP, LBDR_DROP_BAD_SOURCE);
	} else {
		lbdr_peek_send(packet, result);
	}
}

/*
 * One netfilter hook: the hook of fwmark services if @marked is set, otherwise the hook
 * of all other services. A held service matches if @held is set. Returns true if the
 * packet does not go on to the next hook. @result is unchanged if the packet belongs to
 * no connection and no service.
 */
static bool lbdr_peek_walk(struct lbdr_net *ln,
			   const struct lbdr_peek_packet *packet,
			   const struct lbdr_service *marked, bool held,
			   struct lbdr_peek_result *result)
{
	struct lbdr_conn *conn = lbdr_conn_peek(ln, &packet->flow);
	const struct lbdr_service *service;
	bool closing = conn && lbdr_event_opens(packet->flow.event) &&
		       lbdr_state_closing(READ_ONCE(conn->state));

	service = marked ?: lbdr_service_of_flow(ln, &packet->flow);
	if ((!conn || closing) && (!service || (service->held && !held)))
		return false;
	*result = (struct lbdr_peek_result) {
		.drop	 = LBDR_DROPS,
		.service = service,
		.conn	 = conn,
		.closing = closing,
	};
	if (conn && !closing && !lbdr_server_held(conn->server))
		lbdr_peek_conn(packet, result);
	else if (READ_ONCE(ln->n_held) &&
		 lbdr_hold_applies(ln, service, &packet->flow))
		lbdr_peek_held(result);
	else
		lbdr_peek_schedule(ln, packet, result);
	return result->verdict != LBDR_TRACE_VERDICT_PASS;
}

/* The filter that hook.c applies first. */
static bool lbdr_peek_vip(const struct lbdr_net *ln,
			  const struct lbdr_flow *flow)
{
	return flow->family == LBDR_V4 ? lbdr_vips_has4(ln, flow->v4.vip) :
					 lbdr_vips_has6(ln, &flow->v6.vip);
}

/*
 * Both hooks. With entry LOCAL_IN, packets pass the hook of fwmark services first. If
 * marks come first, that hook decides about the packets of a fwmark service.
 */
static bool lbdr_peek_hooks(struct lbdr_net *ln,
			    const struct lbdr_peek_packet *packet,
			    const struct lbdr_service *marked, bool held,
			    struct lbdr_peek_result *result)
{
	bool input = ln->entry == LBDR_ENTRY_INPUT;

	if (marked && (held || !marked->held) &&
	    lbdr_service_marks_first(ln, packet->flow.family))
		return lbdr_peek_walk(ln, packet, marked, held, result);
	if (input && marked && lbdr_peek_walk(ln, packet, marked, held, result))
		return true;
	if (lbdr_peek_vip(ln, &packet->flow) &&
	    lbdr_peek_walk(ln, packet, NULL, held, result))
		return true;
	return !input && marked && lbdr_peek_walk(ln, packet, marked, held, result);
}

/**
 * lbdr_peek() - Simulate a packet from the network
 * @ln: the namespace
 * @packet: the packet
 * @result: filled in; its pointers are valid while the locks are held
 *
 * The simulated packet has no input device but the VRF of the flow's L3 domain, in
 * which the next hop of the server is looked up, and the TTL of its connection's first
 * packet. A link-local client is on the link of each server that is not in a tunnel.
 * Clients on this host are not simulated.
 *
 * Context: lbdr_net.lock and rcu_read_lock() held, BH off.
 */
void lbdr_peek(struct lbdr_net *ln, const struct lbdr_peek_packet *packet,
	       struct lbdr_peek_result *result)
{
	const struct lbdr_flow *flow = &packet->flow;
	const struct lbdr_service *marked = NULL;

	*result = (struct lbdr_peek_result) {
		.verdict = LBDR_TRACE_VERDICT_PASS,
		.drop	 = LBDR_DROPS,
	};
	if (packet->mark)
		marked = lbdr_service_of_mark(ln, flow->family, packet->mark,
					      lbdr_flow_domain(flow));
	/* A held service matches last, see lbdr_hold_defers(). */
	if (!lbdr_peek_hooks(ln, packet, marked, false, result) && !result->service)
		lbdr_peek_hooks(ln, packet, marked, true, result);
}
EXPORT_SYMBOL_FOR_KUNIT(lbdr_peek);
