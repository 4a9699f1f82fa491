// SPDX-License-Identifier: GPL-2.0
/*
 * Transmit method IP tunnelling: encapsulate a packet and route it to the server.
 *
 * The packet and the outer header may be of different families. The steps follow those
 * of direct routing (xmit_dr.c):
 *
 * 1. Check the TTL of the packet, as direct routing does.
 * 2. Compare the size with the MTU of the path without the tunnel's headers. The path is
 *    that of the outer addresses, so a learned PMTU counts. For a GSO packet the size of
 *    its segments counts. A packet that is too large and may not be fragmented is
 *    dropped, and its source gets an ICMP error with exactly that number. Otherwise the
 *    encapsulated packet is fragmented by the kernel; a GSO packet is segmented first.
 *    IPv6 packets of up to 1280 bytes are never too large, and the number is never less.
 * 3. Make the header writable, with headroom for the outer headers and the link header.
 * 4. Decrement the TTL. IPv4: set the priority by the TOS.
 * 5. Clear the receive state, prepare checksum and GSO, count the packet as forwarded to
 *    the server, put the outer headers in front (encap.c).
 * 6. Send the packet to the neighbour of the route: the server, or its gateway. If
 *    a packet must be fragmented, or the route transforms packets (IPsec, lwtunnel),
 *    dst_output() sends it.
 *
 * Most packets take a fast path of the steps 3 to 6: they fit, have no checksum to
 * compute and are not GSO packets, and the tunnel needs neither a checksum nor an address
 * of a prefix. So only the outer IP header depends on the packet.
 *
 * An unresolved neighbour gets the packet with its route, so the kernel reports a failure
 * by an ICMP error to the outer source, that is, to this host: tunnel_error.c translates
 * it for the client.
 */
#include <net/dst_metadata.h>
#include <net/icmp.h>
#include <net/ip.h>
#include <net/ip6_route.h>
#include <net/ipv6.h>
#include <net/xfrm.h>

#include "encap_push.h"
#include "icmp.h"
#include "lbdr.h"
#include "nexthop_path.h"
#include "peers.h"
#include "send.h"
#include "server.h"
#include "stats.h"
#include "tunnel.h"
#include "xmit.h"

/*
 * The path of one packet. @inner, @outer: families of the packet and of the outer header,
 * constants on the fast path. @dst: the route, or the IPsec bundle that replaces it
 */
struct lbdr_tunnel_path {
	enum lbdr_family		inner;
	enum lbdr_family		outer;
	struct lbdr_server		*server;
	const struct lbdr_server_tunnel	*tunnel;
	struct lbdr_nexthop		*nexthop;
	const struct lbdr_route		*route;
	struct dst_entry		*dst;
	u32				mtu;
};

static __always_inline bool lbdr_tunnel_ttl_ended(const struct sk_buff *skb,
						  enum lbdr_family family)
{
	return (family == LBDR_V4 ? ip_hdr(skb)->ttl :
				    ipv6_hdr(skb)->hop_limit) <= 1;
}

static noinline unsigned int
lbdr_tunnel_ttl_error(struct sk_buff *skb, const struct lbdr_flow *flow,
		      struct lbdr_server *server)
{
	struct lbdr_net *ln = server->ln;

	lbdr_peers_ttl_ended(ln, skb, server);
	if (flow->family == LBDR_V4)
		lbdr_icmp4(ln->net, skb, ICMP_TIME_EXCEEDED, ICMP_EXC_TTL, 0);
	else
		lbdr_icmp6(ln->net, skb, ICMPV6_TIME_EXCEED, ICMPV6_EXC_HOPLIMIT, 0);
	return lbdr_xmit_drop(server, LBDR_DROP_TTL);
}

/* Size of the largest fragment of a reassembled packet, else 0. */
static u32 lbdr_tunnel_frag_max(const struct sk_buff *skb, enum lbdr_family family)
{
	return family == LBDR_V4 ? IPCB(skb)->frag_max_size :
				   IP6CB(skb)->frag_max_size;
}

