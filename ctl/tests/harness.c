// SPDX-License-Identifier: GPL-2.0
/*
 * Prints results as lines of TAP and counts them. Random tests use rand(); the seed
 * is the first argument of the program, and is printed.
 */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "harness.h"

static unsigned int passed, failed, skipped;

/**
 * harness_begin() - set the name of the program and the seed of rand()
 * @name: of the program under test, for its messages
 * @argc: of main()
 * @argv: of main(); the first argument is the seed, the time by default
 */
void harness_begin(const char *name, int argc, char **argv)
{
	unsigned int seed = time(NULL);

	program = name;
	if (argc > 1)
		seed = strtoul(argv[1], NULL, 0);
	printf("# seed %u\n", seed);
	srand(seed);
}

/* One line: a status, a description, and what follows it. */
static void line(const char *status, const char *format, va_list args)
{
	printf("%s - ", status);
	vprintf(format, args);
	putchar('\n');
}

/**
 * result() - print and count a result
 * @good: whether the test passed
 * @format: what was tested
 */
void result(bool good, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	line(good ? "ok" : "not ok", format, args);
	va_end(args);
	if (good)
		passed++;
	else
		failed++;
}

/**
 * skip() - print and count a test that this machine cannot run
 * @format: what was not tested, and why
 */
void skip(const char *format, ...)
{
	va_list args;

	va_start(args, format);
	line("skip", format, args);
	va_end(args);
	skipped++;
}

/**
 * quoted() - turn each ' of a text into "
 * @text: JSON that is easy to write in C
 *
 * Return: a copy, to be freed.
 */
char *quoted(const char *text)
{
	char *copy = strdup(text);
	char *letter;

	for (letter = copy; (letter = strchr(letter, '\''));)
		*letter = '"';
	return copy;
}

/* The document of such a text; NULL if it is not JSON. */
json_t *quoted_json(const char *text)
{
	char *copy = quoted(text);
	json_t *document = json_loads(copy, 0, NULL);

	free(copy);
	return document;
}

/**
 * harness_end() - print the counts
 *
 * Return: the exit status of the program.
 */
int harness_end(void)
{
	printf("# %u passed, %u failed, %u skipped\n", passed, failed, skipped);
	return failed ? 1 : 0;
}
