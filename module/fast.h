/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The fast path.
 */
#ifndef _LBDR_FAST_H
#define _LBDR_FAST_H

#include <linux/skbuff.h>

#include "lbdr.h"

struct nf_hook_state;

unsigned int lbdr_fast4(struct lbdr_net *ln, struct sk_buff *skb,
			const struct nf_hook_state *state);
unsigned int lbdr_fast6(struct lbdr_net *ln, struct sk_buff *skb,
			const struct nf_hook_state *state);

#endif /* _LBDR_FAST_H */
