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
 * their address in two hash tables. Context of all functions: process, lbdr_net.lock held
 * (lbdr_net.config for a single command and at commit).
 */
#include <linux/hash.h>

#include "config.h"
#include "nexthop.h"
#include "range.h"
#include "vip.h"

static struct hlist_head *lbdr_config_chain(struct hlist_head *chains,
					    const union nf_inet_addr *addr)
{
	u32 bits = addr->all[0] ^ addr->all[1] ^ addr->all[2] ^ addr->all[3];

	return &chains[hash_32(bits, ilog2(LBDR_CONFIG_CHAINS))];
}

/**
 * lbdr_config_add_vip() - Make a staged service known by its VIP
 * @config: the transaction
 * @staged: the service
 *
 * Context: see above.
 */
void lbdr_config_add_vip(struct lbdr_config *config, struct lbdr_staged_service *staged)
{
	hlist_add_head(&staged->vip, lbdr_config_chain(config->vips, &staged->key.addr));
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
	    hlist_unhashed(&server->tunnel))
		hlist_add_head(&server->tunnel,
			       lbdr_config_chain(config->tunnels, &server->addr));
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

	if (!key->last_port)
		return false;
	hlist_for_each_entry(staged, lbdr_config_chain(config->vips, &key->addr), vip)
		if (staged->present && !staged->hold &&
		    !lbdr_service_key_equal(&staged->key, key) &&
		    lbdr_service_overlap(&staged->key, key))
			return true;
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

	hlist_for_each_entry(staged, lbdr_config_chain(config->vips, addr), vip)
		if (staged->present && !staged->hold &&
		    lbdr_key_has_vip(&staged->key, family, addr))
			return true;
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
	const struct lbdr_staged_server *staged;
	const struct lbdr_service *service;
	const struct lbdr_server *server;
	bool maybe;

	hlist_for_each_entry(staged, lbdr_config_chain(config->tunnels, addr), tunnel)
		if (staged->family == family && nf_inet_addr_cmp(&staged->addr, addr) &&
		    staged->service->present && lbdr_staged_has_tunnel(staged))
			return true;
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
