// SPDX-License-Identifier: GPL-2.0
/*
 * The connection table: that of the initial namespace as the module has made it,
 * with its collector, and servers of the test's own. The namespace has no
 * service, so nobody else touches it.
 *
 * Nothing waits for a time-out: a stamp is set back, or a limit is drawn near.
 * What another context does is waited for with a deadline.
 */
#include <kunit/test.h>
#include <linux/delay.h>
#include <linux/mm.h>

#include "lbdr.h"
#include "lbdr_kunit.h"

#define SERVERS		3
/* Far longer than the collector ever takes */
#define DEADLINE	(60 * HZ)
/* More than the collector looks at in one go */
#define BULK		12000

#define THREADS		4
#define THREAD_FLOWS	300
#define THREAD_TURNS	20000

struct conn_fixture {
	struct lbdr_net		*ln;
	struct lbdr_server	servers[SERVERS];
};

/* Polls; the condition is what a test is about, the deadline only a way out. */
#define conn_wait_for(condition)					\
({									\
	unsigned long __end = jiffies + DEADLINE;			\
	bool __met;							\
									\
	while (!(__met = (condition)) && time_before(jiffies, __end))	\
		msleep(20);						\
	__met;								\
})

static void conn_lock(void)
{
	local_bh_disable();
	rcu_read_lock();
}

static void conn_unlock(void)
{
	rcu_read_unlock();
	local_bh_enable();
}

/* A SYN or a datagram, of a client that @n makes another one of. */
static struct lbdr_flow conn_flow(enum lbdr_family family, u8 protocol, u32 n)
{
	struct lbdr_flow flow = {
		.family = family,
		.event = protocol == IPPROTO_TCP ? LBDR_EVENT_SYN :
						   LBDR_EVENT_DATA,
	};

	if (family == LBDR_V4) {
		flow.v4.client = htonl(0xc6336400 + n);
		flow.v4.vip = htonl(0xc0000201);
		flow.v4.cport = htons(40000);
		flow.v4.vport = htons(80);
		flow.v4.protocol = protocol;
	} else {
		flow.v6.client.s6_addr32[0] = htonl(0x20010db8);
		flow.v6.client.s6_addr32[3] = htonl(n);
		flow.v6.vip.s6_addr32[0] = htonl(0x20010db8);
		flow.v6.vip.s6_addr32[3] = htonl(0x80000001);
		flow.v6.cport = htons(40000);
		flow.v6.vport = htons(80);
		flow.v6.protocol = protocol;
	}
	return flow;
}

static bool conn_has_key(const struct lbdr_conn *conn,
			 const struct lbdr_flow *flow)
{
	if (conn->family != flow->family)
		return false;
	return flow->family == LBDR_V4 ?
	       !memcmp(lbdr_conn_key4(conn), &flow->v4, sizeof(flow->v4)) :
	       !memcmp(lbdr_conn_key6(conn), &flow->v6, sizeof(flow->v6));
}

/*
 * The two below hand out what is protected by nothing: no other context ends a
 * connection of these tests before the test makes it, and a test does not touch
 * one that has ended.
 */
static struct lbdr_conn *conn_add(struct conn_fixture *f,
				  const struct lbdr_flow *flow, u32 server)
{
	struct lbdr_conn *conn;
	enum lbdr_drop why;

	conn_lock();
	conn = lbdr_conn_add(f->ln, flow, &f->servers[server], &why);
	conn_unlock();
	return conn;
}

static struct lbdr_conn *conn_find(struct conn_fixture *f,
				   const struct lbdr_flow *flow)
{
	struct lbdr_conn *conn;

	conn_lock();
	conn = lbdr_conn_find(f->ln, flow);
	conn_unlock();
	return conn;
}

static bool conn_kill(struct conn_fixture *f, struct lbdr_conn *conn)
{
	bool killed;

	conn_lock();
	killed = lbdr_conn_kill(f->ln, conn);
	conn_unlock();
	return killed;
}

