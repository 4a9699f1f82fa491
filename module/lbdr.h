/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The types that everyone in the module shares, and what each file offers to
 * the others.
 *
 * Two protection domains, and nothing in between:
 *
 * - Configuration (services, servers, weights) is changed under
 *   lbdr_net.lock, a mutex of the network namespace. Where RTNL is needed as
 *   well, it is taken first.
 * - Packets read under rcu_read_lock() alone. What they find is either
 *   immutable (struct lbdr_pool, struct lbdr_route) or a word of its own that
 *   is read and written with READ_ONCE(), WRITE_ONCE() or cmpxchg().
 *
 * Lifetimes, from the longest to the shortest: namespace, service, server,
 * then connection, pool and route. The file that frees an object says when.
 */
#ifndef _LBDR_H
#define _LBDR_H

#include <linux/hash.h>
#include <linux/ip.h>
#include <linux/ipv6.h>
#include <linux/llist.h>
#include <linux/netfilter.h>
#include <linux/refcount.h>
#include <linux/rhashtable.h>
#include <linux/skbuff.h>
#include <linux/u64_stats_sync.h>
#include <linux/workqueue.h>
#include <net/dst.h>
#include <net/netns/generic.h>

#include <linux/lbdr.h>
#include "compat.h"
#include "flow.h"

#define LBDR_MODULE_VERSION	"0.1"

struct lbdr_peers;
struct lbdr_pool;
struct lbdr_sched_ops;
struct lbdr_server;

/*
 * Why a packet that was for a service, or looked like it, was not forwarded.
 * stats.c has the words for each.
 */
enum lbdr_drop {
	LBDR_DROP_BAD_SOURCE,
	LBDR_DROP_NO_SERVER,
	LBDR_DROP_STRAY,
	LBDR_DROP_LOOP,
	LBDR_DROP_CONN_MAX,
	LBDR_DROP_CONN_MEMORY,
	LBDR_DROP_NO_ROUTE,
	LBDR_DROP_NOT_ONLINK,
	LBDR_DROP_NEIGHBOUR,
	LBDR_DROP_TTL,
	LBDR_DROP_MTU,
	LBDR_DROP_MEMORY,
	/* The rest were passed to the director's own stack instead. */
	LBDR_PASS_MALFORMED,
	LBDR_PASS_NO_CONN,
	LBDR_PASS_FRAGMENT,
	LBDR_PASS_LOCAL_CLIENT,
	LBDR_PASS_DIRECTOR,
	/* No packets that were not forwarded, but what else a flood does. */
	LBDR_FLOOD_STATELESS,
	LBDR_FLOOD_EVICTED,
	LBDR_DROPS
};

/* Counters of one CPU. */
struct lbdr_stats {
	u64_stats_t		conns;
	u64_stats_t		packets;
	u64_stats_t		bytes;
	struct u64_stats_sync	sync;
};

/* The same, summed over CPUs. */
struct lbdr_counts {
	u64	conns;
	u64	packets;
	u64	bytes;
};

/**
 * struct lbdr_service_key - what a service is found by
 * @addr: the VIP; of an IPv4 address the first word, the rest is 0. Of a
 *	fwmark service the mark in the first word
 * @protocol: IPPROTO_TCP, _UDP or _SCTP; 0 of a fwmark service
 * @family: enum lbdr_family
 * @port: the virtual port, the first one of a range, or 0 for all of them
 * @last_port: the last one of a range, else 0
 * @unused: 0
 */
struct lbdr_service_key {
	union nf_inet_addr	addr;
	u8			protocol;
	u8			family;
	__be16			port;
	__be16			last_port;
	u16			unused;
};

static inline bool lbdr_service_key_marked(const struct lbdr_service_key *key)
{
	return !key->protocol;
}

/* More than one port. */
static inline bool lbdr_service_key_wide(const struct lbdr_service_key *key)
{
	return key->protocol && (!key->port || key->last_port);
}

/**
 * struct lbdr_sched - a scheduler as a service wants it
 * @ops: which one
 * @flags: LBDR_SCHED_FLAG_..., of those that it knows
 * @size: slots of its table where that can be chosen, else 0
 */
struct lbdr_sched {
	const struct lbdr_sched_ops	*ops;
	u32				flags;
	u32				size;
};

