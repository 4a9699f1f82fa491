// SPDX-License-Identifier: GPL-2.0
/*
 * The generic netlink family `lbdr`, Documentation/netlink/specs/lbdr.yaml.
 *
 * Each operation goes the same way: attributes are parsed into a struct
 * lbdr_..._config and none passes beyond this file; what the configuration
 * names is found under lbdr_net.lock; the change is made by service.c or
 * server.c, as a whole or not at all; and those who listen are told. Every
 * refusal carries a sentence. Of a socket that has a transaction open, the change
 * is staged instead (netlink_batch.c).
 *
 * Dumps take lbdr_net.lock for a message at a time. One that saw the
 * configuration change in between says so by NLM_F_DUMP_INTR.
 */
#include <net/genetlink.h>

#include "batch.h"
#include "flow.h"
#include "lbdr.h"
#include "netlink.h"
#include "ntf.h"
#include "pool.h"
#include "route.h"
#include "server.h"
#include "service.h"
#include "stats.h"
#include "symbols.h"

/**
 * lbdr_nl_no_service() - why there will be no such service
 * @info: the message
 * @err: what adding it said
 *
 * Context: any.
 * Return: @err.
 */
int lbdr_nl_no_service(struct genl_info *info, int err)
{
	switch (err) {
	case -EEXIST:
		GENL_SET_ERR_MSG(info, "the service exists already");
		break;
	case -ESRCH:
		GENL_SET_ERR_MSG(info, "there is no such service");
		break;
	case -ENOTUNIQ:
		GENL_SET_ERR_MSG(info, "another range of the VIP has some of these ports");
		break;
	case -EDQUOT:
		GENL_SET_ERR_MSG(info,
				 "the open transactions hold as many services and servers as the module parameter batch_max allows");
		break;
	default:
		GENL_SET_ERR_MSG(info, "no memory for the service or its hook");
	}
	return err;
}

/**
 * lbdr_nl_no_server() - why there will be no such server
 * @info: the message
 * @err: what adding it said
 *
 * Context: any.
 * Return: @err.
 */
int lbdr_nl_no_server(struct genl_info *info, int err)
{
	switch (err) {
	case -EEXIST:
		GENL_SET_ERR_MSG(info, "the service has this server already");
		break;
	case -ENOENT:
		GENL_SET_ERR_MSG(info, "the service has no such server");
		break;
	case -ENOSPC:
		GENL_SET_ERR_MSG(info, "the service has 4096 servers, and takes no more");
		break;
	case -EDQUOT:
		return lbdr_nl_no_service(info, err);
	default:
		GENL_SET_ERR_MSG(info, "no memory for the server");
	}
	return err;
}

int lbdr_nl_service_get_doit(struct sk_buff *skb, struct genl_info *info)
{
	struct lbdr_net *ln = lbdr_net(genl_info_net(info));
	struct lbdr_service_key key;
	struct lbdr_service *service;
	struct sk_buff *msg;
	int err;

	err = lbdr_nl_parse_key(info->attrs, &key, info->extack);
	if (err)
		return err;
	msg = genlmsg_new(GENLMSG_DEFAULT_SIZE, GFP_KERNEL);
	if (!msg)
		return -ENOMEM;

	mutex_lock(&ln->lock);
	service = lbdr_nl_find_service(ln, &key, info->extack);
	if (IS_ERR(service))
		err = PTR_ERR(service);
	else
		err = lbdr_nl_fill_service(msg, info->snd_portid,
					   info->snd_seq, 0,
					   LBDR_CMD_SERVICE_GET, service, NULL);
	mutex_unlock(&ln->lock);
	if (err) {
		nlmsg_free(msg);
		return err;
	}
	return genlmsg_reply(msg, info);
}

/* Before lbdr_net.lock is taken, since it may load modules. */
static int lbdr_nl_prepare(enum lbdr_family family,
			   const struct lbdr_service_settings *settings,
			   struct genl_info *info)
{
	if (lbdr_symbols_get_defrag(family)) {
		GENL_SET_ERR_MSG(info, "no nf_defrag_ipv4 or nf_defrag_ipv6 for fragments");
		return -EOPNOTSUPP;
	}
	if ((settings->refuse == LBDR_REFUSE_RESET ||
	     settings->stray == LBDR_STRAY_RESET) && lbdr_symbols_get_reset()) {
		GENL_SET_ERR_MSG(info, "no nf_reject_ipv4 or nf_reject_ipv6 to send TCP RST by");
		return -EOPNOTSUPP;
	}
	return 0;
}

