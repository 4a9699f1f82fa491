// SPDX-License-Identifier: GPL-2.0
/*
 * The netlink socket: resolves the family, sends requests and passes replies to their
 * readers.
 */
#include <errno.h>
#include <fcntl.h>
#include <ifaddrs.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <linux/genetlink.h>
#include <linux/ip_vs.h>

#include "lbctl.h"

/* A request is a few hundred bytes; an answer is what the kernel batches. */
#define REQUEST_ROOM 4096
#define ANSWER_ROOM 65536

struct nl {
	/* Aligned to eight bytes. */
	__u64 request[REQUEST_ROOM / 8];
	__u64 answer[ANSWER_ROOM / 8];
	struct mnl_socket *socket;
	struct mnl_socket *route;	/* of rtnetlink; NULL until it is needed */
	const char *netns;
	unsigned int seq;
	__u16 family;
};

static struct mnl_socket *socket_here(int bus)
{
	static const int options[] = {
		NETLINK_EXT_ACK, NETLINK_CAP_ACK, NETLINK_GET_STRICT_CHK,
	};
	struct mnl_socket *sock;
	int one = 1;
	size_t i;

	sock = mnl_socket_open(bus);
	if (!sock || mnl_socket_bind(sock, 0, MNL_SOCKET_AUTOPID) < 0)
		goto err_errno;
	for (i = 0; i < ARRAY_SIZE(options); i++) {
		if (mnl_socket_setsockopt(sock, options[i], &one,
					  sizeof(one)) < 0)
			goto err_errno;
	}
	return sock;

err_errno:
	complain("cannot open a netlink socket: %s", strerror(errno));
	if (sock)
		mnl_socket_close(sock);
	return NULL;
}

/*
 * Runs a function in a network namespace and returns to the caller's one, whose
 * resolver is used for names. Returns the function's value, or -1 after a message.
 */
static int call_in(const char *netns, int (*call)(void *data), void *data)
{
	int status = -1;
	int home;

	if (!netns)
		return call(data);
	home = open("/proc/self/ns/net", O_RDONLY | O_CLOEXEC);
	if (home < 0) {
		complain("cannot open /proc/self/ns/net: %s", strerror(errno));
		return -1;
	}
	if (!netns_enter(netns)) {
		status = call(data);
		if (setns(home, CLONE_NEWNET)) {
			complain("cannot leave the network namespace '%s': %s",
				 netns, strerror(errno));
			status = -1;
		}
	}
	close(home);
	return status;
}

/* A socket stays in the namespace that it was opened in. */
static int call_socket(void *data)
{
	struct mnl_socket **sock = data;

	*sock = socket_here(NETLINK_GENERIC);
	return *sock ? 0 : -1;
}

static int call_route(void *data)
{
	struct mnl_socket **sock = data;

	*sock = socket_here(NETLINK_ROUTE);
	return *sock ? 0 : -1;
}

static int call_addresses(void *data)
{
	return getifaddrs(data);
}

/* The addresses of a namespace's devices; 0 or -1. */
int netns_addresses(const char *netns, struct ifaddrs **list)
{
	return call_in(netns, call_addresses, list);
}

static struct nlmsghdr *begin(struct nl *nl, __u16 family, __u8 command,
			      __u8 version, __u16 flags)
{
	struct nlmsghdr *nlh = mnl_nlmsg_put_header(nl->request);
	struct genlmsghdr *genl;

	nlh->nlmsg_type = family;
	nlh->nlmsg_flags = NLM_F_REQUEST | flags;
	genl = mnl_nlmsg_put_extra_header(nlh, sizeof(*genl));
	genl->cmd = command;
	genl->version = version;
	return nlh;
}

struct nlmsghdr *nl_request(struct nl *nl, __u8 command)
{
	return begin(nl, nl->family, command, LBDR_FAMILY_VERSION, NLM_F_ACK);
}

struct nlmsghdr *nl_dump_request(struct nl *nl, __u8 command)
{
	return begin(nl, nl->family, command, LBDR_FAMILY_VERSION, NLM_F_DUMP);
}

