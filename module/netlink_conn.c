// SPDX-License-Identifier: GPL-2.0
/*
 * Netlink commands on connections: dump, filter, count, and end.
 *
 * Each command iterates over the tables under rcu_read_lock(). A resize restarts
 * the iterator at the beginning of the table, and the removal of the connection at
 * which it was stopped restarts the bucket, so connections may be visited twice.
 * Connections that are added during the walk may be missed.
 */
#include <net/ipv6.h>

#include "compat.h"
#include "conn.h"
#include "flood.h"
#include "flow.h"
#include "lbdr.h"
#include "netlink.h"
#include "server.h"
#include "service.h"
#include "state.h"

/**
 * struct lbdr_conn_filter - conditions on connections; a match meets all
 * @client: address of the client; only the leading @prefix bits are compared
 * @vip: the VIP; valid if @has_vip
 * @server: address of the server; valid if @has_server
 * @service: key of the service; valid if @has_service
 * @prefix: leading bits of @client to compare, 0 for all clients
 * @cport: port of the client, or 0 for all ports
 * @vport: virtual port, or 0 for all ports
 * @family: enum lbdr_family, or -1 for both
 * @protocol: IPPROTO_..., or 0 for all protocols
 * @state: enum lbdr_conn_state, or 0 for all states
 * @idle_min: minimum of the jiffies since the last packet
 * @idle_max: maximum of the jiffies since the last packet
 * @domain: L3 domain; valid if @has_domain
 * @has_domain: the request has an L3 domain
 * @has_vip: the request has a VIP
 * @has_server: the request has the address of a server
 * @server_family: its family, which is not @family if the server has a tunnel
 * @has_service: the request has the key of a service
 */
struct lbdr_conn_filter {
	union nf_inet_addr	client;
	union nf_inet_addr	vip;
	union nf_inet_addr	server;
	struct lbdr_service_key	service;
	u8			prefix;
	__be16			cport;
	__be16			vport;
	int			family;
	u8			protocol;
	u8			state;
	unsigned long		idle_min;
	unsigned long		idle_max;
	u16			domain;
	bool			has_domain;
	bool			has_vip;
	bool			has_server;
	enum lbdr_family	server_family;
	bool			has_service;
};

/* Parses an address. @family is negative if the request has no family. */
static int lbdr_nl_parse_filter_addr(const struct nlattr *attr, int family,
				     union nf_inet_addr *addr, bool *has,
				     struct netlink_ext_ack *extack)
{
	*has = attr;
	if (!attr)
		return 0;
	if (family < 0) {
		NL_SET_ERR_MSG_ATTR(extack, attr,
				    "family is required with an address");
		return -EINVAL;
	}
	return lbdr_nl_parse_addr(attr, family, addr, extack);
}

/* Parses the address of a server, whose length tells its family. */
static int lbdr_nl_parse_filter_server(const struct nlattr *attr,
				       struct lbdr_conn_filter *filter,
				       struct netlink_ext_ack *extack)
{
	if (!attr)
		return 0;
	filter->has_server = true;
	filter->server_family = nla_len(attr) == sizeof(struct in_addr) ?
				LBDR_V4 : LBDR_V6;
	return lbdr_nl_parse_addr(attr, filter->server_family, &filter->server,
				  extack);
}

/* Parses the limits in milliseconds. An absent limit matches all connections. */
static int lbdr_nl_parse_idle(const struct nlattr *min,
			      const struct nlattr *max,
			      struct lbdr_conn_filter *filter,
			      struct netlink_ext_ack *extack)
{
	if (min && max && nla_get_u32(min) > nla_get_u32(max)) {
		NL_SET_ERR_MSG_ATTR(extack, min,
				    "invalid idle-min: must be 0 to idle-max");
		return -ERANGE;
	}
	filter->idle_min = min ? msecs_to_jiffies(nla_get_u32(min)) : 0;
	filter->idle_max = max ? msecs_to_jiffies(nla_get_u32(max)) : ULONG_MAX;
	return 0;
}

