// SPDX-License-Identifier: GPL-2.0
/*
 * Hash schedulers with a table of 256 buckets, hashed as by ip_vs
 * (net/netfilter/ipvs/ip_vs_dh.c, ip_vs_sh.c):
 *
 * dh   destination hashing: the server depends on the VIP. The buckets are
 *      assigned to all servers in turn, including those of weight 0. The bucket
 *      of a server that is not open goes to the next open server in the order of
 *      adding; the other buckets stay with their servers.
 * sh   source hashing: the server depends on the client's address, and with the
 *      flag port also on the client's port. The buckets are assigned to the
 *      servers in turn, to each as many in a row as its weight. ip_vs stops when
 *      the table is full, so of four servers of weight 100 the last one gets no
 *      bucket. If the table has room for fewer than SH_ROUNDS rounds, a server
 *      gets its exact share of the table here, rounded up or down; otherwise the
 *      buckets are ip_vs's, and the incomplete last round changes a share by less
 *      than 1/SH_ROUNDS.
 *      If a bucket's server is not open, none is selected, or with the flag
 *      fallback the server of another bucket.
 */
#include <linux/hash.h>
#include <linux/math64.h>
#include <linux/mm.h>

#include "flow.h"
#include "heap.h"
#include "pool.h"
#include "sched.h"
#include "server.h"

#define BUCKET_BITS	8
#define BUCKETS	BIT(BUCKET_BITS)
#define BUCKET_MASK	(BUCKETS - 1)
#define SH_ROUNDS	16

/* Allocate the buckets: indices of pool entries. */
static u16 *lbdr_hash_alloc(struct lbdr_pool *pool)
{
	pool->priv = kmalloc_array(BUCKETS, sizeof(u16), GFP_KERNEL_ACCOUNT);
	return pool->priv;
}

static void lbdr_hash_pool_exit(struct lbdr_pool *pool)
{
	kfree(pool->priv);
}

/* Fold the VIP or the client's address into 32 bits, as ip_vs does. */
static __always_inline u32 lbdr_hash_fold(const struct lbdr_flow *flow, bool vip)
{
	const __be32 *words;

	if (flow->family == LBDR_V4)
		return ntohl(vip ? flow->v4.vip : flow->v4.client);
	words = vip ? flow->v6.vip.s6_addr32 : flow->v6.client.s6_addr32;
	return ntohl(words[0] ^ words[1] ^ words[2] ^ words[3]);
}

static __always_inline struct lbdr_server *
lbdr_hash_server(const struct lbdr_pool *pool, u32 bucket)
{
	const u16 *buckets = pool->priv;

	return pool->entries[buckets[bucket]].server;
}

static int lbdr_dh_pool_init(struct lbdr_pool *pool,
			     const struct lbdr_pool_config *config)
{
	u32 bucket, first, index = 0;
	u16 *buckets;

	buckets = lbdr_hash_alloc(pool);
	if (!buckets)
		return -ENOMEM;
	/*
	 * The entries are the servers of weight above 0, in the same order.
	 * index counts the entries before a server: it is the index of that
	 * server or, for a server of weight 0, of the next entry.
	 */
	for (bucket = 0; bucket < min_t(u32, config->n, BUCKETS); bucket++) {
		buckets[bucket] = index < pool->n ? index : 0;
		if (config->servers[bucket].weight)
			index++;
	}
	for (first = bucket; bucket < BUCKETS; bucket++)
		buckets[bucket] = buckets[bucket - first];
	return 0;
}

static __always_inline u32 lbdr_dh_bucket(const struct lbdr_flow *flow)
{
	return hash_32(lbdr_hash_fold(flow, true), BUCKET_BITS);
}

static struct lbdr_server *lbdr_dh_pick(const struct lbdr_pool *pool,
					const struct lbdr_flow *flow)
{
	const u16 *buckets = pool->priv;

	return lbdr_sched_next_open(pool, buckets[lbdr_dh_bucket(flow)]);
}

static struct lbdr_server *lbdr_dh_peek(const struct lbdr_pool *pool,
					const struct lbdr_flow *flow,
					struct lbdr_server **first)
{
	*first = lbdr_hash_server(pool, lbdr_dh_bucket(flow));
	return lbdr_dh_pick(pool, flow);
}

const struct lbdr_sched_ops lbdr_sched_dh = {
	.name		= "dh",
	.needs_weight0	= true,
	.pool_init	= lbdr_dh_pool_init,
	.pool_exit	= lbdr_hash_pool_exit,
	.pick		= lbdr_dh_pick,
	.peek		= lbdr_dh_peek,
};

