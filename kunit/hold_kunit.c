// SPDX-License-Identifier: GPL-2.0
/*
 * Held servers and services: what is listed, what packets find, what is kept, and when
 * it ends.
 *
 * Works on the initial namespace, which has no services of others, on a VIP that no
 * packet is sent to. Each test leaves the namespace without services.
 */
#include <kunit/test.h>
#include <linux/delay.h>

#include "config.h"
#include "conn.h"
#include "hold.h"
#include "live.h"
#include "notify.h"
#include "persist.h"
#include "sched.h"
#include "steps.h"
#include "vip.h"

#define MAX_CHANGES	16
/* Servers of a service whose pool may wait, see lbdr_pool_may_wait() */
#define MANY		300

/**
 * struct holds - the fixture
 * @ln: the initial namespace
 * @nb: records notifications
 * @changes: the notifications since the last look, a letter each
 * @n_changes: their number
 * @config: of the transaction
 * @before_commit: called between staging and commit, or NULL
 */
struct holds {
	struct lbdr_net		*ln;
	struct notifier_block	nb;
	char			changes[MAX_CHANGES];
	u32			n_changes;
	struct lbdr_config	config;
	void			(*before_commit)(struct kunit *test);
};

/* Services: A added, S set, D removed; servers in small letters; F flush. */
static int holds_event(struct notifier_block *nb, unsigned long change, void *data)
{
	struct holds *h = container_of(nb, struct holds, nb);
	const struct lbdr_notify *notify = data;

	if (notify->ln == h->ln && h->n_changes < MAX_CHANGES - 1)
		h->changes[h->n_changes++] = "ASDasd..F"[change];
	return NOTIFY_DONE;
}

static void expect_changes(struct kunit *test, const char *want)
{
	struct holds *h = test->priv;

	KUNIT_EXPECT_STREQ(test, h->changes, want);
	memset(h->changes, 0, sizeof(h->changes));
	h->n_changes = 0;
}

/* Stages commands in a transaction, and commits it if @commit is set. */
static int run_steps(struct kunit *test, const struct step *steps, u32 n, bool commit)
{
	struct holds *h = test->priv;
	int err = 0;
	u32 i;

	lbdr_lock(h->ln);
	lbdr_config_begin(&h->config, h->ln, false, NULL);
	for (i = 0; i < n && !err; i++)
		err = step_stage(&h->config, &steps[i]);
	lbdr_unlock(h->ln);
	if (!err && h->before_commit)
		h->before_commit(test);
	if (!err && commit) {
		mutex_lock(&h->ln->config);
		err = lbdr_config_commit(&h->config);
		mutex_unlock(&h->ln->config);
	}
	lbdr_lock(h->ln);
	lbdr_config_uncharge(&h->config);
	lbdr_unlock(h->ln);
	lbdr_config_end(&h->config);
	return err;
}

/* A command outside a transaction. */
static int run_one(struct kunit *test, const struct step step)
{
	struct holds *h = test->priv;
	int err;

	mutex_lock(&h->ln->config);
	lbdr_config_begin(&h->config, h->ln, true, NULL);
	err = step_stage(&h->config, &step);
	if (!err)
		err = lbdr_config_commit(&h->config);
	lbdr_config_end(&h->config);
	mutex_unlock(&h->ln->config);
	return err;
}

#define STEPS(test, commit, ...) ({					\
	const struct step steps[] = { __VA_ARGS__ };			\
	run_steps(test, steps, ARRAY_SIZE(steps), commit);		\
})
#define RUN(test, ...)		STEPS(test, true, __VA_ARGS__)
#define ABORT(test, ...)	STEPS(test, false, __VA_ARGS__)

static struct lbdr_service *live(struct kunit *test, u16 port)
{
	const struct lbdr_service_key key = step_service(port, 0);
	struct holds *h = test->priv;
	struct lbdr_service *service;

	lbdr_lock(h->ln);
	service = lbdr_service_find(h->ln, &key);
	lbdr_unlock(h->ln);
	return service;
}

/* The servers of a live service as "n:weight", a held one as "n:h". */
static void expect_servers(struct kunit *test, u16 port, const char *want)
{
	struct lbdr_service *service = live(test, port);
	const struct lbdr_server *server;
	u32 open = 0, held = 0;
	char got[64] = "";
	size_t at = 0;

	KUNIT_ASSERT_NOT_NULL(test, service);
	list_for_each_entry(server, &service->servers, list) {
		at += scnprintf(got + at, sizeof(got) - at, "%s%u:", at ? " " : "",
				ntohl(server->addr.ip) & 0xff);
		at += server->held ?
		      scnprintf(got + at, sizeof(got) - at, "h") :
		      scnprintf(got + at, sizeof(got) - at, "%u", server->weight);
		open += !server->held;
		held += server->held;
		KUNIT_EXPECT_EQ(test, lbdr_server_open(server), !server->held);
	}
	KUNIT_EXPECT_STREQ(test, got, want);
	KUNIT_EXPECT_EQ(test, service->n_held, held);
	KUNIT_EXPECT_EQ(test,
			rcu_dereference_protected(service->pool, true)->n, open);
}

