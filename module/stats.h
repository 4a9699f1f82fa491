/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Counters of servers, and drop reasons of a namespace.
 */
#ifndef _LBDR_STATS_H
#define _LBDR_STATS_H

#include <linux/u64_stats_sync.h>

#include "lbdr.h"

/*
 * Why a packet that was for a service, or looked like it, was not forwarded.
 * stats.c has the words for each.
 */
enum lbdr_drop {
	LBDR_DROP_BAD_SOURCE,
	LBDR_DROP_NO_SERVER,
	LBDR_DROP_STRAY,
	LBDR_DROP_LOOP,
	LBDR_DROP_CONN_MAX,
	LBDR_DROP_CONN_MEMORY,
	LBDR_DROP_NO_ROUTE,
	LBDR_DROP_NOT_ONLINK,
	LBDR_DROP_NEIGHBOUR,
	LBDR_DROP_TTL,
	LBDR_DROP_MTU,
	LBDR_DROP_MEMORY,
	/* The rest were passed to the director's own stack instead. */
	LBDR_PASS_MALFORMED,
	LBDR_PASS_NO_CONN,
	LBDR_PASS_FRAGMENT,
	LBDR_PASS_LOCAL_CLIENT,
	LBDR_PASS_DIRECTOR,
	/* No packets that were not forwarded, but what else a flood does. */
	LBDR_FLOOD_STATELESS,
	LBDR_FLOOD_EVICTED,
	LBDR_DROPS
};

/* Counters of one CPU. */
struct lbdr_stats {
	u64_stats_t		conns;
	u64_stats_t		packets;
	u64_stats_t		bytes;
	struct u64_stats_sync	sync;
};

/* The same, summed over CPUs. */
struct lbdr_counts {
	u64	conns;
	u64	packets;
	u64	bytes;
};

struct lbdr_drop_word {
	const char	*reason;
	const char	*summary;
};

extern const struct lbdr_drop_word lbdr_drop_words[LBDR_DROPS];

u64 lbdr_drop_count(const struct lbdr_net *ln, enum lbdr_drop drop);
void lbdr_stats_sum(const struct lbdr_stats __percpu *stats,
		    struct lbdr_counts *sum);

void lbdr_drop(const struct lbdr_net *ln, enum lbdr_drop drop);
void lbdr_count(const struct lbdr_net *ln, enum lbdr_drop what);

/**
 * lbdr_stats_add() - count what a server got
 * @stats: its counters
 * @conns: connections
 * @packets: packets
 * @bytes: bytes
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
