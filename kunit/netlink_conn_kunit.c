// SPDX-License-Identifier: GPL-2.0
/*
 * Netlink: dumps of connections, on the table of the initial namespace. A dump is read as
 * the kernel reads it for a socket: one message after another, until one is empty.
 */
#include <kunit/static_stub.h>
#include <kunit/test.h>
#include <net/genetlink.h>
#include <net/net_namespace.h>

#include "conns.h"
#include "netlink.h"

/* Connections of each family: more than a message has room for */
#define CONNECTIONS	200
/* A port that no client has */
#define NOBODY		9

/* Calls of lbdr_nl_walk_rest() */
static u32 dump_rests;

static bool count_rest(struct rhashtable_iter *iter)
{
	dump_rests++;
	return false;
}

/* The number of connections in a message */
static u32 dump_count(const struct sk_buff *msg)
{
	const struct nlmsghdr *nlh = (const struct nlmsghdr *)msg->data;
	int left = msg->len;
	u32 n = 0;

	for (; nlmsg_ok(nlh, left); nlh = nlmsg_next(nlh, &left))
		n++;
	return n;
}

/* Reads messages until one is empty. Returns the number of connections. */
static u32 dump_read(struct kunit *test, struct netlink_callback *cb)
{
	struct sk_buff *msg;
	u32 n = 0;
	int len;

	do {
		msg = alloc_skb(NLMSG_GOODSIZE, GFP_KERNEL);
		KUNIT_ASSERT_NOT_NULL(test, msg);
		len = lbdr_nl_conn_get_dumpit(msg, cb);
		n += dump_count(msg);
		kfree_skb(msg);
	} while (len > 0);
	KUNIT_EXPECT_EQ(test, len, 0);
	return n;
}

static u32 dump_once(struct kunit *test, u8 af, u16 port)
{
	struct nlattr *attrs[LBDR_A_CONN_MAX + 1] = {};
	struct genl_dumpit_info info = { .info.attrs = attrs };
	struct netlink_callback cb = { .data = &info };
	struct nlmsghdr nlh = {};
	struct sk_buff *request;
	struct sock *sk;
	u32 n;

	sk = kunit_kzalloc(test, sizeof(*sk), GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, sk);
	sock_net_set(sk, &init_net);
	request = alloc_skb(NLMSG_DEFAULT_SIZE, GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, request);
	if (af) {
		attrs[LBDR_A_CONN_FAMILY] = (struct nlattr *)skb_tail_pointer(request);
		nla_put_u8(request, LBDR_A_CONN_FAMILY, af);
	}
	if (port) {
		attrs[LBDR_A_CONN_CLIENT_PORT] = (struct nlattr *)skb_tail_pointer(request);
		nla_put_be16(request, LBDR_A_CONN_CLIENT_PORT, htons(port));
	}
	request->sk = sk;
	cb.skb = request;
	cb.nlh = &nlh;
	dump_rests = 0;
	KUNIT_ASSERT_EQ(test, lbdr_nl_conn_get_start(&cb), 0);
	kunit_activate_static_stub(test, lbdr_nl_walk_rest, count_rest);
	n = dump_read(test, &cb);
	kunit_deactivate_static_stub(test, lbdr_nl_walk_rest);
	lbdr_nl_conn_get_done(&cb);
	request->sk = NULL;
	kfree_skb(request);
	return n;
}

/* The seeds of both tables, which a resize changes; 0 while one is resized */
static u64 dump_seeds(const struct conns *conns)
{
	const struct bucket_table *table;
	enum lbdr_family family;
	bool settled = true;
	u64 seeds = 0;

	rcu_read_lock();
	for (family = 0; family < LBDR_FAMILIES; family++) {
		table = rcu_dereference(conns->ln->conns[family].tbl);
		seeds = seeds << 32 | table->hash_rnd;
		settled &= !rcu_access_pointer(table->future_tbl);
	}
	rcu_read_unlock();
	return settled ? seeds : 0;
}

/*
 * Dumps the connections of a client's port, or all for 0. @af: of one family, or 0 for
 * both. A walk over a table that was resized meanwhile has begun again, so the dump does.
 */
static u32 dump(struct kunit *test, u8 af, u16 port)
{
	unsigned long end = jiffies + CONNS_DEADLINE;
	struct conns *conns = test->priv;
	u64 seeds;
	u32 n;

	do {
		KUNIT_ASSERT_TRUE(test, time_before(jiffies, end));
		KUNIT_ASSERT_TRUE(test, conns_wait_for(seeds = dump_seeds(conns)));
		n = dump_once(test, af, port);
	} while (dump_seeds(conns) != seeds);
	return n;
}

/*
 * A dump rests between connections, whether they match or not: others run, and grace
 * periods end. It does not walk over the table of a family that it cannot find anything in.
 */
static void dump_rest_test(struct kunit *test)
{
	struct conns *conns = test->priv;
	enum lbdr_family family;
	struct lbdr_flow flow;
	u32 i;

	for (i = 0; i < CONNECTIONS; i++)
		for (family = 0; family < LBDR_FAMILIES; family++) {
			flow = conns_flow(family, IPPROTO_TCP, i);
			KUNIT_ASSERT_NOT_NULL(test, conns_add(conns, &flow, 0));
		}
	KUNIT_EXPECT_EQ(test, dump(test, 0, 0), 2 * CONNECTIONS);
	KUNIT_EXPECT_EQ(test, dump_rests, 2 * CONNECTIONS);
	KUNIT_EXPECT_EQ(test, dump(test, 0, NOBODY), 0);
	KUNIT_EXPECT_EQ(test, dump_rests, 2 * CONNECTIONS);
	KUNIT_EXPECT_EQ(test, dump(test, AF_INET, NOBODY), 0);
	KUNIT_EXPECT_EQ(test, dump_rests, CONNECTIONS);
	KUNIT_EXPECT_EQ(test, dump(test, AF_INET6, 0), CONNECTIONS);
	KUNIT_EXPECT_EQ(test, dump_rests, CONNECTIONS);
}

static struct kunit_case dump_cases[] = {
	KUNIT_CASE(dump_rest_test),
	{}
};

static struct kunit_suite dump_suite = {
	.name = "lbdr_netlink_conn",
	.init = conns_init,
	.exit = conns_exit,
	.test_cases = dump_cases,
};

kunit_test_suites(&dump_suite);
