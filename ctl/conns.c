// SPDX-License-Identifier: GPL-2.0
/*
 * Lists and ends connections, all or those that match filters, which the kernel
 * applies. Each is printed as it is received: there may be millions. tally.c counts
 * them.
 */
#include <arpa/inet.h>
#include <ctype.h>
#include <stdio.h>
#include <string.h>

#include "lbctl.h"

struct listing {
	const struct request *req;
	struct json_list json;
	bool titled;
};

/* In capitals, as ipvsadm has it; its templates have the state ASSURED. */
const char *state_name(__u8 state, bool ipvsadm, char *text)
{
	const char *word = state_word(state);
	size_t i;

	if (ipvsadm && state == LBDR_CONN_STATE_TEMPLATE)
		word = "assured";
	/* The column before it tells the protocol. */
	if (ipvsadm && !strncmp(word, "sctp_", 5))
		word += 5;
	for (i = 0; word[i] && i < STATE_TEXT - 1; i++)
		text[i] = toupper((unsigned char)word[i]);
	text[i] = '\0';
	return text;
}

/* A template of a service by mark: ipvsadm prints the mark as an address. */
static const char *virtual_text(const struct service_key *key,
				const struct request *req, char *text)
{
	struct endpoint at = key->at;
	__u32 mark = htonl(key->fwmark);

	if (!key->fwmark)
		return endpoint_text(&at, key->protocol, req->numeric, text);
	if (!req->ipvsadm) {
		snprintf(text, ENDPOINT_TEXT, "%u", key->fwmark);
		return text;
	}
	memcpy(at.address, &mark, sizeof(mark));
	return endpoint_text(&at, key->protocol, true, text);
}

void conn_print(const struct conn *conn, const struct request *req)
{
	const struct service_key *key = &conn->service;
	unsigned int seconds = conn->expires_ms / 1000;
	bool numeric = req->numeric;
	char virtual[ENDPOINT_TEXT];
	char client[ENDPOINT_TEXT];
	char server[ENDPOINT_TEXT];
	char state[STATE_TEXT];
	char expires[24];

	snprintf(expires, sizeof(expires), "%02u:%02u", seconds / 60,
		 seconds % 60);
	printf("%-3s %-6s %-11s %-18s %-18s %s%s%s\n",
	       req->ipvsadm && key->fwmark ? "IP" :
					     protocol_of(key->protocol)->name,
	       expires, state_name(conn->state, req->ipvsadm, state),
	       endpoint_text(&conn->client, key->protocol, numeric, client),
	       virtual_text(key, req, virtual),
	       endpoint_text(&conn->server, key->protocol, numeric, server),
	       *conn->vrf && !req->ipvsadm ? " vrf " : "",
	       req->ipvsadm ? "" : conn->vrf);
}

void conn_json(struct json_list *list, const struct conn *conn)
{
	const struct service_key *key = &conn->service;
	bool marked = key->fwmark;
	char text[ENDPOINT_TEXT];

	json_row_begin(list);
	json_row_text(list, "protocol", protocol_of(key->protocol)->word);
	json_row_number(list, "fwmark", key->fwmark, marked);
	json_row_number(list, "expires_ms", conn->expires_ms, true);
	json_row_number(list, "idle_ms", conn->idle_ms, true);
	json_row_text(list, "state", state_word(conn->state));
	json_row_text(list, "client_address",
		      address_text(&conn->client, text));
	json_row_number(list, "client_port", conn->client.port, true);
	json_row_text(list, "virtual_address",
		      marked ? NULL : address_text(&key->at, text));
	json_row_number(list, "virtual_port", key->at.port, !marked);
	json_row_text(list, "server_address",
		      address_text(&conn->server, text));
	json_row_number(list, "server_port", conn->server.port, true);
	json_row_text(list, "vrf", *conn->vrf ? conn->vrf : NULL);
	json_row_end(list);
}

/* Not printed before an error. */
static void print_title(struct listing *listing)
{
	if (listing->titled || listing->req->json)
		return;
	listing->titled = true;
	printf("IPVS connection entries\npro expire %-11s %-18s %-18s %s\n",
	       "state", "source", "virtual", "destination");
}

/*
 * Puts the filters. A service with one port selects all connections to this port; a
 * range, all ports or a mark select the service's own connections.
 */
