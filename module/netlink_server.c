// SPDX-License-Identifier: GPL-2.0
/*
 * Netlink: real servers.
 */
#include "addr.h"
#include "hold.h"
#include "netlink.h"
#include "nexthop.h"

/* The names of a server in a message. */
struct lbdr_nl_server_key {
	struct lbdr_service_key	service;
	union nf_inet_addr	addr;
	enum lbdr_family	family;
};

static int lbdr_nl_parse_server_key(struct genl_info *info,
				    struct lbdr_nl_server_key *key)
{
	const struct nlattr *address = info->attrs[LBDR_A_SERVER_ADDRESS];
	int err;

	err = lbdr_nl_parse_nested_key(lbdr_net(genl_info_net(info)),
				       info->attrs[LBDR_A_SERVER_SERVICE],
				       &key->service, info->extack);
	if (err)
		return err;
	if (!address) {
		GENL_SET_ERR_MSG(info, "address of the server is required");
		return -EINVAL;
	}
	/* lbdr_nl_parse_tunnel() checks whether a server may be of the other family. */
	key->family = lbdr_nl_addr_family(address, key->service.family);
	err = lbdr_nl_parse_addr(address, key->family, &key->addr, info->extack);
	if (err)
		return err;
	if (!lbdr_addr_is_server(key->family, &key->addr)) {
		NL_SET_ERR_MSG_ATTR(info->extack, address,
				    "invalid address: must be unicast and not link-local");
		return -EINVAL;
	}
	return 0;
}

/* No forwarding method changes a port: another port than the service's is a label. */
static int lbdr_nl_parse_label(const struct genl_info *info,
			       const struct lbdr_service_key *service,
			       __be16 *port)
{
	const struct nlattr *attr = info->attrs[LBDR_A_SERVER_PORT];

	if (!attr)
		return 0;
	*port = nla_get_be16(attr) ?: service->port;
	if (!service->last_port || *port == service->port)
		return 0;
	NL_SET_ERR_MSG_ATTR(info->extack, attr,
			    "invalid port of the server: must be the first one of the service's range");
	return -EINVAL;
}

static int lbdr_nl_parse_forward(const struct genl_info *info)
{
	const struct nlattr *forward = info->attrs[LBDR_A_SERVER_FORWARD];
	const struct nlattr *tunnel = info->attrs[LBDR_A_SERVER_TUNNEL];

	if (!forward)
		return 0;
	if (nla_get_u8(forward) == LBDR_FORWARD_LOCAL) {
		NL_SET_ERR_MSG_ATTR(info->extack, forward,
				    "invalid forwarding method: local is reported only");
		return -EOPNOTSUPP;
	}
	if ((nla_get_u8(forward) == LBDR_FORWARD_TUNNEL) !=
	    (tunnel && nla_get_u8(tunnel) != LBDR_TUNNEL_NONE)) {
		NL_SET_ERR_MSG_ATTR(info->extack, forward,
				    "invalid forwarding method: a tunnel is required with tunnel, and not valid with dr");
		return -EINVAL;
	}
	return 0;
}

/* Changes @settings by the attributes that are present. */
static int lbdr_nl_parse_server_settings(const struct genl_info *info,
					 const struct lbdr_nl_server_key *key,
					 struct lbdr_server_settings *settings)
{
	struct nlattr **attrs = info->attrs;
	int err;

	if (attrs[LBDR_A_SERVER_WEIGHT])
		settings->weight = nla_get_u32(attrs[LBDR_A_SERVER_WEIGHT]);
	if (attrs[LBDR_A_SERVER_UPPER])
		settings->upper = nla_get_u32(attrs[LBDR_A_SERVER_UPPER]);
	if (attrs[LBDR_A_SERVER_LOWER])
		settings->lower = nla_get_u32(attrs[LBDR_A_SERVER_LOWER]);
	if (settings->lower > settings->upper) {
		GENL_SET_ERR_MSG(info,
				 "invalid thresholds: the lower one must not be above the upper one");
		return -ERANGE;
	}
	err = lbdr_nl_parse_label(info, &key->service, &settings->port);
	if (err)
		return err;
	return lbdr_nl_parse_tunnel(info, &key->service, key->family,
				    &settings->tunnel);
}

