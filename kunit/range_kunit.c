// SPDX-License-Identifier: GPL-2.0
/*
 * Ranges of ports of one VIP, compared with a table of all ports: random transactions
 * add, remove and replace ranges. Works on the initial namespace, which has no services
 * of others.
 */
#include <kunit/test.h>
#include <linux/mm.h>

#include "config.h"
#include "lbdr_kunit.h"
#include "range.h"
#include "sched.h"
#include "symbols.h"

#define VIP	0xc6336465
#define PORTS	2000
#define ROUNDS	150

/* By port: the first port of its range, or 0. */
struct ranges {
	u16	first[PORTS + 1];
	u16	last[PORTS + 1];
	bool	all;
};

static struct lbdr_service_key range_key(u16 first, u16 last)
{
	return (struct lbdr_service_key) {
		.addr.ip = htonl(VIP),
		.protocol = IPPROTO_TCP,
		.family = LBDR_V4,
		.port = htons(first),
		.last_port = htons(last),
	};
}

static void range_begin(struct kunit *test, struct lbdr_config *config)
{
	struct lbdr_net *ln = lbdr_net(&init_net);

	mutex_lock(&ln->config);
	lbdr_config_begin(config, ln, true, NULL);
}

static int range_commit(struct lbdr_config *config)
{
	struct lbdr_net *ln = config->ln;
	int err = lbdr_config_commit(config);

	lbdr_config_end(config);
	mutex_unlock(&ln->config);
	return err;
}

static int range_add(struct lbdr_config *config, u16 first, u16 last)
{
	static const struct lbdr_service_settings settings = { .prefix = 32 };
	const struct lbdr_sched sched = { .ops = lbdr_sched_find("rr") };
	const struct lbdr_service_key key = range_key(first, last);

	return lbdr_config_service_add(config, &key, &sched, &settings);
}

static int range_del(struct lbdr_config *config, u16 first, u16 last)
{
	const struct lbdr_service_key key = range_key(first, last);
	struct lbdr_staged_service *staged = lbdr_config_service(config, &key);

	if (IS_ERR(staged))
		return PTR_ERR(staged);
	lbdr_config_service_del(config, staged);
	return 0;
}

static void range_fill(struct ranges *ranges, u16 first, u16 last, bool add)
{
	u32 port;

	for (port = first; port <= last; port++) {
		ranges->first[port] = add ? first : 0;
		ranges->last[port] = add ? last : 0;
	}
}

/* One change that is right, or one that the module must refuse. */
static void range_change(struct kunit *test, struct rnd_state *rnd,
			 struct lbdr_config *config, struct ranges *ranges)
{
	u16 first = 1 + lbdr_kunit_below(rnd, PORTS - 1), last, port;
	bool overlaps = false;

	if (!lbdr_kunit_below(rnd, 20)) {
		KUNIT_EXPECT_EQ(test, ranges->all ? range_del(config, 0, 0) :
						    range_add(config, 0, 0), 0);
		ranges->all = !ranges->all;
		return;
	}
	if (ranges->first[first] && lbdr_kunit_below(rnd, 2)) {
		last = ranges->last[first];
		first = ranges->first[first];
		KUNIT_EXPECT_EQ(test, range_del(config, first, last), 0);
		range_fill(ranges, first, last, false);
		return;
	}
	last = first + 1 + lbdr_kunit_below(rnd, 8);
	if (last > PORTS)
		last = PORTS;
	if (last <= first)
		return;
	for (port = first; port <= last; port++)
		overlaps |= ranges->first[port];
	if (ranges->first[first] == first && ranges->last[first] == last)
		return;
	KUNIT_EXPECT_EQ(test, range_add(config, first, last),
			overlaps ? -ENOTUNIQ : 0);
	if (!overlaps)
		range_fill(ranges, first, last, true);
}

static void range_check(struct kunit *test, const struct ranges *ranges)
{
	struct lbdr_net *ln = lbdr_net(&init_net);
	const struct lbdr_service *service;
	struct lbdr_service_key key;
	u32 port, wrong = 0;
	u16 found;

	for (port = 1; port <= PORTS; port++) {
		key = range_key(port, 0);
		rcu_read_lock();
		service = lbdr_range_find(ln, &key);
		found = service ? ntohs(service->key.port) : 0;
		wrong += found != ranges->first[port] ||
			 !!service != (ranges->first[port] || ranges->all);
		rcu_read_unlock();
	}
	KUNIT_EXPECT_EQ(test, wrong, 0);
}

static void range_random_test(struct kunit *test)
{
	struct lbdr_config *config = kunit_kzalloc(test, sizeof(*config), GFP_KERNEL);
	struct ranges *ranges = kunit_kzalloc(test, sizeof(*ranges), GFP_KERNEL);
	struct rnd_state rnd;
	u32 round, i, n;

	KUNIT_ASSERT_NOT_NULL(test, config);
	KUNIT_ASSERT_NOT_NULL(test, ranges);
	lbdr_kunit_seed(test, &rnd);
	for (round = 0; round < ROUNDS; round++) {
		range_begin(test, config);
		if (!lbdr_kunit_below(&rnd, 10)) {
			lbdr_config_flush(config);
			memset(ranges, 0, sizeof(*ranges));
		}
		n = 1 + lbdr_kunit_below(&rnd, 40);
		for (i = 0; i < n; i++)
			range_change(test, &rnd, config, ranges);
		KUNIT_EXPECT_EQ(test, range_commit(config), 0);
		range_check(test, ranges);
		cond_resched();
	}
}

static int range_init(struct kunit *test)
{
	KUNIT_ASSERT_EQ(test, lbdr_symbols_get_defrag(LBDR_V4), 0);
	KUNIT_ASSERT_TRUE(test, list_empty(&lbdr_net(&init_net)->service_list));
	return 0;
}

static void range_exit(struct kunit *test)
{
	struct lbdr_net *ln = lbdr_net(&init_net);

	mutex_lock(&ln->config);
	lbdr_config_clear(ln);
	mutex_unlock(&ln->config);
	KUNIT_EXPECT_EQ(test, ln->n_wide, 0);
	KUNIT_EXPECT_EQ(test, atomic_read(&ln->wide.nelems), 0);
}

static struct kunit_case range_cases[] = {
	KUNIT_CASE(range_random_test),
	{}
};

static struct kunit_suite range_suite = {
	.name = "lbdr_range",
	.init = range_init,
	.exit = range_exit,
	.test_cases = range_cases,
};

kunit_test_suites(&range_suite);
