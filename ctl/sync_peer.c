// SPDX-License-Identifier: GPL-2.0
/*
 * Synchronisation with other directors of lbdr: keys, what is shown of the peers, and a
 * status for scripts.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "lbctl.h"

#define KEY_BYTES 32
#define WAIT_MAX 3600
#define POLL_MS 100

/* In the order of the attributes. */
const struct sync_counter sync_peer_counters[SYNC_PEER_COUNTERS] = {
	{ "sent", "pages of records sent" },
	{ "resent", "pages sent again" },
	{ "overrun", "pages dropped before the peer had them" },
	{ "received", "pages received" },
	{ "lost", "pages that the peer could not send again" },
	{ "bulks", "times that all connections were asked for" },
	{ "forged", "datagrams that no key has sealed" },
	{ "replayed", "datagrams received before, or for another director" },
	{ "old_epoch", "datagrams of an unknown epoch" },
	{ "bad", "malformed datagrams" },
};

/**
 * sync_peer_read() - read the words and options of sync key and sync --wait
 * @req: the request
 * @words: what stood on the command line without an option's name
 * @count: how many
 *
 * Return: 0; -1 for wrong usage, and then fault_text() tells more.
 */
int sync_peer_read(struct request *req, const char *const *words, size_t count)
{
	struct sync_args *args = &req->sync;

	if (args->id_text || args->address_text || args->port_text || args->ttl_text ||
	    args->length_text || args->key_id_text)
		return fault("a role and a device are required with these options");
	if (req->json)
		return fault("-j not supported with %s", count ? "key" : "--wait");
	if (args->wait_text) {
		if (count || args->key_file)
			return fault("--wait not supported with other arguments");
		return parse_number("time", args->wait_text, 0, WAIT_MAX, &args->wait);
	}
	if (count != 2)
		return fault("one number of a key is required: 0 or 1");
	args->sets_key = true;
	return parse_number("number of a key", words[1], 0, 1, &args->key_id);
}

static bool key_failed(const char *path, const char *why)
{
	complain("key file %s: %s", path, why);
	return false;
}

/* A key is as secret as the file is. */
static bool read_key(const char *path, unsigned char *key)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	unsigned char bytes[KEY_BYTES + 1] = {};
	struct stat status;
	ssize_t size;

	if (fd < 0)
		return key_failed(path, strerror(errno));
	if (fstat(fd, &status) || !S_ISREG(status.st_mode)) {
		close(fd);
		return key_failed(path, "not a regular file");
	}
	if (status.st_mode & 077 || (status.st_uid && status.st_uid != geteuid())) {
		close(fd);
		return key_failed(path, "must be owned by root and have the mode 0600");
	}
	size = read(fd, bytes, sizeof(bytes));
	close(fd);
	memcpy(key, bytes, KEY_BYTES);
	explicit_bzero(bytes, sizeof(bytes));
	return size == KEY_BYTES || key_failed(path, "must have 32 bytes");
}

/**
 * sync_peer_put_key() - append the key of a file to a message
 * @nlh: the message
 * @path: the file
 *
 * Return: false after a message.
 */
bool sync_peer_put_key(struct nlmsghdr *nlh, const char *path)
{
	unsigned char key[KEY_BYTES];
	bool valid = read_key(path, key);

	if (valid)
		mnl_attr_put(nlh, LBDR_A_SYNC_KEY, sizeof(key), key);
	explicit_bzero(key, sizeof(key));
	return valid;
}

/**
 * sync_peer_check_key() - check whether a file has a key
 * @path: the file
 *
 * Return: false after a message.
 */
bool sync_peer_check_key(const char *path)
{
	unsigned char key[KEY_BYTES];
	bool valid = read_key(path, key);

	explicit_bzero(key, sizeof(key));
	return valid;
}

/**
 * sync_peer_run() - send a message that may have a key, and overwrite it
 * @nl: the socket
 * @nlh: the message
 * @object: what it is about, for messages
 *
 * Return: an exit status.
 */
int sync_peer_run(struct nl *nl, struct nlmsghdr *nlh, const char *object)
{
	int status = nl_run(nl, nlh, NULL, NULL, object);

	explicit_bzero(nlh, nlh->nlmsg_len);
	return status;
}

