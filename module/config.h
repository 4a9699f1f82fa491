/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Transactions: the only way to change the configuration. config.c and config_server.c
 * stage changes, config_conflict.c finds conflicts between them, config_commit.c checks and
 * prepares them, config_publish.c applies them.
 */
#ifndef _LBDR_CONFIG_H
#define _LBDR_CONFIG_H

#include <linux/rbtree.h>

#include "ingress.h"
#include "lbdr.h"
#include "notify.h"
#include "pool.h"
#include "server.h"
#include "service.h"
#include "tunnel.h"

/**
 * struct lbdr_staged_server - a staged change of one server
 * @list: in &lbdr_staged_service.servers, in the order of adding
 * @node: in &lbdr_staged_service.servers_by_addr
 * @tunnel: in &lbdr_config.tunnels once @settings has had a tunnel, else cleared
 * @service: its service
 * @addr: the server's address
 * @family: family of @addr
 * @present: the server is to exist
 * @live: the server existed when this was staged
 * @to_tail: it is to become the last in the order of adding
 * @settings: settings that it is to have; changed by lbdr_config_server_set()
 */
struct lbdr_staged_server {
	struct list_head		list;
	struct rb_node			node;
	struct rb_node			tunnel;
	struct lbdr_staged_service	*service;
	union nf_inet_addr		addr;
	enum lbdr_family		family;
	bool				present;
	bool				live;
	bool				to_tail;
	struct lbdr_server_settings	settings;
};

/**
 * struct lbdr_config_entry - a server that a commit may change
 * @server: the server
 * @staged: its staged change; NULL if its service is replaced without it or held
 * @created: @server is new
 * @removed: @server is to be removed
 * @to_tail: @server becomes the last in the order of adding
 * @old_number: if @to_tail, the number of @server before the commit
 * @was_held: set at publication: the server was held before
 * @changed: set at publication: the settings or the place of a server that stays change
 * @retunnel: @staged changes the tunnel of a server that is not new
 * @tunnel: if @retunnel, the new tunnel, or NULL for direct routing
 */
struct lbdr_config_entry {
	struct lbdr_server			*server;
	const struct lbdr_staged_server		*staged;
	bool					created;
	bool					removed;
	bool					to_tail;
	u32					old_number;
	bool					changed;
	bool					was_held;
	bool					retunnel;
	struct lbdr_server_tunnel			*tunnel;
};

/**
 * enum lbdr_staged_basis - what staging relied on
 * @LBDR_STAGED_ABSENT: the service did not exist
 * @LBDR_STAGED_LIVE: it existed, in the state of &lbdr_staged_service.generation.
 *	Not relied on if the service is to be removed
 * @LBDR_STAGED_ANY: nothing, a flush was staged before
 */
enum lbdr_staged_basis {
	LBDR_STAGED_ABSENT,
	LBDR_STAGED_LIVE,
	LBDR_STAGED_ANY,
};

/**
 * struct lbdr_staged_service - a staged change of one service and its servers
 * @node: in &lbdr_config.by_key
 * @list: in &lbdr_config.services; services that are added come in their order
 * @key: immutable; a reference to the L3 domain is held
 * @basis: what staging relied on; commit fails if it no longer holds
 * @generation: of the live service when @basis was found
 * @present: the service is to exist, held or not
 * @whole: @servers has all servers that the service is to have. Otherwise
 *	servers of the live service without an entry stay as they are, or as
 *	@hold_rest says
 * @hold: seconds that the service is to be held; 0 if it is not to be held
 * @hold_rest: seconds that the servers of the live service without an entry are to
 *	be held; 0 if they stay as they are
 * @to_tail: it is to become the last in the order of adding
 * @sched: scheduler that it is to have
 * @settings: settings that it is to have
 * @servers: struct lbdr_staged_server
 * @servers_by_addr: the same by family and address
 * @n_servers: number of servers that the service is to have in use
 * @n_held: number of servers that it is to have held
 * @service: set by commit: the live service, or the new one
 * @created: set by commit: @service is new
 * @linked: set by commit: @service is new and in the tables of services
 * @state: set by commit: what @sched has allocated for @service, if @sched is
 *	another scheduler than the live service's; or NULL
 * @pool: set by commit: the new pool; NULL if the present one stays
 * @deferred: set by commit: the new pool is built later, see pool.c
 * @entries: set by commit: the servers that may change, those that are added in their
 *	order; NULL if there are none. A new server's reference is the entry's until the
 *	transaction is published
 * @n_entries: set by commit
 */
