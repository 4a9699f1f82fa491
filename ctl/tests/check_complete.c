// SPDX-License-Identifier: GPL-2.0
/*
 * Tests of completion: what is offered after a line, and that every verb's help
 * has an example that the tool itself takes.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "check.h"

/*
 * A word that begins with '!' must not be offered; where there is none, nothing
 * must be.
 */
struct offer_row {
	const char *line;
	const char *offers[4];
};

static const struct offer_row offer_rows[] = {
	{ "", { "add-service", "top", "list", "!--help" } },
	{ "help", { "add-service", "--help" } },
	{ "list", { "--stats", "--tcp-service", "!--drain", "!--idle" } },
	{ "-L", { "--stats", "!list" } },
	{ "-N blue", { "list", "!blue" } },
	{ "-N blue list", { "--stats", "!list" } },
	{ "list -n", { "--stats" } },
	{ "clear", { "--all-namespaces", "--netns", "!--all" } },
	{ "del-server", { "--drain", "--hold", "--real-server", "!--stats" } },
	{ "add-service --refuse", { "icmp", "reset", "drop", "!--refuse" } },
	{ "add-service --stray", { "pass", "schedule", "!icmp" } },
	{ "add-service -b", { "sh-port", "mh-fallback", "none" } },
	{ "add-service --expire-quiescent", { "yes", "no", "!--refuse" } },
	{ "add-server --tun", { "none", "ipip", "gre", "gue:" } },
	{ "add-server -i --tun-type", { "ipip", "gre", "gue", "!none" } },
	{ "edit-server --tun-df", { "inherit", "set", "clear" } },
	{ "edit-server --tun-ttl", { "copy", "!TTL" } },
	{ "edit-server --tun-source", { "route", "!ADDR" } },
	{ "add-service --accept-tunneled", { "yes", "no" } },
	{ "add-service --skip-unreachable", { "yes", "no" } },
	{ "add-server", { "--tun", "--ipip", "--tun-csum", "!--tun-remcsum" } },
	{ "list -c --state", { "established", "sctp_init", "template",
			       "!unknown" } },
	{ "set-entry", { "prerouting", "input", "ingress", "xdp" } },
	{ "set-entry", { "!DEV...", "![DEV...]" } },
	{ "set-entry ingress", { "lo", "!prerouting" } },
	{ "set-entry ingress lo", { "lo" } },
	{ "set-entry xdp", { "lo", "!prerouting" } },
	{ "set-entry input", { "!lo", "!prerouting" } },
	{ "list -N", { "blue", "!list" } },
	{ "-N", { "blue" } },
	{ "restore", { ":files", "--skip-unsupported" } },
	{ "apply --dry-run", { ":files" } },
	{ "save", { ":files" } },
	{ "restore /etc/rules", { "!:files" } },
	{ "list", { "!:files" } },
	{ "set-timeout", { "--netns", "!TCP" } },
	{ "add-service -p", { "--netmask" } },
	{ "add-service -t", { NULL } },
	{ "add-server -t 192.0.2.63:80 -r", { NULL } },
	{ "add-service -M", { NULL } },
	{ "nonsense", { NULL } },
	{ "list --nonsense", { NULL } },
	{ "-m -w", { NULL } },
};

/* A line of its own in the text. */
static bool offered(const char *text, const char *word)
{
	size_t length = strlen(word);
	const char *at;

	for (at = text; at && *at; at = strchr(at, '\n'), at += !!at) {
		if (!strncmp(at, word, length) && at[length] == '\n')
			return true;
	}
	return false;
}

static size_t split(char *line, char **words, size_t room)
{
	size_t count = 0;
	char *word;

	while (count < room - 1 && (word = strsep(&line, " "))) {
		if (*word)
			words[count++] = word;
	}
	words[count] = NULL;
	return count;
}

static void check_offer(const struct offer_row *row)
{
	char *line = strdup(row->line);
	struct capture capture;
	bool good = line;
	char *words[16];
	size_t count;
	size_t i;

	count = split(line, words, ARRAY_SIZE(words));
	capture_begin(&capture);
	complete_run(words, count);
	capture_end(&capture);
	for (i = 0; i < ARRAY_SIZE(row->offers) && row->offers[i]; i++) {
		bool unwanted = row->offers[i][0] == '!';

		if (offered(capture.text, row->offers[i] + unwanted) == unwanted)
			good = false;
	}
	if (!row->offers[0] && *capture.text)
		good = false;
	result(good, "after 'lbctl %s' is offered what goes there%s%s",
	       row->line, good ? "" : ":\n", good ? "" : capture.text);
	free(capture.text);
	free(line);
}

