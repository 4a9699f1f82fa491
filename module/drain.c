// SPDX-License-Identifier: GPL-2.0
/*
 * Servers that drain: they get no new connections, and are removed when the
 * last connection has ended.
 *
 * A work item looks at all of them every DRAIN_PERIOD, as long as there are
 * any, and removes those without connections in one transaction. A packet that
 * chose a server just before it began to drain may still add a connection, until
 * a grace period has passed. So servers that begin to drain are in lbdr_net.draining;
 * the work item moves them to lbdr_net.drained, waits for a grace period, and removes only
 * servers of that list.
 *
 * The same work item removes servers and services that were held long enough (hold.c).
 * If no server drains, it runs when the first hold time ends.
 *
 * A transaction of the work item removes LBDR_DRAIN_BATCH objects at most. The work item
 * releases lbdr_net.config after each, so a command waits for one.
 */
#include "config.h"
#include "drain.h"
#include "hold.h"
#include "limit.h"
#include "server.h"

#define DRAIN_PERIOD	(HZ / 4 ?: 1)

/**
 * lbdr_drain_queue() - Queue the work item for the time when it has something to do
 * @ln: the namespace
 *
 * Must be called when the first server begins to drain and when lbdr_hold_delay()
 * returns a shorter time than before; not more often, since this delays the work item.
 *
 * Context: process, lbdr_net.lock held.
 */
void lbdr_drain_queue(struct lbdr_net *ln)
{
	long delay = 0;

	if (!lbdr_drain_any(ln) && !lbdr_hold_delay(ln, &delay))
		return;
	mod_delayed_work(lbdr_wq_of(ln), &ln->drain, max_t(long, delay, DRAIN_PERIOD));
}

/**
 * lbdr_drain_update() - Move a server to the list that the work item finds it in
 * @server: the server, which has just begun or ceased to drain or to be held
 *
 * Context: process, lbdr_net.lock held.
 */
void lbdr_drain_update(struct lbdr_server *server)
{
	struct lbdr_net *ln = server->ln;
	bool first;

	lockdep_assert_held(&ln->lock);

	list_del_init(&server->drain);
	first = !lbdr_drain_any(ln);
	if (server->draining)
		list_add_tail(&server->drain, &ln->draining);
	else if (server->held)
		list_add_tail(&server->drain, &ln->held_servers);
	if (server->draining && first)
		lbdr_drain_queue(ln);
}

/* Waits until no packet adds a connection to the servers that have begun to drain. */
static void lbdr_drain_wait(struct lbdr_net *ln)
{
	bool any;

	lbdr_lock(ln);
	any = !list_empty(&ln->draining);
	list_splice_tail_init(&ln->draining, &ln->drained);
	lbdr_unlock(ln);
	if (any)
		synchronize_rcu();
}

/*
 * Stages the removal of servers without connections; 0 or a negative error. @left: how many
 * objects the transaction may still remove
 */
static int lbdr_drain_stage(struct lbdr_config *config, u32 *left)
{
	struct lbdr_staged_service *service;
	struct lbdr_staged_server *staged;
	struct lbdr_server *server;

	/* Servers join and leave the list only under lbdr_net.config. */
	list_for_each_entry(server, &config->ln->drained, drain) {
		cond_resched();
		if (lbdr_server_active(server) || lbdr_server_inactive(server))
			continue;
		service = lbdr_config_service(config, &server->service->key);
		if (IS_ERR(service))
			return PTR_ERR(service);
		staged = lbdr_config_server(config, service, server->family,
					    &server->addr);
		if (IS_ERR(staged))
			return PTR_ERR(staged);
		lbdr_config_server_del(config, service, staged);
		if (!--*left)
			break;
	}
	return 0;
}

/* One transaction. Returns true if there may be more to remove. */
static bool lbdr_drain_remove_some(struct lbdr_net *ln, struct lbdr_config *config)
{
	u32 left = LBDR_DRAIN_BATCH;
	bool more;
	int err;

	mutex_lock(&ln->config);
	lbdr_config_begin(config, ln, true, NULL);
	err = lbdr_drain_stage(config, &left);
	if (!err && left)
		err = lbdr_hold_stage_expired(config, &left);
	if (!err)
		err = lbdr_config_commit(config);
	lbdr_config_end(config);
	more = !err && !left;
	if (!more)
		lbdr_hold_find_next(ln);
	mutex_unlock(&ln->config);
	cond_resched();
	return more;
}

/* Without memory the removal is tried again in the next period. */
static void lbdr_drain_remove(struct lbdr_net *ln)
{
	struct mem_cgroup *old = lbdr_limit_charge_begin(ln);
	struct lbdr_config *config;

	config = kzalloc(sizeof(*config), GFP_KERNEL);
	if (config)
		while (lbdr_drain_remove_some(ln, config))
			;
	kfree(config);
	lbdr_limit_charge_end(old);
}

static void lbdr_drain_work(struct work_struct *work)
{
	struct lbdr_net *ln = container_of(to_delayed_work(work),
					   struct lbdr_net, drain);

	lbdr_drain_wait(ln);
	lbdr_drain_remove(ln);

	lbdr_lock(ln);
	lbdr_drain_queue(ln);
	lbdr_unlock(ln);
}

/**
 * lbdr_drain_net_init() - Prepare a namespace
 * @ln: the namespace
 *
 * Context: process.
 */
void lbdr_drain_net_init(struct lbdr_net *ln)
{
	INIT_LIST_HEAD(&ln->draining);
	INIT_LIST_HEAD(&ln->drained);
	INIT_DELAYED_WORK(&ln->drain, lbdr_drain_work);
}

/**
 * lbdr_drain_net_exit() - Stop the work item of a namespace
 * @ln: the namespace, without services
 *
 * Context: process, lbdr_net.config not held.
 */
void lbdr_drain_net_exit(struct lbdr_net *ln)
{
	cancel_delayed_work_sync(&ln->drain);
}
