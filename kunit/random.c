// SPDX-License-Identifier: GPL-2.0
/*
 * Where the suites' random numbers come from, and what makes a module of the
 * suites.
 *
 * Every test that draws prints its seed first. To see a failure again, load the
 * module with that seed; what several threads do to each other is of course not
 * repeated by it.
 */
#include <kunit/test.h>
#include <linux/module.h>
#include <linux/random.h>

#include "lbdr_kunit.h"

static unsigned int seed;
module_param(seed, uint, 0444);
MODULE_PARM_DESC(seed, "of all random tests (default: another one for each)");

/**
 * lbdr_kunit_seed() - begin a sequence of random numbers
 * @test: in whose log the seed is printed
 * @rnd: the sequence
 *
 * Context: process.
 */
void lbdr_kunit_seed(struct kunit *test, struct rnd_state *rnd)
{
	u32 mine = seed ?: get_random_u32();

	kunit_info(test, "seed=%u", mine);
	prandom_seed_state(rnd, mine);
}

MODULE_DESCRIPTION("KUnit suites of lbdr");
MODULE_AUTHOR("The lbdr authors");
MODULE_LICENSE("GPL");
MODULE_IMPORT_NS("EXPORTED_FOR_KUNIT_TESTING");
