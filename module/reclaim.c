// SPDX-License-Identifier: GPL-2.0
/*
 * Freeing of large objects in process context after a grace period.
 *
 * A pool drops the references to all its servers when it is freed, a table of lblc or
 * lblcr frees its entries. When thousands of services are removed, the kernel would run
 * thousands of such RCU callbacks in one softirq: packets of that CPU, and a process that
 * holds lbdr_net.lock on it, would wait for hundreds of milliseconds. So the RCU callback
 * of such an object only adds it to a list, and a work item frees the objects of the list
 * one after the other.
 *
 * The list is shared by all namespaces, since objects are freed after their namespace's
 * services are gone. It is lockless: callbacks add, the work item takes all.
 */
#include <linux/rcupdate.h>
#include <linux/sched.h>
#include <linux/workqueue.h>

#include "lbdr.h"
#include "reclaim.h"

static void lbdr_reclaim_work(struct work_struct *work);

static LLIST_HEAD(lbdr_reclaim_list);
static DECLARE_WORK(lbdr_reclaim_item, lbdr_reclaim_work);

static void lbdr_reclaim_work(struct work_struct *work)
{
	struct lbdr_reclaim *reclaim, *next;

	llist_for_each_entry_safe(reclaim, next, llist_del_all(&lbdr_reclaim_list),
				  node) {
		reclaim->free(reclaim);
		cond_resched();
	}
}

static void lbdr_reclaim_rcu(struct rcu_head *rcu)
{
	struct lbdr_reclaim *reclaim = container_of(rcu, struct lbdr_reclaim,
						    rcu);

	/* The work item takes the whole list, so the first object queues it. */
	if (llist_add(&reclaim->node, &lbdr_reclaim_list))
		queue_work(lbdr_wq, &lbdr_reclaim_item);
}

/**
 * lbdr_reclaim() - Free an object after a grace period, in process context
 * @reclaim: member of the object, which readers cannot find any more
 * @free: frees the object
 *
 * Context: any.
 */
void lbdr_reclaim(struct lbdr_reclaim *reclaim,
		  void (*free)(struct lbdr_reclaim *reclaim))
{
	reclaim->free = free;
	call_rcu(&reclaim->rcu, lbdr_reclaim_rcu);
}

/**
 * lbdr_reclaim_flush() - Wait until the objects passed to lbdr_reclaim() are freed
 *
 * Waits for all RCU callbacks of the module first. Freeing may have queued other RCU
 * callbacks, which are not waited for.
 *
 * Context: process, may sleep.
 */
void lbdr_reclaim_flush(void)
{
	rcu_barrier();
	flush_work(&lbdr_reclaim_item);
}
EXPORT_SYMBOL_FOR_KUNIT(lbdr_reclaim_flush);
