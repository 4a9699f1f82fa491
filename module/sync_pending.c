// SPDX-License-Identifier: GPL-2.0
/*
 * Records of a backup that wait for their service or server.
 *
 * The programs that configure two directors do not do so at the same time, and a health
 * checker adds a server when its first check has succeeded. A record waits for as long as
 * its connection would exist, at most WAIT_MAX, and is applied when a service or server is
 * added. Those that have waited longer are freed at the next record of their hash bucket,
 * and all of them once a minute. A later record of the same connection replaces an earlier
 * one, unless it is a copy. There are at most 1/8 as many as the namespace may hold connections.
 *
 * The table belongs to the work items of the roles that receive. lbdr_net.lock protects it,
 * since they share it, and it is freed when the last of them stops.
 */
#include <linux/log2.h>
#include <linux/random.h>
#include <linux/siphash.h>
#include <linux/slab.h>

#include "lbdr.h"
#include "limit.h"
#include "sync.h"
#include "sync_wire.h"

#define SHARE		8
/* The log2 of the smallest and of the largest number of buckets */
#define BITS_MIN	8
#define BITS_MAX	20
/* Seconds that a record waits, of version 0 and at most */
#define WAIT_DEFAULT	180U
#define WAIT_MAX	900U

/**
 * struct lbdr_sync_waiting - a record that waits
 * @node: in the table
 * @since: jiffies when it was received
 * @record: the record
 */
struct lbdr_sync_waiting {
	struct hlist_node		node;
	unsigned long			since;
	struct lbdr_sync_record		record;
};

/*
 * Returns the hash bucket of a record. All that lbdr_sync_pending_same() compares is hashed:
 * what is not could be varied to fill one bucket.
 */
static struct hlist_head *lbdr_sync_pending_head(const struct lbdr_sync_pending *pending,
						 const struct lbdr_sync_record *record)
{
	const struct {
		union nf_inet_addr	client, vip;
		u32			ports, fwmark;
		u32			protocol, flags;
	} __aligned(SIPHASH_ALIGNMENT) key = {
		.client		= record->client,
		.vip		= record->vip,
		.ports		= (u32)(__force u16)record->cport << 16 |
				  (__force u16)record->vport,
		.fwmark		= record->fwmark,
		.protocol	= record->family << 8 | record->protocol,
		.flags		= record->flags & LBDR_SYNC_FLAG_TEMPLATE,
	};

	return &pending->table[siphash(&key, sizeof(key), &pending->secret) >>
			       (64 - pending->bits)];
}

static bool lbdr_sync_pending_same(const struct lbdr_sync_record *a,
				   const struct lbdr_sync_record *b)
{
	return a->family == b->family && a->protocol == b->protocol &&
	       a->cport == b->cport && a->vport == b->vport && a->fwmark == b->fwmark &&
	       nf_inet_addr_cmp(&a->client, &b->client) &&
	       nf_inet_addr_cmp(&a->vip, &b->vip) &&
	       (a->flags & LBDR_SYNC_FLAG_TEMPLATE) == (b->flags & LBDR_SYNC_FLAG_TEMPLATE);
}

/* Seconds for which a record has waited. */
static u32 lbdr_sync_pending_waited(const struct lbdr_sync_waiting *waiting)
{
	return (jiffies - waiting->since) / HZ;
}

/* Returns true if a record has waited long enough. */
static bool lbdr_sync_pending_over(const struct lbdr_sync_waiting *waiting)
{
	return lbdr_sync_pending_waited(waiting) >=
	       min(waiting->record.timeout ?: WAIT_DEFAULT, WAIT_MAX);
}

static void lbdr_sync_pending_del(struct lbdr_net *ln, struct lbdr_sync_waiting *waiting)
{
	hlist_del(&waiting->node);
	kfree(waiting);
	WRITE_ONCE(ln->sync.pending.n, ln->sync.pending.n - 1);
}

/**
 * lbdr_sync_pending_init() - Allocate the table
 * @ln: the namespace
 *
 * Context: process.
 * Return: 0 or -ENOMEM.
 */
int lbdr_sync_pending_init(struct lbdr_net *ln)
{
	struct lbdr_sync_pending *pending = &ln->sync.pending;
	struct hlist_head *table;
	u32 bits;

	/*
	 * Four to eight records a bucket when there are as many as there may be: a front
	 * end may raise lbdr_net.conns_max later.
	 */
	bits = clamp_t(int, ilog2(lbdr_limit_conns_most(ln) / SHARE | 1) - 2, BITS_MIN,
		       BITS_MAX);
	table = kvcalloc(BIT(bits), sizeof(*table), GFP_KERNEL_ACCOUNT);
	if (!table)
		return -ENOMEM;
	lbdr_lock(ln);
	pending->table = table;
	pending->bits = bits;
	pending->n = 0;
	get_random_bytes(&pending->secret, sizeof(pending->secret));
	lbdr_unlock(ln);
	return 0;
}

