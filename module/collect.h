/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The collector of expired connections.
 */
#ifndef _LBDR_COLLECT_H
#define _LBDR_COLLECT_H

#include <linux/rhashtable.h>

struct lbdr_net;

/* Classes of timeouts: class n is shorter than 2^n seconds. */
#define LBDR_SWEEP_CLASSES	22

/**
 * struct lbdr_sweep - progress of the collector in one connection table
 * @walk: position in the table
 * @visited: connections visited since the beginning of the table
 * @classes: number of them by the class of their timeout
 * @shortest: shortest timeout of those that are sent to another director again, in seconds;
 *	U32_MAX if there are none
 * @seconds: time in which the present sweep is to visit the whole table
 */
struct lbdr_sweep {
	struct rhashtable_iter	walk;
	u32			visited;
	u32			classes[LBDR_SWEEP_CLASSES];
	u32			shortest;
	u32			seconds;
};

void lbdr_collect_net_init(struct lbdr_net *ln);
void lbdr_collect_net_exit(struct lbdr_net *ln);
void lbdr_collect_queue(struct lbdr_net *ln);
u32 lbdr_collect_seconds(const struct lbdr_sweep *sweep);

#endif /* _LBDR_COLLECT_H */