/* Returns true if a packet, or each segment of a GSO packet, is not larger than @mtu. */
static bool lbdr_tunnel_fits(const struct sk_buff *skb, enum lbdr_family family, u32 mtu)
{
	return lbdr_xmit_fits(skb, mtu, 0) ||
	       (family == LBDR_V6 && lbdr_xmit_jumbo_fits(skb, mtu));
}

/*
 * Returns true if a packet that does not fit may be fragmented. @told: the MTU that its
 * source is told otherwise. A reassembled packet may be if no fragment of it was larger.
 */
static bool lbdr_tunnel_may_fragment(const struct sk_buff *skb,
				     enum lbdr_family family,
				     const struct lbdr_server_tunnel *tunnel, u32 told)
{
	u32 frag_max = lbdr_tunnel_frag_max(skb, family);

	if (tunnel->settings.df == LBDR_TUNNEL_DF_CLEAR ||
	    (frag_max && frag_max <= told))
		return true;
	return family == LBDR_V4 ? !(ip_hdr(skb)->frag_off & htons(IP_DF)) :
				   lbdr_tunnel_fits(skb, family, told);
}

/* Reports the MTU to the source of a packet, and drops the packet. */
static unsigned int lbdr_tunnel_refuse(struct sk_buff *skb,
				       const struct lbdr_flow *flow,
				       const struct lbdr_server *server, u32 mtu)
{
	struct lbdr_net *ln = server->ln;

	/* A source does not send smaller packets than that; IPv6: lbdr_tunnel_told_mtu(). */
	if (mtu < LBDR_TUNNEL_MIN_MTU4)
		return lbdr_xmit_drop(server, LBDR_DROP_TUN_MTU);
	lbdr_drop(ln, server->service, LBDR_DROP_MTU);
	if (flow->local) {
		/* IPv4 derives the flow from skb->dev, which is not set at LOCAL_OUT. */
		skb->dev = dst_dev_rcu(skb_dst(skb));
		/* The socket looks its route up again. */
		skb_dst_update_pmtu_no_confirm(skb, mtu);
		return NF_DROP_ERR(-EMSGSIZE);
	}
	if (flow->family == LBDR_V4)
		lbdr_icmp4(ln->net, skb, ICMP_DEST_UNREACH, ICMP_FRAG_NEEDED, mtu);
	else
		lbdr_icmp6(ln->net, skb, ICMPV6_PKT_TOOBIG, 0, mtu);
	return NF_DROP;
}

/* IPv4: a gateway of an IPv6 address has a cached link header of IPv6 packets. */
static __always_inline unsigned int
lbdr_tunnel_output4(const struct lbdr_server *server, struct sk_buff *skb,
		    const struct lbdr_route *route, __be32 daddr)
{
	const struct rtable *rt = dst_rtable(route->dst);
	struct neighbour *neigh = rcu_dereference(route->neigh);
	struct net_device *dev = route->dev;

	if (lbdr_neigh_is_usable(neigh))
		return lbdr_xmit_hh(skb, neigh);
	if (unlikely(rt->rt_gw_family == AF_INET6)) {
		neigh = lbdr_neigh6(dev, &rt->rt_gw6);
		if (IS_ERR(neigh))
			return lbdr_xmit_drop(server, LBDR_DROP_NEIGHBOUR);
		return lbdr_xmit_unresolved(server->ln, skb, neigh, route);
	}
	if (rt->rt_gw_family == AF_INET)
		daddr = rt->rt_gw4;
	return lbdr_xmit_neigh(server->ln, skb, server, ip_neigh_gw4(dev, daddr),
			       route);
}

static __always_inline unsigned int
lbdr_tunnel_output6(const struct lbdr_server *server, struct sk_buff *skb,
		    const struct lbdr_route *route,
		    const struct in6_addr *daddr)
{
	struct neighbour *neigh = rcu_dereference(route->neigh);

	if (lbdr_neigh_is_usable(neigh))
		return lbdr_xmit_hh(skb, neigh);
	daddr = rt6_nexthop(dst_rt6_info(route->dst), daddr);
	return lbdr_xmit_neigh(server->ln, skb, server, lbdr_neigh6(route->dev, daddr),
			       route);
}

