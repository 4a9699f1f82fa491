// SPDX-License-Identifier: GPL-2.0
/*
 * The listings of services and servers: ipvsadm's tables, and JSON. Scripts parse the
 * tables by column, so widths are stable.
 */
#include <stdio.h>
#include <string.h>

#include "lbctl.h"

/* ipvsadm truncates IPv4 names to the width of the column, but not IPv6 names. */
#define SERVICE_COLUMN 33
#define SERVER_COLUMN 28

/* The director never sees replies. */
#define NONE_OUT 0

static const char *forward_name(__u8 forward)
{
	switch (forward) {
	case LBDR_FORWARD_LOCAL:
		return "Local";
	case LBDR_FORWARD_TUNNEL:
		return "Tunnel";
	default:
		return "Route";
	}
}

static bool service_masked(const struct service *service)
{
	return service->prefix != family_bits(service->key.at.family);
}

static void print_title(const struct request *req)
{
	if (req->list.stats)
		printf("%-33s %8s %8s %8s %8s %8s\n"
		       "  -> RemoteAddress:Port\n",
		       "Prot LocalAddress:Port", "Conns", "InPkts", "OutPkts",
		       "InBytes", "OutBytes");
	else if (req->list.thresholds)
		printf("%-33s %-10s %-10s %-10s %-10s\n"
		       "  -> RemoteAddress:Port\n",
		       "Prot LocalAddress:Port", "Uthreshold", "Lthreshold",
		       "ActiveConn", "InActConn");
	else if (req->list.persistent)
		printf("%-33s %-9s %-11s %-10s %-10s\n"
		       "  -> RemoteAddress:Port\n",
		       "Prot LocalAddress:Port", "Weight", "PersistConn",
		       "ActiveConn", "InActConn");
	else
		printf("Prot LocalAddress:Port Scheduler Flags\n"
		       "  -> RemoteAddress:Port           Forward %sWeight ActiveConn InActConn\n",
		       req->list.tun_info ? "TunnelInfo    " : "");
}

/* The rest of a line. */
void counters_print(const __u64 *columns, size_t count, bool exact)
{
	char text[NUMBER_TEXT];
	size_t i;

	for (i = 0; i < count; i++)
		fputs(number_text(columns[i], exact, text), stdout);
	putchar('\n');
}

static void print_counters(const struct counters *stats, bool exact)
{
	const __u64 columns[] = {
		stats->conns, stats->in_packets, NONE_OUT,
		stats->in_bytes, NONE_OUT,
	};

	counters_print(columns, ARRAY_SIZE(columns), exact);
}

/* In ipvsadm's format. */
static void print_settings(const struct service *service)
{
	int family = service->key.at.family;
	char flags[FLAGS_TEXT];
	char mask[MASK_TEXT];

	if (*sched_flags_text(service, flags))
		printf(" (%s)", flags);
	if (service->persist)
		printf(" persistent %u", service->persist);
	if (service->persist && service_masked(service))
		printf(" mask %s", mask_text(family, service->prefix, mask));
	if (service->flags & LBDR_SERVICE_FLAG_ONE_PACKET)
		printf(" ops");
}

/* Settings that ipvsadm lacks, if they differ from the defaults. */
static void print_own_settings(const struct service *service)
{
	char text[TIMEOUTS_TEXT];

	if (service->mh_size && service->mh_size != MH_SIZE_DEFAULT)
		printf(" mh-size %u", service->mh_size);
	if (service->refuse != LBDR_REFUSE_ICMP)
		printf(" refuse %s", choice_word(&refuse_choice, service->refuse));
	if (service->stray != LBDR_STRAY_PASS)
		printf(" stray %s", choice_word(&stray_choice, service->stray));
	if (service->flags & LBDR_SERVICE_FLAG_EXPIRE_QUIESCENT)
		printf(" expire-quiescent");
	if (service->flags & LBDR_SERVICE_FLAG_ACCEPT_TUNNELED)
		printf(" accept-tunneled");
	if (service->flags & LBDR_SERVICE_FLAG_SKIP_UNREACHABLE)
		printf(" skip-unreachable");
	if (*timeouts_text(&service->timeouts, text))
		printf(" timeouts %s", text);
}

