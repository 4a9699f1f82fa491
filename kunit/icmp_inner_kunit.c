// SPDX-License-Identifier: GPL-2.0
/*
 * ICMP errors: the flow of the inner packet, for truncated, non-linear and malformed
 * errors.
 *
 * The inner packets are those of the parser's suites, with source and destination
 * swapped.
 */
#include <kunit/test.h>
#include <linux/icmp.h>
#include <linux/icmpv6.h>
#include <net/ipv6.h>

#include "flow.h"
#include "lbdr_kunit.h"
#include "packet.h"

#define ICMP_LEN	8
#define PORTS_LEN	4
#define RANDOM_ERRORS	200000

KUNIT_ARRAY_PARAM_DESC(packet_kind, packet_kinds, name);

/*
 * Outer headers: words of IPv4 options, or one IPv6 extension header. A hop-by-hop
 * header has type 0; its length distinguishes it from no header.
 */
struct icmp_inner_outer {
	u32			words;
	struct packet_ext	ext;
};

static const struct icmp_inner_outer icmp_inner_outers[] = {
	{ 0, {} },
	{ 1, { NEXTHDR_HOP, 1 } },
	{ 4, { NEXTHDR_DEST, 3 } },
	{ 10, { NEXTHDR_FRAGMENT, 0 } },
};

/**
 * struct icmp_error - an ICMP error and its inner packet
 * @packet: the error
 * @inner: the inner packet; its skb is not used
 * @at: offset of the inner packet in @packet
 * @thoff: offset of the transport header in @inner
 */
struct icmp_error {
	struct packet	*packet;
	struct packet	*inner;
	u32		at;
	u32		thoff;
};

static void icmp_inner_swap(u8 *a, u8 *b, u32 len)
{
	u32 i;

	for (i = 0; i < len; i++)
		swap(a[i], b[i]);
}

/*
 * Builds an error of @type about a packet of @kind from the VIP to the client. @flow is
 * set to the expected flow.
 */
static void icmp_inner_put(struct icmp_error *error, const struct packet_kind *kind,
			   const struct icmp_inner_outer *outer, u8 type,
			   struct lbdr_flow *flow)
{
	bool ext = outer->ext.type || outer->ext.len;
	bool four = kind->family == LBDR_V4;
	u8 icmp = four ? IPPROTO_ICMP : IPPROTO_ICMPV6;
	struct packet *packet = error->packet;
	u8 *bytes = error->inner->bytes;
	u8 *at;

	packet_put_kind(error->inner, kind);
	error->thoff = kind->hdr_len - (kind->protocol == IPPROTO_TCP ?
					TCP_LEN + kind->options * 4 : UDP_LEN);
	packet_key(error->inner, kind->family, error->thoff, kind->protocol,
		   flow);
	if (four)
		icmp_inner_swap(bytes + V4_SADDR, bytes + V4_DADDR, 4);
	else
		icmp_inner_swap(bytes + V6_SADDR, bytes + V6_DADDR, 16);
	icmp_inner_swap(bytes + error->thoff + L4_SPORT,
			bytes + error->thoff + L4_DPORT, 2);

	if (four) {
		packet_put_ip4(packet, icmp, outer->words);
	} else {
		packet_put_ip6(packet, ext ? outer->ext.type : icmp);
		if (ext) {
			at = packet_put(packet, packet_ext_len(outer->ext.type,
							       outer->ext.len));
			at[0] = icmp;
			at[1] = outer->ext.len;
		}
	}
	at = packet_put(packet, ICMP_LEN);
	at[0] = type;
	error->at = packet->len;
	memcpy(packet_put(packet, error->inner->len), bytes, error->inner->len);

	flow->event = LBDR_EVENT_DATA;
	flow->hdr_len = error->at;
}

static u8 icmp_inner_type(enum lbdr_family family)
{
	return family == LBDR_V4 ? ICMP_DEST_UNREACH : ICMPV6_DEST_UNREACH;
}

