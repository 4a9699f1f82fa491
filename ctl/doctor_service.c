// SPDX-License-Identifier: GPL-2.0
/*
 * The checks of services and servers: is the VIP this host's, does anyone else
 * answer for it, is each server on-link, does it answer, and do the MTUs agree.
 * Each VIP and each server is looked at once, however many services have it.
 *
 * All segments are asked at once, about all VIPs and servers, before the first
 * finding is told.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <linux/if_addr.h>
#include <linux/neighbour.h>
#include <linux/rtnetlink.h>

#include "doctor.h"

/* An address that services have, and the NICs on whose segments it is sought. */
struct vip {
	struct endpoint at;
	__u32 *nics;
	size_t nr_nics;
	size_t room_nics;
	const struct link *in;	/* of these the one with the largest MTU */
};

struct census {
	struct vip *vips;
	size_t nr_vips;
	size_t room_vips;
	const struct server **servers;	/* those of one address together */
	size_t nr_servers;
};

static int compare_vips(const void *a, const void *b)
{
	const struct vip *first = a;
	const struct vip *second = b;

	return address_compare(&first->at, &second->at);
}

static int compare_addresses(const void *a, const void *b)
{
	const struct server *const *first = a;
	const struct server *const *second = b;
	int order = address_compare(&(*first)->at, &(*second)->at);

	return order ? order : service_key_compare(&(*first)->service,
						   &(*second)->service);
}

static bool has_nic(const struct vip *vip, __u32 ifindex)
{
	size_t i;

	for (i = 0; i < vip->nr_nics; i++) {
		if (vip->nics[i] == ifindex)
			return true;
	}
	return false;
}

/* A NIC that holds the VIP, or has an address of its network. */
static void find_nics(const struct host *host, struct vip *vip)
{
	const struct address *address;
	const struct link *link;

	for (address = host->addresses;
	     address < host->addresses + host->nr_addresses; address++) {
		if (!in_prefix(&vip->at, &address->at, address->prefix) ||
		    has_nic(vip, address->ifindex))
			continue;
		link = host_link(host, address->ifindex);
		if (!link || !link_is_nic(link) || !(link->flags & IFF_UP))
			continue;
		vip->nics = grow(vip->nics, &vip->room_nics, vip->nr_nics,
				 sizeof(*vip->nics));
		vip->nics[vip->nr_nics++] = address->ifindex;
		if (!vip->in || vip->in->mtu < link->mtu)
			vip->in = link;
	}
}

static void take_vips(const struct doctor *doctor, struct census *census)
{
	const struct snapshot *shot = &doctor->shot;
	size_t kept = 0;
	struct vip *vip;
	size_t i;

	for (i = 0; i < shot->nr_services; i++) {
		if (shot->services[i].key.fwmark)
			continue;
		census->vips = grow(census->vips, &census->room_vips,
				    census->nr_vips, sizeof(*vip));
		vip = &census->vips[census->nr_vips++];
		memset(vip, 0, sizeof(*vip));
		vip->at = shot->services[i].key.at;
		vip->at.port = 0;
		vip->at.last_port = 0;
	}
	if (census->nr_vips)
		qsort(census->vips, census->nr_vips, sizeof(*vip),
		      compare_vips);
	for (i = 0; i < census->nr_vips; i++) {
		if (!kept || compare_vips(&census->vips[kept - 1],
					  &census->vips[i]))
			census->vips[kept++] = census->vips[i];
	}
	census->nr_vips = kept;
	for (i = 0; i < kept; i++)
		find_nics(&doctor->host, &census->vips[i]);
}

static void take_servers(const struct doctor *doctor, struct census *census)
{
	const struct snapshot *shot = &doctor->shot;
	size_t room = 0;
	size_t i;

	for (i = 0; i < shot->nr_servers; i++) {
		census->servers = grow(census->servers, &room, i,
				       sizeof(*census->servers));
		census->servers[i] = &shot->servers[i];
	}
	census->nr_servers = shot->nr_servers;
	if (room)
		qsort(census->servers, census->nr_servers,
		      sizeof(*census->servers), compare_addresses);
}

