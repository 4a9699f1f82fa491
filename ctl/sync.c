// SPDX-License-Identifier: GPL-2.0
/*
 * Connection synchronisation: starts and stops the roles, lists them and the counters.
 */
#include <errno.h>
#include <net/if.h>
#include <stdio.h>
#include <string.h>

#include "lbctl.h"

/* In the order of the attributes; first those of the master. */
const struct sync_counter sync_counters[SYNC_COUNTERS] = {
	{ "sent_datagrams", "datagrams sent" },
	{ "sent_records", "records in these datagrams" },
	{ "send_errors", "datagrams that could not be sent" },
	{ "dropped", "records not sent: no memory, send error, or full queue" },
	{ "received_datagrams", "datagrams received" },
	{ "received_records", "records in these datagrams" },
	{ "added", "connections added" },
	{ "updated", "records applied to connections that exist" },
	{ "adopted", "records applied when their server was added" },
	{ "pending_full", "records of unknown servers lost: too many waited" },
	{ "own", "records ignored: this director forwards the connection" },
	{ "stale", "records ignored: older than what is known of the connection" },
	{ "refused", "records ignored: table nearly full, or no such template" },
	{ "skipped", "records ignored: unknown protocol or state" },
	{ "bad", "malformed datagrams" },
	{ "foreign", "datagrams of another id or sender" },
};

#define OF_MASTER 4		/* counters */

/* Reads one of the addresses, @length letters of a list. */
static int read_address(const char *from, size_t length, struct endpoint *address)
{
	char text[ENDPOINT_TEXT];
	__u8 prefix;

	if (length >= sizeof(text))
		return fault("invalid address '%s'", from);
	memcpy(text, from, length);
	text[length] = '\0';
	if (parse_client(text, address, &prefix))
		return -1;
	if (address->port || prefix != family_bits(address->family))
		return fault("invalid address '%s': must be one address without a port",
			     text);
	return 0;
}

static int read_addresses(struct sync_args *args)
{
	const char *from = args->address_text;
	size_t length;

	for (;;) {
		if (args->n_addresses == SYNC_PEERS)
			return fault("too many addresses: %d at most", SYNC_PEERS);
		length = strcspn(from, ",");
		if (read_address(from, length, &args->addresses[args->n_addresses++]))
			return -1;
		if (!from[length])
			return 0;
		from += length + 1;
	}
}

