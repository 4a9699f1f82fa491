/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Peer directors: directors that are real servers of each other
 */
#ifndef _LBDR_PEERS_H
#define _LBDR_PEERS_H

#include "flow.h"
#include "lbdr.h"

struct lbdr_conn;
struct lbdr_nexthop;
struct lbdr_route;
struct lbdr_server;
struct lbdr_service;
struct neighbour;

bool lbdr_peers_is_mac(struct lbdr_net *ln, const struct lbdr_server *server,
		       const u8 *mac, u16 domain);
bool lbdr_peers_sent_by(struct lbdr_net *ln, const struct sk_buff *skb,
			const struct lbdr_server *server, u16 domain);
bool lbdr_peers_sent_by_any(const struct lbdr_net *ln, const struct sk_buff *skb,
			    const struct lbdr_service *service, u16 domain);
struct lbdr_server *lbdr_peers_not_back(struct lbdr_net *ln,
					const struct lbdr_service *service,
					struct lbdr_server *server, u16 domain);
bool lbdr_peers_same_mac(const struct lbdr_conn *conn, const struct sk_buff *skb);
void lbdr_peers_record(struct lbdr_conn *conn, const struct sk_buff *skb,
		       const struct lbdr_flow *flow);
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

#endif /* _LBDR_PEERS_H */
