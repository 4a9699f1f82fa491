// SPDX-License-Identifier: GPL-2.0
/*
 * The parser: results for well-formed, truncated and malformed packets. KASAN reports
 * reads past the end of a packet.
 *
 * Each packet is parsed with every possible length of its linear part: the result must
 * not depend on it.
 */
#include <kunit/test.h>
#include <net/ipv6.h>

#include "flow.h"
#include "packet.h"

KUNIT_ARRAY_PARAM_DESC(packet_kind, packet_kinds, name);

/* Offset of the transport header. */
static u32 parse_thoff(const struct packet_kind *kind)
{
	return kind->hdr_len - (kind->protocol == IPPROTO_TCP ?
				TCP_LEN + kind->options * 4 : UDP_LEN);
}

/* A well-formed packet gives the expected flow. */
static void parse_packet_test(struct kunit *test)
{
	const struct packet_kind *kind = test->param_value;
	struct packet *packet = test->priv;
	struct lbdr_flow expected, flow;
	enum lbdr_parsed parsed;
	u32 linear;

	packet_put_kind(packet, kind);
	packet_key(packet, kind->family, parse_thoff(kind), kind->protocol,
		   &expected);
	expected.event = kind->protocol == IPPROTO_TCP ? LBDR_EVENT_SYN :
							 LBDR_EVENT_UDP;
	expected.hdr_len = kind->hdr_len;

	for (linear = packet_fixed_len(kind->family); linear <= packet->len;
	     linear++) {
		parsed = packet_parse_cut(packet, kind->family, packet->len,
					  linear, false, &flow);
		KUNIT_EXPECT_EQ_MSG(test, parsed, LBDR_PARSED,
				    "%u bytes are linear", linear);
		KUNIT_EXPECT_TRUE_MSG(test, packet_flows_equal(&flow, &expected),
				      "%u bytes are linear", linear);
	}
}

/*
 * A truncated packet is not forwarded. If an IPv6 extension header chain is truncated,
 * the result is LBDR_PARSED_MALFORMED or LBDR_PARSED_OTHER, depending on the byte.
 */
static void parse_truncated_test(struct kunit *test)
{
	const struct packet_kind *kind = test->param_value;
	u32 thoff = parse_thoff(kind), whole, len, linear;
	struct packet *packet = test->priv;
	enum lbdr_parsed parsed, expected;
	struct lbdr_flow flow;

	packet_put_kind(packet, kind);
	/* A UDP header has a length field, a TCP header does not: its payload may be cut. */
	whole = kind->protocol == IPPROTO_TCP ? kind->hdr_len : packet->len;

	for (len = packet_fixed_len(kind->family); len < packet->len; len++) {
		expected = len < whole ? LBDR_PARSED_MALFORMED : LBDR_PARSED;
		for (linear = packet_fixed_len(kind->family); linear <= len;
		     linear++) {
			parsed = packet_parse_cut(packet, kind->family, len,
						  linear, false, &flow);
			if (len < thoff && parsed == LBDR_PARSED_OTHER)
				parsed = LBDR_PARSED_MALFORMED;
			KUNIT_EXPECT_EQ_MSG(test, parsed, expected,
					    "%u bytes, %u of them linear", len,
					    linear);
		}
	}
}

/* A byte to change: its offset, and its new value. */
struct parse_poke {
	u8	at;
	u8	value;
};

#define POKES_MAX	2

/**
 * struct parse_odd - a well-formed packet with a few bytes changed
 * @name: name of the case
 * @family: IPv4 or IPv6
 * @protocol: IPPROTO_TCP (a SYN) or IPPROTO_UDP
 * @next: IPv6: type of an extension header of 8 bytes, 0 for none
 * @pokes: bytes to change, by offset from the network header
 * @expected: result of the parser
 */
struct parse_odd {
	const char		*name;
	enum lbdr_family	family;
	u8			protocol;
	u8			next;
	struct parse_poke	pokes[POKES_MAX];
	enum lbdr_parsed	expected;
};