/* As a packet of @event would. */
static void conn_step(struct lbdr_conn *conn, enum lbdr_event event)
{
	u32 state = READ_ONCE(conn->state);

	conn_lock();
	if (lbdr_state_next[event][state] != state)
		lbdr_conn_move(conn, state, lbdr_state_next[event][state]);
	conn_unlock();
}

/* The connection has idled for this long. */
static void conn_idle(struct lbdr_conn *conn, u32 by)
{
	WRITE_ONCE(conn->stamp, (u32)jiffies - by);
}

static void conn_expect_counts(struct kunit *test, u32 server, int active,
			       int inactive)
{
	const struct conn_fixture *f = test->priv;

	KUNIT_EXPECT_EQ(test, atomic_read(&f->servers[server].active), active);
	KUNIT_EXPECT_EQ(test, atomic_read(&f->servers[server].inactive),
			inactive);
}

/* All that was killed is freed. */
static void conn_expect_none(struct kunit *test)
{
	struct conn_fixture *f = test->priv;
	u32 i;

	rcu_barrier();
	KUNIT_EXPECT_EQ(test, atomic_read(&f->ln->n_conns), 0);
	for (i = 0; i < LBDR_FAMILIES; i++)
		KUNIT_EXPECT_EQ(test, atomic_read(&f->ln->conns[i].nelems), 0);
	for (i = 0; i < SERVERS; i++) {
		conn_expect_counts(test, i, 0, 0);
		KUNIT_EXPECT_EQ(test, refcount_read(&f->servers[i].refs), 1);
	}
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
	return conn_flow(kind->family, kind->protocol, n);
}

static void conn_life_test(struct kunit *test)
{
	const struct conn_kind *kind = test->param_value;
	struct lbdr_flow flow = conn_flow_of(kind, 1);
	bool tcp = kind->protocol == IPPROTO_TCP;
	struct conn_fixture *f = test->priv;
	struct lbdr_counts counts;
	struct lbdr_conn *conn;

	KUNIT_EXPECT_NULL(test, conn_find(f, &flow));

	conn = conn_add(f, &flow, 1);
	KUNIT_ASSERT_NOT_NULL(test, conn);
	KUNIT_EXPECT_TRUE(test, conn_has_key(conn, &flow));
	KUNIT_EXPECT_PTR_EQ(test, conn->server, &f->servers[1]);
	KUNIT_EXPECT_EQ(test, conn->state, tcp ? LBDR_CONN_STATE_SYN_RECV :
						 LBDR_CONN_STATE_UDP);
	KUNIT_EXPECT_EQ(test, atomic_read(&f->ln->n_conns), 1);
	KUNIT_EXPECT_EQ(test, refcount_read(&f->servers[1].refs), 2);
	conn_expect_counts(test, 1, tcp, !tcp);
	lbdr_stats_sum(f->servers[1].stats, &counts);
	KUNIT_EXPECT_EQ(test, counts.conns, 1);

	KUNIT_EXPECT_PTR_EQ(test, conn_find(f, &flow), conn);

	KUNIT_EXPECT_TRUE(test, conn_kill(f, conn));
	KUNIT_EXPECT_NULL(test, conn_find(f, &flow));
	conn_expect_counts(test, 1, 0, 0);
	conn_expect_none(test);
	lbdr_stats_sum(f->servers[1].stats, &counts);
	KUNIT_EXPECT_EQ(test, counts.conns, 1);
}

/* Each part of the key tells one flow from another. */
static void conn_key_test(struct kunit *test)
{
	const struct conn_kind *kind = test->param_value;
	struct lbdr_flow flow = conn_flow_of(kind, 1), other;
	struct conn_fixture *f = test->priv;
	u32 i, len;
	u8 *key;

	KUNIT_ASSERT_NOT_NULL(test, conn_add(f, &flow, 0));
	len = kind->family == LBDR_V4 ? sizeof(flow.v4) : sizeof(flow.v6);
	for (i = 0; i < 8 * len; i++) {
		other = flow;
		key = kind->family == LBDR_V4 ? (u8 *)&other.v4 :
						(u8 *)&other.v6;
		key[i / 8] ^= 1 << i % 8;
		KUNIT_EXPECT_NULL_MSG(test, conn_find(f, &other),
				      "bit %u of the key", i);
	}
	other = flow;
	other.family = !flow.family;
	KUNIT_EXPECT_NULL(test, conn_find(f, &other));
	KUNIT_EXPECT_NOT_NULL(test, conn_find(f, &flow));
}

