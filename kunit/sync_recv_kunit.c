// SPDX-License-Identifier: GPL-2.0
/*
 * The backup of connection synchronisation: what a record changes, and what it never does.
 * Records that wait are in sync_pending_kunit.c.
 */
#include <kunit/test.h>
#include <linux/slab.h>

#include "backup.h"
#include "config.h"
#include "conn.h"
#include "conns.h"
#include "lbdr_kunit.h"
#include "limit.h"
#include "sched.h"
#include "state.h"

#define ROUNDS		5000

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

static long left(struct kunit *test, u16 cport)
{
	struct lbdr_conn *conn = backup_lookup(test, cport, false);
	struct backup *b = test->priv;
	long jiffies_left = -1;

	rcu_read_lock();
	if (conn)
		jiffies_left = lbdr_conn_left(b->ln, conn);
	rcu_read_unlock();
	return jiffies_left / HZ;
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
		backup_receive_one(test, backup_tcp(100 + i, 80, 2, rows[i].wire));
		KUNIT_EXPECT_EQ(test, backup_grown(test, LBDR_SYNC_ADDED), 1);
		conn = backup_expect(test, 100 + i, 2, rows[i].state);
		KUNIT_EXPECT_FALSE(test, lbdr_conn_own(conn));
	}
	KUNIT_EXPECT_EQ(test, backup_grown(test, LBDR_SYNC_RECEIVED_RECORDS), ARRAY_SIZE(rows));
	KUNIT_EXPECT_GT(test, left(test, 100), 290);
	KUNIT_EXPECT_LE(test, left(test, 100), 300);
	backup_receive_one(test, backup_tcp(99, 80, 1, 9));
	KUNIT_EXPECT_EQ(test, backup_grown(test, LBDR_SYNC_SKIPPED), 1);
	KUNIT_EXPECT_NULL(test, backup_lookup(test, 99, false));
}

/* A packet makes a connection this director's own: no record changes it for a second. */
static void own_test(struct kunit *test)
{
	struct lbdr_sync_record record = backup_tcp(101, 80, 1, 1);
	struct lbdr_conn *conn;
	u32 i;

	backup_receive_one(test, backup_tcp(100, 80, 1, 1));
	KUNIT_ASSERT_EQ(test, backup_grown(test, LBDR_SYNC_ADDED), 1);
	conn = backup_lookup(test, 100, true);
	KUNIT_ASSERT_NOT_NULL(test, conn);
	KUNIT_EXPECT_TRUE(test, lbdr_conn_own(conn));
	conns_later(conn);
	backup_receive_one(test, backup_tcp(100, 80, 2, 1));
	backup_receive_one(test, backup_tcp(100, 80, 1, 4));
	KUNIT_EXPECT_EQ(test, backup_grown(test, LBDR_SYNC_OWN), 2);
	KUNIT_EXPECT_PTR_EQ(test, backup_expect(test, 100, 1, LBDR_CONN_STATE_ESTABLISHED), conn);

	/* Without a packet for a second, the other director's word counts again. */
	conns_idle(conn, 2 * HZ);
	backup_receive_one(test, backup_tcp(100, 80, 1, 4));
	KUNIT_EXPECT_EQ(test, backup_grown(test, LBDR_SYNC_OWN), 0);
	KUNIT_EXPECT_EQ(test, backup_grown(test, LBDR_SYNC_UPDATED), 1);
	KUNIT_EXPECT_FALSE(test, lbdr_conn_own(backup_expect(test, 100, 1,
							     LBDR_CONN_STATE_FIN_WAIT)));

	/* So it is when the record says that the last packet was just now. */
	record.timeout = lbdr_state_timeout[LBDR_CONN_STATE_ESTABLISHED];
	for (i = 0; i < 2; i++) {
		backup_receive_one(test, record);
		conn = backup_lookup(test, 101, true);
		KUNIT_ASSERT_NOT_NULL(test, conn);
		KUNIT_EXPECT_TRUE(test, lbdr_conn_own(conn));
		conns_idle(conn, 2 * HZ);
	}
}

