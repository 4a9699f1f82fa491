// SPDX-License-Identifier: GPL-2.0
/*
 * The senders of connection synchronisation: records of connections become pages, which
 * the master sends as datagrams, and the peers over their links (sync_peers.c).
 *
 * When a connection is sent:
 *
 * - when it is established: TCP and SCTP at the client's second packet, UDP at its second
 *   datagram, a template when it is confirmed. A flood of first packets sends nothing;
 * - at each later change of its state. Both come from connection events (conn_event.c),
 *   so a packet that changes no state pays nothing;
 * - again when a third of its timeout has passed since, or LBDR_SYNC_REFRESH_MAX, and packets
 *   have renewed its time stamp meanwhile. The collector looks for these (sync_refresh.h).
 *   One that was never sent is older than the role: the master sends it at once, but the
 *   bulk transfer to a peer has it in any case;
 * - all connections, once, when the master has started (lbdr_sync_walk()). A work item
 *   of its own sends them, WALK_RATE in a second, so that neither the command nor the
 *   link nor the other director's socket has them all at once. sync_walk.c makes the
 *   pages.
 *
 * A connection that another director has sent, and for which this one has forwarded no
 * packet since, is that director's: it is not sent again. Only a master that starts sends
 * it, since the one that forwarded it may be gone, and a peer that is asked for copies, too.
 *
 * Each CPU appends records to a page of its own under a lock of its own, which only the
 * work item takes too. The first record of a page starts the work item within FLUSH_TIME,
 * FULL_PAGES full pages at once: a run of it costs as much as sending a datagram, here and
 * where they are received. The work item never waits for the device: it tries again a jiffy
 * later, and takes no page that is not full before all others are sent. But peers do not
 * wait for the master's device: while their role runs, pages are taken all the same, and
 * their records are appended to the last page that waits for the device. If pages are
 * filled faster than they are sent, those beyond QUEUE_MAX are dropped and counted, for
 * the master and the peers separately: a slow device of the master costs peers nothing.
 *
 * Records have no L3 domain, so connections of a VRF are not sent.
 */
#include <linux/slab.h>

#include "conn.h"
#include "conn_event.h"
#include "flow.h"
#include "lbdr.h"
#include "limit.h"
#include "server.h"
#include "service.h"
#include "state.h"
#include "sync.h"
#include "sync_peers.h"
#include "sync_refresh.h"
#include "sync_wire.h"

#define FLUSH_TIME	(HZ / 100 ?: 1)
/* A few such bursts fit in a socket with the default buffer, as that of ip_vs. */
#define FULL_PAGES	16
/* Bytes of the memory of queued pages, at most */
#define QUEUE_MAX	(6 << 20)

/* Connections that are sent in a second when the master starts */
#define WALK_RATE	500000
#define WALK_BATCH	(WALK_RATE / HZ ?: 1)

/**
 * lbdr_sync_page_alloc() - Allocate a page
 * @ln: the namespace
 * @roles: bits of enum lbdr_sync_role: who sends the page. They were read from
 *	lbdr_sync.sending by smp_load_acquire(), or are of the work item's own role
 *
 * Context: any, but under rcu_read_lock() or in a work item of the role: settings do not
 * change before that has ended.
 * Return: the page, without records and with one reference, or NULL.
 */
struct lbdr_sync_page *lbdr_sync_page_alloc(struct lbdr_net *ln, u8 roles)
{
	const struct lbdr_sync_settings *settings = ln->sync.settings;
	u32 room = LBDR_SYNC_MAXLEN_MAX;
	struct lbdr_sync_page *page;
	u8 syncid = 0;

	LBDR_KUNIT_STUB(lbdr_sync_page_alloc, ln, roles);
	/* ip_vs allows up to the length of an IP packet, and 255 records do not fill it. */
	if (roles & BIT(LBDR_SYNC_ROLE_MASTER)) {
		room = clamp_t(u32, settings[LBDR_SYNC_ROLE_MASTER].maxlen,
			       LBDR_SYNC_MAXLEN_MIN, LBDR_SYNC_MAXLEN_MAX);
		syncid = settings[LBDR_SYNC_ROLE_MASTER].syncid;
	}
	if (roles & BIT(LBDR_SYNC_ROLE_PEERS))
		room = min(room, lbdr_sync_peers_room(&settings[LBDR_SYNC_ROLE_PEERS]));

