// SPDX-License-Identifier: GPL-2.0
/*
 * The grammar: owns the table of options and turns a command line into a
 * struct request, whose texts request.c reads. Verbs and ipvsadm's letters come
 * out of the same tables, so that an option is one row, whatever it is called
 * by. Letters may be put together (-Ln) and options may stand in any order,
 * before the verb as well. That is why reading takes two steps: first words
 * become tokens, which needs no knowledge of the verb, then each token is looked
 * up for the verb.
 */
#include <ctype.h>
#include <stdio.h>
#include <string.h>

#include "lbctl.h"

#define EVERY_VERB ((1U << VERBS) - 1)
#define SERVICE_VERBS                                                       \
	(SETTING_VERBS | ON(DEL_SERVICE) | SERVER_VERBS | FILTER_VERBS |    \
	 ON(ZERO) | ON(DOCTOR))
#define PACKET_VERBS (SERVICE_VERBS | ON(TRACE))
#define SETTING_VERBS (ON(ADD_SERVICE) | ON(EDIT_SERVICE))
#define FILTER_VERBS (ON(LIST) | ON(CONNS) | ON(DEL_CONN))
#define SERVER_VERBS (ON(ADD_SERVER) | ON(EDIT_SERVER) | ON(DEL_SERVER))
#define JSON_VERBS                                                          \
	(ON(LIST) | ON(CONNS) | ON(TRACE) | ON(LIST_SCHEDULERS) | ON(DOCTOR))
#define MAX_TOKENS 64
#define LEFT_WIDTH 32		/* of an option in the help */

/*
 * A row of the table. A row that has a refusal is an option of ipvsadm's that
 * is known and not done; one that has an argument writes it to the text at
 * offset, any other one sets the bool there. Where the argument may be left
 * out, the row says what it is otherwise; then only a word that begins with a
 * digit is one, so that tokens can be told before the verb is known.
 */
struct option {
	char letter;
	const char *name;
	const char *argument;
	const char *otherwise;
	unsigned int verbs;
	size_t offset;
	bool ours;		/* not in ipvsadm's grammar */
	const char *refusal;
	const char *help;
};

#define TO(member) .offset = offsetof(struct request, member)
#define REFUSED(_letter, _name, _argument, _verbs, _why)               \
	{ .letter = (_letter), .name = (_name), .argument = (_argument), \
	  .verbs = (_verbs), .refusal = (_why) }

