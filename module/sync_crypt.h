/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Sealed datagrams of synchronisation between directors of lbdr.
 */
#ifndef _LBDR_SYNC_CRYPT_H
#define _LBDR_SYNC_CRYPT_H

#include <linux/bitmap.h>
#include <linux/types.h>

#define LBDR_SYNC_KEY		32	/* bytes of a key */
#define LBDR_SYNC_KEYS		2
#define LBDR_SYNC_EPOCH		16	/* bytes of an epoch */

/* Bytes in front of and behind the content of a datagram */
#define LBDR_SYNC_CLEAR		28
#define LBDR_SYNC_TAG		16
#define LBDR_SYNC_SEALING	(LBDR_SYNC_CLEAR + LBDR_SYNC_TAG)

/* Datagrams that may overtake each other */
#define LBDR_SYNC_WINDOW	1024

/* What a datagram is */
enum lbdr_sync_type {
	LBDR_SYNC_HELLO = 1,
	LBDR_SYNC_DATA,
	LBDR_SYNC_ACK,
};

/**
 * struct lbdr_sync_keys - the keys of a namespace
 * @key: both keys
 * @set: which of them are set
 * @current_id: the one that datagrams are sealed with
 */
struct lbdr_sync_keys {
	u8	key[LBDR_SYNC_KEYS][LBDR_SYNC_KEY];
	bool	set[LBDR_SYNC_KEYS];
	u8	current_id;
};

/**
 * struct lbdr_sync_clear - what a datagram says in front of its sealed content
 * @type: enum lbdr_sync_type, as received
 * @epoch: of the sender
 * @sequence: number of the datagram in the epoch
 */
struct lbdr_sync_clear {
	u8	type;
	u8	epoch[LBDR_SYNC_EPOCH];
	u64	sequence;
};

/**
 * struct lbdr_sync_window - the numbers that were received in an epoch
 * @next: one more than the highest
 * @seen: the LBDR_SYNC_WINDOW numbers below @next, by their remainder
 */
struct lbdr_sync_window {
	u64	next;
	DECLARE_BITMAP(seen, LBDR_SYNC_WINDOW);
};

int lbdr_sync_crypt_check(void);
u32 lbdr_sync_seal(const struct lbdr_sync_keys *keys, const struct lbdr_sync_clear *clear,
		   u8 *data, u32 len);
int lbdr_sync_open(const struct lbdr_sync_keys *keys, struct lbdr_sync_clear *clear,
		   u8 *data, u32 len);
void lbdr_sync_window_begin(struct lbdr_sync_window *window, u64 sequence);
bool lbdr_sync_window_add(struct lbdr_sync_window *window, u64 sequence);

#endif /* _LBDR_SYNC_CRYPT_H */
