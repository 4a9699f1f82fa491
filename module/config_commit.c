// SPDX-License-Identifier: GPL-2.0
/*
 * Transactions, second part: commit.
 *
 * 1. Check: what staging relied on still holds (lbdr_config_check()).
 * 2. Prepare: allocate all that is needed; build pools with the tables of their
 *    schedulers (lbdr_config_prepare()). Takes as long as it takes.
 * 3. Link: insert new services into the tables and register hooks. Packets and
 *    readers do not see a service without a pool. Can be undone
 *    (lbdr_config_link(), lbdr_config_unlink()).
 * 4. Entry: take packets elsewhere, if that was staged; the last step that can
 *    fail (lbdr_config_change_entry()).
 * 5. Publish: cannot fail; writes pointers and words (lbdr_config_publish()).
 *    New services and servers come before old ones go, so that traffic which
 *    moves from one to the other always has one.
 *
 * Locks: lbdr_net.config is held from check to the end, so the live objects
 * change only here; they are read without another lock. lbdr_net.lock is taken
 * for each service by itself, in step 5 alone. So who reads under lbdr_net.lock
 * waits for one service at most, and nobody waits for an allocation, a table of
 * a scheduler or a grace period with it. A reader may see a part of the
 * transaction done; a dump is marked as inconsistent then, by lbdr_net.generation
 * and .publishing. A packet sees of each service the old pool or the new one.
 */
#include <linux/mm.h>
#include <linux/netdevice.h>

#include "config.h"
#include "device.h"
#include "hook.h"
#include "limit.h"
#include "notify.h"
#include "range.h"
#include "sched.h"
#include "vip.h"

/* Servers that are reported with one hold of lbdr_net.lock */
#define SERVERS_PER_HOLD	64

static void lbdr_config_notify(const struct lbdr_config *config,
			       enum lbdr_change change,
			       const struct lbdr_service *service,
			       struct lbdr_server *server)
{
	lbdr_notify(change, config->ln, service, server, config->origin);
}

static int lbdr_config_check_service(struct lbdr_config *config,
				     struct lbdr_staged_service *staged)
{
	struct lbdr_service *live = lbdr_service_find(config->ln, &staged->key);

	staged->service = live;
	if (!staged->present) {
		/* Added and removed again here: another one is not ours. */
		if (staged->basis == LBDR_STAGED_ABSENT)
			staged->service = NULL;
		return 0;
	}
	if (staged->basis == LBDR_STAGED_ABSENT && live)
		return -EAGAIN;
	if (staged->basis == LBDR_STAGED_LIVE &&
	    (!live || live->generation != staged->generation))
		return -EAGAIN;
	/* Another range may have been added since this one was staged. */
	if (!live && config->generation != config->ln->list_generation &&
	    lbdr_config_overlaps(config, &staged->key))
		return -EAGAIN;
	return 0;
}

static int lbdr_config_check(struct lbdr_config *config)
{
	struct lbdr_staged_service *staged;
	int err;

	list_for_each_entry(staged, &config->services, list) {
		err = lbdr_config_check_service(config, staged);
		if (err)
			return err;
		cond_resched();
	}
	return 0;
}

static const struct lbdr_staged_server *
lbdr_staged_server_of(const struct lbdr_staged_service *staged,
		      const struct lbdr_server *server)
{
	const struct lbdr_staged_server *each;

	list_for_each_entry(each, &staged->servers, list)
		if (nf_inet_addr_cmp(&each->addr, &server->addr))
			return each;
	return NULL;
}

static void lbdr_staged_append(struct lbdr_staged_service *staged,
			       struct lbdr_server *server,
			       const struct lbdr_staged_server *change,
			       bool created)
{
	staged->entries[staged->n_entries++] = (struct lbdr_config_entry) {
		.server = server,
		.staged = change,
		.created = created,
	};
}

/* Live servers that stay where they are in the order of adding. */
static void lbdr_staged_append_live(struct lbdr_staged_service *staged)
{
	const struct lbdr_staged_server *change;
	struct lbdr_server *server;

	list_for_each_entry(server, &staged->service->servers, list) {
		change = lbdr_staged_server_of(staged, server);
		if (!change || (change->present && !change->to_tail))
			lbdr_staged_append(staged, server, change, false);
		cond_resched();
	}
}