/*
 * Compute the shares: the exact share rounded down; the buckets left over go to the
 * servers of the largest remainders.
 */
static int lbdr_sh_shares(const struct lbdr_pool *pool, u32 sum, u16 *shares)
{
	u32 i, remainder, left = BUCKETS;
	struct lbdr_heap heap = {};

	if (lbdr_heap_alloc(&heap, pool->n))
		return -ENOMEM;
	for (i = 0; i < pool->n; i++) {
		shares[i] = div_u64_rem((u64)BUCKETS * pool->entries[i].weight,
					sum, &remainder);
		left -= shares[i];
		/* The heap's smallest key is the largest remainder. */
		lbdr_heap_push(&heap, sum - remainder, i);
	}
	while (left--)
		shares[lbdr_heap_pop(&heap)]++;
	lbdr_heap_free(&heap);
	return 0;
}

/* Assign the buckets; no server gets more than its share. */
static void lbdr_sh_assign(struct lbdr_pool *pool, u16 *shares)
{
	u32 bucket = 0, index = 0, row;
	u16 *buckets = pool->priv;

	while (bucket < BUCKETS) {
		row = min_t(u32, pool->entries[index].weight, shares[index]);
		shares[index] -= row;
		for (; row && bucket < BUCKETS; row--)
			buckets[bucket++] = index;
		index = index + 1 < pool->n ? index + 1 : 0;
	}
}

static int lbdr_sh_pool_init(struct lbdr_pool *pool,
			     const struct lbdr_pool_config *config)
{
	u32 i, sum = 0;
	int err = 0;
	u16 *shares;

	BUILD_BUG_ON((u64)LBDR_SERVER_MAX * LBDR_WEIGHT_MAX > U32_MAX);

	shares = kvmalloc_array(pool->n, sizeof(*shares), GFP_KERNEL);
	if (!shares)
		return -ENOMEM;
	for (i = 0; i < pool->n; i++) {
		sum += pool->entries[i].weight;
		shares[i] = BUCKETS;
	}
	if (sum > BUCKETS / SH_ROUNDS)
		err = lbdr_sh_shares(pool, sum, shares);
	if (!err && !lbdr_hash_alloc(pool))
		err = -ENOMEM;
	if (!err) {
		lbdr_sh_assign(pool, shares);
		err = lbdr_sched_digest(pool, pool->priv, BUCKETS);
		if (err)
			lbdr_hash_pool_exit(pool);
	}
	kvfree(shares);
	return err;
}

static __always_inline u32 lbdr_sh_bucket(const struct lbdr_pool *pool,
					  const struct lbdr_flow *flow)
{
	u32 hash = lbdr_hash_fold(flow, false);

	if (pool->sched.flags & LBDR_SCHED_FLAG_PORT)
		hash += ntohs(flow->family == LBDR_V4 ? flow->v4.ports.cport :
							flow->v6.ports.cport);
	return hash_32(hash, BUCKET_BITS);
}

static struct lbdr_server *lbdr_sh_pick(const struct lbdr_pool *pool,
					const struct lbdr_flow *flow)
{
	u32 i, bucket = lbdr_sh_bucket(pool, flow);
	struct lbdr_server *server;

	server = lbdr_hash_server(pool, bucket);
	if (likely(lbdr_server_open(server)))
		return server;
	if (!(pool->sched.flags & LBDR_SCHED_FLAG_FALLBACK))
		return NULL;

	/* ip_vs starts the search for a fallback at bucket 2 * hash too. */
	for (i = 0; i < BUCKETS; i++) {
		server = lbdr_hash_server(pool, (2 * bucket + i) & BUCKET_MASK);
		if (lbdr_server_open(server))
			return server;
	}
	return NULL;
}

static struct lbdr_server *lbdr_sh_peek(const struct lbdr_pool *pool,
					const struct lbdr_flow *flow,
					struct lbdr_server **first)
{
	*first = lbdr_hash_server(pool, lbdr_sh_bucket(pool, flow));
	return lbdr_sh_pick(pool, flow);
}

const struct lbdr_sched_ops lbdr_sched_sh = {
	.name		= "sh",
	.flags		= LBDR_SCHED_FLAG_FALLBACK | LBDR_SCHED_FLAG_PORT,
	.stateless	= true,
	.pool_init	= lbdr_sh_pool_init,
	.pool_exit	= lbdr_hash_pool_exit,
	.pick		= lbdr_sh_pick,
	.peek		= lbdr_sh_peek,
};
