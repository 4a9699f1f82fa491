// SPDX-License-Identifier: GPL-2.0
/*
 * Peer directors: directors that are real servers of each other.
 *
 * If two hosts are both director and real server, the host that has the VIP forwards
 * some connections to the other host, whose services may choose the first host: the
 * packet would loop until its TTL is used up. The source MAC alone does not tell such a
 * packet from a client's: a server may be a client's router too, containers share the
 * MAC of their host, and routers share a VRRP MAC. So a first packet is scheduled
 * whatever its MAC is, with two rules:
 *
 * 1. Not back. If the chosen server's MAC and device are those that the packet came
 *    from, and this host is itself a server of the service, this host serves the
 *    connection. This needs no connection, so it also holds for one-packet services and
 *    in floods. If this host is no server, the packet is sent back: its sender may be
 *    the router of the client and the server in one.
 *
 * 2. Not twice. A packet of a connection has been sent back if
 *    - its TTL is lower than that of the connection's first packet,
 *    - its source MAC and device are those of a server of the service, and
 *    - the connection's first packet came from another MAC.
 *    Such a packet is passed to the local stack, or dropped if the VIP is not local.
 *    The connection stays, and the client's next packet goes to its server.
 *
 * Why no packet loops: a loop has a first director, to which the client's packet came
 * from outside. The packet returns to it from the last director of the loop, which is a
 * server of the service by its MAC, with a TTL that each director has decremented. The
 * MAC is known: the director has resolved the server that it sends to, a director that
 * sends has resolved this one, and neighbour events report both. If the loop has two
 * directors, rule 2 needs no other knowledge than the MAC of the server that the packet
 * was sent to, so it does not depend on free room in the neighbour table.
 *
 * Who is not affected: a client whose packets all come from one MAC, whether or not it is
 * that of a server, since the MAC is the one of the first packet. So paths of different
 * length behind one router do no harm. A client with two routers, of which one is a
 * server of the service, is misjudged if its packets change from the one to the other
 * and the path gets longer.
 *
 * Rule 2 is checked for packets that open a connection or change its state (the second
 * datagram of a UDP flow), so other packets need no check. The first packet that was
 * sent back sets lbdr_server.returns, and from then on every packet to that server is
 * checked: the packets that follow a SYN take the same way. Datagrams that arrive before
 * the first one has returned are not checked; those of the first such burst loop until
 * their TTL ends, which sets lbdr_server.returns too (lbdr_peers_ttl_ended()). The TTL of
 * the record cannot be forged to be low: a packet that no server has sent, with a higher
 * TTL, replaces the record.
 *
 * Tunnels. A packet that arrived through a tunnel device (ipip, sit, ip6tnl, gre; GUE and
 * FOU come by one of these) was sent by a director: it starts no connection, and is sent
 * back in the sense of rule 2, whatever its TTL is, unless its service accepts tunnelled
 * packets. Every director of a loop that contains a tunnel has the rule, so the one at the
 * end of the tunnel ends the loop. The MAC of a tunnel server tells nothing, so rules 1
 * and 2 ignore such servers.
 *
 * Failover: the new director may choose the old one, whose stale connection still leads
 * to the new one. The old director sees the client's SYN from its server, with a lower
 * TTL than the connection's first packet: its stack serves the new connection.
 *
 * Next hops are hashed by the MAC of their neighbour. The MAC of a next hop is updated:
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
#include <net/ip.h>
#include <net/ndisc.h>
#include <net/netevent.h>
#include <net/route.h>

#include "compat.h"
#include "conn.h"
#include "domain.h"
#include "flow.h"
#include "lbdr.h"
#include "nexthop.h"
#include "peers.h"
#include "pool.h"
#include "reach.h"
#include "server.h"
#include "service.h"
#include "stats.h"
#include "tunnel.h"

/* Servers are often added in bulk, so the first attempt is delayed: at least by so many */
#define RESOLVE_MIN	(HZ / 10 ?: 1)
/* jiffies, and by so many times what the last attempt took, up to a second. */
#define RESOLVE_SHARE	32
#define RESOLVE_MAX	(64 * HZ)

/* Next hops processed between two calls of cond_resched() */
#define BATCH		64

static struct neighbour *lbdr_peers_neigh(const struct lbdr_nexthop *nexthop,
					  struct net_device *dev)
{
	const union nf_inet_addr *addr = &nexthop->key.addr;

	return nexthop->key.family == LBDR_V4 ?
	       __ipv4_neigh_lookup_noref(dev, (__force u32)addr->ip) :
	       __ipv6_neigh_lookup_noref(dev, &addr->in6);
}

