// SPDX-License-Identifier: GPL-2.0
/*
 * Netlink of the role peers of synchronisation: what is dumped of the peers, and the command
 * that sets keys. A key comes by netlink and is never sent back.
 */
#include "lbdr.h"
#include "netlink.h"
#include "sync_peers.h"

static int lbdr_nl_put_sync_peer_stats(struct sk_buff *msg,
				       const struct lbdr_sync_peer_info *peer)
{
	struct nlattr *nest = nla_nest_start(msg, LBDR_A_SYNC_PEER_STATS);
	u32 i;

	/* The attributes have the order of the counters, behind the pad. */
	BUILD_BUG_ON(LBDR_SYNC_LINK_COUNTERS + LBDR_A_SYNC_PEER_STATS_PAD !=
		     LBDR_A_SYNC_PEER_STATS_MAX);
	if (!nest)
		return -EMSGSIZE;
	for (i = 0; i < LBDR_SYNC_LINK_COUNTERS; i++)
		if (nla_put_u64_64bit(msg, LBDR_A_SYNC_PEER_STATS_PAD + 1 + i,
				      peer->counters[i], LBDR_A_SYNC_PEER_STATS_PAD))
			return -EMSGSIZE;
	nla_nest_end(msg, nest);
	return 0;
}

static int lbdr_nl_put_sync_peer(struct sk_buff *msg, const struct lbdr_sync_peer_info *peer)
{
	struct nlattr *nest = nla_nest_start(msg, LBDR_A_SYNC_PEER);

	if (!nest || nla_put_u8(msg, LBDR_A_SYNC_PEER_STATE, peer->state) ||
	    lbdr_nl_put_sync_peer_stats(msg, peer))
		return -EMSGSIZE;
	if (peer->state != LBDR_SYNC_PEER_STATE_SILENT &&
	    (nla_put_u8(msg, LBDR_A_SYNC_PEER_DIFFERS, peer->differs) ||
	     nla_put_u32(msg, LBDR_A_SYNC_PEER_CONNS, peer->conns)))
		return -EMSGSIZE;
	nla_nest_end(msg, nest);
	return 0;
}

/**
 * lbdr_nl_put_sync_peers() - Add the peers and the numbers of the keys to a message
 * @msg: the message
 * @ln: the namespace; nothing is added if the role does not run
 *
 * Context: process.
 * Return: 0 or -EMSGSIZE.
 */
int lbdr_nl_put_sync_peers(struct sk_buff *msg, struct lbdr_net *ln)
{
	struct lbdr_sync_peers_info info;
	u8 i;

	if (!lbdr_sync_peers_info(ln, &info))
		return 0;
	if (nla_put_u8(msg, LBDR_A_SYNC_SYNCED, info.synced) ||
	    nla_put_u8(msg, LBDR_A_SYNC_KEY_ID, info.key_id) ||
	    nla_put_u8(msg, LBDR_A_SYNC_KEYS, info.key_set[0] | info.key_set[1] << 1))
		return -EMSGSIZE;
	for (i = 0; i < info.n; i++)
		if (lbdr_nl_put_sync_peer(msg, &info.peer[i]))
			return -EMSGSIZE;
	return 0;
}

/**
 * lbdr_nl_sync_wipe_key() - Overwrite the key in a request
 * @info: the request, parsed, which may have none
 *
 * Context: process; the request is not read any more.
 */
void lbdr_nl_sync_wipe_key(const struct genl_info *info)
{
	const struct nlattr *key = info->attrs[LBDR_A_SYNC_KEY];

	if (key)
		memzero_explicit(nla_data(key), nla_len(key));
}

/**
 * lbdr_nl_sync_key_doit() - Set a key of the role peers, or seal with another one
 * @skb: the request
 * @info: the request, parsed
 *
 * Context: process.
 * Return: 0 or a negative error.
 */
int lbdr_nl_sync_key_doit(struct sk_buff *skb, struct genl_info *info)
{
	struct nlattr *key = info->attrs[LBDR_A_SYNC_KEY];
	struct nlattr *id = info->attrs[LBDR_A_SYNC_KEY_ID];
	int err;

	if (!id) {
		NL_SET_ERR_MSG(info->extack, "key-id is required");
		lbdr_nl_sync_wipe_key(info);
		return -EINVAL;
	}
	err = lbdr_sync_peers_set_key(lbdr_net(genl_info_net(info)), nla_get_u8(id),
				      key ? nla_data(key) : NULL);
	lbdr_nl_sync_wipe_key(info);
	if (err == -ESRCH)
		NL_SET_ERR_MSG(info->extack, "the role peers does not run");
	else if (err == -ENOENT)
		NL_SET_ERR_MSG_ATTR(info->extack, id, "the key is not set: set it first");
	return err;
}
