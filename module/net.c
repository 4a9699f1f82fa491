// SPDX-License-Identifier: GPL-2.0
/*
 * The director of each network namespace: its birth and its death.
 *
 * Death, of the namespace or of the module, in this order: pre_exit removes
 * the services and with them the hooks; the kernel waits for a grace period,
 * after which no packet is in a hook, no packet can make a connection, and no
 * dump can run, since there is no socket left in the namespace, or none of the
 * family; exit stops the works and frees the tables; and before the
 * kernel frees struct lbdr_net, rcu_barrier() waits for what call_rcu() still
 * has to free, which refers to it.
 */
#include <net/net_namespace.h>

#include "batch.h"
#include "conn.h"
#include "device.h"
#include "domain.h"
#include "hook.h"
#include "ingress.h"
#include "lbdr.h"
#include "nexthop.h"
#include "peers.h"
#include "pool.h"
#include "server.h"
#include "service.h"
#include "stats.h"

unsigned int lbdr_net_id __read_mostly;
EXPORT_SYMBOL_FOR_KUNIT(lbdr_net_id);

static int __net_init lbdr_net_ops_init(struct net *net)
{
	struct lbdr_net *ln = lbdr_net(net);
	int err = -ENOMEM;

	ln->net = net;
	mutex_init(&ln->lock);
	lbdr_hook_net_init(ln);
	lbdr_ingress_net_init(ln);
	lbdr_domain_net_init(ln);
	lbdr_pool_init(ln);
	lbdr_server_drain_init(ln);
	lbdr_device_net_init(ln);
	lbdr_peers_net_init(ln);
	lbdr_batch_net_init(ln);
	ln->drops = __alloc_percpu_gfp(LBDR_DROPS * sizeof(u64), sizeof(u64),
				       GFP_KERNEL_ACCOUNT);
	if (!ln->drops)
		return err;
	err = lbdr_nexthop_net_init(ln);
	if (err)
		goto err_nexthops;
	err = lbdr_conn_table_init(ln);
	if (err)
		goto err_conns;
	err = lbdr_service_table_init(ln);
	if (err)
		goto err_services;
	return 0;

err_services:
	lbdr_conn_table_exit(ln);
err_conns:
	lbdr_nexthop_net_exit(ln);
err_nexthops:
	free_percpu(ln->drops);
	return err;
}

static void __net_exit lbdr_net_ops_pre_exit(struct net *net)
{
	struct lbdr_net *ln = lbdr_net(net);

	/* Of a module that is unloaded under an open socket */
	lbdr_batch_net_exit(ln);
	mutex_lock(&ln->lock);
	lbdr_service_clear(ln, NULL, NULL);
	lbdr_ingress_retain(ln, NULL, 0);
	mutex_unlock(&ln->lock);
}

static void __net_exit lbdr_net_ops_exit_batch(struct list_head *nets)
{
	struct net *net;

	list_for_each_entry(net, nets, exit_list) {
		lbdr_device_net_exit(lbdr_net(net));
		lbdr_ingress_net_exit(lbdr_net(net));
		lbdr_peers_net_exit(lbdr_net(net));
		lbdr_server_drain_exit(lbdr_net(net));
		lbdr_pool_exit(lbdr_net(net));
		lbdr_service_table_exit(lbdr_net(net));
		lbdr_conn_table_exit(lbdr_net(net));
	}
	rcu_barrier();
	list_for_each_entry(net, nets, exit_list) {
		lbdr_nexthop_net_exit(lbdr_net(net));
		lbdr_domain_net_exit(lbdr_net(net));
		free_percpu(lbdr_net(net)->drops);
	}
}

static struct pernet_operations lbdr_net_ops = {
	.init		= lbdr_net_ops_init,
	.pre_exit	= lbdr_net_ops_pre_exit,
	.exit_batch	= lbdr_net_ops_exit_batch,
	.id		= &lbdr_net_id,
	.size		= sizeof(struct lbdr_net),
};

/**
 * lbdr_net_init() - a director for every namespace, present and to come
 *
 * Context: process.
 * Return: 0 or a negative error.
 */
int lbdr_net_init(void)
{
	return register_pernet_subsys(&lbdr_net_ops);
}

/**
 * lbdr_net_exit() - no directors any more
 *
 * Context: process, the netlink family is gone.
 */
void lbdr_net_exit(void)
{
	unregister_pernet_subsys(&lbdr_net_ops);
}
