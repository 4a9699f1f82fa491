// SPDX-License-Identifier: GPL-2.0
/*
 * Tests of what is told of packets that there are not, and of connections that are
 * counted: texts to the letter, JSON by its values, and counts by naive ones.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>

#include <linux/genetlink.h>

#include "check.h"
#include "lbctl.h"

#define IPV4(a, b, c, d) \
	.family = AF_INET, .address = { (a), (b), (c), (d) }

static const struct request question = {
	.has_service = true,
	.service = { .protocol = IPPROTO_TCP,
		     .at = { IPV4(192, 0, 2, 63), .port = 80 } },
	.conns.client = { IPV4(198, 51, 100, 7), .port = 40000 },
	.numeric = true,
	.netns = "blue",
};

static const struct server a = {
	.service = { .protocol = IPPROTO_TCP,
		     .at = { IPV4(192, 0, 2, 63), .port = 80 } },
	.at = { IPV4(192, 0, 2, 62), .port = 80 },
	.weight = 10, .active = 3, .inactive = 4, .ifindex = 2,
};

static const struct server b = {
	.service = { .protocol = IPPROTO_TCP,
		     .at = { IPV4(192, 0, 2, 63), .port = 80 } },
	.at = { IPV4(192, 0, 2, 64), .port = 80 },
	.weight = 5, .active = 9, .overloaded = true,
};

/* It cannot be resolved. */
static const struct server c = {
	.service = { .protocol = IPPROTO_TCP,
		     .at = { IPV4(192, 0, 2, 63), .port = 80 } },
	.at = { IPV4(192, 0, 2, 65), .port = 80 },
	.weight = 1, .unreachable = true,
};

#define PACKET "packet       TCP 198.51.100.7:40000 -> 192.0.2.63:80\n"
#define SERVICE "service      TCP  192.0.2.63:80, exact port match\n"
#define NO_CONN "connection   none\n"
#define SERVERS "servers      2: 1 open, 1 overloaded\n"
#define AT_A "server       192.0.2.62:80, open, weight 10, 3 active, 4 inactive, device 2\n"

/* What an answer is like without more, of a service and of none. */
#define SERVED \
	.has_service = true, .servers = 2, .open = 1, .overloaded = 1, \
	.service = { .protocol = IPPROTO_TCP, \
		     .at = { IPV4(192, 0, 2, 63), .port = 80 } }

struct trace_row {
	const char *what;
	struct trace trace;
	const char *text;
	const char *json;	/* some of the values */
	const struct server *remembered;
	const struct server *first;
	const struct server *server;
};

