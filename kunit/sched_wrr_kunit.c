// SPDX-License-Identifier: GPL-2.0
/*
 * wrr against a cycle that is dealt out slowly: who has which slot, what each
 * has of a whole cycle and of any beginning of it, and what becomes of the slots
 * of servers that are overloaded.
 */
#include <kunit/test.h>
#include <linux/gcd.h>

#include "flow.h"
#include "sched.h"
#include "scheds.h"

/* Of each kind of random pools */
#define POOLS		2000
#define POOLS_LARGE	8
#define GIANTS		20
/* So many slots in a row are passed over one by one. */
#define LONG_RUN	63

/*
 * Makes the weights as small as sched_wrr.c says: without what they have in
 * common, and to scale where they are too many. Returns the length of a cycle;
 * @cycle is what it was before the scaling.
 */
static u32 wrr_weights(struct scheds *s, u32 *divisor, u64 *cycle)
{
	u32 len = 0, i;
	u64 scaled;

	*divisor = 0;
	*cycle = 0;
	for (i = 0; i < s->n; i++) {
		*divisor = gcd(*divisor, s->servers[i].weight);
		*cycle += s->servers[i].weight;
	}
	*cycle = div_u64(*cycle, *divisor);

	for (i = 0; i < s->n; i++) {
		s->weights[i] = s->servers[i].weight / *divisor;
		if (s->weights[i] && *cycle > LBDR_WRR_SLOTS_MAX) {
			/* To the nearest; a half counts as a whole. */
			scaled = 2ull * LBDR_WRR_SLOTS_MAX * s->weights[i];
			scaled = div64_u64(scaled + *cycle, 2 * *cycle);
			s->weights[i] = max_t(u32, scaled, 1);
		}
		len += s->weights[i];
	}
	return len;
}

/*
 * Deals out a cycle of @len slots: each to the one whose turn must end first, of
 * those whose turn may begin by now.
 */
static void wrr_deal(struct scheds *s, u64 len)
{
	u64 begin, end, first;
	u32 slot, i;

	memset(s->counts, 0, sizeof(s->counts));
	for (slot = 0; slot < len; slot++) {
		first = U64_MAX;
		for (i = 0; i < s->n; i++) {
			if (s->counts[i] == s->weights[i])
				continue;
			begin = div_u64(s->counts[i] * len, s->weights[i]);
			end = div_u64((s->counts[i] + 1) * len +
				      s->weights[i] - 1, s->weights[i]);
			if (begin <= slot && end < first) {
				first = end;
				s->order[slot] = i;
			}
		}
		s->counts[s->order[slot]]++;
	}
}

/* wrr, slot by slot, over two cycles. */
static void wrr_order_test(struct kunit *test)
{
	const struct lbdr_sched_ops *wrr = scheds_get(test, "wrr");
	struct scheds *s = test->priv;
	struct rnd_state rnd;
	u32 i, len, divisor;
	u64 cycle;

	lbdr_kunit_seed(test, &rnd);
	for (i = 0; i < POOLS; i++) {
		scheds_add_random(test, &rnd, 1 + lbdr_kunit_below(&rnd, 12));
		scheds_build(test, wrr, 0, 0);
		if (!scheds_pool(s)->n)
			continue;
		len = wrr_weights(s, &divisor, &cycle);
		wrr_deal(s, len);
		memcpy(s->order + len, s->order, len * sizeof(*s->order));
		scheds_expect_order(test, 2 * len);
		cond_resched();
	}
}

/*
 * Draws one cycle of @len from its beginning. After t choices, one of weight w
 * may have had less than a turn more or less than t * w / @len.
 *
 * With every choice of another a server falls behind, and with its own it gets
 * ahead: it is at its worst just before and just after its own, and at the end.
 * To look there alone is to look everywhere.
 */
static void wrr_expect_fair(struct kunit *test, s64 len)
{
	struct scheds *s = test->priv;
	s64 t, ahead;
	u32 got, i;

	memset(s->counts, 0, sizeof(s->counts));
	scheds_draw(test, len);
	for (t = 0; t < len; t++) {
		got = s->drawn[t];
		KUNIT_ASSERT_LT(test, got, s->n);
		ahead = s->counts[got] * len - t * s->weights[got];
		KUNIT_ASSERT_GT_MSG(test, ahead, -len,
				    "server %u, weight %u, is late at %lld",
				    got, s->weights[got], t);
		s->counts[got]++;
		ahead = s->counts[got] * len - (t + 1) * s->weights[got];
		KUNIT_ASSERT_LT_MSG(test, ahead, len,
				    "server %u, weight %u, is early at %lld",
				    got, s->weights[got], t);
	}
	for (i = 0; i < s->n; i++)
		KUNIT_ASSERT_EQ_MSG(test, s->counts[i], s->weights[i],
				    "server %u in a cycle of %lld", i, len);
}

/*
 * What is lost when a long cycle is scaled: half a slot, but one who has less
 * than half a slot coming gets one.
 */
