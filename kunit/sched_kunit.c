// SPDX-License-Identifier: GPL-2.0
/*
 * The schedulers against references that are slow and plain, over random pools.
 *
 * The pools are those that the module itself builds of a service. What is drawn
 * from a pool is drawn as packets do: under rcu_read_lock(), BH off.
 */
#include <kunit/test.h>
#include <linux/gcd.h>
#include <linux/mm.h>

#include "lbdr_kunit.h"
#include "sched.h"

#define SERVERS_MAX	LBDR_SERVER_MAX
#define SERVERS_FEW	64
/* Rounding up may give each server a slot beyond the cap. */
#define CYCLE_MAX	(LBDR_WRR_SLOTS_MAX + SERVERS_MAX)
#define DRAWN_MAX	(2 * CYCLE_MAX)
/* Of each kind of random pools */
#define POOLS		2000
#define POOLS_LARGE	8
#define BATCH		256

/**
 * struct sched_fixture - a service that no packet sees
 * @service: the service
 * @servers: its servers, as many as it was given
 * @pool: the pool that was built last, unless the service has it
 * @n: number of servers
 * @weights: of the servers, made small as wrr needs them
 * @counts: how often each server was chosen
 * @drawn: the indices of those chosen, in their order
 * @order: those that should have been
 */
struct sched_fixture {
	struct lbdr_service	service;
	struct lbdr_server	servers[SERVERS_MAX];
	struct lbdr_pool	*pool;
	u32			n;
	u32			weights[SERVERS_MAX];
	u32			counts[SERVERS_MAX];
	u32			drawn[DRAWN_MAX];
	u32			order[DRAWN_MAX];
};

static void sched_clear(struct sched_fixture *f)
{
	INIT_LIST_HEAD(&f->service.servers);
	atomic64_set(&f->service.cursor, 0);
	f->service.n_servers = 0;
	f->n = 0;
}

static void sched_add(struct sched_fixture *f, u32 weight)
{
	struct lbdr_server *server = &f->servers[f->n++];

	server->weight = weight;
	list_add_tail(&server->list, &f->service.servers);
	f->service.n_servers++;
}

static void sched_add_all(struct sched_fixture *f, const u32 *weights, u32 n)
{
	u32 i;

	sched_clear(f);
	for (i = 0; i < n; i++)
		sched_add(f, weights[i]);
}

/* Most weights are small, some are 0, a few may be anything. */
static u32 sched_random_weight(struct rnd_state *rnd)
{
	switch (lbdr_kunit_below(rnd, 16)) {
	case 0:
		return lbdr_kunit_below(rnd, LBDR_WEIGHT_MAX + 1);
	case 1:
		return 0;
	case 2 ... 4:
		return lbdr_kunit_below(rnd, 1000);
	case 5 ... 7:
		return 10 * (1 + lbdr_kunit_below(rnd, 10));
	default:
		return lbdr_kunit_below(rnd, 10);
	}
}

/* In half of all pools no weight is 10 or more. */
static void sched_add_random(struct sched_fixture *f, struct rnd_state *rnd,
			     u32 n)
{
	u32 below = lbdr_kunit_below(rnd, 2) ? LBDR_WEIGHT_MAX + 1 : 10;

	sched_clear(f);
	while (f->n < n)
		sched_add(f, sched_random_weight(rnd) % below);
}

static void sched_drop(struct sched_fixture *f)
{
	if (f->pool)
		lbdr_pool_free_rcu(f->pool);
	f->pool = NULL;
}

