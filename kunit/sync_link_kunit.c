// SPDX-License-Identifier: GPL-2.0
/*
 * Streams of pages, and the protocol between two directors that are peers. Two links talk to
 * each other by queues of the test, which may lose, repeat and reorder datagrams; the time
 * is a variable. Nothing is sent or applied.
 */
#include <kunit/test.h>
#include <linux/slab.h>

#include "compat.h"
#include "lbdr_kunit.h"
#include "sync.h"
#include "sync_crypt.h"
#include "sync_link.h"
#include "sync_stream.h"
#include "sync_wire.h"

#define QUEUE	2048
#define PAGES	4096

/* A datagram on its way. */
struct datagram {
	u32	len;
	u8	data[320];
};

/**
 * struct end - one of the two directors
 * @link: its link to the other one
 * @settings: of its role
 * @keys: its keys
 * @self: what it tells about itself
 * @buffer: of the link
 * @queue: what it has sent and the other one has not received
 * @n: number of these
 * @own: its address
 * @busy: its device takes no more datagrams
 * @copies: the latest bulk transfer was of copies, too
 * @applied: how often each page was applied, by its serial number
 */
struct end {
	struct lbdr_sync_link		link;
	struct lbdr_sync_settings	settings;
	struct lbdr_sync_keys		keys;
	struct lbdr_sync_self		self;
	u8				buffer[512];
	struct datagram			queue[QUEUE];
	u32				n;
	u32				own;
	u32				served;
	bool				busy;
	bool				copies;
	u8				applied[PAGES];
};

/**
 * struct wire - the fixture
 * @a: the first director
 * @b: the second one
 * @rnd: random numbers
 * @now: the time in jiffies
 * @loss: percent of the datagrams that are lost
 * @no_pages: all datagrams with pages are lost
 */
struct wire {
	struct end		a;
	struct end		b;
	struct rnd_state	rnd;
	unsigned long		now;
	u32			loss;
	bool			no_pages;
};

static int send(struct lbdr_sync_link *link, u8 *data, u32 len)
{
	struct end *end = container_of(link, struct end, link);

	if (end->busy || end->n == QUEUE || len > sizeof(end->queue[0].data))
		return -EAGAIN;
	end->queue[end->n].len = len;
	memcpy(end->queue[end->n++].data, data, len);
	return 0;
}

static void apply(struct lbdr_sync_link *link, const u8 *page, u32 len)
{
	struct end *end = container_of(link, struct end, link);

	if (len == 4 && get_unaligned_be32(page) < PAGES)
		end->applied[get_unaligned_be32(page)]++;
}

static bool is_local(struct lbdr_sync_link *link, const union nf_inet_addr *addr)
{
	return ntohl(addr->ip) == container_of(link, struct end, link)->own;
}

static const struct lbdr_sync_link_ops ops = {
	.send		= send,
	.apply		= apply,
	.is_local	= is_local,
};

static void end_init(struct kunit *test, struct end *end, u32 peer)
{
	end->settings.family = AF_INET;
	end->settings.n_addrs = 1;
	end->settings.addrs[0].ip = htonl(peer);
	end->own = 3 - peer;
	memset(end->keys.key[0], 7, LBDR_SYNC_KEY);
	end->keys.set[0] = true;
	end->link.ops = &ops;
	end->link.settings = &end->settings;
	end->link.keys = &end->keys;
	end->link.self = &end->self;
	end->link.buffer = end->buffer;
}

/* Begins an end, as a director that starts. */
static void begin(struct kunit *test, struct end *end)
{
	struct wire *wire = test->priv;

	KUNIT_ASSERT_EQ(test, lbdr_sync_link_init(&end->link, wire->now), 0);
}

static int wire_init(struct kunit *test)
{
	struct wire *wire = kvzalloc(sizeof(*wire), GFP_KERNEL);

	KUNIT_ASSERT_NOT_NULL(test, wire);
	test->priv = wire;
	wire->now = jiffies;
	lbdr_kunit_seed(test, &wire->rnd);
	end_init(test, &wire->a, 2);
	end_init(test, &wire->b, 1);
	if (lbdr_sync_crypt_check()) {
		kunit_skip(test, "no XChaCha20-Poly1305");
		return 0;
	}
	begin(test, &wire->a);
	begin(test, &wire->b);
	return 0;
}

