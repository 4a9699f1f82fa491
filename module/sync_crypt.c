// SPDX-License-Identifier: GPL-2.0
/*
 * Sealed datagrams: authenticated and encrypted with XChaCha20-Poly1305, and numbered.
 *
 * A datagram is a header in clear, the encrypted content, and a tag of 16 bytes that
 * authenticates both. Numbers are in network byte order.
 *
 *	 0 255			 3 id of the key, 0 or 1
 *	 1 type			 4 epoch of the sender
 *	 2 255			20 number of the datagram in the epoch
 *
 * To a director that reads version 0 or 1 of ip_vs's format, such a datagram is longer
 * than 65,279 bytes, so malformed. The nonce is the epoch and the number: an epoch is
 * random, and its numbers are used once, so no nonce is used twice with a key.
 *
 * The caller owns keys and windows and serialises access to them. The functions here take
 * no lock.
 *
 * The cipher is in a module of the kernel, libchacha20poly1305. symbol_request(), see
 * symbols.c, refuses symbols that are not exported for GPL modules only, as these. So they
 * are weak: modprobe loads that module first, and insmod succeeds without it.
 */
#include <linux/errno.h>
#include <linux/module.h>
#include <linux/string.h>

#include <crypto/chacha20poly1305.h>

#include "compat.h"
#include "sync_crypt.h"

#define MAGIC	255

#pragma weak xchacha20poly1305_encrypt
#pragma weak xchacha20poly1305_decrypt

/* By pointers: an address of 0 may be out of reach of a call. */
static struct {
	typeof(xchacha20poly1305_encrypt)	*encrypt;
	typeof(xchacha20poly1305_decrypt)	*decrypt;
} lbdr_sync_cipher __read_mostly = {
	.encrypt	= xchacha20poly1305_encrypt,
	.decrypt	= xchacha20poly1305_decrypt,
};

/**
 * lbdr_sync_crypt_check() - Check whether the kernel has the cipher
 *
 * Context: any.
 * Return: 0, or -EOPNOTSUPP if its module was not loaded when this one was.
 */
int lbdr_sync_crypt_check(void)
{
	BUILD_BUG_ON(LBDR_SYNC_KEY != CHACHA20POLY1305_KEY_SIZE);
	BUILD_BUG_ON(LBDR_SYNC_TAG != CHACHA20POLY1305_AUTHTAG_SIZE);
	BUILD_BUG_ON(LBDR_SYNC_EPOCH + sizeof(u64) != XCHACHA20POLY1305_NONCE_SIZE);

	return READ_ONCE(lbdr_sync_cipher.encrypt) && READ_ONCE(lbdr_sync_cipher.decrypt) ?
	       0 : -EOPNOTSUPP;
}
EXPORT_SYMBOL_FOR_KUNIT(lbdr_sync_crypt_check);

/**
 * lbdr_sync_seal() - Seal a datagram with the current key
 * @keys: the keys
 * @clear: its header
 * @data: the datagram: LBDR_SYNC_CLEAR bytes that are filled in, the content, which is
 *	encrypted, and LBDR_SYNC_TAG bytes that are filled in
 * @len: length of the content
 *
 * Context: process; lbdr_sync_crypt_check() has succeeded.
 * Return: length of the datagram.
 */
u32 lbdr_sync_seal(const struct lbdr_sync_keys *keys, const struct lbdr_sync_clear *clear,
		   u8 *data, u32 len)
{
	typeof(xchacha20poly1305_encrypt) *encrypt = READ_ONCE(lbdr_sync_cipher.encrypt);
	u8 *nonce = data + 4, *content = data + LBDR_SYNC_CLEAR;

	data[0] = MAGIC;
	data[1] = clear->type;
	data[2] = MAGIC;
	data[3] = keys->current_id;
	memcpy(nonce, clear->epoch, LBDR_SYNC_EPOCH);
	put_unaligned_be64(clear->sequence, nonce + LBDR_SYNC_EPOCH);
	encrypt(content, content, len, data, LBDR_SYNC_CLEAR, nonce,
		keys->key[keys->current_id]);
	return LBDR_SYNC_SEALING + len;
}
EXPORT_SYMBOL_FOR_KUNIT(lbdr_sync_seal);

/**
 * lbdr_sync_open() - Open a datagram
 * @keys: the keys
 * @clear: filled in with its header
 * @data: the datagram; its content is decrypted, behind LBDR_SYNC_CLEAR bytes
 * @len: its length
 *
 * Context: process; lbdr_sync_crypt_check() has succeeded.
 * Return: length of the content; -EINVAL if it is no such datagram; -EBADMSG if it was not
 * sealed with one of the keys, or was changed.
 */
int lbdr_sync_open(const struct lbdr_sync_keys *keys, struct lbdr_sync_clear *clear,
		   u8 *data, u32 len)
{
	typeof(xchacha20poly1305_decrypt) *decrypt = READ_ONCE(lbdr_sync_cipher.decrypt);
	u8 *nonce = data + 4, *content = data + LBDR_SYNC_CLEAR;

	if (len < LBDR_SYNC_SEALING || data[0] != MAGIC || data[2] != MAGIC ||
	    data[3] >= LBDR_SYNC_KEYS)
		return -EINVAL;
	if (!keys->set[data[3]] ||
	    !decrypt(content, content, len - LBDR_SYNC_CLEAR, data, LBDR_SYNC_CLEAR, nonce,
		     keys->key[data[3]]))
		return -EBADMSG;
	clear->type = data[1];
	memcpy(clear->epoch, nonce, LBDR_SYNC_EPOCH);
	clear->sequence = get_unaligned_be64(nonce + LBDR_SYNC_EPOCH);
	return len - LBDR_SYNC_SEALING;
}
EXPORT_SYMBOL_FOR_KUNIT(lbdr_sync_open);

/**
 * lbdr_sync_window_begin() - Begin the window of an epoch
 * @window: the window
 * @sequence: the number that was received; lower ones count as received, too
 *
 * Context: any.
 */
void lbdr_sync_window_begin(struct lbdr_sync_window *window, u64 sequence)
{
	window->next = sequence + 1;
	bitmap_fill(window->seen, LBDR_SYNC_WINDOW);
}
EXPORT_SYMBOL_FOR_KUNIT(lbdr_sync_window_begin);

/**
 * lbdr_sync_window_add() - Add a number that was received
 * @window: the window
 * @sequence: the number
 *
 * Context: any.
 * Return: false if it was received before, or is too low to tell.
 */
bool lbdr_sync_window_add(struct lbdr_sync_window *window, u64 sequence)
{
	u64 number;

	/* The highest number would have no successor; no sender gets there. */
	if (sequence == U64_MAX)
		return false;
	if (sequence < window->next)
		return window->next - sequence <= LBDR_SYNC_WINDOW &&
		       !test_and_set_bit(sequence % LBDR_SYNC_WINDOW, window->seen);
	/* The numbers in between take the place of those that leave the window. */
	if (sequence - window->next >= LBDR_SYNC_WINDOW)
		bitmap_zero(window->seen, LBDR_SYNC_WINDOW);
	else
		for (number = window->next; number < sequence; number++)
			clear_bit(number % LBDR_SYNC_WINDOW, window->seen);
	set_bit(sequence % LBDR_SYNC_WINDOW, window->seen);
	window->next = sequence + 1;
	return true;
}
EXPORT_SYMBOL_FOR_KUNIT(lbdr_sync_window_add);
