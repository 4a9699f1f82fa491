// SPDX-License-Identifier: GPL-2.0
/*
 * A consistent snapshot of services and servers, from two dumps, which are repeated
 * until they agree; sorted.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lbctl.h"

/* Attempts until the two dumps agree. */
#define TRIES 10

struct gathering {
	struct snapshot *shot;
	size_t room_services;
	size_t room_servers;
};

static int number_compare(__u32 a, __u32 b)
{
	return (a > b) - (a < b);
}

int endpoint_compare(const struct endpoint *a, const struct endpoint *b)
{
	int order = number_compare(a->family, b->family);

	/* Network order compares as the numbers do. */
	if (!order)
		order = memcmp(a->address, b->address, sizeof(a->address));
	if (!order)
		order = number_compare(a->port, b->port);
	return order ? order : number_compare(a->last_port, b->last_port);
}

/* Without regard to ports. */
bool endpoint_same_host(const struct endpoint *a, const struct endpoint *b)
{
	return a->family == b->family &&
	       !memcmp(a->address, b->address, sizeof(a->address));
}

/* ipvsadm's order: no mark, family, protocol, address, port; then the VRF. */
int service_key_compare(const struct service_key *a,
			const struct service_key *b)
{
	int order = number_compare(a->fwmark, b->fwmark);

	if (!order)
		order = number_compare(a->at.family, b->at.family);
	if (!order)
		order = number_compare(a->protocol, b->protocol);
	if (!order)
		order = endpoint_compare(&a->at, &b->at);
	return order ? order : strcmp(a->vrf, b->vrf);
}

static int compare_services(const void *a, const void *b)
{
	const struct service *first = a;
	const struct service *second = b;

	return service_key_compare(&first->key, &second->key);
}

/* Servers by service, then in the order of adding. */
int snapshot_compare_added(const void *a, const void *b)
{
	const struct server *first = a;
	const struct server *second = b;
	int order = service_key_compare(&first->service, &second->service);

	if (order)
		return order;
	return (first->order > second->order) - (first->order < second->order);
}

static int compare_servers(const void *a, const void *b)
{
	const struct server *first = a;
	const struct server *second = b;
	int order = service_key_compare(&first->service, &second->service);

	return order ? order : endpoint_compare(&first->at, &second->at);
}

static bool read_service(const struct nlmsghdr *nlh, void *data)
{
	struct gathering *gathering = data;
	struct snapshot *shot = gathering->shot;
	struct service *service;

	shot->services = grow(shot->services, &gathering->room_services,
			      shot->nr_services, sizeof(*service));
	service = &shot->services[shot->nr_services];
	if (!decode_service(nlh, service))
		return false;
	service->order = shot->nr_services++;
	return true;
}

static bool read_server(const struct nlmsghdr *nlh, void *data)
{
	struct gathering *gathering = data;
	struct snapshot *shot = gathering->shot;
	struct server *server;

	shot->servers = grow(shot->servers, &gathering->room_servers,
			     shot->nr_servers, sizeof(*server));
	server = &shot->servers[shot->nr_servers];
	if (!decode_server(nlh, server))
		return false;
	server->order = shot->nr_servers++;
	return true;
}

/* The servers of a service, once the array is in the order of services. */
const struct server *snapshot_servers(const struct snapshot *shot,
				      const struct service *service,
				      size_t *count)
{
	size_t low = 0, high = shot->nr_servers, middle;

	while (low < high) {
		middle = low + (high - low) / 2;
		if (service_key_compare(&shot->servers[middle].service,
					&service->key) < 0)
			low = middle + 1;
		else
			high = middle;
	}
	while (high < shot->nr_servers &&
	       !service_key_compare(&shot->servers[high].service,
				    &service->key))
		high++;
	*count = high - low;
	return shot->servers + low;
}

void snapshot_drop(struct snapshot *shot)
{
	free(shot->services);
	free(shot->servers);
	memset(shot, 0, sizeof(*shot));
}

static void ask_services(struct nl *nl, const struct request *req,
			 struct gathering *gathering, struct nl_answer *answer)
{
	struct nlmsghdr *nlh;

