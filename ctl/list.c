// SPDX-License-Identifier: GPL-2.0
/*
 * The listings of services and servers: ipvsadm's tables to the column, JSON,
 * and the saved form. Scripts cut these columns out, so the widths stay.
 */
#include <stdio.h>
#include <string.h>

#include "lbctl.h"

/* ipvsadm cuts IPv4 names at the end of their column, IPv6 ones it does not. */
#define SERVICE_COLUMN 33
#define SERVER_COLUMN 28

/* A director that routes directly never sees an answer. */
#define NONE_OUT 0

static const char *forward_name(__u8 forward)
{
	return forward == LBDR_FORWARD_LOCAL ? "Local" : "Route";
}

static const char *forward_word(__u8 forward)
{
	return forward == LBDR_FORWARD_LOCAL ? "local" : "dr";
}

static void print_title(const struct request *req)
{
	if (req->thresholds)
		printf("%-33s %-10s %-10s %-10s %-10s\n"
		       "  -> RemoteAddress:Port\n",
		       "Prot LocalAddress:Port", "Uthreshold", "Lthreshold",
		       "ActiveConn", "InActConn");
	else if (req->stats)
		printf("%-33s %8s %8s %8s %8s %8s\n"
		       "  -> RemoteAddress:Port\n",
		       "Prot LocalAddress:Port", "Conns", "InPkts", "OutPkts",
		       "InBytes", "OutBytes");
	else
		printf("Prot LocalAddress:Port Scheduler Flags\n"
		       "  -> RemoteAddress:Port           Forward Weight ActiveConn InActConn\n");
}

static void print_counters(const struct counters *stats, bool exact)
{
	const __u64 columns[] = {
		stats->conns, stats->in_packets, NONE_OUT,
		stats->in_bytes, NONE_OUT,
	};
	char text[NUMBER_TEXT];
	size_t i;

	for (i = 0; i < ARRAY_SIZE(columns); i++)
		fputs(number_text(columns[i], exact, text), stdout);
	putchar('\n');
}

/* The flags as ipvsadm has them; the rest is lbctl's own, and not usual. */
static void print_settings(const struct service *service,
			   const struct request *req)
{
	char text[FLAGS_TEXT];

	if (*sched_flags_text(service, text))
		printf(" (%s)", text);
	if (!req->ipvsadm && service->mh_size &&
	    service->mh_size != MH_SIZE_DEFAULT)
		printf(" mh-size %u", service->mh_size);
	if (!req->ipvsadm && service->refuse != LBDR_REFUSE_ICMP)
		printf(" refuse %s", refuse_word(service->refuse));
}

static void print_service(const struct service *service,
			  const struct request *req)
{
	const struct service_key *key = &service->key;
	char column[ENDPOINT_TEXT + 8];
	char text[ENDPOINT_TEXT];

	endpoint_text(&key->at, key->protocol, req->numeric, text);
	snprintf(column, sizeof(column), "%-4s %s",
		 protocol_name(key->protocol), text);
	if (key->at.family == AF_INET)
		column[SERVICE_COLUMN] = '\0';
	if (req->stats) {
		printf("%-*s", SERVICE_COLUMN, column);
		print_counters(&service->stats, req->exact);
	} else {
		printf("%s %s", column, service->scheduler);
		print_settings(service, req);
		putchar('\n');
	}
}

static void print_server(const struct server *server, const struct request *req)
{
	const struct endpoint *at = &server->at;
	char text[ENDPOINT_TEXT];

	endpoint_text(at, server->service.protocol, req->numeric, text);
	if (at->family == AF_INET)
		text[SERVER_COLUMN] = '\0';
	printf("  -> %-*s", SERVER_COLUMN, text);
	if (req->stats)
		print_counters(&server->stats, req->exact);
	else if (req->thresholds)
		printf(" %-10u %-10u %-10u %-10u\n", server->upper,
		       server->lower, server->active, server->inactive);
	else
		printf(" %-7s %-6u %-10u %-10u\n",
		       forward_name(server->forward), server->weight,
		       server->active, server->inactive);
}

static void print_text(const struct snapshot *shot, const struct request *req)
{
	const struct server *servers;
	size_t count;
	size_t i, j;

	print_title(req);
	for (i = 0; i < shot->nr_services; i++) {
		print_service(&shot->services[i], req);
		servers = snapshot_servers(shot, &shot->services[i], &count);
		for (j = 0; j < count; j++)
			print_server(&servers[j], req);
	}
}

static json_t *counters_json(const struct counters *stats)
{
	return json_pack("{s:I, s:I, s:I}",
			 "connections", (json_int_t)stats->conns,
			 "in_packets", (json_int_t)stats->in_packets,
			 "in_bytes", (json_int_t)stats->in_bytes);
}