static const struct parse_odd parse_odds[] = {
	{ "IPv4, may not be fragmented", LBDR_V4, IPPROTO_TCP, 0,
	  { { V4_FRAG, 0x40 } }, LBDR_PARSED },
	{ "IPv4, reserved bit", LBDR_V4, IPPROTO_TCP, 0,
	  { { V4_FRAG, 0x80 } }, LBDR_PARSED },
	{ "IPv4, first fragment", LBDR_V4, IPPROTO_TCP, 0,
	  { { V4_FRAG, 0x20 } }, LBDR_PARSED_FRAGMENT },
	{ "IPv4, first fragment of UDP", LBDR_V4, IPPROTO_UDP, 0,
	  { { V4_FRAG, 0x20 } }, LBDR_PARSED_FRAGMENT },
	{ "IPv4, next fragment", LBDR_V4, IPPROTO_TCP, 0,
	  { { V4_FRAG, 0x20 }, { V4_FRAG + 1, 1 } }, LBDR_PARSED_FRAGMENT },
	{ "IPv4, last fragment", LBDR_V4, IPPROTO_TCP, 0,
	  { { V4_FRAG + 1, 1 } }, LBDR_PARSED_FRAGMENT },
	{ "IPv4, last fragment, far", LBDR_V4, IPPROTO_TCP, 0,
	  { { V4_FRAG, 0x10 } }, LBDR_PARSED_FRAGMENT },
	{ "IPv4, no header length", LBDR_V4, IPPROTO_TCP, 0,
	  { { V4_IHL, 0x40 } }, LBDR_PARSED_MALFORMED },
	{ "IPv4, header length 4", LBDR_V4, IPPROTO_TCP, 0,
	  { { V4_IHL, 0x44 } }, LBDR_PARSED_MALFORMED },
	{ "IPv4, header length 4, fragment", LBDR_V4, IPPROTO_TCP, 0,
	  { { V4_IHL, 0x44 }, { V4_FRAG, 0x20 } }, LBDR_PARSED_MALFORMED },
	{ "IPv4, header longer than all", LBDR_V4, IPPROTO_TCP, 0,
	  { { V4_IHL, 0x4f } }, LBDR_PARSED_MALFORMED },
	{ "IPv4, protocol 0", LBDR_V4, IPPROTO_TCP, 0,
	  { { V4_PROTOCOL, 0 } }, LBDR_PARSED_OTHER },
	{ "IPv4, ICMP", LBDR_V4, IPPROTO_TCP, 0,
	  { { V4_PROTOCOL, IPPROTO_ICMP } }, LBDR_PARSED_OTHER },
	{ "IPv4, GRE", LBDR_V4, IPPROTO_TCP, 0,
	  { { V4_PROTOCOL, IPPROTO_GRE } }, LBDR_PARSED_OTHER },
	{ "IPv4, DCCP", LBDR_V4, IPPROTO_TCP, 0,
	  { { V4_PROTOCOL, IPPROTO_DCCP } }, LBDR_PARSED_OTHER },
	{ "IPv4, SCTP whose chunk is TCP", LBDR_V4, IPPROTO_TCP, 0,
	  { { V4_PROTOCOL, IPPROTO_SCTP } }, LBDR_PARSED_MALFORMED },
	{ "IPv4, UDP-Lite", LBDR_V4, IPPROTO_TCP, 0,
	  { { V4_PROTOCOL, 136 } }, LBDR_PARSED_OTHER },
	{ "IPv4, TCP, source port 0", LBDR_V4, IPPROTO_TCP, 0,
	  { { V4_LEN + L4_SPORT, 0 }, { V4_LEN + L4_SPORT + 1, 0 } },
	  LBDR_PARSED_MALFORMED },
	{ "IPv4, TCP, destination port 0", LBDR_V4, IPPROTO_TCP, 0,
	  { { V4_LEN + L4_DPORT, 0 }, { V4_LEN + L4_DPORT + 1, 0 } },
	  LBDR_PARSED_MALFORMED },
	{ "IPv4, TCP, source port 256", LBDR_V4, IPPROTO_TCP, 0,
	  { { V4_LEN + L4_SPORT, 1 }, { V4_LEN + L4_SPORT + 1, 0 } },
	  LBDR_PARSED },
	{ "IPv4, TCP, destination port 1", LBDR_V4, IPPROTO_TCP, 0,
	  { { V4_LEN + L4_DPORT, 0 }, { V4_LEN + L4_DPORT + 1, 1 } },
	  LBDR_PARSED },
	{ "IPv4, UDP, source port 0", LBDR_V4, IPPROTO_UDP, 0,
	  { { V4_LEN + L4_SPORT, 0 }, { V4_LEN + L4_SPORT + 1, 0 } },
	  LBDR_PARSED_MALFORMED },
	{ "IPv4, UDP, destination port 0", LBDR_V4, IPPROTO_UDP, 0,
	  { { V4_LEN + L4_DPORT, 0 }, { V4_LEN + L4_DPORT + 1, 0 } },
	  LBDR_PARSED_MALFORMED },
	{ "IPv4, UDP, source port 256", LBDR_V4, IPPROTO_UDP, 0,
	  { { V4_LEN + L4_SPORT, 1 }, { V4_LEN + L4_SPORT + 1, 0 } },
	  LBDR_PARSED },
	{ "IPv4, UDP, destination port 1", LBDR_V4, IPPROTO_UDP, 0,
	  { { V4_LEN + L4_DPORT, 0 }, { V4_LEN + L4_DPORT + 1, 1 } },
	  LBDR_PARSED },
	{ "IPv4, TCP, reserved bits", LBDR_V4, IPPROTO_TCP, 0,
	  { { V4_LEN + TCP_DOFF, 0x5f }, { V4_LEN + TCP_FLAGS, 0xc2 } },
	  LBDR_PARSED },
	{ "IPv4, TCP, no header length", LBDR_V4, IPPROTO_TCP, 0,
	  { { V4_LEN + TCP_DOFF, 0x00 } }, LBDR_PARSED_MALFORMED },
	{ "IPv4, TCP, header length 4", LBDR_V4, IPPROTO_TCP, 0,
	  { { V4_LEN + TCP_DOFF, 0x40 } }, LBDR_PARSED_MALFORMED },
	{ "IPv4, TCP, options fill the packet", LBDR_V4, IPPROTO_TCP, 0,
	  { { V4_LEN + TCP_DOFF, 0x60 } }, LBDR_PARSED },
	{ "IPv4, TCP, options a word too long", LBDR_V4, IPPROTO_TCP, 0,
	  { { V4_LEN + TCP_DOFF, 0x70 } }, LBDR_PARSED_MALFORMED },
	{ "IPv4, UDP, no length", LBDR_V4, IPPROTO_UDP, 0,
	  { { V4_LEN + UDP_LENGTH, 0 }, { V4_LEN + UDP_LENGTH + 1, 0 } },
	  LBDR_PARSED_MALFORMED },
	{ "IPv4, UDP, length 7", LBDR_V4, IPPROTO_UDP, 0,
	  { { V4_LEN + UDP_LENGTH, 0 }, { V4_LEN + UDP_LENGTH + 1, 7 } },
	  LBDR_PARSED_MALFORMED },
	{ "IPv4, UDP, length of a header", LBDR_V4, IPPROTO_UDP, 0,
	  { { V4_LEN + UDP_LENGTH, 0 }, { V4_LEN + UDP_LENGTH + 1, 8 } },
	  LBDR_PARSED },
	{ "IPv4, UDP, a byte behind", LBDR_V4, IPPROTO_UDP, 0,
	  { { V4_LEN + UDP_LENGTH, 0 }, { V4_LEN + UDP_LENGTH + 1, 11 } },
	  LBDR_PARSED },
	{ "IPv4, UDP, a byte too long", LBDR_V4, IPPROTO_UDP, 0,
	  { { V4_LEN + UDP_LENGTH, 0 }, { V4_LEN + UDP_LENGTH + 1, 13 } },
	  LBDR_PARSED_MALFORMED },
	{ "IPv4, UDP, far too long", LBDR_V4, IPPROTO_UDP, 0,
	  { { V4_LEN + UDP_LENGTH, 0xff }, { V4_LEN + UDP_LENGTH + 1, 0xff } },
	  LBDR_PARSED_MALFORMED },
	{ "IPv6, TCP, source port 0", LBDR_V6, IPPROTO_TCP, 0,
	  { { V6_LEN + L4_SPORT, 0 }, { V6_LEN + L4_SPORT + 1, 0 } },
	  LBDR_PARSED_MALFORMED },
	{ "IPv6, TCP, destination port 0", LBDR_V6, IPPROTO_TCP, 0,
	  { { V6_LEN + L4_DPORT, 0 }, { V6_LEN + L4_DPORT + 1, 0 } },
	  LBDR_PARSED_MALFORMED },
	{ "IPv6, TCP, source port 256", LBDR_V6, IPPROTO_TCP, 0,
	  { { V6_LEN + L4_SPORT, 1 }, { V6_LEN + L4_SPORT + 1, 0 } },
	  LBDR_PARSED },
	{ "IPv6, TCP, destination port 1", LBDR_V6, IPPROTO_TCP, 0,
	  { { V6_LEN + L4_DPORT, 0 }, { V6_LEN + L4_DPORT + 1, 1 } },
	  LBDR_PARSED },
	{ "IPv6, UDP, source port 0", LBDR_V6, IPPROTO_UDP, 0,
	  { { V6_LEN + L4_SPORT, 0 }, { V6_LEN + L4_SPORT + 1, 0 } },
	  LBDR_PARSED_MALFORMED },
	{ "IPv6, UDP, destination port 0", LBDR_V6, IPPROTO_UDP, 0,
	  { { V6_LEN + L4_DPORT, 0 }, { V6_LEN + L4_DPORT + 1, 0 } },
	  LBDR_PARSED_MALFORMED },
	{ "IPv6, UDP, source port 256", LBDR_V6, IPPROTO_UDP, 0,
	  { { V6_LEN + L4_SPORT, 1 }, { V6_LEN + L4_SPORT + 1, 0 } },
	  LBDR_PARSED },
	{ "IPv6, UDP, destination port 1", LBDR_V6, IPPROTO_UDP, 0,
	  { { V6_LEN + L4_DPORT, 0 }, { V6_LEN + L4_DPORT + 1, 1 } },
	  LBDR_PARSED },
	{ "IPv6, TCP, reserved bits", LBDR_V6, IPPROTO_TCP, 0,
	  { { V6_LEN + TCP_DOFF, 0x5f }, { V6_LEN + TCP_FLAGS, 0xc2 } },
	  LBDR_PARSED },
	{ "IPv6, TCP, no header length", LBDR_V6, IPPROTO_TCP, 0,
	  { { V6_LEN + TCP_DOFF, 0x00 } }, LBDR_PARSED_MALFORMED },
	{ "IPv6, TCP, header length 4", LBDR_V6, IPPROTO_TCP, 0,
	  { { V6_LEN + TCP_DOFF, 0x40 } }, LBDR_PARSED_MALFORMED },
	{ "IPv6, TCP, options fill the packet", LBDR_V6, IPPROTO_TCP, 0,
	  { { V6_LEN + TCP_DOFF, 0x60 } }, LBDR_PARSED },
	{ "IPv6, TCP, options a word too long", LBDR_V6, IPPROTO_TCP, 0,
	  { { V6_LEN + TCP_DOFF, 0x70 } }, LBDR_PARSED_MALFORMED },
	{ "IPv6, UDP, no length", LBDR_V6, IPPROTO_UDP, 0,
	  { { V6_LEN + UDP_LENGTH, 0 }, { V6_LEN + UDP_LENGTH + 1, 0 } },
	  LBDR_PARSED_MALFORMED },
	{ "IPv6, UDP, length 7", LBDR_V6, IPPROTO_UDP, 0,
	  { { V6_LEN + UDP_LENGTH, 0 }, { V6_LEN + UDP_LENGTH + 1, 7 } },
	  LBDR_PARSED_MALFORMED },
	{ "IPv6, UDP, length of a header", LBDR_V6, IPPROTO_UDP, 0,
	  { { V6_LEN + UDP_LENGTH, 0 }, { V6_LEN + UDP_LENGTH + 1, 8 } },
	  LBDR_PARSED },
	{ "IPv6, UDP, a byte behind", LBDR_V6, IPPROTO_UDP, 0,
	  { { V6_LEN + UDP_LENGTH, 0 }, { V6_LEN + UDP_LENGTH + 1, 11 } },
	  LBDR_PARSED },
	{ "IPv6, UDP, a byte too long", LBDR_V6, IPPROTO_UDP, 0,
	  { { V6_LEN + UDP_LENGTH, 0 }, { V6_LEN + UDP_LENGTH + 1, 13 } },
	  LBDR_PARSED_MALFORMED },
	{ "IPv6, UDP, far too long", LBDR_V6, IPPROTO_UDP, 0,
	  { { V6_LEN + UDP_LENGTH, 0xff }, { V6_LEN + UDP_LENGTH + 1, 0xff } },
	  LBDR_PARSED_MALFORMED },
	{ "IPv6, no next header", LBDR_V6, IPPROTO_TCP, 0,
	  { { V6_NEXT, NEXTHDR_NONE } }, LBDR_PARSED_OTHER },
	{ "IPv6, ESP", LBDR_V6, IPPROTO_TCP, 0,
	  { { V6_NEXT, NEXTHDR_ESP } }, LBDR_PARSED_OTHER },
	{ "IPv6, ICMPv6", LBDR_V6, IPPROTO_TCP, 0,
	  { { V6_NEXT, NEXTHDR_ICMP } }, LBDR_PARSED_OTHER },
	{ "IPv6, mobility", LBDR_V6, IPPROTO_TCP, 0,
	  { { V6_NEXT, NEXTHDR_MOBILITY } }, LBDR_PARSED_OTHER },
	{ "atomic fragment, reserved bits", LBDR_V6, IPPROTO_TCP, NEXTHDR_FRAGMENT,
	  { { V6_LEN + 1, 0xff }, { V6_LEN + 3, 0x06 } }, LBDR_PARSED },
	{ "IPv6, first fragment", LBDR_V6, IPPROTO_TCP, NEXTHDR_FRAGMENT,
	  { { V6_LEN + 3, 0x01 } }, LBDR_PARSED_FRAGMENT },
	{ "IPv6, next fragment", LBDR_V6, IPPROTO_TCP, NEXTHDR_FRAGMENT,
	  { { V6_LEN + 3, 0x09 } }, LBDR_PARSED_FRAGMENT },
	{ "IPv6, last fragment", LBDR_V6, IPPROTO_TCP, NEXTHDR_FRAGMENT,
	  { { V6_LEN + 3, 0x08 } }, LBDR_PARSED_FRAGMENT },
	{ "IPv6, last fragment, far", LBDR_V6, IPPROTO_TCP, NEXTHDR_FRAGMENT,
	  { { V6_LEN + 2, 0x80 } }, LBDR_PARSED_FRAGMENT },
	{ "IPv6, first fragment of ICMPv6", LBDR_V6, IPPROTO_TCP, NEXTHDR_FRAGMENT,
	  { { V6_LEN, NEXTHDR_ICMP }, { V6_LEN + 3, 0x01 } },
	  LBDR_PARSED_FRAGMENT },
	{ "atomic fragment of ICMPv6", LBDR_V6, IPPROTO_TCP, NEXTHDR_FRAGMENT,
	  { { V6_LEN, NEXTHDR_ICMP } }, LBDR_PARSED_OTHER },
	{ "extension header ends behind the end", LBDR_V6, IPPROTO_TCP, NEXTHDR_DEST,
	  { { V6_LEN + 1, 0xff } }, LBDR_PARSED_MALFORMED },
	{ "routing header, and no next", LBDR_V6, IPPROTO_TCP, NEXTHDR_ROUTING,
	  { { V6_LEN, NEXTHDR_NONE } }, LBDR_PARSED_OTHER },
	{ "extension header begins behind the end", LBDR_V6, IPPROTO_TCP, NEXTHDR_DEST,
	  { { V6_LEN, NEXTHDR_DEST }, { V6_LEN + 1, 0xff } }, LBDR_PARSED_OTHER },
};

