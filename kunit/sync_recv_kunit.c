// SPDX-License-Identifier: GPL-2.0
/*
 * The backup of connection synchronisation: what a record changes, and what it never does.
 * A backup runs on lo, which nobody sends to; the tests hand it datagrams directly.
 *
 * Works on the initial namespace as hold_kunit.c does. Service 80 has the servers 1 and 2,
 * service 81 is persistent and has server 1.
 */
#include <kunit/test.h>
#include <linux/delay.h>
#include <linux/slab.h>

#include "config.h"
#include "conn.h"
#include "conns.h"
#include "flow.h"
#include "lbdr_kunit.h"
#include "limit.h"
#include "sched.h"
#include "state.h"
#include "steps.h"
#include "symbols.h"
#include "sync.h"
#include "sync_wire.h"

#define ID		7
#define CLIENT		0xcb007100	/* 203.0.113.0 */
#define ROUNDS		5000

/**
 * struct backup - the fixture
 * @ln: the initial namespace
 * @seen: counters when they were looked at last
 */
struct backup {
	struct lbdr_net	*ln;
	u64		seen[LBDR_SYNC_COUNTERS];
};

/* Applies or frees what has waited. Returns true if none waits any more. */
static bool none_waits(struct lbdr_net *ln)
{
	lbdr_sync_pending_retry(ln, lbdr_sync_recv_retry);
	return !ln->sync.pending.n;
}

/* Returns how much a counter has grown since this was asked last. */
static u64 grown(struct kunit *test, enum lbdr_sync_counter counter)
{
	struct backup *b = test->priv;
	u64 now = atomic64_read(&b->ln->sync.counters[counter]);
	u64 more = now - b->seen[counter];

	b->seen[counter] = now;
	return more;
}

/* A command outside a transaction. */
static void run(struct kunit *test, const struct step step)
{
	struct lbdr_config *config = kunit_kzalloc(test, sizeof(*config), GFP_KERNEL);
	struct backup *b = test->priv;
	int err;

	KUNIT_ASSERT_NOT_NULL(test, config);
	mutex_lock(&b->ln->config);
	lbdr_config_begin(config, b->ln, true, NULL);
	err = step_stage(config, &step);
	if (!err)
		err = lbdr_config_commit(config);
	lbdr_config_end(config);
	mutex_unlock(&b->ln->config);
	KUNIT_ASSERT_EQ(test, err, 0);
}

static void add_persistent(struct kunit *test, u16 port)
{
	const struct lbdr_service_settings settings = { .prefix = 24, .persist = 100 };
	struct lbdr_config *config = kunit_kzalloc(test, sizeof(*config), GFP_KERNEL);
	const struct lbdr_sched sched = { .ops = lbdr_sched_find("rr") };
	const struct lbdr_service_key key = step_service(port, 0);
	struct backup *b = test->priv;
	int err;

	KUNIT_ASSERT_NOT_NULL(test, config);
	mutex_lock(&b->ln->config);
	lbdr_config_begin(config, b->ln, true, NULL);
	err = lbdr_config_service_add(config, &key, &sched, &settings) ?:
	      lbdr_config_commit(config);
	lbdr_config_end(config);
	mutex_unlock(&b->ln->config);
	KUNIT_ASSERT_EQ(test, err, 0);
}

static struct lbdr_sync_record tcp(u16 cport, u16 vport, u32 server, u16 state)
{
	return (struct lbdr_sync_record) {
		.family = LBDR_V4,
		.protocol = IPPROTO_TCP,
		.client.ip = htonl(CLIENT + 9),
		.vip.ip = htonl(VIP),
		.server = step_server(server),
		.cport = htons(cport),
		.vport = htons(vport),
		.dport = htons(vport),
		.state = state,
		.flags = LBDR_SYNC_FLAG_DR | LBDR_SYNC_FLAG_NOOUTPUT,
		.timeout = 300,
	};
}

static void receive(struct kunit *test, const struct lbdr_sync_record *records, u32 n)
{
	u32 room = LBDR_SYNC_HEADER + n * LBDR_SYNC_RECORD6, used = LBDR_SYNC_HEADER, i;
	u8 *page = kunit_kzalloc(test, room, GFP_KERNEL);
	struct backup *b = test->priv;

	KUNIT_ASSERT_NOT_NULL(test, page);
	lbdr_sync_wire_begin(page, ID);
	for (i = 0; i < n; i++)
		used = lbdr_sync_wire_put(page, used, room, &records[i]);
	lbdr_sync_wire_end(page, used);
	lbdr_sync_recv_datagram(b->ln, page, used, ID);
}

static void receive_one(struct kunit *test, const struct lbdr_sync_record record)
{
	receive(test, &record, 1);
}

static struct lbdr_flow flow_of(u16 cport, u16 vport)
{
	struct lbdr_flow flow = { .family = LBDR_V4, .event = LBDR_EVENT_DATA };

