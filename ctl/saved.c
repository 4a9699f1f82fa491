// SPDX-License-Identifier: GPL-2.0
/*
 * Saves connections to a file and restores them, for an exchange of the module. A line
 * has the fields
 *
 *	CLIENT VIRTUAL PROTOCOL SERVER STATE MILLISECONDS FLAGS SERVICE...
 *
 * where SERVICE are the options that name the service, as in the file of `save`, and
 * MILLISECONDS is the time left. A template has - as VIRTUAL and PROTOCOL. FLAGS are
 * half_open, renewed, synced and vrf=NAME, separated by commas, or -.
 *
 * Both directions take a message or a line at a time: there may be millions.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <linux/genetlink.h>

#include "lbctl.h"

/* Words of a line before those of the service */
#define FIELDS 7

/* No type of an attribute */
#define LEFT_OUT 0

/* Bytes of messages that are sent in one go */
#define MANY_SIZE 32768

/* ADDR[:PORT], without a port for port 0. @text has ENDPOINT_TEXT bytes. */
static const char *place_text(const struct endpoint *at, char *text)
{
	char address[ENDPOINT_TEXT];

	if (at->port)
		return endpoint_text(at, 0, true, text);
	snprintf(text, ENDPOINT_TEXT, at->family == AF_INET6 ? "[%.45s]" : "%.45s",
		 address_text(at, address));
	return text;
}

static const struct {
	enum lbdr_conn_flag flag;
	const char *word;
} flags[] = {
	{ LBDR_CONN_FLAG_HALF_OPEN, "half_open" },
	{ LBDR_CONN_FLAG_RENEWED, "renewed" },
	{ LBDR_CONN_FLAG_SYNCED, "synced" },
};

#define FLAG_WORDS "half_open, renewed, synced or vrf=NAME"

static void save_flags(FILE *out, const struct conn *conn)
{
	const char *comma = "";
	size_t i;

	fputc(' ', out);
	for (i = 0; i < ARRAY_SIZE(flags); i++) {
		if (!(conn->flags & flags[i].flag))
			continue;
		fprintf(out, "%s%s", comma, flags[i].word);
		comma = ",";
	}
	if (*conn->vrf) {
		fprintf(out, "%svrf=%s", comma, conn->vrf);
		comma = ",";
	}
	if (!*comma)
		fputc('-', out);
}

static void save_conn(FILE *out, const struct conn *conn)
{
	bool template = conn->state == LBDR_CONN_STATE_TEMPLATE;
	struct endpoint server = conn->server;
	char client[ENDPOINT_TEXT], virtual[ENDPOINT_TEXT] = "-", to[ENDPOINT_TEXT];
	char key[SAVE_KEY_TEXT];

	server.port = 0;
	if (!template)
		place_text(&conn->service.at, virtual);
	fprintf(out, "%s %s %s %s %s %u", place_text(&conn->client, client), virtual,
		template ? "-" : protocol_of(conn->service.protocol)->word,
		place_text(&server, to), state_word(conn->state), conn->expires_ms);
	save_flags(out, conn);
	fprintf(out, " %s\n", save_key(&conn->of, true, key));
}

/* A connection without a service is of a removed server, and about to end. */
static bool read_conn(const struct nlmsghdr *nlh, void *data)
{
	struct conn conn;

	if (!decode_conn(nlh, &conn))
		return false;
	if (conn.has_of)
		save_conn(data, &conn);
	return true;
}

static int save_to(FILE *out, struct nl *nl, const struct request *req)
{
	struct nlmsghdr *nlh = nl_dump_request(nl, LBDR_CMD_CONN_GET);
	struct nl_answer answer;
	int status;

	(void)req;
	mnl_attr_put(nlh, LBDR_A_CONN_WITH_SERVICE, 0, NULL);
	nl_ask(nl, nlh, read_conn, out, &answer);
	status = nl_verdict(&answer, "connection");
	if (!status && answer.torn)
		conns_warn();
	return status;
}

/* The verb save-conns. */
int saved_save(struct nl *nl, const struct request *req)
{
	return save_whole(nl, req, save_to);
}

