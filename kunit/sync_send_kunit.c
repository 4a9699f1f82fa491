// SPDX-License-Identifier: GPL-2.0
/*
 * The master of connection synchronisation: which changes are sent, when, and what is
 * dropped. It sends to a socket of the test through lo.
 *
 * The fixture of the connection table has the connections. No test waits for a timer to
 * see that nothing was sent: a master that stops sends all that it has.
 */
#include <kunit/static_stub.h>
#include <kunit/test.h>
#include <linux/net.h>
#include <linux/netdevice.h>
#include <linux/rtnetlink.h>
#include <net/sock.h>

#include "compat.h"
#include "conn.h"
#include "conns.h"
#include "flow.h"
#include "sync.h"
#include "sync_crypt.h"
#include "sync_refresh.h"
#include "sync_wire.h"

#define PORT		8849
#define LOOPBACK	0x7f000001
/* Three records of IPv4 fit, not four. */
#define THREE		128

/* Records and datagrams that have arrived at the socket */
struct got {
	u32			datagrams;
	u32			records;
	struct lbdr_sync_record	record[16];
};

static struct socket *sock;
static bool was_down;
static u64 seen[LBDR_SYNC_COUNTERS];

static u64 grown(struct conns *conns, enum lbdr_sync_counter counter)
{
	u64 now = atomic64_read(&conns->ln->sync.counters[counter]);
	u64 more = now - seen[counter];

	seen[counter] = now;
	return more;
}

static int set_lo(bool up)
{
	struct net_device *lo = init_net.loopback_dev;
	int err;

	rtnl_lock();
	err = dev_change_flags(lo, up ? lo->flags | IFF_UP : lo->flags & ~IFF_UP, NULL);
	rtnl_unlock();
	return err;
}

/* Starts a master, which has walked over what there was when this returns. */
static int start_master(struct conns *conns, u16 maxlen, u8 addrs)
{
	struct lbdr_sync_settings settings = {
		.device = "lo",
		.n_addrs = addrs,
		.family = AF_INET,
		.port = PORT,
		.syncid = 7,
		.maxlen = maxlen,
		.ttl = 1,
	};
	int err, i;

	for (i = 0; i < addrs; i++)
		settings.addrs[i].ip = htonl(LOOPBACK);
	err = lbdr_sync_start(conns->ln, LBDR_SYNC_ROLE_MASTER, &settings, NULL);
	if (!err)
		flush_work(&conns->ln->sync.walk);
	return err;
}

/* Starts a master, which has sent what there was when this returns. */
static int start(struct conns *conns, u16 maxlen, u8 addrs)
{
	int err = start_master(conns, maxlen, addrs);

	if (!err)
		flush_delayed_work(&conns->ln->sync.send);
	return err;
}

/* Starts the role peers, with a peer that does not exist. */
static int start_peers(struct conns *conns)
{
	const struct lbdr_sync_settings settings = {
		.device = "lo",
		.addrs[0].ip = htonl(0x7f000002),
		.n_addrs = 1,
		.family = AF_INET,
		.port = PORT + 1,
		.maxlen = 1472,
		.ttl = 1,
	};
	const struct lbdr_sync_keys keys = { .set[0] = true };

	return lbdr_sync_start(conns->ln, LBDR_SYNC_ROLE_PEERS, &settings, &keys);
}

static void stop(struct conns *conns)
{
	lbdr_sync_stop(conns->ln, LBDR_SYNC_ROLE_MASTER);
}

/* Reads what has arrived. */
static void receive(struct kunit *test, struct got *got)
{
	struct lbdr_sync_record record;
	struct lbdr_sync_parser parser;
	static u8 data[2048];
	int len, more;

	memset(got, 0, sizeof(*got));
	for (;;) {
		struct msghdr msg = { .msg_flags = MSG_DONTWAIT };
		struct kvec vec = { .iov_base = data, .iov_len = sizeof(data) };

		len = kernel_recvmsg(sock, &msg, &vec, 1, sizeof(data), MSG_DONTWAIT);
		if (len == -EAGAIN)
			return;
		KUNIT_ASSERT_GT(test, len, 0);
		got->datagrams++;
		KUNIT_ASSERT_EQ(test, lbdr_sync_parse_begin(&parser, data, len, 7), 0);
		while ((more = lbdr_sync_parse_next(&parser, &record)) == 1)
			if (got->records < ARRAY_SIZE(got->record))
				got->record[got->records++] = record;
		KUNIT_EXPECT_EQ(test, more, 0);
	}
}

