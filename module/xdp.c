// SPDX-License-Identifier: GPL-2.0
/*
 * Entry at XDP: packets of connections are forwarded by the driver of the device that
 * received them, before there is an skb.
 *
 * The module has no XDP program. It has a function that BPF programs call (a kfunc),
 * and `lbctl set-entry xdp` loads and attaches a program of eleven instructions, which
 * calls the function and does what it returns. The program holds a reference to the
 * module. It needs no maps: the function uses the module's own tables.
 *
 * The entry PREROUTING stays registered. The function forwards only what the fast path
 * (fast.c) forwards there, by the same checks (fast_check.h), and only if the frame can be
 * sent as it is by its own driver, or by another driver that takes frames. All is checked
 * before the first write to a frame, a connection or a counter, so every other frame is
 * passed to the stack unchanged, and PREROUTING gets it: what opens, confirms or closes a
 * connection, tunnel servers, neighbours that are being confirmed, fragments, IP options
 * and extension headers, malformed packets, VLAN-tagged frames, packets to other hosts,
 * and all frames of devices that are ports of a bridge or bond, or enslaved to a VRF.
 *
 * Context: softirq in the driver's NAPI poll, or a process with BH off that tests a program.
 */
#include "xdp.h"

#ifdef LBDR_HAS_XDP

#include <linux/btf.h>
#include <linux/btf_ids.h>
#include <linux/etherdevice.h>
#include <linux/if_arp.h>
#include <net/arp.h>
#include <net/ip.h>
#include <net/ipv6.h>
#include <net/ndisc.h>
#include <net/xdp.h>

#include "conn.h"
#include "conn_lookup.h"
#include "domain.h"
#include "fast_check.h"
#include "lbdr.h"
#include "nexthop_path.h"
#include "server.h"
#include "stats.h"
#include "vip.h"

/* What lbdr_xdp_forward() returns. All greater values are the index of a device. */
enum {
	LBDR_XDP_PASS = -1,
	LBDR_XDP_TX = 0,
};

/*
 * Returns true if frames of a device may be taken. Hardware that strips VLAN tags hides
 * them from XDP: the frame of a VLAN device looks like one of the device itself.
 */
static __always_inline bool lbdr_xdp_device(const struct net_device *dev)
{
	if (dev->type != ARPHRD_ETHER || rcu_access_pointer(dev->rx_handler) ||
	    lbdr_domain_has_vrf(dev))
		return false;
#if IS_ENABLED(CONFIG_VLAN_8021Q)
	if (dev->features & (NETIF_F_HW_VLAN_CTAG_RX | NETIF_F_HW_VLAN_STAG_RX) &&
	    rcu_access_pointer(dev->vlan_info))
		return false;
#endif
	return true;
}

/* A link header of Ethernet in words: the compiler guards the stack behind an array. */
struct lbdr_xdp_header {
	u64	last;
	u32	second;
	u16	first;
};

/* Returns false if a link header is no Ethernet header. */
static __always_inline bool lbdr_xdp_get_header(const struct hh_cache *hh,
						struct lbdr_xdp_header *header)
{
	const void *data = (const void *)hh->hh_data + HH_DATA_MOD - ETH_HLEN;
	unsigned int seq, size;

	do {
		seq = read_seqbegin(&hh->hh_lock);
		size = READ_ONCE(hh->hh_len);
		header->first = get_unaligned((const u16 *)data);
		header->second = get_unaligned((const u32 *)(data + 2));
		header->last = get_unaligned((const u64 *)(data + 6));
	} while (read_seqretry(&hh->hh_lock, seq));
	return likely(size == ETH_HLEN);
}

static __always_inline void lbdr_xdp_put_header(void *data,
						const struct lbdr_xdp_header *header)
{
	put_unaligned(header->first, (u16 *)data);
	put_unaligned(header->second, (u32 *)(data + 2));
	put_unaligned(header->last, (u64 *)(data + 6));
}

