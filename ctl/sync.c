// SPDX-License-Identifier: GPL-2.0
/*
 * Connection synchronisation: starts and stops the roles, lists them and the counters.
 */
#include <errno.h>
#include <net/if.h>
#include <stdio.h>
#include <string.h>

#include "lbctl.h"

#define ROLES (LBDR_SYNC_ROLE_BACKUP + 1)

/* In the order of the attributes; first those of the master. */
static const struct {
	const char *name;
	const char *summary;
} counters[SYNC_COUNTERS] = {
	{ "sent_datagrams", "datagrams sent" },
	{ "sent_records", "records in these datagrams" },
	{ "send_errors", "datagrams that could not be sent" },
	{ "dropped", "records not sent: no memory, send error, or full queue" },
	{ "received_datagrams", "datagrams received" },
	{ "received_records", "records in these datagrams" },
	{ "added", "connections added" },
	{ "updated", "connections whose state or time left was changed" },
	{ "adopted", "records applied when their server was added" },
	{ "pending_full", "records of unknown servers lost: too many waited" },
	{ "own", "records ignored: this director forwards the connection" },
	{ "refused", "records ignored: table nearly full, or no such template" },
	{ "skipped", "records ignored: unknown protocol or state" },
	{ "bad", "malformed datagrams" },
	{ "foreign", "datagrams of another id or sender" },
};

#define OF_MASTER 4		/* counters */

static int read_numbers(struct sync_args *args)
{
	__u8 prefix;

	args->port = 8848;
	args->ttl = 1;
	args->length = 1472;
	if ((args->id_text && parse_number("id", args->id_text, 0, 255, &args->id)) ||
	    (args->port_text &&
	     parse_number("port", args->port_text, 1, 65535, &args->port)) ||
	    (args->ttl_text && parse_number("TTL", args->ttl_text, 1, 255, &args->ttl)) ||
	    (args->length_text &&
	     parse_number("length", args->length_text, 128, 8972, &args->length)))
		return -1;
	if (!args->address_text)
		return 0;
	if (parse_client(args->address_text, &args->address, &prefix))
		return -1;
	if (args->address.port || prefix != family_bits(args->address.family))
		return fault("invalid address '%s': must be one address without a port",
			     args->address_text);
	return 0;
}

/**
 * sync_read() - read the words and options of sync
 * @req: the request
 * @words: what stood on the command line without an option's name
 * @count: how many
 *
 * Return: 0; -1 for wrong usage, and then fault_text() tells more.
 */
int sync_read(struct request *req, const char *const *words, size_t count)
{
	struct sync_args *args = &req->sync;
	bool options = args->id_text || args->address_text || args->port_text ||
		       args->ttl_text || args->length_text;

	if (count) {
		args->stops = !strcmp(words[0], "stop");
		args->starts = !args->stops;
		if (count > 2)
			return fault("unexpected argument '%s'", words[2]);
		if (count < 2)
			return fault(args->stops ? "a role is required: master or backup" :
						   "a device is required");
		if (choice_parse(&sync_choice, words[args->stops], &args->role))
			return -1;
		if (req->json)
			return fault("-j not supported with a role");
	}
	if (options && !args->starts)
		return fault("a role and a device are required with these options");
	if (!args->starts)
		return 0;
	args->device = words[1];
	if (!*args->device || strlen(args->device) >= IFNAMSIZ)
		return fault("invalid name of a device: '%s'", args->device);
	return read_numbers(args);
}

static void put_settings(struct nlmsghdr *nlh, const struct sync_args *args)
{
	mnl_attr_put_strz(nlh, LBDR_A_SYNC_DEVICE, args->device);
	if (args->address_text)
		nl_put_address(nlh, LBDR_A_SYNC_ADDRESS, &args->address);
	mnl_attr_put_u16(nlh, LBDR_A_SYNC_PORT, htons(args->port));
	mnl_attr_put_u8(nlh, LBDR_A_SYNC_ID, args->id);
	mnl_attr_put_u8(nlh, LBDR_A_SYNC_TTL, args->ttl);
	mnl_attr_put_u16(nlh, LBDR_A_SYNC_MAX_LEN, args->length);
}

