// SPDX-License-Identifier: GPL-2.0
/*
 * Netlink command conn-add: restores a connection, for the exchange of the module and for
 * tests. A program saves what conn-get reports and sends it back.
 *
 * Everything is checked before the connection is added. The service and its server are
 * looked up under lbdr_net.lock, and the connection is added while it is held, so that the
 * server is not removed in between. Packets may add the same connection at any time; then
 * theirs stays.
 */
#include <net/ipv6.h>

#include "addr.h"
#include "conn.h"
#include "domain.h"
#include "flood.h"
#include "flow.h"
#include "lbdr.h"
#include "netlink.h"
#include "persist.h"
#include "server.h"
#include "service.h"

/**
 * struct lbdr_nl_conn - a connection to add, as a message describes it
 * @flow: key of the connection; of a template, family, client and L3 domain
 * @saved: state and age
 * @template: it is a template
 * @has_service: the message has the key of its service
 * @key: that key
 * @service: the service, protected by lbdr_net.lock
 */
struct lbdr_nl_conn {
	struct lbdr_flow	flow;
	struct lbdr_conn_saved	saved;
	bool			template;
	bool			has_service;
	struct lbdr_service_key	key;
	struct lbdr_service	*service;
};

/* The protocol that a state belongs to, 0 for a template. */
static u8 lbdr_nl_state_protocol(u32 state)
{
	if (state == LBDR_CONN_STATE_TEMPLATE)
		return 0;
	if (state >= LBDR_CONN_STATE_SCTP_INIT)
		return IPPROTO_SCTP;
	return state == LBDR_CONN_STATE_UDP ? IPPROTO_UDP : IPPROTO_TCP;
}

/* Parses state, flags and time. */
static int lbdr_nl_parse_saved(const struct genl_info *info, struct lbdr_nl_conn *conn)
{
	const struct nlattr *flags_attr = info->attrs[LBDR_A_CONN_FLAGS];
	u32 flags = flags_attr ? nla_get_u32(flags_attr) : 0;
	u32 state = nla_get_u8(info->attrs[LBDR_A_CONN_STATE]);

	conn->template = state == LBDR_CONN_STATE_TEMPLATE;
	if (flags & LBDR_CONN_FLAG_HALF_OPEN) {
		if (state != LBDR_CONN_STATE_UDP && !conn->template) {
			NL_SET_ERR_MSG_ATTR(info->extack, flags_attr,
					    "half-open is not supported in this state: only udp and template");
			return -EINVAL;
		}
		state = conn->template ? LBDR_CONN_STATE_TEMPLATE_ONE :
					 LBDR_CONN_STATE_UDP_ONE;
	}
	conn->saved.state = state;
	conn->saved.renewals = flags & LBDR_CONN_FLAG_RENEWED ? LBDR_FLOOD_RENEWALS : 0;
	conn->saved.synced = flags & LBDR_CONN_FLAG_SYNCED;
	conn->saved.left = min_t(unsigned long, U32_MAX,
				 msecs_to_jiffies(nla_get_u32(info->attrs[LBDR_A_CONN_EXPIRES])));
	return 0;
}

/* Parses what a template does not have: protocol, ports and VIP. */
static int lbdr_nl_parse_tuple(const struct genl_info *info, struct lbdr_flow *flow)
{
	struct nlattr **attrs = info->attrs;
	union lbdr_ports ports;
	union nf_inet_addr vip;
	u8 protocol;
	int err;

	if (!attrs[LBDR_A_CONN_PROTOCOL] || !attrs[LBDR_A_CONN_CLIENT_PORT] ||
	    !attrs[LBDR_A_CONN_VIRTUAL_ADDRESS] || !attrs[LBDR_A_CONN_VIRTUAL_PORT]) {
		NL_SET_ERR_MSG(info->extack,
			       "protocol, client-port, virtual-address and virtual-port are required, except with the state template");
		return -EINVAL;
	}
	protocol = nla_get_u8(attrs[LBDR_A_CONN_PROTOCOL]);
	if (protocol != lbdr_nl_state_protocol(nla_get_u8(attrs[LBDR_A_CONN_STATE]))) {
		NL_SET_ERR_MSG_ATTR(info->extack, attrs[LBDR_A_CONN_STATE],
				    "invalid state: must be a state of the protocol");
		return -EINVAL;
	}
	err = lbdr_nl_parse_unicast(attrs[LBDR_A_CONN_VIRTUAL_ADDRESS], flow->family,
				    &vip, info->extack);
	if (err)
		return err;
	ports.cport = nla_get_be16(attrs[LBDR_A_CONN_CLIENT_PORT]);
	ports.vport = nla_get_be16(attrs[LBDR_A_CONN_VIRTUAL_PORT]);
	if (!ports.vport) {
		NL_SET_ERR_MSG_ATTR(info->extack, attrs[LBDR_A_CONN_VIRTUAL_PORT],
				    "invalid virtual-port: must be 1 to 65535");
		return -ERANGE;
	}
	if (flow->family == LBDR_V4) {
		flow->v4.vip = vip.ip;
		flow->v4.ports = ports;
		flow->v4.protocol = protocol;
	} else {
		flow->v6.vip = vip.in6;
		flow->v6.ports = ports;
		flow->v6.protocol = protocol;
	}
	return 0;
}

