// SPDX-License-Identifier: GPL-2.0
/*
 * Tunnels: settings of the encapsulation of packets to a server.
 *
 * A server without tunnel (lbdr_server.tunnel is NULL) gets packets by direct routing.
 * Otherwise the pointer leads to an immutable object. Packets read the pointer once,
 * under rcu_read_lock(), so a packet is sent by one method and with one set of settings,
 * also while they are changed. A transaction allocates the new object before it
 * publishes anything, replaces the pointer under lbdr_net.lock, and frees the old object
 * after a grace period.
 *
 * The family of the outer header is that of the server's address, which does not change.
 */
#include <linux/if_arp.h>
#include <linux/netdevice.h>
#include <linux/slab.h>
#include <net/gre.h>
#include <net/gue.h>
#include <net/ip.h>
#include <net/ipv6.h>
#include <net/l3mdev.h>

#include "lbdr.h"
#include "service.h"
#include "tunnel.h"

static u32 lbdr_tunnel_shim_len(const struct lbdr_tunnel_settings *settings)
{
	switch (settings->type) {
	case LBDR_TUNNEL_GRE:
		/* RFC 2784, 2: checksum and reserved field */
		return settings->flags & LBDR_TUNNEL_FLAG_CSUM ? 8 : 4;
	case LBDR_TUNNEL_GUE:
		return sizeof(struct udphdr) + sizeof(struct guehdr);
	default:
		return 0;
	}
}

/*
 * The GSO functions of GUE call those of the inner protocol (IPIP or IPv6), which
 * require SKB_GSO_IPXIP4 or SKB_GSO_IPXIP6, by the outer family. Those of GRE do not.
 */
static u32 lbdr_tunnel_gso_type(const struct lbdr_tunnel_settings *settings,
				enum lbdr_family outer)
{
	u32 ipxip = outer == LBDR_V4 ? SKB_GSO_IPXIP4 : SKB_GSO_IPXIP6;
	bool csum = settings->flags & LBDR_TUNNEL_FLAG_CSUM;

	switch (settings->type) {
	case LBDR_TUNNEL_GRE:
		return csum ? SKB_GSO_GRE_CSUM : SKB_GSO_GRE;
	case LBDR_TUNNEL_GUE:
		return ipxip | (csum ? SKB_GSO_UDP_TUNNEL_CSUM :
				       SKB_GSO_UDP_TUNNEL);
	default:
		return ipxip;
	}
}

static u8 lbdr_tunnel_protocol(const struct lbdr_tunnel_settings *settings,
			       enum lbdr_family inner)
{
	switch (settings->type) {
	case LBDR_TUNNEL_GRE:
		return IPPROTO_GRE;
	case LBDR_TUNNEL_GUE:
		return IPPROTO_UDP;
	default:
		return inner == LBDR_V4 ? IPPROTO_IPIP : IPPROTO_IPV6;
	}
}

/**
 * lbdr_tunnel_init() - Initialise a tunnel
 * @tunnel: the tunnel
 * @settings: its settings; the type is not LBDR_TUNNEL_NONE
 * @outer: family of the server's address
 *
 * Context: any.
 */
void lbdr_tunnel_init(struct lbdr_server_tunnel *tunnel,
		      const struct lbdr_tunnel_settings *settings,
		      enum lbdr_family outer)
{
	u32 outer_len = outer == LBDR_V4 ? sizeof(struct iphdr) :
					   sizeof(struct ipv6hdr);

	tunnel->settings = *settings;
	tunnel->overhead = outer_len + lbdr_tunnel_shim_len(settings);
	tunnel->gso_type = lbdr_tunnel_gso_type(settings, outer);
	tunnel->protocol[LBDR_V4] = lbdr_tunnel_protocol(settings, LBDR_V4);
	tunnel->protocol[LBDR_V6] = lbdr_tunnel_protocol(settings, LBDR_V6);
	tunnel->spreads = outer == LBDR_V6 || settings->type == LBDR_TUNNEL_GUE ||
			  settings->prefix;
	tunnel->plain = !settings->prefix &&
			!(settings->flags & LBDR_TUNNEL_FLAG_CSUM);
}
EXPORT_SYMBOL_FOR_KUNIT(lbdr_tunnel_init);

/**
 * lbdr_tunnel_alloc() - Allocate a tunnel
 * @settings: its settings; the type is not LBDR_TUNNEL_NONE
 * @outer: family of the server's address
 *
 * Context: process, may sleep.
 * Return: the tunnel, or NULL if out of memory.
 */
struct lbdr_server_tunnel *
lbdr_tunnel_alloc(const struct lbdr_tunnel_settings *settings,
		  enum lbdr_family outer)
{
	struct lbdr_server_tunnel *tunnel;

	tunnel = kzalloc(sizeof(*tunnel), GFP_KERNEL_ACCOUNT);
	if (tunnel)
		lbdr_tunnel_init(tunnel, settings, outer);
	return tunnel;
}

/**
 * lbdr_tunnel_free() - Free a tunnel after a grace period
 * @tunnel: the tunnel, or NULL; new packets do not find it
 *
 * Context: any.
 */
void lbdr_tunnel_free(struct lbdr_server_tunnel *tunnel)
{
	if (tunnel)
		kfree_rcu(tunnel, rcu);
}

/**
 * lbdr_tunnel_settings_equal() - Compare settings
 * @a: settings
 * @b: other settings
 *
 * Context: any.
 */
bool lbdr_tunnel_settings_equal(const struct lbdr_tunnel_settings *a,
				const struct lbdr_tunnel_settings *b)
{
	BUILD_BUG_ON(sizeof(*a) != sizeof(union nf_inet_addr) + 8);

	return !memcmp(a, b, sizeof(*a));
}

/* As skb->dev, which in the second pass is the VRF. */
static const struct net_device *lbdr_tunnel_dev(struct lbdr_net *ln,
						const struct sk_buff *skb)
{
	const struct net_device *dev = skb->dev;
	int iif;

	if (likely(!netif_is_l3_master(dev)))
		return dev;
	iif = skb->protocol == htons(ETH_P_IP) ? IPCB(skb)->iif : IP6CB(skb)->iif;
	return dev_get_by_index_rcu(ln->net, iif) ?: dev;
}

/**
 * lbdr_tunnel_loops_by() - lbdr_tunnel_loops() for a device that may be a tunnel, or a VRF
 * @ln: the namespace
 * @skb: the packet, from the network
 * @service: its service
 *
 * Context: rcu_read_lock() held.
 * Return: as lbdr_tunnel_loops().
 */
bool lbdr_tunnel_loops_by(struct lbdr_net *ln, const struct sk_buff *skb,
			  const struct lbdr_service *service)
{
	if (READ_ONCE(service->settings.flags) & LBDR_SERVICE_FLAG_ACCEPT_TUNNELED)
		return false;
	switch (lbdr_tunnel_dev(ln, skb)->type) {
	case ARPHRD_TUNNEL:
	case ARPHRD_TUNNEL6:
	case ARPHRD_SIT:
	case ARPHRD_IPGRE:
	case ARPHRD_IP6GRE:
		return true;
	}
	return false;
}
