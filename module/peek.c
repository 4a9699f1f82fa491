// SPDX-License-Identifier: GPL-2.0
/*
 * What would become of a packet from the network, without one.
 *
 * This is the walk of hook.c and schedule.c once more, in the same order, as a
 * question: where those choose, renew, count, remember or answer, this asks a
 * function beside theirs that changes nothing. What has no other side, the state of
 * a connection, strays, sources that no client can have, is asked of the same
 * functions.
 *
 * The answer is that of a moment: connections, counts and time go on.
 */
#include "conn.h"
#include "flood.h"
#include "flow.h"
#include "lbdr.h"
#include "nexthop.h"
#include "peek.h"
#include "peers.h"
#include "persist.h"
#include "pool.h"
#include "refuse.h"
#include "schedule.h"
#include "server.h"
#include "service.h"
#include "state.h"
#include "stats.h"

static void lbdr_peek_end(struct lbdr_answer *answer, u8 verdict,
			  enum lbdr_drop why)
{
	answer->verdict = verdict;
	answer->why = why;
}

/* Another director sent it, as lbdr_peers_verdict() has it. */
static void lbdr_peek_director(struct lbdr_net *ln,
			       const struct lbdr_question *question,
			       struct lbdr_answer *answer)
{
	if (lbdr_peers_local(ln->net, NULL, &question->flow))
		lbdr_peek_end(answer, LBDR_TRACE_VERDICT_PASS,
			      LBDR_PASS_DIRECTOR);
	else
		lbdr_peek_end(answer, LBDR_TRACE_VERDICT_DROP, LBDR_DROP_LOOP);
}

/* It has a server; whether there is a way to it. */
static void lbdr_peek_send(const struct lbdr_question *question,
			   struct lbdr_answer *answer)
{
	u16 domain = lbdr_flow_domain(&question->flow);
	const struct lbdr_route *route;
	struct lbdr_nexthop *nexthop;

	nexthop = lbdr_nexthop_in_domain(answer->server->nexthop, domain);
	route = nexthop ? lbdr_nexthop_route(nexthop) : NULL;
	if (!route)
		lbdr_peek_end(answer, LBDR_TRACE_VERDICT_DROP, LBDR_DROP_MEMORY);
	else if (route->link || route->local)
		lbdr_peek_end(answer, LBDR_TRACE_VERDICT_FORWARD, LBDR_DROPS);
	else
		lbdr_peek_end(answer, LBDR_TRACE_VERDICT_DROP, route->why);
}

static void lbdr_peek_conn(struct lbdr_net *ln,
			   const struct lbdr_question *question,
			   struct lbdr_answer *answer)
{
	answer->service = answer->conn->server->service;
	answer->by = LBDR_TRACE_BY_CONNECTION;
	answer->server = answer->conn->server;
	if (lbdr_event_opens(question->flow.event) && question->mac &&
	    lbdr_peers_is_server_mac(ln, answer->service, question->mac,
				     lbdr_flow_domain(&question->flow)))
		lbdr_peek_director(ln, question, answer);
	else
		lbdr_peek_send(question, answer);
}

/* Begins no connection by itself; true where it is given one all the same. */
static bool lbdr_peek_stray(const struct lbdr_net *ln,
			    const struct lbdr_question *question,
			    struct lbdr_answer *answer)
{
	const struct lbdr_flow *flow = &question->flow;

	switch (lbdr_schedule_stray_as(ln, answer->service, flow)) {
	case LBDR_STRAY_SCHEDULE:
		return true;
	case LBDR_STRAY_DROP:
		answer->refuse = LBDR_REFUSE_DROP;
		lbdr_peek_end(answer, LBDR_TRACE_VERDICT_DROP,
			      LBDR_DROP_STRAY);
		return false;
	case LBDR_STRAY_RESET:
		answer->refuse = lbdr_refuse_as(flow, LBDR_REFUSE_RESET);
		lbdr_peek_end(answer, LBDR_TRACE_VERDICT_DROP,
			      LBDR_DROP_STRAY);
		return false;
	}
	lbdr_peek_end(answer, LBDR_TRACE_VERDICT_PASS, LBDR_PASS_NO_CONN);
	return false;
}

static void lbdr_peek_pick(struct lbdr_net *ln,
			   const struct lbdr_question *question,
			   struct lbdr_answer *answer)
{
	const struct lbdr_service *service = answer->service;
	bool usable;

	answer->by = LBDR_TRACE_BY_SCHEDULER;
	if (READ_ONCE(service->settings.persist)) {
		answer->template = lbdr_persist_look(ln, service,
						     &question->flow, &usable);
		if (answer->template && usable) {
			answer->by = LBDR_TRACE_BY_TEMPLATE;
			answer->server = answer->template->server;
			return;
		}
	}
	answer->asked = true;
	answer->server = lbdr_pool_peek(service, &question->flow,
					&answer->first);
}

