// SPDX-License-Identifier: GPL-2.0
/*
 * The outer headers of a tunnelled packet, and its checksum and GSO state.
 *
 * | field              | value                                                     |
 * | ------------------ | --------------------------------------------------------- |
 * | IPv4 id            | 0 with DF (RFC 6864, 4.1), else a counter of the CPU; a   |
 * |                    | GSO packet takes one for each segment                     |
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
#include <linux/random.h>
#include <net/ip_tunnels.h>
#include <net/ipv6.h>

#include "encap_push.h"

/* First port of the dynamic range, which has 1 << 14 ports (RFC 6335, 6) */
#define LBDR_ENCAP_PORT		0xc000
#define LBDR_ENCAP_PORT_MASK	0x3fff

DEFINE_PER_CPU(u16, lbdr_encap_ids);

/* Ids of one CPU, a power of two; 65,536 with one CPU. Set when the module is loaded */
u32 lbdr_encap_id_range __read_mostly;

/* Chosen when the module is loaded */
u64 lbdr_encap_secrets[5] __read_mostly;
EXPORT_SYMBOL_FOR_KUNIT(lbdr_encap_secrets);

/**
 * lbdr_encap_init() - Choose the secrets of the hash of flows, and share ids out to CPUs
 *
 * Context: process.
 */
void __init lbdr_encap_init(void)
{
	get_random_bytes(lbdr_encap_secrets, sizeof(lbdr_encap_secrets));
	lbdr_encap_id_range = (U16_MAX + 1) >> min(order_base_2(nr_cpu_ids), 16);
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
			/* ip6_rcv() does not skip all extension headers. */
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