/* Of two first packets the second one gets the connection of the first. */
static void conn_twice_test(struct kunit *test)
{
	const struct conn_kind *kind = test->param_value;
	struct lbdr_flow flow = conn_flow_of(kind, 1);
	bool tcp = kind->protocol == IPPROTO_TCP;
	struct conn_fixture *f = test->priv;
	struct lbdr_counts counts;
	struct lbdr_conn *conn;

	conn = conn_add(f, &flow, 0);
	KUNIT_ASSERT_NOT_NULL(test, conn);
	KUNIT_EXPECT_PTR_EQ(test, conn_add(f, &flow, 1), conn);
	KUNIT_EXPECT_PTR_EQ(test, conn_add(f, &flow, 0), conn);

	KUNIT_EXPECT_EQ(test, atomic_read(&f->ln->n_conns), 1);
	conn_expect_counts(test, 0, tcp, !tcp);
	conn_expect_counts(test, 1, 0, 0);
	KUNIT_EXPECT_EQ(test, refcount_read(&f->servers[0].refs), 2);
	KUNIT_EXPECT_EQ(test, refcount_read(&f->servers[1].refs), 1);
	lbdr_stats_sum(f->servers[0].stats, &counts);
	KUNIT_EXPECT_EQ(test, counts.conns, 1);
	lbdr_stats_sum(f->servers[1].stats, &counts);
	KUNIT_EXPECT_EQ(test, counts.conns, 0);
}

/* Who kills second has killed nothing, and no count moves. */
static void conn_kill_twice_test(struct kunit *test)
{
	const struct conn_kind *kind = test->param_value;
	struct lbdr_flow flow = conn_flow_of(kind, 1);
	struct conn_fixture *f = test->priv;
	struct lbdr_conn *conn;
	bool first, second;

	conn = conn_add(f, &flow, 0);
	KUNIT_ASSERT_NOT_NULL(test, conn);
	conn_lock();
	first = lbdr_conn_kill(f->ln, conn);
	second = lbdr_conn_kill(f->ln, conn);
	lbdr_conn_move(conn, LBDR_CONN_STATE_SYN_RECV,
		       LBDR_CONN_STATE_CLOSE);
	conn_unlock();
	KUNIT_EXPECT_TRUE(test, first);
	KUNIT_EXPECT_FALSE(test, second);
	conn_expect_none(test);
}

/* A dead one that is still in the table, as in the middle of its removal. */
static void conn_dying_test(struct kunit *test)
{
	const struct conn_kind *kind = test->param_value;
	struct lbdr_flow flow = conn_flow_of(kind, 1);
	enum lbdr_drop why = LBDR_DROPS;
	struct conn_fixture *f = test->priv;
	struct lbdr_conn *conn, *found, *added;
	u32 state;
	long left;

	conn = conn_add(f, &flow, 0);
	KUNIT_ASSERT_NOT_NULL(test, conn);
	conn_lock();
	state = xchg(&conn->state, LBDR_CONN_STATE_DEAD);
	found = lbdr_conn_find(f->ln, &flow);
	added = lbdr_conn_add(f->ln, &flow, &f->servers[1], &why);
	left = lbdr_conn_left(f->ln, conn);
	WRITE_ONCE(conn->state, state);
	conn_unlock();
	KUNIT_EXPECT_NULL(test, found);
	KUNIT_EXPECT_NULL(test, added);
	KUNIT_EXPECT_EQ(test, why, LBDR_DROP_CONN_MEMORY);
	KUNIT_EXPECT_EQ(test, left, 0);
	conn_expect_counts(test, 1, 0, 0);
	KUNIT_EXPECT_EQ(test, refcount_read(&f->servers[1].refs), 1);
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
	{ "UDP", LBDR_CONN_STATE_UDP, IPPROTO_UDP },
};

