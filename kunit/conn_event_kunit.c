// SPDX-License-Identifier: GPL-2.0
/*
 * Connection events: which are delivered, to whom, and that the events of concurrent
 * packets are complete.
 */
#include <kunit/test.h>
#include <linux/spinlock.h>

#include "conn.h"
#include "conn_event.h"
#include "conns.h"
#include "flow.h"
#include "lbdr_kunit.h"
#include "state.h"

#define EVENTS_MAX	16
#define THREADS		4
#define THREAD_TURNS	5000
#define REGISTRATIONS	50
#define FLOWS		12

/**
 * struct event_recorder - a notifier that stores what it is called with
 * @nb: the notifier
 * @lock: protects the members below
 * @n: number of events
 * @events: the first EVENTS_MAX of them
 * @changes: the data of each
 */
struct event_recorder {
	struct notifier_block	nb;
	spinlock_t		lock;	/* events arrive on any CPU */
	u32			n;
	unsigned long		events[EVENTS_MAX];
	struct lbdr_conn_change	changes[EVENTS_MAX];
};

static int event_record(struct notifier_block *nb, unsigned long event, void *data)
{
	struct event_recorder *recorder =
		container_of(nb, struct event_recorder, nb);

	spin_lock_bh(&recorder->lock);
	if (recorder->n < EVENTS_MAX) {
		recorder->events[recorder->n] = event;
		recorder->changes[recorder->n] = *(struct lbdr_conn_change *)data;
	}
	recorder->n++;
	spin_unlock_bh(&recorder->lock);
	return NOTIFY_OK;
}

static void event_unregister(void *nb)
{
	lbdr_conn_event_unregister(nb);
}

static struct event_recorder *event_recorder_new(struct kunit *test)
{
	struct event_recorder *recorder;

	recorder = kunit_kzalloc(test, sizeof(*recorder), GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, recorder);
	spin_lock_init(&recorder->lock);
	recorder->nb.notifier_call = event_record;
	return recorder;
}

/* The recorder is unregistered when the test ends, also if the test is aborted. */
static struct event_recorder *event_recorder_add(struct kunit *test)
{
	struct event_recorder *recorder = event_recorder_new(test);

	KUNIT_ASSERT_EQ(test, lbdr_conn_event_register(&recorder->nb), 0);
	KUNIT_ASSERT_EQ(test, 0, kunit_add_action(test, event_unregister,
						  &recorder->nb));
	return recorder;
}

static void event_recorder_del(struct kunit *test, struct event_recorder *recorder)
{
	kunit_release_action(test, event_unregister, &recorder->nb);
}

static void event_expect(struct kunit *test, struct event_recorder *recorder,
			 u32 i, unsigned long event, const struct lbdr_conn *conn,
			 u32 from, u32 to)
{
	KUNIT_ASSERT_LT(test, i, EVENTS_MAX);
	KUNIT_EXPECT_EQ(test, recorder->n, i + 1);
	KUNIT_EXPECT_EQ(test, recorder->events[i], event);
	KUNIT_EXPECT_PTR_EQ(test, recorder->changes[i].conn, conn);
	KUNIT_EXPECT_EQ(test, recorder->changes[i].from, from);
	KUNIT_EXPECT_EQ(test, recorder->changes[i].to, to);
}

static struct lbdr_conn *event_conn_add(struct conns *conns,
					const struct lbdr_flow *flow)
{
	struct lbdr_conn *conn;

	conns_lock();
	conn = lbdr_conn_add(conns->ln, flow, &conns->servers[0]);
	conns_unlock();
	return IS_ERR(conn) ? NULL : conn;
}

static void event_conn_move(struct lbdr_conn *conn, u32 from, u32 to)
{
	conns_lock();
	lbdr_conn_move(conn, from, to);
	conns_unlock();
}