/*
 * Servers that are added, or removed and added. A new server gets its number
 * here, before the pool is built, so that rr continues behind the server that
 * it chose last.
 */
static int lbdr_staged_append_added(struct lbdr_net *ln,
				    struct lbdr_staged_service *staged)
{
	struct lbdr_service *service = staged->service;
	const struct lbdr_staged_server *change;
	struct lbdr_server *server;

	list_for_each_entry(change, &staged->servers, list) {
		cond_resched();
		if (!change->present ||
		    (!staged->whole && change->live && !change->to_tail))
			continue;
		server = staged->created ? NULL :
					   lbdr_server_find(service, &change->addr);
		if (server) {
			lbdr_staged_append(staged, server, change, false);
			continue;
		}
		/* A new server has no connections to wait for. */
		if (change->settings.drain)
			continue;
		if (lbdr_limit_servers(ln))
			return -EDQUOT;
		server = lbdr_server_alloc(ln, service, &change->addr,
					   &change->settings);
		if (!server)
			return -ENOMEM;
		server->number = ++service->last_number;
		lbdr_staged_append(staged, server, change, true);
	}
	return 0;
}

static int lbdr_staged_list_servers(struct lbdr_net *ln,
				    struct lbdr_staged_service *staged)
{
	const struct lbdr_staged_server *change;
	u32 max = staged->whole ? 0 : staged->service->n_servers;

	list_for_each_entry(change, &staged->servers, list)
		max++;
	staged->entries = kvmalloc_array(max ?: 1, sizeof(*staged->entries),
					 GFP_KERNEL_ACCOUNT);
	if (!staged->entries)
		return -ENOMEM;
	if (!staged->whole)
		lbdr_staged_append_live(staged);
	return lbdr_staged_append_added(ln, staged);
}

/* The weight that a server will have for its scheduler. */
static u32 lbdr_config_weight(const struct lbdr_config_entry *entry)
{
	struct lbdr_server_settings settings;

	if (entry->staged)
		settings = entry->staged->settings;
	else
		lbdr_server_settings(entry->server, &settings);
	return settings.drain ? 0 : settings.weight;
}

static int lbdr_staged_build_pool(struct lbdr_config *config,
				  struct lbdr_staged_service *staged,
				  bool resched)
{
	struct lbdr_service *service = staged->service;
	void *state = staged->created ? NULL : service->sched_state;
	struct lbdr_pool_entry *servers;
	struct lbdr_pool *pool;
	int err = 0;
	u32 i;

	servers = kvmalloc_array(staged->n_entries ?: 1, sizeof(*servers),
				 GFP_KERNEL);
	if (!servers)
		return -ENOMEM;
	for (i = 0; i < staged->n_entries; i++) {
		servers[i].server = staged->entries[i].server;
		servers[i].weight = lbdr_config_weight(&staged->entries[i]);
	}
	if (!staged->created && !resched) {
		if (lbdr_pool_is_current(service, servers, staged->n_entries))
			goto out;
		staged->deferred = config->single && lbdr_pool_may_wait(service);
		if (staged->deferred)
			goto out;
	}

	if (staged->created || staged->sched.ops != service->sched.ops) {
		err = lbdr_sched_state_alloc(&staged->sched, &staged->state);
		if (err)
			goto out;
		state = staged->state;
	}
	pool = lbdr_pool_make(service, &staged->sched, state, servers,
			      staged->n_entries);
	if (IS_ERR(pool))
		err = PTR_ERR(pool);
	else
		staged->pool = pool;
out:
	kvfree(servers);
	return err;
}

static int lbdr_config_prepare_service(struct lbdr_config *config,
				       struct lbdr_staged_service *staged)
{
	bool resched;
	int err;

	if (!staged->present)
		return 0;
	if (!staged->service) {
		staged->service = lbdr_service_alloc(config->ln, &staged->key);
		if (!staged->service)
			return -ENOMEM;
		staged->created = true;
		staged->service->sched = staged->sched;
		staged->service->settings = staged->settings;
	}
	resched = !lbdr_sched_equal(&staged->sched, &staged->service->sched);
	if (!staged->created && !staged->whole && !resched &&
	    list_empty(&staged->servers))
		return 0;
	err = lbdr_staged_list_servers(config->ln, staged);
	return err ?: lbdr_staged_build_pool(config, staged, resched);
}

