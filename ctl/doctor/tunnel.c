// SPDX-License-Identifier: GPL-2.0
/*
 * The checks of servers that have a tunnel: the route, the room that the headers
 * leave, and that the server answers through the tunnel, with an MSS that fits.
 * Servers that have the same address and tunnel are checked once.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "doctor.h"

/* Inner packets that every host has to take. */
#define MIN_IPV4 68
#define MIN_IPV6 1280

bool tunnel_same(const struct server *a, const struct server *b)
{
	return !strcmp(a->tun, b->tun) && a->tun_port == b->tun_port &&
	       a->tun_csum == b->tun_csum;
}

static const char *tunnel_name(const struct server *server, char *text)
{
	if (server->tun_port)
		snprintf(text, TUNNEL_NAME, "%s:%d", server->tun, server->tun_port);
	else
		snprintf(text, TUNNEL_NAME, "%s", server->tun);
	return text;
}

/* An address of this host that a server can answer to, and that is no VIP. */
static const struct addr *own_address(const struct doctor *doctor, int family)
{
	const struct host *host = &doctor->host;
	const struct address *address;

	for (address = host->addresses;
	     address < host->addresses + host->nr_addresses; address++) {
		if (address_is_usable(address, family) && address->link->up &&
		    !address->tentative && !address->dad_failed &&
		    !config_vip(&doctor->config, &address->at))
			return &address->at;
	}
	return NULL;
}

/* The first TCP service of a family that one of the servers belongs to. */
static const struct service *tcp_service(const struct doctor *doctor,
					 const struct server *const *servers,
					 size_t count, int family)
{
	const struct service *service;
	size_t i;

	for (i = 0; i < count; i++) {
		service = &doctor->config.services[servers[i]->service];
		if (service->vip.family == family && service->port &&
		    !strcmp(service->protocol, "tcp"))
			return service;
	}
	return NULL;
}

/**
 * tunnel_question_add() - ask a server through its tunnel, by each family
 * @doctor: the diagnosis
 * @servers: with the same address and tunnel
 * @count: how many
 */
void tunnel_question_add(struct doctor *doctor, const struct server *const *servers,
			 size_t count)
{
	struct tunnel_probe *probe = &doctor->tunnels;
	const struct service *service;
	struct tunnel_question *question;
	const struct addr *from;
	int family;

	for (family = AF_INET; family; family = family == AF_INET ? AF_INET6 : 0) {
		service = tcp_service(doctor, servers, count, family);
		from = own_address(doctor, family);
		if (!service || !from || servers[0]->local)
			continue;
		probe->questions = grow(probe->questions, &probe->room_questions,
					probe->nr_questions, sizeof(*question));
		question = &probe->questions[probe->nr_questions++];
		memset(question, 0, sizeof(*question));
		question->server = servers[0]->at;
		question->vip = service->vip;
		question->port = service->port;
		question->from = *from;
		strcpy(question->type, servers[0]->tun);
		question->tun_port = servers[0]->tun_port;
		question->csum = servers[0]->tun_csum;
	}
}

static const struct tunnel_question *find_question(const struct doctor *doctor,
						   const struct server *server,
						   int family)
{
	const struct tunnel_question *question = doctor->tunnels.questions;
	size_t i;

	for (i = 0; i < doctor->tunnels.nr_questions; i++, question++) {
		if (addr_same(&question->server, &server->at) &&
		    question->vip.family == family &&
		    !strcmp(question->type, server->tun) &&
		    question->tun_port == server->tun_port &&
		    question->csum == server->tun_csum)
			return question;
	}
	return NULL;
}

/* The bytes that are left for a packet; 0 without a route. */
static unsigned int room_of(const struct doctor *doctor, const struct server *server)
{
	const struct route *route = host_route(&doctor->host, &server->at);
	unsigned int overhead = tunnel_overhead(server->tun, server->at.family,
						server->tun_csum);
	unsigned int mtu;

	if (!route || !route->link)
		return 0;
	mtu = route_mtu(route, route->link);
	return mtu > overhead ? mtu - overhead : 1;
}

/* For IPv6 the module prefers an address of the device's network to a host address. */
static bool has_network(const struct doctor *doctor, const struct link *link)
{
	const struct host *host = &doctor->host;
	const struct address *address;

	for (address = host->addresses;
	     address < host->addresses + host->nr_addresses; address++) {
		if (address->link == link && address->at.family == AF_INET6 &&
		    address->prefix < addr_bits(&address->at) &&
		    !addr_is_link_local(&address->at))
			return true;
	}
	return false;
}

/*
 * Linux drops a tunnel's packet whose source is an address of its own, and the VIP is
 * one of the server. A deprecated address is not chosen.
 */
