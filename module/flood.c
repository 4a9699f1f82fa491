// SPDX-License-Identifier: GPL-2.0
/*
 * Flood handling: what to do when the connection table is nearly full or conn_rate is
 * exceeded.
 *
 * First packets from forged sources fill a connection table in seconds, and an attacker
 * can forge further packets of each flow. Connections that have been in use for some
 * time must not be affected, honest clients should still get through, and a flood of
 * one service must not affect another one.
 *
 * Trigger: fewer than 1/16 of conn_max entries are free, there was no memory for a
 * connection within a second (limit.c), or more than conn_rate new connections arrived
 * within a second.
 *
 * If the scheduler chooses by a hash of the packet (mh, sh), the same client always gets
 * the same server. New connections are then forwarded without an entry. Later packets of
 * such a flow find no connection; they are scheduled again as long as such a flow may
 * exist, and get an entry when there is room: a half-open one, for they may be forged.
 *
 * With any other scheduler, a new connection replaces another one:
 *
 * 1. Shares. Each service that holds connections is guaranteed conn_max / (2 x number of
 *    such services) entries. A service above its share replaces its own connections. A
 *    service within its share replaces those of services above theirs. Only where there
 *    are none of these, connections are replaced of the service itself, or of a service
 *    above its share that has more connections, and then no established ones.
 * 2. Ranks. Half-open connections (one packet of the client was seen) come first, then
 *    those whose stamp was renewed fewer than LBDR_FLOOD_RENEWALS times, then the
 *    others (established ones), if they have been idle for ESTABLISHED_IDLE. The last
 *    are replaced only if the table itself is nearly full, without the memory that
 *    waits for a grace period, and if SAMPLE_TRIES samples in a row have no
 *    others: where most connections are established, a single sample may have none
 *    of the others by chance.
 * 3. Within a rank, the connection that has been idle for longest comes first.
 *
 * Sorting the table would cost every packet, so a sample is sorted: the connections of
 * SAMPLE_BUCKETS hash buckets from a random one on. A resize may last, since a flood occupies
 * the CPU that it needs. New connections are in the next table meanwhile, so the sample is of
 * both. The buckets of the idler half of
 * those of the first rank become the candidates, which are kept for the next new
 * connections on this CPU, so that a new connection costs a lookup or two on average.
 * Half-open connections that are rare in the sample are passed over if there are others
 * of the next rank: in a flood of the latter, the few are honest clients in a handshake.
 * That does not apply while much memory waits for a grace period: then the half-open
 * connections of a flood of SYNs are few as well, since they were just removed, and the
 * next rank has the transfers that began a moment ago. Several samples in a row must have
 * no half-open connection before one of the next rank is replaced.
 *
 * The samples are per CPU and used with BH off, under a lock of the CPU that does
 * something with PREEMPT_RT only: there a section with BH off may be preempted by another
 * one, which would change the sample under it. A candidate is the number of a bucket,
 * since the connections in it may be freed before the candidate is used. Its bucket is
 * searched again, and the connection is removed only if its state has not changed since
 * (cmpxchg). Candidates of another namespace, or older than SAMPLE_AGE, are not used.
 *
 * Who may replace a candidate depends on the service, see 1. above, so there are several
 * samples: one for all services within their shares, which replace the same connections,
 * and those of the SAMPLE_SERVICES that needed one last. Else each of two flooded services
 * would throw away what was found for the other one, and search for every packet.
 *
 * While the table is more than half full, the timeouts of connections that are not
 * established, of services above their share, shrink (lbdr_flood_scale()).
 */
#include <linux/math64.h>
#include <linux/module.h>
#include <linux/random.h>

#include "conn.h"
#include "flood.h"
#include "flow.h"
#include "lbdr.h"
#include "limit.h"
#include "pool.h"
#include "sched.h"
#include "service.h"
#include "state.h"
#include "stats.h"