struct lbdr_staged_service {
	struct rb_node			node;
	struct list_head		list;
	struct lbdr_service_key		key;
	enum lbdr_staged_basis		basis;
	u64				generation;
	bool				present;
	bool				whole;
	bool				to_tail;
	u32				hold;
	u32				hold_rest;
	struct lbdr_sched		sched;
	struct lbdr_service_settings	settings;
	struct list_head		servers;
	struct rb_root			servers_by_addr;
	u32				n_servers;
	u32				n_held;

	struct lbdr_service		*service;
	bool				created;
	bool				linked;
	void				*state;
	struct lbdr_pool		*pool;
	bool				deferred;
	struct lbdr_config_entry	*entries;
	u32				n_entries;
};

/**
 * struct lbdr_config - a transaction
 * @ln: the namespace
 * @origin: passed on to the notifier chain, or NULL
 * @single: the transaction of one command: lbdr_net.config is held from staging
 *	to commit, so that nothing can change in between
 * @charged: number of staged objects that count in lbdr_net.n_staged
 * @fresh_service: service that the present command has staged, or NULL
 * @fresh_server: server that the present command has staged, or NULL
 * @dropped: staged servers that are not needed any more
 * @list_generation: lbdr_net.list_generation at the beginning, or U64_MAX, which differs
 *	from each, if a transaction was being published
 * @n_changes: lbdr_net.n_changes at the beginning
 * @flush: a flush was staged: services that are not staged are to go
 * @services: staged services, in the order of their adding
 * @by_key: the same by key, so those of an address are neighbours
 * @tunnels: staged servers that have or had a tunnel, by family and address
 * @outer: set by commit: servers of the family are to have a tunnel
 * @timeout: seconds by state; 0 for those that are not to be set
 * @has_entry: @entry and @devices are to be set
 * @entry: enum lbdr_entry
 * @n_devices: number of names in @devices
 * @devices: names of the devices of the entry ingress. Names, since a reference
 *	would keep a device from being removed
 *
 * Staging: lbdr_net.lock protects the transaction if other threads can find it;
 * the caller of a @single one has it alone. Commit: the caller has it alone.
 */
struct lbdr_config {
	struct lbdr_net		*ln;
	struct lbdr_origin	*origin;
	bool			single;
	u32			charged;
	struct lbdr_staged_service *fresh_service;
	struct lbdr_staged_server *fresh_server;
	struct list_head	dropped;
	u64			list_generation;
	u64			n_changes;
	bool			flush;
	struct list_head	services;
	struct rb_root		by_key;
	struct rb_root		tunnels;
	bool			outer[LBDR_FAMILIES];
	u32			timeout[LBDR_CONN_STATES];
	bool			has_entry;
	u8			entry;
	u32			n_devices;
	char			devices[LBDR_INGRESS_MAX][IFNAMSIZ];
};

/* config.c */
void lbdr_config_begin(struct lbdr_config *config, struct lbdr_net *ln,
		       bool single, struct lbdr_origin *origin);
void lbdr_config_end(struct lbdr_config *config);
struct lbdr_config *lbdr_config_begin_single(struct lbdr_net *ln,
					     struct lbdr_origin *origin);
