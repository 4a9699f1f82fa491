// SPDX-License-Identifier: GPL-2.0
/*
 * Services: which is which, what packets find, settings, counters and references.
 */
#include <kunit/test.h>
#include <net/net_namespace.h>

#include "config.h"
#include "domain.h"
#include "live.h"
#include "netlink.h"
#include "pool.h"
#include "reclaim.h"
#include "sched.h"
#include "stats.h"
#include "vip.h"

#define VRF	"kunitvrf"

static const struct lbdr_server_settings one = { .weight = 1 };

/* The VRF's L3 domain; services hold it from then on. */
static u16 vrf_domain(struct kunit *test)
{
	int id = lbdr_domain_get_by_name(live_net(), VRF);

	KUNIT_ASSERT_GT(test, id, 0);
	return id;
}

/* Keys that differ in one member, by whose values packets could be mistaken. */
static u32 similar_keys(struct lbdr_service_key *keys, u16 domain)
{
	u32 i;

	for (i = 0; i < 12; i++)
		keys[i] = live_key(80);
	keys[1].port = htons(81);
	keys[2].port = 0;
	keys[3].last_port = htons(82);
	keys[4].protocol = IPPROTO_UDP;
	keys[5].protocol = IPPROTO_SCTP;
	keys[6].addr.ip ^= htonl(1);
	keys[7].family = LBDR_V6;
	keys[8].family = LBDR_V6;
	keys[8].addr.ip6[3] = htonl(1);
	keys[9].domain = domain;
	/* Fwmarks, whose word is that of the VIP */
	keys[10].protocol = 0;
	keys[10].port = 0;
	keys[11] = keys[10];
	keys[11].family = LBDR_V6;
	return 12;
}

static bool vip_passes(const struct lbdr_service_key *key)
{
	bool passes;

	rcu_read_lock();
	passes = key->family == LBDR_V4 ? lbdr_vips_has4(live_net(), key->addr.ip) :
					  lbdr_vips_has6(live_net(), &key->addr.in6);
	rcu_read_unlock();
	return passes;
}

/* Keys @from to @n - 1 have services, each its own, and the others have none. */
static void expect_services(struct kunit *test, const struct lbdr_service_key *keys,
			    u32 from, u32 n)
{
	u32 i, linked[LBDR_FAMILIES] = {}, marked[LBDR_FAMILIES] = {};
	struct lbdr_net *ln = live_net();
	struct lbdr_service *service;

	for (i = 0; i < n; i++) {
		service = live_service(&keys[i]);
		KUNIT_EXPECT_EQ_MSG(test, !!service, i >= from, "key %u", i);
		if (!service)
			continue;
		KUNIT_EXPECT_TRUE_MSG(test, lbdr_service_key_equal(&service->key, &keys[i]),
				      "key %u", i);
		linked[keys[i].family]++;
		marked[keys[i].family] += lbdr_service_key_marked(&keys[i]);
		if (!lbdr_service_key_marked(&keys[i]))
			KUNIT_EXPECT_TRUE_MSG(test, vip_passes(&keys[i]), "key %u", i);
	}
	KUNIT_EXPECT_EQ(test, list_count_nodes(&ln->service_list), n - from);
	for (i = 0; i < LBDR_FAMILIES; i++) {
		KUNIT_EXPECT_EQ(test, ln->n_services[i], linked[i]);
		KUNIT_EXPECT_EQ(test, ln->n_marked[i], marked[i]);
		KUNIT_EXPECT_EQ(test, ln->hooked[ln->entry][i], !!linked[i]);
		KUNIT_EXPECT_EQ(test, ln->hooked[LBDR_HOOK_MARKED][i], !!marked[i]);
	}
}

