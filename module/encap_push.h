/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The outer headers of a tunnelled packet, inlined into its path: the families of the packet
 * and of the outer header are constants there. encap.c says what the headers contain.
 */
#ifndef _LBDR_ENCAP_PUSH_H
#define _LBDR_ENCAP_PUSH_H

#include <linux/math64.h>
#include <linux/percpu.h>
#include <linux/smp.h>
#include <net/gre.h>
#include <net/gue.h>
#include <net/inet_ecn.h>
#include <net/ip6_checksum.h>
#include <net/ip_tunnels.h>
#include <net/ipv6.h>
#include <net/udp.h>

#include "compat.h"
#include "encap.h"

DECLARE_PER_CPU(u16, lbdr_encap_ids);
extern u32 lbdr_encap_id_range;
extern u64 lbdr_encap_secrets[5];

/* The product of two words in 128 bits, folded: each bit depends on all of both words. */
static __always_inline u64 lbdr_encap_mix(u64 a, u64 b)
{
	return (a * b) ^ mul_u64_u64_shr(a, b, 64);
}

/* Word @i of a key, which is aligned as words of 4 bytes */
static __always_inline u64 lbdr_encap_word(const void *key, size_t i)
{
	u64 word;

	memcpy(&word, key + i * sizeof(word), sizeof(word));
	return word;
}

/*
 * See lbdr_encap_hash(). @family: that of @flow, a constant. The
 * operator chooses the VIP, so its two halves may be combined without a secret.
 * One product alone would not do: ports that follow each other make an arithmetic
 * progression of products, which falls on few values of a field for some secrets.
 */
static __always_inline u32 lbdr_encap_hash_of(const struct lbdr_flow *flow,
					      enum lbdr_family family)
{
	const void *key = family == LBDR_V4 ? (const void *)&flow->v4 : &flow->v6;
	const u64 *secrets = lbdr_encap_secrets;
	u64 sum;

	BUILD_BUG_ON(sizeof(flow->v4) != 2 * sizeof(u64));
	BUILD_BUG_ON(sizeof(flow->v6) != 5 * sizeof(u64));

	sum = lbdr_encap_mix(lbdr_encap_word(key, 0) ^ secrets[0],
			     lbdr_encap_word(key, 1) ^ secrets[1]);
	if (family == LBDR_V6)
		sum += lbdr_encap_mix(lbdr_encap_word(key, 2) ^ lbdr_encap_word(key, 3) ^
				      secrets[2],
				      lbdr_encap_word(key, 4) ^ secrets[3]);
	return lbdr_encap_mix(sum, secrets[4]) >> 32;
}

/* Returns true if the outer IPv4 header has the bit DF. @hdr: the inner header */
static __always_inline bool lbdr_encap_df(const struct lbdr_server_tunnel *tunnel,
					  const struct lbdr_encap *encap, const void *hdr)
{
	const struct iphdr *iph = hdr;

	if (encap->may_fragment)
		return false;
	if (likely(tunnel->settings.df == LBDR_TUNNEL_DF_INHERIT))
		return encap->inner == LBDR_V4 &&
		       (iph->frag_off & htons(IP_DF));
	return tunnel->settings.df == LBDR_TUNNEL_DF_SET;
}

static inline u8 lbdr_encap_protocol(enum lbdr_family inner)
{
	return inner == LBDR_V4 ? IPPROTO_IPIP : IPPROTO_IPV6;
}

static inline __be16 lbdr_encap_ethertype(enum lbdr_family family)
{
	return htons(family == LBDR_V4 ? ETH_P_IP : ETH_P_IPV6);
}

/* RFC 2784, 2.5: the checksum is over the GRE header and the payload. */
static inline void lbdr_encap_gre_csum(struct sk_buff *skb, struct gre_base_hdr *hdr)
{
	__be32 *options = (__be32 *)(hdr + 1);

	*options = 0;
	/* Computed for each segment */
	if (skb_is_gso(skb))
		return;
	if (skb->ip_summed == CHECKSUM_PARTIAL) {
		*(__sum16 *)options = csum_fold(lco_csum(skb));
		return;
	}
	skb->ip_summed = CHECKSUM_PARTIAL;
	skb->csum_start = skb_transport_header(skb) - skb->head;
	skb->csum_offset = sizeof(*hdr);
}

