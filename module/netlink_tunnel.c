// SPDX-License-Identifier: GPL-2.0
/*
 * Netlink: the tunnel to a real server.
 */
#include <linux/inetdevice.h>
#include <net/ipv6.h>

#include "netlink.h"
#include "tunnel.h"

static int lbdr_nl_parse_tunnel_flags(const struct genl_info *info,
				      struct lbdr_tunnel_settings *tunnel)
{
	const struct nlattr *attr = info->attrs[LBDR_A_SERVER_TUNNEL_FLAGS];
	const struct nlattr *mask = info->attrs[LBDR_A_SERVER_TUNNEL_FLAGS_MASK];
	u32 bits = mask ? nla_get_u32(mask) : U32_MAX;

	if (mask && !attr) {
		NL_SET_ERR_MSG_ATTR(info->extack, mask,
				    "tunnel-flags are required with tunnel-flags-mask");
		return -EINVAL;
	}
	if (!attr)
		return 0;
	if (nla_get_u32(attr) & bits & LBDR_TUNNEL_FLAG_REMCSUM) {
		NL_SET_ERR_MSG_ATTR(info->extack, attr,
				    "remcsum not supported: the director cannot know whether the server's fou accepts remote checksum offload");
		return -EOPNOTSUPP;
	}
	tunnel->flags = (tunnel->flags & ~bits) | (nla_get_u32(attr) & bits);
	if (tunnel->flags & LBDR_TUNNEL_FLAG_CSUM &&
	    tunnel->type == LBDR_TUNNEL_IPIP) {
		NL_SET_ERR_MSG_ATTR(info->extack, attr,
				    "csum not supported with ipip, whose header has no checksum over the packet");
		return -EINVAL;
	}
	return 0;
}

static int lbdr_nl_parse_tunnel_port(const struct genl_info *info,
				     struct lbdr_tunnel_settings *tunnel)
{
	const struct nlattr *attr = info->attrs[LBDR_A_SERVER_TUNNEL_PORT];

	if (attr && tunnel->type != LBDR_TUNNEL_GUE) {
		NL_SET_ERR_MSG_ATTR(info->extack, attr,
				    "tunnel-port is valid with gue only");
		return -EINVAL;
	}
	if (attr)
		tunnel->port = nla_get_be16(attr);
	if (tunnel->type == LBDR_TUNNEL_GUE && !tunnel->port) {
		GENL_SET_ERR_MSG(info, "tunnel-port is required with gue");
		return -EINVAL;
	}
	return 0;
}

static bool lbdr_nl_is_any(const struct nlattr *attr)
{
	return !memchr_inv(nla_data(attr), 0, nla_len(attr));
}

/* @prefix: 1 to the number of bits of the family's addresses */
static bool lbdr_nl_has_host_bits(const union nf_inet_addr *addr, enum lbdr_family family,
				  u8 prefix)
{
	struct in6_addr network;

	if (family == LBDR_V4)
		return !!(addr->ip & ~inet_make_mask(prefix));
	ipv6_addr_prefix(&network, &addr->in6, prefix);
	return !ipv6_addr_equal(&network, &addr->in6);
}

static int lbdr_nl_parse_tunnel_source(const struct genl_info *info,
				       enum lbdr_family family,
				       struct lbdr_tunnel_settings *tunnel)
{
	const struct nlattr *prefix = info->attrs[LBDR_A_SERVER_TUNNEL_SOURCE_PREFIX];
	const struct nlattr *source = info->attrs[LBDR_A_SERVER_TUNNEL_SOURCE];
	u8 bits = family == LBDR_V4 ? 32 : 128;
	int err;

	if (source) {
		if (nla_len(source) != bits / 8) {
			NL_SET_ERR_MSG_ATTR(info->extack, source,
					    "invalid tunnel-source: must be of the server's family");
			return -EAFNOSUPPORT;
		}
		tunnel->prefix = 0;
		memset(&tunnel->source, 0, sizeof(tunnel->source));
		if (!lbdr_nl_is_any(source)) {
			err = lbdr_nl_parse_unicast(source, family,
						    &tunnel->source, info->extack);
			if (err)
				return err;
			tunnel->prefix = bits;
		}
	}
	if (!prefix)
		return 0;
	if (!tunnel->prefix) {
		NL_SET_ERR_MSG_ATTR(info->extack, prefix,
				    "tunnel-source is required with tunnel-source-prefix");
		return -EINVAL;
	}
	if (nla_get_u8(prefix) > bits) {
		NL_SET_ERR_MSG_ATTR(info->extack, prefix,
				    "invalid tunnel-source-prefix: must be 1 to 32 for IPv4");
		return -ERANGE;
	}
	tunnel->prefix = nla_get_u8(prefix);
	if (lbdr_nl_has_host_bits(&tunnel->source, family, tunnel->prefix)) {
		NL_SET_ERR_MSG_ATTR(info->extack, prefix,
				    "invalid tunnel-source-prefix: host bits of tunnel-source must be 0");
		return -EINVAL;
	}
	return 0;
}

