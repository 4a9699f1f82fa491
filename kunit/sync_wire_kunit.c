// SPDX-License-Identifier: GPL-2.0
/*
 * The wire format of connection synchronisation: datagrams written byte by byte from the
 * description of the format, each cut at every length, and changed at random. Buffers
 * have exactly the length of the datagram, so that KASAN sees each byte read beyond.
 */
#include <kunit/test.h>
#include <linux/slab.h>

#include "lbdr_kunit.h"
#include "sync_wire.h"

#define ROUNDS	20000

/* Id 7, two records: an established TCP connection, and one of UDP that idles */
static const u8 wire_v1[] = {
	0x00, 0x07, 0x00, 0x50, 0x02, 0x01, 0x00, 0x00,

	0x00, 0x06, 0x00, 0x24, 0x00, 0x00, 0x00, 0x83,
	0x00, 0x01, 0x9c, 0x40, 0x00, 0x50, 0x00, 0x50,
	0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x03, 0x84,
	0xc6, 0x33, 0x64, 0x07, 0xc0, 0x00, 0x02, 0x3f, 0xc0, 0x00, 0x02, 0x3e,

	0x00, 0x11, 0x00, 0x24, 0x00, 0x00, 0x01, 0x83,
	0x00, 0x00, 0xff, 0xff, 0x00, 0x35, 0x00, 0x35,
	0x00, 0x00, 0x00, 0x05, 0x00, 0x00, 0x01, 0x2c,
	0xc6, 0x33, 0x64, 0x08, 0xc0, 0x00, 0x02, 0x40, 0xc0, 0x00, 0x02, 0x3e,
};

/* Id 1, SCTP in IPv6 with an option that may be skipped, 3 bytes, and padding */
static const u8 wire_v6[] = {
	0x00, 0x01, 0x00, 0x58, 0x01, 0x01, 0x00, 0x00,

	0x01, 0x84, 0x00, 0x4d, 0x00, 0x00, 0x00, 0x82,
	0x00, 0x08, 0x30, 0x39, 0x0b, 0x59, 0x0b, 0x59,
	0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x3c,
	0x20, 0x01, 0x0d, 0xb8, 0x00, 0x0c, 0, 0, 0, 0, 0, 0, 0, 0, 0x00, 0x07,
	0x20, 0x01, 0x0d, 0xb8, 0x00, 0x0f, 0, 0, 0, 0, 0, 0, 0, 0, 0x00, 0x63,
	0x20, 0x01, 0x0d, 0xb8, 0x00, 0x01, 0, 0, 0, 0, 0, 0, 0, 0, 0x00, 0x62,
	0x47, 0x03, 0xaa, 0xbb, 0xcc, 0x00, 0x00, 0x00,
};

/* The template of a fwmark service, mark 9: the mark is the VIP, and 2 is optional data */
static const u8 wire_template[] = {
	0x00, 0x00, 0x00, 0x30, 0x01, 0x01, 0x00, 0x00,

	0x00, 0x00, 0x00, 0x27, 0x00, 0x00, 0x10, 0x03,
	0x00, 0x01, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00,
	0x00, 0x00, 0x00, 0x09, 0x00, 0x00, 0x01, 0x68,
	0xc6, 0x33, 0x64, 0x00, 0x00, 0x00, 0x00, 0x09, 0xc0, 0x00, 0x02, 0x3e,
	0x02, 0x01, 0x55, 0x00,
};

/* Version 0, id 3: a connection with sequence numbers, and one without */
static const u8 wire_v0[] = {
	0x02, 0x03, 0x00, 0x4c,

	0x00, 0x06, 0x9c, 0x40, 0x00, 0x50, 0x00, 0x50,
	0xc6, 0x33, 0x64, 0x07, 0xc0, 0x00, 0x02, 0x3f, 0xc0, 0x00, 0x02, 0x3e,
	0x02, 0x83, 0x00, 0x04,
	0, 0, 0, 1, 0, 0, 0, 2, 0, 0, 0, 3, 0, 0, 0, 4, 0, 0, 0, 5, 0, 0, 0, 6,

	0x00, 0x06, 0x9c, 0x41, 0x00, 0x50, 0x00, 0x50,
	0xc6, 0x33, 0x64, 0x07, 0xc0, 0x00, 0x02, 0x3f, 0xc0, 0x00, 0x02, 0x3e,
	0x00, 0x83, 0x00, 0x01,
};

