/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Source addresses that no client can have.
 */
#ifndef _LBDR_SOURCE_H
#define _LBDR_SOURCE_H

#include <linux/bitops.h>
#include <linux/hash.h>
#include <linux/notifier.h>

#include "domain.h"
#include "flow.h"
#include "lbdr.h"

struct lbdr_server;

/* 10,000 local addresses set 14 % of the bits. */
#define LBDR_SOURCE_HOST_BITS	16
#define LBDR_SOURCE_PREFIX_BITS	12

/**
 * struct lbdr_sources - filter of IPv4 addresses that may not be those of clients
 * @nb: notifier of routes
 * @hosts: by hash of the address
 * @prefixes: by first bits of the address
 */
struct lbdr_sources {
	struct notifier_block	nb;
	unsigned long		hosts[BITS_TO_LONGS(1 << LBDR_SOURCE_HOST_BITS)];
	unsigned long		prefixes[BITS_TO_LONGS(1 << LBDR_SOURCE_PREFIX_BITS)];
};

/**
 * enum lbdr_source - what a source address says of the client
 * @LBDR_SOURCE_GOOD: the client may have any server
 * @LBDR_SOURCE_LINK_LOCAL: an IPv6 client that is reached on its link only, see
 *	lbdr_source_off_link()
 * @LBDR_SOURCE_BAD: no client can have the address
 */
enum lbdr_source {
	LBDR_SOURCE_GOOD,
	LBDR_SOURCE_LINK_LOCAL,
	LBDR_SOURCE_BAD,
};

void lbdr_source_watch(struct lbdr_net *ln);
enum lbdr_source lbdr_source_look_up(const struct lbdr_net *ln,
				     const struct net_device *dev,
				     const struct lbdr_flow *flow);
bool lbdr_source_off_link(const struct lbdr_server *server, int iif, u16 domain);
void lbdr_source_net_init(struct lbdr_net *ln);
void lbdr_source_net_exit(struct lbdr_net *ln);

/* Returns false if an address is surely a unicast address of another host. */
static __always_inline bool lbdr_source_suspected(const struct lbdr_sources *sources,
						  __be32 addr)
{
	u32 host = ntohl(addr);

	return unlikely(test_bit(hash_32(host, LBDR_SOURCE_HOST_BITS), sources->hosts) ||
			test_bit(host >> (32 - LBDR_SOURCE_PREFIX_BITS),
				 sources->prefixes));
}

/**
 * lbdr_source_check() - Check the source address of a packet
 * @ln: the namespace
 * @dev: input device of the packet, or NULL for any
 * @flow: flow of the packet
 *
 * Context: rcu_read_lock() held.
 * Return: enum lbdr_source; LBDR_SOURCE_GOOD if the client is on this host.
 */
static __always_inline enum lbdr_source
lbdr_source_check(const struct lbdr_net *ln, const struct net_device *dev,
		  const struct lbdr_flow *flow)
{
	const struct lbdr_sources *sources = rcu_dereference(ln->sources);

	/* Of a packet of this host, @dev says nothing. */
	if (likely(flow->family == LBDR_V4 && !flow->local && sources && dev &&
		   !lbdr_domain_has_vrf(dev) &&
		   !lbdr_source_suspected(sources, flow->v4.client)))
		return LBDR_SOURCE_GOOD;
	return lbdr_source_look_up(ln, dev, flow);
}

#endif /* _LBDR_SOURCE_H */
