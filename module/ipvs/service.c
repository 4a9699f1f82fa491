// SPDX-License-Identifier: GPL-2.0
/*
 * Commands of family IPVS on services, and the order in which listings have services.
 */
#define pr_fmt(fmt) KBUILD_MODNAME ": " fmt

#include "ipvs.h"
#include "sched.h"
#include "symbols.h"

/**
 * lbdr_ipvs_begin() - Begin the transaction of a command
 * @info: the command
 *
 * Context: process, may sleep. On success lbdr_net.config is held until lbdr_ipvs_end().
 * Return: the transaction, or ERR_PTR of -EINTR or -ENOMEM.
 */
struct lbdr_config *lbdr_ipvs_begin(struct genl_info *info)
{
	return lbdr_config_begin_single(lbdr_net(genl_info_net(info)), NULL);
}

/**
 * lbdr_ipvs_end() - Commit and end the transaction of a command
 * @config: what lbdr_ipvs_begin() has returned
 * @err: what staging has returned; not 0 drops what was staged
 *
 * Context: process, may sleep; releases lbdr_net.config.
 * Return: 0, or a negative error that clients know: libnl turns others into one that
 * keepalived reports as missing rights.
 */
int lbdr_ipvs_end(struct lbdr_config *config, int err)
{
	bool logs = lbdr_ipvs_logs(config->ln->net);

	if (!err)
		err = lbdr_config_commit(config);
	lbdr_config_end_single(config);
	switch (err) {
	case -ENOSPC:
	case -EDQUOT:
		if (logs)
			pr_info_ratelimited("no room for another service or server: a service has 4096 servers at most and 8192 with those that are held, a user's namespace user_services_max and user_servers_max\n");
		return -ENOMEM;
	case -ESHUTDOWN:
		return -EBUSY;
	}
	return err;
}

/**
 * lbdr_ipvs_find() - Look up a service that IPVS clients see
 * @ln: the namespace
 * @key: its key
 *
 * Context: process, lbdr_net.lock or lbdr_net.config held.
 * Return: the service or NULL.
 */
struct lbdr_service *lbdr_ipvs_find(struct lbdr_net *ln,
				    const struct lbdr_service_key *key)
{
	struct lbdr_service *service = lbdr_service_find(ln, key);

	return service && lbdr_ipvs_visible(service) ? service : NULL;
}

static enum lbdr_ipvs_class lbdr_ipvs_class(const struct lbdr_service *service)
{
	if (lbdr_service_key_marked(&service->key))
		return LBDR_IPVS_MARKED;
	return service->key.protocol == IPPROTO_SCTP ? LBDR_IPVS_SCTP :
						       LBDR_IPVS_PLAIN;
}

/**
 * lbdr_ipvs_walk() - Get the service with which a listing continues
 * @ln: the namespace
 * @walk: the listing, all 0 to begin one
 * @order: the order of the classes
 *
 * Passes over services that IPVS clients do not see.
 *
 * Context: process, lbdr_net.lock held.
 * Return: the service, or NULL if the listing is complete.
 */
const struct lbdr_service *
lbdr_ipvs_walk(const struct lbdr_net *ln, struct lbdr_ipvs_walk *walk,
	       const enum lbdr_ipvs_class order[LBDR_IPVS_CLASSES])
{
	const struct lbdr_service *service;

	while (walk->class < LBDR_IPVS_CLASSES) {
		service = lbdr_service_walk(ln, &walk->walk);
		if (service && lbdr_ipvs_visible(service) &&
		    lbdr_ipvs_class(service) == order[walk->class])
			return service;
		if (service) {
			lbdr_service_walk_next(ln, &walk->walk);
			continue;
		}
		memset(&walk->walk, 0, sizeof(walk->walk));
		walk->class++;
	}
	return NULL;
}

/* Parses a command that sets a service, and has all of its attributes. */
static int lbdr_ipvs_parse_whole(const struct genl_info *info,
				 struct lbdr_service_key *key, struct nlattr **attrs)
{
	int err = lbdr_ipvs_parse_service(info, info->attrs[IPVS_CMD_ATTR_SERVICE],
					  key, attrs);

	if (err)
		return err;
	return attrs[IPVS_SVC_ATTR_SCHED_NAME] && attrs[IPVS_SVC_ATTR_FLAGS] &&
	       attrs[IPVS_SVC_ATTR_TIMEOUT] && attrs[IPVS_SVC_ATTR_NETMASK] ?
	       0 : -EINVAL;
}

