/* SPDX-License-Identifier: GPL-2.0 */
/*
 * A flow: what is read from a packet, and what that means to a connection.
 */
#ifndef _LBDR_FLOW_H
#define _LBDR_FLOW_H

#include <linux/in6.h>
#include <linux/skbuff.h>

#include <linux/lbdr.h>
#include "compat.h"

/* The two address families, as an index. */
enum lbdr_family {
	LBDR_V4,
	LBDR_V6,
	LBDR_FAMILIES
};

static inline u8 lbdr_af(enum lbdr_family family)
{
	return family == LBDR_V4 ? AF_INET : AF_INET6;
}

/* What a packet means to its connection. */
enum lbdr_event {
	LBDR_EVENT_DATA,	/* of TCP */
	LBDR_EVENT_SYN,
	LBDR_EVENT_FIN,
	LBDR_EVENT_RST,
	LBDR_EVENT_UDP,
	LBDR_EVENT_SCTP_INIT,
	LBDR_EVENT_SCTP_DATA,
	LBDR_EVENT_SCTP_SHUTDOWN,
	LBDR_EVENT_SCTP_ABORT,
	LBDR_EVENT_TEMPLATE,	/* none: persistence remembers a client */
	LBDR_EVENTS
};

/*
 * In a key's protocol, beside the IP protocol: this is no connection but what
 * persistence remembers of a client, see persist.c.
 */
#define LBDR_KEY_TEMPLATE	BIT(8)
/* Of a template: its service is a range of ports, or is bound to a VRF. */
#define LBDR_KEY_RANGE		BIT(9)
#define LBDR_KEY_BOUND		BIT(10)

/* In a key's protocol, from here up: the L3 domain's id, see domain.c. */
#define LBDR_KEY_DOMAIN_SHIFT	16

/* The ports as they are side by side in a transport header. */
union lbdr_ports {
	struct {
		__be16	cport;
		__be16	vport;
	};
	u32		both;
};

/*
 * The key of a connection in the table. Compared as words: no padding. @protocol is
 * the IP protocol, LBDR_KEY_TEMPLATE, and the L3 domain.
 */
struct lbdr_key4 {
	__be32			client;
	__be32			vip;
	union lbdr_ports	ports;
	u32			protocol;
};

struct lbdr_key6 {
	struct in6_addr		client;
	struct in6_addr		vip;
	union lbdr_ports	ports;
	u32			protocol;
};

/**
 * struct lbdr_flow - what the walk knows of a packet, see parse.c
 * @v4: connection key when @family is LBDR_V4
 * @v6: connection key when @family is LBDR_V6
 * @family: which of the two
 * @event: what the packet means to its connection
 * @local: this host is the client; set by the hook, not by the parser
 * @hdr_len: bytes of network and transport header, which every segment of a
 *	GSO packet will carry
 */
struct lbdr_flow {
	union {
		struct lbdr_key4	v4;
		struct lbdr_key6	v6;
	};
	enum lbdr_family	family;
	enum lbdr_event		event;
	bool			local;
	u32			hdr_len;
};

/* The L3 domain of a flow; for a caller that knows @family at compile time. */
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

static inline u8 lbdr_flow_protocol(const struct lbdr_flow *flow)
{
	return flow->family == LBDR_V4 ? flow->v4.protocol : flow->v6.protocol;
}

/* Sets the domain of a flow that the parser has filled in. */
static inline void lbdr_flow_set_domain(struct lbdr_flow *flow, u16 domain)
{
	if (flow->family == LBDR_V4)
		flow->v4.protocol |= (u32)domain << LBDR_KEY_DOMAIN_SHIFT;
	else
		flow->v6.protocol |= (u32)domain << LBDR_KEY_DOMAIN_SHIFT;
}

/* UDP of which one datagram was seen; users are told of UDP. */
#define LBDR_CONN_STATE_UDP_ONE	(LBDR_CONN_STATE_DEAD + 1)
#define LBDR_CONN_STATES	(LBDR_CONN_STATE_DEAD + 2)

/* Whether a packet asks for a connection of its own. */
static inline bool lbdr_event_opens(enum lbdr_event event)
{
	return event == LBDR_EVENT_SYN || event == LBDR_EVENT_SCTP_INIT;
}

/* parse.c */
enum lbdr_parsed {
	LBDR_PARSED,		/* the flow is filled in */
	LBDR_PARSED_ERROR,	/* so it is, by the packet that an ICMP error quotes */
	LBDR_PARSED_OTHER,	/* neither TCP nor UDP nor SCTP */
	LBDR_PARSED_FRAGMENT,
	LBDR_PARSED_MALFORMED,
};

enum lbdr_parsed lbdr_parse4(const struct sk_buff *skb, struct lbdr_flow *flow);
enum lbdr_parsed lbdr_parse6(const struct sk_buff *skb, struct lbdr_flow *flow);

#endif /* _LBDR_FLOW_H */
