// SPDX-License-Identifier: GPL-2.0
/*
 * Tests of what lbctl does without a kernel: the reading of numbers and
 * addresses, the grammar, in check_words.c the words for what a scheduler is
 * told, and in check_messages.c the decoding of messages. Built with the
 * address and undefined-behaviour sanitizers. Takes the seed of its random
 * messages as an argument, and prints the one it used.
 */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "check.h"
#include "lbctl.h"

static unsigned int passed, failed, skipped;

void result(bool good, const char *format, ...)
{
	va_list args;

	printf("%s - ", good ? "ok" : "not ok");
	va_start(args, format);
	vprintf(format, args);
	va_end(args);
	putchar('\n');
	if (good)
		passed++;
	else
		failed++;
}

struct number_row {
	const char *text;
	__u32 min;
	__u32 max;
	bool valid;
	__u32 number;
};

static const struct number_row number_rows[] = {
	{ "0", 0, 65535, true, 0 },
	{ "1", 1, 65535, true, 1 },
	{ "65535", 0, 65535, true, 65535 },
	{ "007", 0, 65535, true, 7 },
	{ "4294967295", 0, ~0U, true, ~0U },
	{ "00000000000000000000000000000001", 0, 9, true, 1 },
	{ "", 0, 65535, false, 0 },
	{ " ", 0, 65535, false, 0 },
	{ " 1", 0, 65535, false, 0 },
	{ "1 ", 0, 65535, false, 0 },
	{ "\t1", 0, 65535, false, 0 },
	{ "+1", 0, 65535, false, 0 },
	{ "-1", 0, ~0U, false, 0 },
	{ "-0", 0, ~0U, false, 0 },
	{ "0x10", 0, 65535, false, 0 },
	{ "1e3", 0, 65535, false, 0 },
	{ "1.0", 0, 65535, false, 0 },
	{ "ten", 0, 65535, false, 0 },
	{ "0", 1, 65535, false, 0 },
	{ "65536", 0, 65535, false, 0 },
	{ "4294967296", 0, ~0U, false, 0 },
	{ "4294967297", 0, 65535, false, 0 },
	{ "18446744073709551616", 0, ~0U, false, 0 },
	{ "18446744073709551617", 0, 65535, false, 0 },
	{ "99999999999999999999999999999999999999", 0, ~0U, false, 0 },
};

static void check_numbers(void)
{
	const struct number_row *row;
	__u32 number;
	bool valid;

	for (row = number_rows;
	     row < number_rows + ARRAY_SIZE(number_rows); row++) {
		number = 0;
		valid = !parse_number("number", row->text, row->min, row->max,
				      &number);
		result(valid == row->valid && number == row->number,
		       "number '%s' from %u to %u is %s", row->text, row->min,
		       row->max, row->valid ? "taken" : "refused");
	}
}

/* What a service's text reads as, written back; NULL where it is refused. */
struct service_row {
	const char *text;
	const char *reads;
	bool (*possible)(void);	/* false: the machine lacks a database */
};

static bool knows_http(void)
{
	return getservbyname("http", "tcp");
}

static bool knows_localhost(void)
{
	struct addrinfo hints = { .ai_family = AF_INET };
	struct addrinfo *list;

	if (getaddrinfo("localhost", NULL, &hints, &list))
		return false;
	freeaddrinfo(list);
	return true;
}