/* The service whose options are the words from @words on. */
static int parse_of(char *const *words, int count, struct service_key *key)
{
	char *line[FILE_WORDS + 2] = { (char *)program, (char *)"del-service" };
	struct request req = { .in_file = true };
	int status;

	memcpy(line + 2, words, count * sizeof(words[0]));
	line[count + 2] = NULL;
	status = options_read(count + 2, line, &req);
	if (status)
		return -1;
	if (req.hold_text || req.netns || req.help || req.verb != &verbs[VERB_DEL_SERVICE])
		return fault("unexpected option behind the service");
	*key = req.service;
	return 0;
}

static int parse_flags(char *text, struct conn *conn)
{
	char *rest = text;
	char *word;
	size_t i;

	if (!strcmp(text, "-"))
		return 0;
	while ((word = strsep(&rest, ","))) {
		for (i = 0; i < ARRAY_SIZE(flags) && strcmp(word, flags[i].word);)
			i++;
		if (i < ARRAY_SIZE(flags))
			conn->flags |= flags[i].flag;
		else if (strncmp(word, "vrf=", 4))
			return fault("invalid flag '%s': must be " FLAG_WORDS, word);
		else if (parse_vrf(word + 4, conn->vrf))
			return -1;
	}
	return 0;
}

static int parse_protocol(const char *word, __u8 *number)
{
	static const __u8 protocols[] = { IPPROTO_TCP, IPPROTO_UDP, IPPROTO_SCTP };
	size_t i;

	for (i = 0; i < ARRAY_SIZE(protocols); i++) {
		*number = protocols[i];
		if (!strcmp(protocol_of(*number)->word, word))
			return 0;
	}
	return fault("invalid protocol '%s': must be tcp, udp or sctp", word);
}

/* An address with a port, or without one. */
static int parse_place(const char *text, int family, struct endpoint *at)
{
	__u8 prefix;

	if (parse_client(text, at, &prefix))
		return -1;
	if (prefix != family_bits(at->family) || (family && family != at->family))
		return fault("invalid address '%s': must be one address of the client's family",
			     text);
	return 0;
}

/* Reads a line; 0 or -1. */
static int parse_conn(const struct file *file, struct conn *conn)
{
	char *const *words = file->words + 1;
	bool template;

	memset(conn, 0, sizeof(*conn));
	if (file->count <= FIELDS)
		return fault("too few words: not a line of save-conns");
	if (parse_place(words[0], 0, &conn->client) ||
	    parse_place(words[3], 0, &conn->server) ||
	    parse_state(words[4], &conn->state) ||
	    parse_number("number of milliseconds", words[5], 1, ~0U, &conn->expires_ms) ||
	    parse_flags(words[6], conn))
		return -1;
	template = conn->state == LBDR_CONN_STATE_TEMPLATE;
	if (template != !strcmp(words[1], "-") || template != !strcmp(words[2], "-"))
		return fault("a template, and nothing else, has - as virtual address and protocol");
	if (!template &&
	    (parse_place(words[1], conn->client.family, &conn->service.at) ||
	     parse_protocol(words[2], &conn->service.protocol)))
		return -1;
	return parse_of(file->words + 1 + FIELDS, file->count - FIELDS, &conn->of);
}

static void put_conn(struct nlmsghdr *nlh, const struct conn *conn)
{
	const struct endpoint *at = &conn->service.at;

	mnl_attr_put_u8(nlh, LBDR_A_CONN_FAMILY, conn->client.family);
	nl_put_address(nlh, LBDR_A_CONN_CLIENT_ADDRESS, &conn->client);
	nl_put_address(nlh, LBDR_A_CONN_SERVER_ADDRESS, &conn->server);
	mnl_attr_put_u8(nlh, LBDR_A_CONN_STATE, conn->state);
	mnl_attr_put_u32(nlh, LBDR_A_CONN_EXPIRES, conn->expires_ms);
	if (conn->state != LBDR_CONN_STATE_TEMPLATE) {
		mnl_attr_put_u8(nlh, LBDR_A_CONN_PROTOCOL, conn->service.protocol);
		mnl_attr_put_u16(nlh, LBDR_A_CONN_CLIENT_PORT, htons(conn->client.port));
		nl_put_address(nlh, LBDR_A_CONN_VIRTUAL_ADDRESS, at);
		mnl_attr_put_u16(nlh, LBDR_A_CONN_VIRTUAL_PORT, htons(at->port));
	}
	if (conn->flags)
		mnl_attr_put_u32(nlh, LBDR_A_CONN_FLAGS, conn->flags);
	if (*conn->vrf)
		mnl_attr_put_strz(nlh, LBDR_A_CONN_VRF, conn->vrf);
	nl_put_service_of(nlh, LBDR_A_CONN_SERVICE, &conn->of);
}

