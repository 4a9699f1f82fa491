// SPDX-License-Identifier: GPL-2.0
/*
 * The saved form of the configuration: a file of commands that add what there is,
 * see file.c. `apply` writes its commands with the same functions.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lbctl.h"

/* A name may be of several addresses or ports, or no word of a file. */
static bool reads_as(const char *text, __u8 protocol, const struct endpoint *at)
{
	struct service_key key;

	return !strpbrk(text, " \t\"'#") &&
	       !parse_service(text, protocol, true, &key) &&
	       !memcmp(&key.at, at, sizeof(*at));
}

/* Names only where they are read as the same address and port again. */
static const char *save_endpoint(const struct endpoint *at, __u8 protocol,
				 bool numeric, char *text)
{
	endpoint_text(at, protocol, numeric, text);
	if (!numeric && !reads_as(text, protocol, at))
		endpoint_text(at, protocol, true, text);
	return text;
}

/**
 * save_key() - the options that name a service
 * @key: the service's
 * @numeric: no names of hosts and ports
 * @text: of SAVE_KEY_TEXT bytes
 *
 * Return: @text.
 */
const char *save_key(const struct service_key *key, bool numeric, char *text)
{
	const char *vrf = *key->vrf ? " --vrf " : "";
	char at[ENDPOINT_TEXT];

	if (key->fwmark)
		snprintf(text, SAVE_KEY_TEXT, "-f %u%s%s%s", key->fwmark,
			 key->at.family == AF_INET6 ? " -6" : "", vrf,
			 key->vrf);
	else
		snprintf(text, SAVE_KEY_TEXT, "%s %s%s%s",
			 protocol_of(key->protocol)->letter,
			 save_endpoint(&key->at, key->protocol, numeric, at),
			 vrf, key->vrf);
	return text;
}

/* Changing the scheduler resets its options. */
static void save_scheduler(FILE *out, const struct service *is,
			   const struct service *want, bool ipvsadm)
{
	bool same = !strcmp(is->scheduler, want->scheduler);
	__u32 flags = same ? is->sched_flags : 0;
	__u32 size = same ? is->mh_size : MH_SIZE_DEFAULT;
	char text[FLAGS_TEXT];

	if (flags != want->sched_flags)
		fprintf(out, " -b %s", *sched_flags_text(want, text) ? text :
								     "none");
	if (want->mh_size && size != want->mh_size && !ipvsadm)
		fprintf(out, " --mh-size %u", want->mh_size);
}

static void save_timeouts(FILE *out, const struct service *is,
			  const struct service *want)
{
	struct timeouts change = { .given = { false } };
	char text[TIMEOUTS_TEXT];
	__u8 state;

	for (state = 1; state <= LBDR_A_TIMEOUT_MAX; state++) {
		change.given[state] = is->timeouts.seconds[state] !=
				      want->timeouts.seconds[state];
		change.seconds[state] = want->timeouts.seconds[state];
	}
	if (*timeouts_text(&change, text))
		fprintf(out, " --timeouts %s", text);
}

/**
 * save_options() - write the options that change a service
 * @out: where to
 * @is: its settings now
 * @want: those that it is to have
 * @ipvsadm: only options that ipvsadm supports
 */
void save_options(FILE *out, const struct service *is,
		  const struct service *want, bool ipvsadm)
{
	__u32 flags = is->flags ^ want->flags;
	char mask[MASK_TEXT];

	if (strcmp(is->scheduler, want->scheduler))
		fprintf(out, " -s %s", want->scheduler);
	if (is->persist != want->persist)
		fprintf(out, " -p %u", want->persist);
	/* Unused without persistence, and not saved. */
	if (want->persist && is->prefix != want->prefix)
		fprintf(out, " -M %s", mask_text(want->key.at.family,
						 want->prefix, mask));
	if (flags & LBDR_SERVICE_FLAG_ONE_PACKET)
		fputs(want->flags & LBDR_SERVICE_FLAG_ONE_PACKET ?
		      " -o" : " --no-ops", out);
	save_scheduler(out, is, want, ipvsadm);
	if (ipvsadm)
		return;
	if (is->refuse != want->refuse)
		fprintf(out, " --refuse %s", choice_word(&refuse_choice, want->refuse));
	if (is->stray != want->stray)
		fprintf(out, " --stray %s", choice_word(&stray_choice, want->stray));
	if (flags & LBDR_SERVICE_FLAG_EXPIRE_QUIESCENT)
		fprintf(out, " --expire-quiescent %s",
			want->flags & LBDR_SERVICE_FLAG_EXPIRE_QUIESCENT ?
			"yes" : "no");
	if (flags & LBDR_SERVICE_FLAG_ACCEPT_TUNNELED)
		fprintf(out, " --accept-tunneled %s",
			want->flags & LBDR_SERVICE_FLAG_ACCEPT_TUNNELED ?
			"yes" : "no");
	if (flags & LBDR_SERVICE_FLAG_SKIP_UNREACHABLE)
		fprintf(out, " --skip-unreachable %s",
			want->flags & LBDR_SERVICE_FLAG_SKIP_UNREACHABLE ?
			"yes" : "no");
	save_timeouts(out, is, want);
}

