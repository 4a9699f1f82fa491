/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Answers to clients whose connection is refused.
 */
#ifndef _LBDR_REFUSE_H
#define _LBDR_REFUSE_H

#include "flow.h"
#include "lbdr.h"

u8 lbdr_refuse_type(const struct lbdr_flow *flow, u8 refuse);
void lbdr_refuse(struct lbdr_net *ln, struct sk_buff *skb,
		 const struct lbdr_flow *flow, u8 refuse);

#endif /* _LBDR_REFUSE_H */