/*
 * Slow path. The packet passes POSTROUTING, not LOCAL_OUT. The kernel makes no fragments
 * larger than frag_max_size. It does not know the PMTU that lbdr has learned, and lbdr not
 * the one that the kernel may have learned for this route.
 */
static noinline unsigned int lbdr_tunnel_dst_output(struct sk_buff *skb,
						    const struct lbdr_tunnel_path *path,
						    bool fragment)
{
	if (fragment) {
		u32 mtu = min3(path->mtu, dst_mtu(path->dst), (u32)U16_MAX);

		skb->ignore_df = 1;
		if (path->outer == LBDR_V4)
			IPCB(skb)->frag_max_size = mtu;
		else
			IP6CB(skb)->frag_max_size = mtu;
	}
	dst_hold(path->dst);
	skb_dst_set(skb, path->dst);
	dst_output(path->server->ln->net, NULL, skb);
	return NF_STOLEN;
}

/*
 * Steps 3 to 6. @fragment: the encapsulated packet is larger than the MTU of the path.
 * @plain: lbdr_tunnel_is_plain(). Both are constants, or known after inlining.
 */
static __always_inline unsigned int
lbdr_tunnel_send(struct sk_buff *skb, const struct lbdr_flow *flow,
		 const struct lbdr_tunnel_path *path, bool fragment, bool plain)
{
	struct lbdr_nexthop *nexthop = path->nexthop;
	const struct lbdr_server_tunnel *tunnel = path->tunnel;
	const struct lbdr_route *route = path->route;
	const struct lbdr_encap encap = {
		.source		= &route->source,
		.daddr		= &nexthop->key.addr,
		.hash		= path->outer == LBDR_V6 || tunnel->spreads ?
				  lbdr_encap_hash_of(flow, path->inner) : 0,
		.inner		= path->inner,
		.outer		= path->outer,
		.may_fragment	= fragment,
	};
	u32 headroom = LL_RESERVED_SPACE(route->dev) + path->dst->header_len +
		       tunnel->overhead;

	if (unlikely(skb_cow_head(skb, headroom)))
		return lbdr_xmit_drop(path->server, LBDR_DROP_MEMORY);
	if (plain || likely(!flow->local)) {
		if (path->inner == LBDR_V4) {
			struct iphdr *iph = ip_hdr(skb);

			ip_decrease_ttl(iph);
			skb->priority = rt_tos2priority(iph->tos);
		} else {
			ipv6_hdr(skb)->hop_limit--;
		}
	}
	if (plain) {
		lbdr_send_count(path->server, skb, path->inner, flow->hdr_len);
		lbdr_xmit_clear_plain(skb, route->dev);
		lbdr_encap_push_plain(skb, tunnel, &encap);
	} else {
		lbdr_xmit_clear(skb, route->dev, flow->local);
		if (unlikely(lbdr_encap_offloads(skb, tunnel)))
			return lbdr_xmit_drop(path->server, LBDR_DROP_MEMORY);
		lbdr_send_count(path->server, skb, path->inner, flow->hdr_len);
		lbdr_encap_push(skb, tunnel, &encap);
	}
	/* The control block was that of the inner packet. */
	if (encap.outer == LBDR_V4)
		memset(IPCB(skb), 0, sizeof(struct inet_skb_parm));
	else
		memset(IP6CB(skb), 0, sizeof(struct inet6_skb_parm));

	if (!plain &&
	    unlikely(fragment || path->dst != route->dst || path->dst->lwtstate))
		return lbdr_tunnel_dst_output(skb, path, fragment);
	return encap.outer == LBDR_V4 ?
	       lbdr_tunnel_output4(path->server, skb, route, encap.daddr->ip) :
	       lbdr_tunnel_output6(path->server, skb, route, &encap.daddr->in6);
}

static unsigned int lbdr_tunnel_send_large(struct sk_buff *skb,
					   const struct lbdr_flow *flow,
					   const struct lbdr_tunnel_path *path);

/*
 * Sends each segment of a GSO packet by itself. Where aggregates above 64 KiB have a jumbo
 * payload option, the kernel takes it out and moves what is in front of it: Linux 6.1 takes
 * a link header for granted there, and overwrites the TCP header without one.
 */
