// SPDX-License-Identifier: GPL-2.0
/*
 * The schedulers that read all servers for each choice (lc, wlc, sed, nq, fo, ovf),
 * compared with references that compare every pair of servers.
 *
 * A reference defines which servers are eligible and which of two is better. The
 * expected server is the first one for which no eligible server is better.
 */
#include <kunit/test.h>
#include <linux/math64.h>

#include "flow.h"
#include "sched.h"
#include "scheds.h"
#include "server.h"

#define POOLS		3000
#define POOLS_LARGE	4
/* Random states of the counts for each pool */
#define STATES		4

static u64 load_active(const struct lbdr_server *server)
{
	return max(0, atomic_read(&server->active));
}

/* An active connection counts as 256 inactive ones; a negative load counts as 0. */
static u64 load_weighted(const struct lbdr_server *server)
{
	s64 load = 256LL * atomic_read(&server->active);

	load += atomic_read(&server->inactive);
	return load < 0 ? 0 : load;
}

/* a / b < c / d, by quotients and remainders */
static bool load_below(u64 a, u32 b, u64 c, u32 d)
{
	u32 a_rest, c_rest;
	u64 a_whole = div_u64_rem(a, b, &a_rest);
	u64 c_whole = div_u64_rem(c, d, &c_rest);

	if (a_whole != c_whole)
		return a_whole < c_whole;
	return (u64)a_rest * d < (u64)c_rest * b;
}

static bool lc_better(const struct lbdr_server *a, const struct lbdr_server *b)
{
	return load_weighted(a) < load_weighted(b);
}

static bool wlc_better(const struct lbdr_server *a, const struct lbdr_server *b)
{
	return load_below(load_weighted(a), a->weight,
			  load_weighted(b), b->weight);
}

static bool sed_better(const struct lbdr_server *a, const struct lbdr_server *b)
{
	return load_below(load_active(a) + 1, a->weight,
			  load_active(b) + 1, b->weight);
}

/* Idle servers are equal, and better than the others. */
static bool nq_better(const struct lbdr_server *a, const struct lbdr_server *b)
{
	if (!load_active(a) || !load_active(b))
		return !load_active(a) && load_active(b);
	return sed_better(a, b);
}

static bool weight_better(const struct lbdr_server *a,
			  const struct lbdr_server *b)
{
	return a->weight > b->weight;
}

static bool load_any(const struct lbdr_server *server)
{
	return true;
}

static bool ovf_eligible(const struct lbdr_server *server)
{
	return load_active(server) <= server->weight;
}

/**
 * struct reference - a scheduler and its reference
 * @name: name of the scheduler
 * @eligible: returns true if an open server may be selected
 * @better: returns true if the first server is better than the second
 */
struct reference {
	const char	*name;
	bool		(*eligible)(const struct lbdr_server *server);
	bool		(*better)(const struct lbdr_server *a,
				  const struct lbdr_server *b);
};

static const struct reference references[] = {
	{ "lc", load_any, lc_better },
	{ "wlc", load_any, wlc_better },
	{ "sed", load_any, sed_better },
	{ "nq", load_any, nq_better },
	{ "fo", load_any, weight_better },
	{ "ovf", ovf_eligible, weight_better },
};

KUNIT_ARRAY_PARAM_DESC(reference, references, name);

/**
 * struct seen - coverage of the random pools
 * @ties: selections among equal servers
 * @later: selections of a server that is not the first eligible one
 * @none: no server was eligible
 */
struct seen {
	u32	ties;
	u32	later;
	u32	none;
};

static bool is_candidate(const struct scheds *s,
			 const struct reference *reference, u32 index)
{
	return scheds_is_open(s, index) &&
	       reference->eligible(&s->servers[index]);
}

static u32 reference_pick(const struct scheds *s,
			  const struct reference *reference, struct seen *seen)
{
	u32 i, j, first = SCHEDS_NONE;

	for (i = 0; i < s->n; i++) {
		if (!is_candidate(s, reference, i))
			continue;
		first = min(first, i);
		for (j = 0; j < s->n; j++)
			if (is_candidate(s, reference, j) &&
			    reference->better(&s->servers[j], &s->servers[i]))
				break;
		if (j == s->n)
			break;
	}
	if (i == s->n) {
		seen->none++;
		return SCHEDS_NONE;
	}

	seen->later += i != first;
	for (j = i + 1; j < s->n; j++)
		if (is_candidate(s, reference, j) &&
		    !reference->better(&s->servers[i], &s->servers[j]))
			break;
	seen->ties += j < s->n;
	return i;
}

