// SPDX-License-Identifier: GPL-2.0
/*
 * ICMP errors about tunnelled packets: complete, truncated, non-linear and random ones.
 *
 * An error is built from bytes: IP header, ICMP header, outer header of the tunnel, header
 * of the type, and the inner packet from a client to the VIP. packet.c puts it where KASAN
 * reports a read beyond its end.
 */
#include <kunit/test.h>
#include <linux/icmp.h>
#include <linux/icmpv6.h>
#include <net/ipv6.h>

#include "flow.h"
#include "lbdr_kunit.h"
#include "packet.h"
#include "tunnel_error.h"

#define ICMP_LEN	8
#define PORTS_LEN	4
#define MTU		1400
#define GUE_PORT	6080
#define RANDOM_ERRORS	100000

/* @shim: header between outer and inner header; @port: of GUE */
struct error_case {
	const char		*name;
	u8			type;
	enum lbdr_family	inner;
	enum lbdr_family	outer;
	u8			protocol;
	u8			shim_len;
	u8			shim[12];
	u16			port;
};

static const struct error_case error_cases[] = {
	{ "ipip, 4 in 4", LBDR_TUNNEL_IPIP, LBDR_V4, LBDR_V4, 4, 0, {}, 0 },
	{ "ipip, 6 in 4", LBDR_TUNNEL_IPIP, LBDR_V6, LBDR_V4, 41, 0, {}, 0 },
	{ "ipip, 4 in 6", LBDR_TUNNEL_IPIP, LBDR_V4, LBDR_V6, 4, 0, {}, 0 },
	{ "ipip, 6 in 6", LBDR_TUNNEL_IPIP, LBDR_V6, LBDR_V6, 41, 0, {}, 0 },
	{ "gre, 4 in 4", LBDR_TUNNEL_GRE, LBDR_V4, LBDR_V4, 47, 4, { 0, 0, 0x08, 0x00 }, 0 },
	{ "gre, 6 in 4", LBDR_TUNNEL_GRE, LBDR_V6, LBDR_V4, 47, 4, { 0, 0, 0x86, 0xdd }, 0 },
	{ "gre, 4 in 6", LBDR_TUNNEL_GRE, LBDR_V4, LBDR_V6, 47, 4, { 0, 0, 0x08, 0x00 }, 0 },
	{ "gre csum, 6 in 6", LBDR_TUNNEL_GRE, LBDR_V6, LBDR_V6, 47, 8,
	  { 0x80, 0, 0x86, 0xdd, 1, 2 }, 0 },
	{ "gue, 4 in 4", LBDR_TUNNEL_GUE, LBDR_V4, LBDR_V4, 17, 12,
	  { 0xc0, 1, 0x17, 0xc0, 0, 99, 0, 0, 0, 4 }, GUE_PORT },
	{ "gue, 6 in 4", LBDR_TUNNEL_GUE, LBDR_V6, LBDR_V4, 17, 12,
	  { 0xc0, 1, 0x17, 0xc0, 0, 99, 0, 0, 0, 41 }, GUE_PORT },
	{ "gue, 4 in 6", LBDR_TUNNEL_GUE, LBDR_V4, LBDR_V6, 17, 12,
	  { 0xc0, 1, 0x17, 0xc0, 0, 99, 0, 0, 0, 4 }, GUE_PORT },
	{ "gue, 6 in 6", LBDR_TUNNEL_GUE, LBDR_V6, LBDR_V6, 17, 12,
	  { 0xc0, 1, 0x17, 0xc0, 0, 99, 0, 0, 0, 41 }, GUE_PORT },
};

KUNIT_ARRAY_PARAM_DESC(error, error_cases, name);

/* Offsets in the error that is being built: quoted outer header, its shim, inner packet */
struct error_at {
	u32	quote;
	u32	shim;
	u32	inner;
	u32	ports;
};

static u32 ip_len(enum lbdr_family family)
{
	return family == LBDR_V4 ? V4_LEN : V6_LEN;
}

