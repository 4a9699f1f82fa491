/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Real servers of a service.
 */
#ifndef _LBDR_SERVER_H
#define _LBDR_SERVER_H

#include <linux/netfilter.h>
#include <linux/rbtree.h>
#include <linux/refcount.h>

#include "flow.h"
#include "lbdr.h"
#include "nexthop.h"
#include "service.h"
#include "stats.h"
#include "tunnel.h"

/*
 * Servers of a service, held ones included. LBDR_SERVER_MAX of them may be in use: as many
 * can be replaced by others while they are held.
 */
#define LBDR_SERVER_MAX_HELD	(2 * LBDR_SERVER_MAX)

/**
 * struct lbdr_server_key - what a server of a service is found by
 * @addr: the RIP; unused words are 0
 * @family: of @addr
 */
struct lbdr_server_key {
	union nf_inet_addr	addr;
	enum lbdr_family	family;
};

/**
 * struct lbdr_server_settings - settings of a server
 * @weight: 0 to LBDR_WEIGHT_MAX; 0 means no new connections
 * @upper: number of connections at which it is overloaded, 0 for never
 * @lower: number of connections below which it is no longer overloaded; 0 for
 *	three quarters of @upper
 * @port: reported as the server's port, without effect on packets
 * @drain: no new connections, and it is removed when its last one has ended
 * @hold: removed for all who list servers, but its connections stay for so many
 *	seconds, see hold.c; 0 if it is not held
 * @awaited: while it is held, its persistent clients get no other server, and a client
 *	that no server is found for gets no answer
 * @tunnel: the tunnel to it
 */
struct lbdr_server_settings {
	u32	weight;
	u32	upper;
	u32	lower;
	__be16	port;
	bool	drain;
	bool	awaited;
	u32	hold;
	struct lbdr_tunnel_settings tunnel;
};

/**
 * struct lbdr_server - a real server of one service
 * @nexthop: of @addr in the default L3 domain; immutable, one reference held
 * @tunnel: the tunnel to it, NULL for direct routing; RCU, replaced under
 *	lbdr_net.config and lbdr_net.lock
 * @stats: per CPU; written with BH off
 * @addr: the RIP; immutable
 * @family: of @addr; that of the service if @tunnel is NULL; immutable
 * @dead: removed from its service. Set once under lbdr_net.lock, read by
 *	packets with READ_ONCE(): connections to a dead server are not found
 * @returns: has sent packets back to this director, see peers.c. Set by packets with
 *	WRITE_ONCE(): each packet to such a server is checked
 * @held: it is held, see hold.c; WRITE_ONCE() under lbdr_net.lock. Packets of
 *	its connections are dropped
 * @checked: @dead, @returns and @held, which packets read as one
 * @draining: &lbdr_server_settings.drain; WRITE_ONCE() under lbdr_net.lock
 * @awaited: &lbdr_server_settings.awaited; only while @held. WRITE_ONCE() under
 *	lbdr_net.lock
 * @hold_until: jiffies at which it is removed while @held; lbdr_net.lock
 * @failed: its neighbour has failed, see reach.c; lbdr_net.config
 * @port: &lbdr_server_settings.port; WRITE_ONCE() under lbdr_net.lock
 * @overloaded: has reached @upper; WRITE_ONCE() under @lock
 * @skipped: gets no new connections since it is unreachable, see reach.c; WRITE_ONCE()
 *	under lbdr_net.lock
 * @unreachable: &lbdr_server.failed for those who list servers; lbdr_net.lock
 * @number: from 1 on, in the order of adding to the service; lbdr_net.config
 * @weight: WRITE_ONCE() under lbdr_net.lock. Schedulers read the copy in the
 *	pool, and of this one only whether it is 0
 * @upper: WRITE_ONCE() under lbdr_net.lock
 * @lower: WRITE_ONCE() under lbdr_net.lock
 * @ln: the namespace, which outlives the server
 * @service: whose server it is; immutable, one reference held. Of a dead server, it
 *	may be removed, but it exists
 * @zero: counts at the last zero operation; lbdr_net.lock
 * @rates: rates of the counters; lbdr_net.lock
 * @list: in lbdr_service.servers; RCU, changed under lbdr_net.config and
 *	lbdr_net.lock
 * @node: in lbdr_service.servers_by_addr; as that
 * @drain: in lbdr_net.draining or drained while @draining, in lbdr_net.held_servers while
 *	@held; lbdr_net.config and lbdr_net.lock
 * @active: number of connections in an active state
 * @inactive: number of other connections
 * @persistent: number of clients that persistence leads here
 * @refs: one reference each of the configuration, of every pool, every
 *	connection and every entry of a lblc or lblcr table
 * @lock: protects @overloaded; taken with BH off
 * @rcu: frees it after the last reader of @list
 */
