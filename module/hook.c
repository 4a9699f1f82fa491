// SPDX-License-Identifier: GPL-2.0
/*
 * The packet's walk.
 *
 *	PREROUTING --- not to this host's MAC, or no VIP -----> the stack
 *	    |
 *	  parse ------ no TCP or UDP, malformed --------------> the stack
 *	    |    `---- an ICMP error about a connection ------> its server
 *	    |
 *	connection? -- no -- service? -- no ------------------> the stack
 *	    |                  |
 *	    |          may it begin one? -- no, TCP, no SYN --> the stack
 *	    |                  |
 *	    |          scheduler, server, connection
 *	    |                  |
 *	state, stamp, statistics
 *	    |
 *	transmit (xmit_dr.c) to the server's MAC
 *
 * Runs under rcu_read_lock(), in softirq, or with BH enabled where a packet
 * comes back from NFQUEUE; BH is off from the moment that a VIP is seen, since
 * counters are per CPU. For a packet of a connection there is no lock, no
 * atomic operation, no reference, no route look-up and no allocation on the way
 * to the neighbour layer, unless the packet changes the connection's state.
 *
 * The hook stands behind the raw table and right before conntrack, so that
 * operators' raw rules apply and no conntrack entry is ever made.
 */
#include <linux/etherdevice.h>
#include <linux/inetdevice.h>
#include <linux/netfilter_bridge.h>
#include <linux/netfilter_ipv4.h>
#include <linux/netfilter_ipv6.h>
#include <net/addrconf.h>
#include <net/route.h>

#include "lbdr.h"
#include "sched.h"

/*
 * Whether the frame was sent to this host. br_netfilter shows us what is only
 * bridged through as if it were: it keeps what the frame's type had been. That
 * a frame is for the bridge itself is not known yet at that point but by its
 * MAC address.
 */
static bool lbdr_hook_ours(const struct sk_buff *skb)
{
#if IS_ENABLED(CONFIG_BRIDGE_NETFILTER)
	const struct nf_bridge_info *bridge = nf_bridge_info_get(skb);

	if (unlikely(bridge && bridge->pkt_otherhost))
		return ether_addr_equal(eth_hdr(skb)->h_dest,
					skb->dev->dev_addr);
#endif
	return skb->pkt_type == PACKET_HOST;
}

/*
 * Sources that no client can have: what would be sent there goes astray, or
 * to us. Asked for a connection's first packet alone, since the answer holds
 * for the rest.
 */
static bool lbdr_hook_bad_source(struct net *net, const struct sk_buff *skb,
				 const struct lbdr_flow *flow)
{
	if (flow->family == LBDR_V4) {
		__be32 addr = flow->v4.client;

		return ipv4_is_loopback(addr) || ipv4_is_zeronet(addr) ||
		       inet_addr_type_dev_table(net, skb->dev, addr) !=
		       RTN_UNICAST;
	}
	return !(ipv6_addr_type(&flow->v6.client) & IPV6_ADDR_UNICAST) ||
	       ipv6_addr_loopback(&flow->v6.client) ||
	       ipv6_chk_addr(net, &flow->v6.client, NULL, 0);
}

/*
 * Chooses a server. One that was removed between the choice and now is in the
 * old pool alone: asking again meets the new one. Three removals in a row leave
 * the client a connection that is dead, and its next SYN begins another.
 */
static struct lbdr_server *lbdr_hook_pick(const struct lbdr_service *service,
					  const struct lbdr_flow *flow)
{
	struct lbdr_server *server;
	int tries = 3;

	do {
		server = lbdr_pool_pick(service, flow);
	} while (server && unlikely(READ_ONCE(server->dead)) && --tries);
	return server;
}

/*
 * A packet of no connection. Returns the connection that it begins, or NULL
 * and what becomes of the packet in @verdict.
 */