static void wire_exit(struct kunit *test)
{
	struct wire *wire = test->priv;

	if (!wire)
		return;
	lbdr_sync_link_exit(&wire->a.link);
	lbdr_sync_link_exit(&wire->b.link);
	kvfree(wire);
}

static void deliver(struct end *to, const struct datagram *datagram, unsigned long now)
{
	struct datagram copy = *datagram;

	lbdr_sync_link_receive(&to->link, copy.data, copy.len, now);
}

/* Delivers what one end has sent. */
static void pass(struct kunit *test, struct end *from, struct end *to)
{
	struct wire *wire = test->priv;
	u32 i, n = from->n;

	for (i = 0; i < n; i++)
		if (lbdr_kunit_below(&wire->rnd, 100) >= wire->loss &&
		    !(wire->no_pages && from->queue[i].data[1] == LBDR_SYNC_DATA))
			deliver(to, &from->queue[i], wire->now);
	/* Answers were appended meanwhile only to the queue of the receiver. */
	from->n = 0;
}

/* Completes the bulk transfer that the other end wants, which has no pages here. */
static void serve(struct end *end)
{
	struct lbdr_sync_link *link = &end->link;

	if (!lbdr_sync_link_ready(link) || link->serving == link->peer_wanted)
		return;
	link->serving = link->peer_wanted;
	end->served++;
	end->copies = !link->peer_own;
	link->done = link->serving;
	link->end = link->out.next;
	link->hello_due = true;
}

/* Sends what is due. */
static void turn(struct kunit *test, struct end *end)
{
	struct wire *wire = test->priv;

	lbdr_sync_link_run(&end->link, wire->now);
	lbdr_sync_link_flush(&end->link, wire->now, U32_MAX);
}

/* Lets a number of jiffies pass. */
static void run(struct kunit *test, u32 n)
{
	struct wire *wire = test->priv;

	for (; n; n--) {
		wire->now++;
		serve(&wire->a);
		serve(&wire->b);
		turn(test, &wire->a);
		turn(test, &wire->b);
		pass(test, &wire->a, &wire->b);
		pass(test, &wire->b, &wire->a);
	}
}

static void push(struct kunit *test, struct end *end, u32 serial)
{
	struct lbdr_sync_page *page = kzalloc(struct_size(page, data, 4), GFP_KERNEL);

	KUNIT_ASSERT_NOT_NULL(test, page);
	refcount_set(&page->refs, 1);
	page->used = 4;
	put_unaligned_be32(serial, page->data);
	lbdr_sync_link_push(&end->link, page);
}

static u32 applied(const struct end *end, u32 n)
{
	u32 i, pages = 0;

	for (i = 0; i < n; i++)
		pages += !!end->applied[i];
	return pages;
}

static void synced(struct kunit *test)
{
	struct wire *wire = test->priv;

	run(test, HZ / 5 + 5);
	KUNIT_ASSERT_EQ(test, lbdr_sync_link_state(&wire->a.link),
			LBDR_SYNC_PEER_STATE_SYNCED);
	KUNIT_ASSERT_EQ(test, lbdr_sync_link_state(&wire->b.link),
			LBDR_SYNC_PEER_STATE_SYNCED);
}

