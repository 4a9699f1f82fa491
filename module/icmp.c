// SPDX-License-Identifier: GPL-2.0
/*
 * ICMP errors of our own to clients.
 *
 * At PREROUTING a packet has no route yet, and the kernel's senders want one
 * to learn the namespace and the way back from: icmp_send() stays silent
 * without. It is looked up as a route out to the client, since an input route
 * would fail for a VIP that is routed here while ip_forward is 0. Rate limits
 * are the kernel's.
 */
#include <linux/icmpv6.h>
#include <net/icmp.h>
#include <net/ip6_route.h>
#include <net/route.h>

#include "icmp.h"

/**
 * lbdr_icmp4() - answer a packet by an ICMP error
 * @net: the namespace
 * @skb: the packet, not yet changed; it is the caller's to free
 * @type: ICMP type
 * @code: ICMP code
 * @info: the rest of the ICMP header, host order
 *
 * Context: rcu_read_lock() held.
 */
void lbdr_icmp4(struct net *net, struct sk_buff *skb, u8 type, u8 code,
		u32 info)
{
	struct flowi4 fl4 = {
		.daddr = ip_hdr(skb)->saddr,
	};
	struct rtable *rt = ip_route_output_key(net, &fl4);

	if (IS_ERR(rt))
		return;
	skb_dst_drop(skb);
	skb_dst_set(skb, &rt->dst);
	icmp_send(skb, type, code, htonl(info));
}

/**
 * lbdr_icmp6() - answer a packet by an ICMPv6 error
 * @net: the namespace
 * @skb: the packet, not yet changed; it is the caller's to free
 * @type: ICMPv6 type
 * @code: ICMPv6 code
 * @info: the rest of the ICMPv6 header, host order
 *
 * Context: rcu_read_lock() held.
 */
void lbdr_icmp6(struct net *net, struct sk_buff *skb, u8 type, u8 code,
		u32 info)
{
	struct flowi6 fl6 = {
		.daddr = ipv6_hdr(skb)->saddr,
		.flowi6_oif = skb->dev->ifindex,
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
