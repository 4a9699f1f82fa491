// SPDX-License-Identifier: GPL-2.0
/*
 * Netlink command trace: report what the director would do with a packet, which
 * peek.c simulates.
 */
#include <linux/etherdevice.h>

#include "conn.h"
#include "flow.h"
#include "lbdr.h"
#include "netlink.h"
#include "peek.h"
#include "sched.h"
#include "server.h"
#include "service.h"
#include "state.h"
#include "stats.h"

/* Parses the protocol and the flag data into an event. */
static int lbdr_nl_parse_event(struct nlattr **attrs, u8 protocol,
			       enum lbdr_event *event,
			       struct netlink_ext_ack *extack)
{
	bool data = attrs[LBDR_A_TRACE_DATA];

	switch (protocol) {
	case IPPROTO_TCP:
		*event = data ? LBDR_EVENT_DATA : LBDR_EVENT_SYN;
		return 0;
	case IPPROTO_SCTP:
		*event = data ? LBDR_EVENT_SCTP_DATA : LBDR_EVENT_SCTP_INIT;
		return 0;
	case IPPROTO_UDP:
		*event = LBDR_EVENT_UDP;
		if (!data)
			return 0;
		NL_SET_ERR_MSG_ATTR(extack, attrs[LBDR_A_TRACE_DATA],
				    "data not supported with UDP: it is a flag of TCP and SCTP");
		return -EINVAL;
	}
	NL_SET_ERR_MSG_ATTR(extack, attrs[LBDR_A_TRACE_PROTOCOL],
			    "invalid protocol: must be TCP, UDP or SCTP");
	return -EINVAL;
}

static int lbdr_nl_parse_packet(struct genl_info *info,
				struct lbdr_peek_packet *packet)
{
	struct netlink_ext_ack *extack = info->extack;
	struct lbdr_flow *flow = &packet->flow;
	struct nlattr **attrs = info->attrs;
	union nf_inet_addr client, vip;
	union lbdr_ports ports = {};
	int err, family;
	u8 protocol;
	u16 domain;

	memset(packet, 0, sizeof(*packet));
	if (!attrs[LBDR_A_TRACE_FAMILY] || !attrs[LBDR_A_TRACE_PROTOCOL] ||
	    !attrs[LBDR_A_TRACE_CLIENT_ADDRESS] ||
	    !attrs[LBDR_A_TRACE_VIRTUAL_ADDRESS] ||
	    !attrs[LBDR_A_TRACE_VIRTUAL_PORT]) {
		GENL_SET_ERR_MSG(info,
				 "family, protocol, client-address, virtual-address and virtual-port are required");
		return -EINVAL;
	}
	family = lbdr_nl_parse_family(attrs[LBDR_A_TRACE_FAMILY], extack);
	if (family < 0)
		return family;
	protocol = nla_get_u8(attrs[LBDR_A_TRACE_PROTOCOL]);
	err = lbdr_nl_parse_event(attrs, protocol, &flow->event, extack) ?:
	      lbdr_nl_parse_addr(attrs[LBDR_A_TRACE_CLIENT_ADDRESS], family,
				 &client, extack) ?:
	      lbdr_nl_parse_addr(attrs[LBDR_A_TRACE_VIRTUAL_ADDRESS], family,
				 &vip, extack);
	if (err)
		return err;

	/* Without a client port no connection is looked up. */
	if (attrs[LBDR_A_TRACE_CLIENT_PORT])
		ports.cport = nla_get_be16(attrs[LBDR_A_TRACE_CLIENT_PORT]);
	ports.vport = nla_get_be16(attrs[LBDR_A_TRACE_VIRTUAL_PORT]);
	if (family == LBDR_V4) {
		lbdr_flow_set4(flow, client.ip, vip.ip, protocol);
		flow->v4.ports = ports;
	} else {
		lbdr_flow_set6(flow, &client.in6, &vip.in6, protocol);
		flow->v6.ports = ports;
	}
	domain = lbdr_nl_parse_vrf(lbdr_net(genl_info_net(info)),
				   attrs[LBDR_A_TRACE_VRF]);
	if (domain == LBDR_DOMAIN_UNKNOWN) {
		NL_SET_ERR_MSG_ATTR(extack, attrs[LBDR_A_TRACE_VRF],
				    "VRF not found");
		return -ENODEV;
	}
	lbdr_flow_set_domain(flow, domain);
	if (attrs[LBDR_A_TRACE_MARK])
		packet->mark = nla_get_u32(attrs[LBDR_A_TRACE_MARK]);
	if (attrs[LBDR_A_TRACE_MAC])
		packet->mac = nla_data(attrs[LBDR_A_TRACE_MAC]);
	return 0;
}

static int lbdr_nl_nest_server(struct sk_buff *msg, int attr,
			       struct lbdr_server *server)
{
	struct nlattr *nest;

	if (!server)
		return 0;
	nest = nla_nest_start(msg, attr);
	if (!nest || lbdr_nl_put_server(msg, server->service, server, true))
		return -EMSGSIZE;
	nla_nest_end(msg, nest);
	return 0;
}

static int lbdr_nl_put_verdict(struct sk_buff *msg,
			       const struct lbdr_peek_result *result)
{
	bool refused = result->drop == LBDR_DROP_NO_SERVER ||
		       result->drop == LBDR_DROP_STRAY;

	if (nla_put_u8(msg, LBDR_A_TRACE_VERDICT, result->verdict))
		return -EMSGSIZE;
	if (result->drop == LBDR_DROPS)
		return 0;
	return nla_put_string(msg, LBDR_A_TRACE_REASON,
			      lbdr_drop_names[result->drop]) ||
	       (refused && nla_put_u8(msg, LBDR_A_TRACE_REFUSE, result->refuse));
}

