// SPDX-License-Identifier: GPL-2.0
/*
 * Transactions, second part: commit.
 *
 * 1. Check: what staging relied on still holds (lbdr_config_check()).
 * 2. Prepare: allocate all that is needed; build pools with the tables of their
 *    schedulers (lbdr_config_prepare()). This may take many seconds. If the task is
 *    killed, steps 1 and 2 end after the present service.
 * 3. Link: insert new services into the tables and register hooks. Packets and
 *    readers do not see a service without a pool. Can be undone
 *    (lbdr_config_link(), lbdr_config_unlink()).
 * 4. Entry: take packets elsewhere, if that was staged; the last step that can
 *    fail (lbdr_config_change_entry()).
 * 5. Publish: cannot fail; writes pointers and words (config_publish.c).
 *
 * Locks: lbdr_net.config is held from check to the end, so the live objects
 * change only here; they are read without another lock. lbdr_net.lock is taken
 * for each service by itself, in step 5 alone. So who reads under lbdr_net.lock
 * waits for one service at most, and nobody waits for an allocation, a table of
 * a scheduler or a grace period with it. A reader may see a part of the
 * transaction done; a dump is marked as inconsistent then, by lbdr_net.n_changes
 * and .publishing. A packet sees of each service the old pool or the new one.
 */
#include <linux/mm.h>
#include <linux/netdevice.h>
#include <linux/sched/signal.h>

#include "config.h"
#include "hook.h"
#include "limit.h"
#include "range.h"
#include "reach.h"
#include "sched.h"
#include "vip.h"

static int lbdr_config_check_service(struct lbdr_config *config,
				     struct lbdr_staged_service *staged)
{
	struct lbdr_service *live = lbdr_service_find(config->ln, &staged->key);

	staged->service = live;
	/* A new service has no connections to hold. */
	if (!live && staged->hold)
		staged->present = false;
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
	if ((!live || live->held) && !staged->hold &&
	    config->list_generation != config->ln->list_generation &&
	    lbdr_config_overlaps(config, &staged->key))
		return -EAGAIN;
	/* Another service may have got this address, or a server with a tunnel. */
	if (config->n_changes != config->ln->n_changes &&
	    lbdr_config_conflicts(config, staged))
		return -EAGAIN;
	return 0;
}

static int lbdr_config_check(struct lbdr_config *config)
{
	struct lbdr_staged_service *staged;
	int err;

	list_for_each_entry(staged, &config->services, list) {
		if (fatal_signal_pending(current))
			return -EINTR;
		err = lbdr_config_check_service(config, staged);
		if (err)
			return err;
		cond_resched();
	}
	return 0;
}

static void lbdr_staged_append(struct lbdr_staged_service *staged,
			       struct lbdr_config_entry entry)
{
	staged->entries[staged->n_entries++] = entry;
}

/*
 * A new server, and one that moves to the end, gets its number before the pool is built, so
 * that rr continues behind the server that it chose last.
 */
static u32 lbdr_staged_next_number(struct lbdr_staged_service *staged)
{
	return ++staged->service->last_number;
}

static int lbdr_staged_create_server(struct lbdr_net *ln,
				     struct lbdr_staged_service *staged,
				     const struct lbdr_staged_server *change)
{
	struct lbdr_server *server;

	/* A new server has no connections to wait for or to hold. */
	if (!change->present || change->settings.drain || change->settings.hold)
		return 0;
	server = lbdr_server_alloc(ln, staged->service, change->family, &change->addr,
				   &change->settings);
	if (!server)
		return -ENOMEM;
	server->number = lbdr_staged_next_number(staged);
	lbdr_staged_append(staged, (struct lbdr_config_entry) {
		.server = server,
		.staged = change,
		.created = true,
	});
	return 0;
}

/* The servers that the transaction names. */
static int lbdr_staged_append_named(struct lbdr_net *ln,
				    struct lbdr_staged_service *staged)
{
	const struct lbdr_staged_server *change;
	struct lbdr_server *server;
	bool to_tail;
	int err;

