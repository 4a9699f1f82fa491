// SPDX-License-Identifier: GPL-2.0
/*
 * Builds packets and calls the parser with them.
 *
 * The linear part of a packet ends where a slab object ends, so that KASAN reports a
 * read of the first byte after it. The skb's shared info, which normally follows the
 * linear part, is in another object. The non-linear part ends at the end of a page. The
 * skb is passed to the parser only.
 */
#include <kunit/test.h>
#include <linux/mm.h>
#include <net/ipv6.h>

#include "flow.h"
#include "packet.h"

#define CLIENT_PORT	40001
#define VIP_PORT	80

static const u8 client4[4] = { 198, 51, 100, 7 };
static const u8 vip4[4] = { 192, 0, 2, 1 };
static const u8 client6[16] = { 0x20, 0x01, 0x0d, 0xb8, 0, 1, [15] = 7 };
static const u8 vip6[16] = { 0x20, 0x01, 0x0d, 0xb8, 0, 2, [15] = 1 };

const struct packet_kind packet_kinds[] = {
	{ "TCP, IPv4", LBDR_V4, IPPROTO_TCP, 0, 0, 0, 40 },
	{ "TCP, IPv4, payload", LBDR_V4, IPPROTO_TCP, 0, 0, 9, 40 },
	{ "TCP, IPv4, all options", LBDR_V4, IPPROTO_TCP, 10, 10, 3, 120 },
	{ "UDP, IPv4", LBDR_V4, IPPROTO_UDP, 0, 0, 0, 28 },
	{ "UDP, IPv4, options, payload", LBDR_V4, IPPROTO_UDP, 1, 0, 5, 32 },
	{ "TCP, IPv6", LBDR_V6, IPPROTO_TCP, 0, 0, 0, 60 },
	{ "TCP, IPv6, options, payload", LBDR_V6, IPPROTO_TCP, 0, 10, 7, 100 },
	{ "UDP, IPv6", LBDR_V6, IPPROTO_UDP, 0, 0, 0, 48 },
	{ "UDP, IPv6, payload", LBDR_V6, IPPROTO_UDP, 0, 0, 6, 48 },
	{ "TCP, hop by hop", LBDR_V6, IPPROTO_TCP, 0, 2, 4, 76, 1,
	  { { NEXTHDR_HOP, 0 } } },
	{ "UDP, long destination options", LBDR_V6, IPPROTO_UDP, 0, 0, 4, 72, 1,
	  { { NEXTHDR_DEST, 2 } } },
	{ "TCP, authentication", LBDR_V6, IPPROTO_TCP, 0, 0, 4, 84, 1,
	  { { NEXTHDR_AUTH, 4 } } },
	{ "TCP, atomic fragment", LBDR_V6, IPPROTO_TCP, 0, 0, 4, 68, 1,
	  { { NEXTHDR_FRAGMENT, 0 } } },
	{ "UDP, atomic fragment", LBDR_V6, IPPROTO_UDP, 0, 0, 4, 56, 1,
	  { { NEXTHDR_FRAGMENT, 0 } } },
	{ "UDP, a chain of four", LBDR_V6, IPPROTO_UDP, 0, 0, 4, 96, 4,
	  { { NEXTHDR_HOP, 1 }, { NEXTHDR_ROUTING, 0 },
	    { NEXTHDR_FRAGMENT, 0 }, { NEXTHDR_DEST, 1 } } },
};

/* Appends @len zero bytes and returns a pointer to them. */
u8 *packet_put(struct packet *packet, u32 len)
{
	u8 *at = packet->bytes + packet->len;

	memset(at, 0, len);
	packet->len += len;
	return at;
}

static void packet_put16(u8 *at, u16 value)
{
	at[0] = value >> 8;
	at[1] = value;
}

/* Starts an IPv4 packet with @words of options, all no-operation. */
void packet_put_ip4(struct packet *packet, u8 protocol, u32 words)
{
	u8 *at;

	packet->len = 0;
	at = packet_put(packet, V4_LEN);
	at[V4_IHL] = 0x40 | (5 + words);
	at[8] = 64;
	at[V4_PROTOCOL] = protocol;
	memcpy(at + V4_SADDR, client4, sizeof(client4));
	memcpy(at + V4_DADDR, vip4, sizeof(vip4));
	memset(packet_put(packet, words * 4), 1, words * 4);
}

/* Starts an IPv6 packet whose first next header is @next. */
void packet_put_ip6(struct packet *packet, u8 next)
{
	u8 *at;

	packet->len = 0;
	at = packet_put(packet, V6_LEN);
	at[0] = 0x60;
	at[V6_NEXT] = next;
	at[7] = 64;
	memcpy(at + V6_SADDR, client6, sizeof(client6));
	memcpy(at + V6_DADDR, vip6, sizeof(vip6));
}

/* Appends a TCP header with @words of options. */
void packet_put_tcp(struct packet *packet, u8 flags, u32 words)
{
	u8 *at = packet_put(packet, TCP_LEN);

	packet_put16(at + L4_SPORT, CLIENT_PORT);
	packet_put16(at + L4_DPORT, VIP_PORT);
	at[TCP_DOFF] = (5 + words) << 4;
	at[TCP_FLAGS] = flags;
	memset(packet_put(packet, words * 4), 1, words * 4);
}

void packet_put_udp(struct packet *packet, u16 length)
{
	u8 *at = packet_put(packet, UDP_LEN);

	packet_put16(at + L4_SPORT, CLIENT_PORT);
	packet_put16(at + L4_DPORT, VIP_PORT);
	packet_put16(at + UDP_LENGTH, length);
}

void packet_put_payload(struct packet *packet, u32 len)
{
	memset(packet_put(packet, len), 'x', len);
}