/* A template has the keys of its client and its service only. */
static int lbdr_nl_check_template(const struct genl_info *info)
{
	if (info->attrs[LBDR_A_CONN_PROTOCOL] || info->attrs[LBDR_A_CONN_CLIENT_PORT] ||
	    info->attrs[LBDR_A_CONN_VIRTUAL_ADDRESS] ||
	    info->attrs[LBDR_A_CONN_VIRTUAL_PORT]) {
		NL_SET_ERR_MSG(info->extack,
			       "a template has no protocol, client-port, virtual-address or virtual-port");
		return -EINVAL;
	}
	if (!info->attrs[LBDR_A_CONN_SERVICE]) {
		NL_SET_ERR_MSG(info->extack, "service is required with the state template");
		return -EINVAL;
	}
	return 0;
}

/* Parses the address of the client, which may not be multicast, loopback or 0. */
static int lbdr_nl_parse_client(const struct genl_info *info, struct lbdr_flow *flow,
				bool template)
{
	const struct nlattr *attr = info->attrs[LBDR_A_CONN_CLIENT_ADDRESS];
	union nf_inet_addr client;
	int err;

	err = lbdr_nl_parse_addr(attr, flow->family, &client, info->extack);
	if (err)
		return err;
	if (flow->family == LBDR_V4)
		flow->v4.client = client.ip;
	else
		flow->v6.client = client.in6;
	/* Masked, the address of a template may be anything. */
	if (template || lbdr_addr_is_unicast(flow->family, &client) ||
	    (flow->family == LBDR_V6 &&
	     ipv6_addr_type(&client.in6) & IPV6_ADDR_LINKLOCAL))
		return 0;
	NL_SET_ERR_MSG_ATTR(info->extack, attr,
			    "invalid client-address: must be unicast, and not loopback");
	return -EINVAL;
}

static int lbdr_nl_parse_conn(struct lbdr_net *ln, const struct genl_info *info,
			      struct lbdr_nl_conn *conn)
{
	struct nlattr **attrs = info->attrs;
	int family, err;
	u16 domain;

	memset(conn, 0, sizeof(*conn));
	if (!attrs[LBDR_A_CONN_FAMILY] || !attrs[LBDR_A_CONN_CLIENT_ADDRESS] ||
	    !attrs[LBDR_A_CONN_SERVER_ADDRESS] || !attrs[LBDR_A_CONN_STATE] ||
	    !attrs[LBDR_A_CONN_EXPIRES]) {
		NL_SET_ERR_MSG(info->extack,
			       "family, client-address, server-address, state and expires are required");
		return -EINVAL;
	}
	family = lbdr_nl_parse_family(attrs[LBDR_A_CONN_FAMILY], info->extack);
	if (family < 0)
		return family;
	conn->flow.family = family;
	err = lbdr_nl_parse_saved(info, conn);
	if (err)
		return err;
	err = conn->template ? lbdr_nl_check_template(info) :
			       lbdr_nl_parse_tuple(info, &conn->flow);
	if (err)
		return err;
	err = lbdr_nl_parse_client(info, &conn->flow, conn->template);
	if (err)
		return err;
	domain = lbdr_nl_parse_vrf(ln, attrs[LBDR_A_CONN_VRF]);
	if (domain == LBDR_DOMAIN_UNKNOWN) {
		NL_SET_ERR_MSG_ATTR(info->extack, attrs[LBDR_A_CONN_VRF],
				    "VRF not found");
		return -ENODEV;
	}
	lbdr_flow_set_domain(&conn->flow, domain);
	if (!attrs[LBDR_A_CONN_SERVICE])
		return 0;
	conn->has_service = true;
	return lbdr_nl_parse_nested_key(ln, attrs[LBDR_A_CONN_SERVICE], &conn->key,
					info->extack);
}

/* Returns true if a service with this key can have the connection. */
static bool lbdr_nl_key_covers(const struct lbdr_service_key *key,
			       const struct lbdr_nl_conn *conn)
{
	const struct lbdr_flow *flow = &conn->flow;
	union nf_inet_addr vip = {};
	u16 port;

	if (key->family != flow->family ||
	    (key->domain && key->domain != lbdr_flow_domain(flow)))
		return false;
	if (conn->template || lbdr_service_key_marked(key))
		return true;
	if (flow->family == LBDR_V4) {
		vip.ip = flow->v4.vip;
		port = ntohs(flow->v4.ports.vport);
	} else {
		vip.in6 = flow->v6.vip;
		port = ntohs(flow->v6.ports.vport);
	}
	if (key->protocol != lbdr_flow_protocol(flow) ||
	    !nf_inet_addr_cmp(&key->addr, &vip))
		return false;
	return !key->port || port == ntohs(key->port) ||
	       (port > ntohs(key->port) && port <= ntohs(key->last_port));
}

