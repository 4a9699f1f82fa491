// SPDX-License-Identifier: GPL-2.0
/*
 * ICMP errors: which packet they quote, whatever is quoted of it, wherever its
 * bytes lie, and however it was damaged.
 *
 * The quoted packets are those of the parser's own suites, on their way back.
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
 * What the error's own IP header has: words of IPv4 options, an IPv6 extension
 * header. Hop by hop has type 0, and is told from none by its length.
 */
struct quote_outer {
	u32			words;
	struct packet_ext	ext;
};

static const struct quote_outer quote_outers[] = {
	{ 0, {} },
	{ 1, { NEXTHDR_HOP, 1 } },
	{ 4, { NEXTHDR_DEST, 3 } },
	{ 10, { NEXTHDR_FRAGMENT, 0 } },
};

/**
 * struct quote - what a test writes, and what the parser should read
 * @packet: the error
 * @inner: the packet that it quotes; its skb is none
 * @at: where in @packet the quote begins
 * @thoff: where in @inner the transport header begins
 */
struct quote {
	struct packet	*packet;
	struct packet	*inner;
	u32		at;
	u32		thoff;
};

static void quote_swap(u8 *a, u8 *b, u32 len)
{
	u32 i;

	for (i = 0; i < len; i++)
		swap(a[i], b[i]);
}

/*
 * An error of @type about a packet of @kind from the VIP to the client. @flow is
 * what it is about.
 */
static void quote_put(struct quote *quote, const struct packet_kind *kind,
		      const struct quote_outer *outer, u8 type,
		      struct lbdr_flow *flow)
{
	bool ext = outer->ext.type || outer->ext.len;
	bool four = kind->family == LBDR_V4;
	u8 icmp = four ? IPPROTO_ICMP : IPPROTO_ICMPV6;
	struct packet *packet = quote->packet;
	u8 *bytes = quote->inner->bytes;
	u8 *at;

	packet_put_kind(quote->inner, kind);
	quote->thoff = kind->hdr_len - (kind->protocol == IPPROTO_TCP ?
					TCP_LEN + kind->options * 4 : UDP_LEN);
	packet_key(quote->inner, kind->family, quote->thoff, kind->protocol,
		   flow);
	if (four)
		quote_swap(bytes + V4_SADDR, bytes + V4_DADDR, 4);
	else
		quote_swap(bytes + V6_SADDR, bytes + V6_DADDR, 16);
	quote_swap(bytes + quote->thoff + L4_SPORT,
		   bytes + quote->thoff + L4_DPORT, 2);

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
	quote->at = packet->len;
	memcpy(packet_put(packet, quote->inner->len), bytes, quote->inner->len);

	flow->event = LBDR_EVENT_DATA;
	flow->hdr_len = quote->at;
}

static u8 quote_type(enum lbdr_family family)
{
	return family == LBDR_V4 ? ICMP_DEST_UNREACH : ICMPV6_DEST_UNREACH;
}

