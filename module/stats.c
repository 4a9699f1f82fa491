// SPDX-License-Identifier: GPL-2.0
/*
 * Counters: what servers have got, and why packets were not forwarded.
 *
 * Packets write the counters of their CPU with BH off and nobody else writes;
 * sums are made when somebody asks.
 */
#include <linux/percpu.h>

#include "lbdr.h"
#include "stats.h"

#define CREATE_TRACE_POINTS
#include "lbdr_trace.h"

const struct lbdr_drop_word lbdr_drop_words[LBDR_DROPS] = {
	[LBDR_DROP_BAD_SOURCE] = {
		"bad-source",
		"new connection from a multicast, broadcast, loopback or own address",
	},
	[LBDR_DROP_NO_SERVER] = {
		"no-server",
		"no server takes new connections; the client was told as the service says",
	},
	[LBDR_DROP_STRAY] = {
		"stray",
		"packet of no connection, dropped or answered by RST as its service says",
	},
	[LBDR_DROP_LOOP] = {
		"loop",
		"new connection that another director sent here as to a real server, and the VIP is not local",
	},
	[LBDR_DROP_CONN_MAX] = {
		"conn-max",
		"new connection over the limit that conn_max or conn_max_all sets",
	},
	[LBDR_DROP_CONN_MEMORY] = {
		"conn-memory",
		"no memory for a new connection, or the table could not grow in time",
	},
	[LBDR_DROP_NO_ROUTE] = {
		"no-route",
		"no route to the server",
	},
	[LBDR_DROP_NOT_ONLINK] = {
		"not-onlink",
		"the server is behind a router, where its MAC cannot be set",
	},
	[LBDR_DROP_NEIGHBOUR] = {
		"neighbour",
		"no neighbour entry could be made for the server",
	},
	[LBDR_DROP_TTL] = {
		"ttl",
		"TTL or hop limit used up; the client was told by ICMP",
	},
	[LBDR_DROP_MTU] = {
		"mtu",
		"larger than the MTU towards the server; the client was told by ICMP",
	},
	[LBDR_DROP_MEMORY] = {
		"memory",
		"no memory to make a packet writable or for a route",
	},
	[LBDR_PASS_MALFORMED] = {
		"malformed",
		"passed to the stack: a transport header cut short, of impossible length or port",
	},
	[LBDR_PASS_NO_CONN] = {
		"no-conn",
		"passed to the stack: packet of no connection that begins none",
	},
	[LBDR_PASS_FRAGMENT] = {
		"fragment",
		"passed to the stack: an IP fragment that could not be put together with others",
	},
	[LBDR_PASS_LOCAL_CLIENT] = {
		"local-client",
		"passed to the stack: the client is the director itself",
	},
	[LBDR_PASS_DIRECTOR] = {
		"director",
		"passed to the stack: another director sent it here as to a real server",
	},
	[LBDR_FLOOD_STATELESS] = {
		"stateless",
		"forwarded all the same, without a connection: a flood, and a service of mh or sh",
	},
	[LBDR_FLOOD_EVICTED] = {
		"evicted",
		"half-open connection of which a new one took the place in a flood",
	},
};

/**
 * lbdr_count() - count what is no drop
 * @ln: the namespace
 * @what: LBDR_FLOOD_...
 *
 * Context: BH off, as every per-CPU counter is written by packets alone.
 */
void lbdr_count(const struct lbdr_net *ln, enum lbdr_drop what)
{
	this_cpu_inc(ln->drops[what]);
}

/**
 * lbdr_drop() - count why a packet is not forwarded
 * @ln: the namespace
 * @drop: the reason
 *
 * Context: BH off, as every per-CPU counter is written by packets alone.
 */
void lbdr_drop(const struct lbdr_net *ln, enum lbdr_drop drop)
{
	this_cpu_inc(ln->drops[drop]);
	trace_lbdr_drop(ln, drop);
}

/**
 * lbdr_drop_count() - how many packets met a drop reason
 * @ln: the namespace
 * @drop: the reason
 *
 * Context: any.
 * Return: packets since the namespace was made or the module loaded.
 */
u64 lbdr_drop_count(const struct lbdr_net *ln, enum lbdr_drop drop)
{
	u64 sum = 0;
	int cpu;

	for_each_possible_cpu(cpu)
		sum += READ_ONCE(per_cpu_ptr(ln->drops, cpu)[drop]);
	return sum;
}

/**
 * lbdr_stats_sum() - a server's counters, all CPUs together
 * @stats: its counters
 * @sum: filled in
 *
 * Context: any.
 */
void lbdr_stats_sum(const struct lbdr_stats __percpu *stats,
		    struct lbdr_counts *sum)
{
	u64 conns, packets, bytes;
	unsigned int start;
	int cpu;

	memset(sum, 0, sizeof(*sum));
	for_each_possible_cpu(cpu) {
		const struct lbdr_stats *one = per_cpu_ptr(stats, cpu);

		do {
			start = u64_stats_fetch_begin(&one->sync);
			conns = u64_stats_read(&one->conns);
			packets = u64_stats_read(&one->packets);
			bytes = u64_stats_read(&one->bytes);
		} while (u64_stats_fetch_retry(&one->sync, start));
		sum->conns += conns;
		sum->packets += packets;
		sum->bytes += bytes;
	}
}
EXPORT_SYMBOL_FOR_KUNIT(lbdr_stats_sum);
