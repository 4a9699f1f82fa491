// SPDX-License-Identifier: GPL-2.0
/*
 * A backup for suites, see backup.h.
 */
#include <kunit/test.h>
#include <linux/slab.h>

#include "backup.h"
#include "config.h"
#include "conn.h"
#include "conns.h"
#include "symbols.h"

/* Returns how much a counter has grown since this was asked last. */
u64 backup_grown(struct kunit *test, enum lbdr_sync_counter counter)
{
	struct backup *b = test->priv;
	u64 now = atomic64_read(&b->ln->sync.counters[counter]);
	u64 more = now - b->seen[counter];

	b->seen[counter] = now;
	return more;
}

/* A command outside a transaction. */
void backup_run(struct kunit *test, const struct step step)
{
	struct lbdr_config *config = kunit_kzalloc(test, sizeof(*config), GFP_KERNEL);
	struct backup *b = test->priv;
	int err;

	KUNIT_ASSERT_NOT_NULL(test, config);
	mutex_lock(&b->ln->config);
	lbdr_config_begin(config, b->ln, true, NULL);
	err = step_stage(config, &step);
	if (!err)
		err = lbdr_config_commit(config);
	lbdr_config_end(config);
	mutex_unlock(&b->ln->config);
	KUNIT_ASSERT_EQ(test, err, 0);
}

struct lbdr_sync_record backup_tcp(u16 cport, u16 vport, u32 server, u16 state)
{
	return (struct lbdr_sync_record) {
		.family = LBDR_V4,
		.protocol = IPPROTO_TCP,
		.client.ip = htonl(BACKUP_CLIENT + 9),
		.vip.ip = htonl(VIP),
		.server = step_server(server),
		.cport = htons(cport),
		.vport = htons(vport),
		.dport = htons(vport),
		.state = state,
		.flags = LBDR_SYNC_FLAG_DR | LBDR_SYNC_FLAG_NOOUTPUT,
		.timeout = 300,
	};
}

void backup_receive(struct kunit *test, const struct lbdr_sync_record *records, u32 n)
{
	u32 room = LBDR_SYNC_HEADER + n * LBDR_SYNC_RECORD6, used = LBDR_SYNC_HEADER, i;
	u8 *page = kunit_kzalloc(test, room, GFP_KERNEL);
	struct backup *b = test->priv;

	KUNIT_ASSERT_NOT_NULL(test, page);
	lbdr_sync_wire_begin(page, BACKUP_ID);
	for (i = 0; i < n; i++)
		used = lbdr_sync_wire_put(page, used, room, &records[i]);
	lbdr_sync_wire_end(page, used);
	lbdr_sync_recv_datagram(b->ln, page, used, BACKUP_ID);
}

void backup_receive_one(struct kunit *test, const struct lbdr_sync_record record)
{
	backup_receive(test, &record, 1);
}

static struct lbdr_flow backup_flow(u16 cport, u16 vport)
{
	struct lbdr_flow flow = { .family = LBDR_V4, .event = LBDR_EVENT_DATA };

	flow.v4.client = htonl(BACKUP_CLIENT + 9);
	flow.v4.vip = htonl(VIP);
	flow.v4.ports.cport = htons(cport);
	flow.v4.ports.vport = htons(vport);
	flow.v4.protocol = IPPROTO_TCP;
	return flow;
}

/* Looks a connection up as a packet does, or without renewing it. */
struct lbdr_conn *backup_lookup(struct kunit *test, u16 cport, bool renew)
{
	const struct lbdr_flow flow = backup_flow(cport, 80);
	struct backup *b = test->priv;
	struct lbdr_conn *conn;

	conns_lock();
	conn = renew ? lbdr_conn_find(b->ln, &flow) : lbdr_conn_peek(b->ln, &flow);
	conns_unlock();
	return conn;
}

/* Expects a connection of service 80 with this server and state. */
struct lbdr_conn *backup_expect(struct kunit *test, u16 cport, u32 server, u32 state)
{
	struct lbdr_conn *conn = backup_lookup(test, cport, false);

	KUNIT_ASSERT_NOT_NULL(test, conn);
	KUNIT_EXPECT_EQ(test, conn->server->addr.ip, step_server(server).ip);
	KUNIT_EXPECT_EQ(test, conn->state, state);
	return conn;
}

/* Adds a connection as the first packet of a client does, to a server. */
struct lbdr_conn *backup_schedule(struct kunit *test, u16 cport, struct lbdr_server *server)
{
	struct lbdr_flow flow = backup_flow(cport, 80);
	struct backup *b = test->priv;
	struct lbdr_conn *conn;

	flow.event = LBDR_EVENT_SYN;
	conns_lock();
	conn = lbdr_conn_add(b->ln, &flow, server);
	conns_unlock();
	KUNIT_ASSERT_NOT_ERR_OR_NULL(test, conn);
	return conn;
}

int backup_start(struct lbdr_net *ln)
{
	const struct lbdr_sync_settings settings = {
		.device = "lo",
		.addrs[0].ip = htonl(LBDR_SYNC_GROUP),
		.n_addrs = 1,
		.family = AF_INET,
		.port = LBDR_SYNC_PORT,
		.syncid = BACKUP_ID,
		.maxlen = 1472,
		.ttl = 1,
	};

	return lbdr_sync_start(ln, LBDR_SYNC_ROLE_BACKUP, &settings, NULL);
}

int backup_init(struct kunit *test)
{
	struct backup *b = kunit_kzalloc(test, sizeof(*b), GFP_KERNEL);
	u32 i;

	KUNIT_ASSERT_NOT_NULL(test, b);
	b->ln = lbdr_net(&init_net);
	test->priv = b;
	KUNIT_ASSERT_EQ(test, lbdr_symbols_get_defrag(LBDR_V4), 0);
	KUNIT_ASSERT_EQ(test, atomic_read(&b->ln->n_conns), 0);
	backup_run(test, (struct step) { ADD_SERVICE, 80 });
	backup_run(test, (struct step) { ADD, 80, 1, 1 });
	backup_run(test, (struct step) { ADD, 80, 2, 1 });
	KUNIT_ASSERT_EQ(test, backup_start(b->ln), 0);
	for (i = 0; i < LBDR_SYNC_COUNTERS; i++)
		backup_grown(test, i);
	return 0;
}

void backup_exit(struct kunit *test)
{
	struct backup *b = test->priv;

	if (!b)
		return;
	lbdr_sync_stop(b->ln, LBDR_SYNC_ROLE_BACKUP);
	KUNIT_EXPECT_EQ(test, b->ln->sync.pending.n, 0);
	mutex_lock(&b->ln->config);
	lbdr_config_clear(b->ln);
	mutex_unlock(&b->ln->config);
	KUNIT_EXPECT_TRUE(test, conns_wait_for(!atomic_read(&b->ln->n_conns)));
}

