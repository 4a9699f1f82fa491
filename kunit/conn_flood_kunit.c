// SPDX-License-Identifier: GPL-2.0
/*
 * Floods: which connection is evicted for a new one, the shares of services, the
 * timeouts of a table that fills up, and the templates of clients of one packet.
 *
 * The table is made to look nearly full by its counters. No packet is needed: a client
 * on this host is scheduled without one.
 */
#include <kunit/test.h>
#include <linux/ipv6.h>
#include <linux/netfilter.h>

#include "collect.h"
#include "conn.h"
#include "conns.h"
#include "flood.h"
#include "flow.h"
#include "limit.h"
#include "persist.h"
#include "pool.h"
#include "sched.h"
#include "schedule.h"
#include "state.h"
#include "stats.h"

/* The server of the second service, struct conns.other */
#define OTHER		2
/* Entries that make the table nearly full, and those that leave no reserve */
#define NEARLY		(lbdr_limit_conn_max() - lbdr_limit_conn_max() / 16 + 1)
#define NO_RESERVE	(lbdr_limit_conn_max() - lbdr_limit_conn_max() / 64)

static u32 flood_picks;
/* Packet of a client on this host; its device, which is NULL, and its TTL are read. */
static u8 flood_header[sizeof(struct ipv6hdr)];
static struct sk_buff flood_skb = { .head = flood_header };

static struct lbdr_server *flood_pick(const struct lbdr_pool *pool,
				      const struct lbdr_flow *flow)
{
	flood_picks++;
	return pool->entries[0].server;
}

static const struct lbdr_sched_ops flood_sched = { .name = "kunit", .pick = flood_pick };

/* Gives a service a pool of one server, whose scheduler counts its calls. */
static void flood_pool(struct kunit *test, struct lbdr_service *service,
		       struct lbdr_server *server)
{
	struct lbdr_pool *pool = kunit_kzalloc(test, struct_size(pool, entries, 1), GFP_KERNEL);

	KUNIT_ASSERT_NOT_NULL(test, pool);
	pool->sched.ops = &flood_sched;
	pool->n = 1;
	pool->entries[0].server = server;
	pool->entries[0].weight = 1;
	rcu_assign_pointer(service->pool, pool);
	service->settings.prefix = 32;
}

/* Sets all timeouts of a service, 0 for the defaults. */
static void flood_timeouts(struct lbdr_service *service, u32 seconds)
{
	u32 state;

	for (state = 0; state < LBDR_CONN_STATES; state++)
		WRITE_ONCE(service->settings.timeout[state], seconds);
}

/* The timeouts are so long that they do not matter when the factor shrinks them. */
static int flood_init(struct kunit *test)
{
	struct conns *conns;
	int err = conns_init(test);

	if (err)
		return err;
	conns = test->priv;
	conns->servers[OTHER].service = &conns->other;
	conns->servers[0].weight = 1;
	conns->servers[OTHER].weight = 1;
	flood_pool(test, &conns->service, &conns->servers[0]);
	flood_pool(test, &conns->other, &conns->servers[OTHER]);
	flood_timeouts(&conns->service, 100000);
	flood_timeouts(&conns->other, 100000);
	return 0;
}

/* Makes @service look as if it held @n more entries. */
static void flood_fill(struct conns *conns, struct lbdr_service *service, int n)
{
	int held = atomic_add_return(n, &service->n_conns);

	atomic_add(n, &conns->ln->n_conns);
	if (n > 0 && held == n)
		atomic_inc(&conns->ln->n_holders);
	else if (n < 0 && !held)
		atomic_dec(&conns->ln->n_holders);
}

/* Makes room for a new connection of @service. */
static bool flood_make_room(struct conns *conns, const struct lbdr_service *service,
			    enum lbdr_family family)
{
	bool room;

	conns_lock();
	room = lbdr_flood_make_room(conns->ln, service, family);
	conns_unlock();
	return room;
}

/* Returns true if a table has at most @size buckets and no resize is going on. */
static bool flood_table_settled(struct rhashtable *ht, u32 size)
{
	const struct bucket_table *table;
	bool settled;

	rcu_read_lock();
	table = rcu_dereference(ht->tbl);
	settled = table->size <= size && !rcu_access_pointer(table->future_tbl);
	rcu_read_unlock();
	return settled;
}

