/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Counters of servers, and drop reasons of services and of a namespace.
 */
#ifndef _LBDR_STATS_H
#define _LBDR_STATS_H

#include <linux/u64_stats_sync.h>

#include "lbdr.h"

/*
 * Drop reasons, in the order in which they are listed: the member of enum lbdr_drop
 * without "LBDR_", and the name that users see (at most 15 characters). DROP: the packet
 * is dropped. PASS: the packet is passed to the director's own stack. FLOOD: other
 * effects of flood handling. A new reason is one line here; lbctl has the sentence for
 * each name, lbdr(4) describes it.
 */
#define LBDR_DROP_REASONS(X)				\
	X(DROP_BAD_SOURCE,	"bad-source")		\
	X(DROP_NO_SERVER,	"no-server")		\
	X(DROP_SERVER_HELD,	"server-held")		\
	X(DROP_STRAY,		"stray")		\
	X(DROP_LOOP,		"loop")			\
	X(DROP_CONN_MAX,	"conn-max")		\
	X(DROP_CONN_MEMORY,	"conn-memory")		\
	X(DROP_NO_ROUTE,	"no-route")		\
	X(DROP_NOT_ONLINK,	"not-onlink")		\
	X(DROP_NEIGHBOUR,	"neighbour")		\
	X(DROP_TTL,		"ttl")			\
	X(DROP_MTU,		"mtu")			\
	X(DROP_TUN_MTU,		"tun-mtu")		\
	X(DROP_MEMORY,		"memory")		\
	X(PASS_MALFORMED,	"malformed")		\
	X(PASS_NO_CONN,		"no-conn")		\
	X(PASS_FRAGMENT,	"fragment")		\
	X(PASS_LOCAL_CLIENT,	"local-client")		\
	X(PASS_DIRECTOR,	"director")		\
	X(PASS_TUNNELED,	"tunneled")		\
	X(FLOOD_STATELESS,	"stateless")		\
	X(FLOOD_EVICTED,	"evicted")

#define LBDR_DROP_MEMBER(member, name)	LBDR_##member,
#define LBDR_DROP_NAME(member, name)	name,
enum lbdr_drop {
	LBDR_DROP_REASONS(LBDR_DROP_MEMBER)
	LBDR_DROPS
};

/* Counters of a namespace: drop reasons, and what is neither a drop nor a pass */
enum lbdr_counter {
	LBDR_COUNTER_SLOW = LBDR_DROPS,	/* packets of connections, not on the fast path */
	/* Of removed servers, by lbdr_stats_fold() */
	LBDR_COUNTER_GONE_CONNS,
	LBDR_COUNTER_GONE_PACKETS,
	LBDR_COUNTER_GONE_BYTES,
	LBDR_COUNTERS
};

struct lbdr_service;

/* A server's counters on one CPU. @sync makes 64-bit reads consistent on 32 bits. */
struct lbdr_stats {
	u64_stats_t		conns;
	u64_stats_t		packets;
	u64_stats_t		bytes;
	struct u64_stats_sync	sync;
};

/* A server's counters, the sum over all CPUs. */
struct lbdr_counts {
	u64	conns;
	u64	packets;
	u64	bytes;
};

/**
 * struct lbdr_rates - moving averages of a server's counters
 * @last: the counters at the last sample, those since the server was added
 * @sampled: jiffies of the last sample; of the addition if there was none
 * @average: increments per second, times 1024
 *
 * Sampled by lbdr_ipvs.ko, see ipvs/rates.c. lbdr_net.lock protects all members.
 */
struct lbdr_rates {
	struct lbdr_counts	last;
	unsigned long		sampled;
	struct lbdr_counts	average;
};

extern const char *const lbdr_drop_names[LBDR_DROPS];

u64 lbdr_counter(const struct lbdr_net *ln, u32 counter);
u64 __percpu *lbdr_counters_alloc(void);
struct lbdr_stats __percpu *lbdr_stats_alloc(void);
void lbdr_stats_read(const struct lbdr_stats __percpu *stats, int cpu,
		     struct lbdr_counts *counts);
void lbdr_stats_fold(struct lbdr_net *ln, const struct lbdr_stats __percpu *stats);
void lbdr_stats_folded(const struct lbdr_net *ln, int cpu, struct lbdr_counts *counts);
void lbdr_stats_sum(const struct lbdr_stats __percpu *stats,
		    struct lbdr_counts *sum);

void lbdr_drop(const struct lbdr_net *ln, struct lbdr_service *service,
	       enum lbdr_drop drop);
void lbdr_drop_many(const struct lbdr_net *ln, struct lbdr_service *service,
		    enum lbdr_drop drop, u32 n);
void lbdr_count(const struct lbdr_net *ln, struct lbdr_service *service,
		enum lbdr_drop reason);

static inline void lbdr_counts_add(struct lbdr_counts *to,
				   const struct lbdr_counts *counts)
{
	to->conns += counts->conns;
	to->packets += counts->packets;
	to->bytes += counts->bytes;
}

/**
 * lbdr_stats_add() - Add to a server's counters
 * @stats: counters of the server
 * @conns: number of new connections
 * @packets: number of packets
 * @bytes: bytes of these packets; ignored if @packets is 0
 *
 * Context: BH off.
 */
static inline void lbdr_stats_add(struct lbdr_stats __percpu *stats, u32 conns,
				  u32 packets, u32 bytes)
{
	struct lbdr_stats *mine = this_cpu_ptr(stats);

	u64_stats_update_begin(&mine->sync);
	if (conns)
		u64_stats_add(&mine->conns, conns);
	if (packets) {
		u64_stats_add(&mine->packets, packets);
		u64_stats_add(&mine->bytes, bytes);
	}
	u64_stats_update_end(&mine->sync);
}

#endif /* _LBDR_STATS_H */
