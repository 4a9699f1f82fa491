// SPDX-License-Identifier: GPL-2.0
/*
 * Netlink commands of connection synchronisation: start and stop a role, and dump
 * settings and counters. sync.c has locks and lifetimes, netlink_sync_peer.c the commands
 * that only peers have.
 */
#include <net/ipv6.h>

#include "addr.h"
#include "lbdr.h"
#include "netlink.h"
#include "sync.h"
#include "sync_crypt.h"
#include "sync_link.h"

/* Returns true for the address of another director. */
static bool lbdr_nl_sync_addr_unicast(enum lbdr_family family,
				      const union nf_inet_addr *addr)
{
	if (family == LBDR_V4)
		return lbdr_addr_is_unicast(family, addr);
	return ipv6_addr_type(&addr->in6) & IPV6_ADDR_UNICAST &&
	       !ipv6_addr_loopback(&addr->in6);
}

/* Appends an address: a group only as the only one. */
static int lbdr_nl_parse_sync_addr(const struct nlattr *attr,
				   struct lbdr_sync_settings *settings,
				   struct netlink_ext_ack *extack)
{
	enum lbdr_family family = lbdr_nl_addr_family(attr, LBDR_V4);
	u8 n = settings->n_addrs;
	bool valid;
	int err;

	if (n == LBDR_SYNC_PEERS_MAX) {
		NL_SET_ERR_MSG_ATTR(extack, attr, "too many addresses: 8 at most");
		return -E2BIG;
	}
	err = lbdr_nl_parse_addr(attr, family, &settings->addrs[n], extack);
	if (err)
		return err;
	valid = lbdr_nl_sync_addr_unicast(family, &settings->addrs[n]);
	if (n)
		valid = valid && settings->family == lbdr_af(family) &&
			!lbdr_sync_is_group(settings);
	else
		valid = valid || lbdr_sync_addr_is_group(lbdr_af(family),
							 &settings->addrs[n]);
	if (!valid) {
		NL_SET_ERR_MSG_ATTR(extack, attr,
				    "invalid address: must be one multicast group, or addresses of other directors of one family");
		return -EINVAL;
	}
	settings->family = lbdr_af(family);
	settings->n_addrs++;
	return 0;
}

/* Returns true if two addresses are the same: a peer has one link. */
static bool lbdr_nl_sync_addrs_twice(const struct lbdr_sync_settings *settings)
{
	u8 i, j;

	for (i = 0; i < settings->n_addrs; i++)
		for (j = 0; j < i; j++)
			if (nf_inet_addr_cmp(&settings->addrs[i], &settings->addrs[j]))
				return true;
	return false;
}

/* Sets the addresses; the registered group if there is none, but not of peers. */
static int lbdr_nl_parse_sync_addrs(const struct genl_info *info, enum lbdr_sync_role role,
				    struct lbdr_sync_settings *settings)
{
	const struct nlattr *attr;
	int left, err;

	nlmsg_for_each_attr(attr, info->nlhdr, GENL_HDRLEN, left) {
		if (nla_type(attr) != LBDR_A_SYNC_ADDRESS)
			continue;
		err = lbdr_nl_parse_sync_addr(attr, settings, info->extack);
		if (err)
			return err;
	}
	if (role == LBDR_SYNC_ROLE_PEERS &&
	    (!settings->n_addrs || lbdr_sync_is_group(settings))) {
		NL_SET_ERR_MSG(info->extack,
			       "addresses of other directors are required with the role peers");
		return -EINVAL;
	}
	if (role == LBDR_SYNC_ROLE_PEERS && lbdr_nl_sync_addrs_twice(settings)) {
		NL_SET_ERR_MSG(info->extack, "invalid address: two peers have the same");
		return -EINVAL;
	}
	if (settings->n_addrs)
		return 0;
	settings->family = AF_INET;
	settings->addrs[0].ip = htonl(LBDR_SYNC_GROUP);
	settings->n_addrs = 1;
	return 0;
}

static int lbdr_nl_parse_sync(const struct genl_info *info, enum lbdr_sync_role role,
			      struct lbdr_sync_settings *settings)
{
	u16 port = role == LBDR_SYNC_ROLE_PEERS ? LBDR_SYNC_PEERS_PORT : LBDR_SYNC_PORT;
	struct nlattr **attrs = info->attrs;
	int err;

