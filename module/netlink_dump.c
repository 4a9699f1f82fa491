// SPDX-License-Identifier: GPL-2.0
/*
 * Netlink dumps. Each call fills one message buffer and remembers in the
 * callback's ctx where to go on.
 *
 * Services and servers are counted off from the front under lbdr_net.lock; a
 * change between two calls moves the generation, which marks what follows as
 * inconsistent, and the reader asks again. Connections are walked under
 * rcu_read_lock() by an iterator that lives as long as the dump; a resize of
 * the table has the same effect.
 */
#include "netlink.h"
#include "sched.h"

/**
 * lbdr_nl_sched_dump() - the schedulers
 * @msg: where to
 * @cb: ctx holds the next one's index
 *
 * Context: process.
 * Return: bytes filled in.
 */
int lbdr_nl_sched_dump(struct sk_buff *msg, struct netlink_callback *cb)
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
 * lbdr_nl_service_dump() - the services
 * @msg: where to
 * @cb: ctx holds the next one's place in the list
 *
 * Context: process.
 * Return: bytes filled in, or a negative error.
 */
int lbdr_nl_service_dump(struct sk_buff *msg, struct netlink_callback *cb)
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
 * lbdr_nl_server_dump() - the servers of one service, or of all
 * @msg: where to
 * @cb: ctx holds the next one's place
 *
 * Context: process.
 * Return: bytes filled in, or a negative error.
 */
int lbdr_nl_server_dump(struct sk_buff *msg, struct netlink_callback *cb)
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

/* Where a dump of connections stands; too large for cb->ctx itself. */
struct lbdr_nl_conn_walk {
	struct rhashtable_iter	iter;
	enum lbdr_family	family;
};

static struct lbdr_nl_conn_walk **lbdr_nl_conn_walk(struct netlink_callback *cb)
{
	return (struct lbdr_nl_conn_walk **)cb->ctx;
}

/**
 * lbdr_nl_conn_dump_start() - begin a dump of connections
 * @cb: ctx will hold the walk
 *
 * Context: process.
 * Return: 0 or -ENOMEM.
 */
int lbdr_nl_conn_dump_start(struct netlink_callback *cb)
{
	struct lbdr_net *ln = lbdr_net(sock_net(cb->skb->sk));
	struct lbdr_nl_conn_walk *walk;

	walk = kzalloc(sizeof(*walk), GFP_KERNEL);
	if (!walk)
		return -ENOMEM;
	walk->family = LBDR_V4;
	rhashtable_walk_enter(&ln->conns[LBDR_V4], &walk->iter);
	*lbdr_nl_conn_walk(cb) = walk;
	/* Any number but 0, which would switch the check off. */
	cb->seq = 1;
	return 0;
}

/* Returns whether all that is left of the walk's table has found room. */
static bool lbdr_nl_dump_conns(struct sk_buff *msg, struct netlink_callback *cb,
			       const struct lbdr_net *ln,
			       struct rhashtable_iter *iter)
{
	struct lbdr_conn *conn;
	bool done = true;
	long left;

	rhashtable_walk_start(iter);
	/* What found no room last time comes first. */
	for (conn = rhashtable_walk_peek(iter); conn;
	     conn = rhashtable_walk_next(iter)) {
		if (IS_ERR(conn)) {
			/* A resize: the walk begins again. */
			cb->seq++;
			continue;
		}
		left = lbdr_conn_left(ln, conn);
		if (left <= 0)
			continue;
		if (lbdr_nl_fill_conn(msg, cb, conn, left)) {
			done = false;
			break;
		}
	}
	rhashtable_walk_stop(iter);
	return done;
}

/**
 * lbdr_nl_conn_dump() - the connections
 * @msg: where to
 * @cb: ctx holds the walk
 *
 * Context: process.
 * Return: bytes filled in.
 */
int lbdr_nl_conn_dump(struct sk_buff *msg, struct netlink_callback *cb)
{
	struct lbdr_net *ln = lbdr_net(sock_net(cb->skb->sk));
	struct lbdr_nl_conn_walk *walk = *lbdr_nl_conn_walk(cb);

	while (walk->family < LBDR_FAMILIES &&
	       lbdr_nl_dump_conns(msg, cb, ln, &walk->iter)) {
		rhashtable_walk_exit(&walk->iter);
		if (++walk->family < LBDR_FAMILIES)
			rhashtable_walk_enter(&ln->conns[walk->family],
					      &walk->iter);
	}
	return msg->len;
}

/**
 * lbdr_nl_conn_dump_done() - end a dump of connections, whole or not
 * @cb: ctx holds the walk
 *
 * Context: process.
 * Return: 0.
 */
int lbdr_nl_conn_dump_done(struct netlink_callback *cb)
{
	struct lbdr_nl_conn_walk *walk = *lbdr_nl_conn_walk(cb);

	if (walk->family < LBDR_FAMILIES)
		rhashtable_walk_exit(&walk->iter);
	kfree(walk);
	return 0;
}