/* All that is quoted: as much as there is, and at every byte in two parts. */
static void quote_whole_test(struct kunit *test)
{
	const struct packet_kind *kind = test->param_value;
	struct quote *quote = test->priv;
	struct packet *packet = quote->packet;
	struct lbdr_flow expected, flow;
	u32 i, linear;

	for (i = 0; i < ARRAY_SIZE(quote_outers); i++) {
		quote_put(quote, kind, &quote_outers[i],
			  quote_type(kind->family), &expected);
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

/* The ports are all that is needed of the transport header, and are needed. */
static void quote_truncated_test(struct kunit *test)
{
	const struct packet_kind *kind = test->param_value;
	struct quote *quote = test->priv;
	struct packet *packet = quote->packet;
	enum lbdr_parsed parsed, wanted;
	struct lbdr_flow expected, flow;
	u32 i, len, linear;

	for (i = 0; i < ARRAY_SIZE(quote_outers); i++) {
		quote_put(quote, kind, &quote_outers[i],
			  quote_type(kind->family), &expected);
		for (len = packet_fixed_len(kind->family); len < packet->len;
		     len++) {
			wanted = len < quote->at + quote->thoff + PORTS_LEN ?
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

/* Of all types, with any code, those that are errors. */
static void quote_types_test(struct kunit *test)
{
	struct quote *quote = test->priv;
	struct packet *packet = quote->packet;
	struct lbdr_flow expected, flow;
	enum lbdr_parsed wanted;
	u32 i, type, code;
	bool error;

	for (i = 0; i < PACKET_KINDS; i++) {
		const struct packet_kind *kind = &packet_kinds[i];

		for (type = 0; type < 256; type++) {
			quote_put(quote, kind, &quote_outers[0], type,
				  &expected);
			error = kind->family == LBDR_V4 ?
				type == 3 || type == 4 || type == 11 ||
				type == 12 : type < 128;
			wanted = error ? LBDR_PARSED_ERROR : LBDR_PARSED_OTHER;
			for (code = 0; code < 256; code += 5) {
				packet->bytes[quote->at - ICMP_LEN + 1] = code;
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

struct quote_poke {
	u8	at;
	u8	value;
};

#define POKES_MAX	2

/**
 * struct quote_odd - a plain quote with a few bytes changed
 * @name: of the case
 * @family: IPv4 or IPv6
 * @next: IPv6 alone, unless 0: the type of a header of 8 bytes in the quote
 * @pokes: bytes that are changed, counted from where the quote begins
 * @good: whether it is about a flow all the same
 */
struct quote_odd {
	const char		*name;
	enum lbdr_family	family;
	u8			next;
	struct quote_poke	pokes[POKES_MAX];
	bool			good;
};

static const struct quote_odd quote_odds[] = {
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

KUNIT_ARRAY_PARAM_DESC(quote_odd, quote_odds, name);

static void quote_odd_test(struct kunit *test)
{
	const struct quote_odd *odd = test->param_value;
	struct quote *quote = test->priv;
	struct packet *packet = quote->packet;
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
	quote_put(quote, &plain, &quote_outers[0], quote_type(odd->family),
		  &flow);
	for (i = 0; i < POKES_MAX; i++)
		if (odd->pokes[i].at || odd->pokes[i].value)
			packet->bytes[quote->at + odd->pokes[i].at] =
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

static bool quote_naive_ports(u8 type)
{
	return type == IPPROTO_TCP || type == IPPROTO_UDP ||
	       type == IPPROTO_SCTP;
}

static bool quote_naive_ext(u8 type)
{
	return type == NEXTHDR_HOP || type == NEXTHDR_ROUTING ||
	       type == NEXTHDR_FRAGMENT || type == NEXTHDR_AUTH ||
	       type == NEXTHDR_DEST;
}

/*
 * What follows the IPv6 header at @at, and where; 0 if nothing does. @offset and
 * @more are those of the last fragment header.
 */
static u32 quote_naive_chain(const u8 *bytes, u32 at, u32 len, u8 *type,
			     u32 *offset, bool *more)
{
	u32 n = 0, size;

	*type = bytes[at + V6_NEXT];
	*offset = 0;
	*more = false;
	at += V6_LEN;
	while (quote_naive_ext(*type)) {
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

/* A packet of the error: whether it is ICMP at all, and where that begins. */
static u32 quote_naive_icmp(const u8 *bytes, enum lbdr_family family, u32 len)
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
	at = quote_naive_chain(bytes, 0, len, &type, &offset, &more);
	return offset || more || type != IPPROTO_ICMPV6 ? 0 : at;
}

/* The parser's other half once more, for ICMP at @at of the first @len bytes. */
static enum lbdr_parsed quote_naive(const u8 *bytes, enum lbdr_family family,
				    u32 at, u32 len, struct lbdr_flow *flow)
{
	bool four = family == LBDR_V4, more;
	u32 quoted = at + ICMP_LEN, thoff, offset;
	const u8 *inner = bytes + quoted;
	u8 type;

	if (quoted + packet_fixed_len(family) > len)
		return LBDR_PARSED_OTHER;
	type = bytes[at];
	if (four ? type != 3 && type != 4 && type != 11 && type != 12 :
		   type >= 128)
		return LBDR_PARSED_OTHER;
	if (inner[0] >> 4 != (four ? 4 : 6))
		return LBDR_PARSED_OTHER;
	if (four) {
		thoff = quoted + (inner[V4_IHL] & 15) * 4;
		offset = (inner[V4_FRAG] & 0x1f) << 8 | inner[V4_FRAG + 1];
		type = inner[V4_PROTOCOL];
		if (thoff < quoted + V4_LEN ||
		    memcmp(inner + V4_SADDR, bytes + V4_DADDR, 4))
			return LBDR_PARSED_OTHER;
	} else {
		thoff = quote_naive_chain(bytes, quoted, len, &type, &offset,
					  &more);
		if (!thoff || memcmp(inner + V6_SADDR, bytes + V6_DADDR, 16))
			return LBDR_PARSED_OTHER;
	}
	if (offset || !quote_naive_ports(type) || thoff + PORTS_LEN > len)
		return LBDR_PARSED_OTHER;

	memset(flow, 0, sizeof(*flow));
	flow->family = family;
	flow->event = LBDR_EVENT_DATA;
	flow->hdr_len = quoted;
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

/* An error with some bytes changed, or whose quote is noise from a byte on. */
static enum lbdr_family quote_put_damaged(struct quote *quote,
					  struct rnd_state *rnd)
{
	struct packet *packet = quote->packet;
	const struct quote_outer *outer;
	const struct packet_kind *kind;
	struct lbdr_flow flow;
	u32 n, from;

	kind = &packet_kinds[lbdr_kunit_below(rnd, PACKET_KINDS)];
	outer = &quote_outers[lbdr_kunit_below(rnd, ARRAY_SIZE(quote_outers))];
	quote_put(quote, kind, outer, quote_type(kind->family), &flow);
	for (n = lbdr_kunit_below(rnd, 4); n; n--)
		packet->bytes[lbdr_kunit_below(rnd, packet->len)] =
			prandom_u32_state(rnd);
	if (!lbdr_kunit_below(rnd, 4)) {
		from = quote->at + packet_fixed_len(kind->family);
		from += lbdr_kunit_below(rnd, packet->len - from);
		prandom_bytes_state(rnd, packet->bytes + from,
				    packet->len - from);
	}
	return kind->family;
}

static void quote_random_test(struct kunit *test)
{
	u32 seen[LBDR_PARSED_MALFORMED + 1] = {}, others = 0;
	struct quote *quote = test->priv;
	struct packet *packet = quote->packet;
	struct lbdr_flow expected, flow;
	enum lbdr_parsed parsed, naive;
	u32 i, fixed, len, linear, at;
	enum lbdr_family family;
	struct rnd_state rnd;

	lbdr_kunit_seed(test, &rnd);
	for (i = 0; i < RANDOM_ERRORS; i++) {
		family = quote_put_damaged(quote, &rnd);
		fixed = packet_fixed_len(family);
		len = packet->len;
		if (!lbdr_kunit_below(&rnd, 4))
			len = fixed + lbdr_kunit_below(&rnd, len - fixed + 1);
		linear = len;
		if (lbdr_kunit_below(&rnd, 2))
			linear = fixed + lbdr_kunit_below(&rnd, len - fixed + 1);

		parsed = packet_parse_cut(packet, family, len, linear, false,
					  &flow);
		at = quote_naive_icmp(packet->bytes, family, len);
		if (!at) {
			/* The parser's own suites know what it is instead. */
			KUNIT_ASSERT_NE(test, parsed, LBDR_PARSED_ERROR);
			others++;
			continue;
		}
		naive = quote_naive(packet->bytes, family, at, len, &expected);
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

	/* What was never met was not tested. */
	KUNIT_EXPECT_NE(test, seen[LBDR_PARSED_ERROR], 0);
	KUNIT_EXPECT_NE(test, seen[LBDR_PARSED_OTHER], 0);
	KUNIT_EXPECT_NE(test, others, 0);
}

static int quote_init(struct kunit *test)
{
	struct quote *quote;
	int err;

	err = packet_init(test);
	if (err)
		return err;
	quote = kunit_kzalloc(test, sizeof(*quote), GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, quote);
	quote->packet = test->priv;
	quote->inner = kunit_kzalloc(test, sizeof(*quote->inner), GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, quote->inner);
	test->priv = quote;
	return 0;
}

static struct kunit_case quote_cases[] = {
	KUNIT_CASE_PARAM(quote_whole_test, packet_kind_gen_params),
	KUNIT_CASE_PARAM(quote_truncated_test, packet_kind_gen_params),
	KUNIT_CASE(quote_types_test),
	KUNIT_CASE_PARAM(quote_odd_test, quote_odd_gen_params),
	KUNIT_CASE(quote_random_test),
	{}
};

static struct kunit_suite quote_suite = {
	.name		= "lbdr_quote",
	.init		= quote_init,
	.test_cases	= quote_cases,
};

kunit_test_suites(&quote_suite);
