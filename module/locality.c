// SPDX-License-Identifier: GPL-2.0
/*
 * What lblc and lblcr remember: which servers a destination address was sent to.
 *
 * The table belongs to a service for as long as it has one of these schedulers,
 * and outlives its pools. Packets find, add and change entries under
 * rcu_read_lock() without a lock:
 *
 * - A chain grows at its head alone, by cmpxchg(): who finds the head changed
 *   since it looked the address up looks again, so no address is there twice.
 *   Under rcu_read_lock() no entry is freed, so an unchanged head is the same
 *   chain, or one that has lost entries, never one that has gained any.
 * - A set of servers is immutable and replaced by cmpxchg(); of two that change
 *   it at the same time one wins, and the other's choice holds for its
 *   connection alone.
 * - The ageing work alone takes entries out.
 *
 * Memory is bounded by lblc_max entries; beyond that a destination is not
 * remembered. An entry that was idle for lblc_expire seconds goes, or after six
 * minutes when three quarters of the room are taken.
 */
#define pr_fmt(fmt) KBUILD_MODNAME ": " fmt

#include <linux/jhash.h>
#include <linux/log2.h>
#include <linux/mm.h>
#include <linux/module.h>
#include <linux/random.h>
#include <net/ipv6.h>

#include "flow.h"
#include "locality.h"
#include "pool.h"
#include "server.h"

#define AGE_PERIOD	(60 * HZ)
#define CROWDED_IDLE	(6 * 60 * HZ)
/* More would not fit into a stamp's 32 bits of jiffies at HZ=1000. */
#define EXPIRE_MAX	(20 * 24 * 3600)
#define HEADS_MIN	256
#define HEADS_MAX	65536

static unsigned int lblc_max = 16384;
module_param(lblc_max, uint, 0644);
MODULE_PARM_DESC(lblc_max,
		 "destinations that a service with lblc or lblcr remembers (default: 16384)");

static unsigned int lblc_expire = 24 * 3600;
module_param(lblc_expire, uint, 0644);
MODULE_PARM_DESC(lblc_expire,
		 "seconds after which lblc and lblcr forget an idle destination, and lblcr makes a set of servers smaller (default: a day, at most 20)");

/**
 * struct lbdr_locality - the table of one service
 * @age: takes idle entries out
 * @users: entries whose memory is not free yet, and one for the service; the
 *	last one frees the table
 * @rcu: takes the entries out after the last packet that saw the table
 * @seed: of the hash
 * @mask: number of @heads, a power of two, less one
 * @heads: chains of entries; pushed to by cmpxchg()
 */
struct lbdr_locality {
	struct delayed_work		age;
	atomic_t			users;
	struct rcu_head			rcu;
	u32				seed;
	u32				mask;
	struct lbdr_locality_entry __rcu *heads[];
};

/**
 * lbdr_locality_expire() - how long an idle destination is remembered
 *
 * Context: any.
 * Return: the module parameter lblc_expire, in jiffies.
 */
u32 lbdr_locality_expire(void)
{
	return min_t(u32, READ_ONCE(lblc_expire), EXPIRE_MAX) * HZ;
}
EXPORT_SYMBOL_FOR_KUNIT(lbdr_locality_expire);

static void lbdr_locality_set_free(struct lbdr_locality_set *set)
{
	u32 i;

	for (i = 0; i < set->n; i++)
		lbdr_server_put(set->servers[i]);
	kfree(set);
}

static void lbdr_locality_set_free_rcu(struct rcu_head *rcu)
{
	lbdr_locality_set_free(container_of(rcu, struct lbdr_locality_set,
					    rcu));
}

static void lbdr_locality_put(struct lbdr_locality *locality)
{
	if (atomic_dec_and_test(&locality->users))
		kvfree(locality);
}

/* Nobody sees the entry any more, and so nobody replaces its set. */
static void lbdr_locality_entry_free(struct lbdr_locality_entry *entry)
{
	lbdr_locality_set_free(rcu_dereference_protected(entry->set, true));
	lbdr_locality_put(entry->owner);
	kfree(entry);
}

