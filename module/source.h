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

void lbdr_source_watch(struct lbdr_net *ln);
bool lbdr_source_looked_up(const struct lbdr_net *ln, const struct net_device *dev,
			   const struct lbdr_flow *flow);
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
 * lbdr_source_is_bad() - Check for a source address that no client can have
 * @ln: the namespace
 * @dev: input device of the packet, or NULL for any
 * @flow: flow of the packet
 *
 * Context: rcu_read_lock() held.
 * Return: true for such an address; false if the client is on this host.
 */
static __always_inline bool lbdr_source_is_bad(const struct lbdr_net *ln,
					       const struct net_device *dev,
					       const struct lbdr_flow *flow)
{
	const struct lbdr_sources *sources = rcu_dereference(ln->sources);

	/* Of a packet of this host, @dev says nothing. */
	if (likely(flow->family == LBDR_V4 && !flow->local && sources && dev &&
		   !lbdr_domain_has_vrf(dev) &&
		   !lbdr_source_suspected(sources, flow->v4.client)))
		return false;
	return lbdr_source_looked_up(ln, dev, flow);
}

#endif /* _LBDR_SOURCE_H */
