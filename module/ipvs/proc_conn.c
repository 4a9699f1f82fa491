// SPDX-License-Identifier: GPL-2.0
/*
 * /proc/net/ip_vs_conn and ip_vs_conn_sync: the connections, in the layout of ip_vs.
 *
 * A reader walks the tables once, whatever the number of its reads: the iterator lives
 * as long as the file is open. A resize of a table restarts it at the beginning of the
 * table, so connections may be read twice, and connections that come and go may be
 * missed.
 */
#include <linux/proc_fs.h>
#include <linux/seq_file.h>

#include "compat.h"
#include "conn.h"
#include "ipvs.h"
#include "state.h"

/* Connections visited between two calls of cond_resched() */
#define PASSED_MAX	256

/**
 * struct lbdr_ipvs_conns - a reader of the connections
 * @ln: the namespace, which outlives the open file
 * @iter: position in the table of each family
 * @family: the table that is being read
 */
struct lbdr_ipvs_conns {
	struct lbdr_net		*ln;
	struct rhashtable_iter	iter[LBDR_FAMILIES];
	enum lbdr_family	family;
};

static void lbdr_ipvs_conns_enter(struct lbdr_ipvs_conns *conns)
{
	rhashtable_walk_enter(&conns->ln->conns[LBDR_V4], &conns->iter[LBDR_V4]);
	rhashtable_walk_enter(&conns->ln->conns[LBDR_V6], &conns->iter[LBDR_V6]);
	conns->family = LBDR_V4;
}

static void lbdr_ipvs_conns_leave(struct lbdr_ipvs_conns *conns)
{
	rhashtable_walk_exit(&conns->iter[LBDR_V4]);
	rhashtable_walk_exit(&conns->iter[LBDR_V6]);
}

/* After a number of connections that have expired: grace periods, and others, go on. */
static void lbdr_ipvs_conns_rest(struct lbdr_ipvs_conns *conns)
	__must_hold(RCU)
{
	rhashtable_walk_stop(&conns->iter[conns->family]);
	cond_resched();
	lbdr_walk_start(&conns->iter[conns->family]);
}

/* The next connection that has not expired; @peek: the present one if it has not. */
static void *lbdr_ipvs_conns_find(struct lbdr_ipvs_conns *conns, bool peek)
	__must_hold(RCU)
{
	struct lbdr_conn *conn;
	u32 passed = 0;

	for (;;) {
		if (++passed % PASSED_MAX == 0)
			lbdr_ipvs_conns_rest(conns);
		conn = peek ? rhashtable_walk_peek(&conns->iter[conns->family]) :
			      rhashtable_walk_next(&conns->iter[conns->family]);
		peek = false;
		if (conn && (IS_ERR(conn) || lbdr_conn_left(conns->ln, conn) <= 0))
			continue;
		if (conn || conns->family == LBDR_V6)
			return conn;
		rhashtable_walk_stop(&conns->iter[LBDR_V4]);
		conns->family = LBDR_V6;
		lbdr_walk_start(&conns->iter[LBDR_V6]);
	}
}

static void *lbdr_ipvs_conns_start(struct seq_file *seq, loff_t *pos)
	__acquires(RCU)
{
	struct lbdr_ipvs_conns *conns = seq->private;

	if (!*pos) {
		lbdr_ipvs_conns_leave(conns);
		lbdr_ipvs_conns_enter(conns);
	}
	lbdr_walk_start(&conns->iter[conns->family]);
	return *pos ? lbdr_ipvs_conns_find(conns, true) : SEQ_START_TOKEN;
}

static void *lbdr_ipvs_conns_next(struct seq_file *seq, void *v, loff_t *pos)
	__must_hold(RCU)
{
	++*pos;
	return lbdr_ipvs_conns_find(seq->private, false);
}

static void lbdr_ipvs_conns_stop(struct seq_file *seq, void *v)
	__releases(RCU)
{
	struct lbdr_ipvs_conns *conns = seq->private;

	rhashtable_walk_stop(&conns->iter[conns->family]);
}

static const char *lbdr_ipvs_state(u32 state)
{
	switch (state) {
	case LBDR_CONN_STATE_SYN_RECV:
		return "SYN_RECV";
	case LBDR_CONN_STATE_ESTABLISHED:
	case LBDR_CONN_STATE_SCTP_ESTABLISHED:
		return "ESTABLISHED";
	case LBDR_CONN_STATE_FIN_WAIT:
		return "FIN_WAIT";
	case LBDR_CONN_STATE_TIME_WAIT:
		return "TIME_WAIT";
	case LBDR_CONN_STATE_CLOSE:
		return "CLOSE";
	case LBDR_CONN_STATE_UDP:
	case LBDR_CONN_STATE_UDP_ONE:
		return "UDP";
	case LBDR_CONN_STATE_SCTP_INIT:
		return "INIT1";
	case LBDR_CONN_STATE_SCTP_SHUTDOWN:
		return "SHUTDOWN_SENT";
	case LBDR_CONN_STATE_SCTP_CLOSED:
		return "CLOSED";
	case LBDR_CONN_STATE_TEMPLATE:
		return "ASSURED";
	}
	return "NONE";
}

/* A connection to a tunnel server may have an address of the other family. */
static void lbdr_ipvs_show_conn_server(struct seq_file *seq,
				       const struct lbdr_server *server, __be16 vport)
{
	__be16 port = READ_ONCE(server->port) ?: vport;

	if (server->family == LBDR_V4)
		seq_printf(seq, " %08X", ntohl(server->addr.ip));
	else
		seq_printf(seq, " %pI6", &server->addr.in6);
	seq_printf(seq, " %04X", ntohs(port));
}

