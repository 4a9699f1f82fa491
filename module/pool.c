// SPDX-License-Identifier: GPL-2.0
/*
 * The pool: the immutable snapshot of a service's servers that schedulers read.
 *
 * Every change of a service's servers, weights or scheduler builds a new pool
 * under lbdr_net.lock, publishes it by RCU and frees the old one after a grace
 * period, with its references to the servers. A packet therefore sees the old
 * set or the new one, with the scheduler's tables that belong to it, and never
 * a mixture.
 *
 * Building takes time: mh's table has 65,537 slots. Where more changes follow at
 * once (lbdr_net.hold), the pool waits for the last of them, and the service is
 * stale until then. Nothing wrong comes of a stale pool: a server that was
 * removed or quiesced is not open, and no scheduler chooses it; a new server or
 * weight counts from the last change of the batch on. Should the last one never
 * come, the work item builds the pool.
 */
#define pr_fmt(fmt) KBUILD_MODNAME ": " fmt

#include <linux/mm.h>

#include "flow.h"
#include "lbdr.h"
#include "pool.h"
#include "sched.h"
#include "server.h"
#include "service.h"

/* How long a pool waits for the last change of a batch, at most */
#define FRESHEN_DELAY	(HZ / 50 ?: 1)

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

	if (pool->n && pool->sched.ops->pool_exit)
		pool->sched.ops->pool_exit(pool);
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
 * lbdr_pool_make() - make a pool of servers
 * @service: whose they are, or will be
 * @sched: the scheduler that will read it
 * @memory: what that has opened for the service, or NULL
 * @servers: all servers of the service with the weights that they are to have
 * @n: how many
 *
 * Context: process, lbdr_net.lock held.
 * Return: the pool, or ERR_PTR(-ENOMEM).
 */
struct lbdr_pool *lbdr_pool_make(struct lbdr_service *service,
				 const struct lbdr_sched *sched, void *memory,
				 const struct lbdr_pool_entry *servers, u32 n)
{
	const struct lbdr_pool_config config = {
		.service = service,
		.servers = servers,
		.n	 = n,
	};
	struct lbdr_pool *pool;
	int err;
	u32 i;

	pool = kvzalloc(struct_size(pool, entries, n), GFP_KERNEL_ACCOUNT);
	if (!pool)
		return ERR_PTR(-ENOMEM);
	pool->sched = *sched;
	pool->state = memory;
	pool->cursor = &service->cursor;
	for (i = 0; i < n; i++) {
		if (!servers[i].weight)
			continue;
		lbdr_server_get(servers[i].server);
		pool->entries[pool->n++] = servers[i];
	}

	if (pool->n && sched->ops->pool_init) {
		err = sched->ops->pool_init(pool, &config);
		if (err) {
			lbdr_pool_free(pool);
			return ERR_PTR(err);
		}
	}
	return pool;
}

/**
 * lbdr_pool_build() - make a pool of a service's servers as they are now
 * @service: the service
 * @sched: the scheduler that will read it
 * @memory: what that has opened for the service, or NULL
 *
 * Context: process, lbdr_net.lock held.
 * Return: the pool, or ERR_PTR(-ENOMEM).
 */
