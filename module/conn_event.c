// SPDX-License-Identifier: GPL-2.0
/*
 * Connection events.
 *
 * conn.c reports each new connection, each state change and each end. The chain is
 * called only while the static key is on, which registration switches: without
 * notifiers a connection pays for one branch that is patched out.
 *
 * Each successful transition is reported exactly once, by the CPU that made it. Events
 * of one connection from different CPUs may arrive in any order: a packet on another
 * CPU can change the state of a connection before its LBDR_CONN_EVENT_NEW is delivered.
 * The pairs of @from and @to form a chain from LBDR_CONN_STATE_NONE to
 * LBDR_CONN_STATE_DEAD, by which a notifier can restore the order.
 *
 * A namespace that exits frees its remaining connections without events.
 */
#include "conn_event.h"

struct static_key_false lbdr_conn_event_key = STATIC_KEY_FALSE_INIT;
EXPORT_SYMBOL_FOR_KUNIT(lbdr_conn_event_key);

static ATOMIC_NOTIFIER_HEAD(lbdr_conn_event_chain);

/**
 * lbdr_conn_event_register() - Start the delivery of connection events
 * @nb: the notifier. It is called with an enum lbdr_conn_event and a struct
 *	lbdr_conn_change, for the connections of all network namespaces, persistence
 *	templates included. Context of the call: rcu_read_lock() held, BH on (collector)
 *	or off (packets), on any number of CPUs at once. It must not sleep, must not take
 *	lbdr_net.lock or RTNL, and must return NOTIFY_DONE or NOTIFY_OK.
 *
 * Connections that exist already are not reported. Their later events are.
 *
 * Context: process; takes cpu_hotplug_lock for reading.
 * Return: 0, or -EEXIST with a kernel warning if @nb is registered already.
 */
int lbdr_conn_event_register(struct notifier_block *nb)
{
	int err = atomic_notifier_chain_register(&lbdr_conn_event_chain, nb);

	if (!err)
		static_branch_inc(&lbdr_conn_event_key);
	return err;
}
EXPORT_SYMBOL_FOR_KUNIT(lbdr_conn_event_register);

/**
 * lbdr_conn_event_unregister() - Stop the delivery of connection events
 * @nb: the notifier, which is registered
 *
 * No call of @nb is running or will begin when this function returns: it waits for an
 * RCU grace period.
 *
 * Context: process; neither lbdr_net.lock nor RTNL held, since it waits; takes
 * cpu_hotplug_lock for reading.
 */
void lbdr_conn_event_unregister(struct notifier_block *nb)
{
	static_branch_dec(&lbdr_conn_event_key);
	atomic_notifier_chain_unregister(&lbdr_conn_event_chain, nb);
}
EXPORT_SYMBOL_FOR_KUNIT(lbdr_conn_event_unregister);

/**
 * lbdr_conn_event_notify() - Call the notifiers; use lbdr_conn_event()
 * @conn: the connection
 * @from: state before
 * @to: state after
 *
 * Context: rcu_read_lock() held; BH on or off.
 */
void lbdr_conn_event_notify(const struct lbdr_conn *conn, u32 from, u32 to)
{
	struct lbdr_conn_change change = {
		.conn	= conn,
		.from	= from,
		.to	= to,
	};
	enum lbdr_conn_event event = LBDR_CONN_EVENT_STATE;

	if (from == LBDR_CONN_STATE_NONE)
		event = LBDR_CONN_EVENT_NEW;
	else if (to == LBDR_CONN_STATE_DEAD)
		event = LBDR_CONN_EVENT_END;
	atomic_notifier_call_chain(&lbdr_conn_event_chain, event, &change);
}
