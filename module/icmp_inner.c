// SPDX-License-Identifier: GPL-2.0
/*
 * ICMP errors: the flow of the packet inside the error (the inner packet).
 *
 * A server sends with the VIP as source address, so a router's errors about its packets
 * come to the director. An error contains the IP header of the inner packet and at
 * least eight more bytes (RFC 792; RFC 1812, 4.3.2.3; RFC 4443, 2.4). TCP, UDP and SCTP
 * have their ports in the first four of these. The inner packet was sent from server
 * to client: its source is the VIP, and must be the destination of the error.
 */
#include <linux/icmp.h>
#include <linux/icmpv6.h>
#include <net/ip.h>
#include <net/ipv6.h>

#include "flow.h"
#include "icmp_inner.h"

static bool lbdr_icmp_inner_has_ports(u8 protocol)
{
	return protocol == IPPROTO_TCP || protocol == IPPROTO_UDP ||
	       protocol == IPPROTO_SCTP;
}

/**
 * lbdr_icmp_inner4() - Get the flow of the packet inside an ICMP error
 * @skb: the ICMP message; skb->data is its IP header
 * @offset: offset of the ICMP header from skb->data
 * @flow: filled in if LBDR_PARSED_ERROR is returned, undefined otherwise
 *
 * Context: any.
 * Return: LBDR_PARSED_ERROR, or LBDR_PARSED_OTHER if the message is not an error or its
 * inner packet does not have a flow.
 */
enum lbdr_parsed lbdr_icmp_inner4(const struct sk_buff *skb, u32 offset,
				  struct lbdr_flow *flow)
{
	const struct icmphdr *icmph;
	const struct iphdr *iph;
	struct icmphdr _icmph;
	const __be16 *ports;
	struct iphdr _iph;
	__be16 _ports[2];

	icmph = skb_header_pointer(skb, offset, sizeof(_icmph), &_icmph);
	if (!icmph)
		return LBDR_PARSED_OTHER;
	switch (icmph->type) {
	case ICMP_DEST_UNREACH:
	case ICMP_SOURCE_QUENCH:
	case ICMP_TIME_EXCEEDED:
	case ICMP_PARAMETERPROB:
		break;
	default:
		return LBDR_PARSED_OTHER;
	}

	offset += sizeof(_icmph);
	iph = skb_header_pointer(skb, offset, sizeof(_iph), &_iph);
	if (!iph || iph->version != 4 || iph->ihl < 5 ||
	    !lbdr_icmp_inner_has_ports(iph->protocol) ||
	    (iph->frag_off & htons(IP_OFFSET)) ||
	    iph->saddr != ip_hdr(skb)->daddr)
		return LBDR_PARSED_OTHER;
	ports = skb_header_pointer(skb, offset + iph->ihl * 4, sizeof(_ports),
				   _ports);
	if (!ports)
		return LBDR_PARSED_OTHER;

	lbdr_flow_set4(flow, iph->daddr, iph->saddr, iph->protocol);
	flow->event = LBDR_EVENT_DATA;
	flow->hdr_len = offset;
	flow->v4.ports.vport = ports[0];
	flow->v4.ports.cport = ports[1];
	return LBDR_PARSED_ERROR;
}
EXPORT_SYMBOL_FOR_KUNIT(lbdr_icmp_inner4);

/**
 * lbdr_icmp_inner6() - Get the flow of the packet inside an ICMPv6 error
 * @skb: the ICMPv6 message; skb->data is its IPv6 header
 * @offset: offset of the ICMPv6 header from skb->data
 * @flow: filled in if LBDR_PARSED_ERROR is returned, undefined otherwise
 *
 * Context: any.
 * Return: as lbdr_icmp_inner4().
 */
enum lbdr_parsed lbdr_icmp_inner6(const struct sk_buff *skb, u32 offset,
				  struct lbdr_flow *flow)
{
	const struct icmp6hdr *icmph;
	const struct ipv6hdr *hdr;
	struct icmp6hdr _icmph;
	const __be16 *ports;
	struct ipv6hdr _hdr;
	__be16 frag_off = 0;
	__be16 _ports[2];
	u8 protocol;
	int thoff;

	icmph = skb_header_pointer(skb, offset, sizeof(_icmph), &_icmph);
	/* Types of errors have the high-order bit clear (RFC 4443, 2.1). */
	if (!icmph || icmph->icmp6_type & ICMPV6_INFOMSG_MASK)
		return LBDR_PARSED_OTHER;

	offset += sizeof(_icmph);
	hdr = skb_header_pointer(skb, offset, sizeof(_hdr), &_hdr);
	if (!hdr || hdr->version != 6 ||
	    !ipv6_addr_equal(&hdr->saddr, &ipv6_hdr(skb)->daddr))
		return LBDR_PARSED_OTHER;
	protocol = hdr->nexthdr;
	thoff = ipv6_skip_exthdr(skb, offset + sizeof(_hdr), &protocol,
				 &frag_off);
	if (thoff < 0 || !lbdr_icmp_inner_has_ports(protocol) ||
	    (frag_off & htons(IP6_OFFSET)))
		return LBDR_PARSED_OTHER;
	ports = skb_header_pointer(skb, thoff, sizeof(_ports), _ports);
	if (!ports)
		return LBDR_PARSED_OTHER;
	lbdr_flow_set6(flow, &hdr->daddr, &hdr->saddr, protocol);
	flow->event = LBDR_EVENT_DATA;
	flow->hdr_len = offset;
	flow->v6.ports.vport = ports[0];
	flow->v6.ports.cport = ports[1];
	return LBDR_PARSED_ERROR;
}
EXPORT_SYMBOL_FOR_KUNIT(lbdr_icmp_inner6);
