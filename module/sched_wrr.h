/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Limits of wrr's table, for its tests.
 */
#ifndef _LBDR_SCHED_WRR_H
#define _LBDR_SCHED_WRR_H

/* Slots of a cycle; rounding can add one slot for each server. */
#define LBDR_WRR_SLOTS_MAX	16384

#endif /* _LBDR_SCHED_WRR_H */
