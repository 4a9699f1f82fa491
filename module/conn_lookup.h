/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The hash of connections and their lookup, inlined into the path of a packet.
 *
 * A sender of packets chooses the client's address and port, which SipHash-1-3 (Aumasson
 * and Bernstein, 2012; the variant of the kernel's hsiphash on 64 bits) hashes with a
 * random key. So a sender cannot choose connections that share a bucket. All messages of a
 * family have the same length, so the block that encodes the length is left out: no message
 * is the prefix of another one.
 *
 * The VIP, the protocol and the L3 domain are the operator's choice. They are folded into
 * the last word of the message by multiplications with secret odd numbers, which cost less
 * than a round each. So flows to different VIPs may have the same message, if their clients
 * differ as the products do. The products of two numbers that differ by an odd multiple of
 * 2^T differ by one of 2^(63 - T) values, which a sender does not know. VIPs are taken in
 * the order of the host, so T is small for those of one network; it is 32 for TCP and UDP of
 * one VIP. And a sender who guesses the value adds one connection to a chain for each such
 * pair of VIP and protocol, no more.
 *
 * The seed of the rhashtable is a part of the key. An insertion that finds a chain of more
 * than 16 entries, which chance makes rarely, has the rhashtable draw another seed and
 * rehash.
 */
#ifndef _LBDR_CONN_LOOKUP_H
#define _LBDR_CONN_LOOKUP_H

#include <linux/rhashtable.h>
#include <linux/siphash.h>

#include "conn.h"
#include "flow.h"
#include "lbdr.h"

/* The state of SipHash */
struct lbdr_sip {
	u64	a, b, c, d;
};

/**
 * struct lbdr_conn_secret - secret numbers of the hash
 * @sip: the state of SipHash with its key
 * @fold: odd multipliers
 *
 * Drawn when the module is loaded, and constant afterwards.
 */
struct lbdr_conn_secret {
	struct lbdr_sip	sip;
	u64		fold[3];
};

extern struct lbdr_conn_secret lbdr_conn_secret;

static inline void lbdr_sip_init(struct lbdr_sip *sip, const siphash_key_t *key)
{
	sip->a = SIPHASH_CONST_0 ^ key->key[0];
	sip->b = SIPHASH_CONST_1 ^ key->key[1];
	sip->c = SIPHASH_CONST_2 ^ key->key[0];
	sip->d = SIPHASH_CONST_3 ^ key->key[1];
}

/* The seed is a part of the first word of the key. */
static __always_inline void lbdr_sip_begin(struct lbdr_sip *sip, u32 seed)
{
	*sip = lbdr_conn_secret.sip;
	sip->a ^= seed;
	sip->c ^= seed;
}

static __always_inline void lbdr_sip_add(struct lbdr_sip *sip, u64 word)
{
	sip->d ^= word;
	SIPHASH_PERMUTATION(sip->a, sip->b, sip->c, sip->d);
	sip->a ^= word;
}

static __always_inline u32 lbdr_sip_end(struct lbdr_sip *sip)
{
	sip->c ^= 0xff;
	SIPHASH_PERMUTATION(sip->a, sip->b, sip->c, sip->d);
	SIPHASH_PERMUTATION(sip->a, sip->b, sip->c, sip->d);
	SIPHASH_PERMUTATION(sip->a, sip->b, sip->c, sip->d);
	return sip->a ^ sip->b ^ sip->c ^ sip->d;
}

/* @a and @b are the words of the key, see lbdr_key4_set(). */
static __always_inline u32 lbdr_conn_hash4_of(u64 a, u64 b, u32 seed)
{
#ifdef __BIG_ENDIAN
	u64 chosen = (a & GENMASK_ULL(63, 32)) | b >> 32;
	u64 folded = b << 32 | lower_32_bits(a);
#else
	u64 chosen = a << 32 | lower_32_bits(b);
	u64 folded = (b & GENMASK_ULL(63, 32)) | swab32(a >> 32);
#endif
	struct lbdr_sip sip;

	lbdr_sip_begin(&sip, seed);
	lbdr_sip_add(&sip, chosen ^ folded * lbdr_conn_secret.fold[0]);
	return lbdr_sip_end(&sip);
}