struct lbdr_server {
	struct lbdr_nexthop		*nexthop;
	struct lbdr_server_tunnel __rcu	*tunnel;
	struct lbdr_stats __percpu	*stats;
	union nf_inet_addr		addr;
	enum lbdr_family		family;
	union {
		struct {
			bool		dead;
			bool		returns;
			bool		held;
		};
		u32			checked;
	};
	bool				draining;
	bool				overloaded;
	bool				skipped;
	bool				unreachable;
	u32				weight;
	u32				upper;
	struct lbdr_net			*ln;
	struct lbdr_service		*service;
	u32				lower;
	u32				number;
	bool				failed;
	__be16				port;
	bool				awaited;
	unsigned long			hold_until;
	struct lbdr_counts		zero;
	struct lbdr_rates		rates;
	struct list_head		list;
	struct rb_node			node;
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
				     enum lbdr_family family,
				     const union nf_inet_addr *addr);
void lbdr_server_settings(const struct lbdr_server *server,
			  struct lbdr_server_settings *settings);
bool lbdr_server_settings_equal(const struct lbdr_server_settings *a,
				const struct lbdr_server_settings *b);
struct lbdr_server *
lbdr_server_alloc(struct lbdr_net *ln, struct lbdr_service *service,
		  enum lbdr_family family, const union nf_inet_addr *addr,
		  const struct lbdr_server_settings *settings);
void lbdr_server_put(struct lbdr_server *server);
void lbdr_server_link(struct lbdr_service *service, struct lbdr_server *server);
void lbdr_server_move_tail(struct lbdr_service *service,
			   struct lbdr_server *server);
void lbdr_server_unlink(struct lbdr_service *service,
			struct lbdr_server *server);
void lbdr_server_apply_opening(struct lbdr_server *server,
			       const struct lbdr_server_settings *settings);
void lbdr_server_apply(struct lbdr_server *server,
		       const struct lbdr_server_settings *settings);
struct lbdr_server_tunnel *
lbdr_server_set_tunnel(struct lbdr_server *server,
		       struct lbdr_server_tunnel *tunnel);
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

/* Whether it was removed, or is held. */
static inline bool lbdr_server_gone(const struct lbdr_server *server)
{
	return READ_ONCE(server->dead) || READ_ONCE(server->held);
}

static inline bool lbdr_server_held(const struct lbdr_server *server)
{
	return READ_ONCE(server->held) && !READ_ONCE(server->dead);
}

/* Whether @family and @addr name the server. */
static inline bool lbdr_server_is(const struct lbdr_server *server,
				  enum lbdr_family family,
				  const union nf_inet_addr *addr)
{
	return server->family == family && nf_inet_addr_cmp(&server->addr, addr);
}

/*
 * Whether packets can be sent to the server by @route, or are for this host. A tunnel
 * leads through gateways, direct routing does not.
 */
static inline bool lbdr_server_reachable(const struct lbdr_server *server,
					 const struct lbdr_route *route)
{
	return route->link || route->local ||
	       (route->dst && rcu_access_pointer(server->tunnel));
}

/* Whether new connections may go there; the answer is a moment old. */
static inline bool lbdr_server_open(const struct lbdr_server *server)
{
	return READ_ONCE(server->weight) && !READ_ONCE(server->overloaded) &&
	       !READ_ONCE(server->draining) && !READ_ONCE(server->skipped) &&
	       !lbdr_server_gone(server);
}

/* The order of servers, and of staged ones, in trees. */
static inline int lbdr_server_key_cmp(const struct lbdr_server_key *key,
				      enum lbdr_family family,
				      const union nf_inet_addr *addr)
{
	if (key->family != family)
		return key->family < family ? -1 : 1;
	return memcmp(&key->addr, addr, sizeof(*addr));
}

static inline void lbdr_server_get(struct lbdr_server *server)
{
	refcount_inc(&server->refs);
}

#endif /* _LBDR_SERVER_H */
