// SPDX-License-Identifier: GPL-2.0
/*
 * Reachability of servers, for services with the flag skip-unreachable: while the neighbour
 * of a server cannot be resolved, the schedulers skip the server.
 *
 * Theory of operation
 *
 * 1. A next hop has failed if the resolution of its neighbour has failed (NUD_FAILED) and
 *    the neighbour has not been valid since. While the kernel tries again, the neighbour is
 *    NUD_INCOMPLETE, which changes nothing. lbdr_nexthop.failed_at is set and cleared by
 *    neighbour events, and by the work item, which reads the neighbour's state.
 *
 * 2. A server is unreachable if its next hop failed HOLD ago or earlier. The work item
 *    probes the neighbour at once when it has failed, so a server whose neighbour entry was
 *    only removed (`ip neigh flush`) answers within HOLD, and no scheduler's table changes.
 *    The next hop is that of the service's L3 domain. A service of all domains has several:
 *    the server is unreachable if one has failed and the neighbour of none is valid.
 *
 * 3. Schedulers skip an unreachable server like a quiesced one. The pool is built again
 *    without it, so that mh and sh choose another server for its clients. When that pool
 *    is published, lbdr_server_open() becomes false, for persistent clients and for the
 *    destinations of lblc and lblcr. If every server that could get connections is
 *    unreachable, none is skipped: the choice is as without the flag, and clients get an
 *    ICMP error.
 *
 * 4. A skipped server gets only the packets of old connections, so without them the kernel
 *    would never find out that the server is back. The work item probes its neighbour every
 *    HOLD. If the neighbour entry was removed and the neighbour table has gc_thresh1
 *    entries, it cannot be probed. Then the next hop no longer counts as failed, and packets
 *    to the server create the entry.
 *
 * The work item runs in process context: when a neighbour fails or is valid again, when a
 * service that skips servers changes, and every HOLD while a next hop of a service with the
 * flag has failed. It does not run if no service has the flag. A run takes time in
 * proportion to the servers of these services; it holds lbdr_net.config for one service at a
 * time, and rests after it. Packets of connections never come here.
 *
 * The decision (lbdr_server.failed, lbdr_service.skipping) is made under lbdr_net.config and
 * takes effect, with the pool, under lbdr_net.lock as well (lbdr_server.skipped and
 * .unreachable). lbdr_nexthop.failed_at is one word, written without a lock by events and
 * by the work item: the last writer wins, and the next event or the next run, which reads
 * the neighbour's state again, corrects it.
 */
#include <net/neighbour.h>

#include "domain.h"
#include "lbdr.h"
#include "limit.h"
#include "nexthop.h"
#include "peers.h"
#include "pool.h"
#include "reach.h"
#include "server.h"
#include "service.h"

/* How long a next hop has failed when its servers become unreachable; period of probes */
#define HOLD	HZ
/* After a run the work item rests so many times as long, but at most HOLD */
#define REST	8

/* In the order of precedence, for a server that has several next hops */
enum lbdr_reach {
	LBDR_REACH_UNKNOWN,
	LBDR_REACH_FAILED,
	LBDR_REACH_VALID,
};

/* Runs the work item when it has rested, also if it is queued for later. */
static void lbdr_reach_wake(struct lbdr_net *ln)
{
	mod_delayed_work(lbdr_wq_of(ln), &ln->reach_work,
			 lbdr_left(READ_ONCE(ln->reach_rested), HOLD));
}

/* Returns true if the next hop had not failed before. */
static bool lbdr_reach_set_failed(struct lbdr_nexthop *nexthop)
{
	if (READ_ONCE(nexthop->failed_at))
		return false;
	WRITE_ONCE(nexthop->failed_at, jiffies ?: 1);
	return true;
}

/* Returns true if the next hop had failed. */
static bool lbdr_reach_clear_failed(struct lbdr_nexthop *nexthop)
{
	if (!READ_ONCE(nexthop->failed_at))
		return false;
	WRITE_ONCE(nexthop->failed_at, 0);
	return true;
}

