// SPDX-License-Identifier: GPL-2.0
/*
 * `lbctl setup-realserver`: makes this host a real server of some VIPs, or no
 * longer one. The VIP goes to lo, as a single address; the settings that keep
 * IPv4 silent about it come first, so that not one ARP request is answered
 * meanwhile. What is as it should be is left alone, so a second call changes
 * nothing. Needs no module.
 *
 * All is looked at before anything is changed; what cannot be done is refused
 * as a whole.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <linux/if_addr.h>

#include "doctor.h"

/* Where a command for the same thing would be refused, too. */
static bool is_unusable(const struct endpoint *vip)
{
	const struct in6_addr *six = (const void *)vip->address;
	__u8 first = vip->address[0];

	if (vip->family == AF_INET)
		return !first || first == 127 || first >= 224;
	return IN6_IS_ADDR_MULTICAST(six) || IN6_IS_ADDR_LOOPBACK(six) ||
	       IN6_IS_ADDR_UNSPECIFIED(six) || IN6_IS_ADDR_LINKLOCAL(six);
}

/* This host may be the director of the VIP, where the VIP belongs on the NIC. */
static int refuse_director(const struct request *req)
{
	struct snapshot shot;
	char at[ENDPOINT_TEXT];
	struct nl *nl = NULL;
	size_t i, vip;
	int status;

	if (access("/sys/module/lbdr", F_OK))
		return EXIT_DONE;
	status = nl_open(&nl, NULL);
	if (status)
		return status;
	status = snapshot_take(nl, req, true, &shot);
	nl_close(nl);
	for (i = 0; !status && i < shot.nr_services; i++) {
		for (vip = 0; !status && vip < req->nr_vips; vip++) {
			if (shot.services[i].key.fwmark ||
			    !same_address(&shot.services[i].key.at,
					  &req->vips[vip]))
				continue;
			complain("this host is the director of %s, run this on its real servers",
				 address_text(&req->vips[vip], at));
			status = EXIT_REFUSED;
		}
	}
	snapshot_drop(&shot);
	return status;
}

static bool is_lo(const struct host *host, const struct address *address)
{
	const struct link *link = host_link(host, address->ifindex);

	return link && link->flags & IFF_LOOPBACK;
}

/* With lo, as a single address: where setup puts it. */
static bool is_placed(const struct host *host, const struct address *address)
{
	return is_lo(host, address) &&
	       address->prefix == address_bits(&address->at);
}

/*
 * Whether an address can be taken away without others: with the first IPv4
 * address of a network the kernel removes those of the same network.
 */
static bool stands_alone(const struct host *host, const struct address *address)
{
	const struct address *other;

	if (address->at.family == AF_INET6 ||
	    address->flags & IFA_F_SECONDARY)
		return true;
	for (other = host->addresses;
	     other < host->addresses + host->nr_addresses; other++) {
		if (other != address && other->ifindex == address->ifindex &&
		    other->prefix == address->prefix &&
		    in_prefix(&other->at, &address->at, address->prefix))
			return false;
	}
	return true;
}

static int refuse_vip(const struct host *host, const struct request *req,
		      const struct endpoint *vip)
{
	const struct address *address = NULL;
	const struct link *link;
	char at[ENDPOINT_TEXT];

	address_text(vip, at);
	if (is_unusable(vip)) {
		complain("%s cannot be the address of a service", at);
		return EXIT_REFUSED;
	}
	while (!req->undo && (address = host_address(host, vip, address))) {
		link = host_link(host, address->ifindex);
		if (is_placed(host, address) || stands_alone(host, address))
			continue;
		complain("%s on %s cannot go alone, being the first of its network",
			 at, link ? link->name : "a device");
		return EXIT_REFUSED;
	}
	return EXIT_DONE;
}

static int complain_of(const char *what, const char *of, int error)
{
	complain("cannot %s %s: %s", what, of,
		 error == EPERM || error == EACCES ?
		 "this needs root (CAP_NET_ADMIN)" : strerror(error));
	return EXIT_REFUSED;
}

static int set(const char *dev, const char *name, long value)
{
	char text[CONF_NAME];
	long now = 0;
	int error;

	conf_name(dev, name, text);
	conf_read(AF_INET, dev, name, &now);
	error = conf_write(AF_INET, dev, name, value);
	if (error)
		return complain_of("set", text, error);
	printf("%s = %ld (was %ld)\n", text, value, now);
	return EXIT_DONE;
}

/*
 * The greater one of "all" and the device's own value holds: "all" is set, and
 * a device that spoils it with a greater value that answers.
 */
static int silence(const struct host *host)
{
	long ignore = 0, announce = 0, own;
	int status = EXIT_DONE;
	size_t i;

	conf_read(AF_INET, "all", "arp_ignore", &ignore);
	conf_read(AF_INET, "all", "arp_announce", &announce);
	if (!arp_ignores_lo(ignore))
		status = set("all", "arp_ignore", ignore = 1);
	if (!status && announce < ARP_ANNOUNCE_BEST)
		status = set("all", "arp_announce", ARP_ANNOUNCE_BEST);
	for (i = 0; !status && i < host->nr_links; i++) {
		const struct link *link = &host->links[i];

		own = 0;
		if (!link_is_nic(link) ||
		    conf_read(AF_INET, link->name, "arp_ignore", &own))
			continue;
		if (own > ignore && !arp_ignores_lo(own))
			status = set(link->name, "arp_ignore", 1);
	}
	return status;
}

