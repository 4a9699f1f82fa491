/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What a network namespace may hold.
 */
#ifndef _LBDR_LIMIT_H
#define _LBDR_LIMIT_H

#include <linux/slab.h>

#include "lbdr.h"

int lbdr_limit_init(void);
void lbdr_limit_exit(void);
u32 lbdr_limit_conn_max(void);
u32 lbdr_limit_conns_most(const struct lbdr_net *ln);
u32 lbdr_limit_conns(const struct lbdr_net *ln);
u32 lbdr_limit_conns_now(const struct lbdr_net *ln);
bool lbdr_limit_starved(const struct lbdr_net *ln);
void lbdr_limit_starve(struct lbdr_net *ln);
bool lbdr_limit_near(struct lbdr_net *ln);
u32 lbdr_limit_room(struct lbdr_net *ln);
bool lbdr_limit_full(const struct lbdr_net *ln);
u32 lbdr_limit_linked(const struct lbdr_net *ln);
u32 lbdr_limit_pending(const struct lbdr_net *ln);
bool lbdr_limit_conn_add(struct lbdr_net *ln);
void lbdr_limit_conn_sub(struct lbdr_net *ln);
void *lbdr_limit_alloc_charged(const struct lbdr_net *ln, struct kmem_cache *cache,
			       size_t size);
void lbdr_limit_net_init(struct lbdr_net *ln);
void lbdr_limit_net_exit(struct lbdr_net *ln);
struct mem_cgroup *lbdr_limit_charge_begin(const struct lbdr_net *ln);
void lbdr_limit_charge_end(struct mem_cgroup *old);
void lbdr_limit_find_memcg(struct lbdr_net *ln);
bool lbdr_limit_services(const struct lbdr_net *ln, u32 n);
bool lbdr_limit_servers(const struct lbdr_net *ln, u32 n);
bool lbdr_limit_nexthops(const struct lbdr_net *ln);

/**
 * lbdr_limit_cache_alloc() - Allocate an object for a packet
 * @ln: the namespace
 * @cache: the slab cache
 *
 * Context: any.
 * Return: the object, not zeroed, or NULL.
 */
static __always_inline void *lbdr_limit_cache_alloc(const struct lbdr_net *ln,
						    struct kmem_cache *cache)
{
	if (unlikely(ln->user))
		return lbdr_limit_alloc_charged(ln, cache, 0);
	return kmem_cache_alloc(cache, GFP_ATOMIC | __GFP_NOWARN);
}

/**
 * lbdr_limit_alloc() - Allocate memory for a packet
 * @ln: the namespace
 * @size: in bytes
 *
 * Context: any.
 * Return: the memory, not zeroed, or NULL.
 */
static __always_inline void *lbdr_limit_alloc(const struct lbdr_net *ln, size_t size)
{
	if (unlikely(ln->user))
		return lbdr_limit_alloc_charged(ln, NULL, size);
	return kmalloc(size, GFP_ATOMIC | __GFP_NOWARN);
}

#endif /* _LBDR_LIMIT_H */
