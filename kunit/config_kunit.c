// SPDX-License-Identifier: GPL-2.0
/*
 * Transactions: every operation staged, committed, aborted and in conflict.
 *
 * Works on the initial namespace, which has no services of others, on a VIP that no
 * packet is sent to. Each test leaves the namespace without services.
 */
#include <kunit/static_stub.h>
#include <kunit/test.h>
#include <linux/delay.h>
#include <linux/mm.h>

#include "config.h"
#include "live.h"
#include "notify.h"
#include "reclaim.h"
#include "sched.h"
#include "stats.h"

#define MAX_CHANGES	64

/**
 * struct configs - the fixture
 * @ln: the initial namespace
 * @nb: counts notifications
 * @changes: the notifications since the last look, in their order
 * @n_changes: their number
 */
struct configs {
	struct lbdr_net		*ln;
	struct notifier_block	nb;
	enum lbdr_change	changes[MAX_CHANGES];
	u32			n_changes;
};

static int configs_event(struct notifier_block *nb, unsigned long change,
			 void *data)
{
	struct configs *c = container_of(nb, struct configs, nb);
	const struct lbdr_notify *notify = data;

	if (notify->ln == c->ln && c->n_changes < MAX_CHANGES)
		c->changes[c->n_changes++] = change;
	return NOTIFY_DONE;
}

/* A service of a port of the VIP. */
static struct lbdr_service_key key_of(u16 port, u16 last_port)
{
	return (struct lbdr_service_key) {
		.addr.ip = htonl(0xc6336463),
		.protocol = IPPROTO_TCP,
		.family = LBDR_V4,
		.port = htons(port),
		.last_port = htons(last_port),
	};
}

static union nf_inet_addr addr_of(u32 n)
{
	return (union nf_inet_addr) { .ip = htonl(0xc0000200 + n) };
}

static struct lbdr_sched sched_of(const char *name)
{
	const struct lbdr_sched_ops *ops = lbdr_sched_find(name);

	return (struct lbdr_sched) { .ops = ops, .size = ops->size };
}

static const struct lbdr_service_settings plain = { .prefix = 32 };

/* Begins a transaction of many commands. */
static void begin(struct kunit *test, struct lbdr_config *config)
{
	struct configs *c = test->priv;

	lbdr_lock(c->ln);
	lbdr_config_begin(config, c->ln, false, NULL);
	lbdr_unlock(c->ln);
}

/* Drops what is staged. */
static void end(struct lbdr_config *config)
{
	lbdr_lock(config->ln);
	lbdr_config_uncharge(config);
	lbdr_unlock(config->ln);
	lbdr_config_end(config);
}

/* Commits and ends. */
static int commit(struct lbdr_config *config)
{
	int err;

	mutex_lock(&config->ln->config);
	err = lbdr_config_commit(config);
	mutex_unlock(&config->ln->config);
	end(config);
	return err;
}

static int add_service(struct lbdr_config *config, u16 port, const char *name)
{
	const struct lbdr_service_key key = key_of(port, 0);
	const struct lbdr_sched sched = sched_of(name);
	int err;

	lbdr_lock(config->ln);
	err = lbdr_config_service_add(config, &key, &sched, &plain);
	lbdr_unlock(config->ln);
	return err;
}

static int add_ports(struct lbdr_config *config, u16 first, u16 last)
{
	const struct lbdr_service_key key = key_of(first, last);
	const struct lbdr_sched sched = sched_of("rr");
	int err;

	lbdr_lock(config->ln);
	err = lbdr_config_service_add(config, &key, &sched, &plain);
	lbdr_unlock(config->ln);
	return err;
}

/* What change_server() does. */
enum op { OP_ADD, OP_SET, OP_DEL, OP_DRAIN };

static int change_server(struct lbdr_config *config, u16 port, u32 n,
			 enum op op, u32 weight)
{
	const struct lbdr_server_settings settings = { .weight = weight };
	const struct lbdr_service_key key = key_of(port, 0);
	const union nf_inet_addr addr = addr_of(n);
	struct lbdr_staged_service *service;
	struct lbdr_staged_server *server;
	int err = 0;

