// SPDX-License-Identifier: GPL-2.0
/*
 * The entry at netdev ingress, by device, for those who want the last
 * instructions: packets of connections leave before the IP layer has seen them.
 *
 * Nobody has looked at a packet yet there. So this takes plain ones that it has
 * looked at itself, and only those of a connection that is there already, made
 * behind PREROUTING by all its rules; everything else goes on to PREROUTING as if
 * this were not: first packets, fragments, options and extension headers, ICMP,
 * what is malformed or for others, and on devices that are a part of another one
 * (bridge, bond, VRF, VLAN) everything. Rules at raw are not asked about what is
 * taken here; those of nftables at ingress are, whatever their priority.
 *
 * The list of devices is the operator's. Hooks are registered while there are
 * services, as PREROUTING's are, and go with their device.
 */
#include <linux/if_vlan.h>
#include <linux/netdevice.h>
#include <linux/netfilter_netdev.h>
#include <net/ip.h>
#include <net/ipv6.h>

#include "conn.h"
#include "flow.h"
#include "ingress.h"
#include "lbdr.h"

/**
 * struct lbdr_ingress - a device whose packets are taken at ingress
 * @list: in lbdr_net.ingress; lbdr_net.lock
 * @ops: the hook; its device goes no earlier than lbdr_ingress_del_dev() was told
 * @on: it is registered; lbdr_net.lock
 */
struct lbdr_ingress {
	struct list_head	list;
	struct nf_hook_ops	ops;
	bool			on;
};

/*
 * What ip_rcv_core() (net/ipv4/ip_input.c) would make sure of, and leave behind,
 * or false. Linearity is not asked for: drivers put headers into the linear part.
 */
static __always_inline bool lbdr_ingress_plain4(struct lbdr_net *ln,
						struct sk_buff *skb)
{
	const struct iphdr *iph = ip_hdr(skb);
	u32 len;

	if (skb_headlen(skb) < sizeof(*iph) || !lbdr_hook_vip(ln, skb, LBDR_V4))
		return false;
	if (iph->version != 4 || iph->ihl != 5 || ip_is_fragment(iph) ||
	    (iph->protocol != IPPROTO_TCP && iph->protocol != IPPROTO_UDP))
		return false;
	len = ntohs(iph->tot_len);
	if (len < sizeof(*iph) || len > skb->len ||
	    ip_fast_csum((const u8 *)iph, 5))
		return false;
	/* What an Ethernet frame is filled up with */
	if (len < skb->len && pskb_trim_rcsum(skb, len))
		return false;
	skb->transport_header = skb->network_header + sizeof(*iph);
	memset(IPCB(skb), 0, sizeof(struct inet_skb_parm));
	IPCB(skb)->iif = skb->skb_iif;
	return true;
}

/* The same of ip6_rcv_core() (net/ipv6/ip6_input.c). */
static __always_inline bool lbdr_ingress_plain6(struct lbdr_net *ln,
						struct sk_buff *skb)
{
	const struct ipv6hdr *hdr = ipv6_hdr(skb);
	u32 len;

	if (skb_headlen(skb) < sizeof(*hdr) || !lbdr_hook_vip(ln, skb, LBDR_V6))
		return false;
	if (hdr->version != 6 || (hdr->nexthdr != IPPROTO_TCP &&
				  hdr->nexthdr != IPPROTO_UDP))
		return false;
	/* 0 is that of a jumbogram, or of a GSO packet which is too large. */
	len = ntohs(hdr->payload_len) + sizeof(*hdr);
	if (len == sizeof(*hdr) || len > skb->len)
		return false;
	if (len < skb->len && pskb_trim_rcsum(skb, len))
		return false;
	skb->transport_header = skb->network_header + sizeof(*hdr);
	memset(IP6CB(skb), 0, sizeof(*IP6CB(skb)));
	IP6CB(skb)->iif = skb->skb_iif;
	return true;
}

/* A plain packet: to its server, if it is of a connection and does not begin one. */
static __always_inline unsigned int
lbdr_ingress_walk(struct lbdr_net *ln, struct sk_buff *skb,
		  enum lbdr_family family)
{
	/* As in lbdr_hook_walk() */
	struct lbdr_flow flow __uninitialized;
	struct lbdr_conn *conn;

	flow.local = false;
	if ((family == LBDR_V4 ? lbdr_parse4(skb, &flow) :
				 lbdr_parse6(skb, &flow)) != LBDR_PARSED ||
	    lbdr_event_opens(flow.event))
		return NF_ACCEPT;
	conn = lbdr_conn_find_of(ln, family, &flow);
	if (!conn)
		return NF_ACCEPT;
	return lbdr_hook_conn(ln, skb, family, false, &flow, conn);
}

