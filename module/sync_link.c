// SPDX-License-Identifier: GPL-2.0
/*
 * The protocol between two directors of lbdr: handshake, pages of records,
 * acknowledgments. A link knows neither sockets nor work items: its owner
 * (sync_peers.c) gives it datagrams and the time, and serialises access.
 *
 * All datagrams are sealed, see sync_crypt.c. Their content, in network byte order:
 *
 *	HELLO	 0 version, 1			DATA	 0 number of the page
 *		 1 flags				 8 the page, a datagram of version 1
 *		 4 connections				   of ip_vs's format (sync_wire.c)
 *		 8 challenge
 *		16 echo of the receiver's challenge
 *		24 address of the receiver	ACK	 0 number of the first page that
 *		40 epoch that is known of it		   was not received
 *		56 digest of the configuration		 8 ranges of missing pages, each of
 *		64 first page that can be sent again	   16 bits: first one, as distance
 *		72 first page that was not sent		   from that number, and number of
 *		80 first page that was not received	   pages
 *		88 bulk transfer that is wanted
 *		92 latest one that was completed
 *		96 first page behind that
 *
 * - A datagram of a known epoch is taken once, by its number. One of an unknown epoch is
 *   answered by a HELLO, and has no other effect: a HELLO as often as ANSWERS and
 *   ANSWER_TIME allow, others once in HELLO_TIME, since they may be recorded ones. But a
 *   HELLO that echoes our challenge: whoever has sent it has heard of us since we drew
 *   the challenge, so the HELLO is no recorded one, and its epoch is accepted. The
 *   challenge is replaced then. A HELLO to an address that this director does not have was
 *   sent to another one, and is not taken.
 * - Pages are sent when each side has accepted the other's epoch. The receiver
 *   acknowledges them after ACK_TIME, or ACK_PAGES of them, and asks for missing ones every
 *   ASK_TIME. A HELLO tells the receiver about pages at the end that were lost.
 * - A director that has begun to hear of another one, or has lost pages, wants a bulk
 *   transfer of the other one's connections. They are pages as others, so they are sent
 *   again as others. Each wanted transfer has a number; it is complete when the sender has
 *   completed this number, and all pages before its end were received or given up, of
 *   which the latter makes the receiver want another one.
 * - The connections of a director are those that it forwards itself, and copies of those
 *   that others forward. A director that has started requests copies, too: they may be of
 *   its own connections, from before the start. But if it has only one peer, and has
 *   received a whole transfer from that one, the copies there are copies of its own. It
 *   does not request them (FLAG_OWN). So when the peer starts with an empty table, it lacks
 *   nothing while the peer fills its table. The peer sends copies all the same if it has
 *   connections of third directors.
 * - If a page was not acknowledged for SILENT_TIME though HELLOs arrive, it is lost for what
 *   it is, as one that is longer than a device on the way takes. Pages are sent again rarely
 *   then (STALLED_TIME), until this one was acknowledged.
 * - A director that was not heard of for SILENT_TIME is silent: nothing is kept for it,
 *   and a number is left out, so that it notices.
 *
 * Every state is told in each HELLO, once a second, so a lost HELLO does no harm.
 */
#include <linux/jiffies.h>
#include <linux/random.h>
#include <linux/slab.h>
#include <linux/string.h>

#include "compat.h"
#include "sync_link.h"

#define VERSION		1
/* Flag of a HELLO: the bulk transfer that is wanted is of the sender's own connections */
#define FLAG_OWN	BIT(0)
#define HELLO_LEN	104
#define ACK_LEN		8
#define RANGE_LEN	4
#define RANGES_MAX	64

#define HELLO_TIME	HZ
#define SILENT_TIME	(3 * HZ)
/* A peer that becomes silent in a bulk transfer may come back for so long */
#define BROKEN_TIME	(10 * HZ)
/* While the handshake is not complete, a HELLO is sent at most so often */
#define HURRY_TIME	(HZ / 10)
/* HELLOs of an unknown epoch are answered: so many at once, then one in this time */
#define ANSWERS		32
#define ANSWER_TIME	(HZ / 50 ?: 1)
#define ACK_TIME	(HZ / 100 ?: 1)
#define ACK_PAGES	16
#define ASK_TIME	(HZ / 50 ?: 1)
/* A page is sent again when it was last sent at least so long ago */
#define RESEND_TIME	(HZ / 100 ?: 1)
/* Pages that are sent again for one acknowledgment, at most */
#define RESEND_MAX	128
/* The same while the first of them does not arrive; one for each acknowledgment */
#define STALLED_TIME	HZ
/* Without an acknowledgment for this long, a HELLO is sent */
#define TAIL_TIME	(HZ / 20)

