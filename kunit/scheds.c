// SPDX-License-Identifier: GPL-2.0
/*
 * Fixture of the scheduler suites: a service and its servers.
 *
 * The service is in no table and is not counted, so that packets cannot find it.
 * The servers are an array of the fixture; a test fails if references to them
 * are left at its end.
 */
#include <kunit/test.h>
#include <linux/mm.h>

#include "flow.h"
#include "lbdr.h"
#include "pool.h"
#include "reclaim.h"
#include "sched.h"
#include "scheds.h"
#include "server.h"
#include "service.h"

/* Selections between two calls of cond_resched() */
#define BATCH	256

/**
 * scheds_init() - Allocate the fixture: a service without servers
 * @test: the test; its priv is set
 *
 * Context: process.
 * Return: 0; the test is aborted if there is no memory.
 */
int scheds_init(struct kunit *test)
{
	struct scheds *s;
	u32 i;

	s = kvzalloc(sizeof(*s), GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, s);
	s->ln = lbdr_net(&init_net);
	INIT_LIST_HEAD(&s->service.servers);
	INIT_LIST_HEAD(&s->service.stale);
	for (i = 0; i < SCHEDS_SERVERS; i++) {
		s->servers[i].ln = s->ln;
		s->servers[i].service = &s->service;
		spin_lock_init(&s->servers[i].lock);
		/* The fixture's reference: the module does not free it. */
		refcount_set(&s->servers[i].refs, 1);
	}
	test->priv = s;
	return 0;
}

/**
 * scheds_set_sched() - Build and publish a pool of the current servers
 * @s: the fixture
 * @sched: the scheduler; its state of the service is kept if it is the same as
 *	before
 *
 * Context: process, lbdr_net.config and lbdr_net.lock held.
 * Return: 0 or -ENOMEM.
 */
int scheds_set_sched(struct scheds *s, const struct lbdr_sched *sched)
{
	void *state = s->service.sched_state, *old_state = state;
	struct lbdr_sched old = s->service.sched;
	struct lbdr_pool_entry *servers;
	struct lbdr_server *server;
	struct lbdr_pool *pool;
	int err = 0;
	u32 n = 0;

	if (sched->ops != old.ops)
		err = lbdr_sched_state_alloc(s->ln, sched, &state);
	if (err)
		return err;
	servers = kvmalloc_array(s->service.n_servers ?: 1, sizeof(*servers),
				 GFP_KERNEL);
	if (!servers)
		return -ENOMEM;
	list_for_each_entry(server, &s->service.servers, list) {
		servers[n].server = server;
		servers[n++].weight = server->weight;
	}
	pool = lbdr_pool_make(&s->service, sched, state, servers, n);
	kvfree(servers);
	if (IS_ERR(pool))
		return PTR_ERR(pool);
	s->service.sched = *sched;
	s->service.sched_state = state;
	lbdr_pool_publish(s->ln, &s->service, pool);
	if (sched->ops != old.ops && old.ops)
		lbdr_sched_state_free(&old, old_state);
	return 0;
}

/* Free the pool and the scheduler's state of the service. */
static void scheds_drop(struct scheds *s)
{
	struct lbdr_pool *pool;
	void *state;

	mutex_lock(&s->ln->lock);
	pool = rcu_replace_pointer(s->service.pool, NULL,
				   lockdep_is_held(&s->ln->lock));
	if (pool)
		lbdr_pool_free_rcu(pool);
	state = s->service.sched_state;
	s->service.sched_state = NULL;
	if (state)
		s->service.sched.ops->state_free(state);
	memset(&s->service.sched, 0, sizeof(s->service.sched));
	mutex_unlock(&s->ln->lock);
}

/**
 * scheds_exit() - Free the fixture
 * @test: the test; fails if references to servers are left
 *
 * Context: process.
 */
void scheds_exit(struct kunit *test)
{
	struct scheds *s = test->priv;
	u32 i, held = 0;

	if (!s)
		return;
	scheds_drop(s);
	lbdr_reclaim_flush();
	for (i = 0; i < SCHEDS_SERVERS; i++)
		held += refcount_read(&s->servers[i].refs) - 1;
	KUNIT_EXPECT_EQ_MSG(test, held, 0, "references are left");
	/* With references left, a leak is better than a use after free. */
	if (!held)
		kvfree(s);
}

