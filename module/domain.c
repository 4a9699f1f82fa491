// SPDX-License-Identifier: GPL-2.0
/*
 * L3 domains. The domain of a packet is that of its device: a VRF device and the devices
 * enslaved to it have the domain of the VRF, all other devices have the default domain,
 * 0. The id of the domain is a part of the keys of connections, templates, services and
 * next hops.
 *
 * A domain exists while a VRF device has its name or a service refers to it: services
 * may be added before the device. Ids are allocated cyclically: the id of a removed VRF
 * is used again when 65,533 others have been allocated, long after its connections have
 * expired unless names of VRFs are added at a high rate all that time. A VRF device that
 * is renamed moves to the domain of its new name.
 *
 * Packets read under rcu_read_lock(). Writers hold lbdr_domains.lock, a mutex: the
 * netdevice notifier, which also holds RTNL, and commands, which may also hold
 * lbdr_net.config or lbdr_net.lock. Domains are freed by RCU.
 */
#include <net/l3mdev.h>

#include "domain.h"
#include "lbdr.h"
#include "limit.h"
#include "nexthop.h"

static struct lbdr_domain *lbdr_domain_find_name(struct lbdr_domains *domains,
						 const char *name)
{
	struct lbdr_domain *domain;

	lockdep_assert_held(&domains->lock);

	list_for_each_entry(domain, &domains->list, list)
		if (!strcmp(domain->name, name))
			return domain;
	return NULL;
}

/* Finds or allocates the domain of a name, without a reference. Returns ERR_PTR(). */
static struct lbdr_domain *lbdr_domain_make(struct lbdr_domains *domains,
					    const char *name)
{
	struct lbdr_domain *domain = lbdr_domain_find_name(domains, name);
	int err;
	u32 id;

	if (domain)
		return domain;
	domain = kzalloc(sizeof(*domain), GFP_KERNEL_ACCOUNT);
	if (!domain)
		return ERR_PTR(-ENOMEM);
	strscpy(domain->name, name, sizeof(domain->name));
	INIT_LIST_HEAD(&domain->nexthops);
	err = xa_alloc_cyclic(&domains->ids, &id, domain,
			      XA_LIMIT(1, LBDR_DOMAIN_UNKNOWN - 1),
			      &domains->next_id, GFP_KERNEL_ACCOUNT);
	/* 1 means that the ids have wrapped around. */
	if (err < 0) {
		kfree(domain);
		return ERR_PTR(err);
	}
	/* Packets read the id from by_ifindex, which is set later. */
	domain->id = id;
	list_add_tail(&domain->list, &domains->list);
	domains->n++;
	return domain;
}

static void lbdr_domain_free_unused(struct lbdr_domains *domains,
				    struct lbdr_domain *domain)
{
	if (domain->ifindex || domain->services)
		return;
	list_del(&domain->list);
	domains->n--;
	xa_erase(&domains->ids, domain->id);
	kfree_rcu(domain, rcu);
}

/* Counts @by references more to a domain, in it and in the sum of all. */
static void lbdr_domain_count(struct lbdr_domains *domains,
			      struct lbdr_domain *domain, int by)
{
	lockdep_assert_held(&domains->lock);

	domain->services += by;
	WRITE_ONCE(domains->n_bound, domains->n_bound + by);
}

/**
 * lbdr_domain_get_by_name() - Get the domain of a VRF for a service
 * @ln: the namespace
 * @name: name of the VRF device, which need not exist; shorter than IFNAMSIZ
 *
 * Context: process, may sleep.
 * Return: the id, with a reference for the caller; -ENOMEM; -EBUSY if all ids are in use; or
 * -EDQUOT if a user's namespace has as many as it may have services.
 */
int lbdr_domain_get_by_name(struct lbdr_net *ln, const char *name)
{
	struct lbdr_domains *domains = &ln->domains;
	struct lbdr_domain *domain;

	mutex_lock(&domains->lock);
	domain = lbdr_domain_find_name(domains, name);
	if (!domain)
		domain = lbdr_limit_services(ln, domains->n + 1) ?
			 ERR_PTR(-EDQUOT) : lbdr_domain_make(domains, name);
	if (!IS_ERR(domain))
		lbdr_domain_count(domains, domain, 1);
	mutex_unlock(&domains->lock);
	return PTR_ERR_OR_ZERO(domain) ?: domain->id;
}
EXPORT_SYMBOL_FOR_KUNIT(lbdr_domain_get_by_name);