static int lbdr_config_prepare(struct lbdr_config *config)
{
	struct lbdr_staged_service *staged;
	int err;

	list_for_each_entry(staged, &config->services, list) {
		err = lbdr_config_prepare_service(config, staged);
		if (err)
			return err;
		cond_resched();
	}
	return 0;
}

/* Frees what was prepared and not published. */
static void lbdr_config_unprepare(struct lbdr_config *config)
{
	struct lbdr_staged_service *staged;
	u32 i;

	list_for_each_entry(staged, &config->services, list) {
		if (staged->pool)
			lbdr_pool_free_rcu(staged->pool);
		lbdr_sched_state_free(&staged->sched, staged->state);
		for (i = 0; i < staged->n_entries; i++)
			if (staged->entries[i].created)
				lbdr_server_put(staged->entries[i].server);
		kvfree(staged->entries);
		if (staged->created)
			lbdr_service_free_unpublished(staged->service);
		cond_resched();
	}
}

static void lbdr_config_unlink(struct lbdr_config *config)
{
	struct lbdr_staged_service *staged;

	lbdr_range_cancel(config->ln);
	list_for_each_entry(staged, &config->services, list)
		if (staged->linked)
			lbdr_service_unlink(config->ln, staged->service);
}

/* The services of many ports that lbdr_config_remove_services() removes. */
static void lbdr_config_leave_ranges(struct lbdr_config *config)
{
	struct lbdr_net *ln = config->ln;
	struct lbdr_staged_service *staged;
	struct lbdr_service *service;

	list_for_each_entry(staged, &config->services, list)
		if (!staged->present && staged->service &&
		    lbdr_service_key_wide(&staged->key))
			lbdr_range_leave(ln, staged->service);
	if (!config->flush)
		return;
	list_for_each_entry(service, &ln->service_list, list)
		if (lbdr_service_key_wide(&service->key) &&
		    !lbdr_config_keeps(service, config))
			lbdr_range_leave(ln, service);
}

static int lbdr_config_link(struct lbdr_config *config)
{
	struct lbdr_staged_service *staged;
	u32 n[LBDR_FAMILIES] = {};
	int err;

	list_for_each_entry(staged, &config->services, list) {
		if (!staged->created)
			continue;
		err = lbdr_service_link(config->ln, staged->service);
		if (err)
			goto err;
		staged->linked = true;
		n[staged->key.family] += !lbdr_service_key_marked(&staged->key);
		cond_resched();
	}
	lbdr_config_leave_ranges(config);
	err = lbdr_range_prepare(config->ln) ?:
	      lbdr_vips_reserve(config->ln, LBDR_V4, n[LBDR_V4]) ?:
	      lbdr_vips_reserve(config->ln, LBDR_V6, n[LBDR_V6]);
	if (err)
		goto err;
	return 0;

err:
	lbdr_config_unlink(config);
	return err;
}

/* Devices by name, with a reference each. */
struct lbdr_config_devices {
	struct net_device	*dev[LBDR_INGRESS_MAX];
	bool			added[LBDR_INGRESS_MAX];
	u32			n;
};

static void lbdr_config_put_devices(struct lbdr_config_devices *devices)
{
	while (devices->n)
		dev_put(devices->dev[--devices->n]);
}

static int lbdr_config_get_devices(const struct lbdr_config *config,
				   struct lbdr_config_devices *devices)
{
	struct net_device *dev;
	u32 i;

	for (i = 0; i < config->n_devices; i++) {
		dev = dev_get_by_name(config->ln->net, config->devices[i]);
		if (!dev)
			return -ENODEV;
		devices->dev[devices->n++] = dev;
	}
	return 0;
}

static void lbdr_config_del_devices(struct lbdr_config *config,
				    const struct lbdr_config_devices *devices)
{
	u32 i;

	for (i = 0; i < devices->n; i++)
		if (devices->added[i])
			lbdr_ingress_del(config->ln, devices->dev[i]);
}