/* Pages that arrive, are missing, and are given up. */
static void stream_test(struct kunit *test)
{
	struct lbdr_sync_in in;
	u64 lost, number;

	lbdr_sync_in_begin(&in, 10);
	KUNIT_EXPECT_TRUE(test, lbdr_sync_in_add(&in, 10, &lost));
	KUNIT_EXPECT_FALSE(test, lbdr_sync_in_add(&in, 10, &lost));
	KUNIT_EXPECT_TRUE(test, lbdr_sync_in_add(&in, 13, &lost));
	KUNIT_EXPECT_FALSE(test, lbdr_sync_in_add(&in, 13, &lost));
	KUNIT_EXPECT_EQ(test, in.expected, 11ULL);
	KUNIT_EXPECT_EQ(test, lbdr_sync_in_tell(&in, 10, 16), 0ULL);
	number = in.expected;
	KUNIT_EXPECT_EQ(test, lbdr_sync_in_missing(&in, &number), 2U);
	KUNIT_EXPECT_EQ(test, number, 11ULL);
	number += 2;
	KUNIT_EXPECT_EQ(test, lbdr_sync_in_missing(&in, &number), 2U);
	KUNIT_EXPECT_EQ(test, number, 14ULL);
	KUNIT_EXPECT_TRUE(test, lbdr_sync_in_add(&in, 11, &lost));
	KUNIT_EXPECT_TRUE(test, lbdr_sync_in_add(&in, 12, &lost));
	KUNIT_EXPECT_EQ(test, in.expected, 14ULL);
	KUNIT_EXPECT_EQ(test, lost, 0ULL);
	/* 14 is gone at the sender, 15 is not. */
	KUNIT_EXPECT_EQ(test, lbdr_sync_in_tell(&in, 15, 16), 1ULL);
	KUNIT_EXPECT_EQ(test, in.expected, 15ULL);
	/* The ring of the sender has the last pages only. */
	KUNIT_EXPECT_TRUE(test, lbdr_sync_in_add(&in, 17, &lost));
	KUNIT_EXPECT_TRUE(test, lbdr_sync_in_add(&in, 16 + LBDR_SYNC_RING, &lost));
	KUNIT_EXPECT_EQ(test, lost, 2ULL);
	KUNIT_EXPECT_EQ(test, in.expected, 18ULL);
	KUNIT_EXPECT_TRUE(test, lbdr_sync_in_add(&in, 100000, &lost));
	KUNIT_EXPECT_EQ(test, lost, 100000 - LBDR_SYNC_RING + 1 - 18 - 1ULL);
	KUNIT_EXPECT_FALSE(test, lbdr_sync_in_add(&in, U64_MAX, &lost));
	KUNIT_EXPECT_EQ(test, lbdr_sync_in_tell(&in, 1ULL << 60, 1ULL << 60),
			(1ULL << 60) - (100000 - LBDR_SYNC_RING + 1) - 1);
	number = in.expected;
	KUNIT_EXPECT_EQ(test, lbdr_sync_in_missing(&in, &number), 0U);
}

/* Two directors find each other, and again when one of them has started anew. */
static void handshake_test(struct kunit *test)
{
	struct wire *wire = test->priv;
	struct end *a = &wire->a, *b = &wire->b;
	u32 served;

	KUNIT_EXPECT_EQ(test, lbdr_sync_link_state(&a->link), LBDR_SYNC_PEER_STATE_SILENT);
	a->self = (struct lbdr_sync_self) { .digest = 77, .conns = 5 };
	synced(test);
	KUNIT_EXPECT_EQ(test, b->link.peer.digest, 77ULL);
	KUNIT_EXPECT_EQ(test, b->link.peer.conns, 5U);
	/* Each has just begun. */
	KUNIT_EXPECT_TRUE(test, a->copies && b->copies);
	push(test, a, 1);
	run(test, 5);
	KUNIT_EXPECT_EQ(test, b->applied[1], 1);
	lbdr_sync_link_exit(&b->link);
	memset(&b->link, 0, sizeof(b->link));
	end_init(test, b, 1);
	begin(test, b);
	synced(test);
	/* Whoever has begun needs copies, too; the other one does not. */
	KUNIT_EXPECT_TRUE(test, a->copies);
	KUNIT_EXPECT_FALSE(test, b->copies);
	push(test, a, 2);
	push(test, b, 3);
	run(test, 5);
	KUNIT_EXPECT_EQ(test, b->applied[2], 1);
	KUNIT_EXPECT_EQ(test, a->applied[3], 1);
	KUNIT_EXPECT_EQ(test, b->link.counters[LBDR_SYNC_LINK_LOST], 0ULL);
	/* Without a word for three seconds */
	wire->loss = 100;
	run(test, 3 * HZ + 2);
	KUNIT_EXPECT_EQ(test, lbdr_sync_link_state(&a->link), LBDR_SYNC_PEER_STATE_SILENT);
	KUNIT_EXPECT_EQ(test, a->link.out.first, a->link.out.next);
	served = a->served;
	wire->loss = 0;
	run(test, HZ + 1);
	synced(test);
	KUNIT_EXPECT_EQ(test, b->link.counters[LBDR_SYNC_LINK_LOST], 1ULL);
	KUNIT_EXPECT_EQ(test, b->link.counters[LBDR_SYNC_LINK_BULKS], 2ULL);
	/* One transfer makes up for it, and not the one before a second time. */
	KUNIT_EXPECT_EQ(test, a->served, served + 1);
}