	page = lbdr_limit_alloc(ln, struct_size(page, data, room));
	if (!page)
		return NULL;
	refcount_set(&page->refs, 1);
	page->roles = roles;
	page->bulk = false;
	page->used = LBDR_SYNC_HEADER;
	page->room = room;
	lbdr_sync_wire_begin(page->data, syncid);
	return page;
}
EXPORT_SYMBOL_FOR_KUNIT(lbdr_sync_page_alloc);

/**
 * lbdr_sync_page_put() - Put a reference to a page
 * @page: the page
 *
 * Context: any.
 */
void lbdr_sync_page_put(struct lbdr_sync_page *page)
{
	if (refcount_dec_and_test(&page->refs))
		kfree(page);
}
EXPORT_SYMBOL_FOR_KUNIT(lbdr_sync_page_put);

/**
 * lbdr_sync_page_append() - Append a record to a page
 * @page: the page
 * @record: the record
 *
 * Context: any; nobody else has the page.
 * Return: false if it is full.
 */
bool lbdr_sync_page_append(struct lbdr_sync_page *page,
			   const struct lbdr_sync_record *record)
{
	u32 used = lbdr_sync_wire_put(page->data, page->used, page->room, record);

	if (used)
		page->used = used;
	return used;
}

/* Records are dropped before a role has sent them. */
static void lbdr_sync_drop(struct lbdr_net *ln, enum lbdr_sync_role role, u32 records)
{
	lbdr_sync_count(ln, LBDR_SYNC_DROPPED, records);
	if (role == LBDR_SYNC_ROLE_PEERS)
		WRITE_ONCE(ln->sync.missed, true);
}

/* Charges a page to the queue of a role that sends it. Takes the role off if it is full. */
static void lbdr_sync_page_charge(struct lbdr_net *ln, struct lbdr_sync_page *page,
				  enum lbdr_sync_role role, atomic_t *queued)
{
	if (!(page->roles & BIT(role)) ||
	    atomic_add_return(page->room, queued) <= QUEUE_MAX)
		return;
	atomic_sub(page->room, queued);
	page->roles &= ~BIT(role);
	lbdr_sync_drop(ln, role, lbdr_sync_wire_count(page->data));
}

/* Queues a page, or drops it. Returns true if the work item has to be started. */
static bool lbdr_sync_page_queue(struct lbdr_net *ln, struct lbdr_sync_page *page)
{
	struct lbdr_sync *sync = &ln->sync;

	lbdr_sync_page_charge(ln, page, LBDR_SYNC_ROLE_MASTER, &sync->queued);
	lbdr_sync_page_charge(ln, page, LBDR_SYNC_ROLE_PEERS, &sync->queued_peers);
	if (page->roles)
		return llist_add(&page->full, &sync->full);
	lbdr_sync_page_put(page);
	return false;
}

