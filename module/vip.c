// SPDX-License-Identifier: GPL-2.0
/*
 * The filter of VIPs of each family, which packets pass first: one bit for each hash of
 * a destination address. A packet whose bit is clear has no VIP as its destination. A
 * set bit may be a false positive, which costs lookups only.
 *
 * A filter has 16 to 64 bits for each bit that is set, so at most one in 16 other addresses
 * is a false positive. Commit makes room before it publishes services
 * (lbdr_vips_reserve()), publishing sets the bits (lbdr_vips_add()), and after services
 * were published or removed the filter is made smaller if it is too large, and bits of
 * removed VIPs are cleared if they are many (lbdr_vips_update()).
 *
 * Packets read a filter under rcu_read_lock(). Bits are only set in a published filter.
 * To clear bits, another filter is made from the services that are left and published in
 * its place; without memory for it the old one stays, which is correct as well. Filters
 * are changed and replaced under lbdr_net.config, and freed a grace period later.
 * Without services of a family, the filter is a static empty one.
 */
#include <linux/bitmap.h>
#include <linux/log2.h>
#include <linux/mm.h>
#include <linux/slab.h>

#include "service.h"
#include "vip.h"

#define BITS_PER_VIP	16
/* The log2 of the smallest and of the largest number of bits */
#define ORDER_MIN	12
#define ORDER_MAX	26

/* Services in use for each removed one that may have its bit set */
#define USED_PER_REMOVED	8

/* Never written: services are published after lbdr_vips_reserve() only. */
static struct lbdr_vips lbdr_vips_empty = {
	.shift = 31,
	.bits = { 0 },
};

static u32 lbdr_vips_order(u32 n)
{
	return clamp_t(u32, ilog2(roundup_pow_of_two((u64)(n ?: 1) * BITS_PER_VIP)),
		       ORDER_MIN, ORDER_MAX);
}

static u32 lbdr_vip_of(const struct lbdr_service_key *key)
{
	const u32 *addr = key->addr.all;

	/* The unused words of an IPv4 address are 0. */
	return addr[0] ^ addr[1] ^ addr[2] ^ addr[3];
}

static struct lbdr_vips *lbdr_vips_now(const struct lbdr_net *ln,
				       enum lbdr_family family)
{
	return rcu_dereference_protected(ln->vips[family],
					 lockdep_is_held(&ln->config));
}

static u32 lbdr_vips_now_order(const struct lbdr_vips *vips)
{
	return 32 - vips->shift;
}

static struct lbdr_vips *lbdr_vips_alloc(u32 order)
{
	struct lbdr_vips *vips;

	vips = kvzalloc(struct_size(vips, bits, BITS_TO_LONGS(1UL << order)),
			GFP_KERNEL_ACCOUNT | __GFP_NOWARN);
	if (vips)
		vips->shift = 32 - order;
	return vips;
}

static void lbdr_vips_set(struct lbdr_vips *vips, u32 bit)
{
	/* A filter may be published: atomic with respect to test_bit(). */
	if (!test_and_set_bit(bit, vips->bits))
		vips->n_set++;
}

static void lbdr_vips_set_service(struct lbdr_vips *vips,
				  const struct lbdr_service_key *key)
{
	lbdr_vips_set(vips, lbdr_vip_hash(lbdr_vip_of(key)) >> vips->shift);
	vips->n_services++;
}

/* Sets the bits of all published services. */
static void lbdr_vips_fill(struct lbdr_net *ln, enum lbdr_family family,
			   struct lbdr_vips *vips)
{
	const struct lbdr_service *service;

	list_for_each_entry(service, &ln->service_list, list) {
		if (service->key.family == family &&
		    !lbdr_service_key_marked(&service->key))
			lbdr_vips_set_service(vips, &service->key);
		cond_resched();
	}
}

/* Makes a smaller filter of the same VIPs: the bits of a hash are its first ones. */
static struct lbdr_vips *lbdr_vips_fold(const struct lbdr_vips *vips, u32 order)
{
	struct lbdr_vips *folded = lbdr_vips_alloc(order);
	u32 bit, size = 1U << lbdr_vips_now_order(vips);

