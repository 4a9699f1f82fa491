// SPDX-License-Identifier: GPL-2.0
/*
 * What the module tells about itself: version and sizes for the first line of
 * a listing, its schedulers, and why it did not forward packets.
 */
#include <errno.h>
#include <stdio.h>

#include "lbctl.h"

struct drops {
	struct json_list json;
	bool as_json;
};

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
	struct drops *drops = data;

	if (drops->as_json)
		json_list_add(&drops->json,
			      json_pack("{s:s, s:I, s:s}",
					"reason", drop->reason, "packets",
					(json_int_t)drop->packets,
					"summary", drop->summary));
	else
		printf("%-20s %12llu  %s\n", drop->reason, drop->packets,
		       drop->summary);
}

static bool read_drops(const struct nlmsghdr *nlh, void *data)
{
	struct drops *drops = data;
	struct info info;

	if (!drops->as_json)
		printf("%-20s %12s  %s\n", "Reason", "Packets", "Meaning");
	return decode_info(nlh, &info, print_drop, drops);
}

int drops_list(struct nl *nl, const struct request *req)
{
	struct drops drops = { .as_json = req->json };
	struct nl_answer answer;
	int status;

	json_list_begin(&drops.json, req->pretty);
	nl_ask(nl, nl_request(nl, LBDR_CMD_INFO_GET), read_drops, &drops,
	       &answer);
	status = nl_verdict(&answer, "director");
	if (!status && req->json)
		json_list_end(&drops.json);
	return status;
}

struct schedulers {
	struct json_list json;
	bool as_json;
};

static bool read_sched(const struct nlmsghdr *nlh, void *data)
{
	struct schedulers *schedulers = data;
	struct sched sched;

	if (!decode_sched(nlh, &sched))
		return false;
	if (schedulers->as_json)
		json_list_add(&schedulers->json,
			      json_pack("{s:s, s:s}", "name", sched.name,
					"summary", sched.summary));
	else
		printf("%-*s %s\n", LBDR_SCHED_NAME_LEN, sched.name,
		       sched.summary);
	return true;
}

int schedulers_run(struct nl *nl, const struct request *req)
{
	struct schedulers schedulers = { .as_json = req->json };
	struct nl_answer answer;
	int status;

	json_list_begin(&schedulers.json, req->pretty);
	nl_ask(nl, nl_dump_request(nl, LBDR_CMD_SCHED_GET), read_sched,
	       &schedulers, &answer);
	status = nl_verdict(&answer, "scheduler");
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