static const struct service_row service_rows[] = {
	{ "192.0.2.63:80", "192.0.2.63:80", NULL },
	{ "192.0.2.63:1", "192.0.2.63:1", NULL },
	{ "192.0.2.63:65535", "192.0.2.63:65535", NULL },
	{ "192.0.2.63:http", "192.0.2.63:80", knows_http },
	{ "255.255.255.255:80", "255.255.255.255:80", NULL },
	{ "localhost:80", "127.0.0.1:80", knows_localhost },
	{ "[2001:db8::63]:80", "[2001:db8::63]:80", NULL },
	{ "[2001:DB8:0:0::63]:443", "[2001:db8::63]:443", NULL },
	{ "[::ffff:192.0.2.1]:80", "[::ffff:192.0.2.1]:80", NULL },
	{ "", NULL, NULL },
	{ ":", NULL, NULL },
	{ ":80", NULL, NULL },
	{ "192.0.2.63", NULL, NULL },
	{ "192.0.2.63:", NULL, NULL },
	{ "192.0.2.63:0", NULL, NULL },
	{ "192.0.2.63:65536", NULL, NULL },
	{ "192.0.2.63:-80", NULL, NULL },
	{ "192.0.2.63:+80", NULL, NULL },
	{ "192.0.2.63: 80", NULL, NULL },
	{ "192.0.2.63:80 ", NULL, NULL },
	{ "192.0.2.63:0x50", NULL, NULL },
	{ "192.0.2.63:80:80", NULL, NULL },
	{ "192.0.2.63:no-such-service", NULL, NULL },
	{ " 192.0.2.63:80", NULL, NULL },
	{ "192.0.2.63 :80", NULL, NULL },
	{ "192.0.2:80", NULL, NULL },
	{ "192.0.2.256:80", NULL, NULL },
	{ "192.0.2.063.1:80", NULL, NULL },
	{ "192.0.02.63:80", NULL, NULL },
	{ "192.0.2.63.:80", NULL, NULL },
	{ "3221226047:80", NULL, NULL },
	{ "0xc000023f:80", NULL, NULL },
	{ "0300.0.2.077:80", NULL, NULL },
	{ "192.0.2.0x3f:80", NULL, NULL },
	{ "192.0.2.63/24:80", NULL, NULL },
	{ "name..invalid:80", NULL, NULL },
	{ "2001:db8::63", NULL, NULL },
	{ "2001:db8::63:80", NULL, NULL },
	{ "::1", NULL, NULL },
	{ "[2001:db8::63]", NULL, NULL },
	{ "[2001:db8::63]:", NULL, NULL },
	{ "[2001:db8::63]80", NULL, NULL },
	{ "[2001:db8::63:80", NULL, NULL },
	{ "[2001:db8::63]]:80", NULL, NULL },
	{ "[2001:db8:::63]:80", NULL, NULL },
	{ "[2001:db8::g]:80", NULL, NULL },
	{ "[fe80::1%lo]:80", NULL, NULL },
	{ "[192.0.2.63]:80", NULL, NULL },
	{ "[localhost]:80", NULL, NULL },
	{ "[]:80", NULL, NULL },
	{ "[", NULL, NULL },
	{ "]:80", NULL, NULL },
};

static void check_services(void)
{
	const struct service_row *row;
	char text[ENDPOINT_TEXT];
	struct service_key key;
	bool good;

	for (row = service_rows;
	     row < service_rows + ARRAY_SIZE(service_rows); row++) {
		if (row->possible && !row->possible()) {
			printf("skip - service '%s' (the machine lacks this name)\n",
			       row->text);
			skipped++;
			continue;
		}
		if (parse_service(row->text, IPPROTO_TCP, &key))
			good = !row->reads;
		else
			good = row->reads &&
			       !strcmp(endpoint_text(&key.at, key.protocol,
						     true, text), row->reads);
		result(good, "service '%s' %s%s", row->text,
		       row->reads ? "reads as " : "is refused: ",
		       row->reads ? row->reads : fault_text());
	}
}

static void check_long_words(void)
{
	char text[NI_MAXHOST * 3];
	struct service_key key;

	memset(text, 'a', sizeof(text));
	strcpy(text + sizeof(text) - 4, ":80");
	result(parse_service(text, IPPROTO_TCP, &key) < 0,
	       "a service with a name of %zu letters is refused",
	       strlen(text) - 3);
	memset(text, '1', sizeof(text) - 1);
	text[sizeof(text) - 1] = '\0';
	result(parse_service(text, IPPROTO_TCP, &key) < 0,
	       "a service of %zu digits is refused", strlen(text));
	memcpy(text, "192.0.2.1:", 10);
	result(parse_service(text, IPPROTO_TCP, &key) < 0,
	       "a port of %zu digits is refused", strlen(text) - 10);
	text[0] = '[';
	result(parse_service(text, IPPROTO_TCP, &key) < 0,
	       "a bracket without an end is refused");
}

