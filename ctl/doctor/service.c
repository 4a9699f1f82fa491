// SPDX-License-Identifier: GPL-2.0
/*
 * The checks of services, VIPs and servers. Each VIP and each server is checked
 * once, however many services have it. All segments are asked at once, before
 * the first check.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "doctor.h"

/* Services that a finding names; it counts the others. */
#define NAMES_MAX 3

/* A VIP and the NICs on whose segments it may be: those of its network. */
struct vip {
	struct addr at;
	const struct link **nics;
	size_t nr_nics;
	size_t room_nics;
	const struct link *widest; /* the NIC with the largest MTU */
	bool answered; /* by another host */
	bool by_server;
};

struct census {
	struct vip *vips; /* sorted */
	size_t nr_vips;
	size_t room_vips;
	const struct server **servers; /* sorted by address */
	size_t nr_servers;
};

static int compare_vips(const void *a, const void *b)
{
	const struct vip *first = a;
	const struct vip *second = b;

	return addr_compare(&first->at, &second->at);
}

static int compare_servers(const void *a, const void *b)
{
	const struct server *const *first = a;
	const struct server *const *second = b;
	int order = addr_compare(&(*first)->at, &(*second)->at);

	if (!order)
		order = strcmp((*first)->tun, (*second)->tun);
	if (!order)
		order = (*first)->tun_port - (*second)->tun_port;
	if (!order)
		order = (*first)->tun_csum - (*second)->tun_csum;
	return order ? order : *first < *second ? -1 : 1;
}

static bool is_ready(const struct link *link)
{
	return link_is_nic(link) && link->up && link->carrier;
}

static void find_nics(const struct host *host, struct vip *vip)
{
	const struct address *address;
	const struct link *link;
	size_t i;

	for (address = host->addresses;
	     address < host->addresses + host->nr_addresses; address++) {
		link = address->link;
		for (i = 0; i < vip->nr_nics && vip->nics[i] != link; i++)
			;
		if (i < vip->nr_nics || !is_ready(link) ||
		    !addr_in(&vip->at, &address->at, address->prefix))
			continue;
		vip->nics = grow(vip->nics, &vip->room_nics, vip->nr_nics,
				 sizeof(*vip->nics));
		vip->nics[vip->nr_nics++] = link;
		if (!vip->widest || vip->widest->mtu < link->mtu)
			vip->widest = link;
	}
}

static void take_vips(const struct doctor *doctor, struct census *census)
{
	const struct config *config = &doctor->config;
	size_t kept = 0;
	struct vip *vip;
	size_t i;

	for (i = 0; i < config->nr_services; i++) {
		if (config->services[i].fwmark)
			continue;
		census->vips = grow(census->vips, &census->room_vips,
				    census->nr_vips, sizeof(*vip));
		vip = &census->vips[census->nr_vips++];
		memset(vip, 0, sizeof(*vip));
		vip->at = config->services[i].vip;
	}
	if (census->nr_vips)
		qsort(census->vips, census->nr_vips, sizeof(*vip),
		      compare_vips);
	for (i = 0; i < census->nr_vips; i++) {
		if (!kept ||
		    compare_vips(&census->vips[kept - 1], &census->vips[i]))
			census->vips[kept++] = census->vips[i];
	}
	census->nr_vips = kept;
	for (i = 0; i < kept; i++)
		find_nics(&doctor->host, &census->vips[i]);
}

static void take_servers(const struct doctor *doctor, struct census *census)
{
	size_t room = 0;
	size_t i;

	for (i = 0; i < doctor->config.nr_servers; i++) {
		census->servers = grow(census->servers, &room, i,
				       sizeof(*census->servers));
		census->servers[i] = &doctor->config.servers[i];
	}
	census->nr_servers = i;
	if (i)
		qsort(census->servers, i, sizeof(*census->servers),
		      compare_servers);
}

