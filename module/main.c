// SPDX-License-Identifier: GPL-2.0
/*
 * lbdr: a director that forwards by destination MAC or in tunnels. Module init and exit.
 *
 * Where to start reading: lbdr.h (objects, locks), hook.c (path of a packet), xmit_dr.c
 * and xmit_tunnel.c (transmission), config.c (transactions), netlink.c (netlink family).
 */
#include <linux/module.h>
#include <linux/workqueue.h>

#include "compat.h"
#include "conn.h"
#include "device.h"
#include "encap.h"
#include "lbdr.h"
#include "netlink.h"
#include "peers.h"
#include "symbols.h"
#include "sync.h"
#include "xdp.h"

/* Work items of users' namespaces that run at a time */
#define USER_ACTIVE	16

/*
 * Unbound: these work items may take long, and a queue of one CPU would run them in place
 * of the process that changes the configuration on that CPU. A queue runs a bounded number
 * of work items at a time, so users' namespaces have one of their own: however many of
 * theirs take long, those of the host do not wait.
 */
struct workqueue_struct *lbdr_wq;
EXPORT_SYMBOL_LBDR(lbdr_wq);
struct workqueue_struct *lbdr_user_wq;
EXPORT_SYMBOL_LBDR(lbdr_user_wq);

static int __init lbdr_init(void)
{
	int err = -ENOMEM;

	lbdr_encap_init();
	lbdr_wq = alloc_workqueue("lbdr", WQ_UNBOUND, 0);
	if (!lbdr_wq)
		return err;
	lbdr_user_wq = alloc_workqueue("lbdr-user", WQ_UNBOUND, USER_ACTIVE);
	if (!lbdr_user_wq)
		goto err_user_wq;
	err = lbdr_conn_init();
	if (err)
		goto err_conn;
	err = lbdr_sync_init();
	if (err)
		goto err_sync;
	err = lbdr_net_init();
	if (err)
		goto err_net;
	err = lbdr_device_init();
	if (err)
		goto err_device;
	err = lbdr_peers_init();
	if (err)
		goto err_peers;
	err = lbdr_net_start();
	if (err)
		goto err_start;
	/* User space can change the configuration from here on. */
	err = lbdr_netlink_init();
	if (err)
		goto err_netlink;
	lbdr_xdp_init();
	return 0;

err_netlink:
	lbdr_net_stop();
err_start:
	lbdr_peers_exit();
err_peers:
	lbdr_device_exit();
err_device:
	lbdr_net_exit();
err_net:
	lbdr_sync_exit();
err_sync:
	lbdr_conn_exit();
err_conn:
	destroy_workqueue(lbdr_user_wq);
err_user_wq:
	destroy_workqueue(lbdr_wq);
	return err;
}

/*
 * The reverse of lbdr_init(). A namespace with services holds a reference to the
 * module, so there are none, but connections may be left. The notifier of devices is
 * unregistered after lbdr_net_stop(): no route is cached then, and none can be added
 * that would keep a device from being removed. The callbacks that lbdr_net_exit() has
 * waited for may have queued others, for example those that free routes:
 * rcu_barrier() waits for these.
 */
static void __exit lbdr_exit(void)
{
	lbdr_netlink_exit();
	lbdr_net_stop();
	lbdr_peers_exit();
	lbdr_device_exit();
	lbdr_net_exit();
	lbdr_sync_exit();
	rcu_barrier();
	lbdr_conn_exit();
	destroy_workqueue(lbdr_user_wq);
	destroy_workqueue(lbdr_wq);
	lbdr_symbols_put_all();
}

module_init(lbdr_init);
module_exit(lbdr_exit);

MODULE_DESCRIPTION("Director that forwards by destination MAC (LVS Direct Routing)");
MODULE_AUTHOR("The lbdr authors");
MODULE_LICENSE("GPL");
MODULE_VERSION(LBDR_MODULE_VERSION);
MODULE_ALIAS_GENL_FAMILY(LBDR_FAMILY_NAME);
