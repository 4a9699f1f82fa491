// SPDX-License-Identifier: GPL-2.0
/*
 * Sealed datagrams of synchronisation, and the window of their numbers.
 */
#include <kunit/test.h>
#include <linux/slab.h>

#include "lbdr_kunit.h"
#include "sync.h"
#include "sync_crypt.h"

static int crypt_init(struct kunit *test)
{
	struct lbdr_sync_keys *keys = kunit_kzalloc(test, sizeof(*keys), GFP_KERNEL);

	KUNIT_ASSERT_NOT_NULL(test, keys);
	memset(keys->key[0], 7, LBDR_SYNC_KEY);
	keys->set[0] = true;
	test->priv = keys;
	if (lbdr_sync_crypt_check())
		kunit_skip(test, "no XChaCha20-Poly1305");
	return 0;
}

/* What was sealed can be opened; with any bit of any byte changed, or cut, it cannot. */
static void seal_test(struct kunit *test)
{
	static const u8 content[] = "some records";
	struct lbdr_sync_clear clear = { .type = LBDR_SYNC_DATA, .sequence = 0x123456789 };
	const struct lbdr_sync_keys *keys = test->priv;
	u8 data[LBDR_SYNC_SEALING + sizeof(content)], copy[sizeof(data)];
	struct lbdr_sync_clear got = {};
	u32 len, i;

	memset(clear.epoch, 5, sizeof(clear.epoch));
	memcpy(data + LBDR_SYNC_CLEAR, content, sizeof(content));
	len = lbdr_sync_seal(keys, &clear, data, sizeof(content));
	KUNIT_ASSERT_EQ(test, len, (u32)sizeof(data));
	KUNIT_EXPECT_NE(test, memcmp(data + LBDR_SYNC_CLEAR, content, sizeof(content)), 0);
	for (i = 0; i < 8 * len; i++) {
		memcpy(copy, data, len);
		copy[i / 8] ^= 1 << i % 8;
		KUNIT_EXPECT_LT(test, lbdr_sync_open(keys, &got, copy, len), 0);
	}
	for (i = 0; i < len; i++) {
		memcpy(copy, data, len);
		KUNIT_EXPECT_LT(test, lbdr_sync_open(keys, &got, copy, i), 0);
	}
	KUNIT_EXPECT_EQ(test, lbdr_sync_open(keys, &got, data, len),
			(int)sizeof(content));
	KUNIT_EXPECT_EQ(test, memcmp(data + LBDR_SYNC_CLEAR, content, sizeof(content)), 0);
	KUNIT_EXPECT_EQ(test, got.type, clear.type);
	KUNIT_EXPECT_EQ(test, got.sequence, clear.sequence);
	KUNIT_EXPECT_EQ(test, memcmp(got.epoch, clear.epoch, sizeof(got.epoch)), 0);
}

/* Numbers are taken once, within the window. Compared with a plain list. */
static void window_test(struct kunit *test)
{
	struct lbdr_sync_window window;
	struct rnd_state rnd;
	u64 next = 5000, sequence;
	u8 *seen;
	u32 i;

	lbdr_kunit_seed(test, &rnd);
	seen = kunit_kzalloc(test, 200000, GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, seen);
	lbdr_sync_window_begin(&window, next - 1);
	memset(seen, 1, next);
	for (i = 0; i < 50000; i++) {
		bool fresh;

		sequence = next - lbdr_kunit_below(&rnd, 1100) +
			   lbdr_kunit_below(&rnd, i % 500 ? 12 : 1600);
		if (sequence >= 200000)
			break;
		fresh = !seen[sequence] && sequence + LBDR_SYNC_WINDOW >= next;
		KUNIT_ASSERT_EQ(test, lbdr_sync_window_add(&window, sequence), fresh);
		if (fresh)
			seen[sequence] = 1;
		next = max(next, sequence + 1);
	}
	KUNIT_EXPECT_FALSE(test, lbdr_sync_window_add(&window, U64_MAX));
	KUNIT_EXPECT_FALSE(test, lbdr_sync_window_add(&window, 0));
}

static struct kunit_case cases[] = {
	KUNIT_CASE(seal_test),
	KUNIT_CASE(window_test),
	{}
};

static struct kunit_suite suite = {
	.name = "lbdr_sync_crypt",
	.init = crypt_init,
	.test_cases = cases,
};

kunit_test_suite(suite);