static u8 lbdr_config_entry_hook(const struct lbdr_config *config)
{
	return config->entry == LBDR_ENTRY_INGRESS ? LBDR_ENTRY_PREROUTING :
						     config->entry;
}

/*
 * Step 4. Packets are taken at the new entry and nowhere else when this returns.
 * A grace period passes here, under lbdr_net.config alone.
 */
static int lbdr_config_change_entry(struct lbdr_config *config)
{
	struct lbdr_config_devices devices = {};
	struct lbdr_net *ln = config->ln;
	int err;
	u32 i;

	if (!config->has_entry)
		return 0;
	err = lbdr_config_get_devices(config, &devices);
	if (err)
		goto out;
	for (i = 0; i < devices.n; i++) {
		err = lbdr_ingress_add(ln, devices.dev[i]);
		if (err < 0)
			goto err_add;
		devices.added[i] = err;
	}
	if (lbdr_config_entry_hook(config) != ln->entry) {
		err = lbdr_hook_entry_change(ln, lbdr_config_entry_hook(config));
		if (err)
			goto err_add;
		lbdr_hook_entry_finish(ln);
	}
	lbdr_ingress_retain(ln, devices.dev, devices.n);
	err = 0;
	goto out;

err_add:
	lbdr_config_del_devices(config, &devices);
	/* So that it differs from the errors of other steps. */
	if (err != -ENOMEM && err != -ENODEV)
		err = -EOPNOTSUPP;
out:
	lbdr_config_put_devices(&devices);
	return err;
}

/* Reports the servers of a service, a part at a time. */
static void lbdr_config_notify_servers(struct lbdr_config *config,
				       const struct lbdr_staged_service *staged)
{
	const struct lbdr_config_entry *entry;
	u32 i;

	for (i = 0; i < staged->n_entries; i++) {
		entry = &staged->entries[i];
		if (i % SERVERS_PER_HOLD == SERVERS_PER_HOLD - 1)
			lbdr_lock_break(config->ln);
		if (entry->created)
			lbdr_config_notify(config, LBDR_CHANGE_SERVER_ADD,
					   staged->service, entry->server);
		else if (entry->changed)
			lbdr_config_notify(config, LBDR_CHANGE_SERVER_SET,
					   staged->service, entry->server);
	}
}

static void lbdr_config_publish_new(struct lbdr_config *config,
				    struct lbdr_staged_service *staged)
{
	struct lbdr_service *service = staged->service;
	u32 i;

	service->sched_state = staged->state;
	staged->state = NULL;
	for (i = 0; i < staged->n_entries; i++)
		lbdr_server_link(service, staged->entries[i].server);
	lbdr_service_publish(config->ln, service, staged->pool);
	lbdr_config_notify(config, LBDR_CHANGE_SERVICE_ADD, service, NULL);
	lbdr_config_notify_servers(config, staged);
}

/* The old scheduler and its state take the place of the new ones in @staged. */
static void lbdr_config_publish_pool(struct lbdr_net *ln,
				     struct lbdr_staged_service *staged)
{
	struct lbdr_service *service = staged->service;

	if (staged->sched.ops != service->sched.ops)
		swap(service->sched_state, staged->state);
	swap(service->sched, staged->sched);
	lbdr_pool_publish(ln, service, staged->pool);
}

/* The new list of servers. Those that are not in it are reported and removed. */
static void lbdr_config_publish_servers(struct lbdr_config *config,
					struct lbdr_staged_service *staged)
{
	struct lbdr_service *service = staged->service;
	const struct lbdr_config_entry *entry;
	struct lbdr_server *server, *next;
	u32 i, n = 0;

	for (i = 0; i < staged->n_entries; i++)
		staged->entries[i].server->keep = true;
	list_for_each_entry_safe(server, next, &service->servers, list) {
		if (server->keep)
			continue;
		lbdr_config_notify(config, LBDR_CHANGE_SERVER_DEL, service,
				   server);
		lbdr_server_unlink(service, server);
		if (++n % SERVERS_PER_HOLD == 0)
			lbdr_lock_break(config->ln);
	}
	for (i = 0; i < staged->n_entries; i++) {
		entry = &staged->entries[i];
		entry->server->keep = false;
		if (entry->created)
			lbdr_server_link(service, entry->server);
		else if (staged->whole ||
			 (entry->staged && entry->staged->to_tail))
			lbdr_server_move_tail(service, entry->server);
	}
}

