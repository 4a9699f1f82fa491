// SPDX-License-Identifier: GPL-2.0
/*
 * /proc/sys/net/ipv4/vs: the names of ip_vs, for programs that write them.
 *
 * A few have an effect. Others are accepted since they concern what lbdr does not do, or
 * does by rules of its own: when and how synchronisation sends, NAT, the reuse of a
 * connection, the size of tables. Those that switch on a behaviour of ip_vs which lbdr
 * lacks have one value, and the others are invalid.
 *
 * conntrack is missing, as in a kernel without CONFIG_IP_VS_NFCT: kube-router writes 1, and
 * exits if it cannot, but goes on without the file.
 */
#include <linux/bits.h>
#include <linux/slab.h>
#include <linux/sysctl.h>

#include "compat.h"
#include "ipvs.h"

/* The largest value of conn_max, as in ip_vs on 64 bits */
#define CONN_MAX	BIT(30)

/* A value from @min to @max. A fixed one has no others. */
struct lbdr_ipvs_value {
	const char	*name;
	int		value;
	int		min;
	int		max;
};

static const struct lbdr_ipvs_value lbdr_ipvs_values[LBDR_IPVS_SYSCTLS] = {
	[LBDR_IPVS_EXPIRE_NODEST_CONN] = { "expire_nodest_conn", 0, 0, 1 },
	[LBDR_IPVS_EXPIRE_QUIESCENT_TEMPLATE] = { "expire_quiescent_template", 0, 0, 1 },
	[LBDR_IPVS_SLOPPY_TCP] = { "sloppy_tcp", 0, 0, 1 },
	[LBDR_IPVS_RUN_ESTIMATION] = { "run_estimation", 1, 0, 1 },
	[LBDR_IPVS_SYNC_PERSIST_MODE] = { "sync_persist_mode", 0, 0, 1 },
	/* ip_vs has no such file: it always does so. */
	[LBDR_IPVS_MARK_FIRST] = { "mark_first", 0, 0, 1 },
	[LBDR_IPVS_CONN_MAX] = { "conn_max", CONN_MAX, 0, CONN_MAX },

	/* sloppy_tcp is for SCTP, too. */
	{ "sloppy_sctp", 0, 0, 0 },
	{ "drop_entry", 0, 0, 0 },
	{ "drop_packet", 0, 0, 0 },
	{ "secure_tcp", 0, 0, 0 },
	{ "amemthresh", 1024, 1024, 1024 },
	{ "am_droprate", 10, 10, 10 },
	{ "snat_reroute", 1, 1, 1 },
	{ "schedule_icmp", 0, 0, 0 },
	{ "ignore_tunneled", 0, 0, 0 },
	{ "cache_bypass", 0, 0, 0 },
	{ "pmtu_disc", 1, 1, 1 },
	{ "nat_icmp_send", 0, 0, 0 },

	{ "conn_reuse_mode", 1, 0, INT_MAX },
	{ "backup_only", 0, 0, 1 },
	{ "sync_version", 1, 0, 1 },
	{ "sync_ports", 1, 1, 64 },
	{ "sync_qlen_max", 4096, 0, INT_MAX },
	{ "sync_sock_size", 0, 0, INT_MAX },
	{ "sync_refresh_period", 0, 0, INT_MAX },
	{ "sync_retries", 0, 0, 3 },
	{ "est_nice", 0, -20, 19 },
	{ "conn_lfactor", -2, -8, 8 },
	{ "svc_lfactor", -2, -8, 8 },
};

/* The conn_max that a namespace begins with: that of the initial one. */
static int lbdr_ipvs_first_conn_max(const struct lbdr_ipvs_net *in)
{
	if (net_eq(in->net, &init_net))
		return CONN_MAX;
	return READ_ONCE(lbdr_ipvs_net(&init_net)->sysctl[LBDR_IPVS_CONN_MAX]);
}

static void lbdr_ipvs_set_conn_max(struct lbdr_ipvs_net *in, int value)
{
	WRITE_ONCE(in->sysctl[LBDR_IPVS_CONN_MAX], value);
	WRITE_ONCE(lbdr_net(in->net)->conns_max, value);
}

/**
 * lbdr_ipvs_sysctl_defaults() - Set the values that a namespace begins with
 * @in: the namespace
 *
 * Context: process.
 */
void lbdr_ipvs_sysctl_defaults(struct lbdr_ipvs_net *in)
{
	u32 i;

	for (i = 0; i < LBDR_IPVS_SYSCTLS; i++)
		in->sysctl[i] = lbdr_ipvs_values[i].value;
	in->sync_threshold[0] = 3;
	in->sync_threshold[1] = 50;
	in->conn_max_hard = lbdr_ipvs_first_conn_max(in);
	lbdr_ipvs_set_conn_max(in, in->conn_max_hard);
	WRITE_ONCE(lbdr_net(in->net)->sync.persist_mode, 0);
}

