// SPDX-License-Identifier: GPL-2.0
/*
 * lblc and lblcr against references that remember destinations in an array; and
 * the bounds of what the module remembers: by number, by time, by service.
 */
#include <kunit/test.h>
#include <linux/jiffies.h>
#include <linux/math64.h>

#include "flow.h"
#include "locality.h"
#include "sched.h"
#include "scheds.h"
#include "server.h"

#define RUNS		300
#define STEPS		200
#define SERVERS		7
#define DESTINATIONS	12
/* The module's default of lblc_max, and of how long it bears a crowd */
#define REMEMBERED	16384
#define CROWDED_IDLE	(6 * 60 * HZ)

/**
 * struct known - a destination, as the references remember it
 * @servers: which ones it has, in the order in which they came
 * @n: how many; 0 of a destination that is not known yet
 * @old: the set has not changed for as long as lblcr bears it
 */
struct known {
	u32	servers[SERVERS];
	u32	n;
	bool	old;
};

static u64 lblc_load(const struct lbdr_server *server)
{
	return 256 * (u64)max(0, atomic_read(&server->active)) +
	       max(0, atomic_read(&server->inactive));
}

/* Fewer connections for its weight */
static bool lblc_lighter(const struct lbdr_server *a,
			 const struct lbdr_server *b)
{
	return lblc_load(a) * b->weight < lblc_load(b) * a->weight;
}

static u32 lblc_wlc(const struct scheds *s)
{
	u32 i, best = SCHEDS_NONE;

	for (i = 0; i < s->n; i++)
		if (scheds_is_open(s, i) &&
		    (best == SCHEDS_NONE ||
		     lblc_lighter(&s->servers[i], &s->servers[best])))
			best = i;
	return best;
}

/* More active connections than it weighs, and someone has not half of his */
static bool lblc_strained(const struct scheds *s, u32 index)
{
	u32 i;

	if (atomic_read(&s->servers[index].active) <=
	    (int)s->servers[index].weight)
		return false;
	for (i = 0; i < s->n; i++)
		if (scheds_is_open(s, i) &&
		    2 * atomic_read(&s->servers[i].active) <
		    (int)s->servers[i].weight)
			return true;
	return false;
}

static u32 lblc_reference(const struct scheds *s, struct known *known)
{
	u32 chosen;

	if (known->n && scheds_is_open(s, known->servers[0]) &&
	    !lblc_strained(s, known->servers[0]))
		return known->servers[0];
	chosen = lblc_wlc(s);
	if (chosen != SCHEDS_NONE) {
		known->servers[0] = chosen;
		known->n = 1;
	}
	return chosen;
}

static void lblcr_remove(struct known *known, u32 at)
{
	for (known->n--; at < known->n; at++)
		known->servers[at] = known->servers[at + 1];
}

/* A closed one goes first, else the last of the most loaded */
static u32 lblcr_worst(const struct scheds *s, const struct known *known)
{
	u32 i, worst = 0;

	for (i = 0; i < known->n; i++)
		if (!scheds_is_open(s, known->servers[i]))
			return i;
	for (i = 1; i < known->n; i++)
		if (!lblc_lighter(&s->servers[known->servers[i]],
				  &s->servers[known->servers[worst]]))
			worst = i;
	return worst;
}

static u32 lblcr_reference(const struct scheds *s, struct known *known)
{
	u32 i, chosen = SCHEDS_NONE, at, leaves = SCHEDS_NONE;
	bool changed = false;

	for (i = 0; i < known->n; i++) {
		at = known->servers[i];
		if (scheds_is_open(s, at) &&
		    (chosen == SCHEDS_NONE ||
		     lblc_lighter(&s->servers[at], &s->servers[chosen])))
			chosen = at;
	}
	if (known->n > 1 && known->old)
		leaves = lblcr_worst(s, known);
	if (chosen == SCHEDS_NONE || lblc_strained(s, chosen)) {
		chosen = lblc_wlc(s);
		for (i = 0; i < known->n; i++)
			if (known->servers[i] == chosen)
				break;
		if (i == known->n && chosen != SCHEDS_NONE) {
			if (leaves != SCHEDS_NONE)
				lblcr_remove(known, leaves);
			leaves = SCHEDS_NONE;
			known->servers[known->n++] = chosen;
			changed = true;
		}
	}
	if (leaves != SCHEDS_NONE) {
		lblcr_remove(known, leaves);
		changed = true;
	}
	if (changed)
		known->old = false;
	return chosen;
}

struct lblc {
	const char	*name;
	u32		(*pick)(const struct scheds *s, struct known *known);
};

static const struct lblc lblcs[] = {
	{ "lblc", lblc_reference },
	{ "lblcr", lblcr_reference },
};

KUNIT_ARRAY_PARAM_DESC(lblc, lblcs, name);

static struct lbdr_flow lblc_flow(const struct scheds *s, u32 destination)
{
	struct lbdr_flow flow = {
		.family	= s->service.key.family,
		.event	= LBDR_EVENT_SYN,
	};

