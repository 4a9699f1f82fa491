/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Cached routes to servers.
 */
#ifndef _LBDR_ROUTE_H
#define _LBDR_ROUTE_H

#include <net/dst.h>

#include "flow.h"
#include "lbdr.h"
#include "stats.h"

struct lbdr_server;

/**
 * struct lbdr_route - how a server is reached; immutable once published
 * @dst: the route to the RIP, one reference held
 * @cookie: IPv6's witness that @dst is still valid
 * @mtu: of IPv4, without learned PMTU; a change of the device's or the route's
 *	makes @dst invalid. IPv6 routes outlive it, so it is asked for there
 * @local: the server is this very host
 * @rcu: puts @dst and frees
 */
struct lbdr_route {
	struct dst_entry	*dst;
	u32			cookie;
	u32			mtu;
	bool			local;
	struct rcu_head		rcu;
};

const struct lbdr_route *lbdr_route_get(struct lbdr_server *server,
					enum lbdr_family family,
					const struct net_device *from,
					enum lbdr_drop *why);
void lbdr_route_prune(struct lbdr_server *server);

#endif /* _LBDR_ROUTE_H */
