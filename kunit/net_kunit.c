// SPDX-License-Identifier: GPL-2.0
/*
 * The director of a namespace that cannot be created. The fault injection of the selftests
 * reaches the other allocations of a namespace, but not its counters, which are per CPU.
 */
#include <kunit/static_stub.h>
#include <kunit/test.h>
#include <net/net_namespace.h>
#include <net/netns/generic.h>

#include "lbdr.h"
#include "stats.h"

static u64 __percpu *no_counters(void)
{
	return NULL;
}

/* A namespace of which only the module's part exists, which is all that is used of it. */
static struct net *part_of_net(struct kunit *test)
{
	struct net *net = kunit_kzalloc(test, sizeof(*net), GFP_KERNEL);
	struct net_generic *generic;

	KUNIT_ASSERT_NOT_NULL(test, net);
	generic = kunit_kzalloc(test, struct_size(generic, ptr, lbdr_net_id + 1), GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, generic);
	generic->s.len = lbdr_net_id + 1;
	generic->ptr[lbdr_net_id] = kunit_kzalloc(test, sizeof(struct lbdr_net), GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, generic->ptr[lbdr_net_id]);
	net->user_ns = &init_user_ns;
	rcu_assign_pointer(net->gen, generic);
	return net;
}

/* kmemleak finds what a refusal has left. */
static void net_counters_test(struct kunit *test)
{
	struct net *net = part_of_net(test);

	kunit_activate_static_stub(test, lbdr_counters_alloc, no_counters);
	KUNIT_EXPECT_EQ(test, lbdr_net_ops_init(net), -ENOMEM);
	kunit_deactivate_static_stub(test, lbdr_counters_alloc);
	memset(lbdr_net(net), 0, sizeof(struct lbdr_net));
	KUNIT_ASSERT_EQ(test, lbdr_net_ops_init(net), 0);
	KUNIT_EXPECT_EQ(test, lbdr_counter(lbdr_net(net), LBDR_COUNTER_SLOW), 0);
	lbdr_net_ops_exit(net);
}

static struct kunit_case net_cases[] = {
	KUNIT_CASE(net_counters_test),
	{}
};

static struct kunit_suite net_suite = {
	.name		= "lbdr_net",
	.test_cases	= net_cases,
};

kunit_test_suites(&net_suite);