/* How many servers from @at on have its address. */
static size_t group_size(const struct census *census, size_t at)
{
	size_t end = at + 1;

	while (end < census->nr_servers &&
	       same_address(&census->servers[end]->at,
			    &census->servers[at]->at))
		end++;
	return end - at;
}

/* Where a server can be asked for its MAC; NULL where it cannot. */
static const struct link *server_nic(const struct doctor *doctor,
				     const struct server *server)
{
	const struct link *link = host_link(&doctor->host, server->ifindex);

	return link && link_is_nic(link) && link->flags & IFF_UP ? link : NULL;
}

static void ask_all(struct doctor *doctor, const struct census *census)
{
	size_t i, nic;

	for (i = 0; i < census->nr_vips; i++) {
		for (nic = 0; nic < census->vips[i].nr_nics; nic++)
			probe_ask(&doctor->probe, census->vips[i].nics[nic],
				  &census->vips[i].at);
	}
	for (i = 0; i < census->nr_servers; i++) {
		if (census->servers[i]->forward != LBDR_FORWARD_LOCAL &&
		    server_nic(doctor, census->servers[i]))
			probe_ask(&doctor->probe, census->servers[i]->ifindex,
				  &census->servers[i]->at);
	}
	if (probe_run(&doctor->probe, &doctor->host))
		doctor->probe_error = errno;
}

/* How a VIP is added to a device: by itself, and without being tested first. */
static const struct mend *mend_add(struct doctor *doctor,
				   const struct endpoint *at, const char *dev)
{
	char text[ENDPOINT_TEXT];

	return mend_here(doctor, "ip addr add %s/%u dev %s%s",
			 address_text(at, text), address_bits(at), dev,
			 at->family == AF_INET6 ? " nodad" : "");
}

/*
 * On lo, or a dummy, a VIP is answered for on a NIC only by IPv4, and there not
 * if the NIC speaks for its own addresses alone.
 */
static bool is_mute(const struct endpoint *at, const struct link *nic)
{
	long all = 0, own = 0;

	if (at->family == AF_INET6)
		return true;
	conf_read(AF_INET, "all", "arp_ignore", &all);
	conf_read(AF_INET, nic->name, "arp_ignore", &own);
	return arp_ignores_lo(all > own ? all : own);
}

static void tell_held(struct doctor *doctor, const struct vip *vip,
		      const struct address *address, const struct link *link)
{
	struct subject about = { &vip->at, NULL };
	char text[ENDPOINT_TEXT];
	const struct link *nic;

	address_text(&vip->at, text);
	if (!(link->flags & IFF_UP)) {
		doctor_tell(doctor, LEVEL_PROBLEM, "vip", about,
			    mend_here(doctor, "ip link set %s up", link->name),
			    "is an address of %s, which is down", link->name);
		return;
	}
	if (address->flags & IFA_F_DADFAILED) {
		doctor_tell(doctor, LEVEL_PROBLEM, "vip", about,
			    mend_here(doctor,
				      "ip addr del %s/%u dev %s && ip addr add %s/%u dev %s nodad",
				      text, address->prefix, link->name, text,
				      address->prefix, link->name),
			    "is an address of %s that is not used, for another host had it when it was added",
			    link->name);
		return;
	}
	if (address->flags & IFA_F_TENTATIVE) {
		doctor_tell(doctor, LEVEL_WARNING, "vip", about, NULL,
			    "is an address of %s that is still looked for on other hosts; ask again in some seconds",
			    link->name);
		return;
	}
	nic = vip->nr_nics && !has_nic(vip, address->ifindex) ?
	      host_link(&doctor->host, vip->nics[0]) : NULL;
	if (nic && is_mute(&vip->at, nic))
		doctor_tell(doctor, LEVEL_PROBLEM, "vip", about,
			    mend_add(doctor, &vip->at, nic->name),
			    "is an address of %s, and so this host does not answer for it on the segment of %s",
			    link->name, nic->name);
	else
		doctor_tell(doctor, LEVEL_OK, "vip", about, NULL,
			    "is an address of %s", link->name);
}

