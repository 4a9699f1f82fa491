// SPDX-License-Identifier: GPL-2.0
/*
 * Tests of what lbctl does without a kernel: the reading of numbers and
 * addresses, in check_lines.c and check_questions.c the grammar, in
 * check_bounds.c what options take, in check_words.c the words of settings, in
 * check_lists.c the listings, in check_messages.c the decoding of messages, in
 * check_watch.c what watches. Built with the address and undefined-behaviour
 * sanitizers. Takes the seed of its random messages as an argument, and prints
 * the one it used.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "check.h"
#include "lbctl.h"

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

static bool knows_family(int family)
{
	struct addrinfo hints = { .ai_family = family };
	struct addrinfo *list;

	if (getaddrinfo("localhost", NULL, &hints, &list))
		return false;
	freeaddrinfo(list);
	return true;
}

static bool knows_localhost(void)
{
	return knows_family(AF_INET);
}

static bool knows_localhost6(void)
{
	return knows_family(AF_INET6);
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
	{ "192.0.2.63:0", "192.0.2.63:0", NULL },
	{ "192.0.2.63:8000-8999", "192.0.2.63:8000-8999", NULL },
	{ "192.0.2.63:1-65535", "192.0.2.63:1-65535", NULL },
	{ "[2001:db8::63]:80-81", "[2001:db8::63]:80-81", NULL },
	{ "192.0.2.63:80-80", NULL, NULL },
	{ "192.0.2.63:81-80", NULL, NULL },
	{ "192.0.2.63:0-80", NULL, NULL },
	{ "192.0.2.63:80-65536", NULL, NULL },
	{ "192.0.2.63:80-", NULL, NULL },
	{ "192.0.2.63:80--81", NULL, NULL },
	{ "192.0.2.63:80-81-82", NULL, NULL },
	{ "192.0.2.63:80-https", NULL, NULL },
	{ "192.0.2.63:00000000000000000000080-81", NULL, NULL },
	{ "192.0.2.63/24:80", NULL, NULL },
	{ "[2001:db8::63]/64:80", NULL, NULL },
	{ "", NULL, NULL },
	{ ":", NULL, NULL },
	{ ":80", NULL, NULL },
	{ "192.0.2.63", NULL, NULL },
	{ "192.0.2.63:", NULL, NULL },
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
	{ "[localhost]:80", "[::1]:80", knows_localhost6 },
	{ "[no-such-host.invalid]:80", NULL, NULL },
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
			skip("service '%s' (the machine lacks this name)",
			     row->text);
			continue;
		}
		if (parse_service(row->text, IPPROTO_TCP, false, &key))
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
	result(parse_service(text, IPPROTO_TCP, false, &key) < 0,
	       "a service with a name of %zu letters is refused",
	       strlen(text) - 3);
	memset(text, '1', sizeof(text) - 1);
	text[sizeof(text) - 1] = '\0';
	result(parse_service(text, IPPROTO_TCP, false, &key) < 0,
	       "a service of %zu digits is refused", strlen(text));
	memcpy(text, "192.0.2.1:", 10);
	result(parse_service(text, IPPROTO_TCP, false, &key) < 0,
	       "a port of %zu digits is refused", strlen(text) - 10);
	text[0] = '[';
	result(parse_service(text, IPPROTO_TCP, false, &key) < 0,
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
		if (parse_service(row->service, IPPROTO_TCP, false, &key)) {
			result(false, "service '%s' of a server's row",
			       row->service);
			continue;
		}
		if (parse_server(row->text, &key, PORT_REFUSED, false, &at))
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

/* What a filter's client reads as, its prefix behind it. */
struct client_row {
	const char *text;
	const char *reads;
	unsigned int prefix;
};