static struct lbdr_server *server_of(struct kunit *test, u16 port, u32 n)
{
	const union nf_inet_addr addr = step_server(n);
	struct holds *h = test->priv;
	struct lbdr_service *service = live(test, port);
	struct lbdr_server *server;

	lbdr_lock(h->ln);
	server = lbdr_server_find(service, LBDR_V4, &addr);
	lbdr_unlock(h->ln);
	KUNIT_ASSERT_NOT_NULL(test, server);
	return server;
}

static bool vip_known(const struct lbdr_net *ln)
{
	bool known;

	rcu_read_lock();
	known = lbdr_vips_has4(ln, htonl(VIP));
	rcu_read_unlock();
	return known;
}

static int holds_init(struct kunit *test)
{
	struct holds *h = kunit_kzalloc(test, sizeof(*h), GFP_KERNEL);

	KUNIT_ASSERT_NOT_NULL(test, h);
	h->ln = lbdr_net(&init_net);
	h->nb.notifier_call = holds_event;
	test->priv = h;
	KUNIT_ASSERT_EQ(test, live_init(test), 0);
	KUNIT_ASSERT_EQ(test, lbdr_notify_register(&h->nb), 0);
	KUNIT_ASSERT_EQ(test, RUN(test, { ADD_SERVICE, 80 }, { ADD, 80, 1, 1 },
				  { ADD, 80, 2, 2 }), 0);
	expect_changes(test, "Aaa");
	return 0;
}

static void holds_exit(struct kunit *test)
{
	struct holds *h = test->priv;

	if (!h)
		return;
	lbdr_notify_unregister(&h->nb);
	live_exit(test);
	KUNIT_EXPECT_EQ(test, h->ln->n_staged, 0);
	KUNIT_EXPECT_EQ(test, h->ln->n_held, 0);
	KUNIT_EXPECT_EQ(test, h->ln->n_held_services, 0);
	KUNIT_EXPECT_TRUE(test, list_empty(&h->ln->held_servers));
	KUNIT_EXPECT_TRUE(test, list_empty(&h->ln->held_services));
	KUNIT_EXPECT_FALSE(test, vip_known(h->ln));
}

static void hold_server_test(struct kunit *test)
{
	struct lbdr_server *server = server_of(test, 80, 1);
	struct lbdr_counts counts;

	local_bh_disable();
	lbdr_stats_add(server->stats, 5, 6, 7);
	local_bh_enable();
	KUNIT_EXPECT_EQ(test, RUN(test, { HOLD, 80, 1, 60 }), 0);
	expect_servers(test, 80, "1:h 2:2");
	expect_changes(test, "d");
	/* Its weight is that of the new command, and it is the last one added. */
	KUNIT_EXPECT_EQ(test, RUN(test, { ADD, 80, 1, 4 }), 0);
	expect_servers(test, 80, "2:2 1:4");
	expect_changes(test, "a");
	KUNIT_EXPECT_EQ(test, RUN(test, { ADD, 80, 1, 4 }), -EEXIST);
	KUNIT_EXPECT_PTR_EQ(test, server_of(test, 80, 1), server);
	lbdr_stats_sum(server->stats, &counts);
	KUNIT_EXPECT_EQ(test, counts.conns, 5);

	/* Held again before it ends, held and removed, removed and added. */
	KUNIT_EXPECT_EQ(test, RUN(test, { HOLD, 80, 1, 60 }), 0);
	KUNIT_EXPECT_EQ(test, RUN(test, { HOLD, 80, 1, 600 }), 0);
	KUNIT_EXPECT_GT(test, lbdr_hold_left(server->hold_until), 500);
	expect_servers(test, 80, "2:2 1:h");
	expect_changes(test, "d");
	KUNIT_EXPECT_EQ(test, RUN(test, { DEL, 80, 1 }, { ADD, 80, 1, 3 }), 0);
	expect_servers(test, 80, "2:2 1:3");
	expect_changes(test, "a");
	KUNIT_EXPECT_EQ(test, RUN(test, { HOLD, 80, 1, 60 }), 0);
	KUNIT_EXPECT_EQ(test, RUN(test, { DEL, 80, 1 }), 0);
	expect_servers(test, 80, "2:2");
	expect_changes(test, "d");
	/* One that fails at its last step changes nothing. */
	KUNIT_EXPECT_EQ(test, RUN(test, { HOLD, 80, 2, 60 }), 0);
	expect_changes(test, "d");
	KUNIT_EXPECT_EQ(test, RUN(test, { ADD, 80, 2, 7 }, { FAIL }), -ENODEV);
	expect_servers(test, 80, "2:h");
	KUNIT_EXPECT_EQ(test, RUN(test, { ADD, 80, 2, 2 }), 0);
	expect_changes(test, "a");
	KUNIT_EXPECT_EQ(test, RUN(test, { HOLD, 80, 2, 60 }, { FAIL }), -ENODEV);
	expect_servers(test, 80, "2:2");
	expect_changes(test, "");
	/* A server that the transaction has added is not held. */
	KUNIT_EXPECT_EQ(test, RUN(test, { ADD, 80, 3, 1 }, { HOLD, 80, 3, 9 }),
			0);
	expect_servers(test, 80, "2:2");
}

