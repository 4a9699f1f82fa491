// SPDX-License-Identifier: GPL-2.0
/*
 * Services of IPVS clients, from attributes to the core's structures.
 *
 * Parsing is as liberal as that of ip_vs, since clients rely on it: an IPv4 address may
 * have 4 or 16 bytes, a removal may carry attributes that make no sense, flags that mean
 * nothing to a scheduler are stored and reported. What lbdr does not have is refused.
 */
#include <linux/inetdevice.h>

#include "ipvs.h"
#include "sched.h"

static const struct nla_policy
lbdr_ipvs_service_policy[IPVS_SVC_ATTR_MAX + 1] = {
	[IPVS_SVC_ATTR_AF]		= { .type = NLA_U16 },
	[IPVS_SVC_ATTR_PROTOCOL]	= { .type = NLA_U16 },
	[IPVS_SVC_ATTR_ADDR]		= { .type = NLA_BINARY,
					    .len = sizeof(union nf_inet_addr) },
	[IPVS_SVC_ATTR_PORT]		= { .type = NLA_U16 },
	[IPVS_SVC_ATTR_FWMARK]		= { .type = NLA_U32 },
	[IPVS_SVC_ATTR_SCHED_NAME]	= { .type = NLA_NUL_STRING,
					    .len = IP_VS_SCHEDNAME_MAXLEN - 1 },
	[IPVS_SVC_ATTR_PE_NAME]		= { .type = NLA_NUL_STRING,
					    .len = IP_VS_PENAME_MAXLEN },
	[IPVS_SVC_ATTR_FLAGS]		= { .type = NLA_BINARY,
					    .len = sizeof(struct ip_vs_flags) },
	[IPVS_SVC_ATTR_TIMEOUT]		= { .type = NLA_U32 },
	[IPVS_SVC_ATTR_NETMASK]		= { .type = NLA_U32 },
	[IPVS_SVC_ATTR_STATS]		= { .type = NLA_NESTED },
	[IPVS_SVC_ATTR_STATS64]		= { .type = NLA_NESTED },
};

/**
 * lbdr_ipvs_parse_family() - Parse the family of an address
 * @attr: the attribute
 *
 * Context: process.
 * Return: enum lbdr_family or -EAFNOSUPPORT.
 */
int lbdr_ipvs_parse_family(const struct nlattr *attr)
{
	switch (nla_get_u16(attr)) {
	case AF_INET:
		return LBDR_V4;
	case AF_INET6:
		return LBDR_V6;
	}
	return -EAFNOSUPPORT;
}

/**
 * lbdr_ipvs_parse_addr() - Parse an address
 * @attr: the attribute; of an IPv4 address the first four bytes count
 * @family: its family
 * @addr: filled in, unused bytes are 0
 *
 * Context: process.
 * Return: 0 or -EINVAL.
 */
int lbdr_ipvs_parse_addr(const struct nlattr *attr, enum lbdr_family family,
			 union nf_inet_addr *addr)
{
	int len = family == LBDR_V4 ? sizeof(addr->in) : sizeof(addr->in6);

	if (nla_len(attr) < len)
		return -EINVAL;
	memset(addr, 0, sizeof(*addr));
	memcpy(addr, nla_data(attr), len);
	return 0;
}

/**
 * lbdr_ipvs_parse_service() - Parse the key of a service
 * @info: the command; its extack may be NULL
 * @nest: the nest of the service, or NULL if it is missing
 * @key: filled in, unused bytes are 0
 * @attrs: all attributes of the nest, by IPVS_SVC_ATTR_...
 *
 * Context: process.
 * Return: 0, -EINVAL or -EAFNOSUPPORT.
 */
int lbdr_ipvs_parse_service(const struct genl_info *info,
			    const struct nlattr *nest,
			    struct lbdr_service_key *key, struct nlattr **attrs)
{
	u16 protocol;
	int family;

