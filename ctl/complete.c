// SPDX-License-Identifier: GPL-2.0
/*
 * Completion for shells: prints the possible next words of a command line, one on each
 * line, from the tables of verbs, options and words and from the kernel. The shell
 * passes the words before the incomplete one and filters the output. Errors print
 * nothing. The line ":files" means file names.
 */
#include <ctype.h>
#include <dirent.h>
#include <net/if.h>
#include <stdio.h>
#include <string.h>

#include "lbctl.h"

/* What the words before have made of the line. */
struct offer {
	const struct verb *verb;
	const char *wants;	/* the option that waits for its argument */
	struct request req;
};

static bool is_option(const struct offer *offer, const char *name)
{
	return offer->wants && !strcmp(offer->wants, name);
}

static void offer_verbs(void)
{
	size_t i;

	for (i = 0; i < VERBS; i++) {
		if (!verbs[i].hidden)
			puts(verbs[i].name);
	}
}

/* Of "one|other:PORT FILE" one and other:, what is not in capitals. */
static void offer_alternatives(const char *text)
{
	size_t length, written;

	for (; text && *text; text += length + (text[length] == '|')) {
		length = strcspn(text, "| ");
		for (written = 0; written < length; written++) {
			if (isupper((unsigned char)text[written]))
				break;
		}
		if (islower((unsigned char)*text))
			printf("%.*s\n", (int)written, text);
		if (text[length] == ' ')
			return;
	}
}

static void offer_words(const struct choice *choice, size_t first)
{
	for (; first < choice->count; first++)
		puts(choice->words[first]);
}

static void offer_netns(void)
{
	const struct dirent *entry;
	DIR *dir = opendir(netns_directory);

	while (dir && (entry = readdir(dir))) {
		if (*entry->d_name != '.')
			puts(entry->d_name);
	}
	if (dir)
		closedir(dir);
}

/* In the caller's namespace, as -N may not be entered without root. */
static void offer_devices(void)
{
	struct if_nameindex *list = if_nameindex();
	const struct if_nameindex *device;

	for (device = list; device && device->if_name; device++)
		puts(device->if_name);
	if (list)
		if_freenameindex(list);
}

static bool takes_file(const struct verb *verb)
{
	return verb->words && strstr(verb->words, "FILE");
}

/* What stands behind the verb without an option's name. */
static void offer_arguments(const struct offer *offer)
{
	const char *first = offer->req.word;

	if (offer->verb == &verbs[VERB_HELP])
		offer_verbs();
	else if (takes_file(offer->verb) && !first)
		puts(":files");
	else if (offer->verb == &verbs[VERB_SET_ENTRY] && first &&
		 (!strcmp(first, choice_word(&entry_choice, LBDR_ENTRY_INGRESS)) ||
		  !strcmp(first, choice_word(&entry_choice, ENTRY_XDP))))
		offer_devices();
	else if (!takes_file(offer->verb) && !first)
		offer_alternatives(offer->verb->words);
}

static void offer_flags(void)
{
	static const char *const flagged[] = { "sh", "mh" };
	char text[FLAGS_TEXT];
	size_t bit;
	size_t i;

	for (i = 0; i < ARRAY_SIZE(flagged); i++) {
		for (bit = 0; sched_flag_words[bit]; bit++)
			puts(sched_flag_text(flagged[i], bit, text));
	}
	puts("none");
}

static bool read_sched(const struct nlmsghdr *nlh, void *data)
{
	struct sched sched;

	(void)data;
	if (!decode_sched(nlh, &sched))
		return false;
	puts(sched.name);
	return true;
}

static const char *key_text(const struct service_key *key, char *text)
{
	if (key->fwmark)
		snprintf(text, ENDPOINT_TEXT, "%u", key->fwmark);
	else
		endpoint_text(&key->at, key->protocol, true, text);
	return text;
}

