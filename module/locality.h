/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The destination table of lblc and lblcr.
 */
#ifndef _LBDR_LOCALITY_H
#define _LBDR_LOCALITY_H

#include <linux/in6.h>
#include <linux/types.h>

struct lbdr_flow;
struct lbdr_locality;
struct lbdr_net;
struct lbdr_server;

/**
 * struct lbdr_locality_set - the servers of a destination; immutable
 * @changed: time of its allocation, jiffies
 * @n: number of servers, at least one
 * @rcu: puts the servers and frees the set
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
 * @next: next entry of the hash bucket; RCU
 * @set: its servers; RCU, replaced by cmpxchg()
 * @addr: the address; immutable. An IPv4 address is in the first word, the others
 *	are 0.
 * @used: time of the last lookup, jiffies; WRITE_ONCE() by any packet
 * @table: the table, which outlives the entry
 * @rcu: frees the entry after a grace period
 */
struct lbdr_locality_entry {
	struct lbdr_locality_entry __rcu	*next;
	struct lbdr_locality_set __rcu		*set;
	struct in6_addr				addr;
	u32					used;
	struct lbdr_locality			*table;
	struct rcu_head				rcu;
};

extern unsigned int lbdr_locality_max_all;

u32 lbdr_locality_expire(void);
struct lbdr_locality_entry *lbdr_locality_find(struct lbdr_locality *table,
					       const struct lbdr_flow *flow);
struct lbdr_locality_entry *lbdr_locality_peek(struct lbdr_locality *table,
					       const struct lbdr_flow *flow);
void lbdr_locality_add(struct lbdr_locality *table,
		       const struct lbdr_flow *flow,
		       struct lbdr_server *server);
void lbdr_locality_update(struct lbdr_locality_entry *entry,
			  struct lbdr_locality_set *old,
			  const struct lbdr_server *del,
			  struct lbdr_server *add);
void lbdr_locality_gc(struct lbdr_locality *table, u32 now);
void *lbdr_locality_alloc(struct lbdr_net *ln);
void lbdr_locality_free(void *state);

#endif /* _LBDR_LOCALITY_H */
