// SPDX-License-Identifier: GPL-2.0
/*
 * The schedulers by name, and what several of them share. The list is constant;
 * a new one adds its line here and to sched.h.
 */
#include <linux/string.h>

#include "flow.h"
#include "pool.h"
#include "sched.h"
#include "server.h"

static const struct lbdr_sched_ops *const lbdr_scheds[] = {
	&lbdr_sched_rr,
	&lbdr_sched_wrr,
	&lbdr_sched_lc,
	&lbdr_sched_wlc,
	&lbdr_sched_lblc,
	&lbdr_sched_lblcr,
	&lbdr_sched_dh,
	&lbdr_sched_sh,
	&lbdr_sched_sed,
	&lbdr_sched_nq,
	&lbdr_sched_fo,
	&lbdr_sched_ovf,
	&lbdr_sched_mh,
	&lbdr_sched_twos,
};

/**
 * lbdr_sched_find() - the scheduler of a name
 * @name: what an operator calls it
 *
 * Context: any.
 * Return: the scheduler or NULL.
 */
const struct lbdr_sched_ops *lbdr_sched_find(const char *name)
{
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(lbdr_scheds); i++)
		if (!strcmp(lbdr_scheds[i]->name, name))
			return lbdr_scheds[i];
	return NULL;
}
EXPORT_SYMBOL_FOR_KUNIT(lbdr_sched_find);

/**
 * lbdr_sched_at() - walk the schedulers
 * @index: from 0
 *
 * Context: any.
 * Return: the scheduler, or NULL behind the last.
 */
const struct lbdr_sched_ops *lbdr_sched_at(unsigned int index)
{
	return index < ARRAY_SIZE(lbdr_scheds) ? lbdr_scheds[index] : NULL;
}
EXPORT_SYMBOL_FOR_KUNIT(lbdr_sched_at);

/**
 * lbdr_sched_default() - the scheduler of a service that names none
 *
 * Context: any.
 * Return: wlc, as with ipvsadm(8).
 */
const struct lbdr_sched_ops *lbdr_sched_default(void)
{
	return &lbdr_sched_wlc;
}
EXPORT_SYMBOL_FOR_KUNIT(lbdr_sched_default);

/**
 * lbdr_sched_open_from() - the next open server
 * @pool: the pool
 * @first: index of the entry to begin with
 *
 * Context: rcu_read_lock() held.
 * Return: the server of that entry if it is open, else the next one in the
 * order of adding, from the last on to the first; NULL when none is.
 */
struct lbdr_server *lbdr_sched_open_from(const struct lbdr_pool *pool,
					 u32 first)
{
	struct lbdr_server *server;
	u32 i, index = first;

	for (i = 0; i < pool->n; i++) {
		server = pool->entries[index].server;
		if (lbdr_server_open(server))
			return server;
		index = index + 1 < pool->n ? index + 1 : 0;
	}
	return NULL;
}

/**
 * lbdr_sched_heaviest() - the server of the highest weight, open or not
 * @pool: the pool
 *
 * Context: rcu_read_lock() held.
 * Return: the first one added of those.
 */
struct lbdr_server *lbdr_sched_heaviest(const struct lbdr_pool *pool)
{
	const struct lbdr_pool_entry *best = &pool->entries[0];
	u32 i;

	for (i = 1; i < pool->n; i++)
		if (pool->entries[i].weight > best->weight)
			best = &pool->entries[i];
	return best->server;
}

/**
 * lbdr_sched_fold() - an address as one number
 * @flow: the flow
 * @vip: that of the service, or else the client's
 *
 * As ip_vs folds them (net/netfilter/ipvs/ip_vs_sh.c), so that dh and sh agree
 * with it.
 *
 * Context: any.
 */
u32 lbdr_sched_fold(const struct lbdr_flow *flow, bool vip)
{
	const __be32 *words;

	if (flow->family == LBDR_V4)
		return ntohl(vip ? flow->v4.vip : flow->v4.client);
	words = vip ? flow->v6.vip.s6_addr32 : flow->v6.client.s6_addr32;
	return ntohl(words[0] ^ words[1] ^ words[2] ^ words[3]);
}
