// SPDX-License-Identifier: GPL-2.0
/*
 * The table of schedulers, which is constant, and helpers that are too large to
 * be inlined. sched_list.h lists the schedulers.
 */
#include <linux/string.h>

#include "flow.h"
#include "pool.h"
#include "sched.h"
#include "server.h"

static const struct lbdr_sched_ops *const lbdr_scheds[] = {
#define LBDR_SCHED(name) (&lbdr_sched_##name)
#include "sched_list.h"
};

/**
 * lbdr_sched_find() - Look up a scheduler by name
 * @name: the name
 *
 * Context: any.
 * Return: the scheduler, or NULL if not found.
 */
const struct lbdr_sched_ops *lbdr_sched_find(const char *name)
{
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(lbdr_scheds); i++)
		if (!strcmp(lbdr_scheds[i]->name, name))
			return lbdr_scheds[i];
	return NULL;
}
EXPORT_SYMBOL_LBDR(lbdr_sched_find);

/**
 * lbdr_sched_at() - Get a scheduler by index
 * @index: the index, from 0
 *
 * Context: any.
 * Return: the scheduler, or NULL if @index is past the end of the table.
 */
const struct lbdr_sched_ops *lbdr_sched_at(unsigned int index)
{
	return index < ARRAY_SIZE(lbdr_scheds) ? lbdr_scheds[index] : NULL;
}
EXPORT_SYMBOL_FOR_KUNIT(lbdr_sched_at);

/**
 * lbdr_sched_default() - Get the default scheduler
 *
 * Context: any.
 * Return: wlc, as with ipvsadm(8).
 */
const struct lbdr_sched_ops *lbdr_sched_default(void)
{
	return &lbdr_sched_wlc;
}
EXPORT_SYMBOL_LBDR(lbdr_sched_default);

/**
 * lbdr_sched_next_open() - Find the next open server
 * @pool: the pool
 * @index: index of the first entry to test
 *
 * Context: rcu_read_lock() held.
 * Return: the first open server from @index on, in the order of adding and
 * wrapping around at the end; NULL if no server is open.
 */
struct lbdr_server *lbdr_sched_next_open(const struct lbdr_pool *pool,
					 u32 index)
{
	u32 skipped;

	return __lbdr_sched_next_open(pool, index, &skipped);
}