/*
 * Messages that are sent in one go, and what became of those before.
 */
struct restoring {
	char messages[MANY_SIZE];
	size_t size;
	size_t count;
	unsigned int lines[NL_MANY];
	size_t restored;
	size_t refused;
	unsigned int line;	/* of the first one that was refused */
	char sentence[512];
};

static void refuse(struct restoring *to, size_t count, unsigned int line,
		   const char *sentence)
{
	if (!to->refused) {
		to->line = line;
		snprintf(to->sentence, sizeof(to->sentence), "%s", sentence);
	}
	to->refused += count;
}

/* Sends what was collected; the exit status after a message, if that fails as a whole. */
static int send_all(struct nl *nl, struct restoring *to)
{
	struct nl_answer answer;
	size_t failed;

	if (!to->count)
		return EXIT_DONE;
	failed = nl_ask_many(nl, (void *)to->messages, to->size, &answer);
	/* Not refused by the module: sending or receiving failed. */
	if (answer.error && (!answer.refused || failed >= to->count))
		return nl_verdict(&answer, "connection");
	if (answer.error)
		refuse(to, answer.refused, to->lines[failed],
		       *answer.sentence ? answer.sentence : strerror(answer.error));
	to->restored += to->count - answer.refused;
	to->size = 0;
	to->count = 0;
	return EXIT_DONE;
}

/* @line: of the file, for messages */
static int add_message(struct nl *nl, struct restoring *to, const struct nlmsghdr *nlh,
		       unsigned int line)
{
	size_t size = NLMSG_ALIGN(nlh->nlmsg_len);
	int status = EXIT_DONE;

	if (to->count == NL_MANY || to->size + size > sizeof(to->messages))
		status = send_all(nl, to);
	if (status)
		return status;
	/* Padding is sent, too. */
	memset(to->messages + to->size, 0, size);
	memcpy(to->messages + to->size, nlh, nlh->nlmsg_len);
	to->size += size;
	to->lines[to->count++] = line;
	return EXIT_DONE;
}

static int add_conn(struct nl *nl, struct restoring *to, const struct conn *conn,
		    unsigned int line)
{
	struct nlmsghdr *nlh = nl_request(nl, LBDR_CMD_CONN_ADD);

	put_conn(nlh, conn);
	return add_message(nl, to, nlh, line);
}

static int restore_from(struct nl *nl, struct file *file, struct restoring *to)
{
	struct conn conn;
	int more, status;

	while ((more = file_next(file))) {
		if (more < 0 || parse_conn(file, &conn)) {
			refuse(to, 1, file->line, fault_text());
			if (ferror(file->in))
				break;
			continue;
		}
		status = add_conn(nl, to, &conn, file->line);
		if (status)
			return status;
	}
	return send_all(nl, to);
}

/* Tells what became of the messages. @file: the name of the file, or NULL */
static int tell_restored(const struct restoring *to, const char *file, int status)
{
	char place[PATH_MAX + 16] = "";

	if (!status || to->restored)
		printf("%zu connection%s restored\n", to->restored,
		       to->restored == 1 ? "" : "s");
	if (status || !to->refused)
		return status;
	if (file)
		snprintf(place, sizeof(place), "%s, line %u: ", file, to->line);
	complain("warning: %zu connection%s not restored; %s%s", to->refused,
		 to->refused == 1 ? "" : "s", place, to->sentence);
	return EXIT_PARTLY;
}