/* Buckets that are searched for a sample, and connections in it at most */
#define SAMPLE_BUCKETS	128
#define SAMPLE_MAX	64
/* Samples of single services */
#define SAMPLE_SERVICES	2
/* Time after which the rest of a sample is discarded */
#define SAMPLE_AGE	(HZ / 4)
/* Time after which the tables are searched again if there were no candidates */
#define SAMPLE_RETRY	(HZ / 100 ?: 1)
/* Half-open connections are rare if fewer than 1/SAMPLE_RARE of a sample. */
#define SAMPLE_RARE	16
/* Samples in a row that must consist of the last rank before one of it is replaced */
#define SAMPLE_TRIES	8

/* An established connection that was renewed since is not replaced. */
#define ESTABLISHED_IDLE	(2 * HZ)

/*
 * Services above their share leave the last 1/RESERVE of the entries to others. In a
 * flood, connections that were replaced occupy memory until a grace period has passed.
 */
#define RESERVE		32

/* Order of replacement; FLOOD_RANKS stands for a connection that is not replaced. */
enum lbdr_flood_rank {
	FLOOD_HALF_OPEN,
	FLOOD_FEW_RENEWALS,
	FLOOD_ESTABLISHED,
	FLOOD_RANKS,
};

/**
 * struct lbdr_candidate - a connection that may be replaced
 * @idle: jiffies since its last packet, when it was sampled
 * @at: its hash bucket, counted from the first one of the sample
 * @rank: enum lbdr_flood_rank
 * @next: the bucket is one of the table that a resize moves connections to
 */
struct lbdr_candidate {
	u32	idle;
	u8	at;
	u8	rank;
	bool	next;
};

/**
 * struct lbdr_sample - candidates
 * @ln: the namespace; compared only
 * @service: the service for which the table was searched, NULL for those within their
 *	shares; compared only
 * @last_resort: &lbdr_flood_claim.last_resort of the search
 * @worst: &lbdr_flood_claim.worst of the search
 * @family: the table that was searched
 * @taken: jiffies when the table was searched
 * @vain: jiffies when a search without @last_resort was in vain
 * @first: number of the first bucket that was searched
 * @next: index of the next candidate
 * @n: number of candidates
 * @candidates: in the order of replacement
 */
struct lbdr_sample {
	const struct lbdr_net		*ln;
	const struct lbdr_service	*service;
	bool				last_resort;
	u8				worst;
	enum lbdr_family		family;
	unsigned long			taken;
	unsigned long			vain;
	u32				first;
	u32				next;
	u32				n;
	struct lbdr_candidate		candidates[SAMPLE_MAX];
};

/**
 * struct lbdr_samples - samples of one CPU
 * @lock: protects the other members against preemption, with BH off
 * @within: for services within their shares
 * @services: for single services
 * @last: index of the last one that was replaced
 */
struct lbdr_samples {
	local_lock_t		lock;
	struct lbdr_sample	within;
	struct lbdr_sample	services[SAMPLE_SERVICES];
	u32			last;
};

static DEFINE_PER_CPU(struct lbdr_samples, lbdr_samples) = {
	.lock = INIT_LOCAL_LOCK(lock),
};

unsigned int lbdr_flood_rate;
EXPORT_SYMBOL_FOR_KUNIT(lbdr_flood_rate);

module_param_named(conn_rate, lbdr_flood_rate, uint, 0644);
MODULE_PARM_DESC(conn_rate,
		 "new connections per second and network namespace; above this rate they are forwarded without an entry (mh, sh) or replace a half-open one (default: 0, no limit)");

/*
 * Returns true if the one-second interval from @start on has ended. It has not if
 * another CPU has just started it, so that it begins after jiffies as read here.
 */
static bool lbdr_flood_interval_over(u32 start)
{
	s32 age = (u32)jiffies - start;

	return age >= HZ || age < -HZ;
}

/*
 * Counts a new connection and compares. The first packet after the end of a one-second
 * interval starts the next one; cmpxchg() lets one CPU reset the counter. Connections
 * that other CPUs count during the reset may be lost, which only delays the limit.
 */
