// SPDX-License-Identifier: GPL-2.0
/*
 * lblc and lblcr compared with references that keep the destinations in an array;
 * and the limits of the destination table: number of entries, time, service.
 */
#include <kunit/test.h>
#include <linux/jiffies.h>
#include <linux/math64.h>

#include "flow.h"
#include "locality.h"
#include "reclaim.h"
#include "sched.h"
#include "scheds.h"
#include "server.h"

#define RUNS		300
#define STEPS		200
#define SERVERS		7
#define DESTINATIONS	12
#define FLAPS		100
/* The default of lblc_max, and locality.c's EXPIRE_NEARLY_FULL */
#define LBLC_MAX		16384
#define EXPIRE_NEARLY_FULL	(6 * 60 * HZ)

/**
 * struct known - a destination of the reference
 * @servers: indices of its servers in the order of adding to the set
 * @n: number of servers, 0 for a new destination
 * @old: the set has not changed for lblc_expire seconds
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

/* Return true if @a has less load for its weight than @b. */
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

/* Above its weight, while another server has less than half of its weight */
static bool lblc_imbalanced(const struct scheds *s, u32 index)
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
	u32 selected;

	if (known->n && scheds_is_open(s, known->servers[0]) &&
	    !lblc_imbalanced(s, known->servers[0]))
		return known->servers[0];
	selected = lblc_wlc(s);
	if (selected != SCHEDS_NONE) {
		known->servers[0] = selected;
		known->n = 1;
	}
	return selected;
}

static void lblcr_remove(struct known *known, u32 at)
{
	for (known->n--; at < known->n; at++)
		known->servers[at] = known->servers[at + 1];
}

/* Find the server to remove: one that is not open, or the last of the most loaded. */
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
	u32 i, selected = SCHEDS_NONE, at, del = SCHEDS_NONE;
	bool changed = false;

	for (i = 0; i < known->n; i++) {
		at = known->servers[i];
		if (scheds_is_open(s, at) &&
		    (selected == SCHEDS_NONE ||
		     lblc_lighter(&s->servers[at], &s->servers[selected])))
			selected = at;
	}
	if (known->n > 1 && known->old)
		del = lblcr_worst(s, known);
	if (selected == SCHEDS_NONE || lblc_imbalanced(s, selected)) {
		selected = lblc_wlc(s);
		for (i = 0; i < known->n; i++)
			if (known->servers[i] == selected)
				break;
		if (i == known->n && selected != SCHEDS_NONE) {
			if (del != SCHEDS_NONE)
				lblcr_remove(known, del);
			del = SCHEDS_NONE;
			known->servers[known->n++] = selected;
			changed = true;
		}
	}
	if (del != SCHEDS_NONE) {
		lblcr_remove(known, del);
		changed = true;
	}
	if (changed)
		known->old = false;
	return selected;
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

/* Get the size of a destination's set in the module, 0 if not found. */
static u32 lblc_known(struct scheds *s, u32 destination)
{
	const struct lbdr_flow flow = lblc_flow(s, destination);
	struct lbdr_locality_entry *entry;
	u32 n = 0;

	local_bh_disable();
	rcu_read_lock();
	entry = lbdr_locality_find(s->service.sched_state, &flow);
	if (entry)
		n = rcu_dereference(entry->set)->n;
	rcu_read_unlock();
	local_bh_enable();
	return n;
}

/* Make the set of a destination older than lblc_expire. */
static void lblc_make_old(struct scheds *s, u32 destination, struct known *known)
{
	const struct lbdr_flow flow = lblc_flow(s, destination);
	struct lbdr_locality_entry *entry;

	local_bh_disable();
	rcu_read_lock();
	entry = lbdr_locality_find(s->service.sched_state, &flow);
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
			lblc_make_old(s, destination, &known[destination]);
		break;
	case 3 ... 4:
		atomic_set(&server->inactive, lbdr_kunit_below(rnd, 600));
		break;
	default:
		atomic_set(&server->active, lbdr_kunit_below(rnd, 12));
	}
}

/* Random changes of counts, overload and weights; few destinations. */
static void lblc_random_test(struct kunit *test)
{
	const struct lblc *lblc = test->param_value;
	const struct lbdr_sched_ops *ops = scheds_get(test, lblc->name);
	u32 i, j, destination, selected, moves = 0, sets = 0;
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
			selected = known[destination].n ?
				 known[destination].servers[0] : SCHEDS_NONE;
			moves += selected != SCHEDS_NONE;
			/* pick() is not called for an empty pool. */
			selected = scheds_pool(s)->n ?
				 lblc->pick(s, &known[destination]) :
				 SCHEDS_NONE;
			KUNIT_ASSERT_EQ_MSG(test, lblc_pick(s, destination),
					    selected, "step %u of run %u", j, i);
			KUNIT_ASSERT_EQ(test, lblc_known(s, destination),
					known[destination].n);
			sets += known[destination].n > 1;
		}
		cond_resched();
	}
	KUNIT_EXPECT_GT(test, moves, RUNS);
	KUNIT_EXPECT_EQ(test, sets > RUNS, lblc->pick == lblcr_reference);
}