/* An error with a complete inner packet, for every length of the linear part. */
static void icmp_inner_whole_test(struct kunit *test)
{
	const struct packet_kind *kind = test->param_value;
	struct icmp_error *error = test->priv;
	struct packet *packet = error->packet;
	struct lbdr_flow expected, flow;
	u32 i, linear;

	for (i = 0; i < ARRAY_SIZE(icmp_inner_outers); i++) {
		icmp_inner_put(error, kind, &icmp_inner_outers[i],
			       icmp_inner_type(kind->family), &expected);
		for (linear = packet_fixed_len(kind->family);
		     linear <= packet->len; linear++) {
			KUNIT_EXPECT_EQ_MSG(test, LBDR_PARSED_ERROR,
					    packet_parse_cut(packet,
							     kind->family,
							     packet->len,
							     linear, false,
							     &flow),
					    "outer %u, %u bytes are linear", i,
					    linear);
			KUNIT_EXPECT_TRUE_MSG(test,
					      packet_flows_equal(&flow,
								 &expected),
					      "outer %u, %u bytes are linear",
					      i, linear);
		}
	}
}

/* A truncated inner packet is accepted if it contains the ports. */
static void icmp_inner_truncated_test(struct kunit *test)
{
	const struct packet_kind *kind = test->param_value;
	struct icmp_error *error = test->priv;
	struct packet *packet = error->packet;
	enum lbdr_parsed parsed, wanted;
	struct lbdr_flow expected, flow;
	u32 i, len, linear;

	for (i = 0; i < ARRAY_SIZE(icmp_inner_outers); i++) {
		icmp_inner_put(error, kind, &icmp_inner_outers[i],
			       icmp_inner_type(kind->family), &expected);
		for (len = packet_fixed_len(kind->family); len < packet->len;
		     len++) {
			wanted = len < error->at + error->thoff + PORTS_LEN ?
				 LBDR_PARSED_OTHER : LBDR_PARSED_ERROR;
			for (linear = packet_fixed_len(kind->family);
			     linear <= len; linear++) {
				parsed = packet_parse_cut(packet, kind->family,
							  len, linear, false,
							  &flow);
				KUNIT_EXPECT_EQ_MSG(test, parsed, wanted,
						    "outer %u, %u bytes, %u of them linear",
						    i, len, linear);
				if (parsed == LBDR_PARSED_ERROR)
					KUNIT_EXPECT_TRUE(test,
							  packet_flows_equal(&flow,
									     &expected));
			}
		}
	}
}

/* All types: errors are accepted whatever their code is, other messages are not. */
static void icmp_inner_types_test(struct kunit *test)
{
	struct icmp_error *error = test->priv;
	struct packet *packet = error->packet;
	struct lbdr_flow expected, flow;
	enum lbdr_parsed wanted;
	u32 i, type, code;
	bool is_error;

	for (i = 0; i < PACKET_KINDS; i++) {
		const struct packet_kind *kind = &packet_kinds[i];

		for (type = 0; type < 256; type++) {
			icmp_inner_put(error, kind, &icmp_inner_outers[0], type,
				       &expected);
			is_error = kind->family == LBDR_V4 ?
				   type == 3 || type == 4 || type == 11 ||
				   type == 12 : type < 128;
			wanted = is_error ? LBDR_PARSED_ERROR : LBDR_PARSED_OTHER;
			for (code = 0; code < 256; code += 5) {
				packet->bytes[error->at - ICMP_LEN + 1] = code;
				KUNIT_EXPECT_EQ_MSG(test, wanted,
						    packet_parse(packet,
								 kind->family,
								 &flow),
						    "%s, type %u, code %u",
						    kind->name, type, code);
			}
		}
	}
}

/* A byte to change: its offset, and its new value. */
struct icmp_inner_poke {
	u8	at;
	u8	value;
};

#define POKES_MAX	2

/**
 * struct icmp_inner_odd - a well-formed error with a few bytes of its inner packet changed
 * @name: name of the case
 * @family: IPv4 or IPv6
 * @next: IPv6: type of an extension header of 8 bytes in the inner packet, 0 for none
 * @pokes: bytes to change, by offset from the start of the inner packet
 * @good: true if the parser still returns a flow
 */
struct icmp_inner_odd {
	const char		*name;
	enum lbdr_family	family;
	u8			next;
	struct icmp_inner_poke	pokes[POKES_MAX];
	bool			good;
};

