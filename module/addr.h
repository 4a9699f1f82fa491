/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Kinds of addresses.
 */
#ifndef _LBDR_ADDR_H
#define _LBDR_ADDR_H

#include <linux/netfilter.h>
#include <net/net_namespace.h>

#include "flow.h"

bool lbdr_addr_is_unicast(enum lbdr_family family, const union nf_inet_addr *addr);
bool lbdr_addr_is_server(enum lbdr_family family, const union nf_inet_addr *addr);
bool lbdr_addr_is_local(struct net *net, enum lbdr_family family,
			const union nf_inet_addr *addr);

#endif /* _LBDR_ADDR_H */
