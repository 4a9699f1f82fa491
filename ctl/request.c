// SPDX-License-Identifier: GPL-2.0
/*
 * Parses the texts of a request, after options.c has found the verb and stored the
 * text of each option, and checks combinations of options.
 */
#include <net/if.h>
#include <stdio.h>
#include <string.h>

#include "lbctl.h"

/*
 * For ipvsadm a service without a port has all ports; it can only be added with
 * persistence.
 */
static int read_at(struct request *req, const char *text, __u8 protocol)
{
	bool setting = req->verb == &verbs[VERB_ADD_SERVICE] ||
		       req->verb == &verbs[VERB_EDIT_SERVICE];
	bool all = req->letters && (!setting || req->settings.persist_text);

	return parse_service(text, protocol, all, &req->service);
}

static int read_key(struct request *req)
{
	unsigned int count = !!req->tcp_text + !!req->udp_text +
			     !!req->sctp_text + !!req->mark_text;

	if (count > 1)
		return fault("-t, -u, --sctp-service and -f exclude each other");
	req->has_service = count;
	if (!count && (req->verb->needs & NEEDS_SERVICE))
		return fault("a service is required with %s: -t, -u, --sctp-service or -f",
			     req->verb->name);
	if (req->ipv6 && !req->mark_text)
		return fault("-f is required with -6");
	if (req->tcp_text)
		return read_at(req, req->tcp_text, IPPROTO_TCP);
	if (req->udp_text)
		return read_at(req, req->udp_text, IPPROTO_UDP);
	if (req->sctp_text)
		return read_at(req, req->sctp_text, IPPROTO_SCTP);
	if (req->mark_text)
		return parse_fwmark(req->mark_text, req->ipv6, &req->service);
	return 0;
}

/* Reads the service; a VRF is part of its key, or a filter of connections. */
int request_service(struct request *req)
{
	bool filter = req->verb == &verbs[VERB_CONNS] ||
		      req->verb == &verbs[VERB_DEL_CONN] || req->list.connections;

	if (read_key(req))
		return -1;
	if (!req->vrf_text)
		return 0;
	if (!req->has_service && !filter)
		return fault("a service is required with --vrf");
	return parse_vrf(req->vrf_text, req->service.vrf);
}

/*
 * ipvsadm replaces the port of a server by that of its service, except for a service by
 * firewall mark. A file has what the kernel reported.
 */
static enum port_use port_use(const struct request *req)
{
	if (!req->letters)
		return PORT_REFUSED;
	return req->in_file || req->service.fwmark ? PORT_LABEL :
						     PORT_OF_SERVICE;
}

static int read_server(struct request *req)
{
	bool adds = req->verb == &verbs[VERB_ADD_SERVER];
	bool changes = adds || req->verb == &verbs[VERB_EDIT_SERVER];
	const struct tunnel_args *tun = &req->real.tun;
	bool any_family;

	if (changes && tunnel_read(&req->real.tun, req->real.direct, req->letters,
				   adds))
		return -1;
	/* What exists may have a tunnel. */
	any_family = !tun->given || tun->tunnel.type != LBDR_TUNNEL_NONE;
	if (!req->server_text && (req->verb->needs & NEEDS_SERVER))
		return fault("a server is required with %s: -r HOST[:PORT]",
			     req->verb->name);
	if (!req->server_text)
		return 0;
	/* A filter of connections, without a service. */
	if (!req->has_service)
		return parse_any_server(req->server_text, &req->server);
	if (parse_server(req->server_text, &req->service, port_use(req), any_family,
			 &req->server))
		return -1;
	return tunnel_check(tun, &req->server);
}

/* A number is unchanged without a text, or for the text @usual. */
static int read_number(const char *what, const char *text, const char *usual, __u32 min,
		       __u32 max, __u32 *number)
{
	if (!text || (usual && !strcmp(text, usual)))
		return 0;
	return parse_number(what, text, min, max, number);
}