/*
 * All that a director has sent in an earlier epoch, and in this one, is sent to it and to
 * the other one again: nothing is applied, and no epoch accepted.
 */
static void replay_test(struct kunit *test)
{
	struct wire *wire = test->priv;
	struct end *a = &wire->a, *b = &wire->b;
	u8 epoch[LBDR_SYNC_EPOCH];
	struct datagram *taped;
	u32 n = 0, i, j;

	taped = kvcalloc(400, sizeof(*taped), GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, taped);
	for (j = 0; j < 2; j++) {
		for (i = 0; i < HZ / 5 + 5; i++) {
			if (i > HZ / 10 && i < HZ / 10 + 5)
				push(test, a, i);
			wire->now++;
			serve(a);
			serve(b);
			turn(test, a);
			turn(test, b);
			if (n + a->n <= 400) {
				memcpy(taped + n, a->queue, a->n * sizeof(*taped));
				n += a->n;
			}
			pass(test, a, b);
			if (n + b->n <= 400) {
				memcpy(taped + n, b->queue, b->n * sizeof(*taped));
				n += b->n;
			}
			pass(test, b, a);
		}
		synced(test);
		if (j)
			break;
		lbdr_sync_link_exit(&a->link);
		memset(&a->link, 0, sizeof(a->link));
		end_init(test, a, 2);
		begin(test, a);
	}
	memset(b->applied, 0, sizeof(b->applied));
	memcpy(epoch, b->link.peer_epoch, sizeof(epoch));
	for (i = 0; i < n; i++) {
		wire->now += HZ / 5;
		deliver(a, &taped[i], wire->now);
		deliver(b, &taped[i], wire->now);
	}
	KUNIT_EXPECT_GT(test, n, 20U);
	KUNIT_EXPECT_EQ(test, applied(b, PAGES), 0U);
	KUNIT_EXPECT_EQ(test, memcmp(epoch, b->link.peer_epoch, sizeof(epoch)), 0);
	KUNIT_EXPECT_EQ(test, memcmp(a->link.epoch, b->link.peer_epoch, sizeof(epoch)), 0);
	KUNIT_EXPECT_EQ(test, memcmp(b->link.epoch, a->link.peer_epoch, sizeof(epoch)), 0);
	KUNIT_EXPECT_GT(test, b->link.counters[LBDR_SYNC_LINK_REPLAYED], 10ULL);
	KUNIT_EXPECT_GT(test, b->link.counters[LBDR_SYNC_LINK_OLD_EPOCH], 5ULL);
	/* As many answers as the bucket has */
	KUNIT_EXPECT_LE(test, b->n, n);
	a->n = 0;
	b->n = 0;
	for (i = 0; i < 100; i++)
		deliver(b, &taped[0], wire->now);
	KUNIT_EXPECT_LE(test, b->n, 32U);
	kvfree(taped);
}

/* With losses everything arrives, once. */
static void loss_test(struct kunit *test)
{
	struct wire *wire = test->priv;
	u32 sent = 0, i;

	synced(test);
	wire->loss = 20;
	while (sent < 3000) {
		for (i = lbdr_kunit_below(&wire->rnd, 20); i; i--)
			push(test, &wire->a, sent++);
		push(test, &wire->b, sent);
		run(test, 1);
	}
	run(test, HZ / 2);
	wire->loss = 0;
	run(test, HZ);
	KUNIT_EXPECT_EQ(test, applied(&wire->b, sent), sent);
	for (i = 0; i < sent; i++)
		KUNIT_ASSERT_EQ(test, wire->b.applied[i], 1);
	KUNIT_EXPECT_EQ(test, wire->b.link.counters[LBDR_SYNC_LINK_LOST], 0ULL);
	KUNIT_EXPECT_GT(test, wire->a.link.counters[LBDR_SYNC_LINK_RESENT], 100ULL);
	KUNIT_EXPECT_EQ(test, wire->a.link.out.first, wire->a.link.out.next);
	KUNIT_EXPECT_EQ(test, wire->b.link.out.first, wire->b.link.out.next);
}

