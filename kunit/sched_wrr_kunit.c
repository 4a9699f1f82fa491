// SPDX-License-Identifier: GPL-2.0
/*
 * wrr: each server's share of the cycle, compared with the weights; the order of the
 * slots, compared with a slow reference; the shares of the cycle's prefixes; and the
 * slots of overloaded servers.
 */
#include <kunit/test.h>
#include <linux/gcd.h>

#include "flow.h"
#include "sched.h"
#include "scheds.h"

/* Random pools of each test */
#define POOLS		2000
#define POOLS_LARGE	8
#define POOLS_HEAVY	20
/* Longest run of slots that wrr skips one by one */
#define LONG_RUN	63

/* Get the sum of the weights, divided by their greatest common divisor. */
static u64 wrr_exact_len(const struct scheds *s)
{
	u32 divisor = 0, i;
	u64 sum = 0;

	for (i = 0; i < s->n; i++) {
		divisor = gcd(divisor, s->servers[i].weight);
		sum += s->servers[i].weight;
	}
	return div_u64(sum, divisor);
}

/*
 * Count the slots of each server in the module's cycle, into scheds.weights, and
 * compare them with the weights. An exact cycle has exactly the shares. In a longer
 * one a share of LBDR_WRR_SLOTS_MAX is at most half a slot off, or is one slot.
 * Return the number of slots.
 */
static u32 wrr_shares(struct kunit *test)
{
	struct scheds *s = test->priv;
	const struct lbdr_wrr *wrr = scheds_pool(s)->priv;
	u64 sum = 0, exact = wrr_exact_len(s), share, actual;
	u32 i, slot, at = 0;

	memset(s->weights, 0, sizeof(s->weights));
	for (slot = 0; slot < wrr->len; slot++) {
		KUNIT_ASSERT_LT(test, wrr->slots[slot], scheds_pool(s)->n);
		s->weights[wrr->slots[slot]]++;
	}
	/* Of pool entries so far; servers of weight 0 have none. */
	for (i = 0; i < s->n; i++)
		at += !!s->servers[i].weight;
	for (i = s->n; i-- > 0;)
		s->weights[i] = s->servers[i].weight ? s->weights[--at] : 0;

	for (i = 0; i < s->n; i++)
		sum += s->servers[i].weight;
	for (i = 0; i < s->n; i++) {
		share = min_t(u64, exact, LBDR_WRR_SLOTS_MAX) *
			s->servers[i].weight;
		actual = s->weights[i] * sum;
		if (exact <= LBDR_WRR_SLOTS_MAX)
			KUNIT_ASSERT_EQ(test, actual, share);
		else if (2 * share >= sum)
			KUNIT_ASSERT_LE_MSG(test, 2 * abs_diff(actual, share),
					    sum,
					    "server %u, weight %u, has %u slots",
					    i, s->servers[i].weight,
					    s->weights[i]);
		else
			KUNIT_ASSERT_EQ(test, s->weights[i],
					!!s->servers[i].weight);
	}
	return wrr->len;
}

/*
 * Assign a cycle of @len slots: each to the released server with the earliest
 * deadline.
 */
static void wrr_assign(struct scheds *s, u64 len)
{
	u64 release, deadline, earliest;
	u32 slot, i;

	memset(s->counts, 0, sizeof(s->counts));
	for (slot = 0; slot < len; slot++) {
		earliest = U64_MAX;
		for (i = 0; i < s->n; i++) {
			if (s->counts[i] == s->weights[i])
				continue;
			release = div_u64(s->counts[i] * len, s->weights[i]);
			deadline = div_u64((s->counts[i] + 1) * len +
					   s->weights[i] - 1, s->weights[i]);
			if (release <= slot && deadline < earliest) {
				earliest = deadline;
				s->order[slot] = i;
			}
		}
		s->counts[s->order[slot]]++;
	}
}

/* Two cycles, slot by slot. */
static void wrr_order_test(struct kunit *test)
{
	const struct lbdr_sched_ops *wrr = scheds_get(test, "wrr");
	struct scheds *s = test->priv;
	struct rnd_state rnd;
	u32 i, len;

	lbdr_kunit_seed(test, &rnd);
	for (i = 0; i < POOLS; i++) {
		scheds_add_random(test, &rnd, 1 + lbdr_kunit_below(&rnd, 12));
		scheds_build(test, wrr, 0, 0);
		if (!scheds_pool(s)->n)
			continue;
		len = wrr_shares(test);
		wrr_assign(s, len);
		memcpy(s->order + len, s->order, len * sizeof(*s->order));
		scheds_expect_order(test, 2 * len);
		cond_resched();
	}
}

/*
 * Draw a cycle of @len slots from its start. After t slots, the number of slots of
 * a server of weight w must differ from t * w / @len by less than one.
 *
 * A slot of another server decreases the difference, an own slot increases it.
 * Therefore the extremes are just before and just after the own slots, and at the
 * end; other places need no check.
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

/* Pools of all sizes: shares, their spread over the cycle, errors of scaling. */
static void wrr_share_test(struct kunit *test)
{
	const struct lbdr_sched_ops *wrr = scheds_get(test, "wrr");
	struct scheds *s = test->priv;
	u32 exact = 0, scaled = 0;
	struct rnd_state rnd;
	u32 i, n;

	lbdr_kunit_seed(test, &rnd);
	for (i = 0; i < POOLS; i++) {
		n = 1 + lbdr_kunit_below(&rnd, SCHEDS_FEW);
		if (i < POOLS_LARGE)
			n = 1000 + lbdr_kunit_below(&rnd, SCHEDS_SERVERS - 999);
		scheds_add_random(test, &rnd, n);
		scheds_build(test, wrr, 0, 0);
		if (!scheds_pool(s)->n)
			continue;
		wrr_expect_fair(test, wrr_shares(test));
		if (wrr_exact_len(s) > LBDR_WRR_SLOTS_MAX)
			scaled++;
		else
			exact++;
		cond_resched();
	}
	/* Both kinds must have been tested. */
	KUNIT_EXPECT_GT(test, exact, POOLS / 10);
	KUNIT_EXPECT_GT(test, scaled, POOLS / 10);
}

