/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Fixture of the scheduler suites: a service that receives no packets, its
 * servers, and functions that select servers from its pool as packets do.
 *
 * The module builds the pools and changes the scheduler by the same functions as
 * for a command. References read the state of a server from struct lbdr_server;
 * servers are in the order of the array.
 */
#ifndef _LBDR_KUNIT_SCHEDS_H
#define _LBDR_KUNIT_SCHEDS_H

#include "flow.h"
#include "lbdr.h"
#include "lbdr_kunit.h"
#include "pool.h"
#include "sched.h"
#include "sched_wrr.h"
#include "server.h"
#include "service.h"

struct kunit;

#define SCHEDS_SERVERS	LBDR_SERVER_MAX
/* Size of random pools: varied, and fast to search */
#define SCHEDS_FEW	64
/* Index that stands for no server */
#define SCHEDS_NONE	U32_MAX
/* The size of mh's default table; two of wrr's longest cycles are shorter. */
#define SCHEDS_DRAWN	65537
static_assert(SCHEDS_DRAWN >= 2 * (LBDR_WRR_SLOTS_MAX + SCHEDS_SERVERS));

/**
 * struct scheds - a service and its servers
 * @ln: the initial namespace; the service is not in its tables
 * @service: the service and its published pool, if any
 * @servers: its servers in the order of adding; the first @n are valid
 * @n: number of servers
 * @drawn: indices of the servers that scheds_draw() selected
 * @order: indices that it should select
 * @weights: reduced weights of the servers
 * @counts: number of times each server was selected
 */
struct scheds {
	struct lbdr_net		*ln;
	struct lbdr_service	service;
	struct lbdr_server	servers[SCHEDS_SERVERS];
	u32			n;
	u32			drawn[SCHEDS_DRAWN];
	u32			order[SCHEDS_DRAWN];
	u32			weights[SCHEDS_SERVERS];
	u32			counts[SCHEDS_SERVERS];
};

int scheds_init(struct kunit *test);
void scheds_exit(struct kunit *test);

/* Servers */
void scheds_clear(struct kunit *test, enum lbdr_family family);
struct lbdr_server *scheds_add(struct scheds *s, u32 weight);
u32 scheds_remove_weight0(struct scheds *s);
void scheds_add_all(struct kunit *test, const u32 *weights, u32 n);
void scheds_add_random(struct kunit *test, struct rnd_state *rnd, u32 n);
u32 scheds_random_weight(struct rnd_state *rnd);
void scheds_random_counts(struct scheds *s, struct rnd_state *rnd);
void scheds_random_overload(struct scheds *s, struct rnd_state *rnd);

/* Pools */
const struct lbdr_sched_ops *scheds_get(struct kunit *test, const char *name);
int scheds_set_sched(struct scheds *s, const struct lbdr_sched *sched);
void scheds_build(struct kunit *test, const struct lbdr_sched_ops *ops,
		  u32 flags, u32 size);

/* Selection */
struct lbdr_flow scheds_flow(const struct scheds *s, struct rnd_state *rnd);
u32 scheds_pick(struct scheds *s, const struct lbdr_flow *flow);
u32 scheds_peek(struct scheds *s, const struct lbdr_flow *flow, u32 *first);
void scheds_draw(struct kunit *test, u32 n);
void scheds_expect_order(struct kunit *test, u32 n);

/* For KUNIT_CASE_PARAM(): all schedulers of the module */
const void *scheds_gen_params(struct kunit *test, const void *prev, char *desc);

static inline const struct lbdr_pool *scheds_pool(const struct scheds *s)
{
	return rcu_dereference_protected(s->service.pool, true);
}

/* Return true if a server accepts new connections. */
static inline bool scheds_is_open(const struct scheds *s, u32 index)
{
	const struct lbdr_server *server = &s->servers[index];

	return server->weight > 0 && !server->overloaded && !server->dead &&
	       !server->skipped;
}

#endif /* _LBDR_KUNIT_SCHEDS_H */