static void lbdr_locality_entry_free_rcu(struct rcu_head *rcu)
{
	lbdr_locality_entry_free(container_of(rcu, struct lbdr_locality_entry,
					      rcu));
}

/**
 * lbdr_locality_set_make() - a set of servers
 * @old: the servers to begin with, or NULL for none
 * @leave: one of them that is left out, or NULL
 * @add: one more, or NULL
 *
 * Context: rcu_read_lock() held, BH off.
 * Return: the set, or NULL.
 */
struct lbdr_locality_set *
lbdr_locality_set_make(const struct lbdr_locality_set *old,
		       const struct lbdr_server *leave, struct lbdr_server *add)
{
	u32 i, room = (old ? old->n : 0) + 1;
	struct lbdr_locality_set *set;

	set = kmalloc(struct_size(set, servers, room),
		      GFP_ATOMIC | __GFP_NOWARN);
	if (!set)
		return NULL;
	set->n = 0;
	set->changed = jiffies;
	for (i = 0; old && i < old->n; i++)
		if (old->servers[i] != leave)
			set->servers[set->n++] = old->servers[i];
	if (add)
		set->servers[set->n++] = add;
	for (i = 0; i < set->n; i++)
		lbdr_server_get(set->servers[i]);
	return set;
}

/**
 * lbdr_locality_replace() - other servers for a destination
 * @entry: its entry
 * @old: the set that was seen there
 * @new: the other one, not used by the caller after this
 *
 * Context: rcu_read_lock() held, BH off.
 */
void lbdr_locality_replace(struct lbdr_locality_entry *entry,
			   struct lbdr_locality_set *old,
			   struct lbdr_locality_set *new)
{
	if (unrcu_pointer(cmpxchg(&entry->set, RCU_INITIALIZER(old),
				  RCU_INITIALIZER(new))) == old)
		call_rcu(&old->rcu, lbdr_locality_set_free_rcu);
	else
		lbdr_locality_set_free(new);
}

static struct lbdr_locality_entry __rcu **
lbdr_locality_head(struct lbdr_locality *locality,
		   const struct in6_addr *addr)
{
	u32 hash = jhash2((__force const u32 *)addr->s6_addr32, 4,
			  locality->seed);

	return &locality->heads[hash & locality->mask];
}

/* An IPv4 address is the first word, and the rest is 0. */
static void lbdr_locality_key(const struct lbdr_flow *flow,
			      struct in6_addr *addr)
{
	if (flow->family == LBDR_V6) {
		*addr = flow->v6.vip;
		return;
	}
	memset(addr, 0, sizeof(*addr));
	addr->s6_addr32[0] = flow->v4.vip;
}

static struct lbdr_locality_entry *
lbdr_locality_search(struct lbdr_locality_entry *entry,
		     const struct in6_addr *addr)
{
	for (; entry; entry = rcu_dereference(entry->next))
		if (ipv6_addr_equal(&entry->addr, addr))
			return entry;
	return NULL;
}

/**
 * lbdr_locality_look() - what is remembered of a destination, which stays as idle
 *	as it is
 * @locality: the table
 * @flow: the flow, whose VIP is the destination
 *
 * Context: rcu_read_lock() held.
 * Return: the entry or NULL.
 */
__always_inline struct lbdr_locality_entry *
lbdr_locality_look(struct lbdr_locality *locality, const struct lbdr_flow *flow)
{
	struct in6_addr addr;

	lbdr_locality_key(flow, &addr);
	return lbdr_locality_search(rcu_dereference(*lbdr_locality_head(locality,
									&addr)),
				    &addr);
}
EXPORT_SYMBOL_FOR_KUNIT(lbdr_locality_look);

