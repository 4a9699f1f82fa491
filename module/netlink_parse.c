// SPDX-License-Identifier: GPL-2.0
/*
 * From netlink attributes to what is wanted. The policies have checked types
 * and lengths; here it is checked that the values make sense, and every
 * refusal says in a sentence which does not, and why.
 */
#include <net/ipv6.h>

#include "flow.h"
#include "lbdr.h"
#include "netlink.h"
#include "sched.h"
#include "server.h"
#include "service.h"

/**
 * lbdr_nl_has_key() - whether any part of a service's key is there
 * @attrs: by LBDR_A_SERVICE_...
 *
 * Context: any.
 */
bool lbdr_nl_has_key(struct nlattr **attrs)
{
	return attrs[LBDR_A_SERVICE_FAMILY] ||
	       attrs[LBDR_A_SERVICE_PROTOCOL] ||
	       attrs[LBDR_A_SERVICE_ADDRESS] || attrs[LBDR_A_SERVICE_PORT] ||
	       attrs[LBDR_A_SERVICE_LAST_PORT] ||
	       attrs[LBDR_A_SERVICE_FWMARK] || attrs[LBDR_A_SERVICE_VRF];
}

/* Only what a frame to one host can carry: no group, and not "anywhere". */
static bool lbdr_nl_unicast(enum lbdr_family family,
			    const union nf_inet_addr *addr)
{
	int type;

	if (family == LBDR_V4)
		return !ipv4_is_multicast(addr->ip) &&
		       !ipv4_is_lbcast(addr->ip) &&
		       !ipv4_is_zeronet(addr->ip) &&
		       !ipv4_is_loopback(addr->ip);
	type = ipv6_addr_type(&addr->in6);
	/* A link-local address says nothing without its link. */
	return (type & IPV6_ADDR_UNICAST) &&
	       !(type & (IPV6_ADDR_LINKLOCAL | IPV6_ADDR_MAPPED)) &&
	       !ipv6_addr_loopback(&addr->in6);
}

/**
 * lbdr_nl_parse_family() - the address family of a message
 * @attr: AF_INET or AF_INET6
 * @extack: for the sentence
 *
 * Context: any.
 * Return: enum lbdr_family, or -EAFNOSUPPORT.
 */
int lbdr_nl_parse_family(const struct nlattr *attr,
			 struct netlink_ext_ack *extack)
{
	switch (nla_get_u8(attr)) {
	case AF_INET:
		return LBDR_V4;
	case AF_INET6:
		return LBDR_V6;
	}
	NL_SET_ERR_MSG_ATTR(extack, attr,
			    "the family must be AF_INET or AF_INET6");
	return -EAFNOSUPPORT;
}

/**
 * lbdr_nl_parse_addr() - any address
 * @attr: the address
 * @family: that it must be of
 * @addr: filled in, unused bytes 0
 * @extack: for the sentence
 *
 * Context: any.
 * Return: 0 or -EAFNOSUPPORT.
 */
int lbdr_nl_parse_addr(const struct nlattr *attr, enum lbdr_family family,
		       union nf_inet_addr *addr, struct netlink_ext_ack *extack)
{
	int len = family == LBDR_V4 ? sizeof(addr->in) : sizeof(addr->in6);

	if (nla_len(attr) != len) {
		NL_SET_ERR_MSG_ATTR(extack, attr,
				    "the address is not of the service's family");
		return -EAFNOSUPPORT;
	}
	memset(addr, 0, sizeof(*addr));
	nla_memcpy(addr, attr, len);
	return 0;
}

static int lbdr_nl_parse_unicast(const struct nlattr *attr,
				 enum lbdr_family family,
				 union nf_inet_addr *addr,
				 struct netlink_ext_ack *extack)
{
	int err = lbdr_nl_parse_addr(attr, family, addr, extack);

	if (err)
		return err;
	if (!lbdr_nl_unicast(family, addr)) {
		NL_SET_ERR_MSG_ATTR(extack, attr,
				    "the address must be a unicast address, and neither loopback nor link-local");
		return -EINVAL;
	}
	return 0;
}

