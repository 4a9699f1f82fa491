// SPDX-License-Identifier: GPL-2.0
/*
 * The director of each network namespace: init and exit.
 *
 * There are two sets of pernet operations, since the notifiers of the module, which
 * read struct lbdr_net, must be unregistered after the one and before the other.
 *
 * Stop, of the namespace or of the module, in this order: pre_exit removes the
 * services and with them the hooks. Then the kernel waits for a grace period,
 * after which no packet is in a hook and no packet can add a connection; no dump
 * runs either, since no socket is left in the namespace, or none of the family.
 * exit_batch cancels the work items and frees the tables, and waits for the callbacks
 * and the work item that free servers. No next hop is left then.
 *
 * Exit: frees what the notifiers read. A namespace that was created between stop and exit
 * of the module was not stopped; it has no services.
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
#include "limit.h"
#include "netlink.h"
#include "nexthop.h"
#include "peers.h"
#include "pool.h"
#include "reach.h"
#include "reclaim.h"
#include "service.h"
#include "source.h"
#include "stats.h"
#include "sync.h"
#include "vip.h"

unsigned int lbdr_net_id __read_mostly;
EXPORT_SYMBOL_LBDR(lbdr_net_id);

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
EXPORT_SYMBOL_LBDR(lbdr_lock);

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
EXPORT_SYMBOL_LBDR(lbdr_unlock);

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

VISIBLE_IF_KUNIT int __net_init lbdr_net_ops_init(struct net *net)
{
	struct lbdr_net *ln = lbdr_net(net);
	int err = -ENOMEM;

	ln->net = net;
	mutex_init(&ln->config);
	mutex_init(&ln->lock);
	lbdr_limit_net_init(ln);
	lbdr_vips_net_init(ln);
	lbdr_hook_net_init(ln);
	lbdr_ingress_net_init(ln);
	lbdr_domain_net_init(ln);
	lbdr_pool_net_init(ln);
	lbdr_drain_net_init(ln);
	lbdr_hold_net_init(ln);
	lbdr_device_net_init(ln);
	lbdr_peers_net_init(ln);
	lbdr_reach_net_init(ln);
	lbdr_sync_net_init(ln);
	lbdr_nl_batch_net_init(ln);
	lbdr_source_net_init(ln);
	ln->counters = lbdr_counters_alloc();
	if (!ln->counters)
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
	free_percpu(ln->counters);
	return err;
}
EXPORT_SYMBOL_FOR_KUNIT(lbdr_net_ops_init);

VISIBLE_IF_KUNIT void __net_exit lbdr_net_ops_exit(struct net *net)
{
	struct lbdr_net *ln = lbdr_net(net);

	/* Until now a device's event could queue these again. */
	lbdr_device_net_exit(ln);
	lbdr_ingress_net_exit(ln);
	lbdr_peers_net_exit(ln);
	lbdr_reach_net_exit(ln);
	if (!ln->stopped) {
		lbdr_service_table_exit(ln);
		lbdr_conn_table_exit(ln);
	}
	lbdr_nexthop_net_exit(ln);
	lbdr_domain_net_exit(ln);
	lbdr_limit_net_exit(ln);
	free_percpu(ln->counters);
}
EXPORT_SYMBOL_FOR_KUNIT(lbdr_net_ops_exit);

static struct pernet_operations lbdr_net_ops = {
	.init		= lbdr_net_ops_init,
	.exit		= lbdr_net_ops_exit,
	.id		= &lbdr_net_id,
	.size		= sizeof(struct lbdr_net),
};

static void __net_exit lbdr_net_stop_pre_exit(struct net *net)
{
	struct lbdr_net *ln = lbdr_net(net);

	lbdr_nl_batch_net_exit(ln);
	lbdr_sync_net_exit(ln);
	mutex_lock(&ln->config);
	lbdr_config_clear(ln);
	lbdr_ingress_retain(ln, NULL, 0);
	mutex_unlock(&ln->config);
}

static void __net_exit lbdr_net_stop_exit_batch(struct list_head *nets)
{
	struct net *net;

	list_for_each_entry(net, nets, exit_list) {
		lbdr_device_net_exit(lbdr_net(net));
		lbdr_ingress_net_exit(lbdr_net(net));
		lbdr_peers_net_exit(lbdr_net(net));
		lbdr_reach_net_exit(lbdr_net(net));
		lbdr_source_net_exit(lbdr_net(net));
		lbdr_drain_net_exit(lbdr_net(net));
		lbdr_pool_net_exit(lbdr_net(net));
		lbdr_service_table_exit(lbdr_net(net));
		lbdr_conn_table_exit(lbdr_net(net));
		lbdr_net(net)->stopped = true;
	}
	lbdr_reclaim_flush();
}

static struct pernet_operations lbdr_net_stop_ops = {
	.pre_exit	= lbdr_net_stop_pre_exit,
	.exit_batch	= lbdr_net_stop_exit_batch,
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
 * Context: process, after lbdr_net_stop(); the notifiers are unregistered.
 */
void lbdr_net_exit(void)
{
	unregister_pernet_subsys(&lbdr_net_ops);
}

/**
 * lbdr_net_start() - Let the exit of a namespace stop its director
 *
 * Context: process, after lbdr_net_init().
 * Return: 0 or a negative error.
 */
int lbdr_net_start(void)
{
	return register_pernet_subsys(&lbdr_net_stop_ops);
}

/**
 * lbdr_net_stop() - Stop the directors of all namespaces
 *
 * Services, connections, work items and next hops are gone when this returns.
 *
 * Context: process, the netlink family is unregistered.
 */
void lbdr_net_stop(void)
{
	unregister_pernet_subsys(&lbdr_net_stop_ops);
}

/**
 * lbdr_net_next() - Iterate over the namespaces, without a lock
 * @last: the last namespace, whose reference is dropped, or NULL to begin
 *
 * The reference keeps the namespace in the kernel's list, so the iteration finds each
 * namespace that exists all the time, and none twice.
 *
 * Context: process, may sleep.
 * Return: the next namespace, with a reference, or NULL.
 */
struct net *lbdr_net_next(struct net *last)
{
	struct net *net = last ?: list_entry(&net_namespace_list, struct net, list);
	bool found = false;

	rcu_read_lock();
	list_for_each_entry_continue_rcu(net, &net_namespace_list, list) {
		/* Not in a namespace that exits. */
		found = maybe_get_net(net);
		if (found)
			break;
	}
	rcu_read_unlock();
	if (last)
		put_net(last);
	return found ? net : NULL;
}
