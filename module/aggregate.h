/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Aggregates of datagrams
 */
#ifndef _LBDR_AGGREGATE_H
#define _LBDR_AGGREGATE_H

#include "flow.h"
#include "lbdr.h"

struct lbdr_service;

unsigned int lbdr_aggregate_split(struct lbdr_net *ln, struct sk_buff *skb,
				  const struct lbdr_flow *flow,
				  struct lbdr_service *service);

#endif /* _LBDR_AGGREGATE_H */