	lbdr_lock(config->ln);
	service = lbdr_config_service(config, &key);
	if (IS_ERR(service)) {
		err = PTR_ERR(service);
		goto out;
	}
	if (op == OP_ADD) {
		err = lbdr_config_server_add(config, service, LBDR_V4, &addr,
					     &settings);
		goto out;
	}
	server = lbdr_config_server(config, service, LBDR_V4, &addr);
	if (IS_ERR(server))
		err = PTR_ERR(server);
	else if (op == OP_SET)
		server->settings.weight = weight;
	else if (op == OP_DEL)
		lbdr_config_server_del(config, service, server);
	else
		lbdr_config_server_drain(config, service, server);
out:
	lbdr_unlock(config->ln);
	return err;
}

static int del_service(struct lbdr_config *config, u16 port)
{
	const struct lbdr_service_key key = key_of(port, 0);
	struct lbdr_staged_service *service;

	lbdr_lock(config->ln);
	service = lbdr_config_service(config, &key);
	if (!IS_ERR(service))
		lbdr_config_service_del(config, service);
	lbdr_unlock(config->ln);
	return PTR_ERR_OR_ZERO(service);
}

static void flush(struct lbdr_config *config)
{
	lbdr_lock(config->ln);
	lbdr_config_flush(config);
	lbdr_unlock(config->ln);
}

/* The live service of a port, or NULL. */
static struct lbdr_service *live(struct kunit *test, u16 port)
{
	const struct lbdr_service_key key = key_of(port, 0);
	struct configs *c = test->priv;
	struct lbdr_service *service;

	lbdr_lock(c->ln);
	service = lbdr_service_find(c->ln, &key);
	lbdr_unlock(c->ln);
	return service;
}

/* The servers of a live service as "n:weight", a drained one as "n:d". */
static void expect_servers(struct kunit *test, u16 port, const char *want)
{
	struct lbdr_service *service = live(test, port);
	const struct lbdr_server *server;
	const struct lbdr_pool *pool;
	u32 open = 0, last = 0;
	char got[128] = "";
	size_t at = 0;

	KUNIT_ASSERT_NOT_NULL(test, service);
	list_for_each_entry(server, &service->servers, list) {
		at += scnprintf(got + at, sizeof(got) - at, "%s%u:", at ? " " : "",
				ntohl(server->addr.ip) & 0xff);
		at += server->draining ?
		      scnprintf(got + at, sizeof(got) - at, "d") :
		      scnprintf(got + at, sizeof(got) - at, "%u", server->weight);
		KUNIT_EXPECT_GT(test, server->number, last);
		last = server->number;
		open += !server->draining && server->weight;
	}
	KUNIT_EXPECT_STREQ(test, got, want);
	pool = rcu_dereference_protected(service->pool, true);
	KUNIT_EXPECT_EQ(test, pool->n, open);
}

/* Compares the notifications since the last look with a list that ends in -1. */
static void expect_changes(struct kunit *test, const int *want)
{
	struct configs *c = test->priv;
	u32 i;

	for (i = 0; want[i] >= 0; i++)
		KUNIT_EXPECT_EQ(test, i < c->n_changes ? (int)c->changes[i] : -1,
				want[i]);
	KUNIT_EXPECT_EQ(test, c->n_changes, i);
	c->n_changes = 0;
}

#define EXPECT_CHANGES(test, ...) \
	expect_changes(test, (const int[]) { __VA_ARGS__, -1 })

static struct lbdr_config *configs_new(struct kunit *test)
{
	struct lbdr_config *config = kunit_kzalloc(test, sizeof(*config),
						   GFP_KERNEL);

	KUNIT_ASSERT_NOT_NULL(test, config);
	return config;
}

