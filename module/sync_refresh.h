/* SPDX-License-Identifier: GPL-2.0 */
/*
 * When a connection is sent to other directors again. The collector asks at each visit, and
 * mostly the answer is no: hence inline.
 *
 * A connection is due when a third of its timeout has passed since it was sent, or
 * LBDR_SYNC_REFRESH_MAX, and it is sent if a packet has come since. lbdr_conn.sent has the time
 * in units of LBDR_SYNC_UNIT and begins again after 510 s. An idle connection is not sent for
 * longer than that, so a visit sets the time forward: LBDR_SYNC_PASSED_MAX have passed at most.
 * That leaves as long for the next visit, which comes within SWEEP_MAX (collect.c).
 */
#ifndef _LBDR_SYNC_REFRESH_H
#define _LBDR_SYNC_REFRESH_H

#include <linux/jiffies.h>

#include "conn.h"
#include "lbdr.h"
#include "state.h"
#include "sync.h"

/* Unit of lbdr_conn.sent, in seconds, and the longest time to a refresh */
#define LBDR_SYNC_UNIT		2
#define LBDR_SYNC_REFRESH_MAX	60U
/* Units that may have passed since a connection was sent, after a visit */
#define LBDR_SYNC_PASSED_MAX	(U8_MAX / 2)

/**
 * lbdr_sync_now() - Get the time as lbdr_conn.sent has it
 *
 * Context: any.
 * Return: units of LBDR_SYNC_UNIT, 1 to 255; 1 follows 255.
 */
static inline u8 lbdr_sync_now(void)
{
	return (u32)(jiffies / HZ / LBDR_SYNC_UNIT) % U8_MAX + 1;
}

/**
 * lbdr_sync_passed() - Get the time since a connection was sent
 * @sent: &lbdr_conn.sent, not 0
 * @now: lbdr_sync_now()
 *
 * Context: any.
 * Return: units of LBDR_SYNC_UNIT, 0 to 254; both times are rounded down.
 */
static inline u32 lbdr_sync_passed(u8 sent, u8 now)
{
	return now - sent + (now < sent ? U8_MAX : 0);
}

/* Returns the time that was @passed units before @now. */
static inline u8 lbdr_sync_before(u8 now, u8 passed)
{
	return now > passed ? now - passed : now - passed + U8_MAX;
}

/**
 * lbdr_sync_keeps() - Check whether this director keeps copies of a connection alive
 * @conn: the connection
 * @state: its state
 *
 * Context: any.
 * Return: true if it is to be visited again before a copy that is sent now expires. Not if
 * another director forwards it, and not while it is half-open or after it was closed, when
 * copies may expire.
 */
static inline bool lbdr_sync_keeps(const struct lbdr_conn *conn, u32 state)
{
	return !lbdr_state_half_open(state) && !lbdr_state_closing(state) &&
	       lbdr_conn_own(conn);
}

void lbdr_sync_again(struct lbdr_net *ln, struct lbdr_conn *conn, u32 state, u8 now);

/**
 * lbdr_sync_refresh() - Send a connection again if it is time
 * @ln: the namespace
 * @conn: the connection, which the collector visits
 * @state: its state
 * @timeout: the timeout of the state in seconds
 * @now: lbdr_sync_now()
 *
 * Context: rcu_read_lock() held, BH on or off.
 */
static inline void lbdr_sync_refresh(struct lbdr_net *ln, struct lbdr_conn *conn, u32 state,
				     u32 timeout, u8 now)
{
	u32 wait = min(timeout / 3, LBDR_SYNC_REFRESH_MAX) / LBDR_SYNC_UNIT;
	u8 sent = READ_ONCE(conn->sent);

	if (!sent || lbdr_sync_passed(sent, now) > wait)
		lbdr_sync_again(ln, conn, state, now);
}

#endif /* _LBDR_SYNC_REFRESH_H */
