// SPDX-License-Identifier: GPL-2.0
/*
 * Runs the checks of a director, and has those of the director as a whole.
 */
#include <stdlib.h>
#include <string.h>

#include <linux/ethtool.h>

#include "doctor.h"

static void check_version(struct doctor *doctor)
{
	const char *version = doctor->config.version;

	if (!strcmp(version, LBDR_VERSION))
		find(LEVEL_OK, "version", NULL, NULL,
		     "module and tool have version %s", version);
	else
		hint(find(LEVEL_WARNING, "version", NULL, NULL,
			  "the loaded module has version %s, the tool %s",
			  version, LBDR_VERSION),
		     "reloading the module ends services and connections: 'lbctl save' first");
}

static bool is_loaded(const char *path)
{
	FILE *file = root_open(path);

	if (file)
		fclose(file);
	return file;
}

/*
 * For a service of both, ip_vs gets only packets that lbdr does not take. While lbdr_ipvs
 * is loaded, the file lists services of lbdr.
 */
static void check_ipvs(void)
{
	FILE *file = root_open("/proc/net/ip_vs");
	unsigned int count = 0;
	char line[512];

	if (is_loaded("/sys/module/lbdr_ipvs/initstate")) {
		if (file)
			fclose(file);
		find(LEVEL_OK, "ip_vs", NULL, NULL,
		     "lbdr_ipvs is loaded: ipvsadm and keepalived configure lbdr");
		return;
	}
	while (file && fgets(line, sizeof(line), file))
		count += !strncmp(line, "TCP ", 4) ||
			 !strncmp(line, "UDP ", 4) ||
			 !strncmp(line, "SCTP ", 5) ||
			 !strncmp(line, "FWM ", 4);
	if (file)
		fclose(file);
	if (count)
		hint(find(LEVEL_WARNING, "ip_vs", NULL, NULL,
			  "ip_vs has %u service%s: new connections of a service that lbdr has too go to lbdr",
			  count, count == 1 ? "" : "s"),
		     "list them with: ipvsadm -Ln; for keepalived and ipvsadm to configure lbdr, see lbdr_ipvs(4)");
	else
		find(LEVEL_OK, "ip_vs", NULL, NULL, "ip_vs has no services");
}

/* Warns at the limit of the module's flood handling: 1/16 of the room left. */
static void check_conns(struct doctor *doctor)
{
	json_int_t conns = doctor->config.conns;
	json_int_t max = doctor->config.conn_max;
	const char *limit = "conn_max";
	long all = 0;

	if (root_number("/sys/module/lbdr/parameters/conn_max_all", &all) &&
	    all < max) {
		max = all;
		limit = "conn_max_all";
	}
	if (conns > max - max / 16 || conns >= max)
		hint(find(conns >= max ? LEVEL_PROBLEM : LEVEL_WARNING,
			  "connections", NULL, NULL,
			  "%lld connections, limit %lld (%s): %s",
			  (long long)conns, (long long)max, limit,
			  conns >= max ?
				  "new connections are dropped" :
				  "nearly full, flood handling is active"),
		     "if this is normal load, raise %s: see lbdr(4)", limit);
	else
		find(LEVEL_OK, "connections", NULL, NULL,
		     "%lld connections, limit %lld (%s)", (long long)conns,
		     (long long)max, limit);
}

static void check_peer(const json_t *peer)
{
	const char *address = word_of(peer, "address");

	if (!strcmp(word_of(peer, "state"), "silent"))
		hint(find(LEVEL_UNCHECKED, "sync", NULL, NULL,
			  "services and servers of peer %s not compared: no answer",
			  address),
		     "check that the role peers runs there, with the same key, and that UDP passes");
	else if (json_is_true(json_object_get(peer, "differs")))
		hint(find(LEVEL_WARNING, "sync", NULL, NULL,
			  "peer %s has other services or servers: their connections end when this director takes over from the other, or the other from this one",
			  address),
		     "compare the output of 'lbctl save' on both directors");
	else
		find(LEVEL_OK, "sync", NULL, NULL,
		     "peer %s has the same services and servers", address);
}

/* Peers compare digests of their configuration. */
static void check_peers(void)
{
	static const char *const words[] = { "lbctl", "sync", "-j", NULL };
	const json_t *role, *peer;
	json_t *roles;
	size_t i, j;

	if (run_json(words, &roles))
		find(LEVEL_UNCHECKED, "sync", NULL, NULL,
		     "peers of synchronisation not known: 'lbctl sync -j' failed");
	json_array_foreach(roles, i, role) {
		if (json_is_true(json_object_get(role, "running")))
			json_array_foreach(json_object_get(role, "peers"), j, peer)
				check_peer(peer);
	}
	json_decref(roles);
}