/* A HELLO, see the top of this file. */
struct lbdr_sync_hello {
	struct lbdr_sync_self	self;
	u64			challenge;
	u64			echo;
	union nf_inet_addr	to;
	u8			epoch[LBDR_SYNC_EPOCH];
	u64			first;
	u64			next;
	u64			expected;
	u32			wanted;
	bool			own;
	u32			done;
	u64			end;
};

static void lbdr_sync_link_count(struct lbdr_sync_link *link,
				 enum lbdr_sync_link_counter counter, u64 n)
{
	WRITE_ONCE(link->counters[counter], link->counters[counter] + n);
}

static u64 lbdr_sync_link_challenge(void)
{
	return get_random_u64() ?: 1;
}

/**
 * lbdr_sync_link_init() - Prepare a link
 * @link: zeroed; ops, settings, place, keys, self and buffer are set
 * @now: jiffies
 *
 * Context: process.
 * Return: 0 or -ENOMEM.
 */
int lbdr_sync_link_init(struct lbdr_sync_link *link, unsigned long now)
{
	get_random_bytes(link->epoch, sizeof(link->epoch));
	link->challenge = lbdr_sync_link_challenge();
	link->hello_due = true;
	link->heard = now;
	link->forged = now - SILENT_TIME;
	link->hello_at = now;
	link->answers = ANSWERS;
	link->answered = now;
	link->asked = now - HELLO_TIME;
	return lbdr_sync_out_init(&link->out);
}
EXPORT_SYMBOL_FOR_KUNIT(lbdr_sync_link_init);

/**
 * lbdr_sync_link_exit() - Free what a link has
 * @link: the link
 *
 * Context: process.
 */
void lbdr_sync_link_exit(struct lbdr_sync_link *link)
{
	lbdr_sync_out_exit(&link->out);
}
EXPORT_SYMBOL_FOR_KUNIT(lbdr_sync_link_exit);

/* Sends a datagram whose content is in the buffer. */
static int lbdr_sync_link_send(struct lbdr_sync_link *link, enum lbdr_sync_type type,
			       u32 len)
{
	struct lbdr_sync_clear clear = { .type = type, .sequence = link->sequence++ };

	memcpy(clear.epoch, link->epoch, sizeof(clear.epoch));
	len = lbdr_sync_seal(link->keys, &clear, link->buffer, len);
	return link->ops->send(link, link->buffer, len);
}

static int lbdr_sync_link_send_hello(struct lbdr_sync_link *link, u64 echo)
{
	u8 *at = link->buffer + LBDR_SYNC_CLEAR;

	/* Not at once: many pages are lost together. */
	if (link->gap) {
		link->gap = false;
		link->wanted++;
		lbdr_sync_link_count(link, LBDR_SYNC_LINK_BULKS, 1);
	}
	memset(at, 0, HELLO_LEN);
	at[0] = VERSION;
	if (link->complete && link->settings->n_addrs == 1)
		at[1] = FLAG_OWN;
	put_unaligned_be32(link->self->conns, at + 4);
	put_unaligned_be64(link->challenge, at + 8);
	put_unaligned_be64(echo, at + 16);
	memcpy(at + 24, &link->settings->addrs[link->place], sizeof(union nf_inet_addr));
	if (link->known)
		memcpy(at + 40, link->peer_epoch, LBDR_SYNC_EPOCH);
	put_unaligned_be64(link->self->digest, at + 56);
	put_unaligned_be64(link->out.first, at + 64);
	put_unaligned_be64(link->out.unsent, at + 72);
	put_unaligned_be64(link->in.expected, at + 80);
	put_unaligned_be32(link->wanted, at + 88);
	put_unaligned_be32(link->done, at + 92);
	put_unaligned_be64(link->end, at + 96);
	return lbdr_sync_link_send(link, LBDR_SYNC_HELLO, HELLO_LEN);
}

