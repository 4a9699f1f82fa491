// SPDX-License-Identifier: GPL-2.0
/*
 * Counters and states for Prometheus: a table of metrics, of the director, of
 * each service and of each server, those of synchronisation, and two ways to write
 * them. OpenMetrics
 * names a counter without _total in the lines about it, tells units and ends
 * by # EOF; the text before it, which node_exporter's textfile collector reads,
 * names it as its samples are named and knows neither of the two.
 */
#include <stdio.h>
#include <stdlib.h>

#include "lbctl.h"

enum kind {
	GAUGE,			/* of 32 bits */
	FLAG,			/* a gauge that is 0 or 1, of a bool */
	COUNTER,		/* of 64 bits */
};

struct metric {
	const char *name;
	const char *unit;	/* that the name ends in, or NULL */
	enum kind kind;
	size_t offset;		/* of a number in the object */
	const char *help;
};

static const struct metric director_metrics[] = {
	{ "lbdr_services", NULL, GAUGE, offsetof(struct info, services),
	  "Number of services." },
	{ "lbdr_connections", NULL, GAUGE, offsetof(struct info, conns),
	  "Entries of the connection table." },
	{ "lbdr_connections_limit", NULL, GAUGE, offsetof(struct info, conn_max),
	  "Maximum number of connections." },
	{ "lbdr_slow_packets", NULL, COUNTER, offsetof(struct info, slow_packets),
	  "Packets of connections that did not take the fast path." },
};

static const struct metric service_metrics[] = {
	{ "lbdr_service_servers", NULL, GAUGE, offsetof(struct service, servers),
	  "Number of servers of the service." },
	{ "lbdr_service_connections", NULL, COUNTER,
	  offsetof(struct service, stats.conns),
	  "New connections of the service." },
	{ "lbdr_service_in_packets", NULL, COUNTER,
	  offsetof(struct service, stats.in_packets),
	  "Packets forwarded for the service." },
	{ "lbdr_service_in_bytes", "bytes", COUNTER,
	  offsetof(struct service, stats.in_bytes),
	  "Bytes forwarded for the service." },
};

static const struct metric server_metrics[] = {
	{ "lbdr_server_weight", NULL, GAUGE, offsetof(struct server, weight),
	  "Weight: share of new connections, 0 for none." },
	{ "lbdr_server_upper_threshold", NULL, GAUGE, offsetof(struct server, upper),
	  "Upper threshold: no new connections at this number, 0 for no limit." },
	{ "lbdr_server_lower_threshold", NULL, GAUGE, offsetof(struct server, lower),
	  "Lower threshold: new connections again below it, 0 for 3/4 of the upper one." },
	{ "lbdr_server_active_connections", NULL, GAUGE, offsetof(struct server, active),
	  "Active connections: TCP and SCTP, not closing." },
	{ "lbdr_server_inactive_connections", NULL, GAUGE,
	  offsetof(struct server, inactive),
	  "Inactive connections: all others." },
	{ "lbdr_server_persistent_clients", NULL, GAUGE,
	  offsetof(struct server, persistent),
	  "Persistence templates of the server." },
	{ "lbdr_server_overloaded", NULL, FLAG, offsetof(struct server, overloaded),
	  "1 while the server is overloaded by its thresholds." },
	{ "lbdr_server_unreachable", NULL, FLAG, offsetof(struct server, unreachable),
	  "1 while its neighbour cannot be resolved, with --skip-unreachable." },
	{ "lbdr_server_draining", NULL, FLAG, offsetof(struct server, draining),
	  "1 while the server is draining." },
	{ "lbdr_server_connections", NULL, COUNTER, offsetof(struct server, stats.conns),
	  "New connections of the server." },
	{ "lbdr_server_in_packets", NULL, COUNTER,
	  offsetof(struct server, stats.in_packets),
	  "Packets forwarded to the server." },
	{ "lbdr_server_in_bytes", "bytes", COUNTER,
	  offsetof(struct server, stats.in_bytes),
	  "Bytes forwarded to the server." },
};

static const struct metric build_info = {
	.name = "lbdr_build_info",
	.help = "1, with the versions of the module and of this tool.",
};