/* Stops the master, which sends what is left, and reads all. */
static void finish(struct kunit *test, struct got *got)
{
	stop(test->priv);
	receive(test, got);
}

static int master_init(struct kunit *test)
{
	struct sockaddr_in addr = {
		.sin_family = AF_INET,
		.sin_port = htons(PORT),
		.sin_addr.s_addr = htonl(LOOPBACK),
	};
	struct conns *conns;
	int err = conns_init(test);
	u32 i;

	if (err)
		return err;
	conns = test->priv;
	/* Else it would be the service of a mark. */
	conns->service.key.protocol = IPPROTO_TCP;
	conns->service.key.port = htons(80);
	for (i = 0; i < CONNS_SERVERS; i++)
		conns->servers[i].addr.ip = htonl(0xc0000210 + i);
	was_down = !(init_net.loopback_dev->flags & IFF_UP);
	KUNIT_ASSERT_EQ(test, was_down ? set_lo(true) : 0, 0);
	KUNIT_ASSERT_EQ(test, sock_create_kern(&init_net, AF_INET, SOCK_DGRAM, IPPROTO_UDP,
					       &sock), 0);
	KUNIT_ASSERT_EQ(test, kernel_bind(sock, (void *)&addr, sizeof(addr)), 0);
	for (i = 0; i < LBDR_SYNC_COUNTERS; i++)
		grown(conns, i);
	return 0;
}

static void master_exit(struct kunit *test)
{
	stop(test->priv);
	lbdr_sync_stop(((struct conns *)test->priv)->ln, LBDR_SYNC_ROLE_PEERS);
	if (sock)
		sock_release(sock);
	sock = NULL;
	if (was_down)
		KUNIT_EXPECT_EQ(test, set_lo(false), 0);
	conns_exit(test);
}

/* Adds an established connection. */
static struct lbdr_conn *add(struct kunit *test, u32 n)
{
	struct lbdr_flow flow = conns_flow(LBDR_V4, IPPROTO_TCP, n);
	struct lbdr_conn *conn = conns_add(test->priv, &flow, n % CONNS_SERVERS);

	KUNIT_ASSERT_NOT_NULL(test, conn);
	conns_step(conn, LBDR_EVENT_DATA);
	KUNIT_ASSERT_EQ(test, conn->state, LBDR_CONN_STATE_ESTABLISHED);
	return conn;
}

/* As the collector does when it visits a connection */
static void refresh(struct conns *conns, struct lbdr_conn *conn, u32 state, u32 timeout)
{
	lbdr_sync_refresh(conns->ln, conn, state, timeout, lbdr_sync_now());
}

