// SPDX-License-Identifier: GPL-2.0
/*
 * What holds for all schedulers, whatever each is for: their names, who is never
 * chosen, that nobody is chosen of nobody, and pools as large as they get.
 */
#include <kunit/test.h>

#include "flow.h"
#include "sched.h"
#include "scheds.h"
#include "server.h"

#define POOLS		1000
#define FLOWS		16
#define FLOWS_LARGE	2000

/* How a server is closed to new connections */
enum closed {
	CLOSED_BEFORE,		/* quiesced when the pool was built */
	CLOSED_QUIESCED,	/* quiesced since, and the pool is a moment old */
	CLOSED_OVERLOADED,
	CLOSED_DEAD,		/* removed, and the pool is a moment old */
	CLOSED_WAYS
};

static void closed_after(struct lbdr_server *server, enum closed way)
{
	if (way == CLOSED_QUIESCED)
		server->weight = 0;
	else if (way == CLOSED_OVERLOADED)
		server->overloaded = true;
	else if (way == CLOSED_DEAD)
		server->dead = true;
}

static u32 random_flags(const struct lbdr_sched_ops *ops, struct rnd_state *rnd)
{
	return ops->flags & lbdr_kunit_below(rnd, 4);
}

/*
 * Where any server is open the scheduler finds one. The others may say no: ovf
 * when all have as many as they weigh, the hashes to a client whose servers are
 * closed; their own suites say when.
 */
static bool finds_any(const struct lbdr_sched_ops *ops)
{
	return strcmp(ops->name, "ovf") && !ops->flags;
}

/* A name stands for one scheduler, and fits where the interface has it. */
static void open_names_test(struct kunit *test)
{
	static const char *const names[] = {
		"rr", "wrr", "lc", "wlc", "lblc", "lblcr", "dh", "sh", "sed",
		"nq", "fo", "ovf", "mh", "twos",
	};
	const struct lbdr_sched_ops *ops;
	unsigned int i;

	for (i = 0; (ops = lbdr_sched_at(i)); i++) {
		KUNIT_EXPECT_PTR_EQ_MSG(test, ops, lbdr_sched_find(ops->name),
					"two are called %s", ops->name);
		KUNIT_EXPECT_GT(test, strlen(ops->name), 0);
		KUNIT_EXPECT_LT(test, strlen(ops->name), LBDR_SCHED_NAME_LEN);
		KUNIT_ASSERT_NOT_NULL(test, ops->summary);
		KUNIT_EXPECT_GT_MSG(test, strlen(ops->summary), 0,
				    "%s says nothing of itself", ops->name);
		KUNIT_EXPECT_NOT_NULL(test, ops->pick);
		KUNIT_EXPECT_EQ(test, !ops->open, !ops->close);
		KUNIT_EXPECT_EQ(test, !ops->init, !ops->exit);
		if (!ops->size)
			continue;
		KUNIT_EXPECT_GE(test, ops->size, LBDR_SCHED_SIZE_MIN);
		KUNIT_EXPECT_LE(test, ops->size, LBDR_SCHED_SIZE_MAX);
	}
	KUNIT_EXPECT_GE(test, i, ARRAY_SIZE(names));
	for (i = 0; i < ARRAY_SIZE(names); i++)
		scheds_get(test, names[i]);
	KUNIT_EXPECT_NULL(test, lbdr_sched_find("no such scheduler"));
	KUNIT_EXPECT_NULL(test, lbdr_sched_find(""));
	KUNIT_EXPECT_PTR_EQ(test, lbdr_sched_default(), scheds_get(test, "wlc"));
}

/* Of nobody, nobody is chosen: without servers, and with quiesced ones alone. */
static void open_empty_test(struct kunit *test)
{
	const struct lbdr_sched_ops *ops = test->param_value;
	struct scheds *s = test->priv;
	struct lbdr_flow flow;
	struct rnd_state rnd;
	u32 n, i;

	lbdr_kunit_seed(test, &rnd);
	for (n = 0; n <= 3; n++) {
		scheds_clear(test, n % LBDR_FAMILIES);
		while (s->n < n)
			scheds_add(s, 0);
		scheds_build(test, ops, random_flags(ops, &rnd), 0);
		for (i = 0; i < FLOWS; i++) {
			flow = scheds_flow(s, &rnd);
			KUNIT_EXPECT_EQ(test, scheds_pick(s, &flow),
					SCHEDS_NONE);
		}
	}
}