/* The table outlives the pool and is freed when the scheduler changes. */
static void lblc_state_test(struct kunit *test)
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

	/* A new pool of the same scheduler has the same table. */
	atomic_set(&s->servers[0].active, 0);
	scheds_add(s, 1);
	scheds_build(test, ops, 0, 0);
	KUNIT_EXPECT_EQ(test, lblc_pick(s, 1), 1);

	scheds_build(test, scheds_get(test, "rr"), 0, 0);
	KUNIT_EXPECT_NULL(test, s->service.sched_state);
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

/* Beyond lblc_max a destination gets a server and is not added to the table. */
static void lblc_full_test(struct kunit *test)
{
	static const u32 weights[] = { 1, 1, 1 };
	const struct lblc *lblc = test->param_value;
	const struct lbdr_sched_ops *ops = scheds_get(test, lblc->name);
	struct scheds *s = test->priv;
	u32 i, beyond = LBLC_MAX + 1000, now;

	scheds_add_all(test, weights, ARRAY_SIZE(weights));
	scheds_build(test, ops, 0, 0);
	for (i = 0; i < beyond; i++) {
		KUNIT_ASSERT_EQ(test, lblc_pick(s, i), 0);
		cond_resched();
	}
	KUNIT_EXPECT_EQ(test, lblc_count(s, beyond), LBLC_MAX);
	KUNIT_EXPECT_EQ(test, lblc_known(s, LBLC_MAX - 1), 1);
	KUNIT_EXPECT_EQ(test, lblc_known(s, LBLC_MAX), 0);

	/* A full table expires sooner; recently used entries stay. */
	now = jiffies;
	lbdr_locality_gc(s->service.sched_state, now + EXPIRE_NEARLY_FULL / 2);
	KUNIT_EXPECT_EQ(test, lblc_count(s, beyond), LBLC_MAX);
	now = jiffies;
	lbdr_locality_gc(s->service.sched_state, now + EXPIRE_NEARLY_FULL + HZ);
	KUNIT_EXPECT_EQ(test, lblc_count(s, beyond), 0);
	rcu_barrier();
	KUNIT_EXPECT_EQ(test, lblc_pick(s, LBLC_MAX), 0);
	KUNIT_EXPECT_EQ(test, lblc_known(s, LBLC_MAX), 1);
}

/* Namespaces of other user namespaces have half of lblc_max_all, the others all of it. */
static void lblc_user_test(struct kunit *test)
{
	static const u32 weights[] = { 1 };
	const struct lblc *lblc = test->param_value;
	const struct lbdr_sched_ops *ops = scheds_get(test, lblc->name);
	u32 all = lbdr_locality_max_all, of_user, of_host, i;
	struct scheds *s = test->priv;
	bool user = s->ln->user;

	scheds_add_all(test, weights, ARRAY_SIZE(weights));
	scheds_build(test, ops, 0, 0);
	WRITE_ONCE(lbdr_locality_max_all, 100);
	s->ln->user = true;
	for (i = 0; i < 200; i++)
		lblc_pick(s, i);
	of_user = lblc_count(s, 200);
	s->ln->user = user;
	for (i = 0; i < 200; i++)
		lblc_pick(s, i);
	of_host = lblc_count(s, 200);
	WRITE_ONCE(lbdr_locality_max_all, all);
	KUNIT_EXPECT_EQ(test, of_user, 50);
	KUNIT_EXPECT_EQ(test, of_host, 100);
}

/* Only expired entries are removed, at any position of a hash bucket. */
static void lblc_gc_test(struct kunit *test)
{
	static const u32 weights[] = { 1, 1, 1 };
	const struct lblc *lblc = test->param_value;
	const struct lbdr_sched_ops *ops = scheds_get(test, lblc->name);
	struct scheds *s = test->priv;
	struct lbdr_locality_entry *entry;
	struct lbdr_flow flow;
	struct rnd_state rnd;
	u32 i, n = LBLC_MAX / 2, expired = 0, expire;
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
		expired += !stays[i];
		flow = lblc_flow(s, i);
		local_bh_disable();
		rcu_read_lock();
		entry = lbdr_locality_find(s->service.sched_state, &flow);
		if (entry && !stays[i])
			entry->used -= expire + HZ;
		rcu_read_unlock();
		local_bh_enable();
		KUNIT_ASSERT_NOT_NULL(test, entry);
	}
	lbdr_locality_gc(s->service.sched_state, jiffies);
	for (i = 0; i < n; i++)
		KUNIT_ASSERT_EQ(test, lblc_known(s, i), stays[i]);
	KUNIT_EXPECT_GT(test, expired, 0);
}