/* Returns whether there is room for what it would begin. */
static bool lbdr_peek_keep(struct lbdr_net *ln, struct lbdr_answer *answer)
{
	const struct lbdr_service *service = answer->service;

	answer->keeps = true;
	if (READ_ONCE(service->settings.flags) & LBDR_SERVICE_FLAG_ONE_PACKET) {
		answer->keep = LBDR_TRACE_KEEP_ONE_PACKET;
		return true;
	}
	answer->keep = LBDR_TRACE_KEEP_CONNECTION;
	if (lbdr_flood_would_account(ln)) {
		if (lbdr_flood_stateless(service)) {
			answer->keep = LBDR_TRACE_KEEP_STATELESS;
			return true;
		}
		answer->keep = LBDR_TRACE_KEEP_EVICT;
	}
	return !lbdr_conn_full(ln);
}

static void lbdr_peek_schedule(struct lbdr_net *ln,
			       const struct lbdr_question *question,
			       struct lbdr_answer *answer)
{
	const struct lbdr_service *service = answer->service;
	const struct lbdr_flow *flow = &question->flow;

	if (!lbdr_event_opens(flow->event) && flow->event != LBDR_EVENT_UDP &&
	    !lbdr_peek_stray(ln, question, answer))
		return;
	if (lbdr_schedule_bad_source(ln->net, NULL, flow)) {
		lbdr_peek_end(answer, LBDR_TRACE_VERDICT_DROP,
			      LBDR_DROP_BAD_SOURCE);
		return;
	}
	if (question->mac &&
	    lbdr_peers_is_server_mac(ln, service, question->mac,
				     lbdr_flow_domain(flow))) {
		lbdr_peek_director(ln, question, answer);
		return;
	}
	lbdr_peek_pick(ln, question, answer);
	if (!answer->server) {
		answer->refuse =
			lbdr_refuse_as(flow, READ_ONCE(service->settings.refuse));
		lbdr_peek_end(answer, LBDR_TRACE_VERDICT_DROP,
			      LBDR_DROP_NO_SERVER);
	} else if (!lbdr_peek_keep(ln, answer)) {
		lbdr_peek_end(answer, LBDR_TRACE_VERDICT_DROP,
			      LBDR_DROP_CONN_MAX);
	} else {
		lbdr_peek_send(question, answer);
	}
}

/*
 * One of the hooks, that of @marked or with NULL the one before. Returns whether
 * the packet ends there. What it does not know of leaves @answer as it is.
 */
static bool lbdr_peek_walk(struct lbdr_net *ln,
			   const struct lbdr_question *question,
			   const struct lbdr_service *marked,
			   struct lbdr_answer *answer)
{
	struct lbdr_conn *conn = lbdr_conn_peek(ln, &question->flow);
	const struct lbdr_service *service;
	bool over = conn && lbdr_event_opens(question->flow.event) &&
		    lbdr_state_closing(READ_ONCE(conn->state));

	service = marked ?: lbdr_service_of_flow(ln, &question->flow);
	if ((!conn || over) && !service)
		return false;
	*answer = (struct lbdr_answer) {
		.why	 = LBDR_DROPS,
		.service = service,
		.conn	 = conn,
		.over	 = over,
	};
	if (conn && !over)
		lbdr_peek_conn(ln, question, answer);
	else
		lbdr_peek_schedule(ln, question, answer);
	return answer->verdict != LBDR_TRACE_VERDICT_PASS;
}

static bool lbdr_peek_vip(const struct lbdr_net *ln,
			  const struct lbdr_flow *flow)
{
	u32 bit = flow->family == LBDR_V4 ? lbdr_vip_hash4(flow->v4.vip) :
					    lbdr_vip_hash6(&flow->v6.vip);

	return test_bit(bit, ln->vips[flow->family]);
}

/**
 * lbdr_peek() - what would become of a packet
 * @ln: the namespace
 * @question: the packet
 * @answer: filled in; what it points to is valid as long as the locks are held
 *
 * No client on this host is meant, and no device but the VRF of the flow's L3
 * domain, in which the server's next hop is looked for.
 *
 * Context: lbdr_net.lock and rcu_read_lock() held, BH off.
 */
void lbdr_peek(struct lbdr_net *ln, const struct lbdr_question *question,
	       struct lbdr_answer *answer)
{
	const struct lbdr_flow *flow = &question->flow;
	const struct lbdr_service *marked = NULL;
	bool vip = lbdr_peek_vip(ln, flow);

	*answer = (struct lbdr_answer) {
		.verdict = LBDR_TRACE_VERDICT_PASS,
		.why	 = LBDR_DROPS,
	};
	if (question->mark)
		marked = lbdr_service_of_mark(ln, flow->family, question->mark,
					      lbdr_flow_domain(flow));
	/* At LOCAL_IN, the hook of marks has been before. */
	if (ln->entry == LBDR_ENTRY_INPUT && marked &&
	    lbdr_peek_walk(ln, question, marked, answer))
		return;
	if (vip && lbdr_peek_walk(ln, question, NULL, answer))
		return;
	if (ln->entry != LBDR_ENTRY_INPUT && marked)
		lbdr_peek_walk(ln, question, marked, answer);
}
EXPORT_SYMBOL_FOR_KUNIT(lbdr_peek);
