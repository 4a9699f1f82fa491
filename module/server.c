// SPDX-License-Identifier: GPL-2.0
/*
 * Real servers: their birth, change and removal.
 *
 * A server belongs to one service. It is added, changed and removed under
 * lbdr_net.lock; packets reach it through a pool or a connection, each of
 * which holds a reference until a grace period after the last packet that
 * could see it. So whoever finds a server by one of these under
 * rcu_read_lock() may use it, and whoever puts the last reference may free it
 * at once.
 *
 * A server that was removed is dead: its counts are folded into its service,
 * it is in no pool any more, and its connections are not found any more. The
 * collector reaps them, and the server's memory goes with the last.
 */
#include "lbdr.h"
#include "nexthop.h"
#include "ntf.h"
#include "pool.h"
#include "server.h"
#include "service.h"
#include "stats.h"
#include "xmit.h"

/* How often it is looked whether a server that drains has run dry */
#define DRAIN_PERIOD	(HZ / 4 ?: 1)

/**
 * lbdr_server_counts() - what a server has got since the last zero operation
 * @server: the server
 * @counts: filled in
 *
 * Context: lbdr_net.lock held.
 */
void lbdr_server_counts(const struct lbdr_server *server,
			struct lbdr_counts *counts)
{
	lockdep_assert_held(&server->ln->lock);

	lbdr_stats_sum(server->stats, counts);
	counts->conns -= server->zero.conns;
	counts->packets -= server->zero.packets;
	counts->bytes -= server->zero.bytes;
}

/**
 * lbdr_server_settings() - what a server is like
 * @server: the server
 * @settings: filled in
 *
 * Context: lbdr_net.lock held.
 */
void lbdr_server_settings(const struct lbdr_server *server,
			  struct lbdr_server_settings *settings)
{
	lockdep_assert_held(&server->ln->lock);

	settings->weight = server->weight;
	settings->upper = server->upper;
	settings->lower = server->lower;
}

/**
 * lbdr_server_find() - a server of a service
 * @service: the service
 * @addr: the RIP
 *
 * Context: lbdr_net.lock held.
 * Return: the server or NULL.
 */
struct lbdr_server *lbdr_server_find(const struct lbdr_service *service,
				     const union nf_inet_addr *addr)
{
	struct lbdr_server *server;

	list_for_each_entry(server, &service->servers, list)
		if (nf_inet_addr_cmp(&server->addr, addr))
			return server;
	return NULL;
}

/**
 * lbdr_server_make() - a server that nobody knows of
 * @ln: the namespace
 * @service: the service that it will be of
 * @addr: the RIP, of the service's family
 * @settings: what it is to be like
 *
 * Context: process.
 * Return: the server with one reference, or NULL.
 */
struct lbdr_server *lbdr_server_make(struct lbdr_net *ln,
				     struct lbdr_service *service,
				     const union nf_inet_addr *addr,
				     const struct lbdr_server_settings *settings)
{
	struct lbdr_server *server;
	int cpu;

	server = kzalloc(sizeof(*server), GFP_KERNEL_ACCOUNT);
	if (!server)
		return NULL;
	server->stats = alloc_percpu_gfp(struct lbdr_stats,
					 GFP_KERNEL_ACCOUNT);
	if (!server->stats) {
		kfree(server);
		return NULL;
	}
	for_each_possible_cpu(cpu)
		u64_stats_init(&per_cpu_ptr(server->stats, cpu)->sync);

	server->nexthop = lbdr_nexthop_get(ln, service->key.family, addr);
	if (!server->nexthop) {
		free_percpu(server->stats);
		kfree(server);
		return NULL;
	}
	server->xmit = &lbdr_xmit_dr;
	server->addr = *addr;
	server->family = service->key.family;
	server->ln = ln;
	server->service = service;
	INIT_LIST_HEAD(&server->drain);
	server->weight = settings->weight;
	server->upper = settings->upper;
	server->lower = settings->lower;
	refcount_set(&server->refs, 1);
	spin_lock_init(&server->lock);
	return server;
}

/**
 * lbdr_server_put() - give back a reference
 * @server: the server
 *
 * Context: any.
 */
void lbdr_server_put(struct lbdr_server *server)
{
	if (!refcount_dec_and_test(&server->refs))
		return;
	lbdr_nexthop_put(server->nexthop);
	free_percpu(server->stats);
	kfree_rcu(server, rcu);
}
EXPORT_SYMBOL_FOR_KUNIT(lbdr_server_put);

/**
 * lbdr_server_enlist() - a server is the last of its service
 * @service: the service
 * @server: in no list; one reference is the service's from now on
 *
 * Context: process, lbdr_net.lock held, or nobody else knows of @service.
 */
void lbdr_server_enlist(struct lbdr_service *service,
			struct lbdr_server *server)
{
	server->number = ++service->last_number;
	list_add_tail_rcu(&server->list, &service->servers);
	service->n_servers++;
}