	flow.v4.client = htonl(CLIENT + 9);
	flow.v4.vip = htonl(VIP);
	flow.v4.ports.cport = htons(cport);
	flow.v4.ports.vport = htons(vport);
	flow.v4.protocol = IPPROTO_TCP;
	return flow;
}

/* Looks a connection up as a packet does, or without renewing it. */
static struct lbdr_conn *lookup(struct kunit *test, u16 cport, bool renew)
{
	const struct lbdr_flow flow = flow_of(cport, 80);
	struct backup *b = test->priv;
	struct lbdr_conn *conn;

	conns_lock();
	conn = renew ? lbdr_conn_find(b->ln, &flow) : lbdr_conn_peek(b->ln, &flow);
	conns_unlock();
	return conn;
}

/* Expects a connection of service 80 with this server and state. */
static struct lbdr_conn *expect(struct kunit *test, u16 cport, u32 server, u32 state)
{
	struct lbdr_conn *conn = lookup(test, cport, false);

	KUNIT_ASSERT_NOT_NULL(test, conn);
	KUNIT_EXPECT_EQ(test, conn->server->addr.ip, step_server(server).ip);
	KUNIT_EXPECT_EQ(test, conn->state, state);
	return conn;
}

static long left(struct kunit *test, u16 cport)
{
	struct lbdr_conn *conn = lookup(test, cport, false);
	struct backup *b = test->priv;
	long jiffies_left = -1;

	rcu_read_lock();
	if (conn)
		jiffies_left = lbdr_conn_left(b->ln, conn);
	rcu_read_unlock();
	return jiffies_left / HZ;
}

static int start(struct lbdr_net *ln)
{
	const struct lbdr_sync_settings settings = {
		.device = "lo",
		.addrs[0].ip = htonl(LBDR_SYNC_GROUP),
		.n_addrs = 1,
		.family = AF_INET,
		.port = LBDR_SYNC_PORT,
		.syncid = ID,
		.maxlen = 1472,
		.ttl = 1,
	};

	return lbdr_sync_start(ln, LBDR_SYNC_ROLE_BACKUP, &settings, NULL);
}

static int backup_init(struct kunit *test)
{
	struct backup *b = kunit_kzalloc(test, sizeof(*b), GFP_KERNEL);
	u32 i;

	KUNIT_ASSERT_NOT_NULL(test, b);
	b->ln = lbdr_net(&init_net);
	test->priv = b;
	KUNIT_ASSERT_EQ(test, lbdr_symbols_get_defrag(LBDR_V4), 0);
	KUNIT_ASSERT_EQ(test, atomic_read(&b->ln->n_conns), 0);
	run(test, (struct step) { ADD_SERVICE, 80 });
	run(test, (struct step) { ADD, 80, 1, 1 });
	run(test, (struct step) { ADD, 80, 2, 1 });
	KUNIT_ASSERT_EQ(test, start(b->ln), 0);
	for (i = 0; i < LBDR_SYNC_COUNTERS; i++)
		grown(test, i);
	return 0;
}

static void backup_exit(struct kunit *test)
{
	struct backup *b = test->priv;

	if (!b)
		return;
	lbdr_sync_stop(b->ln, LBDR_SYNC_ROLE_BACKUP);
	KUNIT_EXPECT_EQ(test, b->ln->sync.pending.n, 0);
	mutex_lock(&b->ln->config);
	lbdr_config_clear(b->ln);
	mutex_unlock(&b->ln->config);
	KUNIT_EXPECT_TRUE(test, conns_wait_for(!atomic_read(&b->ln->n_conns)));
}

/* A record adds a connection with its server, state and time; the service is the flow's. */
static void add_test(struct kunit *test)
{
	static const struct { u16 wire; u32 state; } rows[] = {
		{ 1, LBDR_CONN_STATE_ESTABLISHED }, { 3, LBDR_CONN_STATE_SYN_RECV },
		{ 4, LBDR_CONN_STATE_FIN_WAIT }, { 5, LBDR_CONN_STATE_TIME_WAIT },
		{ 6, LBDR_CONN_STATE_CLOSE }, { 7, LBDR_CONN_STATE_FIN_WAIT },
		{ 8, LBDR_CONN_STATE_FIN_WAIT }, { 10, LBDR_CONN_STATE_SYN_RECV },
	};
	struct lbdr_conn *conn;
	u32 i;

	for (i = 0; i < ARRAY_SIZE(rows); i++) {
		receive_one(test, tcp(100 + i, 80, 2, rows[i].wire));
		KUNIT_EXPECT_EQ(test, grown(test, LBDR_SYNC_ADDED), 1);
		conn = expect(test, 100 + i, 2, rows[i].state);
		KUNIT_EXPECT_FALSE(test, lbdr_conn_own(conn));
	}
	KUNIT_EXPECT_EQ(test, grown(test, LBDR_SYNC_RECEIVED_RECORDS), ARRAY_SIZE(rows));
	KUNIT_EXPECT_GT(test, left(test, 100), 290);
	KUNIT_EXPECT_LE(test, left(test, 100), 300);
	receive_one(test, tcp(99, 80, 1, 9));
	KUNIT_EXPECT_EQ(test, grown(test, LBDR_SYNC_SKIPPED), 1);
	KUNIT_EXPECT_NULL(test, lookup(test, 99, false));
}