/* Waits until a sample contains all of each table, which is small. */
static void flood_settle(struct kunit *test)
{
	struct rhashtable *tables = ((struct conns *)test->priv)->ln->conns;
	u32 i;

	for (i = 0; i < LBDR_FAMILIES; i++)
		KUNIT_ASSERT_TRUE(test, conns_wait_for(flood_table_settled(&tables[i], 128)));
}

/**
 * struct flood_conn - a connection of a test
 * @half_open: one packet was seen
 * @renewals: renewals of its stamp
 * @idle: seconds since its last packet
 * @order: place in the order of eviction, from 0 on; -1 if it is never evicted
 */
struct flood_conn {
	bool	half_open;
	u8	renewals;
	u32	idle;
	int	order;
};

static const struct flood_conn flood_conns[] = {
	{ false, 255, 30, 7 },
	{ true, 0, 1, 2 },
	{ false, LBDR_FLOOD_RENEWALS, 40, 6 },
	{ false, 0, 1, 5 },
	{ false, LBDR_FLOOD_RENEWALS, 0, -1 },
	{ true, 30, 3, 0 },
	{ false, 0, 50, 3 },
	{ false, LBDR_FLOOD_RENEWALS - 1, 20, 4 },
	{ false, 255, 1, -1 },
	{ true, 0, 2, 1 },
};

struct flood_kind {
	const char		*name;
	enum lbdr_family	family;
	u8			protocol;
};

static const struct flood_kind flood_kinds[] = {
	{ "TCP, IPv4", LBDR_V4, IPPROTO_TCP },
	{ "UDP, IPv6", LBDR_V6, IPPROTO_UDP },
};

KUNIT_ARRAY_PARAM_DESC(flood_kind, flood_kinds, name);

/* Adds a connection like @model, and returns it. */
static struct lbdr_conn *flood_add(struct kunit *test, const struct lbdr_flow *flow,
				   u32 server, const struct flood_conn *model)
{
	struct lbdr_conn *conn = conns_add(test->priv, flow, server);

	KUNIT_ASSERT_NOT_NULL(test, conn);
	if (!model->half_open)
		conns_step(conn, flow->event == LBDR_EVENT_SYN ? LBDR_EVENT_DATA :
								 LBDR_EVENT_UDP);
	conns_idle(conn, model->idle * HZ);
	WRITE_ONCE(conn->renewals, model->renewals);
	return conn;
}

/*
 * Expects that the first @evicted connections in the order of eviction are gone. Then makes
 * room; those that are never evicted are renewed before, since a slow test makes them older.
 */
static void flood_evict(struct kunit *test, const struct lbdr_flow *flows,
			struct lbdr_conn *const *added, int evicted)
{
	struct conns *conns = test->priv;
	u32 i;

	for (i = 0; i < ARRAY_SIZE(flood_conns); i++) {
		KUNIT_EXPECT_EQ_MSG(test, conns_exists(conns, &flows[i]),
				    flood_conns[i].order < 0 ||
				    flood_conns[i].order >= evicted,
				    "connection %u, %d evicted", i, evicted);
		if (flood_conns[i].order < 0)
			conns_idle(added[i], flood_conns[i].idle * HZ);
	}
	KUNIT_EXPECT_TRUE(test, flood_make_room(conns, &conns->service, flows->family));
}

/* Half-open ones first, then few renewals, then the idle ones; the oldest of each. */
static void flood_order_test(struct kunit *test)
{
	const struct flood_kind *kind = test->param_value;
	struct lbdr_conn *added[ARRAY_SIZE(flood_conns)];
	struct lbdr_flow flows[ARRAY_SIZE(flood_conns)];
	struct conns *conns = test->priv;
	u32 i, now = jiffies, all = ARRAY_SIZE(flood_conns);
	int round;

	for (i = 0; i < all; i++) {
		flows[i] = conns_flow(kind->family, kind->protocol, i);
		added[i] = flood_add(test, &flows[i], 0, &flood_conns[i]);
		/* Their ages have one base, however long adding them takes. */
		WRITE_ONCE(added[i]->stamp, now - flood_conns[i].idle * HZ);
	}
	flood_settle(test);
	flood_fill(conns, &conns->service, NEARLY);
	/* The memory of removed connections fills the table: established ones stay. */
	for (round = 0; round < 8; round++)
		flood_evict(test, flows, added, min(round, 6));
	/* The tables are not searched again at once after a search in vain. */
	msleep(50);
	/* No insertion meanwhile, for which the table would grow. */
	atomic_add(NEARLY, &conns->ln->conns[kind->family].nelems);
	for (round = 6; round < 11; round++)
		flood_evict(test, flows, added, min(round, 8));
	atomic_sub(NEARLY, &conns->ln->conns[kind->family].nelems);
	flood_fill(conns, &conns->service, -NEARLY);
}