int lbdr_nl_service_new_doit(struct sk_buff *skb, struct genl_info *info)
{
	struct lbdr_net *ln = lbdr_net(genl_info_net(info));
	struct lbdr_service_settings settings;
	struct lbdr_service_config config;
	struct lbdr_service *service;
	struct lbdr_batch *batch;
	struct lbdr_sched sched;
	int err;

	err = lbdr_nl_parse_service(info, &config);
	if (err)
		return err;
	err = lbdr_nl_parse_sched(&config, NULL, &sched, info->extack);
	if (err)
		return err;
	err = lbdr_nl_parse_service_settings(info, &config.key, NULL,
					     &settings);
	if (err)
		return err;
	err = lbdr_nl_prepare(config.key.family, &settings, info);
	if (err)
		return err;

	mutex_lock(&ln->lock);
	batch = lbdr_nl_batch(ln, info);
	if (batch) {
		err = lbdr_nl_stage_service_new(batch, &config.key, &sched,
						&settings, info);
		goto out;
	}
	service = lbdr_service_add(ln, &config.key, &sched, &settings);
	if (IS_ERR(service))
		err = lbdr_nl_no_service(info, PTR_ERR(service));
	else
		lbdr_nl_notify_service(info, LBDR_CMD_SERVICE_NEW_NTF, service);
out:
	mutex_unlock(&ln->lock);
	return err;
}

int lbdr_nl_service_set_doit(struct sk_buff *skb, struct genl_info *info)
{
	struct lbdr_net *ln = lbdr_net(genl_info_net(info));
	struct lbdr_service_settings settings;
	struct lbdr_service_config config;
	struct lbdr_service *service;
	struct lbdr_batch *batch;
	struct lbdr_sched sched;
	bool resched, reset;
	int err;

	err = lbdr_nl_parse_service(info, &config);
	if (err)
		return err;
	/* Once to see what it may need, once more by what the service is like. */
	err = lbdr_nl_parse_service_settings(info, &config.key, NULL,
					     &settings);
	if (err)
		return err;
	err = lbdr_nl_prepare(config.key.family, &settings, info);
	if (err)
		return err;

	mutex_lock(&ln->lock);
	batch = lbdr_nl_batch(ln, info);
	if (batch) {
		err = lbdr_nl_stage_service_set(batch, &config, info);
		goto out;
	}
	service = lbdr_nl_find_service(ln, &config.key, info->extack);
	if (IS_ERR(service)) {
		err = PTR_ERR(service);
		goto out;
	}
	err = lbdr_nl_parse_sched(&config, &service->sched, &sched,
				  info->extack);
	if (err)
		goto out;
	lbdr_nl_parse_service_settings(info, &config.key, &service->settings,
				       &settings);
	resched = sched.ops != service->sched.ops ||
		  sched.flags != service->sched.flags ||
		  sched.size != service->sched.size;
	reset = memcmp(&settings, &service->settings, sizeof(settings));
	if (resched) {
		err = lbdr_service_set_sched(ln, service, &sched);
		if (err) {
			GENL_SET_ERR_MSG(info, "no memory for the scheduler's tables");
			goto out;
		}
	}
	if (reset)
		lbdr_service_set(ln, service, &settings);
	/* Asked for nothing, changed nothing. */
	if (resched || reset)
		lbdr_nl_notify_service(info, LBDR_CMD_SERVICE_SET_NTF, service);
out:
	mutex_unlock(&ln->lock);
	return err;
}

int lbdr_nl_service_del_doit(struct sk_buff *skb, struct genl_info *info)
{
	struct lbdr_net *ln = lbdr_net(genl_info_net(info));
	struct lbdr_service_key key;
	struct lbdr_service *service;
	struct lbdr_batch *batch;
	int err;

	err = lbdr_nl_parse_key(info->attrs, &key, info->extack);
	if (err)
		return err;

	mutex_lock(&ln->lock);
	batch = lbdr_nl_batch(ln, info);
	if (batch) {
		err = lbdr_nl_stage_service_del(batch, &key, info);
		goto out;
	}
	service = lbdr_nl_find_service(ln, &key, info->extack);
	if (IS_ERR(service)) {
		err = PTR_ERR(service);
	} else {
		lbdr_nl_notify_service(info, LBDR_CMD_SERVICE_DEL_NTF, service);
		lbdr_service_del(ln, service);
	}
out:
	mutex_unlock(&ln->lock);
	return err;
}

static void lbdr_nl_flush_tell(const struct lbdr_service *service, void *info)
{
	lbdr_nl_notify_service(info, LBDR_CMD_SERVICE_DEL_NTF, service);
}

