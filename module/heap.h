/* SPDX-License-Identifier: GPL-2.0 */
/*
 * A priority queue of (key, value) pairs; wrr and mh build their tables with it.
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
 * struct lbdr_heap - a priority queue, see heap.c
 * @nodes: the elements of a binary min-heap; nodes[0] is the smallest
 * @ring: elements in order, from ring[@first] on
 * @capacity: maximum number of elements
 * @n: number of elements
 * @n_ring: number of those in @ring; the others are in @nodes
 * @first: index of the first one in @ring
 */
struct lbdr_heap {
	struct lbdr_heap_node	*nodes;
	struct lbdr_heap_node	*ring;
	u32			capacity;
	u32			n;
	u32			n_ring;
	u32			first;
};

int lbdr_heap_alloc(struct lbdr_heap *heap, u32 capacity);
void lbdr_heap_free(struct lbdr_heap *heap);
void lbdr_heap_push(struct lbdr_heap *heap, u64 key, u32 value);
u64 lbdr_heap_key(const struct lbdr_heap *heap);
u32 lbdr_heap_pop(struct lbdr_heap *heap);

#endif /* _LBDR_HEAP_H */