static void service_identity_test(struct kunit *test)
{
	struct lbdr_service_key keys[12];
	u16 domain = vrf_domain(test);
	u32 i, n = similar_keys(keys, domain);

	for (i = 0; i < n; i++)
		KUNIT_EXPECT_EQ_MSG(test, live_service_add(&keys[i], "rr"), 0, "key %u", i);
	lbdr_domain_put(live_net(), domain);
	expect_services(test, keys, 0, n);
	for (i = 0; i < n; i++) {
		KUNIT_EXPECT_EQ(test, live_service_add(&keys[i], "mh"), -EEXIST);
		KUNIT_EXPECT_EQ(test, live_service_del(&keys[i]), 0);
		KUNIT_EXPECT_EQ(test, live_service_del(&keys[i]), -ESRCH);
		expect_services(test, keys, i + 1, n);
	}
	for (i = 0; i < n; i++)
		KUNIT_EXPECT_FALSE_MSG(test, vip_passes(&keys[i]), "key %u", i);
}

struct overlap_case {
	u16	first[2];
	u16	last[2];
	bool	overlap;
};

static void service_overlap_test(struct kunit *test)
{
	static const struct overlap_case cases[] = {
		{ { 80, 90 }, { 89, 99 }, false },
		{ { 80, 89 }, { 89, 99 }, true },
		{ { 80, 85 }, { 99, 86 }, true },
		{ { 80, 80 }, { 89, 89 }, true },
		{ { 1, 65534 }, { 65533, 65535 }, false },
		{ { 1, 65534 }, { 65535, 65535 }, true },
		/* A service of one port or of all ports is beside a range. */
		{ { 80, 85 }, { 89, 0 }, false },
		{ { 80, 0 }, { 89, 0 }, false },
		{ { 0, 0 }, { 0, 0 }, false },
	};
	struct lbdr_service_key keys[2];
	u32 i, j;

	for (i = 0; i < ARRAY_SIZE(cases); i++) {
		for (j = 0; j < 2; j++) {
			keys[j] = live_key(cases[i].first[j]);
			keys[j].last_port = htons(cases[i].last[j]);
		}
		KUNIT_EXPECT_EQ_MSG(test, lbdr_service_overlap(&keys[0], &keys[1]),
				    cases[i].overlap, "case %u", i);
		KUNIT_EXPECT_EQ_MSG(test, lbdr_service_overlap(&keys[1], &keys[0]),
				    cases[i].overlap, "case %u", i);
		keys[1].domain = 1;
		KUNIT_EXPECT_FALSE(test, lbdr_service_overlap(&keys[0], &keys[1]));
		keys[1].domain = 0;
		keys[1].protocol = IPPROTO_UDP;
		KUNIT_EXPECT_FALSE(test, lbdr_service_overlap(&keys[0], &keys[1]));
		keys[1] = keys[0];
		keys[1].addr.ip ^= htonl(1);
		KUNIT_EXPECT_FALSE(test, lbdr_service_overlap(&keys[0], &keys[1]));
	}
}

/* What a client's packet finds */
static struct lbdr_service *found(u8 protocol, u16 port, u16 domain)
{
	const struct lbdr_flow flow = live_flow(protocol, 1024, port, domain);
	struct lbdr_service *service;

	rcu_read_lock();
	service = lbdr_service_of_flow(live_net(), &flow);
	rcu_read_unlock();
	return service;
}

static struct lbdr_service *found_marked(enum lbdr_family family, u32 mark, u16 domain)
{
	struct lbdr_service *service;

	rcu_read_lock();
	service = lbdr_service_of_mark(live_net(), family, mark, domain);
	rcu_read_unlock();
	return service;
}

