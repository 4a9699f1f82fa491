// SPDX-License-Identifier: GPL-2.0
/*
 * Saves connections to a file and restores them, for an exchange of the module. A line
 * has the fields
 *
 *	CLIENT VIRTUAL PROTOCOL SERVER STATE MILLISECONDS FLAGS SERVICE...
 *
 * where SERVICE are the options that name the service, as in the file of `save`, and
 * MILLISECONDS is the time left. A template has - as VIRTUAL and PROTOCOL. FLAGS are
 * half_open, renewed and vrf=NAME, separated by commas, or -.
 *
 * Both directions take a message or a line at a time: there may be millions.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lbctl.h"

/* Words of a line before those of the service */
#define FIELDS 7

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

static void save_flags(FILE *out, const struct conn *conn)
{
	const char *comma = "";

	fputc(' ', out);
	if (conn->flags & LBDR_CONN_FLAG_HALF_OPEN) {
		fputs("half_open", out);
		comma = ",";
	}
	if (conn->flags & LBDR_CONN_FLAG_RENEWED) {
		fprintf(out, "%srenewed", comma);
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

	if (!strcmp(text, "-"))
		return 0;
	while ((word = strsep(&rest, ","))) {
		if (!strcmp(word, "half_open"))
			conn->flags |= LBDR_CONN_FLAG_HALF_OPEN;
		else if (!strcmp(word, "renewed"))
			conn->flags |= LBDR_CONN_FLAG_RENEWED;
		else if (strncmp(word, "vrf=", 4))
			return fault("invalid flag '%s': must be half_open, renewed or vrf=NAME",
				     word);
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
	const struct file *file;
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

static int add_conn(struct nl *nl, struct restoring *to, const struct conn *conn)
{
	struct nlmsghdr *nlh = nl_request(nl, LBDR_CMD_CONN_ADD);
	int status = EXIT_DONE;
	size_t size;

	put_conn(nlh, conn);
	size = NLMSG_ALIGN(nlh->nlmsg_len);
	if (to->count == NL_MANY || to->size + size > sizeof(to->messages))
		status = send_all(nl, to);
	if (status)
		return status;
	/* Padding is sent, too. */
	memset(to->messages + to->size, 0, size);
	memcpy(to->messages + to->size, nlh, nlh->nlmsg_len);
	to->size += size;
	to->lines[to->count++] = to->file->line;
	return EXIT_DONE;
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
		status = add_conn(nl, to, &conn);
		if (status)
			return status;
	}
	return send_all(nl, to);
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
	to.file = &file;
	status = restore_from(nl, &file, &to);
	if (!status || to.restored)
		printf("%zu connection%s restored\n", to.restored,
		       to.restored == 1 ? "" : "s");
	if (!status && to.refused) {
		complain("warning: %zu connection%s not restored; %s, line %u: %s",
			 to.refused, to.refused == 1 ? "" : "s", file.name, to.line,
			 to.sentence);
		status = EXIT_PARTLY;
	}
	file_close(&file);
	return status;
}
