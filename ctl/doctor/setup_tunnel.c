// SPDX-License-Identifier: GPL-2.0
/*
 * setup-realserver --tun: has this host decapsulate the packets of a tunnel, and
 * announce an MSS that leaves room for the tunnel's header.
 *
 * Devices with "external" receive the tunnels of every director, and of all local
 * addresses. sit has no such mode: its own device sit0 receives IPv6 in IPv4. A
 * director never sees a SYN-ACK, so only this host can lower what clients send.
 *
 * The record of setup.c has an entry for each tunnel: {"type", "port", "mss4",
 * "mss6", "vips"}, and "fou4" and "fou6" if the port was opened. The nftables table is
 * always written whole, from these entries.
 */
#include <stdlib.h>
#include <string.h>

#include "doctor.h"

#define TABLE "inet lbdr_realserver"
#define TCP_IP 40		/* bytes of both headers, 20 more with IPv6 */

/* A device of Linux that decapsulates. */
struct device {
	bool gre;		/* of gre, else of ipip and gue */
	int outer;
	int inner;		/* AF_UNSPEC: both */
	const char *name;
	const char *kind;	/* NULL: the module makes it */
};

static const struct device devices[] = {
	{ false, AF_INET, AF_INET, "lbdr-ipip", "ipip" },
	{ false, AF_INET, AF_INET6, "sit0", NULL },
	{ false, AF_INET6, AF_UNSPEC, "lbdr-ip6tnl", "ip6tnl" },
	{ true, AF_INET, AF_UNSPEC, "lbdr-gre", "gre" },
	{ true, AF_INET6, AF_UNSPEC, "lbdr-ip6gre", "ip6gre" },
};

static const struct device *const devices_end = devices + ARRAY_SIZE(devices);

/**
 * tunnel_overhead() - the bytes that a tunnel puts in front of a packet
 * @type: "ipip", "gre" or "gue"
 * @family: of the outer header
 * @csum: it has a checksum
 */
unsigned int tunnel_overhead(const char *type, int family, bool csum)
{
	unsigned int size = family == AF_INET ? 20 : 40;

	if (!strcmp(type, "gre"))
		return size + (csum ? 8 : 4);
	return size + (strcmp(type, "gue") ? 0 : 12);
}

/* An address that a director may send to. */
static bool has_family(const struct host *host, const struct options *options, int family)
{
	const struct address *address;

	for (address = host->addresses;
	     address < host->addresses + host->nr_addresses; address++) {
		if (address_is_usable(address, family) &&
		    !options_name(options, &address->at))
			return true;
	}
	return false;
}

static int family_of(const char *address)
{
	return strchr(address, ':') ? AF_INET6 : AF_INET;
}

static bool has_vip(const json_t *entry, int family)
{
	const json_t *vip;
	size_t i;

	json_array_foreach(json_object_get(entry, "vips"), i, vip) {
		if (family == AF_UNSPEC ||
		    family_of(json_string_value(vip) ?: "") == family)
			return true;
	}
	return false;
}

/* Whether packets of the entry's tunnel are decapsulated by the device. */
static bool uses(const json_t *entry, const struct device *device)
{
	return !strcmp(word_of(entry, "type"), "gre") == device->gre &&
	       has_vip(entry, device->inner);
}

static bool is_used(const json_t *tunnels, const struct device *device)
{
	const json_t *entry;
	size_t i;

	json_array_foreach(tunnels, i, entry) {
		if (uses(entry, device))
			return true;
	}
	return false;
}

static json_t *find_entry(json_t *tunnels, const struct options *options)
{
	json_t *entry;
	size_t i;

	json_array_foreach(tunnels, i, entry) {
		if (!strcmp(word_of(entry, "type"), options->tun) &&
		    number_of(entry, "port") == options->tun_port)
			return entry;
	}
	return NULL;
}

/* The index of a VIP in an entry, or the number of its VIPs. */
static size_t find_vip(const json_t *entry, const char *at)
{
	const json_t *vips = json_object_get(entry, "vips");
	size_t i;

	for (i = 0; i < json_array_size(vips); i++) {
		if (!strcmp(json_string_value(json_array_get(vips, i)) ?: "", at))
			break;
	}
	return i;
}

/* The smallest MTU of the NICs: by which one packets come is not known. */
static __u32 smallest_mtu(const struct host *host)
{
	__u32 mtu = 0;
	size_t i;

	for (i = 0; i < host->nr_links; i++) {
		const struct link *link = &host->links[i];

		if (link_is_nic(link) && link->up && (!mtu || link->mtu < mtu))
			mtu = link->mtu;
	}
	return mtu ? mtu : 1500;
}