/* A packet makes a connection this director's own: no record changes it for a second. */
static void own_test(struct kunit *test)
{
	struct lbdr_sync_record record = tcp(101, 80, 1, 1);
	struct lbdr_conn *conn;
	u32 i;

	receive_one(test, tcp(100, 80, 1, 1));
	KUNIT_ASSERT_EQ(test, grown(test, LBDR_SYNC_ADDED), 1);
	conn = lookup(test, 100, true);
	KUNIT_ASSERT_NOT_NULL(test, conn);
	KUNIT_EXPECT_TRUE(test, lbdr_conn_own(conn));
	conns_later(conn);
	receive_one(test, tcp(100, 80, 2, 1));
	receive_one(test, tcp(100, 80, 1, 4));
	KUNIT_EXPECT_EQ(test, grown(test, LBDR_SYNC_OWN), 2);
	KUNIT_EXPECT_PTR_EQ(test, expect(test, 100, 1, LBDR_CONN_STATE_ESTABLISHED), conn);

	/* Without a packet for a second, the other director's word counts again. */
	conns_idle(conn, 2 * HZ);
	receive_one(test, tcp(100, 80, 1, 4));
	KUNIT_EXPECT_EQ(test, grown(test, LBDR_SYNC_OWN), 0);
	KUNIT_EXPECT_EQ(test, grown(test, LBDR_SYNC_UPDATED), 1);
	KUNIT_EXPECT_FALSE(test, lbdr_conn_own(expect(test, 100, 1,
						      LBDR_CONN_STATE_FIN_WAIT)));

	/* So it is when the record says that the last packet was just now. */
	record.timeout = lbdr_state_timeout[LBDR_CONN_STATE_ESTABLISHED];
	for (i = 0; i < 2; i++) {
		receive_one(test, record);
		conn = lookup(test, 101, true);
		KUNIT_ASSERT_NOT_NULL(test, conn);
		KUNIT_EXPECT_TRUE(test, lbdr_conn_own(conn));
		conns_idle(conn, 2 * HZ);
	}
}

/* After a partition: what a director forwarded earlier changes nothing that is own here. */
static void own_later_test(struct kunit *test)
{
	const u32 established = lbdr_state_timeout[LBDR_CONN_STATE_ESTABLISHED];
	struct lbdr_sync_record record = tcp(100, 80, 1, 1);
	struct lbdr_conn *conn;

	receive_one(test, record);
	conn = lookup(test, 100, true);
	KUNIT_ASSERT_NOT_NULL(test, conn);
	grown(test, LBDR_SYNC_ADDED);
	conns_idle(conn, 2 * HZ);
	/* Of another server, and the end of the same one, each from minutes ago */
	record.server = step_server(2);
	receive_one(test, record);
	record = tcp(100, 80, 1, 4);
	record.timeout = 10;
	receive_one(test, record);
	KUNIT_EXPECT_EQ(test, grown(test, LBDR_SYNC_STALE), 2);
	KUNIT_EXPECT_EQ(test, grown(test, LBDR_SYNC_ADDED), 0);
	KUNIT_EXPECT_EQ(test, grown(test, LBDR_SYNC_UPDATED), 0);
	KUNIT_EXPECT_PTR_EQ(test, expect(test, 100, 1, LBDR_CONN_STATE_ESTABLISHED), conn);
	KUNIT_EXPECT_TRUE(test, lbdr_conn_own(conn));

	/* The client has come to the other director later than here. */
	conns_idle(conn, 20 * HZ);
	record = tcp(100, 80, 2, 1);
	record.timeout = established - 10;
	receive_one(test, record);
	KUNIT_EXPECT_EQ(test, grown(test, LBDR_SYNC_STALE), 0);
	KUNIT_EXPECT_EQ(test, grown(test, LBDR_SYNC_ADDED), 1);
	expect(test, 100, 2, LBDR_CONN_STATE_ESTABLISHED);

	/* So do the end, and records of ip_vs, which have the whole timeout, or none. */
	conn = lookup(test, 100, true);
	conns_idle(conn, 3 * HZ);
	receive_one(test, tcp(100, 80, 2, 4));
	KUNIT_EXPECT_EQ(test, grown(test, LBDR_SYNC_UPDATED), 1);
	record = tcp(101, 80, 1, 1);
	receive_one(test, record);
	for (record.timeout = 0; record.timeout <= established; record.timeout += established) {
		conn = lookup(test, 101, true);
		conns_idle(conn, 3 * HZ);
		receive_one(test, record);
		KUNIT_EXPECT_FALSE(test, lbdr_conn_own(conn));
	}
}

