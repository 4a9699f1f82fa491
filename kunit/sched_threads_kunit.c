// SPDX-License-Identifier: GPL-2.0
/*
 * Concurrency: several CPUs select servers while another one changes servers,
 * weights and the scheduler.
 */
#include <kunit/test.h>

#include "flow.h"
#include "pool.h"
#include "sched.h"
#include "scheds.h"
#include "server.h"
#include "service.h"

#define THREADS		4
#define SERVERS		5
#define PICKS		20000
#define SWAPS		500
/* So few that threads use the same ones */
#define DESTINATIONS	16

/**
 * struct picker - a thread
 * @s: the fixture, shared by all threads
 * @rnd: its random sequence
 * @counts: number of times each server was selected
 * @refused: number of times no server was selected
 * @errors: invalid selections and other errors
 * @swaps: the thread replaces the pool instead of selecting servers
 * @picked: selections of all threads
 */
struct picker {
	struct scheds		*s;
	struct rnd_state	rnd;
	u32			counts[SERVERS];
	u32			refused;
	u32			errors;
	bool			swaps;
	atomic_t		*picked;
};

/* Select servers from the service's current pool and read them. */
static void picker_pick(struct picker *picker)
{
	struct scheds *s = picker->s;
	struct lbdr_server *server;
	struct lbdr_flow flow;
	u32 i, at;

	for (i = 0; i < PICKS; i++) {
		flow = scheds_flow(s, &picker->rnd);
		flow.v4.vip = htonl(lbdr_kunit_below(&picker->rnd, DESTINATIONS));
		local_bh_disable();
		rcu_read_lock();
		server = lbdr_pool_pick(&s->service, &flow);
		at = server ? server - s->servers : SCHEDS_NONE;
		if (!server)
			picker->refused++;
		else if (at < SERVERS && READ_ONCE(server->weight))
			picker->counts[at]++;
		else
			picker->errors++;
		rcu_read_unlock();
		local_bh_enable();
		atomic_inc(picker->picked);
		cond_resched();
	}
}

/* Wait until a server was selected from the new pool, or all selections were made. */
static void picker_wait(const struct picker *picker, int before)
{
	int now;

	do {
		cond_resched();
		now = atomic_read(picker->picked);
	} while (now == before && now < THREADS * PICKS);
}

/* Change to the next scheduler, and change a server each time. */
static void picker_swap(struct picker *picker)
{
	struct lbdr_sched sched = {};
	struct scheds *s = picker->s;
	struct lbdr_server *server;
	u32 i, next = 0;

	/* From the first pool, of rr, every server was selected then. */
	while (atomic_read(picker->picked) < SERVERS)
		cond_resched();
	for (i = 0; i < SWAPS; i++) {
		/* Each scheduler twice in a row, so that some pools inherit a state. */
		if (i % 2 == 0) {
			sched.ops = lbdr_sched_at(next++);
			if (!sched.ops) {
				sched.ops = lbdr_sched_at(0);
				next = 1;
			}
			sched.flags = sched.ops->flags;
			sched.size = sched.ops->size ? LBDR_SCHED_SIZE_MIN : 0;
		}
		server = &s->servers[i % SERVERS];
		mutex_lock(&s->ln->config);
		lbdr_lock(s->ln);
		WRITE_ONCE(server->weight, 1 + i % 7);
		WRITE_ONCE(server->overloaded, i % 3 == 0);
		atomic_set(&server->active, i % 11);
		if (scheds_set_sched(s, &sched))
			picker->errors++;
		lbdr_unlock(s->ln);
		mutex_unlock(&s->ln->config);
		picker_wait(picker, atomic_read(picker->picked));
	}
}

static void picker_run(void *arg)
{
	struct picker *picker = arg;

	if (picker->swaps)
		picker_swap(picker);
	else
		picker_pick(picker);
}