/* An IP header; the director is 192.0.2.9 or 2001:db8::9, the server .2 or ::2. */
static void error_put_ip(struct packet *packet, enum lbdr_family family, u8 protocol,
			 u8 from, u8 to)
{
	u8 *at = packet_put(packet, ip_len(family));

	if (family == LBDR_V4) {
		at[0] = 0x45;
		at[V4_PROTOCOL] = protocol;
		at[V4_SADDR] = 192;
		at[V4_SADDR + 2] = 2;
		at[V4_SADDR + 3] = from;
		at[V4_DADDR] = 192;
		at[V4_DADDR + 2] = 2;
		at[V4_DADDR + 3] = to;
		return;
	}
	at[0] = 0x60;
	at[V6_NEXT] = protocol;
	memcpy(at + V6_SADDR, "\x20\x01\x0d\xb8", 4);
	at[V6_SADDR + 15] = from;
	memcpy(at + V6_DADDR, "\x20\x01\x0d\xb8", 4);
	at[V6_DADDR + 15] = to;
}

/* The director is 9, the server 2, the router 1, the client 7, the VIP 99. */
static struct error_at error_build(struct packet *packet, const struct error_case *c,
				   u8 type, u8 code)
{
	bool four = c->outer == LBDR_V4;
	struct error_at at;
	u8 *icmp, *ports;

	packet->len = 0;
	error_put_ip(packet, c->outer, four ? IPPROTO_ICMP : IPPROTO_ICMPV6, 1, 9);
	icmp = packet_put(packet, ICMP_LEN);
	icmp[0] = type;
	icmp[1] = code;
	icmp[6] = MTU >> 8;
	icmp[7] = MTU & 0xff;
	at.quote = packet->len;
	error_put_ip(packet, c->outer, c->protocol, 9, 2);
	at.shim = packet->len;
	memcpy(packet_put(packet, c->shim_len), c->shim, c->shim_len);
	at.inner = packet->len;
	error_put_ip(packet, c->inner, IPPROTO_TCP, 7, 99);
	at.ports = packet->len;
	ports = packet_put(packet, TCP_LEN);
	ports[0] = 0x9c;
	ports[1] = 0x41;
	ports[3] = 80;
	return at;
}

static struct error_at error_build_too_big(struct packet *packet,
					   const struct error_case *c)
{
	return c->outer == LBDR_V4 ?
	       error_build(packet, c, ICMP_DEST_UNREACH, ICMP_FRAG_NEEDED) :
	       error_build(packet, c, ICMPV6_PKT_TOOBIG, 0);
}

static bool error_parse(struct packet *packet, enum lbdr_family outer, u32 len,
			u32 linear, struct lbdr_tunnel_error *error)
{
	packet_cut(packet, len, linear);
	return lbdr_tunnel_error_parse(packet->skb, outer, error);
}

static void error_expect_flow(struct kunit *test, const struct error_case *c,
			      const struct error_at *at,
			      const struct lbdr_tunnel_error *error)
{
	const struct lbdr_flow *flow = &error->flow;

	KUNIT_EXPECT_EQ(test, error->inner, at->inner);
	KUNIT_EXPECT_EQ(test, flow->family, c->inner);
	if (c->inner == LBDR_V4) {
		KUNIT_EXPECT_EQ(test, ntohl(flow->v4.client), 0xc0000207);
		KUNIT_EXPECT_EQ(test, ntohl(flow->v4.vip), 0xc0000263);
		KUNIT_EXPECT_EQ(test, ntohs(flow->v4.ports.cport), 40001);
		KUNIT_EXPECT_EQ(test, ntohs(flow->v4.ports.vport), 80);
		KUNIT_EXPECT_EQ(test, flow->v4.protocol, IPPROTO_TCP);
	} else {
		KUNIT_EXPECT_EQ(test, flow->v6.client.s6_addr[15], 7);
		KUNIT_EXPECT_EQ(test, flow->v6.vip.s6_addr[15], 99);
		KUNIT_EXPECT_EQ(test, ntohs(flow->v6.ports.cport), 40001);
		KUNIT_EXPECT_EQ(test, ntohs(flow->v6.ports.vport), 80);
		KUNIT_EXPECT_EQ(test, flow->v6.protocol, IPPROTO_TCP);
	}
}