static const struct option options[] = {
	{ .letter = 't', .name = "tcp-service", .argument = "HOST:PORT",
	  .verbs = PACKET_VERBS, TO(tcp_text),
	  .help = "the TCP service here; ports as 80, 8000-8999, 0 for all" },
	{ .letter = 'u', .name = "udp-service", .argument = "HOST:PORT",
	  .verbs = PACKET_VERBS, TO(udp_text),
	  .help = "the UDP service here" },
	{ .name = "sctp-service", .argument = "HOST:PORT",
	  .verbs = PACKET_VERBS, TO(sctp_text),
	  .help = "the SCTP service here" },
	{ .letter = 'f', .name = "fwmark-service", .argument = "MARK",
	  .verbs = SERVICE_VERBS, TO(mark_text),
	  .help = "the service of packets with this mark, as 1 or 0x1" },
	{ .letter = '6', .name = "ipv6", .verbs = SERVICE_VERBS, TO(ipv6),
	  .help = "with -f, that of IPv6 packets" },
	{ .name = "vrf", .argument = "VRF", .verbs = PACKET_VERBS,
	  TO(vrf_text), .ours = true,
	  .help = "packets that arrive by this VRF, else by any" },
	{ .letter = 's', .name = "scheduler", .argument = "SCHEDULER",
	  .verbs = SETTING_VERBS, TO(scheduler),
	  .help = "how new connections are shared out, see list-schedulers" },
	{ .letter = 'b', .name = "sched-flags", .argument = "FLAG,...",
	  .verbs = SETTING_VERBS, TO(flags_text),
	  .help = "sh-port, sh-fallback, mh-port, mh-fallback, or none" },
	{ .name = "mh-size", .argument = "PRIME",
	  .verbs = SETTING_VERBS, TO(mh_size_text),
	  .ours = true,
	  .help = "slots in mh's table, 251 to 262139, else 65537" },
	{ .name = "refuse", .argument = "HOW",
	  .verbs = SETTING_VERBS, TO(refuse_text),
	  .ours = true,
	  .help = "what clients get when no server is open: icmp, reset, drop" },
	{ .name = "stray", .argument = "HOW", .verbs = SETTING_VERBS,
	  TO(stray_text), .ours = true,
	  .help = "packets of no connection: pass, drop, reset, schedule" },
	{ .letter = 'p', .name = "persistent", .argument = "[SECONDS]",
	  .otherwise = PERSIST_USUAL, .verbs = SETTING_VERBS, TO(persist_text),
	  .help = "clients come back to their server; 0 for not" },
	{ .letter = 'M', .name = "netmask", .argument = "MASK|PREFIX",
	  .verbs = SETTING_VERBS, TO(netmask_text),
	  .help = "clients of a network are one to -p: 255.255.255.0, 64" },
	{ .name = "expire-quiescent", .argument = "yes|no",
	  .verbs = SETTING_VERBS, TO(quiescent_text), .ours = true,
	  .help = "do not come back to a server of weight 0" },
	{ .letter = 'o', .name = "ops", .verbs = SETTING_VERBS,
	  TO(one_packet),
	  .help = "UDP: a server for each packet, no connections" },
	{ .name = "no-ops", .verbs = SETTING_VERBS, TO(no_one_packet),
	  .ours = true, .help = "a server for each connection again" },
	{ .name = "timeouts", .argument = "STATE=SECONDS,...",
	  .verbs = SETTING_VERBS, TO(timeouts_text), .ours = true,
	  .help = "of this service alone; 0 takes one back" },
	{ .letter = 'r', .name = "real-server", .argument = "HOST[:PORT]",
	  .verbs = SERVER_VERBS, TO(server_text),
	  .help = "the server; its port is the service's" },
	{ .letter = 'r', .name = "real-server", .argument = "HOST[:PORT]",
	  .verbs = FILTER_VERBS, TO(server_text), .ours = true,
	  .help = "connections to this server" },
	{ .name = "client", .argument = "ADDR[/LEN][:PORT]",
	  .verbs = FILTER_VERBS, TO(client_text), .ours = true,
	  .help = "connections of this client" },
	{ .name = "state", .argument = "STATE", .verbs = FILTER_VERBS,
	  TO(state_text), .ours = true,
	  .help = "connections in this state, as in 'list -c'" },
	{ .name = "idle", .argument = "SECONDS", .verbs = FILTER_VERBS,
	  TO(idle_text), .ours = true,
	  .help = "connections without a packet for so long, or longer" },
	{ .name = "recent", .argument = "SECONDS", .verbs = FILTER_VERBS,
	  TO(recent_text), .ours = true,
	  .help = "connections with a packet in the last so many" },
	{ .name = "all", .verbs = ON(DEL_CONN) | ON(CONNS), TO(all),
	  .ours = true, .help = "every connection" },
	{ .name = "count", .verbs = ON(CONNS), TO(count), .ours = true,
	  .help = "tell how many they are, and no more" },
	{ .name = "count-by", .argument = "service|server|state",
	  .verbs = ON(CONNS), TO(count_by_text), .ours = true,
	  .help = "tell how many each has, the most first" },
	{ .name = "kill", .verbs = ON(CONNS), TO(kill), .ours = true,
	  .help = "end them, as del-conn does" },
	{ .name = "client", .argument = "ADDR[:PORT]", .verbs = ON(TRACE),
	  TO(client_text), .ours = true,
	  .help = "where the packet comes from; no port: a new connection" },
	{ .name = "mark", .argument = "MARK", .verbs = ON(TRACE),
	  TO(packet_mark_text), .ours = true,
	  .help = "the mark that a firewall gives the packet" },
	{ .name = "mac", .argument = "MAC", .verbs = ON(TRACE), TO(mac_text),
	  .ours = true,
	  .help = "source of its frame, to see whether it is a server's" },
	{ .name = "data", .verbs = ON(TRACE), TO(data), .ours = true,
	  .help = "a packet of data, not the first one of a connection" },
	{ .letter = 'g', .name = "gatewaying",
	  .verbs = ON(ADD_SERVER) | ON(EDIT_SERVER), TO(direct),
	  .help = "direct routing, which is the only method and the default" },
	{ .letter = 'w', .name = "weight", .argument = "WEIGHT",
	  .verbs = ON(ADD_SERVER) | ON(EDIT_SERVER), TO(weight_text),
	  .help = "share of new connections, 0 for none, 1 when left out" },
	{ .letter = 'x', .name = "u-threshold", .argument = "CONNS",
	  .verbs = ON(ADD_SERVER) | ON(EDIT_SERVER), TO(upper_text),
	  .help = "connections at which it gets no new ones, 0 for no limit" },
	{ .letter = 'y', .name = "l-threshold", .argument = "CONNS",
	  .verbs = ON(ADD_SERVER) | ON(EDIT_SERVER), TO(lower_text),
	  .help = "below as many it gets new ones again, 0 for 3/4 of -x" },
	{ .name = "drain", .verbs = ON(DEL_SERVER), TO(drain), .ours = true,
	  .help = "let its connections end first; it gets no new ones" },
	{ .name = "hold", .argument = "[SECONDS]", .otherwise = HOLD_USUAL,
	  .verbs = ON(DEL_SERVER) | ON(DEL_SERVICE), TO(hold_text), .ours = true,
	  .help = "keep connections until it is added again, for 60 s or as many" },
	{ .name = "dry-run", .verbs = ON(APPLY), TO(dry_run), .ours = true,
	  .help = "print what would be done, and do nothing" },
	{ .letter = 'n', .name = "numeric",
	  .verbs = ON(LIST) | ON(SAVE) | ON(CONNS) | ON(TRACE),
	  TO(numeric), .help = "numbers instead of names" },
	{ .letter = 'c', .name = "connection", .verbs = ON(LIST),
	  TO(connections), .help = "list the connections" },
	{ .name = "stats", .verbs = ON(LIST), TO(stats),
	  .help = "list connections, packets and bytes" },
	{ .name = "rate", .verbs = ON(LIST), TO(rate),
	  .help = "list what comes each second, after a second of looking" },
	{ .name = "thresholds", .verbs = ON(LIST), TO(thresholds),
	  .help = "list each server's thresholds and connections" },
	{ .name = "persistent-conn", .verbs = ON(LIST), TO(persistent),
	  .help = "list how many clients persistence leads to each server" },
	{ .name = "timeout", .verbs = ON(LIST), TO(timeout),
	  .help = "list the time-outs; with -j, of every state" },
	{ .name = "info", .verbs = ON(LIST), TO(info), .ours = true,
	  .help = "list version, limits, entry and all time-outs" },
	{ .name = "drops", .verbs = ON(LIST), TO(drops), .ours = true,
	  .help = "list why packets were not forwarded, and how many" },
	{ .name = "held", .verbs = ON(LIST), TO(held), .ours = true,
	  .help = "list what was removed with --hold, too" },
	{ .name = "exact", .verbs = ON(LIST), TO(exact),
	  .help = "large numbers in full" },
	{ .name = "sort", .verbs = ON(LIST), TO(sort),
	  .help = "in the order of addresses, which is the default" },
	{ .name = "nosort", .verbs = ON(LIST), TO(nosort),
	  .help = "in the order of adding" },
	{ .letter = 'j', .name = "json",
	  .verbs = JSON_VERBS, TO(json), .ours = true,
	  .help = "as a JSON array" },
	{ .letter = 'j', .name = "json", .verbs = ON(MONITOR), TO(json),
	  .ours = true, .help = "each line as a JSON object" },
	{ .name = "textfile", .verbs = ON(METRICS), TO(textfile), .ours = true,
	  .help = "in Prometheus' older text, for node_exporter" },
	{ .name = "interval", .argument = "SECONDS",
	  .verbs = ON(TOP) | ON(LIST), TO(interval_text), .ours = true,
	  .help = "from one look of top or --rate to the next, else 1" },
	{ .letter = 'p', .name = "pretty",
	  .verbs = JSON_VERBS, TO(pretty), .ours = true,
	  .help = "with -j, indented for the eye" },
	{ .name = "realserver", .verbs = ON(DOCTOR), TO(realserver), .ours = true,
	  .help = "look at this host as a real server of the VIPs" },
	{ .name = "undo", .verbs = ON(SETUP_REALSERVER), TO(undo), .ours = true,
	  .help = "take the VIPs from lo, and with the last one the settings" },
	{ .letter = 'N', .name = "netns", .argument = "NETNS",
	  .verbs = EVERY_VERB & ~(ON(HELP) | ON(VERSION)), TO(netns),
	  .ours = true,
	  .help = "in this network namespace, as 'ip netns' names it" },
	{ .letter = 'h', .name = "help", .verbs = EVERY_VERB, TO(help),
	  .help = "this text" },

	REFUSED('m', "masquerading", NULL, EVERY_VERB,
		"NAT is not done, lbdr forwards by direct routing (-g)"),
	REFUSED('i', "ipip", NULL, EVERY_VERB,
		"tunnelling is not done yet, lbdr forwards by direct routing (-g)"),
	REFUSED('\0', "pe", NULL, EVERY_VERB,
		"persistence engines are not done"),
	REFUSED('\0', "start-daemon", NULL, EVERY_VERB,
		"the directors are not synchronised yet"),
	REFUSED('\0', "stop-daemon", NULL, EVERY_VERB,
		"the directors are not synchronised yet"),
	REFUSED('\0', "daemon", NULL, EVERY_VERB,
		"the directors are not synchronised yet"),
	REFUSED('\0', "syncid", NULL, EVERY_VERB,
		"the directors are not synchronised yet"),
	REFUSED('\0', "sync-maxlen", NULL, EVERY_VERB,
		"the directors are not synchronised yet"),
	REFUSED('\0', "mcast-interface", NULL, EVERY_VERB,
		"the directors are not synchronised yet"),
	REFUSED('\0', "mcast-group", NULL, EVERY_VERB,
		"the directors are not synchronised yet"),
	REFUSED('\0', "mcast-port", NULL, EVERY_VERB,
		"the directors are not synchronised yet"),
	REFUSED('\0', "mcast-ttl", NULL, EVERY_VERB,
		"the directors are not synchronised yet"),
	REFUSED('\0', "tun-type", NULL, EVERY_VERB,
		"tunnelling is not done yet, lbdr forwards by direct routing (-g)"),
	REFUSED('\0', "tun-port", NULL, EVERY_VERB,
		"tunnelling is not done yet, lbdr forwards by direct routing (-g)"),
	REFUSED('\0', "tun-nocsum", NULL, EVERY_VERB,
		"tunnelling is not done yet, lbdr forwards by direct routing (-g)"),
	REFUSED('\0', "tun-csum", NULL, EVERY_VERB,
		"tunnelling is not done yet, lbdr forwards by direct routing (-g)"),
	REFUSED('\0', "tun-remcsum", NULL, EVERY_VERB,
		"tunnelling is not done yet, lbdr forwards by direct routing (-g)"),
};

