// SPDX-License-Identifier: GPL-2.0
/*
 * The destination table of lblc and lblcr: the servers of each destination
 * address.
 *
 * The table is the scheduler's state of one service and outlives its pools.
 * Packets find, add and update entries under rcu_read_lock() without a lock:
 *
 * - Entries are added only at the head of a hash bucket, by cmpxchg(). If the head
 *   has changed since the address was looked up, the lookup is repeated, so that
 *   no address is in the table twice. No entry is freed under rcu_read_lock(), so
 *   an unchanged head means that no entry was added, although entries may have
 *   been removed.
 * - A set of servers is immutable and is replaced by cmpxchg(). If two CPUs update
 *   a set at the same time, one update is lost; the server that was selected then
 *   gets that one connection.
 * - Only the garbage collector removes entries.
 *
 * Memory is limited by lblc_max entries of a namespace and lblc_max_all entries of all
 * namespaces, of which namespaces that are not owned by the initial user namespace may
 * use one half. Destinations beyond that limit are not
 * added. The collector removes entries that were not used for lblc_expire
 * seconds, or for six minutes while the table is more than three quarters full.
 *
 * A server that was removed from the service leaves a set when the set is replaced,
 * at the latest by the collector, so its memory is not held for longer than
 * GC_PERIOD.
 */
#define pr_fmt(fmt) KBUILD_MODNAME ": " fmt

#include <linux/jhash.h>
#include <linux/log2.h>
#include <linux/mm.h>
#include <linux/module.h>
#include <linux/random.h>
#include <net/ipv6.h>

#include "flow.h"
#include "lbdr.h"
#include "limit.h"
#include "locality.h"
#include "reclaim.h"
#include "server.h"

#define GC_PERIOD		(60 * HZ)
#define EXPIRE_NEARLY_FULL	(6 * 60 * HZ)
/* Limit of lblc_expire: 32 bits of jiffies overflow at more with HZ=1000. */
#define EXPIRE_MAX		(20 * 24 * 3600)
#define BUCKETS_MIN		256
#define BUCKETS_MAX		65536
/* Buckets visited between two calls of cond_resched() */
#define BUCKETS_BATCH		256

static unsigned int lblc_max = 16384;
module_param(lblc_max, uint, 0644);
MODULE_PARM_DESC(lblc_max,
		 "maximum number of destinations in the tables of a network namespace's services with lblc or lblcr (default: 16384)");

unsigned int lbdr_locality_max_all = 1 << 19;
EXPORT_SYMBOL_FOR_KUNIT(lbdr_locality_max_all);
module_param_named(lblc_max_all, lbdr_locality_max_all, uint, 0644);
MODULE_PARM_DESC(lblc_max_all,
		 "maximum number of destinations in the tables of all network namespaces (default: 524288)");

/* Entries of all namespaces whose memory is not freed yet */
static atomic_t lbdr_locality_total;

static unsigned int lblc_expire = 24 * 3600;
module_param(lblc_expire, uint, 0644);
MODULE_PARM_DESC(lblc_expire,
		 "seconds after which lblc and lblcr remove an unused destination, and lblcr removes a server from an unchanged set (default: 86400, a day; maximum: 20 days)");

/**
 * struct lbdr_locality - the destination table of one service
 * @gc: the garbage collector
 * @refs: number of entries whose memory is not freed yet, plus one for the
 *	service; the table is freed with the last one
 * @ln: the namespace
 * @reclaim: removes all entries after a grace period
 * @seed: of the hash
 * @mask: number of @buckets, a power of two, minus one
 * @buckets: heads of the entry lists; RCU, added to by cmpxchg()
 */
struct lbdr_locality {
	struct delayed_work		gc;
	atomic_t			refs;
	struct lbdr_net			*ln;
	struct lbdr_reclaim		reclaim;
	u32				seed;
	u32				mask;
	struct lbdr_locality_entry __rcu *buckets[];
};