static void tell_not_held(struct doctor *doctor, const struct vip *vip)
{
	struct subject about = { &vip->at, NULL };
	const struct link *nic;
	struct route route;

	host_route(&doctor->host, &vip->at, &route);
	if (!route.error && route.type == RTN_LOCAL) {
		doctor_tell(doctor, LEVEL_OK, "vip", about, NULL,
			    "is local by a route");
		return;
	}
	nic = vip->nr_nics ? host_link(&doctor->host, vip->nics[0]) : NULL;
	if (nic)
		doctor_tell(doctor, LEVEL_PROBLEM, "vip", about,
			    mend_add(doctor, &vip->at, nic->name),
			    "is no address of this host, which does not answer for it on the segment of %s",
			    nic->name);
	else if (doctor->entry == LBDR_ENTRY_INPUT)
		doctor_tell(doctor, LEVEL_PROBLEM, "vip", about,
			    mend_add(doctor, &vip->at, "lo"),
			    "is no address of this host, as it has to be with the entry input");
	else
		doctor_tell(doctor, LEVEL_WARNING, "vip", about,
			    mend_add(doctor, &vip->at, "lo"),
			    "is no address of this host, which only sees packets for it if a router sends them here");
}

/* The best place that has it. */
static void check_vip(struct doctor *doctor, const struct vip *vip)
{
	const struct address *address = NULL;
	const struct address *best = NULL;

	while ((address = host_address(&doctor->host, &vip->at, address))) {
		if (!best || has_nic(vip, address->ifindex))
			best = address;
	}
	if (best && host_link(&doctor->host, best->ifindex))
		tell_held(doctor, vip, best,
			  host_link(&doctor->host, best->ifindex));
	else
		tell_not_held(doctor, vip);
}

/* The server of one family that has answered with this MAC. */
static const struct endpoint *server_of(const struct doctor *doctor,
					const struct census *census,
					const struct probe_row *thief,
					int family)
{
	const struct probe_row *row;
	const struct endpoint *at;
	size_t i;

	for (i = 0; i < census->nr_servers; i++) {
		at = &census->servers[i]->at;
		row = NULL;
		while (at->family == family &&
		       (row = probe_answer(&doctor->probe, thief->ifindex, at,
					   row))) {
			if (!memcmp(row->mac, thief->mac, ETH_ALEN))
				return at;
		}
	}
	return NULL;
}

/* Whose MAC it is: a server's that answered with it, or a neighbour's. */
static const struct endpoint *owner(const struct doctor *doctor,
				    const struct census *census,
				    const struct probe_row *thief, bool *serves)
{
	int family = thief->at.family;
	const struct host *host = &doctor->host;
	const struct endpoint *at;
	size_t i;

	at = server_of(doctor, census, thief, family);
	if (!at)
		at = server_of(doctor, census, thief,
			       family == AF_INET ? AF_INET6 : AF_INET);
	*serves = at;
	for (i = 0; !at && i < host->nr_neighbours; i++) {
		if (host->neighbours[i].has_mac &&
		    !memcmp(host->neighbours[i].mac, thief->mac, ETH_ALEN))
			at = &host->neighbours[i].at;
	}
	return at;
}

