// SPDX-License-Identifier: GPL-2.0
/*
 * Netlink: services.
 */
#include <linux/ctype.h>
#include <linux/netdevice.h>

#include "hold.h"
#include "netlink.h"
#include "pool.h"
#include "sched.h"
#include "symbols.h"

/**
 * lbdr_nl_stage_error() - Set the message for what staging returned
 * @info: the command
 * @err: the error; of staging a service or one of its servers
 *
 * Context: any.
 * Return: @err.
 */
int lbdr_nl_stage_error(struct genl_info *info, int err)
{
	switch (err) {
	case -ESRCH:
		GENL_SET_ERR_MSG(info, "service not found");
		break;
	case -ENOENT:
		GENL_SET_ERR_MSG(info, "server not found in this service");
		break;
	case -ENOTUNIQ:
		GENL_SET_ERR_MSG(info,
				 "another service of this VIP has some of these ports");
		break;
	case -ENOSPC:
		GENL_SET_ERR_MSG(info,
				 "the service has 4096 servers, or 8192 with those that are held, which is the maximum");
		break;
	case -EDQUOT:
		GENL_SET_ERR_MSG(info,
				 "the open transactions have staged as many services and servers as the module parameter batch_max allows");
		break;
	case -EAGAIN:
		GENL_SET_ERR_MSG(info,
				 "the service was changed by others since the transaction began: begin again");
		break;
	default:
		GENL_SET_ERR_MSG(info, "no memory for the change");
	}
	return err;
}
EXPORT_SYMBOL_FOR_KUNIT(lbdr_nl_stage_error);

/**
 * lbdr_nl_staged_service() - Get the staged state of a command's service
 * @cmd: the command
 * @key: of the service
 *
 * Context: process; after lbdr_nl_cmd_begin().
 * Return: the staged service, or ERR_PTR with a message set.
 */
struct lbdr_staged_service *
lbdr_nl_staged_service(struct lbdr_nl_cmd *cmd,
		       const struct lbdr_service_key *key)
{
	struct lbdr_staged_service *staged;

	staged = lbdr_config_service(cmd->config, key);
	if (IS_ERR(staged))
		lbdr_nl_stage_error(cmd->info, PTR_ERR(staged));
	return staged;
}

/* By trial division: some hundred steps at most. */
static bool lbdr_nl_is_prime(u32 n)
{
	u32 i;

	for (i = 2; i * i <= n; i++)
		if (n % i == 0)
			return false;
	return true;
}

/*
 * Options that are not given stay, unless the scheduler changes: those of one mean
 * nothing to another.
 */
static int lbdr_nl_parse_sched(const struct genl_info *info,
			       struct lbdr_sched *sched)
{
	const struct nlattr *name = info->attrs[LBDR_A_SERVICE_SCHEDULER];
	const struct nlattr *flags = info->attrs[LBDR_A_SERVICE_SCHED_FLAGS];
	const struct nlattr *size = info->attrs[LBDR_A_SERVICE_SCHED_SIZE];
	const struct lbdr_sched_ops *ops = sched->ops;

	if (name)
		ops = lbdr_sched_find(nla_data(name));
	if (!ops) {
		NL_SET_ERR_MSG_ATTR(info->extack, name, "scheduler not found");
		return -ENOENT;
	}
	if (ops != sched->ops)
		*sched = (struct lbdr_sched) { .ops = ops, .size = ops->size };
	if (flags)
		sched->flags = nla_get_u32(flags);
	if (sched->flags & ~ops->flags) {
		NL_SET_ERR_MSG_ATTR(info->extack, flags,
				    "option not supported by this scheduler: sh and mh have fallback and port");
		return -EINVAL;
	}
	if (!size)
		return 0;
	if (!ops->size) {
		NL_SET_ERR_MSG_ATTR(info->extack, size,
				    "table size not supported by this scheduler: mh has it");
		return -EINVAL;
	}
	sched->size = nla_get_u32(size);
	if (!lbdr_nl_is_prime(sched->size)) {
		NL_SET_ERR_MSG_ATTR(info->extack, size,
				    "invalid table size: must be a prime number");
		return -ERANGE;
	}
	return 0;
}

