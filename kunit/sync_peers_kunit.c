// SPDX-License-Identifier: GPL-2.0
/*
 * The role peers of connection synchronisation as a whole: a new epoch after a copy of the
 * virtual machine, keys that do not stay in memory, and the digest of the configuration.
 * What peers say to each other is in sync_link_kunit.c.
 *
 * The role runs on lo of the initial namespace, with a peer that does not answer.
 */
#include <kunit/test.h>
#include <linux/mm.h>
#include <linux/slab.h>
#include <linux/string.h>

#include "conns.h"
#include "domain.h"
#include "lbdr.h"
#include "lbdr_kunit.h"
#include "sched.h"
#include "service.h"
#include "sync.h"
#include "sync_crypt.h"
#include "sync_peers.h"

/**
 * struct role - the fixture
 * @ln: the initial namespace
 * @keys: of the role
 */
struct role {
	struct lbdr_net		*ln;
	struct lbdr_sync_keys	keys;
};

static struct lbdr_sync_peers *peers_of(struct kunit *test)
{
	struct role *role = test->priv;

	return role->ln->sync.peers;
}

/* Copies the epoch that the role seals its datagrams with. */
static void get_epoch(struct lbdr_sync_peers *peers, u8 epoch[LBDR_SYNC_EPOCH])
{
	mutex_lock(&peers->lock);
	memcpy(epoch, peers->peer[0].link.epoch, LBDR_SYNC_EPOCH);
	mutex_unlock(&peers->lock);
}

static bool is_other(struct lbdr_sync_peers *peers, const u8 epoch[LBDR_SYNC_EPOCH])
{
	u8 now[LBDR_SYNC_EPOCH];

	get_epoch(peers, now);
	return memcmp(now, epoch, LBDR_SYNC_EPOCH);
}

/*
 * A copy of the machine has the epoch and the numbers of its datagrams: it would seal
 * other contents with the same nonces.
 */
static void fork_test(struct kunit *test)
{
	struct lbdr_sync_peers *peers = peers_of(test);
	struct lbdr_sync_link *link = &peers->peer[0].link;
	u8 first[LBDR_SYNC_EPOCH], second[LBDR_SYNC_EPOCH];
	u8 byte = 0;

	get_epoch(peers, first);
	lbdr_sync_fork_notifier.notifier_call(&lbdr_sync_fork_notifier, 0, NULL);
	KUNIT_EXPECT_TRUE(test, conns_wait_for(is_other(peers, first)));
	get_epoch(peers, second);
	lbdr_sync_fork_notifier.notifier_call(&lbdr_sync_fork_notifier, 0, NULL);
	KUNIT_EXPECT_TRUE(test, conns_wait_for(is_other(peers, second)));
	KUNIT_EXPECT_TRUE(test, is_other(peers, first));

	/* A run that has begun before it is told sends nothing more. */
	mutex_lock(&peers->lock);
	KUNIT_EXPECT_EQ(test, link->ops->send(link, &byte, 1), 0);
	lbdr_sync_fork_notifier.notifier_call(&lbdr_sync_fork_notifier, 0, NULL);
	KUNIT_EXPECT_EQ(test, link->ops->send(link, &byte, 1), -EAGAIN);
	mutex_unlock(&peers->lock);
}

/*
 * Looks for a key in memory that may have been freed, which KASAN would report. The memory
 * is one of the kernel's linear mapping, so it can be read.
 */
static __no_sanitize_address bool has_key(const u8 *memory, size_t size, const u8 *key)
{
	size_t at, i;

	for (at = 0; at + LBDR_SYNC_KEY <= size; at++) {
		for (i = 0; i < LBDR_SYNC_KEY; i++)
			if (READ_ONCE(memory[at + i]) != READ_ONCE(key[i]))
				break;
		if (i == LBDR_SYNC_KEY)
			return true;
	}
	return false;
}

/* The memory of a role that was stopped has none of its keys. */
static void wipe_test(struct kunit *test)
{
	struct lbdr_sync_peers *peers = peers_of(test);
	size_t size = struct_size(peers, peer, 1);
	struct role *role = test->priv;
	u8 other[LBDR_SYNC_KEY];

	if (is_vmalloc_addr(peers))
		kunit_skip(test, "the memory is unmapped when it is freed");
	get_random_bytes(other, sizeof(other));
	KUNIT_ASSERT_EQ(test, lbdr_sync_peers_set_key(role->ln, 1, other), 0);
	KUNIT_EXPECT_TRUE(test, has_key((u8 *)peers, size, role->keys.key[0]));
	KUNIT_EXPECT_TRUE(test, has_key((u8 *)peers, size, other));
	lbdr_sync_stop(role->ln, LBDR_SYNC_ROLE_PEERS);
	KUNIT_EXPECT_FALSE(test, has_key((u8 *)peers, size, role->keys.key[0]));
	KUNIT_EXPECT_FALSE(test, has_key((u8 *)peers, size, other));
}