/* Adds a connection as the first packet of a client does, to a server. */
static struct lbdr_conn *schedule_conn(struct kunit *test, u16 cport,
				       struct lbdr_server *server)
{
	struct lbdr_flow flow = flow_of(cport, 80);
	struct backup *b = test->priv;
	struct lbdr_conn *conn;
	enum lbdr_drop why;

	flow.event = LBDR_EVENT_SYN;
	conns_lock();
	conn = lbdr_conn_add(b->ln, &flow, server, &why);
	conns_unlock();
	KUNIT_ASSERT_NOT_NULL(test, conn);
	return conn;
}

/* The same of a connection that was never received, and with many packets. */
static void own_scheduled_test(struct kunit *test)
{
	struct lbdr_sync_record record = tcp(1, 80, 1, 1);
	struct lbdr_server *server;
	struct lbdr_conn *conn;
	u32 i;

	receive_one(test, record);
	server = expect(test, 1, 1, LBDR_CONN_STATE_ESTABLISHED)->server;
	KUNIT_EXPECT_EQ(test, grown(test, LBDR_SYNC_ADDED), 1);
	conn = schedule_conn(test, 100, server);
	KUNIT_EXPECT_TRUE(test, lbdr_conn_own(conn));
	conns_later(conn);
	receive_one(test, tcp(100, 80, 2, 1));
	KUNIT_EXPECT_EQ(test, grown(test, LBDR_SYNC_OWN), 1);

	/* The number of renewals ends at 255. */
	for (i = 0; i < 300; i++)
		lookup(test, 1, true);
	conn = expect(test, 1, 1, LBDR_CONN_STATE_ESTABLISHED);
	KUNIT_EXPECT_TRUE(test, lbdr_conn_own(conn));
	conns_idle(conn, 2 * HZ);
	record.timeout = lbdr_state_timeout[LBDR_CONN_STATE_ESTABLISHED];
	receive_one(test, record);
	KUNIT_EXPECT_FALSE(test, lbdr_conn_own(conn));
	lookup(test, 1, true);
	KUNIT_EXPECT_TRUE(test, lbdr_conn_own(conn));
}

/* A connection of the other director gets another server, and its counts go along. */
static void replace_test(struct kunit *test)
{
	struct lbdr_server *one, *two;

	receive_one(test, tcp(100, 80, 1, 1));
	one = expect(test, 100, 1, LBDR_CONN_STATE_ESTABLISHED)->server;
	receive_one(test, tcp(100, 80, 2, 1));
	two = expect(test, 100, 2, LBDR_CONN_STATE_ESTABLISHED)->server;
	KUNIT_EXPECT_EQ(test, grown(test, LBDR_SYNC_ADDED), 2);
	KUNIT_EXPECT_EQ(test, grown(test, LBDR_SYNC_UPDATED), 0);
	KUNIT_EXPECT_EQ(test, atomic_read(&one->active), 0);
	KUNIT_EXPECT_EQ(test, atomic_read(&two->active), 1);

	/* The end and the beginning of the one before may come later. */
	receive_one(test, tcp(100, 80, 1, 4));
	receive_one(test, tcp(100, 80, 1, 3));
	KUNIT_EXPECT_EQ(test, grown(test, LBDR_SYNC_STALE), 2);
	expect(test, 100, 2, LBDR_CONN_STATE_ESTABLISHED);
}

/* A record that was sent before what is known changes nothing. */
static void stale_test(struct kunit *test)
{
	receive_one(test, tcp(100, 80, 1, 1));
	receive_one(test, tcp(100, 80, 1, 3));
	KUNIT_EXPECT_EQ(test, grown(test, LBDR_SYNC_STALE), 1);
	expect(test, 100, 1, LBDR_CONN_STATE_ESTABLISHED);

	/* The time left is the timeout, so the state is not a second old. */
	receive(test, (struct lbdr_sync_record[]) { tcp(101, 80, 1, 4), }, 1);
	conns_later(lookup(test, 101, false));
	receive_one(test, tcp(101, 80, 1, 1));
	KUNIT_EXPECT_EQ(test, grown(test, LBDR_SYNC_STALE), 1);
	conns_idle(expect(test, 101, 1, LBDR_CONN_STATE_FIN_WAIT), 2 * HZ);
	receive_one(test, tcp(101, 80, 1, 1));
	KUNIT_EXPECT_EQ(test, grown(test, LBDR_SYNC_UPDATED), 1);
	expect(test, 101, 1, LBDR_CONN_STATE_ESTABLISHED);
}

