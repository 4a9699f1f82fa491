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
	if (req->stray_text)
		mnl_attr_put_u8(nlh, LBDR_A_SERVICE_STRAY, req->stray);
	if (req->timeouts_text)
		nl_put_timeouts(nlh, LBDR_A_SERVICE_TIMEOUT, &req->timeouts);
}

/* ipvsadm's -E knows a persistent service only by its -p and -M. */
static void put_persistence(struct nlmsghdr *nlh, const struct request *req,
			    bool whole)
{
	__u8 all = req->service.at.family == AF_INET ? 32 : 128;

	if (req->persist_text || whole)
		mnl_attr_put_u32(nlh, LBDR_A_SERVICE_PERSIST, req->persist);
	if (req->netmask_text || whole)
		mnl_attr_put_u8(nlh, LBDR_A_SERVICE_PERSIST_PREFIX,
				req->netmask_text ? req->prefix : all);
}

/* Options that are named, and what they are to be; ipvsadm's -o is always named. */
static void put_flags(struct nlmsghdr *nlh, const struct request *req)
{
	__u32 flags = 0, mask = 0;

	if (req->one_packet || req->no_one_packet || req->ipvsadm)
		mask |= LBDR_SERVICE_FLAG_ONE_PACKET;
	if (req->one_packet)
		flags |= LBDR_SERVICE_FLAG_ONE_PACKET;
	if (req->quiescent_text)
		mask |= LBDR_SERVICE_FLAG_EXPIRE_QUIESCENT;
	if (req->quiescent_text && req->expire_quiescent)
		flags |= LBDR_SERVICE_FLAG_EXPIRE_QUIESCENT;
	if (!mask)
		return;
	mnl_attr_put_u32(nlh, LBDR_A_SERVICE_FLAGS, flags);
	mnl_attr_put_u32(nlh, LBDR_A_SERVICE_FLAGS_MASK, mask);
}

static int send_settings(struct nl *nl, const struct request *req,
			 struct nlmsghdr *nlh)
{
	struct nl_answer answer;
	bool unknown;
	int status;

	nl_ask(nl, nlh, NULL, NULL, &answer);
	unknown = req->scheduler && answer.error == ENOENT;
	status = nl_verdict(&answer, unknown ? "scheduler" : "service");
	if (unknown)
		schedulers_name(nl, stderr);
	return status;
}

struct nlmsghdr *service_add_message(struct nl *nl, const struct request *req)
{
	struct nlmsghdr *nlh = nl_request(nl, LBDR_CMD_SERVICE_NEW);

	nl_put_service(nlh, &req->service);
	put_settings(nlh, req);
	put_persistence(nlh, req, false);
	put_flags(nlh, req);
	return nlh;
}

int service_add(struct nl *nl, const struct request *req)
{
	int status = send_settings(nl, req, service_add_message(nl, req));

	if (!status)
		rules_warn(nl, req, &req->service, true);
	return status;
}

struct nlmsghdr *service_edit_message(struct nl *nl, const struct request *req)
{
	struct nlmsghdr *nlh = nl_request(nl, LBDR_CMD_SERVICE_SET);

	nl_put_service(nlh, &req->service);
	put_settings(nlh, req);
	put_persistence(nlh, req, req->ipvsadm);
	put_flags(nlh, req);
	return nlh;
}

int service_edit(struct nl *nl, const struct request *req)
{
	return send_settings(nl, req, service_edit_message(nl, req));
}

/* A change that needs no more than the service, or none for all of them. */
static struct nlmsghdr *change_message(struct nl *nl, const struct request *req,
				       __u8 command)
{
	struct nlmsghdr *nlh = nl_request(nl, command);

	if (req->has_service)
		nl_put_service(nlh, &req->service);
	return nlh;
}

static int change(struct nl *nl, struct nlmsghdr *nlh)
{
	struct nl_answer answer;

	nl_ask(nl, nlh, NULL, NULL, &answer);
	return nl_verdict(&answer, "service");
}

struct nlmsghdr *service_del_message(struct nl *nl, const struct request *req)
{
	struct nlmsghdr *nlh = change_message(nl, req, LBDR_CMD_SERVICE_DEL);

	if (req->hold)
		mnl_attr_put_u32(nlh, LBDR_A_SERVICE_HOLD, req->hold);
	return nlh;
}

int service_del(struct nl *nl, const struct request *req)
{
	return change(nl, service_del_message(nl, req));
}

int service_zero(struct nl *nl, const struct request *req)
{
	return change(nl, change_message(nl, req, LBDR_CMD_ZERO));
}

struct nlmsghdr *service_clear_message(struct nl *nl, const struct request *req)
{
	return change_message(nl, req, LBDR_CMD_FLUSH);
}

int service_clear(struct nl *nl, const struct request *req)
{
	return change(nl, service_clear_message(nl, req));
}