static int lbdr_nl_parse_filter(struct lbdr_net *ln, struct nlattr **attrs,
				struct lbdr_conn_filter *filter,
				struct netlink_ext_ack *extack)
{
	const struct nlattr *attr;
	bool has_client;
	u8 bits;
	int err;

	memset(filter, 0, sizeof(*filter));
	filter->family = -1;
	attr = attrs[LBDR_A_CONN_FAMILY];
	if (attr) {
		filter->family = lbdr_nl_parse_family(attr, extack);
		if (filter->family < 0)
			return filter->family;
	}
	err = lbdr_nl_parse_filter_addr(attrs[LBDR_A_CONN_CLIENT_ADDRESS],
					filter->family, &filter->client,
					&has_client, extack) ?:
	      lbdr_nl_parse_filter_addr(attrs[LBDR_A_CONN_VIRTUAL_ADDRESS],
					filter->family, &filter->vip,
					&filter->has_vip, extack) ?:
	      lbdr_nl_parse_filter_server(attrs[LBDR_A_CONN_SERVER_ADDRESS],
					  filter, extack);
	if (err)
		return err;

	bits = filter->family == LBDR_V4 ? 32 : 128;
	if (has_client)
		filter->prefix = bits;
	attr = attrs[LBDR_A_CONN_CLIENT_PREFIX];
	if (attr) {
		filter->prefix = nla_get_u8(attr);
		if (!has_client) {
			NL_SET_ERR_MSG_ATTR(extack, attr,
					    "client-address is required with client-prefix");
			return -EINVAL;
		}
		if (filter->prefix > bits) {
			NL_SET_ERR_MSG_ATTR(extack, attr,
					    "invalid client-prefix: must be 0 to 32 for IPv4");
			return -EINVAL;
		}
	}
	attr = attrs[LBDR_A_CONN_STATE];
	if (attr)
		filter->state = nla_get_u8(attr);
	attr = attrs[LBDR_A_CONN_SERVICE];
	if (attr) {
		filter->has_service = true;
		err = lbdr_nl_parse_nested_key(ln, attr, &filter->service,
					       extack);
		if (err)
			return err;
	}
	err = lbdr_nl_parse_idle(attrs[LBDR_A_CONN_IDLE_MIN],
				 attrs[LBDR_A_CONN_IDLE_MAX], filter, extack);
	if (err)
		return err;
	filter->has_domain = attrs[LBDR_A_CONN_VRF];
	filter->domain = lbdr_nl_parse_vrf(ln, attrs[LBDR_A_CONN_VRF]);
	if (attrs[LBDR_A_CONN_PROTOCOL])
		filter->protocol = nla_get_u8(attrs[LBDR_A_CONN_PROTOCOL]);
	if (attrs[LBDR_A_CONN_CLIENT_PORT])
		filter->cport = nla_get_be16(attrs[LBDR_A_CONN_CLIENT_PORT]);
	if (attrs[LBDR_A_CONN_VIRTUAL_PORT])
		filter->vport = nla_get_be16(attrs[LBDR_A_CONN_VIRTUAL_PORT]);
	return 0;
}

/* The key of a connection of either family; the pointers refer to the connection. */
struct lbdr_nl_tuple {
	const void	*client;
	const void	*vip;
	__be16		cport;
	__be16		vport;
	u8		protocol;
	u16		domain;
};

static struct lbdr_nl_tuple lbdr_nl_tuple(const struct lbdr_conn *conn)
{
	const struct lbdr_key4 *key4 = lbdr_conn_key4(conn);
	const struct lbdr_key6 *key6 = lbdr_conn_key6(conn);

	if (conn->family == LBDR_V4)
		return (struct lbdr_nl_tuple) {
			&key4->client, &key4->vip, key4->ports.cport, key4->ports.vport,
			(u8)key4->protocol,
			key4->protocol >> LBDR_KEY_DOMAIN_SHIFT,
		};
	return (struct lbdr_nl_tuple) {
		&key6->client, &key6->vip, key6->ports.cport, key6->ports.vport,
		(u8)key6->protocol,
		key6->protocol >> LBDR_KEY_DOMAIN_SHIFT,
	};
}