static int lbdr_sync_link_send_page(struct lbdr_sync_link *link, u64 number,
				    const struct lbdr_sync_page *page)
{
	u8 *at = link->buffer + LBDR_SYNC_CLEAR;

	put_unaligned_be64(number, at);
	memcpy(at + 8, page->data, page->used);
	return lbdr_sync_link_send(link, LBDR_SYNC_DATA, 8 + page->used);
}

/* Sends an acknowledgment. @ask: with the missing pages */
static int lbdr_sync_link_send_ack(struct lbdr_sync_link *link, bool ask)
{
	u8 *at = link->buffer + LBDR_SYNC_CLEAR;
	u64 number = link->in.expected;
	u32 len = ACK_LEN, n, i;

	put_unaligned_be64(number, at);
	for (i = 0; ask && i < RANGES_MAX; i++) {
		n = lbdr_sync_in_missing(&link->in, &number);
		if (!n)
			break;
		put_unaligned_be16(number - link->in.expected, at + len);
		put_unaligned_be16(n, at + len + 2);
		len += RANGE_LEN;
		number += n;
	}
	return lbdr_sync_link_send(link, LBDR_SYNC_ACK, len);
}

/* Reads a HELLO. Returns false if it is malformed. */
static bool lbdr_sync_link_parse(const u8 *at, u32 len, struct lbdr_sync_hello *hello)
{
	/* A later version may append something. */
	if (len < HELLO_LEN || at[0] < VERSION)
		return false;
	hello->own = at[1] & FLAG_OWN;
	hello->self.conns = get_unaligned_be32(at + 4);
	hello->challenge = get_unaligned_be64(at + 8);
	hello->echo = get_unaligned_be64(at + 16);
	memcpy(&hello->to, at + 24, sizeof(hello->to));
	memcpy(hello->epoch, at + 40, LBDR_SYNC_EPOCH);
	hello->self.digest = get_unaligned_be64(at + 56);
	hello->first = get_unaligned_be64(at + 64);
	hello->next = get_unaligned_be64(at + 72);
	hello->expected = get_unaligned_be64(at + 80);
	hello->wanted = get_unaligned_be32(at + 88);
	hello->done = get_unaligned_be32(at + 92);
	hello->end = get_unaligned_be64(at + 96);
	return hello->first <= hello->next;
}

/* Pages were given up. */
static void lbdr_sync_link_lose(struct lbdr_sync_link *link, u64 lost)
{
	if (!lost)
		return;
	lbdr_sync_link_count(link, LBDR_SYNC_LINK_LOST, lost);
	link->gap = true;
	link->hello_due = true;
}

/* Missing pages are asked for a moment later: datagrams may overtake each other. */
static void lbdr_sync_link_look(struct lbdr_sync_link *link, unsigned long now)
{
	bool missing = link->in.told > link->in.expected;

	if (missing && !link->asking)
		link->ask_at = now + ACK_TIME;
	link->asking = missing;
}

/* Returns true if pages of the other director are missing. */
static bool lbdr_sync_link_lacks(const struct lbdr_sync_link *link)
{
	return link->gap || link->peer_done != link->wanted ||
	       link->in.expected < link->peer_end;
}

/*
 * Nothing is kept for the other director any more. It notices the number that is left out,
 * and wants another bulk transfer. Until it has told so, the last one is not begun again.
 */
static void lbdr_sync_link_down(struct lbdr_sync_link *link)
{
	link->up = false;
	lbdr_sync_out_clear(&link->out);
}

/**
 * lbdr_sync_link_restart() - Begin a new epoch
 * @link: the link
 *
 * The other director takes this one for one that has started anew.
 *
 * Context: process; the owner serialises access.
 */
void lbdr_sync_link_restart(struct lbdr_sync_link *link)
{
	get_random_bytes(link->epoch, sizeof(link->epoch));
	link->sequence = 0;
	link->challenge = lbdr_sync_link_challenge();
	link->known = false;
	/* What the peer has had from us since the copy was made is not here. */
	link->complete = false;
	link->hello_due = true;
	lbdr_sync_link_down(link);
}
EXPORT_SYMBOL_FOR_KUNIT(lbdr_sync_link_restart);

