// SPDX-License-Identifier: GPL-2.0
/*
 * The table of virtual services, and the filter of VIPs in front of it.
 *
 * Three tables, asked in this order by a packet of no connection: services of one
 * port, by (family, protocol, L3 domain, VIP, port); services of many, by (family,
 * protocol, L3 domain, VIP), of which a range that has the port comes before port 0;
 * and at the hook behind the mangle table, services of a fwmark. A packet in a VRF
 * asks for services bound to that VRF first.
 *
 * They are read under rcu_read_lock(), and services are kept in a list in the
 * order they were added for those who read them all under lbdr_net.lock, which
 * also serialises every change. A service is freed a grace period after it was
 * unlinked. Its connections are not touched then: their servers are dead, so
 * they are not found any more.
 *
 * A service has a pool from the moment on that packets may find it, and never
 * loses it. One without is in the tables so that what could fail has been done,
 * and is not there yet for packets.
 */
#include <linux/jhash.h>
#include <linux/mm.h>

#include "device.h"
#include "flow.h"
#include "hook.h"
#include "lbdr.h"
#include "pool.h"
#include "sched.h"
#include "server.h"
#include "service.h"
#include "stats.h"

/*
 * Every first packet of a connection looks a service up, so this is less than the
 * table would do by itself: half of an address is folded onto the other, and what
 * is 0 in every key of this table is left out. The operator chooses the keys.
 */
static __always_inline u32 lbdr_service_hash(const void *key, u32 len, u32 seed)
{
	const struct lbdr_service_key *k = key;

	return jhash_3words(k->addr.all[0] ^ k->addr.all[2],
			    k->addr.all[1] ^ k->addr.all[3],
			    (__force u32)k->port << 16 | k->family << 8 |
			    k->protocol, seed ^ k->domain);
}

static __always_inline int lbdr_service_cmp(struct rhashtable_compare_arg *arg,
					    const void *obj)
{
	const struct lbdr_service *service = obj;

	return !!memcmp(&service->key, arg->key, sizeof(service->key));
}

static const struct rhashtable_params lbdr_service_params = {
	.head_offset		= offsetof(struct lbdr_service, node),
	.key_offset		= offsetof(struct lbdr_service, key),
	.key_len		= sizeof(struct lbdr_service_key),
	.hashfn			= lbdr_service_hash,
	.obj_cmpfn		= lbdr_service_cmp,
	.automatic_shrinking	= true,
};

/* The key up to its ports, which are told apart among those of one address. */
static const struct rhashtable_params lbdr_service_wide_params = {
	.head_offset		= offsetof(struct lbdr_service, wide),
	.key_offset		= offsetof(struct lbdr_service, key),
	.key_len		= offsetof(struct lbdr_service_key, port),
	.automatic_shrinking	= true,
};

/**
 * lbdr_service_table_init() - make a namespace's table of services
 * @ln: the namespace
 *
 * Context: process.
 * Return: 0 or a negative error.
 */
int lbdr_service_table_init(struct lbdr_net *ln)
{
	int err;

	BUILD_BUG_ON(sizeof(struct lbdr_service_key) != 24);

	INIT_LIST_HEAD(&ln->service_list);
	err = rhashtable_init(&ln->services, &lbdr_service_params);
	if (err)
		return err;
	err = rhltable_init(&ln->wide, &lbdr_service_wide_params);
	if (err)
		rhashtable_destroy(&ln->services);
	return err;
}

/**
 * lbdr_service_table_exit() - free a namespace's table of services
 * @ln: the namespace, without services
 *
 * Context: process.
 */
void lbdr_service_table_exit(struct lbdr_net *ln)
{
	rhltable_destroy(&ln->wide);
	rhashtable_destroy(&ln->services);
}

static u32 lbdr_vip_hash(const struct lbdr_service_key *key)
{
	return key->family == LBDR_V4 ? lbdr_vip_hash4(key->addr.ip) :
					lbdr_vip_hash6(&key->addr.in6);
}

