// SPDX-License-Identifier: GPL-2.0
/*
 * Shows which server a client would get, and why, in the order of the lookup in the
 * module.
 */
#include <arpa/inet.h>
#include <net/if.h>
#include <stdio.h>
#include <string.h>

#include "lbctl.h"
#include "names_gen.h"

static const char *const by_names[] = {
	[LBDR_TRACE_BY_CONNECTION] = "connection",
	[LBDR_TRACE_BY_TEMPLATE] = "persistence",
	[LBDR_TRACE_BY_SCHEDULER] = "scheduler",
};

static const char *const keep_text_names[] = {
	[LBDR_TRACE_KEEP_CONNECTION] = ", new connection",
	[LBDR_TRACE_KEEP_EVICT] =
		", new connection in place of another one (conn_max)",
	[LBDR_TRACE_KEEP_STATELESS] =
		", without a connection (conn_max)",
	[LBDR_TRACE_KEEP_ONE_PACKET] =
		", without a connection (one-packet scheduling)",
};

static const char *const refuse_text_names[] = {
	[LBDR_REFUSE_ICMP] = "gets ICMP port unreachable",
	[LBDR_REFUSE_RESET] = "gets a TCP RST",
	[LBDR_REFUSE_DROP] = "gets no reply",
};

static const struct choice by_words = CHOICE(NULL, by);
static const struct choice verdict_words = CHOICE(NULL, trace_verdict);
static const struct choice keep_words = CHOICE(NULL, trace_keep);
static const struct choice keep_texts = CHOICE(NULL, keep_text);
static const struct choice refuse_texts = CHOICE(NULL, refuse_text);

/* By which of a service's forms the packet's port or mark is its. */
static const char *match_word(const struct service_key *key)
{
	if (key->fwmark)
		return "mark";
	if (key->at.last_port)
		return "range";
	return key->at.port ? "port" : "all_ports";
}

static const char *match_sentence(const struct service_key *key)
{
	if (key->fwmark)
		return "mark match";
	if (key->at.last_port)
		return "port range match";
	return key->at.port ? "exact port match" : "all ports match";
}

/* Whether it gets new connections. */
static const char *server_state(const struct server *server)
{
	if (server->hold)
		return "held";
	if (server->draining)
		return "draining";
	if (!server->weight)
		return "quiesced";
	if (server->overloaded)
		return "overloaded";
	return server->unreachable ? "unreachable" : "open";
}

static bool there(const struct server *server)
{
	return server->at.family;
}

static bool same_server(const struct server *a, const struct server *b)
{
	return there(a) && there(b) && !endpoint_compare(&a->at, &b->at);
}

/* With the port of the service: that of the server may be a label. */
static const char *server_text(const struct server *server, bool numeric,
			       char *text)
{
	struct endpoint at = server->at;

	at.port = server->service.at.port;
	if (!at.port || at.last_port)
		return address_text(&at, text);
	return endpoint_text(&at, server->service.protocol, numeric, text);
}

static void print_server(const char *title, const struct server *server,
			 const struct request *req)
{
	char name[IF_NAMESIZE];
	char text[ENDPOINT_TEXT];

	printf("%-12s %s, %s, weight %u, %u active, %u inactive", title,
	       server_text(server, req->numeric, text), server_state(server),
	       server->weight, server->active, server->inactive);
	if (server->tunnel.type != LBDR_TUNNEL_NONE)
		printf(", tunnel %s", tunnel_text(&server->tunnel, text));
	/* Names are those of the caller's namespace. */
	if (server->forward == LBDR_FORWARD_LOCAL)
		puts(", this host");
	else if (!server->ifindex)
		puts(server->tunnel.type == LBDR_TUNNEL_NONE ? ", not on-link" :
							       ", no route");
	else if (!req->netns && if_indextoname(server->ifindex, name))
		printf(", %s\n", name);
	else
		printf(", device %u\n", server->ifindex);
}

static void print_known(const struct trace *trace, const struct request *req)
{
	char text[ENDPOINT_TEXT];
	char state[STATE_TEXT];

	if (trace->state)
		printf("%-12s %s, expires in %u s%s\n", "connection",
		       state_name(trace->state, false, state),
		       trace->expires_ms / 1000,
		       trace->over ? "; closing: the packet starts a new one" :
				     "");
	else if (req->conns.client.port)
		printf("%-12s none\n", "connection");
	else
		printf("%-12s new, any client port\n", "connection");
	if (!trace->persist || (trace->state && !trace->over))
		return;
	if (!there(&trace->remembered))
		printf("%-12s no entry for this client\n",
		       "persistence");
	else
		printf("%-12s %s, expires in %u s%s\n", "persistence",
		       server_text(&trace->remembered, req->numeric, text),
		       trace->remembered_ms / 1000,
		       trace->by == LBDR_TRACE_BY_TEMPLATE ?
		       "" : "; not used");
}

