// SPDX-License-Identifier: GPL-2.0
/*
 * Servers: which is which and in what order, settings, thresholds, tunnels, and what
 * becomes of them while connections exist.
 */
#include <kunit/test.h>
#include <net/net_namespace.h>

#include "config.h"
#include "conns.h"
#include "drain.h"
#include "live.h"
#include "netlink.h"
#include "pool.h"
#include "reclaim.h"
#include "sched.h"
#include "stats.h"

#define MANY	40
/* The server that is 127.0.0.1 */
#define LOOPBACK	(0x7f000001 - LIVE_NET)

static const struct lbdr_server_settings one = { .weight = 1 };
static const struct lbdr_server_settings ipip = {
	.weight = 1, .tunnel.type = LBDR_TUNNEL_IPIP,
};

/* A service of one server, number 1 */
static struct lbdr_server *first_server(struct kunit *test,
					const struct lbdr_service_key *key)
{
	struct lbdr_server *server;

	KUNIT_ASSERT_EQ(test, live_service_add(key, "rr"), 0);
	KUNIT_ASSERT_EQ(test, live_server_add(key, LBDR_V4, 1, &one), 0);
	server = live_server(key, LBDR_V4, 1);
	KUNIT_ASSERT_NOT_NULL(test, server);
	return server;
}

/* By address; listed and numbered in the order of adding. */
static void server_order_test(struct kunit *test)
{
	const struct lbdr_service_key key = live_key(80);
	const struct lbdr_server *server;
	struct lbdr_service *service;
	u32 i, last = 0;

	KUNIT_ASSERT_EQ(test, live_service_add(&key, "rr"), 0);
	service = live_service(&key);
	/* 17 and MANY + 1 have no common divisor: each number once, in no order. */
	for (i = 1; i <= MANY; i++)
		KUNIT_EXPECT_EQ(test, live_server_add(&key, LBDR_V4, i * 17 % (MANY + 1),
						      &one), 0);
	KUNIT_EXPECT_EQ(test, service->n_servers, MANY);
	for (i = 1; i <= MANY; i++) {
		server = live_server(&key, LBDR_V4, i);
		KUNIT_ASSERT_NOT_NULL(test, server);
		KUNIT_EXPECT_EQ(test, ntohl(server->addr.ip), LIVE_NET + i);
		KUNIT_EXPECT_EQ(test, server->number * 17 % (MANY + 1), i);
	}
	KUNIT_EXPECT_NULL(test, live_server(&key, LBDR_V4, MANY + 1));
	KUNIT_EXPECT_NULL(test, live_server(&key, LBDR_V4, 0));

	/* A number is not used again, and every other one stays. */
	for (i = 2; i <= MANY; i += 2)
		KUNIT_EXPECT_EQ(test, live_server_del(&key, LBDR_V4, i), 0);
	KUNIT_EXPECT_EQ(test, live_server_add(&key, LBDR_V4, 2, &one), 0);
	KUNIT_EXPECT_EQ(test, live_server(&key, LBDR_V4, 2)->number, MANY + 1);
	KUNIT_EXPECT_EQ(test, service->n_servers, MANY / 2 + 1);
	list_for_each_entry(server, &service->servers, list) {
		KUNIT_EXPECT_GT(test, server->number, last);
		last = server->number;
	}
	for (i = 3; i <= MANY; i++)
		KUNIT_EXPECT_EQ_MSG(test, !!live_server(&key, LBDR_V4, i), i % 2,
				    "server %u", i);
}