/* The command that adds a service, whose key is @text. */
void save_service(FILE *out, const struct service *service, const char *text,
		  bool ipvsadm)
{
	const struct service usual = {
		.refuse = LBDR_REFUSE_ICMP, .stray = LBDR_STRAY_PASS,
		.prefix = family_bits(service->key.at.family),
	};

	fprintf(out, "-A %s", text);
	save_options(out, &usual, service, ipvsadm);
	fputc('\n', out);
}

/*
 * The command that adds a server to the service @text, or gives the server @is the
 * settings of @want.
 */
void save_server(FILE *out, const struct server *is, const struct server *want,
		 const char *text, bool numeric, bool ipvsadm)
{
	char at[ENDPOINT_TEXT];

	fprintf(out, "%s %s -r %s %s", is ? "-e" : "-a", text,
		save_endpoint(&want->at, want->service.protocol, numeric, at),
		want->tunnel.type == LBDR_TUNNEL_NONE ? "-g" : "-i");
	settings_save(out, NULL, want);
	tunnel_save(out, is ? &is->tunnel : NULL, &want->tunnel, ipvsadm);
	fputc('\n', out);
}

static void save_servers(FILE *out, const struct snapshot *shot,
			 const struct service *service, const char *text,
			 const struct request *req)
{
	const struct server *servers;
	size_t count;
	size_t i;

	servers = snapshot_servers(shot, service, &count);
	for (i = 0; i < count; i++) {
		/* One that drains has been removed, and is on its way. */
		if (!servers[i].draining)
			save_server(out, NULL, &servers[i], text, req->numeric,
				    req->ipvsadm);
	}
}

void save_print(FILE *out, const struct snapshot *shot,
		const struct request *req)
{
	const struct service *service;
	char text[SAVE_KEY_TEXT];
	size_t i;

	for (i = 0; i < shot->nr_services; i++) {
		service = &shot->services[i];
		save_key(&service->key, req->numeric, text);
		save_service(out, service, text, req->ipvsadm);
		save_servers(out, shot, service, text, req);
	}
}

static int save_to(FILE *out, struct nl *nl, const struct request *req)
{
	struct snapshot shot;
	int status, director = EXIT_DONE;

	status = snapshot_take(nl, req, req->ipvsadm, &shot);
	if (!status && !req->ipvsadm)
		director = director_save(out, nl);
	if (!status)
		save_print(out, &shot, req);
	snapshot_drop(&shot);
	return status ? status : director;
}

int save_whole(struct nl *nl, const struct request *req,
	       int (*write)(FILE *out, struct nl *nl, const struct request *req))
{
	char *text = NULL;
	size_t size = 0;
	int status;
	FILE *out;

	if (!req->word)
		return write(stdout, nl, req);
	out = or_exit(open_memstream(&text, &size));
	status = write(out, nl, req);
	stream_end(out);
	/* A file that lacks something is not what was to be saved. */
	if (!status)
		status = file_replace(req->word, text, size);
	free(text);
	return status;
}

/*
 * In the order of adding: the first server is some schedulers' first choice,
 * and a restored director is to choose as the saved one did. Under the name
 * ipvsadm in the order that ipvsadm has, and without what it does not know.
 */
int save_run(struct nl *nl, const struct request *req)
{
	return save_whole(nl, req, save_to);
}
