// SPDX-License-Identifier: GPL-2.0
/*
 * Streams of numbered pages between two directors, one in each direction.
 *
 * The sender keeps each page until it was acknowledged, LBDR_SYNC_RING pages at most: a
 * further page replaces the oldest one. The receiver knows which pages it has, asks for
 * the others, and gives up those that the sender says it has no longer. Pages are applied
 * as they arrive, in any order. Numbers go on when a page is left out, so that the
 * receiver notices it.
 *
 * The caller serialises access to a stream. The functions take no lock.
 */
#include <linux/errno.h>
#include <linux/minmax.h>
#include <linux/slab.h>

#include "compat.h"
#include "sync.h"
#include "sync_stream.h"

/**
 * lbdr_sync_out_init() - Allocate the ring
 * @out: the stream; @out->next is 0 or as it was
 *
 * Context: process.
 * Return: 0 or -ENOMEM.
 */
int lbdr_sync_out_init(struct lbdr_sync_out *out)
{
	out->ring = kvcalloc(LBDR_SYNC_RING, sizeof(*out->ring), GFP_KERNEL_ACCOUNT);
	return out->ring ? 0 : -ENOMEM;
}
EXPORT_SYMBOL_FOR_KUNIT(lbdr_sync_out_init);

/**
 * lbdr_sync_out_exit() - Free the ring and its pages
 * @out: the stream; without effect if it has no ring
 *
 * Context: process.
 */
void lbdr_sync_out_exit(struct lbdr_sync_out *out)
{
	if (!out->ring)
		return;
	lbdr_sync_out_clear(out);
	kvfree(out->ring);
	out->ring = NULL;
}
EXPORT_SYMBOL_FOR_KUNIT(lbdr_sync_out_exit);

static struct lbdr_sync_slot *lbdr_sync_out_slot(const struct lbdr_sync_out *out, u64 number)
{
	return &out->ring[number % LBDR_SYNC_RING];
}

static void lbdr_sync_out_pop(struct lbdr_sync_out *out)
{
	struct lbdr_sync_page *page = lbdr_sync_out_slot(out, out->first)->page;

	if (page) {
		out->bulk -= page->bulk;
		lbdr_sync_page_put(page);
	}
	out->first++;
	out->unsent = max(out->unsent, out->first);
}

/* Removes the numbers at the front that were left out: the receiver is told of the rest. */
static void lbdr_sync_out_trim(struct lbdr_sync_out *out)
{
	while (out->first < out->next && !lbdr_sync_out_slot(out, out->first)->page)
		lbdr_sync_out_pop(out);
}

/* Appends a page, or NULL. Returns false if it replaces one that was not acknowledged. */
static bool lbdr_sync_out_append(struct lbdr_sync_out *out, struct lbdr_sync_page *page)
{
	bool full = out->next - out->first == LBDR_SYNC_RING;

	if (full)
		lbdr_sync_out_pop(out);
	lbdr_sync_out_slot(out, out->next++)->page = page;
	lbdr_sync_out_trim(out);
	return !full;
}

/**
 * lbdr_sync_out_push() - Append a page
 * @out: the stream
 * @page: the page; its reference goes to the stream
 *
 * Context: process.
 * Return: false if it replaces one that was not acknowledged.
 */
bool lbdr_sync_out_push(struct lbdr_sync_out *out, struct lbdr_sync_page *page)
{
	out->bulk += page->bulk;
	return lbdr_sync_out_append(out, page);
}
EXPORT_SYMBOL_FOR_KUNIT(lbdr_sync_out_push);

/**
 * lbdr_sync_out_leave_out() - Leave out a number
 * @out: the stream
 *
 * The receiver gives the number up when it has the pages before it. Without effect if the
 * last number was left out and waits for this.
 *
 * Context: process.
 */
void lbdr_sync_out_leave_out(struct lbdr_sync_out *out)
{
	if (out->first == out->next || lbdr_sync_out_slot(out, out->next - 1)->page)
		lbdr_sync_out_append(out, NULL);
}
EXPORT_SYMBOL_FOR_KUNIT(lbdr_sync_out_leave_out);

/**
 * lbdr_sync_out_ack() - Free the pages that were received
 * @out: the stream
 * @expected: number of the first page that the receiver does not have; ignored if it was
 *	never sent
 *
 * Context: process.
 * Return: true if there were such pages.
 */
bool lbdr_sync_out_ack(struct lbdr_sync_out *out, u64 expected)
{
	if (expected > out->unsent || expected <= out->first)
		return false;
	while (out->first < expected)
		lbdr_sync_out_pop(out);
	lbdr_sync_out_trim(out);
	return true;
}
EXPORT_SYMBOL_FOR_KUNIT(lbdr_sync_out_ack);