/* The first column, to which IPv4 services are truncated. */
void service_column(const struct service_key *key, bool numeric, char *column,
		    size_t size)
{
	char text[ENDPOINT_TEXT];
	size_t used;

	if (key->fwmark) {
		snprintf(column, size, "FWM  %u%s", key->fwmark,
			 key->at.family == AF_INET6 ? " IPv6" : "");
	} else {
		endpoint_text(&key->at, key->protocol, numeric, text);
		snprintf(column, size, "%-4s %s", protocol_of(key->protocol)->name,
			 text);
		if (key->at.family == AF_INET)
			column[SERVICE_COLUMN] = '\0';
	}
	used = strlen(column);
	if (*key->vrf)
		snprintf(column + used, size - used, " vrf %s", key->vrf);
}

void service_print(const struct service *service, const struct request *req)
{
	char column[SERVICE_TEXT];

	service_column(&service->key, req->numeric, column, sizeof(column));
	if (req->list.stats) {
		printf("%-*s", SERVICE_COLUMN, column);
		print_counters(&service->stats, req->list.exact);
	} else {
		printf("%s %s", column, service->scheduler);
		print_settings(service);
		if (!req->ipvsadm)
			print_own_settings(service);
		if (service->hold)
			printf(" held %u", service->hold);
		putchar('\n');
	}
}

/* The same of a server, whose text has room for ENDPOINT_TEXT. */
void server_column(const struct server *server, bool numeric, char *column)
{
	endpoint_text(&server->at, server->service.protocol, numeric, column);
	if (server->at.family == AF_INET)
		column[SERVER_COLUMN] = '\0';
}

static void print_server(const struct server *server, const struct request *req)
{
	char text[ENDPOINT_TEXT];
	char tunnel[TUNNEL_TEXT];

	server_column(server, req->numeric, text);
	printf("  -> %-*s", SERVER_COLUMN, text);
	if (req->list.stats) {
		print_counters(&server->stats, req->list.exact);
		return;
	}
	if (req->list.thresholds)
		printf(" %-10u %-10u", server->upper, server->lower);
	else if (req->list.persistent)
		printf(" %-9u %-11u", server->weight, server->persistent);
	else if (req->list.tun_info)
		printf(" %-7s %-13s %-6u", forward_name(server->forward),
		       tunnel_column(&server->tunnel, tunnel), server->weight);
	else
		printf(" %-7s %-6u", forward_name(server->forward),
		       server->weight);
	printf(" %-10u %-10u%s", server->active, server->inactive,
	       server->draining && !req->ipvsadm ? " draining" : "");
	if (server->hold)
		printf(" held %u", server->hold);
	putchar('\n');
}

