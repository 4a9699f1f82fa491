// SPDX-License-Identifier: GPL-2.0
/*
 * Entry at netdev ingress: packets of connections are forwarded before the IP layer
 * processes them, which saves instructions. The entry is enabled by device.
 *
 * The IP layer has not validated a packet at ingress. So this hook forwards only simple
 * packets, which it validates, and only those that the fast path takes (fast.c): packets
 * of established connections, which were created at PREROUTING after its rules. All other
 * packets continue to PREROUTING: those that open or close a connection or confirm it,
 * packets without a connection, fragments, IP options and extension headers,
 * SCTP, ICMP, malformed packets, packets to other hosts, VLAN-tagged packets, and all
 * packets of devices that are ports of a bridge, bond or VRF. Rules in the raw table do
 * not apply to forwarded packets. Rules of nftables at ingress do, at any priority.
 *
 * The operator configures the list of devices. Hooks are registered while the namespace
 * has services. A device is removed from the list when it leaves the namespace. List
 * and hooks are protected by lbdr_net.ingress_lock, since the netdevice notifier holds
 * RTNL and must not take lbdr_net.lock.
 */
#include <linux/if_vlan.h>
#include <linux/netdevice.h>
#include <linux/netfilter_netdev.h>
#include <net/ip.h>
#include <net/ipv6.h>

#include "conn.h"
#include "fast.h"
#include "fast_check.h"
#include "flow.h"
#include "ingress.h"
#include "lbdr.h"
#include "notify.h"
#include "vip.h"

/**
 * struct lbdr_ingress - an ingress device
 * @list: in lbdr_net.ingress; lbdr_net.ingress_lock
 * @ops: the hook; its device is not freed before lbdr_ingress_dev_gone() has run
 * @on: the hook is registered; lbdr_net.ingress_lock
 */
struct lbdr_ingress {
	struct list_head	list;
	struct nf_hook_ops	ops;
	bool			on;
};

/*
 * Prepares a valid packet as ip_rcv_core() (net/ipv4/ip_input.c) does. Returns
 * false for packets that continue to PREROUTING. No data is pulled into the linear part:
 * drivers put the headers there.
 */
static __always_inline bool lbdr_ingress_plain4(struct lbdr_net *ln,
						struct sk_buff *skb)
{
	const struct iphdr *iph = ip_hdr(skb);
	u32 len;

	if (skb_headlen(skb) < sizeof(*iph) || !lbdr_vips_has_skb(ln, skb, LBDR_V4))
		return false;
	len = lbdr_fast_len4(iph, skb->len);
	if (!len)
		return false;
	/* Remove the padding of a short Ethernet frame. */
	if (len < skb->len && pskb_trim_rcsum(skb, len))
		return false;
	skb->transport_header = skb->network_header + sizeof(*iph);
	memset(IPCB(skb), 0, sizeof(struct inet_skb_parm));
	IPCB(skb)->iif = skb->skb_iif;
	return true;
}

/* The IPv6 counterpart, see ip6_rcv_core() (net/ipv6/ip6_input.c). */
static __always_inline bool lbdr_ingress_plain6(struct lbdr_net *ln,
						struct sk_buff *skb)
{
	const struct ipv6hdr *hdr = ipv6_hdr(skb);
	u32 len;

	if (skb_headlen(skb) < sizeof(*hdr) || !lbdr_vips_has_skb(ln, skb, LBDR_V6))
		return false;
	len = lbdr_fast_len6(hdr, skb->len);
	if (!len)
		return false;
	if (len < skb->len && pskb_trim_rcsum(skb, len))
		return false;
	skb->transport_header = skb->network_header + sizeof(*hdr);
	memset(IP6CB(skb), 0, sizeof(*IP6CB(skb)));
	IP6CB(skb)->iif = skb->skb_iif;
	return true;
}

/* Context: softirq, or process with BH off, as in netif_receive_skb(). */
static unsigned int lbdr_ingress_hook(void *priv, struct sk_buff *skb,
				      const struct nf_hook_state *state)
{
	struct lbdr_net *ln = priv;

	if (skb->pkt_type != PACKET_HOST || skb_vlan_tag_present(skb) ||
	    skb_shared(skb) || rcu_access_pointer(skb->dev->rx_handler))
		return NF_ACCEPT;
	if (skb->protocol == htons(ETH_P_IP) && lbdr_ingress_plain4(ln, skb))
		return lbdr_fast4(ln, skb, state);
	if (skb->protocol == htons(ETH_P_IPV6) && lbdr_ingress_plain6(ln, skb))
		return lbdr_fast6(ln, skb, state);
	return NF_ACCEPT;
}