/* The same address is another server in another family, and in another service. */
static void server_identity_test(struct kunit *test)
{
	const struct lbdr_service_key key = live_key(80), other = live_key(81);
	struct lbdr_server *servers[3];
	u32 i;

	servers[0] = first_server(test, &key);
	KUNIT_EXPECT_EQ(test, live_server_add(&key, LBDR_V4, 1, &one), -EEXIST);
	KUNIT_EXPECT_EQ(test, live_server_add(&key, LBDR_V6, 1, &ipip), 0);
	KUNIT_EXPECT_EQ(test, live_server_add(&key, LBDR_V6, 1, &ipip), -EEXIST);
	servers[1] = live_server(&key, LBDR_V6, 1);
	servers[2] = first_server(test, &other);
	KUNIT_EXPECT_PTR_NE(test, servers[0], servers[1]);
	KUNIT_EXPECT_PTR_NE(test, servers[0], servers[2]);
	for (i = 0; i < 3; i++) {
		KUNIT_EXPECT_EQ(test, servers[i]->family, i == 1 ? LBDR_V6 : LBDR_V4);
		KUNIT_EXPECT_PTR_EQ(test, servers[i]->service,
				    live_service(i == 2 ? &other : &key));
	}
	/* They share what belongs to the address. */
	KUNIT_EXPECT_PTR_EQ(test, servers[0]->nexthop, servers[2]->nexthop);
	KUNIT_EXPECT_EQ(test, live_net()->nexthops.n, 2);
	KUNIT_EXPECT_EQ(test, atomic_read(&live_net()->n_servers), 3);
	KUNIT_EXPECT_EQ(test, live_server_del(&key, LBDR_V4, 1), 0);
	KUNIT_EXPECT_EQ(test, live_server_del(&key, LBDR_V4, 1), -ENOENT);
	KUNIT_EXPECT_EQ(test, live_server_set(&key, LBDR_V4, 1, &one), -ENOENT);
	KUNIT_EXPECT_PTR_EQ(test, live_server(&key, LBDR_V6, 1), servers[1]);
	KUNIT_EXPECT_PTR_EQ(test, live_server(&other, LBDR_V4, 1), servers[2]);
}

/* Each byte of the settings is compared, but for one between two members. */
static void server_settings_equal_test(struct kunit *test)
{
	struct lbdr_server_settings settings = {}, other;
	size_t at;

	for (at = 0; at < sizeof(settings); at++) {
		other = settings;
		((u8 *)&other)[at] ^= 1;
		KUNIT_EXPECT_EQ_MSG(test, lbdr_server_settings_equal(&settings, &other),
				    at > offsetof(struct lbdr_server_settings, awaited) &&
				    at < offsetof(struct lbdr_server_settings, hold),
				    "byte %zu", at);
	}
}

static void expect_settings(struct kunit *test, const struct lbdr_server *server,
			    const struct lbdr_server_settings *want, u32 row)
{
	struct lbdr_server_settings settings;

	lbdr_lock(live_net());
	lbdr_server_settings(server, &settings);
	lbdr_unlock(live_net());
	KUNIT_EXPECT_TRUE_MSG(test, lbdr_server_settings_equal(&settings, want), "row %u",
			      row);
}

/* What was set is what is read, of a new server and of one that is changed. */
static void server_settings_test(struct kunit *test)
{
	static const struct lbdr_server_settings rows[] = {
		{ .weight = 0 },
		{ .weight = LBDR_WEIGHT_MAX },
		{ .weight = 1, .upper = 100 },
		{ .weight = 1, .upper = 100, .lower = 7 },
		{ .weight = 1, .upper = U32_MAX, .lower = U32_MAX },
		{ .weight = 1, .port = cpu_to_be16(8080) },
		{ .weight = 1, .tunnel = { .type = LBDR_TUNNEL_IPIP, .ttl = 9 } },
		{ .weight = 1, .tunnel = { .type = LBDR_TUNNEL_GUE, .df = 1,
					   .port = cpu_to_be16(6080),
					   .flags = LBDR_TUNNEL_FLAG_CSUM } },
		{ .weight = 1, .tunnel = { .type = LBDR_TUNNEL_GRE, .prefix = 32,
					   .source.ip = cpu_to_be32(0xc0000201) } },
		{ .weight = 3 },
	};
	const struct lbdr_service_key key = live_key(80);
	struct lbdr_server *server = first_server(test, &key);
	u64 generation;
	u32 i;

	for (i = 0; i < ARRAY_SIZE(rows); i++) {
		generation = live_service(&key)->generation;
		KUNIT_EXPECT_EQ(test, live_server_set(&key, LBDR_V4, 1, &rows[i]), 0);
		KUNIT_EXPECT_PTR_EQ(test, live_server(&key, LBDR_V4, 1), server);
		expect_settings(test, server, &rows[i], i);
		KUNIT_EXPECT_NE(test, live_service(&key)->generation, generation);
		KUNIT_EXPECT_EQ(test, live_server_add(&key, LBDR_V4, 2, &rows[i]), 0);
		expect_settings(test, live_server(&key, LBDR_V4, 2), &rows[i], i);
		KUNIT_EXPECT_EQ(test, live_server_del(&key, LBDR_V4, 2), 0);
	}
	/* The same once more is no change. */
	generation = live_service(&key)->generation;
	KUNIT_EXPECT_EQ(test, live_server_set(&key, LBDR_V4, 1, &rows[i - 1]), 0);
	KUNIT_EXPECT_EQ(test, live_service(&key)->generation, generation);
	KUNIT_EXPECT_EQ(test, server->number, 1);
}