/*
 * Sets the skb to the first @len bytes of the packet: @linear bytes are in the linear
 * part, the others in a page.
 */
void packet_cut(struct packet *packet, u32 len, u32 linear)
{
	struct sk_buff *skb = packet->skb;
	u32 rest = len - linear;

	memset(packet->shinfo, 0, sizeof(*packet->shinfo));
	memset(skb, 0, sizeof(*skb));
	skb->head = packet->object;
	skb->data = packet->object + PACKET_MAX - linear;
	skb_set_end_offset(skb, (u8 *)packet->shinfo - packet->object);
	skb_set_tail_pointer(skb, linear);
	skb_reset_network_header(skb);
	skb->len = len;
	memcpy(skb->data, packet->bytes, linear);
	if (rest) {
		skb->data_len = rest;
		memcpy(page_address(packet->page) + PAGE_SIZE - rest,
		       packet->bytes + linear, rest);
		skb_fill_page_desc(skb, 0, packet->page, PAGE_SIZE - rest, rest);
	}
}

/*
 * Parses the first @len bytes of the packet, see packet_cut(). @flow is filled with a
 * pattern first, so that members which the parser does not write make the comparison fail.
 */
enum lbdr_parsed packet_parse_cut(struct packet *packet,
				  enum lbdr_family family, u32 len, u32 linear,
				  bool gso, struct lbdr_flow *flow)
{
	struct sk_buff *skb = packet->skb;

	memset(flow, 0xa5, sizeof(*flow));
	packet_cut(packet, len, linear);
	if (gso)
		packet->shinfo->gso_size = 100;
	return family == LBDR_V4 ? lbdr_parse4(skb, flow) :
				   lbdr_parse6(skb, flow);
}

/* Copies the connection key from the bytes of the packet; the rest of @flow is 0. */
void packet_key(const struct packet *packet, enum lbdr_family family, u32 thoff,
		u8 protocol, struct lbdr_flow *flow)
{
	const u8 *bytes = packet->bytes;

	memset(flow, 0, sizeof(*flow));
	flow->family = family;
	if (family == LBDR_V4) {
		memcpy(&flow->v4.client, bytes + V4_SADDR, 4);
		memcpy(&flow->v4.vip, bytes + V4_DADDR, 4);
		memcpy(&flow->v4.ports.cport, bytes + thoff + L4_SPORT, 2);
		memcpy(&flow->v4.ports.vport, bytes + thoff + L4_DPORT, 2);
		flow->v4.protocol = protocol;
	} else {
		memcpy(&flow->v6.client, bytes + V6_SADDR, 16);
		memcpy(&flow->v6.vip, bytes + V6_DADDR, 16);
		memcpy(&flow->v6.ports.cport, bytes + thoff + L4_SPORT, 2);
		memcpy(&flow->v6.ports.vport, bytes + thoff + L4_DPORT, 2);
		flow->v6.protocol = protocol;
	}
}

bool packet_flows_equal(const struct lbdr_flow *a, const struct lbdr_flow *b)
{
	if (a->family != b->family || a->event != b->event ||
	    a->hdr_len != b->hdr_len)
		return false;
	return a->family == LBDR_V4 ? !memcmp(&a->v4, &b->v4, sizeof(a->v4)) :
				      !memcmp(&a->v6, &b->v6, sizeof(a->v6));
}

/* Returns the size in bytes of an extension header of @type with length field @len. */
u32 packet_ext_len(u8 type, u8 len)
{
	switch (type) {
	case NEXTHDR_FRAGMENT:
		return 8;
	case NEXTHDR_AUTH:
		return (len + 2) * 4;
	default:
		return (len + 1) * 8;
	}
}

/* Builds a packet of @kind; a TCP segment is a SYN. */
void packet_put_kind(struct packet *packet, const struct packet_kind *kind)
{
	u32 i;

	if (kind->family == LBDR_V4)
		packet_put_ip4(packet, kind->protocol, kind->options4);
	else
		packet_put_ip6(packet, kind->n_exts ? kind->exts[0].type :
						      kind->protocol);
	for (i = 0; i < kind->n_exts; i++) {
		const struct packet_ext *ext = &kind->exts[i];
		u8 *at = packet_put(packet, packet_ext_len(ext->type, ext->len));

		at[0] = i + 1 < kind->n_exts ? ext[1].type : kind->protocol;
		at[1] = ext->len;
	}
	if (kind->protocol == IPPROTO_TCP)
		packet_put_tcp(packet, SYN, kind->options);
	else
		packet_put_udp(packet, UDP_LEN + kind->payload);
	packet_put_payload(packet, kind->payload);
}

static void packet_free_page(void *page)
{
	__free_page(page);
}

/* Suite init: test->priv is a struct packet. */
int packet_init(struct kunit *test)
{
	struct packet *packet;
	u8 *one, *other;

	packet = kunit_kzalloc(test, sizeof(*packet), GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, packet);
	packet->skb = kunit_kzalloc(test, sizeof(*packet->skb), GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, packet->skb);
	packet->page = alloc_page(GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, packet->page);
	KUNIT_ASSERT_EQ(test, 0,
			kunit_add_action_or_reset(test, packet_free_page,
						  packet->page));

	/* skb->end is an unsigned offset from skb->head: shinfo must have a higher address. */
	one = kunit_kzalloc(test, PACKET_MAX, GFP_KERNEL);
	other = kunit_kzalloc(test, PACKET_MAX, GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, one);
	KUNIT_ASSERT_NOT_NULL(test, other);
	packet->object = min(one, other);
	packet->shinfo = (struct skb_shared_info *)max(one, other);
	KUNIT_ASSERT_LE(test, (u8 *)packet->shinfo - packet->object, INT_MAX);

	test->priv = packet;
	return 0;
}