static unsigned int lbdr_tunnel_send_segments(struct sk_buff *skb,
					      const struct lbdr_flow *flow,
					      const struct lbdr_tunnel_path *path)
{
	struct sk_buff *segs, *seg, *next;

	if (skb_cow_head(skb, ETH_HLEN))
		return lbdr_xmit_drop(path->server, LBDR_DROP_MEMORY);
	memset(skb_push(skb, ETH_HLEN), 0, ETH_HLEN);
	segs = skb_gso_segment(skb, 0);
	if (IS_ERR_OR_NULL(segs))
		return lbdr_xmit_drop(path->server, LBDR_DROP_MEMORY);
	consume_skb(skb);
	skb_list_walk_safe(segs, seg, next) {
		skb_mark_not_on_list(seg);
		__skb_pull(seg, skb_network_offset(seg));
		if (lbdr_tunnel_send_large(seg, flow, path) != NF_STOLEN)
			kfree_skb(seg);
	}
	return NF_STOLEN;
}

/*
 * Step 2 for packets that do not fit, or that the outer headers do not suit as they are:
 * GSO packets whose length would exceed 64 KiB, or that are encapsulated already, since
 * the kernel knows the headers of one encapsulation only.
 */
static noinline unsigned int
lbdr_tunnel_send_large(struct sk_buff *skb, const struct lbdr_flow *flow,
		       const struct lbdr_tunnel_path *path)
{
	u32 mtu = lbdr_tunnel_mtu(path->tunnel, path->mtu);
	u32 told = lbdr_tunnel_told_mtu(flow->family, mtu);
	bool fits = lbdr_tunnel_fits(skb, flow->family, mtu);

	if (!fits && !lbdr_tunnel_may_fragment(skb, flow->family, path->tunnel, told))
		return lbdr_tunnel_refuse(skb, flow, path->server, told);
	if (skb_is_gso(skb))
		return lbdr_tunnel_send_segments(skb, flow, path);
	/* The largest IP packet; an encapsulated one must not be larger. */
	if (skb->len + path->tunnel->overhead > IP_MAX_MTU)
		return lbdr_tunnel_refuse(skb, flow, path->server, told);
	/* Fragments cannot have a checksum that is computed later. */
	if ((!fits || skb->encapsulation) && skb->ip_summed == CHECKSUM_PARTIAL &&
	    skb_csum_hwoffload_help(skb, 0))
		return lbdr_xmit_drop(path->server, LBDR_DROP_MEMORY);
	skb->encapsulation = 0;
	return lbdr_tunnel_send(skb, flow, path, !fits, false);
}

/* Returns true if the namespace has IPsec policies for packets that it sends. */
static __always_inline bool lbdr_tunnel_has_policies(const struct net *net)
{
#ifdef CONFIG_XFRM
	return READ_ONCE(net->xfrm.policy_count[XFRM_POLICY_OUT]);
#else
	return false;
#endif
}

/* The flow of the outer header, for IPsec policies. */
static void lbdr_tunnel_outer_flow(const struct lbdr_flow *flow,
				   const struct lbdr_tunnel_path *path,
				   struct flowi *outer)
{
	const struct lbdr_tunnel_settings *settings = &path->tunnel->settings;
	const struct lbdr_nexthop_key *key = &path->nexthop->key;
	const struct lbdr_encap encap = {
		.source	= &path->route->source,
		.hash	= lbdr_encap_hash(flow),
		.outer	= key->family,
	};
	u8 protocol = flow->family == LBDR_V4 ? IPPROTO_IPIP : IPPROTO_IPV6;
	union nf_inet_addr saddr;

	if (settings->type == LBDR_TUNNEL_GRE)
		protocol = IPPROTO_GRE;
	else if (settings->type == LBDR_TUNNEL_GUE)
		protocol = IPPROTO_UDP;
	lbdr_encap_source(path->tunnel, &encap, &saddr);
	memset(outer, 0, sizeof(*outer));
	outer->flowi_oif = path->route->dev->ifindex;
	outer->flowi_proto = protocol;
	if (key->family == LBDR_V4) {
		outer->u.ip4.saddr = saddr.ip;
		outer->u.ip4.daddr = key->addr.ip;
		outer->u.ip4.fl4_sport = lbdr_encap_port(encap.hash);
		outer->u.ip4.fl4_dport = settings->port;
	} else {
		outer->u.ip6.saddr = saddr.in6;
		outer->u.ip6.daddr = key->addr.in6;
		outer->u.ip6.fl6_sport = lbdr_encap_port(encap.hash);
		outer->u.ip6.fl6_dport = settings->port;
	}
}