/**
 * lbdr_locality_expire() - Get the time after which unused destinations expire
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

static void lbdr_locality_put(struct lbdr_locality *table)
{
	if (atomic_dec_and_test(&table->refs))
		kvfree(table);
}

static void lbdr_locality_uncharge(struct lbdr_net *ln)
{
	atomic_dec(&lbdr_locality_total);
	atomic_dec(&ln->n_destinations);
}

/* Counts an entry. Returns false if the namespace may not have another one. */
static bool lbdr_locality_charge(struct lbdr_net *ln)
{
	u32 max = READ_ONCE(lblc_max), max_all = READ_ONCE(lbdr_locality_max_all);
	u32 n = atomic_inc_return(&ln->n_destinations);
	u32 n_all = atomic_inc_return(&lbdr_locality_total);

	if (n <= max && n_all <= (ln->user ? max_all / 2 : max_all))
		return true;
	if (!ln->user)
		pr_notice_once("the destination tables of lblc and lblcr are full (lblc_max: %u, lblc_max_all: %u): new destinations are not added (logged once)\n",
			       max, max_all);
	lbdr_locality_uncharge(ln);
	return false;
}

/* No reader is left, so that the set cannot be replaced any more. */
static void lbdr_locality_entry_free(struct lbdr_locality_entry *entry)
{
	lbdr_locality_uncharge(entry->table->ln);
	lbdr_locality_set_free(rcu_dereference_protected(entry->set, true));
	lbdr_locality_put(entry->table);
	kfree(entry);
}

static void lbdr_locality_entry_free_rcu(struct rcu_head *rcu)
{
	lbdr_locality_entry_free(container_of(rcu, struct lbdr_locality_entry,
					      rcu));
}

/*
 * Allocate a set: the servers of @old, which may be NULL, without @del, which is
 * NULL or one of them, and without removed ones, and with @add, which is NULL or
 * none of them. NULL if no server is left or if there is no memory.
 */
static struct lbdr_locality_set *
lbdr_locality_set_alloc(const struct lbdr_locality_set *old,
			const struct lbdr_server *del, struct lbdr_server *add)
{
	const struct lbdr_net *ln = add ? add->ln : old->servers[0]->ln;
	u32 i, n = (old ? old->n : 0) + !!add;
	struct lbdr_locality_set *set;

	set = lbdr_limit_alloc(ln, struct_size(set, servers, n));
	if (!set)
		return NULL;
	set->n = 0;
	set->changed = jiffies;
	for (i = 0; old && i < old->n; i++)
		if (old->servers[i] != del && !READ_ONCE(old->servers[i]->dead))
			set->servers[set->n++] = old->servers[i];
	if (add)
		set->servers[set->n++] = add;
	if (!set->n) {
		kfree(set);
		return NULL;
	}
	for (i = 0; i < set->n; i++)
		lbdr_server_get(set->servers[i]);
	return set;
}

/**
 * lbdr_locality_update() - Replace the set of servers of a destination
 * @entry: the destination
 * @old: the set that the caller has read from the entry
 * @del: a server of @old to remove, or NULL
 * @add: a server to add that is not in @old, or NULL
 *
 * Servers that were removed from the service are not taken over. The set stays as it
 * is if another CPU has replaced @old in the meantime, if no server would be left, or
 * if there is no memory.
 *
 * Context: rcu_read_lock() held.
 */
void lbdr_locality_update(struct lbdr_locality_entry *entry,
			  struct lbdr_locality_set *old,
			  const struct lbdr_server *del,
			  struct lbdr_server *add)
{
	struct lbdr_locality_set *new;

	new = lbdr_locality_set_alloc(old, del, add);
	if (!new)
		return;
	if (unrcu_pointer(cmpxchg(&entry->set, RCU_INITIALIZER(old),
				  RCU_INITIALIZER(new))) == old)
		call_rcu(&old->rcu, lbdr_locality_set_free_rcu);
	else
		lbdr_locality_set_free(new);
}

static struct lbdr_locality_entry __rcu **
lbdr_locality_bucket(struct lbdr_locality *table, const struct in6_addr *addr)
{
	u32 hash = jhash2((__force const u32 *)addr->s6_addr32, 4, table->seed);

	return &table->buckets[hash & table->mask];
}

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
 * lbdr_locality_peek() - Look up a destination without updating its time of use
 * @table: the table
 * @flow: the flow, whose VIP is the destination
 *
 * Context: rcu_read_lock() held.
 * Return: the entry, or NULL if not found.
 */
__always_inline struct lbdr_locality_entry *
lbdr_locality_peek(struct lbdr_locality *table, const struct lbdr_flow *flow)
{
	struct in6_addr addr;

	lbdr_locality_key(flow, &addr);
	return lbdr_locality_search(rcu_dereference(*lbdr_locality_bucket(table,
									  &addr)),
				    &addr);
}
EXPORT_SYMBOL_FOR_KUNIT(lbdr_locality_peek);