/* Half-open connections are not sent, nor their end; established ones and changes are. */
static void events_test(struct kunit *test)
{
	struct lbdr_flow flow = conns_flow(LBDR_V4, IPPROTO_TCP, 100);
	struct conns *conns = test->priv;
	struct lbdr_conn *conn, *half;
	struct got got;

	KUNIT_ASSERT_EQ(test, start(conns, 1472, 1), 0);
	half = conns_add(conns, &flow, 0);
	KUNIT_ASSERT_NOT_NULL(test, half);
	conns_lock();
	refresh(conns, half, LBDR_CONN_STATE_SYN_RECV, 60);
	KUNIT_EXPECT_FALSE(test, lbdr_sync_keeps(half, LBDR_CONN_STATE_SYN_RECV));
	conns_unlock();
	conns_step(half, LBDR_EVENT_RST);
	conns_lock();
	refresh(conns, half, LBDR_CONN_STATE_CLOSE, 10);
	KUNIT_EXPECT_FALSE(test, lbdr_sync_keeps(half, LBDR_CONN_STATE_CLOSE));
	conns_unlock();
	conn = add(test, 1);
	conns_step(conn, LBDR_EVENT_DATA);
	conns_step(conn, LBDR_EVENT_FIN);
	finish(test, &got);
	KUNIT_ASSERT_EQ(test, got.records, 2);
	KUNIT_EXPECT_EQ(test, got.record[0].state, 1);
	KUNIT_EXPECT_EQ(test, got.record[0].flags, 0x83);
	KUNIT_EXPECT_EQ(test, got.record[1].state, 4);
	KUNIT_EXPECT_EQ(test, got.record[1].flags, 0x183);
	KUNIT_EXPECT_EQ(test, got.record[0].protocol, IPPROTO_TCP);
	KUNIT_EXPECT_EQ(test, ntohl(got.record[0].client.ip), 0xc6336401);
	KUNIT_EXPECT_EQ(test, ntohl(got.record[0].vip.ip), 0xc0000201);
	KUNIT_EXPECT_EQ(test, ntohl(got.record[0].server.ip), 0xc0000211);
	KUNIT_EXPECT_EQ(test, ntohs(got.record[0].cport), 40000);
	KUNIT_EXPECT_EQ(test, ntohs(got.record[0].vport), 80);
	KUNIT_EXPECT_EQ(test, ntohs(got.record[0].dport), 80);
	KUNIT_EXPECT_EQ(test, got.record[0].timeout, 900);
	KUNIT_EXPECT_EQ(test, grown(conns, LBDR_SYNC_SENT_RECORDS), 2);
}

/* The first record of a page starts the timer of 10 ms, rounded up to jiffies. */
static void flush_test(struct kunit *test)
{
	struct conns *conns = test->priv;
	struct delayed_work *send = &conns->ln->sync.send;
	unsigned long before, expires;
	bool pending;
	struct got got;

	KUNIT_ASSERT_EQ(test, start(conns, 1472, 1), 0);
	before = jiffies;
	add(test, 1);
	expires = READ_ONCE(send->timer.expires);
	pending = delayed_work_pending(send);
	/* If it is not pending, it was sent. */
	if (pending)
		KUNIT_EXPECT_LE(test, expires - before, (HZ / 100 ?: 1) + jiffies - before);
	KUNIT_EXPECT_TRUE(test, conns_wait_for((receive(test, &got), got.records)));
	KUNIT_EXPECT_EQ(test, got.records, 1);
}

/* A full page is sent, and the next record begins another one. */
static void full_test(struct kunit *test)
{
	struct conns *conns = test->priv;
	struct got got;
	u32 i;

	KUNIT_ASSERT_EQ(test, start(conns, THREE, 1), 0);
	/* One CPU, and no timer in between, so that pages are full. */
	local_bh_disable();
	for (i = 0; i < 7; i++)
		add(test, i);
	local_bh_enable();
	finish(test, &got);
	KUNIT_EXPECT_EQ(test, got.records, 7);
	KUNIT_EXPECT_GE(test, got.datagrams, 3);
	for (i = 0; i < got.records; i++)
		KUNIT_EXPECT_EQ(test, ntohl(got.record[i].client.ip), 0xc6336400 + i);
	KUNIT_EXPECT_EQ(test, grown(conns, LBDR_SYNC_SENT_DATAGRAMS), got.datagrams);
	KUNIT_EXPECT_EQ(test, grown(conns, LBDR_SYNC_SENT_RECORDS), 7);
	KUNIT_EXPECT_EQ(test, atomic_read(&conns->ln->sync.queued), 0);
}

