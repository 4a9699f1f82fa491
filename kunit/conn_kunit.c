// SPDX-License-Identifier: GPL-2.0
/*
 * The connection table, one step at a time: what is added, found, moved, killed
 * and collected, and that all that is counted comes out even.
 */
#include <kunit/test.h>

#include "conn.h"
#include "conns.h"
#include "flood.h"
#include "flow.h"
#include "state.h"
#include "stats.h"

/* More than the collector looks at in one go */
#define BULK		12000

/*
 * The two below hand out what is protected by nothing: no other context ends a
 * connection of these tests before the test makes it, and a test does not touch
 * one that has ended.
 */
static struct lbdr_conn *conn_add(struct conns *conns,
				  const struct lbdr_flow *flow, u32 server)
{
	struct lbdr_conn *conn;
	enum lbdr_drop why;

	conns_lock();
	conn = lbdr_conn_add(conns->ln, flow, &conns->servers[server], &why);
	conns_unlock();
	return conn;
}

static struct lbdr_conn *conn_find(struct conns *conns,
				   const struct lbdr_flow *flow)
{
	struct lbdr_conn *conn;

	conns_lock();
	conn = lbdr_conn_find(conns->ln, flow);
	conns_unlock();
	return conn;
}

static bool conn_kill(struct conns *conns, struct lbdr_conn *conn)
{
	bool killed;

	conns_lock();
	killed = lbdr_conn_kill(conns->ln, conn);
	conns_unlock();
	return killed;
}