void conns_filter(struct nlmsghdr *nlh, const struct request *req)
{
	const struct endpoint *at = req->has_service ? &req->service.at :
						       &req->server;
	bool wide = req->has_service && (!at->port || at->last_port);
	/* A server with a tunnel may be of another family. */
	int family = req->has_service ? req->service.at.family :
		     req->conns.client_text ? req->conns.client.family : 0;

	if (family)
		mnl_attr_put_u8(nlh, LBDR_A_CONN_FAMILY, family);
	if (wide) {
		nl_put_service_of(nlh, LBDR_A_CONN_SERVICE, &req->service);
	} else if (req->has_service) {
		mnl_attr_put_u8(nlh, LBDR_A_CONN_PROTOCOL,
				req->service.protocol);
		nl_put_address(nlh, LBDR_A_CONN_VIRTUAL_ADDRESS, at);
	}
	/* No method of forwarding changes a port: the server's is the virtual one. */
	if (at->port && !wide)
		mnl_attr_put_u16(nlh, LBDR_A_CONN_VIRTUAL_PORT,
				 htons(at->port));
	if (*req->service.vrf)
		mnl_attr_put_strz(nlh, LBDR_A_CONN_VRF, req->service.vrf);
	if (req->server_text)
		nl_put_address(nlh, LBDR_A_CONN_SERVER_ADDRESS, &req->server);
	if (req->conns.client_text) {
		nl_put_address(nlh, LBDR_A_CONN_CLIENT_ADDRESS, &req->conns.client);
		mnl_attr_put_u8(nlh, LBDR_A_CONN_CLIENT_PREFIX,
				req->conns.client_prefix);
	}
	if (req->conns.client.port)
		mnl_attr_put_u16(nlh, LBDR_A_CONN_CLIENT_PORT,
				 htons(req->conns.client.port));
	if (req->conns.state)
		mnl_attr_put_u8(nlh, LBDR_A_CONN_STATE, req->conns.state);
	if (req->conns.idle_text)
		mnl_attr_put_u32(nlh, LBDR_A_CONN_IDLE_MIN, req->conns.idle * 1000);
	if (req->conns.recent_text)
		mnl_attr_put_u32(nlh, LBDR_A_CONN_IDLE_MAX, req->conns.recent * 1000);
}

static bool read_conn(const struct nlmsghdr *nlh, void *data)
{
	struct listing *listing = data;
	const struct request *req = listing->req;
	struct conn conn;

	if (!decode_conn(nlh, &conn))
		return false;
	print_title(listing);
	if (req->json)
		conn_json(&listing->json, &conn);
	else
		conn_print(&conn, req);
	return true;
}

void conns_warn(void)
{
	complain("warning: the table changed during the dump: entries may be missing or repeated");
}

int conns_list(struct nl *nl, const struct request *req)
{
	struct nlmsghdr *nlh = nl_dump_request(nl, LBDR_CMD_CONN_GET);
	struct listing listing = { .req = req };
	struct nl_answer answer;
	int status;

	json_list_begin(&listing.json, req->pretty);
	conns_filter(nlh, req);
	nl_ask(nl, nlh, read_conn, &listing, &answer);
	status = nl_verdict(&answer, "connection");
	if (status)
		return status;
	if (req->json)
		json_list_end(&listing.json);
	else
		print_title(&listing);
	if (answer.torn)
		conns_warn();
	return status;
}

static bool read_killed(const struct nlmsghdr *nlh, void *data)
{
	return decode_killed(nlh, data);
}

int conns_del(struct nl *nl, const struct request *req)
{
	struct nlmsghdr *nlh = nl_request(nl, LBDR_CMD_CONN_DEL);
	__u32 ended = 0;
	int status;

	conns_filter(nlh, req);
	status = nl_run(nl, nlh, read_killed, &ended, "connection");
	if (!status)
		printf("%u connection%s ended\n", ended, ended == 1 ? "" : "s");
	return status;
}

int conns_run(struct nl *nl, const struct request *req)
{
	if (req->conns.kill)
		return conns_del(nl, req);
	if (req->conns.count)
		return tally_count(nl, req);
	if (req->conns.count_by_text)
		return tally_groups(nl, req);
	return conns_list(nl, req);
}