static json_t *peer_json(const struct sync *sync, size_t i)
{
	const struct sync_peer *peer = &sync->peers[i];
	bool heard = peer->state != LBDR_SYNC_PEER_STATE_SILENT;
	json_t *object = json_object();
	char text[ENDPOINT_TEXT];

	json_object_set_new(object, "address",
			    json_string(address_text(&sync->addresses[i], text)));
	json_object_set_new(object, "state",
			    json_string(choice_word(&sync_peer_choice, peer->state)));
	json_object_set_new(object, "differs",
			    heard ? json_boolean(peer->differs) : json_null());
	json_object_set_new(object, "conns", number_json(peer->conns, heard));
	for (i = 0; i < SYNC_PEER_COUNTERS; i++)
		json_object_set_new(object, sync_peer_counters[i].name,
				    number_json(peer->counters[i], true));
	return object;
}

/**
 * sync_peer_json() - add what only the role peers has
 * @sync: the role, or another one: then the fields are null
 * @object: its object
 */
void sync_peer_json(const struct sync *sync, json_t *object)
{
	bool is_peers = sync->role == LBDR_SYNC_ROLE_PEERS;
	bool runs = is_peers && sync->enabled;
	json_t *keys = is_peers ? json_array() : json_null();
	json_t *peers = is_peers ? json_array() : json_null();
	size_t i;

	for (i = 0; is_peers && i < 2; i++) {
		if (sync->keys & 1 << i)
			json_array_append_new(keys, json_integer(i));
	}
	for (i = 0; is_peers && i < sync->n_addresses; i++)
		json_array_append_new(peers, peer_json(sync, i));
	json_object_set_new(object, "synced",
			    runs ? json_boolean(sync->synced) : json_null());
	json_object_set_new(object, "key_id", number_json(sync->key_id, runs));
	json_object_set_new(object, "keys", keys);
	json_object_set_new(object, "peers", peers);
}

static void print_peer(const struct sync *sync, size_t i)
{
	const struct sync_peer *peer = &sync->peers[i];
	const __u64 *counters = peer->counters;
	char text[ENDPOINT_TEXT];

	printf("  %s %s", address_text(&sync->addresses[i], text),
	       choice_word(&sync_peer_choice, peer->state));
	if (peer->state != LBDR_SYNC_PEER_STATE_SILENT)
		printf(", %u connections, %s services and servers", peer->conns,
		       peer->differs ? "other" : "same");
	for (i = 0; i < SYNC_PEER_COUNTERS; i++)
		printf("%s %s %llu", i ? "," : "\n   ", sync_peer_counters[i].name,
		       (unsigned long long)counters[i]);
	putchar('\n');
}

/**
 * sync_peer_print() - print what only the role peers has
 * @sync: the role, which runs
 */
void sync_peer_print(const struct sync *sync)
{
	size_t i;

	printf("  %s, seals with key %u%s\n", sync->synced ? "synced" : "not synced",
	       sync->key_id, sync->keys == 3 ? ", accepts both keys" : "");
	for (i = 0; i < sync->n_addresses; i++)
		print_peer(sync, i);
}

static long long now_ms(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec * 1000LL + now.tv_nsec / 1000000;
}

/**
 * sync_peer_wait() - wait until this director is synced
 * @nl: the socket
 * @seconds: at most so long
 *
 * Return: EXIT_DONE if it is, EXIT_NOT_SYNCED if not, or another exit status.
 */
int sync_peer_wait(struct nl *nl, __u32 seconds)
{
	const struct timespec pause = { .tv_nsec = POLL_MS * 1000000L };
	long long end = now_ms() + seconds * 1000LL;
	struct sync_roles roles;
	bool runs = false;
	int status;
	size_t i;

	for (;;) {
		status = sync_fetch(nl, &roles);
		if (status)
			return status;
		for (i = 0; i < roles.count; i++) {
			if (roles.role[i].role != LBDR_SYNC_ROLE_PEERS)
				continue;
			runs = roles.role[i].enabled;
			if (runs && roles.role[i].synced)
				return EXIT_DONE;
		}
		if (now_ms() >= end)
			break;
		nanosleep(&pause, NULL);
	}
	complain(runs ? "not synced" : "the role peers does not run");
	return EXIT_NOT_SYNCED;
}

/**
 * sync_peer_set_key() - set a key, or seal with another one
 * @nl: the socket
 * @args: the number of the key, and its file
 *
 * Return: an exit status.
 */
int sync_peer_set_key(struct nl *nl, const struct sync_args *args)
{
	struct nlmsghdr *nlh = nl_request(nl, LBDR_CMD_SYNC_KEY);

	mnl_attr_put_u8(nlh, LBDR_A_SYNC_KEY_ID, args->key_id);
	if (args->key_file && !sync_peer_put_key(nlh, args->key_file))
		return EXIT_USAGE;
	return sync_peer_run(nl, nlh, "key");
}
