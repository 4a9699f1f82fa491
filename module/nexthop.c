// SPDX-License-Identifier: GPL-2.0
/*
 * Next hops: one object for each (address, L3 domain), shared by all servers of
 * that address. A next hop holds the cached route, with its MTU or the negative
 * answer, and the MAC that peers.c compares source MACs with. The transmit method
 * belongs to the server (lbdr_server.tunnel): servers of one address may use
 * different methods.
 *
 * Lookup. A server holds a reference to the next hop of the default domain, so a
 * packet of that domain follows two pointers. A packet of another domain finds the
 * next hop in lbdr_nexthops.table; the first such packet adds it.
 *
 * Lifetime. A packet reaches a next hop through a server, which it reached under
 * rcu_read_lock() through a pool or a connection. These hold a reference to the
 * server until a grace period after the last packet that could find them, and the
 * server holds its next hop until its last reference is dropped. So when
 * lbdr_nexthop_put() drops the last reference, no packet is using that next hop.
 * Next hops of other domains ("siblings") are not refcounted. They are
 * unlinked with the default domain's next hop of their address, or with their
 * domain's device, whichever comes first, so their number is bounded by the
 * servers' addresses times the VRF devices that exist:
 *
 * - A sibling is added under lbdr_nexthops.lock by a packet that is using a server
 *   of the address, so the default domain's next hop cannot be unlinked before or
 *   meanwhile (see above), and the later unlinking finds the sibling in its list.
 * - The same section checks that the domain still has a device.
 *   lbdr_nexthop_flush_domain() runs after the device was removed from the domain:
 *   either it finds the sibling, or the check fails.
 *
 * Siblings, MACs and the table are also read under rcu_read_lock() by packets and
 * events without a reference, so all next hops are freed by RCU. @dead prevents a
 * concurrent writer from publishing a route in an unlinked next hop.
 *
 * Routes. The first packet looks the route up and publishes it by RCU. If two CPUs
 * look it up at the same time, one publishes its route; the other uses its route for
 * one packet only. IPv4 routes are valid until the FIB's generation changes, and those by an
 * exception (a learned PMTU or a redirect) until the kernel drops it. The generation is read
 * before the lookup, so a change during the lookup makes the result invalid. IPv6 routes
 * are valid while the FIB node of the lookup has the same serial number
 * (ip6_dst_check() without its call and its nested read-side sections), or if they are by
 * a nexthop object with a gateway, until the FIB's generation changes; and no longer than
 * the IPv6 addresses of the namespace stay as they are, on which the source address of tunnels
 * depends (IPv4 addresses have routes of their own). A negative
 * answer is valid until the FIB's generation changes, and at most NEGATIVE_TIME:
 * IPv6 increments its generation before it links the new route, so the negative
 * answer of a lookup in between would otherwise stay valid.
 *
 * Devices. A route must not outlive its device. An IPv6 route refers to a FIB entry
 * that holds the device until the route is put. lbdr_nexthop_drop_dev() drops the
 * routes of a device at NETDEV_UNREGISTER, and lbdr_route_publish() checks, under
 * the same lock, that the device is still listed in the namespace. A device is
 * unlisted before that event, whether it is unregistered or moved. So a route is
 * either dropped by the event or not published, and @link and @dev of a published
 * route are valid for every reader under rcu_read_lock().
 *
 * Neighbours. A route keeps the neighbour that a packet was sent to with a link header, so
 * that packets after it look none up. The neighbour is the kernel's own object, which tells by
 * itself that its MAC has changed, that it is no longer confirmed, and that it was removed from
 * its table: a packet that finds one of the last two looks the neighbour up again. The kernel's
 * garbage collection leaves a neighbour with a reference alone, and `ip neigh del` leaves it in
 * the table as failed; the next packet has it resolved again. The neighbour holds its device,
 * and is let go with the route, that is when the device leaves the namespace at the latest.
 */
#include <linux/hash.h>
#include <linux/mm.h>
#include <linux/netdevice.h>
#include <net/addrconf.h>
#include <net/ip.h>
#include <net/ip6_route.h>
#include <net/route.h>