/*
 * A change takes effect in two steps: what lets more connections in is first. @between: what
 * holds after this step.
 */
static void server_opening_test(struct kunit *test)
{
	static const struct {
		struct lbdr_server_settings from, to, between;
	} rows[] = {
		{ { .weight = 0 }, { .weight = 5 }, { .weight = 5 } },
		{ { .weight = 5 }, { .weight = 0 }, { .weight = 5 } },
		{ { .weight = 5 }, { .weight = 7 }, { .weight = 5 } },
		{ { .upper = 5 }, { .upper = 9, .lower = 1 }, { .upper = 9, .lower = 1 } },
		{ { .upper = 9 }, { .upper = 5, .lower = 1 }, { .upper = 9 } },
		{ { .upper = 5, .lower = 1 }, { .upper = 0 }, { .upper = 0 } },
		{ { .upper = 0 }, { .upper = 5 }, { .upper = 0 } },
		{ { .drain = true }, { .weight = 0 }, { .weight = 0 } },
		{ { .weight = 0 }, { .drain = true }, { .weight = 0 } },
		{ { .port = cpu_to_be16(1) }, { .port = cpu_to_be16(2) },
		  { .port = cpu_to_be16(1) } },
	};
	const struct lbdr_service_key key = live_key(80);
	struct lbdr_server *server = first_server(test, &key);
	struct lbdr_server_settings settings;
	struct lbdr_net *ln = live_net();
	u32 i;

	mutex_lock(&ln->config);
	for (i = 0; i < ARRAY_SIZE(rows); i++) {
		lbdr_lock(ln);
		lbdr_server_apply(server, &rows[i].from);
		lbdr_server_apply_opening(server, &rows[i].to);
		lbdr_server_settings(server, &settings);
		KUNIT_EXPECT_TRUE_MSG(test,
				      lbdr_server_settings_equal(&settings, &rows[i].between),
				      "row %u: opening", i);
		lbdr_server_apply(server, &rows[i].to);
		lbdr_server_settings(server, &settings);
		KUNIT_EXPECT_TRUE_MSG(test, lbdr_server_settings_equal(&settings, &rows[i].to),
				      "row %u", i);
		KUNIT_EXPECT_EQ(test, lbdr_drain_any(ln), rows[i].to.drain);
		/* Before the work item finds it */
		lbdr_server_apply(server, &one);
		lbdr_unlock(ln);
	}
	mutex_unlock(&ln->config);
}

static void server_overload_test(struct kunit *test)
{
	static const struct {
		u32	upper, lower;
		int	active, inactive;
		bool	want;
	} rows[] = {
		/* Three quarters of the upper one, which is 3: below it */
		{ 4, 0, 3, 0, false }, { 4, 0, 2, 2, true }, { 4, 0, 0, 3, true },
		{ 4, 0, 2, 0, false }, { 4, 0, 0, 9, true },
		/* A lower one, and a higher upper one */
		{ 9, 2, 2, 2, true }, { 9, 2, 1, 1, true }, { 9, 2, 0, 1, false },
		{ 9, 9, 4, 5, true }, { 9, 9, 4, 4, false },
		{ 1, 0, 1, 0, true }, { 1, 0, 0, 0, false },
		/* A count below 0 is that of a moment. */
		{ 3, 0, -1, 3, true }, { 3, 0, 3, -2, true }, { 3, 0, -5, -5, false },
		/* None is overloaded without an upper one. */
		{ 2, 0, 2, 0, true }, { 0, 0, 2, 0, false }, { 0, 0, 999, 999, false },
		{ U32_MAX, U32_MAX, 999, 999, false },
	};
	const struct lbdr_service_key key = live_key(80);
	struct lbdr_server *server = first_server(test, &key);
	struct lbdr_net *ln = live_net();
	u32 i;

	for (i = 0; i < ARRAY_SIZE(rows); i++) {
		const struct lbdr_server_settings settings = {
			.weight = 1, .upper = rows[i].upper, .lower = rows[i].lower,
		};

		atomic_set(&server->active, rows[i].active);
		atomic_set(&server->inactive, rows[i].inactive);
		/* By a connection, or by a command if the thresholds change */
		if (server->upper == settings.upper && server->lower == settings.lower)
			lbdr_server_update_overload(server);
		lbdr_lock(ln);
		lbdr_server_apply(server, &settings);
		lbdr_unlock(ln);
		KUNIT_EXPECT_EQ_MSG(test, server->overloaded, rows[i].want, "row %u", i);
		KUNIT_EXPECT_EQ_MSG(test, lbdr_server_open(server), !rows[i].want, "row %u", i);
	}
	atomic_set(&server->active, 0);
	atomic_set(&server->inactive, 0);
}