static void hold_service_test(struct kunit *test)
{
	struct lbdr_service *service = live(test, 80);
	struct holds *h = test->priv;

	KUNIT_EXPECT_EQ(test, RUN(test, { HOLD_SERVICE, 80, 0, 60 }), 0);
	expect_changes(test, "D");
	expect_servers(test, 80, "1:h 2:h");
	KUNIT_EXPECT_TRUE(test, service->held);
	KUNIT_EXPECT_EQ(test, h->ln->n_services[LBDR_V4], 1);
	KUNIT_EXPECT_TRUE(test, vip_known(h->ln));
	KUNIT_EXPECT_EQ(test, RUN(test, { ADD, 80, 1, 1 }), -ESRCH);
	KUNIT_EXPECT_EQ(test, RUN(test, { HOLD, 80, 1, 1 }), -ESRCH);
	/* Aborted: all is as it was. */
	KUNIT_EXPECT_EQ(test, ABORT(test, { ADD_SERVICE, 80 }, { ADD, 80, 1, 1 },
				    { DEL_SERVICE, 80 }), 0);
	expect_servers(test, 80, "1:h 2:h");
	expect_changes(test, "");

	KUNIT_EXPECT_EQ(test, RUN(test, { ADD_SERVICE, 80, 0, 1 }), 0);
	expect_changes(test, "A");
	expect_servers(test, 80, "1:h 2:h");
	KUNIT_EXPECT_EQ(test, RUN(test, { ADD_SERVICE, 80 }), -EEXIST);
	KUNIT_EXPECT_PTR_EQ(test, live(test, 80), service);
	KUNIT_EXPECT_STREQ(test, service->sched.ops->name, "mh");
	KUNIT_EXPECT_EQ(test, RUN(test, { ADD, 80, 2, 5 }), 0);
	expect_servers(test, 80, "1:h 2:5");
	expect_changes(test, "a");

	/* All in one transaction. */
	KUNIT_EXPECT_EQ(test, RUN(test, { HOLD_SERVICE, 80, 0, 60 },
				  { ADD_SERVICE, 80, 0, 1 }, { ADD, 80, 2, 6 }),
			0);
	expect_servers(test, 80, "1:h 2:6");
	expect_changes(test, "s");
	KUNIT_EXPECT_EQ(test, ABORT(test, { HOLD, 80, 2, 60 },
				    { HOLD_SERVICE, 80, 0, 60 }), 0);
	expect_servers(test, 80, "1:h 2:6");

	/* Removed, added and held in one transaction; a new one is not held. */
	KUNIT_EXPECT_EQ(test, RUN(test, { ADD, 80, 3, 1 }), 0);
	expect_changes(test, "a");
	KUNIT_EXPECT_EQ(test, RUN(test, { DEL_SERVICE, 80 }, { ADD_SERVICE, 80, 0, 1 },
				  { ADD, 80, 2, 6 }, { ADD, 80, 4, 6 },
				  { HOLD_SERVICE, 80, 0, 60 }), 0);
	expect_servers(test, 80, "2:h");
	expect_changes(test, "D");
	KUNIT_EXPECT_EQ(test, RUN(test, { ADD_SERVICE, 90 }, { ADD, 90, 1, 1 },
				  { HOLD_SERVICE, 90, 0, 60 }), 0);
	KUNIT_EXPECT_NULL(test, live(test, 90));
	KUNIT_EXPECT_EQ(test, RUN(test, { ADD_SERVICE, 80, 0, 1 }, { ADD, 80, 2, 6 }), 0);
	expect_changes(test, "Aa");

	/* A restore of another configuration, and of one that has it again. */
	KUNIT_EXPECT_EQ(test, RUN(test, { HOLD_SERVICE, 80, 0, 60 }), 0);
	expect_changes(test, "D");
	KUNIT_EXPECT_EQ(test, RUN(test, { FLUSH }, { ADD_SERVICE, 80, 0, 1 },
				  { ADD, 80, 2, 6 }), 0);
	expect_servers(test, 80, "2:6");
	KUNIT_EXPECT_PTR_EQ(test, live(test, 80), service);
	expect_changes(test, "Aa");
	KUNIT_EXPECT_EQ(test, RUN(test, { FLUSH }, { ADD_SERVICE, 80, 0, 1 },
				  { ADD, 80, 2, 6 }, { HOLD_SERVICE, 80, 0, 60 }), 0);
	expect_changes(test, "D");
	expect_servers(test, 80, "2:h");
	KUNIT_EXPECT_PTR_EQ(test, live(test, 80), service);
	KUNIT_EXPECT_EQ(test, RUN(test, { FLUSH }), 0);
	KUNIT_EXPECT_NULL(test, live(test, 80));
	expect_changes(test, "F");
}

