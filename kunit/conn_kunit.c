// SPDX-License-Identifier: GPL-2.0
/*
 * The connection table, single-threaded: add, find, change state, remove and
 * collect connections, and the counts of the servers after each step.
 */
#include <kunit/test.h>

#include "compat.h"
#include "conn.h"
#include "conn_lookup.h"
#include "conns.h"
#include "flow.h"
#include "limit.h"
#include "state.h"
#include "stats.h"

/* More connections than the collector visits in one period */
#define BULK		12000
/* Flows of one bucket: more than an insertion accepts */
#define CHAIN		40
/* Enough for buckets of several connections */
#define WALKED		1000
/* As many others make a table of 128 buckets, in which there is room for these, too. */
#define OTHERS		52

static bool conn_kill(struct conns *conns, struct lbdr_conn *conn)
{
	bool killed;

	conns_lock();
	killed = lbdr_conn_kill(conns->ln, conn);
	conns_unlock();
	return killed;
}

struct conn_kind {
	const char		*name;
	enum lbdr_family	family;
	u8			protocol;
};

static const struct conn_kind conn_kinds[] = {
	{ "TCP, IPv4", LBDR_V4, IPPROTO_TCP },
	{ "UDP, IPv4", LBDR_V4, IPPROTO_UDP },
	{ "TCP, IPv6", LBDR_V6, IPPROTO_TCP },
	{ "UDP, IPv6", LBDR_V6, IPPROTO_UDP },
};

KUNIT_ARRAY_PARAM_DESC(conn_kind, conn_kinds, name);

static struct lbdr_flow conn_flow_of(const struct conn_kind *kind, u32 n)
{
	return conns_flow(kind->family, kind->protocol, n);
}

/* A connection from its first packet to its removal. */
static void conn_lifecycle_test(struct kunit *test)
{
	const struct conn_kind *kind = test->param_value;
	struct lbdr_flow flow = conn_flow_of(kind, 1);
	bool tcp = kind->protocol == IPPROTO_TCP;
	struct conns *conns = test->priv;
	struct lbdr_counts counts;
	struct lbdr_conn *conn;

	KUNIT_EXPECT_NULL(test, conns_find(conns, &flow));

	conn = conns_add(conns, &flow, 1);
	KUNIT_ASSERT_NOT_NULL(test, conn);
	KUNIT_EXPECT_TRUE(test, conns_has_key(conn, &flow));
	KUNIT_EXPECT_PTR_EQ(test, conn->server, &conns->servers[1]);
	KUNIT_EXPECT_EQ(test, conn->state, tcp ? LBDR_CONN_STATE_SYN_RECV :
						 LBDR_CONN_STATE_UDP_ONE);
	KUNIT_EXPECT_EQ(test, atomic_read(&conns->ln->n_conns), 1);
	KUNIT_EXPECT_EQ(test, refcount_read(&conns->servers[1].refs), 2);
	conns_expect_counts(test, 1, tcp, !tcp);
	lbdr_stats_sum(conns->servers[1].stats, &counts);
	KUNIT_EXPECT_EQ(test, counts.conns, 1);

	KUNIT_EXPECT_PTR_EQ(test, conns_find(conns, &flow), conn);

	KUNIT_EXPECT_TRUE(test, conn_kill(conns, conn));
	KUNIT_EXPECT_NULL(test, conns_find(conns, &flow));
	conns_expect_counts(test, 1, 0, 0);
	conns_expect_none(test);
	lbdr_stats_sum(conns->servers[1].stats, &counts);
	KUNIT_EXPECT_EQ(test, counts.conns, 1);
}

/* Every bit of the key distinguishes flows. */
static void conn_key_test(struct kunit *test)
{
	const struct conn_kind *kind = test->param_value;
	struct lbdr_flow flow = conn_flow_of(kind, 1), other;
	struct conns *conns = test->priv;
	u32 i, len;
	u8 *key;

	KUNIT_ASSERT_NOT_NULL(test, conns_add(conns, &flow, 0));
	len = kind->family == LBDR_V4 ? sizeof(flow.v4) : sizeof(flow.v6);
	for (i = 0; i < 8 * len; i++) {
		other = flow;
		key = kind->family == LBDR_V4 ? (u8 *)&other.v4 :
						(u8 *)&other.v6;
		key[i / 8] ^= 1 << i % 8;
		KUNIT_EXPECT_NULL_MSG(test, conns_find(conns, &other),
				      "bit %u of the key", i);
	}
	other = flow;
	other.family = !flow.family;
	KUNIT_EXPECT_NULL(test, conns_find(conns, &other));
	KUNIT_EXPECT_NOT_NULL(test, conns_find(conns, &flow));
}

