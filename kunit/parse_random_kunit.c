// SPDX-License-Identifier: GPL-2.0
/*
 * The parser is compared with a simple second implementation (parse_naive) on randomly
 * modified packets.
 */
#include <kunit/test.h>
#include <net/ipv6.h>

#include "flow.h"
#include "lbdr_kunit.h"
#include "packet.h"

#define RANDOM_PACKETS	200000

static bool parse_naive_is_ext(u8 type)
{
	return type == NEXTHDR_HOP || type == NEXTHDR_ROUTING ||
	       type == NEXTHDR_FRAGMENT || type == NEXTHDR_AUTH ||
	       type == NEXTHDR_DEST;
}

/*
 * Returns the offset of the first header that is not an extension header, and its type;
 * 0 if the chain is truncated, too long, or ends with no next header. Of a fragment that is not
 * the first one, what follows the fragment header.
 */
static u32 parse_naive_chain(const u8 *bytes, u32 len, u8 *type, bool *fragment)
{
	u32 at = V6_LEN, n = 0, size;

	*type = bytes[V6_NEXT];
	*fragment = false;
	while (parse_naive_is_ext(*type)) {
		if (n++ == IP6_MAX_EXT_HDRS_CNT || at + 2 > len)
			return 0;
		if (*type == NEXTHDR_FRAGMENT) {
			if (at + 4 > len)
				return 0;
			/* The kernel uses the last one of several fragment headers. */
			*fragment = bytes[at + 2] || bytes[at + 3] & 0xf9;
			/* Only the first fragment contains the rest of the chain. */
			if (bytes[at + 2] || bytes[at + 3] & 0xf8)
				return at + packet_ext_len(*type, 0);
		}
		size = packet_ext_len(*type, bytes[at + 1]);
		*type = bytes[at];
		at += size;
	}
	return *type == NEXTHDR_NONE ? 0 : at;
}

static enum lbdr_event parse_naive_event(u8 flags)
{
	if (flags & RST)
		return LBDR_EVENT_RST;
	if ((flags & (SYN | ACK | FIN)) == SYN)
		return LBDR_EVENT_SYN;
	if ((flags & (SYN | FIN)) == FIN)
		return LBDR_EVENT_FIN;
	return LBDR_EVENT_DATA;
}

/*
 * Looks at the first eight chunks. INIT and ABORT (or SHUTDOWN COMPLETE) decide at once;
 * SHUTDOWN (or SHUTDOWN ACK) decides if none of these follows.
 */
static bool parse_naive_sctp(const u8 *bytes, u32 at, u32 len,
			     enum lbdr_event *event)
{
	u32 i, size;

	at += SCTP_LEN;
	if (at >= len)
		return false;
	for (i = 0; i < 8 && at < len; i++) {
		if (at + 4 > len)
			return false;
		size = bytes[at + 2] << 8 | bytes[at + 3];
		if (size < 4 || at + size > len)
			return false;
		switch (bytes[at]) {
		case 1:
			*event = LBDR_EVENT_SCTP_INIT;
			return true;
		case 6:
		case 14:
			*event = LBDR_EVENT_SCTP_ABORT;
			return true;
		case 7:
		case 8:
			*event = LBDR_EVENT_SCTP_SHUTDOWN;
		}
		at += (size + 3) / 4 * 4;
	}
	return true;
}

/* Second implementation of the parser, for the first @len bytes of the packet. */
static enum lbdr_parsed parse_naive(const struct packet *packet,
				    enum lbdr_family family, u32 len, bool gso,
				    struct lbdr_flow *flow)
{
	const u8 *bytes = packet->bytes;
	enum lbdr_event sctp = LBDR_EVENT_SCTP_DATA;
	bool fragment;
	u32 at, size;
	u8 type;

	if (family == LBDR_V4) {
		at = (bytes[V4_IHL] & 15) * 4;
		if (at < V4_LEN)
			return LBDR_PARSED_MALFORMED;
		fragment = bytes[V4_FRAG] & 0x3f || bytes[V4_FRAG + 1];
		type = bytes[V4_PROTOCOL];
	} else {
		at = parse_naive_chain(bytes, len, &type, &fragment);
		if (!at)
			return LBDR_PARSED_OTHER;
	}
	if (fragment)
		return family == LBDR_V6 && at > len ? LBDR_PARSED_MALFORMED :
						       LBDR_PARSED_FRAGMENT;

	if (type == IPPROTO_TCP) {
		if (at + TCP_LEN > len)
			return LBDR_PARSED_MALFORMED;
		size = (bytes[at + TCP_DOFF] >> 4) * 4;
		if (size < TCP_LEN || at + size > len)
			return LBDR_PARSED_MALFORMED;
	} else if (type == IPPROTO_UDP) {
		if (at + UDP_LEN > len)
			return LBDR_PARSED_MALFORMED;
		size = bytes[at + UDP_LENGTH] << 8 | bytes[at + UDP_LENGTH + 1];
		if (!gso && (size < UDP_LEN || at + size > len))
			return LBDR_PARSED_MALFORMED;
		size = UDP_LEN;
	} else if (type == IPPROTO_SCTP) {
		if (!parse_naive_sctp(bytes, at, len, &sctp))
			return LBDR_PARSED_MALFORMED;
		size = SCTP_LEN;
	} else {
		return LBDR_PARSED_OTHER;
	}
	if (!(bytes[at + L4_SPORT] | bytes[at + L4_SPORT + 1]) ||
	    !(bytes[at + L4_DPORT] | bytes[at + L4_DPORT + 1]))
		return LBDR_PARSED_MALFORMED;

