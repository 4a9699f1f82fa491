// SPDX-License-Identifier: GPL-2.0
/*
 * The table of options: reads tokens into a struct request, whose texts request.c
 * parses, and prints the help of options. Verbs and ipvsadm's letters share the rows.
 * Options may precede the verb, so tokens.c reads all words before the verb is known.
 */
#include <stdio.h>
#include <string.h>

#include "tokens.h"

#define EVERY_VERB ((1U << VERBS) - 1)
#define SERVICE_VERBS                                                       \
	(SETTING_VERBS | ON(DEL_SERVICE) | SERVER_VERBS | FILTER_VERBS |    \
	 ON(ZERO) | ON(DOCTOR))
#define PACKET_VERBS (SERVICE_VERBS | ON(TRACE))
#define SETTING_VERBS (ON(ADD_SERVICE) | ON(EDIT_SERVICE))
#define FILTER_VERBS (ON(LIST) | ON(CONNS) | ON(DEL_CONN))
#define REAL_VERBS (ON(ADD_SERVER) | ON(EDIT_SERVER))
#define SERVER_VERBS (REAL_VERBS | ON(DEL_SERVER))
#define JSON_VERBS                                                          \
	(ON(LIST) | ON(CONNS) | ON(SYNC) | ON(TRACE) | ON(LIST_SCHEDULERS) |          \
	 ON(DOCTOR) | ON(VERSION))
#define LEFT_WIDTH 32		/* of an option in the help */
#define HELP_WIDTH 80

#define TO(member) .offset = offsetof(struct request, member)
#define REFUSED(_letter, _name, _argument, _verbs, _why)               \
	{ .letter = (_letter), .name = (_name), .argument = (_argument), \
	  .verbs = (_verbs), .refusal = (_why) }

#define NO_SYNC(_name) \
	REFUSED('\0', _name, NULL, EVERY_VERB, "use the command sync of lbctl")

