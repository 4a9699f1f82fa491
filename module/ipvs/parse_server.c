// SPDX-License-Identifier: GPL-2.0
/*
 * Servers of IPVS clients, from attributes to the core's structures and back.
 *
 * Parsing is as liberal as that of services (parse.c). A forwarding method is a number and
 * the attributes of a tunnel, which are read for tunnels only.
 */
#include "ipvs.h"

static const struct nla_policy lbdr_ipvs_server_policy[IPVS_DEST_ATTR_MAX + 1] = {
	[IPVS_DEST_ATTR_ADDR]		= { .type = NLA_BINARY,
					    .len = sizeof(union nf_inet_addr) },
	[IPVS_DEST_ATTR_PORT]		= { .type = NLA_U16 },
	[IPVS_DEST_ATTR_FWD_METHOD]	= { .type = NLA_U32 },
	[IPVS_DEST_ATTR_WEIGHT]		= { .type = NLA_U32 },
	[IPVS_DEST_ATTR_U_THRESH]	= { .type = NLA_U32 },
	[IPVS_DEST_ATTR_L_THRESH]	= { .type = NLA_U32 },
	[IPVS_DEST_ATTR_ACTIVE_CONNS]	= { .type = NLA_U32 },
	[IPVS_DEST_ATTR_INACT_CONNS]	= { .type = NLA_U32 },
	[IPVS_DEST_ATTR_PERSIST_CONNS]	= { .type = NLA_U32 },
	[IPVS_DEST_ATTR_STATS]		= { .type = NLA_NESTED },
	[IPVS_DEST_ATTR_STATS64]	= { .type = NLA_NESTED },
	[IPVS_DEST_ATTR_ADDR_FAMILY]	= { .type = NLA_U16 },
	[IPVS_DEST_ATTR_TUN_TYPE]	= { .type = NLA_U8 },
	[IPVS_DEST_ATTR_TUN_PORT]	= { .type = NLA_U16 },
	[IPVS_DEST_ATTR_TUN_FLAGS]	= { .type = NLA_U16 },
};

/* Types of tunnels; the index is that of family IPVS */
static const u8 lbdr_ipvs_tunnels[] = {
	[IP_VS_CONN_F_TUNNEL_TYPE_IPIP]	= LBDR_TUNNEL_IPIP,
	[IP_VS_CONN_F_TUNNEL_TYPE_GUE]	= LBDR_TUNNEL_GUE,
	[IP_VS_CONN_F_TUNNEL_TYPE_GRE]	= LBDR_TUNNEL_GRE,
};

static int lbdr_ipvs_parse_tunnel(const struct genl_info *info,
				  struct nlattr **attrs,
				  const struct lbdr_service_key *key,
				  struct lbdr_tunnel_settings *tunnel)
{
	const struct nlattr *flags = attrs[IPVS_DEST_ATTR_TUN_FLAGS];
	const struct nlattr *type = attrs[IPVS_DEST_ATTR_TUN_TYPE];
	const struct nlattr *port = attrs[IPVS_DEST_ATTR_TUN_PORT];

	if (type && nla_get_u8(type) >= ARRAY_SIZE(lbdr_ipvs_tunnels)) {
		lbdr_ipvs_refuse(info, key, "invalid type of a tunnel");
		return -EINVAL;
	}
	tunnel->type = lbdr_ipvs_tunnels[type ? nla_get_u8(type) : 0];
	if (tunnel->type == LBDR_TUNNEL_GUE)
		tunnel->port = port ? nla_get_be16(port) : 0;
	if (tunnel->type == LBDR_TUNNEL_GUE && !tunnel->port) {
		lbdr_ipvs_refuse(info, key, "a port is required with gue");
		return -EINVAL;
	}
	if (flags && nla_get_u16(flags) & IP_VS_TUNNEL_ENCAP_FLAG_REMCSUM) {
		lbdr_ipvs_refuse(info, key,
				 "remcsum is not available: the director cannot know whether the server accepts it");
		return -EOPNOTSUPP;
	}
	/* The header of ipip has no checksum over the packet. */
	if (flags && nla_get_u16(flags) & IP_VS_TUNNEL_ENCAP_FLAG_CSUM &&
	    tunnel->type != LBDR_TUNNEL_IPIP)
		tunnel->flags = LBDR_TUNNEL_FLAG_CSUM;
	return 0;
}

/* A server that is this host is found by its route. */
static int lbdr_ipvs_parse_forward(const struct genl_info *info,
				   struct nlattr **attrs,
				   const struct lbdr_service_key *key,
				   struct lbdr_tunnel_settings *tunnel)
{
	u32 method = nla_get_u32(attrs[IPVS_DEST_ATTR_FWD_METHOD]);

	switch (method & IP_VS_CONN_F_FWD_MASK) {
	case IP_VS_CONN_F_DROUTE:
	case IP_VS_CONN_F_LOCALNODE:
		return 0;
	case IP_VS_CONN_F_TUNNEL:
		return lbdr_ipvs_parse_tunnel(info, attrs, key, tunnel);
	case IP_VS_CONN_F_MASQ:
		lbdr_ipvs_refuse(info, key,
				 "NAT (masquerading) is not available: use direct routing or a tunnel");
		return -EOPNOTSUPP;
	}
	return -EINVAL;
}