/**
 * lbdr_reach_event() - Note the state of a neighbour
 * @ln: the namespace
 * @nexthop: the next hop of the neighbour's address in the L3 domain of its device
 * @neigh: the neighbour
 *
 * Context: rcu_read_lock() held.
 */
void lbdr_reach_event(struct lbdr_net *ln, struct lbdr_nexthop *nexthop,
		      const struct neighbour *neigh)
{
	const struct lbdr_route *route = rcu_dereference(nexthop->route);
	u8 state = READ_ONCE(neigh->nud_state);
	bool changed = false;

	if (!route || route->link != neigh->dev)
		return;
	if (state & NUD_FAILED)
		changed = lbdr_reach_set_failed(nexthop);
	else if (state & NUD_VALID)
		changed = lbdr_reach_clear_failed(nexthop);
	if (changed && READ_ONCE(ln->reach))
		lbdr_reach_wake(ln);
}

/*
 * Reads the state of a next hop's neighbour, and probes the neighbour if it has failed;
 * sets @failed then. @was: the server had failed before
 */
static enum lbdr_reach lbdr_reach_nexthop(struct lbdr_nexthop *nexthop, bool was,
					  bool *failed)
{
	const struct lbdr_route *route = lbdr_nexthop_route(nexthop);
	unsigned long at;
	u8 state;

	if (route->local)
		return LBDR_REACH_VALID;
	/* Behind a gateway, or no route */
	if (!route->link)
		return LBDR_REACH_UNKNOWN;
	state = lbdr_peers_nud_state(nexthop, route->link);
	if (state & NUD_VALID) {
		lbdr_reach_clear_failed(nexthop);
		return LBDR_REACH_VALID;
	}
	if (state & NUD_FAILED)
		lbdr_reach_set_failed(nexthop);
	at = READ_ONCE(nexthop->failed_at);
	if (!at)
		return LBDR_REACH_UNKNOWN;
	if (!lbdr_peers_probe(nexthop, route->link)) {
		lbdr_reach_clear_failed(nexthop);
		return LBDR_REACH_UNKNOWN;
	}
	*failed = true;
	/* The neighbour was removed. The probe that has just been sent decides. */
	if (state == NUD_NONE)
		return was ? LBDR_REACH_FAILED : LBDR_REACH_UNKNOWN;
	return time_before(jiffies, at + HOLD) ? LBDR_REACH_UNKNOWN :
						 LBDR_REACH_FAILED;
}

/* A domain in which no packet was sent to the server has no next hop. */
static bool lbdr_reach_has_failed(const struct lbdr_service *service,
				  const struct lbdr_server *server, bool *failed)
{
	struct lbdr_nexthop *first = server->nexthop, *nexthop;
	enum lbdr_reach reach = LBDR_REACH_UNKNOWN;
	u16 domain = service->key.domain;

	local_bh_disable();
	rcu_read_lock();
	if (!domain)
		reach = lbdr_reach_nexthop(first, server->failed, failed);
	list_for_each_entry_rcu(nexthop, &first->siblings, siblings)
		if (!domain || nexthop->key.domain == domain)
			reach = max(reach, lbdr_reach_nexthop(nexthop, server->failed,
							      failed));
	rcu_read_unlock();
	local_bh_enable();
	return reach == LBDR_REACH_FAILED;
}

/* Copies the decision to what packets and listings read. */
static void lbdr_reach_publish(const struct lbdr_net *ln,
			       const struct lbdr_service *service)
{
	struct lbdr_server *server;

	lockdep_assert_held(&ln->config);
	lockdep_assert_held(&ln->lock);

	list_for_each_entry(server, &service->servers, list) {
		server->unreachable = server->failed;
		WRITE_ONCE(server->skipped, lbdr_reach_skips(server));
	}
}

