// SPDX-License-Identifier: GPL-2.0
/*
 * The backup of connection synchronisation: received records become connections.
 *
 * Datagrams queue a work item, which parses them (sync_wire.c) and applies each record:
 *
 * - The service is that of the mark, if there is one, whatever a packet here would match
 *   first: lbdr sends a mark only if it chose the service of the mark, and ip_vs looks for
 *   this service first. But ip_vs sends the mark of a packet even if no service has it. So
 *   without such a service it is the one that a packet of the connection would match; of a
 *   template, the one with its address and port. The server must be one of
 *   the service, which may be held. The method of forwarding is that of the server here.
 *   A record without service or server waits for it (sync_pending.c).
 * - A connection that this director forwards itself is never changed: packets have
 *   renewed it since it was received last, within OWN_TIME. So two directors that both
 *   have the VIP do each other no harm. Nor is it changed later by a record that tells of
 *   an earlier packet, as after a partition, when each has what it has forwarded. A record
 *   of lbdr has the time that is left, so it tells when the last packet was, if both have the
 *   same timeouts. One of ip_vs has the whole timeout: it counts as of now. If the
 *   sender's timeout is shorter than the one here, its records seem earlier than they are by
 *   the difference. The connection here keeps more time than the record has, then.
 * - Otherwise state and time left become those of the record, and a connection with
 *   another server is replaced. Datagrams may overtake each other: a record does not
 *   open a connection again that was closed less than REORDER_TIME ago, nor make one
 *   half-open that was established.
 * - A record tells whether its connection has been in use for some time. If it has, the
 *   timeout is not shortened here when the table is more than half full (flood.c), as it is
 *   not at the sender. For other connections both directors shorten it.
 * - A new connection is added as by conn-add. In a table that is nearly full, it takes the
 *   place of a half-open one if these are many, or is refused. A record that has waited adds
 *   a connection where there is room, and changes none: what exists is later. So does a
 *   record of a peer that forwards the connection as little as this director.
 *
 * Context: records are applied in process context under lbdr_net.lock, which is taken
 * for one datagram at a time, and under rcu_read_lock() with BH off for a few records. The
 * format has no authentication: whoever can send to the socket can add connections, so a
 * role is bound to a device, and may be bound to the address of the other director.
 */
#include <linux/slab.h>
#include <net/ipv6.h>
#include <net/sock.h>

#include "conn.h"
#include "flood.h"
#include "flow.h"
#include "lbdr.h"
#include "limit.h"
#include "persist.h"
#include "server.h"
#include "service.h"
#include "state.h"
#include "sync.h"
#include "sync_wire.h"

/* Jiffies without a packet after which a record may change a connection */
#define OWN_TIME	HZ
/*
 * Jiffies by which what is known here must be later than a record: a record has its time in
 * seconds, and a connection in quarters of a second
 */
#define LATER_TIME	(2 * HZ)
/* Jiffies after which a record opens a closed connection again */
#define REORDER_TIME	HZ

/* Datagrams handled before others may use the work queue */
#define BATCH		64

/* Records that are applied without a packet of this CPU in between */
#define RECORDS		16

/* Servers of a service that are remembered from one record to the next; a power of two */
#define SERVERS		8

/* Jiffies after which records that have waited too long are freed */
#define PRUNE_TIME	(60 * HZ)

/* Records wait for this long after the first new server: more are added with it. */
#define ADOPT_TIME	(HZ / 50 ?: 1)

static_assert(LBDR_CONN_SYNC_RENEWALS >= LBDR_FLOOD_RENEWALS);

/* A record is counted when its server exists. */
#define NO_SERVER	LBDR_SYNC_COUNTERS

/* The longest datagram of the other director */
#define BUFFER		(U16_MAX + 1)

/**
 * struct lbdr_sync_found - what was found for the records before, and is used again
 * @record: one of them, of @service; NULL if there is none
 * @service: what lbdr_sync_service() has returned for it
 * @servers: servers of @service, by their addresses
 * @room: connections that may be added before lbdr_sync_apply_end(), see limit.c
 *
 * Successive records are often of one service and few servers. Valid as long as
 * lbdr_net.lock is held.
 */
struct lbdr_sync_found {
	const struct lbdr_sync_record	*record;
	struct lbdr_service		*service;
	struct lbdr_server		*servers[SERVERS];
	u32				room;
};

/**
 * lbdr_sync_applying() - Check whether a connection event comes from a received record
 * @ln: the namespace
 *
 * Context: any; the caller is called by a function that changes a connection.
 * Return: true if so.
 */
