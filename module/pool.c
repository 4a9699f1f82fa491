// SPDX-License-Identifier: GPL-2.0
/*
 * The pool: the immutable snapshot of a service's servers that schedulers read.
 *
 * A change of a service's servers, weights or scheduler builds a new pool under
 * lbdr_net.config, publishes it by RCU under lbdr_net.lock and frees the old one
 * after a grace period, with its references to the servers. So a packet sees the
 * old set of servers or the new one, with the tables of the scheduler that belong
 * to it, and never a mixture.
 *
 * Building takes time in proportion to the number of servers. When a large
 * service changes by many single commands, not each of them builds a pool: if the
 * present one is younger than POOL_AGE, a work item builds the new one when it
 * has reached that age. Until then the present pool is stale, which is harmless:
 * a server that was removed or quiesced is not open, so no scheduler chooses it;
 * a new server or weight takes effect with the new pool. Transactions of several
 * commands always build each pool once, at commit.
 *
 * POOL_AGE is little for a scheduler whose table takes tens of milliseconds to build, as
 * mh's of thousands of servers. So the age also is POOL_SHARE times what the present pool
 * took: building the pools of a service takes a small share of a CPU, whatever the
 * scheduler, the number of servers and the machine. The work item releases lbdr_net.config
 * after each pool, so that a command waits for one at most.
 */
#define pr_fmt(fmt) KBUILD_MODNAME ": " fmt

#include <linux/mm.h>

#include "flow.h"
#include "lbdr.h"
#include "limit.h"
#include "pool.h"
#include "reach.h"
#include "sched.h"
#include "server.h"
#include "service.h"

/* Age at which the pool of a large service may be replaced by a command: at least, ... */
#define POOL_AGE	(HZ / 50 ?: 1)

/* ... in times of what it took to build it, and at most */
#define POOL_SHARE	32
#define POOL_AGE_MAX	HZ

/* Number of servers up to which every command builds the pool at once */
#define POOL_SMALL	256

static void lbdr_pool_free(struct lbdr_pool *pool)
{
	u32 i;

	for (i = 0; i < pool->n; i++)
		lbdr_server_put(pool->entries[i].server);
	kvfree(pool);
}

static void lbdr_pool_reclaim(struct lbdr_reclaim *reclaim)
{
	struct lbdr_pool *pool = container_of(reclaim, struct lbdr_pool, reclaim);

	if (pool->n && pool->sched.ops->pool_exit)
		pool->sched.ops->pool_exit(pool);
	lbdr_pool_free(pool);
}

/**
 * lbdr_pool_free_rcu() - Free a pool after the last packet that may see it
 * @pool: no longer published
 *
 * Context: any.
 */
void lbdr_pool_free_rcu(struct lbdr_pool *pool)
{
	lbdr_reclaim(&pool->reclaim, lbdr_pool_reclaim);
}
EXPORT_SYMBOL_FOR_KUNIT(lbdr_pool_free_rcu);

/**
 * lbdr_pool_make() - Build a pool
 * @service: the service
 * @sched: the scheduler that will read it
 * @state: state of that scheduler for the service, or NULL
 * @servers: all servers of the service with the weights that they are to have,
 *	0 for those that drain, are held or are skipped
 * @n: number of @servers
 *
 * Context: process, may sleep; lbdr_net.config held.
 * Return: the pool, or ERR_PTR(-ENOMEM).
 */
struct lbdr_pool *lbdr_pool_make(struct lbdr_service *service,
				 const struct lbdr_sched *sched, void *state,
				 const struct lbdr_pool_entry *servers, u32 n)
{
	const struct lbdr_pool_config config = {
		.service = service,
		.servers = servers,
		.n	 = n,
	};
	ktime_t begun = ktime_get();
	struct lbdr_pool *pool;
	int err;
	u32 i;

	pool = kvzalloc(struct_size(pool, entries, n), GFP_KERNEL_ACCOUNT);
	if (!pool)
		return ERR_PTR(-ENOMEM);
	pool->sched = *sched;
	pool->state = state;
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
	pool->cost = nsecs_to_jiffies(ktime_to_ns(ktime_sub(ktime_get(), begun)) *
				      POOL_SHARE);
	return pool;
}
EXPORT_SYMBOL_FOR_KUNIT(lbdr_pool_make);