/*
 * Decides which servers of a service are skipped. @skip: the service has the flag
 *
 * A service that has lost the flag is watched until the decision is published, with the
 * pool if that changes: lbdr_reach_update() ignores a service that is not watched.
 */
static void lbdr_reach_service(struct lbdr_net *ln, struct lbdr_service *service,
			       bool skip, bool *failed)
{
	bool usable = false, changed = false, pool = false;
	struct lbdr_server *server;

	list_for_each_entry(server, &service->servers, list) {
		server->failed = skip && lbdr_reach_has_failed(service, server,
							       failed);
		changed |= server->failed != server->unreachable;
		usable |= !server->failed && server->weight &&
			  !server->draining && !server->held;
		cond_resched();
	}
	service->skipping = usable;
	list_for_each_entry(server, &service->servers, list)
		pool |= lbdr_reach_skips(server) != server->skipped;
	service->watched = skip || pool;
	if (pool) {
		lbdr_pool_update(ln, service);
	} else if (changed) {
		lbdr_lock(ln);
		lbdr_reach_publish(ln, service);
		lbdr_unlock(ln);
	}
}

static void lbdr_reach_work(struct work_struct *work)
{
	struct lbdr_net *ln = container_of(to_delayed_work(work),
					   struct lbdr_net, reach_work);
	struct mem_cgroup *old = lbdr_limit_charge_begin(ln);
	bool failed = false, used = false, skip;
	struct lbdr_service_walk walk = {};
	unsigned long began = jiffies;
	struct lbdr_service *service;

	mutex_lock(&ln->config);
	while ((service = lbdr_service_walk(ln, &walk))) {
		skip = service->settings.flags &
		       LBDR_SERVICE_FLAG_SKIP_UNREACHABLE;
		used |= skip;
		if (skip || service->watched)
			lbdr_reach_service(ln, service, skip, &failed);
		lbdr_service_walk_next(ln, &walk);
		/*
		 * Commands and the namespace's exit proceed. A service that they add has
		 * queued the work item again.
		 */
		mutex_unlock(&ln->config);
		cond_resched();
		mutex_lock(&ln->config);
	}
	WRITE_ONCE(ln->reach, used);
	mutex_unlock(&ln->config);
	lbdr_limit_charge_end(old);
	WRITE_ONCE(ln->reach_rested,
		   jiffies + min(REST * (jiffies - began), (unsigned long)HOLD));
	/* Does nothing if an event has queued the work item for now. */
	if (failed)
		queue_delayed_work(lbdr_wq_of(ln), &ln->reach_work, HOLD);
}

/**
 * lbdr_reach_update() - Take a change of a service into account
 * @ln: the namespace
 * @service: its settings, or its pool, have just changed
 *
 * Does nothing if the service does not have the flag and skips no server.
 *
 * Context: process, lbdr_net.config and lbdr_net.lock held.
 */
void lbdr_reach_update(struct lbdr_net *ln, const struct lbdr_service *service)
{
	bool skip = service->settings.flags & LBDR_SERVICE_FLAG_SKIP_UNREACHABLE;

	if (!skip && !service->watched)
		return;
	lbdr_reach_publish(ln, service);
	WRITE_ONCE(ln->reach, true);
	lbdr_reach_wake(ln);
}

/**
 * lbdr_reach_net_init() - Prepare a namespace
 * @ln: the namespace
 *
 * Context: process.
 */
void lbdr_reach_net_init(struct lbdr_net *ln)
{
	INIT_DELAYED_WORK(&ln->reach_work, lbdr_reach_work);
}

/**
 * lbdr_reach_net_exit() - Stop the work item of a namespace
 * @ln: the namespace, without services
 *
 * Context: process, lbdr_net.config not held.
 */
void lbdr_reach_net_exit(struct lbdr_net *ln)
{
	cancel_delayed_work_sync(&ln->reach_work);
}