/*
 * A resize waits for its turn of a CPU, which a flood occupies. Half-open connections are in
 * the next table meanwhile, and are replaced before those in the present one.
 */
static void flood_resize_test(struct kunit *test)
{
	static const struct flood_conn old = { false, 0, 5 }, new = { true, 0, 1 };
	struct conns *conns = test->priv;
	struct rhashtable *table = &conns->ln->conns[LBDR_V4];
	struct lbdr_flow flow;
	u32 i, size, lost = 0;
	bool resize;

	for (i = 0; i < 40; i++) {
		flow = conns_flow(LBDR_V4, IPPROTO_TCP, i);
		flood_add(test, &flow, 0, &old);
	}
	flood_settle(test);
	/* Whoever moves the connections needs it. */
	mutex_lock(&table->mutex);
	size = rht_dereference(table->tbl, table)->size;
	for (; i < 2 * size; i++) {
		flow = conns_flow(LBDR_V4, IPPROTO_TCP, i);
		flood_add(test, &flow, 0, i < size ? &old : &new);
	}
	resize = rcu_access_pointer(rht_dereference(table->tbl, table)->future_tbl);
	flood_fill(conns, &conns->service, NEARLY);
	for (i = 0; i < size / 2; i++)
		flood_make_room(conns, &conns->service, LBDR_V4);
	flood_fill(conns, &conns->service, -NEARLY);
	for (i = 0; i < size; i++) {
		flow = conns_flow(LBDR_V4, IPPROTO_TCP, i);
		lost += !conns_exists(conns, &flow);
	}
	mutex_unlock(&table->mutex);
	KUNIT_EXPECT_TRUE(test, resize);
	KUNIT_EXPECT_EQ(test, lost, 0);
	KUNIT_EXPECT_LT(test, atomic_read(&table->nelems), 2 * size - size / 4);
}

/* A connection that another CPU has just renewed is the youngest, not the oldest. */
static void flood_later_test(struct kunit *test)
{
	struct lbdr_flow flow = conns_flow(LBDR_V4, IPPROTO_TCP, 1);
	struct lbdr_flow older = conns_flow(LBDR_V4, IPPROTO_TCP, 2);
	struct conns *conns = test->priv;
	struct lbdr_conn *conn;
	bool stays, goes;

	flood_add(test, &older, 0, &(struct flood_conn) { true, 0, 5 });
	conn = conns_add(conns, &flow, 0);
	KUNIT_ASSERT_NOT_NULL(test, conn);
	flood_settle(test);
	flood_fill(conns, &conns->service, NEARLY);
	conns_lock();
	conns_later(conn);
	lbdr_flood_make_room(conns->ln, &conns->service, LBDR_V4);
	stays = lbdr_conn_peek(conns->ln, &flow);
	goes = !lbdr_conn_peek(conns->ln, &older);
	conns_unlock();
	flood_fill(conns, &conns->service, -NEARLY);
	KUNIT_EXPECT_TRUE(test, stays);
	KUNIT_EXPECT_TRUE(test, goes);
}

/* In a flood of confirmed connections, a client in its handshake is passed over. */
static void flood_rare_test(struct kunit *test)
{
	struct lbdr_flow rare = conns_flow(LBDR_V4, IPPROTO_TCP, 1000);
	struct conns *conns = test->priv;
	struct lbdr_flow flow;
	u32 i, left = 0;

	flood_add(test, &rare, 0, &(struct flood_conn) { true, 0, 1 });
	for (i = 0; i < 40; i++) {
		flow = conns_flow(LBDR_V4, IPPROTO_TCP, i);
		flood_add(test, &flow, 0, &(struct flood_conn) { false, 0, 1 + i });
	}
	flood_settle(test);
	flood_fill(conns, &conns->service, NEARLY);
	/* Not memory that waits for a grace period */
	atomic_add(NEARLY, &conns->ln->conns[LBDR_V4].nelems);
	for (i = 0; i < 10; i++)
		flood_make_room(conns, &conns->service, LBDR_V4);
	atomic_sub(NEARLY, &conns->ln->conns[LBDR_V4].nelems);
	flood_fill(conns, &conns->service, -NEARLY);
	for (i = 0; i < 40; i++) {
		flow = conns_flow(LBDR_V4, IPPROTO_TCP, i);
		left += conns_exists(conns, &flow);
	}
	KUNIT_EXPECT_EQ(test, left, 30);
	KUNIT_EXPECT_TRUE(test, conns_exists(conns, &rare));
}