/* Returns the digest of a service without servers; with a VRF unless its name is NULL. */
static u64 digest(struct kunit *test, u16 port, const char *vrf)
{
	struct lbdr_service *service = kunit_kzalloc(test, sizeof(*service), GFP_KERNEL);
	struct role *role = test->priv;
	int domain = 0;
	u64 sum;

	KUNIT_ASSERT_NOT_NULL(test, service);
	if (vrf)
		domain = lbdr_domain_get_by_name(role->ln, vrf);
	KUNIT_ASSERT_GE(test, domain, 0);
	INIT_LIST_HEAD(&service->servers);
	service->ln = role->ln;
	service->key.port = htons(port);
	service->key.domain = domain;
	service->sched.ops = lbdr_sched_find("rr");
	KUNIT_ASSERT_NOT_NULL(test, service->sched.ops);
	lbdr_lock(role->ln);
	sum = lbdr_sync_digest_service(service);
	lbdr_unlock(role->ln);
	lbdr_domain_put(role->ln, domain);
	return sum;
}

/* A VRF counts by its name: the id of its domain is another one at the other director. */
static void digest_vrf_test(struct kunit *test)
{
	struct role *role = test->priv;
	u64 red = digest(test, 80, "red");
	int other;

	/* Another id for the same name */
	other = lbdr_domain_get_by_name(role->ln, "blue");
	KUNIT_ASSERT_GT(test, other, 0);
	KUNIT_EXPECT_EQ(test, digest(test, 80, "red"), red);
	lbdr_domain_put(role->ln, other);
	KUNIT_EXPECT_NE(test, digest(test, 80, "blue"), red);
	KUNIT_EXPECT_NE(test, digest(test, 80, NULL), red);
	KUNIT_EXPECT_NE(test, digest(test, 81, "red"), red);
}

/* Records tell the time that is left, so timeouts count; also those of the namespace. */
static void digest_timeout_test(struct kunit *test)
{
	struct role *role = test->priv;
	u32 *timeout = &role->ln->timeout[LBDR_CONN_STATE_UDP];
	u32 usual = *timeout;
	u64 before = digest(test, 80, NULL), after;

	WRITE_ONCE(*timeout, usual + 1);
	after = digest(test, 80, NULL);
	WRITE_ONCE(*timeout, usual);
	KUNIT_EXPECT_NE(test, after, before);
	KUNIT_EXPECT_EQ(test, digest(test, 80, NULL), before);
}

/* A bulk transfer goes on however many other pages wait, but never fills the ring. */
static void bulk_room_test(struct kunit *test)
{
	struct lbdr_sync_link *link = kunit_kzalloc(test, sizeof(*link), GFP_KERNEL);
	const u32 most = LBDR_SYNC_RING - LBDR_SYNC_BULK_MIN;

	KUNIT_ASSERT_NOT_NULL(test, link);
	link->out.first = 7;
	link->out.next = 7 + most - 1;
	KUNIT_EXPECT_TRUE(test, lbdr_sync_bulk_room(link));
	link->out.bulk = LBDR_SYNC_BULK_MIN - 1;
	KUNIT_EXPECT_TRUE(test, lbdr_sync_bulk_room(link));
	link->out.bulk = LBDR_SYNC_BULK_MIN;
	KUNIT_EXPECT_FALSE(test, lbdr_sync_bulk_room(link));
	link->out.bulk = 0;
	link->out.next = 7 + most;
	KUNIT_EXPECT_FALSE(test, lbdr_sync_bulk_room(link));
	/* With few other pages, more of them wait for their acknowledgment. */
	link->out.bulk = LBDR_SYNC_BULK_MIN;
	link->out.next = 7 + LBDR_SYNC_BULK_MIN;
	KUNIT_EXPECT_TRUE(test, lbdr_sync_bulk_room(link));
}

static int role_init(struct kunit *test)
{
	const struct lbdr_sync_settings settings = {
		.device = "lo",
		.addrs[0].ip = htonl(0x7f000002),
		.n_addrs = 1,
		.family = AF_INET,
		.port = LBDR_SYNC_PEERS_PORT,
		.maxlen = 1472,
		.ttl = 1,
	};
	struct role *role = kunit_kzalloc(test, sizeof(*role), GFP_KERNEL);

	KUNIT_ASSERT_NOT_NULL(test, role);
	if (lbdr_sync_crypt_check()) {
		kunit_skip(test, "no XChaCha20-Poly1305");
		return 0;
	}
	role->ln = lbdr_net(&init_net);
	get_random_bytes(role->keys.key[0], LBDR_SYNC_KEY);
	role->keys.set[0] = true;
	KUNIT_ASSERT_EQ(test, lbdr_sync_start(role->ln, LBDR_SYNC_ROLE_PEERS, &settings,
					      &role->keys), 0);
	test->priv = role;
	return 0;
}

static void role_exit(struct kunit *test)
{
	struct role *role = test->priv;

	if (role)
		lbdr_sync_stop(role->ln, LBDR_SYNC_ROLE_PEERS);
}

static struct kunit_case role_cases[] = {
	KUNIT_CASE(fork_test),
	KUNIT_CASE(wipe_test),
	KUNIT_CASE(digest_vrf_test),
	KUNIT_CASE(digest_timeout_test),
	KUNIT_CASE(bulk_room_test),
	{}
};

static struct kunit_suite role_suite = {
	.name		= "lbdr_sync_peers",
	.init		= role_init,
	.exit		= role_exit,
	.test_cases	= role_cases,
};

kunit_test_suites(&role_suite);