KUNIT_ARRAY_PARAM_DESC(parse_odd, parse_odds, name);

/* The result for the changed packet, for every length of the linear part. */
static void parse_odd_test(struct kunit *test)
{
	const struct parse_odd *odd = test->param_value;
	struct packet *packet = test->priv;
	struct packet_kind plain = {
		.family = odd->family,
		.protocol = odd->protocol,
		.payload = 4,
		.n_exts = odd->next ? 1 : 0,
		.exts[0].type = odd->next,
	};
	enum lbdr_parsed parsed;
	struct lbdr_flow flow;
	u32 linear, i;

	packet_put_kind(packet, &plain);
	for (i = 0; i < POKES_MAX; i++)
		if (odd->pokes[i].at || odd->pokes[i].value)
			packet->bytes[odd->pokes[i].at] = odd->pokes[i].value;

	for (linear = packet_fixed_len(odd->family); linear <= packet->len;
	     linear++) {
		parsed = packet_parse_cut(packet, odd->family, packet->len,
					  linear, false, &flow);
		KUNIT_EXPECT_EQ_MSG(test, parsed, odd->expected,
				    "%u bytes are linear", linear);
	}
}

/* Events of TCP flags. PSH and URG are ignored. */
static const enum lbdr_event parse_events[] = {
	[0]				= LBDR_EVENT_DATA,
	[FIN]				= LBDR_EVENT_FIN,
	[SYN]				= LBDR_EVENT_SYN,
	[SYN | FIN]			= LBDR_EVENT_DATA,
	[RST]				= LBDR_EVENT_RST,
	[RST | FIN]			= LBDR_EVENT_RST,
	[RST | SYN]			= LBDR_EVENT_RST,
	[RST | SYN | FIN]		= LBDR_EVENT_RST,
	[ACK]				= LBDR_EVENT_DATA,
	[ACK | FIN]			= LBDR_EVENT_FIN,
	[ACK | SYN]			= LBDR_EVENT_DATA,
	[ACK | SYN | FIN]		= LBDR_EVENT_DATA,
	[ACK | RST]			= LBDR_EVENT_RST,
	[ACK | RST | FIN]		= LBDR_EVENT_RST,
	[ACK | RST | SYN]		= LBDR_EVENT_RST,
	[ACK | RST | SYN | FIN]		= LBDR_EVENT_RST,
};

