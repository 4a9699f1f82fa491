// SPDX-License-Identifier: GPL-2.0
/*
 * Packets that belong to a service but to no connection. Such a packet starts a new
 * connection, is forwarded without one (one-packet services, floods), or is handled as
 * a stray packet, as its service is configured.
 */
#include <linux/etherdevice.h>
#include <linux/ipv6.h>

#include "conn.h"
#include "flood.h"
#include "flow.h"
#include "lbdr.h"
#include "lbdr_trace.h"
#include "limit.h"
#include "peers.h"
#include "persist.h"
#include "pool.h"
#include "refuse.h"
#include "sched.h"
#include "schedule.h"
#include "server.h"
#include "service.h"
#include "source.h"
#include "state.h"
#include "stats.h"
#include "tunnel.h"

/*
 * Chooses a server. A server may be removed after it was chosen: it is then only in the
 * replaced pool, and the next try reads the new pool. After three removals in a row
 * the dead server is used. Its connection is not found by later packets, and the
 * client's next SYN starts a new one. The same applies to a server that is held.
 */
static struct lbdr_server *
lbdr_schedule_pick(struct lbdr_net *ln, const struct lbdr_service *service,
		   const struct lbdr_flow *flow)
{
	bool persist = READ_ONCE(service->settings.persist);
	struct lbdr_server *server;
	int tries = 3;

	do {
		server = persist ? lbdr_persist_pick(ln, service, flow) :
				   lbdr_pool_pick(service, flow);
	} while (server && unlikely(lbdr_server_gone(server)) && --tries);
	return server;
}

/**
 * lbdr_schedule_stray_action() - Decide what to do with a stray packet
 * @ln: the namespace
 * @service: the service that the packet is sent to
 * @flow: flow of the packet, which has no connection and does not open one
 *
 * Context: rcu_read_lock() held.
 * Return: enum lbdr_stray; LBDR_STRAY_SCHEDULE if the packet is scheduled like a first
 * packet.
 */
u8 lbdr_schedule_stray_action(const struct lbdr_net *ln,
			      const struct lbdr_service *service,
			      const struct lbdr_flow *flow)
{
	if (flow->local)
		return LBDR_STRAY_PASS;
	/* The flow may have been forwarded without a connection during a flood. */
	if (lbdr_flood_recent(ln, service) && lbdr_flood_stateless(service))
		return LBDR_STRAY_SCHEDULE;
	return READ_ONCE(service->settings.stray);
}

/**
 * lbdr_schedule_without_conn() - Check if a flow may be forwarded without a connection
 * @ln: the namespace
 * @service: its service
 * @flow: the flow; its event is neither a first packet's nor one that opens a connection
 *
 * That is so for one-packet services, --stray schedule and floods.
 *
 * Context: rcu_read_lock() held.
 */
bool lbdr_schedule_without_conn(const struct lbdr_net *ln,
				const struct lbdr_service *service,
				const struct lbdr_flow *flow)
{
	return lbdr_service_one_packet(service, flow) ||
	       lbdr_schedule_stray_action(ln, service, flow) == LBDR_STRAY_SCHEDULE;
}

/**
 * lbdr_schedule_error() - Find the server of an ICMP error that has no connection
 * @ln: the namespace
 * @service: the service of the inner packet
 * @flow: flow of the client's packets, from the inner packet
 *
 * The flow may be forwarded without a connection. Its server is known if it is the choice
 * of a hash, or of a template.
 *
 * Context: rcu_read_lock() held, BH off.
 * Return: the server that a packet of the client would be forwarded to, or NULL if that
 * is unknown or no server is available.
 */
struct lbdr_server *lbdr_schedule_error(struct lbdr_net *ln,
					const struct lbdr_service *service,
					const struct lbdr_flow *flow)
{
	struct lbdr_conn *template;
	bool usable;

	if (!lbdr_schedule_without_conn(ln, service, flow))
		return NULL;
	if (lbdr_flood_stateless(service))
		return lbdr_pool_pick(service, flow);
	if (!READ_ONCE(service->settings.persist))
		return NULL;
	template = lbdr_persist_peek(ln, service, flow, &usable);
	return template && usable && !lbdr_server_gone(template->server) ?
	       template->server : NULL;
}

/*
 * Handles a stray packet. Returns true if the packet is scheduled like a first packet;
 * otherwise @verdict is set.
 */