static bool lbdr_nl_conn_matches(const struct lbdr_conn *conn,
				 const struct lbdr_conn_filter *filter)
{
	const struct lbdr_nl_tuple tuple = lbdr_nl_tuple(conn);
	u32 idle = lbdr_conn_idle(conn);
	size_t len = conn->family == LBDR_V4 ? sizeof(struct in_addr) :
					       sizeof(struct in6_addr);

	if (filter->family >= 0 && filter->family != conn->family)
		return false;
	if (filter->protocol && filter->protocol != tuple.protocol)
		return false;
	if (filter->has_domain && filter->domain != tuple.domain)
		return false;
	if (idle < filter->idle_min || idle > filter->idle_max)
		return false;
	if (filter->state &&
	    filter->state != lbdr_state_shown(READ_ONCE(conn->state)))
		return false;
	if ((filter->cport && filter->cport != tuple.cport) ||
	    (filter->vport && filter->vport != tuple.vport))
		return false;
	if (filter->has_vip && memcmp(tuple.vip, &filter->vip, len))
		return false;
	if (filter->has_server &&
	    (conn->server->family != filter->server_family ||
	     memcmp(&conn->server->addr, &filter->server,
		    sizeof(filter->server))))
		return false;
	/* A dead server's service may be removed. */
	if (filter->has_service &&
	    (READ_ONCE(conn->server->dead) ||
	     memcmp(&conn->server->service->key, &filter->service,
		    sizeof(filter->service))))
		return false;
	/* An IPv4 address is compared as the first word of an IPv6 address. */
	return !filter->prefix ||
	       ipv6_prefix_equal(&filter->client.in6,
				 conn->family == LBDR_V6 ? tuple.client :
				 &(struct in6_addr) { .s6_addr32[0] =
					*(const __be32 *)tuple.client },
				 filter->prefix);
}

/* Puts the VIP and the virtual port, or the mark of a fwmark service's template. */
static int lbdr_nl_put_virtual(struct sk_buff *msg, enum lbdr_family family,
			       const struct lbdr_nl_tuple *tuple)
{
	if (!tuple->protocol)
		return nla_put_u32(msg, LBDR_A_CONN_FWMARK,
				   *(const u32 *)tuple->vip);
	return lbdr_nl_put_addr(msg, LBDR_A_CONN_VIRTUAL_ADDRESS, family,
				tuple->vip) ?:
	       nla_put_be16(msg, LBDR_A_CONN_VIRTUAL_PORT, tuple->vport);
}

static int lbdr_nl_put_conn_flags(struct sk_buff *msg, const struct lbdr_conn *conn,
				  u32 state)
{
	u32 flags = 0;

	if (state != lbdr_state_shown(state))
		flags |= LBDR_CONN_FLAG_HALF_OPEN;
	if (READ_ONCE(conn->renewals) >= LBDR_FLOOD_RENEWALS)
		flags |= LBDR_CONN_FLAG_RENEWED;
	if (!lbdr_conn_own(conn))
		flags |= LBDR_CONN_FLAG_SYNCED;
	return flags ? nla_put_u32(msg, LBDR_A_CONN_FLAGS, flags) : 0;
}

/*
 * The service of a dead server is not reported: it may be removed.
 */
static int lbdr_nl_put_conn_service(struct sk_buff *msg,
				    const struct lbdr_server *server)
{
	return READ_ONCE(server->dead) ? 0 :
	       lbdr_nl_nest_key(msg, LBDR_A_CONN_SERVICE, server->service);
}