bool lbdr_sync_applying(const struct lbdr_net *ln)
{
	/* Only the task itself can read its own address: BH is off while it is set. */
	return READ_ONCE(ln->sync.applier) == current;
}

static void lbdr_sync_set_flow(const struct lbdr_sync_record *record,
			       struct lbdr_flow *flow)
{
	memset(flow, 0, sizeof(*flow));
	flow->family = record->family;
	if (record->family == LBDR_V4) {
		flow->v4.client = record->client.ip;
		flow->v4.vip = record->vip.ip;
		flow->v4.ports.cport = record->cport;
		flow->v4.ports.vport = record->vport;
		flow->v4.protocol = record->protocol;
	} else {
		flow->v6.client = record->client.in6;
		flow->v6.vip = record->vip.in6;
		flow->v6.ports.cport = record->cport;
		flow->v6.ports.vport = record->vport;
		flow->v6.protocol = record->protocol;
	}
}

/* Returns the service of a record, or NULL. */
static struct lbdr_service *lbdr_sync_service(struct lbdr_net *ln,
					      const struct lbdr_sync_record *record,
					      const struct lbdr_flow *flow)
{
	struct lbdr_service_key key = {
		.family = record->family,
		.protocol = record->protocol,
		.port = record->vport,
		.addr = record->vip,
	};
	bool template = record->flags & LBDR_SYNC_FLAG_TEMPLATE;
	struct lbdr_service *service;

	lockdep_assert_held(&ln->lock);

	if (record->fwmark) {
		const struct lbdr_service_key mark = {
			.family = record->family,
			.addr.all[0] = record->fwmark,
		};

		service = lbdr_service_find(ln, &mark);
		/* The template of a fwmark service has neither protocol nor address. */
		if (service || !record->protocol)
			return service;
	}
	if (template)
		return lbdr_service_find(ln, &key);
	rcu_read_lock();
	service = lbdr_service_of_flow(ln, flow);
	rcu_read_unlock();
	return service;
}

/* Returns true if all that lbdr_sync_service() looks at is the same. */
static bool lbdr_sync_same_service(const struct lbdr_sync_record *a,
				   const struct lbdr_sync_record *b)
{
	return a->vport == b->vport && a->protocol == b->protocol && a->family == b->family &&
	       a->fwmark == b->fwmark &&
	       !((a->flags ^ b->flags) & LBDR_SYNC_FLAG_TEMPLATE) &&
	       nf_inet_addr_cmp(&a->vip, &b->vip);
}

/* Returns the server of a record, or NULL. */
static struct lbdr_server *lbdr_sync_find(struct lbdr_net *ln,
					  const struct lbdr_sync_record *record,
					  const struct lbdr_flow *flow,
					  struct lbdr_sync_found *found)
{
	const union nf_inet_addr *addr = &record->server;
	struct lbdr_server **server;
	u32 place;

	if (!found->record || !lbdr_sync_same_service(found->record, record)) {
		found->service = lbdr_sync_service(ln, record, flow);
		memset(found->servers, 0, sizeof(found->servers));
	}
	found->record = record;
	if (!found->service)
		return NULL;
	place = addr->all[0] ^ addr->all[3];
	place ^= place >> 16;
	place ^= place >> 8;
	server = &found->servers[place % SERVERS];
	if (!*server || (*server)->family != record->family ||
	    !nf_inet_addr_cmp(&(*server)->addr, addr))
		*server = lbdr_server_find(found->service, record->family, addr);
	return *server;
}

/* Returns false if the service has no such template, as its persistence is another one. */
static bool lbdr_sync_template(const struct lbdr_service *service, struct lbdr_flow *flow)
{
	struct lbdr_flow template;
	bool masked;

	if (!service->settings.persist)
		return false;
	lbdr_persist_key(service, flow, &template);
	masked = flow->family == LBDR_V4 ?
		 template.v4.client == flow->v4.client :
		 ipv6_addr_equal(&template.v6.client, &flow->v6.client);
	*flow = template;
	return masked;
}

/* Sets the time left, which a record may only lengthen while the state is the same. */
static void lbdr_sync_set_left(struct lbdr_net *ln, struct lbdr_conn *conn, u32 state,
			       u32 left, bool shorten)
{
	u32 timeout = lbdr_conn_timeout(ln, conn, state) * HZ;
	u32 stamp = lbdr_conn_stamp_of(timeout, left, true);

	if (shorten || (s32)(stamp - READ_ONCE(conn->stamp)) > 0)
		WRITE_ONCE(conn->stamp, stamp);
}

