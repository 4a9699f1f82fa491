// SPDX-License-Identifier: GPL-2.0
/*
 * The entry xdp: attaches the program of xdp_program.c to devices, and detaches it.
 *
 * The module does not know this entry: its own is prerouting then, which gets what the
 * program passes. Which devices have the program is asked of the kernel each time, so it
 * need not be remembered anywhere.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <linux/if_link.h>
#include <linux/rtnetlink.h>

#include "ethtool.h"
#include "lbctl.h"

#define ANSWER_ROOM 65536

/* A device of the namespace. */
struct link {
	int index;
	int lower;		/* index of the device below, 0: none here */
	int master;		/* index of the device that it is a port of, 0: none */
	char name[IFNAMSIZ];
	char kind[16];
	__u32 program;		/* 0: none */
	bool ours;
	bool fresh;		/* attached by this command */
};

/* What there is, and the program that xdp_attach() has loaded. */
static struct {
	struct link *link;
	size_t count;
	size_t room;
	int program;
} links = { .program = -1 };

static void close_program(void)
{
	if (links.program >= 0)
		close(links.program);
	links.program = -1;
}

static void read_kind(const struct nlattr *info, struct link *link)
{
	const struct nlattr *attr;

	mnl_attr_for_each_nested(attr, info)
		if (mnl_attr_get_type(attr) == IFLA_INFO_KIND)
			snprintf(link->kind, sizeof(link->kind), "%s",
				 mnl_attr_get_str(attr));
}

static void read_program(const struct nlattr *xdp, struct link *link)
{
	const struct nlattr *attr;

	mnl_attr_for_each_nested(attr, xdp)
		if (mnl_attr_get_type(attr) == IFLA_XDP_PROG_ID)
			link->program = mnl_attr_get_u32(attr);
}

static void read_link(const struct nlmsghdr *nlh)
{
	const struct ifinfomsg *ifi = mnl_nlmsg_get_payload(nlh);
	const struct nlattr *attr;
	bool elsewhere = false;
	struct link *link;
	int fd;

	links.link = grow(links.link, &links.room, links.count, sizeof(*link));
	link = &links.link[links.count++];
	memset(link, 0, sizeof(*link));
	link->index = ifi->ifi_index;
	mnl_attr_for_each(attr, nlh, sizeof(*ifi)) {
		switch (mnl_attr_get_type(attr)) {
		case IFLA_IFNAME:
			snprintf(link->name, sizeof(link->name), "%s",
				 mnl_attr_get_str(attr));
			break;
		case IFLA_LINK:
			link->lower = mnl_attr_get_u32(attr);
			break;
		case IFLA_LINK_NETNSID:
			elsewhere = true;
			break;
		case IFLA_MASTER:
			link->master = mnl_attr_get_u32(attr);
			break;
		case IFLA_LINKINFO:
			read_kind(attr, link);
			break;
		case IFLA_XDP:
			read_program(attr, link);
			break;
		}
	}
	/* An index of another namespace may be that of a device here. */
	if (elsewhere)
		link->lower = 0;
	if (!link->program)
		return;
	fd = xdp_program_open(link->program);
	link->ours = fd >= 0;
	if (link->ours)
		close(fd);
}

/* Sends a request of rtnetlink and reads all that answers it. */
static void route_ask(struct nl *nl, struct nlmsghdr *nlh, struct nl_answer *answer)
{
	static __u64 room[ANSWER_ROOM / 8];
	struct mnl_socket *sock = nl_route(nl);
	const struct nlmsghdr *reply;
	ssize_t size;
	int left;

	memset(answer, 0, sizeof(*answer));
	if (!sock || mnl_socket_sendto(sock, nlh, nlh->nlmsg_len) < 0) {
		answer->error = errno;
		return;
	}
	for (;;) {
		size = mnl_socket_recvfrom(sock, room, sizeof(room));
		if (size < 0 && errno == EINTR)
			continue;
		if (size <= 0) {
			answer->error = size ? errno : EBADMSG;
			return;
		}
		reply = (const void *)room;
		left = size;
		for (; decode_next(reply, left); reply = mnl_nlmsg_next(reply, &left)) {
			if (reply->nlmsg_type == NLMSG_ERROR ||
			    reply->nlmsg_type == NLMSG_DONE) {
				decode_verdict(reply, answer);
				return;
			}
			if (reply->nlmsg_type == RTM_NEWLINK &&
			    mnl_nlmsg_get_payload_len(reply) >= sizeof(struct ifinfomsg))
				read_link(reply);
		}
	}
}

static struct nlmsghdr *link_request(void *room, __u16 type, __u16 flags, int index)
{
	struct nlmsghdr *nlh = mnl_nlmsg_put_header(room);
	struct ifinfomsg *ifi;

	nlh->nlmsg_type = type;
	nlh->nlmsg_flags = NLM_F_REQUEST | flags;
	ifi = mnl_nlmsg_put_extra_header(nlh, sizeof(*ifi));
	ifi->ifi_index = index;
	return nlh;
}

