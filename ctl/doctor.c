// SPDX-License-Identifier: GPL-2.0
/*
 * `lbctl doctor`: what is wrong with a deployment by direct routing, each check
 * one line with the command that mends it. Owns how findings are told, the
 * order of the checks, and those that are about the director as a whole; the
 * other files have one subject each.
 *
 * Nothing is changed. The process moves into the namespace that it is to look
 * at, where /proc, packet sockets and nft see that one.
 */
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <arpa/inet.h>
#include <linux/ethtool.h>
#include <linux/sockios.h>

#include "doctor.h"

static const char *const level_words[] = {
	[LEVEL_OK] = "ok",
	[LEVEL_WARNING] = "warning",
	[LEVEL_PROBLEM] = "problem",
};

/* As a command of this tool names the service. */
const char *service_option(const struct service_key *key, char *text)
{
	char at[ENDPOINT_TEXT];

	if (key->fwmark)
		snprintf(text, SERVICE_OPTION, "-f %u%s", key->fwmark,
			 key->at.family == AF_INET6 ? " -6" : "");
	else
		snprintf(text, SERVICE_OPTION, "%s %s",
			 key->protocol == IPPROTO_TCP ? "-t" :
			 key->protocol == IPPROTO_UDP ? "-u" :
							"--sctp-service",
			 endpoint_text(&key->at, key->protocol, true, at));
	return text;
}

static const struct mend *write_mend(struct doctor *doctor, const char *host,
				     const char *format, va_list args)
{
	struct mend *mend = &doctor->mend;
	const char *netns = doctor->req->netns;
	char command[2560];
	bool two;

	vsnprintf(command, sizeof(command), format, args);
	two = strstr(command, " && ");
	/* What is to be run here is to be run where the doctor looks. */
	if (netns && !host)
		snprintf(mend->command, sizeof(mend->command),
			 two ? "ip netns exec %s sh -c '%s'" :
			       "ip netns exec %s %s", netns, command);
	else
		snprintf(mend->command, sizeof(mend->command), "%s", command);
	snprintf(mend->on, sizeof(mend->on), "%s", host ? host : "");
	return mend;
}

/* What mends the next finding, run on this host. */
const struct mend *mend_here(struct doctor *doctor, const char *format, ...)
{
	const struct mend *mend;
	va_list args;

	va_start(args, format);
	mend = write_mend(doctor, NULL, format, args);
	va_end(args);
	return mend;
}

const struct mend *mend_on(struct doctor *doctor, const char *host,
			   const char *format, ...)
{
	const struct mend *mend;
	va_list args;

	va_start(args, format);
	mend = write_mend(doctor, host, format, args);
	va_end(args);
	return mend;
}

static json_t *address_json(const struct endpoint *at)
{
	char text[ENDPOINT_TEXT];

	return at ? json_string(address_text(at, text)) : json_null();
}

static json_t *text_json(const char *text)
{
	return text && *text ? json_string(text) : json_null();
}

/**
 * doctor_tell() - one finding, one line
 * @doctor: which
 * @level: how bad it is
 * @check: the check's name, a word
 * @about: VIP and server
 * @mend: what mends it, NULL for nothing
 * @format: a sentence without its full stop
 */
void doctor_tell(struct doctor *doctor, enum level level, const char *check,
		 struct subject about, const struct mend *mend,
		 const char *format, ...)
{
	const struct endpoint *subject = about.server ? about.server :
							about.vip;
	char at[ENDPOINT_TEXT];
	char sentence[4096];
	va_list args;

	va_start(args, format);
	vsnprintf(sentence, sizeof(sentence), format, args);
	va_end(args);
	doctor->warnings += level == LEVEL_WARNING;
	doctor->problems += level == LEVEL_PROBLEM;
	if (doctor->req->json) {
		json_list_add(&doctor->list,
			      json_pack("{s:s, s:s, s:o, s:o, s:s, s:o, s:o}",
					"level", level_words[level],
					"check", check,
					"vip", address_json(about.vip),
					"server", address_json(about.server),
					"finding", sentence,
					"command",
					text_json(mend ? mend->command : NULL),
					"on", text_json(mend ? mend->on : NULL)));
		return;
	}
	printf("%-8s %-13s", level_words[level], check);
	if (subject)
		printf("%s: ", address_text(subject, at));
	fputs(sentence, stdout);
	if (mend && *mend->on)
		printf("; mend on %s: %s", mend->on, mend->command);
	else if (mend)
		printf("; mend: %s", mend->command);
	putchar('\n');
}

/* The last line, and the exit status. */
int doctor_end(struct doctor *doctor)
{
	if (doctor->req->json)
		json_list_end(&doctor->list);
	else if (!doctor->problems && !doctor->warnings)
		puts("All is well.");
	else
		printf("%u problem%s, %u warning%s.\n", doctor->problems,
		       doctor->problems == 1 ? "" : "s", doctor->warnings,
		       doctor->warnings == 1 ? "" : "s");
	return doctor->problems ? EXIT_PROBLEM : EXIT_DONE;
}

