// SPDX-License-Identifier: GPL-2.0
/*
 * Commands of family IPVS on servers, which the family calls destinations.
 */
#include "ipvs.h"

/* The settings that have no form in family IPVS stay. */
static void lbdr_ipvs_keep_settings(struct lbdr_server_settings *to,
				    const struct lbdr_server_settings *from)
{
	/* Only lbctl(8) begins and ends a drain. */
	to->drain = from->drain;
	if (to->tunnel.type == LBDR_TUNNEL_NONE || to->tunnel.type != from->tunnel.type)
		return;
	to->tunnel.ttl = from->tunnel.ttl;
	to->tunnel.df = from->tunnel.df;
	to->tunnel.source = from->tunnel.source;
	to->tunnel.prefix = from->tunnel.prefix;
}

/*
 * ip_vs gives packets to a local address to the stack, whatever the forwarding method is.
 * Returns true if the server can do without its tunnel, and has none any more.
 */
static bool lbdr_ipvs_make_local(struct lbdr_ipvs_server *server)
{
	if (server->family != server->service.family)
		return false;
	memset(&server->settings.tunnel, 0, sizeof(server->settings.tunnel));
	return true;
}

/* Logs why a server is refused for the address that its tunnel leads to. */
static int lbdr_ipvs_refuse_tunnel(const struct genl_info *info,
				   const struct lbdr_ipvs_server *server, int err)
{
	switch (err) {
	case -EADDRINUSE:
		lbdr_ipvs_refuse(info, &server->service,
				 "invalid address of a server: a tunnel cannot lead to the address of a service");
		return -EINVAL;
	case -EADDRNOTAVAIL:
		lbdr_ipvs_refuse(info, &server->service,
				 "invalid address of a server: a local address must be of the service's family");
		return -EINVAL;
	}
	return err;
}

static int lbdr_ipvs_stage_server_new(struct lbdr_config *config,
				      const struct genl_info *info,
				      struct lbdr_staged_service *service,
				      struct lbdr_ipvs_server *server)
{
	struct lbdr_staged_server *staged;
	int err;

	err = lbdr_config_server_add(config, service, server->family,
				     &server->addr, &server->settings);
	if (err == -EADDRNOTAVAIL && lbdr_ipvs_make_local(server))
		err = lbdr_config_server_add(config, service, server->family,
					     &server->addr, &server->settings);
	if (err != -EEXIST)
		return lbdr_ipvs_refuse_tunnel(info, server, err);
	staged = lbdr_config_server(config, service, server->family, &server->addr);
	if (!IS_ERR(staged) && staged->settings.port != server->settings.port)
		lbdr_ipvs_refuse(info, &server->service,
				 "the server exists with another port: no forwarding method changes a port, so a service has an address once");
	return err;
}

static int lbdr_ipvs_stage_server_set(struct lbdr_config *config,
				      const struct genl_info *info,
				      struct lbdr_staged_server *staged,
				      struct lbdr_ipvs_server *server)
{
	int err;

	lbdr_ipvs_keep_settings(&server->settings, &staged->settings);
	err = lbdr_config_server_set(config, staged, &server->settings);
	if (err == -EADDRNOTAVAIL && lbdr_ipvs_make_local(server))
		err = lbdr_config_server_set(config, staged, &server->settings);
	return lbdr_ipvs_refuse_tunnel(info, server, err);
}

static int lbdr_ipvs_stage_server(struct lbdr_config *config,
				  const struct genl_info *info,
				  struct lbdr_ipvs_server *server)
{
	u32 hold = lbdr_ipvs_hold(config->ln->net);
	struct lbdr_staged_service *service;
	struct lbdr_staged_server *staged;
	u8 cmd = info->genlhdr->cmd;

	service = lbdr_config_service(config, &server->service);
	if (IS_ERR(service))
		return PTR_ERR(service);
	if (cmd == IPVS_CMD_NEW_DEST)
		return lbdr_ipvs_stage_server_new(config, info, service, server);
	staged = lbdr_config_server(config, service, server->family, &server->addr);
	if (IS_ERR(staged))
		return PTR_ERR(staged);
	if (staged->settings.hold || staged->settings.port != server->settings.port)
		return -ENOENT;
	if (cmd == IPVS_CMD_SET_DEST)
		return lbdr_ipvs_stage_server_set(config, info, staged, server);
	/* A program that restarts removes the service next, and its servers are awaited then. */
	if (hold)
		lbdr_config_server_hold(config, service, staged, hold, false);
	else
		lbdr_config_server_del(config, service, staged);
	return 0;
}

/*
 * The service is looked up before the attributes of the server are parsed, and once more
 * in the transaction: clients expect -ESRCH before other errors.
 */
static int lbdr_ipvs_find_service(struct genl_info *info,
				  struct lbdr_service_key *key)
{
	struct lbdr_net *ln = lbdr_net(genl_info_net(info));
	struct nlattr *attrs[IPVS_SVC_ATTR_MAX + 1];
	bool found;
	int err;

	err = lbdr_ipvs_parse_service(info, info->attrs[IPVS_CMD_ATTR_SERVICE],
				      key, attrs);
	if (err)
		return err;
	lbdr_lock(ln);
	found = lbdr_ipvs_find(ln, key);
	lbdr_unlock(ln);
	return found ? 0 : -ESRCH;
}

