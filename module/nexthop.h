/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Next hops: how the address of a server is reached in an L3 domain.
 */
#ifndef _LBDR_NEXTHOP_H
#define _LBDR_NEXTHOP_H

#include <linux/netfilter.h>
#include <linux/rhashtable.h>

#include "flow.h"
#include "route.h"
#include "stats.h"

struct lbdr_domain;
struct lbdr_net;

#define LBDR_NEXTHOP_DEV_BITS	6
#define LBDR_NEXTHOP_MAC_BITS	10

/* Keys are compared as memory, so they have no padding. */
struct lbdr_nexthop_key {
	union nf_inet_addr	addr;
	u16			domain;
	u8			family;
	u8			unused;
};

/**
 * struct lbdr_nexthop - an address in an L3 domain, shared by all its users
 * @route: cached route, or NULL; RCU, replaced under lbdr_nexthops.lock
 * @ln: the namespace; immutable
 * @key: immutable
 * @dead: unlinked, so no route may be published; lbdr_nexthops.lock
 * @refs: references by servers; 0 outside the default domain; lbdr_nexthops.lock
 * @mac: Ethernet address of the neighbour as an integer, 0 if unknown; WRITE_ONCE()
 *	under lbdr_nexthops.lock
 * @pmtu: learned PMTU, for tunnels, or 0; WRITE_ONCE() by packets
 * @pmtu_expires: jiffies until which @pmtu is valid; WRITE_ONCE() by packets
 * @waiting: packets that wait for the neighbour to be resolved; atomic
 * @failed_at: jiffies when the resolution of the neighbour failed, 0 if it has not failed
 *	or the neighbour was valid since; WRITE_ONCE(), see reach.c
 * @mac_node: in lbdr_nexthops.macs while @mac is not 0; RCU, changed under
 *	lbdr_nexthops.lock
 * @dev_node: in lbdr_nexthops.devs by the device of @route; lbdr_nexthops.lock
 * @siblings: in the default domain, head of the list of next hops of the same address
 *	in other domains; in other domains, entry of that list; RCU, changed under
 *	lbdr_nexthops.lock
 * @domain_list: in lbdr_domain.nexthops, unused in the default domain;
 *	lbdr_nexthops.lock
 * @node: in lbdr_nexthops.table; RCU
 * @rcu: frees the next hop
 */
struct lbdr_nexthop {
	struct lbdr_route __rcu	*route;
	struct lbdr_net		*ln;
	struct lbdr_nexthop_key	key;
	bool			dead;
	u32			refs;
	u64			mac;
	u32			pmtu;
	atomic_t		waiting;
	unsigned long		pmtu_expires;
	unsigned long		failed_at;
	struct hlist_node	mac_node;
	struct hlist_node	dev_node;
	struct list_head	siblings;
	struct list_head	domain_list;
	struct rhash_head	node;
	struct rcu_head		rcu;
};

/**
 * struct lbdr_nexthops - the next hops of a namespace
 * @table: by key; RCU, changed under @lock
 * @macs: by MAC, 1 << LBDR_NEXTHOP_MAC_BITS chains; RCU, changed under @lock
 * @n: next hops in @table; WRITE_ONCE() under @lock
 * @n_routes: cached routes; @lock
 * @lock: taken with BH off; a leaf lock: no other lock of lbdr is taken inside
 * @devs: next hops with a route, by the ifindex of its device; @lock
 */
struct lbdr_nexthops {
	struct rhashtable	table;
	struct hlist_head	*macs;
	u32			n;
	u32			n_routes;
	spinlock_t		lock;		/* see the comment above */
	struct hlist_head	devs[1 << LBDR_NEXTHOP_DEV_BITS];
};

struct lbdr_nexthop *lbdr_nexthop_get(struct lbdr_net *ln,
				      enum lbdr_family family,
				      const union nf_inet_addr *addr);
void lbdr_nexthop_put(struct lbdr_nexthop *nexthop);
struct lbdr_nexthop *lbdr_nexthop_lookup(struct lbdr_net *ln,
					 enum lbdr_family family,
					 const void *addr, u16 domain);
struct lbdr_nexthop *lbdr_nexthop_in_domain(struct lbdr_nexthop *first,
					    u16 domain);
void lbdr_nexthop_keep_neigh(struct lbdr_nexthop *nexthop, const struct lbdr_route *route,
			     struct neighbour *neigh);
const struct lbdr_route *
lbdr_nexthop_known_route(const struct lbdr_nexthop *nexthop);
const struct lbdr_route *
lbdr_nexthop_renew_route(struct lbdr_nexthop *nexthop, struct lbdr_route *old);
const struct lbdr_route *lbdr_nexthop_route(struct lbdr_nexthop *nexthop);
u32 lbdr_nexthop_path_mtu(struct lbdr_nexthop *nexthop,
			  const struct lbdr_route *route);
void lbdr_nexthop_learn_pmtu(struct lbdr_nexthop *nexthop, u32 mtu);
void lbdr_nexthop_drop_dev(struct lbdr_net *ln, const struct net_device *dev);
void lbdr_nexthop_flush_domain(struct lbdr_net *ln, struct lbdr_domain *domain);
void lbdr_nexthop_set_mac(struct lbdr_nexthop *nexthop, u64 mac);
struct hlist_head *lbdr_nexthop_mac_chain(const struct lbdr_nexthops *nexthops,
					  u64 mac);
int lbdr_nexthop_net_init(struct lbdr_net *ln);
void lbdr_nexthop_net_exit(struct lbdr_net *ln);

#endif /* _LBDR_NEXTHOP_H */
