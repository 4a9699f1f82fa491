// SPDX-License-Identifier: GPL-2.0
/*
 * Reads the words of a command line: numbers, addresses, ports, names. It
 * owns the sentence that says what is wrong with one. Nothing is guessed: what
 * the C library takes by generosity (signs, blanks, octal, "10.1" for
 * 10.0.0.1) is refused, for a director that forwards to an address that nobody
 * meant is worse than one that asks again.
 */
#include <arpa/inet.h>
#include <ctype.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lbctl.h"

static char sentence[512];

/* Returns -1, so that a parser can return its complaint. */
int fault(const char *format, ...)
{
	va_list args;

	va_start(args, format);
	vsnprintf(sentence, sizeof(sentence), format, args);
	va_end(args);
	return -1;
}

const char *fault_text(void)
{
	return sentence;
}

static bool all_digits(const char *text)
{
	if (!*text)
		return false;
	for (; *text; text++) {
		if (!isdigit((unsigned char)*text))
			return false;
	}
	return true;
}

int parse_number(const char *what, const char *text, __u32 min, __u32 max,
		 __u32 *number)
{
	unsigned long long value = 0;
	const char *digit;

	if (!all_digits(text))
		return fault("%s '%s' is not a whole number from %u to %u",
			     what, text, min, max);
	/* Stops at the first digit that is too many, so it cannot overflow. */
	for (digit = text; *digit && value <= max; digit++)
		value = value * 10 + (*digit - '0');
	if (value < min || value > max)
		return fault("%s '%s' is out of range, it goes from %u to %u",
			     what, text, min, max);
	*number = value;
	return 0;
}

static int parse_port(const char *text, __u8 protocol, __u16 *port)
{
	const struct servent *entry;
	const char *word;
	__u32 number;

	if (!*text)
		return fault("a port is missing after the colon");
	if (isalpha((unsigned char)*text)) {
		word = protocol_word(protocol);
		entry = getservbyname(text, word);
		if (!entry)
			return fault("port '%s' is neither a number nor a %s service by name",
				     text, word);
		*port = ntohs(entry->s_port);
		return 0;
	}
	if (parse_number("port", text, 1, 65535, &number))
		return -1;
	*port = number;
	return 0;
}

/*
 * The C library reads "10.1", "0x0a000001" and "010.0.0.1" as addresses. No
 * host's name ends in such a label, so whatever does is an address mistyped.
 */
static bool ends_in_number(const char *host)
{
	const char *label = strrchr(host, '.');

	label = label ? label + 1 : host;
	return all_digits(label) || !strncasecmp(label, "0x", 2);
}

static bool resolve(const char *host, int family, struct endpoint *at, int *why)
{
	struct addrinfo hints = {
		.ai_family = family,
		.ai_socktype = SOCK_STREAM,
	};
	struct addrinfo *list;

	*why = getaddrinfo(host, NULL, &hints, &list);
	if (*why)
		return false;
	at->family = family;
	if (family == AF_INET)
		memcpy(at->address,
		       &((struct sockaddr_in *)list->ai_addr)->sin_addr, 4);
	else
		memcpy(at->address,
		       &((struct sockaddr_in6 *)list->ai_addr)->sin6_addr, 16);
	freeaddrinfo(list);
	return true;
}

/* With AF_UNSPEC a name gets its IPv4 address, or its IPv6 one for want of it. */
static int parse_host(const char *what, const char *host, bool bracketed,
		      int family, struct endpoint *at)
{
	int why;

	if (bracketed) {
		if (inet_pton(AF_INET6, host, at->address) != 1)
			return fault("%s '[%s]' is not an IPv6 address", what,
				     host);
		at->family = AF_INET6;
		return 0;
	}
	if (inet_pton(AF_INET, host, at->address) == 1) {
		at->family = AF_INET;
		return 0;
	}
	if (ends_in_number(host))
		return fault("%s '%s' is not an IPv4 address (four numbers from 0 to 255)",
			     what, host);
	if (family != AF_INET6 && resolve(host, AF_INET, at, &why))
		return 0;
	if (family != AF_INET && resolve(host, AF_INET6, at, &why))
		return 0;
	return fault("%s '%s' has no address: %s", what, host,
		     gai_strerror(why));
}

/*
 * HOST, HOST:PORT, [IPV6] or [IPV6]:PORT. The port is 0 when there is none,
 * which is told apart from a port "0" by that one being refused.
 */
static int parse_endpoint(const char *what, const char *text, __u8 protocol,
			  int family, struct endpoint *at)
{
	bool bracketed = *text == '[';
	char host[NI_MAXHOST];
	const char *rest;
	const char *end;

	memset(at, 0, sizeof(*at));
	if (bracketed) {
		text++;
		end = strchr(text, ']');
		if (!end)
			return fault("%s '[%s' lacks the closing bracket", what,
				     text);
		rest = end + 1;
	} else {
		end = text + strcspn(text, ":");
		rest = end;
		if (*end && strchr(end + 1, ':'))
			return fault("%s '%s' is ambiguous: write IPv6 as in [2001:db8::1]:80",
				     what, text);
	}
	if (end == text)
		return fault("%s '%s%s' has no address", what,
			     bracketed ? "[" : "", text);
	if (*rest && *rest != ':')
		return fault("%s '[%s' has something other than a port after the bracket",
			     what, text);
	if ((size_t)(end - text) >= sizeof(host))
		return fault("%s has a name that is too long", what);
	memcpy(host, text, end - text);
	host[end - text] = '\0';

	if (*rest && parse_port(rest + 1, protocol, &at->port))
		return -1;
	return parse_host(what, host, bracketed, family, at);
}

int parse_service(const char *text, __u8 protocol, struct service_key *key)
{
	memset(key, 0, sizeof(*key));
	key->protocol = protocol;
	if (parse_endpoint("service", text, protocol, AF_UNSPEC, &key->at))
		return -1;
	if (!key->at.port)
		return fault("service '%s' has no port: write %s:PORT", text,
			     text);
	return 0;
}

int parse_server(const char *text, const struct service_key *service,
		 struct endpoint *server)
{
	const struct endpoint *at = &service->at;

	if (parse_endpoint("server", text, service->protocol, at->family,
			   server))
		return -1;
	if (server->family != at->family)
		return fault("server '%s' is not of the service's family, which is IPv%d",
			     text, at->family == AF_INET ? 4 : 6);
	if (!server->port)
		server->port = at->port;
	if (server->port != at->port)
		return fault("server '%s' must have port %u: direct routing changes no port",
			     text, at->port);
	return 0;
}

int parse_scheduler(const char *text)
{
	const char *letter;

	if (!*text)
		return fault("the scheduler's name is empty");
	if (strlen(text) >= LBDR_SCHED_NAME_LEN)
		return fault("scheduler '%s' has too long a name, %d letters are the most",
			     text, LBDR_SCHED_NAME_LEN - 1);
	for (letter = text; *letter; letter++) {
		if (!isgraph((unsigned char)*letter))
			return fault("scheduler '%s' has a letter that no scheduler has",
				     text);
	}
	return 0;
}

int parse_netns(const char *text)
{
	if (!*text || strchr(text, '/') || !strcmp(text, ".") ||
	    !strcmp(text, ".."))
		return fault("'%s' cannot be the name of a network namespace",
			     text);
	return 0;
}
