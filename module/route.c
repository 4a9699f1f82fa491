// SPDX-License-Identifier: GPL-2.0
/*
 * How a server is reached: the route that leads to its address, cached.
 *
 * A route is looked up by the first packet for a server and kept until
 * dst_check() says that the kernel's tables have changed; the look-up's cost
 * falls on the one packet that notices. It is published by RCU and replaced
 * under the server's lock.
 *
 * Routes that hold a device which goes away are dropped in time, see device.c.
 *
 * The neighbour is not cached. It is looked up without a reference for each
 * packet (see xmit_dr.c), so that a flushed, replaced or failed one is noticed
 * at once and nothing holds a device back.
 */
#include <linux/netdevice.h>
#include <net/ip.h>
#include <net/ip6_route.h>
#include <net/l3mdev.h>
#include <net/route.h>

#include "flow.h"
#include "route.h"
#include "server.h"
#include "stats.h"

static void lbdr_route_free_rcu(struct rcu_head *rcu)
{
	struct lbdr_route *route = container_of(rcu, struct lbdr_route, rcu);

	dst_release(route->dst);
	kfree(route);
}

/*
 * FLOWI_FLAG_KNOWN_NH says that packets sent by this route carry another
 * destination address than the one that it was looked up by. It makes the
 * route a private one with the RIP as its next hop, which the slow paths that
 * hand the packet to dst_output() need.
 */
static struct dst_entry *lbdr_route_lookup4(struct net *net,
					    const struct lbdr_server *server,
					    int vrf, bool *local, bool *gateway)
{
	struct flowi4 fl4 = {
		.daddr = server->addr.ip,
		.flowi4_oif = vrf,
		.flowi4_flags = FLOWI_FLAG_KNOWN_NH,
	};
	struct rtable *rt = ip_route_output_key(net, &fl4);

	if (IS_ERR(rt))
		return NULL;
	*local = rt->rt_flags & RTCF_LOCAL;
	*gateway = rt->rt_uses_gateway;
	if (rt->rt_type != RTN_UNICAST && rt->rt_type != RTN_LOCAL) {
		ip_rt_put(rt);
		return NULL;
	}
	return &rt->dst;
}

static struct dst_entry *lbdr_route_lookup6(struct net *net,
					    const struct lbdr_server *server,
					    int vrf, bool *local, bool *gateway,
					    u32 *cookie)
{
	struct flowi6 fl6 = {
		.daddr = server->addr.in6,
		.flowi6_oif = vrf,
		.flowi6_flags = FLOWI_FLAG_KNOWN_NH,
	};
	struct dst_entry *dst = ip6_route_output(net, NULL, &fl6);
	struct rt6_info *rt = dst_rt6_info(dst);

	if (dst->error) {
		dst_release(dst);
		return NULL;
	}
	*local = rt->rt6i_flags & RTF_LOCAL;
	*gateway = rt->rt6i_flags & RTF_GATEWAY;
	*cookie = rt6_get_cookie(rt);
	return dst;
}

static struct lbdr_route *lbdr_route_make(const struct lbdr_server *server,
					  const struct net_device *from,
					  enum lbdr_drop *why)
{
	struct net *net = server->ln->net;
	bool local = false, gateway = false;
	/* A VRF has tables of its own. Without one this is 0. */
	int vrf = from ? l3mdev_master_ifindex_rcu(from) : 0;
	struct lbdr_route *route;
	struct dst_entry *dst;
	u32 cookie = 0;

	if (server->family == LBDR_V4)
		dst = lbdr_route_lookup4(net, server, vrf, &local, &gateway);
	else
		dst = lbdr_route_lookup6(net, server, vrf, &local, &gateway,
					 &cookie);
	if (!dst) {
		*why = LBDR_DROP_NO_ROUTE;
		return NULL;
	}
	/* A MAC address does not reach across a router. */
	if (gateway) {
		*why = LBDR_DROP_NOT_ONLINK;
		goto err_dst;
	}

