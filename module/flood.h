/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Flood handling: what to do when the connection table is nearly full or
 * conn_rate is exceeded.
 */
#ifndef _LBDR_FLOOD_H
#define _LBDR_FLOOD_H

#include <linux/atomic.h>

#include "flow.h"
#include "lbdr.h"
#include "limit.h"
#include "service.h"

struct lbdr_conn;

/* Renewals of its time stamp that make a connection an established one in a flood */
#define LBDR_FLOOD_RENEWALS	8

/* Timeouts are multiplied by lbdr_flood_scale() / LBDR_FLOOD_SCALE */
#define LBDR_FLOOD_SCALE	64

/**
 * enum lbdr_flood_admit - what to do with a new connection
 * @LBDR_FLOOD_ADMIT: add it
 * @LBDR_FLOOD_ADMIT_EVICT: add it in place of another one
 * @LBDR_FLOOD_ADMIT_STATELESS: forward its packets without adding it
 * @LBDR_FLOOD_ADMIT_REFUSE: drop the packet, LBDR_DROP_CONN_MEMORY if lbdr_limit_starved(),
 *	else LBDR_DROP_CONN_MAX
 */
enum lbdr_flood_admit {
	LBDR_FLOOD_ADMIT,
	LBDR_FLOOD_ADMIT_EVICT,
	LBDR_FLOOD_ADMIT_STATELESS,
	LBDR_FLOOD_ADMIT_REFUSE,
};

/* Module parameter: new connections of a namespace in a second, 0 for any number */
extern unsigned int lbdr_flood_rate;

enum lbdr_flood_admit lbdr_flood_decide(struct lbdr_net *ln,
					const struct lbdr_service *service,
					enum lbdr_family family);
enum lbdr_flood_admit lbdr_flood_peek(struct lbdr_net *ln,
				      const struct lbdr_service *service);
bool lbdr_flood_make_room(struct lbdr_net *ln, const struct lbdr_service *service,
			  enum lbdr_family family);
bool lbdr_flood_make_room_known(struct lbdr_net *ln, const struct lbdr_service *service,
				enum lbdr_family family);
bool lbdr_flood_stateless(const struct lbdr_service *service);
void lbdr_flood_forward(struct lbdr_net *ln, struct lbdr_service *service);
void lbdr_flood_extend(struct lbdr_net *ln);
bool lbdr_flood_recent(const struct lbdr_net *ln, const struct lbdr_service *service);
u32 lbdr_flood_scale(const struct lbdr_net *ln);
bool lbdr_flood_shrinks(const struct lbdr_net *ln, const struct lbdr_conn *conn);

/**
 * lbdr_flood_admit() - Decide on a new connection
 * @ln: the namespace
 * @service: its service
 * @family: its family
 *
 * Must be called exactly once for each new connection: counts it for conn_rate. May
 * evict another connection.
 *
 * Context: rcu_read_lock() held, BH off.
 * Return: enum lbdr_flood_admit.
 */
static inline enum lbdr_flood_admit
lbdr_flood_admit(struct lbdr_net *ln, const struct lbdr_service *service,
		 enum lbdr_family family)
{
	return likely(!READ_ONCE(lbdr_flood_rate) && !lbdr_limit_near(ln)) ?
	       LBDR_FLOOD_ADMIT : lbdr_flood_decide(ln, service, family);
}

/*
 * Each service that holds connections has a share of the table. lbdr_service.n_conns
 * counts its entries, lbdr_net.n_holders the services whose count is not 0. Each change
 * of a count from 0 or to 0 is seen by exactly one CPU, so @n_holders is right when the
 * CPUs are done; in between it may be off, and negative for a moment.
 */

/**
 * lbdr_share_add() - Count an entry of the connection table
 * @ln: the namespace
 * @service: the service that the entry belongs to
 *
 * Context: any.
 */
static inline void lbdr_share_add(struct lbdr_net *ln,
				  struct lbdr_service *service)
{
	if (unlikely(atomic_inc_return(&service->n_conns) == 1))
		atomic_inc(&ln->n_holders);
}

/**
 * lbdr_share_sub() - Undo lbdr_share_add()
 * @ln: the namespace
 * @service: the service that the entry belongs to
 *
 * Context: any.
 */
static inline void lbdr_share_sub(struct lbdr_net *ln,
				  struct lbdr_service *service)
{
	if (unlikely(atomic_dec_and_test(&service->n_conns)))
		atomic_dec(&ln->n_holders);
}

#endif /* _LBDR_FLOOD_H */
