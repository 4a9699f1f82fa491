// SPDX-License-Identifier: GPL-2.0
/*
 * From a packet to a flow: bounds-checked, without state and without writing.
 *
 * The stack has checked the IP header before PREROUTING (ip_rcv_core(),
 * ip6_rcv_core()) and trimmed the packet to the length that it states, but a
 * program behind an NFQUEUE rule may have changed it since; everything past
 * the fixed header is looked at by skb_header_pointer(), which neither reads
 * past the end nor linearises.
 */
#include <linux/sctp.h>
#include <linux/tcp.h>
#include <linux/udp.h>
#include <net/ip.h>
#include <net/ipv6.h>

#include "flow.h"
#include "icmp_inner.h"

/* Chunks of an SCTP packet that are looked at; real ones have one to four. */
#define SCTP_CHUNKS_MAX	8

/*
 * What a TCP header means. Only a plain SYN begins a connection: one with ACK
 * answers a connection that this host began, one with FIN means nothing (RFC
 * 9293, 3.10.7). RST is acted on first.
 */
static __always_inline enum lbdr_event lbdr_tcp_event(const struct tcphdr *th)
{
	if (likely(!(tcp_flag_word(th) &
		     (TCP_FLAG_RST | TCP_FLAG_SYN | TCP_FLAG_FIN))))
		return LBDR_EVENT_DATA;
	if (th->rst)
		return LBDR_EVENT_RST;
	if (th->syn)
		return th->ack || th->fin ? LBDR_EVENT_DATA : LBDR_EVENT_SYN;
	return LBDR_EVENT_FIN;
}

/*
 * What the chunks of an SCTP packet mean, each looked at by its header alone.
 * INIT and SHUTDOWN COMPLETE travel alone, COOKIE ECHO comes first; ABORT and
 * SHUTDOWN may follow others (RFC 9260, 3.3 and 6.10). Behind SCTP_CHUNKS_MAX
 * nobody looks: a connection that is over, and does not know, idles out.
 */
static noinline bool lbdr_sctp_event(const struct sk_buff *skb, u32 offset,
				     enum lbdr_event *event)
{
	const struct sctp_chunkhdr *chunk;
	struct sctp_chunkhdr _chunk;
	u32 i, len;

	*event = LBDR_EVENT_SCTP_DATA;
	for (i = 0; i < SCTP_CHUNKS_MAX && offset < skb->len; i++) {
		chunk = skb_header_pointer(skb, offset, sizeof(_chunk),
					   &_chunk);
		if (!chunk)
			return false;
		len = ntohs(chunk->length);
		if (len < sizeof(_chunk) || offset + len > skb->len)
			return false;
		switch (chunk->type) {
		case SCTP_CID_INIT:
			*event = LBDR_EVENT_SCTP_INIT;
			return true;
		case SCTP_CID_ABORT:
		case SCTP_CID_SHUTDOWN_COMPLETE:
			*event = LBDR_EVENT_SCTP_ABORT;
			return true;
		case SCTP_CID_SHUTDOWN:
		case SCTP_CID_SHUTDOWN_ACK:
			*event = LBDR_EVENT_SCTP_SHUTDOWN;
			break;
		}
		offset += ALIGN(len, 4);
	}
	/* A packet without a chunk means nothing. */
	return i > 0;
}

/*
 * Reads the transport header at @thoff. The two families put the ports into
 * different places of the flow, so they are handed back; all of the three
 * protocols begin with them.
 */
