// SPDX-License-Identifier: GPL-2.0
/*
 * rr against a reference that walks the servers, and the running number by which
 * rr and wrr know whose turn it is.
 */
#include <kunit/test.h>

#include "flow.h"
#include "sched.h"
#include "scheds.h"

#define POOLS		2000
#define POOLS_LARGE	8
/* How often servers become overloaded or recover in a pool's life */
#define CHANGES		4

/**
 * struct turns - the reference
 * @member: which servers the pool was built of
 * @at: the one that the turn has come to
 */
struct turns {
	bool	member[SCHEDS_SERVERS];
	u32	at;
};

/* The turn goes on to the next member. */
static void turns_next(const struct scheds *s, struct turns *turns)
{
	do
		turns->at = (turns->at + 1) % s->n;
	while (!turns->member[turns->at]);
}

/* Member number @start has the turn, counted round and round. */
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
 * The first open one from there on, and the turn goes on behind it. Of a
 * connection that nobody takes it goes on by one.
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

/* Those of weight above 0 in turn, from wherever the service stands. */
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

/* A weight is nothing to rr. */
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

/* The turn goes on where it was when servers or weights change. */
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

		/* The same servers: a change that changes nothing. */
		scheds_build(test, rr, 0, 0);
		scheds_draw(test, 1);
		KUNIT_EXPECT_EQ(test, s->drawn[0], drawn % 4);

		/* One more, quiesced: it has no turn. */
		scheds_add(s, 0);
		scheds_build(test, rr, 0, 0);
		scheds_draw(test, 1);
		KUNIT_EXPECT_EQ(test, s->drawn[0], (drawn + 1) % 4);

		/* Another weight. */
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
 * Five servers of weight 1 have had some turns; then weights change, and perhaps a
 * sixth one comes. The turn goes on behind the one that was chosen last.
 */
static const struct rr_change rr_changes[] = {
	{ "nothing", 3, { 1, 1, 1, 1, 1 }, { 3, 4, 0, 1, 2, 3 } },
	{ "the next one leaves", 3, { 1, 1, 1, 0, 1 }, { 4, 0, 1, 2, 4, 0 } },
	{ "the last one chosen leaves", 3, { 1, 1, 0, 1, 1 }, { 3, 4, 0, 1, 3, 4 } },
	{ "one that was before leaves", 3, { 0, 1, 1, 1, 1 }, { 3, 4, 1, 2, 3, 4 } },
	{ "all but one leave", 3, { 0, 1, 0, 0, 0 }, { 1, 1, 1, 1, 1, 1 } },
	{ "a new one, in mid-cycle", 3, { 1, 1, 1, 1, 1, 1 }, { 3, 4, 5, 0, 1, 2 } },
	{ "a new one, at the cycle's end", 5, { 1, 1, 1, 1, 1, 1 }, { 5, 0, 1, 2, 3, 4 } },
	{ "a new one, before anybody was chosen", 0, { 1, 1, 1, 1, 1, 1 },
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
	/* Twice: a pool that nobody has drawn from is a link of the chain too. */
	scheds_build(test, rr, 0, 0);
	scheds_build(test, rr, 0, 0);
	for (i = 0; i < 6; i++)
		s->order[i] = change->next[i];
	scheds_expect_order(test, 6);
}

/* A running number that runs over is one of 64 bits without a sign. */
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