/* After a partition: what a director forwarded earlier changes nothing that is own here. */
static void own_later_test(struct kunit *test)
{
	const u32 established = lbdr_state_timeout[LBDR_CONN_STATE_ESTABLISHED];
	struct lbdr_sync_record record = backup_tcp(100, 80, 1, 1);
	struct lbdr_conn *conn;

	backup_receive_one(test, record);
	conn = backup_lookup(test, 100, true);
	KUNIT_ASSERT_NOT_NULL(test, conn);
	backup_grown(test, LBDR_SYNC_ADDED);
	conns_idle(conn, 2 * HZ);
	/* Of another server, and the end of the same one, each from minutes ago */
	record.server = step_server(2);
	backup_receive_one(test, record);
	record = backup_tcp(100, 80, 1, 4);
	record.timeout = 10;
	backup_receive_one(test, record);
	KUNIT_EXPECT_EQ(test, backup_grown(test, LBDR_SYNC_STALE), 2);
	KUNIT_EXPECT_EQ(test, backup_grown(test, LBDR_SYNC_ADDED), 0);
	KUNIT_EXPECT_EQ(test, backup_grown(test, LBDR_SYNC_UPDATED), 0);
	KUNIT_EXPECT_PTR_EQ(test, backup_expect(test, 100, 1, LBDR_CONN_STATE_ESTABLISHED), conn);
	KUNIT_EXPECT_TRUE(test, lbdr_conn_own(conn));

	/* The client has come to the other director later than here. */
	conns_idle(conn, 20 * HZ);
	record = backup_tcp(100, 80, 2, 1);
	record.timeout = established - 10;
	backup_receive_one(test, record);
	KUNIT_EXPECT_EQ(test, backup_grown(test, LBDR_SYNC_STALE), 0);
	KUNIT_EXPECT_EQ(test, backup_grown(test, LBDR_SYNC_ADDED), 1);
	backup_expect(test, 100, 2, LBDR_CONN_STATE_ESTABLISHED);

	/* So do the end, and records of ip_vs, which have the whole timeout, or none. */
	conn = backup_lookup(test, 100, true);
	conns_idle(conn, 3 * HZ);
	backup_receive_one(test, backup_tcp(100, 80, 2, 4));
	KUNIT_EXPECT_EQ(test, backup_grown(test, LBDR_SYNC_UPDATED), 1);
	record = backup_tcp(101, 80, 1, 1);
	backup_receive_one(test, record);
	for (record.timeout = 0; record.timeout <= established; record.timeout += established) {
		conn = backup_lookup(test, 101, true);
		conns_idle(conn, 3 * HZ);
		backup_receive_one(test, record);
		KUNIT_EXPECT_FALSE(test, lbdr_conn_own(conn));
	}
}

/* The same of a connection that was never received, and with many packets. */
static void own_scheduled_test(struct kunit *test)
{
	struct lbdr_sync_record record = backup_tcp(1, 80, 1, 1);
	struct lbdr_server *server;
	struct lbdr_conn *conn;
	u32 i;

	backup_receive_one(test, record);
	server = backup_expect(test, 1, 1, LBDR_CONN_STATE_ESTABLISHED)->server;
	KUNIT_EXPECT_EQ(test, backup_grown(test, LBDR_SYNC_ADDED), 1);
	conn = backup_schedule(test, 100, server);
	KUNIT_EXPECT_TRUE(test, lbdr_conn_own(conn));
	conns_later(conn);
	backup_receive_one(test, backup_tcp(100, 80, 2, 1));
	KUNIT_EXPECT_EQ(test, backup_grown(test, LBDR_SYNC_OWN), 1);

	/* The number of renewals ends at 255. */
	for (i = 0; i < 300; i++)
		backup_lookup(test, 1, true);
	conn = backup_expect(test, 1, 1, LBDR_CONN_STATE_ESTABLISHED);
	KUNIT_EXPECT_TRUE(test, lbdr_conn_own(conn));
	conns_idle(conn, 2 * HZ);
	record.timeout = lbdr_state_timeout[LBDR_CONN_STATE_ESTABLISHED];
	backup_receive_one(test, record);
	KUNIT_EXPECT_FALSE(test, lbdr_conn_own(conn));
	backup_lookup(test, 1, true);
	KUNIT_EXPECT_TRUE(test, lbdr_conn_own(conn));
}

/* A connection of the other director gets another server, and its counts go along. */
static void replace_test(struct kunit *test)
{
	struct lbdr_server *one, *two;

	backup_receive_one(test, backup_tcp(100, 80, 1, 1));
	one = backup_expect(test, 100, 1, LBDR_CONN_STATE_ESTABLISHED)->server;
	backup_receive_one(test, backup_tcp(100, 80, 2, 1));
	two = backup_expect(test, 100, 2, LBDR_CONN_STATE_ESTABLISHED)->server;
	KUNIT_EXPECT_EQ(test, backup_grown(test, LBDR_SYNC_ADDED), 2);
	KUNIT_EXPECT_EQ(test, backup_grown(test, LBDR_SYNC_UPDATED), 0);
	KUNIT_EXPECT_EQ(test, atomic_read(&one->active), 0);
	KUNIT_EXPECT_EQ(test, atomic_read(&two->active), 1);

	/* The end and the beginning of the one before may come later. */
	backup_receive_one(test, backup_tcp(100, 80, 1, 4));
	backup_receive_one(test, backup_tcp(100, 80, 1, 3));
	KUNIT_EXPECT_EQ(test, backup_grown(test, LBDR_SYNC_STALE), 2);
	backup_expect(test, 100, 2, LBDR_CONN_STATE_ESTABLISHED);
}

