// SPDX-License-Identifier: GPL-2.0
/*
 * Transactions, first part: staging of servers.
 *
 * A staged server belongs to a staged service (config.c), which the caller looks up or
 * adds first. It describes what the server is to be, and is found by its address. Whether
 * commit keeps, changes, creates or removes a live server is decided there
 * (config_commit.c).
 *
 * Locks: as in config.c.
 */
#include <linux/list.h>

#include "addr.h"
#include "config.h"

static int lbdr_staged_server_cmp(const void *key, const struct rb_node *node)
{
	const struct lbdr_staged_server *server =
		rb_entry(node, struct lbdr_staged_server, node);

	return lbdr_server_key_cmp(key, server->family, &server->addr);
}

static bool lbdr_staged_server_less(struct rb_node *node, const struct rb_node *other)
{
	const struct lbdr_staged_server *server =
		rb_entry(node, struct lbdr_staged_server, node);
	const struct lbdr_server_key key = {
		.addr = server->addr,
		.family = server->family,
	};

	return lbdr_staged_server_cmp(&key, other) < 0;
}

/**
 * lbdr_staged_find() - Look up a staged server
 * @staged: its service
 * @family: family of the server's address
 * @addr: the server's address
 *
 * Context: process, lbdr_net.lock held (lbdr_net.config for a single command and at
 * commit).
 * Return: the staged server, present or not, or NULL.
 */
struct lbdr_staged_server *
lbdr_staged_find(const struct lbdr_staged_service *staged,
		 enum lbdr_family family, const union nf_inet_addr *addr)
{
	const struct lbdr_server_key key = { .addr = *addr, .family = family };
	struct rb_node *node;

	node = rb_find(&key, &staged->servers_by_addr, lbdr_staged_server_cmp);
	return rb_entry_safe(node, struct lbdr_staged_server, node);
}

/*
 * The live server of @addr in *@live, NULL if there is none or if the staged
 * service does not keep live servers. -EAGAIN if the live service has changed.
 */
static int lbdr_config_live_server(struct lbdr_config *config,
				   const struct lbdr_staged_service *staged,
				   enum lbdr_family family,
				   const union nf_inet_addr *addr,
				   struct lbdr_server **live)
{
	const struct lbdr_service *service;

	*live = NULL;
	if (staged->whole)
		return 0;
	service = lbdr_service_find(config->ln, &staged->key);
	if (!service || service->generation != staged->generation)
		return -EAGAIN;
	*live = lbdr_server_find(service, family, addr);
	return 0;
}

static struct lbdr_staged_server *
lbdr_config_stage_server(struct lbdr_config *config,
			 struct lbdr_staged_service *staged,
			 enum lbdr_family family,
			 const union nf_inet_addr *addr)
{
	struct lbdr_staged_server *server;

	server = lbdr_config_alloc(config, sizeof(*server));
	if (IS_ERR(server))
		return server;
	server->service = staged;
	server->addr = *addr;
	server->family = family;
	server->present = true;
	RB_CLEAR_NODE(&server->tunnel);
	config->fresh_server = server;
	list_add_tail(&server->list, &staged->servers);
	rb_add(&server->node, &staged->servers_by_addr, lbdr_staged_server_less);
	return server;
}

/**
 * lbdr_config_server() - Get the staged state of a server, to change it
 * @config: the transaction
 * @staged: its service, present
 * @family: family of the server's address
 * @addr: the server's address
 *
 * lbdr_config_server_set() changes its settings. Those of a held server have
 * &lbdr_server_settings.hold set.
 *
 * Context: process, lbdr_net.lock held (lbdr_net.config for a single command).
 * Return: the staged server, or ERR_PTR of -ENOENT, -EAGAIN if the live service
 * has changed, -EDQUOT or -ENOMEM.
 */