/* Another version, which a v1 reader takes for version 0 without records */
static const u8 wire_v2[] = { 0x00, 0x01, 0x00, 0x08, 0x09, 0x02, 0x00, 0x00 };

struct wire_row {
	const char	*name;
	const u8	*data;
	u32		len;
	u8		syncid;
	u32		records;
};

static const struct wire_row wire_rows[] = {
	{ "version 1", wire_v1, sizeof(wire_v1), 7, 2 },
	{ "IPv6, an option", wire_v6, sizeof(wire_v6), 1, 1 },
	{ "template", wire_template, sizeof(wire_template), 0, 1 },
	{ "version 0", wire_v0, sizeof(wire_v0), 3, 2 },
	{ "version 2", wire_v2, sizeof(wire_v2), 1, 0 },
};

KUNIT_ARRAY_PARAM_DESC(wire_row, wire_rows, name);

/* What parsing has found. */
struct wire_result {
	u32	records;
	u32	unusable;
	int	end;
	struct lbdr_sync_record record[4];
};

static void wire_parse(const u8 *data, u32 len, u8 syncid, struct wire_result *result)
{
	struct lbdr_sync_record record;
	struct lbdr_sync_parser parser;

	memset(result, 0, sizeof(*result));
	result->end = lbdr_sync_parse_begin(&parser, data, len, syncid);
	if (result->end)
		return;
	for (;;) {
		result->end = lbdr_sync_parse_next(&parser, &record);
		if (result->end == LBDR_SYNC_UNUSABLE) {
			result->unusable++;
			continue;
		}
		if (result->end != 1)
			return;
		if (result->records < ARRAY_SIZE(result->record))
			result->record[result->records] = record;
		result->records++;
	}
}

/* A copy of the first bytes in memory of that length. */
static u8 *wire_copy(struct kunit *test, const u8 *data, u32 len)
{
	u8 *copy = kmalloc(len, GFP_KERNEL);

	KUNIT_ASSERT_NOT_NULL(test, copy);
	memcpy(copy, data, len);
	return copy;
}

/* Every field of the first datagrams. */
static void wire_fields_test(struct kunit *test)
{
	struct wire_result result;

	wire_parse(wire_v1, sizeof(wire_v1), 7, &result);
	KUNIT_ASSERT_EQ(test, result.records, 2);
	KUNIT_EXPECT_EQ(test, result.record[0].family, LBDR_V4);
	KUNIT_EXPECT_EQ(test, result.record[0].protocol, IPPROTO_TCP);
	KUNIT_EXPECT_EQ(test, result.record[0].flags, 0x83);
	KUNIT_EXPECT_EQ(test, lbdr_sync_state_in(&result.record[0]),
			LBDR_CONN_STATE_ESTABLISHED);
	KUNIT_EXPECT_EQ(test, ntohs(result.record[0].cport), 40000);
	KUNIT_EXPECT_EQ(test, ntohs(result.record[0].vport), 80);
	KUNIT_EXPECT_EQ(test, ntohs(result.record[0].dport), 80);
	KUNIT_EXPECT_EQ(test, result.record[0].timeout, 900);
	KUNIT_EXPECT_EQ(test, ntohl(result.record[0].client.ip), 0xc6336407);
	KUNIT_EXPECT_EQ(test, ntohl(result.record[0].vip.ip), 0xc000023f);
	KUNIT_EXPECT_EQ(test, ntohl(result.record[0].server.ip), 0xc000023e);
	KUNIT_EXPECT_EQ(test, result.record[1].fwmark, 5);
	KUNIT_EXPECT_EQ(test, lbdr_sync_state_in(&result.record[1]), LBDR_CONN_STATE_UDP);

	wire_parse(wire_v6, sizeof(wire_v6), 1, &result);
	KUNIT_ASSERT_EQ(test, result.records, 1);
	KUNIT_EXPECT_EQ(test, result.record[0].family, LBDR_V6);
	KUNIT_EXPECT_EQ(test, ntohl(result.record[0].server.ip6[3]), 0x62);
	KUNIT_EXPECT_EQ(test, ntohl(result.record[0].vip.ip6[1]), 0x000f0000);
	KUNIT_EXPECT_EQ(test, lbdr_sync_state_in(&result.record[0]),
			LBDR_CONN_STATE_SCTP_ESTABLISHED);

	wire_parse(wire_template, sizeof(wire_template), 0, &result);
	KUNIT_ASSERT_EQ(test, result.records, 1);
	KUNIT_EXPECT_EQ(test, lbdr_sync_state_in(&result.record[0]),
			LBDR_CONN_STATE_TEMPLATE);
	KUNIT_EXPECT_EQ(test, result.record[0].fwmark, 9);
	KUNIT_EXPECT_EQ(test, ntohl(result.record[0].vip.ip), 9);

	wire_parse(wire_v0, sizeof(wire_v0), 3, &result);
	KUNIT_ASSERT_EQ(test, result.records, 2);
	KUNIT_EXPECT_EQ(test, lbdr_sync_state_in(&result.record[0]),
			LBDR_CONN_STATE_FIN_WAIT);
	KUNIT_EXPECT_EQ(test, ntohs(result.record[1].cport), 40001);
	KUNIT_EXPECT_EQ(test, result.record[1].timeout, 0);
}