static noinline struct lbdr_conn *
lbdr_hook_begin(struct lbdr_net *ln, struct sk_buff *skb,
		const struct lbdr_flow *flow, unsigned int *verdict)
{
	const struct lbdr_service *service;
	struct lbdr_server *server;
	struct lbdr_conn *conn;
	enum lbdr_drop why;
	bool tcp;

	*verdict = NF_ACCEPT;
	service = lbdr_service_of_flow(ln, flow);
	if (!service)
		return NULL;
	/* Our stack refuses it at once; a server would answer itself. */
	if (skb->dev->flags & IFF_LOOPBACK) {
		lbdr_drop(ln, LBDR_PASS_LOCAL_CLIENT);
		return NULL;
	}
	tcp = service->key.protocol == IPPROTO_TCP;
	if (tcp && flow->event != LBDR_EVENT_SYN) {
		lbdr_drop(ln, LBDR_PASS_NO_CONN);
		return NULL;
	}

	*verdict = NF_DROP;
	if (lbdr_hook_bad_source(ln->net, skb, flow)) {
		lbdr_drop(ln, LBDR_DROP_BAD_SOURCE);
		return NULL;
	}
	server = lbdr_hook_pick(service, flow);
	if (!server) {
		lbdr_refuse(ln, skb, flow, READ_ONCE(service->refuse));
		lbdr_drop(ln, LBDR_DROP_NO_SERVER);
		return NULL;
	}
	conn = lbdr_conn_add(ln, flow, server, &why);
	if (!conn)
		lbdr_drop(ln, why);
	return conn;
}

/* As a capture would count: the segments of a GSO packet, with their headers */
static void lbdr_hook_count(const struct lbdr_server *server,
			    const struct sk_buff *skb,
			    const struct lbdr_flow *flow)
{
	u32 packets = 1, bytes = skb->len;

	if (unlikely(skb_is_gso(skb))) {
		packets = max_t(u32, skb_shinfo(skb)->gso_segs, 1);
		bytes += (packets - 1) * flow->hdr_len;
	}
	lbdr_stats_add(server->stats, 0, packets, bytes);
}

static __always_inline unsigned int
lbdr_hook_send(struct lbdr_net *ln, struct sk_buff *skb,
	       const struct lbdr_flow *flow, struct lbdr_server *server)
{
	const struct lbdr_route *route;
	enum lbdr_drop why;

	route = lbdr_route_get(server, &why);
	if (unlikely(!route)) {
		lbdr_drop(ln, why);
		return NF_DROP;
	}
	lbdr_hook_count(server, skb, flow);
	return flow->family == LBDR_V4 ?
	       lbdr_xmit_dr4(ln, skb, server, route) :
	       lbdr_xmit_dr6(ln, skb, server, route);
}

/* A packet whose flow is known. */
static unsigned int lbdr_hook_forward(struct lbdr_net *ln, struct sk_buff *skb,
				      const struct lbdr_flow *flow)
{
	struct lbdr_conn *conn;
	unsigned int verdict;
	u32 state, next;

	conn = lbdr_conn_find(ln, flow);
	if (unlikely(!conn)) {
		conn = lbdr_hook_begin(ln, skb, flow, &verdict);
		if (!conn)
			return verdict;
	}

	state = READ_ONCE(conn->state);
	next = lbdr_state_next[flow->event][state];
	if (unlikely(next != state))
		lbdr_conn_move(conn, state, next);
	return lbdr_hook_send(ln, skb, flow, conn->server);
}

/* An ICMP error: to the server whose packet it quotes, if it is one of ours. */
static noinline unsigned int lbdr_hook_error(struct lbdr_net *ln,
					     struct sk_buff *skb,
					     const struct lbdr_flow *flow)
{
	struct lbdr_conn *conn = lbdr_conn_peek(ln, flow);

	return conn ? lbdr_hook_send(ln, skb, flow, conn->server) : NF_ACCEPT;
}

static unsigned int lbdr_hook_walk(struct lbdr_net *ln, struct sk_buff *skb,
				   enum lbdr_family family)
{
	struct lbdr_flow flow;
	unsigned int verdict;
	bool bh;

