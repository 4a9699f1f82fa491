// SPDX-License-Identifier: GPL-2.0
/*
 * Services of many ports. Each VIP (with its family, protocol and L3 domain) that has
 * such services has one array of its ranges of ports, sorted by their ports, and one
 * service of all ports. Ranges of a VIP do not overlap, so a packet finds its range by a
 * binary search. The ranges of held services (hold.c) follow in the same array, sorted by
 * their first ports. They may overlap, and only packets that no other service matches
 * search them.
 *
 * Packets read the arrays under rcu_read_lock(). An array is immutable. A commit makes
 * another one for each VIP that it changes, however many ranges it adds and removes:
 *
 * 1. lbdr_range_link() for each new service, lbdr_range_leave() for each service to be
 *    removed, lbdr_range_hold() for each that begins or ceases to be held: notes the VIPs
 *    that change;
 * 2. lbdr_range_prepare(): allocates and fills the new arrays;
 * 3. lbdr_range_publish(), after the new services were published and before the old ones
 *    are removed; or lbdr_range_cancel();
 * 4. lbdr_range_unlink() for each removed service.
 *
 * Both arrays have disjoint ranges, although the services of both are linked between
 * steps 1 and 4. Everything else is protected by lbdr_net.config.
 */
#include <linux/mm.h>
#include <linux/rhashtable.h>
#include <linux/slab.h>
#include <linux/sort.h>

#include "range.h"
#include "service.h"

/**
 * struct lbdr_range - a service of a range of ports
 * @service: the service
 * @first: its first port
 * @last: its last port
 * @reach: of a held service: the largest @last of this and the held ranges before it
 */
struct lbdr_range {
	struct lbdr_service	*service;
	u16			first;
	u16			last;
	u16			reach;
};

/**
 * struct lbdr_ranges - the services of many ports of a VIP; immutable
 * @rcu: frees the array
 * @all: the service of all ports, or NULL. This and @n are indexed by whether services
 *	are held
 * @n: number of ranges
 * @ranges: in the order of their ports, first the ones that are not held
 */
struct lbdr_ranges {
	struct rcu_head		rcu;
	struct lbdr_service	*all[2];
	u32			n[2];
	struct lbdr_range	ranges[];
};

/**
 * struct lbdr_range_vip - a VIP that has services of many ports
 * @node: in lbdr_net.wide; RCU
 * @key: key of the services, ports are 0; immutable
 * @ranges: published services, or NULL; RCU, replaced under lbdr_net.config
 * @next: from lbdr_range_prepare() to lbdr_range_publish()
 * @n: number of linked services
 * @added: services to be added to @ranges, indexed by whether they are held
 * @changed: in lbdr_net.wide_changed if @next is to be made
 * @rcu: frees it
 */
struct lbdr_range_vip {
	struct rhash_head		node;
	struct lbdr_service_key		key;
	struct lbdr_ranges __rcu	*ranges;
	struct lbdr_ranges		*next;
	u32				n;
	struct list_head		added[2];
	struct list_head		changed;
	struct rcu_head			rcu;
};

static const struct rhashtable_params lbdr_range_params = {
	.head_offset		= offsetof(struct lbdr_range_vip, node),
	.key_offset		= offsetof(struct lbdr_range_vip, key),
	.key_len		= offsetof(struct lbdr_service_key, port),
	.automatic_shrinking	= true,
};

/**
 * lbdr_range_net_init() - Prepare a namespace
 * @ln: the namespace
 *
 * Context: process.
 * Return: 0 or a negative error.
 */
int lbdr_range_net_init(struct lbdr_net *ln)
{
	INIT_LIST_HEAD(&ln->wide_changed);
	return rhashtable_init(&ln->wide, &lbdr_range_params);
}

/**
 * lbdr_range_net_exit() - Free the table of a namespace
 * @ln: the namespace, without services
 *
 * Context: process.
 */
void lbdr_range_net_exit(struct lbdr_net *ln)
{
	rhashtable_destroy(&ln->wide);
}

static struct lbdr_ranges *lbdr_range_now(const struct lbdr_net *ln,
					  const struct lbdr_range_vip *vip)
{
	return rcu_dereference_protected(vip->ranges, lockdep_is_held(&ln->config));
}

static void lbdr_range_mark(struct lbdr_net *ln, struct lbdr_range_vip *vip)
{
	if (list_empty(&vip->changed))
		list_add_tail(&vip->changed, &ln->wide_changed);
}

static void lbdr_range_set(struct lbdr_net *ln, struct lbdr_range_vip *vip,
			   struct lbdr_ranges *ranges)
{
	struct lbdr_ranges *old = lbdr_range_now(ln, vip);

