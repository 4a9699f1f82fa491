/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Virtual services: keys, settings, and the tables that packets look them up in.
 */
#ifndef _LBDR_SERVICE_H
#define _LBDR_SERVICE_H

#include <linux/rbtree.h>
#include <linux/refcount.h>
#include <linux/rhashtable.h>

#include "flow.h"
#include "lbdr.h"
#include "stats.h"

struct lbdr_pool;
struct lbdr_range_vip;
struct lbdr_sched_ops;

/**
 * struct lbdr_service_key - what a service is found by
 * @addr: the VIP; an IPv4 address is the first word, the rest is 0. Of a
 *	fwmark service the mark is the first word
 * @protocol: IPPROTO_TCP, _UDP or _SCTP; 0 of a fwmark service
 * @family: enum lbdr_family
 * @domain: L3 domain of the packets, or 0 for any
 * @port: the virtual port, the first one of a range, or 0 for all ports
 * @last_port: the last port of a range, else 0
 */
struct lbdr_service_key {
	union nf_inet_addr	addr;
	u8			protocol;
	u8			family;
	u16			domain;
	__be16			port;
	__be16			last_port;
};

static inline bool
lbdr_service_key_equal(const struct lbdr_service_key *a,
		       const struct lbdr_service_key *b)
{
	return !memcmp(a, b, sizeof(*a));
}

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
 * struct lbdr_sched - a scheduler and its options
 * @ops: the scheduler
 * @flags: LBDR_SCHED_FLAG_..., of those that it has
 * @size: slots of its table if that can be chosen, else 0
 */
struct lbdr_sched {
	const struct lbdr_sched_ops	*ops;
	u32				flags;
	u32				size;
};

/**
 * struct lbdr_service_settings - settings of a service
 * @refuse: enum lbdr_refuse
 * @stray: enum lbdr_stray
 * @prefix: leading bits of a client's address that persistence compares
 * @flags: enum lbdr_service_flag
 * @opaque: flags that a front end stores and reports, without effect on packets
 * @persist: persistence timeout in seconds, 0 disables
 * @timeout: seconds that a connection may idle, by state; 0 for the namespace's
 */
struct lbdr_service_settings {
	u8	refuse;
	u8	stray;
	u8	prefix;
	u32	flags;
	u32	opaque;
	u32	persist;
	u32	timeout[LBDR_CONN_STATES];
};

/**
 * struct lbdr_service - a virtual service
 * @node: in lbdr_net.services; RCU
 * @vip: the VIP of a service of many ports, see range.c; lbdr_net.config
 * @added: in a list of services that @vip is to show elsewhere; lbdr_net.config
 * @leaving: to be removed from its place in @vip by the present commit; lbdr_net.config
 * @ln: the namespace; immutable
 * @key: immutable; a reference to the L3 domain is held
 * @pool: snapshot of the servers for schedulers; RCU, replaced under
 *	lbdr_net.lock. NULL until the service is published
 * @cursor: running number that rr and wrr share across pools; atomic
 * @settings: each word is WRITE_ONCE() under lbdr_net.lock
 * @sched: the scheduler of @pool; lbdr_net.lock
 * @sched_state: state of the scheduler that outlives a pool, or NULL; lbdr_net.lock,
 *	packets reach it through the pool
 * @stale: in lbdr_net.stale while @pool is older than the servers;
 *	lbdr_net.config
 * @watched: &lbdr_server.failed, .unreachable or .skipped of its servers may be set, see
 *	reach.c; lbdr_net.config
 * @skipping: its failed servers get no new connections; lbdr_net.config
 * @pool_due: jiffies from which a command may replace @pool if there are many servers;
 *	lbdr_net.config
 * @servers: all servers in the order of adding; changed under lbdr_net.config
 *	and lbdr_net.lock, read under either
 * @servers_by_addr: the same servers by family and address; as @servers
 * @n_servers: their number, held ones included; as @servers
 * @last_number: of the server that was added last; lbdr_net.config
 * @generation: lbdr_net.n_changes at the last change of the service or its servers,
 *	so no two services have the same; as @servers
 * @folded: counters of removed servers since the last zero; lbdr_net.lock
 * @held: it is held, see hold.c; WRITE_ONCE() under lbdr_net.lock. It is not
 *	listed, and packets without a connection are dropped
 * @hold_until: jiffies at which it is removed while @held; lbdr_net.lock
 * @hold: in lbdr_net.held_services while @held; lbdr_net.config and lbdr_net.lock
 * @n_held: number of held servers in @servers; WRITE_ONCE(), as @servers
 * @n_awaited: number of them that are awaited; as @n_held
 * @list: in lbdr_net.service_list; as @servers
 * @refs: one reference of the configuration and one of each server, so the service of
 *	a connection exists as long as the connection
 * @rcu: frees it after the last packet that has found it
 * @n_conns: entries of the connection table that belong to the service, templates and
 *	connections to removed servers included; atomic, see flood.h
 * @drops: packets that were not forwarded, and evicted connections, by enum lbdr_drop,
 *	since the last zero; atomic
 */