/* An option as it was written: by its letter, or by its name. */
struct token {
	char letter;
	const char *name;
	size_t length;		/* of the name, before a '=' */
	const char *argument;
};

struct command_line {
	struct token tokens[MAX_TOKENS];
	size_t nr_tokens;
	const char *words[MAX_TOKENS];
	size_t nr_words;
	const struct verb *verb;
	const struct token *verb_token;
};

#define SPELLING 80

static const char *spelling(const struct token *token, char *text)
{
	if (token->letter)
		snprintf(text, SPELLING, "-%c", token->letter);
	else
		snprintf(text, SPELLING, "--%.*s", (int)token->length,
			 token->name);
	return text;
}

static bool same_name(const struct token *token, const char *name)
{
	return name && !token->letter && strlen(name) == token->length &&
	       !strncmp(name, token->name, token->length);
}

/* The next row for a token after @row, the first one when that is NULL. */
static const struct option *next_row(const struct option *row,
				     const struct token *token, bool ipvsadm)
{
	for (row = row ? row + 1 : options;
	     row < options + ARRAY_SIZE(options); row++) {
		if (row->ours && ipvsadm)
			continue;
		if (token->letter && token->letter == row->letter)
			return row;
		if (same_name(token, row->name))
			return row;
	}
	return NULL;
}

