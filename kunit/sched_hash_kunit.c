// SPDX-License-Identifier: GPL-2.0
/*
 * dh and sh: the server of an address, compared with references that assign the
 * buckets; and the distribution of clients.
 */
#include <kunit/test.h>
#include <linux/math64.h>

#include "flow.h"
#include "pool.h"
#include "sched.h"
#include "scheds.h"

#define POOLS		2000
#define FLOWS		16
#define BUCKETS		256
/* Consecutive client addresses, and the permitted error of a share */
#define CLIENTS		8192
#define SPREAD_PERCENT	10

static const __be32 *hash_address(const struct lbdr_flow *flow, bool vip)
{
	if (flow->family == LBDR_V4)
		return vip ? &flow->v4.vip : &flow->v4.client;
	return vip ? flow->v6.vip.s6_addr32 : flow->v6.client.s6_addr32;
}

/* The top 8 bits of the product with 2^32 / golden ratio */
static u32 hash_bucket(const struct lbdr_flow *flow, bool vip, u32 port)
{
	u32 i, words = flow->family == LBDR_V4 ? 1 : 4, sum = 0;

	for (i = 0; i < words; i++)
		sum ^= ntohl(hash_address(flow, vip)[i]);
	return ((sum + port) * 0x61c88647U) >> 24;
}

/* The buckets belong to all servers in turn; the next open server is selected. */
static u32 hash_dh(const struct scheds *s, const struct lbdr_flow *flow,
		   u32 flags)
{
	u32 i, at, bucket = hash_bucket(flow, true, 0);

	for (i = 0; i < s->n; i++) {
		at = (bucket % s->n + i) % s->n;
		if (scheds_is_open(s, at))
			return at;
	}
	return SCHEDS_NONE;
}

/*
 * The largest number of buckets of each of sh's servers, into scheds.weights. If the
 * sum of the weights is above 16: its exact share, rounded down, and one more for
 * those that are furthest below it, until all buckets are given away.
 */
static void hash_sh_shares(struct scheds *s)
{
	u64 sum = 0, missing, most;
	u32 i, left = BUCKETS, at;

	for (i = 0; i < s->n; i++)
		sum += s->servers[i].weight;
	for (i = 0; i < s->n; i++) {
		s->weights[i] = sum <= 16 ? BUCKETS :
			div64_u64(BUCKETS * (u64)s->servers[i].weight, sum);
		left -= s->weights[i];
	}
	for (; sum > 16 && left; left--) {
		for (i = 0, at = 0, most = 0; i < s->n; i++) {
			missing = BUCKETS * (u64)s->servers[i].weight;
			if (missing <= s->weights[i] * sum ||
			    missing - s->weights[i] * sum <= most)
				continue;
			most = missing - s->weights[i] * sum;
			at = i;
		}
		s->weights[at]++;
	}
}

/*
 * Assign sh's buckets: to the servers in turn, to each as many in a row as its
 * weight, unless it has its share.
 */
static void hash_sh_assign(struct scheds *s)
{
	u32 i, row, bucket = 0;

	if (!scheds_pool(s)->n)
		return;
	hash_sh_shares(s);
	for (i = 0; bucket < BUCKETS; i = (i + 1) % s->n) {
		row = min(s->servers[i].weight, s->weights[i]);
		s->weights[i] -= row;
		for (; row && bucket < BUCKETS; row--)
			s->order[bucket++] = i;
	}
}

static u32 hash_sh(const struct scheds *s, const struct lbdr_flow *flow,
		   u32 flags)
{
	u32 port = ntohs(flow->family == LBDR_V4 ? flow->v4.ports.cport :
						   flow->v6.ports.cport);
	u32 bucket = hash_bucket(flow, false,
				 flags & LBDR_SCHED_FLAG_PORT ? port : 0);
	u32 i, at;

	if (!scheds_pool(s)->n)
		return SCHEDS_NONE;
	at = s->order[bucket];
	if (scheds_is_open(s, at))
		return at;
	for (i = 0; flags & LBDR_SCHED_FLAG_FALLBACK && i < BUCKETS; i++) {
		at = s->order[(2 * bucket + i) % BUCKETS];
		if (scheds_is_open(s, at))
			return at;
	}
	return SCHEDS_NONE;
}

