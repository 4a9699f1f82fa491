// SPDX-License-Identifier: GPL-2.0
/*
 * The verbs that change the servers of a service.
 */
#include <stdio.h>
#include <arpa/inet.h>

#include "lbctl.h"

static struct nlmsghdr *server_request(struct nl *nl, const struct request *req,
				       __u8 command)
{
	const struct endpoint *at = &req->server;
	struct nlmsghdr *nlh = nl_request(nl, command);
	struct nlattr *nest;

	nest = mnl_attr_nest_start(nlh, LBDR_A_SERVER_SERVICE);
	nl_put_service(nlh, &req->service);
	mnl_attr_nest_end(nlh, nest);
	nl_put_address(nlh, LBDR_A_SERVER_ADDRESS, at);
	mnl_attr_put_u16(nlh, LBDR_A_SERVER_PORT, htons(at->port));
	return nlh;
}

static int verdict(struct nl *nl, struct nlmsghdr *nlh)
{
	struct nl_answer answer;

	nl_ask(nl, nlh, NULL, NULL, &answer);
	return nl_verdict(&answer, "server");
}

static struct nlmsghdr *shares_message(struct nl *nl, const struct request *req,
				       __u8 command)
{
	struct nlmsghdr *nlh = server_request(nl, req, command);

	mnl_attr_put_u32(nlh, LBDR_A_SERVER_WEIGHT, req->weight);
	/* What is left out stays, but with ipvsadm, where it is no threshold. */
	if (req->upper_text || req->ipvsadm)
		mnl_attr_put_u32(nlh, LBDR_A_SERVER_UPPER, req->upper);
	if (req->lower_text || req->ipvsadm)
		mnl_attr_put_u32(nlh, LBDR_A_SERVER_LOWER, req->lower);
	if (req->direct)
		mnl_attr_put_u8(nlh, LBDR_A_SERVER_FORWARD, LBDR_FORWARD_DR);
	return nlh;
}

struct nlmsghdr *server_add_message(struct nl *nl, const struct request *req)
{
	return shares_message(nl, req, LBDR_CMD_SERVER_NEW);
}

int server_add(struct nl *nl, const struct request *req)
{
	return verdict(nl, server_add_message(nl, req));
}

struct nlmsghdr *server_edit_message(struct nl *nl, const struct request *req)
{
	return shares_message(nl, req, LBDR_CMD_SERVER_SET);
}

int server_edit(struct nl *nl, const struct request *req)
{
	return verdict(nl, server_edit_message(nl, req));
}

struct nlmsghdr *server_del_message(struct nl *nl, const struct request *req)
{
	struct nlmsghdr *nlh = server_request(nl, req, LBDR_CMD_SERVER_DEL);

	if (req->drain)
		mnl_attr_put(nlh, LBDR_A_SERVER_DRAIN, 0, NULL);
	if (req->hold)
		mnl_attr_put_u32(nlh, LBDR_A_SERVER_HOLD, req->hold);
	return nlh;
}

int server_del(struct nl *nl, const struct request *req)
{
	return verdict(nl, server_del_message(nl, req));
}
