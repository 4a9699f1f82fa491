// SPDX-License-Identifier: GPL-2.0
/*
 * Outer headers of tunnels: all types, families and flags, checksums that are complete or
 * left to the device, and GSO packets, which the kernel segments here.
 *
 * The suite compares the bytes with what RFCs say, not with the builder's own functions.
 */
#include <kunit/test.h>
#include <linux/tcp.h>
#include <net/dsfield.h>
#include <net/ip.h>
#include <net/ip6_checksum.h>
#include <net/ipv6.h>

#include "compat.h"
#include "encap_push.h"
#include "flow.h"
#include "lbdr_kunit.h"

#define PAYLOAD		250
#define SEGMENT		100
#define HEADROOM	128
#define GUE_PORT	6080

/**
 * struct encap_case - a tunnel and a packet
 * @name: name of the case
 * @type: enum lbdr_tunnel
 * @csum: with LBDR_TUNNEL_FLAG_CSUM
 * @inner: family of the packet
 * @outer: family of the server
 * @overhead: bytes that the tunnel adds
 */
struct encap_case {
	const char		*name;
	u8			type;
	bool			csum;
	enum lbdr_family	inner;
	enum lbdr_family	outer;
	u32			overhead;
};

static const struct encap_case encap_cases[] = {
	{ "ipip, 4 in 4", LBDR_TUNNEL_IPIP, false, LBDR_V4, LBDR_V4, 20 },
	{ "ipip, 6 in 4", LBDR_TUNNEL_IPIP, false, LBDR_V6, LBDR_V4, 20 },
	{ "ipip, 4 in 6", LBDR_TUNNEL_IPIP, false, LBDR_V4, LBDR_V6, 40 },
	{ "ipip, 6 in 6", LBDR_TUNNEL_IPIP, false, LBDR_V6, LBDR_V6, 40 },
	{ "gre, 4 in 4", LBDR_TUNNEL_GRE, false, LBDR_V4, LBDR_V4, 24 },
	{ "gre, 6 in 4", LBDR_TUNNEL_GRE, false, LBDR_V6, LBDR_V4, 24 },
	{ "gre, 4 in 6", LBDR_TUNNEL_GRE, false, LBDR_V4, LBDR_V6, 44 },
	{ "gre, 6 in 6", LBDR_TUNNEL_GRE, false, LBDR_V6, LBDR_V6, 44 },
	{ "gre csum, 4 in 4", LBDR_TUNNEL_GRE, true, LBDR_V4, LBDR_V4, 28 },
	{ "gre csum, 6 in 4", LBDR_TUNNEL_GRE, true, LBDR_V6, LBDR_V4, 28 },
	{ "gre csum, 4 in 6", LBDR_TUNNEL_GRE, true, LBDR_V4, LBDR_V6, 48 },
	{ "gre csum, 6 in 6", LBDR_TUNNEL_GRE, true, LBDR_V6, LBDR_V6, 48 },
	{ "gue, 4 in 4", LBDR_TUNNEL_GUE, false, LBDR_V4, LBDR_V4, 32 },
	{ "gue, 6 in 4", LBDR_TUNNEL_GUE, false, LBDR_V6, LBDR_V4, 32 },
	{ "gue, 4 in 6", LBDR_TUNNEL_GUE, false, LBDR_V4, LBDR_V6, 52 },
	{ "gue, 6 in 6", LBDR_TUNNEL_GUE, false, LBDR_V6, LBDR_V6, 52 },
	{ "gue csum, 4 in 4", LBDR_TUNNEL_GUE, true, LBDR_V4, LBDR_V4, 32 },
	{ "gue csum, 6 in 4", LBDR_TUNNEL_GUE, true, LBDR_V6, LBDR_V4, 32 },
	{ "gue csum, 4 in 6", LBDR_TUNNEL_GUE, true, LBDR_V4, LBDR_V6, 52 },
	{ "gue csum, 6 in 6", LBDR_TUNNEL_GUE, true, LBDR_V6, LBDR_V6, 52 },
};

KUNIT_ARRAY_PARAM_DESC(encap, encap_cases, name);

static const union nf_inet_addr route4 = {
	.ip6 = { cpu_to_be32(0xc0000201) },
};

static const union nf_inet_addr server4 = {
	.ip6 = { cpu_to_be32(0xc6336402) },
};

