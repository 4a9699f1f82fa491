// SPDX-License-Identifier: GPL-2.0
/*
 * Destination hashing: one destination address always meets the same server.
 *
 * The addresses are hashed into 256 buckets as ip_vs does it
 * (net/netfilter/ipvs/ip_vs_dh.c), and all servers of the service take the
 * buckets in turn, those of weight 0 too: who is quiesced or overloaded hands
 * his buckets to the next one in the order of adding, and all others keep
 * theirs.
 */
#include <linux/hash.h>
#include <linux/mm.h>

#include "flow.h"
#include "pool.h"
#include "sched.h"
#include "server.h"

#define DH_BITS	8
#define DH_SIZE	BIT(DH_BITS)

static int lbdr_dh_init(struct lbdr_pool *pool,
			const struct lbdr_roster *roster)
{
	u32 bucket, first, index = 0;
	u16 *buckets;

	buckets = kmalloc_array(DH_SIZE, sizeof(*buckets), GFP_KERNEL_ACCOUNT);
	if (!buckets)
		return -ENOMEM;

	/*
	 * The entries are the servers of weight above 0 in the same order: as
	 * many as were met before a server is the index of it, or of the next
	 * one of weight above 0.
	 */
	for (bucket = 0; bucket < min_t(u32, roster->n, DH_SIZE); bucket++) {
		buckets[bucket] = index < pool->n ? index : 0;
		if (roster->servers[bucket].weight)
			index++;
	}
	for (first = bucket; bucket < DH_SIZE; bucket++)
		buckets[bucket] = buckets[bucket - first];
	pool->priv = buckets;
	return 0;
}

static void lbdr_dh_exit(struct lbdr_pool *pool)
{
	kfree(pool->priv);
}

static __always_inline u32 lbdr_dh_index(const struct lbdr_pool *pool,
					 const struct lbdr_flow *flow)
{
	u32 bucket = hash_32(lbdr_sched_fold(flow, true), DH_BITS);
	const u16 *buckets = pool->priv;

	return buckets[bucket];
}

static struct lbdr_server *lbdr_dh_pick(const struct lbdr_pool *pool,
					const struct lbdr_flow *flow)
{
	return lbdr_sched_open_from(pool, lbdr_dh_index(pool, flow));
}

static struct lbdr_server *lbdr_dh_peek(const struct lbdr_pool *pool,
					const struct lbdr_flow *flow,
					struct lbdr_server **first)
{
	*first = pool->entries[lbdr_dh_index(pool, flow)].server;
	return lbdr_dh_pick(pool, flow);
}

const struct lbdr_sched_ops lbdr_sched_dh = {
	.name		= "dh",
	.summary	= "by a hash of the destination address",
	.init		= lbdr_dh_init,
	.exit		= lbdr_dh_exit,
	.pick		= lbdr_dh_pick,
	.peek		= lbdr_dh_peek,
};