static int read_numbers(struct sync_args *args)
{
	if ((args->id_text && parse_number("id", args->id_text, 0, 255, &args->id)) ||
	    (args->port_text &&
	     parse_number("port", args->port_text, 1, 65535, &args->port)) ||
	    (args->ttl_text && parse_number("TTL", args->ttl_text, 1, 255, &args->ttl)) ||
	    (args->length_text &&
	     parse_number("length", args->length_text, 128, 8972, &args->length)) ||
	    (args->key_id_text &&
	     parse_number("key-id", args->key_id_text, 0, 1, &args->key_id)))
		return -1;
	return args->address_text ? read_addresses(args) : 0;
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
		       args->ttl_text || args->length_text || args->key_file ||
		       args->key_id_text;

	if (args->wait_text || (count && !strcmp(words[0], "key")))
		return sync_peer_read(req, words, count);
	if (count) {
		args->stops = !strcmp(words[0], "stop");
		args->starts = !args->stops;
		if (count > 2)
			return fault("unexpected argument '%s'", words[2]);
		if (count < 2)
			return fault(args->stops ?
				     "a role is required: master, backup or peers" :
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
	if (args->role == LBDR_SYNC_ROLE_PEERS && (!args->address_text || !args->key_file))
		return fault("--address and --key-file are required with the role peers");
	return read_numbers(args);
}

static void put_settings(struct nlmsghdr *nlh, const struct sync_args *args)
{
	size_t i;

	mnl_attr_put_strz(nlh, LBDR_A_SYNC_DEVICE, args->device);
	for (i = 0; i < args->n_addresses; i++)
		nl_put_address(nlh, LBDR_A_SYNC_ADDRESS, &args->addresses[i]);
	/* The module has the defaults. */
	if (args->port_text)
		mnl_attr_put_u16(nlh, LBDR_A_SYNC_PORT, htons(args->port));
	if (args->id_text)
		mnl_attr_put_u8(nlh, LBDR_A_SYNC_ID, args->id);
	if (args->ttl_text)
		mnl_attr_put_u8(nlh, LBDR_A_SYNC_TTL, args->ttl);
	if (args->length_text)
		mnl_attr_put_u16(nlh, LBDR_A_SYNC_MAX_LEN, args->length);
	if (args->key_id_text)
		mnl_attr_put_u8(nlh, LBDR_A_SYNC_KEY_ID, args->key_id);
}

static json_t *addresses_json(const struct sync *sync)
{
	json_t *array = json_array();
	char text[ENDPOINT_TEXT];
	size_t i;

	for (i = 0; i < sync->n_addresses; i++)
		json_array_append_new(array, json_string(address_text(&sync->addresses[i],
								      text)));
	return array;
}

static json_t *role_json(const struct sync *sync)
{
	bool master = sync->role == LBDR_SYNC_ROLE_MASTER;
	bool backup = sync->role == LBDR_SYNC_ROLE_BACKUP;
	const char *role = choice_word(&sync_choice, sync->role);
	json_t *object = json_object();
	size_t i;

	json_object_set_new(object, "role", json_string(role));
	json_object_set_new(object, "running", json_boolean(sync->enabled));
	json_object_set_new(object, "device",
			    sync->enabled ? json_string(sync->device) : json_null());
	json_object_set_new(object, "addresses",
			    sync->enabled ? addresses_json(sync) : json_null());
	json_object_set_new(object, "port",
			    number_json(sync->addresses[0].port, sync->enabled));
	json_object_set_new(object, "id", number_json(sync->id, sync->enabled));
	json_object_set_new(object, "ttl", number_json(sync->ttl, sync->enabled));
	json_object_set_new(object, "length", number_json(sync->length, sync->enabled));
	json_object_set_new(object, "pending", number_json(sync->pending, backup));
	for (i = 0; i < SYNC_COUNTERS; i++)
		json_object_set_new(object, sync_counters[i].name,
				    number_json(sync->counters[i],
						i < OF_MASTER ? master : backup));
	sync_peer_json(sync, object);
	return object;
}

static void print_role(const struct sync *sync)
{
	char text[ENDPOINT_TEXT];
	size_t i;

	if (!sync->enabled) {
		printf("%-7s stopped\n", choice_word(&sync_choice, sync->role));
		return;
	}
	printf("%-7s runs on %s,", choice_word(&sync_choice, sync->role), sync->device);
	for (i = 0; i < sync->n_addresses; i++)
		printf(" %s", address_text(&sync->addresses[i], text));
	printf(" port %u,", sync->addresses[0].port);
	if (sync->role != LBDR_SYNC_ROLE_PEERS)
		printf(" id %u,", sync->id);
	printf(" ttl %u, length %u\n", sync->ttl, sync->length);
	if (sync->role == LBDR_SYNC_ROLE_PEERS)
		sync_peer_print(sync);
}

/**
 * sync_print() - print the roles and the counters
 * @roles: the roles
 * @req: how
 */
void sync_print(const struct sync_roles *roles, const struct request *req)
{
	struct json_list list;
	size_t i;

	if (req->json) {
		json_list_begin(&list, req->pretty);
		for (i = 0; i < roles->count; i++)
			json_list_add(&list, role_json(&roles->role[i]));
		json_list_end(&list);
		return;
	}
	for (i = 0; i < roles->count; i++)
		print_role(&roles->role[i]);
	if (!roles->count)
		return;
	printf("%-18s %12u  records that wait for their server\n", "pending",
	       roles->role[0].pending);
	for (i = 0; i < SYNC_COUNTERS; i++)
		printf("%-18s %12llu  %s\n", sync_counters[i].name,
		       (unsigned long long)roles->role[0].counters[i],
		       sync_counters[i].summary);
}

static bool read_role(const struct nlmsghdr *nlh, void *data)
{
	struct sync_roles *roles = data;
	struct sync sync;

	if (!decode_sync(nlh, &sync))
		return false;
	if (roles->count < ARRAY_SIZE(roles->role))
		roles->role[roles->count++] = sync;
	return true;
}

/**
 * sync_fetch() - get the roles and counters from the kernel
 * @nl: the socket
 * @roles: filled in
 *
 * Return: an exit status.
 */
int sync_fetch(struct nl *nl, struct sync_roles *roles)
{
	roles->count = 0;
	return nl_run(nl, nl_dump_request(nl, LBDR_CMD_SYNC_GET), read_role, roles, "role");
}

/* The verb sync. */
int sync_run(struct nl *nl, const struct request *req)
{
	const struct sync_args *args = &req->sync;
	struct sync_roles roles;
	struct nlmsghdr *nlh;
	int status;

	if (args->wait_text)
		return sync_peer_wait(nl, args->wait);
	if (args->sets_key)
		return sync_peer_set_key(nl, args);
	if (!args->starts && !args->stops) {
		status = sync_fetch(nl, &roles);
		if (!status)
			sync_print(&roles, req);
		return status;
	}
	nlh = nl_request(nl, LBDR_CMD_SYNC_SET);
	mnl_attr_put_u8(nlh, LBDR_A_SYNC_ROLE, args->role);
	mnl_attr_put_u8(nlh, LBDR_A_SYNC_ENABLED, args->starts);
	if (args->starts)
		put_settings(nlh, args);
	if (args->key_file && !sync_peer_put_key(nlh, args->key_file))
		return EXIT_USAGE;
	return sync_peer_run(nl, nlh, "role");
}
