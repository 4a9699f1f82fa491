// SPDX-License-Identifier: GPL-2.0
/*
 * A walk over all connections, which makes pages of their records. A page at a time: the
 * caller sends it before it asks for the next one, and may wait as long as it likes in
 * between. A call visits a bounded number of connections. Half-open connections and those
 * that have expired are left out. A resize of the table makes the walk visit some twice,
 * which does no harm.
 *
 * Who walks owns the struct lbdr_sync_walk. Its rhashtable iterators keep nothing locked
 * between two pages, and must have ended before the tables are freed.
 */
#include "compat.h"
#include "conn.h"
#include "lbdr.h"
#include "state.h"
#include "sync.h"
#include "sync_wire.h"

/* Connections that are visited under one rcu_read_lock(), at most */
#define BATCH	256
/* Such batches for one page, at most */
#define BATCHES	4

/**
 * lbdr_sync_walk_begin() - Begin a walk
 * @ln: the namespace
 * @walk: set up; lbdr_sync_walk_end() must follow
 * @own: without the connections that other directors forward
 *
 * Context: process.
 */
void lbdr_sync_walk_begin(struct lbdr_net *ln, struct lbdr_sync_walk *walk, bool own)
{
	walk->family = LBDR_V4;
	walk->page = NULL;
	walk->own = own;
	rhashtable_walk_enter(&ln->conns[LBDR_V4], &walk->iter);
}
EXPORT_SYMBOL_FOR_KUNIT(lbdr_sync_walk_begin);

/* Visits connections until the page is full. Returns 0 at the end of the table. */
static int lbdr_sync_walk_fill(struct lbdr_net *ln, struct lbdr_sync_walk *walk)
{
	bool master = walk->page->roles & BIT(LBDR_SYNC_ROLE_MASTER);
	struct lbdr_sync_record record;
	struct lbdr_conn *conn;
	int err = -EAGAIN, i;
	u32 state;

	lbdr_walk_start(&walk->iter);
	for (i = 0; i < BATCH && err == -EAGAIN; i++) {
		conn = rhashtable_walk_peek(&walk->iter);
		if (!conn) {
			err = 0;
			break;
		}
		if (!IS_ERR(conn)) {
			state = READ_ONCE(conn->state);
			/* A full page leaves the connection to the next one. */
			if (lbdr_conn_left(ln, conn) > 0 && !lbdr_state_half_open(state) &&
			    (!walk->own || lbdr_conn_own(conn)) &&
			    lbdr_sync_conn_record(ln, conn, state, master, &record)) {
				/* What its own director knows of it may be later. */
				if (!master && !lbdr_conn_own(conn))
					record.flags |= LBDR_SYNC_FLAG_COPY;
				if (!lbdr_sync_page_append(walk->page, &record)) {
					err = 1;
					break;
				}
			}
		}
		rhashtable_walk_next(&walk->iter);
	}
	rhashtable_walk_stop(&walk->iter);
	return err;
}

/**
 * lbdr_sync_walk_next() - Get the next page of a walk
 * @ln: the namespace
 * @walk: the walk
 * @roles: see lbdr_sync_page_alloc()
 *
 * Context: process, may sleep.
 * Return: a page with at least one record, which the caller puts; NULL at the end; or
 * ERR_PTR(), after which the caller may try again: -ENOMEM; -EAGAIN if no page is complete
 * after as many connections as one call visits.
 */
struct lbdr_sync_page *lbdr_sync_walk_next(struct lbdr_net *ln, struct lbdr_sync_walk *walk,
					   u8 roles)
{
	struct lbdr_sync_page *page;
	int err, batches = 0;

	if (!walk->page)
		walk->page = lbdr_sync_page_alloc(ln, roles);
	if (!walk->page)
		return ERR_PTR(-ENOMEM);
	for (;;) {
		if (batches++ == BATCHES)
			return ERR_PTR(-EAGAIN);
		err = lbdr_sync_walk_fill(ln, walk);
		cond_resched();
		if (err == -EAGAIN)
			continue;
		if (err || walk->family == LBDR_V6)
			break;
		walk->family = LBDR_V6;
		rhashtable_walk_exit(&walk->iter);
		rhashtable_walk_enter(&ln->conns[LBDR_V6], &walk->iter);
	}
	if (!lbdr_sync_wire_count(walk->page->data))
		return NULL;
	page = walk->page;
	walk->page = NULL;
	return page;
}
EXPORT_SYMBOL_FOR_KUNIT(lbdr_sync_walk_next);

/**
 * lbdr_sync_walk_end() - End a walk, whether or not it is at its end
 * @walk: the walk
 *
 * Context: process.
 */
void lbdr_sync_walk_end(struct lbdr_sync_walk *walk)
{
	rhashtable_walk_exit(&walk->iter);
	if (walk->page)
		lbdr_sync_page_put(walk->page);
}
EXPORT_SYMBOL_FOR_KUNIT(lbdr_sync_walk_end);