/* Accepts a new epoch of the other director. */
static void lbdr_sync_link_accept(struct lbdr_sync_link *link,
				  const struct lbdr_sync_clear *clear)
{
	memcpy(link->peer_epoch, clear->epoch, LBDR_SYNC_EPOCH);
	lbdr_sync_window_begin(&link->window, clear->sequence);
	link->challenge = lbdr_sync_link_challenge();
	link->newest = clear->sequence;
	link->known = true;
	link->hello_due = true;
	link->serving = 0;
	link->done = 0;
	link->peer_done = 0;
	link->unacked = 0;
	link->asking = false;
	link->fresh = true;
	link->gap = true;
	/* Until it begins, nothing of the new stream is acknowledged. */
	lbdr_sync_in_begin(&link->in, 0);
	lbdr_sync_link_down(link);
}

/* The other director has all pages below a number. */
static void lbdr_sync_link_acked(struct lbdr_sync_link *link, u64 expected,
				 unsigned long now)
{
	if (!lbdr_sync_out_ack(&link->out, expected))
		return;
	link->acked_at = now;
	link->moved_at = now;
	/* A number was left out behind them, which only a HELLO tells. */
	if (link->out.first > expected)
		link->hello_due = true;
}

/* A HELLO of the known epoch. */
static void lbdr_sync_link_hello(struct lbdr_sync_link *link,
				 const struct lbdr_sync_hello *hello, u64 sequence,
				 unsigned long now)
{
	bool up = !memcmp(hello->epoch, link->epoch, LBDR_SYNC_EPOCH);

	/* A later HELLO has overtaken it. */
	if (sequence < link->newest)
		return;
	link->newest = sequence;
	/* What is due now need not wait for a second. */
	if (up != link->up || (!up && time_after_eq(now, link->hello_at + HURRY_TIME)))
		link->hello_due = true;
	if (link->up && !up)
		lbdr_sync_link_down(link);
	link->up = up;
	link->peer_challenge = hello->challenge;
	link->peer = hello->self;
	if (!up)
		return;
	link->peer_wanted = hello->wanted;
	link->peer_own = hello->own;
	link->peer_done = hello->done;
	link->peer_end = hello->end;
	lbdr_sync_link_acked(link, hello->expected, now);
	/* It has accepted us, so its stream begins with what it keeps now. */
	if (link->fresh)
		lbdr_sync_in_begin(&link->in, hello->first);
	link->fresh = false;
	lbdr_sync_link_lose(link, lbdr_sync_in_tell(&link->in, hello->first, hello->next));
	/* An acknowledgment was lost. */
	if (hello->first < link->in.expected && !link->unacked++)
		link->ack_at = now + ACK_TIME;
	lbdr_sync_link_look(link, now);
	link->complete |= !lbdr_sync_link_lacks(link);
}

/* Takes one of the answers to HELLOs of an unknown epoch, if there is one left. */
static bool lbdr_sync_link_may_answer(struct lbdr_sync_link *link, unsigned long now)
{
	unsigned long more = (now - link->answered) / ANSWER_TIME;

	link->answered += more * ANSWER_TIME;
	link->answers = min(link->answers + more, (unsigned long)ANSWERS);
	if (!link->answers)
		return false;
	link->answers--;
	return true;
}

/* A datagram of an unknown epoch. */
static void lbdr_sync_link_unknown(struct lbdr_sync_link *link,
				   const struct lbdr_sync_clear *clear, const u8 *content,
				   u32 len, unsigned long now)
{
	u64 echo = link->peer_challenge;
	struct lbdr_sync_hello hello;

	if (clear->type == LBDR_SYNC_HELLO) {
		if (!lbdr_sync_link_parse(content, len, &hello)) {
			lbdr_sync_link_count(link, LBDR_SYNC_LINK_BAD, 1);
			return;
		}
		if (!link->ops->is_local(link, &hello.to)) {
			lbdr_sync_link_count(link, LBDR_SYNC_LINK_REPLAYED, 1);
			return;
		}
		if (hello.echo == link->challenge) {
			lbdr_sync_link_accept(link, clear);
			link->heard = now;
			link->alive = true;
			lbdr_sync_link_hello(link, &hello, clear->sequence, now);
			return;
		}
		echo = hello.challenge;
	}
	lbdr_sync_link_count(link, LBDR_SYNC_LINK_OLD_EPOCH, 1);
	if (clear->type == LBDR_SYNC_HELLO ? !lbdr_sync_link_may_answer(link, now) :
					     time_before(now, link->asked + HELLO_TIME))
		return;
	if (clear->type != LBDR_SYNC_HELLO)
		link->asked = now;
	/* If it cannot be sent, the other director sends another HELLO. */
	lbdr_sync_link_send_hello(link, echo);
}

