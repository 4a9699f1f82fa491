// SPDX-License-Identifier: GPL-2.0
/*
 * Weighted round robin: the servers in turn, each as often as its weight says.
 *
 * Theory of operation. Divide the weights w[i] by their greatest common
 * divisor; then a cycle has W = sum of w[i] slots, and server i owns w[i] of
 * them. A table of the cycle is built once for each pool, and picking is a look
 * into it at the service's running number, modulo W: no lock, no loop.
 *
 * How the slots are dealt out matters: a server of weight 100 beside one of
 * weight 1 must not get its hundred connections in a row. After t slots server
 * i's ideal share is t * w[i] / W. Its k-th slot (from 0) is due not before
 * floor(k * W / w[i]) and must come before ceil((k + 1) * W / w[i]). Taking at
 * every slot, of the servers that are due, the one with the earliest deadline
 * meets all deadlines, since the demands add up to exactly one slot at a time
 * (Baruah, Cohen, Plaxton and Varvel, "Proportionate progress: a notion of
 * fairness in resource allocation", Algorithmica 15, 1996, for one resource;
 * earliest deadline first is optimal there). So every server is within one
 * turn of its ideal share after every prefix of the cycle. Among equal
 * deadlines the server that was added first comes first.
 *
 * Servers wait for their turn to be due, and then by deadline: O(W log n) to
 * build.
 *
 * Where W is larger than LBDR_WRR_SLOTS_MAX, the weights are scaled down to it,
 * rounded to the nearest and to 1 at least: a server's share of the table is off
 * by at most half a slot, or is one slot where it would be less than half. The
 * rounding up can make the table longer, by one slot for each server at most.
 */
#include <linux/gcd.h>
#include <linux/hash.h>
#include <linux/math64.h>
#include <linux/mm.h>

#include "flow.h"
#include "pool.h"
#include "sched.h"
#include "server.h"

/* Slots in a row that are passed over */
#define PASS_MAX	64

/* The cycle: which entry of the pool has each slot. */
struct lbdr_wrr {
	u32	len;
	u16	slots[];
};

/* A server while the cycle is being dealt out. */
struct lbdr_wrr_claim {
	u32	weight;
	u32	taken;
};

/* Reduces or scales the pool's weights into @claims; returns their sum. */
static u32 lbdr_wrr_reduce(const struct lbdr_pool *pool,
			   struct lbdr_wrr_claim *claims)
{
	unsigned long div = 0;
	u64 sum = 0, len = 0;
	u32 i;

	for (i = 0; i < pool->n; i++) {
		div = gcd(div, pool->entries[i].weight);
		sum += pool->entries[i].weight;
	}
	sum = div_u64(sum, div);

	for (i = 0; i < pool->n; i++) {
		u64 weight = pool->entries[i].weight / div;

		if (sum > LBDR_WRR_SLOTS_MAX)
			weight = max_t(u64, 1,
				       DIV_ROUND_CLOSEST_ULL(weight * LBDR_WRR_SLOTS_MAX,
							     sum));
		claims[i].weight = weight;
		len += weight;
	}
	return len;
}

static void lbdr_wrr_deal(struct lbdr_wrr *wrr, struct lbdr_wrr_claim *claims,
			  struct lbdr_turns *waiting, struct lbdr_turns *due,
			  u32 n)
{
	struct lbdr_wrr_claim *claim;
	u64 span = wrr->len;
	u32 slot, i;

	for (i = 0; i < n; i++)
		lbdr_turns_add(waiting, i, 0);

	for (slot = 0; slot < wrr->len; slot++) {
		while (waiting->n && waiting->heap[0].when <= slot) {
			i = lbdr_turns_take(waiting).index;
			claim = &claims[i];
			lbdr_turns_add(due, i,
				       div_u64((claim->taken + 1) * span +
					       claim->weight - 1,
					       claim->weight));
		}
		i = lbdr_turns_take(due).index;
		claim = &claims[i];
		wrr->slots[slot] = i;
		if (++claim->taken < claim->weight)
			lbdr_turns_add(waiting, i,
				       div_u64(claim->taken * span,
					       claim->weight));
	}
}

