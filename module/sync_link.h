/* SPDX-License-Identifier: GPL-2.0 */
/*
 * A link: one other director that connections are exchanged with.
 */
#ifndef _LBDR_SYNC_LINK_H
#define _LBDR_SYNC_LINK_H

#include <linux/types.h>

#include <linux/lbdr.h>
#include "sync.h"
#include "sync_crypt.h"
#include "sync_stream.h"

struct lbdr_sync_link;

/* Bytes of a page of records less than of a datagram */
#define LBDR_SYNC_LINK_HEAD	(LBDR_SYNC_SEALING + 8)

/* The shortest datagram that may be configured: all but pages have to fit */
#define LBDR_SYNC_LINK_MAXLEN_MIN	512

/* Counters of a link, in the order of LBDR_A_SYNC_PEER_STATS_... */
enum lbdr_sync_link_counter {
	LBDR_SYNC_LINK_SENT,		/* pages */
	LBDR_SYNC_LINK_RESENT,		/* pages */
	LBDR_SYNC_LINK_OVERRUN,		/* pages replaced before they were acknowledged */
	LBDR_SYNC_LINK_RECEIVED,	/* pages */
	LBDR_SYNC_LINK_LOST,		/* pages that the other director has no longer */
	LBDR_SYNC_LINK_BULKS,		/* times that all connections were asked for */
	LBDR_SYNC_LINK_FORGED,		/* datagrams that no key of ours has sealed */
	LBDR_SYNC_LINK_REPLAYED,	/* datagrams received before, or for another one */
	LBDR_SYNC_LINK_OLD_EPOCH,	/* datagrams of an unknown epoch */
	LBDR_SYNC_LINK_BAD,		/* malformed datagrams */
	LBDR_SYNC_LINK_COUNTERS
};

/**
 * struct lbdr_sync_link_ops - what a link asks of its owner
 * @send: send a datagram. Returns 0, -EAGAIN if it has to be sent later, or another error
 * @apply: apply the records of a page
 * @is_local: check whether an address is one of this director
 */
struct lbdr_sync_link_ops {
	int	(*send)(struct lbdr_sync_link *link, u8 *data, u32 len);
	void	(*apply)(struct lbdr_sync_link *link, const u8 *page, u32 len);
	bool	(*is_local)(struct lbdr_sync_link *link, const union nf_inet_addr *addr);
};

/**
 * struct lbdr_sync_self - what a director tells the others about itself
 * @digest: of its services and servers
 * @conns: number of its connections
 */
struct lbdr_sync_self {
	u64	digest;
	u32	conns;
};

/**
 * struct lbdr_sync_link - one other director
 * @ops: immutable
 * @settings: of the role; immutable
 * @place: of the other director in @settings; immutable
 * @keys: shared by all links
 * @self: shared by all links
 * @buffer: room for the longest datagram that is sent; shared by all links
 * @epoch: of what is sent; random
 * @sequence: number of the next datagram
 * @challenge: what the HELLO of a new epoch of the other director has to echo; never 0
 * @known: @peer_epoch was accepted
 * @up: and the other director has accepted @epoch
 * @alive: it was heard of within SILENT_TIME
 * @fresh: @in has not begun in this epoch
 * @gap: another bulk transfer is wanted from the next HELLO on
 * @complete: a whole bulk transfer was received since this epoch began
 * @peer_epoch: of what is received
 * @window: numbers of the datagrams that were received in it
 * @newest: number of the last HELLO in it whose content was taken
 * @peer_challenge: of its latest HELLO
 * @peer: what it has told about itself
 * @in: pages that are received; empty while @fresh
 * @out: pages that are sent
 * @wanted: number of the bulk transfer that is wanted from it
 * @peer_done: number of the latest one that it has completed
 * @peer_end: number of the first page behind that
 * @peer_wanted: number of the bulk transfer that it wants, 0 for none
 * @peer_own: this one needs no copies of connections that others forward
 * @serving: number of the one that was begun for it; set by the owner
 * @done: number of the latest one that was completed; set by the owner
 * @end: number of the first page behind that; set by the owner
 * @unacked: pages received since the last acknowledgment
 * @hello_due: a HELLO is to be sent at once
 * @asking: pages are missing, and @ask_at is set
 * @heard: jiffies of the latest datagram
 * @forged: jiffies of the latest datagram that no key of ours has sealed
 * @ack_at: jiffies when @unacked pages are acknowledged, if there are any
 * @ask_at: jiffies when missing pages are asked for
 * @hello_at: jiffies of the last HELLO
 * @acked_at: jiffies when @out was last sent to, or acknowledged
 * @moved_at: jiffies when a page was last acknowledged, or sent while none was to be
 * @stalled: the owner has said that a page does not arrive
 * @answers: HELLOs of an unknown epoch that may be answered
 * @answered: jiffies when @answers grew last
 * @asked: jiffies when another datagram of an unknown epoch was last answered
 * @counters: by enum lbdr_sync_link_counter
 *
 * The owner serialises all access.
 */