/* A copy adds a connection, and changes none: neither one that exists nor one that waits. */
static void copy_test(struct kunit *test)
{
	struct lbdr_sync_record copy = tcp(100, 80, 1, 1);

	copy.flags |= LBDR_SYNC_FLAG_COPY;
	receive_one(test, copy);
	expect(test, 100, 1, LBDR_CONN_STATE_ESTABLISHED);
	KUNIT_EXPECT_EQ(test, grown(test, LBDR_SYNC_ADDED), 1);
	receive_one(test, tcp(100, 80, 1, 4));
	conns_idle(expect(test, 100, 1, LBDR_CONN_STATE_FIN_WAIT), 2 * HZ);
	receive_one(test, copy);
	expect(test, 100, 1, LBDR_CONN_STATE_FIN_WAIT);
	KUNIT_EXPECT_EQ(test, grown(test, LBDR_SYNC_STALE), 1);
	copy.server = step_server(2);
	receive_one(test, copy);
	expect(test, 100, 1, LBDR_CONN_STATE_FIN_WAIT);
}

/* A record tells that its connection was in use for some time, and none takes that back. */
static void renewed_test(struct kunit *test)
{
	struct lbdr_sync_record renewed = tcp(100, 80, 1, 1);
	struct lbdr_conn *conn;

	renewed.flags |= LBDR_SYNC_FLAG_RENEWED;
	receive_one(test, tcp(100, 80, 1, 1));
	conn = expect(test, 100, 1, LBDR_CONN_STATE_ESTABLISHED);
	KUNIT_EXPECT_EQ(test, conn->renewals, 0);
	receive_one(test, renewed);
	KUNIT_EXPECT_EQ(test, conn->renewals, LBDR_CONN_SYNC_RENEWALS);
	KUNIT_EXPECT_FALSE(test, lbdr_conn_own(conn));
	receive_one(test, tcp(100, 80, 1, 1));
	KUNIT_EXPECT_EQ(test, conn->renewals, LBDR_CONN_SYNC_RENEWALS);
	/* Closed, and opened again with the same ports */
	receive_one(test, tcp(100, 80, 1, 4));
	KUNIT_EXPECT_EQ(test, conn->renewals, LBDR_CONN_SYNC_RENEWALS);
	conns_idle(conn, 2 * HZ);
	receive_one(test, tcp(100, 80, 1, 1));
	conn = expect(test, 100, 1, LBDR_CONN_STATE_ESTABLISHED);
	KUNIT_EXPECT_EQ(test, conn->renewals, 0);
	renewed.cport = htons(101);
	receive_one(test, renewed);
	conn = expect(test, 101, 1, LBDR_CONN_STATE_ESTABLISHED);
	KUNIT_EXPECT_EQ(test, conn->renewals, LBDR_CONN_SYNC_RENEWALS);
	KUNIT_EXPECT_FALSE(test, lbdr_conn_own(conn));
}

/* A record lengthens the time left, and shortens it with another state only. */
static void left_test(struct kunit *test)
{
	struct lbdr_sync_record record = tcp(100, 80, 1, 1);

	receive_one(test, record);
	record.timeout = 100;
	receive_one(test, record);
	KUNIT_EXPECT_GT(test, left(test, 100), 290);
	record.timeout = 600;
	receive_one(test, record);
	KUNIT_EXPECT_GT(test, left(test, 100), 590);
	record.state = 4;
	record.timeout = 20;
	receive_one(test, record);
	KUNIT_EXPECT_LE(test, left(test, 100), 20);
	KUNIT_EXPECT_GT(test, left(test, 100), 10);
	/* Version 0 has no time. */
	record.cport = htons(101);
	record.state = 1;
	record.timeout = 0;
	receive_one(test, record);
	KUNIT_EXPECT_GT(test, left(test, 101),
			lbdr_state_timeout[LBDR_CONN_STATE_ESTABLISHED] - 10);
}

/* A record of an unknown server waits, and is applied when the server is added. */
static void wait_test(struct kunit *test)
{
	struct backup *b = test->priv;

	receive(test, (struct lbdr_sync_record[]) {
		tcp(100, 80, 3, 1), tcp(101, 80, 3, 1), tcp(100, 80, 3, 4),
		tcp(102, 80, 3, 1), tcp(103, 82, 3, 1),
	}, 5);
	KUNIT_EXPECT_EQ(test, b->ln->sync.pending.n, 4);
	KUNIT_EXPECT_EQ(test, atomic_read(&b->ln->n_conns), 0);
	/* Its connection goes to a server that exists: the record that waits is earlier. */
	receive_one(test, tcp(101, 80, 1, 1));
	KUNIT_EXPECT_EQ(test, b->ln->sync.pending.n, 3);
	KUNIT_EXPECT_EQ(test, grown(test, LBDR_SYNC_ADDED), 1);

	run(test, (struct step) { ADD, 80, 3, 1 });
	KUNIT_ASSERT_TRUE(test, conns_wait_for(READ_ONCE(b->ln->sync.pending.n) == 1));
	expect(test, 100, 3, LBDR_CONN_STATE_FIN_WAIT);
	expect(test, 101, 1, LBDR_CONN_STATE_ESTABLISHED);
	expect(test, 102, 3, LBDR_CONN_STATE_ESTABLISHED);
	KUNIT_EXPECT_EQ(test, grown(test, LBDR_SYNC_ADOPTED), 2);
	KUNIT_EXPECT_EQ(test, grown(test, LBDR_SYNC_ADDED), 2);

	/* A service without servers is not enough. */
	run(test, (struct step) { ADD_SERVICE, 82 });
	run(test, (struct step) { ADD, 82, 3, 1 });
	KUNIT_EXPECT_TRUE(test, conns_wait_for(!READ_ONCE(b->ln->sync.pending.n)));
	KUNIT_EXPECT_EQ(test, grown(test, LBDR_SYNC_ADOPTED), 1);
	KUNIT_EXPECT_EQ(test, atomic_read(&b->ln->n_conns), 4);
}

