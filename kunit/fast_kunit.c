// SPDX-License-Identifier: GPL-2.0
/*
 * Checks of plain packets (fast_check.h), row by row: lengths, fragments, ports, flags,
 * states, stamps and neighbours. Headers are at the end of an object, so that KASAN sees
 * a byte that is read behind what is linear.
 */
#include <kunit/test.h>

#include "conn_lookup.h"
#include "conns.h"
#include "fast_check.h"
#include "packet.h"

#define TCP_STATE	LBDR_CONN_STATE_ESTABLISHED
#define UDP_STATE	LBDR_CONN_STATE_UDP
#define NONE		LBDR_CONN_STATE_NONE

struct fast_len4_row {
	const char	*name;
	u8		version_ihl;
	u8		protocol;
	u16		len;		/* as the header says */
	u32		room;
	u16		bad;		/* flips bits of the checksum */
	u32		want;
};

static const struct fast_len4_row fast_len4_rows[] = {
	{ "TCP", 0x45, IPPROTO_TCP, 40, 40, 0, 40 },
	{ "UDP", 0x45, IPPROTO_UDP, 28, 28, 0, 28 },
	{ "with padding", 0x45, IPPROTO_UDP, 28, 46, 0, 28 },
	{ "a header alone", 0x45, IPPROTO_TCP, 20, 46, 0, 20 },
	{ "the longest", 0x45, IPPROTO_TCP, 65535, 65535, 0, 65535 },
	{ "shorter than the header", 0x45, IPPROTO_TCP, 19, 46, 0, 0 },
	{ "length 0", 0x45, IPPROTO_TCP, 0, 46, 0, 0 },
	{ "a byte longer than the frame", 0x45, IPPROTO_TCP, 41, 40, 0, 0 },
	{ "much longer than the frame", 0x45, IPPROTO_TCP, 65535, 40, 0, 0 },
	{ "a wrong checksum", 0x45, IPPROTO_TCP, 40, 40, 1, 0 },
	{ "another wrong checksum", 0x45, IPPROTO_TCP, 40, 40, 0x8000, 0 },
	{ "version 6", 0x65, IPPROTO_TCP, 40, 40, 0, 0 },
	{ "version 0", 0x05, IPPROTO_TCP, 40, 40, 0, 0 },
	{ "a header that is too short", 0x44, IPPROTO_TCP, 40, 40, 0, 0 },
	{ "options", 0x46, IPPROTO_TCP, 44, 44, 0, 0 },
	{ "as many options as possible", 0x4f, IPPROTO_TCP, 80, 80, 0, 0 },
	{ "SCTP", 0x45, IPPROTO_SCTP, 40, 40, 0, 0 },
	{ "ICMP", 0x45, IPPROTO_ICMP, 40, 40, 0, 0 },
	{ "a tunnel", 0x45, IPPROTO_IPIP, 40, 40, 0, 0 },
};

static struct iphdr *fast_header4(struct kunit *test)
{
	struct iphdr *iph = kunit_kzalloc(test, sizeof(*iph), GFP_KERNEL);

	KUNIT_ASSERT_NOT_NULL(test, iph);
	iph->saddr = htonl(0xc6336401);
	iph->daddr = htonl(0xc0000201);
	iph->ttl = 64;
	return iph;
}

static void fast_len4_test(struct kunit *test)
{
	struct iphdr *iph = fast_header4(test);
	const struct fast_len4_row *row;
	u32 i;

	for (i = 0; i < ARRAY_SIZE(fast_len4_rows); i++) {
		row = &fast_len4_rows[i];
		*(u8 *)iph = row->version_ihl;
		iph->protocol = row->protocol;
		iph->tot_len = htons(row->len);
		iph->check = 0;
		iph->check = ip_fast_csum((const u8 *)iph, 5) ^ htons(row->bad);
		KUNIT_EXPECT_EQ_MSG(test, lbdr_fast_len4(iph, row->room), row->want, "%s",
				    row->name);
	}
}

/* Each value of the field: "may not be fragmented" and the reserved bit are no fragment. */
static void fast_fragment_test(struct kunit *test)
{
	struct iphdr *iph = fast_header4(test);
	u32 frag, wrong = 0, want;

	*(u8 *)iph = 0x45;
	iph->protocol = IPPROTO_UDP;
	iph->tot_len = htons(28);
	for (frag = 0; frag <= U16_MAX; frag++) {
		iph->frag_off = htons(frag);
		iph->check = 0;
		iph->check = ip_fast_csum((const u8 *)iph, 5);
		want = frag & 0x3fff ? 0 : 28;
		wrong += lbdr_fast_len4(iph, 28) != want;
	}
	KUNIT_EXPECT_EQ(test, wrong, 0);
}