static const union nf_inet_addr route6 = {
	.ip6 = { cpu_to_be32(0x20010db8), 0, 0, cpu_to_be32(1) },
};

static const union nf_inet_addr server6 = {
	.ip6 = { cpu_to_be32(0x20010db8), cpu_to_be32(1), 0, cpu_to_be32(2) },
};

static u32 ip_len(enum lbdr_family family)
{
	return family == LBDR_V4 ? sizeof(struct iphdr) : sizeof(struct ipv6hdr);
}

static void encap_setup(const struct encap_case *c,
			const struct lbdr_tunnel_settings *settings, u32 hash,
			struct lbdr_server_tunnel *tunnel,
			struct lbdr_encap *encap)
{
	memset(tunnel, 0, sizeof(*tunnel));
	lbdr_tunnel_init(tunnel, settings, c->outer);
	*encap = (struct lbdr_encap) {
		.source	= c->outer == LBDR_V4 ? &route4 : &route6,
		.daddr	= c->outer == LBDR_V4 ? &server4 : &server6,
		.hash	= hash,
		.inner	= c->inner,
		.outer	= c->outer,
	};
}

static struct lbdr_tunnel_settings encap_settings(const struct encap_case *c)
{
	return (struct lbdr_tunnel_settings) {
		.type	= c->type,
		.flags	= c->csum ? LBDR_TUNNEL_FLAG_CSUM : 0,
		.port	= c->type == LBDR_TUNNEL_GUE ? htons(GUE_PORT) : 0,
	};
}

/* The checksum of a pseudo header, for CHECKSUM_PARTIAL, and of a TCP segment. */
static __sum16 encap_pseudo(const u8 *ip, enum lbdr_family family, u32 len,
			    u8 protocol, __wsum sum)
{
	const struct ipv6hdr *hdr = (const struct ipv6hdr *)ip;
	const struct iphdr *iph = (const struct iphdr *)ip;

	return family == LBDR_V4 ?
	       csum_tcpudp_magic(iph->saddr, iph->daddr, len, protocol, sum) :
	       csum_ipv6_magic(&hdr->saddr, &hdr->daddr, len, protocol, sum);
}

/*
 * A TCP segment of a client. Its checksum is right, or left to the device. The link header
 * is in front of the data, as in a received packet.
 */
static struct sk_buff *encap_skb(struct kunit *test, enum lbdr_family family,
				 bool partial, u8 tos)
{
	u32 len = sizeof(struct tcphdr) + PAYLOAD, i;
	struct sk_buff *skb;
	struct tcphdr *th;
	u8 *ip;

	skb = alloc_skb(HEADROOM + ip_len(family) + len, GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, skb);
	skb_reserve(skb, HEADROOM);
	skb_reset_mac_header(skb);
	skb_set_mac_header(skb, -ETH_HLEN);
	skb_reset_network_header(skb);
	ip = skb_put_zero(skb, ip_len(family));
	if (family == LBDR_V4) {
		struct iphdr *iph = (struct iphdr *)ip;

		iph->version = 4;
		iph->ihl = 5;
		iph->tos = tos;
		iph->tot_len = htons(sizeof(*iph) + len);
		iph->ttl = 61;
		iph->protocol = IPPROTO_TCP;
		iph->frag_off = htons(IP_DF);
		iph->saddr = htonl(0xcb007107);
		iph->daddr = htonl(0xcb007163);
		ip_send_check(iph);
		skb->protocol = htons(ETH_P_IP);
	} else {
		struct ipv6hdr *hdr = (struct ipv6hdr *)ip;

		ip6_flow_hdr(hdr, tos, htonl(0x12345));
		hdr->payload_len = htons(len);
		hdr->nexthdr = IPPROTO_TCP;
		hdr->hop_limit = 61;
		hdr->saddr.s6_addr32[0] = htonl(0x20010db8);
		hdr->saddr.s6_addr32[3] = htonl(0xcccc);
		hdr->daddr.s6_addr32[0] = htonl(0x20010db8);
		hdr->daddr.s6_addr32[3] = htonl(0xdddd);
		skb->protocol = htons(ETH_P_IPV6);
	}
	/* As ip_rcv() and ip6_rcv_core() */
	skb_set_transport_header(skb, ip_len(family));
	th = skb_put_zero(skb, sizeof(*th));
	th->source = htons(40001);
	th->dest = htons(80);
	th->doff = 5;
	th->ack = 1;
	for (i = 0; i < PAYLOAD; i++)
		*(u8 *)skb_put(skb, 1) = i * 7;
	th->check = encap_pseudo(ip, family, len, IPPROTO_TCP,
				 partial ? 0 : csum_partial(th, len, 0));
	skb->ip_summed = CHECKSUM_UNNECESSARY;
	if (partial) {
		th->check = ~th->check;
		skb->ip_summed = CHECKSUM_PARTIAL;
		skb->csum_start = skb_transport_header(skb) - skb->head;
		skb->csum_offset = offsetof(struct tcphdr, check);
	}
	skb->dev = init_net.loopback_dev;
	return skb;
}