/* More pages than the ring has are lost, and another bulk transfer is asked for. */
static void overrun_test(struct kunit *test)
{
	struct wire *wire = test->priv;
	u32 i;

	synced(test);
	wire->a.busy = true;
	for (i = 0; i < LBDR_SYNC_RING + 7; i++)
		push(test, &wire->a, i);
	KUNIT_EXPECT_EQ(test, wire->a.link.counters[LBDR_SYNC_LINK_OVERRUN], 7ULL);
	run(test, 3);
	KUNIT_EXPECT_EQ(test, applied(&wire->b, PAGES), 0U);
	wire->a.busy = false;
	run(test, HZ);
	KUNIT_EXPECT_EQ(test, wire->b.link.counters[LBDR_SYNC_LINK_LOST], 7ULL);
	KUNIT_EXPECT_EQ(test, wire->b.link.counters[LBDR_SYNC_LINK_BULKS], 2ULL);
	KUNIT_EXPECT_EQ(test, applied(&wire->b, PAGES), (u32)LBDR_SYNC_RING);
	synced(test);
	lbdr_sync_link_miss(&wire->a.link);
	run(test, 5);
	KUNIT_EXPECT_EQ(test, wire->b.link.counters[LBDR_SYNC_LINK_BULKS], 3ULL);
}

/* Records that are lost before they are in a page cost no page that was sent or waits. */
static void miss_test(struct kunit *test)
{
	struct wire *wire = test->priv;
	u32 i;

	synced(test);
	wire->a.busy = true;
	for (i = 0; i < 8; i++) {
		if (i == 5) {
			lbdr_sync_link_miss(&wire->a.link);
			lbdr_sync_link_miss(&wire->a.link);
		}
		push(test, &wire->a, i);
	}
	run(test, 2);
	wire->a.busy = false;
	run(test, HZ / 5);
	KUNIT_EXPECT_EQ(test, applied(&wire->b, 8), 8U);
	KUNIT_EXPECT_EQ(test, wire->b.link.counters[LBDR_SYNC_LINK_LOST], 1ULL);
	KUNIT_EXPECT_EQ(test, wire->b.link.counters[LBDR_SYNC_LINK_BULKS], 2ULL);
	KUNIT_EXPECT_EQ(test, wire->a.link.out.first, wire->a.link.out.next);
}

/* Pages of bulk transfers are counted until they were acknowledged. */
static void bulk_test(struct kunit *test)
{
	struct wire *wire = test->priv;
	struct lbdr_sync_out *out = &wire->a.link.out;
	u32 i;

	synced(test);
	wire->a.busy = true;
	for (i = 0; i < 6; i++) {
		push(test, &wire->a, i);
		if (i % 2) {
			out->ring[(out->next - 1) % LBDR_SYNC_RING].page->bulk = true;
			out->bulk++;
		}
	}
	KUNIT_EXPECT_EQ(test, out->bulk, 3U);
	KUNIT_EXPECT_EQ(test, lbdr_sync_link_flush(&wire->a.link, wire->now, 9), 1UL);
	wire->a.busy = false;
	KUNIT_EXPECT_EQ(test, lbdr_sync_link_flush(&wire->a.link, wire->now, 3), 0UL);
	KUNIT_EXPECT_EQ(test, wire->a.n, 3U);
	run(test, HZ / 5);
	KUNIT_EXPECT_EQ(test, applied(&wire->b, 6), 6U);
	KUNIT_EXPECT_EQ(test, out->bulk, 0U);
}