static const struct icmp_inner_odd icmp_inner_odds[] = {
	{ "IPv4, no TTL left", LBDR_V4, 0, { { 8, 0 } }, true },
	{ "IPv4, another checksum", LBDR_V4, 0, { { 10, 0xde } }, true },
	{ "IPv4, a length of 0", LBDR_V4, 0, { { 3, 0 } }, true },
	{ "IPv4, may not be fragmented", LBDR_V4, 0, { { V4_FRAG, 0x40 } },
	  true },
	{ "IPv4, first fragment", LBDR_V4, 0, { { V4_FRAG, 0x20 } }, true },
	{ "IPv4, next fragment", LBDR_V4, 0,
	  { { V4_FRAG, 0x20 }, { V4_FRAG + 1, 1 } }, false },
	{ "IPv4, last fragment", LBDR_V4, 0, { { V4_FRAG + 1, 1 } }, false },
	{ "IPv4, last fragment, far", LBDR_V4, 0, { { V4_FRAG, 0x10 } },
	  false },
	{ "IPv4, version 6", LBDR_V4, 0, { { V4_IHL, 0x65 } }, false },
	{ "IPv4, version 0", LBDR_V4, 0, { { V4_IHL, 0x05 } }, false },
	{ "IPv4, no header length", LBDR_V4, 0, { { V4_IHL, 0x40 } }, false },
	{ "IPv4, header length 4", LBDR_V4, 0, { { V4_IHL, 0x44 } }, false },
	{ "IPv4, header longer than all", LBDR_V4, 0, { { V4_IHL, 0x4f } },
	  false },
	{ "IPv4, from another address, first byte", LBDR_V4, 0,
	  { { V4_SADDR, 1 } }, false },
	{ "IPv4, from another address, last byte", LBDR_V4, 0,
	  { { V4_SADDR + 3, 99 } }, false },
	{ "IPv4, to another address", LBDR_V4, 0, { { V4_DADDR + 3, 99 } },
	  true },
	{ "IPv4, protocol 0", LBDR_V4, 0, { { V4_PROTOCOL, 0 } }, false },
	{ "IPv4, ICMP", LBDR_V4, 0, { { V4_PROTOCOL, IPPROTO_ICMP } }, false },
	{ "IPv4, GRE", LBDR_V4, 0, { { V4_PROTOCOL, IPPROTO_GRE } }, false },
	{ "IPv4, UDP", LBDR_V4, 0, { { V4_PROTOCOL, IPPROTO_UDP } }, true },
	{ "IPv4, SCTP", LBDR_V4, 0, { { V4_PROTOCOL, IPPROTO_SCTP } }, true },
	{ "IPv4, TCP without header length", LBDR_V4, 0,
	  { { V4_LEN + TCP_DOFF, 0 } }, true },
	{ "IPv6, no hops left", LBDR_V6, 0, { { 7, 0 } }, true },
	{ "IPv6, a length of 0", LBDR_V6, 0, { { 4, 0 }, { 5, 0 } }, true },
	{ "IPv6, version 4", LBDR_V6, 0, { { 0, 0x45 } }, false },
	{ "IPv6, version 0", LBDR_V6, 0, { { 0, 0x06 } }, false },
	{ "IPv6, from another address, first byte", LBDR_V6, 0,
	  { { V6_SADDR, 1 } }, false },
	{ "IPv6, from another address, last byte", LBDR_V6, 0,
	  { { V6_SADDR + 15, 99 } }, false },
	{ "IPv6, to another address", LBDR_V6, 0, { { V6_DADDR + 15, 99 } },
	  true },
	{ "IPv6, no next header", LBDR_V6, 0, { { V6_NEXT, NEXTHDR_NONE } },
	  false },
	{ "IPv6, ESP", LBDR_V6, 0, { { V6_NEXT, NEXTHDR_ESP } }, false },
	{ "IPv6, ICMPv6", LBDR_V6, 0, { { V6_NEXT, NEXTHDR_ICMP } }, false },
	{ "IPv6, UDP", LBDR_V6, 0, { { V6_NEXT, IPPROTO_UDP } }, true },
	{ "IPv6, SCTP", LBDR_V6, 0, { { V6_NEXT, IPPROTO_SCTP } }, true },
	{ "IPv6, atomic fragment", LBDR_V6, NEXTHDR_FRAGMENT, {}, true },
	{ "IPv6, atomic fragment, reserved bits", LBDR_V6, NEXTHDR_FRAGMENT,
	  { { V6_LEN + 1, 0xff }, { V6_LEN + 3, 0x06 } }, true },
	{ "IPv6, first fragment", LBDR_V6, NEXTHDR_FRAGMENT,
	  { { V6_LEN + 3, 0x01 } }, true },
	{ "IPv6, next fragment", LBDR_V6, NEXTHDR_FRAGMENT,
	  { { V6_LEN + 3, 0x09 } }, false },
	{ "IPv6, last fragment", LBDR_V6, NEXTHDR_FRAGMENT,
	  { { V6_LEN + 3, 0x08 } }, false },
	{ "IPv6, last fragment, far", LBDR_V6, NEXTHDR_FRAGMENT,
	  { { V6_LEN + 2, 0x80 } }, false },
	{ "IPv6, options end behind the end", LBDR_V6, NEXTHDR_DEST,
	  { { V6_LEN + 1, 0xff } }, false },
	{ "IPv6, options, and no next header", LBDR_V6, NEXTHDR_DEST,
	  { { V6_LEN, NEXTHDR_NONE } }, false },
	{ "IPv6, options, options that are TCP", LBDR_V6, NEXTHDR_DEST,
	  { { V6_LEN, NEXTHDR_DEST } }, false },
};