static bool lbdr_flood_over_rate(struct lbdr_net *ln, u32 rate)
{
	u32 start = READ_ONCE(ln->rate_start);

	if (lbdr_flood_interval_over(start) &&
	    cmpxchg(&ln->rate_start, start, (u32)jiffies) == start)
		atomic_set(&ln->rate_count, 0);
	return (u32)atomic_inc_return(&ln->rate_count) > rate;
}

/**
 * lbdr_flood_stateless() - Check if a service can forward without connections
 * @service: the service
 *
 * Context: rcu_read_lock() held.
 * Return: true if the scheduler always chooses the same server for a flow and the
 * service has no persistence, which needs stored state.
 */
bool lbdr_flood_stateless(const struct lbdr_service *service)
{
	const struct lbdr_pool *pool = rcu_dereference(service->pool);

	return pool && pool->sched.ops->stateless &&
	       !READ_ONCE(service->settings.persist);
}

/**
 * lbdr_flood_extend() - Note that a flow may exist that has no connection
 * @ln: the namespace
 *
 * Context: any.
 */
void lbdr_flood_extend(struct lbdr_net *ln)
{
	/* 0 stands for never. */
	unsigned long now = jiffies ?: 1;

	if (READ_ONCE(ln->stateless_at) != now)
		WRITE_ONCE(ln->stateless_at, now);
}

/**
 * lbdr_flood_forward() - Record that a packet is forwarded without a connection
 * @ln: the namespace
 * @service: the service of the packet
 *
 * Context: rcu_read_lock() held, BH off.
 */
void lbdr_flood_forward(struct lbdr_net *ln, struct lbdr_service *service)
{
	lbdr_flood_extend(ln);
	lbdr_count(ln, service, LBDR_FLOOD_STATELESS);
}

/**
 * lbdr_flood_recent() - Check if flows may exist that have no connection
 * @ln: the namespace
 * @service: the service
 *
 * Context: rcu_read_lock() held.
 * Return: true until the longest idle timeout of the service's established connections has
 * passed since the last packet was forwarded without a connection, or with one that is
 * half-open and may be gone before the next packet.
 */
bool lbdr_flood_recent(const struct lbdr_net *ln, const struct lbdr_service *service)
{
	unsigned long last = READ_ONCE(ln->stateless_at), longest;

	if (likely(!last))
		return false;
	longest = (unsigned long)HZ *
		  max(lbdr_service_timeout(ln, service, LBDR_CONN_STATE_ESTABLISHED),
		      lbdr_service_timeout(ln, service, LBDR_CONN_STATE_SCTP_ESTABLISHED));
	return lbdr_recent(last, longest);
}

/* The entries that each service is guaranteed. */
static u32 lbdr_flood_share(const struct lbdr_net *ln)
{
	return lbdr_limit_conns_now(ln) / 2 / max(atomic_read(&ln->n_holders), 1);
}

static u32 lbdr_flood_held(const struct lbdr_service *service)
{
	return max(atomic_read(&service->n_conns), 0);
}

/**
 * lbdr_flood_scale() - Get the factor of timeouts
 * @ln: the namespace
 *
 * The factor is 1 up to half of conn_max, and falls linearly to 1/16 of that in a full
 * table.
 *
 * Context: any.
 * Return: the factor in units of 1/LBDR_FLOOD_SCALE.
 */
u32 lbdr_flood_scale(const struct lbdr_net *ln)
{
	u32 max = lbdr_limit_conns_now(ln), n = atomic_read(&ln->n_conns);
	u32 unused = n < max ? max - n : 0;

	return clamp_t(u64, div_u64((u64)unused * 2 * LBDR_FLOOD_SCALE, max ?: 1),
		       LBDR_FLOOD_SCALE / 16, LBDR_FLOOD_SCALE);
}
EXPORT_SYMBOL_FOR_KUNIT(lbdr_flood_scale);

