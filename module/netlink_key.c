// SPDX-License-Identifier: GPL-2.0
/*
 * Netlink: addresses and the keys of services, from attributes and to them.
 *
 * The policies have checked types, lengths and bounds. The parsers check what
 * depends on several attributes, and set an extack message when they fail.
 */
#include "addr.h"
#include "netlink.h"

/**
 * lbdr_nl_parse_family() - Parse an address family
 * @attr: AF_INET or AF_INET6
 * @extack: for the message
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
			    "invalid family: must be AF_INET or AF_INET6");
	return -EAFNOSUPPORT;
}

/**
 * lbdr_nl_addr_family() - Get the family of an address by its length
 * @attr: the address
 * @fallback: for an address of another length, which lbdr_nl_parse_addr() rejects
 *
 * Context: any.
 */
enum lbdr_family lbdr_nl_addr_family(const struct nlattr *attr,
				     enum lbdr_family fallback)
{
	switch (nla_len(attr)) {
	case sizeof(struct in_addr):
		return LBDR_V4;
	case sizeof(struct in6_addr):
		return LBDR_V6;
	}
	return fallback;
}

/**
 * lbdr_nl_parse_addr() - Parse an address of any kind
 * @attr: the address
 * @family: that it must belong to
 * @addr: filled in, unused bytes are 0
 * @extack: for the message
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
				    "invalid address: must be of the service's family");
		return -EAFNOSUPPORT;
	}
	memset(addr, 0, sizeof(*addr));
	nla_memcpy(addr, attr, len);
	return 0;
}

/**
 * lbdr_nl_parse_unicast() - Parse the address of a service, or the source of a tunnel
 * @attr: the address
 * @family: that it must belong to
 * @addr: filled in, unused bytes are 0
 * @extack: for the message
 *
 * Context: any.
 * Return: 0, -EAFNOSUPPORT or -EINVAL.
 */
int lbdr_nl_parse_unicast(const struct nlattr *attr, enum lbdr_family family,
			  union nf_inet_addr *addr,
			  struct netlink_ext_ack *extack)
{
	int err = lbdr_nl_parse_addr(attr, family, addr, extack);

	if (err)
		return err;
	if (!lbdr_addr_is_unicast(family, addr)) {
		NL_SET_ERR_MSG_ATTR(extack, attr,
				    "invalid address: must be unicast, and neither loopback nor link-local");
		return -EINVAL;
	}
	return 0;
}

/**
 * lbdr_nl_has_key() - Check whether a message contains part of a service's key
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
EXPORT_SYMBOL_FOR_KUNIT(lbdr_nl_has_key);

static int lbdr_nl_parse_mark(struct nlattr **attrs,
			      struct lbdr_service_key *key,
			      struct netlink_ext_ack *extack)
{
	if (attrs[LBDR_A_SERVICE_PROTOCOL] || attrs[LBDR_A_SERVICE_ADDRESS] ||
	    attrs[LBDR_A_SERVICE_PORT] || attrs[LBDR_A_SERVICE_LAST_PORT]) {
		NL_SET_ERR_MSG(extack,
			       "a fwmark service has no protocol, address or port");
		return -EINVAL;
	}
	key->addr.all[0] = nla_get_u32(attrs[LBDR_A_SERVICE_FWMARK]);
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
				    "invalid range of ports: the last port must be above the first, and the first above 0");
		return -ERANGE;
	}
	return 0;
}

static int lbdr_nl_parse_protocol(const struct nlattr *attr, u8 *protocol,
				  struct netlink_ext_ack *extack)
{
	*protocol = nla_get_u8(attr);
	if (*protocol == IPPROTO_TCP || *protocol == IPPROTO_UDP ||
	    *protocol == IPPROTO_SCTP)
		return 0;
	NL_SET_ERR_MSG_ATTR(extack, attr,
			    "invalid protocol: must be TCP, UDP or SCTP");
	return -EINVAL;
}

/**
 * lbdr_nl_parse_vrf() - Parse the name of a VRF
 * @ln: the namespace
 * @attr: the name, or NULL
 *
 * Context: process, may sleep.
 * Return: id of the L3 domain, without a reference; 0 if @attr is NULL, and
 * LBDR_DOMAIN_UNKNOWN, which no object has, if neither a device nor a service has
 * this name.
 */