/* What has waited does not change a connection that exists, idle or not. */
static void wait_exists_test(struct kunit *test)
{
	struct backup *b = test->priv;
	struct lbdr_server *server;
	struct lbdr_conn *conn;

	receive_one(test, tcp(1, 80, 1, 1));
	server = expect(test, 1, 1, LBDR_CONN_STATE_ESTABLISHED)->server;
	receive_one(test, tcp(100, 80, 3, 1));
	conn = schedule_conn(test, 100, server);
	conns_idle(conn, 2 * HZ);
	run(test, (struct step) { ADD, 80, 3, 1 });
	KUNIT_ASSERT_TRUE(test, conns_wait_for(!READ_ONCE(b->ln->sync.pending.n)));
	KUNIT_EXPECT_EQ(test, grown(test, LBDR_SYNC_STALE), 1);
	KUNIT_EXPECT_EQ(test, grown(test, LBDR_SYNC_ADOPTED), 0);
	KUNIT_EXPECT_PTR_EQ(test, expect(test, 100, 1, LBDR_CONN_STATE_SYN_RECV), conn);
}

/* All records that wait are tried once a minute, whatever happens. */
#define SOON	(20 * HZ)

static void set_publishing(struct lbdr_net *ln, bool publishing)
{
	lbdr_lock(ln);
	ln->publishing = publishing;
	lbdr_unlock(ln);
}

/* A record of a server that is added then does not wait for long. */
static void expect_adopted(struct kunit *test, u32 server)
{
	struct backup *b = test->priv;
	unsigned long begun = jiffies;

	receive_one(test, tcp(100 + server, 80, server, 1));
	KUNIT_EXPECT_EQ(test, b->ln->sync.pending.n, 1);
	run(test, (struct step) { ADD, 80, server, 1 });
	KUNIT_ASSERT_TRUE(test, conns_wait_for(!READ_ONCE(b->ln->sync.pending.n)));
	KUNIT_EXPECT_TRUE(test, time_before(jiffies, begun + SOON));
	expect(test, 100 + server, server, LBDR_CONN_STATE_ESTABLISHED);
}

/* Whatever ended before the work item had tried what waits: the next one is not forgotten. */
static void wait_again_test(struct kunit *test)
{
	struct backup *b = test->priv;
	struct lbdr_sync *sync = &b->ln->sync;

	expect_adopted(test, 3);
	/* The role stops after a server was added, within 20 ms. */
	lbdr_lock(b->ln);
	WRITE_ONCE(sync->adopt, true);
	lbdr_unlock(b->ln);
	KUNIT_ASSERT_EQ(test, lbdr_sync_stop(b->ln, LBDR_SYNC_ROLE_BACKUP), 0);
	KUNIT_ASSERT_EQ(test, start(b->ln), 0);
	expect_adopted(test, 4);
	/* Nothing waits any more when the transaction has been published. */
	set_publishing(b->ln, true);
	lbdr_lock(b->ln);
	WRITE_ONCE(sync->adopt, true);
	lbdr_unlock(b->ln);
	mod_delayed_work(system_long_wq, &sync->adopter, 0);
	flush_delayed_work(&sync->adopter);
	set_publishing(b->ln, false);
	expect_adopted(test, 5);
}

/* A record that comes when its service was reported, but not published yet */
static void wait_published_test(struct kunit *test)
{
	struct backup *b = test->priv;
	unsigned long retried, begun = jiffies;

	retried = READ_ONCE(b->ln->sync.retried);
	set_publishing(b->ln, true);
	receive_one(test, tcp(100, 80, 3, 1));
	msleep(100);
	KUNIT_EXPECT_EQ(test, READ_ONCE(b->ln->sync.retried), retried);
	set_publishing(b->ln, false);
	KUNIT_EXPECT_TRUE(test, conns_wait_for(READ_ONCE(b->ln->sync.retried) != retried));
	KUNIT_EXPECT_TRUE(test, time_before(jiffies, begun + SOON));
}

#define CROWD	500