static void add_entry(json_t *tunnels, const struct host *host,
		      const struct options *options, bool six)
{
	json_t *entry = find_entry(tunnels, options);
	char at[ADDR_TEXT];
	int mss;
	size_t i;

	if (!entry) {
		entry = json_pack("{s:s, s:i, s:[]}", "type", options->tun, "port",
				  options->tun_port, "vips");
		json_array_append_new(tunnels, entry);
	}
	mss = smallest_mtu(host) - TCP_IP -
	      tunnel_overhead(options->tun, six ? AF_INET6 : AF_INET, false);
	json_object_set_new(entry, "mss4", json_integer(mss));
	json_object_set_new(entry, "mss6", json_integer(mss - 20));
	for (i = 0; i < options->nr_vips; i++) {
		addr_text(&options->vips[i], at);
		if (find_vip(entry, at) ==
		    json_array_size(json_object_get(entry, "vips")))
			json_array_append_new(json_object_get(entry, "vips"),
					      json_string(at));
	}
}

static void write_rule(FILE *out, const json_t *entry, int family)
{
	int mss = number_of(entry, family == AF_INET ? "mss4" : "mss6");
	const char *before = "{ ";
	const json_t *vip;
	size_t i;

	if (!has_vip(entry, family))
		return;
	fprintf(out, "\t\t%s saddr ", family == AF_INET ? "ip" : "ip6");
	json_array_foreach(json_object_get(entry, "vips"), i, vip) {
		const char *at = json_string_value(vip) ?: "";

		if (family_of(at) == family) {
			fprintf(out, "%s%s", before, at);
			before = ", ";
		}
	}
	fprintf(out, " } tcp flags syn tcp option maxseg size > %d tcp option maxseg size set %d\n",
		mss, mss);
}

/* Replaces the table, or deletes it without entries. */
static bool clamp(const struct options *options, const json_t *tunnels)
{
	static const char *const words[] = { "nft", "-f", "-", NULL };
	const json_t *entry;
	char *text = NULL;
	int status = 0;
	size_t size, i;
	FILE *out;

	out = or_exit(open_memstream(&text, &size));
	fprintf(out, "add table " TABLE "\ndelete table " TABLE "\n");
	if (json_array_size(tunnels))
		fprintf(out, "table " TABLE " {\n\tchain output {\n"
			"\t\ttype filter hook output priority mangle\n");
	json_array_foreach(tunnels, i, entry) {
		write_rule(out, entry, AF_INET);
		write_rule(out, entry, AF_INET6);
	}
	if (json_array_size(tunnels))
		fputs("\t}\n}\n", out);
	stream_end(out);
	printf("nft -f - <<'END'\n%sEND\n", text);
	if (!options->dry_run)
		free(run_command(words, text, &status));
	free(text);
	if (status)
		complain("nft failed with status %d", status);
	return !status;
}

/* A strict check of all devices cannot be switched off for one, but relaxed. */
static int relax_filter(const struct options *options, const char *dev)
{
	return setup_conf(options, dev, "rp_filter",
			  conf_read("all", "rp_filter") > 0 ? 2 : 0);
}

static int add_device(const struct options *options, const struct host *host,
		      const struct device *device)
{
	bool present = host_link_named(host, device->name);

	if (!device->kind) {
		if (!present && !run_loud(options->dry_run, "modprobe sit"))
			return EXIT_REFUSED;
		return run_loud(options->dry_run, "ip link set %s up", device->name) ?
			       EXIT_DONE : EXIT_REFUSED;
	}
	if (!present && !run_loud(options->dry_run, "ip link add %s type %s external",
				  device->name, device->kind))
		return EXIT_REFUSED;
	if (relax_filter(options, device->name) ||
	    !run_loud(options->dry_run, "ip link set %s up", device->name))
		return EXIT_REFUSED;
	return EXIT_DONE;
}

static bool change_fou(const struct options *options, const char *command, int family,
		       int port, const char *kind)
{
	return run_loud(options->dry_run, "ip%s fou %s port %d%s",
			family == AF_INET ? "" : " -6", command, port, kind);
}

/* Whether a list of "ip fou show" has the port, for GUE to every address. */
static bool fou_has(const json_t *list, int family, int port)
{
	const json_t *row;
	size_t i;

	json_array_foreach(list, i, row) {
		if (number_of(row, "port") == port && json_object_get(row, "gue") &&
		    !json_object_get(row, "local") && !json_object_get(row, "dev") &&
		    !strcmp(word_of(row, "family"), family == AF_INET ? "inet" : "inet6"))
			return true;
	}
	return false;
}

static const char *fou_key(int family)
{
	return family == AF_INET ? "fou4" : "fou6";
}

/* Opens the port where it is not open: an earlier setup may have failed before that. */
static int add_gue(const struct options *options, const struct host *host, json_t *entry)
{
	static const char *const show[] = { "ip", "-j", "fou", "show", NULL };
	static const int families[] = { AF_INET, AF_INET6 };
	int status = EXIT_DONE;
	bool loaded = false;
	json_t *list;
	size_t i;

	/* Without a list the port is taken for closed, and "ip fou add" says if it is not. */
	run_json(show, &list);
	for (i = 0; !status && i < ARRAY_SIZE(families); i++) {
		if (!has_family(host, options, families[i]) ||
		    fou_has(list, families[i], options->tun_port))
			continue;
		if ((!loaded && !run_loud(options->dry_run, "modprobe fou")) ||
		    !change_fou(options, "add", families[i], options->tun_port, " gue"))
			status = EXIT_REFUSED;
		else
			json_object_set_new(entry, fou_key(families[i]), json_true());
		loaded = true;
	}
	json_decref(list);
	return status;
}

