// SPDX-License-Identifier: GPL-2.0
/*
 * Netfilter hooks: the path of a packet through the director.
 *
 *	PREROUTING --- other destination MAC, or no VIP ------> the stack
 *	    |
 *	  fast.c ----- plain packet of a connection ----------> its server
 *	    |
 *	  parse ------ not TCP, UDP or SCTP, or malformed ----> the stack
 *	    |    |---- ICMP error of a connection ------------> its server
 *	    |    `---- fragment, frag.c ---- whole datagram --> the hook point again
 *	    |
 *	L3 domain of the packet's device. A packet of a VRF passes PREROUTING twice and
 *	    |	   is forwarded in the first pass
 *	    |
 *	connection lookup -- miss -- service lookup -- miss --> the stack
 *	    | hit                       | hit
 *	    |                        schedule.c --- rejected -> setting of the service
 *	    |                           |
 *	    |                        scheduler, server, new connection
 *	    |                           |
 *	state, time stamp, statistics <-'
 *	    |
 *	transmit to the server's MAC (xmit_dr.c), or through its tunnel (xmit_tunnel.c)
 *
 * Context: rcu_read_lock() held, in softirq; BH may be enabled for packets that
 * NFQUEUE or a socket of this host sends. BH is disabled before a packet is parsed,
 * since counters are per CPU. A packet of a connection takes no lock, atomic operation,
 * refcount, route lookup or allocation on its way to the neighbour layer, unless it
 * changes the state of the connection.
 *
 * Hooks of a family, registered while the family has services:
 *
 * - PREROUTING between the raw table and conntrack: raw rules apply, and no conntrack
 *   entry is created. Or LOCAL_IN after the filter table (lbdr_net.entry).
 * - PREROUTING after the mangle table, which sets marks, while there is a fwmark
 *   service. Packets that the first hook has forwarded do not reach this hook. While
 *   programs of ip_vs drive the namespace (lbdr_net.mark_first), the first hook leaves
 *   packets without a connection to this one, which looks up the mark, then the address.
 * - LOCAL_OUT for clients on this host.
 *
 * While there are tunnel servers of a family, one more hook at PREROUTING takes ICMP errors
 * about tunnelled packets (tunnel_error.c), whose destination is no VIP: so where there are
 * none, all other traffic does not pay for the comparison of its protocol.
 */
#include <linux/etherdevice.h>
#include <linux/inetdevice.h>
#include <linux/netfilter_bridge.h>
#include <linux/netfilter_ipv4.h>
#include <linux/netfilter_ipv6.h>
#include <net/dst_metadata.h>
#include <net/ip.h>
#include <net/ipv6.h>

#include "aggregate.h"
#include "conn.h"
#include "domain.h"
#include "fast.h"
#include "flow.h"
#include "frag.h"
#include "hold.h"
#include "hook.h"
#include "ingress.h"
#include "lbdr.h"
#include "nexthop.h"
#include "peers.h"
#include "schedule.h"
#include "send.h"
#include "server.h"
#include "service.h"
#include "state.h"
#include "stats.h"
#include "symbols.h"
#include "tunnel.h"
#include "tunnel_error.h"
#include "vip.h"

/*
 * Returns true if the frame was sent to this host. br_netfilter sets PACKET_HOST on
 * frames that are only bridged and saves the original type in pkt_otherhost. The bridge
 * has not decided yet whether such a frame is for the bridge device, so the destination
 * MAC is compared.
 */
static __always_inline bool lbdr_hook_to_this_host(const struct sk_buff *skb)
{
#if IS_ENABLED(CONFIG_BRIDGE_NETFILTER)
	const struct nf_bridge_info *bridge = nf_bridge_info_get(skb);

	if (unlikely(bridge && bridge->pkt_otherhost))
		return ether_addr_equal(eth_hdr(skb)->h_dest,
					skb->dev->dev_addr);
#endif
	return skb->pkt_type == PACKET_HOST;
}

