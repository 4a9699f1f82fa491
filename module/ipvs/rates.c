// SPDX-License-Identifier: GPL-2.0
/*
 * Rates and totals of counters, as IPVS clients read them.
 *
 * The average of a server's counters per second is moved by a quarter of its distance
 * to the rate of the last two seconds, every two seconds; these are the numbers of ip_vs
 * (net/netfilter/ipvs/ip_vs_est.c). Averages are sums: the rate of a service, or of the
 * namespace, is the sum of the rates of its servers, computed when it is read.
 *
 * One work item of a namespace samples the servers. It divides two seconds into steps and
 * takes some servers in each, a few with one hold of lbdr_net.lock. A sample that comes
 * late or early is divided by the time that has really passed. The work item is queued
 * while the namespace has services.
 */
#include <linux/math64.h>

#include "ipvs.h"

/* The time between two samples of a server, and its division into steps */
#define LBDR_IPVS_CYCLE		(2 * HZ)
#define LBDR_IPVS_STEPS		20
/* Servers that are sampled with one hold of lbdr_net.lock */
#define LBDR_IPVS_BATCH		32

/* Sums of all services that are begun without lbdr_net.config */
#define LBDR_IPVS_ATTEMPTS	4

/* An average is moved by 1 / 4. Rates are stored times 1024. */
#define LBDR_IPVS_SHIFT		2
#define LBDR_IPVS_SCALE		1024

/* Moves an average by the increments of @elapsed jiffies. */
static void lbdr_ipvs_move(u64 *average, u64 *last, u64 now, u64 elapsed)
{
	s64 rate = mul_u64_u64_div_u64(now - *last, HZ * LBDR_IPVS_SCALE, elapsed);

	*average += (rate - (s64)*average) >> LBDR_IPVS_SHIFT;
	*last = now;
}

static void lbdr_ipvs_sample(struct lbdr_server *server)
{
	struct lbdr_rates *rates = &server->rates;
	unsigned long elapsed = jiffies - rates->sampled;
	struct lbdr_counts now;

	lockdep_assert_held(&server->ln->lock);

	/* A walk may meet a server twice. */
	if (elapsed < LBDR_IPVS_CYCLE / 2)
		return;
	lbdr_stats_sum(server->stats, &now);
	lbdr_ipvs_move(&rates->average.conns, &rates->last.conns, now.conns,
		       elapsed);
	lbdr_ipvs_move(&rates->average.packets, &rates->last.packets,
		       now.packets, elapsed);
	lbdr_ipvs_move(&rates->average.bytes, &rates->last.bytes, now.bytes,
		       elapsed);
	rates->sampled = jiffies;
}

/* Samples servers of one service. Returns how many of @max are left. */
static u32 lbdr_ipvs_sample_service(const struct lbdr_service *service,
				    struct lbdr_service_walk *walk, u32 max)
{
	struct lbdr_server *server;
	u32 at = 0;

	list_for_each_entry(server, &service->servers, list) {
		if (at++ < walk->server)
			continue;
		if (!max)
			return 0;
		max--;
		lbdr_ipvs_sample(server);
		walk->server = at;
	}
	lbdr_service_walk_next(service->ln, walk);
	/* A service without servers takes time, too. */
	return max ? max - 1 : 0;
}

/* Returns false if the walk is complete. */
static bool lbdr_ipvs_sample_some(struct lbdr_net *ln,
				  struct lbdr_service_walk *walk)
{
	const struct lbdr_service *service = NULL;
	u32 left = LBDR_IPVS_BATCH;

	lbdr_lock(ln);
	while (left && (service = lbdr_service_walk(ln, walk)))
		left = lbdr_ipvs_sample_service(service, walk, left);
	lbdr_unlock(ln);
	return service;
}

