/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Functions of other kernel modules, by symbol_request().
 */
#ifndef _LBDR_SYMBOLS_H
#define _LBDR_SYMBOLS_H

#include "flow.h"
#include "lbdr.h"

int lbdr_symbols_get_defrag(enum lbdr_family family);
int lbdr_symbols_get_reset(void);
void lbdr_symbols_put_all(void);
int lbdr_defrag_enable(struct net *net, enum lbdr_family family);
void lbdr_defrag_disable(struct net *net, enum lbdr_family family);
int lbdr_defrag_gather6(struct net *net, struct sk_buff *skb, u32 user);
void lbdr_send_reset(struct net *net, struct sk_buff *skb, enum lbdr_family family);

#endif /* _LBDR_SYMBOLS_H */
