// SPDX-License-Identifier: GPL-2.0
/*
 * The table of virtual services, and the filter of VIPs in front of it.
 *
 * Services are found by (family, protocol, VIP, port) under rcu_read_lock(),
 * and kept in a list in the order they were added for those who read them all
 * under lbdr_net.lock, which also serialises every change. A service is freed
 * a grace period after it was unlinked. Its connections are not touched then:
 * their servers are dead, so they are not found any more.
 */
#include <linux/mm.h>

#include "lbdr.h"
#include "sched.h"

static const struct rhashtable_params lbdr_service_params = {
	.head_offset		= offsetof(struct lbdr_service, node),
	.key_offset		= offsetof(struct lbdr_service, key),
	.key_len		= sizeof(struct lbdr_service_key),
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
	BUILD_BUG_ON(sizeof(struct lbdr_service_key) != 20);

	INIT_LIST_HEAD(&ln->service_list);
	return rhashtable_init(&ln->services, &lbdr_service_params);
}

/**
 * lbdr_service_table_exit() - free a namespace's table of services
 * @ln: the namespace, without services
 *
 * Context: process.
 */
void lbdr_service_table_exit(struct lbdr_net *ln)
{
	rhashtable_destroy(&ln->services);
}

static u32 lbdr_vip_hash(const struct lbdr_service_key *key)
{
	return key->family == LBDR_V4 ? lbdr_vip_hash4(key->addr.ip) :
					lbdr_vip_hash6(&key->addr.in6);
}

/* Clears the bit of @gone, unless another service's VIP has the same. */
static void lbdr_vip_clear(struct lbdr_net *ln, const struct lbdr_service *gone)
{
	const struct lbdr_service *service;
	u32 bit = lbdr_vip_hash(&gone->key);

	list_for_each_entry(service, &ln->service_list, list)
		if (service->key.family == gone->key.family &&
		    lbdr_vip_hash(&service->key) == bit)
			return;
	clear_bit(bit, ln->vips[gone->key.family]);
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
	return rhashtable_lookup_fast(&ln->services, key, lbdr_service_params);
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
	};

	if (flow->family == LBDR_V4) {
		key.addr.ip = flow->v4.vip;
		key.port = flow->v4.vport;
		key.protocol = flow->v4.protocol;
	} else {
		key.addr.in6 = flow->v6.vip;
		key.port = flow->v6.vport;
		key.protocol = flow->v6.protocol;
	}
	return lbdr_service_find(ln, &key);
}

/* What the scheduler wants to remember, if anything, begins here. */
static int lbdr_service_open(const struct lbdr_sched *sched, void **memory)
{
	*memory = NULL;
	if (!sched->ops->open)
		return 0;
	*memory = sched->ops->open();
	return *memory ? 0 : -ENOMEM;
}

static void lbdr_service_close(const struct lbdr_sched *sched, void *memory)
{
	if (memory)
		sched->ops->close(memory);
}

/**
 * lbdr_service_add() - a new virtual service, without servers
 * @ln: the namespace
 * @key: all its bytes count, unused ones are 0
 * @sched: its scheduler
 * @refuse: enum lbdr_refuse
 *
 * The first service of a family brings the hooks with it.
 *
 * Context: process, lbdr_net.lock held.
 * Return: the service, or ERR_PTR of -EEXIST, -ENOMEM, or what registering a
 * hook may say.
 */
struct lbdr_service *lbdr_service_add(struct lbdr_net *ln,
				      const struct lbdr_service_key *key,
				      const struct lbdr_sched *sched,
				      u8 refuse)
{
	struct lbdr_service *service;
	struct lbdr_pool *pool;
	int err;

	lockdep_assert_held(&ln->lock);

	service = kzalloc(sizeof(*service), GFP_KERNEL_ACCOUNT);
	if (!service)
		return ERR_PTR(-ENOMEM);
	service->key = *key;
	service->sched = *sched;
	service->refuse = refuse;
	INIT_LIST_HEAD(&service->stale);
	INIT_LIST_HEAD(&service->servers);
	err = lbdr_service_open(&service->sched, &service->memory);
	if (err)
		goto err_open;
	pool = lbdr_pool_build(service, sched, service->memory);
	if (IS_ERR(pool)) {
		err = PTR_ERR(pool);
		goto err_pool;
	}
	lbdr_pool_publish(ln, service, pool);

	err = rhashtable_lookup_insert_fast(&ln->services, &service->node,
					    lbdr_service_params);
	if (err)
		goto err_insert;
	if (!ln->n_services[key->family]) {
		err = lbdr_hook_register(ln, key->family);
		if (err)
			goto err_hook;
	}
	ln->n_services[key->family]++;
	list_add_tail(&service->list, &ln->service_list);
	set_bit(lbdr_vip_hash(key), ln->vips[key->family]);
	ln->generation++;
	return service;

err_hook:
	rhashtable_remove_fast(&ln->services, &service->node,
			       lbdr_service_params);
err_insert:
	lbdr_pool_free_rcu(pool);
	lbdr_service_close(&service->sched, service->memory);
	kfree_rcu(service, rcu);
	return ERR_PTR(err);
err_pool:
	lbdr_service_close(&service->sched, service->memory);
err_open:
	kfree(service);
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
 * lbdr_service_set_refuse() - what clients are told when no server takes them
 * @ln: the namespace
 * @service: the service
 * @refuse: enum lbdr_refuse
 *
 * Context: process, lbdr_net.lock held.
 */
void lbdr_service_set_refuse(struct lbdr_net *ln, struct lbdr_service *service,
			     u8 refuse)
{
	lockdep_assert_held(&ln->lock);

	WRITE_ONCE(service->refuse, refuse);
	ln->generation++;
}

/**
 * lbdr_service_del() - remove a service and its servers
 * @ln: the namespace
 * @service: not to be used after this
 *
 * Its connections end: the next packet of each is the stack's to answer. The
 * last service of a family takes the hooks with it.
 *
 * Context: process, lbdr_net.lock held.
 */
void lbdr_service_del(struct lbdr_net *ln, struct lbdr_service *service)
{
	enum lbdr_family family = service->key.family;
	struct lbdr_server *server, *next;

	lockdep_assert_held(&ln->lock);

	/* 1. Not found any more; packets that have found it go on with it. */
	list_del(&service->list);
	lbdr_vip_clear(ln, service);
	rhashtable_remove_fast(&ln->services, &service->node,
			       lbdr_service_params);
	if (!--ln->n_services[family])
		lbdr_hook_unregister(ln, family);

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