static void tell_thief(struct doctor *doctor, const struct census *census,
		       const struct vip *vip, const struct probe_row *thief,
		       const struct link *nic)
{
	const char *what = vip->at.family == AF_INET ? "ARP" :
						       "neighbour solicitations";
	struct subject about = { &vip->at, NULL };
	char mac[MAC_TEXT], at[ENDPOINT_TEXT], text[ENDPOINT_TEXT];
	const struct endpoint *who;
	bool serves;

	mac_text(thief->mac, mac);
	address_text(&vip->at, text);
	who = owner(doctor, census, thief, &serves);
	if (who)
		address_text(who, at);
	doctor_tell(doctor, LEVEL_PROBLEM, "arp", about,
		    mend_on(doctor, who ? at : mac, "lbctl setup-realserver %s",
			    text),
		    "%s of %s%s answers %s for it on the segment of %s, and takes its clients away",
		    mac, serves ? "the server " :
			 who ? "" : "a host that is no server of these services",
		    who ? at : "", what, nic->name);
}

static void check_arp(struct doctor *doctor, const struct census *census,
		      const struct vip *vip)
{
	const char *what = vip->at.family == AF_INET ? "ARP" :
						       "neighbour solicitations";
	struct subject about = { &vip->at, NULL };
	const struct probe_row *row;
	const struct link *nic;
	bool found;
	size_t i;

	if (!vip->nr_nics)
		doctor_tell(doctor, LEVEL_OK, "arp", about, NULL,
			    "is sought on no segment of this host");
	for (i = 0; i < vip->nr_nics; i++) {
		nic = host_link(&doctor->host, vip->nics[i]);
		row = NULL;
		found = false;
		while ((row = probe_answer(&doctor->probe, vip->nics[i],
					   &vip->at, row))) {
			tell_thief(doctor, census, vip, row, nic);
			found = true;
		}
		if (!found && !doctor->probe_error)
			doctor_tell(doctor, LEVEL_OK, "arp", about, NULL,
				    "no other host answers %s for it on the segment of %s",
				    what, nic->name);
	}
}

/* On whose segment the server would be by its address. */
static const struct link *segment_of(const struct host *host,
				     const struct endpoint *at)
{
	size_t i;

	for (i = 0; i < host->nr_links; i++) {
		if (link_is_nic(&host->links[i]) &&
		    host->links[i].flags & IFF_UP &&
		    host_on_segment(host, host->links[i].ifindex, at))
			return &host->links[i];
	}
	return NULL;
}

static const struct mend *mend_server(struct doctor *doctor,
				      const struct server *server,
				      const char *verb, const char *more)
{
	char option[SERVICE_OPTION], at[ENDPOINT_TEXT];

	address_text(&server->at, at);
	return mend_here(doctor, server->at.family == AF_INET ?
			 "lbctl %s %s -r %s%s" : "lbctl %s %s -r [%s]%s", verb,
			 service_option(&server->service, option), at, more);
}

/* A server that no MAC leads to, of each of @count services. */
static void tell_off_link(struct doctor *doctor,
			  const struct server *const *servers, size_t count)
{
	const struct endpoint *at = &servers[0]->at;
	const struct link *nic = segment_of(&doctor->host, at);
	struct subject about = { NULL, at };
	char text[ENDPOINT_TEXT], why[ENDPOINT_TEXT + 64];
	struct route route;
	size_t i;

	host_route(&doctor->host, at, &route);
	if (route.error)
		snprintf(why, sizeof(why), "cannot be reached (%s)",
			 strerror(route.error));
	else if (route.gateway)
		snprintf(why, sizeof(why), "is behind the router %s",
			 address_text(&route.via, text));
	else
		snprintf(why, sizeof(why), "has a route that leads to no host");
	if (nic) {
		doctor_tell(doctor, LEVEL_PROBLEM, "on-link", about,
			    mend_here(doctor, "ip route replace %s/%u dev %s",
				      address_text(at, text), address_bits(at),
				      nic->name),
			    "%s, though its address is of the network of %s; by a router its MAC cannot be set",
			    why, nic->name);
		return;
	}
	for (i = 0; i < count; i++) {
		about.vip = servers[i]->service.fwmark ? NULL :
			    &servers[i]->service.at;
		doctor_tell(doctor, LEVEL_PROBLEM, "on-link", about,
			    mend_server(doctor, servers[i], "del-server", ""),
			    "%s, and direct routing needs it on a segment of this host",
			    why);
	}
}