static int lbdr_nl_parse_mark(struct nlattr **attrs,
			      struct lbdr_service_key *key,
			      struct netlink_ext_ack *extack)
{
	if (attrs[LBDR_A_SERVICE_PROTOCOL] || attrs[LBDR_A_SERVICE_ADDRESS] ||
	    attrs[LBDR_A_SERVICE_PORT] || attrs[LBDR_A_SERVICE_LAST_PORT]) {
		NL_SET_ERR_MSG(extack,
			       "a service of a fwmark has neither protocol nor address nor port");
		return -EINVAL;
	}
	key->addr.all[0] = nla_get_u32(attrs[LBDR_A_SERVICE_FWMARK]);
	if (!key->addr.all[0]) {
		NL_SET_ERR_MSG_ATTR(extack, attrs[LBDR_A_SERVICE_FWMARK],
				    "the fwmark must not be 0, which is no mark");
		return -ERANGE;
	}
	return 0;
}

static int lbdr_nl_parse_ports(struct nlattr **attrs,
			       struct lbdr_service_key *key,
			       struct netlink_ext_ack *extack)
{
	const struct nlattr *last = attrs[LBDR_A_SERVICE_LAST_PORT];

	key->port = nla_get_be16(attrs[LBDR_A_SERVICE_PORT]);
	if (!last)
		return 0;
	key->last_port = nla_get_be16(last);
	if (!key->port || ntohs(key->last_port) <= ntohs(key->port)) {
		NL_SET_ERR_MSG_ATTR(extack, last,
				    "the last port of a range must be above the first one, and that above 0");
		return -ERANGE;
	}
	return 0;
}

/**
 * lbdr_nl_parse_key() - the key of a service
 * @attrs: by LBDR_A_SERVICE_...
 * @key: filled in, unused bytes 0
 * @extack: for the sentence
 *
 * Context: any.
 * Return: 0, -EINVAL, -ERANGE or -EAFNOSUPPORT.
 */
int lbdr_nl_parse_key(struct nlattr **attrs, struct lbdr_service_key *key,
		      struct netlink_ext_ack *extack)
{
	int family, err;

	memset(key, 0, sizeof(*key));
	if (!attrs[LBDR_A_SERVICE_FAMILY] ||
	    (!attrs[LBDR_A_SERVICE_FWMARK] &&
	     (!attrs[LBDR_A_SERVICE_PROTOCOL] ||
	      !attrs[LBDR_A_SERVICE_ADDRESS] || !attrs[LBDR_A_SERVICE_PORT]))) {
		NL_SET_ERR_MSG(extack,
			       "a service is named by family and fwmark, or by family, protocol, address and port: one of them is missing");
		return -EINVAL;
	}

	family = lbdr_nl_parse_family(attrs[LBDR_A_SERVICE_FAMILY], extack);
	if (family < 0)
		return family;
	key->family = family;
	if (attrs[LBDR_A_SERVICE_FWMARK])
		return lbdr_nl_parse_mark(attrs, key, extack);

	key->protocol = nla_get_u8(attrs[LBDR_A_SERVICE_PROTOCOL]);
	if (key->protocol != IPPROTO_TCP && key->protocol != IPPROTO_UDP &&
	    key->protocol != IPPROTO_SCTP) {
		NL_SET_ERR_MSG_ATTR(extack, attrs[LBDR_A_SERVICE_PROTOCOL],
				    "the protocol must be TCP, UDP or SCTP");
		return -EINVAL;
	}
	err = lbdr_nl_parse_ports(attrs, key, extack);
	if (err)
		return err;
	return lbdr_nl_parse_unicast(attrs[LBDR_A_SERVICE_ADDRESS], key->family,
				     &key->addr, extack);
}

/**
 * lbdr_nl_parse_nested_key() - the key of a service, in an attribute of its own
 * @nest: the attribute, or NULL where it is missing
 * @key: filled in
 * @extack: for the sentence
 *
 * Context: any.
 * Return: 0 or a negative error.
 */