/* Every transition is one event; an attempt that changes nothing is none. */
static void conn_event_life_test(struct kunit *test)
{
	struct lbdr_flow flow = conns_flow(LBDR_V4, IPPROTO_TCP, 1);
	struct event_recorder *recorder = event_recorder_add(test);
	struct conns *conns = test->priv;
	struct lbdr_conn *conn;
	bool first, second;

	conn = event_conn_add(conns, &flow);
	KUNIT_ASSERT_NOT_NULL(test, conn);
	event_expect(test, recorder, 0, LBDR_CONN_EVENT_NEW, conn,
		     LBDR_CONN_STATE_NONE, LBDR_CONN_STATE_SYN_RECV);
	/* A second first packet finds the connection. */
	KUNIT_EXPECT_PTR_EQ(test, event_conn_add(conns, &flow), conn);
	KUNIT_EXPECT_EQ(test, recorder->n, 1);

	event_conn_move(conn, LBDR_CONN_STATE_SYN_RECV, LBDR_CONN_STATE_ESTABLISHED);
	event_expect(test, recorder, 1, LBDR_CONN_EVENT_STATE, conn,
		     LBDR_CONN_STATE_SYN_RECV, LBDR_CONN_STATE_ESTABLISHED);
	/* Another packet was faster: the compare-and-swap fails. */
	event_conn_move(conn, LBDR_CONN_STATE_SYN_RECV, LBDR_CONN_STATE_CLOSE);
	KUNIT_EXPECT_EQ(test, recorder->n, 2);
	/* Both states count as inactive: reported all the same. */
	event_conn_move(conn, LBDR_CONN_STATE_ESTABLISHED, LBDR_CONN_STATE_FIN_WAIT);
	event_expect(test, recorder, 2, LBDR_CONN_EVENT_STATE, conn,
		     LBDR_CONN_STATE_ESTABLISHED, LBDR_CONN_STATE_FIN_WAIT);
	event_conn_move(conn, LBDR_CONN_STATE_FIN_WAIT, LBDR_CONN_STATE_CLOSE);
	event_expect(test, recorder, 3, LBDR_CONN_EVENT_STATE, conn,
		     LBDR_CONN_STATE_FIN_WAIT, LBDR_CONN_STATE_CLOSE);

	conns_lock();
	first = lbdr_conn_kill(conns->ln, conn);
	second = lbdr_conn_kill(conns->ln, conn);
	conns_unlock();
	KUNIT_EXPECT_TRUE(test, first);
	KUNIT_EXPECT_FALSE(test, second);
	event_expect(test, recorder, 4, LBDR_CONN_EVENT_END, conn,
		     LBDR_CONN_STATE_CLOSE, LBDR_CONN_STATE_DEAD);
}

/* The collector ends a connection in process context, with BH on. */
static void conn_event_collect_test(struct kunit *test)
{
	struct lbdr_flow flow = conns_flow(LBDR_V6, IPPROTO_UDP, 1);
	struct event_recorder *recorder = event_recorder_add(test);
	struct conns *conns = test->priv;
	struct lbdr_conn *conn;

	conn = event_conn_add(conns, &flow);
	KUNIT_ASSERT_NOT_NULL(test, conn);
	event_expect(test, recorder, 0, LBDR_CONN_EVENT_NEW, conn,
		     LBDR_CONN_STATE_NONE, LBDR_CONN_STATE_UDP_ONE);
	WRITE_ONCE(conns->servers[0].dead, true);
	KUNIT_ASSERT_TRUE(test,
			  conns_wait_for(!atomic_read(&conns->ln->n_conns)));
	WRITE_ONCE(conns->servers[0].dead, false);
	event_expect(test, recorder, 1, LBDR_CONN_EVENT_END, conn,
		     LBDR_CONN_STATE_UDP_ONE, LBDR_CONN_STATE_DEAD);
}