/* Returns true if the server is this host. */
static bool lbdr_hook_is_local(const struct lbdr_server *server,
			       const struct lbdr_flow *flow)
{
	struct lbdr_nexthop *nexthop;

	nexthop = lbdr_nexthop_in_domain(server->nexthop, lbdr_flow_domain(flow));
	return nexthop && lbdr_nexthop_route(nexthop)->local;
}

/*
 * Changes the state of a connection by a packet. Returns false for a packet that was sent
 * back, which changes nothing.
 */
static bool lbdr_hook_move(struct lbdr_net *ln, const struct sk_buff *skb,
			   const struct lbdr_flow *flow, struct lbdr_conn *conn,
			   u32 from, u32 to)
{
	if (!flow->local && unlikely(lbdr_peers_returned(ln, skb, flow, conn)))
		return false;
	if (likely(conn->place == flow->place) ||
	    !lbdr_hook_is_local(conn->server, flow))
		lbdr_conn_move(conn, from, to);
	return true;
}

/* Forwards a packet of a connection. */
static unsigned int lbdr_hook_conn(struct lbdr_net *ln, struct sk_buff *skb,
				   const struct lbdr_flow *flow, struct lbdr_conn *conn)
{
	u32 state = READ_ONCE(conn->state);
	u32 next = lbdr_state_next[flow->event][state];

	/* A packet to this host as a server passes several hooks. */
	if (conn->place == flow->place)
		this_cpu_inc(ln->counters[LBDR_COUNTER_SLOW]);
	if (next != state && !lbdr_hook_move(ln, skb, flow, conn, state, next))
		return lbdr_peers_verdict(ln, skb, flow, conn->server->service);
	return lbdr_send(ln, skb, flow, conn->server, conn);
}

/* Returns true if this hook leaves packets without a connection to the one behind mangle. */
static bool lbdr_hook_leaves_to_marked(const struct lbdr_net *ln,
				       const struct lbdr_flow *flow)
{
	return unlikely(lbdr_service_marks_first(ln, flow->family)) &&
	       flow->place == LBDR_PLACE_ENTRY && !flow->local;
}

/*
 * Returns true if another hook, which the packet has passed, has scheduled it for a
 * service of its own. Such a packet comes here only if its server is this host.
 */
static bool lbdr_hook_decided(struct lbdr_net *ln, const struct sk_buff *skb,
			      const struct lbdr_flow *flow,
			      struct lbdr_service *marked)
{
	bool input = READ_ONCE(ln->entry) == LBDR_ENTRY_INPUT;
	const struct lbdr_service *other = NULL;

	if (lbdr_service_marks_first(ln, flow->family))
		return false;
	if (marked && !input)
		other = lbdr_service_of_flow(ln, flow);
	else if (unlikely(!marked && input && skb->mark) && !flow->local &&
		 READ_ONCE(ln->n_marked[flow->family]))
		other = lbdr_service_of_mark(ln, flow->family, skb->mark,
					     lbdr_flow_domain(flow));
	if (likely(!other) || READ_ONCE(other->held))
		return false;
	return lbdr_event_first(flow->event) ||
	       lbdr_schedule_stray_action(ln, other, flow) == LBDR_STRAY_SCHEDULE;
}

/* The client sends the packet again, and its server may be back then. */
static unsigned int lbdr_hook_drop_held(struct lbdr_net *ln,
					struct lbdr_service *service)
{
	lbdr_drop(ln, service, LBDR_DROP_SERVER_HELD);
	return NF_DROP;
}

/**
 * lbdr_hook_schedule_any() - Find a server for any packet without a connection
 * @ln: the namespace
 * @skb: the packet
 * @flow: its flow
 * @marked: the fwmark service, or NULL to look the service up by address and port
 * @verdict: set to the verdict when NULL is returned
 *
 * lbdr_hook_schedule() calls this one where what it leaves out may matter.
 *
 * Context: rcu_read_lock() held, BH off.
 * Return: the server to send the packet to, or NULL.
 */
