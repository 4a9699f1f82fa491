// SPDX-License-Identifier: GPL-2.0
/*
 * Peer directors: directors that are real servers of each other.
 *
 * If two hosts are both director and real server, the host that has the VIP forwards
 * some connections to the other host. The other host must serve these connections and
 * not schedule them again: it might choose the first host, and the packet would loop
 * until its TTL is used up. A packet from a peer director is recognised by its source
 * MAC, which is the MAC of a server of the service. A server sends no other packets to
 * the VIP: the VIP is local to the server, so its own packets to the VIP stay on it.
 *
 * Next hops are hashed by the MAC of their neighbour. The source MAC of a packet that
 * may start a connection is looked up. Only on a hit the servers of the service are
 * searched for the address of the next hop. The MAC of a next hop is updated:
 *
 * - by neighbour events. The next hop is looked up by the address of the neighbour, so
 *   an event of a neighbour that is no next hop costs one lookup;
 * - when a route is published;
 * - by lbdr_peers_update_work(), which resolves next hops that no packet has used
 *   yet. The work item runs after a next hop was added or a device was set up, and
 *   again at growing intervals while there are unresolved next hops.
 */
#include <linux/etherdevice.h>
#include <linux/rculist.h>
#include <net/addrconf.h>
#include <net/arp.h>
#include <net/ndisc.h>
#include <net/netevent.h>
#include <net/route.h>

#include "domain.h"
#include "flow.h"
#include "lbdr.h"
#include "nexthop.h"
#include "peers.h"
#include "server.h"
#include "service.h"
#include "stats.h"

/* Servers are often added in bulk, so the first attempt is delayed. */
#define RESOLVE_MIN	(HZ / 10 ?: 1)
#define RESOLVE_MAX	(64 * HZ)

/* Next hops processed between two calls of cond_resched() */
#define BATCH		64

/* A MAC as an integer; ether_addr_to_u64() would convert byte by byte. */
static __always_inline u64 lbdr_peers_mac(const u8 *mac)
{
	u64 value = 0;

	memcpy(&value, mac, ETH_ALEN);
	return value;
}

static struct neighbour *lbdr_peers_neigh(const struct lbdr_nexthop *nexthop,
					  struct net_device *dev)
{
	const union nf_inet_addr *addr = &nexthop->key.addr;

	return nexthop->key.family == LBDR_V4 ?
	       __ipv4_neigh_lookup_noref(dev, (__force u32)addr->ip) :
	       __ipv6_neigh_lookup_noref(dev, &addr->in6);
}

/* The MAC of a neighbour as an integer, 0 if it is unknown. */
static u64 lbdr_peers_neigh_mac(struct neighbour *neigh,
				const struct net_device *dev)
{
	u8 mac[ETH_ALEN];

	if (!neigh || dev->type != ARPHRD_ETHER ||
	    !(READ_ONCE(neigh->nud_state) & NUD_VALID))
		return 0;
	neigh_ha_snapshot(mac, neigh, dev);
	return lbdr_peers_mac(mac);
}

/**
 * lbdr_peers_update_nexthop() - Update the MAC of a next hop from its route
 * @nexthop: the next hop
 * @route: its route
 *
 * Context: rcu_read_lock() held.
 */
void lbdr_peers_update_nexthop(struct lbdr_nexthop *nexthop,
			       const struct lbdr_route *route)
{
	struct lbdr_nexthops *nexthops = &nexthop->ln->nexthops;
	u64 mac = 0;

	if (route->link)
		mac = lbdr_peers_neigh_mac(lbdr_peers_neigh(nexthop, route->link),
					   route->link);
	if (mac == READ_ONCE(nexthop->mac))
		return;
	spin_lock_bh(&nexthops->lock);
	/* The route's device may have been removed, or the route replaced. */
	if (!nexthop->dead && rcu_access_pointer(nexthop->route) == route)
		lbdr_nexthop_set_mac(nexthop, mac);
	spin_unlock_bh(&nexthops->lock);
}

