// SPDX-License-Identifier: GPL-2.0
/*
 * Held servers and services: removed for a while, without an end to their connections.
 *
 * A server that is removed with a hold time leaves the listing and gets no new
 * connections, but stays in the list of its service, with its connections, counters and
 * references. Packets of its connections are dropped without an answer, so the client
 * sends them again. Adding the same server within the hold time makes it an ordinary
 * server again, and its connections go on. After the hold time it is removed as by a
 * command without a hold time.
 *
 * A service that is removed with a hold time is held with all its servers. It stays in
 * the tables, so its hooks stay registered, and it is found by its key when it is added
 * again; its servers stay held until each is added again. A held service does not match
 * a packet that another service matches. Otherwise the packet is dropped, so a client
 * that connects meanwhile tries again.
 *
 * With the command of lbctl, a held server is awaited: its persistent clients get no other
 * one, and where no server is left, clients get no answer. IPVS clients remove a server when
 * it has failed, and then others take its place. When they restart, they remove and add the
 * service, too: all servers of a held service are awaited until each is added again.
 *
 * What is held counts like any other service or server in the limits of a namespace. Held
 * servers of a service do not count in LBDR_SERVER_MAX, but in LBDR_SERVER_MAX_HELD: all
 * servers can be replaced by others while they are held, once in a hold time.
 *
 * Only transactions hold and release (config_publish.c), under lbdr_net.config and
 * lbdr_net.lock. The work item of drain.c removes what was held long enough. Packets
 * read the flags under rcu_read_lock(); lbdr_net.n_held is 0 while nothing is held, so
 * only packets without a usable connection read anything else.
 */
#include "config.h"
#include "conn.h"
#include "drain.h"
#include "flow.h"
#include "hold.h"
#include "persist.h"
#include "pool.h"
#include "server.h"
#include "service.h"
#include "state.h"

/**
 * lbdr_hold_net_init() - Prepare a namespace
 * @ln: the namespace
 *
 * Context: process.
 */
void lbdr_hold_net_init(struct lbdr_net *ln)
{
	INIT_LIST_HEAD(&ln->held_servers);
	INIT_LIST_HEAD(&ln->held_services);
}

static bool lbdr_hold_any(const struct lbdr_net *ln)
{
	return !list_empty(&ln->held_servers) || !list_empty(&ln->held_services);
}

/**
 * lbdr_hold_delay() - Get the time until the work item of drain.c looks at what is held
 * @ln: the namespace
 * @delay: set to jiffies, 0 or less if the time has come
 *
 * Context: process, lbdr_net.lock held.
 * Return: false if nothing is held.
 */
bool lbdr_hold_delay(const struct lbdr_net *ln, long *delay)
{
	lockdep_assert_held(&ln->lock);

	*delay = ln->hold_next - jiffies;
	return lbdr_hold_any(ln);
}

/* A hold time was set. @first: nothing else is held */
static void lbdr_hold_wake(struct lbdr_net *ln, unsigned long until, bool first)
{
	if (!first && !time_before(until, ln->hold_next))
		return;
	ln->hold_next = until;
	lbdr_drain_queue(ln);
}

/**
 * lbdr_hold_left() - Get the time until a hold time ends
 * @until: end of the hold time, in jiffies
 *
 * Context: any.
 * Return: seconds, rounded up, and 1 at least.
 */
u32 lbdr_hold_left(unsigned long until)
{
	long left = until - jiffies;

	return left > 0 ? DIV_ROUND_UP(left, HZ) : 1;
}
EXPORT_SYMBOL_FOR_KUNIT(lbdr_hold_left);

/**
 * lbdr_hold_count() - Change the number of held servers and services
 * @ln: the namespace
 * @by: the difference
 *
 * While the number is not 0, packets that no service matches look for held services.
 * So it is counted up before a hold begins and down after a hold has ended: a packet
 * finds a service at each time.
 *
 * Context: process, lbdr_net.config and lbdr_net.lock held.
 */
