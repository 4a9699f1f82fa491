/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Helpers of the suites: repeatable random numbers, and threads that start together.
 */
#ifndef _LBDR_KUNIT_H
#define _LBDR_KUNIT_H

#include <linux/prandom.h>

struct kunit;

/* random.c */
void lbdr_kunit_seed(struct kunit *test, struct rnd_state *rnd);

/* Returns a number from 0 to @n - 1. The bias of the modulo is irrelevant here. */
static inline u32 lbdr_kunit_below(struct rnd_state *rnd, u32 n)
{
	return prandom_u32_state(rnd) % n;
}

/* threads.c */
void lbdr_kunit_threads(struct kunit *test, void (*run)(void *arg), void *args,
			size_t size, unsigned int n);

#endif /* _LBDR_KUNIT_H */
