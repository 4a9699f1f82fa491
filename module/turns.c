// SPDX-License-Identifier: GPL-2.0
/*
 * Turns: whose is the earliest, for the schedulers that deal out a table.
 *
 * A binary heap. The kernel's own has had three interfaces between Linux 6.1 and
 * 7.3.
 */
#include <linux/mm.h>

#include "sched.h"

static bool lbdr_turn_before(const struct lbdr_turn *a,
			     const struct lbdr_turn *b)
{
	if (a->when != b->when)
		return a->when < b->when;
	return a->index < b->index;
}

/**
 * lbdr_turns_alloc() - make room for turns
 * @turns: none wait in it afterwards
 * @max: turns that wait at the same time
 *
 * Context: process, may sleep.
 * Return: 0 or -ENOMEM.
 */
int lbdr_turns_alloc(struct lbdr_turns *turns, u32 max)
{
	turns->n = 0;
	turns->heap = kvmalloc_array(max, sizeof(*turns->heap), GFP_KERNEL);
	return turns->heap ? 0 : -ENOMEM;
}

/**
 * lbdr_turns_free() - give the room back
 * @turns: what lbdr_turns_alloc() was asked for, whatever came of it
 *
 * Context: process.
 */
void lbdr_turns_free(struct lbdr_turns *turns)
{
	kvfree(turns->heap);
}

/**
 * lbdr_turns_add() - one more waits for its turn
 * @turns: the others
 * @index: who waits
 * @when: in any unit, as long as all have the same
 *
 * Context: any.
 */
void lbdr_turns_add(struct lbdr_turns *turns, u32 index, u64 when)
{
	struct lbdr_turn turn = { .when = when, .index = index };
	u32 at = turns->n++;

	while (at) {
		u32 up = (at - 1) / 2;

		if (!lbdr_turn_before(&turn, &turns->heap[up]))
			break;
		turns->heap[at] = turns->heap[up];
		at = up;
	}
	turns->heap[at] = turn;
}

/**
 * lbdr_turns_take() - the earliest turn, which waits no more
 * @turns: at least one
 *
 * Context: any.
 * Return: the turn; of several at the same time the one of the lowest index.
 */
struct lbdr_turn lbdr_turns_take(struct lbdr_turns *turns)
{
	struct lbdr_turn first = turns->heap[0];
	struct lbdr_turn last = turns->heap[--turns->n];
	u32 at = 0, down;

	while ((down = 2 * at + 1) < turns->n) {
		if (down + 1 < turns->n &&
		    lbdr_turn_before(&turns->heap[down + 1],
				     &turns->heap[down]))
			down++;
		if (!lbdr_turn_before(&turns->heap[down], &last))
			break;
		turns->heap[at] = turns->heap[down];
		at = down;
	}
	turns->heap[at] = last;
	return first;
}