/* A second first packet of a flow gets the existing connection. */
static void conn_twice_test(struct kunit *test)
{
	const struct conn_kind *kind = test->param_value;
	struct lbdr_flow flow = conn_flow_of(kind, 1);
	bool tcp = kind->protocol == IPPROTO_TCP;
	struct conns *conns = test->priv;
	struct lbdr_counts counts;
	struct lbdr_conn *conn;

	conn = conns_add(conns, &flow, 0);
	KUNIT_ASSERT_NOT_NULL(test, conn);
	KUNIT_EXPECT_PTR_EQ(test, conns_add(conns, &flow, 1), conn);
	KUNIT_EXPECT_PTR_EQ(test, conns_add(conns, &flow, 0), conn);

	KUNIT_EXPECT_EQ(test, atomic_read(&conns->ln->n_conns), 1);
	conns_expect_counts(test, 0, tcp, !tcp);
	conns_expect_counts(test, 1, 0, 0);
	KUNIT_EXPECT_EQ(test, refcount_read(&conns->servers[0].refs), 2);
	KUNIT_EXPECT_EQ(test, refcount_read(&conns->servers[1].refs), 1);
	lbdr_stats_sum(conns->servers[0].stats, &counts);
	KUNIT_EXPECT_EQ(test, counts.conns, 1);
	lbdr_stats_sum(conns->servers[1].stats, &counts);
	KUNIT_EXPECT_EQ(test, counts.conns, 0);
}

/* A second removal and a late state change do nothing and change no count. */
static void conn_kill_twice_test(struct kunit *test)
{
	const struct conn_kind *kind = test->param_value;
	struct lbdr_flow flow = conn_flow_of(kind, 1);
	struct conns *conns = test->priv;
	struct lbdr_conn *conn;
	bool first, second;

	conn = conns_add(conns, &flow, 0);
	KUNIT_ASSERT_NOT_NULL(test, conn);
	conns_lock();
	first = lbdr_conn_kill(conns->ln, conn);
	second = lbdr_conn_kill(conns->ln, conn);
	lbdr_conn_move(conn, LBDR_CONN_STATE_SYN_RECV,
		       LBDR_CONN_STATE_CLOSE);
	conns_unlock();
	KUNIT_EXPECT_TRUE(test, first);
	KUNIT_EXPECT_FALSE(test, second);
	conns_expect_none(test);
}

/* A connection that is marked dead but still in the table, as during its removal. */
static void conn_removal_test(struct kunit *test)
{
	const struct conn_kind *kind = test->param_value;
	struct lbdr_flow flow = conn_flow_of(kind, 1);
	struct conns *conns = test->priv;
	struct lbdr_conn *conn, *found, *added;
	u32 state;
	long left;

	conn = conns_add(conns, &flow, 0);
	KUNIT_ASSERT_NOT_NULL(test, conn);
	conns_lock();
	state = xchg(&conn->state, LBDR_CONN_STATE_DEAD);
	found = lbdr_conn_find(conns->ln, &flow);
	added = lbdr_conn_add(conns->ln, &flow, &conns->servers[1]);
	left = lbdr_conn_left(conns->ln, conn);
	WRITE_ONCE(conn->state, state);
	conns_unlock();
	KUNIT_EXPECT_NULL(test, found);
	KUNIT_EXPECT_PTR_EQ(test, added, ERR_PTR(-ENOMEM));
	KUNIT_EXPECT_EQ(test, left, 0);
	conns_expect_counts(test, 1, 0, 0);
	KUNIT_EXPECT_EQ(test, refcount_read(&conns->servers[1].refs), 1);
}

/**
 * struct conn_path - a state, and how packets lead to it
 * @name: name of the case
 * @state: the state
 * @protocol: protocol of the connection
 * @n_events: number of packets after the first one
 * @events: events of these packets
 */
struct conn_path {
	const char	*name;
	u32		state;
	u8		protocol;
	u32		n_events;
	enum lbdr_event	events[2];
};