static int read_scheduling(struct service_args *args)
{
	struct service *want = &args->want;

	if (args->scheduler && parse_scheduler(args->scheduler))
		return -1;
	strcpy(want->scheduler, args->scheduler ? args->scheduler : SCHEDULER_DEFAULT);
	if (args->flags_text &&
	    parse_sched_flags(args->flags_text, args->scheduler, &want->sched_flags))
		return -1;
	if (!strcmp(want->scheduler, "mh"))
		want->mh_size = MH_SIZE_DEFAULT;
	return args->mh_size_text ? parse_mh_size(args->mh_size_text, args->scheduler,
						  &want->mh_size) : 0;
}

/* ipvsadm's manual says 300, and it does 360. */
static int read_persistence(struct request *req)
{
	struct service_args *args = &req->settings;

	args->want.prefix = family_bits(req->service.at.family);
	if (args->persist_text)
		args->want.persist = req->letters ? 360 : 300;
	if (read_number("persistence", args->persist_text, PERSIST_USUAL, 0,
			LBDR_TIMEOUT_MAX, &args->want.persist))
		return -1;
	return args->netmask_text ? parse_netmask(args->netmask_text,
						  req->service.at.family,
						  &args->want.prefix) : 0;
}

/* ipvsadm's letters always set -o, or reset it. */
static int read_one_packet(struct service_args *args, bool letters)
{
	if (args->one_packet && args->no_one_packet)
		return fault("--ops and --no-ops exclude each other");
	if (args->one_packet)
		args->want.flags |= LBDR_SERVICE_FLAG_ONE_PACKET;
	if (args->one_packet || args->no_one_packet || letters)
		args->flags_given |= LBDR_SERVICE_FLAG_ONE_PACKET;
	return 0;
}

static int read_flag(struct service_args *args, const char *option, const char *text,
		     __u32 flag)
{
	if (!text)
		return 0;
	args->flags_given |= flag;
	if (!strcmp(text, "yes"))
		args->want.flags |= flag;
	else if (strcmp(text, "no"))
		return fault("invalid value '%s' of %s: must be yes or no", text, option);
	return 0;
}

static int read_settings(struct request *req)
{
	struct service_args *args = &req->settings;
	struct service *want = &args->want;

	if (args->refuse_text &&
	    choice_parse(&refuse_choice, args->refuse_text, &want->refuse))
		return -1;
	if (args->stray_text &&
	    choice_parse(&stray_choice, args->stray_text, &want->stray))
		return -1;
	if (read_persistence(req) ||
	    read_flag(args, "--expire-quiescent", args->quiescent_text,
		      LBDR_SERVICE_FLAG_EXPIRE_QUIESCENT) ||
	    read_flag(args, "--accept-tunneled", args->tunneled_text,
		      LBDR_SERVICE_FLAG_ACCEPT_TUNNELED) ||
	    read_flag(args, "--skip-unreachable", args->skip_text,
		      LBDR_SERVICE_FLAG_SKIP_UNREACHABLE))
		return -1;
	if (args->timeouts_text &&
	    parse_timeouts(args->timeouts_text, &want->timeouts))
		return -1;
	return read_one_packet(args, req->letters);
}

static int read_times(struct request *req)
{
	struct conns_args *conns = &req->conns;

	if (req->hold_text && req->real.drain_text)
		return fault("--drain and --hold exclude each other");
	req->list.interval = 1;
	req->hold = req->hold_text ? HOLD_SECONDS : 0;
	if (read_number("interval", req->list.interval_text, NULL, 1, 3600,
			&req->list.interval) ||
	    read_number("time to drain", req->real.drain_text, DRAIN_ENDLESS, 1,
			LBDR_TIMEOUT_MAX, &req->real.drain_s) ||
	    read_number("hold time", req->hold_text, HOLD_USUAL, 1,
			LBDR_TIMEOUT_MAX, &req->hold) ||
	    read_number("idle time", conns->idle_text, NULL, 0, LBDR_TIMEOUT_MAX,
			&conns->idle) ||
	    read_number("recent time", conns->recent_text, NULL, 0, LBDR_TIMEOUT_MAX,
			&conns->recent))
		return -1;
	if (conns->idle_text && conns->recent_text && conns->idle > conns->recent)
		return fault("--idle %u and --recent %u exclude each other",
			     conns->idle, conns->recent);
	return 0;
}