static int lbdr_nl_fill_conn(struct sk_buff *msg, struct netlink_callback *cb,
			     const struct lbdr_conn *conn, long left,
			     bool with_service)
{
	const struct lbdr_nl_tuple tuple = lbdr_nl_tuple(conn);
	const struct lbdr_server *server = conn->server;
	u32 state = READ_ONCE(conn->state);
	void *hdr;

	hdr = genlmsg_put(msg, NETLINK_CB(cb->skb).portid, cb->nlh->nlmsg_seq,
			  &lbdr_nl_family, NLM_F_MULTI, LBDR_CMD_CONN_GET);
	if (!hdr)
		return -EMSGSIZE;
	genl_dump_check_consistent(cb, hdr);

	if (nla_put_u8(msg, LBDR_A_CONN_FAMILY, lbdr_af(conn->family)) ||
	    nla_put_u8(msg, LBDR_A_CONN_PROTOCOL, tuple.protocol) ||
	    lbdr_nl_put_addr(msg, LBDR_A_CONN_CLIENT_ADDRESS, conn->family,
			     tuple.client) ||
	    nla_put_be16(msg, LBDR_A_CONN_CLIENT_PORT, tuple.cport) ||
	    lbdr_nl_put_virtual(msg, conn->family, &tuple) ||
	    lbdr_nl_put_addr(msg, LBDR_A_CONN_SERVER_ADDRESS, server->family,
			     &server->addr) ||
	    nla_put_be16(msg, LBDR_A_CONN_SERVER_PORT, tuple.vport) ||
	    nla_put_u8(msg, LBDR_A_CONN_STATE, lbdr_state_shown(state)) ||
	    lbdr_nl_put_conn_flags(msg, conn, state) ||
	    nla_put_u32(msg, LBDR_A_CONN_EXPIRES, jiffies_to_msecs(left)) ||
	    lbdr_nl_put_vrf(msg, LBDR_A_CONN_VRF, server->ln, tuple.domain) ||
	    nla_put_u32(msg, LBDR_A_CONN_IDLE,
			jiffies_to_msecs(lbdr_conn_idle(conn))) ||
	    (with_service && lbdr_nl_put_conn_service(msg, server))) {
		genlmsg_cancel(msg, hdr);
		return -EMSGSIZE;
	}
	genlmsg_end(msg, hdr);
	return 0;
}

/* Position and filter of a dump of connections. Too large for cb->ctx. */
struct lbdr_nl_conn_walk {
	struct rhashtable_iter	iter;
	enum lbdr_family	family;
	struct lbdr_conn_filter	filter;
	bool			has_filter;
	bool			with_service;
};

static struct lbdr_nl_conn_walk **lbdr_nl_conn_walk(struct netlink_callback *cb)
{
	return (struct lbdr_nl_conn_walk **)cb->ctx;
}

/**
 * lbdr_nl_conn_get_start() - Begin a dump of connections
 * @cb: ctx is set to the state of the dump
 *
 * The filter is parsed by the first call of lbdr_nl_conn_get_dumpit(): in Linux 6.1
 * a start callback cannot report errors by extack.
 *
 * Context: process.
 * Return: 0 or -ENOMEM.
 */
int lbdr_nl_conn_get_start(struct netlink_callback *cb)
{
	struct lbdr_net *ln = lbdr_net(sock_net(cb->skb->sk));
	struct lbdr_nl_conn_walk *walk;

	walk = kzalloc(sizeof(*walk), GFP_KERNEL);
	if (!walk)
		return -ENOMEM;
	walk->family = LBDR_V4;
	rhashtable_walk_enter(&ln->conns[LBDR_V4], &walk->iter);
	*lbdr_nl_conn_walk(cb) = walk;
	/* Not 0, which disables genl_dump_check_consistent(). */
	cb->seq = 1;
	return 0;
}
EXPORT_SYMBOL_FOR_KUNIT(lbdr_nl_conn_get_start);

/**
 * lbdr_nl_walk_rest() - Let others run, and grace periods end, if they have to
 * @iter: a walk over a table of connections, started
 *
 * Context: process, rcu_read_lock() held by the walk; released meanwhile.
 * Return: true if the table was resized meanwhile: the walk begins again.
 */
bool lbdr_nl_walk_rest(struct rhashtable_iter *iter)
	__must_hold(RCU)
{
	LBDR_KUNIT_STUB(lbdr_nl_walk_rest, iter);
	if (!need_resched())
		return false;
	rhashtable_walk_stop(iter);
	cond_resched();
	return lbdr_walk_start(iter);
}
EXPORT_SYMBOL_FOR_KUNIT(lbdr_nl_walk_rest);

/**
 * struct lbdr_nl_visitor - what a walk over a table does with connections
 * @filter: connections that it visits; those that have expired are left out, since the
 *	collector removes them
 * @visit: called for each with @data under rcu_read_lock(); @left is the time until the
 *	connection expires. Returns false to end the walk
 * @data: for @visit
 * @resized: incremented if the table was resized: connections may be visited twice, or not
 */