/* Full pages wait for the timer as others do, until there are 16 of them. */
static void many_test(struct kunit *test)
{
	struct conns *conns = test->priv;
	struct delayed_work *send = &conns->ln->sync.send;
	bool waits, waited = true;
	struct got got;
	u32 i;

	KUNIT_ASSERT_EQ(test, start(conns, THREE, 1), 0);
	/* One CPU, whose timers do not expire. */
	local_bh_disable();
	for (i = 0; i < 16 * 3; i++) {
		add(test, i);
		waited &= timer_pending(&send->timer);
	}
	add(test, i);
	waits = timer_pending(&send->timer);
	local_bh_enable();
	KUNIT_EXPECT_TRUE(test, waited);
	KUNIT_EXPECT_FALSE(test, waits);
	finish(test, &got);
	KUNIT_EXPECT_EQ(test, grown(conns, LBDR_SYNC_SENT_RECORDS), 16 * 3 + 1);
}

/* Beyond the bound of the queue, records are dropped and counted. */
static void bound_test(struct kunit *test)
{
	struct conns *conns = test->priv;
	struct got got;
	u32 i;

	KUNIT_ASSERT_EQ(test, start(conns, THREE, 1), 0);
	/* As if so many bytes waited for the device */
	atomic_add(6 << 20, &conns->ln->sync.queued);
	for (i = 0; i < 7; i++)
		add(test, i);
	stop(conns);
	atomic_sub(6 << 20, &conns->ln->sync.queued);
	KUNIT_EXPECT_EQ(test, atomic_read(&conns->ln->sync.queued), 0);
	receive(test, &got);
	KUNIT_EXPECT_EQ(test, got.records, 0);
	KUNIT_EXPECT_EQ(test, grown(conns, LBDR_SYNC_DROPPED), 7);
	KUNIT_EXPECT_EQ(test, grown(conns, LBDR_SYNC_SENT_RECORDS), 0);
}

static struct lbdr_sync_cpu __percpu *no_cpus(void)
{
	return NULL;
}

static struct lbdr_sync_page *no_page(struct lbdr_net *ln, u8 roles)
{
	return NULL;
}

/* Without memory it does not start, or drops and counts records; it goes on later. */
static void memory_test(struct kunit *test)
{
	struct conns *conns = test->priv;
	struct lbdr_conn *conn;
	struct got got;

	kunit_activate_static_stub(test, lbdr_sync_cpus_alloc, no_cpus);
	KUNIT_EXPECT_EQ(test, start(conns, THREE, 1), -ENOMEM);
	kunit_deactivate_static_stub(test, lbdr_sync_cpus_alloc);
	KUNIT_EXPECT_EQ(test, conns->ln->sync.sending, 0);
	KUNIT_EXPECT_NULL(test, conns->ln->sync.cpus);
	add(test, 0);

	KUNIT_ASSERT_EQ(test, start(conns, THREE, 1), 0);
	receive(test, &got);
	KUNIT_EXPECT_EQ(test, got.records, 1);
	kunit_activate_static_stub(test, lbdr_sync_page_alloc, no_page);
	conn = add(test, 1);
	add(test, 2);
	kunit_deactivate_static_stub(test, lbdr_sync_page_alloc);
	KUNIT_EXPECT_EQ(test, grown(conns, LBDR_SYNC_DROPPED), 2);
	KUNIT_EXPECT_EQ(test, atomic_read(&conns->ln->sync.queued), 0);
	conns_step(conn, LBDR_EVENT_FIN);
	/* The page is full, and there is no other one: it is sent all the same. */
	add(test, 3);
	add(test, 4);
	kunit_activate_static_stub(test, lbdr_sync_page_alloc, no_page);
	add(test, 5);
	kunit_deactivate_static_stub(test, lbdr_sync_page_alloc);
	finish(test, &got);
	KUNIT_EXPECT_EQ(test, got.records, 3);
	KUNIT_EXPECT_EQ(test, grown(conns, LBDR_SYNC_DROPPED), 1);
}