struct server_row {
	const char *service;
	const char *text;
	const char *reads;
};

static const struct server_row server_rows[] = {
	{ "192.0.2.63:80", "192.0.2.62", "192.0.2.62:80" },
	{ "192.0.2.63:80", "192.0.2.62:80", "192.0.2.62:80" },
	{ "[2001:db8::63]:80", "[2001:db8::62]", "[2001:db8::62]:80" },
	{ "[2001:db8::63]:80", "[2001:db8::62]:80", "[2001:db8::62]:80" },
	{ "192.0.2.63:80", "192.0.2.62:8080", NULL },
	{ "192.0.2.63:80", "192.0.2.62:0", NULL },
	{ "192.0.2.63:80", "192.0.2.62:", NULL },
	{ "192.0.2.63:80", "[2001:db8::62]:80", NULL },
	{ "192.0.2.63:80", "[2001:db8::62]", NULL },
	{ "[2001:db8::63]:80", "192.0.2.62", NULL },
	{ "[2001:db8::63]:80", "2001:db8::62", NULL },
	{ "[2001:db8::63]:80", "[2001:db8::62]:81", NULL },
	{ "192.0.2.63:80", "", NULL },
	{ "192.0.2.63:80", ":80", NULL },
	{ "192.0.2.63:80", "192.0.2", NULL },
};

static void check_servers(void)
{
	const struct server_row *row;
	char text[ENDPOINT_TEXT];
	struct service_key key;
	struct endpoint at;
	bool good;

	for (row = server_rows;
	     row < server_rows + ARRAY_SIZE(server_rows); row++) {
		if (parse_service(row->service, IPPROTO_TCP, &key)) {
			result(false, "service '%s' of a server's row",
			       row->service);
			continue;
		}
		if (parse_server(row->text, &key, &at))
			good = !row->reads;
		else
			good = row->reads &&
			       !strcmp(endpoint_text(&at, IPPROTO_TCP, true,
						     text), row->reads);
		result(good, "server '%s' of %s %s%s", row->text, row->service,
		       row->reads ? "reads as " : "is refused: ",
		       row->reads ? row->reads : fault_text());
	}
}

static void check_names(void)
{
	result(!parse_scheduler("rr"), "scheduler 'rr' is taken");
	result(!parse_scheduler("fifteen-letters"),
	       "a scheduler's name of 15 letters is taken");
	result(parse_scheduler("sixteen--letters") < 0,
	       "a scheduler's name of 16 letters is refused");
	result(parse_scheduler("") < 0, "an empty scheduler is refused");
	result(parse_scheduler("r r") < 0, "scheduler 'r r' is refused");
	result(!parse_netns("blue"), "namespace 'blue' is taken");
	result(parse_netns("") < 0, "an empty namespace is refused");
	result(parse_netns("..") < 0, "namespace '..' is refused");
	result(parse_netns("a/b") < 0, "namespace 'a/b' is refused");
}

/*
 * A command line in words that are split at blanks, and what is expected of
 * it: a verb and, where it matters, a property of the request.
 */
struct line_row {
	const char *line;
	bool ipvsadm;
	int verb;		/* -1: wrong usage, -2: known and not done */
	bool (*holds)(const struct request *req);
};

static bool has_http(const struct request *req)
{
	return req->has_service && req->service.protocol == IPPROTO_TCP &&
	       req->service.at.port == 80;
}

static bool has_udp(const struct request *req)
{
	return req->has_service && req->service.protocol == IPPROTO_UDP;
}

static bool has_wrr(const struct request *req)
{
	return has_http(req) && req->scheduler && !strcmp(req->scheduler, "wrr");
}

static bool no_scheduler(const struct request *req)
{
	return !req->scheduler;
}

static bool weighs_one(const struct request *req)
{
	return req->weight == 1 && req->server.port == 80;
}

static bool weighs_five(const struct request *req)
{
	return req->weight == 5 && req->direct && req->server.port == 80;
}

