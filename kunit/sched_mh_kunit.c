// SPDX-License-Identifier: GPL-2.0
/*
 * mh: its table compared with one that is filled by the paper's pseudo-code, the
 * shares of the servers, the slots that move when a server is added or removed,
 * and what must not depend on the order of adding.
 *
 * Directors share clients without communication, so that the keys below are part
 * of the interface: tables of two releases must be equal.
 */
#include <kunit/test.h>
#include <linux/jhash.h>
#include <linux/math64.h>
#include <linux/siphash.h>
#include <linux/vmalloc.h>

#include "flow.h"
#include "pool.h"
#include "sched.h"
#include "scheds.h"
#include "server.h"

#define MH_DEFAULT	65537
#define MH_FEW		20
#define POOLS		200
#define FLOWS		16
#define CLIENTS		20000
#define DEVIATIONS	6
/* Of three servers of weights 1, 2, 3, in 251 slots, with the flag port */
#define MH_DIGEST	0x61f78db8b4bd124aULL

static const siphash_key_t mh_key_order = { { 0x6c626472, 1 } };
static const siphash_key_t mh_key_skip = { { 0x6c626472, 2 } };

static u32 mh_at(const struct scheds *s, u32 slot)
{
	const struct lbdr_pool *pool = scheds_pool(s);
	const u16 *slots = pool->priv;

	return pool->entries[slots[slot]].server - s->servers;
}

static u64 mh_order(const struct lbdr_server *server)
{
	return siphash(&server->addr, sizeof(server->addr), &mh_key_order);
}

/* Get slot number @i of a server's permutation. */
static u32 mh_preference(const struct lbdr_server *server, u32 i, u32 size)
{
	u64 skip = siphash(&server->addr, sizeof(server->addr), &mh_key_skip);
	u64 first = ((skip >> 32) * size) >> 32;
	u64 step = 1 + (((skip & U32_MAX) * (size - 1)) >> 32);

	return (first + i * step) % size;
}

/* Sort the servers of weight above 0 by turns, into scheds.order. */
static u32 mh_turns(struct scheds *s, u64 *sum, u32 *max)
{
	u32 i, j, n = 0;

	*sum = 0;
	*max = 0;
	for (i = 0; i < s->n; i++) {
		if (!s->servers[i].weight)
			continue;
		*sum += s->servers[i].weight;
		*max = max(*max, s->servers[i].weight);
		for (j = n++; j > 0; j--) {
			if (mh_order(&s->servers[s->order[j - 1]]) <
			    mh_order(&s->servers[i]))
				break;
			s->order[j] = s->order[j - 1];
		}
		s->order[j] = i;
	}
	return n;
}

/*
 * Compute the quotas, into scheds.weights: the share rounded down; the remaining
 * slots go to the first servers in the order of turns.
 */
static void mh_quotas(struct scheds *s, u32 n, u64 sum, u32 size)
{
	u32 i, left = size;

	for (i = 0; i < n; i++) {
		s->weights[i] = div64_u64((u64)size *
					  s->servers[s->order[i]].weight, sum);
		left -= s->weights[i];
	}
	for (i = 0; i < left; i++)
		s->weights[i]++;
}

/* The pseudo-code of the paper's figure 3, turn by turn, into scheds.drawn. */
static void mh_fill(struct scheds *s, u32 size)
{
	u32 n, i, at, round, slot, filled = 0, max;
	u64 sum;

	n = mh_turns(s, &sum, &max);
	mh_quotas(s, n, sum, size);
	for (slot = 0; slot < size; slot++)
		s->drawn[slot] = SCHEDS_NONE;
	/* counts: number of slots of each server; drawn: server of each slot */
	memset(s->counts, 0, sizeof(s->counts));
	for (round = 1; filled < size; round++) {
		for (i = 0; i < n; i++) {
			const struct lbdr_server *server =
				&s->servers[s->order[i]];
			u64 turns = div_u64((u64)round * server->weight,
					    max);
			u64 before = div_u64((u64)(round - 1) * server->weight,
					     max);

			if (turns == before || s->counts[i] == s->weights[i])
				continue;
			for (at = 0; ; at++) {
				slot = mh_preference(server, at, size);
				if (s->drawn[slot] == SCHEDS_NONE)
					break;
			}
			s->drawn[slot] = s->order[i];
			s->counts[i]++;
			filled++;
		}
	}
}