/* How many servers, from @from on, have the same address and tunnel. */
static size_t group_size(const struct census *census, size_t from)
{
	size_t end = from + 1;

	while (end < census->nr_servers &&
	       addr_same(&census->servers[end]->at, &census->servers[from]->at) &&
	       tunnel_same(census->servers[end], census->servers[from]))
		end++;
	return end - from;
}

static void read_routes(struct doctor *doctor, const struct census *census)
{
	struct addr *to = NULL;
	size_t room = 0, count = 0;
	size_t i;

	for (i = 0; i < census->nr_vips; i++) {
		to = grow(to, &room, count, sizeof(*to));
		to[count++] = census->vips[i].at;
	}
	for (i = 0; i < census->nr_servers; i += group_size(census, i)) {
		to = grow(to, &room, count, sizeof(*to));
		to[count++] = census->servers[i]->at;
	}
	host_read_routes(&doctor->host, to, count);
	free(to);
}

static void ask_all(struct doctor *doctor, const struct census *census)
{
	const struct link *link;
	size_t i, nic;

	for (i = 0; i < census->nr_servers; i += group_size(census, i)) {
		if (*census->servers[i]->tun)
			tunnel_question_add(doctor, &census->servers[i],
					    group_size(census, i));
	}
	for (i = 0; i < census->nr_vips; i++) {
		for (nic = 0; nic < census->vips[i].nr_nics; nic++)
			probe_add(&doctor->probe,
				  census->vips[i].nics[nic]->ifindex,
				  &census->vips[i].at);
	}
	for (i = 0; i < census->nr_servers; i++) {
		link = host_link(&doctor->host, census->servers[i]->ifindex);
		if (!census->servers[i]->local && !*census->servers[i]->tun && link &&
		    is_ready(link))
			probe_add(&doctor->probe, link->ifindex,
				  &census->servers[i]->at);
	}
	if (doctor->ask(&doctor->probe, &doctor->host)) {
		doctor->probe_error = errno;
		find(LEVEL_UNCHECKED, "arp", NULL, NULL,
		     "VIPs and servers not probed: %s",
		     strerror(doctor->probe_error));
	}
	if (tunnel_ask(&doctor->tunnels))
		doctor->tunnel_error = errno;
}

/* The server that has the MAC; preferably by its address of the same family. */
static const struct addr *find_server(const struct doctor *doctor,
				      const struct census *census,
				      const struct probe_row *answer)
{
	const struct addr *at, *found = NULL;
	const struct probe_row *row;
	size_t i;

	for (i = 0; i < census->nr_servers; i += group_size(census, i)) {
		at = &census->servers[i]->at;
		row = NULL;
		while ((row = probe_answer(&doctor->probe, answer->ifindex, at,
					   row))) {
			if (!memcmp(row->mac, answer->mac, ETH_ALEN) &&
			    (!found || at->family == answer->at.family))
				found = at;
		}
	}
	return found;
}

/* The neighbour with the MAC, as " (ADDRESS)", or "". */
static const char *neighbour_text(const struct host *host, const __u8 *mac,
				  char text[ADDR_TEXT + 4])
{
	char at[ADDR_TEXT];
	size_t i;

	*text = '\0';
	for (i = 0; i < host->nr_neighbours && !*text; i++) {
		if (host->neighbours[i].valid &&
		    !memcmp(host->neighbours[i].mac, mac, ETH_ALEN))
			sprintf(text, " (%s)",
				addr_text(&host->neighbours[i].at, at));
	}
	return text;
}

static bool is_held(const struct doctor *doctor, const struct vip *vip)
{
	const struct route *route = host_route(&doctor->host, &vip->at);

	return (route && route->local) ||
	       host_address(&doctor->host, &vip->at, NULL);
}

