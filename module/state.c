// SPDX-License-Identifier: GPL-2.0
/*
 * Connection states: the transition table and the default idle timeouts.
 *
 * With direct routing the server's packets do not pass the director, so the state
 * follows the client's packets only. It cannot show which side closed first, or
 * whether the server answered. Both tables are constant.
 */
#include "flow.h"
#include "state.h"

/* Two-letter names keep each row of the transition table on one line. */
#define ST_NO	LBDR_CONN_STATE_NONE
#define ST_SR	LBDR_CONN_STATE_SYN_RECV
#define ST_ES	LBDR_CONN_STATE_ESTABLISHED
#define ST_FW	LBDR_CONN_STATE_FIN_WAIT
#define ST_TW	LBDR_CONN_STATE_TIME_WAIT
#define ST_CL	LBDR_CONN_STATE_CLOSE
#define ST_UD	LBDR_CONN_STATE_UDP
#define ST_SI	LBDR_CONN_STATE_SCTP_INIT
#define ST_SE	LBDR_CONN_STATE_SCTP_ESTABLISHED
#define ST_SS	LBDR_CONN_STATE_SCTP_SHUTDOWN
#define ST_SC	LBDR_CONN_STATE_SCTP_CLOSED
#define ST_TE	LBDR_CONN_STATE_TEMPLATE
#define ST_DE	LBDR_CONN_STATE_DEAD
#define ST_UO	LBDR_CONN_STATE_UDP_ONE
#define ST_TO	LBDR_CONN_STATE_TEMPLATE_ONE

/*
 * One row for each event. An event of one protocol does not change the states of the
 * others; such combinations do not occur, since the protocol is part of the key.
 */
#define TCP(no, sr, es, fw, tw, cl)					\
	{ no, sr, es, fw, tw, cl, ST_UD, ST_SI, ST_SE, ST_SS, ST_SC,	\
	  ST_TE, ST_DE, ST_UO, ST_TO }
#define SCTP(no, si, se, ss, sc)					\
	{ no, ST_SR, ST_ES, ST_FW, ST_TW, ST_CL, ST_UD, si, se, ss, sc,	\
	  ST_TE, ST_DE, ST_UO, ST_TO }
#define UDP(no, ud, uo)							\
	{ no, ST_SR, ST_ES, ST_FW, ST_TW, ST_CL, ud, ST_SI, ST_SE, ST_SS, ST_SC,	\
	  ST_TE, ST_DE, uo, ST_TO }
#define TEMPLATE(no, te, to)						\
	{ no, ST_SR, ST_ES, ST_FW, ST_TW, ST_CL, ST_UD, ST_SI, ST_SE, ST_SS, ST_SC,	\
	  te, ST_DE, ST_UO, to }

/*
 * TCP: a RST closes a connection in every state; ip_vs keeps SYN_RECV. A SYN in
 * FIN_WAIT, TIME_WAIT or CLOSE starts a new connection: lbdr_conn_find() removes the
 * old one before this table is used. The same holds for an INIT in the closing states
 * of SCTP.
 *
 * SCTP states follow RFC 9260, 4. An INIT in an established association is a restart
 * (RFC 9260, 5.2.2), which the server handles: the state does not change.
 */
const u8 lbdr_state_next[LBDR_EVENTS][LBDR_STATE_ROW] = {
	/*             from NO,    SR,    ES,    FW,    TW,    CL */
	[LBDR_EVENT_DATA] = TCP(ST_ES, ST_ES, ST_ES, ST_FW, ST_TW, ST_CL),
	[LBDR_EVENT_SYN]  = TCP(ST_SR, ST_SR, ST_ES, ST_FW, ST_TW, ST_CL),
	[LBDR_EVENT_FIN]  = TCP(ST_NO, ST_TW, ST_FW, ST_FW, ST_TW, ST_CL),
	[LBDR_EVENT_RST]  = TCP(ST_NO, ST_CL, ST_CL, ST_CL, ST_CL, ST_CL),

	/*             from NO,    UD,    UO */
	[LBDR_EVENT_UDP]  = UDP(ST_UO, ST_UD, ST_UD),

	/*                      from NO,    SI,    SE,    SS,    SC */
	[LBDR_EVENT_SCTP_INIT]     = SCTP(ST_SI, ST_SI, ST_SE, ST_SS, ST_SC),
	[LBDR_EVENT_SCTP_DATA]     = SCTP(ST_SE, ST_SE, ST_SE, ST_SS, ST_SC),
	[LBDR_EVENT_SCTP_SHUTDOWN] = SCTP(ST_NO, ST_SS, ST_SS, ST_SS, ST_SC),
	[LBDR_EVENT_SCTP_ABORT]    = SCTP(ST_NO, ST_SC, ST_SC, ST_SC, ST_SC),

	/*                   from NO,    TE,    TO */
	[LBDR_EVENT_TEMPLATE] = TEMPLATE(ST_TO, ST_TE, ST_TE),
};
EXPORT_SYMBOL_FOR_KUNIT(lbdr_state_next);

/*
 * Default idle timeouts in seconds. The values are those of ip_vs (net/netfilter/ipvs/
 * ip_vs_proto_tcp.c, ip_vs_proto_udp.c, ip_vs_proto_sctp.c), which operators know. The
 * timeout of a persistence template is a setting of its service; a template of one
 * packet has that of SYN_RECV if it is shorter.
 */
const u32 lbdr_state_timeout[LBDR_CONN_STATES] = {
	[LBDR_CONN_STATE_SYN_RECV]		= 60,
	[LBDR_CONN_STATE_ESTABLISHED]		= 15 * 60,
	[LBDR_CONN_STATE_FIN_WAIT]		= 2 * 60,
	[LBDR_CONN_STATE_TIME_WAIT]		= 2 * 60,
	[LBDR_CONN_STATE_CLOSE]			= 10,
	[LBDR_CONN_STATE_UDP]			= 5 * 60,
	[LBDR_CONN_STATE_SCTP_INIT]		= 60,
	[LBDR_CONN_STATE_SCTP_ESTABLISHED]	= 15 * 60,
	[LBDR_CONN_STATE_SCTP_SHUTDOWN]		= 60,
	[LBDR_CONN_STATE_SCTP_CLOSED]		= 60,
};
EXPORT_SYMBOL_FOR_KUNIT(lbdr_state_timeout);