static const struct option options[] = {
	{ .letter = 't', .name = "tcp-service", .argument = "HOST:PORT",
	  .verbs = PACKET_VERBS, TO(tcp_text),
	  .help = "TCP service: port 80, range 8000-8999, or 0 for all ports" },
	{ .letter = 'u', .name = "udp-service", .argument = "HOST:PORT",
	  .verbs = PACKET_VERBS, TO(udp_text), .help = "UDP service" },
	{ .name = "sctp-service", .argument = "HOST:PORT", .verbs = PACKET_VERBS,
	  TO(sctp_text), .help = "SCTP service" },
	{ .letter = 'f', .name = "fwmark-service", .argument = "MARK",
	  .verbs = SERVICE_VERBS, TO(mark_text),
	  .help = "service by firewall mark, as 1 or 0x1" },
	{ .letter = '6', .name = "ipv6", .verbs = SERVICE_VERBS, TO(ipv6),
	  .help = "with -f: IPv6 packets" },
	{ .name = "vrf", .argument = "VRF", .verbs = PACKET_VERBS, TO(vrf_text),
	  .ours = true,
	  .help = "only packets received in this VRF; default: any L3 domain" },
	{ .letter = 's', .name = "scheduler", .argument = "SCHEDULER",
	  .verbs = SETTING_VERBS, TO(settings.scheduler),
	  .help = "scheduler of new connections, see list-schedulers" },
	{ .letter = 'b', .name = "sched-flags", .argument = "FLAG,...",
	  .verbs = SETTING_VERBS, TO(settings.flags_text),
	  .help = "sh-port, sh-fallback, mh-port, mh-fallback, or none" },
	{ .name = "mh-size", .argument = "PRIME", .verbs = SETTING_VERBS,
	  TO(settings.mh_size_text), .ours = true,
	  .help = "slots of the table of mh, 251 to 262139; default 65537" },
	{ .name = "refuse", .argument = "HOW", .verbs = SETTING_VERBS,
	  TO(settings.refuse_text), .ours = true,
	  .help = "answer to clients if no server is available: icmp, reset, drop" },
	{ .name = "stray", .argument = "HOW", .verbs = SETTING_VERBS,
	  TO(settings.stray_text), .ours = true,
	  .help = "action on packets without connection: pass, drop, reset, schedule" },
	{ .letter = 'p', .name = "persistent", .argument = "[SECONDS]",
	  .otherwise = PERSIST_USUAL, .verbs = SETTING_VERBS, TO(settings.persist_text),
	  .help = "persistence timeout, 0 disables" },
	{ .letter = 'M', .name = "netmask", .argument = "MASK|PREFIX",
	  .verbs = SETTING_VERBS, TO(settings.netmask_text),
	  .help = "persistence netmask: 255.255.255.0, or a prefix length" },
	{ .name = "expire-quiescent", .argument = "yes|no", .verbs = SETTING_VERBS,
	  TO(settings.quiescent_text), .ours = true,
	  .help = "persistence ignores servers of weight 0" },
	{ .name = "accept-tunneled", .argument = "yes|no", .verbs = SETTING_VERBS,
	  TO(settings.tunneled_text), .ours = true,
	  .help = "packets from tunnels may start connections; default no" },
	{ .name = "skip-unreachable", .argument = "yes|no", .verbs = SETTING_VERBS,
	  TO(settings.skip_text), .ours = true,
	  .help = "skip servers whose neighbour cannot be resolved; default no" },
	{ .letter = 'o', .name = "ops", .verbs = SETTING_VERBS, TO(settings.one_packet),
	  .help = "one-packet scheduling (UDP): every datagram is scheduled" },
	{ .name = "no-ops", .verbs = SETTING_VERBS, TO(settings.no_one_packet),
	  .ours = true, .help = "disable one-packet scheduling" },
	{ .name = "timeouts", .argument = "STATE=SECONDS,...", .verbs = SETTING_VERBS,
	  TO(settings.timeouts_text), .ours = true,
	  .help = "timeouts of this service; 0 resets to the director's" },
	{ .letter = 'r', .name = "real-server", .argument = "HOST[:PORT]",
	  .verbs = SERVER_VERBS, TO(server_text),
	  .help = "real server; its port is the service port" },
	{ .letter = 'r', .name = "real-server", .argument = "HOST[:PORT]",
	  .verbs = FILTER_VERBS, TO(server_text), .ours = true, .hidden = ON(LIST),
	  .help = "connections to this server" },
	{ .name = "client", .argument = "ADDR[/LEN][:PORT]", .verbs = FILTER_VERBS,
	  TO(conns.client_text), .ours = true, .hidden = ON(LIST),
	  .help = "connections of this client" },
	{ .name = "state", .argument = "STATE", .verbs = FILTER_VERBS,
	  TO(conns.state_text), .ours = true, .hidden = ON(LIST),
	  .help = "connections in this state, as in 'list -c'" },
	{ .name = "idle", .argument = "SECONDS", .verbs = FILTER_VERBS,
	  TO(conns.idle_text), .ours = true, .hidden = ON(LIST),
	  .help = "connections idle for at least this time" },
	{ .name = "recent", .argument = "SECONDS", .verbs = FILTER_VERBS,
	  TO(conns.recent_text), .ours = true, .hidden = ON(LIST),
	  .help = "connections idle for at most this time" },
	{ .name = "all", .verbs = ON(DEL_CONN) | ON(CONNS), TO(conns.all), .ours = true,
	  .help = "every connection" },
	{ .name = "all-namespaces", .verbs = ON(CLEAR), TO(all_namespaces), .ours = true,
	  .help = "in every network namespace; for root of the host" },
	{ .name = "fallback", .argument = "FILE", .verbs = ON(RELOAD_MODULE), TO(fallback),
	  .ours = true, .help = "module to load if the new one cannot be loaded" },
	{ .name = "force", .verbs = ON(RELOAD_MODULE) | ON(SET_ENTRY), TO(force),
	  .ours = true,
	  .help = "exchange lbdr_ipvs, too; remove services of other namespaces; take veth" },
	{ .name = "count", .verbs = ON(CONNS), TO(conns.count), .ours = true,
	  .help = "print only the count" },
	{ .name = "count-by", .argument = "service|server|state", .verbs = ON(CONNS),
	  TO(conns.count_by_text), .ours = true,
	  .help = "print the count for each, the highest first" },
	{ .name = "kill", .verbs = ON(CONNS), TO(conns.kill), .ours = true,
	  .help = "end the connections" },
	{ .name = "client", .argument = "ADDR[:PORT]", .verbs = ON(TRACE),
	  TO(conns.client_text), .ours = true,
	  .help = "source of the packet; without port: a new connection" },
	{ .name = "mark", .argument = "MARK", .verbs = ON(TRACE), TO(packet.mark_text),
	  .ours = true, .help = "firewall mark of the packet" },
	{ .name = "mac", .argument = "MAC", .verbs = ON(TRACE), TO(packet.mac_text),
	  .ours = true,
	  .help = "source MAC of the packet, to detect packets from a server" },
	{ .name = "data", .verbs = ON(TRACE), TO(packet.data), .ours = true,
	  .help = "a data packet, not the first packet of a connection" },
	{ .name = "id", .argument = "ID", .verbs = ON(SYNC), TO(sync.id_text),
	  .ours = true, .help = "number of the group of directors; default 0" },
	{ .name = "address", .argument = "ADDR,...", .verbs = ON(SYNC),
	  TO(sync.address_text), .ours = true,
	  .help = "group, or other directors; default 224.0.0.81" },
	{ .name = "key-file", .argument = "FILE", .verbs = ON(RELOAD_MODULE),
	  TO(sync.key_file), .ours = true, .help = "key of the role peers of sync" },
	{ .name = "key-file", .argument = "FILE", .verbs = ON(SYNC),
	  TO(sync.key_file), .ours = true,
	  .help = "with peers or key: key of 32 bytes, readable by its owner only" },
	{ .name = "key-id", .argument = "0|1", .verbs = ON(SYNC),
	  TO(sync.key_id_text), .ours = true,
	  .help = "with peers: number of the key; default 0" },
	{ .name = "wait", .argument = "SECONDS", .verbs = ON(SYNC),
	  TO(sync.wait_text), .ours = true,
	  .help = "exit with status 0 when synced with the peers, else with 1" },
	{ .name = "port", .argument = "PORT", .verbs = ON(SYNC), TO(sync.port_text),
	  .ours = true, .help = "UDP port; default 8848, of peers 8849" },
	{ .name = "ttl", .argument = "TTL", .verbs = ON(SYNC), TO(sync.ttl_text),
	  .ours = true, .help = "TTL of the datagrams; default 1" },
	{ .name = "length", .argument = "BYTES", .verbs = ON(SYNC),
	  TO(sync.length_text), .ours = true,
	  .help = "bytes of a datagram at most; default 1472, IPv6 1452" },
	{ .letter = 'g', .name = "gatewaying", .verbs = REAL_VERBS, TO(real.direct),
	  .help = "direct routing, the default" },
	{ .letter = 'i', .name = "ipip", .verbs = REAL_VERBS, TO(real.tun.ipip),
	  .help = "tunnel, of --tun-type" },
	{ .name = "tun", .argument = "none|ipip|gre|gue:PORT", .verbs = REAL_VERBS,
	  TO(real.tun.text), .ours = true,
	  .help = "tunnel to the server, none: direct routing" },
	{ .name = "tun-type", .argument = "ipip|gre|gue", .verbs = REAL_VERBS,
	  TO(real.tun.type_text), .help = "with -i: type of the tunnel, default ipip" },
	{ .name = "tun-port", .argument = "PORT", .verbs = REAL_VERBS,
	  TO(real.tun.port_text), .help = "UDP port of gue on the server" },
	{ .name = "tun-csum", .verbs = REAL_VERBS, TO(real.tun.csum),
	  .help = "checksum in the header of gre or gue" },
	{ .name = "tun-nocsum", .verbs = REAL_VERBS, TO(real.tun.no_csum),
	  .help = "no checksum, the default" },
	{ .name = "tun-ttl", .argument = "TTL|copy", .verbs = REAL_VERBS,
	  TO(real.tun.ttl_text), .ours = true,
	  .help = "TTL of the outer header; default: of the packet" },
	{ .name = "tun-df", .argument = "inherit|set|clear", .verbs = REAL_VERBS,
	  TO(real.tun.df_text), .ours = true,
	  .help = "DF of the outer header; clear: fragment what is too large" },
	{ .name = "tun-source", .argument = "ADDR|route", .verbs = REAL_VERBS,
	  TO(real.tun.source_text), .ours = true,
	  .help = "source of the outer header; default: of the route" },
	{ .name = "tun-source-prefix", .argument = "ADDR/LEN", .verbs = REAL_VERBS,
	  TO(real.tun.source_prefix_text), .ours = true,
	  .help = "a source of this prefix for each flow" },
	{ .letter = 'w', .name = "weight", .argument = "WEIGHT", .verbs = REAL_VERBS,
	  TO(real.weight_text),
	  .help = "share of new connections, 0 for none; add-server: 1" },
	{ .letter = 'x', .name = "u-threshold", .argument = "CONNS", .verbs = REAL_VERBS,
	  TO(real.upper_text),
	  .help = "upper threshold: no new connections at this number, 0 for no limit" },
	{ .letter = 'y', .name = "l-threshold", .argument = "CONNS", .verbs = REAL_VERBS,
	  TO(real.lower_text),
	  .help = "lower threshold: new connections again below it, 0 for 3/4 of -x" },
	{ .name = "drain", .argument = "[SECONDS]", .otherwise = DRAIN_ENDLESS,
	  .verbs = ON(DEL_SERVER), TO(real.drain_text), .ours = true,
	  .help = "let connections end first; SECONDS: wait at most so long" },
	{ .name = "hold", .argument = "[SECONDS]", .otherwise = HOLD_USUAL,
	  .verbs = ON(DEL_SERVER) | ON(DEL_SERVICE), TO(hold_text), .ours = true,
	  .help = "keep connections until it is added again, at most so long; default: 60" },
	{ .name = "allow-empty", .verbs = ON(APPLY) | ON(CHECK), TO(file.allow_empty),
	  .ours = true, .help = "accept a file without commands: remove everything" },
	{ .name = "dry-run", .verbs = ON(APPLY) | ON(IMPORT) | ON(SETUP_REALSERVER),
	  TO(file.dry_run), .ours = true, .help = "print the commands, change nothing" },
	{ .name = "skip-unsupported",
	  .verbs = ON(RESTORE) | ON(APPLY) | ON(CHECK) | ON(IMPORT),
	  TO(file.skip_unsupported), .ours = true,
	  .help = "skip lines that lbdr does not support, with a warning" },
	{ .letter = 'n', .name = "numeric",
	  .verbs = ON(LIST) | ON(SAVE) | ON(CONNS) | ON(TRACE), TO(numeric),
	  .help = "numbers in place of names, the default of lbctl" },
	{ .name = "resolve", .verbs = ON(LIST) | ON(CONNS) | ON(TRACE), TO(resolve),
	  .ours = true, .help = "names of hosts and ports in place of numbers" },
	{ .letter = 'c', .name = "connection", .verbs = ON(LIST), TO(list.connections),
	  .help = "list the connections" },
	{ .name = "stats", .verbs = ON(LIST), TO(list.stats),
	  .help = "list connections, packets and bytes" },
	{ .name = "rate", .verbs = ON(LIST), TO(list.rate),
	  .help = "list rates per second, measured for one second" },
	{ .name = "thresholds", .verbs = ON(LIST), TO(list.thresholds),
	  .help = "list each server's thresholds and connections" },
	{ .name = "persistent-conn", .verbs = ON(LIST), TO(list.persistent),
	  .help = "list the number of persistent clients of each server" },
	{ .name = "tun-info", .verbs = ON(LIST), TO(list.tun_info),
	  .help = "list the tunnel to each server" },
	{ .name = "timeout", .verbs = ON(LIST), TO(list.timeout),
	  .help = "list the timeouts; with -j, of every state" },
	{ .name = "info", .verbs = ON(LIST), TO(list.info), .ours = true,
	  .help = "list version, limits, entry and all timeouts" },
	{ .name = "drops", .verbs = ON(LIST), TO(list.drops), .ours = true,
	  .help = "list the reasons why packets were not forwarded, with counters" },
	{ .name = "held", .verbs = ON(LIST), TO(list.held), .ours = true,
	  .help = "list services and servers removed with --hold, too" },
	{ .name = "exact", .verbs = ON(LIST), TO(list.exact),
	  .help = "print exact numbers" },
	{ .name = "sort", .verbs = ON(LIST), TO(list.sort),
	  .help = "sort by address, the default" },
	{ .name = "nosort", .verbs = ON(LIST), TO(list.nosort),
	  .help = "do not sort: in the order of adding" },
	{ .letter = 'j', .name = "json", .verbs = JSON_VERBS, TO(json), .ours = true,
	  .help = "as a JSON array" },
	{ .letter = 'j', .name = "json", .verbs = ON(MONITOR), TO(json), .ours = true,
	  .help = "each line as a JSON object" },
	{ .name = "textfile", .verbs = ON(METRICS), TO(list.textfile), .ours = true,
	  .help = "Prometheus text format, for node_exporter" },
	{ .name = "interval", .argument = "SECONDS", .verbs = ON(TOP) | ON(LIST),
	  TO(list.interval_text), .ours = true,
	  .help = "interval of top and --rate; default 1" },
	{ .letter = 'p', .name = "pretty", .verbs = JSON_VERBS, TO(pretty), .ours = true,
	  .help = "with -j: indented" },
	{ .name = "realserver", .verbs = ON(DOCTOR), TO(realserver), .ours = true,
	  .help = "check this host as a real server of the VIPs" },
	{ .name = "tun", .argument = "ipip|gre|gue:PORT", .verbs = ON(SETUP_REALSERVER),
	  TO(real.tun.text), .ours = true,
	  .help = "decapsulate packets of this tunnel, and lower the MSS" },
	{ .name = "undo", .verbs = ON(SETUP_REALSERVER), TO(undo), .ours = true,
	  .help = "revert what setup-realserver changed" },
	{ .name = "verbose", .verbs = ON(DOCTOR), TO(verbose), .ours = true,
	  .help = "also print checks that found no problem" },
	{ .letter = 'N', .name = "netns", .argument = "NETNS",
	  .verbs = EVERY_VERB & ~(ON(HELP) | ON(VERSION)), TO(netns), .ours = true,
	  .help = "network namespace, as listed by 'ip netns'" },
	{ .letter = 'h', .name = "help", .verbs = EVERY_VERB, TO(help),
	  .help = "print this help" },

	REFUSED('m', "masquerading", NULL, EVERY_VERB,
		"lbdr forwards by direct routing (-g) and tunnels (-i), not by NAT"),
	REFUSED('\0', "tun-remcsum", NULL, REAL_VERBS,
		"the director cannot know whether the server accepts it"),
	REFUSED('\0', "pe", NULL, EVERY_VERB,
		"lbdr has no persistence engines"),
	NO_SYNC("start-daemon"),
	NO_SYNC("stop-daemon"),
	NO_SYNC("daemon"),
	NO_SYNC("syncid"),
	NO_SYNC("sync-maxlen"),
	NO_SYNC("mcast-interface"),
	NO_SYNC("mcast-group"),
	NO_SYNC("mcast-port"),
	NO_SYNC("mcast-ttl"),
};

