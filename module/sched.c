// SPDX-License-Identifier: GPL-2.0
/*
 * The table of schedulers, which is constant, and helpers that are too large to
 * be inlined. sched_list.h lists the schedulers.
 */
#include <linux/hash.h>
#include <linux/mm.h>
#include <linux/siphash.h>
#include <linux/string.h>

#include "flow.h"
#include "pool.h"
#include "sched.h"
#include "server.h"

static const struct lbdr_sched_ops *const lbdr_scheds[] = {
#define LBDR_SCHED(name) (&lbdr_sched_##name)
#include "sched_list.h"
};

/**
 * lbdr_sched_find() - Look up a scheduler by name
 * @name: the name
 *
 * Context: any.
 * Return: the scheduler, or NULL if not found.
 */
const struct lbdr_sched_ops *lbdr_sched_find(const char *name)
{
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(lbdr_scheds); i++)
		if (!strcmp(lbdr_scheds[i]->name, name))
			return lbdr_scheds[i];
	return NULL;
}
EXPORT_SYMBOL_LBDR(lbdr_sched_find);

/**
 * lbdr_sched_at() - Get a scheduler by index
 * @index: the index, from 0
 *
 * Context: any.
 * Return: the scheduler, or NULL if @index is past the end of the table.
 */
const struct lbdr_sched_ops *lbdr_sched_at(unsigned int index)
{
	return index < ARRAY_SIZE(lbdr_scheds) ? lbdr_scheds[index] : NULL;
}
EXPORT_SYMBOL_FOR_KUNIT(lbdr_sched_at);

/**
 * lbdr_sched_default() - Get the default scheduler
 *
 * Context: any.
 * Return: wlc, as with ipvsadm(8).
 */
const struct lbdr_sched_ops *lbdr_sched_default(void)
{
	return &lbdr_sched_wlc;
}
EXPORT_SYMBOL_LBDR(lbdr_sched_default);

/**
 * lbdr_sched_next_open() - Find the next open server
 * @pool: the pool
 * @index: index of the first entry to test
 *
 * Context: rcu_read_lock() held.
 * Return: the first open server from @index on, in the order of adding and
 * wrapping around at the end; NULL if no server is open.
 */
struct lbdr_server *lbdr_sched_next_open(const struct lbdr_pool *pool,
					 u32 index)
{
	u32 skipped;

	return __lbdr_sched_next_open(pool, index, &skipped);
}

/* Fixed, because the digests of all directors are compared. */
static const siphash_key_t lbdr_sched_key_digest = { { 0x6c626472, 3 } };

/* Hash a server in network byte order, so that all directors compute the same hash. */
static u64 lbdr_sched_server_hash(const struct lbdr_pool_entry *entry)
{
	const struct {
		union nf_inet_addr	addr;
		__be32			family;
		__be32			weight;
	} words = {
		.addr	= entry->server->addr,
		.family	= htonl(entry->server->family),
		.weight	= htonl(entry->weight),
	};

	return siphash(&words, sizeof(words), &lbdr_sched_key_digest);
}

/**
 * lbdr_sched_digest() - Compute the digest of a table of slots
 * @pool: the pool; its digest is set, and is never 0
 * @slots: index of the pool entry of each slot
 * @n: number of @slots
 *
 * The digest depends on the servers of the slots with their weights, and on the
 * options of the scheduler. It does not depend on the order of the pool entries,
 * and is the same on all machines. Directors with the same digest choose the same
 * server for every client.
 *
 * Each step is a bijection of the digest so far, so tables that differ in one slot
 * differ in their digests.
 *
 * Context: process, may sleep.
 * Return: 0 or -ENOMEM.
 */
int lbdr_sched_digest(struct lbdr_pool *pool, const u16 *slots, u32 n)
{
	u64 digest = (u64)pool->sched.flags << 32 | n;
	u64 *hashes;
	u32 i;

	hashes = kvmalloc_array(pool->n, sizeof(*hashes), GFP_KERNEL);
	if (!hashes)
		return -ENOMEM;
	for (i = 0; i < pool->n; i++)
		hashes[i] = lbdr_sched_server_hash(&pool->entries[i]);
	for (i = 0; i < n; i++)
		digest = (rol64(digest, 31) ^ hashes[slots[i]]) *
			 GOLDEN_RATIO_64;
	kvfree(hashes);
	pool->digest = digest ?: 1;
	return 0;
}
