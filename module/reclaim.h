/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Freeing after a grace period, of large objects in process context.
 */
#ifndef _LBDR_RECLAIM_H
#define _LBDR_RECLAIM_H

#include <linux/llist.h>
#include <linux/rcupdate.h>
#include <linux/slab.h>
#include <linux/types.h>

/*
 * Defines lbdr_NAME_free_rcu(), by which call_rcu() frees a small struct lbdr_NAME that has
 * a member @rcu. Not kfree_rcu(): the module's exit would wait in kmem_cache_destroy() for
 * what that has queued, by a grace period more than those for which it waits anyway.
 */
#define LBDR_DEFINE_FREE_RCU(name)						\
static void lbdr_##name##_free_rcu(struct rcu_head *rcu)			\
{										\
	kfree(container_of(rcu, struct lbdr_##name, rcu));			\
}

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