static int lbdr_nl_parse_flags(const struct genl_info *info,
			       const struct lbdr_service_key *key,
			       struct lbdr_service_settings *settings)
{
	const struct nlattr *attr = info->attrs[LBDR_A_SERVICE_FLAGS];
	const struct nlattr *mask = info->attrs[LBDR_A_SERVICE_FLAGS_MASK];
	u32 bits = mask ? nla_get_u32(mask) : U32_MAX;

	if (mask && !attr) {
		NL_SET_ERR_MSG_ATTR(info->extack, mask,
				    "flags are required with flags-mask");
		return -EINVAL;
	}
	if (!attr)
		return 0;
	settings->flags = (settings->flags & ~bits) |
			  (nla_get_u32(attr) & bits);
	if (settings->flags & LBDR_SERVICE_FLAG_ONE_PACKET &&
	    key->protocol != IPPROTO_UDP && !lbdr_service_key_marked(key)) {
		NL_SET_ERR_MSG_ATTR(info->extack, attr,
				    "one-packet scheduling is supported for UDP and fwmark services only");
		return -EINVAL;
	}
	return 0;
}

/* Changes @settings by the attributes that are present. */
static int lbdr_nl_parse_settings(const struct genl_info *info,
				  const struct lbdr_service_key *key,
				  struct lbdr_service_settings *settings)
{
	struct nlattr **attrs = info->attrs;
	const struct nlattr *prefix = attrs[LBDR_A_SERVICE_PERSIST_PREFIX];

	if (attrs[LBDR_A_SERVICE_REFUSE])
		settings->refuse = nla_get_u8(attrs[LBDR_A_SERVICE_REFUSE]);
	if (attrs[LBDR_A_SERVICE_STRAY])
		settings->stray = nla_get_u8(attrs[LBDR_A_SERVICE_STRAY]);
	if (attrs[LBDR_A_SERVICE_PERSIST])
		settings->persist = nla_get_u32(attrs[LBDR_A_SERVICE_PERSIST]);
	if (prefix)
		settings->prefix = nla_get_u8(prefix);
	if (key->family == LBDR_V4 && settings->prefix > 32) {
		NL_SET_ERR_MSG_ATTR(info->extack, prefix,
				    "invalid persistence prefix: must be 1 to 32 for IPv4");
		return -ERANGE;
	}
	return lbdr_nl_parse_flags(info, key, settings) ?:
	       lbdr_nl_parse_timeouts(attrs[LBDR_A_SERVICE_TIMEOUT],
				      settings->timeout, info->extack);
}

static void lbdr_nl_default_settings(const struct lbdr_service_key *key,
				     struct lbdr_service_settings *settings)
{
	memset(settings, 0, sizeof(*settings));
	settings->prefix = key->family == LBDR_V4 ? 32 : 128;
}

/* Whether an attribute is present and has this value. */
static bool lbdr_nl_is(const struct nlattr *attr, u8 value)
{
	return attr && nla_get_u8(attr) == value;
}

/* Takes no lock, since it may load modules. */
static int lbdr_nl_get_symbols(const struct genl_info *info,
			       enum lbdr_family family)
{
	if (lbdr_symbols_get_defrag(family)) {
		GENL_SET_ERR_MSG(info,
				 "module nf_defrag_ipv4 or nf_defrag_ipv6 not found: it reassembles fragments");
		return -EOPNOTSUPP;
	}
	if ((lbdr_nl_is(info->attrs[LBDR_A_SERVICE_REFUSE], LBDR_REFUSE_RESET) ||
	     lbdr_nl_is(info->attrs[LBDR_A_SERVICE_STRAY], LBDR_STRAY_RESET)) &&
	    lbdr_symbols_get_reset()) {
		GENL_SET_ERR_MSG(info,
				 "module nf_reject_ipv4 or nf_reject_ipv6 not found: it sends TCP RST");
		return -EOPNOTSUPP;
	}
	return 0;
}

/* The device need not exist, so any name would be listed and saved: it must be plain text. */
static bool lbdr_nl_is_vrf_name(const char *name)
{
	const char *at;

	for (at = name; *at; at++)
		if (!isascii(*at) || !isgraph(*at) || *at == '"' || *at == '\\')
			return false;
	return dev_valid_name(name);
}

