/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Packet simulation: what the director would do with a packet.
 */
#ifndef _LBDR_PEEK_H
#define _LBDR_PEEK_H

#include "flow.h"
#include "lbdr.h"
#include "stats.h"

struct lbdr_conn;
struct lbdr_server;
struct lbdr_service;

/**
 * struct lbdr_peek_packet - the packet to simulate
 * @flow: flow of the packet; client port 0 for any port
 * @mark: fwmark of the packet, 0 for none
 * @mac: source MAC of its frame, or NULL for a MAC that belongs to no server
 */
struct lbdr_peek_packet {
	struct lbdr_flow	flow;
	u32			mark;
	const u8		*mac;
};

/**
 * struct lbdr_peek_result - what the director would do with the packet
 * @verdict: enum lbdr_trace_verdict
 * @drop: drop reason that would be counted, or LBDR_DROPS for none
 * @refuse: enum lbdr_refuse; valid if @drop is LBDR_DROP_NO_SERVER or LBDR_DROP_STRAY
 * @service: service of the packet, or NULL if it has none
 * @by: enum lbdr_trace_by; valid if @server is set or @scheduled
 * @conn: connection of the packet, or NULL
 * @closing: @conn is closing, and the packet would start a new connection
 * @template: persistence template of the client, or NULL
 * @scheduled: the scheduler would be asked
 * @preferred: server that the scheduler prefers before it skips unavailable servers, or
 *	NULL
 * @server: server of the packet, whether or not there is a route to it, or NULL
 * @has_keep: @keep is valid: the packet would start a connection or be forwarded
 *	without one
 * @keep: enum lbdr_trace_keep
 */
struct lbdr_peek_result {
	u8				verdict;
	enum lbdr_drop			drop;
	u8				refuse;
	const struct lbdr_service	*service;
	u8				by;
	struct lbdr_conn		*conn;
	bool				closing;
	struct lbdr_conn		*template;
	bool				scheduled;
	struct lbdr_server		*preferred;
	struct lbdr_server		*server;
	bool				has_keep;
	u8				keep;
};

void lbdr_peek(struct lbdr_net *ln, const struct lbdr_peek_packet *packet,
	       struct lbdr_peek_result *result);

#endif /* _LBDR_PEEK_H */