/* A service of port 80 with servers 1 and 2. */
static void configs_fill(struct kunit *test)
{
	struct lbdr_config *config = configs_new(test);

	begin(test, config);
	KUNIT_EXPECT_EQ(test, add_service(config, 80, "rr"), 0);
	KUNIT_EXPECT_EQ(test, change_server(config, 80, 1, OP_ADD, 1), 0);
	KUNIT_EXPECT_EQ(test, change_server(config, 80, 2, OP_ADD, 2), 0);
	KUNIT_ASSERT_EQ(test, commit(config), 0);
	EXPECT_CHANGES(test, LBDR_CHANGE_SERVICE_ADD, LBDR_CHANGE_SERVER_ADD,
		       LBDR_CHANGE_SERVER_ADD);
	expect_servers(test, 80, "1:1 2:2");
}

static int configs_init(struct kunit *test)
{
	struct configs *c = kunit_kzalloc(test, sizeof(*c), GFP_KERNEL);

	KUNIT_ASSERT_NOT_NULL(test, c);
	c->ln = lbdr_net(&init_net);
	c->nb.notifier_call = configs_event;
	test->priv = c;
	KUNIT_ASSERT_EQ(test, live_init(test), 0);
	return lbdr_notify_register(&c->nb);
}

static void configs_exit(struct kunit *test)
{
	struct configs *c = test->priv;

	if (!c)
		return;
	lbdr_notify_unregister(&c->nb);
	live_exit(test);
	KUNIT_EXPECT_EQ(test, c->ln->n_staged, 0);
}

/* What is staged is invisible until commit, and each command sees those before. */
static void config_stage_test(struct kunit *test)
{
	struct lbdr_config *config = configs_new(test);
	struct configs *c = test->priv;

	begin(test, config);
	KUNIT_EXPECT_EQ(test, change_server(config, 80, 1, OP_ADD, 1), -ESRCH);
	KUNIT_EXPECT_EQ(test, add_service(config, 80, "rr"), 0);
	KUNIT_EXPECT_EQ(test, add_service(config, 80, "rr"), -EEXIST);
	KUNIT_EXPECT_EQ(test, change_server(config, 80, 1, OP_SET, 1), -ENOENT);
	KUNIT_EXPECT_EQ(test, change_server(config, 80, 1, OP_ADD, 1), 0);
	KUNIT_EXPECT_EQ(test, change_server(config, 80, 1, OP_ADD, 1), -EEXIST);
	KUNIT_EXPECT_EQ(test, change_server(config, 80, 2, OP_ADD, 1), 0);
	KUNIT_EXPECT_EQ(test, change_server(config, 80, 2, OP_DEL, 0), 0);
	KUNIT_EXPECT_EQ(test, change_server(config, 80, 2, OP_DEL, 0), -ENOENT);
	KUNIT_EXPECT_EQ(test, change_server(config, 80, 1, OP_SET, 5), 0);
	/* The server that was removed again counts until the transaction ends. */
	KUNIT_EXPECT_EQ(test, c->ln->n_staged, 3);
	KUNIT_EXPECT_NULL(test, live(test, 80));
	KUNIT_EXPECT_EQ(test, c->n_changes, 0);
	KUNIT_EXPECT_EQ(test, commit(config), 0);
	expect_servers(test, 80, "1:5");
	EXPECT_CHANGES(test, LBDR_CHANGE_SERVICE_ADD, LBDR_CHANGE_SERVER_ADD);
}

static void config_abort_test(struct kunit *test)
{
	struct lbdr_config *config = configs_new(test);
	struct configs *c = test->priv;
	u64 changes;

	configs_fill(test);
	changes = c->ln->n_changes;
	begin(test, config);
	KUNIT_EXPECT_EQ(test, add_service(config, 81, "mh"), 0);
	KUNIT_EXPECT_EQ(test, change_server(config, 81, 1, OP_ADD, 1), 0);
	KUNIT_EXPECT_EQ(test, change_server(config, 80, 1, OP_DEL, 0), 0);
	KUNIT_EXPECT_EQ(test, change_server(config, 80, 2, OP_DRAIN, 0), 0);
	KUNIT_EXPECT_EQ(test, del_service(config, 80), 0);
	flush(config);
	end(config);
	expect_servers(test, 80, "1:1 2:2");
	KUNIT_EXPECT_NULL(test, live(test, 81));
	KUNIT_EXPECT_EQ(test, c->ln->n_changes, changes);
	KUNIT_EXPECT_EQ(test, c->n_changes, 0);
}