static bool has_nft(void)
{
	static const char *const words[] = { "nft", "--version", NULL };
	int status;

	free(run_command(words, NULL, &status));
	if (!status)
		return true;
	complain("nft not found: install nftables, by which the announced MSS is lowered");
	return false;
}

/* A unit that sets everything up at boot: the devices have no file of their own. */
static void print_unit(const struct options *options)
{
	char at[ADDR_TEXT];
	size_t i;

	puts("\n# To make the tunnel and the VIPs permanent, write this file and run\n"
	     "# systemctl enable lbdr-realserver\n"
	     "\n# /etc/systemd/system/lbdr-realserver.service\n"
	     "[Unit]\nAfter=network-online.target\nWants=network-online.target\n"
	     "\n[Service]\nType=oneshot\nRemainAfterExit=yes");
	printf("ExecStart=/usr/sbin/lbdr-doctor setup-realserver");
	for (i = 0; i < options->nr_vips; i++)
		printf(" %s", addr_text(&options->vips[i], at));
	printf(" --tun %s", options->tun);
	if (options->tun_port)
		printf(":%d", options->tun_port);
	puts("\n\n[Install]\nWantedBy=multi-user.target");
}

/**
 * tunnel_refuse() - check what can be checked before the first change
 * @options: with a tunnel
 * @host: the host
 *
 * Return: the exit status.
 */
int tunnel_refuse(const struct options *options, const struct host *host)
{
	if (!has_family(host, options, AF_INET) && !has_family(host, options, AF_INET6)) {
		complain("no address that a tunnel could lead to on a device of this host");
		return EXIT_REFUSED;
	}
	return has_nft() ? EXIT_DONE : EXIT_REFUSED;
}

/**
 * tunnel_setup() - set up the tunnel of the options
 * @options: with VIPs and a tunnel
 * @host: the host
 * @tunnels: the record's entries, changed
 *
 * Return: the exit status.
 */
int tunnel_setup(const struct options *options, const struct host *host, json_t *tunnels)
{
	bool six = has_family(host, options, AF_INET6);
	const struct device *device;
	int status = EXIT_DONE;

	add_entry(tunnels, host, options, six);
	for (device = devices; !status && device < devices_end; device++) {
		if (uses(find_entry(tunnels, options), device) &&
		    has_family(host, options, device->outer))
			status = add_device(options, host, device);
	}
	if (!status && options->tun_port)
		status = add_gue(options, host, find_entry(tunnels, options));
	if (!status && !clamp(options, tunnels))
		status = EXIT_REFUSED;
	if (!status)
		print_unit(options);
	return status;
}

static bool remove_entry(const struct options *options, json_t *tunnels, size_t i)
{
	const json_t *entry = json_array_get(tunnels, i);
	int port = number_of(entry, "port");
	bool good = true;

	if (json_object_get(entry, fou_key(AF_INET)))
		good = change_fou(options, "del", AF_INET, port, "");
	if (json_object_get(entry, fou_key(AF_INET6)))
		good &= change_fou(options, "del", AF_INET6, port, "");
	json_array_remove(tunnels, i);
	return good;
}

/**
 * tunnel_undo() - remove the tunnels of the VIPs
 * @options: with VIPs
 * @host: the host
 * @tunnels: the record's entries, changed
 *
 * Devices and rules of VIPs that remain stay.
 *
 * Return: the exit status.
 */
int tunnel_undo(const struct options *options, const struct host *host, json_t *tunnels)
{
	const struct device *device;
	char at[ADDR_TEXT];
	bool good = true;
	size_t i, vip;

	if (!json_array_size(tunnels))
		return EXIT_DONE;
	for (i = json_array_size(tunnels); i-- > 0;) {
		json_t *entry = json_array_get(tunnels, i);

		for (vip = 0; vip < options->nr_vips; vip++)
			json_array_remove(json_object_get(entry, "vips"),
					  find_vip(entry, addr_text(&options->vips[vip], at)));
		if (!has_vip(entry, AF_UNSPEC))
			good &= remove_entry(options, tunnels, i);
	}
	for (device = devices; device < devices_end; device++) {
		if (is_used(tunnels, device) || !host_link_named(host, device->name))
			continue;
		good &= run_loud(options->dry_run,
				 device->kind ? "ip link del %s" : "ip link set %s down",
				 device->name);
	}
	good &= clamp(options, tunnels);
	return good ? EXIT_DONE : EXIT_REFUSED;
}
