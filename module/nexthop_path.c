// SPDX-License-Identifier: GPL-2.0
/*
 * The path to a next hop: exceptions of IPv4, the neighbour, and the learned PMTU.
 *
 * PMTU. A PMTU that an ICMP error reports (tunnel_error.c) is kept in the next hop: it is
 * a property of the path, not of a service. As in the kernel, it has a floor and
 * expires, and it is forgotten when the route is looked up again (`ip route flush cache`,
 * IPv4). A forged error that is not found out makes packets small until then, or outer
 * packets fragments, but stops none: with the floor the tunnel leaves clients of IPv4 more
 * than their least MTU, and clients of IPv6 always have theirs (lbdr_tunnel_told_mtu()).
 * Its two words are written without a
 * lock: a reader that sees only one of them uses a PMTU for too long or not yet, which the
 * next error corrects.
 */
#include <linux/jiffies.h>
#include <net/arp.h>
#include <net/ipv6.h>
#include <net/ndisc.h>

#include "flow.h"
#include "lbdr.h"
#include "nexthop_path.h"

/* The kernel's min_pmtu and mtu_expires (net/ipv4/route.c), and RFC 8200, 5 */
#define PMTU_FLOOR4	552
#define PMTU_FLOOR6	IPV6_MIN_MTU
#define PMTU_TIME	(10 * 60 * HZ)

/**
 * lbdr_route_valid_excepted() - ipv4_dst_check() for a route by an exception
 * @net: the namespace
 * @route: the route, @excepted
 *
 * The kernel drops an exception that has expired when it looks the address up.
 *
 * Context: rcu_read_lock() held.
 * Return: false if the FIB has changed, or the exception was dropped or has expired.
 */
noinline bool lbdr_route_valid_excepted(const struct net *net, const struct lbdr_route *route)
{
	unsigned long expires = READ_ONCE(route->dst->expires);

	return route->failed == rt_genid_ipv4(net) &&
	       READ_ONCE(route->dst->obsolete) == DST_OBSOLETE_FORCE_CHK &&
	       (!expires || time_before(jiffies, expires));
}
EXPORT_SYMBOL_FOR_KUNIT(lbdr_route_valid_excepted);

/**
 * lbdr_nexthop_look_up_neigh() - lbdr_nexthop_neigh() by looking the neighbour up
 * @nexthop: the next hop
 * @route: its cached route, with &lbdr_route.link
 *
 * Context: rcu_read_lock() held, BH off.
 * Return: the neighbour, valid under rcu_read_lock(), or NULL.
 */
noinline struct neighbour *lbdr_nexthop_look_up_neigh(struct lbdr_nexthop *nexthop,
						      const struct lbdr_route *route)
{
	const union nf_inet_addr *addr = &nexthop->key.addr;
	struct neighbour *neigh;

	neigh = nexthop->key.family == LBDR_V4 ?
		__ipv4_neigh_lookup_noref(route->link, (__force u32)addr->ip) :
		__ipv6_neigh_lookup_noref(route->link, &addr->in6);
	if (!lbdr_neigh_is_usable(neigh))
		return NULL;
	lbdr_nexthop_keep_neigh(nexthop, route, neigh);
	return neigh;
}

/**
 * lbdr_nexthop_path_mtu() - Get the MTU of the path to a next hop, for tunnels
 * @nexthop: the next hop
 * @route: its route; &lbdr_route.dst is not NULL
 *
 * Context: rcu_read_lock() held.
 * Return: the MTU of the route, or the learned PMTU if it is smaller and has not expired.
 */
u32 lbdr_nexthop_path_mtu(struct lbdr_nexthop *nexthop,
			  const struct lbdr_route *route)
{
	return lbdr_nexthop_path_mtu_of(nexthop, route, nexthop->key.family);
}
EXPORT_SYMBOL_FOR_KUNIT(lbdr_nexthop_path_mtu);

/**
 * lbdr_nexthop_learn_pmtu() - Use a smaller PMTU for some time
 * @nexthop: the next hop
 * @mtu: MTU that an ICMP error reports; a larger one than the present one is ignored
 *
 * Context: rcu_read_lock() held.
 */
void lbdr_nexthop_learn_pmtu(struct lbdr_nexthop *nexthop, u32 mtu)
{
	const struct lbdr_route *route = lbdr_nexthop_route(nexthop);

	mtu = max_t(u32, mtu, nexthop->key.family == LBDR_V4 ? PMTU_FLOOR4 :
							       PMTU_FLOOR6);
	if (!route->dst || mtu > lbdr_nexthop_path_mtu(nexthop, route))
		return;
	WRITE_ONCE(nexthop->pmtu_expires, jiffies + PMTU_TIME);
	WRITE_ONCE(nexthop->pmtu, mtu);
}
EXPORT_SYMBOL_FOR_KUNIT(lbdr_nexthop_learn_pmtu);