/* Sets @changed of each entry; whether anything changes at all. */
static bool lbdr_staged_find_changes(struct lbdr_staged_service *staged)
{
	struct lbdr_server_settings settings;
	struct lbdr_config_entry *entry;
	bool any = staged->whole || staged->pool ||
		   staged->n_entries != staged->service->n_servers;
	u32 i;

	for (i = 0; i < staged->n_entries; i++) {
		entry = &staged->entries[i];
		if (!entry->created && entry->staged) {
			lbdr_server_settings(entry->server, &settings);
			entry->changed =
				entry->staged->to_tail ||
				!lbdr_server_settings_equal(&settings,
							    &entry->staged->settings);
		}
		any |= entry->created || entry->changed;
	}
	return any;
}

/*
 * Settings take effect in two steps: what lets more connections in before the
 * new pool, what keeps connections out after it. So a packet that sees the old
 * pool finds no server closed that was open in it, and one that sees the new
 * pool no server that is not yet open.
 */
static void lbdr_config_publish_change(struct lbdr_config *config,
				       struct lbdr_staged_service *staged)
{
	struct lbdr_service *service = staged->service;
	bool reset = !lbdr_service_settings_equal(&staged->settings,
						  &service->settings);
	bool resched = !lbdr_sched_equal(&staged->sched, &service->sched);
	bool servers = staged->entries && lbdr_staged_find_changes(staged);
	struct lbdr_net *ln = config->ln;
	struct lbdr_config_entry *entry;
	u32 i;

	if (!reset && !resched && !servers)
		return;
	service->generation = lbdr_changed(ln);
	if (reset)
		lbdr_service_set(service, &staged->settings);
	if (staged->whole)
		list_move_tail(&service->list, &ln->service_list);
	for (i = 0; i < staged->n_entries; i++) {
		entry = &staged->entries[i];
		if (entry->changed)
			lbdr_server_apply_opening(entry->server,
						  &entry->staged->settings);
	}
	if (staged->pool)
		lbdr_config_publish_pool(ln, staged);
	if (reset || resched)
		lbdr_config_notify(config, LBDR_CHANGE_SERVICE_SET, service,
				   NULL);
	if (!servers)
		return;
	if (staged->deferred)
		lbdr_pool_wait(ln, service);
	lbdr_config_publish_servers(config, staged);
	for (i = 0; i < staged->n_entries; i++) {
		entry = &staged->entries[i];
		if (entry->changed)
			lbdr_server_apply(entry->server,
					  &entry->staged->settings);
	}
	lbdr_config_notify_servers(config, staged);
	service->generation = lbdr_changed(ln);
}

/* Removes a service; not to be used after this. */
static void lbdr_config_remove_service(struct lbdr_net *ln,
				       struct lbdr_service *service,
				       struct lbdr_origin *origin)
{
	struct lbdr_server *server, *next;
	u32 n = 0;

	lbdr_lock(ln);
	lbdr_notify(LBDR_CHANGE_SERVICE_DEL, ln, service, NULL, origin);
	/* 1. Not found any more; packets that have found it go on with it. */
	lbdr_service_unpublish(ln, service);
	/* 2. Its servers are dead: their connections are not found any more. */
	list_for_each_entry_safe(server, next, &service->servers, list) {
		lbdr_server_unlink(service, server);
		if (++n % SERVERS_PER_HOLD == 0)
			lbdr_lock_break(ln);
	}
	lbdr_counts_add(&ln->folded, &service->folded);
	lbdr_unlock(ln);
	lbdr_service_release_hooks(ln, service);
	/* 3. Freed after the last packet that may have found it. */
	lbdr_service_free(service);
	cond_resched();
}

