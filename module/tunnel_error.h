/* SPDX-License-Identifier: GPL-2.0 */
/*
 * ICMP errors about tunnelled packets.
 */
#ifndef _LBDR_TUNNEL_ERROR_H
#define _LBDR_TUNNEL_ERROR_H

#include <linux/netfilter.h>

#include "flow.h"

struct lbdr_net;

/* What an error says about the path of a tunnelled packet. */
enum lbdr_tunnel_error_kind {
	LBDR_TUNNEL_ERROR_OTHER,	/* no error of the path, or not understood */
	LBDR_TUNNEL_ERROR_TOO_BIG,
	LBDR_TUNNEL_ERROR_UNREACHABLE,
};

/**
 * struct lbdr_tunnel_error - an ICMP error about a packet with outer headers
 * @kind: what the error says
 * @mtu: of LBDR_TUNNEL_ERROR_TOO_BIG, the MTU that it reports; 0 if it reports none
 * @saddr: source address of the outer header, which the error was sent to
 * @daddr: destination address of the outer header
 * @type: enum lbdr_tunnel, by the protocol of the outer header
 * @port: destination port of GUE
 * @complete: the error quotes enough for the following members
 * @inner: offset of the inner packet from skb->data
 * @flow: flow of the inner packet, which a client has sent
 */
struct lbdr_tunnel_error {
	enum lbdr_tunnel_error_kind	kind;
	u32				mtu;
	union nf_inet_addr		saddr;
	union nf_inet_addr		daddr;
	u8				type;
	__be16				port;
	bool				complete;
	u32				inner;
	struct lbdr_flow		flow;
};

bool lbdr_tunnel_error_parse(const struct sk_buff *skb, enum lbdr_family outer,
			     struct lbdr_tunnel_error *error);
unsigned int lbdr_tunnel_error(struct lbdr_net *ln, struct sk_buff *skb,
			       enum lbdr_family outer);

#endif /* _LBDR_TUNNEL_ERROR_H */