static void lbdr_sync_link_data(struct lbdr_sync_link *link, const u8 *content, u32 len,
				unsigned long now)
{
	u64 lost;

	if (len < 8) {
		lbdr_sync_link_count(link, LBDR_SYNC_LINK_BAD, 1);
		return;
	}
	/* It overtook the HELLO that begins the stream, and is asked for again. */
	if (link->fresh)
		return;
	if (!link->unacked++)
		link->ack_at = now + ACK_TIME;
	if (lbdr_sync_in_add(&link->in, get_unaligned_be64(content), &lost)) {
		lbdr_sync_link_count(link, LBDR_SYNC_LINK_RECEIVED, 1);
		link->ops->apply(link, content + 8, len - 8);
	}
	lbdr_sync_link_lose(link, lost);
	lbdr_sync_link_look(link, now);
}

static void lbdr_sync_link_ack(struct lbdr_sync_link *link, const u8 *content, u32 len,
			       unsigned long now)
{
	struct lbdr_sync_slot *slot;
	unsigned long wait = RESEND_TIME;
	u64 expected, number, end;
	u32 at, n = RESEND_MAX;

	if (len < ACK_LEN || (len - ACK_LEN) % RANGE_LEN ||
	    len > ACK_LEN + RANGES_MAX * RANGE_LEN) {
		lbdr_sync_link_count(link, LBDR_SYNC_LINK_BAD, 1);
		return;
	}
	expected = get_unaligned_be64(content);
	lbdr_sync_link_acked(link, expected, now);
	if (lbdr_sync_link_stalled(link, now)) {
		wait = STALLED_TIME;
		n = 1;
	}
	for (at = ACK_LEN; at < len; at += RANGE_LEN) {
		number = max(expected + get_unaligned_be16(content + at), link->out.first);
		end = expected + get_unaligned_be16(content + at) +
		      get_unaligned_be16(content + at + 2);
		/* Ranges may be anything, but a page is sent again at most once. */
		for (end = min(end, link->out.unsent); number < end; number++) {
			slot = lbdr_sync_out_find(&link->out, number);
			if (!slot || time_before(now, slot->sent + wait))
				continue;
			if (!n-- || lbdr_sync_link_send_page(link, number, slot->page))
				return;
			slot->sent = now;
			lbdr_sync_link_count(link, LBDR_SYNC_LINK_RESENT, 1);
		}
	}
}

/**
 * lbdr_sync_link_receive() - Handle a datagram of the other director
 * @link: the link
 * @data: the datagram, which is decrypted
 * @len: its length
 * @now: jiffies
 *
 * Context: process; the owner serialises access. May send datagrams.
 */
void lbdr_sync_link_receive(struct lbdr_sync_link *link, u8 *data, u32 len,
			    unsigned long now)
{
	const u8 *content = data + LBDR_SYNC_CLEAR;
	struct lbdr_sync_hello hello;
	struct lbdr_sync_clear clear;
	int got;

	got = lbdr_sync_open(link->keys, &clear, data, len);
	if (got < 0) {
		lbdr_sync_link_count(link, got == -EBADMSG ? LBDR_SYNC_LINK_FORGED :
							     LBDR_SYNC_LINK_BAD, 1);
		if (got == -EBADMSG)
			link->forged = now;
		return;
	}
	if (!link->known || memcmp(clear.epoch, link->peer_epoch, LBDR_SYNC_EPOCH)) {
		lbdr_sync_link_unknown(link, &clear, content, got, now);
		return;
	}
	if (!lbdr_sync_window_add(&link->window, clear.sequence)) {
		lbdr_sync_link_count(link, LBDR_SYNC_LINK_REPLAYED, 1);
		return;
	}
	link->heard = now;
	link->alive = true;
	if (clear.type == LBDR_SYNC_HELLO && lbdr_sync_link_parse(content, got, &hello))
		lbdr_sync_link_hello(link, &hello, clear.sequence, now);
	else if (clear.type == LBDR_SYNC_DATA)
		lbdr_sync_link_data(link, content, got, now);
	else if (clear.type == LBDR_SYNC_ACK)
		lbdr_sync_link_ack(link, content, got, now);
	else
		lbdr_sync_link_count(link, LBDR_SYNC_LINK_BAD, 1);
}
EXPORT_SYMBOL_FOR_KUNIT(lbdr_sync_link_receive);

