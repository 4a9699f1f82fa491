// SPDX-License-Identifier: GPL-2.0
/*
 * The state transition table: every cell is compared with a second implementation of
 * the rules, written as conditions. Classes and default timeouts of the states.
 */
#include <kunit/test.h>

#include "flow.h"
#include "state.h"

static const char *const state_names[LBDR_CONN_STATES] = {
	[LBDR_CONN_STATE_NONE]		= "NONE",
	[LBDR_CONN_STATE_SYN_RECV]	= "SYN_RECV",
	[LBDR_CONN_STATE_ESTABLISHED]	= "ESTABLISHED",
	[LBDR_CONN_STATE_FIN_WAIT]	= "FIN_WAIT",
	[LBDR_CONN_STATE_TIME_WAIT]	= "TIME_WAIT",
	[LBDR_CONN_STATE_CLOSE]		= "CLOSE",
	[LBDR_CONN_STATE_UDP]		= "UDP",
	[LBDR_CONN_STATE_SCTP_INIT]	= "SCTP_INIT",
	[LBDR_CONN_STATE_SCTP_ESTABLISHED] = "SCTP_ESTABLISHED",
	[LBDR_CONN_STATE_SCTP_SHUTDOWN]	= "SCTP_SHUTDOWN",
	[LBDR_CONN_STATE_SCTP_CLOSED]	= "SCTP_CLOSED",
	[LBDR_CONN_STATE_TEMPLATE]	= "TEMPLATE",
	[LBDR_CONN_STATE_DEAD]		= "DEAD",
	[LBDR_CONN_STATE_UDP_ONE]	= "UDP, one datagram",
	[LBDR_CONN_STATE_TEMPLATE_ONE]	= "TEMPLATE, one packet",
};

static const char *const event_names[LBDR_EVENTS] = {
	[LBDR_EVENT_DATA]	= "data",
	[LBDR_EVENT_SYN]	= "SYN",
	[LBDR_EVENT_FIN]	= "FIN",
	[LBDR_EVENT_RST]	= "RST",
	[LBDR_EVENT_UDP]	= "datagram",
	[LBDR_EVENT_SCTP_INIT]	= "INIT",
	[LBDR_EVENT_SCTP_DATA]	= "any chunk",
	[LBDR_EVENT_SCTP_SHUTDOWN] = "SHUTDOWN",
	[LBDR_EVENT_SCTP_ABORT]	= "ABORT",
	[LBDR_EVENT_TEMPLATE]	= "a template",
};

static bool state_is_tcp(u32 state)
{
	return state == LBDR_CONN_STATE_SYN_RECV ||
	       state == LBDR_CONN_STATE_ESTABLISHED ||
	       state == LBDR_CONN_STATE_FIN_WAIT ||
	       state == LBDR_CONN_STATE_TIME_WAIT ||
	       state == LBDR_CONN_STATE_CLOSE;
}

static bool state_is_sctp(u32 state)
{
	return state == LBDR_CONN_STATE_SCTP_INIT ||
	       state == LBDR_CONN_STATE_SCTP_ESTABLISHED ||
	       state == LBDR_CONN_STATE_SCTP_SHUTDOWN ||
	       state == LBDR_CONN_STATE_SCTP_CLOSED;
}

static u32 state_naive_sctp(u32 event, u32 state)
{
	/* ABORT and SHUTDOWN COMPLETE close the association. */
	if (event == LBDR_EVENT_SCTP_ABORT)
		return LBDR_CONN_STATE_SCTP_CLOSED;

	/* SHUTDOWN is final: only ABORT or SHUTDOWN COMPLETE follows. */
	if (event == LBDR_EVENT_SCTP_SHUTDOWN &&
	    state != LBDR_CONN_STATE_SCTP_CLOSED)
		return LBDR_CONN_STATE_SCTP_SHUTDOWN;

	/* COOKIE ECHO (or DATA) follows the server's INIT ACK. */
	if (event == LBDR_EVENT_SCTP_DATA && state == LBDR_CONN_STATE_SCTP_INIT)
		return LBDR_CONN_STATE_SCTP_ESTABLISHED;
	return state;
}

/*
 * The state of a new connection. DATA and SCTP_DATA are first packets when a service
 * schedules stray packets.
 */
static u32 state_naive_first(u32 event)
{
	switch (event) {
	case LBDR_EVENT_SYN:
		return LBDR_CONN_STATE_SYN_RECV;
	case LBDR_EVENT_DATA:
		return LBDR_CONN_STATE_ESTABLISHED;
	case LBDR_EVENT_UDP:
		return LBDR_CONN_STATE_UDP_ONE;
	case LBDR_EVENT_SCTP_INIT:
		return LBDR_CONN_STATE_SCTP_INIT;
	case LBDR_EVENT_SCTP_DATA:
		return LBDR_CONN_STATE_SCTP_ESTABLISHED;
	case LBDR_EVENT_TEMPLATE:
		return LBDR_CONN_STATE_TEMPLATE_ONE;
	}
	return LBDR_CONN_STATE_NONE;
}