static __always_inline u32 lbdr_conn_hash4(const void *key, u32 len, u32 seed)
{
	const struct lbdr_key4 *k = key;

	return lbdr_conn_hash4_of(k->words[0], k->words[1], seed);
}

/*
 * @a to @e are the words of the key, see lbdr_key6_set(); @d has the number of the VIP in its
 * network.
 */
static __always_inline u32 lbdr_conn_hash6_of(u64 a, u64 b, u64 c, u64 d, u64 e, u32 seed)
{
#ifdef __BIG_ENDIAN
	u32 ports = e >> 32, protocol = lower_32_bits(e);
#else
	u32 ports = lower_32_bits(e), protocol = e >> 32;
#endif
	u64 folded = be64_to_cpu((__force __be64)c) * lbdr_conn_secret.fold[0] +
		     be64_to_cpu((__force __be64)d) * lbdr_conn_secret.fold[1] +
		     protocol * lbdr_conn_secret.fold[2];
	struct lbdr_sip sip;

	lbdr_sip_begin(&sip, seed);
	lbdr_sip_add(&sip, a);
	lbdr_sip_add(&sip, b);
	lbdr_sip_add(&sip, ports ^ folded);
	return lbdr_sip_end(&sip);
}

static __always_inline u32 lbdr_conn_hash6(const void *key, u32 len, u32 seed)
{
	const struct lbdr_key6 *k = key;

	return lbdr_conn_hash6_of(k->words[0], k->words[1], k->words[2], k->words[3],
				  k->words[4], seed);
}

/*
 * What rhashtable_lookup() does, without the argument of its comparison function, which
 * would be on the stack and cost a packet of a connection some 30 instructions. A chain
 * that does not end in the mark of its bucket was left for another one, as its
 * connection was moved to a new table, and is read again. The barrier orders the last
 * bucket before the pointer to a new table: what was moved out of the one is in the
 * other. @family is a constant. @hashed: may be NULL; on a miss, set to the value for
 * &lbdr_flow.hash. Context: rcu_read_lock() held.
 */
static __always_inline struct lbdr_conn *
lbdr_conn_lookup(struct lbdr_net *ln, enum lbdr_family family, const void *key,
		 u64 *hashed)
{
	struct rhashtable *table = &ln->conns[family];
	struct rhash_lock_head __rcu *const *bucket;
	struct bucket_table *buckets;
	struct rhash_head *pos;
	const u64 *words = key;
	/* In registers, not in a struct that the compiler keeps on the stack */
	u64 a = words[0], b = words[1], c = 0, d = 0, e = 0;
	u32 hash;

	if (family == LBDR_V6) {
		c = words[2];
		d = words[3];
		e = words[4];
	}
	buckets = rht_dereference_rcu(table->tbl, table);
	do {
		hash = family == LBDR_V4 ?
		       lbdr_conn_hash4_of(a, b, buckets->hash_rnd) :
		       lbdr_conn_hash6_of(a, b, c, d, e, buckets->hash_rnd);
		bucket = rht_bucket(buckets, rht_bucket_index(buckets, hash));
		do {
			rht_for_each_rcu_from(pos, rht_ptr_rcu(bucket), buckets, hash) {
				struct lbdr_conn *conn =
					container_of(pos, struct lbdr_conn, node);
				const u64 *own = family == LBDR_V4 ?
						 lbdr_conn_key4(conn)->words :
						 lbdr_conn_key6(conn)->words;

				if (!((own[0] ^ a) | (own[1] ^ b)) &&
				    (family == LBDR_V4 ||
				     !((own[2] ^ c) | (own[3] ^ d) | (own[4] ^ e))))
					return conn;
			}
		} while (pos != RHT_NULLS_MARKER(bucket));
		if (hashed)
			*hashed = (u64)buckets->hash_rnd << 32 | hash;
		/* Pairs with the release stores that move an entry to a new table. */
		smp_rmb();
		buckets = rht_dereference_rcu(buckets->future_tbl, table);
	} while (unlikely(buckets));
	return NULL;
}

#endif /* _LBDR_CONN_LOOKUP_H */
