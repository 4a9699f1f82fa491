// SPDX-License-Identifier: GPL-2.0
/*
 * Commits: conflicts with what is published meanwhile, signals, the work item of drained
 * servers, and the order of servers that rr relies on.
 *
 * Works on the initial namespace, which has no services of others, on a VIP that no
 * packet is sent to. Each test leaves the namespace without services.
 */
#include <kunit/static_stub.h>
#include <kunit/test-bug.h>
#include <kunit/test.h>
#include <linux/sched/signal.h>

#include "config.h"
#include "drain.h"
#include "limit.h"
#include "live.h"
#include "notify.h"
#include "sched.h"
#include "steps.h"

/* More drained servers than one transaction removes */
#define MANY	(LBDR_DRAIN_BATCH + 2)

/**
 * struct commits - the fixture
 * @ln: the initial namespace
 * @nb: called for each change
 * @config: a transaction
 * @other: another one
 * @racing: what to stage in @other when @config has added a service, or NULL
 * @staged: what staging @racing has returned
 * @charged: the charging of a work item has begun
 * @n_removed: number of servers that were removed
 * @n_charged: number of those that were removed while @charged
 */
struct commits {
	struct lbdr_net		*ln;
	struct notifier_block	nb;
	struct lbdr_config	config;
	struct lbdr_config	other;
	const struct step	*racing;
	int			staged;
	bool			charged;
	u32			n_removed;
	u32			n_charged;
};

/* lbdr_net.lock is held, as another command would take it between two services. */
static int commits_event(struct notifier_block *nb, unsigned long change, void *data)
{
	struct commits *c = container_of(nb, struct commits, nb);
	const struct lbdr_notify *notify = data;

	if (notify->ln != c->ln)
		return NOTIFY_DONE;
	if (change == LBDR_CHANGE_SERVICE_ADD && c->racing) {
		lbdr_config_begin(&c->other, c->ln, false, NULL);
		c->staged = step_stage(&c->other, c->racing);
		c->racing = NULL;
	}
	if (change == LBDR_CHANGE_SERVER_DEL) {
		c->n_removed++;
		c->n_charged += c->charged;
	}
	return NOTIFY_DONE;
}

/* Commits, and ends the transaction. */
static int commit(struct lbdr_config *config, int err)
{
	struct lbdr_net *ln = config->ln;

	if (!err) {
		mutex_lock(&ln->config);
		err = lbdr_config_commit(config);
		mutex_unlock(&ln->config);
	}
	lbdr_lock(ln);
	lbdr_config_uncharge(config);
	lbdr_unlock(ln);
	lbdr_config_end(config);
	return err;
}

static int run_steps(struct kunit *test, const struct step *steps, u32 n)
{
	struct commits *c = test->priv;
	int err = 0;
	u32 i;

	lbdr_lock(c->ln);
	lbdr_config_begin(&c->config, c->ln, false, NULL);
	for (i = 0; i < n && !err; i++)
		err = step_stage(&c->config, &steps[i]);
	lbdr_unlock(c->ln);
	return commit(&c->config, err);
}

#define RUN(test, ...) ({						\
	const struct step steps[] = { __VA_ARGS__ };			\
	run_steps(test, steps, ARRAY_SIZE(steps));			\
})

static struct lbdr_service *live(struct kunit *test, u16 port, u16 ports)
{
	const struct lbdr_service_key key = step_service(port, ports);
	struct commits *c = test->priv;
	struct lbdr_service *service;

	lbdr_lock(c->ln);
	service = lbdr_service_find(c->ln, &key);
	lbdr_unlock(c->ln);
	return service;
}

static int commits_init(struct kunit *test)
{
	struct commits *c = kunit_kzalloc(test, sizeof(*c), GFP_KERNEL);

	KUNIT_ASSERT_NOT_NULL(test, c);
	c->ln = lbdr_net(&init_net);
	c->nb.notifier_call = commits_event;
	test->priv = c;
	KUNIT_ASSERT_EQ(test, live_init(test), 0);
	return lbdr_notify_register(&c->nb);
}

static void commits_exit(struct kunit *test)
{
	struct commits *c = test->priv;

	if (!c)
		return;
	lbdr_notify_unregister(&c->nb);
	live_exit(test);
	KUNIT_EXPECT_EQ(test, c->ln->n_staged, 0);
}

/*
 * A transaction that begins while another one is published may miss its ranges of ports,
 * which packets see last. It checks its own ranges again at commit.
 */
