// SPDX-License-Identifier: GPL-2.0
/*
 * The role peers of synchronisation: each director sends its connections to all others,
 * and receives theirs, whatever keepalived(8) does with the roles of the IPVS family.
 *
 * The records, when they are sent, and what is done with received ones are those of the
 * master and the backup (sync_send.c, sync_recv.c). Here they go by unicast, sealed,
 * numbered and acknowledged (sync_link.c). The work item that sends the master's pages
 * appends them to the links of all peers that answer (lbdr_sync_peers_push()). One work item
 * does the rest: it receives, sends what is due, and fills bulk transfers from a walk over
 * all connections, BULK_WINDOW pages at a time, since the ring of a link is for other pages
 * too. Acknowledgments and HELLOs of all links go before pages. Bulk transfers to a peer
 * begin at least BULK_TIME apart, unless it has started anew.
 *
 * This director is synced when every peer that answers has completed its bulk transfer, and
 * those that do not answer had START_TIME for it since the device has carrier. Peers from
 * which only forged datagrams come have START_MAX, as those behind a device without
 * carrier. A peer that becomes silent in its bulk transfer may come back for a while.
 *
 * A nonce must not be used twice, so all links begin new epochs when this virtual machine
 * was copied with its memory, before they send the next datagram.
 *
 * lbdr_sync.lock serialises start and stop. lbdr_sync_peers.lock is held by both work
 * items while they use the links, and by commands that set a key or show the peers. It is
 * taken inside lbdr_sync.lock; records are applied inside it, under lbdr_net.lock. The
 * packet path does not take it. All is freed when the role stops, after both work items
 * were cancelled or flushed.
 */
#include <linux/random.h>
#include <linux/siphash.h>
#include <linux/slab.h>
#include <linux/string.h>

#include "addr.h"
#include "domain.h"
#include "lbdr.h"
#include "limit.h"
#include "sched.h"
#include "server.h"
#include "service.h"
#include "sync_peers.h"
#include "sync_wire.h"

/*
 * Datagrams handled before acknowledgments are sent. On a slow machine 64 took a second, and
 * three seconds without a datagram make a director silent for the other one.
 */
#define BATCH		16

/*
 * Pages that are sent to all peers before datagrams are handled again. They cause an
 * acknowledgment for each ACK_PAGES of them, so fewer than are handled.
 */
#define FLUSH_PAGES	64

/* Pages of a bulk transfer that may wait for their acknowledgment */
#define BULK_WINDOW	64
/*
 * Pages of all kinds that may wait while further pages of a bulk transfer are sent. In a
 * full ring each page would replace one of the transfer, which would make room for another.
 */
#define BULK_RING	(LBDR_SYNC_RING / 2)
#define BULK_TIME	(5 * HZ)

/* Silent peers are waited for, and at most, if nothing could be heard of them */
#define START_TIME	(3 * HZ)
#define START_MAX	(30 * HZ)
#define DIGEST_TIME	HZ

/* Copies of this virtual machine that the kernel was told of */
static atomic_t lbdr_sync_forks;

static int lbdr_sync_fork(struct notifier_block *nb, unsigned long action, void *data)
{
	atomic_inc(&lbdr_sync_forks);
	return NOTIFY_DONE;
}

struct notifier_block lbdr_sync_fork_notifier = {
	.notifier_call = lbdr_sync_fork,
};
EXPORT_SYMBOL_FOR_KUNIT(lbdr_sync_fork_notifier);

/**
 * lbdr_sync_peers_init() - Register the notifier for copies of a virtual machine
 *
 * Context: process.
 * Return: 0 or a negative error.
 */
int lbdr_sync_peers_init(void)
{
	return register_random_vmfork_notifier(&lbdr_sync_fork_notifier);
}

/**
 * lbdr_sync_peers_exit() - Undo lbdr_sync_peers_init()
 *
 * Context: process.
 */
void lbdr_sync_peers_exit(void)
{
	unregister_random_vmfork_notifier(&lbdr_sync_fork_notifier);
}

