// SPDX-License-Identifier: GPL-2.0
/*
 * Network devices that come, change and go in a namespace with services.
 *
 * A device that goes away waits for whoever refers to it. The kernel takes it
 * out of a cached route itself, but an IPv6 route refers, beside the device, to
 * the entry of the routing table that it was made from, and that one keeps the
 * device until the route is put. So routes that are no longer valid are dropped
 * when a device is unregistered. No packet brings one back: the device's routes
 * went from the routing table when it was brought down, and between that and
 * NETDEV_UNREGISTER the kernel waits for a grace period, so what looked the old
 * route up has published it before, if at all.
 *
 * LRO merges packets of a connection into one that cannot be taken apart again as
 * it was, so nothing that forwards may use it. Where ip_forward is on the kernel
 * has switched it off; a director needs no ip_forward, so it does so itself, in
 * process context, since RTNL comes before lbdr_net.lock.
 */
#include <linux/netdevice.h>
#include <linux/rtnetlink.h>

#include "device.h"
#include "ingress.h"
#include "lbdr.h"
#include "route.h"
#include "server.h"
#include "service.h"

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
 * lbdr_device_disable_lro() - a namespace has services from now on
 * @ln: the namespace
 *
 * Context: process.
 */
void lbdr_device_disable_lro(struct lbdr_net *ln)
{
	schedule_work(&ln->lro);
}

static void lbdr_device_prune(struct lbdr_net *ln)
{
	struct lbdr_service *service;
	struct lbdr_server *server;

	list_for_each_entry(service, &ln->service_list, list)
		list_for_each_entry(server, &service->servers, list)
			lbdr_route_prune(server);
}

/* RTNL is held, which lbdr never takes while it holds lbdr_net.lock. */
static int lbdr_device_event(struct notifier_block *nb, unsigned long event,
			     void *ptr)
{
	struct net_device *dev = netdev_notifier_info_to_dev(ptr);
	struct lbdr_net *ln = lbdr_net(dev_net(dev));

	switch (event) {
	case NETDEV_UNREGISTER:
		mutex_lock(&ln->lock);
		lbdr_ingress_del_dev(ln, dev);
		lbdr_device_prune(ln);
		mutex_unlock(&ln->lock);
		break;
	case NETDEV_UP:
	case NETDEV_FEAT_CHANGE:
		mutex_lock(&ln->lock);
		if (dev->features & NETIF_F_LRO && !list_empty(&ln->service_list))
			lbdr_device_disable_lro(ln);
		mutex_unlock(&ln->lock);
		break;
	}
	return NOTIFY_DONE;
}

static struct notifier_block lbdr_device_notifier = {
	.notifier_call = lbdr_device_event,
};

/**
 * lbdr_device_net_init() - prepare a namespace that is being made
 * @ln: the namespace
 *
 * Context: process.
 */
void lbdr_device_net_init(struct lbdr_net *ln)
{
	INIT_WORK(&ln->lro, lbdr_device_lro_work);
}

/**
 * lbdr_device_net_exit() - nothing is to be done in a namespace any more
 * @ln: the namespace, without services
 *
 * Context: process, RTNL is not held.
 */
void lbdr_device_net_exit(struct lbdr_net *ln)
{
	cancel_work_sync(&ln->lro);
}

/**
 * lbdr_device_init() - watch devices
 *
 * Context: process, every namespace has its director.
 * Return: 0 or a negative error.
 */
int lbdr_device_init(void)
{
	return register_netdevice_notifier(&lbdr_device_notifier);
}

/**
 * lbdr_device_exit() - watch no more
 *
 * What is still cached of routes goes with its service. A device that is being
 * removed just then waits for that.
 *
 * Context: process.
 */
void lbdr_device_exit(void)
{
	unregister_netdevice_notifier(&lbdr_device_notifier);
}
