/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Memory for connections.
 */
#ifndef _LBDR_CONN_STOCK_H
#define _LBDR_CONN_STOCK_H

#include <linux/percpu.h>

#include "flow.h"
#include "lbdr.h"

/*
 * Connections that a CPU takes from a slab cache at a time, which costs less than singly. The
 * size of a stock is a power of two, so that the one of a family is found by a shift.
 */
#define LBDR_CONN_STOCK_MAX	15

/**
 * struct lbdr_conn_stock - memory for the next connections of a CPU
 * @n: number of @objects
 * @objects: the memory, not initialised
 *
 * Used with BH off by its CPU. What an offline CPU has stays until the module is unloaded.
 */
struct lbdr_conn_stock {
	u32	n;
	void	*objects[LBDR_CONN_STOCK_MAX];
};

DECLARE_PER_CPU(struct lbdr_conn_stock, lbdr_conn_stocks[LBDR_FAMILIES]);

void *lbdr_conn_take_one(const struct lbdr_net *ln, enum lbdr_family family);
bool lbdr_conn_stock_up(struct lbdr_conn_stock *stock, enum lbdr_family family);
void lbdr_conn_give(enum lbdr_family family, void *conn);
int lbdr_conn_stock_init(void);
void lbdr_conn_stock_exit(void);

/**
 * lbdr_conn_take() - Take the memory of a new connection
 * @ln: its namespace
 * @family: its family
 *
 * What is charged to a cgroup is not kept in a stock. On PREEMPT_RT, BH off does not exclude
 * others.
 *
 * Context: BH off.
 * Return: the memory, not zeroed, for lbdr_conn_give(); or NULL.
 */
static __always_inline void *lbdr_conn_take(const struct lbdr_net *ln,
					    enum lbdr_family family)
{
	struct lbdr_conn_stock *stock;

	if (unlikely(ln->user) || IS_ENABLED(CONFIG_PREEMPT_RT))
		return lbdr_conn_take_one(ln, family);
	lockdep_assert_in_softirq();
	stock = this_cpu_ptr(&lbdr_conn_stocks[family]);
	if (unlikely(!stock->n && !lbdr_conn_stock_up(stock, family)))
		return lbdr_conn_take_one(ln, family);
	return stock->objects[--stock->n];
}

#endif /* _LBDR_CONN_STOCK_H */