struct lbdr_nl_visitor {
	const struct lbdr_conn_filter	*filter;
	bool				(*visit)(struct lbdr_net *ln, struct lbdr_conn *conn,
						 long left, void *data);
	void				*data;
	u32				resized;
};

/*
 * Walks over a table from where @iter stands: at the connection where the last walk was
 * ended, or at the beginning. Returns false if @visit has ended the walk.
 */
static bool lbdr_nl_walk(struct lbdr_net *ln, struct rhashtable_iter *iter,
			 struct lbdr_nl_visitor *visitor)
{
	struct lbdr_conn *conn;
	bool done = true;
	long left;

	if (lbdr_walk_start(iter))
		visitor->resized++;
	for (conn = rhashtable_walk_peek(iter); conn;
	     conn = rhashtable_walk_next(iter)) {
		if (IS_ERR(conn)) {
			/* Resize: the iterator restarts at the beginning. */
			visitor->resized++;
			continue;
		}
		left = lbdr_conn_left(ln, conn);
		if (left > 0 && lbdr_nl_conn_matches(conn, visitor->filter) &&
		    !visitor->visit(ln, conn, left, visitor->data)) {
			done = false;
			break;
		}
		if (lbdr_nl_walk_rest(iter))
			visitor->resized++;
	}
	rhashtable_walk_stop(iter);
	return done;
}

static bool lbdr_nl_filter_has(const struct lbdr_conn_filter *filter,
			       enum lbdr_family family)
{
	return filter->family < 0 || filter->family == family;
}

/* The message of a dump */
struct lbdr_nl_conn_msg {
	struct sk_buff		*skb;
	struct netlink_callback	*cb;
	bool			with_service;
};

/* Returns whether the connection had room. */
static bool lbdr_nl_dump_conn(struct lbdr_net *ln, struct lbdr_conn *conn, long left,
			      void *data)
{
	struct lbdr_nl_conn_msg *msg = data;

	return !lbdr_nl_fill_conn(msg->skb, msg->cb, conn, left, msg->with_service);
}

/* Returns whether all remaining connections of the current table had room. */
static bool lbdr_nl_dump_conns(struct sk_buff *skb, struct netlink_callback *cb,
			       struct lbdr_net *ln, struct lbdr_nl_conn_walk *walk)
{
	struct lbdr_nl_conn_msg msg = {
		.skb = skb,
		.cb = cb,
		.with_service = walk->with_service,
	};
	struct lbdr_nl_visitor visitor = {
		.filter = &walk->filter,
		.visit = lbdr_nl_dump_conn,
		.data = &msg,
	};
	bool done;

	if (!lbdr_nl_filter_has(&walk->filter, walk->family))
		return true;
	done = lbdr_nl_walk(ln, &walk->iter, &visitor);
	cb->seq += visitor.resized;
	return done;
}

/**
 * lbdr_nl_conn_get_dumpit() - Dump the connections that a filter matches
 * @msg: the message to fill in
 * @cb: ctx is the state of the dump
 *
 * Context: process.
 * Return: length of @msg, or a negative error of the filter, with a message set.
 */
int lbdr_nl_conn_get_dumpit(struct sk_buff *msg, struct netlink_callback *cb)
{
	struct lbdr_net *ln = lbdr_net(sock_net(cb->skb->sk));
	struct lbdr_nl_conn_walk *walk = *lbdr_nl_conn_walk(cb);
	int err;

	if (!walk->has_filter) {
		err = lbdr_nl_parse_filter(ln, lbdr_dump_attrs(cb), &walk->filter,
					   cb->extack);
		if (err)
			return err;
		walk->with_service =
			lbdr_dump_attrs(cb)[LBDR_A_CONN_WITH_SERVICE];
		walk->has_filter = true;
	}
	while (walk->family < LBDR_FAMILIES &&
	       lbdr_nl_dump_conns(msg, cb, ln, walk)) {
		rhashtable_walk_exit(&walk->iter);
		if (++walk->family < LBDR_FAMILIES)
			rhashtable_walk_enter(&ln->conns[walk->family],
					      &walk->iter);
	}
	return msg->len;
}
EXPORT_SYMBOL_FOR_KUNIT(lbdr_nl_conn_get_dumpit);

