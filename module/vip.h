/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The filter of VIPs: one lookup that tells nearly every packet to another address.
 */
#ifndef _LBDR_VIP_H
#define _LBDR_VIP_H

#include <linux/bitops.h>
#include <linux/hash.h>
#include <linux/in6.h>
#include <linux/ip.h>
#include <linux/ipv6.h>
#include <linux/rcupdate.h>

#include "lbdr.h"

struct lbdr_service_key;

/**
 * struct lbdr_vips - the filter of one family
 * @rcu: frees the filter after it was replaced
 * @shift: 32 - log2 of the number of bits; immutable
 * @n_set: number of bits that are set; lbdr_net.config
 * @n_services: number of services whose VIPs were added, removed ones included;
 *	lbdr_net.config
 * @bits: bit HASH >> @shift is set if a VIP has this hash; bits are set under
 *	lbdr_net.config and never cleared
 */
struct lbdr_vips {
	struct rcu_head	rcu;
	u32		shift;
	u32		n_set;
	u32		n_services;
	unsigned long	bits[];
};

/*
 * Two multiplications: after one, whole networks of other addresses would share their
 * bits with a network of VIPs.
 */
static __always_inline u32 lbdr_vip_hash(u32 addr)
{
	u32 hash = addr * GOLDEN_RATIO_32;

	return (hash ^ hash >> 16) * GOLDEN_RATIO_32;
}

static __always_inline bool lbdr_vips_has(const struct lbdr_net *ln,
					  enum lbdr_family family, u32 addr)
{
	const struct lbdr_vips *vips = rcu_dereference(ln->vips[family]);

	return test_bit(lbdr_vip_hash(addr) >> vips->shift, vips->bits);
}

/* Returns false if no service has this VIP. Context: rcu_read_lock() held. */
static __always_inline bool lbdr_vips_has4(const struct lbdr_net *ln, __be32 vip)
{
	return lbdr_vips_has(ln, LBDR_V4, (__force u32)vip);
}

static __always_inline bool lbdr_vips_has6(const struct lbdr_net *ln,
					   const struct in6_addr *vip)
{
	return lbdr_vips_has(ln, LBDR_V6, (__force u32)(vip->s6_addr32[0] ^
							vip->s6_addr32[1] ^
							vip->s6_addr32[2] ^
							vip->s6_addr32[3]));
}

/*
 * Returns true if the destination of a packet may be a VIP. All other packets cost only this.
 * @family is a constant.
 */
static __always_inline bool lbdr_vips_has_skb(const struct lbdr_net *ln,
					      const struct sk_buff *skb,
					      enum lbdr_family family)
{
	return family == LBDR_V4 ? lbdr_vips_has4(ln, ip_hdr(skb)->daddr) :
				   lbdr_vips_has6(ln, &ipv6_hdr(skb)->daddr);
}

void lbdr_vips_net_init(struct lbdr_net *ln);
int lbdr_vips_reserve(struct lbdr_net *ln, enum lbdr_family family, u32 n);
void lbdr_vips_add(struct lbdr_net *ln, const struct lbdr_service_key *key);
void lbdr_vips_update(struct lbdr_net *ln);

#endif /* _LBDR_VIP_H */