/**
 * lbdr_sync_out_find() - Find a page that was sent
 * @out: the stream
 * @number: its number
 *
 * Context: process.
 * Return: its slot, or NULL if it was not sent yet, was left out or is gone.
 */
struct lbdr_sync_slot *lbdr_sync_out_find(const struct lbdr_sync_out *out, u64 number)
{
	struct lbdr_sync_slot *slot = lbdr_sync_out_slot(out, number);

	return number >= out->first && number < out->unsent && slot->page ? slot : NULL;
}
EXPORT_SYMBOL_FOR_KUNIT(lbdr_sync_out_find);

/**
 * lbdr_sync_out_clear() - Free all pages and leave out a number
 * @out: the stream
 *
 * Context: process.
 */
void lbdr_sync_out_clear(struct lbdr_sync_out *out)
{
	while (out->first < out->next)
		lbdr_sync_out_pop(out);
	lbdr_sync_out_leave_out(out);
}
EXPORT_SYMBOL_FOR_KUNIT(lbdr_sync_out_clear);

/**
 * lbdr_sync_in_begin() - Begin a stream
 * @in: the stream
 * @first: number of its first page
 *
 * Context: any.
 */
void lbdr_sync_in_begin(struct lbdr_sync_in *in, u64 first)
{
	in->expected = first;
	in->told = first;
	bitmap_zero(in->have, LBDR_SYNC_RING);
}
EXPORT_SYMBOL_FOR_KUNIT(lbdr_sync_in_begin);

/* Goes on to the first page that was not received. */
static void lbdr_sync_in_advance(struct lbdr_sync_in *in)
{
	while (test_and_clear_bit(in->expected % LBDR_SYNC_RING, in->have))
		in->expected++;
	in->told = max(in->told, in->expected);
}

/* Gives up the pages below a number. Returns how many were not received. */
static u64 lbdr_sync_in_skip(struct lbdr_sync_in *in, u64 to)
{
	u64 lost = 0;

	if (to <= in->expected)
		return 0;
	if (to - in->expected >= LBDR_SYNC_RING) {
		lost = to - in->expected - bitmap_weight(in->have, LBDR_SYNC_RING);
		bitmap_zero(in->have, LBDR_SYNC_RING);
		in->expected = to;
	}
	for (; in->expected < to; in->expected++)
		lost += !test_and_clear_bit(in->expected % LBDR_SYNC_RING, in->have);
	lbdr_sync_in_advance(in);
	return lost;
}

/**
 * lbdr_sync_in_add() - Add a page that was received
 * @in: the stream
 * @number: its number
 * @lost: set to the number of pages that are given up, since the sender cannot have them
 *	any more
 *
 * Context: any.
 * Return: false if it was received before.
 */
bool lbdr_sync_in_add(struct lbdr_sync_in *in, u64 number, u64 *lost)
{
	*lost = 0;
	/* The highest number would have no successor; no sender gets there. */
	if (number < in->expected || number == U64_MAX)
		return false;
	if (number - in->expected >= LBDR_SYNC_RING)
		*lost = lbdr_sync_in_skip(in, number - LBDR_SYNC_RING + 1);
	if (test_and_set_bit(number % LBDR_SYNC_RING, in->have))
		return false;
	in->told = max(in->told, number + 1);
	lbdr_sync_in_advance(in);
	return true;
}
EXPORT_SYMBOL_FOR_KUNIT(lbdr_sync_in_add);

/**
 * lbdr_sync_in_tell() - Learn which pages the sender has
 * @in: the stream
 * @first: number of the first page that it can send again
 * @next: number of the next page that it will send, at least @first
 *
 * Context: any.
 * Return: number of pages that were lost.
 */
u64 lbdr_sync_in_tell(struct lbdr_sync_in *in, u64 first, u64 next)
{
	u64 lost = lbdr_sync_in_skip(in, first);

	in->told = max(in->told, next);
	return lost;
}
EXPORT_SYMBOL_FOR_KUNIT(lbdr_sync_in_tell);

/**
 * lbdr_sync_in_missing() - Find pages to ask for
 * @in: the stream
 * @number: where to look from, at least @in->expected; set to the first page
 *
 * Context: any.
 * Return: number of successive pages that were not received, 0 for none.
 */
u32 lbdr_sync_in_missing(const struct lbdr_sync_in *in, u64 *number)
{
	u64 end = min(in->told, in->expected + LBDR_SYNC_RING), at = *number;
	u32 n = 0;

	while (at < end && test_bit(at % LBDR_SYNC_RING, in->have))
		at++;
	*number = at;
	while (at < end && !test_bit(at % LBDR_SYNC_RING, in->have)) {
		at++;
		n++;
	}
	return n;
}
EXPORT_SYMBOL_FOR_KUNIT(lbdr_sync_in_missing);
