// SPDX-License-Identifier: GPL-2.0
/*
 * Real servers.
 *
 * A server belongs to one service. Transactions add, change and remove it
 * (config_commit.c). Packets reach it through a pool, a connection or an entry of
 * a lblc table, each of which holds a reference until a grace period after the
 * last packet that could see it. A reader that has found a server by one of these
 * under rcu_read_lock() may use it: the last reference is put after that, and the
 * memory is freed a grace period later. One that has found it in its service's list may
 * read it only: its counters may be freed at once.
 *
 * A removed server is dead: its counters are added to its service's, no pool
 * offers it, and its connections are not found any more. The collector frees
 * them, and the last reference frees the server.
 */
#include "drain.h"
#include "hold.h"
#include "lbdr.h"
#include "nexthop.h"
#include "server.h"
#include "service.h"
#include "stats.h"
#include "tunnel.h"

/**
 * lbdr_server_counts() - Get a server's counters since the last zero operation
 * @server: the server
 * @counts: filled in
 *
 * Context: lbdr_net.lock held.
 */
void lbdr_server_counts(const struct lbdr_server *server,
			struct lbdr_counts *counts)
{
	lockdep_assert_held(&server->ln->lock);

	lbdr_stats_sum(server->stats, counts);
	counts->conns -= server->zero.conns;
	counts->packets -= server->zero.packets;
	counts->bytes -= server->zero.bytes;
}
EXPORT_SYMBOL_LBDR(lbdr_server_counts);

/**
 * lbdr_server_settings() - Get a server's settings
 * @server: the server
 * @settings: filled in
 *
 * Context: lbdr_net.lock or lbdr_net.config held.
 */
void lbdr_server_settings(const struct lbdr_server *server,
			  struct lbdr_server_settings *settings)
{
	const struct lbdr_server_tunnel *tunnel;

	lbdr_assert_stable(server->ln);

	*settings = (struct lbdr_server_settings) {
		.weight = server->weight,
		.upper = server->upper,
		.lower = server->lower,
		.port = server->port,
		.drain = server->draining,
		.hold = server->held ? lbdr_hold_left(server->hold_until) : 0,
		.awaited = server->awaited,
	};
	tunnel = rcu_dereference_protected(server->tunnel, true);
	if (tunnel)
		settings->tunnel = tunnel->settings;
}
EXPORT_SYMBOL_LBDR(lbdr_server_settings);

/**
 * lbdr_server_settings_equal() - Compare settings
 * @a: settings
 * @b: other settings
 *
 * Context: any.
 */
bool lbdr_server_settings_equal(const struct lbdr_server_settings *a,
				const struct lbdr_server_settings *b)
{
	return a->weight == b->weight && a->upper == b->upper &&
	       a->lower == b->lower && a->port == b->port &&
	       a->drain == b->drain && a->hold == b->hold && a->awaited == b->awaited &&
	       lbdr_tunnel_settings_equal(&a->tunnel, &b->tunnel);
}
EXPORT_SYMBOL_FOR_KUNIT(lbdr_server_settings_equal);

static int lbdr_server_cmp(const void *key, const struct rb_node *node)
{
	const struct lbdr_server *server = rb_entry(node, struct lbdr_server, node);

	return lbdr_server_key_cmp(key, server->family, &server->addr);
}

static bool lbdr_server_less(struct rb_node *node, const struct rb_node *other)
{
	const struct lbdr_server *server = rb_entry(node, struct lbdr_server, node);
	const struct lbdr_server_key key = {
		.addr = server->addr,
		.family = server->family,
	};

	return lbdr_server_cmp(&key, other) < 0;
}

/**
 * lbdr_server_find() - Look up a server of a service
 * @service: the service
 * @family: family of the RIP
 * @addr: the RIP
 *
 * Finds a held server too.
 *
 * Context: lbdr_net.lock or lbdr_net.config held.
 * Return: the server or NULL.
 */
struct lbdr_server *lbdr_server_find(const struct lbdr_service *service,
				     enum lbdr_family family,
				     const union nf_inet_addr *addr)
{
	const struct lbdr_server_key key = { .addr = *addr, .family = family };
	struct rb_node *node;

	node = rb_find(&key, &service->servers_by_addr, lbdr_server_cmp);
	return rb_entry_safe(node, struct lbdr_server, node);
}
EXPORT_SYMBOL_FOR_KUNIT(lbdr_server_find);