/* A datagram that cannot be sent is counted, for each director. */
static void error_test(struct kunit *test)
{
	struct conns *conns = test->priv;
	struct got got;

	KUNIT_ASSERT_EQ(test, start(conns, THREE, 2), 0);
	add(test, 1);
	finish(test, &got);
	KUNIT_EXPECT_EQ(test, got.datagrams, 2);
	KUNIT_EXPECT_EQ(test, grown(conns, LBDR_SYNC_SENT_DATAGRAMS), 2);
	KUNIT_EXPECT_EQ(test, grown(conns, LBDR_SYNC_SENT_RECORDS), 2);

	KUNIT_ASSERT_EQ(test, start(conns, THREE, 2), 0);
	receive(test, &got);
	grown(conns, LBDR_SYNC_SENT_RECORDS);
	KUNIT_ASSERT_EQ(test, set_lo(false), 0);
	add(test, 2);
	stop(conns);
	KUNIT_ASSERT_EQ(test, set_lo(true), 0);
	KUNIT_EXPECT_EQ(test, grown(conns, LBDR_SYNC_SEND_ERRORS), 2);
	KUNIT_EXPECT_EQ(test, grown(conns, LBDR_SYNC_DROPPED), 2);
	KUNIT_EXPECT_EQ(test, grown(conns, LBDR_SYNC_SENT_RECORDS), 0);
}

/*
 * A master that starts sends what is established. What another director sends meanwhile is
 * not sent back.
 */
static void walk_test(struct kunit *test)
{
	const struct lbdr_conn_saved saved = {
		.state = LBDR_CONN_STATE_ESTABLISHED,
		.left = 600 * HZ,
		.synced = true,
	};
	struct lbdr_flow half = conns_flow(LBDR_V4, IPPROTO_TCP, 100);
	struct lbdr_flow v6 = conns_flow(LBDR_V6, IPPROTO_TCP, 1);
	struct conns *conns = test->priv;
	struct got got;

	add(test, 1);
	add(test, 2);
	KUNIT_ASSERT_NOT_NULL(test, conns_add(conns, &half, 0));
	/* Its server is of another family. */
	KUNIT_ASSERT_NOT_NULL(test, conns_add(conns, &v6, 0));
	conns_step(conns_find(conns, &v6), LBDR_EVENT_DATA);
	KUNIT_ASSERT_EQ(test, start(conns, 1472, 1), 0);
	finish(test, &got);
	KUNIT_EXPECT_EQ(test, got.records, 2);

	/* An event that comes of a record is not sent back. */
	KUNIT_ASSERT_EQ(test, start(conns, 1472, 1), 0);
	receive(test, &got);
	half = conns_flow(LBDR_V4, IPPROTO_TCP, 50);
	conns_lock();
	WRITE_ONCE(conns->ln->sync.applier, current);
	KUNIT_EXPECT_EQ(test, lbdr_conn_restore(conns->ln, &half, &conns->servers[0], &saved),
			0);
	WRITE_ONCE(conns->ln->sync.applier, NULL);
	conns_unlock();
	finish(test, &got);
	KUNIT_EXPECT_EQ(test, got.records, 0);
}