/*
 * Every length, and every length of the linear part: the outer header is enough for the
 * PMTU, the ports are needed for the flow.
 */
static void error_truncated_test(struct kunit *test)
{
	const struct error_case *c = test->param_value;
	struct packet *packet = test->priv;
	struct lbdr_tunnel_error error;
	struct error_at at;
	u32 len, linear, need;
	bool ours;

	at = error_build_too_big(packet, c);
	need = at.shim;
	for (len = ip_len(c->outer); len <= packet->len; len++)
		for (linear = ip_len(c->outer); linear <= len; linear++) {
			ours = error_parse(packet, c->outer, len, linear, &error);
			KUNIT_ASSERT_EQ_MSG(test, ours, len >= need,
					    "%u bytes, %u of them linear", len,
					    linear);
			if (!ours)
				continue;
			KUNIT_ASSERT_EQ(test, error.kind, LBDR_TUNNEL_ERROR_TOO_BIG);
			KUNIT_ASSERT_EQ(test, error.mtu, MTU);
			KUNIT_ASSERT_EQ(test, error.type, c->type);
			if (c->outer == LBDR_V4) {
				KUNIT_ASSERT_EQ(test, ntohl(error.saddr.ip), 0xc0000209);
				KUNIT_ASSERT_EQ(test, ntohl(error.daddr.ip), 0xc0000202);
			} else {
				KUNIT_ASSERT_EQ(test, error.saddr.in6.s6_addr[15], 9);
				KUNIT_ASSERT_EQ(test, error.daddr.in6.s6_addr[15], 2);
			}
			KUNIT_ASSERT_EQ_MSG(test, error.complete,
					    len >= at.ports + PORTS_LEN,
					    "%u bytes, %u of them linear", len,
					    linear);
			if (!error.complete)
				continue;
			KUNIT_ASSERT_EQ(test, ntohs(error.port), c->port);
			error_expect_flow(test, c, &at, &error);
		}
}

/* All types and codes. */
static void error_kinds_test(struct kunit *test)
{
	const struct error_case *c = test->param_value;
	struct packet *packet = test->priv;
	enum lbdr_tunnel_error_kind wanted;
	struct lbdr_tunnel_error error;
	u32 type, code;
	bool ours;

	for (type = 0; type < 256; type++)
		for (code = 0; code < 20; code++) {
			wanted = LBDR_TUNNEL_ERROR_OTHER;
			if (c->outer == LBDR_V4) {
				if (type == 3 && code == 4)
					wanted = LBDR_TUNNEL_ERROR_TOO_BIG;
				else if ((type == 3 && code != 5) ||
					 (type == 11 && !code))
					wanted = LBDR_TUNNEL_ERROR_UNREACHABLE;
			} else {
				if (type == 2)
					wanted = LBDR_TUNNEL_ERROR_TOO_BIG;
				else if (type == 1 || (type == 3 && !code) ||
					 (type == 4 && code == 1))
					wanted = LBDR_TUNNEL_ERROR_UNREACHABLE;
			}
			error_build(packet, c, type, code);
			ours = error_parse(packet, c->outer, packet->len,
					   packet->len, &error);
			KUNIT_ASSERT_EQ_MSG(test, ours,
					    wanted != LBDR_TUNNEL_ERROR_OTHER,
					    "type %u, code %u", type, code);
			if (ours)
				KUNIT_ASSERT_EQ(test, error.kind, wanted);
		}
}