u16 lbdr_nl_parse_vrf(struct lbdr_net *ln, const struct nlattr *attr)
{
	return attr ? lbdr_domain_lookup(ln, nla_data(attr)) : 0;
}

/**
 * lbdr_nl_put_vrf() - Put the name of a VRF
 * @msg: the message
 * @attr: the attribute
 * @ln: the namespace
 * @id: of the L3 domain; nothing is put for the default domain
 *
 * Context: any.
 * Return: 0 or -EMSGSIZE.
 */
int lbdr_nl_put_vrf(struct sk_buff *msg, int attr, struct lbdr_net *ln, u16 id)
{
	char name[IFNAMSIZ];

	return lbdr_domain_name(ln, id, name) ? 0 :
						nla_put_string(msg, attr, name);
}

/**
 * lbdr_nl_parse_key() - Parse the key of a service
 * @ln: the namespace
 * @attrs: by LBDR_A_SERVICE_...
 * @key: filled in, unused bytes are 0
 * @extack: for the message
 *
 * Context: any.
 * Return: 0, -EINVAL, -ERANGE or -EAFNOSUPPORT.
 */
int lbdr_nl_parse_key(struct lbdr_net *ln, struct nlattr **attrs,
		      struct lbdr_service_key *key,
		      struct netlink_ext_ack *extack)
{
	int family, err;

	memset(key, 0, sizeof(*key));
	if (!attrs[LBDR_A_SERVICE_FAMILY] ||
	    (!attrs[LBDR_A_SERVICE_FWMARK] &&
	     (!attrs[LBDR_A_SERVICE_PROTOCOL] ||
	      !attrs[LBDR_A_SERVICE_ADDRESS] || !attrs[LBDR_A_SERVICE_PORT]))) {
		NL_SET_ERR_MSG(extack,
			       "a service requires family and fwmark, or family, protocol, address and port");
		return -EINVAL;
	}

	family = lbdr_nl_parse_family(attrs[LBDR_A_SERVICE_FAMILY], extack);
	if (family < 0)
		return family;
	key->family = family;
	key->domain = lbdr_nl_parse_vrf(ln, attrs[LBDR_A_SERVICE_VRF]);
	if (attrs[LBDR_A_SERVICE_FWMARK])
		return lbdr_nl_parse_mark(attrs, key, extack);

	err = lbdr_nl_parse_protocol(attrs[LBDR_A_SERVICE_PROTOCOL],
				     &key->protocol, extack);
	if (err)
		return err;
	err = lbdr_nl_parse_ports(attrs, key, extack);
	if (err)
		return err;
	return lbdr_nl_parse_unicast(attrs[LBDR_A_SERVICE_ADDRESS], key->family,
				     &key->addr, extack);
}
EXPORT_SYMBOL_FOR_KUNIT(lbdr_nl_parse_key);

/**
 * lbdr_nl_parse_nested_key() - Parse the key of a service in a nest
 * @ln: the namespace
 * @nest: the nest, or NULL if it is missing
 * @key: filled in
 * @extack: for the message
 *
 * Context: any.
 * Return: 0 or a negative error.
 */
int lbdr_nl_parse_nested_key(struct lbdr_net *ln, const struct nlattr *nest,
			     struct lbdr_service_key *key,
			     struct netlink_ext_ack *extack)
{
	struct nlattr *attrs[LBDR_A_SERVICE_VRF + 1];
	int err;

	if (!nest) {
		NL_SET_ERR_MSG(extack, "service is required");
		return -EINVAL;
	}
	err = nla_parse_nested(attrs, LBDR_A_SERVICE_VRF, nest,
			       lbdr_service_key_nl_policy, extack);
	if (err)
		return err;
	return lbdr_nl_parse_key(ln, attrs, key, extack);
}

