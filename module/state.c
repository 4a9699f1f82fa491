// SPDX-License-Identifier: GPL-2.0
/*
 * The states of a connection and how long each may idle.
 *
 * With direct routing the server's packets do not pass here, so the state
 * follows the client alone: it cannot tell who closed first, or whether the
 * server ever answered. The tables are constant.
 */
#include "lbdr.h"

/* Two letters a state, so that the table is one to look at. */
#define ST_NO	LBDR_CONN_STATE_NONE
#define ST_SR	LBDR_CONN_STATE_SYN_RECV
#define ST_ES	LBDR_CONN_STATE_ESTABLISHED
#define ST_FW	LBDR_CONN_STATE_FIN_WAIT
#define ST_TW	LBDR_CONN_STATE_TIME_WAIT
#define ST_CL	LBDR_CONN_STATE_CLOSE
#define ST_UD	LBDR_CONN_STATE_UDP
#define ST_DE	LBDR_CONN_STATE_DEAD

/*
 * A RST closes from every state; ip_vs lets SYN_RECV stand. A SYN in FIN_WAIT,
 * TIME_WAIT or CLOSE begins another connection and is told apart before this
 * table is asked, see lbdr_conn_find().
 */
const u8 lbdr_state_next[LBDR_EVENTS][LBDR_CONN_STATES] = {
	/* from NO, SR, ES, FW, TW, CL, UD, DE */
	[LBDR_EVENT_DATA]	= { ST_UD, ST_ES, ST_ES, ST_FW, ST_TW, ST_CL, ST_UD, ST_DE },
	[LBDR_EVENT_SYN]	= { ST_SR, ST_SR, ST_ES, ST_FW, ST_TW, ST_CL, ST_UD, ST_DE },
	[LBDR_EVENT_FIN]	= { ST_NO, ST_TW, ST_FW, ST_FW, ST_TW, ST_CL, ST_UD, ST_DE },
	[LBDR_EVENT_RST]	= { ST_NO, ST_CL, ST_CL, ST_CL, ST_CL, ST_CL, ST_UD, ST_DE },
};
EXPORT_SYMBOL_FOR_KUNIT(lbdr_state_next);

/*
 * Seconds, those of ip_vs (net/netfilter/ipvs/ip_vs_proto_tcp.c and
 * ip_vs_proto_udp.c), since operators know them.
 */
const u32 lbdr_state_timeout[LBDR_CONN_STATES] = {
	[LBDR_CONN_STATE_SYN_RECV]	= 60,
	[LBDR_CONN_STATE_ESTABLISHED]	= 15 * 60,
	[LBDR_CONN_STATE_FIN_WAIT]	= 2 * 60,
	[LBDR_CONN_STATE_TIME_WAIT]	= 2 * 60,
	[LBDR_CONN_STATE_CLOSE]		= 10,
	[LBDR_CONN_STATE_UDP]		= 5 * 60,
};
EXPORT_SYMBOL_FOR_KUNIT(lbdr_state_timeout);