/**
 * struct lbdr_service_settings - what a service is to be like
 * @refuse: enum lbdr_refuse
 * @stray: enum lbdr_stray
 * @prefix: leading bits of a client's address that persistence looks at
 * @flags: enum lbdr_service_flag
 * @persist: seconds for which a client comes back to its server, 0 for none
 * @timeout: seconds that a connection may idle, by state; 0 for what the
 *	namespace says
 */
struct lbdr_service_settings {
	u8	refuse;
	u8	stray;
	u8	prefix;
	u32	flags;
	u32	persist;
	u32	timeout[LBDR_CONN_STATES];
};

/**
 * struct lbdr_service - a virtual service
 * @node: in lbdr_net.services, unless it is a wide one; RCU
 * @wide: in lbdr_net.wide, if it is; RCU
 * @key: immutable
 * @pool: the servers as schedulers see them; RCU, replaced under
 *	lbdr_net.lock
 * @cursor: running number that rr and wrr share across pools; atomic
 * @settings: each word is WRITE_ONCE() under lbdr_net.lock
 * @sched: the scheduler of @pool; lbdr_net.lock
 * @memory: what the scheduler remembers from one pool to the next, or NULL;
 *	lbdr_net.lock, packets reach it through the pool
 * @stale: in lbdr_net.stale while @pool is not what the servers are;
 *	lbdr_net.lock
 * @servers: all servers in the order of adding; lbdr_net.lock
 * @n_servers: how many; lbdr_net.lock
 * @last_number: of the server that was added last; lbdr_net.lock
 * @folded: counts of removed servers since the last zero; lbdr_net.lock
 * @list: in lbdr_net.service_list; lbdr_net.lock
 * @rcu: frees it after the last packet that saw it
 */
struct lbdr_service {
	union {
		struct rhash_head	node;
		struct rhlist_head	wide;
	};
	struct lbdr_service_key		key;
	struct lbdr_pool __rcu		*pool;
	atomic64_t			cursor;
	struct lbdr_service_settings	settings;
	struct lbdr_sched		sched;
	void				*memory;
	struct list_head		stale;
	struct list_head		servers;
	u32				n_servers;
	u32				last_number;
	struct lbdr_counts		folded;
	struct list_head		list;
	struct rcu_head			rcu;
};

/**
 * struct lbdr_route - how a server is reached; immutable once published
 * @dst: the route to the RIP, one reference held
 * @cookie: IPv6's witness that @dst is still valid
 * @mtu: of IPv4, without learned PMTU; a change of the device's or the route's
 *	makes @dst invalid. IPv6 routes outlive it, so it is asked for there
 * @local: the server is this very host
 * @rcu: puts @dst and frees
 */
struct lbdr_route {
	struct dst_entry	*dst;
	u32			cookie;
	u32			mtu;
	bool			local;
	struct rcu_head		rcu;
};

/**
 * struct lbdr_server - a real server of one service
 * @route: cached route; RCU, replaced under @lock
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
 * @list: in lbdr_service.servers; lbdr_net.lock
 * @drain: in lbdr_net.draining while @draining; lbdr_net.lock
 * @active: connections in an active state
 * @inactive: all others
 * @persistent: clients that persistence leads here
 * @refs: one of the configuration, one of each pool and each connection
 * @lock: orders the replacing of @route and the judging of @overloaded; taken
 *	with BH off
 */
struct lbdr_server {
	struct lbdr_route __rcu		*route;
	struct lbdr_stats __percpu	*stats;
	union nf_inet_addr		addr;
	enum lbdr_family		family;
	bool				dead;
	bool				draining;
	bool				overloaded;
	u32				number;
	u32				weight;
	u32				upper;
	u32				lower;
	struct lbdr_net			*ln;
	struct lbdr_service		*service;
	struct lbdr_counts		zero;
	struct list_head		list;
	struct list_head		drain;

	/* Written at changes of state, so kept off the line that packets read */
	atomic_t			active ____cacheline_aligned_in_smp;
	atomic_t			inactive;
	atomic_t			persistent;
	refcount_t			refs;
	spinlock_t			lock;		/* @route, @overloaded */
};

/**
 * struct lbdr_conn - a connection, without its key
 * @node: in lbdr_net.conns; RCU
 * @server: immutable, one reference held until the memory is freed
 * @stamp: jiffies of the last packet, coarse; any packet writes it
 * @state: enum lbdr_conn_state; cmpxchg(). The one that moves it to
 *	LBDR_CONN_STATE_DEAD takes the connection out of the table
 * @family: which of the two structs below it heads; immutable
 * @rcu: frees it after the last packet that saw it
 * @reaped: in lbdr_net.reaped, in place of @rcu
 */
