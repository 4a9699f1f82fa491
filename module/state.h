/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Connection states: transitions, idle timeouts and classes.
 */
#ifndef _LBDR_STATE_H
#define _LBDR_STATE_H

#include "flow.h"

/* A power of two, so that the row of an event is found by a shift */
#define LBDR_STATE_ROW	16
static_assert(LBDR_CONN_STATES <= LBDR_STATE_ROW);

extern const u8 lbdr_state_next[LBDR_EVENTS][LBDR_STATE_ROW];
extern const u32 lbdr_state_timeout[LBDR_CONN_STATES];

/* States that are counted as active connections; all others as inactive. */
static inline bool lbdr_state_active(u32 state)
{
	return BIT(state) & (BIT(LBDR_CONN_STATE_SYN_RECV) |
			     BIT(LBDR_CONN_STATE_ESTABLISHED) |
			     BIT(LBDR_CONN_STATE_SCTP_ESTABLISHED));
}

/* The client has closed the connection; its next SYN or INIT starts a new one. */
static inline bool lbdr_state_closing(u32 state)
{
	return state == LBDR_CONN_STATE_FIN_WAIT ||
	       state == LBDR_CONN_STATE_TIME_WAIT ||
	       state == LBDR_CONN_STATE_CLOSE ||
	       state == LBDR_CONN_STATE_SCTP_SHUTDOWN ||
	       state == LBDR_CONN_STATE_SCTP_CLOSED;
}

/* Half-open: only one packet of the client was seen. */
static inline bool lbdr_state_half_open(u32 state)
{
	return state == LBDR_CONN_STATE_SYN_RECV ||
	       state == LBDR_CONN_STATE_SCTP_INIT ||
	       state == LBDR_CONN_STATE_UDP_ONE ||
	       state == LBDR_CONN_STATE_TEMPLATE_ONE;
}

/* The state that users see instead of an internal one. */
static inline u32 lbdr_state_shown(u32 state)
{
	if (state == LBDR_CONN_STATE_UDP_ONE)
		return LBDR_CONN_STATE_UDP;
	return state == LBDR_CONN_STATE_TEMPLATE_ONE ?
	       LBDR_CONN_STATE_TEMPLATE : state;
}

#endif /* _LBDR_STATE_H */