static int encap_do(struct sk_buff *skb, const struct lbdr_server_tunnel *tunnel,
		    const struct lbdr_encap *encap)
{
	int err;

	local_bh_disable();
	err = lbdr_encap_offloads(skb, tunnel);
	if (!err)
		lbdr_encap_push(skb, tunnel, encap);
	local_bh_enable();
	return err;
}

/* Completes a checksum that is left to the device. */
static void encap_complete(struct kunit *test, struct sk_buff *skb)
{
	if (skb->ip_summed == CHECKSUM_PARTIAL)
		KUNIT_EXPECT_EQ(test, skb_checksum_help(skb), 0);
}

static u8 encap_inner_protocol(const struct encap_case *c)
{
	return c->inner == LBDR_V4 ? 4 : 41;
}

static u8 encap_outer_protocol(const struct encap_case *c)
{
	switch (c->type) {
	case LBDR_TUNNEL_GRE:
		return 47;
	case LBDR_TUNNEL_GUE:
		return 17;
	}
	return encap_inner_protocol(c);
}

/* What the outer IP header says, of either family. Returns what follows it. */
static const u8 *encap_check_ip(struct kunit *test, const struct encap_case *c,
				const u8 *at, u32 len, u8 tos, u8 ttl)
{
	if (c->outer == LBDR_V4) {
		const struct iphdr *iph = (const struct iphdr *)at;

		KUNIT_EXPECT_EQ(test, at[0], 0x45);
		KUNIT_EXPECT_EQ(test, ip_fast_csum(at, 5), 0);
		KUNIT_EXPECT_EQ(test, iph->tos, tos);
		KUNIT_EXPECT_EQ(test, ntohs(iph->tot_len), len);
		KUNIT_EXPECT_EQ(test, iph->ttl, ttl);
		KUNIT_EXPECT_EQ(test, iph->protocol, encap_outer_protocol(c));
		KUNIT_EXPECT_EQ(test, iph->saddr, route4.ip);
		KUNIT_EXPECT_EQ(test, iph->daddr, server4.ip);
		KUNIT_EXPECT_EQ(test, ntohs(iph->frag_off),
				c->inner == LBDR_V4 ? IP_DF : 0);
	} else {
		const struct ipv6hdr *hdr = (const struct ipv6hdr *)at;

		KUNIT_EXPECT_EQ(test, at[0] >> 4, 6);
		KUNIT_EXPECT_EQ(test, ipv6_get_dsfield(hdr), tos);
		KUNIT_EXPECT_EQ(test, ntohs(hdr->payload_len), len - 40);
		KUNIT_EXPECT_EQ(test, hdr->hop_limit, ttl);
		KUNIT_EXPECT_EQ(test, hdr->nexthdr, encap_outer_protocol(c));
		KUNIT_EXPECT_TRUE(test, ipv6_addr_equal(&hdr->saddr, &route6.in6));
		KUNIT_EXPECT_TRUE(test, ipv6_addr_equal(&hdr->daddr, &server6.in6));
		KUNIT_EXPECT_NE(test, ntohl(ip6_flowlabel(hdr)), 0);
	}
	return at + ip_len(c->outer);
}

static void encap_check_gre(struct kunit *test, const struct encap_case *c,
			    const u8 *at, u32 len)
{
	KUNIT_EXPECT_EQ(test, at[0], c->csum ? 0x80 : 0);
	KUNIT_EXPECT_EQ(test, at[1], 0);
	KUNIT_EXPECT_EQ(test, at[2] << 8 | at[3],
			c->inner == LBDR_V4 ? ETH_P_IP : ETH_P_IPV6);
	if (!c->csum)
		return;
	KUNIT_EXPECT_EQ(test, at[6] << 8 | at[7], 0);
	KUNIT_EXPECT_EQ(test, (__force u16)csum_fold(csum_partial(at, len, 0)), 0);
}