static int lbdr_ipvs_change_server(struct genl_info *info)
{
	struct lbdr_ipvs_server server;
	struct lbdr_config *config;
	int err;

	err = lbdr_ipvs_find_service(info, &server.service) ?:
	      lbdr_ipvs_parse_server(info, &server);
	if (err)
		return err;
	config = lbdr_ipvs_begin(info);
	if (IS_ERR(config))
		return PTR_ERR(config);
	return lbdr_ipvs_end(config,
			     lbdr_ipvs_stage_server(config, info, &server));
}

/**
 * lbdr_ipvs_new_dest() - IPVS_CMD_NEW_DEST: add a server to a service
 * @skb: the request
 * @info: the request
 *
 * Context: process.
 * Return: 0 or a negative error.
 */
int lbdr_ipvs_new_dest(struct sk_buff *skb, struct genl_info *info)
{
	return lbdr_ipvs_change_server(info);
}

/**
 * lbdr_ipvs_set_dest() - IPVS_CMD_SET_DEST: change the settings of a server
 * @skb: the request
 * @info: the request
 *
 * Context: process.
 * Return: 0 or a negative error.
 */
int lbdr_ipvs_set_dest(struct sk_buff *skb, struct genl_info *info)
{
	return lbdr_ipvs_change_server(info);
}

/**
 * lbdr_ipvs_del_dest() - IPVS_CMD_DEL_DEST: remove a server
 * @skb: the request
 * @info: the request
 *
 * Context: process.
 * Return: 0 or a negative error.
 */
int lbdr_ipvs_del_dest(struct sk_buff *skb, struct genl_info *info)
{
	return lbdr_ipvs_change_server(info);
}

static int lbdr_ipvs_put_server(struct sk_buff *msg,
				const struct lbdr_server *server)
{
	struct nlattr *nest = nla_nest_start_noflag(msg, IPVS_CMD_ATTR_DEST);
	struct lbdr_server_settings settings;
	struct lbdr_ipvs_sums sums;

	lbdr_server_settings(server, &settings);
	lbdr_ipvs_server_sums(server, &sums);
	if (!nest ||
	    lbdr_ipvs_put_addr(msg, IPVS_DEST_ATTR_ADDR, &server->addr) ||
	    nla_put_be16(msg, IPVS_DEST_ATTR_PORT, settings.port) ||
	    lbdr_ipvs_put_forward(msg, &settings.tunnel) ||
	    nla_put_u32(msg, IPVS_DEST_ATTR_WEIGHT, settings.weight) ||
	    nla_put_u32(msg, IPVS_DEST_ATTR_U_THRESH, settings.upper) ||
	    nla_put_u32(msg, IPVS_DEST_ATTR_L_THRESH, settings.lower) ||
	    nla_put_u32(msg, IPVS_DEST_ATTR_ACTIVE_CONNS,
			lbdr_server_active(server)) ||
	    nla_put_u32(msg, IPVS_DEST_ATTR_INACT_CONNS,
			lbdr_server_inactive(server)) ||
	    nla_put_u32(msg, IPVS_DEST_ATTR_PERSIST_CONNS,
			lbdr_server_persistent(server)) ||
	    nla_put_u16(msg, IPVS_DEST_ATTR_ADDR_FAMILY,
			lbdr_af(server->family)) ||
	    lbdr_ipvs_put_sums(msg, IPVS_DEST_ATTR_STATS,
			       IPVS_DEST_ATTR_STATS64, &sums))
		return -EMSGSIZE;
	nla_nest_end(msg, nest);
	return 0;
}

static int lbdr_ipvs_fill_server(struct sk_buff *msg,
				 struct netlink_callback *cb,
				 const struct lbdr_server *server)
{
	void *hdr = genlmsg_put(msg, NETLINK_CB(cb->skb).portid,
				cb->nlh->nlmsg_seq, &lbdr_ipvs_family,
				NLM_F_MULTI, IPVS_CMD_NEW_DEST);

	if (!hdr)
		return -EMSGSIZE;
	if (lbdr_ipvs_put_server(msg, server)) {
		genlmsg_cancel(msg, hdr);
		return -EMSGSIZE;
	}
	genlmsg_end(msg, hdr);
	return 0;
}

/**
 * lbdr_ipvs_dump_dests() - IPVS_CMD_GET_DEST: dump the servers of a service
 * @msg: the message
 * @cb: args[0] is the index of the next server
 *
 * The key is parsed for each message: generic netlink parses no attributes of a dump
 * with GENL_DONT_VALIDATE_DUMP.
 *
 * Context: process.
 * Return: bytes filled in: 0, thus an empty dump, if there is no such service.
 */
int lbdr_ipvs_dump_dests(struct sk_buff *msg, struct netlink_callback *cb)
{
	const struct nlattr *nest = nlmsg_find_attr(cb->nlh, GENL_HDRLEN,
						    IPVS_CMD_ATTR_SERVICE);
	struct lbdr_net *ln = lbdr_net(sock_net(cb->skb->sk));
	const struct genl_info info = { .extack = cb->extack };
	struct nlattr *attrs[IPVS_SVC_ATTR_MAX + 1];
	const struct lbdr_service *service;
	const struct lbdr_server *server;
	struct lbdr_service_key key;
	long at = 0;

	if (lbdr_ipvs_parse_service(&info, nest, &key, attrs))
		return msg->len;
	lbdr_lock(ln);
	service = lbdr_ipvs_find(ln, &key);
	if (!service)
		goto out;
	list_for_each_entry(server, &service->servers, list) {
		if (at++ < cb->args[0] || server->held)
			continue;
		if (lbdr_ipvs_fill_server(msg, cb, server))
			break;
		cb->args[0] = at;
	}
out:
	lbdr_unlock(ln);
	return msg->len;
}
