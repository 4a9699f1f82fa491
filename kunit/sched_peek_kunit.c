// SPDX-License-Identifier: GPL-2.0
/*
 * peek(): returns the server that pick() selects next, any number of times, and
 * has no side effects.
 */
#include <kunit/test.h>

#include "flow.h"
#include "locality.h"
#include "sched.h"
#include "scheds.h"

#define POOLS		300
#define STEPS		60
/* So few that flows repeat, and lblc's state is used */
#define FLOWS		8
#define PEEKS		5

/* The input of a run, so that it can be repeated. */
struct peek_run {
	struct rnd_state	rnd;
	struct lbdr_flow	flows[FLOWS];
	u32			picks[STEPS];
};

static u32 peek_flags(const struct lbdr_sched_ops *ops, struct rnd_state *rnd)
{
	return ops->flags & lbdr_kunit_below(rnd, 4);
}

/* Set up random servers and flows. */
static void peek_begin(struct kunit *test, const struct lbdr_sched_ops *ops,
		       struct peek_run *run, u32 seed)
{
	struct scheds *s = test->priv;
	u32 i;

	prandom_seed_state(&run->rnd, seed);
	scheds_add_random(test, &run->rnd,
			  1 + lbdr_kunit_below(&run->rnd, 12));
	/* Building mh's default table is slow. */
	scheds_build(test, ops, peek_flags(ops, &run->rnd),
		     ops->size ? LBDR_SCHED_SIZE_MIN : 0);
	scheds_random_counts(s, &run->rnd);
	for (i = 0; i < FLOWS; i++)
		run->flows[i] = scheds_flow(s, &run->rnd);
}

/* Change the servers at random; return the flow of the next connection. */
static const struct lbdr_flow *peek_step(struct scheds *s, struct peek_run *run)
{
	if (!lbdr_kunit_below(&run->rnd, 4))
		scheds_random_overload(s, &run->rnd);
	if (!lbdr_kunit_below(&run->rnd, 4))
		scheds_random_counts(s, &run->rnd);
	return &run->flows[lbdr_kunit_below(&run->rnd, FLOWS)];
}

/* Return true if the scheduler can skip its first server although it is open. */
static bool peek_skips_open(const struct lbdr_sched_ops *ops)
{
	return ops->state_alloc || !strcmp(ops->name, "ovf");
}

/* Call peek() several times: the results are equal and the cursor stays. */
static void peek_repeat(struct kunit *test, const struct lbdr_sched_ops *ops,
			const struct lbdr_flow *flow, u32 *peeked)
{
	struct scheds *s = test->priv;
	u64 cursor = atomic64_read(&s->service.cursor);
	u32 i, first, prev = SCHEDS_NONE;

	for (i = 0; i < PEEKS; i++) {
		u32 index = scheds_peek(s, flow, &first);

		if (index != SCHEDS_NONE)
			KUNIT_ASSERT_TRUE(test, scheds_is_open(s, index));
		if (i && !ops->random)
			KUNIT_ASSERT_EQ(test, index, *peeked);
		if (i)
			KUNIT_ASSERT_EQ(test, first, prev);
		*peeked = index;
		prev = first;
	}
	KUNIT_ASSERT_EQ(test, atomic64_read(&s->service.cursor), cursor);
	if (prev != SCHEDS_NONE && scheds_is_open(s, prev) &&
	    !peek_skips_open(ops))
		KUNIT_ASSERT_EQ(test, *peeked, prev);
}