/**
 * lbdr_flood_shrinks() - Check whether a factor applies to a connection's timeout
 * @ln: the namespace
 * @conn: the connection
 *
 * Context: rcu_read_lock() held.
 * Return: true if the connection is not established and its service holds more than its
 * share.
 */
bool lbdr_flood_shrinks(const struct lbdr_net *ln, const struct lbdr_conn *conn)
{
	return READ_ONCE(conn->renewals) < LBDR_FLOOD_RENEWALS &&
	       lbdr_flood_held(conn->server->service) > lbdr_flood_share(ln);
}

/**
 * struct lbdr_flood_claim - who needs an entry
 * @service: the service of the new connection
 * @held: entries that it holds
 * @share: entries that each service is guaranteed
 * @worst: last rank that may be replaced, enum lbdr_flood_rank
 * @last_resort: there is none of those that are replaced first, see the top of the file
 * @known: another director forwards the connection
 */
struct lbdr_flood_claim {
	const struct lbdr_service	*service;
	u32				held;
	u32				share;
	u8				worst;
	bool				last_resort;
	bool				known;
};

/* Returns true if @claim replaces what any service within its share does. */
static bool lbdr_flood_within(const struct lbdr_flood_claim *claim)
{
	return claim->held <= claim->share && !claim->last_resort;
}

/* Returns true if @claim may replace connections of @service. */
static bool lbdr_flood_yields(const struct lbdr_flood_claim *claim,
			      const struct lbdr_service *service)
{
	u32 held;

	if (service == claim->service)
		return claim->last_resort || claim->held > claim->share;
	held = lbdr_flood_held(service);
	if (held <= claim->share)
		return false;
	return claim->held <= claim->share ||
	       (claim->last_resort && held > claim->held);
}

/* The rank of a connection that @claim may replace, or FLOOD_RANKS. */
static u32 lbdr_flood_rank(const struct lbdr_flood_claim *claim,
			   const struct lbdr_conn *conn, u32 state, u32 idle)
{
	u32 rank = FLOOD_HALF_OPEN;

	if (state == LBDR_CONN_STATE_DEAD)
		return FLOOD_RANKS;
	/* Not found by packets any more; the collector has not come by yet. */
	if (READ_ONCE(conn->server->dead))
		return FLOOD_HALF_OPEN;
	if (!lbdr_state_half_open(state))
		rank = READ_ONCE(conn->renewals) < LBDR_FLOOD_RENEWALS ?
		       FLOOD_FEW_RENEWALS : FLOOD_ESTABLISHED;
	if (rank > claim->worst ||
	    (rank == FLOOD_ESTABLISHED &&
	     (claim->last_resort || idle < ESTABLISHED_IDLE)) ||
	    !lbdr_flood_yields(claim, conn->server->service))
		return FLOOD_RANKS;
	return rank;
}

/* Inserts a candidate in order. */
static void lbdr_flood_insert(struct lbdr_sample *sample,
			      const struct lbdr_candidate *new)
{
	struct lbdr_candidate *at = &sample->candidates[sample->n++];

	for (; at > sample->candidates; at--) {
		if (at[-1].rank < new->rank ||
		    (at[-1].rank == new->rank && at[-1].idle >= new->idle))
			break;
		*at = at[-1];
	}
	*at = *new;
}

/* The index behind the candidates of the same rank as @first. */
static u32 lbdr_flood_rank_end(const struct lbdr_sample *sample, u32 first)
{
	u32 end = first;

	while (end < sample->n &&
	       sample->candidates[end].rank == sample->candidates[first].rank)
		end++;
	return end;
}

/* Reduces a sorted sample to the candidates, see the top of this file. */
static void lbdr_flood_choose(struct lbdr_sample *sample,
			      const struct lbdr_flood_claim *claim)
{
	const struct lbdr_candidate *candidates = sample->candidates;
	u32 first = 0, end;

	end = lbdr_flood_rank_end(sample, first);
	if (claim->worst == FLOOD_ESTABLISHED && end * SAMPLE_RARE < sample->n &&
	    candidates[first].rank == FLOOD_HALF_OPEN &&
	    candidates[end].rank == FLOOD_FEW_RENEWALS) {
		first = end;
		end = lbdr_flood_rank_end(sample, first);
	}
	sample->next = first;
	sample->n = first + DIV_ROUND_UP(end - first, 2);
}