/* Returns true if a record was sent before what is known of its connection. */
static bool lbdr_sync_stale(const struct lbdr_conn *conn, u32 from, u32 to)
{
	if (lbdr_state_half_open(to))
		return !lbdr_state_half_open(from);
	return lbdr_state_closing(from) && !lbdr_state_closing(to) &&
	       lbdr_conn_idle(conn) < REORDER_TIME;
}

/*
 * Returns true if a record tells of an earlier packet than the last one here. @conn: a
 * connection that this director has forwarded
 */
static bool lbdr_sync_earlier(struct lbdr_net *ln, const struct lbdr_conn *conn,
			      const struct lbdr_conn_saved *saved)
{
	u32 timeout = lbdr_conn_timeout(ln, conn, saved->state) * HZ;
	u32 stamp = lbdr_conn_stamp_of(timeout, saved->left, saved->synced);

	return (s32)(READ_ONCE(conn->stamp) - stamp) > LATER_TIME;
}

/* Changes a connection that another director forwards. Returns how the record is counted. */
static enum lbdr_sync_counter lbdr_sync_update(struct lbdr_net *ln, struct lbdr_conn *conn,
					       const struct lbdr_conn_saved *saved)
{
	u32 from = READ_ONCE(conn->state), to = saved->state, now;
	u8 renewals = saved->renewals;

	/* The collector may have removed it since it was looked up. */
	if (from == LBDR_CONN_STATE_DEAD || lbdr_sync_stale(conn, from, to))
		return LBDR_SYNC_STALE;
	if (from != to) {
		lbdr_conn_move(conn, from, to);
		now = READ_ONCE(conn->state);
		/* A packet has changed it at the same time: it is this director's now. */
		if (now != to)
			return now == LBDR_CONN_STATE_DEAD ? LBDR_SYNC_STALE : LBDR_SYNC_OWN;
	}
	/* Unless the client has opened another connection with the same ports */
	if (!lbdr_state_closing(from) || lbdr_state_closing(to))
		renewals = max(min_t(u8, READ_ONCE(conn->renewals), LBDR_CONN_SYNC_RENEWALS),
			       renewals);
	lbdr_sync_set_left(ln, conn, to, saved->left, from != to);
	WRITE_ONCE(conn->renewals, renewals);
	WRITE_ONCE(conn->synced, renewals + 1);
	return LBDR_SYNC_UPDATED;
}

/* Returns true if there is room in a table that is nearly full, see flood.c. */
static bool lbdr_sync_make_room(struct lbdr_net *ln, const struct lbdr_server *server,
				const struct lbdr_flow *flow, u32 state)
{
	return !lbdr_state_half_open(state) && !lbdr_state_closing(state) &&
	       lbdr_flood_make_room_known(ln, server->service, flow->family);
}

/*
 * Adds a connection, or changes the one that exists. Returns how the record is counted.
 * @waited: only adds one
 */
static enum lbdr_sync_counter lbdr_sync_apply_conn(struct lbdr_net *ln,
						   struct lbdr_flow *flow,
						   struct lbdr_server *server,
						   const struct lbdr_conn_saved *saved,
						   u32 *room, bool waited)
{
	struct lbdr_conn *conn = lbdr_conn_vacate(ln, flow);

	if (conn && waited)
		return LBDR_SYNC_STALE;
	if (conn && lbdr_conn_own(conn)) {
		if (lbdr_conn_idle(conn) < OWN_TIME)
			return LBDR_SYNC_OWN;
		if (lbdr_sync_earlier(ln, conn, saved))
			return LBDR_SYNC_STALE;
	}
	if (conn && conn->server == server)
		return lbdr_sync_update(ln, conn, saved);
	/* The end, or a late first packet, of a connection that another one replaced */
	if (conn && (lbdr_state_closing(saved->state) || lbdr_state_half_open(saved->state)))
		return LBDR_SYNC_STALE;
	if (*room)
		(*room)--;
	else if (waited || !lbdr_sync_make_room(ln, server, flow, saved->state))
		return LBDR_SYNC_REFUSED;
	if (conn)
		lbdr_conn_kill(ln, conn);
	return lbdr_conn_restore_vacated(ln, flow, server, saved) ? LBDR_SYNC_REFUSED :
								    LBDR_SYNC_ADDED;
}