/* Appends a record to the page of this CPU. Context: rcu_read_lock() held, BH off. */
static void lbdr_sync_append(struct lbdr_net *ln, const struct lbdr_sync_record *record)
{
	struct lbdr_sync_cpu *cpu;
	u8 roles;

	lockdep_assert_in_softirq();
	cpu = this_cpu_ptr(ln->sync.cpus);
	spin_lock(&cpu->lock);
	if (likely(cpu->page)) {
		if (likely(lbdr_sync_page_append(cpu->page, record)))
			goto out;
		lbdr_sync_page_queue(ln, cpu->page);
		cpu->filled++;
	}
	/* Pairs with smp_store_release() in lbdr_sync_send_start(). */
	roles = smp_load_acquire(&ln->sync.sending);
	cpu->page = lbdr_sync_page_alloc(ln, roles);
	/* A page has room for one record at least. */
	if (cpu->page)
		lbdr_sync_page_append(cpu->page, record);
	else
		lbdr_sync_drop(ln, roles & BIT(LBDR_SYNC_ROLE_PEERS) ?
				   LBDR_SYNC_ROLE_PEERS : LBDR_SYNC_ROLE_MASTER, 1);
	/* For the new page, and the full one: the work item may not have seen it. */
	if (cpu->filled < FULL_PAGES) {
		queue_delayed_work(lbdr_sync_wq, &ln->sync.send, FLUSH_TIME);
	} else {
		cpu->filled = 0;
		mod_delayed_work(lbdr_sync_wq, &ln->sync.send, 0);
	}
out:
	spin_unlock(&cpu->lock);
}

static void lbdr_sync_set_key4(struct lbdr_sync_record *record, const struct lbdr_key4 *key)
{
	record->client.ip = key->client;
	record->vip.ip = key->vip;
	record->cport = key->ports.cport;
	record->vport = key->ports.vport;
	record->protocol = key->protocol;
}

static void lbdr_sync_set_key6(struct lbdr_sync_record *record, const struct lbdr_key6 *key)
{
	record->client.in6 = key->client;
	record->vip.in6 = key->vip;
	record->cport = key->ports.cport;
	record->vport = key->ports.vport;
	record->protocol = key->protocol;
}

/* The method of forwarding, as ip_vs has it. The receiver uses that of its own server. */
static u32 lbdr_sync_method(const struct lbdr_server *server)
{
	return LBDR_SYNC_FLAG_NOOUTPUT | (rcu_access_pointer(server->tunnel) ?
					  LBDR_SYNC_FLAG_TUNNEL : LBDR_SYNC_FLAG_DR);
}

static u16 lbdr_sync_conn_domain(const struct lbdr_conn *conn)
{
	return (conn->family == LBDR_V4 ? lbdr_conn_key4(conn)->protocol :
					  lbdr_conn_key6(conn)->protocol) >>
	       LBDR_KEY_DOMAIN_SHIFT;
}

/* Returns false if the format has no record for the connection. */
static bool lbdr_sync_make(struct lbdr_net *ln, const struct lbdr_conn *conn, u32 state,
			   struct lbdr_sync_record *record)
{
	bool template = lbdr_state_shown(state) == LBDR_CONN_STATE_TEMPLATE;
	const struct lbdr_server *server = conn->server;
	const struct lbdr_service *service = server->service;
	u32 timeout, idle;

	if (READ_ONCE(server->dead) || server->family != conn->family ||
	    lbdr_sync_conn_domain(conn) || (template && service->key.last_port))
		return false;
	memset(record, 0, sizeof(*record));
	record->family = conn->family;
	if (conn->family == LBDR_V4)
		lbdr_sync_set_key4(record, lbdr_conn_key4(conn));
	else
		lbdr_sync_set_key6(record, lbdr_conn_key6(conn));
	record->server = server->addr;
	record->dport = record->vport;
	record->state = lbdr_sync_state_out(state);
	record->flags = lbdr_sync_method(server);
	if (template)
		record->flags |= LBDR_SYNC_FLAG_TEMPLATE;
	if (!lbdr_state_active(state))
		record->flags |= LBDR_SYNC_FLAG_INACTIVE;
	/* ip_vs ignores bits that it does not know. */
	if (READ_ONCE(conn->renewals) >= LBDR_CONN_SYNC_RENEWALS)
		record->flags |= LBDR_SYNC_FLAG_RENEWED;
	if (lbdr_service_key_marked(&service->key)) {
		record->fwmark = service->key.addr.all[0];
		if (template)
			record->vip.ip = htonl(record->fwmark);
	}
	timeout = lbdr_conn_timeout(ln, conn, state);
	idle = lbdr_conn_idle(conn) / HZ;
	record->timeout = timeout > idle ? timeout - idle : 1;
	return true;
}

