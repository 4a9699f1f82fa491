// SPDX-License-Identifier: GPL-2.0
/*
 * Power of two choices: draw two servers at random, each with a probability
 * proportional to its weight, and select the one with less load for its weight.
 * The result is nearly as even as that of wlc, and the cost does not depend on
 * the number of servers (Mitzenmacher, "The power of two choices in randomized
 * load balancing", IEEE Trans. Parallel Distrib. Syst. 12(10), 2001).
 *
 * A weighted draw takes O(1) by the alias method (Walker 1977; Vose, "A linear
 * algorithm for generating random numbers with a given distribution", IEEE
 * Trans. Softw. Eng. 17(9), 1991): the table has n columns of equal height; the
 * owner has the part of its column below the threshold, and one other server,
 * the alias, has the part above.
 */
#include <linux/math64.h>
#include <linux/mm.h>
#include <linux/random.h>

#include "flow.h"
#include "pool.h"
#include "sched.h"
#include "server.h"

/* Attempts to draw two servers of which at least one is open */
#define DRAWS_MAX	4

/**
 * struct lbdr_twos_column - a column of the alias table
 * @threshold: in units of 2^-32 of the height. A full column would need 2^32; it
 *	has U32_MAX and its owner as the alias.
 * @alias: index of a pool entry. The owner is the entry with the column's index.
 */
struct lbdr_twos_column {
	u32	threshold;
	u32	alias;
};

/*
 * Fill the alias table. Server i must own weight * n of the area, in columns of
 * height sum. A small server does not fill its own column; the rest of the column
 * goes to a large server. @stack has both kinds: the small servers grow from its
 * start, the large ones from its end.
 */
static void lbdr_twos_fill(const struct lbdr_pool *pool,
			   struct lbdr_twos_column *columns, u64 *area,
			   u32 *stack)
{
	u32 i, n_small = 0, first_large = pool->n, large, small;
	u64 sum = 0;

	for (i = 0; i < pool->n; i++)
		sum += pool->entries[i].weight;
	for (i = 0; i < pool->n; i++) {
		area[i] = (u64)pool->entries[i].weight * pool->n;
		columns[i].threshold = U32_MAX;
		columns[i].alias = i;
		if (area[i] < sum)
			stack[n_small++] = i;
		else
			stack[--first_large] = i;
	}
	while (n_small && first_large < pool->n) {
		small = stack[--n_small];
		large = stack[first_large];
		/* area < sum < 2^28: the shift does not overflow. */
		columns[small].threshold = div64_u64(area[small] << 32, sum);
		columns[small].alias = large;
		area[large] -= sum - area[small];
		if (area[large] < sum) {
			first_large++;
			stack[n_small++] = large;
		}
	}
}

static int lbdr_twos_pool_init(struct lbdr_pool *pool,
			       const struct lbdr_pool_config *config)
{
	struct lbdr_twos_column *columns;
	int err = -ENOMEM;
	u32 *stack;
	u64 *area;

	columns = kvmalloc_array(pool->n, sizeof(*columns), GFP_KERNEL_ACCOUNT);
	area = kvmalloc_array(pool->n, sizeof(*area), GFP_KERNEL);
	stack = kvmalloc_array(pool->n, sizeof(*stack), GFP_KERNEL);
	if (columns && area && stack) {
		lbdr_twos_fill(pool, columns, area, stack);
		pool->priv = columns;
		columns = NULL;
		err = 0;
	}
	kvfree(stack);
	kvfree(area);
	kvfree(columns);
	return err;
}

static void lbdr_twos_pool_exit(struct lbdr_pool *pool)
{
	kvfree(pool->priv);
}

static const struct lbdr_pool_entry *lbdr_twos_draw(const struct lbdr_pool *pool)
{
	const struct lbdr_twos_column *columns = pool->priv;
	u32 index = reciprocal_scale(get_random_u32(), pool->n);

	if (get_random_u32() >= columns[index].threshold)
		index = columns[index].alias;
	return &pool->entries[index];
}

static struct lbdr_server *lbdr_twos_pick(const struct lbdr_pool *pool,
					  const struct lbdr_flow *flow)
{
	const struct lbdr_pool_entry *a, *b;
	int draws;

	for (draws = 0; draws < DRAWS_MAX; draws++) {
		a = lbdr_twos_draw(pool);
		b = lbdr_twos_draw(pool);
		if (unlikely(!lbdr_server_open(a->server))) {
			if (lbdr_server_open(b->server))
				return b->server;
			continue;
		}
		if (unlikely(!lbdr_server_open(b->server)) ||
		    lbdr_sched_load(a->server) * b->weight <=
		    lbdr_sched_load(b->server) * a->weight)
			return a->server;
		return b->server;
	}
	/* Most servers are not open: search all of them. */
	return lbdr_sched_least(pool, lbdr_sched_load, true);
}

const struct lbdr_sched_ops lbdr_sched_twos = {
	.name		= "twos",
	.random		= true,
	.pool_init	= lbdr_twos_pool_init,
	.pool_exit	= lbdr_twos_pool_exit,
	.pick		= lbdr_twos_pick,
};