static __always_inline void
lbdr_encap_push_gre(struct sk_buff *skb, const struct lbdr_server_tunnel *tunnel,
		    enum lbdr_family inner)
{
	bool csum = tunnel->settings.flags & LBDR_TUNNEL_FLAG_CSUM;
	struct gre_base_hdr *hdr;

	skb_set_inner_protocol(skb, lbdr_encap_ethertype(inner));
	hdr = __skb_push(skb, csum ? 8 : 4);
	skb_reset_transport_header(skb);
	hdr->flags = csum ? GRE_CSUM : 0;
	hdr->protocol = lbdr_encap_ethertype(inner);
	if (csum)
		lbdr_encap_gre_csum(skb, hdr);
}

/* GUE, version 0, a data message without options: the header names the inner protocol. */
static __always_inline void
lbdr_encap_push_gue(struct sk_buff *skb, const struct lbdr_server_tunnel *tunnel,
		    const struct lbdr_encap *encap, const union nf_inet_addr *saddr)
{
	struct guehdr *gue;
	struct udphdr *udp;

	skb_set_inner_ipproto(skb, lbdr_encap_protocol(encap->inner));
	gue = __skb_push(skb, sizeof(*gue));
	gue->word = 0;
	gue->proto_ctype = lbdr_encap_protocol(encap->inner);
	udp = __skb_push(skb, sizeof(*udp));
	skb_reset_transport_header(skb);
	udp->source = lbdr_encap_port(encap->hash);
	udp->dest = tunnel->settings.port;
	udp->len = htons(skb->len);
	udp->check = 0;
	if (!(tunnel->settings.flags & LBDR_TUNNEL_FLAG_CSUM))
		return;
	if (encap->outer == LBDR_V4)
		udp_set_csum(false, skb, saddr->ip, encap->daddr->ip, skb->len);
	else
		udp6_set_csum(false, skb, &saddr->in6, &encap->daddr->in6, skb->len);
}

/* How many ids the segments of a GSO packet need. One of a guest may have no count. */
static inline u16 lbdr_encap_id_count(const struct sk_buff *skb)
{
	return skb_shinfo(skb)->gso_segs ?: skb->len / skb_shinfo(skb)->gso_size + 1;
}

/*
 * Returns the first of @n ids that follow each other, as the kernel numbers segments. Each
 * CPU has a range of its own, and a counter that wraps in it. Ids that would exceed the range
 * are left out, unless it has less than @n. One operation takes ids, since on PREEMPT_RT
 * another packet of this CPU may come between two.
 */
static __always_inline u16 lbdr_encap_id(u16 n)
{
	u32 range = lbdr_encap_id_range;
	u32 id = (u16)(this_cpu_add_return(lbdr_encap_ids, n) - n) & (range - 1);

	if (n > 1 && unlikely(id + n > range))
		id = (u16)(this_cpu_add_return(lbdr_encap_ids, n) - n) & (range - 1);
	return smp_processor_id() * range + id;
}

/*
 * The id of a packet without DF. The inner ids of a GSO packet may be all the same, since
 * it has DF there, but the outer ones may not. @plain: see lbdr_encap_push_from()
 */
static __always_inline __be16 lbdr_encap_set_id(struct sk_buff *skb, bool plain)
{
	if (plain || likely(!skb_is_gso(skb)))
		return htons(lbdr_encap_id(1));
	lbdr_gso_outer_ids(skb);
	return htons(lbdr_encap_id(lbdr_encap_id_count(skb)));
}

