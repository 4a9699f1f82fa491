// SPDX-License-Identifier: GPL-2.0
/*
 * Netlink: the director of a namespace as a whole, what it is and what it counts,
 * its time-outs, and where packets are taken.
 */
#include "batch.h"
#include "flow.h"
#include "hook.h"
#include "ingress.h"
#include "lbdr.h"
#include "netlink.h"
#include "ntf.h"

/**
 * lbdr_nl_info_get_doit() - what the director is
 * @skb: the request
 * @info: the same
 *
 * Context: process.
 * Return: 0 or a negative error.
 */
int lbdr_nl_info_get_doit(struct sk_buff *skb, struct genl_info *info)
{
	struct lbdr_net *ln = lbdr_net(genl_info_net(info));
	struct sk_buff *msg;
	int err;

	/* All drop reasons with their words are half of it. */
	msg = genlmsg_new(SZ_4K, GFP_KERNEL);
	if (!msg)
		return -ENOMEM;
	mutex_lock(&ln->lock);
	err = lbdr_nl_fill_info(msg, info, ln);
	mutex_unlock(&ln->lock);
	if (err) {
		nlmsg_free(msg);
		return err;
	}
	return genlmsg_reply(msg, info);
}

/**
 * lbdr_nl_put_devices() - give the references back
 * @devices: the devices
 *
 * Context: process.
 */
void lbdr_nl_put_devices(struct lbdr_nl_devices *devices)
{
	while (devices->n)
		dev_put(devices->dev[--devices->n]);
}

/**
 * lbdr_nl_find_device() - one more device for the entry ingress
 * @devices: gets a reference to it
 * @net: the namespace
 * @name: the device's
 *
 * Context: process.
 * Return: 0, or -ENODEV or -E2BIG without a sentence.
 */
int lbdr_nl_find_device(struct lbdr_nl_devices *devices, struct net *net,
			const char *name)
{
	struct net_device *dev;

	if (devices->n == LBDR_INGRESS_MAX)
		return -E2BIG;
	dev = dev_get_by_name(net, name);
	if (!dev)
		return -ENODEV;
	devices->dev[devices->n++] = dev;
	return 0;
}

static int lbdr_nl_get_devices(struct genl_info *info,
			       struct lbdr_nl_devices *devices)
{
	const struct nlattr *attr;
	int left, err;

	nlmsg_for_each_attr(attr, info->nlhdr, GENL_HDRLEN, left) {
		if (nla_type(attr) != LBDR_A_INFO_DEVICE)
			continue;
		err = lbdr_nl_find_device(devices, genl_info_net(info),
					  nla_data(attr));
		if (err == -E2BIG)
			NL_SET_ERR_MSG_ATTR(info->extack, attr,
					    "at most 16 devices have packets taken at ingress");
		else if (err)
			NL_SET_ERR_MSG_ATTR(info->extack, attr,
					    "there is no such device");
		if (err)
			return err;
	}
	return 0;
}

/**
 * lbdr_nl_set_entry() - take packets elsewhere from now on
 * @ln: the namespace
 * @entry: enum lbdr_entry
 * @devices: those of the entry ingress
 * @extack: for the sentence
 *
 * All of it, or nothing.
 *
 * Context: process, lbdr_net.lock held.
 * Return: 0 or a negative error.
 */
int lbdr_nl_set_entry(struct lbdr_net *ln, u8 entry,
		      const struct lbdr_nl_devices *devices,
		      struct netlink_ext_ack *extack)
{
	bool added[LBDR_INGRESS_MAX] = {};
	int err = 0;
	u32 i;

	for (i = 0; i < devices->n; i++) {
		err = lbdr_ingress_add(ln, devices->dev[i]);
		if (err < 0)
			goto err;
		added[i] = err;
	}
	err = lbdr_hook_set_entry(ln, entry == LBDR_ENTRY_INGRESS ?
				      LBDR_ENTRY_PREROUTING : entry);
	if (err)
		goto err;
	lbdr_ingress_retain(ln, devices->dev, devices->n);
	return 0;

err:
	while (i--)
		if (added[i])
			lbdr_ingress_del_dev(ln, devices->dev[i]);
	NL_SET_ERR_MSG(extack,
		       "the hooks cannot be registered: no memory, or a kernel without netfilter at ingress");
	return err;
}

static int lbdr_nl_apply_info(struct lbdr_net *ln, const struct nlattr *entry,
			      const struct lbdr_nl_devices *devices,
			      struct genl_info *info)
{
	u32 timeout[LBDR_CONN_STATES], state;
	int err;

	memcpy(timeout, ln->timeout, sizeof(timeout));
	err = lbdr_nl_parse_timeouts(info->attrs[LBDR_A_INFO_TIMEOUT], 1,
				     timeout, info->extack);
	if (err)
		return err;
	if (entry) {
		err = lbdr_nl_set_entry(ln, nla_get_u8(entry), devices,
					info->extack);
		if (err)
			return err;
	}
	/* Asked for nothing, changed nothing. */
	if (!entry && !memcmp(timeout, ln->timeout, sizeof(timeout)))
		return 0;
	for (state = 0; state < LBDR_CONN_STATES; state++)
		WRITE_ONCE(ln->timeout[state], timeout[state]);
	ln->generation++;
	lbdr_nl_notify_net(ln, LBDR_CMD_INFO_SET_NTF, NULL);
	return 0;
}

/**
 * lbdr_nl_info_set_doit() - time-outs, and where packets are taken
 * @skb: the request
 * @info: the same
 *
 * Context: process.
 * Return: 0 or a negative error.
 */
int lbdr_nl_info_set_doit(struct sk_buff *skb, struct genl_info *info)
{
	const struct nlattr *entry = info->attrs[LBDR_A_INFO_ENTRY];
	struct lbdr_net *ln = lbdr_net(genl_info_net(info));
	bool ingress = entry && nla_get_u8(entry) == LBDR_ENTRY_INGRESS;
	struct lbdr_nl_devices devices = {};
	struct lbdr_batch *batch;
	int err;

	if (entry && nla_get_u8(entry) > LBDR_ENTRY_INGRESS) {
		NL_SET_ERR_MSG_ATTR(info->extack, entry,
				    "the entry must be prerouting, input or ingress");
		return -EINVAL;
	}
	if (ingress != !!info->attrs[LBDR_A_INFO_DEVICE]) {
		GENL_SET_ERR_MSG(info,
				 "the entry ingress needs devices, and no other entry has any");
		return -EINVAL;
	}
	err = lbdr_nl_get_devices(info, &devices);
	if (err)
		goto out_devices;

	mutex_lock(&ln->lock);
	batch = lbdr_nl_batch(ln, info);
	if (batch)
		err = lbdr_nl_stage_info(batch, entry, &devices, info);
	else
		err = lbdr_nl_apply_info(ln, entry, &devices, info);
	mutex_unlock(&ln->lock);
out_devices:
	lbdr_nl_put_devices(&devices);
	return err;
}
