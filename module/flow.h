/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Flows: the fields of a packet that select and affect a connection.
 */
#ifndef _LBDR_FLOW_H
#define _LBDR_FLOW_H

#include <linux/in6.h>
#include <linux/ip.h>
#include <linux/ipv6.h>
#include <linux/skbuff.h>

#include <linux/lbdr.h>
#include "compat.h"

/* Address families, as array indices */
enum lbdr_family {
	LBDR_V4,
	LBDR_V6,
	LBDR_FAMILIES
};

static inline u8 lbdr_af(enum lbdr_family family)
{
	return family == LBDR_V4 ? AF_INET : AF_INET6;
}

/* Events: the effect of a packet on its connection, see state.c */
enum lbdr_event {
	LBDR_EVENT_DATA,	/* TCP segment that is none of the following */
	LBDR_EVENT_SYN,
	LBDR_EVENT_FIN,
	LBDR_EVENT_RST,
	LBDR_EVENT_UDP,
	LBDR_EVENT_SCTP_INIT,
	LBDR_EVENT_SCTP_DATA,
	LBDR_EVENT_SCTP_SHUTDOWN,
	LBDR_EVENT_SCTP_ABORT,
	LBDR_EVENT_TEMPLATE,	/* of a template: any packet of the client */
	LBDR_EVENTS
};

/* Flag in the protocol of a key: persistence template, see persist.c */
#define LBDR_KEY_TEMPLATE	BIT(8)
/* Flags of a template: the service is a range of ports, or is bound to a VRF */
#define LBDR_KEY_RANGE		BIT(9)
#define LBDR_KEY_BOUND		BIT(10)

/* First bit of the L3 domain's id in the protocol of a key, see domain.c */
#define LBDR_KEY_DOMAIN_SHIFT	16

/*
 * Places in the stack where packets are handled. A packet to a server that is this host
 * passes several of them. It is counted, and changes the state of its connection, only at
 * the place that has added the connection.
 */
enum lbdr_place {
	LBDR_PLACE_ENTRY,		/* the entry, or LOCAL_OUT */
	LBDR_PLACE_MARKED,		/* behind mangle */
	LBDR_PLACE_MARKED_VRF,		/* behind mangle, second pass, in the VRF */
	LBDR_PLACE_INGRESS,		/* adds no connections */
};

/* Ports, in the order of a transport header */
union lbdr_ports {
	struct {
		__be16	cport;
		__be16	vport;
	};
	u32		both;
};

/*
 * Key of a connection. Keys are compared as memory, so they have no padding. @protocol
 * contains the IP protocol, the flags of a template and the L3 domain.
 */
struct lbdr_key4 {
	union {
		struct {
			__be32			client;
			__be32			vip;
			union lbdr_ports	ports;
			u32			protocol;
		};
		u64	words[2];
	};
};

struct lbdr_key6 {
	union {
		struct {
			struct in6_addr		client;
			struct in6_addr		vip;
			union lbdr_ports	ports;
			u32			protocol;
		};
		u64	words[5];
	};
};

/* The last word of a key */
static __always_inline u64 lbdr_key_last(union lbdr_ports ports, u32 protocol)
{
#ifdef __BIG_ENDIAN
	return (u64)ports.both << 32 | protocol;
#else
	return (u64)protocol << 32 | ports.both;
#endif
}

/*
 * Sets a key from the addresses of an IP header, which follow each other. Written as words,
 * the key stays in registers.
 */
static __always_inline void lbdr_key4_set(struct lbdr_key4 *key, const struct iphdr *iph,
					  union lbdr_ports ports, u32 protocol)
{
	memcpy(&key->words[0], &iph->addrs, sizeof(iph->addrs));
	key->words[1] = lbdr_key_last(ports, protocol);
}

static __always_inline void lbdr_key6_set(struct lbdr_key6 *key, const struct ipv6hdr *hdr,
					  union lbdr_ports ports, u32 protocol)
{
	const void *addrs = &hdr->addrs;

	memcpy(&key->words[0], addrs, sizeof(u64));
	memcpy(&key->words[1], addrs + sizeof(u64), sizeof(u64));
	memcpy(&key->words[2], addrs + 2 * sizeof(u64), sizeof(u64));
	memcpy(&key->words[3], addrs + 3 * sizeof(u64), sizeof(u64));
	key->words[4] = lbdr_key_last(ports, protocol);
}

/* Keys are whole words of 8 bytes. A call of memcmp() would cost more than this. */
static __always_inline bool lbdr_key_equal(const void *a, const void *b, size_t len)
{
	u64 differences = 0, x, y;
	size_t i;

	/* Else a key of registers would be written to memory first. */
#pragma GCC unroll 8
	for (i = 0; i < len; i += sizeof(u64)) {
		memcpy(&x, a + i, sizeof(x));
		memcpy(&y, b + i, sizeof(y));
		differences |= x ^ y;
	}
	return !differences;
}