static const struct conn_path conn_paths[] = {
	{ "SYN_RECV", LBDR_CONN_STATE_SYN_RECV, IPPROTO_TCP },
	{ "ESTABLISHED", LBDR_CONN_STATE_ESTABLISHED, IPPROTO_TCP, 1,
	  { LBDR_EVENT_DATA } },
	{ "FIN_WAIT", LBDR_CONN_STATE_FIN_WAIT, IPPROTO_TCP, 2,
	  { LBDR_EVENT_DATA, LBDR_EVENT_FIN } },
	{ "TIME_WAIT", LBDR_CONN_STATE_TIME_WAIT, IPPROTO_TCP, 1,
	  { LBDR_EVENT_FIN } },
	{ "CLOSE", LBDR_CONN_STATE_CLOSE, IPPROTO_TCP, 1,
	  { LBDR_EVENT_RST } },
	{ "UDP, one datagram", LBDR_CONN_STATE_UDP_ONE, IPPROTO_UDP },
	{ "UDP", LBDR_CONN_STATE_UDP, IPPROTO_UDP, 1, { LBDR_EVENT_UDP } },
};

KUNIT_ARRAY_PARAM_DESC(conn_path, conn_paths, name);

/* Returns a new connection in the state of @path. */
static struct lbdr_conn *conn_in_state(struct kunit *test,
				       const struct lbdr_flow *flow,
				       const struct conn_path *path)
{
	struct conns *conns = test->priv;
	struct lbdr_conn *conn;
	u32 i;

	conn = conns_add(conns, flow, 0);
	KUNIT_ASSERT_NOT_NULL(test, conn);
	for (i = 0; i < path->n_events; i++)
		conns_step(conn, path->events[i]);
	KUNIT_ASSERT_EQ(test, conn->state, path->state);
	return conn;
}

/* In every state the connection is counted as active or inactive, as expected. */
static void conn_count_test(struct kunit *test)
{
	const struct conn_path *path = test->param_value;
	struct lbdr_flow flow = conns_flow(LBDR_V4, path->protocol, 1);
	bool active = path->state == LBDR_CONN_STATE_SYN_RECV ||
		      path->state == LBDR_CONN_STATE_ESTABLISHED;
	struct conns *conns = test->priv;
	struct lbdr_conn *conn;

	conn = conn_in_state(test, &flow, path);
	conns_expect_counts(test, 0, active, !active);

	/* A transition from a state that the connection is not in fails. */
	conns_lock();
	lbdr_conn_move(conn, LBDR_CONN_STATE_NONE,
		       active ? LBDR_CONN_STATE_CLOSE :
				LBDR_CONN_STATE_ESTABLISHED);
	conns_unlock();
	KUNIT_EXPECT_EQ(test, conn->state, path->state);
	conns_expect_counts(test, 0, active, !active);

	KUNIT_EXPECT_TRUE(test, conn_kill(conns, conn));
	conns_expect_none(test);
}

/* Before its timeout a connection is found and renewed; after it, it is removed. */
static void conn_expire_test(struct kunit *test)
{
	const struct conn_path *path = test->param_value;
	struct lbdr_flow flow = conns_flow(LBDR_V4, path->protocol, 1);
	struct conns *conns = test->priv;
	struct lbdr_conn *conn, *found;
	u32 timeout, stamp, state;

	flow.event = path->protocol == IPPROTO_TCP ? LBDR_EVENT_SYN :
						     LBDR_EVENT_UDP;
	conn = conn_in_state(test, &flow, path);
	timeout = lbdr_state_timeout[lbdr_state_shown(path->state)] * HZ;
	flow.event = LBDR_EVENT_DATA;

	/* Half of the shortest timeout, 5 s of CLOSE, is enough for a slow machine. */
	conns_lock();
	conns_idle(conn, timeout / 2);
	found = lbdr_conn_find(conns->ln, &flow);
	stamp = READ_ONCE(conn->stamp);
	conns_unlock();
	KUNIT_EXPECT_PTR_EQ(test, found, conn);
	KUNIT_EXPECT_LT(test, (u32)jiffies - stamp, timeout / 2);

	conns_lock();
	conns_idle(conn, timeout + HZ);
	found = lbdr_conn_find(conns->ln, &flow);
	state = READ_ONCE(conn->state);
	conns_unlock();
	KUNIT_EXPECT_NULL(test, found);
	KUNIT_EXPECT_EQ(test, state, LBDR_CONN_STATE_DEAD);
	conns_expect_none(test);
}

