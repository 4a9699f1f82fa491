// SPDX-License-Identifier: GPL-2.0
/*
 * The pool: the immutable snapshot of a service's servers that schedulers read.
 *
 * Every change of a service's servers, weights or scheduler builds a new pool
 * under lbdr_net.lock, publishes it by RCU and frees the old one after a grace
 * period, with its references to the servers. A packet therefore sees the old
 * set or the new one, with the scheduler's tables that belong to it, and never
 * a mixture.
 */
#include <linux/mm.h>

#include "lbdr.h"
#include "sched.h"

static void lbdr_pool_free(struct lbdr_pool *pool)
{
	u32 i;

	for (i = 0; i < pool->n; i++)
		lbdr_server_put(pool->entries[i].server);
	kvfree(pool);
}

static void lbdr_pool_free_cb(struct rcu_head *rcu)
{
	struct lbdr_pool *pool = container_of(rcu, struct lbdr_pool, rcu);

	if (pool->n && pool->sched->exit)
		pool->sched->exit(pool);
	lbdr_pool_free(pool);
}

/**
 * lbdr_pool_free_rcu() - free a pool after the last packet that may see it
 * @pool: one that is published nowhere any more
 *
 * Context: any.
 */
void lbdr_pool_free_rcu(struct lbdr_pool *pool)
{
	call_rcu(&pool->rcu, lbdr_pool_free_cb);
}
EXPORT_SYMBOL_FOR_KUNIT(lbdr_pool_free_rcu);

/**
 * lbdr_pool_build() - make a pool of a service's servers as they are now
 * @service: the service
 * @sched: the scheduler that will read it
 *
 * Context: process, lbdr_net.lock held.
 * Return: the pool, or ERR_PTR(-ENOMEM).
 */
struct lbdr_pool *lbdr_pool_build(struct lbdr_service *service,
				  const struct lbdr_sched_ops *sched)
{
	struct lbdr_server *server;
	struct lbdr_pool *pool;
	int err;

	pool = kvzalloc(struct_size(pool, entries, service->n_servers),
			GFP_KERNEL_ACCOUNT);
	if (!pool)
		return ERR_PTR(-ENOMEM);
	pool->sched = sched;
	pool->cursor = &service->cursor;
	list_for_each_entry(server, &service->servers, list) {
		if (!server->weight)
			continue;
		lbdr_server_get(server);
		pool->entries[pool->n].server = server;
		pool->entries[pool->n].weight = server->weight;
		pool->n++;
	}

	if (pool->n && sched->init) {
		err = sched->init(pool);
		if (err) {
			lbdr_pool_free(pool);
			return ERR_PTR(err);
		}
	}
	return pool;
}
EXPORT_SYMBOL_FOR_KUNIT(lbdr_pool_build);

/**
 * lbdr_pool_publish() - let packets see a service's new pool
 * @ln: the namespace
 * @service: the service
 * @pool: what lbdr_pool_build() made of it
 *
 * Context: process, lbdr_net.lock held.
 */
void lbdr_pool_publish(struct lbdr_net *ln, struct lbdr_service *service,
		       struct lbdr_pool *pool)
{
	struct lbdr_pool *old;

	old = rcu_replace_pointer(service->pool, pool,
				  lockdep_is_held(&ln->lock));
	if (old)
		lbdr_pool_free_rcu(old);
}
EXPORT_SYMBOL_FOR_KUNIT(lbdr_pool_publish);

/**
 * lbdr_pool_pick() - choose a server for a new connection
 * @service: the service
 * @flow: of the connection's first packet
 *
 * Context: rcu_read_lock() held, BH off.
 * Return: a server, or NULL when there is none to take it.
 */
struct lbdr_server *lbdr_pool_pick(const struct lbdr_service *service,
				   const struct lbdr_flow *flow)
{
	const struct lbdr_pool *pool = rcu_dereference(service->pool);

	if (unlikely(!pool->n))
		return NULL;
	return pool->sched->pick(pool, flow);
}
EXPORT_SYMBOL_FOR_KUNIT(lbdr_pool_pick);