/*
 * Starts the resolution of a next hop's neighbour. No neighbour is created if the table
 * has gc_thresh1 entries: the kernel's garbage collection might remove neighbours that
 * are in use.
 */
static void lbdr_peers_probe(const struct lbdr_nexthop *nexthop,
			     struct net_device *dev)
{
	struct neigh_table *table = nexthop->key.family == LBDR_V4 ? &arp_tbl :
								     &nd_tbl;
	struct neighbour *neigh = lbdr_peers_neigh(nexthop, dev);

	if (!neigh) {
		if (atomic_read(&table->entries) >= READ_ONCE(table->gc_thresh1))
			return;
		neigh = __neigh_create(table, &nexthop->key.addr, dev, false);
	}
	if (!IS_ERR(neigh) && !(READ_ONCE(neigh->nud_state) & NUD_VALID))
		neigh_event_send(neigh, NULL);
}

/* Returns true if the next hop is unresolved and needs another attempt. */
static bool lbdr_peers_resolve(struct lbdr_nexthop *nexthop)
{
	const struct lbdr_route *route = lbdr_nexthop_route(nexthop);

	if (route->local || (route->link && route->link->type != ARPHRD_ETHER))
		return false;
	lbdr_peers_update_nexthop(nexthop, route);
	if (READ_ONCE(nexthop->mac))
		return false;
	if (route->link)
		lbdr_peers_probe(nexthop, route->link);
	return true;
}

static void lbdr_peers_update_work(struct work_struct *work)
{
	struct lbdr_net *ln = container_of(to_delayed_work(work),
					   struct lbdr_net, peers_work);
	struct lbdr_nexthop *nexthop = NULL;
	struct rhashtable_iter walk;
	unsigned long delay;
	bool unresolved = false;
	u32 n;

	rhashtable_walk_enter(&ln->nexthops.table, &walk);
	do {
		local_bh_disable();
		rhashtable_walk_start(&walk);
		for (n = 0; n < BATCH; n++) {
			nexthop = rhashtable_walk_next(&walk);
			if (IS_ERR(nexthop))
				continue;
			if (!nexthop)
				break;
			if (!READ_ONCE(nexthop->mac) && lbdr_peers_resolve(nexthop))
				unresolved = true;
		}
		rhashtable_walk_stop(&walk);
		local_bh_enable();
		cond_resched();
	} while (nexthop);
	rhashtable_walk_exit(&walk);

	if (!unresolved)
		return;
	delay = READ_ONCE(ln->peers_delay);
	WRITE_ONCE(ln->peers_delay, min_t(unsigned long, 2 * delay, RESOLVE_MAX));
	queue_delayed_work(system_power_efficient_wq, &ln->peers_work, delay);
}

/**
 * lbdr_peers_schedule_update() - Schedule the resolution of next hops without a MAC
 * @ln: the namespace
 *
 * Context: any.
 */
void lbdr_peers_schedule_update(struct lbdr_net *ln)
{
	unsigned long delay = READ_ONCE(ln->peers_delay);

	/* An attempt that is pending for more than HZ is moved forward. */
	WRITE_ONCE(ln->peers_delay, HZ);
	if (delay <= HZ)
		queue_delayed_work(system_power_efficient_wq, &ln->peers_work,
				   RESOLVE_MIN);
	else
		mod_delayed_work(system_power_efficient_wq, &ln->peers_work,
				 RESOLVE_MIN);
}

/* Returns true if a service has a server at the address of a next hop. */
static bool lbdr_peers_has_server(const struct lbdr_service *service,
				  const struct lbdr_nexthop *nexthop)
{
	const struct lbdr_server *server;

	list_for_each_entry_rcu(server, &service->servers, list)
		if (nf_inet_addr_cmp(&server->addr, &nexthop->key.addr))
			return true;
	return false;
}