static bool lbdr_schedule_stray(struct lbdr_net *ln, struct sk_buff *skb,
				struct lbdr_service *service,
				const struct lbdr_flow *flow,
				unsigned int *verdict)
{
	switch (lbdr_schedule_stray_action(ln, service, flow)) {
	case LBDR_STRAY_SCHEDULE:
		return true;
	case LBDR_STRAY_DROP:
		*verdict = NF_DROP;
		lbdr_drop(ln, service, LBDR_DROP_STRAY);
		return false;
	case LBDR_STRAY_RESET:
		*verdict = NF_DROP;
		lbdr_refuse(ln, skb, flow, LBDR_REFUSE_RESET);
		lbdr_drop(ln, service, LBDR_DROP_STRAY);
		return false;
	}
	lbdr_drop(ln, service, LBDR_PASS_NO_CONN);
	return false;
}

/*
 * No server is available. A remote client gets the answer that the service is
 * configured with. A client on this host gets an error from its send call instead: an
 * ICMP error or RST could not be delivered to it, since the VIP, their source address,
 * need not be a local address.
 */
static unsigned int lbdr_schedule_refuse(struct lbdr_net *ln,
					 struct sk_buff *skb,
					 const struct lbdr_service *service,
					 const struct lbdr_flow *flow)
{
	u8 refuse = READ_ONCE(service->settings.refuse);

	if (!flow->local) {
		lbdr_refuse(ln, skb, flow, refuse);
		return NF_DROP;
	}
	return refuse == LBDR_REFUSE_DROP ? NF_DROP :
					    NF_DROP_ERR(-ECONNREFUSED);
}

/* Returns true if packets of a service get a connection; see one-packet services. */
static bool lbdr_schedule_keeps(const struct lbdr_service *service,
				const struct lbdr_flow *flow)
{
	if (lbdr_service_one_packet(service, flow))
		return false;
	/* FIN, RST, SHUTDOWN and ABORT do not start a connection. */
	return likely(lbdr_state_next[flow->event][LBDR_CONN_STATE_NONE] !=
		      LBDR_CONN_STATE_NONE);
}

/* Counts a packet that is forwarded without a connection. */
static void lbdr_schedule_count(struct lbdr_net *ln,
				struct lbdr_service *service,
				const struct lbdr_server *server,
				const struct lbdr_flow *flow,
				enum lbdr_flood_admit admit)
{
	if (lbdr_service_one_packet(service, flow)) {
		lbdr_stats_add(server->stats, 1, 0, 0);
		return;
	}
	if (admit != LBDR_FLOOD_ADMIT_STATELESS) {
		lbdr_count(ln, service, LBDR_FLOOD_STATELESS);
		return;
	}
	if (lbdr_event_opens(flow->event))
		lbdr_stats_add(server->stats, 1, 0, 0);
	lbdr_flood_forward(ln, service);
}

/*
 * A packet from another director: this host is to serve it. If the VIP is not local, the
 * stack would route the packet back.
 */
static unsigned int lbdr_schedule_tunneled(struct lbdr_net *ln,
					   const struct sk_buff *skb,
					   struct lbdr_service *service,
					   const struct lbdr_flow *flow)
{
	bool local = lbdr_peers_local(ln->net, skb->dev, flow);

	lbdr_drop(ln, service, local ? LBDR_PASS_TUNNELED : LBDR_DROP_LOOP);
	return local ? NF_ACCEPT : NF_DROP;
}

/*
 * Adds the connection of a stray packet. A segment that only a flood lets in may be forged,
 * so its connection begins half-open, as that of a first packet does. A client that is silent
 * for longer than that lasts has none again.
 */
static noinline struct lbdr_conn *
lbdr_schedule_add_stray(struct lbdr_net *ln, const struct lbdr_service *service,
			const struct lbdr_flow *flow, struct lbdr_server *server)
{
	struct lbdr_flow first = *flow;

	if (READ_ONCE(service->settings.stray) == LBDR_STRAY_SCHEDULE)
		return lbdr_conn_add(ln, flow, server);
	lbdr_flood_extend(ln);
	first.event = lbdr_flow_protocol(flow) == IPPROTO_SCTP ? LBDR_EVENT_SCTP_INIT :
								 LBDR_EVENT_SYN;
	return lbdr_conn_add(ln, &first, server);
}

/* The server of a link-local client. In the second pass of a VRF, skb->dev is the VRF. */
static noinline bool lbdr_schedule_off_link(const struct sk_buff *skb,
					    const struct lbdr_server *server,
					    const struct lbdr_flow *flow)
{
	return lbdr_source_off_link(server, IP6CB(skb)->iif ?: skb->dev->ifindex,
				    lbdr_flow_domain(flow));
}

