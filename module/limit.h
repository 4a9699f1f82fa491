/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What a network namespace may hold.
 */
#ifndef _LBDR_LIMIT_H
#define _LBDR_LIMIT_H

#include <linux/percpu_counter.h>
#include <linux/slab.h>

#include "lbdr.h"

/* A table is nearly full when fewer than 1/LBDR_LIMIT_NEAR of its entries are free. */
#define LBDR_LIMIT_NEAR		16

/**
 * struct lbdr_limits - how many connections there may be
 * @conn_max: in a namespace; module parameter
 * @conn_max_all: in all namespaces; module parameter
 * @conn_max_user: in a namespace of another user namespace; module parameter
 * @idle: the most of @objects that may be in the stocks of conn_stock.c; constant
 * @objects: objects of all namespaces and those in the stocks. Reads miss the latest
 *	changes of each CPU
 */
struct lbdr_limits {
	unsigned int		conn_max;
	unsigned int		conn_max_all;
	unsigned int		conn_max_user;
	unsigned int		idle;
	struct percpu_counter	objects;
};

extern struct lbdr_limits lbdr_limits;

int lbdr_limit_init(void);
void lbdr_limit_exit(void);
u32 lbdr_limit_conns_now(const struct lbdr_net *ln);
bool lbdr_limit_starved(const struct lbdr_net *ln);
void lbdr_limit_starve(struct lbdr_net *ln);
u32 lbdr_limit_room(struct lbdr_net *ln);
bool lbdr_limit_full(const struct lbdr_net *ln);
u32 lbdr_limit_linked(const struct lbdr_net *ln);
u32 lbdr_limit_pending(const struct lbdr_net *ln);
u32 lbdr_limit_conns_of(const struct lbdr_net *ln);
bool lbdr_limit_conn_refuse(struct lbdr_net *ln);
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
 * lbdr_limit_conn_max() - Get the maximum number of connections of a namespace
 *
 * Context: any.
 * Return: the value of the module parameter conn_max.
 */
static inline u32 lbdr_limit_conn_max(void)
{
	return READ_ONCE(lbdr_limits.conn_max);
}

/**
 * lbdr_limit_conns_most() - Get the number of connections that the host allows a namespace
 * @ln: the namespace
 *
 * Context: any.
 * Return: the number by the parameters of the module.
 */
static inline u32 lbdr_limit_conns_most(const struct lbdr_net *ln)
{
	u32 max = lbdr_limit_conn_max();

	if (unlikely(ln->user))
		max = min(max, READ_ONCE(lbdr_limits.conn_max_user));
	return max;
}

/**
 * lbdr_limit_conns() - Get the number of connections that a namespace may hold
 * @ln: the namespace
 *
 * Context: any.
 * Return: lbdr_limit_conns_most(), or less if a front end has set less.
 */
static inline u32 lbdr_limit_conns(const struct lbdr_net *ln)
{
	return min(lbdr_limit_conns_most(ln), READ_ONCE(ln->conns_max));
}

/* The number of connections of all namespaces at which this one gets no new ones. */
static inline u32 lbdr_limit_conns_all(const struct lbdr_net *ln)
{
	return READ_ONCE(lbdr_limits.conn_max_all) >> (ln->user ? 1 : 0);
}

/*
 * Connections of all namespaces: fewer than there are by as many as the stocks might hold and
 * do not, so that stocks keep nobody from a connection. May be negative.
 */
static inline s64 lbdr_limit_total(void)
{
	return READ_ONCE(lbdr_limits.objects.count) - lbdr_limits.idle;
}

/* The most connections that do not make a table nearly full. */
static inline u32 lbdr_limit_nearly(u32 max)
{
	return max - max / LBDR_LIMIT_NEAR;
}

/**
 * lbdr_limit_near() - Check whether the connection table is nearly full
 * @ln: the namespace
 *
 * Context: any.
 * Return: true if fewer than 1/LBDR_LIMIT_NEAR of the entries are free.
 */
static inline bool lbdr_limit_near(const struct lbdr_net *ln)
{
	u32 max = unlikely(READ_ONCE(ln->starved_at)) ? lbdr_limit_conns_now(ln) :
							lbdr_limit_conns(ln);

	return (u32)atomic_read(&ln->n_conns) > lbdr_limit_nearly(max) ||
	       lbdr_limit_total() > lbdr_limit_nearly(lbdr_limit_conns_all(ln));
}

/**
 * lbdr_limit_conn_sub() - Undo lbdr_limit_conn_add()
 * @ln: the namespace
 *
 * Context: any.
 */
static inline void lbdr_limit_conn_sub(struct lbdr_net *ln)
{
	atomic_dec(&ln->n_conns);
}

/**
 * lbdr_limit_conn_add() - Count a connection that is to be allocated
 * @ln: the namespace
 *
 * Context: any.
 * Return: true if it was counted, false if the namespace may hold no more.
 */
static inline bool lbdr_limit_conn_add(struct lbdr_net *ln)
{
	u32 n = atomic_inc_return(&ln->n_conns);

	return likely(n <= lbdr_limit_conns(ln) &&
		      lbdr_limit_total() < lbdr_limit_conns_all(ln)) ?
	       true : lbdr_limit_conn_refuse(ln);
}

/**
 * lbdr_limit_objects_add() - Count objects for connections
 * @n: their number, negative for those that are freed
 *
 * Context: any.
 */
static inline void lbdr_limit_objects_add(int n)
{
	percpu_counter_add(&lbdr_limits.objects, n);
}

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