KUNIT_ARRAY_PARAM_DESC(conn_path, conn_paths, name);

/* A connection that packets have led to the state of @path. */
static struct lbdr_conn *conn_lead(struct kunit *test,
				   const struct lbdr_flow *flow,
				   const struct conn_path *path)
{
	struct conn_fixture *f = test->priv;
	struct lbdr_conn *conn;
	u32 i;

	conn = conn_add(f, flow, 0);
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
	struct lbdr_flow flow = conn_flow(LBDR_V4, path->protocol, 1);
	bool active = path->state == LBDR_CONN_STATE_SYN_RECV ||
		      path->state == LBDR_CONN_STATE_ESTABLISHED;
	struct conn_fixture *f = test->priv;
	struct lbdr_conn *conn;

	conn = conn_lead(test, &flow, path);
	conn_expect_counts(test, 0, active, !active);

	/* A move from a state that was left meanwhile is no move. */
	conn_lock();
	lbdr_conn_move(conn, LBDR_CONN_STATE_NONE,
		       active ? LBDR_CONN_STATE_CLOSE :
				LBDR_CONN_STATE_ESTABLISHED);
	conn_unlock();
	KUNIT_EXPECT_EQ(test, conn->state, path->state);
	conn_expect_counts(test, 0, active, !active);

	KUNIT_EXPECT_TRUE(test, conn_kill(f, conn));
	conn_expect_none(test);
}

/* Found while its time is not over, and renewed by that; then not any more. */
static void conn_expire_test(struct kunit *test)
{
	const struct conn_path *path = test->param_value;
	struct lbdr_flow flow = conn_flow(LBDR_V4, path->protocol, 1);
	struct conn_fixture *f = test->priv;
	struct lbdr_conn *conn, *found;
	u32 timeout, stamp, state;

	flow.event = path->protocol == IPPROTO_TCP ? LBDR_EVENT_SYN :
						     LBDR_EVENT_DATA;
	conn = conn_lead(test, &flow, path);
	timeout = lbdr_state_timeout[path->state] * HZ;
	flow.event = LBDR_EVENT_DATA;

	/* Half of CLOSE's ten seconds is ample for a slow machine. */
	conn_lock();
	conn_idle(conn, timeout / 2);
	found = lbdr_conn_find(f->ln, &flow);
	stamp = READ_ONCE(conn->stamp);
	conn_unlock();
	KUNIT_EXPECT_PTR_EQ(test, found, conn);
	KUNIT_EXPECT_LT(test, (u32)jiffies - stamp, timeout / 2);

	conn_lock();
	conn_idle(conn, timeout + HZ);
	found = lbdr_conn_find(f->ln, &flow);
	state = READ_ONCE(conn->state);
	conn_unlock();
	KUNIT_EXPECT_NULL(test, found);
	KUNIT_EXPECT_EQ(test, state, LBDR_CONN_STATE_DEAD);
	conn_expect_none(test);
}

static void conn_left_test(struct kunit *test)
{
	const struct conn_path *path = test->param_value;
	struct lbdr_flow flow = conn_flow(LBDR_V4, path->protocol, 1);
	struct conn_fixture *f = test->priv;
	long timeout, fresh, idle, over, dead;
	struct lbdr_conn *conn;

	conn = conn_lead(test, &flow, path);
	timeout = lbdr_state_timeout[path->state] * HZ;

	/* Neither the collector nor the clock can come between by much. */
	conn_lock();
	conn_idle(conn, 0);
	fresh = lbdr_conn_left(f->ln, conn);
	conn_idle(conn, timeout / 2);
	idle = lbdr_conn_left(f->ln, conn);
	conn_idle(conn, timeout + HZ);
	over = lbdr_conn_left(f->ln, conn);
	conn_idle(conn, 0);
	WRITE_ONCE(f->servers[0].dead, true);
	dead = lbdr_conn_left(f->ln, conn);
	WRITE_ONCE(f->servers[0].dead, false);
	conn_unlock();
	KUNIT_EXPECT_LE(test, fresh, timeout);
	KUNIT_EXPECT_GT(test, fresh, timeout - 2 * HZ);
	KUNIT_EXPECT_LE(test, idle, timeout - timeout / 2);
	KUNIT_EXPECT_GT(test, idle, timeout - timeout / 2 - 2 * HZ);
	KUNIT_EXPECT_LE(test, over, 0);
	KUNIT_EXPECT_EQ(test, dead, 0);
}