static __always_inline enum lbdr_parsed
lbdr_parse_transport(const struct sk_buff *skb, u32 thoff, u8 protocol,
		     struct lbdr_flow *flow, union lbdr_ports *ports)
{
	if (protocol == IPPROTO_TCP) {
		const struct tcphdr *th;
		struct tcphdr _th __uninitialized;
		u32 len;

		th = skb_header_pointer(skb, thoff, sizeof(_th), &_th);
		if (!th)
			return LBDR_PARSED_MALFORMED;
		len = th->doff * 4;
		if (len < sizeof(*th) || thoff + len > skb->len)
			return LBDR_PARSED_MALFORMED;
		memcpy(ports, th, sizeof(*ports));
		flow->event = lbdr_tcp_event(th);
		flow->hdr_len = thoff + len;
	} else if (protocol == IPPROTO_UDP) {
		const struct udphdr *uh;
		struct udphdr _uh __uninitialized;
		u32 len;

		uh = skb_header_pointer(skb, thoff, sizeof(_uh), &_uh);
		if (!uh)
			return LBDR_PARSED_MALFORMED;
		/* GRO does not keep the length of what it has merged. */
		len = ntohs(uh->len);
		if (!skb_is_gso(skb) &&
		    (len < sizeof(*uh) || thoff + len > skb->len))
			return LBDR_PARSED_MALFORMED;
		memcpy(ports, uh, sizeof(*ports));
		flow->event = LBDR_EVENT_UDP;
		flow->hdr_len = thoff + sizeof(*uh);
	} else if (protocol == IPPROTO_SCTP) {
		const struct sctphdr *sh;
		struct sctphdr _sh __uninitialized;

		sh = skb_header_pointer(skb, thoff, sizeof(_sh), &_sh);
		if (!sh)
			return LBDR_PARSED_MALFORMED;
		memcpy(ports, sh, sizeof(*ports));
		if (!lbdr_sctp_event(skb, thoff + sizeof(*sh), &flow->event))
			return LBDR_PARSED_MALFORMED;
		flow->hdr_len = thoff + sizeof(*sh);
	} else {
		return LBDR_PARSED_OTHER;
	}

	/* Nobody can answer port 0, and no service has it. */
	if (unlikely(!ports->cport || !ports->vport))
		return LBDR_PARSED_MALFORMED;
	return LBDR_PARSED;
}

/**
 * lbdr_parse4() - Parse an IPv4 packet
 * @skb: data begins at the network header
 * @flow: filled in when LBDR_PARSED is returned
 *
 * Context: any.
 * Return: whether @flow is filled in, or why not.
 */
__always_inline enum lbdr_parsed lbdr_parse4(const struct sk_buff *skb,
					      struct lbdr_flow *flow)
{
	const struct iphdr *iph = ip_hdr(skb);
	u32 thoff = iph->ihl * 4;

	if (unlikely(iph->ihl < 5))
		return LBDR_PARSED_MALFORMED;
	if (unlikely(ip_is_fragment(iph)))
		return LBDR_PARSED_FRAGMENT;
	if (unlikely(iph->protocol == IPPROTO_ICMP))
		return lbdr_icmp_inner4(skb, thoff, flow);

	flow->family = LBDR_V4;
	flow->v4.client = iph->saddr;
	flow->v4.vip = iph->daddr;
	flow->v4.protocol = iph->protocol;
	return lbdr_parse_transport(skb, thoff, iph->protocol, flow,
				    &flow->v4.ports);
}
EXPORT_SYMBOL_FOR_KUNIT(lbdr_parse4);

/**
 * lbdr_parse6() - Parse an IPv6 packet
 * @skb: data begins at the network header
 * @flow: filled in when LBDR_PARSED is returned
 *
 * Context: any.
 * Return: whether @flow is filled in, or why not.
 */
__always_inline enum lbdr_parsed lbdr_parse6(const struct sk_buff *skb,
					      struct lbdr_flow *flow)
{
	const struct ipv6hdr *hdr = ipv6_hdr(skb);
	u8 protocol = hdr->nexthdr;
	int thoff = sizeof(*hdr);

	if (protocol != IPPROTO_TCP && protocol != IPPROTO_UDP &&
	    protocol != IPPROTO_SCTP) {
		__be16 frag_off = 0;

		thoff = ipv6_skip_exthdr(skb, thoff, &protocol, &frag_off);
		/* No next header, or a chain for the stack to complain of */
		if (thoff < 0)
			return LBDR_PARSED_OTHER;
		/* RFC 6946: with neither, it is a whole datagram */
		if (frag_off & htons(IP6_OFFSET | IP6_MF))
			return LBDR_PARSED_FRAGMENT;
		if (protocol == IPPROTO_ICMPV6)
			return lbdr_icmp_inner6(skb, thoff, flow);
	}

	flow->family = LBDR_V6;
	flow->v6.client = hdr->saddr;
	flow->v6.vip = hdr->daddr;
	flow->v6.protocol = protocol;
	return lbdr_parse_transport(skb, thoff, protocol, flow,
				    &flow->v6.ports);
}
EXPORT_SYMBOL_FOR_KUNIT(lbdr_parse6);