noinline struct lbdr_server *
lbdr_hook_schedule_any(struct lbdr_net *ln, struct sk_buff *skb,
		       const struct lbdr_flow *flow, struct lbdr_service *marked,
		       unsigned int *verdict)
{
	struct lbdr_service *service;

	*verdict = NF_ACCEPT;
	if (lbdr_hook_leaves_to_marked(ln, flow))
		return NULL;
	service = marked ?: lbdr_service_of_flow(ln, flow);
	if (service && lbdr_hook_decided(ln, skb, flow, marked))
		return NULL;
	if (unlikely(READ_ONCE(ln->n_held))) {
		service = lbdr_hold_unheld(ln, service, flow);
		if (lbdr_hold_defers(ln, service, flow))
			return NULL;
		if (lbdr_hold_applies(ln, service, flow)) {
			*verdict = lbdr_hook_drop_held(ln, service);
			return NULL;
		}
	}
	if (!service)
		return NULL;
	/* On the loopback device the datagrams of a local client would lose their route. */
	if (unlikely(skb_is_gso(skb)) &&
	    lbdr_service_one_packet(service, flow) &&
	    (flow->local || !(skb->dev->flags & IFF_LOOPBACK))) {
		*verdict = lbdr_aggregate_split(ln, skb, flow, service);
		return NULL;
	}
	return lbdr_schedule(ln, skb, service, flow, verdict);
}

/* Forwards a parsed packet. @marked: see lbdr_hook_schedule_any() */
static unsigned int lbdr_hook_forward(struct lbdr_net *ln, struct sk_buff *skb,
				      const struct lbdr_flow *flow,
				      struct lbdr_service *marked)
{
	struct lbdr_conn_miss miss;
	struct lbdr_server *server;
	struct lbdr_conn *conn;
	unsigned int verdict;

	conn = lbdr_conn_find_of(ln, flow, flow->local ? NULL : skb, &miss);
	if (conn)
		return lbdr_hook_conn(ln, skb, flow, conn);
	if (miss.why == LBDR_CONN_RETURNED)
		return lbdr_peers_verdict(ln, skb, flow, miss.service);
	if (miss.why == LBDR_CONN_HELD)
		return lbdr_hook_drop_held(ln, miss.service);
	server = lbdr_hook_schedule_any(ln, skb, flow, marked, &verdict);
	return server ? lbdr_send(ln, skb, flow, server, NULL) : verdict;
}

/* Sets the L3 domain of the flow. Returns false if the VRF has no id. */
static noinline bool lbdr_hook_set_domain(struct lbdr_net *ln,
					  const struct net_device *dev,
					  struct lbdr_flow *flow)
{
	u16 domain = lbdr_domain_of_vrf(ln, dev);

	lbdr_flow_set_domain(flow, domain);
	return domain != LBDR_DOMAIN_UNKNOWN;
}

/*
 * Returns true if a packet passes PREROUTING for the second time, now with the VRF as
 * its device. The VRF driver has set the flag, and the packet has no route yet.
 */
static bool lbdr_hook_second_pass(const struct sk_buff *skb,
				  const struct net_device *dev,
				  enum lbdr_family family)
{
	if (!netif_is_l3_master(dev) || skb_valid_dst(skb))
		return false;
	return family == LBDR_V4 ? IPCB(skb)->flags & IPSKB_L3SLAVE :
				   IP6CB(skb)->flags & IP6SKB_L3SLAVE;
}

/*
 * Prepares the flow of a packet of a VRF. Returns false if the packet must be passed to
 * the stack: the VRF has no id, or this is the second pass. The second pass handles
 * fwmark services, since marks may be set in the VRF only.
 */
static noinline bool lbdr_hook_enter_vrf(struct lbdr_net *ln,
					 const struct sk_buff *skb,
					 const struct net_device *dev,
					 struct lbdr_flow *flow)
{
	if (!lbdr_hook_set_domain(ln, dev, flow))
		return false;
	if (flow->local || !lbdr_hook_second_pass(skb, dev, flow->family))
		return true;
	if (flow->place != LBDR_PLACE_MARKED)
		return false;
	flow->place = LBDR_PLACE_MARKED_VRF;
	return true;
}