/**
 * lbdr_sync_peers_room() - Get the bytes that a page may have
 * @settings: of the role
 *
 * Context: any.
 */
u32 lbdr_sync_peers_room(const struct lbdr_sync_settings *settings)
{
	return clamp_t(u32, settings->maxlen, LBDR_SYNC_LINK_MAXLEN_MIN,
		       LBDR_SYNC_MAXLEN_MAX) - LBDR_SYNC_LINK_HEAD;
}

static struct lbdr_sync_peer *lbdr_sync_peer_of(struct lbdr_sync_link *link)
{
	return container_of(link, struct lbdr_sync_peer, link);
}

static int lbdr_sync_peer_send(struct lbdr_sync_link *link, u8 *data, u32 len)
{
	struct lbdr_sync_peers *peers = lbdr_sync_peer_of(link)->peers;
	struct lbdr_net *ln = peers->ln;
	int err;

	/* The next run of the work item begins a new epoch. */
	if (peers->forks != atomic_read(&lbdr_sync_forks))
		return -EAGAIN;
	err = lbdr_sync_sock_send(ln->sync.socks[LBDR_SYNC_ROLE_PEERS], link->settings,
				  link->place, data, len);
	if (err && err != -EAGAIN)
		lbdr_sync_count(ln, LBDR_SYNC_SEND_ERRORS, 1);
	return err;
}

static void lbdr_sync_peer_apply(struct lbdr_sync_link *link, const u8 *page, u32 len)
{
	lbdr_sync_recv_datagram(lbdr_sync_peer_of(link)->peers->ln, page, len, 0);
}

static bool lbdr_sync_peer_is_local(struct lbdr_sync_link *link,
				    const union nf_inet_addr *addr)
{
	return lbdr_addr_is_local(lbdr_sync_peer_of(link)->peers->ln->net,
				  link->settings->family == AF_INET ? LBDR_V4 : LBDR_V6,
				  addr);
}

static const struct lbdr_sync_link_ops lbdr_sync_peer_ops = {
	.send		= lbdr_sync_peer_send,
	.apply		= lbdr_sync_peer_apply,
	.is_local	= lbdr_sync_peer_is_local,
};

/* Hash of a service or server, the same on every director. */
static u64 lbdr_sync_digest_of(const void *data, size_t len, u64 seed)
{
	const siphash_key_t key = { { seed } };

	return siphash(data, len, &key);
}

static u64 lbdr_sync_digest_server(const struct lbdr_server *server, u64 service)
{
	const struct {
		union nf_inet_addr	addr;
		__be64			family;
	} key = { server->addr, cpu_to_be64(server->family) };

	return lbdr_sync_digest_of(&key, sizeof(key), service);
}

/**
 * lbdr_sync_digest_service() - Get the digest of a service and its servers
 * @service: the service
 *
 * It is the sum of hashes, so the order of the servers does not matter. Weights do not
 * matter either: they may differ for a while. A VRF counts by its name. Timeouts count, also
 * those of the namespace that the service uses: records tell the time that is left.
 *
 * Context: process; lbdr_net.lock is held.
 * Return: the digest, the same on every director.
 */
u64 lbdr_sync_digest_service(const struct lbdr_service *service)
{
	const struct lbdr_service_settings *settings = &service->settings;
	struct {
		union nf_inet_addr	addr;
		__be16			port, last_port;
		__be32			kind, persist, prefix;
		__be32			timeout[LBDR_CONN_STATES];
	} key = {
		.addr		= service->key.addr,
		.port		= service->key.port,
		.last_port	= service->key.last_port,
		.kind		= cpu_to_be32(service->key.protocol << 8 | service->key.family),
		.persist	= cpu_to_be32(settings->persist),
		.prefix		= cpu_to_be32(settings->persist ? settings->prefix : 0),
	};
	const struct lbdr_server *server;
	char vrf[IFNAMSIZ];
	u64 hash, sum;
	u32 state;

	for (state = 0; state < LBDR_CONN_STATES; state++)
		key.timeout[state] = cpu_to_be32(settings->timeout[state] ?:
						 service->ln->timeout[state]);
	hash = lbdr_sync_digest_of(&key, sizeof(key), 0);
	hash ^= lbdr_sync_digest_of(service->sched.ops->name,
				    strlen(service->sched.ops->name), 1);
	if (!lbdr_domain_name(service->ln, service->key.domain, vrf))
		hash ^= lbdr_sync_digest_of(vrf, strnlen(vrf, sizeof(vrf)), 2);
	sum = hash;
	list_for_each_entry(server, &service->servers, list)
		if (!READ_ONCE(server->held))
			sum += lbdr_sync_digest_server(server, hash);
	return sum;
}
EXPORT_SYMBOL_FOR_KUNIT(lbdr_sync_digest_service);

