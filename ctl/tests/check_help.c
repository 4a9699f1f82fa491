// SPDX-License-Identifier: GPL-2.0
/*
 * Tests of the help: what fits on a terminal, which statuses it names, and what it
 * explains.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "check.h"
#include "lbctl.h"

static size_t widest(const char *text)
{
	size_t width, most = 0;

	for (; *text; text += width + !!text[width]) {
		width = strcspn(text, "\n");
		if (width > most)
			most = width;
	}
	return most;
}

static void check_widths(void)
{
	static const char *const names[] = { "lbctl", "ipvsadm" };
	struct capture capture;
	size_t i, j, wide = 0;

	for (j = 0; j < ARRAY_SIZE(names); j++) {
		program = names[j];
		for (i = 0; i < VERBS; i++) {
			capture_begin(&capture);
			help_verb(stdout, &verbs[i], j);
			help_usage(stdout, &verbs[i], j);
			capture_end(&capture);
			if (widest(capture.text) > 80) {
				wide++;
				printf("# %s %s: %zu columns\n", names[j],
				       verbs[i].name, widest(capture.text));
			}
			free(capture.text);
		}
		capture_begin(&capture);
		help_general(stdout, j);
		capture_end(&capture);
		wide += widest(capture.text) > 80;
		result(strstr(capture.text, "0 done") &&
		       strstr(capture.text, "1 usage error") &&
		       strstr(capture.text, "2 refused") &&
		       strstr(capture.text, "3 partly") &&
		       strstr(capture.text, "4 doctor"),
		       "the help of %s has every exit status", names[j]);
		free(capture.text);
	}
	program = "lbctl";
	result(!wide, "every help page fits into 80 columns (%zu do not)",
	       wide);
}

static void check_letters(void)
{
	static const char *const lines[] = {
		"help add-service", "help -A", "help --add-service",
	};
	struct run run;
	size_t i;

	for (i = 0; i < ARRAY_SIZE(lines); i++) {
		run_line("lbctl", lines[i], &run);
		result(!run.status && strstr(run.out, "Usage: lbctl add-service"),
		       "%s explains it: %s", lines[i], run.err);
		run_free(&run);
	}
}

void check_help(void)
{
	check_widths();
	check_letters();
}
