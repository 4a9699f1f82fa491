/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Tunnels: how packets to a server are encapsulated.
 */
#ifndef _LBDR_TUNNEL_H
#define _LBDR_TUNNEL_H

#include <linux/ipv6.h>
#include <linux/minmax.h>
#include <linux/netfilter.h>
#include <linux/rcupdate.h>

#include "flow.h"

struct lbdr_net;
struct lbdr_service;

/* RFC 791, 3.2: every host accepts fragments of 68 bytes. */
#define LBDR_TUNNEL_MIN_MTU4	68

/**
 * struct lbdr_tunnel_settings - settings of a tunnel
 * @source: source address of the outer header; used if @prefix is not 0
 * @port: destination port of GUE, 0 for other types
 * @type: enum lbdr_tunnel; if LBDR_TUNNEL_NONE, all members are 0
 * @flags: LBDR_TUNNEL_FLAG_CSUM or 0
 * @ttl: TTL of the outer header, 0 for that of the inner packet
 * @df: enum lbdr_tunnel_df
 * @prefix: prefix length of @source, 0 for the source address of the route
 * @unused: 0, so that settings can be compared as memory
 */
struct lbdr_tunnel_settings {
	union nf_inet_addr	source;
	__be16			port;
	u8			type;
	u8			flags;
	u8			ttl;
	u8			df;
	u8			prefix;
	u8			unused;
};

/**
 * struct lbdr_server_tunnel - the tunnel to a server; immutable once published
 * @settings: settings, with a type that is not LBDR_TUNNEL_NONE
 * @overhead: bytes of all headers that are added to a packet
 * @gso_type: SKB_GSO_ flags of the encapsulation
 * @protocol: protocol in the outer header, by the family of the packet
 * @spreads: the outer header has fields that depend on the hash of the flow
 * @plain: the outer headers contain neither a checksum over the packet nor an address that
 *	depends on the flow or on the settings
 * @rcu: frees it
 */
struct lbdr_server_tunnel {
	struct lbdr_tunnel_settings	settings;
	u32				overhead;
	u32				gso_type;
	u8				protocol[LBDR_FAMILIES];
	bool				spreads;
	bool				plain;
	struct rcu_head			rcu;
};

struct lbdr_server_tunnel *
lbdr_tunnel_alloc(const struct lbdr_tunnel_settings *settings,
		  enum lbdr_family outer);
void lbdr_tunnel_free(struct lbdr_server_tunnel *tunnel);
void lbdr_tunnel_init(struct lbdr_server_tunnel *tunnel,
		      const struct lbdr_tunnel_settings *settings,
		      enum lbdr_family outer);
bool lbdr_tunnel_settings_equal(const struct lbdr_tunnel_settings *a,
				const struct lbdr_tunnel_settings *b);
bool lbdr_tunnel_loops_by(struct lbdr_net *ln, const struct sk_buff *skb,
			  const struct lbdr_service *service);

/**
 * lbdr_tunnel_loops() - Check whether a packet must not be forwarded for its way
 * @ln: the namespace
 * @skb: the packet, from the network
 * @service: its service
 *
 * Context: rcu_read_lock() held.
 * Return: true if the packet arrived through a tunnel device, and the service does not
 * accept such packets.
 */
static inline bool lbdr_tunnel_loops(struct lbdr_net *ln, const struct sk_buff *skb,
				     const struct lbdr_service *service)
{
	/* In the second pass the device is the VRF, which is an Ethernet device. */
	return unlikely(skb->dev->type != ARPHRD_ETHER || netif_is_l3_master(skb->dev)) &&
	       lbdr_tunnel_loops_by(ln, skb, service);
}

/**
 * lbdr_tunnel_mtu() - Get the largest packet that a tunnel carries unfragmented
 * @tunnel: the tunnel
 * @mtu: MTU of the path to the server
 *
 * Context: any.
 * Return: @mtu without the tunnel's headers, 0 if they do not fit.
 */
static inline u32 lbdr_tunnel_mtu(const struct lbdr_server_tunnel *tunnel, u32 mtu)
{
	return mtu > tunnel->overhead ? mtu - tunnel->overhead : 0;
}

/**
 * lbdr_tunnel_told_mtu() - Get the MTU of a tunnel that the sources of packets are told
 * @family: family of the packets
 * @mtu: the largest packet that the tunnel carries unfragmented
 *
 * A source of IPv6 packets need not send less than 1280 bytes. So packets up to that size
 * are encapsulated and the outer packet is fragmented if it must be (RFC 2473, 7.1;
 * RFC 4213, 3.2.2).
 *
 * Context: any.
 */
static inline u32 lbdr_tunnel_told_mtu(enum lbdr_family family, u32 mtu)
{
	return family == LBDR_V4 ? mtu : max_t(u32, mtu, IPV6_MIN_MTU);
}

#endif /* _LBDR_TUNNEL_H */