/*
 * Returns the table of a family; with @next, the one that new connections are in. Both are
 * the same unless a resize is going on.
 */
static struct bucket_table *lbdr_flood_table(struct lbdr_net *ln,
					     enum lbdr_family family, bool next)
{
	struct rhashtable *ht = &ln->conns[family];
	struct bucket_table *table = rht_dereference_rcu(ht->tbl, ht), *future;

	while (next && (future = rht_dereference_rcu(table->future_tbl, ht)))
		table = future;
	return table;
}

/* Adds connections of a table to a sample, up to @max in all. */
static void lbdr_flood_search_table(struct lbdr_sample *sample,
				    const struct lbdr_flood_claim *claim,
				    struct bucket_table *table, bool next, u32 max)
{
	struct lbdr_candidate candidate = { .next = next };
	struct rhash_head *node;
	struct lbdr_conn *conn;
	u32 i;

	/* &lbdr_candidate.at */
	BUILD_BUG_ON(SAMPLE_BUCKETS - 1 > U8_MAX);
	for (i = 0; i < min(table->size, SAMPLE_BUCKETS); i++) {
		candidate.at = i;
		rht_for_each_rcu(node, table, rht_bucket_index(table, sample->first + i)) {
			conn = container_of(node, struct lbdr_conn, node);
			candidate.idle = lbdr_conn_idle(conn);
			candidate.rank = lbdr_flood_rank(claim, conn,
							 READ_ONCE(conn->state),
							 candidate.idle);
			if (candidate.rank == FLOOD_RANKS)
				continue;
			lbdr_flood_insert(sample, &candidate);
			if (sample->n >= max)
				return;
		}
	}
}

/* Returns true if a sample of half-open connections has as few as honest clients make. */
static bool lbdr_flood_is_rare(const struct lbdr_net *ln, const struct lbdr_sample *sample,
			       const struct bucket_table *table)
{
	u64 all = (u32)atomic_read(&ln->conns[sample->family].nelems);

	return (u64)sample->n * SAMPLE_RARE * table->size <
	       all * min(table->size, SAMPLE_BUCKETS);
}

/* Takes one sample of the connections of a family, of both tables in a resize. */
static void lbdr_flood_search_once(struct lbdr_net *ln,
				   struct lbdr_sample *sample,
				   const struct lbdr_flood_claim *claim,
				   enum lbdr_family family)
{
	struct bucket_table *table = lbdr_flood_table(ln, family, false);
	struct bucket_table *next = lbdr_flood_table(ln, family, true);

	sample->ln = ln;
	sample->service = lbdr_flood_within(claim) ? NULL : claim->service;
	sample->last_resort = claim->last_resort;
	sample->worst = claim->worst;
	sample->family = family;
	sample->taken = jiffies;
	sample->first = get_random_u32();
	sample->next = 0;
	sample->n = 0;
	if (next != table)
		lbdr_flood_search_table(sample, claim, next, true, SAMPLE_MAX / 2);
	lbdr_flood_search_table(sample, claim, table, false, SAMPLE_MAX);
	if (claim->known && lbdr_flood_is_rare(ln, sample, table))
		sample->n = 0;
	lbdr_flood_choose(sample, claim);
}

/* Takes a sample of one table, or several samples, see the top of this file. */
static void lbdr_flood_search(struct lbdr_net *ln, struct lbdr_sample *sample,
			      const struct lbdr_flood_claim *claim,
			      enum lbdr_family family)
{
	int tries = SAMPLE_TRIES;

	/* The last rank that may be replaced, if there are others */
	do {
		lbdr_flood_search_once(ln, sample, claim, family);
	} while (sample->n && claim->worst != FLOOD_HALF_OPEN &&
		 sample->candidates[sample->next].rank == claim->worst && --tries);
}