/* Every operation on a live service, and what is reported of it. */
static void config_change_test(struct kunit *test)
{
	const struct lbdr_service_key key = key_of(80, 0);
	struct lbdr_config *config = configs_new(test);
	struct lbdr_staged_service *staged;
	struct lbdr_server *kept;

	configs_fill(test);
	kept = list_last_entry(&live(test, 80)->servers, struct lbdr_server,
			       list);
	begin(test, config);
	KUNIT_EXPECT_EQ(test, change_server(config, 80, 2, OP_SET, 7), 0);
	KUNIT_EXPECT_EQ(test, change_server(config, 80, 1, OP_DEL, 0), 0);
	KUNIT_EXPECT_EQ(test, change_server(config, 80, 3, OP_ADD, 3), 0);
	KUNIT_EXPECT_EQ(test, commit(config), 0);
	expect_servers(test, 80, "2:7 3:3");
	EXPECT_CHANGES(test, LBDR_CHANGE_SERVER_DEL, LBDR_CHANGE_SERVER_SET,
		       LBDR_CHANGE_SERVER_ADD);

	/* Removed and added: the same object, last in the order of adding. */
	begin(test, config);
	KUNIT_EXPECT_EQ(test, change_server(config, 80, 2, OP_DEL, 0), 0);
	KUNIT_EXPECT_EQ(test, change_server(config, 80, 2, OP_ADD, 1), 0);
	KUNIT_EXPECT_EQ(test, commit(config), 0);
	expect_servers(test, 80, "3:3 2:1");
	KUNIT_EXPECT_PTR_EQ(test, kept,
			    list_last_entry(&live(test, 80)->servers,
					    struct lbdr_server, list));
	EXPECT_CHANGES(test, LBDR_CHANGE_SERVER_SET);

	/* So is a service, with the servers that are added again. */
	begin(test, config);
	KUNIT_EXPECT_EQ(test, del_service(config, 80), 0);
	KUNIT_EXPECT_EQ(test, change_server(config, 80, 2, OP_SET, 1), -ESRCH);
	KUNIT_EXPECT_EQ(test, add_service(config, 80, "mh"), 0);
	KUNIT_EXPECT_EQ(test, change_server(config, 80, 2, OP_ADD, 1), 0);
	KUNIT_EXPECT_EQ(test, commit(config), 0);
	expect_servers(test, 80, "2:1");
	KUNIT_EXPECT_PTR_EQ(test, kept,
			    list_last_entry(&live(test, 80)->servers,
					    struct lbdr_server, list));
	EXPECT_CHANGES(test, LBDR_CHANGE_SERVICE_SET, LBDR_CHANGE_SERVER_DEL);

	/* Settings, and nothing: nothing is reported. */
	begin(test, config);
	lbdr_lock(config->ln);
	staged = lbdr_config_service(config, &key);
	staged->settings.persist = 5;
	lbdr_unlock(config->ln);
	KUNIT_EXPECT_EQ(test, commit(config), 0);
	KUNIT_EXPECT_EQ(test, live(test, 80)->settings.persist, 5);
	EXPECT_CHANGES(test, LBDR_CHANGE_SERVICE_SET);
	begin(test, config);
	KUNIT_EXPECT_EQ(test, change_server(config, 80, 2, OP_SET, 1), 0);
	KUNIT_EXPECT_EQ(test, commit(config), 0);
	EXPECT_CHANGES(test, -1);

	begin(test, config);
	KUNIT_EXPECT_EQ(test, del_service(config, 80), 0);
	KUNIT_EXPECT_EQ(test, commit(config), 0);
	KUNIT_EXPECT_NULL(test, live(test, 80));
	EXPECT_CHANGES(test, LBDR_CHANGE_SERVICE_DEL);
}