struct lbdr_conn {
	struct rhash_head	node;
	struct lbdr_server	*server;
	u32			stamp;
	u32			state;
	enum lbdr_family	family;
	union {
		struct rcu_head		rcu;
		struct llist_node	reaped;
	};
};

struct lbdr_conn4 {
	struct lbdr_conn	conn;
	struct lbdr_key4	key;
};

struct lbdr_conn6 {
	struct lbdr_conn	conn;
	struct lbdr_key6	key;
};

/*
 * One bit for each value that a hash of a destination address can take, set
 * where a VIP has that hash: what is no VIP is told from it by one load. 4096
 * bits are 512 bytes; beyond some thousand VIPs it lets most packets through
 * to the look-ups, which is slower and no less right.
 */
#define LBDR_VIP_BITS		12

/* Hooks of a family: the entries of enum lbdr_entry, and two more. */
enum lbdr_hook {
	LBDR_HOOK_LOCAL = LBDR_ENTRY_INPUT + 1,
	LBDR_HOOK_MARKED,
	LBDR_HOOKS
};

/**
 * struct lbdr_net - the director of one network namespace
 * @vips: filter of destination addresses; bits set and cleared under @lock
 * @conns: connection tables; RCU
 * @services: services of one port and those of a fwmark, by key; RCU, changed
 *	under @lock
 * @wide: services of many ports, by address and protocol; RCU, changed under
 *	@lock
 * @drops: per CPU; written with BH off
 * @timeout: seconds that a connection may idle, by state; WRITE_ONCE() under
 *	@lock
 * @n_wide: services in @wide; WRITE_ONCE() under @lock
 * @n_conns: connections whose memory is not free yet; atomic
 * @fresh: new connections in the second that began at @since; atomic
 * @since: jiffies; cmpxchg()
 * @flooded: jiffies when a packet was last forwarded without a connection, 0 for
 *	never; any packet writes it
 * @collector: reaps expired connections, queued while @n_conns is not 0
 * @reaped: connections that are out of the table and that the collector frees;
 *	lockless
 * @walk: where the collector stands in each table; the collector alone
 * @lock: serialises all configuration; see the top of this file
 * @net: the namespace that this belongs to; immutable
 * @hooks: what is registered with netfilter, or can be; immutable
 * @ingress: devices whose packets are taken at ingress; @lock
 * @service_list: services in the order of adding; @lock
 * @n_services: services of each family, hooks are registered where it is not
 *	0; @lock
 * @n_marked: those of a fwmark among them, for which there is a hook more;
 *	@lock
 * @entry: enum lbdr_entry, where the hooks are; @lock
 * @hold: more changes follow at once, so pools wait for the last; @lock
 * @stale: services whose pool is not what their servers are; @lock
 * @freshen: builds the pools of @stale, if nobody does so before
 * @draining: servers that wait for their connections to end; @lock
 * @drain: removes them
 * @lro: switches LRO off on the namespace's devices
 * @peers: MACs of the servers; RCU, replaced under @lock
 * @peers_work: builds @peers anew
 * @generation: bumped with every change, so that dumps and transactions notice;
 *	@lock
 * @batches: open transactions; @lock
 * @n_batches: how many; WRITE_ONCE() under @lock
 * @n_staged: services and servers that they hold; @lock
 */
struct lbdr_net {
	unsigned long		vips[LBDR_FAMILIES][BITS_TO_LONGS(1 << LBDR_VIP_BITS)];
	struct rhashtable	conns[LBDR_FAMILIES];
	struct rhashtable	services;
	struct rhltable		wide;
	u64 __percpu		*drops;
	u32			timeout[LBDR_CONN_STATES];
	u32			n_wide;

	atomic_t		n_conns ____cacheline_aligned_in_smp;
	atomic_t		fresh;
	u32			since;
	unsigned long		flooded;
	struct delayed_work	collector;
	struct llist_head	reaped;
	struct rhashtable_iter	walk[LBDR_FAMILIES];