/* The narrowest one, and first of all those that are bound to the packet's VRF. */
static void service_order_test(struct kunit *test)
{
	enum { ONE, RANGE, ALL, BOUND, BOUND_ALL, N };
	static const struct {
		u8	protocol;
		u16	port;
		bool	in_vrf;
		/* The services that match, the first one first; -1 ends them. */
		int	want[N + 1];
	} rows[] = {
		{ IPPROTO_TCP, 80, false, { ONE, RANGE, ALL, -1 } },
		{ IPPROTO_TCP, 85, false, { RANGE, ALL, -1 } },
		{ IPPROTO_TCP, 90, false, { ALL, -1 } },
		{ IPPROTO_TCP, 80, true, { BOUND, BOUND_ALL, ONE, RANGE, ALL, -1 } },
		{ IPPROTO_TCP, 85, true, { BOUND_ALL, RANGE, ALL, -1 } },
		{ IPPROTO_UDP, 80, false, { -1 } },
		{ IPPROTO_SCTP, 80, true, { -1 } },
	};
	u16 vrf, domain = vrf_domain(test);
	struct lbdr_service_key keys[N];
	struct lbdr_service *want;
	const int *at;
	u32 i, n;

	for (i = 0; i < N; i++)
		keys[i] = live_key(80);
	keys[RANGE].last_port = htons(89);
	keys[ALL].port = 0;
	keys[BOUND].domain = domain;
	keys[BOUND_ALL].domain = domain;
	keys[BOUND_ALL].port = 0;
	for (i = 0; i < ARRAY_SIZE(rows); i++) {
		for (n = 0; n < N; n++)
			KUNIT_EXPECT_EQ(test, live_service_add(&keys[n], "rr"), 0);
		vrf = rows[i].in_vrf ? domain : 0;
		at = rows[i].want;
		do {
			want = *at < 0 ? NULL : live_service(&keys[*at]);
			KUNIT_EXPECT_PTR_EQ_MSG(test, found(rows[i].protocol, rows[i].port, vrf),
						want, "row %u, service %d", i, *at);
			if (want)
				KUNIT_EXPECT_EQ(test, live_service_del(&keys[*at]), 0);
		} while (*at++ >= 0);
		for (n = 0; n < N; n++)
			live_service_del(&keys[n]);
	}
	lbdr_domain_put(live_net(), domain);
}

static void service_mark_test(struct kunit *test)
{
	struct lbdr_service_key mark = { .addr.all[0] = 7, .family = LBDR_V4 };
	struct lbdr_service_key bound = mark, range = live_key(0);
	u16 domain = vrf_domain(test);
	struct lbdr_service *service;

	bound.domain = domain;
	KUNIT_EXPECT_EQ(test, live_service_add(&mark, "rr"), 0);
	KUNIT_EXPECT_FALSE(test, vip_passes(&mark));
	KUNIT_EXPECT_EQ(test, live_service_del(&mark), 0);
	/* The one of all ports of the same word, which is not for marks */
	range.addr = mark.addr;
	KUNIT_EXPECT_EQ(test, live_service_add(&range, "rr"), 0);
	KUNIT_EXPECT_NULL(test, found_marked(LBDR_V4, 7, 0));
	KUNIT_EXPECT_EQ(test, live_service_add(&mark, "rr"), 0);
	KUNIT_EXPECT_EQ(test, live_service_add(&bound, "rr"), 0);
	lbdr_domain_put(live_net(), domain);

	KUNIT_EXPECT_PTR_EQ(test, found_marked(LBDR_V4, 7, 0), live_service(&mark));
	KUNIT_EXPECT_PTR_EQ(test, found_marked(LBDR_V4, 7, domain), live_service(&bound));
	KUNIT_EXPECT_PTR_EQ(test, found_marked(LBDR_V4, 7, domain + 1), live_service(&mark));
	KUNIT_EXPECT_NULL(test, found_marked(LBDR_V4, 8, 0));
	KUNIT_EXPECT_NULL(test, found_marked(LBDR_V6, 7, 0));
	service = live_service(&mark);
	KUNIT_EXPECT_EQ(test, live_service_del(&bound), 0);
	KUNIT_EXPECT_PTR_EQ(test, found_marked(LBDR_V4, 7, domain), service);
	KUNIT_EXPECT_NULL(test, found(IPPROTO_TCP, 80, 0));
}

