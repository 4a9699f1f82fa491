// SPDX-License-Identifier: GPL-2.0
/*
 * The verbs that change services: one request each, and the kernel's verdict.
 */
#include <errno.h>
#include <ifaddrs.h>
#include <net/if.h>
#include <stdio.h>
#include <string.h>

#include "lbctl.h"

/*
 * Verbs keep what they do not name. ipvsadm's letters set all that ipvsadm knows:
 * without -s the scheduler is wlc, without -b it has no flags.
 */
static void put_settings(struct nlmsghdr *nlh, const struct request *req, bool edits)
{
	const struct service_args *args = &req->settings;
	const struct service *want = &args->want;
	/* Without -p and -M, -E ends persistence. */
	bool whole = req->letters && edits;

	if (args->scheduler || req->letters)
		mnl_attr_put_strz(nlh, LBDR_A_SERVICE_SCHEDULER, want->scheduler);
	if (args->flags_text || req->letters)
		mnl_attr_put_u32(nlh, LBDR_A_SERVICE_SCHED_FLAGS, want->sched_flags);
	if (args->mh_size_text)
		mnl_attr_put_u32(nlh, LBDR_A_SERVICE_SCHED_SIZE, want->mh_size);
	if (args->refuse_text)
		mnl_attr_put_u8(nlh, LBDR_A_SERVICE_REFUSE, want->refuse);
	if (args->stray_text)
		mnl_attr_put_u8(nlh, LBDR_A_SERVICE_STRAY, want->stray);
	if (args->timeouts_text)
		nl_put_timeouts(nlh, LBDR_A_SERVICE_TIMEOUT, &want->timeouts);
	if (args->persist_text || whole)
		mnl_attr_put_u32(nlh, LBDR_A_SERVICE_PERSIST, want->persist);
	if (args->netmask_text || whole)
		mnl_attr_put_u8(nlh, LBDR_A_SERVICE_PERSIST_PREFIX, want->prefix);
	if (!args->flags_given)
		return;
	mnl_attr_put_u32(nlh, LBDR_A_SERVICE_FLAGS, want->flags);
	mnl_attr_put_u32(nlh, LBDR_A_SERVICE_FLAGS_MASK, args->flags_given);
}

static int send_settings(struct nl *nl, const struct request *req,
			 struct nlmsghdr *nlh)
{
	struct nl_answer answer;
	bool unknown;
	int status;

	nl_ask(nl, nlh, NULL, NULL, &answer);
	unknown = req->settings.scheduler && answer.error == ENOENT;
	status = nl_verdict(&answer, unknown ? "scheduler" : "service");
	if (unknown)
		schedulers_name(nl, stderr);
	return status;
}

struct nlmsghdr *service_add_message(struct nl *nl, const struct request *req)
{
	struct nlmsghdr *nlh = nl_request(nl, LBDR_CMD_SERVICE_NEW);

	nl_put_service(nlh, &req->service);
	put_settings(nlh, req, false);
	return nlh;
}

static bool same_address(const struct sockaddr *address,
			 const struct endpoint *at)
{
	const struct sockaddr_in *in = (const struct sockaddr_in *)address;

	return in && in->sin_family == AF_INET &&
	       !memcmp(&in->sin_addr, at->address, 4);
}

/*
 * Routers and clients would send to all hosts of the subnet, and hosts answer. An
 * address with the prefix /32 has itself as broadcast address.
 */
static bool is_broadcast(const struct ifaddrs *list, const struct endpoint *at)
{
	for (; list; list = list->ifa_next) {
		if ((list->ifa_flags & IFF_BROADCAST) &&
		    same_address(list->ifa_broadaddr, at) &&
		    !same_address(list->ifa_addr, at))
			return true;
	}
	return false;
}

/**
 * service_warn() - warn of a service that is added but cannot work
 * @req: the request; its namespace is the service's
 * @key: the service
 *
 * The addresses of devices are read once.
 */
void service_warn(const struct request *req, const struct service_key *key)
{
	static struct ifaddrs *list;
	static bool read;
	char text[ENDPOINT_TEXT];

	if (key->fwmark || key->at.family != AF_INET)
		return;
	if (!read && netns_addresses(req->netns, &list))
		list = NULL;
	read = true;
	if (is_broadcast(list, &key->at))
		complain("warning: VIP %s is the broadcast address of a subnet of this host",
			 address_text(&key->at, text));
}

int service_add(struct nl *nl, const struct request *req)
{
	service_warn(req, &req->service);
	return send_settings(nl, req, service_add_message(nl, req));
}

struct nlmsghdr *service_edit_message(struct nl *nl, const struct request *req)
{
	struct nlmsghdr *nlh = nl_request(nl, LBDR_CMD_SERVICE_SET);

	nl_put_service(nlh, &req->service);
	put_settings(nlh, req, true);
	return nlh;
}

int service_edit(struct nl *nl, const struct request *req)
{
	return send_settings(nl, req, service_edit_message(nl, req));
}

/* A command with a service as only argument, or none for all of them. */
static struct nlmsghdr *change_message(struct nl *nl, const struct request *req,
				       __u8 command)
{
	struct nlmsghdr *nlh = nl_request(nl, command);

	if (req->has_service)
		nl_put_service(nlh, &req->service);
	return nlh;
}

struct nlmsghdr *service_del_message(struct nl *nl, const struct request *req)
{
	struct nlmsghdr *nlh = change_message(nl, req, LBDR_CMD_SERVICE_DEL);

	if (req->hold)
		mnl_attr_put_u32(nlh, LBDR_A_SERVICE_HOLD, req->hold);
	return nlh;
}

int service_zero(struct nl *nl, const struct request *req)
{
	return nl_run(nl, change_message(nl, req, LBDR_CMD_ZERO), NULL, NULL,
		      "service");
}

struct nlmsghdr *service_clear_message(struct nl *nl, const struct request *req)
{
	struct nlmsghdr *nlh = change_message(nl, req, LBDR_CMD_FLUSH);

	if (req->all_namespaces)
		mnl_attr_put(nlh, LBDR_A_SERVICE_ALL_NAMESPACES, 0, NULL);
	return nlh;
}
