// SPDX-License-Identifier: GPL-2.0
/*
 * The tables of virtual services, and how a packet finds its service.
 *
 * A packet without a connection looks its service up in this order: services of
 * one port, by (family, protocol, L3 domain, VIP, port); services of many ports, by
 * (family, protocol, L3 domain, VIP) and then the port, where a range that contains
 * the port comes before port 0 (range.c); and, at the hook behind the mangle table,
 * services of a fwmark. A packet in a VRF looks for services bound to that VRF first.
 */
#include <linux/hash.h>

#include "flow.h"
#include "lbdr.h"
#include "range.h"
#include "service.h"

/*
 * The operator chooses the keys, so a hash that spreads them will do. A bit of a product
 * depends on the bits below it only, so the upper half of each is brought into the lower
 * one, and multiplied again. The seed comes first: which keys collide depends on it.
 */
static __always_inline u64 lbdr_service_mix(u64 hash, u64 word)
{
	return (hash ^ hash >> 32 ^ word) * GOLDEN_RATIO_64;
}

/* The words of a key in memory; see lbdr_key_equal(). No array, which is kept on the stack. */
struct lbdr_service_words {
	u64	addr0;
	u64	addr1;
	u64	rest;
};

static __always_inline u32
lbdr_service_hash_words(const struct lbdr_service_words *words, u32 seed)
{
	u64 hash;

	hash = lbdr_service_mix(seed, words->rest);
	hash = lbdr_service_mix(hash, words->addr0);
	hash = lbdr_service_mix(hash, words->addr1);
	return lbdr_service_mix(hash, 0) >> 32;
}

static __always_inline u32 lbdr_service_hash(const void *key, u32 len, u32 seed)
{
	struct lbdr_service_words words;

	BUILD_BUG_ON(sizeof(words) != sizeof(struct lbdr_service_key));
	memcpy(&words, key, sizeof(words));
	return lbdr_service_hash_words(&words, seed);
}

static __always_inline int lbdr_service_cmp(struct rhashtable_compare_arg *arg,
					    const void *obj)
{
	const struct lbdr_service *service = obj;

	return !lbdr_key_equal(&service->key, arg->key, sizeof(service->key));
}

static const struct rhashtable_params lbdr_service_params = {
	.head_offset		= offsetof(struct lbdr_service, node),
	.key_offset		= offsetof(struct lbdr_service, key),
	.key_len		= sizeof(struct lbdr_service_key),
	.hashfn			= lbdr_service_hash,
	.obj_cmpfn		= lbdr_service_cmp,
	.automatic_shrinking	= true,
};

/**
 * lbdr_service_table_init() - Allocate the tables of a namespace
 * @ln: the namespace
 *
 * Context: process.
 * Return: 0 or a negative error.
 */
int lbdr_service_table_init(struct lbdr_net *ln)
{
	int err;

	INIT_LIST_HEAD(&ln->service_list);
	err = rhashtable_init(&ln->services, &lbdr_service_params);
	if (err)
		return err;
	err = lbdr_range_net_init(ln);
	if (err)
		rhashtable_destroy(&ln->services);
	return err;
}

/**
 * lbdr_service_table_exit() - Free the tables of a namespace
 * @ln: the namespace, without services
 *
 * Context: process.
 */
void lbdr_service_table_exit(struct lbdr_net *ln)
{
	lbdr_range_net_exit(ln);
	rhashtable_destroy(&ln->services);
}

/* Packets and readers see published services only. */
static __always_inline bool
lbdr_service_published(const struct lbdr_service *service)
{
	return rcu_access_pointer(service->pool);
}

/* A held service does not keep packets from another one. */
static __always_inline bool
lbdr_service_matches(const struct lbdr_service *service)
{
	return lbdr_service_published(service) && !READ_ONCE(service->held);
}

/**
 * lbdr_service_find() - Look up a published service by its key
 * @ln: the namespace
 * @key: unused bytes are 0
 *
 * Finds a held service too.
 *
 * Context: process, lbdr_net.lock or lbdr_net.config held.
 * Return: the service, valid as long as that lock is held, or NULL.
 */