/* Between link and publish nobody finds it, and undoing leaves nothing. */
static void service_unpublished_test(struct kunit *test)
{
	struct lbdr_service_key key = live_key(80);
	struct lbdr_net *ln = live_net();
	struct lbdr_service *service;
	u16 domain = vrf_domain(test);

	key.domain = domain;
	service = lbdr_service_alloc(ln, &key);
	lbdr_domain_put(ln, domain);
	KUNIT_ASSERT_NOT_NULL(test, service);
	mutex_lock(&ln->config);
	KUNIT_EXPECT_EQ(test, lbdr_service_link(ln, service), 0);
	KUNIT_EXPECT_PTR_EQ(test, lbdr_service_find(ln, &key), NULL);
	KUNIT_EXPECT_NULL(test, found(IPPROTO_TCP, 80, domain));
	KUNIT_EXPECT_EQ(test, ln->n_services[LBDR_V4], 1);
	KUNIT_EXPECT_TRUE(test, ln->hooked[ln->entry][LBDR_V4]);
	KUNIT_EXPECT_TRUE(test, list_empty(&ln->service_list));
	lbdr_service_unlink(ln, service);
	KUNIT_EXPECT_FALSE(test, ln->hooked[ln->entry][LBDR_V4]);
	mutex_unlock(&ln->config);
	lbdr_service_release(service);
}

/* Bytes between two members, which nobody reads. */
static bool is_padding(size_t at)
{
	return at > offsetof(struct lbdr_service_settings, prefix) &&
	       at < offsetof(struct lbdr_service_settings, flags);
}

/* Each byte of the settings is compared, and each is set. */
static void service_settings_test(struct kunit *test)
{
	const struct lbdr_service_key key = live_key(80);
	struct lbdr_service_settings settings = {}, other;
	struct lbdr_net *ln = live_net();
	struct lbdr_service *service;
	size_t at;

	KUNIT_ASSERT_EQ(test, live_service_add(&key, "rr"), 0);
	service = live_service(&key);
	for (at = 0; at < sizeof(settings); at++) {
		other = settings;
		((u8 *)&other)[at] ^= 1;
		KUNIT_EXPECT_EQ_MSG(test, lbdr_service_settings_equal(&settings, &other),
				    is_padding(at), "byte %zu", at);
		mutex_lock(&ln->config);
		lbdr_lock(ln);
		lbdr_service_set(service, &other);
		lbdr_unlock(ln);
		mutex_unlock(&ln->config);
		KUNIT_EXPECT_TRUE_MSG(test,
				      lbdr_service_settings_equal(&service->settings, &other),
				      "byte %zu", at);
	}
}

static void service_sched_equal_test(struct kunit *test)
{
	const struct lbdr_sched sched = {
		.ops = lbdr_sched_find("mh"), .flags = 1, .size = 251,
	};
	struct lbdr_sched other = sched;

	KUNIT_EXPECT_TRUE(test, lbdr_sched_equal(&sched, &other));
	other.ops = lbdr_sched_find("sh");
	KUNIT_EXPECT_FALSE(test, lbdr_sched_equal(&sched, &other));
	other = sched;
	other.flags = 3;
	KUNIT_EXPECT_FALSE(test, lbdr_sched_equal(&sched, &other));
	other = sched;
	other.size = 509;
	KUNIT_EXPECT_FALSE(test, lbdr_sched_equal(&sched, &other));
}

static struct lbdr_server *pick(struct lbdr_service *service)
{
	const struct lbdr_flow flow = live_flow(IPPROTO_TCP, 1024, 80, 0);
	struct lbdr_server *server;

	local_bh_disable();
	rcu_read_lock();
	server = lbdr_pool_pick(service, &flow);
	rcu_read_unlock();
	local_bh_enable();
	return server;
}

/* Without servers it is found, and offers none. */
static void service_empty_test(struct kunit *test)
{
	static const char *const scheds[] = { "rr", "wrr", "lc", "wlc", "sh", "mh", "lblc" };
	const struct lbdr_service_key key = live_key(80);
	u32 i;

	for (i = 0; i < ARRAY_SIZE(scheds); i++) {
		KUNIT_ASSERT_EQ(test, live_service_add(&key, scheds[i]), 0);
		KUNIT_EXPECT_PTR_EQ(test, found(IPPROTO_TCP, 80, 0), live_service(&key));
		KUNIT_EXPECT_NULL(test, pick(live_service(&key)));
		KUNIT_EXPECT_EQ(test, live_server_add(&key, LBDR_V4, 1, &one), 0);
		KUNIT_EXPECT_PTR_EQ(test, pick(live_service(&key)),
				    live_server(&key, LBDR_V4, 1));
		KUNIT_EXPECT_EQ(test, live_server_del(&key, LBDR_V4, 1), 0);
		KUNIT_EXPECT_NULL(test, pick(live_service(&key)));
		KUNIT_EXPECT_EQ(test, live_service_del(&key), 0);
	}
}