/**
 * lbdr_nl_conn_get_done() - End a dump of connections, complete or not
 * @cb: ctx is the state of the dump
 *
 * Context: process.
 * Return: 0.
 */
int lbdr_nl_conn_get_done(struct netlink_callback *cb)
{
	struct lbdr_nl_conn_walk *walk = *lbdr_nl_conn_walk(cb);

	if (walk->family < LBDR_FAMILIES)
		rhashtable_walk_exit(&walk->iter);
	kfree(walk);
	return 0;
}
EXPORT_SYMBOL_FOR_KUNIT(lbdr_nl_conn_get_done);

/**
 * struct lbdr_nl_conn_sum - result of a walk over the tables
 * @n: number of matching connections; an ended connection is counted exactly once
 * @end: end them
 */
struct lbdr_nl_conn_sum {
	u32	n;
	bool	end;
};

static bool lbdr_nl_sum_conn(struct lbdr_net *ln, struct lbdr_conn *conn, long left,
			     void *data)
{
	struct lbdr_nl_conn_sum *sum = data;

	if (!sum->end || lbdr_conn_reap(ln, conn))
		sum->n++;
	return true;
}

static int lbdr_nl_sum_conns(struct genl_info *info, u8 cmd, int attr, bool end)
{
	struct lbdr_net *ln = lbdr_net(genl_info_net(info));
	struct lbdr_nl_conn_sum sum = { .end = end };
	struct lbdr_conn_filter filter;
	struct lbdr_nl_visitor visitor = {
		.filter = &filter,
		.visit = lbdr_nl_sum_conn,
		.data = &sum,
	};
	struct rhashtable_iter iter;
	enum lbdr_family family;
	struct sk_buff *msg;
	void *hdr;
	int err;

	err = lbdr_nl_parse_filter(ln, info->attrs, &filter, info->extack);
	if (err)
		return err;
	/* The reply is allocated first: an error must mean that nothing was ended. */
	msg = genlmsg_new(NLMSG_GOODSIZE, GFP_KERNEL);
	if (!msg)
		return -ENOMEM;
	hdr = genlmsg_put_reply(msg, info, &lbdr_nl_family, 0, cmd);
	if (!hdr) {
		nlmsg_free(msg);
		return -EMSGSIZE;
	}

	for (family = 0; family < LBDR_FAMILIES; family++) {
		if (!lbdr_nl_filter_has(&filter, family))
			continue;
		rhashtable_walk_enter(&ln->conns[family], &iter);
		lbdr_nl_walk(ln, &iter, &visitor);
		rhashtable_walk_exit(&iter);
	}
	if (nla_put_u32(msg, attr, sum.n) ||
	    (!end && visitor.resized && nla_put_flag(msg, LBDR_A_CONN_RESIZED))) {
		nlmsg_free(msg);
		return -EMSGSIZE;
	}
	genlmsg_end(msg, hdr);
	return genlmsg_reply(msg, info);
}

/**
 * lbdr_nl_conn_del_doit() - End the connections that a filter matches
 * @skb: the request
 * @info: the request, parsed
 *
 * Context: process.
 * Return: 0 or a negative error.
 */
int lbdr_nl_conn_del_doit(struct sk_buff *skb, struct genl_info *info)
{
	return lbdr_nl_sum_conns(info, LBDR_CMD_CONN_DEL, LBDR_A_CONN_KILLED,
				 true);
}

/**
 * lbdr_nl_conn_count_doit() - Count the connections that a filter matches
 * @skb: the request
 * @info: the request, parsed
 *
 * Context: process.
 * Return: 0 or a negative error.
 */
int lbdr_nl_conn_count_doit(struct sk_buff *skb, struct genl_info *info)
{
	return lbdr_nl_sum_conns(info, LBDR_CMD_CONN_COUNT, LBDR_A_CONN_COUNT,
				 false);
}