/* Computes what is told about this director. A change meanwhile makes it do so again. */
static void lbdr_sync_digest(struct lbdr_sync_peers *peers, unsigned long now)
{
	const struct lbdr_service *service;
	struct lbdr_service_walk walk = {};
	struct lbdr_net *ln = peers->ln;
	u64 n_changes, sum = 0;

	peers->self.conns = atomic_read(&ln->n_conns);
	if (time_before(now, peers->digest_at + DIGEST_TIME))
		return;
	peers->digest_at = now;
	lbdr_lock(ln);
	n_changes = ln->n_changes;
	if (n_changes == peers->digested || ln->publishing)
		goto out;
	while ((service = lbdr_service_walk(ln, &walk))) {
		if (!service->held)
			sum += lbdr_sync_digest_service(service);
		lbdr_service_walk_next(ln, &walk);
		/* Waiters proceed. Services may go meanwhile, which the walk notices. */
		lbdr_unlock(ln);
		cond_resched();
		lbdr_lock(ln);
		if (ln->n_changes != n_changes)
			goto out;
	}
	peers->digested = n_changes;
	peers->self.digest = sum;
out:
	lbdr_unlock(ln);
}

static void lbdr_sync_bulk_end(struct lbdr_sync_peer *peer)
{
	if (peer->walking)
		lbdr_sync_walk_end(&peer->walk);
	peer->walking = false;
}

/* Begins a bulk transfer if the peer wants another one than it gets, or has got. */
static void lbdr_sync_bulk_begin(struct lbdr_sync_peer *peer, unsigned long now)
{
	const struct lbdr_sync *sync = &peer->peers->ln->sync;
	struct lbdr_sync_link *link = &peer->link;

	if (link->serving == link->peer_wanted ||
	    (link->serving && time_before(now, peer->walked_at + BULK_TIME)))
		return;
	lbdr_sync_bulk_end(peer);
	/* Copies of connections of third directors are sent all the same. */
	lbdr_sync_walk_begin(peer->peers->ln, &peer->walk,
			     link->peer_own && peer->peers->n == 1 &&
			     !(READ_ONCE(sync->receiving) & BIT(LBDR_SYNC_ROLE_BACKUP)));
	peer->walking = true;
	peer->walked_at = now;
	link->serving = link->peer_wanted;
}

/**
 * lbdr_sync_bulk_room() - Check whether a page of a bulk transfer may be appended
 * @link: the link
 *
 * Context: as the link.
 */
bool lbdr_sync_bulk_room(const struct lbdr_sync_link *link)
{
	u64 waiting = link->out.next - link->out.first;

	if (link->out.bulk < LBDR_SYNC_BULK_MIN)
		return waiting < LBDR_SYNC_RING - LBDR_SYNC_BULK_MIN;
	return link->out.bulk < BULK_WINDOW && waiting < BULK_RING;
}
EXPORT_SYMBOL_FOR_KUNIT(lbdr_sync_bulk_room);