static const struct verb *token_verb(const struct token *token)
{
	const char *letters;
	size_t i;

	for (i = 0; i < VERBS; i++) {
		letters = verbs[i].letters;
		if (token->letter && letters && strchr(letters, token->letter))
			return &verbs[i];
		if (same_name(token, verbs[i].longname))
			return &verbs[i];
	}
	return NULL;
}

static int add_token(struct command_line *line, const struct token *token)
{
	const struct verb *verb = token_verb(token);
	char first[SPELLING];
	char second[SPELLING];

	if (line->nr_tokens == MAX_TOKENS)
		return fault("too many options");
	line->tokens[line->nr_tokens] = *token;
	if (verb && line->verb)
		return fault("%s and %s are two commands, give one",
			     spelling(line->verb_token, first),
			     spelling(token, second));
	if (verb) {
		line->verb = verb;
		line->verb_token = &line->tokens[line->nr_tokens];
	}
	line->nr_tokens++;
	return 0;
}

/*
 * The argument of an option that takes one: @inside its word, or the next.
 * One that may be left out is only taken where it begins with a digit.
 */
static int take_argument(struct token *token, const struct option *row,
			 const char *inside, char ***next)
{
	const char *word = inside ? inside : **next;
	const char *argument = row->argument;
	char text[SPELLING];

	if (row->otherwise && !(word && isdigit((unsigned char)word[0])))
		return 0;

	if (!inside) {
		if (!word)
			return fault("option %s lacks its argument %s",
				     spelling(token, text), argument);
		/* The next option, or a number below zero? */
		if (word[0] == '-' &&
		    (isalpha((unsigned char)word[1]) || word[1] == '-'))
			return fault("option %s lacks its argument %s, '%s' comes next",
				     spelling(token, text), argument, word);
		(*next)++;
	}
	token->argument = word;
	return 0;
}

