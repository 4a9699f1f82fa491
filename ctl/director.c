// SPDX-License-Identifier: GPL-2.0
/*
 * The director as a whole: headline of listings, timeouts, entry, schedulers, and drop
 * reasons.
 */
#include <errno.h>
#include <stdio.h>

#include "lbctl.h"

struct drops {
	struct json_list json;
	bool as_json;
};

/* Asks for the director as a whole; returns the exit status. */
int info_run(struct nl *nl, nl_reader reader, void *data)
{
	return nl_run(nl, nl_request(nl, LBDR_CMD_INFO_GET), reader, data, "director");
}

/* info_run() for readers that want the entry, and call director_decode(). */
int director_run(struct nl *nl, nl_reader reader, void *data)
{
	xdp_find(nl);
	return info_run(nl, reader, data);
}

/* decode_info() with the entry xdp, which is none of the module's. */
bool director_decode(const struct nlmsghdr *nlh, struct info *info,
		     void (*each)(const struct drop *drop, void *data), void *data)
{
	if (!decode_info(nlh, info, each, data))
		return false;
	xdp_fill(info);
	return true;
}

static bool read_headline(const struct nlmsghdr *nlh, void *data)
{
	const struct request *req = data;
	struct info info;

	if (!decode_info(nlh, &info, NULL, NULL))
		return false;
	/* 1.2.1 is the version of IPVS that these columns are known from. */
	if (req->ipvsadm)
		printf("IP Virtual Server version 1.2.1 (size=%u)\n",
		       info.conn_max);
	else
		printf("lbdr director version %s (connections %u of %u)\n",
		       info.version, info.conns, info.conn_max);
	return true;
}

int info_headline(struct nl *nl, const struct request *req)
{
	struct nl_answer answer;

	nl_ask(nl, nl_request(nl, LBDR_CMD_INFO_GET), read_headline,
	       (void *)req, &answer);
	/* Anyone may see the services; the rest of the line is for root. */
	if (answer.error == EPERM && !req->ipvsadm) {
		puts("lbdr director");
		return EXIT_DONE;
	}
	return nl_verdict(&answer, "director");
}

static void print_drop(const struct drop *drop, void *data)
{
	const char *summary = drop_summary(drop->reason);
	struct drops *drops = data;

	if (drops->as_json)
		json_list_add(&drops->json,
			      json_pack("{s:s, s:I, s:s?}",
					"reason", drop->reason, "packets",
					(json_int_t)drop->packets,
					"summary", summary));
	else
		printf("%-20s %12llu%s%s\n", drop->reason, drop->packets,
		       summary ? "  " : "", summary ? summary : "");
}

static void print_drops_head(const struct drops *drops)
{
	if (!drops->as_json)
		printf("%-20s %12s  %s\n", "Reason", "Packets", "Meaning");
}

static bool read_drops(const struct nlmsghdr *nlh, void *data)
{
	struct info info;

	print_drops_head(data);
	return decode_info(nlh, &info, print_drop, data);
}

/* The reasons of one service, without those that were never counted. */
static bool read_service_drops(const struct nlmsghdr *nlh, void *data)
{
	struct service service;
	struct drop drop;
	size_t i;

	if (!decode_service(nlh, &service))
		return false;
	print_drops_head(data);
	for (i = 0; i < service.nr_drops; i++) {
		drop.reason = service.drops[i].reason;
		drop.packets = service.drops[i].packets;
		print_drop(&drop, data);
	}
	return true;
}

int drops_list(struct nl *nl, const struct request *req)
{
	struct drops drops = { .as_json = req->json };
	struct nlmsghdr *nlh;
	int status;

	json_list_begin(&drops.json, req->pretty);
	if (req->has_service) {
		nlh = nl_request(nl, LBDR_CMD_SERVICE_GET);
		nl_put_service(nlh, &req->service);
		status = nl_run(nl, nlh, read_service_drops, &drops, "service");
	} else {
		status = info_run(nl, read_drops, &drops);
	}
	if (!status && req->json)
		json_list_end(&drops.json);
	return status;
}

/* Fills in what answers INFO_GET, without its strings, which go. */
static bool read_info(const struct nlmsghdr *nlh, void *data)
{
	struct info *info = data;

	if (!decode_info(nlh, info, NULL, NULL))
		return false;
	info->version = NULL;
	return true;
}