#include "domain.h"
#include "flow.h"
#include "lbdr.h"
#include "limit.h"
#include "nexthop.h"
#include "nexthop_path.h"
#include "peers.h"
#include "stats.h"

/* How long a negative answer is valid while the FIB does not change */
#define NEGATIVE_TIME	HZ

/* Next hops processed in one hold of lbdr_nexthops.lock */
#define BATCH		64

static const struct rhashtable_params lbdr_nexthop_params = {
	.head_offset		= offsetof(struct lbdr_nexthop, node),
	.key_offset		= offsetof(struct lbdr_nexthop, key),
	.key_len		= sizeof(struct lbdr_nexthop_key),
	.automatic_shrinking	= true,
};

/* Used if a route cannot be allocated; never published */
static const struct lbdr_route lbdr_route_no_memory = {
	.why = LBDR_DROP_MEMORY,
};

static void lbdr_route_free_rcu(struct rcu_head *rcu)
{
	struct lbdr_route *route = container_of(rcu, struct lbdr_route, rcu);
	struct neighbour *neigh = rcu_dereference_protected(route->neigh, true);

	if (neigh)
		neigh_release(neigh);
	dst_release(route->dst);
	kfree(route);
}

/*
 * FLOWI_FLAG_KNOWN_NH: the destination address of the packets is not the address of the
 * lookup. The FIB then returns a route whose next hop is the server's address, which
 * the slow paths that call dst_output() need.
 */
static bool lbdr_route_lookup4(const struct lbdr_nexthop *nexthop, int oif,
			       struct lbdr_route *route)
{
	struct flowi4 fl4 = {
		.daddr = nexthop->key.addr.ip,
		.flowi4_oif = oif,
		.flowi4_flags = FLOWI_FLAG_KNOWN_NH,
	};
	struct rtable *rt = ip_route_output_key(nexthop->ln->net, &fl4);

	if (IS_ERR(rt))
		return false;
	/* A loopback address is this host, or nobody, whatever routes there are. */
	if (rt->rt_type != RTN_LOCAL &&
	    (rt->rt_type != RTN_UNICAST || ipv4_is_loopback(fl4.daddr))) {
		ip_rt_put(rt);
		return false;
	}
	route->dst = &rt->dst;
	route->dev = dst_dev_rcu(&rt->dst);
	route->excepted = rt->rt_pmtu || rt->dst.expires || rt->rt_flags & RTCF_REDIRECTED;
	/* A value that is not the generation */
	route->genid = route->excepted ? ~route->failed : route->failed;
	route->mtu = ip_dst_mtu_maybe_forward(&rt->dst, true);
	route->source.ip = fl4.saddr;
	route->local = rt->rt_flags & RTCF_LOCAL;
	if (!route->local && !rt->rt_uses_gateway)
		route->link = route->dev;
	return true;
}

/* The constant part of ip6_dst_mtu_maybe_forward(), else 0. */
static u32 lbdr_route_mtu6(const struct dst_entry *dst)
{
	if (dst->lwtstate || dst_metric_locked(dst, RTAX_MTU))
		return ip6_dst_mtu_maybe_forward(dst, true);
	return 0;
}

/* Returns true if an address may be a source, and is no host address (/128). */
static bool lbdr_route_is_subnet6(const struct inet6_ifaddr *ifa,
				  const struct in6_addr *gateway)
{
	if (ifa->flags & (IFA_F_TENTATIVE | IFA_F_DEPRECATED | IFA_F_DADFAILED) ||
	    ifa->prefix_len == 128 ||
	    ipv6_addr_type(&ifa->addr) & IPV6_ADDR_LINKLOCAL)
		return false;
	return ipv6_addr_type(gateway) & IPV6_ADDR_LINKLOCAL ||
	       ipv6_prefix_equal(&ifa->addr, gateway, ifa->prefix_len);
}