	rcu_assign_pointer(vip->ranges, ranges);
	if (old)
		kvfree_rcu(old, rcu);
}

static struct lbdr_range_vip *lbdr_range_vip_add(struct lbdr_net *ln,
						 const struct lbdr_service_key *key)
{
	struct lbdr_range_vip *vip = kzalloc(sizeof(*vip), GFP_KERNEL_ACCOUNT);
	int err;

	if (!vip)
		return ERR_PTR(-ENOMEM);
	memcpy(&vip->key, key, offsetof(struct lbdr_service_key, port));
	INIT_LIST_HEAD(&vip->added[false]);
	INIT_LIST_HEAD(&vip->added[true]);
	INIT_LIST_HEAD(&vip->changed);
	err = rhashtable_lookup_insert_fast(&ln->wide, &vip->node, lbdr_range_params);
	if (!err)
		return vip;
	kfree(vip);
	return ERR_PTR(err);
}

/**
 * lbdr_range_link() - Add a service to its VIP, invisible to packets
 * @ln: the namespace
 * @service: the service, of many ports
 *
 * Context: process, may sleep; lbdr_net.config held.
 * Return: 0 or -ENOMEM.
 */
int lbdr_range_link(struct lbdr_net *ln, struct lbdr_service *service)
{
	struct lbdr_range_vip *vip;

	lockdep_assert_held(&ln->config);

	vip = rhashtable_lookup_fast(&ln->wide, &service->key, lbdr_range_params);
	if (!vip)
		vip = lbdr_range_vip_add(ln, &service->key);
	if (IS_ERR(vip))
		return PTR_ERR(vip);
	service->vip = vip;
	list_add_tail(&service->added, &vip->added[false]);
	vip->n++;
	lbdr_range_mark(ln, vip);
	WRITE_ONCE(ln->n_wide, ln->n_wide + 1);
	return 0;
}

/**
 * lbdr_range_unlink() - Remove a service from its VIP
 * @ln: the namespace
 * @service: the service; no packet can find it any more, or could yet
 *
 * Context: process, lbdr_net.config held.
 */
void lbdr_range_unlink(struct lbdr_net *ln, struct lbdr_service *service)
{
	struct lbdr_range_vip *vip = service->vip;

	lockdep_assert_held(&ln->config);

	list_del_init(&service->added);
	WRITE_ONCE(ln->n_wide, ln->n_wide - 1);
	if (--vip->n)
		return;
	list_del(&vip->changed);
	kvfree(vip->next);
	lbdr_range_set(ln, vip, NULL);
	rhashtable_remove_fast(&ln->wide, &vip->node, lbdr_range_params);
	kfree_rcu(vip, rcu);
}

/**
 * lbdr_range_leave() - Note that a service is to be removed
 * @ln: the namespace
 * @service: a published service of many ports
 *
 * Context: process, lbdr_net.config held.
 */
void lbdr_range_leave(struct lbdr_net *ln, struct lbdr_service *service)
{
	lockdep_assert_held(&ln->config);

	service->leaving = true;
	lbdr_range_mark(ln, service->vip);
}

/**
 * lbdr_range_hold() - Note that a service begins or ceases to be held
 * @ln: the namespace
 * @service: a published service of many ports
 * @held: it begins to be held
 *
 * Context: process, lbdr_net.config held.
 */
void lbdr_range_hold(struct lbdr_net *ln, struct lbdr_service *service, bool held)
{
	lbdr_range_leave(ln, service);
	list_add_tail(&service->added, &service->vip->added[held]);
}

static int lbdr_range_order(const void *a, const void *b)
{
	return (int)((const struct lbdr_range *)a)->first -
	       (int)((const struct lbdr_range *)b)->first;
}

static struct lbdr_range lbdr_range_of(struct lbdr_service *service)
{
	return (struct lbdr_range) {
		.service = service,
		.first = ntohs(service->key.port),
		.last = ntohs(service->key.last_port),
	};
}

/*
 * Merges @n ranges of @a that stay and @m new ones of @b. Adding one to many ranges takes
 * a walk over these, and does not sort them again. Returns the number of ranges in @to.
 */
static u32 lbdr_range_merge(struct lbdr_range *to, const struct lbdr_range *a, u32 n,
			    const struct lbdr_range *b, u32 m)
{
	u32 i = 0;

	while (n || m) {
		if (n && a->service->leaving) {
			a++;
			n--;
		} else if (!m || (n && a->first < b->first)) {
			to[i++] = *a++;
			n--;
		} else {
			to[i++] = *b++;
			m--;
		}
	}
	return i;
}

/* The ranges that are held, or those that are not. */
static const struct lbdr_range *lbdr_range_part(const struct lbdr_ranges *ranges,
						bool held)
{
	return ranges->ranges + (held ? ranges->n[false] : 0);
}