/*
 * Evicts and counts the connection of a candidate, if there is still one in its bucket that is not
 * worth more. After a resize the bucket contains other connections, for which the same
 * holds.
 */
static bool lbdr_flood_evict(struct lbdr_net *ln, const struct lbdr_sample *sample,
			     const struct lbdr_flood_claim *claim,
			     const struct lbdr_candidate *candidate)
{
	struct bucket_table *table = lbdr_flood_table(ln, sample->family, candidate->next);
	u32 bucket = rht_bucket_index(table, sample->first + candidate->at);
	struct rhash_head *node;
	struct lbdr_conn *conn;
	u32 state, idle;

	rht_for_each_rcu(node, table, bucket) {
		conn = container_of(node, struct lbdr_conn, node);
		state = READ_ONCE(conn->state);
		idle = lbdr_conn_idle(conn);
		if (idle >= candidate->idle &&
		    lbdr_flood_rank(claim, conn, state, idle) <= candidate->rank &&
		    lbdr_conn_evict(ln, conn, state)) {
			lbdr_count(ln, conn->server->service, LBDR_FLOOD_EVICTED);
			return true;
		}
	}
	return false;
}

/* Evicts the next one of a sample's candidates. Those of higher ranks remain for others. */
static bool lbdr_flood_evict_next(struct lbdr_net *ln, struct lbdr_sample *sample,
				  const struct lbdr_flood_claim *claim)
{
	while (sample->next < sample->n &&
	       sample->candidates[sample->next].rank <= claim->worst)
		if (lbdr_flood_evict(ln, sample, claim,
				     &sample->candidates[sample->next++]))
			return true;
	return false;
}

/*
 * The table to search: that of the new connection if its service is above its share,
 * which replaces its own connections. Otherwise each table in proportion to its size.
 */
static enum lbdr_family lbdr_flood_family(const struct lbdr_net *ln,
					  const struct lbdr_flood_claim *claim,
					  enum lbdr_family family)
{
	u32 n = atomic_read(&ln->conns[LBDR_V4].nelems), all;

	if (claim->held > claim->share)
		return family;
	all = n + atomic_read(&ln->conns[LBDR_V6].nelems);
	return reciprocal_scale(get_random_u32(), all) < n ? LBDR_V4 : LBDR_V6;
}

static struct lbdr_flood_claim
lbdr_flood_claim(const struct lbdr_net *ln, const struct lbdr_service *service)
{
	return (struct lbdr_flood_claim) {
		.service = service,
		.held = lbdr_flood_held(service),
		.share = lbdr_flood_share(ln),
	};
}

/* Returns true if a sample was taken for claims like this one, and not long ago. */
static bool lbdr_flood_fresh(const struct lbdr_net *ln, const struct lbdr_sample *sample,
			     const struct lbdr_flood_claim *claim)
{
	return sample->ln == ln && sample->last_resort == claim->last_resort &&
	       sample->service == (lbdr_flood_within(claim) ? NULL : claim->service) &&
	       lbdr_recent(sample->taken, SAMPLE_AGE);
}

/* Evicts a connection of a sample, or of a new one. Returns false if there is none. */
static bool lbdr_flood_sample(struct lbdr_net *ln, struct lbdr_sample *sample,
			      const struct lbdr_flood_claim *claim,
			      enum lbdr_family family)
{
	if (lbdr_flood_fresh(ln, sample, claim)) {
		if (lbdr_flood_evict_next(ln, sample, claim))
			return true;
		/* Nobody searches in vain for every packet of a flood. */
		if (!sample->n && claim->worst <= sample->worst &&
		    lbdr_recent(sample->taken, SAMPLE_RETRY))
			return false;
	}
	family = lbdr_flood_family(ln, claim, family);
	lbdr_flood_search(ln, sample, claim, family);
	if (lbdr_flood_evict_next(ln, sample, claim))
		return true;
	/* Of the other family there are only connections of other services. */
	if (!claim->last_resort && claim->held > claim->share)
		return false;
	lbdr_flood_search(ln, sample, claim, !family);
	return lbdr_flood_evict_next(ln, sample, claim);
}