/*
 * Gives the frame of a packet of @len bytes its new link header and counts the packet.
 * Returns what lbdr_xdp_forward() does; in the case of LBDR_XDP_PASS nothing was written.
 *
 * The driver of a device sends frames of others only if it says so. That is asked of the
 * receiving device as well: a veth sends no frames unless its peer polls for them. And after
 * XDP_TX, veth wakes its peer only if the peer has a program, too; XDP_REDIRECT to the same
 * device does not leave frames behind. IFF_PHONY_HEADROOM tells such pairs of devices.
 */
static __always_inline int lbdr_xdp_send(struct lbdr_net *ln, struct xdp_buff *xdp,
					 struct lbdr_conn *conn, struct net_device *dev,
					 const struct neighbour *neigh, u32 len)
{
	struct lbdr_xdp_header header;

	if (unlikely(!(READ_ONCE(dev->xdp_features) & NETDEV_XDP_ACT_NDO_XMIT)) ||
	    !lbdr_xdp_get_header(&neigh->hh, &header) || !lbdr_fast_stamp(ln, conn))
		return LBDR_XDP_PASS;

	lbdr_stats_add(conn->server->stats, 0, 1, len);
	lbdr_xdp_put_header(xdp->data, &header);
	if (dev == xdp->rxq->dev && !(dev->priv_flags & IFF_PHONY_HEADROOM))
		return LBDR_XDP_TX;
	return dev->ifindex;
}

/* lbdr_fast4() for a frame. */
static __always_inline int lbdr_xdp4(struct lbdr_net *ln, struct xdp_buff *xdp)
{
	struct iphdr *iph = xdp->data + ETH_HLEN;
	u32 room = xdp->data_end - (void *)iph;
	const struct lbdr_route *route;
	struct lbdr_server *server;
	struct neighbour *neigh;
	union lbdr_ports ports __uninitialized;
	struct lbdr_conn *conn;
	struct lbdr_key4 key __uninitialized;
	u32 wanted, len;
	int ret;

	if (unlikely(room < sizeof(*iph)) || !lbdr_vips_has4(ln, iph->daddr))
		return LBDR_XDP_PASS;
	len = lbdr_fast_len4(iph, room);
	if (unlikely(!len || iph->ttl <= 1))
		return LBDR_XDP_PASS;
	wanted = lbdr_fast_ports(iph, len, len, false, sizeof(*iph), iph->protocol,
				 &ports);
	if (!lbdr_fast_steady(wanted))
		return LBDR_XDP_PASS;
	lbdr_key4_set(&key, iph, ports, iph->protocol);
	conn = lbdr_conn_lookup(ln, LBDR_V4, &key, NULL);
	if (unlikely(!conn) || !lbdr_fast_conn(conn, wanted))
		return LBDR_XDP_PASS;
	server = conn->server;
	route = rcu_dereference(server->nexthop->route);
	if (unlikely(rcu_access_pointer(server->tunnel) || !route || !route->link ||
		     !lbdr_route_valid(ln->net, route, LBDR_V4) || room > route->mtu))
		return LBDR_XDP_PASS;
	neigh = lbdr_nexthop_neigh(server->nexthop, route);
	if (unlikely(!neigh))
		return LBDR_XDP_PASS;
	ret = lbdr_xdp_send(ln, xdp, conn, route->link, neigh, len);
	if (likely(ret != LBDR_XDP_PASS))
		ip_decrease_ttl(iph);
	return ret;
}