struct lbdr_staged_server *
lbdr_config_server(struct lbdr_config *config,
		   struct lbdr_staged_service *staged, enum lbdr_family family,
		   const union nf_inet_addr *addr)
{
	struct lbdr_staged_server *server;
	struct lbdr_server *live;
	int err;

	lbdr_config_assert_stable(config);

	server = lbdr_staged_find(staged, family, addr);
	if (server)
		return server->present ? server : ERR_PTR(-ENOENT);
	err = lbdr_config_live_server(config, staged, family, addr, &live);
	if (err)
		return ERR_PTR(err);
	if (!live)
		return ERR_PTR(-ENOENT);
	server = lbdr_config_stage_server(config, staged, family, addr);
	if (IS_ERR(server))
		return server;
	server->live = true;
	lbdr_server_settings(live, &server->settings);
	if (staged->hold_rest) {
		server->settings.drain = false;
		server->settings.hold = staged->hold_rest;
		server->settings.awaited = true;
	}
	return server;
}
EXPORT_SYMBOL_LBDR(lbdr_config_server);

/*
 * An encapsulated packet to a VIP would be one to a service, on this director or on
 * another one, and one to a local address would not leave this host.
 */
static int lbdr_config_check_tunnel(struct lbdr_config *config, enum lbdr_family family,
				    const union nf_inet_addr *addr,
				    const struct lbdr_server_settings *settings)
{
	if (settings->tunnel.type == LBDR_TUNNEL_NONE)
		return 0;
	if (lbdr_config_has_vip(config, family, addr))
		return -EADDRINUSE;
	return lbdr_addr_is_local(config->ln->net, family, addr) ? -EADDRNOTAVAIL : 0;
}

/**
 * lbdr_config_server_set() - Stage a change of a server's settings
 * @config: the transaction
 * @server: what lbdr_config_server() has returned
 * @settings: its new settings
 *
 * Context: process, lbdr_net.lock held (lbdr_net.config for a single command).
 * Return: 0, -EADDRINUSE if @settings has a tunnel and the server's address is that of a
 * service, -EADDRNOTAVAIL if it has a tunnel and the address is one of this host. An
 * address of a server that has a tunnel already is not checked: that it became local later
 * does not prevent other changes.
 */
int lbdr_config_server_set(struct lbdr_config *config,
			   struct lbdr_staged_server *server,
			   const struct lbdr_server_settings *settings)
{
	bool tunneled = server->settings.tunnel.type != LBDR_TUNNEL_NONE;
	int err;

	lbdr_config_assert_stable(config);

	err = tunneled && !server->settings.hold ? 0 :
	      lbdr_config_check_tunnel(config, server->family, &server->addr, settings);
	if (err)
		return err;
	server->settings = *settings;
	lbdr_config_add_tunnel(config, server);
	return 0;
}
EXPORT_SYMBOL_LBDR(lbdr_config_server_set);

/**
 * lbdr_config_server_add() - Stage a new server
 * @config: the transaction
 * @staged: its service, present
 * @family: family of the server's address: the service's, or any if @settings has a tunnel
 * @addr: the server's address
 * @settings: its settings
 *
 * Adding a draining or held server again cancels the drain or the hold and applies
 * @settings.
 *
 * Context: process, lbdr_net.lock held (lbdr_net.config for a single command).
 * Return: 0, -EEXIST, -ENOSPC if the service has LBDR_SERVER_MAX servers in use, or
 * LBDR_SERVER_MAX_HELD with held ones and the new one is none of these, -EADDRINUSE or
 * -EADDRNOTAVAIL as lbdr_config_server_set(), -EAGAIN if the live service has changed,
 * -EDQUOT or -ENOMEM.
 */