int lbdr_nl_parse_nested_key(const struct nlattr *nest,
			     struct lbdr_service_key *key,
			     struct netlink_ext_ack *extack)
{
	struct nlattr *attrs[LBDR_A_SERVICE_VRF + 1];
	int err;

	if (!nest) {
		NL_SET_ERR_MSG(extack, "the service is missing");
		return -EINVAL;
	}
	err = nla_parse_nested(attrs, LBDR_A_SERVICE_VRF, nest,
			       lbdr_service_key_nl_policy, extack);
	if (err)
		return err;
	return lbdr_nl_parse_key(attrs, key, extack);
}

/* By trial: some hundred divisions at most. */
static bool lbdr_nl_is_prime(u32 n)
{
	u32 i;

	for (i = 2; i * i <= n; i++)
		if (n % i == 0)
			return false;
	return true;
}

/**
 * lbdr_nl_parse_service() - what a message wants of a service
 * @info: the message
 * @config: filled in
 *
 * Context: any.
 * Return: 0, -EINVAL, -ERANGE, -EAFNOSUPPORT, or -ENOENT for an unknown
 * scheduler.
 */
int lbdr_nl_parse_service(struct genl_info *info,
			  struct lbdr_service_config *config)
{
	const struct nlattr *attr;
	int err;

	memset(config, 0, sizeof(*config));
	err = lbdr_nl_parse_key(info->attrs, &config->key, info->extack);
	if (err)
		return err;

	attr = info->attrs[LBDR_A_SERVICE_SCHEDULER];
	if (attr) {
		config->ops = lbdr_sched_find(nla_data(attr));
		if (!config->ops) {
			NL_SET_ERR_MSG_ATTR(info->extack, attr,
					    "there is no scheduler of this name");
			return -ENOENT;
		}
	}

	attr = info->attrs[LBDR_A_SERVICE_SCHED_FLAGS];
	config->has_flags = attr;
	if (attr)
		config->flags = nla_get_u32(attr);

	attr = info->attrs[LBDR_A_SERVICE_SCHED_SIZE];
	if (attr) {
		config->size = nla_get_u32(attr);
		if (config->size < LBDR_SCHED_SIZE_MIN ||
		    config->size > LBDR_SCHED_SIZE_MAX ||
		    !lbdr_nl_is_prime(config->size)) {
			NL_SET_ERR_MSG_ATTR(info->extack, attr,
					    "the size of the scheduler's table must be a prime number, 251 to 262139");
			return -ERANGE;
		}
	}

	return 0;
}

/* One byte of an enum. What is not given stays. */
static int lbdr_nl_parse_choice(const struct nlattr *attr, u8 max, u8 *choice,
				struct netlink_ext_ack *extack)
{
	if (!attr)
		return 0;
	if (nla_get_u8(attr) > max) {
		NL_SET_ERR_MSG_ATTR(extack, attr, "there is no such choice");
		return -EINVAL;
	}
	*choice = nla_get_u8(attr);
	return 0;
}

/**
 * lbdr_nl_parse_timeouts() - time-outs by state
 * @nest: the attributes, which have the states' numbers; or NULL
 * @least: of a time-out, 0 where that takes one back
 * @timeout: seconds; what is not given stays
 * @extack: for the sentence
 *
 * Context: any.
 * Return: 0, -EINVAL or -ERANGE.
 */
int lbdr_nl_parse_timeouts(const struct nlattr *nest, u32 least,
			   u32 timeout[LBDR_CONN_STATES],
			   struct netlink_ext_ack *extack)
{
	struct nlattr *attrs[LBDR_A_TIMEOUT_MAX + 1];
	u32 state, seconds;
	int err;

	BUILD_BUG_ON(LBDR_A_TIMEOUT_SYN_RECV != (int)LBDR_CONN_STATE_SYN_RECV);
	BUILD_BUG_ON(LBDR_A_TIMEOUT_SCTP_CLOSED !=
		     (int)LBDR_CONN_STATE_SCTP_CLOSED);
	BUILD_BUG_ON(LBDR_A_TIMEOUT_MAX + 1 != (int)LBDR_CONN_STATE_TEMPLATE);