	memset(key, 0, sizeof(*key));
	if (!nest ||
	    nla_parse_nested_deprecated(attrs, IPVS_SVC_ATTR_MAX, nest,
					lbdr_ipvs_service_policy, info->extack))
		return -EINVAL;
	if (!attrs[IPVS_SVC_ATTR_AF] ||
	    (!attrs[IPVS_SVC_ATTR_FWMARK] &&
	     (!attrs[IPVS_SVC_ATTR_PROTOCOL] || !attrs[IPVS_SVC_ATTR_ADDR] ||
	      !attrs[IPVS_SVC_ATTR_PORT])))
		return -EINVAL;
	family = lbdr_ipvs_parse_family(attrs[IPVS_SVC_ATTR_AF]);
	if (family < 0)
		return family;
	key->family = family;
	if (attrs[IPVS_SVC_ATTR_FWMARK]) {
		key->addr.all[0] = nla_get_u32(attrs[IPVS_SVC_ATTR_FWMARK]);
		return key->addr.all[0] ? 0 : -EINVAL;
	}
	protocol = nla_get_u16(attrs[IPVS_SVC_ATTR_PROTOCOL]);
	if (protocol != IPPROTO_TCP && protocol != IPPROTO_UDP &&
	    protocol != IPPROTO_SCTP)
		return -EINVAL;
	key->protocol = protocol;
	key->port = nla_get_be16(attrs[IPVS_SVC_ATTR_PORT]);
	return lbdr_ipvs_parse_addr(attrs[IPVS_SVC_ATTR_ADDR], family,
				    &key->addr);
}

/* The flags that have an effect here */
static u32 lbdr_ipvs_effective_flags(const struct lbdr_sched *sched,
				     const struct lbdr_service_settings *settings)
{
	/* Of ip_vs this one says that the service is in use; kube-proxy requires it. */
	u32 flags = IP_VS_SVC_F_HASHED;

	if (settings->persist)
		flags |= IP_VS_SVC_F_PERSISTENT;
	if (settings->flags & LBDR_SERVICE_FLAG_ONE_PACKET)
		flags |= IP_VS_SVC_F_ONEPACKET;
	if (sched->flags & LBDR_SCHED_FLAG_FALLBACK)
		flags |= IP_VS_SVC_F_SCHED_SH_FALLBACK;
	if (sched->flags & LBDR_SCHED_FLAG_PORT)
		flags |= IP_VS_SVC_F_SCHED_SH_PORT;
	return flags;
}

/**
 * lbdr_ipvs_flags() - Get the flags that clients see
 * @sched: the scheduler of the service
 * @settings: settings of the service
 *
 * Context: any.
 * Return: IP_VS_SVC_F_..., those without effect included.
 */
u32 lbdr_ipvs_flags(const struct lbdr_sched *sched,
		    const struct lbdr_service_settings *settings)
{
	return lbdr_ipvs_effective_flags(sched, settings) | settings->opaque;
}

/**
 * lbdr_ipvs_netmask() - Get the netmask that clients see
 * @key: the service's key
 * @prefix: leading bits of a client's address that persistence compares
 *
 * Context: any.
 * Return: a netmask in network order for IPv4, the prefix length in host order for IPv6.
 */
u32 lbdr_ipvs_netmask(const struct lbdr_service_key *key, u8 prefix)
{
	return key->family == LBDR_V4 ? (__force u32)inet_make_mask(prefix) :
					prefix;
}

/* Sets the prefix by a netmask; without persistence any netmask does. */
static int lbdr_ipvs_parse_netmask(const struct genl_info *info, u32 netmask,
				   const struct lbdr_service_key *key,
				   bool persistent, u8 *prefix)
{
	__be32 mask = (__force __be32)netmask;

	if (key->family == LBDR_V6) {
		if (netmask < 1 || netmask > 128)
			return -EINVAL;
		*prefix = netmask;
		return 0;
	}
	if (persistent && (!mask || bad_mask(mask, 0))) {
		lbdr_ipvs_refuse(info, key,
				 "invalid netmask: must be contiguous and not 0");
		return -EINVAL;
	}
	*prefix = mask && !bad_mask(mask, 0) ? inet_mask_len(mask) : 32;
	return 0;
}

