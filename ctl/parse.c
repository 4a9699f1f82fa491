// SPDX-License-Identifier: GPL-2.0
/*
 * Parses numbers, addresses, ports and names of a command line, and keeps the error
 * message. Stricter than the C library: signs, whitespace, octal numbers and "10.1"
 * for 10.0.0.1 are refused, since a director must not forward to an unintended address.
 */
#include <arpa/inet.h>
#include <netinet/ether.h>
#include <ctype.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lbctl.h"

static char sentence[512];
static enum fault_kind kind;

/* Returns -1, so that a parser can return its complaint; see fault(). */
int fault_of(enum fault_kind is, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	vsnprintf(sentence, sizeof(sentence), format, args);
	va_end(args);
	kind = is;
	return -1;
}

enum fault_kind fault_kind(void)
{
	return kind;
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
		return fault("invalid %s '%s': must be %u to %u",
			     what, text, min, max);
	/* Stops at the first digit that is too many, so it cannot overflow. */
	for (digit = text; *digit && value <= max; digit++)
		value = value * 10 + (*digit - '0');
	if (value < min || value > max)
		return fault("invalid %s '%s': must be %u to %u",
			     what, text, min, max);
	*number = value;
	return 0;
}

/* Only numbers form a range: names may contain hyphens. */
static int parse_range(const char *text, const char *hyphen,
		       struct endpoint *at)
{
	char first[16];
	__u32 number;

	if ((size_t)(hyphen - text) >= sizeof(first))
		return fault("invalid range '%s': too many digits", text);
	snprintf(first, sizeof(first), "%.*s", (int)(hyphen - text), text);
	if (parse_number("first port", first, 1, 65535, &number))
		return -1;
	at->port = number;
	if (parse_number("last port", hyphen + 1, 1, 65535, &number))
		return -1;
	at->last_port = number;
	if (at->last_port <= at->port)
		return fault("invalid range '%s': the last port must be above the first one",
			     text);
	return 0;
}

static int parse_port(const char *text, __u8 protocol, struct endpoint *at)
{
	const char *hyphen = strchr(text, '-');
	const char *word = protocol_of(protocol)->word;
	const struct servent *entry;
	__u32 number;

	if (!*text)
		return fault("a port is required after the colon");
	/* Some names begin with a digit. */
	if (!all_digits(text)) {
		entry = getservbyname(text, word);
		if (entry)
			at->port = ntohs(entry->s_port);
		if (entry)
			return 0;
	}
	if (isalpha((unsigned char)*text))
		return fault("invalid port '%s': neither a number nor the name of a %s service",
			     text, word);
	if (hyphen && hyphen != text)
		return parse_range(text, hyphen, at);
	if (parse_number("port", text, 0, 65535, &number))
		return -1;
	at->port = number;
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
		at->family = AF_INET6;
		if (inet_pton(AF_INET6, host, at->address) == 1)
			return 0;
		/* ipvsadm writes names of IPv6 addresses in brackets. */
		if (!strchr(host, ':') && !ends_in_number(host) &&
		    resolve(host, AF_INET6, at, &why))
			return 0;
		return fault("invalid %s '[%s]': not an IPv6 address", what,
			     host);
	}
	if (inet_pton(AF_INET, host, at->address) == 1) {
		at->family = AF_INET;
		return 0;
	}
	if (ends_in_number(host))
		return fault("invalid %s '%s': not an IPv4 address (four numbers, 0 to 255)",
			     what, host);
	if (family != AF_INET6 && resolve(host, AF_INET, at, &why))
		return 0;
	if (family != AF_INET && resolve(host, AF_INET6, at, &why))
		return 0;
	return fault_of(FAULT_LOOKUP, "cannot resolve %s '%s': %s", what, host,
			gai_strerror(why));
}

/* Room for the parts, which are cut out of a copy. */
#define PARTS_TEXT (NI_MAXHOST + 32)

/*
 * Splits HOST, HOST:PORT, [IPV6] or [IPV6]:PORT, with a /LENGTH behind the host
 * where that is wanted. What is not there is NULL; the address is read.
 */
