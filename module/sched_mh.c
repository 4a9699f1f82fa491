// SPDX-License-Identifier: GPL-2.0
/*
 * Maglev hashing: one client address meets the same server on every director
 * that has the same servers, and few clients move when a server comes or goes
 * (Eisenbud et al., "Maglev: a fast and reliable software network load
 * balancer", NSDI 2016, 3.4).
 *
 * A table of a prime number of slots is dealt out to the servers. Each has a
 * permutation of the slots of its own, made of its address, and takes in turn
 * the next slot of it that is still free. It gets turns, and slots in all, by its
 * weight. The servers take turns in the order of a hash of their addresses, and
 * nothing else goes into the table: not the order of commands, no secret, no
 * history. A client's address, hashed, is a slot.
 *
 * Slots are shared out by the largest whole number that does not exceed what the
 * weight gives, and one more for the first in the order of turns until none is
 * left: no server is off by a whole slot. One whose weight gives it less than a
 * slot may get none: that wants a larger table.
 */
#include <linux/jhash.h>
#include <linux/math64.h>
#include <linux/mm.h>
#include <linux/siphash.h>
#include <linux/sort.h>

#include "flow.h"
#include "pool.h"
#include "sched.h"
#include "server.h"

#define MH_SIZE_DEFAULT	65537
/* Further hashes that `fallback` tries before it takes whoever is next */
#define MH_FALLBACKS	16

/*
 * Fixed, or two directors would not agree: whoever knows them can choose client
 * addresses that all meet one server, which no hash that two directors share
 * without a secret can prevent.
 */
static const siphash_key_t lbdr_mh_key_order = { { 0x6c626472, 1 } };
static const siphash_key_t lbdr_mh_key_skip = { { 0x6c626472, 2 } };
#define MH_SEED_CLIENT	3

/* A server while the table is being dealt out. */
struct lbdr_mh_claim {
	u64				order;
	const struct lbdr_pool_entry	*entry;
	u32				next;
	u32				skip;
	u32				quota;
	u32				taken;
};

static int lbdr_mh_compare(const void *left, const void *right)
{
	const struct lbdr_mh_claim *a = left, *b = right;

	if (a->order != b->order)
		return a->order < b->order ? -1 : 1;
	return memcmp(&a->entry->server->addr, &b->entry->server->addr,
		      sizeof(a->entry->server->addr));
}

/* Fills in @claims, in the order of turns; returns the largest weight. */
static u32 lbdr_mh_claim(const struct lbdr_pool *pool,
			 struct lbdr_mh_claim *claims)
{
	u32 size = pool->sched.size, left = size, max = 0, i;
	const union nf_inet_addr *addr;
	struct lbdr_mh_claim *claim;
	u64 sum = 0, skip;

	for (i = 0; i < pool->n; i++) {
		claim = &claims[i];
		claim->entry = &pool->entries[i];
		addr = &claim->entry->server->addr;
		claim->order = siphash(addr, sizeof(*addr), &lbdr_mh_key_order);
		skip = siphash(addr, sizeof(*addr), &lbdr_mh_key_skip);
		claim->next = reciprocal_scale(upper_32_bits(skip), size);
		claim->skip = 1 + reciprocal_scale(lower_32_bits(skip),
						   size - 1);
		claim->taken = 0;
		sum += claim->entry->weight;
		max = max(max, claim->entry->weight);
	}
	sort(claims, pool->n, sizeof(*claims), lbdr_mh_compare, NULL);

	for (i = 0; i < pool->n; i++) {
		claims[i].quota = div64_u64((u64)claims[i].entry->weight * size,
					    sum);
		left -= claims[i].quota;
	}
	for (i = 0; i < left; i++)
		claims[i].quota++;
	return max;
}

/* A prime number of slots: every skip leads through all of them. */
static u32 lbdr_mh_next_free(struct lbdr_mh_claim *claim, const u16 *slots,
			     u32 size)
{
	u32 slot;

	do {
		slot = claim->next;
		claim->next += claim->skip;
		if (claim->next >= size)
			claim->next -= size;
	} while (slots[slot] != U16_MAX);
	return slot;
}

/*
 * In a round, the heaviest server has one turn, and the others have so many of
 * them as their weight is of the largest.
 */
static u64 lbdr_mh_round(const struct lbdr_mh_claim *claim, u32 max)
{
	return DIV_ROUND_UP_ULL((u64)(claim->taken + 1) * max,
				claim->entry->weight);
}

static void lbdr_mh_deal(const struct lbdr_pool *pool, u16 *slots,
			 struct lbdr_mh_claim *claims, struct lbdr_turns *turns,
			 u32 max)
{
	u32 size = pool->sched.size, i;
	struct lbdr_mh_claim *claim;

	memset(slots, 0xff, size * sizeof(*slots));
	for (i = 0; i < pool->n; i++)
		if (claims[i].quota)
			lbdr_turns_add(turns, i, lbdr_mh_round(&claims[i], max));

	/* The quotas add up to all slots. */
	while (turns->n) {
		i = lbdr_turns_take(turns).index;
		claim = &claims[i];
		slots[lbdr_mh_next_free(claim, slots, size)] =
			claim->entry - pool->entries;
		if (++claim->taken < claim->quota)
			lbdr_turns_add(turns, i, lbdr_mh_round(claim, max));
		cond_resched();
	}
}

static int lbdr_mh_init(struct lbdr_pool *pool,
			const struct lbdr_roster *roster)
{
	struct lbdr_mh_claim *claims;
	struct lbdr_turns turns = {};
	int err = -ENOMEM;
	u16 *slots;

	BUILD_BUG_ON(LBDR_SERVER_MAX >= U16_MAX);

	slots = kvmalloc_array(pool->sched.size, sizeof(*slots),
			       GFP_KERNEL_ACCOUNT);
	claims = kvmalloc_array(pool->n, sizeof(*claims), GFP_KERNEL);
	if (!slots || !claims || lbdr_turns_alloc(&turns, pool->n)) {
		kvfree(slots);
		goto out;
	}
	lbdr_mh_deal(pool, slots, claims, &turns, lbdr_mh_claim(pool, claims));
	pool->priv = slots;
	err = 0;
out:
	lbdr_turns_free(&turns);
	kvfree(claims);
	return err;
}

static void lbdr_mh_exit(struct lbdr_pool *pool)
{
	kvfree(pool->priv);
}

/* Of numbers, so that directors of either byte order agree. */
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
	return lbdr_sched_open_from(pool, slots[slot]);
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
	.summary	= "by a hash of the client's address that moves few when servers change",
	.flags		= LBDR_SCHED_FLAG_FALLBACK | LBDR_SCHED_FLAG_PORT,
	.stateless	= true,
	.size		= MH_SIZE_DEFAULT,
	.init		= lbdr_mh_init,
	.exit		= lbdr_mh_exit,
	.pick		= lbdr_mh_pick,
	.peek		= lbdr_mh_peek,
};