	struct mutex		lock;		/* all configuration */
	struct net		*net;
	struct nf_hook_ops	hooks[LBDR_HOOKS][LBDR_FAMILIES];
	struct list_head	ingress;
	struct list_head	service_list;
	u32			n_services[LBDR_FAMILIES];
	u32			n_marked[LBDR_FAMILIES];
	u8			entry;
	bool			hold;
	struct list_head	stale;
	struct delayed_work	freshen;
	struct list_head	draining;
	struct delayed_work	drain;
	struct work_struct	lro;
	struct lbdr_peers __rcu	*peers;
	struct delayed_work	peers_work;
	u32			generation;
	struct list_head	batches;
	u32			n_batches;
	u32			n_staged;
};

/* net.c */
extern unsigned int lbdr_net_id;

static inline struct lbdr_net *lbdr_net(const struct net *net)
{
	return net_generic(net, lbdr_net_id);
}

int lbdr_net_init(void);
void lbdr_net_exit(void);

/* hook.c */
void lbdr_hook_birth(struct lbdr_net *ln);
int lbdr_hook_register(struct lbdr_net *ln, enum lbdr_family family);
void lbdr_hook_unregister(struct lbdr_net *ln, enum lbdr_family family);
int lbdr_hook_register_marked(struct lbdr_net *ln, enum lbdr_family family);
void lbdr_hook_unregister_marked(struct lbdr_net *ln, enum lbdr_family family);
int lbdr_hook_set_entry(struct lbdr_net *ln, u8 entry);

/* ingress.c */
#define LBDR_INGRESS_MAX	16

int lbdr_ingress_begin(struct lbdr_net *ln);
void lbdr_ingress_end(struct lbdr_net *ln);
int lbdr_ingress_add(struct lbdr_net *ln, struct net_device *dev);
void lbdr_ingress_keep(struct lbdr_net *ln, struct net_device *const *devs,
		       u32 n);
bool lbdr_ingress_gone(struct lbdr_net *ln, const struct net_device *dev);
const struct net_device *lbdr_ingress_dev(const struct lbdr_net *ln, u32 index);

/* schedule.c */
struct lbdr_server *lbdr_schedule(struct lbdr_net *ln, struct sk_buff *skb,
				  const struct lbdr_service *service,
				  const struct lbdr_flow *flow,
				  unsigned int *verdict);
bool lbdr_schedule_bad_source(struct net *net, const struct net_device *dev,
			      const struct lbdr_flow *flow);
u8 lbdr_schedule_stray_as(const struct lbdr_net *ln,
			  const struct lbdr_service *service,
			  const struct lbdr_flow *flow);

/* persist.c */
struct lbdr_server *lbdr_persist_pick(struct lbdr_net *ln,
				      const struct lbdr_service *service,
				      const struct lbdr_flow *flow);
struct lbdr_conn *lbdr_persist_look(struct lbdr_net *ln,
				    const struct lbdr_service *service,
				    const struct lbdr_flow *flow, bool *usable);
void lbdr_persist_renew(struct lbdr_net *ln,
			const struct lbdr_service *service,
			const struct lbdr_flow *flow);

/* service.c */
int lbdr_service_table_init(struct lbdr_net *ln);
void lbdr_service_table_exit(struct lbdr_net *ln);
struct lbdr_service *lbdr_service_find(struct lbdr_net *ln,
				       const struct lbdr_service_key *key);
struct lbdr_service *lbdr_service_of_flow(struct lbdr_net *ln,
					  const struct lbdr_flow *flow);
struct lbdr_service *lbdr_service_of_mark(struct lbdr_net *ln,
					  enum lbdr_family family, u32 mark);
struct lbdr_service *
lbdr_service_add(struct lbdr_net *ln, const struct lbdr_service_key *key,
		 const struct lbdr_sched *sched,
		 const struct lbdr_service_settings *settings);
int lbdr_service_set_sched(struct lbdr_net *ln, struct lbdr_service *service,
			   const struct lbdr_sched *sched);
void lbdr_service_set(struct lbdr_net *ln, struct lbdr_service *service,
		      const struct lbdr_service_settings *settings);
int lbdr_service_open(const struct lbdr_sched *sched, void **memory);
void lbdr_service_close(const struct lbdr_sched *sched, void *memory);
struct lbdr_service *lbdr_service_make(const struct lbdr_service_key *key);
int lbdr_service_arrive(struct lbdr_net *ln, struct lbdr_service *service);
void lbdr_service_depart(struct lbdr_net *ln, struct lbdr_service *service);
void lbdr_service_enter(struct lbdr_net *ln, struct lbdr_service *service,
			struct lbdr_pool *pool);