static void check_lro(struct doctor *doctor)
{
	const struct host *host = &doctor->host;
	long flags;
	size_t i;

	for (i = 0; i < host->nr_links; i++) {
		flags = host->links[i].up ?
			link_setting(host->links[i].name, ETHTOOL_GFLAGS) : 0;
		if (flags > 0 && flags & ETH_FLAG_LRO)
			fix(find(LEVEL_WARNING, "lro", NULL, NULL,
				 "%s merges packets (LRO), which cannot be forwarded; the module disables LRO with the first service",
				 host->links[i].name),
			    "ethtool -K %s lro off", host->links[i].name);
	}
}

/* Without a carrier nothing behind the device can be checked. */
static void check_links(struct doctor *doctor)
{
	const struct host *host = &doctor->host;
	const struct link *link;
	size_t i;

	for (i = 0; i < host->nr_addresses; i++) {
		link = host->addresses[i].link;
		if (!link_is_nic(link) || (link->up && link->carrier) ||
		    (i && host->addresses[i - 1].link == link))
			continue;
		if (link->up)
			hint(find(LEVEL_PROBLEM, "link", NULL, NULL,
				  "%s has no carrier", link->name),
			     "check cable and switch port of %s", link->name);
		else
			fix(find(LEVEL_PROBLEM, "link", NULL, NULL,
				 "%s is down", link->name),
			    "ip link set %s up", link->name);
	}
}

/**
 * source_filter_check() - check whether rp_filter drops clients of a device
 * @doctor: the diagnosis
 * @link: the device
 *
 * A strict filter drops packets whose way back is another device. For clients
 * anywhere that is the device of the default route; without a default route,
 * clients are on the segments.
 */
void source_filter_check(struct doctor *doctor, const struct link *link)
{
	long value = conf_max(link->name, "rp_filter", NULL);
	bool is_exit = !doctor->host.nr_exits;
	char name[CONF_NAME];
	size_t i;

	for (i = 0; i < doctor->host.nr_exits; i++)
		is_exit |= doctor->host.exits[i] == link->ifindex;
	if (value == 1 && !is_exit)
		fix(find(LEVEL_PROBLEM, "rp_filter", NULL, NULL,
			 "rp_filter is 1 on %s, which is not the device of the default route: packets of remote clients are dropped",
			 link->name),
		    "sysctl -w %s=2", conf_name(link->name, "rp_filter", name));
	else
		find(LEVEL_OK, "rp_filter", NULL, NULL,
		     "rp_filter is %ld on %s", value, link->name);
}

static void check_source_filters(struct doctor *doctor)
{
	size_t i;

	/* The other entries are before the check of source addresses. */
	if (strcmp(doctor->config.entry, "input"))
		return;
	for (i = 0; i < doctor->host.nr_links; i++) {
		if (link_is_nic(&doctor->host.links[i]) &&
		    doctor->host.links[i].up)
			source_filter_check(doctor, &doctor->host.links[i]);
	}
}

/**
 * director_check() - all checks of a director
 * @doctor: the diagnosis
 *
 * Return: the exit status; not EXIT_DONE if the state could not be read.
 */
int director_check(struct doctor *doctor)
{
	int status;

	if (!root_has("/sys/module/lbdr")) {
		fix(find(LEVEL_PROBLEM, "version", NULL, NULL,
			 "the module lbdr is not loaded"),
		    "modprobe lbdr");
		return EXIT_DONE;
	}
	status = config_read(&doctor->config, doctor->options);
	if (!status)
		status = host_read(&doctor->host);
	if (status)
		return status;
	check_version(doctor);
	check_ipvs();
	check_conns(doctor);
	check_peers();
	check_lro(doctor);
	check_links(doctor);
	check_source_filters(doctor);
	xdp_check(doctor);
	filter_check(doctor);
	services_check(doctor);
	return EXIT_DONE;
}

/**
 * doctor_run() - diagnose and print
 * @options: the command line
 * @ask: probe_run()
 *
 * Return: the exit status.
 */
int doctor_run(const struct options *options,
	       int (*ask)(struct probe *probe, const struct host *host))
{
	struct doctor doctor = {
		.options = options,
		.ask = ask,
	};
	int status;

	findings.netns = options->netns;
	status = options->realserver ? realserver_check(&doctor) :
				       director_check(&doctor);
	if (!status)
		status = findings_print(options);
	findings_drop();
	config_drop(&doctor.config);
	host_drop(&doctor.host);
	rules_drop(&doctor.rules);
	probe_drop(&doctor.probe);
	free(doctor.tunnels.questions);
	return status;
}