/*
 * The source address of packets to an IPv6 server, which ip6_route_output() does not
 * choose: that of the route; or, as IPv4 does, the address of the device in the subnet of
 * the next hop; or what the kernel prefers. By RFC 6724, rule 8, the kernel prefers a host
 * address near the server's, and that is often a VIP, which real servers have too: they
 * drop packets from an address of their own.
 */
static void lbdr_route_source6(const struct lbdr_nexthop *nexthop,
			       struct lbdr_route *route)
{
	const struct rt6_info *rt = dst_rt6_info(route->dst);
	const struct in6_addr *daddr = &nexthop->key.addr.in6;
	struct net *net = nexthop->ln->net;
	const struct inet6_ifaddr *ifa;
	const struct fib6_info *from;
	struct inet6_dev *idev;

	from = rcu_dereference(rt->from);
	if (from && from->fib6_prefsrc.plen) {
		route->source.in6 = from->fib6_prefsrc.addr;
		return;
	}
	idev = __in6_dev_get(route->dev);
	if (idev && !route->local)
		list_for_each_entry_rcu(ifa, &idev->addr_list, if_list)
			if (lbdr_route_is_subnet6(ifa, rt6_nexthop(rt, daddr))) {
				route->source.in6 = ifa->addr;
				return;
			}
	if (ipv6_dev_get_saddr(net, route->dev, daddr, 0, &route->source.in6))
		route->source.in6 = in6addr_any;
}

static bool lbdr_route_lookup6(const struct lbdr_nexthop *nexthop, int oif,
			       struct lbdr_route *route)
{
	struct flowi6 fl6 = {
		.daddr = nexthop->key.addr.in6,
		.flowi6_oif = oif,
		.flowi6_flags = FLOWI_FLAG_KNOWN_NH,
	};
	struct dst_entry *dst = ip6_route_output(nexthop->ln->net, NULL, &fl6);
	struct rt6_info *rt = dst_rt6_info(dst);

	if (dst->error ||
	    (ipv6_addr_loopback(&fl6.daddr) && !(rt->rt6i_flags & RTF_LOCAL))) {
		dst_release(dst);
		return false;
	}
	route->dst = dst;
	/* For a local route: the device of the address, not loopback. */
	route->dev = rt->rt6i_idev ? rt->rt6i_idev->dev : dst_dev_rcu(dst);
	/* A value that no FIB node has */
	route->genid = rt->sernum ? ~route->failed : rt6_get_cookie(rt);
	route->mtu = lbdr_route_mtu6(dst);
	route->local = rt->rt6i_flags & RTF_LOCAL;
	if (!route->local && !(rt->rt6i_flags & RTF_GATEWAY))
		route->link = dst_dev_rcu(dst);
	lbdr_route_source6(nexthop, route);
	return true;
}

/* Looks a route up. Returns a positive or negative answer, or NULL without memory. */
static struct lbdr_route *lbdr_route_make(const struct lbdr_nexthop *nexthop)
{
	u16 domain = nexthop->key.domain;
	struct lbdr_route *route;
	int oif = 0;
	bool found;

	route = lbdr_limit_alloc(nexthop->ln, sizeof(*route));
	if (!route)
		return NULL;
	memset(route, 0, sizeof(*route));
	route->failed = lbdr_nexthop_fib_genid(nexthop->ln->net,
					       nexthop->key.family);
	route->addr_genid = atomic_read(&nexthop->ln->net->ipv6.dev_addr_genid);
	smp_rmb();	/* read the generations before the lookup */
	route->stamp = jiffies;
	route->why = LBDR_DROP_NOT_ONLINK;
	if (domain)
		oif = lbdr_domain_ifindex(nexthop->ln, domain);
	if (domain && !oif)
		found = false;
	else if (nexthop->key.family == LBDR_V4)
		found = lbdr_route_lookup4(nexthop, oif, route);
	else
		found = lbdr_route_lookup6(nexthop, oif, route);
	if (!found) {
		route->why = LBDR_DROP_NO_ROUTE;
		route->genid = ~route->failed;
	}
	route->plain = route->dst && !route->local && !route->dst->lwtstate &&
		       !lbdr_route_is_sourceless(route);
	return route;
}

