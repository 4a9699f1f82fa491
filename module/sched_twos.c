// SPDX-License-Identifier: GPL-2.0
/*
 * Power of two choices: draw two servers at random, each as likely as its weight
 * says, and take the one with the fewer connections for its weight. Nearly as
 * even as wlc at the cost of two looks, however many servers there are
 * (Mitzenmacher, "The power of two choices in randomized load balancing", IEEE
 * Trans. Parallel Distrib. Syst. 12(10), 2001).
 *
 * Drawing by weight is O(1) by the alias method (Walker 1977; Vose, "A linear
 * algorithm for generating random numbers with a given distribution", IEEE
 * Trans. Softw. Eng. 17(9), 1991): n columns of equal height, each shared by at
 * most two servers, the owner below the threshold and the alias above.
 */
#include <linux/math64.h>
#include <linux/mm.h>
#include <linux/random.h>

#include "flow.h"
#include "pool.h"
#include "sched.h"
#include "server.h"

/* How often two draws of servers that are not open are repeated */
#define DRAWS_MAX	4

/*
 * The owner is the entry of the column's own index. A full column's threshold
 * would be 2^32: its alias is the owner too.
 */
struct lbdr_twos_column {
	u32	threshold;
	u32	alias;
};

/*
 * Server i's weight is to fill weight * n of columns of height `sum` each. A
 * column that its owner does not fill takes the rest from a server that has too
 * much. Both kinds are kept as stacks at the two ends of one array.
 */
static void lbdr_twos_fill(const struct lbdr_pool *pool,
			   struct lbdr_twos_column *columns, u64 *mass,
			   u32 *stack)
{
	u32 i, poor = 0, rich = pool->n, from, to;
	u64 sum = 0;

	for (i = 0; i < pool->n; i++)
		sum += pool->entries[i].weight;
	for (i = 0; i < pool->n; i++) {
		mass[i] = (u64)pool->entries[i].weight * pool->n;
		columns[i].threshold = U32_MAX;
		columns[i].alias = i;
		if (mass[i] < sum)
			stack[poor++] = i;
		else
			stack[--rich] = i;
	}
	while (poor && rich < pool->n) {
		to = stack[--poor];
		from = stack[rich];
		/* Less than 2^28 (sum) shifted by 32 */
		columns[to].threshold = div64_u64(mass[to] << 32, sum);
		columns[to].alias = from;
		mass[from] -= sum - mass[to];
		if (mass[from] < sum) {
			rich++;
			stack[poor++] = from;
		}
	}
}

static int lbdr_twos_init(struct lbdr_pool *pool,
			  const struct lbdr_roster *roster)
{
	struct lbdr_twos_column *columns;
	int err = -ENOMEM;
	u32 *stack;
	u64 *mass;

	columns = kvmalloc_array(pool->n, sizeof(*columns), GFP_KERNEL_ACCOUNT);
	mass = kvmalloc_array(pool->n, sizeof(*mass), GFP_KERNEL);
	stack = kvmalloc_array(pool->n, sizeof(*stack), GFP_KERNEL);
	if (columns && mass && stack) {
		lbdr_twos_fill(pool, columns, mass, stack);
		pool->priv = columns;
		columns = NULL;
		err = 0;
	}
	kvfree(stack);
	kvfree(mass);
	kvfree(columns);
	return err;
}

static void lbdr_twos_exit(struct lbdr_pool *pool)
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
	/* Most servers are overloaded. */
	return lbdr_sched_least(pool, lbdr_sched_load, true);
}

const struct lbdr_sched_ops lbdr_sched_twos = {
	.name		= "twos",
	.summary	= "the better of two servers drawn at random by weight",
	.init		= lbdr_twos_init,
	.exit		= lbdr_twos_exit,
	.pick		= lbdr_twos_pick,
	.random		= true,
};