/**
 * scheds_clear() - Reset the service: no scheduler, no servers
 * @test: the test
 * @family: new address family of the service
 *
 * Context: process.
 */
void scheds_clear(struct kunit *test, enum lbdr_family family)
{
	struct scheds *s = test->priv;

	scheds_drop(s);
	INIT_LIST_HEAD(&s->service.servers);
	atomic64_set(&s->service.cursor, 0);
	s->service.key.family = family;
	s->service.n_servers = 0;
	s->n = 0;
}

/**
 * scheds_add() - Add a server that is idle and open
 * @s: the fixture
 * @weight: the weight
 *
 * Context: process.
 * Return: the server. Its address depends on its index.
 */
struct lbdr_server *scheds_add(struct scheds *s, u32 weight)
{
	struct lbdr_server *server = &s->servers[s->n++];
	u32 number = server - s->servers;

	memset(&server->addr, 0, sizeof(server->addr));
	server->family = s->service.key.family;
	if (server->family == LBDR_V4) {
		server->addr.ip = htonl(0xc6120001 + number);
	} else {
		server->addr.ip6[0] = htonl(0x20010db8);
		server->addr.ip6[3] = htonl(1 + number);
	}
	server->number = s->n;
	server->dead = false;
	server->overloaded = false;
	server->skipped = false;
	server->weight = weight;
	atomic_set(&server->active, 0);
	atomic_set(&server->inactive, 0);
	list_add_tail(&server->list, &s->service.servers);
	s->service.n_servers++;
	return server;
}

/**
 * scheds_remove_weight0() - Remove the servers of weight 0 from the service
 * @s: the fixture; they stay in its array
 *
 * Context: process.
 * Return: the number of servers removed.
 */
u32 scheds_remove_weight0(struct scheds *s)
{
	struct lbdr_server *server, *next;
	u32 n = 0;

	list_for_each_entry_safe(server, next, &s->service.servers, list) {
		if (server->weight)
			continue;
		list_del(&server->list);
		s->service.n_servers--;
		n++;
	}
	return n;
}

/**
 * scheds_add_all() - Reset the service and add servers
 * @test: the test
 * @weights: weights of the servers
 * @n: number of servers
 *
 * Context: process.
 */
void scheds_add_all(struct kunit *test, const u32 *weights, u32 n)
{
	u32 i;

	scheds_clear(test, LBDR_V4);
	for (i = 0; i < n; i++)
		scheds_add(test->priv, weights[i]);
}

/**
 * scheds_random_weight() - Get a random weight
 * @rnd: the random sequence
 *
 * Most weights are small, some are 0, a few have any value.
 *
 * Context: any.
 * Return: the weight.
 */
u32 scheds_random_weight(struct rnd_state *rnd)
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

/**
 * scheds_add_random() - Reset the service and add random servers
 * @test: the test
 * @rnd: the random sequence
 * @n: number of servers
 *
 * The family is random. In half of all services all weights are below 10.
 *
 * Context: process.
 */
void scheds_add_random(struct kunit *test, struct rnd_state *rnd, u32 n)
{
	u32 below = lbdr_kunit_below(rnd, 2) ? LBDR_WEIGHT_MAX + 1 : 10;
	struct scheds *s = test->priv;

	scheds_clear(test, lbdr_kunit_below(rnd, LBDR_FAMILIES));
	while (s->n < n)
		scheds_add(s, scheds_random_weight(rnd) % below);
}

/**
 * scheds_random_counts() - Set random connection counts on all servers
 * @s: the fixture
 * @rnd: the random sequence
 *
 * In most cases the counts are small, so that many servers are equal; otherwise
 * they are near the weights, or have any value up to the maximum. Some are
 * negative, as they can be for a moment while CPUs change them.
 *
 * Context: any.
 */
