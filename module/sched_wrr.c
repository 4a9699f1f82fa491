// SPDX-License-Identifier: GPL-2.0
/*
 * Weighted round robin: the servers in turn, each as often as its weight.
 *
 * Theory of operation
 *
 * 1. Divide the weights w[i] by their greatest common divisor. A cycle has W =
 *    sum of w[i] slots; server i owns w[i] of them. A table of one cycle is built
 *    once for each pool. pick() reads the slot at the service's cursor modulo W:
 *    no lock, no loop.
 *
 * 2. The slots of a server must be spread over the cycle: a server of weight 100
 *    beside one of weight 1 must not get 100 connections in a row. After t slots
 *    the ideal share of server i is t * w[i] / W. Its k-th slot (from 0) is
 *    released at floor(k * W / w[i]) and has the deadline
 *    ceil((k + 1) * W / w[i]).
 *
 * 3. Each slot goes to the released server with the earliest deadline (EDF). This
 *    meets all deadlines, because the demands add up to exactly one slot at a
 *    time (Baruah, Cohen, Plaxton and Varvel, "Proportionate progress: a notion
 *    of fairness in resource allocation", Algorithmica 15, 1996, for one
 *    resource, where EDF is optimal). Therefore every server is within one slot
 *    of its ideal share after every prefix of the cycle. Of equal deadlines the
 *    server added first is selected.
 *
 * 4. Two heaps order the servers: one by release time, one by deadline. Building
 *    the table takes O(W log n).
 *
 * 5. If W exceeds LBDR_WRR_SLOTS_MAX, the weights are scaled down to that sum,
 *    rounded to the nearest integer and to 1 at least. A server with k slots has up
 *    to 1/(2k) of its share too few or too many by that. A share below half a slot
 *    becomes one slot, which can be many times the share: 4 times for the weight 1
 *    beside 65,535. The table becomes longer by these slots, so the others' shares of
 *    it shrink: beside 255 servers of weight 1, that of 65,535 is 98.5 instead of
 *    99.6 % of the table.
 */
#include <linux/gcd.h>
#include <linux/hash.h>
#include <linux/math64.h>
#include <linux/mm.h>

#include "flow.h"
#include "heap.h"
#include "pool.h"
#include "sched.h"
#include "sched_turn.h"
#include "sched_wrr.h"
#include "server.h"

/* Limit of consecutive slots that pick() skips */
#define SKIP_MAX	64

/**
 * struct lbdr_wrr_task - a server while the cycle is built
 * @weight: the reduced weight: the number of slots it gets
 * @done: number of slots it has got
 */
struct lbdr_wrr_task {
	u32	weight;
	u32	done;
};

/* Reduce or scale the pool's weights into @tasks; return their sum. */
static u32 lbdr_wrr_reduce(const struct lbdr_pool *pool,
			   struct lbdr_wrr_task *tasks)
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
		tasks[i].weight = weight;
		len += weight;
	}
	return len;
}

/* Assign the slots; @waiting is keyed by release time, @ready by deadline. */
static void lbdr_wrr_fill(struct lbdr_wrr *wrr, struct lbdr_wrr_task *tasks,
			  struct lbdr_heap *waiting, struct lbdr_heap *ready,
			  u32 n)
{
	struct lbdr_wrr_task *task;
	u64 len = wrr->len;
	u32 slot, i;

	for (i = 0; i < n; i++)
		lbdr_heap_push(waiting, 0, i);

	for (slot = 0; slot < wrr->len; slot++) {
		while (waiting->n && lbdr_heap_key(waiting) <= slot) {
			i = lbdr_heap_pop(waiting);
			task = &tasks[i];
			lbdr_heap_push(ready,
				       div_u64((task->done + 1) * len +
					       task->weight - 1, task->weight),
				       i);
		}
		i = lbdr_heap_pop(ready);
		task = &tasks[i];
		wrr->slots[slot] = i;
		if (++task->done < task->weight)
			lbdr_heap_push(waiting,
				       div_u64(task->done * len, task->weight),
				       i);
	}
}

