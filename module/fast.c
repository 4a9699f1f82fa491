// SPDX-License-Identifier: GPL-2.0
/*
 * The fast path: plain packets.
 *
 * A packet is plain if it is a TCP segment or a UDP datagram, has no IP options or extension
 * headers, is no fragment, and its headers are linear, writable and have room for a link
 * header. The route is valid, the neighbour reachable. Most of them belong to a connection
 * whose state they do not change; those that change it do so once they are sent. A SYN is
 * plain only if it has no connection.
 *
 * All of that is checked before anything is written. So every other packet is left as it
 * was and takes the walk of hook.c, which has a step for each case: packets of a VRF, packets
 * whose headers tcpdump shares, packets to a neighbour that is being confirmed. Both give the
 * same result; the parameter fast_path=0 switches the fast path off, so that a test can
 * compare them. Packets of tunnel servers share the checks up to the server, and are handed
 * to the tunnel then.
 *
 * A plain packet that has no connection gets a server here as in the walk, and is sent as the
 * packets of connections are.
 *
 * A packet that changes nothing in its connection takes no lock, timer, route lookup or
 * allocation, and unless its reception has left something to release, no atomic operation or
 * reference count. A GSO packet goes through whole.
 *
 * Context: rcu_read_lock() held. The packet is at PREROUTING, LOCAL_IN or ingress, it is
 * for this host, and its destination may be a VIP.
 */
#include <linux/moduleparam.h>
#include <linux/tcp.h>
#include <linux/udp.h>
#include <net/ip.h>
#include <net/ipv6.h>
#include <net/neighbour.h>

#include "conn.h"
#include "conn_lookup.h"
#include "domain.h"
#include "fast.h"
#include "fast_check.h"
#include "flow.h"
#include "hook.h"
#include "lbdr.h"
#include "nexthop_path.h"
#include "send.h"
#include "server.h"
#include "service.h"
#include "state.h"
#include "stats.h"
#include "tunnel.h"
#include "xmit.h"

DEFINE_STATIC_KEY_TRUE(lbdr_fast_on);

static int lbdr_fast_set(const char *value, const struct kernel_param *param)
{
	bool on;
	int err = kstrtobool(value, &on);

	if (err)
		return err;
	if (on)
		static_branch_enable(&lbdr_fast_on);
	else
		static_branch_disable(&lbdr_fast_on);
	return 0;
}

static int lbdr_fast_get(char *buffer, const struct kernel_param *param)
{
	return sysfs_emit(buffer, "%c\n",
			  static_key_enabled(&lbdr_fast_on.key) ? 'Y' : 'N');
}

static const struct kernel_param_ops lbdr_fast_ops = {
	.set	= lbdr_fast_set,
	.get	= lbdr_fast_get,
};

module_param_cb(fast_path, &lbdr_fast_ops, NULL, 0644);
MODULE_PARM_DESC(fast_path, "Forward plain packets of connections on the fast path; 0 is for tests (default: 1)");

/* BH is enabled for packets of NFQUEUE. The packets of a VRF need its id. */
static __always_inline bool lbdr_fast_context(const struct sk_buff *skb)
{
	return static_branch_likely(&lbdr_fast_on) && likely(in_softirq()) &&
	       likely(!lbdr_domain_has_vrf(skb->dev));
}

static __always_inline u32 lbdr_fast_skb_ports(const struct sk_buff *skb, u32 thoff,
					       u8 protocol, union lbdr_ports *ports)
{
	return lbdr_fast_ports(skb->data, skb_headlen(skb), skb->len, skb_is_gso(skb),
			       thoff, protocol, ports);
}

/* The length of the headers that each segment of a GSO packet repeats. */
static __always_inline u32 lbdr_fast_hdr_len(const struct sk_buff *skb, u32 thoff,
					     u32 wanted)
{
	const struct tcphdr *th = (const void *)(skb->data + thoff);

	return thoff + (wanted == LBDR_CONN_STATE_UDP ? sizeof(struct udphdr) :
							th->doff * 4);
}

/* lbdr_send_count(), with the arguments of GSO packets only where they are needed. */
static __always_inline void lbdr_fast_count(const struct lbdr_server *server,
					    const struct sk_buff *skb,
					    enum lbdr_family family, u32 thoff, u32 wanted)
{
	if (unlikely(skb_is_gso(skb)))
		lbdr_send_count(server, skb, family,
				lbdr_fast_hdr_len(skb, thoff, wanted));
	else
		lbdr_stats_add(server->stats, 0, 1, skb->len);
}