void lbdr_hold_count(struct lbdr_net *ln, int by)
{
	lockdep_assert_held(&ln->lock);

	/* Pairs with lbdr_service_lookup() */
	smp_store_release(&ln->n_held, ln->n_held + by);
}

/*
 * Set before a hold begins, and cleared when it has ended: a packet of a persistent client
 * that finds the server held and not awaited chooses another one.
 */
static void lbdr_hold_await(struct lbdr_server *server, bool awaited)
{
	struct lbdr_service *service = server->service;

	WRITE_ONCE(service->n_awaited, service->n_awaited + awaited - server->awaited);
	WRITE_ONCE(server->awaited, awaited);
}

/**
 * lbdr_hold_server() - Hold or release a server
 * @server: the server
 * @seconds: the hold time from now on, or 0 to release the server
 * @awaited: &lbdr_server_settings.awaited; ignored if the server is released
 *
 * Context: process, lbdr_net.config and lbdr_net.lock held.
 */
void lbdr_hold_server(struct lbdr_server *server, u32 seconds, bool awaited)
{
	struct lbdr_service *service = server->service;
	int by = !!seconds - server->held;
	struct lbdr_net *ln = server->ln;
	bool first = !lbdr_hold_any(ln);

	lockdep_assert_held(&ln->lock);

	server->hold_until = jiffies + (unsigned long)seconds * HZ;
	if (seconds && awaited)
		lbdr_hold_await(server, true);
	if (by) {
		if (seconds)
			lbdr_hold_count(ln, 1);
		WRITE_ONCE(service->n_held, service->n_held + by);
		WRITE_ONCE(server->held, !!seconds);
		if (!seconds)
			lbdr_hold_count(ln, -1);
		lbdr_drain_update(server);
	}
	if (!seconds || !awaited)
		lbdr_hold_await(server, false);
	if (seconds)
		lbdr_hold_wake(ln, server->hold_until, first);
}

/**
 * lbdr_hold_service() - Hold or release a service
 * @service: the service
 * @seconds: the hold time from now on, or 0 to release the service
 *
 * Its servers are held and released by lbdr_hold_server().
 *
 * Context: process, lbdr_net.config and lbdr_net.lock held.
 */
void lbdr_hold_service(struct lbdr_service *service, u32 seconds)
{
	struct lbdr_net *ln = service->ln;
	int by = !!seconds - service->held;
	bool first = !lbdr_hold_any(ln);

	lockdep_assert_held(&ln->lock);

	service->hold_until = jiffies + (unsigned long)seconds * HZ;
	if (by) {
		if (seconds)
			lbdr_hold_count(ln, 1);
		WRITE_ONCE(ln->n_held_services, ln->n_held_services + by);
		/* Pairs with the smp_rmb() of lbdr_service_lookup() */
		smp_store_release(&service->held, !!seconds);
		if (!seconds)
			lbdr_hold_count(ln, -1);
		list_del_init(&service->hold);
	}
	if (!seconds)
		return;
	if (by)
		list_add_tail(&service->hold, &ln->held_services);
	lbdr_hold_wake(ln, service->hold_until, first);
}

static int lbdr_hold_stage_server(struct lbdr_config *config,
				  struct lbdr_server *server)
{
	struct lbdr_staged_service *service;
	struct lbdr_staged_server *staged;

	service = lbdr_config_service(config, &server->service->key);
	if (IS_ERR(service))
		return PTR_ERR(service);
	staged = lbdr_config_server(config, service, server->family, &server->addr);
	if (IS_ERR(staged))
		return PTR_ERR(staged);
	lbdr_config_server_del(config, service, staged);
	return 0;
}

static int lbdr_hold_stage_service(struct lbdr_config *config,
				   struct lbdr_service *service)
{
	struct lbdr_staged_service *staged;

	staged = lbdr_config_service_any(config, &service->key);
	if (IS_ERR(staged))
		return PTR_ERR(staged);
	lbdr_config_service_del(config, staged);
	return 0;
}

/* The servers of a held service are removed with the service. */
static bool lbdr_hold_by_itself(const struct lbdr_server *server)
{
	return !server->service->held;
}