static int read_long(struct command_line *line, const char *word, char ***next,
		     bool ipvsadm)
{
	struct token token = {
		.name = word + 2,
		.length = strcspn(word + 2, "="),
	};
	const struct option *row = next_row(NULL, &token, ipvsadm);
	const char *inside = token.name[token.length] ?
			     token.name + token.length + 1 : NULL;

	if (!row && !token_verb(&token))
		return fault("there is no option '%s'", word);
	if (row && row->argument) {
		if (inside)
			token.argument = inside;
		else if (take_argument(&token, row, NULL, next))
			return -1;
	} else if (inside && !(row && row->refusal)) {
		return fault("option --%.*s takes no argument",
			     (int)token.length, token.name);
	}
	return add_token(line, &token);
}

static int read_letters(struct command_line *line, const char *word,
			char ***next, bool ipvsadm)
{
	const struct option *row;
	const char *letter;

	for (letter = word + 1; *letter; letter++) {
		struct token token = { .letter = *letter };

		row = next_row(NULL, &token, ipvsadm);
		if (!row && !token_verb(&token))
			return fault("there is no option '-%c'", *letter);
		if (row && row->argument) {
			if (take_argument(&token, row,
					  letter[1] ? letter + 1 : NULL, next))
				return -1;
			/* What follows the letter was no argument. */
			if (!row->otherwise || token.argument)
				return add_token(line, &token);
		}
		if (add_token(line, &token))
			return -1;
		/* What follows may be its argument, which no longer matters. */
		if (row && row->refusal)
			return 0;
	}
	return 0;
}

static int read_words(struct command_line *line, char **next, bool ipvsadm)
{
	bool options_end = false;
	const char *word;
	int status = 0;

	while (!status && (word = *next++)) {
		if (options_end || word[0] != '-' || !word[1]) {
			if (line->nr_words == MAX_TOKENS)
				return fault("too many arguments");
			line->words[line->nr_words++] = word;
		} else if (word[1] != '-') {
			status = read_letters(line, word, &next, ipvsadm);
		} else if (word[2]) {
			status = read_long(line, word, &next, ipvsadm);
		} else {
			options_end = true;
		}
	}
	return status;
}

static int refuse(const struct token *token, const struct option *row)
{
	char text[SPELLING];

	if (token->letter)
		fault("option %s (--%s) is refused: %s", spelling(token, text),
		      row->name, row->refusal);
	else
		fault("option %s is refused: %s", spelling(token, text),
		      row->refusal);
	return 1;
}

/*
 * Options that no verb takes are named before anything else is, for they may
 * be commands of ipvsadm's. The p of lbctl's lists waits for its verb.
 */
static int refuse_early(const struct command_line *line, bool ipvsadm)
{
	const struct option *row;
	size_t i;

	for (i = 0; i < line->nr_tokens; i++) {
		row = next_row(NULL, &line->tokens[i], ipvsadm);
		if (row && row->refusal)
			return refuse(&line->tokens[i], row);
	}
	return 0;
}

