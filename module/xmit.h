/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Transmit methods
 */
#ifndef _LBDR_XMIT_H
#define _LBDR_XMIT_H

#include "flow.h"
#include "lbdr.h"
#include "nexthop.h"
#include "server.h"

/**
 * struct lbdr_xmit_ops - a transmit method
 * @xmit: send a packet to a server, by family. Called under rcu_read_lock() with BH off;
 *	if @onlink is set, lbdr_route.link is not NULL. Returns NF_STOLEN, or NF_DROP
 *	after counting the drop reason
 * @name: name of the method
 * @overhead: bytes that the method adds to a packet, by family
 * @onlink: the server must be on-link
 */
struct lbdr_xmit_ops {
	unsigned int	(*xmit[LBDR_FAMILIES])(struct lbdr_net *ln,
					       struct sk_buff *skb,
					       struct lbdr_server *server,
					       const struct lbdr_route *route,
					       bool local);
	const char	*name;
	u8		overhead[LBDR_FAMILIES];
	bool		onlink;
};

extern const struct lbdr_xmit_ops lbdr_xmit_dr;

#endif /* _LBDR_XMIT_H */
