// SPDX-License-Identifier: GPL-2.0
/*
 * setup-realserver: makes this host a real server of VIPs, and undoes it. Each
 * VIP is added to lo as a single address; the settings that keep IPv4 from
 * answering ARP for it come first. A VIP that is on a dummy device stays there.
 * What is set up already is not changed.
 *
 * What was changed is recorded in a file in /run, for each network namespace, and
 * --undo reverts that and nothing else. Addresses and settings do not survive a
 * boot, and neither does the record.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "doctor.h"

/* Values that commands for the same thing would refuse, too. */
static bool is_unusable(const struct addr *vip)
{
	const struct in6_addr *six = (const void *)vip->bytes;
	__u8 first = vip->bytes[0];

	if (vip->family == AF_INET)
		return !first || first == 127 || first >= 224;
	return IN6_IS_ADDR_MULTICAST(six) || IN6_IS_ADDR_LOOPBACK(six) ||
	       IN6_IS_ADDR_UNSPECIFIED(six) || IN6_IS_ADDR_LINKLOCAL(six);
}

/* On a director the VIP belongs on the NIC. */
static int refuse_director(const struct options *options)
{
	struct options all = { .nr_service = 0 };
	struct config config = { .nr_services = 0 };
	char at[ADDR_TEXT];
	size_t vip;
	int status;

	if (!root_has("/sys/module/lbdr"))
		return EXIT_DONE;
	status = config_read(&config, &all);
	for (vip = 0; !status && vip < options->nr_vips; vip++) {
		if (!config_vip(&config, &options->vips[vip]))
			continue;
		complain("this host is the director of %s; run this on its real servers",
			 addr_text(&options->vips[vip], at));
		status = EXIT_REFUSED;
	}
	config_drop(&config);
	return status;
}

/* Where a VIP may be: on lo as a single address, or on a dummy device. */
static bool is_placed(const struct address *address)
{
	if (address->link->loopback)
		return address->prefix == addr_bits(&address->at);
	return !strcmp(address->link->kind, "dummy");
}

/*
 * Whether removing an address removes no others: with the first IPv4 address of a
 * network the kernel removes the secondary ones.
 */
static bool stands_alone(const struct host *host, const struct address *address)
{
	const struct address *other;

	if (address->at.family == AF_INET6 || address->secondary)
		return true;
	for (other = host->addresses;
	     other < host->addresses + host->nr_addresses; other++) {
		if (other != address && other->link == address->link &&
		    other->prefix == address->prefix &&
		    addr_in(&other->at, &address->at, address->prefix))
			return false;
	}
	return true;
}

static int refuse_vip(const struct host *host, const struct options *options,
		      const struct addr *vip)
{
	const struct address *address = NULL;
	char at[ADDR_TEXT];

	addr_text(vip, at);
	if (is_unusable(vip)) {
		complain("%s cannot be a VIP", at);
		return EXIT_REFUSED;
	}
	while (!options->undo && (address = host_address(host, vip, address))) {
		if (is_placed(address) || stands_alone(host, address))
			continue;
		complain("%s on %s cannot be moved: other addresses of its network go with it",
			 at, address->link->name);
		return EXIT_REFUSED;
	}
	return EXIT_DONE;
}

/* The record of changes is an object of these lists. */
static const char *const record_lists[] = { "addresses", "settings", "tunnels" };

static const char *record_path(char *path, size_t size)
{
	struct stat here;

	if (stat("/proc/self/ns/net", &here))
		here.st_ino = 0;
	snprintf(path, size, "%s/run/lbdr-realserver.%lu.json", root,
		 (unsigned long)here.st_ino);
	return path;
}

static json_t *record_read(void)
{
	char path[512];
	json_t *record = json_load_file(record_path(path, sizeof(path)), 0,
					NULL);
	size_t i;

	if (!json_is_object(record)) {
		json_decref(record);
		record = json_object();
	}
	for (i = 0; i < ARRAY_SIZE(record_lists); i++) {
		if (!json_is_array(json_object_get(record, record_lists[i])))
			json_object_set_new(record, record_lists[i], json_array());
	}
	return record;
}