/**
 * lbdr_locality_find() - what is remembered of a destination
 * @locality: the table
 * @flow: the flow, whose VIP is the destination
 *
 * Context: rcu_read_lock() held, BH off.
 * Return: the entry, its stamp renewed, or NULL.
 */
struct lbdr_locality_entry *lbdr_locality_find(struct lbdr_locality *locality,
					       const struct lbdr_flow *flow)
{
	struct lbdr_locality_entry *entry;

	entry = lbdr_locality_look(locality, flow);
	if (entry && READ_ONCE(entry->stamp) != (u32)jiffies)
		WRITE_ONCE(entry->stamp, jiffies);
	return entry;
}
EXPORT_SYMBOL_FOR_KUNIT(lbdr_locality_find);

static struct lbdr_locality_entry *
lbdr_locality_alloc(struct lbdr_locality *locality,
		    const struct in6_addr *addr, struct lbdr_server *server)
{
	struct lbdr_locality_entry *entry;
	struct lbdr_locality_set *set;

	/* One of the users is the service. */
	if (atomic_inc_return(&locality->users) - 1 > READ_ONCE(lblc_max)) {
		pr_notice_once("a service with lblc or lblcr has lblc_max destinations, %u: further ones are not remembered (told once)\n",
			       READ_ONCE(lblc_max));
		goto err;
	}
	entry = kmalloc(sizeof(*entry), GFP_ATOMIC | __GFP_NOWARN);
	set = lbdr_locality_set_make(NULL, NULL, server);
	if (!entry || !set) {
		kfree(entry);
		if (set)
			lbdr_locality_set_free(set);
		goto err;
	}
	entry->addr = *addr;
	entry->stamp = jiffies;
	entry->owner = locality;
	RCU_INIT_POINTER(entry->set, set);
	return entry;

err:
	lbdr_locality_put(locality);
	return NULL;
}

/**
 * lbdr_locality_add() - remember a destination, if there is room
 * @locality: the table
 * @flow: the flow, whose VIP is the destination
 * @server: its server
 *
 * Context: rcu_read_lock() held, BH off.
 */
void lbdr_locality_add(struct lbdr_locality *locality,
		       const struct lbdr_flow *flow, struct lbdr_server *server)
{
	struct lbdr_locality_entry __rcu **head;
	struct lbdr_locality_entry *entry, *first;
	struct in6_addr addr;

	lbdr_locality_key(flow, &addr);
	entry = lbdr_locality_alloc(locality, &addr, server);
	if (!entry)
		return;
	head = lbdr_locality_head(locality, &addr);
	do {
		first = rcu_dereference(*head);
		if (lbdr_locality_search(first, &addr)) {
			lbdr_locality_entry_free(entry);
			return;
		}
		RCU_INIT_POINTER(entry->next, first);
		/* cmpxchg() orders what the entry holds before it is seen. */
	} while (unrcu_pointer(cmpxchg(head, RCU_INITIALIZER(first),
				       RCU_INITIALIZER(entry))) != first);
}

/**
 * lbdr_locality_strained() - whether a server has more than its share while
 * another one is idle
 * @pool: the pool
 * @server: the server
 *
 * The rule of lblc and lblcr (net/netfilter/ipvs/ip_vs_lblc.c): more active
 * connections than its weight, while some server has not half of its.
 *
 * Context: rcu_read_lock() held.
 */
bool lbdr_locality_strained(const struct lbdr_pool *pool,
			    const struct lbdr_server *server)
{
	const struct lbdr_pool_entry *entry;
	u32 i;

	if (lbdr_server_active(server) <= READ_ONCE(server->weight))
		return false;
	for (i = 0; i < pool->n; i++) {
		entry = &pool->entries[i];
		if (2 * (u64)lbdr_server_active(entry->server) <
		    entry->weight && lbdr_server_open(entry->server))
			return true;
	}
	return false;
}

/*
 * Takes @entry out of the chain of @head, which holds it. Only a push may come
 * in between, and that changes nothing but the head.
 */