void nl_put_address(struct nlmsghdr *nlh, __u16 type, const struct endpoint *at)
{
	mnl_attr_put(nlh, type, at->family == AF_INET ? 4 : 16, at->address);
}

void nl_put_service(struct nlmsghdr *nlh, const struct service_key *key)
{
	mnl_attr_put_u8(nlh, LBDR_A_SERVICE_FAMILY, key->at.family);
	if (*key->vrf)
		mnl_attr_put_strz(nlh, LBDR_A_SERVICE_VRF, key->vrf);
	if (key->fwmark) {
		mnl_attr_put_u32(nlh, LBDR_A_SERVICE_FWMARK, key->fwmark);
		return;
	}
	mnl_attr_put_u8(nlh, LBDR_A_SERVICE_PROTOCOL, key->protocol);
	nl_put_address(nlh, LBDR_A_SERVICE_ADDRESS, &key->at);
	mnl_attr_put_u16(nlh, LBDR_A_SERVICE_PORT, htons(key->at.port));
	if (key->at.last_port)
		mnl_attr_put_u16(nlh, LBDR_A_SERVICE_LAST_PORT,
				 htons(key->at.last_port));
}

/* The service that a server, or a filter of connections, is of. */
void nl_put_service_of(struct nlmsghdr *nlh, __u16 type, const struct service_key *key)
{
	struct nlattr *nest = mnl_attr_nest_start(nlh, type);

	nl_put_service(nlh, key);
	mnl_attr_nest_end(nlh, nest);
}

/* The attributes of timeouts have the numbers of the states. */
void nl_put_timeouts(struct nlmsghdr *nlh, __u16 type,
		     const struct timeouts *timeouts)
{
	struct nlattr *nest = mnl_attr_nest_start(nlh, type);
	__u16 state;

	for (state = 1; state <= LBDR_A_TIMEOUT_MAX; state++) {
		if (timeouts->given[state])
			mnl_attr_put_u32(nlh, state, timeouts->seconds[state]);
	}
	mnl_attr_nest_end(nlh, nest);
}

/* The expected replies and their reader. */
struct answers {
	__u32 first;		/* sequence number of the first request */
	__u32 last;
	__u16 family;
	nl_reader reader;
	void *data;
	struct nl_answer *answer;
	size_t failed;		/* the first request that was refused */
};

/* Reads a message; true when it was the last one. */
static bool read_message(const struct nlmsghdr *nlh, struct answers *answers)
{
	struct nl_answer *answer = answers->answer;
	struct nl_answer verdict;
	__u32 at = nlh->nlmsg_seq - answers->first;

	if (nlh->nlmsg_flags & NLM_F_DUMP_INTR)
		answer->torn = true;
	if (nlh->nlmsg_type == NLMSG_ERROR || nlh->nlmsg_type == NLMSG_DONE) {
		decode_verdict(nlh, &verdict);
		/* The sentence of the first error is kept: others may be consequences. */
		if (!answer->error) {
			answer->error = verdict.error;
			strcpy(answer->sentence, verdict.sentence);
		}
		if (verdict.error)
			answer->refused++;
		if (answer->error && answers->failed > at)
			answers->failed = at;
		return nlh->nlmsg_seq == answers->last;
	}
	if (nlh->nlmsg_type < NLMSG_MIN_TYPE)
		return false;
	if (nlh->nlmsg_type == answers->family && answers->reader &&
	    answers->reader(nlh, answers->data))
		return false;
	answer->error = EBADMSG;
	return true;
}

/* Receives until the last request was answered. */
static void receive(struct nl *nl, struct answers *answers)
{
	unsigned int portid = mnl_socket_get_portid(nl->socket);
	const struct nlmsghdr *nlh;
	ssize_t size;
	int left;

	for (;;) {
		/* The libmnl call refuses a datagram that was cut. */
		size = mnl_socket_recvfrom(nl->socket, nl->answer,
					   sizeof(nl->answer));
		if (size < 0 && errno == EINTR)
			continue;
		if (size <= 0) {
			answers->answer->error = size ? errno : EBADMSG;
			answers->failed = 0;
			return;
		}
		nlh = (const void *)nl->answer;
		left = size;
		for (; decode_next(nlh, left);
		     nlh = mnl_nlmsg_next(nlh, &left)) {
			if (mnl_nlmsg_portid_ok(nlh, portid) &&
			    nlh->nlmsg_seq - answers->first <=
			    answers->last - answers->first &&
			    read_message(nlh, answers))
				return;
		}
	}
}