/* Fills one part of @next, that of held services last. @added: room for new ranges */
static void lbdr_range_fill(struct lbdr_ranges *next, const struct lbdr_ranges *now,
			    const struct list_head *services, bool held,
			    struct lbdr_range *added)
{
	struct lbdr_range *to = next->ranges + (held ? next->n[false] : 0);
	struct lbdr_service *service;
	u32 n = 0, i;

	if (now && now->all[held] && !now->all[held]->leaving)
		next->all[held] = now->all[held];
	list_for_each_entry(service, services, added) {
		if (service->key.port)
			added[n++] = lbdr_range_of(service);
		else
			next->all[held] = service;
	}
	sort(added, n, sizeof(*added), lbdr_range_order, NULL);
	next->n[held] = lbdr_range_merge(to, now ? lbdr_range_part(now, held) : NULL,
					 now ? now->n[held] : 0, added, n);
	for (i = 0; i < next->n[held]; i++)
		to[i].reach = max(to[i].last, i ? to[i - 1].reach : 0);
}

static int lbdr_range_prepare_vip(struct lbdr_net *ln, struct lbdr_range_vip *vip)
{
	const struct lbdr_ranges *now = lbdr_range_now(ln, vip);
	u32 n = 0, n_now = now ? now->n[false] + now->n[true] : 0;
	struct lbdr_service *service;
	struct lbdr_range *added;
	struct lbdr_ranges *next;

	list_for_each_entry(service, &vip->added[false], added)
		n++;
	list_for_each_entry(service, &vip->added[true], added)
		n++;
	added = kvmalloc_array(n ?: 1, sizeof(*added), GFP_KERNEL_ACCOUNT);
	next = kvzalloc(struct_size(next, ranges, n + n_now), GFP_KERNEL_ACCOUNT);
	if (!added || !next) {
		kvfree(added);
		kvfree(next);
		return -ENOMEM;
	}
	lbdr_range_fill(next, now, &vip->added[false], false, added);
	lbdr_range_fill(next, now, &vip->added[true], true, added);
	kvfree(added);
	vip->next = next;
	return 0;
}

/**
 * lbdr_range_prepare() - Make the arrays that a commit publishes
 * @ln: the namespace
 *
 * Context: process, may sleep; lbdr_net.config held.
 * Return: 0 or -ENOMEM; lbdr_range_cancel() is required in this case.
 */
int lbdr_range_prepare(struct lbdr_net *ln)
{
	struct lbdr_range_vip *vip;
	int err;

	lockdep_assert_held(&ln->config);

	list_for_each_entry(vip, &ln->wide_changed, changed) {
		err = lbdr_range_prepare_vip(ln, vip);
		if (err)
			return err;
		cond_resched();
	}
	return 0;
}

/* The new services, and those that are held or released, have their place. */
static void lbdr_range_settle(struct lbdr_range_vip *vip)
{
	struct lbdr_service *service, *next;

	list_splice_tail_init(&vip->added[true], &vip->added[false]);
	list_for_each_entry_safe(service, next, &vip->added[false], added) {
		service->leaving = false;
		list_del_init(&service->added);
	}
}

/**
 * lbdr_range_publish() - Publish the arrays of lbdr_range_prepare()
 * @ln: the namespace
 *
 * The services in them are published.
 *
 * Context: process, lbdr_net.config held.
 */
void lbdr_range_publish(struct lbdr_net *ln)
{
	struct lbdr_range_vip *vip, *next;

	lockdep_assert_held(&ln->config);

	list_for_each_entry_safe(vip, next, &ln->wide_changed, changed) {
		lbdr_range_settle(vip);
		lbdr_range_set(ln, vip, vip->next);
		vip->next = NULL;
		list_del_init(&vip->changed);
	}
}

/**
 * lbdr_range_cancel() - Undo lbdr_range_leave(), lbdr_range_hold() and lbdr_range_prepare()
 * @ln: the namespace; the new services are unlinked afterwards
 *
 * Context: process, lbdr_net.config held.
 */
void lbdr_range_cancel(struct lbdr_net *ln)
{
	struct lbdr_range_vip *vip, *next;
	struct lbdr_ranges *now;
	u32 i;

	lockdep_assert_held(&ln->config);

	list_for_each_entry_safe(vip, next, &ln->wide_changed, changed) {
		now = lbdr_range_now(ln, vip);
		for (i = 0; now && i < now->n[false] + now->n[true]; i++)
			now->ranges[i].service->leaving = false;
		for (i = 0; now && i < ARRAY_SIZE(now->all); i++)
			if (now->all[i])
				now->all[i]->leaving = false;
		lbdr_range_settle(vip);
		kvfree(vip->next);
		vip->next = NULL;
		list_del_init(&vip->changed);
	}
}

