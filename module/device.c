// SPDX-License-Identifier: GPL-2.0
/*
 * Netdevice notifier: dispatches events of network devices to the other files.
 *
 * Unregistering a device waits until all references to it are released. So routes are
 * dropped (nexthop.c) and hooks unregistered (ingress.c) at NETDEV_UNREGISTER. VRF
 * devices are L3 domains (domain.c).
 *
 * LRO merges packets in a way that cannot be reversed, so a host that forwards must not
 * use LRO. The kernel disables LRO if ip_forward is set. A director needs no ip_forward,
 * so this file disables LRO. A work item does this, since it needs RTNL, and RTNL is
 * never nested with the locks of the configuration.
 */
#include <linux/netdevice.h>
#include <linux/rtnetlink.h>

#include "device.h"
#include "domain.h"
#include "ingress.h"
#include "lbdr.h"
#include "nexthop.h"
#include "peers.h"

static void lbdr_device_lro_work(struct work_struct *work)
{
	struct lbdr_net *ln = container_of(work, struct lbdr_net, lro);
	struct net_device *dev;

	rtnl_lock();
	for_each_netdev(ln->net, dev)
		if (dev->features & NETIF_F_LRO)
			dev_disable_lro(dev);
	rtnl_unlock();
}

/**
 * lbdr_device_disable_lro() - Disable LRO on all devices of a namespace
 * @ln: the namespace
 *
 * Only queues a work item.
 *
 * Context: any.
 */
void lbdr_device_disable_lro(struct lbdr_net *ln)
{
	queue_work(lbdr_wq_of(ln), &ln->lro);
}

static void lbdr_device_unregister(struct lbdr_net *ln, const struct net_device *dev)
{
	lbdr_ingress_dev_gone(ln, dev);
	lbdr_nexthop_drop_dev(ln, dev);
	if (netif_is_l3_master(dev))
		lbdr_domain_del_dev(ln, dev);
}

static bool lbdr_device_has_services(const struct lbdr_net *ln)
{
	return READ_ONCE(ln->n_services[LBDR_V4]) ||
	       READ_ONCE(ln->n_services[LBDR_V6]);
}

/* Context: RTNL held, so lbdr_net.config and lbdr_net.lock must not be taken. */
static int lbdr_device_event(struct notifier_block *nb, unsigned long event,
			     void *ptr)
{
	struct net_device *dev = netdev_notifier_info_to_dev(ptr);
	struct lbdr_net *ln = lbdr_net(dev_net(dev));

	switch (event) {
	case NETDEV_REGISTER:
		if (netif_is_l3_master(dev))
			lbdr_domain_add_dev(ln, dev);
		break;
	case NETDEV_CHANGENAME:
		if (netif_is_l3_master(dev)) {
			lbdr_domain_del_dev(ln, dev);
			lbdr_domain_add_dev(ln, dev);
		}
		break;
	case NETDEV_UNREGISTER:
		lbdr_device_unregister(ln, dev);
		break;
	case NETDEV_UP:
		if (READ_ONCE(ln->nexthops.n))
			lbdr_peers_schedule_update(ln);
		fallthrough;
	case NETDEV_FEAT_CHANGE:
		if (dev->features & NETIF_F_LRO && lbdr_device_has_services(ln))
			lbdr_device_disable_lro(ln);
		break;
	}
	return NOTIFY_DONE;
}

static struct notifier_block lbdr_device_notifier = {
	.notifier_call = lbdr_device_event,
};

/**
 * lbdr_device_net_init() - Prepare a namespace
 * @ln: the namespace
 *
 * Context: process.
 */
void lbdr_device_net_init(struct lbdr_net *ln)
{
	INIT_WORK(&ln->lro, lbdr_device_lro_work);
}

/**
 * lbdr_device_net_exit() - Stop the work item of a namespace
 * @ln: the namespace, without services
 *
 * Context: process, RTNL is not held.
 */
void lbdr_device_net_exit(struct lbdr_net *ln)
{
	cancel_work_sync(&ln->lro);
}

/**
 * lbdr_device_init() - Register for netdevice events
 *
 * Context: process, after lbdr_net_init().
 * Return: 0 or a negative error.
 */
int lbdr_device_init(void)
{
	return register_netdevice_notifier(&lbdr_device_notifier);
}

/**
 * lbdr_device_exit() - Unregister from netdevice events
 *
 * The kernel calls the notifier with NETDEV_UNREGISTER for all devices, which drops all
 * domains.
 *
 * Context: process, after lbdr_net_stop(): there is no next hop.
 */
void lbdr_device_exit(void)
{
	unregister_netdevice_notifier(&lbdr_device_notifier);
}