static void print_states(const struct timeouts *timeouts)
{
	__u8 state;

	for (state = 1; state <= LBDR_A_TIMEOUT_MAX; state++) {
		if (timeouts->given[state])
			printf("%-20s %u s\n", state_word(state),
			       timeouts->seconds[state]);
	}
}

static void print_states_json(const struct timeouts *timeouts, bool pretty)
{
	struct json_list list;
	json_int_t seconds;
	__u8 state;

	json_list_begin(&list, pretty);
	for (state = 1; state <= LBDR_A_TIMEOUT_MAX; state++) {
		seconds = timeouts->seconds[state];
		if (timeouts->given[state])
			json_list_add(&list, json_pack("{s:s, s:I}", "state",
						       state_word(state),
						       "timeout_s", seconds));
	}
	json_list_end(&list);
}

/* As text it is ipvsadm's line; all of them are in --info. */
int timeouts_list(struct nl *nl, const struct request *req)
{
	struct info info = { .version = NULL };
	const __u32 *seconds;
	int status;

	status = info_run(nl, read_info, &info);
	if (status)
		return status;
	seconds = info.timeouts.seconds;
	if (req->json)
		print_states_json(&info.timeouts, req->pretty);
	else
		printf("Timeout (tcp tcpfin udp): %u %u %u\n",
		       seconds[LBDR_CONN_STATE_ESTABLISHED],
		       seconds[LBDR_CONN_STATE_FIN_WAIT],
		       seconds[LBDR_CONN_STATE_UDP]);
	return EXIT_DONE;
}

struct nlmsghdr *timeouts_message(struct nl *nl, const struct request *req)
{
	struct nlmsghdr *nlh = nl_request(nl, LBDR_CMD_INFO_SET);

	nl_put_timeouts(nlh, LBDR_A_INFO_TIMEOUT, &req->director.timeouts);
	return nlh;
}

struct nlmsghdr *entry_message(struct nl *nl, const struct request *req)
{
	struct nlmsghdr *nlh = nl_request(nl, LBDR_CMD_INFO_SET);
	int i;

	/* What an XDP program passes enters at prerouting. */
	if (req->director.entry == ENTRY_XDP) {
		mnl_attr_put_u8(nlh, LBDR_A_INFO_ENTRY, LBDR_ENTRY_PREROUTING);
		return nlh;
	}
	mnl_attr_put_u8(nlh, LBDR_A_INFO_ENTRY, req->director.entry);
	for (i = 0; i < req->director.n_devices; i++)
		mnl_attr_put_strz(nlh, LBDR_A_INFO_DEVICE, req->director.devices[i]);
	return nlh;
}

/* The verb set-entry. If xdp cannot be had, the entry stays as it is. */
int entry_run(struct nl *nl, const struct request *req)
{
	int status = EXIT_DONE;

	if (req->director.entry == ENTRY_XDP)
		status = xdp_attach(nl, &req->director, req->force);
	if (status)
		return status;
	status = message_run(nl, req);
	if (!status)
		return xdp_detach(nl, &req->director);
	xdp_undo(nl);
	return status;
}

/*
 * The three timeouts that ipvsadm knows in a line that it reads, in which 0 stands
 * for one that is as usual.
 */
static void save_set(FILE *out, struct timeouts *timeouts)
{
	bool any = false;
	size_t i;

	for (i = 0; i < CLASSIC_STATES; i++)
		any |= timeouts->given[classic_states[i]];
	if (!any)
		return;
	fputs("--set", out);
	for (i = 0; i < CLASSIC_STATES; i++) {
		__u8 state = classic_states[i];

		fprintf(out, " %u", timeouts->given[state] ? timeouts->seconds[state] : 0);
		timeouts->given[state] = false;
	}
	fputc('\n', out);
}