struct module {
	struct doctor *doctor;
	char version[64];
};

static bool read_module(const struct nlmsghdr *nlh, void *data)
{
	struct module *module = data;
	struct doctor *doctor = module->doctor;
	struct info info;
	int i;

	if (!decode_info(nlh, &info, NULL, NULL))
		return false;
	snprintf(module->version, sizeof(module->version), "%s", info.version);
	doctor->entry = info.entry;
	doctor->n_devices = info.n_devices;
	for (i = 0; i < info.n_devices; i++)
		snprintf(doctor->devices[i], IFNAMSIZ, "%s", info.devices[i]);
	return true;
}

/* Module and tool of one version belong together. */
void check_version(struct doctor *doctor, const char *version)
{
	struct subject none = { NULL, NULL };

	if (!strcmp(version, LBDR_VERSION))
		doctor_tell(doctor, LEVEL_OK, "version", none, NULL,
			    "module and tool are of version %s", version);
	else
		doctor_tell(doctor, LEVEL_WARNING, "version", none,
			    mend_here(doctor, RELOAD_MODULE),
			    "the module that is loaded is of version %s, this tool of %s; loading another one ends services and connections, so 'lbctl save' comes first",
			    version, LBDR_VERSION);
}

static int check_module(struct doctor *doctor)
{
	struct module module = { .doctor = doctor };
	struct nl_answer answer;
	int status;

	nl_ask(doctor->nl, nl_request(doctor->nl, LBDR_CMD_INFO_GET),
	       read_module, &module, &answer);
	status = nl_verdict(&answer, "director");
	if (!status)
		check_version(doctor, module.version);
	return status;
}

/* The addresses and marks of ip_vs's services, as /proc/net/ip_vs has them. */
static bool read_ipvs(const char *line, struct service_key *key)
{
	unsigned int mark, port, four;
	char protocol[8], six[INET6_ADDRSTRLEN];
	__be32 address;

	memset(key, 0, sizeof(*key));
	if (sscanf(line, "FWM %x", &mark) == 1) {
		key->fwmark = mark;
		return true;
	}
	if (sscanf(line, "%7s [%45[^]]]:%x", protocol, six, &port) == 3) {
		key->at.family = AF_INET6;
		if (inet_pton(AF_INET6, six, key->at.address) != 1)
			return false;
	} else if (sscanf(line, "%7s %8x:%x", protocol, &four, &port) == 3) {
		key->at.family = AF_INET;
		address = htonl(four);
		memcpy(key->at.address, &address, sizeof(address));
	} else {
		return false;
	}
	key->at.port = port;
	key->protocol = !strcmp(protocol, "TCP") ? IPPROTO_TCP :
			!strcmp(protocol, "UDP") ? IPPROTO_UDP :
			!strcmp(protocol, "SCTP") ? IPPROTO_SCTP : 0;
	return key->protocol;
}

/* One of our services that has packets of ip_vs's. */
static const struct service *shares(const struct snapshot *shot,
				    const struct service_key *theirs)
{
	const struct service_key *ours;
	size_t i;

	for (i = 0; i < shot->nr_services; i++) {
		ours = &shot->services[i].key;
		/* /proc does not say of which family a mark's service is. */
		if (theirs->fwmark && ours->fwmark == theirs->fwmark)
			return &shot->services[i];
		if (theirs->fwmark || ours->fwmark ||
		    ours->protocol != theirs->protocol ||
		    !same_address(&ours->at, &theirs->at))
			continue;
		if (!ours->at.port || !theirs->at.port ||
		    (ours->at.port <= theirs->at.port &&
		     theirs->at.port <= (ours->at.last_port ?
					 ours->at.last_port : ours->at.port)))
			return &shot->services[i];
	}
	return NULL;
}

/* ip_vs has what lbdr lets pass: connections from before lbdr had the VIP. */
static void check_ipvs(struct doctor *doctor)
{
	FILE *file = fopen("/proc/net/ip_vs", "r");
	struct subject about = { NULL, NULL };
	char option[SERVICE_OPTION];
	struct service_key key;
	unsigned int found = 0;
	char line[512];

	while (file && fgets(line, sizeof(line), file)) {
		if (!read_ipvs(line, &key) || !shares(&doctor->shot, &key))
			continue;
		found++;
		about.vip = key.fwmark ? NULL : &key.at;
		doctor_tell(doctor, LEVEL_WARNING, "ip_vs", about,
			    mend_here(doctor, "ipvsadm -D %s",
				      service_option(&key, option)),
			    "ip_vs has the service %s, too, but gets no new connection of it; remove it there when its connections have ended",
			    option);
	}
	about.vip = NULL;
	if (!found)
		doctor_tell(doctor, LEVEL_OK, "ip_vs", about, NULL,
			    file ? "ip_vs is loaded, and has none of the services" :
				   "ip_vs is not in use");
	if (file)
		fclose(file);
}

