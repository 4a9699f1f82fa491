// SPDX-License-Identifier: GPL-2.0
/*
 * Properties of all schedulers: valid names, no selection of a server that is not
 * open or of a pool without servers, independence of servers of weight 0, and
 * pools of the maximum size. A new scheduler is tested without a change here.
 */
#include <kunit/test.h>

#include "flow.h"
#include "sched.h"
#include "scheds.h"
#include "server.h"

#define POOLS		1000
#define POOLS_WEIGHT0	200
#define FLOWS		16
#define FLOWS_LARGE	2000

/* How a server is closed for new connections */
enum closed {
	CLOSED_BEFORE,		/* weight 0 before the pool is built */
	CLOSED_QUIESCED,	/* weight 0 after the pool is built */
	CLOSED_OVERLOADED,
	CLOSED_DEAD,		/* removed after the pool is built */
	CLOSED_SKIPPED,		/* unreachable after the pool is built */
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
	else if (way == CLOSED_SKIPPED)
		server->skipped = true;
}

static u32 random_flags(const struct lbdr_sched_ops *ops, struct rnd_state *rnd)
{
	return ops->flags & lbdr_kunit_below(rnd, 4);
}

/*
 * Return true if the scheduler selects a server whenever one is open. The others
 * can refuse a connection: ovf if every server is full, sh and mh if the server of
 * a client is not open. Their own suites test this.
 */
static bool finds_any(const struct lbdr_sched_ops *ops)
{
	return strcmp(ops->name, "ovf") && !ops->flags;
}

/* Names are unique and fit into the interface; the operations are complete. */
static void open_names_test(struct kunit *test)
{
	const struct lbdr_sched_ops *ops;
	unsigned int i;

	for (i = 0; (ops = lbdr_sched_at(i)); i++) {
		KUNIT_EXPECT_PTR_EQ_MSG(test, ops, lbdr_sched_find(ops->name),
					"the name %s is not unique", ops->name);
		KUNIT_EXPECT_GT(test, strlen(ops->name), 0);
		KUNIT_EXPECT_LT(test, strlen(ops->name), LBDR_SCHED_NAME_LEN);
		KUNIT_EXPECT_NOT_NULL(test, ops->pick);
		KUNIT_EXPECT_EQ(test, !ops->state_alloc, !ops->state_free);
		KUNIT_EXPECT_EQ(test, !ops->pool_init, !ops->pool_exit);
		if (!ops->size)
			continue;
		KUNIT_EXPECT_GE(test, ops->size, LBDR_SCHED_SIZE_MIN);
		KUNIT_EXPECT_LE(test, ops->size, LBDR_SCHED_SIZE_MAX);
	}
	KUNIT_EXPECT_GT(test, i, 0);
	KUNIT_EXPECT_NULL(test, lbdr_sched_find("no such scheduler"));
	KUNIT_EXPECT_NULL(test, lbdr_sched_find(""));
	KUNIT_EXPECT_PTR_EQ(test, lbdr_sched_default(), scheds_get(test, "wlc"));
}

/* No server is selected without servers, or with servers of weight 0 only. */
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

/* No server is selected if all are closed, in the same way or in different ways. */
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
					    "%u servers, closed in way %u", n, way);
		}
	}
}

/* Only open servers are selected, with any counts and any closed servers. */
static void open_random_test(struct kunit *test)
{
	const struct lbdr_sched_ops *ops = test->param_value;
	struct scheds *s = test->priv;
	/* Building large tables is slow. */
	u32 pools = ops->size ? POOLS / 10 : POOLS;
	u32 i, j, closed, selected, open, hits = 0;
	struct lbdr_flow flow;
	struct rnd_state rnd;

	lbdr_kunit_seed(test, &rnd);
	for (i = 0; i < pools; i++) {
		scheds_add_random(test, &rnd,
				  1 + lbdr_kunit_below(&rnd, SCHEDS_FEW));
		scheds_build(test, ops, random_flags(ops, &rnd),
			     ops->size ? LBDR_SCHED_SIZE_MIN : 0);
		scheds_random_counts(s, &rnd);
		/* Between half of the servers and nearly all are closed. */
		for (j = 0; j < s->n; j++) {
			closed = 1 + lbdr_kunit_below(&rnd, CLOSED_WAYS - 1);
			if (lbdr_kunit_below(&rnd, 2 + i % 10))
				closed_after(&s->servers[j], closed);
		}
		for (j = 0, open = 0; j < s->n; j++)
			open += scheds_is_open(s, j);
		for (j = 0; j < FLOWS; j++) {
			flow = scheds_flow(s, &rnd);
			selected = scheds_pick(s, &flow);
			if (selected != SCHEDS_NONE) {
				KUNIT_ASSERT_LT(test, selected, s->n);
				KUNIT_ASSERT_TRUE_MSG(test,
						      scheds_is_open(s, selected),
						      "selected server %u of %u is closed",
						      selected, s->n);
				hits++;
			} else if (finds_any(ops)) {
				KUNIT_ASSERT_EQ_MSG(test, open, 0,
						    "no server selected, %u servers", s->n);
			}
		}
		cond_resched();
	}
	/* Otherwise too little was tested. */
	KUNIT_EXPECT_GT(test, hits, pools);
}