/* Returns true if the template of the client is enough for the other director. */
static bool lbdr_sync_persistent(const struct lbdr_net *ln, const struct lbdr_conn *conn,
				 u32 state)
{
	return unlikely(READ_ONCE(ln->sync.persist_mode)) &&
	       READ_ONCE(conn->server->service->settings.persist) &&
	       lbdr_state_shown(state) != LBDR_CONN_STATE_TEMPLATE;
}

/**
 * lbdr_sync_conn_record() - Make the record of a connection that is sent
 * @ln: the namespace
 * @conn: the connection
 * @state: its state
 * @sends: the record is sent to all directors: the next refresh is due later
 * @record: filled in
 *
 * Context: rcu_read_lock() held.
 * Return: false if the connection has none.
 */
bool lbdr_sync_conn_record(struct lbdr_net *ln, struct lbdr_conn *conn, u32 state,
			   bool sends, struct lbdr_sync_record *record)
{
	if (lbdr_sync_persistent(ln, conn, state))
		return false;
	if (sends)
		WRITE_ONCE(conn->sent, lbdr_sync_now());
	return lbdr_sync_make(ln, conn, state, record);
}

static void lbdr_sync_conn(struct lbdr_net *ln, struct lbdr_conn *conn, u32 state)
{
	struct lbdr_sync_record record;

	if (lbdr_sync_conn_record(ln, conn, state, true, &record))
		lbdr_sync_append(ln, &record);
}

/* Returns true if a change of state is told to the other director. */
static bool lbdr_sync_tells(u32 from, u32 to)
{
	if (to == LBDR_CONN_STATE_DEAD || lbdr_state_half_open(to))
		return false;
	/* The other director does not have a connection that was half-open. */
	return !(lbdr_state_half_open(from) && lbdr_state_closing(to));
}

static int lbdr_sync_event(struct notifier_block *nb, unsigned long event, void *data)
{
	const struct lbdr_conn_change *change = data;
	struct lbdr_net *ln = change->conn->server->ln;

	/* Pairs with smp_store_release() in lbdr_sync_send_start(). */
	if (!smp_load_acquire(&ln->sync.sending) || lbdr_sync_applying(ln) ||
	    !lbdr_sync_tells(change->from, change->to))
		return NOTIFY_DONE;
	/* BH is off: only the end of a connection, which is not told, comes with BH on. */
	lbdr_sync_conn(ln, (struct lbdr_conn *)change->conn, change->to);
	return NOTIFY_OK;
}

static struct notifier_block lbdr_sync_event_notifier = {
	.notifier_call = lbdr_sync_event,
};

/**
 * lbdr_sync_again() - Send a connection that was not sent for some time
 * @ln: the namespace
 * @conn: the connection
 * @state: its state
 * @now: lbdr_sync_now()
 *
 * It is sent if this director forwards it, and packets have come since it was sent. Called by
 * lbdr_sync_refresh() only.
 *
 * Context: rcu_read_lock() held, BH on or off.
 */
void lbdr_sync_again(struct lbdr_net *ln, struct lbdr_conn *conn, u32 state, u8 now)
{
	/* Pairs with smp_store_release() in lbdr_sync_send_start(). */
	u8 sent = READ_ONCE(conn->sent), roles = smp_load_acquire(&ln->sync.sending);
	u32 passed = sent ? lbdr_sync_passed(sent, now) : 0;

	if (!roles || lbdr_state_half_open(state) || !lbdr_conn_own(conn))
		return;
	/* It was half-open when it was closed, see lbdr_sync_tells(). */
	if (!sent && lbdr_state_closing(state))
		return;
	/*
	 * A link begins with a bulk transfer, which has it. But one that another director has
	 * sent may be known to a third one, which hears here that it still exists.
	 */
	if (!sent && roles == BIT(LBDR_SYNC_ROLE_PEERS) && !READ_ONCE(conn->synced)) {
		WRITE_ONCE(conn->sent, now);
		return;
	}
	/* Both times are rounded down: a packet of the unit of @sent is not noticed. */
	if (sent && lbdr_conn_idle(conn) / HZ / LBDR_SYNC_UNIT + 1 >= passed) {
		if (passed > LBDR_SYNC_PASSED_MAX)
			WRITE_ONCE(conn->sent, lbdr_sync_before(now, LBDR_SYNC_PASSED_MAX));
		return;
	}
	local_bh_disable();
	lbdr_sync_conn(ln, conn, state);
	local_bh_enable();
}
EXPORT_SYMBOL_FOR_KUNIT(lbdr_sync_again);