/* No packet comes for it: the collector takes it, and leaves the others. */
static void conn_collect_test(struct kunit *test)
{
	const struct conn_kind *kind = test->param_value;
	struct lbdr_flow flow = conn_flow_of(kind, 1);
	struct lbdr_flow other = conn_flow_of(kind, 2);
	bool tcp = kind->protocol == IPPROTO_TCP;
	struct conn_fixture *f = test->priv;
	struct lbdr_conn *conn, *stays;

	conn = conn_add(f, &flow, 0);
	KUNIT_ASSERT_NOT_NULL(test, conn);
	stays = conn_add(f, &other, 1);
	KUNIT_ASSERT_NOT_NULL(test, stays);

	conn_idle(conn, lbdr_state_timeout[conn->state] * HZ + HZ);
	KUNIT_EXPECT_TRUE(test, conn_wait_for(atomic_read(&f->ln->n_conns) == 1));
	conn_expect_counts(test, 0, 0, 0);
	KUNIT_EXPECT_EQ(test, refcount_read(&f->servers[0].refs), 1);
	conn_expect_counts(test, 1, tcp, !tcp);
	KUNIT_EXPECT_PTR_EQ(test, conn_find(f, &other), stays);
}

/* A SYN on what was closed begins anew; on what is open it changes nothing. */
static void conn_reuse_test(struct kunit *test)
{
	const struct conn_path *path = test->param_value;
	struct lbdr_flow flow = conn_flow(LBDR_V6, path->protocol, 1);
	struct conn_fixture *f = test->priv;
	struct lbdr_conn *conn, *again;

	conn = conn_lead(test, &flow, path);

	/* Data belongs to whatever there is. */
	flow.event = LBDR_EVENT_DATA;
	KUNIT_EXPECT_PTR_EQ(test, conn_find(f, &flow), conn);
	if (path->protocol != IPPROTO_TCP)
		return;

	flow.event = LBDR_EVENT_SYN;
	if (path->state == LBDR_CONN_STATE_SYN_RECV ||
	    path->state == LBDR_CONN_STATE_ESTABLISHED) {
		KUNIT_EXPECT_PTR_EQ(test, conn_find(f, &flow), conn);
		KUNIT_EXPECT_EQ(test, conn->state, path->state);
		return;
	}
	KUNIT_EXPECT_NULL(test, conn_find(f, &flow));
	again = conn_add(f, &flow, 1);
	KUNIT_ASSERT_NOT_NULL(test, again);
	KUNIT_EXPECT_EQ(test, again->state, LBDR_CONN_STATE_SYN_RECV);
	KUNIT_EXPECT_PTR_EQ(test, again->server, &f->servers[1]);
	conn_expect_counts(test, 0, 0, 0);
	conn_expect_counts(test, 1, 1, 0);
	KUNIT_EXPECT_PTR_EQ(test, conn_find(f, &flow), again);
}

/* Connections go with their server: by the next packet, or by the collector. */
static void conn_dead_server_test(struct kunit *test)
{
	const struct conn_kind *kind = test->param_value;
	struct lbdr_flow flow = conn_flow_of(kind, 1);
	struct lbdr_flow silent = conn_flow_of(kind, 2);
	struct lbdr_flow other = conn_flow_of(kind, 3);
	struct conn_fixture *f = test->priv;
	struct lbdr_conn *conn, *found, *stays;
	u32 state;

	conn = conn_add(f, &flow, 0);
	KUNIT_ASSERT_NOT_NULL(test, conn);
	KUNIT_ASSERT_NOT_NULL(test, conn_add(f, &silent, 0));
	stays = conn_add(f, &other, 1);
	KUNIT_ASSERT_NOT_NULL(test, stays);

	conn_lock();
	WRITE_ONCE(f->servers[0].dead, true);
	found = lbdr_conn_find(f->ln, &flow);
	state = READ_ONCE(conn->state);
	conn_unlock();
	KUNIT_EXPECT_NULL(test, found);
	KUNIT_EXPECT_EQ(test, state, LBDR_CONN_STATE_DEAD);

	KUNIT_EXPECT_TRUE(test, conn_wait_for(atomic_read(&f->ln->n_conns) == 1));
	conn_expect_counts(test, 0, 0, 0);
	KUNIT_EXPECT_EQ(test, refcount_read(&f->servers[0].refs), 1);
	KUNIT_EXPECT_PTR_EQ(test, conn_find(f, &other), stays);
}