static void lbdr_ipvs_rates_work(struct work_struct *work)
{
	struct lbdr_ipvs_net *in = container_of(to_delayed_work(work),
						struct lbdr_ipvs_net, rates);
	struct lbdr_net *ln = lbdr_net(in->net);
	unsigned long delay = LBDR_IPVS_CYCLE / LBDR_IPVS_STEPS;
	u32 n_services = READ_ONCE(ln->n_services[LBDR_V4]) +
			 READ_ONCE(ln->n_services[LBDR_V6]);
	u32 n = n_services + atomic_read(&ln->n_servers);
	bool more = true;

	/* A little more than the step's share, so that a cycle ends in time. */
	n = n / (LBDR_IPVS_STEPS - 2) + 1;
	if (!n_services || !READ_ONCE(in->sysctl[LBDR_IPVS_RUN_ESTIMATION]))
		n = 0;
	for (; n && more;
	     n -= min_t(u32, n, LBDR_IPVS_BATCH)) {
		more = lbdr_ipvs_sample_some(ln, &in->walk);
		cond_resched();
	}
	if (!more) {
		memset(&in->walk, 0, sizeof(in->walk));
		delay = in->cycle + LBDR_IPVS_CYCLE - jiffies;
		if ((long)delay < 1)
			delay = 1;
		in->cycle = jiffies + delay;
	}
	if (n_services)
		queue_delayed_work(lbdr_wq_of(ln), &in->rates, delay);
}

/* The first service of a namespace begins the sampling. */
static int lbdr_ipvs_rates_event(struct notifier_block *nb, unsigned long change,
				 void *data)
{
	const struct lbdr_notify *notify = data;

	if (change == LBDR_CHANGE_SERVICE_ADD)
		queue_delayed_work(lbdr_wq_of(notify->ln),
				   &lbdr_ipvs_net(notify->ln->net)->rates,
				   LBDR_IPVS_CYCLE / LBDR_IPVS_STEPS);
	return NOTIFY_DONE;
}

static struct notifier_block lbdr_ipvs_rates_notifier = {
	.notifier_call = lbdr_ipvs_rates_event,
};

/**
 * lbdr_ipvs_rates_init() - Follow changes of the configuration
 *
 * Context: process, lbdr_ipvs_net exists in each namespace.
 * Return: 0 or a negative error.
 */
int __init lbdr_ipvs_rates_init(void)
{
	return lbdr_notify_register(&lbdr_ipvs_rates_notifier);
}

/**
 * lbdr_ipvs_rates_exit() - Undo lbdr_ipvs_rates_init()
 *
 * Context: process. No work item is queued any more when this returns.
 */
void lbdr_ipvs_rates_exit(void)
{
	lbdr_notify_unregister(&lbdr_ipvs_rates_notifier);
}

/**
 * lbdr_ipvs_rates_net_init() - Prepare, and begin for services that exist already
 * @in: the namespace
 *
 * Context: process.
 */
void lbdr_ipvs_rates_net_init(struct lbdr_ipvs_net *in)
{
	mutex_init(&in->totals);
	INIT_DELAYED_WORK(&in->rates, lbdr_ipvs_rates_work);
	in->cycle = jiffies;
	queue_delayed_work(lbdr_wq_of(lbdr_net(in->net)), &in->rates, LBDR_IPVS_CYCLE);
}

/**
 * lbdr_ipvs_rates_net_exit() - Stop the sampling in a namespace
 * @in: the namespace, where no service can be added any more, or after
 *	lbdr_ipvs_rates_exit()
 *
 * Context: process, may sleep.
 */
void lbdr_ipvs_rates_net_exit(struct lbdr_ipvs_net *in)
{
	cancel_delayed_work_sync(&in->rates);
}

/**
 * lbdr_ipvs_server_sums() - Get the counters and rates of a server
 * @server: the server
 * @sums: filled in
 *
 * Context: process, lbdr_net.lock held.
 */
void lbdr_ipvs_server_sums(const struct lbdr_server *server,
			   struct lbdr_ipvs_sums *sums)
{
	lbdr_server_counts(server, &sums->counts);
	sums->rates = server->rates.average;
}

/**
 * lbdr_ipvs_service_sums() - Get the counters and rates of a service
 * @service: the service
 * @sums: filled in
 *
 * Context: process, lbdr_net.lock held.
 */