/* As a packet of @event would. */
static void conn_step(struct lbdr_conn *conn, enum lbdr_event event)
{
	u32 state = READ_ONCE(conn->state);

	conns_lock();
	if (lbdr_state_next[event][state] != state)
		lbdr_conn_move(conn, state, lbdr_state_next[event][state]);
	conns_unlock();
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

static void conn_life_test(struct kunit *test)
{
	const struct conn_kind *kind = test->param_value;
	struct lbdr_flow flow = conn_flow_of(kind, 1);
	bool tcp = kind->protocol == IPPROTO_TCP;
	struct conns *conns = test->priv;
	struct lbdr_counts counts;
	struct lbdr_conn *conn;

	KUNIT_EXPECT_NULL(test, conn_find(conns, &flow));

	conn = conn_add(conns, &flow, 1);
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

	KUNIT_EXPECT_PTR_EQ(test, conn_find(conns, &flow), conn);

	KUNIT_EXPECT_TRUE(test, conn_kill(conns, conn));
	KUNIT_EXPECT_NULL(test, conn_find(conns, &flow));
	conns_expect_counts(test, 1, 0, 0);
	conns_expect_none(test);
	lbdr_stats_sum(conns->servers[1].stats, &counts);
	KUNIT_EXPECT_EQ(test, counts.conns, 1);
}

/* Each part of the key tells one flow from another. */
static void conn_key_test(struct kunit *test)
{
	const struct conn_kind *kind = test->param_value;
	struct lbdr_flow flow = conn_flow_of(kind, 1), other;
	struct conns *conns = test->priv;
	u32 i, len;
	u8 *key;

	KUNIT_ASSERT_NOT_NULL(test, conn_add(conns, &flow, 0));
	len = kind->family == LBDR_V4 ? sizeof(flow.v4) : sizeof(flow.v6);
	for (i = 0; i < 8 * len; i++) {
		other = flow;
		key = kind->family == LBDR_V4 ? (u8 *)&other.v4 :
						(u8 *)&other.v6;
		key[i / 8] ^= 1 << i % 8;
		KUNIT_EXPECT_NULL_MSG(test, conn_find(conns, &other),
				      "bit %u of the key", i);
	}
	other = flow;
	other.family = !flow.family;
	KUNIT_EXPECT_NULL(test, conn_find(conns, &other));
	KUNIT_EXPECT_NOT_NULL(test, conn_find(conns, &flow));
}

/* Of two first packets the second one gets the connection of the first. */
static void conn_twice_test(struct kunit *test)
{
	const struct conn_kind *kind = test->param_value;
	struct lbdr_flow flow = conn_flow_of(kind, 1);
	bool tcp = kind->protocol == IPPROTO_TCP;
	struct conns *conns = test->priv;
	struct lbdr_counts counts;
	struct lbdr_conn *conn;

	conn = conn_add(conns, &flow, 0);
	KUNIT_ASSERT_NOT_NULL(test, conn);
	KUNIT_EXPECT_PTR_EQ(test, conn_add(conns, &flow, 1), conn);
	KUNIT_EXPECT_PTR_EQ(test, conn_add(conns, &flow, 0), conn);

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

/* Who kills second has killed nothing, and no count moves. */
static void conn_kill_twice_test(struct kunit *test)
{
	const struct conn_kind *kind = test->param_value;
	struct lbdr_flow flow = conn_flow_of(kind, 1);
	struct conns *conns = test->priv;
	struct lbdr_conn *conn;
	bool first, second;

	conn = conn_add(conns, &flow, 0);
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

/* A dead one that is still in the table, as in the middle of its removal. */
static void conn_dying_test(struct kunit *test)
{
	const struct conn_kind *kind = test->param_value;
	struct lbdr_flow flow = conn_flow_of(kind, 1);
	enum lbdr_drop why = LBDR_DROPS;
	struct conns *conns = test->priv;
	struct lbdr_conn *conn, *found, *added;
	u32 state;
	long left;

	conn = conn_add(conns, &flow, 0);
	KUNIT_ASSERT_NOT_NULL(test, conn);
	conns_lock();
	state = xchg(&conn->state, LBDR_CONN_STATE_DEAD);
	found = lbdr_conn_find(conns->ln, &flow);
	added = lbdr_conn_add(conns->ln, &flow, &conns->servers[1], &why);
	left = lbdr_conn_left(conns->ln, conn);
	WRITE_ONCE(conn->state, state);
	conns_unlock();
	KUNIT_EXPECT_NULL(test, found);
	KUNIT_EXPECT_NULL(test, added);
	KUNIT_EXPECT_EQ(test, why, LBDR_DROP_CONN_MEMORY);
	KUNIT_EXPECT_EQ(test, left, 0);
	conns_expect_counts(test, 1, 0, 0);
	KUNIT_EXPECT_EQ(test, refcount_read(&conns->servers[1].refs), 1);
}

struct conn_path {
	const char	*name;
	u32		state;
	u8		protocol;
	/* that lead to the state */
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

/* A connection that packets have led to the state of @path. */
static struct lbdr_conn *conn_lead(struct kunit *test,
				   const struct lbdr_flow *flow,
				   const struct conn_path *path)
{
	struct conns *conns = test->priv;
	struct lbdr_conn *conn;
	u32 i;

	conn = conn_add(conns, flow, 0);
	KUNIT_ASSERT_NOT_NULL(test, conn);
	for (i = 0; i < path->n_events; i++)
		conn_step(conn, path->events[i]);
	KUNIT_ASSERT_EQ(test, conn->state, path->state);
	return conn;
}

/* A connection counts as what its state is, through all its states. */
static void conn_count_test(struct kunit *test)
{
	const struct conn_path *path = test->param_value;
	struct lbdr_flow flow = conns_flow(LBDR_V4, path->protocol, 1);
	bool active = path->state == LBDR_CONN_STATE_SYN_RECV ||
		      path->state == LBDR_CONN_STATE_ESTABLISHED;
	struct conns *conns = test->priv;
	struct lbdr_conn *conn;

	conn = conn_lead(test, &flow, path);
	conns_expect_counts(test, 0, active, !active);

	/* A move from a state that was left meanwhile is no move. */
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

/* Found while its time is not over, and renewed by that; then not any more. */
static void conn_expire_test(struct kunit *test)
{
	const struct conn_path *path = test->param_value;
	struct lbdr_flow flow = conns_flow(LBDR_V4, path->protocol, 1);
	struct conns *conns = test->priv;
	struct lbdr_conn *conn, *found;
	u32 timeout, stamp, state;

	flow.event = path->protocol == IPPROTO_TCP ? LBDR_EVENT_SYN :
						     LBDR_EVENT_UDP;
	conn = conn_lead(test, &flow, path);
	timeout = lbdr_state_timeout[lbdr_state_shown(path->state)] * HZ;
	flow.event = LBDR_EVENT_DATA;

	/* Half of CLOSE's ten seconds is ample for a slow machine. */
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

static void conn_left_test(struct kunit *test)
{
	const struct conn_path *path = test->param_value;
	struct lbdr_flow flow = conns_flow(LBDR_V4, path->protocol, 1);
	struct conns *conns = test->priv;
	long timeout, fresh, idle, over, dead;
	struct lbdr_conn *conn;

	conn = conn_lead(test, &flow, path);
	timeout = lbdr_state_timeout[lbdr_state_shown(path->state)] * HZ;

	/* Neither the collector nor the clock can come between by much. */
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

static bool conn_there(struct conns *conns, const struct lbdr_flow *flow)
{
	bool there;

	conns_lock();
	there = lbdr_conn_peek(conns->ln, flow);
	conns_unlock();
	return there;
}

/* Whether the table is small enough to be seen whole, and is not being resized. */
static bool conn_table_settled(struct rhashtable *ht)
{
	const struct bucket_table *table;
	bool settled;

	rcu_read_lock();
	table = rcu_dereference(ht->tbl);
	settled = table->size <= 64 && !rcu_access_pointer(table->future_tbl);
	rcu_read_unlock();
	return settled;
}

/*
 * Of ten, few enough to be all seen, the oldest half-open one makes room, time
 * and again; the one that was heard of twice is older than all of them and stays.
 */
static void conn_evict_test(struct kunit *test)
{
	const struct conn_kind *kind = test->param_value;
	struct conns *conns = test->priv;
	struct lbdr_flow flows[10];
	struct lbdr_conn *conn;
	struct rhashtable *table = &conns->ln->conns[kind->family];
	u32 i, left, last = ARRAY_SIZE(flows) - 1;

	for (i = 0; i < ARRAY_SIZE(flows); i++) {
		flows[i] = conn_flow_of(kind, 1 + i);
		conn = conn_add(conns, &flows[i], 0);
		KUNIT_ASSERT_NOT_NULL(test, conn);
		conns_idle(conn, (1 + i) * HZ);
	}
	conn_step(conn, kind->protocol == IPPROTO_TCP ? LBDR_EVENT_DATA :
							LBDR_EVENT_UDP);
	for (left = last; left <= last; left--) {
		for (i = 0; i < ARRAY_SIZE(flows); i++)
			KUNIT_EXPECT_EQ_MSG(test, conn_there(conns, &flows[i]),
					    i < left || i == last,
					    "the one of %u s, %u are left",
					    1 + i, left);
		KUNIT_ASSERT_TRUE(test,
				  conns_wait_for(conn_table_settled(table)));
		conns_lock();
		lbdr_flood_evict(conns->ln, kind->family);
		conns_unlock();
	}
	KUNIT_EXPECT_TRUE(test, conn_there(conns, &flows[last]));
}

/*
 * Where nothing is left, a half-open one goes if the room of none is on its way
 * back, and stays if it is.
 */
static void conn_evict_full_test(struct kunit *test)
{
	const struct conn_kind *kind = test->param_value;
	struct lbdr_flow flow = conn_flow_of(kind, 1);
	struct conns *conns = test->priv;
	struct rhashtable *table = &conns->ln->conns[kind->family];
	int others = lbdr_conn_max() - 1;
	bool stays, goes;

	KUNIT_ASSERT_NOT_NULL(test, conn_add(conns, &flow, 0));

	/* Others hold all the rest: out of the table, and then in it. */
	atomic_add(others, &conns->ln->n_conns);
	conns_lock();
	lbdr_flood_evict(conns->ln, kind->family);
	conns_unlock();
	stays = conn_there(conns, &flow);

	atomic_add(others, &table->nelems);
	conns_lock();
	lbdr_flood_evict(conns->ln, kind->family);
	conns_unlock();
	goes = !conn_there(conns, &flow);

	atomic_sub(others, &table->nelems);
	atomic_sub(others, &conns->ln->n_conns);
	KUNIT_EXPECT_TRUE(test, stays);
	KUNIT_EXPECT_TRUE(test, goes);
}

/* No packet comes for it: the collector takes it, and leaves the others. */
static void conn_collect_test(struct kunit *test)
{
	const struct conn_kind *kind = test->param_value;
	struct lbdr_flow flow = conn_flow_of(kind, 1);
	struct lbdr_flow other = conn_flow_of(kind, 2);
	bool tcp = kind->protocol == IPPROTO_TCP;
	struct conns *conns = test->priv;
	struct lbdr_conn *conn, *stays;

	conn = conn_add(conns, &flow, 0);
	KUNIT_ASSERT_NOT_NULL(test, conn);
	stays = conn_add(conns, &other, 1);
	KUNIT_ASSERT_NOT_NULL(test, stays);

	conns_idle(conn, lbdr_state_timeout[lbdr_state_shown(conn->state)] *
		   HZ + HZ);
	KUNIT_EXPECT_TRUE(test, conns_wait_for(atomic_read(&conns->ln->n_conns) == 1));
	conns_expect_counts(test, 0, 0, 0);
	KUNIT_EXPECT_EQ(test, refcount_read(&conns->servers[0].refs), 1);
	conns_expect_counts(test, 1, tcp, !tcp);
	KUNIT_EXPECT_PTR_EQ(test, conn_find(conns, &other), stays);
}

/* A SYN on what was closed begins anew; on what is open it changes nothing. */
static void conn_reuse_test(struct kunit *test)
{
	const struct conn_path *path = test->param_value;
	struct lbdr_flow flow = conns_flow(LBDR_V6, path->protocol, 1);
	struct conns *conns = test->priv;
	struct lbdr_conn *conn, *again;

	conn = conn_lead(test, &flow, path);

	/* Data belongs to whatever there is. */
	flow.event = LBDR_EVENT_DATA;
	KUNIT_EXPECT_PTR_EQ(test, conn_find(conns, &flow), conn);
	if (path->protocol != IPPROTO_TCP)
		return;

	flow.event = LBDR_EVENT_SYN;
	if (path->state == LBDR_CONN_STATE_SYN_RECV ||
	    path->state == LBDR_CONN_STATE_ESTABLISHED) {
		KUNIT_EXPECT_PTR_EQ(test, conn_find(conns, &flow), conn);
		KUNIT_EXPECT_EQ(test, conn->state, path->state);
		return;
	}
	KUNIT_EXPECT_NULL(test, conn_find(conns, &flow));
	again = conn_add(conns, &flow, 1);
	KUNIT_ASSERT_NOT_NULL(test, again);
	KUNIT_EXPECT_EQ(test, again->state, LBDR_CONN_STATE_SYN_RECV);
	KUNIT_EXPECT_PTR_EQ(test, again->server, &conns->servers[1]);
	conns_expect_counts(test, 0, 0, 0);
	conns_expect_counts(test, 1, 1, 0);
	KUNIT_EXPECT_PTR_EQ(test, conn_find(conns, &flow), again);
}

/* Connections go with their server: by the next packet, or by the collector. */
static void conn_dead_server_test(struct kunit *test)
{
	const struct conn_kind *kind = test->param_value;
	struct lbdr_flow flow = conn_flow_of(kind, 1);
	struct lbdr_flow silent = conn_flow_of(kind, 2);
	struct lbdr_flow other = conn_flow_of(kind, 3);
	struct conns *conns = test->priv;
	struct lbdr_conn *conn, *found, *stays;
	u32 state;

	conn = conn_add(conns, &flow, 0);
	KUNIT_ASSERT_NOT_NULL(test, conn);
	KUNIT_ASSERT_NOT_NULL(test, conn_add(conns, &silent, 0));
	stays = conn_add(conns, &other, 1);
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
	KUNIT_EXPECT_PTR_EQ(test, conn_find(conns, &other), stays);
}

/* The last one that fits is taken, the next is refused and leaves no trace. */
static void conn_max_test(struct kunit *test)
{
	const struct conn_kind *kind = test->param_value;
	struct lbdr_flow refused = conn_flow_of(kind, 3);
	struct lbdr_flow flow = conn_flow_of(kind, 1);
	struct lbdr_flow last = conn_flow_of(kind, 2);
	bool tcp = kind->protocol == IPPROTO_TCP;
	struct conns *conns = test->priv;
	struct lbdr_conn *conn, *fits, *full;
	enum lbdr_drop why = LBDR_DROPS;
	int others;

	/* Others of the namespace hold all but two. */
	others = lbdr_conn_max() - 2;
	conn = conn_add(conns, &flow, 0);
	atomic_add(others, &conns->ln->n_conns);
	fits = conn_add(conns, &last, 0);
	conns_lock();
	full = lbdr_conn_add(conns->ln, &refused, &conns->servers[1], &why);
	conns_unlock();
	atomic_sub(others, &conns->ln->n_conns);

	KUNIT_EXPECT_NOT_NULL(test, conn);
	KUNIT_EXPECT_NOT_NULL(test, fits);
	KUNIT_EXPECT_NULL(test, full);
	KUNIT_EXPECT_EQ(test, why, LBDR_DROP_CONN_MAX);
	KUNIT_EXPECT_EQ(test, atomic_read(&conns->ln->n_conns), 2);
	conns_expect_counts(test, 0, tcp ? 2 : 0, tcp ? 0 : 2);
	conns_expect_counts(test, 1, 0, 0);
	KUNIT_EXPECT_EQ(test, refcount_read(&conns->servers[1].refs), 1);
	KUNIT_EXPECT_NULL(test, conn_find(conns, &refused));

	/* With the others gone, there is room again. */
	KUNIT_EXPECT_NOT_NULL(test, conn_add(conns, &refused, 1));
}

/* Works only while there is something to do. */
static void conn_collector_rests_test(struct kunit *test)
{
	struct lbdr_flow flow = conns_flow(LBDR_V4, IPPROTO_TCP, 1);
	struct conns *conns = test->priv;
	struct lbdr_conn *conn;
	u32 i;

	for (i = 0; i < 2; i++) {
		conn = conn_add(conns, &flow, 0);
		KUNIT_ASSERT_NOT_NULL(test, conn);
		KUNIT_EXPECT_TRUE(test, work_busy(&conns->ln->collector.work));
		KUNIT_EXPECT_TRUE(test, conn_kill(conns, conn));
		rcu_barrier();
		KUNIT_EXPECT_TRUE(test,
				  conns_wait_for(!work_busy(&conns->ln->collector.work)));
	}
}

/* More than one look of the collector takes, in tables that have to grow. */
static void conn_bulk_test(struct kunit *test)
{
	struct conns *conns = test->priv;
	struct lbdr_conn *conn;
	struct lbdr_flow flow;
	u32 i, lost = 0;

	for (i = 0; i < BULK; i++) {
		flow = conns_flow(i % LBDR_FAMILIES, IPPROTO_TCP, i);
		/* A table that grows may refuse for a moment. */
		if (!conns_wait_for(conn_add(conns, &flow, i % CONNS_SERVERS)))
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

	/* Every other one has been silent for too long. */
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

	/* And now these are gone, and no others. */
	for (i = 0; i < BULK; i++) {
		flow = conns_flow(i % LBDR_FAMILIES, IPPROTO_TCP, i);
		conn = conn_find(conns, &flow);
		lost += i / LBDR_FAMILIES % 2 ? !!conn : !conn;
		cond_resched();
	}
	KUNIT_EXPECT_EQ(test, lost, 0);
}

static struct kunit_case conn_cases[] = {
	KUNIT_CASE_PARAM(conn_life_test, conn_kind_gen_params),
	KUNIT_CASE_PARAM(conn_key_test, conn_kind_gen_params),
	KUNIT_CASE_PARAM(conn_twice_test, conn_kind_gen_params),
	KUNIT_CASE_PARAM(conn_kill_twice_test, conn_kind_gen_params),
	KUNIT_CASE_PARAM(conn_dying_test, conn_kind_gen_params),
	KUNIT_CASE_PARAM(conn_count_test, conn_path_gen_params),
	KUNIT_CASE_PARAM(conn_expire_test, conn_path_gen_params),
	KUNIT_CASE_PARAM(conn_left_test, conn_path_gen_params),
	KUNIT_CASE_PARAM(conn_reuse_test, conn_path_gen_params),
	KUNIT_CASE_PARAM(conn_evict_test, conn_kind_gen_params),
	KUNIT_CASE_PARAM(conn_collect_test, conn_kind_gen_params),
	KUNIT_CASE_PARAM(conn_dead_server_test, conn_kind_gen_params),
	KUNIT_CASE_PARAM(conn_evict_full_test, conn_kind_gen_params),
	KUNIT_CASE_PARAM(conn_max_test, conn_kind_gen_params),
	KUNIT_CASE(conn_collector_rests_test),
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