static const struct trace_row trace_rows[] = {
	{ "a packet that no service has",
	  { .verdict = LBDR_TRACE_VERDICT_PASS },
	  PACKET "service      none\n"
	  "result       not forwarded: no service matches, passed to the local stack\n",
	  "{\"verdict\": \"pass\", \"reason\": null, \"service\": null, \"servers\": null,\n"
	  "\"match\": null, \"server\": null, \"connection\": null}",
	  NULL, NULL, NULL },
	{ "a new connection by wlc",
	  { .verdict = LBDR_TRACE_VERDICT_FORWARD, SERVED, .has_by = true,
	    .by = LBDR_TRACE_BY_SCHEDULER, .scheduler = "wlc",
	    .has_keep = true },
	  PACKET SERVICE NO_CONN
	  "scheduler    wlc: the server with the fewest connections relative to its weight\n"
	  SERVERS AT_A
	  "result       to 192.0.2.62:80, new connection\n",
	  "{\"verdict\": \"forward\", \"by\": \"scheduler\", \"scheduler\": \"wlc\",\n"
	  "\"keep\": \"connection\", \"match\": \"port\", \"random\": false, \"first\": null}",
	  NULL, NULL, &a },
	{ "a hash whose server is overloaded",
	  { .verdict = LBDR_TRACE_VERDICT_DROP, SERVED, .has_by = true,
	    .reason = "no-server", .has_refuse = true,
	    .refuse = LBDR_REFUSE_RESET, .by = LBDR_TRACE_BY_SCHEDULER,
	    .scheduler = "sh" },
	  PACKET SERVICE NO_CONN "scheduler    sh: by a hash of the client address\n"
	  "first choice 192.0.2.64:80, overloaded, weight 5, 9 active, 0 inactive, not on-link\n"
	  SERVERS
	  "result       not forwarded, no-server: no server is available; the client was answered as --refuse says\n"
	  "client       gets a TCP RST\n",
	  "{\"verdict\": \"drop\", \"reason\": \"no-server\", \"refuse\": \"reset\",\n"
	  "\"server\": null, \"keep\": null}",
	  NULL, &b, NULL },
	{ "a connection",
	  { .verdict = LBDR_TRACE_VERDICT_FORWARD, SERVED, .has_by = true,
	    .persist = 300, .by = LBDR_TRACE_BY_CONNECTION,
	    .state = LBDR_CONN_STATE_ESTABLISHED, .expires_ms = 899999 },
	  PACKET SERVICE "connection   ESTABLISHED, expires in 899 s\n" SERVERS
	  AT_A "result       to 192.0.2.62:80\n",
	  "{\"by\": \"connection\", \"connection\": {\"state\": \"established\",\n"
	  "\"expires_ms\": 899999, \"over\": false}, \"keep\": null}",
	  NULL, NULL, &a },
	{ "a connection that is over, of a client that comes back",
	  { .verdict = LBDR_TRACE_VERDICT_FORWARD, SERVED, .has_by = true,
	    .persist = 300, .by = LBDR_TRACE_BY_TEMPLATE, .over = true,
	    .state = LBDR_CONN_STATE_FIN_WAIT, .expires_ms = 5000,
	    .remembered_ms = 299000, .has_keep = true,
	    .keep = LBDR_TRACE_KEEP_EVICT },
	  PACKET SERVICE
	  "connection   FIN_WAIT, expires in 5 s; closing: the packet starts a new one\n"
	  "persistence  192.0.2.62:80, expires in 299 s\n" SERVERS AT_A
	  "result       to 192.0.2.62:80, new connection in place of another one (conn_max)\n",
	  "{\"by\": \"persistence\", \"remembered_expires_ms\": 299000,\n"
	  "\"persistent_s\": 300, \"keep\": \"evict\"}",
	  &a, NULL, &a },
	{ "a client whose server is not to be used any more",
	  { .verdict = LBDR_TRACE_VERDICT_FORWARD, SERVED, .has_by = true,
	    .persist = 300, .by = LBDR_TRACE_BY_SCHEDULER, .scheduler = "twos",
	    .random = true, .has_keep = true,
	    .keep = LBDR_TRACE_KEEP_STATELESS, .remembered_ms = 1 },
	  PACKET SERVICE NO_CONN
	  "persistence  192.0.2.64:80, expires in 0 s; not used\n"
	  "scheduler    twos: the better of two servers chosen at random by weight\n"
	  "             random: the next packet may get another server\n"
	  SERVERS AT_A
	  "result       to 192.0.2.62:80, without a connection (conn_max)\n",
	  "{\"random\": true, \"keep\": \"stateless\", \"remembered\": {\"address\":\n"
	  "\"192.0.2.64\", \"port\": 80, \"state\": \"overloaded\", \"local\": false,\n"
	  "\"tunnel\": null, \"weight\": 5, \"active_connections\": 9, \"inactive_connections\": 0,\n"
	  "\"ifindex\": null}}",
	  &b, NULL, &a },
	{ "a hash whose server is unreachable",
	  { .verdict = LBDR_TRACE_VERDICT_FORWARD, .has_service = true,
	    .servers = 2, .open = 1, .unreachable = 1,
	    .service = { .protocol = IPPROTO_TCP,
			 .at = { IPV4(192, 0, 2, 63), .port = 80 } },
	    .has_by = true, .by = LBDR_TRACE_BY_SCHEDULER, .scheduler = "wlc",
	    .has_keep = true },
	  PACKET SERVICE NO_CONN
	  "scheduler    wlc: the server with the fewest connections relative to its weight\n"
	  "first choice 192.0.2.65:80, unreachable, weight 1, 0 active, 0 inactive, not on-link\n"
	  "servers      2: 1 open, 1 unreachable\n" AT_A
	  "result       to 192.0.2.62:80, new connection\n",
	  "{\"servers\": {\"all\": 2, \"open\": 1, \"quiesced\": 0, \"draining\": 0,\n"
	  "\"overloaded\": 0, \"unreachable\": 1}}",
	  NULL, &c, &a },
	{ "a stray one",
	  { .verdict = LBDR_TRACE_VERDICT_DROP, SERVED, .reason = "stray",
	    .has_refuse = true,
	    .refuse = LBDR_REFUSE_DROP, .persist = 300 },
	  PACKET SERVICE NO_CONN
	  "persistence  no entry for this client\n" SERVERS
	  "result       not forwarded, stray: stray packet (no connection), handled as --stray says\n"
	  "client       gets no reply\n",
	  "{\"reason\": \"stray\", \"refuse\": \"drop\", \"by\": null}",
	  NULL, NULL, NULL },
};

