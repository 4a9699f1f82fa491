// SPDX-License-Identifier: GPL-2.0
/*
 * The wire format of ip_vs's connection synchronisation, version 1, and version 0 for
 * reading. Pure functions on buffers: no lock, no memory, no object of the module.
 *
 * A datagram of version 1 is a header and records, each aligned to 4 bytes. Numbers are
 * in network byte order.
 *
 *	header	 0 reserved, 0			record	 0 type, bit 0 set for IPv6
 *		 1 id of the group		(36 or	 1 protocol
 *		 2 bytes of the datagram	 72	 2 version in the upper 4 bits, 0;
 *		 4 number of records		 bytes)	   bytes without padding below
 *		 5 version, 1				 4 flags
 *		 6 spare, 0				 8 state
 *							10 ports of client, VIP, server
 *	option	 0 type, see below			16 mark
 *		 1 bytes of the data			20 timeout in seconds
 *		 2 data					24 addresses of client, VIP, server
 *
 * Options follow the addresses and are counted in the bytes of the record. Those of ip_vs
 * (sequence numbers of NAT, persistence engines) concern nothing that lbdr has, and a
 * type with OPTION_OPTIONAL may be skipped by whoever does not know it. A record with
 * another one is malformed.
 *
 * A datagram of version 0 has a header of 4 bytes (number of records, id, bytes) and
 * IPv4 records of 24 bytes (reserved, protocol, three ports, three addresses, flags and
 * state of 16 bits each), each followed by 24 bytes of sequence numbers if a flag says
 * so. Since a datagram of version 1 begins with 0, it is one of version 0 without
 * records.
 *
 * The parser trusts nothing: every length is compared with what is left before a byte is
 * read. A record that is no connection of lbdr, by its protocol or state, is skipped.
 */
#include <linux/string.h>

#include "compat.h"
#include "flow.h"
#include "sync_wire.h"

#define TYPE_IPV6		0x01
#define SIZE_MASK		0x0fff
#define SIZE_BITS		12

/* Options of a record: sequence numbers, data and name of a persistence engine */
#define OPTION_LAST		3
#define OPTION_OPTIONAL		0x40

/* Flags of version 0 that announce sequence numbers, and their bytes */
#define V0_SEQUENCES		0x0600
#define V0_SEQUENCES_LEN	24

/* States of TCP and SCTP in ip_vs. UDP has state 0. */
enum {
	WIRE_TCP_ESTABLISHED = 1,
	WIRE_TCP_SYN_SENT,
	WIRE_TCP_SYN_RECV,
	WIRE_TCP_FIN_WAIT,
	WIRE_TCP_TIME_WAIT,
	WIRE_TCP_CLOSE,
	WIRE_TCP_CLOSE_WAIT,
	WIRE_TCP_LAST_ACK,
	WIRE_TCP_SYNACK = 10,
};

enum {
	WIRE_SCTP_INIT1 = 1,
	WIRE_SCTP_ECHOED = 7,
	WIRE_SCTP_ESTABLISHED,
	WIRE_SCTP_SHUTDOWN_SENT,
	WIRE_SCTP_SHUTDOWN_RECEIVED,
	WIRE_SCTP_SHUTDOWN_ACK,
	WIRE_SCTP_REJECTED,
	WIRE_SCTP_CLOSED,
};

/**
 * lbdr_sync_state_out() - Get ip_vs's state for a state of lbdr
 * @state: enum lbdr_conn_state, or an internal state of flow.h
 *
 * Context: any.
 * Return: the state in a record. A template has 1: ip_vs keeps it for its full time.
 */
u16 lbdr_sync_state_out(u32 state)
{
	switch (state) {
	case LBDR_CONN_STATE_SYN_RECV:
		return WIRE_TCP_SYN_RECV;
	case LBDR_CONN_STATE_ESTABLISHED:
	case LBDR_CONN_STATE_TEMPLATE:
		return WIRE_TCP_ESTABLISHED;
	case LBDR_CONN_STATE_FIN_WAIT:
		return WIRE_TCP_FIN_WAIT;
	case LBDR_CONN_STATE_TIME_WAIT:
		return WIRE_TCP_TIME_WAIT;
	case LBDR_CONN_STATE_CLOSE:
		return WIRE_TCP_CLOSE;
	case LBDR_CONN_STATE_SCTP_INIT:
		return WIRE_SCTP_INIT1;
	case LBDR_CONN_STATE_SCTP_ESTABLISHED:
		return WIRE_SCTP_ESTABLISHED;
	case LBDR_CONN_STATE_SCTP_SHUTDOWN:
		return WIRE_SCTP_SHUTDOWN_RECEIVED;
	case LBDR_CONN_STATE_SCTP_CLOSED:
		return WIRE_SCTP_CLOSED;
	}
	return 0;
}
EXPORT_SYMBOL_FOR_KUNIT(lbdr_sync_state_out);