struct fast_len6_row {
	const char	*name;
	u8		version;
	u8		next;
	u16		payload;
	u32		room;
	u32		want;
};

static const struct fast_len6_row fast_len6_rows[] = {
	{ "TCP", 6, IPPROTO_TCP, 20, 60, 60 },
	{ "UDP", 6, IPPROTO_UDP, 8, 48, 48 },
	{ "with padding", 6, IPPROTO_UDP, 8, 60, 48 },
	{ "one byte", 6, IPPROTO_UDP, 1, 60, 41 },
	{ "the longest", 6, IPPROTO_TCP, 65535, 65575, 65575 },
	{ "a jumbogram, or nothing", 6, IPPROTO_TCP, 0, 60, 0 },
	{ "a byte longer than the frame", 6, IPPROTO_TCP, 21, 60, 0 },
	{ "much longer than the frame", 6, IPPROTO_TCP, 65535, 60, 0 },
	{ "version 4", 4, IPPROTO_TCP, 20, 60, 0 },
	{ "version 0", 0, IPPROTO_TCP, 20, 60, 0 },
	{ "hop-by-hop options", 6, NEXTHDR_HOP, 28, 68, 0 },
	{ "a routing header", 6, NEXTHDR_ROUTING, 28, 68, 0 },
	{ "a fragment header", 6, NEXTHDR_FRAGMENT, 28, 68, 0 },
	{ "destination options", 6, NEXTHDR_DEST, 28, 68, 0 },
	{ "AH", 6, NEXTHDR_AUTH, 28, 68, 0 },
	{ "no next header", 6, NEXTHDR_NONE, 20, 60, 0 },
	{ "ICMPv6", 6, NEXTHDR_ICMP, 20, 60, 0 },
	{ "SCTP", 6, IPPROTO_SCTP, 20, 60, 0 },
};

static void fast_len6_test(struct kunit *test)
{
	struct ipv6hdr *hdr = kunit_kzalloc(test, sizeof(*hdr), GFP_KERNEL);
	const struct fast_len6_row *row;
	u32 i;

	KUNIT_ASSERT_NOT_NULL(test, hdr);
	for (i = 0; i < ARRAY_SIZE(fast_len6_rows); i++) {
		row = &fast_len6_rows[i];
		hdr->version = row->version;
		hdr->nexthdr = row->next;
		hdr->payload_len = htons(row->payload);
		KUNIT_EXPECT_EQ_MSG(test, lbdr_fast_len6(hdr, row->room), row->want, "%s",
				    row->name);
	}
}

struct fast_ports_row {
	const char	*name;
	u8		protocol;
	u8		flags;		/* of TCP */
	u16		size;		/* words of TCP's header, bytes of UDP's datagram */
	u32		linear;		/* from the transport header on */
	u32		len;		/* as that */
	bool		gso;
	u32		want;
};