/* Whatever closes a server does so by itself. */
static void server_open_test(struct kunit *test)
{
	struct lbdr_server *server = kunit_kzalloc(test, sizeof(*server), GFP_KERNEL);
	bool *closing[5];
	u32 i;

	KUNIT_ASSERT_NOT_NULL(test, server);
	closing[0] = &server->dead;
	closing[1] = &server->held;
	closing[2] = &server->overloaded;
	closing[3] = &server->draining;
	closing[4] = &server->skipped;
	KUNIT_EXPECT_FALSE(test, lbdr_server_open(server));
	server->weight = 1;
	/* It is watched, and unreachable for those who list servers: no reason yet. */
	server->returns = true;
	server->failed = true;
	server->unreachable = true;
	for (i = 0; i < ARRAY_SIZE(closing); i++) {
		KUNIT_EXPECT_TRUE(test, lbdr_server_open(server));
		*closing[i] = true;
		KUNIT_EXPECT_FALSE_MSG(test, lbdr_server_open(server), "%u", i);
		KUNIT_EXPECT_EQ_MSG(test, lbdr_server_gone(server), i < 2, "%u", i);
		KUNIT_EXPECT_EQ_MSG(test, lbdr_server_held(server), i == 1, "%u", i);
		*closing[i] = false;
	}
	/* The end of a hold is that of the server too. */
	server->dead = true;
	server->held = true;
	KUNIT_EXPECT_FALSE(test, lbdr_server_held(server));
}

static struct lbdr_flow client(u16 port)
{
	return live_flow(IPPROTO_TCP, port, 80, 0);
}

static bool connect_to(struct lbdr_server *server, u16 port)
{
	const struct lbdr_flow flow = client(port);
	const struct lbdr_conn *conn;

	conns_lock();
	conn = lbdr_conn_add(live_net(), &flow, server);
	conns_unlock();
	return !IS_ERR_OR_NULL(conn);
}

/* Where a packet of the client's connection goes, or NULL */
static struct lbdr_server *forwarded(u16 port)
{
	const struct lbdr_flow flow = client(port);
	struct lbdr_server *server = NULL;
	const struct lbdr_conn *conn;

	conns_lock();
	conn = lbdr_conn_find(live_net(), &flow);
	if (conn)
		server = conn->server;
	conns_unlock();
	return server;
}

static void disconnect(u16 port)
{
	const struct lbdr_flow flow = client(port);
	struct lbdr_conn *conn;

	conns_lock();
	conn = lbdr_conn_find(live_net(), &flow);
	if (conn)
		lbdr_conn_kill(live_net(), conn);
	conns_unlock();
}

/* Which server a new client gets, or NULL */
static struct lbdr_server *chosen(const struct lbdr_service_key *key)
{
	const struct lbdr_service *service = live_service(key);
	const struct lbdr_flow flow = client(1);
	struct lbdr_server *server;

	conns_lock();
	server = lbdr_pool_pick(service, &flow);
	conns_unlock();
	return server;
}

static void server_weight0_test(struct kunit *test)
{
	const struct lbdr_service_key key = live_key(80);
	struct lbdr_server *server = first_server(test, &key);
	const struct lbdr_server_settings none = { .weight = 0 };

	KUNIT_ASSERT_TRUE(test, connect_to(server, 1024));
	KUNIT_EXPECT_EQ(test, live_server_set(&key, LBDR_V4, 1, &none), 0);
	KUNIT_EXPECT_NULL(test, chosen(&key));
	KUNIT_EXPECT_PTR_EQ(test, forwarded(1024), server);
	KUNIT_EXPECT_EQ(test, live_server_set(&key, LBDR_V4, 1, &one), 0);
	KUNIT_EXPECT_PTR_EQ(test, chosen(&key), server);
	KUNIT_EXPECT_PTR_EQ(test, forwarded(1024), server);
	disconnect(1024);
}

