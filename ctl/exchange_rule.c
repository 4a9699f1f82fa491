// SPDX-License-Identifier: GPL-2.0
/*
 * A rule that drops the packets of all services while no module handles them: the host
 * would answer them with resets, and end the connections.
 *
 * nft(8) runs beside this process with a table of the flag `owner`: the kernel removes the
 * table when nft ends, and nft ends when its input does, also if this process is killed.
 * So the rule never stays.
 *
 * The addresses and marks are elements of sets, which may become more while the rule is
 * there. nft in its interactive mode repeats its input, so this process reads while it
 * writes: otherwise, with thousands of services, each would wait for the other to read.
 */
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "exchange.h"
#include "lbctl.h"

#define TABLE "inet lbctl_exchange"

/* Elements of a command; each one is a line. */
#define ELEMENTS 100

/* A set with an element for each address, or for each mark, of a family. */
static const struct set {
	const char *name;
	bool ip6;
	bool mark;
} sets[] = {
	{ "addresses4", false, false },
	{ "addresses6", true, false },
	{ "marks4", false, true },
	{ "marks6", true, true },
};

/*
 * Rules of addresses come before every other hook. Marks are known behind the priority
 * mangle only. The chain `done` has no rules: a listing of it is short.
 */
static const char table[] =
	"add table " TABLE " { flags owner; }; "
	"add set " TABLE " addresses4 { type ipv4_addr; }; "
	"add set " TABLE " addresses6 { type ipv6_addr; }; "
	"add set " TABLE " marks4 { type mark; }; "
	"add set " TABLE " marks6 { type mark; }; "
	"add chain " TABLE " done; "
	"add chain " TABLE " first { type filter hook prerouting priority raw; }; "
	"add chain " TABLE
	" marked { type filter hook prerouting priority mangle + 1; }; "
	"add rule " TABLE " first ip daddr @addresses4 drop; "
	"add rule " TABLE " first ip6 daddr @addresses6 drop; "
	"add rule " TABLE " marked meta nfproto ipv4 meta mark @marks4 drop; "
	"add rule " TABLE " marked meta nfproto ipv6 meta mark @marks6 drop\n";

/* Its listing is the answer that all commands before it were carried out. */
static const char list_done[] = "list chain " TABLE " done\n";
static const char listing[] = "table " TABLE " {";

static bool is_in(const struct set *set, const struct service_key *key)
{
	return set->mark == !!key->fwmark && set->ip6 == (key->at.family == AF_INET6);
}

/* Services of the same address are neighbours, where they are sorted. */
static bool is_repeated(const struct service_key *key, const struct service_key *before)
{
	return before && key->fwmark == before->fwmark &&
	       endpoint_same_host(&key->at, &before->at);
}

/* An element that is there already is no error. */
static void write_elements(FILE *out, const struct set *set, const struct snapshot *shot)
{
	const struct service_key *key, *before = NULL;
	char address[ENDPOINT_TEXT];
	size_t i, count = 0;

	for (i = 0; i < shot->nr_services; i++) {
		key = &shot->services[i].key;
		if (!is_in(set, key) || is_repeated(key, before))
			continue;
		before = key;
		if (count % ELEMENTS == 0)
			fprintf(out, "%sadd element " TABLE " %s { ", count ? " }\n" : "",
				set->name);
		else
			fputs(", ", out);
		if (set->mark)
			fprintf(out, "%u", key->fwmark);
		else
			fputs(address_text(&key->at, address), out);
		count++;
	}
	if (count)
		fputs(" }\n", out);
}

/* What nft says, by lines; longer ones are cut. */
struct answer {
	char line[1024];
	size_t size;
	bool set;		/* the listing came */
	bool failed;
};

static void take_line(struct answer *answer)
{
	const char *error;

	answer->line[answer->size] = '\0';
	answer->size = 0;
	if (answer->set || answer->failed)
		return;
	error = strstr(answer->line, "Error: ");
	answer->failed = error;
	answer->set = !strncmp(answer->line, listing, strlen(listing));
	if (error)
		complain("cannot drop the packets of the services: nft: %s", error);
}