/* Many acknowledgments at a time ask for missing pages once, and get them once. */
static void ask_test(struct kunit *test)
{
	struct wire *wire = test->priv;
	struct end *a = &wire->a, *b = &wire->b;
	u32 i, j;

	synced(test);
	for (i = 0; i < 50; i++)
		push(test, a, i);
	turn(test, a);
	a->n = 0;
	for (i = 0; i < 8; i++) {
		for (j = 0; j < 16; j++)
			push(test, a, 50 + 16 * i + j);
		turn(test, a);
		pass(test, a, b);
		turn(test, b);
		pass(test, b, a);
	}
	run(test, HZ / 5);
	KUNIT_EXPECT_EQ(test, applied(b, 178), 178U);
	KUNIT_EXPECT_GE(test, a->link.counters[LBDR_SYNC_LINK_RESENT], 50ULL);
	KUNIT_EXPECT_LT(test, a->link.counters[LBDR_SYNC_LINK_RESENT], 120ULL);
}

/* While no page arrives but HELLOs do, as behind a short MTU, pages are sent again rarely. */
static void stalled_test(struct kunit *test)
{
	struct wire *wire = test->priv;
	struct lbdr_sync_link *link = &wire->a.link;
	u64 resent;
	u32 i;

	synced(test);
	wire->no_pages = true;
	for (i = 0; i < 10; i++)
		push(test, &wire->a, i);
	run(test, 2 * HZ);
	KUNIT_EXPECT_FALSE(test, lbdr_sync_link_stalled(link, wire->now));
	run(test, 2 * HZ);
	KUNIT_EXPECT_TRUE(test, lbdr_sync_link_stalled(link, wire->now));
	KUNIT_EXPECT_FALSE(test, lbdr_sync_link_stalled(&wire->b.link, wire->now));
	resent = link->counters[LBDR_SYNC_LINK_RESENT];
	run(test, 10 * HZ);
	resent = link->counters[LBDR_SYNC_LINK_RESENT] - resent;
	KUNIT_EXPECT_GE(test, resent, 50ULL);
	KUNIT_EXPECT_LE(test, resent, 110ULL);
	wire->no_pages = false;
	run(test, 2 * HZ);
	KUNIT_EXPECT_FALSE(test, lbdr_sync_link_stalled(link, wire->now));
	KUNIT_EXPECT_EQ(test, applied(&wire->b, 10), 10U);
}

/* A HELLO that later ones have overtaken changes nothing. */
static void overtaken_test(struct kunit *test)
{
	struct wire *wire = test->priv;
	struct end *a = &wire->a, *b = &wire->b;
	struct datagram *late;

	late = kunit_kzalloc(test, sizeof(*late), GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, late);
	synced(test);
	a->self.conns = 1;
	a->link.hello_due = true;
	turn(test, a);
	KUNIT_ASSERT_EQ(test, a->n, 1U);
	*late = a->queue[0];
	a->n = 0;
	a->self.conns = 2;
	a->link.hello_due = true;
	run(test, 2);
	KUNIT_EXPECT_EQ(test, b->link.peer.conns, 2U);
	deliver(b, late, wire->now);
	KUNIT_EXPECT_EQ(test, b->link.peer.conns, 2U);
	synced(test);
}

/* One recorded datagram, repeated again and again, does not keep directors apart. */
static void repeated_test(struct kunit *test)
{
	struct wire *wire = test->priv;
	struct end *a = &wire->a, *b = &wire->b;
	struct datagram *taped;
	u32 i;

	taped = kunit_kzalloc(test, sizeof(*taped), GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, taped);
	synced(test);
	push(test, a, 1);
	turn(test, a);
	KUNIT_ASSERT_GT(test, a->n, 0U);
	*taped = a->queue[a->n - 1];
	lbdr_sync_link_exit(&a->link);
	memset(&a->link, 0, sizeof(a->link));
	end_init(test, a, 2);
	a->n = 0;
	begin(test, a);
	for (i = 0; i < HZ / 5 + 5; i++) {
		deliver(b, taped, wire->now + 1);
		run(test, 1);
	}
	KUNIT_EXPECT_EQ(test, lbdr_sync_link_state(&a->link), LBDR_SYNC_PEER_STATE_SYNCED);
	KUNIT_EXPECT_EQ(test, lbdr_sync_link_state(&b->link), LBDR_SYNC_PEER_STATE_SYNCED);
}