static void tell_answer(struct doctor *doctor, const struct census *census,
			struct vip *vip, const struct probe_row *answer,
			const struct link *nic)
{
	const char *what =
		vip->at.family == AF_INET ? "ARP" : "neighbour solicitations";
	char mac[MAC_TEXT], text[ADDR_TEXT], other[ADDR_TEXT + 4];
	const struct addr *server = find_server(doctor, census, answer);
	char at[ADDR_TEXT];

	mac_text(answer->mac, mac);
	neighbour_text(&doctor->host, answer->mac, other);
	addr_text(&vip->at, text);
	vip->answered = true;
	if (server) {
		vip->by_server = true;
		fix_on(find(LEVEL_PROBLEM, "arp", &vip->at, server,
			    "server answers %s for the VIP (%s on %s)", what,
			    mac, nic->name),
		       addr_text(server, at), "lbdr-doctor setup-realserver %s",
		       text);
	} else if (is_held(doctor, vip)) {
		hint(find(LEVEL_PROBLEM, "arp", &vip->at, NULL,
			  "another host answers %s for the VIP: %s%s on %s",
			  what, mac, other, nic->name),
		     "if it is a real server, run there: lbdr-doctor setup-realserver %s; if it is a director, two directors are active",
		     text);
	} else {
		find(LEVEL_OK, "standby", &vip->at, NULL,
		     "VIP held by another director: %s%s on %s", mac, other,
		     nic->name);
	}
}

static void check_arp(struct doctor *doctor, const struct census *census,
		      struct vip *vip)
{
	const struct probe_row *row;
	size_t i;

	if (!vip->nr_nics)
		find(LEVEL_UNCHECKED, "arp", &vip->at, NULL,
		     "not probed: on no segment of this host that is up");
	for (i = 0; i < vip->nr_nics && !doctor->probe_error; i++) {
		row = NULL;
		while ((row = probe_answer(&doctor->probe,
					   vip->nics[i]->ifindex, &vip->at,
					   row)))
			tell_answer(doctor, census, vip, row, vip->nics[i]);
	}
	if (!vip->nr_nics || doctor->probe_error)
		return;
	if (!vip->answered)
		find(LEVEL_OK, "arp", &vip->at, NULL,
		     "no other host answers for the VIP");
	else if (!vip->by_server && !is_held(doctor, vip))
		findings.standby++;
}

static void fix_add(struct finding *finding, const struct addr *at,
		    const char *dev)
{
	char text[ADDR_TEXT];

	fix(finding, "ip addr add %s/%u dev %s%s", addr_text(at, text),
	    addr_bits(at), dev, at->family == AF_INET6 ? " nodad" : "");
}

static void tell_missing(struct doctor *doctor, const struct vip *vip)
{
	const struct link *nic = vip->nr_nics ? vip->nics[0] : NULL;
	const struct link *down = host_down(&doctor->host, &vip->at);
	bool input = !strcmp(doctor->config.entry, "input");

	/* Adding the VIP beside another holder is a split brain. */
	if (vip->by_server)
		hint(find(LEVEL_PROBLEM, "vip", &vip->at, NULL,
			  "VIP not configured on this host, and a server answers for it"),
		     "if that server is the active director, nothing is wrong; otherwise fix the server first");
	else if (vip->answered)
		return;
	else if (nic && doctor->probe_error)
		find(LEVEL_UNCHECKED, "vip", &vip->at, NULL,
		     "VIP not configured on this host; whether this is a standby director is not known");
	else if (nic)
		fix_add(find(LEVEL_PROBLEM, "vip", &vip->at, NULL,
			     "VIP not configured on this host (segment %s)",
			     nic->name),
			&vip->at, nic->name);
	else if (down)
		find(LEVEL_UNCHECKED, "vip", &vip->at, NULL,
		     "VIP not configured on this host; %s is down", down->name);
	else
		fix_add(find(input ? LEVEL_PROBLEM : LEVEL_WARNING, "vip",
			     &vip->at, NULL,
			     "VIP not configured on this host: %s", input ?
			     "required with the entry input" :
			     "packets arrive only if a router sends them here"),
			&vip->at, "lo");
}

