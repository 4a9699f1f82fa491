// SPDX-License-Identifier: GPL-2.0
/*
 * The verbs that change the servers of a service.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "lbctl.h"

static struct nlmsghdr *server_request(struct nl *nl, const struct request *req,
				       __u8 command)
{
	const struct endpoint *at = &req->server;
	struct nlmsghdr *nlh = nl_request(nl, command);

	nl_put_service_of(nlh, LBDR_A_SERVER_SERVICE, &req->service);
	nl_put_address(nlh, LBDR_A_SERVER_ADDRESS, at);
	/* A command by its name leaves the label as it is. */
	if (req->letters)
		mnl_attr_put_u16(nlh, LBDR_A_SERVER_PORT, htons(at->port));
	return nlh;
}

static struct nlmsghdr *settings_message(struct nl *nl, const struct request *req,
					 __u8 command)
{
	struct nlmsghdr *nlh = server_request(nl, req, command);

	settings_put(nlh, &req->real, req->letters,
		     command == LBDR_CMD_SERVER_NEW);
	tunnel_put(nlh, &req->real.tun, &req->server, req->letters,
		   command == LBDR_CMD_SERVER_NEW);
	return nlh;
}

struct nlmsghdr *server_add_message(struct nl *nl, const struct request *req)
{
	return settings_message(nl, req, LBDR_CMD_SERVER_NEW);
}

struct nlmsghdr *server_edit_message(struct nl *nl, const struct request *req)
{
	return settings_message(nl, req, LBDR_CMD_SERVER_SET);
}

struct nlmsghdr *server_del_message(struct nl *nl, const struct request *req)
{
	struct nlmsghdr *nlh = server_request(nl, req, LBDR_CMD_SERVER_DEL);

	if (req->real.drain_text)
		mnl_attr_put(nlh, LBDR_A_SERVER_DRAIN, 0, NULL);
	if (req->hold)
		mnl_attr_put_u32(nlh, LBDR_A_SERVER_HOLD, req->hold);
	return nlh;
}

struct drain {
	const struct endpoint *at;
	bool present;
	bool draining;
};

static bool read_drain(const struct nlmsghdr *nlh, void *data)
{
	struct drain *drain = data;
	struct server server;

	if (!decode_server(nlh, &server))
		return false;
	if (!endpoint_same_host(&server.at, drain->at))
		return true;
	drain->present = true;
	drain->draining = server.draining;
	return true;
}

static int ask_drain(struct nl *nl, const struct request *req,
		     struct drain *drain)
{
	struct nlmsghdr *nlh = nl_dump_request(nl, LBDR_CMD_SERVER_GET);
	struct nl_answer answer;

	drain->at = &req->server;
	drain->present = false;
	nl_put_service_of(nlh, LBDR_A_SERVER_SERVICE, &req->service);
	nl_ask(nl, nlh, read_drain, drain, &answer);
	/* The service was removed. */
	if (answer.error == ESRCH)
		return EXIT_DONE;
	return nl_verdict(&answer, "server");
}

/* How often to ask whether a server has drained. */
#define DRAIN_LOOK_MS 200

/*
 * Waits until the server was removed, or the time is over: then removes it with the
 * connections that it still has.
 */
static int wait_drained(struct nl *nl, const struct request *req)
{
	const struct timespec look = { .tv_nsec = DRAIN_LOOK_MS * 1000000L };
	double end = seconds_now() + req->real.drain_s;
	struct drain drain;
	int status;

	for (;;) {
		status = ask_drain(nl, req, &drain);
		if (status || !drain.present)
			return status;
		if (!drain.draining) {
			complain("the server was added again while it drained");
			return EXIT_REFUSED;
		}
		if (seconds_now() >= end)
			break;
		nanosleep(&look, NULL);
	}
	return nl_run(nl, server_request(nl, req, LBDR_CMD_SERVER_DEL), NULL, NULL,
		      "server");
}

int server_del(struct nl *nl, const struct request *req)
{
	int status = message_run(nl, req);

	return status || !req->real.drain_s ? status : wait_drained(nl, req);
}
