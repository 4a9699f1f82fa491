/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Sending of packets to servers.
 */
#ifndef _LBDR_SEND_H
#define _LBDR_SEND_H

#include <linux/ipv6.h>
#include <linux/skbuff.h>

#include "flow.h"
#include "lbdr.h"
#include "server.h"
#include "stats.h"

struct lbdr_conn;
struct lbdr_route;

/*
 * Counts the segments of a GSO packet, each with its network and transport headers, as they
 * are on the wire without link headers: as qdisc_pkt_len_init() (net/core/dev.c) does. ip_vs
 * counts a GSO packet as one packet of its own length. @hdr_len: length of these headers
 */
static __always_inline void lbdr_send_count(const struct lbdr_server *server,
					    const struct sk_buff *skb,
					    enum lbdr_family family, u32 hdr_len)
{
	u32 packets = 1, bytes = skb->len;

	if (unlikely(skb_is_gso(skb))) {
		packets = max_t(u32, skb_shinfo(skb)->gso_segs, 1);
		bytes += (packets - 1) * hdr_len;
		if (family == LBDR_V6 && unlikely(lbdr_is_jumbo(skb)))
			bytes -= packets * LBDR_JUMBO_LEN;
	}
	lbdr_stats_add(server->stats, 0, packets, bytes);
}

/*
 * Sets the transport header of an IPv6 packet that leaves this host. ip6_rcv() skips only
 * hop-by-hop options, while a GSO packet may have other extension headers: GRO merges such
 * packets. The kernel reads the size of its segments at the transport header. A packet that
 * may be passed to the stack must not be changed: it skips the extension headers from there.
 */
static __always_inline void lbdr_send_set_transport6(struct sk_buff *skb)
{
	u8 protocol = ipv6_hdr(skb)->nexthdr;

	if (unlikely(protocol != IPPROTO_TCP && protocol != IPPROTO_UDP && skb_is_gso(skb)) &&
	    skb->ip_summed == CHECKSUM_PARTIAL)
		skb_set_transport_header(skb, skb_checksum_start_offset(skb));
}

unsigned int lbdr_send(struct lbdr_net *ln, struct sk_buff *skb,
		       const struct lbdr_flow *flow, struct lbdr_server *server,
		       const struct lbdr_conn *conn);
unsigned int lbdr_send_local(struct sk_buff *skb, const struct lbdr_flow *flow,
			     struct lbdr_server *server, const struct lbdr_conn *conn,
			     const struct lbdr_route *route);

#endif /* _LBDR_SEND_H */