static void encap_check_gue(struct kunit *test, const struct encap_case *c,
			    const u8 *ip, const u8 *at, u32 len)
{
	u16 check = at[6] << 8 | at[7];

	KUNIT_EXPECT_GE(test, at[0] << 8 | at[1], 49152);
	KUNIT_EXPECT_EQ(test, at[2] << 8 | at[3], GUE_PORT);
	KUNIT_EXPECT_EQ(test, at[4] << 8 | at[5], len);
	if (c->csum) {
		KUNIT_EXPECT_NE(test, check, 0);
		KUNIT_EXPECT_EQ(test,
				(__force u16)encap_pseudo(ip, c->outer, len, IPPROTO_UDP,
							  csum_partial(at, len, 0)),
				0);
	} else {
		KUNIT_EXPECT_EQ(test, check, 0);
	}
	KUNIT_EXPECT_EQ(test, at[8], 0);
	KUNIT_EXPECT_EQ(test, at[9], encap_inner_protocol(c));
	KUNIT_EXPECT_EQ(test, at[10] << 8 | at[11], 0);
}

/* All headers of a packet, whose checksums are complete, and the checksum of the inner. */
static void encap_check(struct kunit *test, const struct encap_case *c,
			const struct sk_buff *skb, u8 tos, u8 ttl)
{
	const u8 *ip = skb_network_header(skb), *inner = ip + c->overhead, *at;
	u32 len = skb->len, tcp_len = len - c->overhead - ip_len(c->inner);
	const u8 *tcp = inner + ip_len(c->inner);

	KUNIT_ASSERT_FALSE(test, skb_is_nonlinear(skb));
	at = encap_check_ip(test, c, ip, len, tos, ttl);
	len -= ip_len(c->outer);
	if (c->type == LBDR_TUNNEL_GRE)
		encap_check_gre(test, c, at, len);
	else if (c->type == LBDR_TUNNEL_GUE)
		encap_check_gue(test, c, ip, at, len);
	if (c->inner == LBDR_V4)
		KUNIT_EXPECT_EQ(test, ip_fast_csum(inner, 5), 0);
	KUNIT_EXPECT_EQ(test,
			(__force u16)encap_pseudo(inner, c->inner, tcp_len, IPPROTO_TCP,
						  csum_partial(tcp, tcp_len, 0)),
			0);
}

/* Every header field and checksum, for both states of the inner checksum. */
static void encap_headers_test(struct kunit *test)
{
	const struct encap_case *c = test->param_value;
	struct lbdr_tunnel_settings settings = encap_settings(c);
	struct lbdr_server_tunnel tunnel;
	struct lbdr_encap encap;
	struct sk_buff *skb;
	u8 *before;
	u32 len;
	int i;

	encap_setup(c, &settings, 0x5a5a1234, &tunnel, &encap);
	KUNIT_EXPECT_EQ(test, tunnel.overhead, c->overhead);
	for (i = 0; i < 2; i++) {
		skb = encap_skb(test, c->inner, i, 0xb8);
		len = skb->len;
		before = kunit_kmalloc(test, len, GFP_KERNEL);
		KUNIT_ASSERT_NOT_NULL(test, before);
		memcpy(before, skb->data, len);
		KUNIT_ASSERT_EQ(test, encap_do(skb, &tunnel, &encap), 0);
		KUNIT_ASSERT_EQ(test, skb->len, len + c->overhead);
		KUNIT_EXPECT_EQ(test, ntohs(skb->protocol),
				c->outer == LBDR_V4 ? ETH_P_IP : ETH_P_IPV6);
		KUNIT_EXPECT_PTR_EQ(test, skb_network_header(skb), skb->data);
		KUNIT_EXPECT_EQ(test, skb_transport_offset(skb), ip_len(c->outer));
		KUNIT_EXPECT_EQ(test, memcmp(skb->data + c->overhead, before, len), 0);
		/* The device is told where the inner checksum is. */
		KUNIT_EXPECT_TRUE(test, skb->encapsulation == i);
		if (i) {
			KUNIT_EXPECT_EQ(test, skb_inner_network_offset(skb),
					c->overhead);
			KUNIT_EXPECT_EQ(test, skb_inner_transport_offset(skb),
					c->overhead + ip_len(c->inner));
		}
		encap_complete(test, skb);
		encap_check(test, c, skb, 0xb8, 61);
		kfree_skb(skb);
	}
}