/* It goes when the last connection has ended; one without connections goes meanwhile. */
static void server_drain_test(struct kunit *test)
{
	const struct lbdr_server_settings drain = { .weight = 1, .drain = true };
	const struct lbdr_service_key key = live_key(80);
	struct lbdr_server *server = first_server(test, &key);

	KUNIT_ASSERT_EQ(test, live_server_add(&key, LBDR_V4, 2, &one), 0);
	KUNIT_ASSERT_TRUE(test, connect_to(server, 1024));
	KUNIT_ASSERT_TRUE(test, connect_to(server, 1025));
	KUNIT_EXPECT_EQ(test, live_server_set(&key, LBDR_V4, 1, &drain), 0);
	KUNIT_EXPECT_PTR_EQ(test, chosen(&key), live_server(&key, LBDR_V4, 2));
	KUNIT_EXPECT_EQ(test, live_server_set(&key, LBDR_V4, 2, &drain), 0);
	KUNIT_EXPECT_NULL(test, chosen(&key));
	KUNIT_EXPECT_TRUE(test, conns_wait_for(!live_server(&key, LBDR_V4, 2)));
	KUNIT_EXPECT_PTR_EQ(test, live_server(&key, LBDR_V4, 1), server);
	KUNIT_EXPECT_PTR_EQ(test, forwarded(1024), server);

	/* With one connection left it stays too: another empty one is gone before it. */
	disconnect(1024);
	KUNIT_EXPECT_EQ(test, live_server_add(&key, LBDR_V4, 3, &one), 0);
	KUNIT_EXPECT_EQ(test, live_server_set(&key, LBDR_V4, 3, &drain), 0);
	KUNIT_EXPECT_TRUE(test, conns_wait_for(!live_server(&key, LBDR_V4, 3)));
	KUNIT_EXPECT_PTR_EQ(test, forwarded(1025), server);
	disconnect(1025);
	KUNIT_EXPECT_TRUE(test, conns_wait_for(!live_server(&key, LBDR_V4, 1)));
	KUNIT_EXPECT_EQ(test, live_service(&key)->n_servers, 0);
}

/* One reference each of the configuration, the pool and every connection. */
static void server_refs_test(struct kunit *test)
{
	const struct lbdr_service_key key = live_key(80);
	struct lbdr_server *server = first_server(test, &key);

	lbdr_reclaim_flush();
	KUNIT_EXPECT_EQ(test, refcount_read(&server->refs), 2);
	KUNIT_ASSERT_TRUE(test, connect_to(server, 1024));
	KUNIT_ASSERT_TRUE(test, connect_to(server, 1025));
	KUNIT_EXPECT_EQ(test, refcount_read(&server->refs), 4);
	disconnect(1025);
	rcu_barrier();
	KUNIT_EXPECT_EQ(test, refcount_read(&server->refs), 3);

	/* Removed: its connections are not found, and are freed before it is. */
	lbdr_server_get(server);
	KUNIT_EXPECT_EQ(test, live_server_del(&key, LBDR_V4, 1), 0);
	KUNIT_EXPECT_TRUE(test, server->dead);
	KUNIT_EXPECT_NULL(test, forwarded(1024));
	KUNIT_EXPECT_TRUE(test, conns_wait_for(refcount_read(&server->refs) == 1));
	KUNIT_EXPECT_EQ(test, atomic_read(&live_net()->n_servers), 1);
	/* Another one of the same address gets the client's next connection. */
	KUNIT_EXPECT_EQ(test, live_server_add(&key, LBDR_V4, 1, &one), 0);
	KUNIT_EXPECT_PTR_NE(test, live_server(&key, LBDR_V4, 1), server);
	KUNIT_EXPECT_TRUE(test, connect_to(live_server(&key, LBDR_V4, 1), 1024));
	KUNIT_EXPECT_PTR_EQ(test, forwarded(1024), live_server(&key, LBDR_V4, 1));
	lbdr_server_put(server);
	rcu_barrier();
	KUNIT_EXPECT_EQ(test, atomic_read(&live_net()->n_servers), 1);
}