/**
 * lbdr_fast_renew() - Renew the stamp of a connection, for lbdr_fast_stamp()
 * @ln: the namespace
 * @conn: the connection
 *
 * Context: rcu_read_lock() held.
 * Return: false if it has expired, or a template is to be renewed as well.
 */
noinline bool lbdr_fast_renew(struct lbdr_net *ln, struct lbdr_conn *conn)
{
	if (READ_ONCE(conn->server->service->settings.persist) ||
	    lbdr_conn_left(ln, conn) <= 0)
		return false;
	lbdr_conn_renew(conn);
	return true;
}
EXPORT_SYMBOL_FOR_KUNIT(lbdr_fast_renew);

/*
 * Returns true if a packet can be handed to the device as it is: no switch has forwarded it
 * in hardware, it fits the MTU, and its headers are its own and have room.
 * @frag_max: size of the largest fragment of a reassembled packet, else 0
 */
static __always_inline bool lbdr_fast_fits(const struct sk_buff *skb,
					   const struct net_device *dev, u32 mtu,
					   u32 frag_max)
{
	return likely(!lbdr_xmit_offloaded(skb)) && lbdr_xmit_fits(skb, mtu, frag_max) &&
	       likely(!skb_header_cloned(skb)) &&
	       likely(skb_headroom(skb) >= LL_RESERVED_SPACE(dev));
}

/* neigh_hh_output() for a packet that lbdr_fast_fits(), to what lbdr_nexthop_neigh() returned. */
static __always_inline void lbdr_fast_output(struct sk_buff *skb,
					     const struct hh_cache *hh)
{
	unsigned int seq, len;

	do {
		seq = read_seqbegin(&hh->hh_lock);
		len = READ_ONCE(hh->hh_len);
		memcpy(skb->data - HH_DATA_MOD, hh->hh_data, HH_DATA_MOD);
	} while (read_seqretry(&hh->hh_lock, seq));
	__skb_push(skb, len);
	dev_queue_xmit(skb);
}

/*
 * Returns true if reception has left nothing to release. At LOCAL_IN a packet has a route.
 */
static __always_inline bool lbdr_fast_is_clear(const struct sk_buff *skb)
{
	unsigned long left = (unsigned long)skb->destructor | skb->_skb_refdst;

#if IS_ENABLED(CONFIG_NF_CONNTRACK)
	left |= skb->_nfct;
#endif
#ifdef CONFIG_SKB_EXTENSIONS
	left |= skb->active_extensions;
#endif
	return !left;
}

static noinline void lbdr_fast_clear(struct sk_buff *skb, struct net_device *dev)
{
	lbdr_xmit_clear(skb, dev, false);
}

static __always_inline void lbdr_fast_send(struct sk_buff *skb, struct net_device *dev,
					   const struct neighbour *neigh)
{
	if (likely(lbdr_fast_is_clear(skb))) {
		skb_forward_csum(skb);
		skb_clear_tstamp(skb);
		skb->dev = dev;
	} else {
		lbdr_fast_clear(skb, dev);
	}
	lbdr_fast_output(skb, &neigh->hh);
}

/* Packets of ingress continue to PREROUTING. */
static noinline unsigned int lbdr_fast_not(struct lbdr_net *ln, struct sk_buff *skb,
					   const struct nf_hook_state *state)
{
	return state->pf == NFPROTO_NETDEV ? NF_ACCEPT :
					     lbdr_hook_slow(ln, skb, state);
}

/* The event of a packet for which lbdr_fast_ports() has returned the index */
static const u8 lbdr_fast_events[] = {
	[LBDR_CONN_STATE_ESTABLISHED]	= LBDR_EVENT_DATA,
	[LBDR_CONN_STATE_UDP]		= LBDR_EVENT_UDP,
	[LBDR_FAST_SYN]			= LBDR_EVENT_SYN,
	[LBDR_FAST_FIN]			= LBDR_EVENT_FIN,
	[LBDR_FAST_RST]			= LBDR_EVENT_RST,
};