static void wrr_expect_scaled(struct kunit *test, s64 cycle, u32 divisor)
{
	struct scheds *s = test->priv;
	s64 share, given;
	u32 i;

	for (i = 0; i < s->n; i++) {
		share = (s64)LBDR_WRR_SLOTS_MAX *
			(s->servers[i].weight / divisor);
		given = s->counts[i] * cycle;
		if (share && 2 * share < cycle)
			KUNIT_ASSERT_EQ(test, s->counts[i], 1);
		else
			KUNIT_ASSERT_LE_MSG(test, 2 * abs(given - share), cycle,
					    "server %u, weight %u, has %u slots",
					    i, s->servers[i].weight,
					    s->counts[i]);
	}
}

/* wrr, of pools of all sizes: shares, their spread, and what the cap costs. */
static void wrr_share_test(struct kunit *test)
{
	const struct lbdr_sched_ops *wrr = scheds_get(test, "wrr");
	struct scheds *s = test->priv;
	u32 exact = 0, scaled = 0;
	struct rnd_state rnd;
	u32 i, n, divisor;
	u64 cycle;

	lbdr_kunit_seed(test, &rnd);
	for (i = 0; i < POOLS; i++) {
		n = 1 + lbdr_kunit_below(&rnd, SCHEDS_FEW);
		if (i < POOLS_LARGE)
			n = 1000 + lbdr_kunit_below(&rnd, SCHEDS_SERVERS - 999);
		scheds_add_random(test, &rnd, n);
		scheds_build(test, wrr, 0, 0);
		if (!scheds_pool(s)->n)
			continue;
		n = wrr_weights(s, &divisor, &cycle);
		wrr_expect_fair(test, n);
		if (cycle > LBDR_WRR_SLOTS_MAX) {
			wrr_expect_scaled(test, cycle, divisor);
			scaled++;
		} else {
			KUNIT_ASSERT_EQ(test, cycle, n);
			exact++;
		}
		cond_resched();
	}
	/* Either kind must have been met, or nothing was said of it. */
	KUNIT_EXPECT_GT(test, exact, POOLS / 10);
	KUNIT_EXPECT_GT(test, scaled, POOLS / 10);
}

/* The extremes of a weight, where a product or a sum would overflow first. */
static void wrr_heavy_test(struct kunit *test)
{
	const struct lbdr_sched_ops *wrr = scheds_get(test, "wrr");
	struct scheds *s = test->priv;
	u32 i, n, divisor;
	u64 cycle;

	scheds_clear(test, LBDR_V4);
	for (i = 0; i < SCHEDS_SERVERS; i++)
		scheds_add(s, LBDR_WEIGHT_MAX - i % 2);
	scheds_build(test, wrr, 0, 0);
	n = wrr_weights(s, &divisor, &cycle);
	wrr_expect_fair(test, n);
	wrr_expect_scaled(test, cycle, divisor);

	/* One giant and many dwarfs, each of which gets its slot. */
	scheds_clear(test, LBDR_V4);
	for (i = 0; i < SCHEDS_SERVERS; i++)
		scheds_add(s, i ? 1 : LBDR_WEIGHT_MAX);
	scheds_build(test, wrr, 0, 0);
	n = wrr_weights(s, &divisor, &cycle);
	wrr_expect_fair(test, n);
	wrr_expect_scaled(test, cycle, divisor);
}

/* Where nobody is worth more than another, wrr is rr. */
static void wrr_equal_test(struct kunit *test)
{
	const struct lbdr_sched_ops *wrr = scheds_get(test, "wrr");
	struct scheds *s = test->priv;
	u32 i, n, weight;

	for (n = 1; n <= SCHEDS_FEW; n++) {
		for (weight = 1; weight <= LBDR_WEIGHT_MAX; weight *= 11) {
			scheds_clear(test, LBDR_V4);
			while (s->n < n)
				scheds_add(s, weight);
			scheds_build(test, wrr, 0, 0);
			for (i = 0; i < 3 * n; i++)
				s->order[i] = i % n;
			scheds_expect_order(test, 3 * n);
		}
	}
}

/* The turn goes on where it was, in the middle of a cycle of other weights too. */
static void wrr_rebuild_test(struct kunit *test)
{
	const struct lbdr_sched_ops *wrr = scheds_get(test, "wrr");
	struct scheds *s = test->priv;
	u32 drawn, divisor, len;
	u64 cycle;

	for (drawn = 0; drawn < 8; drawn++) {
		scheds_clear(test, LBDR_V4);
		while (s->n < 4)
			scheds_add(s, 1);
		scheds_build(test, wrr, 0, 0);
		scheds_draw(test, drawn);

		/* The same servers: a change that changes nothing. */
		scheds_build(test, wrr, 0, 0);
		scheds_draw(test, 1);
		KUNIT_EXPECT_EQ(test, s->drawn[0], drawn % 4);

		/* One more, quiesced: it has no turn. */
		scheds_add(s, 0);
		scheds_build(test, wrr, 0, 0);
		scheds_draw(test, 1);
		KUNIT_EXPECT_EQ(test, s->drawn[0], (drawn + 1) % 4);

		/* Another weight. */
		s->servers[2].weight = 3;
		scheds_build(test, wrr, 0, 0);
		len = wrr_weights(s, &divisor, &cycle);
		wrr_deal(s, len);
		scheds_draw(test, 1);
		KUNIT_EXPECT_EQ(test, s->drawn[0], s->order[(drawn + 2) % len]);
		KUNIT_EXPECT_EQ(test, atomic64_read(&s->service.cursor),
				drawn + 3);
	}
}