KUNIT_ARRAY_PARAM_DESC(icmp_inner_odd, icmp_inner_odds, name);

static void icmp_inner_odd_test(struct kunit *test)
{
	const struct icmp_inner_odd *odd = test->param_value;
	struct icmp_error *error = test->priv;
	struct packet *packet = error->packet;
	struct packet_kind plain = {
		.family = odd->family,
		.protocol = IPPROTO_TCP,
		.hdr_len = packet_fixed_len(odd->family) + TCP_LEN,
		.payload = 4,
		.n_exts = odd->next ? 1 : 0,
		.exts[0].type = odd->next,
	};
	enum lbdr_parsed parsed;
	struct lbdr_flow flow;
	u32 linear, i;

	plain.hdr_len += plain.n_exts * 8;
	icmp_inner_put(error, &plain, &icmp_inner_outers[0], icmp_inner_type(odd->family),
		       &flow);
	for (i = 0; i < POKES_MAX; i++)
		if (odd->pokes[i].at || odd->pokes[i].value)
			packet->bytes[error->at + odd->pokes[i].at] =
				odd->pokes[i].value;

	for (linear = packet_fixed_len(odd->family); linear <= packet->len;
	     linear++) {
		parsed = packet_parse_cut(packet, odd->family, packet->len,
					  linear, false, &flow);
		KUNIT_EXPECT_EQ_MSG(test, parsed, odd->good ?
				    LBDR_PARSED_ERROR : LBDR_PARSED_OTHER,
				    "%u bytes are linear", linear);
	}
}

static bool icmp_inner_naive_ports(u8 type)
{
	return type == IPPROTO_TCP || type == IPPROTO_UDP ||
	       type == IPPROTO_SCTP;
}

static bool icmp_inner_naive_ext(u8 type)
{
	return type == NEXTHDR_HOP || type == NEXTHDR_ROUTING ||
	       type == NEXTHDR_FRAGMENT || type == NEXTHDR_AUTH ||
	       type == NEXTHDR_DEST;
}

/*
 * Returns the offset of the first header that is not an extension header after the IPv6
 * header at @at, and its type; 0 if there is none. @offset and @more are set from the
 * last fragment header.
 */
static u32 icmp_inner_naive_chain(const u8 *bytes, u32 at, u32 len, u8 *type,
				  u32 *offset, bool *more)
{
	u32 n = 0, size;

	*type = bytes[at + V6_NEXT];
	*offset = 0;
	*more = false;
	at += V6_LEN;
	while (icmp_inner_naive_ext(*type)) {
		if (n++ == IP6_MAX_EXT_HDRS_CNT || at + 2 > len)
			return 0;
		if (*type == NEXTHDR_FRAGMENT) {
			if (at + 4 > len)
				return 0;
			*offset = (bytes[at + 2] << 8 | bytes[at + 3]) / 8;
			*more = bytes[at + 3] & 1;
			if (*offset)
				return at;
		}
		size = packet_ext_len(*type, bytes[at + 1]);
		*type = bytes[at];
		at += size;
	}
	return *type == NEXTHDR_NONE ? 0 : at;
}

