/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The pages that a director has sent to another one, and those that it has received.
 */
#ifndef _LBDR_SYNC_STREAM_H
#define _LBDR_SYNC_STREAM_H

#include <linux/bitmap.h>
#include <linux/types.h>

struct lbdr_sync_page;

/* Pages that are kept until the other director has received them */
#define LBDR_SYNC_RING	1024

/**
 * struct lbdr_sync_slot - a page that is sent
 * @page: the page, NULL for a number that was left out
 * @sent: jiffies when it was sent last; valid if it was sent
 */
struct lbdr_sync_slot {
	struct lbdr_sync_page	*page;
	unsigned long		sent;
};

/**
 * struct lbdr_sync_out - pages that are sent
 * @ring: the pages from @first to @next - 1, by their remainder
 * @first: number of the first page that was not acknowledged
 * @unsent: number of the first page that was not sent
 * @next: number of the next page
 * @bulk: number of pages of bulk transfers in @ring
 */
struct lbdr_sync_out {
	struct lbdr_sync_slot	*ring;
	u64			first;
	u64			unsent;
	u64			next;
	u32			bulk;
};

/**
 * struct lbdr_sync_in - pages that were received
 * @expected: number of the first page that was not received
 * @told: one more than the highest number that is known to have been sent
 * @have: the pages from @expected on that were received, by their remainder
 */
struct lbdr_sync_in {
	u64	expected;
	u64	told;
	DECLARE_BITMAP(have, LBDR_SYNC_RING);
};

int lbdr_sync_out_init(struct lbdr_sync_out *out);
void lbdr_sync_out_exit(struct lbdr_sync_out *out);
bool lbdr_sync_out_push(struct lbdr_sync_out *out, struct lbdr_sync_page *page);
bool lbdr_sync_out_ack(struct lbdr_sync_out *out, u64 expected);
void lbdr_sync_out_leave_out(struct lbdr_sync_out *out);
struct lbdr_sync_slot *lbdr_sync_out_find(const struct lbdr_sync_out *out, u64 number);
void lbdr_sync_out_clear(struct lbdr_sync_out *out);
void lbdr_sync_in_begin(struct lbdr_sync_in *in, u64 first);
bool lbdr_sync_in_add(struct lbdr_sync_in *in, u64 number, u64 *lost);
u64 lbdr_sync_in_tell(struct lbdr_sync_in *in, u64 first, u64 next);
u32 lbdr_sync_in_missing(const struct lbdr_sync_in *in, u64 *number);

#endif /* _LBDR_SYNC_STREAM_H */