	if (!nest)
		return 0;
	err = nla_parse_nested(attrs, LBDR_A_TIMEOUT_MAX, nest,
			       lbdr_timeout_nl_policy, extack);
	if (err)
		return err;
	for (state = 1; state <= LBDR_A_TIMEOUT_MAX; state++) {
		if (!attrs[state])
			continue;
		seconds = nla_get_u32(attrs[state]);
		if (seconds < least || seconds > LBDR_TIMEOUT_MAX) {
			NL_SET_ERR_MSG_ATTR(extack, attrs[state],
					    "a time-out must be 1 to 2000000 seconds; 0 takes that of a service back");
			return -ERANGE;
		}
		timeout[state] = seconds;
	}
	return 0;
}

static int lbdr_nl_parse_flags(struct genl_info *info,
			       const struct lbdr_service_key *key,
			       struct lbdr_service_settings *settings)
{
	const struct nlattr *attr = info->attrs[LBDR_A_SERVICE_FLAGS];
	const struct nlattr *mask_attr = info->attrs[LBDR_A_SERVICE_FLAGS_MASK];
	u32 mask = mask_attr ? nla_get_u32(mask_attr) : U32_MAX;
	u32 flags;

	if (!attr && mask_attr) {
		NL_SET_ERR_MSG_ATTR(info->extack, mask_attr,
				    "flags is required with flags-mask");
		return -EINVAL;
	}
	if (!attr)
		return 0;
	flags = (settings->flags & ~mask) | (nla_get_u32(attr) & mask);
	if (flags & ~(LBDR_SERVICE_FLAG_ONE_PACKET |
		      LBDR_SERVICE_FLAG_EXPIRE_QUIESCENT)) {
		NL_SET_ERR_MSG_ATTR(info->extack, attr,
				    "there is no such option of a service");
		return -EINVAL;
	}
	if (flags & LBDR_SERVICE_FLAG_ONE_PACKET &&
	    key->protocol != IPPROTO_UDP) {
		NL_SET_ERR_MSG_ATTR(info->extack, attr,
				    "only a UDP service can schedule each packet for itself");
		return -EINVAL;
	}
	settings->flags = flags;
	return 0;
}

static int lbdr_nl_parse_persist(struct genl_info *info,
				 enum lbdr_family family,
				 struct lbdr_service_settings *settings)
{
	const struct nlattr *attr = info->attrs[LBDR_A_SERVICE_PERSIST];
	u8 bits = family == LBDR_V4 ? 32 : 128;

	if (attr) {
		settings->persist = nla_get_u32(attr);
		if (settings->persist > LBDR_TIMEOUT_MAX) {
			NL_SET_ERR_MSG_ATTR(info->extack, attr,
					    "persistence lasts 2000000 seconds at most");
			return -ERANGE;
		}
	}
	attr = info->attrs[LBDR_A_SERVICE_PERSIST_PREFIX];
	if (attr) {
		settings->prefix = nla_get_u8(attr);
		if (!settings->prefix || settings->prefix > bits) {
			NL_SET_ERR_MSG_ATTR(info->extack, attr,
					    "the prefix of persistence must be 1 to 32, or 128 with IPv6");
			return -ERANGE;
		}
	}
	return 0;
}

/**
 * lbdr_nl_parse_service_settings() - what a service is to be like
 * @info: the message
 * @key: the service's
 * @old: what it is like, or NULL for a new one
 * @settings: filled in
 *
 * Context: any; lbdr_net.lock held where @old is a service's.
 * Return: 0, -EINVAL or -ERANGE.
 */
int lbdr_nl_parse_service_settings(struct genl_info *info,
				   const struct lbdr_service_key *key,
				   const struct lbdr_service_settings *old,
				   struct lbdr_service_settings *settings)
{
	int err;

