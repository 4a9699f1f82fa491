/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Steps that all ways of transmission share. Their order and reasons are in xmit_dr.c.
 */
#ifndef _LBDR_XMIT_H
#define _LBDR_XMIT_H

#include <linux/if_vlan.h>
#include <linux/skbuff.h>
#include <net/dst.h>
#include <net/ndisc.h>
#include <net/neighbour.h>

#include "flow.h"
#include "nexthop.h"
#include "server.h"
#include "stats.h"

struct lbdr_conn;
struct lbdr_server_tunnel;
struct lbdr_net;

unsigned int lbdr_xmit_drop(const struct lbdr_server *server, enum lbdr_drop why);
unsigned int lbdr_xmit_consume(struct sk_buff *skb, const struct lbdr_flow *flow,
			       const struct lbdr_server *server);
bool lbdr_xmit_jumbo_fits(const struct sk_buff *skb, u32 mtu);
unsigned int lbdr_xmit_unresolved(struct lbdr_net *ln, struct sk_buff *skb,
				  struct neighbour *neigh,
				  const struct lbdr_route *route);
unsigned int lbdr_xmit_dr4(struct lbdr_net *ln, struct sk_buff *skb,
			   const struct lbdr_flow *flow, struct lbdr_server *server,
			   const struct lbdr_route *route);
unsigned int lbdr_xmit_dr6(struct lbdr_net *ln, struct sk_buff *skb,
			   const struct lbdr_flow *flow, struct lbdr_server *server,
			   const struct lbdr_route *route);
unsigned int lbdr_xmit_tunnel(struct sk_buff *skb, const struct lbdr_flow *flow,
			      struct lbdr_server *server,
			      const struct lbdr_server_tunnel *tunnel,
			      const struct lbdr_conn *conn);

/*
 * Returns true if the packet, or each segment of a GSO packet, fits the MTU. @frag_max
 * is the size of the largest fragment of a reassembled packet, else 0. A reassembled
 * packet does not fit: it must be fragmented again.
 */
static __always_inline bool lbdr_xmit_fits(const struct sk_buff *skb, u32 mtu, u32 frag_max)
{
	if (unlikely(frag_max))
		return false;
	return skb->len <= mtu ||
	       (skb_is_gso(skb) && skb_gso_validate_network_len(skb, mtu));
}

/* Step 5 for a packet from the network whose checksum state the caller sets. */
static __always_inline void lbdr_xmit_clear_plain(struct sk_buff *skb,
						  struct net_device *dev)
{
	skb_clear_tstamp(skb);
	skb_orphan(skb);
	/*
	 * At PREROUTING only br_netfilter's packets, which have an extension, can still have
	 * a VLAN tag (bridge-nf-filter-vlan-tagged). It is that of the clients' side.
	 */
	if (skb_has_extensions(skb)) {
		__vlan_hwaccel_clear_tag(skb);
		skb_ext_reset(skb);
	}
	skb_dst_drop(skb);
	nf_reset_ct(skb);
	skb->dev = dev;
}

/*
 * Step 5. skb->data is the network header. A packet of a client on this host has no
 * receive state, and it stays charged to its socket.
 */
static __always_inline void lbdr_xmit_clear(struct sk_buff *skb,
					    struct net_device *dev, bool local)
{
	if (likely(!local)) {
		skb_forward_csum(skb);
		lbdr_xmit_clear_plain(skb, dev);
		return;
	}
	skb_dst_drop(skb);
	nf_reset_ct(skb);
	skb->dev = dev;
}

/* Returns true if a switch has forwarded the packet in hardware. */
static inline bool lbdr_xmit_offloaded(const struct sk_buff *skb)
{
#ifdef CONFIG_NET_SWITCHDEV
	return skb->offload_l3_fwd_mark;
#else
	return false;
#endif
}

/* Sends a packet to a neighbour that has a link header. */
static __always_inline unsigned int lbdr_xmit_hh(struct sk_buff *skb,
						 const struct neighbour *neigh)
{
	neigh_hh_output(&neigh->hh, skb);
	return NF_STOLEN;
}

/* neigh_output(), which always consumes the packet; @neigh by a lookup. */
static __always_inline unsigned int
lbdr_xmit_neigh(struct lbdr_net *ln, struct sk_buff *skb,
		const struct lbdr_server *server, struct neighbour *neigh,
		const struct lbdr_route *route)
{
	if (IS_ERR(neigh))
		return lbdr_xmit_drop(server, LBDR_DROP_NEIGHBOUR);
	if (likely((READ_ONCE(neigh->nud_state) & NUD_CONNECTED) &&
		   READ_ONCE(neigh->hh.hh_len))) {
		if (rcu_access_pointer(route->neigh) != neigh)
			lbdr_nexthop_keep_neigh(server->nexthop, route, neigh);
		return lbdr_xmit_hh(skb, neigh);
	}
	return lbdr_xmit_unresolved(ln, skb, neigh, route);
}

/* Like ip_neigh_gw4(). ip_neigh_gw6() needs a symbol that Linux 7.3 does not export. */
static inline struct neighbour *lbdr_neigh6(struct net_device *dev,
					    const struct in6_addr *addr)
{
	struct neighbour *neigh = __ipv6_neigh_lookup_noref(dev, addr);

	if (unlikely(!neigh))
		neigh = __neigh_create(&nd_tbl, addr, dev, false);
	return neigh;
}

#endif /* _LBDR_XMIT_H */