/**
 * lbdr_server_add() - add a server to a service
 * @ln: the namespace
 * @service: the service, which does not have it
 * @addr: the RIP, of the service's family
 * @settings: what it is to be like
 *
 * Context: process, lbdr_net.lock held.
 * Return: the server, or ERR_PTR(-ENOMEM), or ERR_PTR(-ENOSPC) when the
 * service has LBDR_SERVER_MAX servers.
 */
struct lbdr_server *
lbdr_server_add(struct lbdr_net *ln, struct lbdr_service *service,
		const union nf_inet_addr *addr,
		const struct lbdr_server_settings *settings)
{
	struct lbdr_server *server;
	int err;

	lockdep_assert_held(&ln->lock);

	if (service->n_servers == LBDR_SERVER_MAX)
		return ERR_PTR(-ENOSPC);
	server = lbdr_server_make(ln, service, addr, settings);
	if (!server)
		return ERR_PTR(-ENOMEM);

	lbdr_server_enlist(service, server);
	err = lbdr_pool_renew(ln, service);
	if (err)
		goto err_pool;
	ln->generation++;
	return server;

err_pool:
	service->n_servers--;
	list_del_rcu(&server->list);
	lbdr_server_put(server);
	return ERR_PTR(err);
}

/**
 * lbdr_server_set() - change a server's share of new connections
 * @ln: the namespace
 * @service: the service
 * @server: its server
 * @settings: what it is to be like
 *
 * Context: process, lbdr_net.lock held.
 * Return: 0, or -ENOMEM and nothing is changed.
 */
int lbdr_server_set(struct lbdr_net *ln, struct lbdr_service *service,
		    struct lbdr_server *server,
		    const struct lbdr_server_settings *settings)
{
	u32 old = server->weight;
	int err;

	lockdep_assert_held(&ln->lock);

	if (settings->weight != old) {
		WRITE_ONCE(server->weight, settings->weight);
		err = lbdr_pool_renew(ln, service);
		if (err) {
			WRITE_ONCE(server->weight, old);
			return err;
		}
	}
	WRITE_ONCE(server->upper, settings->upper);
	WRITE_ONCE(server->lower, settings->lower);
	lbdr_server_update_overload(server);
	ln->generation++;
	return 0;
}

/**
 * lbdr_server_update_overload() - say whether a server has too many connections
 * @server: the server, whose connections or thresholds have just changed
 *
 * Thresholds as ipvsadm(8) has them: overloaded from @upper connections on,
 * active or not, until there are fewer than @lower, or than three quarters of
 * @upper. The last one to come here has seen what all others before it changed,
 * so the verdict is right when all are done.
 *
 * Context: any but hard interrupt.
 */
void lbdr_server_update_overload(struct lbdr_server *server)
{
	u32 total, upper, lower;

	spin_lock_bh(&server->lock);
	upper = READ_ONCE(server->upper);
	lower = READ_ONCE(server->lower) ?: upper - upper / 4;
	total = lbdr_server_active(server) + lbdr_server_inactive(server);
	if (!upper)
		WRITE_ONCE(server->overloaded, false);
	else if (total >= upper)
		WRITE_ONCE(server->overloaded, true);
	else if (total < lower)
		WRITE_ONCE(server->overloaded, false);
	spin_unlock_bh(&server->lock);
}

/* Among those that wait for their last connection, or no more. */
static void lbdr_server_await(struct lbdr_server *server)
{
	struct lbdr_net *ln = server->ln;

	list_del_init(&server->drain);
	if (!server->draining)
		return;
	list_add_tail(&server->drain, &ln->draining);
	queue_delayed_work(system_power_efficient_wq, &ln->drain, DRAIN_PERIOD);
}

static void lbdr_server_set_drain(struct lbdr_server *server, bool drain)
{
	if (drain == server->draining)
		return;
	WRITE_ONCE(server->draining, drain);
	lbdr_server_await(server);
}

static bool lbdr_server_looser(u32 upper, u32 than)
{
	return than && (!upper || upper > than);
}

/**
 * lbdr_server_loosen() - take from a change what lets more connections in
 * @server: the server
 * @settings: what it is to be like
 * @drain: whether it is to drain
 *
 * Where several servers of a service change at once, this comes before the new
 * pool and lbdr_server_settle() after it: a packet that finds the old pool meets
 * nobody closed who was open, and with the new one nobody who is to be open and
 * is not yet.
 *
 * Context: process, lbdr_net.lock held.
 */
void lbdr_server_loosen(struct lbdr_server *server,
			const struct lbdr_server_settings *settings, bool drain)
{
	lockdep_assert_held(&server->ln->lock);

	if (!drain)
		lbdr_server_set_drain(server, false);
	if (!server->weight && settings->weight)
		WRITE_ONCE(server->weight, settings->weight);
	if (lbdr_server_looser(settings->upper, server->upper)) {
		WRITE_ONCE(server->upper, settings->upper);
		WRITE_ONCE(server->lower, settings->lower);
		lbdr_server_update_overload(server);
	}
}