static void commit_overlap_test(struct kunit *test)
{
	const struct step racing = { ADD_SERVICE, 50, 10 };
	struct commits *c = test->priv;
	u32 held;

	/* A new range, and one whose hold ends */
	for (held = 0; held < 2; held++) {
		if (held)
			KUNIT_ASSERT_EQ(test, RUN(test, { HOLD_SERVICE, 1, 999, 60 }), 0);
		c->racing = &racing;
		KUNIT_ASSERT_EQ(test, RUN(test, { ADD_SERVICE, 1, 999 }), 0);
		KUNIT_ASSERT_NULL(test, c->racing);
		KUNIT_EXPECT_EQ(test, c->staged, 0);
		KUNIT_EXPECT_EQ(test, commit(&c->other, c->staged), -EAGAIN);
		KUNIT_EXPECT_NULL(test, live(test, 50, 10));
		KUNIT_EXPECT_NOT_NULL(test, live(test, 1, 999));
	}
	/* Where nothing overlaps, both are committed. */
	KUNIT_EXPECT_EQ(test, RUN(test, { DEL_SERVICE, 1, 999 }), 0);
	c->racing = &racing;
	KUNIT_EXPECT_EQ(test, RUN(test, { ADD_SERVICE, 61, 9 }), 0);
	KUNIT_EXPECT_EQ(test, commit(&c->other, c->staged), 0);
	KUNIT_EXPECT_NOT_NULL(test, live(test, 50, 10));
}

/* Number of the server that rr chooses for a new connection */
static u32 choose(struct kunit *test)
{
	const struct lbdr_service *service = live(test, 80, 0);
	const struct lbdr_flow flow = { .family = LBDR_V4 };
	struct lbdr_server *server;
	u32 n;

	rcu_read_lock();
	server = lbdr_pool_pick(service, &flow);
	n = server ? ntohl(server->addr.ip) & 0xff : 0;
	rcu_read_unlock();
	return n;
}

static void choose_until(struct kunit *test, u32 n)
{
	while (choose(test) != n)
		;
}

/* Servers are numbered in their order: rr finds its place by the number. */
static void expect_order(struct kunit *test, const char *want)
{
	const struct lbdr_server *server;
	char got[16] = "";
	u32 last = 0, n = 0;

	list_for_each_entry(server, &live(test, 80, 0)->servers, list) {
		KUNIT_EXPECT_GT(test, server->number, last);
		last = server->number;
		if (n < sizeof(got) - 1)
			got[n++] = '0' + (ntohl(server->addr.ip) & 0xff);
	}
	KUNIT_EXPECT_STREQ(test, got, want);
}

/* rr continues behind the server that it chose last also if a server is added again. */
static void commit_tail_test(struct kunit *test)
{
	KUNIT_ASSERT_EQ(test, RUN(test, { ADD_SERVICE, 80 }, { ADD, 80, 1, 1 },
				  { ADD, 80, 2, 1 }, { ADD, 80, 3, 1 }), 0);
	KUNIT_EXPECT_EQ(test, RUN(test, { HOLD, 80, 2, 60 }), 0);
	choose_until(test, 3);
	KUNIT_EXPECT_EQ(test, RUN(test, { ADD, 80, 2, 1 }), 0);
	expect_order(test, "132");
	KUNIT_EXPECT_EQ(test, choose(test), 2);
	KUNIT_EXPECT_EQ(test, choose(test), 1);
	/* In one transaction, with the service: 1 is the last chosen one, in a new place. */
	KUNIT_EXPECT_EQ(test, RUN(test, { DEL_SERVICE, 80 }, { ADD_SERVICE, 80 },
				  { ADD, 80, 2, 1 }, { ADD, 80, 1, 1 }, { ADD, 80, 3, 1 }), 0);
	expect_order(test, "213");
	KUNIT_EXPECT_EQ(test, choose(test), 3);
	KUNIT_EXPECT_EQ(test, choose(test), 2);
	/* A commit that fails changes nothing. */
	KUNIT_EXPECT_EQ(test, RUN(test, { DEL_SERVICE, 80 }, { ADD_SERVICE, 80 },
				  { ADD, 80, 3, 1 }, { ADD, 80, 2, 1 }, { ADD, 80, 1, 1 },
				  { FAIL }), -ENODEV);
	expect_order(test, "213");
	KUNIT_EXPECT_EQ(test, RUN(test, { ADD, 80, 4, 1 }), 0);
	KUNIT_EXPECT_EQ(test, choose(test), 1);
	expect_order(test, "2134");
}