static void parse_flags_test(struct kunit *test)
{
	struct packet *packet = test->priv;
	struct lbdr_flow flow;
	u32 flags;

	for (flags = 0; flags < FLAGS; flags++) {
		packet_put_ip4(packet, IPPROTO_TCP, 0);
		packet_put_tcp(packet, flags, 0);
		KUNIT_EXPECT_EQ(test, LBDR_PARSED,
				packet_parse(packet, LBDR_V4, &flow));
		KUNIT_EXPECT_EQ_MSG(test, flow.event,
				    parse_events[flags & ~(PSH | URG)],
				    "IPv4, flags 0x%x", flags);

		packet_put_ip6(packet, IPPROTO_TCP);
		packet_put_tcp(packet, flags, 0);
		KUNIT_EXPECT_EQ(test, LBDR_PARSED,
				packet_parse(packet, LBDR_V6, &flow));
		KUNIT_EXPECT_EQ_MSG(test, flow.event,
				    parse_events[flags & ~(PSH | URG)],
				    "IPv6, flags 0x%x", flags);
	}
}

/* Every data offset of a TCP header, in packets of every length. */
static void parse_tcp_length_test(struct kunit *test)
{
	struct packet *packet = test->priv;
	enum lbdr_parsed expected;
	struct lbdr_flow flow;
	u32 doff, len;

	for (doff = 0; doff < 16; doff++) {
		for (len = TCP_LEN; len <= 64; len++) {
			packet_put_ip4(packet, IPPROTO_TCP, 0);
			packet_put_tcp(packet, SYN, 0);
			packet->bytes[V4_LEN + TCP_DOFF] = doff << 4;
			packet_put_payload(packet, len - TCP_LEN);
			expected = doff >= 5 && doff * 4 <= len ?
				   LBDR_PARSED : LBDR_PARSED_MALFORMED;
			KUNIT_EXPECT_EQ_MSG(test, expected,
					    packet_parse(packet, LBDR_V4, &flow),
					    "%u words in %u bytes", doff, len);
			if (expected == LBDR_PARSED)
				KUNIT_EXPECT_EQ(test, flow.hdr_len,
						V4_LEN + doff * 4);
		}
	}
}

