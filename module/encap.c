// SPDX-License-Identifier: GPL-2.0
/*
 * The outer headers of a tunnelled packet, and its checksum and GSO state.
 *
 * | field              | value                                                     |
 * | ------------------ | --------------------------------------------------------- |
 * | IPv4 id            | 0 with DF (RFC 6864, 4.1), else a counter of the CPU      |
 * | DSCP, ECN          | those of the inner packet (RFC 6040, 4.1, normal mode)    |
 * | TTL                | that of the inner packet, already decremented, or fixed   |
 * | source             | the route's, a fixed one, or one of a prefix by the flow  |
 * | IPv6 flow label    | by the flow (RFC 6438)                                    |
 * | GUE: source port   | by the flow, 49152 to 65535                               |
 * | GUE: UDP checksum  | 0, or over the packet                                     |
 *
 * Reads and writes the packet only. The counter is per CPU and needs BH off.
 */
#include <linux/inetdevice.h>
#include <linux/init.h>
#include <linux/math64.h>
#include <linux/percpu.h>
#include <linux/random.h>
#include <linux/smp.h>
#include <net/gre.h>
#include <net/gue.h>
#include <net/inet_ecn.h>
#include <net/ip6_checksum.h>
#include <net/ip_tunnels.h>
#include <net/ipv6.h>
#include <net/udp.h>

#include "encap.h"

/* First port of the dynamic range, which has 1 << 14 ports (RFC 6335, 6) */
#define LBDR_ENCAP_PORT		0xc000
#define LBDR_ENCAP_PORT_MASK	0x3fff

/* The ids of a CPU are congruent to its number modulo nr_cpu_ids. */
static DEFINE_PER_CPU(u16, lbdr_encap_ids);

/* Chosen when the module is loaded */
static u64 lbdr_encap_secrets[4] __read_mostly;

/**
 * lbdr_encap_init() - Choose the secrets of the hash of flows
 *
 * Context: process.
 */
void __init lbdr_encap_init(void)
{
	get_random_bytes(lbdr_encap_secrets, sizeof(lbdr_encap_secrets));
}

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
 * See lbdr_encap_hash(); inlined into the path of a packet. @family: that of @flow. The
 * operator chooses the VIP, so its two halves may be combined without a secret.
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
	return sum >> 32;
}

/**
 * lbdr_encap_hash() - Hash a flow for the fields that spread flows over queues
 * @flow: the flow; its L3 domain and protocol count too
 *
 * Context: any.
 * Return: the hash, the same for all packets of the flow until the module is unloaded.
 */
u32 lbdr_encap_hash(const struct lbdr_flow *flow)
{
	return lbdr_encap_hash_of(flow, flow->family);
}
EXPORT_SYMBOL_FOR_KUNIT(lbdr_encap_hash);

/**
 * lbdr_encap_port() - Get the source port of a flow
 * @hash: hash of the flow
 *
 * Context: any.
 */
__be16 lbdr_encap_port(u32 hash)
{
	return htons(LBDR_ENCAP_PORT | (hash & LBDR_ENCAP_PORT_MASK));
}
EXPORT_SYMBOL_FOR_KUNIT(lbdr_encap_port);

/* The host part is neither all zeros nor all ones, which may be broadcast addresses. */
static __be32 lbdr_encap_in_prefix4(__be32 prefix, u8 len, u32 hash)
{
	u32 hosts = 32 - len, host;

	if (hosts == 1)
		host = hash >> 31;
	else
		host = 1 + reciprocal_scale(hash, (u32)((1ULL << hosts) - 2));
	return (prefix & inet_make_mask(len)) | htonl(host);
}

/*
 * Up to 32 bits are set by the flow. The last one is 1: an interface identifier of 0 is
 * the anycast address of routers (RFC 4291, 2.6.1).
 */
static void lbdr_encap_in_prefix6(const struct in6_addr *prefix, u8 len, u32 hash,
				  struct in6_addr *addr)
{
	u32 hosts = min(128 - len, 32);
	u32 mask = hosts == 32 ? U32_MAX : BIT(hosts) - 1;

	ipv6_addr_prefix(addr, prefix, len);
	addr->s6_addr32[3] |= htonl((hash | 1) & mask);
}

/**
 * lbdr_encap_source() - Get the source address of the outer header
 * @tunnel: the tunnel
 * @encap: families, hash and the source address of the route
 * @addr: set to the address
 *
 * Context: any.
 */