/* A sender cannot choose records that share a hash bucket: each word of theirs counts. */
static void wait_spread_test(struct kunit *test)
{
	struct lbdr_sync_record record = tcp(100, 82, 3, 1);
	struct backup *b = test->priv;
	u32 i, n, longest = 0;
	struct hlist_node *node;

	for (i = 1; i <= CROWD; i++) {
		record.fwmark = i;
		receive_one(test, record);
	}
	KUNIT_EXPECT_EQ(test, b->ln->sync.pending.n, CROWD);
	lbdr_lock(b->ln);
	for (i = 0; i < BIT(b->ln->sync.pending.bits); i++) {
		n = 0;
		hlist_for_each(node, &b->ln->sync.pending.table[i])
			n++;
		longest = max(longest, n);
	}
	lbdr_unlock(b->ln);
	KUNIT_EXPECT_LT(test, longest, CROWD / 20);
}

/* At most 1/8 of the connections may wait, and a record waits no longer than it lives. */
static void wait_bound_test(struct kunit *test)
{
	struct lbdr_sync_record record = tcp(100, 80, 3, 1);
	struct backup *b = test->priv;
	u32 max = lbdr_limit_conns(b->ln) / 8;

	record.timeout = 1;
	receive_one(test, record);
	KUNIT_ASSERT_EQ(test, b->ln->sync.pending.n, 1);
	KUNIT_EXPECT_TRUE(test, conns_wait_for(none_waits(b->ln)));
	KUNIT_EXPECT_EQ(test, grown(test, LBDR_SYNC_ADOPTED), 0);

	/* The others are not there; they only count. */
	lbdr_lock(b->ln);
	b->ln->sync.pending.n = max - 2;
	lbdr_unlock(b->ln);
	receive(test, (struct lbdr_sync_record[]) {
		tcp(100, 80, 3, 1), tcp(101, 80, 3, 1), tcp(102, 80, 3, 1),
		tcp(100, 80, 3, 4), tcp(103, 80, 3, 1),
	}, 5);
	KUNIT_EXPECT_EQ(test, b->ln->sync.pending.n, max);
	KUNIT_EXPECT_EQ(test, grown(test, LBDR_SYNC_PENDING_FULL), 2);
	lbdr_lock(b->ln);
	b->ln->sync.pending.n -= max - 2;
	lbdr_unlock(b->ln);
	KUNIT_EXPECT_EQ(test, b->ln->sync.pending.n, 2);
}

/* A table that is nearly full gets no connection, but those that it has are changed. */
static void full_test(struct kunit *test)
{
	struct backup *b = test->priv;
	int others = lbdr_limit_conns(b->ln) - lbdr_limit_conns(b->ln) / 16;

	receive_one(test, tcp(100, 80, 1, 1));
	KUNIT_ASSERT_EQ(test, grown(test, LBDR_SYNC_ADDED), 1);
	atomic_add(others, &b->ln->n_conns);
	receive(test, (struct lbdr_sync_record[]) {
		tcp(101, 80, 1, 1), tcp(100, 80, 2, 1), tcp(100, 80, 1, 4),
	}, 3);
	atomic_sub(others, &b->ln->n_conns);
	KUNIT_EXPECT_EQ(test, grown(test, LBDR_SYNC_ADDED), 0);
	KUNIT_EXPECT_EQ(test, grown(test, LBDR_SYNC_REFUSED), 2);
	KUNIT_EXPECT_EQ(test, grown(test, LBDR_SYNC_UPDATED), 1);
	KUNIT_EXPECT_NULL(test, lookup(test, 101, false));
	expect(test, 100, 1, LBDR_CONN_STATE_FIN_WAIT);
}

/* Templates: the persistence of the service must have such a one. */
static void template_test(struct kunit *test)
{
	struct lbdr_sync_record record = tcp(0, 81, 1, 1);
	struct backup *b = test->priv;

	add_persistent(test, 81);
	run(test, (struct step) { ADD, 81, 1, 1 });
	record.flags |= LBDR_SYNC_FLAG_TEMPLATE;
	receive_one(test, record);
	KUNIT_EXPECT_EQ(test, grown(test, LBDR_SYNC_REFUSED), 1);
	record.client.ip = htonl(CLIENT);
	receive_one(test, record);
	receive_one(test, record);
	KUNIT_EXPECT_EQ(test, grown(test, LBDR_SYNC_ADDED), 1);
	KUNIT_EXPECT_EQ(test, grown(test, LBDR_SYNC_UPDATED), 1);
	record.vport = htons(80);
	receive_one(test, record);
	KUNIT_EXPECT_EQ(test, grown(test, LBDR_SYNC_REFUSED), 1);
	KUNIT_EXPECT_EQ(test, atomic_read(&b->ln->n_conns), 1);
}