/**
 * lbdr_hold_stage_expired() - Stage the removal of what was held long enough
 * @config: the transaction of a single command
 * @left: how many objects it may still remove, not 0; decreased
 *
 * Context: process, may sleep; lbdr_net.config held.
 * Return: 0 or a negative error.
 */
int lbdr_hold_stage_expired(struct lbdr_config *config, u32 *left)
{
	struct lbdr_net *ln = config->ln;
	struct lbdr_service *service;
	struct lbdr_server *server;
	int err;

	lockdep_assert_held(&ln->config);

	list_for_each_entry(service, &ln->held_services, hold) {
		cond_resched();
		if (time_before(jiffies, service->hold_until))
			continue;
		err = lbdr_hold_stage_service(config, service);
		if (err)
			return err;
		if (!--*left)
			return 0;
	}
	list_for_each_entry(server, &ln->held_servers, drain) {
		cond_resched();
		if (!lbdr_hold_by_itself(server) ||
		    time_before(jiffies, server->hold_until))
			continue;
		err = lbdr_hold_stage_server(config, server);
		if (err)
			return err;
		if (!--*left)
			return 0;
	}
	return 0;
}

/**
 * lbdr_hold_find_next() - Find the time at which the first hold time ends
 * @ln: the namespace
 *
 * Context: process, may sleep; lbdr_net.config held, lbdr_net.lock not held.
 */
void lbdr_hold_find_next(struct lbdr_net *ln)
{
	unsigned long next = jiffies + (unsigned long)LBDR_TIMEOUT_MAX * HZ;
	const struct lbdr_service *service;
	const struct lbdr_server *server;

	lockdep_assert_held(&ln->config);

	list_for_each_entry(service, &ln->held_services, hold) {
		if (time_before(service->hold_until, next))
			next = service->hold_until;
		cond_resched();
	}
	list_for_each_entry(server, &ln->held_servers, drain) {
		if (lbdr_hold_by_itself(server) && time_before(server->hold_until, next))
			next = server->hold_until;
		cond_resched();
	}
	lbdr_lock(ln);
	ln->hold_next = next;
	lbdr_unlock(ln);
}

/* The packet belongs to the connection, and is not the first one of another. */
static bool lbdr_hold_is_of(const struct lbdr_conn *conn,
			    const struct lbdr_flow *flow)
{
	return !lbdr_event_opens(flow->event) ||
	       !lbdr_state_closing(READ_ONCE(conn->state));
}

/**
 * lbdr_hold_conn() - Keep a connection alive while its server is held
 * @ln: the namespace
 * @conn: the connection; its server is held or dead
 * @flow: flow of the packet that has found it
 *
 * Keeps the template of a persistent client, too.
 *
 * Context: rcu_read_lock() held, BH off.
 * Return: false if the connection must be removed: its server is dead, it has expired,
 * or the packet starts another one.
 */
noinline bool lbdr_hold_conn(struct lbdr_net *ln, struct lbdr_conn *conn,
			     const struct lbdr_flow *flow)
{
	const struct lbdr_service *service = conn->server->service;

	if (lbdr_conn_left(ln, conn) <= 0 || !lbdr_hold_is_of(conn, flow))
		return false;
	WRITE_ONCE(conn->stamp, jiffies);
	if (READ_ONCE(service->settings.persist))
		lbdr_persist_renew(ln, service, flow);
	return true;
}

/* The client's template leads to a held server that is awaited. */
static bool lbdr_hold_template(struct lbdr_net *ln,
			       const struct lbdr_service *service,
			       const struct lbdr_flow *flow)
{
	struct lbdr_conn *template;
	bool usable;

	if (!READ_ONCE(service->settings.persist))
		return false;
	template = lbdr_persist_peek(ln, service, flow, &usable);
	return template && READ_ONCE(template->server->awaited);
}

/**
 * lbdr_hold_applies() - Check whether a packet is dropped since a server is held
 * @ln: the namespace, where servers or services are held
 * @service: the service that the packet is sent to, or NULL
 * @flow: flow of the packet; if it has a connection, the connection's server is held
 *
 * Such packets are those of connections of held servers, those of a held service, and
 * those of a persistent client of a server that is awaited. Those that no server is found
 * for while servers of the service are awaited are dropped by lbdr_schedule().
 *
 * Context: rcu_read_lock() held, BH off.
 * Return: true if the packet is dropped without an answer.
 */