/* Appends pages of a bulk transfer. Returns jiffies until there may be more, at most @delay. */
static unsigned long lbdr_sync_bulk(struct lbdr_sync_peer *peer, unsigned long now,
				    unsigned long delay)
{
	struct lbdr_sync_link *link = &peer->link;
	struct lbdr_sync_page *page;

	if (!lbdr_sync_link_ready(link)) {
		lbdr_sync_bulk_end(peer);
		return delay;
	}
	lbdr_sync_bulk_begin(peer, now);
	while (peer->walking && lbdr_sync_bulk_room(link)) {
		page = lbdr_sync_walk_next(peer->peers->ln, &peer->walk,
					   BIT(LBDR_SYNC_ROLE_PEERS));
		/* Others may take the lock before more connections are visited. */
		if (IS_ERR(page))
			return page == ERR_PTR(-EAGAIN) ? 0 : min(delay, 1UL);
		if (page) {
			lbdr_sync_wire_end(page->data, page->used);
			page->bulk = true;
			lbdr_sync_link_push(link, page);
			continue;
		}
		lbdr_sync_bulk_end(peer);
		link->done = link->serving;
		link->end = link->out.next;
		link->hello_due = true;
	}
	return delay;
}

/* Jiffies until a bulk transfer that is wanted may begin, at most @delay. */
static unsigned long lbdr_sync_bulk_delay(const struct lbdr_sync_peer *peer,
					  unsigned long now, unsigned long delay)
{
	const struct lbdr_sync_link *link = &peer->link;

	if (!lbdr_sync_link_ready(link) || link->serving == link->peer_wanted)
		return delay;
	return min_t(unsigned long, delay,
		     link->serving ? max_t(long, peer->walked_at + BULK_TIME - now, 1) : 1);
}

/* Receives what has arrived. Returns false if there may be more. */
static bool lbdr_sync_peers_receive(struct lbdr_sync_peers *peers)
{
	struct lbdr_sync *sync = &peers->ln->sync;
	int i, len, from;

	for (i = 0; i < BATCH; i++) {
		len = lbdr_sync_sock_receive(sync->socks[LBDR_SYNC_ROLE_PEERS],
					     peers->received, LBDR_SYNC_MAXLEN_MAX,
					     &sync->settings[LBDR_SYNC_ROLE_PEERS], &from);
		if (len < 0)
			return len == -EAGAIN;
		if (from < 0 || len > LBDR_SYNC_MAXLEN_MAX)
			lbdr_sync_count(peers->ln, from < 0 ? LBDR_SYNC_FOREIGN :
							      LBDR_SYNC_BAD, 1);
		else
			lbdr_sync_link_receive(&peers->peer[from].link, peers->received, len,
					       jiffies);
		cond_resched();
	}
	return false;
}

/* Sends pages to all peers. Returns jiffies until there may be more, at most @delay. */
static unsigned long lbdr_sync_peers_flush(struct lbdr_sync_peers *peers, unsigned long now,
					   unsigned long delay)
{
	u32 pages = FLUSH_PAGES / peers->n;
	struct lbdr_sync_link *link;
	u8 i;

	for (i = 0; i < peers->n; i++) {
		link = &peers->peer[(peers->turn + i) % peers->n].link;
		delay = min(delay, lbdr_sync_link_flush(link, now, pages));
	}
	/* If the device takes few pages, each peer gets some. */
	peers->turn = (peers->turn + 1) % peers->n;
	return delay;
}

/* Finds out whether there was time enough to hear of every peer. */
static void lbdr_sync_peers_look(struct lbdr_sync_peers *peers, unsigned long now)
{
	u8 i;

	if (peers->alone)
		return;
	peers->alone = time_after_eq(now, peers->started + START_MAX);
	if (!lbdr_sync_sock_carrier(peers->ln->sync.socks[LBDR_SYNC_ROLE_PEERS]))
		peers->carrier_at = now;
	if (time_before(now, peers->carrier_at + START_TIME))
		return;
	for (i = 0; i < peers->n; i++)
		if (lbdr_sync_link_suspect(&peers->peer[i].link, now))
			return;
	peers->alone = true;
}