/* Returns true if a route may be published: its device is still listed. */
static bool lbdr_route_cacheable(struct net *net, const struct lbdr_route *route)
{
	const struct net_device *dev = route->dev;

	if (!route->dst)
		return true;
	return dev_get_by_index_rcu(net, dev->ifindex) == dev;
}

static struct hlist_head *lbdr_nexthop_dev_chain(struct lbdr_nexthops *nexthops,
						 const struct net_device *dev)
{
	return &nexthops->devs[hash_32(dev->ifindex, LBDR_NEXTHOP_DEV_BITS)];
}

/* Replaces the cached route by @new, which may be NULL. */
static void lbdr_nexthop_replace(struct lbdr_nexthop *nexthop,
				 struct lbdr_route *new)
{
	struct lbdr_nexthops *nexthops = &nexthop->ln->nexthops;
	struct lbdr_route *old;

	old = rcu_replace_pointer(nexthop->route, new,
				  lockdep_is_held(&nexthops->lock));
	hlist_del_init(&nexthop->dev_node);
	if (old) {
		nexthops->n_routes--;
		call_rcu(&old->rcu, lbdr_route_free_rcu);
	}
	if (new) {
		nexthops->n_routes++;
		if (new->dev)
			hlist_add_head(&nexthop->dev_node,
				       lbdr_nexthop_dev_chain(nexthops, new->dev));
	}
}

/* Publishes @new in place of @old. An unpublished route is freed after a grace period. */
static void lbdr_route_publish(struct lbdr_nexthop *nexthop,
			       struct lbdr_route *old, struct lbdr_route *new)
{
	struct lbdr_net *ln = nexthop->ln;
	bool published = false;

	spin_lock_bh(&ln->nexthops.lock);
	if (rcu_access_pointer(nexthop->route) == old && !nexthop->dead &&
	    lbdr_route_cacheable(ln->net, new)) {
		lbdr_nexthop_replace(nexthop, new);
		/* Learned on a path that may be another one now */
		WRITE_ONCE(nexthop->pmtu, 0);
		published = true;
	}
	spin_unlock_bh(&ln->nexthops.lock);

	if (published)
		lbdr_peers_update_nexthop(nexthop, new);
	else
		call_rcu(&new->rcu, lbdr_route_free_rcu);
}

static bool lbdr_route_negative_valid(const struct lbdr_nexthop *nexthop,
				      const struct lbdr_route *route)
{
	return !route->dst &&
	       route->failed == lbdr_nexthop_fib_genid(nexthop->ln->net,
						     nexthop->key.family) &&
	       time_before(jiffies, route->stamp + NEGATIVE_TIME);
}

/**
 * lbdr_nexthop_renew_route() - Look the route of a next hop up
 * @nexthop: the next hop
 * @old: its cached route, which is no longer valid, or NULL
 *
 * Context: rcu_read_lock() held.
 * Return: as lbdr_nexthop_route().
 */
const struct lbdr_route *
lbdr_nexthop_renew_route(struct lbdr_nexthop *nexthop, struct lbdr_route *old)
{
	struct lbdr_route *new;

	if (old && lbdr_route_negative_valid(nexthop, old))
		return old;
	new = lbdr_route_make(nexthop);
	if (!new)
		return &lbdr_route_no_memory;
	lbdr_route_publish(nexthop, old, new);
	return new;
}

/**
 * lbdr_nexthop_known_route() - Get the route of a next hop without a lookup
 * @nexthop: the next hop
 *
 * Context: rcu_read_lock() held.
 * Return: the cached route, valid under rcu_read_lock(), or NULL if none is cached or
 * the routing tables have changed since its lookup.
 */
const struct lbdr_route *
lbdr_nexthop_known_route(const struct lbdr_nexthop *nexthop)
{
	const struct lbdr_route *route = rcu_dereference(nexthop->route);

	return route && lbdr_route_valid(nexthop->ln->net, route,
					 nexthop->key.family) ? route : NULL;
}
EXPORT_SYMBOL_FOR_KUNIT(lbdr_nexthop_known_route);