/* The pool must hold the servers of weight above 0 in their order. */
static void sched_build(struct kunit *test, const struct lbdr_sched_ops *sched)
{
	struct sched_fixture *f = test->priv;
	struct lbdr_pool *pool;
	u32 i, at = 0;

	sched_drop(f);
	pool = lbdr_pool_build(&f->service, sched);
	KUNIT_ASSERT_NOT_ERR_OR_NULL(test, pool);
	f->pool = pool;
	for (i = 0; i < f->n; i++) {
		if (!f->servers[i].weight)
			continue;
		KUNIT_ASSERT_LT(test, at, pool->n);
		KUNIT_ASSERT_PTR_EQ(test, pool->entries[at].server,
				    &f->servers[i]);
		KUNIT_ASSERT_EQ(test, pool->entries[at].weight,
				f->servers[i].weight);
		at++;
	}
	KUNIT_ASSERT_EQ(test, at, pool->n);
}

/* Chooses @n times. These schedulers ask nothing of the flow. */
static void sched_draw(struct kunit *test, u32 n)
{
	const struct lbdr_flow flow = {};
	struct sched_fixture *f = test->priv;
	struct lbdr_server *server;
	u32 i;

	KUNIT_ASSERT_LE(test, n, DRAWN_MAX);
	for (i = 0; i < n; ) {
		local_bh_disable();
		rcu_read_lock();
		do {
			server = f->pool->sched->pick(f->pool, &flow);
			f->drawn[i++] = server - f->servers;
		} while (i % BATCH && i < n);
		rcu_read_unlock();
		local_bh_enable();
	}
}

/* Chooses @n times and compares with @order. */
static void sched_expect_order(struct kunit *test, u32 n)
{
	struct sched_fixture *f = test->priv;
	u32 i;

	sched_draw(test, n);
	for (i = 0; i < n; i++)
		KUNIT_ASSERT_EQ_MSG(test, f->drawn[i], f->order[i],
				    "choice %u of %u servers", i, f->n);
}

static const struct lbdr_sched_ops *sched_get(struct kunit *test,
					      const char *name)
{
	const struct lbdr_sched_ops *sched = lbdr_sched_find(name);

	KUNIT_ASSERT_NOT_NULL_MSG(test, sched, "no scheduler %s", name);
	return sched;
}

/* A name stands for one scheduler, and fits where the interface has it. */
static void sched_names_test(struct kunit *test)
{
	const struct lbdr_sched_ops *sched;
	unsigned int i;

	for (i = 0; (sched = lbdr_sched_at(i)); i++) {
		KUNIT_EXPECT_PTR_EQ_MSG(test, sched,
					lbdr_sched_find(sched->name),
					"two are called %s", sched->name);
		KUNIT_EXPECT_GT(test, strlen(sched->name), 0);
		KUNIT_EXPECT_LT(test, strlen(sched->name), LBDR_SCHED_NAME_LEN);
		KUNIT_ASSERT_NOT_NULL(test, sched->summary);
		KUNIT_EXPECT_GT_MSG(test, strlen(sched->summary), 0,
				    "%s says nothing of itself", sched->name);
		KUNIT_EXPECT_NOT_NULL(test, sched->pick);
	}
	KUNIT_EXPECT_GE(test, i, 2);
	KUNIT_EXPECT_NULL(test, lbdr_sched_find("no such scheduler"));
	KUNIT_EXPECT_NULL(test, lbdr_sched_find(""));
	KUNIT_EXPECT_PTR_EQ(test, lbdr_sched_default(), sched_get(test, "wrr"));
}

/* Of nobody, nobody is chosen, by no scheduler. */
static void sched_empty_test(struct kunit *test)
{
	static const u32 weights[] = { 0, 0, 0 };
	struct sched_fixture *f = test->priv;
	const struct lbdr_flow flow = {};
	const struct lbdr_sched_ops *sched;
	struct lbdr_server *server;
	unsigned int i;
	u32 n;

	for (n = 0; n <= ARRAY_SIZE(weights); n++) {
		sched_add_all(f, weights, n);
		for (i = 0; (sched = lbdr_sched_at(i)); i++) {
			sched_build(test, sched);
			RCU_INIT_POINTER(f->service.pool, f->pool);
			local_bh_disable();
			rcu_read_lock();
			server = lbdr_pool_pick(&f->service, &flow);
			rcu_read_unlock();
			local_bh_enable();
			RCU_INIT_POINTER(f->service.pool, NULL);
			KUNIT_EXPECT_NULL(test, server);
		}
	}
}

