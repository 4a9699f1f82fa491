// SPDX-License-Identifier: GPL-2.0
/*
 * Generic netlink family IPVS, version 1: operations, and the commands on the namespace
 * as a whole.
 *
 * The numbers are those of <linux/ip_vs.h>, which programs that drive ip_vs are compiled
 * with. Their requests must be read as ip_vs reads them:
 *
 * - Attributes are parsed liberally: unknown ones are ignored, and nests need not have
 *   NLA_F_NESTED. Nests of replies do not have that flag either: some clients compare
 *   the whole type.
 * - Replies and entries of dumps have the number of the command that would make the
 *   object.
 * - No message of a dump has NLM_F_DUMP_INTR: libnl would report an error for it, and
 *   ipvsadm(8) would print no table. A dump continues by index after a change.
 * - Errors are among those that clients expect. No client asks for the extack message,
 *   so a refusal that ip_vs would not give is logged too, rate limited.
 *
 * All changes are transactions of one command (config.c). Listeners of family lbdr are
 * notified of them.
 */
#define pr_fmt(fmt) KBUILD_MODNAME ": " fmt

#include "ipvs.h"
#include "limit.h"

static const struct nla_policy lbdr_ipvs_policy[IPVS_CMD_ATTR_MAX + 1] = {
	[IPVS_CMD_ATTR_SERVICE]		= { .type = NLA_NESTED },
	[IPVS_CMD_ATTR_DEST]		= { .type = NLA_NESTED },
	[IPVS_CMD_ATTR_DAEMON]		= { .type = NLA_NESTED },
	[IPVS_CMD_ATTR_TIMEOUT_TCP]	= { .type = NLA_U32 },
	[IPVS_CMD_ATTR_TIMEOUT_TCP_FIN]	= { .type = NLA_U32 },
	[IPVS_CMD_ATTR_TIMEOUT_UDP]	= { .type = NLA_U32 },
};

/**
 * lbdr_ipvs_logs() - Check whether a command of a namespace may write to the kernel's log
 * @net: the namespace
 *
 * A user's must not: they would use up what the host's may write, and look like these.
 *
 * Context: any.
 */
bool lbdr_ipvs_logs(const struct net *net)
{
	return !lbdr_net(net)->user;
}

/**
 * lbdr_ipvs_refuse() - Report why a command is refused, to the client and to the log
 * @info: the command
 * @key: the service, or NULL
 * @why: a sentence, constant
 *
 * Context: process.
 */
void lbdr_ipvs_refuse(const struct genl_info *info,
		      const struct lbdr_service_key *key, const char *why)
{
	if (info->extack)
		info->extack->_msg = why;
	if (!lbdr_ipvs_logs(read_pnet(&info->_net)))
		return;
	if (!key)
		pr_info_ratelimited("%s\n", why);
	else if (lbdr_service_key_marked(key))
		pr_info_ratelimited("service of fwmark %u: %s\n",
				    key->addr.all[0], why);
	else if (key->family == LBDR_V4)
		pr_info_ratelimited("service %s %pI4:%u: %s\n",
				    lbdr_ipvs_protocol(key->protocol),
				    &key->addr.ip, ntohs(key->port), why);
	else
		pr_info_ratelimited("service %s [%pI6c]:%u: %s\n",
				    lbdr_ipvs_protocol(key->protocol),
				    &key->addr.in6, ntohs(key->port), why);
}

/**
 * lbdr_ipvs_reply() - Answer a command by one message
 * @info: the command
 * @cmd: for the header
 * @fill: puts the attributes; returns 0 or a negative error
 *
 * Context: process, may sleep.
 * Return: 0 or a negative error.
 */
int lbdr_ipvs_reply(struct genl_info *info, u8 cmd,
		    int (*fill)(struct sk_buff *msg, struct genl_info *info))
{
	struct sk_buff *msg = genlmsg_new(GENLMSG_DEFAULT_SIZE, GFP_KERNEL);
	void *hdr;
	int err;

	if (!msg)
		return -ENOMEM;
	hdr = genlmsg_put_reply(msg, info, &lbdr_ipvs_family, 0, cmd);
	err = hdr ? fill(msg, info) : -EMSGSIZE;
	if (err) {
		nlmsg_free(msg);
		return err;
	}
	genlmsg_end(msg, hdr);
	return genlmsg_reply(msg, info);
}

static int lbdr_ipvs_fill_info(struct sk_buff *msg, struct genl_info *info)
{
	const struct lbdr_net *ln = lbdr_net(genl_info_net(info));

	return nla_put_u32(msg, IPVS_INFO_ATTR_VERSION, LBDR_IPVS_VERSION) ?:
	       nla_put_u32(msg, IPVS_INFO_ATTR_CONN_TAB_SIZE,
			   lbdr_limit_conns_of(ln));
}

static int lbdr_ipvs_get_info(struct sk_buff *skb, struct genl_info *info)
{
	return lbdr_ipvs_reply(info, IPVS_CMD_SET_INFO, lbdr_ipvs_fill_info);
}

/* The states whose timeouts the three attributes are. */
static const struct {
	u8	attr;
	u8	state;
} lbdr_ipvs_timeouts[] = {
	{ IPVS_CMD_ATTR_TIMEOUT_TCP, LBDR_CONN_STATE_ESTABLISHED },
	{ IPVS_CMD_ATTR_TIMEOUT_TCP_FIN, LBDR_CONN_STATE_FIN_WAIT },
	{ IPVS_CMD_ATTR_TIMEOUT_UDP, LBDR_CONN_STATE_UDP },
};