void lbdr_service_leave(struct lbdr_net *ln, struct lbdr_service *service);
void lbdr_service_prune_vips(struct lbdr_net *ln, enum lbdr_family family);
bool lbdr_service_overlap(const struct lbdr_service_key *a,
			  const struct lbdr_service_key *b);
struct lbdr_service *
lbdr_service_rival(struct lbdr_net *ln, const struct lbdr_service_key *key,
		   bool (*stays)(const struct lbdr_service *service, void *data),
		   void *data);
void lbdr_service_clear(struct lbdr_net *ln,
			void (*tell)(const struct lbdr_service *service,
				     void *data), void *data);
void lbdr_service_del(struct lbdr_net *ln, struct lbdr_service *service);
void lbdr_service_counts(const struct lbdr_service *service,
			 struct lbdr_counts *sum);
void lbdr_service_zero(struct lbdr_net *ln, struct lbdr_service *service);

/* The bit of an address in lbdr_net.vips, less than 1 << LBDR_VIP_BITS. */
static inline u32 lbdr_vip_hash4(__be32 addr)
{
	return hash_32((__force u32)addr, LBDR_VIP_BITS);
}

static inline u32 lbdr_vip_hash6(const struct in6_addr *addr)
{
	return hash_32((__force u32)(addr->s6_addr32[0] ^ addr->s6_addr32[1] ^
				     addr->s6_addr32[2] ^ addr->s6_addr32[3]),
		       LBDR_VIP_BITS);
}

/* pool.c; what schedulers need of it is in sched.h */
void lbdr_pool_init(struct lbdr_net *ln);
void lbdr_pool_exit(struct lbdr_net *ln);
void lbdr_pool_freshen(struct lbdr_net *ln);

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

/* server.c */
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
void lbdr_server_judge(struct lbdr_server *server);
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

/* batch.c; the rest of it is in batch.h */
void lbdr_batch_birth(struct lbdr_net *ln);
void lbdr_batch_death(struct lbdr_net *ln);

/* route.c */
const struct lbdr_route *lbdr_route_get(struct lbdr_server *server,
					enum lbdr_family family,
					const struct net_device *from,
					enum lbdr_drop *why);
void lbdr_route_prune(struct lbdr_server *server);

/* device.c */
void lbdr_device_begin(struct lbdr_net *ln);
void lbdr_device_birth(struct lbdr_net *ln);
void lbdr_device_death(struct lbdr_net *ln);
int lbdr_device_init(void);
void lbdr_device_exit(void);

/* peers.c */
bool lbdr_peers_sent(const struct lbdr_net *ln, const struct sk_buff *skb,
		     const struct lbdr_service *service);
bool lbdr_peers_has(const struct lbdr_net *ln,
		    const struct lbdr_service *service, const u8 *mac);
bool lbdr_peers_local(struct net *net, const struct net_device *dev,
		      const struct lbdr_flow *flow);
unsigned int lbdr_peers_verdict(struct lbdr_net *ln, struct sk_buff *skb,
				const struct lbdr_flow *flow);
void lbdr_peers_stale(struct lbdr_net *ln);
void lbdr_peers_birth(struct lbdr_net *ln);
void lbdr_peers_death(struct lbdr_net *ln);
int lbdr_peers_init(void);
void lbdr_peers_exit(void);

/* conn.c */
int lbdr_conn_init(void);
void lbdr_conn_exit(void);
int lbdr_conn_table_init(struct lbdr_net *ln);
void lbdr_conn_table_exit(struct lbdr_net *ln);
struct lbdr_conn *lbdr_conn_peek(struct lbdr_net *ln,
				 const struct lbdr_flow *flow);
struct lbdr_conn *lbdr_conn_find(struct lbdr_net *ln,
				 const struct lbdr_flow *flow);
struct lbdr_conn *lbdr_conn_add(struct lbdr_net *ln,
				const struct lbdr_flow *flow,
				struct lbdr_server *server,
				enum lbdr_drop *why);
