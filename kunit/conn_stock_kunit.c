// SPDX-License-Identifier: GPL-2.0
/*
 * The memory of connections: that the objects are counted wherever they are, and that those
 * which a CPU has in stock keep nobody from a connection.
 */
#include <kunit/test.h>
#include <linux/percpu_counter.h>

#include "conn.h"
#include "conn_stock.h"
#include "conns.h"
#include "limit.h"

/* More than one stock, and no multiple of one */
#define CONNECTIONS	(5 * LBDR_CONN_STOCK_MAX / 2)

/* Objects in stock. No other CPU takes any meanwhile. */
static u32 stock_idle(void)
{
	enum lbdr_family family;
	u32 n = 0;
	int cpu;

	for_each_possible_cpu(cpu)
		for (family = 0; family < LBDR_FAMILIES; family++)
			n += per_cpu(lbdr_conn_stocks, cpu)[family].n;
	return n;
}

static void stock_add(struct conns *conns, u32 first, u32 n)
{
	enum lbdr_family family;
	struct lbdr_flow flow;
	u32 i;

	for (i = first; i < first + n; i++) {
		for (family = 0; family < LBDR_FAMILIES; family++) {
			flow = conns_flow(family, IPPROTO_UDP, i);
			conns_add(conns, &flow, 0);
		}
	}
}

/* Every object is in stock or a connection's, and is counted once. */
static void stock_count_test(struct kunit *test)
{
	struct conns *conns = test->priv;
	s64 used = percpu_counter_sum(&lbdr_limits.objects) - stock_idle();

	stock_add(conns, 0, CONNECTIONS);
	KUNIT_EXPECT_EQ(test, percpu_counter_sum(&lbdr_limits.objects) - stock_idle(),
			used + LBDR_FAMILIES * CONNECTIONS);
	KUNIT_EXPECT_LE(test, stock_idle(), lbdr_limits.idle);
	KUNIT_EXPECT_GT(test, stock_idle(), 0);

	WRITE_ONCE(conns->servers[0].dead, true);
	KUNIT_EXPECT_TRUE(test, conns_wait_for(!atomic_read(&conns->ln->n_conns)));
	WRITE_ONCE(conns->servers[0].dead, false);
	KUNIT_EXPECT_EQ(test, percpu_counter_sum(&lbdr_limits.objects) - stock_idle(), used);
}

/* With full stocks, the last connection that conn_max_all allows is added; no further one. */
static void stock_limit_test(struct kunit *test)
{
	s64 objects = percpu_counter_sum(&lbdr_limits.objects);
	u32 max = lbdr_limits.conn_max_all;
	struct conns *conns = test->priv;
	bool near, last, none;

	WRITE_ONCE(lbdr_limits.conn_max_all, 32);
	percpu_counter_set(&lbdr_limits.objects, lbdr_limits.idle + 2);
	near = lbdr_limit_near(conns->ln);
	percpu_counter_set(&lbdr_limits.objects, lbdr_limits.idle + 31);
	last = lbdr_limit_conn_add(conns->ln);
	percpu_counter_set(&lbdr_limits.objects, lbdr_limits.idle + 32);
	none = lbdr_limit_conn_add(conns->ln);
	percpu_counter_set(&lbdr_limits.objects, objects);
	WRITE_ONCE(lbdr_limits.conn_max_all, max);
	if (last)
		lbdr_limit_conn_sub(conns->ln);
	if (none)
		lbdr_limit_conn_sub(conns->ln);

	KUNIT_EXPECT_FALSE(test, near);
	KUNIT_EXPECT_TRUE(test, last);
	KUNIT_EXPECT_FALSE(test, none);
}

static struct kunit_case conn_stock_cases[] = {
	KUNIT_CASE(stock_count_test),
	KUNIT_CASE(stock_limit_test),
	{}
};

static struct kunit_suite conn_stock_suite = {
	.name		= "lbdr_conn_stock",
	.init		= conns_init,
	.exit		= conns_exit,
	.test_cases	= conn_stock_cases,
};

kunit_test_suites(&conn_stock_suite);