	if (!folded)
		return NULL;
	for_each_set_bit(bit, vips->bits, size)
		lbdr_vips_set(folded, bit >> (folded->shift - vips->shift));
	folded->n_services = vips->n_services;
	return folded;
}

static void lbdr_vips_replace(struct lbdr_net *ln, enum lbdr_family family,
			      struct lbdr_vips *vips)
{
	struct lbdr_vips *old = lbdr_vips_now(ln, family);

	rcu_assign_pointer(ln->vips[family], vips);
	if (old != &lbdr_vips_empty)
		kvfree_rcu(old, rcu);
}

/**
 * lbdr_vips_reserve() - Make room for more VIPs
 * @ln: the namespace
 * @family: of the VIPs
 * @n: number of services to be published; those of a VIP that has services may count
 *
 * Context: process, may sleep; lbdr_net.config held.
 * Return: 0 or -ENOMEM.
 */
int lbdr_vips_reserve(struct lbdr_net *ln, enum lbdr_family family, u32 n)
{
	struct lbdr_vips *vips = lbdr_vips_now(ln, family);
	u32 order = lbdr_vips_order(vips->n_set + n);

	lockdep_assert_held(&ln->config);

	if (!n || order <= lbdr_vips_now_order(vips))
		return 0;
	vips = lbdr_vips_alloc(order);
	if (!vips)
		return -ENOMEM;
	lbdr_vips_fill(ln, family, vips);
	lbdr_vips_replace(ln, family, vips);
	return 0;
}

/**
 * lbdr_vips_add() - Add the VIP of a service
 * @ln: the namespace
 * @key: of the service; a fwmark service has no VIP
 *
 * Context: process, lbdr_net.config held, after lbdr_vips_reserve().
 */
void lbdr_vips_add(struct lbdr_net *ln, const struct lbdr_service_key *key)
{
	struct lbdr_vips *vips = lbdr_vips_now(ln, key->family);

	if (!lbdr_service_key_marked(key))
		lbdr_vips_set_service(vips, key);
}

static void lbdr_vips_update_family(struct lbdr_net *ln, enum lbdr_family family)
{
	struct lbdr_vips *old = lbdr_vips_now(ln, family), *vips = old, *folded;
	u32 used = ln->n_services[family] - ln->n_marked[family];
	u32 order;

	if (old == &lbdr_vips_empty)
		return;
	if (!used) {
		lbdr_vips_replace(ln, family, &lbdr_vips_empty);
		return;
	}
	if ((u64)(old->n_services - used) * USED_PER_REMOVED >= used) {
		vips = lbdr_vips_alloc(lbdr_vips_now_order(old));
		if (!vips)
			return;
		lbdr_vips_fill(ln, family, vips);
	}
	/* Not a factor of 2: the next service would make it larger again. */
	order = lbdr_vips_order(vips->n_set);
	if (order + 2 <= lbdr_vips_now_order(vips)) {
		folded = lbdr_vips_fold(vips, order);
		if (folded && vips != old)
			kvfree(vips);
		vips = folded ?: vips;
	}
	if (vips != old)
		lbdr_vips_replace(ln, family, vips);
}

/**
 * lbdr_vips_update() - Fit the filters to the services after a commit
 * @ln: the namespace
 *
 * Walks over the services that are left when an eighth of them was removed since, so that
 * removing services one by one takes time in proportion to their number. Cannot fail, and
 * needs no memory if no service is left.
 *
 * Context: process, may sleep; lbdr_net.config held.
 */
void lbdr_vips_update(struct lbdr_net *ln)
{
	enum lbdr_family family;

	lockdep_assert_held(&ln->config);

	for (family = 0; family < LBDR_FAMILIES; family++)
		lbdr_vips_update_family(ln, family);
}

/**
 * lbdr_vips_net_init() - Prepare a namespace
 * @ln: the namespace
 *
 * Nothing is to be freed at the exit of a namespace without services.
 *
 * Context: process.
 */
void lbdr_vips_net_init(struct lbdr_net *ln)
{
	RCU_INIT_POINTER(ln->vips[LBDR_V4], &lbdr_vips_empty);
	RCU_INIT_POINTER(ln->vips[LBDR_V6], &lbdr_vips_empty);
}
