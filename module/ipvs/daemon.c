// SPDX-License-Identifier: GPL-2.0
/*
 * Commands of family IPVS on the sync daemons, which keepalived(8) and ipvsadm(8) start
 * and stop: the roles of connection synchronisation (sync.c) under the names of ip_vs.
 */
#define pr_fmt(fmt) KBUILD_MODNAME ": " fmt

#include <net/ipv6.h>

#include "ipvs.h"
#include "sync.h"

/* Bounds of ip_vs for the length of messages: of the MTU, and of a backup's payload */
#define LBDR_IPVS_MTU		1500U
#define LBDR_IPVS_BACKUP_MIN	1024

static const struct nla_policy
lbdr_ipvs_daemon_policy[IPVS_DAEMON_ATTR_MAX + 1] = {
	[IPVS_DAEMON_ATTR_STATE]	= { .type = NLA_U32 },
	[IPVS_DAEMON_ATTR_MCAST_IFN]	= { .type = NLA_NUL_STRING,
					    .len = IFNAMSIZ - 1 },
	[IPVS_DAEMON_ATTR_SYNC_ID]	= { .type = NLA_U32 },
	[IPVS_DAEMON_ATTR_SYNC_MAXLEN]	= { .type = NLA_U16 },
	[IPVS_DAEMON_ATTR_MCAST_GROUP]	= { .type = NLA_U32 },
	[IPVS_DAEMON_ATTR_MCAST_GROUP6]	= { .type = NLA_BINARY,
					    .len = sizeof(struct in6_addr) },
	[IPVS_DAEMON_ATTR_MCAST_PORT]	= { .type = NLA_U16 },
	[IPVS_DAEMON_ATTR_MCAST_TTL]	= { .type = NLA_U8 },
};

static int lbdr_ipvs_parse_daemon(const struct genl_info *info,
				  struct nlattr **attrs)
{
	const struct nlattr *nest = info->attrs[IPVS_CMD_ATTR_DAEMON];

	return nest ? nla_parse_nested_deprecated(attrs, IPVS_DAEMON_ATTR_MAX,
						  nest, lbdr_ipvs_daemon_policy,
						  info->extack) : -EINVAL;
}

/* Returns the role of a state, or -EINVAL. */
static int lbdr_ipvs_role(const struct nlattr *state)
{
	switch (nla_get_u32(state)) {
	case IP_VS_STATE_MASTER:
		return LBDR_SYNC_ROLE_MASTER;
	case IP_VS_STATE_BACKUP:
		return LBDR_SYNC_ROLE_BACKUP;
	}
	return -EINVAL;
}

static int lbdr_ipvs_parse_group(struct nlattr **attrs,
				 struct lbdr_sync_settings *daemon)
{
	const struct nlattr *group4 = attrs[IPVS_DAEMON_ATTR_MCAST_GROUP];
	const struct nlattr *group6 = attrs[IPVS_DAEMON_ATTR_MCAST_GROUP6];

	daemon->family = AF_INET;
	daemon->n_addrs = 1;
	daemon->addrs[0].ip = htonl(LBDR_SYNC_GROUP);
	if (group4) {
		daemon->addrs[0].ip = nla_get_be32(group4);
		return ipv4_is_multicast(daemon->addrs[0].ip) ? 0 : -EINVAL;
	}
	if (!group6)
		return 0;
	if (nla_len(group6) < (int)sizeof(struct in6_addr))
		return -EINVAL;
	daemon->family = AF_INET6;
	daemon->addrs[0].in6 = *(const struct in6_addr *)nla_data(group6);
	return ipv6_addr_is_multicast(&daemon->addrs[0].in6) ? 0 : -EINVAL;
}