static bool has_flags(const struct request *req)
{
	return req->flags_text &&
	       req->sched_flags == (LBDR_SCHED_FLAG_PORT |
				    LBDR_SCHED_FLAG_FALLBACK);
}

static bool has_no_flags(const struct request *req)
{
	return req->flags_text && !req->sched_flags;
}

static bool has_size(const struct request *req)
{
	return req->mh_size == 1009;
}

static bool resets(const struct request *req)
{
	return req->refuse_text && req->refuse == LBDR_REFUSE_RESET;
}

static bool is_limited(const struct request *req)
{
	return req->upper == 10 && req->lower == 5 && req->weight == 1;
}

static bool is_unlimited(const struct request *req)
{
	return req->upper_text && !req->upper && !req->lower_text;
}

static bool lists_thresholds(const struct request *req)
{
	return req->numeric && req->thresholds && !req->stats;
}

static bool is_numeric(const struct request *req)
{
	return req->numeric && !req->connections && !req->has_service;
}

static bool lists_connections(const struct request *req)
{
	return req->numeric && req->connections;
}

static bool lists_stats(const struct request *req)
{
	return req->stats && req->exact && req->nosort;
}

static bool is_pretty(const struct request *req)
{
	return req->json && req->pretty;
}

static bool in_blue(const struct request *req)
{
	return req->netns && !strcmp(req->netns, "blue");
}

static bool wants_help(const struct request *req)
{
	return req->help;
}

static bool about_list(const struct request *req)
{
	return req->word && !strcmp(req->word, "list");
}

