// SPDX-License-Identifier: GPL-2.0
/*
 * Netlink: the director of a namespace as a whole: version, limits, drop
 * counters, timeouts, entry; and the schedulers.
 */
#include "conn.h"
#include "ingress.h"
#include "limit.h"
#include "netlink.h"
#include "sched.h"
#include "stats.h"

/**
 * lbdr_nl_parse_timeouts() - Parse timeouts by state
 * @nest: attributes with the states' numbers, or NULL
 * @timeout: seconds; states that are not given stay unchanged
 * @extack: for the message
 *
 * Context: any.
 * Return: 0 or -EINVAL.
 */
int lbdr_nl_parse_timeouts(const struct nlattr *nest,
			   u32 timeout[LBDR_CONN_STATES],
			   struct netlink_ext_ack *extack)
{
	struct nlattr *attrs[LBDR_A_TIMEOUT_MAX + 1];
	u32 state;
	int err;

	BUILD_BUG_ON(LBDR_A_TIMEOUT_SYN_RECV != (int)LBDR_CONN_STATE_SYN_RECV);
	BUILD_BUG_ON(LBDR_A_TIMEOUT_SCTP_CLOSED !=
		     (int)LBDR_CONN_STATE_SCTP_CLOSED);
	BUILD_BUG_ON(LBDR_A_TIMEOUT_MAX + 1 != (int)LBDR_CONN_STATE_TEMPLATE);

	if (!nest)
		return 0;
	err = nla_parse_nested(attrs, LBDR_A_TIMEOUT_MAX, nest,
			       lbdr_timeout_nl_policy, extack);
	if (err)
		return err;
	for (state = 1; state <= LBDR_A_TIMEOUT_MAX; state++)
		if (attrs[state])
			timeout[state] = nla_get_u32(attrs[state]);
	return 0;
}

/**
 * lbdr_nl_put_timeouts() - Put timeouts by state
 * @msg: the message
 * @attr: the nest that they come in
 * @timeout: seconds; those of 0 are left out
 *
 * Context: any.
 * Return: 0 or -EMSGSIZE.
 */
