/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Services, servers, connections and the module's settings, as the kernel reports
 * them. decode.c reads them from messages.
 */
#ifndef LBCTL_OBJECT_H
#define LBCTL_OBJECT_H

#include <stdbool.h>
#include <stddef.h>
#include <net/if.h>
#include <netinet/in.h>
#include <linux/types.h>
#include <linux/lbdr.h>

/*
 * An address and a port, the address in network, the port in host order. Port 0
 * means all ports.
 */
struct endpoint {
	int family;
	__u8 address[sizeof(struct in6_addr)];
	__u16 port;
	__u16 last_port;	/* of a range, else 0 */
};

/* The length of an address as a prefix. */
static inline __u8 family_bits(int family)
{
	return family == AF_INET ? 32 : 128;
}

/* How packets are encapsulated for a server. */
struct tunnel {
	__u8 type;		/* LBDR_TUNNEL_... */
	__u8 ttl;		/* 0: that of the inner packet */
	__u8 df;		/* LBDR_TUNNEL_DF_... */
	__u8 source_prefix;	/* length of the prefix of source */
	__u16 port;		/* of gue */
	__u32 flags;		/* LBDR_TUNNEL_FLAG_... */
	struct endpoint source;	/* family 0: that of the route */
};

/* Of a service by firewall mark only the family in at is set. */
struct service_key {
	__u8 protocol;
	__u32 fwmark;		/* 0: protocol and at name the service */
	struct endpoint at;
	char vrf[IFNAMSIZ];	/* empty: every L3 domain */
};

/* Seconds by LBDR_CONN_STATE_..., as far as they are given. */
struct timeouts {
	__u32 seconds[LBDR_A_TIMEOUT_MAX + 1];
	bool given[LBDR_A_TIMEOUT_MAX + 1];
};

struct counters {
	__u64 conns;
	__u64 in_packets;
	__u64 in_bytes;
};

/* Drop reasons of a service, of which the module has fewer. */
#define SERVICE_DROPS_MAX	32

struct service_drop {
	char reason[16];
	__u64 packets;
};

/* Objects as the kernel reports them; order is the place in its dump. */
struct service {
	struct service_key key;
	char scheduler[LBDR_SCHED_NAME_LEN];
	__u32 sched_flags;
	__u32 mh_size;		/* 0: the scheduler is another one than mh */
	__u8 refuse;
	__u8 stray;
	__u32 flags;		/* LBDR_SERVICE_FLAG_... */
	__u32 persist;		/* seconds, 0: not persistent */
	__u8 prefix;		/* that persistence looks at */
	struct timeouts timeouts;
	struct counters stats;
	struct service_drop drops[SERVICE_DROPS_MAX];
	size_t nr_drops;
	__u32 servers;		/* held ones not counted */
	__u64 digest;		/* of the table of mh or sh, 0: none */
	__u32 hold;		/* seconds until a held one is removed, else 0 */
	size_t order;
};

struct server {
	struct service_key service;
	struct endpoint at;
	__u32 weight;
	__u32 upper;		/* thresholds, 0: none */
	__u32 lower;
	__u8 forward;
	struct tunnel tunnel;
	__u32 active;
	__u32 inactive;
	__u32 persistent;
	bool overloaded;
	bool unreachable;
	bool draining;
	__u32 hold;		/* seconds until a held one is removed, else 0 */
	struct counters stats;
	__u32 ifindex;		/* 0: not reachable on-link */
	size_t order;
};

struct conn {
	struct service_key service;	/* of its packets: address and port */
	struct endpoint client;
	struct endpoint server;
	__u8 state;
	__u32 expires_ms;
	__u32 idle_ms;
	__u32 flags;		/* LBDR_CONN_FLAG_... */
	char vrf[IFNAMSIZ];	/* of its L3 domain, empty: the default one */
	bool has_of;
	struct service_key of;		/* the service that it is of, if asked for */
};

/* The strings of these point into the message that they were read from. */
struct sched {
	const char *name;
};

struct drop {
	const char *reason;
	__u64 packets;
};

/* The result of trace; absent servers have family 0. */
struct trace {
	__u8 verdict;		/* LBDR_TRACE_VERDICT_... */
	const char *reason;	/* or NULL */
	bool has_refuse;
	__u8 refuse;
	bool has_service;
	struct service_key service;
	__u32 persist;
	bool has_by;
	__u8 by;		/* LBDR_TRACE_BY_... */
	__u8 state;		/* of its connection, 0: it has none */
	__u32 expires_ms;
	bool over;
	struct server remembered;
	__u32 remembered_ms;
	const char *scheduler;	/* or NULL */
	bool random;
	bool hashes_port;
	struct server first;
	struct server server;
	bool has_keep;
	__u8 keep;		/* LBDR_TRACE_KEEP_... */
	__u32 servers;
	__u32 open;
	__u32 quiesced;
	__u32 draining;
	__u32 overloaded;
	__u32 unreachable;
};

/* Counters of synchronisation, in the order of LBDR_A_SYNC_STATS_... */
#define SYNC_COUNTERS (LBDR_A_SYNC_STATS_MAX - LBDR_A_SYNC_STATS_PAD)

/* Other directors of a role of synchronisation, at most. */
#define SYNC_PEERS 8

/* Counters of a peer, in the order of LBDR_A_SYNC_PEER_STATS_... */
#define SYNC_PEER_COUNTERS (LBDR_A_SYNC_PEER_STATS_MAX - LBDR_A_SYNC_PEER_STATS_PAD)

/* Another director of the role peers; differs and conns unless it is silent. */
struct sync_peer {
	__u8 state;		/* LBDR_SYNC_PEER_STATE_... */
	__u8 differs;
	__u32 conns;
	__u64 counters[SYNC_PEER_COUNTERS];
};

/*
 * A role of synchronisation; what is behind enabled is set only if it is. From synced on,
 * of the role peers only; there are as many peers as addresses.
 */
struct sync {
	__u8 role;		/* LBDR_SYNC_ROLE_... */
	bool enabled;
	char device[IFNAMSIZ];
	struct endpoint addresses[SYNC_PEERS];	/* with the port */
	size_t n_addresses;
	__u8 id;
	__u8 ttl;
	__u16 length;
	__u32 pending;
	__u64 counters[SYNC_COUNTERS];
	__u8 synced;
	__u8 key_id;
	__u8 keys;		/* bits */
	struct sync_peer peers[SYNC_PEERS];
};

/* All roles; no more were received than @count. */
struct sync_roles {
	struct sync role[LBDR_SYNC_ROLE_PEERS + 1];
	size_t count;
};

/* Devices whose packets the module takes at ingress, at most. */
#define INGRESS_MAX 16

struct info {
	const char *version;
	__u32 services;
	__u32 conns;
	__u32 conn_max;
	__u64 slow_packets;
	__u8 entry;
	const char *devices[INGRESS_MAX];
	int n_devices;
	bool forced;		/* --force of set-entry */
	struct timeouts timeouts;
};

/* The entry xdp is none of the module's, see xdp.c. */
#define ENTRY_XDP (LBDR_ENTRY_INGRESS + 1)

#endif