/* The flow of a connection of one of the two services. */
static struct lbdr_flow flood_flow(bool other, u32 n)
{
	return conns_flow(other ? LBDR_V6 : LBDR_V4, IPPROTO_TCP, n);
}

#define EACH	5
#define ROUNDS	20

/* Adds EACH half-open connections of a service. */
static void flood_add_each(struct kunit *test, bool other, u32 idle)
{
	struct lbdr_flow flow;
	u32 i;

	for (i = 0; i < EACH; i++) {
		flow = flood_flow(other, i);
		flood_add(test, &flow, other ? OTHER : 0,
			  &(struct flood_conn) { true, 0, idle });
	}
}

static u32 flood_count(struct conns *conns, bool other)
{
	struct lbdr_flow flow;
	u32 i, n = 0;

	for (i = 0; i < EACH; i++) {
		flow = flood_flow(other, i);
		n += conns_exists(conns, &flow);
	}
	return n;
}

/*
 * A service above its share evicts its own connections only, however old and numerous
 * those of a service within its share are. That one evicts the former's.
 */
static void flood_share_test(struct kunit *test)
{
	struct conns *conns = test->priv;
	struct lbdr_service *flooded = &conns->service, *other = &conns->other;
	u32 i;

	flood_add_each(test, false, 1);
	flood_add_each(test, true, 50);
	KUNIT_EXPECT_EQ(test, atomic_read(&flooded->n_conns), EACH);
	KUNIT_EXPECT_EQ(test, atomic_read(&other->n_conns), EACH);
	KUNIT_EXPECT_EQ(test, atomic_read(&conns->ln->n_holders), 2);
	flood_settle(test);
	flood_fill(conns, flooded, NEARLY);
	for (i = 0; i < 2 * EACH; i++) {
		KUNIT_EXPECT_TRUE(test, flood_make_room(conns, flooded, LBDR_V4));
		KUNIT_EXPECT_EQ(test, flood_count(conns, false),
				max(EACH - 1 - (int)i, 0));
		KUNIT_EXPECT_EQ(test, flood_count(conns, true), EACH);
	}

	flood_add_each(test, false, 1);
	/* The tables are not searched again at once after a search in vain. */
	msleep(50);
	for (i = 0; i < EACH; i++) {
		KUNIT_EXPECT_EQ(test, flood_count(conns, false), EACH - i);
		KUNIT_EXPECT_TRUE(test, flood_make_room(conns, other, LBDR_V6));
		KUNIT_EXPECT_EQ(test, flood_count(conns, true), EACH);
	}
	KUNIT_EXPECT_EQ(test, flood_count(conns, false), 0);
	/* As a last resort, its own half-open ones. */
	KUNIT_EXPECT_TRUE(test, flood_make_room(conns, other, LBDR_V6));
	KUNIT_EXPECT_EQ(test, flood_count(conns, true), EACH - 1);
	flood_fill(conns, flooded, -NEARLY);
}

static void flood_kill(struct conns *conns, struct lbdr_flow flow)
{
	struct lbdr_conn *conn;

	conns_lock();
	conn = lbdr_conn_peek(conns->ln, &flow);
	if (conn)
		lbdr_conn_kill(conns->ln, conn);
	conns_unlock();
}

/*
 * What was found for a service remains for its next connections, while another one is flooded,
 * above the shares (@fill) or within. A new search would find a later, idler one at once. Not
 * each round shows it: that one may be in a candidate's bucket, and samples age.
 */