/* Looks up the service of a connection. */
static int lbdr_nl_conn_service(struct lbdr_net *ln, const struct genl_info *info,
				struct lbdr_nl_conn *conn)
{
	if (conn->has_service) {
		conn->service = lbdr_nl_find_service(ln, &conn->key, info->extack);
		if (IS_ERR(conn->service))
			return PTR_ERR(conn->service);
		if (lbdr_nl_key_covers(&conn->key, conn))
			return 0;
		NL_SET_ERR_MSG_ATTR(info->extack, info->attrs[LBDR_A_CONN_SERVICE],
				    "invalid service: its packets are not those of the connection");
		return -EINVAL;
	}
	rcu_read_lock();
	conn->service = lbdr_service_of_flow(ln, &conn->flow);
	rcu_read_unlock();
	if (conn->service && !conn->service->held)
		return 0;
	NL_SET_ERR_MSG(info->extack, "service not found: no service matches the connection");
	return -ESRCH;
}

/* Replaces the flow of a template's client by the key of the template. */
static int lbdr_nl_conn_template(const struct genl_info *info,
				 struct lbdr_nl_conn *conn)
{
	const struct lbdr_flow *flow = &conn->flow;
	struct lbdr_flow template;
	bool masked;

	if (!conn->service->settings.persist) {
		NL_SET_ERR_MSG_ATTR(info->extack, info->attrs[LBDR_A_CONN_SERVICE],
				    "the service has no persistence, so no templates");
		return -EINVAL;
	}
	lbdr_persist_key(conn->service, flow, &template);
	masked = flow->family == LBDR_V4 ?
		 template.v4.client == flow->v4.client :
		 ipv6_addr_equal(&template.v6.client, &flow->v6.client);
	if (!masked) {
		NL_SET_ERR_MSG_ATTR(info->extack, info->attrs[LBDR_A_CONN_CLIENT_ADDRESS],
				    "invalid client-address: has bits beyond the persist-prefix of the service");
		return -EINVAL;
	}
	conn->flow = template;
	return 0;
}

/* Looks up the server of a connection. */
static struct lbdr_server *lbdr_nl_conn_server(const struct genl_info *info,
					       const struct lbdr_nl_conn *conn)
{
	const struct nlattr *attr = info->attrs[LBDR_A_CONN_SERVER_ADDRESS];
	enum lbdr_family family = lbdr_nl_addr_family(attr, conn->flow.family);
	struct lbdr_server *server;
	union nf_inet_addr addr;
	int err;

	err = lbdr_nl_parse_addr(attr, family, &addr, info->extack);
	if (err)
		return ERR_PTR(err);
	server = lbdr_server_find(conn->service, family, &addr);
	if (server && !server->held)
		return server;
	if (server)
		NL_SET_ERR_MSG_ATTR(info->extack, attr,
				    "server not found: it is held, add it first");
	else
		NL_SET_ERR_MSG_ATTR(info->extack, attr, "server not found");
	return ERR_PTR(-ENOENT);
}

/* Adds a connection, all of which was parsed. */
static int lbdr_nl_conn_restore(struct lbdr_net *ln, const struct genl_info *info,
				struct lbdr_nl_conn *conn)
{
	struct lbdr_server *server;
	int err;

	err = lbdr_nl_conn_service(ln, info, conn);
	if (!err && conn->template)
		err = lbdr_nl_conn_template(info, conn);
	if (err)
		return err;
	if (lbdr_service_one_packet(conn->service, &conn->flow)) {
		NL_SET_ERR_MSG(info->extack, "a one-packet service has no connections");
		return -EINVAL;
	}
	server = lbdr_nl_conn_server(info, conn);
	if (IS_ERR(server))
		return PTR_ERR(server);

	local_bh_disable();
	rcu_read_lock();
	err = lbdr_conn_restore(ln, &conn->flow, server, &conn->saved);
	rcu_read_unlock();
	local_bh_enable();
	switch (err) {
	case -EEXIST:
		NL_SET_ERR_MSG(info->extack, "connection exists");
		break;
	case -ENOSPC:
		NL_SET_ERR_MSG(info->extack,
			       "the connection table is full, see conn_max and conn_max_all");
		break;
	case -ENOMEM:
		NL_SET_ERR_MSG(info->extack, "out of memory for a connection");
		break;
	}
	return err;
}

/**
 * lbdr_nl_conn_add_doit() - Add a connection that is known from elsewhere
 * @skb: the request
 * @info: the request, parsed
 *
 * Context: process.
 * Return: 0 or a negative error.
 */
int lbdr_nl_conn_add_doit(struct sk_buff *skb, struct genl_info *info)
{
	struct lbdr_net *ln = lbdr_net(genl_info_net(info));
	struct lbdr_nl_conn conn;
	int err;

	err = lbdr_nl_parse_conn(ln, info, &conn);
	if (err)
		return err;
	lbdr_lock(ln);
	err = lbdr_nl_conn_restore(ln, info, &conn);
	lbdr_unlock(ln);
	return err;
}