/* One reference of the configuration and of each server; those of servers stay. */
static void service_refs_test(struct kunit *test)
{
	const struct lbdr_service_key key = live_key(80);
	struct lbdr_server *server;
	struct lbdr_service *service;

	KUNIT_ASSERT_EQ(test, live_service_add(&key, "rr"), 0);
	service = live_service(&key);
	KUNIT_EXPECT_EQ(test, refcount_read(&service->refs), 1);
	KUNIT_EXPECT_EQ(test, live_server_add(&key, LBDR_V4, 1, &one), 0);
	KUNIT_EXPECT_EQ(test, live_server_add(&key, LBDR_V4, 2, &one), 0);
	KUNIT_EXPECT_EQ(test, refcount_read(&service->refs), 3);
	KUNIT_EXPECT_EQ(test, live_server_del(&key, LBDR_V4, 2), 0);
	lbdr_reclaim_flush();
	KUNIT_EXPECT_EQ(test, refcount_read(&service->refs), 2);

	/* As a connection does */
	server = live_server(&key, LBDR_V4, 1);
	KUNIT_ASSERT_NOT_NULL(test, server);
	lbdr_server_get(server);
	KUNIT_EXPECT_EQ(test, live_service_del(&key), 0);
	lbdr_reclaim_flush();
	KUNIT_EXPECT_EQ(test, refcount_read(&service->refs), 1);
	KUNIT_EXPECT_EQ(test, refcount_read(&server->refs), 1);
	KUNIT_EXPECT_PTR_EQ(test, server->service, service);
	/* Another one of the same key is another one. */
	KUNIT_EXPECT_EQ(test, live_service_add(&key, "rr"), 0);
	KUNIT_EXPECT_PTR_NE(test, live_service(&key), service);
	lbdr_server_put(server);
}

/* The first ports of the services from where a walk stands */
static void expect_walk(struct kunit *test, struct lbdr_service_walk *walk, u32 n,
			const char *want)
{
	const struct lbdr_service *service;
	struct lbdr_net *ln = live_net();
	char got[32] = "";
	size_t at = 0;

	lbdr_lock(ln);
	while (n-- && (service = lbdr_service_walk(ln, walk))) {
		at += scnprintf(got + at, sizeof(got) - at, "%u ", ntohs(service->key.port));
		lbdr_service_walk_next(ln, walk);
	}
	lbdr_unlock(ln);
	KUNIT_EXPECT_STREQ(test, got, want);
}

static void service_walk_test(struct kunit *test)
{
	struct lbdr_service_key key[5];
	struct lbdr_service_walk walk = {}, beside = {};
	u32 i;

	expect_walk(test, &walk, 9, "");
	for (i = 0; i < 5; i++) {
		/* Not the order of the ports */
		key[i] = live_key(i % 2 ? 10 + i : 20 + i);
		if (i < 4)
			KUNIT_ASSERT_EQ(test, live_service_add(&key[i], "rr"), 0);
	}
	expect_walk(test, &walk, 9, "20 11 22 13 ");
	expect_walk(test, &walk, 9, "");
	walk = (struct lbdr_service_walk) {};
	expect_walk(test, &walk, 2, "20 11 ");
	/* It goes on at its place, while another one goes its own way. */
	expect_walk(test, &beside, 1, "20 ");
	expect_walk(test, &walk, 1, "22 ");
	/* What is added comes last; one before the place goes, so one is left out. */
	KUNIT_EXPECT_EQ(test, live_service_add(&key[4], "rr"), 0);
	KUNIT_EXPECT_EQ(test, live_service_del(&key[2]), 0);
	expect_walk(test, &walk, 9, "24 ");
	expect_walk(test, &beside, 9, "11 13 24 ");
}

