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
	  "each server in turn; weights count only as 0 or not" },
	{ "wrr",
	  "the servers in turn, each as often as its weight says" },
	{ "lc",
	  "the server with the fewest connections" },
	{ "wlc",
	  "the server with the fewest connections for its weight" },
	{ "lblc",
	  "a destination's server as long as it is not strained; else wlc" },
	{ "lblcr",
	  "the least loaded of a destination's servers, more of them under strain" },
	{ "dh",
	  "by a hash of the destination address" },
	{ "sh",
	  "by a hash of the client's address" },
	{ "sed",
	  "the server with the shortest expected delay" },
	{ "nq",
	  "an idle server at once; else the shortest expected delay" },
	{ "fo",
	  "fail-over: all to the server of the highest weight" },
	{ "ovf",
	  "the highest weight, up to as many active connections as it weighs" },
	{ "mh",
	  "by a hash of the client's address that moves few when servers change" },
	{ "twos",
	  "the better of two servers drawn at random by weight" },
};

static const struct summary reasons[] = {
	{ "bad-source",
	  "new connection from a multicast, broadcast, loopback or own address" },
	{ "no-server",
	  "no server takes new connections; the client was told as the service says" },
	{ "server-held",
	  "the connection's server or the service was removed with --hold" },
	{ "stray",
	  "packet of no connection, dropped or answered by RST as its service says" },
	{ "loop",
	  "new connection from another director, and the VIP is not local" },
	{ "conn-max",
	  "new connection over the limit that conn_max or conn_max_all sets" },
	{ "conn-memory",
	  "no memory for a new connection, or the table could not grow in time" },
	{ "no-route",
	  "no route to the server" },
	{ "not-onlink",
	  "the server is behind a router, where its MAC cannot be set" },
	{ "neighbour",
	  "no neighbour entry could be made for the server" },
	{ "ttl",
	  "TTL or hop limit used up; the client was told by ICMP" },
	{ "mtu",
	  "larger than the MTU towards the server; the client was told by ICMP" },
	{ "memory",
	  "no memory to make a packet writable or for a route" },
	{ "malformed",
	  "passed to the stack: a transport header cut short, of impossible length or port" },
	{ "no-conn",
	  "passed to the stack: packet of no connection that begins none" },
	{ "fragment",
	  "passed to the stack: an IP fragment that could not be put together with others" },
	{ "local-client",
	  "passed to the stack: the client is the director itself" },
	{ "director",
	  "passed to the stack: another director sent it here as to a real server" },
	{ "stateless",
	  "forwarded all the same, without a connection: a flood, and a service of mh or sh" },
	{ "evicted",
	  "half-open connection of which a new one took the place in a flood" },
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
