// SPDX-License-Identifier: GPL-2.0
/*
 * Restored connections: state, time left and counts; and that what exists is never
 * changed.
 */
#include <kunit/test.h>

#include "conn.h"
#include "conns.h"
#include "flood.h"
#include "flow.h"
#include "limit.h"
#include "persist.h"
#include "state.h"
#include "stats.h"

struct restore_row {
	const char		*name;
	enum lbdr_family	family;
	u8			protocol;
	u32			state;
};

static const struct restore_row restore_rows[] = {
	{ "SYN_RECV", LBDR_V4, IPPROTO_TCP, LBDR_CONN_STATE_SYN_RECV },
	{ "ESTABLISHED", LBDR_V4, IPPROTO_TCP, LBDR_CONN_STATE_ESTABLISHED },
	{ "FIN_WAIT", LBDR_V6, IPPROTO_TCP, LBDR_CONN_STATE_FIN_WAIT },
	{ "TIME_WAIT", LBDR_V4, IPPROTO_TCP, LBDR_CONN_STATE_TIME_WAIT },
	{ "CLOSE", LBDR_V4, IPPROTO_TCP, LBDR_CONN_STATE_CLOSE },
	{ "UDP", LBDR_V6, IPPROTO_UDP, LBDR_CONN_STATE_UDP },
	{ "UDP, one datagram", LBDR_V4, IPPROTO_UDP, LBDR_CONN_STATE_UDP_ONE },
	{ "SCTP_INIT", LBDR_V4, IPPROTO_SCTP, LBDR_CONN_STATE_SCTP_INIT },
	{ "SCTP_ESTABLISHED", LBDR_V4, IPPROTO_SCTP, LBDR_CONN_STATE_SCTP_ESTABLISHED },
	{ "SCTP_SHUTDOWN", LBDR_V6, IPPROTO_SCTP, LBDR_CONN_STATE_SCTP_SHUTDOWN },
	{ "SCTP_CLOSED", LBDR_V4, IPPROTO_SCTP, LBDR_CONN_STATE_SCTP_CLOSED },
};

KUNIT_ARRAY_PARAM_DESC(restore_row, restore_rows, name);

static int restore(struct conns *conns, const struct lbdr_flow *flow, u32 server,
		   u32 state, u32 left)
{
	const struct lbdr_conn_saved saved = {
		.state = state,
		.left = left,
		.renewals = LBDR_FLOOD_RENEWALS,
	};
	struct lbdr_flow copy = *flow;
	int err;

	conns_lock();
	err = lbdr_conn_restore(conns->ln, &copy, &conns->servers[server], &saved);
	conns_unlock();
	return err;
}

static struct lbdr_conn *restore_peek(struct conns *conns, const struct lbdr_flow *flow)
{
	struct lbdr_conn *conn;

	conns_lock();
	conn = lbdr_conn_peek(conns->ln, flow);
	conns_unlock();
	return conn;
}

static long restore_left(struct conns *conns, const struct lbdr_conn *conn)
{
	long left;

	rcu_read_lock();
	left = lbdr_conn_left(conns->ln, conn);
	rcu_read_unlock();
	return left;
}

/* State, server, time left and counts are those that were given. */
static void restore_state_test(struct kunit *test)
{
	const struct restore_row *row = test->param_value;
	struct lbdr_flow flow = conns_flow(row->family, row->protocol, 1);
	struct conns *conns = test->priv;
	struct lbdr_counts counts;
	struct lbdr_conn *conn;
	bool active;

	KUNIT_ASSERT_EQ(test, restore(conns, &flow, 1, row->state, 5 * HZ), 0);
	conn = restore_peek(conns, &flow);
	KUNIT_ASSERT_NOT_NULL(test, conn);
	KUNIT_EXPECT_TRUE(test, conns_has_key(conn, &flow));
	KUNIT_EXPECT_PTR_EQ(test, conn->server, &conns->servers[1]);
	KUNIT_EXPECT_EQ(test, conn->state, row->state);
	KUNIT_EXPECT_EQ(test, conn->renewals, LBDR_FLOOD_RENEWALS);
	KUNIT_EXPECT_LE(test, restore_left(conns, conn), 5 * HZ);
	KUNIT_EXPECT_GT(test, restore_left(conns, conn), 3 * HZ);

	active = lbdr_state_active(row->state);
	conns_expect_counts(test, 1, active, !active);
	KUNIT_EXPECT_EQ(test, atomic_read(&conns->ln->n_conns), 1);
	KUNIT_EXPECT_EQ(test, atomic_read(&conns->service.n_conns), 1);
	KUNIT_EXPECT_EQ(test, refcount_read(&conns->servers[1].refs), 2);
	/* It was scheduled by another director, or before the counters began. */
	lbdr_stats_sum(conns->servers[1].stats, &counts);
	KUNIT_EXPECT_EQ(test, counts.conns, 0);
}