/* A datagram may lie at any address. */
static void wire_unaligned_test(struct kunit *test)
{
	const struct wire_row *row = test->param_value;
	struct wire_result *want, *result;
	u8 *copy;
	u32 i;

	want = kunit_kzalloc(test, sizeof(*want), GFP_KERNEL);
	result = kunit_kzalloc(test, sizeof(*result), GFP_KERNEL);
	copy = kunit_kzalloc(test, row->len + 3, GFP_KERNEL);
	KUNIT_ASSERT_TRUE(test, want && result && copy);
	wire_parse(row->data, row->len, 0, want);
	for (i = 1; i <= 3; i++) {
		memcpy(copy + i, row->data, row->len);
		wire_parse(copy + i, row->len, 0, result);
		KUNIT_EXPECT_EQ(test, memcmp(result, want, sizeof(*want)), 0);
	}
}

/* Each datagram has its records, and is refused with another id and at other lengths. */
static void wire_cut_test(struct kunit *test)
{
	const struct wire_row *row = test->param_value;
	struct wire_result result;
	u32 len;
	u8 *copy;

	wire_parse(row->data, row->len, row->syncid, &result);
	KUNIT_EXPECT_EQ(test, result.end, 0);
	KUNIT_EXPECT_EQ(test, result.records, row->records);
	KUNIT_EXPECT_EQ(test, result.unusable, 0);
	wire_parse(row->data, row->len, 0, &result);
	KUNIT_EXPECT_EQ(test, result.records, row->records);
	wire_parse(row->data, row->len, row->syncid + 1, &result);
	KUNIT_EXPECT_EQ(test, result.end, LBDR_SYNC_OTHER_ID);

	for (len = 1; len < row->len; len++) {
		copy = wire_copy(test, row->data, len);
		wire_parse(copy, len, 0, &result);
		KUNIT_EXPECT_EQ_MSG(test, result.end, LBDR_SYNC_MALFORMED, "%u bytes", len);
		/* The same with a length that is right: only the records are cut. */
		if (len >= 4) {
			copy[2] = 0;
			copy[3] = len;
			wire_parse(copy, len, 0, &result);
			KUNIT_EXPECT_LE_MSG(test, result.records, row->records,
					    "%u bytes", len);
			if (result.records < row->records && len >= 8)
				KUNIT_EXPECT_EQ_MSG(test, result.end,
						    LBDR_SYNC_MALFORMED, "%u bytes", len);
		}
		kfree(copy);
	}
}

/* Random changes: no byte beyond the datagram is read, and the parser ends. */
static void wire_random_test(struct kunit *test)
{
	const struct wire_row *row = test->param_value;
	struct rnd_state random;
	struct wire_result result;
	u32 round, changes, at;
	u8 *copy;

	lbdr_kunit_seed(test, &random);
	for (round = 0; round < ROUNDS; round++) {
		u32 len = row->len - (lbdr_kunit_below(&random, 4) ? 0 :
				      lbdr_kunit_below(&random, row->len));

		copy = wire_copy(test, row->data, len);
		for (changes = lbdr_kunit_below(&random, 6); changes; changes--) {
			at = lbdr_kunit_below(&random, len);
			copy[at] = lbdr_kunit_below(&random, 2) ?
				   lbdr_kunit_below(&random, 256) :
				   copy[at] ^ BIT(lbdr_kunit_below(&random, 8));
		}
		if (len >= 4 && lbdr_kunit_below(&random, 4)) {
			copy[2] = len >> 8;
			copy[3] = len;
		}
		wire_parse(copy, len, 0, &result);
		/* 24 bytes are the shortest record. */
		KUNIT_EXPECT_LE(test, result.records + result.unusable, len / 24);
		kfree(copy);
	}
}