/* A record that was sent before what is known changes nothing. */
static void stale_test(struct kunit *test)
{
	backup_receive_one(test, backup_tcp(100, 80, 1, 1));
	backup_receive_one(test, backup_tcp(100, 80, 1, 3));
	KUNIT_EXPECT_EQ(test, backup_grown(test, LBDR_SYNC_STALE), 1);
	backup_expect(test, 100, 1, LBDR_CONN_STATE_ESTABLISHED);

	/* The time left is the timeout, so the state is not a second old. */
	backup_receive(test, (struct lbdr_sync_record[]) { backup_tcp(101, 80, 1, 4), }, 1);
	conns_later(backup_lookup(test, 101, false));
	backup_receive_one(test, backup_tcp(101, 80, 1, 1));
	KUNIT_EXPECT_EQ(test, backup_grown(test, LBDR_SYNC_STALE), 1);
	conns_idle(backup_expect(test, 101, 1, LBDR_CONN_STATE_FIN_WAIT), 2 * HZ);
	backup_receive_one(test, backup_tcp(101, 80, 1, 1));
	KUNIT_EXPECT_EQ(test, backup_grown(test, LBDR_SYNC_UPDATED), 1);
	backup_expect(test, 101, 1, LBDR_CONN_STATE_ESTABLISHED);
}

/* A copy adds a connection, and changes none: neither one that exists nor one that waits. */
static void copy_test(struct kunit *test)
{
	struct lbdr_sync_record copy = backup_tcp(100, 80, 1, 1);

	copy.flags |= LBDR_SYNC_FLAG_COPY;
	backup_receive_one(test, copy);
	backup_expect(test, 100, 1, LBDR_CONN_STATE_ESTABLISHED);
	KUNIT_EXPECT_EQ(test, backup_grown(test, LBDR_SYNC_ADDED), 1);
	backup_receive_one(test, backup_tcp(100, 80, 1, 4));
	conns_idle(backup_expect(test, 100, 1, LBDR_CONN_STATE_FIN_WAIT), 2 * HZ);
	backup_receive_one(test, copy);
	backup_expect(test, 100, 1, LBDR_CONN_STATE_FIN_WAIT);
	KUNIT_EXPECT_EQ(test, backup_grown(test, LBDR_SYNC_STALE), 1);
	copy.server = step_server(2);
	backup_receive_one(test, copy);
	backup_expect(test, 100, 1, LBDR_CONN_STATE_FIN_WAIT);
}

/* A record tells that its connection was in use for some time, and none takes that back. */
static void renewed_test(struct kunit *test)
{
	struct lbdr_sync_record renewed = backup_tcp(100, 80, 1, 1);
	struct lbdr_conn *conn;

	renewed.flags |= LBDR_SYNC_FLAG_RENEWED;
	backup_receive_one(test, backup_tcp(100, 80, 1, 1));
	conn = backup_expect(test, 100, 1, LBDR_CONN_STATE_ESTABLISHED);
	KUNIT_EXPECT_EQ(test, conn->renewals, 0);
	backup_receive_one(test, renewed);
	KUNIT_EXPECT_EQ(test, conn->renewals, LBDR_CONN_SYNC_RENEWALS);
	KUNIT_EXPECT_FALSE(test, lbdr_conn_own(conn));
	backup_receive_one(test, backup_tcp(100, 80, 1, 1));
	KUNIT_EXPECT_EQ(test, conn->renewals, LBDR_CONN_SYNC_RENEWALS);
	/* Closed, and opened again with the same ports */
	backup_receive_one(test, backup_tcp(100, 80, 1, 4));
	KUNIT_EXPECT_EQ(test, conn->renewals, LBDR_CONN_SYNC_RENEWALS);
	conns_idle(conn, 2 * HZ);
	backup_receive_one(test, backup_tcp(100, 80, 1, 1));
	conn = backup_expect(test, 100, 1, LBDR_CONN_STATE_ESTABLISHED);
	KUNIT_EXPECT_EQ(test, conn->renewals, 0);
	renewed.cport = htons(101);
	backup_receive_one(test, renewed);
	conn = backup_expect(test, 101, 1, LBDR_CONN_STATE_ESTABLISHED);
	KUNIT_EXPECT_EQ(test, conn->renewals, LBDR_CONN_SYNC_RENEWALS);
	KUNIT_EXPECT_FALSE(test, lbdr_conn_own(conn));
}

