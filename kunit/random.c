// SPDX-License-Identifier: GPL-2.0
/*
 * Random numbers of the suites, and the module boilerplate.
 *
 * Every test that uses random numbers prints its seed first. Load the module with this
 * seed to repeat a failure. The interleaving of threads is not repeated.
 */
#include <kunit/test.h>
#include <linux/module.h>
#include <linux/random.h>

#include "lbdr_kunit.h"

static unsigned int seed;
module_param(seed, uint, 0444);
MODULE_PARM_DESC(seed, "seed of all random tests (default: a new one for each)");

/**
 * lbdr_kunit_seed() - Seed a sequence of random numbers
 * @test: the test, in whose log the seed is printed
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
MODULE_IMPORT_NS("LBDR");