/* An address on lo or a dummy is answered for on a NIC by IPv4 only. */
static bool is_silent(const struct vip *vip, const struct link *holder)
{
	size_t i;

	for (i = 0; i < vip->nr_nics; i++) {
		if (vip->nics[i] == holder)
			return false;
	}
	return vip->nr_nics && (vip->at.family == AF_INET6 ||
				arp_ignores_lo(conf_max(vip->nics[0]->name,
							"arp_ignore", NULL)));
}

static void tell_held(const struct vip *vip, const struct address *address)
{
	const char *name = address->link->name;
	char text[ADDR_TEXT];

	addr_text(&vip->at, text);
	if (!address->link->up && link_is_nic(address->link))
		find(LEVEL_UNCHECKED, "vip", &vip->at, NULL,
		     "VIP is on %s, which is down", name);
	else if (!address->link->up)
		fix(find(LEVEL_PROBLEM, "vip", &vip->at, NULL,
			 "VIP is on %s, which is down", name),
		    "ip link set %s up", name);
	else if (address->dad_failed)
		hint(find(LEVEL_PROBLEM, "vip", &vip->at, NULL,
			  "VIP on %s is not used: duplicate address detection failed",
			  name),
		     "find the other host first, then: ip addr change %s/%u dev %s nodad",
		     text, address->prefix, name);
	else if (address->tentative)
		hint(find(LEVEL_WARNING, "vip", &vip->at, NULL,
			  "VIP on %s is tentative: duplicate address detection is running",
			  name),
		     "run lbdr-doctor again in some seconds");
	else if (is_silent(vip, address->link))
		fix_add(find(LEVEL_PROBLEM, "vip", &vip->at, NULL,
			     "VIP is on %s: this host does not answer for it on segment %s",
			     name, vip->nics[0]->name),
			&vip->at, vip->nics[0]->name);
	else
		find(LEVEL_OK, "vip", &vip->at, NULL, "VIP is on %s", name);
}

/* Of several places the one on a segment of the VIP counts. */
static void check_vip(struct doctor *doctor, const struct vip *vip)
{
	const struct address *address = NULL, *best = NULL;

	while ((address = host_address(&doctor->host, &vip->at, address))) {
		if (!best || link_is_nic(address->link))
			best = address;
	}
	if (best)
		tell_held(vip, best);
	else if (is_held(doctor, vip))
		find(LEVEL_OK, "vip", &vip->at, NULL,
		     "VIP is local by a route");
	else
		tell_missing(doctor, vip);
}

static void tell_off_link(struct doctor *doctor, const struct addr *at)
{
	const struct route *route = host_route(&doctor->host, at);
	const struct link *nic = host_segment(&doctor->host, at);
	const struct link *down = host_down(&doctor->host, at);
	char text[ADDR_TEXT], via[ADDR_TEXT];
	struct finding *finding;

	if (down) {
		find(LEVEL_UNCHECKED, "on-link", NULL, at,
		     "not reachable while %s is down", down->name);
		return;
	}
	if (!route)
		finding = find(LEVEL_PROBLEM, "on-link", NULL, at,
			       "no route to the server");
	else if (route->via.family)
		finding = find(LEVEL_PROBLEM, "on-link", NULL, at,
			       "server is behind router %s",
			       addr_text(&route->via, via));
	else
		finding = find(LEVEL_PROBLEM, "on-link", NULL, at,
			       "the module has no route to the server");
	if (nic && route)
		fix(finding, "ip route replace %s/%u dev %s",
		    addr_text(at, text), addr_bits(at), nic->name);
	else
		hint(finding,
		     "direct routing requires the server on a segment of this host: check its address and the routes, or add it with --tun");
}