void lbdr_encap_source(const struct lbdr_server_tunnel *tunnel,
		       const struct lbdr_encap *encap, union nf_inet_addr *addr)
{
	const struct lbdr_tunnel_settings *settings = &tunnel->settings;

	if (likely(!settings->prefix))
		*addr = *encap->source;
	else if (settings->prefix == (encap->outer == LBDR_V4 ? 32 : 128))
		*addr = settings->source;
	else if (encap->outer == LBDR_V4)
		addr->ip = lbdr_encap_in_prefix4(settings->source.ip,
						 settings->prefix, encap->hash);
	else
		lbdr_encap_in_prefix6(&settings->source.in6, settings->prefix,
				      encap->hash, &addr->in6);
}
EXPORT_SYMBOL_FOR_KUNIT(lbdr_encap_source);

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

/**
 * lbdr_encap_offloads() - Prepare the checksum and GSO state for outer headers
 * @skb: the inner packet, its header is not shared; skb->encapsulation is not set
 * @tunnel: the tunnel
 *
 * The checksum of a packet is either complete, or left to the device or to the kernel
 * (CHECKSUM_PARTIAL). In the latter case, the positions in the packet are kept, and
 * skb->encapsulation tells the device where the inner headers are.
 *
 * Context: any.
 * Return: 0 or a negative error.
 */
int lbdr_encap_offloads(struct sk_buff *skb, const struct lbdr_server_tunnel *tunnel)
{
	bool csum = tunnel->settings.flags & LBDR_TUNNEL_FLAG_CSUM;
	int err;

	if (skb->ip_summed == CHECKSUM_PARTIAL) {
		/* An outer checksum cannot be computed from a pending CRC32c. */
		if (unlikely(csum && skb_csum_is_sctp(skb))) {
			err = skb_csum_hwoffload_help(skb, 0);
			if (err)
				return err;
		} else {
			/* ip_rcv() and ip6_rcv() skip neither options nor extensions. */
			skb_set_transport_header(skb,
						 skb_checksum_start_offset(skb));
		}
	}
	err = iptunnel_handle_offloads(skb, tunnel->gso_type);
	if (err)
		return err;
	/* The GSO functions of UDP and GRE take this as the end of the tunnel's header. */
	skb_set_inner_mac_header(skb, skb_network_offset(skb));
	return 0;
}
EXPORT_SYMBOL_FOR_KUNIT(lbdr_encap_offloads);

static u8 lbdr_encap_protocol(enum lbdr_family inner)
{
	return inner == LBDR_V4 ? IPPROTO_IPIP : IPPROTO_IPV6;
}

static __be16 lbdr_encap_ethertype(enum lbdr_family family)
{
	return htons(family == LBDR_V4 ? ETH_P_IP : ETH_P_IPV6);
}

/* RFC 2784, 2.5: the checksum is over the GRE header and the payload. */
static void lbdr_encap_gre_csum(struct sk_buff *skb, struct gre_base_hdr *hdr)
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

/* A CPU's counter wraps after 65,536 / nr_cpu_ids packets. */
static __be16 lbdr_encap_id(void)
{
	u16 id = __this_cpu_read(lbdr_encap_ids) + nr_cpu_ids;

	__this_cpu_write(lbdr_encap_ids, id);
	return htons(id + smp_processor_id());
}

static __always_inline void
lbdr_encap_push_ip4(struct sk_buff *skb, const struct lbdr_server_tunnel *tunnel,
		    const struct lbdr_encap *encap, __be32 saddr, u8 tos, u8 ttl, bool df)
{
	struct iphdr *iph = __skb_push(skb, sizeof(*iph));

	skb_reset_network_header(skb);
	iph->version = 4;
	iph->ihl = sizeof(*iph) / 4;
	iph->tos = tos;
	iph->tot_len = htons(skb->len);
	iph->id = df ? 0 : lbdr_encap_id();
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
		lbdr_encap_push_ip4(skb, tunnel, encap, saddr->ip, tos, ttl, df);
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

/**
 * lbdr_encap_push() - Put the outer headers in front of a packet
 * @skb: the packet, prepared by lbdr_encap_offloads(); skb->data is its IP header, and
 *	there is headroom for &lbdr_server_tunnel.overhead. Its TTL has been decremented
 * @tunnel: the tunnel
 * @encap: addresses, families and hash
 *
 * Sets the protocol of @skb. The length with the headers must not exceed 65,535 bytes,
 * and with an outer IPv6 header its payload must not.
 *
 * Context: BH off.
 */
void lbdr_encap_push(struct sk_buff *skb, const struct lbdr_server_tunnel *tunnel,
		     const struct lbdr_encap *encap)
{
	union nf_inet_addr saddr;

	lbdr_encap_source(tunnel, encap, &saddr);
	lbdr_encap_push_from(skb, tunnel, encap, &saddr, false);
}
EXPORT_SYMBOL_FOR_KUNIT(lbdr_encap_push);
