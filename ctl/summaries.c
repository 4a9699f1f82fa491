// SPDX-License-Identifier: GPL-2.0
/*
 * One line about each scheduler and each drop reason, by the name that the module
 * reports. A name that is not here comes from a newer module and has no line.
 */
#include <string.h>

#include "lbctl.h"

struct summary {
	const char *name;
	const char *text;
};

static const struct summary schedulers[] = {
	{ "rr",
	  "round robin; weights matter only as 0 or not 0" },
	{ "wrr",
	  "weighted round robin" },
	{ "lc",
	  "the server with the fewest connections" },
	{ "wlc",
	  "the server with the fewest connections relative to its weight" },
	{ "lblc",
	  "one server for each destination unless overloaded; else wlc" },
	{ "lblcr",
	  "a set of servers for each destination, extended under load" },
	{ "dh",
	  "by a hash of the destination address" },
	{ "sh",
	  "by a hash of the client address" },
	{ "sed",
	  "the server with the shortest expected delay" },
	{ "nq",
	  "an idle server if any; else the shortest expected delay" },
	{ "fo",
	  "failover: all connections to the server with the highest weight" },
	{ "ovf",
	  "overflow: the highest weight, up to as many active connections as its weight" },
	{ "mh",
	  "consistent hash of the client address (Maglev)" },
	{ "twos",
	  "the better of two servers chosen at random by weight" },
};

static const struct summary reasons[] = {
	{ "bad-source",
	  "new connection from a multicast, broadcast, loopback or own address" },
	{ "no-server",
	  "no server is available; the client was answered as --refuse says" },
	{ "server-held",
	  "the server of the connection, or the service, was removed with --hold" },
	{ "stray",
	  "stray packet (no connection), handled as --stray says" },
	{ "loop",
	  "sent back here by a server that is a director too, and the VIP is not local" },
	{ "conn-max",
	  "new connection above conn_max or conn_max_all" },
	{ "conn-memory",
	  "no memory for a new connection, or the table could not grow in time" },
	{ "no-route",
	  "no route to the server" },
	{ "not-onlink",
	  "the server is not on-link: it is behind a router" },
	{ "neighbour",
	  "the server's MAC address could not be resolved" },
	{ "ttl",
	  "TTL or hop limit expired; the client got an ICMP error" },
	{ "mtu",
	  "larger than the MTU to the server; the client got an ICMP error" },
	{ "tun-mtu",
	  "a tunnel leaves less than 68 bytes (IPv4); check the MTU of the route" },
	{ "memory",
	  "no memory to make a packet writable, for a route or an IPv6 fragment" },
	{ "malformed",
	  "passed to the stack: truncated or invalid transport header" },
	{ "no-conn",
	  "passed to the stack: stray packet (no connection)" },
	{ "fragment",
	  "passed to the stack: an IP fragment that could not be matched to its datagram" },
	{ "local-client",
	  "passed to the stack: the client is this director" },
	{ "director",
	  "passed to the stack: a server that is a director too sent it back here" },
	{ "tunneled",
	  "passed to the stack: arrived through a tunnel; see --accept-tunneled" },
	{ "stateless",
	  "forwarded without a connection: flood, service with scheduler mh or sh" },
	{ "evicted",
	  "connection replaced by a new one in a flood" },
};

static const char *find(const struct summary *table, size_t count,
			const char *name)
{
	size_t i;

	for (i = 0; i < count; i++) {
		if (!strcmp(table[i].name, name))
			return table[i].text;
	}
	return NULL;
}

/**
 * scheduler_summary() - describe a scheduler
 * @name: as the module reports it
 *
 * Return: one line, or NULL for a name that is unknown.
 */
const char *scheduler_summary(const char *name)
{
	return find(schedulers, ARRAY_SIZE(schedulers), name);
}

/**
 * drop_summary() - describe a drop reason
 * @reason: as the module reports it
 *
 * Return: one line, or NULL for a reason that is unknown.
 */
const char *drop_summary(const char *reason)
{
	return find(reasons, ARRAY_SIZE(reasons), reason);
}