/**
 * lbdr_pool_weight() - Get the weight of a server for its scheduler
 * @server: the server
 *
 * Context: process, lbdr_net.config held.
 */
u32 lbdr_pool_weight(const struct lbdr_server *server)
{
	return server->draining || server->held || lbdr_reach_skips(server) ?
	       0 : server->weight;
}

/* The next entry of @servers with a weight, from @i on; @n if there is none. */
static u32 lbdr_pool_next_weighted(const struct lbdr_pool_entry *servers, u32 n,
				   u32 i)
{
	while (i < n && !servers[i].weight)
		i++;
	return i;
}

/**
 * lbdr_pool_is_current() - Check whether a service's pool matches its servers
 * @service: the service
 * @servers: all its servers with the weights that they are to have
 * @n: number of @servers
 *
 * Context: process, lbdr_net.config held.
 */
bool lbdr_pool_is_current(const struct lbdr_service *service,
			  const struct lbdr_pool_entry *servers, u32 n)
{
	const struct lbdr_pool *pool =
		rcu_dereference_protected(service->pool, true);
	u32 i, at = lbdr_pool_next_weighted(servers, n, 0);

	if (pool->sched.ops->needs_weight0)
		return false;
	for (i = 0; i < pool->n; i++) {
		if (at == n || servers[at].server != pool->entries[i].server ||
		    servers[at].weight != pool->entries[i].weight)
			return false;
		at = lbdr_pool_next_weighted(servers, n, at + 1);
	}
	return at == n;
}

/**
 * lbdr_pool_may_wait() - Check whether a pool may be left to the work item
 * @service: the service
 *
 * A pool without servers is replaced at once: clients would be refused meanwhile.
 *
 * Context: process, lbdr_net.config held.
 */
bool lbdr_pool_may_wait(const struct lbdr_service *service)
{
	const struct lbdr_pool *pool =
		rcu_dereference_protected(service->pool, true);

	return pool->n && service->n_servers > POOL_SMALL &&
	       lbdr_left(service->pool_due, POOL_AGE_MAX);
}

/* The time when the work item may build the pool of a service. */
static unsigned long lbdr_pool_due(const struct lbdr_service *service)
{
	return jiffies + (lbdr_left(service->pool_due, POOL_AGE_MAX) ?: POOL_AGE);
}

/* Queues the work item for a time that is not in the past. */
static void lbdr_pool_queue(struct lbdr_net *ln, unsigned long due)
{
	ln->pool_next = due;
	mod_delayed_work(lbdr_wq_of(ln), &ln->pool_work, max_t(long, due - jiffies, 0));
}

/**
 * lbdr_pool_wait() - Queue the pool of a service for the work item
 * @ln: the namespace
 * @service: the service
 *
 * Context: process, lbdr_net.config held.
 */
void lbdr_pool_wait(struct lbdr_net *ln, struct lbdr_service *service)
{
	unsigned long due = lbdr_pool_due(service);
	bool first;

	lockdep_assert_held(&ln->config);

	if (!list_empty(&service->stale))
		return;
	first = list_empty(&ln->stale);
	list_add_tail(&service->stale, &ln->stale);
	if (first || time_before(due, ln->pool_next))
		lbdr_pool_queue(ln, due);
}

/**
 * lbdr_pool_publish() - Replace the pool of a service
 * @ln: the namespace
 * @service: the service
 * @pool: the new pool
 *
 * Context: process, lbdr_net.config and lbdr_net.lock held.
 */
void lbdr_pool_publish(struct lbdr_net *ln, struct lbdr_service *service,
		       struct lbdr_pool *pool)
{
	struct lbdr_pool *old;

	list_del_init(&service->stale);
	service->pool_due = jiffies + clamp_t(unsigned long, pool->cost, POOL_AGE,
						POOL_AGE_MAX);
	old = rcu_replace_pointer(service->pool, pool,
				  lockdep_is_held(&ln->lock));
	if (old)
		lbdr_pool_free_rcu(old);
	lbdr_reach_update(ln, service);
}
EXPORT_SYMBOL_FOR_KUNIT(lbdr_pool_publish);