int lbdr_nl_put_timeouts(struct sk_buff *msg, int attr,
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

/**
 * lbdr_nl_put_settings() - Put the settings of a namespace
 * @msg: the message
 * @ln: the namespace
 *
 * Context: process, lbdr_net.lock held.
 * Return: 0 or -EMSGSIZE.
 */
int lbdr_nl_put_settings(struct sk_buff *msg, struct lbdr_net *ln)
{
	char name[IFNAMSIZ];
	u32 i;

	if (lbdr_nl_put_timeouts(msg, LBDR_A_INFO_TIMEOUT, ln->timeout) ||
	    nla_put_u8(msg, LBDR_A_INFO_ENTRY,
		       lbdr_ingress_name(ln, 0, name) ? READ_ONCE(ln->entry) :
							LBDR_ENTRY_INGRESS))
		return -EMSGSIZE;
	for (i = 0; !lbdr_ingress_name(ln, i, name); i++)
		if (nla_put_string(msg, LBDR_A_INFO_DEVICE, name))
			return -EMSGSIZE;
	return 0;
}

/**
 * lbdr_nl_put_drop() - Put a drop reason and its counter
 * @msg: the message
 * @attr: the nest that they come in
 * @drop: the reason
 * @packets: the counter
 *
 * Context: any.
 * Return: 0 or -EMSGSIZE.
 */
int lbdr_nl_put_drop(struct sk_buff *msg, int attr, enum lbdr_drop drop,
		     u64 packets)
{
	struct nlattr *nest = nla_nest_start(msg, attr);

	if (!nest ||
	    nla_put_string(msg, LBDR_A_DROP_REASON, lbdr_drop_names[drop]) ||
	    nla_put_u64_64bit(msg, LBDR_A_DROP_PACKETS, packets,
			      LBDR_A_DROP_PAD))
		return -EMSGSIZE;
	nla_nest_end(msg, nest);
	return 0;
}

static int lbdr_nl_put_drops(struct sk_buff *msg, const struct lbdr_net *ln)
{
	enum lbdr_drop drop;

	for (drop = 0; drop < LBDR_DROPS; drop++)
		if (lbdr_nl_put_drop(msg, LBDR_A_INFO_DROP, drop,
				     lbdr_counter(ln, drop)))
			return -EMSGSIZE;
	return 0;
}

/**
 * lbdr_nl_info_get_doit() - Get the director's state
 * @skb: the request
 * @info: the request
 *
 * Context: process.
 * Return: 0 or a negative error.
 */
int lbdr_nl_info_get_doit(struct sk_buff *skb, struct genl_info *info)
{
	struct lbdr_net *ln = lbdr_net(genl_info_net(info));
	struct sk_buff *msg;
	void *hdr;
	int err;

	msg = genlmsg_new(SZ_4K, GFP_KERNEL);
	if (!msg)
		return -ENOMEM;
	hdr = genlmsg_put_reply(msg, info, &lbdr_nl_family, 0,
				LBDR_CMD_INFO_GET);
	lbdr_lock(ln);
	err = !hdr ||
	      nla_put_string(msg, LBDR_A_INFO_VERSION, LBDR_MODULE_VERSION) ||
	      nla_put_u32(msg, LBDR_A_INFO_SERVICES,
			  READ_ONCE(ln->n_services[LBDR_V4]) +
			  READ_ONCE(ln->n_services[LBDR_V6]) -
			  ln->n_held_services) ||
	      nla_put_u32(msg, LBDR_A_INFO_CONNS,
			  atomic_read(&ln->n_conns)) ||
	      nla_put_u32(msg, LBDR_A_INFO_CONN_MAX, lbdr_limit_conns(ln)) ||
	      nla_put_u64_64bit(msg, LBDR_A_INFO_SLOW_PACKETS,
				lbdr_counter(ln, LBDR_COUNTER_SLOW), LBDR_A_INFO_PAD) ||
	      lbdr_nl_put_settings(msg, ln) || lbdr_nl_put_drops(msg, ln);
	lbdr_unlock(ln);
	if (err) {
		nlmsg_free(msg);
		return -EMSGSIZE;
	}
	genlmsg_end(msg, hdr);
	return genlmsg_reply(msg, info);
}

/* Names of devices, up to LBDR_INGRESS_MAX. */
struct lbdr_nl_devices {
	char	name[LBDR_INGRESS_MAX][IFNAMSIZ];
	u32	n;
};

static int lbdr_nl_parse_devices(struct genl_info *info,
				 struct lbdr_nl_devices *devices)
{
	const struct nlattr *attr;
	struct net_device *dev;
	int left;

	nlmsg_for_each_attr(attr, info->nlhdr, GENL_HDRLEN, left) {
		if (nla_type(attr) != LBDR_A_INFO_DEVICE)
			continue;
		if (devices->n == LBDR_INGRESS_MAX) {
			NL_SET_ERR_MSG_ATTR(info->extack, attr,
					    "too many devices: the entry ingress takes 16 at most");
			return -E2BIG;
		}
		/* Commit looks it up again; this tells early. */
		dev = dev_get_by_name(genl_info_net(info), nla_data(attr));
		if (!dev) {
			NL_SET_ERR_MSG_ATTR(info->extack, attr,
					    "device not found");
			return -ENODEV;
		}
		dev_put(dev);
		nla_strscpy(devices->name[devices->n++], attr, IFNAMSIZ);
	}
	return 0;
}

/* Stages what is given; the rest of the settings stays as it will be at commit. */
static int lbdr_nl_stage_info(struct lbdr_config *config,
			      struct genl_info *info)
{
	const struct nlattr *nest = info->attrs[LBDR_A_INFO_TIMEOUT];
	const struct nlattr *entry = info->attrs[LBDR_A_INFO_ENTRY];
	struct lbdr_nl_devices devices = {};
	u32 timeout[LBDR_CONN_STATES];
	u32 state;
	int err;

	memset(timeout, 0xff, sizeof(timeout));
	err = lbdr_nl_parse_timeouts(nest, timeout, info->extack) ?:
	      lbdr_nl_parse_devices(info, &devices);
	if (err)
		return err;
	for (state = 1; state <= LBDR_A_TIMEOUT_MAX; state++) {
		if (timeout[state])
			continue;
		NL_SET_ERR_MSG_ATTR(info->extack, nest,
				    "invalid timeout: must be 1 to 2000000 seconds");
		return -ERANGE;
	}
	for (state = 1; state <= LBDR_A_TIMEOUT_MAX; state++)
		if (timeout[state] != U32_MAX)
			config->timeout[state] = timeout[state];
	if (entry) {
		config->has_entry = true;
		config->entry = nla_get_u8(entry);
		config->n_devices = devices.n;
		memcpy(config->devices, devices.name, sizeof(devices.name));
	}
	return 0;
}

/**
 * lbdr_nl_info_set_doit() - Change the timeouts or the entry of a namespace
 * @skb: the request
 * @info: the request
 *
 * Context: process.
 * Return: 0 or a negative error.
 */
int lbdr_nl_info_set_doit(struct sk_buff *skb, struct genl_info *info)
{
	const struct nlattr *entry = info->attrs[LBDR_A_INFO_ENTRY];
	bool ingress = entry && nla_get_u8(entry) == LBDR_ENTRY_INGRESS;
	struct lbdr_nl_cmd cmd;
	int err;

	if (ingress != !!info->attrs[LBDR_A_INFO_DEVICE]) {
		GENL_SET_ERR_MSG(info,
				 "devices are required with the entry ingress, and not supported with others");
		return -EINVAL;
	}
	err = lbdr_nl_cmd_begin(&cmd, info, LBDR_A_INFO_BATCH);
	if (err)
		return err;
	err = lbdr_nl_cmd_commit(&cmd, lbdr_nl_stage_info(cmd.config, info));
	lbdr_nl_cmd_end(&cmd);
	return err;
}

/**
 * lbdr_nl_sched_get_dumpit() - Dump the schedulers
 * @msg: the message
 * @cb: ctx has the index of the next one
 *
 * Context: process.
 * Return: bytes filled in.
 */
int lbdr_nl_sched_get_dumpit(struct sk_buff *msg, struct netlink_callback *cb)
{
	unsigned long *next = (unsigned long *)cb->ctx;
	const struct lbdr_sched_ops *sched;
	void *hdr;

	while ((sched = lbdr_sched_at(*next))) {
		hdr = genlmsg_put(msg, NETLINK_CB(cb->skb).portid,
				  cb->nlh->nlmsg_seq, &lbdr_nl_family,
				  NLM_F_MULTI, LBDR_CMD_SCHED_GET);
		if (!hdr)
			break;
		if (nla_put_string(msg, LBDR_A_SCHED_NAME, sched->name)) {
			genlmsg_cancel(msg, hdr);
			break;
		}
		genlmsg_end(msg, hdr);
		++*next;
	}
	return msg->len;
}
