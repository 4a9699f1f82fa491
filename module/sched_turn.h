/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Schedulers that serve the servers in turn: pick() and peek() of rr and wrr.
 *
 * The service's cursor numbers the turns and outlives the pools. pick() takes a
 * turn by one atomic increment: no lock, no loop.
 *
 * The scheduler provides find(pool, turn, first, skipped), which is inlined. It
 * returns an open server or NULL. It sets @first to the server that owns the turn,
 * open or not, and @skipped to the number of turns that it skipped because their
 * servers are not open.
 */
#ifndef _LBDR_SCHED_TURN_H
#define _LBDR_SCHED_TURN_H

#include "sched.h"

/**
 * lbdr_turn_pick() - Take the next turn
 * @pool: the pool
 * @find: finds the server of a turn; see above
 *
 * Context: rcu_read_lock() held, BH disabled.
 * Return: an open server or NULL.
 */
static __always_inline struct lbdr_server *
lbdr_turn_pick(const struct lbdr_pool *pool,
	       struct lbdr_server *(*find)(const struct lbdr_pool *pool,
					   u64 turn, struct lbdr_server **first,
					   u32 *skipped))
{
	u64 turn = atomic64_fetch_inc(pool->cursor);
	struct lbdr_server *server, *first;
	u32 skipped;

	server = find(pool, turn, &first, &skipped);
	/* Skipped turns are lost, else the next open server would get them all. */
	if (unlikely(skipped))
		atomic64_add(skipped, pool->cursor);
	return server;
}

/**
 * lbdr_turn_peek() - Find the server of the next turn without taking the turn
 * @pool: the pool
 * @first: set to the server that owns the turn, open or not
 * @find: finds the server of a turn; see above
 *
 * Context: rcu_read_lock() held, BH disabled.
 * Return: an open server or NULL.
 */
static __always_inline struct lbdr_server *
lbdr_turn_peek(const struct lbdr_pool *pool, struct lbdr_server **first,
	       struct lbdr_server *(*find)(const struct lbdr_pool *pool,
					   u64 turn, struct lbdr_server **first,
					   u32 *skipped))
{
	u32 skipped;

	return find(pool, atomic64_read(pool->cursor), first, &skipped);
}

#endif /* _LBDR_SCHED_TURN_H */