/* The next row for a token after @row, the first one when that is NULL. */
const struct option *option_next(const struct option *row,
				 const struct token *token, bool ipvsadm)
{
	for (row = row ? row + 1 : options;
	     row < options + ARRAY_SIZE(options); row++) {
		if (row->ours && ipvsadm)
			continue;
		if (token->letter && token->letter == row->letter)
			return row;
		if (token_named(token, row->name))
			return row;
	}
	return NULL;
}

static int refuse(const struct token *token, const struct option *row)
{
	char text[SPELLING];

	if (token->letter)
		lacks("option %s (--%s) not supported: %s", token_spelling(token, text),
		      row->name, row->refusal);
	else
		lacks("option %s not supported: %s", token_spelling(token, text),
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
		row = option_next(NULL, &line->tokens[i], ipvsadm);
		if (row && row->refusal)
			return refuse(&line->tokens[i], row);
	}
	return 0;
}

static bool is_help(const struct token *token)
{
	return token->letter == 'h' || token_named(token, "help");
}

static int find_verb(struct command_line *line, struct request *req)
{
	const char *word = line->words[0];
	size_t i;

	req->letters = line->verb || req->ipvsadm;
	/* As in `help -A`. */
	if (line->verb && line->nr_words && !req->ipvsadm &&
	    !strcmp(word, verbs[VERB_HELP].name)) {
		req->word = line->verb->name;
		req->verb = &verbs[VERB_HELP];
		line->nr_words--;
		return 0;
	}
	if (line->verb) {
		req->verb = line->verb;
		return 0;
	}
	if (req->ipvsadm && !line->nr_tokens && !line->nr_words) {
		req->verb = &verbs[VERB_LIST];
		return 0;
	}
	if (req->ipvsadm || !line->nr_words) {
		/* Only -h is valid without a verb. */
		if (!line->nr_tokens || !is_help(&line->tokens[0]))
			return fault("a command is required");
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
	return fault("unknown command '%s'", word);
}

static int apply(const struct token *token, struct request *req)
{
	unsigned int bit = 1U << (req->verb - verbs);
	const struct option *any = NULL;
	const struct option *row = NULL;
	char text[SPELLING];
	void *member;

	while ((row = option_next(row, token, req->ipvsadm))) {
		any = row;
		if (row->verbs & bit)
			break;
	}
	if (!any)
		return 0;	/* the verb itself */
	if (!row)
		return fault("option %s not supported with %s",
			     token_spelling(token, text), req->verb->name);
	if (row->refusal)
		return refuse(token, row);
	member = (char *)req + row->offset;
	if (row->argument) {
		if (*(const char **)member)
			return fault("option %s given twice",
				     token_spelling(token, text));
		*(const char **)member = token->argument ? token->argument :
							   row->otherwise;
	} else if (token->argument) {
		return fault("option %s takes no argument: '%s'",
			     token_spelling(token, text), token->argument);
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
 * got as far as that; 1 for what is known and not supported, or a name
 * that was not resolved. In both cases fault_text() tells more.
 */
int options_read(int argc, char **argv, struct request *req)
{
	struct command_line line = { .nr_tokens = 0 };
	int status;
	size_t i;

	/* A program may be started without even a name. */
	if (tokens_read(&line, argv + !!argc, req->ipvsadm)) {
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
	status = request_read(req, line.words, line.nr_words);
	return status && fault_kind() != FAULT_USAGE ? 1 : status;
}

/**
 * options_service() - which service a command is about that is not supported
 * @argc: as options_read() got it
 * @argv: as options_read() got it
 * @req: in: ipvsadm; out: verb and service
 *
 * Return: true if there is one.
 */
bool options_service(int argc, char **argv, struct request *req)
{
	struct command_line line = { .nr_tokens = 0 };
	const struct option *row;
	size_t i;

	if (tokens_read(&line, argv + !!argc, req->ipvsadm) ||
	    find_verb(&line, req))
		return false;
	for (i = 0; i < line.nr_tokens; i++) {
		row = option_next(NULL, &line.tokens[i], req->ipvsadm);
		if (!row || !row->refusal)
			apply(&line.tokens[i], req);
	}
	return !request_service(req) && req->has_service;
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
 * Return: 0; -1 if the line is invalid.
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
	if (tokens_read(&line, all, false))
		return -1;
	req->verb = line.verb;
	if (!line.verb && line.nr_words && line.words[0] != unwritten &&
	    find_verb(&line, req))
		return -1;
	if (req->verb && line.nr_words && line.words[0] != unwritten)
		req->word = line.words[0];
	for (i = 0; i < line.nr_tokens; i++) {
		struct token *token = &line.tokens[i];

		if (token->argument == unwritten)
			row = option_next(NULL, token, false);
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
		if ((row->verbs & ~row->hidden & bit) && !row->refusal)
			printf("--%s\n", row->name);
	}
}

/* Breaks a text at the width of a terminal; @column is where it begins. */
static void put_wrapped(FILE *out, const char *text, int column)
{
	int at = column;
	int length;

	while (*text) {
		length = strcspn(text, " ");
		if (at > column && at + 1 + length > HELP_WIDTH) {
			fprintf(out, "\n%*s", column, "");
			at = column;
		}
		if (at > column)
			fputc(' ', out);
		fprintf(out, "%.*s", length, text);
		at += length + (at > column);
		text += length + strspn(text + length, " ");
	}
	fputc('\n', out);
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
	fputc(' ', out);
	put_wrapped(out, row->help, LEFT_WIDTH + 3);
}

/* The command on one line, and what SERVICE stands for. */
void options_usage(FILE *out, const struct verb *verb, bool ipvsadm)
{
	unsigned int service = verb->needs & (NEEDS_SERVICE | TAKES_SERVICE |
					      NEEDS_FLOW);

	if (ipvsadm && verb->letters)
		fprintf(out, "Usage: %s -%c", program, verb->letters[0]);
	else if (ipvsadm && verb->longname)
		fprintf(out, "Usage: %s --%s", program, verb->longname);
	else
		fprintf(out, "Usage: %s %s", program, verb->name);
	if (verb->needs & (NEEDS_SERVICE | NEEDS_FLOW))
		fputs(" SERVICE", out);
	else if (service)
		fputs(" [SERVICE]", out);
	if (verb->needs & NEEDS_FLOW)
		fputs(" --client ADDR[:PORT]", out);
	if (verb->needs & NEEDS_SERVER)
		fputs(" -r HOST[:PORT]", out);
	/* Of several forms the first one is ipvsadm's. */
	if (verb->words && !(ipvsadm && verb == &verbs[VERB_SAVE]))
		fprintf(out, " %.*s", (int)strcspn(verb->words,
						   ipvsadm ? "|" : ""),
			verb->words);
	fputs(" [OPTION]...\n", out);
	if (service)
		fprintf(out, "SERVICE is -t|-u|--sctp-service HOST:PORT%s.\n",
			verb->needs & NEEDS_FLOW ? "" : " or -f MARK");
}

/* Its options, a line each. */
void options_explain(FILE *out, const struct verb *verb, bool ipvsadm)
{
	unsigned int bit = 1U << (verb - verbs);
	const struct option *row;

	for (row = options; row < options + ARRAY_SIZE(options); row++) {
		if ((row->verbs & ~row->hidden & bit) && !row->refusal &&
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