/* A name of the module's, and what it means if that is known. */
static void print_named(const char *title, const char *before, const char *name,
			const char *summary)
{
	printf("%-12s %s%s%s%s\n", title, before, name, summary ? ": " : "",
	       summary ? summary : "");
}

static void print_choice(const struct trace *trace, const struct request *req)
{
	if (!trace->scheduler)
		return;
	print_named("scheduler", "", trace->scheduler,
		    scheduler_summary(trace->scheduler));
	if (trace->random)
		printf("%-12s random: the next packet may get another server\n",
		       "");
	if (trace->hashes_port && !req->conns.client.port)
		printf("%-12s hashes the client port, which was not given: --client ADDR:PORT\n",
		       "");
	if (there(&trace->first) && !same_server(&trace->first, &trace->server))
		print_server("first choice", &trace->first, req);
}

static void print_tally(const struct trace *trace)
{
	printf("%-12s %u", "servers", trace->servers);
	if (trace->servers)
		printf(": %u open", trace->open);
	if (trace->quiesced)
		printf(", %u quiesced", trace->quiesced);
	if (trace->draining)
		printf(", %u draining", trace->draining);
	if (trace->overloaded)
		printf(", %u overloaded", trace->overloaded);
	if (trace->unreachable)
		printf(", %u unreachable", trace->unreachable);
	putchar('\n');
}

static void print_result(const struct trace *trace, bool numeric)
{
	char text[ENDPOINT_TEXT];

	if (trace->verdict == LBDR_TRACE_VERDICT_FORWARD)
		printf("%-12s to %s%s\n", "result",
		       trace->server.forward == LBDR_FORWARD_LOCAL ?
		       "this host (local delivery)" :
		       server_text(&trace->server, numeric, text),
		       trace->has_keep ? choice_word(&keep_texts, trace->keep) : "");
	else if (trace->reason)
		print_named("result", "not forwarded, ", trace->reason,
			    drop_summary(trace->reason));
	else
		printf("%-12s not forwarded: no service matches, passed to the local stack\n",
		       "result");
	if (trace->has_refuse)
		printf("%-12s %s\n", "client",
		       choice_word(&refuse_texts, trace->refuse));
}

static void print_packet(const struct request *req)
{
	struct endpoint client = req->conns.client;
	char to[ENDPOINT_TEXT];
	char from[ENDPOINT_TEXT];

	endpoint_text(&req->service.at, req->service.protocol, req->numeric,
		      to);
	if (client.port)
		endpoint_text(&client, req->service.protocol, req->numeric,
			      from);
	else
		address_text(&client, from);
	printf("%-12s %s %s -> %s", "packet",
	       protocol_of(req->service.protocol)->name, from, to);
	if (req->packet.mark)
		printf(", mark %u", req->packet.mark);
	if (req->packet.mac_text)
		printf(", from %s", req->packet.mac_text);
	if (req->vrf_text)
		printf(", vrf %s", req->vrf_text);
	puts(req->packet.data ? ", data" : "");
}

void trace_print(const struct trace *trace, const struct request *req)
{
	char column[SERVICE_TEXT];

	print_packet(req);
	if (trace->has_service) {
		service_column(&trace->service, req->numeric, column,
			       sizeof(column));
		printf("%-12s %s, %s\n", "service", column,
		       match_sentence(&trace->service));
		print_known(trace, req);
		print_choice(trace, req);
		print_tally(trace);
		if (there(&trace->server))
			print_server("server", &trace->server, req);
	} else {
		printf("%-12s none\n", "service");
	}
	print_result(trace, req->numeric);
}

static json_t *brief_json(const struct server *server)
{
	char text[ENDPOINT_TEXT];

	if (!there(server))
		return json_null();
	return json_pack("{s:s, s:i, s:s, s:b, s:o, s:I, s:I, s:I, s:o}",
			 "address", address_text(&server->at, text),
			 "port", server->at.port,
			 "state", server_state(server),
			 "local", server->forward == LBDR_FORWARD_LOCAL,
			 "tunnel", tunnel_json(&server->tunnel),
			 "weight", (json_int_t)server->weight,
			 "active_connections", (json_int_t)server->active,
			 "inactive_connections", (json_int_t)server->inactive,
			 "ifindex", number_json(server->ifindex, server->ifindex));
}

static json_t *packet_json(const struct request *req)
{
	char client[ENDPOINT_TEXT];
	char to[ENDPOINT_TEXT];

	return json_pack("{s:s, s:s, s:o, s:s, s:i, s:o, s:s?, s:b, s:s?}",
			 "protocol", protocol_of(req->service.protocol)->word,
			 "client_address", address_text(&req->conns.client, client),
			 "client_port", number_json(req->conns.client.port,
						    req->conns.client.port),
			 "virtual_address", address_text(&req->service.at, to),
			 "virtual_port", req->service.at.port,
			 "fwmark", number_json(req->packet.mark, req->packet.mark),
			 "mac", req->packet.mac_text, "data", req->packet.data,
			 "vrf", req->vrf_text);
}