static int lbdr_wrr_init(struct lbdr_pool *pool,
			 const struct lbdr_roster *roster)
{
	struct lbdr_turns waiting = {}, due = {};
	struct lbdr_wrr_claim *claims;
	struct lbdr_wrr *wrr;
	int err = -ENOMEM;
	u32 len;

	claims = kvcalloc(pool->n, sizeof(*claims), GFP_KERNEL);
	if (!claims || lbdr_turns_alloc(&waiting, pool->n) ||
	    lbdr_turns_alloc(&due, pool->n))
		goto out;

	len = lbdr_wrr_reduce(pool, claims);
	wrr = kvmalloc(struct_size(wrr, slots, len), GFP_KERNEL_ACCOUNT);
	if (!wrr)
		goto out;
	wrr->len = len;
	lbdr_wrr_deal(wrr, claims, &waiting, &due, pool->n);
	pool->priv = wrr;
	err = 0;
out:
	lbdr_turns_free(&due);
	lbdr_turns_free(&waiting);
	kvfree(claims);
	return err;
}

static void lbdr_wrr_exit(struct lbdr_pool *pool)
{
	kvfree(pool->priv);
}

/*
 * Most of the cycle belongs to servers that are not open. The open ones share
 * the connections by weight: multiples of the golden ratio, as hash_64() makes
 * them, fall evenly on what they own together.
 */
static struct lbdr_server *lbdr_wrr_pick_sparse(const struct lbdr_pool *pool,
						u64 turn)
{
	const struct lbdr_pool_entry *entry;
	u32 i, at, sum = 0;

	BUILD_BUG_ON((u64)LBDR_SERVER_MAX * LBDR_WEIGHT_MAX > U32_MAX);

	for (i = 0; i < pool->n; i++)
		if (lbdr_server_open(pool->entries[i].server))
			sum += pool->entries[i].weight;
	at = reciprocal_scale(hash_64(turn, 32), sum);
	for (i = 0; i < pool->n; i++) {
		entry = &pool->entries[i];
		if (!lbdr_server_open(entry->server))
			continue;
		if (at < entry->weight)
			return entry->server;
		at -= entry->weight;
	}
	/* None is open, or one has closed since they were counted. */
	return lbdr_sched_open_from(pool, 0);
}

static __always_inline u32 lbdr_wrr_slot(const struct lbdr_wrr *wrr, u64 turn)
{
	u32 slot;

	div_u64_rem(turn, wrr->len, &slot);
	return slot;
}

/* Slots of servers that are not open are passed over: how many were. */
static __always_inline struct lbdr_server *
lbdr_wrr_find(const struct lbdr_pool *pool, u64 turn, u32 slot, u32 *skipped)
{
	const struct lbdr_wrr *wrr = pool->priv;
	struct lbdr_server *server;

	for (*skipped = 0; *skipped < PASS_MAX; ++*skipped) {
		server = pool->entries[wrr->slots[slot]].server;
		if (likely(lbdr_server_open(server)))
			return server;
		slot = slot + 1 < wrr->len ? slot + 1 : 0;
	}
	/* Which is no matter of slots. */
	*skipped = 0;
	return lbdr_wrr_pick_sparse(pool, turn);
}

static struct lbdr_server *lbdr_wrr_pick(const struct lbdr_pool *pool,
					 const struct lbdr_flow *flow)
{
	u64 turn = atomic64_fetch_inc(pool->cursor);
	struct lbdr_server *server;
	u32 skipped;

	server = lbdr_wrr_find(pool, turn, lbdr_wrr_slot(pool->priv, turn),
			       &skipped);
	if (unlikely(skipped))
		atomic64_add(skipped, pool->cursor);
	return server;
}

static struct lbdr_server *lbdr_wrr_peek(const struct lbdr_pool *pool,
					 const struct lbdr_flow *flow,
					 struct lbdr_server **first)
{
	const struct lbdr_wrr *wrr = pool->priv;
	u64 turn = atomic64_read(pool->cursor);
	u32 skipped, slot = lbdr_wrr_slot(wrr, turn);

	*first = pool->entries[wrr->slots[slot]].server;
	return lbdr_wrr_find(pool, turn, slot, &skipped);
}

const struct lbdr_sched_ops lbdr_sched_wrr = {
	.name		= "wrr",
	.summary	= "the servers in turn, each as often as its weight says",
	.init		= lbdr_wrr_init,
	.exit		= lbdr_wrr_exit,
	.pick		= lbdr_wrr_pick,
	.peek		= lbdr_wrr_peek,
};