/* Returns false at the end of what nft says. */
static bool take_answers(struct answer *answer, int from)
{
	char text[4096];
	ssize_t size, i;

	size = read(from, text, sizeof(text));
	if (size < 0)
		return errno == EINTR;
	for (i = 0; i < size; i++) {
		if (text[i] == '\n')
			take_line(answer);
		else if (answer->size < sizeof(answer->line) - 1)
			answer->line[answer->size++] = text[i];
	}
	return size > 0;
}

/*
 * Sends commands, and waits until nft has carried them out. Returns false after a message,
 * if nft ends or reports an error before.
 */
static bool send_commands(const struct exchange_rule *rule, const char *text, size_t size)
{
	struct pollfd fds[] = {
		{ .fd = rule->answers, .events = POLLIN },
		{ .fd = rule->commands, .events = POLLOUT },
	};
	struct answer answer = { .size = 0 };
	ssize_t written;

	while (!answer.set && !answer.failed) {
		if (poll(fds, size ? 2 : 1, -1) < 0 && errno != EINTR)
			break;
		if (size && fds[1].revents) {
			written = write(rule->commands, text, size);
			if (written < 0 && errno != EAGAIN && errno != EINTR)
				size = 0;
			if (written > 0) {
				text += written;
				size -= written;
			}
		}
		if (fds[0].revents && !take_answers(&answer, rule->answers))
			break;
	}
	if (!answer.set && !answer.failed)
		complain("cannot drop the packets of the services: nft(8) does not run");
	return answer.set;
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

/* Starts nft; false after a message. */
static bool start_nft(struct exchange_rule *rule)
{
	int to[2] = { -1, -1 }, from[2] = { -1, -1 };

	if (pipe2(to, O_CLOEXEC) || pipe2(from, O_CLOEXEC) ||
	    fcntl(to[1], F_SETFL, O_NONBLOCK))
		goto err_errno;
	rule->nft = fork();
	if (rule->nft < 0)
		goto err_errno;
	if (!rule->nft)
		run_nft(to[0], from[1]);
	close(to[0]);
	close(from[1]);
	rule->commands = to[1];
	rule->answers = from[0];
	return true;

err_errno:
	complain("cannot run nft: %s", strerror(errno));
	close(to[0]);
	close(to[1]);
	close(from[0]);
	close(from[1]);
	return false;
}

/**
 * exchange_rule_begin() - begin to drop packets of services
 * @rule: to be ended by exchange_rule_end(), also after an error
 *
 * Of none, until exchange_rule_add() is called.
 *
 * Return: the exit status, after a message.
 */
int exchange_rule_begin(struct exchange_rule *rule)
{
	memset(rule, 0, sizeof(*rule));
	/* nft may end before it has read everything. */
	signal(SIGPIPE, SIG_IGN);
	rule->runs = start_nft(rule);
	return rule->runs ? EXIT_DONE : EXIT_REFUSED;
}

/**
 * exchange_rule_add() - drop the packets of these services, too, from now on
 * @rule: after exchange_rule_begin()
 * @shot: the services, sorted; may be some that are dropped already
 *
 * Return: the exit status, after a message.
 */
int exchange_rule_add(struct exchange_rule *rule, const struct snapshot *shot)
{
	char *text = NULL;
	size_t i, size;
	FILE *out;
	bool set;

	out = open_memstream(&text, &size);
	if (!out) {
		complain("out of memory");
		return EXIT_REFUSED;
	}
	if (!rule->begun)
		fputs(table, out);
	for (i = 0; i < ARRAY_SIZE(sets); i++)
		write_elements(out, &sets[i], shot);
	fputs(list_done, out);
	stream_end(out);
	set = send_commands(rule, text, size);
	rule->begun |= set;
	free(text);
	return set ? EXIT_DONE : EXIT_REFUSED;
}

/**
 * exchange_rule_end() - let the packets pass again
 * @rule: begun by exchange_rule_begin()
 *
 * The table is gone when this returns.
 */
void exchange_rule_end(struct exchange_rule *rule)
{
	struct answer ignored = { .set = true };

	if (!rule->runs)
		return;
	rule->runs = false;
	close(rule->commands);
	/* Until nft has ended: it must not wait for somebody to read its listing. */
	while (take_answers(&ignored, rule->answers))
		;
	close(rule->answers);
	while (waitpid(rule->nft, NULL, 0) < 0 && errno == EINTR)
		;
}