/* Reports the error of adding or changing a server. */
static int lbdr_nl_server_error(const struct lbdr_nl_cmd *cmd, int err)
{
	struct genl_info *info = cmd->info;
	const struct nlattr *attr = info->attrs[LBDR_A_SERVER_ADDRESS];

	switch (err) {
	case 0:
		return 0;
	case -EEXIST:
		GENL_SET_ERR_MSG(info, "server exists already in this service");
		return err;
	case -EADDRINUSE:
		NL_SET_ERR_MSG_ATTR(info->extack, attr,
				    "invalid address: a tunnel cannot lead to the address of a service");
		return -EINVAL;
	case -EADDRNOTAVAIL:
		NL_SET_ERR_MSG_ATTR(info->extack, attr,
				    "invalid address: a tunnel cannot lead to a local address; add the server without a tunnel");
		return -EINVAL;
	}
	return lbdr_nl_stage_error(info, err);
}

/*
 * A warning, not a refusal, since a director may be configured before its NIC is
 * up.
 */
static void lbdr_nl_warn_route(const struct lbdr_nl_cmd *cmd,
			       const struct lbdr_nl_server_key *key)
{
	const struct lbdr_service *service;
	const struct lbdr_route *route;
	struct lbdr_server *server;
	bool reachable;
	u8 why;

	service = lbdr_service_find(cmd->ln, &key->service);
	server = service ? lbdr_server_find(service, key->family, &key->addr) :
			   NULL;
	if (!server)
		return;
	rcu_read_lock();
	route = lbdr_nexthop_route(server->nexthop);
	reachable = lbdr_server_reachable(server, route);
	why = route->why;
	rcu_read_unlock();
	if (reachable)
		return;
	if (why == LBDR_DROP_NOT_ONLINK)
		GENL_SET_ERR_MSG(cmd->info,
				 "added, but the server is behind a router, where its MAC cannot be set");
	else
		GENL_SET_ERR_MSG(cmd->info,
				 "added, but there is no route to the server now");
}

static int lbdr_nl_stage_server_new(struct lbdr_nl_cmd *cmd,
				    const struct lbdr_nl_server_key *key)
{
	struct lbdr_server_settings settings = {
		.weight = 1,
		.port = key->service.port,
	};
	struct lbdr_staged_service *service;
	int err;

	service = lbdr_nl_staged_service(cmd, &key->service);
	if (IS_ERR(service))
		return PTR_ERR(service);
	err = lbdr_nl_parse_server_settings(cmd->info, key, &settings);
	if (err)
		return err;
	err = lbdr_config_server_add(cmd->config, service, key->family,
				     &key->addr, &settings);
	return lbdr_nl_server_error(cmd, err);
}

/* The staged state of the server that a command names, and of its service. */
static struct lbdr_staged_server *
lbdr_nl_staged_server(struct lbdr_nl_cmd *cmd,
		      const struct lbdr_nl_server_key *key,
		      struct lbdr_staged_service **service)
{
	struct lbdr_staged_server *staged;

	*service = lbdr_nl_staged_service(cmd, &key->service);
	if (IS_ERR(*service))
		return ERR_CAST(*service);
	staged = lbdr_config_server(cmd->config, *service, key->family,
				    &key->addr);
	if (IS_ERR(staged))
		lbdr_nl_stage_error(cmd->info, PTR_ERR(staged));
	return staged;
}

/* A held server can be added and removed. */
static int lbdr_nl_refuse_held(const struct genl_info *info,
			       const struct lbdr_staged_server *staged)
{
	if (!staged->settings.hold)
		return 0;
	GENL_SET_ERR_MSG(info,
			 "server not found in this service: it is held, add it first");
	return -ENOENT;
}