/* lbdr_conn_left() for a fresh, an idle and an expired connection, and a dead server. */
static void conn_left_test(struct kunit *test)
{
	const struct conn_path *path = test->param_value;
	struct lbdr_flow flow = conns_flow(LBDR_V4, path->protocol, 1);
	struct conns *conns = test->priv;
	long timeout, fresh, idle, over, dead;
	struct lbdr_conn *conn;

	conn = conn_in_state(test, &flow, path);
	timeout = lbdr_state_timeout[lbdr_state_shown(path->state)] * HZ;

	/* BH is off: the stamps are compared within 2 s of being written. */
	conns_lock();
	conns_idle(conn, 0);
	fresh = lbdr_conn_left(conns->ln, conn);
	conns_idle(conn, timeout / 2);
	idle = lbdr_conn_left(conns->ln, conn);
	conns_idle(conn, timeout + HZ);
	over = lbdr_conn_left(conns->ln, conn);
	conns_idle(conn, 0);
	WRITE_ONCE(conns->servers[0].dead, true);
	dead = lbdr_conn_left(conns->ln, conn);
	WRITE_ONCE(conns->servers[0].dead, false);
	conns_unlock();
	KUNIT_EXPECT_LE(test, fresh, timeout);
	KUNIT_EXPECT_GT(test, fresh, timeout - 2 * HZ);
	KUNIT_EXPECT_LE(test, idle, timeout - timeout / 2);
	KUNIT_EXPECT_GT(test, idle, timeout - timeout / 2 - 2 * HZ);
	KUNIT_EXPECT_LE(test, over, 0);
	KUNIT_EXPECT_EQ(test, dead, 0);
}

/*
 * A stamp that another CPU has written after this CPU read the time: the connection is
 * not idle, and neither a packet nor the collector removes it.
 */
static void conn_later_test(struct kunit *test)
{
	const struct conn_path *path = test->param_value;
	struct lbdr_flow flow = conns_flow(LBDR_V4, path->protocol, 1);
	struct conns *conns = test->priv;
	struct lbdr_conn *conn, *found;
	long timeout, left;

	conn = conn_in_state(test, &flow, path);
	flow.event = LBDR_EVENT_DATA;
	timeout = lbdr_state_timeout[lbdr_state_shown(path->state)] * HZ;

	conns_lock();
	conns_later(conn);
	left = lbdr_conn_left(conns->ln, conn);
	found = lbdr_conn_find(conns->ln, &flow);
	conns_unlock();
	KUNIT_EXPECT_EQ(test, left, timeout);
	KUNIT_EXPECT_PTR_EQ(test, found, conn);
}

/* The collector removes an expired connection without a packet, and no other. */
static void conn_collect_test(struct kunit *test)
{
	const struct conn_kind *kind = test->param_value;
	struct lbdr_flow flow = conn_flow_of(kind, 1);
	struct lbdr_flow other = conn_flow_of(kind, 2);
	bool tcp = kind->protocol == IPPROTO_TCP;
	struct conns *conns = test->priv;
	struct lbdr_conn *conn, *stays;

	conn = conns_add(conns, &flow, 0);
	KUNIT_ASSERT_NOT_NULL(test, conn);
	stays = conns_add(conns, &other, 1);
	KUNIT_ASSERT_NOT_NULL(test, stays);

	conns_idle(conn, lbdr_state_timeout[lbdr_state_shown(conn->state)] *
		   HZ + HZ);
	KUNIT_EXPECT_TRUE(test, conns_wait_for(atomic_read(&conns->ln->n_conns) == 1));
	conns_expect_counts(test, 0, 0, 0);
	KUNIT_EXPECT_EQ(test, refcount_read(&conns->servers[0].refs), 1);
	conns_expect_counts(test, 1, tcp, !tcp);
	KUNIT_EXPECT_PTR_EQ(test, conns_find(conns, &other), stays);
}

