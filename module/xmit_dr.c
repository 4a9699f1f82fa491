// SPDX-License-Identifier: GPL-2.0
/*
 * Transmit method direct routing: send a packet in a frame to the server's MAC.
 *
 * Only the TTL of the packet changes (RFC 1812, 5.3.1; RFC 8200, 3: a forwarding node
 * decrements the TTL and drops a packet whose TTL would reach 0). The steps are the
 * same for both families. Packets that a switch has forwarded in hardware are freed
 * before step 1. Packets of a client on this host skip steps 1 and 4.
 *
 * 1. Check the TTL. If it is 1 or less, send ICMP time exceeded and drop the packet.
 * 2. Compare the size with the MTU of the route. A learned PMTU is not used: it is the
 *    PMTU of another path than that of the packet's addresses. For a GSO packet the
 *    size of its segments counts. If the packet is too large, send an ICMP error and
 *    drop the packet, or take the slow path after step 4 if it may be fragmented.
 * 3. Make the header writable, with headroom for the link header: the header of a
 *    cloned packet (tcpdump) is copied. Without the headroom, neigh_hh_output() warns
 *    and drops the packet. Then count the packet as forwarded to the server: what stops it
 *    from now on is the neighbour, which packets that wait for it learn later.
 * 4. Decrement the TTL. IPv4: set the priority by the TOS.
 * 5. Clear the receive state of the packet, as ip_forward() does: checksum, time
 *    stamp, route, socket, conntrack, extensions.
 * 6. Look the neighbour up without taking a reference, and create it if there is none. The
 *    route keeps it for the fast path (nexthop.c).
 * 7. Send the packet with the cached link header if the neighbour is resolved. Otherwise
 *    give it to the neighbour, which queues it until it is resolved, so the first SYN to
 *    a server is not lost. Such a packet keeps the route: if the neighbour cannot be
 *    resolved, the kernel sends an ICMP error about each queued packet by its route
 *    (host or address unreachable). peers.c learns the failure from the neighbour's event
 *    and counts these packets.
 */
#include <linux/icmpv6.h>
#include <net/arp.h>
#include <net/icmp.h>
#include <net/ip.h>
#include <net/ip6_route.h>
#include <net/ipv6.h>
#include <net/ndisc.h>
#include <net/neighbour.h>

#include "icmp.h"
#include "lbdr.h"
#include "nexthop.h"
#include "peers.h"
#include "send.h"
#include "server.h"
#include "stats.h"
#include "xmit.h"

/**
 * lbdr_xmit_drop() - Count a packet that cannot be sent to its server
 * @server: the server
 * @why: the reason
 *
 * Context: rcu_read_lock() held, BH off.
 * Return: NF_DROP.
 */
unsigned int lbdr_xmit_drop(const struct lbdr_server *server, enum lbdr_drop why)
{
	lbdr_drop(server->ln, server->service, why);
	return NF_DROP;
}

/**
 * lbdr_xmit_consume() - Free a packet that a switch has forwarded in hardware
 * @skb: the packet
 * @flow: its flow
 * @server: the server, which it counts for
 *
 * Context: rcu_read_lock() held, BH off.
 * Return: NF_STOLEN.
 */
unsigned int lbdr_xmit_consume(struct sk_buff *skb, const struct lbdr_flow *flow,
			       const struct lbdr_server *server)
{
	lbdr_send_count(server, skb, flow->family, flow->hdr_len);
	consume_skb(skb);
	return NF_STOLEN;
}

/**
 * lbdr_xmit_jumbo_fits() - lbdr_xmit_fits() for IPv6 packets above 64 KiB
 * @skb: the packet
 * @mtu: the MTU
 *
 * Context: any.
 * Return: true if the segments of the packet fit.
 */
bool lbdr_xmit_jumbo_fits(const struct sk_buff *skb, u32 mtu)
{
	return lbdr_is_jumbo(skb) &&
	       skb_gso_validate_network_len(skb, mtu + LBDR_JUMBO_LEN);
}

/*
 * Slow path: dst_output() fragments the packet and looks the neighbour up by the route,
 * whose next hop is the RIP. The packet passes POSTROUTING, not LOCAL_OUT.
 */
static noinline unsigned int lbdr_xmit_slow(struct lbdr_net *ln,
					    struct sk_buff *skb,
					    struct neighbour *neigh,
					    struct dst_entry *dst, bool local)
{
	/* dst_output() finds the same neighbour; each fragment is a packet to it. */
	if (!IS_ERR(neigh) && !(READ_ONCE(neigh->nud_state) & NUD_VALID))
		lbdr_peers_wait(ln, neigh);
	lbdr_xmit_clear(skb, dst_dev_rcu(dst), local);
	dst_hold(dst);
	skb_dst_set(skb, dst);
	dst_output(ln->net, NULL, skb);
	return NF_STOLEN;
}

/**
 * lbdr_xmit_unresolved() - Step 7 without a cached link header
 * @ln: the namespace
 * @skb: the packet
 * @neigh: the neighbour
 * @route: a route that leads to @neigh, as the server's address is on-link
 *
 * The kernel keeps no packets for a valid neighbour.
 *
 * Context: rcu_read_lock() held, BH off.
 * Return: NF_STOLEN.
 */
unsigned int lbdr_xmit_unresolved(struct lbdr_net *ln, struct sk_buff *skb,
				  struct neighbour *neigh,
				  const struct lbdr_route *route)
{
	if (!(READ_ONCE(neigh->nud_state) & NUD_VALID)) {
		dst_hold(route->dst);
		skb_dst_set(skb, route->dst);
		lbdr_peers_wait(ln, neigh);
	}
	/* true: without the cached link header */
	neigh_output(neigh, skb, true);
	return NF_STOLEN;
}

