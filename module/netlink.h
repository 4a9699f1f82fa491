/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What the netlink files share: netlink.c has the operations, netlink_info.c those
 * of the director as a whole and netlink_batch.c transactions, netlink_parse.c
 * turns attributes into what is wanted, and netlink_fill.c turns what there is
 * into messages.
 */
#ifndef _LBDR_NETLINK_H
#define _LBDR_NETLINK_H

#include <net/genetlink.h>

#include "conn.h"
#include "flow.h"
#include "ingress.h"
#include "lbdr.h"
#include "netlink_gen.h"
#include "server.h"
#include "service.h"

/**
 * struct lbdr_service_config - what a message wants of a service
 * @key: which service
 * @ops: its scheduler, NULL when none was named
 * @flags: options of the scheduler, for @has_flags
 * @size: slots of the scheduler's table, 0 when it was not given
 * @has_flags: @flags was given
 */
struct lbdr_service_config {
	struct lbdr_service_key		key;
	const struct lbdr_sched_ops	*ops;
	u32				flags;
	u32				size;
	bool				has_flags;
};

/**
 * struct lbdr_server_config - what a message wants of a server
 * @key: of which service
 * @addr: which server
 * @settings: weight 1 and no thresholds where they were not given
 * @has_weight: a weight was given
 * @has_upper: an upper threshold was given
 * @has_lower: a lower threshold was given
 */
struct lbdr_server_config {
	struct lbdr_service_key		key;
	union nf_inet_addr		addr;
	struct lbdr_server_settings	settings;
	bool				has_weight;
	bool				has_upper;
	bool				has_lower;
};

/**
 * struct lbdr_nl_devices - devices for the entry ingress
 * @dev: a reference to each
 * @n: how many
 */
struct lbdr_nl_devices {
	struct net_device	*dev[LBDR_INGRESS_MAX];
	u32			n;
};

struct lbdr_batch;

/* netlink_parse.c; all set an extack sentence when they fail */
bool lbdr_nl_has_key(struct nlattr **attrs);
int lbdr_nl_parse_family(const struct nlattr *attr,
			 struct netlink_ext_ack *extack);
int lbdr_nl_parse_addr(const struct nlattr *attr, enum lbdr_family family,
		       union nf_inet_addr *addr, struct netlink_ext_ack *extack);
int lbdr_nl_parse_key(struct nlattr **attrs, struct lbdr_service_key *key,
		      struct netlink_ext_ack *extack);
int lbdr_nl_parse_nested_key(const struct nlattr *nest,
			     struct lbdr_service_key *key,
			     struct netlink_ext_ack *extack);
int lbdr_nl_parse_service(struct genl_info *info,
			  struct lbdr_service_config *config);
int lbdr_nl_parse_timeouts(const struct nlattr *nest, u32 least,
			   u32 timeout[LBDR_CONN_STATES],
			   struct netlink_ext_ack *extack);
int lbdr_nl_parse_service_settings(struct genl_info *info,
				   const struct lbdr_service_key *key,
				   const struct lbdr_service_settings *old,
				   struct lbdr_service_settings *settings);
int lbdr_nl_parse_sched(const struct lbdr_service_config *config,
			const struct lbdr_sched *old, struct lbdr_sched *sched,
			struct netlink_ext_ack *extack);
int lbdr_nl_parse_server_key(struct genl_info *info,
			     struct lbdr_server_config *config);
int lbdr_nl_parse_server(struct genl_info *info,
			 struct lbdr_server_config *config);
int lbdr_nl_parse_settings(const struct lbdr_server_config *config,
			   const struct lbdr_server_settings *old,
			   struct lbdr_server_settings *settings,
			   struct netlink_ext_ack *extack);
struct lbdr_service *lbdr_nl_find_service(struct lbdr_net *ln,
					  const struct lbdr_service_key *key,
					  struct netlink_ext_ack *extack);
struct lbdr_server *lbdr_nl_find_server(struct lbdr_net *ln,
					const struct lbdr_server_config *config,
					struct lbdr_service **service,
					struct netlink_ext_ack *extack);