/* The static key is on exactly while somebody is registered. */
static void conn_event_register_test(struct kunit *test)
{
	struct lbdr_flow flow = conns_flow(LBDR_V4, IPPROTO_TCP, 1);
	struct event_recorder *early, *late;
	struct conns *conns = test->priv;
	struct lbdr_conn *conn;

	KUNIT_EXPECT_FALSE(test, static_key_enabled(&lbdr_conn_event_key));
	early = event_recorder_add(test);
	KUNIT_EXPECT_TRUE(test, static_key_enabled(&lbdr_conn_event_key));
	conn = event_conn_add(conns, &flow);
	KUNIT_ASSERT_NOT_NULL(test, conn);

	late = event_recorder_add(test);
	event_conn_move(conn, LBDR_CONN_STATE_SYN_RECV, LBDR_CONN_STATE_CLOSE);
	KUNIT_EXPECT_EQ(test, early->n, 2);
	event_expect(test, late, 0, LBDR_CONN_EVENT_STATE, conn,
		     LBDR_CONN_STATE_SYN_RECV, LBDR_CONN_STATE_CLOSE);

	event_recorder_del(test, early);
	KUNIT_EXPECT_TRUE(test, static_key_enabled(&lbdr_conn_event_key));
	event_conn_move(conn, LBDR_CONN_STATE_CLOSE, LBDR_CONN_STATE_TIME_WAIT);
	KUNIT_EXPECT_EQ(test, early->n, 2);
	KUNIT_EXPECT_EQ(test, late->n, 2);

	event_recorder_del(test, late);
	KUNIT_EXPECT_FALSE(test, static_key_enabled(&lbdr_conn_event_key));
	event_conn_move(conn, LBDR_CONN_STATE_TIME_WAIT, LBDR_CONN_STATE_CLOSE);
	KUNIT_EXPECT_EQ(test, late->n, 2);
}

/**
 * struct event_counter - a notifier that counts events by state, without a lock
 * @nb: the notifier
 * @from: events that left each state
 * @to: events that entered each state
 * @wrong: events whose action does not agree with their states
 * @registered: false before registration and after unregistration
 * @late: events that arrived while @registered was false
 */
struct event_counter {
	struct notifier_block	nb;
	atomic_t		from[LBDR_CONN_STATES];
	atomic_t		to[LBDR_CONN_STATES];
	atomic_t		wrong;
	bool			registered;
	atomic_t		late;
};

static int event_count(struct notifier_block *nb, unsigned long event, void *data)
{
	struct event_counter *counter = container_of(nb, struct event_counter, nb);
	const struct lbdr_conn_change *change = data;
	bool new = change->from == LBDR_CONN_STATE_NONE;
	bool end = change->to == LBDR_CONN_STATE_DEAD;

	if (!READ_ONCE(counter->registered))
		atomic_inc(&counter->late);
	if (event != (new ? LBDR_CONN_EVENT_NEW :
		      end ? LBDR_CONN_EVENT_END : LBDR_CONN_EVENT_STATE))
		atomic_inc(&counter->wrong);
	atomic_inc(&counter->from[change->from]);
	atomic_inc(&counter->to[change->to]);
	return NOTIFY_DONE;
}

/**
 * struct event_thread - a thread that plays packets, or registers time and again
 * @conns: the table
 * @rnd: random numbers
 * @counter: notifier to register and unregister, or NULL for packets
 * @failed: registrations that failed
 */
struct event_thread {
	struct conns		*conns;
	struct rnd_state	rnd;
	struct event_counter	*counter;
	u32			failed;
};

/* One packet of one of few flows, or the end of its connection. */
static void event_thread_packet(struct conns *conns, struct rnd_state *rnd)
{
	u32 n = lbdr_kunit_below(rnd, FLOWS), state, next;
	struct lbdr_flow flow = conns_flow(n % 2, IPPROTO_TCP, n);
	struct lbdr_server *server = &conns->servers[n % CONNS_SERVERS];
	struct lbdr_conn *conn;

	flow.event = lbdr_kunit_below(rnd, LBDR_EVENT_RST + 1);
	conn = lbdr_conn_find(conns->ln, &flow);
	if (!conn && flow.event == LBDR_EVENT_SYN)
		conn = lbdr_conn_add(conns->ln, &flow, server);
	if (IS_ERR_OR_NULL(conn))
		return;
	state = READ_ONCE(conn->state);
	next = lbdr_state_next[flow.event][state];
	if (next != state)
		lbdr_conn_move(conn, state, next);
	if (!lbdr_kunit_below(rnd, 16))
		lbdr_conn_kill(conns->ln, conn);
}