/**
 * lbdr_nl_find_service_any() - Look up a service, held or not
 * @ln: the namespace
 * @key: its key
 * @extack: for the message
 *
 * Context: process, lbdr_net.lock or lbdr_net.config held.
 * Return: the service or ERR_PTR(-ESRCH).
 */
struct lbdr_service *
lbdr_nl_find_service_any(struct lbdr_net *ln,
			 const struct lbdr_service_key *key,
			 struct netlink_ext_ack *extack)
{
	struct lbdr_service *service = lbdr_service_find(ln, key);

	if (service)
		return service;
	NL_SET_ERR_MSG(extack, "service not found");
	return ERR_PTR(-ESRCH);
}

/**
 * lbdr_nl_find_service() - Look up the service whose key a message contains
 * @ln: the namespace
 * @key: its key
 * @extack: for the message
 *
 * A held service is not found.
 *
 * Context: process, lbdr_net.lock or lbdr_net.config held.
 * Return: the service or ERR_PTR(-ESRCH).
 */
struct lbdr_service *lbdr_nl_find_service(struct lbdr_net *ln,
					  const struct lbdr_service_key *key,
					  struct netlink_ext_ack *extack)
{
	struct lbdr_service *service;

	service = lbdr_nl_find_service_any(ln, key, extack);
	if (IS_ERR(service) || !service->held)
		return service;
	NL_SET_ERR_MSG(extack, "service not found: it is held, add it first");
	return ERR_PTR(-ESRCH);
}

/**
 * lbdr_nl_put_addr() - Put an address
 * @msg: the message
 * @attr: the attribute
 * @family: of the address
 * @addr: the address
 *
 * Context: any.
 * Return: 0 or -EMSGSIZE.
 */
int lbdr_nl_put_addr(struct sk_buff *msg, int attr, enum lbdr_family family,
		     const void *addr)
{
	return nla_put(msg, attr,
		       family == LBDR_V4 ? sizeof(struct in_addr) :
					   sizeof(struct in6_addr), addr);
}

/**
 * lbdr_nl_put_key() - Put the key of a service
 * @msg: the message
 * @service: the service
 *
 * Context: any.
 * Return: 0, or not 0 if there is no room.
 */
int lbdr_nl_put_key(struct sk_buff *msg, const struct lbdr_service *service)
{
	const struct lbdr_service_key *key = &service->key;

	if (nla_put_u8(msg, LBDR_A_SERVICE_FAMILY, lbdr_af(key->family)) ||
	    lbdr_nl_put_vrf(msg, LBDR_A_SERVICE_VRF, service->ln, key->domain))
		return -EMSGSIZE;
	if (lbdr_service_key_marked(key))
		return nla_put_u32(msg, LBDR_A_SERVICE_FWMARK,
				   key->addr.all[0]);
	return nla_put_u8(msg, LBDR_A_SERVICE_PROTOCOL, key->protocol) ||
	       lbdr_nl_put_addr(msg, LBDR_A_SERVICE_ADDRESS, key->family,
				&key->addr) ||
	       nla_put_be16(msg, LBDR_A_SERVICE_PORT, key->port) ||
	       (key->last_port &&
		nla_put_be16(msg, LBDR_A_SERVICE_LAST_PORT, key->last_port));
}
EXPORT_SYMBOL_FOR_KUNIT(lbdr_nl_put_key);

/**
 * lbdr_nl_nest_key() - Put the key of a service into a nest
 * @msg: the message
 * @attr: the nest
 * @service: the service
 *
 * Context: any.
 * Return: 0 or -EMSGSIZE.
 */
int lbdr_nl_nest_key(struct sk_buff *msg, int attr,
		     const struct lbdr_service *service)
{
	struct nlattr *nest = nla_nest_start(msg, attr);

	if (!nest || lbdr_nl_put_key(msg, service))
		return -EMSGSIZE;
	nla_nest_end(msg, nest);
	return 0;
}