	packet_key(packet, family, at, type, flow);
	flow->event = type == IPPROTO_TCP ?
		      parse_naive_event(bytes[at + TCP_FLAGS]) :
		      type == IPPROTO_UDP ? LBDR_EVENT_UDP : sctp;
	flow->hdr_len = at + size;
	return LBDR_PARSED;
}

/* Builds a well-formed packet and changes up to three bytes. */
static enum lbdr_family parse_put_damaged(struct packet *packet,
					  struct rnd_state *rnd)
{
	const struct packet_kind *kind;
	u32 n;

	kind = &packet_kinds[lbdr_kunit_below(rnd, PACKET_KINDS)];
	packet_put_kind(packet, kind);
	for (n = lbdr_kunit_below(rnd, 4); n; n--)
		packet->bytes[lbdr_kunit_below(rnd, packet->len)] =
			prandom_u32_state(rnd);
	return kind->family;
}

/* Builds random bytes with a known protocol, so that many packets are parsed further. */
static enum lbdr_family parse_put_noise(struct packet *packet,
					struct rnd_state *rnd)
{
	static const u8 types[] = {
		IPPROTO_TCP, IPPROTO_UDP, NEXTHDR_HOP, NEXTHDR_ROUTING,
		NEXTHDR_FRAGMENT, NEXTHDR_AUTH, NEXTHDR_DEST, NEXTHDR_NONE,
	};
	enum lbdr_family family = lbdr_kunit_below(rnd, LBDR_FAMILIES);
	u8 type = types[lbdr_kunit_below(rnd, ARRAY_SIZE(types))];

	packet->len = packet_fixed_len(family) + lbdr_kunit_below(rnd, 200);
	prandom_bytes_state(rnd, packet->bytes, packet->len);
	if (family == LBDR_V4) {
		packet->bytes[V4_FRAG] &= 0x40;
		packet->bytes[V4_FRAG + 1] = 0;
		packet->bytes[V4_PROTOCOL] = type;
	} else {
		packet->bytes[V6_NEXT] = type;
	}
	return family;
}

static void parse_random_test(struct kunit *test)
{
	u32 seen[LBDR_PARSED_MALFORMED + 1] = {};
	struct packet *packet = test->priv;
	struct lbdr_flow expected, flow;
	enum lbdr_parsed parsed, naive;
	u32 i, fixed, len, linear;
	enum lbdr_family family;
	struct rnd_state rnd;
	bool gso;

	lbdr_kunit_seed(test, &rnd);
	for (i = 0; i < RANDOM_PACKETS; i++) {
		family = lbdr_kunit_below(&rnd, 4) ?
			 parse_put_damaged(packet, &rnd) :
			 parse_put_noise(packet, &rnd);
		fixed = packet_fixed_len(family);
		len = packet->len;
		if (!lbdr_kunit_below(&rnd, 4))
			len = fixed + lbdr_kunit_below(&rnd, len - fixed + 1);
		linear = len;
		if (lbdr_kunit_below(&rnd, 2))
			linear = fixed + lbdr_kunit_below(&rnd, len - fixed + 1);
		gso = !lbdr_kunit_below(&rnd, 8);

		naive = parse_naive(packet, family, len, gso, &expected);
		parsed = packet_parse_cut(packet, family, len, linear, gso,
					  &flow);
		seen[naive]++;
		KUNIT_ASSERT_EQ_MSG(test, parsed, naive,
				    "packet %u, %u of %u bytes are linear: %*ph",
				    i, linear, len, min(len, 64), packet->bytes);
		if (parsed != LBDR_PARSED)
			continue;
		KUNIT_ASSERT_TRUE_MSG(test, packet_flows_equal(&flow, &expected),
				      "packet %u, %u of %u bytes are linear: %*ph",
				      i, linear, len, min(len, 64),
				      packet->bytes);
	}

	/* Every result must have occurred, except ICMP errors: icmp_inner_kunit.c. */
	for (i = 0; i < ARRAY_SIZE(seen); i++)
		KUNIT_EXPECT_EQ_MSG(test, !seen[i], i == LBDR_PARSED_ERROR,
				    "result %u", i);
}

static struct kunit_case parse_random_cases[] = {
	KUNIT_CASE(parse_random_test),
	{}
};

static struct kunit_suite parse_random_suite = {
	.name		= "lbdr_parse_random",
	.init		= packet_init,
	.test_cases	= parse_random_cases,
};

kunit_test_suites(&parse_random_suite);