/* Looks up the first next hop of a MAC. */
static __always_inline const struct lbdr_nexthop *
lbdr_peers_first(const struct lbdr_net *ln, u64 mac)
{
	const struct lbdr_nexthop *nexthop;

	hlist_for_each_entry_rcu(nexthop, lbdr_nexthop_mac_chain(&ln->nexthops, mac),
				 mac_node)
		if (READ_ONCE(nexthop->mac) == mac)
			return nexthop;
	return NULL;
}

/* Searches the chain from @nexthop on for a server of the service. */
static noinline bool lbdr_peers_match(const struct lbdr_nexthop *nexthop,
				      const struct lbdr_service *service,
				      u64 mac, u16 domain)
{
	hlist_for_each_entry_from_rcu(nexthop, mac_node)
		if (READ_ONCE(nexthop->mac) == mac &&
		    nexthop->key.domain == domain &&
		    nexthop->key.family == service->key.family &&
		    lbdr_peers_has_server(service, nexthop))
			return true;
	return false;
}

/**
 * lbdr_peers_is_server_mac() - Check whether a MAC belongs to a server of a service
 * @ln: the namespace
 * @service: the service
 * @mac: the MAC
 * @domain: L3 domain of the frame
 *
 * Context: rcu_read_lock() held.
 * Return: true if @mac belongs to a server of @service.
 */
bool lbdr_peers_is_server_mac(struct lbdr_net *ln,
			      const struct lbdr_service *service,
			      const u8 *mac, u16 domain)
{
	u64 value = lbdr_peers_mac(mac);
	const struct lbdr_nexthop *nexthop = lbdr_peers_first(ln, value);

	return nexthop && lbdr_peers_match(nexthop, service, value, domain);
}

/**
 * lbdr_peers_skb_from_server() - Check whether a server of the service sent a packet
 * @ln: the namespace
 * @skb: the packet
 * @service: the service
 *
 * Context: rcu_read_lock() held.
 * Return: true if the source MAC of @skb belongs to a server of @service.
 */
bool lbdr_peers_skb_from_server(struct lbdr_net *ln, const struct sk_buff *skb,
				const struct lbdr_service *service)
{
	const struct lbdr_nexthop *nexthop;
	u64 mac;

	if (!READ_ONCE(ln->nexthops.n_macs) || skb->dev->type != ARPHRD_ETHER ||
	    !skb_mac_header_was_set(skb))
		return false;
	mac = lbdr_peers_mac(eth_hdr(skb)->h_source);
	nexthop = lbdr_peers_first(ln, mac);
	return unlikely(nexthop) &&
	       lbdr_peers_match(nexthop, service, mac,
				lbdr_domain_of_dev(ln, skb->dev));
}

/**
 * lbdr_peers_local() - Check whether the destination of a packet is a local address
 * @net: the namespace
 * @dev: the device of the packet, or NULL
 * @flow: the flow of the packet
 *
 * Context: rcu_read_lock() held.
 * Return: true if the VIP is a local address.
 */
bool lbdr_peers_local(struct net *net, const struct net_device *dev,
		      const struct lbdr_flow *flow)
{
	return flow->family == LBDR_V4 ?
	       inet_addr_type_dev_table(net, dev, flow->v4.vip) == RTN_LOCAL :
	       ipv6_chk_addr(net, &flow->v6.vip, dev, 0);
}

/**
 * lbdr_peers_verdict() - Decide on a packet that another director sent
 * @ln: the namespace
 * @skb: the packet
 * @flow: the flow of the packet
 *
 * If the VIP is not local, this host cannot serve the packet, and the stack would send
 * it back. Such a packet is dropped and counted as LBDR_DROP_LOOP.
 *
 * Context: rcu_read_lock() held, BH off.
 * Return: NF_ACCEPT or NF_DROP.
 */
unsigned int lbdr_peers_verdict(struct lbdr_net *ln, struct sk_buff *skb,
				const struct lbdr_flow *flow)
{
	bool local = lbdr_peers_local(ln->net, skb->dev, flow);

	lbdr_drop(ln, local ? LBDR_PASS_DIRECTOR : LBDR_DROP_LOOP);
	return local ? NF_ACCEPT : NF_DROP;
}

