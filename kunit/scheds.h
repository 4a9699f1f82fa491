/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What the suites of the schedulers share: a service that no packet sees, with
 * servers of the test's own, and draws from its pool as packets make them.
 *
 * Pools are those that the module itself builds, and a scheduler comes and goes
 * by the way that a command takes. What is true of a server the references read
 * off the server, and the order of servers is that of the array.
 */
#ifndef _LBDR_KUNIT_SCHEDS_H
#define _LBDR_KUNIT_SCHEDS_H

#include "flow.h"
#include "lbdr.h"
#include "lbdr_kunit.h"
#include "pool.h"
#include "sched.h"
#include "server.h"
#include "service.h"

struct kunit;

#define SCHEDS_SERVERS	LBDR_SERVER_MAX
/* A pool of many kinds that is still quick to look through */
#define SCHEDS_FEW	64
/* Nobody was chosen. */
#define SCHEDS_NONE	U32_MAX
/* One of mh's tables; two of wrr's cycles are less, with a slot for each server. */
#define SCHEDS_DRAWN	65537
static_assert(SCHEDS_DRAWN >= 2 * (LBDR_WRR_SLOTS_MAX + SCHEDS_SERVERS));

/**
 * struct scheds - a service and its servers
 * @ln: the initial namespace, which does not know of the service
 * @service: the service; its pool is published where it has one
 * @servers: its servers in the order of adding, the first @n of them
 * @n: number of servers
 * @drawn: indices of the servers that scheds_draw() met
 * @order: those that it should have met
 * @weights: of the servers, made small as wrr needs them
 * @counts: how often each server was met
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
void scheds_add_all(struct kunit *test, const u32 *weights, u32 n);
void scheds_add_random(struct kunit *test, struct rnd_state *rnd, u32 n);
u32 scheds_random_weight(struct rnd_state *rnd);
void scheds_random_counts(struct scheds *s, struct rnd_state *rnd);
void scheds_random_overload(struct scheds *s, struct rnd_state *rnd);

/* Pools */
const struct lbdr_sched_ops *scheds_get(struct kunit *test, const char *name);
void scheds_build(struct kunit *test, const struct lbdr_sched_ops *ops,
		  u32 flags, u32 size);

/* Choices */
struct lbdr_flow scheds_flow(const struct scheds *s, struct rnd_state *rnd);
u32 scheds_pick(struct scheds *s, const struct lbdr_flow *flow);
u32 scheds_peek(struct scheds *s, const struct lbdr_flow *flow, u32 *first);
void scheds_draw(struct kunit *test, u32 n);
void scheds_expect_order(struct kunit *test, u32 n);

/* For KUNIT_CASE_PARAM(): the schedulers by name, all that the module has */
const void *scheds_gen_params(struct kunit *test, const void *prev, char *desc);

static inline const struct lbdr_pool *scheds_pool(const struct scheds *s)
{
	return rcu_dereference_protected(s->service.pool, true);
}

/* As the operator sees it: neither quiesced nor removed nor overloaded. */
static inline bool scheds_is_open(const struct scheds *s, u32 index)
{
	const struct lbdr_server *server = &s->servers[index];

	return server->weight > 0 && !server->overloaded && !server->dead;
}

#endif /* _LBDR_KUNIT_SCHEDS_H */