/**
 * lbdr_service_prune_vips() - forget the VIPs of services that are gone
 * @ln: the namespace
 * @family: of the services
 *
 * One walk over what is left, however many there were.
 *
 * Context: process, lbdr_net.lock held.
 */
void lbdr_service_prune_vips(struct lbdr_net *ln, enum lbdr_family family)
{
	DECLARE_BITMAP(used, 1 << LBDR_VIP_BITS) = {};
	const struct lbdr_service *service;
	u32 bit;

	lockdep_assert_held(&ln->lock);

	list_for_each_entry(service, &ln->service_list, list)
		if (service->key.family == family &&
		    !lbdr_service_key_marked(&service->key))
			__set_bit(lbdr_vip_hash(&service->key), used);
	for_each_set_bit(bit, ln->vips[family], 1 << LBDR_VIP_BITS)
		if (!test_bit(bit, used))
			clear_bit(bit, ln->vips[family]);
}

/* The last port that a service has. */
static u16 lbdr_service_last(const struct lbdr_service_key *key)
{
	if (!key->port)
		return U16_MAX;
	return ntohs(key->last_port ?: key->port);
}

static struct lbdr_service *
lbdr_service_find_wide(struct lbdr_net *ln, const struct lbdr_service_key *key)
{
	struct lbdr_service *service;
	struct rhlist_head *list, *at;

	list = rhltable_lookup(&ln->wide, key, lbdr_service_wide_params);
	rhl_for_each_entry_rcu(service, at, list, wide)
		if (!memcmp(&service->key, key, sizeof(*key)))
			return service;
	return NULL;
}

/**
 * lbdr_service_find() - a service by its key
 * @ln: the namespace
 * @key: all its bytes count
 *
 * Context: rcu_read_lock() or lbdr_net.lock held.
 * Return: the service, valid as long as that lock is held, or NULL.
 */
struct lbdr_service *lbdr_service_find(struct lbdr_net *ln,
				       const struct lbdr_service_key *key)
{
	struct lbdr_service *service;

	if (!lbdr_service_key_wide(key))
		return rhashtable_lookup_fast(&ln->services, key,
					      lbdr_service_params);
	rcu_read_lock();
	service = lbdr_service_find_wide(ln, key);
	rcu_read_unlock();
	return service;
}

/* Packets see what has a pool; the namespace's other services are yet to come. */
static __always_inline bool lbdr_service_seen(const struct lbdr_service *service)
{
	return rcu_access_pointer(service->pool);
}

/* The range that @key's port is in, else the service of all ports. */
static struct lbdr_service *
lbdr_service_of_range(struct lbdr_net *ln, const struct lbdr_service_key *key)
{
	struct lbdr_service *service, *any = NULL;
	struct rhlist_head *list, *at;
	u16 port = ntohs(key->port);

	list = rhltable_lookup(&ln->wide, key, lbdr_service_wide_params);
	rhl_for_each_entry_rcu(service, at, list, wide) {
		if (!lbdr_service_seen(service))
			continue;
		if (!service->key.port)
			any = service;
		else if (port >= ntohs(service->key.port) &&
			 port <= lbdr_service_last(&service->key))
			return service;
	}
	return any;
}

static __always_inline struct lbdr_service *
lbdr_service_of_key(struct lbdr_net *ln, const struct lbdr_service_key *key)
{
	struct lbdr_service *service;

	service = rhashtable_lookup(&ln->services, key, lbdr_service_params);
	if (likely(service && lbdr_service_seen(service)))
		return service;
	return READ_ONCE(ln->n_wide) && !lbdr_service_key_marked(key) ?
	       lbdr_service_of_range(ln, key) : NULL;
}

/* A service of the VRF that @key names, while there may be one. */
static noinline struct lbdr_service *
lbdr_service_of_domain(struct lbdr_net *ln, const struct lbdr_service_key *key)
{
	return READ_ONCE(ln->domains.n_bound) ? lbdr_service_of_key(ln, key) :
						NULL;
}

