/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Connection synchronisation: a master sends its connections, a backup adds them.
 */
#ifndef _LBDR_SYNC_H
#define _LBDR_SYNC_H

#include <linux/if.h>
#include <linux/in.h>
#include <linux/llist.h>
#include <linux/mutex.h>
#include <linux/netfilter.h>
#include <linux/refcount.h>
#include <linux/rhashtable.h>
#include <linux/siphash.h>
#include <linux/socket.h>
#include <linux/spinlock.h>
#include <linux/workqueue.h>
#include <net/ipv6.h>

#include <linux/lbdr.h>

struct lbdr_conn;
struct lbdr_net;
struct lbdr_sync_keys;
struct lbdr_sync_page;
struct lbdr_sync_peers;
struct lbdr_sync_record;
struct sock;
struct socket;
struct task_struct;

/* The group and port that are registered for ip_vs */
#define LBDR_SYNC_GROUP		0xe0000051	/* 224.0.0.81 */
#define LBDR_SYNC_PORT		8848

/* The UDP port of the role peers */
#define LBDR_SYNC_PEERS_PORT	8849

/* Directors that a role may be bound to by their addresses */
#define LBDR_SYNC_PEERS_MAX	8

/* Bounds of the bytes of a datagram, without IP and UDP header */
#define LBDR_SYNC_MAXLEN_MIN	128
#define LBDR_SYNC_MAXLEN_MAX	8972

#define LBDR_SYNC_ROLES		(LBDR_SYNC_ROLE_PEERS + 1)

/* Counters: of the master, then of the backup, in the order of LBDR_A_SYNC_STATS_... */
enum lbdr_sync_counter {
	LBDR_SYNC_SENT_DATAGRAMS,
	LBDR_SYNC_SENT_RECORDS,
	LBDR_SYNC_SEND_ERRORS,
	LBDR_SYNC_DROPPED,		/* records without memory, or beyond the queue */
	LBDR_SYNC_RECEIVED_DATAGRAMS,
	LBDR_SYNC_RECEIVED_RECORDS,
	LBDR_SYNC_ADDED,
	LBDR_SYNC_UPDATED,		/* records of connections that exist */
	LBDR_SYNC_ADOPTED,		/* added after their server was */
	LBDR_SYNC_PENDING_FULL,		/* no room to wait for a server */
	LBDR_SYNC_OWN,			/* this director forwards the connection itself */
	LBDR_SYNC_STALE,		/* what is known of the connection is later */
	LBDR_SYNC_REFUSED,		/* no room, or the service has no such connection */
	LBDR_SYNC_SKIPPED,		/* protocol or state that lbdr does not have */
	LBDR_SYNC_BAD,			/* malformed datagrams */
	LBDR_SYNC_FOREIGN,		/* datagrams of another group or sender */
	LBDR_SYNC_COUNTERS
};

/**
 * struct lbdr_sync_settings - where a role sends to, or receives from
 * @device: name of the device
 * @addrs: a multicast group, or the addresses of the other directors
 * @n_addrs: their number
 * @family: AF_INET or AF_INET6, of @addrs
 * @port: UDP port, in host order
 * @maxlen: bytes of a datagram of the master, at most
 * @syncid: id of the group of directors; a backup with 0 accepts every id
 * @ttl: TTL or hop limit
 */
struct lbdr_sync_settings {
	char			device[IFNAMSIZ];
	union nf_inet_addr	addrs[LBDR_SYNC_PEERS_MAX];
	u8			n_addrs;
	u16			family;
	u16			port;
	u16			maxlen;
	u8			syncid;
	u8			ttl;
};

/**
 * struct lbdr_sync_page - records that are sent together
 * @full: in lbdr_sync.full
 * @unsent: in lbdr_sync.unsent, instead of @full
 * @refs: references; the page is not changed while there are several
 * @roles: bits of enum lbdr_sync_role: who sends it
 * @bulk: it is of a bulk transfer to a peer
 * @used: bytes of @data that are used
 * @room: bytes that it may have, which are allocated
 * @data: a datagram of version 1
 */
struct lbdr_sync_page {
	union {
		struct llist_node	full;
		struct list_head	unsent;
	};
	refcount_t			refs;
	u8				roles;
	bool				bulk;
	u32				used;
	u32				room;
	u8				data[];
};

/**
 * struct lbdr_sync_walk - a walk over all connections, see sync_walk.c
 * @iter: position in the table of @family
 * @family: enum lbdr_family
 * @own: leave out connections that another director forwards
 * @page: the next page, or NULL
 */
