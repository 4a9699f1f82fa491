/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Transmit methods. Direct routing (xmit_dr.c) is inlined into the path of a packet.
 */
#ifndef _LBDR_XMIT_H
#define _LBDR_XMIT_H

#include "flow.h"
#include "lbdr.h"
#include "nexthop.h"
#include "server.h"
#include "tunnel.h"

unsigned int lbdr_xmit_tunnel(struct sk_buff *skb, const struct lbdr_flow *flow,
			      struct lbdr_server *server,
			      const struct lbdr_server_tunnel *tunnel,
			      struct lbdr_nexthop *nexthop,
			      const struct lbdr_route *route);

#endif /* _LBDR_XMIT_H */
