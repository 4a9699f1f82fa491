/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Route and MTU of the path to a next hop, inlined into the path of a packet.
 */
#ifndef _LBDR_NEXTHOP_PATH_H
#define _LBDR_NEXTHOP_PATH_H

#include <linux/jiffies.h>

#include "flow.h"
#include "lbdr.h"
#include "nexthop.h"
#include "route.h"

/*
 * See lbdr_nexthop_route(). @family: that of @nexthop, a constant.
 */
static __always_inline const struct lbdr_route *
lbdr_nexthop_route_of(struct lbdr_nexthop *nexthop, enum lbdr_family family)
{
	struct lbdr_net *ln = nexthop->ln;
	struct lbdr_route *route = rcu_dereference(nexthop->route);

	if (likely(route && lbdr_route_valid(ln->net, route, family)))
		return route;
	return lbdr_nexthop_renew_route(nexthop, route);
}

/*
 * See lbdr_nexthop_path_mtu(). @family: that of @nexthop, a constant.
 */
static __always_inline u32 lbdr_nexthop_path_mtu_of(struct lbdr_nexthop *nexthop,
						    const struct lbdr_route *route,
						    enum lbdr_family family)
{
	u32 mtu = family == LBDR_V4 ?
		  route->mtu : lbdr_route_mtu6_now(route, route->dev);
	u32 pmtu = READ_ONCE(nexthop->pmtu);

	if (likely(!pmtu))
		return mtu;
	if (time_before(jiffies, READ_ONCE(nexthop->pmtu_expires)))
		return min(mtu, pmtu);
	/* Before jiffies wrap */
	WRITE_ONCE(nexthop->pmtu, 0);
	return mtu;
}

struct neighbour *lbdr_nexthop_look_up_neigh(struct lbdr_nexthop *nexthop,
					     const struct lbdr_route *route);

/*
 * The neighbour that packets to a next hop are sent to with its link header, or NULL if there
 * is none now. @route: the cached route, with &lbdr_route.link. Context: rcu_read_lock() held,
 * BH off.
 */
static __always_inline struct neighbour *
lbdr_nexthop_neigh(struct lbdr_nexthop *nexthop, const struct lbdr_route *route)
{
	struct neighbour *neigh = rcu_dereference(route->neigh);

	if (lbdr_neigh_is_usable(neigh))
		return neigh;
	return lbdr_nexthop_look_up_neigh(nexthop, route);
}

#endif /* _LBDR_NEXTHOP_PATH_H */