static int lbdr_nl_stage_server_set(struct lbdr_nl_cmd *cmd,
				    const struct lbdr_nl_server_key *key)
{
	struct lbdr_server_settings settings;
	struct lbdr_staged_service *service;
	struct lbdr_staged_server *staged;
	int err;

	staged = lbdr_nl_staged_server(cmd, key, &service);
	if (IS_ERR(staged))
		return PTR_ERR(staged);
	settings = staged->settings;
	err = lbdr_nl_refuse_held(cmd->info, staged) ?:
	      lbdr_nl_parse_server_settings(cmd->info, key, &settings);
	if (err)
		return err;
	err = lbdr_config_server_set(cmd->config, staged, &settings);
	return lbdr_nl_server_error(cmd, err);
}

static int lbdr_nl_stage_server_del(struct lbdr_nl_cmd *cmd,
				    const struct lbdr_nl_server_key *key)
{
	bool drain = cmd->info->attrs[LBDR_A_SERVER_DRAIN];
	const struct nlattr *hold = cmd->info->attrs[LBDR_A_SERVER_HOLD];
	struct lbdr_staged_service *service;
	struct lbdr_staged_server *staged;

	if (drain && hold) {
		NL_SET_ERR_MSG_ATTR(cmd->info->extack, hold,
				    "drain and hold exclude each other");
		return -EINVAL;
	}
	staged = lbdr_nl_staged_server(cmd, key, &service);
	if (IS_ERR(staged))
		return PTR_ERR(staged);
	if (drain && lbdr_nl_refuse_held(cmd->info, staged))
		return -ENOENT;
	if (drain)
		lbdr_config_server_drain(cmd->config, service, staged);
	else if (hold)
		lbdr_config_server_hold(cmd->config, service, staged,
					nla_get_u32(hold), true);
	else
		lbdr_config_server_del(cmd->config, service, staged);
	return 0;
}

/* Stages a command by @stage in its transaction. */
static int lbdr_nl_change_server(struct genl_info *info,
				 int (*stage)(struct lbdr_nl_cmd *cmd,
					      const struct lbdr_nl_server_key *key))
{
	struct lbdr_nl_server_key key;
	struct lbdr_nl_cmd cmd;
	int err;

	err = lbdr_nl_parse_server_key(info, &key) ?:
	      lbdr_nl_cmd_begin(&cmd, info, LBDR_A_SERVER_BATCH);
	if (err)
		return err;
	err = lbdr_nl_cmd_commit(&cmd, stage(&cmd, &key));
	/* Of many servers this would take long, and listings show it too. */
	if (!err && !cmd.batch && stage == lbdr_nl_stage_server_new)
		lbdr_nl_warn_route(&cmd, &key);
	lbdr_nl_cmd_end(&cmd);
	return err;
}

/**
 * lbdr_nl_server_new_doit() - Add a server to a service
 * @skb: the request
 * @info: the request
 *
 * Context: process.
 * Return: 0 or a negative error.
 */
int lbdr_nl_server_new_doit(struct sk_buff *skb, struct genl_info *info)
{
	return lbdr_nl_parse_forward(info) ?:
	       lbdr_nl_change_server(info, lbdr_nl_stage_server_new);
}
EXPORT_SYMBOL_FOR_KUNIT(lbdr_nl_server_new_doit);

/**
 * lbdr_nl_server_set_doit() - Change the settings of a server
 * @skb: the request
 * @info: the request
 *
 * Context: process.
 * Return: 0 or a negative error.
 */
int lbdr_nl_server_set_doit(struct sk_buff *skb, struct genl_info *info)
{
	return lbdr_nl_parse_forward(info) ?:
	       lbdr_nl_change_server(info, lbdr_nl_stage_server_set);
}
EXPORT_SYMBOL_FOR_KUNIT(lbdr_nl_server_set_doit);

/**
 * lbdr_nl_server_del_doit() - Remove a server, let it drain, or hold it
 * @skb: the request
 * @info: the request
 *
 * Context: process.
 * Return: 0 or a negative error.
 */
int lbdr_nl_server_del_doit(struct sk_buff *skb, struct genl_info *info)
{
	return lbdr_nl_change_server(info, lbdr_nl_stage_server_del);
}
EXPORT_SYMBOL_FOR_KUNIT(lbdr_nl_server_del_doit);