/**
 * struct lbdr_flow - parsed fields of a packet
 * @v4: connection key when @family is LBDR_V4
 * @v6: connection key when @family is LBDR_V6
 * @family: selects @v4 or @v6
 * @event: effect of the packet on its connection
 * @local: the client is on this host; set by the hook, not by the parser
 * @place: enum lbdr_place of the hook; set by the hook, not by the parser
 * @hdr_len: length of the network and transport headers, which each segment of a GSO
 *	packet repeats
 * @hash: hash and seed of the last lookup of the key, see lbdr_conn_lookup(); or 0
 */
struct lbdr_flow {
	union {
		struct lbdr_key4	v4;
		struct lbdr_key6	v6;
	};
	enum lbdr_family	family;
	enum lbdr_event		event;
	bool			local;
	u8			place;
	u32			hdr_len;
	u64			hash;
};

/* Sets the family and the key, except the ports. The key has not been looked up. */
static __always_inline void lbdr_flow_set4(struct lbdr_flow *flow, __be32 client,
					   __be32 vip, u32 protocol)
{
	flow->family = LBDR_V4;
	flow->hash = 0;
	flow->v4.client = client;
	flow->v4.vip = vip;
	flow->v4.protocol = protocol;
}

static __always_inline void lbdr_flow_set6(struct lbdr_flow *flow,
					   const struct in6_addr *client,
					   const struct in6_addr *vip, u32 protocol)
{
	flow->family = LBDR_V6;
	flow->hash = 0;
	flow->v6.client = *client;
	flow->v6.vip = *vip;
	flow->v6.protocol = protocol;
}

/* Length of the hop-by-hop header of an IPv6 packet above 64 KiB (RFC 2675, 2) */
#define LBDR_JUMBO_LEN	8

/*
 * True for an IPv6 GSO packet above 64 KiB (BIG TCP) with such a header, which its segments
 * do not have.
 */
static inline bool lbdr_is_jumbo(const struct sk_buff *skb)
{
	const struct ipv6hdr *hdr = ipv6_hdr(skb);

	return skb_is_gso(skb) && !hdr->payload_len &&
	       hdr->nexthdr == NEXTHDR_HOP;
}

/* The L3 domain of a flow, for callers that know @family at compile time. */
static __always_inline u16 lbdr_flow_domain_of(const struct lbdr_flow *flow,
					       enum lbdr_family family)
{
	return (family == LBDR_V4 ? flow->v4.protocol : flow->v6.protocol) >>
	       LBDR_KEY_DOMAIN_SHIFT;
}

static inline u16 lbdr_flow_domain(const struct lbdr_flow *flow)
{
	return lbdr_flow_domain_of(flow, flow->family);
}

/* True for the key of a persistence template. */
static inline bool lbdr_flow_is_template(const struct lbdr_flow *flow)
{
	return (flow->family == LBDR_V4 ? flow->v4.protocol : flow->v6.protocol) &
	       LBDR_KEY_TEMPLATE;
}

static inline u8 lbdr_flow_protocol(const struct lbdr_flow *flow)
{
	return flow->family == LBDR_V4 ? flow->v4.protocol : flow->v6.protocol;
}

/* Sets the L3 domain of a flow. The parser has set the domain to 0. */
static inline void lbdr_flow_set_domain(struct lbdr_flow *flow, u16 domain)
{
	if (flow->family == LBDR_V4)
		flow->v4.protocol |= (u32)domain << LBDR_KEY_DOMAIN_SHIFT;
	else
		flow->v6.protocol |= (u32)domain << LBDR_KEY_DOMAIN_SHIFT;
}

/*
 * Internal states: one datagram seen so far, reported as LBDR_CONN_STATE_UDP; template
 * of a client of which one packet was seen, reported as LBDR_CONN_STATE_TEMPLATE.
 */
#define LBDR_CONN_STATE_UDP_ONE		(LBDR_CONN_STATE_DEAD + 1)
#define LBDR_CONN_STATE_TEMPLATE_ONE	(LBDR_CONN_STATE_DEAD + 2)
#define LBDR_CONN_STATES		(LBDR_CONN_STATE_DEAD + 3)

/* True if a packet starts a new connection: TCP SYN or SCTP INIT. */
static inline bool lbdr_event_opens(enum lbdr_event event)
{
	return event == LBDR_EVENT_SYN || event == LBDR_EVENT_SCTP_INIT;
}

/* True for a packet that may be the first of a flow: SYN, INIT, or a datagram. */
static inline bool lbdr_event_first(enum lbdr_event event)
{
	return BIT(event) & (BIT(LBDR_EVENT_SYN) | BIT(LBDR_EVENT_SCTP_INIT) |
			     BIT(LBDR_EVENT_UDP));
}

/* parse.c */
enum lbdr_parsed {
	LBDR_PARSED,		/* TCP, UDP or SCTP; the flow is set */
	LBDR_PARSED_ERROR,	/* ICMP error; the flow is that of its inner packet */
	LBDR_PARSED_OTHER,	/* another protocol */
	LBDR_PARSED_FRAGMENT,
	LBDR_PARSED_MALFORMED,
};

enum lbdr_parsed lbdr_parse4(const struct sk_buff *skb, struct lbdr_flow *flow);
enum lbdr_parsed lbdr_parse6(const struct sk_buff *skb, struct lbdr_flow *flow);

#endif /* _LBDR_FLOW_H */