static void flood_sample_test(struct kunit *test)
{
	struct conns *conns = test->priv;
	struct lbdr_flow later;
	u32 fill, round, i;
	bool stays;

	migrate_disable();
	for (fill = 0; fill <= NEARLY / 2; fill += NEARLY / 2) {
		for (round = 0, stays = false; round < ROUNDS && !stays; round++) {
			later = flood_flow(false, EACH + round);
			flood_add_each(test, false, 1);
			flood_add_each(test, true, 1);
			flood_settle(test);
			flood_fill(conns, &conns->service, fill);
			flood_fill(conns, &conns->other, fill);
			flood_make_room(conns, &conns->service, LBDR_V4);
			flood_make_room(conns, &conns->other, LBDR_V6);
			flood_add(test, &later, 0, &(struct flood_conn) { true, 0, 50 });
			flood_make_room(conns, &conns->service, LBDR_V4);
			stays = conns_exists(conns, &later) && flood_count(conns, false) < EACH - 1;
			flood_fill(conns, &conns->other, -fill);
			flood_fill(conns, &conns->service, -fill);
			for (i = 0; i < 2 * (EACH + ROUNDS); i++)
				flood_kill(conns, flood_flow(i % 2, i / 2));
		}
		KUNIT_EXPECT_TRUE(test, stays);
	}
	migrate_enable();
}

/* The last entries are reserved for services within their shares. */
static void flood_reserve_test(struct kunit *test)
{
	struct conns *conns = test->priv;
	bool flooded, other;

	flood_add_each(test, false, 1);
	flood_add_each(test, true, 1);
	flood_settle(test);
	flood_fill(conns, &conns->service, NO_RESERVE);
	flooded = flood_make_room(conns, &conns->service, LBDR_V4);
	/* Memory of removed connections is waiting, so nothing was evicted. */
	KUNIT_EXPECT_EQ(test, flood_count(conns, false), EACH);
	other = flood_make_room(conns, &conns->other, LBDR_V6);
	flood_fill(conns, &conns->service, -NO_RESERVE);
	KUNIT_EXPECT_FALSE(test, flooded);
	KUNIT_EXPECT_TRUE(test, other);
	KUNIT_EXPECT_EQ(test, flood_count(conns, false), EACH - 1);
	KUNIT_EXPECT_EQ(test, flood_count(conns, true), EACH);
}

/* Above conn_rate only half-open connections are evicted while there is room. */
static void flood_room_test(struct kunit *test)
{
	struct lbdr_flow half = conns_flow(LBDR_V4, IPPROTO_TCP, 1);
	struct lbdr_flow whole = conns_flow(LBDR_V4, IPPROTO_TCP, 2);
	struct conns *conns = test->priv;
	u32 i;

	flood_add(test, &half, 0, &(struct flood_conn) { true, 0, 1 });
	flood_add(test, &whole, 0, &(struct flood_conn) { false, 0, 50 });
	flood_settle(test);
	for (i = 0; i < 3; i++)
		KUNIT_EXPECT_TRUE(test, flood_make_room(conns, &conns->service, LBDR_V4));
	KUNIT_EXPECT_FALSE(test, conns_exists(conns, &half));
	KUNIT_EXPECT_TRUE(test, conns_exists(conns, &whole));
}

#define MANY	1000
#define FEW	40

/*
 * A few connections with few renewals among many established ones are found: one sample of
 * 64 has none of them with a probability of 7 to 20 %, and eight in a row at most once
 * in 300,000 times.
 */
static void flood_few_test(struct kunit *test)
{
	struct conns *conns = test->priv;
	struct lbdr_flow flow;
	u32 i, left = 0;

	for (i = 0; i < MANY + FEW; i++) {
		flow = conns_flow(LBDR_V4, IPPROTO_TCP, i);
		flood_add(test, &flow, 0, &(struct flood_conn) { false, i < FEW ? 0 : 255, 10 });
	}
	KUNIT_ASSERT_TRUE(test, conns_wait_for(flood_table_settled(&conns->ln->conns[LBDR_V4],
								   U32_MAX)));
	flood_fill(conns, &conns->service, NEARLY);
	/* No insertion meanwhile, for which the table would grow. */
	atomic_add(NEARLY, &conns->ln->conns[LBDR_V4].nelems);
	for (i = 0; i < 15; i++)
		KUNIT_EXPECT_TRUE(test, flood_make_room(conns, &conns->service, LBDR_V4));
	atomic_sub(NEARLY, &conns->ln->conns[LBDR_V4].nelems);
	flood_fill(conns, &conns->service, -NEARLY);
	for (i = 0; i < MANY + FEW; i++) {
		flow = conns_flow(LBDR_V4, IPPROTO_TCP, i);
		if (i == FEW) {
			KUNIT_EXPECT_EQ(test, left, FEW - 15);
			left = 0;
		}
		left += conns_exists(conns, &flow);
	}
	KUNIT_EXPECT_EQ(test, left, MANY);
}