bool lbdr_hold_applies(struct lbdr_net *ln, const struct lbdr_service *service,
		       const struct lbdr_flow *flow)
{
	const struct lbdr_conn *conn = lbdr_conn_peek(ln, flow);

	if (conn && lbdr_server_held(conn->server) &&
	    lbdr_hold_is_of(conn, flow))
		return true;
	if (!service)
		return false;
	if (READ_ONCE(service->held))
		return true;
	return READ_ONCE(service->n_awaited) && lbdr_hold_template(ln, service, flow);
}
EXPORT_SYMBOL_FOR_KUNIT(lbdr_hold_applies);

/* A rule of the VRF may set the mark, between this and the second pass. */
static bool lbdr_hold_before_vrf(const struct lbdr_flow *flow)
{
	return flow->place == LBDR_PLACE_MARKED && lbdr_flow_domain(flow);
}

static bool lbdr_hold_is_held(const struct lbdr_service *service)
{
	return service && READ_ONCE(service->held);
}

/**
 * lbdr_hold_unheld() - Get the service that matches a packet instead of a held one
 * @ln: the namespace, where servers or services are held
 * @service: the service that the hook has found, or NULL
 * @flow: flow of the packet, which has no connection
 *
 * Where one hook looks up the mark and then the address, a held service of the mark does
 * not match a packet that a service of the address matches.
 *
 * Context: rcu_read_lock() held, BH off.
 * Return: the service of the address, or @service.
 */
struct lbdr_service *lbdr_hold_unheld(struct lbdr_net *ln,
				      struct lbdr_service *service,
				      const struct lbdr_flow *flow)
{
	struct lbdr_service *other;

	if (!lbdr_hold_is_held(service) || !lbdr_service_key_marked(&service->key) ||
	    !lbdr_service_marks_first(ln, flow->family))
		return service;
	other = lbdr_service_of_flow(ln, flow);
	return other && !lbdr_hold_is_held(other) ? other : service;
}
EXPORT_SYMBOL_FOR_KUNIT(lbdr_hold_unheld);

/**
 * lbdr_hold_defers() - Check whether a packet is left to another hook
 * @ln: the namespace, where servers or services are held
 * @service: the service that this hook has found, or NULL
 * @flow: flow of the packet, which has no connection
 *
 * One hook looks up services by address and port, another one services of a fwmark. A
 * held service of one hook must not match a packet that the other hook has a service
 * for. Behind PREROUTING the mark is known later than the address, so the hook of
 * fwmark services decides about packets of all held services. It decides about all
 * packets while lbdr_service_marks_first().
 *
 * Context: rcu_read_lock() held, BH off.
 * Return: true if the packet passes this hook.
 */
bool lbdr_hold_defers(struct lbdr_net *ln, const struct lbdr_service *service,
		      const struct lbdr_flow *flow)
{
	bool marked = service && lbdr_service_key_marked(&service->key);
	bool input = READ_ONCE(ln->entry) == LBDR_ENTRY_INPUT;

	if (flow->place != LBDR_PLACE_MARKED && flow->place != LBDR_PLACE_MARKED_VRF)
		return lbdr_hold_is_held(service) && !input && !flow->local &&
		       READ_ONCE(ln->n_marked[flow->family]);
	if (lbdr_service_marks_first(ln, flow->family))
		return lbdr_hold_is_held(service) && lbdr_hold_before_vrf(flow);
	if (marked && !lbdr_hold_is_held(service))
		return false;
	if (marked)
		service = lbdr_service_of_flow(ln, flow);
	/* The other hook has the packet, or had it before. */
	if (service && !lbdr_hold_is_held(service))
		return true;
	if (lbdr_hold_before_vrf(flow))
		return true;
	return input && !marked;
}
EXPORT_SYMBOL_FOR_KUNIT(lbdr_hold_defers);