static void server_counts_test(struct kunit *test)
{
	const struct lbdr_service_key key = live_key(80);
	struct lbdr_server *server = first_server(test, &key);
	struct lbdr_net *ln = live_net();
	struct lbdr_counts counts;

	local_bh_disable();
	lbdr_stats_add(server->stats, 1, 2, 3);
	/* Bytes belong to packets. */
	lbdr_stats_add(server->stats, 1, 0, 3);
	local_bh_enable();
	mutex_lock(&ln->config);
	lbdr_lock(ln);
	lbdr_server_counts(server, &counts);
	KUNIT_EXPECT_EQ(test, counts.conns, 2);
	KUNIT_EXPECT_EQ(test, counts.packets, 2);
	KUNIT_EXPECT_EQ(test, counts.bytes, 3);
	lbdr_unlock(ln);
	lbdr_config_zero(ln, NULL, NULL);
	local_bh_disable();
	lbdr_stats_add(server->stats, 1, 4, 8);
	local_bh_enable();
	lbdr_lock(ln);
	lbdr_server_counts(server, &counts);
	lbdr_unlock(ln);
	mutex_unlock(&ln->config);
	KUNIT_EXPECT_EQ(test, counts.conns, 1);
	KUNIT_EXPECT_EQ(test, counts.packets, 4);
	KUNIT_EXPECT_EQ(test, counts.bytes, 8);
	/* What packets write only grows. */
	lbdr_stats_sum(server->stats, &counts);
	KUNIT_EXPECT_EQ(test, counts.packets, 6);
}

static void expect_tunnels(struct kunit *test, u32 v4, u32 v6)
{
	KUNIT_EXPECT_EQ(test, live_net()->n_tunnels[LBDR_V4], v4);
	KUNIT_EXPECT_EQ(test, live_net()->n_tunnels[LBDR_V6], v6);
}

/* Packets look for tunnels by these numbers, by the family of the server's address. */
static void server_tunnel_test(struct kunit *test)
{
	const struct lbdr_server_settings gre = { .weight = 1, .tunnel.type = LBDR_TUNNEL_GRE };
	const struct lbdr_service_key key = live_key(80);
	struct lbdr_service_key there = live_key(80);

	first_server(test, &key);
	expect_tunnels(test, 0, 0);
	KUNIT_EXPECT_EQ(test, live_server_set(&key, LBDR_V4, 1, &ipip), 0);
	KUNIT_EXPECT_EQ(test, live_server_add(&key, LBDR_V6, 1, &ipip), 0);
	KUNIT_EXPECT_EQ(test, live_server_add(&key, LBDR_V4, 2, &gre), 0);
	expect_tunnels(test, 2, 1);
	/* Another tunnel is one all the same. */
	KUNIT_EXPECT_EQ(test, live_server_set(&key, LBDR_V4, 1, &gre), 0);
	expect_tunnels(test, 2, 1);
	KUNIT_EXPECT_EQ(test, live_server_set(&key, LBDR_V4, 2, &one), 0);
	expect_tunnels(test, 1, 1);

	/* None leads to a VIP, and no VIP comes where one leads. */
	there.addr = live_addr(1);
	KUNIT_EXPECT_EQ(test, live_service_add(&there, "rr"), -EADDRINUSE);
	there.addr = live_addr(2);
	KUNIT_EXPECT_EQ(test, live_service_add(&there, "rr"), 0);
	KUNIT_EXPECT_EQ(test, live_server_set(&key, LBDR_V4, 2, &ipip), -EADDRINUSE);
	KUNIT_EXPECT_EQ(test, live_server_add(&there, LBDR_V4, 2, &ipip), -EADDRINUSE);
	KUNIT_EXPECT_EQ(test, live_server_add(&key, LBDR_V4, LOOPBACK, &ipip),
			-EADDRNOTAVAIL);
	KUNIT_EXPECT_EQ(test, live_server_add(&key, LBDR_V4, LOOPBACK, &one), 0);

	KUNIT_EXPECT_EQ(test, live_server_del(&key, LBDR_V4, 1), 0);
	expect_tunnels(test, 0, 1);
	KUNIT_EXPECT_EQ(test, live_service_del(&key), 0);
	expect_tunnels(test, 0, 0);
}