/* Random pools, weights, counts and overload. */
static void load_random_test(struct kunit *test)
{
	const struct reference *reference = test->param_value;
	const struct lbdr_sched_ops *ops;
	struct scheds *s = test->priv;
	struct seen seen = {};
	struct lbdr_flow flow;
	struct rnd_state rnd;
	u32 i, j, n, expected;

	ops = scheds_get(test, reference->name);
	lbdr_kunit_seed(test, &rnd);
	for (i = 0; i < POOLS; i++) {
		n = 1 + lbdr_kunit_below(&rnd, i < POOLS_LARGE ?
					       SCHEDS_SERVERS : SCHEDS_FEW);
		scheds_add_random(test, &rnd, n);
		scheds_build(test, ops, 0, 0);
		for (j = 0; j < STATES; j++) {
			scheds_random_counts(s, &rnd);
			scheds_random_overload(s, &rnd);
			flow = scheds_flow(s, &rnd);
			expected = reference_pick(s, reference, &seen);
			KUNIT_ASSERT_EQ_MSG(test, scheds_pick(s, &flow),
					    expected, "%u servers", n);
		}
		cond_resched();
	}
	/* Each kind must have been tested. */
	KUNIT_EXPECT_GT(test, seen.ties, POOLS / 10);
	KUNIT_EXPECT_GT(test, seen.later, POOLS / 2);
	KUNIT_EXPECT_GT(test, seen.none, POOLS / 100);
}

/* Open @n connections that stay active. */
static void load_hold(struct kunit *test, u32 n)
{
	struct scheds *s = test->priv;
	const struct lbdr_flow flow = {
		.family = s->service.key.family,
	};
	u32 i, index;

	for (i = 0; i < n; i++) {
		index = scheds_pick(s, &flow);
		KUNIT_ASSERT_LT(test, index, s->n);
		atomic_inc(&s->servers[index].active);
	}
}

/* After sum, 2 * sum, 3 * sum active connections each server has its exact share. */
static void load_hold_test(struct kunit *test)
{
	static const char *const names[] = { "lc", "wlc", "sed" };
	struct scheds *s = test->priv;
	u32 i, j, sum, round, weighted;
	struct rnd_state rnd;

	lbdr_kunit_seed(test, &rnd);
	for (i = 0; i < 60; i++) {
		weighted = i % ARRAY_SIZE(names) != 0;
		scheds_clear(test, i % LBDR_FAMILIES);
		for (sum = 0; s->n < 1 + i % 13; ) {
			scheds_add(s, 1 + lbdr_kunit_below(&rnd, 30));
			sum += weighted ? s->servers[s->n - 1].weight : 1;
		}
		scheds_build(test, scheds_get(test, names[i % ARRAY_SIZE(names)]),
			     0, 0);
		for (round = 1; round <= 3; round++) {
			load_hold(test, sum);
			for (j = 0; j < s->n; j++)
				KUNIT_ASSERT_EQ(test,
						atomic_read(&s->servers[j].active),
						weighted ? round * s->servers[j].weight :
							   round);
		}
	}
}

/* ovf fills each server to its weight plus one, highest weight first. */
static void load_overflow_test(struct kunit *test)
{
	static const u32 weights[] = { 2, 5, 1, 5 };
	static const u32 order[] = { 1, 1, 1, 1, 1, 1, 3, 3, 3, 3, 3, 3,
				     0, 0, 0, 2, 2 };
	const struct lbdr_flow flow = { .family = LBDR_V4 };
	struct scheds *s = test->priv;
	u32 i, index;

	scheds_add_all(test, weights, ARRAY_SIZE(weights));
	scheds_build(test, scheds_get(test, "ovf"), 0, 0);
	for (i = 0; i < ARRAY_SIZE(order); i++) {
		index = scheds_pick(s, &flow);
		KUNIT_ASSERT_EQ_MSG(test, index, order[i], "connection %u", i);
		atomic_inc(&s->servers[index].active);
	}
	KUNIT_EXPECT_EQ(test, scheds_pick(s, &flow), SCHEDS_NONE);
	atomic_dec(&s->servers[2].active);
	KUNIT_EXPECT_EQ(test, scheds_pick(s, &flow), 2);
}

static struct kunit_case load_cases[] = {
	KUNIT_CASE_PARAM(load_random_test, reference_gen_params),
	KUNIT_CASE(load_hold_test),
	KUNIT_CASE(load_overflow_test),
	{}
};

static struct kunit_suite load_suite = {
	.name		= "lbdr_sched_load",
	.init		= scheds_init,
	.exit		= scheds_exit,
	.test_cases	= load_cases,
};

kunit_test_suites(&load_suite);