/* Of those that are all closed, in each way alone and in all of them mixed. */
static void open_none_test(struct kunit *test)
{
	const struct lbdr_sched_ops *ops = test->param_value;
	struct scheds *s = test->priv;
	u32 i, j, n, way, closed;
	struct lbdr_flow flow;
	struct rnd_state rnd;

	lbdr_kunit_seed(test, &rnd);
	for (i = 0; i < 10 * (CLOSED_WAYS + 1); i++) {
		way = i % (CLOSED_WAYS + 1);
		n = 1 + lbdr_kunit_below(&rnd, i < 5 ? 300 : SCHEDS_FEW);
		scheds_clear(test, i % LBDR_FAMILIES);
		while (s->n < n)
			scheds_add(s, way == CLOSED_BEFORE ? 0 :
				      1 + lbdr_kunit_below(&rnd, 10));
		scheds_build(test, ops, random_flags(ops, &rnd), 0);
		for (j = 0; j < n; j++) {
			closed = way == CLOSED_WAYS ?
				 1 + lbdr_kunit_below(&rnd, CLOSED_WAYS - 1) :
				 way;
			closed_after(&s->servers[j], closed);
		}
		for (j = 0; j < FLOWS; j++) {
			flow = scheds_flow(s, &rnd);
			KUNIT_ASSERT_EQ_MSG(test, scheds_pick(s, &flow),
					    SCHEDS_NONE,
					    "%u servers, closed by %u", n, way);
		}
	}
}

/* Of those that are open, whatever their connections and the others are. */
static void open_random_test(struct kunit *test)
{
	const struct lbdr_sched_ops *ops = test->param_value;
	struct scheds *s = test->priv;
	/* Large tables take their time. */
	u32 pools = ops->size ? POOLS / 10 : POOLS;
	u32 i, j, closed, chosen, open, hits = 0;
	struct lbdr_flow flow;
	struct rnd_state rnd;

	lbdr_kunit_seed(test, &rnd);
	for (i = 0; i < pools; i++) {
		scheds_add_random(test, &rnd,
				  1 + lbdr_kunit_below(&rnd, SCHEDS_FEW));
		scheds_build(test, ops, random_flags(ops, &rnd),
			     ops->size ? LBDR_SCHED_SIZE_MIN : 0);
		scheds_random_counts(s, &rnd);
		/* From one in two that is closed to nearly all */
		for (j = 0; j < s->n; j++) {
			closed = 1 + lbdr_kunit_below(&rnd, CLOSED_WAYS - 1);
			if (lbdr_kunit_below(&rnd, 2 + i % 10))
				closed_after(&s->servers[j], closed);
		}
		for (j = 0, open = 0; j < s->n; j++)
			open += scheds_is_open(s, j);
		for (j = 0; j < FLOWS; j++) {
			flow = scheds_flow(s, &rnd);
			chosen = scheds_pick(s, &flow);
			if (chosen != SCHEDS_NONE) {
				KUNIT_ASSERT_LT(test, chosen, s->n);
				KUNIT_ASSERT_TRUE_MSG(test,
						      scheds_is_open(s, chosen),
						      "server %u of %u is closed",
						      chosen, s->n);
				hits++;
			} else if (finds_any(ops)) {
				KUNIT_ASSERT_EQ_MSG(test, open, 0,
						    "none of %u", s->n);
			}
		}
		cond_resched();
	}
	/* Else nothing was said of anyone. */
	KUNIT_EXPECT_GT(test, hits, pools);
}

/* One that recovers is chosen again by the pool that has seen it closed. */
static void open_recover_test(struct kunit *test)
{
	const struct lbdr_sched_ops *ops = test->param_value;
	struct scheds *s = test->priv;
	struct lbdr_flow flow;
	struct rnd_state rnd;
	u32 i;

	lbdr_kunit_seed(test, &rnd);
	for (i = 0; i < FLOWS; i++) {
		scheds_clear(test, i % LBDR_FAMILIES);
		scheds_add(s, 1 + lbdr_kunit_below(&rnd, 100));
		scheds_build(test, ops, random_flags(ops, &rnd), 0);
		flow = scheds_flow(s, &rnd);
		KUNIT_EXPECT_EQ(test, scheds_pick(s, &flow), 0);
		s->servers[0].overloaded = true;
		KUNIT_EXPECT_EQ(test, scheds_pick(s, &flow), SCHEDS_NONE);
		s->servers[0].overloaded = false;
		KUNIT_EXPECT_EQ(test, scheds_pick(s, &flow), 0);
	}
}

/*
 * As many servers as there can be: heavy ones, one giant among dwarfs, and any.
 */
