// SPDX-License-Identifier: GPL-2.0
/*
 * rr compared with a reference that walks the servers, and the cursor that numbers
 * the turns of rr and wrr.
 */
#include <kunit/test.h>

#include "flow.h"
#include "sched.h"
#include "scheds.h"

#define POOLS		2000
#define POOLS_LARGE	8
/* Changes of overload for each pool */
#define CHANGES		4

/**
 * struct turns - the reference
 * @member: for each server, true if it is in the pool
 * @at: the server of the next turn
 */
struct turns {
	bool	member[SCHEDS_SERVERS];
	u32	at;
};

/* Advance to the next member. */
static void turns_next(const struct scheds *s, struct turns *turns)
{
	do
		turns->at = (turns->at + 1) % s->n;
	while (!turns->member[turns->at]);
}

/* Start with member number @start, modulo the number of members. */
static void turns_begin(const struct scheds *s, struct turns *turns, u32 start)
{
	u32 i;

	for (i = 0; i < s->n; i++)
		turns->member[i] = s->servers[i].weight > 0;
	turns->at = s->n - 1;
	for (i = 0; i <= start; i++)
		turns_next(s, turns);
}

/*
 * Select the first open member from the next turn on, and advance past it. If no
 * member is open, advance by one turn.
 */
static u32 turns_pick(const struct scheds *s, struct turns *turns)
{
	u32 i, chosen, first = turns->at;

	for (i = 0; i < s->n; i++) {
		chosen = turns->at;
		turns_next(s, turns);
		if (scheds_is_open(s, chosen))
			return chosen;
		if (turns->at == first)
			break;
	}
	turns_next(s, turns);
	return SCHEDS_NONE;
}

static void rr_expect(struct kunit *test, struct turns *turns, u32 n)
{
	struct scheds *s = test->priv;
	u32 i;

	for (i = 0; i < n; i++)
		s->order[i] = turns_pick(s, turns);
	scheds_expect_order(test, n);
}

/* Random pools and overload, from any value of the cursor. */
static void rr_random_test(struct kunit *test)
{
	const struct lbdr_sched_ops *rr = scheds_get(test, "rr");
	struct scheds *s = test->priv;
	u32 i, n, start, change;
	struct rnd_state rnd;
	struct turns *turns;

	turns = kunit_kzalloc(test, sizeof(*turns), GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, turns);
	lbdr_kunit_seed(test, &rnd);
	for (i = 0; i < POOLS; i++) {
		n = 1 + lbdr_kunit_below(&rnd, i < POOLS_LARGE ?
					       SCHEDS_SERVERS : SCHEDS_FEW);
		scheds_add_random(test, &rnd, n);
		scheds_build(test, rr, 0, 0);
		if (!scheds_pool(s)->n)
			continue;
		start = i % 2 ? lbdr_kunit_below(&rnd, 1 << 12) : 0;
		atomic64_set(&s->service.cursor, start);
		turns_begin(s, turns, start);
		for (change = 0; change < CHANGES; change++) {
			rr_expect(test, turns, 1 + lbdr_kunit_below(&rnd, n));
			scheds_random_overload(s, &rnd);
		}
		rr_expect(test, turns, 2 * n);
		cond_resched();
	}
}

/* rr ignores the weights. */
static void rr_weight_test(struct kunit *test)
{
	static const u32 weights[] = { 1, 10, LBDR_WEIGHT_MAX, 2 };
	struct scheds *s = test->priv;
	u32 i;

	scheds_add_all(test, weights, ARRAY_SIZE(weights));
	scheds_build(test, scheds_get(test, "rr"), 0, 0);
	for (i = 0; i < 12; i++)
		s->order[i] = i % ARRAY_SIZE(weights);
	scheds_expect_order(test, 12);
}

/* The turns continue in a new pool. */
static void rr_rebuild_test(struct kunit *test)
{
	const struct lbdr_sched_ops *rr = scheds_get(test, "rr");
	struct scheds *s = test->priv;
	u32 drawn;

	for (drawn = 0; drawn < 8; drawn++) {
		scheds_clear(test, LBDR_V4);
		while (s->n < 4)
			scheds_add(s, 1);
		scheds_build(test, rr, 0, 0);
		scheds_draw(test, drawn);

		/* The same servers. */
		scheds_build(test, rr, 0, 0);
		scheds_draw(test, 1);
		KUNIT_EXPECT_EQ(test, s->drawn[0], drawn % 4);

		/* A new server of weight 0 has no turn. */
		scheds_add(s, 0);
		scheds_build(test, rr, 0, 0);
		scheds_draw(test, 1);
		KUNIT_EXPECT_EQ(test, s->drawn[0], (drawn + 1) % 4);

		/* A new weight. */
		s->servers[2].weight = 3;
		scheds_build(test, rr, 0, 0);
		scheds_draw(test, 1);
		KUNIT_EXPECT_EQ(test, s->drawn[0], (drawn + 2) % 4);
		KUNIT_EXPECT_EQ(test, atomic64_read(&s->service.cursor),
				drawn + 3);
	}
}