static bool lbdr_sync_sends(const struct lbdr_net *ln, enum lbdr_sync_role role)
{
	return READ_ONCE(ln->sync.sending) & BIT(role);
}

/* Waits until the pages of a batch were sent. Returns false if the master stops. */
static bool lbdr_sync_walk_wait(struct lbdr_net *ln)
{
	do {
		if (!lbdr_sync_sends(ln, LBDR_SYNC_ROLE_MASTER))
			return false;
		schedule_timeout_uninterruptible(1);
	} while (atomic_read(&ln->sync.queued) > QUEUE_MAX / 2);
	return true;
}

/* The master sends all connections: the other director may have none of them. */
static void lbdr_sync_walk(struct work_struct *work)
{
	struct lbdr_net *ln = container_of(work, struct lbdr_net, sync.walk);
	struct lbdr_sync_page *page;
	struct lbdr_sync_walk walk;
	u32 batch = 0, records;
	bool going = true;

	lbdr_sync_walk_begin(ln, &walk, false);
	while (going && (page = lbdr_sync_walk_next(ln, &walk, BIT(LBDR_SYNC_ROLE_MASTER)))) {
		if (page == ERR_PTR(-EAGAIN)) {
			going = lbdr_sync_sends(ln, LBDR_SYNC_ROLE_MASTER);
			continue;
		}
		if (IS_ERR(page)) {
			going = lbdr_sync_walk_wait(ln);
			continue;
		}
		records = lbdr_sync_wire_count(page->data);
		if (lbdr_sync_page_queue(ln, page))
			mod_delayed_work(lbdr_sync_wq, &ln->sync.send, 0);
		batch += records;
		if (batch >= WALK_BATCH) {
			batch = 0;
			going = lbdr_sync_walk_wait(ln);
		}
	}
	lbdr_sync_walk_end(&walk);
}

/* The master sends a page to all directors. Returns false if it has to do so later. */
static bool lbdr_sync_page_send(struct lbdr_net *ln, struct lbdr_sync_page *page)
{
	const struct lbdr_sync_settings *settings =
		&ln->sync.settings[LBDR_SYNC_ROLE_MASTER];
	u32 records = lbdr_sync_wire_count(page->data);
	int err;

	for (; ln->sync.peer < settings->n_addrs; ln->sync.peer++) {
		err = lbdr_sync_sock_send(ln->sync.socks[LBDR_SYNC_ROLE_MASTER], settings,
					  ln->sync.peer, page->data, page->used);
		/* A master that stops does not wait for its device. */
		if (err == -EAGAIN && lbdr_sync_sends(ln, LBDR_SYNC_ROLE_MASTER))
			return false;
		if (err) {
			lbdr_sync_count(ln, LBDR_SYNC_SEND_ERRORS, 1);
			lbdr_sync_count(ln, LBDR_SYNC_DROPPED, records);
		} else {
			lbdr_sync_count(ln, LBDR_SYNC_SENT_DATAGRAMS, 1);
			lbdr_sync_count(ln, LBDR_SYNC_SENT_RECORDS, records);
		}
	}
	ln->sync.peer = 0;
	return true;
}

/* The master has sent a page. */
static void lbdr_sync_page_done(struct lbdr_net *ln, struct lbdr_sync_page *page)
{
	atomic_sub(page->room, &ln->sync.queued);
	lbdr_sync_page_put(page);
}