void lbdr_conn_move(struct lbdr_conn *conn, u32 from, u32 to);
bool lbdr_conn_kill(struct lbdr_net *ln, struct lbdr_conn *conn);
bool lbdr_conn_reap(struct lbdr_net *ln, struct lbdr_conn *conn);
long lbdr_conn_left(const struct lbdr_net *ln, const struct lbdr_conn *conn);
u32 lbdr_conn_max(void);
bool lbdr_conn_crowded(struct lbdr_net *ln);
bool lbdr_conn_full(const struct lbdr_net *ln);
bool lbdr_conn_returning(const struct lbdr_net *ln);

/* flood.c */
bool lbdr_flood_on(struct lbdr_net *ln);
bool lbdr_flood_next(struct lbdr_net *ln);
bool lbdr_flood_stateless(const struct lbdr_service *service);
void lbdr_flood_forward(struct lbdr_net *ln);
bool lbdr_flood_lately(const struct lbdr_net *ln);
void lbdr_flood_evict(struct lbdr_net *ln, enum lbdr_family family);

static inline const struct lbdr_key4 *lbdr_conn_key4(const struct lbdr_conn *conn)
{
	return &container_of(conn, struct lbdr_conn4, conn)->key;
}

static inline const struct lbdr_key6 *lbdr_conn_key6(const struct lbdr_conn *conn)
{
	return &container_of(conn, struct lbdr_conn6, conn)->key;
}

/* xmit_dr.c */
unsigned int lbdr_xmit_dr4(struct lbdr_net *ln, struct sk_buff *skb,
			   const struct lbdr_server *server,
			   const struct lbdr_route *route, bool local);
unsigned int lbdr_xmit_dr6(struct lbdr_net *ln, struct sk_buff *skb,
			   const struct lbdr_server *server,
			   const struct lbdr_route *route, bool local);

/* refuse.c */
u8 lbdr_refuse_as(const struct lbdr_flow *flow, u8 refuse);
void lbdr_refuse(struct lbdr_net *ln, struct sk_buff *skb,
		 const struct lbdr_flow *flow, u8 refuse);

/* borrow.c */
int lbdr_borrow_defrag(enum lbdr_family family);
int lbdr_borrow_reset(void);
void lbdr_borrow_exit(void);
int lbdr_defrag_begin(struct net *net, enum lbdr_family family);
void lbdr_defrag_end(struct net *net, enum lbdr_family family);
void lbdr_reset(struct net *net, struct sk_buff *skb, enum lbdr_family family);

/* icmp.c */
void lbdr_icmp4(struct net *net, struct sk_buff *skb, u8 type, u8 code,
		u32 info);
void lbdr_icmp6(struct net *net, struct sk_buff *skb, u8 type, u8 code,
		u32 info);

/* stats.c */
struct lbdr_drop_word {
	const char	*reason;
	const char	*summary;
};

extern const struct lbdr_drop_word lbdr_drop_words[LBDR_DROPS];

u64 lbdr_drop_count(const struct lbdr_net *ln, enum lbdr_drop drop);
void lbdr_stats_sum(const struct lbdr_stats __percpu *stats,
		    struct lbdr_counts *sum);

void lbdr_drop(const struct lbdr_net *ln, enum lbdr_drop drop);
void lbdr_count(const struct lbdr_net *ln, enum lbdr_drop what);

/**
 * lbdr_stats_add() - count what a server got
 * @stats: its counters
 * @conns: connections
 * @packets: packets
 * @bytes: bytes
 *
 * Context: BH off.
 */
static inline void lbdr_stats_add(struct lbdr_stats __percpu *stats, u32 conns,
				  u32 packets, u32 bytes)
{
	struct lbdr_stats *mine = this_cpu_ptr(stats);

	u64_stats_update_begin(&mine->sync);
	if (conns)
		u64_stats_add(&mine->conns, conns);
	if (packets) {
		u64_stats_add(&mine->packets, packets);
		u64_stats_add(&mine->bytes, bytes);
	}
	u64_stats_update_end(&mine->sync);
}

/* netlink_fill.c */
struct sk_buff *lbdr_nl_prepare_drained(struct lbdr_server *server);
void lbdr_nl_send_drained(struct lbdr_net *ln, struct sk_buff *msg, int err);
void lbdr_nl_tell(struct lbdr_net *ln, u8 cmd,
		  const struct lbdr_service *service);

/* netlink.c */
int lbdr_netlink_init(void);
void lbdr_netlink_exit(void);

#endif /* _LBDR_H */