static noinline __flatten unsigned int lbdr_ingress_walk4(struct lbdr_net *ln,
							  struct sk_buff *skb)
{
	return lbdr_ingress_walk(ln, skb, LBDR_V4);
}

static noinline __flatten unsigned int lbdr_ingress_walk6(struct lbdr_net *ln,
							  struct sk_buff *skb)
{
	return lbdr_ingress_walk(ln, skb, LBDR_V6);
}

/* Softirq, or process context with BH off: that is where devices receive. */
static unsigned int lbdr_ingress_hook(void *priv, struct sk_buff *skb,
				      const struct nf_hook_state *state)
{
	struct lbdr_net *ln = priv;

	if (skb->pkt_type != PACKET_HOST || skb_vlan_tag_present(skb) ||
	    skb_shared(skb) || rcu_access_pointer(skb->dev->rx_handler) ||
	    netif_is_l3_slave(skb->dev))
		return NF_ACCEPT;
	if (skb->protocol == htons(ETH_P_IP) && lbdr_ingress_plain4(ln, skb))
		return lbdr_ingress_walk4(ln, skb);
	if (skb->protocol == htons(ETH_P_IPV6) && lbdr_ingress_plain6(ln, skb))
		return lbdr_ingress_walk6(ln, skb);
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
	lbdr_ingress_unregister(ln, ingress);
	list_del(&ingress->list);
	kfree(ingress);
}

/**
 * lbdr_ingress_enable() - there are services
 * @ln: the namespace
 *
 * Context: process, lbdr_net.lock held.
 * Return: 0, or a negative error and no hook is registered.
 */
int lbdr_ingress_enable(struct lbdr_net *ln)
{
	struct lbdr_ingress *ingress;
	int err;

	list_for_each_entry(ingress, &ln->ingress, list) {
		err = lbdr_ingress_register(ln, ingress);
		if (err) {
			lbdr_ingress_disable(ln);
			return err;
		}
	}
	return 0;
}

/**
 * lbdr_ingress_disable() - there are none any more
 * @ln: the namespace
 *
 * Context: process, lbdr_net.lock held.
 */
void lbdr_ingress_disable(struct lbdr_net *ln)
{
	struct lbdr_ingress *ingress;

	list_for_each_entry(ingress, &ln->ingress, list)
		lbdr_ingress_unregister(ln, ingress);
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

/**
 * lbdr_ingress_add() - take a device's packets at ingress
 * @ln: the namespace
 * @dev: the device, of which the caller holds a reference. One that is being
 *	unregistered is told of by lbdr_ingress_del_dev() after this
 *
 * Context: process, lbdr_net.lock held.
 * Return: 1, 0 when it is so already, or a negative error.
 */
int lbdr_ingress_add(struct lbdr_net *ln, struct net_device *dev)
{
	struct lbdr_ingress *ingress;
	int err = 0;

	lockdep_assert_held(&ln->lock);

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
	/* Behind all rules that there may be. */
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
 * lbdr_ingress_retain() - take no other devices' packets at ingress any more
 * @ln: the namespace
 * @devs: the devices that are kept
 * @n: how many
 *
 * Context: process, lbdr_net.lock held.
 */
void lbdr_ingress_retain(struct lbdr_net *ln, struct net_device *const *devs,
		       u32 n)
{
	struct lbdr_ingress *ingress, *next;
	u32 i;

	lockdep_assert_held(&ln->lock);

	list_for_each_entry_safe(ingress, next, &ln->ingress, list) {
		for (i = 0; i < n && devs[i] != ingress->ops.dev; i++)
			;
		if (i == n)
			lbdr_ingress_free(ln, ingress);
	}
}

/**
 * lbdr_ingress_del_dev() - a device is being unregistered
 * @ln: the namespace
 * @dev: the device
 *
 * Context: process, lbdr_net.lock held.
 * Return: whether its packets were taken at ingress.
 */
bool lbdr_ingress_del_dev(struct lbdr_net *ln, const struct net_device *dev)
{
	struct lbdr_ingress *ingress = lbdr_ingress_find(&ln->ingress, dev);

	if (ingress)
		lbdr_ingress_free(ln, ingress);
	return ingress;
}

/**
 * lbdr_ingress_dev() - the devices, one after the other
 * @ln: the namespace
 * @index: from 0 on
 *
 * Context: lbdr_net.lock held.
 * Return: the device, or NULL when there are no more.
 */
const struct net_device *lbdr_ingress_dev(const struct lbdr_net *ln, u32 index)
{
	const struct lbdr_ingress *ingress;

	list_for_each_entry(ingress, &ln->ingress, list)
		if (!index--)
			return ingress->ops.dev;
	return NULL;
}