	memset(settings, 0, sizeof(*settings));
	if (!attrs[LBDR_A_SYNC_DEVICE]) {
		NL_SET_ERR_MSG(info->extack, "device is required");
		return -EINVAL;
	}
	nla_strscpy(settings->device, attrs[LBDR_A_SYNC_DEVICE], IFNAMSIZ);
	settings->port = attrs[LBDR_A_SYNC_PORT] ?
			 ntohs(nla_get_be16(attrs[LBDR_A_SYNC_PORT])) : port;
	settings->syncid = attrs[LBDR_A_SYNC_ID] ? nla_get_u8(attrs[LBDR_A_SYNC_ID]) : 0;
	settings->ttl = attrs[LBDR_A_SYNC_TTL] ? nla_get_u8(attrs[LBDR_A_SYNC_TTL]) : 1;
	err = lbdr_nl_parse_sync_addrs(info, role, settings);
	if (err)
		return err;
	settings->maxlen = attrs[LBDR_A_SYNC_MAX_LEN] ?
			   nla_get_u16(attrs[LBDR_A_SYNC_MAX_LEN]) :
			   lbdr_sync_maxlen(settings->family);
	if (role == LBDR_SYNC_ROLE_PEERS && settings->maxlen < LBDR_SYNC_LINK_MAXLEN_MIN) {
		NL_SET_ERR_MSG_ATTR(info->extack, attrs[LBDR_A_SYNC_MAX_LEN],
				    "invalid length: must be 512 at least with the role peers");
		return -ERANGE;
	}
	return 0;
}

/* Sets the key that the role peers has, and no other role. */
static int lbdr_nl_parse_sync_keys(const struct genl_info *info, enum lbdr_sync_role role,
				   struct lbdr_sync_keys *keys)
{
	struct nlattr **attrs = info->attrs;

	memset(keys, 0, sizeof(*keys));
	if (role != LBDR_SYNC_ROLE_PEERS) {
		if (!attrs[LBDR_A_SYNC_KEY] && !attrs[LBDR_A_SYNC_KEY_ID])
			return 0;
		NL_SET_ERR_MSG(info->extack, "key not supported: only with the role peers");
		return -EINVAL;
	}
	if (attrs[LBDR_A_SYNC_ID]) {
		NL_SET_ERR_MSG_ATTR(info->extack, attrs[LBDR_A_SYNC_ID],
				    "id not supported with the role peers");
		return -EINVAL;
	}
	if (!attrs[LBDR_A_SYNC_KEY]) {
		NL_SET_ERR_MSG(info->extack, "key is required with the role peers");
		return -EINVAL;
	}
	if (lbdr_sync_crypt_check()) {
		NL_SET_ERR_MSG(info->extack,
			       "XChaCha20-Poly1305 not found: load libchacha20poly1305 before lbdr, as modprobe does");
		return -EOPNOTSUPP;
	}
	if (attrs[LBDR_A_SYNC_KEY_ID])
		keys->current_id = nla_get_u8(attrs[LBDR_A_SYNC_KEY_ID]);
	nla_memcpy(keys->key[keys->current_id], attrs[LBDR_A_SYNC_KEY], LBDR_SYNC_KEY);
	keys->set[keys->current_id] = true;
	return 0;
}

static int lbdr_nl_sync_stop(struct lbdr_net *ln, const struct genl_info *info,
			     enum lbdr_sync_role role)
{
	if (info->attrs[LBDR_A_SYNC_DEVICE] || info->attrs[LBDR_A_SYNC_ADDRESS] ||
	    info->attrs[LBDR_A_SYNC_PORT] || info->attrs[LBDR_A_SYNC_ID] ||
	    info->attrs[LBDR_A_SYNC_TTL] || info->attrs[LBDR_A_SYNC_MAX_LEN] ||
	    info->attrs[LBDR_A_SYNC_KEY] || info->attrs[LBDR_A_SYNC_KEY_ID]) {
		NL_SET_ERR_MSG(info->extack, "a role that stops has no settings");
		return -EINVAL;
	}
	if (!lbdr_sync_stop(ln, role))
		return 0;
	NL_SET_ERR_MSG_ATTR(info->extack, info->attrs[LBDR_A_SYNC_ROLE],
			    "the role does not run");
	return -ESRCH;
}

static int lbdr_nl_sync_set(struct genl_info *info)
{
	struct lbdr_net *ln = lbdr_net(genl_info_net(info));
	struct nlattr **attrs = info->attrs;
	struct lbdr_sync_settings settings;
	struct lbdr_sync_keys keys;
	enum lbdr_sync_role role;
	int err;

	if (!attrs[LBDR_A_SYNC_ROLE] || !attrs[LBDR_A_SYNC_ENABLED]) {
		NL_SET_ERR_MSG(info->extack, "role and enabled are required");
		return -EINVAL;
	}
	role = nla_get_u8(attrs[LBDR_A_SYNC_ROLE]);
	if (!nla_get_u8(attrs[LBDR_A_SYNC_ENABLED]))
		return lbdr_nl_sync_stop(ln, info, role);
	err = lbdr_nl_parse_sync(info, role, &settings) ?:
	      lbdr_nl_parse_sync_keys(info, role, &keys);
	if (err)
		return err;
	err = lbdr_sync_start(ln, role, &settings, &keys);
	memzero_explicit(&keys, sizeof(keys));
	switch (err) {
	case 0:
		break;
	case -EEXIST:
		NL_SET_ERR_MSG_ATTR(info->extack, attrs[LBDR_A_SYNC_ROLE],
				    "the role runs: stop it first");
		break;
	case -ENODEV:
		NL_SET_ERR_MSG_ATTR(info->extack, attrs[LBDR_A_SYNC_DEVICE],
				    "device not found");
		break;
	case -EADDRINUSE:
		NL_SET_ERR_MSG(info->extack, "the port is in use by another program");
		break;
	case -ENETUNREACH:
	case -EHOSTUNREACH:
	case -EADDRNOTAVAIL:
		NL_SET_ERR_MSG(info->extack,
			       "no route to the address: the device needs an address of its family and must be up");
		break;
	default:
		NL_SET_ERR_MSG(info->extack, "cannot open a socket for synchronisation");
		break;
	}
	return err;
}