/* An empty record is no file. */
static int record_write(const json_t *record)
{
	char path[512];
	size_t entries = 0;
	size_t i;

	record_path(path, sizeof(path));
	for (i = 0; i < ARRAY_SIZE(record_lists); i++)
		entries += json_array_size(json_object_get(record, record_lists[i]));
	if (!entries) {
		unlink(path);
		return EXIT_DONE;
	}
	if (!json_dump_file(record, path, JSON_INDENT(2)))
		return EXIT_DONE;
	complain("cannot write %s: --undo will not know what was changed",
		 path);
	return EXIT_REFUSED;
}

/* The index of an entry with these two words, or the size of the list. */
static size_t record_find(const json_t *list, const char *key,
			  const char *value, const char *dev)
{
	const json_t *entry;
	size_t i;

	json_array_foreach(list, i, entry) {
		if (!strcmp(word_of(entry, key), value) &&
		    !strcmp(word_of(entry, "dev"), dev))
			break;
	}
	return i;
}

/**
 * setup_conf() - set a net.ipv4.conf setting
 * @options: the command line
 * @dev: a device, or "all"
 * @name: of the setting
 * @value: its value
 *
 * Return: the exit status.
 */
int setup_conf(const struct options *options, const char *dev, const char *name,
	       long value)
{
	char path[256], text[CONF_NAME];
	FILE *file;
	int error = 0;

	printf("sysctl -w %s=%ld\n", conf_name(dev, name, text), value);
	if (options->dry_run)
		return EXIT_DONE;
	snprintf(path, sizeof(path), "%s/proc/sys/net/ipv4/conf/%s/%s", root,
		 dev, name);
	file = fopen(path, "we");
	if (!file || fprintf(file, "%ld\n", value) < 0)
		error = errno;
	if (file && fclose(file))
		error = errno;
	if (!error)
		return EXIT_DONE;
	complain("cannot write %s: %s", text, error == EACCES || error == EPERM ?
		 "root (CAP_NET_ADMIN) is required" : strerror(error));
	return EXIT_REFUSED;
}

/* Sets and records; of a setting that was recorded the first value is kept. */
static int set_recorded(const struct options *options, json_t *record,
			const char *dev, const char *name, long value)
{
	json_t *list = json_object_get(record, "settings");
	size_t i = record_find(list, "name", name, dev);
	long was = conf_read(dev, name);
	int status = setup_conf(options, dev, name, value);

	if (status)
		return status;
	if (i == json_array_size(list))
		json_array_append_new(list, json_pack("{s:s, s:s, s:I, s:I}",
						      "name", name, "dev", dev,
						      "was", (json_int_t)was,
						      "set", (json_int_t)value));
	else
		json_object_set_new(json_array_get(list, i), "set",
				    json_integer(value));
	return EXIT_DONE;
}

/*
 * The greater value of "all" and the device applies: "all" is set, and a device
 * whose greater value answers ARP.
 */
static int silence(const struct options *options, const struct host *host,
		   json_t *record)
{
	long ignore = conf_read("all", "arp_ignore");
	int status = EXIT_DONE;
	size_t i;

	if (!arp_ignores_lo(ignore)) {
		ignore = 1;
		status = set_recorded(options, record, "all", "arp_ignore", 1);
	}
	if (!status && conf_read("all", "arp_announce") < ARP_ANNOUNCE_BEST)
		status = set_recorded(options, record, "all", "arp_announce",
				      ARP_ANNOUNCE_BEST);
	for (i = 0; !status && i < host->nr_links; i++) {
		const char *name = host->links[i].name;
		long own = conf_read(name, "arp_ignore");

		if (link_is_nic(&host->links[i]) && own > ignore &&
		    !arp_ignores_lo(own))
			status = set_recorded(options, record, name,
					      "arp_ignore", 1);
	}
	return status;
}

