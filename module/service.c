// SPDX-License-Identifier: GPL-2.0
/*
 * Virtual services: their life, settings and counters.
 *
 * Packets read the tables (service_table.c) under rcu_read_lock(). A list has all services
 * in the order of adding. Only transactions change tables and list (config_commit.c),
 * under lbdr_net.config; what a reader under lbdr_net.lock can find changes under
 * that lock too. A service is freed a grace period after it was removed and its last
 * server was freed. Its connections are not touched when it is removed: their servers
 * are dead, so they are not found any more.
 *
 * A service is published when it gets its first pool, and keeps a pool from then
 * on. Before that it is linked: it is in the tables and its hooks are registered,
 * so that nothing can fail any more, and nobody finds it.
 */
#include <linux/mm.h>
#include <linux/module.h>

#include "device.h"
#include "flow.h"
#include "hold.h"
#include "hook.h"
#include "lbdr.h"
#include "limit.h"
#include "pool.h"
#include "reach.h"
#include "sched.h"
#include "server.h"
#include "service.h"
#include "stats.h"
#include "vip.h"

/* Counters that are read in one hold of lbdr_net.lock for a message of a dump */
#define COUNTS_MAX	16384

/* The last port of a service. */
static u16 lbdr_service_last(const struct lbdr_service_key *key)
{
	if (!key->port)
		return U16_MAX;
	return ntohs(key->last_port ?: key->port);
}

/**
 * lbdr_service_overlap() - Check whether two keys are ranges with a common port
 * @a: a key
 * @b: another key
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
EXPORT_SYMBOL_FOR_KUNIT(lbdr_service_overlap);

/**
 * lbdr_service_settings_equal() - Compare settings
 * @a: settings
 * @b: other settings
 *
 * Context: any.
 */
bool lbdr_service_settings_equal(const struct lbdr_service_settings *a,
				 const struct lbdr_service_settings *b)
{
	return a->refuse == b->refuse && a->stray == b->stray &&
	       a->prefix == b->prefix && a->flags == b->flags &&
	       a->opaque == b->opaque && a->persist == b->persist &&
	       !memcmp(a->timeout, b->timeout, sizeof(a->timeout));
}
EXPORT_SYMBOL_FOR_KUNIT(lbdr_service_settings_equal);

/**
 * lbdr_sched_equal() - Compare schedulers and their options
 * @a: a scheduler
 * @b: another one
 *
 * Context: any.
 */
bool lbdr_sched_equal(const struct lbdr_sched *a, const struct lbdr_sched *b)
{
	return a->ops == b->ops && a->flags == b->flags && a->size == b->size;
}
EXPORT_SYMBOL_FOR_KUNIT(lbdr_sched_equal);

/**
 * lbdr_sched_state_alloc() - Allocate a scheduler's state for a service
 * @ln: the namespace
 * @sched: the scheduler
 * @state: set; NULL if the scheduler has none
 *
 * Context: process, may sleep.
 * Return: 0 or -ENOMEM.
 */
int lbdr_sched_state_alloc(struct lbdr_net *ln, const struct lbdr_sched *sched,
			   void **state)
{
	*state = NULL;
	if (!sched->ops->state_alloc)
		return 0;
	*state = sched->ops->state_alloc(ln);
	return *state ? 0 : -ENOMEM;
}
EXPORT_SYMBOL_FOR_KUNIT(lbdr_sched_state_alloc);

/**
 * lbdr_sched_state_free() - Free a scheduler's state after a grace period
 * @sched: the scheduler
 * @state: may be NULL; no published pool has it
 *
 * Context: process.
 */
void lbdr_sched_state_free(const struct lbdr_sched *sched, void *state)
{
	if (state)
		sched->ops->state_free(state);
}
EXPORT_SYMBOL_FOR_KUNIT(lbdr_sched_state_free);

/**
 * lbdr_service_alloc() - Allocate a service that is linked nowhere
 * @ln: the namespace
 * @key: unused bytes are 0; the caller holds a reference to its L3 domain
 *
 * Context: process, may sleep.
 * Return: the service or NULL.
 */
