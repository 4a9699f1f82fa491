// SPDX-License-Identifier: GPL-2.0
/*
 * Findings: collected by the checks, printed at the end, grouped by host.
 */
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "doctor.h"

struct findings findings;

static const char *const level_words[LEVELS] = {
	[LEVEL_OK] = "ok",
	[LEVEL_UNCHECKED] = "unchecked",
	[LEVEL_WARNING] = "warning",
	[LEVEL_PROBLEM] = "problem",
};

static char *format_text(const char *format, va_list args)
{
	char *text;

	return or_exit(vasprintf(&text, format, args) < 0 ? NULL : text);
}

/**
 * find() - add a finding
 * @level: how serious it is
 * @check: name of the check
 * @vip: the VIP that it is about, or NULL
 * @server: the server that it is about, or NULL
 * @format: the text, without a full stop
 *
 * Return: the finding, for fix() and hint().
 */
struct finding *find(enum level level, const char *check,
		     const struct addr *vip, const struct addr *server,
		     const char *format, ...)
{
	struct finding *finding = or_exit(calloc(1, sizeof(*finding)));
	va_list args;

	finding->level = level;
	finding->check = check;
	finding->order = findings.count;
	if (vip)
		finding->vip = *vip;
	if (server)
		finding->server = *server;
	va_start(args, format);
	finding->text = format_text(format, args);
	va_end(args);
	findings.all = grow(findings.all, &findings.room, findings.count,
			    sizeof(*findings.all));
	findings.all[findings.count++] = finding;
	return finding;
}

/* The command that fixes the problem, to run on this host. */
void fix(struct finding *finding, const char *format, ...)
{
	va_list args;
	char *text;

	va_start(args, format);
	text = format_text(format, args);
	va_end(args);
	finding->fix = text;
	/* In the namespace that was diagnosed. */
	if (!findings.netns)
		return;
	or_exit(asprintf(&finding->fix, strstr(text, " && ") ?
			 "ip netns exec %s sh -c '%s'" : "ip netns exec %s %s",
			 findings.netns, text) < 0 ? NULL : text);
	free(text);
}

/* The command that fixes the problem, to run on another host. */
void fix_on(struct finding *finding, const char *host, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	finding->fix = format_text(format, args);
	va_end(args);
	finding->on = strdup(host);
}

/* What to look at, if no single command is right. */
void hint(struct finding *finding, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	finding->hint = format_text(format, args);
	va_end(args);
}

static json_t *addr_json(const struct addr *at)
{
	char text[ADDR_TEXT];

	return at->family ? json_string(addr_text(at, text)) : json_null();
}

static json_t *finding_json(const struct finding *finding)
{
	return json_pack("{s:s, s:s, s:o, s:o, s:s, s:s?, s:s?, s:s?}",
			 "level", level_words[finding->level],
			 "check", finding->check,
			 "vip", addr_json(&finding->vip),
			 "server", addr_json(&finding->server),
			 "finding", finding->text, "command", finding->fix,
			 "on", finding->on, "hint", finding->hint);
}

static bool is_shown(const struct finding *finding,
		     const struct options *options)
{
	return options->verbose || finding->level != LEVEL_OK;
}

static void print_json(const struct options *options)
{
	const char *separator = "[";
	json_t *object;
	size_t i;

	for (i = 0; i < findings.count; i++) {
		if (!is_shown(findings.all[i], options))
			continue;
		object = finding_json(findings.all[i]);
		fputs(separator, stdout);
		json_dumpf(object, stdout, options->pretty ? JSON_INDENT(2) :
							     JSON_COMPACT);
		json_decref(object);
		separator = ",\n";
	}
	puts(*separator == '[' ? "[]" : "]");
}

static void print_finding(const struct finding *finding)
{
	char at[ADDR_TEXT];

	printf("  %-9s %-12s ", level_words[finding->level], finding->check);
	if (finding->vip.family)
		printf("%s: ", addr_text(&finding->vip, at));
	puts(finding->text);
	if (finding->fix && finding->on)
		printf("%12s fix on %s: %s\n", "", finding->on, finding->fix);
	else if (finding->fix)
		printf("%12s fix: %s\n", "", finding->fix);
	if (finding->hint)
		printf("%12s hint: %s\n", "", finding->hint);
}

/* Findings without a server are about this host; the order is kept. */
static int compare_hosts(const void *a, const void *b)
{
	const struct finding *const *first = a;
	const struct finding *const *second = b;
	int order = addr_compare(&(*first)->server, &(*second)->server);

	return order ? order : (*first)->order < (*second)->order ? -1 : 1;
}

static void print_text(const struct options *options)
{
	const struct finding *finding, *last = NULL;
	char at[ADDR_TEXT];
	size_t i;

	if (findings.count)
		qsort(findings.all, findings.count, sizeof(*findings.all),
		      compare_hosts);
	for (i = 0; i < findings.count; i++) {
		finding = findings.all[i];
		if (!is_shown(finding, options))
			continue;
		if (!last || !addr_same(&last->server, &finding->server))
			printf(finding->server.family ? "server %s:\n" :
							"this host:\n",
			       addr_text(&finding->server, at));
		print_finding(finding);
		last = finding;
	}
}

static const char *plural(size_t count)
{
	return count == 1 ? "" : "s";
}

/**
 * findings_print() - print all findings
 * @options: --verbose, --json
 *
 * Return: the exit status.
 */
int findings_print(const struct options *options)
{
	size_t counts[LEVELS] = { 0 };
	size_t i;

	for (i = 0; i < findings.count; i++)
		counts[findings.all[i]->level]++;
	if (options->json) {
		print_json(options);
	} else {
		print_text(options);
		if (counts[LEVEL_PROBLEM] || counts[LEVEL_WARNING])
			printf("%zu problem%s, %zu warning%s",
			       counts[LEVEL_PROBLEM],
			       plural(counts[LEVEL_PROBLEM]),
			       counts[LEVEL_WARNING],
			       plural(counts[LEVEL_WARNING]));
		else
			printf("No problems found");
		if (counts[LEVEL_UNCHECKED])
			printf(", %zu check%s not possible",
			       counts[LEVEL_UNCHECKED],
			       plural(counts[LEVEL_UNCHECKED]));
		if (findings.standby)
			printf(" (standby director: another director holds %zu VIP%s)",
			       findings.standby, plural(findings.standby));
		puts(".");
	}
	return counts[LEVEL_PROBLEM] ? EXIT_PROBLEM : EXIT_DONE;
}

void findings_drop(void)
{
	size_t i;

	for (i = 0; i < findings.count; i++) {
		free(findings.all[i]->text);
		free(findings.all[i]->fix);
		free(findings.all[i]->on);
		free(findings.all[i]->hint);
		free(findings.all[i]);
	}
	free(findings.all);
	memset(&findings, 0, sizeof(findings));
}
