// SPDX-License-Identifier: GPL-2.0
/*
 * Tests of words.c: lists of flags, sizes of mh's table and ways to refuse,
 * each read as it is printed, and refused where it makes no sense.
 */
#include <stdio.h>
#include <string.h>

#include "check.h"
#include "lbctl.h"

struct flags_row {
	const char *text;
	const char *scheduler;
	bool valid;
	__u32 flags;
};

static const struct flags_row flags_rows[] = {
	{ "sh-port", "sh", true, LBDR_SCHED_FLAG_PORT },
	{ "sh-fallback", "sh", true, LBDR_SCHED_FLAG_FALLBACK },
	{ "mh-fallback", "mh", true, LBDR_SCHED_FLAG_FALLBACK },
	{ "mh-port", NULL, true, LBDR_SCHED_FLAG_PORT },
	{ "sh-port,sh-fallback", NULL, true,
	  LBDR_SCHED_FLAG_PORT | LBDR_SCHED_FLAG_FALLBACK },
	{ "sh-port,sh-port", "sh", true, LBDR_SCHED_FLAG_PORT },
	{ "none", "rr", true, 0 },
	{ "none", NULL, true, 0 },
	{ "", NULL, false, 0 },
	{ ",", NULL, false, 0 },
	{ "sh-port,", "sh", false, 0 },
	{ ",sh-port", "sh", false, 0 },
	{ "sh-port,,sh-fallback", "sh", false, 0 },
	{ "sh-port, sh-fallback", "sh", false, 0 },
	{ "sh-port;sh-fallback", "sh", false, 0 },
	{ "sh-port,none", "sh", false, 0 },
	{ "sh-por", "sh", false, 0 },
	{ "sh-ports", "sh", false, 0 },
	{ "SH-PORT", "sh", false, 0 },
	{ "port", "sh", false, 0 },
	{ "rr-port", "rr", false, 0 },
	{ "sh-port", "mh", false, 0 },
	{ "mh-port", "sh", false, 0 },
	{ "sh-port", "wlc", false, 0 },
	{ "sh-port,mh-fallback", NULL, false, 0 },
};

static void check_flags(void)
{
	const struct flags_row *row;
	__u32 flags;
	bool valid;

	for (row = flags_rows; row < flags_rows + ARRAY_SIZE(flags_rows);
	     row++) {
		valid = !parse_sched_flags(row->text, row->scheduler, &flags);
		result(valid == row->valid && (!valid || flags == row->flags),
		       "flags '%s' of %s: %s", row->text,
		       row->scheduler ? row->scheduler : "any scheduler",
		       valid ? "taken" : fault_text());
	}
}

/* Every set of flags reads as it is written; ipvsadm's order is in the texts. */
static void check_flags_written(void)
{
	static const char *const texts[] = {
		"", "mh-fallback", "mh-port", "mh-fallback,mh-port",
	};
	struct service service = { .scheduler = "mh" };
	char text[FLAGS_TEXT];
	__u32 flags;

	for (service.sched_flags = 0; service.sched_flags < ARRAY_SIZE(texts);
	     service.sched_flags++) {
		sched_flags_text(&service, text);
		result(!strcmp(text, texts[service.sched_flags]),
		       "flags %u are written '%s'", service.sched_flags, text);
		if (*text)
			result(!parse_sched_flags(text, "mh", &flags) &&
			       flags == service.sched_flags,
			       "flags '%s' are read again", text);
	}

	/* As a newer module may have them, with the longest name there can be. */
	memset(service.scheduler, 'x', sizeof(service.scheduler) - 1);
	service.sched_flags = ~0U;
	sched_flags_text(&service, text);
	result(!strcmp(text, "xxxxxxxxxxxxxxx-fallback,xxxxxxxxxxxxxxx-port"),
	       "unknown flags are left out: %s", text);
}

struct size_row {
	const char *text;
	const char *scheduler;
	__u32 size;		/* 0: refused */
};

static const struct size_row size_rows[] = {
	{ "251", "mh", 251 },
	{ "65537", NULL, 65537 },
	{ "262121", NULL, 262121 },
	{ "262139", "mh", 262139 },
	{ "250", "mh", 0 },
	{ "262140", "mh", 0 },
	{ "262147", "mh", 0 },
	{ "252", "mh", 0 },
	{ "262138", "mh", 0 },
	{ "65536", "mh", 0 },
	{ "253009", "mh", 0 },
	{ "0", "mh", 0 },
	{ "-251", "mh", 0 },
	{ "", "mh", 0 },
	{ "251", "sh", 0 },
	{ "251", "wlc", 0 },
};

static void check_sizes(void)
{
	const struct size_row *row;
	__u32 size;
	bool valid;

	for (row = size_rows; row < size_rows + ARRAY_SIZE(size_rows); row++) {
		valid = !parse_mh_size(row->text, row->scheduler, &size);
		result(row->size ? valid && size == row->size : !valid,
		       "size '%s' of %s: %s", row->text,
		       row->scheduler ? row->scheduler : "any scheduler",
		       valid ? "taken" : fault_text());
	}
	parse_mh_size("1000", "mh", &size);
	result(strstr(fault_text(), "997 and 1009"),
	       "the next prime numbers are told: %s", fault_text());
}

static void check_refusals(void)
{
	static const char *const wrong[] = { "", "rst", "Drop", "drop ", "0" };
	__u8 refuse;
	__u8 how;
	size_t i;

	for (how = LBDR_REFUSE_ICMP; how <= LBDR_REFUSE_DROP; how++)
		result(!parse_refuse(refuse_word(how), &refuse) &&
		       refuse == how, "refusal '%s' is read as it is written",
		       refuse_word(how));
	for (i = 0; i < ARRAY_SIZE(wrong); i++)
		result(parse_refuse(wrong[i], &refuse) < 0,
		       "refusal '%s' is refused", wrong[i]);
	result(!strcmp(refuse_word(LBDR_REFUSE_DROP + 1), "unknown") &&
	       !strcmp(refuse_word(255), "unknown"),
	       "a refusal of a newer module is unknown");
}

void check_words(void)
{
	check_flags();
	check_flags_written();
	check_sizes();
	check_refusals();
}
