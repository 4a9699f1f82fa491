// SPDX-License-Identifier: GPL-2.0
/*
 * Netlink: notifications. The subscriber of the core's notifier chain turns
 * changes of the configuration into multicast messages.
 *
 * Changes that a command of this family makes are packed, as many messages into
 * one buffer as it takes, and sent with the command as their cause. If there is
 * no memory for a notification, listeners get ENOBUFS, as one gets whose socket
 * buffer is full.
 */
#include "netlink.h"

static int lbdr_nl_ntf_fill_net(struct sk_buff *msg, u8 cmd,
				const struct lbdr_notify *notify, u32 portid,
				u32 seq)
{
	void *hdr = genlmsg_put(msg, portid, seq, &lbdr_nl_family, 0, cmd);

	if (!hdr)
		return -EMSGSIZE;
	if ((notify->service && lbdr_nl_put_key(msg, notify->service)) ||
	    (cmd == LBDR_CMD_INFO_SET_NTF &&
	     lbdr_nl_put_settings(msg, notify->ln))) {
		genlmsg_cancel(msg, hdr);
		return -EMSGSIZE;
	}
	genlmsg_end(msg, hdr);
	return 0;
}

static int lbdr_nl_ntf_fill(struct sk_buff *msg, enum lbdr_change change,
			    const struct lbdr_notify *notify,
			    const struct genl_info *info)
{
	static const u8 cmds[] = {
		[LBDR_CHANGE_SERVICE_ADD] = LBDR_CMD_SERVICE_NEW_NTF,
		[LBDR_CHANGE_SERVICE_SET] = LBDR_CMD_SERVICE_SET_NTF,
		[LBDR_CHANGE_SERVICE_DEL] = LBDR_CMD_SERVICE_DEL_NTF,
		[LBDR_CHANGE_SERVER_ADD] = LBDR_CMD_SERVER_NEW_NTF,
		[LBDR_CHANGE_SERVER_SET] = LBDR_CMD_SERVER_SET_NTF,
		[LBDR_CHANGE_SERVER_DEL] = LBDR_CMD_SERVER_DEL_NTF,
		[LBDR_CHANGE_SETTINGS] = LBDR_CMD_INFO_SET_NTF,
		[LBDR_CHANGE_ZERO] = LBDR_CMD_ZERO_NTF,
		[LBDR_CHANGE_FLUSH] = LBDR_CMD_FLUSH_NTF,
	};
	u32 portid = info ? info->snd_portid : 0;
	u32 seq = info ? info->snd_seq : 0;

	switch (change) {
	case LBDR_CHANGE_SERVICE_ADD:
	case LBDR_CHANGE_SERVICE_SET:
	case LBDR_CHANGE_SERVICE_DEL:
		return lbdr_nl_fill_service(msg, portid, seq, 0, cmds[change],
					    notify->service, NULL);
	case LBDR_CHANGE_SERVER_ADD:
	case LBDR_CHANGE_SERVER_SET:
	case LBDR_CHANGE_SERVER_DEL:
		return lbdr_nl_fill_server(msg, portid, seq, 0, cmds[change],
					   notify->service, notify->server,
					   NULL);
	default:
		return lbdr_nl_ntf_fill_net(msg, cmds[change], notify, portid,
					    seq);
	}
}

static struct sk_buff *lbdr_nl_ntf_alloc(const struct lbdr_net *ln)
{
	struct sk_buff *msg = genlmsg_new(GENLMSG_DEFAULT_SIZE, GFP_KERNEL);

	if (!msg)
		genl_set_err(&lbdr_nl_family, ln->net, 0, LBDR_NLGRP_CONFIG,
			     -ENOBUFS);
	return msg;
}

/**
 * lbdr_nl_ntf_flush() - Send the notifications of a command
 * @origin: of the command
 *
 * Context: process, may sleep.
 */
void lbdr_nl_ntf_flush(struct lbdr_nl_origin *origin)
{
	if (origin->msg)
		genl_notify(&lbdr_nl_family, origin->msg, origin->info,
			    LBDR_NLGRP_CONFIG, GFP_KERNEL);
	origin->msg = NULL;
}

/* Appends to the buffer of a command; a full one is sent. */
static void lbdr_nl_ntf_append(struct lbdr_nl_origin *origin,
			       enum lbdr_change change,
			       const struct lbdr_notify *notify)
{
	if (origin->msg &&
	    !lbdr_nl_ntf_fill(origin->msg, change, notify, origin->info))
		return;
	lbdr_nl_ntf_flush(origin);
	origin->msg = lbdr_nl_ntf_alloc(notify->ln);
	if (origin->msg)
		lbdr_nl_ntf_fill(origin->msg, change, notify, origin->info);
}

/* Sends the notification of a change that no command of this family made. */
static void lbdr_nl_ntf_multicast(enum lbdr_change change,
				  const struct lbdr_notify *notify)
{
	struct sk_buff *msg = lbdr_nl_ntf_alloc(notify->ln);

	if (!msg)
		return;
	if (lbdr_nl_ntf_fill(msg, change, notify, NULL))
		nlmsg_free(msg);
	else
		genlmsg_multicast_netns(&lbdr_nl_family, notify->ln->net, msg,
					0, LBDR_NLGRP_CONFIG, GFP_KERNEL);
}

static int lbdr_nl_ntf_event(struct notifier_block *nb, unsigned long change,
			     void *data)
{
	const struct lbdr_notify *notify = data;
	struct lbdr_nl_origin *origin = NULL;

	if (notify->origin && notify->origin->owner == nb)
		origin = container_of(notify->origin, struct lbdr_nl_origin,
				      base);
	if (!genl_has_listeners(&lbdr_nl_family, notify->ln->net,
				LBDR_NLGRP_CONFIG) &&
	    !(origin && nlmsg_report(origin->info->nlhdr)))
		return NOTIFY_DONE;
	if (origin)
		lbdr_nl_ntf_append(origin, change, notify);
	else
		lbdr_nl_ntf_multicast(change, notify);
	return NOTIFY_DONE;
}

struct notifier_block lbdr_nl_notifier = {
	.notifier_call = lbdr_nl_ntf_event,
};
