/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Services and servers of the initial namespace, changed by one command at a time, and
 * netlink commands that are to be refused: for the suites of service.c and server.c. No
 * packet is sent to their VIPs. Suites that stage transactions begin and end as these.
 */
#ifndef _LBDR_KUNIT_LIVE_H
#define _LBDR_KUNIT_LIVE_H

#include "lbdr.h"
#include "server.h"
#include "service.h"

/* First word of the addresses of servers; their number is added to it. */
#define LIVE_NET	0x20010d00

struct genl_info;
struct kunit;
struct sk_buff;

/* The initial namespace is empty; live_exit() leaves and expects it so. */
int live_init(struct kunit *test);
void live_exit(struct kunit *test);

static inline struct lbdr_net *live_net(void)
{
	return lbdr_net(&init_net);
}

/* Of TCP and IPv4, at the VIP that all keys have */
struct lbdr_service_key live_key(u16 port);
/* A client's packet to that VIP, with SYN for TCP */
struct lbdr_flow live_flow(u8 protocol, u16 client_port, u16 port, u16 domain);
/* In memory the same in both families */
union nf_inet_addr live_addr(u32 n);

int live_service_add(const struct lbdr_service_key *key, const char *sched);
int live_service_del(const struct lbdr_service_key *key);
struct lbdr_service *live_service(const struct lbdr_service_key *key);

/* Servers are named by their family and a number. */
int live_server_add(const struct lbdr_service_key *key, enum lbdr_family family, u32 n,
		    const struct lbdr_server_settings *settings);
int live_server_set(const struct lbdr_service_key *key, enum lbdr_family family, u32 n,
		    const struct lbdr_server_settings *settings);
int live_server_del(const struct lbdr_service_key *key, enum lbdr_family family, u32 n);
struct lbdr_server *live_server(const struct lbdr_service_key *key,
				enum lbdr_family family, u32 n);

/**
 * struct live_attr - an attribute of a command
 * @type: LBDR_A_...; 0 ends a list
 * @len: of a number: 1, 4, or 2 for one in network order; 0 for a flag
 * @value: the number
 * @text: a string instead, or NULL
 */
struct live_attr {
	u16		type;
	u8		len;
	u32		value;
	const char	*text;
};

/**
 * struct live_refusal - a command, and how it is answered
 * @name: of the test
 * @doit: the command
 * @attrs: its attributes beside the key; the policy has let them through
 * @err: what it returns
 * @sentence: a part of the message, or NULL for none
 */
struct live_refusal {
	const char		*name;
	int			(*doit)(struct sk_buff *skb, struct genl_info *info);
	struct live_attr	attrs[4];
	int			err;
	const char		*sentence;
};

/* Runs a command on a service, or on server @n of it if @n is not 0. */
void live_expect_refusal(struct kunit *test, const struct live_refusal *refusal,
			 const struct lbdr_service_key *key, enum lbdr_family family,
			 u32 n);

#endif /* _LBDR_KUNIT_LIVE_H */