static int lbdr_ingress_register(struct lbdr_net *ln, struct lbdr_ingress *ingress)
{
	int err = 0;

	if (!ingress->on)
		err = nf_register_net_hook(ln->net, &ingress->ops);
	if (!err)
		ingress->on = true;
	return err;
}

static void lbdr_ingress_unregister(struct lbdr_net *ln, struct lbdr_ingress *ingress)
{
	if (ingress->on)
		nf_unregister_net_hook(ln->net, &ingress->ops);
	ingress->on = false;
}

static void lbdr_ingress_free(struct lbdr_net *ln, struct lbdr_ingress *ingress)
{
	lockdep_assert_held(&ln->ingress_lock);

	lbdr_ingress_unregister(ln, ingress);
	list_del(&ingress->list);
	kfree(ingress);
}

static void lbdr_ingress_unregister_all(struct lbdr_net *ln)
{
	struct lbdr_ingress *ingress;

	list_for_each_entry(ingress, &ln->ingress, list)
		lbdr_ingress_unregister(ln, ingress);
}

/**
 * lbdr_ingress_enable() - Register the ingress hooks of a namespace
 * @ln: the namespace
 *
 * Context: process, may sleep; lbdr_net.config held.
 * Return: 0, or a negative error, and no hook is registered.
 */
int lbdr_ingress_enable(struct lbdr_net *ln)
{
	struct lbdr_ingress *ingress;
	int err = 0;

	mutex_lock(&ln->ingress_lock);
	list_for_each_entry(ingress, &ln->ingress, list) {
		err = lbdr_ingress_register(ln, ingress);
		if (err) {
			lbdr_ingress_unregister_all(ln);
			break;
		}
	}
	mutex_unlock(&ln->ingress_lock);
	return err;
}

/**
 * lbdr_ingress_disable() - Unregister the ingress hooks of a namespace
 * @ln: the namespace
 *
 * Context: process, may sleep; lbdr_net.config held.
 */
void lbdr_ingress_disable(struct lbdr_net *ln)
{
	mutex_lock(&ln->ingress_lock);
	lbdr_ingress_unregister_all(ln);
	mutex_unlock(&ln->ingress_lock);
}

static struct lbdr_ingress *lbdr_ingress_find(struct list_head *list,
					      const struct net_device *dev)
{
	struct lbdr_ingress *ingress;

	list_for_each_entry(ingress, list, list)
		if (ingress->ops.dev == dev)
			return ingress;
	return NULL;
}

/*
 * A device is removed from the namespace's list before NETDEV_UNREGISTER, both when it
 * is unregistered and when it moves to another namespace. So if a device is listed
 * while ingress_lock is held, lbdr_ingress_dev_gone() has yet to run for it.
 */
static bool lbdr_ingress_listed(struct net *net, const struct net_device *dev)
{
	bool listed;

	rcu_read_lock();
	listed = dev_get_by_index_rcu(net, dev->ifindex) == dev;
	rcu_read_unlock();
	return listed;
}

static int lbdr_ingress_insert(struct lbdr_net *ln, struct net_device *dev)
{
	struct lbdr_ingress *ingress;
	int err = 0;

	if (!lbdr_ingress_listed(ln->net, dev))
		return -ENODEV;
	if (lbdr_ingress_find(&ln->ingress, dev))
		return 0;
	ingress = kzalloc(sizeof(*ingress), GFP_KERNEL_ACCOUNT);
	if (!ingress)
		return -ENOMEM;
	ingress->ops.hook = lbdr_ingress_hook;
	ingress->ops.priv = ln;
	ingress->ops.dev = dev;
	ingress->ops.pf = NFPROTO_NETDEV;
	ingress->ops.hooknum = NF_NETDEV_INGRESS;
	/* After all rules */
	ingress->ops.priority = INT_MAX;
	if (ln->n_services[LBDR_V4] || ln->n_services[LBDR_V6])
		err = lbdr_ingress_register(ln, ingress);
	if (err) {
		kfree(ingress);
		return err;
	}
	list_add_tail(&ingress->list, &ln->ingress);
	return 1;
}

/**
 * lbdr_ingress_add() - Add an ingress device
 * @ln: the namespace
 * @dev: the device; the caller holds a reference
 *
 * Context: process, may sleep; lbdr_net.config held.
 * Return: 1 if added, 0 if the device was added before, -ENODEV if the device has left
 * the namespace, or another negative error.
 */