/*
 * Appends the records of a page to the last one that waits for the master's device, if there
 * is room. Else many pages with few records would wait. Returns true if so.
 */
static bool lbdr_sync_page_join(struct lbdr_net *ln, const struct lbdr_sync_page *page)
{
	struct lbdr_sync_page *last;
	u32 used;

	if (list_empty(&ln->sync.unsent))
		return false;
	last = list_last_entry(&ln->sync.unsent, struct lbdr_sync_page, unsent);
	/* Some directors have got it already. */
	if (ln->sync.peer && list_is_first(&last->unsent, &ln->sync.unsent))
		return false;
	/* A link has it. Links get no reference later. */
	if (refcount_read(&last->refs) > 1)
		return false;
	used = lbdr_sync_wire_join(last->data, last->used, last->room, page->data,
				   page->used);
	if (!used)
		return false;
	last->used = used;
	lbdr_sync_wire_end(last->data, used);
	return true;
}

/* Takes the full pages, the oldest first. The links of peers have rings of their own. */
static void lbdr_sync_take_full(struct lbdr_net *ln)
{
	struct llist_node *full = llist_reverse_order(llist_del_all(&ln->sync.full));
	struct lbdr_sync_page *page, *next;

	llist_for_each_entry_safe(page, next, full, full) {
		lbdr_sync_wire_end(page->data, page->used);
		if (page->roles & BIT(LBDR_SYNC_ROLE_PEERS)) {
			atomic_sub(page->room, &ln->sync.queued_peers);
			lbdr_sync_peers_push(ln, page);
		}
		if (!(page->roles & BIT(LBDR_SYNC_ROLE_MASTER)))
			lbdr_sync_page_put(page);
		else if (lbdr_sync_page_join(ln, page))
			lbdr_sync_page_done(ln, page);
		else
			list_add_tail(&page->unsent, &ln->sync.unsent);
	}
}

/* Sends the queued pages, the oldest first. Returns false if some have to be sent later. */
static bool lbdr_sync_send_queued(struct lbdr_net *ln)
{
	struct lbdr_sync_page *page, *next;

	lbdr_sync_take_full(ln);
	list_for_each_entry_safe(page, next, &ln->sync.unsent, unsent) {
		if (!lbdr_sync_page_send(ln, page))
			return false;
		list_del(&page->unsent);
		lbdr_sync_page_done(ln, page);
		cond_resched();
	}
	return true;
}

/* Takes the page of a CPU, which may be NULL. */
static struct lbdr_sync_page *lbdr_sync_take(struct lbdr_net *ln, int cpu)
{
	struct lbdr_sync_cpu *mine = per_cpu_ptr(ln->sync.cpus, cpu);
	struct lbdr_sync_page *page;

	spin_lock_bh(&mine->lock);
	page = mine->page;
	mine->page = NULL;
	spin_unlock_bh(&mine->lock);
	return page;
}

static void lbdr_sync_send_work(struct work_struct *work)
{
	struct lbdr_net *ln = container_of(to_delayed_work(work), struct lbdr_net,
					   sync.send);
	struct lbdr_sync_page *page;
	int cpu;

	/* Peers do not wait for the master's device, nor does their role when it stops. */
	if (!lbdr_sync_send_queued(ln) && !READ_ONCE(ln->sync.peers))
		goto later;
	for_each_possible_cpu(cpu) {
		page = lbdr_sync_take(ln, cpu);
		if (page)
			lbdr_sync_page_queue(ln, page);
	}
	if (lbdr_sync_send_queued(ln))
		return;
later:
	mod_delayed_work(lbdr_sync_wq, &ln->sync.send, 1);
}

/* Connection events are delivered for all namespaces while one of them sends. */
static void lbdr_sync_send_events(bool start)
{
	static DEFINE_MUTEX(lock);
	static u32 users;

	mutex_lock(&lock);
	if (start && !users++)
		lbdr_conn_event_register(&lbdr_sync_event_notifier);
	else if (!start && !--users)
		lbdr_conn_event_unregister(&lbdr_sync_event_notifier);
	mutex_unlock(&lock);
}

