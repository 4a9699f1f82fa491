/* SPDX-License-Identifier: GPL-2.0 */
/*
 * A packet that there is not, and what would become of it; peek.c says how.
 */
#ifndef _LBDR_PEEK_H
#define _LBDR_PEEK_H

#include "lbdr.h"

/**
 * struct lbdr_question - a packet that there is not
 * @flow: of the packet; client port 0 where any one is meant
 * @mark: that a firewall gives it, 0 for none
 * @mac: source of its frame, or NULL for nobody's
 */
struct lbdr_question {
	struct lbdr_flow	flow;
	u32			mark;
	const u8		*mac;
};

/**
 * struct lbdr_answer - what would become of it
 * @verdict: enum lbdr_trace_verdict
 * @why: the reason that would count it, or LBDR_DROPS where none would
 * @refuse: enum lbdr_refuse, where it is dropped for want of a server or as a stray
 * @service: that it is for, or NULL where it is no business of ours
 * @by: enum lbdr_trace_by; for a packet that gets as far as that
 * @conn: its connection, or NULL
 * @over: @conn is closing, and the packet begins another one
 * @template: what persistence remembers of its client, or NULL
 * @asked: the scheduler was
 * @first: whom its choice falls on before it is asked whether he is open, or NULL
 * @server: that it goes to, or would if there were a way, or NULL
 * @keeps: it gets as far as to begin a connection, or not, as @keep says
 * @keep: enum lbdr_trace_keep
 */
struct lbdr_answer {
	u8				verdict;
	enum lbdr_drop			why;
	u8				refuse;
	const struct lbdr_service	*service;
	u8				by;
	struct lbdr_conn		*conn;
	bool				over;
	struct lbdr_conn		*template;
	bool				asked;
	struct lbdr_server		*first;
	struct lbdr_server		*server;
	bool				keeps;
	u8				keep;
};

void lbdr_peek(struct lbdr_net *ln, const struct lbdr_question *question,
	       struct lbdr_answer *answer);

#endif /* _LBDR_PEEK_H */