int lbdr_nl_flush_doit(struct sk_buff *skb, struct genl_info *info)
{
	struct lbdr_net *ln = lbdr_net(genl_info_net(info));
	struct lbdr_batch *batch;
	int err = 0;

	mutex_lock(&ln->lock);
	batch = lbdr_nl_batch(ln, info);
	if (batch) {
		err = lbdr_nl_stage_flush(batch, info);
	} else {
		lbdr_service_clear(ln, lbdr_nl_flush_tell, info);
		lbdr_nl_notify_net(ln, LBDR_CMD_FLUSH_NTF, NULL);
	}
	mutex_unlock(&ln->lock);
	return err;
}

/* With a key, one service's counters; without any attribute, all of them. */
int lbdr_nl_zero_doit(struct sk_buff *skb, struct genl_info *info)
{
	struct lbdr_net *ln = lbdr_net(genl_info_net(info));
	struct lbdr_service *service;
	struct lbdr_service_key key;
	int err = 0;

	if (lbdr_nl_has_key(info->attrs)) {
		err = lbdr_nl_parse_key(info->attrs, &key, info->extack);
		if (err)
			return err;
		mutex_lock(&ln->lock);
		service = lbdr_nl_find_service(ln, &key, info->extack);
		if (IS_ERR(service)) {
			err = PTR_ERR(service);
		} else {
			lbdr_service_zero(ln, service);
			lbdr_nl_notify_net(ln, LBDR_CMD_ZERO_NTF, service);
		}
	} else {
		mutex_lock(&ln->lock);
		list_for_each_entry(service, &ln->service_list, list)
			lbdr_service_zero(ln, service);
		lbdr_nl_notify_net(ln, LBDR_CMD_ZERO_NTF, NULL);
	}
	mutex_unlock(&ln->lock);
	return err;
}

/*
 * The server is there now, but says why nothing will reach it: a warning, no
 * refusal, since a director may be configured before its NIC is up.
 */
static void lbdr_nl_warn_route(struct lbdr_server *server,
			       struct genl_info *info)
{
	const struct lbdr_route *route;
	enum lbdr_drop why;

	rcu_read_lock();
	route = lbdr_route_get(server, server->family, NULL, &why);
	rcu_read_unlock();
	if (route)
		return;
	if (why == LBDR_DROP_NOT_ONLINK)
		GENL_SET_ERR_MSG(info, "added, but it is behind a router, out of a frame's reach");
	else
		GENL_SET_ERR_MSG(info, "added, but there is no route to it now");
}

/*
 * A program that changes many servers puts many messages into one buffer, and
 * the kernel hands them over one by one: while there are more, schedulers' tables
 * wait for the last one.
 */
static void lbdr_nl_lock(struct lbdr_net *ln, const struct sk_buff *skb,
			 const struct genl_info *info)
{
	mutex_lock(&ln->lock);
	ln->hold = skb->len > NLMSG_ALIGN(info->nlhdr->nlmsg_len);
}

static void lbdr_nl_unlock(struct lbdr_net *ln)
{
	if (!ln->hold)
		lbdr_pool_freshen(ln);
	ln->hold = false;
	mutex_unlock(&ln->lock);
}

/* One that drains may be added again: it stays, with what it has now. */
static int lbdr_nl_server_again(struct genl_info *info, struct lbdr_net *ln,
				struct lbdr_server *server,
				const struct lbdr_server_settings *settings)
{
	struct lbdr_service *service = server->service;
	int err;

	if (!server->draining)
		return lbdr_nl_no_server(info, -EEXIST);
	err = lbdr_server_set(ln, service, server, settings) ?:
	      lbdr_server_drain(ln, service, server, false);
	if (err)
		GENL_SET_ERR_MSG(info, "no memory for the scheduler's tables");
	else
		lbdr_nl_notify_server(info, LBDR_CMD_SERVER_SET_NTF, service,
				      server);
	return err;
}

static int lbdr_nl_server_drain(struct genl_info *info, struct lbdr_net *ln,
				struct lbdr_server *server)
{
	int err;

	if (server->draining)
		return 0;
	err = lbdr_server_drain(ln, server->service, server, true);
	if (err)
		GENL_SET_ERR_MSG(info, "no memory for the scheduler's tables");
	else
		lbdr_nl_notify_server(info, LBDR_CMD_SERVER_SET_NTF,
				      server->service, server);
	return err;
}

