/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Freeing of large objects in process context after a grace period.
 */
#ifndef _LBDR_RECLAIM_H
#define _LBDR_RECLAIM_H

#include <linux/llist.h>
#include <linux/types.h>

/**
 * struct lbdr_reclaim - an object that is freed after a grace period
 * @rcu: waits for the grace period
 * @node: in the list of objects whose grace period is over; used instead of @rcu
 * @free: frees the object; process context, may sleep
 */
struct lbdr_reclaim {
	union {
		struct rcu_head		rcu;
		struct llist_node	node;
	};
	void (*free)(struct lbdr_reclaim *reclaim);
};

void lbdr_reclaim(struct lbdr_reclaim *reclaim,
		  void (*free)(struct lbdr_reclaim *reclaim));
void lbdr_reclaim_flush(void);

#endif /* _LBDR_RECLAIM_H */