void lbdr_config_end_single(struct lbdr_config *config);
void lbdr_config_uncharge(struct lbdr_config *config);
void lbdr_config_keep(struct lbdr_config *config);
void lbdr_config_undo(struct lbdr_config *config);
struct lbdr_staged_service *
lbdr_config_find(struct lbdr_config *config, const struct lbdr_service_key *key);
struct lbdr_staged_service *
lbdr_config_service(struct lbdr_config *config,
		    const struct lbdr_service_key *key);
struct lbdr_staged_service *
lbdr_config_service_any(struct lbdr_config *config,
			const struct lbdr_service_key *key);
bool lbdr_config_flushes(struct lbdr_config *config,
			 const struct lbdr_service *service);
int lbdr_config_service_add(struct lbdr_config *config,
			    const struct lbdr_service_key *key,
			    const struct lbdr_sched *sched,
			    const struct lbdr_service_settings *settings);
void lbdr_config_service_del(struct lbdr_config *config,
			     struct lbdr_staged_service *staged);
void lbdr_config_service_hold(struct lbdr_config *config,
			      struct lbdr_staged_service *staged, u32 seconds);
void lbdr_config_flush(struct lbdr_config *config);
void lbdr_config_zero(struct lbdr_net *ln, struct lbdr_service *service,
		      struct lbdr_origin *origin);
void lbdr_config_assert_stable(const struct lbdr_config *config);
void *lbdr_config_alloc(struct lbdr_config *config, size_t size);

/* config_server.c */
struct lbdr_staged_server *
lbdr_staged_find(const struct lbdr_staged_service *staged,
		 enum lbdr_family family, const union nf_inet_addr *addr);
struct lbdr_staged_server *
lbdr_config_server(struct lbdr_config *config,
		   struct lbdr_staged_service *staged, enum lbdr_family family,
		   const union nf_inet_addr *addr);
int lbdr_config_server_add(struct lbdr_config *config,
			   struct lbdr_staged_service *staged,
			   enum lbdr_family family,
			   const union nf_inet_addr *addr,
			   const struct lbdr_server_settings *settings);
int lbdr_config_server_set(struct lbdr_config *config,
			   struct lbdr_staged_server *server,
			   const struct lbdr_server_settings *settings);
void lbdr_config_server_del(struct lbdr_config *config,
			    struct lbdr_staged_service *staged,
			    struct lbdr_staged_server *server);
void lbdr_config_server_drain(struct lbdr_config *config,
			      struct lbdr_staged_service *staged,
			      struct lbdr_staged_server *server);
void lbdr_config_server_hold(struct lbdr_config *config,
			     struct lbdr_staged_service *staged,
			     struct lbdr_staged_server *server, u32 seconds, bool awaited);

/* config_conflict.c */
void lbdr_config_add_tunnel(struct lbdr_config *config,
			    struct lbdr_staged_server *server);
void lbdr_config_del_tunnel(struct lbdr_config *config,
			    struct lbdr_staged_server *server);
bool lbdr_config_overlaps(struct lbdr_config *config,
			  const struct lbdr_service_key *key);
bool lbdr_config_has_vip(struct lbdr_config *config, enum lbdr_family family,
			 const union nf_inet_addr *addr);
bool lbdr_config_has_tunnel(struct lbdr_config *config, enum lbdr_family family,
			    const union nf_inet_addr *addr);
bool lbdr_config_conflicts(struct lbdr_config *config,
			   const struct lbdr_staged_service *staged);

/* config_commit.c */
void lbdr_staged_settings(const struct lbdr_staged_service *staged,
			  const struct lbdr_config_entry *entry,
			  struct lbdr_server_settings *settings);
int lbdr_config_commit(struct lbdr_config *config);

/* config_publish.c */
void lbdr_config_publish(struct lbdr_config *config);
void lbdr_config_clear(struct lbdr_net *ln);

#endif /* _LBDR_CONFIG_H */