/* The lines of save that are about the director, before those of services. */
static bool read_saved(const struct nlmsghdr *nlh, void *data)
{
	char text[TIMEOUTS_TEXT];
	char entry[ENTRY_TEXT];
	FILE *out = data;
	struct info info;
	__u8 state;

	if (!director_decode(nlh, &info, NULL, NULL))
		return false;
	for (state = 1; state <= LBDR_A_TIMEOUT_MAX; state++) {
		if (info.timeouts.seconds[state] == usual_timeouts[state])
			info.timeouts.given[state] = false;
	}
	save_set(out, &info.timeouts);
	if (*timeouts_text(&info.timeouts, text))
		fprintf(out, "set-timeout %s\n", text);
	if (info.entry != LBDR_ENTRY_PREROUTING)
		fprintf(out, "set-entry %s%s\n",
			entry_text(info.entry, info.devices, info.n_devices,
				   entry), info.forced ? " --force" : "");
	return true;
}

/* Anyone may see the services; the director as a whole is for root. */
int director_save(FILE *out, struct nl *nl)
{
	struct nl_answer answer;

	xdp_find(nl);
	nl_ask(nl, nl_request(nl, LBDR_CMD_INFO_GET), read_saved, out,
	       &answer);
	if (answer.error == EPERM) {
		complain("warning: set-timeout and set-entry are not saved: root is required");
		return EXIT_PARTLY;
	}
	return nl_verdict(&answer, "director");
}

json_t *devices_json(const struct info *info)
{
	json_t *array = json_array();
	int i;

	for (i = 0; i < info->n_devices; i++)
		json_array_append_new(array, json_string(info->devices[i]));
	return array;
}

static json_t *info_json(const struct info *info)
{
	return json_pack("{s:s, s:I, s:I, s:I, s:I, s:s, s:o, s:o}",
			 "version", info->version,
			 "services", (json_int_t)info->services,
			 "connections", (json_int_t)info->conns,
			 "connections_max", (json_int_t)info->conn_max,
			 "slow_packets", (json_int_t)info->slow_packets,
			 "entry", choice_word(&entry_choice, info->entry),
			 "devices", devices_json(info),
			 "timeouts_s", timeouts_json(&info->timeouts));
}

static bool print_info(const struct nlmsghdr *nlh, void *data)
{
	const struct request *req = data;
	char entry[ENTRY_TEXT];
	struct info info;

	if (!director_decode(nlh, &info, NULL, NULL))
		return false;
	if (req->json) {
		json_print(info_json(&info), req->pretty);
		return true;
	}
	printf("%-20s %s\n%-20s %u\n%-20s %u of %u\n%-20s %s\n",
	       "version", info.version, "services", info.services,
	       "connections", info.conns, info.conn_max, "entry",
	       entry_text(info.entry, info.devices, info.n_devices, entry));
	printf("\nTimeouts of connections, by state:\n");
	print_states(&info.timeouts);
	return true;
}

int info_list(struct nl *nl, const struct request *req)
{
	return director_run(nl, print_info, (void *)req);
}

struct schedulers {
	struct json_list json;
	bool as_json;
};

static bool read_sched(const struct nlmsghdr *nlh, void *data)
{
	struct schedulers *schedulers = data;
	const char *summary;
	struct sched sched;

	if (!decode_sched(nlh, &sched))
		return false;
	summary = scheduler_summary(sched.name);
	if (schedulers->as_json)
		json_list_add(&schedulers->json,
			      json_pack("{s:s, s:s?}", "name", sched.name,
					"summary", summary));
	else if (summary)
		printf("%-*s %s\n", LBDR_SCHED_NAME_LEN, sched.name, summary);
	else
		puts(sched.name);
	return true;
}

int schedulers_run(struct nl *nl, const struct request *req)
{
	struct schedulers schedulers = { .as_json = req->json };
	int status;

	json_list_begin(&schedulers.json, req->pretty);
	status = nl_run(nl, nl_dump_request(nl, LBDR_CMD_SCHED_GET), read_sched,
			&schedulers, "scheduler");
	if (!status && req->json)
		json_list_end(&schedulers.json);
	return status;
}

static bool read_name(const struct nlmsghdr *nlh, void *data)
{
	struct sched sched;

	if (!decode_sched(nlh, &sched))
		return false;
	fprintf(data, " %s", sched.name);
	return true;
}

/* Help for whoever asked for a scheduler that does not exist. */
void schedulers_name(struct nl *nl, FILE *out)
{
	struct nl_answer answer;

	fputs("The schedulers are:", out);
	nl_ask(nl, nl_dump_request(nl, LBDR_CMD_SCHED_GET), read_name, out,
	       &answer);
	fputc('\n', out);
}