struct rr_change {
	const char	*what;
	u32		drawn;
	u32		weights[6];
	u32		next[6];
};

/*
 * Five servers of weight 1 have had @drawn turns; then the weights change to the
 * first five @weights, and a sixth server is added if its weight is above 0. The
 * turns continue behind the server that was selected last.
 */
static const struct rr_change rr_changes[] = {
	{ "nothing", 3, { 1, 1, 1, 1, 1 }, { 3, 4, 0, 1, 2, 3 } },
	{ "the next server gets weight 0", 3, { 1, 1, 1, 0, 1 }, { 4, 0, 1, 2, 4, 0 } },
	{ "the server selected last gets weight 0", 3, { 1, 1, 0, 1, 1 }, { 3, 4, 0, 1, 3, 4 } },
	{ "an earlier server gets weight 0", 3, { 0, 1, 1, 1, 1 }, { 3, 4, 1, 2, 3, 4 } },
	{ "all servers except one get weight 0", 3, { 0, 1, 0, 0, 0 }, { 1, 1, 1, 1, 1, 1 } },
	{ "a new server in mid-cycle", 3, { 1, 1, 1, 1, 1, 1 }, { 3, 4, 5, 0, 1, 2 } },
	{ "a new server at the end of the cycle", 5, { 1, 1, 1, 1, 1, 1 }, { 5, 0, 1, 2, 3, 4 } },
	{ "a new server before the first turn", 0, { 1, 1, 1, 1, 1, 1 },
	  { 0, 1, 2, 3, 4, 5 } },
};

KUNIT_ARRAY_PARAM_DESC(rr_change, rr_changes, what);

static void rr_change_test(struct kunit *test)
{
	const struct lbdr_sched_ops *rr = scheds_get(test, "rr");
	const struct rr_change *change = test->param_value;
	struct scheds *s = test->priv;
	u32 i;

	scheds_clear(test, LBDR_V4);
	while (s->n < 5)
		scheds_add(s, 1);
	scheds_build(test, rr, 0, 0);
	scheds_draw(test, change->drawn);
	for (i = 0; i < 5; i++)
		s->servers[i].weight = change->weights[i];
	if (change->weights[5])
		scheds_add(s, 1);
	/* Twice: the position passes through an unused pool. */
	scheds_build(test, rr, 0, 0);
	scheds_build(test, rr, 0, 0);
	for (i = 0; i < 6; i++)
		s->order[i] = change->next[i];
	scheds_expect_order(test, 6);
}

/* The cursor is unsigned and wraps at 2^64. */
static void rr_wrap_test(struct kunit *test)
{
	static const char *const names[] = { "rr", "wrr" };
	static const u64 cursors[] = { S64_MAX - 10, U64_MAX - 10 };
	struct scheds *s = test->priv;
	u32 i, j, t, turn;

	for (i = 0; i < ARRAY_SIZE(names); i++) {
		scheds_clear(test, LBDR_V6);
		while (s->n < 7)
			scheds_add(s, 1);
		scheds_build(test, scheds_get(test, names[i]), 0, 0);
		for (j = 0; j < ARRAY_SIZE(cursors); j++) {
			atomic64_set(&s->service.cursor, cursors[j]);
			scheds_draw(test, 20);
			for (t = 0; t < 20; t++) {
				div_u64_rem(cursors[j] + t, 7, &turn);
				KUNIT_EXPECT_EQ(test, s->drawn[t], turn);
			}
		}
	}
}

static struct kunit_case rr_cases[] = {
	KUNIT_CASE(rr_weight_test),
	KUNIT_CASE(rr_random_test),
	KUNIT_CASE(rr_rebuild_test),
	KUNIT_CASE_PARAM(rr_change_test, rr_change_gen_params),
	KUNIT_CASE(rr_wrap_test),
	{}
};

static struct kunit_suite rr_suite = {
	.name		= "lbdr_sched_rr",
	.init		= scheds_init,
	.exit		= scheds_exit,
	.test_cases	= rr_cases,
};

kunit_test_suites(&rr_suite);