	memset(settings, 0, sizeof(*settings));
	settings->prefix = key->family == LBDR_V4 ? 32 : 128;
	if (old)
		*settings = *old;

	err = lbdr_nl_parse_choice(info->attrs[LBDR_A_SERVICE_REFUSE],
				   LBDR_REFUSE_DROP, &settings->refuse,
				   info->extack);
	if (err)
		return err;
	err = lbdr_nl_parse_choice(info->attrs[LBDR_A_SERVICE_STRAY],
				   LBDR_STRAY_SCHEDULE, &settings->stray,
				   info->extack);
	if (err)
		return err;

	err = lbdr_nl_parse_flags(info, key, settings);
	if (err)
		return err;
	err = lbdr_nl_parse_persist(info, key->family, settings);
	if (err)
		return err;
	return lbdr_nl_parse_timeouts(info->attrs[LBDR_A_SERVICE_TIMEOUT], 0,
				      settings->timeout, info->extack);
}

/**
 * lbdr_nl_parse_sched() - the scheduler that a service is to have
 * @config: what the message said
 * @old: what the service has, or NULL for a new one
 * @sched: filled in
 * @extack: for the sentence
 *
 * Options that are not named stay, unless the scheduler changes: those of one
 * mean nothing to another.
 *
 * Context: any.
 * Return: 0, or -EINVAL for an option that the scheduler does not have.
 */
int lbdr_nl_parse_sched(const struct lbdr_service_config *config,
			const struct lbdr_sched *old, struct lbdr_sched *sched,
			struct netlink_ext_ack *extack)
{
	if (old && (!config->ops || config->ops == old->ops)) {
		*sched = *old;
	} else {
		sched->ops = config->ops ?: lbdr_sched_default();
		sched->flags = 0;
		sched->size = sched->ops->size;
	}
	if (config->has_flags)
		sched->flags = config->flags;
	if (sched->flags & ~sched->ops->flags) {
		NL_SET_ERR_MSG(extack,
			       "the scheduler does not have this option: sh and mh have fallback and port, the others have none");
		return -EINVAL;
	}
	if (config->size) {
		if (!sched->ops->size) {
			NL_SET_ERR_MSG(extack,
				       "the scheduler has no table whose size can be chosen: only mh has");
			return -EINVAL;
		}
		sched->size = config->size;
	}
	return 0;
}

/**
 * lbdr_nl_parse_server_key() - which server a message names
 * @info: the message; attributes up to LBDR_A_SERVER_PORT are looked at
 * @config: key and address are filled in, the rest is 0
 *
 * Context: any.
 * Return: 0, -EINVAL or -EAFNOSUPPORT.
 */
int lbdr_nl_parse_server_key(struct genl_info *info,
			     struct lbdr_server_config *config)
{
	const struct nlattr *attr;
	int err;

	memset(config, 0, sizeof(*config));
	err = lbdr_nl_parse_nested_key(info->attrs[LBDR_A_SERVER_SERVICE],
				       &config->key, info->extack);
	if (err)
		return err;

	attr = info->attrs[LBDR_A_SERVER_ADDRESS];
	if (!attr) {
		GENL_SET_ERR_MSG(info, "the server's address is missing");
		return -EINVAL;
	}
	err = lbdr_nl_parse_unicast(attr, config->key.family, &config->addr,
				    info->extack);
	if (err)
		return err;

	attr = info->attrs[LBDR_A_SERVER_PORT];
	if (attr && nla_get_be16(attr) &&
	    nla_get_be16(attr) != config->key.port) {
		NL_SET_ERR_MSG_ATTR(info->extack, attr,
				    "direct routing changes no port: the server's must be the service's");
		return -EINVAL;
	}
	return 0;
}

/**
 * lbdr_nl_parse_server() - what a message wants of a server
 * @info: the message; attributes up to LBDR_A_SERVER_FORWARD are looked at
 * @config: filled in
 *
 * Context: any.
 * Return: 0, -EINVAL, -ERANGE, -EAFNOSUPPORT or -EOPNOTSUPP.
 */
