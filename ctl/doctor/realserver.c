// SPDX-License-Identifier: GPL-2.0
/*
 * The checks of a real server: it accepts packets for the VIPs and does not
 * answer for them on its segments. No module is needed.
 *
 * IPv4 answers ARP on any device for any address of the host, unless arp_ignore
 * and arp_announce say otherwise. IPv6 answers on a device for its own addresses
 * only, and for those that it is a proxy for: a VIP on lo needs no setting.
 */
#include <string.h>

#include "doctor.h"

/*
 * 1 and 2 answer for addresses of the NIC only, 8 for none. 3 depends on the
 * scope, which is global for a VIP on lo.
 */
bool arp_ignores_lo(long value)
{
	return value == 1 || value == 2 || value == 8;
}

static void check_place(struct doctor *doctor, const struct addr *vip)
{
	const struct address *address = NULL;
	const struct link *placed = NULL;
	char text[ADDR_TEXT];

	addr_text(vip, text);
	while ((address = host_address(&doctor->host, vip, address))) {
		const struct link *link = address->link;

		if (link->loopback && address->prefix != addr_bits(vip))
			fix(find(LEVEL_PROBLEM, "vip", vip, NULL,
				 "VIP is on %s with prefix length %u: the host takes all addresses of that network as its own",
				 link->name, address->prefix),
			    "lbdr-doctor setup-realserver %s", text);
		else if (link_is_nic(link))
			fix(find(LEVEL_PROBLEM, "vip", vip, NULL,
				 "VIP is on %s, where this host answers for it",
				 link->name),
			    "lbdr-doctor setup-realserver %s", text);
		else if (link->up)
			placed = link;
	}
	if (placed)
		find(LEVEL_OK, "vip", vip, NULL, "VIP is on %s", placed->name);
	else
		fix(find(LEVEL_PROBLEM, "vip", vip, NULL,
			 "VIP is not on lo: this host does not accept packets for it"),
		    "lbdr-doctor setup-realserver %s", text);
}

static void check_arp_setting(const struct link *link, const char *setting,
			      bool good, int best, const char *effect)
{
	char name[CONF_NAME];
	const char *whose;
	long value = conf_max(link->name, setting, &whose);

	if (good)
		find(LEVEL_OK, setting, NULL, NULL, "%s is %ld on %s", setting,
		     value, link->name);
	else
		fix(find(LEVEL_PROBLEM, setting, NULL, NULL,
			 "%s is %ld on %s: %s", setting, value, link->name,
			 effect),
		    "sysctl -w %s=%d", conf_name(whose, setting, name), best);
}

static void check_proxies(struct doctor *doctor, const struct addr *vip)
{
	const struct host *host = &doctor->host;
	const struct neighbour *neigh;
	const struct link *link;
	char text[ADDR_TEXT];

	for (neigh = host->neighbours;
	     neigh < host->neighbours + host->nr_neighbours; neigh++) {
		link = host_link(host, neigh->ifindex);
		if (neigh->proxy && addr_same(&neigh->at, vip) && link)
			fix(find(LEVEL_PROBLEM, "proxy", vip, NULL,
				 "this host answers for the VIP as a proxy on %s",
				 link->name),
			    "ip neigh del proxy %s dev %s",
			    addr_text(vip, text), link->name);
	}
}

/**
 * realserver_check() - all checks of a real server
 * @doctor: whose options name the VIPs
 *
 * Return: the exit status; not EXIT_DONE if the state could not be read.
 */
int realserver_check(struct doctor *doctor)
{
	const struct options *options = doctor->options;
	int status = host_read(&doctor->host);
	const struct link *link;
	bool ipv4 = false;
	size_t i;

	if (status)
		return status;
	for (i = 0; i < options->nr_vips; i++) {
		check_place(doctor, &options->vips[i]);
		check_proxies(doctor, &options->vips[i]);
		ipv4 |= options->vips[i].family == AF_INET;
	}
	for (i = 0; ipv4 && i < doctor->host.nr_links; i++) {
		link = &doctor->host.links[i];
		if (!link_is_nic(link) || !link->up)
			continue;
		check_arp_setting(link, "arp_ignore",
				  arp_ignores_lo(conf_max(link->name,
							  "arp_ignore", NULL)),
				  1, "this host answers ARP for the VIP");
		check_arp_setting(link, "arp_announce",
				  conf_max(link->name, "arp_announce", NULL) >=
				  ARP_ANNOUNCE_BEST, ARP_ANNOUNCE_BEST,
				  "ARP requests of this host may contain the VIP");
		source_filter_check(doctor, link);
	}
	return EXIT_DONE;
}
