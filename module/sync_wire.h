/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Datagrams of connection synchronisation in the format of ip_vs.
 */
#ifndef _LBDR_SYNC_WIRE_H
#define _LBDR_SYNC_WIRE_H

#include <linux/netfilter.h>

#include "flow.h"

/* Bytes of the header of a datagram, and of records without options */
#define LBDR_SYNC_HEADER	8
#define LBDR_SYNC_RECORD4	36
#define LBDR_SYNC_RECORD6	72
/* The same of version 0 */
#define LBDR_SYNC_HEADER_V0	4
#define LBDR_SYNC_RECORD_V0	24

/* The number of records is a byte of the header. */
#define LBDR_SYNC_RECORDS_MAX	255

/* Flags of a record: the method of forwarding in the lowest three bits, and these */
#define LBDR_SYNC_FLAG_DR	0x0003
#define LBDR_SYNC_FLAG_TUNNEL	0x0002
#define LBDR_SYNC_FLAG_LOCAL	0x0001
#define LBDR_SYNC_FLAG_METHOD	0x0007
#define LBDR_SYNC_FLAG_NOOUTPUT	0x0080
#define LBDR_SYNC_FLAG_INACTIVE	0x0100
#define LBDR_SYNC_FLAG_TEMPLATE	0x1000
/* From lbdr only: the connection has been in use for some time, see lbdr_conn.renewals. */
#define LBDR_SYNC_FLAG_RENEWED	0x40000000
/* Between peers: the sender has received the connection from another director. */
#define LBDR_SYNC_FLAG_COPY	0x80000000

/**
 * struct lbdr_sync_record - a connection as a datagram describes it
 * @client: address of the client, masked in a template
 * @vip: the VIP; in a template of a fwmark service its first word is the mark
 * @server: address of the server
 * @family: enum lbdr_family, of all three addresses
 * @protocol: IPPROTO_...; 0 in a template of a fwmark service
 * @state: of ip_vs, see lbdr_sync_state_in()
 * @cport: port of the client, 0 in a template
 * @vport: virtual port
 * @dport: port of the server
 * @flags: LBDR_SYNC_FLAG_... and other bits of ip_vs
 * @fwmark: mark of the service, else 0
 * @timeout: seconds until the connection expires; 0 in version 0, which has none
 */
struct lbdr_sync_record {
	union nf_inet_addr	client;
	union nf_inet_addr	vip;
	union nf_inet_addr	server;
	enum lbdr_family	family;
	u8			protocol;
	u16			state;
	__be16			cport;
	__be16			vport;
	__be16			dport;
	u32			flags;
	u32			fwmark;
	u32			timeout;
};

/* Results of parsing, besides 0 for the end of a datagram and 1 for a record */
enum lbdr_sync_error {
	LBDR_SYNC_MALFORMED = -1,	/* the rest of the datagram is not parsed */
	LBDR_SYNC_OTHER_ID = -2,	/* the datagram is of another group of directors */
	LBDR_SYNC_UNUSABLE = -3,	/* lbdr has no such connections; others may follow */
};

/**
 * struct lbdr_sync_parser - position in a datagram
 * @at: the next record
 * @end: end of the datagram
 * @left: records that were announced and not parsed
 * @version: 0 or 1
 */
struct lbdr_sync_parser {
	const u8	*at;
	const u8	*end;
	u8		left;
	u8		version;
};

void lbdr_sync_wire_begin(u8 *page, u8 syncid);
u32 lbdr_sync_wire_put(u8 *page, u32 used, u32 room,
		       const struct lbdr_sync_record *record);
void lbdr_sync_wire_end(u8 *page, u32 used);
u32 lbdr_sync_wire_join(u8 *page, u32 used, u32 room, const u8 *other, u32 other_used);
int lbdr_sync_parse_begin(struct lbdr_sync_parser *parser, const u8 *data, u32 len,
			  u8 syncid);
int lbdr_sync_parse_next(struct lbdr_sync_parser *parser,
			 struct lbdr_sync_record *record);
u16 lbdr_sync_state_out(u32 state);
u32 lbdr_sync_state_in(const struct lbdr_sync_record *record);

/**
 * lbdr_sync_wire_count() - Get the number of records of a page
 * @page: begun by lbdr_sync_wire_begin()
 *
 * Context: any.
 */
static inline u8 lbdr_sync_wire_count(const u8 *page)
{
	return page[4];
}

#endif /* _LBDR_SYNC_WIRE_H */