/* What packets have renewed is sent again after a third of its time; what idles is not. */
static void refresh_test(struct kunit *test)
{
	struct conns *conns = test->priv;
	struct lbdr_conn *busy, *idle, *theirs;
	struct got got;
	u32 i;

	KUNIT_ASSERT_EQ(test, start(conns, 1472, 1), 0);
	busy = add(test, 1);
	idle = add(test, 2);
	theirs = add(test, 3);
	finish(test, &got);
	KUNIT_ASSERT_EQ(test, got.records, 3);
	KUNIT_EXPECT_FALSE(test, got.record[0].flags & LBDR_SYNC_FLAG_RENEWED);
	WRITE_ONCE(busy->renewals, LBDR_CONN_SYNC_RENEWALS);
	WRITE_ONCE(theirs->synced, READ_ONCE(theirs->renewals) + 1);
	/* As if they were sent 100 units of 2 s ago, of which @idle had no packet. */
	WRITE_ONCE(busy->sent, (busy->sent + 154) % 255 + 1);
	WRITE_ONCE(idle->sent, busy->sent);
	WRITE_ONCE(theirs->sent, busy->sent);
	conns_idle(idle, 210 * HZ);

	KUNIT_ASSERT_EQ(test, start(conns, 1472, 1), 0);
	receive(test, &got);
	WRITE_ONCE(busy->sent, (busy->sent + 154) % 255 + 1);
	WRITE_ONCE(idle->sent, busy->sent);
	WRITE_ONCE(theirs->sent, busy->sent);
	conns_lock();
	for (i = 0; i < 2; i++) {
		refresh(conns, busy, LBDR_CONN_STATE_ESTABLISHED, 900);
		refresh(conns, idle, LBDR_CONN_STATE_ESTABLISHED, 900);
		refresh(conns, theirs, LBDR_CONN_STATE_ESTABLISHED, 900);
	}
	/* Those that this director forwards have to be visited again. */
	KUNIT_EXPECT_TRUE(test, lbdr_sync_keeps(busy, LBDR_CONN_STATE_ESTABLISHED));
	KUNIT_EXPECT_TRUE(test, lbdr_sync_keeps(idle, LBDR_CONN_STATE_ESTABLISHED));
	KUNIT_EXPECT_FALSE(test, lbdr_sync_keeps(theirs, LBDR_CONN_STATE_ESTABLISHED));
	conns_unlock();
	finish(test, &got);
	KUNIT_ASSERT_EQ(test, got.records, 1);
	KUNIT_EXPECT_EQ(test, ntohl(got.record[0].client.ip), 0xc6336401);
	KUNIT_EXPECT_TRUE(test, got.record[0].flags & LBDR_SYNC_FLAG_RENEWED);
}

/*
 * The time at which a connection was sent is a byte, which begins again after 510 s. One that was
 * idle for so long is sent when a packet comes, all the same.
 */
static void refresh_late_test(struct kunit *test)
{
	struct conns *conns = test->priv;
	struct lbdr_conn *conn;
	struct got got;

	conn = add(test, 1);
	KUNIT_ASSERT_EQ(test, start(conns, 1472, 1), 0);
	receive(test, &got);
	WRITE_ONCE(conn->sent, 1);
	conns_lock();
	/* After 490 s without a packet, and after 550 s, when one has come at 500 s */
	conns_idle(conn, 490 * HZ);
	lbdr_sync_refresh(conns->ln, conn, LBDR_CONN_STATE_ESTABLISHED, 900, 1 + 245);
	conns_idle(conn, 50 * HZ);
	lbdr_sync_refresh(conns->ln, conn, LBDR_CONN_STATE_ESTABLISHED, 900, 1 + 275 - 255);
	conns_unlock();
	finish(test, &got);
	KUNIT_EXPECT_EQ(test, got.records, 1);
}

/* The role peers sends what is older than itself in bulk transfers, and not once more. */
static void refresh_peers_test(struct kunit *test)
{
	struct conns *conns = test->priv;
	struct lbdr_conn *ours, *taken;
	struct lbdr_sync_cpu *cpu;
	bool first, second;

	if (lbdr_sync_crypt_check())
		kunit_skip(test, "no XChaCha20-Poly1305");
	ours = add(test, 1);
	taken = add(test, 2);
	/* Received from another director, and renewed since */
	WRITE_ONCE(taken->synced, READ_ONCE(taken->renewals) + 2);
	KUNIT_ASSERT_EQ(test, start_peers(conns), 0);
	conns_lock();
	cpu = this_cpu_ptr(conns->ln->sync.cpus);
	refresh(conns, ours, LBDR_CONN_STATE_ESTABLISHED, 900);
	first = cpu->page;
	refresh(conns, taken, LBDR_CONN_STATE_ESTABLISHED, 900);
	second = cpu->page;
	conns_unlock();
	KUNIT_EXPECT_FALSE(test, first);
	KUNIT_EXPECT_TRUE(test, second);
	KUNIT_EXPECT_NE(test, ours->sent, 0);
	KUNIT_EXPECT_NE(test, taken->sent, 0);
	lbdr_sync_stop(conns->ln, LBDR_SYNC_ROLE_PEERS);
}

