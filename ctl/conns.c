// SPDX-License-Identifier: GPL-2.0
/*
 * The listing of connections. There may be a million, so each is written as
 * it comes and none is kept.
 */
#include <ctype.h>
#include <stdio.h>
#include <string.h>

#include "lbctl.h"

struct listing {
	const struct request *req;
	struct json_list json;
	bool titled;
};

static const char *state_name(__u8 state)
{
	static const char *const names[] = {
		[LBDR_CONN_STATE_NONE] = "NONE",
		[LBDR_CONN_STATE_SYN_RECV] = "SYN_RECV",
		[LBDR_CONN_STATE_ESTABLISHED] = "ESTABLISHED",
		[LBDR_CONN_STATE_FIN_WAIT] = "FIN_WAIT",
		[LBDR_CONN_STATE_TIME_WAIT] = "TIME_WAIT",
		[LBDR_CONN_STATE_CLOSE] = "CLOSE",
		[LBDR_CONN_STATE_UDP] = "UDP",
		[LBDR_CONN_STATE_DEAD] = "DEAD",
	};

	return state < ARRAY_SIZE(names) ? names[state] : "UNKNOWN";
}

static void print_text(const struct conn *conn, bool numeric)
{
	const struct service_key *key = &conn->service;
	unsigned int seconds = conn->expires_ms / 1000;
	char virtual[ENDPOINT_TEXT];
	char client[ENDPOINT_TEXT];
	char server[ENDPOINT_TEXT];
	char expires[24];

	snprintf(expires, sizeof(expires), "%02u:%02u", seconds / 60,
		 seconds % 60);
	printf("%-3s %-6s %-11s %-18s %-18s %s\n",
	       protocol_name(key->protocol), expires, state_name(conn->state),
	       endpoint_text(&conn->client, key->protocol, numeric, client),
	       endpoint_text(&key->at, key->protocol, numeric, virtual),
	       endpoint_text(&conn->server, key->protocol, numeric, server));
}

static json_t *conn_json(const struct conn *conn)
{
	char virtual[ENDPOINT_TEXT];
	char client[ENDPOINT_TEXT];
	char server[ENDPOINT_TEXT];
	char state[16];
	size_t i;

	snprintf(state, sizeof(state), "%s", state_name(conn->state));
	for (i = 0; state[i]; i++)
		state[i] = tolower((unsigned char)state[i]);
	return json_pack("{s:s, s:I, s:s, s:s, s:i, s:s, s:i, s:s, s:i}",
			 "protocol", protocol_word(conn->service.protocol),
			 "expires_ms", (json_int_t)conn->expires_ms,
			 "state", state,
			 "client_address", address_text(&conn->client, client),
			 "client_port", conn->client.port,
			 "virtual_address",
			 address_text(&conn->service.at, virtual),
			 "virtual_port", conn->service.at.port,
			 "server_address", address_text(&conn->server, server),
			 "server_port", conn->server.port);
}

/* Only when there is an answer: a refusal stands alone. */
static void print_title(struct listing *listing)
{
	if (listing->titled || listing->req->json)
		return;
	listing->titled = true;
	printf("IPVS connection entries\npro expire %-11s %-18s %-18s %s\n",
	       "state", "source", "virtual", "destination");
}

static bool read_conn(const struct nlmsghdr *nlh, void *data)
{
	struct listing *listing = data;
	const struct request *req = listing->req;
	struct conn conn;

	if (!decode_conn(nlh, &conn))
		return false;
	print_title(listing);
	if (req->has_service &&
	    service_key_compare(&req->service, &conn.service))
		return true;
	if (req->json)
		json_list_add(&listing->json, conn_json(&conn));
	else
		print_text(&conn, req->numeric);
	return true;
}

int conns_list(struct nl *nl, const struct request *req)
{
	struct listing listing = { .req = req };
	struct nl_answer answer;
	int status;

	json_list_begin(&listing.json, req->pretty);
	nl_ask(nl, nl_dump_request(nl, LBDR_CMD_CONN_GET), read_conn, &listing,
	       &answer);
	status = nl_verdict(&answer, "connection");
	if (status)
		return status;
	if (req->json)
		json_list_end(&listing.json);
	else
		print_title(&listing);
	if (answer.torn)
		complain("warning: the table changed meanwhile, some may be missing or double");
	return status;
}
