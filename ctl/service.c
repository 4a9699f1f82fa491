// SPDX-License-Identifier: GPL-2.0
/*
 * The verbs that change services: one request each, and the kernel's verdict.
 */
#include <errno.h>
#include <stdio.h>

#include "lbctl.h"

/*
 * What is left out stays as it is. Called as ipvsadm, options of a scheduler
 * that is named are taken off where they are not named, as ipvsadm does.
 */
static void put_settings(struct nlmsghdr *nlh, const struct request *req)
{
	if (req->scheduler)
		mnl_attr_put_strz(nlh, LBDR_A_SERVICE_SCHEDULER,
				  req->scheduler);
	if (req->flags_text || (req->ipvsadm && req->scheduler))
		mnl_attr_put_u32(nlh, LBDR_A_SERVICE_SCHED_FLAGS,
				 req->sched_flags);
	if (req->mh_size_text)
		mnl_attr_put_u32(nlh, LBDR_A_SERVICE_SCHED_SIZE, req->mh_size);
	if (req->refuse_text)
		mnl_attr_put_u8(nlh, LBDR_A_SERVICE_REFUSE, req->refuse);
}

/* A change about the service of @req, @req's settings included. */
static int change(struct nl *nl, const struct request *req, __u8 command)
{
	struct nlmsghdr *nlh = nl_request(nl, command);
	struct nl_answer answer;
	bool unknown;
	int status;

	if (req->has_service)
		nl_put_service(nlh, &req->service);
	put_settings(nlh, req);
	nl_ask(nl, nlh, NULL, NULL, &answer);
	unknown = req->scheduler && answer.error == ENOENT;
	status = nl_verdict(&answer, unknown ? "scheduler" : "service");
	if (unknown)
		schedulers_name(nl, stderr);
	return status;
}

int service_add(struct nl *nl, const struct request *req)
{
	return change(nl, req, LBDR_CMD_SERVICE_NEW);
}

int service_edit(struct nl *nl, const struct request *req)
{
	return change(nl, req, LBDR_CMD_SERVICE_SET);
}

int service_del(struct nl *nl, const struct request *req)
{
	return change(nl, req, LBDR_CMD_SERVICE_DEL);
}

int service_zero(struct nl *nl, const struct request *req)
{
	return change(nl, req, LBDR_CMD_ZERO);
}

int service_clear(struct nl *nl, const struct request *req)
{
	return change(nl, req, LBDR_CMD_FLUSH);
}