	list_for_each_entry(change, &staged->servers, list) {
		cond_resched();
		server = lbdr_server_find(staged->service, change->family, &change->addr);
		if (!server) {
			err = lbdr_staged_create_server(ln, staged, change);
			if (err)
				return err;
			continue;
		}
		to_tail = change->present && (staged->whole || change->to_tail);
		lbdr_staged_append(staged, (struct lbdr_config_entry) {
			.server = server,
			.staged = change,
			.removed = !change->present,
			.to_tail = to_tail,
			.old_number = server->number,
		});
		if (to_tail)
			server->number = lbdr_staged_next_number(staged);
	}
	return 0;
}

/* Whether the servers that the transaction does not name are removed or held. */
static bool lbdr_staged_changes_rest(const struct lbdr_staged_service *staged)
{
	return staged->whole || staged->hold_rest;
}

static void lbdr_staged_append_rest(struct lbdr_staged_service *staged)
{
	struct lbdr_server *server;

	list_for_each_entry(server, &staged->service->servers, list) {
		cond_resched();
		if (!lbdr_staged_find(staged, server->family, &server->addr))
			lbdr_staged_append(staged, (struct lbdr_config_entry) {
				.server = server,
				.removed = staged->whole,
			});
	}
}

/* Allocates the tunnels of servers whose tunnel changes. */
static int lbdr_staged_prepare_tunnels(struct lbdr_config *config,
				       struct lbdr_staged_service *staged)
{
	const struct lbdr_tunnel_settings *tunnel;
	struct lbdr_server_settings settings;
	struct lbdr_config_entry *entry;
	u32 i;

	for (i = 0; i < staged->n_entries; i++) {
		entry = &staged->entries[i];
		if (!entry->staged || entry->removed)
			continue;
		tunnel = &entry->staged->settings.tunnel;
		if (tunnel->type != LBDR_TUNNEL_NONE)
			config->outer[entry->staged->family] = true;
		if (entry->created)
			continue;
		lbdr_server_settings(entry->server, &settings);
		entry->retunnel = !lbdr_tunnel_settings_equal(&settings.tunnel,
							      tunnel);
		if (!entry->retunnel || tunnel->type == LBDR_TUNNEL_NONE)
			continue;
		entry->tunnel = lbdr_tunnel_alloc(tunnel, entry->staged->family);
		if (!entry->tunnel)
			return -ENOMEM;
		cond_resched();
	}
	return 0;
}

static int lbdr_staged_list_servers(struct lbdr_config *config,
				    struct lbdr_staged_service *staged)
{
	u32 max = lbdr_staged_changes_rest(staged) ? staged->service->n_servers : 0;
	const struct lbdr_staged_server *change;
	int err;

	list_for_each_entry(change, &staged->servers, list)
		max++;
	staged->entries = kvmalloc_array(max ?: 1, sizeof(*staged->entries),
					 GFP_KERNEL_ACCOUNT);
	if (!staged->entries)
		return -ENOMEM;
	err = lbdr_staged_append_named(config->ln, staged);
	if (err)
		return err;
	if (lbdr_staged_changes_rest(staged))
		lbdr_staged_append_rest(staged);
	return lbdr_staged_prepare_tunnels(config, staged);
}

/**
 * lbdr_staged_settings() - Get the settings that a server is to have
 * @staged: its service
 * @entry: the server
 * @settings: filled in
 *
 * Context: process, lbdr_net.config held.
 */
void lbdr_staged_settings(const struct lbdr_staged_service *staged,
			  const struct lbdr_config_entry *entry,
			  struct lbdr_server_settings *settings)
{
	if (entry->staged) {
		*settings = entry->staged->settings;
		return;
	}
	lbdr_server_settings(entry->server, settings);
	if (!staged->hold_rest)
		return;
	settings->drain = false;
	settings->hold = staged->hold_rest;
	settings->awaited = true;
}

/* The weight that a server will have for its scheduler. */
static u32 lbdr_staged_weight(const struct lbdr_staged_service *staged,
			      const struct lbdr_config_entry *entry)
{
	struct lbdr_server_settings settings;

	if (entry->removed)
		return 0;
	lbdr_staged_settings(staged, entry, &settings);
	return settings.drain || settings.hold ||
	       lbdr_reach_skips(entry->server) ? 0 : settings.weight;
}