/* What the sysctls say that a service is to have. */
static void lbdr_ipvs_apply_sysctl(const struct lbdr_ipvs_net *in,
				   struct lbdr_service_settings *settings)
{
	settings->flags &= ~LBDR_SERVICE_FLAG_EXPIRE_QUIESCENT;
	if (READ_ONCE(in->sysctl[LBDR_IPVS_EXPIRE_QUIESCENT_TEMPLATE]))
		settings->flags |= LBDR_SERVICE_FLAG_EXPIRE_QUIESCENT;
	if (READ_ONCE(in->sysctl[LBDR_IPVS_SLOPPY_TCP]))
		settings->stray = LBDR_STRAY_SCHEDULE;
	else if (settings->stray == LBDR_STRAY_SCHEDULE)
		settings->stray = LBDR_STRAY_PASS;
}

static int lbdr_ipvs_stage_new(struct lbdr_config *config,
			       struct genl_info *info,
			       const struct lbdr_service_key *key,
			       struct nlattr **attrs)
{
	struct lbdr_service_settings settings = {};
	struct lbdr_sched sched = {
		.ops = lbdr_sched_default(),
		.size = lbdr_sched_default()->size,
	};
	int err;

	/* Reported before errors of the settings, as by ip_vs. */
	if (lbdr_ipvs_find(config->ln, key))
		return -EEXIST;
	err = lbdr_ipvs_parse_sched(info, attrs, key, &sched, &settings);
	if (err)
		return err;
	lbdr_ipvs_apply_sysctl(lbdr_ipvs_net(genl_info_net(info)), &settings);
	err = lbdr_config_service_add(config, key, &sched, &settings);
	if (err != -EADDRINUSE)
		return err;
	lbdr_ipvs_refuse(info, key,
			 "invalid virtual address: a tunnel leads to this address; remove the server with the tunnel first");
	return -EINVAL;
}

/**
 * lbdr_ipvs_new_service() - IPVS_CMD_NEW_SERVICE: add a service
 * @skb: the request
 * @info: the request
 *
 * Context: process.
 * Return: 0 or a negative error.
 */
int lbdr_ipvs_new_service(struct sk_buff *skb, struct genl_info *info)
{
	struct nlattr *attrs[IPVS_SVC_ATTR_MAX + 1];
	struct lbdr_service_key key;
	struct lbdr_config *config;
	int err;

	err = lbdr_ipvs_parse_whole(info, &key, attrs);
	if (err)
		return err;
	if (!lbdr_service_key_marked(&key) &&
	    !lbdr_addr_is_unicast(key.family, &key.addr)) {
		lbdr_ipvs_refuse(info, &key,
				 "invalid virtual address: must be unicast, and neither loopback nor link-local");
		return -EINVAL;
	}
	/* Before any lock is taken: may load a module. */
	if (lbdr_symbols_get_defrag(key.family)) {
		lbdr_ipvs_refuse(info, &key,
				 "module nf_defrag_ipv4 or nf_defrag_ipv6 not found: it reassembles fragments");
		return -EOPNOTSUPP;
	}
	config = lbdr_ipvs_begin(info);
	if (IS_ERR(config))
		return PTR_ERR(config);
	err = lbdr_ipvs_end(config, lbdr_ipvs_stage_new(config, info, &key, attrs));
	/*
	 * Read by packets. The service exists if a program starts again that could not
	 * remove it, with this module loaded since.
	 */
	if (!err || err == -EEXIST)
		WRITE_ONCE(lbdr_net(genl_info_net(info))->mark_first, 1);
	return err;
}

static int lbdr_ipvs_stage_set(struct lbdr_config *config,
			       struct genl_info *info,
			       const struct lbdr_service_key *key,
			       struct nlattr **attrs)
{
	struct lbdr_service_settings settings;
	struct lbdr_staged_service *staged;
	struct lbdr_sched sched;
	int err;

	staged = lbdr_config_service(config, key);
	if (IS_ERR(staged))
		return PTR_ERR(staged);
	sched = staged->sched;
	settings = staged->settings;
	err = lbdr_ipvs_parse_sched(info, attrs, key, &sched, &settings);
	if (err)
		return err;
	staged->sched = sched;
	staged->settings = settings;
	return 0;
}

/**
 * lbdr_ipvs_set_service() - IPVS_CMD_SET_SERVICE: change a service
 * @skb: the request
 * @info: the request
 *
 * Context: process.
 * Return: 0 or a negative error.
 */
int lbdr_ipvs_set_service(struct sk_buff *skb, struct genl_info *info)
{
	struct nlattr *attrs[IPVS_SVC_ATTR_MAX + 1];
	struct lbdr_service_key key;
	struct lbdr_config *config;
	int err;

	err = lbdr_ipvs_parse_whole(info, &key, attrs);
	if (err)
		return err;
	config = lbdr_ipvs_begin(info);
	if (IS_ERR(config))
		return PTR_ERR(config);
	return lbdr_ipvs_end(config, lbdr_ipvs_stage_set(config, info, &key,
							 attrs));
}