/*
 * Sends the pages that were begun before lbdr_sync.sending has changed, full or not.
 * Context: process, lbdr_sync.lock held; waits for a grace period.
 */
static void lbdr_sync_send_flush(struct lbdr_sync *sync)
{
	/* Those who have read the bits before are in an RCU read section. */
	synchronize_rcu();
	mod_delayed_work(lbdr_sync_wq, &sync->send, 0);
	flush_delayed_work(&sync->send);
}

/**
 * lbdr_sync_cpus_alloc() - Allocate what each CPU has of a sender
 *
 * Context: process, may sleep.
 * Return: the memory, without pages, or NULL. free_percpu() frees it.
 */
struct lbdr_sync_cpu __percpu *lbdr_sync_cpus_alloc(void)
{
	struct lbdr_sync_cpu __percpu *cpus;
	int cpu;

	LBDR_KUNIT_STUB(lbdr_sync_cpus_alloc);
	cpus = alloc_percpu_gfp(struct lbdr_sync_cpu, GFP_KERNEL_ACCOUNT);
	if (!cpus)
		return NULL;
	for_each_possible_cpu(cpu)
		spin_lock_init(&per_cpu_ptr(cpus, cpu)->lock);
	return cpus;
}
EXPORT_SYMBOL_FOR_KUNIT(lbdr_sync_cpus_alloc);

/**
 * lbdr_sync_send_start() - Begin to send
 * @ln: the namespace; settings and socket of the role are set
 * @role: the role
 *
 * Context: process, lbdr_sync.lock held; waits for a grace period if another role sends.
 * Return: 0 or a negative error.
 */
int lbdr_sync_send_start(struct lbdr_net *ln, enum lbdr_sync_role role)
{
	struct lbdr_sync *sync = &ln->sync;
	bool first = !sync->sending;

	lockdep_assert_held(&sync->lock);
	if (!sync->cpus) {
		sync->cpus = lbdr_sync_cpus_alloc();
		if (!sync->cpus)
			return -ENOMEM;
		lbdr_sync_send_events(true);
	}
	/* Pairs with smp_load_acquire() of those who send: they see the settings. */
	smp_store_release(&sync->sending, sync->sending | BIT(role));
	/*
	 * Pages that were begun before are not of this role. Their connections are in the
	 * table when the walk begins, or the bulk transfer to a peer.
	 */
	if (!first)
		lbdr_sync_send_flush(sync);
	if (role == LBDR_SYNC_ROLE_MASTER)
		queue_work(lbdr_sync_wq, &sync->walk);
	return 0;
}

/**
 * lbdr_sync_send_stop() - Send what there is, and end
 * @ln: the namespace
 * @role: the role
 *
 * Context: process, lbdr_sync.lock held; waits for a grace period.
 */
void lbdr_sync_send_stop(struct lbdr_net *ln, enum lbdr_sync_role role)
{
	struct lbdr_sync *sync = &ln->sync;

	lockdep_assert_held(&sync->lock);
	WRITE_ONCE(sync->sending, sync->sending & ~BIT(role));
	if (role == LBDR_SYNC_ROLE_MASTER)
		cancel_work_sync(&sync->walk);
	/* All pages of the role: none waits for a device any more. */
	lbdr_sync_send_flush(sync);
	if (sync->sending)
		return;
	lbdr_sync_send_events(false);
	cancel_delayed_work_sync(&sync->send);
	free_percpu(sync->cpus);
	sync->cpus = NULL;
}

/**
 * lbdr_sync_send_net_init() - Prepare a namespace
 * @ln: the namespace
 *
 * Context: process.
 */
void lbdr_sync_send_net_init(struct lbdr_net *ln)
{
	INIT_LIST_HEAD(&ln->sync.unsent);
	INIT_DELAYED_WORK(&ln->sync.send, lbdr_sync_send_work);
	INIT_WORK(&ln->sync.walk, lbdr_sync_walk);
}