/**
 * nl_ask() - send a request and wait for the end of the answer
 * @nl: the connection with the kernel
 * @nlh: the request, may be sent again
 * @reader: called for each message that is neither acknowledgment nor end
 * @data: handed to @reader
 * @answer: how it ended
 */
void nl_ask(struct nl *nl, struct nlmsghdr *nlh, nl_reader reader, void *data,
	    struct nl_answer *answer)
{
	struct answers answers = {
		.first = ++nl->seq, .last = nl->seq,
		.family = nlh->nlmsg_type, .reader = reader, .data = data,
		.answer = answer,
	};

	memset(answer, 0, sizeof(*answer));
	nlh->nlmsg_seq = nl->seq;
	if (mnl_socket_sendto(nl->socket, nlh, nlh->nlmsg_len) < 0)
		answer->error = errno;
	else
		receive(nl, &answers);
}

/**
 * nl_ask_many() - send requests in one go, and wait for the end of all
 * @nl: the connection with the kernel
 * @messages: the requests, one behind the other
 * @size: of all of them
 * @answer: how the first one ended that was refused, or the last one
 *
 * Only the last one asks to be acknowledged; refusals always come. There may be
 * NL_MANY of them, so that the refusals of all fit into the socket's buffer.
 *
 * Return: which one was refused, from 0 on; behind the last one if none was.
 */
size_t nl_ask_many(struct nl *nl, struct nlmsghdr *messages, size_t size,
		   struct nl_answer *answer)
{
	struct answers answers = { .first = nl->seq + 1, .answer = answer };
	struct nlmsghdr *nlh = messages;
	struct nlmsghdr *end = NULL;
	int left = size;

	for (; decode_next(nlh, left); nlh = mnl_nlmsg_next(nlh, &left)) {
		nlh->nlmsg_seq = ++nl->seq;
		nlh->nlmsg_flags &= ~NLM_F_ACK;
		end = nlh;
		answers.failed++;
	}
	memset(answer, 0, sizeof(*answer));
	if (!end)
		return 0;
	end->nlmsg_flags |= NLM_F_ACK;
	answers.last = nl->seq;
	if (mnl_socket_sendto(nl->socket, messages, size) < 0) {
		answer->error = errno;
		return 0;
	}
	receive(nl, &answers);
	return answers.failed;
}

static bool read_family(const struct nlmsghdr *nlh, void *data)
{
	return decode_family(nlh, data);
}

static int find_family(struct nl *nl, const char *name, const char *missing)
{
	struct nl_answer answer;
	struct nlmsghdr *nlh;

	nlh = begin(nl, GENL_ID_CTRL, CTRL_CMD_GETFAMILY, 1, NLM_F_ACK);
	mnl_attr_put_strz(nlh, CTRL_ATTR_FAMILY_NAME, name);
	nl_ask(nl, nlh, read_family, &nl->family, &answer);
	if (answer.error == ENOENT) {
		complain("%s", missing);
		return EXIT_REFUSED;
	}
	return nl_verdict(&answer, "netlink family");
}

static int open_family(struct nl **nl, const char *netns, const char *name,
		       const char *missing)
{
	int status = EXIT_REFUSED;

	*nl = or_exit(calloc(1, sizeof(**nl)));
	(*nl)->netns = netns;
	if (!call_in(netns, call_socket, &(*nl)->socket))
		status = find_family(*nl, name, missing);
	if (status) {
		nl_close(*nl);
		*nl = NULL;
	}
	return status;
}

int nl_open(struct nl **nl, const char *netns)
{
	return open_family(nl, netns, LBDR_FAMILY_NAME,
			   "the lbdr module is not loaded: try 'modprobe lbdr' or 'insmod lbdr.ko'");
}

/* The family of ip_vs; its version is 1, as lbdr's is. */
int nl_open_ipvs(struct nl **nl, const char *netns)
{
	return open_family(nl, netns, IPVS_GENL_NAME,
			   "ip_vs is not loaded: nothing to import");
}

