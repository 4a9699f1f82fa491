// SPDX-License-Identifier: GPL-2.0
/*
 * Statistics of twos. The module uses its own random numbers, so that a seed
 * repeats the pool and not the selections.
 *
 * A server of weight w is drawn with the probability w / W, where W is the sum of
 * the weights. Of two draws the one with less load for its weight is selected, of
 * equal loads the first draw. So a server is selected with the probability
 *
 *	(w * w + 2 * w * worse + w * equal) / (W * W)
 *
 * where worse and equal are the sums of the weights of all other servers with more
 * load, or with the same. A server that is not open has more load than all others;
 * if both draws are not open, the draws are repeated.
 *
 * The permitted error of a count is six standard deviations, which are exceeded by
 * chance once in 500 million counts, plus SLACK, because small counts are not
 * normally distributed.
 */
#include <kunit/test.h>
#include <linux/math64.h>

#include "flow.h"
#include "sched.h"
#include "scheds.h"
#include "server.h"

#define POOLS		40
#define DRAWS		20000
#define SLACK		20
#define DEVIATIONS	6

static u64 twos_load(const struct lbdr_server *server)
{
	return 256 * (u64)atomic_read(&server->active) +
	       atomic_read(&server->inactive);
}

/* Return a value above 0 if @a has more load for its weight than @b. */
static int twos_compare(const struct lbdr_server *a, const struct lbdr_server *b)
{
	u64 left = twos_load(a) * b->weight, right = twos_load(b) * a->weight;

	return left > right ? 1 : left < right ? -1 : 0;
}

/* Count the pairs of draws, of W * W, for which server @index is selected. */
static u64 twos_pairs(const struct scheds *s, u32 index)
{
	const struct lbdr_server *mine = &s->servers[index];
	u64 wins = mine->weight;
	int order;
	u32 i;

	if (!scheds_is_open(s, index))
		return 0;
	for (i = 0; i < s->n; i++) {
		if (i == index)
			continue;
		order = twos_compare(&s->servers[i], mine);
		if (order > 0 || !scheds_is_open(s, i))
			wins += 2 * s->servers[i].weight;
		else if (order == 0)
			wins += s->servers[i].weight;
	}
	return mine->weight * wins;
}

/* Compare the counts of many selections with the probabilities. */
static void twos_expect(struct kunit *test)
{
	u64 all = 0, pairs, expected, deviation;
	struct scheds *s = test->priv;
	u32 i;

	scheds_draw(test, DRAWS);
	memset(s->counts, 0, sizeof(s->counts));
	for (i = 0; i < DRAWS; i++) {
		KUNIT_ASSERT_LT(test, s->drawn[i], s->n);
		s->counts[s->drawn[i]]++;
	}
	/* Pairs of two closed servers are repeated and therefore not counted. */
	for (i = 0; i < s->n; i++)
		all += twos_pairs(s, i);
	for (i = 0; i < s->n; i++) {
		pairs = twos_pairs(s, i);
		expected = div64_u64(DRAWS * pairs, all);
		deviation = int_sqrt64(div64_u64(expected * (all - pairs), all) + 1);
		if (!scheds_is_open(s, i))
			KUNIT_ASSERT_EQ(test, s->counts[i], 0);
		KUNIT_ASSERT_LE_MSG(test, abs_diff((u64)s->counts[i], expected),
				    DEVIATIONS * deviation + SLACK,
				    "server %u of %u, weight %u, active %d: selected %u times of %u, expected %llu",
				    i, s->n, s->servers[i].weight,
				    atomic_read(&s->servers[i].active),
				    s->counts[i], DRAWS, expected);
	}
}

static void twos_add(struct scheds *s, struct rnd_state *rnd, u32 max)
{
	struct lbdr_server *server = scheds_add(s, 1 + lbdr_kunit_below(rnd, max));

	atomic_set(&server->active, lbdr_kunit_below(rnd, 5));
	atomic_set(&server->inactive, lbdr_kunit_below(rnd, 2) * 256);
}