/* A byte that makes the error one of something else, or its flow unknown. */
static void error_odd_test(struct kunit *test)
{
	const struct error_case *c = test->param_value;
	struct packet *packet = test->priv;
	struct lbdr_tunnel_error error;
	struct error_at at;
	u32 i;

	/* The source of the quoted packet is not the destination of the error. */
	at = error_build_too_big(packet, c);
	packet->bytes[at.quote + (c->outer == LBDR_V4 ? V4_SADDR + 3 :
							V6_SADDR + 15)]++;
	KUNIT_EXPECT_FALSE(test, error_parse(packet, c->outer, packet->len,
					     packet->len, &error));
	/* Another protocol */
	at = error_build_too_big(packet, c);
	packet->bytes[at.quote + (c->outer == LBDR_V4 ? V4_PROTOCOL : V6_NEXT)] = 6;
	KUNIT_EXPECT_FALSE(test, error_parse(packet, c->outer, packet->len,
					     packet->len, &error));
	/* A later fragment of the outer packet */
	if (c->outer == LBDR_V4) {
		at = error_build_too_big(packet, c);
		packet->bytes[at.quote + V4_FRAG + 1] = 1;
		KUNIT_EXPECT_FALSE(test, error_parse(packet, c->outer, packet->len,
						     packet->len, &error));
	}
	/* Versions */
	at = error_build_too_big(packet, c);
	packet->bytes[at.quote] ^= 0x20;
	KUNIT_EXPECT_FALSE(test, error_parse(packet, c->outer, packet->len,
					     packet->len, &error));
	at = error_build_too_big(packet, c);
	packet->bytes[at.inner] ^= 0x20;
	KUNIT_EXPECT_TRUE(test, error_parse(packet, c->outer, packet->len,
					    packet->len, &error));
	KUNIT_EXPECT_FALSE(test, error.complete);
	/* An inner protocol without ports */
	at = error_build_too_big(packet, c);
	packet->bytes[at.inner + (c->inner == LBDR_V4 ? V4_PROTOCOL : V6_NEXT)] = 47;
	KUNIT_EXPECT_TRUE(test, error_parse(packet, c->outer, packet->len,
					    packet->len, &error));
	KUNIT_EXPECT_FALSE(test, error.complete);
	/* Flags of GRE and GUE that the director does not send */
	for (i = 0; c->type == LBDR_TUNNEL_GRE && i < 2; i++) {
		at = error_build_too_big(packet, c);
		packet->bytes[at.shim + i] ^= 0x20;
		error_parse(packet, c->outer, packet->len, packet->len, &error);
		KUNIT_EXPECT_FALSE(test, error.complete);
	}
	for (i = 8; c->type == LBDR_TUNNEL_GUE && i < 12; i++) {
		at = error_build_too_big(packet, c);
		packet->bytes[at.shim + i] ^= 0x20;
		error_parse(packet, c->outer, packet->len, packet->len, &error);
		KUNIT_EXPECT_FALSE(test, error.complete);
	}
}

/* Random bytes in random errors: no read beyond the end, and no offset beyond it. */
static void error_random_test(struct kunit *test)
{
	struct packet *packet = test->priv;
	struct lbdr_tunnel_error error;
	const struct error_case *c;
	u32 i, n, len, linear, complete = 0;
	struct rnd_state rnd;

	lbdr_kunit_seed(test, &rnd);
	for (i = 0; i < RANDOM_ERRORS; i++) {
		c = &error_cases[lbdr_kunit_below(&rnd, ARRAY_SIZE(error_cases))];
		error_build_too_big(packet, c);
		for (n = lbdr_kunit_below(&rnd, 4); n; n--)
			packet->bytes[lbdr_kunit_below(&rnd, packet->len)] =
				prandom_u32_state(&rnd);
		len = ip_len(c->outer) +
		      lbdr_kunit_below(&rnd, packet->len - ip_len(c->outer) + 1);
		linear = ip_len(c->outer) +
			 lbdr_kunit_below(&rnd, len - ip_len(c->outer) + 1);
		if (!error_parse(packet, c->outer, len, linear, &error) ||
		    !error.complete)
			continue;
		KUNIT_ASSERT_LE(test, error.inner + ip_len(error.flow.family), len);
		complete++;
	}
	KUNIT_EXPECT_NE(test, complete, 0);
}

static struct kunit_case error_kunit_cases[] = {
	KUNIT_CASE_PARAM(error_truncated_test, error_gen_params),
	KUNIT_CASE_PARAM(error_kinds_test, error_gen_params),
	KUNIT_CASE_PARAM(error_odd_test, error_gen_params),
	KUNIT_CASE(error_random_test),
	{}
};

static struct kunit_suite error_suite = {
	.name		= "lbdr_tunnel_error",
	.init		= packet_init,
	.test_cases	= error_kunit_cases,
};

kunit_test_suites(&error_suite);
