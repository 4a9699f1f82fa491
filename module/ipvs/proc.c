// SPDX-License-Identifier: GPL-2.0
/*
 * /proc/net/ip_vs, ip_vs_stats and ip_vs_stats_percpu.
 *
 * The layout is that of ip_vs, which monitoring programs parse by columns. SCTP services
 * come last: some parsers know TCP, UDP and FWM only, and give the servers of an SCTP
 * service to the service before it.
 *
 * A listing takes lbdr_net.lock for one buffer of the reader, and continues by index if
 * the configuration has changed since.
 */
#include <linux/proc_fs.h>
#include <linux/seq_file.h>
#include <linux/seq_file_net.h>

#include "ipvs.h"
#include "limit.h"
#include "sched.h"

/* Where a reader of /proc/net/ip_vs continues. @p comes first, as seq_open_net() wants. */
struct lbdr_ipvs_listing {
	struct seq_net_private	p;
	struct lbdr_ipvs_walk	walk;
	const struct lbdr_service *service;
	const struct lbdr_server *server;
};

/**
 * lbdr_ipvs_protocol() - Get the name of a protocol as ip_vs writes it
 * @protocol: IPPROTO_..., or 0 for the template of a fwmark service
 *
 * Context: any.
 * Return: the name.
 */
const char *lbdr_ipvs_protocol(u8 protocol)
{
	switch (protocol) {
	case IPPROTO_TCP:
		return "TCP";
	case IPPROTO_UDP:
		return "UDP";
	case IPPROTO_SCTP:
		return "SCTP";
	}
	return "IP";
}

/*
 * Finds the service and the server at the position of a listing. No server means that the
 * line of the service itself is next.
 */
static void *lbdr_ipvs_list_find(struct seq_file *seq)
{
	static const enum lbdr_ipvs_class order[] = {
		LBDR_IPVS_PLAIN, LBDR_IPVS_MARKED, LBDR_IPVS_SCTP,
	};
	struct lbdr_ipvs_listing *list = seq->private;
	const struct lbdr_net *ln = lbdr_net(seq_file_net(seq));
	const struct lbdr_server *server;
	u32 at = 1;

	for (;;) {
		list->server = NULL;
		list->service = lbdr_ipvs_walk(ln, &list->walk, order);
		if (!list->service)
			return NULL;
		if (!list->walk.walk.server)
			return list;
		list_for_each_entry(server, &list->service->servers, list) {
			if (at++ < list->walk.walk.server || server->held)
				continue;
			list->walk.walk.server = at - 1;
			list->server = server;
			return list;
		}
		lbdr_service_walk_next(ln, &list->walk.walk);
		at = 1;
	}
}

static void *lbdr_ipvs_list_start(struct seq_file *seq, loff_t *pos)
{
	struct lbdr_ipvs_listing *list = seq->private;

	lbdr_lock(lbdr_net(seq_file_net(seq)));
	if (*pos)
		return lbdr_ipvs_list_find(seq);
	memset(&list->walk, 0, sizeof(list->walk));
	return SEQ_START_TOKEN;
}

static void *lbdr_ipvs_list_next(struct seq_file *seq, void *v, loff_t *pos)
{
	struct lbdr_ipvs_listing *list = seq->private;

	++*pos;
	if (v == SEQ_START_TOKEN)
		return lbdr_ipvs_list_find(seq);
	/* The next server without a search, which from the front would take long. */
	list->walk.walk.server++;
	if (list->server &&
	    !list_is_last(&list->server->list, &list->service->servers)) {
		list->server = list_next_entry(list->server, list);
		if (!list->server->held)
			return list;
	}
	return lbdr_ipvs_list_find(seq);
}

static void lbdr_ipvs_list_stop(struct seq_file *seq, void *v)
{
	lbdr_unlock(lbdr_net(seq_file_net(seq)));
}

static void lbdr_ipvs_show_service(struct seq_file *seq,
				   const struct lbdr_service *service)
{
	const struct lbdr_service_settings *settings = &service->settings;
	const struct lbdr_service_key *key = &service->key;
	const char *sched = service->sched.ops->name;
	bool ops = settings->flags & LBDR_SERVICE_FLAG_ONE_PACKET;

	if (lbdr_service_key_marked(key))
		seq_printf(seq, "FWM  %08X %s ", key->addr.all[0], sched);
	else if (key->family == LBDR_V4)
		seq_printf(seq, "%s  %08X:%04X %s ",
			   lbdr_ipvs_protocol(key->protocol),
			   ntohl(key->addr.ip), ntohs(key->port), sched);
	else
		seq_printf(seq, "%s  [%pI6]:%04X %s ",
			   lbdr_ipvs_protocol(key->protocol), &key->addr.in6,
			   ntohs(key->port), sched);
	/* ip_vs does not write the flag for IPv6 addresses, and a space for IPv4 ones. */
	if (ops && (lbdr_service_key_marked(key) || key->family == LBDR_V4))
		seq_puts(seq, "ops ");
	if (!lbdr_service_key_marked(key) && key->family == LBDR_V4)
		seq_putc(seq, ' ');
	/* Jiffies, as ip_vs writes them. */
	if (settings->persist)
		seq_printf(seq, "persistent %lu %08X",
			   (unsigned long)settings->persist * HZ,
			   ntohl((__force __be32)lbdr_ipvs_netmask(key,
								   settings->prefix)));
	seq_putc(seq, '\n');
}

