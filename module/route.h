/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Routes of next hops.
 */
#ifndef _LBDR_ROUTE_H
#define _LBDR_ROUTE_H

#include <linux/netfilter.h>
#include <net/addrconf.h>
#include <net/dst.h>
#include <net/ip6_fib.h>
#include <net/ip6_route.h>
#include <net/neighbour.h>
#include <net/net_namespace.h>

#include "compat.h"
#include "flow.h"

/**
 * struct lbdr_route - the result of a FIB lookup; immutable once published, but for @neigh
 * @link: device by which the address is on-link; NULL for a local address, an address
 *	behind a gateway, and a negative answer
 * @neigh: the neighbour that packets by the route go to, one reference held, or NULL. It may
 *	be dead; RCU, replaced under lbdr_nexthops.lock
 * @genid: generation at which @dst is valid: that of the IPv4 FIB, or of the IPv6 FIB
 *	node. A negative answer has a value that is not the present generation, and so has a
 *	route by an IPv6 nexthop object, and one by an IPv4 exception
 * @mtu: MTU without learned PMTU. IPv6: 0 means the MTU of the device's inet6_dev,
 *	which may change without a new generation
 * @dst: the route, one reference held; NULL for a negative answer
 * @addr_genid: generation of the namespace's IPv6 addresses before the lookup: @source may
 *	be another one after a change. And an address that is added with a prefix that
 *	there is becomes local, but changes no FIB node that the route has come from
 * @why: drop reason if @link is NULL and @local is false, for transmit methods that
 *	need @link
 * @local: the address is a local address of this host
 * @plain: tunnelled packets need nothing but the outer headers: the route is neither
 *	negative nor local, has a source address, and does not encapsulate by itself
 * @excepted: IPv4: the kernel has learned a PMTU or a gateway (redirect) for the address.
 *	Such a route ends without a new generation of the FIB
 * @failed: generation of the FIB before the lookup; used for negative answers, for routes by
 *	an IPv6 nexthop object, and if @excepted
 * @dev: device that @dst refers to; NULL for a negative answer
 * @stamp: jiffies of the lookup
 * @rcu: releases @dst and frees the route
 * @source: source address of packets to the address, for tunnels; the address 0 if
 *	there is none
 */
struct lbdr_route {
	struct net_device	*link;
	struct neighbour __rcu	*neigh;
	u32			genid;
	u32			mtu;
	struct dst_entry	*dst;
	int			addr_genid;
	u8			why;
	bool			local;
	bool			plain;
	bool			excepted;
	u32			failed;
	struct net_device	*dev;
	unsigned long		stamp;
	struct rcu_head		rcu;
	union nf_inet_addr	source;
};

/* Returns true if there is no source address for packets to the address. */
static inline bool lbdr_route_is_sourceless(const struct lbdr_route *route)
{
	return !route->source.ip && ipv6_addr_any(&route->source.in6);
}

/* The generation of the FIB: it changes with every change of a route or local address. */
static inline u32 lbdr_nexthop_fib_genid(const struct net *net, u8 family)
{
	return family == LBDR_V4 ? rt_genid_ipv4(net) : rt_genid_ipv6(net);
}

/*
 * ip6_dst_check(). A route by a nexthop object with a gateway has a serial number of its
 * own: that of the namespace when it was made, see rt6_is_valid() in net/ipv6/route.c.
 */
static __always_inline bool lbdr_route_valid6(const struct net *net,
					      const struct lbdr_route *route)
{
	const struct fib6_info *from;
	u32 cookie;

	if (unlikely(!route->dst || route->addr_genid != atomic_read(&net->ipv6.dev_addr_genid)))
		return false;
	from = rcu_dereference(dst_rt6_info(route->dst)->from);
	if (likely(from && fib6_get_cookie_safe(from, &cookie) &&
		   cookie == route->genid && !fib6_check_expired(from)))
		return true;
	return dst_rt6_info(route->dst)->sernum && route->failed == rt_genid_ipv6(net);
}

bool lbdr_route_valid_excepted(const struct net *net, const struct lbdr_route *route);

static __always_inline bool lbdr_route_valid4(const struct net *net,
					      const struct lbdr_route *route)
{
	return likely(route->genid == rt_genid_ipv4(net)) ||
	       (unlikely(route->excepted) && lbdr_route_valid_excepted(net, route));
}

/*
 * False if the FIB or, for IPv6, a local address has changed since the lookup. @family: of the
 * address, a constant
 */
static __always_inline bool lbdr_route_valid(const struct net *net,
					     const struct lbdr_route *route,
					     enum lbdr_family family)
{
	return family == LBDR_V4 ? lbdr_route_valid4(net, route) :
				   lbdr_route_valid6(net, route);
}

/*
 * Returns true if packets can be sent with the link header of a neighbour. It is dead once it
 * was removed from its table, and keeps its state and header then. The header is of HH_DATA_MOD
 * bytes at most, as on Ethernet. Context: rcu_read_lock() held.
 */
static __always_inline bool lbdr_neigh_is_usable(const struct neighbour *neigh)
{
	return likely(neigh) && likely(READ_ONCE(neigh->nud_state) & NUD_CONNECTED) &&
	       likely(!READ_ONCE(neigh->dead)) &&
	       likely(READ_ONCE(neigh->hh.hh_len) - 1 < HH_DATA_MOD);
}

/* Like ip6_dst_mtu_maybe_forward(). The route contains the constant part. */
static __always_inline u32 lbdr_route_mtu6_now(const struct lbdr_route *route,
					       const struct net_device *dev)
{
	const struct inet6_dev *idev;

	if (unlikely(route->mtu))
		return route->mtu;
	idev = rcu_dereference(dev->ip6_ptr);
	return likely(idev) ? min_t(u32, READ_ONCE(idev->cnf.mtu6), IP6_MAX_MTU) :
			      IPV6_MIN_MTU;
}

#endif /* _LBDR_ROUTE_H */