/* Whether the pool depends on what changes. */
static bool lbdr_staged_changes_pool(const struct lbdr_staged_service *staged)
{
	const struct lbdr_config_entry *entry;
	u32 i, before, after;
	bool moved;

	for (i = 0; i < staged->n_entries; i++) {
		entry = &staged->entries[i];
		before = entry->created ? 0 : lbdr_pool_weight(entry->server);
		after = lbdr_staged_weight(staged, entry);
		moved = entry->created || entry->removed || entry->to_tail;
		if (before != after ||
		    (moved && (after || staged->sched.ops->needs_weight0)))
			return true;
	}
	return false;
}

static void lbdr_staged_add_weighted(const struct lbdr_staged_service *staged,
				     const struct lbdr_config_entry *entry,
				     struct lbdr_pool_entry *servers, u32 *n)
{
	servers[*n].server = entry->server;
	servers[*n].weight = lbdr_staged_weight(staged, entry);
	(*n)++;
}

/* Fills in all servers that the service will have, in their new order; their number. */
static u32 lbdr_staged_list_pool(const struct lbdr_staged_service *staged,
				 struct lbdr_pool_entry *servers)
{
	const struct lbdr_config_entry *entry;
	struct lbdr_config_entry live = {};
	u32 i, n = 0;

	if (!staged->whole)
		list_for_each_entry(live.server, &staged->service->servers, list) {
			live.staged = lbdr_staged_find(staged, live.server->family,
						       &live.server->addr);
			if (!live.staged ||
			    (live.staged->present && !live.staged->to_tail))
				lbdr_staged_add_weighted(staged, &live, servers, &n);
			cond_resched();
		}
	for (i = 0; i < staged->n_entries; i++) {
		entry = &staged->entries[i];
		if (entry->created || entry->to_tail)
			lbdr_staged_add_weighted(staged, entry, servers, &n);
	}
	return n;
}

static int lbdr_staged_make_pool(struct lbdr_staged_service *staged, bool resched)
{
	struct lbdr_service *service = staged->service;
	void *state = staged->created ? NULL : service->sched_state;
	struct lbdr_pool_entry *servers;
	struct lbdr_pool *pool;
	int err = 0;
	u32 n;

	servers = kvmalloc_array(service->n_servers + staged->n_entries ?: 1,
				 sizeof(*servers), GFP_KERNEL);
	if (!servers)
		return -ENOMEM;
	n = lbdr_staged_list_pool(staged, servers);
	if (!staged->created && !resched && lbdr_pool_is_current(service, servers, n))
		goto out;
	if (staged->created || staged->sched.ops != service->sched.ops) {
		err = lbdr_sched_state_alloc(service->ln, &staged->sched, &staged->state);
		if (err)
			goto out;
		state = staged->state;
	}
	pool = lbdr_pool_make(service, &staged->sched, state, servers, n);
	if (IS_ERR(pool))
		err = PTR_ERR(pool);
	else
		staged->pool = pool;
out:
	kvfree(servers);
	return err;
}

/* A change of few servers of many by a single command does not list them all. */
static int lbdr_staged_build_pool(struct lbdr_config *config,
				  struct lbdr_staged_service *staged, bool resched)
{
	if (!staged->created && !resched) {
		if (!lbdr_staged_changes_pool(staged))
			return 0;
		staged->deferred = config->single && lbdr_pool_may_wait(staged->service);
		if (staged->deferred)
			return 0;
	}
	return lbdr_staged_make_pool(staged, resched);
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
	if (!staged->created && !staged->whole && !staged->hold_rest &&
	    !resched && list_empty(&staged->servers))
		return 0;
	err = lbdr_staged_list_servers(config, staged);
	return err ?: lbdr_staged_build_pool(config, staged, resched);
}

/* The change of a number of services or servers. */
struct lbdr_config_change {
	u32	added;
	u32	removed;
};

static void lbdr_staged_count(const struct lbdr_staged_service *staged,
			      struct lbdr_config_change *services,
			      struct lbdr_config_change *servers)
{
	u32 i;

	if (!staged->service)
		return;
	services->added += staged->created;
	services->removed += !staged->present;
	if (!staged->present)
		servers->removed += staged->service->n_servers;
	for (i = 0; i < staged->n_entries; i++) {
		servers->added += staged->entries[i].created;
		servers->removed += staged->entries[i].removed;
	}
}

/*
 * The limits of the namespace hold for what it has after the commit. Servers that were
 * removed before count as long as they have connections.
 */