static const struct client_row client_rows[] = {
	{ "198.51.100.7", "198.51.100.7:0", 32 },
	{ "198.51.100.7:40000", "198.51.100.7:40000", 32 },
	{ "198.51.100.0/24", "198.51.100.0:0", 24 },
	{ "198.51.100.0/24:40000", "198.51.100.0:40000", 24 },
	{ "0.0.0.0/0", "0.0.0.0:0", 0 },
	{ "[2001:db8:c::7]", "[2001:db8:c::7]:0", 128 },
	{ "[2001:db8:c::]/48", "[2001:db8:c::]:0", 48 },
	{ "[2001:db8:c::7]:40000", "[2001:db8:c::7]:40000", 128 },
	{ "[2001:db8:c::]/0:1", "[2001:db8:c::]:1", 0 },
	{ "", NULL, 0 },
	{ "/24", NULL, 0 },
	{ "198.51.100.0/33", NULL, 0 },
	{ "198.51.100.0/", NULL, 0 },
	{ "198.51.100.0/-1", NULL, 0 },
	{ "198.51.100.0/255.255.255.0", NULL, 0 },
	{ "198.51.100.0/24/24", NULL, 0 },
	{ "198.51.100.0:40000/24", NULL, 0 },
	{ "198.51.100.0:", NULL, 0 },
	{ "198.51.100.0:0", NULL, 0 },
	{ "198.51.100.0:80-90", NULL, 0 },
	{ "198.51.100/24", NULL, 0 },
	{ "2001:db8:c::/48", NULL, 0 },
	{ "[2001:db8:c::/48]", NULL, 0 },
	{ "[2001:db8:c::]48", NULL, 0 },
	{ "[2001:db8:c::]/129", NULL, 0 },
};

static void check_clients(void)
{
	const struct client_row *row;
	char text[ENDPOINT_TEXT];
	struct endpoint at;
	__u8 prefix;
	bool good;

	for (row = client_rows;
	     row < client_rows + ARRAY_SIZE(client_rows); row++) {
		if (parse_client(row->text, &at, &prefix))
			good = !row->reads;
		else
			good = row->reads && prefix == row->prefix &&
			       !strcmp(endpoint_text(&at, IPPROTO_TCP, true,
						     text), row->reads);
		result(good, "client '%s' %s%s", row->text,
		       row->reads ? "reads as " : "is refused: ",
		       row->reads ? row->reads : fault_text());
	}
}

struct mask_row {
	const char *text;
	int family;
	int prefix;		/* -1: refused */
	const char *written;	/* the prefix again, as ipvsadm has it */
};

static const struct mask_row mask_rows[] = {
	{ "255.255.255.0", AF_INET, 24, "255.255.255.0" },
	{ "255.255.255.255", AF_INET, 32, "255.255.255.255" },
	{ "128.0.0.0", AF_INET, 1, "128.0.0.0" },
	{ "23", AF_INET, 23, "255.255.254.0" },
	{ "64", AF_INET6, 64, "64" },
	{ "128", AF_INET6, 128, "128" },
	{ "255.0.255.0", AF_INET, -1, NULL },
	{ "0.0.0.0", AF_INET, -1, NULL },
	{ "0.0.0.255", AF_INET, -1, NULL },
	{ "255.255.255.253", AF_INET, -1, NULL },
	{ "127.255.255.255", AF_INET, -1, NULL },
	{ "255.255.255", AF_INET, -1, NULL },
	{ "255.255.255.256", AF_INET, -1, NULL },
	{ "/24", AF_INET, -1, NULL },
	{ "", AF_INET, -1, NULL },
	{ "33", AF_INET, -1, NULL },
	{ "ffff::", AF_INET6, -1, NULL },
	{ "129", AF_INET6, -1, NULL },
};

static void check_masks(void)
{
	const struct mask_row *row;
	char text[MASK_TEXT];
	__u8 prefix;
	bool good;

	for (row = mask_rows; row < mask_rows + ARRAY_SIZE(mask_rows); row++) {
		if (parse_netmask(row->text, row->family, &prefix))
			good = row->prefix < 0;
		else
			good = prefix == row->prefix &&
			       !strcmp(mask_text(row->family, prefix, text),
				       row->written);
		result(good, "mask '%s' %s%s", row->text,
		       row->prefix < 0 ? "is refused: " : "is written ",
		       row->prefix < 0 ? fault_text() : row->written);
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
	harness_begin("lbctl", argc, argv);
	check_numbers();
	check_services();
	check_long_words();
	check_servers();
	check_clients();
	check_masks();
	check_names();
	check_lines();
	check_files();
	check_columns();
	check_words();
	check_lists();
	check_messages();
	check_watch();
	check_complete();
	check_trace();
	check_bounds();
	check_questions();
	check_verbs();
	check_roundtrip();
	check_import();
	check_schemas();
	check_help();
	check_tunnels();
	return harness_end();
}