/* More time than the timeout is the timeout, and one jiffy is little. */
static void restore_left_test(struct kunit *test)
{
	const struct restore_row *row = test->param_value;
	struct lbdr_flow flow = conns_flow(row->family, row->protocol, 1);
	struct lbdr_flow brief = conns_flow(row->family, row->protocol, 2);
	long timeout = lbdr_state_timeout[lbdr_state_shown(row->state)] * HZ;
	struct conns *conns = test->priv;
	struct lbdr_conn *conn;

	KUNIT_ASSERT_EQ(test, restore(conns, &flow, 0, row->state, U32_MAX), 0);
	conn = restore_peek(conns, &flow);
	KUNIT_ASSERT_NOT_NULL(test, conn);
	KUNIT_EXPECT_LE(test, restore_left(conns, conn), timeout);
	KUNIT_EXPECT_GT(test, restore_left(conns, conn), timeout - 2 * HZ);

	KUNIT_ASSERT_EQ(test, restore(conns, &brief, 0, row->state, 1), 0);
	KUNIT_EXPECT_TRUE(test, conns_wait_for(!restore_peek(conns, &brief)));
}

/* A packet goes on where the saved connection was. */
static void restore_packet_test(struct kunit *test)
{
	struct lbdr_flow flow = conns_flow(LBDR_V4, IPPROTO_TCP, 1);
	struct conns *conns = test->priv;
	struct lbdr_conn *conn;

	KUNIT_ASSERT_EQ(test, restore(conns, &flow, 2, LBDR_CONN_STATE_ESTABLISHED, 9 * HZ),
			0);
	flow.event = LBDR_EVENT_DATA;
	conn = conns_find(conns, &flow);
	KUNIT_ASSERT_NOT_NULL(test, conn);
	KUNIT_EXPECT_GT(test, restore_left(conns, conn), 800L * HZ);
	conns_step(conn, LBDR_EVENT_FIN);
	KUNIT_EXPECT_EQ(test, conn->state, LBDR_CONN_STATE_FIN_WAIT);
	conns_expect_counts(test, 2, 0, 1);
}

/* An existing connection stays as it is, whichever the saved one is. */
static void restore_exists_test(struct kunit *test)
{
	const struct restore_row *row = test->param_value;
	struct lbdr_flow flow = conns_flow(row->family, row->protocol, 1);
	struct conns *conns = test->priv;
	struct lbdr_conn *conn;
	u32 state, stamp;

	conn = conns_add(conns, &flow, 0);
	KUNIT_ASSERT_NOT_NULL(test, conn);
	conns_idle(conn, HZ);
	state = conn->state;
	stamp = conn->stamp;
	KUNIT_EXPECT_EQ(test, restore(conns, &flow, 1, row->state, 5 * HZ), -EEXIST);
	KUNIT_EXPECT_EQ(test, restore(conns, &flow, 0, row->state, 5 * HZ), -EEXIST);

	KUNIT_EXPECT_PTR_EQ(test, restore_peek(conns, &flow), conn);
	KUNIT_EXPECT_EQ(test, conn->state, state);
	KUNIT_EXPECT_EQ(test, conn->stamp, stamp);
	KUNIT_EXPECT_EQ(test, conn->renewals, 0);
	conns_expect_counts(test, 1, 0, 0);
	KUNIT_EXPECT_EQ(test, atomic_read(&conns->ln->n_conns), 1);
}

