// SPDX-License-Identifier: GPL-2.0
/*
 * Tests of words.c: lists of flags, sizes of mh's table, ways to refuse and to
 * treat stray packets, states and lists of timeouts, each read as it is
 * printed, and refused if it is invalid.
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

/* The words of an enumeration, each read as it is written. */
static void check_choice(const struct choice *choice, __u8 last)
{
	static const char *const wrong[] = { "", "0", "rst", "in", "Pass", "drop " };
	const char *word;
	__u8 value, read;
	size_t i;

	for (value = 0; value <= last; value++) {
		word = choice_word(choice, value);
		result(!choice_parse(choice, word, &read) && read == value,
		       "%s '%s' is read as it is written", choice->what, word);
	}
	for (i = 0; i < ARRAY_SIZE(wrong); i++)
		result(choice_parse(choice, wrong[i], &read) < 0,
		       "%s '%s' is refused: %s", choice->what, wrong[i],
		       fault_text());
	result(!strcmp(choice_word(choice, last + 1), "unknown") &&
	       !strcmp(choice_word(choice, 255), "unknown"),
	       "a %s of a newer module is unknown", choice->what);
}

static void check_states(void)
{
	static const char *const wrong[] = {
		"", "none", "dead", "unknown", "syn", "syn-recv", "1",
	};
	__u8 state, read;
	size_t i;

	for (state = LBDR_CONN_STATE_SYN_RECV;
	     state <= LBDR_CONN_STATE_TEMPLATE; state++)
		result(!parse_state(state_word(state), &read) && read == state,
		       "state '%s' is read as it is written",
		       state_word(state));
	result(!parse_state("SCTP_Closed", &read) &&
	       read == LBDR_CONN_STATE_SCTP_CLOSED,
	       "a state is read in capitals too");
	for (i = 0; i < ARRAY_SIZE(wrong); i++)
		result(parse_state(wrong[i], &read) < 0,
		       "state '%s' is refused: %s", wrong[i], fault_text());
	result(!strcmp(state_word(LBDR_CONN_STATE_NONE), "unknown") &&
	       !strcmp(state_word(LBDR_CONN_STATE_DEAD), "unknown"),
	       "states that are not reported have no word");
}

/* What a list of timeouts reads as, written back; NULL where it is refused. */
struct timeouts_row {
	const char *text;
	const char *reads;
};

#define ALL_TIMEOUTS \
	"syn_recv=1,established=2,fin_wait=3,time_wait=4,close=5,udp=6," \
	"sctp_init=7,sctp_established=8,sctp_shutdown=9,sctp_closed=10"

static const struct timeouts_row timeouts_rows[] = {
	{ "udp=10", "udp=10" },
	{ "udp=0", "udp=0" },
	{ "udp=2000000", "udp=2000000" },
	{ "udp=10,SYN_RECV=5", "syn_recv=5,udp=10" },
	{ ALL_TIMEOUTS, ALL_TIMEOUTS },
	{ "", NULL },
	{ ",", NULL },
	{ "=", NULL },
	{ "=10", NULL },
	{ "udp", NULL },
	{ "udp=", NULL },
	{ "udp=,close=1", NULL },
	{ "udp,close=1", NULL },
	{ "udp=1,", NULL },
	{ "udp=1,,close=1", NULL },
	{ "udp=1 close=1", NULL },
	{ "udp=1=2", NULL },
	{ "udp=-1", NULL },
	{ "udp=1s", NULL },
	{ "udp=4294967296", NULL },
	{ "udp=00000000000000000000000000000000000000000000000000000000000000005", NULL },
	{ "udp=1,udp=2", NULL },
	{ "tcp=1", NULL },
	{ "none=1", NULL },
	{ "template=1", NULL },
	{ "dead=1", NULL },
};

static void check_timeouts(void)
{
	const struct timeouts_row *row;
	char text[TIMEOUTS_TEXT];
	bool good;

	for (row = timeouts_rows;
	     row < timeouts_rows + ARRAY_SIZE(timeouts_rows); row++) {
		struct timeouts timeouts = { .given = { false } };

		if (parse_timeouts(row->text, &timeouts))
			good = !row->reads;
		else
			good = row->reads &&
			       !strcmp(timeouts_text(&timeouts, text),
				       row->reads);
		result(good, "timeouts '%s' %s%s", row->text,
		       row->reads ? "read as " : "are refused: ",
		       row->reads ? row->reads : fault_text());
	}
}

/* The longest text there can be has room. */
static void check_timeouts_long(void)
{
	struct timeouts timeouts;
	char text[TIMEOUTS_TEXT];

	memset(&timeouts.given, true, sizeof(timeouts.given));
	memset(&timeouts.seconds, 0xff, sizeof(timeouts.seconds));
	result(strlen(timeouts_text(&timeouts, text)) < TIMEOUTS_TEXT - 1,
	       "all timeouts are written: %s", text);
}

void check_words(void)
{
	check_choice(&refuse_choice, LBDR_REFUSE_DROP);
	check_choice(&stray_choice, LBDR_STRAY_SCHEDULE);
	check_choice(&entry_choice, ENTRY_XDP);
	check_choice(&tunnel_choice, LBDR_TUNNEL_GUE);
	check_choice(&tunnel_df_choice, LBDR_TUNNEL_DF_CLEAR);
	check_choice(&count_choice, COUNT_BY_STATE);
	check_states();
	check_timeouts();
	check_timeouts_long();
	check_flags();
	check_flags_written();
	check_sizes();
}
