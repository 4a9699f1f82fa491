// SPDX-License-Identifier: GPL-2.0
/*
 * Tests of names of hosts and ports: `ipvsadm -S` writes what `-R` reads as the
 * same, for every name of /etc/services and /etc/hosts, and commands by their names
 * ask no resolver. getaddrinfo() and getnameinfo() of the test program are those
 * below (see the linker's --wrap), which know /etc/hosts and a few names more.
 */
#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "check.h"
#include "lbctl.h"

#define NAMES 256

struct name {
	char host[NI_MAXHOST];
	struct endpoint at;
};

static struct name names[NAMES];
static size_t nr_names;
static unsigned int lookups;
static bool known;		/* the names are, else none is */

int __wrap_getaddrinfo(const char *host, const char *port,
		       const struct addrinfo *hints, struct addrinfo **list)
{
	char text[INET6_ADDRSTRLEN];
	size_t i;

	lookups++;
	for (i = 0; known && i < nr_names; i++) {
		if (names[i].at.family != hints->ai_family ||
		    strcasecmp(names[i].host, host))
			continue;
		inet_ntop(names[i].at.family, names[i].at.address, text,
			  sizeof(text));
		return __real_getaddrinfo(text, port, hints, list);
	}
	return known ? EAI_NONAME : __real_getaddrinfo(host, port, hints, list);
}

int __wrap_getnameinfo(const struct sockaddr *address, socklen_t length,
		       char *host, socklen_t host_size, char *port,
		       socklen_t port_size, int flags)
{
	const void *is = &((const struct sockaddr_in6 *)address)->sin6_addr;
	size_t size = 16;
	size_t i;

	(void)length;
	(void)port;
	(void)port_size;
	(void)flags;
	lookups++;
	if (address->sa_family == AF_INET) {
		is = &((const struct sockaddr_in *)address)->sin_addr;
		size = 4;
	}
	for (i = 0; known && i < nr_names; i++) {
		if (names[i].at.family == address->sa_family &&
		    !memcmp(names[i].at.address, is, size)) {
			snprintf(host, host_size, "%s", names[i].host);
			return 0;
		}
	}
	return EAI_NONAME;
}

static void add_name(const char *address, const char *host)
{
	struct name *name = &names[nr_names];

	if (nr_names == NAMES)
		return;
	memset(name, 0, sizeof(*name));
	name->at.family = strchr(address, ':') ? AF_INET6 : AF_INET;
	if (inet_pton(name->at.family, address, name->at.address) != 1)
		return;
	snprintf(name->host, sizeof(name->host), "%s", host);
	nr_names++;
}

static void read_hosts(void)
{
	char line[1024];
	char *address, *host, *rest;
	FILE *in = fopen("/etc/hosts", "r");

	while (in && fgets(line, sizeof(line), in)) {
		line[strcspn(line, "#\n")] = '\0';
		address = strtok_r(line, " \t", &rest);
		while (address && (host = strtok_r(NULL, " \t", &rest)))
			add_name(address, host);
	}
	if (in)
		fclose(in);
}

/* A service at this address and port is saved and read again. */
static bool survives(const struct service_key *key, char *text)
{
	struct service service = { .key = *key, .scheduler = "rr",
				   .prefix = 128 };
	struct snapshot shot = { .services = &service, .nr_services = 1 };
	const struct request req = { .ipvsadm = true };
	struct request again = { .ipvsadm = true };
	char *words[FILE_WORDS + 2];
	struct capture capture;
	bool same;
	int count;

	capture_begin(&capture);
	save_print(stdout, &shot, &req);
	capture_end(&capture);
	snprintf(text, 512, "%.*s", (int)strcspn(capture.text, "\n"),
		 capture.text);
	same = !file_split(capture.text, words + 1, &count);
	words[0] = "ipvsadm";
	same = same && !options_read(count + 1, words, &again) &&
	       !service_key_compare(&again.service, key);
	free(capture.text);
	return same;
}

static void check_hosts(void)
{
	struct service_key key = { .protocol = IPPROTO_TCP };
	unsigned int wrong = 0;
	char text[512] = "";
	char first[512] = "";
	size_t i;

	for (i = 0; i < nr_names; i++) {
		key.at = names[i].at;
		key.at.port = 80;
		if (!survives(&key, text) && !wrong++)
			strcpy(first, text);
	}
	result(nr_names > 5 && !wrong,
	       "each of %zu names of hosts is read as it is written (%u are not: %s %s)",
	       nr_names, wrong, first, wrong ? fault_text() : "");
}

#define PORTS 20000