/* Removes a service, with a hold time if there is one. */
static void lbdr_ipvs_stage_del(struct lbdr_config *config,
				struct lbdr_staged_service *staged)
{
	u32 hold = lbdr_ipvs_hold(config->ln->net);

	if (hold)
		lbdr_config_service_hold(config, staged, hold);
	else
		lbdr_config_service_del(config, staged);
}

/**
 * lbdr_ipvs_del_service() - IPVS_CMD_DEL_SERVICE: remove a service
 * @skb: the request
 * @info: the request
 *
 * Context: process.
 * Return: 0 or a negative error.
 */
int lbdr_ipvs_del_service(struct sk_buff *skb, struct genl_info *info)
{
	struct nlattr *attrs[IPVS_SVC_ATTR_MAX + 1];
	struct lbdr_staged_service *staged;
	struct lbdr_service_key key;
	struct lbdr_config *config;
	int err;

	err = lbdr_ipvs_parse_service(info, info->attrs[IPVS_CMD_ATTR_SERVICE],
				      &key, attrs);
	if (err)
		return err;
	config = lbdr_ipvs_begin(info);
	if (IS_ERR(config))
		return PTR_ERR(config);
	staged = lbdr_config_service(config, &key);
	if (!IS_ERR(staged))
		lbdr_ipvs_stage_del(config, staged);
	return lbdr_ipvs_end(config, PTR_ERR_OR_ZERO(staged));
}

static int lbdr_ipvs_stage_flush(struct lbdr_config *config)
{
	struct lbdr_staged_service *staged;
	const struct lbdr_service *service;

	list_for_each_entry(service, &config->ln->service_list, list) {
		if (!lbdr_ipvs_visible(service))
			continue;
		staged = lbdr_config_service(config, &service->key);
		if (IS_ERR(staged))
			return PTR_ERR(staged);
		lbdr_ipvs_stage_del(config, staged);
		cond_resched();
	}
	return 0;
}

/**
 * lbdr_ipvs_flush() - IPVS_CMD_FLUSH: remove all services that IPVS clients see
 * @skb: the request
 * @info: the request
 *
 * Whoever made them; ranges of ports and services of a VRF stay.
 *
 * Context: process.
 * Return: 0 or a negative error.
 */
int lbdr_ipvs_flush(struct sk_buff *skb, struct genl_info *info)
{
	struct lbdr_config *config = lbdr_ipvs_begin(info);

	if (IS_ERR(config))
		return PTR_ERR(config);
	return lbdr_ipvs_end(config, lbdr_ipvs_stage_flush(config));
}

/**
 * lbdr_ipvs_zero() - IPVS_CMD_ZERO: set the counters of one service, or of all, to 0
 * @skb: the request; without a service all are meant
 * @info: the request
 *
 * Context: process.
 * Return: 0 or a negative error.
 */
int lbdr_ipvs_zero(struct sk_buff *skb, struct genl_info *info)
{
	const struct nlattr *nest = info->attrs[IPVS_CMD_ATTR_SERVICE];
	struct lbdr_net *ln = lbdr_net(genl_info_net(info));
	struct nlattr *attrs[IPVS_SVC_ATTR_MAX + 1];
	struct lbdr_service *service = NULL;
	struct lbdr_service_key key;
	int err;

	err = nest ? lbdr_ipvs_parse_service(info, nest, &key, attrs) : 0;
	if (err)
		return err;
	if (mutex_lock_killable(&ln->config))
		return -EINTR;
	if (nest)
		service = lbdr_ipvs_find(ln, &key);
	if (nest && !service)
		err = -ESRCH;
	else
		lbdr_config_zero(ln, service, NULL);
	mutex_unlock(&ln->config);
	return err;
}

/**
 * lbdr_ipvs_put_addr() - Put an address
 * @msg: the message
 * @attr: the attribute, of 16 bytes in both families
 * @addr: the address
 *
 * Context: any.
 * Return: 0 or -EMSGSIZE.
 */
int lbdr_ipvs_put_addr(struct sk_buff *msg, int attr,
		       const union nf_inet_addr *addr)
{
	return nla_put(msg, attr, sizeof(*addr), addr);
}