	if (flow.family == LBDR_V4)
		flow.v4.vip = htonl(0x0a000000 + destination);
	else
		flow.v6.vip.s6_addr32[3] = htonl(destination);
	return flow;
}

static u32 lblc_pick(struct scheds *s, u32 destination)
{
	const struct lbdr_flow flow = lblc_flow(s, destination);

	return scheds_pick(s, &flow);
}

/* What the module remembers: the number of servers, 0 of nothing */
static u32 lblc_known(struct scheds *s, u32 destination)
{
	const struct lbdr_flow flow = lblc_flow(s, destination);
	struct lbdr_locality_entry *entry;
	u32 n = 0;

	local_bh_disable();
	rcu_read_lock();
	entry = lbdr_locality_find(s->service.memory, &flow);
	if (entry)
		n = rcu_dereference(entry->set)->n;
	rcu_read_unlock();
	local_bh_enable();
	return n;
}

/* Lets the time pass in which a set must change or lose a server. */
static void lblc_wait(struct scheds *s, u32 destination, struct known *known)
{
	const struct lbdr_flow flow = lblc_flow(s, destination);
	struct lbdr_locality_entry *entry;

	local_bh_disable();
	rcu_read_lock();
	entry = lbdr_locality_find(s->service.memory, &flow);
	if (entry) {
		rcu_dereference(entry->set)->changed -=
			lbdr_locality_expire() + 1;
		known->old = true;
	}
	rcu_read_unlock();
	local_bh_enable();
}

static void lblc_change(struct kunit *test, const struct lbdr_sched_ops *ops,
			struct rnd_state *rnd, struct known *known)
{
	struct scheds *s = test->priv;
	struct lbdr_server *server = &s->servers[lbdr_kunit_below(rnd, s->n)];
	u32 destination = lbdr_kunit_below(rnd, DESTINATIONS);

	switch (lbdr_kunit_below(rnd, 8)) {
	case 0:
		server->overloaded = !server->overloaded;
		break;
	case 1:
		server->weight = lbdr_kunit_below(rnd, 8);
		scheds_build(test, ops, 0, 0);
		break;
	case 2:
		if (known[destination].n)
			lblc_wait(s, destination, &known[destination]);
		break;
	case 3 ... 4:
		atomic_set(&server->inactive, lbdr_kunit_below(rnd, 600));
		break;
	default:
		atomic_set(&server->active, lbdr_kunit_below(rnd, 12));
	}
}

/* Servers come under strain, are closed, change weights; destinations come again. */
static void lblc_random_test(struct kunit *test)
{
	const struct lblc *lblc = test->param_value;
	const struct lbdr_sched_ops *ops = scheds_get(test, lblc->name);
	u32 i, j, destination, chosen, moves = 0, sets = 0;
	struct known known[DESTINATIONS];
	struct scheds *s = test->priv;
	struct rnd_state rnd;

	lbdr_kunit_seed(test, &rnd);
	for (i = 0; i < RUNS; i++) {
		scheds_clear(test, i % LBDR_FAMILIES);
		while (s->n < 1 + i % SERVERS)
			scheds_add(s, 1 + lbdr_kunit_below(&rnd, 8));
		scheds_build(test, ops, 0, 0);
		memset(known, 0, sizeof(known));
		for (j = 0; j < STEPS; j++) {
			if (j % 2)
				lblc_change(test, ops, &rnd, known);
			destination = lbdr_kunit_below(&rnd, DESTINATIONS);
			chosen = known[destination].n ?
				 known[destination].servers[0] : SCHEDS_NONE;
			moves += chosen != SCHEDS_NONE;
			/* Nobody asks a scheduler that has no server at all. */
			chosen = scheds_pool(s)->n ?
				 lblc->pick(s, &known[destination]) :
				 SCHEDS_NONE;
			KUNIT_ASSERT_EQ_MSG(test, lblc_pick(s, destination),
					    chosen, "step %u of run %u", j, i);
			KUNIT_ASSERT_EQ(test, lblc_known(s, destination),
					known[destination].n);
			sets += known[destination].n > 1;
		}
		cond_resched();
	}
	KUNIT_EXPECT_GT(test, moves, RUNS);
	KUNIT_EXPECT_EQ(test, sets > RUNS, lblc->pick == lblcr_reference);
}

