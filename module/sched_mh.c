// SPDX-License-Identifier: GPL-2.0
/*
 * Maglev hashing: a client address maps to the same server on every director
 * that has the same servers, and few clients move when a server is added or
 * removed (Eisenbud et al., "Maglev: a fast and reliable software network load
 * balancer", NSDI 2016, 3.4).
 *
 * Theory of operation
 *
 * 1. The table has a prime number of slots. The hash of a client's address is a
 *    slot; the slot has the server.
 *
 * 2. Each server has its own permutation of the slots, which depends on its
 *    address. The servers take turns; at its turn a server takes the next free
 *    slot of its permutation. The weights determine the number of turns and of
 *    slots.
 *
 * 3. The order of the turns is that of a hash of the servers' addresses. The
 *    table depends on addresses and weights only: on no order of commands, no
 *    secret, no history.
 *
 * 4. A server gets size * weight / sum slots, rounded down; the remaining slots
 *    go to the first servers in the order of turns, one each. No share has an
 *    error of a whole slot. A server whose share is below one slot can get none;
 *    a larger table avoids this.
 *
 * 5. With the flag fallback, a client whose server is not open gets the server of
 *    another hash. After MH_FALLBACKS hashes it gets the next open server in the
 *    order of turns, which is behind the slots in the table. So the fallback, too,
 *    depends on no order of commands.
 */
#include <linux/jhash.h>
#include <linux/math64.h>
#include <linux/mm.h>
#include <linux/siphash.h>
#include <linux/sort.h>

#include "flow.h"
#include "heap.h"
#include "pool.h"
#include "sched.h"
#include "server.h"

#define MH_SIZE_DEFAULT	65537
/* Hashes that are tried with the flag fallback */
#define MH_FALLBACKS	16

/*
 * The keys are fixed, because all directors must build the same table. An
 * attacker can therefore select client addresses that all map to one server; no
 * hash that directors share without a secret can prevent this.
 */
static const siphash_key_t lbdr_mh_key_order = { { 0x6c626472, 1 } };
static const siphash_key_t lbdr_mh_key_skip = { { 0x6c626472, 2 } };
#define MH_SEED_CLIENT	3

/**
 * struct lbdr_mh_server - a server while the table is filled
 * @order: hash of its address; the order of the turns
 * @entry: its pool entry
 * @next: next slot of its permutation
 * @skip: step of its permutation
 * @quota: number of slots it gets
 * @filled: number of slots it has got
 */
struct lbdr_mh_server {
	u64				order;
	const struct lbdr_pool_entry	*entry;
	u32				next;
	u32				skip;
	u32				quota;
	u32				filled;
};

static int lbdr_mh_compare(const void *left, const void *right)
{
	const struct lbdr_mh_server *a = left, *b = right;

	if (a->order != b->order)
		return a->order < b->order ? -1 : 1;
	/* An IPv4 address and an IPv6 address may have the same bytes. */
	if (a->entry->server->family != b->entry->server->family)
		return a->entry->server->family < b->entry->server->family ? -1 : 1;
	return memcmp(&a->entry->server->addr, &b->entry->server->addr,
		      sizeof(a->entry->server->addr));
}

/* Initialize @servers and sort them by turns; return the largest weight. */
static u32 lbdr_mh_servers_init(const struct lbdr_pool *pool,
				struct lbdr_mh_server *servers)
{
	u32 size = pool->sched.size, left = size, max = 0, i;
	const union nf_inet_addr *addr;
	struct lbdr_mh_server *server;
	u64 sum = 0, skip;

	for (i = 0; i < pool->n; i++) {
		server = &servers[i];
		server->entry = &pool->entries[i];
		addr = &server->entry->server->addr;
		server->order = siphash(addr, sizeof(*addr), &lbdr_mh_key_order);
		skip = siphash(addr, sizeof(*addr), &lbdr_mh_key_skip);
		server->next = reciprocal_scale(upper_32_bits(skip), size);
		server->skip = 1 + reciprocal_scale(lower_32_bits(skip),
						    size - 1);
		server->filled = 0;
		sum += server->entry->weight;
		max = max(max, server->entry->weight);
	}
	sort(servers, pool->n, sizeof(*servers), lbdr_mh_compare, NULL);

	for (i = 0; i < pool->n; i++) {
		servers[i].quota = div64_u64((u64)servers[i].entry->weight * size,
					     sum);
		left -= servers[i].quota;
	}
	for (i = 0; i < left; i++)
		servers[i].quota++;
	return max;
}

/* The number of slots is prime: every step visits all slots. */
static u32 lbdr_mh_next_free(struct lbdr_mh_server *server, const u16 *slots,
			     u32 size)
{
	u32 next = server->next, skip = server->skip, slot;

	do {
		slot = next;
		next += skip;
		if (next >= size)
			next -= size;
	} while (slots[slot] != U16_MAX);
	server->next = next;
	return slot;
}

/*
 * Get the round of a server's next turn. The server of the largest weight has a
 * turn in every round; a server of weight w has one in every @max / w rounds.
 */
static u64 lbdr_mh_round(const struct lbdr_mh_server *server, u32 max)
{
	return DIV_ROUND_UP_ULL((u64)(server->filled + 1) * max,
				server->entry->weight);
}

/* Fill the table; @turns is keyed by the round of a server's next turn. */
static void lbdr_mh_fill(const struct lbdr_pool *pool, u16 *slots,
			 struct lbdr_mh_server *servers,
			 struct lbdr_heap *turns, u32 max)
{
	u32 size = pool->sched.size, i;
	struct lbdr_mh_server *server;