/* A service bound to the packet's VRF comes before one without a VRF. */
static __always_inline struct lbdr_service *
lbdr_service_lookup(struct lbdr_net *ln, struct lbdr_service_key *key)
{
	struct lbdr_service *service;

	if (unlikely(key->domain)) {
		service = lbdr_service_of_domain(ln, key);
		if (service)
			return service;
		key->domain = 0;
	}
	return lbdr_service_of_key(ln, key);
}

/**
 * lbdr_service_of_flow() - the service that a packet is for
 * @ln: the namespace
 * @flow: of the packet
 *
 * Context: rcu_read_lock() held.
 * Return: the service or NULL.
 */
struct lbdr_service *lbdr_service_of_flow(struct lbdr_net *ln,
					  const struct lbdr_flow *flow)
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
 * lbdr_service_of_mark() - the service that a mark stands for
 * @ln: the namespace
 * @family: of the packet
 * @mark: not 0
 * @domain: L3 domain of the packet
 *
 * Context: rcu_read_lock() held.
 * Return: the service or NULL.
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

/**
 * lbdr_service_overlap() - whether two keys are ranges that have a port in common
 * @a: a key
 * @b: another one
 *
 * Context: any.
 */
bool lbdr_service_overlap(const struct lbdr_service_key *a,
			  const struct lbdr_service_key *b)
{
	return a->last_port && b->last_port &&
	       !memcmp(a, b, offsetof(struct lbdr_service_key, port)) &&
	       ntohs(a->port) <= lbdr_service_last(b) &&
	       ntohs(b->port) <= lbdr_service_last(a);
}

/**
 * lbdr_service_overlapping() - a service that has some of a range's ports
 * @ln: the namespace
 * @key: the range, or a key that is none
 * @stays: whether a service counts, NULL where all do
 * @data: handed to @stays
 *
 * Context: process, lbdr_net.lock held.
 * Return: the service or NULL.
 */
struct lbdr_service *
lbdr_service_overlapping(struct lbdr_net *ln, const struct lbdr_service_key *key,
		   bool (*stays)(const struct lbdr_service *service, void *data),
		   void *data)
{
	struct lbdr_service *service, *rival = NULL;
	struct rhlist_head *list, *at;

	lockdep_assert_held(&ln->lock);

	if (!key->last_port)
		return NULL;
	rcu_read_lock();
	list = rhltable_lookup(&ln->wide, key, lbdr_service_wide_params);
	rhl_for_each_entry_rcu(service, at, list, wide) {
		if (!lbdr_service_overlap(&service->key, key) ||
		    (stays && !stays(service, data)))
			continue;
		rival = service;
		break;
	}
	rcu_read_unlock();
	return rival;
}

/* Into the table that it is found by. */
static int lbdr_service_insert(struct lbdr_net *ln,
			       struct lbdr_service *service)
{
	enum lbdr_family family = service->key.family;
	int err;

	if (lbdr_service_key_wide(&service->key)) {
		err = rhltable_insert(&ln->wide, &service->wide,
				      lbdr_service_wide_params);
		if (!err)
			WRITE_ONCE(ln->n_wide, ln->n_wide + 1);
		return err;
	}
	err = rhashtable_lookup_insert_fast(&ln->services, &service->node,
					    lbdr_service_params);
	if (err || !lbdr_service_key_marked(&service->key))
		return err;
	if (!ln->n_marked[family])
		err = lbdr_hook_register_marked(ln, family);
	if (err)
		rhashtable_remove_fast(&ln->services, &service->node,
				       lbdr_service_params);
	else
		ln->n_marked[family]++;
	return err;
}

static void lbdr_service_remove(struct lbdr_net *ln,
				struct lbdr_service *service)
{
	enum lbdr_family family = service->key.family;

