// SPDX-License-Identifier: GPL-2.0
/*
 * Tests of files of commands: how lines are parted into words, what is no line,
 * which commands a file may have, and what line a complaint is about.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "check.h"
#include "lbctl.h"

/* The words joined by bars; NULL where there are none to be had. */
struct split_row {
	const char *line;
	const char *words;
};

static const struct split_row split_rows[] = {
	{ "", "" },
	{ " \t \r", "" },
	{ "-A -t 192.0.2.63:80", "-A|-t|192.0.2.63:80" },
	{ "  -A\t-t\t192.0.2.63:80\t\n", "-A|-t|192.0.2.63:80" },
	{ "-A -t 192.0.2.63:80\r\n", "-A|-t|192.0.2.63:80" },
	{ "# -A", "" },
	{ "-A # -t", "-A" },
	{ "-A#-t", "-A#-t" },
	{ "\"-A\" '-t' x", "-A|-t|x" },
	{ "a\"b c\"d e", "ab cd|e" },
	{ "'a\"b'", "a\"b" },
	{ "\"\"", "" },
	{ "\"\" x", "|x" },
	{ "\"a", NULL },
	{ "a 'b", NULL },
	{ "'", NULL },
};

static void check_split(const struct split_row *row)
{
	char *words[FILE_WORDS + 1];
	char joined[128] = "";
	int count, i;
	char *line;
	bool good;

	/* In memory of its own size, so that the sanitizers guard its end. */
	line = strdup(row->line);
	if (!line)
		abort();
	good = !file_split(line, words, &count);
	for (i = 0; good && i < count; i++) {
		if (i)
			strcat(joined, "|");
		strcat(joined, words[i]);
	}
	if (row->words)
		good = good && !words[count] && !strcmp(joined, row->words);
	else
		good = !good;
	result(good, "the line '%.*s' is %s%s",
	       (int)strcspn(row->line, "\r\n"), row->line,
	       row->words ? "read as " : "refused",
	       row->words ? row->words : "");
	free(line);
}

static void check_many_words(void)
{
	char *words[FILE_WORDS + 1];
	char line[2 * FILE_WORDS + 3];
	int count, i;

	for (i = 0; i < FILE_WORDS; i++)
		memcpy(line + 2 * i, "x ", 2);
	line[2 * i] = '\0';
	result(!file_split(line, words, &count) && count == FILE_WORDS,
	       "a line of %d words is read", FILE_WORDS);
	for (i = 0; i <= FILE_WORDS; i++)
		memcpy(line + 2 * i, "x ", 2);
	line[2 * i] = '\0';
	result(file_split(line, words, &count), "one of %d is refused",
	       FILE_WORDS + 1);
}

/* How many lines are commands, and which line is no such thing, 0 for none. */
struct file_row {
	const char *text;
	size_t size;		/* 0: as long as it is */
	bool ipvsadm;
	int commands;
	unsigned int wrong;
};

static const struct file_row file_rows[] = {
	{ "", 0, false, 0, 0 },
	{ "\n\n# nothing\n", 0, false, 0, 0 },
	{ "-A -t 192.0.2.63:80\n\n-a -t 192.0.2.63:80 -r 192.0.2.62", 0, false,
	  2, 0 },
	{ "add-service -t 192.0.2.63:80\n", 0, false, 1, 0 },
	{ "add-service -t 192.0.2.63:80\n", 0, true, 0, 1 },
	{ "-A -t 192.0.2.63:80 --stray drop\n", 0, false, 1, 0 },
	{ "-A -t 192.0.2.63:80 --stray drop\n", 0, true, 0, 1 },
	{ "-C\n-A -u 192.0.2.63:80\n-D -u 192.0.2.63:80\n", 0, false, 3, 0 },
	{ "-E -t 192.0.2.63:80 -s rr\n-e -t 192.0.2.63:80 -r 192.0.2.62\n"
	  "-d -t 192.0.2.63:80 -r 192.0.2.62 --drain\n", 0, false, 3, 0 },
	{ "-d -t 192.0.2.63:80 -r 192.0.2.62 --drain=9\n", 0, false, 0, 1 },
	{ "set-timeout udp=5\nset-entry input\n--set 1 2 3\n", 0, false, 3, 0 },
	{ "--set 1 2 3\n", 0, true, 1, 0 },
	{ "-C\n-L\n", 0, false, 1, 2 },
	{ "-Z\n", 0, false, 0, 1 },
	{ "\n\nsave\n", 0, false, 0, 3 },
	{ "restore\n", 0, false, 0, 1 },
	{ "apply\n", 0, false, 0, 1 },
	{ "help\n", 0, false, 0, 1 },
	{ "-A -h\n", 0, false, 0, 1 },
	{ "-C -N blue\n", 0, false, 0, 1 },
	{ "-C\nnonsense\n", 0, false, 1, 2 },
	{ "-C\n-A -t 192.0.2.63:80 -m\n", 0, false, 1, 2 },
	{ "-A -t 192.0.2.63:99999\n", 0, false, 0, 1 },
	{ "-C\n\"-C\n", 0, false, 1, 2 },
	{ "-C\0-C\n", 6, false, 0, 1 },
	{ "-C\n\0", 4, false, 1, 2 },
};

static void check_file(const struct file_row *row)
{
	struct file file = { .name = "a file" };
	size_t size = row->size ? row->size : strlen(row->text);
	struct request req;
	unsigned int wrong;
	int commands = 0;
	int more;

	/* No memory of no bytes. */
	file.in = size ? fmemopen((void *)row->text, size, "r") :
			 fopen("/dev/null", "r");
	if (!file.in)
		abort();
	while ((more = file_next(&file)) > 0 &&
	       !file_request(&file, row->ipvsadm, &req))
		commands++;
	wrong = more ? file.line : 0;
	result(commands == row->commands && wrong == row->wrong,
	       "a file that begins with '%.*s' has %d commands, and line %u is wrong (%d, %u)",
	       (int)strcspn(row->text, "\n"), row->text, row->commands,
	       row->wrong, commands, wrong);
	file_close(&file);
}

static void check_long_line(void)
{
	struct file file = { .name = "a file" };
	size_t size = 70000;
	char *text = malloc(size);

	if (!text)
		abort();
	memset(text, 'x', size);
	file.in = fmemopen(text, size, "r");
	if (!file.in)
		abort();
	result(file_next(&file) < 0, "a line of %zu bytes is refused", size);
	file_close(&file);
	free(text);
}

void check_files(void)
{
	size_t i;

	for (i = 0; i < ARRAY_SIZE(split_rows); i++)
		check_split(&split_rows[i]);
	check_many_words();
	for (i = 0; i < ARRAY_SIZE(file_rows); i++)
		check_file(&file_rows[i]);
	check_long_line();
}