/*
 * Sets what both families have in common in the flow of a plain packet. Returns false if it
 * does not begin here: ingress has passed it on to PREROUTING, or a port is reserved.
 */
static __always_inline bool
lbdr_fast_new_flow(const struct sk_buff *skb, const struct nf_hook_state *state, u32 thoff,
		   u32 wanted, struct lbdr_flow *flow, union lbdr_ports *ports)
{
	memcpy(ports, skb->data + thoff, sizeof(*ports));
	if (state->pf == NFPROTO_NETDEV || !ports->cport || !ports->vport)
		return false;
	flow->event = lbdr_fast_events[wanted];
	flow->local = false;
	flow->place = LBDR_PLACE_ENTRY;
	flow->hdr_len = lbdr_fast_hdr_len(skb, thoff, wanted);
	return true;
}

/*
 * Sends a plain packet. @conn: its connection, or NULL if it is new. Returns false if
 * something stands against it, before anything was written.
 */
static __always_inline bool
lbdr_fast_forward4(struct lbdr_net *ln, struct sk_buff *skb, struct lbdr_server *server,
		   struct lbdr_conn *conn, u32 wanted)
{
	const struct lbdr_route *route = rcu_dereference(server->nexthop->route);
	struct iphdr *iph = (struct iphdr *)skb->data;
	struct neighbour *neigh;
	struct net_device *dev;

	if (unlikely(!route || !route->link ||
		     !lbdr_route_valid(ln->net, route, LBDR_V4)))
		return false;
	dev = route->link;
	if (!lbdr_fast_fits(skb, dev, route->mtu, IPCB(skb)->frag_max_size))
		return false;
	neigh = lbdr_nexthop_neigh(server->nexthop, route);
	if (unlikely(!neigh) || (conn && !lbdr_fast_stamp(ln, conn)))
		return false;

	lbdr_fast_count(server, skb, LBDR_V4, sizeof(*iph), wanted);
	ip_decrease_ttl(iph);
	skb->priority = rt_tos2priority(iph->tos);
	lbdr_fast_send(skb, dev, neigh);
	return true;
}

/* The same for IPv6 */
static __always_inline bool
lbdr_fast_forward6(struct lbdr_net *ln, struct sk_buff *skb, struct lbdr_server *server,
		   struct lbdr_conn *conn, u32 wanted)
{
	const struct lbdr_route *route = rcu_dereference(server->nexthop->route);
	struct ipv6hdr *hdr = (struct ipv6hdr *)skb->data;
	struct neighbour *neigh;
	struct net_device *dev;

	if (unlikely(!route || !route->link ||
		     !lbdr_route_valid(ln->net, route, LBDR_V6)))
		return false;
	dev = route->link;
	if (!lbdr_fast_fits(skb, dev, lbdr_route_mtu6_now(route, dev),
			    IP6CB(skb)->frag_max_size))
		return false;
	neigh = lbdr_nexthop_neigh(server->nexthop, route);
	if (unlikely(!neigh) || (conn && !lbdr_fast_stamp(ln, conn)))
		return false;

	lbdr_fast_count(server, skb, LBDR_V6, sizeof(*hdr), wanted);
	hdr->hop_limit--;
	lbdr_fast_send(skb, dev, neigh);
	return true;
}

/*
 * Sends a packet that may change the state of its connection. A packet that a server may
 * have sent back takes the walk. At ingress all of these packets continue to PREROUTING,
 * whose rules see what changes a state.
 */
static noinline unsigned int
lbdr_fast_change(struct lbdr_net *ln, struct sk_buff *skb,
		 const struct nf_hook_state *state, struct lbdr_conn *conn, u32 wanted)
{
	struct lbdr_server *server = conn->server;
	u32 from = READ_ONCE(conn->state), to;
	bool sent;
	u8 ttl;

	if (wanted == LBDR_FAST_SYN || from == LBDR_CONN_STATE_DEAD ||
	    READ_ONCE(server->checked) || rcu_access_pointer(server->tunnel) ||
	    state->pf == NFPROTO_NETDEV)
		return lbdr_fast_not(ln, skb, state);
	to = lbdr_state_next[lbdr_fast_events[wanted]][from];
	ttl = conn->family == LBDR_V4 ? ip_hdr(skb)->ttl : ipv6_hdr(skb)->hop_limit;
	if (ttl <= 1 || (to != from && (ttl != READ_ONCE(conn->ttl) ||
					lbdr_tunnel_loops(ln, skb, server->service))))
		return lbdr_fast_not(ln, skb, state);
	sent = conn->family == LBDR_V4 ?
	       lbdr_fast_forward4(ln, skb, server, conn, wanted) :
	       lbdr_fast_forward6(ln, skb, server, conn, wanted);
	if (!sent)
		return lbdr_fast_not(ln, skb, state);
	if (to != from)
		lbdr_conn_move(conn, from, to);
	return NF_STOLEN;
}