/* rr: those of weight above 0 in turn, from wherever the service stands. */
static void sched_rr_test(struct kunit *test)
{
	const struct lbdr_sched_ops *rr = sched_get(test, "rr");
	struct sched_fixture *f = test->priv;
	u32 i, n, t, start, turn;
	struct rnd_state rnd;

	lbdr_kunit_seed(test, &rnd);
	for (i = 0; i < POOLS; i++) {
		n = 1 + lbdr_kunit_below(&rnd, i < POOLS_LARGE ? SERVERS_MAX :
								 SERVERS_FEW);
		sched_add_random(f, &rnd, n);
		sched_build(test, rr);
		if (!f->pool->n)
			continue;
		start = i % 2 ? lbdr_kunit_below(&rnd, 1 << 16) : 0;
		atomic64_set(&f->service.cursor, start);

		/* Goes round as often as it takes to reach the start. */
		for (t = 0, turn = 0; t < start % f->pool->n + 2 * n; turn++) {
			if (!f->servers[turn % n].weight)
				continue;
			if (t >= start % f->pool->n)
				f->order[t - start % f->pool->n] = turn % n;
			t++;
		}
		sched_expect_order(test, 2 * n);
	}
}

/*
 * Makes the weights as small as sched_wrr.c says: without what they have in
 * common, and to scale where they are too many. Returns the length of a cycle;
 * @cycle is what it was before the scaling.
 */
static u32 sched_wrr_weights(struct sched_fixture *f, u32 *divisor, u64 *cycle)
{
	u32 len = 0, i;
	u64 scaled;

	*divisor = 0;
	*cycle = 0;
	for (i = 0; i < f->n; i++) {
		*divisor = gcd(*divisor, f->servers[i].weight);
		*cycle += f->servers[i].weight;
	}
	*cycle = div_u64(*cycle, *divisor);

	for (i = 0; i < f->n; i++) {
		f->weights[i] = f->servers[i].weight / *divisor;
		if (f->weights[i] && *cycle > LBDR_WRR_SLOTS_MAX) {
			/* To the nearest; a half counts as a whole. */
			scaled = 2ull * LBDR_WRR_SLOTS_MAX * f->weights[i];
			scaled = div64_u64(scaled + *cycle, 2 * *cycle);
			f->weights[i] = max_t(u32, scaled, 1);
		}
		len += f->weights[i];
	}
	return len;
}

/*
 * Deals out a cycle of @len slots: each to the one whose turn must end first, of
 * those whose turn may begin by now.
 */
static void sched_wrr_deal(struct sched_fixture *f, u64 len)
{
	u64 begin, end, first;
	u32 slot, i;

	memset(f->counts, 0, sizeof(f->counts));
	for (slot = 0; slot < len; slot++) {
		first = U64_MAX;
		for (i = 0; i < f->n; i++) {
			if (f->counts[i] == f->weights[i])
				continue;
			begin = div_u64(f->counts[i] * len, f->weights[i]);
			end = div_u64((f->counts[i] + 1) * len +
				      f->weights[i] - 1, f->weights[i]);
			if (begin <= slot && end < first) {
				first = end;
				f->order[slot] = i;
			}
		}
		f->counts[f->order[slot]]++;
	}
}

