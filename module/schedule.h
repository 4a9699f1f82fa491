/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Scheduling of packets that have no connection.
 */
#ifndef _LBDR_SCHEDULE_H
#define _LBDR_SCHEDULE_H

#include "flow.h"
#include "lbdr.h"

struct lbdr_server;
struct lbdr_service;

bool lbdr_schedule_without_conn(const struct lbdr_net *ln,
				const struct lbdr_service *service,
				const struct lbdr_flow *flow);
struct lbdr_server *lbdr_schedule_error(struct lbdr_net *ln,
					const struct lbdr_service *service,
					const struct lbdr_flow *flow);
struct lbdr_server *lbdr_schedule(struct lbdr_net *ln, struct sk_buff *skb,
				  struct lbdr_service *service,
				  const struct lbdr_flow *flow,
				  unsigned int *verdict);
u8 lbdr_schedule_stray_action(const struct lbdr_net *ln,
			      const struct lbdr_service *service,
			      const struct lbdr_flow *flow);

#endif /* _LBDR_SCHEDULE_H */
