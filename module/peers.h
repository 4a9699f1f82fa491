/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Peer directors: directors that are real servers of each other
 */
#ifndef _LBDR_PEERS_H
#define _LBDR_PEERS_H

#include <linux/etherdevice.h>
#include <linux/hash.h>
#include <linux/if_arp.h>
#include <net/ip.h>

#include "conn.h"
#include "flow.h"
#include "lbdr.h"
#include "nexthop.h"
#include "server.h"

struct lbdr_route;
struct neighbour;

bool lbdr_peers_is_mac(struct lbdr_net *ln, const struct lbdr_server *server,
		       const u8 *mac, u16 domain);
bool lbdr_peers_came_from(struct lbdr_net *ln, const struct sk_buff *skb, u64 mac,
			  const struct lbdr_server *server, u16 domain);
bool lbdr_peers_sent_by_any(const struct lbdr_net *ln, const struct sk_buff *skb,
			    const struct lbdr_service *service, u16 domain);
struct lbdr_server *lbdr_peers_not_back(struct lbdr_net *ln,
					const struct lbdr_service *service,
					struct lbdr_server *server, u16 domain);
bool lbdr_peers_same_mac(const struct lbdr_conn *conn, const struct sk_buff *skb);
bool lbdr_peers_returned(struct lbdr_net *ln, const struct sk_buff *skb,
			 const struct lbdr_flow *flow, struct lbdr_conn *conn);
void lbdr_peers_ttl_ended(struct lbdr_net *ln, const struct sk_buff *skb,
			  struct lbdr_server *server);
bool lbdr_peers_local(struct net *net, const struct net_device *dev,
		      const struct lbdr_flow *flow);
unsigned int lbdr_peers_verdict(struct lbdr_net *ln, struct sk_buff *skb,
				const struct lbdr_flow *flow,
				struct lbdr_service *service);
u8 lbdr_peers_nud_state(const struct lbdr_nexthop *nexthop, struct net_device *dev);
bool lbdr_peers_probe(const struct lbdr_nexthop *nexthop, struct net_device *dev);
void lbdr_peers_wait(struct lbdr_net *ln, const struct neighbour *neigh);
void lbdr_peers_update_nexthop(struct lbdr_nexthop *nexthop,
			       const struct lbdr_route *route);
void lbdr_peers_schedule_update(struct lbdr_net *ln);
void lbdr_peers_net_init(struct lbdr_net *ln);
void lbdr_peers_net_exit(struct lbdr_net *ln);
int lbdr_peers_init(void);
void lbdr_peers_exit(void);

/* A MAC as an integer; ether_addr_to_u64() would convert byte by byte. */
static __always_inline u64 lbdr_peers_mac(const u8 *mac)
{
	u64 value = 0;

	memcpy(&value, mac, ETH_ALEN);
	return value;
}

/*
 * The source MAC of a packet; 0, which no host has, if it did not come by Ethernet. Read as
 * one word with the type that follows it, for the parts of a word would wait for each other.
 */
static __always_inline u64 lbdr_peers_source(const struct sk_buff *skb)
{
	if (unlikely(skb->dev->type != ARPHRD_ETHER || !skb_mac_header_was_set(skb)))
		return 0;
	BUILD_BUG_ON(offsetof(struct ethhdr, h_source) + sizeof(u64) > ETH_HLEN);
	return get_unaligned((const u64 *)eth_hdr(skb)->h_source) &
	       (__force u64)cpu_to_be64(~0ULL << 16);
}

static __always_inline u16 lbdr_peers_mac_hash(u64 mac)
{
	return hash_64(mac, 16);
}

static __always_inline u8 lbdr_peers_ttl(const struct sk_buff *skb, enum lbdr_family family)
{
	return family == LBDR_V4 ? ip_hdr(skb)->ttl : ipv6_hdr(skb)->hop_limit;
}

/**
 * lbdr_peers_sent_by() - Check whether a server has sent a packet
 * @ln: the namespace
 * @skb: the packet, from the network
 * @mac: lbdr_peers_source() of it
 * @server: the server
 * @domain: L3 domain of the packet
 *
 * Context: rcu_read_lock() held.
 * Return: true if the source MAC and the input device are those of @server.
 */
static inline bool lbdr_peers_sent_by(struct lbdr_net *ln, const struct sk_buff *skb,
				      u64 mac, const struct lbdr_server *server, u16 domain)
{
	/* In another domain the server has another next hop. */
	return unlikely(domain || READ_ONCE(server->nexthop->mac) == mac) &&
	       lbdr_peers_came_from(ln, skb, mac, server, domain);
}

/**
 * lbdr_peers_record() - Record how the first packet of a connection came
 * @conn: the new connection
 * @skb: the packet
 * @mac: lbdr_peers_source() of it; 0 for a client on this host, so that each return comes
 *	from another MAC
 * @flow: flow of the packet
 *
 * The packet is sent later, so its return finds the record.
 *
 * Context: rcu_read_lock() held, BH off.
 */
static inline void lbdr_peers_record(struct lbdr_conn *conn, const struct sk_buff *skb,
				     u64 mac, const struct lbdr_flow *flow)
{
	WRITE_ONCE(conn->mac, lbdr_peers_mac_hash(mac));
	WRITE_ONCE(conn->ttl, lbdr_peers_ttl(skb, flow->family));
}

#endif /* _LBDR_PEERS_H */
