/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What the files of lbdr_ipvs.ko share. <linux/ip_vs.h> has the commands, attributes and
 * flags of family IPVS, which are the kernel's ABI.
 */
#ifndef _LBDR_IPVS_H
#define _LBDR_IPVS_H

#include <linux/ip_vs.h>
#include <linux/netdevice.h>
#include <net/genetlink.h>

#include "addr.h"
#include "config.h"
#include "lbdr.h"
#include "server.h"
#include "service.h"

/* The version of ip_vs whose commands and files these are: 1.2.1 */
#define LBDR_IPVS_VERSION	IP_VS_VERSION_CODE

/*
 * Seconds that a server is held after its removal by an IPVS client, see hold.c: a
 * restart of keepalived(8) removes servers and adds them again.
 */
#define LBDR_IPVS_HOLD		60

/* Values of /proc/sys/net/ipv4/vs: those that have an effect, and the number of all */
enum lbdr_ipvs_sysctl {
	LBDR_IPVS_EXPIRE_NODEST_CONN,
	LBDR_IPVS_EXPIRE_QUIESCENT_TEMPLATE,
	LBDR_IPVS_SLOPPY_TCP,
	LBDR_IPVS_RUN_ESTIMATION,
	LBDR_IPVS_SYNC_PERSIST_MODE,
	LBDR_IPVS_MARK_FIRST,
	LBDR_IPVS_CONN_MAX,
	LBDR_IPVS_SYSCTLS = 30
};

/**
 * struct lbdr_ipvs_net - lbdr_ipvs.ko in one network namespace
 * @net: the namespace; immutable
 * @rates: samples the rates of some servers, see rates.c
 * @walk: the next servers that @rates samples; used by @rates only
 * @cycle: jiffies when the walk over all servers began; used by @rates only
 * @totals: taken around lbdr_net.config by readers of the sums of all services
 * @sync_threshold: sysctl of two values, without effect
 * @conn_max_hard: what the sysctl conn_max is at most for those who are not privileged on
 *	the host; lbdr_net.config
 * @sysctl: values by the place in the table of sysctl.c; READ_ONCE()
 * @table: the registered copy of the table
 * @header: of the registered table
 */
struct lbdr_ipvs_net {
	struct net			*net;
	struct delayed_work		rates;
	struct lbdr_service_walk	walk;
	unsigned long			cycle;
	struct mutex			totals;		/* lbdr_net.config, for readers */
	int				sync_threshold[2];
	int				conn_max_hard;
	int				sysctl[LBDR_IPVS_SYSCTLS];
	struct ctl_table		*table;
	struct ctl_table_header		*header;
};

/**
 * struct lbdr_ipvs_sums - counters and rates
 * @counts: the counters
 * @rates: increments per second, times 1024
 */
struct lbdr_ipvs_sums {
	struct lbdr_counts	counts;
	struct lbdr_counts	rates;
};

/**
 * struct lbdr_ipvs_server - a server as a command names it
 * @service: key of its service
 * @family: of @addr
 * @addr: the address
 * @settings: what NEW and SET give it; of DEL only the port is set
 */
struct lbdr_ipvs_server {
	struct lbdr_service_key		service;
	enum lbdr_family		family;
	union nf_inet_addr		addr;
	struct lbdr_server_settings	settings;
};

/* Order of services in a listing: by class, and in the order of adding in each. */
enum lbdr_ipvs_class {
	LBDR_IPVS_PLAIN,	/* TCP and UDP */
	LBDR_IPVS_SCTP,
	LBDR_IPVS_MARKED,
	LBDR_IPVS_CLASSES
};

/**
 * struct lbdr_ipvs_walk - where a listing of services and servers continues
 * @walk: position in the list of services
 * @class: index of the present class in the order of the listing
 */
struct lbdr_ipvs_walk {
	struct lbdr_service_walk	walk;
	u32				class;
};

extern unsigned int lbdr_ipvs_net_id;

static inline struct lbdr_ipvs_net *lbdr_ipvs_net(const struct net *net)
{
	return net_generic(net, lbdr_ipvs_net_id);
}

/*
 * Returns true if IPVS clients see the service: a range of ports and a service of one
 * VRF have no form in family IPVS, and a held one is removed for its clients.
 */
static inline bool lbdr_ipvs_visible(const struct lbdr_service *service)
{
	return !service->key.last_port && !service->key.domain && !service->held;
}

/* The hold time of what a client removes, in seconds; 0 removes at once. */
static inline u32 lbdr_ipvs_hold(const struct net *net)
{
	const struct lbdr_ipvs_net *in = lbdr_ipvs_net(net);

	return READ_ONCE(in->sysctl[LBDR_IPVS_EXPIRE_NODEST_CONN]) ?
	       0 : LBDR_IPVS_HOLD;
}

/* family.c */
int lbdr_ipvs_family_init(void);
void lbdr_ipvs_family_exit(void);
bool lbdr_ipvs_logs(const struct net *net);
void lbdr_ipvs_refuse(const struct genl_info *info,
		      const struct lbdr_service_key *key, const char *why);
