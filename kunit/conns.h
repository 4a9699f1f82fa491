/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Fixture of the suites that test the connection table: the table, servers, and checks
 * that the table is empty.
 */
#ifndef _LBDR_KUNIT_CONNS_H
#define _LBDR_KUNIT_CONNS_H

#include <linux/delay.h>

#include "conn.h"
#include "flow.h"
#include "lbdr.h"
#include "server.h"
#include "service.h"

struct kunit;

#define CONNS_SERVERS	3
/* Much longer than the collector takes */
#define CONNS_DEADLINE	(60 * HZ)

/**
 * struct conns - a connection table, and servers for its connections
 * @ln: the namespace of the table
 * @service: service of @servers, in no table, with default settings
 * @other: another such service, for tests that move a server there
 * @servers: servers, in no pool
 */
struct conns {
	struct lbdr_net		*ln;
	struct lbdr_service	service;
	struct lbdr_service	other;
	struct lbdr_server	servers[CONNS_SERVERS];
};

/* Polls until the condition is true or the deadline has passed; returns the former. */
#define conns_wait_for(condition)					\
({									\
	unsigned long __end = jiffies + CONNS_DEADLINE;			\
	bool __met;							\
									\
	while (!(__met = (condition)) && time_before(jiffies, __end))	\
		msleep(20);						\
	__met;								\
})

/* The context in which packets use the table. */
static inline void conns_lock(void)
{
	local_bh_disable();
	rcu_read_lock();
}

static inline void conns_unlock(void)
{
	rcu_read_unlock();
	local_bh_enable();
}

/* Makes a connection look idle for @by jiffies. */
static inline void conns_idle(struct lbdr_conn *conn, u32 by)
{
	WRITE_ONCE(conn->stamp, (u32)jiffies - by);
}

/* Makes a connection look as if another CPU has just renewed it. */
static inline void conns_later(struct lbdr_conn *conn)
{
	WRITE_ONCE(conn->stamp, (u32)jiffies + HZ);
}

int conns_init(struct kunit *test);
void conns_exit(struct kunit *test);

struct lbdr_conn *conns_add(struct conns *conns, const struct lbdr_flow *flow,
			    u32 server);
struct lbdr_conn *conns_find(struct conns *conns, const struct lbdr_flow *flow);
bool conns_exists(struct conns *conns, const struct lbdr_flow *flow);
void conns_step(struct lbdr_conn *conn, enum lbdr_event event);
struct lbdr_flow conns_flow(enum lbdr_family family, u8 protocol, u32 n);
bool conns_has_key(const struct lbdr_conn *conn, const struct lbdr_flow *flow);

void conns_expect_counts(struct kunit *test, u32 server, int active,
			 int inactive);
void conns_expect_none(struct kunit *test);

#endif /* _LBDR_KUNIT_CONNS_H */