/**
 * xdp_find() - find the devices that have the program
 * @nl: the connection with the kernel, whose namespace is looked at
 *
 * Return: the number of programs; a command that attaches one to several devices loads one.
 */
int xdp_find(struct nl *nl)
{
	struct nl_answer answer;
	struct nlmsghdr *nlh;
	size_t i, other;
	__u64 room[16];
	int count = 0;

	links.count = 0;
	nlh = link_request(room, RTM_GETLINK, NLM_F_DUMP, 0);
	mnl_attr_put_u32(nlh, IFLA_EXT_MASK, RTEXT_FILTER_SKIP_STATS);
	route_ask(nl, nlh, &answer);
	for (i = 0; i < links.count; i++) {
		for (other = 0; other < i; other++) {
			if (links.link[other].program == links.link[i].program)
				break;
		}
		count += links.link[i].ours && other == i;
	}
	return count;
}

/* After xdp_find(): the entry is xdp if a device has the program. */
void xdp_fill(struct info *info)
{
	size_t i;

	if (info->entry != LBDR_ENTRY_PREROUTING)
		return;
	for (i = 0; i < links.count && info->n_devices < INGRESS_MAX; i++) {
		if (!links.link[i].ours)
			continue;
		info->entry = ENTRY_XDP;
		info->devices[info->n_devices++] = links.link[i].name;
		info->forced |= !strcmp(links.link[i].kind, "veth");
	}
}

static struct link *find_link(const char *name)
{
	size_t i;

	for (i = 0; i < links.count; i++) {
		if (!strcmp(links.link[i].name, name))
			return &links.link[i];
	}
	return NULL;
}

/* Sets the program of a device; -1 for none. @old: the one that it must have, or -1 */
static void set_program(struct nl *nl, const struct link *link, int program, int old,
			struct nl_answer *answer)
{
	__u32 flags = XDP_FLAGS_DRV_MODE;
	struct nlmsghdr *nlh;
	struct nlattr *nest;
	__u64 room[16];

	nlh = link_request(room, RTM_SETLINK, NLM_F_ACK, link->index);
	nest = mnl_attr_nest_start(nlh, IFLA_XDP);
	mnl_attr_put_u32(nlh, IFLA_XDP_FD, program);
	if (old < 0) {
		flags |= XDP_FLAGS_UPDATE_IF_NOEXIST;
	} else {
		flags |= XDP_FLAGS_REPLACE;
		mnl_attr_put_u32(nlh, IFLA_XDP_EXPECTED_FD, old);
	}
	mnl_attr_put_u32(nlh, IFLA_XDP_FLAGS, flags);
	mnl_attr_nest_end(nlh, nest);
	route_ask(nl, nlh, answer);
}

/*
 * Returns the device that gets the packets of another one: the bridge, bond, VRF and so on
 * that it is a port of, or what splits it by MACs. NULL if there is none.
 */
static const struct link *owner_of(const struct link *link)
{
	static const char *const split[] = { "macvlan", "macvtap", "ipvlan", "ipvtap" };
	const struct link *other;
	size_t i, j;

	for (i = 0; i < links.count; i++) {
		other = &links.link[i];
		if (other->index == link->master)
			return other;
		for (j = 0; other->lower == link->index && j < ARRAY_SIZE(split); j++)
			if (!strcmp(other->kind, split[j]))
				return other;
	}
	return NULL;
}

/* Returns true if the hardware of a device strips the tags of VLANs, which hides them. */
static bool strips_tags(struct nl *nl, const struct link *link)
{
	struct mnl_socket *sock = nl_route(nl);
	bool vlans = !access("/sys/module/8021q", F_OK);
	size_t i;

	for (i = 0; i < links.count; i++)
		vlans |= links.link[i].lower == link->index &&
			 !strcmp(links.link[i].kind, "vlan");
	return vlans && sock &&
	       ethtool_strips_tags(mnl_socket_get_fd(sock), link->name);
}

/* XDP sees no checksum that is not there yet, and no tag that is not in the frame. */
static const char veth_hint[] =
	"its peer must first compute checksums; hint: ethtool -K PEER tx off txvlan off gro on";

/* Returns the exit status, after a message if the device is not suitable. */
static int check_link(struct nl *nl, const char *name, bool force)
{
	const struct link *link = find_link(name);
	const struct link *owner = link ? owner_of(link) : NULL;

	if (!link)
		complain("device '%s' not found", name);
	else if (link->program && !link->ours)
		complain("'%s' has another XDP program; fix: ip link set dev %s xdp off",
			 name, name);
	else if (!strcmp(link->kind, "veth") && !force)
		complain("veth '%s' not supported without --force: %s", name, veth_hint);
	else if (!strcmp(link->kind, "bond"))
		complain("bond '%s' not supported with the entry xdp; hint: ingress",
			 name);
	else if (owner)
		complain("'%s' not supported with the entry xdp: %s '%s' gets its packets%s",
			 name, owner->kind, owner->name,
			 link->master && strcmp(owner->kind, "vrf") ?
			 "; hint: the entry ingress there" : "");
	else if (strips_tags(nl, link))
		complain("'%s' strips the tags of VLANs; fix: " ETHTOOL_KEEP_TAGS,
			 name, name);
	else
		return EXIT_DONE;
	return EXIT_REFUSED;
}