/*
 * Every length field of a UDP header, in packets of every length. A GSO packet's length
 * field is ignored: it may be that of the first segment.
 */
static void parse_udp_length_test(struct kunit *test)
{
	enum lbdr_parsed parsed, expected;
	struct packet *packet = test->priv;
	struct lbdr_flow flow;
	u32 stated, len;

	for (stated = 0; stated < 64; stated++) {
		for (len = UDP_LEN; len <= 64; len++) {
			packet_put_ip6(packet, IPPROTO_UDP);
			packet_put_udp(packet, stated);
			packet_put_payload(packet, len - UDP_LEN);
			expected = stated >= UDP_LEN && stated <= len ?
				   LBDR_PARSED : LBDR_PARSED_MALFORMED;
			KUNIT_EXPECT_EQ_MSG(test, expected,
					    packet_parse(packet, LBDR_V6, &flow),
					    "%u bytes in %u", stated, len);
			parsed = packet_parse_cut(packet, LBDR_V6, packet->len,
						  packet->len, true, &flow);
			KUNIT_EXPECT_EQ_MSG(test, parsed, LBDR_PARSED,
					    "GSO, %u bytes in %u", stated, len);
			KUNIT_EXPECT_EQ(test, flow.hdr_len, V6_LEN + UDP_LEN);
		}
	}
}