/* A SYN starts a new connection in the closing states, and in no other state. */
static void conn_reuse_test(struct kunit *test)
{
	const struct conn_path *path = test->param_value;
	struct lbdr_flow flow = conns_flow(LBDR_V6, path->protocol, 1);
	struct conns *conns = test->priv;
	struct lbdr_conn *conn, *again;

	conn = conn_in_state(test, &flow, path);

	/* Data belongs to the connection in any state. */
	flow.event = LBDR_EVENT_DATA;
	KUNIT_EXPECT_PTR_EQ(test, conns_find(conns, &flow), conn);
	if (path->protocol != IPPROTO_TCP)
		return;

	flow.event = LBDR_EVENT_SYN;
	if (path->state == LBDR_CONN_STATE_SYN_RECV ||
	    path->state == LBDR_CONN_STATE_ESTABLISHED) {
		KUNIT_EXPECT_PTR_EQ(test, conns_find(conns, &flow), conn);
		KUNIT_EXPECT_EQ(test, conn->state, path->state);
		return;
	}
	KUNIT_EXPECT_NULL(test, conns_find(conns, &flow));
	again = conns_add(conns, &flow, 1);
	KUNIT_ASSERT_NOT_NULL(test, again);
	KUNIT_EXPECT_EQ(test, again->state, LBDR_CONN_STATE_SYN_RECV);
	KUNIT_EXPECT_PTR_EQ(test, again->server, &conns->servers[1]);
	conns_expect_counts(test, 0, 0, 0);
	conns_expect_counts(test, 1, 1, 0);
	KUNIT_EXPECT_PTR_EQ(test, conns_find(conns, &flow), again);
}

/* Connections of a dead server are removed by the next packet or by the collector. */
static void conn_dead_server_test(struct kunit *test)
{
	const struct conn_kind *kind = test->param_value;
	struct lbdr_flow flow = conn_flow_of(kind, 1);
	struct lbdr_flow silent = conn_flow_of(kind, 2);
	struct lbdr_flow other = conn_flow_of(kind, 3);
	struct conns *conns = test->priv;
	struct lbdr_conn *conn, *found, *stays;
	u32 state;

	conn = conns_add(conns, &flow, 0);
	KUNIT_ASSERT_NOT_NULL(test, conn);
	KUNIT_ASSERT_NOT_NULL(test, conns_add(conns, &silent, 0));
	stays = conns_add(conns, &other, 1);
	KUNIT_ASSERT_NOT_NULL(test, stays);

	conns_lock();
	WRITE_ONCE(conns->servers[0].dead, true);
	found = lbdr_conn_find(conns->ln, &flow);
	state = READ_ONCE(conn->state);
	conns_unlock();
	KUNIT_EXPECT_NULL(test, found);
	KUNIT_EXPECT_EQ(test, state, LBDR_CONN_STATE_DEAD);

	KUNIT_EXPECT_TRUE(test, conns_wait_for(atomic_read(&conns->ln->n_conns) == 1));
	conns_expect_counts(test, 0, 0, 0);
	KUNIT_EXPECT_EQ(test, refcount_read(&conns->servers[0].refs), 1);
	KUNIT_EXPECT_PTR_EQ(test, conns_find(conns, &other), stays);
}

/* The connection that reaches the limit is added; the next is refused, uncounted. */
static void conn_max_test(struct kunit *test)
{
	const struct conn_kind *kind = test->param_value;
	struct lbdr_flow refused = conn_flow_of(kind, 3);
	struct lbdr_flow flow = conn_flow_of(kind, 1);
	struct lbdr_flow last = conn_flow_of(kind, 2);
	bool tcp = kind->protocol == IPPROTO_TCP;
	struct conns *conns = test->priv;
	struct lbdr_conn *conn, *fits, *full;
	int others;

	/* Simulate that all but two entries are in use. */
	others = lbdr_limit_conn_max() - 2;
	conn = conns_add(conns, &flow, 0);
	atomic_add(others, &conns->ln->n_conns);
	fits = conns_add(conns, &last, 0);
	conns_lock();
	full = lbdr_conn_add(conns->ln, &refused, &conns->servers[1]);
	conns_unlock();
	atomic_sub(others, &conns->ln->n_conns);

	KUNIT_EXPECT_NOT_NULL(test, conn);
	KUNIT_EXPECT_NOT_NULL(test, fits);
	KUNIT_EXPECT_PTR_EQ(test, full, ERR_PTR(-ENOSPC));
	KUNIT_EXPECT_EQ(test, atomic_read(&conns->ln->n_conns), 2);
	conns_expect_counts(test, 0, tcp ? 2 : 0, tcp ? 0 : 2);
	conns_expect_counts(test, 1, 0, 0);
	KUNIT_EXPECT_EQ(test, refcount_read(&conns->servers[1].refs), 1);
	KUNIT_EXPECT_NULL(test, conns_find(conns, &refused));

	/* Below the limit again. */
	KUNIT_EXPECT_NOT_NULL(test, conns_add(conns, &refused, 1));
}