/* The next pick() selects the server that peek() returned; the cursor stays. */
static void peek_next_test(struct kunit *test)
{
	const struct lbdr_sched_ops *ops = test->param_value;
	u32 i, step, seed, peeked = SCHEDS_NONE, some = 0;
	struct scheds *s = test->priv;
	const struct lbdr_flow *flow;
	struct peek_run *run;
	struct rnd_state rnd;

	run = kunit_kzalloc(test, sizeof(*run), GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, run);
	lbdr_kunit_seed(test, &rnd);
	for (i = 0; i < POOLS; i++) {
		seed = prandom_u32_state(&rnd);
		peek_begin(test, ops, run, seed);
		for (step = 0; step < STEPS; step++) {
			u32 picked;

			flow = peek_step(s, run);
			peek_repeat(test, ops, flow, &peeked);
			picked = scheds_pick(s, flow);
			if (!ops->random)
				KUNIT_ASSERT_EQ_MSG(test, picked, peeked,
						    "step %u of pool %u", step,
						    i);
			some += picked != SCHEDS_NONE;
		}
		cond_resched();
	}
	KUNIT_EXPECT_GT(test, some, POOLS);
}

/* Calls of peek() between calls of pick() do not change what pick() selects. */
static void peek_no_effect_test(struct kunit *test)
{
	const struct lbdr_sched_ops *ops = test->param_value;
	struct scheds *s = test->priv;
	const struct lbdr_flow *flow;
	struct peek_run *run;
	u32 i, step, seed, first, picked;
	struct rnd_state rnd;

	if (ops->random)
		kunit_skip(test, "%s selects at random", ops->name);
	run = kunit_kzalloc(test, sizeof(*run), GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, run);
	lbdr_kunit_seed(test, &rnd);
	for (i = 0; i < POOLS; i++) {
		seed = prandom_u32_state(&rnd);
		peek_begin(test, ops, run, seed);
		for (step = 0; step < STEPS; step++)
			run->picks[step] = scheds_pick(s, peek_step(s, run));
		peek_begin(test, ops, run, seed);
		for (step = 0; step < STEPS; step++) {
			u32 other = step % FLOWS;

			flow = peek_step(s, run);
			scheds_peek(s, flow, &first);
			scheds_peek(s, &run->flows[other], &first);
			picked = scheds_pick(s, flow);
			KUNIT_ASSERT_EQ_MSG(test, picked, run->picks[step],
					    "step %u of pool %u", step, i);
		}
		cond_resched();
	}
}

/* peek() does not add or renew a destination and does not change its set. */
static void peek_locality_test(struct kunit *test)
{
	static const char *const names[] = { "lblc", "lblcr" };
	static const u32 weights[] = { 1, 1, 1 };
	struct scheds *s = test->priv;
	struct lbdr_locality_entry *entry;
	const struct lbdr_locality_set *set;
	u32 i, first, used;
	struct lbdr_flow flow;
	struct rnd_state rnd;

	lbdr_kunit_seed(test, &rnd);
	for (i = 0; i < ARRAY_SIZE(names); i++) {
		scheds_add_all(test, weights, ARRAY_SIZE(weights));
		scheds_build(test, scheds_get(test, names[i]), 0, 0);
		flow = scheds_flow(s, &rnd);
		KUNIT_EXPECT_EQ(test, scheds_peek(s, &flow, &first), 0);
		KUNIT_EXPECT_EQ(test, first, SCHEDS_NONE);
		rcu_read_lock();
		KUNIT_EXPECT_NULL(test, lbdr_locality_peek(s->service.sched_state,
							   &flow));
		rcu_read_unlock();

		KUNIT_EXPECT_EQ(test, scheds_pick(s, &flow), 0);
		rcu_read_lock();
		entry = lbdr_locality_peek(s->service.sched_state, &flow);
		if (entry) {
			used = (u32)jiffies - 1000;
			entry->used = used;
			set = rcu_dereference(entry->set);
			/* Imbalanced: above its weight, the others are idle */
			atomic_set(&s->servers[0].active, 2);
		}
		rcu_read_unlock();
		KUNIT_ASSERT_NOT_NULL(test, entry);
		KUNIT_EXPECT_EQ(test, scheds_peek(s, &flow, &first), 1);
		KUNIT_EXPECT_EQ(test, first, 0);
		rcu_read_lock();
		KUNIT_EXPECT_EQ(test, entry->used, used);
		KUNIT_EXPECT_PTR_EQ(test, rcu_dereference(entry->set), set);
		rcu_read_unlock();
	}
}