/* The domain of the VRF, with a reference: the device need not exist yet. */
static int lbdr_nl_get_domain(struct genl_info *info, struct lbdr_net *ln,
			      u16 *domain)
{
	const struct nlattr *vrf = info->attrs[LBDR_A_SERVICE_VRF];
	int id;

	if (!vrf)
		return 0;
	if (!lbdr_nl_is_vrf_name(nla_data(vrf))) {
		NL_SET_ERR_MSG_ATTR(info->extack, vrf,
				    "invalid VRF: must be the name of a device, of printable ASCII characters");
		return -EINVAL;
	}
	id = lbdr_domain_get_by_name(ln, nla_data(vrf));
	if (id == -EDQUOT)
		NL_SET_ERR_MSG_ATTR(info->extack, vrf,
				    "this user's network namespace has as many VRFs as it may have services: see user_services_max");
	else if (id < 0)
		NL_SET_ERR_MSG_ATTR(info->extack, vrf,
				    "no memory for the VRF, or too many VRFs");
	if (id < 0)
		return id;
	*domain = id;
	return 0;
}

static int lbdr_nl_stage_service_new(struct lbdr_nl_cmd *cmd,
				     const struct lbdr_service_key *key,
				     const struct lbdr_sched *sched,
				     const struct lbdr_service_settings *settings)
{
	struct genl_info *info = cmd->info;
	int err;

	err = lbdr_config_service_add(cmd->config, key, sched, settings);
	switch (err) {
	case 0:
		return 0;
	case -EEXIST:
		GENL_SET_ERR_MSG(info, "service exists already");
		return err;
	case -EADDRINUSE:
		NL_SET_ERR_MSG_ATTR(info->extack, info->attrs[LBDR_A_SERVICE_ADDRESS],
				    "invalid address: a tunnel leads to this address; remove the server with the tunnel first");
		return -EINVAL;
	}
	return lbdr_nl_stage_error(info, err);
}

/**
 * lbdr_nl_service_new_doit() - Add a service
 * @skb: the request
 * @info: the request
 *
 * Context: process.
 * Return: 0 or a negative error.
 */
int lbdr_nl_service_new_doit(struct sk_buff *skb, struct genl_info *info)
{
	const struct nlattr *vrf = info->attrs[LBDR_A_SERVICE_VRF];
	struct lbdr_net *ln = lbdr_net(genl_info_net(info));
	struct lbdr_sched sched = {
		.ops = lbdr_sched_default(),
		.size = lbdr_sched_default()->size,
	};
	struct lbdr_service_settings settings;
	struct lbdr_service_key key;
	struct lbdr_nl_cmd cmd;
	int err;

	err = lbdr_nl_parse_key(ln, info->attrs, &key, info->extack);
	if (err)
		return err;
	lbdr_nl_default_settings(&key, &settings);
	err = lbdr_nl_parse_sched(info, &sched) ?:
	      lbdr_nl_parse_settings(info, &key, &settings) ?:
	      lbdr_nl_get_symbols(info, key.family) ?:
	      lbdr_nl_get_domain(info, ln, &key.domain);
	if (err)
		return err;

	err = lbdr_nl_cmd_begin(&cmd, info, LBDR_A_SERVICE_BATCH);
	if (err)
		goto out;
	err = lbdr_nl_stage_service_new(&cmd, &key, &sched, &settings);
	err = lbdr_nl_cmd_commit(&cmd, err);
	lbdr_nl_cmd_end(&cmd);
out:
	/* The service, live or staged, has a reference of its own. */
	if (vrf)
		lbdr_domain_put(ln, key.domain);
	return err;
}
EXPORT_SYMBOL_FOR_KUNIT(lbdr_nl_service_new_doit);

static int lbdr_nl_stage_service_set(struct lbdr_nl_cmd *cmd,
				     const struct lbdr_service_key *key)
{
	struct lbdr_service_settings settings;
	struct lbdr_staged_service *staged;
	struct lbdr_sched sched;
	int err;

	staged = lbdr_nl_staged_service(cmd, key);
	if (IS_ERR(staged))
		return PTR_ERR(staged);
	sched = staged->sched;
	settings = staged->settings;
	err = lbdr_nl_parse_sched(cmd->info, &sched) ?:
	      lbdr_nl_parse_settings(cmd->info, key, &settings);
	if (err)
		return err;
	staged->sched = sched;
	staged->settings = settings;
	return 0;
}