/* A connection that packets would not find is replaced: expired, or of a dead server. */
static void restore_replace_test(struct kunit *test)
{
	struct lbdr_flow expired = conns_flow(LBDR_V4, IPPROTO_TCP, 1);
	struct lbdr_flow dead = conns_flow(LBDR_V4, IPPROTO_TCP, 2);
	struct conns *conns = test->priv;
	struct lbdr_conn *conn;

	conn = conns_add(conns, &expired, 0);
	KUNIT_ASSERT_NOT_NULL(test, conn);
	conns_idle(conn, 61 * HZ);
	KUNIT_ASSERT_NOT_NULL(test, conns_add(conns, &dead, 1));
	WRITE_ONCE(conns->servers[1].dead, true);

	KUNIT_EXPECT_EQ(test, restore(conns, &expired, 2, LBDR_CONN_STATE_ESTABLISHED,
				      5 * HZ), 0);
	KUNIT_EXPECT_EQ(test, restore(conns, &dead, 2, LBDR_CONN_STATE_ESTABLISHED,
				      5 * HZ), 0);
	conns_expect_counts(test, 0, 0, 0);
	conns_expect_counts(test, 1, 0, 0);
	conns_expect_counts(test, 2, 2, 0);
}

/* No other connection makes room, and a refused one leaves no count behind. */
static void restore_full_test(struct kunit *test)
{
	struct lbdr_flow first = conns_flow(LBDR_V4, IPPROTO_TCP, 1);
	struct lbdr_flow flow = conns_flow(LBDR_V4, IPPROTO_TCP, 2);
	struct conns *conns = test->priv;
	int others = lbdr_limit_conn_max() - 1;

	KUNIT_ASSERT_NOT_NULL(test, conns_add(conns, &first, 0));
	atomic_add(others, &conns->ln->n_conns);
	KUNIT_EXPECT_EQ(test, restore(conns, &flow, 1, LBDR_CONN_STATE_ESTABLISHED, HZ),
			-ENOSPC);
	atomic_sub(others, &conns->ln->n_conns);
	KUNIT_EXPECT_TRUE(test, conns_exists(conns, &first));
	KUNIT_EXPECT_FALSE(test, conns_exists(conns, &flow));
	conns_expect_counts(test, 1, 0, 0);
	KUNIT_EXPECT_EQ(test, atomic_read(&conns->ln->n_conns), 1);
	KUNIT_EXPECT_EQ(test, refcount_read(&conns->servers[1].refs), 1);
}

/* A restored template chooses the server of the client's next connection. */
static void restore_template_test(struct kunit *test)
{
	struct lbdr_flow flow = conns_flow(LBDR_V4, IPPROTO_TCP, 1), template;
	struct conns *conns = test->priv;
	struct lbdr_conn *conn;
	bool usable;

	conns->service.settings.persist = 300;
	conns->service.settings.prefix = 24;
	conns->service.key.addr.ip = flow.v4.vip;
	conns->service.key.protocol = IPPROTO_TCP;
	conns->service.key.port = flow.v4.ports.vport;
	conns->servers[2].weight = 1;
	lbdr_persist_key(&conns->service, &flow, &template);
	KUNIT_ASSERT_EQ(test, restore(conns, &template, 2, LBDR_CONN_STATE_TEMPLATE,
				      U32_MAX), 0);
	conns_lock();
	conn = lbdr_persist_peek(conns->ln, &conns->service, &flow, &usable);
	conns_unlock();
	KUNIT_ASSERT_NOT_NULL(test, conn);
	KUNIT_EXPECT_TRUE(test, usable);
	KUNIT_EXPECT_PTR_EQ(test, conn->server, &conns->servers[2]);
	KUNIT_EXPECT_EQ(test, atomic_read(&conns->servers[2].persistent), 1);
	KUNIT_EXPECT_GT(test, restore_left(conns, conn), 290L * HZ);
}

static struct kunit_case restore_cases[] = {
	KUNIT_CASE_PARAM(restore_state_test, restore_row_gen_params),
	KUNIT_CASE_PARAM(restore_left_test, restore_row_gen_params),
	KUNIT_CASE(restore_packet_test),
	KUNIT_CASE_PARAM(restore_exists_test, restore_row_gen_params),
	KUNIT_CASE(restore_replace_test),
	KUNIT_CASE(restore_full_test),
	KUNIT_CASE(restore_template_test),
	{}
};

static struct kunit_suite restore_suite = {
	.name		= "lbdr_conn_restore",
	.init		= conns_init,
	.exit		= conns_exit,
	.test_cases	= restore_cases,
};

kunit_test_suites(&restore_suite);