/**
 * lbdr_domain_hold() - Take another reference to a domain
 * @ln: the namespace
 * @id: id of a domain that the caller has a reference to, or 0, which is ignored
 *
 * Context: process, may sleep.
 */
void lbdr_domain_hold(struct lbdr_net *ln, u16 id)
{
	struct lbdr_domains *domains = &ln->domains;

	if (!id)
		return;
	mutex_lock(&domains->lock);
	lbdr_domain_count(domains, xa_load(&domains->ids, id), 1);
	mutex_unlock(&domains->lock);
}

/**
 * lbdr_domain_lookup() - Look up the domain of a VRF
 * @ln: the namespace
 * @name: name of the VRF device
 *
 * Context: process, may sleep.
 * Return: the id, or LBDR_DOMAIN_UNKNOWN. The caller gets no reference, so the domain
 * may be freed; its id is not used again soon.
 */
u16 lbdr_domain_lookup(struct lbdr_net *ln, const char *name)
{
	const struct lbdr_domain *domain;
	u16 id;

	mutex_lock(&ln->domains.lock);
	domain = lbdr_domain_find_name(&ln->domains, name);
	id = domain ? domain->id : LBDR_DOMAIN_UNKNOWN;
	mutex_unlock(&ln->domains.lock);
	return id;
}

/**
 * lbdr_domain_put() - Drop a reference to a domain
 * @ln: the namespace
 * @id: from lbdr_domain_get_by_name(); 0 is ignored
 *
 * Context: process, may sleep.
 */
void lbdr_domain_put(struct lbdr_net *ln, u16 id)
{
	struct lbdr_domains *domains = &ln->domains;
	struct lbdr_domain *domain;

	if (!id)
		return;
	mutex_lock(&domains->lock);
	domain = xa_load(&domains->ids, id);
	lbdr_domain_count(domains, domain, -1);
	lbdr_domain_free_unused(domains, domain);
	mutex_unlock(&domains->lock);
}
EXPORT_SYMBOL_FOR_KUNIT(lbdr_domain_put);

/**
 * lbdr_domain_find() - Look up a domain by its id
 * @ln: the namespace
 * @id: the id, not 0
 *
 * Context: rcu_read_lock() held.
 * Return: the domain, valid under rcu_read_lock(), or NULL.
 */
struct lbdr_domain *lbdr_domain_find(struct lbdr_net *ln, u16 id)
{
	return xa_load(&ln->domains.ids, id);
}

/**
 * lbdr_domain_name() - Get the name of a domain
 * @ln: the namespace
 * @id: the id
 * @name: set to the name, IFNAMSIZ bytes
 *
 * Context: any.
 * Return: 0, or -ENOENT if @id is 0 or no domain has it.
 */
int lbdr_domain_name(struct lbdr_net *ln, u16 id, char *name)
{
	const struct lbdr_domain *domain = NULL;

	rcu_read_lock();
	if (id)
		domain = lbdr_domain_find(ln, id);
	if (domain)
		memcpy(name, domain->name, IFNAMSIZ);
	rcu_read_unlock();
	return domain ? 0 : -ENOENT;
}
EXPORT_SYMBOL_FOR_KUNIT(lbdr_domain_name);

/**
 * lbdr_domain_ifindex() - Get the VRF device of a domain
 * @ln: the namespace
 * @id: the id, not 0
 *
 * Context: rcu_read_lock() held.
 * Return: the ifindex, or 0 if the domain has no device.
 */
u32 lbdr_domain_ifindex(struct lbdr_net *ln, u16 id)
{
	const struct lbdr_domain *domain = lbdr_domain_find(ln, id);

	return domain ? READ_ONCE(domain->ifindex) : 0;
}