/* Setup's own values alone are taken back: others are someone else's. */
static int speak(void)
{
	long ignore = 0, announce = 0;
	int status = EXIT_DONE;

	conf_read(AF_INET, "all", "arp_ignore", &ignore);
	conf_read(AF_INET, "all", "arp_announce", &announce);
	if (ignore == 1)
		status = set("all", "arp_ignore", 0);
	if (!status && announce == ARP_ANNOUNCE_BEST)
		status = set("all", "arp_announce", 0);
	return status;
}

static const struct link *find_lo(const struct host *host)
{
	size_t i;

	for (i = 0; i < host->nr_links; i++) {
		if (host->links[i].flags & IFF_LOOPBACK)
			return &host->links[i];
	}
	return NULL;
}

static int change(const struct host *host, bool add, const struct link *link,
		  const struct endpoint *vip, __u8 prefix)
{
	char at[ENDPOINT_TEXT], text[ENDPOINT_TEXT + IFNAMSIZ + 16];
	int error;

	snprintf(text, sizeof(text), "%s/%u %s %s", address_text(vip, at),
		 prefix, add ? "to" : "from", link->name);
	error = host_change_address(host, add, link->ifindex, vip, prefix);
	if (error)
		return complain_of(add ? "add" : "remove", text, error);
	printf("%s %s\n", text, add ? "added" : "removed");
	return EXIT_DONE;
}

/* On lo and nowhere else. */
static int place(const struct host *host, const struct endpoint *vip)
{
	const struct address *address = NULL;
	const struct link *lo = find_lo(host);
	int status = EXIT_DONE;
	bool placed = false;

	while ((address = host_address(host, vip, address)))
		placed |= is_placed(host, address);
	if (!placed)
		status = change(host, true, lo, vip, address_bits(vip));
	while (!status && (address = host_address(host, vip, address))) {
		if (!is_placed(host, address) &&
		    host_link(host, address->ifindex))
			status = change(host, false,
					host_link(host, address->ifindex), vip,
					address->prefix);
	}
	return status;
}

static int take_away(const struct host *host, const struct endpoint *vip)
{
	const struct address *address = NULL;
	int status = EXIT_DONE;

	while (!status && (address = host_address(host, vip, address))) {
		if (is_placed(host, address))
			status = change(host, false, find_lo(host), vip,
					address->prefix);
	}
	return status;
}

static bool is_asked_for(const struct request *req, const struct endpoint *at)
{
	size_t i;

	for (i = 0; i < req->nr_vips; i++) {
		if (same_address(&req->vips[i], at))
			return true;
	}
	return false;
}

/* Whether lo keeps an IPv4 address that may be another VIP. */
static bool has_others(const struct host *host, const struct request *req)
{
	const struct address *address;

	for (address = host->addresses;
	     address < host->addresses + host->nr_addresses; address++) {
		if (address->at.family == AF_INET &&
		    address->at.address[0] != 127 &&
		    is_placed(host, address) &&
		    !is_asked_for(req, &address->at))
			return true;
	}
	return false;
}

static void print_addresses(const struct request *req, const char *format,
			    int family)
{
	char at[ENDPOINT_TEXT];
	size_t i;

	for (i = 0; i < req->nr_vips; i++) {
		if (family == AF_UNSPEC || req->vips[i].family == family)
			printf(format, address_text(&req->vips[i], at),
			       address_bits(&req->vips[i]));
	}
}

/* Files for whoever keeps the network: one of the last two is right. */
static void print_lasting(const struct request *req, bool four)
{
	puts("\nTo have it back after a boot, put this into files:");
	if (four)
		puts("\n# /etc/sysctl.d/60-lbdr-realserver.conf\n"
		     "net.ipv4.conf.all.arp_ignore = 1\n"
		     "net.ipv4.conf.all.arp_announce = 2");
	puts("\n# /etc/systemd/network/60-lbdr-realserver.network, with systemd-networkd\n"
	     "[Match]\nName=lo\n\n[Network]");
	print_addresses(req, "Address=%s/%u\n", AF_UNSPEC);
	puts("\n# /etc/network/interfaces.d/lbdr-realserver, with ifupdown");
	print_addresses(req, "iface lo inet static\n\taddress %s/%u\n", AF_INET);
	print_addresses(req,
			"iface lo inet6 static\n\taddress %s/%u\n\tdad-attempts 0\n",
			AF_INET6);
}

static int undo(const struct host *host, const struct request *req, bool four)
{
	int status = EXIT_DONE;
	size_t i;

	for (i = 0; !status && i < req->nr_vips; i++)
		status = take_away(host, &req->vips[i]);
	if (!status && four && has_others(host, req))
		puts("arp_ignore and arp_announce stay: lo has other addresses");
	else if (!status && four)
		status = speak();
	return status;
}

static int setup(const struct host *host, const struct request *req, bool four)
{
	int status = four ? silence(host) : EXIT_DONE;
	size_t i;

	for (i = 0; !status && i < req->nr_vips; i++)
		status = place(host, &req->vips[i]);
	if (!status)
		print_lasting(req, four);
	return status;
}

int realserver_run(struct nl *nl, const struct request *req)
{
	bool four = false;
	struct host host;
	int status;
	size_t i;

	(void)nl;
	if (req->netns && netns_enter(req->netns))
		return EXIT_REFUSED;
	status = refuse_director(req);
	if (status)
		return status;
	status = host_read(&host);
	for (i = 0; !status && i < req->nr_vips; i++) {
		status = refuse_vip(&host, req, &req->vips[i]);
		four |= req->vips[i].family == AF_INET;
	}
	if (!status && !find_lo(&host)) {
		complain("there is no loopback device here");
		status = EXIT_REFUSED;
	}
	if (!status)
		status = req->undo ? undo(&host, req, four) :
				     setup(&host, req, four);
	host_drop(&host);
	return status;
}