/* Whether packets are merged that are to be sent on as they came. */
static bool merges(int fd, const struct link *link)
{
	struct ethtool_value value = { .cmd = ETHTOOL_GFLAGS };
	struct ifreq ifr = { .ifr_data = (void *)&value };

	snprintf(ifr.ifr_name, sizeof(ifr.ifr_name), "%s", link->name);
	return !ioctl(fd, SIOCETHTOOL, &ifr) && value.data & ETH_FLAG_LRO;
}

static void check_lro(struct doctor *doctor)
{
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	struct subject none = { NULL, NULL };
	unsigned int found = 0;
	size_t i;

	for (i = 0; fd >= 0 && i < doctor->host.nr_links; i++) {
		const struct link *link = &doctor->host.links[i];

		if (!(link->flags & IFF_UP) || !merges(fd, link))
			continue;
		found++;
		doctor_tell(doctor, LEVEL_WARNING, "lro", none,
			    mend_here(doctor, "ethtool -K %s lro off",
				      link->name),
			    "%s merges packets (LRO), which cannot be sent on as they came; the module ends that with the first service",
			    link->name);
	}
	if (fd >= 0)
		close(fd);
	if (!found)
		doctor_tell(doctor, LEVEL_OK, "lro", none, NULL,
			    "no device merges packets (LRO)");
}

static bool is_exit(const struct host *host, __u32 ifindex)
{
	size_t i;

	for (i = 0; i < host->nr_exits; i++) {
		if (host->exits[i] == ifindex)
			return true;
	}
	return false;
}

/**
 * check_source_filter() - whether rp_filter drops clients of a device
 * @doctor: which
 * @link: the device
 *
 * A strict filter drops what comes by another device than the way back leads
 * out by. For clients anywhere that is the default route's; without one,
 * clients are those of the segments.
 */
void check_source_filter(struct doctor *doctor, const struct link *link)
{
	struct subject none = { NULL, NULL };
	char name[CONF_NAME];
	long all = 0, own = 0;

	/* The greater one holds. */
	if (conf_read(AF_INET, "all", "rp_filter", &all) ||
	    conf_read(AF_INET, link->name, "rp_filter", &own))
		return;
	if ((all > own ? all : own) == 1 && doctor->host.nr_exits &&
	    !is_exit(&doctor->host, link->ifindex))
		doctor_tell(doctor, LEVEL_PROBLEM, "rp_filter", none,
			    mend_here(doctor,
				      "sysctl -w %s=2",
				      conf_name(link->name, "rp_filter", name)),
			    "packets that come by %s are dropped where the way back to their source is another one (rp_filter 1), and the default route is not by %s",
			    link->name, link->name);
	else
		doctor_tell(doctor, LEVEL_OK, "rp_filter", none, NULL,
			    "%s lets clients' packets in (rp_filter %ld)",
			    link->name, all > own ? all : own);
}

static void check_source_filters(struct doctor *doctor)
{
	struct subject none = { NULL, NULL };
	size_t i;

	if (doctor->entry != LBDR_ENTRY_INPUT) {
		doctor_tell(doctor, LEVEL_OK, "rp_filter", none, NULL,
			    "at the entry %s it is not asked",
			    entry_word(doctor->entry));
		return;
	}
	for (i = 0; i < doctor->host.nr_links; i++) {
		const struct link *link = &doctor->host.links[i];

		if (link_is_nic(link) && link->flags & IFF_UP)
			check_source_filter(doctor, link);
	}
}

static int look_at_director(struct doctor *doctor)
{
	struct subject none = { NULL, NULL };
	int status;

	if (access("/sys/module/lbdr", F_OK)) {
		doctor_tell(doctor, LEVEL_PROBLEM, "version", none,
			    mend_here(doctor, "modprobe lbdr"),
			    "the module lbdr is not loaded");
		return EXIT_DONE;
	}
	status = nl_open(&doctor->nl, NULL);
	if (!status)
		status = check_module(doctor);
	if (!status)
		status = snapshot_take(doctor->nl, doctor->req, true,
				       &doctor->shot);
	if (!status)
		status = host_read(&doctor->host);
	if (status)
		return status;
	if (!doctor->shot.nr_services)
		doctor_tell(doctor, LEVEL_WARNING, "services", none,
			    mend_here(doctor, "lbctl help add-service"),
			    "there is no service");
	check_ipvs(doctor);
	check_lro(doctor);
	check_source_filters(doctor);
	check_hooks(doctor);
	check_rules(doctor);
	check_services(doctor);
	return EXIT_DONE;
}

int doctor_run(struct nl *nl, const struct request *req)
{
	struct doctor doctor = { .req = req };
	int status;

	(void)nl;
	if (req->netns && netns_enter(req->netns))
		return EXIT_REFUSED;
	json_list_begin(&doctor.list, req->pretty);
	status = req->realserver ? doctor_realserver(&doctor) :
				   look_at_director(&doctor);
	if (!status)
		status = doctor_end(&doctor);
	probe_drop(&doctor.probe);
	snapshot_drop(&doctor.shot);
	host_drop(&doctor.host);
	nl_close(doctor.nl);
	return status;
}
