// SPDX-License-Identifier: GPL-2.0
/*
 * Devices of the entry ingress that are unregistered between their lookup and
 * lbdr_ingress_add(): a reference keeps the unregistering thread waiting for as long as
 * the test needs, after NETDEV_UNREGISTER was sent.
 */
#include <kunit/test.h>
#include <linux/completion.h>
#include <linux/delay.h>
#include <linux/etherdevice.h>
#include <linux/kthread.h>
#include <net/net_namespace.h>

#include "ingress.h"
#include "lbdr.h"
#include "lbdr_kunit.h"

#define TURNS	16

static netdev_tx_t ingress_xmit(struct sk_buff *skb, struct net_device *dev)
{
	kfree_skb(skb);
	return NETDEV_TX_OK;
}

static const struct net_device_ops ingress_ops = {
	.ndo_start_xmit = ingress_xmit,
};

static void ingress_setup(struct net_device *dev)
{
	ether_setup(dev);
	dev->netdev_ops = &ingress_ops;
	dev->needs_free_netdev = true;
	eth_hw_addr_random(dev);
}

static struct net_device *ingress_dev(struct kunit *test)
{
	struct net_device *dev = alloc_netdev(0, "ingress%d", NET_NAME_UNKNOWN,
					      ingress_setup);

	KUNIT_ASSERT_NOT_NULL(test, dev);
	if (register_netdev(dev)) {
		free_netdev(dev);
		KUNIT_FAIL(test, "register_netdev() failed");
		return NULL;
	}
	return dev;
}

struct ingress_removal {
	struct net_device	*dev;
	struct completion	done;
};

static int ingress_remove(void *data)
{
	struct ingress_removal *removal = data;

	unregister_netdev(removal->dev);
	complete(&removal->done);
	return 0;
}

static bool ingress_listed(const struct net_device *dev)
{
	bool listed;

	rcu_read_lock();
	listed = dev_get_by_index_rcu(&init_net, dev->ifindex);
	rcu_read_unlock();
	return listed;
}

static int ingress_add(struct net_device *dev)
{
	struct lbdr_net *ln = lbdr_net(&init_net);
	int ret;

	mutex_lock(&ln->config);
	ret = lbdr_ingress_add(ln, dev);
	mutex_unlock(&ln->config);
	return ret;
}

/* The device that the caller holds has left the list of the namespace. */
static void ingress_unlisted_test(struct kunit *test)
{
	struct ingress_removal removal;
	struct task_struct *thread;
	int turn;

	for (turn = 0; turn < TURNS; turn++) {
		removal.dev = ingress_dev(test);
		if (!removal.dev)
			return;
		init_completion(&removal.done);
		dev_hold(removal.dev);
		thread = kthread_run(ingress_remove, &removal, "ingress_remove");
		if (IS_ERR(thread)) {
			dev_put(removal.dev);
			unregister_netdev(removal.dev);
			KUNIT_FAIL(test, "no thread");
			return;
		}
		while (ingress_listed(removal.dev))
			usleep_range(100, 200);
		KUNIT_EXPECT_EQ(test, ingress_add(removal.dev), -ENODEV);
		dev_put(removal.dev);
		wait_for_completion(&removal.done);
	}
}

/* A device that is listed is added once, and its removal takes it off the entry. */
static void ingress_listed_test(struct kunit *test)
{
	struct net_device *dev = ingress_dev(test);

	if (!dev)
		return;
	KUNIT_EXPECT_EQ(test, ingress_add(dev), 1);
	KUNIT_EXPECT_EQ(test, ingress_add(dev), 0);
	KUNIT_EXPECT_FALSE(test, list_empty(&lbdr_net(&init_net)->ingress));
	unregister_netdev(dev);
	KUNIT_EXPECT_TRUE(test, list_empty(&lbdr_net(&init_net)->ingress));
}

static struct kunit_case ingress_cases[] = {
	KUNIT_CASE(ingress_listed_test),
	KUNIT_CASE(ingress_unlisted_test),
	{}
};

static struct kunit_suite ingress_suite = {
	.name = "lbdr_ingress",
	.test_cases = ingress_cases,
};

kunit_test_suites(&ingress_suite);