void lbdr_ipvs_service_sums(const struct lbdr_service *service,
			    struct lbdr_ipvs_sums *sums)
{
	const struct lbdr_server *server;

	memset(sums, 0, sizeof(*sums));
	lbdr_service_counts(service, &sums->counts);
	list_for_each_entry(server, &service->servers, list)
		lbdr_counts_add(&sums->rates, &server->rates.average);
}

/* Adds the counters of a service's servers by CPU, since the servers were added. */
static void lbdr_ipvs_add_cpus(const struct lbdr_service *service,
			       struct lbdr_counts *cpus)
{
	const struct lbdr_server *server;
	struct lbdr_counts one;
	int cpu;

	list_for_each_entry(server, &service->servers, list)
		for_each_possible_cpu(cpu) {
			lbdr_stats_read(server->stats, cpu, &one);
			lbdr_counts_add(&cpus[cpu], &one);
		}
}

/* The state of the configuration that a sum is of */
struct lbdr_ipvs_basis {
	u64			n_changes;
	struct lbdr_counts	folded;
};

/* Begins a sum with what was removed. Returns false while a transaction is published. */
static bool lbdr_ipvs_sum_begin(struct lbdr_net *ln, struct lbdr_ipvs_basis *basis,
				struct lbdr_ipvs_sums *sums, struct lbdr_counts *cpus)
{
	bool stable;
	int cpu;

	memset(sums, 0, sizeof(*sums));
	lbdr_lock(ln);
	stable = !ln->publishing;
	basis->n_changes = ln->n_changes;
	basis->folded = ln->folded;
	sums->counts = ln->folded;
	if (cpus)
		for_each_possible_cpu(cpu)
			lbdr_stats_folded(ln, cpu, &cpus[cpu]);
	lbdr_unlock(ln);
	return stable;
}

/*
 * Setting counters of one service to 0 is no change of the configuration, but adds them to
 * lbdr_net.folded.
 */
static bool lbdr_ipvs_sum_valid(const struct lbdr_net *ln,
				const struct lbdr_ipvs_basis *basis)
{
	lockdep_assert_held(&ln->lock);

	return !ln->publishing && ln->n_changes == basis->n_changes &&
	       !memcmp(&ln->folded, &basis->folded, sizeof(basis->folded));
}

/*
 * Takes lbdr_net.lock for one service at a time. Returns false if the configuration has
 * changed meanwhile, which it does not while lbdr_net.config is held.
 */
static bool lbdr_ipvs_try_sum(struct lbdr_net *ln, struct lbdr_ipvs_sums *sums,
			      struct lbdr_counts *cpus)
{
	struct lbdr_service_walk walk = {};
	const struct lbdr_service *service;
	struct lbdr_ipvs_basis basis;
	struct lbdr_ipvs_sums one;
	bool valid;

	if (!lbdr_ipvs_sum_begin(ln, &basis, sums, cpus))
		return false;
	do {
		lbdr_lock(ln);
		valid = lbdr_ipvs_sum_valid(ln, &basis);
		service = valid ? lbdr_service_walk(ln, &walk) : NULL;
		if (service) {
			lbdr_ipvs_service_sums(service, &one);
			if (cpus)
				lbdr_ipvs_add_cpus(service, cpus);
			lbdr_counts_add(&sums->counts, &one.counts);
			lbdr_counts_add(&sums->rates, &one.rates);
			lbdr_service_walk_next(ln, &walk);
		}
		lbdr_unlock(ln);
		cond_resched();
	} while (service);
	return valid;
}

/**
 * lbdr_ipvs_total_sums() - Get the counters and rates of all services of a namespace
 * @ln: the namespace
 * @sums: filled in; removed services are included
 * @cpus: an element for each possible CPU, filled in with the counters of all servers that
 *	there were, never set to 0; or NULL
 *
 * Programs that watch counters take a smaller value for a restart. So the configuration must
 * not change meanwhile. If it does, the sum is begun again, and after some attempts
 * lbdr_net.config is taken. Any user may read these sums: not more than one reader waits
 * for lbdr_net.config, so commands do not wait for many.
 *
 * Context: process, may sleep; takes lbdr_net.lock, and may take lbdr_net.config.
 * Return: 0, or -EINTR if the task is being killed.
 */