struct lbdr_sync_link {
	const struct lbdr_sync_link_ops		*ops;
	const struct lbdr_sync_settings		*settings;
	u8					place;
	const struct lbdr_sync_keys		*keys;
	const struct lbdr_sync_self		*self;
	u8					*buffer;
	u8					epoch[LBDR_SYNC_EPOCH];
	u64					sequence;
	u64					challenge;
	bool					known;
	bool					up;
	bool					alive;
	bool					fresh;
	bool					gap;
	bool					complete;
	u8					peer_epoch[LBDR_SYNC_EPOCH];
	struct lbdr_sync_window			window;
	u64					newest;
	u64					peer_challenge;
	struct lbdr_sync_self			peer;
	struct lbdr_sync_in			in;
	struct lbdr_sync_out			out;
	u32					wanted;
	u32					peer_done;
	u64					peer_end;
	u32					peer_wanted;
	bool					peer_own;
	u32					serving;
	u32					done;
	u64					end;
	u32					unacked;
	bool					hello_due;
	bool					asking;
	unsigned long				heard;
	unsigned long				forged;
	unsigned long				ack_at;
	unsigned long				ask_at;
	unsigned long				hello_at;
	unsigned long				acked_at;
	unsigned long				moved_at;
	bool					stalled;
	u32					answers;
	unsigned long				answered;
	unsigned long				asked;
	u64					counters[LBDR_SYNC_LINK_COUNTERS];
};

int lbdr_sync_link_init(struct lbdr_sync_link *link, unsigned long now);
void lbdr_sync_link_restart(struct lbdr_sync_link *link);
void lbdr_sync_link_exit(struct lbdr_sync_link *link);
void lbdr_sync_link_receive(struct lbdr_sync_link *link, u8 *data, u32 len,
			    unsigned long now);
void lbdr_sync_link_push(struct lbdr_sync_link *link, struct lbdr_sync_page *page);
void lbdr_sync_link_miss(struct lbdr_sync_link *link);
unsigned long lbdr_sync_link_flush(struct lbdr_sync_link *link, unsigned long now,
				   u32 budget);
unsigned long lbdr_sync_link_run(struct lbdr_sync_link *link, unsigned long now);
u8 lbdr_sync_link_state(const struct lbdr_sync_link *link);
bool lbdr_sync_link_suspect(const struct lbdr_sync_link *link, unsigned long now);
bool lbdr_sync_link_broken(const struct lbdr_sync_link *link, unsigned long now);
bool lbdr_sync_link_stalled(const struct lbdr_sync_link *link, unsigned long now);

/**
 * lbdr_sync_link_ready() - Check whether pages are sent on a link
 * @link: the link
 *
 * Context: as the link.
 */
static inline bool lbdr_sync_link_ready(const struct lbdr_sync_link *link)
{
	return link->up && link->alive;
}

#endif /* _LBDR_SYNC_LINK_H */