struct lbdr_service *lbdr_service_alloc(struct lbdr_net *ln,
					const struct lbdr_service_key *key)
{
	struct lbdr_service *service;

	service = kzalloc(sizeof(*service), GFP_KERNEL_ACCOUNT);
	if (!service)
		return NULL;
	service->ln = ln;
	service->key = *key;
	refcount_set(&service->refs, 1);
	lbdr_domain_hold(ln, key->domain);
	INIT_LIST_HEAD(&service->added);
	INIT_LIST_HEAD(&service->stale);
	INIT_LIST_HEAD(&service->servers);
	INIT_LIST_HEAD(&service->hold);
	return service;
}
EXPORT_SYMBOL_FOR_KUNIT(lbdr_service_alloc);

/**
 * lbdr_service_put() - Drop a reference
 * @service: the service; freed a grace period after its last reference
 *
 * Context: any.
 */
void lbdr_service_put(struct lbdr_service *service)
{
	if (refcount_dec_and_test(&service->refs))
		kfree_rcu(service, rcu);
}

/**
 * lbdr_service_release() - Drop the references of the configuration to a service
 * @service: the service, never published or unpublished; packets may have found it
 *
 * Also drops the service's reference to its L3 domain.
 *
 * Context: process, may sleep.
 */
void lbdr_service_release(struct lbdr_service *service)
{
	lbdr_domain_put(service->ln, service->key.domain);
	lbdr_service_put(service);
}
EXPORT_SYMBOL_FOR_KUNIT(lbdr_service_release);

static bool lbdr_service_any(const struct lbdr_net *ln)
{
	return ln->n_services[LBDR_V4] || ln->n_services[LBDR_V6];
}

/*
 * The first service of a family registers the family's hooks. The first service of all
 * takes a reference to the module: it cannot be unloaded while it forwards packets.
 */
static int lbdr_service_require_hooks(struct lbdr_net *ln,
				      const struct lbdr_service *service)
{
	enum lbdr_family family = service->key.family;
	bool marked = lbdr_service_key_marked(&service->key);
	bool first = !lbdr_service_any(ln);
	int err;

	/* Fails if the module is being unloaded. */
	if (first && !try_module_get(THIS_MODULE))
		return -ESHUTDOWN;
	if (marked && !ln->n_marked[family]) {
		err = lbdr_hook_register_marked(ln, family);
		if (err)
			goto err_marked;
	}
	if (!ln->n_services[family]) {
		err = lbdr_hook_register(ln, family);
		if (err)
			goto err_hook;
	}
	WRITE_ONCE(ln->n_services[family], ln->n_services[family] + 1);
	WRITE_ONCE(ln->n_marked[family], ln->n_marked[family] + marked);
	return 0;

err_hook:
	if (marked && !ln->n_marked[family])
		lbdr_hook_unregister_marked(ln, family);
err_marked:
	if (first)
		module_put(THIS_MODULE);
	return err;
}

/**
 * lbdr_service_release_hooks() - Unregister the hooks that no service needs
 * @ln: the namespace
 * @service: a service that has just been unlinked or unpublished
 *
 * Without services the namespace holds no reference to the module. Module exit waits
 * for the caller: for commands when it unregisters the netlink family, for the exit of
 * a namespace when it unregisters the pernet operations, and for the work item that
 * removes held services in lbdr_drain_net_exit().
 *
 * Context: process, may sleep; lbdr_net.config held.
 */
void lbdr_service_release_hooks(struct lbdr_net *ln,
				const struct lbdr_service *service)
{
	enum lbdr_family family = service->key.family;

	lockdep_assert_held(&ln->config);

	WRITE_ONCE(ln->n_services[family], ln->n_services[family] - 1);
	if (!ln->n_services[family])
		lbdr_hook_unregister(ln, family);
	if (lbdr_service_key_marked(&service->key)) {
		WRITE_ONCE(ln->n_marked[family], ln->n_marked[family] - 1);
		if (!ln->n_marked[family])
			lbdr_hook_unregister_marked(ln, family);
	}
	if (!lbdr_service_any(ln))
		module_put(THIS_MODULE);
}