static const struct line_row line_rows[] = {
	{ "add-service -t 192.0.2.63:80 -s wrr", false, VERB_ADD_SERVICE, has_wrr },
	{ "add-service -t 192.0.2.63:80", false, VERB_ADD_SERVICE, no_scheduler },
	{ "-A -t 192.0.2.63:80 -s wrr", false, VERB_ADD_SERVICE, has_wrr },
	{ "-A -t 192.0.2.63:80 -s wrr", true, VERB_ADD_SERVICE, has_wrr },
	{ "-At 192.0.2.63:80 -swrr", true, VERB_ADD_SERVICE, has_wrr },
	{ "-A -t192.0.2.63:80 -s wrr", true, VERB_ADD_SERVICE, has_wrr },
	{ "--add-service --tcp-service 192.0.2.63:80 --scheduler wrr",
	  true, VERB_ADD_SERVICE, has_wrr },
	{ "--add-service --tcp-service=192.0.2.63:80 --scheduler=wrr",
	  true, VERB_ADD_SERVICE, has_wrr },
	{ "-s wrr -t 192.0.2.63:80 -A", true, VERB_ADD_SERVICE, has_wrr },
	{ "-E -t 192.0.2.63:80", true, VERB_EDIT_SERVICE, no_scheduler },
	{ "edit-service -u 192.0.2.63:53 -s rr", false, VERB_EDIT_SERVICE, has_udp },
	{ "-D -u 192.0.2.63:53", true, VERB_DEL_SERVICE, has_udp },
	{ "--delete-service -t 192.0.2.63:80", true, VERB_DEL_SERVICE, has_http },
	{ "del-service -t 192.0.2.63:80", false, VERB_DEL_SERVICE, has_http },
	{ "-a -t 192.0.2.63:80 -r 192.0.2.62 -g -w 5", true, VERB_ADD_SERVER, weighs_five },
	{ "-a -t 192.0.2.63:80 -r 192.0.2.62:80 -gw5", true, VERB_ADD_SERVER, weighs_five },
	{ "-a -t 192.0.2.63:80 -r 192.0.2.62", true, VERB_ADD_SERVER, weighs_one },
	{ "add-server -t 192.0.2.63:80 -r 192.0.2.62 --weight=5 --gatewaying",
	  false, VERB_ADD_SERVER, weighs_five },
	{ "-e -t 192.0.2.63:80 -r 192.0.2.62", true, VERB_EDIT_SERVER, weighs_one },
	{ "edit-server -t 192.0.2.63:80 -r 192.0.2.62 -w 5 -g",
	  false, VERB_EDIT_SERVER, weighs_five },
	{ "-d -t 192.0.2.63:80 -r 192.0.2.62", true, VERB_DEL_SERVER, has_http },
	{ "--delete-server -t 192.0.2.63:80 -r 192.0.2.62", true, VERB_DEL_SERVER, has_http },
	{ "", true, VERB_LIST, NULL },
	{ "-L", true, VERB_LIST, NULL },
	{ "-l", true, VERB_LIST, NULL },
	{ "-L -n", true, VERB_LIST, is_numeric },
	{ "-Ln", true, VERB_LIST, is_numeric },
	{ "-ln", true, VERB_LIST, is_numeric },
	{ "-Ln", false, VERB_LIST, is_numeric },
	{ "--list --numeric", true, VERB_LIST, is_numeric },
	{ "list -n", false, VERB_LIST, is_numeric },
	{ "-Lnc", true, VERB_LIST, lists_connections },
	{ "-lcn", true, VERB_LIST, lists_connections },
	{ "list -n --connection", false, VERB_LIST, lists_connections },
	{ "-L --stats --exact --nosort", true, VERB_LIST, lists_stats },
	{ "-L -t 192.0.2.63:80", true, VERB_LIST, has_http },
	{ "list -jp", false, VERB_LIST, is_pretty },
	{ "list-schedulers -jp", false, VERB_LIST_SCHEDULERS, is_pretty },
	{ "list --drops", false, VERB_LIST, NULL },
	{ "-N blue list", false, VERB_LIST, in_blue },
	{ "list -N blue", false, VERB_LIST, in_blue },
	{ "list --netns=blue", false, VERB_LIST, in_blue },
	{ "-Z", true, VERB_ZERO, NULL },
	{ "-Z -t 192.0.2.63:80", true, VERB_ZERO, has_http },
	{ "-C", true, VERB_CLEAR, NULL },
	{ "-S", true, VERB_SAVE, NULL },
	{ "-Sn", true, VERB_SAVE, is_numeric },
	{ "save", false, VERB_SAVE, NULL },
	{ "-h", true, VERB_HELP, wants_help },
	{ "--help", false, VERB_HELP, wants_help },
	{ "add-service -h", false, VERB_ADD_SERVICE, wants_help },
	{ "-A --help", true, VERB_ADD_SERVICE, wants_help },
	{ "help", false, VERB_HELP, NULL },
	{ "help list", false, VERB_HELP, about_list },
	{ "-V", false, VERB_VERSION, NULL },
	{ "version", false, VERB_VERSION, NULL },

	{ "-A -t 192.0.2.63:80 -s sh -b sh-port,sh-fallback",
	  true, VERB_ADD_SERVICE, has_flags },
	{ "add-service -t 192.0.2.63:80 -s mh --sched-flags=mh-fallback,mh-port",
	  false, VERB_ADD_SERVICE, has_flags },
	{ "-b mh-port,mh-fallback -E -t 192.0.2.63:80",
	  true, VERB_EDIT_SERVICE, has_flags },
	{ "edit-service -t 192.0.2.63:80 -b none", false, VERB_EDIT_SERVICE, has_no_flags },
	{ "add-service -t 192.0.2.63:80 -s mh --mh-size 1009",
	  false, VERB_ADD_SERVICE, has_size },
	{ "edit-service -t 192.0.2.63:80 --mh-size=1009",
	  false, VERB_EDIT_SERVICE, has_size },
	{ "add-service -t 192.0.2.63:80 --refuse reset", false, VERB_ADD_SERVICE, resets },
	{ "-a -t 192.0.2.63:80 -r 192.0.2.62 -x 10 -y 5", true, VERB_ADD_SERVER, is_limited },
	{ "edit-server -t 192.0.2.63:80 -r 192.0.2.62 --u-threshold 10 --l-threshold=5",
	  false, VERB_EDIT_SERVER, is_limited },
	{ "edit-server -t 192.0.2.63:80 -r 192.0.2.62 -x 0",
	  false, VERB_EDIT_SERVER, is_unlimited },
	{ "-Ln --thresholds", true, VERB_LIST, lists_thresholds },

	{ "", false, -1, NULL },
	{ "lists", false, -1, NULL },
	{ "list", true, -1, NULL },
	{ "-A -D -t 192.0.2.63:80", true, -1, NULL },
	{ "-AD -t 192.0.2.63:80", true, -1, NULL },
	{ "-A", true, -1, NULL },
	{ "-A -t", true, -1, NULL },
	{ "-A -t -s rr", true, -1, NULL },
	{ "-A -t 192.0.2.63:80 -s", true, -1, NULL },
	{ "-A -t 192.0.2.63:80 -t 192.0.2.64:80", true, -1, NULL },
	{ "-A -t 192.0.2.63:80 -u 192.0.2.63:80", true, -1, NULL },
	{ "-A -t 192.0.2.63:80 -r 192.0.2.62", true, -1, NULL },
	{ "-A -t 192.0.2.63:80 extra", true, -1, NULL },
	{ "-A -t 192.0.2.63:80 -q", true, -1, NULL },
	{ "-A -t 192.0.2.63:80 --nonsense", true, -1, NULL },
	{ "-A -t 192.0.2.63:80 --tcp", true, -1, NULL },
	{ "-A -n -t 192.0.2.63:80", true, -1, NULL },
	{ "-a -t 192.0.2.63:80", true, -1, NULL },
	{ "-a -r 192.0.2.62", true, -1, NULL },
	{ "-a -t 192.0.2.63:80 -r 192.0.2.62 -w -1", true, -1, NULL },
	{ "-a -t 192.0.2.63:80 -r 192.0.2.62 -w 65536", true, -1, NULL },
	{ "-a -t 192.0.2.63:80 -r 192.0.2.62 -w 1x", true, -1, NULL },
	{ "-a -t 192.0.2.63:80 -r 192.0.2.62 --weight=", true, -1, NULL },
	{ "-d -t 192.0.2.63:80 -r 192.0.2.62 -w 1", true, -1, NULL },
	{ "-a -t 192.0.2.63:80 -r 192.0.2.62 -x 5 -y 6", true, -1, NULL },
	{ "-a -t 192.0.2.63:80 -r 192.0.2.62 -x -5", true, -1, NULL },
	{ "-a -t 192.0.2.63:80 -r 192.0.2.62 -x 4294967296", true, -1, NULL },
	{ "-a -t 192.0.2.63:80 -r 192.0.2.62 -y many", true, -1, NULL },
	{ "-d -t 192.0.2.63:80 -r 192.0.2.62 -x 1", true, -1, NULL },
	{ "-A -t 192.0.2.63:80 -x 1", true, -1, NULL },
	{ "-A -t 192.0.2.63:80 -s rr -b sh-port", true, -1, NULL },
	{ "-A -t 192.0.2.63:80 -b", true, -1, NULL },
	{ "-D -t 192.0.2.63:80 -b sh-port", true, -1, NULL },
	{ "-A -t 192.0.2.63:80 -s mh --mh-size 1009", true, -1, NULL },
	{ "-A -t 192.0.2.63:80 --refuse drop", true, -1, NULL },
	{ "add-service -t 192.0.2.63:80 -s sh --mh-size 1009", false, -1, NULL },
	{ "add-service -t 192.0.2.63:80 --refuse politely", false, -1, NULL },
	{ "list --thresholds --stats", false, -1, NULL },
	{ "-C -t 192.0.2.63:80", true, -1, NULL },
	{ "-L -c --stats", true, -1, NULL },
	{ "-L --sort --nosort", true, -1, NULL },
	{ "-L --numeric=yes", true, -1, NULL },
	{ "-L -j", true, -1, NULL },
	{ "-L --drops", true, -1, NULL },
	{ "-L -N blue", true, -1, NULL },
	{ "list -p", false, -1, NULL },
	{ "list -N", false, -1, NULL },
	{ "list -N a/b", false, -1, NULL },
	{ "list --drops -t 192.0.2.63:80", false, -1, NULL },
	{ "help list zero", false, -1, NULL },
	{ "-", true, -1, NULL },
	{ "--", false, -1, NULL },

	{ "-a -t 192.0.2.63:80 -r 192.0.2.62 -m", true, -2, NULL },
	{ "-a -t 192.0.2.63:80 -r 192.0.2.62 -i", true, -2, NULL },
	{ "-A -f 1 -s rr", true, -2, NULL },
	{ "-A -t 192.0.2.63:80 -p", true, -2, NULL },
	{ "-A -t 192.0.2.63:80 -p 300", true, -2, NULL },
	{ "add-service -t 192.0.2.63:80 -p 300", false, -2, NULL },
	{ "-A -t 192.0.2.63:80 --persistent=300", true, -2, NULL },
	{ "-A -u 192.0.2.63:53 -o", true, -2, NULL },
	{ "-A --sctp-service 192.0.2.63:80", true, -2, NULL },
	{ "-L --rate", true, -2, NULL },
	{ "-L --timeout", true, -2, NULL },
	{ "--set 900 120 300", true, -2, NULL },
	{ "-R", true, -2, NULL },
	{ "--start-daemon master", true, -2, NULL },
};

