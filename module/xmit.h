/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Transmission to a server.
 */
#ifndef _LBDR_XMIT_H
#define _LBDR_XMIT_H

#include "flow.h"
#include "lbdr.h"
#include "nexthop.h"
#include "server.h"

/**
 * struct lbdr_xmit_ops - a transmit method
 * @xmit: send a packet, by family. Called under rcu_read_lock() with BH off, and
 *	with a route that fits @onlink. Returns NF_STOLEN, or NF_DROP with the
 *	reason counted
 * @name: for messages
 * @overhead: bytes that the method adds in front of the packet, by family
 * @onlink: the server must be on-link: lbdr_route.link is not NULL
 */
struct lbdr_xmit_ops {
	unsigned int	(*xmit[LBDR_FAMILIES])(struct lbdr_net *ln,
					       struct sk_buff *skb,
					       const struct lbdr_server *server,
					       const struct lbdr_route *route,
					       bool local);
	const char	*name;
	u8		overhead[LBDR_FAMILIES];
	bool		onlink;
};

extern const struct lbdr_xmit_ops lbdr_xmit_dr;

#endif /* _LBDR_XMIT_H */
