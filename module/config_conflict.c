// SPDX-License-Identifier: GPL-2.0
/*
 * Transactions: conflicts between different services, or between services and servers of
 * others.
 *
 * - Two services must not have ranges of ports of one address that overlap.
 * - A tunnel must not lead to the VIP of a service: the encapsulated packets would be
 *   packets to a service, on this director or on another one.
 *
 * Both are checked against what the configuration would be after the transaction: staged
 * objects first, then live objects that the transaction neither changes nor removes. So a
 * transaction may remove what is in the way of what it adds. Held services and servers
 * forward nothing and are in nobody's way; they are checked when they are added again.
 * Commit checks again if the live configuration has changed since the transaction began.
 *
 * A transaction finds its staged services by their VIP and its staged tunnel servers by
 * their address in two trees. Context of all functions: process, lbdr_net.lock held
 * (lbdr_net.config for a single command and at commit).
 */
#include "config.h"
#include "nexthop.h"
#include "range.h"
#include "vip.h"

static struct lbdr_staged_service *lbdr_staged_of_node(const struct rb_node *node)
{
	return rb_entry(node, struct lbdr_staged_service, node);
}

/* An address is the first part of a key, so it orders keys as the whole key does. */
static int lbdr_config_vip_cmp(const void *addr, const struct rb_node *node)
{
	return memcmp(addr, &lbdr_staged_of_node(node)->key.addr,
		      sizeof(union nf_inet_addr));
}

static struct lbdr_staged_server *lbdr_tunnel_of_node(const struct rb_node *node)
{
	return rb_entry(node, struct lbdr_staged_server, tunnel);
}

static int lbdr_config_tunnel_cmp(const void *key, const struct rb_node *node)
{
	const struct lbdr_staged_server *server = lbdr_tunnel_of_node(node);

	return lbdr_server_key_cmp(key, server->family, &server->addr);
}

static bool lbdr_config_tunnel_less(struct rb_node *node, const struct rb_node *other)
{
	const struct lbdr_staged_server *server = lbdr_tunnel_of_node(node);
	const struct lbdr_server_key key = {
		.addr = server->addr,
		.family = server->family,
	};

	return lbdr_config_tunnel_cmp(&key, other) < 0;
}

/**
 * lbdr_config_add_tunnel() - Make a staged server known by its address if it has a tunnel
 * @config: the transaction
 * @server: the server
 *
 * Context: see above.
 */
void lbdr_config_add_tunnel(struct lbdr_config *config, struct lbdr_staged_server *server)
{
	if (server->settings.tunnel.type != LBDR_TUNNEL_NONE &&
	    RB_EMPTY_NODE(&server->tunnel))
		rb_add(&server->tunnel, &config->tunnels, lbdr_config_tunnel_less);
}

/**
 * lbdr_config_del_tunnel() - Undo lbdr_config_add_tunnel()
 * @config: the transaction
 * @server: the server; nothing is done if it was not added
 *
 * Context: see above.
 */
void lbdr_config_del_tunnel(struct lbdr_config *config, struct lbdr_staged_server *server)
{
	if (RB_EMPTY_NODE(&server->tunnel))
		return;
	rb_erase(&server->tunnel, &config->tunnels);
	RB_CLEAR_NODE(&server->tunnel);
}

/* Whether the transaction @config keeps a live service, and the service is not held. */
static bool lbdr_config_keeps(const struct lbdr_service *service, void *config)
{
	const struct lbdr_staged_service *staged =
		lbdr_config_find(config, &service->key);

	if (staged)
		return staged->present && !staged->hold;
	return !((const struct lbdr_config *)config)->flush && !service->held;
}

/**
 * lbdr_config_overlaps() - Check whether a range of ports overlaps another one
 * @config: the transaction
 * @key: of a service that @config is to add
 *
 * Context: see above.
 */
bool lbdr_config_overlaps(struct lbdr_config *config,
			  const struct lbdr_service_key *key)
{
	const struct lbdr_staged_service *staged;
	struct rb_node *node;

	if (!key->last_port)
		return false;
	rb_for_each(node, &key->addr, &config->by_key, lbdr_config_vip_cmp) {
		staged = lbdr_staged_of_node(node);
		if (staged->present && !staged->hold &&
		    !lbdr_service_key_equal(&staged->key, key) &&
		    lbdr_service_overlap(&staged->key, key))
			return true;
	}
	return lbdr_range_overlapping(config->ln, key, lbdr_config_keeps, config);
}