/* How the server is reached now. */
static int lbdr_nl_put_route(struct sk_buff *msg, struct lbdr_server *server,
			     bool lookup)
{
	const struct lbdr_route *route;
	u8 forward = LBDR_FORWARD_DR;
	u32 ifindex = 0;

	if (rcu_access_pointer(server->tunnel))
		forward = LBDR_FORWARD_TUNNEL;

	rcu_read_lock();
	route = lookup ? lbdr_nexthop_route(server->nexthop) :
			 lbdr_nexthop_known_route(server->nexthop);
	if (route && lbdr_server_reachable(server, route))
		ifindex = dst_dev_rcu(route->dst)->ifindex;
	if (route && route->local)
		forward = LBDR_FORWARD_LOCAL;
	rcu_read_unlock();

	return nla_put_u8(msg, LBDR_A_SERVER_FORWARD, forward) ||
	       (ifindex && nla_put_u32(msg, LBDR_A_SERVER_IFINDEX, ifindex));
}

/**
 * lbdr_nl_put_server() - Put all attributes of a server
 * @msg: the message; some attributes may have been put on error
 * @service: its service
 * @server: the server
 * @lookup: look the route up if none is cached, which allocates memory
 *
 * Context: process, lbdr_net.lock held.
 * Return: 0 or -EMSGSIZE.
 */
int lbdr_nl_put_server(struct sk_buff *msg, const struct lbdr_service *service,
		       struct lbdr_server *server, bool lookup)
{
	struct lbdr_server_settings settings;
	struct lbdr_counts counts;

	lbdr_server_settings(server, &settings);
	lbdr_server_counts(server, &counts);
	if (lbdr_nl_nest_key(msg, LBDR_A_SERVER_SERVICE, service) ||
	    lbdr_nl_put_addr(msg, LBDR_A_SERVER_ADDRESS, server->family,
			     &server->addr) ||
	    nla_put_be16(msg, LBDR_A_SERVER_PORT, server->port) ||
	    (server->draining && nla_put_flag(msg, LBDR_A_SERVER_DRAIN)) ||
	    (server->held &&
	     nla_put_u32(msg, LBDR_A_SERVER_HOLD,
			 lbdr_hold_left(server->hold_until))) ||
	    nla_put_u32(msg, LBDR_A_SERVER_WEIGHT, server->weight) ||
	    nla_put_u32(msg, LBDR_A_SERVER_UPPER, server->upper) ||
	    nla_put_u32(msg, LBDR_A_SERVER_LOWER, server->lower) ||
	    nla_put_u32(msg, LBDR_A_SERVER_ACTIVE,
			lbdr_server_active(server)) ||
	    nla_put_u32(msg, LBDR_A_SERVER_INACTIVE,
			lbdr_server_inactive(server)) ||
	    nla_put_u32(msg, LBDR_A_SERVER_PERSISTENT,
			lbdr_server_persistent(server)) ||
	    (READ_ONCE(server->overloaded) &&
	     nla_put_flag(msg, LBDR_A_SERVER_OVERLOADED)) ||
	    (server->unreachable &&
	     nla_put_flag(msg, LBDR_A_SERVER_UNREACHABLE)) ||
	    lbdr_nl_put_counts(msg, LBDR_A_SERVER_STATS, &counts) ||
	    lbdr_nl_put_route(msg, server, lookup) ||
	    lbdr_nl_put_tunnel(msg, server->family, &settings.tunnel))
		return -EMSGSIZE;
	return 0;
}

static bool lbdr_nl_dump_capable(const struct netlink_callback *cb,
				 const struct lbdr_net *ln)
{
	return netlink_ns_capable(cb->skb, ln->net->user_ns, CAP_NET_ADMIN);
}

/**
 * lbdr_nl_fill_server() - Fill in a message on a server
 * @msg: the message; unchanged on error
 * @portid: for the header
 * @seq: for the header
 * @flags: for the header
 * @cmd: for the header
 * @service: its service
 * @server: the server
 * @cb: the dump that the message is part of, or NULL
 *
 * Context: process, lbdr_net.lock held.
 * Return: 0 or -EMSGSIZE.
 */