/* Begins new epochs if the memory with the present ones was copied. */
static void lbdr_sync_peers_restart(struct lbdr_sync_peers *peers)
{
	int forks = atomic_read(&lbdr_sync_forks);
	u8 i;

	if (peers->forks == forks)
		return;
	peers->forks = forks;
	for (i = 0; i < peers->n; i++)
		lbdr_sync_link_restart(&peers->peer[i].link);
}

/* Says once that a page does not arrive at a peer, until one does again. */
static void lbdr_sync_peers_tell(const struct lbdr_net *ln, struct lbdr_sync_link *link,
				 unsigned long now)
{
	bool stalled = lbdr_sync_link_stalled(link, now);
	bool begins = stalled && !link->stalled;
	u32 room = lbdr_sync_peers_room(link->settings) + LBDR_SYNC_LINK_HEAD;
	const union nf_inet_addr *addr = &link->settings->addrs[link->place];

	link->stalled = stalled;
	/* Users must not fill the log. */
	if (!begins || ln->user)
		return;
	if (link->settings->family == AF_INET)
		pr_warn_ratelimited("sync: a datagram with connections does not arrive at %pI4, however often it is sent: does the path take %u bytes?\n",
				    &addr->ip, room);
	else
		pr_warn_ratelimited("sync: a datagram with connections does not arrive at %pI6c, however often it is sent: does the path take %u bytes?\n",
				    &addr->in6, room);
}

static void lbdr_sync_peers_work(struct work_struct *work)
{
	struct lbdr_sync_peers *peers = container_of(work, struct lbdr_sync_peers, work.work);
	struct lbdr_sync *sync = &peers->ln->sync;
	unsigned long delay = DIGEST_TIME, now;
	bool missed;
	u8 i;

	mutex_lock(&peers->lock);
	lbdr_sync_peers_restart(peers);
	lbdr_sync_digest(peers, jiffies);
	if (!lbdr_sync_peers_receive(peers))
		delay = 0;
	missed = READ_ONCE(sync->missed);
	if (missed)
		WRITE_ONCE(sync->missed, false);
	now = jiffies;
	lbdr_sync_peers_look(peers, now);
	for (i = 0; i < peers->n; i++) {
		if (missed)
			lbdr_sync_link_miss(&peers->peer[i].link);
		lbdr_sync_peers_tell(peers->ln, &peers->peer[i].link, now);
		delay = lbdr_sync_bulk(&peers->peer[i], now, delay);
		delay = min(delay, lbdr_sync_link_run(&peers->peer[i].link, now));
		delay = lbdr_sync_bulk_delay(&peers->peer[i], now, delay);
	}
	delay = lbdr_sync_peers_flush(peers, now, delay);
	mutex_unlock(&peers->lock);
	/* A datagram that arrives meanwhile has queued the work item for now. */
	queue_delayed_work(lbdr_sync_wq, &peers->work, delay);
}

static void lbdr_sync_peers_ready(struct sock *sk)
{
	struct lbdr_net *ln;

	read_lock_bh(&sk->sk_callback_lock);
	ln = sk->sk_user_data;
	if (ln)
		mod_delayed_work(lbdr_sync_wq, &ln->sync.peers->work, 0);
	read_unlock_bh(&sk->sk_callback_lock);
}

/**
 * lbdr_sync_peers_push() - Send a page to all peers
 * @ln: the namespace, in which the role runs
 * @page: the page, which is complete; the links take references of their own
 *
 * Context: work item lbdr_sync.send.
 */
void lbdr_sync_peers_push(struct lbdr_net *ln, struct lbdr_sync_page *page)
{
	struct lbdr_sync_peers *peers = ln->sync.peers;
	struct lbdr_sync_link *link;
	u8 i;

	mutex_lock(&peers->lock);
	for (i = 0; i < peers->n; i++) {
		link = &peers->peer[i].link;
		if (!lbdr_sync_link_ready(link))
			continue;
		refcount_inc(&page->refs);
		lbdr_sync_link_push(link, page);
	}
	mutex_unlock(&peers->lock);
	mod_delayed_work(lbdr_sync_wq, &peers->work, 0);
}