static const struct fast_ports_row fast_ports_rows[] = {
	{ "a segment", IPPROTO_TCP, ACK, 5, 20, 20, false, TCP_STATE },
	{ "with data", IPPROTO_TCP, ACK | PSH, 5, 1460, 1460, false, TCP_STATE },
	{ "with data in pages", IPPROTO_TCP, ACK, 5, 20, 60000, false, TCP_STATE },
	{ "GSO", IPPROTO_TCP, ACK, 5, 20, 60000, true, TCP_STATE },
	{ "with options", IPPROTO_TCP, ACK, 15, 60, 60, false, TCP_STATE },
	{ "with options in pages", IPPROTO_TCP, ACK, 15, 20, 60, false, TCP_STATE },
	{ "a header that is too short", IPPROTO_TCP, ACK, 4, 20, 20, false, NONE },
	{ "no header", IPPROTO_TCP, ACK, 0, 20, 20, false, NONE },
	{ "options longer than the packet", IPPROTO_TCP, ACK, 6, 20, 23, false, NONE },
	{ "options to its end", IPPROTO_TCP, ACK, 6, 20, 24, false, TCP_STATE },
	{ "options longer than GSO", IPPROTO_TCP, ACK, 15, 20, 59, true, NONE },
	{ "a header that is not linear", IPPROTO_TCP, ACK, 5, 19, 40, false, NONE },
	{ "ports alone", IPPROTO_TCP, ACK, 5, 4, 4, false, NONE },
	{ "nothing", IPPROTO_TCP, ACK, 5, 0, 0, false, NONE },
	{ "SYN", IPPROTO_TCP, SYN, 5, 20, 20, false, LBDR_FAST_SYN },
	{ "SYN with a header too short", IPPROTO_TCP, SYN, 4, 20, 20, false, NONE },
	{ "RST with options that do not fit", IPPROTO_TCP, RST, 6, 20, 20, false, NONE },
	{ "a datagram", IPPROTO_UDP, 0, 8, 8, 8, false, UDP_STATE },
	{ "with data", IPPROTO_UDP, 0, 1400, 1400, 1400, false, UDP_STATE },
	{ "with data in pages", IPPROTO_UDP, 0, 1400, 8, 1400, false, UDP_STATE },
	{ "shorter than the packet", IPPROTO_UDP, 0, 9, 20, 20, false, UDP_STATE },
	{ "a byte longer than the packet", IPPROTO_UDP, 0, 21, 20, 20, false, NONE },
	{ "shorter than its header", IPPROTO_UDP, 0, 7, 20, 20, false, NONE },
	{ "length 0", IPPROTO_UDP, 0, 0, 20, 20, false, NONE },
	{ "length 0 of GSO", IPPROTO_UDP, 0, 0, 8, 20, true, UDP_STATE },
	{ "the length of a segment of GSO", IPPROTO_UDP, 0, 65535, 8, 3000, true, UDP_STATE },
	{ "a header that is not linear", IPPROTO_UDP, 0, 8, 7, 20, false, NONE },
	{ "not linear, GSO", IPPROTO_UDP, 0, 8, 7, 3000, true, NONE },
	{ "nothing", IPPROTO_UDP, 0, 8, 0, 0, false, NONE },
	{ "SCTP", IPPROTO_SCTP, 0, 0, 20, 20, false, NONE },
	{ "ICMP", IPPROTO_ICMP, 0, 0, 20, 20, false, NONE },
	{ "UDP-Lite", IPPROTO_UDPLITE, 0, 8, 20, 20, false, NONE },
};

/* Returns what the check says of a row behind a network header of @thoff bytes. */
static u32 fast_ports(struct kunit *test, const struct fast_ports_row *row, u32 thoff)
{
	u32 linear = thoff + row->linear;
	u8 *data = kunit_kzalloc(test, linear, GFP_KERNEL);
	union lbdr_ports ports = { .both = 0 };
	u8 header[TCP_LEN] = { 0 };
	u32 got;

	KUNIT_ASSERT_NOT_NULL(test, data);
	header[L4_SPORT] = 0x9c;
	header[L4_SPORT + 1] = 0x40;
	header[L4_DPORT + 1] = 80;
	if (row->protocol == IPPROTO_TCP) {
		header[TCP_DOFF] = row->size << 4;
		header[TCP_FLAGS] = row->flags;
	} else {
		header[UDP_LENGTH] = row->size >> 8;
		header[UDP_LENGTH + 1] = row->size;
	}
	memcpy(data + thoff, header, min_t(u32, row->linear, sizeof(header)));
	got = lbdr_fast_ports(data, linear, thoff + row->len, row->gso, thoff,
			      row->protocol, &ports);
	if (got == NONE) {
		KUNIT_EXPECT_EQ_MSG(test, ports.both, 0, "%s: ports", row->name);
	} else {
		KUNIT_EXPECT_EQ_MSG(test, ntohs(ports.cport), 40000, "%s", row->name);
		KUNIT_EXPECT_EQ_MSG(test, ntohs(ports.vport), 80, "%s", row->name);
	}
	kunit_kfree(test, data);
	return got;
}

static void fast_ports_test(struct kunit *test)
{
	const struct fast_ports_row *row;
	u32 i;

	for (i = 0; i < ARRAY_SIZE(fast_ports_rows); i++) {
		row = &fast_ports_rows[i];
		KUNIT_EXPECT_EQ_MSG(test, fast_ports(test, row, V4_LEN), row->want,
				    "%u: %s, IPv4", i, row->name);
		KUNIT_EXPECT_EQ_MSG(test, fast_ports(test, row, V6_LEN), row->want,
				    "%u: %s, IPv6", i, row->name);
	}
}