/* A page that was begun before a second role has started is not for it. */
static void second_role_test(struct kunit *test)
{
	struct conns *conns = test->priv;
	struct got got;
	u32 i, late = 0;

	if (lbdr_sync_crypt_check())
		kunit_skip(test, "no XChaCha20-Poly1305");
	KUNIT_ASSERT_EQ(test, start_peers(conns), 0);
	/* The page is taken after 10 ms. This one shall be there when the master starts. */
	local_bh_disable();
	add(test, 1);
	mod_delayed_work(system_long_wq, &conns->ln->sync.send, CONNS_DEADLINE);
	local_bh_enable();
	KUNIT_ASSERT_EQ(test, start_master(conns, 1472, 1), 0);
	add(test, 2);
	finish(test, &got);
	for (i = 0; i < got.records; i++)
		late += ntohl(got.record[i].client.ip) == 0xc6336402;
	KUNIT_EXPECT_EQ(test, late, 1);
	KUNIT_EXPECT_EQ(test, got.records, 2);
}

#define FEW	10

/* Peers do not wait for the master's device, whose queue does not fill with small pages. */
static void stuck_test(struct kunit *test)
{
	struct conns *conns = test->priv;
	struct lbdr_sync *sync = &conns->ln->sync;
	struct got got;
	struct sock *sk;
	int queued;
	u32 i;

	if (lbdr_sync_crypt_check())
		kunit_skip(test, "no XChaCha20-Poly1305");
	KUNIT_ASSERT_EQ(test, start(conns, 1472, 1), 0);
	KUNIT_ASSERT_EQ(test, start_peers(conns), 0);
	/* As if the device had taken nothing for some time */
	sk = sync->socks[LBDR_SYNC_ROLE_MASTER]->sk;
	refcount_add(sk->sk_sndbuf, &sk->sk_wmem_alloc);
	for (i = 0; i < FEW; i++) {
		add(test, i);
		flush_delayed_work(&sync->send);
	}
	queued = atomic_read(&sync->queued);
	KUNIT_EXPECT_EQ(test, atomic_read(&sync->queued_peers), 0);
	KUNIT_EXPECT_FALSE(test, refcount_sub_and_test(sk->sk_sndbuf, &sk->sk_wmem_alloc));
	KUNIT_EXPECT_GT(test, queued, 0);
	KUNIT_EXPECT_LE(test, queued, 1472);
	finish(test, &got);
	KUNIT_EXPECT_EQ(test, got.records, FEW);
	KUNIT_EXPECT_EQ(test, got.datagrams, 1);
	for (i = 0; i < got.records; i++)
		KUNIT_EXPECT_EQ(test, ntohl(got.record[i].client.ip), 0xc6336400 + i);
	KUNIT_EXPECT_EQ(test, atomic_read(&sync->queued), 0);
	KUNIT_EXPECT_EQ(test, grown(conns, LBDR_SYNC_SENT_RECORDS), FEW);
}

/* sync_persist_mode: the template of a persistent service is sent, its connections not. */
static void persist_mode_test(struct kunit *test)
{
	struct conns *conns = test->priv;
	struct lbdr_conn *conn;
	struct got got;

	KUNIT_ASSERT_EQ(test, start(conns, 1472, 1), 0);
	WRITE_ONCE(conns->ln->sync.persist_mode, 1);
	add(test, 1);
	conns->service.settings.persist = 100;
	conn = add(test, 2);
	conns_lock();
	refresh(conns, conn, LBDR_CONN_STATE_ESTABLISHED, 900);
	conns_unlock();
	conns->service.settings.persist = 0;
	WRITE_ONCE(conns->ln->sync.persist_mode, 0);
	finish(test, &got);
	KUNIT_ASSERT_EQ(test, got.records, 2);
	KUNIT_EXPECT_EQ(test, ntohl(got.record[0].client.ip), 0xc6336401);
	/* The confirmed template of the second one; its service compares no bits. */
	KUNIT_EXPECT_EQ(test, got.record[1].flags, 0x1183);
	KUNIT_EXPECT_EQ(test, got.record[1].client.ip, 0);
	KUNIT_EXPECT_EQ(test, got.record[1].cport, 0);
}