static void check_line(const struct line_row *row)
{
	struct request req = { .ipvsadm = row->ipvsadm };
	char *words[32] = { (char *)"lbctl" };
	char *text = strdup(row->line);
	char *rest = text;
	bool good = false;
	int argc = 1;
	char *word;
	int status;

	while (text && argc < 31 && (word = strsep(&rest, " "))) {
		if (*word)
			words[argc++] = word;
	}
	status = options_read(argc, words, &req);
	if (status)
		good = row->verb == (status < 0 ? -1 : -2);
	else
		good = row->verb >= 0 && req.verb == &verbs[row->verb] &&
		       (!row->holds || row->holds(&req));
	result(good, "%s %s: %s", row->ipvsadm ? "ipvsadm" : "lbctl", row->line,
	       status ? fault_text() : req.verb->name);
	free(text);
}

static void check_lines(void)
{
	char *many[200] = { (char *)"lbctl", (char *)"list" };
	struct request req = { .verb = NULL };
	struct request none = { .ipvsadm = false };
	char *empty[1] = { NULL };
	size_t i;

	result(options_consistent(), "the tables of verbs and options agree");
	for (i = 0; i < ARRAY_SIZE(line_rows); i++)
		check_line(&line_rows[i]);
	for (i = 2; i < ARRAY_SIZE(many) - 1; i++)
		many[i] = (char *)"-nnnn";
	result(options_read(ARRAY_SIZE(many) - 1, many, &req) < 0,
	       "a hundred options are refused: %s", fault_text());
	result(options_read(0, empty, &none) < 0,
	       "a command line without even a name is refused");
}

