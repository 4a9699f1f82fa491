/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Reassembly of fragments.
 */
#ifndef _LBDR_FRAG_H
#define _LBDR_FRAG_H

#include <linux/skbuff.h>

#include "flow.h"
#include "lbdr.h"

struct nf_hook_state;

unsigned int lbdr_frag_reassemble(struct lbdr_net *ln, struct sk_buff *skb,
				  enum lbdr_family family,
				  const struct nf_hook_state *state);

#endif /* _LBDR_FRAG_H */