static const struct metric entry_state = {
	.name = "lbdr_entry",
	.help = "1 for the entry: the hook that takes packets.",
};

static const struct metric timeout_seconds = {
	.name = "lbdr_timeout_seconds", .unit = "seconds",
	.help = "Timeout of idle connections in this state.",
};

static const struct metric drops_total = {
	.name = "lbdr_drops", .kind = COUNTER,
	.help = "Packets that were not forwarded, by reason as in list --drops.",
};

static const struct metric service_drops = {
	.name = "lbdr_service_drops", .kind = COUNTER,
	.help = "Packets of the service that were not forwarded, by reason.",
};

static const struct metric service_info = {
	.name = "lbdr_service_info",
	.help = "1, with the scheduler of the service.",
};

static const struct metric server_info = {
	.name = "lbdr_server_info",
	.help = "1, with the forwarding method and the tunnel of the server.",
};

static const struct metric server_reachable = {
	.name = "lbdr_server_reachable",
	.help = "1 if the server is on-link, or there is a route to it for a tunnel.",
};

static const struct metric sync_running = {
	.name = "lbdr_sync_running",
	.help = "1 while this role of synchronisation runs.",
};

static const struct metric sync_pending = {
	.name = "lbdr_sync_pending",
	.help = "Records of synchronisation that wait for their server.",
};

static const struct metric sync_synced = {
	.name = "lbdr_sync_synced",
	.help = "1 if the connections of all peers that answer are known.",
};

static const struct metric sync_peer_state = {
	.name = "lbdr_sync_peer_state",
	.help = "1, with the state of the peer.",
};

static const struct metric sync_peer_differs = {
	.name = "lbdr_sync_peer_differs",
	.help = "1 if the peer has other services or servers.",
};

static __u64 number_of(const void *object, const struct metric *metric)
{
	const char *at = (const char *)object + metric->offset;

	switch (metric->kind) {
	case FLAG:
		return *(const bool *)at;
	case GAUGE:
		return *(const __u32 *)at;
	case COUNTER:
		break;
	}
	return *(const __u64 *)at;
}

/* What goes before a metric's samples, which all stand together. */
static void print_head(const struct metric *metric, bool textfile)
{
	const char *suffix = textfile && metric->kind == COUNTER ? "_total" : "";

	printf("# HELP %s%s %s\n", metric->name, suffix, metric->help);
	printf("# TYPE %s%s %s\n", metric->name, suffix,
	       metric->kind == COUNTER ? "counter" : "gauge");
	if (metric->unit && !textfile)
		printf("# UNIT %s %s\n", metric->name, metric->unit);
}

/* A label's value, escaped, for a module's version may be anything. */
static void print_label(const char *before, const char *name,
			const char *value)
{
	printf("%s%s=\"", before, name);
	for (; *value; value++) {
		if (*value == '\n')
			fputs("\\n", stdout);
		else if (*value == '"' || *value == '\\')
			printf("\\%c", *value);
		else
			putchar(*value);
	}
	putchar('"');
}

static void print_value(__u64 value)
{
	printf("} %llu\n", value);
}

static void print_name(const struct metric *metric)
{
	printf("%s%s", metric->name, metric->kind == COUNTER ? "_total" : "");
}

/* The labels of a service; a mark stands for protocol, address and port. */
static void print_key(const struct service_key *key)
{
	char text[ENDPOINT_TEXT];

	if (key->fwmark)
		snprintf(text, sizeof(text), "fwmark %u", key->fwmark);
	else
		endpoint_text(&key->at, key->protocol, true, text);
	print_label("{", "service", text);
	print_label(",", "protocol", protocol_of(key->protocol)->word ?: "any");
	print_label(",", "family",
		    key->at.family == AF_INET ? "ipv4" : "ipv6");
	if (*key->vrf)
		print_label(",", "vrf", key->vrf);
}

static void print_server(const struct server *server)
{
	char text[ENDPOINT_TEXT];

	print_key(&server->service);
	print_label(",", "server",
		    endpoint_text(&server->at, server->service.protocol, true,
				  text));
}

/* One sample whose labels are not those of an object. */
static void print_state(const struct metric *metric, const char *label,
			const char *word, __u64 value)
{
	print_name(metric);
	print_label("{", label, word);
	print_value(value);
}