/*
 * Returns the server of an ICMP error that has no connection, or NULL. ICMP errors have
 * the mark of the connection's packets only if a rule gives it to them.
 */
static struct lbdr_server *
lbdr_hook_error_server(struct lbdr_net *ln, struct sk_buff *skb,
		       const struct lbdr_flow *flow,
		       struct lbdr_service *marked)
{
	const struct lbdr_service *service = marked;
	struct lbdr_server *server;

	if (lbdr_hook_leaves_to_marked(ln, flow))
		return NULL;
	if (!service && (flow->place == LBDR_PLACE_ENTRY ||
			 lbdr_service_marks_first(ln, flow->family)))
		service = lbdr_service_of_flow(ln, flow);
	if (!service || lbdr_hook_decided(ln, skb, flow, marked))
		return NULL;
	server = lbdr_schedule_error(ln, service, flow);
	if (server && !flow->local &&
	    unlikely(lbdr_peers_sent_by(ln, skb, lbdr_peers_source(skb), server,
					lbdr_flow_domain(flow))))
		server = lbdr_peers_not_back(ln, service, server,
					     lbdr_flow_domain(flow));
	return server;
}

/* Forwards an ICMP error to the server of the client that its inner packet was sent to. */
static noinline unsigned int lbdr_hook_error(struct lbdr_net *ln,
					     struct sk_buff *skb,
					     struct lbdr_flow *flow,
					     struct lbdr_service *marked)
{
	const struct net_device *dev = flow->local ? skb_dst(skb)->dev : skb->dev;
	struct lbdr_server *server;
	struct lbdr_conn *conn;

	if (lbdr_domain_has_vrf(dev) && !lbdr_hook_enter_vrf(ln, skb, dev, flow))
		return NF_ACCEPT;
	conn = lbdr_conn_peek(ln, flow);
	if (conn && unlikely(lbdr_server_held(conn->server)))
		return lbdr_hook_drop_held(ln, conn->server->service);
	server = conn ? conn->server :
			lbdr_hook_error_server(ln, skb, flow, marked);
	if (!server)
		return NF_ACCEPT;
	/* The TTL of an error tells nothing, but its sender is known to send back. */
	if (conn && !flow->local && unlikely(READ_ONCE(server->returns)) &&
	    !lbdr_peers_same_mac(conn, skb) &&
	    lbdr_peers_sent_by_any(ln, skb, server->service, lbdr_flow_domain(flow)))
		return lbdr_peers_verdict(ln, skb, flow, server->service);
	return lbdr_send(ln, skb, flow, server, conn);
}

/*
 * Counts a packet whose flow is unknown, so it may not belong to a service. Each such packet
 * passes several hooks, and PREROUTING twice in a VRF. One to a VIP is counted at the first
 * one with LBDR_PLACE_ENTRY. Any other one comes here only with a mark, and in a VRF may get
 * that in the second pass only.
 */
static void lbdr_hook_count_pass(struct lbdr_net *ln, const struct sk_buff *skb,
				 enum lbdr_family family, const struct lbdr_flow *flow,
				 enum lbdr_drop why)
{
	bool second = !flow->local && lbdr_hook_second_pass(skb, skb->dev, family);

	if (flow->place == LBDR_PLACE_ENTRY ? !second :
	    !lbdr_vips_has_skb(ln, skb, family) &&
	    (second || !netif_is_l3_slave(skb->dev)))
		lbdr_drop(ln, NULL, why);
}

/* Handles a packet that is not of TCP, UDP or SCTP, or is malformed. */
static noinline unsigned int
lbdr_hook_other(struct lbdr_net *ln, struct sk_buff *skb, enum lbdr_family family,
		enum lbdr_parsed parsed, struct lbdr_flow *flow,
		struct lbdr_service *marked, const struct nf_hook_state *state)
{
	unsigned int verdict;