/* The MAC of a neighbour as an integer, 0 if it is unknown. */
static u64 lbdr_peers_neigh_mac(struct neighbour *neigh, const struct net_device *dev)
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
void lbdr_peers_update_nexthop(struct lbdr_nexthop *nexthop, const struct lbdr_route *route)
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

/**
 * lbdr_peers_nud_state() - Get the state of a next hop's neighbour
 * @nexthop: the next hop
 * @dev: device of its route
 *
 * Context: rcu_read_lock() held.
 * Return: NUD_...; NUD_NONE if there is no neighbour.
 */
u8 lbdr_peers_nud_state(const struct lbdr_nexthop *nexthop, struct net_device *dev)
{
	struct neighbour *neigh = lbdr_peers_neigh(nexthop, dev);

	return neigh ? READ_ONCE(neigh->nud_state) : NUD_NONE;
}

/**
 * lbdr_peers_probe() - Start the resolution of a next hop's neighbour
 * @nexthop: the next hop
 * @dev: device of its route
 *
 * No neighbour is created if the table has gc_thresh1 entries: the kernel's garbage
 * collection might remove neighbours that are in use.
 *
 * Context: rcu_read_lock() held, BH off.
 * Return: false if there is no neighbour and none was created.
 */
bool lbdr_peers_probe(const struct lbdr_nexthop *nexthop, struct net_device *dev)
{
	struct neigh_table *table = nexthop->key.family == LBDR_V4 ? &arp_tbl :
								     &nd_tbl;
	struct neighbour *neigh = lbdr_peers_neigh(nexthop, dev);

	if (!neigh) {
		if (atomic_read(&table->entries) >= READ_ONCE(table->gc_thresh1))
			return false;
		neigh = __neigh_create(table, &nexthop->key.addr, dev, false);
	}
	if (IS_ERR(neigh))
		return false;
	if (!(READ_ONCE(neigh->nud_state) & NUD_VALID))
		neigh_event_send(neigh, NULL);
	return true;
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
	u64 rest, began = ktime_get_ns();
	bool unresolved = false;
	unsigned long delay;
	u32 n;

	rhashtable_walk_enter(&ln->nexthops.table, &walk);
	do {
		local_bh_disable();
		lbdr_walk_start(&walk);
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
	rest = nsecs_to_jiffies64(RESOLVE_SHARE * (ktime_get_ns() - began));
	WRITE_ONCE(ln->peers_rest, min_t(u64, rest, HZ));

	if (!unresolved)
		return;
	delay = READ_ONCE(ln->peers_delay);
	WRITE_ONCE(ln->peers_delay, min_t(unsigned long, 2 * delay, RESOLVE_MAX));
	queue_delayed_work(lbdr_wq_of(ln), &ln->peers_work, delay);
}

/**
 * lbdr_peers_schedule_update() - Schedule the resolution of next hops without a MAC
 * @ln: the namespace
 *
 * Context: any.
 */
void lbdr_peers_schedule_update(struct lbdr_net *ln)
{
	unsigned long first = max_t(unsigned long, RESOLVE_MIN,
				    READ_ONCE(ln->peers_rest));
	unsigned long delay = READ_ONCE(ln->peers_delay);

	/* An attempt that is pending for more than HZ is moved forward. */
	WRITE_ONCE(ln->peers_delay, HZ);
	if (delay <= HZ)
		queue_delayed_work(lbdr_wq_of(ln), &ln->peers_work, first);
	else
		mod_delayed_work(lbdr_wq_of(ln), &ln->peers_work, first);
}

/*
 * Returns the next hop of a server in a domain, if it is known that its MAC is @mac, or NULL.
 * A caller that needs both looks it up once: between two lookups it may be removed.
 */
static const struct lbdr_nexthop *
lbdr_peers_nexthop(struct lbdr_net *ln, const struct lbdr_server *server, u64 mac,
		   u16 domain)
{
	const struct lbdr_nexthop *nexthop;

	/* Of a tunnel server, the MAC is that of a router or of its own traffic. */
	if (rcu_access_pointer(server->tunnel))
		return NULL;
	nexthop = likely(!domain) ? server->nexthop :
		  lbdr_nexthop_lookup(ln, server->family, &server->addr, domain);
	return nexthop && READ_ONCE(nexthop->mac) == mac ? nexthop : NULL;
}

/**
 * lbdr_peers_is_mac() - Check whether a MAC belongs to a server
 * @ln: the namespace
 * @server: the server
 * @mac: the MAC
 * @domain: L3 domain of the frame
 *
 * Context: rcu_read_lock() held.
 * Return: true if @mac is known as that of @server.
 */
bool lbdr_peers_is_mac(struct lbdr_net *ln, const struct lbdr_server *server, const u8 *mac,
		       u16 domain)
{
	return lbdr_peers_nexthop(ln, server, lbdr_peers_mac(mac), domain);
}

/* Returns true if the packet came by the device that leads to the next hop. */
static bool lbdr_peers_same_dev(const struct lbdr_nexthop *nexthop, const struct sk_buff *skb)
{
	const struct lbdr_route *route = rcu_dereference(nexthop->route);
	/* Not skb->dev, which in the second pass is the VRF. */
	int iif = nexthop->key.family == LBDR_V4 ? IPCB(skb)->iif : IP6CB(skb)->iif;

	/* br_netfilter clears the control block and calls the hook for the bridge. */
	if (!iif)
		iif = skb->dev->ifindex;
	return route && route->link && route->link->ifindex == iif;
}

/**
 * lbdr_peers_came_from() - lbdr_peers_sent_by() for a MAC that may be that of the server
 * @ln: the namespace
 * @skb: the packet, from the network
 * @mac: lbdr_peers_source() of it
 * @server: the server
 * @domain: L3 domain of the packet
 *
 * Context: rcu_read_lock() held.
 * Return: as lbdr_peers_sent_by().
 */
bool lbdr_peers_came_from(struct lbdr_net *ln, const struct sk_buff *skb, u64 mac,
			  const struct lbdr_server *server, u16 domain)
{
	const struct lbdr_nexthop *nexthop;

	if (!mac)
		return false;
	nexthop = lbdr_peers_nexthop(ln, server, mac, domain);
	return nexthop && lbdr_peers_same_dev(nexthop, skb);
}
EXPORT_SYMBOL_FOR_KUNIT(lbdr_peers_came_from);

/* Returns true if a service has a server, by direct routing, at the address of a next hop. */
static bool lbdr_peers_has_server(const struct lbdr_service *service,
				  const struct lbdr_nexthop *nexthop)
{
	const struct lbdr_server *server;

	list_for_each_entry_rcu(server, &service->servers, list)
		if (lbdr_server_is(server, nexthop->key.family,
				   &nexthop->key.addr) &&
		    !rcu_access_pointer(server->tunnel))
			return true;
	return false;
}

/**
 * lbdr_peers_sent_by_any() - Check whether any server of a service has sent a packet
 * @ln: the namespace
 * @skb: the packet, from the network
 * @service: the service
 * @domain: L3 domain of the packet
 *
 * The service's servers are searched only if the source MAC is that of a next hop.
 *
 * Context: rcu_read_lock() held.
 * Return: true if the source MAC and the input device are those of a server.
 */
bool lbdr_peers_sent_by_any(const struct lbdr_net *ln, const struct sk_buff *skb,
			    const struct lbdr_service *service, u16 domain)
{
	const struct lbdr_nexthop *nexthop;
	u64 mac = lbdr_peers_source(skb);

	if (!mac)
		return false;
	hlist_for_each_entry_rcu(nexthop, lbdr_nexthop_mac_chain(&ln->nexthops, mac),
				 mac_node)
		if (READ_ONCE(nexthop->mac) == mac &&
		    nexthop->key.domain == domain &&
		    nexthop->key.family == service->key.family &&
		    lbdr_peers_same_dev(nexthop, skb) &&
		    lbdr_peers_has_server(service, nexthop))
			return true;
	return false;
}

/**
 * lbdr_peers_same_mac() - Check whether a packet came as the first of its connection did
 * @conn: the connection
 * @skb: the packet, from the network
 *
 * Context: any.
 * Return: true if the source MACs are the same.
 */
bool lbdr_peers_same_mac(const struct lbdr_conn *conn, const struct sk_buff *skb)
{
	return lbdr_peers_mac_hash(lbdr_peers_source(skb)) == READ_ONCE(conn->mac);
}

/* Each packet to the server is checked from now on. */
static void lbdr_peers_set_returns(struct lbdr_server *server)
{
	if (!READ_ONCE(server->returns))
		WRITE_ONCE(server->returns, true);
}

/**
 * lbdr_peers_ttl_ended() - Note that the TTL of a packet has ended
 * @ln: the namespace
 * @skb: the packet
 * @server: the server that the packet was to be sent to
 *
 * The packet may have been sent to and from a peer director without being noticed. A
 * packet that came from its client as the connection's first one did says nothing: the
 * client may have chosen the TTL.
 *
 * Context: rcu_read_lock() held, BH off.
 */
void lbdr_peers_ttl_ended(struct lbdr_net *ln, const struct sk_buff *skb,
			  struct lbdr_server *server)
{
	u16 domain = lbdr_domain_of_dev(ln, skb->dev);
	enum lbdr_family family = server->service->key.family;
	const struct lbdr_conn *conn;
	struct lbdr_flow flow = {};

	if (READ_ONCE(server->dead))
		return;
	if (lbdr_tunnel_loops(ln, skb, server->service)) {
		lbdr_peers_set_returns(server);
		return;
	}
	if (!lbdr_peers_sent_by_any(ln, skb, server->service, domain) ||
	    (family == LBDR_V4 ? lbdr_parse4(skb, &flow) :
				 lbdr_parse6(skb, &flow)) != LBDR_PARSED)
		return;
	lbdr_flow_set_domain(&flow, domain);
	conn = lbdr_conn_peek(ln, &flow);
	if (conn && !lbdr_peers_same_mac(conn, skb))
		lbdr_peers_set_returns(server);
}

/* Returns the index of the first entry of a pool that is this host, or the number of entries. */
static u32 lbdr_peers_search_local(const struct lbdr_pool *pool, u16 domain)
{
	struct lbdr_nexthop *nexthop;
	u32 i;

	for (i = 0; i < pool->n; i++) {
		nexthop = lbdr_nexthop_in_domain(pool->entries[i].server->nexthop, domain);
		if (nexthop && lbdr_nexthop_route(nexthop)->local)
			break;
	}
	return i;
}

/*
 * Returns the first server of a pool that is this host in a domain, or NULL. Local addresses
 * are routes of the FIBs, so the result of a search holds while the FIBs do not change: those
 * of both families, since a tunnel server's address may be of the other one. The pool
 * remembers it in one word: the sum of the generations of the FIBs, the domain, and the index
 * of the entry plus one, so that a search was made if the word is not 0. The generations are
 * read before the search. Where a 64-bit access is not atomic, a mixture of two results makes the
 * caller choose as for another generation, for one packet.
 */
static struct lbdr_server *lbdr_peers_local_server(const struct lbdr_net *ln,
						   struct lbdr_pool *pool, u16 domain)
{
	u64 *known = &pool->locals[domain % LBDR_POOL_LOCALS];
	u64 value = READ_ONCE(*known);
	u32 genid;

	BUILD_BUG_ON(LBDR_SERVER_MAX_HELD + 1 > U16_MAX);

	genid = lbdr_nexthop_fib_genid(ln->net, LBDR_V4) +
		lbdr_nexthop_fib_genid(ln->net, LBDR_V6);
	if (unlikely(!value || value >> 32 != genid ||
		     (u16)(value >> 16) != domain)) {
		smp_rmb();	/* read the generations before the search */
		value = (u64)genid << 32 | (u32)domain << 16 |
			(lbdr_peers_search_local(pool, domain) + 1);
		WRITE_ONCE(*known, value);
	}
	value = (u16)value - 1;
	return value < pool->n ? pool->entries[value].server : NULL;
}

/**
 * lbdr_peers_not_back() - Replace a server that the packet came from
 * @ln: the namespace
 * @service: the service
 * @server: the server that was chosen, whose MAC is the packet's source MAC
 * @domain: L3 domain of the packet
 *
 * The servers are searched once for each pool, domain and generation of the FIBs.
 *
 * Context: rcu_read_lock() held, BH off.
 * Return: the first server of the service that is this host, if it is open, else @server.
 */
struct lbdr_server *lbdr_peers_not_back(struct lbdr_net *ln,
					const struct lbdr_service *service,
					struct lbdr_server *server, u16 domain)
{
	struct lbdr_server *local;

	/* A pool holds references; a server that is only in the list may be removed. */
	local = lbdr_peers_local_server(ln, rcu_dereference(service->pool), domain);
	return local && lbdr_server_open(local) ? local : server;
}
EXPORT_SYMBOL_FOR_KUNIT(lbdr_peers_not_back);

/**
 * lbdr_peers_returned() - Check whether a packet of a connection was sent back
 * @ln: the namespace
 * @skb: the packet, from the network
 * @flow: flow of the packet
 * @conn: its connection; its server was found alive
 *
 * See the top of this file.
 *
 * Context: rcu_read_lock() held, BH off.
 * Return: true if the packet must not be forwarded again.
 */
noinline bool lbdr_peers_returned(struct lbdr_net *ln, const struct sk_buff *skb,
				  const struct lbdr_flow *flow,
				  struct lbdr_conn *conn)
{
	u8 ttl = lbdr_peers_ttl(skb, flow->family);
	u8 seen = READ_ONCE(conn->ttl);
	bool same;

	if (unlikely(lbdr_tunnel_loops(ln, skb, conn->server->service))) {
		lbdr_peers_set_returns(conn->server);
		return true;
	}
	if (likely(ttl == seen))
		return false;
	same = lbdr_peers_same_mac(conn, skb);
	if (same && ttl < seen)
		return false;
	if (!same && lbdr_peers_sent_by_any(ln, skb, conn->server->service,
					    lbdr_flow_domain(flow))) {
		if (ttl > seen)
			return false;
		lbdr_peers_set_returns(conn->server);
		return true;
	}
	/* From a client: the highest TTL is kept, with the MAC that it came from. */
	if (ttl > seen) {
		WRITE_ONCE(conn->mac, lbdr_peers_mac_hash(lbdr_peers_source(skb)));
		WRITE_ONCE(conn->ttl, ttl);
	}
	return false;
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
 * lbdr_peers_verdict() - Decide on a packet that was sent back
 * @ln: the namespace
 * @skb: the packet
 * @flow: the flow of the packet
 * @service: the service of the packet's connection
 *
 * If the VIP is not local, this host cannot serve the packet, and the stack would send
 * it back. Such a packet is dropped and counted as LBDR_DROP_LOOP.
 *
 * Context: rcu_read_lock() held, BH off.
 * Return: NF_ACCEPT or NF_DROP.
 */
unsigned int lbdr_peers_verdict(struct lbdr_net *ln, struct sk_buff *skb,
				const struct lbdr_flow *flow,
				struct lbdr_service *service)
{
	bool local = lbdr_peers_local(ln->net, skb->dev, flow);

	lbdr_drop(ln, service, local ? LBDR_PASS_DIRECTOR : LBDR_DROP_LOOP);
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

/* The next hop of a neighbour, or NULL. */
static struct lbdr_nexthop *lbdr_peers_of_neigh(struct lbdr_net *ln, enum lbdr_family family,
						const struct neighbour *neigh)
{
	return lbdr_nexthop_lookup(ln, family, neigh->primary_key,
				   lbdr_domain_of_dev(ln, neigh->dev));
}

/**
 * lbdr_peers_wait() - Note that a packet is given to a neighbour that is not resolved
 * @ln: the namespace
 * @neigh: the neighbour of a server
 *
 * The packets are counted as LBDR_DROP_NEIGHBOUR when the neighbour's event tells that
 * the resolution failed. If the event comes between this note and the queueing, a
 * packet is counted that may yet be sent.
 *
 * Context: rcu_read_lock() held, BH off.
 */
void lbdr_peers_wait(struct lbdr_net *ln, const struct neighbour *neigh)
{
	struct lbdr_nexthop *nexthop;

	nexthop = lbdr_peers_of_neigh(ln, neigh->tbl->family == AF_INET ?
				      LBDR_V4 : LBDR_V6, neigh);
	if (nexthop)
		atomic_inc(&nexthop->waiting);
}

/*
 * The kernel has sent the packets that waited for a neighbour, or has dropped them: the
 * resolution failed, or the neighbour was removed. A neighbour that is removed with its
 * device keeps the state NUD_INCOMPLETE (neigh_flush_dev(), net/core/neighbour.c).
 */
static void lbdr_peers_waited(struct lbdr_nexthop *nexthop,
			      const struct neighbour *neigh)
{
	u8 state = READ_ONCE(neigh->nud_state);
	u32 n;

	if (!atomic_read(&nexthop->waiting) ||
	    (state & NUD_INCOMPLETE && !READ_ONCE(neigh->dead)))
		return;
	n = atomic_xchg(&nexthop->waiting, 0);
	if (!(state & NUD_VALID)) {
		local_bh_disable();
		lbdr_drop_many(nexthop->ln, NULL, LBDR_DROP_NEIGHBOUR, n);
		local_bh_enable();
	}
}

/* Context: softirq or process. */
static int lbdr_peers_event(struct notifier_block *nb, unsigned long event,
			    void *ptr)
{
	struct lbdr_nexthop *first, *nexthop;
	struct neighbour *neigh = ptr;
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
	nexthop = first ? lbdr_peers_of_neigh(ln, family, neigh) : NULL;
	if (nexthop) {
		lbdr_peers_waited(nexthop, neigh);
		lbdr_reach_event(ln, nexthop, neigh);
	}
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