static int lbdr_ipvs_parse_settings(const struct genl_info *info,
				    struct nlattr **attrs,
				    const struct lbdr_service_key *key,
				    struct lbdr_server_settings *settings)
{
	u32 weight, upper, lower;

	if (!attrs[IPVS_DEST_ATTR_FWD_METHOD] || !attrs[IPVS_DEST_ATTR_WEIGHT] ||
	    !attrs[IPVS_DEST_ATTR_U_THRESH] || !attrs[IPVS_DEST_ATTR_L_THRESH])
		return -EINVAL;
	weight = nla_get_u32(attrs[IPVS_DEST_ATTR_WEIGHT]);
	upper = nla_get_u32(attrs[IPVS_DEST_ATTR_U_THRESH]);
	lower = nla_get_u32(attrs[IPVS_DEST_ATTR_L_THRESH]);
	if (weight > LBDR_WEIGHT_MAX) {
		if (weight <= INT_MAX)
			lbdr_ipvs_refuse(info, key,
					 "invalid weight: must be 0 to 65535");
		return -ERANGE;
	}
	if (lower > upper)
		return -ERANGE;
	if (upper > INT_MAX)
		return -EINVAL;
	settings->weight = weight;
	settings->upper = upper;
	settings->lower = lower;
	return lbdr_ipvs_parse_forward(info, attrs, key, &settings->tunnel);
}

/**
 * lbdr_ipvs_parse_server() - Parse a server
 * @info: the command
 * @server: its service is set; the rest is filled in
 *
 * Context: process.
 * Return: 0, -EINVAL, -ERANGE, -EAFNOSUPPORT or -EOPNOTSUPP.
 */
int lbdr_ipvs_parse_server(const struct genl_info *info,
			   struct lbdr_ipvs_server *server)
{
	const struct nlattr *nest = info->attrs[IPVS_CMD_ATTR_DEST];
	const struct lbdr_service_key *key = &server->service;
	struct nlattr *attrs[IPVS_DEST_ATTR_MAX + 1];
	bool del = info->genlhdr->cmd == IPVS_CMD_DEL_DEST;
	int family = key->family;
	int err;

	memset(&server->settings, 0, sizeof(server->settings));
	if (!nest ||
	    nla_parse_nested_deprecated(attrs, IPVS_DEST_ATTR_MAX, nest,
					lbdr_ipvs_server_policy, info->extack))
		return -EINVAL;
	if (!attrs[IPVS_DEST_ATTR_ADDR] || !attrs[IPVS_DEST_ATTR_PORT])
		return -EINVAL;
	/* 0 is that of the service, as for programs that do not know the attribute. */
	if (attrs[IPVS_DEST_ATTR_ADDR_FAMILY] &&
	    nla_get_u16(attrs[IPVS_DEST_ATTR_ADDR_FAMILY]))
		family = lbdr_ipvs_parse_family(attrs[IPVS_DEST_ATTR_ADDR_FAMILY]);
	if (family < 0)
		return family;
	server->family = family;
	err = del ? 0 : lbdr_ipvs_parse_settings(info, attrs, key, &server->settings);
	if (err)
		return err;
	if (!del && family != key->family &&
	    server->settings.tunnel.type == LBDR_TUNNEL_NONE)
		return -EINVAL;
	err = lbdr_ipvs_parse_addr(attrs[IPVS_DEST_ATTR_ADDR], family, &server->addr);
	if (err)
		return err;
	if (!del && !lbdr_addr_is_server(family, &server->addr)) {
		lbdr_ipvs_refuse(info, key,
				 "invalid address of a server: must be unicast and not link-local");
		return -EINVAL;
	}
	/* No forwarding method changes a port: another port than the service's is a label. */
	server->settings.port = nla_get_be16(attrs[IPVS_DEST_ATTR_PORT]) ?: key->port;
	return 0;
}

/**
 * lbdr_ipvs_put_forward() - Put the forwarding method of a server
 * @msg: the message
 * @tunnel: settings of its tunnel
 *
 * Context: any.
 * Return: 0 or -EMSGSIZE.
 */
int lbdr_ipvs_put_forward(struct sk_buff *msg,
			  const struct lbdr_tunnel_settings *tunnel)
{
	u32 method = tunnel->type == LBDR_TUNNEL_NONE ? IP_VS_CONN_F_DROUTE :
							IP_VS_CONN_F_TUNNEL;
	u16 flags = tunnel->flags & LBDR_TUNNEL_FLAG_CSUM ?
		    IP_VS_TUNNEL_ENCAP_FLAG_CSUM : 0;
	u8 type = 0;
	u8 i;

	for (i = 0; i < ARRAY_SIZE(lbdr_ipvs_tunnels); i++)
		if (lbdr_ipvs_tunnels[i] == tunnel->type)
			type = i;
	return nla_put_u32(msg, IPVS_DEST_ATTR_FWD_METHOD, method) ?:
	       nla_put_u8(msg, IPVS_DEST_ATTR_TUN_TYPE, type) ?:
	       nla_put_be16(msg, IPVS_DEST_ATTR_TUN_PORT, tunnel->port) ?:
	       nla_put_u16(msg, IPVS_DEST_ATTR_TUN_FLAGS, flags);
}