struct column_row {
	__u64 number;
	bool exact;
	const char *text;
};

static const struct column_row column_rows[] = {
	{ 0, false, "        0" },
	{ 99999999, false, " 99999999" },
	{ 100000000, false, "  100000K" },
	{ 999999999, false, "  999999K" },
	{ 1000000000, false, "    1000M" },
	{ 100000000000ULL, false, "     100G" },
	{ 100000000000000ULL, false, "     100T" },
	{ ~0ULL, false, "18446744T" },
	{ 99999999, true, " 99999999" },
	{ 100000000, true, " 100000000" },
	{ ~0ULL, true, " 18446744073709551615" },
};

static void check_columns(void)
{
	const struct column_row *row;
	char text[NUMBER_TEXT];

	for (row = column_rows;
	     row < column_rows + ARRAY_SIZE(column_rows); row++) {
		number_text(row->number, row->exact, text);
		result(!strcmp(text, row->text), "%llu%s is written '%s'",
		       row->number, row->exact ? " exactly" : "", text);
	}
}

int main(int argc, char **argv)
{
	unsigned int seed = time(NULL);

	if (argc > 1)
		seed = strtoul(argv[1], NULL, 0);
	printf("# seed %u\n", seed);
	srand(seed);

	check_numbers();
	check_services();
	check_long_words();
	check_servers();
	check_names();
	check_lines();
	check_columns();
	check_words();
	check_messages();
	printf("# %u passed, %u failed, %u skipped\n", passed, failed, skipped);
	return failed ? 1 : 0;
}