static void open_large_test(struct kunit *test)
{
	const struct lbdr_sched_ops *ops = test->param_value;
	struct scheds *s = test->priv;
	u32 kind, i, chosen, hits;
	struct lbdr_flow flow;
	struct rnd_state rnd;
	u64 began;

	lbdr_kunit_seed(test, &rnd);
	for (kind = 0; kind < 3; kind++) {
		scheds_clear(test, kind % LBDR_FAMILIES);
		while (s->n < SCHEDS_SERVERS)
			scheds_add(s, kind == 0 ? LBDR_WEIGHT_MAX - s->n % 2 :
				      kind == 1 ? (s->n ? 1 : LBDR_WEIGHT_MAX) :
						  scheds_random_weight(&rnd));
		began = ktime_get_ns();
		scheds_build(test, ops, random_flags(ops, &rnd), 0);
		kunit_info(test, "kind %u: built in %llu us", kind,
			   div_u64(ktime_get_ns() - began, NSEC_PER_USEC));
		scheds_random_counts(s, &rnd);
		for (i = 0; i < SCHEDS_SERVERS; i++)
			s->servers[i].overloaded = !lbdr_kunit_below(&rnd, 10);
		for (i = 0, hits = 0; i < FLOWS_LARGE; i++) {
			flow = scheds_flow(s, &rnd);
			chosen = scheds_pick(s, &flow);
			if (chosen == SCHEDS_NONE)
				continue;
			KUNIT_ASSERT_LT(test, chosen, SCHEDS_SERVERS);
			KUNIT_ASSERT_TRUE(test, scheds_is_open(s, chosen));
			hits++;
		}
		if (finds_any(ops))
			KUNIT_EXPECT_EQ(test, hits, FLOWS_LARGE);
		cond_resched();
	}
}

struct first {
	const char	*name;
	const char	*sched;
	u32		weights[4];
	u32		first;
};

/* Among equals the first that was added; it is the operator's first thought. */
static const struct first firsts[] = {
	{ "rr", "rr", { 1, 1, 1, 1 }, 0 },
	{ "rr, lighter than the others", "rr", { 1, 10, 10, 10 }, 0 },
	{ "rr, the first is quiesced", "rr", { 0, 10, 10, 10 }, 1 },
	{ "wrr, equal weights", "wrr", { 7, 7, 7, 7 }, 0 },
	{ "wrr, the heaviest is first", "wrr", { 20, 10, 10, 10 }, 0 },
	{ "wrr, the heaviest is last", "wrr", { 10, 10, 10, 20 }, 3 },
	{ "wrr, two are heaviest", "wrr", { 10, 20, 20, 10 }, 1 },
	{ "wrr, the first is quiesced", "wrr", { 0, 10, 10, 10 }, 1 },
	{ "lc, whatever the weights", "lc", { 1, 20, 20, 10 }, 0 },
	{ "lc, the first is quiesced", "lc", { 0, 20, 20, 10 }, 1 },
	{ "wlc, all idle", "wlc", { 1, 20, 20, 10 }, 0 },
	{ "lblc, all idle", "lblc", { 1, 20, 20, 10 }, 0 },
	{ "lblcr, all idle", "lblcr", { 1, 20, 20, 10 }, 0 },
	{ "sed, two are fastest", "sed", { 1, 20, 20, 10 }, 1 },
	{ "nq, the first idle one", "nq", { 1, 20, 20, 10 }, 0 },
	{ "fo, two are heaviest", "fo", { 1, 20, 20, 10 }, 1 },
	{ "ovf, two are heaviest", "ovf", { 1, 20, 20, 10 }, 1 },
};

KUNIT_ARRAY_PARAM_DESC(first, firsts, name);

static void open_first_test(struct kunit *test)
{
	const struct first *first = test->param_value;
	struct scheds *s = test->priv;

	scheds_add_all(test, first->weights, ARRAY_SIZE(first->weights));
	scheds_build(test, scheds_get(test, first->sched), 0, 0);
	scheds_draw(test, 1);
	KUNIT_EXPECT_EQ(test, s->drawn[0], first->first);
}

static struct kunit_case open_cases[] = {
	KUNIT_CASE(open_names_test),
	KUNIT_CASE_PARAM(open_first_test, first_gen_params),
	KUNIT_CASE_PARAM(open_empty_test, scheds_gen_params),
	KUNIT_CASE_PARAM(open_none_test, scheds_gen_params),
	KUNIT_CASE_PARAM(open_random_test, scheds_gen_params),
	KUNIT_CASE_PARAM(open_recover_test, scheds_gen_params),
	KUNIT_CASE_PARAM(open_large_test, scheds_gen_params),
	{}
};

static struct kunit_suite open_suite = {
	.name		= "lbdr_sched_open",
	.init		= scheds_init,
	.exit		= scheds_exit,
	.test_cases	= open_cases,
};

kunit_test_suites(&open_suite);