/*
 * Namespaces with IPsec policies: looks the policy of each packet up, which takes
 * references. A packet without policy is sent as without IPsec.
 */
static noinline unsigned int
lbdr_tunnel_send_policy(struct sk_buff *skb, const struct lbdr_flow *flow,
			struct lbdr_tunnel_path *path)
{
	struct lbdr_net *ln = path->server->ln;
	struct dst_entry *dst = path->dst;
	unsigned int verdict;
	struct flowi outer;

	lbdr_tunnel_outer_flow(flow, path, &outer);
	dst_hold(dst);
	dst = xfrm_lookup(ln->net, dst, &outer, NULL, 0);
	if (IS_ERR(dst))
		return lbdr_xmit_drop(path->server, LBDR_DROP_NO_ROUTE);
	path->dst = dst;
	if (dst != path->route->dst)
		path->mtu = min(path->mtu, dst_mtu(dst));
	verdict = lbdr_tunnel_send_large(skb, flow, path);
	dst_release(dst);
	return verdict;
}

/*
 * Packets that do not take the fast path. Context and return value as of
 * lbdr_tunnel_xmit().
 */
static noinline unsigned int
lbdr_xmit_tunnel_other(struct sk_buff *skb, const struct lbdr_flow *flow,
		       struct lbdr_server *server,
		       const struct lbdr_server_tunnel *tunnel,
		       struct lbdr_nexthop *nexthop, const struct lbdr_route *route)
{
	struct lbdr_tunnel_path path = {
		.inner		= flow->family,
		.outer		= nexthop->key.family,
		.server		= server,
		.tunnel		= tunnel,
		.nexthop	= nexthop,
		.route		= route,
		.dst		= route->dst,
		.mtu		= lbdr_nexthop_path_mtu(nexthop, route),
	};

	if (lbdr_xmit_offloaded(skb))
		return lbdr_xmit_consume(skb, flow, server);
	/* There is no address that the server could report errors to. */
	if (lbdr_route_is_sourceless(route))
		return lbdr_xmit_drop(server, LBDR_DROP_NO_ROUTE);
	if (lbdr_tunnel_ttl_ended(skb, flow->family) && !flow->local)
		return lbdr_tunnel_ttl_error(skb, flow, server);
	if (flow->family == LBDR_V6)
		lbdr_send_set_transport6(skb);
	if (lbdr_tunnel_has_policies(server->ln->net))
		return lbdr_tunnel_send_policy(skb, flow, &path);
	if (!lbdr_xmit_fits(skb, lbdr_tunnel_mtu(tunnel, path.mtu), 0) ||
	    skb->len + tunnel->overhead > IP_MAX_MTU || skb->encapsulation)
		return lbdr_tunnel_send_large(skb, flow, &path);
	return lbdr_tunnel_send(skb, flow, &path, false, false);
}

/* Returns true if a packet fits, and nothing but its outer IP header depends on it. */
static __always_inline bool
lbdr_tunnel_is_plain(const struct sk_buff *skb, const struct lbdr_flow *flow,
		     const struct lbdr_server_tunnel *tunnel,
		     const struct lbdr_route *route, u32 mtu)
{
	return route->plain && tunnel->plain && skb->len + tunnel->overhead <= mtu &&
	       skb->ip_summed != CHECKSUM_PARTIAL && !skb_is_gso(skb) &&
	       !skb->encapsulation && !flow->local && !lbdr_xmit_offloaded(skb);
}

/*
 * Sends a packet to a server through its tunnel. @nexthop: next hop of the server in the
 * domain of the packet. @route: its route, from lbdr_nexthop_route_of(); neither
 * negative nor local. @inner, @outer: families of the packet and of @nexthop, constants.
 * Context: rcu_read_lock() held, BH off. Returns NF_STOLEN, or NF_DROP, with or without an
 * error, after counting the drop reason.
 */