/* Another key, then the same ones, and a change of the key without a gap. */
static void key_test(struct kunit *test)
{
	struct wire *wire = test->priv;
	struct lbdr_sync_keys *a = &wire->a.keys, *b = &wire->b.keys;

	b->key[0][31] ^= 1;
	run(test, 2 * HZ);
	KUNIT_EXPECT_EQ(test, lbdr_sync_link_state(&wire->a.link),
			LBDR_SYNC_PEER_STATE_SILENT);
	KUNIT_EXPECT_GE(test, wire->a.link.counters[LBDR_SYNC_LINK_FORGED], 2ULL);
	KUNIT_EXPECT_TRUE(test, lbdr_sync_link_suspect(&wire->a.link, wire->now));
	b->key[0][31] ^= 1;
	run(test, HZ);
	synced(test);
	memset(a->key[1], 9, LBDR_SYNC_KEY);
	memset(b->key[1], 9, LBDR_SYNC_KEY);
	a->set[1] = true;
	b->set[1] = true;
	wire->a.link.counters[LBDR_SYNC_LINK_FORGED] = 0;
	a->current_id = 1;
	push(test, &wire->a, 1);
	run(test, 5);
	b->current_id = 1;
	a->set[0] = false;
	push(test, &wire->b, 2);
	run(test, 2 * HZ);
	KUNIT_EXPECT_EQ(test, wire->b.applied[1], 1);
	KUNIT_EXPECT_EQ(test, wire->a.applied[2], 1);
	KUNIT_EXPECT_EQ(test, wire->a.link.counters[LBDR_SYNC_LINK_FORGED], 0ULL);
	synced(test);
}

/* A HELLO for another director, which this one need not know, is not taken. */
static void misled_test(struct kunit *test)
{
	struct wire *wire = test->priv;

	wire->b.own = 9;
	run(test, HZ);
	KUNIT_EXPECT_FALSE(test, wire->b.link.known);
	KUNIT_EXPECT_GT(test, wire->b.link.counters[LBDR_SYNC_LINK_REPLAYED], 0ULL);
	wire->b.own = 2;
	run(test, HZ);
	synced(test);
}

/* A new epoch, as after a copy of the memory; a peer that is silent before it has sent all. */
static void restart_test(struct kunit *test)
{
	struct wire *wire = test->priv;
	struct end *a = &wire->a, *b = &wire->b;
	u8 epoch[LBDR_SYNC_EPOCH];

	synced(test);
	memcpy(epoch, a->link.epoch, sizeof(epoch));
	lbdr_sync_link_restart(&a->link);
	KUNIT_EXPECT_NE(test, memcmp(epoch, a->link.epoch, sizeof(epoch)), 0);
	synced(test);
	/* Its own connections may be there as copies, and be lost here. */
	KUNIT_EXPECT_TRUE(test, b->copies);
	push(test, a, 1);
	push(test, b, 2);
	run(test, 5);
	KUNIT_EXPECT_EQ(test, b->applied[1], 1);
	KUNIT_EXPECT_EQ(test, a->applied[2], 1);

	b->link.gap = true;
	KUNIT_EXPECT_FALSE(test, lbdr_sync_link_broken(&b->link, wire->now));
	wire->loss = 100;
	run(test, 4 * HZ);
	KUNIT_EXPECT_TRUE(test, lbdr_sync_link_broken(&b->link, wire->now));
	KUNIT_EXPECT_FALSE(test, lbdr_sync_link_broken(&a->link, wire->now));
	run(test, 8 * HZ);
	KUNIT_EXPECT_FALSE(test, lbdr_sync_link_broken(&b->link, wire->now));
}

/*
 * A director that has started anew sends pages before the other one knows where they begin.
 * What that one had received before acknowledges none of them.
 */