static void count(struct lbdr_server *server, u32 n)
{
	local_bh_disable();
	lbdr_stats_add(server->stats, n, 10 * n, 100 * n);
	local_bh_enable();
}

/* @n: what count() has added in all */
static void expect_counts(struct kunit *test, const struct lbdr_counts *counts, u64 n)
{
	KUNIT_EXPECT_EQ(test, counts->conns, n);
	KUNIT_EXPECT_EQ(test, counts->packets, 10 * n);
	KUNIT_EXPECT_EQ(test, counts->bytes, 100 * n);
}

static void expect_service_counts(struct kunit *test, struct lbdr_service *service, u64 n)
{
	struct lbdr_counts counts;

	lbdr_lock(live_net());
	lbdr_service_counts(service, &counts);
	lbdr_unlock(live_net());
	expect_counts(test, &counts, n);
}

static void zero(struct lbdr_service *service)
{
	mutex_lock(&live_net()->config);
	lbdr_config_zero(live_net(), service, NULL);
	mutex_unlock(&live_net()->config);
}

/* The sum over its servers, removed ones included; what is set to 0 is not lost. */
static void service_counts_test(struct kunit *test)
{
	const struct lbdr_service_key key = live_key(80);
	struct lbdr_net *ln = live_net();
	struct lbdr_service *service;
	u32 i, read = 0;

	zero(NULL);
	KUNIT_ASSERT_EQ(test, live_service_add(&key, "rr"), 0);
	service = live_service(&key);
	for (i = 1; i <= 3; i++) {
		KUNIT_ASSERT_EQ(test, live_server_add(&key, LBDR_V4, i, &one), 0);
		count(live_server(&key, LBDR_V4, i), i);
	}
	expect_service_counts(test, service, 6);
	KUNIT_EXPECT_TRUE(test, lbdr_service_counts_fit(service, &read));
	KUNIT_EXPECT_EQ(test, read, 3 * num_possible_cpus());
	read = U16_MAX;
	KUNIT_EXPECT_FALSE(test, lbdr_service_counts_fit(service, &read));
	KUNIT_EXPECT_EQ(test, live_server_del(&key, LBDR_V4, 3), 0);
	expect_service_counts(test, service, 6);
	/* The same address, but another server */
	KUNIT_EXPECT_EQ(test, live_server_add(&key, LBDR_V4, 3, &one), 0);
	count(live_server(&key, LBDR_V4, 3), 1);
	expect_service_counts(test, service, 7);

	atomic64_inc(&service->drops[LBDR_DROP_STRAY]);
	zero(service);
	expect_service_counts(test, service, 0);
	KUNIT_EXPECT_EQ(test, atomic64_read(&service->drops[LBDR_DROP_STRAY]), 0);
	expect_counts(test, &ln->folded, 7);
	count(live_server(&key, LBDR_V4, 1), 2);
	expect_service_counts(test, service, 2);
	KUNIT_EXPECT_EQ(test, live_server_del(&key, LBDR_V4, 1), 0);
	expect_service_counts(test, service, 2);
	KUNIT_EXPECT_EQ(test, live_service_del(&key), 0);
	expect_counts(test, &ln->folded, 9);
	zero(NULL);
	expect_counts(test, &ln->folded, 0);
}