static enum lbdr_flood_admit flood_admit(struct conns *conns)
{
	enum lbdr_flood_admit admit;

	conns_lock();
	admit = lbdr_flood_admit(conns->ln, &conns->service, LBDR_V4);
	conns_unlock();
	return admit;
}

/*
 * When there was no memory for a connection, the table is full as it is, for a second: a
 * connection is evicted, and its memory is another one's after a grace period.
 */
static void flood_starved_test(struct kunit *test)
{
	struct conns *conns = test->priv;
	int others = lbdr_limit_conn_max() / 4;

	flood_add_each(test, false, 1);
	flood_settle(test);
	flood_fill(conns, &conns->service, others);
	atomic_add(others, &conns->ln->conns[LBDR_V4].nelems);
	KUNIT_EXPECT_EQ(test, flood_admit(conns), LBDR_FLOOD_ADMIT);
	KUNIT_EXPECT_EQ(test, flood_count(conns, false), EACH);

	lbdr_limit_starve(conns->ln);
	KUNIT_EXPECT_EQ(test, flood_admit(conns), LBDR_FLOOD_ADMIT_REFUSE);
	/* Two, as in every table that is nearly full. */
	KUNIT_EXPECT_EQ(test, flood_count(conns, false), EACH - 2);
	KUNIT_EXPECT_EQ(test, atomic64_read(&conns->service.drops[LBDR_FLOOD_EVICTED]),
			2);
	KUNIT_EXPECT_TRUE(test, conns_wait_for(!lbdr_limit_starved(conns->ln)));
	KUNIT_EXPECT_EQ(test, flood_admit(conns), LBDR_FLOOD_ADMIT);
	KUNIT_EXPECT_EQ(test, flood_count(conns, false), EACH - 2);
	atomic_sub(others, &conns->ln->conns[LBDR_V4].nelems);
	flood_fill(conns, &conns->service, -others);
}

/* A connection that is refused costs no walk over the servers. */
static void flood_schedule_test(struct kunit *test)
{
	struct lbdr_flow flow = conns_flow(LBDR_V4, IPPROTO_TCP, 1);
	struct conns *conns = test->priv;
	int full = lbdr_limit_conn_max();
	u64 before = lbdr_counter(conns->ln, LBDR_DROP_CONN_MAX);
	struct lbdr_server *refused, *server;
	unsigned int verdict, drop;
	u32 picks;

	flow.local = true;
	flood_picks = 0;
	atomic_add(full, &conns->ln->n_conns);
	conns_lock();
	refused = lbdr_schedule(conns->ln, &flood_skb, &conns->service, &flow, &drop);
	conns_unlock();
	atomic_sub(full, &conns->ln->n_conns);
	picks = flood_picks;
	KUNIT_EXPECT_NULL(test, refused);
	KUNIT_EXPECT_EQ(test, drop, NF_DROP);
	KUNIT_EXPECT_EQ(test, lbdr_counter(conns->ln, LBDR_DROP_CONN_MAX), before + 1);
	KUNIT_EXPECT_EQ(test, picks, 0);

	conns_lock();
	server = lbdr_schedule(conns->ln, &flood_skb, &conns->service, &flow, &verdict);
	conns_unlock();
	KUNIT_EXPECT_PTR_EQ(test, server, &conns->servers[0]);
	KUNIT_EXPECT_EQ(test, flood_picks, 1);
}

#define PERSIST		3600

/* Schedules the first packet of a flow. */
static struct lbdr_server *flood_first(struct conns *conns, struct lbdr_flow flow)
{
	struct lbdr_server *server;
	unsigned int verdict;

	flow.local = true;
	conns_lock();
	server = lbdr_schedule(conns->ln, &flood_skb, &conns->service, &flow, &verdict);
	conns_unlock();
	return server;
}

/* Seconds for which a client's template is kept, 0 if there is none. */
static u32 flood_template(struct conns *conns, const struct lbdr_flow *flow)
{
	struct lbdr_conn *template;
	bool usable;
	u32 left;

	conns_lock();
	template = lbdr_persist_peek(conns->ln, &conns->service, flow, &usable);
	left = template ? lbdr_conn_left(conns->ln, template) / HZ + 1 : 0;
	conns_unlock();
	return left;
}