/**
 * lbdr_schedule() - Find a server for a packet that has no connection
 * @ln: the namespace
 * @skb: the packet
 * @service: the service that the packet is sent to
 * @flow: flow of the packet
 * @verdict: netfilter verdict, set when NULL is returned
 *
 * Adds a connection, unless the packet is forwarded without one. The reason is counted
 * when NULL is returned.
 *
 * Context: rcu_read_lock() held, BH off.
 * Return: the server to forward to, or NULL.
 */
struct lbdr_server *lbdr_schedule(struct lbdr_net *ln, struct sk_buff *skb,
				  struct lbdr_service *service,
				  const struct lbdr_flow *flow,
				  unsigned int *verdict)
{
	enum lbdr_flood_admit admit = LBDR_FLOOD_ADMIT;
	bool first = lbdr_event_first(flow->event);
	bool keep = lbdr_schedule_keeps(service, flow);
	u64 mac = flow->local ? 0 : lbdr_peers_source(skb);
	struct lbdr_server *server;
	enum lbdr_source source;
	struct lbdr_conn *conn;

	*verdict = NF_ACCEPT;
	/*
	 * A client on this host sent to a local VIP. The local stack can refuse the
	 * packet; a server would send its answer to its own VIP.
	 */
	if (!flow->local && skb->dev->flags & IFF_LOOPBACK) {
		lbdr_drop(ln, service, LBDR_PASS_LOCAL_CLIENT);
		return NULL;
	}
	if (!flow->local && unlikely(lbdr_tunnel_loops(ln, skb, service))) {
		*verdict = lbdr_schedule_tunneled(ln, skb, service, flow);
		return NULL;
	}
	if (!first && !lbdr_schedule_stray(ln, skb, service, flow, verdict))
		return NULL;

	*verdict = NF_DROP;
	source = lbdr_source_check(ln, skb->dev, flow);
	if (unlikely(source == LBDR_SOURCE_BAD)) {
		lbdr_drop(ln, service, LBDR_DROP_BAD_SOURCE);
		return NULL;
	}
	/*
	 * Before a server is chosen: a scheduler may look at every server. A service
	 * without servers makes no room for connections that it cannot have.
	 */
	if (keep && likely(lbdr_pool_has_servers(service))) {
		admit = lbdr_flood_admit(ln, service, flow->family);
		if (unlikely(admit == LBDR_FLOOD_ADMIT_REFUSE)) {
			lbdr_drop(ln, service, lbdr_limit_starved(ln) ?
						LBDR_DROP_CONN_MEMORY :
						LBDR_DROP_CONN_MAX);
			return NULL;
		}
	}
	server = lbdr_schedule_pick(ln, service, flow);
	if (server && !flow->local &&
	    unlikely(lbdr_peers_sent_by(ln, skb, mac, server, lbdr_flow_domain(flow))))
		server = lbdr_peers_not_back(ln, service, server,
					     lbdr_flow_domain(flow));
	trace_lbdr_schedule(ln, service, flow, server);
	if (!server && unlikely(READ_ONCE(service->n_awaited))) {
		/* The client tries again, and the server may be back then. */
		lbdr_drop(ln, service, LBDR_DROP_SERVER_HELD);
		return NULL;
	}
	if (!server) {
		*verdict = lbdr_schedule_refuse(ln, skb, service, flow);
		lbdr_drop(ln, service, LBDR_DROP_NO_SERVER);
		return NULL;
	}
	if (unlikely(source == LBDR_SOURCE_LINK_LOCAL) &&
	    lbdr_schedule_off_link(skb, server, flow)) {
		lbdr_drop(ln, service, LBDR_DROP_BAD_SOURCE);
		return NULL;
	}
	if (!keep || unlikely(admit == LBDR_FLOOD_ADMIT_STATELESS)) {
		lbdr_schedule_count(ln, service, server, flow, admit);
		return server;
	}
	conn = likely(first) ? lbdr_conn_add(ln, flow, server) :
			       lbdr_schedule_add_stray(ln, service, flow, server);
	if (IS_ERR(conn)) {
		lbdr_drop(ln, service, PTR_ERR(conn) == -ENOSPC ? LBDR_DROP_CONN_MAX :
								  LBDR_DROP_CONN_MEMORY);
		return NULL;
	}
	lbdr_peers_record(conn, skb, mac, flow);
	return conn->server;
}
EXPORT_SYMBOL_FOR_KUNIT(lbdr_schedule);