static void print_director(const struct info *info, const struct drop *drops,
			   size_t nr_drops, bool textfile)
{
	const struct metric *metric;
	size_t i;

	print_head(&build_info, textfile);
	print_name(&build_info);
	print_label("{", "version", info->version);
	print_label(",", "lbctl_version", LBDR_VERSION);
	print_value(1);
	for (metric = director_metrics;
	     metric < director_metrics + ARRAY_SIZE(director_metrics);
	     metric++) {
		print_head(metric, textfile);
		print_name(metric);
		printf(" %llu\n", number_of(info, metric));
	}
	print_head(&entry_state, textfile);
	for (i = LBDR_ENTRY_PREROUTING; i <= ENTRY_XDP; i++)
		print_state(&entry_state, "entry", choice_word(&entry_choice, i),
			    i == info->entry);
	print_head(&timeout_seconds, textfile);
	for (i = 1; i <= LBDR_A_TIMEOUT_MAX; i++)
		print_state(&timeout_seconds, "state", state_word(i),
			    info->timeouts.seconds[i]);
	print_head(&drops_total, textfile);
	for (i = 0; i < nr_drops; i++)
		print_state(&drops_total, "reason", drops[i].reason,
			    drops[i].packets);
}

static void print_services(const struct snapshot *shot, bool textfile)
{
	const struct service *service, *end = shot->services +
					      shot->nr_services;
	const struct metric *metric;
	size_t i;

	print_head(&service_info, textfile);
	for (service = shot->services; service < end; service++) {
		print_name(&service_info);
		print_key(&service->key);
		print_label(",", "scheduler", service->scheduler);
		print_value(1);
	}
	for (metric = service_metrics;
	     metric < service_metrics + ARRAY_SIZE(service_metrics);
	     metric++) {
		print_head(metric, textfile);
		for (service = shot->services; service < end; service++) {
			print_name(metric);
			print_key(&service->key);
			print_value(number_of(service, metric));
		}
	}
	print_head(&service_drops, textfile);
	for (service = shot->services; service < end; service++) {
		for (i = 0; i < service->nr_drops; i++) {
			print_name(&service_drops);
			print_key(&service->key);
			print_label(",", "reason", service->drops[i].reason);
			print_value(service->drops[i].packets);
		}
	}
}

static void print_servers(const struct snapshot *shot, bool textfile)
{
	const struct server *server, *end = shot->servers + shot->nr_servers;
	const struct metric *metric;
	char text[TUNNEL_TEXT];

	print_head(&server_info, textfile);
	for (server = shot->servers; server < end; server++) {
		print_name(&server_info);
		print_server(server);
		print_label(",", "forward", choice_word(&forward_choice, server->forward));
		print_label(",", "tunnel", tunnel_text(&server->tunnel, text));
		print_value(1);
	}
	print_head(&server_reachable, textfile);
	for (server = shot->servers; server < end; server++) {
		print_name(&server_reachable);
		print_server(server);
		print_value(!!server->ifindex);
	}
	for (metric = server_metrics;
	     metric < server_metrics + ARRAY_SIZE(server_metrics); metric++) {
		print_head(metric, textfile);
		for (server = shot->servers; server < end; server++) {
			print_name(metric);
			print_server(server);
			print_value(number_of(server, metric));
		}
	}
}

static void print_peer(const struct metric *metric, const struct sync *sync, size_t i)
{
	char text[ENDPOINT_TEXT];

	print_name(metric);
	print_label("{", "peer", address_text(&sync->addresses[i], text));
}