/*
 * A walk for a peer visits a bounded number of connections, marks those of other directors,
 * and does not postpone the refresh of any.
 */
static void walk_peer_test(struct kunit *test)
{
	struct lbdr_flow flow = conns_flow(LBDR_V4, IPPROTO_TCP, 0);
	struct lbdr_conn *mine = add(test, 3000), *other = add(test, 3001);
	struct conns *conns = test->priv;
	u32 i, calls = 0, copies = 0, n = 0;
	struct lbdr_sync_parser parser;
	struct lbdr_sync_record record;
	struct lbdr_sync_page *page;
	struct lbdr_sync_walk walk;

	WRITE_ONCE(other->synced, READ_ONCE(other->renewals) + 1);
	for (i = 0; i < 1200; i++) {
		flow = conns_flow(LBDR_V4, IPPROTO_TCP, i);
		KUNIT_ASSERT_NOT_NULL(test, conns_add(conns, &flow, 0));
	}
	lbdr_sync_walk_begin(conns->ln, &walk, false);
	do {
		page = lbdr_sync_walk_next(conns->ln, &walk, BIT(LBDR_SYNC_ROLE_PEERS));
	} while (page == ERR_PTR(-EAGAIN) && ++calls < 100);
	KUNIT_EXPECT_GE(test, calls, 1U);
	if (!IS_ERR_OR_NULL(page)) {
		lbdr_sync_wire_end(page->data, page->used);
		KUNIT_EXPECT_EQ(test, lbdr_sync_parse_begin(&parser, page->data, page->used,
							    0), 0);
		for (; lbdr_sync_parse_next(&parser, &record) == 1; n++)
			copies += !!(record.flags & LBDR_SYNC_FLAG_COPY);
		lbdr_sync_page_put(page);
	}
	lbdr_sync_walk_end(&walk);
	/* Both, or both twice if the table was resized meanwhile. */
	KUNIT_EXPECT_GE(test, n, 2U);
	KUNIT_EXPECT_EQ(test, 2 * copies, n);
	KUNIT_EXPECT_EQ(test, mine->sent, 0);

	/* A director that needs no copies */
	lbdr_sync_walk_begin(conns->ln, &walk, true);
	do {
		page = lbdr_sync_walk_next(conns->ln, &walk, BIT(LBDR_SYNC_ROLE_PEERS));
	} while (page == ERR_PTR(-EAGAIN));
	KUNIT_ASSERT_FALSE(test, IS_ERR_OR_NULL(page));
	lbdr_sync_wire_end(page->data, page->used);
	KUNIT_EXPECT_EQ(test, lbdr_sync_parse_begin(&parser, page->data, page->used, 0), 0);
	for (n = 0; lbdr_sync_parse_next(&parser, &record) == 1; n++)
		KUNIT_EXPECT_EQ(test, record.client.ip, lbdr_conn_key4(mine)->client);
	KUNIT_EXPECT_GE(test, n, 1U);
	lbdr_sync_page_put(page);
	lbdr_sync_walk_end(&walk);
}

static struct kunit_case send_cases[] = {
	KUNIT_CASE(events_test),
	KUNIT_CASE(flush_test),
	KUNIT_CASE(full_test),
	KUNIT_CASE(many_test),
	KUNIT_CASE(bound_test),
	KUNIT_CASE(memory_test),
	KUNIT_CASE(error_test),
	KUNIT_CASE(walk_test),
	KUNIT_CASE(walk_peer_test),
	KUNIT_CASE(refresh_test),
	KUNIT_CASE(refresh_late_test),
	KUNIT_CASE(refresh_peers_test),
	KUNIT_CASE(second_role_test),
	KUNIT_CASE(stuck_test),
	KUNIT_CASE(persist_mode_test),
	{}
};

static struct kunit_suite send_suite = {
	.name		= "lbdr_sync_send",
	.init		= master_init,
	.exit		= master_exit,
	.test_cases	= send_cases,
};

kunit_test_suites(&send_suite);