static struct lbdr_flow flow_of(u16 port, enum lbdr_event event)
{
	return (struct lbdr_flow) {
		.family	       = LBDR_V4,
		.event	       = event,
		.v4.client     = htonl(0xcb007101),
		.v4.vip	       = htonl(VIP),
		.v4.ports.cport = htons(1024),
		.v4.ports.vport = htons(port),
		.v4.protocol   = IPPROTO_TCP,
	};
}

/* What a packet of the flow meets: "forward", "drop", "schedule" or "pass". */
static void expect_meets(struct kunit *test, u16 port, enum lbdr_event event,
			 const char *want)
{
	const struct lbdr_flow flow = flow_of(port, event);
	struct holds *h = test->priv;
	struct lbdr_service *service;
	const char *fate;

	local_bh_disable();
	rcu_read_lock();
	service = lbdr_service_of_flow(h->ln, &flow);
	if (lbdr_conn_find(h->ln, &flow))
		fate = "forward";
	else if (h->ln->n_held && lbdr_hold_applies(h->ln, service, &flow))
		fate = "drop";
	else
		fate = service ? "schedule" : "pass";
	rcu_read_unlock();
	local_bh_enable();
	KUNIT_EXPECT_STREQ(test, fate, want);
}

/* A held range keeps no other one from its ports. */
static void hold_range_test(struct kunit *test)
{
	KUNIT_EXPECT_EQ(test, RUN(test, { ADD_SERVICE, 100, 9 }), 0);
	KUNIT_EXPECT_EQ(test, RUN(test, { ADD_SERVICE, 105, 9 }), -ENOTUNIQ);
	expect_meets(test, 102, LBDR_EVENT_SYN, "schedule");
	KUNIT_EXPECT_EQ(test, RUN(test, { HOLD_SERVICE, 100, 9, 60 }), 0);
	expect_meets(test, 107, LBDR_EVENT_SYN, "drop");
	KUNIT_EXPECT_EQ(test, RUN(test, { ADD_SERVICE, 105, 9 }), 0);
	expect_meets(test, 102, LBDR_EVENT_SYN, "drop");
	expect_meets(test, 107, LBDR_EVENT_SYN, "schedule");
	KUNIT_EXPECT_EQ(test, RUN(test, { ADD_SERVICE, 100, 9 }), -ENOTUNIQ);
	KUNIT_EXPECT_EQ(test, RUN(test, { DEL_SERVICE, 105, 9 }), 0);
	expect_meets(test, 112, LBDR_EVENT_SYN, "pass");
	KUNIT_EXPECT_EQ(test, RUN(test, { ADD_SERVICE, 100, 9 }), 0);
	expect_meets(test, 102, LBDR_EVENT_SYN, "schedule");
	expect_changes(test, "ADADA");
	/* What fails at the last step changes nothing. */
	KUNIT_EXPECT_EQ(test, RUN(test, { HOLD_SERVICE, 100, 9, 60 }, { FAIL }), -ENODEV);
	expect_meets(test, 102, LBDR_EVENT_SYN, "schedule");
	KUNIT_EXPECT_EQ(test, RUN(test, { ADD_SERVICE, 105, 9 }), -ENOTUNIQ);
	KUNIT_EXPECT_EQ(test, RUN(test, { HOLD_SERVICE, 100, 9, 60 }), 0);
	KUNIT_EXPECT_EQ(test, RUN(test, { ADD_SERVICE, 100, 9 }, { FAIL }), -ENODEV);
	expect_meets(test, 102, LBDR_EVENT_SYN, "drop");
	KUNIT_EXPECT_EQ(test, RUN(test, { FLUSH }, { ADD_SERVICE, 100, 9 },
				  { HOLD_SERVICE, 100, 9, 60 }), 0);
	expect_meets(test, 102, LBDR_EVENT_SYN, "drop");
}