/**
 * struct hash - a scheduler and its reference
 * @name: name of the scheduler
 * @pick: the reference
 * @vip: it hashes the VIP, otherwise the client's address
 */
struct hash {
	const char	*name;
	u32		(*pick)(const struct scheds *s,
				const struct lbdr_flow *flow, u32 flags);
	bool		vip;
};

static const struct hash hashes[] = {
	{ "dh", hash_dh, true },
	{ "sh", hash_sh, false },
};

KUNIT_ARRAY_PARAM_DESC(hash, hashes, name);

/* Random pools, flags, flows and overload; two picks select the same server. */
static void hash_random_test(struct kunit *test)
{
	const struct hash *hash = test->param_value;
	const struct lbdr_sched_ops *ops = scheds_get(test, hash->name);
	u32 i, j, n, flags, expected, none = 0, later = 0;
	struct scheds *s = test->priv;
	struct lbdr_flow flow;
	struct rnd_state rnd;

	lbdr_kunit_seed(test, &rnd);
	for (i = 0; i < POOLS; i++) {
		flags = ops->flags & lbdr_kunit_below(&rnd, 4);
		n = i % 64 ? SCHEDS_FEW : 2 * BUCKETS;
		scheds_add_random(test, &rnd, 1 + lbdr_kunit_below(&rnd, n));
		scheds_build(test, ops, flags, 0);
		hash_sh_assign(s);
		scheds_random_overload(s, &rnd);
		for (j = 0; j < FLOWS; j++) {
			flow = scheds_flow(s, &rnd);
			expected = hash->pick(s, &flow, flags);
			KUNIT_ASSERT_EQ_MSG(test, scheds_pick(s, &flow), expected,
					    "%u servers, flags %u", s->n, flags);
			KUNIT_ASSERT_EQ(test, scheds_pick(s, &flow), expected);
			none += expected == SCHEDS_NONE;
			later += expected != SCHEDS_NONE && expected > 0;
		}
		cond_resched();
	}
	KUNIT_EXPECT_GT(test, none, POOLS / 10);
	KUNIT_EXPECT_GT(test, later, POOLS);
}

/*
 * Consecutive addresses are distributed over the servers in proportion to their
 * buckets, within SPREAD_PERCENT. The other address and the ports are random and
 * have no effect.
 */
static void hash_spread_test(struct kunit *test)
{
	const struct hash *hash = test->param_value;
	const struct lbdr_sched_ops *ops = scheds_get(test, hash->name);
	u32 n, i, first, at, ideal, buckets[SCHEDS_FEW], family;
	struct scheds *s = test->priv;
	struct lbdr_flow flow;
	struct rnd_state rnd;

	lbdr_kunit_seed(test, &rnd);
	for (n = 1; n <= SCHEDS_FEW; n++) {
		family = n % LBDR_FAMILIES;
		scheds_clear(test, family);
		while (s->n < n)
			scheds_add(s, 1);
		scheds_build(test, ops, 0, 0);
		memset(s->counts, 0, sizeof(s->counts));
		memset(buckets, 0, sizeof(buckets));
		for (i = 0; i < BUCKETS; i++)
			buckets[i % n]++;
		first = prandom_u32_state(&rnd);
		for (i = 0; i < CLIENTS; i++) {
			flow = scheds_flow(s, &rnd);
			if (family == LBDR_V4)
				*(hash->vip ? &flow.v4.vip : &flow.v4.client) =
					htonl(first + i);
			else
				*(hash->vip ? &flow.v6.vip : &flow.v6.client) =
					(struct in6_addr) { .s6_addr32[3] =
						htonl(first + i) };
			at = scheds_pick(s, &flow);
			KUNIT_ASSERT_LT(test, at, n);
			s->counts[at]++;
		}
		for (i = 0; i < n; i++) {
			ideal = buckets[i] * (CLIENTS / BUCKETS);
			KUNIT_ASSERT_LE_MSG(test, abs_diff(s->counts[i], ideal),
					    DIV_ROUND_UP(ideal * SPREAD_PERCENT, 100),
					    "server %u of %u has %u of %u", i, n,
					    s->counts[i], CLIENTS);
		}
	}
}