	if (lbdr_service_key_wide(&service->key)) {
		rhltable_remove(&ln->wide, &service->wide,
				lbdr_service_wide_params);
		WRITE_ONCE(ln->n_wide, ln->n_wide - 1);
		return;
	}
	rhashtable_remove_fast(&ln->services, &service->node,
			       lbdr_service_params);
	if (lbdr_service_key_marked(&service->key) && !--ln->n_marked[family])
		lbdr_hook_unregister_marked(ln, family);
}

/**
 * lbdr_service_open() - what a scheduler wants to remember begins here
 * @sched: the scheduler
 * @memory: set, to NULL where it wants nothing
 *
 * Context: process.
 * Return: 0 or -ENOMEM.
 */
int lbdr_service_open(const struct lbdr_sched *sched, void **memory)
{
	*memory = NULL;
	if (!sched->ops->open)
		return 0;
	*memory = sched->ops->open();
	return *memory ? 0 : -ENOMEM;
}

/**
 * lbdr_service_close() - and is forgotten
 * @sched: the scheduler
 * @memory: what it remembered, may be NULL
 *
 * Context: process.
 */
void lbdr_service_close(const struct lbdr_sched *sched, void *memory)
{
	if (memory)
		sched->ops->close(memory);
}

/**
 * lbdr_service_make() - a service that nobody knows of
 * @key: all its bytes count, unused ones are 0
 *
 * Context: process.
 * Return: the service, to be freed by kfree_rcu(), or NULL.
 */
struct lbdr_service *lbdr_service_make(const struct lbdr_service_key *key)
{
	struct lbdr_service *service;

	service = kzalloc(sizeof(*service), GFP_KERNEL_ACCOUNT);
	if (!service)
		return NULL;
	service->key = *key;
	INIT_LIST_HEAD(&service->stale);
	INIT_LIST_HEAD(&service->servers);
	return service;
}

/**
 * lbdr_service_arrive() - all that can fail before packets find a service
 * @ln: the namespace
 * @service: in no table yet, without a pool
 *
 * The first service of a family brings the hooks with it.
 *
 * Context: process, lbdr_net.lock held until lbdr_service_enter() or
 * lbdr_service_depart() is called.
 * Return: 0, -EEXIST, -ENOMEM, or what registering a hook may say.
 */
int lbdr_service_arrive(struct lbdr_net *ln, struct lbdr_service *service)
{
	enum lbdr_family family = service->key.family;
	int err;

	lockdep_assert_held(&ln->lock);

	err = lbdr_service_insert(ln, service);
	if (err)
		return err;
	if (!ln->n_services[family]) {
		err = lbdr_hook_register(ln, family);
		if (err) {
			lbdr_service_remove(ln, service);
			return err;
		}
	}
	ln->n_services[family]++;
	return 0;
}

/**
 * lbdr_service_depart() - take lbdr_service_arrive() back, or a service away
 * @ln: the namespace
 * @service: to be freed after a grace period
 *
 * The last service of a family takes the hooks with it.
 *
 * Context: process, lbdr_net.lock held.
 */
void lbdr_service_depart(struct lbdr_net *ln, struct lbdr_service *service)
{
	enum lbdr_family family = service->key.family;

	lockdep_assert_held(&ln->lock);

	lbdr_service_remove(ln, service);
	if (!--ln->n_services[family])
		lbdr_hook_unregister(ln, family);
}

/**
 * lbdr_service_enter() - packets find a service from now on
 * @ln: the namespace
 * @service: has arrived
 * @pool: its first one
 *
 * Context: process, lbdr_net.lock held.
 */
void lbdr_service_enter(struct lbdr_net *ln, struct lbdr_service *service,
			struct lbdr_pool *pool)
{
	lockdep_assert_held(&ln->lock);

	list_add_tail(&service->list, &ln->service_list);
	lbdr_pool_publish(ln, service, pool);
	if (!lbdr_service_key_marked(&service->key))
		set_bit(lbdr_vip_hash(&service->key),
			ln->vips[service->key.family]);
	lbdr_device_disable_lro(ln);
	ln->generation++;
}