/* A server that recovers is selected again from the same pool. */
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
 * The choices of a pool do not depend on servers of weight 0, except with
 * needs_weight0: the pool from before their removal selects the same servers as
 * one that is built after it.
 */
static void open_weight0_test(struct kunit *test)
{
	const struct lbdr_sched_ops *ops = test->param_value;
	u32 i, j, selected, removed = 0, differ = 0;
	struct lbdr_flow flows[FLOWS];
	struct scheds *s = test->priv;
	struct rnd_state rnd;
	u64 cursor;

	if (ops->random)
		kunit_skip(test, "%s selects at random", ops->name);
	lbdr_kunit_seed(test, &rnd);
	for (i = 0; i < POOLS_WEIGHT0; i++) {
		scheds_add_random(test, &rnd, 2 + lbdr_kunit_below(&rnd, 8));
		s->servers[lbdr_kunit_below(&rnd, s->n)].weight = 0;
		scheds_build(test, ops, ops->flags,
			     ops->size ? LBDR_SCHED_SIZE_MIN : 0);
		scheds_random_counts(s, &rnd);
		scheds_draw(test, lbdr_kunit_below(&rnd, 20));

		cursor = atomic64_read(&s->service.cursor);
		for (j = 0; j < FLOWS; j++) {
			flows[j] = scheds_flow(s, &rnd);
			s->order[j] = scheds_pick(s, &flows[j]);
		}
		atomic64_set(&s->service.cursor, cursor);
		removed += scheds_remove_weight0(s);
		scheds_build(test, ops, ops->flags,
			     ops->size ? LBDR_SCHED_SIZE_MIN : 0);
		for (j = 0; j < FLOWS; j++) {
			selected = scheds_pick(s, &flows[j]);
			differ += selected != s->order[j];
			if (!ops->needs_weight0)
				KUNIT_ASSERT_EQ_MSG(test, selected, s->order[j],
						    "flow %u of pool %u", j, i);
		}
		cond_resched();
	}
	KUNIT_EXPECT_GT(test, removed, POOLS_WEIGHT0);
	KUNIT_EXPECT_EQ(test, differ > 0, ops->needs_weight0);
}

/*
 * The maximum number of servers: all of the maximum weight, one of the maximum
 * weight and others of weight 1, random weights.
 */
static void open_large_test(struct kunit *test)
{
	const struct lbdr_sched_ops *ops = test->param_value;
	struct scheds *s = test->priv;
	u32 kind, i, selected, hits;
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
			selected = scheds_pick(s, &flow);
			if (selected == SCHEDS_NONE)
				continue;
			KUNIT_ASSERT_LT(test, selected, SCHEDS_SERVERS);
			KUNIT_ASSERT_TRUE(test, scheds_is_open(s, selected));
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

/* Of equal servers the one added first is selected. */
static const struct first firsts[] = {
	{ "rr", "rr", { 1, 1, 1, 1 }, 0 },
	{ "rr, the first has the lowest weight", "rr", { 1, 10, 10, 10 }, 0 },
	{ "rr, the first has weight 0", "rr", { 0, 10, 10, 10 }, 1 },
	{ "wrr, equal weights", "wrr", { 7, 7, 7, 7 }, 0 },
	{ "wrr, the highest weight is first", "wrr", { 20, 10, 10, 10 }, 0 },
	{ "wrr, the highest weight is last", "wrr", { 10, 10, 10, 20 }, 3 },
	{ "wrr, two have the highest weight", "wrr", { 10, 20, 20, 10 }, 1 },
	{ "wrr, the first has weight 0", "wrr", { 0, 10, 10, 10 }, 1 },
	{ "lc, any weights", "lc", { 1, 20, 20, 10 }, 0 },
	{ "lc, the first has weight 0", "lc", { 0, 20, 20, 10 }, 1 },
	{ "wlc, all idle", "wlc", { 1, 20, 20, 10 }, 0 },
	{ "lblc, all idle", "lblc", { 1, 20, 20, 10 }, 0 },
	{ "lblcr, all idle", "lblcr", { 1, 20, 20, 10 }, 0 },
	{ "sed, two have the shortest delay", "sed", { 1, 20, 20, 10 }, 1 },
	{ "nq, all idle", "nq", { 1, 20, 20, 10 }, 0 },
	{ "fo, two have the highest weight", "fo", { 1, 20, 20, 10 }, 1 },
	{ "ovf, two have the highest weight", "ovf", { 1, 20, 20, 10 }, 1 },
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
	KUNIT_CASE_PARAM(open_weight0_test, scheds_gen_params),
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