/**
 * lbdr_sync_link_push() - Send a page
 * @link: the link, which is ready
 * @page: the page; its reference goes to the link
 *
 * lbdr_sync_link_run() and lbdr_sync_link_flush() must follow.
 *
 * Context: process; the owner serialises access.
 */
void lbdr_sync_link_push(struct lbdr_sync_link *link, struct lbdr_sync_page *page)
{
	if (!lbdr_sync_out_push(&link->out, page))
		lbdr_sync_link_count(link, LBDR_SYNC_LINK_OVERRUN, 1);
}
EXPORT_SYMBOL_FOR_KUNIT(lbdr_sync_link_push);

/**
 * lbdr_sync_link_miss() - Records were lost before they were in a page
 * @link: the link
 *
 * The other director notices when it has the pages before, and wants all connections.
 *
 * Context: process; the owner serialises access.
 */
void lbdr_sync_link_miss(struct lbdr_sync_link *link)
{
	lbdr_sync_out_leave_out(&link->out);
	link->hello_due = true;
}
EXPORT_SYMBOL_FOR_KUNIT(lbdr_sync_link_miss);

/**
 * lbdr_sync_link_flush() - Send pages that were not sent
 * @link: the link
 * @now: jiffies
 * @budget: their number, at most
 *
 * Context: process; the owner serialises access.
 * Return: jiffies after which it is to be called again: 0 if @budget was too small, 1 if
 * the device has no room, else ULONG_MAX.
 */
unsigned long lbdr_sync_link_flush(struct lbdr_sync_link *link, unsigned long now, u32 budget)
{
	struct lbdr_sync_out *out = &link->out;
	struct lbdr_sync_slot *slot;

	while (link->up && out->unsent < out->next) {
		slot = &out->ring[out->unsent % LBDR_SYNC_RING];
		if (slot->page && !budget--)
			return 0;
		if (slot->page &&
		    lbdr_sync_link_send_page(link, out->unsent, slot->page) == -EAGAIN)
			return 1;
		/* A page that could not be sent counts as lost on its way. */
		out->unsent++;
		if (!slot->page)
			continue;
		slot->sent = now;
		link->acked_at = now;
		/* Nothing else waits for an acknowledgment. */
		if (out->unsent == out->first + 1)
			link->moved_at = now;
		lbdr_sync_link_count(link, LBDR_SYNC_LINK_SENT, 1);
	}
	return ULONG_MAX;
}
EXPORT_SYMBOL_FOR_KUNIT(lbdr_sync_link_flush);

/* Jiffies from @now to @at, 0 if that has passed. */
static unsigned long lbdr_sync_link_until(unsigned long now, unsigned long at)
{
	return time_after(at, now) ? at - now : 0;
}

/* Jiffies until an acknowledgment is due, at most @delay. */
static unsigned long lbdr_sync_link_ack_delay(const struct lbdr_sync_link *link,
					      unsigned long now, unsigned long delay)
{
	if (!link->up)
		return delay;
	if (link->unacked >= ACK_PAGES)
		return 0;
	if (link->unacked)
		delay = min(delay, lbdr_sync_link_until(now, link->ack_at));
	if (link->asking)
		delay = min(delay, lbdr_sync_link_until(now, link->ask_at));
	return delay;
}

/* Jiffies until a HELLO is due. */
static unsigned long lbdr_sync_link_hello_delay(const struct lbdr_sync_link *link,
						unsigned long now)
{
	unsigned long delay = lbdr_sync_link_until(now, link->hello_at + HELLO_TIME);

	if (link->hello_due)
		return 0;
	if (link->up && link->out.first < link->out.next)
		delay = min(delay, max(lbdr_sync_link_until(now, link->acked_at + TAIL_TIME),
				       lbdr_sync_link_until(now, link->hello_at + TAIL_TIME)));
	return delay;
}