/* Returns the offset of the outer packet's ICMP header, or 0 if it is not ICMP. */
static u32 icmp_inner_naive_icmp(const u8 *bytes, enum lbdr_family family, u32 len)
{
	u32 at, offset;
	bool more;
	u8 type;

	if (family == LBDR_V4) {
		at = (bytes[V4_IHL] & 15) * 4;
		more = bytes[V4_FRAG] & 0x3f || bytes[V4_FRAG + 1];
		return at < V4_LEN || more ||
		       bytes[V4_PROTOCOL] != IPPROTO_ICMP ? 0 : at;
	}
	at = icmp_inner_naive_chain(bytes, 0, len, &type, &offset, &more);
	return offset || more || type != IPPROTO_ICMPV6 ? 0 : at;
}

/* Second implementation of icmp_inner.c: ICMP header at @at, first @len bytes. */
static enum lbdr_parsed icmp_inner_naive(const u8 *bytes, enum lbdr_family family,
					 u32 at, u32 len, struct lbdr_flow *flow)
{
	bool four = family == LBDR_V4, more;
	u32 inner_at = at + ICMP_LEN, thoff, offset;
	const u8 *inner = bytes + inner_at;
	u8 type;

	if (inner_at + packet_fixed_len(family) > len)
		return LBDR_PARSED_OTHER;
	type = bytes[at];
	if (four ? type != 3 && type != 4 && type != 11 && type != 12 :
		   type >= 128)
		return LBDR_PARSED_OTHER;
	if (inner[0] >> 4 != (four ? 4 : 6))
		return LBDR_PARSED_OTHER;
	if (four) {
		thoff = inner_at + (inner[V4_IHL] & 15) * 4;
		offset = (inner[V4_FRAG] & 0x1f) << 8 | inner[V4_FRAG + 1];
		type = inner[V4_PROTOCOL];
		if (thoff < inner_at + V4_LEN ||
		    memcmp(inner + V4_SADDR, bytes + V4_DADDR, 4))
			return LBDR_PARSED_OTHER;
	} else {
		thoff = icmp_inner_naive_chain(bytes, inner_at, len, &type, &offset,
					       &more);
		if (!thoff || memcmp(inner + V6_SADDR, bytes + V6_DADDR, 16))
			return LBDR_PARSED_OTHER;
	}
	if (offset || !icmp_inner_naive_ports(type) || thoff + PORTS_LEN > len)
		return LBDR_PARSED_OTHER;

	memset(flow, 0, sizeof(*flow));
	flow->family = family;
	flow->event = LBDR_EVENT_DATA;
	flow->hdr_len = inner_at;
	if (four) {
		memcpy(&flow->v4.vip, inner + V4_SADDR, 4);
		memcpy(&flow->v4.client, inner + V4_DADDR, 4);
		memcpy(&flow->v4.ports.vport, bytes + thoff + L4_SPORT, 2);
		memcpy(&flow->v4.ports.cport, bytes + thoff + L4_DPORT, 2);
		flow->v4.protocol = type;
	} else {
		memcpy(&flow->v6.vip, inner + V6_SADDR, 16);
		memcpy(&flow->v6.client, inner + V6_DADDR, 16);
		memcpy(&flow->v6.ports.vport, bytes + thoff + L4_SPORT, 2);
		memcpy(&flow->v6.ports.cport, bytes + thoff + L4_DPORT, 2);
		flow->v6.protocol = type;
	}
	return LBDR_PARSED_ERROR;
}

/* Builds an error; changes some bytes, or makes its end random bytes. */
static enum lbdr_family icmp_inner_put_damaged(struct icmp_error *error,
					       struct rnd_state *rnd)
{
	struct packet *packet = error->packet;
	const struct icmp_inner_outer *outer;
	const struct packet_kind *kind;
	struct lbdr_flow flow;
	u32 n, from;

