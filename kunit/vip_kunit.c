// SPDX-License-Identifier: GPL-2.0
/*
 * The filter of VIPs: every VIP passes, and few other addresses do, however many VIPs
 * there are and however they came and went. Works on the initial namespace, which has no
 * services of others.
 */
#include <kunit/test.h>
#include <linux/bitmap.h>
#include <linux/mm.h>

#include "config.h"
#include "lbdr_kunit.h"
#include "sched.h"
#include "symbols.h"
#include "vip.h"

#define OTHERS	20000

/* VIPs of 10.0.0.0/8 in order; others have another first byte. */
static struct lbdr_service_key vips_key(u32 i, enum lbdr_family family)
{
	struct lbdr_service_key key = {
		.protocol = IPPROTO_UDP,
		.family = family,
		.port = htons(53),
	};

	if (family == LBDR_V4) {
		key.addr.ip = htonl(0x0a000000 + i);
	} else {
		key.addr.all[0] = htonl(0x20010db8);
		key.addr.all[3] = htonl(i);
	}
	return key;
}

static bool vips_has(struct lbdr_net *ln, const struct lbdr_service_key *key)
{
	bool has;

	rcu_read_lock();
	has = key->family == LBDR_V4 ? lbdr_vips_has4(ln, key->addr.ip) :
				       lbdr_vips_has6(ln, &key->addr.in6);
	rcu_read_unlock();
	return has;
}

/* Adds or removes services @from to @to - 1 by one transaction. */
static void vips_change(struct kunit *test, enum lbdr_family family, u32 from, u32 to,
			bool add)
{
	static const struct lbdr_service_settings settings = { .prefix = 32 };
	const struct lbdr_sched sched = { .ops = lbdr_sched_find("rr") };
	struct lbdr_net *ln = lbdr_net(&init_net);
	struct lbdr_staged_service *staged;
	struct lbdr_service_key key;
	struct lbdr_config *config;
	u32 i;

	config = kunit_kzalloc(test, sizeof(*config), GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, config);
	mutex_lock(&ln->config);
	lbdr_config_begin(config, ln, true, NULL);
	for (i = from; i < to; i++) {
		key = vips_key(i, family);
		if (add) {
			KUNIT_EXPECT_EQ(test, lbdr_config_service_add(config, &key, &sched,
								      &settings), 0);
		} else {
			staged = lbdr_config_service(config, &key);
			KUNIT_EXPECT_FALSE(test, IS_ERR(staged));
			if (!IS_ERR(staged))
				lbdr_config_service_del(config, staged);
		}
		cond_resched();
	}
	KUNIT_EXPECT_EQ(test, lbdr_config_commit(config), 0);
	lbdr_config_end(config);
	mutex_unlock(&ln->config);
	kunit_kfree(test, config);
}

/* Checks VIPs @from to @to - 1, and random addresses of which at most 1/12 may pass. */
static void vips_check(struct kunit *test, struct rnd_state *rnd,
		       enum lbdr_family family, u32 from, u32 to)
{
	struct lbdr_net *ln = lbdr_net(&init_net);
	struct lbdr_service_key key;
	u32 i, missed = 0, passed = 0;

	for (i = from; i < to; i++) {
		key = vips_key(i, family);
		missed += !vips_has(ln, &key);
	}
	KUNIT_EXPECT_EQ(test, missed, 0);
	for (i = 0; i < OTHERS; i++) {
		key = vips_key(0, family);
		if (family == LBDR_V4)
			key.addr.ip = htonl(0xc0000000 | prandom_u32_state(rnd) >> 8);
		else
			key.addr.all[2] = prandom_u32_state(rnd) | 1;
		passed += vips_has(ln, &key);
	}
	kunit_info(test, "%u VIPs: %u of %u other addresses pass\n", to - from, passed,
		   OTHERS);
	KUNIT_EXPECT_LT(test, passed, OTHERS / 12);

	/* Whole networks beside that of the VIPs */
	for (i = 0, passed = 0; i < OTHERS; i++) {
		key = vips_key(0xa80000 + i, family);
		if (family == LBDR_V4)
			key.addr.ip ^= htonl(0xca000000);
		passed += vips_has(ln, &key);
	}
	KUNIT_EXPECT_LT(test, passed, OTHERS / 12);
}

static void vips_size_test(struct kunit *test)
{
	static const u32 steps[] = { 1, 1000, 10000 };
	struct lbdr_net *ln = lbdr_net(&init_net);
	enum lbdr_family family;
	struct rnd_state rnd;
	u32 i, n = 0;

	lbdr_kunit_seed(test, &rnd);
	for (family = 0; family < LBDR_FAMILIES; family++) {
		for (i = 0, n = 0; i < ARRAY_SIZE(steps); i++) {
			vips_change(test, family, n, steps[i], true);
			n = steps[i];
			vips_check(test, &rnd, family, 0, n);
		}
		/* Removed VIPs pass no more than other addresses. */
		vips_change(test, family, 100, n, false);
		vips_check(test, &rnd, family, 0, 100);
		vips_change(test, family, 0, 100, false);
		vips_check(test, &rnd, family, 0, 0);
		KUNIT_EXPECT_EQ(test, ln->n_services[family], 0);
	}
}

/*
 * One service after the other: the filter grows many times. It is not made again for each
 * one that is removed, which would take time in proportion to those that are left.
 */
static void vips_single_test(struct kunit *test)
{
	struct lbdr_net *ln = lbdr_net(&init_net);
	struct lbdr_service_key key;
	const void *filter, *before;
	struct rnd_state rnd;
	u32 i, made = 0;

	lbdr_kunit_seed(test, &rnd);
	for (i = 0; i < 600; i++) {
		vips_change(test, LBDR_V4, i, i + 1, true);
		key = vips_key(lbdr_kunit_below(&rnd, i + 1), LBDR_V4);
		KUNIT_EXPECT_TRUE(test, vips_has(ln, &key));
	}
	vips_check(test, &rnd, LBDR_V4, 0, 600);
	before = rcu_access_pointer(ln->vips[LBDR_V4]);
	for (i = 0; i < 600; i++) {
		vips_change(test, LBDR_V4, i, i + 1, false);
		filter = rcu_access_pointer(ln->vips[LBDR_V4]);
		made += filter != before;
		before = filter;
		if (i % 100 == 50)
			vips_check(test, &rnd, LBDR_V4, i + 1, 600);
	}
	KUNIT_EXPECT_LT(test, made, 60);
	vips_check(test, &rnd, LBDR_V4, 0, 0);
}

static int vips_init(struct kunit *test)
{
	KUNIT_ASSERT_EQ(test, lbdr_symbols_get_defrag(LBDR_V4), 0);
	KUNIT_ASSERT_EQ(test, lbdr_symbols_get_defrag(LBDR_V6), 0);
	KUNIT_ASSERT_TRUE(test, list_empty(&lbdr_net(&init_net)->service_list));
	return 0;
}

static void vips_exit(struct kunit *test)
{
	struct lbdr_net *ln = lbdr_net(&init_net);

	mutex_lock(&ln->config);
	lbdr_config_clear(ln);
	mutex_unlock(&ln->config);
}

static struct kunit_case vips_cases[] = {
	KUNIT_CASE(vips_size_test),
	KUNIT_CASE(vips_single_test),
	{}
};

static struct kunit_suite vips_suite = {
	.name = "lbdr_vip",
	.init = vips_init,
	.exit = vips_exit,
	.test_cases = vips_cases,
};

kunit_test_suites(&vips_suite);