/* Held ranges overlap, and one is that of all ports. */
static void hold_ranges_test(struct kunit *test)
{
	const u16 inner[] = { 212, 222, 237 };
	u32 i;

	KUNIT_EXPECT_EQ(test, RUN(test, { ADD_SERVICE, 200, 40 }), 0);
	KUNIT_EXPECT_EQ(test, RUN(test, { HOLD_SERVICE, 200, 40, 60 }), 0);
	for (i = 0; i < ARRAY_SIZE(inner); i++) {
		KUNIT_EXPECT_EQ(test, RUN(test, { ADD_SERVICE, inner[i], 1 }), 0);
		expect_meets(test, inner[i], LBDR_EVENT_SYN, "schedule");
	}
	KUNIT_EXPECT_EQ(test, RUN(test, { HOLD_SERVICE, 212, 1, 60 },
				  { HOLD_SERVICE, 222, 1, 60 },
				  { HOLD_SERVICE, 237, 1, 60 }), 0);
	for (i = 200; i <= 240; i++)
		expect_meets(test, i, LBDR_EVENT_SYN, "drop");
	expect_meets(test, 199, LBDR_EVENT_SYN, "pass");
	expect_meets(test, 241, LBDR_EVENT_SYN, "pass");
	KUNIT_EXPECT_EQ(test, RUN(test, { DEL_SERVICE, 200, 40 }), 0);
	for (i = 200; i <= 240; i++)
		expect_meets(test, i, LBDR_EVENT_SYN,
			     i / 2 == 106 || i / 2 == 111 || i == 237 || i == 238 ?
			     "drop" : "pass");
	KUNIT_EXPECT_EQ(test, RUN(test, { ADD_SERVICE, 0 }), 0);
	expect_meets(test, 222, LBDR_EVENT_SYN, "schedule");
	KUNIT_EXPECT_EQ(test, RUN(test, { ADD_SERVICE, 237, 1 },
				  { HOLD_SERVICE, 0, 0, 60 }), 0);
	expect_meets(test, 222, LBDR_EVENT_SYN, "drop");
	expect_meets(test, 5000, LBDR_EVENT_SYN, "drop");
	expect_meets(test, 237, LBDR_EVENT_SYN, "schedule");
	KUNIT_EXPECT_EQ(test, RUN(test, { DEL_SERVICE, 0 }, { DEL_SERVICE, 222, 1 }), 0);
	expect_meets(test, 222, LBDR_EVENT_SYN, "pass");
	expect_meets(test, 212, LBDR_EVENT_SYN, "drop");
}

/* What a packet that has no connection meets at one of two hooks, see hook.c. */
static void expect_hook(struct kunit *test, u8 entry, enum lbdr_place place, u16 port,
			bool marked, const char *want)
{
	struct lbdr_flow flow = flow_of(port, LBDR_EVENT_SYN);
	struct holds *h = test->priv;
	struct lbdr_service *service;
	u8 old = h->ln->entry;
	const char *fate;

	flow.place = place;
	WRITE_ONCE(h->ln->entry, entry);
	local_bh_disable();
	rcu_read_lock();
	service = marked ? lbdr_service_of_mark(h->ln, LBDR_V4, MARK, 0) : NULL;
	if (!service)
		service = lbdr_service_of_flow(h->ln, &flow);
	if (lbdr_hold_defers(h->ln, service, &flow))
		fate = "pass";
	else if (lbdr_hold_applies(h->ln, service, &flow))
		fate = "drop";
	else
		fate = service ? "schedule" : "pass";
	rcu_read_unlock();
	local_bh_enable();
	WRITE_ONCE(h->ln->entry, old);
	KUNIT_EXPECT_STREQ(test, fate, want);
}

/* A held service at one hook does not keep packets from a service at the other hook. */
static void hold_mark_test(struct kunit *test)
{
	const u8 pre = LBDR_ENTRY_PREROUTING, input = LBDR_ENTRY_INPUT;
	const enum lbdr_place entry = LBDR_PLACE_ENTRY, mark = LBDR_PLACE_MARKED;

	KUNIT_EXPECT_EQ(test, RUN(test, { HOLD_SERVICE, 80, 0, 60 }), 0);
	expect_hook(test, pre, entry, 80, false, "drop");
	KUNIT_EXPECT_EQ(test, RUN(test, { ADD_SERVICE, MARK }, { ADD, MARK, 1, 1 }), 0);
	expect_hook(test, pre, entry, 80, false, "pass");
	expect_hook(test, pre, mark, 80, true, "schedule");
	expect_hook(test, pre, mark, 80, false, "drop");
	expect_hook(test, pre, mark, 81, false, "pass");
	expect_hook(test, input, mark, 80, true, "schedule");
	expect_hook(test, input, mark, 80, false, "pass");
	expect_hook(test, input, entry, 80, false, "drop");

	KUNIT_EXPECT_EQ(test, RUN(test, { HOLD_SERVICE, MARK, 0, 60 }), 0);
	expect_hook(test, pre, entry, 80, false, "pass");
	expect_hook(test, pre, mark, 80, true, "drop");
	expect_hook(test, pre, mark, 80, false, "drop");
	expect_hook(test, pre, mark, 81, true, "drop");
	expect_hook(test, input, mark, 80, true, "drop");
	expect_hook(test, input, mark, 81, true, "drop");

	KUNIT_EXPECT_EQ(test, RUN(test, { ADD_SERVICE, 80 }, { ADD, 80, 1, 1 }), 0);
	expect_hook(test, pre, entry, 80, false, "schedule");
	expect_hook(test, pre, mark, 80, true, "pass");
	expect_hook(test, input, mark, 80, true, "pass");
	expect_hook(test, input, entry, 80, false, "schedule");
}