/* Returns the sample of a service; if there is none, one after the other is replaced. */
static struct lbdr_sample *lbdr_flood_own(struct lbdr_samples *samples,
					  const struct lbdr_service *service)
{
	u32 i;

	for (i = 0; i < SAMPLE_SERVICES; i++)
		if (samples->services[i].service == service)
			return &samples->services[i];
	samples->last = (samples->last + 1) % SAMPLE_SERVICES;
	return &samples->services[samples->last];
}

/*
 * Evicts a connection in favour of @claim. Returns the sample that it was of, or NULL if there
 * is none. Where only the last resort was left, it is the first one for SAMPLE_AGE.
 */
static struct lbdr_sample *lbdr_flood_replace(struct lbdr_net *ln,
					      struct lbdr_samples *samples,
					      struct lbdr_flood_claim *claim,
					      enum lbdr_family family)
{
	struct lbdr_sample *own = lbdr_flood_own(samples, claim->service);
	struct lbdr_sample *sample = own;
	unsigned long vain = jiffies;
	bool found;

	claim->last_resort = true;
	if (lbdr_flood_fresh(ln, own, claim) && claim->worst <= own->worst &&
	    lbdr_recent(own->vain, SAMPLE_AGE)) {
		vain = own->vain;
	} else {
		claim->last_resort = false;
		if (lbdr_flood_within(claim))
			sample = &samples->within;
		if (lbdr_flood_sample(ln, sample, claim, family))
			return sample;
		claim->last_resort = true;
	}
	found = lbdr_flood_sample(ln, own, claim, family);
	own->vain = vain;
	return found ? own : NULL;
}

/*
 * Returns true if a service cannot get an entry. The memory of removed connections
 * counts until a grace period has passed, so an eviction does not help at once.
 */
static bool lbdr_flood_exhausted(const struct lbdr_net *ln,
				 const struct lbdr_flood_claim *claim)
{
	u32 max = lbdr_limit_conns_now(ln);

	return lbdr_limit_full(ln) ||
	       (claim->held > claim->share &&
		(u32)atomic_read(&ln->n_conns) >= max - max / RESERVE);
}

/*
 * Evicts a connection in favour of @claim, unless so much memory is waiting that it would be
 * in vain. The memory of an evicted connection counts until a grace period has passed: for
 * what will be waiting at its end, a second one is evicted. Returns true if the service can
 * get an entry. @evicted: set if one was evicted
 */
static bool lbdr_flood_make_room_for(struct lbdr_net *ln, struct lbdr_flood_claim *claim,
				     enum lbdr_family family, bool *evicted)
{
	u32 pending = lbdr_limit_pending(ln), linked = lbdr_limit_linked(ln);
	bool exhausted = lbdr_flood_exhausted(ln, claim);
	u32 max = lbdr_limit_conns_now(ln);
	struct lbdr_sample *sample;

	if (exhausted && pending >= max / RESERVE)
		return false;
	local_lock_nested_bh(&lbdr_samples.lock);
	sample = lbdr_flood_replace(ln, this_cpu_ptr(&lbdr_samples), claim, family);
	if (sample && linked + min(2 * pending, max / 4) > max - max / RESERVE) {
		claim->worst = FLOOD_HALF_OPEN;
		lbdr_flood_evict_next(ln, sample, claim);
	}
	local_unlock_nested_bh(&lbdr_samples.lock);
	*evicted = sample;
	return !exhausted;
}

/**
 * lbdr_flood_make_room() - Evict a connection to make room for a new one
 * @ln: the namespace, whose table is nearly full
 * @service: the service of the new connection
 * @family: family of the new connection
 *
 * A flood faster than the grace periods would end connections without gaining room, so at
 * times nothing is evicted. A new connection is added even if there was none to evict.
 *
 * Context: rcu_read_lock() held, BH off.
 * Return: true if the service can get an entry.
 */