/* The action of conns. */
static int read_conns(struct request *req, bool chosen)
{
	struct conns_args *args = &req->conns;

	if (args->count && args->count_by_text)
		return fault("--count and --count-by exclude each other");
	if (args->count_by_text &&
	    choice_parse(&count_choice, args->count_by_text, &args->count_by))
		return -1;
	if (args->kill &&
	    (args->count || args->count_by_text || req->json ||
	     req->numeric || req->resolve))
		return fault("--kill not supported with the options of listings");
	if (args->all && !args->kill && !chosen)
		return fault("--kill is required with --all");
	return 0;
}

/* The filters of list -c, conns and del-conn. */
static int read_filter(struct request *req)
{
	struct conns_args *args = &req->conns;
	bool chosen = req->server_text || args->client_text ||
		      args->state_text || args->idle_text || args->recent_text ||
		      (req->vrf_text && !req->has_service);
	bool deletes = req->verb == &verbs[VERB_DEL_CONN] || args->kill;
	bool conns = req->verb == &verbs[VERB_CONNS];
	int family = 0;

	if (args->client_text &&
	    parse_client(args->client_text, &args->client, &args->client_prefix))
		return -1;
	if (args->state_text && parse_state(args->state_text, &args->state))
		return -1;
	if (!deletes && !conns && !req->list.connections) {
		if (chosen && req->verb == &verbs[VERB_LIST])
			return fault("-c is required with %s",
				     "-r, --client, --state, --idle and --recent");
		return 0;
	}
	if (req->has_service)
		family = req->service.at.family;
	if (args->client_text && family && family != args->client.family)
		return fault("invalid client '%s': must be IPv%d, as the service",
			     args->client_text, family == AF_INET ? 4 : 6);
	chosen = chosen || req->has_service;
	if (args->all && chosen)
		return fault("--all not supported with filters");
	if (deletes && !args->all && !chosen)
		return fault("a filter is required: a service, -r, --client, ..., or --all");
	return conns ? read_conns(req, chosen) : 0;
}

/* The packet of trace: from one client address to one port. */
static int read_flow(struct request *req)
{
	const struct endpoint *at = &req->service.at;
	struct service_key mark;

	if (!(req->verb->needs & NEEDS_FLOW))
		return 0;
	if (!req->has_service)
		return fault("a destination is required with %s: -t, -u or --sctp-service",
			     req->verb->name);
	if (!at->port || at->last_port)
		return fault("invalid destination: must have one port");
	if (!req->conns.client_text)
		return fault("a source is required with %s: --client ADDR[:PORT]",
			     req->verb->name);
	if (req->conns.client.family != at->family)
		return fault("invalid client '%s': must be IPv%d, as the destination",
			     req->conns.client_text, at->family == AF_INET ? 4 : 6);
	if (req->conns.client_prefix != family_bits(at->family))
		return fault("invalid client '%s': must be one address",
			     req->conns.client_text);
	if (req->packet.mark_text) {
		if (parse_fwmark(req->packet.mark_text, false, &mark))
			return -1;
		req->packet.mark = mark.fwmark;
	}
	if (req->packet.mac_text && parse_mac(req->packet.mac_text, req->packet.mac))
		return -1;
	if (req->packet.data && req->udp_text)
		return fault("--data not supported with --udp: it is an option for TCP and SCTP");
	return 0;
}