/* Without a length from the client a message fits into the MTU. */
static u16 lbdr_ipvs_maxlen(const struct lbdr_sync_settings *daemon, u16 maxlen,
			    bool master, unsigned int mtu)
{
	u32 headers = sizeof(struct udphdr) +
		      (daemon->family == AF_INET6 ? sizeof(struct ipv6hdr) :
						    sizeof(struct iphdr));

	/* What the master sends, see lbdr_sync_page_alloc() */
	if (maxlen && master)
		return clamp_t(u32, maxlen, LBDR_SYNC_MAXLEN_MIN, LBDR_SYNC_MAXLEN_MAX);
	if (maxlen)
		return clamp_t(u32, maxlen, LBDR_IPVS_BACKUP_MIN, U16_MAX - headers);
	if (master)
		mtu = LBDR_IPVS_MTU;
	return clamp_t(u32, mtu, LBDR_IPVS_MTU, U16_MAX) - headers;
}

/* Sets the settings that the client gives, and the others as ip_vs does. */
static int lbdr_ipvs_parse_daemon_settings(struct net *net, struct nlattr **attrs,
					   bool master,
					   struct lbdr_sync_settings *daemon)
{
	const struct nlattr *maxlen = attrs[IPVS_DAEMON_ATTR_SYNC_MAXLEN];
	const struct nlattr *port = attrs[IPVS_DAEMON_ATTR_MCAST_PORT];
	const struct nlattr *ttl = attrs[IPVS_DAEMON_ATTR_MCAST_TTL];
	struct net_device *dev;
	unsigned int mtu;
	int err;

	nla_strscpy(daemon->device, attrs[IPVS_DAEMON_ATTR_MCAST_IFN], IFNAMSIZ);
	dev = dev_get_by_name(net, daemon->device);
	if (!dev)
		return -ENODEV;
	mtu = READ_ONCE(dev->mtu);
	dev_put(dev);

	/* The lowest eight bits, as ip_vs sends them */
	daemon->syncid = (u8)nla_get_u32(attrs[IPVS_DAEMON_ATTR_SYNC_ID]);
	daemon->port = port ? nla_get_u16(port) : 0;
	if (!daemon->port)
		daemon->port = LBDR_SYNC_PORT;
	daemon->ttl = ttl ? nla_get_u8(ttl) : 0;
	if (!daemon->ttl)
		daemon->ttl = 1;
	err = lbdr_ipvs_parse_group(attrs, daemon);
	daemon->maxlen = lbdr_ipvs_maxlen(daemon,
					  maxlen ? nla_get_u16(maxlen) : 0,
					  master, mtu);
	return err;
}

/**
 * lbdr_ipvs_new_daemon() - IPVS_CMD_NEW_DAEMON: start a sync daemon
 * @skb: the request
 * @info: the request
 *
 * Context: process.
 * Return: 0, -EINVAL, -ENODEV, -EEXIST if the daemon runs, or another error of its
 * socket.
 */
int lbdr_ipvs_new_daemon(struct sk_buff *skb, struct genl_info *info)
{
	struct lbdr_net *ln = lbdr_net(genl_info_net(info));
	struct nlattr *attrs[IPVS_DAEMON_ATTR_MAX + 1];
	struct lbdr_sync_settings settings = {};
	int role, err;

	err = lbdr_ipvs_parse_daemon(info, attrs);
	if (err)
		return err;
	if (!attrs[IPVS_DAEMON_ATTR_STATE] || !attrs[IPVS_DAEMON_ATTR_MCAST_IFN] ||
	    !attrs[IPVS_DAEMON_ATTR_SYNC_ID])
		return -EINVAL;
	role = lbdr_ipvs_role(attrs[IPVS_DAEMON_ATTR_STATE]);
	err = lbdr_ipvs_parse_daemon_settings(ln->net, attrs,
					      role == LBDR_SYNC_ROLE_MASTER, &settings);
	if (err)
		return err;
	if (role < 0)
		return role;
	err = lbdr_sync_start(ln, role, &settings, NULL);
	if (err && err != -EEXIST && lbdr_ipvs_logs(ln->net))
		pr_info_ratelimited("sync daemon on %s: cannot open a socket, error %d\n",
				    settings.device, err);
	/* The errors that clients know; the device has no address, or is down. */
	if (err == -ENETUNREACH || err == -EADDRNOTAVAIL || err == -EHOSTUNREACH)
		return -ENODEV;
	return err;
}