struct lbdr_service {
	struct rhash_head		node;
	struct lbdr_range_vip		*vip;
	struct list_head		added;
	bool				leaving;
	struct lbdr_net			*ln;
	struct lbdr_service_key		key;
	struct lbdr_pool __rcu		*pool;
	atomic64_t			cursor;
	struct lbdr_service_settings	settings;
	struct lbdr_sched		sched;
	void				*sched_state;
	struct list_head		stale;
	bool				watched;
	bool				skipping;
	unsigned long			pool_due;
	struct list_head		servers;
	struct rb_root			servers_by_addr;
	u32				n_servers;
	u32				last_number;
	u64				generation;
	struct lbdr_counts		folded;
	bool				held;
	unsigned long			hold_until;
	struct list_head		hold;
	u32				n_held;
	u32				n_awaited;
	struct list_head		list;
	refcount_t			refs;
	struct rcu_head			rcu;

	/*
	 * Written for every new connection and every dropped packet, so kept off the
	 * lines that packets read
	 */
	atomic_t			n_conns ____cacheline_aligned_in_smp;
	atomic64_t			drops[LBDR_DROPS];
};

/* Returns true if a packet gets no connection: a datagram of a one-packet service. */
static inline bool lbdr_service_one_packet(const struct lbdr_service *service,
					   const struct lbdr_flow *flow)
{
	return READ_ONCE(service->settings.flags) & LBDR_SERVICE_FLAG_ONE_PACKET &&
	       lbdr_flow_protocol(flow) == IPPROTO_UDP;
}

/* Returns the timeout of a state of the service's connections in seconds. */
static inline u32 lbdr_service_timeout(const struct lbdr_net *ln,
				       const struct lbdr_service *service, u32 state)
{
	return READ_ONCE(service->settings.timeout[state]) ?: READ_ONCE(ln->timeout[state]);
}

/*
 * Returns true if the hook behind mangle schedules the packets of a family, by their mark
 * and then by their address, so that PREROUTING leaves packets without a connection to it.
 */
static inline bool lbdr_service_marks_first(const struct lbdr_net *ln,
					    enum lbdr_family family)
{
	return READ_ONCE(ln->mark_first) && READ_ONCE(ln->n_marked[family]) &&
	       READ_ONCE(ln->entry) != LBDR_ENTRY_INPUT;
}

/**
 * struct lbdr_service_walk - where a walk over the services and their servers continues
 * @n_changes: lbdr_net.n_changes when it stopped
 * @service: the next service; valid while lbdr_net.n_changes is the same
 * @index: its index in lbdr_net.service_list, to find the place after a change
 * @server: index of the next server of this service
 */
struct lbdr_service_walk {
	u64				n_changes;
	struct lbdr_service		*service;
	u32				index;
	u32				server;
};

int lbdr_service_table_init(struct lbdr_net *ln);
void lbdr_service_table_exit(struct lbdr_net *ln);
struct lbdr_service *lbdr_service_find(struct lbdr_net *ln,
				       const struct lbdr_service_key *key);
struct lbdr_service *lbdr_service_of_flow(struct lbdr_net *ln,
					  const struct lbdr_flow *flow);
struct lbdr_service *lbdr_service_of_mark(struct lbdr_net *ln,
					  enum lbdr_family family, u32 mark,
					  u16 domain);
int lbdr_service_insert(struct lbdr_net *ln, struct lbdr_service *service);
void lbdr_service_remove(struct lbdr_net *ln, struct lbdr_service *service);
bool lbdr_service_overlap(const struct lbdr_service_key *a,
			  const struct lbdr_service_key *b);
bool lbdr_service_settings_equal(const struct lbdr_service_settings *a,
				 const struct lbdr_service_settings *b);
bool lbdr_sched_equal(const struct lbdr_sched *a, const struct lbdr_sched *b);
int lbdr_sched_state_alloc(struct lbdr_net *ln, const struct lbdr_sched *sched,
			   void **state);
void lbdr_sched_state_free(const struct lbdr_sched *sched, void *state);
struct lbdr_service *lbdr_service_alloc(struct lbdr_net *ln,
					const struct lbdr_service_key *key);
void lbdr_service_put(struct lbdr_service *service);
void lbdr_service_release(struct lbdr_service *service);
int lbdr_service_link(struct lbdr_net *ln, struct lbdr_service *service);
void lbdr_service_unlink(struct lbdr_net *ln, struct lbdr_service *service);
void lbdr_service_publish(struct lbdr_net *ln, struct lbdr_service *service,
			  struct lbdr_pool *pool);
void lbdr_service_unpublish(struct lbdr_net *ln, struct lbdr_service *service);
void lbdr_service_release_hooks(struct lbdr_net *ln,
				const struct lbdr_service *service);
void lbdr_service_free(struct lbdr_service *service);
void lbdr_service_set(struct lbdr_service *service,
		      const struct lbdr_service_settings *settings);
struct lbdr_service *lbdr_service_walk(const struct lbdr_net *ln,
				       struct lbdr_service_walk *walk);
void lbdr_service_walk_next(const struct lbdr_net *ln, struct lbdr_service_walk *walk);
void lbdr_service_counts(const struct lbdr_service *service,
			 struct lbdr_counts *counts);
bool lbdr_service_counts_fit(const struct lbdr_service *service, u32 *n);
void lbdr_service_zero(struct lbdr_service *service);

#endif /* _LBDR_SERVICE_H */