/**
 * lbdr_sync_link_run() - Send the acknowledgment and the HELLO that are due
 * @link: the link
 * @now: jiffies
 *
 * Pages are sent by lbdr_sync_link_flush(), when all links have sent these.
 *
 * Context: process; the owner serialises access. To be called after datagrams were
 * received or pages pushed, and when the returned time has passed.
 * Return: jiffies after which it is to be called again, at least 1.
 */
unsigned long lbdr_sync_link_run(struct lbdr_sync_link *link, unsigned long now)
{
	bool ask;

	if (link->alive && time_after_eq(now, link->heard + SILENT_TIME)) {
		link->alive = false;
		lbdr_sync_link_down(link);
	}
	if (!lbdr_sync_link_ack_delay(link, now, HELLO_TIME)) {
		ask = link->asking && time_after_eq(now, link->ask_at);
		if (lbdr_sync_link_send_ack(link, ask) == -EAGAIN)
			return 1;
		link->unacked = 0;
		if (ask)
			link->ask_at = now + ASK_TIME;
	}
	if (!lbdr_sync_link_hello_delay(link, now)) {
		if (lbdr_sync_link_send_hello(link, link->peer_challenge) == -EAGAIN)
			return 1;
		link->hello_due = false;
		link->hello_at = now;
	}
	return max(lbdr_sync_link_ack_delay(link, now, lbdr_sync_link_hello_delay(link, now)),
		   1UL);
}
EXPORT_SYMBOL_FOR_KUNIT(lbdr_sync_link_run);

/**
 * lbdr_sync_link_state() - Get the state of a link
 * @link: the link
 *
 * Context: as the link.
 * Return: enum lbdr_sync_peer_state.
 */
u8 lbdr_sync_link_state(const struct lbdr_sync_link *link)
{
	if (!link->alive)
		return LBDR_SYNC_PEER_STATE_SILENT;
	if (!link->up)
		return LBDR_SYNC_PEER_STATE_HELLO;
	if (lbdr_sync_link_lacks(link))
		return LBDR_SYNC_PEER_STATE_BULK;
	return LBDR_SYNC_PEER_STATE_SYNCED;
}
EXPORT_SYMBOL_FOR_KUNIT(lbdr_sync_link_state);

/**
 * lbdr_sync_link_suspect() - Check whether the other director may have another key
 * @link: the link
 * @now: jiffies
 *
 * Context: as the link.
 * Return: true if all that came from its address within SILENT_TIME was forged.
 */
bool lbdr_sync_link_suspect(const struct lbdr_sync_link *link, unsigned long now)
{
	return !link->alive && time_before(now, link->forged + SILENT_TIME);
}
EXPORT_SYMBOL_FOR_KUNIT(lbdr_sync_link_suspect);

/**
 * lbdr_sync_link_broken() - Check whether the other director became silent too early
 * @link: the link
 * @now: jiffies
 *
 * Context: as the link.
 * Return: true within BROKEN_TIME of its last datagram, if it is silent and its bulk
 * transfer is not complete.
 */
bool lbdr_sync_link_broken(const struct lbdr_sync_link *link, unsigned long now)
{
	return !link->alive && link->known && lbdr_sync_link_lacks(link) &&
	       time_before(now, link->heard + BROKEN_TIME);
}
EXPORT_SYMBOL_FOR_KUNIT(lbdr_sync_link_broken);

/**
 * lbdr_sync_link_stalled() - Check whether pages do not arrive at the other director
 * @link: the link
 * @now: jiffies
 *
 * Context: as the link.
 * Return: true if pages wait for an acknowledgment and the first of them has got none for
 * SILENT_TIME, though other datagrams arrive.
 */
bool lbdr_sync_link_stalled(const struct lbdr_sync_link *link, unsigned long now)
{
	return link->up && link->out.first < link->out.unsent &&
	       time_after_eq(now, link->moved_at + SILENT_TIME);
}
EXPORT_SYMBOL_FOR_KUNIT(lbdr_sync_link_stalled);