static void early_test(struct kunit *test)
{
	struct wire *wire = test->priv;
	struct end *a = &wire->a, *b = &wire->b;
	u32 i;

	synced(test);
	for (i = 0; i < 50; i++)
		push(test, b, i);
	run(test, 5);
	KUNIT_ASSERT_EQ(test, applied(a, 50), 50U);
	lbdr_sync_link_exit(&b->link);
	memset(&b->link, 0, sizeof(b->link));
	end_init(test, b, 1);
	begin(test, b);

	/* A asks B, and accepts it by the answer; then B accepts A, and is up. */
	wire->now++;
	a->link.hello_due = true;
	turn(test, a);
	pass(test, a, b);
	pass(test, b, a);
	KUNIT_ASSERT_TRUE(test, a->link.fresh);
	turn(test, a);
	pass(test, a, b);
	KUNIT_ASSERT_TRUE(test, b->link.up);
	KUNIT_ASSERT_FALSE(test, a->link.up);
	/* Its HELLO is lost, but not its pages; the next HELLO of A arrives. */
	lbdr_sync_link_run(&b->link, wire->now);
	b->n = 0;
	for (i = 100; i < 200; i++)
		push(test, b, i);
	turn(test, b);
	pass(test, b, a);
	KUNIT_ASSERT_TRUE(test, a->link.fresh);
	wire->now++;
	a->link.hello_due = true;
	turn(test, a);
	pass(test, a, b);

	run(test, HZ / 2);
	synced(test);
	for (i = 100; i < 200; i++)
		KUNIT_EXPECT_EQ(test, a->applied[i], 1);
	KUNIT_EXPECT_EQ(test, a->link.counters[LBDR_SYNC_LINK_LOST], 0ULL);
}

/* Noise, and sealed nonsense, do no harm. */
static void random_test(struct kunit *test)
{
	struct lbdr_sync_clear clear = {};
	struct wire *wire = test->priv;
	struct datagram datagram;
	u32 i, j, len;

	synced(test);
	memcpy(clear.epoch, wire->a.link.epoch, LBDR_SYNC_EPOCH);
	clear.sequence = 1000000;
	for (i = 0; i < 3000; i++) {
		len = lbdr_kunit_below(&wire->rnd,
				       sizeof(datagram.data) - LBDR_SYNC_SEALING);
		for (j = 0; j < sizeof(datagram.data); j++)
			datagram.data[j] = lbdr_kunit_below(&wire->rnd, 256);
		datagram.len = len;
		if (i % 3) {
			/* Small numbers go further. */
			if (i % 2)
				for (j = 0; j < len; j++)
					datagram.data[LBDR_SYNC_CLEAR + j] %= 2;
			clear.type = lbdr_kunit_below(&wire->rnd, 5);
			clear.sequence += lbdr_kunit_below(&wire->rnd, 3);
			if (i % 7 == 0)
				clear.epoch[0] ^= 1;
			datagram.len = lbdr_sync_seal(&wire->a.keys, &clear, datagram.data,
						      len);
		}
		wire->b.n = 0;
		deliver(&wire->b, &datagram, wire->now);
		lbdr_sync_link_run(&wire->b.link, wire->now);
		wire->now += lbdr_kunit_below(&wire->rnd, 3);
	}
	KUNIT_EXPECT_GT(test, wire->b.link.counters[LBDR_SYNC_LINK_BAD], 100ULL);
}

static struct kunit_case cases[] = {
	KUNIT_CASE(stream_test),
	KUNIT_CASE(handshake_test),
	KUNIT_CASE(replay_test),
	KUNIT_CASE(loss_test),
	KUNIT_CASE(overrun_test),
	KUNIT_CASE(miss_test),
	KUNIT_CASE(bulk_test),
	KUNIT_CASE(ask_test),
	KUNIT_CASE(stalled_test),
	KUNIT_CASE(overtaken_test),
	KUNIT_CASE(repeated_test),
	KUNIT_CASE(key_test),
	KUNIT_CASE(misled_test),
	KUNIT_CASE(restart_test),
	KUNIT_CASE(early_test),
	KUNIT_CASE(random_test),
	{}
};

static struct kunit_suite suite = {
	.name = "lbdr_sync_link",
	.init = wire_init,
	.exit = wire_exit,
	.test_cases = cases,
};

kunit_test_suite(suite);