static json_t *part_of(json_t *whole, json_t *part)
{
	json_t *out = json_object();
	const char *name;
	json_t *value;

	json_object_foreach(part, name, value)
		json_object_set(out, name, json_object_get(whole, name));
	return out;
}

static void check_row(const struct trace_row *row)
{
	struct trace trace = row->trace;
	struct capture capture;
	json_t *whole, *part, *wanted;

	if (row->remembered)
		trace.remembered = *row->remembered;
	if (row->first)
		trace.first = *row->first;
	if (row->server)
		trace.server = *row->server;
	capture_begin(&capture);
	trace_print(&trace, &question);
	capture_end(&capture);
	same_text(&capture, row->text, row->what);

	whole = trace_json(&trace, &question);
	wanted = json_loads(row->json, 0, NULL);
	part = part_of(whole, wanted);
	result(whole && wanted && json_object_size(whole) == 20 &&
	       json_equal(part, wanted), "%s, as JSON", row->what);
	json_decref(part);
	json_decref(wanted);
	json_decref(whole);
}

/*
 * A port that counts and is not given; a mark, a MAC, a VRF and data; a scheduler
 * that the tool does not know.
 */
static void check_more(void)
{
	struct request req = question;
	struct trace trace = {
		.verdict = LBDR_TRACE_VERDICT_FORWARD,
		.has_service = true,
		.service = { .fwmark = 7, .at = { .family = AF_INET } },
		.has_by = true,
		.by = LBDR_TRACE_BY_SCHEDULER,
		.scheduler = "newest",
		.hashes_port = true,
		.server = a,
		.servers = 4, .open = 1, .quiesced = 2, .draining = 1,
		.has_keep = true,
		.keep = LBDR_TRACE_KEEP_ONE_PACKET,
	};
	struct capture capture;

	req.conns.client.port = 0;
	req.packet.mark = 7;
	req.packet.mac_text = "02:00:5e:10:00:01";
	req.vrf_text = "red";
	req.packet.data = true;
	trace.server.service = trace.service;
	trace.server.forward = LBDR_FORWARD_LOCAL;
	capture_begin(&capture);
	trace_print(&trace, &req);
	capture_end(&capture);
	same_text(&capture,
		  "packet       TCP 198.51.100.7 -> 192.0.2.63:80, mark 7, from 02:00:5e:10:00:01, vrf red, data\n"
		  "service      FWM  7, mark match\n"
		  "connection   new, any client port\n"
		  "scheduler    newest\n"
		  "             hashes the client port, which was not given: --client ADDR:PORT\n"
		  "servers      4: 1 open, 2 quiesced, 1 draining\n"
		  "server       192.0.2.62, open, weight 10, 3 active, 4 inactive, this host\n"
		  "result       to this host (local delivery), without a connection (one-packet scheduling)\n",
		  "a packet with a mark in a VRF, of a client without a port");
}

/* A connection to one of some services and servers. */
static const struct nlmsghdr *make_conn(__u64 *buffer, unsigned int n)
{
	struct service_key key = {
		.protocol = n % 2 ? IPPROTO_TCP : IPPROTO_UDP,
		.at = { IPV4(192, 0, 2, n % 3), .port = 80 },
	};
	struct nlmsghdr *nlh = mnl_nlmsg_put_header(buffer);
	struct endpoint server = { IPV4(10, 0, 0, n % 5), .port = 80 };
	struct endpoint client = { IPV4(198, 51, n >> 8 & 255, n & 255) };

	mnl_nlmsg_put_extra_header(nlh, sizeof(struct genlmsghdr));
	mnl_attr_put_u8(nlh, LBDR_A_CONN_FAMILY, AF_INET);
	mnl_attr_put_u8(nlh, LBDR_A_CONN_PROTOCOL, key.protocol);
	nl_put_address(nlh, LBDR_A_CONN_CLIENT_ADDRESS, &client);
	mnl_attr_put_u16(nlh, LBDR_A_CONN_CLIENT_PORT, 1);
	nl_put_address(nlh, LBDR_A_CONN_VIRTUAL_ADDRESS, &key.at);
	mnl_attr_put_u16(nlh, LBDR_A_CONN_VIRTUAL_PORT, 2);
	nl_put_address(nlh, LBDR_A_CONN_SERVER_ADDRESS, &server);
	mnl_attr_put_u16(nlh, LBDR_A_CONN_SERVER_PORT, 3);
	mnl_attr_put_u8(nlh, LBDR_A_CONN_STATE, n % 7 ?
						LBDR_CONN_STATE_SYN_RECV :
						LBDR_CONN_STATE_ESTABLISHED);
	mnl_attr_put_u32(nlh, LBDR_A_CONN_EXPIRES, 4);
	mnl_attr_put_u32(nlh, LBDR_A_CONN_IDLE, 5);
	/* That of every eleventh is gone. */
	if (n % 11)
		nl_put_service_of(nlh, LBDR_A_CONN_SERVICE, &key);
	return nlh;
}

