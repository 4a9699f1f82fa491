// SPDX-License-Identifier: GPL-2.0
/*
 * The director of each network namespace: init and exit.
 *
 * Exit, of the namespace or of the module, in this order: pre_exit removes the
 * services and with them the hooks. Then the kernel waits for a grace period,
 * after which no packet is in a hook and no packet can add a connection; no dump
 * runs either, since no socket is left in the namespace, or none of the family.
 * exit_batch stops the work items and frees the tables. Before the kernel frees
 * struct lbdr_net, rcu_barrier() waits for RCU callbacks that refer to it.
 */
#include <net/net_namespace.h>

#include "config.h"
#include "conn.h"
#include "device.h"
#include "domain.h"
#include "drain.h"
#include "hold.h"
#include "hook.h"
#include "ingress.h"
#include "lbdr.h"
#include "lbdr_trace.h"
#include "nexthop.h"
#include "peers.h"
#include "pool.h"
#include "service.h"
#include "stats.h"

unsigned int lbdr_net_id __read_mostly;
EXPORT_SYMBOL_FOR_KUNIT(lbdr_net_id);

/**
 * lbdr_lock() - Take lbdr_net.lock
 * @ln: the namespace
 *
 * Every hold is short and reported by the tracepoint lbdr_lock_hold.
 *
 * Context: process, may sleep; RTNL not held.
 */
void lbdr_lock(struct lbdr_net *ln)
{
	mutex_lock(&ln->lock);
	ln->locked_at = trace_lbdr_lock_hold_enabled() ? ktime_get_ns() : 0;
}
EXPORT_SYMBOL_FOR_KUNIT(lbdr_lock);

/**
 * lbdr_unlock() - Release lbdr_net.lock
 * @ln: the namespace
 *
 * Context: process, lbdr_net.lock held.
 */
void lbdr_unlock(struct lbdr_net *ln)
{
	if (ln->locked_at)
		trace_lbdr_lock_hold(ln, ktime_get_ns() - ln->locked_at);
	mutex_unlock(&ln->lock);
}
EXPORT_SYMBOL_FOR_KUNIT(lbdr_unlock);

/**
 * lbdr_lock_break() - Release and retake lbdr_net.lock to let waiters proceed
 * @ln: the namespace
 *
 * Context: process, may sleep; lbdr_net.config and lbdr_net.lock held, so objects
 * of the configuration do not change meanwhile.
 */
void lbdr_lock_break(struct lbdr_net *ln)
{
	lockdep_assert_held(&ln->config);

	lbdr_unlock(ln);
	cond_resched();
	lbdr_lock(ln);
}

static int __net_init lbdr_net_ops_init(struct net *net)
{
	struct lbdr_net *ln = lbdr_net(net);
	int err = -ENOMEM;

	ln->net = net;
	mutex_init(&ln->config);
	mutex_init(&ln->lock);
	lbdr_hook_net_init(ln);
	lbdr_ingress_net_init(ln);
	lbdr_domain_net_init(ln);
	lbdr_pool_net_init(ln);
	lbdr_drain_net_init(ln);
	lbdr_hold_net_init(ln);
	lbdr_device_net_init(ln);
	lbdr_peers_net_init(ln);
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

	mutex_lock(&ln->config);
	lbdr_config_clear(ln);
	lbdr_ingress_retain(ln, NULL, 0);
	mutex_unlock(&ln->config);
}

static void __net_exit lbdr_net_ops_exit_batch(struct list_head *nets)
{
	struct net *net;

	list_for_each_entry(net, nets, exit_list) {
		lbdr_device_net_exit(lbdr_net(net));
		lbdr_ingress_net_exit(lbdr_net(net));
		lbdr_peers_net_exit(lbdr_net(net));
		lbdr_drain_net_exit(lbdr_net(net));
		lbdr_pool_net_exit(lbdr_net(net));
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
 * lbdr_net_init() - Register the director of every namespace
 *
 * Context: process.
 * Return: 0 or a negative error.
 */
int lbdr_net_init(void)
{
	return register_pernet_subsys(&lbdr_net_ops);
}

/**
 * lbdr_net_exit() - Unregister the directors of all namespaces
 *
 * Context: process, the netlink family is unregistered.
 */
void lbdr_net_exit(void)
{
	unregister_pernet_subsys(&lbdr_net_ops);
}