struct lbdr_sync_walk {
	struct rhashtable_iter	iter;
	u8			family;
	bool			own;
	struct lbdr_sync_page	*page;
};

/**
 * struct lbdr_sync_cpu - records of one CPU that are not sent yet
 * @lock: of the other members; with BH off
 * @page: the page that records are appended to, or NULL
 * @filled: pages that were filled since they have started the work item last
 */
struct lbdr_sync_cpu {
	spinlock_t		lock;		/* the other members; with BH off */
	struct lbdr_sync_page	*page;
	u32			filled;
};

/**
 * struct lbdr_sync_pending - records that wait for their service or server
 * @table: hash table, NULL while no role receives
 * @bits: log2 of the number of its buckets
 * @n: their number
 * @secret: of the hash, which must not be known to whoever sends records
 *
 * See sync_pending.c.
 */
struct lbdr_sync_pending {
	struct hlist_head	*table;
	u32			bits;
	u32			n;
	siphash_key_t		secret;
};

/**
 * struct lbdr_sync - synchronisation in one network namespace
 * @lock: serialises start, stop and settings; RTNL and lbdr_net.lock are taken inside it,
 *	one at a time
 * @runs: by enum lbdr_sync_role; @lock
 * @settings: of the roles that run; @lock, read by their work items
 * @socks: their sockets; as @settings
 * @sending: roles that send, as bits; WRITE_ONCE() under @lock, read by packets and the
 *	collector
 * @receiving: roles that receive, as bits; @lock
 * @cpus: records to send; per CPU, allocated while a role sends
 * @full: full pages; lockless list
 * @unsent: pages that @send has taken from @full and the master has not sent yet; used by
 *	@send only
 * @peer: the director that the first of them is sent to next; used by @send only
 * @queued: bytes of memory of the master's pages in @full and @unsent
 * @peers: the links to other directors while that role runs, see sync_peers.c;
 *	WRITE_ONCE() under @lock, read by @send
 * @missed: records were dropped before the links had them; WRITE_ONCE()
 * @queued_peers: bytes of memory of the pages in @full that the links have not got yet
 * @send: sends pages
 * @walk: sends all connections once, when the master has started
 * @receive: receives datagrams of the backup and adds connections
 * @adopter: applies records that have waited
 * @buffer: a datagram; used by @receive only
 * @pending: protected by lbdr_net.lock
 * @applier: the task that applies a record: its events are not sent back; WRITE_ONCE()
 *	under lbdr_net.lock
 * @adopt: a service or server was added since @adopter looked at @pending last, or is
 *	being published. @adopter is queued then, or runs; WRITE_ONCE() under lbdr_net.lock
 * @retried: jiffies when @adopter looked at @pending last; used by @adopter only
 * @persist_mode: of persistent services only templates are sent; a sysctl of the IPVS
 *	front end, READ_ONCE()
 * @counters: by enum lbdr_sync_counter
 */
struct lbdr_sync {
	struct mutex			lock;		/* roles and settings */
	bool				runs[LBDR_SYNC_ROLES];
	struct lbdr_sync_settings	settings[LBDR_SYNC_ROLES];
	struct socket			*socks[LBDR_SYNC_ROLES];
	u8				sending;
	u8				receiving;
	struct lbdr_sync_cpu __percpu	*cpus;
	struct llist_head		full;
	struct list_head		unsent;
	u8				peer;
	atomic_t			queued;
	struct lbdr_sync_peers		*peers;
	bool				missed;
	atomic_t			queued_peers;
	struct delayed_work		send;
	struct work_struct		walk;
	struct delayed_work		receive;
	struct delayed_work		adopter;
	u8				*buffer;
	struct lbdr_sync_pending	pending;
	struct task_struct		*applier;
	bool				adopt;
	unsigned long			retried;
	int				persist_mode;
	atomic64_t			counters[LBDR_SYNC_COUNTERS];
};

/**
 * lbdr_sync_maxlen() - Get the default for the bytes of a datagram
 * @family: AF_INET or AF_INET6
 *
 * Context: any.
 * Return: what fits in the MTU of Ethernet without fragments.
 */
static inline u16 lbdr_sync_maxlen(u16 family)
{
	return 1500 - 8 - (family == AF_INET6 ? 40 : 20);
}

static inline bool lbdr_sync_addr_is_group(u16 family, const union nf_inet_addr *addr)
{
	return family == AF_INET ? ipv4_is_multicast(addr->ip) :
				   ipv6_addr_is_multicast(&addr->in6);
}

