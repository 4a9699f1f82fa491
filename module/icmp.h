/* SPDX-License-Identifier: GPL-2.0 */
/*
 * ICMP errors to clients.
 */
#ifndef _LBDR_ICMP_H
#define _LBDR_ICMP_H

#include "flow.h"
#include "lbdr.h"

bool lbdr_icmp_set_dst(struct net *net, struct sk_buff *skb, enum lbdr_family family,
		       u8 protocol);
void lbdr_icmp4(struct net *net, struct sk_buff *skb, u8 type, u8 code,
		u32 info);
void lbdr_icmp6(struct net *net, struct sk_buff *skb, u8 type, u8 code,
		u32 info);

#endif /* _LBDR_ICMP_H */