	kind = &packet_kinds[lbdr_kunit_below(rnd, PACKET_KINDS)];
	outer = &icmp_inner_outers[lbdr_kunit_below(rnd, ARRAY_SIZE(icmp_inner_outers))];
	icmp_inner_put(error, kind, outer, icmp_inner_type(kind->family), &flow);
	for (n = lbdr_kunit_below(rnd, 4); n; n--)
		packet->bytes[lbdr_kunit_below(rnd, packet->len)] =
			prandom_u32_state(rnd);
	if (!lbdr_kunit_below(rnd, 4)) {
		from = error->at + packet_fixed_len(kind->family);
		from += lbdr_kunit_below(rnd, packet->len - from);
		prandom_bytes_state(rnd, packet->bytes + from,
				    packet->len - from);
	}
	return kind->family;
}

static void icmp_inner_random_test(struct kunit *test)
{
	u32 seen[LBDR_PARSED_MALFORMED + 1] = {}, others = 0;
	struct icmp_error *error = test->priv;
	struct packet *packet = error->packet;
	struct lbdr_flow expected, flow;
	enum lbdr_parsed parsed, naive;
	u32 i, fixed, len, linear, at;
	enum lbdr_family family;
	struct rnd_state rnd;

	lbdr_kunit_seed(test, &rnd);
	for (i = 0; i < RANDOM_ERRORS; i++) {
		family = icmp_inner_put_damaged(error, &rnd);
		fixed = packet_fixed_len(family);
		len = packet->len;
		if (!lbdr_kunit_below(&rnd, 4))
			len = fixed + lbdr_kunit_below(&rnd, len - fixed + 1);
		linear = len;
		if (lbdr_kunit_below(&rnd, 2))
			linear = fixed + lbdr_kunit_below(&rnd, len - fixed + 1);

		parsed = packet_parse_cut(packet, family, len, linear, false,
					  &flow);
		at = icmp_inner_naive_icmp(packet->bytes, family, len);
		if (!at) {
			/* The parser's suites test the other results. */
			KUNIT_ASSERT_NE(test, parsed, LBDR_PARSED_ERROR);
			others++;
			continue;
		}
		naive = icmp_inner_naive(packet->bytes, family, at, len, &expected);
		seen[naive]++;
		KUNIT_ASSERT_EQ_MSG(test, parsed, naive,
				    "error %u, %u of %u bytes are linear: %*ph",
				    i, linear, len, min(len, 64), packet->bytes);
		if (parsed != LBDR_PARSED_ERROR)
			continue;
		KUNIT_ASSERT_TRUE_MSG(test, packet_flows_equal(&flow, &expected),
				      "error %u, %u of %u bytes are linear: %*ph",
				      i, linear, len, min(len, 64),
				      packet->bytes);
	}

	/* Every result must have occurred. */
	KUNIT_EXPECT_NE(test, seen[LBDR_PARSED_ERROR], 0);
	KUNIT_EXPECT_NE(test, seen[LBDR_PARSED_OTHER], 0);
	KUNIT_EXPECT_NE(test, others, 0);
}

static int icmp_inner_init(struct kunit *test)
{
	struct icmp_error *error;
	int err;

	err = packet_init(test);
	if (err)
		return err;
	error = kunit_kzalloc(test, sizeof(*error), GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, error);
	error->packet = test->priv;
	error->inner = kunit_kzalloc(test, sizeof(*error->inner), GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, error->inner);
	test->priv = error;
	return 0;
}

static struct kunit_case icmp_inner_cases[] = {
	KUNIT_CASE_PARAM(icmp_inner_whole_test, packet_kind_gen_params),
	KUNIT_CASE_PARAM(icmp_inner_truncated_test, packet_kind_gen_params),
	KUNIT_CASE(icmp_inner_types_test),
	KUNIT_CASE_PARAM(icmp_inner_odd_test, icmp_inner_odd_gen_params),
	KUNIT_CASE(icmp_inner_random_test),
	{}
};

static struct kunit_suite icmp_inner_suite = {
	.name		= "lbdr_icmp_inner",
	.init		= icmp_inner_init,
	.test_cases	= icmp_inner_cases,
};

kunit_test_suites(&icmp_inner_suite);