static u32 lbdr_sync_state_tcp(u16 state)
{
	switch (state) {
	case WIRE_TCP_ESTABLISHED:
		return LBDR_CONN_STATE_ESTABLISHED;
	case WIRE_TCP_SYN_SENT:
	case WIRE_TCP_SYN_RECV:
	case WIRE_TCP_SYNACK:
		return LBDR_CONN_STATE_SYN_RECV;
	/* The director sees the client's FIN only, so these are one state. */
	case WIRE_TCP_FIN_WAIT:
	case WIRE_TCP_CLOSE_WAIT:
	case WIRE_TCP_LAST_ACK:
		return LBDR_CONN_STATE_FIN_WAIT;
	case WIRE_TCP_TIME_WAIT:
		return LBDR_CONN_STATE_TIME_WAIT;
	case WIRE_TCP_CLOSE:
		return LBDR_CONN_STATE_CLOSE;
	}
	return LBDR_CONN_STATE_NONE;
}

static u32 lbdr_sync_state_sctp(u16 state)
{
	if (state >= WIRE_SCTP_INIT1 && state <= WIRE_SCTP_ECHOED)
		return LBDR_CONN_STATE_SCTP_INIT;
	switch (state) {
	case WIRE_SCTP_ESTABLISHED:
		return LBDR_CONN_STATE_SCTP_ESTABLISHED;
	case WIRE_SCTP_SHUTDOWN_SENT:
	case WIRE_SCTP_SHUTDOWN_RECEIVED:
	case WIRE_SCTP_SHUTDOWN_ACK:
		return LBDR_CONN_STATE_SCTP_SHUTDOWN;
	case WIRE_SCTP_REJECTED:
	case WIRE_SCTP_CLOSED:
		return LBDR_CONN_STATE_SCTP_CLOSED;
	}
	return LBDR_CONN_STATE_NONE;
}

/**
 * lbdr_sync_state_in() - Get the state of lbdr for a received record
 * @record: the record
 *
 * Context: any.
 * Return: enum lbdr_conn_state, or LBDR_CONN_STATE_NONE if the protocol does not have the
 * state.
 */
u32 lbdr_sync_state_in(const struct lbdr_sync_record *record)
{
	if (record->flags & LBDR_SYNC_FLAG_TEMPLATE)
		return LBDR_CONN_STATE_TEMPLATE;
	switch (record->protocol) {
	case IPPROTO_TCP:
		return lbdr_sync_state_tcp(record->state);
	case IPPROTO_SCTP:
		return lbdr_sync_state_sctp(record->state);
	case IPPROTO_UDP:
		return record->state ? LBDR_CONN_STATE_NONE : LBDR_CONN_STATE_UDP;
	}
	return LBDR_CONN_STATE_NONE;
}
EXPORT_SYMBOL_FOR_KUNIT(lbdr_sync_state_in);

/**
 * lbdr_sync_wire_begin() - Begin a datagram
 * @page: of LBDR_SYNC_HEADER bytes at least, which are used then
 * @syncid: id of the group of directors
 *
 * Context: any.
 */
void lbdr_sync_wire_begin(u8 *page, u8 syncid)
{
	memset(page, 0, LBDR_SYNC_HEADER);
	page[1] = syncid;
	page[5] = 1;
}
EXPORT_SYMBOL_FOR_KUNIT(lbdr_sync_wire_begin);

/* @v4 is a constant, so that addresses are copied without a loop. */
static __always_inline u32 lbdr_sync_put(u8 *page, u32 used, u32 room,
					 const struct lbdr_sync_record *record, bool v4)
{
	u32 size = v4 ? LBDR_SYNC_RECORD4 : LBDR_SYNC_RECORD6;
	u32 len = v4 ? sizeof(struct in_addr) : sizeof(struct in6_addr);
	u8 *at = page + used;

	if (used + size > room || page[4] == LBDR_SYNC_RECORDS_MAX)
		return 0;
	page[4]++;
	at[0] = v4 ? 0 : TYPE_IPV6;
	at[1] = record->protocol;
	put_unaligned_be16(size, at + 2);
	put_unaligned_be32(record->flags, at + 4);
	put_unaligned_be16(record->state, at + 8);
	memcpy(at + 10, &record->cport, sizeof(record->cport));
	memcpy(at + 12, &record->vport, sizeof(record->vport));
	memcpy(at + 14, &record->dport, sizeof(record->dport));
	put_unaligned_be32(record->fwmark, at + 16);
	put_unaligned_be32(record->timeout, at + 20);
	memcpy(at + 24, &record->client, len);
	memcpy(at + 24 + len, &record->vip, len);
	memcpy(at + 24 + 2 * len, &record->server, len);
	return used + size;
}

