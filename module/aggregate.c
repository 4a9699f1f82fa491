// SPDX-License-Identifier: GPL-2.0
/*
 * Aggregates of datagrams (UDP GSO of a sender on this machine, or GRO) for one-packet
 * services, whose datagrams are scheduled one by one.
 *
 * Each datagram enters the stack again where the aggregate came from, since it may be for
 * a server that is this host, and then it must pass all that follows the hook. So taps,
 * and rules in front of the hook, see the aggregate and its datagrams.
 *
 * An aggregate is split once, whichever passes it makes: its datagrams are not GSO packets,
 * and in a VRF the hook at PREROUTING acts in the first pass. At LOCAL_IN the device of the
 * aggregate is the VRF. Its datagrams begin again at the device that it came by, so that
 * they are still packets of that device (sockets that are bound to it, peers.c).
 */
#include <linux/netfilter.h>
#include <net/dst_metadata.h>
#include <net/ip.h>
#include <net/ipv6.h>

#include "aggregate.h"
#include "flow.h"
#include "lbdr.h"
#include "stats.h"

/* The device that an aggregate came by, as it entered the IP layer. */
static struct net_device *lbdr_aggregate_dev(const struct lbdr_net *ln,
					     const struct sk_buff *skb,
					     enum lbdr_family family)
{
	int iif = family == LBDR_V4 ? IPCB(skb)->iif : IP6CB(skb)->iif;

	return (netif_is_l3_master(skb->dev) ?
		dev_get_by_index_rcu(ln->net, iif) : NULL) ?: skb->dev;
}

static void lbdr_aggregate_input(struct sk_buff *skb, struct net_device *dev)
{
	skb->dev = dev;
	__skb_pull(skb, skb_network_offset(skb));
	/* The metadata of a tunnel stays. */
	if (skb_valid_dst(skb))
		skb_dst_drop(skb);
	nf_reset_ct(skb);
	netif_receive_skb(skb);
}

/**
 * lbdr_aggregate_split() - Split an aggregate of datagrams
 * @ln: the namespace
 * @skb: the GSO packet
 * @flow: flow of the packet
 * @service: the service of the packet
 *
 * Context: rcu_read_lock() held, BH off.
 * Return: NF_STOLEN, or NF_DROP after counting the drop reason.
 */
unsigned int lbdr_aggregate_split(struct lbdr_net *ln, struct sk_buff *skb,
				  const struct lbdr_flow *flow,
				  struct lbdr_service *service)
{
	struct sk_buff *segs, *seg, *next;
	struct net_device *dev = NULL;
	struct sock *sk = skb->sk;

	if (!flow->local)
		dev = lbdr_aggregate_dev(ln, skb, flow->family);
	/* The link header is in front of the data, and each datagram gets a copy. */
	if (!flow->local && skb_mac_header_was_set(skb))
		skb_push(skb, skb->data - skb_mac_header(skb));
	segs = skb_gso_segment(skb, 0);
	if (IS_ERR_OR_NULL(segs)) {
		lbdr_drop(ln, service, LBDR_DROP_MEMORY);
		return NF_DROP;
	}
	consume_skb(skb);
	skb_list_walk_safe(segs, seg, next) {
		skb_mark_not_on_list(seg);
		if (!flow->local)
			lbdr_aggregate_input(seg, dev);
		else if (flow->family == LBDR_V4)
			ip_local_out(ln->net, sk, seg);
		else
			ip6_local_out(ln->net, sk, seg);
	}
	return NF_STOLEN;
}