static int parse_parts(const char *what, const char *whole, char *text, int family,
		       struct endpoint *at, char **length, char **port)
{
	bool bracketed = *whole == '[';
	char *host = text;
	char *rest;

	memset(at, 0, sizeof(*at));
	*port = NULL;
	if (strlen(whole) >= PARTS_TEXT)
		return fault("invalid %s: name too long", what);
	strcpy(text, whole);
	if (bracketed) {
		host++;
		rest = strchr(host, ']');
		if (!rest)
			return fault("invalid %s '%s': closing bracket missing", what,
				     text);
		if (rest[1] && rest[1] != ':' && !(length && rest[1] == '/'))
			return fault("invalid %s '%s': only a port may follow the bracket",
				     what, text);
		*rest++ = '\0';
	} else {
		rest = host + strcspn(host, length ? ":/" : ":");
		if (*rest == ':' && strchr(rest + 1, ':'))
			return fault("invalid %s '%s': IPv6 requires brackets, as [2001:db8::1]:80",
				     what, text);
	}
	if (length) {
		*length = *rest == '/' ? rest + 1 : NULL;
		if (*length) {
			*rest = '\0';
			rest = *length + strcspn(*length, ":");
		}
	}
	if (*rest == ':') {
		*rest = '\0';
		*port = rest + 1;
	}
	if (!*host)
		return fault("invalid %s: an address is required", what);
	return parse_host(what, host, bracketed, family, at);
}

int parse_service(const char *text, __u8 protocol, bool all_ports,
		  struct service_key *key)
{
	char copy[PARTS_TEXT];
	char *port;

	memset(key, 0, sizeof(*key));
	key->protocol = protocol;
	if (parse_parts("service", text, copy, AF_UNSPEC, &key->at, NULL, &port))
		return -1;
	if (!port && all_ports)
		return 0;
	if (!port)
		return fault("a port is required: write %s:PORT, or %s:0 for all ports",
			     text, text);
	return parse_port(port, protocol, &key->at);
}

/* In decimal, or as the firewall's tools write it. */
int parse_fwmark(const char *text, bool ipv6, struct service_key *key)
{
	unsigned long mark;
	char *end;

	memset(key, 0, sizeof(*key));
	key->at.family = ipv6 ? AF_INET6 : AF_INET;
	if (strncasecmp(text, "0x", 2))
		return parse_number("mark", text, 1, ~0U, &key->fwmark);
	/* Ten letters at most, so it cannot overflow. */
	mark = isxdigit((unsigned char)text[2]) ? strtoul(text, &end, 16) : 0;
	if (!mark || *end || strlen(text) > 10)
		return fault("invalid mark '%s': must be 0x1 to 0xffffffff",
			     text);
	key->fwmark = mark;
	return 0;
}

static bool same_ports(const struct endpoint *a, const struct endpoint *b)
{
	return a->port == b->port && a->last_port == b->last_port;
}

/**
 * parse_server() - read the server of a service
 * @text: HOST or HOST:PORT
 * @service: the service
 * @use: what becomes of another port than the service's
 * @any_family: take another family than the service's, as a tunnel does
 * @server: the address, with the service's ports or a label
 *
 * Return: 0 or -1.
 */
int parse_server(const char *text, const struct service_key *service,
		 enum port_use use, bool any_family,
		 struct endpoint *server)
{
	const struct endpoint *at = &service->at;
	char copy[PARTS_TEXT];
	char *port;

	if (parse_parts("server", text, copy, at->family, server, NULL, &port))
		return -1;
	if (server->family != at->family && !any_family)
		return fault("invalid server '%s': must be IPv%d, as the service, or have a tunnel",
			     text, at->family == AF_INET ? 4 : 6);
	if (port && parse_port(port, service->protocol, server))
		return -1;
	if (!port || use == PORT_OF_SERVICE || same_ports(server, at)) {
		server->port = at->port;
		server->last_port = at->last_port;
		return 0;
	}
	if (use == PORT_REFUSED || at->last_port || server->last_port)
		return fault("%s: server port must equal the service port: ports are not changed",
			     text);
	return 0;
}