/* Extreme weights, to detect overflows. */
static void wrr_heavy_test(struct kunit *test)
{
	const struct lbdr_sched_ops *wrr = scheds_get(test, "wrr");
	struct scheds *s = test->priv;
	u32 i;

	scheds_clear(test, LBDR_V4);
	for (i = 0; i < SCHEDS_SERVERS; i++)
		scheds_add(s, LBDR_WEIGHT_MAX - i % 2);
	scheds_build(test, wrr, 0, 0);
	wrr_expect_fair(test, wrr_shares(test));

	/* One server of the maximum weight; each of weight 1 still gets a slot. */
	scheds_clear(test, LBDR_V4);
	for (i = 0; i < SCHEDS_SERVERS; i++)
		scheds_add(s, i ? 1 : LBDR_WEIGHT_MAX);
	scheds_build(test, wrr, 0, 0);
	wrr_expect_fair(test, wrr_shares(test));
}

/* With equal weights wrr is rr. */
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

/* The cursor continues in a new pool, also in a cycle of other weights. */
static void wrr_rebuild_test(struct kunit *test)
{
	const struct lbdr_sched_ops *wrr = scheds_get(test, "wrr");
	struct scheds *s = test->priv;
	u32 drawn, len;

	for (drawn = 0; drawn < 8; drawn++) {
		scheds_clear(test, LBDR_V4);
		while (s->n < 4)
			scheds_add(s, 1);
		scheds_build(test, wrr, 0, 0);
		scheds_draw(test, drawn);

		/* The same servers. */
		scheds_build(test, wrr, 0, 0);
		scheds_draw(test, 1);
		KUNIT_EXPECT_EQ(test, s->drawn[0], drawn % 4);

		/* A new server of weight 0 has no turn. */
		scheds_add(s, 0);
		scheds_build(test, wrr, 0, 0);
		scheds_draw(test, 1);
		KUNIT_EXPECT_EQ(test, s->drawn[0], (drawn + 1) % 4);

		/* A new weight. */
		s->servers[2].weight = 3;
		scheds_build(test, wrr, 0, 0);
		len = wrr_shares(test);
		wrr_assign(s, len);
		scheds_draw(test, 1);
		KUNIT_EXPECT_EQ(test, s->drawn[0], s->order[(drawn + 2) % len]);
		KUNIT_EXPECT_EQ(test, atomic64_read(&s->service.cursor),
				drawn + 3);
	}
}

/* Get the longest run of slots in scheds.order whose servers are not open. */
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
 * Slots of overloaded servers are skipped; the next turn is behind the slot of the
 * selected server.
 */
static void wrr_skip_test(struct kunit *test)
{
	const struct lbdr_sched_ops *wrr = scheds_get(test, "wrr");
	u32 i, t, len, slot, skipped = 0, checked = 0;
	struct scheds *s = test->priv;
	struct rnd_state rnd;

	lbdr_kunit_seed(test, &rnd);
	for (i = 0; i < POOLS; i++) {
		scheds_clear(test, lbdr_kunit_below(&rnd, LBDR_FAMILIES));
		while (s->n < 2 + i % 11)
			scheds_add(s, 1 + lbdr_kunit_below(&rnd, 9));
		scheds_build(test, wrr, 0, 0);
		scheds_random_overload(s, &rnd);
		len = wrr_shares(test);
		wrr_assign(s, len);
		if (wrr_longest_run(s, len) > LONG_RUN)
			continue;
		scheds_draw(test, len);
		for (t = 0, slot = 0; t < len; t++, slot++) {
			while (!scheds_is_open(s, s->order[slot % len])) {
				slot++;
				skipped++;
			}
			KUNIT_ASSERT_EQ_MSG(test, s->drawn[t],
					    s->order[slot % len],
					    "connection %u, %u servers", t, s->n);
		}
		checked++;
	}
	KUNIT_EXPECT_GT(test, checked, POOLS / 2);
	KUNIT_EXPECT_GT(test, skipped, POOLS);
}

/*
 * While a server of a very high weight is overloaded, long runs of slots have no
 * open server. The other servers still get their shares by weight, within 25 %.
 */
static void wrr_heavy_overload_test(struct kunit *test)
{
	const struct lbdr_sched_ops *wrr = scheds_get(test, "wrr");
	struct scheds *s = test->priv;
	struct rnd_state rnd;
	u32 i, t, sum, share;

	lbdr_kunit_seed(test, &rnd);
	for (i = 0; i < POOLS_HEAVY; i++) {
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
					    "server %u of weight %u has %u of %u; overloaded weight: %u",
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
	KUNIT_CASE(wrr_skip_test),
	KUNIT_CASE(wrr_heavy_overload_test),
	{}
};

static struct kunit_suite wrr_suite = {
	.name		= "lbdr_sched_wrr",
	.init		= scheds_init,
	.exit		= scheds_exit,
	.test_cases	= wrr_cases,
};

kunit_test_suites(&wrr_suite);