/**
 * lbdr_domain_of_vrf() - Get the L3 domain of a VRF device or a device in a VRF
 * @ln: the namespace
 * @dev: the device, for which lbdr_domain_has_vrf() is true
 *
 * Context: rcu_read_lock() held.
 * Return: the id, or LBDR_DOMAIN_UNKNOWN.
 */
u16 lbdr_domain_of_vrf(struct lbdr_net *ln, const struct net_device *dev)
{
	/* Older kernels declare the parameter without const. */
	int ifindex = l3mdev_master_ifindex_rcu((struct net_device *)dev);
	void *id = ifindex ? xa_load(&ln->domains.by_ifindex, ifindex) : NULL;

	return id ? xa_to_value(id) : LBDR_DOMAIN_UNKNOWN;
}
EXPORT_SYMBOL_FOR_KUNIT(lbdr_domain_of_vrf);

/**
 * lbdr_domain_add_dev() - Bind a VRF device to the domain of its name
 * @ln: the namespace
 * @dev: the device
 *
 * Called when a VRF device was registered or renamed. If no memory is available, packets
 * of the VRF are passed to the stack.
 *
 * Context: process, RTNL held.
 */
void lbdr_domain_add_dev(struct lbdr_net *ln, const struct net_device *dev)
{
	struct lbdr_domains *domains = &ln->domains;
	struct lbdr_domain *domain;
	int err;

	mutex_lock(&domains->lock);
	domain = lbdr_domain_make(domains, dev->name);
	err = PTR_ERR_OR_ZERO(domain);
	if (!err) {
		WRITE_ONCE(domain->ifindex, dev->ifindex);
		err = xa_err(xa_store(&domains->by_ifindex, dev->ifindex,
				      xa_mk_value(domain->id),
				      GFP_KERNEL_ACCOUNT));
		if (err) {
			WRITE_ONCE(domain->ifindex, 0);
			lbdr_domain_free_unused(domains, domain);
		}
	}
	mutex_unlock(&domains->lock);
	/* Users must not fill the log. */
	if (err && !ln->user)
		pr_warn_ratelimited("no L3 domain for VRF %s (error %d): its packets are passed to the stack\n",
				    dev->name, err);
}
EXPORT_SYMBOL_FOR_KUNIT(lbdr_domain_add_dev);

/**
 * lbdr_domain_del_dev() - Unbind a VRF device from its domain
 * @ln: the namespace
 * @dev: the device
 *
 * Called when a VRF device is unregistered or was renamed. Unlinks the next hops of the
 * domain.
 *
 * Context: process, RTNL held.
 */
void lbdr_domain_del_dev(struct lbdr_net *ln, const struct net_device *dev)
{
	struct lbdr_domains *domains = &ln->domains;
	struct lbdr_domain *domain;
	void *id;

	mutex_lock(&domains->lock);
	id = xa_erase(&domains->by_ifindex, dev->ifindex);
	if (id) {
		domain = xa_load(&domains->ids, xa_to_value(id));
		WRITE_ONCE(domain->ifindex, 0);
		lbdr_nexthop_flush_domain(ln, domain);
		lbdr_domain_free_unused(domains, domain);
	}
	mutex_unlock(&domains->lock);
}
EXPORT_SYMBOL_FOR_KUNIT(lbdr_domain_del_dev);

/**
 * lbdr_domain_net_init() - Prepare the domains of a namespace
 * @ln: the namespace
 *
 * Context: process.
 */
void lbdr_domain_net_init(struct lbdr_net *ln)
{
	mutex_init(&ln->domains.lock);
	INIT_LIST_HEAD(&ln->domains.list);
	xa_init_flags(&ln->domains.ids, XA_FLAGS_ALLOC);
	xa_init(&ln->domains.by_ifindex);
}

/**
 * lbdr_domain_net_exit() - Free the domains of a namespace
 * @ln: the namespace, without services; lbdr_domain_del_dev() was called for all its
 *	VRF devices
 *
 * Context: process.
 */
void lbdr_domain_net_exit(struct lbdr_net *ln)
{
	WARN_ON_ONCE(!list_empty(&ln->domains.list));
	xa_destroy(&ln->domains.by_ifindex);
	xa_destroy(&ln->domains.ids);
}