	if (req->has_service) {
		nlh = nl_request(nl, LBDR_CMD_SERVICE_GET);
		nl_put_service(nlh, &req->service);
	} else {
		nlh = nl_dump_request(nl, LBDR_CMD_SERVICE_GET);
	}
	if (req->list.held)
		mnl_attr_put(nlh, LBDR_A_SERVICE_WITH_HELD, 0, NULL);
	nl_ask(nl, nlh, read_service, gathering, answer);
}

static void ask_servers(struct nl *nl, const struct request *req,
			struct gathering *gathering, struct nl_answer *answer)
{
	struct nlmsghdr *nlh = nl_dump_request(nl, LBDR_CMD_SERVER_GET);

	if (req->has_service)
		nl_put_service_of(nlh, LBDR_A_SERVER_SERVICE, &req->service);
	if (req->list.held)
		mnl_attr_put(nlh, LBDR_A_SERVER_WITH_HELD, 0, NULL);
	nl_ask(nl, nlh, read_server, gathering, answer);
}

/* False when the two dumps are of different states. */
static bool whole(const struct snapshot *shot)
{
	const struct server *servers;
	size_t total = 0;
	size_t count;
	size_t held;
	size_t i, j;

	for (i = 0; i < shot->nr_services; i++) {
		servers = snapshot_servers(shot, &shot->services[i], &count);
		for (j = 0, held = 0; j < count; j++)
			held += !!servers[j].hold;
		if (count - held != shot->services[i].servers)
			return false;
		total += count;
	}
	return total == shot->nr_servers;
}

/* Reads the configuration. @agree: set to false if it changed during each try */
static int read_all(struct nl *nl, const struct request *req, bool sorted,
		    struct snapshot *shot, bool *agree)
{
	struct gathering gathering = { .shot = shot };
	struct nl_answer services;
	struct nl_answer servers;
	int status;
	int i;

	memset(shot, 0, sizeof(*shot));
	*agree = false;
	for (i = 0; i < TRIES && !*agree; i++) {
		shot->nr_services = 0;
		shot->nr_servers = 0;
		ask_services(nl, req, &gathering, &services);
		status = nl_verdict(&services, "service");
		if (status)
			return status;
		ask_servers(nl, req, &gathering, &servers);
		status = nl_verdict(&servers, "server");
		if (status)
			return status;
		if (shot->nr_servers)
			qsort(shot->servers, shot->nr_servers,
			      sizeof(*shot->servers),
			      sorted ? compare_servers : snapshot_compare_added);
		*agree = !services.torn && !servers.torn && whole(shot);
	}
	if (sorted && shot->nr_services)
		qsort(shot->services, shot->nr_services,
		      sizeof(*shot->services), compare_services);
	return EXIT_DONE;
}

/**
 * snapshot_take() - read the configuration, to save or compare it
 * @nl: the connection with the kernel
 * @req: its service is the only one to read, if it has one
 * @sorted: by address, else in the order of adding
 * @shot: to be dropped by the caller
 *
 * A configuration that changes during each of several dumps is refused: services and
 * servers may be missing or repeated.
 *
 * Return: the exit status, after a message.
 */
int snapshot_take(struct nl *nl, const struct request *req, bool sorted,
		  struct snapshot *shot)
{
	static const struct nl_answer changing = { .error = EAGAIN };
	bool agree;
	int status;

	status = read_all(nl, req, sorted, shot, &agree);
	return status || agree ? status : nl_verdict(&changing, "configuration");
}

/**
 * snapshot_show() - read the configuration, to show it
 * @nl: the connection with the kernel
 * @req: its service is the only one to read, if it has one
 * @sorted: by address, else in the order of adding
 * @shot: to be dropped by the caller
 *
 * Like snapshot_take(), but there is only a warning if the configuration kept changing.
 *
 * Return: the exit status, after a message.
 */
int snapshot_show(struct nl *nl, const struct request *req, bool sorted,
		  struct snapshot *shot)
{
	bool agree;
	int status;

	status = read_all(nl, req, sorted, shot, &agree);
	if (!status && !agree)
		complain("warning: the configuration kept changing: the listing may be wrong");
	return status;
}