/**
 * lbdr_service_link() - Insert a service into the tables and register its hooks
 * @ln: the namespace
 * @service: a new service without a pool
 *
 * Context: process, may sleep; lbdr_net.config held.
 * Return: 0, -ENOMEM, -ESHUTDOWN if the module is being unloaded, or what registering a
 * hook returns.
 */
int lbdr_service_link(struct lbdr_net *ln, struct lbdr_service *service)
{
	int err;

	LBDR_KUNIT_STUB(lbdr_service_link, ln, service);
	lockdep_assert_held(&ln->config);

	lbdr_limit_find_memcg(ln);
	err = lbdr_service_insert(ln, service);
	if (err)
		return err;
	err = lbdr_service_require_hooks(ln, service);
	if (err)
		lbdr_service_remove(ln, service);
	return err;
}
EXPORT_SYMBOL_FOR_KUNIT(lbdr_service_link);

/**
 * lbdr_service_unlink() - Undo lbdr_service_link()
 * @ln: the namespace
 * @service: not published; to be freed after a grace period
 *
 * Context: process, may sleep; lbdr_net.config held.
 */
void lbdr_service_unlink(struct lbdr_net *ln, struct lbdr_service *service)
{
	lockdep_assert_held(&ln->config);

	lbdr_service_remove(ln, service);
	lbdr_service_release_hooks(ln, service);
}
EXPORT_SYMBOL_FOR_KUNIT(lbdr_service_unlink);

/**
 * lbdr_service_publish() - Make a service visible to packets and readers
 * @ln: the namespace
 * @service: linked, and lbdr_vips_reserve() was called for its VIP
 * @pool: its first pool
 *
 * Context: process, lbdr_net.config and lbdr_net.lock held.
 */
void lbdr_service_publish(struct lbdr_net *ln, struct lbdr_service *service,
			  struct lbdr_pool *pool)
{
	lockdep_assert_held(&ln->lock);

	/* With services, the events of devices do so. */
	if (list_empty(&ln->service_list))
		lbdr_device_disable_lro(ln);
	list_add_tail(&service->list, &ln->service_list);
	lbdr_pool_publish(ln, service, pool);
	lbdr_vips_add(ln, &service->key);
	service->generation = lbdr_changed(ln);
	ln->list_generation = service->generation;
}

/**
 * lbdr_service_unpublish() - Remove a service from the list and the tables
 * @ln: the namespace
 * @service: still has its pool, for packets that have found it
 *
 * lbdr_service_release_hooks(), lbdr_service_free() and, after one or many,
 * lbdr_vips_update() follow.
 *
 * Context: process, lbdr_net.config and lbdr_net.lock held.
 */
void lbdr_service_unpublish(struct lbdr_net *ln, struct lbdr_service *service)
{
	lockdep_assert_held(&ln->lock);

	lbdr_hold_service(service, 0);
	list_del(&service->list);
	list_del_init(&service->stale);
	lbdr_service_remove(ln, service);
	ln->list_generation = lbdr_changed(ln);
}

/**
 * lbdr_service_free() - Free a service after a grace period
 * @service: unpublished, its servers are dead
 *
 * Context: process.
 */
void lbdr_service_free(struct lbdr_service *service)
{
	/* Nobody publishes another pool any more. */
	lbdr_pool_free_rcu(rcu_dereference_protected(service->pool, true));
	lbdr_sched_state_free(&service->sched, service->sched_state);
	lbdr_service_release(service);
}

/**
 * lbdr_service_set() - Change the settings of a service
 * @service: the service
 * @settings: all its settings
 *
 * Packets read each word by itself; no two words have to agree. Persistence
 * templates made with another prefix idle out.
 *
 * Context: process, lbdr_net.lock held.
 */
void lbdr_service_set(struct lbdr_service *service,
		      const struct lbdr_service_settings *settings)
{
	struct lbdr_service_settings *to = &service->settings;
	u32 state;

	WRITE_ONCE(to->refuse, settings->refuse);
	WRITE_ONCE(to->stray, settings->stray);
	WRITE_ONCE(to->prefix, settings->prefix);
	WRITE_ONCE(to->flags, settings->flags);
	WRITE_ONCE(to->opaque, settings->opaque);
	WRITE_ONCE(to->persist, settings->persist);
	for (state = 0; state < LBDR_CONN_STATES; state++)
		WRITE_ONCE(to->timeout[state], settings->timeout[state]);
	lbdr_reach_update(service->ln, service);
}
EXPORT_SYMBOL_FOR_KUNIT(lbdr_service_set);