static void config_drain_test(struct kunit *test)
{
	struct lbdr_config *config = configs_new(test);

	configs_fill(test);
	/* A connection, so that the server stays. */
	atomic_inc(&list_first_entry(&live(test, 80)->servers,
				     struct lbdr_server, list)->active);
	begin(test, config);
	KUNIT_EXPECT_EQ(test, change_server(config, 80, 1, OP_DRAIN, 0), 0);
	KUNIT_EXPECT_EQ(test, change_server(config, 80, 3, OP_ADD, 1), 0);
	KUNIT_EXPECT_EQ(test, change_server(config, 80, 3, OP_DRAIN, 0), 0);
	KUNIT_EXPECT_EQ(test, commit(config), 0);
	expect_servers(test, 80, "1:d 2:2");
	EXPECT_CHANGES(test, LBDR_CHANGE_SERVER_SET);
	/* Adding it again cancels the drain. */
	begin(test, config);
	KUNIT_EXPECT_EQ(test, change_server(config, 80, 1, OP_ADD, 4), 0);
	KUNIT_EXPECT_EQ(test, change_server(config, 80, 1, OP_ADD, 4), -EEXIST);
	KUNIT_EXPECT_EQ(test, commit(config), 0);
	expect_servers(test, 80, "1:4 2:2");
	EXPECT_CHANGES(test, LBDR_CHANGE_SERVER_SET);
	atomic_dec(&list_first_entry(&live(test, 80)->servers,
				     struct lbdr_server, list)->active);
}

static void config_flush_test(struct kunit *test)
{
	struct lbdr_config *config = configs_new(test);
	struct lbdr_config *other = configs_new(test);

	configs_fill(test);
	begin(test, config);
	flush(config);
	KUNIT_EXPECT_EQ(test, change_server(config, 80, 1, OP_SET, 1), -ESRCH);
	KUNIT_EXPECT_EQ(test, add_service(config, 81, "wlc"), 0);
	/* Added by others meanwhile. */
	begin(test, other);
	KUNIT_EXPECT_EQ(test, add_service(other, 82, "rr"), 0);
	KUNIT_EXPECT_EQ(test, commit(other), 0);
	KUNIT_EXPECT_EQ(test, commit(config), 0);
	KUNIT_EXPECT_NULL(test, live(test, 80));
	KUNIT_EXPECT_NULL(test, live(test, 82));
	KUNIT_EXPECT_NOT_NULL(test, live(test, 81));
	EXPECT_CHANGES(test, LBDR_CHANGE_SERVICE_ADD, LBDR_CHANGE_SERVICE_ADD,
		       LBDR_CHANGE_SERVICE_DEL, LBDR_CHANGE_SERVICE_DEL);
	begin(test, config);
	flush(config);
	KUNIT_EXPECT_EQ(test, commit(config), 0);
	EXPECT_CHANGES(test, LBDR_CHANGE_SERVICE_DEL, LBDR_CHANGE_FLUSH);
}

/* Whatever another transaction changes of the same service is a conflict. */
static void config_conflict_test(struct kunit *test)
{
	struct lbdr_config *config = configs_new(test);
	struct lbdr_config *other = configs_new(test);
	struct configs *c = test->priv;
	int kind;

	for (kind = 0; kind < 5; kind++) {
		c->n_changes = 0;
		configs_fill(test);
		begin(test, config);
		KUNIT_EXPECT_EQ(test, change_server(config, 80, 1, OP_SET, 9), 0);
		begin(test, other);
		KUNIT_EXPECT_EQ(test, kind < 4 ?
				change_server(other, 80, kind ? 1 : 3, kind, 7) :
				del_service(other, 80), 0);
		KUNIT_EXPECT_EQ(test, commit(other), 0);
		c->n_changes = 0;
		KUNIT_EXPECT_EQ(test, change_server(config, 80, 2, OP_SET, 1),
				-EAGAIN);
		KUNIT_EXPECT_EQ(test, commit(config), -EAGAIN);
		KUNIT_EXPECT_EQ(test, c->n_changes, 0);
		begin(test, config);
		flush(config);
		KUNIT_EXPECT_EQ(test, commit(config), 0);
	}
	c->n_changes = 0;
}