/* The collector is queued only while connections exist. */
static void conn_collector_idle_test(struct kunit *test)
{
	struct lbdr_flow flow = conns_flow(LBDR_V4, IPPROTO_TCP, 1);
	struct conns *conns = test->priv;
	struct lbdr_conn *conn;
	u32 i;

	for (i = 0; i < 2; i++) {
		conn = conns_add(conns, &flow, 0);
		KUNIT_ASSERT_NOT_NULL(test, conn);
		KUNIT_EXPECT_TRUE(test, work_busy(&conns->ln->collector.work));
		KUNIT_EXPECT_TRUE(test, conn_kill(conns, conn));
		rcu_barrier();
		KUNIT_EXPECT_TRUE(test,
				  conns_wait_for(!work_busy(&conns->ln->collector.work)));
	}
}

/* More connections than one collector period visits, in tables that grow. */
static void conn_bulk_test(struct kunit *test)
{
	struct conns *conns = test->priv;
	struct lbdr_conn *conn;
	struct lbdr_flow flow;
	u32 i, lost = 0;

	for (i = 0; i < BULK; i++) {
		flow = conns_flow(i % LBDR_FAMILIES, IPPROTO_TCP, i);
		/* Insertion may fail during a resize of the table. */
		if (!conns_wait_for(conns_add(conns, &flow, i % CONNS_SERVERS)))
			lost++;
		cond_resched();
	}
	KUNIT_ASSERT_EQ(test, lost, 0);
	KUNIT_EXPECT_EQ(test, atomic_read(&conns->ln->n_conns), BULK);
	for (i = 0; i < LBDR_FAMILIES; i++)
		KUNIT_EXPECT_EQ(test, atomic_read(&conns->ln->conns[i].nelems),
				BULK / LBDR_FAMILIES);
	for (i = 0; i < CONNS_SERVERS; i++)
		conns_expect_counts(test, i, BULK / CONNS_SERVERS, 0);

	/* Make every other connection expire. */
	for (i = 0; i < BULK; i++) {
		flow = conns_flow(i % LBDR_FAMILIES, IPPROTO_TCP, i);
		conns_lock();
		conn = lbdr_conn_find(conns->ln, &flow);
		if (conn && i / LBDR_FAMILIES % 2)
			conns_idle(conn, HZ +
				  lbdr_state_timeout[LBDR_CONN_STATE_SYN_RECV] *
				  HZ);
		conns_unlock();
		lost += !conn;
		cond_resched();
	}
	KUNIT_EXPECT_EQ(test, lost, 0);
	KUNIT_EXPECT_TRUE(test, conns_wait_for(atomic_read(&conns->ln->n_conns) <=
					      BULK / 2));

	/* Exactly these are removed. */
	for (i = 0; i < BULK; i++) {
		flow = conns_flow(i % LBDR_FAMILIES, IPPROTO_TCP, i);
		conn = conns_find(conns, &flow);
		lost += i / LBDR_FAMILIES % 2 ? !!conn : !conn;
		cond_resched();
	}
	KUNIT_EXPECT_EQ(test, lost, 0);
}

/*
 * A packet renews the stamp at most four times a second, and counts the renewals up to
 * U8_MAX.
 */
static void conn_renewals_test(struct kunit *test)
{
	const struct conn_kind *kind = test->param_value;
	struct lbdr_flow flow = conn_flow_of(kind, 1);
	struct conns *conns = test->priv;
	struct lbdr_conn *conn;
	u32 i, stamp, wrong = 0;

	conn = conns_add(conns, &flow, 0);
	KUNIT_ASSERT_NOT_NULL(test, conn);
	KUNIT_EXPECT_EQ(test, conn->renewals, 0);
	for (i = 1; i <= 300; i++) {
		conns_lock();
		conns_idle(conn, HZ);
		wrong += lbdr_conn_find(conns->ln, &flow) != conn;
		wrong += lbdr_conn_idle(conn) >= HZ;
		wrong += conn->renewals != min_t(u32, i, U8_MAX);
		/* Within a quarter of a second nothing is written. */
		conns_idle(conn, 1);
		stamp = conn->stamp;
		lbdr_conn_find(conns->ln, &flow);
		conns_unlock();
		wrong += conn->stamp != stamp;
		wrong += conn->renewals != min_t(u32, i, U8_MAX);
	}
	KUNIT_EXPECT_EQ(test, wrong, 0);
	KUNIT_EXPECT_EQ(test, conn->renewals, U8_MAX);
}

/*
 * What the lookup of a first packet has hashed is right for the table as it is. Of a table
 * with another seed it is not used. The connections are enough for the table to grow.
 */
