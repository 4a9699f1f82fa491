// SPDX-License-Identifier: GPL-2.0
/*
 * Source hashing: one client address always meets the same server.
 *
 * The addresses, and with the flag `port` the client's ports, are hashed into
 * 256 buckets as ip_vs does it (net/netfilter/ipvs/ip_vs_sh.c). The servers take
 * the buckets in turn, each as many in a row as it weighs. Where a bucket's
 * server is overloaded there is none, or with the flag `fallback` the one of
 * another bucket.
 */
#include <linux/hash.h>
#include <linux/mm.h>

#include "flow.h"
#include "pool.h"
#include "sched.h"
#include "server.h"

#define SH_BITS	8
#define SH_SIZE	BIT(SH_BITS)
#define SH_MASK	(SH_SIZE - 1)

static int lbdr_sh_init(struct lbdr_pool *pool,
			const struct lbdr_roster *roster)
{
	u32 bucket, index = 0, left = pool->entries[0].weight;
	u16 *buckets;

	buckets = kmalloc_array(SH_SIZE, sizeof(*buckets), GFP_KERNEL_ACCOUNT);
	if (!buckets)
		return -ENOMEM;
	for (bucket = 0; bucket < SH_SIZE; bucket++) {
		buckets[bucket] = index;
		if (--left)
			continue;
		index = index + 1 < pool->n ? index + 1 : 0;
		left = pool->entries[index].weight;
	}
	pool->priv = buckets;
	return 0;
}

static void lbdr_sh_exit(struct lbdr_pool *pool)
{
	kfree(pool->priv);
}

static __always_inline u32 lbdr_sh_hash(const struct lbdr_pool *pool,
					const struct lbdr_flow *flow)
{
	u32 hash = lbdr_sched_fold(flow, false);

	if (pool->sched.flags & LBDR_SCHED_FLAG_PORT)
		hash += ntohs(flow->family == LBDR_V4 ? flow->v4.ports.cport :
							flow->v6.ports.cport);
	return hash_32(hash, SH_BITS);
}

static struct lbdr_server *lbdr_sh_pick(const struct lbdr_pool *pool,
					const struct lbdr_flow *flow)
{
	u32 hash = lbdr_sh_hash(pool, flow);
	const u16 *buckets = pool->priv;
	struct lbdr_server *server;
	u32 i;

	server = pool->entries[buckets[hash]].server;
	if (likely(lbdr_server_open(server)))
		return server;
	if (!(pool->sched.flags & LBDR_SCHED_FLAG_FALLBACK))
		return NULL;

	/* From bucket 2 * hash on, where ip_vs's fallback begins */
	for (i = 0; i < SH_SIZE; i++) {
		server = pool->entries[buckets[(2 * hash + i) & SH_MASK]].server;
		if (lbdr_server_open(server))
			return server;
	}
	return NULL;
}

static struct lbdr_server *lbdr_sh_peek(const struct lbdr_pool *pool,
					const struct lbdr_flow *flow,
					struct lbdr_server **first)
{
	const u16 *buckets = pool->priv;

	*first = pool->entries[buckets[lbdr_sh_hash(pool, flow)]].server;
	return lbdr_sh_pick(pool, flow);
}

const struct lbdr_sched_ops lbdr_sched_sh = {
	.name		= "sh",
	.summary	= "by a hash of the client's address",
	.flags		= LBDR_SCHED_FLAG_FALLBACK | LBDR_SCHED_FLAG_PORT,
	.stateless	= true,
	.init		= lbdr_sh_init,
	.exit		= lbdr_sh_exit,
	.pick		= lbdr_sh_pick,
	.peek		= lbdr_sh_peek,
};
