// SPDX-License-Identifier: GPL-2.0
/*
 * Netlink dumps of the configuration. Each call fills one message buffer and
 * remembers in the callback's ctx where to go on.
 *
 * Services and servers are counted off from the front under lbdr_net.lock; a
 * change between two calls moves the generation, which marks what follows as
 * inconsistent, and the reader asks again.
 */
#include "lbdr.h"
#include "netlink.h"
#include "sched.h"
#include "server.h"
#include "service.h"

/**
 * lbdr_nl_sched_get_dumpit() - the schedulers
 * @msg: where to
 * @cb: ctx holds the next one's index
 *
 * Context: process.
 * Return: bytes filled in.
 */
int lbdr_nl_sched_get_dumpit(struct sk_buff *msg, struct netlink_callback *cb)
{
	unsigned long *next = (unsigned long *)cb->ctx;
	const struct lbdr_sched_ops *sched;

	while ((sched = lbdr_sched_at(*next))) {
		if (lbdr_nl_fill_sched(msg, cb, sched))
			break;
		++*next;
	}
	return msg->len;
}

/**
 * lbdr_nl_service_get_dumpit() - the services
 * @msg: where to
 * @cb: ctx holds the next one's place in the list
 *
 * Context: process.
 * Return: bytes filled in, or a negative error.
 */
int lbdr_nl_service_get_dumpit(struct sk_buff *msg, struct netlink_callback *cb)
{
	struct lbdr_net *ln = lbdr_net(sock_net(cb->skb->sk));
	unsigned long *next = (unsigned long *)cb->ctx;
	const struct lbdr_service *service;
	unsigned long at = 0;

	if (lbdr_nl_has_key(lbdr_dump_attrs(cb))) {
		NL_SET_ERR_MSG(cb->extack, "a dump lists every service and takes no key");
		return -EINVAL;
	}

	mutex_lock(&ln->lock);
	cb->seq = ln->generation;
	list_for_each_entry(service, &ln->service_list, list) {
		if (at++ < *next)
			continue;
		if (lbdr_nl_fill_service(msg, NETLINK_CB(cb->skb).portid,
					 cb->nlh->nlmsg_seq, NLM_F_MULTI,
					 LBDR_CMD_SERVICE_GET, service, cb))
			break;
		*next = at;
	}
	mutex_unlock(&ln->lock);
	return msg->len;
}

struct lbdr_nl_server_ctx {
	unsigned long	service;
	unsigned long	server;
};

/* Returns whether all that is left of @service has found room. */
static bool lbdr_nl_dump_servers(struct sk_buff *msg,
				 struct netlink_callback *cb,
				 const struct lbdr_service *service)
{
	struct lbdr_nl_server_ctx *next = (void *)cb->ctx;
	struct lbdr_server *server;
	unsigned long at = 0;

	list_for_each_entry(server, &service->servers, list) {
		if (at++ < next->server)
			continue;
		if (lbdr_nl_fill_server(msg, NETLINK_CB(cb->skb).portid,
					cb->nlh->nlmsg_seq, NLM_F_MULTI,
					LBDR_CMD_SERVER_GET, service, server,
					cb))
			return false;
		next->server = at;
	}
	next->server = 0;
	next->service++;
	return true;
}

/**
 * lbdr_nl_server_get_dumpit() - the servers of one service, or of all
 * @msg: where to
 * @cb: ctx holds the next one's place
 *
 * Context: process.
 * Return: bytes filled in, or a negative error.
 */
int lbdr_nl_server_get_dumpit(struct sk_buff *msg, struct netlink_callback *cb)
{
	const struct nlattr *nest = lbdr_dump_attrs(cb)[LBDR_A_SERVER_SERVICE];
	struct lbdr_net *ln = lbdr_net(sock_net(cb->skb->sk));
	struct lbdr_nl_server_ctx *next = (void *)cb->ctx;
	const struct lbdr_service *service;
	struct lbdr_service_key key;
	unsigned long at = 0;
	int err = 0;

	BUILD_BUG_ON(sizeof(*next) > sizeof(cb->ctx));

	if (nest) {
		err = lbdr_nl_parse_nested_key(nest, &key, cb->extack);
		if (err)
			return err;
	}

	mutex_lock(&ln->lock);
	cb->seq = ln->generation;
	if (nest) {
		service = lbdr_nl_find_service(ln, &key, cb->extack);
		if (IS_ERR(service))
			err = PTR_ERR(service);
		else if (!next->service)
			lbdr_nl_dump_servers(msg, cb, service);
		goto out;
	}
	list_for_each_entry(service, &ln->service_list, list) {
		if (at++ < next->service)
			continue;
		if (!lbdr_nl_dump_servers(msg, cb, service))
			break;
	}
out:
	mutex_unlock(&ln->lock);
	return err ?: msg->len;
}