static int add_program(struct nl *nl, struct link *link, int program)
{
	struct nl_answer answer;

	if (link->ours)
		return EXIT_DONE;
	set_program(nl, link, program, -1, &answer);
	if (!answer.error) {
		link->fresh = true;
		return EXIT_DONE;
	}
	complain("cannot attach the XDP program to '%s': %s%s", link->name,
		 *answer.sentence ? answer.sentence : strerror(answer.error),
		 answer.error == EOPNOTSUPP ? "; hint: the entry ingress" : "");
	return EXIT_REFUSED;
}

static int remove_program(struct nl *nl, const struct link *link, int program)
{
	struct nl_answer answer;

	if (program < 0)
		return EXIT_DONE;
	set_program(nl, link, -1, program, &answer);
	if (!answer.error)
		return EXIT_DONE;
	complain("cannot detach the XDP program from '%s': %s", link->name,
		 *answer.sentence ? answer.sentence : strerror(answer.error));
	return EXIT_REFUSED;
}

/**
 * xdp_undo() - detach the program from what xdp_attach() has attached it to
 * @nl: the connection with the kernel
 */
void xdp_undo(struct nl *nl)
{
	const struct link *link;
	size_t i;

	for (i = 0; i < links.count; i++) {
		link = &links.link[i];
		if (link->fresh)
			remove_program(nl, link, links.program);
	}
	close_program();
}

/**
 * xdp_attach() - attach the program to devices
 * @nl: the connection with the kernel
 * @args: the devices
 * @force: to veth devices, too
 *
 * xdp_detach() or xdp_undo() follows.
 *
 * Return: the exit status, after a message; nothing was changed unless it is EXIT_DONE.
 */
int xdp_attach(struct nl *nl, const struct director_args *args, bool force)
{
	int status = EXIT_DONE;
	int i;

	links.program = xdp_program_load();
	if (links.program < 0)
		return EXIT_REFUSED;
	xdp_find(nl);
	for (i = 0; i < args->n_devices && !status; i++)
		status = check_link(nl, args->devices[i], force);
	for (i = 0; i < args->n_devices && !status; i++)
		status = add_program(nl, find_link(args->devices[i]), links.program);
	if (status)
		xdp_undo(nl);
	return status;
}

/**
 * xdp_detach() - detach the program from all devices but some
 * @nl: the connection with the kernel
 * @keep: these devices keep it if their entry is xdp
 *
 * Return: the exit status, after a message.
 */
int xdp_detach(struct nl *nl, const struct director_args *keep)
{
	const struct link *link;
	int status = EXIT_DONE;
	int program, kept;
	size_t i;

	close_program();
	xdp_find(nl);
	for (i = 0; i < links.count; i++) {
		link = &links.link[i];
		kept = keep->entry == ENTRY_XDP ? keep->n_devices : 0;
		while (kept && strcmp(keep->devices[kept - 1], link->name))
			kept--;
		if (!link->ours || kept)
			continue;
		program = xdp_program_open(link->program);
		if (remove_program(nl, link, program))
			status = EXIT_REFUSED;
		if (program >= 0)
			close(program);
	}
	return status;
}

/**
 * xdp_plan() - remember the entry that a command of a file sets
 * @plan: the plan, zeroed at first
 * @req: the command; its words go
 */
void xdp_plan(struct xdp_plan *plan, const struct request *req)
{
	int i;

	plan->given = true;
	plan->force = req->force;
	plan->args.entry = req->director.entry;
	plan->args.n_devices = req->director.n_devices;
	for (i = 0; i < req->director.n_devices; i++) {
		snprintf(plan->names[i], IFNAMSIZ, "%s", req->director.devices[i]);
		plan->args.devices[i] = plan->names[i];
	}
}

/**
 * xdp_run() - attach and detach the program after the transaction of a file
 * @nl: the connection with the kernel
 * @plan: the plan
 *
 * A device that cannot have the program is no reason to leave a director without its
 * configuration: no device has it then, and packets enter at prerouting.
 *
 * Return: the exit status, after a message; EXIT_PARTLY if the entry is not that of the file.
 */
int xdp_run(struct nl *nl, const struct xdp_plan *plan)
{
	static const struct director_args none = { .entry = LBDR_ENTRY_PREROUTING };

	if (!plan->given)
		return EXIT_DONE;
	if (plan->args.entry != ENTRY_XDP ||
	    !xdp_attach(nl, &plan->args, plan->force))
		return xdp_detach(nl, &plan->args) ? EXIT_PARTLY : EXIT_DONE;
	/* Devices that had it before the file, too. One that keeps it has been named. */
	if (!xdp_detach(nl, &none))
		complain("warning: the entry is prerouting");
	return EXIT_PARTLY;
}
