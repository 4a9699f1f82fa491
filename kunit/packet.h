/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Packets for the parser's suites: a byte array, which tests modify, and an skb that
 * the bytes are copied to.
 */
#ifndef _LBDR_KUNIT_PACKET_H
#define _LBDR_KUNIT_PACKET_H

#include "flow.h"

struct kunit;

/* Offsets of fields from the start of the network or transport header, and lengths */
#define V4_IHL		0
#define V4_FRAG		6
#define V4_PROTOCOL	9
#define V4_SADDR	12
#define V4_DADDR	16
#define V4_LEN		20
#define V6_NEXT		6
#define V6_SADDR	8
#define V6_DADDR	24
#define V6_LEN		40
#define L4_SPORT	0
#define L4_DPORT	2
#define UDP_LENGTH	4
#define UDP_LEN		8
#define SCTP_LEN	12
#define TCP_DOFF	12
#define TCP_FLAGS	13
#define TCP_LEN		20

#define FIN		0x01
#define SYN		0x02
#define RST		0x04
#define PSH		0x08
#define ACK		0x10
#define URG		0x20
#define FLAGS		0x40

/* Not a kmalloc() size class, so that KASAN has a redzone right after the object */
#define PACKET_MAX	760

/**
 * struct packet - a packet as bytes, and an skb for the parser
 * @skb: the skb
 * @object: slab object; the linear part is at its end
 * @shinfo: the skb's shared info, in an object at a higher address than @object
 * @page: page; the non-linear part is at its end
 * @len: length of the packet in @bytes
 * @bytes: the packet, starting with its network header
 */
struct packet {
	struct sk_buff		*skb;
	u8			*object;
	struct skb_shared_info	*shinfo;
	struct page		*page;
	u32			len;
	u8			bytes[PACKET_MAX];
};

/**
 * struct packet_ext - an IPv6 extension header
 * @type: its type
 * @len: its length field, in the unit of the type
 */
struct packet_ext {
	u8	type;
	u8	len;
};

#define EXTS_MAX	4

/**
 * struct packet_kind - a well-formed packet
 * @name: name of the case
 * @family: IPv4 or IPv6
 * @protocol: IPPROTO_TCP (a SYN) or IPPROTO_UDP
 * @options4: words of IPv4 options
 * @options: words of TCP options
 * @payload: bytes after the headers
 * @hdr_len: bytes of all headers
 * @n_exts: number of IPv6 extension headers
 * @exts: these headers; a fragment header belongs to an atomic fragment
 */
struct packet_kind {
	const char		*name;
	enum lbdr_family	family;
	u8			protocol;
	u32			options4;
	u32			options;
	u32			payload;
	u32			hdr_len;
	u32			n_exts;
	struct packet_ext	exts[EXTS_MAX];
};

#define PACKET_KINDS	15

extern const struct packet_kind packet_kinds[PACKET_KINDS];

int packet_init(struct kunit *test);

u8 *packet_put(struct packet *packet, u32 len);
void packet_put_ip4(struct packet *packet, u8 protocol, u32 words);
void packet_put_ip6(struct packet *packet, u8 next);
void packet_put_tcp(struct packet *packet, u8 flags, u32 words);
void packet_put_udp(struct packet *packet, u16 length);
void packet_put_payload(struct packet *packet, u32 len);
void packet_put_kind(struct packet *packet, const struct packet_kind *kind);
u32 packet_ext_len(u8 type, u8 len);

void packet_key(const struct packet *packet, enum lbdr_family family, u32 thoff,
		u8 protocol, struct lbdr_flow *flow);
bool packet_flows_equal(const struct lbdr_flow *a, const struct lbdr_flow *b);

void packet_cut(struct packet *packet, u32 len, u32 linear);
enum lbdr_parsed packet_parse_cut(struct packet *packet,
				  enum lbdr_family family, u32 len, u32 linear,
				  bool gso, struct lbdr_flow *flow);

/* Parses the whole packet, all of it linear. */
static inline enum lbdr_parsed packet_parse(struct packet *packet,
					    enum lbdr_family family,
					    struct lbdr_flow *flow)
{
	return packet_parse_cut(packet, family, packet->len, packet->len, false,
				flow);
}

/* Length of the header that is always linear when the parser is called. */
static inline u32 packet_fixed_len(enum lbdr_family family)
{
	return family == LBDR_V4 ? V4_LEN : V6_LEN;
}

#endif /* _LBDR_KUNIT_PACKET_H */