int lbdr_ipvs_reply(struct genl_info *info, u8 cmd,
		    int (*fill)(struct sk_buff *msg, struct genl_info *info));
extern struct genl_family lbdr_ipvs_family;

/* parse.c */
int lbdr_ipvs_parse_service(const struct genl_info *info,
			    const struct nlattr *nest,
			    struct lbdr_service_key *key,
			    struct nlattr **attrs);
int lbdr_ipvs_parse_family(const struct nlattr *attr);
int lbdr_ipvs_parse_addr(const struct nlattr *attr, enum lbdr_family family,
			 union nf_inet_addr *addr);
int lbdr_ipvs_parse_sched(const struct genl_info *info, struct nlattr **attrs,
			  const struct lbdr_service_key *key,
			  struct lbdr_sched *sched,
			  struct lbdr_service_settings *settings);
u32 lbdr_ipvs_flags(const struct lbdr_sched *sched,
		    const struct lbdr_service_settings *settings);
u32 lbdr_ipvs_netmask(const struct lbdr_service_key *key, u8 prefix);

/* parse_server.c */
int lbdr_ipvs_parse_server(const struct genl_info *info,
			   struct lbdr_ipvs_server *server);
int lbdr_ipvs_put_forward(struct sk_buff *msg,
			  const struct lbdr_tunnel_settings *tunnel);

/* service.c, server.c: commands */
int lbdr_ipvs_new_service(struct sk_buff *skb, struct genl_info *info);
int lbdr_ipvs_set_service(struct sk_buff *skb, struct genl_info *info);
int lbdr_ipvs_del_service(struct sk_buff *skb, struct genl_info *info);
int lbdr_ipvs_get_service(struct sk_buff *skb, struct genl_info *info);
int lbdr_ipvs_dump_services(struct sk_buff *msg, struct netlink_callback *cb);
int lbdr_ipvs_flush(struct sk_buff *skb, struct genl_info *info);
int lbdr_ipvs_zero(struct sk_buff *skb, struct genl_info *info);
int lbdr_ipvs_new_dest(struct sk_buff *skb, struct genl_info *info);
int lbdr_ipvs_set_dest(struct sk_buff *skb, struct genl_info *info);
int lbdr_ipvs_del_dest(struct sk_buff *skb, struct genl_info *info);
int lbdr_ipvs_dump_dests(struct sk_buff *msg, struct netlink_callback *cb);
struct lbdr_service *lbdr_ipvs_find(struct lbdr_net *ln,
				    const struct lbdr_service_key *key);
struct lbdr_config *lbdr_ipvs_begin(struct genl_info *info);
int lbdr_ipvs_end(struct lbdr_config *config, int err);
int lbdr_ipvs_put_addr(struct sk_buff *msg, int attr,
		       const union nf_inet_addr *addr);
const struct lbdr_service *
lbdr_ipvs_walk(const struct lbdr_net *ln, struct lbdr_ipvs_walk *walk,
	       const enum lbdr_ipvs_class order[LBDR_IPVS_CLASSES]);

/* daemon.c */
int lbdr_ipvs_new_daemon(struct sk_buff *skb, struct genl_info *info);
int lbdr_ipvs_del_daemon(struct sk_buff *skb, struct genl_info *info);
int lbdr_ipvs_dump_daemons(struct sk_buff *msg, struct netlink_callback *cb);

/* rates.c */
int lbdr_ipvs_rates_init(void);
void lbdr_ipvs_rates_exit(void);
void lbdr_ipvs_rates_net_init(struct lbdr_ipvs_net *in);
void lbdr_ipvs_rates_net_exit(struct lbdr_ipvs_net *in);
void lbdr_ipvs_server_sums(const struct lbdr_server *server,
			   struct lbdr_ipvs_sums *sums);
void lbdr_ipvs_service_sums(const struct lbdr_service *service,
			    struct lbdr_ipvs_sums *sums);
int lbdr_ipvs_total_sums(struct lbdr_net *ln, struct lbdr_ipvs_sums *sums,
			 struct lbdr_counts *cpus);
u64 lbdr_ipvs_rate(u64 average);
int lbdr_ipvs_put_sums(struct sk_buff *msg, int attr, int attr64,
		       const struct lbdr_ipvs_sums *sums);

/* proc.c, proc_conn.c */
int lbdr_ipvs_proc_net_init(struct net *net);
void lbdr_ipvs_proc_net_exit(struct net *net);
int lbdr_ipvs_proc_conn_net_init(struct net *net);
void lbdr_ipvs_proc_conn_net_exit(struct net *net);
const char *lbdr_ipvs_protocol(u8 protocol);

/* sysctl.c */
void lbdr_ipvs_sysctl_defaults(struct lbdr_ipvs_net *in);
int lbdr_ipvs_sysctl_net_init(struct lbdr_ipvs_net *in);
void lbdr_ipvs_sysctl_net_exit(struct lbdr_ipvs_net *in);

#endif /* _LBDR_IPVS_H */