void scheds_random_counts(struct scheds *s, struct rnd_state *rnd)
{
	u32 kind = lbdr_kunit_below(rnd, 8);
	struct lbdr_server *server;
	u32 i, active, inactive;

	for (i = 0; i < s->n; i++) {
		server = &s->servers[i];
		active = lbdr_kunit_below(rnd, 4);
		inactive = lbdr_kunit_below(rnd, 4);
		if (kind >= 4) {
			active = lbdr_kunit_below(rnd, 2 * server->weight + 2);
			inactive = lbdr_kunit_below(rnd, 1 << 12);
		}
		if (kind == 7) {
			active = prandom_u32_state(rnd) & INT_MAX;
			inactive = prandom_u32_state(rnd) & INT_MAX;
		}
		if (!lbdr_kunit_below(rnd, 32))
			active = -1;
		if (!lbdr_kunit_below(rnd, 32))
			inactive = -1;
		atomic_set(&server->active, active);
		atomic_set(&server->inactive, inactive);
	}
}

/**
 * scheds_random_overload() - Set or clear overload on all servers at random
 * @s: the fixture
 * @rnd: the random sequence
 *
 * No server is overloaded in a third of all cases, all in one of 32.
 *
 * Context: any.
 */
void scheds_random_overload(struct scheds *s, struct rnd_state *rnd)
{
	u32 of_32 = lbdr_kunit_below(rnd, 3) ? lbdr_kunit_below(rnd, 33) : 0;
	u32 i;

	if (!lbdr_kunit_below(rnd, 32))
		of_32 = 32;
	for (i = 0; i < s->n; i++)
		s->servers[i].overloaded = lbdr_kunit_below(rnd, 32) < of_32;
}

/**
 * scheds_get() - Look up a scheduler by name
 * @test: the test; fails if the scheduler is not found
 * @name: the name
 *
 * Context: process.
 * Return: the scheduler.
 */
const struct lbdr_sched_ops *scheds_get(struct kunit *test, const char *name)
{
	const struct lbdr_sched_ops *ops = lbdr_sched_find(name);

	KUNIT_ASSERT_NOT_NULL_MSG(test, ops, "scheduler %s not found", name);
	return ops;
}

/**
 * scheds_build() - Build and publish a pool of the current servers
 * @test: the test; fails unless the pool has the servers of weight above 0 in the
 *	order of adding
 * @ops: the scheduler; its state of the service is kept if it is the same as
 *	before
 * @flags: LBDR_SCHED_FLAG_*
 * @size: slots of its table, 0 for the default
 *
 * Context: process.
 */
void scheds_build(struct kunit *test, const struct lbdr_sched_ops *ops,
		  u32 flags, u32 size)
{
	const struct lbdr_sched sched = {
		.ops	= ops,
		.flags	= flags,
		.size	= size ?: ops->size,
	};
	struct scheds *s = test->priv;
	const struct lbdr_pool *pool;
	u32 i, at = 0;
	int err;

	mutex_lock(&s->ln->config);
	lbdr_lock(s->ln);
	err = scheds_set_sched(s, &sched);
	lbdr_unlock(s->ln);
	mutex_unlock(&s->ln->config);
	KUNIT_ASSERT_EQ(test, err, 0);

	pool = scheds_pool(s);
	for (i = 0; i < s->n; i++) {
		if (!s->servers[i].weight)
			continue;
		KUNIT_ASSERT_LT(test, at, pool->n);
		KUNIT_ASSERT_PTR_EQ(test, pool->entries[at].server,
				    &s->servers[i]);
		KUNIT_ASSERT_EQ(test, pool->entries[at].weight,
				s->servers[i].weight);
		at++;
	}
	KUNIT_ASSERT_EQ(test, at, pool->n);
}

/**
 * scheds_flow() - Get a flow with random addresses and a random client port
 * @s: the fixture, which determines the family
 * @rnd: the random sequence
 *
 * Context: any.
 * Return: the flow.
 */
struct lbdr_flow scheds_flow(const struct scheds *s, struct rnd_state *rnd)
{
	struct lbdr_flow flow = {
		.family	= s->service.key.family,
		.event	= LBDR_EVENT_SYN,
	};