/* The numbers of staged servers say how many there will be; nothing is committed. */
static void server_max_test(struct kunit *test)
{
	static const struct {
		u32	used, held;
		int	err;
	} rows[] = {
		{ LBDR_SERVER_MAX - 1, 0, 0 },
		{ LBDR_SERVER_MAX, 0, -ENOSPC },
		{ 0, LBDR_SERVER_MAX_HELD - 1, 0 },
		{ 0, LBDR_SERVER_MAX_HELD, -ENOSPC },
		{ LBDR_SERVER_MAX - 1, LBDR_SERVER_MAX, 0 },
		{ LBDR_SERVER_MAX - 1, LBDR_SERVER_MAX + 1, -ENOSPC },
	};
	struct netlink_ext_ack extack = {};
	struct genl_info info = { .extack = &extack };
	const struct lbdr_service_key key = live_key(80);
	struct lbdr_staged_service *staged;
	struct lbdr_config *config;
	union nf_inet_addr addr;
	char both[64];
	u32 i;

	KUNIT_ASSERT_EQ(test, live_service_add(&key, "rr"), 0);
	config = lbdr_config_begin_single(live_net(), NULL);
	KUNIT_ASSERT_FALSE(test, IS_ERR(config));
	staged = lbdr_config_service(config, &key);
	for (i = 0; i < ARRAY_SIZE(rows) && !IS_ERR(staged); i++) {
		addr = live_addr(i);
		staged->n_servers = rows[i].used;
		staged->n_held = rows[i].held;
		KUNIT_EXPECT_EQ_MSG(test, lbdr_config_server_add(config, staged, LBDR_V4,
								 &addr, &one),
				    rows[i].err, "row %u", i);
		KUNIT_EXPECT_EQ(test, staged->n_servers, rows[i].used + !rows[i].err);
	}
	lbdr_config_end_single(config);
	KUNIT_EXPECT_EQ(test, i, ARRAY_SIZE(rows));

	/* The sentence has both bounds. */
	snprintf(both, sizeof(both), "has %u servers, or %u ", LBDR_SERVER_MAX,
		 LBDR_SERVER_MAX_HELD);
	KUNIT_EXPECT_EQ(test, lbdr_nl_stage_error(&info, -ENOSPC), -ENOSPC);
	KUNIT_EXPECT_NOT_NULL(test, strstr(extack._msg, both));
}

#define ATTR(name, len, value)	{ LBDR_A_SERVER_##name, len, value }
#define FORWARD(method)		ATTR(FORWARD, 1, LBDR_FORWARD_##method)
#define TUNNEL(type)		ATTR(TUNNEL, 1, LBDR_TUNNEL_##type)

/* Of server 1 of a service of ports 80 to 89, to which nothing may happen */
static const struct live_refusal refusals[] = {
	{ "another", lbdr_nl_server_new_doit, {}, -EEXIST, "server exists already" },
	{ "lower alone", lbdr_nl_server_set_doit, { ATTR(LOWER, 4, 1) }, -ERANGE,
	  "the lower one must not be above" },
	{ "lower above upper", lbdr_nl_server_set_doit,
	  { ATTR(UPPER, 4, 8), ATTR(LOWER, 4, 9) }, -ERANGE,
	  "the lower one must not be above" },
	{ "port", lbdr_nl_server_set_doit, { ATTR(PORT, 2, 81) }, -EINVAL,
	  "the first one of the service's range" },
	{ "local", lbdr_nl_server_set_doit, { FORWARD(LOCAL) }, -EOPNOTSUPP,
	  "local is reported only" },
	{ "method without tunnel", lbdr_nl_server_set_doit, { FORWARD(TUNNEL) }, -EINVAL,
	  "a tunnel is required with tunnel" },
	{ "dr by a tunnel", lbdr_nl_server_set_doit, { FORWARD(DR), TUNNEL(IPIP) }, -EINVAL,
	  "not valid with dr" },
	{ "TTL without tunnel", lbdr_nl_server_set_doit, { ATTR(TUNNEL_TTL, 1, 1) }, -EINVAL,
	  "tunnel is required" },
	{ "port of IPIP", lbdr_nl_server_set_doit,
	  { TUNNEL(IPIP), ATTR(TUNNEL_PORT, 2, 6080) }, -EINVAL, "valid with gue only" },
	{ "GUE without port", lbdr_nl_server_set_doit, { TUNNEL(GUE) }, -EINVAL,
	  "required with gue" },
	{ "checksum of IPIP", lbdr_nl_server_set_doit,
	  { TUNNEL(IPIP), ATTR(TUNNEL_FLAGS, 4, LBDR_TUNNEL_FLAG_CSUM) }, -EINVAL,
	  "csum not supported with ipip" },
	{ "remcsum", lbdr_nl_server_set_doit,
	  { TUNNEL(GUE), ATTR(TUNNEL_PORT, 2, 6080),
	    ATTR(TUNNEL_FLAGS, 4, LBDR_TUNNEL_FLAG_REMCSUM) }, -EOPNOTSUPP,
	  "remcsum not supported" },
	{ "drain and hold", lbdr_nl_server_del_doit, { ATTR(DRAIN, 0, 0), ATTR(HOLD, 4, 9) },
	  -EINVAL, "exclude each other" },
	{ "transaction", lbdr_nl_server_del_doit, { ATTR(BATCH, 4, 9) }, -ECANCELED,
	  "transaction not found" },
};