static void mh_reference_test(struct kunit *test)
{
	static const u32 sizes[] = { 251, 257, 509, 1021 };
	const struct lbdr_sched_ops *mh = scheds_get(test, "mh");
	struct scheds *s = test->priv;
	struct rnd_state rnd;
	u32 i, slot, size;

	lbdr_kunit_seed(test, &rnd);
	for (i = 0; i < POOLS; i++) {
		size = sizes[i % ARRAY_SIZE(sizes)];
		scheds_clear(test, lbdr_kunit_below(&rnd, LBDR_FAMILIES));
		while (s->n < 1 + i % MH_FEW)
			scheds_add(s, lbdr_kunit_below(&rnd, 12));
		scheds_add(s, 1 + lbdr_kunit_below(&rnd, 12));
		scheds_build(test, mh, 0, size);
		mh_fill(s, size);
		for (slot = 0; slot < size; slot++)
			KUNIT_ASSERT_EQ_MSG(test, mh_at(s, slot),
					    s->drawn[slot],
					    "slot %u of %u, %u servers", slot,
					    size, s->n);
		cond_resched();
	}
}

/* Get the slot of a client, with or without its port. */
static u32 mh_slot(const struct scheds *s, const struct lbdr_flow *flow,
		   bool port, u32 salt)
{
	const __be32 *addr = flow->v6.client.s6_addr32;
	u32 words[] = { ntohl(addr[0]), ntohl(addr[1]), ntohl(addr[2]),
			ntohl(addr[3]), salt << 16 };
	u64 hash;

	if (flow->family == LBDR_V4) {
		if (port)
			salt = salt << 16 | ntohs(flow->v4.ports.cport);
		else
			salt <<= 16;
		hash = jhash_2words(ntohl(flow->v4.client), salt, 3);
	} else {
		words[4] += port ? ntohs(flow->v6.ports.cport) : 0;
		hash = jhash2(words, ARRAY_SIZE(words), 3);
	}
	return (hash * scheds_pool(s)->sched.size) >> 32;
}

static void mh_flows_test(struct kunit *test)
{
	const struct lbdr_sched_ops *mh = scheds_get(test, "mh");
	u32 i, j, flags, at, selected, open, none = 0, moved = 0;
	struct scheds *s = test->priv;
	struct lbdr_flow flow;
	struct rnd_state rnd;
	bool port, fallback;

	lbdr_kunit_seed(test, &rnd);
	for (i = 0; i < POOLS; i++) {
		flags = lbdr_kunit_below(&rnd, 4);
		port = flags & LBDR_SCHED_FLAG_PORT;
		fallback = flags & LBDR_SCHED_FLAG_FALLBACK;
		scheds_add_random(test, &rnd, lbdr_kunit_below(&rnd, SCHEDS_FEW));
		scheds_add(s, 1);
		scheds_build(test, mh, flags, i % 2 ? 251 : 1021);
		scheds_random_overload(s, &rnd);
		for (j = 0, open = 0; j < s->n; j++)
			open += scheds_is_open(s, j);
		for (j = 0; j < FLOWS; j++) {
			flow = scheds_flow(s, &rnd);
			at = mh_at(s, mh_slot(s, &flow, port, 0));
			selected = scheds_pick(s, &flow);
			if (scheds_is_open(s, at)) {
				KUNIT_ASSERT_EQ(test, selected, at);
			} else if (fallback && open) {
				KUNIT_ASSERT_NE(test, selected, SCHEDS_NONE);
				KUNIT_ASSERT_TRUE(test, scheds_is_open(s, selected));
				at = mh_at(s, mh_slot(s, &flow, port, 1));
				if (scheds_is_open(s, at))
					KUNIT_ASSERT_EQ(test, selected, at);
				moved++;
			} else {
				KUNIT_ASSERT_EQ(test, selected, SCHEDS_NONE);
				none++;
			}
		}
	}
	KUNIT_EXPECT_GT(test, none, POOLS);
	KUNIT_EXPECT_GT(test, moved, POOLS);
}