/* True when the line names this service, or none at all. */
static bool is_meant(const struct request *req, const struct service_key *key)
{
	const char *given = *(const char *const *)((const char *)req +
						   protocol_of(key->protocol)->text);
	char text[ENDPOINT_TEXT];

	if (req->vrf_text && strcmp(req->vrf_text, key->vrf))
		return false;
	if (!req->mark_text && !req->tcp_text && !req->udp_text &&
	    !req->sctp_text)
		return true;
	return given && !strcmp(given, key_text(key, text)) &&
	       (!key->fwmark || req->ipv6 == (key->at.family == AF_INET6));
}

/**
 * complete_objects() - print services, VRFs or servers that go on a line
 * @shot: what there is
 * @wants: the option whose argument they are, by name
 * @req: the line's texts; it may name a service, whose servers alone are offered
 */
void complete_objects(const struct snapshot *shot, const char *wants,
		      const struct request *req)
{
	bool server = !strcmp(wants, "real-server");
	const struct server *servers;
	char text[ENDPOINT_TEXT];
	size_t count;
	size_t i, j;

	for (i = 0; i < shot->nr_services; i++) {
		const struct service_key *key = &shot->services[i].key;

		if (!server && !strcmp(wants, protocol_of(key->protocol)->option))
			puts(key_text(key, text));
		if (*key->vrf && !strcmp(wants, "vrf"))
			puts(key->vrf);
		if (!server || !is_meant(req, key))
			continue;
		servers = snapshot_servers(shot, &shot->services[i], &count);
		for (j = 0; j < count; j++)
			puts(endpoint_text(&servers[j].at, key->protocol, true,
					   text));
	}
}

static void ask_schedulers(struct nl *nl)
{
	struct nl_answer answer;

	nl_ask(nl, nl_dump_request(nl, LBDR_CMD_SCHED_GET), read_sched, NULL,
	       &answer);
}

static void ask_objects(struct nl *nl, const struct offer *offer)
{
	static const struct request everything;
	struct snapshot shot;

	if (!snapshot_show(nl, &everything, true, &shot))
		complete_objects(&shot, offer->wants, &offer->req);
	snapshot_drop(&shot);
}

/* What exists is of no use to a verb that adds. */
static bool asks_kernel(const struct offer *offer)
{
	if (is_option(offer, "scheduler") || is_option(offer, "vrf"))
		return true;
	if (is_option(offer, "real-server"))
		return offer->verb != &verbs[VERB_ADD_SERVER];
	return offer->verb != &verbs[VERB_ADD_SERVICE] &&
	       offer->wants && strstr(offer->wants, "-service");
}

static void ask(const struct offer *offer)
{
	struct nl *nl;

	if (nl_open(&nl, offer->req.netns))
		return;
	if (is_option(offer, "scheduler"))
		ask_schedulers(nl);
	else
		ask_objects(nl, offer);
	nl_close(nl);
}

/**
 * complete_run() - offer what may come next
 * @words: the line so far, without the program's name
 * @count: how many they are
 *
 * Complains on stderr when the kernel cannot be asked; shells do not show that.
 *
 * Return: EXIT_DONE.
 */
int complete_run(char *const *words, size_t count)
{
	struct offer offer = { .verb = NULL };
	const char *argument;

	if (options_partial(words, count, &offer.req, &offer.wants, &argument))
		return EXIT_DONE;
	offer.verb = offer.req.verb;
	if (asks_kernel(&offer)) {
		ask(&offer);
	} else if (is_option(&offer, "refuse")) {
		offer_words(&refuse_choice, 0);
	} else if (is_option(&offer, "stray")) {
		offer_words(&stray_choice, 0);
	} else if (is_option(&offer, "state")) {
		offer_words(&state_choice, LBDR_CONN_STATE_SYN_RECV);
	} else if (is_option(&offer, "netns")) {
		offer_netns();
	} else if (is_option(&offer, "sched-flags")) {
		offer_flags();
	} else if (offer.wants) {
		offer_alternatives(argument);
	} else if (!offer.verb) {
		offer_verbs();
	} else {
		offer_arguments(&offer);
		options_offer(offer.verb);
	}
	return EXIT_DONE;
}