/* A change of another service is none, and a removal relies on nothing. */
static void config_no_conflict_test(struct kunit *test)
{
	struct lbdr_config *config = configs_new(test);
	struct lbdr_config *other = configs_new(test);
	struct configs *c = test->priv;

	configs_fill(test);
	begin(test, config);
	KUNIT_EXPECT_EQ(test, change_server(config, 80, 1, OP_SET, 9), 0);
	begin(test, other);
	KUNIT_EXPECT_EQ(test, add_service(other, 81, "rr"), 0);
	KUNIT_EXPECT_EQ(test, commit(other), 0);
	KUNIT_EXPECT_EQ(test, commit(config), 0);
	expect_servers(test, 80, "1:9 2:2");

	begin(test, config);
	KUNIT_EXPECT_EQ(test, del_service(config, 80), 0);
	begin(test, other);
	KUNIT_EXPECT_EQ(test, change_server(other, 80, 1, OP_DEL, 0), 0);
	KUNIT_EXPECT_EQ(test, commit(other), 0);
	KUNIT_EXPECT_EQ(test, commit(config), 0);
	KUNIT_EXPECT_NULL(test, live(test, 80));
	c->n_changes = 0;
}

/* A service that was removed and added again is another one. */
static void config_again_conflict_test(struct kunit *test)
{
	struct lbdr_config *config = configs_new(test);
	struct lbdr_config *other = configs_new(test);
	struct configs *c = test->priv;

	configs_fill(test);
	begin(test, config);
	KUNIT_EXPECT_EQ(test, change_server(config, 80, 1, OP_SET, 9), 0);
	begin(test, other);
	KUNIT_EXPECT_EQ(test, del_service(other, 80), 0);
	KUNIT_EXPECT_EQ(test, commit(other), 0);
	c->n_changes = 0;
	configs_fill(test);
	KUNIT_EXPECT_EQ(test, change_server(config, 80, 2, OP_SET, 1), -EAGAIN);
	KUNIT_EXPECT_EQ(test, commit(config), -EAGAIN);
	expect_servers(test, 80, "1:1 2:2");
}

static void config_add_conflict_test(struct kunit *test)
{
	struct lbdr_config *config = configs_new(test);
	struct lbdr_config *other = configs_new(test);
	struct configs *c = test->priv;

	begin(test, config);
	begin(test, other);
	KUNIT_EXPECT_EQ(test, add_service(config, 80, "rr"), 0);
	KUNIT_EXPECT_EQ(test, add_service(other, 80, "rr"), 0);
	KUNIT_EXPECT_EQ(test, commit(config), 0);
	KUNIT_EXPECT_EQ(test, commit(other), -EAGAIN);

	begin(test, config);
	begin(test, other);
	KUNIT_EXPECT_EQ(test, add_ports(config, 100, 109), 0);
	KUNIT_EXPECT_EQ(test, add_ports(config, 105, 110), -ENOTUNIQ);
	KUNIT_EXPECT_EQ(test, add_ports(other, 109, 120), 0);
	KUNIT_EXPECT_EQ(test, commit(config), 0);
	KUNIT_EXPECT_EQ(test, commit(other), -EAGAIN);
	c->n_changes = 0;
}

/* Index of the server that the scheduler chooses for a new connection. */
static u32 choose(struct kunit *test, u16 port)
{
	const struct lbdr_flow flow = { .family = LBDR_V4 };
	const struct lbdr_service *service = live(test, port);
	struct lbdr_server *server;
	u32 n;

	rcu_read_lock();
	server = lbdr_pool_pick(service, &flow);
	n = server ? ntohl(server->addr.ip) & 0xff : 0;
	rcu_read_unlock();
	return n;
}