/*
 * Makes the flow of a plain packet without a connection, has a server chosen, and sends the
 * packet. The key is read again: its address must not be taken, or it would not be kept in
 * registers.
 */
static noinline unsigned int
lbdr_fast_no_conn4(struct lbdr_net *ln, struct sk_buff *skb,
		   const struct nf_hook_state *state, u32 wanted, u64 hash)
{
	const struct iphdr *iph = (const void *)skb->data;
	struct lbdr_flow flow __uninitialized;
	struct lbdr_server *server;
	unsigned int verdict;

	if (!lbdr_fast_new_flow(skb, state, sizeof(*iph), wanted, &flow,
				&flow.v4.ports))
		return lbdr_fast_not(ln, skb, state);
	lbdr_flow_set4(&flow, iph->saddr, iph->daddr, iph->protocol);
	flow.hash = hash;
	server = lbdr_hook_schedule(ln, skb, &flow, &verdict);
	if (!server)
		return verdict;
	if (!rcu_access_pointer(server->tunnel) && likely(iph->ttl > 1) &&
	    lbdr_fast_forward4(ln, skb, server, NULL, wanted))
		return NF_STOLEN;
	return lbdr_send(ln, skb, &flow, server, NULL);
}

static noinline unsigned int
lbdr_fast_no_conn6(struct lbdr_net *ln, struct sk_buff *skb,
		   const struct nf_hook_state *state, u32 wanted, u64 hash)
{
	const struct ipv6hdr *hdr = (const void *)skb->data;
	struct lbdr_flow flow __uninitialized;
	struct lbdr_server *server;
	unsigned int verdict;

	if (!lbdr_fast_new_flow(skb, state, sizeof(*hdr), wanted, &flow,
				&flow.v6.ports))
		return lbdr_fast_not(ln, skb, state);
	lbdr_flow_set6(&flow, &hdr->saddr, &hdr->daddr, hdr->nexthdr);
	flow.hash = hash;
	server = lbdr_hook_schedule(ln, skb, &flow, &verdict);
	if (!server)
		return verdict;
	if (!rcu_access_pointer(server->tunnel) && likely(hdr->hop_limit > 1) &&
	    lbdr_fast_forward6(ln, skb, server, NULL, wanted))
		return NF_STOLEN;
	return lbdr_send(ln, skb, &flow, server, NULL);
}

/* A tunnel reads the flow, except its event, which only new connections need. */
static noinline unsigned int
lbdr_fast_tunnel(struct lbdr_net *ln, struct sk_buff *skb,
		 const struct nf_hook_state *state, struct lbdr_conn *conn,
		 const struct lbdr_server_tunnel *tunnel, u32 wanted)
{
	struct lbdr_flow flow __uninitialized;

	if (!lbdr_fast_stamp(ln, conn))
		return lbdr_fast_not(ln, skb, state);
	flow.family = conn->family;
	flow.hash = 0;
	flow.local = false;
	flow.place = state->pf == NFPROTO_NETDEV ? LBDR_PLACE_INGRESS : LBDR_PLACE_ENTRY;
	if (conn->family == LBDR_V4) {
		flow.v4 = *lbdr_conn_key4(conn);
		flow.hdr_len = lbdr_fast_hdr_len(skb, sizeof(struct iphdr), wanted);
	} else {
		flow.v6 = *lbdr_conn_key6(conn);
		flow.hdr_len = lbdr_fast_hdr_len(skb, sizeof(struct ipv6hdr), wanted);
	}
	return lbdr_xmit_tunnel(skb, &flow, conn->server, tunnel, conn);
}