static void service_flags_test(struct kunit *test)
{
	static const struct {
		u8	protocol;
		u32	flags;
		bool	want;
	} cases[] = {
		{ IPPROTO_UDP, LBDR_SERVICE_FLAG_ONE_PACKET, true },
		{ IPPROTO_UDP, ~LBDR_SERVICE_FLAG_ONE_PACKET, false },
		{ IPPROTO_UDP, ~0, true },
		{ IPPROTO_TCP, LBDR_SERVICE_FLAG_ONE_PACKET, false },
		{ IPPROTO_SCTP, LBDR_SERVICE_FLAG_ONE_PACKET, false },
	};
	struct lbdr_service_key mark = { .addr.all[0] = 7, .family = LBDR_V4 };
	struct lbdr_net *ln = live_net();
	struct lbdr_service *service;
	struct lbdr_flow flow;
	u32 i;

	service = kunit_kzalloc(test, sizeof(*service), GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, service);
	for (i = 0; i < ARRAY_SIZE(cases); i++) {
		/* The bits of a VRF are not those of the protocol. */
		flow = live_flow(cases[i].protocol, 1024, 80, 0x1106);
		service->settings.flags = cases[i].flags;
		KUNIT_EXPECT_EQ_MSG(test, lbdr_service_one_packet(service, &flow),
				    cases[i].want, "case %u", i);
	}

	/* Marks come first where the sysctl says so, and some service has one. */
	KUNIT_ASSERT_EQ(test, ln->mark_first, 0);
	for (i = 0; i < 4; i++) {
		WRITE_ONCE(ln->mark_first, i & 1);
		if (i == 2)
			KUNIT_EXPECT_EQ(test, live_service_add(&mark, "rr"), 0);
		KUNIT_EXPECT_EQ(test, lbdr_service_marks_first(ln, LBDR_V4), i == 3);
		KUNIT_EXPECT_FALSE(test, lbdr_service_marks_first(ln, LBDR_V6));
	}
	WRITE_ONCE(ln->mark_first, 0);
}

#define ATTR(name, len, value)	{ LBDR_A_SERVICE_##name, len, value }
#define TEXT(name, text)	{ LBDR_A_SERVICE_##name, 0, 0, text }

/* Of a service with scheduler rr, to which nothing may happen */
static const struct live_refusal refusals[] = {
	{ "another", lbdr_nl_service_new_doit, {}, -EEXIST, "service exists already" },
	{ "scheduler", lbdr_nl_service_set_doit, { TEXT(SCHEDULER, "none") }, -ENOENT,
	  "scheduler not found" },
	{ "scheduler's flags", lbdr_nl_service_set_doit, { ATTR(SCHED_FLAGS, 4, 1) }, -EINVAL,
	  "option not supported by this scheduler" },
	{ "flag of none", lbdr_nl_service_set_doit,
	  { TEXT(SCHEDULER, "mh"), ATTR(SCHED_FLAGS, 4, 4) }, -EINVAL,
	  "option not supported by this scheduler" },
	{ "size of rr", lbdr_nl_service_set_doit, { ATTR(SCHED_SIZE, 4, 251) }, -EINVAL,
	  "table size not supported" },
	{ "size that is no prime", lbdr_nl_service_set_doit,
	  { TEXT(SCHEDULER, "mh"), ATTR(SCHED_SIZE, 4, 253) }, -ERANGE,
	  "must be a prime number" },
	{ "mask without flags", lbdr_nl_service_set_doit, { ATTR(FLAGS_MASK, 4, 1) }, -EINVAL,
	  "flags are required" },
	{ "one packet of TCP", lbdr_nl_service_set_doit,
	  { ATTR(FLAGS, 4, LBDR_SERVICE_FLAG_ONE_PACKET) }, -EINVAL,
	  "for UDP and fwmark services only" },
	{ "prefix", lbdr_nl_service_set_doit, { ATTR(PERSIST_PREFIX, 1, 33) }, -ERANGE,
	  "must be 1 to 32 for IPv4" },
	{ "VRF", lbdr_nl_service_new_doit, { TEXT(VRF, "a/b") }, -EINVAL,
	  "must be the name of a device" },
	{ "transaction", lbdr_nl_service_del_doit, { ATTR(BATCH, 4, 9) }, -ECANCELED,
	  "transaction" },
};

KUNIT_ARRAY_PARAM_DESC(refusal, refusals, name);