	route = kmalloc(sizeof(*route), GFP_ATOMIC | __GFP_NOWARN);
	if (!route) {
		*why = LBDR_DROP_MEMORY;
		goto err_dst;
	}
	route->dst = dst;
	route->mtu = server->family == LBDR_V4 ?
		     ip_dst_mtu_maybe_forward(dst, true) : 0;
	route->cookie = cookie;
	route->local = local;
	return route;

err_dst:
	dst_release(dst);
	return NULL;
}

/*
 * Publishes @new, which may be NULL, in the place of @old. Of two CPUs that
 * renew the same route one wins; the other one's is used for its packet alone,
 * so it too goes by a grace period.
 */
static void lbdr_route_publish(struct lbdr_server *server,
			       struct lbdr_route *old, struct lbdr_route *new)
{
	struct lbdr_route *loser = new;

	spin_lock_bh(&server->lock);
	if (rcu_access_pointer(server->route) == old &&
	    !READ_ONCE(server->dead)) {
		rcu_assign_pointer(server->route, new);
		loser = old;
	}
	spin_unlock_bh(&server->lock);

	if (loser)
		call_rcu(&loser->rcu, lbdr_route_free_rcu);
}

static noinline const struct lbdr_route *
lbdr_route_renew(struct lbdr_server *server, struct lbdr_route *old,
		 const struct net_device *from, enum lbdr_drop *why)
{
	struct lbdr_route *new = lbdr_route_make(server, from, why);

	if (from)
		lbdr_route_publish(server, old, new);
	else if (new)
		call_rcu(&new->rcu, lbdr_route_free_rcu);
	return new;
}

/*
 * dst_check(), where IPv4's half of it (ipv4_dst_check() of net/ipv4/route.c) is
 * spared the indirect call.
 */
static __always_inline bool lbdr_route_valid(const struct lbdr_server *server,
					     enum lbdr_family family,
					     const struct lbdr_route *route)
{
	if (family != LBDR_V4)
		return dst_check(route->dst, route->cookie);
	return route->dst->obsolete == DST_OBSOLETE_FORCE_CHK &&
	       dst_rtable(route->dst)->rt_genid ==
	       rt_genid_ipv4(server->ln->net);
}

/**
 * lbdr_route_get() - the route to a server
 * @server: the server, kept alive by rcu_read_lock() or a reference
 * @family: the server's, for a caller who knows it when it is compiled
 * @from: where the packet came from: a server is looked for in the VRF of the
 *	device whose packet asks first, since VIP and servers are in one. NULL
 *	where no packet asks: what is found then, outside of all VRFs, is not kept
 * @why: set when NULL is returned
 *
 * Context: rcu_read_lock() held. Looks the route up when there is none or it
 * has become invalid; otherwise takes no lock and no reference.
 * Return: the route, valid under rcu_read_lock(), or NULL.
 */
__always_inline const struct lbdr_route *
lbdr_route_get(struct lbdr_server *server, enum lbdr_family family,
	       const struct net_device *from, enum lbdr_drop *why)
{
	struct lbdr_route *route = rcu_dereference(server->route);

	if (likely(route && lbdr_route_valid(server, family, route)))
		return route;
	return lbdr_route_renew(server, route, from, why);
}

/**
 * lbdr_route_prune() - forget the route to a server unless it is of use
 * @server: the server; when it is dead, no route is of use
 *
 * Once @server->dead is set and this has returned, no packet publishes another.
 *
 * Context: process, @server kept alive by lbdr_net.lock.
 */
void lbdr_route_prune(struct lbdr_server *server)
{
	struct lbdr_route *route;

	rcu_read_lock();	/* for lbdr_route_valid() */
	spin_lock_bh(&server->lock);
	route = rcu_dereference_protected(server->route,
					  lockdep_is_held(&server->lock));
	if (route && !server->dead &&
	    lbdr_route_valid(server, server->family, route))
		route = NULL;
	if (route)
		RCU_INIT_POINTER(server->route, NULL);
	spin_unlock_bh(&server->lock);
	rcu_read_unlock();

	if (route)
		call_rcu(&route->rcu, lbdr_route_free_rcu);
}