/**
 * lbdr_fast4() - Forward a plain IPv4 packet
 * @ln: the namespace
 * @skb: data begins at the IPv4 header, of which 20 bytes are linear
 * @state: state of the hook, at PREROUTING, LOCAL_IN or ingress
 *
 * Other packets go to lbdr_hook_slow(), those of ingress to PREROUTING.
 *
 * Context: rcu_read_lock() held.
 * Return: a verdict.
 */
unsigned int lbdr_fast4(struct lbdr_net *ln, struct sk_buff *skb,
			const struct nf_hook_state *state)
{
	const struct iphdr *iph = (const void *)skb->data;
	const struct lbdr_server_tunnel *tunnel;
	struct lbdr_server *server;
	struct lbdr_conn *conn;
	union lbdr_ports ports __uninitialized;
	struct lbdr_key4 key __uninitialized;
	u64 hash __uninitialized;
	u32 wanted;

	if (!lbdr_fast_context(skb) || unlikely(iph->ihl != 5) ||
	    unlikely(ip_is_fragment(iph)))
		return lbdr_fast_not(ln, skb, state);
	wanted = lbdr_fast_skb_ports(skb, sizeof(*iph), iph->protocol, &ports);
	if (!lbdr_fast_steady(wanted) &&
	    (wanted == LBDR_CONN_STATE_NONE || state->pf == NFPROTO_NETDEV))
		return lbdr_fast_not(ln, skb, state);
	lbdr_key4_set(&key, iph, ports, iph->protocol);
	conn = lbdr_conn_lookup(ln, LBDR_V4, &key, &hash);
	if (unlikely(!conn))
		return lbdr_fast_no_conn4(ln, skb, state, wanted, hash);
	if (!lbdr_fast_conn(conn, wanted))
		return lbdr_fast_change(ln, skb, state, conn, wanted);
	if (unlikely(iph->ttl <= 1))
		return lbdr_fast_not(ln, skb, state);
	server = conn->server;
	tunnel = rcu_dereference(server->tunnel);
	if (unlikely(tunnel))
		return lbdr_fast_tunnel(ln, skb, state, conn, tunnel, wanted);
	if (!lbdr_fast_forward4(ln, skb, server, conn, wanted))
		return lbdr_fast_not(ln, skb, state);
	return NF_STOLEN;
}

/**
 * lbdr_fast6() - Forward a plain IPv6 packet
 * @ln: the namespace
 * @skb: data begins at the IPv6 header, of which 40 bytes are linear
 * @state: state of the hook, at PREROUTING, LOCAL_IN or ingress
 *
 * Context: rcu_read_lock() held.
 * Return: as lbdr_fast4().
 */
unsigned int lbdr_fast6(struct lbdr_net *ln, struct sk_buff *skb,
			const struct nf_hook_state *state)
{
	const struct ipv6hdr *hdr = (const void *)skb->data;
	const struct lbdr_server_tunnel *tunnel;
	struct lbdr_server *server;
	struct lbdr_conn *conn;
	union lbdr_ports ports __uninitialized;
	struct lbdr_key6 key __uninitialized;
	u64 hash __uninitialized;
	u32 wanted;

	if (!lbdr_fast_context(skb))
		return lbdr_fast_not(ln, skb, state);
	wanted = lbdr_fast_skb_ports(skb, sizeof(*hdr), hdr->nexthdr, &ports);
	if (!lbdr_fast_steady(wanted) &&
	    (wanted == LBDR_CONN_STATE_NONE || state->pf == NFPROTO_NETDEV))
		return lbdr_fast_not(ln, skb, state);
	lbdr_key6_set(&key, hdr, ports, hdr->nexthdr);
	conn = lbdr_conn_lookup(ln, LBDR_V6, &key, &hash);
	if (unlikely(!conn))
		return lbdr_fast_no_conn6(ln, skb, state, wanted, hash);
	if (!lbdr_fast_conn(conn, wanted))
		return lbdr_fast_change(ln, skb, state, conn, wanted);
	if (unlikely(hdr->hop_limit <= 1))
		return lbdr_fast_not(ln, skb, state);
	server = conn->server;
	tunnel = rcu_dereference(server->tunnel);
	if (unlikely(tunnel))
		return lbdr_fast_tunnel(ln, skb, state, conn, tunnel, wanted);
	if (!lbdr_fast_forward6(ln, skb, server, conn, wanted))
		return lbdr_fast_not(ln, skb, state);
	return NF_STOLEN;
}