static json_t *server_json(const struct server *server)
{
	char text[ENDPOINT_TEXT];

	return json_pack("{s:s, s:i, s:s, s:I, s:I, s:I, s:I, s:I, s:b, s:o, s:o}",
			 "address", address_text(&server->at, text),
			 "port", server->at.port,
			 "forward", forward_word(server->forward),
			 "weight", (json_int_t)server->weight,
			 "upper_threshold", (json_int_t)server->upper,
			 "lower_threshold", (json_int_t)server->lower,
			 "active_connections", (json_int_t)server->active,
			 "inactive_connections", (json_int_t)server->inactive,
			 "overloaded", server->overloaded,
			 "ifindex", server->ifindex ?
					json_integer(server->ifindex) :
					json_null(),
			 "stats", counters_json(&server->stats));
}

static json_t *flags_json(const struct service *service)
{
	json_t *array = json_array();
	char text[FLAGS_TEXT];
	size_t bit;

	for (bit = 0; sched_flag_words[bit]; bit++) {
		sched_flag_text(service->scheduler, bit, text);
		if (service->sched_flags & (1U << bit))
			json_array_append_new(array, json_string(text));
	}
	return array;
}

static json_t *service_json(const struct snapshot *shot,
			    const struct service *service)
{
	const struct service_key *key = &service->key;
	const struct server *servers;
	json_t *array = json_array();
	char text[ENDPOINT_TEXT];
	size_t count;
	size_t i;

	servers = snapshot_servers(shot, service, &count);
	for (i = 0; i < count; i++)
		json_array_append_new(array, server_json(&servers[i]));
	return json_pack("{s:s, s:s, s:i, s:s, s:o, s:o, s:s, s:o, s:o}",
			 "protocol", protocol_word(key->protocol),
			 "address", address_text(&key->at, text),
			 "port", key->at.port,
			 "scheduler", service->scheduler,
			 "sched_flags", flags_json(service),
			 "mh_size", service->mh_size ?
					json_integer(service->mh_size) :
					json_null(),
			 "refuse", refuse_word(service->refuse),
			 "stats", counters_json(&service->stats),
			 "servers", array);
}

static void print_json(const struct snapshot *shot, bool pretty)
{
	struct json_list list;
	size_t i;

	json_list_begin(&list, pretty);
	for (i = 0; i < shot->nr_services; i++)
		json_list_add(&list, service_json(shot, &shot->services[i]));
	json_list_end(&list);
}

static int services_list(struct nl *nl, const struct request *req)
{
	struct snapshot shot;
	int status;

	status = snapshot_take(nl, req, !req->nosort, &shot);
	/* ipvsadm begins with it only when it lists all. */
	if (!status && !req->json && !(req->ipvsadm && req->has_service))
		status = info_headline(nl, req);
	if (!status && req->json)
		print_json(&shot, req->pretty);
	else if (!status)
		print_text(&shot, req);
	snapshot_drop(&shot);
	return status;
}

int list_run(struct nl *nl, const struct request *req)
{
	if (req->drops)
		return drops_list(nl, req);
	if (req->connections)
		return conns_list(nl, req);
	return services_list(nl, req);
}

/* The options that restore a service, those alone that are not usual. */
static void save_settings(const struct service *service, bool ipvsadm)
{
	char text[FLAGS_TEXT];

	printf(" -s %s", service->scheduler);
	if (*sched_flags_text(service, text))
		printf(" -b %s", text);
	/* Which ipvsadm would not read again. */
	if (!ipvsadm && service->mh_size && service->mh_size != MH_SIZE_DEFAULT)
		printf(" --mh-size %u", service->mh_size);
	if (!ipvsadm && service->refuse != LBDR_REFUSE_ICMP)
		printf(" --refuse %s", refuse_word(service->refuse));
	putchar('\n');
}

static void save_shares(const struct server *server)
{
	printf(" -g -w %u", server->weight);
	if (server->upper)
		printf(" -x %u", server->upper);
	if (server->lower)
		printf(" -y %u", server->lower);
	putchar('\n');
}

/*
 * In the order of adding: the first server is some schedulers' first choice,
 * and a restored director is to choose as the saved one did. Numeric, for a
 * name may mean another address tomorrow. Under the name ipvsadm in both as
 * ipvsadm does.
 */
int save_run(struct nl *nl, const struct request *req)
{
	bool numeric = req->numeric || !req->ipvsadm;
	const struct service_key *key;
	const struct server *servers;
	struct snapshot shot;
	char service[ENDPOINT_TEXT];
	char server[ENDPOINT_TEXT];
	size_t count;
	int status;
	size_t i, j;
	char letter;

	status = snapshot_take(nl, req, req->ipvsadm, &shot);
	for (i = 0; !status && i < shot.nr_services; i++) {
		key = &shot.services[i].key;
		letter = key->protocol == IPPROTO_TCP ? 't' : 'u';
		endpoint_text(&key->at, key->protocol, numeric, service);
		printf("-A -%c %s", letter, service);
		save_settings(&shot.services[i], req->ipvsadm);
		servers = snapshot_servers(&shot, &shot.services[i], &count);
		for (j = 0; j < count; j++) {
			printf("-a -%c %s -r %s", letter, service,
			       endpoint_text(&servers[j].at, key->protocol,
					     numeric, server));
			save_shares(&servers[j]);
		}
	}
	snapshot_drop(&shot);
	return status;
}