/* Datagrams of others: nothing of them is a connection, and each is counted once. */
static void foreign_test(struct kunit *test)
{
	/* Id 7, length right: one record of version 0 */
	static const u8 v0[] = {
		0x01, ID, 0x00, 0x1c,
		0x00, 0x06, 0x00, 0x64, 0x00, 0x50, 0x00, 0x50, 203, 0, 113, 9,
		198, 51, 100, 99, 192, 0, 2, 1, 0x00, 0x83, 0x00, 0x01,
	};
	struct backup *b = test->priv;
	u8 data[sizeof(v0)];

	memcpy(data, v0, sizeof(v0));
	data[1] = ID + 1;
	lbdr_sync_recv_datagram(b->ln, data, sizeof(data), ID);
	KUNIT_EXPECT_EQ(test, grown(test, LBDR_SYNC_FOREIGN), 1);
	data[1] = ID;
	data[0] = 2;
	lbdr_sync_recv_datagram(b->ln, data, sizeof(data), ID);
	KUNIT_EXPECT_EQ(test, grown(test, LBDR_SYNC_BAD), 1);
	KUNIT_EXPECT_EQ(test, grown(test, LBDR_SYNC_ADDED), 1);
	lbdr_sync_recv_datagram(b->ln, data, sizeof(data) - 1, ID);
	lbdr_sync_recv_datagram(b->ln, data, 3, ID);
	KUNIT_EXPECT_EQ(test, grown(test, LBDR_SYNC_BAD), 2);
	lbdr_sync_recv_datagram(b->ln, v0, sizeof(v0), ID);
	KUNIT_EXPECT_EQ(test, grown(test, LBDR_SYNC_UPDATED), 1);
	expect(test, 100, 1, LBDR_CONN_STATE_ESTABLISHED);
	KUNIT_EXPECT_EQ(test, atomic_read(&b->ln->n_conns), 1);
}

/* Each record of random ones is counted in exactly one way. */
static void random_test(struct kunit *test)
{
	static const enum lbdr_sync_counter ends[] = {
		LBDR_SYNC_ADDED, LBDR_SYNC_UPDATED, LBDR_SYNC_PENDING_FULL, LBDR_SYNC_OWN,
		LBDR_SYNC_STALE, LBDR_SYNC_REFUSED, LBDR_SYNC_SKIPPED,
	};
	struct lbdr_sync_record record;
	struct backup *b = test->priv;
	struct rnd_state random;
	u64 waits, sum = 0;
	u32 round, i;

	lbdr_kunit_seed(test, &random);
	for (round = 0; round < ROUNDS; round++) {
		record = tcp(100 + lbdr_kunit_below(&random, 20),
			     80 + lbdr_kunit_below(&random, 2),
			     1 + lbdr_kunit_below(&random, 3),
			     lbdr_kunit_below(&random, 12));
		record.timeout = prandom_u32_state(&random) >>
				 lbdr_kunit_below(&random, 32);
		if (!lbdr_kunit_below(&random, 8))
			record.flags |= LBDR_SYNC_FLAG_TEMPLATE;
		if (!lbdr_kunit_below(&random, 8))
			record.cport = 0;
		waits = b->ln->sync.pending.n;
		receive_one(test, record);
		for (i = 0, sum = 0; i < ARRAY_SIZE(ends); i++)
			sum += grown(test, ends[i]);
		/* One that waits is new, or in the place of another one. */
		if (!sum)
			KUNIT_EXPECT_GE(test, b->ln->sync.pending.n, max(waits, 1ULL));
		KUNIT_EXPECT_LE(test, sum, 1);
		if (lbdr_kunit_below(&random, 2))
			lookup(test, 100 + lbdr_kunit_below(&random, 20), true);
	}
	KUNIT_EXPECT_EQ(test, grown(test, LBDR_SYNC_RECEIVED_RECORDS), ROUNDS);
	KUNIT_EXPECT_EQ(test, grown(test, LBDR_SYNC_BAD), 0);
	KUNIT_EXPECT_LE(test, atomic_read(&b->ln->n_conns), 40);
}

static struct kunit_case recv_cases[] = {
	KUNIT_CASE(add_test),
	KUNIT_CASE(own_test),
	KUNIT_CASE(own_later_test),
	KUNIT_CASE(own_scheduled_test),
	KUNIT_CASE(replace_test),
	KUNIT_CASE(stale_test),
	KUNIT_CASE(copy_test),
	KUNIT_CASE(renewed_test),
	KUNIT_CASE(left_test),
	KUNIT_CASE(wait_test),
	KUNIT_CASE(wait_exists_test),
	KUNIT_CASE(wait_again_test),
	KUNIT_CASE(wait_published_test),
	KUNIT_CASE(wait_spread_test),
	KUNIT_CASE(wait_bound_test),
	KUNIT_CASE(full_test),
	KUNIT_CASE(template_test),
	KUNIT_CASE(foreign_test),
	KUNIT_CASE(random_test),
	{}
};

static struct kunit_suite recv_suite = {
	.name		= "lbdr_sync_recv",
	.init		= backup_init,
	.exit		= backup_exit,
	.test_cases	= recv_cases,
};

kunit_test_suites(&recv_suite);