static void tell_silent(struct doctor *doctor,
			const struct server *const *servers, size_t count,
			const struct link *nic)
{
	const struct service *services = doctor->config.services;
	const struct addr *at = &servers[0]->at;
	const struct server *open = NULL;
	char text[ADDR_TEXT];
	struct finding *finding;
	size_t i;

	for (i = 0; i < count && !open; i++)
		open = servers[i]->open ? servers[i] : NULL;
	finding = find(open ? LEVEL_PROBLEM : LEVEL_WARNING, "neighbour", NULL,
		       at,
		       "no reply on %s: the host is down, or on another segment (used by %zu service%s)",
		       nic->name, count, count == 1 ? "" : "s");
	if (open)
		hint(finding,
		     "repair the host; no new connections until then: lbctl edit-server %s -r %s%s%s -w 0",
		     services[open->service].option,
		     at->family == AF_INET ? "" : "[", addr_text(at, text),
		     at->family == AF_INET ? "" : "]");
}

static void check_neighbour(struct doctor *doctor,
			    const struct server *const *servers, size_t count,
			    const struct link *nic)
{
	const struct addr *at = &servers[0]->at;
	const struct neighbour *known =
		host_neighbour(&doctor->host, nic->ifindex, at);
	const struct probe_row *first, *second, *row;
	char mac[MAC_TEXT], other[MAC_TEXT], text[ADDR_TEXT];
	bool valid = known && known->valid;
	bool match = false;

	first = probe_answer(&doctor->probe, nic->ifindex, at, NULL);
	if (!first) {
		tell_silent(doctor, servers, count, nic);
		return;
	}
	second = probe_answer(&doctor->probe, nic->ifindex, at, first);
	for (row = first; row && valid;
	     row = probe_answer(&doctor->probe, nic->ifindex, at, row))
		match |= !memcmp(row->mac, known->mac, ETH_ALEN);
	mac_text(first->mac, mac);
	if (valid && !match)
		fix(find(LEVEL_PROBLEM, "neighbour", NULL, at,
			 "server is %s on %s, but the neighbour table has %s (%s)",
			 mac, nic->name, mac_text(known->mac, other),
			 known->state),
		    "ip neigh del %s dev %s", addr_text(at, text), nic->name);
	else if (second)
		hint(find(LEVEL_WARNING, "neighbour", NULL, at,
			  "two MACs answer on %s: %s and %s", nic->name, mac,
			  mac_text(second->mac, other)),
		     "check for a duplicate address, or two NICs of one host on the segment");
	else if (valid && !known->permanent)
		find(LEVEL_OK, "neighbour", NULL, at,
		     "%s on %s, %s, confirmed %u s ago", mac, nic->name,
		     known->state, known->confirmed_s);
	else
		find(LEVEL_OK, "neighbour", NULL, at, "%s on %s, %s", mac,
		     nic->name, valid ? known->state : "not resolved yet");
}

/* The NIC with the largest MTU that clients of the server arrive on. */
static const struct link *find_widest(const struct doctor *doctor,
				      const struct census *census,
				      const struct server *const *servers,
				      size_t count)
{
	const struct link *widest = NULL;
	const struct vip *vip;
	struct vip key;
	size_t i;

	for (i = 0; i < count && census->nr_vips; i++) {
		key.at = doctor->config.services[servers[i]->service].vip;
		vip = bsearch(&key, census->vips, census->nr_vips, sizeof(key),
			      compare_vips);
		if (vip && vip->widest &&
		    (!widest || widest->mtu < vip->widest->mtu))
			widest = vip->widest;
	}
	return widest;
}

/*
 * A larger MTU is no fix: what the switches and the server take is not known here, and
 * packets that they drop without an ICMP error stall connections.
 */