/**
 * nl_route() - get the socket of rtnetlink in the namespace
 * @nl: the connection with the kernel
 *
 * Return: the socket, or NULL after a message.
 */
struct mnl_socket *nl_route(struct nl *nl)
{
	if (!nl->route)
		call_in(nl->netns, call_route, &nl->route);
	return nl->route;
}

void nl_close(struct nl *nl)
{
	if (!nl)
		return;
	if (nl->socket)
		mnl_socket_close(nl->socket);
	if (nl->route)
		mnl_socket_close(nl->route);
	free(nl);
}

static bool read_group(const struct nlmsghdr *nlh, void *data)
{
	return decode_group(nlh, LBDR_MCGRP_CONFIG, data);
}

/* Receive buffer, for bursts of notifications as by clear. */
#define LISTENER_ROOM (4 << 20)

/**
 * nl_listen() - subscribe to notifications
 * @nl: the connection with the kernel, from then on only for nl_hear()
 *
 * Return: the exit status.
 */
int nl_listen(struct nl *nl)
{
	/* The second group reports that the family is removed; its id is fixed. */
	__u32 groups[] = { 0, GENL_ID_CTRL };
	int room = LISTENER_ROOM;
	struct nl_answer answer;
	struct nlmsghdr *nlh;
	int status;
	size_t i;

	nlh = begin(nl, GENL_ID_CTRL, CTRL_CMD_GETFAMILY, 1, NLM_F_ACK);
	mnl_attr_put_strz(nlh, CTRL_ATTR_FAMILY_NAME, LBDR_FAMILY_NAME);
	nl_ask(nl, nlh, read_group, &groups[0], &answer);
	status = nl_verdict(&answer, "group of listeners");
	if (status)
		return status;
	/* Without CAP_NET_ADMIN the limit is net.core.rmem_max. */
	if (setsockopt(nl_fd(nl), SOL_SOCKET, SO_RCVBUFFORCE, &room,
		       sizeof(room)))
		setsockopt(nl_fd(nl), SOL_SOCKET, SO_RCVBUF, &room,
			   sizeof(room));
	for (i = 0; i < ARRAY_SIZE(groups); i++) {
		if (mnl_socket_setsockopt(nl->socket, NETLINK_ADD_MEMBERSHIP,
					  &groups[i], sizeof(groups[i])) < 0) {
			complain("cannot subscribe to notifications: %s",
				 strerror(errno));
			return EXIT_REFUSED;
		}
	}
	return EXIT_DONE;
}

static bool is_unload(const struct nlmsghdr *nlh, __u16 family)
{
	const struct genlmsghdr *genl = mnl_nlmsg_get_payload(nlh);
	__u16 id;

	return mnl_nlmsg_get_payload_len(nlh) >= sizeof(*genl) &&
	       genl->cmd == CTRL_CMD_DELFAMILY && decode_family(nlh, &id) &&
	       id == family;
}

/**
 * nl_hear() - read notifications
 * @nl: after nl_listen()
 * @reader: called for each message
 * @data: handed to @reader
 *
 * Return: 0, or -ENOBUFS if some were lost, -ENODEV if the module was unloaded,
 * -EBADMSG for a malformed one, or another error.
 */
int nl_hear(struct nl *nl, nl_reader reader, void *data)
{
	const struct nlmsghdr *nlh = (const void *)nl->answer;
	ssize_t size;
	int left;

	size = mnl_socket_recvfrom(nl->socket, nl->answer, sizeof(nl->answer));
	if (size <= 0)
		return size ? -errno : -EBADMSG;
	for (left = size; decode_next(nlh, left);
	     nlh = mnl_nlmsg_next(nlh, &left)) {
		if (nlh->nlmsg_type == GENL_ID_CTRL &&
		    is_unload(nlh, nl->family))
			return -ENODEV;
		if (nlh->nlmsg_type == nl->family && !reader(nlh, data))
			return -EBADMSG;
	}
	return 0;
}

int nl_fd(const struct nl *nl)
{
	return mnl_socket_get_fd(nl->socket);
}