int lbdr_ingress_add(struct lbdr_net *ln, struct net_device *dev)
{
	int ret;

	lockdep_assert_held(&ln->config);

	mutex_lock(&ln->ingress_lock);
	ret = lbdr_ingress_insert(ln, dev);
	mutex_unlock(&ln->ingress_lock);
	return ret;
}
EXPORT_SYMBOL_FOR_KUNIT(lbdr_ingress_add);

/**
 * lbdr_ingress_retain() - Remove all ingress devices except some
 * @ln: the namespace
 * @devs: the devices to keep
 * @n: number of @devs
 *
 * Context: process, may sleep; lbdr_net.config held.
 */
void lbdr_ingress_retain(struct lbdr_net *ln, struct net_device *const *devs,
			 u32 n)
{
	struct lbdr_ingress *ingress, *next;
	u32 i;

	lockdep_assert_held(&ln->config);

	mutex_lock(&ln->ingress_lock);
	list_for_each_entry_safe(ingress, next, &ln->ingress, list) {
		for (i = 0; i < n && devs[i] != ingress->ops.dev; i++)
			;
		if (i == n)
			lbdr_ingress_free(ln, ingress);
	}
	mutex_unlock(&ln->ingress_lock);
}

/**
 * lbdr_ingress_del() - Remove an ingress device
 * @ln: the namespace
 * @dev: the device
 *
 * Context: process, RTNL or lbdr_net.config may be held.
 * Return: true if @dev was an ingress device.
 */
bool lbdr_ingress_del(struct lbdr_net *ln, const struct net_device *dev)
{
	struct lbdr_ingress *ingress;

	mutex_lock(&ln->ingress_lock);
	ingress = lbdr_ingress_find(&ln->ingress, dev);
	if (ingress)
		lbdr_ingress_free(ln, ingress);
	mutex_unlock(&ln->ingress_lock);
	return ingress;
}

static void lbdr_ingress_ntf_work(struct work_struct *work)
{
	struct lbdr_net *ln = container_of(work, struct lbdr_net, ingress_ntf);

	/* The lock keeps the order of this notification and those of transactions. */
	mutex_lock(&ln->config);
	lbdr_lock(ln);
	lbdr_notify(LBDR_CHANGE_SETTINGS, ln, NULL, NULL, NULL);
	lbdr_unlock(ln);
	mutex_unlock(&ln->config);
}

/**
 * lbdr_ingress_dev_gone() - Remove an ingress device that leaves the namespace
 * @ln: the namespace
 * @dev: the device, already removed from the namespace's list
 *
 * A work item sends the notification, since it takes lbdr_net.lock.
 *
 * Context: process, RTNL held.
 */
void lbdr_ingress_dev_gone(struct lbdr_net *ln, const struct net_device *dev)
{
	if (lbdr_ingress_del(ln, dev))
		queue_work(lbdr_wq_of(ln), &ln->ingress_ntf);
}

/**
 * lbdr_ingress_name() - Get the name of an ingress device
 * @ln: the namespace
 * @index: position in the list, from 0
 * @name: set to the name, IFNAMSIZ bytes
 *
 * Context: process.
 * Return: 0, or -ENOENT if @index is beyond the end of the list.
 */
int lbdr_ingress_name(struct lbdr_net *ln, u32 index, char *name)
{
	const struct lbdr_ingress *ingress;
	int err = -ENOENT;

	mutex_lock(&ln->ingress_lock);
	list_for_each_entry(ingress, &ln->ingress, list) {
		if (index--)
			continue;
		strscpy(name, ingress->ops.dev->name, IFNAMSIZ);
		err = 0;
		break;
	}
	mutex_unlock(&ln->ingress_lock);
	return err;
}

/**
 * lbdr_ingress_net_init() - Prepare a namespace
 * @ln: the namespace
 *
 * Context: process.
 */
void lbdr_ingress_net_init(struct lbdr_net *ln)
{
	INIT_LIST_HEAD(&ln->ingress);
	mutex_init(&ln->ingress_lock);
	INIT_WORK(&ln->ingress_ntf, lbdr_ingress_ntf_work);
}

/**
 * lbdr_ingress_net_exit() - Stop the work item of a namespace
 * @ln: the namespace, without ingress devices
 *
 * Context: process.
 */
void lbdr_ingress_net_exit(struct lbdr_net *ln)
{
	cancel_work_sync(&ln->ingress_ntf);
}