/**
 * lbdr_nl_service_set_doit() - Change a service's scheduler and settings
 * @skb: the request
 * @info: the request
 *
 * Context: process.
 * Return: 0 or a negative error.
 */
int lbdr_nl_service_set_doit(struct sk_buff *skb, struct genl_info *info)
{
	struct lbdr_service_key key;
	struct lbdr_nl_cmd cmd;
	int err;

	err = lbdr_nl_parse_key(lbdr_net(genl_info_net(info)), info->attrs,
				&key, info->extack) ?:
	      lbdr_nl_get_symbols(info, key.family) ?:
	      lbdr_nl_cmd_begin(&cmd, info, LBDR_A_SERVICE_BATCH);
	if (err)
		return err;
	err = lbdr_nl_cmd_commit(&cmd, lbdr_nl_stage_service_set(&cmd, &key));
	lbdr_nl_cmd_end(&cmd);
	return err;
}
EXPORT_SYMBOL_FOR_KUNIT(lbdr_nl_service_set_doit);

static int lbdr_nl_stage_service_del(struct lbdr_nl_cmd *cmd,
				     const struct lbdr_service_key *key)
{
	const struct nlattr *hold = cmd->info->attrs[LBDR_A_SERVICE_HOLD];
	struct lbdr_staged_service *staged;

	staged = lbdr_config_service_any(cmd->config, key);
	if (IS_ERR(staged))
		return lbdr_nl_stage_error(cmd->info, PTR_ERR(staged));
	if (hold)
		lbdr_config_service_hold(cmd->config, staged,
					 nla_get_u32(hold));
	else
		lbdr_config_service_del(cmd->config, staged);
	return 0;
}

/**
 * lbdr_nl_service_del_doit() - Remove or hold a service
 * @skb: the request
 * @info: the request
 *
 * Context: process.
 * Return: 0 or a negative error.
 */
int lbdr_nl_service_del_doit(struct sk_buff *skb, struct genl_info *info)
{
	struct lbdr_service_key key;
	struct lbdr_nl_cmd cmd;
	int err;

	err = lbdr_nl_parse_key(lbdr_net(genl_info_net(info)), info->attrs,
				&key, info->extack) ?:
	      lbdr_nl_cmd_begin(&cmd, info, LBDR_A_SERVICE_BATCH);
	if (err)
		return err;
	err = lbdr_nl_cmd_commit(&cmd, lbdr_nl_stage_service_del(&cmd, &key));
	lbdr_nl_cmd_end(&cmd);
	return err;
}
EXPORT_SYMBOL_FOR_KUNIT(lbdr_nl_service_del_doit);

/* Listeners of the namespace are notified as of a change without a command. */
static int lbdr_nl_flush_net(struct lbdr_net *ln, struct genl_info *info)
{
	struct lbdr_config *config = lbdr_config_begin_single(ln, NULL);
	int err;

	if (IS_ERR(config))
		return PTR_ERR(config);
	lbdr_config_flush(config);
	err = lbdr_nl_commit(config, info);
	lbdr_config_end_single(config);
	return err;
}

/*
 * So that the module can be unloaded whatever other namespaces have configured. The
 * right to do so is that of unloading, not that of one namespace.
 */
static int lbdr_nl_flush_all(struct sk_buff *skb, struct genl_info *info)
{
	struct net *net = NULL;
	int err = 0;

	if (!netlink_capable(skb, CAP_NET_ADMIN)) {
		GENL_SET_ERR_MSG(info,
				 "CAP_NET_ADMIN in the initial user namespace is required with all-namespaces");
		return -EPERM;
	}
	if (info->attrs[LBDR_A_SERVICE_BATCH]) {
		GENL_SET_ERR_MSG(info,
				 "all-namespaces not supported in a transaction");
		return -EINVAL;
	}
	while (!err && (net = lbdr_net_next(net)))
		err = lbdr_nl_flush_net(lbdr_net(net), info);
	if (net)
		put_net(net);
	return err;
}

/**
 * lbdr_nl_flush_doit() - Remove all services, of one namespace or of all
 * @skb: the request
 * @info: the request
 *
 * Context: process.
 * Return: 0 or a negative error.
 */