/* Bytes that make a record unusable or its datagram malformed. */
struct wire_fault {
	const char	*name;
	const u8	*data;
	u32		len;
	u32		at;
	u8		byte;
	int		end;
	u32		unusable;
};

static const struct wire_fault wire_faults[] = {
	{ "type 2", wire_v1, sizeof(wire_v1), 8, 0x02, LBDR_SYNC_MALFORMED },
	{ "IPv6 in 36 bytes", wire_v1, sizeof(wire_v1), 8, 0x01, LBDR_SYNC_MALFORMED },
	{ "version of the record", wire_v1, sizeof(wire_v1), 10, 0x10,
	  LBDR_SYNC_MALFORMED },
	{ "short record", wire_v1, sizeof(wire_v1), 11, 0x23, LBDR_SYNC_MALFORMED },
	{ "option without data", wire_v1, sizeof(wire_v1), 11, 0x25, LBDR_SYNC_MALFORMED },
	{ "more records than there are", wire_v1, sizeof(wire_v1), 4, 3,
	  LBDR_SYNC_MALFORMED },
	{ "record longer than the datagram", wire_v1, sizeof(wire_v1), 46, 0x0f,
	  LBDR_SYNC_MALFORMED },
	{ "length one less", wire_v1, sizeof(wire_v1), 3, 0x4f, LBDR_SYNC_MALFORMED },
	{ "length one more", wire_v1, sizeof(wire_v1), 3, 0x51, LBDR_SYNC_MALFORMED },
	{ "length in host order", wire_v1, sizeof(wire_v1), 2, 0x50, LBDR_SYNC_MALFORMED },
	{ "fewer records announced", wire_v1, sizeof(wire_v1), 4, 1, 0 },
	{ "version 0, more records than there are", wire_v0, sizeof(wire_v0), 0, 3,
	  LBDR_SYNC_MALFORMED },
	{ "version 0, sequence numbers cut", wire_v0, sizeof(wire_v0), 72, 0x02,
	  LBDR_SYNC_MALFORMED },
	{ "version 0, unknown state", wire_v0, sizeof(wire_v0), 75, 9, 0, 1 },
	{ "state 14 of SCTP", wire_v6, sizeof(wire_v6), 17, 14, 0, 1 },
	{ "ESP", wire_v1, sizeof(wire_v1), 9, 50, 0, 1 },
	{ "state 0 of TCP", wire_v1, sizeof(wire_v1), 17, 0, 0, 1 },
	{ "state 99 of TCP", wire_v1, sizeof(wire_v1), 17, 99, 0, 1 },
	{ "state 1 of UDP", wire_v1, sizeof(wire_v1), 53, 1, 0, 1 },
	{ "unknown option", wire_v6, sizeof(wire_v6), 80, 0x07, LBDR_SYNC_MALFORMED },
	{ "option of 0 bytes", wire_v6, sizeof(wire_v6), 81, 0, LBDR_SYNC_MALFORMED },
	{ "option beyond the record", wire_v6, sizeof(wire_v6), 81, 4,
	  LBDR_SYNC_MALFORMED },
	{ "protocol 0 without a mark", wire_template, sizeof(wire_template), 27, 0, 0, 1 },
	{ "protocol 0, no template", wire_template, sizeof(wire_template), 14, 0, 0, 1 },
	{ "template with a port", wire_template, sizeof(wire_template), 19, 1, 0, 1 },
};

KUNIT_ARRAY_PARAM_DESC(wire_fault, wire_faults, name);

static void wire_fault_test(struct kunit *test)
{
	const struct wire_fault *fault = test->param_value;
	u8 *copy = wire_copy(test, fault->data, fault->len);
	struct wire_result result;

	copy[fault->at] = fault->byte;
	wire_parse(copy, fault->len, 0, &result);
	kfree(copy);
	KUNIT_EXPECT_EQ(test, result.end, fault->end);
	KUNIT_EXPECT_EQ(test, result.unusable, fault->unusable);
}