static void conn_hash_test(struct kunit *test)
{
	const struct conn_kind *kind = test->param_value;
	struct conns *conns = test->priv;
	u32 i, none = 0, lost = 0;
	struct lbdr_conn *conn;
	struct lbdr_flow flow;

	for (i = 0; i < 500; i++) {
		flow = conn_flow_of(kind, i);
		conns_lock();
		conn = kind->family == LBDR_V4 ?
		       lbdr_conn_lookup(conns->ln, LBDR_V4, &flow.v4, &flow.hash) :
		       lbdr_conn_lookup(conns->ln, LBDR_V6, &flow.v6, &flow.hash);
		conns_unlock();
		none += conn || !flow.hash;
		if (i % 2)
			flow.hash = ~flow.hash;
		conn = conns_add(conns, &flow, 0);
		lost += !conn || conns_find(conns, &flow) != conn;
	}
	KUNIT_EXPECT_EQ(test, none, 0);
	KUNIT_EXPECT_EQ(test, lost, 0);

	for (i = 0; i < 500; i++) {
		flow = conn_flow_of(kind, i);
		conn = conns_find(conns, &flow);
		lost += !conn || !conn_kill(conns, conn);
	}
	KUNIT_EXPECT_EQ(test, lost, 0);
	conns_expect_none(test);
}

/* Gets seed and size of a table. Returns false while it is resized. */
static bool conn_table_settled(struct rhashtable *ht, u32 *seed, u32 *size)
{
	const struct bucket_table *table;
	bool settled;

	rcu_read_lock();
	table = rcu_dereference(ht->tbl);
	*seed = table->hash_rnd;
	*size = table->size;
	settled = !rcu_access_pointer(table->future_tbl);
	rcu_read_unlock();
	return settled;
}

static u32 conn_bucket(const struct conn_kind *kind, u32 n, u32 seed, u32 size)
{
	struct lbdr_flow flow = conn_flow_of(kind, n);

	return (kind->family == LBDR_V4 ?
		lbdr_conn_hash4(&flow.v4, sizeof(flow.v4), seed) :
		lbdr_conn_hash6(&flow.v6, sizeof(flow.v6), seed)) & (size - 1);
}

/*
 * Somebody knows the secret and the seed, and sends flows that have the same bucket. The
 * table draws another seed, which spreads them. It does so when it grows as well, so there
 * are as many others before that it need not grow.
 */
static void conn_rekey_test(struct kunit *test)
{
	const struct conn_kind *kind = test->param_value;
	u32 i, j, n = 0, seed, size, again, now, lost = 0, longest = 0;
	struct conns *conns = test->priv;
	struct rhashtable *ht = &conns->ln->conns[kind->family];
	u32 attack[CHAIN + OTHERS], chain;
	struct lbdr_conn *conn;
	struct lbdr_flow flow;

	for (i = CHAIN; i < CHAIN + OTHERS; i++) {
		attack[i] = 0x800000 + i;
		flow = conn_flow_of(kind, attack[i]);
		lost += !conns_add(conns, &flow, 0) ||
			!conns_wait_for(conn_table_settled(ht, &seed, &size));
	}
	KUNIT_EXPECT_TRUE(test, conns_wait_for(conn_table_settled(ht, &seed, &size) &&
					       size == 128));
	for (i = 0; n < CHAIN; i++) {
		if (!(i % 1024))
			cond_resched();
		if (conn_bucket(kind, i, seed, size))
			continue;
		attack[n++] = i;
		flow = conn_flow_of(kind, i);
		lost += !conns_add(conns, &flow, 0);
	}
	KUNIT_EXPECT_EQ(test, lost, 0);
	KUNIT_EXPECT_TRUE(test, conns_wait_for(conn_table_settled(ht, &again, &now) &&
					       again != seed));
	KUNIT_EXPECT_EQ(test, now, size);
	for (i = 0; i < CHAIN; i++) {
		for (j = chain = 0; j < CHAIN; j++)
			chain += conn_bucket(kind, attack[i], again, size) ==
				 conn_bucket(kind, attack[j], again, size);
		longest = max(longest, chain);
	}
	/* 12 of 40 in one of 128 buckets: one of 10^12 seeds */
	KUNIT_EXPECT_LT(test, longest, 12);

	for (i = 0; i < CHAIN + OTHERS; i++) {
		flow = conn_flow_of(kind, attack[i]);
		conn = conns_find(conns, &flow);
		lost += !conn || !conn_kill(conns, conn);
	}
	KUNIT_EXPECT_EQ(test, lost, 0);
	conns_expect_none(test);
}