	if (flow.family == LBDR_V4) {
		prandom_bytes_state(rnd, &flow.v4.client, sizeof(flow.v4.client));
		prandom_bytes_state(rnd, &flow.v4.vip, sizeof(flow.v4.vip));
		flow.v4.ports.cport = htons(1 + lbdr_kunit_below(rnd, U16_MAX));
		flow.v4.ports.vport = htons(80);
		flow.v4.protocol = IPPROTO_TCP;
	} else {
		prandom_bytes_state(rnd, &flow.v6.client, sizeof(flow.v6.client));
		prandom_bytes_state(rnd, &flow.v6.vip, sizeof(flow.v6.vip));
		flow.v6.ports.cport = htons(1 + lbdr_kunit_below(rnd, U16_MAX));
		flow.v6.ports.vport = htons(80);
		flow.v6.protocol = IPPROTO_TCP;
	}
	return flow;
}

static u32 scheds_index(const struct scheds *s,
			const struct lbdr_server *server)
{
	return server ? server - s->servers : SCHEDS_NONE;
}

/**
 * scheds_pick() - Select a server as a packet does
 * @s: the fixture
 * @flow: the packet's flow
 *
 * Context: process.
 * Return: the server's index, or SCHEDS_NONE.
 */
u32 scheds_pick(struct scheds *s, const struct lbdr_flow *flow)
{
	u32 index;

	local_bh_disable();
	rcu_read_lock();
	index = scheds_index(s, lbdr_pool_pick(&s->service, flow));
	rcu_read_unlock();
	local_bh_enable();
	return index;
}

/**
 * scheds_peek() - Get the server that would be selected, without side effects
 * @s: the fixture
 * @flow: the flow
 * @first: set to the index of the server that is tested first, or SCHEDS_NONE
 *
 * Context: process.
 * Return: the server's index, or SCHEDS_NONE.
 */
u32 scheds_peek(struct scheds *s, const struct lbdr_flow *flow, u32 *first)
{
	struct lbdr_server *server;
	u32 index;

	local_bh_disable();
	rcu_read_lock();
	index = scheds_index(s, lbdr_pool_peek(&s->service, flow, &server));
	*first = scheds_index(s, server);
	rcu_read_unlock();
	local_bh_enable();
	return index;
}

/**
 * scheds_draw() - Select servers for many connections of the same flow
 * @test: the test; fails if @n exceeds SCHEDS_DRAWN
 * @n: number of connections
 *
 * Context: process.
 */
void scheds_draw(struct kunit *test, u32 n)
{
	struct scheds *s = test->priv;
	const struct lbdr_flow flow = {
		.family = s->service.key.family,
	};
	u32 i;

	KUNIT_ASSERT_LE(test, n, SCHEDS_DRAWN);
	for (i = 0; i < n; ) {
		local_bh_disable();
		rcu_read_lock();
		do {
			s->drawn[i++] = scheds_index(s, lbdr_pool_pick(&s->service, &flow));
		} while (i % BATCH && i < n);
		rcu_read_unlock();
		local_bh_enable();
		cond_resched();
	}
}

/**
 * scheds_expect_order() - Select servers and compare them with scheds.order
 * @test: the test; fails if they differ
 * @n: number of connections
 *
 * Context: process.
 */
void scheds_expect_order(struct kunit *test, u32 n)
{
	struct scheds *s = test->priv;
	u32 i;

	scheds_draw(test, n);
	for (i = 0; i < n; i++)
		KUNIT_ASSERT_EQ_MSG(test, s->drawn[i], s->order[i],
				    "connection %u, %u servers", i, s->n);
}

/**
 * scheds_gen_params() - Get the next scheduler of the module
 * @test: a test that runs once for each scheduler
 * @prev: the previous scheduler, or NULL
 * @desc: set to the name of the scheduler, for the log
 *
 * Context: process.
 * Return: struct lbdr_sched_ops, or NULL after the last one.
 */
const void *scheds_gen_params(struct kunit *test, const void *prev, char *desc)
{
	const struct lbdr_sched_ops *ops;
	unsigned int i = 0;

	while (prev && lbdr_sched_at(i++) != prev)
		;
	ops = lbdr_sched_at(i);
	if (ops)
		strscpy(desc, ops->name, KUNIT_PARAM_DESC_SIZE);
	return ops;
}