static __always_inline void
lbdr_encap_push_ip4(struct sk_buff *skb, const struct lbdr_server_tunnel *tunnel,
		    const struct lbdr_encap *encap, __be32 saddr, u8 tos, u8 ttl, bool df,
		    bool plain)
{
	struct iphdr *iph = __skb_push(skb, sizeof(*iph));

	skb_reset_network_header(skb);
	iph->version = 4;
	iph->ihl = sizeof(*iph) / 4;
	iph->tos = tos;
	iph->tot_len = htons(skb->len);
	iph->id = df ? 0 : lbdr_encap_set_id(skb, plain);
	iph->frag_off = df ? htons(IP_DF) : 0;
	iph->ttl = ttl;
	iph->protocol = tunnel->protocol[encap->inner];
	iph->check = 0;
	iph->saddr = saddr;
	iph->daddr = encap->daddr->ip;
	iph->check = ip_fast_csum(iph, sizeof(*iph) / 4);
}

static __always_inline void
lbdr_encap_push_ip6(struct sk_buff *skb, const struct lbdr_server_tunnel *tunnel,
		    const struct lbdr_encap *encap, const struct in6_addr *saddr,
		    u8 tos, u8 ttl)
{
	u16 len = skb->len;
	struct ipv6hdr *hdr = __skb_push(skb, sizeof(*hdr));

	skb_reset_network_header(skb);
	/* The labels of stateless flows have the high-order bit set. */
	ip6_flow_hdr(hdr, tos, htonl(encap->hash & ntohl(IPV6_FLOWLABEL_MASK)) |
			       IPV6_FLOWLABEL_STATELESS_FLAG);
	hdr->payload_len = htons(len);
	hdr->nexthdr = tunnel->protocol[encap->inner];
	hdr->hop_limit = ttl;
	hdr->saddr = *saddr;
	hdr->daddr = encap->daddr->in6;
}

/*
 * The network header of @skb is the inner one until the outer IP header is in front.
 * @plain, a constant: neither a device nor the kernel looks for the inner headers later.
 */
static __always_inline void
lbdr_encap_push_from(struct sk_buff *skb, const struct lbdr_server_tunnel *tunnel,
		     const struct lbdr_encap *encap, const union nf_inet_addr *saddr,
		     bool plain)
{
	const void *hdr = skb_network_header(skb);
	u8 ttl = tunnel->settings.ttl, tos;
	bool df = false;

	if (encap->inner == LBDR_V4) {
		tos = ((const struct iphdr *)hdr)->tos;
		ttl = ttl ?: ((const struct iphdr *)hdr)->ttl;
	} else {
		tos = ipv6_get_dsfield(hdr);
		ttl = ttl ?: ((const struct ipv6hdr *)hdr)->hop_limit;
	}
	if (encap->outer == LBDR_V4)
		df = lbdr_encap_df(tunnel, encap, hdr);

	if (likely(tunnel->settings.type == LBDR_TUNNEL_IPIP)) {
		if (!plain)
			skb_set_inner_ipproto(skb, lbdr_encap_protocol(encap->inner));
		skb_reset_transport_header(skb);
	} else if (tunnel->settings.type == LBDR_TUNNEL_GRE) {
		lbdr_encap_push_gre(skb, tunnel, encap->inner);
	} else {
		lbdr_encap_push_gue(skb, tunnel, encap, saddr);
	}

	skb->protocol = lbdr_encap_ethertype(encap->outer);
	if (encap->outer == LBDR_V4)
		lbdr_encap_push_ip4(skb, tunnel, encap, saddr->ip, tos, ttl, df,
				    plain);
	else
		lbdr_encap_push_ip6(skb, tunnel, encap, &saddr->in6, tos, ttl);
}

/*
 * Puts outer headers without checksum and with the source address of the route in front
 * of a packet whose checksum is complete and which is no GSO packet. Otherwise as
 * lbdr_encap_push().
 */
static __always_inline void
lbdr_encap_push_plain(struct sk_buff *skb, const struct lbdr_server_tunnel *tunnel,
		      const struct lbdr_encap *encap)
{
	skb->ip_summed = CHECKSUM_NONE;
	lbdr_encap_push_from(skb, tunnel, encap, encap->source, true);
}

#endif /* _LBDR_ENCAP_PUSH_H */
