// SPDX-License-Identifier: GPL-2.0
/*
 * Rates per second: the difference of two readings of the counters, for top and
 * list --rate. The kernel keeps no estimates.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "lbctl.h"

/* A look that lasts less tells nothing: what came in it is one packet or none. */
#define SHORTEST 0.001

double seconds_now(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec + now.tv_nsec / 1e9;
}

/* What was set to 0 meanwhile has counted from there. */
static double rise(__u64 now, __u64 before, double seconds)
{
	return (now < before ? now : now - before) / seconds;
}

static struct rates rates_of(const struct counters *now,
			     const struct counters *before, double seconds)
{
	if (seconds < SHORTEST)
		seconds = SHORTEST;
	return (struct rates){
		.known = true,
		.conns = rise(now->conns, before->conns, seconds),
		.packets = rise(now->in_packets, before->in_packets, seconds),
		.bits = rise(now->in_bytes, before->in_bytes, seconds) * 8,
	};
}

static int find_service(const void *key, const void *element)
{
	const struct service *service = element;

	return service_key_compare(key, &service->key);
}

static int find_server(const void *at, const void *element)
{
	const struct server *server = element;

	return endpoint_compare(at, &server->at);
}

/* Who was not there before began at 0. */
static const struct counters nothing;

/**
 * rates_service() - what comes to a service each second
 * @before: an earlier look, in the order of addresses
 * @service: as it is now
 * @seconds: between the two
 *
 * Return: the rates.
 */
struct rates rates_service(const struct snapshot *before,
			   const struct service *service, double seconds)
{
	const struct service *was = NULL;

	if (before->nr_services)
		was = bsearch(&service->key, before->services,
			      before->nr_services, sizeof(*was), find_service);
	return rates_of(&service->stats, was ? &was->stats : &nothing, seconds);
}

/**
 * rates_server() - what comes to a server each second
 * @before: an earlier look, in the order of addresses
 * @service: the server's
 * @server: as it is now
 * @seconds: between the two
 *
 * Return: the rates.
 */
struct rates rates_server(const struct snapshot *before,
			  const struct service *service,
			  const struct server *server, double seconds)
{
	const struct server *was = NULL;
	const struct server *servers;
	size_t count;

	servers = snapshot_servers(before, service, &count);
	if (count)
		was = bsearch(&server->at, servers, count, sizeof(*was),
			      find_server);
	return rates_of(&server->stats, was ? &was->stats : &nothing, seconds);
}

/* Direct routing: nothing comes back this way. Bytes, as ipvsadm has them. */
static void print_rates(const struct rates *rates, bool exact)
{
	const __u64 columns[] = {
		rates->conns + 0.5, rates->packets + 0.5, 0,
		rates->bits / 8 + 0.5, 0,
	};

	counters_print(columns, ARRAY_SIZE(columns), exact);
}

static json_t *rates_json(const struct rates *rates)
{
	return json_pack("{s:f, s:f, s:f}",
			 "connections_per_s", rates->conns,
			 "in_packets_per_s", rates->packets,
			 "in_bytes_per_s", rates->bits / 8);
}

static json_t *service_json(const struct snapshot *now,
			    const struct snapshot *before,
			    const struct service *service, double seconds)
{
	struct rates rates = rates_service(before, service, seconds);
	json_t *object = key_json(&service->key);
	json_t *array = json_array();
	const struct server *servers;
	char text[ENDPOINT_TEXT];
	size_t count;
	size_t i;

	json_object_set_new(object, "looked_s", json_real(seconds));
	json_object_set_new(object, "rates", rates_json(&rates));
	servers = snapshot_servers(now, service, &count);
	for (i = 0; i < count; i++) {
		rates = rates_server(before, service, &servers[i], seconds);
		json_array_append_new(array,
				      json_pack("{s:s, s:i, s:o, s:o}",
						"address",
						address_text(&servers[i].at,
							     text),
						"port", servers[i].at.port,
						"last_port",
						number_json(servers[i].at.last_port,
							    servers[i].at.last_port),
						"rates", rates_json(&rates)));
	}
	json_object_set_new(object, "servers", array);
	return object;
}

static void print_json(const struct snapshot *now,
		       const struct snapshot *before, double seconds,
		       bool pretty)
{
	struct json_list list;
	size_t i;

	json_list_begin(&list, pretty);
	for (i = 0; i < now->nr_services; i++)
		json_list_add(&list, service_json(now, before,
						  &now->services[i], seconds));
	json_list_end(&list);
}

/**
 * rates_print() - print rates
 * @now: what to list
 * @before: an earlier look, in the order of addresses
 * @seconds: between the two
 * @req: how
 */
void rates_print(const struct snapshot *now, const struct snapshot *before,
		 double seconds, const struct request *req)
{
	const struct service *service;
	const struct server *servers;
	char column[SERVICE_TEXT];
	struct rates rates;
	size_t count;
	size_t i, j;

	if (req->json) {
		print_json(now, before, seconds, req->pretty);
		return;
	}
	printf("%-33s %8s %8s %8s %8s %8s\n"
	       "  -> RemoteAddress:Port\n",
	       "Prot LocalAddress:Port", "CPS", "InPPS", "OutPPS", "InBPS",
	       "OutBPS");
	for (i = 0; i < now->nr_services; i++) {
		service = &now->services[i];
		service_column(&service->key, req->numeric, column,
			       sizeof(column));
		rates = rates_service(before, service, seconds);
		printf("%-33s", column);
		print_rates(&rates, req->list.exact);
		servers = snapshot_servers(now, service, &count);
		for (j = 0; j < count; j++) {
			server_column(&servers[j], req->numeric, column);
			rates = rates_server(before, service, &servers[j],
					     seconds);
			printf("  -> %-28s", column);
			print_rates(&rates, req->list.exact);
		}
	}
}

static void sleep_until(double when)
{
	struct timespec at = {
		.tv_sec = when,
		.tv_nsec = (when - (time_t)when) * 1e9,
	};

	while (clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &at, NULL) ==
	       EINTR)
		;
}

/* The list --rate. */
int rates_list(struct nl *nl, const struct request *req)
{
	struct snapshot before = { .nr_services = 0 };
	struct snapshot now = { .nr_services = 0 };
	double begun, seconds;
	int status;

	/* From end to end: the two looks themselves take equally long. */
	status = snapshot_show(nl, req, true, &before);
	begun = seconds_now();
	if (!status) {
		sleep_until(begun + req->list.interval);
		status = snapshot_show(nl, req, !req->list.nosort, &now);
	}
	seconds = seconds_now() - begun;
	/* ipvsadm begins with it only when it lists all. */
	if (!status && !req->json && !(req->ipvsadm && req->has_service))
		status = info_headline(nl, req);
	if (!status)
		rates_print(&now, &before, seconds, req);
	snapshot_drop(&now);
	snapshot_drop(&before);
	return status;
}