	memset(slots, 0xff, size * sizeof(*slots));
	for (i = 0; i < pool->n; i++)
		if (servers[i].quota)
			lbdr_heap_push(turns, lbdr_mh_round(&servers[i], max),
				       i);

	/* The quotas add up to the number of slots. */
	while (turns->n) {
		i = lbdr_heap_pop(turns);
		server = &servers[i];
		slots[lbdr_mh_next_free(server, slots, size)] =
			server->entry - pool->entries;
		if (++server->filled < server->quota)
			lbdr_heap_push(turns, lbdr_mh_round(server, max), i);
		cond_resched();
	}
}

/* Set the entry with the next turn of every entry. */
static void lbdr_mh_link(const struct lbdr_pool *pool, u16 *after,
			 const struct lbdr_mh_server *servers)
{
	u32 i;

	for (i = 0; i < pool->n; i++)
		after[servers[i].entry - pool->entries] =
			servers[i + 1 < pool->n ? i + 1 : 0].entry -
			pool->entries;
}

/* The table has the slots and, behind them, the entry with the next turn of each. */
static int lbdr_mh_pool_init(struct lbdr_pool *pool,
			     const struct lbdr_pool_config *config)
{
	struct lbdr_mh_server *servers;
	struct lbdr_heap turns = {};
	int err = -ENOMEM;
	u16 *slots;

	BUILD_BUG_ON(LBDR_SERVER_MAX_HELD >= U16_MAX);

	slots = kvmalloc_array(pool->sched.size + pool->n, sizeof(*slots),
			       GFP_KERNEL_ACCOUNT);
	servers = kvmalloc_array(pool->n, sizeof(*servers), GFP_KERNEL);
	if (!slots || !servers || lbdr_heap_alloc(&turns, pool->n))
		goto out;
	lbdr_mh_fill(pool, slots, servers, &turns,
		     lbdr_mh_servers_init(pool, servers));
	lbdr_mh_link(pool, slots + pool->sched.size, servers);
	err = lbdr_sched_digest(pool, slots, pool->sched.size);
out:
	if (err)
		kvfree(slots);
	else
		pool->priv = slots;
	lbdr_heap_free(&turns);
	kvfree(servers);
	return err;
}

static void lbdr_mh_pool_exit(struct lbdr_pool *pool)
{
	kvfree(pool->priv);
}

/* Hash in CPU byte order, so that all directors compute the same hash. */
static __always_inline u32 lbdr_mh_hash(const struct lbdr_flow *flow, bool port,
					u32 salt)
{
	const struct in6_addr *addr = &flow->v6.client;
	u32 words[5];

	if (flow->family == LBDR_V4)
		return jhash_2words(be32_to_cpu(flow->v4.client),
				    salt << 16 | (port ? be16_to_cpu(flow->v4.ports.cport) : 0),
				    MH_SEED_CLIENT);
	be32_to_cpu_array(words, addr->s6_addr32, 4);
	words[4] = salt << 16 | (port ? be16_to_cpu(flow->v6.ports.cport) : 0);
	return jhash2(words, ARRAY_SIZE(words), MH_SEED_CLIENT);
}

/* The next open server in the order of turns, from entry @index on. */
static struct lbdr_server *lbdr_mh_next_open(const struct lbdr_pool *pool,
					     u32 index)
{
	const u16 *slots = pool->priv, *after = slots + pool->sched.size;
	struct lbdr_server *server;
	u32 i;

	for (i = 0; i < pool->n; i++) {
		server = pool->entries[index].server;
		if (lbdr_server_open(server))
			return server;
		index = after[index];
	}
	return NULL;
}

static struct lbdr_server *lbdr_mh_pick(const struct lbdr_pool *pool,
					const struct lbdr_flow *flow)
{
	bool port = pool->sched.flags & LBDR_SCHED_FLAG_PORT;
	const u16 *slots = pool->priv;
	u32 salt, slot = 0;

	for (salt = 0; salt < MH_FALLBACKS; salt++) {
		struct lbdr_server *server;

		slot = reciprocal_scale(lbdr_mh_hash(flow, port, salt),
					pool->sched.size);
		server = pool->entries[slots[slot]].server;
		if (likely(lbdr_server_open(server)))
			return server;
		if (!(pool->sched.flags & LBDR_SCHED_FLAG_FALLBACK))
			return NULL;
	}
	return lbdr_mh_next_open(pool, slots[slot]);
}

static struct lbdr_server *lbdr_mh_peek(const struct lbdr_pool *pool,
					const struct lbdr_flow *flow,
					struct lbdr_server **first)
{
	bool port = pool->sched.flags & LBDR_SCHED_FLAG_PORT;
	const u16 *slots = pool->priv;
	u32 slot;

	slot = reciprocal_scale(lbdr_mh_hash(flow, port, 0), pool->sched.size);
	*first = pool->entries[slots[slot]].server;
	return lbdr_mh_pick(pool, flow);
}

const struct lbdr_sched_ops lbdr_sched_mh = {
	.name		= "mh",
	.flags		= LBDR_SCHED_FLAG_FALLBACK | LBDR_SCHED_FLAG_PORT,
	.stateless	= true,
	.size		= MH_SIZE_DEFAULT,
	.pool_init	= lbdr_mh_pool_init,
	.pool_exit	= lbdr_mh_pool_exit,
	.pick		= lbdr_mh_pick,
	.peek		= lbdr_mh_peek,
};