/* The kernel segments a GSO packet; each segment has all headers and right checksums. */
static void encap_gso_test(struct kunit *test)
{
	const struct encap_case *c = test->param_value;
	struct lbdr_tunnel_settings settings = encap_settings(c);
	struct sk_buff *skb, *segs, *seg, *next;
	struct lbdr_server_tunnel tunnel;
	u32 n = 0, bytes = 0, hdr_len;
	struct lbdr_encap encap;

	encap_setup(c, &settings, 0x5a5a1234, &tunnel, &encap);
	skb = encap_skb(test, c->inner, true, 0);
	skb_shinfo(skb)->gso_size = SEGMENT;
	skb_shinfo(skb)->gso_segs = DIV_ROUND_UP(PAYLOAD, SEGMENT);
	skb_shinfo(skb)->gso_type = c->inner == LBDR_V4 ? SKB_GSO_TCPV4 :
							  SKB_GSO_TCPV6;
	KUNIT_ASSERT_EQ(test, encap_do(skb, &tunnel, &encap), 0);
	KUNIT_EXPECT_TRUE(test, skb->encapsulation);
	hdr_len = c->overhead + ip_len(c->inner) + sizeof(struct tcphdr);

	segs = skb_gso_segment(skb, 0);
	kfree_skb(skb);
	KUNIT_ASSERT_FALSE(test, IS_ERR_OR_NULL(segs));
	skb_list_walk_safe(segs, seg, next) {
		skb_mark_not_on_list(seg);
		encap_complete(test, seg);
		encap_check(test, c, seg, 0, 61);
		KUNIT_EXPECT_LE(test, seg->len, hdr_len + SEGMENT);
		bytes += seg->len - hdr_len;
		n++;
		kfree_skb(seg);
	}
	KUNIT_EXPECT_EQ(test, n, 3);
	KUNIT_EXPECT_EQ(test, bytes, PAYLOAD);
}

/*
 * Without DF, no two segments have the same id: of one GSO packet, also if its inner ids are
 * all the same, and of the next. Here one CPU uses all ids.
 */
static void encap_gso_ids_test(struct kunit *test)
{
	static const struct encap_case cases[] = {
		{ "", LBDR_TUNNEL_IPIP, false, LBDR_V4, LBDR_V4, 20 },
		{ "", LBDR_TUNNEL_IPIP, false, LBDR_V6, LBDR_V4, 20 },
	};
	struct sk_buff *skb, *segs, *seg, *next;
	struct lbdr_server_tunnel tunnel;
	struct lbdr_encap encap;
	u16 last[3] = {};
	u32 i, j, n;

	for (i = 0; i < 25000; i++) {
		const struct encap_case *c = &cases[i & 1];
		struct lbdr_tunnel_settings settings = encap_settings(c);

		settings.df = LBDR_TUNNEL_DF_CLEAR;
		encap_setup(c, &settings, 1, &tunnel, &encap);
		skb = encap_skb(test, c->inner, true, 0);
		skb_shinfo(skb)->gso_size = SEGMENT;
		skb_shinfo(skb)->gso_segs = i % 5 ? DIV_ROUND_UP(PAYLOAD, SEGMENT) : 0;
		skb_shinfo(skb)->gso_type = c->inner == LBDR_V4 ?
			SKB_GSO_TCPV4 | SKB_GSO_TCP_FIXEDID : SKB_GSO_TCPV6;
		KUNIT_ASSERT_EQ(test, encap_do(skb, &tunnel, &encap), 0);
		segs = skb_gso_segment(skb, 0);
		kfree_skb(skb);
		KUNIT_ASSERT_FALSE(test, IS_ERR_OR_NULL(segs));
		n = 0;
		skb_list_walk_safe(segs, seg, next) {
			u16 id = ntohs(ip_hdr(seg)->id);

			skb_mark_not_on_list(seg);
			for (j = 0; j < n; j++)
				KUNIT_ASSERT_NE(test, id, last[j]);
			for (; i && j < 3; j++)
				KUNIT_ASSERT_NE(test, id, last[j]);
			last[n++] = id;
			kfree_skb(seg);
		}
		KUNIT_ASSERT_EQ(test, n, 3);
	}
}