/* A stream of 4620 of them, which each remainder of the above goes into evenly. */
static void check_tally(__u8 by, bool json, const char *text, const char *what)
{
	const struct request req = { .numeric = true, .json = json };
	struct tally *tally = tally_begin(by);
	__u64 buffer[MESSAGE_ROOM / 8];
	struct capture capture;
	unsigned int n;
	bool read = true;

	for (n = 0; n < 4620; n++) {
		memset(buffer, 0, sizeof(buffer));
		read &= tally_read(make_conn(buffer, n), tally);
	}
	capture_begin(&capture);
	tally_print(tally, &req);
	capture_end(&capture);
	tally_end(tally);
	result(read, "%s: each message is taken", what);
	same_text(&capture, text, what);
}

static long most_memory(void)
{
	struct rusage usage;

	getrusage(RUSAGE_SELF, &usage);
	return usage.ru_maxrss;
}

/* Those that are counted are not kept: as many more take no more memory. */
static void check_tally_memory(void)
{
	struct tally *tally = tally_begin(COUNT_BY_SERVICE);
	__u64 buffer[MESSAGE_ROOM / 8];
	unsigned int n;
	long before = 0;

	for (n = 0; n < 100000; n++) {
		if (n == 4620)
			before = most_memory();
		memset(buffer, 0, sizeof(buffer));
		tally_read(make_conn(buffer, n), tally);
	}
	result(most_memory() - before < 1024,
	       "100000 connections are counted in %ld KiB, and 4620 in %ld",
	       most_memory(), before);
	tally_end(tally);
}

static void check_tallies(void)
{
	const struct request req = { .numeric = true };
	struct tally *tally = tally_begin(COUNT_BY_STATE);
	struct capture capture;

	check_tally(COUNT_BY_STATE, false,
		    "Connections  State\n"
		    "       3960  SYN_RECV\n"
		    "        660  ESTABLISHED\n", "connections by state");
	check_tally(COUNT_BY_SERVER, false,
		    "Connections  Server\n"
		    "        924  10.0.0.0\n"
		    "        924  10.0.0.1\n"
		    "        924  10.0.0.2\n"
		    "        924  10.0.0.3\n"
		    "        924  10.0.0.4\n", "connections by server");
	check_tally(COUNT_BY_SERVICE, false,
		    "Connections  Service\n"
		    "        700  TCP  192.0.2.0:80\n"
		    "        700  TCP  192.0.2.1:80\n"
		    "        700  TCP  192.0.2.2:80\n"
		    "        700  UDP  192.0.2.0:80\n"
		    "        700  UDP  192.0.2.1:80\n"
		    "        700  UDP  192.0.2.2:80\n", "connections by service");
	check_tally(COUNT_BY_STATE, true,
		    "[{\"state\":\"syn_recv\",\"connections\":3960},\n"
		    "{\"state\":\"established\",\"connections\":660}]\n",
		    "connections by state, as JSON");
	capture_begin(&capture);
	tally_print(tally, &req);
	capture_end(&capture);
	tally_end(tally);
	same_text(&capture, "Connections  State\n", "no connection, by state");
}

void check_trace(void)
{
	size_t i;

	for (i = 0; i < ARRAY_SIZE(trace_rows); i++)
		check_row(&trace_rows[i]);
	check_more();
	check_tallies();
	check_tally_memory();
}
