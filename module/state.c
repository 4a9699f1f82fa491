// SPDX-License-Identifier: GPL-2.0
/*
 * The states of a connection and how long each may idle.
 *
 * With direct routing the server's packets do not pass here, so the state
 * follows the client alone: it cannot tell who closed first, or whether the
 * server ever answered. The tables are constant.
 */
#include "lbdr.h"

/* Two letters a state, as the kernel's own tables have it. */
#define sNO	LBDR_CONN_STATE_NONE
#define sSR	LBDR_CONN_STATE_SYN_RECV
#define sES	LBDR_CONN_STATE_ESTABLISHED
#define sFW	LBDR_CONN_STATE_FIN_WAIT
#define sTW	LBDR_CONN_STATE_TIME_WAIT
#define sCL	LBDR_CONN_STATE_CLOSE
#define sUD	LBDR_CONN_STATE_UDP
#define sDE	LBDR_CONN_STATE_DEAD

/*
 * A RST closes from every state; ip_vs lets SYN_RECV stand. A SYN in FIN_WAIT,
 * TIME_WAIT or CLOSE begins another connection and is told apart before this
 * table is asked, see hook.c.
 */
const u8 lbdr_state_next[LBDR_EVENTS][LBDR_CONN_STATES] = {
	/*			  sNO  sSR  sES  sFW  sTW  sCL  sUD  sDE */
	[LBDR_EVENT_DATA]	= { sUD, sES, sES, sFW, sTW, sCL, sUD, sDE },
	[LBDR_EVENT_SYN]	= { sSR, sSR, sES, sFW, sTW, sCL, sUD, sDE },
	[LBDR_EVENT_FIN]	= { sNO, sTW, sFW, sFW, sTW, sCL, sUD, sDE },
	[LBDR_EVENT_RST]	= { sNO, sCL, sCL, sCL, sCL, sCL, sUD, sDE },
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