/**
 * lbdr_service_walk() - Get the service with which a walk continues
 * @ln: the namespace
 * @walk: the walk, all 0 to begin one
 *
 * The service of the last hold of the lock is used unless the configuration has changed:
 * counting from the front each time would take long with many services. After a change
 * a walk may miss a service or meet one twice.
 *
 * Context: process, lbdr_net.config or lbdr_net.lock held.
 * Return: the service, or NULL if the walk is complete.
 */
struct lbdr_service *lbdr_service_walk(const struct lbdr_net *ln,
				       struct lbdr_service_walk *walk)
{
	struct lbdr_service *service;
	u32 at = 0;

	lbdr_assert_stable(ln);

	if (walk->service && walk->n_changes == ln->n_changes)
		return walk->service;
	walk->n_changes = ln->n_changes;
	walk->service = NULL;
	list_for_each_entry(service, &ln->service_list, list) {
		if (at++ < walk->index)
			continue;
		walk->service = service;
		break;
	}
	return walk->service;
}
EXPORT_SYMBOL_LBDR(lbdr_service_walk);

/**
 * lbdr_service_walk_next() - Move a walk to the next service
 * @ln: the namespace
 * @walk: the walk, at a service that lbdr_service_walk() has just returned
 *
 * Context: process, the lock of lbdr_service_walk() held since.
 */
void lbdr_service_walk_next(const struct lbdr_net *ln, struct lbdr_service_walk *walk)
{
	lbdr_assert_stable(ln);
	walk->index++;
	walk->server = 0;
	walk->service = list_is_last(&walk->service->list, &ln->service_list) ?
			NULL : list_next_entry(walk->service, list);
}
EXPORT_SYMBOL_LBDR(lbdr_service_walk_next);

/**
 * lbdr_service_counts() - Get a service's counters, summed over its servers
 * @service: the service
 * @counts: filled in
 *
 * Context: lbdr_net.lock held.
 */
void lbdr_service_counts(const struct lbdr_service *service,
			 struct lbdr_counts *counts)
{
	const struct lbdr_server *server;
	struct lbdr_counts each;

	*counts = service->folded;
	list_for_each_entry(server, &service->servers, list) {
		lbdr_server_counts(server, &each);
		lbdr_counts_add(counts, &each);
	}
}
EXPORT_SYMBOL_LBDR(lbdr_service_counts);

/**
 * lbdr_service_counts_fit() - Check whether a message of a dump has one more service
 * @service: the service
 * @n: counters that were read for the message, 0 at first; grows by those of the service
 *
 * On many CPUs the services that a message has room for have more counters than should be
 * read in one hold of lbdr_net.lock.
 *
 * Context: lbdr_net.lock held.
 * Return: false if the next message is to begin with the service. Never for the first
 * service that has servers.
 */
bool lbdr_service_counts_fit(const struct lbdr_service *service, u32 *n)
{
	u32 before = *n;

	*n += service->n_servers * num_possible_cpus();
	return !before || *n <= COUNTS_MAX;
}
EXPORT_SYMBOL_LBDR(lbdr_service_counts_fit);

/**
 * lbdr_service_zero() - Set the counters of a service and its servers to 0
 * @service: the service
 *
 * The counters of servers only grow, since packets write them without a lock. Their
 * present values are stored, and subtracted from then on. The drop counters are atomic.
 * The rates begin anew.
 *
 * Context: lbdr_net.lock held.
 */
void lbdr_service_zero(struct lbdr_service *service)
{
	struct lbdr_server *server;
	enum lbdr_drop drop;

	memset(&service->folded, 0, sizeof(service->folded));
	for (drop = 0; drop < LBDR_DROPS; drop++)
		atomic64_set(&service->drops[drop], 0);
	list_for_each_entry(server, &service->servers, list) {
		lbdr_stats_sum(server->stats, &server->zero);
		memset(&server->rates.average, 0, sizeof(server->rates.average));
	}
}