int lbdr_ipvs_total_sums(struct lbdr_net *ln, struct lbdr_ipvs_sums *sums,
			 struct lbdr_counts *cpus)
{
	struct lbdr_ipvs_net *in = lbdr_ipvs_net(ln->net);
	int i, err = -EINTR;

	for (i = 0; i < LBDR_IPVS_ATTEMPTS; i++)
		if (lbdr_ipvs_try_sum(ln, sums, cpus))
			return 0;
	if (mutex_lock_killable(&in->totals))
		return -EINTR;
	if (!mutex_lock_killable(&ln->config)) {
		lbdr_ipvs_try_sum(ln, sums, cpus);
		mutex_unlock(&ln->config);
		err = 0;
	}
	mutex_unlock(&in->totals);
	return err;
}

/**
 * lbdr_ipvs_rate() - Get a rate as clients read it
 * @average: of struct lbdr_rates, or a sum of them
 *
 * Context: any.
 * Return: increments per second, rounded to the nearest.
 */
u64 lbdr_ipvs_rate(u64 average)
{
	return (average + LBDR_IPVS_SCALE / 2) / LBDR_IPVS_SCALE;
}

/* The ten values of a nest of counters, by attribute. 0: what servers send. */
static void lbdr_ipvs_values(const struct lbdr_ipvs_sums *sums,
			     u64 values[IPVS_STATS_ATTR_PAD])
{
	memset(values, 0, IPVS_STATS_ATTR_PAD * sizeof(*values));
	values[IPVS_STATS_ATTR_CONNS] = sums->counts.conns;
	values[IPVS_STATS_ATTR_INPKTS] = sums->counts.packets;
	values[IPVS_STATS_ATTR_INBYTES] = sums->counts.bytes;
	values[IPVS_STATS_ATTR_CPS] = lbdr_ipvs_rate(sums->rates.conns);
	values[IPVS_STATS_ATTR_INPPS] = lbdr_ipvs_rate(sums->rates.packets);
	values[IPVS_STATS_ATTR_INBPS] = lbdr_ipvs_rate(sums->rates.bytes);
}

/**
 * lbdr_ipvs_put_sums() - Put counters and rates in both forms
 * @msg: the message
 * @attr: the nest of the form with 32 bits, except for bytes
 * @attr64: the nest of the form with 64 bits
 * @sums: the counters and rates
 *
 * Context: any.
 * Return: 0 or -EMSGSIZE.
 */
int lbdr_ipvs_put_sums(struct sk_buff *msg, int attr, int attr64,
		       const struct lbdr_ipvs_sums *sums)
{
	u64 values[IPVS_STATS_ATTR_PAD];
	struct nlattr *nest;
	int i;

	lbdr_ipvs_values(sums, values);
	nest = nla_nest_start_noflag(msg, attr);
	if (!nest)
		return -EMSGSIZE;
	for (i = IPVS_STATS_ATTR_CONNS; i < IPVS_STATS_ATTR_PAD; i++)
		if (i == IPVS_STATS_ATTR_INBYTES || i == IPVS_STATS_ATTR_OUTBYTES ?
		    nla_put_u64_64bit(msg, i, values[i], IPVS_STATS_ATTR_PAD) :
		    nla_put_u32(msg, i, values[i]))
			return -EMSGSIZE;
	nla_nest_end(msg, nest);

	nest = nla_nest_start_noflag(msg, attr64);
	if (!nest)
		return -EMSGSIZE;
	for (i = IPVS_STATS_ATTR_CONNS; i < IPVS_STATS_ATTR_PAD; i++)
		if (nla_put_u64_64bit(msg, i, values[i], IPVS_STATS_ATTR_PAD))
			return -EMSGSIZE;
	nla_nest_end(msg, nest);
	return 0;
}