/**
 * lbdr_server_alloc() - Allocate a server that is linked nowhere
 * @ln: the namespace
 * @service: the service that it will belong to
 * @family: family of the RIP: the service's, or any if @settings has a tunnel
 * @addr: the RIP
 * @settings: its settings
 *
 * Context: process, may sleep.
 * Return: the server with one reference, or NULL.
 */
struct lbdr_server *
lbdr_server_alloc(struct lbdr_net *ln, struct lbdr_service *service,
		  enum lbdr_family family, const union nf_inet_addr *addr,
		  const struct lbdr_server_settings *settings)
{
	struct lbdr_server_tunnel *tunnel = NULL;
	struct lbdr_server *server;

	server = kzalloc(sizeof(*server), GFP_KERNEL_ACCOUNT);
	if (!server)
		return NULL;
	server->stats = lbdr_stats_alloc();
	if (!server->stats)
		goto err_stats;
	if (settings->tunnel.type != LBDR_TUNNEL_NONE) {
		tunnel = lbdr_tunnel_alloc(&settings->tunnel, family);
		if (!tunnel)
			goto err_tunnel;
	}
	server->nexthop = lbdr_nexthop_get(ln, family, addr);
	if (!server->nexthop)
		goto err_nexthop;
	RCU_INIT_POINTER(server->tunnel, tunnel);
	server->addr = *addr;
	server->family = family;
	server->ln = ln;
	server->service = service;
	refcount_inc(&service->refs);
	INIT_LIST_HEAD(&server->drain);
	server->weight = settings->weight;
	server->upper = settings->upper;
	server->lower = settings->lower;
	server->port = settings->port;
	server->rates.sampled = jiffies;
	refcount_set(&server->refs, 1);
	spin_lock_init(&server->lock);
	atomic_inc(&ln->n_servers);
	return server;

err_nexthop:
	lbdr_tunnel_free(tunnel);
err_tunnel:
	free_percpu(server->stats);
err_stats:
	kfree(server);
	return NULL;
}

/**
 * lbdr_server_put() - Drop a reference
 * @server: the server
 *
 * Context: any.
 */
void lbdr_server_put(struct lbdr_server *server)
{
	if (!refcount_dec_and_test(&server->refs))
		return;
	atomic_dec(&server->ln->n_servers);
	lbdr_tunnel_free(rcu_dereference_protected(server->tunnel, true));
	lbdr_nexthop_put(server->nexthop);
	free_percpu(server->stats);
	lbdr_service_put(server->service);
	kfree_rcu(server, rcu);
}
EXPORT_SYMBOL_FOR_KUNIT(lbdr_server_put);

static void lbdr_server_count_tunnel(const struct lbdr_server *server, int by)
{
	u32 *n = &server->ln->n_tunnels[server->family];

	WRITE_ONCE(*n, *n + by);
}

/**
 * lbdr_server_link() - Append a server to the list of its service
 * @service: the service
 * @server: in no list; the caller's reference becomes the list's
 *
 * Context: process, lbdr_net.config and lbdr_net.lock held.
 */
void lbdr_server_link(struct lbdr_service *service, struct lbdr_server *server)
{
	lockdep_assert_held(&server->ln->lock);

	list_add_tail_rcu(&server->list, &service->servers);
	rb_add(&server->node, &service->servers_by_addr, lbdr_server_less);
	service->n_servers++;
	if (rcu_access_pointer(server->tunnel))
		lbdr_server_count_tunnel(server, 1);
}

/**
 * lbdr_server_move_tail() - Move a server to the end of its service's list
 * @service: its service
 * @server: the server
 *
 * A reader under rcu_read_lock() that stands at @server meets none of the servers
 * that followed it.
 *
 * Context: process, lbdr_net.config and lbdr_net.lock held.
 */
void lbdr_server_move_tail(struct lbdr_service *service,
			   struct lbdr_server *server)
{
	lockdep_assert_held(&server->ln->lock);

	list_del_rcu(&server->list);
	list_add_tail_rcu(&server->list, &service->servers);
}

/**
 * lbdr_server_unlink() - Remove a server from its service
 * @service: its service
 * @server: the server; the list's reference is dropped
 *
 * Context: process, lbdr_net.config and lbdr_net.lock held.
 */
void lbdr_server_unlink(struct lbdr_service *service,
			struct lbdr_server *server)
{
	struct lbdr_counts counts;

	lockdep_assert_held(&server->ln->lock);

	/* Read by packets: connections to a dead server are not found */
	WRITE_ONCE(server->dead, true);

	lbdr_server_counts(server, &counts);
	lbdr_counts_add(&service->folded, &counts);
	lbdr_stats_fold(server->ln, server->stats);

