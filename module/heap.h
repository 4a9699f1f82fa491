/* SPDX-License-Identifier: GPL-2.0 */
/*
 * A binary min-heap of (key, value) pairs; wrr and mh build their tables with
 * it.
 */
#ifndef _LBDR_HEAP_H
#define _LBDR_HEAP_H

#include <linux/types.h>

/**
 * struct lbdr_heap_node - an element of a heap
 * @key: the order of the elements
 * @value: the caller's value; orders elements of equal key
 */
struct lbdr_heap_node {
	u64	key;
	u32	value;
};

/**
 * struct lbdr_heap - a binary min-heap
 * @nodes: the elements; nodes[0] is the smallest
 * @n: number of elements
 */
struct lbdr_heap {
	struct lbdr_heap_node	*nodes;
	u32			n;
};

int lbdr_heap_alloc(struct lbdr_heap *heap, u32 capacity);
void lbdr_heap_free(struct lbdr_heap *heap);
void lbdr_heap_push(struct lbdr_heap *heap, u64 key, u32 value);
u32 lbdr_heap_pop(struct lbdr_heap *heap);

#endif /* _LBDR_HEAP_H */