struct flood_second {
	const char	*name;
	u8		protocol;
	enum lbdr_event	event;
	bool		same_flow;
	bool		confirms;
};

static const struct flood_second flood_seconds[] = {
	{ "an ACK", IPPROTO_TCP, LBDR_EVENT_DATA, true, true },
	{ "a RST", IPPROTO_TCP, LBDR_EVENT_RST, true, false },
	{ "a datagram", IPPROTO_UDP, LBDR_EVENT_UDP, true, true },
	{ "another SYN", IPPROTO_TCP, LBDR_EVENT_SYN, false, true },
	{ "another flow's datagram", IPPROTO_UDP, LBDR_EVENT_UDP, false, true },
};

KUNIT_ARRAY_PARAM_DESC(flood_second, flood_seconds, name);

/* A client of one packet is remembered for a minute, and after the second for longer. */
static void flood_template_test(struct kunit *test)
{
	const struct flood_second *second = test->param_value;
	struct lbdr_flow flow = conns_flow(LBDR_V4, second->protocol, 1);
	struct conns *conns = test->priv;
	struct lbdr_flow next = flow;
	u32 one, two;

	flood_timeouts(&conns->service, 0);
	WRITE_ONCE(conns->service.settings.persist, PERSIST);
	KUNIT_ASSERT_NOT_NULL(test, flood_first(conns, flow));
	one = flood_template(conns, &flow);
	KUNIT_EXPECT_EQ(test, atomic_read(&conns->servers[0].persistent), 1);
	if (second->same_flow) {
		conns_step(conns_find(conns, &flow), second->event);
	} else {
		next.v4.ports.cport = htons(50000);
		KUNIT_ASSERT_NOT_NULL(test, flood_first(conns, next));
	}
	two = flood_template(conns, &flow);
	KUNIT_EXPECT_EQ(test, atomic_read(&conns->servers[0].persistent), 1);
	WRITE_ONCE(conns->service.settings.persist, 0);

	KUNIT_EXPECT_GT(test, one, 50);
	KUNIT_EXPECT_LE(test, one, lbdr_state_timeout[LBDR_CONN_STATE_SYN_RECV] + 1);
	if (second->confirms)
		KUNIT_EXPECT_GT(test, two, PERSIST - 60);
	else
		KUNIT_EXPECT_LE(test, two, one);
}

/* A first packet adds no template to a table that is nearly full; a second one does. */
static void flood_template_full_test(struct kunit *test)
{
	struct lbdr_flow flow = conns_flow(LBDR_V4, IPPROTO_TCP, 1);
	struct lbdr_flow old = conns_flow(LBDR_V4, IPPROTO_TCP, 2);
	struct conns *conns = test->priv;
	u32 one, two;
	bool there;

	KUNIT_ASSERT_NOT_NULL(test, conns_add(conns, &flow, 0));
	flood_add(test, &old, 0, &(struct flood_conn) { true, 0, 20 });
	flood_settle(test);
	WRITE_ONCE(conns->service.settings.persist, PERSIST);
	flood_fill(conns, &conns->service, NEARLY);
	conns_lock();
	lbdr_persist_pick(conns->ln, &conns->service, &flow);
	conns_unlock();
	one = flood_template(conns, &flow);
	there = conns_exists(conns, &old);
	conns_step(conns_find(conns, &flow), LBDR_EVENT_DATA);
	two = flood_template(conns, &flow);
	WRITE_ONCE(conns->service.settings.persist, 0);
	flood_fill(conns, &conns->service, -NEARLY);

	KUNIT_EXPECT_EQ(test, one, 0);
	KUNIT_EXPECT_TRUE(test, there);
	KUNIT_EXPECT_GT(test, two, PERSIST - 60);
	KUNIT_EXPECT_FALSE(test, conns_exists(conns, &old));
}