/* All flags of TCP, by their meaning: what ends a connection comes before the others. */
static u32 fast_flags_naive(u8 flags)
{
	if (flags & RST)
		return LBDR_FAST_RST;
	switch (flags & (SYN | FIN | ACK)) {
	case SYN:
		return LBDR_FAST_SYN;
	case FIN:
	case FIN | ACK:
		return LBDR_FAST_FIN;
	case ACK:
	case 0:
		return TCP_STATE;
	}
	return NONE;
}

static void fast_flags_test(struct kunit *test)
{
	struct fast_ports_row row = {
		.name = "flags", .protocol = IPPROTO_TCP, .size = 5, .linear = 20, .len = 20,
	};
	u32 flags;

	for (flags = 0; flags <= U8_MAX; flags++) {
		row.flags = flags;
		KUNIT_EXPECT_EQ_MSG(test, fast_ports(test, &row, V4_LEN),
				    fast_flags_naive(flags), "flags %02x", flags);
	}
}

static void fast_steady_test(struct kunit *test)
{
	u32 wanted;

	for (wanted = 0; wanted <= LBDR_FAST_RST; wanted++)
		KUNIT_EXPECT_EQ_MSG(test, lbdr_fast_steady(wanted),
				    wanted > NONE && wanted < LBDR_CONN_STATES, "%u",
				    wanted);
}

/* A packet changes nothing in one state only, and if its server needs no look. */
static void fast_conn_test(struct kunit *test)
{
	struct lbdr_server *server = kunit_kzalloc(test, sizeof(*server), GFP_KERNEL);
	struct lbdr_conn *conn = kunit_kzalloc(test, sizeof(*conn), GFP_KERNEL);
	static const u32 wanted[] = { TCP_STATE, UDP_STATE };
	u32 state, i;

	KUNIT_ASSERT_NOT_NULL(test, server);
	KUNIT_ASSERT_NOT_NULL(test, conn);
	conn->server = server;
	for (i = 0; i < ARRAY_SIZE(wanted); i++) {
		for (state = 0; state < LBDR_CONN_STATES; state++) {
			conn->state = state;
			KUNIT_EXPECT_EQ_MSG(test, lbdr_fast_conn(conn, wanted[i]),
					    state == wanted[i], "%u in state %u",
					    wanted[i], state);
		}
		conn->state = wanted[i];
		server->dead = true;
		KUNIT_EXPECT_FALSE(test, lbdr_fast_conn(conn, wanted[i]));
		server->dead = false;
		server->returns = true;
		KUNIT_EXPECT_FALSE(test, lbdr_fast_conn(conn, wanted[i]));
		server->returns = false;
		server->held = true;
		KUNIT_EXPECT_FALSE(test, lbdr_fast_conn(conn, wanted[i]));
		server->held = false;
		KUNIT_EXPECT_TRUE(test, lbdr_fast_conn(conn, wanted[i]));
	}
}

struct fast_stamp_row {
	const char	*name;
	s32		age;		/* in jiffies */
	u32		persist;
	bool		want;
	bool		renewed;
};

static const struct fast_stamp_row fast_stamp_rows[] = {
	{ "new", 0, 0, true, false },
	{ "renewed by another CPU", -HZ, 0, true, false },
	{ "not yet to be renewed", LBDR_CONN_STAMP_GRAIN, 0, true, false },
	{ "to be renewed", LBDR_CONN_STAMP_GRAIN + 1, 0, true, true },
	{ "nearly expired", 800 * HZ, 0, true, true },
	{ "persistent, new", 0, 300, true, false },
	{ "persistent, not yet to be renewed", LBDR_CONN_STAMP_GRAIN, 300, true, false },
	{ "persistent, with its template", LBDR_CONN_STAMP_GRAIN + 1, 300, false, false },
	/* The collector may take it from now on. */
	{ "expired now", 900 * HZ, 0, false, false },
	{ "expired", 901 * HZ, 0, false, false },
};

