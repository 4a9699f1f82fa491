/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The outer headers of a tunnelled packet.
 */
#ifndef _LBDR_ENCAP_H
#define _LBDR_ENCAP_H

#include <linux/netfilter.h>
#include <linux/skbuff.h>

#include "flow.h"
#include "tunnel.h"

/**
 * struct lbdr_encap - what the outer headers of a packet are made from
 * @source: source address of the route; replaced if the tunnel has one of its own
 * @daddr: address of the server
 * @hash: hash of the flow
 * @inner: family of the packet
 * @outer: family of @source and @daddr
 * @may_fragment: DF is not set, whatever the settings are
 */
struct lbdr_encap {
	const union nf_inet_addr	*source;
	const union nf_inet_addr	*daddr;
	u32				hash;
	enum lbdr_family		inner;
	enum lbdr_family		outer;
	bool				may_fragment;
};

void lbdr_encap_init(void);
u32 lbdr_encap_hash(const struct lbdr_flow *flow);
void lbdr_encap_source(const struct lbdr_server_tunnel *tunnel,
		       const struct lbdr_encap *encap, union nf_inet_addr *addr);
int lbdr_encap_offloads(struct sk_buff *skb, const struct lbdr_server_tunnel *tunnel);
void lbdr_encap_push(struct sk_buff *skb, const struct lbdr_server_tunnel *tunnel,
		     const struct lbdr_encap *encap);
__be16 lbdr_encap_port(u32 hash);

#endif /* _LBDR_ENCAP_H */