int lbdr_config_server_add(struct lbdr_config *config,
			   struct lbdr_staged_service *staged,
			   enum lbdr_family family,
			   const union nf_inet_addr *addr,
			   const struct lbdr_server_settings *settings)
{
	struct lbdr_staged_server *server;
	bool held;
	int err;

	server = lbdr_config_server(config, staged, family, addr);
	if (!IS_ERR(server)) {
		held = server->settings.hold;
		if (!server->settings.drain && !held)
			return -EEXIST;
		if (held && staged->n_servers >= LBDR_SERVER_MAX)
			return -ENOSPC;
		err = lbdr_config_server_set(config, server, settings);
		if (!err && held) {
			/* It was not listed, so it is a new one to those who list. */
			server->to_tail = true;
			list_move_tail(&server->list, &staged->servers);
			staged->n_held--;
			staged->n_servers++;
		}
		return err;
	}
	if (PTR_ERR(server) != -ENOENT)
		return PTR_ERR(server);
	err = lbdr_config_check_tunnel(config, family, addr, settings);
	if (err)
		return err;
	if (staged->n_servers >= LBDR_SERVER_MAX ||
	    staged->n_servers + staged->n_held >= LBDR_SERVER_MAX_HELD)
		return -ENOSPC;

	server = lbdr_staged_find(staged, family, addr);
	if (server) {
		server->present = true;
		server->to_tail = true;
		list_move_tail(&server->list, &staged->servers);
	} else {
		server = lbdr_config_stage_server(config, staged, family, addr);
		if (IS_ERR(server))
			return PTR_ERR(server);
	}
	server->settings = *settings;
	lbdr_config_add_tunnel(config, server);
	staged->n_servers++;
	return 0;
}
EXPORT_SYMBOL_LBDR(lbdr_config_server_add);

/**
 * lbdr_config_server_del() - Stage the removal of a server
 * @config: the transaction
 * @staged: its service
 * @server: what lbdr_config_server() has returned
 *
 * Context: process, lbdr_net.lock held (lbdr_net.config for a single command).
 */
void lbdr_config_server_del(struct lbdr_config *config,
			    struct lbdr_staged_service *staged,
			    struct lbdr_staged_server *server)
{
	lbdr_config_assert_stable(config);

	if (server->settings.hold)
		staged->n_held--;
	else
		staged->n_servers--;
	if (server->live) {
		server->present = false;
		return;
	}
	rb_erase(&server->node, &staged->servers_by_addr);
	lbdr_config_del_tunnel(config, server);
	list_move(&server->list, &config->dropped);
}
EXPORT_SYMBOL_LBDR(lbdr_config_server_del);

/**
 * lbdr_config_server_drain() - Stage the drain and removal of a server
 * @config: the transaction
 * @staged: its service
 * @server: what lbdr_config_server() has returned; a new server has no
 *	connections and is removed at once
 *
 * Context: process, lbdr_net.lock held (lbdr_net.config for a single command).
 */
void lbdr_config_server_drain(struct lbdr_config *config,
			      struct lbdr_staged_service *staged,
			      struct lbdr_staged_server *server)
{
	/* If the service is replaced, commit knows whether the server is new. */
	if (server->live || staged->whole)
		server->settings.drain = true;
	else
		lbdr_config_server_del(config, staged, server);
}
EXPORT_SYMBOL_FOR_KUNIT(lbdr_config_server_drain);

/**
 * lbdr_config_server_hold() - Stage the removal of a server with a hold time
 * @config: the transaction
 * @staged: its service
 * @server: what lbdr_config_server() has returned; a new server has no
 *	connections and is removed at once
 * @seconds: the hold time
 * @awaited: &lbdr_server_settings.awaited
 *
 * Context: process, lbdr_net.lock held (lbdr_net.config for a single command).
 */
void lbdr_config_server_hold(struct lbdr_config *config,
			     struct lbdr_staged_service *staged,
			     struct lbdr_staged_server *server, u32 seconds, bool awaited)
{
	/* As for the drain. */
	if (server->live || staged->whole) {
		if (!server->settings.hold) {
			staged->n_servers--;
			staged->n_held++;
		}
		server->settings.drain = false;
		server->settings.hold = seconds;
		server->settings.awaited = awaited;
	} else {
		lbdr_config_server_del(config, staged, server);
	}
}
EXPORT_SYMBOL_LBDR(lbdr_config_server_hold);
