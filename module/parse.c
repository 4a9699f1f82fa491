// SPDX-License-Identifier: GPL-2.0
/*
 * Parser: set the flow of a packet. The parser checks bounds, keeps no state and does
 * not change the packet.
 *
 * The stack has validated the IP header before PREROUTING (ip_rcv_core(),
 * ip6_rcv_core()) and trimmed the packet to its IP length. A program behind an NFQUEUE
 * rule may have changed the packet since. So everything after the fixed header is read
 * by skb_header_pointer(), which does not read beyond the packet and does not
 * linearise it.
 */
#include <linux/sctp.h>
#include <linux/tcp.h>
#include <linux/udp.h>
#include <net/ip.h>
#include <net/ipv6.h>

#include "flow.h"
#include "icmp_inner.h"

/* Maximum number of SCTP chunks that are parsed; packets usually have one to four. */
#define SCTP_CHUNKS_MAX	8

/*
 * The event of a TCP header. Only a SYN without ACK and FIN starts a connection: SYN
 * with ACK answers a connection that this host has opened, SYN with FIN is invalid (RFC
 * 9293, 3.10.7). RST takes precedence over SYN and FIN.
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
 * The event of an SCTP packet, by the headers of its chunks. INIT and SHUTDOWN COMPLETE
 * are never bundled; ABORT and SHUTDOWN may follow other chunks (RFC 9260, 3.3 and
 * 6.10). Chunks after SCTP_CHUNKS_MAX are ignored: if the end of an association is
 * missed, the connection expires by its timeout. Returns false for a malformed packet.
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
	/* A packet without chunks is malformed. */
	return i > 0;
}

/*
 * Parses the transport header at @thoff. @ports points into the key of the family. The
 * header of each of the three protocols begins with the ports.
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
		/* The UDP length of an aggregate packet may differ from the skb's. */
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

	/* Port 0 is reserved: no service has it, and it cannot be answered. */
	if (unlikely(!ports->cport || !ports->vport))
		return LBDR_PARSED_MALFORMED;
	return LBDR_PARSED;
}

/**
 * lbdr_parse4() - Parse an IPv4 packet
 * @skb: data begins at the network header
 * @flow: set if LBDR_PARSED or LBDR_PARSED_ERROR is returned
 *
 * Context: any.
 * Return: enum lbdr_parsed.
 */
enum lbdr_parsed lbdr_parse4(const struct sk_buff *skb, struct lbdr_flow *flow)
{
	const struct iphdr *iph = ip_hdr(skb);
	u32 thoff = iph->ihl * 4;

	if (unlikely(iph->ihl < 5))
		return LBDR_PARSED_MALFORMED;
	if (unlikely(ip_is_fragment(iph)))
		return LBDR_PARSED_FRAGMENT;
	if (unlikely(iph->protocol == IPPROTO_ICMP))
		return lbdr_icmp_inner4(skb, thoff, flow);

	lbdr_flow_set4(flow, iph->saddr, iph->daddr, iph->protocol);
	return lbdr_parse_transport(skb, thoff, iph->protocol, flow,
				    &flow->v4.ports);
}
EXPORT_SYMBOL_FOR_KUNIT(lbdr_parse4);

/**
 * lbdr_parse6() - Parse an IPv6 packet
 * @skb: data begins at the network header
 * @flow: set if LBDR_PARSED or LBDR_PARSED_ERROR is returned
 *
 * Context: any.
 * Return: enum lbdr_parsed.
 */
enum lbdr_parsed lbdr_parse6(const struct sk_buff *skb, struct lbdr_flow *flow)
{
	const struct ipv6hdr *hdr = ipv6_hdr(skb);
	u8 protocol = hdr->nexthdr;
	int thoff = sizeof(*hdr);

	if (protocol != IPPROTO_TCP && protocol != IPPROTO_UDP &&
	    protocol != IPPROTO_SCTP) {
		__be16 frag_off = 0;

		thoff = ipv6_skip_exthdr(skb, thoff, &protocol, &frag_off);
		/* No next header, or extension headers that the stack will reject */
		if (thoff < 0)
			return LBDR_PARSED_OTHER;
		/* RFC 6946: with offset 0 and without MF the datagram is complete. */
		if (frag_off & htons(IP6_OFFSET | IP6_MF)) {
			/* ipv6_skip_exthdr() has read the first half of this header. */
			if (frag_off & htons(IP6_OFFSET))
				thoff += sizeof(struct frag_hdr);
			return thoff <= skb->len ? LBDR_PARSED_FRAGMENT :
						   LBDR_PARSED_MALFORMED;
		}
		if (protocol == IPPROTO_ICMPV6)
			return lbdr_icmp_inner6(skb, thoff, flow);
	}

	lbdr_flow_set6(flow, &hdr->saddr, &hdr->daddr, protocol);
	return lbdr_parse_transport(skb, thoff, protocol, flow,
				    &flow->v6.ports);
}
EXPORT_SYMBOL_FOR_KUNIT(lbdr_parse6);