/* Overload of a server moves only its own clients. */
static void hash_overload_test(struct kunit *test)
{
	const struct hash *hash = test->param_value;
	const struct lbdr_sched_ops *ops = scheds_get(test, hash->name);
	u32 i, n, at, closed, others = 0, own = 0;
	struct scheds *s = test->priv;
	struct lbdr_flow *flows;
	struct rnd_state rnd;

	lbdr_kunit_seed(test, &rnd);
	flows = kunit_kcalloc(test, BUCKETS, sizeof(*flows), GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, flows);
	for (n = 2; n <= SCHEDS_FEW; n++) {
		scheds_clear(test, n % LBDR_FAMILIES);
		while (s->n < n)
			scheds_add(s, 1);
		scheds_build(test, ops, ops->flags & LBDR_SCHED_FLAG_FALLBACK,
			     0);
		for (i = 0; i < BUCKETS; i++) {
			flows[i] = scheds_flow(s, &rnd);
			s->drawn[i] = scheds_pick(s, &flows[i]);
		}
		closed = lbdr_kunit_below(&rnd, n);
		s->servers[closed].overloaded = true;
		for (i = 0; i < BUCKETS; i++) {
			at = scheds_pick(s, &flows[i]);
			KUNIT_ASSERT_NE(test, at, closed);
			KUNIT_ASSERT_NE(test, at, SCHEDS_NONE);
			if (s->drawn[i] == closed) {
				own++;
				continue;
			}
			KUNIT_ASSERT_EQ(test, at, s->drawn[i]);
			others++;
		}
	}
	KUNIT_EXPECT_GT(test, own, BUCKETS);
	KUNIT_EXPECT_GT(test, others, BUCKETS);
}

/* The hash depends only on the address, and with the flag on the port. */
static void hash_fields_test(struct kunit *test)
{
	static const u32 weights[] = { 1, 1, 1, 1, 1, 1, 1 };
	const struct hash *hash = test->param_value;
	const struct lbdr_sched_ops *ops = scheds_get(test, hash->name);
	struct scheds *s = test->priv;
	u32 i, by_port = 0, by_address = 0;
	struct lbdr_flow flow, other;
	struct rnd_state rnd;

	lbdr_kunit_seed(test, &rnd);
	scheds_add_all(test, weights, ARRAY_SIZE(weights));
	scheds_build(test, ops, 0, 0);
	for (i = 0; i < BUCKETS; i++) {
		flow = scheds_flow(s, &rnd);
		other = scheds_flow(s, &rnd);
		if (hash->vip)
			other.v4.vip = flow.v4.vip;
		else
			other.v4.client = flow.v4.client;
		KUNIT_ASSERT_EQ(test, scheds_pick(s, &flow),
				scheds_pick(s, &other));
	}
	scheds_build(test, ops, ops->flags & LBDR_SCHED_FLAG_PORT, 0);
	for (i = 0; i < BUCKETS; i++) {
		flow = scheds_flow(s, &rnd);
		other = flow;
		other.v4.ports.cport = htons(ntohs(flow.v4.ports.cport) ^ 0x155);
		by_port += scheds_pick(s, &flow) != scheds_pick(s, &other);
		other = scheds_flow(s, &rnd);
		by_address += scheds_pick(s, &flow) != scheds_pick(s, &other);
	}
	KUNIT_EXPECT_EQ(test, by_port > BUCKETS / 2,
			!!(ops->flags & LBDR_SCHED_FLAG_PORT));
	KUNIT_EXPECT_GT(test, by_address, BUCKETS / 2);
}

/* Numbers of servers and their weights, of random size. */
static void hash_random_weights(struct kunit *test, struct rnd_state *rnd,
				u32 kind)
{
	struct scheds *s = test->priv;
	u32 n = 1 + lbdr_kunit_below(rnd, kind % 8 ? 12 : 2 * BUCKETS);
	u32 equal = 1 + lbdr_kunit_below(rnd, LBDR_WEIGHT_MAX);

	scheds_clear(test, kind % LBDR_FAMILIES);
	while (s->n < n)
		scheds_add(s, kind % 3 ? scheds_random_weight(rnd) : equal);
}

