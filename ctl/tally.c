// SPDX-License-Identifier: GPL-2.0
/*
 * Counts connections: all by the kernel, or from a dump by service, server or state.
 * Only the counts are kept in memory.
 */
#include <search.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lbctl.h"

/* Attempts, if the table is resized during the count */
#define TRIES 3

struct group {
	struct service_key service;
	struct endpoint server;
	__u8 state;
	__u64 count;
};

struct tally {
	__u8 by;		/* COUNT_BY_... */
	void *tree;
	struct group **groups;	/* those of the tree, for the printing */
	size_t used;
	size_t room;
};

/* Members that groups are not counted by are 0. */
static int compare_keys(const void *left, const void *right)
{
	const struct group *a = left;
	const struct group *b = right;
	int order = service_key_compare(&a->service, &b->service);

	if (!order)
		order = endpoint_compare(&a->server, &b->server);
	return order ? order : (int)a->state - (int)b->state;
}

/* By count, the highest first, then by address. */
static int compare_counts(const void *left, const void *right)
{
	const struct group *a = *(struct group *const *)left;
	const struct group *b = *(struct group *const *)right;

	if (a->count != b->count)
		return a->count > b->count ? -1 : 1;
	return compare_keys(a, b);
}

struct tally *tally_begin(__u8 by)
{
	struct tally *tally = or_exit(calloc(1, sizeof(*tally)));

	tally->by = by;
	return tally;
}

/* Returns the group of this key, a new one if need be. */
static struct group *find_group(struct tally *tally, const struct group *key)
{
	struct group **found = or_exit(tsearch(key, &tally->tree, compare_keys));
	struct group *group = *found;

	if (group != key)
		return group;
	group = or_exit(malloc(sizeof(*group)));
	*group = *key;
	*found = group;
	tally->groups = grow(tally->groups, &tally->room, tally->used,
			     sizeof(struct group *));
	tally->groups[tally->used++] = group;
	return group;
}

/* A server is counted by its address, of all services and ports. */
static bool read_key(const struct conn *conn, __u8 by, struct group *key)
{
	memset(key, 0, sizeof(*key));
	switch (by) {
	case COUNT_BY_SERVICE:
		key->service = conn->of;
		/* Absent if the service was removed; the connection ends, too. */
		return conn->has_of;
	case COUNT_BY_SERVER:
		key->server = conn->server;
		key->server.port = 0;
		return true;
	default:
		key->state = conn->state;
		return true;
	}
}

bool tally_read(const struct nlmsghdr *nlh, void *data)
{
	struct tally *tally = data;
	struct group key;
	struct conn conn;

	if (!decode_conn(nlh, &conn))
		return false;
	if (read_key(&conn, tally->by, &key))
		find_group(tally, &key)->count++;
	return true;
}

static json_t *group_json(const struct group *group, __u8 by)
{
	char text[ENDPOINT_TEXT];
	json_t *object;

	switch (by) {
	case COUNT_BY_SERVICE:
		object = key_json(&group->service);
		break;
	case COUNT_BY_SERVER:
		object = json_pack("{s:s}", "server_address",
				   address_text(&group->server, text));
		break;
	default:
		object = json_pack("{s:s}", "state", state_word(group->state));
	}
	json_object_set_new(object, "connections",
			    json_integer((json_int_t)group->count));
	return object;
}

static void print_group(const struct group *group, __u8 by, bool numeric)
{
	char text[SERVICE_TEXT];

	switch (by) {
	case COUNT_BY_SERVICE:
		service_column(&group->service, numeric, text, sizeof(text));
		break;
	case COUNT_BY_SERVER:
		address_text(&group->server, text);
		break;
	default:
		state_name(group->state, false, text);
	}
	printf("%11llu  %s\n", (unsigned long long)group->count, text);
}

/* Prints the counts, the highest first. */
void tally_print(struct tally *tally, const struct request *req)
{
	static const char *const titles[] = {
		[COUNT_BY_SERVICE] = "Service",
		[COUNT_BY_SERVER] = "Server",
		[COUNT_BY_STATE] = "State",
	};
	struct json_list list;
	size_t i;

	if (tally->used)
		qsort(tally->groups, tally->used, sizeof(struct group *),
		      compare_counts);
	if (!req->json) {
		printf("Connections  %s\n", titles[tally->by]);
		for (i = 0; i < tally->used; i++)
			print_group(tally->groups[i], tally->by, req->numeric);
		return;
	}
	json_list_begin(&list, req->pretty);
	for (i = 0; i < tally->used; i++)
		json_list_add(&list, group_json(tally->groups[i], tally->by));
	json_list_end(&list);
}

void tally_end(struct tally *tally)
{
	tdestroy(tally->tree, free);
	free(tally->groups);
	free(tally);
}

/* Counts from a dump. */
int tally_groups(struct nl *nl, const struct request *req)
{
	struct nlmsghdr *nlh = nl_dump_request(nl, LBDR_CMD_CONN_GET);
	struct tally *tally = tally_begin(req->conns.count_by);
	struct nl_answer answer;
	int status;

	conns_filter(nlh, req);
	if (req->conns.count_by == COUNT_BY_SERVICE)
		mnl_attr_put(nlh, LBDR_A_CONN_WITH_SERVICE, 0, NULL);
	nl_ask(nl, nlh, tally_read, tally, &answer);
	status = nl_verdict(&answer, "connection");
	if (!status) {
		tally_print(tally, req);
		if (answer.torn)
			conns_warn();
	}
	tally_end(tally);
	return status;
}

struct count {
	__u32 number;
	bool resized;
};

static bool read_count(const struct nlmsghdr *nlh, void *data)
{
	struct count *count = data;

	return decode_count(nlh, &count->number, &count->resized);
}

/* Counts in the kernel. */
int tally_count(struct nl *nl, const struct request *req)
{
	struct count count = { .resized = true };
	struct nlmsghdr *nlh;
	int tries = TRIES;
	int status = 0;

	while (!status && count.resized && tries--) {
		nlh = nl_request(nl, LBDR_CMD_CONN_COUNT);
		conns_filter(nlh, req);
		status = nl_run(nl, nlh, read_count, &count, "connection");
	}
	if (status)
		return status;
	if (req->json)
		json_print(json_pack("{s:I}", "connections", (json_int_t)count.number),
			   req->pretty);
	else
		printf("%u\n", count.number);
	if (count.resized)
		conns_warn();
	return status;
}