/* What is put is the datagram that was described. */
static void wire_put_test(struct kunit *test)
{
	struct wire_result result;
	u8 page[sizeof(wire_v1)];
	u32 used;

	wire_parse(wire_v1, sizeof(wire_v1), 7, &result);
	lbdr_sync_wire_begin(page, 7);
	used = lbdr_sync_wire_put(page, LBDR_SYNC_HEADER, sizeof(page), &result.record[0]);
	KUNIT_ASSERT_EQ(test, used, LBDR_SYNC_HEADER + LBDR_SYNC_RECORD4);
	KUNIT_EXPECT_EQ(test, lbdr_sync_wire_put(page, used, sizeof(page) - 1,
						 &result.record[1]), 0);
	KUNIT_EXPECT_EQ(test, lbdr_sync_wire_count(page), 1);
	used = lbdr_sync_wire_put(page, used, sizeof(page), &result.record[1]);
	KUNIT_ASSERT_EQ(test, used, sizeof(page));
	KUNIT_EXPECT_EQ(test, lbdr_sync_wire_put(page, used, sizeof(page),
						 &result.record[1]), 0);
	lbdr_sync_wire_end(page, used);
	KUNIT_EXPECT_EQ(test, memcmp(page, wire_v1, sizeof(page)), 0);
}

/* No datagram has more records than its header can count. */
static void wire_count_test(struct kunit *test)
{
	u32 room = LBDR_SYNC_HEADER + 300 * LBDR_SYNC_RECORD4, used = LBDR_SYNC_HEADER;
	struct wire_result result;
	u32 next, n = 0;
	u8 *page;

	page = kunit_kzalloc(test, room, GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, page);
	wire_parse(wire_v1, sizeof(wire_v1), 7, &result);
	lbdr_sync_wire_begin(page, 1);
	while ((next = lbdr_sync_wire_put(page, used, room, &result.record[0]))) {
		used = next;
		n++;
	}
	KUNIT_EXPECT_EQ(test, n, LBDR_SYNC_RECORDS_MAX);
	lbdr_sync_wire_end(page, used);
	wire_parse(page, used, 1, &result);
	KUNIT_EXPECT_EQ(test, result.end, 0);
	KUNIT_EXPECT_EQ(test, result.records, n);
}

/* Each state of lbdr is the same again after it was sent. */
static void wire_state_test(struct kunit *test)
{
	static const struct {
		u8	protocol;
		u8	first;
		u8	last;
	} rows[] = {
		{ IPPROTO_TCP, LBDR_CONN_STATE_SYN_RECV, LBDR_CONN_STATE_CLOSE },
		{ IPPROTO_UDP, LBDR_CONN_STATE_UDP, LBDR_CONN_STATE_UDP },
		{ IPPROTO_SCTP, LBDR_CONN_STATE_SCTP_INIT, LBDR_CONN_STATE_SCTP_CLOSED },
	};
	u32 i, state;

	for (i = 0; i < ARRAY_SIZE(rows); i++) {
		for (state = rows[i].first; state <= rows[i].last; state++) {
			const struct lbdr_sync_record record = {
				.protocol = rows[i].protocol,
				.state = lbdr_sync_state_out(state),
			};

			KUNIT_EXPECT_EQ(test, lbdr_sync_state_in(&record), state);
		}
	}
}

static struct kunit_case wire_cases[] = {
	KUNIT_CASE(wire_fields_test),
	KUNIT_CASE_PARAM(wire_unaligned_test, wire_row_gen_params),
	KUNIT_CASE_PARAM(wire_cut_test, wire_row_gen_params),
	KUNIT_CASE_PARAM(wire_random_test, wire_row_gen_params),
	KUNIT_CASE_PARAM(wire_fault_test, wire_fault_gen_params),
	KUNIT_CASE(wire_put_test),
	KUNIT_CASE(wire_count_test),
	KUNIT_CASE(wire_state_test),
	{}
};

static struct kunit_suite wire_suite = {
	.name		= "lbdr_sync_wire",
	.test_cases	= wire_cases,
};

kunit_test_suites(&wire_suite);