/**
 * lbdr_nexthop_route() - Get the route of a next hop
 * @nexthop: the next hop
 *
 * Looks the route up if no valid route is cached. Otherwise takes no lock and no
 * reference.
 *
 * Context: rcu_read_lock() held.
 * Return: the route, never NULL, valid under rcu_read_lock(). If &lbdr_route.link is
 * NULL and &lbdr_route.local is false, &lbdr_route.why is the drop reason of methods that need
 * a link; that of others if &lbdr_route.dst is NULL.
 */
const struct lbdr_route *lbdr_nexthop_route(struct lbdr_nexthop *nexthop)
{
	return lbdr_nexthop_route_of(nexthop, nexthop->key.family);
}
EXPORT_SYMBOL_FOR_KUNIT(lbdr_nexthop_route);

/**
 * lbdr_nexthop_keep_neigh() - Keep the neighbour of a route for the packets to come
 * @nexthop: the next hop
 * @route: a route to it
 * @neigh: the neighbour that packets by @route go to, which has a link header
 *
 * Only the cached route of the next hop keeps one. What it kept before is freed by RCU. The
 * kernel cannot collect what is kept, and its table is shared by all namespaces: so nothing is
 * kept once it is so full that neighbours are collected before their time, nor for a user's
 * namespace.
 *
 * Context: rcu_read_lock() held.
 */
void lbdr_nexthop_keep_neigh(struct lbdr_nexthop *nexthop, const struct lbdr_route *route,
			     struct neighbour *neigh)
{
	struct lbdr_nexthops *nexthops = &nexthop->ln->nexthops;
	struct lbdr_route *cached;

	if (rcu_access_pointer(nexthop->route) != route || nexthop->ln->user ||
	    atomic_read(&neigh->tbl->gc_entries) >= READ_ONCE(neigh->tbl->gc_thresh2) ||
	    !refcount_inc_not_zero(&neigh->refcnt))
		return;
	spin_lock_bh(&nexthops->lock);
	cached = rcu_dereference_protected(nexthop->route, lockdep_is_held(&nexthops->lock));
	/* A route that was dropped may be freed with what it keeps by now. */
	if (cached == route)
		neigh = rcu_replace_pointer(cached->neigh, neigh,
					    lockdep_is_held(&nexthops->lock));
	spin_unlock_bh(&nexthops->lock);
	if (neigh)
		neigh_release(neigh);
}
EXPORT_SYMBOL_FOR_KUNIT(lbdr_nexthop_keep_neigh);

static void lbdr_nexthop_make_key(struct lbdr_nexthop_key *key,
				  enum lbdr_family family, const void *addr,
				  u16 domain)
{
	memset(key, 0, sizeof(*key));
	memcpy(&key->addr, addr, family == LBDR_V4 ? sizeof(struct in_addr) :
						     sizeof(struct in6_addr));
	key->family = family;
	key->domain = domain;
}

static void lbdr_nexthop_setup(struct lbdr_nexthop *nexthop, struct lbdr_net *ln,
			       const struct lbdr_nexthop_key *key)
{
	nexthop->ln = ln;
	nexthop->key = *key;
	INIT_LIST_HEAD(&nexthop->siblings);
	INIT_LIST_HEAD(&nexthop->domain_list);
}

/* The caller has checked that the key is not in the table. */
static int lbdr_nexthop_insert(struct lbdr_nexthop *nexthop)
{
	struct lbdr_nexthops *nexthops = &nexthop->ln->nexthops;
	int err;

	lockdep_assert_held(&nexthops->lock);

	err = rhashtable_insert_fast(&nexthops->table, &nexthop->node,
				     lbdr_nexthop_params);
	if (!err)
		WRITE_ONCE(nexthops->n, nexthops->n + 1);
	return err;
}