/* Puts the connection of the packet and the persistence template of the client. */
static int lbdr_nl_put_conn(struct sk_buff *msg, const struct lbdr_net *ln,
			    const struct lbdr_peek_result *result)
{
	struct lbdr_conn *conn = result->conn;

	if (conn &&
	    (nla_put_u8(msg, LBDR_A_TRACE_STATE,
			lbdr_state_shown(READ_ONCE(conn->state))) ||
	     nla_put_u32(msg, LBDR_A_TRACE_EXPIRES,
			 jiffies_to_msecs(max(lbdr_conn_left(ln, conn), 0L))) ||
	     (result->closing && nla_put_flag(msg, LBDR_A_TRACE_OVER))))
		return -EMSGSIZE;
	conn = result->template;
	if (!conn)
		return 0;
	return lbdr_nl_nest_server(msg, LBDR_A_TRACE_REMEMBERED, conn->server) ||
	       nla_put_u32(msg, LBDR_A_TRACE_REMEMBERED_EXPIRES,
			   jiffies_to_msecs(max(lbdr_conn_left(ln, conn), 0L)));
}

/* Puts the scheduler and the server that it prefers. */
static int lbdr_nl_put_sched(struct sk_buff *msg,
			     const struct lbdr_peek_result *result)
{
	const struct lbdr_sched *sched = &result->service->sched;

	if (!result->scheduled)
		return 0;
	return nla_put_string(msg, LBDR_A_TRACE_SCHEDULER, sched->ops->name) ||
	       (sched->ops->random && nla_put_flag(msg, LBDR_A_TRACE_RANDOM)) ||
	       ((sched->flags & LBDR_SCHED_FLAG_PORT) &&
		nla_put_flag(msg, LBDR_A_TRACE_HASHES_PORT)) ||
	       lbdr_nl_nest_server(msg, LBDR_A_TRACE_FIRST, result->preferred);
}

/* Puts the number of servers, in total and by status. */
static int lbdr_nl_put_server_counts(struct sk_buff *msg,
				     const struct lbdr_service *service)
{
	u32 open = 0, quiesced = 0, draining = 0, overloaded = 0, skipped = 0;
	const struct lbdr_server *server;

	list_for_each_entry(server, &service->servers, list) {
		if (server->held)
			continue;
		if (server->draining)
			draining++;
		else if (!server->weight)
			quiesced++;
		else if (READ_ONCE(server->overloaded))
			overloaded++;
		else if (server->skipped)
			skipped++;
		else
			open++;
	}
	return nla_put_u32(msg, LBDR_A_TRACE_SERVERS,
			   service->n_servers - service->n_held) ||
	       nla_put_u32(msg, LBDR_A_TRACE_OPEN, open) ||
	       nla_put_u32(msg, LBDR_A_TRACE_QUIESCED, quiesced) ||
	       nla_put_u32(msg, LBDR_A_TRACE_DRAINING, draining) ||
	       nla_put_u32(msg, LBDR_A_TRACE_OVERLOADED, overloaded) ||
	       nla_put_u32(msg, LBDR_A_TRACE_UNREACHABLE, skipped);
}

static int lbdr_nl_fill_trace(struct sk_buff *msg, const struct lbdr_net *ln,
			      const struct lbdr_peek_result *result)
{
	bool has_by = result->server || result->scheduled;

	if (lbdr_nl_put_verdict(msg, result))
		return -EMSGSIZE;
	if (!result->service)
		return 0;
	if (lbdr_nl_nest_key(msg, LBDR_A_TRACE_SERVICE, result->service) ||
	    nla_put_u32(msg, LBDR_A_TRACE_PERSIST,
			result->service->settings.persist) ||
	    lbdr_nl_put_conn(msg, ln, result) ||
	    (has_by && nla_put_u8(msg, LBDR_A_TRACE_BY, result->by)) ||
	    lbdr_nl_put_sched(msg, result) ||
	    lbdr_nl_nest_server(msg, LBDR_A_TRACE_SERVER, result->server) ||
	    (result->has_keep &&
	     nla_put_u8(msg, LBDR_A_TRACE_KEEP, result->keep)) ||
	    lbdr_nl_put_server_counts(msg, result->service))
		return -EMSGSIZE;
	return 0;
}

/**
 * lbdr_nl_trace_doit() - Report what the director would do with a packet
 * @skb: the request
 * @info: the request, parsed
 *
 * Context: process.
 * Return: 0 or a negative error.
 */
int lbdr_nl_trace_doit(struct sk_buff *skb, struct genl_info *info)
{
	struct lbdr_net *ln = lbdr_net(genl_info_net(info));
	struct lbdr_peek_packet packet;
	struct lbdr_peek_result result;
	struct sk_buff *msg;
	void *hdr;
	int err;

	err = lbdr_nl_parse_packet(info, &packet);
	if (err)
		return err;
	msg = genlmsg_new(NLMSG_GOODSIZE, GFP_KERNEL);
	if (!msg)
		return -ENOMEM;
	hdr = genlmsg_put_reply(msg, info, &lbdr_nl_family, 0, LBDR_CMD_TRACE);
	if (!hdr) {
		nlmsg_free(msg);
		return -EMSGSIZE;
	}

	/* The lock keeps the configuration stable. Connections and counters may change. */
	lbdr_lock(ln);
	local_bh_disable();
	rcu_read_lock();
	lbdr_peek(ln, &packet, &result);
	err = lbdr_nl_fill_trace(msg, ln, &result);
	rcu_read_unlock();
	local_bh_enable();
	lbdr_unlock(ln);
	if (err) {
		nlmsg_free(msg);
		return -EMSGSIZE;
	}
	genlmsg_end(msg, hdr);
	return genlmsg_reply(msg, info);
}
