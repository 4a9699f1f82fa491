// SPDX-License-Identifier: GPL-2.0
/*
 * From what there is to netlink messages: replies, dumps and notifications.
 *
 * The fill functions put one whole message into a buffer or leave it as it
 * was, and return -EMSGSIZE where there is no room.
 */
#include "conn.h"
#include "flow.h"
#include "ingress.h"
#include "lbdr.h"
#include "netlink.h"
#include "ntf.h"
#include "route.h"
#include "sched.h"
#include "server.h"
#include "service.h"
#include "stats.h"

#define CONFIG_GROUP	0

/* Those that are not 0; a service has only what differs from its namespace. */
static int lbdr_nl_put_timeouts(struct sk_buff *msg, int attr,
				const u32 timeout[LBDR_CONN_STATES])
{
	struct nlattr *nest = nla_nest_start(msg, attr);
	u32 state;

	if (!nest)
		return -EMSGSIZE;
	for (state = 1; state <= LBDR_A_TIMEOUT_MAX; state++)
		if (timeout[state] && nla_put_u32(msg, state, timeout[state]))
			return -EMSGSIZE;
	nla_nest_end(msg, nest);
	return 0;
}

/* What can be set for the director as a whole. */
static int lbdr_nl_put_choices(struct sk_buff *msg, const struct lbdr_net *ln)
{
	const struct net_device *dev;
	u32 i;

	if (lbdr_nl_put_timeouts(msg, LBDR_A_INFO_TIMEOUT, ln->timeout) ||
	    nla_put_u8(msg, LBDR_A_INFO_ENTRY,
		       list_empty(&ln->ingress) ? ln->entry :
						  LBDR_ENTRY_INGRESS))
		return -EMSGSIZE;
	for (i = 0; (dev = lbdr_ingress_dev(ln, i)); i++)
		if (nla_put_string(msg, LBDR_A_INFO_DEVICE, dev->name))
			return -EMSGSIZE;
	return 0;
}

/**
 * lbdr_nl_fill_info() - the director as a whole
 * @msg: where to
 * @info: the request
 * @ln: the namespace
 *
 * Context: lbdr_net.lock held.
 * Return: 0 or -EMSGSIZE.
 */
int lbdr_nl_fill_info(struct sk_buff *msg, struct genl_info *info,
		      const struct lbdr_net *ln)
{
	struct nlattr *nest;
	enum lbdr_drop drop;
	void *hdr;

	hdr = genlmsg_put_reply(msg, info, &lbdr_nl_family, 0,
				LBDR_CMD_INFO_GET);
	if (!hdr)
		return -EMSGSIZE;
	if (nla_put_string(msg, LBDR_A_INFO_VERSION, LBDR_MODULE_VERSION) ||
	    nla_put_u32(msg, LBDR_A_INFO_SERVICES,
			ln->n_services[LBDR_V4] + ln->n_services[LBDR_V6]) ||
	    nla_put_u32(msg, LBDR_A_INFO_CONNS, atomic_read(&ln->n_conns)) ||
	    nla_put_u32(msg, LBDR_A_INFO_CONN_MAX, lbdr_conn_max()) ||
	    lbdr_nl_put_choices(msg, ln))
		goto cancel;
	for (drop = 0; drop < LBDR_DROPS; drop++) {
		const struct lbdr_drop_word *word = &lbdr_drop_words[drop];

		nest = nla_nest_start(msg, LBDR_A_INFO_DROP);
		if (!nest ||
		    nla_put_string(msg, LBDR_A_DROP_REASON, word->reason) ||
		    nla_put_u64_64bit(msg, LBDR_A_DROP_PACKETS,
				      lbdr_drop_count(ln, drop),
				      LBDR_A_DROP_PAD) ||
		    nla_put_string(msg, LBDR_A_DROP_SUMMARY, word->summary))
			goto cancel;
		nla_nest_end(msg, nest);
	}
	genlmsg_end(msg, hdr);
	return 0;

cancel:
	genlmsg_cancel(msg, hdr);
	return -EMSGSIZE;
}

/**
 * lbdr_nl_fill_sched() - one scheduler
 * @msg: where to
 * @cb: the dump
 * @sched: the scheduler
 *
 * Context: any.
 * Return: 0 or -EMSGSIZE.
 */