static void lbdr_range_clear_vip(struct lbdr_net *ln, struct lbdr_service *service)
{
	lbdr_range_set(ln, service->vip, NULL);
}

/**
 * lbdr_range_clear() - Let packets find no service of many ports any more
 * @ln: the namespace, whose services are to be removed
 *
 * Needs no memory.
 *
 * Context: process, may sleep; lbdr_net.config held.
 */
void lbdr_range_clear(struct lbdr_net *ln)
{
	struct lbdr_service *service;

	lockdep_assert_held(&ln->config);

	list_for_each_entry(service, &ln->service_list, list)
		if (lbdr_service_key_wide(&service->key))
			lbdr_range_clear_vip(ln, service);
}

/* The index of the first range that ends at @port or above. */
static u32 lbdr_range_search(const struct lbdr_ranges *ranges, u16 port)
{
	u32 low = 0, high = ranges->n[false], middle;

	while (low < high) {
		middle = (low + high) / 2;
		if (ranges->ranges[middle].last < port)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

static const struct lbdr_ranges *lbdr_range_lookup(struct lbdr_net *ln,
						   const struct lbdr_service_key *key)
{
	const struct lbdr_range_vip *vip;

	vip = rhashtable_lookup(&ln->wide, key, lbdr_range_params);
	return vip ? rcu_dereference(vip->ranges) : NULL;
}

/**
 * lbdr_range_find() - Look up the service of a port
 * @ln: the namespace
 * @key: of a packet, with one port
 *
 * Context: rcu_read_lock() held.
 * Return: the service whose range has the port, else that of all ports, or NULL.
 */
struct lbdr_service *lbdr_range_find(struct lbdr_net *ln,
				     const struct lbdr_service_key *key)
{
	const struct lbdr_ranges *ranges = lbdr_range_lookup(ln, key);
	u16 port = ntohs(key->port);
	u32 i;

	if (!ranges)
		return NULL;
	i = lbdr_range_search(ranges, port);
	if (i < ranges->n[false] && ranges->ranges[i].first <= port)
		return ranges->ranges[i].service;
	return ranges->all[false];
}
EXPORT_SYMBOL_FOR_KUNIT(lbdr_range_find);

/* The number of held ranges that begin at @port or below. */
static u32 lbdr_range_search_held(const struct lbdr_ranges *ranges, u16 port)
{
	const struct lbdr_range *held = lbdr_range_part(ranges, true);
	u32 low = 0, high = ranges->n[true], middle;

	while (low < high) {
		middle = (low + high) / 2;
		if (held[middle].first <= port)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

/**
 * lbdr_range_find_held() - Look up the held service of a port
 * @ln: the namespace
 * @key: of a packet, with one port
 *
 * Walks over several ranges only if held ranges overlap.
 *
 * Context: rcu_read_lock() held.
 * Return: a held service whose range has the port, else that of all ports, or NULL.
 */
struct lbdr_service *lbdr_range_find_held(struct lbdr_net *ln,
					  const struct lbdr_service_key *key)
{
	const struct lbdr_ranges *ranges = lbdr_range_lookup(ln, key);
	const struct lbdr_range *held;
	u16 port = ntohs(key->port);
	u32 i;

	if (!ranges)
		return NULL;
	held = lbdr_range_part(ranges, true);
	for (i = lbdr_range_search_held(ranges, port); i && held[i - 1].reach >= port; i--)
		if (held[i - 1].last >= port)
			return held[i - 1].service;
	return ranges->all[true];
}

/**
 * lbdr_range_overlapping() - Find another service, not held, that has ports of a range
 * @ln: the namespace
 * @key: the range
 * @keeps: whether a service counts
 * @data: passed to @keeps
 *
 * Context: process, lbdr_net.lock or lbdr_net.config held.
 * Return: the service or NULL.
 */
struct lbdr_service *
lbdr_range_overlapping(struct lbdr_net *ln, const struct lbdr_service_key *key,
		       bool (*keeps)(const struct lbdr_service *service, void *data),
		       void *data)
{
	const struct lbdr_ranges *ranges;
	struct lbdr_service *service, *found = NULL;
	u32 i;

	rcu_read_lock();
	ranges = lbdr_range_lookup(ln, key);
	i = ranges ? lbdr_range_search(ranges, ntohs(key->port)) : 0;
	for (; ranges && !found && i < ranges->n[false] &&
	     ranges->ranges[i].first <= ntohs(key->last_port); i++) {
		service = ranges->ranges[i].service;
		if (!lbdr_service_key_equal(&service->key, key) &&
		    keeps(service, data))
			found = service;
	}
	rcu_read_unlock();
	return found;
}