/* A pool of a service's servers as they are. */
static struct lbdr_pool *lbdr_pool_rebuild(struct lbdr_service *service)
{
	struct lbdr_pool_entry *servers;
	struct lbdr_server *server;
	struct lbdr_pool *pool;
	u32 n = 0;

	servers = kvmalloc_array(service->n_servers ?: 1, sizeof(*servers),
				 GFP_KERNEL);
	if (!servers)
		return ERR_PTR(-ENOMEM);
	list_for_each_entry(server, &service->servers, list) {
		servers[n].server = server;
		servers[n++].weight = lbdr_pool_weight(server);
	}
	pool = lbdr_pool_make(service, &service->sched, service->sched_state,
			      servers, n);
	kvfree(servers);
	return pool;
}

/**
 * lbdr_pool_update() - Build and publish the pool of a service again
 * @ln: the namespace
 * @service: the service
 *
 * Leaves it to the work item if the pool may wait, or without memory.
 *
 * Context: process, lbdr_net.config held.
 */
void lbdr_pool_update(struct lbdr_net *ln, struct lbdr_service *service)
{
	struct lbdr_pool *pool = NULL;

	if (!lbdr_pool_may_wait(service))
		pool = lbdr_pool_rebuild(service);
	if (IS_ERR_OR_NULL(pool)) {
		lbdr_pool_wait(ln, service);
		return;
	}
	lbdr_lock(ln);
	lbdr_pool_publish(ln, service, pool);
	lbdr_unlock(ln);
}

/* Finds a pool that the work item may build now, or sets @wait to the jiffies until one. */
static struct lbdr_service *lbdr_pool_find_due(struct lbdr_net *ln, unsigned long *wait)
{
	struct lbdr_service *service;
	unsigned long left;

	*wait = POOL_AGE_MAX;
	list_for_each_entry(service, &ln->stale, stale) {
		left = lbdr_left(service->pool_due, POOL_AGE_MAX);
		if (!left)
			return service;
		*wait = min(*wait, left);
	}
	return NULL;
}

static void lbdr_pool_work(struct work_struct *work)
{
	struct lbdr_net *ln = container_of(to_delayed_work(work),
					   struct lbdr_net, pool_work);
	struct mem_cgroup *old = lbdr_limit_charge_begin(ln);
	struct lbdr_service *service;
	struct lbdr_pool *pool;
	unsigned long wait;

	mutex_lock(&ln->config);
	while ((service = lbdr_pool_find_due(ln, &wait))) {
		pool = lbdr_pool_rebuild(service);
		if (IS_ERR(pool)) {
			/* Users must not fill the log. */
			if (!ln->user)
				pr_warn_ratelimited("no memory for a scheduler's table: new servers and weights take effect later\n");
			wait = HZ;
			break;
		}
		lbdr_lock(ln);
		lbdr_pool_publish(ln, service, pool);
		lbdr_unlock(ln);
		/* Commands proceed. */
		mutex_unlock(&ln->config);
		cond_resched();
		mutex_lock(&ln->config);
	}
	if (!list_empty(&ln->stale))
		lbdr_pool_queue(ln, jiffies + wait);
	mutex_unlock(&ln->config);
	lbdr_limit_charge_end(old);
}

/**
 * lbdr_pool_net_init() - Prepare a namespace
 * @ln: the namespace
 *
 * Context: process.
 */
void lbdr_pool_net_init(struct lbdr_net *ln)
{
	INIT_LIST_HEAD(&ln->stale);
	INIT_DELAYED_WORK(&ln->pool_work, lbdr_pool_work);
}

/**
 * lbdr_pool_net_exit() - Stop the work item of a namespace
 * @ln: the namespace, without services
 *
 * Context: process, lbdr_net.config not held.
 */
void lbdr_pool_net_exit(struct lbdr_net *ln)
{
	cancel_delayed_work_sync(&ln->pool_work);
}

/**
 * lbdr_pool_peek() - Get the server that lbdr_pool_pick() would choose
 * @service: the service
 * @flow: of a connection's first packet
 * @first: set to the server that the scheduler chose before it checked whether
 *	that server is open; NULL if it has no such first choice
 *
 * Changes nothing.
 *
 * Context: rcu_read_lock() held, BH off.
 * Return: a server, or NULL if none takes new connections.
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