/* The error of each share is less than one slot. */
static void mh_share_test(struct kunit *test)
{
	const struct lbdr_sched_ops *mh = scheds_get(test, "mh");
	u32 i, t, n, max, sizes[] = { 251, 4093, MH_DEFAULT, 262139 };
	struct scheds *s = test->priv;
	struct rnd_state rnd;
	u64 sum, ideal;

	lbdr_kunit_seed(test, &rnd);
	for (i = 0; i < 24; i++) {
		u32 size = sizes[i % ARRAY_SIZE(sizes)];

		n = i < 4 ? SCHEDS_SERVERS : 1 + lbdr_kunit_below(&rnd, 1000);
		scheds_add_random(test, &rnd, n - 1);
		scheds_add(s, 1);
		scheds_build(test, mh, 0, size);
		mh_turns(s, &sum, &max);
		memset(s->counts, 0, sizeof(s->counts));
		for (t = 0; t < size; t++)
			s->counts[mh_at(s, t)]++;
		for (t = 0; t < s->n; t++) {
			ideal = (u64)size * s->servers[t].weight;
			KUNIT_ASSERT_LT_MSG(test,
					    abs_diff(s->counts[t] * sum, ideal),
					    sum, "server %u of %u has %u of %u",
					    t, s->n, s->counts[t], size);
		}
		cond_resched();
	}
}

/* Clients are distributed by weight, within statistical limits. */
static void mh_clients_test(struct kunit *test)
{
	static const u32 weights[] = { 1, 2, 3, 4, 0, 10 };
	const struct lbdr_sched_ops *mh = scheds_get(test, "mh");
	struct scheds *s = test->priv;
	struct lbdr_flow flow;
	struct rnd_state rnd;
	u32 i, first, ideal;

	lbdr_kunit_seed(test, &rnd);
	scheds_add_all(test, weights, ARRAY_SIZE(weights));
	scheds_build(test, mh, 0, 0);
	memset(s->counts, 0, sizeof(s->counts));
	first = prandom_u32_state(&rnd);
	for (i = 0; i < CLIENTS; i++) {
		flow = scheds_flow(s, &rnd);
		flow.v4.client = htonl(first + i);
		s->counts[scheds_pick(s, &flow)]++;
	}
	for (i = 0; i < s->n; i++) {
		ideal = CLIENTS / 20 * weights[i];
		KUNIT_EXPECT_LE_MSG(test, abs_diff(s->counts[i], ideal),
				    DEVIATIONS * int_sqrt(ideal),
				    "server %u has %u of %u", i, s->counts[i],
				    CLIENTS);
	}
}

/* The table does not depend on the order in which servers are added. */
static void mh_order_test(struct kunit *test)
{
	const struct lbdr_sched_ops *mh = scheds_get(test, "mh");
	u32 i, j, n, t, weights[MH_FEW], numbers[MH_FEW];
	struct scheds *s = test->priv;
	struct rnd_state rnd;

	lbdr_kunit_seed(test, &rnd);
	for (i = 0; i < POOLS; i++) {
		n = 2 + i % (MH_FEW - 1);
		for (j = 0; j < n; j++) {
			weights[j] = 1 + lbdr_kunit_below(&rnd, 9);
			numbers[j] = j;
		}
		scheds_add_all(test, weights, n);
		scheds_build(test, mh, 0, 1021);
		for (t = 0; t < 1021; t++)
			s->drawn[t] = mh_at(s, t);

		/* Shuffle the servers. */
		for (j = n - 1; j > 0; j--) {
			t = lbdr_kunit_below(&rnd, j + 1);
			swap(numbers[j], numbers[t]);
		}
		scheds_clear(test, LBDR_V4);
		for (j = 0; j < n; j++)
			scheds_add(s, weights[numbers[j]]);
		for (j = 0; j < n; j++)
			s->servers[j].addr.ip = htonl(0xc6120001 + numbers[j]);
		scheds_build(test, mh, 0, 1021);
		for (t = 0; t < 1021; t++)
			KUNIT_ASSERT_EQ(test, numbers[mh_at(s, t)],
					s->drawn[t]);
	}
}

/* A service as it is written down: numbers and weights of its servers. */
struct mh_setup {
	u32 n;
	u32 numbers[MH_FEW];
	u32 weights[MH_FEW];
	bool overloaded[MH_FEW];
	u32 flags;
	u32 size;
};