static const struct link *find_lo(const struct host *host)
{
	size_t i;

	for (i = 0; i < host->nr_links; i++) {
		if (host->links[i].loopback)
			return &host->links[i];
	}
	return NULL;
}

/* Adds a VIP to lo, and removes it from NICs and from networks on lo. */
static int place(const struct options *options, const struct host *host,
		 json_t *record, const struct addr *vip)
{
	const struct address *address = NULL;
	const char *lo = find_lo(host)->name;
	bool placed = false;
	char at[ADDR_TEXT];

	addr_text(vip, at);
	while ((address = host_address(host, vip, address)))
		placed |= is_placed(address);
	if (!placed) {
		if (!run_loud(options->dry_run, "ip addr add %s/%u dev %s", at,
			      addr_bits(vip), lo))
			return EXIT_REFUSED;
		json_array_append_new(json_object_get(record, "addresses"),
				      json_pack("{s:s, s:s}", "address", at,
						"dev", lo));
	}
	while ((address = host_address(host, vip, address))) {
		if ((address->link->loopback || link_is_nic(address->link)) &&
		    !is_placed(address) &&
		    !run_loud(options->dry_run, "ip addr del %s/%u dev %s", at,
			      address->prefix, address->link->name))
			return EXIT_REFUSED;
	}
	return EXIT_DONE;
}

static int take_away(const struct options *options, const struct host *host,
		     json_t *record, const struct addr *vip)
{
	json_t *list = json_object_get(record, "addresses");
	const struct address *address = NULL;
	const char *lo = find_lo(host)->name;
	char at[ADDR_TEXT];
	size_t i;

	addr_text(vip, at);
	i = record_find(list, "address", at, lo);
	if (i == json_array_size(list)) {
		printf("# %s was not added by setup-realserver: unchanged\n",
		       at);
		return EXIT_DONE;
	}
	while ((address = host_address(host, vip, address))) {
		if (address->link->loopback && is_placed(address) &&
		    !run_loud(options->dry_run, "ip addr del %s/%u dev %s", at,
			      address->prefix, lo))
			return EXIT_REFUSED;
	}
	json_array_remove(list, i);
	return EXIT_DONE;
}

/* Whether the address is one of the VIPs. */
bool options_name(const struct options *options, const struct addr *at)
{
	size_t i;

	for (i = 0; i < options->nr_vips; i++) {
		if (addr_same(&options->vips[i], at))
			return true;
	}
	return false;
}

/* An IPv4 address that may be another VIP, or one that stays. */
static const struct address *find_other(const struct host *host,
					const struct options *options,
					const json_t *record)
{
	const json_t *list = json_object_get(record, "addresses");
	const struct address *address;
	char at[ADDR_TEXT];

	for (address = host->addresses;
	     address < host->addresses + host->nr_addresses; address++) {
		if (address->at.family != AF_INET ||
		    address->at.bytes[0] == 127 || !is_placed(address))
			continue;
		addr_text(&address->at, at);
		if (!options_name(options, &address->at) ||
		    !address->link->loopback ||
		    record_find(list, "address", at, address->link->name) ==
		    json_array_size(list))
			return address;
	}
	return NULL;
}

/* Settings that were changed since are left as they are. */
static int reset(const struct options *options, json_t *record)
{
	json_t *list = json_object_get(record, "settings");
	char text[CONF_NAME];
	int status = EXIT_DONE;

	while (!status && json_array_size(list)) {
		const json_t *entry = json_array_get(list, 0);
		const char *name = word_of(entry, "name");
		const char *dev = word_of(entry, "dev");

		if (strchr(name, '/') || strchr(dev, '/') ||
		    conf_read(dev, name) != number_of(entry, "set"))
			printf("# %s was changed since: unchanged\n",
			       conf_name(dev, name, text));
		else
			status = setup_conf(options, dev, name,
					    number_of(entry, "was"));
		if (!status)
			json_array_remove(list, 0);
	}
	return status;
}