static u32 state_naive(u32 event, u32 state)
{
	if (state == LBDR_CONN_STATE_NONE)
		return state_naive_first(event);
	if (state_is_sctp(state) && event >= LBDR_EVENT_SCTP_INIT &&
	    event <= LBDR_EVENT_SCTP_ABORT)
		return state_naive_sctp(event, state);

	/* Second datagram of the client. */
	if (event == LBDR_EVENT_UDP && state == LBDR_CONN_STATE_UDP_ONE)
		return LBDR_CONN_STATE_UDP;

	/* Second packet of the client of a template. */
	if (event == LBDR_EVENT_TEMPLATE && state == LBDR_CONN_STATE_TEMPLATE_ONE)
		return LBDR_CONN_STATE_TEMPLATE;

	/* A RST closes a TCP connection in any state. */
	if (event == LBDR_EVENT_RST && state_is_tcp(state))
		return LBDR_CONN_STATE_CLOSE;

	/* ACK of the server's SYN+ACK, which does not pass the director. */
	if (event == LBDR_EVENT_DATA && state == LBDR_CONN_STATE_SYN_RECV)
		return LBDR_CONN_STATE_ESTABLISHED;

	/* The client closes an established or a half-open connection. */
	if (event == LBDR_EVENT_FIN && state == LBDR_CONN_STATE_ESTABLISHED)
		return LBDR_CONN_STATE_FIN_WAIT;
	if (event == LBDR_EVENT_FIN && state == LBDR_CONN_STATE_SYN_RECV)
		return LBDR_CONN_STATE_TIME_WAIT;

	/* No other packet changes the state; DEAD is final. */
	return state;
}

static void state_next_test(struct kunit *test)
{
	u32 event, state;

	for (event = 0; event < LBDR_EVENTS; event++)
		for (state = 0; state < LBDR_CONN_STATES; state++)
			KUNIT_EXPECT_EQ_MSG(test,
					    lbdr_state_next[event][state],
					    state_naive(event, state),
					    "%s in %s", event_names[event],
					    state_names[state]);
}

/* No packet's transition leads to DEAD: only lbdr_conn_end() sets it, by cmpxchg. */
static void state_never_dead_test(struct kunit *test)
{
	u32 event, state;

	for (event = 0; event < LBDR_EVENTS; event++)
		for (state = 0; state < LBDR_CONN_STATE_DEAD; state++)
			KUNIT_EXPECT_NE_MSG(test,
					    lbdr_state_next[event][state],
					    LBDR_CONN_STATE_DEAD,
					    "%s in %s", event_names[event],
					    state_names[state]);
}

/* States that are listed as active connections, as in ip_vs. */
static const bool state_active[LBDR_CONN_STATES] = {
	[LBDR_CONN_STATE_SYN_RECV]	= true,
	[LBDR_CONN_STATE_ESTABLISHED]	= true,
	[LBDR_CONN_STATE_SCTP_ESTABLISHED] = true,
};

static void state_active_test(struct kunit *test)
{
	u32 state;

	for (state = 0; state < LBDR_CONN_STATES; state++)
		KUNIT_EXPECT_EQ_MSG(test, lbdr_state_active(state),
				    state_active[state], "%s",
				    state_names[state]);
}

struct state_timeout {
	u32	state;
	u32	seconds;
};

/* Default timeouts of ip_vs. */
static const struct state_timeout state_timeouts[] = {
	{ LBDR_CONN_STATE_SYN_RECV, 60 },
	{ LBDR_CONN_STATE_ESTABLISHED, 900 },
	{ LBDR_CONN_STATE_FIN_WAIT, 120 },
	{ LBDR_CONN_STATE_TIME_WAIT, 120 },
	{ LBDR_CONN_STATE_CLOSE, 10 },
	{ LBDR_CONN_STATE_UDP, 300 },
	{ LBDR_CONN_STATE_SCTP_INIT, 60 },
	{ LBDR_CONN_STATE_SCTP_ESTABLISHED, 900 },
	{ LBDR_CONN_STATE_SCTP_SHUTDOWN, 60 },
	{ LBDR_CONN_STATE_SCTP_CLOSED, 60 },
};

static void state_timeout_desc(const struct state_timeout *timeout, char *desc)
{
	strscpy(desc, state_names[timeout->state], KUNIT_PARAM_DESC_SIZE);
}

KUNIT_ARRAY_PARAM(state_timeout, state_timeouts, state_timeout_desc);

static void state_timeout_test(struct kunit *test)
{
	const struct state_timeout *timeout = test->param_value;

	KUNIT_EXPECT_EQ(test, lbdr_state_timeout[timeout->state],
			timeout->seconds);
}

static struct kunit_case state_cases[] = {
	KUNIT_CASE(state_next_test),
	KUNIT_CASE(state_never_dead_test),
	KUNIT_CASE(state_active_test),
	KUNIT_CASE_PARAM(state_timeout_test, state_timeout_gen_params),
	{}
};

static struct kunit_suite state_suite = {
	.name		= "lbdr_state",
	.test_cases	= state_cases,
};

kunit_test_suites(&state_suite);
