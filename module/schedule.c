// SPDX-License-Identifier: GPL-2.0
/*
 * What becomes of a packet of a service that belongs to no connection: it begins
 * one, or is forwarded without one, or goes where the service says that strays
 * go.
 */
#include <linux/etherdevice.h>
#include <linux/inetdevice.h>
#include <net/addrconf.h>
#include <net/route.h>

#include "conn.h"
#include "flood.h"
#include "flow.h"
#include "lbdr.h"
#include "lbdr_trace.h"
#include "peers.h"
#include "persist.h"
#include "pool.h"
#include "refuse.h"
#include "schedule.h"
#include "server.h"
#include "service.h"
#include "state.h"
#include "stats.h"

/**
 * lbdr_schedule_bad_source() - whether no client can have a packet's source
 * @net: the namespace
 * @dev: that the packet came by, or NULL
 * @flow: of the packet
 *
 * What would be sent there goes astray, or to us. Asked for a connection's first
 * packet alone, since the answer holds for the rest.
 *
 * Context: rcu_read_lock() held.
 */
__always_inline bool lbdr_schedule_bad_source(struct net *net,
					      const struct net_device *dev,
					      const struct lbdr_flow *flow)
{
	if (flow->local)
		return false;
	if (flow->family == LBDR_V4) {
		__be32 addr = flow->v4.client;

		return ipv4_is_loopback(addr) || ipv4_is_zeronet(addr) ||
		       inet_addr_type_dev_table(net, dev, addr) != RTN_UNICAST;
	}
	return !(ipv6_addr_type(&flow->v6.client) & IPV6_ADDR_UNICAST) ||
	       ipv6_addr_loopback(&flow->v6.client) ||
	       ipv6_chk_addr(net, &flow->v6.client, dev, 0);
}

/*
 * Chooses a server. One that was removed between the choice and now is in the
 * old pool alone: asking again meets the new one. Three removals in a row leave
 * the client a connection that is dead, and its next SYN begins another.
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
	} while (server && unlikely(READ_ONCE(server->dead)) && --tries);
	return server;
}

/**
 * lbdr_schedule_stray_as() - what becomes of a packet that asks for no connection
 * @ln: the namespace
 * @service: the service that it is for
 * @flow: of the packet
 *
 * Context: rcu_read_lock() held.
 * Return: enum lbdr_stray; LBDR_STRAY_SCHEDULE where it is given one all the same.
 */
u8 lbdr_schedule_stray_as(const struct lbdr_net *ln,
			  const struct lbdr_service *service,
			  const struct lbdr_flow *flow)
{
	u8 stray = READ_ONCE(service->settings.stray);

	if (flow->local)
		return LBDR_STRAY_PASS;
	/* Of a connection that was none because of a flood, perhaps. */
	if (lbdr_flood_recent(ln) && lbdr_flood_stateless(service))
		return LBDR_STRAY_SCHEDULE;
	if (stray == LBDR_STRAY_SCHEDULE && flow->event != LBDR_EVENT_DATA &&
	    flow->event != LBDR_EVENT_SCTP_DATA)
		return LBDR_STRAY_PASS;
	return stray;
}

/*
 * Whether a packet that does not ask for a connection is given one all the
 * same. If not, @verdict says what becomes of it.
 */
static bool lbdr_schedule_stray(struct lbdr_net *ln, struct sk_buff *skb,
				const struct lbdr_service *service,
				const struct lbdr_flow *flow,
				unsigned int *verdict)
{
	switch (lbdr_schedule_stray_as(ln, service, flow)) {
	case LBDR_STRAY_SCHEDULE:
		return true;
	case LBDR_STRAY_DROP:
		*verdict = NF_DROP;
		lbdr_drop(ln, LBDR_DROP_STRAY);
		return false;
	case LBDR_STRAY_RESET:
		*verdict = NF_DROP;
		lbdr_refuse(ln, skb, flow, LBDR_REFUSE_RESET);
		lbdr_drop(ln, LBDR_DROP_STRAY);
		return false;
	}
	lbdr_drop(ln, LBDR_PASS_NO_CONN);
	return false;
}

/*
 * No server takes the connection. A client on this host is told by the error that
 * sending its packet meets; the network's answers would find no way to it, since
 * they come from an address that need not be ours.
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

/*
 * Whether the packet is to have a connection. A flood may take the room for it,
 * and one that ends a connection needs none.
 */
static bool lbdr_schedule_needs_conn(struct lbdr_net *ln,
				const struct lbdr_service *service,
				const struct lbdr_server *server,
				const struct lbdr_flow *flow)
{
	if (READ_ONCE(service->settings.flags) & LBDR_SERVICE_FLAG_ONE_PACKET) {
		lbdr_stats_add(server->stats, 1, 0, 0);
		return false;
	}
	if (unlikely(lbdr_state_next[flow->event][LBDR_CONN_STATE_NONE] ==
		     LBDR_CONN_STATE_NONE)) {
		lbdr_count(ln, LBDR_FLOOD_STATELESS);
		return false;
	}
	if (likely(!lbdr_flood_account(ln)))
		return true;
	if (!lbdr_flood_stateless(service)) {
		lbdr_flood_evict(ln, flow->family);
		return true;
	}
	if (lbdr_event_opens(flow->event))
		lbdr_stats_add(server->stats, 1, 0, 0);
	lbdr_flood_forward(ln);
	return false;
}

/**
 * lbdr_schedule() - find a server for a packet of no connection
 * @ln: the namespace
 * @skb: the packet
 * @service: the service that it is for
 * @flow: of the packet
 * @verdict: what becomes of the packet when NULL is returned
 *
 * Context: rcu_read_lock() held, BH off.
 * Return: the server that it goes to, and the packets after it too unless it was
 * given no connection; or NULL.
 */
struct lbdr_server *lbdr_schedule(struct lbdr_net *ln, struct sk_buff *skb,
				  const struct lbdr_service *service,
				  const struct lbdr_flow *flow,
				  unsigned int *verdict)
{
	struct lbdr_server *server;
	struct lbdr_conn *conn;
	enum lbdr_drop why;

	*verdict = NF_ACCEPT;
	/* Our stack refuses it at once; a server would answer itself. */
	if (!flow->local && skb->dev->flags & IFF_LOOPBACK) {
		lbdr_drop(ln, LBDR_PASS_LOCAL_CLIENT);
		return NULL;
	}
	if (!lbdr_event_opens(flow->event) && flow->event != LBDR_EVENT_UDP &&
	    !lbdr_schedule_stray(ln, skb, service, flow, verdict))
		return NULL;

	*verdict = NF_DROP;
	if (lbdr_schedule_bad_source(ln->net, skb->dev, flow)) {
		lbdr_drop(ln, LBDR_DROP_BAD_SOURCE);
		return NULL;
	}
	if (!flow->local && unlikely(lbdr_peers_skb_from_server(ln, skb, service))) {
		*verdict = lbdr_peers_verdict(ln, skb, flow);
		return NULL;
	}
	server = lbdr_schedule_pick(ln, service, flow);
	trace_lbdr_schedule(ln, service, flow, server);
	if (!server) {
		*verdict = lbdr_schedule_refuse(ln, skb, service, flow);
		lbdr_drop(ln, LBDR_DROP_NO_SERVER);
		return NULL;
	}
	if (!lbdr_schedule_needs_conn(ln, service, server, flow))
		return server;
	conn = lbdr_conn_add(ln, flow, server, &why);
	if (!conn) {
		lbdr_drop(ln, why);
		return NULL;
	}
	return conn->server;
}
