/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What the files of the netlink family share. netlink_gen.h has the operations
 * and policies, generated from Documentation/netlink/specs/lbdr.yaml.
 */
#ifndef _LBDR_NETLINK_H
#define _LBDR_NETLINK_H

#include <net/genetlink.h>

#include "config.h"
#include "flow.h"
#include "lbdr.h"
#include "netlink_gen.h"
#include "notify.h"
#include "server.h"
#include "service.h"

struct lbdr_nl_batch;

/**
 * struct lbdr_nl_origin - the origin of changes made by family lbdr
 * @base: first member; its owner is lbdr_nl_notifier
 * @info: the command that makes the changes
 * @msg: notifications that are not sent yet, or NULL
 */
struct lbdr_nl_origin {
	struct lbdr_origin	base;
	struct genl_info	*info;
	struct sk_buff		*msg;
};

/**
 * struct lbdr_nl_cmd - a command that changes the configuration
 * @ln: the namespace
 * @info: the command
 * @config: the transaction that stages it
 * @batch: the open transaction that it carries the id of, or NULL for a command
 *	that is a transaction by itself
 * @origin: origin of its changes
 */
struct lbdr_nl_cmd {
	struct lbdr_net		*ln;
	struct genl_info	*info;
	struct lbdr_config	*config;
	struct lbdr_nl_batch	*batch;
	struct lbdr_nl_origin	origin;
};

int lbdr_netlink_init(void);
void lbdr_netlink_exit(void);

/* netlink_key.c */
int lbdr_nl_parse_family(const struct nlattr *attr,
			 struct netlink_ext_ack *extack);
enum lbdr_family lbdr_nl_addr_family(const struct nlattr *attr,
				     enum lbdr_family fallback);
int lbdr_nl_parse_addr(const struct nlattr *attr, enum lbdr_family family,
		       union nf_inet_addr *addr, struct netlink_ext_ack *extack);
int lbdr_nl_parse_unicast(const struct nlattr *attr, enum lbdr_family family,
			  union nf_inet_addr *addr,
			  struct netlink_ext_ack *extack);
bool lbdr_nl_has_key(struct nlattr **attrs);
int lbdr_nl_parse_key(struct lbdr_net *ln, struct nlattr **attrs, struct lbdr_service_key *key,
		      struct netlink_ext_ack *extack);
int lbdr_nl_parse_nested_key(struct lbdr_net *ln, const struct nlattr *nest,
			     struct lbdr_service_key *key,
			     struct netlink_ext_ack *extack);
struct lbdr_service *
lbdr_nl_find_service_any(struct lbdr_net *ln,
			 const struct lbdr_service_key *key,
			 struct netlink_ext_ack *extack);
struct lbdr_service *lbdr_nl_find_service(struct lbdr_net *ln,
					  const struct lbdr_service_key *key,
					  struct netlink_ext_ack *extack);
int lbdr_nl_put_addr(struct sk_buff *msg, int attr, enum lbdr_family family,
		     const void *addr);
int lbdr_nl_put_key(struct sk_buff *msg, const struct lbdr_service *service);
int lbdr_nl_nest_key(struct sk_buff *msg, int attr,
		     const struct lbdr_service *service);
u16 lbdr_nl_parse_vrf(struct lbdr_net *ln, const struct nlattr *attr);
int lbdr_nl_put_vrf(struct sk_buff *msg, int attr, struct lbdr_net *ln, u16 id);

/* netlink.c */
void lbdr_nl_dump_begin(struct netlink_callback *cb, const struct lbdr_net *ln);

/* netlink_cmd.c */
int lbdr_nl_cmd_begin(struct lbdr_nl_cmd *cmd, struct genl_info *info,
		      int attr);
int lbdr_nl_cmd_commit(struct lbdr_nl_cmd *cmd, int err);
void lbdr_nl_cmd_end(struct lbdr_nl_cmd *cmd);
int lbdr_nl_commit(struct lbdr_config *config, struct genl_info *info);

/* netlink_batch.c */
struct lbdr_nl_batch *lbdr_nl_batch_find(struct lbdr_net *ln,
					 const struct genl_info *info,
					 const struct nlattr *id);
struct lbdr_config *lbdr_nl_batch_config(struct lbdr_nl_batch *batch);
void lbdr_nl_batch_count(struct lbdr_nl_batch *batch);
void lbdr_nl_batch_net_init(struct lbdr_net *ln);
void lbdr_nl_batch_net_exit(struct lbdr_net *ln);
int lbdr_nl_batch_init(void);
void lbdr_nl_batch_exit(void);

/* netlink_service.c */
int lbdr_nl_stage_error(struct genl_info *info, int err);
struct lbdr_staged_service *
lbdr_nl_staged_service(struct lbdr_nl_cmd *cmd,
		       const struct lbdr_service_key *key);
int lbdr_nl_put_drop(struct sk_buff *msg, int attr, enum lbdr_drop drop,
		     u64 packets);
int lbdr_nl_put_counts(struct sk_buff *msg, int attr,
		       const struct lbdr_counts *counts);
int lbdr_nl_fill_service(struct sk_buff *msg, u32 portid, u32 seq, int flags,
			 u8 cmd, const struct lbdr_service *service,
			 struct netlink_callback *cb);

/* netlink_tunnel.c */
int lbdr_nl_parse_tunnel(const struct genl_info *info,
			 const struct lbdr_service_key *service,
			 enum lbdr_family family, struct lbdr_tunnel_settings *tunnel);
int lbdr_nl_put_tunnel(struct sk_buff *msg, enum lbdr_family family,
		       const struct lbdr_tunnel_settings *tunnel);

/* netlink_server.c */
int lbdr_nl_put_server(struct sk_buff *msg, const struct lbdr_service *service,
		       struct lbdr_server *server, bool lookup);
int lbdr_nl_fill_server(struct sk_buff *msg, u32 portid, u32 seq, int flags,
			u8 cmd, const struct lbdr_service *service,
			struct lbdr_server *server,
			struct netlink_callback *cb);

/* netlink_conn.c */
bool lbdr_nl_walk_rest(struct rhashtable_iter *iter);

/* netlink_sync_peer.c */
int lbdr_nl_put_sync_peers(struct sk_buff *msg, struct lbdr_net *ln);
void lbdr_nl_sync_wipe_key(const struct genl_info *info);

/* netlink_info.c */
int lbdr_nl_parse_timeouts(const struct nlattr *nest,
			   u32 timeout[LBDR_CONN_STATES],
			   struct netlink_ext_ack *extack);
int lbdr_nl_put_timeouts(struct sk_buff *msg, int attr,
			 const u32 timeout[LBDR_CONN_STATES]);
int lbdr_nl_put_settings(struct sk_buff *msg, struct lbdr_net *ln);

/* netlink_ntf.c */
extern struct notifier_block lbdr_nl_notifier;

void lbdr_nl_ntf_flush(struct lbdr_nl_origin *origin);

#endif /* _LBDR_NETLINK_H */
