// SPDX-License-Identifier: GPL-2.0
/*
 * The connection table under concurrent packets of a few flows, so that CPUs contend
 * for the same entries.
 */
#include <kunit/test.h>

#include "conn.h"
#include "conns.h"
#include "flow.h"
#include "lbdr_kunit.h"
#include "server.h"
#include "state.h"
#include "stats.h"

#define THREADS		4
#define THREAD_TURNS	20000

/**
 * struct conn_thread - a thread that plays packets
 * @conns: the table
 * @rnd: random numbers
 * @flows: number of different flows
 * @mismatches: connections found that have another key or server; must be 0
 * @refused: connections refused for a reason other than a resize; must be 0
 * @below_zero: counts of a server that were too low; must be 0
 * @added: connections added or found by lbdr_conn_add(); must not be 0
 * @killed: connections removed; must not be 0
 */
struct conn_thread {
	struct conns		*conns;
	struct rnd_state	rnd;
	u32			flows;
	u32			mismatches;
	u32			refused;
	u32			below_zero;
	u32			added;
	u32			killed;
};

/* One packet of a random flow, handled in the way of the netfilter hook. */
static void conn_thread_packet(struct conn_thread *thread)
{
	struct rnd_state *rnd = &thread->rnd;
	u32 n = lbdr_kunit_below(rnd, thread->flows);
	struct lbdr_flow flow = conns_flow(n % 2, n % 4 < 2 ? IPPROTO_TCP :
							      IPPROTO_UDP, n);
	struct conns *conns = thread->conns;
	struct lbdr_server *server;
	struct lbdr_conn *conn;
	u32 state, next;

	if (flow.event == LBDR_EVENT_SYN)
		flow.event = lbdr_kunit_below(rnd, LBDR_EVENT_RST + 1);
	conn = lbdr_conn_find(conns->ln, &flow);
	if (!conn && (flow.event == LBDR_EVENT_SYN || n % 4 >= 2)) {
		server = &conns->servers[lbdr_kunit_below(rnd, CONNS_SERVERS)];
		conn = lbdr_conn_add(conns->ln, &flow, server);
		if (!IS_ERR_OR_NULL(conn)) {
			thread->added++;
		} else {
			if (PTR_ERR(conn) != -ENOMEM)
				thread->refused++;
			conn = NULL;
		}
	}
	if (!conn)
		return;

	server = conn->server;
	if (!conns_has_key(conn, &flow) || server < conns->servers ||
	    server >= conns->servers + CONNS_SERVERS)
		thread->mismatches++;

	state = READ_ONCE(conn->state);
	/* Widen the window for other threads. */
	for (n = lbdr_kunit_below(rnd, 64); n; n--)
		cpu_relax();
	next = lbdr_state_next[flow.event][state];
	if (next != state)
		lbdr_conn_move(conn, state, next);
	switch (lbdr_kunit_below(rnd, 16)) {
	case 0:
		thread->killed += lbdr_conn_kill(conns->ln, conn);
		break;
	case 1:
		conns_idle(conn, 3600 * HZ);
		break;
	}
	/*
	 * Counts are updated after the state. Each of the other threads may have changed
	 * a state but not yet the count.
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
		conns_lock();
		conn_thread_packet(thread);
		conns_unlock();
		cond_resched();
	}
}

struct conn_load {
	const char	*name;
	u32		flows;
};

static const struct conn_load conn_loads[] = {
	{ "many flows", 300 },
	{ "four flows", 4 },
	{ "one flow", 1 },
};

KUNIT_ARRAY_PARAM_DESC(conn_load, conn_loads, name);

/* Every connection is counted once and freed once. conns_exit() checks the counts. */
static void conn_threads_test(struct kunit *test)
{
	const struct conn_load *load = test->param_value;
	struct conns *conns = test->priv;
	struct conn_thread *threads;
	struct rnd_state rnd;
	u32 i;

	threads = kunit_kcalloc(test, THREADS, sizeof(*threads), GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, threads);
	lbdr_kunit_seed(test, &rnd);
	for (i = 0; i < THREADS; i++) {
		threads[i].conns = conns;
		threads[i].flows = load->flows;
		prandom_seed_state(&threads[i].rnd, prandom_u32_state(&rnd));
	}

	lbdr_kunit_threads(test, conn_thread_run, threads, sizeof(*threads),
			   THREADS);

	for (i = 0; i < THREADS; i++) {
		KUNIT_EXPECT_EQ(test, threads[i].mismatches, 0);
		KUNIT_EXPECT_EQ(test, threads[i].refused, 0);
		KUNIT_EXPECT_EQ(test, threads[i].below_zero, 0);
		KUNIT_EXPECT_GT(test, threads[i].added, 0);
		KUNIT_EXPECT_GT(test, threads[i].killed, 0);
	}
}

static struct kunit_case conn_threads_cases[] = {
	KUNIT_CASE_PARAM(conn_threads_test, conn_load_gen_params),
	{}
};

static struct kunit_suite conn_threads_suite = {
	.name		= "lbdr_conn_threads",
	.init		= conns_init,
	.exit		= conns_exit,
	.test_cases	= conn_threads_cases,
};

kunit_test_suites(&conn_threads_suite);