/* Every header length of IPv4; the transport header starts at that offset. */
static void parse_ihl_test(struct kunit *test)
{
	struct packet *packet = test->priv;
	struct lbdr_flow flow;
	u32 ihl;

	for (ihl = 0; ihl < 16; ihl++) {
		packet_put_ip4(packet, IPPROTO_TCP, ihl < 5 ? 0 : ihl - 5);
		packet->bytes[V4_IHL] = 0x40 | ihl;
		packet_put_tcp(packet, SYN, 0);
		KUNIT_EXPECT_EQ_MSG(test, packet_parse(packet, LBDR_V4, &flow),
				    ihl < 5 ? LBDR_PARSED_MALFORMED :
					      LBDR_PARSED, "%u words", ihl);
		if (ihl >= 5)
			KUNIT_EXPECT_EQ(test, flow.hdr_len, ihl * 4 + TCP_LEN);
	}
}

/* ipv6_skip_exthdr() limits the number of extension headers. */
static void parse_long_chain_test(struct kunit *test)
{
	struct packet *packet = test->priv;
	struct lbdr_flow flow;
	u32 n, i;

	for (n = 1; n < 2 * IP6_MAX_EXT_HDRS_CNT; n++) {
		packet_put_ip6(packet, NEXTHDR_DEST);
		for (i = 1; i <= n; i++)
			*packet_put(packet, 8) = i < n ? NEXTHDR_DEST : NEXTHDR_UDP;
		packet_put_udp(packet, UDP_LEN);
		KUNIT_EXPECT_EQ_MSG(test, packet_parse(packet, LBDR_V6, &flow),
				    n <= IP6_MAX_EXT_HDRS_CNT ?
				    LBDR_PARSED : LBDR_PARSED_OTHER,
				    "%u headers", n);
	}
}

static struct kunit_case parse_cases[] = {
	KUNIT_CASE_PARAM(parse_packet_test, packet_kind_gen_params),
	KUNIT_CASE_PARAM(parse_truncated_test, packet_kind_gen_params),
	KUNIT_CASE_PARAM(parse_odd_test, parse_odd_gen_params),
	KUNIT_CASE(parse_flags_test),
	KUNIT_CASE(parse_tcp_length_test),
	KUNIT_CASE(parse_udp_length_test),
	KUNIT_CASE(parse_ihl_test),
	KUNIT_CASE(parse_long_chain_test),
	{}
};

static struct kunit_suite parse_suite = {
	.name		= "lbdr_parse",
	.init		= packet_init,
	.test_cases	= parse_cases,
};

kunit_test_suites(&parse_suite);