	lbdr_hold_server(server, 0, false);
	list_del_rcu(&server->list);
	rb_erase(&server->node, &service->servers_by_addr);
	list_del(&server->drain);
	service->n_servers--;
	if (rcu_access_pointer(server->tunnel))
		lbdr_server_count_tunnel(server, -1);
	lbdr_server_put(server);
}

/**
 * lbdr_server_set_tunnel() - Replace the tunnel to a server
 * @server: the server, in the list of its service
 * @tunnel: the new tunnel, or NULL for direct routing
 *
 * Context: process, lbdr_net.config and lbdr_net.lock held.
 * Return: the old tunnel, or NULL, for lbdr_tunnel_free().
 */
struct lbdr_server_tunnel *
lbdr_server_set_tunnel(struct lbdr_server *server,
		       struct lbdr_server_tunnel *tunnel)
{
	struct lbdr_net *ln = server->ln;

	lockdep_assert_held(&ln->config);
	lockdep_assert_held(&ln->lock);

	if (tunnel)
		lbdr_server_count_tunnel(server, 1);
	tunnel = rcu_replace_pointer(server->tunnel, tunnel, true);
	if (tunnel)
		lbdr_server_count_tunnel(server, -1);
	return tunnel;
}

/**
 * lbdr_server_update_overload() - Set or clear a server's overload flag
 * @server: the server, whose connections or thresholds have just changed
 *
 * Thresholds are those of ipvsadm(8): overloaded from @upper connections on,
 * active or not, until there are fewer than @lower, or than three quarters of
 * @upper. The lock orders the callers: the last one sees what all others before
 * it have changed, so the flag is right when all are done.
 *
 * Context: any but hard interrupt.
 */
void lbdr_server_update_overload(struct lbdr_server *server)
{
	u32 total, upper, lower;

	spin_lock_bh(&server->lock);
	upper = READ_ONCE(server->upper);
	lower = READ_ONCE(server->lower) ?: upper - upper / 4;
	total = lbdr_server_active(server) + lbdr_server_inactive(server);
	if (!upper)
		WRITE_ONCE(server->overloaded, false);
	else if (total >= upper)
		WRITE_ONCE(server->overloaded, true);
	else if (total < lower)
		WRITE_ONCE(server->overloaded, false);
	spin_unlock_bh(&server->lock);
}
EXPORT_SYMBOL_FOR_KUNIT(lbdr_server_update_overload);

static void lbdr_server_set_thresholds(struct lbdr_server *server,
				       const struct lbdr_server_settings *settings)
{
	if (server->upper == settings->upper &&
	    server->lower == settings->lower)
		return;
	WRITE_ONCE(server->upper, settings->upper);
	WRITE_ONCE(server->lower, settings->lower);
	lbdr_server_update_overload(server);
}

static void lbdr_server_set_drain(struct lbdr_server *server, bool drain)
{
	if (drain == server->draining)
		return;
	WRITE_ONCE(server->draining, drain);
	lbdr_drain_update(server);
}

/**
 * lbdr_server_apply_opening() - Apply the settings that admit more connections
 * @server: the server
 * @settings: settings that it is to have
 *
 * First of two steps, see lbdr_config_publish_change().
 *
 * Context: process, lbdr_net.lock held.
 */
void lbdr_server_apply_opening(struct lbdr_server *server,
			       const struct lbdr_server_settings *settings)
{
	bool higher = server->upper &&
		      (!settings->upper || settings->upper > server->upper);

	lockdep_assert_held(&server->ln->lock);

	if (!settings->drain)
		lbdr_server_set_drain(server, false);
	if (!settings->hold)
		lbdr_hold_server(server, 0, false);
	if (!server->weight && settings->weight)
		WRITE_ONCE(server->weight, settings->weight);
	if (higher)
		lbdr_server_set_thresholds(server, settings);
}
EXPORT_SYMBOL_FOR_KUNIT(lbdr_server_apply_opening);

/**
 * lbdr_server_apply() - Apply new settings
 * @server: the server
 * @settings: settings that it is to have
 *
 * Context: process, lbdr_net.lock held.
 */
void lbdr_server_apply(struct lbdr_server *server,
		       const struct lbdr_server_settings *settings)
{
	lockdep_assert_held(&server->ln->lock);

	WRITE_ONCE(server->weight, settings->weight);
	WRITE_ONCE(server->port, settings->port);
	lbdr_server_set_thresholds(server, settings);
	lbdr_server_set_drain(server, settings->drain);
	lbdr_hold_server(server, settings->hold, settings->awaited);
}
EXPORT_SYMBOL_FOR_KUNIT(lbdr_server_apply);