static int read_entry(struct request *req, const char *const *words,
		      size_t count)
{
	struct director_args *args = &req->director;
	size_t i;

	if (!count)
		return fault("an entry is required with %s: prerouting, input, ingress or xdp",
			     req->verb->name);
	if (choice_parse(&entry_choice, words[0], &args->entry))
		return -1;
	if (req->force && args->entry != ENTRY_XDP)
		return fault("--force not supported with the entry %s", words[0]);
	if (args->entry != LBDR_ENTRY_INGRESS && args->entry != ENTRY_XDP)
		return count > 1 ? fault("unexpected argument '%s'", words[1]) :
				   0;
	if (count == 1)
		return fault("devices are required with the entry %s", words[0]);
	if (count - 1 > INGRESS_MAX)
		return fault("the entry %s supports %d devices at most", words[0],
			     INGRESS_MAX);
	for (i = 1; i < count; i++) {
		if (!*words[i] || strlen(words[i]) >= IFNAMSIZ)
			return fault("invalid name of a device: '%s'", words[i]);
		args->devices[args->n_devices++] = words[i];
	}
	return 0;
}

static int read_words(struct request *req, const char *const *words,
		      size_t count)
{
	unsigned int needs = req->verb->needs;

	if (needs & TAKES_TIMEOUTS)
		return parse_set(words, count, req->ipvsadm, &req->director.timeouts);
	/* lbdr-doctor reads them. */
	if (needs & TAKES_VIPS)
		return 0;
	if (needs & TAKES_ENTRY)
		return read_entry(req, words, count);
	if (needs & TAKES_ROLE)
		return sync_read(req, words, count);
	if (count > 1)
		return fault("unexpected argument '%s'", words[1]);
	if (count && req->ipvsadm && req->verb == &verbs[VERB_SAVE])
		return fault("unexpected argument '%s'", words[0]);
	if ((needs & TAKES_WORD) && count)
		req->word = words[0];
	return 0;
}

/* Numeric by default, except under the name ipvsadm. */
static int read_numeric(struct request *req)
{
	if (req->numeric && req->resolve)
		return fault("-n and --resolve exclude each other");
	req->numeric = req->numeric || (!req->ipvsadm && !req->resolve);
	return 0;
}

static int check_together(const struct request *req)
{
	bool table = req->list.stats || req->list.rate || req->list.thresholds ||
		     req->list.persistent || req->list.tun_info;
	/* If several tables are requested, ipvsadm prints one by priority. */
	int listings = req->list.connections + req->list.timeout + req->list.info +
		       req->list.drops +
		       (req->ipvsadm ? table : req->list.stats + req->list.rate +
				       req->list.thresholds + req->list.persistent +
				       req->list.tun_info);

	if (listings > 1)
		return fault("listings exclude each other: give one (-c, --stats, --info, ...)");
	if (req->list.sort && req->list.nosort && !req->ipvsadm)
		return fault("--sort and --nosort exclude each other");
	if (req->list.interval_text && req->verb == &verbs[VERB_LIST] && !req->list.rate)
		return fault("--rate is required with --interval");
	if ((req->list.info || req->list.timeout) && req->has_service)
		return fault("a service is not supported with %s",
			     req->list.info ? "--info" : "--timeout");
	if (req->list.held && (req->list.connections || req->list.timeout ||
			       req->list.info || req->list.drops))
		return fault("--held is not supported with %s",
			     req->list.connections ? "-c" :
			     req->list.drops ? "--drops" :
			     req->list.info ? "--info" : "--timeout");
	if (req->pretty && !req->json)
		return fault("-j is required with -p");
	return 0;
}

/**
 * request_read() - read the texts of a request
 * @req: with its verb and texts
 * @words: what stood on the command line without an option's name
 * @count: how many
 *
 * Return: 0; -1 for wrong usage, and then fault_text() tells more.
 */
int request_read(struct request *req, const char *const *words, size_t count)
{
	if (read_words(req, words, count) || request_service(req) ||
	    read_server(req) || read_scheduling(&req->settings) || read_settings(req) ||
	    settings_read(&req->real) || read_times(req) || read_filter(req) ||
	    read_flow(req) || read_numeric(req))
		return -1;
	if (req->netns && parse_netns(req->netns))
		return -1;
	if (req->fallback && !*req->fallback)
		return fault("invalid name of a file: ''");
	if (req->sync.key_file && !*req->sync.key_file)
		return fault("a file is required with --key-file");
	return check_together(req);
}