/* Updates the MAC of a next hop whose route uses @dev. Returns true if it does. */
static bool lbdr_peers_neigh_update(struct lbdr_nexthop *nexthop,
				    const struct net_device *dev, u64 mac)
{
	const struct lbdr_route *route;

	route = rcu_dereference_protected(nexthop->route,
					  lockdep_is_held(&nexthop->ln->nexthops.lock));
	if (!route || route->link != dev)
		return false;
	lbdr_nexthop_set_mac(nexthop, mac);
	return true;
}

/*
 * Updates the MACs of the default domain's next hop and its siblings: the route of any
 * of them may use @dev. Returns true if at least one does.
 */
static bool lbdr_peers_neigh_update_all(struct lbdr_nexthop *first,
					const struct net_device *dev, u64 mac)
{
	struct lbdr_nexthops *nexthops = &first->ln->nexthops;
	struct lbdr_nexthop *nexthop;
	bool found = false;

	spin_lock_bh(&nexthops->lock);
	if (!first->dead) {
		found = lbdr_peers_neigh_update(first, dev, mac);
		list_for_each_entry(nexthop, &first->siblings, siblings)
			found |= lbdr_peers_neigh_update(nexthop, dev, mac);
	}
	spin_unlock_bh(&nexthops->lock);
	return found;
}

/* Context: softirq or process. */
static int lbdr_peers_event(struct notifier_block *nb, unsigned long event,
			    void *ptr)
{
	struct neighbour *neigh = ptr;
	struct lbdr_nexthop *first;
	enum lbdr_family family;
	struct lbdr_net *ln;

	if (event != NETEVENT_NEIGH_UPDATE)
		return NOTIFY_DONE;
	ln = lbdr_net(dev_net(neigh->dev));
	if (!READ_ONCE(ln->nexthops.n))
		return NOTIFY_DONE;
	if (neigh->tbl->family == AF_INET)
		family = LBDR_V4;
	else if (neigh->tbl->family == AF_INET6)
		family = LBDR_V6;
	else
		return NOTIFY_DONE;

	rcu_read_lock();
	first = lbdr_nexthop_lookup(ln, family, neigh->primary_key, 0);
	/* A next hop that no packet has used has no route, so look it up. */
	if (first &&
	    !lbdr_peers_neigh_update_all(first, neigh->dev,
					 lbdr_peers_neigh_mac(neigh, neigh->dev)))
		lbdr_peers_update_nexthop(first, lbdr_nexthop_route(first));
	rcu_read_unlock();
	return NOTIFY_DONE;
}

static struct notifier_block lbdr_peers_notifier = {
	.notifier_call = lbdr_peers_event,
};

/**
 * lbdr_peers_net_init() - Prepare a namespace
 * @ln: the namespace
 *
 * Context: process.
 */
void lbdr_peers_net_init(struct lbdr_net *ln)
{
	INIT_DELAYED_WORK(&ln->peers_work, lbdr_peers_update_work);
}

/**
 * lbdr_peers_net_exit() - Stop the work item of a namespace
 * @ln: the namespace, without services and hooks
 *
 * Context: process.
 */
void lbdr_peers_net_exit(struct lbdr_net *ln)
{
	cancel_delayed_work_sync(&ln->peers_work);
}

/**
 * lbdr_peers_init() - Register for neighbour events
 *
 * Context: process, after lbdr_net_init().
 * Return: 0 or a negative error.
 */
int lbdr_peers_init(void)
{
	return register_netevent_notifier(&lbdr_peers_notifier);
}

/**
 * lbdr_peers_exit() - Unregister from neighbour events
 *
 * Context: process.
 */
void lbdr_peers_exit(void)
{
	unregister_netevent_notifier(&lbdr_peers_notifier);
}
