/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Real servers of a service.
 */
#ifndef _LBDR_SERVER_H
#define _LBDR_SERVER_H

#include <linux/netfilter.h>
#include <linux/refcount.h>

#include "flow.h"
#include "lbdr.h"
#include "service.h"
#include "stats.h"

struct lbdr_nexthop;
struct lbdr_xmit_ops;

/**
 * struct lbdr_server_settings - what a server is to be like
 * @weight: 0 to LBDR_WEIGHT_MAX
 * @upper: connections at which it is overloaded, 0 for never
 * @lower: and below which it is no more, 0 for 3/4 of @upper
 */
struct lbdr_server_settings {
	u32	weight;
	u32	upper;
	u32	lower;
};

/**
 * struct lbdr_server - a real server of one service
 * @nexthop: of @addr in the default L3 domain; immutable, one reference held
 * @xmit: transmit method; immutable
 * @stats: per CPU; written with BH off
 * @addr: the RIP; immutable
 * @family: that of the service; immutable
 * @dead: removed from its service, set once under lbdr_net.lock and read by
 *	packets with READ_ONCE(): a dead server's connections are no more
 * @ln: the namespace, which outlives it
 * @draining: goes when its last connection has gone, and gets no new ones;
 *	WRITE_ONCE() under lbdr_net.lock
 * @overloaded: has reached @upper; WRITE_ONCE() under @lock
 * @service: whose server it is; immutable. Services go by a grace period after
 *	their servers are dead: who has seen it alive under rcu_read_lock() may
 *	use it
 * @number: from 1 on, in the order of adding to the service; lbdr_net.lock
 * @weight: WRITE_ONCE() under lbdr_net.lock; schedulers read the copy in the
 *	pool, and of this one whether it is 0
 * @upper: connections at which it is overloaded, 0 for never; WRITE_ONCE()
 *	under lbdr_net.lock
 * @lower: and below which it is no more, 0 for 3/4 of @upper; the same
 * @zero: counts at the last zero operation; lbdr_net.lock
 * @list: in lbdr_service.servers; RCU, changed under lbdr_net.lock
 * @drain: in lbdr_net.draining while @draining; lbdr_net.lock
 * @active: connections in an active state
 * @inactive: all others
 * @persistent: clients that persistence leads here
 * @refs: one of the configuration, one of each pool, of each connection, and of
 *	each set of lblc and lblcr that the server is in
 * @lock: orders the changes of @overloaded; taken with BH off
 * @rcu: frees it: peers.c reads @list under rcu_read_lock()
 */
struct lbdr_server {
	struct lbdr_nexthop		*nexthop;
	const struct lbdr_xmit_ops	*xmit;
	struct lbdr_stats __percpu	*stats;
	union nf_inet_addr		addr;
	enum lbdr_family		family;
	bool				dead;
	bool				draining;
	bool				overloaded;
	u32				weight;
	u32				upper;
	struct lbdr_net			*ln;
	struct lbdr_service		*service;
	u32				lower;
	u32				number;
	struct lbdr_counts		zero;
	struct list_head		list;
	struct list_head		drain;

	/* Written at changes of state, so kept off the line that packets read */
	atomic_t			active ____cacheline_aligned_in_smp;
	atomic_t			inactive;
	atomic_t			persistent;
	refcount_t			refs;
	spinlock_t			lock;		/* @overloaded */
	struct rcu_head			rcu;
};

struct lbdr_server *lbdr_server_find(const struct lbdr_service *service,
				     const union nf_inet_addr *addr);
struct lbdr_server *
lbdr_server_add(struct lbdr_net *ln, struct lbdr_service *service,
		const union nf_inet_addr *addr,
		const struct lbdr_server_settings *settings);
int lbdr_server_set(struct lbdr_net *ln, struct lbdr_service *service,
		    struct lbdr_server *server,
		    const struct lbdr_server_settings *settings);
int lbdr_server_del(struct lbdr_net *ln, struct lbdr_service *service,
		    struct lbdr_server *server);
int lbdr_server_drain(struct lbdr_net *ln, struct lbdr_service *service,
		      struct lbdr_server *server, bool drain);
void lbdr_server_drain_init(struct lbdr_net *ln);
void lbdr_server_drain_exit(struct lbdr_net *ln);
void lbdr_server_settings(const struct lbdr_server *server,
			  struct lbdr_server_settings *settings);
struct lbdr_server *lbdr_server_make(struct lbdr_net *ln,
				     struct lbdr_service *service,
				     const union nf_inet_addr *addr,
				     const struct lbdr_server_settings *settings);
void lbdr_server_enlist(struct lbdr_service *service,
			struct lbdr_server *server);
void lbdr_server_loosen(struct lbdr_server *server,
			const struct lbdr_server_settings *settings, bool drain);
void lbdr_server_settle(struct lbdr_server *server,
			const struct lbdr_server_settings *settings, bool drain);
void lbdr_server_retire(struct lbdr_service *service,
			struct lbdr_server *server);
void lbdr_server_put(struct lbdr_server *server);
void lbdr_server_update_overload(struct lbdr_server *server);
void lbdr_server_counts(const struct lbdr_server *server,
			struct lbdr_counts *counts);

/*
 * A count moves after the state that it counts: while other CPUs are in between
 * it may read one too few for each, and below 0.
 */
static inline u32 lbdr_server_active(const struct lbdr_server *server)
{
	return max(atomic_read(&server->active), 0);
}

static inline u32 lbdr_server_inactive(const struct lbdr_server *server)
{
	return max(atomic_read(&server->inactive), 0);
}

static inline u32 lbdr_server_persistent(const struct lbdr_server *server)
{
	return max(atomic_read(&server->persistent), 0);
}

/* Whether new connections may go there; the answer is a moment old. */
static inline bool lbdr_server_open(const struct lbdr_server *server)
{
	return READ_ONCE(server->weight) && !READ_ONCE(server->overloaded) &&
	       !READ_ONCE(server->draining) && !READ_ONCE(server->dead);
}

static inline void lbdr_server_get(struct lbdr_server *server)
{
	refcount_inc(&server->refs);
}

#endif /* _LBDR_SERVER_H */