/* Returns true if services were removed. */
static bool lbdr_config_remove_services(struct lbdr_config *config)
{
	struct lbdr_net *ln = config->ln;
	struct lbdr_staged_service *staged;
	struct lbdr_service *service, *next;
	bool any = false;

	list_for_each_entry(staged, &config->services, list) {
		if (staged->present || !staged->service)
			continue;
		lbdr_config_remove_service(ln, staged->service, config->origin);
		any = true;
	}
	if (config->flush)
		list_for_each_entry_safe(service, next, &ln->service_list, list)
			if (!lbdr_config_keeps(service, config)) {
				lbdr_config_remove_service(ln, service,
							   config->origin);
				any = true;
			}
	return any;
}

static void lbdr_config_publish_net(struct lbdr_config *config)
{
	struct lbdr_net *ln = config->ln;
	bool timeouts = false;
	u32 state;

	for (state = 0; state < LBDR_CONN_STATES; state++) {
		if (!config->timeout[state] ||
		    config->timeout[state] == ln->timeout[state])
			continue;
		WRITE_ONCE(ln->timeout[state], config->timeout[state]);
		timeouts = true;
	}
	if (timeouts || config->has_entry) {
		lbdr_changed(ln);
		lbdr_config_notify(config, LBDR_CHANGE_SETTINGS, NULL, NULL);
	}
	if (config->flush && list_empty(&ln->service_list))
		lbdr_config_notify(config, LBDR_CHANGE_FLUSH, NULL, NULL);
}

static void lbdr_config_publish(struct lbdr_config *config)
{
	struct lbdr_net *ln = config->ln;
	struct lbdr_staged_service *staged;

	lbdr_lock(ln);
	ln->publishing = true;
	lbdr_unlock(ln);
	list_for_each_entry(staged, &config->services, list) {
		if (!staged->present)
			continue;
		lbdr_lock(ln);
		if (staged->created)
			lbdr_config_publish_new(config, staged);
		else
			lbdr_config_publish_change(config, staged);
		lbdr_unlock(ln);
		/* The state of a scheduler that was replaced. */
		lbdr_sched_state_free(&staged->sched, staged->state);
		kvfree(staged->entries);
		cond_resched();
	}
	lbdr_range_publish(ln);
	lbdr_vips_update(ln, lbdr_config_remove_services(config));
	lbdr_lock(ln);
	lbdr_config_publish_net(config);
	ln->publishing = false;
	lbdr_unlock(ln);
}

/**
 * lbdr_config_commit() - Apply all staged changes, or none
 * @config: the transaction; only lbdr_config_end() may follow
 *
 * Context: process, may sleep; lbdr_net.config held, lbdr_net.lock not held.
 * Return: 0, -EAGAIN if what staging relied on has changed, -ENODEV if a device
 * of the entry ingress does not exist, -EOPNOTSUPP if the hooks of the entry
 * cannot be registered, -ENOMEM, -EDQUOT if the namespace may not have as many services
 * or servers, -ESHUTDOWN if the module is being unloaded, or what registering a hook
 * returns.
 */
int lbdr_config_commit(struct lbdr_config *config)
{
	int err;

	lockdep_assert_held(&config->ln->config);

	err = lbdr_config_check(config);
	if (err)
		return err;
	err = lbdr_config_prepare(config);
	if (err)
		goto err_prepare;
	err = lbdr_config_link(config);
	if (err)
		goto err_prepare;
	err = lbdr_config_change_entry(config);
	if (err)
		goto err_entry;
	lbdr_config_publish(config);
	return 0;

err_entry:
	lbdr_config_unlink(config);
err_prepare:
	lbdr_config_unprepare(config);
	return err;
}
EXPORT_SYMBOL_LBDR(lbdr_config_commit);

/**
 * lbdr_config_clear() - Remove all services of a namespace that exits
 * @ln: the namespace
 *
 * Needs no memory, so it cannot fail.
 *
 * Context: process, may sleep; lbdr_net.config held, lbdr_net.lock not held.
 */
void lbdr_config_clear(struct lbdr_net *ln)
{
	struct lbdr_service *service, *next;

	lockdep_assert_held(&ln->config);

	lbdr_range_clear(ln);
	list_for_each_entry_safe(service, next, &ln->service_list, list)
		lbdr_config_remove_service(ln, service, NULL);
	lbdr_vips_update(ln, true);
}
EXPORT_SYMBOL_FOR_KUNIT(lbdr_config_clear);