static struct port {
	char name[NI_MAXSERV];
	__u8 protocol;
	__u16 port;
} ports[PORTS];

static size_t add_port(size_t count, const char *name,
		       const struct servent *entry)
{
	struct port *port = &ports[count];

	if (count == PORTS)
		return count;
	port->protocol = !strcmp(entry->s_proto, "tcp") ? IPPROTO_TCP :
			 !strcmp(entry->s_proto, "udp") ? IPPROTO_UDP :
			 !strcmp(entry->s_proto, "sctp") ? IPPROTO_SCTP : 0;
	snprintf(port->name, sizeof(port->name), "%s", name);
	port->port = ntohs(entry->s_port);
	return count + !!port->protocol;
}

static size_t read_ports(void)
{
	const struct servent *entry;
	size_t count = 0;
	char **alias;

	setservent(1);
	while ((entry = getservent())) {
		count = add_port(count, entry->s_name, entry);
		for (alias = entry->s_aliases; *alias; alias++)
			count = add_port(count, *alias, entry);
	}
	endservent();
	return count;
}

/* Every port that has a name, and every name that a port has. */
static void check_ports(void)
{
	unsigned int count, wrong = 0, unread = 0;
	struct service_key key = { .at = { .family = AF_INET } };
	char text[512], first[1100] = "";
	struct service_key read;
	char line[NI_MAXSERV + 16];
	size_t i;

	key.at.address[0] = 192;
	count = read_ports();
	if (!count) {
		printf("skip - names of ports (the machine has no database of them)\n");
		return;
	}
	for (i = 0; i < count; i++) {
		key.protocol = ports[i].protocol;
		key.at.port = ports[i].port;
		snprintf(line, sizeof(line), "192.0.0.0:%.*s",
			 NI_MAXSERV, ports[i].name);
		if (parse_service(line, key.protocol, false, &read) &&
		    !unread++)
			snprintf(first, sizeof(first), "%s: %s", line,
				 fault_text());
		if (!survives(&key, text) && !wrong++)
			snprintf(first, sizeof(first), "%s: %s", text,
				 fault_text());
	}
	result(!wrong && !unread,
	       "each of %u names of ports is read as it is written (%u, %u are not: %s)",
	       count, wrong, unread, first);
}

static void check_lookups(void)
{
	static const struct {
		const char *name;
		const char *line;
		bool asks;
	} rows[] = {
		{ "lbctl", "list", false },
		{ "lbctl", "list -n", false },
		{ "lbctl", "-L", false },
		{ "lbctl", "list --stats", false },
		{ "lbctl", "save", false },
		{ "lbctl", "list --resolve", true },
		{ "ipvsadm", "-L", true },
		{ "ipvsadm", "-L -n", false },
		{ "ipvsadm", "-S", true },
		{ "ipvsadm", "-S -n", false },
	};
	struct run run;
	size_t i;

	kernel_reset();
	run_quiet("add-service -t 192.0.2.1:80");
	run_quiet("add-server -t 192.0.2.1:80 -r 192.0.2.2");
	for (i = 0; i < ARRAY_SIZE(rows); i++) {
		lookups = 0;
		run_line(rows[i].name, rows[i].line, &run);
		result(!run.status && !!lookups == rows[i].asks,
		       "%s %s %s the resolver (%u times)", rows[i].name,
		       rows[i].line, rows[i].asks ? "asks" : "does not ask",
		       lookups);
		run_free(&run);
	}
	run_line("lbctl", "list -n --resolve", &run);
	result(run.status == EXIT_USAGE, "-n and --resolve exclude each other");
	run_free(&run);
}

/* A name that is not found is no wrong usage. */
static void check_unknown(void)
{
	struct run run;

	run_line("lbctl", "add-service -t nobody.invalid:80", &run);
	result(run.status == EXIT_REFUSED && strstr(run.err, "cannot resolve"),
	       "a name that is not found has the status %d: %s", run.status,
	       run.err);
	run_free(&run);
}

void check_roundtrip(void)
{
	known = true;
	read_hosts();
	add_name("2001:db8::63", "vip.example.net");
	add_name("192.0.2.63", "vip.example.net");
	/* Names of numbers, of other addresses, and with what a name has not. */
	add_name("192.0.2.64", "10.1");
	add_name("192.0.2.65", "vip.example.net");
	add_name("2001:db8::66", "0x10");
	add_name("2001:db8::67", "a]b");
	add_name("192.0.2.68", "a:b");
	add_name("192.0.2.69", "a'b");
	check_hosts();
	check_ports();
	check_lookups();
	check_unknown();
	known = false;
}