static int lbdr_config_check_limits(struct lbdr_config *config)
{
	struct lbdr_config_change services = {}, servers = {};
	struct lbdr_net *ln = config->ln;
	const struct lbdr_staged_service *staged;
	const struct lbdr_service *service;
	u32 n;

	if (!ln->user)
		return 0;
	list_for_each_entry(staged, &config->services, list) {
		lbdr_staged_count(staged, &services, &servers);
		cond_resched();
	}
	list_for_each_entry(service, &ln->service_list, list) {
		if (!lbdr_config_flushes(config, service))
			continue;
		services.removed++;
		servers.removed += service->n_servers;
		cond_resched();
	}
	n = ln->n_services[LBDR_V4] + ln->n_services[LBDR_V6] + services.added -
	    services.removed;
	if (services.added && lbdr_limit_services(ln, n))
		return -EDQUOT;
	/* Those that are added were allocated, and so counted. */
	n = atomic_read(&ln->n_servers) - servers.removed;
	return servers.added && lbdr_limit_servers(ln, n) ? -EDQUOT : 0;
}

/* Publication unregisters those that are not needed, which cannot fail. */
static int lbdr_config_prepare_hooks(struct lbdr_config *config)
{
	enum lbdr_family outer;
	int err = 0;

	for (outer = 0; outer < LBDR_FAMILIES && !err; outer++)
		if (config->outer[outer])
			err = lbdr_hook_register_tunnel(config->ln, outer);
	return err;
}

static int lbdr_config_prepare(struct lbdr_config *config)
{
	struct lbdr_staged_service *staged;
	int err;

	list_for_each_entry(staged, &config->services, list) {
		if (fatal_signal_pending(current))
			return -EINTR;
		err = lbdr_config_prepare_service(config, staged);
		if (err)
			return err;
		cond_resched();
	}
	return lbdr_config_check_limits(config) ?: lbdr_config_prepare_hooks(config);
}

static void lbdr_staged_undo_entry(struct lbdr_config_entry *entry)
{
	if (entry->to_tail)
		entry->server->number = entry->old_number;
	if (entry->created)
		lbdr_server_put(entry->server);
	lbdr_tunnel_free(entry->tunnel);
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
			lbdr_staged_undo_entry(&staged->entries[i]);
		kvfree(staged->entries);
		if (staged->created)
			lbdr_service_release(staged->service);
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

/* A live service whose hold begins or ends. */
static bool lbdr_staged_changes_hold(const struct lbdr_staged_service *staged)
{
	return staged->present && !staged->created && staged->service &&
	       !!staged->hold != staged->service->held;
}

/*
 * The services of many ports that lbdr_config_remove_services() removes, and those whose
 * hold begins or ends.
 */
static void lbdr_config_leave_ranges(struct lbdr_config *config)
{
	struct lbdr_net *ln = config->ln;
	struct lbdr_staged_service *staged;
	struct lbdr_service *service;

	list_for_each_entry(staged, &config->services, list) {
		if (!lbdr_service_key_wide(&staged->key))
			continue;
		if (!staged->present && staged->service)
			lbdr_range_leave(ln, staged->service);
		else if (lbdr_staged_changes_hold(staged))
			lbdr_range_hold(ln, staged->service, staged->hold);
	}
	if (!config->flush)
		return;
	list_for_each_entry(service, &ln->service_list, list)
		if (lbdr_service_key_wide(&service->key) &&
		    lbdr_config_flushes(config, service))
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

/**
 * lbdr_config_commit() - Apply all staged changes, or none
 * @config: the transaction; only lbdr_config_end() may follow
 *
 * Context: process, may sleep; lbdr_net.config held, lbdr_net.lock not held.
 * Return: 0, -EAGAIN if what staging relied on has changed, -ENODEV if a device
 * of the entry ingress does not exist, -EOPNOTSUPP if the hooks of the entry
 * cannot be registered, -ENOMEM, -EDQUOT if the namespace may not have as many services
 * or servers, -ESHUTDOWN if the module is being unloaded, -EINTR if the task is being
 * killed, or what registering a hook returns.
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
	lbdr_hook_update_tunnel(config->ln);
	return err;
}
EXPORT_SYMBOL_LBDR(lbdr_config_commit);