/**
 * lbdr_ipvs_del_daemon() - IPVS_CMD_DEL_DAEMON: stop a sync daemon
 * @skb: the request
 * @info: the request
 *
 * Context: process.
 * Return: 0, -EINVAL, or -ESRCH if the daemon does not run.
 */
int lbdr_ipvs_del_daemon(struct sk_buff *skb, struct genl_info *info)
{
	struct nlattr *attrs[IPVS_DAEMON_ATTR_MAX + 1];
	int role, err;

	err = lbdr_ipvs_parse_daemon(info, attrs);
	if (err)
		return err;
	if (!attrs[IPVS_DAEMON_ATTR_STATE])
		return -EINVAL;
	role = lbdr_ipvs_role(attrs[IPVS_DAEMON_ATTR_STATE]);
	if (role < 0)
		return role;
	return lbdr_sync_stop(lbdr_net(genl_info_net(info)), role);
}

static int lbdr_ipvs_put_daemon(struct sk_buff *msg, u32 state,
				const struct lbdr_sync_settings *daemon)
{
	struct nlattr *nest = nla_nest_start_noflag(msg, IPVS_CMD_ATTR_DAEMON);

	if (!nest || nla_put_u32(msg, IPVS_DAEMON_ATTR_STATE, state) ||
	    nla_put_string(msg, IPVS_DAEMON_ATTR_MCAST_IFN, daemon->device) ||
	    nla_put_u32(msg, IPVS_DAEMON_ATTR_SYNC_ID, daemon->syncid) ||
	    nla_put_u16(msg, IPVS_DAEMON_ATTR_SYNC_MAXLEN, daemon->maxlen) ||
	    nla_put_u16(msg, IPVS_DAEMON_ATTR_MCAST_PORT, daemon->port) ||
	    nla_put_u8(msg, IPVS_DAEMON_ATTR_MCAST_TTL, daemon->ttl) ||
	    (daemon->family == AF_INET6 ?
	     nla_put_in6_addr(msg, IPVS_DAEMON_ATTR_MCAST_GROUP6,
			      &daemon->addrs[0].in6) :
	     nla_put_in_addr(msg, IPVS_DAEMON_ATTR_MCAST_GROUP,
			     daemon->addrs[0].ip)))
		return -EMSGSIZE;
	nla_nest_end(msg, nest);
	return 0;
}

/**
 * lbdr_ipvs_dump_daemons() - IPVS_CMD_GET_DAEMON: dump the running daemons
 * @msg: the message
 * @cb: args[0] is the next role
 *
 * Context: process.
 * Return: bytes filled in.
 */
int lbdr_ipvs_dump_daemons(struct sk_buff *msg, struct netlink_callback *cb)
{
	struct lbdr_net *ln = lbdr_net(sock_net(cb->skb->sk));
	struct lbdr_sync_settings settings;
	void *hdr;

	for (; cb->args[0] <= LBDR_SYNC_ROLE_BACKUP; cb->args[0]++) {
		if (!lbdr_sync_get(ln, cb->args[0], &settings))
			continue;
		hdr = genlmsg_put(msg, NETLINK_CB(cb->skb).portid,
				  cb->nlh->nlmsg_seq, &lbdr_ipvs_family,
				  NLM_F_MULTI, IPVS_CMD_NEW_DAEMON);
		if (!hdr)
			break;
		if (lbdr_ipvs_put_daemon(msg, cb->args[0] == LBDR_SYNC_ROLE_MASTER ?
					 IP_VS_STATE_MASTER : IP_VS_STATE_BACKUP,
					 &settings)) {
			genlmsg_cancel(msg, hdr);
			break;
		}
		genlmsg_end(msg, hdr);
	}
	return msg->len;
}