static void check_objects(void)
{
	static const struct endpoint web = {
		.family = AF_INET, .address = { 192, 0, 2, 63 }, .port = 80,
	};
	static const struct endpoint one = {
		.family = AF_INET, .address = { 192, 0, 2, 62 }, .port = 80,
	};
	static const struct endpoint two = {
		.family = AF_INET, .address = { 192, 0, 2, 64 }, .port = 80,
	};
	struct service services[] = {
		{ .key = { .protocol = IPPROTO_TCP, .at = web } },
		{ .key = { .protocol = IPPROTO_UDP, .at = web } },
		{ .key = { .fwmark = 7, .at = { .family = AF_INET } } },
		{ .key = { .protocol = IPPROTO_UDP, .at = web, .vrf = "red" } },
	};
	struct server servers[] = {
		{ .service = services[0].key, .at = one },
		{ .service = services[1].key, .at = two },
		{ .service = services[3].key, .at = one },
	};
	struct snapshot shot = {
		.services = services, .nr_services = 4,
		.servers = servers, .nr_servers = 3,
	};
	struct request udp = { .udp_text = "192.0.2.63:80", .vrf_text = "red" };
	struct request other = { .tcp_text = "192.0.2.99:80" };
	struct request any = { .verb = NULL };
	struct capture capture;

	capture_begin(&capture);
	complete_objects(&shot, "tcp-service", &any);
	complete_objects(&shot, "fwmark-service", &any);
	capture_end(&capture);
	same_text(&capture, "192.0.2.63:80\n7\n",
		  "services that exist are offered, each to its own option");
	capture_begin(&capture);
	complete_objects(&shot, "real-server", &udp);
	complete_objects(&shot, "real-server", &other);
	capture_end(&capture);
	same_text(&capture, "192.0.2.62:80\n",
		  "of servers those of the line's service are offered");
	capture_begin(&capture);
	complete_objects(&shot, "vrf", &any);
	capture_end(&capture);
	same_text(&capture, "red\n", "VRFs of services are offered");
	capture_begin(&capture);
	complete_objects(&shot, "real-server", &any);
	capture_end(&capture);
	same_text(&capture, "192.0.2.62:80\n192.0.2.64:80\n192.0.2.62:80\n",
		  "without a service all servers are offered");
}

static void check_example(const struct verb *verb, const char *example,
			  bool ipvsadm)
{
	struct request req = { .ipvsadm = ipvsadm };
	char *words[16] = { (char *)"lbctl" };
	char *line = example ? strdup(example) : NULL;
	size_t count;

	if (!line) {
		result(false, "help of %s has an example", verb->name);
		return;
	}
	/* What a shell makes of it is no business of the tool's. */
	line[strcspn(line, "<>|")] = '\0';
	count = split(line, words + 1, ARRAY_SIZE(words) - 1);
	result(!options_read(count + 1, words, &req) && req.verb == verb,
	       "help of %s has an example that is taken: %s", verb->name,
	       example);
	free(line);
}

/* The network namespaces of the test. */
static void make_netns(char *dir)
{
	char name[64];
	FILE *blue;

	if (!mkdtemp(dir))
		abort();
	snprintf(name, sizeof(name), "%s/blue", dir);
	blue = fopen(name, "w");
	if (!blue || fclose(blue))
		abort();
	netns_directory = dir;
}

static void remove_netns(const char *dir)
{
	char name[64];

	snprintf(name, sizeof(name), "%s/blue", dir);
	unlink(name);
	rmdir(dir);
}

void check_complete(void)
{
	char dir[] = "/tmp/check-netns-XXXXXX";
	size_t i;

	make_netns(dir);
	for (i = 0; i < ARRAY_SIZE(offer_rows); i++)
		check_offer(&offer_rows[i]);
	remove_netns(dir);
	check_objects();
	for (i = 0; i < VERBS; i++) {
		check_example(&verbs[i], verbs[i].example, false);
		if (verbs[i].letters || verbs[i].longname)
			check_example(&verbs[i], verbs[i].ipvsadm_example,
				      true);
	}
}