/*
 * Sets the options of a scheduler and the flags of a service. A flag that means nothing to
 * the scheduler, or to the protocol, has no effect.
 */
static void lbdr_ipvs_apply_flags(u32 flags, const struct lbdr_service_key *key,
				  struct lbdr_sched *sched,
				  struct lbdr_service_settings *settings)
{
	sched->flags = 0;
	if (flags & IP_VS_SVC_F_SCHED_SH_FALLBACK)
		sched->flags |= LBDR_SCHED_FLAG_FALLBACK;
	if (flags & IP_VS_SVC_F_SCHED_SH_PORT)
		sched->flags |= LBDR_SCHED_FLAG_PORT;
	sched->flags &= sched->ops->flags;
	settings->flags &= ~LBDR_SERVICE_FLAG_ONE_PACKET;
	if (flags & IP_VS_SVC_F_ONEPACKET &&
	    (key->protocol == IPPROTO_UDP || lbdr_service_key_marked(key)))
		settings->flags |= LBDR_SERVICE_FLAG_ONE_PACKET;
	settings->opaque = flags & ~lbdr_ipvs_effective_flags(sched, settings);
}

/**
 * lbdr_ipvs_parse_sched() - Change the scheduler and the settings of a service
 * @info: the command
 * @attrs: by IPVS_SVC_ATTR_...; all required ones are there
 * @key: the service's key
 * @sched: changed
 * @settings: changed; those that have no form in family IPVS stay
 *
 * Context: process.
 * Return: 0, -ENOENT if there is no such scheduler, or persistence engine, or -EINVAL.
 */
int lbdr_ipvs_parse_sched(const struct genl_info *info, struct nlattr **attrs,
			  const struct lbdr_service_key *key,
			  struct lbdr_sched *sched,
			  struct lbdr_service_settings *settings)
{
	const struct nlattr *engine = attrs[IPVS_SVC_ATTR_PE_NAME];
	u32 timeout = nla_get_u32(attrs[IPVS_SVC_ATTR_TIMEOUT]);
	const struct lbdr_sched_ops *ops;
	struct ip_vs_flags change = {};
	bool persistent;
	u32 flags;
	int err;

	ops = lbdr_sched_find(nla_data(attrs[IPVS_SVC_ATTR_SCHED_NAME]));
	if (!ops) {
		lbdr_ipvs_refuse(info, key, "scheduler not found");
		return -ENOENT;
	}
	if (engine && *(const char *)nla_data(engine)) {
		lbdr_ipvs_refuse(info, key, "persistence engines are not supported");
		return -ENOENT;
	}
	nla_memcpy(&change, attrs[IPVS_SVC_ATTR_FLAGS], sizeof(change));
	flags = (lbdr_ipvs_flags(sched, settings) & ~change.mask) |
		(change.flags & change.mask);
	persistent = flags & IP_VS_SVC_F_PERSISTENT;
	if (persistent && timeout > LBDR_TIMEOUT_MAX) {
		lbdr_ipvs_refuse(info, key,
				 "invalid persistence timeout: must be 0 to 2000000 seconds");
		return -EINVAL;
	}
	err = lbdr_ipvs_parse_netmask(info,
				      nla_get_u32(attrs[IPVS_SVC_ATTR_NETMASK]),
				      key, persistent, &settings->prefix);
	if (err)
		return err;
	if (ops != sched->ops)
		*sched = (struct lbdr_sched) { .ops = ops, .size = ops->size };
	settings->persist = persistent ? timeout : 0;
	lbdr_ipvs_apply_flags(flags, key, sched, settings);
	return 0;
}