KUNIT_ARRAY_PARAM_DESC(refusal, refusals, name);

static void server_refusal_test(struct kunit *test)
{
	static const struct live_refusal
		gone = { "", lbdr_nl_server_set_doit, {}, -ENOENT, "server not found" },
		no_service = { "", lbdr_nl_server_del_doit, {}, -ESRCH, "service not found" },
		family = { "", lbdr_nl_server_new_doit, {}, -EAFNOSUPPORT,
			   "unless the server has a tunnel" };
	struct lbdr_service_key key = live_key(80);
	const struct lbdr_service_key none = live_key(80);
	struct lbdr_server *server;
	u64 changes;

	key.last_port = htons(89);
	server = first_server(test, &key);
	changes = live_net()->n_changes;
	live_expect_refusal(test, test->param_value, &key, LBDR_V4, 1);
	live_expect_refusal(test, &gone, &key, LBDR_V4, 2);
	live_expect_refusal(test, &no_service, &none, LBDR_V4, 1);
	live_expect_refusal(test, &family, &key, LBDR_V6, 1);
	KUNIT_EXPECT_PTR_EQ(test, live_server(&key, LBDR_V4, 1), server);
	expect_settings(test, server, &one, 0);
	KUNIT_EXPECT_EQ(test, live_net()->n_changes, changes);
}

/* The next to what is refused is not. */
static void server_bounds_test(struct kunit *test)
{
	static const struct live_refusal allowed[] = {
		{ "thresholds", lbdr_nl_server_set_doit, { ATTR(UPPER, 4, 9), ATTR(LOWER, 4, 9) } },
		{ "port", lbdr_nl_server_set_doit, { ATTR(PORT, 2, 80) } },
		{ "no port", lbdr_nl_server_set_doit, { ATTR(PORT, 2, 0) } },
		{ "tunnel", lbdr_nl_server_set_doit,
		  { FORWARD(TUNNEL), TUNNEL(GUE), ATTR(TUNNEL_PORT, 2, 6080) } },
		{ "its flags", lbdr_nl_server_set_doit,
		  { ATTR(TUNNEL_FLAGS, 4, ~LBDR_TUNNEL_FLAG_REMCSUM),
		    ATTR(TUNNEL_FLAGS_MASK, 4, LBDR_TUNNEL_FLAG_CSUM) } },
		{ "dr", lbdr_nl_server_set_doit, { FORWARD(DR), TUNNEL(NONE) } },
		{ "remove", lbdr_nl_server_del_doit },
		{ "add", lbdr_nl_server_new_doit, {}, 0, "added, but there is no route" },
	};
	struct lbdr_service_key key = live_key(80);
	u32 i;

	key.last_port = htons(89);
	first_server(test, &key);
	for (i = 0; i < ARRAY_SIZE(allowed); i++)
		live_expect_refusal(test, &allowed[i], &key, LBDR_V4, 1);
	/* Of the defaults, none is of the server that was removed. */
	KUNIT_EXPECT_EQ(test, live_server(&key, LBDR_V4, 1)->upper, 0);
}

static struct kunit_case server_cases[] = {
	KUNIT_CASE(server_order_test),
	KUNIT_CASE(server_identity_test),
	KUNIT_CASE(server_settings_equal_test),
	KUNIT_CASE(server_settings_test),
	KUNIT_CASE(server_opening_test),
	KUNIT_CASE(server_overload_test),
	KUNIT_CASE(server_open_test),
	KUNIT_CASE(server_weight0_test),
	KUNIT_CASE(server_drain_test),
	KUNIT_CASE(server_refs_test),
	KUNIT_CASE(server_counts_test),
	KUNIT_CASE(server_tunnel_test),
	KUNIT_CASE(server_max_test),
	KUNIT_CASE_PARAM(server_refusal_test, refusal_gen_params),
	KUNIT_CASE(server_bounds_test),
	{}
};

static struct kunit_suite server_suite = {
	.name		= "lbdr_server",
	.init		= live_init,
	.exit		= live_exit,
	.test_cases	= server_cases,
};

kunit_test_suites(&server_suite);