	switch (parsed) {
	case LBDR_PARSED_ERROR:
		return lbdr_hook_error(ln, skb, flow, marked);
	case LBDR_PARSED_MALFORMED:
		lbdr_hook_count_pass(ln, skb, family, flow, LBDR_PASS_MALFORMED);
		return NF_ACCEPT;
	case LBDR_PARSED_FRAGMENT:
		verdict = lbdr_frag_reassemble(ln, skb, family, state);
		if (verdict == NF_ACCEPT)
			lbdr_hook_count_pass(ln, skb, family, flow, LBDR_PASS_FRAGMENT);
		return verdict;
	default:
		return NF_ACCEPT;
	}
}

/*
 * The walk of a packet at one of the hooks. @marked: see lbdr_hook_schedule_any()
 *
 * BH is enabled for packets of NFQUEUE and of sockets only. The flow is not initialised,
 * since the parser sets it.
 */
static unsigned int lbdr_hook_walk(struct lbdr_net *ln, struct sk_buff *skb,
				   const struct nf_hook_state *state,
				   enum lbdr_place place, struct lbdr_service *marked)
{
	enum lbdr_family family = state->pf == NFPROTO_IPV4 ? LBDR_V4 : LBDR_V6;
	struct lbdr_flow flow __uninitialized;
	const struct net_device *dev;
	enum lbdr_parsed parsed;
	unsigned int verdict;
	bool bh;

	flow.local = state->hook == NF_INET_LOCAL_OUT;
	flow.place = place;
	dev = flow.local ? skb_dst(skb)->dev : skb->dev;
	bh = !in_softirq();
	if (bh)
		local_bh_disable();
	parsed = family == LBDR_V4 ? lbdr_parse4(skb, &flow) : lbdr_parse6(skb, &flow);
	if (parsed != LBDR_PARSED)
		verdict = lbdr_hook_other(ln, skb, family, parsed, &flow, marked,
					  state);
	else if (unlikely(lbdr_domain_has_vrf(dev)) &&
		 !lbdr_hook_enter_vrf(ln, skb, dev, &flow))
		verdict = NF_ACCEPT;
	else
		verdict = lbdr_hook_forward(ln, skb, &flow, marked);
	if (bh)
		local_bh_enable();
	return verdict;
}

/**
 * lbdr_hook_slow() - Handle a packet that is not for the fast path
 * @ln: the namespace
 * @skb: the packet, at PREROUTING or LOCAL_IN
 * @state: state of the hook
 *
 * Context: rcu_read_lock() held.
 * Return: a verdict.
 */
unsigned int lbdr_hook_slow(struct lbdr_net *ln, struct sk_buff *skb,
			    const struct nf_hook_state *state)
{
	return lbdr_hook_walk(ln, skb, state, LBDR_PLACE_ENTRY, NULL);
}

static unsigned int lbdr_hook4(void *priv, struct sk_buff *skb,
			       const struct nf_hook_state *state)
{
	struct lbdr_net *ln = priv;

	if (!lbdr_vips_has_skb(ln, skb, LBDR_V4) || !lbdr_hook_to_this_host(skb))
		return NF_ACCEPT;
	return lbdr_fast4(ln, skb, state);
}

static unsigned int lbdr_hook6(void *priv, struct sk_buff *skb,
			       const struct nf_hook_state *state)
{
	struct lbdr_net *ln = priv;

	if (!lbdr_vips_has_skb(ln, skb, LBDR_V6) || !lbdr_hook_to_this_host(skb))
		return NF_ACCEPT;
	return lbdr_fast6(ln, skb, state);
}

/* @error: an ICMP packet; ICMP errors of fwmark connections may have no mark. */
static unsigned int lbdr_hook_marked(struct lbdr_net *ln, struct sk_buff *skb,
				     enum lbdr_family family, bool error,
				     const struct nf_hook_state *state)
{
	struct lbdr_service *service = NULL;

	if (skb->mark)
		service = lbdr_service_of_mark(ln, family, skb->mark,
					       lbdr_domain_of_dev(ln, skb->dev));
	/* Packets of held services may be left to this hook, see lbdr_hold_defers(). */
	if (!service && !error &&
	    ((likely(!READ_ONCE(ln->n_held_services)) &&
	      !lbdr_service_marks_first(ln, family)) ||
	     !lbdr_vips_has_skb(ln, skb, family)))
		return NF_ACCEPT;
	if (!lbdr_hook_to_this_host(skb))
		return NF_ACCEPT;
	return lbdr_hook_walk(ln, skb, state, LBDR_PLACE_MARKED, service);
}

