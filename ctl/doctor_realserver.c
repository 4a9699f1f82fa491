// SPDX-License-Identifier: GPL-2.0
/*
 * `lbctl doctor --realserver`: whether a real server takes packets for the VIPs
 * and keeps silent about them on its segment. Needs no module.
 *
 * IPv4 speaks on any device for any address of the host, unless arp_ignore and
 * arp_announce say otherwise; of "all" and the device's own the greater value
 * holds. IPv6 answers neighbour solicitations only for addresses of the very
 * device that they came by, and for those that it is a proxy for: a VIP on lo
 * needs nothing more.
 */
#include <string.h>

#include <linux/if_addr.h>

#include "doctor.h"

/*
 * 1 and 2 answer for addresses of the NIC alone, 8 for none. 3 goes by scope,
 * and a VIP on lo has that of any other address.
 */
bool arp_ignores_lo(long value)
{
	return value == 1 || value == 2 || value == 8;
}

static void tell_elsewhere(struct doctor *doctor, const struct endpoint *vip,
			   const struct address *address,
			   const struct link *link)
{
	struct subject about = { vip, NULL };
	char text[ENDPOINT_TEXT];

	address_text(vip, text);
	if (link->flags & IFF_LOOPBACK && vip->family == AF_INET)
		doctor_tell(doctor, LEVEL_PROBLEM, "vip", about,
			    mend_here(doctor, "lbctl setup-realserver %s", text),
			    "is on %s with /%u: all addresses of that network are taken for this host's",
			    link->name, address->prefix);
	else
		doctor_tell(doctor, LEVEL_PROBLEM, "vip", about,
			    mend_here(doctor, "lbctl setup-realserver %s", text),
			    "is an address of %s, where this host answers for it",
			    link->name);
}

static void check_place(struct doctor *doctor, const struct endpoint *vip)
{
	struct subject about = { vip, NULL };
	const struct address *address = NULL;
	char text[ENDPOINT_TEXT];
	const struct link *link;
	bool on_lo = false;

	while ((address = host_address(&doctor->host, vip, address))) {
		link = host_link(&doctor->host, address->ifindex);
		if (!link)
			continue;
		if (link->flags & IFF_LOOPBACK &&
		    address->prefix == address_bits(vip))
			on_lo = link->flags & IFF_UP;
		else if (link_is_nic(link) || link->flags & IFF_LOOPBACK)
			tell_elsewhere(doctor, vip, address, link);
		else
			on_lo = link->flags & IFF_UP;
	}
	if (on_lo)
		doctor_tell(doctor, LEVEL_OK, "vip", about, NULL,
			    "is on lo, so that this host takes packets for it");
	else
		doctor_tell(doctor, LEVEL_PROBLEM, "vip", about,
			    mend_here(doctor, "lbctl setup-realserver %s",
				      address_text(vip, text)),
			    "is not on lo, so that this host takes no packets for it");
}

/* A setting's value as it holds for a device, and whose it is. */
static long setting(const char *dev, const char *name, const char **whose)
{
	long all = 0, own = 0;

	conf_read(AF_INET, "all", name, &all);
	conf_read(AF_INET, dev, name, &own);
	*whose = own > all ? dev : "all";
	return own > all ? own : all;
}

static void check_arp_settings(struct doctor *doctor, const struct link *link)
{
	struct subject none = { NULL, NULL };
	char name[CONF_NAME];
	const char *whose;
	long value;

	value = setting(link->name, "arp_ignore", &whose);
	if (arp_ignores_lo(value))
		doctor_tell(doctor, LEVEL_OK, "arp_ignore", none, NULL,
			    "is %ld: no ARP request on %s is answered for an address on lo",
			    value, link->name);
	else
		doctor_tell(doctor, LEVEL_PROBLEM, "arp_ignore", none,
			    mend_here(doctor,
				      "sysctl -w %s=1",
				      conf_name(whose, "arp_ignore", name)),
			    "is %ld: ARP requests on %s are answered for the VIP, which takes it away from the director",
			    value, link->name);
	value = setting(link->name, "arp_announce", &whose);
	if (value >= ARP_ANNOUNCE_BEST)
		doctor_tell(doctor, LEVEL_OK, "arp_announce", none, NULL,
			    "is %ld: this host's own ARP requests on %s do not name the VIP",
			    value, link->name);
	else
		doctor_tell(doctor, LEVEL_PROBLEM, "arp_announce", none,
			    mend_here(doctor,
				      "sysctl -w %s=%d",
				      conf_name(whose, "arp_announce", name),
				      ARP_ANNOUNCE_BEST),
			    "is %ld: this host's own ARP requests on %s may name the VIP, and others learn it from them",
			    value, link->name);
}

static void check_proxies(struct doctor *doctor, const struct endpoint *vip)
{
	const struct host *host = &doctor->host;
	struct subject about = { vip, NULL };
	const struct neighbour *neigh;
	char text[ENDPOINT_TEXT];
	const struct link *link;
	bool found = false;

	for (neigh = host->neighbours;
	     neigh < host->neighbours + host->nr_neighbours; neigh++) {
		link = host_link(host, neigh->ifindex);
		if (!neigh->proxy || !same_address(&neigh->at, vip) || !link)
			continue;
		found = true;
		doctor_tell(doctor, LEVEL_PROBLEM, "proxy", about,
			    mend_here(doctor, "ip neigh del proxy %s dev %s",
				      address_text(vip, text), link->name),
			    "is one that this host is a proxy for on %s, and answers for",
			    link->name);
	}
	if (!found)
		doctor_tell(doctor, LEVEL_OK, "proxy", about, NULL,
			    "is none that this host is a proxy for");
}

int doctor_realserver(struct doctor *doctor)
{
	const struct request *req = doctor->req;
	const struct link *link;
	bool four = false;
	int status;
	size_t i;

	status = host_read(&doctor->host);
	if (status)
		return status;
	for (i = 0; i < req->nr_vips; i++) {
		check_place(doctor, &req->vips[i]);
		check_proxies(doctor, &req->vips[i]);
		four |= req->vips[i].family == AF_INET;
	}
	for (i = 0; four && i < doctor->host.nr_links; i++) {
		link = &doctor->host.links[i];
		if (!link_is_nic(link) || !(link->flags & IFF_UP))
			continue;
		check_arp_settings(doctor, link);
		check_source_filter(doctor, link);
	}
	return EXIT_DONE;
}
