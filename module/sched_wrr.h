/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The table of wrr, for its tests.
 */
#ifndef _LBDR_SCHED_WRR_H
#define _LBDR_SCHED_WRR_H

#include <linux/types.h>

/* Slots of a cycle; rounding can add one slot for each server. */
#define LBDR_WRR_SLOTS_MAX	16384

/**
 * struct lbdr_wrr - the cycle
 * @len: number of slots
 * @slots: for each slot, the index of a pool entry
 */
struct lbdr_wrr {
	u32	len;
	u16	slots[];
};

#endif /* _LBDR_SCHED_WRR_H */