/* A record lengthens the time left, and shortens it with another state only. */
static void left_test(struct kunit *test)
{
	struct lbdr_sync_record record = backup_tcp(100, 80, 1, 1);

	backup_receive_one(test, record);
	record.timeout = 100;
	backup_receive_one(test, record);
	KUNIT_EXPECT_GT(test, left(test, 100), 290);
	record.timeout = 600;
	backup_receive_one(test, record);
	KUNIT_EXPECT_GT(test, left(test, 100), 590);
	record.state = 4;
	record.timeout = 20;
	backup_receive_one(test, record);
	KUNIT_EXPECT_LE(test, left(test, 100), 20);
	KUNIT_EXPECT_GT(test, left(test, 100), 10);
	/* Version 0 has no time. */
	record.cport = htons(101);
	record.state = 1;
	record.timeout = 0;
	backup_receive_one(test, record);
	KUNIT_EXPECT_GT(test, left(test, 101),
			lbdr_state_timeout[LBDR_CONN_STATE_ESTABLISHED] - 10);
}

/* A table that is nearly full gets no connection, but those that it has are changed. */
static void full_test(struct kunit *test)
{
	struct backup *b = test->priv;
	int others = lbdr_limit_conns(b->ln) - lbdr_limit_conns(b->ln) / 16;

	backup_receive_one(test, backup_tcp(100, 80, 1, 1));
	KUNIT_ASSERT_EQ(test, backup_grown(test, LBDR_SYNC_ADDED), 1);
	atomic_add(others, &b->ln->n_conns);
	backup_receive(test, (struct lbdr_sync_record[]) {
		backup_tcp(101, 80, 1, 1), backup_tcp(100, 80, 2, 1), backup_tcp(100, 80, 1, 4),
	}, 3);
	atomic_sub(others, &b->ln->n_conns);
	KUNIT_EXPECT_EQ(test, backup_grown(test, LBDR_SYNC_ADDED), 0);
	KUNIT_EXPECT_EQ(test, backup_grown(test, LBDR_SYNC_REFUSED), 2);
	KUNIT_EXPECT_EQ(test, backup_grown(test, LBDR_SYNC_UPDATED), 1);
	KUNIT_EXPECT_NULL(test, backup_lookup(test, 101, false));
	backup_expect(test, 100, 1, LBDR_CONN_STATE_FIN_WAIT);
}

/*
 * There an established connection takes the place of a half-open one, if these are not rare,
 * and no other does.
 */
static void crowded_test(struct kunit *test)
{
	struct backup *b = test->priv;
	int others = lbdr_limit_conns(b->ln) - lbdr_limit_conns(b->ln) / 16;
	struct lbdr_sync_record copy = backup_tcp(104, 80, 1, 1);
	u32 i;

	copy.flags |= LBDR_SYNC_FLAG_COPY;
	backup_receive_one(test, backup_tcp(100, 80, 1, 3));
	for (i = 0; i < 20; i++)
		backup_receive_one(test, backup_tcp(200 + i, 80, 1, 1));
	KUNIT_ASSERT_EQ(test, backup_grown(test, LBDR_SYNC_ADDED), 21);
	atomic_add(others, &b->ln->n_conns);
	backup_receive_one(test, backup_tcp(104, 80, 1, 1));
	atomic_sub(others, &b->ln->n_conns);
	KUNIT_EXPECT_EQ(test, backup_grown(test, LBDR_SYNC_REFUSED), 1);
	backup_expect(test, 100, 1, LBDR_CONN_STATE_SYN_RECV);

	for (i = 0; i < 3; i++)
		backup_receive_one(test, backup_tcp(101 + i, 80, 1, 3));
	KUNIT_ASSERT_EQ(test, backup_grown(test, LBDR_SYNC_ADDED), 3);
	/* Nobody searches again at once. */
	schedule_timeout_uninterruptible(HZ / 50 + 1);
	atomic_add(others, &b->ln->n_conns);
	backup_receive_one(test, backup_tcp(105, 80, 1, 3));
	backup_receive_one(test, backup_tcp(106, 80, 1, 4));
	backup_receive_one(test, copy);
	KUNIT_EXPECT_EQ(test, backup_grown(test, LBDR_SYNC_REFUSED), 3);
	KUNIT_EXPECT_EQ(test, backup_grown(test, LBDR_SYNC_ADDED), 0);
	backup_receive_one(test, backup_tcp(104, 80, 1, 1));
	atomic_sub(others, &b->ln->n_conns);
	KUNIT_EXPECT_EQ(test, backup_grown(test, LBDR_SYNC_ADDED), 1);
	backup_expect(test, 104, 1, LBDR_CONN_STATE_ESTABLISHED);
	for (i = 0; i < 20; i++)
		backup_expect(test, 200 + i, 1, LBDR_CONN_STATE_ESTABLISHED);
}

