// SPDX-License-Identifier: GPL-2.0
/*
 * Counters: connections, packets and bytes of each server, and drop reasons of each
 * network namespace and of each service.
 *
 * Counters of servers and namespaces are per CPU. Only packets write them, each on its
 * own CPU with BH off. A reader adds up the CPUs.
 *
 * With PREEMPT_RT, a section with BH off may be preempted by another one on its CPU. The
 * operations this_cpu_inc() and u64_stats_add() are safe against that, and a section with
 * BH off does not migrate.
 *
 * A service has one atomic counter for each drop reason. Per CPU, thousands of services
 * would take 152 bytes each times the number of CPUs, nearly always for zeros. Only
 * packets that are not forwarded, and evictions, write these counters. The first packet
 * of a connection changes several shared counters as well (lbdr_service.n_conns).
 */
#include <linux/percpu.h>

#include "lbdr.h"
#include "service.h"
#include "stats.h"

#define CREATE_TRACE_POINTS
#include "lbdr_trace.h"

const char *const lbdr_drop_names[LBDR_DROPS] = {
	LBDR_DROP_REASONS(LBDR_DROP_NAME)
};

/**
 * lbdr_count() - Count an event that is neither a drop nor a pass
 * @ln: the namespace
 * @service: the service
 * @reason: LBDR_FLOOD_STATELESS, or LBDR_FLOOD_EVICTED of the service whose connection
 *	was evicted
 *
 * Unlike lbdr_drop() this does not emit the tracepoint lbdr_drop.
 *
 * Context: rcu_read_lock() held, BH off.
 */
void lbdr_count(const struct lbdr_net *ln, struct lbdr_service *service,
		enum lbdr_drop reason)
{
	this_cpu_inc(ln->counters[reason]);
	atomic64_inc(&service->drops[reason]);
}

/**
 * lbdr_drop() - Count and trace a packet that is not forwarded
 * @ln: the namespace
 * @service: the service that the packet belongs to, or NULL if that is unknown
 * @drop: the reason
 *
 * Context: rcu_read_lock() held, BH off.
 */
void lbdr_drop(const struct lbdr_net *ln, struct lbdr_service *service,
	       enum lbdr_drop drop)
{
	lbdr_drop_many(ln, service, drop, 1);
}

/**
 * lbdr_drop_many() - Count packets that were dropped later and together
 * @ln: the namespace
 * @service: the service that the packets belong to, or NULL if that is unknown
 * @drop: the reason
 * @n: number of packets; the tracepoint reports one event for all of them
 *
 * Context: rcu_read_lock() held, BH off.
 */
void lbdr_drop_many(const struct lbdr_net *ln, struct lbdr_service *service,
		    enum lbdr_drop drop, u32 n)
{
	this_cpu_add(ln->counters[drop], n);
	if (service)
		atomic64_add(n, &service->drops[drop]);
	trace_lbdr_drop(ln, drop);
}

/**
 * lbdr_counter() - Get a counter of a namespace
 * @ln: the namespace
 * @counter: enum lbdr_drop or enum lbdr_counter
 *
 * Context: any.
 * Return: sum over all CPUs since the namespace or the module was initialised.
 */
u64 lbdr_counter(const struct lbdr_net *ln, u32 counter)
{
	u64 sum = 0;
	int cpu;

	for_each_possible_cpu(cpu)
		sum += READ_ONCE(per_cpu_ptr(ln->counters, cpu)[counter]);
	return sum;
}
EXPORT_SYMBOL_FOR_KUNIT(lbdr_counter);

/**
 * lbdr_counters_alloc() - Allocate the counters of a namespace
 *
 * Context: process, may sleep.
 * Return: the counters, by enum lbdr_counter, 0 each, or NULL. free_percpu() frees them.
 */
u64 __percpu *lbdr_counters_alloc(void)
{
	LBDR_KUNIT_STUB(lbdr_counters_alloc);
	return __alloc_percpu_gfp(LBDR_COUNTERS * sizeof(u64), sizeof(u64),
				  GFP_KERNEL_ACCOUNT);
}
EXPORT_SYMBOL_FOR_KUNIT(lbdr_counters_alloc);