/* The role peers, while it runs. */
static void print_peers(const struct sync *sync, bool textfile)
{
	struct metric counter = { .kind = COUNTER };
	char name[64], help[96];
	size_t i, n;

	print_head(&sync_synced, textfile);
	printf("%s %u\n", sync_synced.name, sync->synced);
	print_head(&sync_peer_state, textfile);
	for (i = 0; i < sync->n_addresses; i++) {
		print_peer(&sync_peer_state, sync, i);
		print_label(",", "state",
			    choice_word(&sync_peer_choice, sync->peers[i].state));
		print_value(1);
	}
	print_head(&sync_peer_differs, textfile);
	for (i = 0; i < sync->n_addresses; i++) {
		if (sync->peers[i].state == LBDR_SYNC_PEER_STATE_SILENT)
			continue;
		print_peer(&sync_peer_differs, sync, i);
		print_value(sync->peers[i].differs);
	}
	counter.name = name;
	counter.help = help;
	for (n = 0; n < SYNC_PEER_COUNTERS; n++) {
		snprintf(name, sizeof(name), "lbdr_sync_peer_%s", sync_peer_counters[n].name);
		snprintf(help, sizeof(help), "Synchronisation with a peer: %s.",
			 sync_peer_counters[n].summary);
		print_head(&counter, textfile);
		for (i = 0; i < sync->n_addresses; i++) {
			print_peer(&counter, sync, i);
			print_value(sync->peers[i].counters[n]);
		}
	}
}

/* The counters have the names and summaries that lbctl sync shows. */
static void print_sync(const struct sync_roles *sync, bool textfile)
{
	struct metric counter = { .kind = COUNTER };
	char name[64], help[96];
	size_t i;

	if (!sync->count)
		return;
	print_head(&sync_running, textfile);
	for (i = 0; i < sync->count; i++)
		print_state(&sync_running, "role",
			    choice_word(&sync_choice, sync->role[i].role),
			    sync->role[i].enabled);
	print_head(&sync_pending, textfile);
	printf("%s %u\n", sync_pending.name, sync->role[0].pending);
	counter.name = name;
	counter.help = help;
	for (i = 0; i < SYNC_COUNTERS; i++) {
		snprintf(name, sizeof(name), "lbdr_sync_%s", sync_counters[i].name);
		snprintf(help, sizeof(help), "Synchronisation: %s.",
			 sync_counters[i].summary);
		print_head(&counter, textfile);
		print_name(&counter);
		printf(" %llu\n", (unsigned long long)sync->role[0].counters[i]);
	}
	for (i = 0; i < sync->count; i++)
		if (sync->role[i].role == LBDR_SYNC_ROLE_PEERS && sync->role[i].enabled)
			print_peers(&sync->role[i], textfile);
}

/**
 * metrics_print() - print all metrics
 * @info: the director
 * @drops: why packets were not forwarded
 * @nr_drops: how many reasons there are
 * @shot: services and servers
 * @sync: synchronisation
 * @textfile: in the text that is older than OpenMetrics
 */
void metrics_print(const struct info *info, const struct drop *drops,
		   size_t nr_drops, const struct snapshot *shot,
		   const struct sync_roles *sync, bool textfile)
{
	print_director(info, drops, nr_drops, textfile);
	print_services(shot, textfile);
	print_servers(shot, textfile);
	print_sync(sync, textfile);
	if (!textfile)
		puts("# EOF");
}

struct gathering {
	const struct request *req;
	struct snapshot shot;
	struct sync_roles sync;
	struct drop *drops;
	size_t nr_drops;
	size_t room;
};

static void add_drop(const struct drop *drop, void *data)
{
	struct gathering *gathering = data;

	gathering->drops = grow(gathering->drops, &gathering->room,
				gathering->nr_drops, sizeof(*drop));
	gathering->drops[gathering->nr_drops++] = *drop;
}

/* Here, since the message goes, and the strings with it. */
static bool print_all(const struct nlmsghdr *nlh, void *data)
{
	struct gathering *gathering = data;
	struct info info;

	if (!director_decode(nlh, &info, add_drop, gathering))
		return false;
	metrics_print(&info, gathering->drops, gathering->nr_drops,
		      &gathering->shot, &gathering->sync,
		      gathering->req->list.textfile);
	return true;
}

int metrics_run(struct nl *nl, const struct request *req)
{
	struct gathering gathering = { .req = req };
	int status;

	status = snapshot_take(nl, req, true, &gathering.shot);
	if (!status)
		status = sync_fetch(nl, &gathering.sync);
	if (!status)
		status = director_run(nl, print_all, &gathering);
	free(gathering.drops);
	snapshot_drop(&gathering.shot);
	return status;
}