static void lbdr_ipvs_show_conn(struct seq_file *seq, const struct lbdr_conn *conn,
				bool sync)
{
	const struct lbdr_ipvs_conns *conns = seq->private;
	const struct lbdr_key4 *key4 = lbdr_conn_key4(conn);
	const struct lbdr_key6 *key6 = lbdr_conn_key6(conn);
	u32 state = READ_ONCE(conn->state);
	unsigned long left = max(lbdr_conn_left(conns->ln, conn), 0L);

	if (conn->family == LBDR_V4)
		seq_printf(seq, "%-3s %08X %04X %08X %04X",
			   lbdr_ipvs_protocol(key4->protocol),
			   ntohl(key4->client), ntohs(key4->ports.cport),
			   ntohl(key4->vip), ntohs(key4->ports.vport));
	else
		seq_printf(seq, "%-3s %pI6 %04X %pI6 %04X",
			   lbdr_ipvs_protocol(key6->protocol), &key6->client,
			   ntohs(key6->ports.cport), &key6->vip,
			   ntohs(key6->ports.vport));
	lbdr_ipvs_show_conn_server(seq, conn->server,
				   conn->family == LBDR_V4 ? key4->ports.vport :
							     key6->ports.vport);
	seq_printf(seq, " %-11s%s %7u\n", lbdr_ipvs_state(state),
		   !sync ? "" : lbdr_conn_own(conn) ? " LOCAL " : " SYNC  ",
		   jiffies_to_msecs(left) / 1000);
}

static int lbdr_ipvs_conns_show(struct seq_file *seq, void *v)
{
	if (v == SEQ_START_TOKEN)
		seq_puts(seq,
			 "Pro FromIP   FPrt ToIP     TPrt DestIP   DPrt State       Expires PEName PEData\n");
	else
		lbdr_ipvs_show_conn(seq, v, false);
	return 0;
}

static int lbdr_ipvs_conns_sync_show(struct seq_file *seq, void *v)
{
	if (v == SEQ_START_TOKEN)
		seq_puts(seq,
			 "Pro FromIP   FPrt ToIP     TPrt DestIP   DPrt State       Origin Expires\n");
	else
		lbdr_ipvs_show_conn(seq, v, true);
	return 0;
}

static const struct seq_operations lbdr_ipvs_conns_ops = {
	.start	= lbdr_ipvs_conns_start,
	.next	= lbdr_ipvs_conns_next,
	.stop	= lbdr_ipvs_conns_stop,
	.show	= lbdr_ipvs_conns_show,
};

static const struct seq_operations lbdr_ipvs_conns_sync_ops = {
	.start	= lbdr_ipvs_conns_start,
	.next	= lbdr_ipvs_conns_next,
	.stop	= lbdr_ipvs_conns_stop,
	.show	= lbdr_ipvs_conns_sync_show,
};

static int lbdr_ipvs_conns_open_as(struct inode *inode, struct file *file,
				   const struct seq_operations *ops)
{
	struct lbdr_ipvs_conns *conns;

	conns = __seq_open_private(file, ops, sizeof(*conns));
	if (!conns)
		return -ENOMEM;
	conns->ln = lbdr_net(pde_data(inode));
	lbdr_ipvs_conns_enter(conns);
	return 0;
}

static int lbdr_ipvs_conns_open(struct inode *inode, struct file *file)
{
	return lbdr_ipvs_conns_open_as(inode, file, &lbdr_ipvs_conns_ops);
}

static int lbdr_ipvs_conns_sync_open(struct inode *inode, struct file *file)
{
	return lbdr_ipvs_conns_open_as(inode, file, &lbdr_ipvs_conns_sync_ops);
}

static int lbdr_ipvs_conns_release(struct inode *inode, struct file *file)
{
	const struct seq_file *seq = file->private_data;

	lbdr_ipvs_conns_leave(seq->private);
	return seq_release_private(inode, file);
}

static const struct proc_ops lbdr_ipvs_conns_proc = {
	.proc_open	= lbdr_ipvs_conns_open,
	.proc_read	= seq_read,
	.proc_lseek	= seq_lseek,
	.proc_release	= lbdr_ipvs_conns_release,
};

static const struct proc_ops lbdr_ipvs_conns_sync_proc = {
	.proc_open	= lbdr_ipvs_conns_sync_open,
	.proc_read	= seq_read,
	.proc_lseek	= seq_lseek,
	.proc_release	= lbdr_ipvs_conns_release,
};

/**
 * lbdr_ipvs_proc_conn_net_init() - Create the files of a namespace
 * @net: the namespace
 *
 * Only root may read them: they have the addresses of clients.
 *
 * Context: process.
 * Return: 0 or -ENOMEM.
 */
int lbdr_ipvs_proc_conn_net_init(struct net *net)
{
	if (!proc_create_data("ip_vs_conn", 0440, net->proc_net,
			      &lbdr_ipvs_conns_proc, net))
		return -ENOMEM;
	if (!proc_create_data("ip_vs_conn_sync", 0440, net->proc_net,
			      &lbdr_ipvs_conns_sync_proc, net)) {
		remove_proc_entry("ip_vs_conn", net->proc_net);
		return -ENOMEM;
	}
	return 0;
}

/**
 * lbdr_ipvs_proc_conn_net_exit() - Remove the files of a namespace
 * @net: the namespace
 *
 * Context: process; open files are released when this returns.
 */
void lbdr_ipvs_proc_conn_net_exit(struct net *net)
{
	remove_proc_entry("ip_vs_conn_sync", net->proc_net);
	remove_proc_entry("ip_vs_conn", net->proc_net);
}