/* The longest run of slots in the cycle @order whose servers are not open. */
static u32 wrr_longest_run(const struct scheds *s, u32 len)
{
	u32 slot, run = 0, longest = 0;

	for (slot = 0; slot < 2 * len; slot++) {
		run = scheds_is_open(s, s->order[slot % len]) ? 0 : run + 1;
		longest = max(longest, run);
	}
	return longest < len ? longest : U32_MAX;
}

/*
 * Slots of servers that are overloaded are passed over, and the turn goes on
 * behind whoever took the connection.
 */
static void wrr_pass_test(struct kunit *test)
{
	const struct lbdr_sched_ops *wrr = scheds_get(test, "wrr");
	u32 i, t, len, divisor, slot, passed = 0, checked = 0;
	struct scheds *s = test->priv;
	struct rnd_state rnd;
	u64 cycle;

	lbdr_kunit_seed(test, &rnd);
	for (i = 0; i < POOLS; i++) {
		scheds_clear(test, lbdr_kunit_below(&rnd, LBDR_FAMILIES));
		while (s->n < 2 + i % 11)
			scheds_add(s, 1 + lbdr_kunit_below(&rnd, 9));
		scheds_build(test, wrr, 0, 0);
		scheds_random_overload(s, &rnd);
		len = wrr_weights(s, &divisor, &cycle);
		wrr_deal(s, len);
		if (wrr_longest_run(s, len) > LONG_RUN)
			continue;
		scheds_draw(test, len);
		for (t = 0, slot = 0; t < len; t++, slot++) {
			while (!scheds_is_open(s, s->order[slot % len])) {
				slot++;
				passed++;
			}
			KUNIT_ASSERT_EQ_MSG(test, s->drawn[t],
					    s->order[slot % len],
					    "choice %u of %u servers", t, s->n);
		}
		checked++;
	}
	KUNIT_EXPECT_GT(test, checked, POOLS / 2);
	KUNIT_EXPECT_GT(test, passed, POOLS);
}

/*
 * While a giant is overloaded, long runs of slots are of no use. Those that are
 * left still get what they weigh among each other, to a quarter.
 */
static void wrr_giant_test(struct kunit *test)
{
	const struct lbdr_sched_ops *wrr = scheds_get(test, "wrr");
	struct scheds *s = test->priv;
	struct rnd_state rnd;
	u32 i, t, sum, share;

	lbdr_kunit_seed(test, &rnd);
	for (i = 0; i < GIANTS; i++) {
		scheds_clear(test, LBDR_V4);
		scheds_add(s, 500 + lbdr_kunit_below(&rnd, 5000));
		for (sum = 0; s->n < 3 + i % 6; sum += s->servers[s->n - 1].weight)
			scheds_add(s, 1 + lbdr_kunit_below(&rnd, 5));
		scheds_build(test, wrr, 0, 0);
		s->servers[0].overloaded = true;
		scheds_draw(test, 1000 * sum);
		memset(s->counts, 0, sizeof(s->counts));
		for (t = 0; t < 1000 * sum; t++) {
			KUNIT_ASSERT_LT(test, s->drawn[t], s->n);
			s->counts[s->drawn[t]]++;
		}
		KUNIT_EXPECT_EQ(test, s->counts[0], 0);
		for (t = 1; t < s->n; t++) {
			share = 1000 * s->servers[t].weight;
			KUNIT_ASSERT_LE_MSG(test, abs_diff(s->counts[t], share),
					    share / 4,
					    "server %u of weight %u has %u of %u, beside a giant of %u",
					    t, s->servers[t].weight, s->counts[t],
					    1000 * sum, s->servers[0].weight);
		}
	}
}

static struct kunit_case wrr_cases[] = {
	KUNIT_CASE(wrr_equal_test),
	KUNIT_CASE(wrr_order_test),
	KUNIT_CASE(wrr_share_test),
	KUNIT_CASE(wrr_heavy_test),
	KUNIT_CASE(wrr_rebuild_test),
	KUNIT_CASE(wrr_pass_test),
	KUNIT_CASE(wrr_giant_test),
	{}
};

static struct kunit_suite wrr_suite = {
	.name		= "lbdr_sched_wrr",
	.init		= scheds_init,
	.exit		= scheds_exit,
	.test_cases	= wrr_cases,
};

kunit_test_suites(&wrr_suite);