struct lbdr_service *lbdr_service_find(struct lbdr_net *ln,
				       const struct lbdr_service_key *key)
{
	struct lbdr_service *service;

	lbdr_assert_stable(ln);

	rcu_read_lock();
	service = rhashtable_lookup(&ln->services, key, lbdr_service_params);
	if (service && !lbdr_service_published(service))
		service = NULL;
	rcu_read_unlock();
	return service;
}
EXPORT_SYMBOL_LBDR(lbdr_service_find);

static __always_inline struct lbdr_service *
lbdr_service_of_key(struct lbdr_net *ln, const struct lbdr_service_key *key)
{
	struct lbdr_service *service;

	service = rhashtable_lookup(&ln->services, key, lbdr_service_params);
	if (likely(service && lbdr_service_matches(service)))
		return service;
	return READ_ONCE(ln->n_wide) && !lbdr_service_key_marked(key) ?
	       lbdr_range_find(ln, key) : NULL;
}

/* The held service of exactly this L3 domain, or one that was just released. */
static struct lbdr_service *
lbdr_service_held_of_key(struct lbdr_net *ln,
			 const struct lbdr_service_key *key)
{
	struct lbdr_service *service;

	service = rhashtable_lookup(&ln->services, key, lbdr_service_params);
	if (service && lbdr_service_published(service))
		return service;
	return READ_ONCE(ln->n_wide) && !lbdr_service_key_marked(key) ?
	       lbdr_range_find_held(ln, key) : NULL;
}

/* No other service matches: the held one, if there is any. */
static noinline struct lbdr_service *
lbdr_service_held(struct lbdr_net *ln, const struct lbdr_service_key *key)
{
	struct lbdr_service_key any = *key;

	any.domain = 0;
	return lbdr_service_held_of_key(ln, key) ?:
	       lbdr_service_held_of_key(ln, &any);
}

/* The service of the VRF that @key names, if any service is bound to a VRF. */
static noinline struct lbdr_service *
lbdr_service_of_domain(struct lbdr_net *ln, const struct lbdr_service_key *key)
{
	return READ_ONCE(ln->domains.n_bound) ? lbdr_service_of_key(ln, key) :
						NULL;
}

/*
 * A service bound to the packet's VRF comes before one without a VRF, and both before
 * held services.
 */
static __always_inline struct lbdr_service *
lbdr_service_lookup(struct lbdr_net *ln, struct lbdr_service_key *key)
{
	/* Pairs with lbdr_hold_count(), which is called after the end of a hold. */
	bool held = smp_load_acquire(&ln->n_held);
	struct lbdr_service *service;
	u16 domain = key->domain;

	if (unlikely(domain)) {
		service = lbdr_service_of_domain(ln, key);
		if (service)
			return service;
		key->domain = 0;
	}
	service = lbdr_service_of_key(ln, key);
	if (likely(service))
		return service;
	/* Pairs with lbdr_hold_service(): the number is counted before a hold begins. */
	smp_rmb();
	if (likely(!held && !READ_ONCE(ln->n_held)))
		return NULL;
	key->domain = domain;
	return lbdr_service_held(ln, key);
}

/*
 * The words of the key of a service of one port that is not bound to a VRF: what
 * lbdr_service_of_any() writes to a struct, for a key that stays in registers.
 */
static __always_inline void
lbdr_service_flow_words(const struct lbdr_flow *flow, struct lbdr_service_words *words)
{
	__be16 port = flow->family == LBDR_V4 ? flow->v4.ports.vport :
						flow->v6.ports.vport;
	u64 rest = lbdr_flow_protocol(flow) | flow->family << 8 |
		   (u64)le16_to_cpu((__force __le16)port) << 32;

	if (flow->family == LBDR_V4) {
		words->addr0 = le32_to_cpu((__force __le32)flow->v4.vip);
		words->addr0 = (__force u64)cpu_to_le64(words->addr0);
		words->addr1 = 0;
	} else {
		memcpy(&words->addr0, &flow->v6.vip.s6_addr32[0], sizeof(u64));
		memcpy(&words->addr1, &flow->v6.vip.s6_addr32[2], sizeof(u64));
	}
	words->rest = (__force u64)cpu_to_le64(rest);
}

/*
 * Looks up the service that most flows have: of one port, not bound to a VRF, not held. NULL
 * says nothing, for entries may be moving to another table.
 */
