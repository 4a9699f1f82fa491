// SPDX-License-Identifier: GPL-2.0
/*
 * A priority queue of fixed capacity. The caller serializes access.
 *
 * An element that is not less than the last one of a ring is appended to the ring, any
 * other one is inserted into a binary min-heap. The smallest element is the first one of
 * either. So elements that are pushed in order, as the turns of servers of one weight are,
 * cost no sorting, and others cost no more than in a heap.
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
	*heap = (struct lbdr_heap) { .capacity = capacity };
	/* Either may hold all elements. */
	heap->nodes = kvmalloc_array(capacity, 2 * sizeof(*heap->nodes), GFP_KERNEL);
	if (!heap->nodes)
		return -ENOMEM;
	heap->ring = heap->nodes + capacity;
	return 0;
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

/* The element of the ring at a distance from the first one. */
static struct lbdr_heap_node *lbdr_heap_ring_at(const struct lbdr_heap *heap, u32 distance)
{
	u32 at = heap->first + distance;

	return &heap->ring[at < heap->capacity ? at : at - heap->capacity];
}

static u32 lbdr_heap_sorted(const struct lbdr_heap *heap)
{
	return heap->n - heap->n_ring;
}

static void lbdr_heap_insert(struct lbdr_heap *heap, const struct lbdr_heap_node *node)
{
	u32 pos = lbdr_heap_sorted(heap);

	while (pos) {
		u32 parent = (pos - 1) / 2;

		if (!lbdr_heap_less(node, &heap->nodes[parent]))
			break;
		heap->nodes[pos] = heap->nodes[parent];
		pos = parent;
	}
	heap->nodes[pos] = *node;
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
	const struct lbdr_heap_node node = { .key = key, .value = value };

	if (!heap->n_ring ||
	    !lbdr_heap_less(&node, lbdr_heap_ring_at(heap, heap->n_ring - 1)))
		*lbdr_heap_ring_at(heap, heap->n_ring++) = node;
	else
		lbdr_heap_insert(heap, &node);
	heap->n++;
}

/* The smallest element is that of the ring, not that of the heap. */
static bool lbdr_heap_ring_first(const struct lbdr_heap *heap)
{
	return heap->n_ring &&
	       (!lbdr_heap_sorted(heap) ||
		lbdr_heap_less(lbdr_heap_ring_at(heap, 0), &heap->nodes[0]));
}

/**
 * lbdr_heap_key() - Get the smallest key
 * @heap: the heap; must not be empty
 *
 * Context: any.
 */
u64 lbdr_heap_key(const struct lbdr_heap *heap)
{
	return lbdr_heap_ring_first(heap) ? lbdr_heap_ring_at(heap, 0)->key :
					    heap->nodes[0].key;
}

/* Removes the root of the heap; @n are left. Returns its value. */
static u32 lbdr_heap_remove(struct lbdr_heap *heap, u32 n)
{
	struct lbdr_heap_node last = heap->nodes[n];
	u32 value = heap->nodes[0].value, pos = 0, child;

	while ((child = 2 * pos + 1) < n) {
		if (child + 1 < n &&
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
	u32 value;

	if (lbdr_heap_ring_first(heap)) {
		value = heap->ring[heap->first].value;
		if (++heap->first == heap->capacity)
			heap->first = 0;
		heap->n_ring--;
	} else {
		value = lbdr_heap_remove(heap, lbdr_heap_sorted(heap) - 1);
	}
	heap->n--;
	return value;
}