/*
 * Clients of all buckets are distributed over sh's servers in proportion to their
 * weights, whatever these are: each server's share of the buckets is off by less than
 * one bucket, or by less than 1/16.
 */
static void hash_weight_test(struct kunit *test)
{
	const struct lbdr_sched_ops *sh = scheds_get(test, "sh");
	u32 i, j, n, at, bucket, above = 0;
	struct scheds *s = test->priv;
	DECLARE_BITMAP(seen, BUCKETS);
	struct lbdr_flow flow;
	struct rnd_state rnd;
	u64 sum;

	lbdr_kunit_seed(test, &rnd);
	for (i = 0; i < POOLS / 8; i++) {
		hash_random_weights(test, &rnd, i);
		scheds_build(test, sh, 0, 0);
		if (!scheds_pool(s)->n)
			continue;
		for (sum = 0, j = 0; j < s->n; j++)
			sum += s->servers[j].weight;
		above += sum > BUCKETS;
		bitmap_zero(seen, BUCKETS);
		memset(s->counts, 0, sizeof(s->counts));
		/* One client of each bucket. */
		for (n = 0; n < BUCKETS;) {
			flow = scheds_flow(s, &rnd);
			bucket = hash_bucket(&flow, false, 0);
			if (__test_and_set_bit(bucket, seen))
				continue;
			at = scheds_pick(s, &flow);
			KUNIT_ASSERT_LT(test, at, s->n);
			s->counts[at]++;
			n++;
		}
		for (j = 0; j < s->n; j++)
			KUNIT_ASSERT_LT_MSG(test,
					    abs_diff(s->counts[j] * sum,
						     (u64)BUCKETS * s->servers[j].weight),
					    max_t(u64, sum,
						  BUCKETS / 16 * s->servers[j].weight),
					    "server %u of %u, weight %u of %llu, has %u buckets",
					    j, s->n, s->servers[j].weight, sum,
					    s->counts[j]);
		cond_resched();
	}
	KUNIT_EXPECT_GT(test, above, POOLS / 80);
}

/* Four servers of weight 100 get a quarter of the clients each. */
static void hash_equal_test(struct kunit *test)
{
	static const u32 weights[] = { 100, 100, 100, 100 };
	struct scheds *s = test->priv;
	struct lbdr_flow flow;
	u32 i, at;

	scheds_add_all(test, weights, ARRAY_SIZE(weights));
	scheds_build(test, scheds_get(test, "sh"), 0, 0);
	memset(s->counts, 0, sizeof(s->counts));
	for (i = 0; i < 120; i++) {
		flow = (struct lbdr_flow) {
			.family	   = LBDR_V4,
			.event	   = LBDR_EVENT_SYN,
			.v4.client = htonl(0xc6336401 + i),
		};
		at = scheds_pick(s, &flow);
		KUNIT_ASSERT_LT(test, at, s->n);
		s->counts[at]++;
	}
	for (i = 0; i < s->n; i++) {
		KUNIT_EXPECT_GT_MSG(test, s->counts[i], 24, "server %u", i);
		KUNIT_EXPECT_LT_MSG(test, s->counts[i], 36, "server %u", i);
	}
}

static struct kunit_case hash_cases[] = {
	KUNIT_CASE_PARAM(hash_random_test, hash_gen_params),
	KUNIT_CASE_PARAM(hash_spread_test, hash_gen_params),
	KUNIT_CASE_PARAM(hash_overload_test, hash_gen_params),
	KUNIT_CASE_PARAM(hash_fields_test, hash_gen_params),
	KUNIT_CASE(hash_weight_test),
	KUNIT_CASE(hash_equal_test),
	{}
};

static struct kunit_suite hash_suite = {
	.name		= "lbdr_sched_hash",
	.init		= scheds_init,
	.exit		= scheds_exit,
	.test_cases	= hash_cases,
};

kunit_test_suites(&hash_suite);