static __always_inline struct lbdr_service *
lbdr_service_of_one_port(struct lbdr_net *ln, const struct lbdr_flow *flow)
{
	const struct bucket_table *buckets = rht_dereference_rcu(ln->services.tbl,
								 &ln->services);
	struct lbdr_service *service;
	struct lbdr_service_words words;
	struct rhash_head *pos;
	u32 hash;

	lbdr_service_flow_words(flow, &words);
	hash = rht_bucket_index(buckets,
				lbdr_service_hash_words(&words, buckets->hash_rnd));
	rht_for_each_rcu_from(pos, rht_ptr_rcu(rht_bucket(buckets, hash)), buckets, hash) {
		service = container_of(pos, struct lbdr_service, node);
		if (lbdr_key_equal(&words, &service->key, sizeof(words)))
			return lbdr_service_matches(service) ? service : NULL;
	}
	return NULL;
}

static noinline struct lbdr_service *
lbdr_service_of_any(struct lbdr_net *ln, const struct lbdr_flow *flow)
{
	struct lbdr_service_key key = {
		.family = flow->family,
		.domain = lbdr_flow_domain(flow),
	};

	if (flow->family == LBDR_V4) {
		key.addr.ip = flow->v4.vip;
		key.port = flow->v4.ports.vport;
		key.protocol = flow->v4.protocol;
	} else {
		key.addr.in6 = flow->v6.vip;
		key.port = flow->v6.ports.vport;
		key.protocol = flow->v6.protocol;
	}
	return lbdr_service_lookup(ln, &key);
}

/**
 * lbdr_service_of_flow() - Look up the service of a flow
 * @ln: the namespace
 * @flow: of the packet
 *
 * Context: rcu_read_lock() held.
 * Return: the service or NULL. A held service is returned if no other one matches.
 */
struct lbdr_service *lbdr_service_of_flow(struct lbdr_net *ln,
					  const struct lbdr_flow *flow)
{
	struct lbdr_service *service = NULL;

	if (likely(!lbdr_flow_domain(flow)))
		service = lbdr_service_of_one_port(ln, flow);
	return likely(service) ? service : lbdr_service_of_any(ln, flow);
}
EXPORT_SYMBOL_FOR_KUNIT(lbdr_service_of_flow);

/**
 * lbdr_service_of_mark() - Look up the service of a fwmark
 * @ln: the namespace
 * @family: of the packet
 * @mark: not 0
 * @domain: L3 domain of the packet
 *
 * Context: rcu_read_lock() held.
 * Return: the service, which may be held, or NULL.
 */
struct lbdr_service *lbdr_service_of_mark(struct lbdr_net *ln,
					  enum lbdr_family family, u32 mark,
					  u16 domain)
{
	struct lbdr_service_key key = {
		.addr.all[0] = mark,
		.family = family,
		.domain = domain,
	};

	return lbdr_service_lookup(ln, &key);
}
EXPORT_SYMBOL_FOR_KUNIT(lbdr_service_of_mark);

/**
 * lbdr_service_insert() - Insert a service into the tables
 * @ln: the namespace
 * @service: the service, not published
 *
 * Context: process, lbdr_net.config held.
 * Return: 0, -EEXIST if there is a service of this key, or another error.
 */
int lbdr_service_insert(struct lbdr_net *ln, struct lbdr_service *service)
{
	int err;

	err = rhashtable_lookup_insert_fast(&ln->services, &service->node,
					    lbdr_service_params);
	if (err || !lbdr_service_key_wide(&service->key))
		return err;
	err = lbdr_range_link(ln, service);
	if (err)
		rhashtable_remove_fast(&ln->services, &service->node,
				       lbdr_service_params);
	return err;
}

/**
 * lbdr_service_remove() - Remove a service from the tables
 * @ln: the namespace
 * @service: the service
 *
 * Context: process, lbdr_net.config held.
 */
void lbdr_service_remove(struct lbdr_net *ln, struct lbdr_service *service)
{
	if (lbdr_service_key_wide(&service->key))
		lbdr_range_unlink(ln, service);
	rhashtable_remove_fast(&ln->services, &service->node,
			       lbdr_service_params);
}