/* The template of a client leads to a held server, and is kept. */
static void hold_persist_test(struct kunit *test)
{
	struct lbdr_flow flow = flow_of(80, LBDR_EVENT_SYN), other = flow;
	struct lbdr_service *service = live(test, 80);
	struct holds *h = test->priv;
	struct lbdr_conn *template;
	struct lbdr_server *server;
	bool usable;
	u32 chosen;

	WRITE_ONCE(service->settings.persist, 300);
	other.v4.client = htonl(0xcb007102);
	local_bh_disable();
	rcu_read_lock();
	server = lbdr_persist_pick(h->ln, service, &flow);
	KUNIT_EXPECT_NOT_ERR_OR_NULL(test, lbdr_conn_add(h->ln, &flow, server));
	rcu_read_unlock();
	local_bh_enable();
	chosen = server_of(test, 80, 1) == server ? 1 : 2;
	KUNIT_EXPECT_EQ(test, RUN(test, { HOLD, 80, chosen, 60 }), 0);
	local_bh_disable();
	rcu_read_lock();
	template = lbdr_persist_peek(h->ln, service, &flow, &usable);
	KUNIT_EXPECT_NOT_NULL(test, template);
	/* A packet of the held connection. */
	if (template)
		WRITE_ONCE(template->stamp, template->stamp - HZ);
	flow.event = LBDR_EVENT_DATA;
	KUNIT_EXPECT_NULL(test, lbdr_conn_find(h->ln, &flow));
	KUNIT_EXPECT_LT(test, template ? (u32)jiffies - template->stamp : HZ, HZ);
	/* Another connection of the client waits, and one of another client does not. */
	flow.event = LBDR_EVENT_SYN;
	flow.v4.ports.cport = htons(1025);
	KUNIT_EXPECT_TRUE(test, lbdr_hold_applies(h->ln, service, &flow));
	KUNIT_EXPECT_FALSE(test, lbdr_hold_applies(h->ln, service, &other));
	KUNIT_EXPECT_PTR_NE(test, lbdr_persist_pick(h->ln, service, &other), server);
	rcu_read_unlock();
	local_bh_enable();
}

static bool waits(struct holds *h, const struct lbdr_service *service,
		  const struct lbdr_flow *flow)
{
	bool applies;

	local_bh_disable();
	rcu_read_lock();
	applies = lbdr_hold_applies(h->ln, service, flow);
	rcu_read_unlock();
	local_bh_enable();
	return applies;
}

static struct lbdr_server *persist_pick(struct holds *h, const struct lbdr_service *service,
					const struct lbdr_flow *flow)
{
	struct lbdr_server *server;

	local_bh_disable();
	rcu_read_lock();
	server = lbdr_persist_pick(h->ln, service, flow);
	rcu_read_unlock();
	local_bh_enable();
	return server;
}

/*
 * A server that a health checker has removed: its persistent client gets another one. The
 * servers of a service that is removed next are awaited, until each is added again.
 */
static void hold_remove_test(struct kunit *test)
{
	const struct lbdr_flow flow = flow_of(80, LBDR_EVENT_SYN);
	struct lbdr_service *service = live(test, 80);
	struct holds *h = test->priv;
	struct lbdr_server *first, *second;
	u32 chosen;

	WRITE_ONCE(service->settings.persist, 300);
	first = persist_pick(h, service, &flow);
	KUNIT_ASSERT_NOT_NULL(test, first);
	chosen = server_of(test, 80, 1) == first ? 1 : 2;
	KUNIT_EXPECT_EQ(test, RUN(test, { REMOVE, 80, chosen, 60 }), 0);
	KUNIT_EXPECT_FALSE(test, waits(h, service, &flow));
	second = persist_pick(h, service, &flow);
	KUNIT_EXPECT_NOT_NULL(test, second);
	KUNIT_EXPECT_PTR_NE(test, second, first);
	/* None is left, and none is awaited: the client is refused. */
	KUNIT_EXPECT_EQ(test, RUN(test, { REMOVE, 80, 3 - chosen, 60 }), 0);
	KUNIT_EXPECT_EQ(test, service->n_awaited, 0);
	KUNIT_EXPECT_EQ(test, service->n_held, 2);
	expect_meets(test, 80, LBDR_EVENT_SYN, "schedule");
	KUNIT_EXPECT_NULL(test, persist_pick(h, service, &flow));

	KUNIT_EXPECT_EQ(test, RUN(test, { ADD, 80, 3 - chosen, 1 }), 0);
	KUNIT_EXPECT_PTR_EQ(test, persist_pick(h, service, &flow), second);
	KUNIT_EXPECT_EQ(test, RUN(test, { REMOVE, 80, 3 - chosen, 60 }), 0);
	KUNIT_EXPECT_EQ(test, RUN(test, { HOLD_SERVICE, 80, 0, 60 }), 0);
	KUNIT_EXPECT_EQ(test, service->n_awaited, 2);
	KUNIT_EXPECT_EQ(test, RUN(test, { ADD_SERVICE, 80 }), 0);
	WRITE_ONCE(service->settings.persist, 300);
	KUNIT_EXPECT_TRUE(test, waits(h, service, &flow));
	KUNIT_EXPECT_EQ(test, RUN(test, { ADD, 80, 3 - chosen, 1 }), 0);
	KUNIT_EXPECT_EQ(test, service->n_awaited, 1);
	KUNIT_EXPECT_PTR_EQ(test, persist_pick(h, service, &flow), second);
	KUNIT_EXPECT_EQ(test, RUN(test, { DEL, 80, chosen }), 0);
	KUNIT_EXPECT_EQ(test, service->n_awaited, 0);
}