/**
 * lbdr_sync_wire_put() - Append a record to a datagram
 * @page: the datagram
 * @used: bytes that are used
 * @room: bytes that the datagram may have
 * @record: the record
 *
 * Context: any.
 * Return: bytes that are used now, or 0 if there was no room.
 */
u32 lbdr_sync_wire_put(u8 *page, u32 used, u32 room,
		       const struct lbdr_sync_record *record)
{
	return record->family == LBDR_V4 ? lbdr_sync_put(page, used, room, record, true) :
					   lbdr_sync_put(page, used, room, record, false);
}
EXPORT_SYMBOL_FOR_KUNIT(lbdr_sync_wire_put);

/**
 * lbdr_sync_wire_end() - Complete a datagram
 * @page: the datagram
 * @used: bytes that are used, at most U16_MAX
 *
 * Context: any.
 */
void lbdr_sync_wire_end(u8 *page, u32 used)
{
	put_unaligned_be16(used, page + 2);
}
EXPORT_SYMBOL_FOR_KUNIT(lbdr_sync_wire_end);

/**
 * lbdr_sync_wire_join() - Append the records of a datagram to another one
 * @page: the datagram
 * @used: bytes of it that are used
 * @room: bytes that it may have
 * @other: a datagram of the same group
 * @other_used: bytes of it that are used
 *
 * Context: any.
 * Return: bytes that are used now, or 0 if there was no room.
 */
u32 lbdr_sync_wire_join(u8 *page, u32 used, u32 room, const u8 *other, u32 other_used)
{
	u32 len = other_used - LBDR_SYNC_HEADER;

	/* Records that lbdr has written are aligned without padding. */
	if (used + len > room || page[4] + other[4] > LBDR_SYNC_RECORDS_MAX)
		return 0;
	memcpy(page + used, other + LBDR_SYNC_HEADER, len);
	page[4] += other[4];
	return used + len;
}
EXPORT_SYMBOL_FOR_KUNIT(lbdr_sync_wire_join);

/**
 * lbdr_sync_parse_begin() - Begin to parse a datagram
 * @parser: set up
 * @data: the datagram
 * @len: its length
 * @syncid: id of the group of directors, 0 for any
 *
 * Context: any.
 * Return: 0, LBDR_SYNC_MALFORMED or LBDR_SYNC_OTHER_ID.
 */
int lbdr_sync_parse_begin(struct lbdr_sync_parser *parser, const u8 *data, u32 len,
			  u8 syncid)
{
	if (len < LBDR_SYNC_HEADER_V0 || get_unaligned_be16(data + 2) != len)
		return LBDR_SYNC_MALFORMED;
	if (syncid && data[1] != syncid)
		return LBDR_SYNC_OTHER_ID;
	parser->end = data + len;
	if (len >= LBDR_SYNC_HEADER && !data[0] && data[5] == 1 &&
	    !get_unaligned_be16(data + 6)) {
		parser->version = 1;
		parser->left = data[4];
		parser->at = data + LBDR_SYNC_HEADER;
		return 0;
	}
	parser->version = 0;
	parser->left = data[0];
	parser->at = data + LBDR_SYNC_HEADER_V0;
	return 0;
}
EXPORT_SYMBOL_FOR_KUNIT(lbdr_sync_parse_begin);

/* Returns true if all options between two places are known, or may be skipped. */
static bool lbdr_sync_options_valid(const u8 *at, const u8 *end)
{
	u8 type, len;

	while (at < end) {
		if (end - at < 2)
			return false;
		type = at[0];
		len = at[1];
		if (!len || len > end - at - 2)
			return false;
		if (!(type & OPTION_OPTIONAL) && (!type || type > OPTION_LAST))
			return false;
		at += 2 + len;
	}
	return true;
}

/* Returns true for a connection or a template that lbdr could have. */
static bool lbdr_sync_record_usable(const struct lbdr_sync_record *record)
{
	if (!(record->flags & LBDR_SYNC_FLAG_TEMPLATE))
		return lbdr_sync_state_in(record) != LBDR_CONN_STATE_NONE;
	if (record->cport)
		return false;
	switch (record->protocol) {
	case IPPROTO_TCP:
	case IPPROTO_UDP:
	case IPPROTO_SCTP:
		return true;
	case 0:
		return record->fwmark;
	}
	return false;
}