int lbdr_nl_fill_sched(struct sk_buff *msg, struct netlink_callback *cb,
		       const struct lbdr_sched_ops *sched)
{
	void *hdr;

	hdr = genlmsg_put(msg, NETLINK_CB(cb->skb).portid, cb->nlh->nlmsg_seq,
			  &lbdr_nl_family, NLM_F_MULTI, LBDR_CMD_SCHED_GET);
	if (!hdr)
		return -EMSGSIZE;
	if (nla_put_string(msg, LBDR_A_SCHED_NAME, sched->name)) {
		genlmsg_cancel(msg, hdr);
		return -EMSGSIZE;
	}
	genlmsg_end(msg, hdr);
	return 0;
}

/**
 * lbdr_nl_put_addr() - an address, as long as it is
 * @msg: where to
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
 * lbdr_nl_put_key() - what names a service
 * @msg: where to
 * @key: of the service
 *
 * Context: any.
 * Return: 0 or not.
 */
int lbdr_nl_put_key(struct sk_buff *msg, const struct lbdr_service_key *key)
{
	if (nla_put_u8(msg, LBDR_A_SERVICE_FAMILY, lbdr_af(key->family)))
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

static int lbdr_nl_put_settings(struct sk_buff *msg,
				const struct lbdr_service_settings *settings)
{
	return nla_put_u8(msg, LBDR_A_SERVICE_REFUSE, settings->refuse) ||
	       nla_put_u8(msg, LBDR_A_SERVICE_STRAY, settings->stray) ||
	       nla_put_u32(msg, LBDR_A_SERVICE_FLAGS, settings->flags) ||
	       nla_put_u32(msg, LBDR_A_SERVICE_PERSIST, settings->persist) ||
	       nla_put_u8(msg, LBDR_A_SERVICE_PERSIST_PREFIX,
			  settings->prefix) ||
	       lbdr_nl_put_timeouts(msg, LBDR_A_SERVICE_TIMEOUT,
				    settings->timeout);
}

static int lbdr_nl_put_counts(struct sk_buff *msg, int attr,
			      const struct lbdr_counts *counts)
{
	struct nlattr *nest = nla_nest_start(msg, attr);

	if (!nest ||
	    nla_put_u64_64bit(msg, LBDR_A_STATS_CONNS, counts->conns,
			      LBDR_A_STATS_PAD) ||
	    nla_put_u64_64bit(msg, LBDR_A_STATS_IN_PACKETS, counts->packets,
			      LBDR_A_STATS_PAD) ||
	    nla_put_u64_64bit(msg, LBDR_A_STATS_IN_BYTES, counts->bytes,
			      LBDR_A_STATS_PAD))
		return -EMSGSIZE;
	nla_nest_end(msg, nest);
	return 0;
}

/**
 * lbdr_nl_fill_service() - one service
 * @msg: where to
 * @portid: for the header
 * @seq: for the header
 * @flags: for the header
 * @cmd: for the header
 * @service: the service
 * @cb: the dump that this is part of, or NULL
 *
 * Context: lbdr_net.lock held.
 * Return: 0 or -EMSGSIZE.
 */
int lbdr_nl_fill_service(struct sk_buff *msg, u32 portid, u32 seq, int flags,
			 u8 cmd, const struct lbdr_service *service,
			 struct netlink_callback *cb)
{
	struct lbdr_counts counts;
	void *hdr;

	hdr = genlmsg_put(msg, portid, seq, &lbdr_nl_family, flags, cmd);
	if (!hdr)
		return -EMSGSIZE;
	if (cb)
		genl_dump_check_consistent(cb, hdr);

	lbdr_service_counts(service, &counts);
	if (lbdr_nl_put_key(msg, &service->key) ||
	    nla_put_string(msg, LBDR_A_SERVICE_SCHEDULER,
			   service->sched.ops->name) ||
	    nla_put_u32(msg, LBDR_A_SERVICE_SCHED_FLAGS,
			service->sched.flags) ||
	    (service->sched.size &&
	     nla_put_u32(msg, LBDR_A_SERVICE_SCHED_SIZE,
			 service->sched.size)) ||
	    lbdr_nl_put_settings(msg, &service->settings) ||
	    lbdr_nl_put_counts(msg, LBDR_A_SERVICE_STATS, &counts) ||
	    nla_put_u32(msg, LBDR_A_SERVICE_SERVERS, service->n_servers)) {
		genlmsg_cancel(msg, hdr);
		return -EMSGSIZE;
	}
	genlmsg_end(msg, hdr);
	return 0;
}

/* How the server is reached at this moment; looks the route up if need be. */
static int lbdr_nl_put_route(struct sk_buff *msg, struct lbdr_server *server)
{
	const struct lbdr_route *route;
	u8 forward = LBDR_FORWARD_DR;
	enum lbdr_drop why;
	u32 ifindex = 0;

	rcu_read_lock();
	route = lbdr_route_get(server, server->family, NULL, &why);
	if (route) {
		ifindex = dst_dev_rcu(route->dst)->ifindex;
		if (route->local)
			forward = LBDR_FORWARD_LOCAL;
	}
	rcu_read_unlock();

	return nla_put_u8(msg, LBDR_A_SERVER_FORWARD, forward) ||
	       (ifindex && nla_put_u32(msg, LBDR_A_SERVER_IFINDEX, ifindex));
}

/**
 * lbdr_nl_put_server() - all attributes of a server
 * @msg: where to
 * @service: its service
 * @server: the server
 *
 * Context: lbdr_net.lock held.
 * Return: 0 or -EMSGSIZE, and then some of them may be there.
 */
int lbdr_nl_put_server(struct sk_buff *msg, const struct lbdr_service *service,
		       struct lbdr_server *server)
{
	struct lbdr_counts counts;
	struct nlattr *nest;

	nest = nla_nest_start(msg, LBDR_A_SERVER_SERVICE);
	if (!nest || lbdr_nl_put_key(msg, &service->key))
		return -EMSGSIZE;
	nla_nest_end(msg, nest);

	lbdr_server_counts(server, &counts);
	if (lbdr_nl_put_addr(msg, LBDR_A_SERVER_ADDRESS, server->family,
			     &server->addr) ||
	    nla_put_be16(msg, LBDR_A_SERVER_PORT, service->key.port) ||
	    (server->draining && nla_put_flag(msg, LBDR_A_SERVER_DRAIN)) ||
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
	    lbdr_nl_put_counts(msg, LBDR_A_SERVER_STATS, &counts) ||
	    lbdr_nl_put_route(msg, server))
		return -EMSGSIZE;
	return 0;
}

/**
 * lbdr_nl_fill_server() - one server
 * @msg: where to
 * @portid: for the header
 * @seq: for the header
 * @flags: for the header
 * @cmd: for the header
 * @service: its service
 * @server: the server
 * @cb: the dump that this is part of, or NULL
 *
 * Context: lbdr_net.lock held.
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
	if (lbdr_nl_put_server(msg, service, server)) {
		genlmsg_cancel(msg, hdr);
		return -EMSGSIZE;
	}
	genlmsg_end(msg, hdr);
	return 0;
}

/*
 * A buffer for a notification. Where there is none the listeners get ENOBUFS, as
 * one gets whose own buffer is full.
 */
static struct sk_buff *lbdr_nl_ntf_alloc(const struct lbdr_net *ln)
{
	struct sk_buff *msg = genlmsg_new(GENLMSG_DEFAULT_SIZE, GFP_KERNEL);

	if (!msg)
		genl_set_err(&lbdr_nl_family, ln->net, 0, CONFIG_GROUP,
			     -ENOBUFS);
	return msg;
}

/**
 * lbdr_nl_listened() - whether anybody wants to be told
 * @info: the message that causes a change
 *
 * Context: any.
 */
bool lbdr_nl_listened(struct genl_info *info)
{
	return genl_has_listeners(&lbdr_nl_family, genl_info_net(info),
				  CONFIG_GROUP) || nlmsg_report(info->nlhdr);
}

/* A buffer for a notification, or NULL where nobody listens. */
static struct sk_buff *lbdr_nl_ntf_new(struct genl_info *info)
{
	if (!lbdr_nl_listened(info))
		return NULL;
	return lbdr_nl_ntf_alloc(lbdr_net(genl_info_net(info)));
}

/**
 * lbdr_nl_send() - send a notification, or drop it
 * @info: the message that caused it
 * @msg: the notification; may be NULL
 * @err: not 0 where what it tells of did not happen
 *
 * A listener that misses one for want of memory is told so by ENOBUFS at its
 * socket.
 *
 * Context: process.
 */
void lbdr_nl_send(struct genl_info *info, struct sk_buff *msg, int err)
{
	if (!msg)
		return;
	if (err)
		nlmsg_free(msg);
	else
		genl_notify(&lbdr_nl_family, msg, info, CONFIG_GROUP,
			    GFP_KERNEL);
}

/**
 * lbdr_nl_notify_service() - tell listeners of a service
 * @info: the message that caused it
 * @cmd: what happened, LBDR_CMD_SERVICE_..._NTF
 * @service: to whom
 *
 * Context: process, lbdr_net.lock held.
 */
void lbdr_nl_notify_service(struct genl_info *info, u8 cmd,
			    const struct lbdr_service *service)
{
	struct sk_buff *msg = lbdr_nl_ntf_new(info);

	if (msg)
		lbdr_nl_send(info, msg,
			     lbdr_nl_fill_service(msg, info->snd_portid,
						  info->snd_seq, 0, cmd,
						  service, NULL));
}

/**
 * lbdr_nl_prepare_server() - what to tell listeners of a server
 * @info: the message that caused it
 * @cmd: what happens, LBDR_CMD_SERVER_..._NTF
 * @service: the server's service
 * @server: to whom
 *
 * Context: process, lbdr_net.lock held.
 * Return: a message for lbdr_nl_send(), or NULL.
 */
struct sk_buff *lbdr_nl_prepare_server(struct genl_info *info, u8 cmd,
				       const struct lbdr_service *service,
				       struct lbdr_server *server)
{
	struct sk_buff *msg = lbdr_nl_ntf_new(info);

	if (msg && lbdr_nl_fill_server(msg, info->snd_portid, info->snd_seq, 0,
				       cmd, service, server, NULL)) {
		nlmsg_free(msg);
		return NULL;
	}
	return msg;
}

/**
 * lbdr_nl_notify_server() - tell listeners of a server
 * @info: the message that caused it
 * @cmd: what happened, LBDR_CMD_SERVER_..._NTF
 * @service: the server's service
 * @server: to whom
 *
 * Context: process, lbdr_net.lock held.
 */
void lbdr_nl_notify_server(struct genl_info *info, u8 cmd,
			   const struct lbdr_service *service,
			   struct lbdr_server *server)
{
	lbdr_nl_send(info, lbdr_nl_prepare_server(info, cmd, service, server),
		     0);
}

/**
 * lbdr_nl_prepare_drained() - what to tell listeners of a server that ran dry
 * @server: the server
 *
 * Nobody's message caused it.
 *
 * Context: process, lbdr_net.lock held.
 * Return: a message for lbdr_nl_send_drained(), or NULL.
 */
struct sk_buff *lbdr_nl_prepare_drained(struct lbdr_server *server)
{
	struct sk_buff *msg;

	if (!genl_has_listeners(&lbdr_nl_family, server->ln->net, CONFIG_GROUP))
		return NULL;
	msg = lbdr_nl_ntf_alloc(server->ln);
	if (msg && lbdr_nl_fill_server(msg, 0, 0, 0, LBDR_CMD_SERVER_DEL_NTF,
				       server->service, server, NULL)) {
		nlmsg_free(msg);
		return NULL;
	}
	return msg;
}

/**
 * lbdr_nl_send_drained() - send it, or drop it
 * @ln: the namespace
 * @msg: may be NULL
 * @err: not 0 where the server is still there
 *
 * Context: process.
 */
void lbdr_nl_send_drained(struct lbdr_net *ln, struct sk_buff *msg, int err)
{
	if (!msg)
		return;
	if (err)
		nlmsg_free(msg);
	else
		genlmsg_multicast_netns(&lbdr_nl_family, ln->net, msg, 0,
					CONFIG_GROUP, GFP_KERNEL);
}

static int lbdr_nl_fill_news(struct sk_buff *msg, const struct lbdr_net *ln,
			     u8 cmd, const struct lbdr_service *service)
{
	void *hdr = genlmsg_put(msg, 0, 0, &lbdr_nl_family, 0, cmd);

	if (!hdr || (service && lbdr_nl_put_key(msg, &service->key)) ||
	    (cmd == LBDR_CMD_INFO_SET_NTF && lbdr_nl_put_choices(msg, ln)))
		return -EMSGSIZE;
	genlmsg_end(msg, hdr);
	return 0;
}

/**
 * lbdr_nl_notify_net() - tell listeners of the director as a whole
 * @ln: the namespace
 * @cmd: what happened: LBDR_CMD_INFO_SET_NTF, _ZERO_NTF or _FLUSH_NTF
 * @service: the one whose counters are 0 now, or NULL
 *
 * Context: process, lbdr_net.lock held.
 */
void lbdr_nl_notify_net(struct lbdr_net *ln, u8 cmd,
		  const struct lbdr_service *service)
{
	struct sk_buff *msg;
	int err;

	if (!genl_has_listeners(&lbdr_nl_family, ln->net, CONFIG_GROUP))
		return;
	msg = lbdr_nl_ntf_alloc(ln);
	if (!msg)
		return;
	err = lbdr_nl_fill_news(msg, ln, cmd, service);
	lbdr_nl_send_drained(ln, msg, err);
}