/**
 * lbdr_server_settle() - and all the rest of it
 * @server: the server
 * @settings: what it is to be like
 * @drain: whether it is to drain
 *
 * Context: process, lbdr_net.lock held.
 */
void lbdr_server_settle(struct lbdr_server *server,
			const struct lbdr_server_settings *settings, bool drain)
{
	lockdep_assert_held(&server->ln->lock);

	WRITE_ONCE(server->weight, settings->weight);
	if (server->upper != settings->upper ||
	    server->lower != settings->lower) {
		WRITE_ONCE(server->upper, settings->upper);
		WRITE_ONCE(server->lower, settings->lower);
		lbdr_server_update_overload(server);
	}
	lbdr_server_set_drain(server, drain);
}

/**
 * lbdr_server_retire() - end a server that no pool will offer any more
 * @service: its service
 * @server: the server, still in the list of @service; the configuration's
 *	reference is given back
 *
 * Context: process, lbdr_net.lock held.
 */
void lbdr_server_retire(struct lbdr_service *service,
			struct lbdr_server *server)
{
	struct lbdr_counts counts;

	/* Read by packets: connections of a dead server are not found */
	WRITE_ONCE(server->dead, true);

	lbdr_server_counts(server, &counts);
	service->folded.conns += counts.conns;
	service->folded.packets += counts.packets;
	service->folded.bytes += counts.bytes;

	list_del_rcu(&server->list);
	list_del(&server->drain);
	service->n_servers--;
	lbdr_server_put(server);
}

/**
 * lbdr_server_del() - remove a server from its service
 * @ln: the namespace
 * @service: the service
 * @server: its server, not to be used after this
 *
 * Context: process, lbdr_net.lock held.
 * Return: 0, or -ENOMEM and nothing is changed.
 */
int lbdr_server_del(struct lbdr_net *ln, struct lbdr_service *service,
		    struct lbdr_server *server)
{
	struct lbdr_server *prev = list_prev_entry(server, list);
	int err;

	lockdep_assert_held(&ln->lock);

	/* Off the list while the pool is built, and back where it was. */
	list_del_rcu(&server->list);
	err = lbdr_pool_renew(ln, service);
	list_add_rcu(&server->list, &prev->list);
	if (err)
		return err;

	lbdr_server_retire(service, server);
	ln->generation++;
	return 0;
}

/**
 * lbdr_server_drain() - let a server go when its last connection has gone
 * @ln: the namespace
 * @service: the service
 * @server: its server
 * @drain: or take that back
 *
 * Until then it gets no new connection, of persistent clients neither.
 *
 * Context: process, lbdr_net.lock held.
 * Return: 0, or -ENOMEM and nothing is changed.
 */
int lbdr_server_drain(struct lbdr_net *ln, struct lbdr_service *service,
		      struct lbdr_server *server, bool drain)
{
	int err;

	lockdep_assert_held(&ln->lock);

	WRITE_ONCE(server->draining, drain);
	err = lbdr_pool_renew(ln, service);
	if (err) {
		WRITE_ONCE(server->draining, !drain);
		return err;
	}
	lbdr_server_await(server);
	ln->generation++;
	return 0;
}

/*
 * A packet that chose a server before it began to drain has made its connection
 * when a grace period is over: none comes after the look at the counts.
 */
static void lbdr_server_drain_work(struct work_struct *work)
{
	struct lbdr_net *ln = container_of(to_delayed_work(work),
					   struct lbdr_net, drain);
	struct lbdr_server *server, *next;
	struct sk_buff *ntf;
	LIST_HEAD(seen);

	mutex_lock(&ln->lock);
	list_splice_init(&ln->draining, &seen);
	mutex_unlock(&ln->lock);
	synchronize_rcu();

	mutex_lock(&ln->lock);
	list_for_each_entry_safe(server, next, &seen, drain) {
		if (lbdr_server_active(server) || lbdr_server_inactive(server))
			continue;
		/* Without memory for a pool it is tried again. */
		ntf = lbdr_nl_prepare_drained(server);
		lbdr_nl_send_drained(ln, ntf,
				     lbdr_server_del(ln, server->service,
						     server));
	}
	list_splice(&seen, &ln->draining);
	if (!list_empty(&ln->draining))
		queue_delayed_work(system_power_efficient_wq, &ln->drain,
				   DRAIN_PERIOD);
	mutex_unlock(&ln->lock);
}

/**
 * lbdr_server_drain_init() - no server of a namespace drains yet
 * @ln: the namespace
 *
 * Context: process.
 */
void lbdr_server_drain_init(struct lbdr_net *ln)
{
	INIT_LIST_HEAD(&ln->draining);
	INIT_DELAYED_WORK(&ln->drain, lbdr_server_drain_work);
}

/**
 * lbdr_server_drain_exit() - none will any more
 * @ln: the namespace, without services
 *
 * Context: process.
 */
void lbdr_server_drain_exit(struct lbdr_net *ln)
{
	cancel_delayed_work_sync(&ln->drain);
}