/* wrr, slot by slot, over two cycles. */
static void sched_wrr_order_test(struct kunit *test)
{
	const struct lbdr_sched_ops *wrr = sched_get(test, "wrr");
	struct sched_fixture *f = test->priv;
	struct rnd_state rnd;
	u32 i, len, divisor;
	u64 cycle;

	lbdr_kunit_seed(test, &rnd);
	for (i = 0; i < POOLS; i++) {
		sched_add_random(f, &rnd, 1 + lbdr_kunit_below(&rnd, 12));
		sched_build(test, wrr);
		if (!f->pool->n)
			continue;
		len = sched_wrr_weights(f, &divisor, &cycle);
		sched_wrr_deal(f, len);
		memcpy(f->order + len, f->order, len * sizeof(*f->order));
		sched_expect_order(test, 2 * len);
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
static void sched_expect_fair(struct kunit *test, s64 len)
{
	struct sched_fixture *f = test->priv;
	s64 t, ahead;
	u32 got, i;

	memset(f->counts, 0, sizeof(f->counts));
	sched_draw(test, len);
	for (t = 0; t < len; t++) {
		got = f->drawn[t];
		KUNIT_ASSERT_LT(test, got, f->n);
		ahead = f->counts[got] * len - t * f->weights[got];
		KUNIT_ASSERT_GT_MSG(test, ahead, -len,
				    "server %u, weight %u, is late at %lld",
				    got, f->weights[got], t);
		f->counts[got]++;
		ahead = f->counts[got] * len - (t + 1) * f->weights[got];
		KUNIT_ASSERT_LT_MSG(test, ahead, len,
				    "server %u, weight %u, is early at %lld",
				    got, f->weights[got], t);
	}
	for (i = 0; i < f->n; i++)
		KUNIT_ASSERT_EQ_MSG(test, f->counts[i], f->weights[i],
				    "server %u in a cycle of %lld", i, len);
}

/*
 * What is lost when a long cycle is scaled: half a slot, but one who has less
 * than half a slot coming gets one.
 */
static void sched_expect_scaled(struct kunit *test, s64 cycle, u32 divisor)
{
	struct sched_fixture *f = test->priv;
	s64 share, given;
	u32 i;

	for (i = 0; i < f->n; i++) {
		share = (s64)LBDR_WRR_SLOTS_MAX *
			(f->servers[i].weight / divisor);
		given = f->counts[i] * cycle;
		if (share && 2 * share < cycle)
			KUNIT_ASSERT_EQ(test, f->counts[i], 1);
		else
			KUNIT_ASSERT_LE_MSG(test, 2 * abs(given - share), cycle,
					    "server %u, weight %u, has %u slots",
					    i, f->servers[i].weight,
					    f->counts[i]);
	}
}

/* wrr, of pools of all sizes: shares, their spread, and what the cap costs. */
static void sched_wrr_share_test(struct kunit *test)
{
	const struct lbdr_sched_ops *wrr = sched_get(test, "wrr");
	struct sched_fixture *f = test->priv;
	u32 exact = 0, scaled = 0;
	struct rnd_state rnd;
	u32 i, n, divisor;
	u64 cycle;

	lbdr_kunit_seed(test, &rnd);
	for (i = 0; i < POOLS; i++) {
		n = 1 + lbdr_kunit_below(&rnd, SERVERS_FEW);
		if (i < POOLS_LARGE)
			n = 1000 + lbdr_kunit_below(&rnd, SERVERS_MAX - 999);
		sched_add_random(f, &rnd, n);
		sched_build(test, wrr);
		if (!f->pool->n)
			continue;
		n = sched_wrr_weights(f, &divisor, &cycle);
		sched_expect_fair(test, n);
		if (cycle > LBDR_WRR_SLOTS_MAX) {
			sched_expect_scaled(test, cycle, divisor);
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
static void sched_wrr_heavy_test(struct kunit *test)
{
	const struct lbdr_sched_ops *wrr = sched_get(test, "wrr");
	struct sched_fixture *f = test->priv;
	u32 i, n, divisor;
	u64 cycle;

	sched_clear(f);
	for (i = 0; i < SERVERS_MAX; i++)
		sched_add(f, LBDR_WEIGHT_MAX - i % 2);
	sched_build(test, wrr);
	n = sched_wrr_weights(f, &divisor, &cycle);
	sched_expect_fair(test, n);
	sched_expect_scaled(test, cycle, divisor);

	/* One giant and many dwarfs, each of which gets its slot. */
	sched_clear(f);
	for (i = 0; i < SERVERS_MAX; i++)
		sched_add(f, i ? 1 : LBDR_WEIGHT_MAX);
	sched_build(test, wrr);
	n = sched_wrr_weights(f, &divisor, &cycle);
	sched_expect_fair(test, n);
	sched_expect_scaled(test, cycle, divisor);
}

/* Where nobody is worth more than another, wrr is rr. */
static void sched_wrr_equal_test(struct kunit *test)
{
	const struct lbdr_sched_ops *wrr = sched_get(test, "wrr");
	struct sched_fixture *f = test->priv;
	u32 i, n, weight;

	for (n = 1; n <= SERVERS_FEW; n++) {
		for (weight = 1; weight <= LBDR_WEIGHT_MAX; weight *= 11) {
			sched_clear(f);
			while (f->n < n)
				sched_add(f, weight);
			sched_build(test, wrr);
			for (i = 0; i < 3 * n; i++)
				f->order[i] = i % n;
			sched_expect_order(test, 3 * n);
		}
	}
}

struct sched_first {
	const char	*name;
	const char	*sched;
	u32		weights[4];
	u32		first;
};

/* Among equals the first that was added; it is the operator's first thought. */
static const struct sched_first sched_firsts[] = {
	{ "rr", "rr", { 1, 1, 1, 1 }, 0 },
	{ "rr, lighter than the others", "rr", { 1, 10, 10, 10 }, 0 },
	{ "rr, the first is quiesced", "rr", { 0, 10, 10, 10 }, 1 },
	{ "wrr, equal weights", "wrr", { 7, 7, 7, 7 }, 0 },
	{ "wrr, the heaviest is first", "wrr", { 20, 10, 10, 10 }, 0 },
	{ "wrr, the heaviest is last", "wrr", { 10, 10, 10, 20 }, 3 },
	{ "wrr, two are heaviest", "wrr", { 10, 20, 20, 10 }, 1 },
	{ "wrr, the first is quiesced", "wrr", { 0, 10, 10, 10 }, 1 },
};

KUNIT_ARRAY_PARAM_DESC(sched_first, sched_firsts, name);

static void sched_first_test(struct kunit *test)
{
	const struct sched_first *first = test->param_value;
	struct sched_fixture *f = test->priv;

	sched_add_all(f, first->weights, ARRAY_SIZE(first->weights));
	sched_build(test, sched_get(test, first->sched));
	sched_draw(test, 1);
	KUNIT_EXPECT_EQ(test, f->drawn[0], first->first);
}

/* The turn goes on where it was when servers or weights change. */
static void sched_rebuild_test(struct kunit *test)
{
	static const char *const names[] = { "rr", "wrr" };
	struct sched_fixture *f = test->priv;
	const struct lbdr_sched_ops *sched;
	u32 i, drawn, divisor, len;
	u64 cycle;

	for (i = 0; i < ARRAY_SIZE(names); i++) {
		sched = sched_get(test, names[i]);
		for (drawn = 0; drawn < 8; drawn++) {
			sched_clear(f);
			while (f->n < 4)
				sched_add(f, 1);
			sched_build(test, sched);
			sched_draw(test, drawn);

			/* The same servers: a change that changes nothing. */
			sched_build(test, sched);
			sched_draw(test, 1);
			KUNIT_EXPECT_EQ(test, f->drawn[0], drawn % 4);

			/* One more, quiesced: it has no turn. */
			sched_add(f, 0);
			sched_build(test, sched);
			sched_draw(test, 1);
			KUNIT_EXPECT_EQ(test, f->drawn[0], (drawn + 1) % 4);

			/* Another weight: on in the middle of the new cycle. */
			f->servers[2].weight = 3;
			sched_build(test, sched);
			len = sched_wrr_weights(f, &divisor, &cycle);
			sched_wrr_deal(f, len);
			sched_draw(test, 1);
			KUNIT_EXPECT_EQ(test, f->drawn[0],
					i ? f->order[(drawn + 2) % len] :
					    (drawn + 2) % 4);
			KUNIT_EXPECT_EQ(test,
					atomic64_read(&f->service.cursor),
					drawn + 3);
		}
	}
}

/* A running number that runs over is one of 64 bits without a sign. */
static void sched_wrap_test(struct kunit *test)
{
	static const char *const names[] = { "rr", "wrr" };
	static const u64 cursors[] = { S64_MAX - 10, U64_MAX - 10 };
	struct sched_fixture *f = test->priv;
	u32 i, j, t, rest;

	for (i = 0; i < ARRAY_SIZE(names); i++) {
		sched_clear(f);
		while (f->n < 7)
			sched_add(f, 1);
		sched_build(test, sched_get(test, names[i]));
		for (j = 0; j < ARRAY_SIZE(cursors); j++) {
			atomic64_set(&f->service.cursor, cursors[j]);
			for (t = 0; t < 20; t++) {
				div_u64_rem(cursors[j] + t, 7, &rest);
				f->order[t] = rest;
			}
			sched_expect_order(test, 20);
		}
	}
}

#define THREADS		4
#define THREAD_SERVERS	5
#define THREAD_PICKS	20000
#define SWAPS		500

struct sched_thread {
	struct sched_fixture	*f;
	u32			counts[THREAD_SERVERS];
	u32			strangers;
	bool			swaps;
};

/* Chooses as packets of many CPUs do, from the pool that the service has now. */
static void sched_thread_pick(struct sched_thread *thread)
{
	const struct lbdr_flow flow = {};
	struct lbdr_server *server;
	u32 i, at;

	for (i = 0; i < THREAD_PICKS; i++) {
		local_bh_disable();
		rcu_read_lock();
		server = lbdr_pool_pick(&thread->f->service, &flow);
		at = server - thread->f->servers;
		if (at < THREAD_SERVERS && READ_ONCE(server->weight))
			thread->counts[at]++;
		else
			thread->strangers++;
		rcu_read_unlock();
		local_bh_enable();
		cond_resched();
	}
}

/* Gives the service one pool after the other, as an operator does. */
static void sched_thread_swap(struct sched_thread *thread)
{
	struct sched_fixture *f = thread->f;
	struct lbdr_net *ln = lbdr_net(&init_net);
	struct lbdr_pool *pool;
	u32 i;

	for (i = 0; i < SWAPS; i++) {
		mutex_lock(&ln->lock);
		WRITE_ONCE(f->servers[i % THREAD_SERVERS].weight, 1 + i % 7);
		pool = lbdr_pool_build(&f->service, lbdr_sched_at(i % 2));
		if (IS_ERR(pool))
			thread->strangers++;
		else
			lbdr_pool_publish(ln, &f->service, pool);
		mutex_unlock(&ln->lock);
		cond_resched();
	}
}

static void sched_thread_run(void *arg)
{
	struct sched_thread *thread = arg;

	if (thread->swaps)
		sched_thread_swap(thread);
	else
		sched_thread_pick(thread);
}

/* Runs THREADS threads that choose; a last one swaps the pools, if @swaps. */
static void sched_run_threads(struct kunit *test, const u32 *weights,
			      const struct lbdr_sched_ops *sched, bool swaps)
{
	struct sched_thread *threads;
	struct sched_fixture *f = test->priv;
	u32 i, j;

	threads = kunit_kcalloc(test, THREADS + 1, sizeof(*threads), GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, threads);
	for (i = 0; i <= THREADS; i++)
		threads[i].f = f;
	threads[THREADS].swaps = true;

	sched_add_all(f, weights, THREAD_SERVERS);
	sched_build(test, sched);
	rcu_assign_pointer(f->service.pool, f->pool);
	f->pool = NULL;
	lbdr_kunit_threads(test, sched_thread_run, threads, sizeof(*threads),
			   THREADS + swaps);
	f->pool = rcu_replace_pointer(f->service.pool, NULL, true);

	memset(f->counts, 0, sizeof(f->counts));
	for (i = 0; i < THREADS + swaps; i++) {
		KUNIT_EXPECT_EQ(test, threads[i].strangers, 0);
		for (j = 0; j < THREAD_SERVERS; j++)
			f->counts[j] += threads[i].counts[j];
	}
	/* No turn was given to two packets. */
	KUNIT_EXPECT_EQ(test, atomic64_read(&f->service.cursor),
			THREADS * THREAD_PICKS);
}

/* However many choose at a time, each server gets its share to the last one. */
static void sched_threads_test(struct kunit *test)
{
	static const u32 weights[THREAD_SERVERS] = { 1, 2, 3, 4, 10 };
	static const u32 cycle = 1 + 2 + 3 + 4 + 10;
	struct sched_fixture *f = test->priv;
	u32 i;

	sched_run_threads(test, weights, sched_get(test, "rr"), false);
	for (i = 0; i < THREAD_SERVERS; i++)
		KUNIT_EXPECT_EQ(test, f->counts[i],
				THREADS * THREAD_PICKS / THREAD_SERVERS);

	sched_run_threads(test, weights, sched_get(test, "wrr"), false);
	for (i = 0; i < THREAD_SERVERS; i++)
		KUNIT_EXPECT_EQ(test, f->counts[i],
				THREADS * THREAD_PICKS / cycle * weights[i]);
}

/* A pool may be replaced at any moment: whoever has seen it may finish. */
static void sched_swap_test(struct kunit *test)
{
	static const u32 weights[THREAD_SERVERS] = { 1, 1, 1, 1, 1 };
	struct sched_fixture *f = test->priv;
	u32 i;

	sched_run_threads(test, weights, sched_get(test, "rr"), true);
	for (i = 0; i < THREAD_SERVERS; i++)
		KUNIT_EXPECT_GT(test, f->counts[i], 0);
}

static int sched_init(struct kunit *test)
{
	struct sched_fixture *f;
	u32 i;

	f = kvzalloc(sizeof(*f), GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, f);
	/* One reference is the test's own: nobody else frees a server. */
	for (i = 0; i < SERVERS_MAX; i++)
		refcount_set(&f->servers[i].refs, 1);
	test->priv = f;
	return 0;
}

/* Every pool must have given back what it took of the servers. */
static void sched_exit(struct kunit *test)
{
	struct sched_fixture *f = test->priv;
	u32 i, held = 0;

	if (!f)
		return;
	sched_drop(f);
	rcu_barrier();
	for (i = 0; i < SERVERS_MAX; i++)
		held += refcount_read(&f->servers[i].refs) - 1;
	KUNIT_EXPECT_EQ_MSG(test, held, 0, "references are left");
	kvfree(f);
}

static struct kunit_case sched_cases[] = {
	KUNIT_CASE(sched_names_test),
	KUNIT_CASE(sched_empty_test),
	KUNIT_CASE_PARAM(sched_first_test, sched_first_gen_params),
	KUNIT_CASE(sched_rr_test),
	KUNIT_CASE(sched_wrr_equal_test),
	KUNIT_CASE(sched_wrr_order_test),
	KUNIT_CASE(sched_wrr_share_test),
	KUNIT_CASE(sched_wrr_heavy_test),
	KUNIT_CASE(sched_rebuild_test),
	KUNIT_CASE(sched_wrap_test),
	KUNIT_CASE(sched_threads_test),
	KUNIT_CASE(sched_swap_test),
	{}
};

static struct kunit_suite sched_suite = {
	.name		= "lbdr_sched",
	.init		= sched_init,
	.exit		= sched_exit,
	.test_cases	= sched_cases,
};

kunit_test_suites(&sched_suite);