static void check_source(struct doctor *doctor, const struct server *server)
{
	const struct route *route = host_route(&doctor->host, &server->at);
	const struct address *address;
	char vip[ADDR_TEXT], at[ADDR_TEXT];

	if (!config_vip(&doctor->config, &route->source) ||
	    !route->source.family || server->tun_source ||
	    (route->source.family == AF_INET6 && has_network(doctor, route->link)))
		return;
	address = host_address(&doctor->host, &route->source, NULL);
	addr_text(&route->source, vip);
	addr_text(&server->at, at);
	if (address && route->source.family == AF_INET6)
		fix(find(LEVEL_PROBLEM, "source", &route->source, &server->at,
			 "the tunnel's source is the VIP: the server drops its packets"),
		    "ip addr change %s/%u dev %s preferred_lft 0", vip, address->prefix,
		    address->link->name);
	else
		hint(find(LEVEL_PROBLEM, "source", &route->source, &server->at,
			  "the tunnel's source is the VIP: the server drops its packets"),
		     "give the server a source: lbctl edit-server SERVICE -r %s --tun-source ADDRESS",
		     at);
}

static bool check_route(struct doctor *doctor, const struct server *server)
{
	const struct route *route = host_route(&doctor->host, &server->at);
	char via[ADDR_TEXT];

	if (!route || !route->link) {
		hint(find(LEVEL_PROBLEM, "route", NULL, &server->at,
			  "no route to the server"),
		     "add a route, or a default route: the tunnel's packets are routed");
		return false;
	}
	if (route->local)
		hint(find(LEVEL_PROBLEM, "route", NULL, &server->at,
			  "the server is this host, to which no tunnel leads"),
		     "add it by direct routing: lbctl edit-server SERVICE -r SERVER --tun none");
	else
		find(LEVEL_OK, "route", NULL, &server->at, "routed on %s%s%s",
		     route->link->name, route->via.family ? " by " : "",
		     route->via.family ? addr_text(&route->via, via) : "");
	return !route->local;
}

static void check_room(struct doctor *doctor, const struct server *server,
		       const struct service *service)
{
	unsigned int room = room_of(doctor, server);
	unsigned int least = service->family == AF_INET6 ? MIN_IPV6 : MIN_IPV4;
	char name[TUNNEL_NAME];

	tunnel_name(server, name);
	if (room < least)
		hint(find(LEVEL_PROBLEM, "mtu", NULL, &server->at,
			  "the tunnel %s leaves %u bytes for packets, but IPv%d needs %u: packets are dropped",
			  name, room, service->family == AF_INET6 ? 6 : 4, least),
		     "if the path to the server takes larger packets, raise the MTU of the route");
	else
		find(LEVEL_OK, "mtu", NULL, &server->at,
		     "the tunnel %s leaves %u bytes for packets", name, room);
}

static void tell_answer(struct doctor *doctor, const struct server *server,
			const struct tunnel_question *question)
{
	unsigned int room = room_of(doctor, server) -
			    (question->vip.family == AF_INET ? 40 : 60);
	char name[TUNNEL_NAME], at[ADDR_TEXT], vip[ADDR_TEXT];

	tunnel_name(server, name);
	addr_text(&server->at, at);
	addr_text(&question->vip, vip);
	if (!question->answered)
		fix_on(find(LEVEL_PROBLEM, "tunnel", &question->vip, &server->at,
			    "no answer through the tunnel %s, port %d: the server does not decapsulate, lacks the VIP, or is down",
			    name, question->port),
		       at, "lbdr-doctor setup-realserver %s --tun %s", vip, name);
	else if (question->refused)
		hint(find(LEVEL_WARNING, "tunnel", &question->vip, &server->at,
			  "the server refuses connections to port %d through the tunnel %s",
			  question->port, name),
		     "start the service on the server, listening at the VIP");
	else if (question->mss > room)
		fix_on(find(LEVEL_WARNING, "tunnel", &question->vip, &server->at,
			    "the server announces an MSS of %u, but the tunnel %s leaves %u: large packets are first answered with ICMP",
			    question->mss, name, room),
		       at, "lbdr-doctor setup-realserver %s --tun %s", vip, name);
	else
		find(LEVEL_OK, "tunnel", &question->vip, &server->at,
		     "answers through the tunnel %s, MSS %u", name, question->mss);
}

/**
 * tunnel_check() - check the tunnel to a server
 * @doctor: the diagnosis, after all questions were asked
 * @servers: with the same address and tunnel
 * @count: how many
 */
void tunnel_check(struct doctor *doctor, const struct server *const *servers,
		  size_t count)
{
	const struct server *server = servers[0];
	const struct tunnel_question *question;
	bool asked = false;
	int family;

	if (!check_route(doctor, server))
		return;
	check_source(doctor, server);
	check_room(doctor, server, &doctor->config.services[server->service]);
	if (doctor->tunnel_error) {
		find(LEVEL_UNCHECKED, "tunnel", NULL, &server->at, "not probed: %s",
		     strerror(doctor->tunnel_error));
		return;
	}
	for (family = AF_INET; family; family = family == AF_INET ? AF_INET6 : 0) {
		question = find_question(doctor, server, family);
		if (!question)
			continue;
		asked = true;
		tell_answer(doctor, server, question);
	}
	if (!asked)
		find(LEVEL_UNCHECKED, "tunnel", NULL, &server->at,
		     "not probed: no TCP service%s",
		     tcp_service(doctor, servers, count, AF_INET) ||
		     tcp_service(doctor, servers, count, AF_INET6) ?
			     " of a family that this host has an address of" : "");
}