/**
 * lbdr_nl_sync_set_doit() - Start or stop a role of connection synchronisation
 * @skb: the request
 * @info: the request, parsed
 *
 * Context: process.
 * Return: 0 or a negative error.
 */
int lbdr_nl_sync_set_doit(struct sk_buff *skb, struct genl_info *info)
{
	int err = lbdr_nl_sync_set(info);

	lbdr_nl_sync_wipe_key(info);
	return err;
}

static int lbdr_nl_put_sync_stats(struct sk_buff *msg, const struct lbdr_sync *sync)
{
	struct nlattr *nest = nla_nest_start(msg, LBDR_A_SYNC_STATS);
	u32 i;

	/* The attributes have the order of the counters, behind the pad. */
	BUILD_BUG_ON(LBDR_SYNC_COUNTERS + LBDR_A_SYNC_STATS_PAD != LBDR_A_SYNC_STATS_MAX);
	if (!nest)
		return -EMSGSIZE;
	for (i = 0; i < LBDR_SYNC_COUNTERS; i++)
		if (nla_put_u64_64bit(msg, LBDR_A_SYNC_STATS_PAD + 1 + i,
				      atomic64_read(&sync->counters[i]),
				      LBDR_A_SYNC_STATS_PAD))
			return -EMSGSIZE;
	nla_nest_end(msg, nest);
	return 0;
}

static int lbdr_nl_put_sync(struct sk_buff *msg, struct lbdr_net *ln,
			    enum lbdr_sync_role role)
{
	struct lbdr_sync_settings settings;
	bool runs = lbdr_sync_get(ln, role, &settings);
	u8 i;

	if (nla_put_u8(msg, LBDR_A_SYNC_ROLE, role) ||
	    nla_put_u8(msg, LBDR_A_SYNC_ENABLED, runs) ||
	    nla_put_u32(msg, LBDR_A_SYNC_PENDING, READ_ONCE(ln->sync.pending.n)) ||
	    lbdr_nl_put_sync_stats(msg, &ln->sync))
		return -EMSGSIZE;
	if (!runs)
		return 0;
	if (role == LBDR_SYNC_ROLE_PEERS && lbdr_nl_put_sync_peers(msg, ln))
		return -EMSGSIZE;
	for (i = 0; i < settings.n_addrs; i++)
		if (lbdr_nl_put_addr(msg, LBDR_A_SYNC_ADDRESS,
				     settings.family == AF_INET ? LBDR_V4 : LBDR_V6,
				     &settings.addrs[i]))
			return -EMSGSIZE;
	return nla_put_string(msg, LBDR_A_SYNC_DEVICE, settings.device) ||
	       nla_put_be16(msg, LBDR_A_SYNC_PORT, htons(settings.port)) ||
	       nla_put_u8(msg, LBDR_A_SYNC_ID, settings.syncid) ||
	       nla_put_u8(msg, LBDR_A_SYNC_TTL, settings.ttl) ||
	       nla_put_u16(msg, LBDR_A_SYNC_MAX_LEN, settings.maxlen) ? -EMSGSIZE : 0;
}

/**
 * lbdr_nl_sync_get_dumpit() - Dump settings and counters of all roles
 * @msg: the message to fill in
 * @cb: args[0] is the next role
 *
 * Context: process.
 * Return: length of @msg.
 */
int lbdr_nl_sync_get_dumpit(struct sk_buff *msg, struct netlink_callback *cb)
{
	struct lbdr_net *ln = lbdr_net(sock_net(cb->skb->sk));
	void *hdr;

	for (; cb->args[0] < LBDR_SYNC_ROLES; cb->args[0]++) {
		hdr = genlmsg_put(msg, NETLINK_CB(cb->skb).portid, cb->nlh->nlmsg_seq,
				  &lbdr_nl_family, NLM_F_MULTI, LBDR_CMD_SYNC_GET);
		if (!hdr)
			break;
		if (lbdr_nl_put_sync(msg, ln, cb->args[0])) {
			genlmsg_cancel(msg, hdr);
			break;
		}
		genlmsg_end(msg, hdr);
	}
	return msg->len;
}
