/* SPDX-License-Identifier: ((GPL-2.0 WITH Linux-syscall-note) OR BSD-3-Clause) */
/* Do not edit directly, auto-generated from: */
/*	Documentation/netlink/specs/lbdr.yaml */
/* YNL-GEN kernel header */
/* To regenerate run: module/netlink_gen.sh */

#ifndef _LINUX_LBDR_GEN_H
#define _LINUX_LBDR_GEN_H

#include <net/netlink.h>
#include <net/genetlink.h>

#include <linux/lbdr.h>

/* Common nested types */
extern const struct nla_policy lbdr_service_key_nl_policy[LBDR_A_SERVICE_VRF + 1];
extern const struct nla_policy lbdr_timeout_nl_policy[LBDR_A_TIMEOUT_SCTP_CLOSED + 1];

int lbdr_nl_conn_get_start(struct netlink_callback *cb);
int lbdr_nl_conn_get_done(struct netlink_callback *cb);

int lbdr_nl_info_get_doit(struct sk_buff *skb, struct genl_info *info);
int lbdr_nl_info_set_doit(struct sk_buff *skb, struct genl_info *info);
int lbdr_nl_sched_get_dumpit(struct sk_buff *skb, struct netlink_callback *cb);
int lbdr_nl_service_get_doit(struct sk_buff *skb, struct genl_info *info);
int lbdr_nl_service_get_dumpit(struct sk_buff *skb,
			       struct netlink_callback *cb);
int lbdr_nl_service_new_doit(struct sk_buff *skb, struct genl_info *info);
int lbdr_nl_service_set_doit(struct sk_buff *skb, struct genl_info *info);
int lbdr_nl_service_del_doit(struct sk_buff *skb, struct genl_info *info);
int lbdr_nl_server_get_dumpit(struct sk_buff *skb, struct netlink_callback *cb);
int lbdr_nl_server_new_doit(struct sk_buff *skb, struct genl_info *info);
int lbdr_nl_server_set_doit(struct sk_buff *skb, struct genl_info *info);
int lbdr_nl_server_del_doit(struct sk_buff *skb, struct genl_info *info);
int lbdr_nl_conn_get_dumpit(struct sk_buff *skb, struct netlink_callback *cb);
int lbdr_nl_conn_del_doit(struct sk_buff *skb, struct genl_info *info);
int lbdr_nl_zero_doit(struct sk_buff *skb, struct genl_info *info);
int lbdr_nl_flush_doit(struct sk_buff *skb, struct genl_info *info);
int lbdr_nl_batch_begin_doit(struct sk_buff *skb, struct genl_info *info);
int lbdr_nl_batch_commit_doit(struct sk_buff *skb, struct genl_info *info);
int lbdr_nl_batch_abort_doit(struct sk_buff *skb, struct genl_info *info);
int lbdr_nl_conn_count_doit(struct sk_buff *skb, struct genl_info *info);
int lbdr_nl_trace_doit(struct sk_buff *skb, struct genl_info *info);
int lbdr_nl_conn_add_doit(struct sk_buff *skb, struct genl_info *info);
int lbdr_nl_sync_get_dumpit(struct sk_buff *skb, struct netlink_callback *cb);
int lbdr_nl_sync_set_doit(struct sk_buff *skb, struct genl_info *info);
int lbdr_nl_sync_key_doit(struct sk_buff *skb, struct genl_info *info);

enum {
	LBDR_NLGRP_CONFIG,
};

extern struct genl_family lbdr_nl_family;

#endif /* _LINUX_LBDR_GEN_H */
