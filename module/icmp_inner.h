/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The flow of a packet inside an ICMP error.
 */
#ifndef _LBDR_ICMP_INNER_H
#define _LBDR_ICMP_INNER_H

#include "flow.h"

enum lbdr_parsed lbdr_icmp_inner4(const struct sk_buff *skb, u32 offset,
				  struct lbdr_flow *flow);
enum lbdr_parsed lbdr_icmp_inner6(const struct sk_buff *skb, u32 offset,
				  struct lbdr_flow *flow);

#endif /* _LBDR_ICMP_INNER_H */