static void service_refusal_test(struct kunit *test)
{
	const struct lbdr_service_key key = live_key(80), none = live_key(81);
	const struct live_refusal gone[] = {
		{ "set", lbdr_nl_service_set_doit, {}, -ESRCH, "service not found" },
		{ "del", lbdr_nl_service_del_doit, {}, -ESRCH, "service not found" },
	};
	struct lbdr_service_settings before;
	struct lbdr_service *service;
	u64 changes;
	u32 i;

	KUNIT_ASSERT_EQ(test, live_service_add(&key, "rr"), 0);
	service = live_service(&key);
	before = service->settings;
	changes = live_net()->n_changes;
	live_expect_refusal(test, test->param_value, &key, LBDR_V4, 0);
	for (i = 0; i < ARRAY_SIZE(gone); i++)
		live_expect_refusal(test, &gone[i], &none, LBDR_V4, 0);
	KUNIT_EXPECT_PTR_EQ(test, live_service(&key), service);
	KUNIT_EXPECT_TRUE(test, lbdr_service_settings_equal(&service->settings, &before));
	KUNIT_EXPECT_EQ(test, live_net()->n_changes, changes);
	KUNIT_EXPECT_EQ(test, list_count_nodes(&live_net()->service_list), 1);
}

/* The next to what is refused is not. */
static void service_bounds_test(struct kunit *test)
{
	static const struct live_refusal allowed[] = {
		{ "prefix", lbdr_nl_service_set_doit, { ATTR(PERSIST_PREFIX, 1, 32) } },
		{ "size", lbdr_nl_service_set_doit,
		  { TEXT(SCHEDULER, "mh"), ATTR(SCHED_SIZE, 4, 251),
		    ATTR(SCHED_FLAGS, 4, 3) } },
		{ "masked flag", lbdr_nl_service_set_doit,
		  { ATTR(FLAGS, 4, ~0), ATTR(FLAGS_MASK, 4, ~LBDR_SERVICE_FLAG_ONE_PACKET) } },
		{ "remove", lbdr_nl_service_del_doit },
	};
	const struct lbdr_service_key key = live_key(80);
	u32 i;

	KUNIT_ASSERT_EQ(test, live_service_add(&key, "rr"), 0);
	for (i = 0; i < ARRAY_SIZE(allowed); i++)
		live_expect_refusal(test, &allowed[i], &key, LBDR_V4, 0);
	KUNIT_EXPECT_NULL(test, live_service(&key));
}

/* The kernel refuses hooks when a namespace has too many. */
static int full_of_hooks(struct lbdr_net *ln, struct lbdr_service *service)
{
	return -E2BIG;
}

static void service_hook_test(struct kunit *test)
{
	const struct live_refusal refusal = {
		"hooks", lbdr_nl_service_new_doit, { TEXT(SCHEDULER, "rr") }, -E2BIG,
		"the kernel has refused",
	};
	const struct lbdr_service_key key = live_key(80);

	kunit_activate_static_stub(test, lbdr_service_link, full_of_hooks);
	live_expect_refusal(test, &refusal, &key, LBDR_V4, 0);
	kunit_deactivate_static_stub(test, lbdr_service_link);
	KUNIT_EXPECT_NULL(test, live_service(&key));
}

static struct kunit_case service_cases[] = {
	KUNIT_CASE(service_identity_test),
	KUNIT_CASE(service_overlap_test),
	KUNIT_CASE(service_order_test),
	KUNIT_CASE(service_mark_test),
	KUNIT_CASE(service_unpublished_test),
	KUNIT_CASE(service_settings_test),
	KUNIT_CASE(service_sched_equal_test),
	KUNIT_CASE(service_empty_test),
	KUNIT_CASE(service_refs_test),
	KUNIT_CASE(service_walk_test),
	KUNIT_CASE(service_counts_test),
	KUNIT_CASE(service_flags_test),
	KUNIT_CASE_PARAM(service_refusal_test, refusal_gen_params),
	KUNIT_CASE(service_bounds_test),
	KUNIT_CASE(service_hook_test),
	{}
};

static struct kunit_suite service_suite = {
	.name		= "lbdr_service",
	.init		= live_init,
	.exit		= live_exit,
	.test_cases	= service_cases,
};

kunit_test_suites(&service_suite);