static void lbdr_nexthop_unlink(struct lbdr_nexthop *nexthop)
{
	struct lbdr_nexthops *nexthops = &nexthop->ln->nexthops;

	lockdep_assert_held(&nexthops->lock);

	nexthop->dead = true;
	rhashtable_remove_fast(&nexthops->table, &nexthop->node,
			       lbdr_nexthop_params);
	WRITE_ONCE(nexthops->n, nexthops->n - 1);
	list_del_rcu(&nexthop->siblings);
	list_del(&nexthop->domain_list);
	lbdr_nexthop_set_mac(nexthop, 0);
	lbdr_nexthop_replace(nexthop, NULL);
	kfree_rcu(nexthop, rcu);
}

static struct lbdr_nexthop *
lbdr_nexthop_find(struct lbdr_nexthops *nexthops,
		  const struct lbdr_nexthop_key *key)
{
	return rhashtable_lookup_fast(&nexthops->table, key,
				      lbdr_nexthop_params);
}

/**
 * lbdr_nexthop_lookup() - Look up the next hop of an address in a domain
 * @ln: the namespace
 * @family: the family
 * @addr: the address, of 4 or 16 bytes by @family
 * @domain: the domain
 *
 * Context: rcu_read_lock() held.
 * Return: the next hop, valid under rcu_read_lock(), or NULL.
 */
struct lbdr_nexthop *lbdr_nexthop_lookup(struct lbdr_net *ln,
					 enum lbdr_family family,
					 const void *addr, u16 domain)
{
	struct lbdr_nexthop_key key;

	LBDR_KUNIT_STUB(lbdr_nexthop_lookup, ln, family, addr, domain);
	lbdr_nexthop_make_key(&key, family, addr, domain);
	return lbdr_nexthop_find(&ln->nexthops, &key);
}
EXPORT_SYMBOL_FOR_KUNIT(lbdr_nexthop_lookup);

/**
 * lbdr_nexthop_get() - Get the default domain's next hop of an address
 * @ln: the namespace
 * @family: the family
 * @addr: the address
 *
 * Context: process, may sleep.
 * Return: the next hop, with a reference for the caller, or NULL if out of memory.
 */
struct lbdr_nexthop *lbdr_nexthop_get(struct lbdr_net *ln,
				      enum lbdr_family family,
				      const union nf_inet_addr *addr)
{
	struct lbdr_nexthops *nexthops = &ln->nexthops;
	struct lbdr_nexthop *nexthop, *new;
	struct lbdr_nexthop_key key;

	lbdr_nexthop_make_key(&key, family, addr, 0);
	spin_lock_bh(&nexthops->lock);
	nexthop = lbdr_nexthop_find(nexthops, &key);
	if (nexthop)
		nexthop->refs++;
	spin_unlock_bh(&nexthops->lock);
	if (nexthop)
		return nexthop;

	new = kzalloc(sizeof(*new), GFP_KERNEL_ACCOUNT);
	if (!new)
		return NULL;
	lbdr_nexthop_setup(new, ln, &key);
	spin_lock_bh(&nexthops->lock);
	nexthop = lbdr_nexthop_find(nexthops, &key);
	if (!nexthop && !lbdr_nexthop_insert(new)) {
		nexthop = new;
		new = NULL;
	}
	if (nexthop)
		nexthop->refs++;
	spin_unlock_bh(&nexthops->lock);
	kfree(new);
	if (!new)
		lbdr_peers_schedule_update(ln);
	return nexthop;
}
EXPORT_SYMBOL_FOR_KUNIT(lbdr_nexthop_get);

/**
 * lbdr_nexthop_put() - Drop a reference to a default domain's next hop
 * @nexthop: the next hop
 *
 * Dropping the last reference frees the next hop and those of the same address in other
 * domains.
 *
 * Context: any but hard interrupt.
 */
void lbdr_nexthop_put(struct lbdr_nexthop *nexthop)
{
	struct lbdr_nexthops *nexthops = &nexthop->ln->nexthops;
	struct lbdr_nexthop *sibling, *next;

	spin_lock_bh(&nexthops->lock);
	if (!--nexthop->refs) {
		list_for_each_entry_safe(sibling, next, &nexthop->siblings,
					 siblings)
			lbdr_nexthop_unlink(sibling);
		lbdr_nexthop_unlink(nexthop);
	}
	spin_unlock_bh(&nexthops->lock);
}
EXPORT_SYMBOL_FOR_KUNIT(lbdr_nexthop_put);