/**
 * lbdr_service_add() - a new virtual service, without servers
 * @ln: the namespace
 * @key: all its bytes count, unused ones are 0
 * @sched: its scheduler
 * @settings: what it is to be like
 *
 * Context: process, lbdr_net.lock held.
 * Return: the service, or ERR_PTR of -EEXIST, -ENOTUNIQ where another service
 * has some of its range of ports, -ENOMEM, or what registering a hook may say.
 */
struct lbdr_service *
lbdr_service_add(struct lbdr_net *ln, const struct lbdr_service_key *key,
		 const struct lbdr_sched *sched,
		 const struct lbdr_service_settings *settings)
{
	struct lbdr_service *service;
	struct lbdr_pool *pool;
	int err;

	lockdep_assert_held(&ln->lock);

	if (lbdr_service_find(ln, key))
		return ERR_PTR(-EEXIST);
	if (lbdr_service_overlapping(ln, key, NULL, NULL))
		return ERR_PTR(-ENOTUNIQ);
	service = lbdr_service_make(key);
	if (!service)
		return ERR_PTR(-ENOMEM);
	service->sched = *sched;
	service->settings = *settings;
	err = lbdr_service_open(&service->sched, &service->memory);
	if (err)
		goto err_open;
	pool = lbdr_pool_build(service, sched, service->memory);
	if (IS_ERR(pool)) {
		err = PTR_ERR(pool);
		goto err_pool;
	}
	err = lbdr_service_arrive(ln, service);
	if (err)
		goto err_arrive;
	lbdr_service_enter(ln, service, pool);
	return service;

err_arrive:
	lbdr_pool_free_rcu(pool);
err_pool:
	lbdr_service_close(&service->sched, service->memory);
err_open:
	kfree_rcu(service, rcu);
	return ERR_PTR(err);
}

/**
 * lbdr_service_set_sched() - another scheduler for new connections
 * @ln: the namespace
 * @service: the service
 * @sched: may be the one that it has
 *
 * Context: process, lbdr_net.lock held.
 * Return: 0, or -ENOMEM and nothing is changed.
 */
int lbdr_service_set_sched(struct lbdr_net *ln, struct lbdr_service *service,
			   const struct lbdr_sched *sched)
{
	struct lbdr_sched old = service->sched;
	void *old_memory = service->memory;
	void *memory = old_memory;
	struct lbdr_pool *pool;
	int err;

	lockdep_assert_held(&ln->lock);

	if (sched->ops != old.ops) {
		err = lbdr_service_open(sched, &memory);
		if (err)
			return err;
	}
	pool = lbdr_pool_build(service, sched, memory);
	if (IS_ERR(pool)) {
		if (memory != old_memory)
			lbdr_service_close(sched, memory);
		return PTR_ERR(pool);
	}
	service->sched = *sched;
	service->memory = memory;
	lbdr_pool_publish(ln, service, pool);
	list_del_init(&service->stale);
	if (memory != old_memory)
		lbdr_service_close(&old, old_memory);
	ln->generation++;
	return 0;
}
EXPORT_SYMBOL_FOR_KUNIT(lbdr_service_set_sched);

/**
 * lbdr_service_set() - change what a service is like
 * @ln: the namespace
 * @service: the service
 * @settings: all of them
 *
 * Packets read each word for itself; no two of them have to agree. What
 * persistence remembers by another prefix than the new one idles out.
 *
 * Context: process, lbdr_net.lock held.
 */
void lbdr_service_set(struct lbdr_net *ln, struct lbdr_service *service,
		      const struct lbdr_service_settings *settings)
{
	struct lbdr_service_settings *mine = &service->settings;
	u32 state;

	lockdep_assert_held(&ln->lock);

	WRITE_ONCE(mine->refuse, settings->refuse);
	WRITE_ONCE(mine->stray, settings->stray);
	WRITE_ONCE(mine->prefix, settings->prefix);
	WRITE_ONCE(mine->flags, settings->flags);
	WRITE_ONCE(mine->persist, settings->persist);
	for (state = 0; state < LBDR_CONN_STATES; state++)
		WRITE_ONCE(mine->timeout[state], settings->timeout[state]);
	ln->generation++;
}

