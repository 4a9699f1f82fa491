/* SPDX-License-Identifier: GPL-2.0 */
/*
 * L3 domains: the default domain, and one domain for each VRF
 */
#ifndef _LBDR_DOMAIN_H
#define _LBDR_DOMAIN_H

#include <linux/mutex.h>
#include <linux/netdevice.h>
#include <linux/xarray.h>

struct lbdr_net;

/* The VRF of a packet has no id: out of memory, or all 65,534 ids are in use */
#define LBDR_DOMAIN_UNKNOWN	U16_MAX

/**
 * struct lbdr_domain - the L3 domain of a VRF
 * @list: in lbdr_domains.list; lbdr_domains.lock
 * @name: name of the VRF device, which need not exist; immutable
 * @id: immutable, not 0
 * @ifindex: ifindex of the device, 0 while there is none; WRITE_ONCE() under
 *	lbdr_domains.lock
 * @services: references by services and staged services; lbdr_domains.lock
 * @nexthops: next hops in this domain; lbdr_nexthops.lock
 * @rcu: frees the domain
 */
struct lbdr_domain {
	struct list_head	list;
	char			name[IFNAMSIZ];
	u16			id;
	u32			ifindex;
	u32			services;
	struct list_head	nexthops;
	struct rcu_head		rcu;
};

/**
 * struct lbdr_domains - the L3 domains of a namespace, except the default one
 * @by_ifindex: ids by the ifindex of a VRF device; RCU, changed under @lock
 * @n_bound: sum of lbdr_domain.services; WRITE_ONCE() under @lock
 * @ids: domains by id; RCU, changed under @lock
 * @next_id: position of xa_alloc_cyclic(); @lock
 * @list: all domains; @lock
 * @n: their number; @lock
 * @lock: taken inside lbdr_net.config, lbdr_net.lock or RTNL; none of these is taken
 *	inside it
 */
struct lbdr_domains {
	struct xarray		by_ifindex;
	u32			n_bound;
	struct xarray		ids;
	u32			next_id;
	struct list_head	list;
	u32			n;
	struct mutex		lock;		/* see the comment above */
};

int lbdr_domain_get_by_name(struct lbdr_net *ln, const char *name);
void lbdr_domain_hold(struct lbdr_net *ln, u16 id);
u16 lbdr_domain_lookup(struct lbdr_net *ln, const char *name);
void lbdr_domain_put(struct lbdr_net *ln, u16 id);
int lbdr_domain_name(struct lbdr_net *ln, u16 id, char *name);
struct lbdr_domain *lbdr_domain_find(struct lbdr_net *ln, u16 id);
u32 lbdr_domain_ifindex(struct lbdr_net *ln, u16 id);
u16 lbdr_domain_of_vrf(struct lbdr_net *ln, const struct net_device *dev);
void lbdr_domain_add_dev(struct lbdr_net *ln, const struct net_device *dev);
void lbdr_domain_del_dev(struct lbdr_net *ln, const struct net_device *dev);
void lbdr_domain_net_init(struct lbdr_net *ln);
void lbdr_domain_net_exit(struct lbdr_net *ln);

/* True if a device is a VRF or enslaved to one. */
static inline bool lbdr_domain_has_vrf(const struct net_device *dev)
{
	return dev->priv_flags & (IFF_L3MDEV_MASTER | IFF_L3MDEV_SLAVE);
}

/**
 * lbdr_domain_of_dev() - Get the L3 domain of a device
 * @ln: the namespace
 * @dev: the device, or NULL
 *
 * Context: rcu_read_lock() held.
 * Return: the id, 0 for the default domain, or LBDR_DOMAIN_UNKNOWN.
 */
static inline u16 lbdr_domain_of_dev(struct lbdr_net *ln,
				     const struct net_device *dev)
{
	return unlikely(dev && lbdr_domain_has_vrf(dev)) ?
	       lbdr_domain_of_vrf(ln, dev) : 0;
}

#endif /* _LBDR_DOMAIN_H */