/*
 * A walk that is stopped at each connection, and each is removed before it continues: it
 * visits all of them, though some share a bucket.
 */
static void conn_walk_removed_test(struct kunit *test)
{
	const struct conn_kind *kind = test->param_value;
	struct conns *conns = test->priv;
	struct rhashtable_iter iter;
	struct lbdr_conn *conn;
	struct lbdr_flow flow;
	u32 i, seed, size;

	for (i = 0; i < WALKED; i++) {
		flow = conn_flow_of(kind, i);
		KUNIT_ASSERT_NOT_NULL(test, conns_add(conns, &flow, 0));
	}
	KUNIT_ASSERT_TRUE(test, conns_wait_for(conn_table_settled(&conns->ln->conns[kind->family],
								  &seed, &size)));
	rhashtable_walk_enter(&conns->ln->conns[kind->family], &iter);
	do {
		local_bh_disable();
		lbdr_walk_start(&iter);
		conn = rhashtable_walk_next(&iter);
		if (!IS_ERR_OR_NULL(conn))
			lbdr_conn_kill(conns->ln, conn);
		rhashtable_walk_stop(&iter);
		local_bh_enable();
	} while (conn);
	rhashtable_walk_exit(&iter);
	conns_expect_none(test);
}

/* An eviction fails if the state has changed since the connection was selected. */
static void conn_evict_changed_test(struct kunit *test)
{
	const struct conn_kind *kind = test->param_value;
	struct lbdr_flow flow = conn_flow_of(kind, 1);
	struct conns *conns = test->priv;
	struct lbdr_conn *conn;
	bool changed, same;
	u32 state;

	conn = conns_add(conns, &flow, 0);
	KUNIT_ASSERT_NOT_NULL(test, conn);
	state = conn->state;
	conns_step(conn, kind->protocol == IPPROTO_TCP ? LBDR_EVENT_DATA :
							 LBDR_EVENT_UDP);
	conns_lock();
	changed = lbdr_conn_evict(conns->ln, conn, state);
	same = lbdr_conn_evict(conns->ln, conn, conn->state);
	conns_unlock();
	KUNIT_EXPECT_FALSE(test, changed);
	KUNIT_EXPECT_TRUE(test, same);
	conns_expect_none(test);
}

static struct kunit_case conn_cases[] = {
	KUNIT_CASE_PARAM(conn_lifecycle_test, conn_kind_gen_params),
	KUNIT_CASE_PARAM(conn_key_test, conn_kind_gen_params),
	KUNIT_CASE_PARAM(conn_twice_test, conn_kind_gen_params),
	KUNIT_CASE_PARAM(conn_kill_twice_test, conn_kind_gen_params),
	KUNIT_CASE_PARAM(conn_removal_test, conn_kind_gen_params),
	KUNIT_CASE_PARAM(conn_count_test, conn_path_gen_params),
	KUNIT_CASE_PARAM(conn_expire_test, conn_path_gen_params),
	KUNIT_CASE_PARAM(conn_left_test, conn_path_gen_params),
	KUNIT_CASE_PARAM(conn_later_test, conn_path_gen_params),
	KUNIT_CASE_PARAM(conn_renewals_test, conn_kind_gen_params),
	KUNIT_CASE_PARAM(conn_hash_test, conn_kind_gen_params),
	KUNIT_CASE_PARAM(conn_rekey_test, conn_kind_gen_params),
	KUNIT_CASE_PARAM(conn_walk_removed_test, conn_kind_gen_params),
	KUNIT_CASE_PARAM(conn_evict_changed_test, conn_kind_gen_params),
	KUNIT_CASE_PARAM(conn_reuse_test, conn_path_gen_params),
	KUNIT_CASE_PARAM(conn_collect_test, conn_kind_gen_params),
	KUNIT_CASE_PARAM(conn_dead_server_test, conn_kind_gen_params),
	KUNIT_CASE_PARAM(conn_max_test, conn_kind_gen_params),
	KUNIT_CASE(conn_collector_idle_test),
	KUNIT_CASE(conn_bulk_test),
	{}
};

static struct kunit_suite conn_suite = {
	.name		= "lbdr_conn",
	.init		= conns_init,
	.exit		= conns_exit,
	.test_cases	= conn_cases,
};

kunit_test_suites(&conn_suite);