/*
 * Applies a record. Returns how it is counted, or NO_SERVER if its service or server does
 * not exist. A record that cannot be a connection here is counted as refused. @waited: the
 * record may be late, since it has waited or is a copy. @found: keeps a pointer to the record
 */
static enum lbdr_sync_counter lbdr_sync_apply(struct lbdr_net *ln,
					      const struct lbdr_sync_record *record,
					      struct lbdr_sync_found *found, bool waited)
{
	struct lbdr_conn_saved saved = {
		.state = lbdr_sync_state_in(record),
		.left = record->timeout ?
			min_t(u64, (u64)record->timeout * HZ, U32_MAX) : U32_MAX,
		.renewals = record->flags & LBDR_SYNC_FLAG_RENEWED ?
			    LBDR_CONN_SYNC_RENEWALS : 0,
		.synced = true,
	};
	struct lbdr_server *server;
	struct lbdr_flow flow;

	lbdr_sync_set_flow(record, &flow);
	server = lbdr_sync_find(ln, record, &flow, found);
	if (!server)
		return NO_SERVER;
	if (lbdr_service_one_packet(found->service, &flow) ||
	    (saved.state == LBDR_CONN_STATE_TEMPLATE &&
	     !lbdr_sync_template(found->service, &flow)))
		return LBDR_SYNC_REFUSED;
	return lbdr_sync_apply_conn(ln, &flow, server, &saved, &found->room, waited);
}

/* The context in which RECORDS records are applied at most; lbdr_net.lock is held. */
static void lbdr_sync_apply_begin(struct lbdr_net *ln, struct lbdr_sync_found *found)
	__acquires(RCU)
{
	found->room = lbdr_limit_room(ln);
	local_bh_disable();
	rcu_read_lock();
	WRITE_ONCE(ln->sync.applier, current);
}

static void lbdr_sync_apply_end(struct lbdr_net *ln)
	__releases(RCU)
{
	WRITE_ONCE(ln->sync.applier, NULL);
	rcu_read_unlock();
	local_bh_enable();
}

/**
 * lbdr_sync_recv_retry() - Apply a record that has waited
 * @ln: the namespace
 * @record: the record
 *
 * Context: process, lbdr_net.lock held.
 * Return: false if its service or server does not exist yet.
 */
bool lbdr_sync_recv_retry(struct lbdr_net *ln, const struct lbdr_sync_record *record)
{
	struct lbdr_sync_found found = {};
	enum lbdr_sync_counter how;

	lbdr_sync_apply_begin(ln, &found);
	how = lbdr_sync_apply(ln, record, &found, true);
	lbdr_sync_apply_end(ln);
	if (how == NO_SERVER)
		return false;
	lbdr_sync_count(ln, how, 1);
	if (how == LBDR_SYNC_ADDED)
		lbdr_sync_count(ln, LBDR_SYNC_ADOPTED, 1);
	return true;
}
EXPORT_SYMBOL_FOR_KUNIT(lbdr_sync_recv_retry);

/*
 * Lets the records that wait be tried soon. Work that is queued for this is not put off: it
 * clears @adopt when it begins, and until then it is queued.
 */
static void lbdr_sync_adopt_soon(struct lbdr_net *ln)
{
	struct lbdr_sync *sync = &ln->sync;

	lockdep_assert_held(&ln->lock);

	if (sync->adopt)
		return;
	WRITE_ONCE(sync->adopt, true);
	mod_delayed_work(lbdr_sync_wq, &sync->adopter, ADOPT_TIME);
}

/* Applies a record that was received, or lets it wait. */
static void lbdr_sync_record(struct lbdr_net *ln, const struct lbdr_sync_record *record,
			     struct lbdr_sync_found *found)
{
	enum lbdr_sync_counter how;

	how = lbdr_sync_apply(ln, record, found, record->flags & LBDR_SYNC_FLAG_COPY);
	if (how != NO_SERVER) {
		lbdr_sync_count(ln, how, 1);
		lbdr_sync_pending_drop(ln, record);
	} else if (!lbdr_sync_pending_add(ln, record)) {
		lbdr_sync_count(ln, LBDR_SYNC_PENDING_FULL, 1);
	} else {
		/* Its service may have been reported already, and is found when published. */
		if (ln->publishing)
			lbdr_sync_adopt_soon(ln);
		queue_delayed_work(lbdr_sync_wq, &ln->sync.adopter, PRUNE_TIME);
	}
}