static int lbdr_wrr_pool_init(struct lbdr_pool *pool,
			      const struct lbdr_pool_config *config)
{
	struct lbdr_heap waiting = {}, ready = {};
	struct lbdr_wrr_task *tasks;
	struct lbdr_wrr *wrr;
	int err = -ENOMEM;
	u32 len;

	tasks = kvcalloc(pool->n, sizeof(*tasks), GFP_KERNEL);
	if (!tasks || lbdr_heap_alloc(&waiting, pool->n) ||
	    lbdr_heap_alloc(&ready, pool->n))
		goto out;

	len = lbdr_wrr_reduce(pool, tasks);
	wrr = kvmalloc(struct_size(wrr, slots, len), GFP_KERNEL_ACCOUNT);
	if (!wrr)
		goto out;
	wrr->len = len;
	lbdr_wrr_fill(wrr, tasks, &waiting, &ready, pool->n);
	pool->priv = wrr;
	err = 0;
out:
	lbdr_heap_free(&ready);
	lbdr_heap_free(&waiting);
	kvfree(tasks);
	return err;
}

static void lbdr_wrr_pool_exit(struct lbdr_pool *pool)
{
	kvfree(pool->priv);
}

/*
 * Find a server when most of the cycle belongs to servers that are not open.
 * The open servers share the connections by weight: multiples of the golden
 * ratio, as hash_64() computes them, are spread evenly over the sum of their
 * weights.
 */
static struct lbdr_server *lbdr_wrr_find_sparse(const struct lbdr_pool *pool,
						u64 turn)
{
	const struct lbdr_pool_entry *entry;
	u32 i, pos, sum = 0;

	BUILD_BUG_ON((u64)LBDR_SERVER_MAX * LBDR_WEIGHT_MAX > U32_MAX);

	for (i = 0; i < pool->n; i++)
		if (lbdr_server_open(pool->entries[i].server))
			sum += pool->entries[i].weight;
	pos = reciprocal_scale(hash_64(turn, 32), sum);
	for (i = 0; i < pool->n; i++) {
		entry = &pool->entries[i];
		if (!lbdr_server_open(entry->server))
			continue;
		if (pos < entry->weight)
			return entry->server;
		pos -= entry->weight;
	}
	/* No server is open, or one closed since the weights were added up. */
	return lbdr_sched_next_open(pool, 0);
}

static __always_inline struct lbdr_server *
lbdr_wrr_find(const struct lbdr_pool *pool, u64 turn,
	      struct lbdr_server **first, u32 *skipped)
{
	const struct lbdr_wrr *wrr = pool->priv;
	struct lbdr_server *server;
	u32 slot;

	div_u64_rem(turn, wrr->len, &slot);
	*first = pool->entries[wrr->slots[slot]].server;
	for (*skipped = 0; *skipped < SKIP_MAX; ++*skipped) {
		server = pool->entries[wrr->slots[slot]].server;
		if (likely(lbdr_server_open(server)))
			return server;
		slot = slot + 1 < wrr->len ? slot + 1 : 0;
	}
	/* The choice below uses no slot, therefore no turn is lost. */
	*skipped = 0;
	return lbdr_wrr_find_sparse(pool, turn);
}

static struct lbdr_server *lbdr_wrr_pick(const struct lbdr_pool *pool,
					 const struct lbdr_flow *flow)
{
	return lbdr_turn_pick(pool, lbdr_wrr_find);
}

static struct lbdr_server *lbdr_wrr_peek(const struct lbdr_pool *pool,
					 const struct lbdr_flow *flow,
					 struct lbdr_server **first)
{
	return lbdr_turn_peek(pool, first, lbdr_wrr_find);
}

const struct lbdr_sched_ops lbdr_sched_wrr = {
	.name		= "wrr",
	.pool_init	= lbdr_wrr_pool_init,
	.pool_exit	= lbdr_wrr_pool_exit,
	.pick		= lbdr_wrr_pick,
	.peek		= lbdr_wrr_peek,
};