int lbdr_nl_flush_doit(struct sk_buff *skb, struct genl_info *info)
{
	struct lbdr_nl_cmd cmd;
	int err;

	if (info->attrs[LBDR_A_SERVICE_ALL_NAMESPACES])
		return lbdr_nl_flush_all(skb, info);
	err = lbdr_nl_cmd_begin(&cmd, info, LBDR_A_SERVICE_BATCH);
	if (err)
		return err;
	lbdr_config_flush(cmd.config);
	err = lbdr_nl_cmd_commit(&cmd, 0);
	lbdr_nl_cmd_end(&cmd);
	return err;
}

/**
 * lbdr_nl_zero_doit() - Set the counters of one service, or of all, to 0
 * @skb: the request; without a key all services are meant
 * @info: the request
 *
 * Context: process.
 * Return: 0 or a negative error.
 */
int lbdr_nl_zero_doit(struct sk_buff *skb, struct genl_info *info)
{
	struct lbdr_net *ln = lbdr_net(genl_info_net(info));
	struct lbdr_nl_origin origin = {
		.base.owner = &lbdr_nl_notifier,
		.info = info,
	};
	struct lbdr_service *service = NULL;
	struct lbdr_service_key key;
	int err = 0;

	if (lbdr_nl_has_key(info->attrs)) {
		err = lbdr_nl_parse_key(ln, info->attrs, &key, info->extack);
		if (err)
			return err;
	}
	err = mutex_lock_killable(&ln->config);
	if (err)
		return err;
	if (lbdr_nl_has_key(info->attrs))
		service = lbdr_nl_find_service(ln, &key, info->extack);
	if (IS_ERR(service))
		err = PTR_ERR(service);
	else
		lbdr_config_zero(ln, service, &origin.base);
	lbdr_nl_ntf_flush(&origin);
	mutex_unlock(&ln->config);
	return err;
}

static int lbdr_nl_put_service_settings(struct sk_buff *msg,
					const struct lbdr_service *service)
{
	const struct lbdr_service_settings *settings = &service->settings;
	const struct lbdr_sched *sched = &service->sched;

	return nla_put_string(msg, LBDR_A_SERVICE_SCHEDULER,
			      sched->ops->name) ||
	       nla_put_u32(msg, LBDR_A_SERVICE_SCHED_FLAGS, sched->flags) ||
	       (sched->size && nla_put_u32(msg, LBDR_A_SERVICE_SCHED_SIZE,
					   sched->size)) ||
	       nla_put_u8(msg, LBDR_A_SERVICE_REFUSE, settings->refuse) ||
	       nla_put_u8(msg, LBDR_A_SERVICE_STRAY, settings->stray) ||
	       nla_put_u32(msg, LBDR_A_SERVICE_FLAGS, settings->flags) ||
	       nla_put_u32(msg, LBDR_A_SERVICE_PERSIST, settings->persist) ||
	       nla_put_u8(msg, LBDR_A_SERVICE_PERSIST_PREFIX,
			  settings->prefix) ||
	       lbdr_nl_put_timeouts(msg, LBDR_A_SERVICE_TIMEOUT,
				    settings->timeout);
}

/**
 * lbdr_nl_put_counts() - Put counters
 * @msg: the message
 * @attr: the nest that they come in
 * @counts: the counters
 *
 * Context: any.
 * Return: 0 or -EMSGSIZE.
 */