static bool is_help(const struct token *token)
{
	return token->letter == 'h' || same_name(token, "help");
}

static int find_verb(struct command_line *line, struct request *req)
{
	const char *word = line->words[0];
	size_t i;

	if (line->verb) {
		req->verb = line->verb;
		return 0;
	}
	if (req->ipvsadm && !line->nr_tokens && !line->nr_words) {
		req->verb = &verbs[VERB_LIST];
		return 0;
	}
	if (req->ipvsadm || !line->nr_words) {
		/* Only -h makes sense alone; any other option needs a verb. */
		if (!line->nr_tokens || !is_help(&line->tokens[0]))
			return fault("a command is missing");
		req->verb = &verbs[VERB_HELP];
		return 0;
	}
	for (i = 0; i < VERBS; i++) {
		if (strcmp(verbs[i].name, word))
			continue;
		req->verb = &verbs[i];
		line->nr_words--;
		memmove(line->words, line->words + 1,
			line->nr_words * sizeof(line->words[0]));
		return 0;
	}
	return fault("there is no command '%s'", word);
}

static int apply(const struct token *token, struct request *req)
{
	unsigned int bit = 1U << (req->verb - verbs);
	const struct option *any = NULL;
	const struct option *row = NULL;
	char text[SPELLING];
	void *member;

	while ((row = next_row(row, token, req->ipvsadm))) {
		any = row;
		if (row->verbs & bit)
			break;
	}
	if (!any)
		return 0;	/* the verb itself */
	if (!row)
		return fault("option %s does not go with %s",
			     spelling(token, text), req->verb->name);
	if (row->refusal)
		return refuse(token, row);
	member = (char *)req + row->offset;
	if (row->argument) {
		if (*(const char **)member)
			return fault("option %s is given twice",
				     spelling(token, text));
		*(const char **)member = token->argument ? token->argument :
							   row->otherwise;
	} else if (token->argument) {
		return fault("option %s takes no argument, as '%s' would be",
			     spelling(token, text), token->argument);
	} else {
		*(bool *)member = true;
	}
	return 0;
}

/**
 * options_read() - understand a command line
 * @argc: as main() has it
 * @argv: as main() has it
 * @req: in: ipvsadm; out: all
 *
 * Return: 0; -1 for wrong usage, then req->verb is set when the command line
 * got as far as that; 1 for an option that is known and not done. In both
 * cases fault_text() tells more.
 */
int options_read(int argc, char **argv, struct request *req)
{
	struct command_line line = { .nr_tokens = 0 };
	int status;
	size_t i;

	/* A program may be started without even a name. */
	if (read_words(&line, argv + !!argc, req->ipvsadm)) {
		req->verb = line.verb;
		return -1;
	}
	req->verb = line.verb;
	status = refuse_early(&line, req->ipvsadm);
	if (!status)
		status = find_verb(&line, req);
	for (i = 0; !status && i < line.nr_tokens; i++)
		status = apply(&line.tokens[i], req);
	if (status)
		return status;
	if (req->help)
		return 0;
	if (line.nr_words && !req->verb->words)
		return fault("unexpected argument '%s'", line.words[0]);
	return request_read(req, line.words, line.nr_words);
}

/*
 * Stands for the word that is still to be written. No word of a line is at this
 * address, whatever it says.
 */
static const char unwritten[] = "";

/**
 * options_partial() - understand a command line that is not whole
 * @words: what there is of it, without the program's name
 * @count: how many
 * @req: out: the texts of its options, and the verb or NULL
 * @wants: out: the name of the option that waits for its argument, or NULL
 * @argument: out: what that option's row calls its argument
 *
 * Return: 0; -1 where nothing can make sense of the line any more.
 */
int options_partial(char *const *words, size_t count, struct request *req,
		    const char **wants, const char **argument)
{
	struct command_line line = { .nr_tokens = 0 };
	const struct option *row = NULL;
	char *all[2 * MAX_TOKENS + 2];
	size_t i;

	*wants = NULL;
	*argument = NULL;
	req->verb = NULL;
	if (count > 2 * MAX_TOKENS)
		return fault("too many arguments");
	memcpy(all, words, count * sizeof(all[0]));
	all[count] = (char *)unwritten;
	all[count + 1] = NULL;
	if (read_words(&line, all, false))
		return -1;
	req->verb = line.verb;
	if (!line.verb && line.nr_words && line.words[0] != unwritten &&
	    find_verb(&line, req))
		return -1;
	for (i = 0; i < line.nr_tokens; i++) {
		struct token *token = &line.tokens[i];

		if (token->argument == unwritten)
			row = next_row(NULL, token, false);
		else if (req->verb)
			apply(token, req);
	}
	if (row && row->refusal)
		return -1;
	if (row) {
		*wants = row->name;
		*argument = row->argument;
	}
	return 0;
}

