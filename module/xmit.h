/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Transmission to a server.
 */
#ifndef _LBDR_XMIT_H
#define _LBDR_XMIT_H

#include "flow.h"
#include "lbdr.h"
#include "route.h"
#include "server.h"

unsigned int lbdr_xmit_dr4(struct lbdr_net *ln, struct sk_buff *skb,
			   const struct lbdr_server *server,
			   const struct lbdr_route *route, bool local);
unsigned int lbdr_xmit_dr6(struct lbdr_net *ln, struct sk_buff *skb,
			   const struct lbdr_server *server,
			   const struct lbdr_route *route, bool local);

#endif /* _LBDR_XMIT_H */