static const char *state_text(__u16 state)
{
	switch (state) {
	case NUD_REACHABLE:
		return "reachable";
	case NUD_STALE:
		return "stale";
	case NUD_DELAY:
		return "delay";
	case NUD_PROBE:
		return "probe";
	case NUD_PERMANENT:
		return "permanent";
	case NUD_FAILED:
		return "failed";
	case NUD_INCOMPLETE:
		return "incomplete";
	default:
		return "none";
	}
}

static void tell_silent(struct doctor *doctor,
			const struct server *const *servers, size_t count,
			const struct link *nic)
{
	struct subject about = { NULL, &servers[0]->at };
	bool open;
	size_t i;

	for (i = 0; i < count; i++) {
		open = servers[i]->weight && !servers[i]->draining;
		about.vip = servers[i]->service.fwmark ? NULL :
			    &servers[i]->service.at;
		doctor_tell(doctor, open ? LEVEL_PROBLEM : LEVEL_WARNING,
			    "neighbour", about,
			    open ? mend_server(doctor, servers[i],
					       "edit-server", " -w 0") :
				   mend_server(doctor, servers[i],
					       "del-server", ""),
			    "does not answer on %s: it is down, or on another segment%s",
			    nic->name, open ? "; with weight 0 it gets no new connections" :
					      "; it gets no new connections");
	}
}

static void check_neighbour(struct doctor *doctor,
			    const struct server *const *servers, size_t count,
			    const struct link *nic)
{
	const struct endpoint *at = &servers[0]->at;
	const struct probe_row *row, *match = NULL, *first;
	struct subject about = { NULL, at };
	char mac[MAC_TEXT], other[MAC_TEXT], text[ENDPOINT_TEXT];
	const struct neighbour *known;
	bool valid;

	known = host_neighbour(&doctor->host, nic->ifindex, at);
	valid = known && known->has_mac &&
		!(known->state & (NUD_FAILED | NUD_INCOMPLETE));
	first = probe_answer(&doctor->probe, nic->ifindex, at, NULL);
	if (!first) {
		tell_silent(doctor, servers, count, nic);
		return;
	}
	for (row = first; row;
	     row = probe_answer(&doctor->probe, nic->ifindex, at, row)) {
		if (valid && !memcmp(row->mac, known->mac, ETH_ALEN))
			match = row;
	}
	mac_text(first->mac, mac);
	if (valid && !match) {
		doctor_tell(doctor, LEVEL_PROBLEM, "neighbour", about,
			    mend_here(doctor, "ip neigh del %s dev %s",
				      address_text(at, text), nic->name),
			    "is %s on %s, and the neighbour table has %s (%s)",
			    mac, nic->name, mac_text(known->mac, other),
			    state_text(known->state));
		return;
	}
	row = probe_answer(&doctor->probe, nic->ifindex, at, first);
	if (row) {
		doctor_tell(doctor, LEVEL_WARNING, "neighbour", about, NULL,
			    "is both %s and %s on %s: two hosts, or two NICs of one, have this address",
			    mac, mac_text(row->mac, other), nic->name);
		return;
	}
	if (!valid)
		doctor_tell(doctor, LEVEL_OK, "neighbour", about, NULL,
			    "is %s on %s; the first packet will have it resolved",
			    mac, nic->name);
	else if (known->state & (NUD_PERMANENT | NUD_NOARP))
		doctor_tell(doctor, LEVEL_OK, "neighbour", about, NULL,
			    "is %s on %s, for good", mac, nic->name);
	else
		doctor_tell(doctor, LEVEL_OK, "neighbour", about, NULL,
			    "is %s on %s, %s, confirmed %u s ago", mac,
			    nic->name, state_text(known->state),
			    known->confirmed_s);
}

