// SPDX-License-Identifier: GPL-2.0
/*
 * ICMP errors that the director sends to clients.
 *
 * At PREROUTING a packet has no route yet. The kernel's icmp_send() takes the namespace
 * and the route back from the packet's dst, and sends nothing without one. So the route
 * to the client is looked up here, as an output route: an input route look-up would
 * fail for a VIP that is routed to this host while ip_forward is 0. icmp_send() and
 * icmpv6_send() apply the kernel's rate limits.
 */
#include <linux/icmpv6.h>
#include <net/icmp.h>
#include <net/ip6_route.h>
#include <net/l3mdev.h>
#include <net/route.h>

#include "icmp.h"

/**
 * lbdr_icmp4() - Send an ICMP error about a packet to its source
 * @net: the namespace
 * @skb: the packet, unmodified; the caller frees it. Its dst is replaced.
 * @type: ICMP type
 * @code: ICMP code
 * @info: second word of the ICMP header, host byte order
 *
 * Sends nothing if there is no route to the source.
 *
 * Context: rcu_read_lock() held, BH off.
 */
void lbdr_icmp4(struct net *net, struct sk_buff *skb, u8 type, u8 code,
		u32 info)
{
	struct flowi4 fl4 = {
		.daddr = ip_hdr(skb)->saddr,
		.flowi4_oif = l3mdev_master_ifindex(skb->dev),
	};
	struct rtable *rt = ip_route_output_key(net, &fl4);

	if (IS_ERR(rt))
		return;
	skb_dst_drop(skb);
	skb_dst_set(skb, &rt->dst);
	icmp_send(skb, type, code, htonl(info));
}

/* A link-local source is on the device of the packet. Others are in its L3 domain. */
static int lbdr_icmp6_oif(const struct sk_buff *skb)
{
	if (ipv6_addr_type(&ipv6_hdr(skb)->saddr) & IPV6_ADDR_LINKLOCAL)
		return skb->dev->ifindex;
	return l3mdev_master_ifindex(skb->dev);
}

/**
 * lbdr_icmp6() - Send an ICMPv6 error about a packet to its source
 * @net: the namespace
 * @skb: the packet, unmodified; the caller frees it. Its dst is replaced.
 * @type: ICMPv6 type
 * @code: ICMPv6 code
 * @info: second word of the ICMPv6 header, host byte order
 *
 * Sends nothing if there is no route to the source.
 *
 * Context: rcu_read_lock() held, BH off.
 */
void lbdr_icmp6(struct net *net, struct sk_buff *skb, u8 type, u8 code,
		u32 info)
{
	struct flowi6 fl6 = {
		.daddr = ipv6_hdr(skb)->saddr,
		.flowi6_oif = lbdr_icmp6_oif(skb),
	};
	struct dst_entry *dst = ip6_route_output(net, NULL, &fl6);

	if (dst->error) {
		dst_release(dst);
		return;
	}
	skb_dst_drop(skb);
	skb_dst_set(skb, dst);
	icmpv6_send(skb, type, code, info);
}