/**
 * lbdr_locality_find() - Look up a destination and update its time of use
 * @table: the table
 * @flow: the flow, whose VIP is the destination
 *
 * Context: rcu_read_lock() held, BH disabled.
 * Return: the entry, or NULL if not found.
 */
struct lbdr_locality_entry *lbdr_locality_find(struct lbdr_locality *table,
					       const struct lbdr_flow *flow)
{
	struct lbdr_locality_entry *entry;

	entry = lbdr_locality_peek(table, flow);
	/* Write at most once a jiffy: CPUs share the cache line. */
	if (entry && READ_ONCE(entry->used) != (u32)jiffies)
		WRITE_ONCE(entry->used, jiffies);
	return entry;
}
EXPORT_SYMBOL_FOR_KUNIT(lbdr_locality_find);

static struct lbdr_locality_entry *
lbdr_locality_entry_alloc(struct lbdr_locality *table,
			  const struct in6_addr *addr,
			  struct lbdr_server *server)
{
	struct lbdr_net *ln = server->ln;
	struct lbdr_locality_entry *entry;
	struct lbdr_locality_set *set;

	atomic_inc(&table->refs);
	if (!lbdr_locality_charge(ln))
		goto err_put;
	entry = lbdr_limit_alloc(ln, sizeof(*entry));
	if (!entry)
		goto err_uncharge;
	set = lbdr_locality_set_alloc(NULL, NULL, server);
	if (!set)
		goto err_free;
	entry->addr = *addr;
	entry->used = jiffies;
	entry->table = table;
	RCU_INIT_POINTER(entry->set, set);
	return entry;

err_free:
	kfree(entry);
err_uncharge:
	lbdr_locality_uncharge(ln);
err_put:
	lbdr_locality_put(table);
	return NULL;
}

/**
 * lbdr_locality_add() - Add a destination with one server
 * @table: the table
 * @flow: the flow, whose VIP is the destination
 * @server: the server
 *
 * The destination is not added if the table is full or if there is no memory. An
 * entry that another CPU has added in the meantime stays as it is.
 *
 * Context: rcu_read_lock() held, BH disabled.
 */
void lbdr_locality_add(struct lbdr_locality *table,
		       const struct lbdr_flow *flow, struct lbdr_server *server)
{
	struct lbdr_locality_entry __rcu **bucket;
	struct lbdr_locality_entry *entry, *first;
	struct in6_addr addr;

	lbdr_locality_key(flow, &addr);
	entry = lbdr_locality_entry_alloc(table, &addr, server);
	if (!entry)
		return;
	bucket = lbdr_locality_bucket(table, &addr);
	do {
		first = rcu_dereference(*bucket);
		if (lbdr_locality_search(first, &addr)) {
			lbdr_locality_entry_free(entry);
			return;
		}
		RCU_INIT_POINTER(entry->next, first);
		/*
		 * cmpxchg() is a full barrier; it pairs with rcu_dereference()
		 * of the bucket.
		 */
	} while (unrcu_pointer(cmpxchg(bucket, RCU_INITIALIZER(first),
				       RCU_INITIALIZER(entry))) != first);
}

/*
 * Remove @entry from @bucket. Packets may add entries at the head at the same
 * time, and change nothing else.
 */
static void lbdr_locality_unlink(struct lbdr_locality_entry __rcu **bucket,
				 struct lbdr_locality_entry *entry)
{
	struct lbdr_locality_entry *next = rcu_dereference(entry->next);
	struct lbdr_locality_entry *prev, *first;

	first = unrcu_pointer(cmpxchg(bucket, RCU_INITIALIZER(entry),
				      RCU_INITIALIZER(next)));
	if (first == entry)
		return;
	for (prev = first; rcu_access_pointer(prev->next) != entry;)
		prev = rcu_dereference(prev->next);
	rcu_assign_pointer(prev->next, next);
}

static u32 lbdr_locality_removed(const struct lbdr_locality_set *set)
{
	u32 i, n = 0;

	for (i = 0; i < set->n; i++)
		n += READ_ONCE(set->servers[i]->dead);
	return n;
}

/*
 * Take removed servers out of the set of a destination. Returns false if no other
 * server is left. A packet that replaces the set at the same time does the same.
 */