static void check_mtu(struct doctor *doctor, const struct addr *at,
		      const struct link *in, const struct link *out)
{
	const struct route *route = host_route(&doctor->host, at);
	__u32 mtu = route_mtu(route, out);

	if (!in || mtu >= in->mtu) {
		find(LEVEL_OK, "mtu", NULL, at, "MTU is %u", mtu);
		return;
	}
	hint(find(LEVEL_WARNING, "mtu", NULL, at,
		  "MTU to the server is %u, but %u on %s, where clients arrive: larger packets are refused with ICMP",
		  mtu, in->mtu, in->name),
	     "if the switches and the server take %u bytes, raise the MTU of %s; if not, lower the MTU where clients arrive, or the MSS that the server announces",
	     in->mtu, mtu == out->mtu ? out->name : "the route to the server");
}

static void check_server(struct doctor *doctor, const struct census *census,
			 const struct server *const *servers, size_t count)
{
	const struct link *link = host_link(&doctor->host, servers[0]->ifindex);
	const struct addr *at = &servers[0]->at;

	if (servers[0]->local) {
		find(LEVEL_OK, "on-link", NULL, at, "server is this host");
		return;
	}
	if (*servers[0]->tun) {
		tunnel_check(doctor, servers, count);
		return;
	}
	if (!link) {
		tell_off_link(doctor, at);
		return;
	}
	find(LEVEL_OK, "on-link", NULL, at, "on-link on %s", link->name);
	if (!link_is_nic(link))
		find(LEVEL_OK, "neighbour", NULL, at, "no MAC is needed on %s",
		     link->name);
	else if (!is_ready(link))
		find(LEVEL_UNCHECKED, "neighbour", NULL, at,
		     "not probed: %s is down or has no carrier", link->name);
	else if (!doctor->probe_error)
		check_neighbour(doctor, servers, count, link);
	check_mtu(doctor, at, find_widest(doctor, census, servers, count),
		  link);
}

/* Services of which no server gets new connections, in one finding. */
static void check_open(struct doctor *doctor, bool empty)
{
	const struct config *config = &doctor->config;
	char names[NAMES_MAX * (OPTION_TEXT + 2)] = "";
	size_t used = 0, count = 0;
	bool open;
	size_t i, j;

	for (i = 0; i < config->nr_services; i++) {
		const struct service *service = &config->services[i];

		for (j = 0, open = false; j < service->nr_servers; j++)
			open |= config->servers[service->first + j].open;
		if (open || !service->nr_servers != empty)
			continue;
		if (count++ < NAMES_MAX)
			used += sprintf(names + used, "%s%s",
					count > 1 ? ", " : "", service->option);
	}
	if (!count)
		return;
	hint(find(LEVEL_PROBLEM, "services", NULL, NULL,
		  "%zu service%s %s: %s%s", count, count == 1 ? "" : "s",
		  empty ? "without servers" :
			  "with no server of weight above 0 (or all draining)",
		  names, count > NAMES_MAX ? ", ..." : ""),
	     empty ? "add a server: lbctl add-server %s -r SERVER" :
		     "set a weight: lbctl edit-server %s -r SERVER -w 1",
	     config->nr_services == 1 ? config->services[0].option : "SERVICE");
}

/**
 * services_check() - check services, VIPs and servers
 * @doctor: with host and configuration
 */
void services_check(struct doctor *doctor)
{
	struct census census = { .nr_vips = 0 };
	size_t count, i;

	if (!doctor->config.nr_services)
		hint(find(LEVEL_WARNING, "services", NULL, NULL, "no services"),
		     "see: lbctl help add-service");
	check_open(doctor, true);
	check_open(doctor, false);
	take_vips(doctor, &census);
	take_servers(doctor, &census);
	read_routes(doctor, &census);
	ask_all(doctor, &census);
	for (i = 0; i < census.nr_vips; i++) {
		check_arp(doctor, &census, &census.vips[i]);
		check_vip(doctor, &census.vips[i]);
	}
	for (i = 0; i < census.nr_servers; i += count) {
		count = group_size(&census, i);
		check_server(doctor, &census, &census.servers[i], count);
	}
	for (i = 0; i < census.nr_vips; i++)
		free(census.vips[i].nics);
	free(census.vips);
	free(census.servers);
}