/* RFC 6040, normal mode: all codepoints, and all DSCPs, are copied. */
static void encap_tos_test(struct kunit *test)
{
	const struct encap_case *c = test->param_value;
	struct lbdr_tunnel_settings settings = encap_settings(c);
	struct lbdr_server_tunnel tunnel;
	struct lbdr_encap encap;
	struct sk_buff *skb;
	u32 tos;

	encap_setup(c, &settings, 1, &tunnel, &encap);
	for (tos = 0; tos < 256; tos++) {
		skb = encap_skb(test, c->inner, false, tos);
		KUNIT_ASSERT_EQ(test, encap_do(skb, &tunnel, &encap), 0);
		encap_complete(test, skb);
		encap_check(test, c, skb, tos, 61);
		kfree_skb(skb);
	}
	settings.ttl = 17;
	encap_setup(c, &settings, 1, &tunnel, &encap);
	skb = encap_skb(test, c->inner, false, 0);
	KUNIT_ASSERT_EQ(test, encap_do(skb, &tunnel, &encap), 0);
	encap_complete(test, skb);
	encap_check(test, c, skb, 0, 17);
	kfree_skb(skb);
}

/* DF, and the ids of packets without it. */
static void encap_df_test(struct kunit *test)
{
	static const struct encap_case cases[] = {
		{ "", LBDR_TUNNEL_IPIP, false, LBDR_V4, LBDR_V4, 20 },
		{ "", LBDR_TUNNEL_IPIP, false, LBDR_V6, LBDR_V4, 20 },
	};
	/* By family, bit of the inner packet, and setting */
	static const bool wanted[2][2][3] = {
		{ { false, true, false }, { true, true, false } },
		{ { false, true, false }, { false, true, false } },
	};
	struct lbdr_server_tunnel tunnel;
	u16 id, last = 0;
	u32 family, bit, df;

	for (family = 0; family < 2; family++)
		for (bit = 0; bit < 2; bit++)
			for (df = 0; df < 6; df++) {
				struct lbdr_tunnel_settings settings =
					encap_settings(&cases[family]);
				bool set = df < 3 && wanted[family][bit][df];
				struct lbdr_encap encap;
				struct sk_buff *skb;

				settings.df = df % 3;
				encap_setup(&cases[family], &settings, 1, &tunnel,
					    &encap);
				encap.may_fragment = df >= 3;
				skb = encap_skb(test, family, false, 0);
				if (family == LBDR_V4 && !bit)
					ip_hdr(skb)->frag_off = 0;
				KUNIT_ASSERT_EQ(test, encap_do(skb, &tunnel, &encap), 0);
				KUNIT_EXPECT_EQ_MSG(test, ntohs(ip_hdr(skb)->frag_off),
						    set ? IP_DF : 0,
						    "family %u, bit %u, setting %u",
						    family, bit, df);
				id = ntohs(ip_hdr(skb)->id);
				if (set) {
					KUNIT_EXPECT_EQ(test, id, 0);
				} else {
					KUNIT_EXPECT_NE(test, id, last);
					last = id;
				}
				kfree_skb(skb);
			}
}

/* Source addresses in a prefix: in it, many, and never its first or last one (IPv4). */
static void encap_source_test(struct kunit *test)
{
	const struct encap_case *c4 = &encap_cases[0], *c6 = &encap_cases[3];
	struct lbdr_tunnel_settings settings = { .type = LBDR_TUNNEL_IPIP };
	union nf_inet_addr addr = {}, first = {};
	struct lbdr_server_tunnel tunnel;
	struct lbdr_encap encap;
	struct rnd_state rnd;
	u32 len, i, host, n;

	lbdr_kunit_seed(test, &rnd);
	for (len = 1; len <= 32; len++) {
		settings.source.ip = htonl(0xac10fffe);
		settings.prefix = len;
		for (n = i = 0; i < 1000; i++) {
			encap_setup(c4, &settings, prandom_u32_state(&rnd), &tunnel,
				    &encap);
			if (i < 2)
				encap.hash = i ? U32_MAX : 0;
			lbdr_encap_source(&tunnel, &encap, &addr);
			host = ntohl(addr.ip) & (u32)(BIT_ULL(32 - len) - 1);
			KUNIT_EXPECT_EQ(test, (u32)(0xac10fffeULL >> (32 - len)),
					(u32)((u64)ntohl(addr.ip) >> (32 - len)));
			if (len < 31) {
				KUNIT_EXPECT_NE(test, host, 0);
				KUNIT_EXPECT_NE(test, host, (u32)(BIT_ULL(32 - len) - 1));
			}
			if (!i)
				first = addr;
			n += addr.ip != first.ip;
		}
		if (len == 32)
			KUNIT_EXPECT_EQ(test, ntohl(addr.ip), 0xac10fffe);
		else if (len == 30)
			KUNIT_EXPECT_GT(test, n, 300);
		else if (len < 30)
			KUNIT_EXPECT_GT(test, n, 700);
	}
	settings.source = route6;
	for (len = 1; len <= 128; len++) {
		settings.prefix = len;
		for (i = 0; i < 100; i++) {
			encap_setup(c6, &settings, prandom_u32_state(&rnd), &tunnel,
				    &encap);
			lbdr_encap_source(&tunnel, &encap, &addr);
			KUNIT_EXPECT_TRUE(test, ipv6_prefix_equal(&addr.in6, &route6.in6,
								  len));
			KUNIT_EXPECT_NE(test, addr.ip6[3], 0);
		}
	}
	settings.prefix = 0;
	encap_setup(c4, &settings, 0, &tunnel, &encap);
	lbdr_encap_source(&tunnel, &encap, &addr);
	KUNIT_EXPECT_EQ(test, addr.ip, route4.ip);
}