/* A server of any service; port 0 for any port. */
int parse_any_server(const char *text, struct endpoint *server)
{
	char copy[PARTS_TEXT];
	char *port;

	if (parse_parts("server", text, copy, AF_UNSPEC, server, NULL, &port))
		return -1;
	if (!port)
		return 0;
	if (parse_port(port, IPPROTO_TCP, server))
		return -1;
	if (server->last_port)
		return fault("invalid server '%s': must have one port or none",
			     text);
	return 0;
}

/* ADDR[/LEN][:PORT]; port 0 for any port. */
int parse_client(const char *text, struct endpoint *client, __u8 *prefix)
{
	char copy[PARTS_TEXT];
	__u32 bits, number;
	char *length;
	char *port;

	if (parse_parts("client", text, copy, AF_UNSPEC, client, &length, &port))
		return -1;
	bits = family_bits(client->family);
	*prefix = bits;
	if (length) {
		if (parse_number("prefix length", length, 0, bits, &number))
			return -1;
		*prefix = number;
	}
	if (port) {
		if (parse_number("client's port", port, 1, 65535, &number))
			return -1;
		client->port = number;
	}
	return 0;
}

int parse_mac(const char *text, __u8 *mac)
{
	struct ether_addr address;

	/* The C library takes single digits, and whatever comes behind. */
	if (strlen(text) != 17 ||
	    strspn(text, "0123456789abcdefABCDEF:") != 17 ||
	    !ether_aton_r(text, &address))
		return fault("invalid MAC '%s': must be as 02:00:5e:10:00:01",
			     text);
	memcpy(mac, &address, sizeof(address));
	return 0;
}

/**
 * parse_netmask() - read how much of a client's address counts
 * @text: a mask in dots for IPv4, as ipvsadm has it, or the length of a prefix
 * @family: the service's
 * @prefix: the length
 *
 * Return: 0 or -1.
 */
int parse_netmask(const char *text, int family, __u8 *prefix)
{
	__u32 bits = family_bits(family);
	struct in_addr mask;
	__u32 number;

	if (family == AF_INET && strchr(text, '.')) {
		if (inet_pton(AF_INET, text, &mask) != 1)
			return fault("invalid mask '%s': must be four numbers, 0 to 255",
				     text);
		number = ntohl(mask.s_addr);
		if (!number)
			return lacks("mask '%s' not supported: at least one bit must be set",
				     text);
		/* From the left ones, then zeros: its complement ends in ones. */
		if (~number & (~number + 1))
			return fault("invalid mask '%s': only leading bits may be set",
				     text);
		*prefix = __builtin_popcount(number);
		return 0;
	}
	if (parse_number("prefix length", text, 1, bits, &number))
		return -1;
	*prefix = number;
	return 0;
}

int parse_scheduler(const char *text)
{
	const char *letter;

	if (!*text)
		return fault("invalid scheduler: empty name");
	if (strlen(text) >= LBDR_SCHED_NAME_LEN)
		return fault("invalid scheduler '%s': at most %d characters",
			     text, LBDR_SCHED_NAME_LEN - 1);
	for (letter = text; *letter; letter++) {
		if (!isgraph((unsigned char)*letter))
			return fault("invalid scheduler '%s': invalid character",
				     text);
	}
	return 0;
}

/* As the kernel names devices. */
int parse_vrf(const char *text, char *vrf)
{
	const char *letter;

	for (letter = text; *letter; letter++) {
		if (!isgraph((unsigned char)*letter) ||
		    strchr("/:\"\\", *letter))
			break;
	}
	if (!*text || *letter || strlen(text) >= IFNAMSIZ)
		return fault("invalid name of a VRF device: '%s'", text);
	strcpy(vrf, text);
	return 0;
}

int parse_netns(const char *text)
{
	if (!*text || strchr(text, '/') || !strcmp(text, ".") ||
	    !strcmp(text, ".."))
		return fault("invalid name of a network namespace: '%s'",
			     text);
	return 0;
}