/**
 * lbdr_sync_recv_datagram() - Apply or keep the records of a datagram
 * @ln: the namespace, in which a role runs that receives
 * @data: the datagram
 * @len: its length
 * @syncid: id of the group of directors, 0 for any
 *
 * Context: process; takes lbdr_net.lock.
 */
void lbdr_sync_recv_datagram(struct lbdr_net *ln, const u8 *data, u32 len, u8 syncid)
{
	struct lbdr_sync_found found = {};
	/* In turn: @found points to the other one. */
	struct lbdr_sync_record records[2], *record = records;
	struct lbdr_sync_parser parser;
	int got;
	u32 n;

	lbdr_sync_count(ln, LBDR_SYNC_RECEIVED_DATAGRAMS, 1);
	got = lbdr_sync_parse_begin(&parser, data, len, syncid);
	if (got) {
		lbdr_sync_count(ln, got == LBDR_SYNC_OTHER_ID ? LBDR_SYNC_FOREIGN :
								LBDR_SYNC_BAD, 1);
		return;
	}
	lbdr_lock(ln);
	do {
		lbdr_sync_apply_begin(ln, &found);
		for (n = 0; n < RECORDS; n++) {
			got = lbdr_sync_parse_next(&parser, record);
			if (!got || got == LBDR_SYNC_MALFORMED)
				break;
			if (got == LBDR_SYNC_UNUSABLE) {
				lbdr_sync_count(ln, LBDR_SYNC_SKIPPED, 1);
				continue;
			}
			lbdr_sync_record(ln, record, &found);
			record = &records[record == records];
		}
		lbdr_sync_apply_end(ln);
		if (got == LBDR_SYNC_MALFORMED)
			lbdr_sync_count(ln, LBDR_SYNC_BAD, 1);
		lbdr_sync_count(ln, LBDR_SYNC_RECEIVED_RECORDS, n);
		cond_resched();
	} while (n == RECORDS);
	lbdr_unlock(ln);
}
EXPORT_SYMBOL_FOR_KUNIT(lbdr_sync_recv_datagram);

/* Applies the records whose server was added, and frees those that waited too long. */
static void lbdr_sync_adopt_work(struct work_struct *work)
{
	struct lbdr_net *ln = container_of(to_delayed_work(work), struct lbdr_net,
					   sync.adopter);
	struct lbdr_sync *sync = &ln->sync;
	bool adopt;

	lbdr_lock(ln);
	/* Ranges of ports are published after their services were reported. */
	adopt = sync->adopt && !ln->publishing;
	if (adopt)
		WRITE_ONCE(sync->adopt, false);
	lbdr_unlock(ln);
	if (adopt || time_after_eq(jiffies, sync->retried + PRUNE_TIME)) {
		sync->retried = jiffies;
		lbdr_sync_pending_retry(ln, lbdr_sync_recv_retry);
	}
	lbdr_lock(ln);
	if (sync->pending.n)
		queue_delayed_work(lbdr_sync_wq, &sync->adopter,
				   sync->adopt ? ADOPT_TIME : PRUNE_TIME);
	else
		WRITE_ONCE(sync->adopt, false);
	lbdr_unlock(ln);
}

static void lbdr_sync_receive_work(struct work_struct *work)
{
	struct lbdr_net *ln = container_of(work, struct lbdr_net, sync.receive.work);
	struct lbdr_sync *sync = &ln->sync;
	const struct lbdr_sync_settings *settings = &sync->settings[LBDR_SYNC_ROLE_BACKUP];
	int i, len, from;

	for (i = 0; i < BATCH; i++) {
		len = lbdr_sync_sock_receive(sync->socks[LBDR_SYNC_ROLE_BACKUP],
					     sync->buffer, BUFFER, settings, &from);
		if (len < 0) {
			/* An error, as that the device is down: there may be more. */
			if (len != -EAGAIN)
				mod_delayed_work(lbdr_sync_wq, &sync->receive, 1);
			return;
		}
		if (from < 0) {
			lbdr_sync_count(ln, LBDR_SYNC_RECEIVED_DATAGRAMS, 1);
			lbdr_sync_count(ln, LBDR_SYNC_FOREIGN, 1);
		} else {
			lbdr_sync_recv_datagram(ln, sync->buffer, len, settings->syncid);
		}
		cond_resched();
	}
	mod_delayed_work(lbdr_sync_wq, &sync->receive, 0);
}

