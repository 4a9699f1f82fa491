/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What lblc and lblcr remember of destinations; locality.c says how.
 */
#ifndef _LBDR_LOCALITY_H
#define _LBDR_LOCALITY_H

#include "sched.h"

struct lbdr_locality;

/**
 * struct lbdr_locality_set - the servers of a destination; immutable
 * @changed: when it was made, jiffies
 * @n: number of servers, at least one
 * @rcu: puts the servers and frees it
 * @servers: one reference to each
 */
struct lbdr_locality_set {
	u32			changed;
	u32			n;
	struct rcu_head		rcu;
	struct lbdr_server	*servers[];
};

/**
 * struct lbdr_locality_entry - a destination
 * @next: in its chain
 * @set: its servers; replaced by cmpxchg()
 * @addr: the address, of IPv4 the first word alone; immutable
 * @stamp: jiffies of the last look-up; any packet writes it
 * @owner: the table that it is in, which outlives it
 * @rcu: frees it after the last packet that saw it
 */
struct lbdr_locality_entry {
	struct lbdr_locality_entry __rcu	*next;
	struct lbdr_locality_set __rcu		*set;
	struct in6_addr				addr;
	u32					stamp;
	struct lbdr_locality			*owner;
	struct rcu_head				rcu;
};

u32 lbdr_locality_expire(void);
struct lbdr_locality_entry *lbdr_locality_find(struct lbdr_locality *locality,
					       const struct lbdr_flow *flow);
struct lbdr_locality_entry *lbdr_locality_look(struct lbdr_locality *locality,
					       const struct lbdr_flow *flow);
void lbdr_locality_add(struct lbdr_locality *locality,
		       const struct lbdr_flow *flow,
		       struct lbdr_server *server);
struct lbdr_locality_set *
lbdr_locality_set_make(const struct lbdr_locality_set *old,
		       const struct lbdr_server *leave,
		       struct lbdr_server *add);
void lbdr_locality_replace(struct lbdr_locality_entry *entry,
			   struct lbdr_locality_set *old,
			   struct lbdr_locality_set *new);
bool lbdr_locality_strained(const struct lbdr_pool *pool,
			    const struct lbdr_server *server);
void lbdr_locality_age(struct lbdr_locality *locality, u32 now);
void *lbdr_locality_open(void);
void lbdr_locality_close(void *memory);

#endif /* _LBDR_LOCALITY_H */
