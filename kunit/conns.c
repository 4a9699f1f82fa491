// SPDX-License-Identifier: GPL-2.0
/*
 * Fixture of the suites that test the connection table. It uses the table and the
 * collector of the initial namespace, as the module initialised them, and servers of its
 * own. The namespace has no service, so no packet and no other user changes the table.
 *
 * No test waits for a timeout: it moves a stamp into the past, or a counter close to its
 * limit. Tests poll for the effects of other contexts, with a deadline.
 */
#include <kunit/test.h>
#include <linux/mm.h>

#include "conn.h"
#include "conns.h"
#include "flow.h"
#include "lbdr.h"
#include "server.h"
#include "state.h"
#include "stats.h"

/* Returns the flow of a TCP SYN or a UDP datagram. Each @n is another client. */
struct lbdr_flow conns_flow(enum lbdr_family family, u8 protocol, u32 n)
{
	struct lbdr_flow flow = {
		.family = family,
		.event = protocol == IPPROTO_TCP ? LBDR_EVENT_SYN :
						   LBDR_EVENT_UDP,
	};

	if (family == LBDR_V4) {
		flow.v4.client = htonl(0xc6336400 + n);
		flow.v4.vip = htonl(0xc0000201);
		flow.v4.ports.cport = htons(40000);
		flow.v4.ports.vport = htons(80);
		flow.v4.protocol = protocol;
	} else {
		flow.v6.client.s6_addr32[0] = htonl(0x20010db8);
		flow.v6.client.s6_addr32[3] = htonl(n);
		flow.v6.vip.s6_addr32[0] = htonl(0x20010db8);
		flow.v6.vip.s6_addr32[3] = htonl(0x80000001);
		flow.v6.ports.cport = htons(40000);
		flow.v6.ports.vport = htons(80);
		flow.v6.protocol = protocol;
	}
	return flow;
}

/*
 * conns_add() and conns_find() return a connection outside of the RCU read side. This is
 * safe here: no other context removes a connection of these tests unless the test makes
 * it expire, and a test does not use a connection that was removed.
 */
struct lbdr_conn *conns_add(struct conns *conns, const struct lbdr_flow *flow,
			    u32 server)
{
	struct lbdr_conn *conn;

	conns_lock();
	conn = lbdr_conn_add(conns->ln, flow, &conns->servers[server]);
	conns_unlock();
	return IS_ERR(conn) ? NULL : conn;
}

struct lbdr_conn *conns_find(struct conns *conns, const struct lbdr_flow *flow)
{
	struct lbdr_conn *conn;

	conns_lock();
	conn = lbdr_conn_find(conns->ln, flow);
	conns_unlock();
	return conn;
}

/* Checks that a connection exists, without renewing it. */
bool conns_exists(struct conns *conns, const struct lbdr_flow *flow)
{
	bool there;

	conns_lock();
	there = lbdr_conn_peek(conns->ln, flow);
	conns_unlock();
	return there;
}

/* Changes the state of a connection as a packet of @event does. */
void conns_step(struct lbdr_conn *conn, enum lbdr_event event)
{
	u32 state = READ_ONCE(conn->state);

	conns_lock();
	if (lbdr_state_next[event][state] != state)
		lbdr_conn_move(conn, state, lbdr_state_next[event][state]);
	conns_unlock();
}

bool conns_has_key(const struct lbdr_conn *conn, const struct lbdr_flow *flow)
{
	if (conn->family != flow->family)
		return false;
	return flow->family == LBDR_V4 ?
	       !memcmp(lbdr_conn_key4(conn), &flow->v4, sizeof(flow->v4)) :
	       !memcmp(lbdr_conn_key6(conn), &flow->v6, sizeof(flow->v6));
}

void conns_expect_counts(struct kunit *test, u32 server, int active,
			 int inactive)
{
	const struct conns *conns = test->priv;

	KUNIT_EXPECT_EQ(test, atomic_read(&conns->servers[server].active), active);
	KUNIT_EXPECT_EQ(test, atomic_read(&conns->servers[server].inactive),
			inactive);
}

/* Expects an empty table: every removed connection is freed and every count is 0. */
void conns_expect_none(struct kunit *test)
{
	struct conns *conns = test->priv;
	u32 i;

	rcu_barrier();
	KUNIT_EXPECT_EQ(test, atomic_read(&conns->ln->n_conns), 0);
	KUNIT_EXPECT_EQ(test, atomic_read(&conns->ln->n_holders), 0);
	KUNIT_EXPECT_EQ(test, atomic_read(&conns->service.n_conns), 0);
	KUNIT_EXPECT_EQ(test, atomic_read(&conns->other.n_conns), 0);
	for (i = 0; i < LBDR_FAMILIES; i++)
		KUNIT_EXPECT_EQ(test, atomic_read(&conns->ln->conns[i].nelems), 0);
	for (i = 0; i < CONNS_SERVERS; i++) {
		conns_expect_counts(test, i, 0, 0);
		KUNIT_EXPECT_EQ(test, refcount_read(&conns->servers[i].refs), 1);
	}
}

static void conns_free(struct conns *conns)
{
	u32 i;

	for (i = 0; i < CONNS_SERVERS; i++)
		free_percpu(conns->servers[i].stats);
	kfree(conns);
}

int conns_init(struct kunit *test)
{
	struct conns *conns;
	u32 i;
	int cpu;

	conns = kzalloc(sizeof(*conns), GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, conns);
	conns->ln = lbdr_net(&init_net);
	for (i = 0; i < CONNS_SERVERS; i++) {
		struct lbdr_server *server = &conns->servers[i];

		server->ln = conns->ln;
		server->service = &conns->service;
		/* The test holds one reference, so no connection frees a server. */
		refcount_set(&server->refs, 1);
		server->stats = alloc_percpu(struct lbdr_stats);
		if (!server->stats) {
			conns_free(conns);
			return -ENOMEM;
		}
		for_each_possible_cpu(cpu)
			u64_stats_init(&per_cpu_ptr(server->stats, cpu)->sync);
	}
	test->priv = conns;
	KUNIT_ASSERT_EQ(test, atomic_read(&conns->ln->n_conns), 0);
	return 0;
}

/* Marks all servers dead, waits for the collector, and expects an empty table. */
void conns_exit(struct kunit *test)
{
	struct conns *conns = test->priv;
	bool empty;
	u32 i;

	if (!conns)
		return;
	for (i = 0; i < CONNS_SERVERS; i++)
		WRITE_ONCE(conns->servers[i].dead, true);
	empty = conns_wait_for(!atomic_read(&conns->ln->n_conns));
	KUNIT_EXPECT_TRUE(test, empty);
	conns_expect_none(test);
	/* A remaining connection points to these servers: rather leak than crash. */
	if (empty)
		conns_free(conns);
}