/* rr continues behind the server that it chose last, after a transaction too. */
static void config_rr_test(struct kunit *test)
{
	struct lbdr_config *config = configs_new(test);
	struct configs *c = test->priv;

	configs_fill(test);
	begin(test, config);
	KUNIT_EXPECT_EQ(test, change_server(config, 80, 3, OP_ADD, 1), 0);
	KUNIT_EXPECT_EQ(test, change_server(config, 80, 4, OP_ADD, 1), 0);
	KUNIT_EXPECT_EQ(test, commit(config), 0);
	while (choose(test, 80) != 3)
		;
	begin(test, config);
	KUNIT_EXPECT_EQ(test, change_server(config, 80, 5, OP_ADD, 1), 0);
	KUNIT_EXPECT_EQ(test, change_server(config, 80, 6, OP_ADD, 1), 0);
	KUNIT_EXPECT_EQ(test, change_server(config, 80, 1, OP_DEL, 0), 0);
	KUNIT_EXPECT_EQ(test, commit(config), 0);
	KUNIT_EXPECT_EQ(test, choose(test, 80), 4);
	KUNIT_EXPECT_EQ(test, choose(test, 80), 5);
	KUNIT_EXPECT_EQ(test, choose(test, 80), 6);
	KUNIT_EXPECT_EQ(test, choose(test, 80), 2);
	c->n_changes = 0;
}

/* A pool that would be the same is not built: a server of weight 0 goes. */
static void config_pool_test(struct kunit *test)
{
	struct lbdr_config *config = configs_new(test);
	struct configs *c = test->priv;
	const struct lbdr_pool *pool;

	configs_fill(test);
	begin(test, config);
	KUNIT_EXPECT_EQ(test, change_server(config, 80, 3, OP_ADD, 0), 0);
	KUNIT_EXPECT_EQ(test, commit(config), 0);
	pool = rcu_access_pointer(live(test, 80)->pool);
	begin(test, config);
	KUNIT_EXPECT_EQ(test, change_server(config, 80, 3, OP_DEL, 0), 0);
	KUNIT_EXPECT_EQ(test, commit(config), 0);
	expect_servers(test, 80, "1:1 2:2");
	KUNIT_EXPECT_PTR_EQ(test, pool, rcu_access_pointer(live(test, 80)->pool));
	begin(test, config);
	KUNIT_EXPECT_EQ(test, change_server(config, 80, 2, OP_SET, 1), 0);
	KUNIT_EXPECT_EQ(test, commit(config), 0);
	KUNIT_EXPECT_PTR_NE(test, pool, rcu_access_pointer(live(test, 80)->pool));
	c->n_changes = 0;
}

static u32 pool_size(struct kunit *test, u16 port)
{
	const struct lbdr_service *service = live(test, port);
	u32 n;

	rcu_read_lock();
	n = rcu_dereference(service->pool)->n;
	rcu_read_unlock();
	return n;
}

/* How long a pool may not be replaced depends on what it took to build, within bounds. */
static void config_age_test(struct kunit *test)
{
	static const struct {
		unsigned long cost, age;
	} cases[] = {
		{ 0, HZ / 50 ?: 1 }, { HZ / 2, HZ / 2 }, { 60 * HZ, HZ },
	};
	struct configs *c = test->priv;
	struct lbdr_service *service;
	unsigned long before;
	int i;

	configs_fill(test);
	service = live(test, 80);
	mutex_lock(&c->ln->config);
	for (i = 0; i < ARRAY_SIZE(cases); i++) {
		const struct lbdr_pool *old =
			rcu_dereference_protected(service->pool, true);
		struct lbdr_pool *pool =
			lbdr_pool_make(service, &service->sched, service->sched_state,
				       old->entries, old->n);

		KUNIT_EXPECT_FALSE_MSG(test, IS_ERR(pool), "case %d", i);
		if (IS_ERR(pool))
			break;
		pool->cost = cases[i].cost;
		before = jiffies;
		lbdr_lock(c->ln);
		lbdr_pool_publish(c->ln, service, pool);
		lbdr_unlock(c->ln);
		KUNIT_EXPECT_TRUE_MSG(test, time_in_range(service->pool_due,
							  before + cases[i].age,
							  jiffies + cases[i].age),
				      "case %d: %ld jiffies", i,
				      (long)(service->pool_due - before));
	}
	mutex_unlock(&c->ln->config);
	c->n_changes = 0;
}

#define MANY	1000