/* Adds the next hop for the first packet of a domain to an address. */
static noinline struct lbdr_nexthop *
lbdr_nexthop_add_sibling(struct lbdr_nexthop *first,
			 const struct lbdr_nexthop_key *key)
{
	struct lbdr_net *ln = first->ln;
	struct lbdr_nexthop *nexthop, *new;
	struct lbdr_domain *domain;

	/* Packets make these, so a user's namespace gets a bounded number of them. */
	if (lbdr_limit_nexthops(ln))
		return NULL;
	new = lbdr_limit_alloc(ln, sizeof(*new));
	if (!new)
		return NULL;
	memset(new, 0, sizeof(*new));
	lbdr_nexthop_setup(new, ln, key);
	spin_lock_bh(&ln->nexthops.lock);
	nexthop = lbdr_nexthop_find(&ln->nexthops, key);
	domain = lbdr_domain_find(ln, key->domain);
	if (!nexthop && domain && READ_ONCE(domain->ifindex) &&
	    !lbdr_nexthop_insert(new)) {
		list_add_rcu(&new->siblings, &first->siblings);
		list_add(&new->domain_list, &domain->nexthops);
		nexthop = new;
		new = NULL;
	}
	spin_unlock_bh(&ln->nexthops.lock);
	kfree(new);
	return nexthop;
}

/**
 * lbdr_nexthop_in_domain() - Look up or add the next hop of an address in a domain
 * @first: the default domain's next hop of the address. The caller holds a reference,
 *	or has found a server with a reference under rcu_read_lock()
 * @domain: the domain
 *
 * Context: rcu_read_lock() held, BH off.
 * Return: the next hop, valid under rcu_read_lock(), or NULL if out of memory or if the
 * domain has no device.
 */
struct lbdr_nexthop *lbdr_nexthop_in_domain(struct lbdr_nexthop *first,
					    u16 domain)
{
	struct lbdr_nexthop_key key = first->key;
	struct lbdr_nexthop *nexthop;

	if (!domain)
		return first;
	key.domain = domain;
	nexthop = lbdr_nexthop_find(&first->ln->nexthops, &key);
	return likely(nexthop) ? nexthop : lbdr_nexthop_add_sibling(first, &key);
}
EXPORT_SYMBOL_FOR_KUNIT(lbdr_nexthop_in_domain);

/* Drops the route of a next hop if it is one of a device. */
static void lbdr_nexthop_drop_route(struct lbdr_nexthop *nexthop,
				    const struct net_device *dev)
{
	const struct lbdr_route *route =
		rcu_dereference_protected(nexthop->route,
					  lockdep_is_held(&nexthop->ln->nexthops.lock));

	if (route->dev != dev)
		return;
	lbdr_nexthop_set_mac(nexthop, 0);
	lbdr_nexthop_replace(nexthop, NULL);
}

/**
 * lbdr_nexthop_drop_dev() - Drop the routes of a device that leaves a namespace
 * @ln: the namespace
 * @dev: the device, already removed from the namespace's list
 *
 * Context: process, RTNL held.
 */
void lbdr_nexthop_drop_dev(struct lbdr_net *ln, const struct net_device *dev)
{
	struct lbdr_nexthops *nexthops = &ln->nexthops;
	struct hlist_node at, *node;
	u32 n = 0;

	spin_lock_bh(&nexthops->lock);
	hlist_add_head(&at, lbdr_nexthop_dev_chain(nexthops, dev));
	while ((node = at.next)) {
		hlist_del(&at);
		hlist_add_behind(&at, node);
		lbdr_nexthop_drop_route(hlist_entry(node, struct lbdr_nexthop, dev_node),
					dev);
		if (++n % BATCH)
			continue;
		spin_unlock_bh(&nexthops->lock);
		cond_resched();
		spin_lock_bh(&nexthops->lock);
	}
	hlist_del(&at);
	spin_unlock_bh(&nexthops->lock);
}
EXPORT_SYMBOL_FOR_KUNIT(lbdr_nexthop_drop_dev);

