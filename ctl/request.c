// SPDX-License-Identifier: GPL-2.0
/*
 * From the texts of a command line to what they mean: the second half of
 * understanding it, when the verb is known and each option's text is in its
 * place. Owns what needs more than one option to be judged.
 */
#include <net/if.h>
#include <stdio.h>
#include <string.h>

#include "lbctl.h"

/*
 * To ipvsadm a service without a port is that of all ports, which it adds with
 * persistence alone.
 */
static int read_at(struct request *req, const char *text, __u8 protocol)
{
	bool setting = req->verb == &verbs[VERB_ADD_SERVICE] ||
		       req->verb == &verbs[VERB_EDIT_SERVICE];
	bool all = req->ipvsadm && (!setting || req->persist_text);

	return parse_service(text, protocol, all, &req->service);
}

static int read_key(struct request *req)
{
	unsigned int count = !!req->tcp_text + !!req->udp_text +
			     !!req->sctp_text + !!req->mark_text;

	if (count > 1)
		return fault("-t, -u, --sctp-service and -f name one service each, give one");
	req->has_service = count;
	if (!count && (req->verb->needs & NEEDS_SERVICE))
		return fault("%s needs a service: -t, -u or --sctp-service HOST:PORT, or -f MARK",
			     req->verb->name);
	if (req->ipv6 && !req->mark_text)
		return fault("-6 goes with -f; an address tells its family itself");
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

/* A part of the service's key; without a service, where connections are. */
static int read_service(struct request *req)
{
	bool filter = req->verb == &verbs[VERB_CONNS] ||
		      req->verb == &verbs[VERB_DEL_CONN] || req->connections;

	if (read_key(req))
		return -1;
	if (!req->vrf_text)
		return 0;
	if (!req->has_service && !filter)
		return fault("a service is required with --vrf");
	return parse_vrf(req->vrf_text, req->service.vrf);
}

static int read_server(struct request *req)
{
	if (!req->server_text && (req->verb->needs & NEEDS_SERVER))
		return fault("%s needs a server: -r HOST[:PORT]",
			     req->verb->name);
	if (!req->server_text)
		return 0;
	/* As a filter of connections it stands alone, too. */
	if (!req->has_service)
		return parse_any_server(req->server_text, &req->server);
	return parse_server(req->server_text, &req->service, &req->server);
}

static int read_scheduling(struct request *req)
{
	if (req->scheduler && parse_scheduler(req->scheduler))
		return -1;
	if (req->flags_text &&
	    parse_sched_flags(req->flags_text, req->scheduler,
			      &req->sched_flags))
		return -1;
	if (req->mh_size_text &&
	    parse_mh_size(req->mh_size_text, req->scheduler, &req->mh_size))
		return -1;
	return 0;
}

/* ipvsadm's manual says 300, and it does 360. */
static int read_persistence(struct request *req)
{
	req->persist = req->ipvsadm ? 360 : 300;
	if (!strcmp(req->persist_text, PERSIST_USUAL))
		return 0;
	return parse_number("persistence", req->persist_text, 0,
			    LBDR_TIMEOUT_MAX, &req->persist);
}

static int read_settings(struct request *req)
{
	if (req->refuse_text && parse_refuse(req->refuse_text, &req->refuse))
		return -1;
	if (req->stray_text && parse_stray(req->stray_text, &req->stray))
		return -1;
	if (req->persist_text && read_persistence(req))
		return -1;
	if (req->netmask_text &&
	    parse_netmask(req->netmask_text, req->service.at.family,
			  &req->prefix))
		return -1;
	if (req->quiescent_text &&
	    parse_yes("--expire-quiescent", req->quiescent_text,
		      &req->expire_quiescent))
		return -1;
	if (req->timeouts_text &&
	    parse_timeouts(req->timeouts_text, &req->timeouts))
		return -1;
	if (req->one_packet && req->no_one_packet)
		return fault("--ops and --no-ops exclude each other");
	return 0;
}

static int read_interval(struct request *req)
{
	req->interval = 1;
	if (!req->interval_text)
		return 0;
	return parse_number("interval", req->interval_text, 1, 3600,
			    &req->interval);
}

static int read_shares(struct request *req)
{
	/* Also on a change: ipvsadm's -e without -w sets the weight 1. */
	req->weight = 1;
	if (req->weight_text &&
	    parse_number("weight", req->weight_text, 0, LBDR_WEIGHT_MAX,
			 &req->weight))
		return -1;
	if (req->upper_text &&
	    parse_number("upper threshold", req->upper_text, 0, ~0U,
			 &req->upper))
		return -1;
	if (req->lower_text &&
	    parse_number("lower threshold", req->lower_text, 0, ~0U,
			 &req->lower))
		return -1;
	if (req->upper_text && req->lower_text && req->lower > req->upper)
		return fault("the lower threshold %u is above the upper one, %u",
			     req->lower, req->upper);
	return 0;
}

static int read_hold(struct request *req)
{
	if (!req->hold_text)
		return 0;
	if (req->drain)
		return fault("--drain and --hold exclude each other");
	req->hold = HOLD_SECONDS;
	if (!strcmp(req->hold_text, HOLD_USUAL))
		return 0;
	return parse_number("hold time", req->hold_text, 1, LBDR_TIMEOUT_MAX,
			    &req->hold);
}

static int read_idle(struct request *req)
{
	if (req->idle_text &&
	    parse_number("idle time", req->idle_text, 0, LBDR_TIMEOUT_MAX,
			 &req->idle))
		return -1;
	if (req->recent_text &&
	    parse_number("recent time", req->recent_text, 0, LBDR_TIMEOUT_MAX,
			 &req->recent))
		return -1;
	if (req->idle_text && req->recent_text && req->idle > req->recent)
		return fault("no connection is idle for %u seconds and had a packet in the last %u",
			     req->idle, req->recent);
	return 0;
}

/* What the verb conns is to do with those that are chosen. */
static int read_conns(struct request *req, bool chosen)
{
	if (req->count && req->count_by_text)
		return fault("--count and --count-by are two answers, give one");
	if (req->count_by_text &&
	    parse_count_by(req->count_by_text, &req->count_by))
		return -1;
	if (req->kill &&
	    (req->count || req->count_by_text || req->json || req->numeric))
		return fault("--kill tells how many it ended, and goes with no other listing");
	if (req->all && !req->kill && !chosen)
		return fault("--all goes with --kill; without a choice, all connections are meant");
	return 0;
}

/* Which connections are meant, by list -c, conns and del-conn. */
static int read_filter(struct request *req)
{
	bool chosen = req->server_text || req->client_text ||
		      req->state_text || req->idle_text || req->recent_text ||
		      (req->vrf_text && !req->has_service);
	bool deletes = req->verb == &verbs[VERB_DEL_CONN] || req->kill;
	bool conns = req->verb == &verbs[VERB_CONNS];
	int family = 0;

	if (req->client_text &&
	    parse_client(req->client_text, &req->client, &req->client_prefix))
		return -1;
	if (req->state_text && parse_state(req->state_text, &req->state))
		return -1;
	if (read_idle(req))
		return -1;
	if (!deletes && !conns && !req->connections) {
		if (chosen && req->verb == &verbs[VERB_LIST])
			return fault("%s choose lines of -c, give it",
				     "-r, --client, --state, --idle and --recent");
		return 0;
	}
	if (req->has_service)
		family = req->service.at.family;
	else if (req->server_text)
		family = req->server.family;
	if (req->client_text && family && family != req->client.family)
		return fault("client '%s' is not of the others' family, which is IPv%d",
			     req->client_text, family == AF_INET ? 4 : 6);
	chosen = chosen || req->has_service;
	if (req->all && chosen)
		return fault("--all is every connection, and goes with no choice of them");
	if (deletes && !req->all && !chosen)
		return fault("choose which ones, by service, -r, --client, ..., or give --all");
	return conns ? read_conns(req, chosen) : 0;
}

/* A packet that there is not, from one client's address to one port. */
static int read_flow(struct request *req)
{
	const struct endpoint *at = &req->service.at;
	struct service_key mark;

	if (!(req->verb->needs & NEEDS_FLOW))
		return 0;
	if (!req->has_service)
		return fault("%s needs where the packet goes: -t, -u or --sctp-service HOST:PORT",
			     req->verb->name);
	if (!at->port || at->last_port)
		return fault("a packet goes to one port, give that in place of all or a range");
	if (!req->client_text)
		return fault("%s needs where the packet comes from: --client ADDR[:PORT]",
			     req->verb->name);
	if (req->client.family != at->family)
		return fault("client '%s' is not of the service's family, which is IPv%d",
			     req->client_text, at->family == AF_INET ? 4 : 6);
	if (req->client_prefix != (at->family == AF_INET ? 32 : 128))
		return fault("a packet comes from one address, and '%s' is a network",
			     req->client_text);
	if (req->packet_mark_text) {
		if (parse_fwmark(req->packet_mark_text, false, &mark))
			return -1;
		req->packet_mark = mark.fwmark;
	}
	if (req->mac_text && parse_mac(req->mac_text, req->mac))
		return -1;
	if (req->data && req->udp_text)
		return fault("--data not supported with --udp: it is an option for TCP and SCTP");
	return 0;
}

static int read_entry(struct request *req, const char *const *words,
		      size_t count)
{
	size_t i;

	if (!count)
		return fault("%s needs an entry: prerouting, input or ingress",
			     req->verb->name);
	if (parse_entry(words[0], &req->entry))
		return -1;
	if (req->entry != LBDR_ENTRY_INGRESS)
		return count > 1 ? fault("unexpected argument '%s'", words[1]) :
				   0;
	if (count == 1)
		return fault("the entry ingress needs devices");
	if (count - 1 > INGRESS_MAX)
		return fault("the entry ingress takes %d devices at most",
			     INGRESS_MAX);
	for (i = 1; i < count; i++) {
		if (!*words[i] || strlen(words[i]) >= IFNAMSIZ)
			return fault("'%s' is no name of a device", words[i]);
		req->devices[req->n_devices++] = words[i];
	}
	return 0;
}

static int read_vips(struct request *req, const char *const *words,
		     size_t count)
{
	bool doctor = req->verb == &verbs[VERB_DOCTOR];
	size_t i;

	if (doctor && !req->realserver)
		return count ? fault("unexpected argument '%s': VIPs go with --realserver",
				     words[0]) : 0;
	if (doctor && (req->tcp_text || req->udp_text || req->sctp_text ||
		       req->mark_text))
		return fault("a real server knows no services, give its VIPs alone");
	if (!count)
		return fault("%s needs a VIP", doctor ? "--realserver" :
							req->verb->name);
	if (count > VIPS_MAX)
		return fault("%s takes %d VIPs at most", req->verb->name,
			     VIPS_MAX);
	for (i = 0; i < count; i++) {
		if (parse_vip(words[i], &req->vips[req->nr_vips++]))
			return -1;
	}
	return 0;
}

static int read_words(struct request *req, const char *const *words,
		      size_t count)
{
	unsigned int needs = req->verb->needs;

	if (needs & TAKES_TIMEOUTS)
		return parse_set(words, count, req->ipvsadm, &req->timeouts);
	if (needs & TAKES_VIPS)
		return read_vips(req, words, count);
	if (needs & TAKES_ENTRY)
		return read_entry(req, words, count);
	if (count > 1)
		return fault("unexpected argument '%s'", words[1]);
	if ((needs & TAKES_WORD) && count)
		req->word = words[0];
	return 0;
}

static int check_together(const struct request *req)
{
	bool table = req->stats || req->rate || req->thresholds ||
		     req->persistent;
	/* ipvsadm has an order in which its tables go before each other. */
	int listings = req->connections + req->timeout + req->info +
		       req->drops +
		       (req->ipvsadm ? table : req->stats + req->rate +
				       req->thresholds + req->persistent);

	if (listings > 1)
		return fault("these are two listings, give one (-c, --stats, --info, ...)");
	if (req->sort && req->nosort && !req->ipvsadm)
		return fault("--sort and --nosort exclude each other");
	if (req->interval_text && req->verb == &verbs[VERB_LIST] && !req->rate)
		return fault("--interval goes with --rate here");
	if ((req->drops || req->info || req->timeout) && req->has_service)
		return fault("%s is about all services together, give none",
			     req->drops ? "--drops" :
			     req->info ? "--info" : "--timeout");
	if (req->held && (req->connections || req->timeout || req->info ||
			  req->drops))
		return fault("--held goes with the listings of services");
	if (req->pretty && !req->json)
		return fault("-p shapes JSON, give -j as well");
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
	if (read_words(req, words, count) || read_service(req) ||
	    read_server(req) || read_scheduling(req) || read_settings(req) ||
	    read_shares(req) || read_hold(req) || read_filter(req) ||
	    read_interval(req) || read_flow(req))
		return -1;
	if (req->netns && parse_netns(req->netns))
		return -1;
	return check_together(req);
}
