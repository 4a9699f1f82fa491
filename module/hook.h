/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The netfilter hooks.
 */
#ifndef _LBDR_HOOK_H
#define _LBDR_HOOK_H

#include "flow.h"
#include "lbdr.h"

struct lbdr_service;
struct nf_hook_state;

unsigned int lbdr_hook_slow(struct lbdr_net *ln, struct sk_buff *skb,
			    const struct nf_hook_state *state);
struct lbdr_server *lbdr_hook_schedule(struct lbdr_net *ln, struct sk_buff *skb,
				       const struct lbdr_flow *flow,
				       struct lbdr_service *marked, unsigned int *verdict);
void lbdr_hook_net_init(struct lbdr_net *ln);
int lbdr_hook_register(struct lbdr_net *ln, enum lbdr_family family);
void lbdr_hook_unregister(struct lbdr_net *ln, enum lbdr_family family);
int lbdr_hook_register_marked(struct lbdr_net *ln, enum lbdr_family family);
void lbdr_hook_unregister_marked(struct lbdr_net *ln, enum lbdr_family family);
int lbdr_hook_prepare_tunnel(struct lbdr_net *ln, enum lbdr_family outer, bool anyway);
void lbdr_hook_update_tunnel(struct lbdr_net *ln);
int lbdr_hook_entry_change(struct lbdr_net *ln, u8 entry);
void lbdr_hook_entry_finish(struct lbdr_net *ln);

#endif /* _LBDR_HOOK_H */