/* lbdr_fast6() for a frame. */
static __always_inline int lbdr_xdp6(struct lbdr_net *ln, struct xdp_buff *xdp)
{
	struct ipv6hdr *hdr = xdp->data + ETH_HLEN;
	u32 room = xdp->data_end - (void *)hdr;
	const struct lbdr_route *route;
	struct lbdr_server *server;
	struct neighbour *neigh;
	union lbdr_ports ports __uninitialized;
	struct lbdr_conn *conn;
	struct lbdr_key6 key __uninitialized;
	u32 wanted, len;
	int ret;

	if (unlikely(room < sizeof(*hdr)) || !lbdr_vips_has6(ln, &hdr->daddr))
		return LBDR_XDP_PASS;
	len = lbdr_fast_len6(hdr, room);
	if (unlikely(!len || hdr->hop_limit <= 1))
		return LBDR_XDP_PASS;
	wanted = lbdr_fast_ports(hdr, len, len, false, sizeof(*hdr), hdr->nexthdr,
				 &ports);
	if (!lbdr_fast_steady(wanted))
		return LBDR_XDP_PASS;
	lbdr_key6_set(&key, hdr, ports, hdr->nexthdr);
	conn = lbdr_conn_lookup(ln, LBDR_V6, &key, NULL);
	if (unlikely(!conn) || !lbdr_fast_conn(conn, wanted))
		return LBDR_XDP_PASS;
	server = conn->server;
	route = rcu_dereference(server->nexthop->route);
	if (unlikely(rcu_access_pointer(server->tunnel) || !route || !route->link ||
		     !lbdr_route_valid(ln->net, route, LBDR_V6) ||
		     room > lbdr_route_mtu6_now(route, route->link)))
		return LBDR_XDP_PASS;
	neigh = lbdr_nexthop_neigh(server->nexthop, route);
	if (unlikely(!neigh))
		return LBDR_XDP_PASS;
	ret = lbdr_xdp_send(ln, xdp, conn, route->link, neigh, len);
	if (likely(ret != LBDR_XDP_PASS))
		hdr->hop_limit--;
	return ret;
}

__bpf_kfunc_start_defs();

/**
 * lbdr_xdp_forward() - Forward a plain packet of an established connection
 * @ctx: the frame
 *
 * For BPF programs of the type XDP.
 *
 * Context: BH off.
 * Return: a negative number: XDP_PASS, the frame is unchanged. 0: XDP_TX. A positive
 * number: the index of the device for bpf_redirect().
 */
__bpf_kfunc int lbdr_xdp_forward(struct xdp_md *ctx)
{
	struct xdp_buff *xdp = (struct xdp_buff *)ctx;
	const struct net_device *dev = xdp->rxq->dev;
	const struct ethhdr *eth = xdp->data;
	int ret = LBDR_XDP_PASS;
	struct lbdr_net *ln;

	if (!static_branch_likely(&lbdr_fast_on) || unlikely(xdp_buff_has_frags(xdp)) ||
	    unlikely(xdp->data + ETH_HLEN > xdp->data_end) || !lbdr_xdp_device(dev) ||
	    !ether_addr_equal_unaligned(eth->h_dest, dev->dev_addr))
		return ret;
	/*
	 * What runs with BH off is an RCU reader without rcu_read_lock() (see there,
	 * include/linux/rcupdate.h). Only lockdep has to be told.
	 */
	rcu_lock_acquire(&rcu_lock_map);
	ln = lbdr_net_rcu(dev_net(dev));
	if (unlikely(READ_ONCE(ln->entry) == LBDR_ENTRY_INPUT))
		ret = LBDR_XDP_PASS;
	else if (eth->h_proto == htons(ETH_P_IP))
		ret = lbdr_xdp4(ln, xdp);
	else if (eth->h_proto == htons(ETH_P_IPV6))
		ret = lbdr_xdp6(ln, xdp);
	rcu_lock_release(&rcu_lock_map);
	return ret;
}

__bpf_kfunc_end_defs();

BTF_KFUNCS_START(lbdr_xdp_ids)
BTF_ID_FLAGS(func, lbdr_xdp_forward)
BTF_KFUNCS_END(lbdr_xdp_ids)

static const struct btf_kfunc_id_set lbdr_xdp_set = {
	.owner	= THIS_MODULE,
	.set	= &lbdr_xdp_ids,
};

/**
 * lbdr_xdp_init() - Let BPF programs call lbdr_xdp_forward()
 *
 * A module that was built without BTF has no such function, and works otherwise.
 *
 * Context: process, the module is loaded.
 */
void __init lbdr_xdp_init(void)
{
	int err = register_btf_kfunc_id_set(BPF_PROG_TYPE_XDP, &lbdr_xdp_set);

	if (err)
		pr_info("entry xdp not supported: no type information (BTF): error %d\n",
			err);
}

#endif /* LBDR_HAS_XDP */