int lbdr_nl_parse_server(struct genl_info *info,
			 struct lbdr_server_config *config)
{
	const struct nlattr *attr;
	int err;

	err = lbdr_nl_parse_server_key(info, config);
	if (err)
		return err;

	config->settings.weight = 1;
	attr = info->attrs[LBDR_A_SERVER_WEIGHT];
	config->has_weight = attr;
	if (attr) {
		config->settings.weight = nla_get_u32(attr);
		if (config->settings.weight > LBDR_WEIGHT_MAX) {
			NL_SET_ERR_MSG_ATTR(info->extack, attr,
					    "the weight must be 0 to 65535");
			return -ERANGE;
		}
	}

	attr = info->attrs[LBDR_A_SERVER_UPPER];
	config->has_upper = attr;
	if (attr)
		config->settings.upper = nla_get_u32(attr);
	attr = info->attrs[LBDR_A_SERVER_LOWER];
	config->has_lower = attr;
	if (attr)
		config->settings.lower = nla_get_u32(attr);

	attr = info->attrs[LBDR_A_SERVER_FORWARD];
	if (attr && nla_get_u8(attr) != LBDR_FORWARD_DR) {
		NL_SET_ERR_MSG_ATTR(info->extack, attr,
				    "direct routing is the only forwarding method");
		return -EOPNOTSUPP;
	}
	return 0;
}

/**
 * lbdr_nl_parse_settings() - what a server is to be like
 * @config: what the message said
 * @old: what it is like, or NULL for a new one
 * @settings: filled in
 * @extack: for the sentence
 *
 * Context: lbdr_net.lock held.
 * Return: 0, or -ERANGE for thresholds that make no sense together.
 */
int lbdr_nl_parse_settings(const struct lbdr_server_config *config,
			   const struct lbdr_server_settings *old,
			   struct lbdr_server_settings *settings,
			   struct netlink_ext_ack *extack)
{
	*settings = config->settings;
	if (old && !config->has_weight)
		settings->weight = old->weight;
	if (old && !config->has_upper)
		settings->upper = old->upper;
	if (old && !config->has_lower)
		settings->lower = old->lower;
	if (settings->lower > settings->upper) {
		NL_SET_ERR_MSG(extack,
			       "the lower threshold is above the upper one, so the server would be overloaded for good");
		return -ERANGE;
	}
	return 0;
}

/**
 * lbdr_nl_find_service() - the service that a message names
 * @ln: the namespace
 * @key: its key
 * @extack: for the sentence
 *
 * Context: lbdr_net.lock held.
 * Return: the service or ERR_PTR(-ESRCH).
 */
struct lbdr_service *lbdr_nl_find_service(struct lbdr_net *ln,
					  const struct lbdr_service_key *key,
					  struct netlink_ext_ack *extack)
{
	struct lbdr_service *service = lbdr_service_find(ln, key);

	if (service)
		return service;
	NL_SET_ERR_MSG(extack, "there is no such service");
	return ERR_PTR(-ESRCH);
}

/**
 * lbdr_nl_find_server() - the server that a message names
 * @ln: the namespace
 * @config: what the message said
 * @service: set to the server's service
 * @extack: for the sentence
 *
 * Context: lbdr_net.lock held.
 * Return: the server, ERR_PTR(-ESRCH) without its service, or
 * ERR_PTR(-ENOENT).
 */
struct lbdr_server *lbdr_nl_find_server(struct lbdr_net *ln,
					const struct lbdr_server_config *config,
					struct lbdr_service **service,
					struct netlink_ext_ack *extack)
{
	struct lbdr_server *server;

	*service = lbdr_nl_find_service(ln, &config->key, extack);
	if (IS_ERR(*service))
		return ERR_CAST(*service);
	server = lbdr_server_find(*service, &config->addr);
	if (server)
		return server;
	NL_SET_ERR_MSG(extack, "the service has no such server");
	return ERR_PTR(-ENOENT);
}
