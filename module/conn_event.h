/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Connection events: a notifier chain for parts that follow every connection, such as
 * state synchronisation with another director.
 */
#ifndef _LBDR_CONN_EVENT_H
#define _LBDR_CONN_EVENT_H

#include <linux/jump_label.h>
#include <linux/notifier.h>

#include "conn.h"

/**
 * enum lbdr_conn_event - action of the notifier chain
 * @LBDR_CONN_EVENT_NEW: the connection was inserted into the table
 * @LBDR_CONN_EVENT_STATE: a packet changed the connection's state
 * @LBDR_CONN_EVENT_END: the connection was marked dead and is being removed
 */
enum lbdr_conn_event {
	LBDR_CONN_EVENT_NEW,
	LBDR_CONN_EVENT_STATE,
	LBDR_CONN_EVENT_END,
};

/**
 * struct lbdr_conn_change - data of the notifier chain
 * @conn: the connection; valid until the notifier returns
 * @from: state before, LBDR_CONN_STATE_NONE for LBDR_CONN_EVENT_NEW
 * @to: state after, LBDR_CONN_STATE_DEAD for LBDR_CONN_EVENT_END
 */
struct lbdr_conn_change {
	const struct lbdr_conn	*conn;
	u32			from;
	u32			to;
};

DECLARE_STATIC_KEY_FALSE(lbdr_conn_event_key);

int lbdr_conn_event_register(struct notifier_block *nb);
void lbdr_conn_event_unregister(struct notifier_block *nb);
void lbdr_conn_event_notify(const struct lbdr_conn *conn, u32 from, u32 to);

/**
 * lbdr_conn_event() - Report a connection event
 * @conn: the connection
 * @from: state before
 * @to: state after
 *
 * Costs one static branch while no notifier is registered.
 *
 * Context: rcu_read_lock() held; BH on or off.
 */
static inline void lbdr_conn_event(const struct lbdr_conn *conn, u32 from, u32 to)
{
	if (static_branch_unlikely(&lbdr_conn_event_key))
		lbdr_conn_event_notify(conn, from, to);
}

#endif /* _LBDR_CONN_EVENT_H */