static void print_table(const struct snapshot *shot, const struct request *req)
{
	const struct server *servers;
	size_t count;
	size_t i, j;

	print_title(req);
	for (i = 0; i < shot->nr_services; i++) {
		service_print(&shot->services[i], req);
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

json_t *server_json(const struct server *server)
{
	char text[ENDPOINT_TEXT];

	json_t *object, *rest;

	object = json_pack("{s:s, s:i, s:o, s:s, s:o}",
			   "address", address_text(&server->at, text),
			   "port", server->at.port,
			   "last_port", number_json(server->at.last_port,
						    server->at.last_port),
			   "forward", choice_word(&forward_choice, server->forward),
			   "tunnel", tunnel_json(&server->tunnel));
	settings_members(object, server);
	rest = json_pack("{s:I, s:I, s:I, s:b, s:b, s:b, s:o, s:o, s:o}",
			 "active_connections", (json_int_t)server->active,
			 "inactive_connections", (json_int_t)server->inactive,
			 "persistent_connections",
			 (json_int_t)server->persistent,
			 "overloaded", server->overloaded,
			 "unreachable", server->unreachable,
			 "draining", server->draining,
			 "held_s", number_json(server->hold, server->hold),
			 "ifindex", number_json(server->ifindex, server->ifindex),
			 "stats", counters_json(&server->stats));
	json_object_update(object, rest);
	json_decref(rest);
	return object;
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

/* The key of a service. */
json_t *key_json(const struct service_key *key)
{
	bool marked = key->fwmark;
	char text[ENDPOINT_TEXT];

	return json_pack("{s:s, s:o, s:s?, s:s?, s:o, s:o, s:s?}",
			 "family", key->at.family == AF_INET ? "ipv4" : "ipv6",
			 "fwmark", number_json(key->fwmark, marked),
			 "protocol", protocol_of(key->protocol)->word,
			 "address", marked ? NULL :
					     address_text(&key->at, text),
			 "port", number_json(key->at.port, !marked),
			 "last_port", number_json(key->at.last_port,
						  key->at.last_port),
			 "vrf", *key->vrf ? key->vrf : NULL);
}

json_t *settings_json(const struct service *service)
{
	return json_pack("{s:s, s:o, s:o, s:s, s:s, s:b, s:I, s:i, s:b, s:b, s:b, s:o, s:o}",
			 "scheduler", service->scheduler,
			 "sched_flags", flags_json(service),
			 "mh_size", number_json(service->mh_size, service->mh_size),
			 "refuse", choice_word(&refuse_choice, service->refuse),
			 "stray", choice_word(&stray_choice, service->stray),
			 "one_packet", !!(service->flags &
					  LBDR_SERVICE_FLAG_ONE_PACKET),
			 "persistent_s", (json_int_t)service->persist,
			 "persistent_prefix", service->prefix,
			 "expire_quiescent",
			 !!(service->flags &
			    LBDR_SERVICE_FLAG_EXPIRE_QUIESCENT),
			 "accept_tunneled",
			 !!(service->flags &
			    LBDR_SERVICE_FLAG_ACCEPT_TUNNELED),
			 "skip_unreachable",
			 !!(service->flags &
			    LBDR_SERVICE_FLAG_SKIP_UNREACHABLE),
			 "timeouts_s", timeouts_json(&service->timeouts),
			 "held_s", number_json(service->hold, service->hold));
}

static json_t *drops_json(const struct service *service)
{
	json_t *array = json_array();
	size_t i;

	for (i = 0; i < service->nr_drops; i++)
		json_array_append_new(array,
				      json_pack("{s:s, s:I}",
						"reason", service->drops[i].reason,
						"packets",
						(json_int_t)service->drops[i].packets));
	return array;
}

/* As text: the numbers of JSON are doubles to many programs. */
static json_t *digest_json(const struct service *service)
{
	char text[sizeof("0123456789abcdef")];

	snprintf(text, sizeof(text), "%016llx", (unsigned long long)service->digest);
	return service->digest ? json_string(text) : json_null();
}

static json_t *service_json(const struct snapshot *shot,
			    const struct service *service)
{
	json_t *object = key_json(&service->key);
	json_t *settings = settings_json(service);
	json_t *array = json_array();
	const struct server *servers;
	size_t count;
	size_t i;

	servers = snapshot_servers(shot, service, &count);
	for (i = 0; i < count; i++)
		json_array_append_new(array, server_json(&servers[i]));
	json_object_update(object, settings);
	json_decref(settings);
	json_object_set_new(object, "table_digest", digest_json(service));
	json_object_set_new(object, "stats", counters_json(&service->stats));
	json_object_set_new(object, "drops", drops_json(service));
	json_object_set_new(object, "servers", array);
	return object;
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

/* Prints a snapshot, without the headline. */
void list_print(const struct snapshot *shot, const struct request *req)
{
	if (req->json)
		print_json(shot, req->pretty);
	else
		print_table(shot, req);
}

static int services_list(struct nl *nl, const struct request *req)
{
	struct snapshot shot;
	int status;

	status = snapshot_show(nl, req, !req->list.nosort, &shot);
	/* ipvsadm prints it only if it lists all. */
	if (!status && !req->json && !(req->ipvsadm && req->has_service))
		status = info_headline(nl, req);
	if (!status)
		list_print(&shot, req);
	snapshot_drop(&shot);
	return status;
}

int list_run(struct nl *nl, const struct request *req)
{
	if (req->list.drops)
		return drops_list(nl, req);
	if (req->list.info)
		return info_list(nl, req);
	if (req->list.timeout)
		return timeouts_list(nl, req);
	if (req->list.connections)
		return conns_list(nl, req);
	if (req->list.rate && !req->list.stats)
		return rates_list(nl, req);
	return services_list(nl, req);
}