/* Single commands for a large service do not build a pool each. */
static void config_many_test(struct kunit *test)
{
	struct lbdr_config *config = configs_new(test);
	struct configs *c = test->priv;
	const struct lbdr_pool *pool = NULL;
	unsigned long begun = jiffies;
	u32 i, builds = 0;
	int err = 0;

	configs_fill(test);
	for (i = 3; i <= MANY && !err; i++) {
		const struct lbdr_server_settings settings = { .weight = 1 };
		const struct lbdr_service_key key = key_of(80, 0);
		const union nf_inet_addr addr = addr_of(i);

		mutex_lock(&c->ln->config);
		lbdr_config_begin(config, c->ln, true, NULL);
		err = lbdr_config_server_add(config,
					     lbdr_config_service(config, &key),
					     LBDR_V4, &addr, &settings) ?:
		      lbdr_config_commit(config);
		lbdr_config_end(config);
		if (rcu_access_pointer(live(test, 80)->pool) != pool)
			builds++;
		pool = rcu_access_pointer(live(test, 80)->pool);
		mutex_unlock(&c->ln->config);
	}
	KUNIT_EXPECT_EQ(test, err, 0);
	/* Each of the first 256, then at most one every 20 ms. */
	KUNIT_EXPECT_LE(test, builds, 258 + 2 * (jiffies - begun) / (HZ / 50 ?: 1));
	KUNIT_EXPECT_EQ(test, live(test, 80)->n_servers, MANY);
	/* The last one takes effect without another command. */
	while (pool_size(test, 80) != MANY &&
	       time_before(jiffies, begun + 60 * HZ))
		msleep(20);
	KUNIT_EXPECT_EQ(test, pool_size(test, 80), MANY);
	c->n_changes = 0;
}

/* Allocations of counters until one fails */
static u32 stats_left;

static struct lbdr_stats __percpu *failing_stats(void)
{
	if (!stats_left)
		return NULL;
	stats_left--;
	return alloc_percpu(struct lbdr_stats);
}

/*
 * The fault injection of the selftests does not reach memory per CPU. A commit that cannot
 * allocate the counters of one of its servers changes nothing.
 */
static void config_stats_test(struct kunit *test)
{
	struct configs *c = test->priv;
	struct lbdr_config config;
	u32 n, i, err = 0;

	for (n = 0; n <= 3; n++) {
		begin(test, &config);
		KUNIT_ASSERT_EQ(test, add_service(&config, 80, "mh"), 0);
		for (i = 0; i < 3; i++)
			err |= change_server(&config, 80, i, OP_ADD, 1);
		KUNIT_EXPECT_EQ(test, err, 0);
		stats_left = n;
		kunit_activate_static_stub(test, lbdr_stats_alloc, failing_stats);
		KUNIT_EXPECT_EQ(test, commit(&config), n < 3 ? -ENOMEM : 0);
		kunit_deactivate_static_stub(test, lbdr_stats_alloc);
		KUNIT_EXPECT_EQ(test, !!live(test, 80), n == 3);
		if (n < 3) {
			KUNIT_EXPECT_EQ(test, c->n_changes, 0);
			lbdr_reclaim_flush();
			KUNIT_EXPECT_EQ(test, atomic_read(&c->ln->n_servers), 0);
		}
	}
	begin(test, &config);
	flush(&config);
	KUNIT_EXPECT_EQ(test, commit(&config), 0);
	c->n_changes = 0;
}

static struct kunit_case config_cases[] = {
	KUNIT_CASE(config_stage_test),
	KUNIT_CASE(config_abort_test),
	KUNIT_CASE(config_change_test),
	KUNIT_CASE(config_drain_test),
	KUNIT_CASE(config_flush_test),
	KUNIT_CASE(config_conflict_test),
	KUNIT_CASE(config_no_conflict_test),
	KUNIT_CASE(config_again_conflict_test),
	KUNIT_CASE(config_add_conflict_test),
	KUNIT_CASE(config_rr_test),
	KUNIT_CASE(config_pool_test),
	KUNIT_CASE(config_age_test),
	KUNIT_CASE(config_many_test),
	KUNIT_CASE(config_stats_test),
	{}
};

static struct kunit_suite config_suite = {
	.name = "lbdr_config",
	.init = configs_init,
	.exit = configs_exit,
	.test_cases = config_cases,
};

kunit_test_suites(&config_suite);