/* Remove a server from the service, as a command does. */
static void lblc_remove_server(struct scheds *s, struct lbdr_server *server)
{
	server->weight = 0;
	WRITE_ONCE(server->dead, true);
	scheds_remove_weight0(s);
}

/* References other than the fixture's, when all RCU callbacks have run. */
static u32 lblc_references(const struct lbdr_server *server)
{
	lbdr_reclaim_flush();
	return refcount_read(&server->refs) - 1;
}

/*
 * A server of a set is removed and added again, many times, and each time the set
 * gets the new one. It never has more servers than the service.
 */
static void lblc_flap_test(struct kunit *test)
{
	static const u32 weights[] = { 1, 1 };
	const struct lblc *lblc = test->param_value;
	const struct lbdr_sched_ops *ops = scheds_get(test, lblc->name);
	struct lbdr_server *stays, *flaps;
	struct scheds *s = test->priv;
	u32 i, pinned = 0;

	scheds_add_all(test, weights, ARRAY_SIZE(weights));
	stays = &s->servers[0];
	flaps = &s->servers[1];
	scheds_build(test, ops, 0, 0);
	KUNIT_ASSERT_EQ(test, lblc_pick(s, 1), 0);
	/* Above its weight, so that the idle server is chosen. */
	atomic_set(&stays->active, 2);
	for (i = 0; i < FLAPS; i++) {
		KUNIT_ASSERT_EQ(test, lblc_pick(s, 1), s->n - 1);
		KUNIT_ASSERT_LE(test, lblc_known(s, 1), 2);
		lblc_remove_server(s, flaps);
		flaps = scheds_add(s, 1);
		scheds_build(test, ops, 0, 0);
	}
	KUNIT_EXPECT_EQ(test, lblc_pick(s, 1), s->n - 1);
	for (i = 1; i < s->n - 1; i++)
		pinned += lblc_references(&s->servers[i]);
	KUNIT_EXPECT_EQ_MSG(test, pinned, 0, "removed servers are referenced");
}

/* The collector takes removed servers out of the sets of idle destinations. */
static void lblc_removed_test(struct kunit *test)
{
	static const u32 weights[] = { 1, 1 };
	const struct lblc *lblc = test->param_value;
	const struct lbdr_sched_ops *ops = scheds_get(test, lblc->name);
	struct scheds *s = test->priv;

	scheds_add_all(test, weights, ARRAY_SIZE(weights));
	scheds_build(test, ops, 0, 0);
	/* Destination 1 has both servers with lblcr, 2 and 3 have one each. */
	KUNIT_ASSERT_EQ(test, lblc_pick(s, 1), 0);
	KUNIT_ASSERT_EQ(test, lblc_pick(s, 2), 0);
	atomic_set(&s->servers[0].active, 2);
	KUNIT_ASSERT_EQ(test, lblc_pick(s, 1), 1);
	KUNIT_ASSERT_EQ(test, lblc_pick(s, 3), 1);

	lblc_remove_server(s, &s->servers[0]);
	scheds_build(test, ops, 0, 0);
	lbdr_locality_gc(s->service.sched_state, jiffies);
	KUNIT_EXPECT_EQ(test, lblc_references(&s->servers[0]), 0);
	KUNIT_EXPECT_EQ(test, lblc_known(s, 1), 1);
	KUNIT_EXPECT_EQ(test, lblc_known(s, 2), 0);
	KUNIT_EXPECT_EQ(test, lblc_known(s, 3), 1);
	KUNIT_EXPECT_EQ(test, lblc_pick(s, 1), 1);
	KUNIT_EXPECT_EQ(test, lblc_pick(s, 2), 1);
}

static struct kunit_case lblc_cases[] = {
	KUNIT_CASE_PARAM(lblc_random_test, lblc_gen_params),
	KUNIT_CASE_PARAM(lblc_state_test, lblc_gen_params),
	KUNIT_CASE_PARAM(lblc_full_test, lblc_gen_params),
	KUNIT_CASE_PARAM(lblc_user_test, lblc_gen_params),
	KUNIT_CASE_PARAM(lblc_gc_test, lblc_gen_params),
	KUNIT_CASE_PARAM(lblc_flap_test, lblc_gen_params),
	KUNIT_CASE_PARAM(lblc_removed_test, lblc_gen_params),
	{}
};

static struct kunit_suite lblc_suite = {
	.name		= "lbdr_sched_lblc",
	.init		= scheds_init,
	.exit		= scheds_exit,
	.test_cases	= lblc_cases,
};

kunit_test_suites(&lblc_suite);