/*
 * The second number of sync_threshold is a period, and the first one a packet of it. What
 * is refused changes neither; proc_dointvec_minmax() would set those in front of a wrong
 * one.
 */
static int lbdr_ipvs_do_threshold(LBDR_CTL_TABLE *table, int write, void *buffer,
				  size_t *lenp, loff_t *ppos)
{
	int *stored = table->data;
	int value[2] = { READ_ONCE(stored[0]), READ_ONCE(stored[1]) };
	struct ctl_table copy = {
		.data	= value,
		.maxlen	= sizeof(value),
		.mode	= table->mode,
	};
	int err = proc_dointvec(&copy, write, buffer, lenp, ppos);

	if (err || !write)
		return err;
	if (value[0] < 0 || value[1] < 0 || (value[1] && value[0] >= value[1]))
		return -EINVAL;
	WRITE_ONCE(stored[0], value[0]);
	WRITE_ONCE(stored[1], value[1]);
	return 0;
}

/*
 * A writer who is privileged on the host sets the value and the hard limit, another one
 * the value up to that limit. Nothing is set by a write of spaces.
 */
static int lbdr_ipvs_do_conn_max(LBDR_CTL_TABLE *table, int write, void *buffer,
				 size_t *lenp, loff_t *ppos)
{
	struct lbdr_ipvs_net *in = table->extra1;
	int value = write ? -1 : READ_ONCE(in->sysctl[LBDR_IPVS_CONN_MAX]);
	struct lbdr_net *ln = lbdr_net(in->net);
	struct ctl_table copy = {
		.data	= &value,
		.maxlen	= sizeof(value),
		.mode	= table->mode,
		.extra1	= (void *)&lbdr_ipvs_values[LBDR_IPVS_CONN_MAX].min,
		.extra2	= (void *)&lbdr_ipvs_values[LBDR_IPVS_CONN_MAX].max,
	};
	int err = proc_dointvec_minmax(&copy, write, buffer, lenp, ppos);

	if (err || !write || value < 0)
		return err;
	if (mutex_lock_killable(&ln->config))
		return -EINTR;
	if (capable(CAP_NET_ADMIN))
		in->conn_max_hard = value;
	if (value > in->conn_max_hard)
		err = -EINVAL;
	else
		lbdr_ipvs_set_conn_max(in, value);
	mutex_unlock(&ln->config);
	return err;
}

/**
 * lbdr_ipvs_sysctl_net_init() - Create the files of a namespace
 * @in: the namespace
 *
 * Context: process.
 * Return: 0 or -ENOMEM.
 */
int lbdr_ipvs_sysctl_net_init(struct lbdr_ipvs_net *in)
{
	struct ctl_table *table;
	u32 i;

	/* With one more, and an empty entry at the end, see lbdr_register_net_sysctl(). */
	table = kcalloc(LBDR_IPVS_SYSCTLS + 2, sizeof(*table), GFP_KERNEL);
	if (!table)
		return -ENOMEM;
	for (i = 0; i < LBDR_IPVS_SYSCTLS; i++) {
		table[i] = (struct ctl_table) {
			.procname	= lbdr_ipvs_values[i].name,
			.data		= &in->sysctl[i],
			.maxlen		= sizeof(int),
			.mode		= 0644,
			.proc_handler	= proc_dointvec_minmax,
			.extra1		= (void *)&lbdr_ipvs_values[i].min,
			.extra2		= (void *)&lbdr_ipvs_values[i].max,
		};
	}
	table[i] = (struct ctl_table) {
		.procname	= "sync_threshold",
		.data		= &in->sync_threshold,
		.maxlen		= sizeof(in->sync_threshold),
		.mode		= 0644,
		.proc_handler	= lbdr_ipvs_do_threshold,
	};
	table[LBDR_IPVS_CONN_MAX].proc_handler = lbdr_ipvs_do_conn_max;
	table[LBDR_IPVS_CONN_MAX].extra1 = in;
	/* The master reads it. */
	table[LBDR_IPVS_SYNC_PERSIST_MODE].data = &lbdr_net(in->net)->sync.persist_mode;
	/* Packets read it; lbctl reload-module saves and restores it with the other files. */
	table[LBDR_IPVS_MARK_FIRST].data = &lbdr_net(in->net)->mark_first;
	in->table = table;
	in->header = lbdr_register_net_sysctl(in->net, "net/ipv4/vs", table,
					      LBDR_IPVS_SYSCTLS + 1);
	if (in->header)
		return 0;
	kfree(table);
	return -ENOMEM;
}

/**
 * lbdr_ipvs_sysctl_net_exit() - Remove the files of a namespace
 * @in: the namespace
 *
 * Context: process; nobody is in the files when this returns.
 */
void lbdr_ipvs_sysctl_net_exit(struct lbdr_ipvs_net *in)
{
	unregister_net_sysctl_table(in->header);
	kfree(in->table);
}