/* Parses a record of which LBDR_SYNC_RECORD4 bytes are there. @v4: a constant */
static __always_inline int lbdr_sync_parse_record(struct lbdr_sync_parser *parser,
						  struct lbdr_sync_record *record, bool v4)
{
	u32 fixed = v4 ? LBDR_SYNC_RECORD4 : LBDR_SYNC_RECORD6;
	u32 len = v4 ? sizeof(struct in_addr) : sizeof(struct in6_addr);
	u32 left = parser->end - parser->at, size;
	const u8 *at = parser->at;

	record->family = v4 ? LBDR_V4 : LBDR_V6;
	size = get_unaligned_be16(at + 2);
	if (size >> SIZE_BITS)
		return LBDR_SYNC_MALFORMED;
	size &= SIZE_MASK;
	if (size < fixed || size > left ||
	    !lbdr_sync_options_valid(at + fixed, at + size))
		return LBDR_SYNC_MALFORMED;

	record->protocol = at[1];
	record->flags = get_unaligned_be32(at + 4);
	record->state = get_unaligned_be16(at + 8);
	memcpy(&record->cport, at + 10, sizeof(record->cport));
	memcpy(&record->vport, at + 12, sizeof(record->vport));
	memcpy(&record->dport, at + 14, sizeof(record->dport));
	record->fwmark = get_unaligned_be32(at + 16);
	record->timeout = get_unaligned_be32(at + 20);
	memcpy(&record->client, at + 24, len);
	memcpy(&record->vip, at + 24 + len, len);
	memcpy(&record->server, at + 24 + 2 * len, len);
	/* The padding of the last record may be missing. */
	parser->at = at + min(round_up(size, 4), left);
	return 1;
}

static int lbdr_sync_parse_v1(struct lbdr_sync_parser *parser,
			      struct lbdr_sync_record *record)
{
	u8 type;

	if (parser->end - parser->at < LBDR_SYNC_RECORD4)
		return LBDR_SYNC_MALFORMED;
	type = parser->at[0];
	if (type & ~TYPE_IPV6)
		return LBDR_SYNC_MALFORMED;
	return type & TYPE_IPV6 ? lbdr_sync_parse_record(parser, record, false) :
				  lbdr_sync_parse_record(parser, record, true);
}

static int lbdr_sync_parse_v0(struct lbdr_sync_parser *parser,
			      struct lbdr_sync_record *record)
{
	u32 left = parser->end - parser->at, size = LBDR_SYNC_RECORD_V0;
	const u8 *at = parser->at;

	if (left < size)
		return LBDR_SYNC_MALFORMED;
	record->family = LBDR_V4;
	record->protocol = at[1];
	memcpy(&record->cport, at + 2, sizeof(record->cport));
	memcpy(&record->vport, at + 4, sizeof(record->vport));
	memcpy(&record->dport, at + 6, sizeof(record->dport));
	memcpy(&record->client.ip, at + 8, sizeof(record->client.ip));
	memcpy(&record->vip.ip, at + 12, sizeof(record->vip.ip));
	memcpy(&record->server.ip, at + 16, sizeof(record->server.ip));
	record->flags = get_unaligned_be16(at + 20);
	record->state = get_unaligned_be16(at + 22);
	if (record->flags & V0_SEQUENCES)
		size += V0_SEQUENCES_LEN;
	if (left < size)
		return LBDR_SYNC_MALFORMED;
	parser->at = at + size;
	return 1;
}

/**
 * lbdr_sync_parse_next() - Parse the next record of a datagram
 * @parser: the position, which moves on
 * @record: filled in; unused bytes are 0
 *
 * Context: any.
 * Return: 1 if there was one; 0 at the end; LBDR_SYNC_UNUSABLE if it was skipped;
 * LBDR_SYNC_MALFORMED, after which the rest of the datagram cannot be parsed.
 */
int lbdr_sync_parse_next(struct lbdr_sync_parser *parser,
			 struct lbdr_sync_record *record)
{
	int err;

	if (!parser->left)
		return 0;
	parser->left--;
	memset(record, 0, sizeof(*record));
	err = parser->version ? lbdr_sync_parse_v1(parser, record) :
				lbdr_sync_parse_v0(parser, record);
	if (err == LBDR_SYNC_MALFORMED)
		parser->left = 0;
	else if (!lbdr_sync_record_usable(record))
		return LBDR_SYNC_UNUSABLE;
	return err;
}
EXPORT_SYMBOL_FOR_KUNIT(lbdr_sync_parse_next);