/**
 * lbdr_xmit_dr4() - Send an IPv4 packet to the MAC address of its server
 * @ln: the namespace
 * @skb: the packet
 * @flow: its flow. If &lbdr_flow.local, the packet was sent by this host and is at
 *	LOCAL_OUT: the TTL is unchanged, and dst_output() fragments or drops a packet that is
 *	too large
 * @server: the server
 * @route: route to it, with &lbdr_route.link
 *
 * Context: rcu_read_lock() held, BH off.
 * Return: a verdict.
 */
unsigned int lbdr_xmit_dr4(struct lbdr_net *ln, struct sk_buff *skb,
			   const struct lbdr_flow *flow, struct lbdr_server *server,
			   const struct lbdr_route *route)
{
	const struct iphdr *iph = ip_hdr(skb);
	struct net_device *dev = route->link;
	u32 mtu = route->mtu;
	bool local = flow->local, fits;

	if (unlikely(lbdr_xmit_offloaded(skb)))
		return lbdr_xmit_consume(skb, flow, server);

	if (unlikely(iph->ttl <= 1 && !local)) {
		lbdr_peers_ttl_ended(ln, skb, server);
		lbdr_icmp4(ln->net, skb, ICMP_TIME_EXCEEDED, ICMP_EXC_TTL, 0);
		return lbdr_xmit_drop(server, LBDR_DROP_TTL);
	}

	fits = lbdr_xmit_fits(skb, mtu, IPCB(skb)->frag_max_size);
	/* RFC 1191, 3. ignore_df is set in reassembled packets. */
	if (unlikely(!fits && !local && (iph->frag_off & htons(IP_DF)) &&
		     (!skb->ignore_df || IPCB(skb)->frag_max_size > mtu))) {
		lbdr_icmp4(ln->net, skb, ICMP_DEST_UNREACH, ICMP_FRAG_NEEDED,
			   mtu);
		return lbdr_xmit_drop(server, LBDR_DROP_MTU);
	}

	if (unlikely(skb_cow_head(skb, LL_RESERVED_SPACE(dev))))
		return lbdr_xmit_drop(server, LBDR_DROP_MEMORY);
	lbdr_send_count(server, skb, LBDR_V4, flow->hdr_len);
	if (likely(!local)) {
		/* skb_cow_head() may have moved the header, so iph is stale. */
		ip_decrease_ttl(ip_hdr(skb));
		skb->priority = rt_tos2priority(ip_hdr(skb)->tos);
	}
	if (unlikely(!fits))
		return lbdr_xmit_slow(ln, skb,
				      ip_neigh_gw4(dev, server->addr.ip),
				      route->dst, local);

	lbdr_xmit_clear(skb, dev, local);
	return lbdr_xmit_neigh(ln, skb, server,
			       ip_neigh_gw4(dev, server->addr.ip), route);
}

/**
 * lbdr_xmit_dr6() - Send an IPv6 packet to the MAC address of its server
 * @ln: the namespace
 * @skb: the packet
 * @flow: see lbdr_xmit_dr4()
 * @server: the server
 * @route: route to it, with &lbdr_route.link
 *
 * Context: rcu_read_lock() held, BH off.
 * Return: a verdict.
 */
unsigned int lbdr_xmit_dr6(struct lbdr_net *ln, struct sk_buff *skb,
			   const struct lbdr_flow *flow, struct lbdr_server *server,
			   const struct lbdr_route *route)
{
	u32 frag_max = IP6CB(skb)->frag_max_size;
	struct net_device *dev = route->link;
	u32 mtu = lbdr_route_mtu6_now(route, dev);
	bool local = flow->local, fits;

	if (unlikely(lbdr_xmit_offloaded(skb)))
		return lbdr_xmit_consume(skb, flow, server);

	if (unlikely(ipv6_hdr(skb)->hop_limit <= 1 && !local)) {
		lbdr_peers_ttl_ended(ln, skb, server);
		lbdr_icmp6(ln->net, skb, ICMPV6_TIME_EXCEED, ICMPV6_EXC_HOPLIMIT,
			   0);
		return lbdr_xmit_drop(server, LBDR_DROP_TTL);
	}

	fits = lbdr_xmit_fits(skb, mtu, frag_max);
	if (unlikely(!fits) && !frag_max)
		fits = lbdr_xmit_jumbo_fits(skb, mtu);
	/* RFC 8200, 5: routers fragment only packets that were fragments before. */
	if (unlikely(!fits && !local && (!frag_max || frag_max > mtu))) {
		lbdr_icmp6(ln->net, skb, ICMPV6_PKT_TOOBIG, 0, mtu);
		return lbdr_xmit_drop(server, LBDR_DROP_MTU);
	}

	if (unlikely(skb_cow_head(skb, LL_RESERVED_SPACE(dev))))
		return lbdr_xmit_drop(server, LBDR_DROP_MEMORY);
	lbdr_send_count(server, skb, LBDR_V6, flow->hdr_len);
	if (likely(!local))
		ipv6_hdr(skb)->hop_limit--;
	if (unlikely(!fits))
		return lbdr_xmit_slow(ln, skb, lbdr_neigh6(dev, &server->addr.in6),
				      route->dst, local);

	lbdr_xmit_clear(skb, dev, local);
	return lbdr_xmit_neigh(ln, skb, server,
			       lbdr_neigh6(dev, &server->addr.in6), route);
}