/* Run THREADS threads that select servers, and with @swaps one that swaps pools. */
static void pickers_run(struct kunit *test, struct picker *sum, bool swaps)
{
	atomic_t picked = ATOMIC_INIT(0);
	struct picker *pickers;
	struct rnd_state rnd;
	u32 i, j;

	pickers = kunit_kcalloc(test, THREADS + 1, sizeof(*pickers), GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, pickers);
	lbdr_kunit_seed(test, &rnd);
	for (i = 0; i <= THREADS; i++) {
		pickers[i].s = test->priv;
		pickers[i].picked = &picked;
		prandom_seed_state(&pickers[i].rnd, prandom_u32_state(&rnd));
	}
	pickers[THREADS].swaps = true;
	lbdr_kunit_threads(test, picker_run, pickers, sizeof(*pickers),
			   THREADS + swaps);

	memset(sum, 0, sizeof(*sum));
	for (i = 0; i < THREADS + swaps; i++) {
		KUNIT_EXPECT_EQ(test, pickers[i].errors, 0);
		sum->refused += pickers[i].refused;
		for (j = 0; j < SERVERS; j++)
			sum->counts[j] += pickers[i].counts[j];
	}
	kunit_kfree(test, pickers);
}

/* The shares of rr and wrr are exact with any number of threads. */
static void threads_turns_test(struct kunit *test)
{
	static const u32 weights[SERVERS] = { 1, 2, 3, 4, 10 };
	static const u32 cycle = 1 + 2 + 3 + 4 + 10;
	struct scheds *s = test->priv;
	struct picker sum;
	u32 i;

	scheds_add_all(test, weights, SERVERS);
	scheds_build(test, scheds_get(test, "rr"), 0, 0);
	pickers_run(test, &sum, false);
	for (i = 0; i < SERVERS; i++)
		KUNIT_EXPECT_EQ(test, sum.counts[i], THREADS * PICKS / SERVERS);
	/* No turn was taken twice. */
	KUNIT_EXPECT_EQ(test, atomic64_read(&s->service.cursor), THREADS * PICKS);

	atomic64_set(&s->service.cursor, 0);
	scheds_build(test, scheds_get(test, "wrr"), 0, 0);
	pickers_run(test, &sum, false);
	for (i = 0; i < SERVERS; i++)
		KUNIT_EXPECT_EQ(test, sum.counts[i],
				THREADS * PICKS / cycle * weights[i]);
	KUNIT_EXPECT_EQ(test, atomic64_read(&s->service.cursor), THREADS * PICKS);
}

/* Each scheduler selects a server for every connection. */
static void threads_each_test(struct kunit *test)
{
	static const u32 weights[SERVERS] = { 1, 1, 1, 1, 1 };
	const struct lbdr_sched_ops *ops = test->param_value;
	struct picker sum;
	u32 i, served = 0;

	scheds_add_all(test, weights, SERVERS);
	scheds_build(test, ops, 0, 0);
	pickers_run(test, &sum, false);
	KUNIT_EXPECT_EQ(test, sum.refused, 0);
	for (i = 0; i < SERVERS; i++)
		served += sum.counts[i];
	KUNIT_EXPECT_EQ(test, served, THREADS * PICKS);
}

/* A pool can be replaced at any time; readers finish with the old one. */
static void threads_swap_test(struct kunit *test)
{
	static const u32 weights[SERVERS] = { 1, 1, 1, 1, 1 };
	struct picker sum;
	u32 i;

	scheds_add_all(test, weights, SERVERS);
	scheds_build(test, scheds_get(test, "rr"), 0, 0);
	pickers_run(test, &sum, true);
	for (i = 0; i < SERVERS; i++)
		KUNIT_EXPECT_GT(test, sum.counts[i], 0);
}

static struct kunit_case threads_cases[] = {
	KUNIT_CASE(threads_turns_test),
	KUNIT_CASE_PARAM(threads_each_test, scheds_gen_params),
	KUNIT_CASE(threads_swap_test),
	{}
};

static struct kunit_suite threads_suite = {
	.name		= "lbdr_sched_threads",
	.init		= scheds_init,
	.exit		= scheds_exit,
	.test_cases	= threads_cases,
};

kunit_test_suites(&threads_suite);