static void lbdr_locality_unlink(struct lbdr_locality_entry __rcu **head,
				 struct lbdr_locality_entry *entry)
{
	struct lbdr_locality_entry *next = rcu_dereference(entry->next);
	struct lbdr_locality_entry *at, *first;

	first = unrcu_pointer(cmpxchg(head, RCU_INITIALIZER(entry),
				      RCU_INITIALIZER(next)));
	if (first == entry)
		return;
	for (at = first; rcu_access_pointer(at->next) != entry;)
		at = rcu_dereference(at->next);
	rcu_assign_pointer(at->next, next);
}

/**
 * lbdr_locality_age() - take out what was idle for too long
 * @locality: the table
 * @now: the time, in jiffies
 *
 * Context: process, never twice at a time for one table.
 */
void lbdr_locality_age(struct lbdr_locality *locality, u32 now)
{
	struct lbdr_locality_entry *entry, *next;
	u32 i, limit = lbdr_locality_expire();

	if (atomic_read(&locality->users) > READ_ONCE(lblc_max) / 4 * 3)
		limit = min_t(u32, limit, CROWDED_IDLE);

	for (i = 0; i <= locality->mask; i++) {
		rcu_read_lock();
		entry = rcu_dereference(locality->heads[i]);
		for (; entry; entry = next) {
			next = rcu_dereference(entry->next);
			if (now - READ_ONCE(entry->stamp) <= limit)
				continue;
			lbdr_locality_unlink(&locality->heads[i], entry);
			call_rcu(&entry->rcu, lbdr_locality_entry_free_rcu);
		}
		rcu_read_unlock();
		cond_resched();
	}
}
EXPORT_SYMBOL_FOR_KUNIT(lbdr_locality_age);

static void lbdr_locality_age_work(struct work_struct *work)
{
	struct lbdr_locality *locality = container_of(to_delayed_work(work),
						      struct lbdr_locality,
						      age);

	lbdr_locality_age(locality, jiffies);
	queue_delayed_work(system_power_efficient_wq, &locality->age,
			   AGE_PERIOD);
}

/**
 * lbdr_locality_open() - a table for a service
 *
 * Context: process.
 * Return: the table, or NULL.
 */
void *lbdr_locality_open(void)
{
	u32 heads = clamp_t(u32, READ_ONCE(lblc_max) / 2, HEADS_MIN, HEADS_MAX);
	struct lbdr_locality *locality;

	heads = roundup_pow_of_two(heads);
	locality = kvzalloc(struct_size(locality, heads, heads),
			    GFP_KERNEL_ACCOUNT);
	if (!locality)
		return NULL;
	locality->mask = heads - 1;
	locality->seed = get_random_u32();
	atomic_set(&locality->users, 1);
	INIT_DELAYED_WORK(&locality->age, lbdr_locality_age_work);
	queue_delayed_work(system_power_efficient_wq, &locality->age,
			   AGE_PERIOD);
	return locality;
}

/*
 * Callbacks have no order between CPUs: entries that the ageing took out may be
 * freed after this, and the table with the last of them.
 */
static void lbdr_locality_close_rcu(struct rcu_head *rcu)
{
	struct lbdr_locality *locality = container_of(rcu, struct lbdr_locality,
						      rcu);
	struct lbdr_locality_entry *entry, *next;
	u32 i;

	for (i = 0; i <= locality->mask; i++) {
		entry = rcu_dereference_protected(locality->heads[i], true);
		for (; entry; entry = next) {
			next = rcu_dereference_protected(entry->next, true);
			lbdr_locality_entry_free(entry);
		}
	}
	lbdr_locality_put(locality);
}

/**
 * lbdr_locality_close() - the service has another scheduler, or is gone
 * @memory: the table
 *
 * Context: process.
 */
void lbdr_locality_close(void *memory)
{
	struct lbdr_locality *locality = memory;

	cancel_delayed_work_sync(&locality->age);
	call_rcu(&locality->rcu, lbdr_locality_close_rcu);
}
