// SPDX-License-Identifier: GPL-2.0
/*
 * ICMP errors that the director sends to clients, and the route to a client.
 *
 * At PREROUTING a packet has no route yet. The kernel's icmp_send() takes the namespace
 * from the packet's dst, and sends nothing without one; icmpv6_send() takes the link of
 * a link-local client from it. So the route to the client is looked up here, as an
 * output route: an input route look-up would fail for a VIP that is routed to this host
 * while ip_forward is 0. Both functions look the route up again to send the error
 * (icmp_route_lookup() in net/ipv4/icmp.c, icmp6_send() in net/ipv6/icmp.c). The look-up
 * here uses the same L3 domain, device and mark, so that it does not fail where theirs
 * would succeed: the client is reached by the routes of the packet's L3 domain, by
 * whichever device. Only a link-local address belongs to the device that the packet came
 * by. Both functions apply the kernel's rate limits. A TCP RST takes the same route
 * (lbdr_send_reset()).
 */
#include <linux/icmpv6.h>
#include <net/icmp.h>
#include <net/ip.h>
#include <net/ip6_route.h>
#include <net/ipv6.h>
#include <net/l3mdev.h>
#include <net/route.h>

#include "icmp.h"

static bool lbdr_icmp_set_dst4(struct net *net, struct sk_buff *skb, u8 protocol)
{
	struct flowi4 fl4 = {
		.daddr = ip_hdr(skb)->saddr,
		.flowi4_oif = l3mdev_master_ifindex_rcu(skb->dev),
		.flowi4_mark = IP4_REPLY_MARK(net, skb->mark),
		.flowi4_proto = protocol,
	};
	struct rtable *rt = ip_route_output_key(net, &fl4);

	if (IS_ERR(rt))
		return false;
	skb_dst_drop(skb);
	skb_dst_set(skb, &rt->dst);
	return true;
}

/*
 * The device that leads to the source of a packet: a VRF or, for a link-local address, the
 * device that the packet came by, which is not @skb->dev in the second pass of a VRF.
 */
static int lbdr_icmp6_oif(const struct sk_buff *skb)
{
	if (!__ipv6_addr_needs_scope_id(ipv6_addr_type(&ipv6_hdr(skb)->saddr)))
		return l3mdev_master_ifindex_rcu(skb->dev);
	return IP6CB(skb)->iif ?: skb->dev->ifindex;
}

static bool lbdr_icmp_set_dst6(struct net *net, struct sk_buff *skb, u8 protocol)
{
	struct flowi6 fl6 = {
		.daddr = ipv6_hdr(skb)->saddr,
		.flowi6_oif = lbdr_icmp6_oif(skb),
		.flowi6_mark = IP6_REPLY_MARK(net, skb->mark),
		.flowi6_proto = protocol,
	};
	struct dst_entry *dst = ip6_route_output(net, NULL, &fl6);

	if (dst->error) {
		dst_release(dst);
		return false;
	}
	skb_dst_drop(skb);
	skb_dst_set(skb, dst);
	return true;
}

/**
 * lbdr_icmp_set_dst() - Replace the dst of a packet by the route to its source
 * @net: the namespace
 * @skb: the packet, unmodified
 * @family: its family
 * @protocol: protocol of the answer
 *
 * Context: rcu_read_lock() held, BH off.
 * Return: true; false if there is no route to the source, with the dst unchanged.
 */
bool lbdr_icmp_set_dst(struct net *net, struct sk_buff *skb, enum lbdr_family family,
		       u8 protocol)
{
	return family == LBDR_V4 ? lbdr_icmp_set_dst4(net, skb, protocol) :
				   lbdr_icmp_set_dst6(net, skb, protocol);
}

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
	if (lbdr_icmp_set_dst4(net, skb, IPPROTO_ICMP))
		icmp_send(skb, type, code, htonl(info));
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
	if (lbdr_icmp_set_dst6(net, skb, IPPROTO_ICMPV6))
		icmpv6_send(skb, type, code, info);
}
