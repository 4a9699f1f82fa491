// SPDX-License-Identifier: GPL-2.0
/*
 * Formats addresses, counters in ipvsadm's widths, and JSON lists, which are
 * written element by element: a long one is never held in memory.
 */
#include <arpa/inet.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lbctl.h"

static const struct protocol protocols[] = {
	{ IPPROTO_TCP, "TCP", "tcp", "-t", "tcp-service", offsetof(struct request, tcp_text) },
	{ IPPROTO_UDP, "UDP", "udp", "-u", "udp-service", offsetof(struct request, udp_text) },
	{ IPPROTO_SCTP, "SCTP", "sctp", "--sctp-service", "sctp-service",
	  offsetof(struct request, sctp_text) },
	/* Services by firewall mark. */
	{ 0, "FWM", NULL, "-f", "fwmark-service", offsetof(struct request, mark_text) },
};

/* What is known of a protocol; of any other one what is known of 0. */
const struct protocol *protocol_of(__u8 protocol)
{
	const struct protocol *row = protocols;

	while (row->number && row->number != protocol)
		row++;
	return row;
}

const char *address_text(const struct endpoint *at, char *text)
{
	if (!inet_ntop(at->family, at->address, text, ENDPOINT_TEXT))
		snprintf(text, ENDPOINT_TEXT, "?");
	return text;
}

static bool host_name(const struct endpoint *at, char *host)
{
	struct sockaddr_in6 in6 = { .sin6_family = AF_INET6 };
	struct sockaddr_in in = { .sin_family = AF_INET };
	const struct sockaddr *address;
	socklen_t length;

	if (at->family == AF_INET) {
		memcpy(&in.sin_addr, at->address, sizeof(in.sin_addr));
		address = (const struct sockaddr *)&in;
		length = sizeof(in);
	} else {
		memcpy(&in6.sin6_addr, at->address, sizeof(in6.sin6_addr));
		address = (const struct sockaddr *)&in6;
		length = sizeof(in6);
	}
	return !getnameinfo(address, length, host, NI_MAXHOST, NULL, 0,
			    NI_NAMEREQD);
}

const char *endpoint_text(const struct endpoint *at, __u8 protocol,
			  bool numeric, char *text)
{
	const struct servent *entry = NULL;
	char host[ENDPOINT_TEXT];
	char port[NI_MAXSERV];

	if (numeric || !host_name(at, host))
		address_text(at, host);
	/* The port of a fwmark service has no protocol, and is a label. */
	if (!numeric && protocol && at->port && !at->last_port)
		entry = getservbyport(htons(at->port), protocol_of(protocol)->word);
	if (at->last_port)
		snprintf(port, sizeof(port), "%u-%u", at->port, at->last_port);
	else if (entry)
		snprintf(port, sizeof(port), "%s", entry->s_name);
	else
		snprintf(port, sizeof(port), "%u", at->port);
	snprintf(text, ENDPOINT_TEXT,
		 at->family == AF_INET ? "%.*s:%s" : "[%.*s]:%s", NI_MAXHOST,
		 host, port);
	return text;
}

/* A number, or null. */
json_t *number_json(json_int_t number, bool there)
{
	return there ? json_integer(number) : json_null();
}

/* Nine columns as ipvsadm has them, a large number scaled unless exact. */
const char *number_text(__u64 number, bool exact, char *text)
{
	static const struct {
		__u64 below;
		__u64 unit;
		char letter;
	} scales[] = {
		{ 1000000000ULL, 1000ULL, 'K' },
		{ 100000000000ULL, 1000000ULL, 'M' },
		{ 100000000000000ULL, 1000000000ULL, 'G' },
		{ ~0ULL, 1000000000000ULL, 'T' },
	};
	size_t i = 0;

	if (number < 100000000ULL) {
		snprintf(text, NUMBER_TEXT, "%9llu", number);
	} else if (exact) {
		snprintf(text, NUMBER_TEXT, " %llu", number);
	} else {
		while (i < ARRAY_SIZE(scales) - 1 && number >= scales[i].below)
			i++;
		snprintf(text, NUMBER_TEXT, "%8llu%c",
			 number / scales[i].unit, scales[i].letter);
	}
	return text;
}

/*
 * Nothing is written before the first object or the end: after an error there is no
 * empty list, and an incomplete list is not valid JSON.
 */
void json_list_begin(struct json_list *list, bool pretty)
{
	list->pretty = pretty;
	list->begun = false;
}

/* Takes the reference of the object. */
void json_list_add(struct json_list *list, json_t *object)
{
	size_t flags = list->pretty ? JSON_INDENT(2) : JSON_COMPACT;
	char *text = or_exit(object ? json_dumps(object, flags) : NULL);
	char *line;
	char *rest;

	putchar(list->begun ? ',' : '[');
	if (list->begun || list->pretty)
		putchar('\n');
	list->begun = true;
	/* Newlines are only between tokens: they are escaped in strings. */
	for (rest = text; (line = strsep(&rest, "\n"));)
		printf("%s%s%s", list->pretty ? "  " : "", line,
		       rest ? "\n" : "");
	free(text);
	json_decref(object);
}

void json_list_end(struct json_list *list)
{
	if (!list->begun)
		putchar('[');
	puts(list->begun && list->pretty ? "\n]" : "]");
}

/* A list of one object. */
void json_print(json_t *object, bool pretty)
{
	struct json_list list;

	json_list_begin(&list, pretty);
	json_list_add(&list, object);
	json_list_end(&list);
}

/* For lists of millions of objects: written without allocation. */
void json_row_begin(struct json_list *list)
{
	putchar(list->begun ? ',' : '[');
	if (list->begun || list->pretty)
		putchar('\n');
	list->begun = true;
	list->row_begun = false;
	fputs(list->pretty ? "  {" : "{", stdout);
}

static void put_name(struct json_list *list, const char *name)
{
	if (list->row_begun)
		putchar(',');
	list->row_begun = true;
	printf(list->pretty ? "\n    \"%s\": " : "\"%s\":", name);
}

void json_row_number(struct json_list *list, const char *name, __u32 number,
		     bool there)
{
	put_name(list, name);
	if (there)
		printf("%u", number);
	else
		fputs("null", stdout);
}

/* NULL is null. Names of devices may have any byte but a few. */
void json_row_text(struct json_list *list, const char *name, const char *text)
{
	put_name(list, name);
	if (!text) {
		fputs("null", stdout);
		return;
	}
	putchar('"');
	for (; *text; text++) {
		if (*text == '"' || *text == '\\' || *text < ' ' || *text > '~')
			printf("\\u%04x", (unsigned char)*text);
		else
			putchar(*text);
	}
	putchar('"');
}

void json_row_end(struct json_list *list)
{
	fputs(list->pretty ? "\n  }" : "}", stdout);
}