static void event_thread_run(void *arg)
{
	struct event_thread *thread = arg;
	struct event_counter *counter = thread->counter;
	u32 i;

	for (i = 0; counter && i < REGISTRATIONS; i++) {
		WRITE_ONCE(counter->registered, true);
		if (lbdr_conn_event_register(&counter->nb)) {
			thread->failed++;
			return;
		}
		usleep_range(100, 200);
		lbdr_conn_event_unregister(&counter->nb);
		WRITE_ONCE(counter->registered, false);
	}
	for (i = 0; !counter && i < THREAD_TURNS; i++) {
		conns_lock();
		event_thread_packet(thread->conns, &thread->rnd);
		conns_unlock();
		cond_resched();
	}
}

static struct event_counter *event_counter_new(struct kunit *test)
{
	struct event_counter *counter;

	counter = kunit_kzalloc(test, sizeof(*counter), GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, counter);
	counter->nb.notifier_call = event_count;
	return counter;
}

/*
 * A notifier that is registered all the time sees each connection enter and leave each
 * state equally often, from NONE to DEAD. One that is registered and unregistered
 * meanwhile is never called after it was unregistered.
 */
static void conn_event_threads_test(struct kunit *test)
{
	struct event_counter *counter = event_counter_new(test);
	struct event_counter *other = event_counter_new(test);
	struct conns *conns = test->priv;
	struct event_thread *threads;
	struct rnd_state rnd;
	u32 i;

	threads = kunit_kcalloc(test, THREADS + 1, sizeof(*threads), GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, threads);
	lbdr_kunit_seed(test, &rnd);
	for (i = 0; i <= THREADS; i++) {
		threads[i].conns = conns;
		prandom_seed_state(&threads[i].rnd, prandom_u32_state(&rnd));
	}
	threads[THREADS].counter = other;

	counter->registered = true;
	KUNIT_ASSERT_EQ(test, lbdr_conn_event_register(&counter->nb), 0);
	lbdr_kunit_threads(test, event_thread_run, threads, sizeof(*threads),
			   THREADS + 1);
	/* The collector ends the remaining connections. */
	for (i = 0; i < CONNS_SERVERS; i++)
		WRITE_ONCE(conns->servers[i].dead, true);
	KUNIT_EXPECT_TRUE(test,
			  conns_wait_for(!atomic_read(&conns->ln->n_conns)));
	lbdr_conn_event_unregister(&counter->nb);

	KUNIT_EXPECT_EQ(test, threads[THREADS].failed, 0);
	KUNIT_EXPECT_EQ(test, atomic_read(&counter->late), 0);
	KUNIT_EXPECT_EQ(test, atomic_read(&other->late), 0);
	KUNIT_EXPECT_EQ(test, atomic_read(&counter->wrong), 0);
	KUNIT_EXPECT_GT(test, atomic_read(&counter->from[LBDR_CONN_STATE_NONE]), 0);
	KUNIT_EXPECT_EQ(test, atomic_read(&counter->from[LBDR_CONN_STATE_NONE]),
			atomic_read(&counter->to[LBDR_CONN_STATE_DEAD]));
	for (i = LBDR_CONN_STATE_NONE + 1; i < LBDR_CONN_STATES; i++)
		if (i != LBDR_CONN_STATE_DEAD)
			KUNIT_EXPECT_EQ_MSG(test, atomic_read(&counter->to[i]),
					    atomic_read(&counter->from[i]),
					    "state %u", i);
	KUNIT_EXPECT_GT(test, atomic_read(&counter->to[LBDR_CONN_STATE_CLOSE]), 0);
}

static struct kunit_case conn_event_cases[] = {
	KUNIT_CASE(conn_event_life_test),
	KUNIT_CASE(conn_event_collect_test),
	KUNIT_CASE(conn_event_register_test),
	KUNIT_CASE(conn_event_threads_test),
	{}
};

static struct kunit_suite conn_event_suite = {
	.name		= "lbdr_conn_event",
	.init		= conns_init,
	.exit		= conns_exit,
	.test_cases	= conn_event_cases,
};

kunit_test_suites(&conn_event_suite);