int lbdr_netlink_init(void);
void lbdr_netlink_exit(void);

/* netlink_fill.c; a @cb marks the message of a dump that was interrupted */
int lbdr_nl_fill_info(struct sk_buff *msg, struct genl_info *info,
		      const struct lbdr_net *ln);
int lbdr_nl_fill_sched(struct sk_buff *msg, struct netlink_callback *cb,
		       const struct lbdr_sched_ops *sched);
int lbdr_nl_fill_service(struct sk_buff *msg, u32 portid, u32 seq, int flags,
			 u8 cmd, const struct lbdr_service *service,
			 struct netlink_callback *cb);
int lbdr_nl_fill_server(struct sk_buff *msg, u32 portid, u32 seq, int flags,
			u8 cmd, const struct lbdr_service *service,
			struct lbdr_server *server,
			struct netlink_callback *cb);
int lbdr_nl_put_addr(struct sk_buff *msg, int attr, enum lbdr_family family,
		     const void *addr);
int lbdr_nl_put_key(struct sk_buff *msg, const struct lbdr_service_key *key);
int lbdr_nl_put_server(struct sk_buff *msg, const struct lbdr_service *service,
		       struct lbdr_server *server);
void lbdr_nl_notify_service(struct genl_info *info, u8 cmd,
			    const struct lbdr_service *service);
void lbdr_nl_notify_server(struct genl_info *info, u8 cmd,
			   const struct lbdr_service *service,
			   struct lbdr_server *server);
struct sk_buff *lbdr_nl_prepare_server(struct genl_info *info, u8 cmd,
				       const struct lbdr_service *service,
				       struct lbdr_server *server);
void lbdr_nl_send(struct genl_info *info, struct sk_buff *msg, int err);

bool lbdr_nl_listened(struct genl_info *info);

/* netlink_info.c */
void lbdr_nl_put_devices(struct lbdr_nl_devices *devices);
int lbdr_nl_find_device(struct lbdr_nl_devices *devices, struct net *net,
			const char *name);
int lbdr_nl_set_entry(struct lbdr_net *ln, u8 entry,
		      const struct lbdr_nl_devices *devices,
		      struct netlink_ext_ack *extack);

/* netlink_batch.c; all set an extack sentence when they fail */
struct lbdr_batch *lbdr_nl_batch(struct lbdr_net *ln, struct genl_info *info);
int lbdr_nl_stage_info(struct lbdr_batch *batch, const struct nlattr *entry,
		       const struct lbdr_nl_devices *devices,
		       struct genl_info *info);
int lbdr_nl_stage_service_new(struct lbdr_batch *batch,
			      const struct lbdr_service_key *key,
			      const struct lbdr_sched *sched,
			      const struct lbdr_service_settings *settings,
			      struct genl_info *info);
int lbdr_nl_stage_service_set(struct lbdr_batch *batch,
			      const struct lbdr_service_config *config,
			      struct genl_info *info);
int lbdr_nl_stage_service_del(struct lbdr_batch *batch,
			      const struct lbdr_service_key *key,
			      struct genl_info *info);
int lbdr_nl_stage_flush(struct lbdr_batch *batch, struct genl_info *info);
int lbdr_nl_stage_server_new(struct lbdr_batch *batch,
			     const struct lbdr_server_config *config,
			     struct genl_info *info);
int lbdr_nl_stage_server_set(struct lbdr_batch *batch,
			     const struct lbdr_server_config *config,
			     struct genl_info *info);
int lbdr_nl_stage_server_del(struct lbdr_batch *batch,
			     const struct lbdr_server_config *config,
			     struct genl_info *info);
int lbdr_nl_batch_init(void);
void lbdr_nl_batch_exit(void);

/* netlink.c; the sentence for an error of service.c, server.c or batch.c */
int lbdr_nl_no_service(struct genl_info *info, int err);
int lbdr_nl_no_server(struct genl_info *info, int err);

#endif /* _LBDR_NETLINK_H */
