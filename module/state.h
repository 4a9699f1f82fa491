/* SPDX-License-Identifier: GPL-2.0 */
/*
 * States of a connection.
 */
#ifndef _LBDR_STATE_H
#define _LBDR_STATE_H

#include "flow.h"

extern const u8 lbdr_state_next[LBDR_EVENTS][LBDR_CONN_STATES];
extern const u32 lbdr_state_timeout[LBDR_CONN_STATES];

static inline bool lbdr_state_active(u32 state)
{
	return state == LBDR_CONN_STATE_SYN_RECV ||
	       state == LBDR_CONN_STATE_ESTABLISHED ||
	       state == LBDR_CONN_STATE_SCTP_ESTABLISHED;
}

/* Over, but for what is still under way: the client may begin another one. */
static inline bool lbdr_state_closing(u32 state)
{
	return state == LBDR_CONN_STATE_FIN_WAIT ||
	       state == LBDR_CONN_STATE_TIME_WAIT ||
	       state == LBDR_CONN_STATE_CLOSE ||
	       state == LBDR_CONN_STATE_SCTP_SHUTDOWN ||
	       state == LBDR_CONN_STATE_SCTP_CLOSED;
}

/* Nobody has answered to the client's satisfaction yet, for all that we see. */
static inline bool lbdr_state_half_open(u32 state)
{
	return state == LBDR_CONN_STATE_SYN_RECV ||
	       state == LBDR_CONN_STATE_SCTP_INIT ||
	       state == LBDR_CONN_STATE_UDP_ONE;
}

/* What users are told. */
static inline u32 lbdr_state_shown(u32 state)
{
	return state == LBDR_CONN_STATE_UDP_ONE ? LBDR_CONN_STATE_UDP : state;
}

#endif /* _LBDR_STATE_H */