struct lbdr_pool *lbdr_pool_build(struct lbdr_service *service,
				  const struct lbdr_sched *sched, void *memory)
{
	struct lbdr_pool_entry *servers;
	struct lbdr_server *server;
	struct lbdr_pool *pool;
	u32 n = 0;

	servers = kvmalloc_array(service->n_servers, sizeof(*servers),
				 GFP_KERNEL);
	if (!servers)
		return ERR_PTR(-ENOMEM);
	list_for_each_entry(server, &service->servers, list) {
		servers[n].server = server;
		servers[n++].weight = server->draining ? 0 : server->weight;
	}
	pool = lbdr_pool_make(service, sched, memory, servers, n);
	kvfree(servers);
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

static int lbdr_pool_rebuild(struct lbdr_net *ln, struct lbdr_service *service)
{
	struct lbdr_pool *pool;

	pool = lbdr_pool_build(service, &service->sched, service->memory);
	if (IS_ERR(pool))
		return PTR_ERR(pool);
	lbdr_pool_publish(ln, service, pool);
	list_del_init(&service->stale);
	return 0;
}

/**
 * lbdr_pool_renew() - a service's servers have changed
 * @ln: the namespace
 * @service: the service
 *
 * Builds and publishes a new pool, or sees to it that this is done after the
 * last change of a batch.
 *
 * Context: process, lbdr_net.lock held.
 * Return: 0, or -ENOMEM and the old pool is still there.
 */
int lbdr_pool_renew(struct lbdr_net *ln, struct lbdr_service *service)
{
	lockdep_assert_held(&ln->lock);

	if (!ln->hold)
		return lbdr_pool_rebuild(ln, service);
	if (list_empty(&service->stale))
		list_add_tail(&service->stale, &ln->stale);
	queue_delayed_work(system_power_efficient_wq, &ln->freshen,
			   FRESHEN_DELAY);
	return 0;
}

/**
 * lbdr_pool_freshen() - build the pools that wait
 * @ln: the namespace
 *
 * One that there is no memory for waits on, and is tried again a second later.
 *
 * Context: process, lbdr_net.lock held.
 */
void lbdr_pool_freshen(struct lbdr_net *ln)
{
	struct lbdr_service *service, *next;

	lockdep_assert_held(&ln->lock);

	list_for_each_entry_safe(service, next, &ln->stale, stale) {
		if (!lbdr_pool_rebuild(ln, service))
			continue;
		pr_warn_ratelimited("no memory for a scheduler's table: new servers and weights do not count yet\n");
		mod_delayed_work(system_power_efficient_wq, &ln->freshen, HZ);
		return;
	}
}

static void lbdr_pool_freshen_work(struct work_struct *work)
{
	struct lbdr_net *ln = container_of(to_delayed_work(work),
					   struct lbdr_net, freshen);

	mutex_lock(&ln->lock);
	lbdr_pool_freshen(ln);
	mutex_unlock(&ln->lock);
}

/**
 * lbdr_pool_init() - a namespace has no stale pools yet
 * @ln: the namespace
 *
 * Context: process.
 */
void lbdr_pool_init(struct lbdr_net *ln)
{
	INIT_LIST_HEAD(&ln->stale);
	INIT_DELAYED_WORK(&ln->freshen, lbdr_pool_freshen_work);
}

/**
 * lbdr_pool_exit() - a namespace will have no pools any more
 * @ln: the namespace, without services
 *
 * Context: process.
 */
void lbdr_pool_exit(struct lbdr_net *ln)
{
	cancel_delayed_work_sync(&ln->freshen);
}

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
	return pool->sched.ops->pick(pool, flow);
}
EXPORT_SYMBOL_FOR_KUNIT(lbdr_pool_pick);

/**
 * lbdr_pool_peek() - the server that lbdr_pool_pick() would choose
 * @service: the service
 * @flow: of a connection's first packet
 * @first: set to the server that the choice fell on first and that is passed over
 *	if it is not open, or to NULL where the scheduler knows no such one
 *
 * Nothing is changed by it, and nobody can tell that it was asked.
 *
 * Context: rcu_read_lock() held, BH off.
 * Return: a server, or NULL when there is none to take it.
 */
struct lbdr_server *lbdr_pool_peek(const struct lbdr_service *service,
				   const struct lbdr_flow *flow,
				   struct lbdr_server **first)
{
	const struct lbdr_pool *pool = rcu_dereference(service->pool);

	*first = NULL;
	if (!pool->n)
		return NULL;
	return pool->sched.ops->peek ?
	       pool->sched.ops->peek(pool, flow, first) :
	       pool->sched.ops->pick(pool, flow);
}
EXPORT_SYMBOL_FOR_KUNIT(lbdr_pool_peek);