/**
 * lbdr_sync_pending_exit() - Free the table and its records
 * @ln: the namespace
 *
 * Context: process; takes lbdr_net.lock, and frees without it.
 */
void lbdr_sync_pending_exit(struct lbdr_net *ln)
{
	struct lbdr_sync_pending *pending = &ln->sync.pending;
	struct lbdr_sync_waiting *waiting;
	struct hlist_head *table;
	struct hlist_node *next;
	u32 i;

	lbdr_lock(ln);
	table = pending->table;
	pending->table = NULL;
	WRITE_ONCE(pending->n, 0);
	lbdr_unlock(ln);
	for (i = 0; i < BIT(pending->bits); i++) {
		hlist_for_each_entry_safe(waiting, next, &table[i], node)
			kfree(waiting);
		cond_resched();
	}
	kvfree(table);
}

/**
 * lbdr_sync_pending_add() - Let a record wait for its service or server
 * @ln: the namespace
 * @record: the record
 *
 * Context: process, lbdr_net.lock held.
 * Return: false if there is no room or memory.
 */
bool lbdr_sync_pending_add(struct lbdr_net *ln, const struct lbdr_sync_record *record)
{
	struct lbdr_sync_pending *pending = &ln->sync.pending;
	struct lbdr_sync_waiting *waiting;
	struct hlist_node *next;
	struct hlist_head *head;
	bool same;

	lockdep_assert_held(&ln->lock);

	/* The last role stops. */
	if (!pending->table)
		return false;
	head = lbdr_sync_pending_head(pending, record);
	hlist_for_each_entry_safe(waiting, next, head, node) {
		same = lbdr_sync_pending_same(&waiting->record, record);
		if (lbdr_sync_pending_over(waiting))
			lbdr_sync_pending_del(ln, waiting);
		else if (same && record->flags & LBDR_SYNC_FLAG_COPY)
			return true;
		else if (same)
			lbdr_sync_pending_del(ln, waiting);
	}
	if (pending->n >= lbdr_limit_conns(ln) / SHARE)
		return false;
	/* Charged as connections are: this is a work item, not a task of the owner. */
	waiting = lbdr_limit_alloc(ln, sizeof(*waiting));
	if (!waiting)
		return false;
	waiting->record = *record;
	waiting->since = jiffies;
	hlist_add_head(&waiting->node, head);
	WRITE_ONCE(pending->n, pending->n + 1);
	return true;
}

/**
 * lbdr_sync_pending_drop() - Forget the earlier record of a connection
 * @ln: the namespace
 * @record: a later record of the connection, which does not wait
 *
 * Context: process, lbdr_net.lock held.
 */
void lbdr_sync_pending_drop(struct lbdr_net *ln, const struct lbdr_sync_record *record)
{
	struct lbdr_sync_pending *pending = &ln->sync.pending;
	struct lbdr_sync_waiting *waiting;
	struct hlist_node *next;

	lockdep_assert_held(&ln->lock);

	if (!pending->n)
		return;
	hlist_for_each_entry_safe(waiting, next, lbdr_sync_pending_head(pending, record),
				  node)
		if (lbdr_sync_pending_same(&waiting->record, record))
			lbdr_sync_pending_del(ln, waiting);
}

/**
 * lbdr_sync_pending_retry() - Apply the records whose service and server exist now
 * @ln: the namespace
 * @apply: returns true if the record has to wait no longer. It gets the time left in
 *	@record->timeout
 *
 * Context: process; takes lbdr_net.lock for one hash bucket at a time.
 */
void lbdr_sync_pending_retry(struct lbdr_net *ln,
			     bool (*apply)(struct lbdr_net *ln,
					   const struct lbdr_sync_record *record))
{
	struct lbdr_sync_waiting *waiting;
	struct lbdr_sync_record record;
	struct hlist_node *next;
	u32 i;

	for (i = 0; READ_ONCE(ln->sync.pending.n); i++) {
		lbdr_lock(ln);
		if (!ln->sync.pending.table || i == BIT(ln->sync.pending.bits)) {
			lbdr_unlock(ln);
			return;
		}
		hlist_for_each_entry_safe(waiting, next, &ln->sync.pending.table[i], node) {
			record = waiting->record;
			if (record.timeout)
				record.timeout -= min(record.timeout,
						      lbdr_sync_pending_waited(waiting));
			if (lbdr_sync_pending_over(waiting) || apply(ln, &record))
				lbdr_sync_pending_del(ln, waiting);
		}
		lbdr_unlock(ln);
		cond_resched();
	}
}
EXPORT_SYMBOL_FOR_KUNIT(lbdr_sync_pending_retry);