static void lbdr_sync_ready(struct sock *sk)
{
	struct lbdr_net *ln;

	read_lock_bh(&sk->sk_callback_lock);
	ln = sk->sk_user_data;
	/* If the work item is queued, then for the next jiffy at the latest. */
	if (ln)
		queue_delayed_work(lbdr_sync_wq, &ln->sync.receive, 0);
	read_unlock_bh(&sk->sk_callback_lock);
}

/**
 * lbdr_sync_recv_adopt() - A service or server was added
 * @ln: the namespace
 *
 * Context: process, lbdr_net.config and lbdr_net.lock held.
 */
void lbdr_sync_recv_adopt(struct lbdr_net *ln)
{
	if (ln->sync.pending.n)
		lbdr_sync_adopt_soon(ln);
}

/**
 * lbdr_sync_recv_get() - Let records wait for their server
 * @ln: the namespace
 * @role: the role that receives records
 *
 * Context: process, lbdr_sync.lock held.
 * Return: 0 or -ENOMEM.
 */
int lbdr_sync_recv_get(struct lbdr_net *ln, enum lbdr_sync_role role)
{
	struct lbdr_sync *sync = &ln->sync;
	int err = 0;

	lockdep_assert_held(&sync->lock);
	if (!sync->receiving) {
		sync->retried = jiffies;
		/* The work item was cancelled, and nothing waits yet. */
		lbdr_lock(ln);
		WRITE_ONCE(sync->adopt, false);
		lbdr_unlock(ln);
		err = lbdr_sync_pending_init(ln);
	}
	if (!err)
		sync->receiving |= BIT(role);
	return err;
}

/**
 * lbdr_sync_recv_put() - Undo lbdr_sync_recv_get()
 * @ln: the namespace
 * @role: the role, which may still receive records: they are lost
 *
 * Context: process, lbdr_sync.lock held.
 */
void lbdr_sync_recv_put(struct lbdr_net *ln, enum lbdr_sync_role role)
{
	struct lbdr_sync *sync = &ln->sync;

	lockdep_assert_held(&sync->lock);
	sync->receiving &= ~BIT(role);
	if (sync->receiving)
		return;
	/* Nothing waits any more: a transaction does not queue the work item again. */
	lbdr_sync_pending_exit(ln);
	cancel_delayed_work_sync(&sync->adopter);
}

/**
 * lbdr_sync_recv_start() - Begin to receive as a backup
 * @ln: the namespace; settings and socket of the backup are set
 *
 * Context: process, lbdr_sync.lock held.
 * Return: 0 or -ENOMEM.
 */
int lbdr_sync_recv_start(struct lbdr_net *ln)
{
	struct lbdr_sync *sync = &ln->sync;
	int err;

	lockdep_assert_held(&sync->lock);
	sync->buffer = kvmalloc(BUFFER, GFP_KERNEL_ACCOUNT);
	if (!sync->buffer)
		return -ENOMEM;
	err = lbdr_sync_recv_get(ln, LBDR_SYNC_ROLE_BACKUP);
	if (err) {
		kvfree(sync->buffer);
		return err;
	}
	lbdr_sync_sock_listen(sync->socks[LBDR_SYNC_ROLE_BACKUP], ln, lbdr_sync_ready);
	/* What has arrived before */
	mod_delayed_work(lbdr_sync_wq, &sync->receive, 0);
	return 0;
}

/**
 * lbdr_sync_recv_stop() - End to receive as a backup
 * @ln: the namespace
 *
 * Context: process, lbdr_sync.lock held.
 */
void lbdr_sync_recv_stop(struct lbdr_net *ln)
{
	struct lbdr_sync *sync = &ln->sync;

	lockdep_assert_held(&sync->lock);
	lbdr_sync_sock_listen(sync->socks[LBDR_SYNC_ROLE_BACKUP], ln, NULL);
	cancel_delayed_work_sync(&sync->receive);
	lbdr_sync_recv_put(ln, LBDR_SYNC_ROLE_BACKUP);
	kvfree(sync->buffer);
	sync->buffer = NULL;
}

/**
 * lbdr_sync_recv_net_init() - Prepare a namespace
 * @ln: the namespace
 *
 * Context: process.
 */
void lbdr_sync_recv_net_init(struct lbdr_net *ln)
{
	INIT_DELAYED_WORK(&ln->sync.receive, lbdr_sync_receive_work);
	INIT_DELAYED_WORK(&ln->sync.adopter, lbdr_sync_adopt_work);
}