/* Of the VIPs that a server serves, the NIC with the largest MTU. */
static const struct link *widest(const struct census *census,
				 const struct server *const *servers,
				 size_t count)
{
	const struct link *in = NULL;
	const struct vip *vip;
	struct vip key;
	size_t i;

	for (i = 0; i < count; i++) {
		if (servers[i]->service.fwmark || !census->nr_vips)
			continue;
		key.at = servers[i]->service.at;
		vip = bsearch(&key, census->vips, census->nr_vips, sizeof(key),
			      compare_vips);
		if (vip && vip->in && (!in || in->mtu < vip->in->mtu))
			in = vip->in;
	}
	return in;
}

static void check_mtu(struct doctor *doctor, const struct census *census,
		      const struct server *const *servers, size_t count,
		      const struct link *out)
{
	const struct link *in = widest(census, servers, count);
	const struct endpoint *at = &servers[0]->at;
	struct subject about = { NULL, at };
	char text[ENDPOINT_TEXT];
	struct route route;
	__u32 mtu;

	host_route(&doctor->host, at, &route);
	mtu = !route.error && route.mtu && route.mtu < out->mtu ? route.mtu :
								  out->mtu;
	if (!in)
		doctor_tell(doctor, LEVEL_OK, "mtu", about, NULL,
			    "has MTU %u; by which device clients come is not known",
			    mtu);
	else if (mtu >= in->mtu)
		doctor_tell(doctor, LEVEL_OK, "mtu", about, NULL,
			    "has MTU %u, clients come by %s with %u", mtu,
			    in->name, in->mtu);
	else if (mtu == out->mtu)
		doctor_tell(doctor, LEVEL_WARNING, "mtu", about,
			    mend_here(doctor, "ip link set %s mtu %u",
				      out->name, in->mtu),
			    "has MTU %u by %s, and clients come by %s with %u: larger packets are refused by ICMP, which not every client gets",
			    mtu, out->name, in->name, in->mtu);
	else
		doctor_tell(doctor, LEVEL_WARNING, "mtu", about,
			    mend_here(doctor,
				      "ip route replace %s/%u dev %s mtu %u",
				      address_text(at, text), address_bits(at),
				      out->name, in->mtu),
			    "has MTU %u by its route, and clients come by %s with %u: larger packets are refused by ICMP, which not every client gets",
			    mtu, in->name, in->mtu);
}

static void check_server(struct doctor *doctor, const struct census *census,
			 const struct server *const *servers, size_t count)
{
	const struct server *server = servers[0];
	struct subject about = { NULL, &server->at };
	const struct link *link;

	if (server->forward == LBDR_FORWARD_LOCAL) {
		doctor_tell(doctor, LEVEL_OK, "on-link", about, NULL,
			    "is this host itself");
		return;
	}
	link = host_link(&doctor->host, server->ifindex);
	if (!link) {
		tell_off_link(doctor, servers, count);
		return;
	}
	doctor_tell(doctor, LEVEL_OK, "on-link", about, NULL,
		    "is on-link by %s", link->name);
	if (!server_nic(doctor, server))
		doctor_tell(doctor, LEVEL_OK, "neighbour", about, NULL,
			    "needs no MAC on %s", link->name);
	else if (!doctor->probe_error)
		check_neighbour(doctor, servers, count, link);
	check_mtu(doctor, census, servers, count, link);
}

/**
 * check_services() - all checks of VIPs and servers
 * @doctor: with a picture of the host and of the configuration
 */
void check_services(struct doctor *doctor)
{
	struct subject none = { NULL, NULL };
	struct census census = { .nr_vips = 0 };
	size_t count;
	size_t i;

	take_vips(doctor, &census);
	take_servers(doctor, &census);
	ask_all(doctor, &census);
	if (doctor->probe_error)
		doctor_tell(doctor, LEVEL_WARNING, "arp", none, NULL,
			    "nobody was asked for VIPs and servers: %s",
			    strerror(doctor->probe_error));
	for (i = 0; i < census.nr_vips; i++) {
		check_vip(doctor, &census.vips[i]);
		check_arp(doctor, &census, &census.vips[i]);
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