static void mh_setup_random(struct mh_setup *setup, struct rnd_state *rnd)
{
	u32 i;

	setup->n = 2 + lbdr_kunit_below(rnd, MH_FEW - 1);
	setup->flags = lbdr_kunit_below(rnd, 4);
	setup->size = lbdr_kunit_below(rnd, 2) ? 251 : 1021;
	for (i = 0; i < setup->n; i++) {
		setup->numbers[i] = i;
		setup->weights[i] = 1 + lbdr_kunit_below(rnd, 9);
		setup->overloaded[i] = lbdr_kunit_below(rnd, 8);
	}
}

static void mh_setup_shuffle(struct mh_setup *setup, struct rnd_state *rnd)
{
	u32 i, j;

	for (i = setup->n - 1; i > 0; i--) {
		j = lbdr_kunit_below(rnd, i + 1);
		swap(setup->numbers[i], setup->numbers[j]);
	}
}

/* Add the servers in the order of setup.numbers, and get the digest. */
static u64 mh_setup_build(struct kunit *test, const struct mh_setup *setup)
{
	struct scheds *s = test->priv;
	struct lbdr_server *server;
	u32 i, number;

	scheds_clear(test, LBDR_V4);
	for (i = 0; i < setup->n; i++) {
		number = setup->numbers[i];
		server = scheds_add(s, setup->weights[number]);
		server->addr.ip = htonl(0xc6120001 + number);
		server->overloaded = setup->overloaded[number];
	}
	scheds_build(test, scheds_get(test, "mh"), setup->flags, setup->size);
	return scheds_pool(s)->digest;
}

/* Most servers are overloaded, so that many clients come to the last fallback. */
static void mh_fallback_order_test(struct kunit *test)
{
	struct scheds *s = test->priv;
	u32 i, j, chosen[FLOWS], at;
	struct lbdr_flow flows[FLOWS];
	struct mh_setup setup;
	struct rnd_state rnd;

	lbdr_kunit_seed(test, &rnd);
	for (i = 0; i < POOLS; i++) {
		mh_setup_random(&setup, &rnd);
		setup.flags |= LBDR_SCHED_FLAG_FALLBACK;
		mh_setup_build(test, &setup);
		for (j = 0; j < FLOWS; j++) {
			flows[j] = scheds_flow(s, &rnd);
			chosen[j] = scheds_pick(s, &flows[j]);
		}
		mh_setup_shuffle(&setup, &rnd);
		mh_setup_build(test, &setup);
		for (j = 0; j < FLOWS; j++) {
			at = scheds_pick(s, &flows[j]);
			if (at != SCHEDS_NONE)
				at = setup.numbers[at];
			KUNIT_ASSERT_EQ_MSG(test, at, chosen[j],
					    "%u servers, flow %u", setup.n, j);
		}
	}
}

static void mh_digest_test(struct kunit *test)
{
	struct mh_setup setup, other;
	struct rnd_state rnd;
	u32 i, changed;
	u64 digest;

	lbdr_kunit_seed(test, &rnd);
	for (i = 0; i < POOLS / 8; i++) {
		mh_setup_random(&setup, &rnd);
		digest = mh_setup_build(test, &setup);
		KUNIT_ASSERT_NE(test, digest, 0);
		mh_setup_shuffle(&setup, &rnd);
		KUNIT_ASSERT_EQ(test, mh_setup_build(test, &setup), digest);

		other = setup;
		changed = lbdr_kunit_below(&rnd, setup.n);
		other.weights[changed]++;
		KUNIT_ASSERT_NE(test, mh_setup_build(test, &other), digest);
		other.weights[changed] = 0;
		KUNIT_ASSERT_NE(test, mh_setup_build(test, &other), digest);
		other = setup;
		other.flags ^= LBDR_SCHED_FLAG_PORT;
		KUNIT_ASSERT_NE(test, mh_setup_build(test, &other), digest);
		other = setup;
		other.size = setup.size == 251 ? 1021 : 251;
		KUNIT_ASSERT_NE(test, mh_setup_build(test, &other), digest);
		KUNIT_ASSERT_EQ(test, mh_setup_build(test, &setup), digest);
	}
}

