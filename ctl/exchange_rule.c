// SPDX-License-Identifier: GPL-2.0
/*
 * A rule that drops the packets of all services while no module handles them: the host
 * would answer them with resets, and end the connections.
 *
 * nft(8) runs beside this process with a table of the flag `owner`: the kernel removes the
 * table when nft ends, and nft ends when its input does, also if this process is killed.
 * So the rule never stays.
 */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "exchange.h"
#include "lbctl.h"

#define TABLE "inet lbctl_exchange"

static int compare_texts(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

/* The rule for a service: of its address, or of its mark. To be freed. */
static char *rule_of(const struct service_key *key)
{
	bool ip6 = key->at.family == AF_INET6;
	char address[ENDPOINT_TEXT], *text;
	int size;

	if (key->fwmark)
		size = asprintf(&text, "marked meta nfproto %s meta mark %u drop",
				ip6 ? "ipv6" : "ipv4", key->fwmark);
	else
		size = asprintf(&text, "first %s daddr %s drop", ip6 ? "ip6" : "ip",
				address_text(&key->at, address));
	return or_exit(size < 0 ? NULL : text);
}

/*
 * Rules of addresses come before every other hook. Marks are known behind the priority
 * mangle only. An address that has several services gets one rule. All of it is one line,
 * thus one transaction.
 */
static void write_rules(FILE *out, const struct snapshot *shot)
{
	char **rules = or_exit(calloc(shot->nr_services + 1, sizeof(*rules)));
	size_t i;

	for (i = 0; i < shot->nr_services; i++)
		rules[i] = rule_of(&shot->services[i].key);
	qsort(rules, shot->nr_services, sizeof(*rules), compare_texts);
	fputs("add table " TABLE " { flags owner; }; "
	      "add chain " TABLE
	      " first { type filter hook prerouting priority raw; }; "
	      "add chain " TABLE
	      " marked { type filter hook prerouting priority mangle + 1; }; ", out);
	for (i = 0; i < shot->nr_services; i++)
		if (!i || strcmp(rules[i], rules[i - 1]))
			fprintf(out, "add rule " TABLE " %s; ", rules[i]);
	fputc('\n', out);
	for (i = 0; i < shot->nr_services; i++)
		free(rules[i]);
	free(rules);
}

/*
 * Waits until nft has carried out what it was sent: the listing of the table follows. It
 * repeats its input behind a prompt. Returns false, after a message, if nft ends or reports
 * an error before.
 */
static bool rules_are_set(FILE *from)
{
	static const char listing[] = "table " TABLE " {";
	char *line = NULL, *error;
	bool set = false;
	size_t room = 0;

	while (!set && getline(&line, &room, from) > 0) {
		set = !strncmp(line, listing, strlen(listing));
		error = strstr(line, "Error: ");
		if (error) {
			error[strcspn(error, "\n")] = '\0';
			complain("cannot drop the packets of the services: nft: %s",
				 error);
			free(line);
			return false;
		}
	}
	if (!set)
		complain("cannot drop the packets of the services: nft(8) does not run");
	free(line);
	return set;
}

static void run_nft(int input, int output)
{
	dup2(input, STDIN_FILENO);
	dup2(output, STDOUT_FILENO);
	dup2(output, STDERR_FILENO);
	/* It would keep a history there. */
	setenv("HOME", "/nonexistent", 1);
	execlp("nft", "nft", "-i", NULL);
	_exit(EXIT_REFUSED);
}

/**
 * exchange_rule_begin() - drop the packets of services from now on
 * @rule: to be ended by exchange_rule_end()
 * @shot: the services
 *
 * Return: the exit status, after a message.
 */
int exchange_rule_begin(struct exchange_rule *rule, const struct snapshot *shot)
{
	int to[2] = { -1, -1 }, from[2] = { -1, -1 };
	FILE *answers;
	bool set;

	memset(rule, 0, sizeof(*rule));
	/* nft may end before it has read everything. */
	signal(SIGPIPE, SIG_IGN);
	if (pipe2(to, O_CLOEXEC) || pipe2(from, O_CLOEXEC)) {
		complain("cannot run nft: %s", strerror(errno));
		return EXIT_REFUSED;
	}
	rule->nft = fork();
	if (!rule->nft)
		run_nft(to[0], from[1]);
	close(to[0]);
	close(from[1]);
	rule->commands = or_exit(fdopen(to[1], "w"));
	answers = or_exit(fdopen(from[0], "r"));
	write_rules(rule->commands, shot);
	fputs("list table " TABLE "\n", rule->commands);
	fflush(rule->commands);
	set = rule->nft > 0 && rules_are_set(answers);
	rule->answers = answers;
	if (set)
		return EXIT_DONE;
	exchange_rule_end(rule);
	return EXIT_REFUSED;
}

/**
 * exchange_rule_end() - let the packets pass again
 * @rule: begun by exchange_rule_begin()
 *
 * The table is gone when this returns.
 */
void exchange_rule_end(struct exchange_rule *rule)
{
	char line[1024];

	if (!rule->commands)
		return;
	fclose(rule->commands);
	rule->commands = NULL;
	/* Until nft has ended: it must not wait for somebody to read its listing. */
	while (fgets(line, sizeof(line), rule->answers))
		;
	fclose(rule->answers);
	while (rule->nft > 0 && waitpid(rule->nft, NULL, 0) < 0 && errno == EINTR)
		;
}