	if (!lbdr_hook_ours(skb))
		return NF_ACCEPT;

	/* NFQUEUE alone comes with BH enabled; all others are spared the cost. */
	bh = !in_softirq();
	if (unlikely(bh))
		local_bh_disable();
	switch (family == LBDR_V4 ? lbdr_parse4(skb, &flow) :
				    lbdr_parse6(skb, &flow)) {
	case LBDR_PARSED:
		verdict = lbdr_hook_forward(ln, skb, &flow);
		break;
	case LBDR_PARSED_ERROR:
		verdict = lbdr_hook_error(ln, skb, &flow);
		break;
	case LBDR_PARSED_MALFORMED:
		/* Its port is unknown: it need not be for a service. */
		lbdr_drop(ln, LBDR_PASS_MALFORMED);
		verdict = NF_ACCEPT;
		break;
	case LBDR_PARSED_FRAGMENT:
		lbdr_drop(ln, LBDR_PASS_FRAGMENT);
		verdict = NF_ACCEPT;
		break;
	default:
		verdict = NF_ACCEPT;
	}
	if (unlikely(bh))
		local_bh_enable();
	return verdict;
}

static unsigned int lbdr_hook4(void *priv, struct sk_buff *skb,
			       const struct nf_hook_state *state)
{
	struct lbdr_net *ln = lbdr_net(state->net);

	/* All that traffic for other addresses pays. */
	if (!test_bit(lbdr_vip_hash4(ip_hdr(skb)->daddr), ln->vips[LBDR_V4]))
		return NF_ACCEPT;
	return lbdr_hook_walk(ln, skb, LBDR_V4);
}

static unsigned int lbdr_hook6(void *priv, struct sk_buff *skb,
			       const struct nf_hook_state *state)
{
	struct lbdr_net *ln = lbdr_net(state->net);

	if (!test_bit(lbdr_vip_hash6(&ipv6_hdr(skb)->daddr), ln->vips[LBDR_V6]))
		return NF_ACCEPT;
	return lbdr_hook_walk(ln, skb, LBDR_V6);
}

static const struct nf_hook_ops lbdr_hooks[LBDR_FAMILIES] = {
	[LBDR_V4] = {
		.hook		= lbdr_hook4,
		.pf		= NFPROTO_IPV4,
		.hooknum	= NF_INET_PRE_ROUTING,
		.priority	= NF_IP_PRI_CONNTRACK - 1,
	},
	[LBDR_V6] = {
		.hook		= lbdr_hook6,
		.pf		= NFPROTO_IPV6,
		.hooknum	= NF_INET_PRE_ROUTING,
		.priority	= NF_IP6_PRI_CONNTRACK - 1,
	},
};

/**
 * lbdr_hook_register() - begin to see a family's packets
 * @ln: the namespace
 * @family: the family
 *
 * Fragments are put together by the kernel before they come here, those of
 * everybody in the namespace: they have no ports to be told apart by.
 *
 * Context: process, lbdr_net.lock held.
 * Return: 0 or a negative error.
 */
int lbdr_hook_register(struct lbdr_net *ln, enum lbdr_family family)
{
	int err;

	err = lbdr_defrag_begin(ln->net, family);
	if (err)
		return err;
	err = nf_register_net_hook(ln->net, &lbdr_hooks[family]);
	if (err)
		lbdr_defrag_end(ln->net, family);
	return err;
}

/**
 * lbdr_hook_unregister() - see no more of a family's packets
 * @ln: the namespace
 * @family: the family
 *
 * Packets that are in the hook stay there until a grace period has passed.
 *
 * Context: process, lbdr_net.lock held.
 */
void lbdr_hook_unregister(struct lbdr_net *ln, enum lbdr_family family)
{
	nf_unregister_net_hook(ln->net, &lbdr_hooks[family]);
	lbdr_defrag_end(ln->net, family);
}