static int undo(const struct options *options, const struct host *host,
		json_t *record)
{
	const struct address *other = find_other(host, options, record);
	int status = EXIT_DONE;
	char at[ADDR_TEXT];
	size_t i;

	for (i = 0; !status && i < options->nr_vips; i++)
		status = take_away(options, host, record, &options->vips[i]);
	if (!status)
		status = tunnel_undo(options, host, json_object_get(record, "tunnels"));
	if (!status && other &&
	    json_array_size(json_object_get(record, "settings")))
		printf("# arp_ignore and arp_announce unchanged: %s is on %s\n",
		       addr_text(&other->at, at), other->link->name);
	else if (!status && !other)
		status = reset(options, record);
	return status;
}

static void print_addresses(const struct options *options, const char *format,
			    int family)
{
	char at[ADDR_TEXT];
	size_t i;

	for (i = 0; i < options->nr_vips; i++) {
		if (family == AF_UNSPEC || options->vips[i].family == family)
			printf(format, addr_text(&options->vips[i], at),
			       addr_bits(&options->vips[i]));
	}
}

/* Files for the two usual network managers. */
static void print_files(const struct options *options, bool ipv4)
{
	puts("\n# To make it permanent, write one of the last two files:");
	if (ipv4)
		puts("\n# /etc/sysctl.d/60-lbdr-realserver.conf\n"
		     "net.ipv4.conf.all.arp_ignore = 1\n"
		     "net.ipv4.conf.all.arp_announce = 2");
	puts("\n# /etc/systemd/network/60-lbdr-realserver.network (systemd-networkd)\n"
	     "[Match]\nName=lo\n\n[Network]");
	print_addresses(options, "Address=%s/%u\n", AF_UNSPEC);
	puts("\n# /etc/network/interfaces.d/lbdr-realserver (ifupdown)");
	print_addresses(options, "iface lo inet static\n\taddress %s/%u\n",
			AF_INET);
	print_addresses(options,
			"iface lo inet6 static\n\taddress %s/%u\n\tdad-attempts 0\n",
			AF_INET6);
}

static int setup(const struct options *options, const struct host *host,
		 json_t *record)
{
	int status = EXIT_DONE;
	bool ipv4 = false;
	size_t i;

	for (i = 0; i < options->nr_vips; i++)
		ipv4 |= options->vips[i].family == AF_INET;
	if (ipv4)
		status = silence(options, host, record);
	for (i = 0; !status && i < options->nr_vips; i++)
		status = place(options, host, record, &options->vips[i]);
	if (!status && *options->tun)
		return tunnel_setup(options, host, json_object_get(record, "tunnels"));
	if (!status)
		print_files(options, ipv4);
	return status;
}

/**
 * setup_run() - set up a real server, or undo it
 * @options: the command line
 *
 * Everything is checked before the first change.
 *
 * Return: the exit status.
 */
int setup_run(const struct options *options)
{
	struct host host = { .nr_links = 0 };
	int status, written;
	json_t *record;
	size_t i;

	status = refuse_director(options);
	if (!status)
		status = host_read(&host);
	for (i = 0; !status && i < options->nr_vips; i++)
		status = refuse_vip(&host, options, &options->vips[i]);
	if (!status && !find_lo(&host)) {
		complain("no loopback device found");
		status = EXIT_REFUSED;
	}
	if (!status && *options->tun && !options->undo)
		status = tunnel_refuse(options, &host);
	if (!status) {
		record = record_read();
		status = options->undo ? undo(options, &host, record) :
					 setup(options, &host, record);
		/* Also after a failure: of the changes before it. */
		written = options->dry_run ? EXIT_DONE : record_write(record);
		status = status ? status : written;
		json_decref(record);
	}
	host_drop(&host);
	return status;
}