struct peek_first {
	const char	*name;
	u32		flags;
	u32		weights[3];
	u32		first;		/* SCHEDS_NONE: depends on the flow */
	bool		other;		/* another server is selected instead */
};

/* The server that is tested first is overloaded. */
static const struct peek_first peek_firsts[] = {
	{ "rr", 0, { 1, 1, 1 }, 0, true },
	{ "wrr", 0, { 3, 1, 1 }, 0, true },
	{ "fo", 0, { 1, 9, 2 }, 1, true },
	{ "ovf", 0, { 1, 2, 9 }, 2, true },
	{ "dh", 0, { 1, 1, 1 }, SCHEDS_NONE, true },
	{ "sh", 0, { 1, 1, 1 }, SCHEDS_NONE, false },
	{ "sh", LBDR_SCHED_FLAG_FALLBACK, { 1, 1, 1 }, SCHEDS_NONE, true },
	{ "mh", 0, { 1, 1, 1 }, SCHEDS_NONE, false },
	{ "mh", LBDR_SCHED_FLAG_FALLBACK, { 1, 1, 1 }, SCHEDS_NONE, true },
};

KUNIT_ARRAY_PARAM_DESC(peek_first, peek_firsts, name);

static void peek_first_test(struct kunit *test)
{
	const struct peek_first *row = test->param_value;
	struct scheds *s = test->priv;
	u32 before, first, peeked;
	struct lbdr_flow flow;
	struct rnd_state rnd;

	lbdr_kunit_seed(test, &rnd);
	scheds_add_all(test, row->weights, ARRAY_SIZE(row->weights));
	scheds_build(test, scheds_get(test, row->name), row->flags, 0);
	flow = scheds_flow(s, &rnd);
	peeked = scheds_peek(s, &flow, &before);
	KUNIT_ASSERT_LT(test, before, ARRAY_SIZE(row->weights));
	KUNIT_EXPECT_EQ(test, peeked, before);
	if (row->first != SCHEDS_NONE)
		KUNIT_EXPECT_EQ(test, before, row->first);

	s->servers[before].overloaded = true;
	peeked = scheds_peek(s, &flow, &first);
	KUNIT_EXPECT_EQ(test, first, before);
	if (row->other) {
		KUNIT_EXPECT_LT(test, peeked, ARRAY_SIZE(row->weights));
		KUNIT_EXPECT_NE(test, peeked, before);
	} else {
		KUNIT_EXPECT_EQ(test, peeked, SCHEDS_NONE);
	}
}

/* peek() returns no server if there is none. */
static void peek_empty_test(struct kunit *test)
{
	const struct lbdr_sched_ops *ops = test->param_value;
	struct scheds *s = test->priv;
	struct lbdr_flow flow;
	struct rnd_state rnd;
	u32 n, first = 0;

	lbdr_kunit_seed(test, &rnd);
	for (n = 0; n <= 2; n++) {
		scheds_clear(test, n % LBDR_FAMILIES);
		while (s->n < n)
			scheds_add(s, 0);
		scheds_build(test, ops, 0, 0);
		flow = scheds_flow(s, &rnd);
		KUNIT_EXPECT_EQ(test, scheds_peek(s, &flow, &first),
				SCHEDS_NONE);
		KUNIT_EXPECT_EQ(test, first, SCHEDS_NONE);
	}
}

static struct kunit_case peek_cases[] = {
	KUNIT_CASE_PARAM(peek_next_test, scheds_gen_params),
	KUNIT_CASE_PARAM(peek_no_effect_test, scheds_gen_params),
	KUNIT_CASE_PARAM(peek_empty_test, scheds_gen_params),
	KUNIT_CASE_PARAM(peek_first_test, peek_first_gen_params),
	KUNIT_CASE(peek_locality_test),
	{}
};

static struct kunit_suite peek_suite = {
	.name		= "lbdr_sched_peek",
	.init		= scheds_init,
	.exit		= scheds_exit,
	.test_cases	= peek_cases,
};

kunit_test_suites(&peek_suite);