static bool lbdr_locality_prune(struct lbdr_locality_entry *entry)
{
	struct lbdr_locality_set *set = rcu_dereference(entry->set);
	u32 removed = lbdr_locality_removed(set);

	if (removed == set->n)
		return false;
	if (removed)
		lbdr_locality_update(entry, set, NULL, NULL);
	return true;
}

/**
 * lbdr_locality_gc() - Remove expired destinations and removed servers
 * @table: the table
 * @now: the current time, in jiffies
 *
 * Context: process; calls for the same table must not overlap.
 */
void lbdr_locality_gc(struct lbdr_locality *table, u32 now)
{
	struct lbdr_locality_entry *entry, *next;
	const struct lbdr_net *ln = table->ln;
	u32 i, limit = lbdr_locality_expire();
	s32 idle;

	if (atomic_read(&ln->n_destinations) > READ_ONCE(lblc_max) / 4 * 3)
		limit = min_t(u32, limit, EXPIRE_NEARLY_FULL);

	for (i = 0; i <= table->mask; i++) {
		if (i % BUCKETS_BATCH == 0)
			cond_resched();
		if (!rcu_access_pointer(table->buckets[i]))
			continue;
		rcu_read_lock();
		entry = rcu_dereference(table->buckets[i]);
		for (; entry; entry = next) {
			next = rcu_dereference(entry->next);
			/* Negative if another CPU has used it since @now. */
			idle = now - READ_ONCE(entry->used);
			if (idle <= (s32)limit && lbdr_locality_prune(entry))
				continue;
			lbdr_locality_unlink(&table->buckets[i], entry);
			call_rcu(&entry->rcu, lbdr_locality_entry_free_rcu);
		}
		rcu_read_unlock();
	}
}
EXPORT_SYMBOL_FOR_KUNIT(lbdr_locality_gc);

static void lbdr_locality_gc_work(struct work_struct *work)
{
	struct lbdr_locality *table = container_of(to_delayed_work(work),
						   struct lbdr_locality, gc);

	lbdr_locality_gc(table, jiffies);
	queue_delayed_work(lbdr_wq_of(table->ln), &table->gc, GC_PERIOD);
}

/**
 * lbdr_locality_alloc() - Allocate the table of a service
 * @ln: the namespace
 *
 * Context: process, may sleep.
 * Return: the table, or NULL if out of memory.
 */
void *lbdr_locality_alloc(struct lbdr_net *ln)
{
	u32 n = clamp_t(u32, READ_ONCE(lblc_max) / 2, BUCKETS_MIN, BUCKETS_MAX);
	struct lbdr_locality *table;

	n = roundup_pow_of_two(n);
	table = kvzalloc(struct_size(table, buckets, n), GFP_KERNEL_ACCOUNT);
	if (!table)
		return NULL;
	table->mask = n - 1;
	table->seed = get_random_u32();
	atomic_set(&table->refs, 1);
	table->ln = ln;
	INIT_DELAYED_WORK(&table->gc, lbdr_locality_gc_work);
	queue_delayed_work(lbdr_wq_of(table->ln), &table->gc, GC_PERIOD);
	return table;
}

/*
 * RCU callbacks run in any order on different CPUs: callbacks of entries that the
 * collector removed can run after this function. The last entry frees the table.
 */
static void lbdr_locality_reclaim(struct lbdr_reclaim *reclaim)
{
	struct lbdr_locality *table = container_of(reclaim, struct lbdr_locality,
						   reclaim);
	struct lbdr_locality_entry *entry, *next;
	u32 i;

	for (i = 0; i <= table->mask; i++) {
		if (i % BUCKETS_BATCH == 0)
			cond_resched();
		entry = rcu_dereference_protected(table->buckets[i], true);
		for (; entry; entry = next) {
			next = rcu_dereference_protected(entry->next, true);
			lbdr_locality_entry_free(entry);
		}
	}
	lbdr_locality_put(table);
}

/**
 * lbdr_locality_free() - Free the table of a service after a grace period
 * @state: the table
 *
 * Context: process, may sleep.
 */
void lbdr_locality_free(void *state)
{
	struct lbdr_locality *table = state;

	cancel_delayed_work_sync(&table->gc);
	lbdr_reclaim(&table->reclaim, lbdr_locality_reclaim);
}