/* Templates: the persistence of the service must have such a one. */
static void template_test(struct kunit *test)
{
	struct lbdr_sync_record record = backup_tcp(0, 81, 1, 1);
	struct backup *b = test->priv;

	add_persistent(test, 81);
	backup_run(test, (struct step) { ADD, 81, 1, 1 });
	record.flags |= LBDR_SYNC_FLAG_TEMPLATE;
	backup_receive_one(test, record);
	KUNIT_EXPECT_EQ(test, backup_grown(test, LBDR_SYNC_REFUSED), 1);
	record.client.ip = htonl(BACKUP_CLIENT);
	backup_receive_one(test, record);
	backup_receive_one(test, record);
	KUNIT_EXPECT_EQ(test, backup_grown(test, LBDR_SYNC_ADDED), 1);
	KUNIT_EXPECT_EQ(test, backup_grown(test, LBDR_SYNC_UPDATED), 1);
	record.vport = htons(80);
	backup_receive_one(test, record);
	KUNIT_EXPECT_EQ(test, backup_grown(test, LBDR_SYNC_REFUSED), 1);
	KUNIT_EXPECT_EQ(test, atomic_read(&b->ln->n_conns), 1);
}

/* Datagrams of others: nothing of them is a connection, and each is counted once. */
static void foreign_test(struct kunit *test)
{
	/* Id 7, length right: one record of version 0 */
	static const u8 v0[] = {
		0x01, BACKUP_ID, 0x00, 0x1c,
		0x00, 0x06, 0x00, 0x64, 0x00, 0x50, 0x00, 0x50, 203, 0, 113, 9,
		198, 51, 100, 99, 192, 0, 2, 1, 0x00, 0x83, 0x00, 0x01,
	};
	struct backup *b = test->priv;
	u8 data[sizeof(v0)];

	memcpy(data, v0, sizeof(v0));
	data[1] = BACKUP_ID + 1;
	lbdr_sync_recv_datagram(b->ln, data, sizeof(data), BACKUP_ID);
	KUNIT_EXPECT_EQ(test, backup_grown(test, LBDR_SYNC_FOREIGN), 1);
	data[1] = BACKUP_ID;
	data[0] = 2;
	lbdr_sync_recv_datagram(b->ln, data, sizeof(data), BACKUP_ID);
	KUNIT_EXPECT_EQ(test, backup_grown(test, LBDR_SYNC_BAD), 1);
	KUNIT_EXPECT_EQ(test, backup_grown(test, LBDR_SYNC_ADDED), 1);
	lbdr_sync_recv_datagram(b->ln, data, sizeof(data) - 1, BACKUP_ID);
	lbdr_sync_recv_datagram(b->ln, data, 3, BACKUP_ID);
	KUNIT_EXPECT_EQ(test, backup_grown(test, LBDR_SYNC_BAD), 2);
	lbdr_sync_recv_datagram(b->ln, v0, sizeof(v0), BACKUP_ID);
	KUNIT_EXPECT_EQ(test, backup_grown(test, LBDR_SYNC_UPDATED), 1);
	backup_expect(test, 100, 1, LBDR_CONN_STATE_ESTABLISHED);
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
		record = backup_tcp(100 + lbdr_kunit_below(&random, 20),
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
		backup_receive_one(test, record);
		for (i = 0, sum = 0; i < ARRAY_SIZE(ends); i++)
			sum += backup_grown(test, ends[i]);
		/* One that waits is new, or in the place of another one. */
		if (!sum)
			KUNIT_EXPECT_GE(test, b->ln->sync.pending.n, max(waits, 1ULL));
		KUNIT_EXPECT_LE(test, sum, 1);
		if (lbdr_kunit_below(&random, 2))
			backup_lookup(test, 100 + lbdr_kunit_below(&random, 20), true);
	}
	KUNIT_EXPECT_EQ(test, backup_grown(test, LBDR_SYNC_RECEIVED_RECORDS), ROUNDS);
	KUNIT_EXPECT_EQ(test, backup_grown(test, LBDR_SYNC_BAD), 0);
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
	KUNIT_CASE(full_test),
	KUNIT_CASE(crowded_test),
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
