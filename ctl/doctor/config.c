// SPDX-License-Identifier: GPL-2.0
/*
 * Services and servers of lbdr, from the JSON of lbctl, which is a stable
 * interface (Documentation/json.md).
 */
#include <stdlib.h>
#include <string.h>

#include "doctor.h"

/* The words that name the service on the command line of lbctl. */
static void make_option(struct service *service, const json_t *object)
{
	const char *vrf = word_of(object, "vrf");
	const char *option = !strcmp(service->protocol, "tcp") ? "-t" :
			     !strcmp(service->protocol, "udp") ? "-u" :
								 "--sctp-service";
	char at[ADDR_TEXT], last[16] = "";

	if (service->last_port > service->port)
		snprintf(last, sizeof(last), "-%d", (int)service->last_port);
	if (service->fwmark)
		snprintf(service->option, OPTION_TEXT, "-f %u%s%s%.15s",
			 (unsigned int)service->fwmark,
			 service->family == AF_INET6 ? " -6" : "",
			 *vrf ? " --vrf " : "", vrf);
	else
		snprintf(service->option, OPTION_TEXT,
			 service->family == AF_INET6 ? "%s [%s]:%d%s%s%.15s" :
						       "%s %s:%d%s%s%.15s",
			 option, addr_text(&service->vip, at),
			 (int)service->port, last, *vrf ? " --vrf " : "", vrf);
}

static void parse_server(struct config *config, const json_t *object)
{
	const json_t *tunnel = json_object_get(object, "tunnel");
	struct server *server;
	struct addr at;

	if (!addr_parse(word_of(object, "address"), &at))
		return;
	config->servers = grow(config->servers, &config->room_servers,
			       config->nr_servers, sizeof(*server));
	server = &config->servers[config->nr_servers++];
	server->at = at;
	server->service = config->nr_services - 1;
	snprintf(server->tun, sizeof(server->tun), "%s", word_of(tunnel, "type"));
	server->tun_port = number_of(tunnel, "port");
	server->tun_source = json_is_string(json_object_get(tunnel, "source"));
	server->tun_csum = json_is_true(json_object_get(tunnel, "checksum"));
	server->ifindex = number_of(object, "ifindex");
	server->local = !strcmp(word_of(object, "forward"), "local");
	server->open = number_of(object, "weight") &&
		       !json_is_true(json_object_get(object, "draining"));
}

static void parse_service(struct config *config, const json_t *object)
{
	struct service *service;
	const json_t *server;
	size_t i;

	config->services = grow(config->services, &config->room_services,
				config->nr_services, sizeof(*service));
	service = &config->services[config->nr_services++];
	memset(service, 0, sizeof(*service));
	service->family = !strcmp(word_of(object, "family"), "ipv6") ?
			  AF_INET6 : AF_INET;
	service->fwmark = number_of(object, "fwmark");
	service->port = number_of(object, "port");
	service->last_port = number_of(object, "last_port");
	if (service->last_port < service->port)
		service->last_port = service->port;
	snprintf(service->protocol, sizeof(service->protocol), "%s",
		 word_of(object, "protocol"));
	if (!service->fwmark)
		addr_parse(word_of(object, "address"), &service->vip);
	make_option(service, object);
	service->first = config->nr_servers;
	json_array_foreach(json_object_get(object, "servers"), i, server)
		parse_server(config, server);
	service->nr_servers = config->nr_servers - service->first;
}

/**
 * config_parse() - read the two listings
 * @config: to be dropped by the caller
 * @info: of list --info -j
 * @list: of list -j
 */
void config_parse(struct config *config, const json_t *info, const json_t *list)
{
	const json_t *first = json_array_get(info, 0);
	const json_t *service, *device;
	size_t used = 0;
	size_t i;

	memset(config, 0, sizeof(*config));
	snprintf(config->version, sizeof(config->version), "%s",
		 word_of(first, "version"));
	snprintf(config->entry, sizeof(config->entry), "%s",
		 word_of(first, "entry"));
	config->conns = number_of(first, "connections");
	config->conn_max = number_of(first, "connections_max");
	json_array_foreach(json_object_get(first, "devices"), i, device) {
		if (json_is_string(device) &&
		    used < sizeof(config->devices) - IFNAMSIZ)
			used += snprintf(config->devices + used, IFNAMSIZ + 1,
					 " %.15s", json_string_value(device));
	}
	json_array_foreach(list, i, service)
		parse_service(config, service);
}

/**
 * config_read() - have lbctl list services and servers
 * @config: to be dropped by the caller, also after an error
 * @options: name one service, or none for all
 *
 * Return: the exit status; lbctl or this function reported the error.
 */
int config_read(struct config *config, const struct options *options)
{
	static const char *const info_words[] = {
		"lbctl", "list", "--info", "-j", NULL,
	};
	const char *words[5 + SERVICE_WORDS_MAX] = { "lbctl", "list", "-n", "-j" };
	json_t *info, *list = NULL;
	int status;

	memcpy(words + 4, options->service,
	       options->nr_service * sizeof(*words));
	status = run_json(info_words, &info);
	if (!status)
		status = run_json(words, &list);
	if (!status)
		config_parse(config, info, list);
	else if (status == RUN_NOT_FOUND)
		complain("lbctl not found; on a real server use --realserver VIP");
	else if (status < 0)
		complain("malformed output of lbctl (lbctl and lbdr-doctor versions differ?)");
	json_decref(info);
	json_decref(list);
	return status ? EXIT_REFUSED : EXIT_DONE;
}

/* Whether the address is the VIP of a service. */
bool config_vip(const struct config *config, const struct addr *at)
{
	size_t i;

	for (i = 0; i < config->nr_services; i++) {
		if (addr_same(&config->services[i].vip, at))
			return true;
	}
	return false;
}

void config_drop(struct config *config)
{
	free(config->services);
	free(config->servers);
	memset(config, 0, sizeof(*config));
}