/* The number of source ports that 1,000 flows from ports in a row get */
static u32 encap_ports_used(struct kunit *test, enum lbdr_family family)
{
	static unsigned long seen[BITS_TO_LONGS(16384)];
	struct lbdr_flow flow = { .family = family };
	union lbdr_ports *ports;
	u32 i, port, n = 0;

	bitmap_zero(seen, 16384);
	if (family == LBDR_V4) {
		flow.v4.client = htonl(0xcb007107);
		flow.v4.vip = htonl(0xcb007163);
		flow.v4.protocol = IPPROTO_TCP;
		ports = &flow.v4.ports;
	} else {
		flow.v6.client.s6_addr32[0] = htonl(0x20010db8);
		flow.v6.vip.s6_addr32[0] = htonl(0x20010db8);
		flow.v6.protocol = IPPROTO_TCP;
		ports = &flow.v6.ports;
	}
	ports->vport = htons(80);
	for (i = 0; i < 1000; i++) {
		ports->cport = htons(10000 + i);
		flow.event = i % LBDR_EVENTS;
		port = ntohs(lbdr_encap_port(lbdr_encap_hash(&flow)));
		KUNIT_EXPECT_GE(test, port, 49152);
		n += !test_and_set_bit(port - 49152, seen);
		flow.event = 0;
		KUNIT_EXPECT_EQ(test, port,
				ntohs(lbdr_encap_port(lbdr_encap_hash(&flow))));
	}
	return n;
}

/*
 * A hash has all packets of a flow in one place, and flows in many, whatever secrets were
 * chosen when the module was loaded: 970 different ports are expected of 1,000 random
 * ones, and less than 940 have a probability below 1e-8.
 */
static void encap_hash_test(struct kunit *test)
{
	u64 secrets[ARRAY_SIZE(lbdr_encap_secrets)];
	struct rnd_state rnd;
	enum lbdr_family family;
	u32 i;

	lbdr_kunit_seed(test, &rnd);
	memcpy(secrets, lbdr_encap_secrets, sizeof(secrets));
	for (i = 0; i < 100; i++) {
		prandom_bytes_state(&rnd, lbdr_encap_secrets, sizeof(secrets));
		for (family = LBDR_V4; family <= LBDR_V6; family++)
			KUNIT_EXPECT_GT(test, encap_ports_used(test, family), 940);
	}
	memcpy(lbdr_encap_secrets, secrets, sizeof(secrets));
}

static struct kunit_case encap_kunit_cases[] = {
	KUNIT_CASE_PARAM(encap_headers_test, encap_gen_params),
	KUNIT_CASE_PARAM(encap_gso_test, encap_gen_params),
	KUNIT_CASE(encap_gso_ids_test),
	KUNIT_CASE_PARAM(encap_tos_test, encap_gen_params),
	KUNIT_CASE(encap_df_test),
	KUNIT_CASE(encap_source_test),
	KUNIT_CASE(encap_hash_test),
	{}
};

static struct kunit_suite encap_suite = {
	.name		= "lbdr_tunnel_encap",
	.test_cases	= encap_kunit_cases,
};

kunit_test_suites(&encap_suite);
