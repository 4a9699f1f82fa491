// SPDX-License-Identifier: GPL-2.0
/*
 * The schedulers by name. The list is constant; a new one adds its line here
 * and to sched.h.
 */
#include <linux/string.h>

#include "sched.h"

static const struct lbdr_sched_ops *const lbdr_scheds[] = {
	&lbdr_sched_rr,
	&lbdr_sched_wrr,
};

/**
 * lbdr_sched_find() - the scheduler of a name
 * @name: what an operator calls it
 *
 * Context: any.
 * Return: the scheduler or NULL.
 */
const struct lbdr_sched_ops *lbdr_sched_find(const char *name)
{
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(lbdr_scheds); i++)
		if (!strcmp(lbdr_scheds[i]->name, name))
			return lbdr_scheds[i];
	return NULL;
}
EXPORT_SYMBOL_FOR_KUNIT(lbdr_sched_find);

/**
 * lbdr_sched_at() - walk the schedulers
 * @index: from 0
 *
 * Context: any.
 * Return: the scheduler, or NULL behind the last.
 */
const struct lbdr_sched_ops *lbdr_sched_at(unsigned int index)
{
	return index < ARRAY_SIZE(lbdr_scheds) ? lbdr_scheds[index] : NULL;
}
EXPORT_SYMBOL_FOR_KUNIT(lbdr_sched_at);

/**
 * lbdr_sched_default() - the scheduler of a service that names none
 *
 * Context: any.
 * Return: wrr, which is rr where the operator gives no weights.
 */
const struct lbdr_sched_ops *lbdr_sched_default(void)
{
	return &lbdr_sched_wrr;
}
EXPORT_SYMBOL_FOR_KUNIT(lbdr_sched_default);