static unsigned int lbdr_hook_marked4(void *priv, struct sk_buff *skb,
				      const struct nf_hook_state *state)
{
	return lbdr_hook_marked(priv, skb, LBDR_V4,
				ip_hdr(skb)->protocol == IPPROTO_ICMP, state);
}

static unsigned int lbdr_hook_marked6(void *priv, struct sk_buff *skb,
				      const struct nf_hook_state *state)
{
	return lbdr_hook_marked(priv, skb, LBDR_V6,
				ipv6_hdr(skb)->nexthdr == IPPROTO_ICMPV6, state);
}

/*
 * Returns true if a client on this host can be served. If the VIP is a local address,
 * the replies of the server have a local source address: IPv4 drops them as martians
 * unless accept_local is set, and if the VIP is the client's address as well, the
 * server delivers the replies to itself. Such a packet continues to the loopback
 * device, where the PREROUTING hook counts it and passes it to the stack, which
 * rejects it.
 */
static bool lbdr_hook_local_supported4(struct net *net, const struct sk_buff *skb)
{
	const struct iphdr *iph = ip_hdr(skb);
	struct net_device *dev;
	struct in_device *in;

	if (!(skb_rtable(skb)->rt_flags & RTCF_LOCAL))
		return true;
	if (iph->saddr == iph->daddr)
		return false;
	dev = __ip_dev_find(net, iph->saddr, false);
	in = dev ? __in_dev_get_rcu(dev) : NULL;
	return in && IN_DEV_ACCEPT_LOCAL(in);
}

/* The fwmark service of a packet of this host, where marks come first; or NULL. */
static struct lbdr_service *
lbdr_hook_local_mark(struct lbdr_net *ln, const struct sk_buff *skb,
		     enum lbdr_family family)
{
	if (likely(!skb->mark) || !lbdr_service_marks_first(ln, family))
		return NULL;
	return lbdr_service_of_mark(ln, family, skb->mark,
				    lbdr_domain_of_dev(ln, skb_dst(skb)->dev));
}

static unsigned int lbdr_hook_local4(void *priv, struct sk_buff *skb,
				     const struct nf_hook_state *state)
{
	struct lbdr_net *ln = priv;
	struct lbdr_service *marked = lbdr_hook_local_mark(ln, skb, LBDR_V4);

	if ((!marked && !lbdr_vips_has_skb(ln, skb, LBDR_V4)) ||
	    !lbdr_hook_local_supported4(state->net, skb))
		return NF_ACCEPT;
	return lbdr_hook_walk(ln, skb, state, LBDR_PLACE_ENTRY, marked);
}

static unsigned int lbdr_hook_local6(void *priv, struct sk_buff *skb,
				     const struct nf_hook_state *state)
{
	struct lbdr_net *ln = priv;
	struct lbdr_service *marked = lbdr_hook_local_mark(ln, skb, LBDR_V6);

	/* IPv6 accepts packets with a local source address. */
	if ((!marked && !lbdr_vips_has_skb(ln, skb, LBDR_V6)) ||
	    ipv6_addr_equal(&ipv6_hdr(skb)->saddr, &ipv6_hdr(skb)->daddr))
		return NF_ACCEPT;
	return lbdr_hook_walk(ln, skb, state, LBDR_PLACE_ENTRY, marked);
}

/* Handles an ICMP packet while there are tunnel servers. @family: its family */
static unsigned int lbdr_hook_tunnel_error(struct lbdr_net *ln, struct sk_buff *skb,
					   enum lbdr_family family)
{
	unsigned int verdict;

	if (!lbdr_hook_to_this_host(skb))
		return NF_ACCEPT;
	local_bh_disable();
	verdict = lbdr_tunnel_error(ln, skb, family);
	local_bh_enable();
	return verdict;
}