bool lbdr_flood_make_room(struct lbdr_net *ln, const struct lbdr_service *service,
			  enum lbdr_family family)
{
	struct lbdr_flood_claim claim = lbdr_flood_claim(ln, service);
	u32 max = lbdr_limit_conns_now(ln);
	bool evicted;

	if (!lbdr_limit_near(ln))
		claim.worst = FLOOD_HALF_OPEN;
	else if (lbdr_limit_linked(ln) <= max - 2 * (max / RESERVE))
		claim.worst = FLOOD_FEW_RENEWALS;
	else
		claim.worst = FLOOD_ESTABLISHED;
	return lbdr_flood_make_room_for(ln, &claim, family, &evicted);
}
EXPORT_SYMBOL_FOR_KUNIT(lbdr_flood_make_room);

/**
 * lbdr_flood_make_room_known() - Make room for a connection that another director forwards
 * @ln: the namespace, whose table is nearly full
 * @service: the service of the connection
 * @family: family of the connection
 *
 * A flood at this director alone must not keep it from knowing what it may have to take over.
 * But only half-open connections are replaced, and none where they are rare.
 *
 * Context: rcu_read_lock() held, BH off.
 * Return: true if one was evicted and the service can get an entry.
 */
bool lbdr_flood_make_room_known(struct lbdr_net *ln, const struct lbdr_service *service,
				enum lbdr_family family)
{
	struct lbdr_flood_claim claim = lbdr_flood_claim(ln, service);
	bool evicted;

	claim.worst = FLOOD_HALF_OPEN;
	claim.known = true;
	return lbdr_flood_make_room_for(ln, &claim, family, &evicted) && evicted;
}

/**
 * lbdr_flood_decide() - lbdr_flood_admit() where a limit is set or reached
 * @ln: the namespace
 * @service: its service
 * @family: its family
 *
 * Context: rcu_read_lock() held, BH off.
 * Return: enum lbdr_flood_admit.
 */
noinline enum lbdr_flood_admit lbdr_flood_decide(struct lbdr_net *ln,
						 const struct lbdr_service *service,
						 enum lbdr_family family)
{
	u32 rate = READ_ONCE(lbdr_flood_rate);
	bool fast = rate && lbdr_flood_over_rate(ln, rate);

	if (!fast && !lbdr_limit_near(ln))
		return LBDR_FLOOD_ADMIT;
	if (lbdr_flood_stateless(service))
		return LBDR_FLOOD_ADMIT_STATELESS;
	return lbdr_flood_make_room(ln, service, family) ?
	       LBDR_FLOOD_ADMIT_EVICT : LBDR_FLOOD_ADMIT_REFUSE;
}
EXPORT_SYMBOL_FOR_KUNIT(lbdr_flood_decide);

/**
 * lbdr_flood_peek() - Get what lbdr_flood_admit() would return, without any effect
 * @ln: the namespace
 * @service: the service of a new connection
 *
 * Context: rcu_read_lock() held.
 * Return: enum lbdr_flood_admit.
 */
enum lbdr_flood_admit lbdr_flood_peek(struct lbdr_net *ln,
				      const struct lbdr_service *service)
{
	const struct lbdr_flood_claim claim = lbdr_flood_claim(ln, service);
	u32 start = READ_ONCE(ln->rate_start), rate = READ_ONCE(lbdr_flood_rate);
	u32 count = 0;

	if (!lbdr_flood_interval_over(start))
		count = atomic_read(&ln->rate_count);
	if (!(rate && count >= rate) && !lbdr_limit_near(ln))
		return LBDR_FLOOD_ADMIT;
	if (lbdr_flood_stateless(service))
		return LBDR_FLOOD_ADMIT_STATELESS;
	return lbdr_flood_exhausted(ln, &claim) ? LBDR_FLOOD_ADMIT_REFUSE :
						  LBDR_FLOOD_ADMIT_EVICT;
}