static void lbdr_ipvs_show_server(struct seq_file *seq,
				  const struct lbdr_server *server)
{
	bool tunnel = rcu_access_pointer(server->tunnel);
	u16 port = ntohs(server->port);

	if (server->family == LBDR_V4)
		seq_printf(seq, "  -> %08X:%04X", ntohl(server->addr.ip), port);
	else
		seq_printf(seq, "  -> [%pI6]:%04X", &server->addr.in6, port);
	seq_printf(seq, "      %-7s %-6u %-10u %-10u\n",
		   tunnel ? "Tunnel" : "Route", server->weight,
		   lbdr_server_active(server), lbdr_server_inactive(server));
}

static int lbdr_ipvs_list_show(struct seq_file *seq, void *v)
{
	const struct lbdr_ipvs_listing *list = seq->private;

	if (v == SEQ_START_TOKEN) {
		seq_printf(seq, "IP Virtual Server version %d.%d.%d (size=%u)\n",
			   NVERSION(LBDR_IPVS_VERSION),
			   lbdr_limit_conns_of(lbdr_net(seq_file_net(seq))));
		seq_puts(seq, "Prot LocalAddress:Port Scheduler Flags\n");
		seq_puts(seq,
			 "  -> RemoteAddress:Port Forward Weight ActiveConn InActConn\n");
	} else if (list->server) {
		lbdr_ipvs_show_server(seq, list->server);
	} else {
		lbdr_ipvs_show_service(seq, list->service);
	}
	return 0;
}

static const struct seq_operations lbdr_ipvs_list_ops = {
	.start	= lbdr_ipvs_list_start,
	.next	= lbdr_ipvs_list_next,
	.stop	= lbdr_ipvs_list_stop,
	.show	= lbdr_ipvs_list_show,
};

/* Writes five values: the packets and bytes that servers send are 0. */
static void lbdr_ipvs_show_counts(struct seq_file *seq,
				  const struct lbdr_counts *counts)
{
	seq_printf(seq, "%8llX %8llX %8llX %16llX %16llX\n", counts->conns,
		   counts->packets, 0ULL, counts->bytes, 0ULL);
}

static void lbdr_ipvs_show_rates(struct seq_file *seq,
				 const struct lbdr_counts *rates)
{
	lbdr_ipvs_show_counts(seq, &(struct lbdr_counts) {
		.conns = lbdr_ipvs_rate(rates->conns),
		.packets = lbdr_ipvs_rate(rates->packets),
		.bytes = lbdr_ipvs_rate(rates->bytes),
	});
}

static int lbdr_ipvs_show_stats(struct seq_file *seq, void *v)
{
	struct lbdr_ipvs_sums sums;
	int err;

	err = lbdr_ipvs_total_sums(lbdr_net(seq_file_single_net(seq)), &sums, NULL);
	if (err)
		return err;
	seq_puts(seq,
		 "   Total Incoming Outgoing         Incoming         Outgoing\n"
		 "   Conns  Packets  Packets            Bytes            Bytes\n");
	lbdr_ipvs_show_counts(seq, &sums.counts);
	seq_puts(seq,
		 "\n Conns/s   Pkts/s   Pkts/s          Bytes/s          Bytes/s\n");
	lbdr_ipvs_show_rates(seq, &sums.rates);
	return 0;
}

static int lbdr_ipvs_show_stats_percpu(struct seq_file *seq, void *v)
{
	struct lbdr_ipvs_sums sums;
	struct lbdr_counts *cpus;
	int cpu, err;

	cpus = kvmalloc_array(nr_cpu_ids, sizeof(*cpus), GFP_KERNEL);
	if (!cpus)
		return -ENOMEM;
	err = lbdr_ipvs_total_sums(lbdr_net(seq_file_single_net(seq)), &sums, cpus);
	if (err)
		goto out;
	seq_puts(seq,
		 "       Total Incoming Outgoing         Incoming         Outgoing\n"
		 "CPU    Conns  Packets  Packets            Bytes            Bytes\n");
	for_each_possible_cpu(cpu) {
		seq_printf(seq, "%3X ", cpu);
		lbdr_ipvs_show_counts(seq, &cpus[cpu]);
	}
	seq_puts(seq, "  ~ ");
	lbdr_ipvs_show_counts(seq, &sums.counts);
	seq_puts(seq,
		 "\n     Conns/s   Pkts/s   Pkts/s          Bytes/s          Bytes/s\n    ");
	lbdr_ipvs_show_rates(seq, &sums.rates);
out:
	kvfree(cpus);
	return err;
}

/**
 * lbdr_ipvs_proc_net_init() - Create the files of a namespace
 * @net: the namespace
 *
 * Context: process.
 * Return: 0 or -ENOMEM.
 */
int lbdr_ipvs_proc_net_init(struct net *net)
{
	if (!proc_create_net("ip_vs", 0444, net->proc_net, &lbdr_ipvs_list_ops,
			     sizeof(struct lbdr_ipvs_listing)))
		return -ENOMEM;
	if (!proc_create_net_single("ip_vs_stats", 0444, net->proc_net,
				    lbdr_ipvs_show_stats, NULL))
		goto err_stats;
	if (!proc_create_net_single("ip_vs_stats_percpu", 0444, net->proc_net,
				    lbdr_ipvs_show_stats_percpu, NULL))
		goto err_percpu;
	return 0;

err_percpu:
	remove_proc_entry("ip_vs_stats", net->proc_net);
err_stats:
	remove_proc_entry("ip_vs", net->proc_net);
	return -ENOMEM;
}

/**
 * lbdr_ipvs_proc_net_exit() - Remove the files of a namespace
 * @net: the namespace
 *
 * Context: process; no reader is in the files when this returns.
 */
void lbdr_ipvs_proc_net_exit(struct net *net)
{
	remove_proc_entry("ip_vs_stats_percpu", net->proc_net);
	remove_proc_entry("ip_vs_stats", net->proc_net);
	remove_proc_entry("ip_vs", net->proc_net);
}