/* Random weights and counts, few servers and many. */
static void twos_random_test(struct kunit *test)
{
	const struct lbdr_sched_ops *twos = scheds_get(test, "twos");
	struct scheds *s = test->priv;
	struct rnd_state rnd;
	u32 i, n;

	lbdr_kunit_seed(test, &rnd);
	for (i = 0; i < POOLS; i++) {
		n = 1 + lbdr_kunit_below(&rnd, i % 4 ? 6 : 200);
		scheds_clear(test, i % LBDR_FAMILIES);
		while (s->n < n)
			twos_add(s, &rnd, i % 2 ? 5 : 1000);
		scheds_build(test, twos, 0, 0);
		twos_expect(test);
	}
}

/* Idle servers: tests the probabilities of the draws. */
static void twos_idle_test(struct kunit *test)
{
	const struct lbdr_sched_ops *twos = scheds_get(test, "twos");
	struct scheds *s = test->priv;
	struct rnd_state rnd;
	u32 i, n;

	lbdr_kunit_seed(test, &rnd);
	for (i = 0; i < POOLS; i++) {
		n = 1 + lbdr_kunit_below(&rnd, 20);
		scheds_clear(test, i % LBDR_FAMILIES);
		while (s->n < n)
			scheds_add(s, 1 + lbdr_kunit_below(&rnd, 1 + i % 50));
		scheds_build(test, twos, 0, 0);
		twos_expect(test);
	}
}

/*
 * Some servers are overloaded, with less than a quarter of the weights, so that
 * the draws practically always find an open server.
 */
static void twos_overload_test(struct kunit *test)
{
	const struct lbdr_sched_ops *twos = scheds_get(test, "twos");
	u32 i, n, sum, closed, overloaded = 0;
	struct scheds *s = test->priv;
	struct rnd_state rnd;

	lbdr_kunit_seed(test, &rnd);
	for (i = 0; i < POOLS; i++) {
		n = 4 + lbdr_kunit_below(&rnd, 20);
		scheds_clear(test, i % LBDR_FAMILIES);
		for (sum = 0; s->n < n; sum += s->servers[s->n - 1].weight)
			twos_add(s, &rnd, 10);
		scheds_build(test, twos, 0, 0);
		for (closed = 0; n--; ) {
			closed += s->servers[n].weight;
			if (4 * closed >= sum)
				break;
			s->servers[n].overloaded = true;
			overloaded++;
		}
		twos_expect(test);
	}
	KUNIT_EXPECT_GT(test, overloaded, POOLS);
}

/* All servers except one of a low weight are overloaded: it is selected. */
static void twos_last_test(struct kunit *test)
{
	const struct lbdr_sched_ops *twos = scheds_get(test, "twos");
	const struct lbdr_flow flow = { .family = LBDR_V6 };
	struct scheds *s = test->priv;
	u32 i, n, last;

	for (n = 1; n <= 10; n++) {
		for (last = 0; last < n; last++) {
			scheds_clear(test, LBDR_V6);
			for (i = 0; i < n; i++)
				scheds_add(s, i == last ? 1 : 1000)->overloaded = i != last;
			scheds_build(test, twos, 0, 0);
			for (i = 0; i < 20; i++)
				KUNIT_ASSERT_EQ(test, scheds_pick(s, &flow), last);
		}
	}
}

static struct kunit_case twos_cases[] = {
	KUNIT_CASE(twos_idle_test),
	KUNIT_CASE(twos_random_test),
	KUNIT_CASE(twos_overload_test),
	KUNIT_CASE(twos_last_test),
	{}
};

static struct kunit_suite twos_suite = {
	.name		= "lbdr_sched_twos",
	.init		= scheds_init,
	.exit		= scheds_exit,
	.test_cases	= twos_cases,
};

kunit_test_suites(&twos_suite);