/* The last one that fits is taken, the next is refused and leaves no trace. */
static void conn_max_test(struct kunit *test)
{
	const struct conn_kind *kind = test->param_value;
	struct lbdr_flow refused = conn_flow_of(kind, 3);
	struct lbdr_flow flow = conn_flow_of(kind, 1);
	struct lbdr_flow last = conn_flow_of(kind, 2);
	bool tcp = kind->protocol == IPPROTO_TCP;
	struct conn_fixture *f = test->priv;
	struct lbdr_conn *conn, *fits, *full;
	enum lbdr_drop why = LBDR_DROPS;
	int others;

	/* Others of the namespace hold all but two. */
	others = lbdr_conn_max() - 2;
	conn = conn_add(f, &flow, 0);
	atomic_add(others, &f->ln->n_conns);
	fits = conn_add(f, &last, 0);
	conn_lock();
	full = lbdr_conn_add(f->ln, &refused, &f->servers[1], &why);
	conn_unlock();
	atomic_sub(others, &f->ln->n_conns);

	KUNIT_EXPECT_NOT_NULL(test, conn);
	KUNIT_EXPECT_NOT_NULL(test, fits);
	KUNIT_EXPECT_NULL(test, full);
	KUNIT_EXPECT_EQ(test, why, LBDR_DROP_CONN_MAX);
	KUNIT_EXPECT_EQ(test, atomic_read(&f->ln->n_conns), 2);
	conn_expect_counts(test, 0, tcp ? 2 : 0, tcp ? 0 : 2);
	conn_expect_counts(test, 1, 0, 0);
	KUNIT_EXPECT_EQ(test, refcount_read(&f->servers[1].refs), 1);
	KUNIT_EXPECT_NULL(test, conn_find(f, &refused));

	/* With the others gone, there is room again. */
	KUNIT_EXPECT_NOT_NULL(test, conn_add(f, &refused, 1));
}

/* Works only while there is something to do. */
static void conn_collector_rests_test(struct kunit *test)
{
	struct lbdr_flow flow = conn_flow(LBDR_V4, IPPROTO_TCP, 1);
	struct conn_fixture *f = test->priv;
	struct lbdr_conn *conn;
	u32 i;

	for (i = 0; i < 2; i++) {
		conn = conn_add(f, &flow, 0);
		KUNIT_ASSERT_NOT_NULL(test, conn);
		KUNIT_EXPECT_TRUE(test, work_busy(&f->ln->collector.work));
		KUNIT_EXPECT_TRUE(test, conn_kill(f, conn));
		rcu_barrier();
		KUNIT_EXPECT_TRUE(test,
				  conn_wait_for(!work_busy(&f->ln->collector.work)));
	}
}

