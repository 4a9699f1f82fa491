/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What the suites share: random numbers that can be had a second time, and
 * threads that begin together.
 */
#ifndef _LBDR_KUNIT_H
#define _LBDR_KUNIT_H

#include <linux/prandom.h>

struct kunit;

/* random.c */
void lbdr_kunit_seed(struct kunit *test, struct rnd_state *rnd);

/* From 0 to @n - 1; the bias of a division is nothing to a test. */
static inline u32 lbdr_kunit_below(struct rnd_state *rnd, u32 n)
{
	return prandom_u32_state(rnd) % n;
}

/* threads.c */
void lbdr_kunit_threads(struct kunit *test, void (*run)(void *arg), void *args,
			size_t size, unsigned int n);

#endif /* _LBDR_KUNIT_H */
