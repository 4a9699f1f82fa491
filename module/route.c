// SPDX-License-Identifier: GPL-2.0
/*
 * How a server is reached: the route that leads to its address, cached.
 *
 * A route is looked up by the first packet for a server and kept until
 * dst_check() says that the kernel's tables have changed; the look-up's cost
 * falls on the one packet that notices. It is published by RCU and replaced
 * under the server's lock.
 *
 * A device that goes away waits for whoever refers to it. The kernel takes it
 * out of a cached route itself, but an IPv6 route refers, beside the device, to
 * the entry of the routing table that it was made from, and that one keeps the
 * device until the route is put. So routes that are no longer valid are dropped
 * when a device is unregistered, by a notifier. No packet brings one back: the
 * device's routes went from the routing table when it was brought down, and
 * between that and NETDEV_UNREGISTER the kernel waits for a grace period, so
 * what looked the old route up has published it before, if at all.
 *
 * The neighbour is not cached. It is looked up without a reference for each
 * packet (see xmit_dr.c), so that a flushed, replaced or failed one is noticed
 * at once and nothing holds a device back.
 */
#include <linux/netdevice.h>
#include <net/ip.h>
#include <net/ip6_route.h>
#include <net/route.h>

#include "lbdr.h"

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
					    bool *local, bool *gateway)
{
	struct flowi4 fl4 = {
		.daddr = server->addr.ip,
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
					    bool *local, bool *gateway,
					    u32 *cookie)
{
	struct flowi6 fl6 = {
		.daddr = server->addr.in6,
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
					  enum lbdr_drop *why)
{
	struct net *net = server->ln->net;
	bool local = false, gateway = false;
	struct lbdr_route *route;
	struct dst_entry *dst;
	u32 cookie = 0;

	if (server->family == LBDR_V4)
		dst = lbdr_route_lookup4(net, server, &local, &gateway);
	else
		dst = lbdr_route_lookup6(net, server, &local, &gateway,
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

static const struct lbdr_route *lbdr_route_renew(struct lbdr_server *server,
						 struct lbdr_route *old,
						 enum lbdr_drop *why)
{
	struct lbdr_route *new = lbdr_route_make(server, why);

	lbdr_route_publish(server, old, new);
	return new;
}

/**
 * lbdr_route_get() - the route to a server
 * @server: the server, kept alive by rcu_read_lock() or a reference
 * @why: set when NULL is returned
 *
 * Context: rcu_read_lock() held. Looks the route up when there is none or it
 * has become invalid; otherwise takes no lock and no reference.
 * Return: the route, valid under rcu_read_lock(), or NULL.
 */
const struct lbdr_route *lbdr_route_get(struct lbdr_server *server,
					enum lbdr_drop *why)
{
	struct lbdr_route *route = rcu_dereference(server->route);

	if (likely(route && dst_check(route->dst, route->cookie)))
		return route;
	return lbdr_route_renew(server, route, why);
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

	rcu_read_lock();	/* for dst_check() */
	spin_lock_bh(&server->lock);
	route = rcu_dereference_protected(server->route,
					  lockdep_is_held(&server->lock));
	if (route && !server->dead && dst_check(route->dst, route->cookie))
		route = NULL;
	if (route)
		RCU_INIT_POINTER(server->route, NULL);
	spin_unlock_bh(&server->lock);
	rcu_read_unlock();

	if (route)
		call_rcu(&route->rcu, lbdr_route_free_rcu);
}

/*
 * A device of the namespace goes, or moves to another one. RTNL is held, which
 * lbdr never takes while it holds lbdr_net.lock.
 */
static int lbdr_route_device_event(struct notifier_block *nb,
				   unsigned long event, void *ptr)
{
	struct lbdr_net *ln = lbdr_net(dev_net(netdev_notifier_info_to_dev(ptr)));
	struct lbdr_service *service;
	struct lbdr_server *server;

	if (event != NETDEV_UNREGISTER)
		return NOTIFY_DONE;

	mutex_lock(&ln->lock);
	list_for_each_entry(service, &ln->service_list, list)
		list_for_each_entry(server, &service->servers, list)
			lbdr_route_prune(server);
	mutex_unlock(&ln->lock);
	return NOTIFY_DONE;
}

static struct notifier_block lbdr_route_notifier = {
	.notifier_call = lbdr_route_device_event,
};

/**
 * lbdr_route_init() - watch for devices that go
 *
 * Context: process, every namespace has its director.
 * Return: 0 or a negative error.
 */
int lbdr_route_init(void)
{
	return register_netdevice_notifier(&lbdr_route_notifier);
}

/**
 * lbdr_route_exit() - watch no more
 *
 * What is still cached goes with its service. A device that is being removed
 * just then waits for that.
 *
 * Context: process.
 */
void lbdr_route_exit(void)
{
	unregister_netdevice_notifier(&lbdr_route_notifier);
}