/* The long options of a verb, a line each. */
void options_offer(const struct verb *verb)
{
	unsigned int bit = 1U << (verb - verbs);
	const struct option *row;

	for (row = options; row < options + ARRAY_SIZE(options); row++) {
		if ((row->verbs & bit) && !row->refusal)
			printf("--%s\n", row->name);
	}
}

static void usage_option(FILE *out, const struct option *row)
{
	char left[48];

	if (row->letter)
		snprintf(left, sizeof(left), "-%c, --%s %s", row->letter,
			 row->name, row->argument ? row->argument : "");
	else
		snprintf(left, sizeof(left), "    --%s %s", row->name,
			 row->argument ? row->argument : "");
	/* What leaves no room for the help has it in the next line. */
	fprintf(out, "  %-*s", LEFT_WIDTH, left);
	if (strlen(left) > LEFT_WIDTH)
		fprintf(out, "\n  %*s", LEFT_WIDTH, "");
	fprintf(out, " %s\n", row->help);
}

/* The command on one line. */
void options_usage(FILE *out, const struct verb *verb, bool ipvsadm)
{
	if (ipvsadm && verb->letters)
		fprintf(out, "Usage: %s -%c", program, verb->letters[0]);
	else if (ipvsadm && verb->longname)
		fprintf(out, "Usage: %s --%s", program, verb->longname);
	else
		fprintf(out, "Usage: %s %s", program, verb->name);
	if (verb->needs & (NEEDS_SERVICE | TAKES_SERVICE))
		fputs(verb->needs & NEEDS_SERVICE ?
				" -t|-u|--sctp-service HOST:PORT|-f MARK" :
				" [-t|-u|--sctp-service HOST:PORT|-f MARK]",
		      out);
	if (verb->needs & NEEDS_FLOW)
		fputs(" -t|-u|--sctp-service HOST:PORT --client ADDR[:PORT]",
		      out);
	if (verb->needs & NEEDS_SERVER)
		fputs(" -r HOST[:PORT]", out);
	/* Of several forms the first one is ipvsadm's. */
	if (verb->words)
		fprintf(out, " %.*s", (int)strcspn(verb->words,
						   ipvsadm ? "|" : ""),
			verb->words);
	fputs(" [OPTION]...\n", out);
}

/* Its options, a line each. */
void options_explain(FILE *out, const struct verb *verb, bool ipvsadm)
{
	unsigned int bit = 1U << (verb - verbs);
	const struct option *row;

	for (row = options; row < options + ARRAY_SIZE(options); row++) {
		if ((row->verbs & bit) && !row->refusal &&
		    !(row->ours && ipvsadm))
			usage_option(out, row);
	}
}

static bool needs_argument(const struct option *row)
{
	return row->argument && !row->otherwise;
}

/*
 * True when the tables agree with each other: a letter needs an argument in
 * all rows or in none, or tokens could not be told before the verb is known;
 * the first row of a letter knows whether it may have one; and no letter or
 * name is a verb's and an option's, or two options' of one verb.
 */
bool options_consistent(void)
{
	const struct option *other;
	const struct option *row;

	for (row = options; row < options + ARRAY_SIZE(options); row++) {
		struct token letter = { .letter = row->letter };
		struct token name = {
			.name = row->name,
			.length = strlen(row->name),
		};

		if ((row->letter && token_verb(&letter)) || token_verb(&name))
			return false;
		for (other = row + 1; other < options + ARRAY_SIZE(options);
		     other++) {
			if (strcmp(row->name, other->name) &&
			    !(row->letter && row->letter == other->letter))
				continue;
			if ((row->verbs & other->verbs) ||
			    needs_argument(row) != needs_argument(other) ||
			    (other->otherwise && !row->otherwise))
				return false;
		}
	}
	return true;
}
