/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Reachability of servers, by the state of their neighbours
 */
#ifndef _LBDR_REACH_H
#define _LBDR_REACH_H

#include "server.h"
#include "service.h"

struct lbdr_net;
struct lbdr_nexthop;
struct neighbour;

/* Whether a new pool leaves the server out. Context: lbdr_net.config held. */
static inline bool lbdr_reach_skips(const struct lbdr_server *server)
{
	return server->failed && server->service->skipping;
}

void lbdr_reach_event(struct lbdr_net *ln, struct lbdr_nexthop *nexthop,
		      const struct neighbour *neigh);
void lbdr_reach_update(struct lbdr_net *ln, const struct lbdr_service *service);
void lbdr_reach_net_init(struct lbdr_net *ln);
void lbdr_reach_net_exit(struct lbdr_net *ln);

#endif /* _LBDR_REACH_H */