/* More than one look of the collector takes, in tables that have to grow. */
static void conn_bulk_test(struct kunit *test)
{
	struct conn_fixture *f = test->priv;
	struct lbdr_conn *conn;
	struct lbdr_flow flow;
	u32 i, lost = 0;

	for (i = 0; i < BULK; i++) {
		flow = conn_flow(i % LBDR_FAMILIES, IPPROTO_TCP, i);
		/* A table that grows may refuse for a moment. */
		if (!conn_wait_for(conn_add(f, &flow, i % SERVERS)))
			lost++;
		cond_resched();
	}
	KUNIT_ASSERT_EQ(test, lost, 0);
	KUNIT_EXPECT_EQ(test, atomic_read(&f->ln->n_conns), BULK);
	for (i = 0; i < LBDR_FAMILIES; i++)
		KUNIT_EXPECT_EQ(test, atomic_read(&f->ln->conns[i].nelems),
				BULK / LBDR_FAMILIES);
	for (i = 0; i < SERVERS; i++)
		conn_expect_counts(test, i, BULK / SERVERS, 0);

	/* Every other one has been silent for too long. */
	for (i = 0; i < BULK; i++) {
		flow = conn_flow(i % LBDR_FAMILIES, IPPROTO_TCP, i);
		conn_lock();
		conn = lbdr_conn_find(f->ln, &flow);
		if (conn && i / LBDR_FAMILIES % 2)
			conn_idle(conn, HZ +
				  lbdr_state_timeout[LBDR_CONN_STATE_SYN_RECV] *
				  HZ);
		conn_unlock();
		lost += !conn;
		cond_resched();
	}
	KUNIT_EXPECT_EQ(test, lost, 0);
	KUNIT_EXPECT_TRUE(test, conn_wait_for(atomic_read(&f->ln->n_conns) <=
					      BULK / 2));

	/* And now these are gone, and no others. */
	for (i = 0; i < BULK; i++) {
		flow = conn_flow(i % LBDR_FAMILIES, IPPROTO_TCP, i);
		conn = conn_find(f, &flow);
		lost += i / LBDR_FAMILIES % 2 ? !!conn : !conn;
		cond_resched();
	}
	KUNIT_EXPECT_EQ(test, lost, 0);
}

struct conn_thread {
	struct conn_fixture	*f;
	struct rnd_state	rnd;
	u32			flows;
	/* what was met and may never be */
	u32			strangers;
	u32			refused;
	u32			below_zero;
	/* what must have been met */
	u32			added;
	u32			killed;
};

/* One packet of any of the flows, as the hook would take it. */
static void conn_thread_packet(struct conn_thread *thread)
{
	struct rnd_state *rnd = &thread->rnd;
	u32 n = lbdr_kunit_below(rnd, thread->flows);
	struct lbdr_flow flow = conn_flow(n % 2, n % 4 < 2 ? IPPROTO_TCP :
							     IPPROTO_UDP, n);
	struct conn_fixture *f = thread->f;
	struct lbdr_server *server;
	struct lbdr_conn *conn;
	enum lbdr_drop why;
	u32 state, next;

	if (flow.event == LBDR_EVENT_SYN)
		flow.event = lbdr_kunit_below(rnd, LBDR_EVENTS);
	conn = lbdr_conn_find(f->ln, &flow);
	if (!conn && (flow.event == LBDR_EVENT_SYN || n % 4 >= 2)) {
		server = &f->servers[lbdr_kunit_below(rnd, SERVERS)];
		conn = lbdr_conn_add(f->ln, &flow, server, &why);
		if (conn)
			thread->added++;
		else if (why != LBDR_DROP_CONN_MEMORY)
			thread->refused++;
	}
	if (!conn)
		return;

	server = conn->server;
	if (!conn_has_key(conn, &flow) || server < f->servers ||
	    server >= f->servers + SERVERS)
		thread->strangers++;

	state = READ_ONCE(conn->state);
	/* Gives the others time to come between. */
	for (n = lbdr_kunit_below(rnd, 64); n; n--)
		cpu_relax();
	next = lbdr_state_next[flow.event][state];
	if (next != state)
		lbdr_conn_move(conn, state, next);
	switch (lbdr_kunit_below(rnd, 16)) {
	case 0:
		thread->killed += lbdr_conn_kill(f->ln, conn);
		break;
	case 1:
		conn_idle(conn, 3600 * HZ);
		break;
	}
	/*
	 * A count moves after the state has, so it lags behind by the moves
	 * that are under way: one for each of the other threads.
	 */
	if (atomic_read(&server->active) <= -THREADS ||
	    atomic_read(&server->inactive) <= -THREADS)
		thread->below_zero++;
}

static void conn_thread_run(void *arg)
{
	struct conn_thread *thread = arg;
	u32 i;

	for (i = 0; i < THREAD_TURNS; i++) {
		conn_lock();
		conn_thread_packet(thread);
		conn_unlock();
		cond_resched();
	}
}