/* A commit whose task is being killed changes nothing. */
static int run_killed(struct kunit *test, const struct step *steps, u32 n)
{
	int err;

	sigaddset(&current->pending.signal, SIGKILL);
	set_thread_flag(TIF_SIGPENDING);
	err = run_steps(test, steps, n);
	sigdelset(&current->pending.signal, SIGKILL);
	clear_thread_flag(TIF_SIGPENDING);
	return err;
}

static void commit_killed_test(struct kunit *test)
{
	const struct step add[] = { { ADD_SERVICE, 80, 0, 1 }, { ADD, 80, 1, 1 } };
	const struct step del = { DEL_SERVICE, 80 };
	struct commits *c = test->priv;
	u64 changes = c->ln->n_changes;

	KUNIT_EXPECT_EQ(test, run_killed(test, add, ARRAY_SIZE(add)), -EINTR);
	KUNIT_EXPECT_NULL(test, live(test, 80, 0));
	KUNIT_EXPECT_EQ(test, c->ln->n_services[LBDR_V4], 0);
	KUNIT_EXPECT_EQ(test, c->ln->n_changes, changes);
	KUNIT_EXPECT_EQ(test, run_steps(test, add, ARRAY_SIZE(add)), 0);
	KUNIT_EXPECT_EQ(test, run_killed(test, &del, 1), -EINTR);
	KUNIT_EXPECT_NOT_NULL(test, live(test, 80, 0));
	KUNIT_EXPECT_EQ(test, run_steps(test, &del, 1), 0);
	KUNIT_EXPECT_NULL(test, live(test, 80, 0));
}

/* Charging cannot be seen in a kernel without memory cgroups. */
static struct mem_cgroup *begin_charge(const struct lbdr_net *ln)
{
	struct commits *c = kunit_get_current_test()->priv;

	c->charged = true;
	return NULL;
}

/* Has servers 1 to @n drain, none of which has a connection. */
static void drain(struct kunit *test, u32 n)
{
	const struct lbdr_service_key key = step_service(80, 0);
	struct commits *c = test->priv;
	struct lbdr_staged_service *service;
	struct lbdr_staged_server *server;
	union nf_inet_addr addr;
	u32 i;

	lbdr_lock(c->ln);
	lbdr_config_begin(&c->config, c->ln, false, NULL);
	service = lbdr_config_service(&c->config, &key);
	for (i = 1; i <= n; i++) {
		addr = step_server(i);
		server = lbdr_config_server(&c->config, service, LBDR_V4, &addr);
		lbdr_config_server_drain(&c->config, service, server);
	}
	lbdr_unlock(c->ln);
	KUNIT_EXPECT_EQ(test, commit(&c->config, 0), 0);
}

/*
 * One run of the work item removes all servers that have drained. What its commits
 * allocate is charged to the namespace's cgroup.
 */
static void commit_drain_test(struct kunit *test)
{
	struct commits *c = test->priv;
	struct step step = { ADD, 80, 0, 1 };
	int err;

	KUNIT_ASSERT_EQ(test, RUN(test, { ADD_SERVICE, 80 }), 0);
	lbdr_lock(c->ln);
	lbdr_config_begin(&c->config, c->ln, false, NULL);
	for (err = 0; !err && step.n < MANY; ) {
		step.n++;
		err = step_stage(&c->config, &step);
	}
	lbdr_unlock(c->ln);
	KUNIT_ASSERT_EQ(test, commit(&c->config, err), 0);
	drain(test, MANY);
	cancel_delayed_work_sync(&c->ln->drain);
	kunit_activate_static_stub(test, lbdr_limit_charge_begin, begin_charge);
	c->ln->drain.work.func(&c->ln->drain.work);
	kunit_deactivate_static_stub(test, lbdr_limit_charge_begin);
	KUNIT_EXPECT_EQ(test, c->n_removed, MANY);
	KUNIT_EXPECT_EQ(test, c->n_charged, MANY);
	KUNIT_EXPECT_EQ(test, live(test, 80, 0)->n_servers, 0);
}

static struct kunit_case commit_cases[] = {
	KUNIT_CASE(commit_overlap_test),
	KUNIT_CASE(commit_tail_test),
	KUNIT_CASE(commit_killed_test),
	KUNIT_CASE(commit_drain_test),
	{}
};

static struct kunit_suite commit_suite = {
	.name = "lbdr_config_commit",
	.init = commits_init,
	.exit = commits_exit,
	.test_cases = commit_cases,
};

kunit_test_suites(&commit_suite);