int lbdr_nl_fill_server(struct sk_buff *msg, u32 portid, u32 seq, int flags,
			u8 cmd, const struct lbdr_service *service,
			struct lbdr_server *server,
			struct netlink_callback *cb)
{
	void *hdr;

	hdr = genlmsg_put(msg, portid, seq, &lbdr_nl_family, flags, cmd);
	if (!hdr)
		return -EMSGSIZE;
	if (cb)
		genl_dump_check_consistent(cb, hdr);
	/* A dump does not require CAP_NET_ADMIN; a route takes memory. */
	if (lbdr_nl_put_server(msg, service, server,
			       !cb || lbdr_nl_dump_capable(cb, server->ln))) {
		genlmsg_cancel(msg, hdr);
		return -EMSGSIZE;
	}
	genlmsg_end(msg, hdr);
	return 0;
}

/* Whether all remaining servers of @service had room. */
static bool lbdr_nl_dump_servers(struct sk_buff *msg,
				 struct netlink_callback *cb,
				 const struct lbdr_service *service)
{
	bool with_held = lbdr_dump_attrs(cb)[LBDR_A_SERVER_WITH_HELD];
	struct lbdr_service_walk *next = (void *)cb->ctx;
	struct lbdr_server *server;
	u32 at = 0;

	list_for_each_entry(server, &service->servers, list) {
		if (at++ < next->server || (server->held && !with_held))
			continue;
		if (lbdr_nl_fill_server(msg, NETLINK_CB(cb->skb).portid,
					cb->nlh->nlmsg_seq, NLM_F_MULTI,
					LBDR_CMD_SERVER_GET, service, server,
					cb))
			return false;
		next->server = at;
	}
	next->server = 0;
	next->index++;
	return true;
}

static void lbdr_nl_dump_all_servers(struct sk_buff *msg,
				     struct netlink_callback *cb,
				     const struct lbdr_net *ln)
{
	struct lbdr_service_walk *next = (void *)cb->ctx;
	struct lbdr_service *service = lbdr_service_walk(ln, next);

	if (!service)
		return;
	list_for_each_entry_from(service, &ln->service_list, list) {
		next->service = service;
		if (!lbdr_nl_dump_servers(msg, cb, service))
			return;
	}
	/* Complete: nothing is found at this index. */
	next->service = NULL;
}

/**
 * lbdr_nl_server_get_dumpit() - Dump the servers of one service, or of all
 * @msg: the message
 * @cb: ctx is a struct lbdr_service_walk
 *
 * Context: process.
 * Return: bytes filled in, or a negative error.
 */
int lbdr_nl_server_get_dumpit(struct sk_buff *msg, struct netlink_callback *cb)
{
	const struct nlattr *nest = lbdr_dump_attrs(cb)[LBDR_A_SERVER_SERVICE];
	struct lbdr_net *ln = lbdr_net(sock_net(cb->skb->sk));
	struct lbdr_service_walk *next = (void *)cb->ctx;
	struct lbdr_service *service = NULL;
	struct lbdr_service_key key;
	int err;

	if (nest) {
		err = lbdr_nl_parse_nested_key(ln, nest, &key, cb->extack);
		if (err)
			return err;
	}

	lbdr_lock(ln);
	lbdr_nl_dump_begin(cb, ln);
	if (nest)
		service = lbdr_dump_attrs(cb)[LBDR_A_SERVER_WITH_HELD] ?
			  lbdr_nl_find_service_any(ln, &key, cb->extack) :
			  lbdr_nl_find_service(ln, &key, cb->extack);
	err = PTR_ERR_OR_ZERO(service);
	if (!nest)
		lbdr_nl_dump_all_servers(msg, cb, ln);
	else if (!err && !next->index)
		lbdr_nl_dump_servers(msg, cb, service);
	lbdr_unlock(ln);
	return err ?: msg->len;
}
