/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The role of synchronisation in which directors of lbdr are peers.
 */
#ifndef _LBDR_SYNC_PEERS_H
#define _LBDR_SYNC_PEERS_H

#include <linux/mutex.h>
#include <linux/workqueue.h>

#include "sync.h"
#include "sync_crypt.h"
#include "sync_link.h"

/**
 * struct lbdr_sync_peer - a peer and what is sent to it
 * @link: the link
 * @peers: all peers; immutable
 * @walk: the walk of a bulk transfer, while @walking
 * @walking: a bulk transfer is being sent
 * @walked_at: jiffies when the last one was begun
 */
struct lbdr_sync_peer {
	struct lbdr_sync_link	link;
	struct lbdr_sync_peers	*peers;
	struct lbdr_sync_walk	walk;
	bool			walking;
	unsigned long		walked_at;
};

/**
 * struct lbdr_sync_peers - the peers of a namespace
 * @ln: the namespace; immutable
 * @lock: protects what follows; lbdr_net.lock is taken inside it
 * @keys: the keys, which are never told to anyone
 * @self: what is told about this director
 * @digested: lbdr_net.n_changes when &lbdr_sync_self.digest was computed
 * @digest_at: jiffies at that time
 * @started: jiffies when the role was started
 * @carrier_at: jiffies since when the device has carrier, unless @alone
 * @forks: copies of this virtual machine that are known; used by @work only
 * @alone: there was time enough to hear of every peer
 * @turn: the peer that pages are sent to first
 * @received: a datagram, used by @work only
 * @sealed: a datagram that is sent
 * @work: receives and sends
 * @n: number of @peer
 * @peer: the peers, in the order of the settings
 */
struct lbdr_sync_peers {
	struct lbdr_net		*ln;
	struct mutex		lock;		/* what follows */
	struct lbdr_sync_keys	keys;
	struct lbdr_sync_self	self;
	u64			digested;
	unsigned long		digest_at;
	unsigned long		started;
	unsigned long		carrier_at;
	int			forks;
	bool			alone;
	u8			turn;
	u8			*received;
	u8			*sealed;
	struct delayed_work	work;
	u8			n;
	struct lbdr_sync_peer	peer[];
};

/**
 * struct lbdr_sync_peer_info - what is shown of a peer
 * @state: enum lbdr_sync_peer_state
 * @differs: its services or servers are others than those of this director
 * @conns: number of its connections
 * @counters: by enum lbdr_sync_link_counter
 *
 * @differs and @conns are valid unless the peer is silent.
 */
struct lbdr_sync_peer_info {
	u8	state;
	bool	differs;
	u32	conns;
	u64	counters[LBDR_SYNC_LINK_COUNTERS];
};

/**
 * struct lbdr_sync_peers_info - what is shown of all peers
 * @synced: this director has the connections of all peers that answer
 * @key_set: which keys are set
 * @key_id: the key that datagrams are sealed with
 * @n: number of @peer
 * @peer: the peers, in the order of the settings
 */
struct lbdr_sync_peers_info {
	bool				synced;
	bool				key_set[LBDR_SYNC_KEYS];
	u8				key_id;
	u8				n;
	struct lbdr_sync_peer_info	peer[LBDR_SYNC_PEERS_MAX];
};

/* So many pages of a bulk transfer may wait however many other pages do. */
#define LBDR_SYNC_BULK_MIN	4

/* Called by the kernel when it notices that this virtual machine is a copy */
extern struct notifier_block lbdr_sync_fork_notifier;

int lbdr_sync_peers_init(void);
void lbdr_sync_peers_exit(void);
u32 lbdr_sync_peers_room(const struct lbdr_sync_settings *settings);
bool lbdr_sync_bulk_room(const struct lbdr_sync_link *link);
u64 lbdr_sync_digest_service(const struct lbdr_service *service);
int lbdr_sync_peers_start(struct lbdr_net *ln, const struct lbdr_sync_keys *keys);
void lbdr_sync_peers_stop(struct lbdr_net *ln);
void lbdr_sync_peers_push(struct lbdr_net *ln, struct lbdr_sync_page *page);
int lbdr_sync_peers_set_key(struct lbdr_net *ln, u8 id, const u8 *key);
bool lbdr_sync_peers_info(struct lbdr_net *ln, struct lbdr_sync_peers_info *info);

#endif /* _LBDR_SYNC_PEERS_H */