static int lbdr_ipvs_fill_config(struct sk_buff *msg, struct genl_info *info)
{
	const struct lbdr_net *ln = lbdr_net(genl_info_net(info));
	u32 i;

	for (i = 0; i < ARRAY_SIZE(lbdr_ipvs_timeouts); i++)
		if (nla_put_u32(msg, lbdr_ipvs_timeouts[i].attr,
				READ_ONCE(ln->timeout[lbdr_ipvs_timeouts[i].state])))
			return -EMSGSIZE;
	return 0;
}

static int lbdr_ipvs_get_config(struct sk_buff *skb, struct genl_info *info)
{
	return lbdr_ipvs_reply(info, IPVS_CMD_SET_CONFIG, lbdr_ipvs_fill_config);
}

static int lbdr_ipvs_set_config(struct sk_buff *skb, struct genl_info *info)
{
	const struct nlattr *attr;
	struct lbdr_config *config;
	u32 i;

	for (i = 0; i < ARRAY_SIZE(lbdr_ipvs_timeouts); i++) {
		attr = info->attrs[lbdr_ipvs_timeouts[i].attr];
		if (attr && nla_get_u32(attr) > LBDR_TIMEOUT_MAX) {
			lbdr_ipvs_refuse(info, NULL,
					 "invalid timeout: must be 0 to 2000000 seconds");
			return -EINVAL;
		}
	}
	config = lbdr_ipvs_begin(info);
	if (IS_ERR(config))
		return PTR_ERR(config);
	/* 0 keeps the present value, as in a transaction. */
	for (i = 0; i < ARRAY_SIZE(lbdr_ipvs_timeouts); i++) {
		attr = info->attrs[lbdr_ipvs_timeouts[i].attr];
		if (attr)
			config->timeout[lbdr_ipvs_timeouts[i].state] =
				nla_get_u32(attr);
	}
	return lbdr_ipvs_end(config, 0);
}

#define LBDR_IPVS_OP(command, ...) {						\
	.cmd		= IPVS_CMD_ ## command,					\
	.validate	= GENL_DONT_VALIDATE_STRICT | GENL_DONT_VALIDATE_DUMP,	\
	.flags		= GENL_UNS_ADMIN_PERM,					\
	__VA_ARGS__								\
}

static const struct genl_small_ops lbdr_ipvs_ops[] = {
	LBDR_IPVS_OP(NEW_SERVICE, .doit = lbdr_ipvs_new_service),
	LBDR_IPVS_OP(SET_SERVICE, .doit = lbdr_ipvs_set_service),
	LBDR_IPVS_OP(DEL_SERVICE, .doit = lbdr_ipvs_del_service),
	LBDR_IPVS_OP(GET_SERVICE, .doit = lbdr_ipvs_get_service,
		     .dumpit = lbdr_ipvs_dump_services),
	LBDR_IPVS_OP(NEW_DEST, .doit = lbdr_ipvs_new_dest),
	LBDR_IPVS_OP(SET_DEST, .doit = lbdr_ipvs_set_dest),
	LBDR_IPVS_OP(DEL_DEST, .doit = lbdr_ipvs_del_dest),
	LBDR_IPVS_OP(GET_DEST, .dumpit = lbdr_ipvs_dump_dests),
	LBDR_IPVS_OP(NEW_DAEMON, .doit = lbdr_ipvs_new_daemon),
	LBDR_IPVS_OP(DEL_DAEMON, .doit = lbdr_ipvs_del_daemon),
	LBDR_IPVS_OP(GET_DAEMON, .dumpit = lbdr_ipvs_dump_daemons),
	LBDR_IPVS_OP(SET_CONFIG, .doit = lbdr_ipvs_set_config),
	LBDR_IPVS_OP(GET_CONFIG, .doit = lbdr_ipvs_get_config),
	LBDR_IPVS_OP(GET_INFO, .doit = lbdr_ipvs_get_info),
	LBDR_IPVS_OP(ZERO, .doit = lbdr_ipvs_zero),
	LBDR_IPVS_OP(FLUSH, .doit = lbdr_ipvs_flush),
};

struct genl_family lbdr_ipvs_family __ro_after_init = {
	.name		= IPVS_GENL_NAME,
	.version	= IPVS_GENL_VERSION,
	.maxattr	= IPVS_CMD_ATTR_MAX,
	.policy		= lbdr_ipvs_policy,
	.netnsok	= true,
	.parallel_ops	= true,
	.module		= THIS_MODULE,
	.small_ops	= lbdr_ipvs_ops,
	.n_small_ops	= ARRAY_SIZE(lbdr_ipvs_ops),
	.resv_start_op	= IPVS_CMD_FLUSH + 1,
};

/**
 * lbdr_ipvs_family_init() - Register the family
 *
 * Context: process, lbdr_ipvs_net exists in each namespace.
 * Return: 0, -EEXIST if ip_vs has registered the family, or another negative error.
 */
int __init lbdr_ipvs_family_init(void)
{
	return genl_register_family(&lbdr_ipvs_family);
}

/**
 * lbdr_ipvs_family_exit() - Unregister the family
 *
 * No operation and no dump runs when this returns.
 *
 * Context: process.
 */
void lbdr_ipvs_family_exit(void)
{
	genl_unregister_family(&lbdr_ipvs_family);
}