static bool lbdr_nl_has_tunnel_attr(const struct genl_info *info)
{
	return info->attrs[LBDR_A_SERVER_TUNNEL_PORT] ||
	       info->attrs[LBDR_A_SERVER_TUNNEL_FLAGS] ||
	       info->attrs[LBDR_A_SERVER_TUNNEL_FLAGS_MASK] ||
	       info->attrs[LBDR_A_SERVER_TUNNEL_TTL] ||
	       info->attrs[LBDR_A_SERVER_TUNNEL_DF] ||
	       info->attrs[LBDR_A_SERVER_TUNNEL_SOURCE] ||
	       info->attrs[LBDR_A_SERVER_TUNNEL_SOURCE_PREFIX];
}

/**
 * lbdr_nl_parse_tunnel() - Parse the attributes of the tunnel to a server
 * @info: the command
 * @service: key of the service
 * @family: family of the server's address
 * @tunnel: settings to change by the attributes that are present
 *
 * Context: process.
 * Return: 0 or a negative error, with an extack message.
 */
int lbdr_nl_parse_tunnel(const struct genl_info *info,
			 const struct lbdr_service_key *service,
			 enum lbdr_family family, struct lbdr_tunnel_settings *tunnel)
{
	struct nlattr **attrs = info->attrs;
	int err;

	if (attrs[LBDR_A_SERVER_TUNNEL] &&
	    nla_get_u8(attrs[LBDR_A_SERVER_TUNNEL]) != tunnel->type) {
		memset(tunnel, 0, sizeof(*tunnel));
		tunnel->type = nla_get_u8(attrs[LBDR_A_SERVER_TUNNEL]);
	}
	if (tunnel->type == LBDR_TUNNEL_NONE) {
		if (lbdr_nl_has_tunnel_attr(info)) {
			GENL_SET_ERR_MSG(info,
					 "tunnel is required with the other attributes of a tunnel");
			return -EINVAL;
		}
		if (family == service->family)
			return 0;
		NL_SET_ERR_MSG_ATTR(info->extack, attrs[LBDR_A_SERVER_ADDRESS],
				    "invalid address: must be of the service's family, unless the server has a tunnel");
		return -EAFNOSUPPORT;
	}
	err = lbdr_nl_parse_tunnel_port(info, tunnel) ?:
	      lbdr_nl_parse_tunnel_flags(info, tunnel) ?:
	      lbdr_nl_parse_tunnel_source(info, family, tunnel);
	if (err)
		return err;
	if (attrs[LBDR_A_SERVER_TUNNEL_TTL])
		tunnel->ttl = nla_get_u8(attrs[LBDR_A_SERVER_TUNNEL_TTL]);
	if (attrs[LBDR_A_SERVER_TUNNEL_DF])
		tunnel->df = nla_get_u8(attrs[LBDR_A_SERVER_TUNNEL_DF]);
	return 0;
}

/**
 * lbdr_nl_put_tunnel() - Put the attributes of the tunnel to a server
 * @msg: the message
 * @family: family of the server's address
 * @tunnel: settings
 *
 * Context: any.
 * Return: 0 or -EMSGSIZE.
 */
int lbdr_nl_put_tunnel(struct sk_buff *msg, enum lbdr_family family,
		       const struct lbdr_tunnel_settings *tunnel)
{
	if (nla_put_u8(msg, LBDR_A_SERVER_TUNNEL, tunnel->type))
		return -EMSGSIZE;
	if (tunnel->type == LBDR_TUNNEL_NONE)
		return 0;
	return (tunnel->port &&
		nla_put_be16(msg, LBDR_A_SERVER_TUNNEL_PORT, tunnel->port)) ||
	       nla_put_u32(msg, LBDR_A_SERVER_TUNNEL_FLAGS, tunnel->flags) ||
	       nla_put_u8(msg, LBDR_A_SERVER_TUNNEL_TTL, tunnel->ttl) ||
	       nla_put_u8(msg, LBDR_A_SERVER_TUNNEL_DF, tunnel->df) ||
	       (tunnel->prefix &&
		(lbdr_nl_put_addr(msg, LBDR_A_SERVER_TUNNEL_SOURCE, family,
				  &tunnel->source) ||
		 nla_put_u8(msg, LBDR_A_SERVER_TUNNEL_SOURCE_PREFIX,
			    tunnel->prefix))) ? -EMSGSIZE : 0;
}