/* The verb restore-conns. */
int saved_restore(struct nl *nl, const struct request *req)
{
	static struct restoring to;
	struct file file;
	int status;

	memset(&to, 0, sizeof(to));
	status = file_open(&file, req->word);
	if (status)
		return status;
	status = tell_restored(&to, file.name, restore_from(nl, &file, &to));
	file_close(&file);
	return status;
}

static bool take_conn(const struct nlmsghdr *nlh, void *data)
{
	struct saved_conns *conns = data;
	size_t size = NLMSG_ALIGN(nlh->nlmsg_len);
	char *larger;

	if (conns->no_memory)
		return true;
	if (conns->size + size > conns->room) {
		larger = realloc(conns->messages, 2 * conns->room + MANY_SIZE);
		conns->no_memory = !larger;
		if (!larger)
			return true;
		conns->messages = larger;
		conns->room = 2 * conns->room + MANY_SIZE;
	}
	memcpy(conns->messages + conns->size, nlh, nlh->nlmsg_len);
	conns->size += size;
	return true;
}

/**
 * saved_take() - get all connections, as the messages of the module
 * @nl: the socket
 * @conns: empty; to be freed by saved_drop(), also after an error
 *
 * The process goes on without memory: what was taken away before can be brought back.
 *
 * Return: the exit status; EXIT_PARTLY if some connections may be missing.
 */
int saved_take(struct nl *nl, struct saved_conns *conns)
{
	struct nlmsghdr *nlh = nl_dump_request(nl, LBDR_CMD_CONN_GET);
	struct nl_answer answer;
	int status;

	mnl_attr_put(nlh, LBDR_A_CONN_WITH_SERVICE, 0, NULL);
	nl_ask(nl, nlh, take_conn, conns, &answer);
	status = nl_verdict(&answer, "connection");
	if (!status && conns->no_memory) {
		complain("out of memory: no room for the connections");
		return EXIT_REFUSED;
	}
	if (status || !answer.torn)
		return status;
	conns_warn();
	return EXIT_PARTLY;
}

static bool same_payload(const struct nlattr *a, const struct nlattr *b)
{
	return b && a->nla_len == b->nla_len &&
	       !memcmp(mnl_attr_get_payload(a), mnl_attr_get_payload(b),
		       mnl_attr_get_payload_len(a));
}

/*
 * Returns true if the service is the one of the address and port of the packets, which
 * the module finds by itself, in less time.
 */
static bool is_usual(const struct nlattr *const *attrs)
{
	const struct nlattr *attr;
	bool same = !attrs[LBDR_A_CONN_VRF];

	mnl_attr_for_each_nested(attr, attrs[LBDR_A_CONN_SERVICE]) {
		switch (mnl_attr_get_type(attr)) {
		case LBDR_A_SERVICE_FAMILY:
			break;
		case LBDR_A_SERVICE_PROTOCOL:
			same &= same_payload(attr, attrs[LBDR_A_CONN_PROTOCOL]);
			break;
		case LBDR_A_SERVICE_ADDRESS:
			same &= same_payload(attr, attrs[LBDR_A_CONN_VIRTUAL_ADDRESS]);
			break;
		case LBDR_A_SERVICE_PORT:
			same &= same_payload(attr, attrs[LBDR_A_CONN_VIRTUAL_PORT]);
			break;
		default:
			return false;
		}
	}
	return same;
}

/* Returns true if a message that adds the connection has the attribute. */
static bool is_added(const struct nlattr *attr, const struct nlattr *const *attrs)
{
	const struct nlattr *state = attrs[LBDR_A_CONN_STATE];
	bool template = state && mnl_attr_get_u8(state) == LBDR_CONN_STATE_TEMPLATE;

	switch (mnl_attr_get_type(attr)) {
	case LBDR_A_CONN_FAMILY:
	case LBDR_A_CONN_CLIENT_ADDRESS:
	case LBDR_A_CONN_SERVER_ADDRESS:
	case LBDR_A_CONN_STATE:
	case LBDR_A_CONN_EXPIRES:
	case LBDR_A_CONN_FLAGS:
	case LBDR_A_CONN_VRF:
		return true;
	case LBDR_A_CONN_PROTOCOL:
	case LBDR_A_CONN_CLIENT_PORT:
	case LBDR_A_CONN_VIRTUAL_ADDRESS:
	case LBDR_A_CONN_VIRTUAL_PORT:
		return !template;
	case LBDR_A_CONN_SERVICE:
		return template || !is_usual(attrs);
	default:
		return false;
	}
}