static int lbdr_ipvs_put_key(struct sk_buff *msg,
			     const struct lbdr_service_key *key)
{
	if (nla_put_u16(msg, IPVS_SVC_ATTR_AF, lbdr_af(key->family)))
		return -EMSGSIZE;
	/* Clients take a service for one of an address if there are other attributes. */
	if (lbdr_service_key_marked(key))
		return nla_put_u32(msg, IPVS_SVC_ATTR_FWMARK, key->addr.all[0]);
	return nla_put_u16(msg, IPVS_SVC_ATTR_PROTOCOL, key->protocol) ?:
	       lbdr_ipvs_put_addr(msg, IPVS_SVC_ATTR_ADDR, &key->addr) ?:
	       nla_put_be16(msg, IPVS_SVC_ATTR_PORT, key->port);
}

static int lbdr_ipvs_put_service(struct sk_buff *msg,
				 const struct lbdr_service *service)
{
	const struct lbdr_service_settings *settings = &service->settings;
	struct ip_vs_flags flags = {
		.flags = lbdr_ipvs_flags(&service->sched, settings),
		.mask = ~0,
	};
	struct nlattr *nest = nla_nest_start_noflag(msg, IPVS_CMD_ATTR_SERVICE);
	struct lbdr_ipvs_sums sums;

	lbdr_ipvs_service_sums(service, &sums);
	if (!nest || lbdr_ipvs_put_key(msg, &service->key) ||
	    nla_put_string(msg, IPVS_SVC_ATTR_SCHED_NAME,
			   service->sched.ops->name) ||
	    nla_put(msg, IPVS_SVC_ATTR_FLAGS, sizeof(flags), &flags) ||
	    nla_put_u32(msg, IPVS_SVC_ATTR_TIMEOUT, settings->persist) ||
	    nla_put_u32(msg, IPVS_SVC_ATTR_NETMASK,
			lbdr_ipvs_netmask(&service->key, settings->prefix)) ||
	    lbdr_ipvs_put_sums(msg, IPVS_SVC_ATTR_STATS, IPVS_SVC_ATTR_STATS64,
			       &sums))
		return -EMSGSIZE;
	nla_nest_end(msg, nest);
	return 0;
}

static int lbdr_ipvs_fill_service(struct sk_buff *msg, struct genl_info *info)
{
	struct lbdr_net *ln = lbdr_net(genl_info_net(info));
	struct nlattr *attrs[IPVS_SVC_ATTR_MAX + 1];
	const struct lbdr_service *service;
	struct lbdr_service_key key;
	int err;

	err = lbdr_ipvs_parse_service(info, info->attrs[IPVS_CMD_ATTR_SERVICE],
				      &key, attrs);
	if (err)
		return err;
	lbdr_lock(ln);
	service = lbdr_ipvs_find(ln, &key);
	err = service ? lbdr_ipvs_put_service(msg, service) : -ESRCH;
	lbdr_unlock(ln);
	return err;
}

/**
 * lbdr_ipvs_get_service() - IPVS_CMD_GET_SERVICE: get one service
 * @skb: the request
 * @info: the request
 *
 * Context: process.
 * Return: 0 or a negative error.
 */
int lbdr_ipvs_get_service(struct sk_buff *skb, struct genl_info *info)
{
	return lbdr_ipvs_reply(info, IPVS_CMD_NEW_SERVICE,
			       lbdr_ipvs_fill_service);
}

/**
 * lbdr_ipvs_dump_services() - IPVS_CMD_GET_SERVICE: dump all services
 * @msg: the message
 * @cb: ctx is a struct lbdr_ipvs_walk; attributes are ignored
 *
 * Context: process.
 * Return: bytes filled in.
 */
int lbdr_ipvs_dump_services(struct sk_buff *msg, struct netlink_callback *cb)
{
	static const enum lbdr_ipvs_class order[] = {
		LBDR_IPVS_PLAIN, LBDR_IPVS_SCTP, LBDR_IPVS_MARKED,
	};
	struct lbdr_net *ln = lbdr_net(sock_net(cb->skb->sk));
	struct lbdr_ipvs_walk *walk = (void *)cb->ctx;
	const struct lbdr_service *service;
	u32 counters = 0;
	void *hdr;

	BUILD_BUG_ON(sizeof(*walk) > sizeof(cb->ctx));

	lbdr_lock(ln);
	while ((service = lbdr_ipvs_walk(ln, walk, order)) &&
	       lbdr_service_counts_fit(service, &counters)) {
		hdr = genlmsg_put(msg, NETLINK_CB(cb->skb).portid,
				  cb->nlh->nlmsg_seq, &lbdr_ipvs_family,
				  NLM_F_MULTI, IPVS_CMD_NEW_SERVICE);
		if (!hdr)
			break;
		if (lbdr_ipvs_put_service(msg, service)) {
			genlmsg_cancel(msg, hdr);
			break;
		}
		genlmsg_end(msg, hdr);
		lbdr_service_walk_next(ln, &walk->walk);
	}
	lbdr_unlock(ln);
	return msg->len;
}