/* Adds servers @first and following to the service of port 80, in one transaction. */
static void add_many(struct kunit *test, u32 first, u32 n)
{
	struct step *steps = kunit_kcalloc(test, n, sizeof(*steps), GFP_KERNEL);
	u32 i;

	KUNIT_ASSERT_NOT_NULL(test, steps);
	for (i = 0; i < n; i++)
		steps[i] = (struct step) { ADD, 80, first + i, 1 };
	KUNIT_ASSERT_EQ(test, run_steps(test, steps, n, true), 0);
}

/* The first server of many that are held is in the pool at once. */
static void hold_pool_test(struct kunit *test)
{
	add_many(test, 3, MANY);
	/* Old enough for the hold to replace it at once, however fast the machine is. */
	live(test, 80)->pool_due = jiffies;
	KUNIT_EXPECT_EQ(test, run_one(test, (struct step) { HOLD_SERVICE, 80, 0, 60 }), 0);
	/* Published just now, whatever the machine does. */
	live(test, 80)->pool_due = jiffies + 60 * HZ;
	KUNIT_EXPECT_EQ(test, run_one(test, (struct step) { ADD_SERVICE, 80 }), 0);
	KUNIT_EXPECT_EQ(test, run_one(test, (struct step) { ADD, 80, 7, 1 }), 0);
	KUNIT_EXPECT_EQ(test,
			rcu_dereference_protected(live(test, 80)->pool, true)->n, 1);
	expect_meets(test, 80, LBDR_EVENT_SYN, "schedule");
}

/* Held servers leave room for as many others, and for no more than these. */
static void hold_limit_test(struct kunit *test)
{
	add_many(test, 3, LBDR_SERVER_MAX - 2);
	KUNIT_EXPECT_EQ(test, RUN(test, { ADD, 80, LBDR_SERVER_MAX + 1, 1 }), -ENOSPC);
	KUNIT_EXPECT_EQ(test, RUN(test, { HOLD, 80, 1, 600 },
				  { ADD, 80, LBDR_SERVER_MAX + 1, 1 }), 0);
	/* A held one comes back for one that is in use only. */
	KUNIT_EXPECT_EQ(test, RUN(test, { ADD, 80, 1, 1 }), -ENOSPC);
	KUNIT_EXPECT_EQ(test, RUN(test, { DEL, 80, 2 }, { ADD, 80, 1, 1 }), 0);
	/* All are replaced by others, and as long as they are held not once more. */
	KUNIT_EXPECT_EQ(test, RUN(test, { HOLD_SERVICE, 80, 0, 600 },
				  { ADD_SERVICE, 80 }), 0);
	add_many(test, 2 * LBDR_SERVER_MAX, LBDR_SERVER_MAX);
	KUNIT_EXPECT_EQ(test, live(test, 80)->n_servers, 2 * LBDR_SERVER_MAX);
	KUNIT_EXPECT_EQ(test, live(test, 80)->n_held, LBDR_SERVER_MAX);
	KUNIT_EXPECT_EQ(test, RUN(test, { HOLD, 80, 2 * LBDR_SERVER_MAX, 600 },
				  { ADD, 80, 2, 1 }), -ENOSPC);
	KUNIT_EXPECT_EQ(test, RUN(test, { HOLD, 80, 2 * LBDR_SERVER_MAX, 600 },
				  { ADD, 80, 1, 1 }), 0);
	/* What was held and is removed leaves room, too. */
	KUNIT_EXPECT_EQ(test, RUN(test, { HOLD, 80, 1, 600 }, { DEL, 80, 1 },
				  { ADD, 80, 2, 1 }), 0);
}

static void hold_connect(struct kunit *test, struct lbdr_server *server)
{
	const struct lbdr_flow flow = flow_of(80, LBDR_EVENT_SYN);
	struct holds *h = test->priv;
	struct lbdr_conn *conn;

	local_bh_disable();
	rcu_read_lock();
	conn = lbdr_conn_add(h->ln, &flow, server);
	rcu_read_unlock();
	local_bh_enable();
	KUNIT_ASSERT_NOT_ERR_OR_NULL(test, conn);
}

