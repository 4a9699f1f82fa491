// SPDX-License-Identifier: GPL-2.0
/*
 * Records of a backup that wait for their service or server: when they are applied, what they
 * do not change, and their bounds.
 */
#include <kunit/test.h>
#include <linux/delay.h>

#include "backup.h"
#include "conn.h"
#include "conns.h"
#include "limit.h"

/* Applies or frees what has waited. Returns true if none waits any more. */
static bool none_waits(struct lbdr_net *ln)
{
	lbdr_sync_pending_retry(ln, lbdr_sync_recv_retry);
	return !ln->sync.pending.n;
}

/* A record of an unknown server waits, and is applied when the server is added. */
static void wait_test(struct kunit *test)
{
	struct backup *b = test->priv;

	backup_receive(test, (struct lbdr_sync_record[]) {
		backup_tcp(100, 80, 3, 1), backup_tcp(101, 80, 3, 1), backup_tcp(100, 80, 3, 4),
		backup_tcp(102, 80, 3, 1), backup_tcp(103, 82, 3, 1),
	}, 5);
	KUNIT_EXPECT_EQ(test, b->ln->sync.pending.n, 4);
	KUNIT_EXPECT_EQ(test, atomic_read(&b->ln->n_conns), 0);
	/* Its connection goes to a server that exists: the record that waits is earlier. */
	backup_receive_one(test, backup_tcp(101, 80, 1, 1));
	KUNIT_EXPECT_EQ(test, b->ln->sync.pending.n, 3);
	KUNIT_EXPECT_EQ(test, backup_grown(test, LBDR_SYNC_ADDED), 1);

	backup_run(test, (struct step) { ADD, 80, 3, 1 });
	KUNIT_ASSERT_TRUE(test, conns_wait_for(READ_ONCE(b->ln->sync.pending.n) == 1));
	backup_expect(test, 100, 3, LBDR_CONN_STATE_FIN_WAIT);
	backup_expect(test, 101, 1, LBDR_CONN_STATE_ESTABLISHED);
	backup_expect(test, 102, 3, LBDR_CONN_STATE_ESTABLISHED);
	KUNIT_EXPECT_EQ(test, backup_grown(test, LBDR_SYNC_ADOPTED), 2);
	KUNIT_EXPECT_EQ(test, backup_grown(test, LBDR_SYNC_ADDED), 2);

	/* A service without servers is not enough. */
	backup_run(test, (struct step) { ADD_SERVICE, 82 });
	backup_run(test, (struct step) { ADD, 82, 3, 1 });
	KUNIT_EXPECT_TRUE(test, conns_wait_for(!READ_ONCE(b->ln->sync.pending.n)));
	KUNIT_EXPECT_EQ(test, backup_grown(test, LBDR_SYNC_ADOPTED), 1);
	KUNIT_EXPECT_EQ(test, atomic_read(&b->ln->n_conns), 4);
}

/* What has waited does not change a connection that exists, idle or not. */
static void wait_exists_test(struct kunit *test)
{
	struct backup *b = test->priv;
	struct lbdr_server *server;
	struct lbdr_conn *conn;

	backup_receive_one(test, backup_tcp(1, 80, 1, 1));
	server = backup_expect(test, 1, 1, LBDR_CONN_STATE_ESTABLISHED)->server;
	backup_receive_one(test, backup_tcp(100, 80, 3, 1));
	conn = backup_schedule(test, 100, server);
	conns_idle(conn, 2 * HZ);
	backup_run(test, (struct step) { ADD, 80, 3, 1 });
	KUNIT_ASSERT_TRUE(test, conns_wait_for(!READ_ONCE(b->ln->sync.pending.n)));
	KUNIT_EXPECT_EQ(test, backup_grown(test, LBDR_SYNC_STALE), 1);
	KUNIT_EXPECT_EQ(test, backup_grown(test, LBDR_SYNC_ADOPTED), 0);
	KUNIT_EXPECT_PTR_EQ(test, backup_expect(test, 100, 1, LBDR_CONN_STATE_SYN_RECV), conn);
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

	backup_receive_one(test, backup_tcp(100 + server, 80, server, 1));
	KUNIT_EXPECT_EQ(test, b->ln->sync.pending.n, 1);
	backup_run(test, (struct step) { ADD, 80, server, 1 });
	KUNIT_ASSERT_TRUE(test, conns_wait_for(!READ_ONCE(b->ln->sync.pending.n)));
	KUNIT_EXPECT_TRUE(test, time_before(jiffies, begun + SOON));
	backup_expect(test, 100 + server, server, LBDR_CONN_STATE_ESTABLISHED);
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
	KUNIT_ASSERT_EQ(test, backup_start(b->ln), 0);
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
	backup_receive_one(test, backup_tcp(100, 80, 3, 1));
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
	struct lbdr_sync_record record = backup_tcp(100, 82, 3, 1);
	struct backup *b = test->priv;
	u32 i, n, longest = 0;
	struct hlist_node *node;

	for (i = 1; i <= CROWD; i++) {
		record.fwmark = i;
		backup_receive_one(test, record);
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
	struct lbdr_sync_record record = backup_tcp(100, 80, 3, 1);
	struct backup *b = test->priv;
	u32 max = lbdr_limit_conns(b->ln) / 8;

	record.timeout = 1;
	backup_receive_one(test, record);
	KUNIT_ASSERT_EQ(test, b->ln->sync.pending.n, 1);
	KUNIT_EXPECT_TRUE(test, conns_wait_for(none_waits(b->ln)));
	KUNIT_EXPECT_EQ(test, backup_grown(test, LBDR_SYNC_ADOPTED), 0);

	/* The others are not there; they only count. */
	lbdr_lock(b->ln);
	b->ln->sync.pending.n = max - 2;
	lbdr_unlock(b->ln);
	backup_receive(test, (struct lbdr_sync_record[]) {
		backup_tcp(100, 80, 3, 1), backup_tcp(101, 80, 3, 1), backup_tcp(102, 80, 3, 1),
		backup_tcp(100, 80, 3, 4), backup_tcp(103, 80, 3, 1),
	}, 5);
	KUNIT_EXPECT_EQ(test, b->ln->sync.pending.n, max);
	KUNIT_EXPECT_EQ(test, backup_grown(test, LBDR_SYNC_PENDING_FULL), 2);
	lbdr_lock(b->ln);
	b->ln->sync.pending.n -= max - 2;
	lbdr_unlock(b->ln);
	KUNIT_EXPECT_EQ(test, b->ln->sync.pending.n, 2);
}

static struct kunit_case pending_cases[] = {
	KUNIT_CASE(wait_test),
	KUNIT_CASE(wait_exists_test),
	KUNIT_CASE(wait_again_test),
	KUNIT_CASE(wait_published_test),
	KUNIT_CASE(wait_spread_test),
	KUNIT_CASE(wait_bound_test),
	{}
};

static struct kunit_suite pending_suite = {
	.name		= "lbdr_sync_pending",
	.init		= backup_init,
	.exit		= backup_exit,
	.test_cases	= pending_cases,
};

kunit_test_suites(&pending_suite);