static bool lbdr_key_has_vip(const struct lbdr_service_key *key, enum lbdr_family family,
			     const union nf_inet_addr *addr)
{
	return key->family == family && !lbdr_service_key_marked(key) &&
	       nf_inet_addr_cmp(&key->addr, addr);
}

static bool lbdr_config_maybe_vip(const struct lbdr_net *ln, enum lbdr_family family,
				  const union nf_inet_addr *addr)
{
	bool maybe;

	rcu_read_lock();
	maybe = family == LBDR_V4 ? lbdr_vips_has4(ln, addr->ip) :
				    lbdr_vips_has6(ln, &addr->in6);
	rcu_read_unlock();
	return maybe;
}

/**
 * lbdr_config_has_vip() - Check whether an address is the VIP of a service
 * @config: the transaction
 * @family: of the address
 * @addr: the address
 *
 * Context: see above.
 */
bool lbdr_config_has_vip(struct lbdr_config *config, enum lbdr_family family,
			 const union nf_inet_addr *addr)
{
	const struct lbdr_staged_service *staged;
	const struct lbdr_service *service;
	struct rb_node *node;

	rb_for_each(node, addr, &config->by_key, lbdr_config_vip_cmp) {
		staged = lbdr_staged_of_node(node);
		if (staged->present && !staged->hold &&
		    lbdr_key_has_vip(&staged->key, family, addr))
			return true;
	}
	if (!lbdr_config_maybe_vip(config->ln, family, addr))
		return false;
	list_for_each_entry(service, &config->ln->service_list, list)
		if (lbdr_key_has_vip(&service->key, family, addr) &&
		    lbdr_config_keeps(service, config))
			return true;
	return false;
}

static bool lbdr_staged_has_tunnel(const struct lbdr_staged_server *server)
{
	return server->present && !server->settings.hold &&
	       server->settings.tunnel.type != LBDR_TUNNEL_NONE;
}

/* Whether a live server has a tunnel after the transaction. */
static bool lbdr_config_keeps_tunnel(struct lbdr_config *config,
				     const struct lbdr_server *server)
{
	const struct lbdr_staged_service *staged;
	const struct lbdr_staged_server *change;

	staged = lbdr_config_find(config, &server->service->key);
	if (!staged)
		return !config->flush && !server->held &&
		       rcu_access_pointer(server->tunnel);
	if (!staged->present)
		return false;
	change = lbdr_staged_find(staged, server->family, &server->addr);
	if (change)
		return lbdr_staged_has_tunnel(change);
	return !staged->whole && !staged->hold_rest && !server->held &&
	       rcu_access_pointer(server->tunnel);
}

/**
 * lbdr_config_has_tunnel() - Check whether a tunnel leads to an address
 * @config: the transaction
 * @family: of the address
 * @addr: the address
 *
 * Context: see above.
 */
bool lbdr_config_has_tunnel(struct lbdr_config *config, enum lbdr_family family,
			    const union nf_inet_addr *addr)
{
	const struct lbdr_server_key key = { .addr = *addr, .family = family };
	const struct lbdr_staged_server *staged;
	const struct lbdr_service *service;
	const struct lbdr_server *server;
	struct rb_node *node;
	bool maybe;

	rb_for_each(node, &key, &config->tunnels, lbdr_config_tunnel_cmp) {
		staged = lbdr_tunnel_of_node(node);
		if (staged->service->present && lbdr_staged_has_tunnel(staged))
			return true;
	}
	/* A live server has a next hop. */
	rcu_read_lock();
	maybe = lbdr_nexthop_lookup(config->ln, family, addr, 0);
	rcu_read_unlock();
	if (!maybe)
		return false;
	list_for_each_entry(service, &config->ln->service_list, list)
		list_for_each_entry(server, &service->servers, list)
			if (lbdr_server_is(server, family, addr) &&
			    lbdr_config_keeps_tunnel(config, server))
				return true;
	return false;
}

/**
 * lbdr_config_conflicts() - Check a staged service and its servers once more at commit
 * @config: the transaction
 * @staged: the service, present
 *
 * Context: see above.
 * Return: true if a tunnel leads to its address, or one of its tunnels to a VIP.
 */
bool lbdr_config_conflicts(struct lbdr_config *config,
			   const struct lbdr_staged_service *staged)
{
	const struct lbdr_staged_server *server;

	if (!staged->hold && !lbdr_service_key_marked(&staged->key) &&
	    lbdr_config_has_tunnel(config, staged->key.family, &staged->key.addr))
		return true;
	list_for_each_entry(server, &staged->servers, list)
		if (lbdr_staged_has_tunnel(server) &&
		    lbdr_config_has_vip(config, server->family, &server->addr))
			return true;
	return false;
}