/* A scheduler forgets with its service, or when another one takes its place. */
static void lblc_forget_test(struct kunit *test)
{
	static const u32 weights[] = { 1, 1, 1 };
	const struct lblc *lblc = test->param_value;
	const struct lbdr_sched_ops *ops = scheds_get(test, lblc->name);
	struct scheds *s = test->priv;

	scheds_add_all(test, weights, ARRAY_SIZE(weights));
	scheds_build(test, ops, 0, 0);
	atomic_set(&s->servers[0].active, 1);
	KUNIT_EXPECT_EQ(test, lblc_pick(s, 1), 1);
	KUNIT_EXPECT_EQ(test, lblc_known(s, 1), 1);

	/* A new pool of the same scheduler knows what the old one knew. */
	atomic_set(&s->servers[0].active, 0);
	scheds_add(s, 1);
	scheds_build(test, ops, 0, 0);
	KUNIT_EXPECT_EQ(test, lblc_pick(s, 1), 1);

	scheds_build(test, scheds_get(test, "rr"), 0, 0);
	KUNIT_EXPECT_NULL(test, s->service.memory);
	scheds_build(test, ops, 0, 0);
	KUNIT_EXPECT_EQ(test, lblc_known(s, 1), 0);
	KUNIT_EXPECT_EQ(test, lblc_pick(s, 1), 0);
}

static u32 lblc_count(struct scheds *s, u32 n)
{
	u32 i, count = 0;

	for (i = 0; i < n; i++) {
		count += !!lblc_known(s, i);
		cond_resched();
	}
	return count;
}

/* Beyond the bound a destination gets a server and is not remembered. */
static void lblc_full_test(struct kunit *test)
{
	static const u32 weights[] = { 1, 1, 1 };
	const struct lblc *lblc = test->param_value;
	const struct lbdr_sched_ops *ops = scheds_get(test, lblc->name);
	struct scheds *s = test->priv;
	u32 i, beyond = REMEMBERED + 1000, now;

	scheds_add_all(test, weights, ARRAY_SIZE(weights));
	scheds_build(test, ops, 0, 0);
	for (i = 0; i < beyond; i++) {
		KUNIT_ASSERT_EQ(test, lblc_pick(s, i), 0);
		cond_resched();
	}
	KUNIT_EXPECT_EQ(test, lblc_count(s, beyond), REMEMBERED);
	KUNIT_EXPECT_EQ(test, lblc_known(s, REMEMBERED - 1), 1);
	KUNIT_EXPECT_EQ(test, lblc_known(s, REMEMBERED), 0);

	/* A table that is full forgets sooner; what was asked for just now stays. */
	now = jiffies;
	lbdr_locality_age(s->service.memory, now + CROWDED_IDLE / 2);
	KUNIT_EXPECT_EQ(test, lblc_count(s, beyond), REMEMBERED);
	now = jiffies;
	lbdr_locality_age(s->service.memory, now + CROWDED_IDLE + HZ);
	KUNIT_EXPECT_EQ(test, lblc_count(s, beyond), 0);
	rcu_barrier();
	KUNIT_EXPECT_EQ(test, lblc_pick(s, REMEMBERED), 0);
	KUNIT_EXPECT_EQ(test, lblc_known(s, REMEMBERED), 1);
}

/* One by one, from every place of every chain: only what is idle goes. */
static void lblc_age_test(struct kunit *test)
{
	static const u32 weights[] = { 1, 1, 1 };
	const struct lblc *lblc = test->param_value;
	const struct lbdr_sched_ops *ops = scheds_get(test, lblc->name);
	struct scheds *s = test->priv;
	struct lbdr_locality_entry *entry;
	struct lbdr_flow flow;
	struct rnd_state rnd;
	u32 i, n = REMEMBERED / 2, idle = 0, expire;
	bool *stays;

	lbdr_kunit_seed(test, &rnd);
	stays = kunit_kcalloc(test, n, sizeof(*stays), GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, stays);
	scheds_add_all(test, weights, ARRAY_SIZE(weights));
	scheds_build(test, ops, 0, 0);
	expire = lbdr_locality_expire();
	for (i = 0; i < n; i++) {
		KUNIT_ASSERT_EQ(test, lblc_pick(s, i), 0);
		stays[i] = lbdr_kunit_below(&rnd, 2);
		idle += !stays[i];
		flow = lblc_flow(s, i);
		local_bh_disable();
		rcu_read_lock();
		entry = lbdr_locality_find(s->service.memory, &flow);
		if (entry && !stays[i])
			entry->stamp -= expire + HZ;
		rcu_read_unlock();
		local_bh_enable();
		KUNIT_ASSERT_NOT_NULL(test, entry);
	}
	lbdr_locality_age(s->service.memory, jiffies);
	for (i = 0; i < n; i++)
		KUNIT_ASSERT_EQ(test, lblc_known(s, i), stays[i]);
	KUNIT_EXPECT_GT(test, idle, 0);
}

static struct kunit_case lblc_cases[] = {
	KUNIT_CASE_PARAM(lblc_random_test, lblc_gen_params),
	KUNIT_CASE_PARAM(lblc_forget_test, lblc_gen_params),
	KUNIT_CASE_PARAM(lblc_full_test, lblc_gen_params),
	KUNIT_CASE_PARAM(lblc_age_test, lblc_gen_params),
	{}
};

static struct kunit_suite lblc_suite = {
	.name		= "lbdr_sched_lblc",
	.init		= scheds_init,
	.exit		= scheds_exit,
	.test_cases	= lblc_cases,
};

kunit_test_suites(&lblc_suite);
