// SPDX-License-Identifier: GPL-2.0
/*
 * A binary min-heap of fixed capacity. The caller serializes access.
 *
 * The kernel's min_heap is not used because its interface has changed three
 * times between Linux 6.1 and 7.3.
 */
#include <linux/mm.h>

#include "heap.h"

static bool lbdr_heap_less(const struct lbdr_heap_node *a,
			   const struct lbdr_heap_node *b)
{
	if (a->key != b->key)
		return a->key < b->key;
	return a->value < b->value;
}

/**
 * lbdr_heap_alloc() - Allocate an empty heap
 * @heap: the heap
 * @capacity: maximum number of elements
 *
 * Context: process, may sleep.
 * Return: 0 or -ENOMEM.
 */
int lbdr_heap_alloc(struct lbdr_heap *heap, u32 capacity)
{
	heap->n = 0;
	heap->nodes = kvmalloc_array(capacity, sizeof(*heap->nodes),
				     GFP_KERNEL);
	return heap->nodes ? 0 : -ENOMEM;
}

/**
 * lbdr_heap_free() - Free the memory of a heap
 * @heap: a heap that is zeroed or was passed to lbdr_heap_alloc(), even if that
 *	call failed
 *
 * Context: process.
 */
void lbdr_heap_free(struct lbdr_heap *heap)
{
	kvfree(heap->nodes);
}

/**
 * lbdr_heap_push() - Insert an element
 * @heap: the heap; must not be full
 * @key: the element's key
 * @value: the element's value
 *
 * Context: any.
 */
void lbdr_heap_push(struct lbdr_heap *heap, u64 key, u32 value)
{
	struct lbdr_heap_node node = { .key = key, .value = value };
	u32 pos = heap->n++;

	while (pos) {
		u32 parent = (pos - 1) / 2;

		if (!lbdr_heap_less(&node, &heap->nodes[parent]))
			break;
		heap->nodes[pos] = heap->nodes[parent];
		pos = parent;
	}
	heap->nodes[pos] = node;
}

/**
 * lbdr_heap_pop() - Remove the smallest element
 * @heap: the heap; must not be empty
 *
 * Context: any.
 * Return: the value of the element with the smallest key; of equal keys, the
 * smallest value.
 */
u32 lbdr_heap_pop(struct lbdr_heap *heap)
{
	struct lbdr_heap_node last = heap->nodes[--heap->n];
	u32 value = heap->nodes[0].value, pos = 0, child;

	while ((child = 2 * pos + 1) < heap->n) {
		if (child + 1 < heap->n &&
		    lbdr_heap_less(&heap->nodes[child + 1],
				   &heap->nodes[child]))
			child++;
		if (!lbdr_heap_less(&heap->nodes[child], &last))
			break;
		heap->nodes[pos] = heap->nodes[child];
		pos = child;
	}
	heap->nodes[pos] = last;
	return value;
}