struct conn_crowd {
	const char	*name;
	u32		flows;
};

static const struct conn_crowd conn_crowds[] = {
	{ "many flows", THREAD_FLOWS },
	{ "four flows", 4 },
	{ "one flow", 1 },
};

KUNIT_ARRAY_PARAM_DESC(conn_crowd, conn_crowds, name);

/* However many packets meet, every connection is counted and freed once. */
static void conn_threads_test(struct kunit *test)
{
	const struct conn_crowd *crowd = test->param_value;
	struct conn_fixture *f = test->priv;
	struct conn_thread *threads;
	struct rnd_state rnd;
	u32 i;

	threads = kunit_kcalloc(test, THREADS, sizeof(*threads), GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, threads);
	lbdr_kunit_seed(test, &rnd);
	for (i = 0; i < THREADS; i++) {
		threads[i].f = f;
		threads[i].flows = crowd->flows;
		prandom_seed_state(&threads[i].rnd, prandom_u32_state(&rnd));
	}

	lbdr_kunit_threads(test, conn_thread_run, threads, sizeof(*threads),
			   THREADS);

	for (i = 0; i < THREADS; i++) {
		KUNIT_EXPECT_EQ(test, threads[i].strangers, 0);
		KUNIT_EXPECT_EQ(test, threads[i].refused, 0);
		KUNIT_EXPECT_EQ(test, threads[i].below_zero, 0);
		KUNIT_EXPECT_GT(test, threads[i].added, 0);
		KUNIT_EXPECT_GT(test, threads[i].killed, 0);
	}
	/* conn_exit() looks at what is left. */
}

static void conn_free(struct conn_fixture *f)
{
	u32 i;

	for (i = 0; i < SERVERS; i++)
		free_percpu(f->servers[i].stats);
	kfree(f);
}

static int conn_init(struct kunit *test)
{
	struct conn_fixture *f;
	u32 i;
	int cpu;

	f = kzalloc(sizeof(*f), GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, f);
	f->ln = lbdr_net(&init_net);
	for (i = 0; i < SERVERS; i++) {
		struct lbdr_server *server = &f->servers[i];

		server->ln = f->ln;
		/* One reference is the test's: nobody else frees a server. */
		refcount_set(&server->refs, 1);
		server->stats = alloc_percpu(struct lbdr_stats);
		if (!server->stats) {
			conn_free(f);
			return -ENOMEM;
		}
		for_each_possible_cpu(cpu)
			u64_stats_init(&per_cpu_ptr(server->stats, cpu)->sync);
	}
	test->priv = f;
	KUNIT_ASSERT_EQ(test, atomic_read(&f->ln->n_conns), 0);
	return 0;
}

/* The servers die, and after every test nothing at all is left behind. */
static void conn_exit(struct kunit *test)
{
	struct conn_fixture *f = test->priv;
	bool empty;
	u32 i;

	if (!f)
		return;
	for (i = 0; i < SERVERS; i++)
		WRITE_ONCE(f->servers[i].dead, true);
	empty = conn_wait_for(!atomic_read(&f->ln->n_conns));
	KUNIT_EXPECT_TRUE(test, empty);
	conn_expect_none(test);
	/* Connections that lead to freed servers would end in a crash. */
	if (empty)
		conn_free(f);
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
	KUNIT_CASE_PARAM(conn_collect_test, conn_kind_gen_params),
	KUNIT_CASE_PARAM(conn_dead_server_test, conn_kind_gen_params),
	KUNIT_CASE_PARAM(conn_max_test, conn_kind_gen_params),
	KUNIT_CASE(conn_collector_rests_test),
	KUNIT_CASE(conn_bulk_test),
	KUNIT_CASE_PARAM(conn_threads_test, conn_crowd_gen_params),
	{}
};

static struct kunit_suite conn_suite = {
	.name		= "lbdr_conn",
	.init		= conn_init,
	.exit		= conn_exit,
	.test_cases	= conn_cases,
};

kunit_test_suites(&conn_suite);