static json_t *role_json(const struct sync *sync)
{
	bool master = sync->role == LBDR_SYNC_ROLE_MASTER;
	const char *role = choice_word(&sync_choice, sync->role);
	json_t *object = json_object();
	char text[ENDPOINT_TEXT];
	size_t i;

	json_object_set_new(object, "role", json_string(role));
	json_object_set_new(object, "running", json_boolean(sync->enabled));
	json_object_set_new(object, "device",
			    sync->enabled ? json_string(sync->device) : json_null());
	json_object_set_new(object, "address",
			    sync->enabled ? json_string(address_text(&sync->address, text)) :
					    json_null());
	json_object_set_new(object, "port", number_json(sync->address.port, sync->enabled));
	json_object_set_new(object, "id", number_json(sync->id, sync->enabled));
	json_object_set_new(object, "ttl", number_json(sync->ttl, sync->enabled));
	json_object_set_new(object, "length", number_json(sync->length, sync->enabled));
	if (!master)
		json_object_set_new(object, "pending", number_json(sync->pending, true));
	for (i = 0; i < SYNC_COUNTERS; i++) {
		if (master == (i < OF_MASTER))
			json_object_set_new(object, counters[i].name,
					    number_json(sync->counters[i], true));
	}
	return object;
}

static void print_role(const struct sync *sync)
{
	char text[ENDPOINT_TEXT];

	if (!sync->enabled) {
		printf("%-7s stopped\n", choice_word(&sync_choice, sync->role));
		return;
	}
	printf("%-7s runs on %s, %s port %u, id %u, ttl %u, length %u\n",
	       choice_word(&sync_choice, sync->role), sync->device,
	       address_text(&sync->address, text), sync->address.port, sync->id, sync->ttl,
	       sync->length);
}

/**
 * sync_print() - print the roles and the counters
 * @roles: the roles
 * @count: how many
 * @req: how
 */
void sync_print(const struct sync *roles, size_t count, const struct request *req)
{
	struct json_list list;
	size_t i;

	if (req->json) {
		json_list_begin(&list, req->pretty);
		for (i = 0; i < count; i++)
			json_list_add(&list, role_json(&roles[i]));
		json_list_end(&list);
		return;
	}
	for (i = 0; i < count; i++)
		print_role(&roles[i]);
	if (!count)
		return;
	printf("%-18s %12u  records that wait for their server\n", "pending",
	       roles[0].pending);
	for (i = 0; i < SYNC_COUNTERS; i++)
		printf("%-18s %12llu  %s\n", counters[i].name,
		       (unsigned long long)roles[0].counters[i], counters[i].summary);
}

struct roles {
	struct sync role[ROLES];
	size_t count;
};

static bool read_role(const struct nlmsghdr *nlh, void *data)
{
	struct roles *roles = data;
	struct sync sync;

	if (!decode_sync(nlh, &sync))
		return false;
	if (roles->count < ROLES)
		roles->role[roles->count++] = sync;
	return true;
}

/* The verb sync. */
int sync_run(struct nl *nl, const struct request *req)
{
	const struct sync_args *args = &req->sync;
	struct roles roles = { .count = 0 };
	struct nlmsghdr *nlh;
	int status;

	if (!args->starts && !args->stops) {
		nlh = nl_dump_request(nl, LBDR_CMD_SYNC_GET);
		status = nl_run(nl, nlh, read_role, &roles, "role");
		if (!status)
			sync_print(roles.role, roles.count, req);
		return status;
	}
	nlh = nl_request(nl, LBDR_CMD_SYNC_SET);
	mnl_attr_put_u8(nlh, LBDR_A_SYNC_ROLE, args->role);
	mnl_attr_put_u8(nlh, LBDR_A_SYNC_ENABLED, args->starts);
	if (args->starts)
		put_settings(nlh, args);
	return nl_run(nl, nlh, NULL, NULL, "role");
}