static void hold_packet_test(struct kunit *test)
{
	struct lbdr_server *server = server_of(test, 80, 1);

	hold_connect(test, server);
	expect_meets(test, 80, LBDR_EVENT_DATA, "forward");
	KUNIT_EXPECT_EQ(test, RUN(test, { HOLD, 80, 1, 60 }), 0);
	expect_meets(test, 80, LBDR_EVENT_DATA, "drop");
	expect_meets(test, 80, LBDR_EVENT_SYN, "drop");
	KUNIT_EXPECT_EQ(test, atomic_read(&server->active), 1);
	KUNIT_EXPECT_EQ(test, RUN(test, { ADD, 80, 1, 1 }), 0);
	expect_meets(test, 80, LBDR_EVENT_DATA, "forward");

	/* Without other servers nobody is refused, and a held service matches last. */
	KUNIT_EXPECT_EQ(test, RUN(test, { HOLD, 80, 1, 60 }, { HOLD, 80, 2, 60 }), 0);
	expect_meets(test, 80, LBDR_EVENT_DATA, "drop");
	KUNIT_EXPECT_EQ(test, RUN(test, { HOLD_SERVICE, 80, 0, 60 }), 0);
	expect_meets(test, 80, LBDR_EVENT_SYN, "drop");
	expect_meets(test, 81, LBDR_EVENT_SYN, "pass");
	KUNIT_EXPECT_EQ(test, RUN(test, { ADD_SERVICE, 80, 0, 1 },
				  { ADD, 80, 1, 1 }), 0);
	expect_meets(test, 80, LBDR_EVENT_DATA, "forward");
	KUNIT_EXPECT_EQ(test, RUN(test, { HOLD_SERVICE, 80, 0, 60 },
				  { ADD_SERVICE, 0 }), 0);
	expect_meets(test, 80, LBDR_EVENT_DATA, "drop");
	expect_meets(test, 81, LBDR_EVENT_SYN, "schedule");
	/* Removed: the connection is not found any more. */
	KUNIT_EXPECT_EQ(test, RUN(test, { DEL_SERVICE, 80 }), 0);
	expect_meets(test, 80, LBDR_EVENT_DATA, "schedule");
}

static void wait_for_servers(struct kunit *test, u32 n)
{
	unsigned long end = jiffies + 60 * HZ;

	while (READ_ONCE(live(test, 80)->n_servers) > n && time_before(jiffies, end))
		msleep(20);
	KUNIT_EXPECT_EQ(test, live(test, 80)->n_servers, n);
}

/* Waits until the hold of a server, or of all of the service, has ended. */
static void hold_expire_test(struct kunit *test)
{
	unsigned long end = jiffies + 60 * HZ;
	struct holds *h = test->priv;

	hold_connect(test, server_of(test, 80, 1));
	KUNIT_EXPECT_EQ(test, RUN(test, { HOLD, 80, 1, 1 }), 0);
	expect_meets(test, 80, LBDR_EVENT_DATA, "drop");
	wait_for_servers(test, 1);
	expect_servers(test, 80, "2:2");
	expect_meets(test, 80, LBDR_EVENT_DATA, "schedule");
	expect_changes(test, "d");
	KUNIT_EXPECT_EQ(test, RUN(test, { HOLD_SERVICE, 80, 0, 1 }), 0);
	while (live(test, 80) && time_before(jiffies, end))
		msleep(20);
	KUNIT_EXPECT_NULL(test, live(test, 80));
	/* The service's last step follows its removal from the tables. */
	mutex_lock(&h->ln->config);
	KUNIT_EXPECT_EQ(test, h->ln->n_held, 0);
	KUNIT_EXPECT_EQ(test, h->ln->n_services[LBDR_V4], 0);
	mutex_unlock(&h->ln->config);
	expect_changes(test, "D");
}

static void wait_for_one(struct kunit *test)
{
	wait_for_servers(test, 1);
}

/* A hold time ends between staging and commit; a short one after a long one began. */
static void hold_late_test(struct kunit *test)
{
	struct holds *h = test->priv;

	KUNIT_EXPECT_EQ(test, RUN(test, { HOLD, 80, 1, 600 }), 0);
	KUNIT_EXPECT_EQ(test, RUN(test, { HOLD, 80, 2, 1 }), 0);
	h->before_commit = wait_for_one;
	KUNIT_EXPECT_EQ(test, RUN(test, { ADD, 80, 2, 2 }), -EAGAIN);
	h->before_commit = NULL;
	expect_servers(test, 80, "1:h");
	expect_changes(test, "dd");
	KUNIT_EXPECT_EQ(test, RUN(test, { ADD, 80, 2, 2 }), 0);
	expect_servers(test, 80, "1:h 2:2");
	/* Shorter than before. */
	KUNIT_EXPECT_EQ(test, RUN(test, { HOLD, 80, 1, 1 }), 0);
	wait_for_servers(test, 1);
	expect_servers(test, 80, "2:2");
}

static struct kunit_case hold_cases[] = {
	KUNIT_CASE(hold_server_test),
	KUNIT_CASE(hold_service_test),
	KUNIT_CASE(hold_range_test),
	KUNIT_CASE(hold_ranges_test),
	KUNIT_CASE(hold_mark_test),
	KUNIT_CASE(hold_packet_test),
	KUNIT_CASE(hold_persist_test),
	KUNIT_CASE(hold_remove_test),
	KUNIT_CASE(hold_pool_test),
	KUNIT_CASE(hold_limit_test),
	KUNIT_CASE(hold_expire_test),
	KUNIT_CASE(hold_late_test),
	{}
};

static struct kunit_suite hold_suite = {
	.name = "lbdr_hold",
	.init = holds_init,
	.exit = holds_exit,
	.test_cases = hold_cases,
};

kunit_test_suites(&hold_suite);