/*
 * Makes a message that adds a connection of one that lists it, of which it has some
 * attributes. @to is in front of @nlh or the same place. Returns its length; 0 for a
 * connection without a service: it is of a removed server, and about to end.
 */
static size_t convert(char *to, struct nlmsghdr *nlh)
{
	const size_t head = MNL_NLMSG_HDRLEN + MNL_ALIGN(sizeof(struct genlmsghdr));
	const struct nlattr *attrs[LBDR_A_CONN_MAX + 1] = { NULL };
	char *end = mnl_nlmsg_get_payload_tail(nlh);
	struct nlattr *first = (void *)((char *)nlh + head), *attr, *next;
	size_t length = head, size;

	for (attr = first; mnl_attr_ok(attr, end - (char *)attr); attr = mnl_attr_next(attr))
		if (mnl_attr_type_valid(attr, LBDR_A_CONN_MAX) > 0)
			attrs[mnl_attr_get_type(attr)] = attr;
	if (!attrs[LBDR_A_CONN_SERVICE])
		return 0;
	/* Decided before the first one moves. */
	for (attr = first; mnl_attr_ok(attr, end - (char *)attr); attr = mnl_attr_next(attr))
		if (!is_added(attr, attrs))
			attr->nla_type = LEFT_OUT;
	for (attr = first; mnl_attr_ok(attr, end - (char *)attr); attr = next) {
		next = mnl_attr_next(attr);
		if (attr->nla_type == LEFT_OUT)
			continue;
		size = (char *)next - (char *)attr;
		memmove(to + length, attr, size);
		length += size;
	}
	return length;
}

/**
 * saved_convert() - make messages that add connections of those that list them
 * @nl: the socket, to the module that lists them or to another one
 * @conns: after saved_take()
 *
 * Separate from saved_take(), so that it may be done while the module is unloaded. In
 * place, and attribute by attribute, which costs less than decode_conn().
 */
void saved_convert(struct nl *nl, struct saved_conns *conns)
{
	size_t from, size, length, to = 0;
	struct nlmsghdr *nlh;

	for (from = 0; from < conns->size; from += size) {
		nlh = (void *)(conns->messages + from);
		size = NLMSG_ALIGN(nlh->nlmsg_len);
		length = convert(conns->messages + to, nlh);
		if (!length)
			continue;
		nlh = nl_request(nl, LBDR_CMD_CONN_ADD);
		memcpy(conns->messages + to, nlh, nlh->nlmsg_len);
		nlh = (void *)(conns->messages + to);
		nlh->nlmsg_len = length;
		to += length;
	}
	conns->size = to;
}

/**
 * saved_give() - restore the connections of saved_convert()
 * @nl: the socket
 * @conns: the connections, may be restored again
 *
 * Return: the exit status; EXIT_PARTLY if some connections are missing.
 */
int saved_give(struct nl *nl, struct saved_conns *conns)
{
	__u16 family = nl_request(nl, LBDR_CMD_CONN_ADD)->nlmsg_type;
	static struct restoring to;
	struct nlmsghdr *nlh;
	int status = EXIT_DONE;
	size_t at;

	memset(&to, 0, sizeof(to));
	for (at = 0; !status && at < conns->size; at += NLMSG_ALIGN(nlh->nlmsg_len)) {
		nlh = (void *)(conns->messages + at);
		/* Another module has another number. */
		nlh->nlmsg_type = family;
		status = add_message(nl, &to, nlh, 0);
	}
	if (!status)
		status = send_all(nl, &to);
	return tell_restored(&to, NULL, status);
}

void saved_drop(struct saved_conns *conns)
{
	free(conns->messages);
	memset(conns, 0, sizeof(*conns));
}