/**
 * lbdr_stats_alloc() - Allocate the counters of a server
 *
 * Context: process, may sleep.
 * Return: the counters, 0 each, or NULL. free_percpu() frees them.
 */
struct lbdr_stats __percpu *lbdr_stats_alloc(void)
{
	struct lbdr_stats __percpu *stats;
	int cpu;

	LBDR_KUNIT_STUB(lbdr_stats_alloc);
	stats = alloc_percpu_gfp(struct lbdr_stats, GFP_KERNEL_ACCOUNT);
	if (!stats)
		return NULL;
	for_each_possible_cpu(cpu)
		u64_stats_init(&per_cpu_ptr(stats, cpu)->sync);
	return stats;
}
EXPORT_SYMBOL_FOR_KUNIT(lbdr_stats_alloc);

/**
 * lbdr_stats_read() - Get a server's counters of one CPU
 * @stats: counters of the server
 * @cpu: the CPU
 * @counts: filled in
 *
 * Context: any.
 */
void lbdr_stats_read(const struct lbdr_stats __percpu *stats, int cpu,
		     struct lbdr_counts *counts)
{
	const struct lbdr_stats *one = per_cpu_ptr(stats, cpu);
	unsigned int start;

	do {
		start = u64_stats_fetch_begin(&one->sync);
		counts->conns = u64_stats_read(&one->conns);
		counts->packets = u64_stats_read(&one->packets);
		counts->bytes = u64_stats_read(&one->bytes);
	} while (u64_stats_fetch_retry(&one->sync, start));
}
EXPORT_SYMBOL_LBDR(lbdr_stats_read);

/**
 * lbdr_stats_sum() - Add up a server's counters over all CPUs
 * @stats: counters of the server
 * @sum: filled in
 *
 * Context: any.
 */
void lbdr_stats_sum(const struct lbdr_stats __percpu *stats,
		    struct lbdr_counts *sum)
{
	struct lbdr_counts one;
	int cpu;

	memset(sum, 0, sizeof(*sum));
	for_each_possible_cpu(cpu) {
		lbdr_stats_read(stats, cpu, &one);
		lbdr_counts_add(sum, &one);
	}
}
EXPORT_SYMBOL_LBDR(lbdr_stats_sum);

/**
 * lbdr_stats_fold() - Keep a removed server's counters of each CPU
 * @ln: the namespace
 * @stats: counters of the server
 *
 * Context: process, lbdr_net.lock held.
 */
void lbdr_stats_fold(struct lbdr_net *ln, const struct lbdr_stats __percpu *stats)
{
	struct lbdr_counts one;
	u64 *counters;
	int cpu;

	lockdep_assert_held(&ln->lock);

	for_each_possible_cpu(cpu) {
		lbdr_stats_read(stats, cpu, &one);
		/* Packets write other counters of the CPU only. */
		counters = per_cpu_ptr(ln->counters, cpu);
		counters[LBDR_COUNTER_GONE_CONNS] += one.conns;
		counters[LBDR_COUNTER_GONE_PACKETS] += one.packets;
		counters[LBDR_COUNTER_GONE_BYTES] += one.bytes;
	}
}

/**
 * lbdr_stats_folded() - Get what removed servers had counted on a CPU
 * @ln: the namespace
 * @cpu: the CPU
 * @counts: filled in
 *
 * Context: process, lbdr_net.lock held.
 */
void lbdr_stats_folded(const struct lbdr_net *ln, int cpu, struct lbdr_counts *counts)
{
	const u64 *counters = per_cpu_ptr(ln->counters, cpu);

	*counts = (struct lbdr_counts) {
		.conns = counters[LBDR_COUNTER_GONE_CONNS],
		.packets = counters[LBDR_COUNTER_GONE_PACKETS],
		.bytes = counters[LBDR_COUNTER_GONE_BYTES],
	};
}
EXPORT_SYMBOL_LBDR(lbdr_stats_folded);