static __always_inline unsigned int
lbdr_tunnel_xmit(struct sk_buff *skb, const struct lbdr_flow *flow,
		 struct lbdr_server *server, const struct lbdr_server_tunnel *tunnel,
		 struct lbdr_nexthop *nexthop, const struct lbdr_route *route,
		 enum lbdr_family inner, enum lbdr_family outer)
{
	const struct lbdr_tunnel_path path = {
		.inner		= inner,
		.outer		= outer,
		.server		= server,
		.tunnel		= tunnel,
		.nexthop	= nexthop,
		.route		= route,
		.dst		= route->dst,
		.mtu		= min_t(u32, lbdr_nexthop_path_mtu_of(nexthop, route, outer),
					IP_MAX_MTU),
	};

	if (unlikely(!lbdr_tunnel_is_plain(skb, flow, tunnel, route, path.mtu) ||
		     lbdr_tunnel_ttl_ended(skb, inner) ||
		     lbdr_tunnel_has_policies(server->ln->net)))
		return lbdr_xmit_tunnel_other(skb, flow, server, tunnel, nexthop, route);
	return lbdr_tunnel_send(skb, flow, &path, false, true);
}

static __always_inline unsigned int
lbdr_tunnel_route(struct sk_buff *skb, const struct lbdr_flow *flow,
		  struct lbdr_server *server, const struct lbdr_server_tunnel *tunnel,
		  const struct lbdr_conn *conn, struct lbdr_nexthop *nexthop,
		  enum lbdr_family inner, enum lbdr_family outer)
{
	const struct lbdr_route *route = lbdr_nexthop_route_of(nexthop, outer);

	if (unlikely(!route->plain) && unlikely(route->local || !route->dst))
		return lbdr_send_local(skb, flow, server, conn, route);
	return lbdr_tunnel_xmit(skb, flow, server, tunnel, nexthop, route, inner, outer);
}

/* @inner, @outer: families of the packet and of the server, constants */
static __always_inline unsigned int
lbdr_tunnel_nexthop(struct sk_buff *skb, const struct lbdr_flow *flow,
		    struct lbdr_server *server, const struct lbdr_server_tunnel *tunnel,
		    const struct lbdr_conn *conn, enum lbdr_family inner,
		    enum lbdr_family outer)
{
	u16 domain = lbdr_flow_domain_of(flow, inner);
	struct lbdr_nexthop *nexthop = server->nexthop;

	if (unlikely(domain)) {
		nexthop = lbdr_nexthop_in_domain(nexthop, domain);
		if (!nexthop)
			return lbdr_xmit_drop(server, LBDR_DROP_MEMORY);
	}
	return lbdr_tunnel_route(skb, flow, server, tunnel, conn, nexthop, inner, outer);
}

/**
 * lbdr_xmit_tunnel() - Send a packet to a server through its tunnel
 * @skb: the packet
 * @flow: its flow; the event is not read
 * @server: the server
 * @tunnel: its tunnel
 * @conn: the connection, or NULL
 *
 * The four pairs of families are compiled by themselves.
 *
 * Context: rcu_read_lock() held, BH off.
 * Return: a verdict.
 */
unsigned int lbdr_xmit_tunnel(struct sk_buff *skb, const struct lbdr_flow *flow,
			      struct lbdr_server *server,
			      const struct lbdr_server_tunnel *tunnel,
			      const struct lbdr_conn *conn)
{
	bool outer4 = server->family == LBDR_V4;

	if (flow->family == LBDR_V4)
		return outer4 ? lbdr_tunnel_nexthop(skb, flow, server, tunnel, conn,
						    LBDR_V4, LBDR_V4) :
				lbdr_tunnel_nexthop(skb, flow, server, tunnel, conn,
						    LBDR_V4, LBDR_V6);
	return outer4 ? lbdr_tunnel_nexthop(skb, flow, server, tunnel, conn,
					    LBDR_V6, LBDR_V4) :
			lbdr_tunnel_nexthop(skb, flow, server, tunnel, conn,
					    LBDR_V6, LBDR_V6);
}