static void fast_stamp_test(struct kunit *test)
{
	struct lbdr_flow flow = conns_flow(LBDR_V4, IPPROTO_TCP, 1);
	struct conns *conns = test->priv;
	const struct fast_stamp_row *row;
	struct lbdr_conn *conn;
	unsigned long now;
	u32 stamp, i;
	bool got;

	conn = conns_add(conns, &flow, 0);
	KUNIT_ASSERT_NOT_NULL(test, conn);
	conns_step(conn, LBDR_EVENT_DATA);
	KUNIT_ASSERT_EQ(test, conn->state, TCP_STATE);
	for (i = 0; i < ARRAY_SIZE(fast_stamp_rows); i++) {
		row = &fast_stamp_rows[i];
		conns->service.settings.persist = row->persist;
		/* Once more if the clock has ticked, which may have made it a jiffy older. */
		do {
			now = jiffies;
			stamp = (u32)now - row->age;
			conns_lock();
			WRITE_ONCE(conn->stamp, stamp);
			got = lbdr_fast_stamp(conns->ln, conn);
			if (row->renewed)
				stamp = now;
			stamp -= READ_ONCE(conn->stamp);
			conns_unlock();
		} while (now - jiffies && row->age <= 900 * HZ);
		KUNIT_EXPECT_EQ_MSG(test, got, row->want, "%s", row->name);
		KUNIT_EXPECT_EQ_MSG(test, stamp, 0, "%s: the stamp", row->name);
	}
	conns->service.settings.persist = 0;
}

/* A key that was set as words is that of the fields, and so is its hash. */
static void fast_key4_test(struct kunit *test)
{
	const struct lbdr_key4 fields = {
		.client = htonl(0xc6336401),
		.vip = htonl(0xc0000250),
		.ports = { .cport = htons(40001), .vport = htons(80) },
		.protocol = 3 << LBDR_KEY_DOMAIN_SHIFT | IPPROTO_TCP,
	};
	const struct iphdr iph = { .saddr = fields.client, .daddr = fields.vip };
	u64 folded = (u64)fields.protocol << 32 | 0xc0000250;
	u32 seed = 0x5eed5eed;
	struct lbdr_key4 words;
	struct lbdr_sip sip;

	lbdr_key4_set(&words, &iph, fields.ports, fields.protocol);
	KUNIT_EXPECT_MEMEQ(test, &words, &fields, sizeof(fields));

	lbdr_sip_begin(&sip, seed);
	lbdr_sip_add(&sip, ((u64)(__force u32)fields.client << 32 | fields.ports.both) ^
			   folded * lbdr_conn_secret.fold[0]);
	KUNIT_EXPECT_EQ(test, lbdr_conn_hash4(&words, sizeof(words), seed),
			lbdr_sip_end(&sip));
}

static void fast_key6_test(struct kunit *test)
{
	const struct lbdr_key6 fields = {
		.client.s6_addr32 = { htonl(0x20010db8), htonl(0xc), htonl(1), htonl(7) },
		.vip.s6_addr32 = { htonl(0x20010db8), htonl(0xf), htonl(2), htonl(80) },
		.ports = { .cport = htons(40001), .vport = htons(80) },
		.protocol = 3 << LBDR_KEY_DOMAIN_SHIFT | IPPROTO_TCP,
	};
	const struct ipv6hdr hdr = { .saddr = fields.client, .daddr = fields.vip };
	u64 folded = 0x20010db80000000f * lbdr_conn_secret.fold[0] +
		     0x0000000200000050 * lbdr_conn_secret.fold[1] +
		     fields.protocol * lbdr_conn_secret.fold[2];
	u32 seed = 0x5eed5eed;
	struct lbdr_key6 words;
	struct lbdr_sip sip;

	lbdr_key6_set(&words, &hdr, fields.ports, fields.protocol);
	KUNIT_EXPECT_MEMEQ(test, &words, &fields, sizeof(fields));

	lbdr_sip_begin(&sip, seed);
	lbdr_sip_add(&sip, fields.words[0]);
	lbdr_sip_add(&sip, fields.words[1]);
	lbdr_sip_add(&sip, fields.ports.both ^ folded);
	KUNIT_EXPECT_EQ(test, lbdr_conn_hash6(&words, sizeof(words), seed),
			lbdr_sip_end(&sip));
}

static struct kunit_case fast_cases[] = {
	KUNIT_CASE(fast_len4_test),
	KUNIT_CASE(fast_fragment_test),
	KUNIT_CASE(fast_len6_test),
	KUNIT_CASE(fast_ports_test),
	KUNIT_CASE(fast_flags_test),
	KUNIT_CASE(fast_steady_test),
	KUNIT_CASE(fast_conn_test),
	KUNIT_CASE(fast_stamp_test),
	KUNIT_CASE(fast_key4_test),
	KUNIT_CASE(fast_key6_test),
	{}
};

static struct kunit_suite fast_suite = {
	.name = "lbdr_fast",
	.init = conns_init,
	.exit = conns_exit,
	.test_cases = fast_cases,
};

kunit_test_suites(&fast_suite);