static void lbdr_sync_peers_free(struct lbdr_sync_peers *peers)
{
	u8 i;

	for (i = 0; i < peers->n; i++) {
		lbdr_sync_bulk_end(&peers->peer[i]);
		lbdr_sync_link_exit(&peers->peer[i].link);
	}
	kfree(peers->received);
	kfree(peers->sealed);
	memzero_explicit(&peers->keys, sizeof(peers->keys));
	kvfree(peers);
}

static struct lbdr_sync_peers *
lbdr_sync_peers_alloc(struct lbdr_net *ln, const struct lbdr_sync_settings *settings)
{
	struct lbdr_sync_peers *peers;
	struct lbdr_sync_link *link;
	u8 i;

	peers = kvzalloc(struct_size(peers, peer, settings->n_addrs), GFP_KERNEL_ACCOUNT);
	if (!peers)
		return NULL;
	peers->ln = ln;
	mutex_init(&peers->lock);
	INIT_DELAYED_WORK(&peers->work, lbdr_sync_peers_work);
	peers->started = jiffies;
	peers->carrier_at = jiffies;
	peers->forks = atomic_read(&lbdr_sync_forks);
	peers->digest_at = jiffies - DIGEST_TIME;
	peers->digested = U64_MAX;
	peers->received = kmalloc(LBDR_SYNC_MAXLEN_MAX, GFP_KERNEL_ACCOUNT);
	peers->sealed = kmalloc(LBDR_SYNC_MAXLEN_MAX, GFP_KERNEL_ACCOUNT);
	if (!peers->received || !peers->sealed)
		goto err;
	for (i = 0; i < settings->n_addrs; i++) {
		peers->peer[i].peers = peers;
		link = &peers->peer[i].link;
		link->ops = &lbdr_sync_peer_ops;
		link->settings = settings;
		link->place = i;
		link->keys = &peers->keys;
		link->self = &peers->self;
		link->buffer = peers->sealed;
		peers->n++;
		if (lbdr_sync_link_init(link, jiffies))
			goto err;
	}
	return peers;
err:
	lbdr_sync_peers_free(peers);
	return NULL;
}

/**
 * lbdr_sync_peers_start() - Begin to exchange connections with peers
 * @ln: the namespace; settings and socket of the role are set
 * @keys: the keys
 *
 * Context: process, lbdr_sync.lock held.
 * Return: 0 or a negative error.
 */
int lbdr_sync_peers_start(struct lbdr_net *ln, const struct lbdr_sync_keys *keys)
{
	struct lbdr_sync *sync = &ln->sync;
	struct lbdr_sync_peers *peers;
	int err;

	lockdep_assert_held(&sync->lock);
	peers = lbdr_sync_peers_alloc(ln, &sync->settings[LBDR_SYNC_ROLE_PEERS]);
	if (!peers)
		return -ENOMEM;
	peers->keys = *keys;
	err = lbdr_sync_recv_get(ln, LBDR_SYNC_ROLE_PEERS);
	if (err)
		goto err_recv;
	/* Set before a page is pushed, and before a datagram is noticed. */
	WRITE_ONCE(sync->peers, peers);
	err = lbdr_sync_send_start(ln, LBDR_SYNC_ROLE_PEERS);
	if (err)
		goto err_send;
	lbdr_sync_sock_listen(sync->socks[LBDR_SYNC_ROLE_PEERS], ln, lbdr_sync_peers_ready);
	mod_delayed_work(lbdr_sync_wq, &peers->work, 0);
	return 0;
err_send:
	WRITE_ONCE(sync->peers, NULL);
	lbdr_sync_recv_put(ln, LBDR_SYNC_ROLE_PEERS);
err_recv:
	lbdr_sync_peers_free(peers);
	return err;
}

/**
 * lbdr_sync_peers_stop() - Send what there is, end, and forget the keys
 * @ln: the namespace
 *
 * Context: process, lbdr_sync.lock held; waits for a grace period.
 */