static json_t *tally_json(const struct trace *trace)
{
	return json_pack("{s:I, s:I, s:I, s:I, s:I, s:I}",
			 "all", (json_int_t)trace->servers,
			 "open", (json_int_t)trace->open,
			 "quiesced", (json_int_t)trace->quiesced,
			 "draining", (json_int_t)trace->draining,
			 "overloaded", (json_int_t)trace->overloaded,
			 "unreachable", (json_int_t)trace->unreachable);
}

static json_t *conn_part_json(const struct trace *trace)
{
	if (!trace->state)
		return json_null();
	return json_pack("{s:s, s:I, s:b}", "state", state_word(trace->state),
			 "expires_ms", (json_int_t)trace->expires_ms,
			 "over", trace->over);
}

/* What was found of the client, of persistence and by the scheduler. */
static json_t *choice_json(const struct trace *trace)
{
	return json_pack("{s:s?, s:o, s:o, s:o, s:o, s:s?, s:s?, s:b, s:b, s:o, s:s?, s:o}",
			 "by", trace->has_by ? choice_word(&by_words, trace->by) : NULL,
			 "connection", conn_part_json(trace),
			 "persistent_s", number_json(trace->persist, trace->has_service),
			 "remembered", brief_json(&trace->remembered),
			 "remembered_expires_ms",
			 number_json(trace->remembered_ms, there(&trace->remembered)),
			 "scheduler", trace->scheduler,
			 "scheduler_summary", trace->scheduler ?
				scheduler_summary(trace->scheduler) : NULL,
			 "random", trace->random,
			 "hashes_port", trace->hashes_port,
			 "first", brief_json(&trace->first),
			 "keep", trace->has_keep ?
				     choice_word(&keep_words, trace->keep) : NULL,
			 "server", brief_json(&trace->server));
}

json_t *trace_json(const struct trace *trace, const struct request *req)
{
	bool service = trace->has_service;
	json_t *choice = choice_json(trace);
	json_t *object;

	object = json_pack("{s:o, s:s, s:s?, s:s?, s:s?, s:o, s:s?, s:o}",
			   "packet", packet_json(req),
			   "verdict", choice_word(&verdict_words, trace->verdict),
			   "reason", trace->reason,
			   "summary", trace->reason ?
					  drop_summary(trace->reason) : NULL,
			   "refuse", trace->has_refuse ?
					 choice_word(&refuse_choice, trace->refuse) : NULL,
			   "service", service ? key_json(&trace->service) :
						json_null(),
			   "match", service ? match_word(&trace->service) : NULL,
			   "servers", service ? tally_json(trace) :
						json_null());
	json_object_update(object, choice);
	json_decref(choice);
	return object;
}

struct report {
	const struct request *req;
	bool told;
};

/* Printed at once: the strings point into the message. */
static bool read_trace(const struct nlmsghdr *nlh, void *data)
{
	struct report *report = data;
	const struct request *req = report->req;
	struct trace trace;

	if (!decode_trace(nlh, &trace))
		return false;
	report->told = true;
	if (req->json)
		json_print(trace_json(&trace, req), req->pretty);
	else
		trace_print(&trace, req);
	return true;
}

static void put_packet(struct nlmsghdr *nlh, const struct request *req)
{
	const struct endpoint *at = &req->service.at;

	mnl_attr_put_u8(nlh, LBDR_A_TRACE_FAMILY, at->family);
	mnl_attr_put_u8(nlh, LBDR_A_TRACE_PROTOCOL, req->service.protocol);
	nl_put_address(nlh, LBDR_A_TRACE_CLIENT_ADDRESS, &req->conns.client);
	if (req->conns.client.port)
		mnl_attr_put_u16(nlh, LBDR_A_TRACE_CLIENT_PORT,
				 htons(req->conns.client.port));
	nl_put_address(nlh, LBDR_A_TRACE_VIRTUAL_ADDRESS, at);
	mnl_attr_put_u16(nlh, LBDR_A_TRACE_VIRTUAL_PORT, htons(at->port));
	if (req->packet.mark)
		mnl_attr_put_u32(nlh, LBDR_A_TRACE_MARK, req->packet.mark);
	if (req->packet.mac_text)
		mnl_attr_put(nlh, LBDR_A_TRACE_MAC, sizeof(req->packet.mac), req->packet.mac);
	if (req->packet.data)
		mnl_attr_put(nlh, LBDR_A_TRACE_DATA, 0, NULL);
	if (req->vrf_text)
		mnl_attr_put_strz(nlh, LBDR_A_TRACE_VRF, req->vrf_text);
}

int trace_run(struct nl *nl, const struct request *req)
{
	struct nlmsghdr *nlh = nl_request(nl, LBDR_CMD_TRACE);
	struct report report = { .req = req };
	int status;

	put_packet(nlh, req);
	status = nl_run(nl, nlh, read_trace, &report, "packet");
	if (status || report.told)
		return status;
	complain("no reply from the module");
	return EXIT_REFUSED;
}
