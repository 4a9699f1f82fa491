/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Transactions, as batch.c drafts them, batch_commit.c makes them come true and
 * netlink_batch.c shows them to users.
 */
#ifndef _LBDR_BATCH_H
#define _LBDR_BATCH_H

#include "ingress.h"
#include "lbdr.h"
#include "server.h"
#include "service.h"

/* Transactions that a namespace has open at a time */
#define LBDR_BATCH_OPEN	16

/**
 * struct lbdr_draft_server - what a server is to be
 * @list: in &lbdr_draft.servers or &lbdr_draft.former
 * @server: one that is there, or a new one that nobody else knows
 * @settings: those that it is to have
 * @fresh: it is a new one, and its reference is ours until it is published
 * @drain: it is to drain
 * @again: removed and added: it becomes the last in the order of adding
 * @changed: what is there was changed; from publishing on
 */
struct lbdr_draft_server {
	struct list_head		list;
	struct lbdr_server		*server;
	struct lbdr_server_settings	settings;
	bool				fresh;
	bool				drain;
	bool				again;
	bool				changed;
};

/**
 * struct lbdr_draft - what a service is to be
 * @node: in &lbdr_batch.table, by @key
 * @list: in &lbdr_batch.drafts
 * @range: in &lbdr_batch.ranges, where the key is a range
 * @key: immutable
 * @service: the one that is there; or the one that will be, or NULL as long as
 *	there is to be none
 * @live: @service is there now. Not to be looked at in a transaction that is
 *	outdated
 * @present: there is to be such a service
 * @again: removed and added: it becomes the last in the order of adding
 * @enrolled: @servers and @former have all servers that are there
 * @changed: scheduler or settings of what is there were; from publishing on
 * @sched: its scheduler
 * @settings: what it is to be like
 * @memory: what @sched has opened, where it is not that of @service; or NULL
 * @pool: made for it, NULL where it is to keep its own
 * @servers: struct lbdr_draft_server, those that there are to be in their order
 * @n_servers: how many
 * @former: those that are there and are to go
 */
struct lbdr_draft {
	struct rhash_head		node;
	struct list_head		list;
	struct hlist_node		range;
	struct lbdr_service_key		key;
	struct lbdr_service		*service;
	bool				live;
	bool				present;
	bool				again;
	bool				enrolled;
	bool				changed;
	struct lbdr_sched		sched;
	struct lbdr_service_settings	settings;
	void				*memory;
	struct lbdr_pool		*pool;
	struct list_head		servers;
	u32				n_servers;
	struct list_head		former;
};

#define LBDR_BATCH_RANGES	64

/**
 * struct lbdr_batch - a transaction: what the configuration is to be
 * @list: in &lbdr_net.batches
 * @ln: the namespace
 * @portid: of the socket that it belongs to
 * @generation: of the configuration that it began with
 * @commands: how many it consists of
 * @n: drafts of services and servers
 * @published: the drafts have become the configuration
 * @table: of drafts, by key
 * @drafts: of services, new ones in the order of their adding
 * @ranges: drafts of ranges of ports, by a hash of their address
 * @has_timeouts: @timeout is to be set
 * @timeout: of the namespace
 * @has_entry: @entry and @devices are to be set
 * @entry: enum lbdr_entry
 * @devices: names, of the entry ingress
 * @n_devices: how many
 *
 * All of it is protected by lbdr_net.lock while it is in &lbdr_net.batches, and
 * belongs to whoever took it out after that.
 */
struct lbdr_batch {
	struct list_head	list;
	struct lbdr_net		*ln;
	u32			portid;
	u32			generation;
	u32			commands;
	u32			n;
	bool			published;
	struct rhashtable	table;
	struct list_head	drafts;
	struct hlist_head	ranges[LBDR_BATCH_RANGES];
	bool			has_timeouts;
	u32			timeout[LBDR_CONN_STATES];
	bool			has_entry;
	u8			entry;
	char			devices[LBDR_INGRESS_MAX][IFNAMSIZ];
	u32			n_devices;
};

void lbdr_batch_net_init(struct lbdr_net *ln);
void lbdr_batch_net_exit(struct lbdr_net *ln);

struct lbdr_batch *lbdr_batch_begin(struct lbdr_net *ln, u32 portid);
struct lbdr_batch *lbdr_batch_find(struct lbdr_net *ln, u32 portid);
bool lbdr_batch_outdated(const struct lbdr_batch *batch);
void lbdr_batch_take(struct lbdr_batch *batch);
void lbdr_batch_free(struct lbdr_batch *batch);

int lbdr_draft_enrol(struct lbdr_batch *batch, struct lbdr_draft *draft);
int lbdr_batch_service_add(struct lbdr_batch *batch,
			   const struct lbdr_service_key *key,
			   const struct lbdr_sched *sched,
			   const struct lbdr_service_settings *settings);
struct lbdr_draft *lbdr_batch_service(struct lbdr_batch *batch,
				      const struct lbdr_service_key *key);
void lbdr_batch_service_del(struct lbdr_batch *batch, struct lbdr_draft *draft);
int lbdr_batch_clear(struct lbdr_batch *batch);
struct lbdr_draft_server *
lbdr_batch_server(struct lbdr_batch *batch, struct lbdr_draft *draft,
		  const union nf_inet_addr *addr);
int lbdr_batch_server_add(struct lbdr_batch *batch, struct lbdr_draft *draft,
			  const union nf_inet_addr *addr,
			  const struct lbdr_server_settings *settings);
void lbdr_batch_server_del(struct lbdr_batch *batch, struct lbdr_draft *draft,
			   struct lbdr_draft_server *mine);
void lbdr_batch_server_drain(struct lbdr_batch *batch, struct lbdr_draft *draft,
			     struct lbdr_draft_server *mine);

/**
 * struct lbdr_batch_ops - who is told of what a transaction changes
 * @service_gone: a service is about to go
 * @server_gone: a server of a service that stays is about to go
 *
 * Called while the object is still there, lbdr_net.lock held.
 */
struct lbdr_batch_ops {
	void (*service_gone)(void *data, const struct lbdr_service *service);
	void (*server_gone)(void *data, const struct lbdr_service *service,
			    struct lbdr_server *server);
};

/* batch_commit.c */
int lbdr_batch_prepare(struct lbdr_batch *batch);
int lbdr_batch_arrive(struct lbdr_batch *batch);
void lbdr_batch_depart(struct lbdr_batch *batch);
void lbdr_batch_publish(struct lbdr_batch *batch,
			const struct lbdr_batch_ops *ops, void *data);

#endif /* _LBDR_BATCH_H */
