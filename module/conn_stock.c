// SPDX-License-Identifier: GPL-2.0
/*
 * Memory for connections.
 *
 * Each CPU takes several objects from the slab cache of a family at a time and keeps those
 * that it does not need yet. lbdr_limits.objects counts the objects, wherever they are, when
 * they are taken from the cache and given back.
 */
#include <linux/slab.h>

#include "conn.h"
#include "conn_stock.h"
#include "limit.h"

static struct kmem_cache *lbdr_conn_cache[LBDR_FAMILIES] __read_mostly;

DEFINE_PER_CPU(struct lbdr_conn_stock, lbdr_conn_stocks[LBDR_FAMILIES]);
EXPORT_SYMBOL_FOR_KUNIT(lbdr_conn_stocks);

/**
 * lbdr_conn_take_one() - Take the memory of a new connection from the slab cache
 * @ln: its namespace
 * @family: its family
 *
 * Context: BH off.
 * Return: as lbdr_conn_take().
 */
void *lbdr_conn_take_one(const struct lbdr_net *ln, enum lbdr_family family)
{
	void *conn = lbdr_limit_cache_alloc(ln, lbdr_conn_cache[family]);

	if (conn)
		lbdr_limit_objects_add(1);
	return conn;
}

/**
 * lbdr_conn_stock_up() - Fill an empty stock
 * @stock: the stock of this CPU
 * @family: its family
 *
 * Context: BH off.
 * Return: false if there is no memory for all of it.
 */
bool lbdr_conn_stock_up(struct lbdr_conn_stock *stock, enum lbdr_family family)
{
	/* All or none, as a bool on some kernels */
	if (!kmem_cache_alloc_bulk(lbdr_conn_cache[family], GFP_ATOMIC | __GFP_NOWARN,
				   ARRAY_SIZE(stock->objects), stock->objects))
		return false;
	stock->n = ARRAY_SIZE(stock->objects);
	lbdr_limit_objects_add(stock->n);
	return true;
}

/**
 * lbdr_conn_give() - Give the memory of a connection back to the slab cache
 * @family: its family
 * @conn: the memory
 *
 * Context: any.
 */
void lbdr_conn_give(enum lbdr_family family, void *conn)
{
	kmem_cache_free(lbdr_conn_cache[family], conn);
	lbdr_limit_objects_add(-1);
}

/**
 * lbdr_conn_stock_init() - Create the slab caches
 *
 * Context: process, after lbdr_limit_init().
 * Return: 0 or -ENOMEM.
 */
int lbdr_conn_stock_init(void)
{
	/* A stock is filled when an object is to be taken. */
	if (!IS_ENABLED(CONFIG_PREEMPT_RT))
		lbdr_limits.idle = LBDR_FAMILIES * (LBDR_CONN_STOCK_MAX - 1) *
				   num_possible_cpus();

	/* An IPv4 connection takes one cache line; an IPv6 connection takes more. */
	BUILD_BUG_ON(sizeof(struct lbdr_conn4) > 64);

	lbdr_conn_cache[LBDR_V4] =
		kmem_cache_create("lbdr_conn4", sizeof(struct lbdr_conn4), 0,
				  SLAB_HWCACHE_ALIGN, NULL);
	if (!lbdr_conn_cache[LBDR_V4])
		return -ENOMEM;
	lbdr_conn_cache[LBDR_V6] =
		kmem_cache_create("lbdr_conn6", sizeof(struct lbdr_conn6), 0,
				  0, NULL);
	if (lbdr_conn_cache[LBDR_V6])
		return 0;
	kmem_cache_destroy(lbdr_conn_cache[LBDR_V4]);
	return -ENOMEM;
}

/**
 * lbdr_conn_stock_exit() - Empty the stocks, and destroy the slab caches
 *
 * Context: process, after rcu_barrier().
 */
void lbdr_conn_stock_exit(void)
{
	struct lbdr_conn_stock *stock;
	enum lbdr_family family;
	int cpu;

	for (family = 0; family < LBDR_FAMILIES; family++) {
		for_each_possible_cpu(cpu) {
			stock = per_cpu_ptr(&lbdr_conn_stocks[family], cpu);
			kmem_cache_free_bulk(lbdr_conn_cache[family], stock->n,
					     stock->objects);
			stock->n = 0;
		}
		kmem_cache_destroy(lbdr_conn_cache[family]);
	}
}
