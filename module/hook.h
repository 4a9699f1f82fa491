/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The netfilter hooks.
 */
#ifndef _LBDR_HOOK_H
#define _LBDR_HOOK_H

#include "flow.h"
#include "lbdr.h"
#include "schedule.h"
#include "service.h"

struct nf_hook_state;

unsigned int lbdr_hook_slow(struct lbdr_net *ln, struct sk_buff *skb,
			    const struct nf_hook_state *state);
struct lbdr_server *lbdr_hook_schedule_any(struct lbdr_net *ln, struct sk_buff *skb,
					   const struct lbdr_flow *flow,
					   struct lbdr_service *marked,
					   unsigned int *verdict);
void lbdr_hook_net_init(struct lbdr_net *ln);
int lbdr_hook_register(struct lbdr_net *ln, enum lbdr_family family);
void lbdr_hook_unregister(struct lbdr_net *ln, enum lbdr_family family);
int lbdr_hook_register_marked(struct lbdr_net *ln, enum lbdr_family family);
void lbdr_hook_unregister_marked(struct lbdr_net *ln, enum lbdr_family family);
int lbdr_hook_register_tunnel(struct lbdr_net *ln, enum lbdr_family outer);
void lbdr_hook_update_tunnel(struct lbdr_net *ln);
int lbdr_hook_entry_change(struct lbdr_net *ln, u8 entry);
void lbdr_hook_entry_finish(struct lbdr_net *ln);

/**
 * lbdr_hook_schedule() - Find a server for a plain packet without a connection
 * @ln: the namespace
 * @skb: the packet
 * @flow: its flow
 * @verdict: set to the verdict when NULL is returned
 *
 * Context: rcu_read_lock() held, BH off.
 * Return: the server to send the packet to, or NULL.
 */
static __always_inline struct lbdr_server *
lbdr_hook_schedule(struct lbdr_net *ln, struct sk_buff *skb, const struct lbdr_flow *flow,
		   unsigned int *verdict)
{
	struct lbdr_service *service;

	/* Only then another hook may have its say, or the packet be split. */
	if (unlikely(READ_ONCE(ln->mark_first) ||
		     READ_ONCE(ln->entry) == LBDR_ENTRY_INPUT || skb_is_gso(skb)))
		return lbdr_hook_schedule_any(ln, skb, flow, NULL, verdict);
	service = lbdr_service_of_flow(ln, flow);
	if (unlikely(READ_ONCE(ln->n_held)))
		return lbdr_hook_schedule_any(ln, skb, flow, NULL, verdict);
	if (likely(service))
		return lbdr_schedule(ln, skb, service, flow, verdict);
	*verdict = NF_ACCEPT;
	return NULL;
}

#endif /* _LBDR_HOOK_H */