/**
 * lbdr_nexthop_flush_domain() - Unlink the next hops of a domain
 * @ln: the namespace
 * @domain: the domain; its ifindex is 0, and it stays valid during the call
 *
 * Context: process.
 */
void lbdr_nexthop_flush_domain(struct lbdr_net *ln, struct lbdr_domain *domain)
{
	struct lbdr_nexthop *nexthop;
	bool more;
	u32 n;

	do {
		spin_lock_bh(&ln->nexthops.lock);
		for (n = 0; n < BATCH; n++) {
			nexthop = list_first_entry_or_null(&domain->nexthops,
							   struct lbdr_nexthop,
							   domain_list);
			if (!nexthop)
				break;
			lbdr_nexthop_unlink(nexthop);
		}
		more = !list_empty(&domain->nexthops);
		spin_unlock_bh(&ln->nexthops.lock);
		cond_resched();
	} while (more);
}

/**
 * lbdr_nexthop_mac_chain() - Get the hash chain of a MAC
 * @nexthops: next hops of a namespace
 * @mac: the MAC as an integer
 *
 * Context: any.
 * Return: the chain; readers need rcu_read_lock(), writers lbdr_nexthops.lock.
 */
struct hlist_head *lbdr_nexthop_mac_chain(const struct lbdr_nexthops *nexthops,
					  u64 mac)
{
	return &nexthops->macs[hash_64(mac, LBDR_NEXTHOP_MAC_BITS)];
}

/**
 * lbdr_nexthop_set_mac() - Set the MAC of a next hop
 * @nexthop: the next hop
 * @mac: the MAC as an integer, or 0 if it is unknown
 *
 * Moves the next hop to the chain of @mac. A concurrent reader of the next hop continues
 * in the new chain and may miss the rest of the old one.
 *
 * Context: lbdr_nexthops.lock held.
 */
void lbdr_nexthop_set_mac(struct lbdr_nexthop *nexthop, u64 mac)
{
	struct lbdr_nexthops *nexthops = &nexthop->ln->nexthops;

	lockdep_assert_held(&nexthops->lock);

	if (nexthop->mac == mac)
		return;
	if (nexthop->mac)
		hlist_del_rcu(&nexthop->mac_node);
	WRITE_ONCE(nexthop->mac, mac);
	if (mac)
		hlist_add_head_rcu(&nexthop->mac_node,
				   lbdr_nexthop_mac_chain(nexthops, mac));
}

/**
 * lbdr_nexthop_net_init() - Allocate the tables of a namespace
 * @ln: the namespace
 *
 * Context: process.
 * Return: 0 or a negative error.
 */
int lbdr_nexthop_net_init(struct lbdr_net *ln)
{
	struct lbdr_nexthops *nexthops = &ln->nexthops;
	int err;

	BUILD_BUG_ON(sizeof(struct lbdr_nexthop_key) != 20);
	/* What direct routing reads of a route is in one cache line. */
	BUILD_BUG_ON(offsetofend(struct lbdr_route, addr_genid) > 40);
	BUILD_BUG_ON(sizeof(struct lbdr_route) > 96);

	spin_lock_init(&nexthops->lock);
	nexthops->macs = kvcalloc(1 << LBDR_NEXTHOP_MAC_BITS,
				  sizeof(*nexthops->macs), GFP_KERNEL_ACCOUNT);
	if (!nexthops->macs)
		return -ENOMEM;
	err = rhashtable_init(&nexthops->table, &lbdr_nexthop_params);
	if (err)
		kvfree(nexthops->macs);
	return err;
}

/**
 * lbdr_nexthop_net_exit() - Free the tables of a namespace
 * @ln: the namespace; its last server was freed
 *
 * Context: process.
 */
void lbdr_nexthop_net_exit(struct lbdr_net *ln)
{
	WARN_ON_ONCE(ln->nexthops.n);
	rhashtable_destroy(&ln->nexthops.table);
	kvfree(ln->nexthops.macs);
}