void lbdr_sync_peers_stop(struct lbdr_net *ln)
{
	struct lbdr_sync *sync = &ln->sync;
	struct lbdr_sync_peers *peers = sync->peers;
	u32 i;

	lockdep_assert_held(&sync->lock);
	lbdr_sync_send_stop(ln, LBDR_SYNC_ROLE_PEERS);
	lbdr_sync_sock_listen(sync->socks[LBDR_SYNC_ROLE_PEERS], ln, NULL);
	/* These runs send the last pages. */
	for (i = 0; i < LBDR_SYNC_RING / FLUSH_PAGES * peers->n; i++) {
		mod_delayed_work(lbdr_sync_wq, &peers->work, 0);
		flush_delayed_work(&peers->work);
	}
	cancel_delayed_work_sync(&peers->work);
	lbdr_sync_recv_put(ln, LBDR_SYNC_ROLE_PEERS);
	WRITE_ONCE(sync->peers, NULL);
	lbdr_sync_peers_free(peers);
}

/**
 * lbdr_sync_peers_set_key() - Set a key, or seal with another one
 * @ln: the namespace
 * @id: id of the key
 * @key: the key; NULL to seal with the key of this id from now on
 *
 * Context: process, may sleep.
 * Return: 0; -ESRCH if the role does not run; -ENOENT without @key if the key is not set.
 */
int lbdr_sync_peers_set_key(struct lbdr_net *ln, u8 id, const u8 *key)
{
	struct lbdr_sync *sync = &ln->sync;
	struct lbdr_sync_keys *keys;
	int err = -ESRCH;

	mutex_lock(&sync->lock);
	if (!sync->peers)
		goto out;
	err = 0;
	keys = &sync->peers->keys;
	mutex_lock(&sync->peers->lock);
	if (key) {
		memcpy(keys->key[id], key, LBDR_SYNC_KEY);
		keys->set[id] = true;
	} else if (keys->set[id]) {
		keys->current_id = id;
	} else {
		err = -ENOENT;
	}
	mutex_unlock(&sync->peers->lock);
out:
	mutex_unlock(&sync->lock);
	return err;
}
EXPORT_SYMBOL_FOR_KUNIT(lbdr_sync_peers_set_key);

static void lbdr_sync_peer_info(const struct lbdr_sync_peers *peers,
				const struct lbdr_sync_link *link,
				struct lbdr_sync_peer_info *info)
{
	info->state = lbdr_sync_link_state(link);
	info->differs = link->peer.digest != peers->self.digest;
	info->conns = link->peer.conns;
	memcpy(info->counters, link->counters, sizeof(info->counters));
}

/**
 * lbdr_sync_peers_info() - Get what is shown of the peers
 * @ln: the namespace
 * @info: filled in if the role runs
 *
 * Context: process, may sleep.
 * Return: true if the role runs.
 */
bool lbdr_sync_peers_info(struct lbdr_net *ln, struct lbdr_sync_peers_info *info)
{
	struct lbdr_sync_peers *peers;
	bool silent = false, broken = false;
	u8 i, state;

	mutex_lock(&ln->sync.lock);
	peers = ln->sync.peers;
	if (!peers) {
		mutex_unlock(&ln->sync.lock);
		return false;
	}
	mutex_lock(&peers->lock);
	info->n = peers->n;
	info->synced = true;
	info->key_id = peers->keys.current_id;
	memcpy(info->key_set, peers->keys.set, sizeof(info->key_set));
	for (i = 0; i < peers->n; i++) {
		lbdr_sync_peer_info(peers, &peers->peer[i].link, &info->peer[i]);
		state = info->peer[i].state;
		if (state == LBDR_SYNC_PEER_STATE_SILENT)
			silent = true;
		else if (state != LBDR_SYNC_PEER_STATE_SYNCED)
			info->synced = false;
		broken |= lbdr_sync_link_broken(&peers->peer[i].link, jiffies);
	}
	if (broken || (silent && !peers->alone))
		info->synced = false;
	mutex_unlock(&peers->lock);
	mutex_unlock(&ln->sync.lock);
	return true;
}
