/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Tracepoints, in events/lbdr/ of tracefs. IPv4 addresses are shown as IPv4-mapped IPv6
 * addresses. stats.c defines CREATE_TRACE_POINTS and so instantiates the tracepoints.
 */
#undef TRACE_SYSTEM
#define TRACE_SYSTEM lbdr

#if !defined(_LBDR_TRACE_H) || defined(TRACE_HEADER_MULTI_READ)
#define _LBDR_TRACE_H

#include <linux/tracepoint.h>
#include <net/ipv6.h>

#include "conn.h"
#include "flow.h"
#include "lbdr.h"
#include "server.h"
#include "service.h"
#include "state.h"
#include "stats.h"

#ifndef LBDR_TRACE_ADDR
#define LBDR_TRACE_ADDR
static inline void lbdr_trace_addr(struct in6_addr *to, enum lbdr_family family,
				   const void *addr)
{
	if (family == LBDR_V6)
		memcpy(to, addr, sizeof(*to));
	else
		ipv6_addr_set_v4mapped(*(const __be32 *)addr, to);
}
#endif

/* A server was chosen for a packet without connection; :: if none is available. */
TRACE_EVENT(lbdr_schedule,
	TP_PROTO(const struct lbdr_net *ln, const struct lbdr_service *service,
		 const struct lbdr_flow *flow, const struct lbdr_server *server),
	TP_ARGS(ln, service, flow, server),
	TP_STRUCT__entry(
		__field(u32, netns)
		__field(u32, mark)
		__array(u8, client, sizeof(struct in6_addr))
		__array(u8, vip, sizeof(struct in6_addr))
		__array(u8, server, sizeof(struct in6_addr))
		__field(u16, cport)
		__field(u16, vport)
		__field(u8, protocol)
	),
	TP_fast_assign(
		bool v4 = flow->family == LBDR_V4;

		__entry->netns = ln->net->ns.inum;
		__entry->mark = lbdr_service_key_marked(&service->key) ?
				service->key.addr.all[0] : 0;
		lbdr_trace_addr((struct in6_addr *)__entry->client, flow->family,
				v4 ? (const void *)&flow->v4.client :
				     (const void *)&flow->v6.client);
		lbdr_trace_addr((struct in6_addr *)__entry->vip, flow->family,
				v4 ? (const void *)&flow->v4.vip :
				     (const void *)&flow->v6.vip);
		__entry->cport = ntohs(v4 ? flow->v4.ports.cport : flow->v6.ports.cport);
		__entry->vport = ntohs(v4 ? flow->v4.ports.vport : flow->v6.ports.vport);
		__entry->protocol = v4 ? flow->v4.protocol : flow->v6.protocol;
		memset(__entry->server, 0, sizeof(__entry->server));
		if (server)
			lbdr_trace_addr((struct in6_addr *)__entry->server,
					server->family, &server->addr);
	),
	TP_printk("netns=%u protocol=%u client=%pI6c port=%u vip=%pI6c port=%u mark=%u server=%pI6c",
		  __entry->netns, __entry->protocol, __entry->client,
		  __entry->cport, __entry->vip, __entry->vport, __entry->mark,
		  __entry->server)
);

DECLARE_EVENT_CLASS(lbdr_conn,
	TP_PROTO(const struct lbdr_conn *conn, u32 state),
	TP_ARGS(conn, state),
	TP_STRUCT__entry(
		__field(u32, netns)
		__field(u32, state)
		__array(u8, client, sizeof(struct in6_addr))
		__array(u8, vip, sizeof(struct in6_addr))
		__array(u8, server, sizeof(struct in6_addr))
		__field(u16, cport)
		__field(u16, vport)
		__field(u8, protocol)
	),
	TP_fast_assign(
		bool v4 = conn->family == LBDR_V4;

		__entry->netns = conn->server->ln->net->ns.inum;
		__entry->state = lbdr_state_shown(state);
		lbdr_trace_addr((struct in6_addr *)__entry->client, conn->family,
				v4 ? (const void *)&lbdr_conn_key4(conn)->client :
				     (const void *)&lbdr_conn_key6(conn)->client);
		lbdr_trace_addr((struct in6_addr *)__entry->vip, conn->family,
				v4 ? (const void *)&lbdr_conn_key4(conn)->vip :
				     (const void *)&lbdr_conn_key6(conn)->vip);
		lbdr_trace_addr((struct in6_addr *)__entry->server,
				conn->server->family, &conn->server->addr);
		__entry->cport = ntohs(v4 ? lbdr_conn_key4(conn)->ports.cport :
					    lbdr_conn_key6(conn)->ports.cport);
		__entry->vport = ntohs(v4 ? lbdr_conn_key4(conn)->ports.vport :
					    lbdr_conn_key6(conn)->ports.vport);
		__entry->protocol = v4 ? lbdr_conn_key4(conn)->protocol :
					 lbdr_conn_key6(conn)->protocol;
	),
	TP_printk("netns=%u protocol=%u client=%pI6c port=%u vip=%pI6c port=%u server=%pI6c state=%u",
		  __entry->netns, __entry->protocol, __entry->client,
		  __entry->cport, __entry->vip, __entry->vport, __entry->server,
		  __entry->state)
);

/* A connection or persistence template was added, in its first state. */
DEFINE_EVENT(lbdr_conn, lbdr_conn_new,
	TP_PROTO(const struct lbdr_conn *conn, u32 state),
	TP_ARGS(conn, state)
);

/* A connection or template was removed; @state is its last state. */
DEFINE_EVENT(lbdr_conn, lbdr_conn_expire,
	TP_PROTO(const struct lbdr_conn *conn, u32 state),
	TP_ARGS(conn, state)
);

/* A packet was dropped, or passed to the stack, and counted. */
TRACE_EVENT(lbdr_drop,
	TP_PROTO(const struct lbdr_net *ln, enum lbdr_drop drop),
	TP_ARGS(ln, drop),
	TP_STRUCT__entry(
		__field(u32, netns)
		__array(char, reason, 16)
	),
	TP_fast_assign(
		__entry->netns = ln->net->ns.inum;
		strscpy(__entry->reason, lbdr_drop_names[drop],
			sizeof(__entry->reason));
	),
	TP_printk("netns=%u reason=%s", __entry->netns, __entry->reason)
);

/* lbdr_net.lock was released after so many nanoseconds */
TRACE_EVENT(lbdr_lock_hold,
	TP_PROTO(const struct lbdr_net *ln, u64 ns),
	TP_ARGS(ln, ns),
	TP_STRUCT__entry(
		__field(u32, netns)
		__field(u64, ns)
	),
	TP_fast_assign(
		__entry->netns = ln->net->ns.inum;
		__entry->ns = ns;
	),
	TP_printk("netns=%u ns=%llu", __entry->netns, __entry->ns)
);

#endif /* _LBDR_TRACE_H */

#undef TRACE_INCLUDE_PATH
#define TRACE_INCLUDE_PATH .
#undef TRACE_INCLUDE_FILE
#define TRACE_INCLUDE_FILE lbdr_trace
#include <trace/define_trace.h>