/* Returns true if a role has a multicast group, not addresses of other directors. */
static inline bool lbdr_sync_is_group(const struct lbdr_sync_settings *settings)
{
	return lbdr_sync_addr_is_group(settings->family, &settings->addrs[0]);
}

/* sync.c */
int lbdr_sync_init(void);
void lbdr_sync_exit(void);
void lbdr_sync_net_init(struct lbdr_net *ln);
void lbdr_sync_net_exit(struct lbdr_net *ln);
int lbdr_sync_start(struct lbdr_net *ln, enum lbdr_sync_role role,
		    const struct lbdr_sync_settings *settings,
		    const struct lbdr_sync_keys *keys);
int lbdr_sync_stop(struct lbdr_net *ln, enum lbdr_sync_role role);
bool lbdr_sync_get(struct lbdr_net *ln, enum lbdr_sync_role role,
		   struct lbdr_sync_settings *settings);
void lbdr_sync_count(struct lbdr_net *ln, enum lbdr_sync_counter counter, u32 n);
extern struct workqueue_struct *lbdr_sync_wq;

/* sync_sock.c */
struct socket *lbdr_sync_sock_open(struct lbdr_net *ln, enum lbdr_sync_role role,
				   const struct lbdr_sync_settings *settings);
int lbdr_sync_sock_send(struct socket *sock, const struct lbdr_sync_settings *settings,
			u8 peer, void *data, u32 len);
int lbdr_sync_sock_receive(struct socket *sock, void *data, u32 room,
			   const struct lbdr_sync_settings *settings, int *peer);
bool lbdr_sync_sock_carrier(const struct socket *sock);
void lbdr_sync_sock_listen(struct socket *sock, struct lbdr_net *ln,
			   void (*ready)(struct sock *sk));
void lbdr_sync_sock_close(struct socket *sock);

/* sync_send.c */
struct lbdr_sync_cpu __percpu *lbdr_sync_cpus_alloc(void);
struct lbdr_sync_page *lbdr_sync_page_alloc(struct lbdr_net *ln, u8 roles);
void lbdr_sync_page_put(struct lbdr_sync_page *page);
bool lbdr_sync_page_append(struct lbdr_sync_page *page,
			   const struct lbdr_sync_record *record);
bool lbdr_sync_conn_record(struct lbdr_net *ln, struct lbdr_conn *conn, u32 state,
			   bool sends, struct lbdr_sync_record *record);
int lbdr_sync_send_start(struct lbdr_net *ln, enum lbdr_sync_role role);
void lbdr_sync_send_stop(struct lbdr_net *ln, enum lbdr_sync_role role);
void lbdr_sync_send_net_init(struct lbdr_net *ln);

/* sync_walk.c */
void lbdr_sync_walk_begin(struct lbdr_net *ln, struct lbdr_sync_walk *walk, bool own);
struct lbdr_sync_page *lbdr_sync_walk_next(struct lbdr_net *ln, struct lbdr_sync_walk *walk,
					   u8 roles);
void lbdr_sync_walk_end(struct lbdr_sync_walk *walk);

/* sync_recv.c */
int lbdr_sync_recv_get(struct lbdr_net *ln, enum lbdr_sync_role role);
void lbdr_sync_recv_put(struct lbdr_net *ln, enum lbdr_sync_role role);
int lbdr_sync_recv_start(struct lbdr_net *ln);
void lbdr_sync_recv_stop(struct lbdr_net *ln);
void lbdr_sync_recv_net_init(struct lbdr_net *ln);
void lbdr_sync_recv_datagram(struct lbdr_net *ln, const u8 *data, u32 len, u8 syncid);
bool lbdr_sync_recv_retry(struct lbdr_net *ln, const struct lbdr_sync_record *record);
bool lbdr_sync_applying(const struct lbdr_net *ln);
void lbdr_sync_recv_adopt(struct lbdr_net *ln);

/* sync_pending.c */
int lbdr_sync_pending_init(struct lbdr_net *ln);
void lbdr_sync_pending_exit(struct lbdr_net *ln);
bool lbdr_sync_pending_add(struct lbdr_net *ln, const struct lbdr_sync_record *record);
void lbdr_sync_pending_drop(struct lbdr_net *ln, const struct lbdr_sync_record *record);
void lbdr_sync_pending_retry(struct lbdr_net *ln,
			     bool (*apply)(struct lbdr_net *ln,
					   const struct lbdr_sync_record *record));

#endif /* _LBDR_SYNC_H */