static unsigned int lbdr_hook_tunnel4(void *priv, struct sk_buff *skb,
				      const struct nf_hook_state *state)
{
	if (likely(ip_hdr(skb)->protocol != IPPROTO_ICMP))
		return NF_ACCEPT;
	return lbdr_hook_tunnel_error(priv, skb, LBDR_V4);
}

static unsigned int lbdr_hook_tunnel6(void *priv, struct sk_buff *skb,
				      const struct nf_hook_state *state)
{
	if (likely(ipv6_hdr(skb)->nexthdr != IPPROTO_ICMPV6))
		return NF_ACCEPT;
	return lbdr_hook_tunnel_error(priv, skb, LBDR_V6);
}

#define LBDR_HOOK(family, function, place, prio) {	\
	.hook		= function,			\
	.pf		= NFPROTO_ ## family,		\
	.hooknum	= NF_INET_ ## place,		\
	.priority	= prio,				\
}

/* One of the two entries is registered; both while the entry is changed. */
static const struct nf_hook_ops lbdr_hooks[LBDR_HOOKS][LBDR_FAMILIES] = {
	/* Before LBDR_HOOK_TUNNEL, so that only what is left pays for that */
	[LBDR_ENTRY_PREROUTING] = {
		[LBDR_V4] = LBDR_HOOK(IPV4, lbdr_hook4, PRE_ROUTING,
				      NF_IP_PRI_CONNTRACK - 2),
		[LBDR_V6] = LBDR_HOOK(IPV6, lbdr_hook6, PRE_ROUTING,
				      NF_IP6_PRI_CONNTRACK - 2),
	},
	[LBDR_ENTRY_INPUT] = {
		[LBDR_V4] = LBDR_HOOK(IPV4, lbdr_hook4, LOCAL_IN,
				      NF_IP_PRI_NAT_SRC - 1),
		[LBDR_V6] = LBDR_HOOK(IPV6, lbdr_hook6, LOCAL_IN,
				      NF_IP6_PRI_NAT_SRC - 1),
	},
	[LBDR_HOOK_LOCAL] = {
		[LBDR_V4] = LBDR_HOOK(IPV4, lbdr_hook_local4, LOCAL_OUT,
				      NF_IP_PRI_CONNTRACK - 1),
		[LBDR_V6] = LBDR_HOOK(IPV6, lbdr_hook_local6, LOCAL_OUT,
				      NF_IP6_PRI_CONNTRACK - 1),
	},
	/* Behind a rule at mangle + 1, so that it can drop what a program has marked. */
	[LBDR_HOOK_MARKED] = {
		[LBDR_V4] = LBDR_HOOK(IPV4, lbdr_hook_marked4, PRE_ROUTING,
				      NF_IP_PRI_MANGLE + 2),
		[LBDR_V6] = LBDR_HOOK(IPV6, lbdr_hook_marked6, PRE_ROUTING,
				      NF_IP6_PRI_MANGLE + 2),
	},
	[LBDR_HOOK_TUNNEL] = {
		[LBDR_V4] = LBDR_HOOK(IPV4, lbdr_hook_tunnel4, PRE_ROUTING,
				      NF_IP_PRI_CONNTRACK - 1),
		[LBDR_V6] = LBDR_HOOK(IPV6, lbdr_hook_tunnel6, PRE_ROUTING,
				      NF_IP6_PRI_CONNTRACK - 1),
	},
};

/**
 * lbdr_hook_net_init() - Prepare the hooks of a namespace
 * @ln: the namespace
 *
 * Each namespace has its own copy of the hooks, with @ln as the private pointer, so a
 * hook needs no lookup of @ln.
 *
 * Context: process.
 */
void lbdr_hook_net_init(struct lbdr_net *ln)
{
	enum lbdr_family family;
	int hook;

	memcpy(ln->hooks, lbdr_hooks, sizeof(ln->hooks));
	for (hook = 0; hook < LBDR_HOOKS; hook++)
		for (family = 0; family < LBDR_FAMILIES; family++)
			ln->hooks[hook][family].priv = ln;
}
