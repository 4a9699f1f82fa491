// SPDX-License-Identifier: GPL-2.0
/*
 * Transactions, third part: publication, step 5 of a commit (config_commit.c).
 *
 * Everything was prepared: only pointers and words are written, so nothing can fail. New
 * services and servers come before old ones go, so that traffic which moves from one to
 * the other always has one.
 *
 * lbdr_net.lock is taken for each service by itself. A reader under that lock may see a
 * part of the transaction done. Packets read under rcu_read_lock().
 */
#include <linux/mm.h>

#include "config.h"
#include "hold.h"
#include "hook.h"
#include "notify.h"
#include "range.h"
#include "sched.h"
#include "server.h"
#include "tunnel.h"
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

/*
 * Reports the change of a server. To those who list servers, one that is held is
 * removed; a service's own removal reports those of its servers.
 */
static void lbdr_config_notify_server(struct lbdr_config *config,
				      const struct lbdr_service *service,
				      const struct lbdr_config_entry *entry)
{
	struct lbdr_server *server = entry->server;
	enum lbdr_change change = LBDR_CHANGE_SERVER_SET;

	if (entry->created || (entry->was_held && !server->held))
		change = LBDR_CHANGE_SERVER_ADD;
	else if (server->held && (entry->was_held || service->held))
		return;
	else if (server->held)
		change = LBDR_CHANGE_SERVER_DEL;
	lbdr_config_notify(config, change, service, server);
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
		if (entry->created || entry->changed)
			lbdr_config_notify_server(config, staged->service,
						  entry);
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

static void lbdr_config_remove_server(struct lbdr_config *config,
				      struct lbdr_service *service,
				      struct lbdr_server *server)
{
	/* A held one was reported when its hold began, or with its service. */
	if (!server->held && !service->held)
		lbdr_config_notify(config, LBDR_CHANGE_SERVER_DEL, service, server);
	lbdr_server_unlink(service, server);
}

static void lbdr_config_publish_servers(struct lbdr_config *config,
					struct lbdr_staged_service *staged)
{
	struct lbdr_service *service = staged->service;
	const struct lbdr_config_entry *entry;
	u32 i, n = 0;

	for (i = 0; i < staged->n_entries; i++) {
		entry = &staged->entries[i];
		if (!entry->removed)
			continue;
		lbdr_config_remove_server(config, service, entry->server);
		if (++n % SERVERS_PER_HOLD == 0)
			lbdr_lock_break(config->ln);
	}
	for (i = 0; i < staged->n_entries; i++) {
		entry = &staged->entries[i];
		if (entry->created)
			lbdr_server_link(service, entry->server);
		else if (entry->to_tail)
			lbdr_server_move_tail(service, entry->server);
	}
}

/* Sets @changed of each entry; whether anything changes at all. */
static bool lbdr_staged_find_changes(struct lbdr_staged_service *staged)
{
	struct lbdr_server_settings settings, next;
	struct lbdr_config_entry *entry;
	bool any = staged->whole || staged->pool;
	u32 i;

	for (i = 0; i < staged->n_entries; i++) {
		entry = &staged->entries[i];
		entry->was_held = entry->server->held;
		if (!entry->created && !entry->removed) {
			lbdr_server_settings(entry->server, &settings);
			lbdr_staged_settings(staged, entry, &next);
			entry->changed = (entry->staged && entry->staged->to_tail) ||
					 !lbdr_server_settings_equal(&settings, &next);
		}
		any |= entry->created || entry->removed || entry->changed;
	}
	return any;
}

/* Begins or ends the hold of a service, and reports it, or new settings. */
static void lbdr_config_publish_hold(struct lbdr_config *config,
				     struct lbdr_staged_service *staged,
				     bool set)
{
	struct lbdr_service *service = staged->service;

	if (!!staged->hold == service->held) {
		if (staged->hold)
			lbdr_hold_service(service, staged->hold);
		else if (set)
			lbdr_config_notify(config, LBDR_CHANGE_SERVICE_SET,
					   service, NULL);
		return;
	}
	lbdr_hold_service(service, staged->hold);
	config->ln->list_generation = service->generation;
	lbdr_config_notify(config, staged->hold ? LBDR_CHANGE_SERVICE_DEL :
						  LBDR_CHANGE_SERVICE_ADD,
			   service, NULL);
}

/* Applies the new settings of the servers that change, by @apply. */
static void lbdr_staged_apply(struct lbdr_staged_service *staged,
			      void (*apply)(struct lbdr_server *server,
					    const struct lbdr_server_settings *settings))
{
	struct lbdr_server_settings settings;
	struct lbdr_config_entry *entry;
	u32 i;

	for (i = 0; i < staged->n_entries; i++) {
		entry = &staged->entries[i];
		if (!entry->changed)
			continue;
		lbdr_staged_settings(staged, entry, &settings);
		apply(entry->server, &settings);
	}
}

static void lbdr_staged_apply_tunnels(struct lbdr_staged_service *staged)
{
	struct lbdr_config_entry *entry;
	u32 i;

	for (i = 0; i < staged->n_entries; i++) {
		entry = &staged->entries[i];
		if (entry->retunnel)
			lbdr_tunnel_free(lbdr_server_set_tunnel(entry->server,
								entry->tunnel));
	}
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

	if (!reset && !resched && !servers && !staged->hold && !service->held)
		return;
	service->generation = lbdr_changed(ln);
	if (reset)
		lbdr_service_set(service, &staged->settings);
	if (staged->whole || staged->to_tail)
		list_move_tail(&service->list, &ln->service_list);
	lbdr_staged_apply(staged, lbdr_server_apply_opening);
	/* First packets are dropped before there is no server for them. */
	if (staged->hold)
		lbdr_config_publish_hold(config, staged, false);
	if (staged->pool)
		lbdr_config_publish_pool(ln, staged);
	if (!staged->hold)
		lbdr_config_publish_hold(config, staged, reset || resched);
	if (!servers)
		return;
	if (staged->deferred)
		lbdr_pool_wait(ln, service);
	lbdr_config_publish_servers(config, staged);
	lbdr_staged_apply(staged, lbdr_server_apply);
	lbdr_staged_apply_tunnels(staged);
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
	/* A held one was reported when its hold began. */
	if (!service->held)
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

static void lbdr_config_remove_services(struct lbdr_config *config)
{
	struct lbdr_net *ln = config->ln;
	struct lbdr_staged_service *staged;
	struct lbdr_service *service, *next;

	list_for_each_entry(staged, &config->services, list)
		if (!staged->present && staged->service)
			lbdr_config_remove_service(ln, staged->service, config->origin);
	if (config->flush)
		list_for_each_entry_safe(service, next, &ln->service_list, list)
			if (lbdr_config_flushes(config, service))
				lbdr_config_remove_service(ln, service,
							   config->origin);
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

/**
 * lbdr_config_publish() - Publish what was prepared and linked
 * @config: the transaction
 *
 * Context: process, may sleep; lbdr_net.config held, lbdr_net.lock not held.
 */
void lbdr_config_publish(struct lbdr_config *config)
{
	struct lbdr_net *ln = config->ln;
	struct lbdr_staged_service *staged;
	int held;

	lbdr_lock(ln);
	ln->publishing = true;
	/* Until the new arrays are published, packets find released ranges as held ones. */
	held = !!ln->n_held_services;
	lbdr_hold_count(ln, held);
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
	lbdr_lock(ln);
	lbdr_hold_count(ln, -held);
	lbdr_unlock(ln);
	lbdr_config_remove_services(config);
	lbdr_vips_update(ln);
	lbdr_hook_update_tunnel(ln);
	lbdr_lock(ln);
	lbdr_config_publish_net(config);
	ln->publishing = false;
	lbdr_unlock(ln);
}

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
	lbdr_hook_update_tunnel(ln);
	lbdr_vips_update(ln);
}
EXPORT_SYMBOL_FOR_KUNIT(lbdr_config_clear);
