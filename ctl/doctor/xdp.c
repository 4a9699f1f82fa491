// SPDX-License-Identifier: GPL-2.0
/*
 * The entry xdp: what has changed since it was set, so that its devices take no packets any
 * more, or damage them. What stands against it at that time is refused by lbctl.
 */
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <linux/ethtool.h>

#include "../ethtool.h"
#include "doctor.h"

#define PREROUTING "packets of its connections are taken at prerouting"

/* The device that gets the packets of @link, and of which @kinds is one; or NULL. */
static const struct link *above(const struct host *host, const struct link *link,
				const char *const *kinds, size_t count)
{
	const struct link *other;
	size_t i, j;

	for (i = 0; i < host->nr_links; i++) {
		other = &host->links[i];
		for (j = 0; j < count && !strcmp(other->lower, link->name); j++)
			if (!strcmp(other->kind, kinds[j]))
				return other;
	}
	return NULL;
}

/* A device without packets of its own; returns true if that was found. */
static bool check_owner(const struct host *host, const struct link *link)
{
	static const char *const split[] = { "macvlan", "macvtap", "ipvlan", "ipvtap" };
	const struct link *owner = *link->master ? host_link_named(host, link->master) :
				   above(host, link, split, ARRAY_SIZE(split));

	if (!owner)
		return false;
	hint(find(LEVEL_WARNING, "xdp", NULL, NULL, "%s %s gets the packets of %s: " PREROUTING,
		  owner->kind, owner->name, link->name),
	     "the entry xdp has no effect there: lbctl set-entry prerouting");
	return true;
}

/*
 * Without a VLAN device too, the kernel adds VLAN 0 to a device that filters VLANs, as soon
 * as the module 8021q is loaded. lbctl refuses such devices by the same rule.
 */
static bool check_tags(const struct host *host, const struct link *link)
{
	static const char *const vlan = "vlan";
	bool above_it = above(host, link, &vlan, 1);

	if ((!above_it && access("/sys/module/8021q", F_OK)) || !link_strips_tags(link->name))
		return false;
	fix(find(LEVEL_WARNING, "xdp", NULL, NULL, "%s strips the tags of VLANs%s", link->name,
		 above_it ? ": " PREROUTING :
		 ", and 8021q is loaded: packets of its connections may be taken at prerouting"),
	    ETHTOOL_KEEP_TAGS, link->name);
	return true;
}

/* The other end of a veth is the hardware, whose settings only its namespace tells. */
static bool check_peer_of(const struct link *link)
{
	long checksums = *link->lower ? link_setting(link->lower, ETHTOOL_GTXCSUM) : -1;
	long polls = *link->lower ? link_setting(link->lower, ETHTOOL_GGRO) : -1;

	if (strcmp(link->kind, "veth"))
		return false;
	if (checksums < 0 || polls < 0)
		hint(find(LEVEL_UNCHECKED, "xdp", NULL, NULL,
			  "the peer of %s not checked: it is in another namespace",
			  link->name),
		     "packets are damaged unless there: ethtool -K PEER tx off txvlan off gro on");
	else if (checksums)
		fix(find(LEVEL_PROBLEM, "xdp", NULL, NULL,
			 "%s, the peer of %s, leaves checksums to the hardware: packets are sent without them",
			 link->lower, link->name),
		    "ethtool -K %s tx off txvlan off gro on", link->lower);
	else if (!polls)
		fix(find(LEVEL_WARNING, "xdp", NULL, NULL,
			 "%s, the peer of %s, takes no frames: " PREROUTING,
			 link->lower, link->name),
		    "ethtool -K %s gro on", link->lower);
	else
		return false;
	return true;
}

/* Devices of these kinds send packets of the network stack only. */
static bool sends_frames(const struct link *link)
{
	static const char *const not[] = {
		"bridge", "dummy", "ipvlan", "macvlan", "macsec", "vlan", "vxlan",
	};
	size_t i;

	for (i = 0; i < ARRAY_SIZE(not); i++) {
		if (!strcmp(link->kind, not[i]))
			return false;
	}
	return true;
}

/* The devices to the servers, each once. */
static void check_exits(const struct doctor *doctor)
{
	const struct config *config = &doctor->config;
	const struct link *link;
	size_t i, before;

	for (i = 0; i < config->nr_servers; i++) {
		link = host_link(&doctor->host, config->servers[i].ifindex);
		for (before = 0; before < i; before++) {
			if (config->servers[before].ifindex == config->servers[i].ifindex)
				break;
		}
		if (before == i && link && !sends_frames(link))
			find(LEVEL_WARNING, "xdp", NULL, NULL,
			     "%s, a %s to servers, sends no frames of others: packets to them are taken at prerouting",
			     link->name, link->kind);
	}
}

/* The devices of the entry xdp. */
void xdp_check(struct doctor *doctor)
{
	const struct host *host = &doctor->host;
	char devices[sizeof(doctor->config.devices)];
	const struct link *link;
	char *word, *state;

	if (strcmp(doctor->config.entry, "xdp"))
		return;
	strcpy(devices, doctor->config.devices);
	for (word = strtok_r(devices, " ", &state); word;
	     word = strtok_r(NULL, " ", &state)) {
		link = host_link_named(host, word);
		if (!link || check_owner(host, link) || check_tags(host, link) ||
		    check_peer_of(link))
			continue;
		find(LEVEL_OK, "xdp", NULL, NULL,
		     "packets of connections are taken at XDP of %s", word);
	}
	check_exits(doctor);
}