int lbdr_nl_put_counts(struct sk_buff *msg, int attr,
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

/* Drop reasons that were never counted are left out. */
static int lbdr_nl_put_service_drops(struct sk_buff *msg,
				     const struct lbdr_service *service)
{
	enum lbdr_drop drop;
	u64 packets;

	for (drop = 0; drop < LBDR_DROPS; drop++) {
		packets = atomic64_read(&service->drops[drop]);
		if (packets && lbdr_nl_put_drop(msg, LBDR_A_SERVICE_DROP, drop,
						packets))
			return -EMSGSIZE;
	}
	return 0;
}

/* The service was published, so it has a pool. */
static int lbdr_nl_put_digest(struct sk_buff *msg,
			      const struct lbdr_service *service)
{
	const struct lbdr_pool *pool;

	pool = rcu_dereference_protected(service->pool,
					 lockdep_is_held(&service->ln->lock));
	if (!pool->digest)
		return 0;
	return nla_put_u64_64bit(msg, LBDR_A_SERVICE_TABLE_DIGEST,
				 pool->digest, LBDR_A_SERVICE_PAD);
}

/**
 * lbdr_nl_fill_service() - Fill in a message on a service
 * @msg: the message; unchanged on error
 * @portid: for the header
 * @seq: for the header
 * @flags: for the header
 * @cmd: for the header
 * @service: the service
 * @cb: the dump that the message is part of, or NULL
 *
 * Context: process, lbdr_net.lock held.
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
	if (lbdr_nl_put_key(msg, service) ||
	    lbdr_nl_put_service_settings(msg, service) ||
	    lbdr_nl_put_counts(msg, LBDR_A_SERVICE_STATS, &counts) ||
	    lbdr_nl_put_service_drops(msg, service) ||
	    lbdr_nl_put_digest(msg, service) ||
	    nla_put_u32(msg, LBDR_A_SERVICE_SERVERS,
			service->n_servers - service->n_held) ||
	    (service->held &&
	     nla_put_u32(msg, LBDR_A_SERVICE_HOLD,
			 lbdr_hold_left(service->hold_until)))) {
		genlmsg_cancel(msg, hdr);
		return -EMSGSIZE;
	}
	genlmsg_end(msg, hdr);
	return 0;
}

/**
 * lbdr_nl_service_get_doit() - Get one service
 * @skb: the request
 * @info: the request
 *
 * Context: process.
 * Return: 0 or a negative error.
 */
int lbdr_nl_service_get_doit(struct sk_buff *skb, struct genl_info *info)
{
	struct lbdr_net *ln = lbdr_net(genl_info_net(info));
	struct lbdr_service_key key;
	struct lbdr_service *service;
	struct sk_buff *msg;
	int err;

	err = lbdr_nl_parse_key(ln, info->attrs, &key, info->extack);
	if (err)
		return err;
	msg = genlmsg_new(GENLMSG_DEFAULT_SIZE, GFP_KERNEL);
	if (!msg)
		return -ENOMEM;

	lbdr_lock(ln);
	service = info->attrs[LBDR_A_SERVICE_WITH_HELD] ?
		  lbdr_nl_find_service_any(ln, &key, info->extack) :
		  lbdr_nl_find_service(ln, &key, info->extack);
	if (IS_ERR(service))
		err = PTR_ERR(service);
	else
		err = lbdr_nl_fill_service(msg, info->snd_portid,
					   info->snd_seq, 0,
					   LBDR_CMD_SERVICE_GET, service, NULL);
	lbdr_unlock(ln);
	if (err) {
		nlmsg_free(msg);
		return err;
	}
	return genlmsg_reply(msg, info);
}

/**
 * lbdr_nl_service_get_dumpit() - Dump all services in the order of adding
 * @msg: the message
 * @cb: ctx is a struct lbdr_service_walk
 *
 * Context: process.
 * Return: bytes filled in, or -EINVAL.
 */
int lbdr_nl_service_get_dumpit(struct sk_buff *msg, struct netlink_callback *cb)
{
	struct lbdr_net *ln = lbdr_net(sock_net(cb->skb->sk));
	bool with_held = lbdr_dump_attrs(cb)[LBDR_A_SERVICE_WITH_HELD];
	struct lbdr_service_walk *next = (void *)cb->ctx;
	struct lbdr_service *service;
	u32 counters = 0;

	/* Linux 6.1 has one policy for do and dump, so other versions have too. */
	if (lbdr_nl_has_key(lbdr_dump_attrs(cb))) {
		NL_SET_ERR_MSG(cb->extack,
			       "key not supported: a dump has all services");
		return -EINVAL;
	}

	lbdr_lock(ln);
	lbdr_nl_dump_begin(cb, ln);
	service = lbdr_service_walk(ln, next);
	if (!service)
		goto out;
	list_for_each_entry_from(service, &ln->service_list, list) {
		next->service = service;
		if ((!service->held || with_held) &&
		    (!lbdr_service_counts_fit(service, &counters) ||
		     lbdr_nl_fill_service(msg, NETLINK_CB(cb->skb).portid,
					  cb->nlh->nlmsg_seq, NLM_F_MULTI,
					  LBDR_CMD_SERVICE_GET, service, cb)))
			goto out;
		next->index++;
	}
	/* Complete: nothing is found at this index. */
	next->service = NULL;
out:
	lbdr_unlock(ln);
	return msg->len;
}
