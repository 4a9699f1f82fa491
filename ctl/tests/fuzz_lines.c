// SPDX-License-Identifier: GPL-2.0
/*
 * What a fuzzer writes as command lines, one a line of the input: read as lbctl's
 * and as ipvsadm's, and completed.
 */
#include <stdlib.h>
#include <string.h>

#include "fuzz.h"
#include "lbctl.h"

#define WORDS 200

static void read_line(char *line)
{
	char *words[WORDS + 1] = { (char *)"lbctl" };
	struct request ipvsadm = { .ipvsadm = true };
	struct request partial = { .verb = NULL };
	struct request ours = { .verb = NULL };
	const char *argument;
	const char *wants;
	int argc = 1;
	char *word;

	while (argc < WORDS && (word = strsep(&line, " \t"))) {
		if (*word)
			words[argc++] = word;
	}
	if (options_read(argc, words, &ours) && !*fault_text())
		abort();
	if (options_read(argc, words, &ipvsadm) && !*fault_text())
		abort();
	options_partial(words + 1, argc - 1, &partial, &wants, &argument);
}

int fuzz_input(const __u8 *data, size_t size)
{
	char *text = malloc(size + 1);
	char *rest = text;
	char *line;

	if (!text)
		return 0;
	memcpy(text, data, size);
	text[size] = '\0';
	while ((line = strsep(&rest, "\n")))
		read_line(line);
	free(text);
	return 0;
}