/* The factor of timeouts, and to which connections it applies. */
static void flood_scale_test(struct kunit *test)
{
	struct lbdr_flow few = conns_flow(LBDR_V4, IPPROTO_UDP, 1);
	struct lbdr_flow established = conns_flow(LBDR_V4, IPPROTO_UDP, 2);
	struct lbdr_flow other = conns_flow(LBDR_V6, IPPROTO_UDP, 3);
	int max = lbdr_limit_conn_max(), parts, scales[5];
	struct conns *conns = test->priv;
	bool gone;

	for (parts = 0; parts <= 4; parts++) {
		atomic_add(max / 4 * parts, &conns->ln->n_conns);
		scales[parts] = lbdr_flood_scale(conns->ln);
		atomic_sub(max / 4 * parts, &conns->ln->n_conns);
	}
	KUNIT_EXPECT_EQ(test, scales[0], LBDR_FLOOD_SCALE);
	KUNIT_EXPECT_EQ(test, scales[1], LBDR_FLOOD_SCALE);
	KUNIT_EXPECT_GE(test, scales[2], LBDR_FLOOD_SCALE - 1);
	KUNIT_EXPECT_EQ(test, scales[3], LBDR_FLOOD_SCALE / 2);
	KUNIT_EXPECT_EQ(test, scales[4], LBDR_FLOOD_SCALE / 16);

	/* 300 s at 1/8 are 37 s. */
	flood_timeouts(&conns->service, 0);
	flood_timeouts(&conns->other, 0);
	flood_fill(conns, &conns->service, max / 16 * 15);
	flood_add(test, &few, 0, &(struct flood_conn) { false, 0, 100 });
	flood_add(test, &established, 0,
		  &(struct flood_conn) { false, LBDR_FLOOD_RENEWALS, 100 });
	flood_add(test, &other, OTHER, &(struct flood_conn) { false, 0, 100 });
	gone = conns_wait_for(!conns_exists(conns, &few));
	flood_fill(conns, &conns->service, -(max / 16 * 15));
	KUNIT_EXPECT_TRUE(test, gone);
	KUNIT_EXPECT_TRUE(test, conns_exists(conns, &established));
	KUNIT_EXPECT_TRUE(test, conns_exists(conns, &other));
}

/* The time of a sweep follows the shortest timeout that is not rare. */
static void flood_sweep_test(struct kunit *test)
{
	struct lbdr_sweep sweep = { .shortest = U32_MAX };

	KUNIT_EXPECT_EQ(test, lbdr_collect_seconds(&sweep), 60);
	sweep.visited = 1000;
	sweep.classes[fls(900)] = 990;
	KUNIT_EXPECT_EQ(test, lbdr_collect_seconds(&sweep), 60);
	/* 10 of 1000 are rare, 100 are not. */
	sweep.classes[fls(10)] = 10;
	KUNIT_EXPECT_EQ(test, lbdr_collect_seconds(&sweep), 60);
	/* But their copies at another director last no longer. */
	sweep.shortest = 30;
	KUNIT_EXPECT_EQ(test, lbdr_collect_seconds(&sweep), 15);
	sweep.shortest = 2;
	KUNIT_EXPECT_EQ(test, lbdr_collect_seconds(&sweep), 5);
	sweep.shortest = 900;
	KUNIT_EXPECT_EQ(test, lbdr_collect_seconds(&sweep), 60);
	sweep.shortest = U32_MAX;
	sweep.classes[fls(10)] = 100;
	KUNIT_EXPECT_EQ(test, lbdr_collect_seconds(&sweep), 8);
	sweep.classes[fls(1)] = 100;
	KUNIT_EXPECT_EQ(test, lbdr_collect_seconds(&sweep), 1);
}

static struct kunit_case flood_cases[] = {
	KUNIT_CASE_PARAM(flood_order_test, flood_kind_gen_params),
	KUNIT_CASE(flood_resize_test),
	KUNIT_CASE(flood_later_test),
	KUNIT_CASE(flood_rare_test),
	KUNIT_CASE(flood_few_test),
	KUNIT_CASE(flood_starved_test),
	KUNIT_CASE(flood_share_test),
	KUNIT_CASE(flood_sample_test),
	KUNIT_CASE(flood_reserve_test),
	KUNIT_CASE(flood_room_test),
	KUNIT_CASE(flood_schedule_test),
	KUNIT_CASE_PARAM(flood_template_test, flood_second_gen_params),
	KUNIT_CASE(flood_template_full_test),
	KUNIT_CASE(flood_scale_test),
	KUNIT_CASE(flood_sweep_test),
	{}
};

static struct kunit_suite flood_suite = {
	.name		= "lbdr_conn_flood",
	.init		= flood_init,
	.exit		= conns_exit,
	.test_cases	= flood_cases,
};

kunit_test_suites(&flood_suite);