/* Digests of different releases and machines are compared. */
static void mh_digest_constant_test(struct kunit *test)
{
	const struct lbdr_sched_ops *mh = scheds_get(test, "mh");
	static const u32 weights[] = { 1, 2, 3 };
	struct scheds *s = test->priv;

	scheds_add_all(test, weights, ARRAY_SIZE(weights));
	scheds_build(test, mh, LBDR_SCHED_FLAG_PORT, 251);
	KUNIT_EXPECT_EQ(test, scheds_pool(s)->digest, MH_DIGEST);
}

/* Servers of two families whose addresses have the same bytes. */
static void mh_family_test(struct kunit *test)
{
	const struct lbdr_sched_ops *mh = scheds_get(test, "mh");
	struct scheds *s = test->priv;
	u32 round, slot, n;
	u64 digest = 0;

	for (round = 0; round < 2; round++) {
		scheds_clear(test, LBDR_V6);
		for (n = 0; n < 2; n++) {
			scheds_add(s, 1);
			memset(&s->servers[n].addr, 0, sizeof(s->servers[n].addr));
			s->servers[n].addr.ip = htonl(0xc6120001);
			s->servers[n].family = n == round ? LBDR_V4 : LBDR_V6;
		}
		scheds_build(test, mh, 0, 251);
		for (slot = 0; slot < 251; slot++) {
			n = s->servers[mh_at(s, slot)].family;
			if (!round)
				s->drawn[slot] = n;
			else
				KUNIT_ASSERT_EQ(test, n, s->drawn[slot]);
		}
		if (round)
			KUNIT_EXPECT_EQ(test, scheds_pool(s)->digest, digest);
		digest = scheds_pool(s)->digest;
	}
}

/*
 * After the removal of one of N servers, at most 1/N + 2 % of the slots change
 * their server. They change back when the server is added again.
 */
static void mh_disruption_test(struct kunit *test)
{
	static const u32 numbers[] = { 10, 100, 1000 };
	const struct lbdr_sched_ops *mh = scheds_get(test, "mh");
	struct scheds *s = test->priv;
	u32 i, t, n, removed, moved, lost;
	struct rnd_state rnd;

	lbdr_kunit_seed(test, &rnd);
	for (i = 0; i < 4 * ARRAY_SIZE(numbers); i++) {
		n = numbers[i % ARRAY_SIZE(numbers)];
		scheds_clear(test, i % LBDR_FAMILIES);
		while (s->n < n)
			scheds_add(s, 1);
		scheds_build(test, mh, 0, 0);
		for (t = 0; t < MH_DEFAULT; t++)
			s->drawn[t] = mh_at(s, t);

		removed = lbdr_kunit_below(&rnd, n);
		s->servers[removed].weight = 0;
		scheds_build(test, mh, 0, 0);
		for (t = 0, moved = 0, lost = 0; t < MH_DEFAULT; t++) {
			lost += s->drawn[t] == removed;
			moved += mh_at(s, t) != s->drawn[t];
		}
		kunit_info(test, "removal of one of %u: %u.%02u %% of %u slots change, %u of them its own",
			   n, moved * 100 / MH_DEFAULT,
			   moved * 10000 / MH_DEFAULT % 100, MH_DEFAULT, lost);
		KUNIT_EXPECT_GE(test, moved, lost);
		KUNIT_EXPECT_LE(test, moved * 100,
				MH_DEFAULT * 100 / n + MH_DEFAULT * 2);

		s->servers[removed].weight = 1;
		scheds_build(test, mh, 0, 0);
		for (t = 0; t < MH_DEFAULT; t++)
			KUNIT_ASSERT_EQ(test, mh_at(s, t), s->drawn[t]);
	}
}

static struct kunit_case mh_cases[] = {
	KUNIT_CASE(mh_reference_test),
	KUNIT_CASE(mh_flows_test),
	KUNIT_CASE(mh_share_test),
	KUNIT_CASE(mh_clients_test),
	KUNIT_CASE(mh_order_test),
	KUNIT_CASE(mh_fallback_order_test),
	KUNIT_CASE(mh_digest_test),
	KUNIT_CASE(mh_digest_constant_test),
	KUNIT_CASE(mh_family_test),
	KUNIT_CASE(mh_disruption_test),
	{}
};

static struct kunit_suite mh_suite = {
	.name		= "lbdr_sched_mh",
	.init		= scheds_init,
	.exit		= scheds_exit,
	.test_cases	= mh_cases,
};

kunit_test_suites(&mh_suite);