int lbdr_nl_server_new_doit(struct sk_buff *skb, struct genl_info *info)
{
	struct lbdr_net *ln = lbdr_net(genl_info_net(info));
	struct lbdr_server_settings settings;
	struct lbdr_server_config config;
	struct lbdr_service *service;
	struct lbdr_server *server;
	struct lbdr_batch *batch;
	int err;

	err = lbdr_nl_parse_server(info, &config);
	if (err)
		return err;

	lbdr_nl_lock(ln, skb, info);
	batch = lbdr_nl_batch(ln, info);
	if (batch) {
		err = lbdr_nl_stage_server_new(batch, &config, info);
		goto out;
	}
	service = lbdr_nl_find_service(ln, &config.key, info->extack);
	if (IS_ERR(service)) {
		err = PTR_ERR(service);
		goto out;
	}
	err = lbdr_nl_parse_settings(&config, NULL, &settings, info->extack);
	if (err)
		goto out;
	server = lbdr_server_find(service, &config.addr);
	if (server) {
		err = lbdr_nl_server_again(info, ln, server, &settings);
		goto out;
	}
	server = lbdr_server_add(ln, service, &config.addr, &settings);
	if (IS_ERR(server)) {
		err = lbdr_nl_no_server(info, PTR_ERR(server));
		goto out;
	}
	lbdr_nl_warn_route(server, info);
	lbdr_nl_notify_server(info, LBDR_CMD_SERVER_NEW_NTF, service, server);
out:
	lbdr_nl_unlock(ln);
	return err;
}

int lbdr_nl_server_set_doit(struct sk_buff *skb, struct genl_info *info)
{
	struct lbdr_net *ln = lbdr_net(genl_info_net(info));
	struct lbdr_server_settings settings, old;
	struct lbdr_server_config config;
	struct lbdr_service *service;
	struct lbdr_server *server;
	struct lbdr_batch *batch;
	int err;

	err = lbdr_nl_parse_server(info, &config);
	if (err)
		return err;

	lbdr_nl_lock(ln, skb, info);
	batch = lbdr_nl_batch(ln, info);
	if (batch) {
		err = lbdr_nl_stage_server_set(batch, &config, info);
		goto out;
	}
	server = lbdr_nl_find_server(ln, &config, &service, info->extack);
	if (IS_ERR(server)) {
		err = PTR_ERR(server);
		goto out;
	}
	lbdr_server_settings(server, &old);
	err = lbdr_nl_parse_settings(&config, &old, &settings, info->extack);
	if (err)
		goto out;
	/* Asked for nothing, changed nothing. */
	if (!memcmp(&settings, &old, sizeof(old)))
		goto out;
	err = lbdr_server_set(ln, service, server, &settings);
	if (err)
		GENL_SET_ERR_MSG(info, "no memory for the scheduler's tables");
	else
		lbdr_nl_notify_server(info, LBDR_CMD_SERVER_SET_NTF, service,
				      server);
out:
	lbdr_nl_unlock(ln);
	return err;
}

int lbdr_nl_server_del_doit(struct sk_buff *skb, struct genl_info *info)
{
	struct lbdr_net *ln = lbdr_net(genl_info_net(info));
	struct lbdr_server_config config;
	struct lbdr_service *service;
	struct lbdr_server *server;
	struct lbdr_batch *batch;
	struct sk_buff *ntf;
	int err;

	err = lbdr_nl_parse_server_key(info, &config);
	if (err)
		return err;

	lbdr_nl_lock(ln, skb, info);
	batch = lbdr_nl_batch(ln, info);
	if (batch) {
		err = lbdr_nl_stage_server_del(batch, &config, info);
		goto out;
	}
	server = lbdr_nl_find_server(ln, &config, &service, info->extack);
	if (IS_ERR(server)) {
		err = PTR_ERR(server);
		goto out;
	}
	if (info->attrs[LBDR_A_SERVER_DRAIN]) {
		err = lbdr_nl_server_drain(info, ln, server);
		goto out;
	}
	/* Its last words are written while it lives, and sent if it dies. */
	ntf = lbdr_nl_prepare_server(info, LBDR_CMD_SERVER_DEL_NTF, service,
				     server);
	err = lbdr_server_del(ln, service, server);
	if (err)
		GENL_SET_ERR_MSG(info, "no memory for the scheduler's tables");
	lbdr_nl_send(info, ntf, err);
out:
	lbdr_nl_unlock(ln);
	return err;
}

/**
 * lbdr_netlink_init() - register the family
 *
 * Context: process.
 * Return: 0 or a negative error.
 */
int __init lbdr_netlink_init(void)
{
	int err;

	err = lbdr_nl_batch_init();
	if (err)
		return err;
	err = genl_register_family(&lbdr_nl_family);
	if (err)
		lbdr_nl_batch_exit();
	return err;
}

/**
 * lbdr_netlink_exit() - take the family away
 *
 * No operation runs when this returns; a dump that has begun keeps the module
 * loaded, so there is none.
 *
 * Context: process.
 */
void lbdr_netlink_exit(void)
{
	genl_unregister_family(&lbdr_nl_family);
	lbdr_nl_batch_exit();
}