/**
 * lbdr_service_leave() - remove a service and its servers
 * @ln: the namespace
 * @service: not to be used after this
 *
 * Its connections end: the next packet of each is the stack's to answer. What is
 * left to be done after one, or after many, is lbdr_service_prune_vips().
 *
 * Context: process, lbdr_net.lock held.
 */
void lbdr_service_leave(struct lbdr_net *ln, struct lbdr_service *service)
{
	struct lbdr_server *server, *next;

	lockdep_assert_held(&ln->lock);

	/* 1. Not found any more; packets that have found it go on with it. */
	list_del(&service->list);
	lbdr_service_depart(ln, service);

	/* 2. Its servers are dead, and with them their connections. */
	list_for_each_entry_safe(server, next, &service->servers, list)
		lbdr_server_retire(service, server);

	/* 3. Pool and service go with the last packet that has found them. */
	list_del(&service->stale);
	lbdr_pool_free_rcu(rcu_dereference_protected(service->pool,
						     lockdep_is_held(&ln->lock)));
	lbdr_service_close(&service->sched, service->memory);
	kfree_rcu(service, rcu);
	ln->generation++;
}

/**
 * lbdr_service_del() - remove one service and its servers
 * @ln: the namespace
 * @service: not to be used after this
 *
 * Context: process, lbdr_net.lock held.
 */
void lbdr_service_del(struct lbdr_net *ln, struct lbdr_service *service)
{
	enum lbdr_family family = service->key.family;

	lbdr_service_leave(ln, service);
	lbdr_service_prune_vips(ln, family);
}

/**
 * lbdr_service_clear() - remove all services
 * @ln: the namespace
 * @tell: called for each while it is there, NULL where nobody wants to know
 * @data: handed to @tell
 *
 * Context: process, lbdr_net.lock held.
 */
void lbdr_service_clear(struct lbdr_net *ln,
			void (*tell)(const struct lbdr_service *service,
				     void *data), void *data)
{
	struct lbdr_service *service, *next;
	enum lbdr_family family;

	list_for_each_entry_safe(service, next, &ln->service_list, list) {
		if (tell)
			tell(service, data);
		lbdr_service_leave(ln, service);
	}
	for (family = 0; family < LBDR_FAMILIES; family++)
		lbdr_service_prune_vips(ln, family);
}

/**
 * lbdr_service_counts() - what a service's servers have got, all together
 * @service: the service
 * @sum: filled in
 *
 * Context: lbdr_net.lock held.
 */
void lbdr_service_counts(const struct lbdr_service *service,
			 struct lbdr_counts *sum)
{
	const struct lbdr_server *server;
	struct lbdr_counts counts;

	*sum = service->folded;
	list_for_each_entry(server, &service->servers, list) {
		lbdr_server_counts(server, &counts);
		sum->conns += counts.conns;
		sum->packets += counts.packets;
		sum->bytes += counts.bytes;
	}
}

/**
 * lbdr_service_zero() - set the counters of a service and its servers to 0
 * @ln: the namespace
 * @service: the service
 *
 * The counters themselves only grow, since packets write them without a lock:
 * what they are now is remembered and subtracted from then on.
 *
 * Context: lbdr_net.lock held.
 */
void lbdr_service_zero(struct lbdr_net *ln, struct lbdr_service *service)
{
	struct lbdr_server *server;

	lockdep_assert_held(&ln->lock);

	memset(&service->folded, 0, sizeof(service->folded));
	list_for_each_entry(server, &service->servers, list)
		lbdr_stats_sum(server->stats, &server->zero);
}
